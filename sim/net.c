/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/check.h"
#include "sim/connection.h"
#include "sim/tsan.h"
#include "sim/universe.h"

#define HANDLES_MAX_DEFAULT 4096u
#define BACKLOG_MAX 128u
#define EPHEMERAL_PORT_FIRST 49152u
#define EPHEMERAL_PORTS 16384u
#define CLIENT_NETWORK 0xc0000200u /* 192.0.2.0, which RFC 5737 keeps for examples */

typedef enum HandleKind {
    HANDLE_FREE,
    HANDLE_CONNECTION,
    HANDLE_LISTENER,
    HANDLE_WAKE,
} HandleKind;

struct Handle {
    HandleKind kind;
    uint32_t generation;
    bool is_client; /* a client's, not the server's */
    /* HANDLE_CONNECTION */
    Connection *connection;
    unsigned end;
    CoreAddress local, peer;
    /* HANDLE_LISTENER */
    Listener *listener;
    /* HANDLE_WAKE */
    bool signalled;
    ConnectionEnd observer; /* of the latter two; a connection's hangs on its end */
};

/* A connection that nobody has accepted yet. */
typedef struct Newcomer {
    ListNode node;
    SimEvent arrival;
    Listener *listener;
    Connection *connection;
    CoreAddress peer;
    bool arrived;
} Newcomer;

struct Listener {
    ListNode node; /* in Net.listeners */
    ListNode newcomers;
    uint32_t newcomers_len;
    CoreAddress address;
    int handle;
};

/* ---- Handles ---- */

static Handle *handle_at(Sim *sim, int number)
{
    Net *net = &sim->net;
    const int64_t index = (int64_t)number - HANDLE_FIRST;
    return index >= 0 && index < net->handles_len ? &net->handles[index] : NULL;
}

static Handle *handle_open(Sim *sim, int number, const char *user)
{
    Handle *handle = handle_at(sim, number);
    if (handle == NULL || handle->kind == HANDLE_FREE) {
        sim_fail(sim, "%s() on handle %d, which is not open", user, number);
        return NULL;
    }
    return handle;
}

static Handle *handle_of_kind(Sim *sim, int number, HandleKind kind, const char *user)
{
    Handle *handle = handle_open(sim, number, user);
    return handle != NULL && handle->kind == kind ? handle : NULL;
}

/* The lowest free number; -EMFILE when the server has as many as it may. */
static int handle_new(Sim *sim, HandleKind kind, bool is_client, Handle **ret_handle)
{
    Net *net = &sim->net;
    const bool is_short =
        sim->config.handles_max != 0 && (sim->config.faults_off & SIM_FAULT_BIT(SIM_F9_HANDLES)) == 0;
    const uint32_t max = is_short ? sim->config.handles_max : HANDLES_MAX_DEFAULT;
    if (!is_client && net->server_handles >= max) {
        sim_fault_happened(sim, SIM_F9_HANDLES);
        return -EMFILE;
    }
    uint32_t index = 0;
    while (index < net->handles_len && net->handles[index].kind != HANDLE_FREE) {
        index++;
    }
    if (index == net->handles_len) {
        const uint32_t len = index == 0 ? 32 : index * 2;
        Handle *handles = realloc(net->handles, len * sizeof *handles);
        CHECK(handles != NULL);
        memset(handles + index, 0, (len - index) * sizeof *handles);
        net->handles = handles;
        net->handles_len = len;
    }
    Handle *handle = &net->handles[index];
    *handle = (Handle){.kind = kind, .generation = handle->generation, .is_client = is_client};
    net->server_handles += !is_client;
    *ret_handle = handle;
    return HANDLE_FIRST + (int)index;
}

static void handle_free(Sim *sim, Handle *handle)
{
    sim->net.server_handles -= !handle->is_client;
    *handle = (Handle){.generation = handle->generation + 1};
}

static ConnectionEnd *observer_of(Handle *handle)
{
    return handle->kind == HANDLE_CONNECTION ? sim_connection_end(handle->connection, handle->end)
                                             : &handle->observer;
}

static void changed(Handle *handle)
{
    if (handle->observer.changed != NULL) {
        handle->observer.changed(handle->observer.opaque);
    }
}

