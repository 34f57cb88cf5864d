/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* listen.c: from an address in words to a listening socket. Source: reference/api-and-behaviour.md
 * section 4.1.
 */
#include "core/posix/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_MAX 65535

static int set_flag(int handle, int level, int option, int value)
{
    return setsockopt(handle, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int listen_at(int family, const struct sockaddr *address, socklen_t address_len)
{
    const int handle = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handle < 0) {
        return -errno;
    }
    int result = 0;
    if (family != AF_UNIX) {
        result = set_flag(handle, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    if (result == 0 && family == AF_INET6) {
        result = set_flag(handle, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    if (result == 0 && bind(handle, address, address_len) < 0) {
        result = -errno;
    }
    if (result == 0 && listen(handle, SOMAXCONN) < 0) {
        result = -errno;
    }
    if (result < 0) {
        close(handle);
        return result;
    }
    return handle;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t path_len = path == NULL ? 0 : strlen(path);
    if (path_len == 0) {
        return -EINVAL;
    }
    if (path_len >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, path_len);
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    } else {
        address_len++; /* a path counts its final zero, an abstract name has none */
        struct stat info;
        if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
            unlink(path); /* left by a process that is gone; anything but a socket is somebody's file */
        }
    }
    return listen_at(AF_UNIX, (const struct sockaddr *)&address, address_len);
}

static int resolver_error(int error)
{
    switch (error) {
    case EAI_SYSTEM:
        return errno != 0 ? -errno : -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
    case EAI_ADDRFAMILY:
        return -EAFNOSUPPORT;
    default:
        return -EADDRNOTAVAIL;
    }
}

/* The first address that can be bound. */
static int listen_inet(const char *host, int port, int family, int flags)
{
    char service[sizeof "65535"];
    snprintf(service, sizeof service, "%u", (unsigned)port & PORT_MAX);
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        return resolver_error(error);
    }
    int result = -EADDRNOTAVAIL; /* or the first address's error: the one the user meant */
    for (const struct addrinfo *at = found; at != NULL && result < 0; at = at->ai_next) {
        const int handle = listen_at(at->ai_family, at->ai_addr, at->ai_addrlen);
        if (handle >= 0 || at == found) {
            result = handle;
        }
    }
    freeaddrinfo(found);
    return result;
}

int posix_listen(const Core *core, const CoreListen *where)
{
    (void)core;
    switch (where->family) {
    case AF_UNIX:
        return listen_unix(where->address);
    case AF_UNSPEC:
    case AF_INET:
    case AF_INET6:
        break;
    default:
        return -EAFNOSUPPORT;
    }
    if (where->port < 0 || where->port > PORT_MAX) {
        return -EINVAL;
    }
    const char *host = where->address != NULL && where->address[0] != '\0' ? where->address : NULL;
    const int result = listen_inet(host, where->port, where->family, AI_PASSIVE | AI_ADDRCONFIG);
    if (result != -EADDRNOTAVAIL && result != -EAFNOSUPPORT) {
        return result;
    }
    /* AI_ADDRCONFIG does not count loopback addresses: on a machine that has no others, ask again without. */
    return listen_inet(host, where->port, where->family, AI_PASSIVE);
}
