/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sabotage: preloaded into a host (LD_PRELOAD), it breaks one thing about the SPICE server, named by
 * $SABOTAGE.
 *
 * The tests of the tests use it: a test that passes on a server broken this way judges nothing. It stands
 * between host and library and knows only the public ABI, so the library itself stays Debian's. One process,
 * one sabotage; calls come from whatever thread the host uses, the only state is two counters.
 */
#include <spice.h>

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool doing(const char *what)
{
    const char *sabotage = getenv("SABOTAGE");
    return sabotage && strcmp(sabotage, what) == 0;
}

/* The library's own function: QEMU loads the library late and privately, RTLD_NEXT would not find it. */
static void *original(const char *name)
{
    void *library = dlopen("libspice-server.so.1", RTLD_LAZY | RTLD_NOLOAD);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function) {
        abort();
    }
    return function;
}

int spice_server_set_ticket(SpiceServer *s, const char *password, int lifetime, int fail, int disconnect)
{
    static atomic_int calls;
    if (doing("ticket-frozen") && atomic_fetch_add(&calls, 1) > 0) {
        return 0;
    }
    if (doing("ticket-forever") && password) {
        lifetime = 0;
    }
    if (doing("ticket-no-fail")) {
        fail = 0;
    }
    if (doing("ticket-no-drop")) {
        disconnect = 0;
    }
    if (doing("ticket-always-drop")) {
        disconnect = 1;
        fail = 0;
    }
    int (*real)(SpiceServer *, const char *, int, int, int) = original("spice_server_set_ticket");
    return real(s, password, lifetime, fail, disconnect);
}

int spice_server_add_client(SpiceServer *s, int fd, int skip_auth)
{
    if (doing("add-never-skips")) {
        skip_auth = 0;
    }
    if (doing("add-always-skips")) {
        skip_auth = 1;
    }
    int (*real)(SpiceServer *, int, int) = original("spice_server_add_client");
    return real(s, fd, skip_auth);
}

int spice_server_add_ssl_client(SpiceServer *s, int fd, int skip_auth)
{
    int (*real)(SpiceServer *, int, int) =
        original(doing("add-plain") ? "spice_server_add_client" : "spice_server_add_ssl_client");
    return real(s, fd, doing("add-always-skips") ? 1 : skip_auth);
}

void spice_server_set_uuid(SpiceServer *s, const uint8_t uuid[16])
{
    void (*real)(SpiceServer *, const uint8_t[16]) = original("spice_server_set_uuid");
    if (!doing("no-uuid")) {
        real(s, uuid);
    }
}

static void (*host_channel_event)(int event, SpiceChannelEventInfo *info);

static void lying_channel_event(int event, SpiceChannelEventInfo *info)
{
    if (doing("event-id") && event == SPICE_CHANNEL_EVENT_INITIALIZED && info->type == 2) {
        info->connection_id ^= 1;
    }
    if (doing("event-tls") && event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        info->flags |= SPICE_CHANNEL_EVENT_FLAG_TLS;
    }
    if (doing("event-address") && event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        memset((char *)&info->paddr_ext + 2, 1, 2); /* the port of an IPv4 address */
    }
    if (doing("event-no-end") && event == SPICE_CHANNEL_EVENT_DISCONNECTED && info->type == 4) {
        return;
    }
    host_channel_event(event, info);
    if (doing("event-twice") && event == SPICE_CHANNEL_EVENT_CONNECTED) {
        host_channel_event(event, info);
    }
}

static void leave_late(void)
{
    sleep(6);
}

static void leave_badly(void)
{
    _exit(3);
}

int spice_server_init(SpiceServer *s, SpiceCoreInterface *core)
{
    static SpiceCoreInterface copy;
    copy = *core;
    host_channel_event = core->channel_event;
    copy.channel_event = lying_channel_event;
    if (doing("exit-slow")) {
        atexit(leave_late);
    }
    if (doing("exit-code")) {
        atexit(leave_badly);
    }
    int (*real)(SpiceServer *, SpiceCoreInterface *) = original("spice_server_init");
    return real(s, &copy);
}

/* The picture stands still: the worker never hears of new commands. */
void spice_qxl_wakeup(QXLInstance *instance)
{
    if (!doing("no-wakeup")) {
        void (*real)(QXLInstance *) = original("spice_qxl_wakeup");
        real(instance);
    }
}

static void no_key(SpiceKbdInstance *kbd, uint8_t byte)
{
    (void)kbd, (void)byte;
}

int spice_server_add_interface(SpiceServer *s, SpiceBaseInstance *sin)
{
    if (doing("no-keys") && strcmp(sin->sif->type, SPICE_INTERFACE_KEYBOARD) == 0) {
        static SpiceKbdInterface deaf;
        deaf = *(const SpiceKbdInterface *)sin->sif;
        deaf.push_scan_freg = no_key;
        sin->sif = &deaf.base;
    }
    int (*real)(SpiceServer *, SpiceBaseInstance *) = original("spice_server_add_interface");
    return real(s, sin);
}

int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    static atomic_int calls;
    if (doing("forbidden-call") && syscall(SYS_fork) == 0) { /* QEMU's sandbox, spawn=deny, kills for it */
        _exit(0);
    }
    if (doing("die-later") && atomic_fetch_add(&calls, 1) == 20) {
        abort();
    }
    return (int)syscall(SYS_accept4, fd, address, len, 0);
}

int close(int fd)
{
    struct sockaddr_storage local;
    socklen_t len = sizeof(local);
    if (doing("leak-files") && getsockname(fd, (struct sockaddr *)&local, &len) == 0 &&
        local.ss_family == AF_INET) {
        return shutdown(fd, SHUT_RDWR);
    }
    return (int)syscall(SYS_close, fd);
}