bool sim_net_name(Sim *sim, int number, HandleName *ret_name)
{
    const Handle *handle = handle_open(sim, number, "watch");
    if (handle == NULL) {
        return false;
    }
    *ret_name = (HandleName){.number = number, .generation = handle->generation};
    return true;
}

static Handle *handle_named(Sim *sim, HandleName name)
{
    Handle *handle = handle_at(sim, name.number);
    return handle->kind != HANDLE_FREE && handle->generation == name.generation ? handle : NULL;
}

static const Newcomer *first_arrived(const Listener *listener)
{
    list_each(&listener->newcomers, node)
    {
        const Newcomer *newcomer = list_entry(node, Newcomer, node);
        if (newcomer->arrived) {
            return newcomer;
        }
    }
    return NULL;
}

static unsigned handle_ready(const Handle *handle)
{
    switch (handle->kind) {
    case HANDLE_CONNECTION:
        return sim_connection_ready(handle->connection, handle->end);
    case HANDLE_LISTENER:
        return first_arrived(handle->listener) != NULL ? CORE_READ : 0;
    case HANDLE_WAKE:
        return handle->signalled ? CORE_READ : 0;
    case HANDLE_FREE:
        break;
    }
    return 0;
}

unsigned sim_net_ready(Sim *sim, HandleName name)
{
    const Handle *handle = handle_named(sim, name);
    return handle == NULL ? 0 : handle_ready(handle); /* its closing was reported */
}

bool sim_net_observe(Sim *sim, HandleName name, void (*func)(void *opaque), void *opaque)
{
    Handle *handle = handle_named(sim, name);
    if (handle == NULL) {
        return true;
    }
    ConnectionEnd *observer = observer_of(handle);
    if (func != NULL && observer->changed != NULL) {
        return false;
    }
    *observer = (ConnectionEnd){.changed = func, .opaque = opaque};
    return true;
}

/* ---- Addresses ---- */

static CoreAddress inet_address(uint32_t host, uint16_t port)
{
    CoreAddress address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(host);
    return address;
}

static CoreAddress unnamed_address(void)
{
    CoreAddress address = {.len = sizeof(sa_family_t)};
    address.storage.ss_family = AF_UNIX;
    return address;
}

static int unix_address(const char *path, CoreAddress *ret_address)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&ret_address->storage;
    const size_t len = path == NULL ? 0 : strlen(path);
    *ret_address = (CoreAddress){0};
    if (len == 0) {
        return -EINVAL;
    }
    if (len >= sizeof address->sun_path) {
        return -ENAMETOOLONG;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, len);
    ret_address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] != '@'));
    if (path[0] == '@') {
        address->sun_path[0] = '\0';
    }
    return 0;
}

static uint16_t ephemeral_port(uint32_t *count)
{
    return (uint16_t)(EPHEMERAL_PORT_FIRST + (*count)++ % EPHEMERAL_PORTS);
}

/* There is one network, and all host names of the server's mean the same end of it. */
static Listener *listener_find(Sim *sim, const CoreListen *where)
{
    CoreAddress path;
    const bool is_unix = where->family == AF_UNIX;
    if (is_unix && unix_address(where->address, &path) < 0) {
        return NULL;
    }
    list_each(&sim->net.listeners, node)
    {
        Listener *listener = list_entry(node, Listener, node);
        const CoreAddress *address = &listener->address;
        if (is_unix != (address->storage.ss_family == AF_UNIX)) {
            continue;
        }
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        if (is_unix ? address->len == path.len && memcmp(&address->storage, &path.storage, path.len) == 0
                    : ntohs(in->sin_port) == where->port) {
            return listener;
        }
    }
    return NULL;
}

