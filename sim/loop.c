/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/loop.h"

#include <stdlib.h>

#include "base/check.h"
#include "sim/tsan.h"
#include "sim/universe.h"

/* ---- Sleeping and waking ---- */

static void poke(SimLoop *loop)
{
    if (loop->sleeper != NULL) {
        CoreThread *sleeper = loop->sleeper;
        loop->sleeper = NULL;
        sim_event_clear(loop->sim, &loop->alarm);
        sim_thread_wake(loop->sim, sleeper);
    }
}

static void alarm_rings(Sim *sim, SimEvent *event)
{
    (void)sim;
    poke((SimLoop *)((char *)event - offsetof(SimLoop, alarm)));
}

static unsigned watch_ready(CoreWatch *watch)
{
    return sim_net_ready(watch->loop->sim, watch->handle) & watch->mask;
}

static bool has_work(SimLoop *loop)
{
    const Deadline *first = deadlines_first(&loop->timers);
    if (loop->quit || loop->tasks != NULL || (first != NULL && first->at_ns <= loop->sim->world.now_ns)) {
        return true;
    }
    list_each(&loop->watches, node)
    {
        if (watch_ready(list_entry(node, CoreWatch, node)) != 0) {
            return true;
        }
    }
    return false;
}

static void set_alarm(SimLoop *loop)
{
    const Deadline *first = deadlines_first(&loop->timers);
    if (first != NULL) {
        sim_event_set(loop->sim, &loop->alarm, first->at_ns);
    } else {
        sim_event_clear(loop->sim, &loop->alarm);
    }
}

void sim_loop_wait(SimLoop *loop)
{
    Sim *sim = loop->sim;
    sim_thread_yield(sim); /* between two rounds others may run, at every level */
    while (!has_work(loop)) {
        CHECK(loop->sleeper == NULL);
        loop->sleeper = sim->threads.current;
        set_alarm(loop);
        sim_thread_wait(sim, THREAD_IN_LOOP);
    }
}

/* ---- Timers ---- */

void sim_timer_init(SimLoop *loop, CoreTimer *timer, CoreTimerFunc func, void *opaque)
{
    const bool reserved = deadlines_reserve(&loop->timers);
    CHECK(reserved);
    timer->loop = loop;
    list_append(&loop->all_timers, &timer->node);
    timer->deadline = (Deadline){0};
    list_init(&timer->due);
    timer->func = func;
    timer->opaque = opaque;
    loop->timers_len++;
}

void sim_timer_stop(CoreTimer *timer)
{
    deadlines_clear(&timer->loop->timers, &timer->deadline);
    list_remove(&timer->due);
}

void sim_timer_start(CoreTimer *timer, uint64_t deadline_ns)
{
    sim_timer_stop(timer);
    deadlines_set(&timer->loop->timers, &timer->deadline, deadline_ns);
    if (timer->loop->sleeper != NULL) {
        set_alarm(timer->loop); /* the host's loop sleeps while another thread of the host's starts it */
    }
}

void sim_timer_finish(CoreTimer *timer)
{
    sim_timer_stop(timer);
    list_remove(&timer->node);
    deadlines_unreserve(&timer->loop->timers);
    timer->loop->timers_len--;
}

/* One of those whose deadline is the earliest. */
static CoreTimer *take_due(SimLoop *loop)
{
    CoreTimer *first = list_first(&loop->due, CoreTimer, due);
    uint32_t count = 0;
    list_each(&loop->due, node)
    {
        if (list_entry(node, CoreTimer, due)->deadline.at_ns != first->deadline.at_ns) {
            break;
        }
        count++;
    }
    ListNode *taken = &first->due;
    if (count > 1) {
        for (uint32_t skip = choose_order(loop->sim, SIM_F8_ORDER, runner_who(loop->sim), count); skip > 0;
             skip--) {
            taken = taken->next;
        }
    }
    return list_entry(taken, CoreTimer, due);
}

static void run_timers(SimLoop *loop, uint64_t now_ns)
{
    Sim *sim = loop->sim;
    Deadline *first;
    while ((first = deadlines_first(&loop->timers)) != NULL && first->at_ns <= now_ns) {
        deadlines_clear(&loop->timers, first);
        list_append(&loop->due, &list_entry(first, CoreTimer, deadline)->due);
    }
    while (!list_is_empty(&loop->due)) {
        CoreTimer *timer = take_due(loop);
        list_remove(&timer->due);
        world_record(sim, "timer", now_ns - timer->deadline.at_ns, 0);
        const CoreTimerFunc func = timer->func;
        void *opaque = timer->opaque;
        kernel_leave(sim);
        func(opaque, now_ns);
        kernel_enter(sim);
    }
}

/* ---- Watches ---- */

static void handle_changed(void *opaque)
{
    CoreWatch *watch = opaque;
    if (watch->loop->sleeper != NULL && watch_ready(watch) != 0) {
        poke(watch->loop);
    }
}

bool sim_watch_init(SimLoop *loop, CoreWatch *watch, int handle, unsigned mask, CoreWatchFunc func,
                    void *opaque)
{
    *watch = (CoreWatch){.loop = loop, .func = func, .opaque = opaque};
    list_init(&watch->node);
    list_init(&watch->batch);
    if (!sim_net_name(loop->sim, handle, &watch->handle)) {
        return false;
    }
    if (!sim_net_observe(loop->sim, watch->handle, handle_changed, watch)) {
        sim_fail(loop->sim, "two watches on handle %d", handle);
        return false;
    }
    list_append(&loop->watches, &watch->node);
    loop->watches_len++;
    sim_watch_set(watch, mask);
    return true;
}

