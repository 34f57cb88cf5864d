/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_windows.c: do universes of the subject order-windows reach what they are for? Copies are folded, drawings pruned,
 * and canvases show the same as where neither ever happens.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "display/worker.h"
#include "sim/explore/plan.h"
#include "sim/workload/order.h"

#define SEEDS 8u

typedef struct Seen {
    uint64_t folded, pruned;
} Seen;

static void look(void *opaque, QXLInstance *lazy)
{
    const RedWorker *worker = lazy->st;
    Seen *seen = opaque;

    *seen = (Seen){worker->current.folded, worker->current.pruned};
}

static void play(uint64_t seed, Seen *ret)
{
    SimPlan plan = sim_plan(&order_windows_subject, seed, SIM_LEVEL_CALLS);
    const SimConfig base = {.seed = seed, .level = plan.level, .faults_off = SIM_FAULTS_ALL & ~plan.faults};
    SimOutcome outcome = {0};

    order_windows_run(&plan, &base, look, ret, &outcome);
    assert_string_equal(outcome.failure, "");
}

static void windows_are_folded_and_pruned(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Seen seen = {0};
        play(seed, &seen);
        assert_true(seen.folded >= 10);
        assert_true(seen.pruned >= 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_are_folded_and_pruned)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
