/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* page.c: the page: page.html, which CMake makes sim_page of, with the data in the middle. */
#include "sim/explore/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/explore/oracle.h"
#include "sim/explore/trace.h"

#define TURNS_MAX 4000u /* the last ones; more would make browsers slow */
#define MARK "@DATA@"

/* What one did until another's turn. */
typedef struct Turn {
    size_t first, end; /* events */
} Turn;

static Turn *find_turns(const SimTrace *trace, size_t *ret_len)
{
    Turn *turns = malloc((trace->len + 1) * sizeof *turns);
    size_t len = 0;
    CHECK(turns != NULL);
    for (size_t i = 0; i < trace->len; i++) {
        const SimTraceEvent *event = &trace->events[i];
        if (strcmp(event->who, "nobody") == 0) {
            continue; /* time goes on, a run begins */
        }
        const bool goes_on = len > 0 && strcmp(event->who, trace->events[turns[len - 1].first].who) == 0 &&
                             strcmp(event->what, "run") != 0;
        if (!goes_on) {
            turns[len++].first = i;
        }
        turns[len - 1].end = i + 1;
    }
    *ret_len = len;
    return turns;
}

static void print_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, "\"%s\":\"", name);
    sim_print_json(to, text);
    fprintf(to, "\",\n");
}

static void print_turns(FILE *to, const SimTrace *trace, const Turn *turns, size_t from, size_t len)
{
    fprintf(to, "\"turns\":[");
    for (size_t i = from; i < len; i++) {
        const SimTraceEvent *first = &trace->events[turns[i].first];
        fprintf(to, "%s\n{\"who\":\"", i > from ? "," : "");
        sim_print_json(to, first->who);
        fprintf(to, "\",\"side\":\"%s\",\"at\":\"%" PRIu64 ".%09" PRIu64 "\",\"did\":[",
                first->is_client ? "client"
                : first->is_host ? "host"
                                 : "server",
                first->now_ns / NS_PER_S, first->now_ns % NS_PER_S);
        bool any = false;
        for (size_t k = turns[i].first; k < turns[i].end; k++) {
            const SimTraceEvent *event = &trace->events[k];
            if (event->arrow == 0 && strcmp(event->what, "run") != 0) {
                fprintf(to, "%s\"", any ? "," : "");
                sim_print_json(to, event->what);
                fprintf(to, " %" PRId64 " %" PRId64 "\"", (int64_t)event->a, (int64_t)event->b);
                any = true;
            }
        }
        fprintf(to, "]}");
    }
    fprintf(to, "],\n");
}

/* The turn that an event is in; it is at or after `turn`. */
static size_t turn_of(const Turn *turns, size_t len, size_t event)
{
    size_t low = 0, high = len;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (turns[middle].first <= event) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void print_arrows(FILE *to, const SimTrace *trace, const Turn *turns, size_t from, size_t len)
{
    size_t arrows_len;
    SimArrow *arrows = sim_trace_arrows(trace, &arrows_len);
    bool any = false;
    fprintf(to, "\"arrows\":[");
    for (size_t i = 0; i < arrows_len; i++) {
        const size_t start = turn_of(turns, len, arrows[i].from), end = turn_of(turns, len, arrows[i].to);
        if (start >= from && start != end) {
            fprintf(to, "%s[%zu,%zu,\"%s\"]", any ? "," : "", start - from, end - from,
                    trace->events[arrows[i].from].kind);
            any = true;
        }
    }
    fprintf(to, "],\n");
    free(arrows);
}

static void print_decisions(FILE *to, const SimReplay *replay)
{
    fprintf(to, "\"decisions\":[");
    for (size_t i = 0; i < replay->script.decisions.len && i < TURNS_MAX; i++) {
        char line[SIM_DECISION_TEXT_BYTES];
        sim_decision_print(&replay->script.decisions.list[i], line);
        fprintf(to, "%s\n\"", i > 0 ? "," : "");
        sim_print_json(to, line);
        fprintf(to, "\"");
    }
    fprintf(to, "],\n");
}

void sim_trace_html(const SimTrace *trace, const SimReplay *replay, const SimOutcome *outcome, FILE *to)
{
    const char *page = (const char *)sim_page, *mark = strstr(page, MARK);
    char token[SIM_TOKEN_BYTES], hash[20], faults[SIM_FAULTS_TEXT_BYTES];
    size_t len;
    CHECK(mark != NULL);
    Turn *turns = find_turns(trace, &len);
    const size_t from = len > TURNS_MAX ? len - TURNS_MAX : 0;
    fwrite(page, 1, (size_t)(mark - page), to);
    fprintf(to, "{");
    sim_token_print(&replay->plan, token);
    snprintf(hash, sizeof hash, "%016" PRIx64, outcome->hash);
    print_text(to, "token", token);
    print_text(to, "failure", outcome->failure);
    if (outcome->failure[0] != '\0') {
        char invariants[SIM_INVARIANTS_TEXT_BYTES];
        sim_invariants_print(sim_invariants_of(outcome->failure), " ", invariants);
        print_text(to, "oracle", sim_oracle_name(sim_oracle_of(outcome->failure)));
        print_text(to, "invariants", invariants);
    }
    sim_faults_print(outcome->faults, " ", faults);
    print_text(to, "faults", faults);
    print_text(to, "where", outcome->where);
    print_text(to, "hash", hash);
    print_decisions(to, replay);
    print_turns(to, trace, turns, from, len);
    print_arrows(to, trace, turns, from, len);
    fprintf(to, "\"scripted\":%s,\n\"earlier\":%zu}", replay->has_script ? "true" : "false", from);
    fputs(mark + strlen(MARK), to);
    free(turns);
}
