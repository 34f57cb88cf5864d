/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* choose.h: the single source of choice. Every decision of a universe but who runs next (sim/schedule.h) is one call of
 * choose_fault() or choose_value(); those about who runs next are recorded and scripted here too.
 *
 * A choice has a site and an object (whose choice it is). What the seed says depends on site, object and how often that
 * choice was made before, on nothing else: no choice shifts another, and streams are as many as choices.
 *
 * Sources    the seed; a script (sim/decisions.h), which names what differs from a default; bytes, as a fuzzer makes
 *            them; an enumerator. All but the seed may be combined with it: see SimConfig.
 * Ownership  a plain value inside the Sim. Names live as long as it; sites are constant strings.
 */
#pragma once

#include "sim/sim.h"

typedef struct SimName {
    char text[SIM_NAME_BYTES];
    uint64_t hash;
} SimName;

typedef struct ChoicePoint ChoicePoint;
typedef struct NameBlock NameBlock;

typedef struct Choices {
    uint64_t schedule;   /* states of generators */
    uint64_t entropy;    /* what core->entropy() hands out: no decision */
    uint64_t seed;       /* of all that is named */
    ChoicePoint *points; /* a hash table; its order is never used */
    size_t points_len, points_capacity;
    NameBlock *names;
    Span bytes; /* what is left of them */
} Choices;

void choices_init(Sim *sim);
void choices_finish(Sim *sim); /* completes the record */

/* The same text gives the same name. Blanks become underlines, what is too long is cut. */
const SimName *sim_name(Sim *sim, const char *text);
/* The text, with a number behind it if somebody is called that already. */
const SimName *sim_name_new(Sim *sim, const char *text);

/* 0: it does not happen. Otherwise 1 to n, how strongly. one_in 0: never. */
uint32_t choose_fault(Sim *sim, SimFault fault, const SimName *who, uint32_t one_in, uint32_t n);
/* SimConfig.scarce_one_in: there is none of it now. The running thread's choice. */
bool choose_scarce(Sim *sim, SimFault fault);
/* Which of n comes next; 0: the one whose turn it would be. */
uint32_t choose_order(Sim *sim, SimFault fault, const SimName *who, uint32_t n);
/* 0 to max, both included. */
uint64_t choose_value(Sim *sim, const char *site, const SimName *who, uint64_t max);

/* For schedulers: what comes next of their own stream. 0 to n - 1. */
uint64_t choose_schedule(Sim *sim, uint64_t n);

void choices_entropy(Sim *sim, void *buffer, size_t len);

/* The decisions that a script has for one who is left at his steps, in their order; NULL: none. */
const SimDecision *script_switches(Sim *sim, const SimName *who, const SimDecision **ret_end);
void record_switch(Sim *sim, const SimName *who, SimStep step, const char *whom);
