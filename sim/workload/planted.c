/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/planted.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"

#define THREADS 6
#define STEPS 40

typedef struct Planted {
    const SimPlan *plan;
    SimOutcome *outcome;
    Sim *sim;
    const Core *core;
    CoreThread *threads[THREADS];
    struct Worker {
        struct Planted *planted;
        unsigned index;
    } workers[THREADS];
    unsigned place[THREADS];                /* how many steps each has done */
    unsigned order;                         /* steps done by all */
    unsigned first[THREADS], last[THREADS]; /* when each began and ended */
    unsigned opened;                        /* when the window was opened; 0: it is shut */
    unsigned inside;                        /* steps of the second since then */
    int count;
    uint32_t *shared;
    CoreGate gates[2];
    uint64_t woke_ns;
    uint32_t met;
} Planted;

/* Starts `n` threads of this kind from a host's thread, and joins them. */
static void run_threads(Planted *planted, unsigned n, void (*entry)(void *arg))
{
    const Core *core = planted->core;
    for (unsigned i = 0; i < n; i++) {
        planted->workers[i] = (struct Worker){planted, i};
        planted->threads[i] = core->thread_start(core, "worker", entry, &planted->workers[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        core->thread_join(core, planted->threads[i]);
    }
}

static void play(const SimPlan *plan, const SimConfig *base, SimOutcome *ret, void (*main_thread)(void *arg))
{
    Planted planted = {.plan = plan, .outcome = ret};
    SimConfig config = *base;
    config.slip_one_in = sim_plan_rate(plan, SIM_F8_SLIP, 32, 512);
    planted.sim = sim_new(&config);
    CHECK(planted.sim != NULL);
    planted.core = sim_core(planted.sim);
    sim_spawn(planted.sim, "main", main_thread, &planted);
    ret->worth = sim_run(planted.sim, NS_NEVER);
    sim_outcome_take(ret, planted.sim);
    sim_free(planted.sim);
}

/* One step that others may come before and after. */
static void pass(Planted *planted)
{
    planted->core->now_ns(planted->core);
}

/* ---- order, window ---- */

static void walk(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    const unsigned me = worker->index;
    planted->first[me] = ++planted->order;
    for (unsigned i = 0; i < STEPS; i++) {
        planted->order++;
        if (me == 0 && i == STEPS / 2) {
            planted->opened = planted->order;
            planted->inside = 0;
        }
        if (me == 1 && planted->opened != 0 && i >= STEPS / 4) {
            planted->inside++;
        }
        pass(planted);
        if (me == 0 && i == STEPS / 2) {
            if (planted->inside >= 3 && planted->place[1] < STEPS) {
                planted->met = 1;
            }
            planted->opened = 0;
        }
        planted->place[me]++;
    }
    planted->last[me] = ++planted->order;
}

static void order_main(void *arg)
{
    Planted *planted = arg;
    run_threads(planted, THREADS, walk);
    if (planted->last[THREADS - 1] < planted->first[0]) {
        sim_fail(planted->sim, "planted: the last was done before the first began");
    }
}

static void order_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, order_main);
}

static void window_main(void *arg)
{
    Planted *planted = arg;
    run_threads(planted, THREADS, walk);
    if (planted->met != 0) {
        sim_fail(planted->sim, "planted: three steps inside the window");
    }
}

static void window_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, window_main);
}

/* ---- update, access ---- */

/* The 20 calls around it make room for decisions that do not matter. */
static void count_carelessly(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    const uint32_t more = worker->index == 0 ? sim_plan_knob(planted->plan, "more") : 0;
    for (unsigned i = 0; i < 20 + more; i++) {
        pass(planted);
    }
    const int seen = planted->count;
    pass(planted);
    planted->count = seen + 1;
    for (unsigned i = 0; i < 20; i++) {
        pass(planted);
    }
}

static void update_main(void *arg)
{
    Planted *planted = arg;
    run_threads(planted, THREADS, count_carelessly);
    if (planted->count != THREADS) {
        sim_fail(planted->sim, "planted: an update is lost");
    }
}

static void update_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, update_main);
}

static void count_more_carelessly(void *arg)
{
    Planted *planted = ((struct Worker *)arg)->planted;
    volatile int *count = &planted->count;
    *count = *count + 1;
}

static void access_main(void *arg)
{
    Planted *planted = arg;
    run_threads(planted, 2, count_more_carelessly);
    if (planted->count != 2) {
        sim_fail(planted->sim, "planted: an update is lost");
    }
}

static void access_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, access_main);
}

/* ---- starved ---- */

