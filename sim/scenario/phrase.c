/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* phrase.c: phrases by their forms, arguments, names, conditions. */
#include "sim/scenario/parser.h"

#include <stdio.h>
#include <inttypes.h>
#include <string.h>

#include "wire/wire.h"

typedef struct UnitName {
    const char *name;
    uint64_t factor;
} UnitName;

static const UnitName durations[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", UINT64_C(60000000000)}, {NULL, 0}};
static const UnitName sizes[] = {{"B", 1},        {"kB", 1000},     {"KiB", 1024},
                                 {"MB", 1000000}, {"MiB", 1048576}, {NULL, 0}};
static const UnitName rates[] = {{"B/s", 1},        {"kB/s", 1000},     {"KiB/s", 1024},
                                 {"MB/s", 1000000}, {"MiB/s", 1048576}, {NULL, 0}};

static const struct {
    const char *name;
    uint8_t type;
} channels[] = {{"main", WIRE_CHANNEL_MAIN},
                {"inputs", WIRE_CHANNEL_INPUTS},
                {"cursor", WIRE_CHANNEL_CURSOR},
                {"display", WIRE_CHANNEL_DISPLAY},
                {"everything", 0},
                {NULL, 0}};

static void nearest_to(Nearest *nearest, const Token *token)
{
    *nearest = (Nearest){.found = token->text, .found_len = token->kind == TOKEN_WORD ? token->len : 0};
}

/* ---- Values ---- */

static bool scaled(Parser *p, const UnitName *units, uint64_t max, const char *expected, uint64_t *ret)
{
    const Token *token = &p->token;
    if (token->kind != TOKEN_NUMBER) {
        return parse_error(p, SCENARIO_ERROR_WORD, token, expected, "");
    }
    if (token->unit == NULL) {
        return parse_error(p, SCENARIO_ERROR_UNIT, token, expected, "");
    }
    Nearest nearest = {.found = token->unit, .found_len = token->unit_len};
    for (const UnitName *unit = units; unit->name != NULL; unit++) {
        if (strlen(unit->name) == token->unit_len && memcmp(unit->name, token->unit, token->unit_len) == 0) {
            if (token->value > max / unit->factor) {
                return parse_refuse(p, SCENARIO_ERROR_RANGE, token, "this is too much: %" PRIu64 "%s at most",
                                    max / unit->factor, unit->name);
            }
            *ret = token->value * unit->factor;
            return parse_next(p);
        }
        nearest_offer(&nearest, unit->name);
    }
    return parse_error(p, SCENARIO_ERROR_UNIT, token, expected, nearest_word(&nearest));
}

static bool plain_number(Parser *p, uint64_t *ret)
{
    const Token *token = &p->token;
    if (token->kind != TOKEN_NUMBER) {
        return parse_error(p, SCENARIO_ERROR_WORD, token, "a number", "");
    }
    if (token->unit != NULL) {
        return parse_error(p, SCENARIO_ERROR_UNIT, token, "a number without a unit", "");
    }
    if (token->value > UINT32_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, token, "this is too much: %" PRIu32 " at most",
                            UINT32_MAX);
    }
    *ret = token->value;
    return parse_next(p);
}

static bool value(Parser *p, ArgKind kind, uint64_t *ret)
{
    switch (kind) {
    case ARG_DURATION:
        return scaled(p, durations, SCENARIO_DURATION_MAX_NS, "a duration such as 10ms (ns, us, ms, s, min)",
                      ret);
    case ARG_BYTES:
        return scaled(p, sizes, UINT64_C(1) << 30, "a size such as 600B (B, kB, KiB, MB, MiB)", ret);
    case ARG_RATE:
        return scaled(p, rates, UINT64_C(1) << 40, "a rate such as 1MB/s (B/s, kB/s, KiB/s, MB/s, MiB/s)",
                      ret);
    default:
        return plain_number(p, ret);
    }
}

