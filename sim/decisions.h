/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* decisions.h: what was decided in a universe, in a form that outlives edits of the program.
 *
 * A decision is named by who met it and by that one's own count, never by a global number: dropping one, or a new call
 * in another thread, does not renumber the rest.
 *
 *     d red-worker-0 12.3 vcpu        in its 12th round, after 3 core calls, red-worker-0 was left for vcpu
 *     d vcpu 4 clock                  after its 4th round time went on, though something could run
 *     f F4.write c1.main 14 7         the 14th write of c1.main met fault F4.write, of size 7
 *     v act c1.main 5 3               the 5th choice of that name was 3
 *     v act c1.main * 0               all others of them were 0
 *     v cursor_x vcpu 1 3             of the name "cursor x"
 *
 * A step is ROUND[.CALLS[.ACCESSES]]: rounds a thread has gone (waits and turns of its loop), calls since, and memory
 * accesses since the last call. Each level of preemption adds one part, so a step keeps its meaning at the next lower.
 *
 * Ownership  SimDecisions owns its list; start it as {0}.
 * Errors     false where memory is short or a line is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NAME_BYTES 40
#define SIM_SITE_BYTES 20
#define SIM_EVERY_USE UINT64_MAX
#define SIM_CLOCK "clock" /* as `whom` */

typedef struct SimStep {
    uint32_t rounds, calls, accesses;
} SimStep;

typedef enum SimDecisionKind {
    SIM_DECISION_SWITCH,
    SIM_DECISION_FAULT, /* not named: does not happen */
    SIM_DECISION_VALUE, /* not named: what the seed says, or 0 */
} SimDecisionKind;

typedef struct SimDecision {
    SimDecisionKind kind;
    char who[SIM_NAME_BYTES];
    char site[SIM_SITE_BYTES]; /* not of a switch */
    SimStep step;              /* of a switch */
    char whom[SIM_NAME_BYTES]; /* of a switch */
    uint64_t use;              /* otherwise: from 1, or SIM_EVERY_USE */
    uint64_t value;
} SimDecision;

typedef struct SimDecisions {
    SimDecision *list;
    size_t len, capacity;
} SimDecisions;

bool sim_decisions_add(SimDecisions *decisions, const SimDecision *decision);
void sim_decisions_free(SimDecisions *decisions);
bool sim_decisions_copy(SimDecisions *to, const SimDecisions *from);

int sim_step_compare(SimStep a, SimStep b);

#define SIM_DECISION_TEXT_BYTES 192
/* Without a newline. */
void sim_decision_print(const SimDecision *decision, char text[SIM_DECISION_TEXT_BYTES]);
bool sim_decision_parse(const char *text, SimDecision *ret);

/* What to do instead of asking the seed. */
typedef struct SimScript {
    SimDecisions decisions; /* switches of one thread, and uses of one choice, in their order */
    bool schedule;          /* switches: these and no others */
    bool faults;            /* these and no others */
    bool zeros;             /* values that are not named are 0 */
} SimScript;

/* What one choice was asked in a universe. */
typedef struct SimPoint {
    char site[SIM_SITE_BYTES];
    char who[SIM_NAME_BYTES];
    uint64_t uses;
    bool is_value;
} SimPoint;

/* How many schedule points a thread or client passed. */
typedef struct SimShare {
    char who[SIM_NAME_BYTES];
    uint64_t points;
} SimShare;

/* All that was decided, but for what would have been the same without it. Freed with sim_record_free(). */
typedef struct SimRecord {
    bool with_values; /* set before: also every value that was drawn */
    SimDecisions decisions;
    SimDecisions values;
    SimPoint *points;
    size_t points_len, points_capacity;
    SimShare *shares; /* in the order they appeared */
    size_t shares_len, shares_capacity;
    uint64_t points_total;
} SimRecord;

void sim_record_free(SimRecord *record);
void sim_record_add_point(SimRecord *record, const SimPoint *point);
void sim_record_add_share(SimRecord *record, const char *who, uint64_t points);

/* What an exhaustive search has still to try: the decisions of the last universe, each with how many there were. A
 * universe asks sim_enumerator_choose() for each; sim_enumerator_next() goes to the next untried one. */
typedef struct SimEnumerator {
    struct SimBranch {
        uint32_t chosen, of;
    } * branches;
    size_t len, capacity;
    size_t at;
    bool too_deep; /* of a universe with more branches than it takes: then nothing was exhausted */
} SimEnumerator;

uint32_t sim_enumerator_choose(SimEnumerator *enumerator, uint32_t n);
/* False: all were tried. */
bool sim_enumerator_next(SimEnumerator *enumerator);
void sim_enumerator_free(SimEnumerator *enumerator);