unsigned sim_watch_mask(const CoreWatch *watch)
{
    return watch->mask;
}

void sim_watch_set(CoreWatch *watch, unsigned mask)
{
    watch->mask = mask;
    handle_changed(watch);
}

void sim_watch_finish(CoreWatch *watch)
{
    sim_net_observe(watch->loop->sim, watch->handle, NULL, NULL);
    list_remove(&watch->node);
    list_remove(&watch->batch);
    watch->loop->watches_len--;
}

/* Chooses one of a list, so that no order of handles can be relied on. */
static CoreWatch *take_any(SimLoop *loop, ListNode *batch, uint32_t *count)
{
    uint32_t skip = choose_order(loop->sim, SIM_F12_ORDER, runner_who(loop->sim), *count);
    ListNode *node = batch->next;
    while (skip-- > 0) {
        node = node->next;
    }
    list_remove(node);
    return list_entry(node, CoreWatch, batch);
}

static uint32_t batch_len(const ListNode *batch)
{
    uint32_t count = 0;
    list_each(batch, node)
    {
        count++;
    }
    return count;
}

static void fetch_spurious(SimLoop *loop)
{
    if (loop->watches_len == 0) {
        return;
    }
    uint32_t skip = choose_fault(loop->sim, SIM_SOCKET_SPURIOUS, runner_who(loop->sim),
                                 loop->sim->config.spurious_one_in, (uint32_t)loop->watches_len);
    if (skip == 0) {
        return;
    }
    ListNode *node = loop->watches.next;
    while (--skip > 0) {
        node = node->next;
    }
    list_entry(node, CoreWatch, node)->fetched = CORE_READ | CORE_WRITE;
}

static void run_watches(SimLoop *loop, uint64_t now_ns)
{
    Sim *sim = loop->sim;
    ListNode batch;
    list_init(&batch);
    list_each(&loop->watches, node)
    {
        CoreWatch *watch = list_entry(node, CoreWatch, node);
        watch->fetched = watch_ready(watch);
    }
    fetch_spurious(loop);
    list_each(&loop->watches, node)
    {
        CoreWatch *watch = list_entry(node, CoreWatch, node);
        if (watch->fetched != 0) {
            list_append(&batch, &watch->batch);
        }
    }
    uint32_t count;
    while ((count = batch_len(&batch)) > 0) {
        CoreWatch *watch = take_any(loop, &batch, &count);
        const unsigned ready = watch->fetched & watch->mask;
        if (ready == 0) {
            continue;
        }
        world_record(sim, "watch", (uint64_t)watch->handle.number, ready);
        const CoreWatchFunc func = watch->func;
        void *opaque = watch->opaque;
        kernel_leave(sim);
        func(opaque, ready, now_ns);
        kernel_enter(sim);
    }
}

/* ---- Tasks ---- */

void sim_loop_add_task(SimLoop *loop, CoreTask *task)
{
    tsan_release(task);
    world_arrow(loop->sim, 's', "post", loop->number, ++loop->posted);
    task->next = NULL;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
    bounds_tasks(loop->sim, loop->posted - loop->done);
    poke(loop);
}

bool sim_loop_run_tasks(SimLoop *loop)
{
    Sim *sim = loop->sim;
    const uint64_t now_ns = sim->world.now_ns;
    CoreTask *task = loop->tasks;
    const bool any = task != NULL;
    loop->tasks = NULL;
    loop->tasks_end = &loop->tasks;
    while (task != NULL) {
        CoreTask *next = task->next;
        tsan_acquire(task);
        world_arrow(sim, 'f', "post", loop->number, ++loop->done);
        world_record(sim, "task", 0, 0);
        kernel_leave(sim);
        task->run(task, now_ns);
        kernel_enter(sim);
        task = next;
    }
    return any;
}

void sim_loop_stop(SimLoop *loop)
{
    tsan_release(loop);
    loop->quit = true;
    poke(loop);
}

/* ---- Rounds ---- */

void sim_loop_round(SimLoop *loop)
{
    const uint64_t now_ns = loop->sim->world.now_ns;
    if (!loop->timers_last) {
        run_timers(loop, now_ns);
    }
    run_watches(loop, now_ns);
    if (loop->timers_last) {
        run_timers(loop, now_ns);
    }
    sim_loop_run_tasks(loop);
}

void sim_loop_init(SimLoop *loop, Sim *sim)
{
    *loop = (SimLoop){.sim = sim, .number = ++sim->world.loops};
    list_init(&loop->all_timers);
    list_init(&loop->due);
    list_init(&loop->watches);
    loop->tasks_end = &loop->tasks;
    sim_event_init(sim, &loop->alarm, alarm_rings);
}

void sim_loop_finish(SimLoop *loop)
{
    CoreTimer *timer;
    while ((timer = list_first(&loop->all_timers, CoreTimer, node)) != NULL) {
        sim_timer_finish(timer);
        free(timer);
    }
    CoreWatch *watch;
    while ((watch = list_first(&loop->watches, CoreWatch, node)) != NULL) {
        sim_watch_finish(watch);
        free(watch);
    }
    sim_event_finish(loop->sim, &loop->alarm);
}
