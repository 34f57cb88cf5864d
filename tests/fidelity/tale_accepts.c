/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tale_accepts.c: which scenarios mean the same on every stage. What is not in the list of phrases here is refused, those
 * that the language will have one day included.
 */
#include <stdio.h>

#include "sim/scenario/print.h"
#include "tests/fidelity/tale.h"

#define PAUSE_MAX_NS NS_PER_S
#define WITHIN_MAX_NS (10 * NS_PER_S) /* what takes longer waits for a timer of the server's */
#define LATENCY_MAX_NS (10 * NS_PER_MS)

typedef struct Judge {
    const Scenario *scenario;
    char *ret;
    size_t cap;
    uint64_t acts;
} Judge;

static bool refuse(const Judge *judge, const ScenarioPlace *place, const char *text, const char *why)
{
    snprintf(judge->ret, judge->cap, "%s:%u: '%s' cannot be played on every stage: %s",
             judge->scenario->files[place->file], (unsigned)place->line, text, why);
    return false;
}

static bool refuse_step(const Judge *judge, const Step *step, const char *why)
{
    char text[200];
    scenario_print_step(judge->scenario, step, text, sizeof text);
    return refuse(judge, &step->place, text, why);
}

static bool is_open(const Range *range)
{
    return range->low != range->high;
}

/* Does the phrase leave something to be chosen? */
static bool leaves_open(const Phrase *phrase)
{
    for (uint32_t i = 0; i < FORM_ARGS_MAX; i++) {
        const Arg *arg = &phrase->args[i];
        if ((arg->kind == ARG_NUMBER || arg->kind == ARG_DURATION || arg->kind == ARG_BYTES ||
             arg->kind == ARG_RATE) &&
            is_open(&arg->range)) {
            return true;
        }
    }
    return false;
}

