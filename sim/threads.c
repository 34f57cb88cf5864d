/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/point.h"
#include "sim/accesses.h"
#include "sim/tsan.h"
#include "sim/universe.h"

#define CALLS_IN_A_TURN_MAX 20000u /* then others have their turn, whatever the scheduler says */
#define STALL_MAX_DEFAULT_NS (30 * NS_PER_S)
#define STEPS_MAX_DEFAULT UINT64_C(5000000)
#define STEPS_LATE 1000u /* before a livelock is told it is counted whose they are */

/* ---- Who can run ---- */

void runner_init(Sim *sim, Runner *runner, bool is_client, const char *name)
{
    Threads *threads = &sim->threads;
    threads->runners++;
    if (threads->runners > threads->runnable_capacity) {
        const size_t capacity = threads->runnable_capacity == 0 ? 32 : threads->runnable_capacity * 2;
        Runner **runnable = realloc(threads->runnable, capacity * sizeof(Runner *));
        CHECK(runnable != NULL);
        threads->runnable = runnable;
        threads->runnable_capacity = capacity;
    }
    *runner = (Runner){.id = ++threads->next_id, .is_client = is_client, .name = sim_name_new(sim, name)};
    schedule_enter(sim, runner);
}

void runner_finish(Sim *sim, Runner *runner)
{
    runner_rest(sim, runner);
    schedule_forget(sim, runner);
    if (sim->threads.last == runner) {
        sim->threads.last = NULL;
    }
    if (sim->config.record != NULL) {
        sim_record_add_share(sim->config.record, runner->name->text, runner->points);
    }
    sim->threads.runners--;
}

void runner_wake(Sim *sim, Runner *runner)
{
    Threads *threads = &sim->threads;
    if (runner->place == 0) {
        threads->runnable[threads->runnable_len++] = runner;
        runner->place = threads->runnable_len;
        schedule_woken(sim, runner);
    }
}

void runner_rest(Sim *sim, Runner *runner)
{
    Threads *threads = &sim->threads;
    if (runner->place != 0) {
        Runner *last = threads->runnable[--threads->runnable_len];
        threads->runnable[runner->place - 1] = last;
        last->place = runner->place;
        runner->place = 0;
    }
}

void runner_did(Sim *sim, const char *what, uint64_t with)
{
    Runner *runner = sim->threads.running;
    if (runner != NULL && strcmp(what, "run") != 0) {
        runner->did = what;
        runner->did_with = with;
    }
}

uint32_t runner_now(const Sim *sim)
{
    return sim->threads.running == NULL ? 0 : sim->threads.running->id;
}

bool threads_is_host(const Runner *runner)
{
    const CoreThread *thread = (const CoreThread *)runner; /* its first member */
    return thread->is_host || thread == thread->sim->host.main;
}

const SimName *runner_who(Sim *sim)
{
    const Runner *runner = sim->threads.running;
    return runner == NULL ? sim_name(sim, "outside") : runner->name;
}

const char *runner_name(const Sim *sim)
{
    const Runner *runner = sim->threads.running;
    return runner == NULL ? "nobody" : runner->name->text;
}

/* ---- The kernel's border ---- */

static unsigned *kernel_depth(Sim *sim)
{
    return sim->threads.current != NULL ? &sim->threads.current->kernel_depth : &sim->threads.home_depth;
}

void kernel_enter(Sim *sim)
{
    if ((*kernel_depth(sim))++ == 0) {
        tsan_ignore_begin();
    }
}

void kernel_leave(Sim *sim)
{
    unsigned *depth = kernel_depth(sim);
    CHECK(*depth > 0);
    if (--*depth == 0) {
        tsan_ignore_end();
    }
}

static bool is_over(const Sim *sim)
{
    return sim->world.failed || sim->exited;
}

static void suspend(Sim *sim)
{
    carrier_suspend(sim->threads.current->carrier);
}

