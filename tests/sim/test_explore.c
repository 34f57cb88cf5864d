/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_explore.c: does the explorer find what was planted, say so in tokens and files that repeat it, and make it small?
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/explore/oracle.h"
#include "sim/explore/shrink.h"
#include "sim/explore/sweep.h"
#include "sim/workload/planted.h"
#include "sim/workload/universe.h"

static const SimSubject *const subjects[] = {
    &planted_order_subject,   &planted_window_subject,
    &planted_update_subject,  &planted_access_subject,
    &planted_starved_subject, &planted_fault_subject,
    &planted_crash_subject,   &planted_deadlock_subject,
    &universe_subject,        NULL,
};

static SimPlan plan_of(const SimSubject *subject, uint64_t seed, SimScheduler scheduler)
{
    SimPlan plan = sim_plan(subject, seed, SIM_LEVEL_CALLS);
    plan.scheduler = scheduler;
    return plan;
}

/* The first seed that fails; 0: none up to `last`. */
static uint64_t first_failure(const SimSubject *subject, SimScheduler scheduler, uint64_t last)
{
    SimStage stage = {0};
    uint64_t found = 0;
    for (uint64_t seed = 1; seed <= last && found == 0; seed++) {
        const SimReplay what = {.plan = plan_of(subject, seed, scheduler)};
        SimOutcome outcome;
        sim_play(&stage, &what, NULL, &outcome);
        found = outcome.failure[0] != '\0' ? seed : 0;
    }
    sim_stage_free(&stage);
    return found;
}

/* ---- Schedulers ---- */

/* Which scheduler finds what within how many seeds: about three times what it took when this was written. Those that are
 * not named need not find it: random switching alone is hopeless where order is all, priorities are weak where a window
 * is. */
