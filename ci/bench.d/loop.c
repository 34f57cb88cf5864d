/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define BATCH 64

struct SpiceWatch {
    int fd;
    int mask;
    bool registered; /* with epoll, which reports hang-ups even for an empty mask: then it must not be */
    bool removed;
    SpiceWatchFunc func;
    void *opaque;
    SpiceWatch *next_removed;
};

struct SpiceTimer {
    SpiceTimerFunc func;
    void *opaque;
    bool armed;
    uint64_t due_ns;
    SpiceTimer *next;
    SpiceTimer **place; /* what points at this timer */
};

static struct {
    int epoll_fd;
    bool quit;
    SpiceTimer *timers;
    SpiceWatch *removed; /* freed after the batch that may still name them */
    LoopEvents events;
} loop = {.epoll_fd = -1};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        perror("bench-host");
        exit(1);
    }
    return memory;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = allocate(sizeof(*timer));
    timer->func = func;
    timer->opaque = opaque;
    timer->next = loop.timers;
    timer->place = &loop.timers;
    if (timer->next) {
        timer->next->place = &timer->next;
    }
    loop.timers = timer;
    return timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer->due_ns = now_ns() + (uint64_t)ms * 1000000u;
    timer->armed = true;
}

static void timer_cancel(SpiceTimer *timer)
{
    timer->armed = false;
}

static void timer_remove(SpiceTimer *timer)
{
    *timer->place = timer->next;
    if (timer->next) {
        timer->next->place = timer->place;
    }
    free(timer);
}

/* The armed timer that is due first, or NULL. */
static SpiceTimer *timer_first(void)
{
    SpiceTimer *first = NULL;
    for (SpiceTimer *timer = loop.timers; timer; timer = timer->next) {
        if (timer->armed && (!first || timer->due_ns < first->due_ns)) {
            first = timer;
        }
    }
    return first;
}

static void watch_register(SpiceWatch *watch)
{
    const bool wanted = watch->mask != 0 && !watch->removed;
    struct epoll_event event = {.data.ptr = watch};
    event.events = ((watch->mask & SPICE_WATCH_EVENT_READ) ? (uint32_t)EPOLLIN : 0) |
                   ((watch->mask & SPICE_WATCH_EVENT_WRITE) ? (uint32_t)EPOLLOUT : 0);
    int operation = EPOLL_CTL_MOD;
    if (!wanted && !watch->registered) {
        return;
    } else if (!wanted) {
        operation = EPOLL_CTL_DEL;
    } else if (!watch->registered) {
        operation = EPOLL_CTL_ADD;
    }
    watch->registered = wanted;
    if (epoll_ctl(loop.epoll_fd, operation, watch->fd, &event) < 0) {
        /* A server that closes a socket before it removes the watch is rude, but not fatal to a measurement.
         */
        fprintf(stderr, "bench-host: watch of descriptor %d: %m\n", watch->fd);
    }
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = allocate(sizeof(*watch));
    watch->fd = fd;
    watch->mask = mask;
    watch->func = func;
    watch->opaque = opaque;
    watch_register(watch);
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    if (watch->mask != mask) {
        watch->mask = mask;
        watch_register(watch);
    }
}

static void watch_remove(SpiceWatch *watch)
{
    watch->removed = true;
    watch_register(watch);
    watch->next_removed = loop.removed;
    loop.removed = watch;
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    (void)info;
    if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        loop.events.initialized++;
    } else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED) {
        loop.events.disconnected++;
    }
}

SpiceCoreInterface *loop_core(void)
{
    static SpiceCoreInterface core = {
        .base = {.type = SPICE_INTERFACE_CORE,
                 .description = "benchmark host",
                 .major_version = SPICE_INTERFACE_CORE_MAJOR,
                 .minor_version = SPICE_INTERFACE_CORE_MINOR},
        .timer_add = timer_add,
        .timer_start = timer_start,
        .timer_cancel = timer_cancel,
        .timer_remove = timer_remove,
        .watch_add = watch_add,
        .watch_update_mask = watch_update_mask,
        .watch_remove = watch_remove,
        .channel_event = channel_event,
    };
    if (loop.epoll_fd < 0) {
        loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    }
    return &core;
}

const LoopEvents *loop_events(void)
{
    return &loop.events;
}

static void watches_dispatch(const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        SpiceWatch *watch = events[i].data.ptr;
        int happened = 0;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
            happened |= SPICE_WATCH_EVENT_READ;
        }
        if (events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
            happened |= SPICE_WATCH_EVENT_WRITE;
        }
        if (!watch->removed && (happened & watch->mask)) {
            watch->func(watch->fd, happened & watch->mask, watch->opaque);
        }
    }
    while (loop.removed) {
        SpiceWatch *watch = loop.removed;
        loop.removed = watch->next_removed;
        free(watch);
    }
}

/* Those due now, in the order they are due; any of them may add and remove others. */
static void timers_dispatch(void)
{
    const uint64_t until_ns = now_ns();
    for (SpiceTimer *timer = timer_first(); timer && timer->due_ns <= until_ns; timer = timer_first()) {
        timer->armed = false;
        timer->func(timer->opaque);
    }
}

void loop_run(void)
{
    while (!loop.quit) {
        int timeout_ms = -1;
        const SpiceTimer *first = timer_first();
        if (first) {
            const uint64_t now = now_ns();
            const uint64_t wait_ns = first->due_ns > now ? first->due_ns - now : 0;
            timeout_ms =
                wait_ns < 3600ull * 1000000000u ? (int)((wait_ns + 999999u) / 1000000u) : 3600 * 1000;
        }
        struct epoll_event events[BATCH];
        const int count = epoll_wait(loop.epoll_fd, events, BATCH, timeout_ms);
        if (count < 0 && errno != EINTR) {
            perror("bench-host: epoll_wait");
            exit(1);
        }
        watches_dispatch(events, count);
        timers_dispatch();
    }
}

void loop_quit(void)
{
    loop.quit = true;
}
