/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/wire.h"

typedef struct Printer {
    const Scenario *scenario;
    char *text;
    size_t size, len;
    bool brief; /* no blocks */
} Printer;

static void put(Printer *printer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(Printer *printer, const char *format, ...)
{
    va_list args;
    const size_t left = printer->len < printer->size ? printer->size - printer->len : 0;
    va_start(args, format);
    const int len = vsnprintf(left > 0 ? printer->text + printer->len : NULL, left, format, args);
    va_end(args);
    printer->len += len > 0 ? (size_t)len : 0;
}

static void put_unit(Printer *printer, uint64_t value, const char *const *names, const uint64_t *factors)
{
    unsigned i = 0;
    while (factors[i] > 1 && (value == 0 || value % factors[i] != 0)) {
        i++;
    }
    put(printer, "%" PRIu64 "%s", value / factors[i], names[i]);
}

static void put_value(Printer *printer, ArgKind kind, uint64_t value)
{
    static const char *const durations[] = {"min", "s", "ms", "us", "ns"};
    static const uint64_t duration_ns[] = {UINT64_C(60000000000), 1000000000, 1000000, 1000, 1};
    static const char *const sizes[] = {"MiB", "MB", "KiB", "kB", "B"};
    static const char *const rates[] = {"MiB/s", "MB/s", "KiB/s", "kB/s", "B/s"};
    static const uint64_t bytes[] = {1048576, 1000000, 1024, 1000, 1};

    switch (kind) {
    case ARG_DURATION:
        put_unit(printer, value, durations, duration_ns);
        break;
    case ARG_BYTES:
        put_unit(printer, value, sizes, bytes);
        break;
    case ARG_RATE:
        put_unit(printer, value, rates, bytes);
        break;
    default:
        put(printer, "%" PRIu64, value);
    }
}

static void put_range(Printer *printer, ArgKind kind, Range range)
{
    put_value(printer, kind, range.low);
    if (range.high != range.low) {
        put(printer, "..");
        put_value(printer, kind, range.high);
    }
}

static void put_channel(Printer *printer, ChannelRef channel)
{
    put(printer, "%s", channel.type == 0 ? "everything" : wire_channel_name(channel.type));
    if (channel.id != 0) {
        put(printer, ":%u", channel.id);
    }
}

static void put_who(Printer *printer, const Who *who)
{
    switch (who->kind) {
    case WHO_NOBODY:
        break;
    case WHO_CLIENT:
        put(printer, "%s", printer->scenario->clients[who->index].name);
        break;
    case WHO_WIRE:
        put(printer, "%s.", printer->scenario->clients[who->index].name);
        if (who->alias != NULL) {
            put(printer, "%s", who->alias);
        } else {
            put_channel(printer, who->channel);
        }
        break;
    case WHO_EVERYBODY:
        put(printer, "everybody");
        break;
    case WHO_HOST:
        put(printer, "host");
        break;
    case WHO_DEVICE:
        put(printer, "%s", printer->scenario->devices[who->index].name);
        break;
    }
}

static void put_arg(Printer *printer, const Arg *arg)
{
    static const char *const things[] = {"keyboard", "mouse", "tablet"};
    bool first = true;

    switch (arg->kind) {
    case ARG_NUMBER:
    case ARG_DURATION:
    case ARG_BYTES:
    case ARG_RATE:
        put_range(printer, arg->kind, arg->range);
        break;
    case ARG_SIGNED:
        put(printer, "%" PRId64, arg->number);
        break;
    case ARG_DIMENSIONS:
        put(printer, "%" PRIu64 "x%" PRIu64, arg->range.low, arg->range.high);
        break;
    case ARG_STRING:
        put(printer, "\"%s\"", arg->text);
        break;
    case ARG_NEW_NAME:
        put(printer, "%s", arg->text);
        break;
    case ARG_CHANNELS:
        for (uint32_t i = 0; i < arg->channels_len; i++) {
            put(printer, "%s", i > 0 ? ", " : "");
            put_channel(printer, arg->channels[i]);
        }
        break;
    case ARG_WIRE:
        put_who(printer, &arg->who);
        break;
    case ARG_THING:
        if (arg->range.low == THING_DEVICE) {
            put_who(printer, &arg->who);
        } else {
            put(printer, "%s", things[arg->range.low]);
        }
        break;
    case ARG_WORKS:
        for (uint32_t i = 0; arg_words(ARG_WORKS)[i] != NULL; i++) {
            if (arg->range.low >> i & 1) {
                put(printer, "%s%s", first ? "" : ", ", arg_words(ARG_WORKS)[i]);
                first = false;
            }
        }
        break;
    default:
        put(printer, "%s", arg_words(arg->kind)[arg->range.low]);
    }
}

static void put_phrase(Printer *printer, const Phrase *phrase)
{
    const char *at = phrase->form->pattern;
    uint32_t arg = 0;
    bool first = true;

    for (FormPart part = form_part(&at); part.len > 0; part = form_part(&at)) {
        const bool comma = part.arg == ARG_NONE && part.word[0] == ',';
        put(printer, "%s", first || comma ? "" : " ");
        if (part.arg == ARG_NONE) {
            put(printer, "%.*s", (int)part.len, part.word);
        } else {
            put_arg(printer, &phrase->args[arg++]);
        }
        first = false;
    }
}

static void put_phrases(Printer *printer, const Phrase *phrases)
{
    for (const Phrase *phrase = phrases; phrase != NULL; phrase = phrase->next) {
        put_phrase(printer, phrase);
        put(printer, "%s", phrase->next != NULL ? ", " : "");
    }
}

static void put_condition(Printer *printer, const Condition *condition)
{
    for (; condition != NULL; condition = condition->next) {
        put_who(printer, &condition->who);
        put(printer, "%s", condition->who.kind != WHO_NOBODY ? " " : "");
        put_phrase(printer, &condition->phrase);
        if (condition->next != NULL) {
            put(printer, "%s", condition->or_next ? " or " : " and ");
        }
    }
}

static void put_limit(Printer *printer, const Step *step)
{
    if (step->has_limit) {
        put(printer, "%s", step->throughout ? " throughout " : " within ");
        put_range(printer, ARG_DURATION, step->limit_ns);
    }
}

static void put_steps(Printer *printer, const Step *steps, unsigned depth);

static void put_blocks(Printer *printer, const Step *step, unsigned depth, const char *word)
{
    for (const Block *block = step->blocks; block != NULL; block = block->next) {
        if (printer->brief) {
            put(printer, " { ... }");
        } else {
            put(printer, " {\n");
            put_steps(printer, block->first, depth + 1);
            put(printer, "%*s}", (int)depth * 4, "");
        }
        put(printer, "%s%s", block->next != NULL ? " " : "", block->next != NULL ? word : "");
    }
}

static void put_step(Printer *printer, const Step *step, unsigned depth)
{
    static const char *const settings[] = {[STEP_SERVER] = "server",
                                           [STEP_NETWORK] = "network",
                                           [STEP_CLOCK] = "clock",
                                           [STEP_SCHEDULE] = "schedule",
                                           [STEP_FAULT] = "fault"};
    switch (step->kind) {
    case STEP_SERVER:
    case STEP_NETWORK:
    case STEP_CLOCK:
    case STEP_SCHEDULE:
    case STEP_FAULT:
        put(printer, "%s ", settings[step->kind]);
        put_phrases(printer, step->phrases);
        break;
    case STEP_ACT:
        put_who(printer, &step->who);
        put(printer, " ");
        put_phrase(printer, step->phrases);
        if (step->times.low != 1 || step->times.high != 1) {
            put(printer, " ");
            put_range(printer, ARG_NUMBER, step->times);
            put(printer, " times");
        }
        if (step->every_ns.high > 0) {
            put(printer, " every ");
            put_range(printer, ARG_DURATION, step->every_ns);
        }
        if (step->condition != NULL) {
            put(printer, " while ");
            put_condition(printer, step->condition);
        }
        put_limit(printer, step);
        break;
    case STEP_WAIT:
        put(printer, "wait until ");
        put_condition(printer, step->condition);
        put_limit(printer, step);
        break;
    case STEP_EXPECT:
        put(printer, "expect ");
        put_condition(printer, step->condition);
        put_limit(printer, step);
        break;
    case STEP_PAUSE:
        put(printer, "pause %s", step->condition != NULL ? "at most " : "");
        put_range(printer, ARG_DURATION, step->limit_ns);
        if (step->condition != NULL) {
            put(printer, " until ");
            put_condition(printer, step->condition);
        }
        break;
    case STEP_RACE:
        put(printer, "race");
        put_limit(printer, step);
        put_blocks(printer, step, depth, "with");
        break;
    case STEP_CHOOSE:
        put(printer, "choose");
        put_blocks(printer, step, depth, "or");
        break;
    case STEP_MAYBE:
        put(printer, "maybe");
        put_blocks(printer, step, depth, "");
        break;
    case STEP_REPEAT:
        put(printer, "repeat ");
        put_range(printer, ARG_NUMBER, step->times);
        put_blocks(printer, step, depth, "");
        break;
    }
}

static void put_steps(Printer *printer, const Step *steps, unsigned depth)
{
    for (const Step *step = steps; step != NULL; step = step->next) {
        put(printer, "%*s", (int)depth * 4, "");
        put_step(printer, step, depth);
        put(printer, "\n");
    }
}

size_t scenario_print(const Scenario *scenario, char *ret, size_t size)
{
    Printer printer = {.scenario = scenario, .text = ret, .size = size};

    if (size > 0) {
        ret[0] = '\0';
    }
    if (scenario->title[0] != '\0') {
        put(&printer, "scenario \"%s\"\n", scenario->title);
    }
    for (uint32_t i = 0; i < scenario->rows_len; i++) {
        put(&printer, "%s%s%s", i == 0 ? "row " : ", ", scenario->rows[i],
            i + 1 == scenario->rows_len ? "\n" : "");
    }
    put_steps(&printer, scenario->settings, 0);
    for (uint32_t i = 0; i < scenario->devices_len; i++) {
        put(&printer, "device %s%s", scenario->devices[i].name,
            scenario->devices[i].traits != NULL ? " " : "");
        put_phrases(&printer, scenario->devices[i].traits);
        put(&printer, "\n");
    }
    for (uint32_t i = 0; i < scenario->clients_len; i++) {
        put(&printer, "client %s%s", scenario->clients[i].name,
            scenario->clients[i].traits != NULL ? " " : "");
        put_phrases(&printer, scenario->clients[i].traits);
        put(&printer, "\n");
    }
    put_steps(&printer, scenario->steps, 0);
    return printer.len;
}

size_t scenario_print_step(const Scenario *scenario, const Step *step, char *ret, size_t size)
{
    Printer printer = {.scenario = scenario, .text = ret, .size = size, .brief = true};
    if (size > 0) {
        ret[0] = '\0';
    }
    put_step(&printer, step, 0);
    return printer.len;
}
