/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/schedule.h"

#include <string.h>

#include "base/check.h"
#include "sim/universe.h"

#define SWITCH_ONE_IN_DEFAULT 4u
#define EXPECTED_DEFAULT 2048u /* points, of a universe without a profile */
#define TURNS_IN_A_ROW_MAX 1000u
#define QUANTUM_LOG_MAX 11u  /* sticky: 1 to 2^11 points */
#define ACCESSES_LOG 5u      /* at level L2 there are about 2^5 times as many points */
#define STARVING_LOG_MAX 12u /* 1 to 2^12 turns */
#define HELD_CLOCK_MAX_NS (2 * NS_PER_S)
#define FOREVER (INT64_MAX / 2)

struct SchedulerOps {
    void (*init)(Sim *sim);
    void (*enter)(Sim *sim, Runner *runner);
    void (*woken)(Sim *sim, Runner *runner);
    int64_t (*budget)(Sim *sim);
    bool (*leave)(Sim *sim);
    Runner *(*pick)(Sim *sim);
};

static Scheduler *scheduler_of(Sim *sim)
{
    return &sim->threads.scheduler;
}

/* ---- What all use ---- */

/* The k-th runnable after this id, in cyclic order of birth. */
static Runner *successor(Sim *sim, uint32_t id, size_t k)
{
    const Threads *threads = &sim->threads;
    Runner *found = NULL;
    CHECK(k < threads->runnable_len);
    for (size_t n = 0; n <= k; n++) {
        Runner *nearest = NULL;
        for (size_t i = 0; i < threads->runnable_len; i++) {
            Runner *runner = threads->runnable[i];
            /* Unsigned differences wrap: who was born before comes after all who were born later. */
            if (nearest == NULL || runner->id - id - 1 < nearest->id - id - 1) {
                nearest = runner;
            }
        }
        found = nearest;
        id = nearest->id;
    }
    return found;
}

static bool can_run(const Runner *runner)
{
    return runner != NULL && runner->place != 0;
}

Runner *schedule_default(Sim *sim)
{
    Runner *last = sim->threads.last;
    return can_run(last) && last->goes_on ? last : successor(sim, sim->threads.last_id, 0);
}

static Runner *anybody(Sim *sim)
{
    const Threads *threads = &sim->threads;
    return threads->runnable[threads->runnable_len == 1 ? 0 : choose_schedule(sim, threads->runnable_len)];
}

/* Numbers whose logarithms are about equally frequent, 1 to 2^log_max. */
static uint64_t log_uniform(Sim *sim, unsigned log_max)
{
    const uint64_t scale = UINT64_C(1) << choose_schedule(sim, log_max);
    return scale + choose_schedule(sim, scale + 1);
}

static int64_t points_until(const Sim *sim, uint64_t point)
{
    return point > sim->threads.points ? (int64_t)(point - sim->threads.points) : 1;
}

static bool always_leave(Sim *sim)
{
    (void)sim;
    return true;
}

/* ---- random ---- */

static unsigned accesses_log(const Sim *sim)
{
    return sim->config.level >= SIM_LEVEL_ACCESSES ? ACCESSES_LOG : 0;
}

static int64_t random_budget(Sim *sim)
{
    const uint64_t one_in =
        (uint64_t)(sim->config.switch_one_in == 0 ? SWITCH_ONE_IN_DEFAULT : sim->config.switch_one_in)
        << accesses_log(sim);
    return 1 + (int64_t)choose_schedule(sim, 2 * one_in - 1); /* one_in on average */
}

static const SchedulerOps random_ops = {.budget = random_budget, .leave = always_leave, .pick = anybody};

/* ---- sticky ---- */

static int64_t sticky_budget(Sim *sim)
{
    return points_until(sim, scheduler_of(sim)->until);
}

