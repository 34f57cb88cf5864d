/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* play.h: plays universes, in this process or in one of their own.
 *
 * A universe that crashes, or is ended by a sanitizer, takes its process with it; sim_play_apart() makes an outcome of
 * that: the signal, or the first line of what was said on stderr.
 *
 * Profiles   some schedulers want to know how long threads run. They are told by a first universe, which all processes
 *            and builds play alike: seed 0, no faults. A SimStage keeps its record.
 * Ownership  a SimStage is a plain value; start it as {0}, end it with sim_stage_free().
 */
#pragma once

#include <sys/types.h>

#include "sim/explore/replay.h"

typedef struct SimStage {
    SimBackend backend;        /* of all that is played here: yours to set */
    const SimSubject *subject; /* of the profile */
    SimLevel level;
    SimRecord profile;
    uint64_t played; /* universes in this process */
} SimStage;

typedef struct SimPlayOptions {
    SimRecord *record; /* NULL: nobody asks */
    void *watcher;
    void (*watch)(void *watcher, const SimEventInfo *event);
    unsigned seconds_max; /* apart: then it is killed; 0: 60 */
} SimPlayOptions;

void sim_stage_free(SimStage *stage);
void sim_play(SimStage *stage, const SimReplay *what, const SimPlayOptions *options, SimOutcome *ret);
/* In a child process: that is where options->watch is called. False: no child could be made. */
bool sim_play_apart(SimStage *stage, const SimReplay *what, const SimPlayOptions *options, SimOutcome *ret);
/* All schedules of an exhaustive plan, until one fails; plan->turn is then that one. `each` is called before each;
 * false: no more. True: those were all, and none failed. */
bool sim_play_all(SimStage *stage, SimPlan *plan, uint64_t turns_max, bool (*each)(void *opaque),
                  void *opaque, SimOutcome *ret);
/* The universe that tells this plan's scheduler how long threads run. False: it does not want to know. */
bool sim_profile_plan(const SimPlan *plan, SimPlan *ret);
bool sim_is_exhaustive(SimScheduler scheduler);
/* fork(), but for that the child ends when its parent does. */
pid_t sim_fork(void);