/* NULL: it means the same everywhere. */
static const char *why_not(const Phrase *phrase)
{
    switch (phrase->form->id) {
    case SERVER_TICKETS:
    case SERVER_NO_TICKETS:
    case SERVER_ONE_CLIENT:
    case SERVER_MANY_CLIENTS:
    case SERVER_NAME:
    case NETWORK_SPLITS:
    case NETWORK_IDEAL:
    case CLIENT_FULL_HEADER:
    case CLIENT_MINI_HEADER:
    case CLIENT_WANTS_MOUSE:
    case CLIENT_PASSWORD:
    case CLIENT_WEBSOCKET:
    case DEVICE_PRIMARY:
    case DEVICE_LATER:
    case CLIENT_CONNECTS:
    case CLIENT_CONNECTS_AS:
    case CLIENT_PRESSES:
    case CLIENT_RELEASES:
    case CLIENT_TYPES:
    case CLIENT_MOVES_TO:
    case CLIENT_MOVES_BY:
    case CLIENT_CLICKS:
    case CLIENT_SETS_MODIFIERS:
    case CLIENT_ASKS_MOUSE:
    case WIRE_CLOSES:
    case HOST_STARTS:
    case HOST_STOPS:
    case HOST_ADDS:
    case HOST_REMOVES:
    case HOST_SETS_LEDS:
    case HOST_DESTROYS:
    case HOST_ASKS:
    case HOST_SETS_TICKET:
    case HOST_ASKS_NO_TICKET:
    case HOST_SETS_NAME:
    case HOST_ALLOWS_ONE:
    case HOST_ALLOWS_MANY:
    case DEVICE_SETS_CURSOR:
    case DEVICE_SETS_CACHED_CURSOR:
    case DEVICE_MOVES_CURSOR:
    case DEVICE_HIDES_CURSOR:
    case DEVICE_TRAILS_CURSOR:
    case DEVICE_RESETS_CURSOR:
    case DEVICE_CREATES_PRIMARY:
    case DEVICE_CREATES_PRIMARY_ASYNC:
    case DEVICE_DESTROYS_PRIMARY:
    case DEVICE_DESTROYS_PRIMARY_ASYNC:
    case DEVICE_CREATES_SURFACE:
    case DEVICE_DESTROYS_SURFACE:
    case DEVICE_DESTROYS_SURFACE_CALL:
    case DEVICE_DESTROYS_ALL:
    case DEVICE_DESTROYS_ALL_ASYNC:
    case DEVICE_SETS_MONITORS:
    case DEVICE_DRAWS:
    case DEVICE_UPDATES:
    case DEVICE_UPDATES_ASYNC:
    case DEVICE_UPDATES_COMMAND:
    case DEVICE_FLUSHES:
    case DEVICE_ADDS_SLOT:
    case DEVICE_ADDS_SLOT_ASYNC:
    case DEVICE_DELETES_SLOT:
    case DEVICE_RESETS:
    case DEVICE_OOM:
    case DEVICE_WAKES:
    case DEVICE_STARTS:
    case DEVICE_STOPS:
    case WIRE_IS:
    case WIRE_IS_NOT:
    case CLIENT_SEES_CURSOR:
    case CLIENT_SEES_NO_CURSOR:
    case CLIENT_SEES_PRIMARY:
    case CLIENT_SEES_NO_PRIMARY:
    case CLIENT_SEES_SURFACES:
    case CLIENT_SEES_MONITORS:
    case CLIENT_SEES_MOUSE:
    case CLIENT_SEES_CHANNEL:
    case CLIENT_SEES_NO_CHANNEL:
    case CLIENT_SEES_MODIFIERS:
    case HOST_SAW:
    case HOST_SAW_AT_LEAST:
    case HOST_SAW_AT_MOST:
    case HOST_SAW_EVERY_END:
    case HOST_GOT:
    case HOST_GOT_AT_LEAST:
    case HOST_COUNTS:
    case DEVICE_SEES_CLIENT:
    case DEVICE_SEES_NO_CLIENT:
    case DEVICE_IS_IDLE:
    case DEVICE_TAKEN:
    case NO_VIOLATION:
        return NULL;
    case NETWORK_LATENCY:
    case NETWORK_JITTER:
        return phrase->args[0].range.high > LATENCY_MAX_NS
                   ? "so slow a network cannot be told from one that has nothing to bring"
                   : NULL;
    case NETWORK_BANDWIDTH:
    case NETWORK_BUFFER:
    case NETWORK_SEND_BUFFER:
    case NETWORK_RECEIVE_BUFFER:
        return "what a real connection holds is the kernel's business";
    case WIRE_RECEIVED:
        return "pings count, too";
    case CLIENT_PLAYS:
    case WIRE_DIES:
    case DEVICE_LIES:
    case DEVICE_WORKS:
    case DEVICE_WORKS_ON:
    case NETWORK_ANY:
        return "what it does is left to chance";
    case CLIENT_NEVER_ACKS:
    case CLIENT_NEVER_PONGS:
    case WIRE_FALLS_SILENT:
    case WIRE_STOPS_READING:
        return "what follows is a matter of time";
    default:
        return "there is nothing like it outside the simulator";
    }
}

static bool judge_step(Judge *judge, const Step *step, uint64_t times);

static bool judge_block(Judge *judge, const Step *first, uint64_t times)
{
    for (const Step *step = first; step != NULL; step = step->next) {
        if (!judge_step(judge, step, times)) {
            return false;
        }
    }
    return true;
}

static bool judge_phrases(const Judge *judge, const Step *step)
{
    for (const Phrase *phrase = step->phrases; phrase != NULL; phrase = phrase->next) {
        const char *why = why_not(phrase);
        /* Networks are there before the story, and only in the simulator: it may choose. */
        if (why == NULL && step->kind != STEP_NETWORK && leaves_open(phrase)) {
            why = "a choice is left open";
        }
        if (why != NULL) {
            return refuse_step(judge, step, why);
        }
    }
    return true;
}

static bool judge_condition(const Judge *judge, const Step *step)
{
    for (const Condition *term = step->condition; term != NULL; term = term->next) {
        const char *why = why_not(&term->phrase); /* its ranges are no choices */
        if (why != NULL) {
            return refuse_step(judge, step, why);
        }
    }
    if (step->has_limit && step->limit_ns.high > (step->throughout ? PAUSE_MAX_NS : WITHIN_MAX_NS)) {
        return refuse_step(judge, step, "it would take that time");
    }
    return true;
}