static bool range(Parser *p, ArgKind kind, Range *ret)
{
    const Token first = p->token;
    if (!value(p, kind, &ret->low)) {
        return false;
    }
    ret->high = ret->low;
    if (p->token.kind == TOKEN_DOTS) {
        if (!parse_next(p) || !value(p, kind, &ret->high)) {
            return false;
        }
        if (ret->high < ret->low) {
            return parse_refuse(p, SCENARIO_ERROR_RANGE, &first, "this range ends before it begins");
        }
    }
    return true;
}

static bool dimensions(Parser *p, Range *ret)
{
    const Token *token = &p->token;
    if (token->kind != TOKEN_SIZE) {
        return parse_error(p, SCENARIO_ERROR_WORD, token, "width and height such as 640x480", "");
    }
    if (token->unit != NULL) {
        return parse_error(p, SCENARIO_ERROR_UNIT, token, "width and height without a unit", "");
    }
    if (token->value < 1 || token->value > 8192 || token->height < 1 || token->height > 8192) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, token, "width and height go from 1 to 8192");
    }
    *ret = (Range){token->value, token->height};
    return parse_next(p);
}

static bool signed_number(Parser *p, int64_t *ret)
{
    const bool negative = p->token.kind == TOKEN_MINUS;
    uint64_t magnitude = 0;
    if (negative && !parse_next(p)) {
        return false;
    }
    const Token token = p->token;
    if (!plain_number(p, &magnitude)) {
        return false;
    }
    if (magnitude > INT32_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, &token, "this is too much: %" PRId32 " at most",
                            INT32_MAX);
    }
    *ret = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

bool parse_string(Parser *p, const char **ret)
{
    const Token token = p->token;
    if (token.kind != TOKEN_STRING) {
        return parse_error(p, SCENARIO_ERROR_WORD, &token, "a string in quotes", "");
    }
    if (token.len > 200) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &token, "a string has 200 bytes at most");
    }
    *ret = arena_text(&p->scenario->arena, token.text, token.len);
    return *ret != NULL ? parse_next(p) : parse_no_memory(p);
}

/* ---- Words ---- */

/* "one of: a, b, c" */
static void list_word(char *list, size_t size, const char *word, size_t len)
{
    const size_t used = strlen(list);
    if (used + len + 8 > size) {
        if (used >= 4 && strcmp(list + used - 4, " ...") != 0) {
            snprintf(list + used, size - used, " ...");
        }
        return;
    }
    snprintf(list + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)len, word);
}

static bool one_word(Parser *p, ArgKind kind, uint64_t *ret)
{
    const char *const *words = arg_words(kind);
    Nearest nearest;
    char list[360] = "";

    nearest_to(&nearest, &p->token);
    for (uint32_t i = 0; words[i] != NULL; i++) {
        if (token_is(&p->token, words[i])) {
            *ret = i;
            return parse_next(p);
        }
        nearest_offer(&nearest, words[i]);
        list_word(list, sizeof list, words[i], strlen(words[i]));
    }
    return parse_error(p, SCENARIO_ERROR_WORD, &p->token, list, nearest_word(&nearest));
}

static bool work_words(Parser *p, Range *ret)
{
    uint64_t set = 0;
    for (;;) {
        uint64_t bit = 0;
        if (!one_word(p, ARG_WORKS, &bit)) {
            return false;
        }
        set |= UINT64_C(1) << bit;
        if (p->token.kind != TOKEN_COMMA) {
            *ret = (Range){set, set};
            return true;
        }
        if (!parse_next(p)) {
            return false;
        }
    }
}

static bool channel(Parser *p, bool everything, ChannelRef *ret)
{
    Nearest nearest;
    nearest_to(&nearest, &p->token);
    for (uint32_t i = 0; channels[i].name != NULL && (everything || channels[i].type != 0); i++) {
        if (!token_is(&p->token, channels[i].name)) {
            nearest_offer(&nearest, channels[i].name);
            continue;
        }
        *ret = (ChannelRef){.type = channels[i].type};
        if (!parse_next(p)) {
            return false;
        }
        if (ret->type == 0 || p->token.kind != TOKEN_COLON) {
            return true;
        }
        if (!parse_next(p)) {
            return false;
        }
        const Token token = p->token;
        uint64_t id = 0;
        if (!plain_number(p, &id)) {
            return false;
        }
        if (id > UINT8_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_RANGE, &token, "a channel's number goes from 0 to 255");
        }
        ret->id = (uint8_t)id;
        return true;
    }
    return parse_error(p, SCENARIO_ERROR_WORD, &p->token,
                       everything ? "main, inputs, cursor, display, everything"
                                  : "main, inputs, cursor, display",
                       nearest_word(&nearest));
}

