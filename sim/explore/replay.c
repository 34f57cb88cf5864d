/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADING "spice-sim replay 1"

void sim_replay_free(SimReplay *replay)
{
    sim_decisions_free(&replay->script.decisions);
    *replay = (SimReplay){0};
}

bool sim_replay_copy(SimReplay *to, const SimReplay *from)
{
    *to = *from;
    return sim_decisions_copy(&to->script.decisions, &from->script.decisions);
}

/* ---- Order ---- */

static int compare(const SimDecision *a, const SimDecision *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    const int who = strcmp(a->who, b->who);
    if (who != 0) {
        return who;
    }
    if (a->kind == SIM_DECISION_SWITCH) {
        return sim_step_compare(a->step, b->step);
    }
    const int site = strcmp(a->site, b->site);
    return site != 0 ? site : a->use < b->use ? -1 : a->use > b->use;
}

/* Stable: two switches at one step keep their order. */
static bool sort(SimDecisions *decisions)
{
    SimDecision *from = decisions->list;
    const size_t len = decisions->len;
    SimDecision *to = malloc((len > 0 ? len : 1) * sizeof *to);
    if (to == NULL) {
        return false;
    }
    SimDecision *spare = to;
    for (size_t width = 1; width < len; width *= 2) {
        for (size_t start = 0; start < len; start += 2 * width) {
            size_t a = start, b = start + width;
            const size_t a_end = b < len ? b : len;
            const size_t b_end = start + 2 * width < len ? start + 2 * width : len;
            for (size_t i = start; i < b_end; i++) {
                const bool take_a = a < a_end && (b >= b_end || compare(&from[a], &from[b]) <= 0);
                to[i] = take_a ? from[a++] : from[b++];
            }
        }
        SimDecision *swapped = from;
        from = to;
        to = swapped;
    }
    if (from == spare) {
        memcpy(decisions->list, from, len * sizeof *from);
    }
    free(spare);
    return true;
}

bool sim_script_from(const SimDecisions *recorded, SimScript *ret)
{
    *ret = (SimScript){.schedule = true, .faults = true};
    return sim_decisions_copy(&ret->decisions, recorded) && sort(&ret->decisions);
}

/* ---- Text ---- */

void sim_replay_write(const SimReplay *replay, FILE *to)
{
    char token[SIM_TOKEN_BYTES];
    sim_token_print(&replay->plan, token);
    fprintf(to, HEADING "\nplan %s\n", token);
    if (replay->has_script) {
        fprintf(to, "scripted%s%s%s\n", replay->script.schedule ? " schedule" : "",
                replay->script.faults ? " faults" : "", replay->script.zeros ? " zeros" : "");
    }
    if (replay->hash != 0) {
        fprintf(to, "hash %016" PRIx64 "\n", replay->hash);
    }
    if (replay->failure[0] != '\0') {
        fprintf(to, "failure %.*s\n", (int)strcspn(replay->failure, "\n"), replay->failure);
    }
    for (size_t i = 0; i < replay->script.decisions.len; i++) {
        char line[SIM_DECISION_TEXT_BYTES];
        sim_decision_print(&replay->script.decisions.list[i], line);
        fprintf(to, "%s\n", line);
    }
}

static const char *after(const char *line, const char *word)
{
    const size_t len = strlen(word);
    return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

/* "schedule faults zeros": some of them. */
static bool read_scripted(char *words, SimScript *ret)
{
    char *rest = words;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        bool *const which = strcmp(word, "schedule") == 0 ? &ret->schedule
                            : strcmp(word, "faults") == 0 ? &ret->faults
                            : strcmp(word, "zeros") == 0  ? &ret->zeros
                                                          : NULL;
        if (which == NULL) {
            return false;
        }
        *which = true;
    }
    return true;
}

static bool is_fault(const char *name)
{
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (strcmp(name, sim_fault_name((SimFault)i)) == 0) {
            return true;
        }
    }
    return false;
}

/* A decision that nobody would ask for, as its kind is not scripted, is a mistake. */
static bool is_scripted(const SimReplay *replay, const SimDecision *decision)
{
    switch (decision->kind) {
    case SIM_DECISION_SWITCH:
        return replay->script.schedule;
    case SIM_DECISION_FAULT:
        return replay->script.faults;
    case SIM_DECISION_VALUE:
        return replay->has_script;
    }
    return false;
}