static void schedulers_find_what_they_are_for(void **state)
{
    (void)state;
    static const struct {
        const SimSubject *subject;
        SimScheduler scheduler;
        uint64_t seeds;
    } rows[] = {
        {&planted_order_subject, SIM_PCT2, 20},      {&planted_order_subject, SIM_PCT3, 20},
        {&planted_order_subject, SIM_PCT5, 20},      {&planted_order_subject, SIM_STICKY, 20},
        {&planted_order_subject, SIM_STARVE, 1500},  {&planted_window_subject, SIM_RANDOM, 20},
        {&planted_window_subject, SIM_WALK, 50},     {&planted_window_subject, SIM_STARVE, 20},
        {&planted_window_subject, SIM_PCT3, 7500},   {&planted_window_subject, SIM_PCT5, 2500},
        {&planted_window_subject, SIM_STICKY, 7500}, {&planted_update_subject, SIM_RANDOM, 10},
        {&planted_update_subject, SIM_PCT2, 250},    {&planted_update_subject, SIM_PCT3, 50},
        {&planted_update_subject, SIM_PCT5, 75},     {&planted_update_subject, SIM_STICKY, 125},
        {&planted_update_subject, SIM_WALK, 10},     {&planted_update_subject, SIM_STARVE, 10},
        {&planted_starved_subject, SIM_STARVE, 20},  {&planted_fault_subject, SIM_RANDOM, 75},
        {&planted_deadlock_subject, SIM_RANDOM, 50}, {&planted_deadlock_subject, SIM_PCT2, 40},
        {&planted_deadlock_subject, SIM_STICKY, 10}, {&planted_deadlock_subject, SIM_WALK, 10},
        {&planted_deadlock_subject, SIM_STARVE, 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (first_failure(rows[i].subject, rows[i].scheduler, rows[i].seeds) == 0) {
            fail_msg("%s does not find %s in %" PRIu64 " seeds", sim_scheduler_name(rows[i].scheduler),
                     rows[i].subject->name, rows[i].seeds);
        }
    }
    assert_int_equal(first_failure(&planted_starved_subject, SIM_RANDOM, 300), 0); /* else it shows nothing */
}

static bool count(void *opaque)
{
    ++*(uint64_t *)opaque;
    return true;
}

static bool search(const SimSubject *subject, SimScheduler scheduler, uint64_t *ret_turns, SimOutcome *ret)
{
    SimStage stage = {0};
    SimPlan plan = plan_of(subject, 1, scheduler);
    plan.faults = 0;
    *ret_turns = 0;
    const bool complete = sim_play_all(&stage, &plan, 1000000, count, ret_turns, ret);
    if (ret->failure[0] != '\0') { /* the token of it repeats it */
        const SimReplay what = {.plan = plan};
        SimOutcome again;
        sim_play(&stage, &what, NULL, &again);
        assert_string_equal(again.failure, ret->failure);
        assert_int_equal(again.hash, ret->hash);
    }
    sim_stage_free(&stage);
    return complete;
}

static void exhaustive_search_is_complete(void **state)
{
    (void)state;
    SimOutcome outcome;
    uint64_t none, one, two;
    /* Nothing between load and store where a thread could be left: there is no schedule that fails. */
    assert_true(search(&planted_access_subject, SIM_EXHAUSTIVE0, &none, &outcome));
    assert_true(search(&planted_access_subject, SIM_EXHAUSTIVE1, &one, &outcome));
    assert_true(search(&planted_access_subject, SIM_EXHAUSTIVE2, &two, &outcome));
    assert_true(1 < none && none < one && one < two);
    /* This one needs one preemption, no more and no less. */
    assert_true(search(&planted_deadlock_subject, SIM_EXHAUSTIVE0, &none, &outcome));
    assert_false(search(&planted_deadlock_subject, SIM_EXHAUSTIVE1, &one, &outcome));
    assert_non_null(strstr(outcome.failure, "deadlock"));
}

/* ---- Scripts ---- */

static SimReplay script_of(SimStage *stage, const SimPlan *plan, SimOutcome *ret)
{
    SimReplay list = {.plan = *plan, .has_script = true};
    SimRecord record = {0};
    sim_play(stage, &(SimReplay){.plan = *plan}, &(SimPlayOptions){.record = &record}, ret);
    assert_true(sim_script_from(&record.decisions, &list.script));
    sim_record_free(&record);
    return list;
}

/* Whatever a scheduler decided: what was recorded of it gives the same events. */
static void records_repeat_everything(void **state)
{
    (void)state;
    for (size_t s = 0; subjects[s] != NULL; s++) {
        for (unsigned k = 0; k < SIM_EXHAUSTIVE0 && subjects[s] != &planted_crash_subject; k++) {
            SimStage stage = {0};
            for (uint64_t seed = 1; seed <= 12; seed++) {
                const SimPlan plan = plan_of(subjects[s], seed, (SimScheduler)k);
                SimOutcome outcome, again;
                SimReplay list = script_of(&stage, &plan, &outcome);
                sim_play(&stage, &list, NULL, &again);
                if (again.hash != outcome.hash || strcmp(again.failure, outcome.failure) != 0) {
                    fail_msg("%s, %s, seed %" PRIu64 ": not the same", subjects[s]->name,
                             sim_scheduler_name((SimScheduler)k), seed);
                }
                sim_replay_free(&list);
            }
            sim_stage_free(&stage);
        }
    }
}

static void files_say_what_was_recorded(void **state)
{
    (void)state;
    SimStage stage = {0};
    SimOutcome outcome, again;
    char error[200];
    SimReplay read;
    SimReplay list = script_of(&stage,
                               &(SimPlan){.subject = &universe_subject,
                                          .seed = 7,
                                          .level = SIM_LEVEL_CALLS,
                                          .scheduler = SIM_RANDOM,
                                          .faults = SIM_FAULTS_ALL,
                                          .knobs = {2, 1, 20}},
                               &outcome);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(list.script.decisions.len > 20);
    sim_replay_write(&list, file);
    rewind(file);
    if (!sim_replay_read(file, subjects, &read, error, sizeof error)) {
        fail_msg("%s", error);
    }
    fclose(file);
    assert_int_equal(read.script.decisions.len, list.script.decisions.len);
    sim_play(&stage, &read, NULL, &again);
    assert_int_equal(again.hash, outcome.hash);
    sim_replay_free(&read);
    sim_replay_free(&list);
    sim_stage_free(&stage);
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "there is no plan"},
        {"spice-sim replay 2\n", "line 1"},
        {"spice-sim replay 1\n", "there is no plan"},
        {"spice-sim replay 1\nplan S1:nobody:1:L1:random:0\n", "line 2: there is no subject 'nobody'"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nd main x worker\n", "line 3"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nd main 1.2.3.4 worker\n", "line 3"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nd main 4294967296 worker\n", "line 3"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nf F4.write c1 1\n", "line 3"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nv act c1 18446744073709551616 1\n", "line 3"},
        {"spice-sim replay 1\nplan S1:universe:1:L1:random:0\nhash zz\n", "line 3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char error[200];
        SimReplay read;
        FILE *file = tmpfile();
        assert_non_null(file);
        fputs(rows[i].text, file);
        rewind(file);
        assert_false(sim_replay_read(file, subjects, &read, error, sizeof error));
        fclose(file);
        if (strstr(error, rows[i].error) == NULL) {
            fail_msg("row %zu: \"%s\" does not contain \"%s\"", i, error, rows[i].error);
        }
    }
}

/* ---- Tokens ---- */

static void tokens_repeat_plans(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 200; seed++) {
        char token[SIM_TOKEN_BYTES], again[SIM_TOKEN_BYTES], error[200];
        SimPlan plan =
            sim_plan(subjects[seed % 9], seed * UINT64_C(0x9e3779b97f4a7c15), (SimLevel)(seed % 3));
        SimPlan parsed;
        if (plan.subject->knobs_len > 0 && seed % 2 == 0) {
            plan.knobs[0] = plan.subject->knobs[0].max;
        }
        sim_token_print(&plan, token);
        assert_true(sim_token_parse(token, subjects, &parsed, error, sizeof error));
        sim_token_print(&parsed, again);
        assert_string_equal(token, again);
        /* Field by field: a plan has padding. */
        assert_ptr_equal(plan.subject, parsed.subject);
        assert_true(plan.seed == parsed.seed);
        assert_int_equal(plan.level, parsed.level);
        assert_int_equal(plan.scheduler, parsed.scheduler);
        assert_int_equal(plan.turn, parsed.turn);
        assert_true(plan.faults == parsed.faults);
        assert_memory_equal(plan.knobs, parsed.knobs, sizeof plan.knobs);
    }
}

