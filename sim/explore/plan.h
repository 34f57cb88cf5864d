/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan.h: plans and their tokens: all that makes a universe what it is, in one short line.
 *
 *     S1:universe:1b2c:L1:pct3:3ff:clients=2
 *
 * version, subject, seed (hexadecimal), level, scheduler, faults that may happen (hexadecimal bits), knobs that are not
 * left to the seed. Levels L0 and L1: whoever built the program; L2: the same binary.
 *
 * Errors  false, and a sentence.
 */
#pragma once

#include "sim/explore/subject.h"

#define SIM_TOKEN_BYTES 256u

/* NULL at the end. */
typedef const SimSubject *const *SimSubjects;

const SimSubject *sim_subject_named(SimSubjects subjects, const char *name);

/* Everything left to the seed: scheduler of the portfolio, faults of the swarm beside those that the subject places. */
SimPlan sim_plan(const SimSubject *subject, uint64_t seed, SimLevel level);
SimFaults sim_plan_swarm(const SimSubject *subject, uint64_t seed);

void sim_token_print(const SimPlan *plan, char ret[SIM_TOKEN_BYTES]);
bool sim_token_parse(const char *token, SimSubjects subjects, SimPlan *ret, char *ret_error,
                     size_t error_size);
bool sim_token_looks_like_one(const char *text);

/* A failure without its numbers: what two of one cause have in common. */
void sim_signature(const char *failure, char ret[SIM_FAILURE_BYTES]);
