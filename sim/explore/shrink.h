/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shrink.h: makes a failure small: fewer clients and actions; no fault that it does not need; the lowest level; the
 * fewest decisions; small values. What comes out fails in the same way: with the same signature.
 *
 * The decisions are reduced by delta debugging (Zeller, Hildebrandt: "Simplifying and isolating failure-inducing input",
 * 2002), then by every window and every pair. No candidate is played twice; each is played in a process of its own.
 */
#pragma once

#include "sim/explore/play.h"

typedef struct SimShrinkOptions {
    uint64_t runs_max;    /* 0: 20,000 */
    unsigned seconds_max; /* 0: 120 */
    /* What is being done, now and then; NULL: nobody asks. */
    void (*say)(void *opaque, const char *line);
    void *opaque;
} SimShrinkOptions;

typedef struct SimShrinkReport {
    uint64_t runs, remembered; /* played; known already */
    double seconds;
    size_t decisions_before, decisions_after; /* switches and faults */
    size_t values_after;                      /* that are named */
    char token[SIM_TOKEN_BYTES]; /* of the smallest plan that needs no script; "": it was one already */
} SimShrinkReport;

/* False: it does not fail, or not again; ret_error says which. */
bool sim_shrink(SimStage *stage, const SimReplay *from, const SimShrinkOptions *options, SimReplay *ret,
                SimShrinkReport *report, char *ret_error, size_t error_size);