static void broken_tokens_are_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        "S1",
        "S2:universe:1:L1:random:0",
        "S1:universe:1:L1:random",
        "S1:universe::L1:random:0",
        "S1:universe:g:L1:random:0",
        "S1:universe:10000000000000000:L1:random:0",
        "S1:universe:1:L3:random:0",
        "S1:universe:1:L1:fair:0",
        "S1:universe:1:L1:random.x:0",
        "S1:universe:1:L1:random:ffffffffffffffff",
        "S1:universe:1:L1:random:0:clients=9",
        "S1:universe:1:L1:random:0:clients=",
        "S1:universe:1:L1:random:0:clients",
        "S1:universe:1:L1:random:0:horses=1",
    };
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        SimPlan plan;
        char error[200] = "";
        if (sim_token_parse(tokens[i], subjects, &plan, error, sizeof error) || error[0] == '\0') {
            fail_msg("'%s' is taken for a token", tokens[i]);
        }
    }
    char endless[1000];
    SimPlan plan;
    char error[200];
    memset(endless, ':', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    assert_false(sim_token_parse(endless, subjects, &plan, error, sizeof error));
}

static void faults_have_names(void **state)
{
    (void)state;
    SimFaults all = 0;
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        assert_int_equal(sim_faults_named(sim_fault_name((SimFault)i)), SIM_FAULT_BIT(i));
        all |= SIM_FAULT_BIT(i);
    }
    assert_int_equal(sim_faults_named("all"), all);
    assert_int_equal(sim_faults_named("F4"), SIM_FAULT_BIT(SIM_F4_WRITE) | SIM_FAULT_BIT(SIM_F4_BUFFERS));
    assert_int_equal(sim_faults_named("F1"),
                     SIM_FAULT_BIT(SIM_F1_CLOSE) | SIM_FAULT_BIT(SIM_F1_RESET)); /* no F10 */
    assert_int_equal(sim_faults_named("client"), SIM_FAULT_BIT(SIM_CLIENT_GARBAGE) |
                                                     SIM_FAULT_BIT(SIM_CLIENT_LINK) |
                                                     SIM_FAULT_BIT(SIM_CLIENT_TWICE));
    assert_int_equal(sim_faults_named("F"), 0);
    assert_int_equal(sim_faults_named(""), 0);
    assert_int_equal(sim_faults_named("F4.writ"), 0);
    char text[SIM_FAULTS_TEXT_BYTES];
    sim_faults_print(SIM_FAULT_BIT(SIM_F4_WRITE) | SIM_FAULT_BIT(SIM_F11_LIES), ", ", text);
    assert_string_equal(text, "F4.write, F11.lies");
    sim_faults_print(0, " ", text);
    assert_string_equal(text, "");
    sim_faults_print(SIM_FAULTS_ALL, " ", text);
}