/* Writes down what the running thread has passed since. */
static void account(Sim *sim)
{
    Threads *threads = &sim->threads;
    Runner *runner = threads->running;
    const uint64_t passed = (uint64_t)(threads->granted - sim_points_left);
    threads->granted = sim_points_left;
    threads->points += passed;
    runner->points += passed;
    runner->step.accesses += (uint32_t)passed;
}

static void grant(Sim *sim, int64_t points)
{
    sim_points_left = sim->threads.granted = points;
}

void threads_ask_soon(Sim *sim)
{
    if (sim->threads.current != NULL) {
        account(sim);
        grant(sim, 1);
    }
}

/* The end of a turn. */
static void turn_ends(Sim *sim, Runner *runner)
{
    runner->step = (SimStep){.rounds = runner->step.rounds + 1};
    runner->points++;
    sim->threads.points++;
    runner->goes_on = false;
}

void sim_thread_yield(Sim *sim)
{
    if (sim->threads.current == NULL) {
        return;
    }
    account(sim);
    turn_ends(sim, sim->threads.running);
    do {
        suspend(sim);
    } while (is_over(sim)); /* nobody goes on in a universe that has ended */
}

/* A budget is used up, or the scheduler wants to be asked at every call. */
static void ask_scheduler(Sim *sim)
{
    if (!schedule_leave(sim)) {
        grant(sim, schedule_budget(sim));
        return;
    }
    sim->threads.running->goes_on = true;
    do {
        suspend(sim);
    } while (is_over(sim));
}

static uint64_t steps_max(const Sim *sim)
{
    return sim->config.steps_max == 0 ? STEPS_MAX_DEFAULT : sim->config.steps_max;
}

static void schedule_point(Sim *sim, bool seen)
{
    Threads *threads = &sim->threads;
    if (threads->current == NULL) {
        return;
    }
    if (++threads->turn_calls > steps_max(sim)) {
        const Runner *runner = threads->running;
        sim_fail(sim, "livelock: %" PRIu64 " calls in one step, the last of them %s(%" PRIu64 ")",
                 steps_max(sim), runner->did != NULL ? runner->did : "start", runner->did_with);
    }
    if (is_over(sim)) {
        sim_thread_yield(sim);
    }
    if (sim->config.level < SIM_LEVEL_CALLS) {
        return;
    }
    sim_points_left--;
    account(sim);
    threads->running->step.calls++;
    threads->running->step.accesses = 0;
    if (threads->turn_calls > CALLS_IN_A_TURN_MAX && threads->runnable_len > 1) {
        sim_thread_yield(sim);
    } else if ((sim_points_left <= 0 || threads->scheduler.at_every_call) &&
               (seen || !threads->scheduler.skips_unseen)) {
        ask_scheduler(sim);
    }
}

/* Within the kernel, and outside of threads, an access is no schedule point; the next one asks again. */
void sim_access_passed(void)
{
    Sim *sim = sim_current();
    CoreThread *thread = sim->threads.current;
    if (thread == NULL || thread->kernel_depth > 0) {
        return;
    }
    kernel_enter(sim);
    account(sim);
    if (is_over(sim)) {
        sim_thread_yield(sim);
    } else {
        ask_scheduler(sim);
    }
    kernel_leave(sim);
}

void sim_call_begin(Sim *sim)
{
    kernel_enter(sim);
    schedule_point(sim, true);
}

void sim_call_end(Sim *sim)
{
    schedule_point(sim, true);
    kernel_leave(sim);
}

void sim_call_end_unseen(Sim *sim)
{
    schedule_point(sim, false);
    kernel_leave(sim);
}

/* Takes the place of the empty one in base. */
void base_point(void)
{
    Sim *sim = sim_current();
    if (sim != NULL && sim->threads.current != NULL && sim->threads.current->kernel_depth == 0) {
        kernel_enter(sim);
        schedule_point(sim, true);
        kernel_leave(sim);
    }
}

/* ---- The big lock ---- */

void sim_host_lock(Sim *sim)
{
    Threads *threads = &sim->threads;
    while (threads->lock_owner != NULL) {
        sim_thread_wait(sim, THREAD_AT_LOCK);
    }
    threads->lock_owner = threads->current;
    tsan_acquire(&threads->lock_owner);
    world_record(sim, "lock", 0, 0);
}