int sim_net_listen(Sim *sim, const CoreListen *where)
{
    CoreAddress address;
    if (where->family == AF_UNIX) {
        const int result = unix_address(where->address, &address);
        if (result < 0) {
            return result;
        }
    } else if (where->family != AF_UNSPEC && where->family != AF_INET && where->family != AF_INET6) {
        return -EAFNOSUPPORT;
    } else if (where->port < 0 || where->port > UINT16_MAX) {
        return -EINVAL;
    } else {
        const uint16_t port =
            where->port != 0 ? (uint16_t)where->port : ephemeral_port(&sim->net.listeners_named);
        address = inet_address(INADDR_LOOPBACK, port);
    }
    if ((where->family == AF_UNIX || where->port != 0) && listener_find(sim, where) != NULL) {
        return -EADDRINUSE;
    }
    Handle *handle;
    const int number = handle_new(sim, HANDLE_LISTENER, false, &handle);
    if (number < 0) {
        return number;
    }
    Listener *listener = calloc(1, sizeof *listener);
    CHECK(listener != NULL);
    list_init(&listener->newcomers);
    listener->address = address;
    listener->handle = number;
    list_append(&sim->net.listeners, &listener->node);
    handle->listener = listener;
    return number;
}

/* ---- Connecting ---- */

static void newcomer_arrives(Sim *sim, SimEvent *event)
{
    Newcomer *newcomer = (Newcomer *)((char *)event - offsetof(Newcomer, arrival));
    newcomer->arrived = true;
    changed(handle_at(sim, newcomer->listener->handle));
}

static void newcomer_free(Sim *sim, Newcomer *newcomer)
{
    newcomer->listener->newcomers_len--;
    list_remove(&newcomer->node);
    sim_event_finish(sim, &newcomer->arrival);
    free(newcomer);
}

int sim_connect_from(Sim *sim, const CoreListen *where, uint8_t peer)
{
    kernel_enter(sim);
    int number = -ECONNREFUSED;
    Listener *listener = listener_find(sim, where);
    if (listener != NULL && listener->newcomers_len < BACKLOG_MAX) {
        Handle *handle;
        number = handle_new(sim, HANDLE_CONNECTION, true, &handle);
        Newcomer *newcomer = calloc(1, sizeof *newcomer);
        handle->connection = sim_connection_new(sim, &sim->config.net, runner_who(sim)->text);
        CHECK(newcomer != NULL && handle->connection != NULL);
        newcomer->listener = listener;
        newcomer->connection = handle->connection;
        newcomer->peer = listener->address.storage.ss_family == AF_UNIX
                             ? unnamed_address()
                             : inet_address(CLIENT_NETWORK | peer, ephemeral_port(&sim->net.clients_named));
        handle->end = 0;
        handle->local = newcomer->peer;
        handle->peer = listener->address;
        listener->newcomers_len++;
        list_append(&listener->newcomers, &newcomer->node);
        sim_event_init(sim, &newcomer->arrival, newcomer_arrives);
        if (sim->config.net.latency_ns == 0) {
            newcomer_arrives(sim, &newcomer->arrival);
        } else {
            sim_event_set(sim, &newcomer->arrival, sim->world.now_ns + sim->config.net.latency_ns);
        }
    }
    world_record(sim, "connect", (uint64_t)number, 0);
    kernel_leave(sim);
    return number;
}

int sim_connect(Sim *sim, const CoreListen *where)
{
    return sim_connect_from(sim, where, 1);
}

int sim_pair(Sim *sim, int ret[2])
{
    kernel_enter(sim);
    Handle *handle;
    const int server = handle_new(sim, HANDLE_CONNECTION, false, &handle);
    if (server >= 0) {
        Connection *connection = sim_connection_new(sim, &sim->config.net, runner_who(sim)->text);
        CHECK(connection != NULL);
        handle->connection = connection;
        handle->end = 1;
        handle->local = handle->peer = unnamed_address();
        ret[0] = server;
        ret[1] = handle_new(sim, HANDLE_CONNECTION, true, &handle);
        handle->connection = connection;
        handle->end = 0;
        handle->local = handle->peer = unnamed_address();
    }
    kernel_leave(sim);
    return server < 0 ? server : 0;
}

