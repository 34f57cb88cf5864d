/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "tests/core/contract.h"

static int port_of(const CoreAddress *address)
{
    return address->storage.ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port)
               : ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

/* Listens, asks which port it became, connects, accepts, and lets a byte pass each way. */
static void reach(Rig *rig, const char *listen_at, const char *connect_to, int family)
{
    const Core *core = rig->core;
    const CoreListen any_port = {.address = listen_at, .port = 0, .family = family};
    const int listener = core->listen(core, &any_port);
    EXPECT(rig, listener >= 0);
    if (listener < 0) {
        return;
    }
    EXPECT(rig, core->accept(core, listener) == -EAGAIN);
    CoreAddress local, peer;
    EXPECT(rig, core->addresses(core, listener, &local, &peer) == 0);
    EXPECT(rig, peer.len == 0 && port_of(&local) > 0);

    const CoreListen there = {.address = connect_to, .port = port_of(&local), .family = family};
    const int client = rig->connect(rig, &there);
    EXPECT(rig, client >= 0);
    EXPECT(rig, rig_await(rig, listener, CORE_READ));
    const int accepted = core->accept(core, listener);
    EXPECT(rig, accepted >= 0);
    EXPECT(rig, core->accept(core, listener) == -EAGAIN);

    uint8_t byte;
    EXPECT(rig, rig_read(rig, accepted, &byte, 1) == -EAGAIN); /* it does not block */
    EXPECT(rig, rig_write(rig, client, "c", 1) == 1);
    EXPECT(rig, rig_await(rig, accepted, CORE_READ));
    EXPECT(rig, rig_read(rig, accepted, &byte, 1) == 1 && byte == 'c');
    EXPECT(rig, rig_write(rig, accepted, "s", 1) == 1);
    EXPECT(rig, rig_await(rig, client, CORE_READ));
    EXPECT(rig, rig_read(rig, client, &byte, 1) == 1 && byte == 's');

    CoreAddress client_local, client_peer;
    EXPECT(rig, core->addresses(core, accepted, &local, &peer) == 0);
    EXPECT(rig, core->addresses(core, client, &client_local, &client_peer) == 0);
    EXPECT(rig, port_of(&local) == there.port && port_of(&client_peer) == there.port);
    EXPECT(rig, port_of(&peer) == port_of(&client_local) && port_of(&peer) > 0);
    core->close(core, client);
    core->close(core, accepted);
    core->close(core, listener);
}

static void connect_by_ipv4(Rig *rig)
{
    reach(rig, "127.0.0.1", "127.0.0.1", AF_INET);
    reach(rig, "127.0.0.1", "127.0.0.1", AF_UNSPEC);
}

static void connect_to_any_address(Rig *rig)
{
    reach(rig, "", "127.0.0.1", AF_UNSPEC);
    reach(rig, NULL, "127.0.0.1", AF_UNSPEC);
    reach(rig, NULL, "127.0.0.1", AF_INET);
}

static void connect_by_ipv6(Rig *rig)
{
    const Core *core = rig->core;
    const int probe = core->listen(core, &(CoreListen){.address = "::1", .family = AF_INET6});
    if (probe == -EADDRNOTAVAIL || probe == -EAFNOSUPPORT) {
        rig->skipped = "no IPv6 on this machine";
        return;
    }
    EXPECT(rig, probe >= 0);
    core->close(core, probe);
    reach(rig, "::1", "::1", AF_INET6);
    reach(rig, "::1", "::1", AF_UNSPEC);
    reach(rig, "", "::1", AF_INET6);
    reach(rig, "::", "127.0.0.1", AF_UNSPEC); /* not only for IPv6 */
}

static void port_in_use_is_refused(Rig *rig)
{
    const Core *core = rig->core;
    CoreAddress local, peer;
    const int first = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    EXPECT(rig, first >= 0);
    EXPECT(rig, core->addresses(core, first, &local, &peer) == 0);
    const CoreListen same = {.address = "127.0.0.1", .port = port_of(&local), .family = AF_INET};
    EXPECT(rig, core->listen(core, &same) == -EADDRINUSE);
    core->close(core, first);
    const int second = core->listen(core, &same);
    EXPECT(rig, second >= 0);
    core->close(core, second);
}