void sim_host_unlock(Sim *sim)
{
    Threads *threads = &sim->threads;
    CHECK(threads->lock_owner == threads->current);
    tsan_release(&threads->lock_owner);
    threads->lock_owner = NULL;
    list_each(&threads->all, node)
    {
        CoreThread *thread = list_entry(node, CoreThread, node);
        if (thread->state == THREAD_AT_LOCK) {
            sim_thread_wake(sim, thread); /* all of them; the scheduler chooses who gets it */
        }
    }
    sim_thread_yield(sim);
}

/* ---- Threads ---- */

static void thread_main(void *opaque)
{
    CoreThread *thread = opaque;
    Sim *sim = thread->sim;
    kernel_enter(sim);
    tsan_acquire(thread);
    if (thread->is_host) {
        sim_host_lock(sim);
    }
    kernel_leave(sim);

    thread->entry(thread->arg);

    kernel_enter(sim);
    if (thread->is_host) {
        sim_host_unlock(sim);
    }
    tsan_release(thread);
    tsan_release(sim); /* it will not be there when the run ends: see at_border() */
    thread->state = THREAD_DONE;
    runner_rest(sim, &thread->runner);
    if (thread->joiner != NULL) {
        sim_thread_wake(sim, thread->joiner);
    }
    world_record(sim, "done", 0, 0);
    kernel_leave(sim);
}

static void thread_alarm(Sim *sim, SimEvent *event)
{
    sim_thread_wake(sim, (CoreThread *)((char *)event - offsetof(CoreThread, alarm)));
}

CoreThread *sim_thread_start(Sim *sim, const char *name, void (*entry)(void *arg), void *arg, bool is_host)
{
    Threads *threads = &sim->threads;
    CoreThread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) {
        return NULL;
    }
    thread->sim = sim;
    thread->entry = entry;
    thread->arg = arg;
    thread->is_host = is_host;
    runner_init(sim, &thread->runner, false, name);
    thread->carrier = carrier_new(sim->config.backend, thread->runner.name->text, thread_main, thread);
    if (thread->carrier == NULL) {
        runner_finish(sim, &thread->runner);
        free(thread);
        return NULL;
    }
    sim_event_init(sim, &thread->alarm, thread_alarm);
    list_append(&threads->all, &thread->node);
    threads->unjoined += !is_host;
    tsan_release(thread);
    runner_wake(sim, &thread->runner);
    world_record(sim, "start", thread->runner.id, 0);
    return thread;
}

static void thread_free(Sim *sim, CoreThread *thread)
{
    sim->threads.unjoined -= !thread->is_host;
    list_remove(&thread->node);
    /* Not before it was joined: TSan would take whoever gets its carrier next for the same thread, and see no race between
     * the two. */
    carrier_free(thread->carrier);
    sim_event_finish(sim, &thread->alarm);
    runner_finish(sim, &thread->runner);
    free(thread);
}

void sim_thread_join(Sim *sim, CoreThread *thread)
{
    CoreThread *self = sim->threads.current;
    CHECK(thread->joiner == NULL && thread != self);
    while (thread->state != THREAD_DONE) {
        CHECK(self != NULL); /* outside nobody can wait */
        thread->joiner = self;
        self->joining = thread;
        sim_thread_wait(sim, THREAD_JOINING);
    }
    tsan_acquire(thread);
    world_record(sim, "join", thread->runner.id, 0);
    thread_free(sim, thread);
}

void sim_thread_wait(Sim *sim, ThreadState state)
{
    CoreThread *thread = sim->threads.current;
    CHECK(thread != NULL); /* a call that waits, from outside or from a client */
    thread->state = state;
    thread->since_ns = sim->world.now_ns;
    runner_rest(sim, &thread->runner);
    sim_thread_yield(sim);
    if (thread->woken) {
        thread->woken = false;
        world_arrow(sim, 'f', "wake", thread->runner.id, thread->runner.step.rounds);
    }
}