int sim_net_accept(Sim *sim, int number)
{
    const Handle *handle = handle_of_kind(sim, number, HANDLE_LISTENER, "accept");
    if (handle == NULL) {
        return -EINVAL;
    }
    Listener *listener = handle->listener;
    Newcomer *newcomer = (Newcomer *)first_arrived(listener);
    if (newcomer == NULL) {
        return -EAGAIN;
    }
    Handle *accepted;
    const int result = handle_new(sim, HANDLE_CONNECTION, false, &accepted);
    if (result >= 0) {
        accepted->connection = newcomer->connection;
        accepted->end = 1;
        accepted->local = listener->address;
        accepted->peer = newcomer->peer;
        newcomer_free(sim, newcomer);
    }
    return result;
}

static void listener_close(Sim *sim, Listener *listener)
{
    while (!list_is_empty(&listener->newcomers)) {
        Newcomer *newcomer = list_first(&listener->newcomers, Newcomer, node);
        sim_connection_close(sim, newcomer->connection, 1, true);
        newcomer_free(sim, newcomer);
    }
    list_remove(&listener->node);
    free(listener);
}

/* ---- What handles can do ---- */

int64_t sim_net_readv(Sim *sim, int number, const struct iovec *iov, int iov_len)
{
    Handle *handle = handle_of_kind(sim, number, HANDLE_CONNECTION, "readv");
    return handle == NULL ? -EBADF : sim_connection_readv(sim, handle->connection, handle->end, iov, iov_len);
}

int64_t sim_net_writev(Sim *sim, int number, const struct iovec *iov, int iov_len)
{
    Handle *handle = handle_of_kind(sim, number, HANDLE_CONNECTION, "writev");
    return handle == NULL ? -EBADF
                          : sim_connection_writev(sim, handle->connection, handle->end, iov, iov_len);
}

int sim_net_shutdown(Sim *sim, int number, bool both)
{
    Handle *handle = handle_of_kind(sim, number, HANDLE_CONNECTION, "shutdown");
    return handle == NULL ? -ENOTCONN : sim_connection_shutdown(sim, handle->connection, handle->end, both);
}

void sim_net_close(Sim *sim, int number, bool reset)
{
    Handle *handle = handle_open(sim, number, "close");
    if (handle == NULL) {
        return;
    }
    if (observer_of(handle)->changed != NULL) {
        sim_fail(sim, "close(%d) under its watch", number);
    }
    const Handle closed = *handle;
    handle_free(sim, handle);
    if (closed.kind == HANDLE_CONNECTION) {
        sim_connection_close(sim, closed.connection, closed.end, reset);
    } else if (closed.kind == HANDLE_LISTENER) {
        listener_close(sim, closed.listener);
    }
}

int sim_net_adopt(Sim *sim, int number)
{
    return handle_open(sim, number, "adopt") == NULL ? -EBADF : 0;
}

int sim_net_addresses(Sim *sim, int number, CoreAddress *ret_local, CoreAddress *ret_peer)
{
    const Handle *handle = handle_open(sim, number, "addresses");
    if (handle == NULL || handle->kind == HANDLE_WAKE) {
        return -ENOTSOCK;
    }
    *ret_local = handle->kind == HANDLE_LISTENER ? handle->listener->address : handle->local;
    *ret_peer = handle->peer;
    return 0;
}

int sim_net_tune(Sim *sim, int number, CoreTune what, int value)
{
    (void)what;
    (void)value;
    return handle_of_kind(sim, number, HANDLE_CONNECTION, "tune") == NULL ? -ENOTSOCK : 0;
}

int64_t sim_net_unsent_bytes(Sim *sim, int number)
{
    const Handle *handle = handle_of_kind(sim, number, HANDLE_CONNECTION, "unsent_bytes");
    return handle == NULL ? -ENOTSOCK : sim_connection_unsent_bytes(handle->connection, handle->end);
}

int sim_net_wake_new(Sim *sim)
{
    Handle *handle;
    return handle_new(sim, HANDLE_WAKE, false, &handle);
}

void sim_net_wake_signal(Sim *sim, int number)
{
    Handle *handle = handle_of_kind(sim, number, HANDLE_WAKE, "wake_signal");
    if (handle != NULL) {
        tsan_release(&handle->signalled);
        handle->signalled = true;
        changed(handle);
    }
}

void sim_net_wake_clear(Sim *sim, int number)
{
    Handle *handle = handle_of_kind(sim, number, HANDLE_WAKE, "wake_clear");
    if (handle != NULL) {
        tsan_acquire(&handle->signalled);
        handle->signalled = false;
    }
}