#define CHANNELS_AT_ONCE 16u

static bool channel_list(Parser *p, Arg *ret)
{
    ChannelRef list[CHANNELS_AT_ONCE];
    uint32_t len = 0;
    for (;;) {
        if (len == CHANNELS_AT_ONCE) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "at most %u channels at once",
                                CHANNELS_AT_ONCE);
        }
        if (!channel(p, true, &list[len++])) {
            return false;
        }
        if (p->token.kind != TOKEN_COMMA) {
            break;
        }
        if (!parse_next(p)) {
            return false;
        }
    }
    const ChannelRef *copy = parse_take(p, list, len * sizeof list[0]);
    if (copy == NULL) {
        return false;
    }
    ret->channels = copy;
    ret->channels_len = len;
    return true;
}

/* ---- Names ---- */

void offer_names(const Parser *p, Nearest *nearest)
{
    for (uint32_t i = 0; i < p->scenario->clients_len; i++) {
        nearest_offer(nearest, p->scenario->clients[i].name);
    }
    for (uint32_t i = 0; i < p->scenario->devices_len; i++) {
        nearest_offer(nearest, p->scenario->devices[i].name);
    }
    nearest_offer(nearest, "host");
    nearest_offer(nearest, "everybody");
}

static bool find_client(const Parser *p, uint32_t *ret)
{
    for (uint32_t i = 0; i < p->scenario->clients_len; i++) {
        if (token_is(&p->token, p->scenario->clients[i].name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool find_device(const Parser *p, uint32_t *ret)
{
    for (uint32_t i = 0; i < p->scenario->devices_len; i++) {
        if (token_is(&p->token, p->scenario->devices[i].name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool parse_new_name(Parser *p, const char *whose, const char **ret)
{
    const Token token = p->token;
    uint32_t index;
    bool taken = find_client(p, &index) || find_device(p, &index);

    if (token.kind != TOKEN_WORD) {
        char expected[60];
        snprintf(expected, sizeof expected, "a name for the %s", whose);
        return parse_error(p, SCENARIO_ERROR_WORD, &token, expected, "");
    }
    if (token.len > SCENARIO_WORD_BYTES_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &token, "a name has %u letters at most",
                            SCENARIO_WORD_BYTES_MAX);
    }
    for (uint32_t i = 0; scenario_keywords[i] != NULL; i++) {
        taken = taken || token_is(&token, scenario_keywords[i]);
    }
    for (uint32_t i = 0; channels[i].name != NULL; i++) {
        taken = taken || token_is(&token, channels[i].name);
    }
    if (taken) {
        return parse_refuse(p, SCENARIO_ERROR_TAKEN, &token, "'%.*s' means something else already",
                            (int)token.len, token.text);
    }
    *ret = arena_text(&p->scenario->arena, token.text, token.len);
    return *ret != NULL ? parse_next(p) : parse_no_memory(p);
}

/* Behind "alice.": a channel, or a connection's own name. */
static bool wire_of(Parser *p, Who *who)
{
    const ScenarioClient *client = &p->scenario->clients[who->index];
    Nearest nearest;
    char list[200] = "main, inputs, cursor, display";

    who->kind = WHO_WIRE;
    nearest_to(&nearest, &p->token);
    for (uint32_t i = 0; i < client->names_len; i++) {
        if (token_is(&p->token, client->names[i])) {
            who->alias = client->names[i];
            return parse_next(p);
        }
        nearest_offer(&nearest, client->names[i]);
        list_word(list, sizeof list, client->names[i], strlen(client->names[i]));
    }
    for (uint32_t i = 0; channels[i].name != NULL && channels[i].type != 0; i++) {
        if (token_is(&p->token, channels[i].name)) {
            return channel(p, false, &who->channel);
        }
        nearest_offer(&nearest, channels[i].name);
    }
    return parse_error(p, SCENARIO_ERROR_NAME, &p->token, list, nearest_word(&nearest));
}

bool parse_who(Parser *p, Who *ret, bool *ret_found)
{
    *ret = (Who){.kind = WHO_NOBODY};
    *ret_found = true;
    if (token_is(&p->token, "host")) {
        ret->kind = WHO_HOST;
    } else if (token_is(&p->token, "everybody")) {
        ret->kind = WHO_EVERYBODY;
    } else if (find_device(p, &ret->index)) {
        ret->kind = WHO_DEVICE;
    } else if (find_client(p, &ret->index)) {
        ret->kind = WHO_CLIENT;
    } else {
        *ret_found = false;
        return true;
    }
    if (!parse_next(p)) {
        return false;
    }
    if (ret->kind == WHO_CLIENT && p->token.kind == TOKEN_DOT) {
        return parse_next(p) && wire_of(p, ret);
    }
    return true;
}

static bool known_who(Parser *p, uint32_t kinds, const char *expected, Who *ret)
{
    const Token token = p->token;
    bool found;
    if (!parse_who(p, ret, &found)) {
        return false;
    }
    if (found && (kinds >> ret->kind & 1) != 0) {
        return true;
    }
    Nearest nearest;
    nearest_to(&nearest, &token);
    if (!found) {
        offer_names(p, &nearest);
    }
    return parse_error(p, SCENARIO_ERROR_NAME, &token, expected, nearest_word(&nearest));
}

static bool thing(Parser *p, Arg *ret)
{
    static const char *const words[] = {"keyboard", "mouse", "tablet"};
    Nearest nearest;

    nearest_to(&nearest, &p->token);
    for (uint32_t i = 0; i < 3; i++) {
        if (token_is(&p->token, words[i])) {
            ret->range = (Range){i, i};
            return parse_next(p);
        }
        nearest_offer(&nearest, words[i]);
    }
    if (find_device(p, &ret->who.index)) {
        ret->who.kind = WHO_DEVICE;
        ret->range = (Range){THING_DEVICE, THING_DEVICE};
        return parse_next(p);
    }
    for (uint32_t i = 0; i < p->scenario->devices_len; i++) {
        nearest_offer(&nearest, p->scenario->devices[i].name);
    }
    return parse_error(p, SCENARIO_ERROR_NAME, &p->token, "keyboard, mouse, tablet, or a device",
                       nearest_word(&nearest));
}

/* ---- Arguments and phrases ---- */

bool parse_arg(Parser *p, ArgKind kind, Arg *ret)
{
    *ret = (Arg){.kind = kind};
    switch (kind) {
    case ARG_NUMBER:
    case ARG_DURATION:
    case ARG_BYTES:
    case ARG_RATE:
        return range(p, kind, &ret->range);
    case ARG_SIGNED:
        return signed_number(p, &ret->number);
    case ARG_DIMENSIONS:
        return dimensions(p, &ret->range);
    case ARG_STRING:
        return parse_string(p, &ret->text);
    case ARG_CHANNELS:
        return channel_list(p, ret);
    case ARG_NEW_NAME:
        return parse_new_name(p, "connection", &ret->text);
    case ARG_WIRE:
        return known_who(p, 1u << WHO_CLIENT | 1u << WHO_WIRE,
                         "a client or a connection such as alice.display", &ret->who);
    case ARG_THING:
        return thing(p, ret);
    case ARG_WORKS:
        return work_words(p, &ret->range);
    default: {
        uint64_t index = 0;
        if (!one_word(p, kind, &index)) {
            return false;
        }
        ret->range = (Range){index, index};
        return true;
    }
    }
}

typedef struct Candidate {
    const Form *form;
    const char *at; /* the rest of its pattern */
    FormPart part;  /* the next one */
} Candidate;

static bool part_is(const FormPart *part, const Token *token)
{
    if (part->arg != ARG_NONE || part->len == 0) {
        return false;
    }
    return part->word[0] == ',' ? token->kind == TOKEN_COMMA
                                : token->kind == TOKEN_WORD && token->len == part->len &&
                                      memcmp(token->text, part->word, part->len) == 0;
}

static bool same_part(const FormPart *a, const FormPart *b)
{
    return a->arg == b->arg && a->len == b->len &&
           (a->arg != ARG_NONE || memcmp(a->word, b->word, a->len) == 0);
}

/* Could this token begin such an argument? */
static bool may_begin(ArgKind kind, const Token *token)
{
    switch (kind) {
    case ARG_NUMBER:
    case ARG_DURATION:
    case ARG_BYTES:
    case ARG_RATE:
        return token->kind == TOKEN_NUMBER;
    case ARG_SIGNED:
        return token->kind == TOKEN_NUMBER || token->kind == TOKEN_MINUS;
    case ARG_DIMENSIONS:
        return token->kind == TOKEN_SIZE;
    case ARG_STRING:
        return token->kind == TOKEN_STRING;
    default:
        return token->kind == TOKEN_WORD;
    }
}

static bool nothing_fits(Parser *p, const Candidate *candidates, uint32_t len)
{
    Nearest nearest;
    char list[360] = "", words[FORMS][24];

    nearest_to(&nearest, &p->token);
    for (uint32_t i = 0; i < len; i++) {
        const FormPart *part = &candidates[i].part;
        bool said = part->len == 0;
        for (uint32_t j = 0; j < i && !said; j++) {
            said = same_part(part, &candidates[j].part);
        }
        if (said) {
            continue;
        }
        snprintf(words[i], sizeof words[i], part->arg == ARG_NONE ? "%.*s" : "<%.*s>", (int)part->len,
                 part->word + (part->arg != ARG_NONE));
        list_word(list, sizeof list, words[i], strlen(words[i]));
        if (part->arg == ARG_NONE) {
            nearest_offer(&nearest, words[i]);
        }
    }
    return parse_error(p, SCENARIO_ERROR_WORD, &p->token, list, nearest_word(&nearest));
}

/* What the table cannot say. */
static bool phrase_is_possible(Parser *p, const Token *at, const Phrase *phrase)
{
    const FormId id = phrase->form->id;
    const Arg *first = &phrase->args[0];

    if (strstr(phrase->form->pattern, "one in") != NULL && first->range.low == 0) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, at, "one in 0 makes no sense");
    }
    if (id == FAULT_F9_HANDLES && first->range.low == 0) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, at, "at most 0 handles makes no sense");
    }
    if (first->kind == ARG_BYTES && first->range.low == 0) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, at, "a buffer has at least 1 byte");
    }
    if (id == DEVICE_SETS_MONITORS && (first->range.low == 0 || first->range.high > 16)) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, at, "monitors go from 1 to 16");
    }
    if ((id == CLIENT_CONNECTS_AS || id == CLIENT_SEES_CHANNEL || id == CLIENT_SEES_NO_CHANNEL) &&
        (first->channels_len != 1 || first->channels[0].type == 0)) {
        return parse_refuse(p, SCENARIO_ERROR_RANGE, at, "this is about one channel");
    }
    return true;
}

