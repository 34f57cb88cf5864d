/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tale.h: a scenario file played on a stage, act after act: in the simulator or on real threads and sockets.
 *
 * sim/scenario/run.h carries a scenario out as its text says, time included. Here each act waits until everything that
 * follows from it has happened, so that what is seen does not depend on time: "within" and "pause" only mean that
 * somebody waits. What would mean different things on different stages (what happens at the same time, what is left
 * open, what only the simulator can do to a network) is refused.
 *
 * One play is the model: it waits until nothing moves. Others wait until they have seen as much as the model had after
 * the same act; less, more, or something else is a difference.
 *
 * Ownership  the caller owns scenario, stage and transcripts.
 * Thread     the caller's, as for a Stage.
 */
#pragma once

#include "sim/scenario/ast.h"
#include "sim/sim.h"
#include "tests/fidelity/stage.h"
#include "tests/fidelity/transcript.h"

#define TALE_ACTS_MAX 400u

/* What can be seen from outside after an act, beside the transcript. */
typedef struct Mark {
    ScenarioPlace place;
    size_t parts_len;
    size_t lines[PARTS_MAX];
    uint64_t events[3]; /* of channels, by EventWord */
    int clients;        /* as the server counts them */
    struct {
        uint64_t taken, cookies;
        bool sees_client;
    } devices[SCENARIO_DEVICES_MAX];
} Mark;

typedef struct TaleRecord {
    Transcript transcript;
    Mark *marks;
    size_t marks_len, marks_capacity;
} TaleRecord;

/* False: the scenario cannot be played here; `ret` names the statement, and says why. */
bool tale_accepts(const Scenario *scenario, char *ret, size_t cap);

/* Of an accepted scenario. `model`: what an earlier play recorded; NULL: this one is the model. */
void tale_play(Stage *stage, const Scenario *scenario, const TaleRecord *model, TaleRecord *ret);
void tale_record_free(TaleRecord *record);

/* The network that the scenario asks for, in the simulator: of its ranges the low ends, or the high ones. */
void tale_net(const Scenario *scenario, bool high, SimNet *net);
