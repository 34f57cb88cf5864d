/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/decisions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define BRANCHES_MAX 100000u

/* Room for one more in an array of this element size. */
static bool grow(void **array, size_t len, size_t *capacity, size_t size)
{
    if (len < *capacity) {
        return true;
    }
    const size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}

bool sim_decisions_add(SimDecisions *decisions, const SimDecision *decision)
{
    if (!grow((void **)&decisions->list, decisions->len, &decisions->capacity, sizeof *decision)) {
        return false;
    }
    decisions->list[decisions->len++] = *decision;
    return true;
}

void sim_decisions_free(SimDecisions *decisions)
{
    free(decisions->list);
    *decisions = (SimDecisions){0};
}

bool sim_decisions_copy(SimDecisions *to, const SimDecisions *from)
{
    *to = (SimDecisions){0};
    for (size_t i = 0; i < from->len; i++) {
        if (!sim_decisions_add(to, &from->list[i])) {
            sim_decisions_free(to);
            return false;
        }
    }
    return true;
}

int sim_step_compare(SimStep a, SimStep b)
{
    if (a.rounds != b.rounds) {
        return a.rounds < b.rounds ? -1 : 1;
    }
    if (a.calls != b.calls) {
        return a.calls < b.calls ? -1 : 1;
    }
    return a.accesses < b.accesses ? -1 : a.accesses > b.accesses;
}

/* ---- Text ---- */

static void print_step(SimStep step, char text[40])
{
    if (step.accesses != 0) {
        snprintf(text, 40, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, step.rounds, step.calls, step.accesses);
    } else if (step.calls != 0) {
        snprintf(text, 40, "%" PRIu32 ".%" PRIu32, step.rounds, step.calls);
    } else {
        snprintf(text, 40, "%" PRIu32, step.rounds);
    }
}

/* Names of choices are words with blanks between; in a line of text they are one word. */
static void swap_letters(char *text, char from, char to)
{
    for (; *text != '\0'; text++) {
        *text = *text == from ? to : *text;
    }
}

void sim_decision_print(const SimDecision *decision, char text[SIM_DECISION_TEXT_BYTES])
{
    if (decision->kind == SIM_DECISION_SWITCH) {
        char step[40];
        print_step(decision->step, step);
        snprintf(text, SIM_DECISION_TEXT_BYTES, "d %s %s %s", decision->who, step, decision->whom);
        return;
    }
    char use[24] = "*", site[SIM_SITE_BYTES];
    memcpy(site, decision->site, sizeof site);
    swap_letters(site, ' ', '_');
    if (decision->use != SIM_EVERY_USE) {
        snprintf(use, sizeof use, "%" PRIu64, decision->use);
    }
    snprintf(text, SIM_DECISION_TEXT_BYTES, "%c %s %s %s %" PRIu64,
             decision->kind == SIM_DECISION_FAULT ? 'f' : 'v', site, decision->who, use, decision->value);
}

/* The next word of a line into a field; false: none, or too long. */
static bool take_word(const char **text, char *ret, size_t size)
{
    while (**text == ' ') {
        (*text)++;
    }
    const size_t len = strcspn(*text, " ");
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(ret, *text, len);
    ret[len] = '\0';
    *text += len;
    return true;
}

static bool parse_number(const char *word, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (*word == '\0') {
        return false;
    }
    for (; *word != '\0'; word++) {
        if (*word < '0' || *word > '9') {
            return false;
        }
        const uint64_t digit = (uint64_t)(*word - '0');
        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static bool parse_step(char *word, SimStep *ret)
{
    uint32_t *const parts[] = {&ret->rounds, &ret->calls, &ret->accesses};
    *ret = (SimStep){0};
    for (size_t i = 0; i < 3; i++) {
        char *dot = strchr(word, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        uint64_t value;
        if (!parse_number(word, UINT32_MAX, &value)) {
            return false;
        }
        *parts[i] = (uint32_t)value;
        if (dot == NULL) {
            return true;
        }
        word = dot + 1;
    }
    return false;
}

bool sim_decision_parse(const char *text, SimDecision *ret)
{
    char kind[2], word[40];
    *ret = (SimDecision){0};
    if (!take_word(&text, kind, sizeof kind)) {
        return false;
    }
    if (kind[0] == 'd') {
        ret->kind = SIM_DECISION_SWITCH;
        return take_word(&text, ret->who, sizeof ret->who) && take_word(&text, word, sizeof word) &&
               parse_step(word, &ret->step) && take_word(&text, ret->whom, sizeof ret->whom) && *text == '\0';
    }
    if (kind[0] != 'f' && kind[0] != 'v') {
        return false;
    }
    ret->kind = kind[0] == 'f' ? SIM_DECISION_FAULT : SIM_DECISION_VALUE;
    if (!take_word(&text, ret->site, sizeof ret->site) || !take_word(&text, ret->who, sizeof ret->who) ||
        !take_word(&text, word, sizeof word)) {
        return false;
    }
    swap_letters(ret->site, '_', ' ');
    ret->use = SIM_EVERY_USE;
    if (strcmp(word, "*") != 0 && !parse_number(word, UINT64_MAX - 1, &ret->use)) {
        return false;
    }
    return take_word(&text, word, sizeof word) && parse_number(word, UINT64_MAX, &ret->value) &&
           *text == '\0';
}

/* ---- The record ---- */

void sim_record_free(SimRecord *record)
{
    sim_decisions_free(&record->decisions);
    sim_decisions_free(&record->values);
    free(record->points);
    free(record->shares);
    *record = (SimRecord){0};
}

void sim_record_add_point(SimRecord *record, const SimPoint *point)
{
    const bool room =
        grow((void **)&record->points, record->points_len, &record->points_capacity, sizeof *point);
    CHECK(room);
    record->points[record->points_len++] = *point;
}

void sim_record_add_share(SimRecord *record, const char *who, uint64_t points)
{
    const bool room =
        grow((void **)&record->shares, record->shares_len, &record->shares_capacity, sizeof *record->shares);
    CHECK(room);
    SimShare *share = &record->shares[record->shares_len++];
    *share = (SimShare){.points = points};
    snprintf(share->who, sizeof share->who, "%s", who);
    record->points_total += points;
}

/* ---- The enumerator ---- */

uint32_t sim_enumerator_choose(SimEnumerator *enumerator, uint32_t n)
{
    if (n <= 1) {
        return 0;
    }
    if (enumerator->at == enumerator->len) {
        if (enumerator->len == BRANCHES_MAX) {
            enumerator->too_deep = true;
            return 0;
        }
        const bool room = grow((void **)&enumerator->branches, enumerator->len, &enumerator->capacity,
                               sizeof *enumerator->branches);
        CHECK(room);
        enumerator->branches[enumerator->len++] = (struct SimBranch){.of = n};
    }
    const struct SimBranch *branch = &enumerator->branches[enumerator->at++];
    CHECK(branch->of == n); /* else the universe is not deterministic */
    return branch->chosen;
}

bool sim_enumerator_next(SimEnumerator *enumerator)
{
    enumerator->len = enumerator->at; /* the last universe may have ended earlier */
    enumerator->at = 0;
    while (enumerator->len > 0) {
        struct SimBranch *last = &enumerator->branches[enumerator->len - 1];
        if (++last->chosen < last->of) {
            return true;
        }
        enumerator->len--;
    }
    return false;
}

void sim_enumerator_free(SimEnumerator *enumerator)
{
    free(enumerator->branches);
    *enumerator = (SimEnumerator){0};
}
