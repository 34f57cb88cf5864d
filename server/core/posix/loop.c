/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c: a loop on epoll.
 *
 * One round: sleep until something is due, read the clock once, then timers, watches, tasks. Callbacks may
 * free anything of this loop at any moment. Timers that are due therefore stand in a list of their own, from
 * which timer_stop() takes them; and epoll is told not the address of a watch but a slot number with the
 * slot's generation, so that an event fetched for a watch that was freed since, or for a number that was
 * reused since, finds nobody.
 */
#include "core/posix/internal.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "core/deadlines.h"
#include "core/inbox.h"

#define EVENTS_PER_ROUND 64
#define WAKE_SLOT UINT32_MAX /* stands for the wake handle in an event */

typedef struct PosixLoop PosixLoop;

struct CoreTimer {
    Deadline deadline;
    ListNode due; /* linked: its callback comes in this round */
    CoreTimerFunc func;
    void *opaque;
};

struct CoreWatch {
    uint32_t slot;
    int handle;
    unsigned mask;
    CoreWatchFunc func;
    void *opaque;
};

typedef struct WatchSlot {
    CoreWatch *watch; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
} WatchSlot;

struct PosixLoop {
    CoreLoop base;
    int epoll;
    int wake;
    Inbox inbox;
    _Atomic bool quit;
    _Atomic bool running;
    _Atomic pthread_t runner; /* while running */
    Deadlines deadlines;
    ListNode due;
    size_t timers;
    WatchSlot *slots;
    uint32_t slots_len;
    uint32_t first_free; /* WAKE_SLOT: none */
    size_t watches;
};

static PosixLoop *posix_loop(CoreLoop *loop)
{
    return (PosixLoop *)loop; /* base is its first member */
}

/* ---- Timers ---- */

static CoreTimer *timer_new(CoreLoop *base, CoreTimerFunc func, void *opaque)
{
    PosixLoop *loop = posix_loop(base);
    CoreTimer *timer = calloc(1, sizeof *timer);
    if (timer == NULL || !deadlines_reserve(&loop->deadlines)) {
        free(timer);
        return NULL;
    }
    list_init(&timer->due);
    timer->func = func;
    timer->opaque = opaque;
    loop->timers++;
    return timer;
}

static void timer_stop(CoreLoop *base, CoreTimer *timer)
{
    deadlines_clear(&posix_loop(base)->deadlines, &timer->deadline);
    list_remove(&timer->due);
}

static void timer_start(CoreLoop *base, CoreTimer *timer, uint64_t deadline_ns)
{
    timer_stop(base, timer);
    deadlines_set(&posix_loop(base)->deadlines, &timer->deadline, deadline_ns);
}

static void timer_free(CoreLoop *base, CoreTimer *timer)
{
    PosixLoop *loop = posix_loop(base);
    timer_stop(base, timer);
    deadlines_unreserve(&loop->deadlines);
    loop->timers--;
    free(timer);
}

/* A timer that a callback starts for a moment already past waits for the next round: no callback can keep the
 * round from ending. */
static void run_timers(PosixLoop *loop, uint64_t now_ns)
{
    Deadline *first;
    while ((first = deadlines_first(&loop->deadlines)) != NULL && first->at_ns <= now_ns) {
        deadlines_clear(&loop->deadlines, first);
        list_append(&loop->due, &list_entry(first, CoreTimer, deadline)->due);
    }
    CoreTimer *timer;
    while ((timer = list_first(&loop->due, CoreTimer, due)) != NULL) {
        list_remove(&timer->due);
        timer->func(timer->opaque, now_ns);
    }
}

static int sleep_ms(PosixLoop *loop)
{
    const Deadline *first = deadlines_first(&loop->deadlines);
    if (first == NULL) {
        return -1;
    }
    const uint64_t now_ns = loop->base.core->now_ns(loop->base.core);
    if (first->at_ns <= now_ns) {
        return 0;
    }
    const uint64_t wait_ms = (first->at_ns - now_ns - 1) / NS_PER_MS + 1;
    return wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;
}

/* ---- Watches ---- */

static uint64_t event_name(uint32_t slot, uint32_t generation)
{
    return (uint64_t)generation << 32 | slot;
}

static bool slot_take(PosixLoop *loop, CoreWatch *watch)
{
    if (loop->first_free == WAKE_SLOT) {
        const uint32_t len = loop->slots_len == 0 ? 16 : loop->slots_len * 2;
        WatchSlot *slots = len > INT_MAX ? NULL : realloc(loop->slots, len * sizeof *slots);
        if (slots == NULL) {
            return false;
        }
        for (uint32_t i = len; i-- > loop->slots_len;) {
            slots[i] = (WatchSlot){.next_free = loop->first_free};
            loop->first_free = i;
        }
        loop->slots = slots;
        loop->slots_len = len;
    }
    watch->slot = loop->first_free;
    loop->first_free = loop->slots[watch->slot].next_free;
    loop->slots[watch->slot].watch = watch;
    loop->watches++;
    return true;
}

static void slot_give_back(PosixLoop *loop, uint32_t slot)
{
    loop->slots[slot].watch = NULL;
    loop->slots[slot].generation++;
    loop->slots[slot].next_free = loop->first_free;
    loop->first_free = slot;
    loop->watches--;
}

