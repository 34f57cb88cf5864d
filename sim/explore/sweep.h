/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sweep.h: many universes: every seed of a range, with every subject and scheduler that is asked for, in some processes.
 *
 * Universes have positions, 0 up; shard K of N plays those that are K modulo N, and needs nothing from other shards. A
 * process plays thousands; one that dies is replaced, and the universe that killed it is played again alone, which says
 * what it died of. One in SWEEP_AGAIN_ONE_IN is played twice, and must give the same hash.
 *
 * Processes end with their parent, whatever ends that one. SIGINT and SIGTERM are the parent's to hear: see `interrupted`.
 *
 * Errors  findings that begin with "harness:" are the simulator's own.
 */
#pragma once

#include <signal.h>

#include "sim/explore/oracle.h"
#include "sim/explore/play.h"

#define SWEEP_AGAIN_ONE_IN 64u
#define SWEEP_HARNESS "harness: "

typedef struct SimSweepCount {
    uint64_t universes, remaining;
    uint64_t steps, worth, again;
    uint64_t found, found_new, harness;
    uint64_t exhausted; /* plans of exhaustive schedulers that were played to the end */
    double seconds;
} SimSweepCount;

typedef struct SimSweep {
    const SimSubject *const *subjects; /* NULL at the end */
    uint64_t first, last;              /* seeds */
    const SimScheduler *schedulers;    /* each of them with each seed; none: the portfolio's */
    size_t schedulers_len;
    SimLevel level;
    SimBackend backend;
    SimFaults without;
    uint32_t ignored; /* bits of oracles that nobody listens to: what only they say is no failure */
    unsigned jobs;
    unsigned shard, shards;                   /* shard is below shards */
    unsigned seconds_max;                     /* 0: no limit */
    uint64_t found_max;                       /* different ones; then it ends; 0: no limit */
    uint64_t turns_max;                       /* schedules of an exhaustive plan; 0: a million */
    unsigned hang_seconds;                    /* without an end, a universe hangs; 0: 60 */
    const volatile sig_atomic_t *interrupted; /* not 0: end in order; NULL: nobody will ask for that */
    void *opaque;
    void (*found)(void *opaque, const SimPlan *plan, const SimOutcome *outcome, bool is_new);
    void (*played)(void *opaque, const SimPlan *plan, const SimOutcome *outcome,
                   uint64_t took_ns);                           /* or NULL */
    void (*progress)(void *opaque, const SimSweepCount *count); /* or NULL */
} SimSweep;

/* False: no processes could be made. */
bool sim_sweep(const SimSweep *sweep, SimSweepCount *ret);
