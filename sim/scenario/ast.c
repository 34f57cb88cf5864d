/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/ast.h"

#include <stdlib.h>
#include <string.h>

void scenario_free(Scenario *scenario)
{
    if (scenario != NULL) {
        arena_finish(&scenario->arena);
        free(scenario);
    }
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool range_equal(Range a, Range b)
{
    return a.low == b.low && a.high == b.high;
}

static bool who_equal(const Who *a, const Who *b)
{
    return a->kind == b->kind && a->index == b->index && a->channel.type == b->channel.type &&
           a->channel.id == b->channel.id && text_equal(a->alias, b->alias);
}

static bool arg_equal(const Arg *a, const Arg *b)
{
    if (a->kind != b->kind || !range_equal(a->range, b->range) || a->number != b->number ||
        !text_equal(a->text, b->text) || a->channels_len != b->channels_len || !who_equal(&a->who, &b->who)) {
        return false;
    }
    for (uint32_t i = 0; i < a->channels_len; i++) {
        if (a->channels[i].type != b->channels[i].type || a->channels[i].id != b->channels[i].id) {
            return false;
        }
    }
    return true;
}

static bool phrase_equal(const Phrase *a, const Phrase *b)
{
    if (a->form != b->form) {
        return false;
    }
    for (uint32_t i = 0; i < FORM_ARGS_MAX; i++) {
        if (!arg_equal(&a->args[i], &b->args[i])) {
            return false;
        }
    }
    return true;
}

static bool phrases_equal(const Phrase *a, const Phrase *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!phrase_equal(a, b)) {
            return false;
        }
    }
    return a == b;
}

static bool conditions_equal(const Condition *a, const Condition *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!who_equal(&a->who, &b->who) || !phrase_equal(&a->phrase, &b->phrase) ||
            a->or_next != b->or_next) {
            return false;
        }
    }
    return a == b;
}

static bool steps_equal(const Step *a, const Step *b);

static bool blocks_equal(const Block *a, const Block *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!steps_equal(a->first, b->first)) {
            return false;
        }
    }
    return a == b;
}

/* Recursion is as deep as blocks are nested: SCENARIO_NESTING_MAX. */
static bool steps_equal(const Step *a, const Step *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (a->kind != b->kind || !who_equal(&a->who, &b->who) || !phrases_equal(a->phrases, b->phrases) ||
            !range_equal(a->times, b->times) || !range_equal(a->every_ns, b->every_ns) ||
            !conditions_equal(a->condition, b->condition) || !range_equal(a->limit_ns, b->limit_ns) ||
            a->has_limit != b->has_limit || a->throughout != b->throughout ||
            !blocks_equal(a->blocks, b->blocks)) {
            return false;
        }
    }
    return a == b;
}

bool scenario_equal(const Scenario *a, const Scenario *b)
{
    if (!text_equal(a->title, b->title) || a->rows_len != b->rows_len || a->clients_len != b->clients_len ||
        a->devices_len != b->devices_len) {
        return false;
    }
    for (uint32_t i = 0; i < a->rows_len; i++) {
        if (!text_equal(a->rows[i], b->rows[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->clients_len; i++) {
        if (!text_equal(a->clients[i].name, b->clients[i].name) ||
            !phrases_equal(a->clients[i].traits, b->clients[i].traits)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->devices_len; i++) {
        if (!text_equal(a->devices[i].name, b->devices[i].name) ||
            !phrases_equal(a->devices[i].traits, b->devices[i].traits)) {
            return false;
        }
    }
    return steps_equal(a->settings, b->settings) && steps_equal(a->steps, b->steps);
}