/* With mask 0 the handle leaves epoll, which would report errors and hang-ups all the same, for ever. */
static bool epoll_tell(PosixLoop *loop, CoreWatch *watch, unsigned mask)
{
    struct epoll_event event = {
        .events = ((mask & CORE_READ) ? EPOLLIN : 0u) | ((mask & CORE_WRITE) ? EPOLLOUT : 0u),
        .data.u64 = event_name(watch->slot, loop->slots[watch->slot].generation),
    };
    if (mask == watch->mask) {
        return true;
    }
    const int what = mask == 0 ? EPOLL_CTL_DEL : watch->mask == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    watch->mask = mask;
    return epoll_ctl(loop->epoll, what, watch->handle, &event) == 0;
}

static CoreWatch *watch_new(CoreLoop *base, int handle, unsigned mask, CoreWatchFunc func, void *opaque)
{
    PosixLoop *loop = posix_loop(base);
    CoreWatch *watch = calloc(1, sizeof *watch);
    if (watch == NULL || !slot_take(loop, watch)) {
        free(watch);
        return NULL;
    }
    watch->handle = handle;
    watch->func = func;
    watch->opaque = opaque;
    if (!epoll_tell(loop, watch, mask)) {
        slot_give_back(loop, watch->slot);
        free(watch);
        return NULL;
    }
    return watch;
}

static void watch_set(CoreLoop *base, CoreWatch *watch, unsigned mask)
{
    /* Fails only for a handle that was closed under its watch, which CHECK would make a bug of one client the
     * end of all: that watch then stays silent. */
    if (NEVER(!epoll_tell(posix_loop(base), watch, mask))) {
        watch->mask = 0;
    }
}

static void watch_free(CoreLoop *base, CoreWatch *watch)
{
    PosixLoop *loop = posix_loop(base);
    watch_set(base, watch, 0);
    slot_give_back(loop, watch->slot);
    free(watch);
}

static void wake_clear(PosixLoop *loop)
{
    loop->base.core->wake_clear(loop->base.core, loop->wake);
}

static void run_watches(PosixLoop *loop, const struct epoll_event *events, int events_len, uint64_t now_ns)
{
    for (int i = 0; i < events_len; i++) {
        const uint32_t slot = (uint32_t)events[i].data.u64;
        if (slot == WAKE_SLOT) {
            wake_clear(loop);
            continue;
        }
        CoreWatch *watch = loop->slots[slot].watch;
        if (watch == NULL || event_name(slot, loop->slots[slot].generation) != events[i].data.u64) {
            continue; /* freed since the event was fetched */
        }
        const uint32_t got = events[i].events;
        unsigned ready = ((got & EPOLLIN) ? CORE_READ : 0u) | ((got & EPOLLOUT) ? CORE_WRITE : 0u);
        if (got & (EPOLLERR | EPOLLHUP)) {
            ready = CORE_READ | CORE_WRITE;
        }
        ready &= watch->mask; /* which may have changed since */
        if (ready != 0) {
            watch->func(watch->opaque, ready, now_ns);
        }
    }
}

/* ---- Tasks ---- */

static void post(CoreLoop *base, CoreTask *task)
{
    PosixLoop *loop = posix_loop(base);
    if (inbox_push(&loop->inbox, task)) {
        base->core->wake_signal(base->core, loop->wake);
    }
}

static bool run_tasks(PosixLoop *loop, uint64_t now_ns)
{
    CoreTask *task = inbox_take(&loop->inbox);
    const bool any = task != NULL;
    while (task != NULL) {
        CoreTask *next = task->next;
        task->run(task, now_ns);
        task = next;
    }
    return any;
}

static bool is_current(CoreLoop *base)
{
    PosixLoop *loop = posix_loop(base);
    return !atomic_load(&loop->running) || pthread_equal(atomic_load(&loop->runner), pthread_self());
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

CoreLoop *posix_loop_new(const Core *core, const char *name)
{
    (void)name;
    PosixLoop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->base.ops = &loop_ops;
    loop->base.core = core;
    loop->first_free = WAKE_SLOT;
    list_init(&loop->due);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = core->wake_new(core);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_name(WAKE_SLOT, 0)};
    if (loop->epoll < 0 || loop->wake < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) < 0) {
        if (loop->epoll >= 0) {
            close(loop->epoll);
        }
        if (loop->wake >= 0) {
            core->close(core, loop->wake);
        }
        free(loop);
        return NULL;
    }
    return &loop->base;
}

void posix_loop_run(CoreLoop *base)
{
    PosixLoop *loop = posix_loop(base);
    struct epoll_event events[EVENTS_PER_ROUND];

    atomic_store(&loop->runner, pthread_self());
    atomic_store(&loop->running, true);
    while (!atomic_load(&loop->quit)) {
        int count = epoll_wait(loop->epoll, events, EVENTS_PER_ROUND, sleep_ms(loop));
        if (count < 0) {
            CHECK(errno == EINTR);
            count = 0;
        }
        const uint64_t now_ns = base->core->now_ns(base->core);
        run_timers(loop, now_ns);
        run_watches(loop, events, count, now_ns);
        run_tasks(loop, now_ns);
        base->turn_ns = base->core->now_ns(base->core) - now_ns;
    }
    while (run_tasks(loop, base->core->now_ns(base->core))) {
    }
    atomic_store(&loop->quit, false);
    atomic_store(&loop->running, false);
}

void posix_loop_quit(CoreLoop *base)
{
    PosixLoop *loop = posix_loop(base);
    atomic_store(&loop->quit, true);
    base->core->wake_signal(base->core, loop->wake);
}

void posix_loop_free(CoreLoop *base)
{
    PosixLoop *loop = posix_loop(base);
    CHECK(loop->timers == 0 && loop->watches == 0);
    base->core->close(base->core, loop->wake);
    close(loop->epoll);
    free(loop->slots);
    free(loop);
}