void sim_thread_wake(Sim *sim, CoreThread *thread)
{
    if (thread->state != THREAD_IN_LOOP && thread->state != THREAD_ASLEEP) {
        thread->woken = true;
        world_arrow(sim, 's', "wake", thread->runner.id, thread->runner.step.rounds);
    }
    thread->state = THREAD_READY;
    runner_wake(sim, &thread->runner);
}

void sim_thread_sleep(Sim *sim, uint64_t duration_ns)
{
    CoreThread *thread = sim->threads.current;
    CHECK(thread != NULL);
    const uint64_t now_ns = sim->world.now_ns;
    sim_event_set(sim, &thread->alarm, duration_ns < NS_NEVER - now_ns ? now_ns + duration_ns : NS_NEVER);
    sim_thread_wait(sim, THREAD_ASLEEP);
}

void sim_thread_pass(Sim *sim, CoreGate *gate, ThreadState state)
{
    while (gate->open == 0) {
        gate->waiter = sim->threads.current;
        sim_thread_wait(sim, state);
    }
    tsan_acquire(gate);
    world_record(sim, "passed", 0, 0);
}

/* ---- The scheduler ---- */

static void say_who_waits(Sim *sim, const char *why)
{
    char text[800];
    size_t len = 0;
    text[0] = '\0';
    list_each(&sim->threads.all, node)
    {
        const CoreThread *thread = list_entry(node, CoreThread, node);
        const char *what = "";
        const char *whom = "";
        switch (thread->state) {
        case THREAD_AT_GATE:
        case THREAD_PAUSED:
            what = "waits at a gate that nobody opens";
            break;
        case THREAD_JOINING:
            what = "joins ";
            whom = thread->joining->runner.name->text;
            break;
        case THREAD_AT_LOCK:
            what = "waits for the big lock, held by ";
            whom = sim->threads.lock_owner != NULL ? sim->threads.lock_owner->runner.name->text : "nobody";
            break;
        case THREAD_IN_LOOP:
            what = "is idle in its loop";
            break;
        case THREAD_ASLEEP:
            what = "sleeps for ever";
            break;
        case THREAD_READY:
        case THREAD_DONE:
            continue;
        }
        if (len < sizeof text) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s%s", len > 0 ? "; " : "",
                                    thread->runner.name->text, what, whom);
        }
    }
    sim_fail(sim, "%s: %s", why, text);
}

static void look_for_deadlock(Sim *sim)
{
    list_each(&sim->threads.all, node)
    {
        const ThreadState state = list_entry(node, CoreThread, node)->state;
        if (state == THREAD_AT_GATE || state == THREAD_PAUSED || state == THREAD_JOINING ||
            state == THREAD_AT_LOCK) {
            say_who_waits(sim, "deadlock");
            return;
        }
    }
}

/* A deadlock of some that others do not notice, as clients and timers go on; or a call that takes too long. */
static void look_for_stall(Sim *sim)
{
    const uint64_t max_ns = sim->config.stall_max_ns == 0 ? STALL_MAX_DEFAULT_NS : sim->config.stall_max_ns;
    list_each(&sim->threads.all, node)
    {
        const CoreThread *thread = list_entry(node, CoreThread, node);
        if ((thread->state == THREAD_AT_GATE || thread->state == THREAD_AT_LOCK) &&
            sim->world.now_ns - thread->since_ns > max_ns) {
            say_who_waits(sim, "stall");
            return;
        }
    }
}

/* What waits has not waited for that long: the others could do nothing about it either. */
void threads_leapt(Sim *sim, uint64_t duration_ns)
{
    sim->threads.slips++;
    list_each(&sim->threads.all, node)
    {
        list_entry(node, CoreThread, node)->since_ns += duration_ns;
    }
}