static Runner *sticky_pick(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    Runner *last = sim->threads.last;
    if (can_run(last) && sim->threads.points < scheduler->until) {
        return last;
    }
    scheduler->until = sim->threads.points + log_uniform(sim, QUANTUM_LOG_MAX + accesses_log(sim));
    return anybody(sim);
}

static const SchedulerOps sticky_ops = {.budget = sticky_budget, .leave = always_leave, .pick = sticky_pick};

/* ---- pct ---- */

static void pct_init(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    scheduler->changes_len = sim->config.scheduler == SIM_PCT2   ? 1
                             : sim->config.scheduler == SIM_PCT3 ? 2
                                                                 : 4;
    for (unsigned i = 0; i < scheduler->changes_len; i++) {
        uint64_t change = 1 + choose_schedule(sim, scheduler->expected);
        for (unsigned k = 0; k < i; k++) { /* keeps them sorted */
            if (scheduler->changes[k] > change) {
                const uint64_t later = scheduler->changes[k];
                scheduler->changes[k] = change;
                change = later;
            }
        }
        scheduler->changes[i] = change;
    }
    scheduler->lowest = SCHEDULE_CHANGES_MAX;
}

static void pct_enter(Sim *sim, Runner *runner)
{
    runner->schedule.priority = 1000000 + (uint32_t)choose_schedule(sim, UINT32_C(1) << 31);
}

static void pct_demote(Scheduler *scheduler, Runner *runner)
{
    runner->schedule.priority = scheduler->lowest > 0 ? scheduler->lowest-- : 0;
}

/* Who falls is who runs when the point comes. */
static void pct_change(Sim *sim, Runner *running)
{
    Scheduler *scheduler = scheduler_of(sim);
    while (scheduler->changes_done < scheduler->changes_len &&
           sim->threads.points >= scheduler->changes[scheduler->changes_done]) {
        scheduler->changes_done++;
        if (running != NULL) {
            pct_demote(scheduler, running);
        }
    }
}

static bool is_higher(const Runner *a, const Runner *b)
{
    return a->schedule.priority != b->schedule.priority ? a->schedule.priority > b->schedule.priority
                                                        : a->id < b->id;
}

static Runner *highest(const Sim *sim)
{
    Runner *found = NULL;
    for (size_t i = 0; i < sim->threads.runnable_len; i++) {
        Runner *runner = sim->threads.runnable[i];
        if (found == NULL || is_higher(runner, found)) {
            found = runner;
        }
    }
    return found;
}

static int64_t pct_budget(Sim *sim)
{
    const Scheduler *scheduler = scheduler_of(sim);
    return scheduler->changes_done == scheduler->changes_len
               ? FOREVER
               : points_until(sim, scheduler->changes[scheduler->changes_done]);
}

static bool pct_leave(Sim *sim)
{
    pct_change(sim, sim->threads.running);
    return highest(sim) != sim->threads.running;
}

static Runner *pct_pick(Sim *sim)
{
    pct_change(sim, sim->threads.last);
    return highest(sim);
}

static void pct_woken(Sim *sim, Runner *runner)
{
    if (sim->threads.running != NULL && is_higher(runner, sim->threads.running)) {
        threads_ask_soon(sim);
    }
}

static const SchedulerOps pct_ops = {
    .init = pct_init,
    .enter = pct_enter,
    .woken = pct_woken,
    .budget = pct_budget,
    .leave = pct_leave,
    .pick = pct_pick,
};

/* ---- walk ---- */

static uint64_t points_left(const Runner *runner)
{
    const uint64_t expected = runner->schedule.expected;
    return expected > runner->points ? expected - runner->points : 1;
}

static Runner *walk_pick(Sim *sim)
{
    const Threads *threads = &sim->threads;
    uint64_t all = 0;
    for (size_t i = 0; i < threads->runnable_len; i++) {
        all += points_left(threads->runnable[i]);
    }
    uint64_t at = choose_schedule(sim, all);
    size_t i = 0;
    while (at >= points_left(threads->runnable[i])) {
        at -= points_left(threads->runnable[i++]);
    }
    return threads->runnable[i];
}