/* Without a fault it does not happen, and nothing else changes for those who do not meet it. */
static void faults_can_be_switched_off_alone(void **state)
{
    (void)state;
    SimStage stage = {0};
    const uint64_t seed = first_failure(&planted_fault_subject, SIM_RANDOM, 200);
    SimReplay what = {.plan = plan_of(&planted_fault_subject, seed, SIM_RANDOM)};
    SimOutcome outcome, other;
    assert_int_not_equal(seed, 0);
    sim_play(&stage, &what, NULL, &outcome);
    what.plan.faults = SIM_FAULT_BIT(SIM_F1_CLOSE) | SIM_FAULT_BIT(SIM_F11_LIES);
    sim_play(&stage, &what, NULL, &other);
    assert_string_equal(other.failure, outcome.failure); /* needs these two and no more */
    assert_int_equal(other.faults, what.plan.faults);    /* and tells that they happened */
    what.plan.faults = SIM_FAULT_BIT(SIM_F1_CLOSE);
    sim_play(&stage, &what, NULL, &other);
    assert_int_equal(other.faults, what.plan.faults);
    assert_string_equal(other.failure, "");
    what.plan.faults = SIM_FAULTS_ALL & ~SIM_FAULT_BIT(SIM_F1_CLOSE);
    sim_play(&stage, &what, NULL, &other);
    assert_string_equal(other.failure, "");
    sim_stage_free(&stage);
}

/* ---- Shrinking ---- */

static SimReplay shrunk(const SimSubject *subject, SimScheduler scheduler, uint64_t seed,
                        SimShrinkReport *report)
{
    SimStage stage = {0};
    const SimReplay what = {.plan = plan_of(subject, seed, scheduler)};
    SimReplay small;
    char error[200];
    if (!sim_shrink(&stage, &what, NULL, &small, report, error, sizeof error)) {
        fail_msg("%s: %s", subject->name, error);
    }
    sim_stage_free(&stage);
    return small;
}

