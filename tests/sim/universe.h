/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* universe.h: what the simulator's own tests share: universes that must fail in a certain way, or must not.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"

#define AT_EVERY_CALL SIM_LEVEL_CALLS

/* Runs fn in a host's thread, with the universe as its argument's first member, until nothing is left to do. */
static inline bool universe_run(Sim *sim, void (*fn)(void *arg), void *arg)
{
    sim_spawn(sim, "main", fn, arg);
    return sim_run(sim, NS_NEVER);
}

static inline void universe_end_well(Sim *sim)
{
    assert_null(sim_failure(sim));
    assert_null(sim_leaks(sim));
    sim_free(sim);
}

/* The failure must speak of this. */
static inline void universe_end_badly(Sim *sim, const char *expected)
{
    const char *failure = sim_failure(sim);
    assert_non_null(failure);
    if (strstr(failure, expected) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", failure, expected);
    }
    sim_free(sim);
}
