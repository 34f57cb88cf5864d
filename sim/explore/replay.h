/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.h: a failure to keep: a plan, the decisions that matter, and what came of it. As text:
 *
 *     spice-sim replay 1
 *     plan S1:universe:1b2c:L1:scripted:3ff:clients=1
 *     scripted schedule faults
 *     hash 9e1c55aa00112233
 *     failure deadlock: main waits at a gate that nobody opens
 *     d red-worker-0 12.3 main
 *
 * Lines that begin with # are comments. What is scripted is as the decisions below say, and where they are silent as
 * calm as can be; the rest comes from the plan's seed. `decisions.h` explains the last kind of lines.
 *
 * Ownership  sim_replay_free() frees what a SimReplay holds. Start it as {0}.
 */
#pragma once

#include <stdio.h>

#include "sim/explore/plan.h"

typedef struct SimReplay {
    SimPlan plan;
    bool has_script;
    SimScript script;
    uint64_t hash; /* 0: unknown */
    char failure[SIM_FAILURE_BYTES];
} SimReplay;

void sim_replay_free(SimReplay *replay);
bool sim_replay_copy(SimReplay *to, const SimReplay *from);
void sim_replay_write(const SimReplay *replay, FILE *to);
/* A token is a replay, too. False: ret_error says where and why. */
bool sim_replay_read(FILE *from, SimSubjects subjects, SimReplay *ret, char *ret_error, size_t error_size);
bool sim_replay_open(const char *token_or_path, SimSubjects subjects, SimReplay *ret, char *ret_error,
                     size_t error_size);
/* Makes a script of all that was recorded: uses and steps of one choice and thread side by side, in order. */
bool sim_script_from(const SimDecisions *recorded, SimScript *ret);