static void run_thread(Sim *sim, CoreThread *thread)
{
    Threads *threads = &sim->threads;
    threads->current = thread;
    grant(sim, sim->config.level < SIM_LEVEL_CALLS ? INT64_MAX : schedule_budget(sim));
    sim_accesses_count = sim->config.level >= SIM_LEVEL_ACCESSES;
    carrier_resume(thread->carrier);
    sim_accesses_count = false;
    threads->current = NULL;
    if (thread->carrier->is_finished) {
        turn_ends(sim, &thread->runner);
    }
    threads->last_step = thread->runner.step;
    if (thread->carrier->is_finished && thread->is_host) {
        thread_free(sim, thread);
    }
}

static void run_one(Sim *sim, Runner *runner)
{
    Threads *threads = &sim->threads;
    const bool stays = runner == threads->last && runner->goes_on; /* as if it had never been asked */
    threads->running = runner;
    threads->last = runner;
    threads->last_name = runner->name;
    threads->last_id = runner->id;
    if (!stays) {
        threads->turn_calls = 0;
        threads->steps++;
        world_record(sim, "run", 0, 0);
    }
    if (runner->is_client) {
        turn_ends(sim, runner);
        threads->last_step = runner->step;
        sim_client_run(sim, runner);
    } else {
        run_thread(sim, (CoreThread *)runner); /* its first member */
    }
    threads->running = NULL;
}

/* Who had more of the last steps; of equals the older one. */
static void offer_busy(const Sim *sim, Runner *runner, Runner *const *said, size_t said_len, Runner **best)
{
    for (size_t i = 0; i < said_len; i++) {
        if (said[i] == runner) {
            return;
        }
    }
    if (runner->late_steps > 0 && runner->late_ns == sim->world.now_ns &&
        (*best == NULL || runner->late_steps > (*best)->late_steps ||
         (runner->late_steps == (*best)->late_steps && runner->id < (*best)->id))) {
        *best = runner;
    }
}

static Runner *next_busy(Sim *sim, Runner *const *said, size_t said_len)
{
    Runner *best = NULL;
    for (size_t i = 0; i < sim->threads.runnable_len; i++) {
        offer_busy(sim, sim->threads.runnable[i], said, said_len, &best);
    }
    list_each(&sim->threads.all, node) /* those that wait just now for another that spins with them */
    {
        offer_busy(sim, &list_entry(node, CoreThread, node)->runner, said, said_len, &best);
    }
    return best;
}

static void say_who_is_busy(Sim *sim, uint64_t steps)
{
    char text[600] = "";
    Runner *said[4];
    size_t len = 0, said_len = 0;
    Runner *runner;
    while (said_len < sizeof said / sizeof said[0] && len < sizeof text &&
           (runner = next_busy(sim, said, said_len)) != NULL) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%s%s %u of the last %u, now after %s(%" PRIu64 ")", said_len > 0 ? ", " : "",
                                runner->name->text, runner->late_steps, STEPS_LATE,
                                runner->did != NULL ? runner->did : "start", runner->did_with);
        said[said_len++] = runner;
    }
    sim_fail(sim, "livelock: %" PRIu64 " steps at the same moment: %s", steps,
             said_len > 0 ? text : "nobody that is still there");
}

/* A step at the same moment as the one before it; NULL: the clock moved, or could not. */
static void look_for_livelock(Sim *sim, Runner *picked)
{
    const uint64_t steps = ++sim->world.steps_here, max = steps_max(sim);
    if (picked != NULL && steps + STEPS_LATE > max + 1) {
        picked->late_steps = picked->late_ns == sim->world.now_ns ? picked->late_steps + 1 : 1;
        picked->late_ns = sim->world.now_ns;
    }
    if (steps > max) {
        say_who_is_busy(sim, max);
    }
}

/* Runs somebody, or lets time go on instead. Somebody can run. */
static void step(Sim *sim, uint64_t until_ns)
{
    Threads *threads = &sim->threads;
    Runner *usual = sim->config.record != NULL ? schedule_default(sim) : NULL;
    Runner *picked = schedule_pick(sim);
    if (picked == NULL && !world_advance(sim, until_ns)) {
        picked = schedule_default(sim); /* no time to go on to */
    }
    if (picked != usual && sim->config.record != NULL) {
        record_switch(sim, threads->last_name, threads->last_step,
                      picked == NULL ? SIM_CLOCK : picked->name->text);
    }
    look_for_livelock(sim, picked);
    if (picked != NULL) {
        run_one(sim, picked);
    } else {
        threads->slips++;
    }
}