bool parse_phrase(Parser *p, uint32_t places, Phrase *ret)
{
    Candidate candidates[FORMS];
    uint32_t len = 0, args = 0;
    const Token start = p->token;

    *ret = (Phrase){0};
    for (uint32_t i = 0; i < FORMS; i++) {
        if ((scenario_forms[i].places & places) != 0) {
            candidates[len] = (Candidate){.form = &scenario_forms[i], .at = scenario_forms[i].pattern};
            candidates[len].part = form_part(&candidates[len].at);
            len++;
        }
    }
    for (;;) {
        const Form *complete = NULL;
        ArgKind arg = ARG_NONE;
        FormPart taken = {ARG_NONE, NULL, 0};
        for (uint32_t i = 0; i < len; i++) {
            const FormPart *part = &candidates[i].part;
            if (part_is(part, &p->token)) {
                taken = *part;
                arg = ARG_NONE;
                break;
            }
            if (part->arg != ARG_NONE) {
                if (arg == ARG_NONE || !may_begin(arg, &p->token)) {
                    taken = *part;
                    arg = part->arg;
                }
            } else if (part->len == 0) {
                complete = candidates[i].form;
            }
        }
        /* A finished form gives way to words only: "sets cursor" to "10 times". */
        if (complete != NULL && (taken.len == 0 || arg != ARG_NONE)) {
            ret->form = complete;
            return phrase_is_possible(p, &start, ret);
        }
        if (taken.len == 0 || (arg != ARG_NONE && args == FORM_ARGS_MAX)) {
            return nothing_fits(p, candidates, len);
        }
        if (arg != ARG_NONE) {
            /* Neither the words nor the value that could stand here: say both. */
            bool words = false;
            for (uint32_t i = 0; i < len; i++) {
                words = words || (candidates[i].part.arg == ARG_NONE && candidates[i].part.len > 0);
            }
            if (words && !may_begin(arg, &p->token)) {
                return nothing_fits(p, candidates, len);
            }
            if (!parse_arg(p, arg, &ret->args[args++])) {
                return false;
            }
        } else if (!parse_next(p)) {
            return false;
        }
        uint32_t left = 0;
        for (uint32_t i = 0; i < len; i++) {
            if (same_part(&candidates[i].part, &taken)) {
                candidates[left] = candidates[i];
                candidates[left].part = form_part(&candidates[left].at);
                left++;
            }
        }
        len = left;
    }
}