static int64_t every_point(Sim *sim)
{
    (void)sim;
    return 1;
}

static bool walk_leave(Sim *sim)
{
    scheduler_of(sim)->next = walk_pick(sim);
    return scheduler_of(sim)->next != sim->threads.running;
}

static const SchedulerOps walk_ops = {.budget = every_point, .leave = walk_leave, .pick = walk_pick};

/* ---- starve ---- */

static void starve_init(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    scheduler->until = choose_schedule(sim, scheduler->expected);
    scheduler->holds_clock = choose_schedule(sim, 2) == 0;
}

static bool clock_is_near(const Sim *sim)
{
    const Deadline *first = deadlines_first(&sim->world.events);
    return first != NULL && first->at_ns - sim->world.now_ns <= HELD_CLOCK_MAX_NS;
}

static Runner *starve_pick(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    if (scheduler->victim == NULL && sim->threads.points >= scheduler->until) {
        scheduler->victim = anybody(sim);
        scheduler->turns_left = (uint32_t)log_uniform(sim, STARVING_LOG_MAX);
        /* Starving is to be the exception, four fifths of the time. */
        scheduler->until = sim->threads.points + 4 * (uint64_t)scheduler->turns_left;
    }
    if (!can_run(scheduler->victim)) {
        return anybody(sim);
    }
    if (scheduler->turns_left-- == 0) {
        scheduler->victim = NULL;
        return anybody(sim);
    }
    if (sim->threads.runnable_len == 1) {
        return scheduler->holds_clock && clock_is_near(sim) ? NULL : scheduler->victim;
    }
    Runner *other;
    do {
        other = anybody(sim);
    } while (other == scheduler->victim);
    return other;
}

static const SchedulerOps starve_ops = {
    .init = starve_init,
    .budget = random_budget,
    .leave = always_leave,
    .pick = starve_pick,
};

/* ---- exhaustive ---- */

static void exhaustive_init(Sim *sim)
{
    CHECK(sim->config.enumerator != NULL);
    scheduler_of(sim)->preemptions_left = (uint32_t)(sim->config.scheduler - SIM_EXHAUSTIVE0);
    scheduler_of(sim)->at_every_call = true;
    scheduler_of(sim)->skips_unseen = true;
}

static uint32_t enumerate(Sim *sim, size_t n)
{
    return sim_enumerator_choose(sim->config.enumerator, (uint32_t)n);
}

static bool exhaustive_leave(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    const Runner *running = sim->threads.running;
    if (scheduler->preemptions_left == 0 || scheduler->rests) {
        return false;
    }
    const uint32_t chosen =
        enumerate(sim, sim->threads.runnable_len); /* 0: stay; the others are its successors */
    if (chosen == 0) {
        return false;
    }
    scheduler->preemptions_left--;
    scheduler->next = successor(sim, running->id, chosen - 1);
    return true;
}

static Runner *exhaustive_pick(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    Runner *last = sim->threads.last;
    if (scheduler->rests) {
        return schedule_default(sim);
    }
    if (can_run(last)) { /* at the end of a turn, with more to do */
        if (scheduler->preemptions_left == 0) {
            return last;
        }
        const uint32_t chosen = enumerate(sim, sim->threads.runnable_len);
        if (chosen == 0) {
            return last;
        }
        scheduler->preemptions_left--;
        return successor(sim, last->id, chosen - 1);
    }
    return successor(sim, sim->threads.last_id, enumerate(sim, sim->threads.runnable_len));
}

static const SchedulerOps exhaustive_ops = {
    .init = exhaustive_init,
    .budget = every_point,
    .leave = exhaustive_leave,
    .pick = exhaustive_pick,
};

