/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See transport.h. Connecting blocks; everything after it does not, the TLS handshake included. */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct Transport {
    int fd;
    SSL_CTX *context; /* NULL: no TLS */
    SSL *ssl;
    short events;
};

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int error = getaddrinfo(host, port, &hints, &list);
    if (error != 0) {
        fprintf(stderr, "fake-client: %s: %s\n", host, gai_strerror(error));
        errno = 0; /* all is said */
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            const int failed = errno;
            close(fd);
            errno = failed;
            fd = -1;
        }
    }
    freeaddrinfo(list);
    const int one = 1;
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    return fd;
}

static void say_ssl(const char *what)
{
    char text[256];
    ERR_error_string_n(ERR_peek_error(), text, sizeof text);
    fprintf(stderr, "fake-client: %s: %s\n", what, text);
}

static bool tls_start(Transport *t, const TransportTarget *target)
{
    t->context = SSL_CTX_new(TLS_client_method());
    if (t->context == NULL ||
        (target->ca_file != NULL && SSL_CTX_load_verify_locations(t->context, target->ca_file, NULL) != 1)) {
        say_ssl(target->ca_file != NULL ? target->ca_file : "TLS");
        return false;
    }
    SSL_CTX_set_verify(t->context, target->ca_file != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    t->ssl = SSL_new(t->context);
    if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1) {
        say_ssl("TLS");
        return false;
    }
    SSL_set_connect_state(t->ssl);
    return true;
}

Transport *transport_open(const TransportTarget *target)
{
    Transport *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->fd =
        target->unix_path != NULL ? connect_unix(target->unix_path) : connect_tcp(target->host, target->port);
    if (t->fd < 0 && target->unix_path != NULL) {
        fprintf(stderr, "fake-client: cannot connect to %s: %s\n", target->unix_path, strerror(errno));
    } else if (t->fd < 0 && errno != 0) {
        fprintf(stderr, "fake-client: cannot connect to %s, port %s: %s\n", target->host, target->port,
                strerror(errno));
    }
    if (t->fd < 0 || fcntl(t->fd, F_SETFL, O_NONBLOCK) != 0 || (target->tls && !tls_start(t, target))) {
        transport_free(t);
        return NULL;
    }
    return t;
}

void transport_free(Transport *t)
{
    if (t != NULL) {
        if (t->fd >= 0) {
            close(t->fd);
        }
        SSL_free(t->ssl);
        SSL_CTX_free(t->context);
        free(t);
    }
}

int transport_fd(const Transport *t)
{
    return t->fd;
}

short transport_events(const Transport *t)
{
    return t->events;
}

/* What an SSL call that did not succeed means. */
static long ssl_outcome(Transport *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        t->events = POLLIN;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        t->events = POLLOUT;
        return 0;
    case SSL_ERROR_SSL:
        say_ssl("TLS");
        return -1;
    default:
        return -1;
    }
}

long transport_read(Transport *t, void *buffer, size_t len)
{
    if (t->ssl != NULL) {
        size_t got = 0;
        ERR_clear_error();
        t->events = 0;
        const int result = SSL_read_ex(t->ssl, buffer, len, &got);
        return result == 1 ? (long)got : ssl_outcome(t, result);
    }
    const ssize_t got = read(t->fd, buffer, len);
    if (got > 0) {
        return got;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

long transport_write(Transport *t, Span bytes)
{
    if (t->ssl != NULL) {
        size_t put = 0;
        ERR_clear_error();
        t->events = 0;
        const int result = SSL_write_ex(t->ssl, bytes.data, bytes.len, &put);
        return result == 1 ? (long)put : ssl_outcome(t, result);
    }
    const ssize_t put = send(t->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (put >= 0) {
        return put;
    }
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}
