/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run.h: carries a scenario out, in one universe.
 *
 * What the scenario leaves open (the order inside races, ranges, choices, delays) and everything that the simulator
 * chooses comes from the seed alone. Beside the scenario's own expectations these must hold, always: nothing that the
 * simulator reports (deadlock, stall, livelock, stale handles, the host's lock), no protocol violation seen by a client,
 * no rule of a device broken, as many DISCONNECTED as CONNECTED, nothing left behind.
 *
 * Ownership  scenario_run() makes and frees everything; it borrows the scenario.
 * Thread     one universe at a time in a process.
 */
#pragma once

#include "sim/explore/subject.h"
#include "sim/scenario/ast.h"
#include "sim/scenario/stage.h"

typedef struct ScenarioRun {
    uint64_t seed;
    const StageServer *server;
    /* NULL: one is made of the seed. Otherwise the explorer's: scheduler, level, what is recorded or replayed, and which
     * faults of the simulator's own do not happen; the scenario adds its clock, network and faults. */
    const SimConfig *base;
    SimOutcome *outcome; /* filled too, if the explorer asks; NULL */
    bool calm;           /* no switching but where threads wait, whatever the scenario says */
    /* All optional: the statements as they are carried out and the server's log; with trace_all every event. */
    void (*say)(void *opaque, const char *line);
    void *opaque;
    bool trace_all;
} ScenarioRun;

typedef struct ScenarioResult {
    bool passed;
    char failure[1200];  /* "": none */
    ScenarioPlace place; /* of the statement that failed; line 0: none did */
    uint64_t hash;
    uint64_t steps;  /* of the scheduler */
    uint64_t acts;   /* statements carried out */
    uint32_t opened; /* connections that got in: where nobody ever did, nothing was proved */
    uint64_t duration_ns;
} ScenarioResult;

void scenario_run(const Scenario *scenario, const ScenarioRun *how, ScenarioResult *ret);

/* A scenario as something to explore. Borrows both; `name` must have no blanks and no colons. */
typedef struct ScenarioSubject {
    SimSubject subject;
    const Scenario *scenario;
    const StageServer *server;
} ScenarioSubject;

void scenario_subject_init(ScenarioSubject *ret, const char *name, const Scenario *scenario,
                           const StageServer *server);