void sim_search(Sim *sim, bool on)
{
    scheduler_of(sim)->rests = !on;
}

/* ---- scripted ---- */

static void scripted_enter(Sim *sim, Runner *runner)
{
    runner->schedule.scripted = script_switches(sim, runner->name, &runner->schedule.scripted_end);
}

static void scripted_init(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    scheduler->gone.scripted = script_switches(sim, sim->threads.last_name, &scheduler->gone.scripted_end);
    scheduler->at_every_call = true;
}

/* The next decision for this one that is not over; NULL: none. */
static const SimDecision *scripted_next(SchedulePlace *place, SimStep step)
{
    while (place->scripted < place->scripted_end && sim_step_compare(place->scripted->step, step) < 0) {
        place->scripted++;
    }
    return place->scripted < place->scripted_end ? place->scripted : NULL;
}

/* What is decided for this very step, as far as it is possible. */
static bool scripted_now(Sim *sim, SchedulePlace *place, SimStep step)
{
    Scheduler *scheduler = scheduler_of(sim);
    const Threads *threads = &sim->threads;
    const SimDecision *decision;
    while ((decision = scripted_next(place, step)) != NULL && sim_step_compare(decision->step, step) == 0) {
        place->scripted++;
        if (strcmp(decision->whom, SIM_CLOCK) == 0) {
            scheduler->next_is_clock = true;
            return true;
        }
        for (size_t i = 0; i < threads->runnable_len; i++) {
            if (strcmp(threads->runnable[i]->name->text, decision->whom) == 0) {
                scheduler->next = threads->runnable[i];
                return true;
            }
        }
    }
    return false;
}

static int64_t scripted_budget(Sim *sim)
{
    Runner *running = sim->threads.running;
    const SimDecision *decision = scripted_next(&running->schedule, running->step);
    if (decision == NULL || decision->step.rounds != running->step.rounds ||
        decision->step.calls != running->step.calls || decision->step.accesses == running->step.accesses) {
        return FOREVER;
    }
    return decision->step.accesses - running->step.accesses;
}

static bool scripted_leave(Sim *sim)
{
    Runner *running = sim->threads.running;
    return scripted_now(sim, &running->schedule, running->step);
}

static Runner *scripted_pick(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    const Threads *threads = &sim->threads;
    SchedulePlace *place = threads->last != NULL ? &threads->last->schedule : &scheduler->gone;
    if (!scripted_now(sim, place, threads->last_step)) {
        return schedule_default(sim);
    }
    scheduler->next_is_clock = false;
    return scheduler->next; /* NULL: the clock */
}

static const SchedulerOps scripted_ops = {
    .init = scripted_init,
    .enter = scripted_enter,
    .budget = scripted_budget,
    .leave = scripted_leave,
    .pick = scripted_pick,
};

/* ---- The table ---- */

static const struct {
    const char *name;
    const SchedulerOps *ops;
} schedulers[SIM_SCHEDULERS] = {
    [SIM_RANDOM] = {"random", &random_ops},
    [SIM_PCT2] = {"pct2", &pct_ops},
    [SIM_PCT3] = {"pct3", &pct_ops},
    [SIM_PCT5] = {"pct5", &pct_ops},
    [SIM_STICKY] = {"sticky", &sticky_ops},
    [SIM_WALK] = {"walk", &walk_ops},
    [SIM_STARVE] = {"starve", &starve_ops},
    [SIM_EXHAUSTIVE0] = {"exhaustive0", &exhaustive_ops},
    [SIM_EXHAUSTIVE1] = {"exhaustive1", &exhaustive_ops},
    [SIM_EXHAUSTIVE2] = {"exhaustive2", &exhaustive_ops},
    [SIM_EXHAUSTIVE3] = {"exhaustive3", &exhaustive_ops},
    [SIM_SCRIPTED] = {"scripted", &scripted_ops},
};