static void nonsense_is_refused(Rig *rig)
{
    const Core *core = rig->core;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    EXPECT(rig, core->listen(core, &(CoreListen){.address = "127.0.0.1", .port = 65536, .family = AF_INET}) ==
                    -EINVAL);
    EXPECT(rig, core->listen(core, &(CoreListen){.address = "127.0.0.1", .port = -1, .family = AF_INET}) ==
                    -EINVAL);
    EXPECT(rig, core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = 77}) == -EAFNOSUPPORT);
    EXPECT(rig, core->listen(core, &(CoreListen){.address = long_path, .family = AF_UNIX}) == -ENAMETOOLONG);
    EXPECT(rig, core->listen(core, &(CoreListen){.address = "", .family = AF_UNIX}) == -EINVAL);
    EXPECT(rig, core->listen(core, &(CoreListen){.address = NULL, .family = AF_UNIX}) == -EINVAL);
}

static void connect_by_path(Rig *rig)
{
    const Core *core = rig->core;
    static const char *const paths[] = {"contract.sock", "@sumac-contract"};
    for (int i = 0; i < 2; i++) {
        const CoreListen where = {.address = paths[i], .family = AF_UNIX};
        for (int round = 0; round < 2; round++) { /* the second finds the first one's socket file */
            const int listener = core->listen(core, &where);
            EXPECT(rig, listener >= 0);
            if (listener < 0) {
                return;
            }
            const int client = rig->connect(rig, &where);
            EXPECT(rig, client >= 0);
            EXPECT(rig, rig_await(rig, listener, CORE_READ));
            const int accepted = core->accept(core, listener);
            EXPECT(rig, accepted >= 0);
            CoreAddress local, peer;
            EXPECT(rig, core->addresses(core, accepted, &local, &peer) == 0);
            EXPECT(rig, local.storage.ss_family == AF_UNIX && peer.storage.ss_family == AF_UNIX);
            EXPECT(rig, peer.len == sizeof(sa_family_t)); /* a client has no name */
            const struct sockaddr_un *name = (const struct sockaddr_un *)&local.storage;
            EXPECT(rig, strcmp(name->sun_path + i, paths[i] + i) == 0 &&
                            name->sun_path[0] == (i == 0 ? 'c' : '\0'));
            core->close(core, client);
            core->close(core, accepted);
            core->close(core, listener);
        }
    }
}

static void clients_wait_in_line(Rig *rig)
{
    const Core *core = rig->core;
    CoreAddress local, peer;
    int clients[3], accepted[3];
    const int listener = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    EXPECT(rig, core->addresses(core, listener, &local, &peer) == 0);
    const CoreListen where = {.address = "127.0.0.1", .port = port_of(&local), .family = AF_INET};
    for (int i = 0; i < 3; i++) {
        clients[i] = rig->connect(rig, &where);
        EXPECT(rig, clients[i] >= 0);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT(rig, rig_await(rig, listener, CORE_READ));
        accepted[i] = core->accept(core, listener);
        EXPECT(rig, accepted[i] >= 0);
        CoreAddress client_local, client_peer;
        EXPECT(rig, core->addresses(core, accepted[i], &local, &peer) == 0);
        EXPECT(rig, core->addresses(core, clients[i], &client_local, &client_peer) == 0);
        EXPECT(rig, port_of(&peer) == port_of(&client_local)); /* first come, first served */
    }
    EXPECT(rig, core->accept(core, listener) == -EAGAIN);
    for (int i = 0; i < 3; i++) {
        core->close(core, clients[i]);
        core->close(core, accepted[i]);
    }
    core->close(core, listener);
}

static void closing_a_listener_resets_who_waits(Rig *rig)
{
    const Core *core = rig->core;
    CoreAddress local, peer;
    uint8_t byte;
    const int listener = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    EXPECT(rig, core->addresses(core, listener, &local, &peer) == 0);
    const CoreListen where = {.address = "127.0.0.1", .port = port_of(&local), .family = AF_INET};
    const int client = rig->connect(rig, &where);
    EXPECT(rig, rig_await(rig, listener, CORE_READ));
    core->close(core, listener);
    EXPECT(rig, rig_await(rig, client, CORE_READ));
    EXPECT(rig, rig_read(rig, client, &byte, 1) == -ECONNRESET);
    EXPECT(rig, rig->connect(rig, &where) == -ECONNREFUSED);
    core->close(core, client);
}

const ContractTest listen_tests[] = {
    {"clients connect by IPv4", connect_by_ipv4},
    {"clients connect to any address", connect_to_any_address},
    {"clients connect by IPv6", connect_by_ipv6},
    {"a port in use is refused", port_in_use_is_refused},
    {"nonsense is refused", nonsense_is_refused},
    {"clients connect by path", connect_by_path},
    {"clients wait in line", clients_wait_in_line},
    {"closing a listener resets who waits", closing_a_listener_resets_who_waits},
    {0},
};
