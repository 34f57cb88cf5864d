/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a scenario file says, nothing may become more once it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/server.h"
#include "sim/explore/oracle.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/run.h"
#include "sim/universe.h"

#define STEPS_MAX 160u

/* Takes a bit of memory or a timer every second, as long as it is told to; gives all back before the server has to be gone. */
typedef struct Hoard {
    const Core *core;
    uint32_t seconds; /* of growing */
    bool of_timers;
    void *memory[STEPS_MAX];
    SpiceTimer *timers[STEPS_MAX];
} Hoard;

static Hoard hoard;

static void never(void *opaque)
{
    (void)opaque;
}

static void keep(Sim *sim, Hoard *all, uint32_t i)
{
    if (all->of_timers) {
        all->timers[i] = sim_host(sim)->timer_add(never, NULL);
    } else {
        all->memory[i] = all->core->alloc(all->core, 16);
    }
}

static void give_back(Sim *sim, Hoard *all, uint32_t i)
{
    if (all->timers[i] != NULL) {
        sim_host(sim)->timer_remove(all->timers[i]);
    }
    if (all->memory[i] != NULL) {
        all->core->free(all->core, all->memory[i]);
    }
}

static void grow(void *opaque)
{
    Hoard *all = opaque;
    Sim *sim = sim_current();

    for (uint32_t i = 0; i < STEPS_MAX; i++) {
        if (i < all->seconds) {
            keep(sim, all, i);
        }
        sim_sleep(sim, NS_PER_S);
    }
    for (uint32_t i = 0; i < STEPS_MAX; i++) {
        give_back(sim, all, i);
    }
}

static SpiceServer *server_that_grows(const Core *core)
{
    hoard.core = core;
    sim_spawn(sim_current(), "hoarder", grow, &hoard);
    return server_new(core);
}

/* The failure of the emptiest of scenarios beside that. */
static void end_of(uint32_t seconds, bool of_timers, ScenarioResult *ret)
{
    static const StageServer server = {.server_new = server_that_grows};
    static const char text[] = "scenario \"nothing\"\nclient alice\nalice connects everything\n"
                               "wait until alice is open within 5s\n";
    ScenarioError error;
    Scenario *scenario =
        scenario_parse(&(ScenarioSource){.path = "t.scn", .text = span_of(text, sizeof text - 1)}, &error);

    assert_non_null(scenario);
    hoard = (Hoard){.seconds = seconds, .of_timers = of_timers};
    const ScenarioRun how = {.seed = 1, .server = &server, .calm = true};
    scenario_run(scenario, &how, ret);
    scenario_free(scenario);
}

static void nothing_becomes_more(void **state)
{
    (void)state;
    ScenarioResult result;

    end_of(0, false, &result);
    assert_string_equal(result.failure, "");
    end_of(30, false, &result); /* not any more, when it is looked at */
    assert_string_equal(result.failure, "");
    assert_true(result.duration_ns < 10 * NS_PER_S); /* of what is written, and no more */
    end_of(150, false, &result);
    assert_string_equal(result.failure, "not at rest: there are more and more allocations");
    assert_false(result.passed);
    assert_int_equal(sim_oracle_of(result.failure), SIM_ORACLE_REST);
    end_of(150, true, &result);
    assert_string_equal(result.failure, "not at rest: there are more and more timers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_becomes_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
