/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host: the smallest host, to be compiled against the headers of the installed library and run with ours.
 *
 * usage: host UNIX_SOCKET_PATH
 *
 * It makes a server that listens on that path, connects to it once, has the watch called, and destroys the
 * server. It prints the file its spice_server_new() came from, and what of the core interface was not given
 * back. The address of every function of the interface is taken, so that starting it binds every symbol
 * version there is.
 */
#define _GNU_SOURCE
#include <spice.h>

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static void *const every_function[] = {
#include "every_function.h" /* made by abi.py from the installed library's symbols */
};

struct SpiceTimer {
    SpiceTimerFunc func;
    void *opaque;
};

struct SpiceWatch {
    int fd;
    int mask;
    SpiceWatchFunc func;
    void *opaque;
    SpiceWatch *next;
};

static SpiceWatch *watches;
static int timers_alive;
static int connected_events;
static int disconnected_events;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        exit(2);
    }
    return memory;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = allocate(sizeof(*timer));
    timer->func = func;
    timer->opaque = opaque;
    timers_alive++;
    return timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    (void)timer;
    (void)ms; /* nothing here lasts long enough for one to end */
}

static void timer_cancel(SpiceTimer *timer)
{
    (void)timer;
}

static void timer_remove(SpiceTimer *timer)
{
    timers_alive--;
    free(timer);
}

static SpiceWatch *watch_add(int fd, int event_mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = allocate(sizeof(*watch));
    watch->fd = fd;
    watch->mask = event_mask;
    watch->func = func;
    watch->opaque = opaque;
    watch->next = watches;
    watches = watch;
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int event_mask)
{
    watch->mask = event_mask;
}

static void watch_remove(SpiceWatch *watch)
{
    SpiceWatch **at = &watches;
    while (*at && *at != watch) {
        at = &(*at)->next;
    }
    if (!*at) {
        fprintf(stderr, "a watch was removed twice\n");
        exit(1);
    }
    *at = watch->next;
    free(watch);
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    (void)info;
    connected_events += event == SPICE_CHANNEL_EVENT_CONNECTED;
    disconnected_events += event == SPICE_CHANNEL_EVENT_DISCONNECTED;
}

static SpiceCoreInterface core = {
    .base = {SPICE_INTERFACE_CORE, "poll", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR},
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
    .channel_event = channel_event,
};

/* Calls the first watch that is ready; false when none is within a second. */
static int run_once(void)
{
    for (int waited_ms = 0; waited_ms < 1000; waited_ms += 10) {
        for (SpiceWatch *watch = watches; watch; watch = watch->next) {
            struct pollfd p = {.fd = watch->fd, .events = watch->mask & SPICE_WATCH_EVENT_READ ? POLLIN : 0};
            if (poll(&p, 1, 0) > 0) {
                watch->func(watch->fd, SPICE_WATCH_EVENT_READ, watch->opaque);
                return 1;
            }
        }
        usleep(10000);
    }
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "not so: %s\n", #condition);                                                     \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

int main(int argc, char **argv)
{
    EXPECT(argc == 2);
    const size_t functions = sizeof(every_function) / sizeof(*every_function);
    for (size_t i = 0; i < functions; i++) {
        EXPECT(every_function[i]);
    }
    Dl_info where;
    EXPECT(dladdr(every_function[0], &where));
    printf("library %s\nfunctions %zu\n", where.dli_fname, functions);

    SpiceServer *server = spice_server_new();
    EXPECT(server);
    EXPECT(spice_server_set_port(server, 65536) == -1);
    EXPECT(spice_server_set_port(server, 5900) == 0);
    spice_server_set_addr(server, argv[1], SPICE_ADDR_FLAG_UNIX_ONLY);
    EXPECT(spice_server_set_noauth(server) == 0);
    EXPECT(spice_server_init(server, &core) == 0);
    EXPECT(watches);

    const int fd = connect_to(argv[1]);
    EXPECT(fd >= 0);
    EXPECT(run_once());
    EXPECT(connected_events == 1);

    spice_server_destroy(server);
    int watches_alive = 0;
    for (SpiceWatch *watch = watches; watch; watch = watch->next) {
        watches_alive++;
    }
    printf("disconnected %d\ntimers %d\nwatches %d\n", disconnected_events, timers_alive, watches_alive);
    EXPECT(connect_to(argv[1]) < 0);
    return 0;
}
