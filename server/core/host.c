/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/host.h"

#include <stdlib.h>

#include <spice.h>

#include "base/check.h"
#include "core/inbox.h"

/* Hosts take uint32_t but may keep an int: longer waits are made of several. */
#define HOST_WAIT_MS_MAX UINT64_C(0x7fffffff)
#define HOST_TASKS_TOLD 64u /* so many at once are worth a note */

typedef struct HostLoop {
    CoreLoop base;
    SpiceCoreInterface *host;
    SpiceWatch *wake_watch;
    int wake;
    Inbox inbox;
    CoreTask *pending; /* taken from the inbox, not yet run; nested drains go on where the outer one stands */
    CoreTask **pending_end;
    size_t objects;                   /* timers and watches */
    _Atomic uint32_t inside, outside; /* calls into the main domain, and out of it, that have not returned */
    _Atomic bool intrusion_said;
} HostLoop;

struct CoreTimer {
    HostLoop *loop;
    SpiceTimer *timer;
    CoreTimerFunc func;
    void *opaque;
    uint64_t deadline_ns;
};

struct CoreWatch {
    HostLoop *loop;
    SpiceWatch *watch;
    unsigned mask;
    CoreWatchFunc func;
    void *opaque;
};

static HostLoop *host_loop(CoreLoop *loop)
{
    return (HostLoop *)loop; /* base is its first member */
}

static uint64_t host_now_ns(const HostLoop *loop)
{
    return loop->base.core->now_ns(loop->base.core);
}

/* ---- Who is inside ---- */

void host_loop_enter(CoreLoop *base)
{
    HostLoop *loop = host_loop(base);
    const uint32_t inside = atomic_fetch_add_explicit(&loop->inside, 1, memory_order_relaxed);

    /* With one caller at a time, every call that is inside waits in a call out. */
    if (inside > atomic_load_explicit(&loop->outside, memory_order_relaxed) &&
        !atomic_exchange_explicit(&loop->intrusion_said, true, memory_order_relaxed)) {
        core_log(base->core, CORE_LOG_WARNING,
                 "two threads are in the server at once: the host must hold its lock around these calls");
    }
}

void host_loop_leave(CoreLoop *base)
{
    atomic_fetch_sub_explicit(&host_loop(base)->inside, 1, memory_order_relaxed);
}

void host_loop_call_out(CoreLoop *base)
{
    atomic_fetch_add_explicit(&host_loop(base)->outside, 1, memory_order_relaxed);
}

void host_loop_call_back(CoreLoop *base)
{
    atomic_fetch_sub_explicit(&host_loop(base)->outside, 1, memory_order_relaxed);
}

bool host_loop_is_out(CoreLoop *base)
{
    return atomic_load_explicit(&host_loop(base)->outside, memory_order_relaxed) > 0;
}

/* ---- Timers ---- */

static void timer_arm(CoreTimer *timer, uint64_t now_ns)
{
    uint64_t wait_ms = 0;
    if (timer->deadline_ns > now_ns) {
        wait_ms = (timer->deadline_ns - now_ns - 1) / NS_PER_MS + 1;
    }
    timer->loop->host->timer_start(timer->timer,
                                   (uint32_t)(wait_ms < HOST_WAIT_MS_MAX ? wait_ms : HOST_WAIT_MS_MAX));
}

static void timer_fired(void *opaque)
{
    CoreTimer *timer = opaque;
    const uint64_t now_ns = host_now_ns(timer->loop);
    if (now_ns < timer->deadline_ns) {
        timer_arm(timer, now_ns); /* one part of a long wait, or a host that counts from its last whole ms */
        return;
    }
    CoreLoop *loop = &timer->loop->base; /* the callback may free the timer */
    host_loop_enter(loop);
    timer->func(timer->opaque, now_ns);
    host_loop_leave(loop);
}

static CoreTimer *timer_new(CoreLoop *base, CoreTimerFunc func, void *opaque)
{
    HostLoop *loop = host_loop(base);
    CoreTimer *timer = calloc(1, sizeof *timer);
    if (timer == NULL) {
        return NULL;
    }
    timer->loop = loop;
    timer->func = func;
    timer->opaque = opaque;
    timer->timer = loop->host->timer_add(timer_fired, timer);
    if (timer->timer == NULL) {
        free(timer);
        return NULL;
    }
    loop->objects++;
    return timer;
}

static void timer_start(CoreLoop *base, CoreTimer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    timer_arm(timer, host_now_ns(host_loop(base)));
}

static void timer_stop(CoreLoop *base, CoreTimer *timer)
{
    host_loop(base)->host->timer_cancel(timer->timer);
}

static void timer_free(CoreLoop *base, CoreTimer *timer)
{
    HostLoop *loop = host_loop(base);
    loop->host->timer_cancel(timer->timer);
    loop->host->timer_remove(timer->timer);
    loop->objects--;
    free(timer);
}

/* ---- Watches ---- */