void sim_net_init(Sim *sim)
{
    list_init(&sim->net.listeners);
}

void sim_net_finish(Sim *sim)
{
    for (uint32_t i = 0; i < sim->net.handles_len; i++) {
        if (sim->net.handles[i].kind != HANDLE_FREE) {
            sim_net_close(sim, HANDLE_FIRST + (int)i, false);
        }
    }
    free(sim->net.handles);
}

/* ---- For clients ---- */

static const Connection *connection_of_client(Sim *sim, int number)
{
    const Handle *handle = handle_of_kind(sim, number, HANDLE_CONNECTION, "look");
    return handle != NULL && handle->is_client ? handle->connection : NULL;
}

bool sim_is_cut_off(Sim *sim, int number)
{
    const Connection *connection = connection_of_client(sim, number);
    return connection != NULL && sim_connection_is_dead(connection);
}

const char *sim_unrest(Sim *sim, int number)
{
    const Connection *connection = connection_of_client(sim, number);
    if (connection == NULL) {
        return "there is no connection";
    }
    const ConnectionEnd *server = sim_connection_end((Connection *)connection, 1);
    return sim_connection_pending(connection, 0) > 0            ? "the server does not read"
           : sim_connection_pending(connection, 1) > 0          ? "the client does not read"
           : server->changed == NULL                            ? "nobody watches its socket"
           : (sim_watch_mask(server->opaque) & CORE_WRITE) != 0 ? "the server still wants to write"
                                                                : NULL;
}

void sim_set_net(Sim *sim, const SimNet *net)
{
    sim->config.net = *net;
}

void sim_set_rate(Sim *sim, int number, uint64_t bytes_per_s)
{
    Connection *connection = (Connection *)connection_of_client(sim, number);
    if (connection != NULL) {
        sim_connection_set_rate(connection, bytes_per_s);
    }
}

int64_t sim_readv(Sim *sim, int handle, const struct iovec *iov, int iov_len)
{
    kernel_enter(sim);
    const int64_t result = sim_net_readv(sim, handle, iov, iov_len);
    world_record(sim, "c-readv", (uint64_t)handle, (uint64_t)result);
    kernel_leave(sim);
    return result;
}

int64_t sim_writev(Sim *sim, int handle, const struct iovec *iov, int iov_len)
{
    kernel_enter(sim);
    const int64_t result = sim_net_writev(sim, handle, iov, iov_len);
    world_record(sim, "c-writev", (uint64_t)handle, (uint64_t)result);
    kernel_leave(sim);
    return result;
}

int64_t sim_read(Sim *sim, int handle, void *buffer, size_t len)
{
    return sim_readv(sim, handle, &(struct iovec){buffer, len}, 1);
}

int64_t sim_write(Sim *sim, int handle, const void *data, size_t len)
{
    return sim_writev(sim, handle, &(struct iovec){(void *)data, len}, 1);
}

static int client_shutdown(Sim *sim, int handle, bool both)
{
    kernel_enter(sim);
    const int result = sim_net_shutdown(sim, handle, both);
    world_record(sim, "c-shutdown", (uint64_t)handle, both);
    kernel_leave(sim);
    return result;
}

int sim_shutdown(Sim *sim, int handle)
{
    return client_shutdown(sim, handle, true);
}

int sim_shutdown_write(Sim *sim, int handle)
{
    return client_shutdown(sim, handle, false);
}

static void client_close(Sim *sim, int handle, bool reset)
{
    kernel_enter(sim);
    world_record(sim, "c-close", (uint64_t)handle, reset);
    sim_clients_forget(sim, handle);
    sim_net_close(sim, handle, reset);
    kernel_leave(sim);
}

void sim_close(Sim *sim, int handle)
{
    client_close(sim, handle, false);
}

void sim_reset(Sim *sim, int handle)
{
    client_close(sim, handle, true);
}

unsigned sim_ready(Sim *sim, int handle)
{
    const Handle *at = handle_open(sim, handle, "sim_ready");
    return at == NULL ? 0 : handle_ready(at);
}