/* A failure that met at least 137 decisions on its way. */
static void hundreds_of_decisions_become_few(void **state)
{
    (void)state;
    SimShrinkReport report;
    const uint64_t seed = first_failure(&planted_update_subject, SIM_WALK, 100);
    SimReplay small = shrunk(&planted_update_subject, SIM_WALK, seed, &report);
    assert_true(report.decisions_before >= 137);
    assert_in_range(report.decisions_after, 1, 3);
    assert_int_equal(small.script.decisions.len, report.decisions_after);
    assert_string_equal(small.failure, "planted: an update is lost");
    assert_int_equal(small.plan.faults, 0);
    assert_in_range(report.runs, 1, 1000);

    SimStage stage = {0};
    SimOutcome outcome;
    sim_play(&stage, &small, NULL, &outcome);
    assert_string_equal(outcome.failure, small.failure);
    assert_int_equal(outcome.hash, small.hash);

    /* Each that is left is needed. */
    for (size_t i = 0; i < small.script.decisions.len; i++) {
        SimReplay less;
        assert_true(sim_replay_copy(&less, &small));
        less.script.decisions.list[i] = less.script.decisions.list[--less.script.decisions.len];
        sim_play(&stage, &less, NULL, &outcome);
        assert_string_equal(outcome.failure, "");
        sim_replay_free(&less);
    }
    sim_stage_free(&stage);
    sim_replay_free(&small);
}

static void faults_clients_and_values_become_few(void **state)
{
    (void)state;
    SimShrinkReport report;
    const uint64_t seed = first_failure(&planted_fault_subject, SIM_RANDOM, 200);
    SimReplay small = shrunk(&planted_fault_subject, SIM_RANDOM, seed, &report);
    const SimDecisions *left = &small.script.decisions;
    assert_int_equal(small.plan.knobs[0], 1);
    assert_int_equal(small.plan.level, SIM_LEVEL_LOOPS);
    assert_int_equal(small.plan.faults, SIM_FAULT_BIT(SIM_F1_CLOSE) | SIM_FAULT_BIT(SIM_F11_LIES));
    assert_true(small.script.zeros);
    assert_int_equal(left->len, 3);
    assert_string_equal(left->list[0].site, "F1.close");
    assert_int_equal(left->list[0].value, 1);
    assert_string_equal(left->list[1].site, "F11.lies");
    assert_string_equal(left->list[2].site, "value");
    assert_int_equal(left->list[2].value, 30); /* the least that will do */
    sim_replay_free(&small);
}

static void crashes_shrink_too(void **state)
{
    (void)state;
    SimStage stage = {0};
    SimShrinkReport report;
    SimOutcome outcome = {0};
    uint64_t seed = 0;
    while (outcome.failure[0] == '\0' && ++seed < 50) {
        const SimReplay what = {.plan = plan_of(&planted_crash_subject, seed, SIM_RANDOM)};
        assert_true(sim_play_apart(&stage, &what, NULL, &outcome));
    }
    assert_memory_equal(outcome.failure, "died: ", 6);
    SimReplay small = shrunk(&planted_crash_subject, SIM_RANDOM, seed, &report);
    assert_in_range(report.decisions_after, 1, 2);
    sim_replay_free(&small);
    sim_stage_free(&stage);
}

static void run_for_ever(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    (void)base;
    (void)ret;
    for (volatile bool goes_on = plan->seed == 2; goes_on;) {
    }
}

static void count_hanging(void *opaque, const SimPlan *plan, const SimOutcome *outcome, bool is_new)
{
    (void)is_new;
    assert_true(plan->seed == 2);
    assert_string_equal(outcome->failure, "hangs: no end after 1 seconds");
    ++*(unsigned *)opaque;
}

/* Also one that calls nothing, where the simulator itself sees no step. */
static void universes_without_end_are_found(void **state)
{
    (void)state;
    static const SimSubject subject = {
        .name = "for-ever", .about = "one that does not end", .run = run_for_ever};
    const SimSubject *const list[] = {&subject, NULL};
    unsigned found = 0;
    const SimSweep sweep = {.subjects = list,
                            .first = 1,
                            .last = 3,
                            .level = SIM_LEVEL_CALLS,
                            .jobs = 1,
                            .shards = 1,
                            .hang_seconds = 1,
                            .opaque = &found,
                            .found = count_hanging};
    SimSweepCount count;
    assert_true(sim_sweep(&sweep, &count));
    assert_int_equal(found, 1);
    assert_int_equal(count.universes, 3);
}