const char *sim_scheduler_name(SimScheduler scheduler)
{
    CHECK(scheduler < SIM_SCHEDULERS);
    return schedulers[scheduler].name;
}

bool sim_scheduler_named(const char *name, SimScheduler *ret)
{
    for (unsigned i = 0; i < SIM_SCHEDULERS; i++) {
        if (strcmp(schedulers[i].name, name) == 0) {
            *ret = (SimScheduler)i;
            return true;
        }
    }
    return false;
}

/* ---- What threads.c asks ---- */

void schedule_init(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    const SimRecord *profile = sim->config.profile;
    const bool scripted = sim->config.script != NULL && sim->config.script->schedule;
    CHECK(sim->config.scheduler < SIM_SCHEDULERS);
    scheduler->ops = scripted ? &scripted_ops : schedulers[sim->config.scheduler].ops;
    scheduler->expected =
        profile != NULL && profile->points_total > 0 ? profile->points_total : EXPECTED_DEFAULT;
    if (scheduler->ops->init != NULL) {
        scheduler->ops->init(sim);
    }
}

void schedule_enter(Sim *sim, Runner *runner)
{
    const Scheduler *scheduler = scheduler_of(sim);
    const SimRecord *profile = sim->config.profile;
    for (size_t i = 0; profile != NULL && i < profile->shares_len; i++) {
        if (strcmp(profile->shares[i].who, runner->name->text) == 0) {
            runner->schedule.expected = profile->shares[i].points;
        }
    }
    if (scheduler->ops->enter != NULL) {
        scheduler->ops->enter(sim, runner);
    }
}

void schedule_forget(Sim *sim, Runner *runner)
{
    Scheduler *scheduler = scheduler_of(sim);
    if (scheduler->victim == runner) {
        scheduler->victim = NULL;
    }
    if (scheduler->next == runner) {
        scheduler->next = NULL;
    }
    if (sim->threads.last == runner) {
        scheduler->gone = runner->schedule;
    }
}

void schedule_woken(Sim *sim, Runner *runner)
{
    const Scheduler *scheduler = scheduler_of(sim);
    if (scheduler->ops->woken != NULL) {
        scheduler->ops->woken(sim, runner);
    }
}

int64_t schedule_budget(Sim *sim)
{
    return scheduler_of(sim)->ops->budget(sim);
}

bool schedule_leave(Sim *sim)
{
    return scheduler_of(sim)->ops->leave(sim);
}

/* Now and then time goes on although somebody could run. A script says itself when. */
static bool slips(Sim *sim)
{
    const uint32_t one_in = sim->config.slip_one_in;
    const bool slips = one_in != 0 && (sim->config.faults_off & SIM_FAULT_BIT(SIM_F8_SLIP)) == 0 &&
                       scheduler_of(sim)->ops != &scripted_ops && choose_schedule(sim, one_in) == 0;
    if (slips) {
        sim_fault_happened(sim, SIM_F8_SLIP);
    }
    return slips;
}

Runner *schedule_pick(Sim *sim)
{
    Scheduler *scheduler = scheduler_of(sim);
    const Threads *threads = &sim->threads;
    Runner *picked = scheduler->next;
    const bool is_clock = scheduler->next_is_clock;
    scheduler->next = NULL;
    scheduler->next_is_clock = false;
    if (is_clock || slips(sim)) {
        return NULL;
    }
    if (!can_run(picked)) {
        picked = scheduler->ops->pick(sim);
        scheduler->next = NULL;
    }
    if (picked == NULL || picked != threads->last) {
        scheduler->in_a_row = 0;
    } else if (!picked->goes_on) {
        scheduler->in_a_row++;
    }
    if (scheduler->in_a_row > TURNS_IN_A_ROW_MAX && threads->runnable_len > 1) {
        scheduler->in_a_row = 0;
        picked->schedule.priority = 0;
        picked = successor(sim, picked->id, 0);
    }
    return picked;
}
