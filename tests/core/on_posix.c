/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/core/on_posix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/host.h"
#include "core/posix/posix.h"
#include "tests/core/poll_host.h"

#define SMALL_BUFFER_BYTES 4096

static void core_run(Rig *rig)
{
    rig->core->loop_run(rig->loop);
}

static void core_quit(Rig *rig)
{
    rig->core->loop_quit(rig->loop);
}

static void host_run(Rig *rig)
{
    (void)rig;
    poll_host_run();
}

static void host_quit(Rig *rig)
{
    (void)rig;
    poll_host_quit();
}

static void make_small(int handle)
{
    const int bytes = SMALL_BUFFER_BYTES;
    setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static int unblock(int handle)
{
    return fcntl(handle, F_SETFL, fcntl(handle, F_GETFL) | O_NONBLOCK);
}

static int tcp_pair(bool small, int ret[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (small) {
        make_small(listener);
        make_small(client);
    }
    int result = -1;
    if (bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
        connect(client, (struct sockaddr *)&address, len) == 0) {
        ret[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        ret[1] = client;
        if (small) {
            make_small(ret[0]);
        }
        result = ret[0] < 0 ? -1 : unblock(client);
    }
    close(listener);
    return result < 0 ? -errno : 0;
}

static int posix_pair(Rig *rig, PairKind kind, bool small, int ret[2])
{
    (void)rig;
    if (kind == PAIR_TCP) {
        return tcp_pair(small, ret);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret) < 0) {
        return -errno;
    }
    if (small) {
        make_small(ret[0]);
        make_small(ret[1]);
    }
    return 0;
}

static int connect_to(int family, const struct sockaddr *address, socklen_t len)
{
    const int handle = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) {
        return -errno;
    }
    if (connect(handle, address, len) < 0) {
        const int error = errno;
        close(handle);
        return -error;
    }
    unblock(handle);
    return handle;
}

static int posix_connect(Rig *rig, const CoreListen *where)
{
    (void)rig;
    if (where->family == AF_UNIX) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const size_t len = strlen(where->address);
        memcpy(address.sun_path, where->address, len);
        if (where->address[0] == '@') {
            address.sun_path[0] = '\0';
        }
        return connect_to(AF_UNIX, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    }
    char port[8];
    snprintf(port, sizeof port, "%d", where->port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(where->address, port, &hints, &found) != 0) {
        return -EADDRNOTAVAIL;
    }
    const int handle = connect_to(found->ai_family, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return handle;
}

static void posix_reset(Rig *rig, int handle)
{
    (void)rig;
    const struct linger at_once = {.l_onoff = 1};
    setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(handle);
}

static void posix_half_close(Rig *rig, int handle)
{
    (void)rig;
    shutdown(handle, SHUT_WR);
}

static Rig posix_rig(void)
{
    return (Rig){
        .core = core_posix(),
        .pair = posix_pair,
        .connect = posix_connect,
        .reset = posix_reset,
        .half_close = posix_half_close,
    };
}

static bool verdict(const Rig *rig, char report[512], const char **ret_skipped)
{
    *ret_skipped = rig->skipped;
    snprintf(report, 512, "%s", rig->failure);
    return !rig->failed;
}

bool run_on_posix(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped)
{
    (void)with_latency;
    Rig rig = posix_rig();
    rig.loop = rig.core->loop_new(rig.core, "contract");
    rig.run = core_run;
    rig.quit = core_quit;
    test->func(&rig);
    rig.core->loop_free(rig.loop);
    return verdict(&rig, report, ret_skipped);
}

bool run_on_posix_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped)
{
    (void)with_latency;
    Rig rig = posix_rig();
    rig.is_host = true;
    rig.loop = host_loop_new(rig.core, poll_host());
    rig.run = host_run;
    rig.quit = host_quit;
    test->func(&rig);
    host_loop_free(rig.loop);
    EXPECT(&rig, poll_host_objects() == 0);
    return verdict(&rig, report, ret_skipped);
}