static void tick_or_answer(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    for (unsigned i = 0; i < 10 && worker->index == 0; i++) {
        sim_sleep(planted->sim, NS_PER_MS);
    }
    if (worker->index == 1) {
        for (unsigned i = 0; i < 10; i++) {
            pass(planted);
        }
        planted->woke_ns = planted->core->now_ns(planted->core);
    }
}

static void starved_main(void *arg)
{
    Planted *planted = arg;
    const uint64_t start_ns = planted->core->now_ns(planted->core);
    run_threads(planted, 2, tick_or_answer);
    if (planted->woke_ns - start_ns > 5 * NS_PER_MS) {
        sim_fail(planted->sim, "planted: no answer in 5 ms");
    }
}

static void starved_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, starved_main);
}

/* ---- fault ---- */

static void take_chances(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    for (unsigned i = 0; i < 30; i++) {
        pass(planted);
        const bool close = sim_fault(planted->sim, SIM_F1_CLOSE, 4, 100) != 0;
        const bool lie = sim_fault(planted->sim, SIM_F11_LIES, 4, 1) != 0;
        const uint32_t value = sim_choose_at(planted->sim, "value", 100);
        if (worker->index == 0 && i == 17) {
            planted->met = (uint32_t)(close && lie && value >= 30);
        }
    }
}

static void fault_main(void *arg)
{
    Planted *planted = arg;
    run_threads(planted, sim_plan_knob(planted->plan, "clients"), take_chances);
    if (planted->met != 0) {
        sim_fail(planted->sim, "planted: closed, lied to, and a large value");
    }
}

static void fault_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, fault_main);
}

/* ---- crash, deadlock ---- */

static void use_then_free(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    pass(planted);
    if (worker->index == 0) {
        free(planted->shared);
        pass(planted);
        planted->shared = NULL;
    } else if (planted->shared != NULL) {
        volatile uint32_t *shared = planted->shared;
        pass(planted);
        planted->count += (int)*shared;
        if (planted->shared == NULL) {
            abort(); /* builds without a sanitizer see it, too */
        }
    }
}

static void crash_main(void *arg)
{
    Planted *planted = arg;
    planted->shared = calloc(1, sizeof *planted->shared);
    CHECK(planted->shared != NULL);
    (void)sim_fault(planted->sim, SIM_F1_CLOSE, 1, 1); /* something for the dead to tell */
    run_threads(planted, 2, use_then_free);
}

static void crash_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, crash_main);
}

/* Whoever comes second finds that the first has not been here yet, or waits for ever. */
static void wait_for_the_other(void *arg)
{
    const struct Worker *worker = arg;
    Planted *planted = worker->planted;
    const unsigned other = 1 - worker->index;
    planted->place[worker->index] = 1;
    pass(planted);
    if (planted->place[other] != 0) {
        pass(planted);
        if (planted->place[other] == 2) {
            return;
        }
        planted->core->gate_wait(planted->core, &planted->gates[worker->index]);
    }
    planted->place[worker->index] = 2;
    planted->core->gate_open(planted->core, &planted->gates[other]);
}

static void deadlock_main(void *arg)
{
    run_threads(arg, 2, wait_for_the_other);
}

static void deadlock_run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    play(plan, base, ret, deadlock_main);
}

/* ---- The table ---- */

static const SimKnob more_knob[] = {{"more", 0, 9, "steps that the first of them goes in addition"}};
static const SimKnob clients_knob[] = {{"clients", 1, 4, "how many take chances"}};

#define PLANTED(subject, text) .name = "planted-" subject, .about = text, .planted = true

const SimSubject planted_order_subject = {
    PLANTED("order", "a bug of depth 1: one thread ends before another begins"), .run = order_run};
const SimSubject planted_window_subject = {
    PLANTED("window", "a bug of depth 2: three steps of one thread between two of another"),
    .run = window_run};
const SimSubject planted_update_subject = {
    PLANTED("update", "a lost update, with a call between load and store"),
    .knobs = more_knob,
    .knobs_len = 1,
    .run = update_run,
};
const SimSubject planted_access_subject = {
    PLANTED("access", "a lost update, with nothing between load and store"), .run = access_run};
const SimSubject planted_starved_subject = {
    PLANTED("starved", "an answer that comes too late when time goes on meanwhile"), .run = starved_run};
const SimSubject planted_fault_subject = {
    PLANTED("fault", "needs two faults of many at one moment, and a large value"),
    .knobs = clients_knob,
    .knobs_len = 1,
    .run = fault_run,
};
const SimSubject planted_crash_subject = {PLANTED("crash", "memory is used after it was freed"),
                                          .run = crash_run};
const SimSubject planted_deadlock_subject = {PLANTED("deadlock", "two threads wait for each other"),
                                             .run = deadlock_run};