static int to_host(unsigned mask)
{
    return ((mask & CORE_READ) ? SPICE_WATCH_EVENT_READ : 0) |
           ((mask & CORE_WRITE) ? SPICE_WATCH_EVENT_WRITE : 0);
}

static void watch_ready(int handle, int event, void *opaque)
{
    (void)handle;
    CoreWatch *watch = opaque;
    unsigned ready = ((event & SPICE_WATCH_EVENT_READ) ? CORE_READ : 0u) |
                     ((event & SPICE_WATCH_EVENT_WRITE) ? CORE_WRITE : 0u);
    ready &= watch->mask; /* a host may report what it fetched before the mask changed */
    if (ready != 0) {
        CoreLoop *loop = &watch->loop->base; /* the callback may free the watch */
        host_loop_enter(loop);
        watch->func(watch->opaque, ready, host_now_ns(watch->loop));
        host_loop_leave(loop);
    }
}

static CoreWatch *watch_new(CoreLoop *base, int handle, unsigned mask, CoreWatchFunc func, void *opaque)
{
    HostLoop *loop = host_loop(base);
    CoreWatch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->loop = loop;
    watch->mask = mask;
    watch->func = func;
    watch->opaque = opaque;
    /* Xspice refuses to watch for nothing: it is asked for something, and then told otherwise. */
    watch->watch = loop->host->watch_add(handle, to_host(mask != 0 ? mask : CORE_READ), watch_ready, watch);
    if (watch->watch == NULL) {
        free(watch);
        return NULL;
    }
    if (mask == 0) {
        loop->host->watch_update_mask(watch->watch, 0);
    }
    loop->objects++;
    return watch;
}

static void watch_set(CoreLoop *base, CoreWatch *watch, unsigned mask)
{
    if (mask != watch->mask) {
        watch->mask = mask;
        host_loop(base)->host->watch_update_mask(watch->watch, to_host(mask));
    }
}

static void watch_free(CoreLoop *base, CoreWatch *watch)
{
    HostLoop *loop = host_loop(base);
    loop->host->watch_remove(watch->watch);
    loop->objects--;
    free(watch);
}

/* ---- Tasks ---- */

static void post(CoreLoop *base, CoreTask *task)
{
    HostLoop *loop = host_loop(base);
    if (inbox_push(&loop->inbox, task)) {
        base->core->wake_signal(base->core, loop->wake);
    }
}

static bool is_current(CoreLoop *base)
{
    (void)base;
    return true; /* the main domain is no thread: DESIGN section 5 */
}

/* Takes over what was posted; returns how many now wait. */
static size_t collect(HostLoop *loop)
{
    *loop->pending_end = inbox_take(&loop->inbox);
    size_t count = 0;
    CoreTask **end = &loop->pending;
    while (*end != NULL) {
        end = &(*end)->next;
        count++;
    }
    loop->pending_end = end;
    if (count >= HOST_TASKS_TOLD) {
        core_note(loop->base.core, "tasks wait", count, 0);
    }
    return count;
}

void host_loop_drain(CoreLoop *base)
{
    HostLoop *loop = host_loop(base);
    const uint64_t now_ns = host_now_ns(loop);
    for (size_t count = collect(loop); count > 0 && loop->pending != NULL; count--) {
        CoreTask *task = loop->pending;
        loop->pending = task->next;
        if (loop->pending == NULL) {
            loop->pending_end = &loop->pending;
        }
        task->run(task, now_ns);
    }
}

static void woken(int handle, int event, void *opaque)
{
    (void)event;
    HostLoop *loop = opaque;
    loop->base.core->wake_clear(loop->base.core, handle);
    host_loop_enter(&loop->base);
    host_loop_drain(&loop->base);
    host_loop_leave(&loop->base);
}

/* ---- The loop ---- */

static const CoreLoopOps loop_ops = {
    .timer_new = timer_new,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_free = timer_free,
    .watch_new = watch_new,
    .watch_set = watch_set,
    .watch_free = watch_free,
    .post = post,
    .is_current = is_current,
};

CoreLoop *host_loop_new(const Core *core, SpiceCoreInterface *host)
{
    HostLoop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->base.ops = &loop_ops;
    loop->base.core = core;
    loop->host = host;
    loop->pending_end = &loop->pending;
    loop->wake = core->wake_new(core);
    if (loop->wake >= 0) {
        loop->wake_watch = host->watch_add(loop->wake, SPICE_WATCH_EVENT_READ, woken, loop);
        if (loop->wake_watch != NULL) {
            return &loop->base;
        }
        core->close(core, loop->wake);
    }
    free(loop);
    return NULL;
}

void host_loop_free(CoreLoop *base)
{
    HostLoop *loop = host_loop(base);
    while (collect(loop) > 0) {
        host_loop_drain(base);
    }
    CHECK(loop->objects == 0);
    loop->host->watch_remove(loop->wake_watch);
    base->core->close(base->core, loop->wake);
    free(loop);
}
