/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See poll_core.h. Timers and watches are lists; what is removed during dispatch is freed after it. */
#define _GNU_SOURCE /* ppoll */
#include "poll_core.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/list.h"

struct SpiceTimer {
    ListNode node;
    SpiceTimerFunc func;
    void *opaque;
    uint64_t deadline_ns; /* UINT64_MAX: stopped */
    bool removed;
};

struct SpiceWatch {
    ListNode node;
    SpiceWatchFunc func;
    void *opaque;
    int fd;
    int mask;
    int slot; /* in the poll set of this turn; -1: none */
    bool removed;
};

static struct {
    ListNode timers, watches;
    unsigned timer_count, watch_count;
    SpiceCoreInterface interface;
} loop;

uint64_t poll_core_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    SpiceTimer *timer = calloc(1, sizeof *timer);
    CHECK(timer != NULL);
    timer->func = func;
    timer->opaque = opaque;
    timer->deadline_ns = UINT64_MAX;
    list_append(&loop.timers, &timer->node);
    loop.timer_count++;
    return timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer->deadline_ns = poll_core_now_ns() + ms * UINT64_C(1000000);
}

static void timer_cancel(SpiceTimer *timer)
{
    timer->deadline_ns = UINT64_MAX;
}

static void timer_remove(SpiceTimer *timer)
{
    timer->deadline_ns = UINT64_MAX;
    timer->removed = true;
    loop.timer_count--;
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    SpiceWatch *watch = calloc(1, sizeof *watch);
    CHECK(watch != NULL);
    *watch = (SpiceWatch){.func = func, .opaque = opaque, .fd = fd, .mask = mask, .slot = -1};
    list_append(&loop.watches, &watch->node);
    loop.watch_count++;
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    watch->mask = mask;
}

static void watch_remove(SpiceWatch *watch)
{
    watch->mask = 0;
    watch->removed = true;
    loop.watch_count--;
}

SpiceCoreInterface *poll_core_init(void (*channel_event)(int event, SpiceChannelEventInfo *info))
{
    list_init(&loop.timers);
    list_init(&loop.watches);
    loop.interface = (SpiceCoreInterface){
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
    return &loop.interface;
}

void poll_core_count(unsigned *ret_timers, unsigned *ret_watches)
{
    *ret_timers = loop.timer_count;
    *ret_watches = loop.watch_count;
}

static void dispatch(const struct pollfd *fds, int ready)
{
    const uint64_t now_ns = poll_core_now_ns();
    list_each(&loop.timers, node)
    {
        SpiceTimer *timer = list_entry(node, SpiceTimer, node);
        if (timer->deadline_ns <= now_ns) {
            timer->deadline_ns = UINT64_MAX;
            timer->func(timer->opaque);
        }
    }
    if (ready <= 0) {
        return;
    }
    list_each(&loop.watches, node)
    {
        SpiceWatch *watch = list_entry(node, SpiceWatch, node);
        const int revents = watch->slot >= 0 ? fds[watch->slot].revents : 0;
        int event = revents & POLLIN ? SPICE_WATCH_EVENT_READ : 0;
        event |= revents & POLLOUT ? SPICE_WATCH_EVENT_WRITE : 0;
        if (revents & (POLLERR | POLLHUP | POLLNVAL)) {
            event = SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE;
        }
        event &= watch->mask; /* an earlier callback may have changed it */
        if (event != 0) {
            watch->func(watch->fd, event, watch->opaque);
        }
    }
}

static void free_removed(void)
{
    list_each_removable(&loop.timers, node)
    {
        SpiceTimer *timer = list_entry(node, SpiceTimer, node);
        if (timer->removed) {
            list_remove(node);
            free(timer);
        }
    }
    list_each_removable(&loop.watches, node)
    {
        SpiceWatch *watch = list_entry(node, SpiceWatch, node);
        if (watch->removed) {
            list_remove(node);
            free(watch);
        }
    }
}

void poll_core_run(uint64_t deadline_ns, const sigset_t *signals)
{
    free_removed();
    struct pollfd *fds = calloc(loop.watch_count + 1, sizeof *fds);
    CHECK(fds != NULL);
    int count = 0;
    list_each(&loop.watches, node)
    {
        SpiceWatch *watch = list_entry(node, SpiceWatch, node);
        watch->slot = -1;
        if (watch->mask != 0) {
            const int events = (watch->mask & SPICE_WATCH_EVENT_READ ? POLLIN : 0) |
                               (watch->mask & SPICE_WATCH_EVENT_WRITE ? POLLOUT : 0);
            watch->slot = count;
            fds[count++] = (struct pollfd){.fd = watch->fd, .events = (short)events};
        }
    }
    list_each(&loop.timers, node)
    {
        const uint64_t timer_ns = list_entry(node, SpiceTimer, node)->deadline_ns;
        deadline_ns = timer_ns < deadline_ns ? timer_ns : deadline_ns;
    }
    const uint64_t now_ns = poll_core_now_ns();
    const uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    const struct timespec wait = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
    const int ready = ppoll(fds, (nfds_t)count, deadline_ns == UINT64_MAX ? NULL : &wait, signals);
    dispatch(fds, ready);
    free(fds);
    free_removed();
}