static bool read_line(char *line, SimSubjects subjects, SimReplay *ret, char *error, size_t error_size)
{
    const char *rest;
    SimDecision decision;
    if (line[0] == '\0' || line[0] == '#') {
        return true;
    }
    if ((rest = after(line, "plan")) != NULL) {
        if (ret->plan.subject != NULL) {
            snprintf(error, error_size, "there is a plan already");
            return false;
        }
        return sim_token_parse(rest, subjects, &ret->plan, error, error_size);
    }
    if (after(line, "scripted") != NULL || strcmp(line, "scripted") == 0) {
        char *const words = line[strlen("scripted")] == ' ' ? line + strlen("scripted ") : NULL;
        if (ret->has_script || (words != NULL && !read_scripted(words, &ret->script))) {
            snprintf(error, error_size, "one line 'scripted', with some of: schedule, faults, zeros");
            return false;
        }
        ret->has_script = true;
        return true;
    }
    if ((rest = after(line, "hash")) != NULL) {
        char *end;
        ret->hash = strtoull(rest, &end, 16);
        if (*rest == '\0' || *end != '\0') {
            snprintf(error, error_size, "'%.80s' is no hash", rest);
            return false;
        }
        return true;
    }
    if ((rest = after(line, "failure")) != NULL) {
        snprintf(ret->failure, sizeof ret->failure, "%.*s", (int)sizeof ret->failure - 1, rest);
        return true;
    }
    if (!sim_decision_parse(line, &decision)) {
        snprintf(error, error_size, "'%.80s' is neither a decision nor anything else that belongs here",
                 line);
        return false;
    }
    if (decision.kind == SIM_DECISION_FAULT && !is_fault(decision.site)) {
        snprintf(error, error_size, "there is no fault '%s'", decision.site);
        return false;
    }
    if (!is_scripted(ret, &decision)) {
        snprintf(error, error_size,
                 "'%.80s' would not be asked for: no line 'scripted ...' before it says so", line);
        return false;
    }
    if (!sim_decisions_add(&ret->script.decisions, &decision)) {
        snprintf(error, error_size, "no memory");
        return false;
    }
    return true;
}

bool sim_replay_read(FILE *from, SimSubjects subjects, SimReplay *ret, char *ret_error, size_t error_size)
{
    char line[SIM_FAILURE_BYTES + 16];
    unsigned number = 0;
    *ret = (SimReplay){0};
    while (fgets(line, sizeof line, from) != NULL) {
        char error[200];
        line[strcspn(line, "\r\n")] = '\0';
        number++;
        if (number == 1 && strcmp(line, HEADING) != 0) {
            snprintf(ret_error, error_size, "line 1: wanted '" HEADING "'");
            sim_replay_free(ret);
            return false;
        }
        if (number > 1 && !read_line(line, subjects, ret, error, sizeof error)) {
            snprintf(ret_error, error_size, "line %u: %s", number, error);
            sim_replay_free(ret);
            return false;
        }
    }
    if (ret->plan.subject == NULL) {
        snprintf(ret_error, error_size, "there is no plan in it");
        sim_replay_free(ret);
        return false;
    }
    if (!sort(&ret->script.decisions)) {
        snprintf(ret_error, error_size, "no memory");
        sim_replay_free(ret);
        return false;
    }
    return true;
}

bool sim_replay_open(const char *token_or_path, SimSubjects subjects, SimReplay *ret, char *ret_error,
                     size_t error_size)
{
    if (sim_token_looks_like_one(token_or_path)) {
        *ret = (SimReplay){0};
        return sim_token_parse(token_or_path, subjects, &ret->plan, ret_error, error_size);
    }
    FILE *file = fopen(token_or_path, "r");
    if (file == NULL) {
        snprintf(ret_error, error_size, "neither a token nor a file that can be read");
        return false;
    }
    const bool read = sim_replay_read(file, subjects, ret, ret_error, error_size);
    fclose(file);
    return read;
}
