/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/core/poll_host.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <spice.h>

#include "base/list.h"

#define WATCHES_MAX 64

struct SpiceTimer {
    ListNode node;
    bool armed;
    uint64_t expires_ms;
    uint64_t order;
    SpiceTimerFunc func;
    void *opaque;
};

struct SpiceWatch {
    ListNode node;
    int fd;
    int mask;
    bool removed; /* freed when no callback can be on its way */
    SpiceWatchFunc func;
    void *opaque;
};

static ListNode timers = {&timers, &timers};
static ListNode watches = {&watches, &watches};
static uint64_t starts;
static bool quit;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = calloc(1, sizeof *timer);
    timer->func = func;
    timer->opaque = opaque;
    list_append(&timers, &timer->node);
    return timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer->armed = true;
    timer->expires_ms = now_ms() + ms;
    timer->order = starts++;
}

static void timer_cancel(SpiceTimer *timer)
{
    timer->armed = false;
}

static void timer_remove(SpiceTimer *timer)
{
    list_remove(&timer->node);
    free(timer);
}

static SpiceTimer *first_timer(void)
{
    SpiceTimer *first = NULL;
    list_each(&timers, node)
    {
        SpiceTimer *timer = list_entry(node, SpiceTimer, node);
        if (timer->armed && (first == NULL || timer->expires_ms < first->expires_ms ||
                             (timer->expires_ms == first->expires_ms && timer->order < first->order))) {
            first = timer;
        }
    }
    return first;
}

static void run_timers(void)
{
    const uint64_t now = now_ms();
    const uint64_t last = starts; /* those started meanwhile wait for the next round */
    SpiceTimer *timer;
    while ((timer = first_timer()) != NULL && timer->expires_ms <= now && timer->order < last) {
        timer->armed = false;
        timer->func(timer->opaque);
    }
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = calloc(1, sizeof *watch);
    watch->fd = fd;
    watch->mask = mask;
    watch->func = func;
    watch->opaque = opaque;
    list_append(&watches, &watch->node);
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    watch->mask = mask;
}

static void watch_remove(SpiceWatch *watch)
{
    watch->removed = true;
}

static void call(SpiceWatch *watch, int revents, int events, int bit)
{
    if (!watch->removed && (revents & events) && (watch->mask & bit)) {
        watch->func(watch->fd, bit, watch->opaque);
    }
}

static void run_watches(int timeout_ms)
{
    struct pollfd fds[WATCHES_MAX];
    SpiceWatch *polled[WATCHES_MAX];
    nfds_t count = 0;
    list_each(&watches, node)
    {
        SpiceWatch *watch = list_entry(node, SpiceWatch, node);
        if (watch->mask != 0 && count < WATCHES_MAX) {
            fds[count] = (struct pollfd){
                .fd = watch->fd,
                .events = (short)(((watch->mask & SPICE_WATCH_EVENT_READ) ? POLLIN : 0) |
                                  ((watch->mask & SPICE_WATCH_EVENT_WRITE) ? POLLOUT : 0)),
            };
            polled[count++] = watch;
        }
    }
    const int ready = poll(fds, count, timeout_ms);
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        call(polled[i], fds[i].revents, POLLIN | POLLHUP | POLLERR, SPICE_WATCH_EVENT_READ);
        call(polled[i], fds[i].revents, POLLOUT | POLLHUP | POLLERR, SPICE_WATCH_EVENT_WRITE);
    }
    list_each_removable(&watches, node)
    {
        SpiceWatch *watch = list_entry(node, SpiceWatch, node);
        if (watch->removed) {
            list_remove(&watch->node);
            free(watch);
        }
    }
}

void poll_host_run(void)
{
    while (!quit) {
        const SpiceTimer *first = first_timer();
        const uint64_t now = now_ms();
        int timeout_ms = 1000;
        if (first != NULL && first->expires_ms < now + 1000) {
            timeout_ms = first->expires_ms > now ? (int)(first->expires_ms - now) : 0;
        }
        run_watches(timeout_ms);
        run_timers();
    }
    quit = false;
}

void poll_host_quit(void)
{
    quit = true;
}

int poll_host_objects(void)
{
    int objects = 0;
    list_each(&timers, node)
    {
        objects++;
    }
    list_each(&watches, node)
    {
        objects += !list_entry(node, SpiceWatch, node)->removed;
    }
    return objects;
}

SpiceCoreInterface *poll_host(void)
{
    static SpiceCoreInterface interface = {
        .base = {.type = SPICE_INTERFACE_CORE,
                 .description = "poll loop",
                 .major_version = SPICE_INTERFACE_CORE_MAJOR,
                 .minor_version = SPICE_INTERFACE_CORE_MINOR},
        .timer_add = timer_add,
        .timer_start = timer_start,
        .timer_cancel = timer_cancel,
        .timer_remove = timer_remove,
        .watch_add = watch_add,
        .watch_update_mask = watch_update_mask,
        .watch_remove = watch_remove,
    };
    return &interface;
}