/* The point of naming decisions by a thread's own steps: the first thread goes 1 to 9 steps more before anything, and the
 * script still says what it said. */
static void scripts_survive_steps_of_others(void **state)
{
    (void)state;
    SimShrinkReport report;
    SimStage stage = {0};
    unsigned survived = 0, tried = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const SimReplay what = {.plan = plan_of(&planted_update_subject, seed, SIM_RANDOM)};
        SimOutcome outcome;
        sim_play(&stage, &what, NULL, &outcome);
        if (outcome.failure[0] == '\0') {
            continue;
        }
        SimReplay small = shrunk(&planted_update_subject, SIM_RANDOM, seed, &report);
        const bool about_first = strcmp(small.script.decisions.list[0].who, "worker") == 0;
        for (uint32_t more = 1; more <= 9 && !about_first; more++) {
            small.plan.knobs[0] = more;
            sim_play(&stage, &small, NULL, &outcome);
            tried++;
            survived += strcmp(outcome.failure, "planted: an update is lost") == 0;
        }
        sim_replay_free(&small);
    }
    sim_stage_free(&stage);
    assert_true(tried >= 18);
    assert_int_equal(survived, tried);
}

/* Thousands of values, of which only the last matters: many more than there are runs, or seconds, for. */
static void choose_thousands(void *arg)
{
    Sim *sim = arg;
    uint32_t last = 0;
    for (unsigned i = 0; i < 20000; i++) {
        last = sim_choose_at(sim, "value", 100);
    }
    if (last > 0) {
        sim_fail(sim, "planted: the last of thousands");
    }
}

static void run_thousands(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    (void)plan;
    Sim *sim = sim_new(base);
    assert_non_null(sim);
    sim_spawn(sim, "main", choose_thousands, sim);
    ret->worth = sim_run(sim, NS_NEVER);
    sim_outcome_take(ret, sim);
    sim_free(sim);
}

static void shrinking_stops_in_time(void **state)
{
    (void)state;
    static const SimSubject subject = {.name = "thousands", .about = "many values", .run = run_thousands};
    const SimReplay what = {.plan = plan_of(&subject, 1, SIM_RANDOM)};
    for (int by_runs = 0; by_runs < 2; by_runs++) {
        const SimShrinkOptions options = {.runs_max = by_runs ? 30 : 0, .seconds_max = by_runs ? 0 : 1};
        SimStage stage = {0};
        SimReplay small;
        SimShrinkReport report;
        char error[200];
        if (!sim_shrink(&stage, &what, &options, &small, &report, error, sizeof error)) {
            fail_msg("%s", error);
        }
        assert_string_equal(small.failure, "planted: the last of thousands");
        assert_true(report.seconds < 20);
        if (by_runs) {
            assert_in_range(report.runs, 1, 30);
        }
        sim_replay_free(&small);
        sim_stage_free(&stage);
    }
}

static void what_does_not_fail_is_not_shrunk(void **state)
{
    (void)state;
    SimStage stage = {0};
    const SimReplay what = {.plan = plan_of(&planted_access_subject, 1, SIM_RANDOM)};
    SimReplay small;
    SimShrinkReport report;
    char error[200];
    assert_false(sim_shrink(&stage, &what, NULL, &small, &report, error, sizeof error));
    assert_string_equal(error, "it does not fail");
    sim_stage_free(&stage);
}

/* ---- Other sources, other processes ---- */