bool parse_phrases(Parser *p, uint32_t places, const Phrase **ret)
{
    const Phrase **tail = ret;
    *ret = NULL;
    for (;;) {
        Phrase phrase;
        void *copy;
        if (!parse_phrase(p, places, &phrase) || (copy = parse_take(p, &phrase, sizeof phrase)) == NULL) {
            return false;
        }
        *tail = copy;
        tail = &((Phrase *)copy)->next;
        if (p->token.kind == TOKEN_COMMA ? !parse_next(p) : p->token.kind != TOKEN_WORD) {
            return p->error->kind == SCENARIO_ERROR_NONE;
        }
    }
}

/* ---- Conditions ---- */

static bool term(Parser *p, Condition *ret)
{
    static const uint32_t places[] = {
        [WHO_CLIENT] = FORM_CLIENT_IF, [WHO_WIRE] = FORM_WIRE_IF,     [WHO_EVERYBODY] = FORM_CLIENT_IF,
        [WHO_HOST] = FORM_HOST_IF,     [WHO_DEVICE] = FORM_DEVICE_IF,
    };
    bool found;

    *ret = (Condition){0};
    if (token_is(&p->token, "no")) {
        return parse_phrase(p, FORM_IF, &ret->phrase);
    }
    const Token token = p->token;
    if (!parse_who(p, &ret->who, &found)) {
        return false;
    }
    if (!found) {
        Nearest nearest;
        nearest_to(&nearest, &token);
        offer_names(p, &nearest);
        nearest_offer(&nearest, "no");
        return parse_error(p, token.kind == TOKEN_WORD ? SCENARIO_ERROR_NAME : SCENARIO_ERROR_WORD, &token,
                           "a client, a connection, a device, host, everybody, or 'no violation'",
                           nearest_word(&nearest));
    }
    return parse_phrase(p, places[ret->who.kind], &ret->phrase);
}

#define TERMS_MAX 16u

bool parse_condition(Parser *p, const Condition **ret)
{
    const Condition **tail = ret;
    *ret = NULL;
    for (uint32_t i = 0;; i++) {
        Condition condition;
        void *copy;
        if (i == TERMS_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "a condition has %u parts at most",
                                TERMS_MAX);
        }
        if (!term(p, &condition)) {
            return false;
        }
        const bool more = token_is(&p->token, "and") || token_is(&p->token, "or");
        condition.or_next = token_is(&p->token, "or");
        if ((copy = parse_take(p, &condition, sizeof condition)) == NULL) {
            return false;
        }
        *tail = copy;
        tail = &((Condition *)copy)->next;
        if (!more) {
            return true;
        }
        if (!parse_next(p)) {
            return false;
        }
    }
}
