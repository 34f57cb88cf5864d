/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/api/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define PATIENCE_MS 5000

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    Caller *caller = opaque;

    (void)connection;
    (void)serial;
    if (message->type == WIRE_MSG_PING) {
        caller->pings++;
        caller->ping_bytes = body.len > caller->ping_bytes ? (uint32_t)body.len : caller->ping_bytes;
    }
}

static void line_end(CallerLine *line)
{
    if (line->fd >= 0) {
        if (line->ssl != NULL) {
            SSL_CTX *context = SSL_get_SSL_CTX(line->ssl);
            SSL_free(line->ssl);
            SSL_CTX_free(context);
        }
        close(line->fd);
        line->fd = -1;
        fake_connection_closed(line->connection, poll_core_now_ns());
    }
}

/* > 0: bytes; 0: not now; -1: ended. */
static long line_move(CallerLine *line, bool write, void *bytes, size_t len)
{
    if (line->ssl != NULL) {
        const int n = write ? SSL_write(line->ssl, bytes, (int)len) : SSL_read(line->ssl, bytes, (int)len);
        const int error = SSL_get_error(line->ssl, n);
        if (n > 0) {
            return n;
        }
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    const ssize_t n =
        write ? send(line->fd, bytes, len, MSG_NOSIGNAL) : recv(line->fd, bytes, len, MSG_DONTWAIT);
    return n > 0 ? (long)n : n < 0 && errno == EAGAIN ? 0 : -1;
}

static void line_turn(CallerLine *line)
{
    uint8_t buffer[65536];
    long n = 0;

    while (line->fd >= 0 && fake_connection_wants_read(line->connection) &&
           (n = line_move(line, false, buffer, sizeof buffer)) > 0) {
        fake_connection_receive(line->connection, span_of(buffer, (size_t)n), poll_core_now_ns());
    }
    while (n >= 0 && line->fd >= 0) {
        const Span output = fake_connection_output(line->connection);
        n = output.len > 0 ? line_move(line, true, (void *)output.data, output.len) : 0;
        if (n <= 0) {
            break;
        }
        fake_connection_sent(line->connection, (size_t)n);
    }
    if (line->fd >= 0 && (n < 0 || fake_connection_wants_close(line->connection))) {
        line_end(line);
    }
}

void caller_serve_ms(Caller *caller, unsigned ms)
{
    const uint64_t end_ns = poll_core_now_ns() + ms * UINT64_C(1000000);

    while (poll_core_now_ns() < end_ns) {
        for (size_t i = 0; i < caller->lines_len; i++) {
            line_turn(&caller->lines[i]);
        }
        rig_serve_ms(1);
    }
}

static struct ssl_st *tls_over(int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method()); /* any certificate will do; freed with its line */
    SSL *ssl = SSL_new(context);

    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    SSL_set_connect_state(ssl);
    return ssl;
}

void caller_tcp_pair(int ret_pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof at) | listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    ret_pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ret_pair[0], (const struct sockaddr *)&at, sizeof at), 0);
    ret_pair[1] = accept(listener, NULL, NULL);
    assert_true(ret_pair[1] >= 0);
    close(listener);
}

FakeConnection *caller_open(Caller *caller, uint8_t channel, uint8_t channel_id)
{
    int pair[2];

    assert_true(caller->lines_len < CALLER_LINES_MAX);
    if (caller->to.tcp) {
        caller_tcp_pair(pair);
    } else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    }
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(caller->to.tls
                         ? spice_server_add_ssl_client(caller->to.server, pair[1], caller->to.skip_auth)
                         : spice_server_add_client(caller->to.server, pair[1], caller->to.skip_auth),
                     0);
    FakeConnection *connection = fake_client_connect(caller->client, channel, channel_id, poll_core_now_ns());
    CallerLine *line = &caller->lines[caller->lines_len++];
    *line = (CallerLine){connection, pair[0], caller->to.tls ? tls_over(pair[0]) : NULL};
    for (int i = 0; i < PATIENCE_MS && fake_connection_state(connection) < FAKE_STATE_OPEN; i++) {
        caller_serve_ms(caller, 1);
    }
    return fake_connection_state(connection) == FAKE_STATE_OPEN ? connection : NULL;
}

bool caller_start(Caller *caller, const CallerTarget *target)
{
    FakeClientConfig config = fake_client_config_default();

    config.password = target->password;
    config.on_message = on_message;
    config.opaque = caller;
    *caller = (Caller){.to = *target};
    caller->client = fake_client_new(&config);
    assert_non_null(caller->client);
    if (caller_open(caller, WIRE_CHANNEL_MAIN, 0) == NULL) {
        return false;
    }
    for (int i = 0; i < PATIENCE_MS && !fake_client_main(caller->client)->has_list; i++) {
        caller_serve_ms(caller, 1);
    }
    assert_true(fake_client_main(caller->client)->has_list);
    return true;
}

void caller_end(Caller *caller)
{
    const FakeViolation *first;
    const size_t violations = fake_client_violations(caller->client, &first);

    if (violations > 0) {
        fail_msg("rule %d (%s): %s", (int)first->rule, fake_rule_text(first->rule), first->text);
    }
    for (size_t i = 0; i < caller->lines_len; i++) {
        line_end(&caller->lines[i]);
    }
    fake_client_free(caller->client);
    rig_serve_ms(5);
}