static uint64_t hash_of_bytes(const uint8_t *bytes, size_t len)
{
    const SimPlan plan = plan_of(&universe_subject, 1, SIM_RANDOM);
    const SimConfig base = {.seed = 1, .level = SIM_LEVEL_CALLS, .bytes = span_of(bytes, len)};
    SimOutcome outcome = {0};
    plan.subject->run(&plan, &base, &outcome);
    assert_string_equal(outcome.failure, "");
    return outcome.hash;
}

static void bytes_decide(void **state)
{
    (void)state;
    uint8_t bytes[4000], other[4000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37 + i / 256);
        other[i] = (uint8_t)(i * 91 + 5);
    }
    const uint64_t hash = hash_of_bytes(bytes, sizeof bytes);
    assert_int_equal(hash_of_bytes(bytes, sizeof bytes), hash);
    assert_int_not_equal(hash_of_bytes(other, sizeof other), hash);
    assert_int_not_equal(hash_of_bytes(bytes, 10), hash);
}

static void processes_tell_the_same(void **state)
{
    (void)state;
    SimStage stage = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const SimReplay what = {.plan = sim_plan(&universe_subject, seed, SIM_LEVEL_CALLS)};
        SimOutcome here, apart;
        SimRecord record = {0}, record_apart = {0};
        sim_play(&stage, &what, &(SimPlayOptions){.record = &record}, &here);
        assert_true(sim_play_apart(&stage, &what, &(SimPlayOptions){.record = &record_apart}, &apart));
        assert_int_equal(here.hash, apart.hash);
        assert_int_equal(record.decisions.len, record_apart.decisions.len);
        assert_int_equal(record.points_len, record_apart.points_len);
        assert_int_equal(record.points_total, record_apart.points_total);
        sim_record_free(&record);
        sim_record_free(&record_apart);
    }
    sim_stage_free(&stage);
}

static void signatures_forget_numbers(void **state)
{
    (void)state;
    char one[SIM_FAILURE_BYTES], two[SIM_FAILURE_BYTES];
    sim_signature("close(100003) under its watch\nmore", one);
    sim_signature("close(100017) under its watch", two);
    assert_string_equal(one, two);
    assert_string_equal(one, "close(#) under its watch");
    sim_signature("read of 0x602000001234", one);
    assert_string_equal(one, "read of #");
}

static void names_of_choices_may_have_blanks(void **state)
{
    (void)state;
    const SimDecision decision = {
        .kind = SIM_DECISION_VALUE, .site = "kind of pause", .who = "branch#4", .use = 2, .value = 1};
    SimDecision read;
    char text[SIM_DECISION_TEXT_BYTES];
    sim_decision_print(&decision, text);
    assert_string_equal(text, "v kind_of_pause branch#4 2 1");
    assert_true(sim_decision_parse(text, &read));
    assert_string_equal(read.site, decision.site);
    assert_string_equal(read.who, decision.who);
    assert_int_equal(read.use, 2);
}