static void release_universe(void *sim)
{
    tsan_release(sim);
}

static void acquire_universe(void *sim)
{
    tsan_acquire(sim);
}

/* A run begins and ends for all threads at once: whoever calls sim_run() has seen all that happened before it
 * returns, and all have seen what was done before it was called. */
static void at_border(Sim *sim, void (*act)(void *sim))
{
    list_each(&sim->threads.all, node)
    {
        const CoreThread *thread = list_entry(node, CoreThread, node);
        if (!thread->carrier->is_finished) {
            carrier_impersonate(thread->carrier, act, sim);
        }
    }
}

bool threads_run(Sim *sim, uint64_t until_ns)
{
    Threads *threads = &sim->threads;
    World *world = &sim->world;
    CHECK(threads->running == NULL); /* not from inside */

    tsan_release(sim);
    at_border(sim, acquire_universe);
    while (!is_over(sim)) {
        world_happen(sim);
        if (threads->runnable_len == 0) {
            if (!world_advance(sim, until_ns)) {
                break;
            }
            look_for_stall(sim);
            continue;
        }
        step(sim, until_ns);
    }
    if (!is_over(sim)) {
        const Deadline *next = deadlines_first(&world->events);
        if (next == NULL || next->at_ns == NS_NEVER) {
            look_for_deadlock(sim);
        }
        if (until_ns != NS_NEVER && until_ns > world->now_ns) {
            world->now_ns = until_ns;
            world->steps_here = 0;
        }
    }
    at_border(sim, release_universe);
    tsan_acquire(sim);
    return !world->failed;
}

void threads_init(Sim *sim)
{
    list_init(&sim->threads.all);
    sim->threads.last_name = sim_name_new(sim, "-");
    schedule_init(sim);
}

/* Ends the contexts that the sanitizers know, of threads that will never go on. */
static void forget_kernel(void *opaque)
{
    CoreThread *thread = opaque;
    if (thread->kernel_depth > 0) {
        tsan_ignore_end();
    }
}

void threads_finish(Sim *sim)
{
    Threads *threads = &sim->threads;
    while (!list_is_empty(&threads->all)) {
        CoreThread *thread = list_first(&threads->all, CoreThread, node);
        if (!thread->carrier->is_finished) {
            carrier_impersonate(thread->carrier, forget_kernel, thread);
        }
        thread_free(sim, thread);
    }
    free(threads->runnable);
}

/* ---- For the user ---- */

void sim_spawn(Sim *sim, const char *name, void (*fn)(void *arg), void *arg)
{
    kernel_enter(sim);
    CoreThread *thread = sim_thread_start(sim, name, fn, arg, true);
    CHECK(thread != NULL);
    kernel_leave(sim);
}

static bool host_leave(Sim *sim)
{
    const bool holds_lock = sim->threads.lock_owner == sim->threads.current;
    if (holds_lock) {
        sim_host_unlock(sim);
    }
    return holds_lock;
}

static void host_return(Sim *sim, bool held_lock)
{
    if (held_lock) {
        sim_host_lock(sim);
    }
}

void sim_sleep(Sim *sim, uint64_t duration_ns)
{
    kernel_enter(sim);
    const bool held_lock = host_leave(sim);
    sim_thread_sleep(sim, duration_ns);
    host_return(sim, held_lock);
    kernel_leave(sim);
}

void sim_wait(Sim *sim, CoreGate *gate)
{
    kernel_enter(sim);
    const bool held_lock = host_leave(sim);
    sim_thread_pass(sim, gate, THREAD_PAUSED);
    host_return(sim, held_lock);
    kernel_leave(sim);
}

uint64_t sim_slips(const Sim *sim)
{
    return sim->threads.slips;
}

uint64_t sim_steps(const Sim *sim)
{
    return sim->threads.steps;
}
