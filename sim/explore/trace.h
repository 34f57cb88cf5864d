/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace.h: all that happened in one universe, to be read: as text, as a trace for Perfetto and Chrome, as a page with a
 * sequence diagram.
 *
 * The events lie in memory that is shared with child processes, so what a universe did before it died is there, too.
 *
 * Ownership  sim_trace_new() ... sim_trace_free().
 * Units      no time passes in a universe while somebody runs; drawings spread what happens at one moment over 100 ns
 *            each, and tell the universe's own time beside it.
 */
#pragma once

#include <stdio.h>

#include "sim/explore/replay.h"

#define SIM_TRACE_EVENTS_MAX 4000000u /* what comes later is not kept */

typedef struct SimTraceEvent {
    uint64_t now_ns, step, a, b, channel, number;
    char who[SIM_NAME_BYTES];
    char what[23];
    char arrow; /* 's', 'f' or 0 */
    char kind[6];
    bool is_client, is_host;
} SimTraceEvent;

typedef struct SimTrace {
    uint64_t len;
    uint64_t dropped;
    SimTraceEvent events[];
} SimTrace;

SimTrace *sim_trace_new(void); /* NULL: no memory */
void sim_trace_free(SimTrace *trace);
/* For SimPlayOptions.watch, with the trace as watcher. */
void sim_trace_watch(void *trace, const SimEventInfo *event);

void sim_trace_text(const SimTrace *trace, FILE *to);
void sim_trace_perfetto(const SimTrace *trace, FILE *to);
void sim_trace_html(const SimTrace *trace, const SimReplay *replay, const SimOutcome *outcome, FILE *to);

/* A text as JSON and XML want it between quotes. */
void sim_print_json(FILE *to, const char *text);
void sim_print_xml(FILE *to, const char *text);

/* Arrows whose both ends are known. */
typedef struct SimArrow {
    size_t from, to; /* events */
} SimArrow;

/* In the order of their ends. Freed by free(). */
SimArrow *sim_trace_arrows(const SimTrace *trace, size_t *ret_len);