static void oracles_are_known_by_their_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *failure;
        SimOracle oracle;
    } rows[] = {
        {"died: SUMMARY: AddressSanitizer: heap-use-after-free client.c:64:35 in slot", SIM_ORACLE_MEMORY},
        {"died: Segmentation fault", SIM_ORACLE_MEMORY},
        {"died: sumac: reds.c:155: our own invariant does not hold: x", SIM_ORACLE_CHECKS},
        {"died: x.c:3:4: runtime error: shift exponent", SIM_ORACLE_CHECKS},
        {"died: SUMMARY: ThreadSanitizer: data race x.c:1", SIM_ORACLE_RACES},
        {"left behind: memory of 1168 bytes", SIM_ORACLE_HEAP},
        {"left behind: left: 4 allocations", SIM_ORACLE_LEAKS},
        {"bounds: 70 MB wait for net:client1.display", SIM_ORACLE_BOUNDS},
        {"not at rest: a pipe holds 3 items", SIM_ORACLE_REST},
        {"deadlock: main waits at a gate that nobody opens", SIM_ORACLE_PROGRESS},
        {"hangs: no end after 60 seconds", SIM_ORACLE_PROGRESS},
        {"close(100003) under its watch", SIM_ORACLE_HANDLES},
        {"the host's channel_event() called by a thread without the big lock", SIM_ORACLE_HOST},
        {"2 connections without a DISCONNECTED", SIM_ORACLE_EVENTS},
        {"device qxl0: a cursor was never released", SIM_ORACLE_DEVICE},
        {"client alice, channel cursor:0, message 7: INIT twice", SIM_ORACLE_PROTOCOL},
        {"client 2 shows wrong pixels of surface 1, the first at 3,4", SIM_ORACLE_PICTURES},
        {"client 2 shows surface 3, which is gone", SIM_ORACLE_PICTURES},
        {"client 2 does not have surface 3", SIM_ORACLE_PICTURES},
        {"the canvas shows other pixels than the original order, from line 1 of surface 0 on",
         SIM_ORACLE_PICTURES},
        {"x.scn:9:1: 'expect alice sees what was drawn within 5s' did not come true in time",
         SIM_ORACLE_PICTURES},
        {"scenarios/hello.scn:9:1: 'expect alice is open' did not come true in time", SIM_ORACLE_EXPECTED},
        {"harness: two runs of one plan differ", SIM_ORACLE_HARNESS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SimOracle named;
        assert_int_equal(sim_oracle_of(rows[i].failure), rows[i].oracle);
        assert_true(sim_oracle_named(sim_oracle_name(rows[i].oracle), &named));
        assert_int_equal(named, rows[i].oracle);
    }
    assert_false(sim_oracle_named("nobody", &(SimOracle){0}));
    for (unsigned i = 0; i < SIM_ORACLES; i++) {
        const bool has_own = i != SIM_ORACLE_EXPECTED && i != SIM_ORACLE_HARNESS;
        const SimInvariants watched = sim_oracle_watches((SimOracle)i);
        assert_int_equal(watched != 0, has_own);
        assert_int_equal(watched & ~((UINT64_C(1) << 57) - 2), 0); /* I1 to I56 */
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const SimInvariants broken = sim_invariants_of(rows[i].failure);
        assert_int_equal(broken & ~sim_oracle_watches(rows[i].oracle), 0);
        assert_int_equal(broken != 0, sim_oracle_watches(rows[i].oracle) != 0);
    }
    char text[SIM_INVARIANTS_TEXT_BYTES];
    sim_invariants_print(sim_invariants_of("stall: main waits at a gate that nobody opens"), " ", text);
    assert_string_equal(text, "I24 I55");
    sim_invariants_print(sim_invariants_of("deadlock: main waits at a gate that nobody opens"), ",", text);
    assert_string_equal(text, "I14,I15");
    sim_invariants_print(UINT64_MAX, " ", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedulers_find_what_they_are_for),
        cmocka_unit_test(exhaustive_search_is_complete),
        cmocka_unit_test(records_repeat_everything),
        cmocka_unit_test(files_say_what_was_recorded),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(tokens_repeat_plans),
        cmocka_unit_test(broken_tokens_are_refused),
        cmocka_unit_test(faults_have_names),
        cmocka_unit_test(faults_can_be_switched_off_alone),
        cmocka_unit_test(hundreds_of_decisions_become_few),
        cmocka_unit_test(faults_clients_and_values_become_few),
        cmocka_unit_test(crashes_shrink_too),
        cmocka_unit_test(shrinking_stops_in_time),
        cmocka_unit_test(universes_without_end_are_found),
        cmocka_unit_test(scripts_survive_steps_of_others),
        cmocka_unit_test(what_does_not_fail_is_not_shrunk),
        cmocka_unit_test(bytes_decide),
        cmocka_unit_test(processes_tell_the_same),
        cmocka_unit_test(signatures_forget_numbers),
        cmocka_unit_test(names_of_choices_may_have_blanks),
        cmocka_unit_test(oracles_are_known_by_their_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