/* `times`: how often the step is carried out. Recursion is as deep as blocks are nested. */
static bool judge_step(Judge *judge, const Step *step, uint64_t times)
{
    switch (step->kind) {
    case STEP_ACT:
        if (step->condition != NULL) {
            return refuse_step(judge, step, "what happens in that very moment cannot be repeated");
        }
        if (is_open(&step->times)) {
            return refuse_step(judge, step, "a choice is left open");
        }
        if (step->times.low > TALE_ACTS_MAX || (judge->acts += times * step->times.low) > TALE_ACTS_MAX) {
            return refuse_step(judge, step, "there are too many acts before it");
        }
        return judge_phrases(judge, step);
    case STEP_WAIT:
    case STEP_EXPECT:
        return judge_condition(judge, step);
    case STEP_PAUSE:
        if (step->condition != NULL) {
            return refuse_step(judge, step, "whether it comes true is left open");
        }
        return step->limit_ns.high <= PAUSE_MAX_NS || refuse_step(judge, step, "it would take that time");
    case STEP_REPEAT:
        if (is_open(&step->times)) {
            return refuse_step(judge, step, "a choice is left open");
        }
        if (step->times.low > TALE_ACTS_MAX || (times *= step->times.low) > TALE_ACTS_MAX) {
            return refuse_step(judge, step, "there are too many acts in it");
        }
        return judge_block(judge, step->blocks->first, times);
    case STEP_RACE:
        return refuse_step(judge, step, "what happens at the same time cannot be repeated");
    case STEP_CHOOSE:
    case STEP_MAYBE:
        return refuse_step(judge, step, "a choice is left open");
    case STEP_FAULT:
    case STEP_NETWORK:
    case STEP_CLOCK:
    case STEP_SCHEDULE:
    case STEP_SERVER:
        break;
    }
    return refuse_step(judge, step, "there is nothing like it outside the simulator");
}

static bool judge_traits(const Judge *judge, const ScenarioPlace *place, const Phrase *traits)
{
    for (const Phrase *trait = traits; trait != NULL; trait = trait->next) {
        const char *why = why_not(trait);
        if (why != NULL || leaves_open(trait)) {
            return refuse(judge, place, trait->form->pattern, why != NULL ? why : "a choice is left open");
        }
    }
    return true;
}

bool tale_accepts(const Scenario *scenario, char *ret, size_t cap)
{
    Judge judge = {.scenario = scenario, .ret = ret, .cap = cap};

    for (const Step *step = scenario->settings; step != NULL; step = step->next) {
        const bool same = step->kind == STEP_SERVER || step->kind == STEP_NETWORK;
        if (same ? !judge_phrases(&judge, step) : !judge_step(&judge, step, 1)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < scenario->clients_len; i++) {
        if (!judge_traits(&judge, &scenario->clients[i].place, scenario->clients[i].traits)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < scenario->devices_len; i++) {
        if (!judge_traits(&judge, &scenario->devices[i].place, scenario->devices[i].traits)) {
            return false;
        }
    }
    return judge_block(&judge, scenario->steps, 1);
}

void tale_net(const Scenario *scenario, bool high, SimNet *net)
{
    for (const Step *step = scenario->settings; step != NULL; step = step->next) {
        for (const Phrase *phrase = step->kind == STEP_NETWORK ? step->phrases : NULL; phrase != NULL;
             phrase = phrase->next) {
            const Range *range = &phrase->args[0].range;
            const uint64_t value = high ? range->high : range->low;
            switch (phrase->form->id) {
            case NETWORK_LATENCY:
                net->latency_ns = value;
                break;
            case NETWORK_JITTER:
                net->jitter_ns = value;
                break;
            case NETWORK_SPLITS:
                net->split_one_in = (uint32_t)value;
                break;
            default:
                *net = (SimNet){0}; /* ideal: others are not accepted */
            }
        }
    }
}
