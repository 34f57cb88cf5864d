/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* subject.h: something that can be simulated: a scenario, the built-in universe, a planted bug.
 *
 * A subject plays one universe, from sim_new() to sim_free(), as a plan says: it takes the SimConfig that it is given,
 * adds what is its own (network, clock, log), and asks sim_choose_at() and sim_fault() for everything that may differ.
 * Two calls with equal plans must give equal hashes.
 *
 * Knobs      sizes that a shrinker may turn down: clients, actions. A plan has a value for each, or leaves it to the
 *            seed; a subject must accept all from min to max.
 * Ownership  subjects are constants, or live as long as the program.
 */
#pragma once

#include "sim/sim.h"

#define SIM_KNOBS_MAX 8u
#define SIM_KNOB_SEED UINT32_MAX /* the seed decides */
#define SIM_FAILURE_BYTES 600u

typedef struct SimSubject SimSubject;

typedef struct SimKnob {
    const char *name;
    uint32_t min, max;
    const char *about;
} SimKnob;

typedef struct SimPlan {
    const SimSubject *subject;
    uint64_t seed;
    SimLevel level;
    SimScheduler scheduler;
    uint32_t turn;    /* exhaustive schedulers: which of their universes, from 0 */
    SimFaults faults; /* those that may happen */
    uint32_t knobs[SIM_KNOBS_MAX];
} SimPlan;

typedef struct SimOutcome {
    char failure[SIM_FAILURE_BYTES]; /* what went wrong, without where and when; "": nothing */
    char where[256];                 /* when and to whom */
    uint64_t hash;
    uint64_t steps;
    SimFaults faults; /* that happened */
    uint64_t worth;   /* how much happened, in the subject's own measure; 0 in all universes proves nothing */
} SimOutcome;

struct SimSubject {
    const char *name; /* no blanks, no colons */
    const char *about;
    const SimKnob *knobs;
    size_t knobs_len;
    bool planted;     /* a bug on purpose: runs only when named */
    SimFaults placed; /* faults that it asks for: no seed leaves them out */
    const void *opaque;
    void (*run)(const SimPlan *plan, const SimConfig *base, SimOutcome *ret);
};

/* For subjects. */

/* The knob's value: the plan's, or one from min to max by the seed. */
uint32_t sim_plan_knob(const SimPlan *plan, const char *name);
/* A rate for a fault of this plan: one in n, n log-uniform from `often` to `rarely` by the seed. 0: it is off. */
uint32_t sim_plan_rate(const SimPlan *plan, SimFault fault, uint32_t often, uint32_t rarely);
/* 0 to n - 1 by the seed and the name alone; for what is decided before there is a universe. */
uint32_t sim_plan_draw(const SimPlan *plan, const char *name, uint32_t n);

/* Takes hash, steps, and the universe's own failure or leaks, unless there is a failure already. Before sim_free(). */
void sim_outcome_take(SimOutcome *outcome, Sim *sim);
void sim_outcome_fail(SimOutcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));
