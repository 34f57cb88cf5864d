/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parse.c: files, parameters and statements. */
#include "sim/scenario/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario/parser.h"

/* Those that begin a statement first, then those that no name may be. */
const char *const scenario_keywords[] = {
    "scenario", "row",        "param",    "let",    "include",   "server", "network", "clock",
    "schedule", "fault",      "client",   "device", "wait",      "pause",  "expect",  "race",
    "choose",   "maybe",      "repeat",   "host",   "everybody", "with",   "or",      "and",
    "until",    "within",     "while",    "every",  "times",     "as",     "no",      "nobody",
    "at",       "throughout", "keyboard", "mouse",  "tablet",    NULL};

#define STATEMENT_WORDS 20u

/* ---- Errors ---- */

static void locate(const Parser *p, const Token *at, ScenarioErrorKind kind)
{
    ScenarioError *error = p->error;
    *error = (ScenarioError){.kind = kind, .line = at->line, .column = at->column};
    const char *file = p->file != NULL ? p->scenario->files[p->file->index] : p->source->path;
    snprintf(error->file, sizeof error->file, "%s", file);
    if (p->file != NULL && p->file->from != NULL) {
        snprintf(error->from, sizeof error->from, "%s:%u", p->scenario->files[p->file->from->index],
                 (unsigned)p->file->include_line);
    }
}

static void describe(const Token *token, char *ret, size_t size)
{
    static const char *const names[] = {
        [TOKEN_END] = "the end of the file", [TOKEN_NEWLINE] = "the end of the line"};
    if (token->kind == TOKEN_END || token->kind == TOKEN_NEWLINE) {
        snprintf(ret, size, "%s", names[token->kind]);
        return;
    }
    /* What is hostile shall not reach a terminal. */
    char text[28];
    size_t len = token->len < sizeof text - 4 ? token->len : sizeof text - 4;
    for (size_t i = 0; i < len; i++) {
        text[i] = token->text[i] >= ' ' && token->text[i] <= '~' ? token->text[i] : '?';
    }
    snprintf(text + len, sizeof text - len, "%s", len < token->len ? "..." : "");
    snprintf(ret, size, token->kind == TOKEN_STRING ? "\"%s\"" : "'%s'", text);
}

bool parse_error(Parser *p, ScenarioErrorKind kind, const Token *at, const char *expected,
                 const char *nearest)
{
    if (p->error->kind == SCENARIO_ERROR_NONE) {
        locate(p, at, kind);
        snprintf(p->error->expected, sizeof p->error->expected, "%s", expected);
        snprintf(p->error->nearest, sizeof p->error->nearest, "%s", nearest);
        describe(at, p->error->found, sizeof p->error->found);
    }
    return false;
}

bool parse_refuse(Parser *p, ScenarioErrorKind kind, const Token *at, const char *format, ...)
{
    if (p->error->kind == SCENARIO_ERROR_NONE) {
        va_list args;
        locate(p, at, kind);
        va_start(args, format);
        vsnprintf(p->error->expected, sizeof p->error->expected, format, args);
        va_end(args);
    }
    return false;
}

bool parse_no_memory(Parser *p)
{
    return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "the scenario takes more than %u bytes of memory",
                        SCENARIO_MEMORY_MAX);
}

/* ---- Tokens ---- */

static const ParamValue *find_param(const Parser *p, const char *name, size_t len)
{
    for (uint32_t i = 0; i < p->params_len; i++) {
        if (strlen(p->params[i].name) == len && memcmp(p->params[i].name, name, len) == 0) {
            return &p->params[i];
        }
    }
    return NULL;
}

/* It may be given from outside: it has a default, or was given. */
static bool note_param(Parser *p, const char *name)
{
    Scenario *scenario = p->scenario;
    for (uint32_t i = 0; i < scenario->params_len; i++) {
        if (strcmp(scenario->params[i], name) == 0) {
            return true;
        }
    }
    const char *copy = arena_text(&scenario->arena, name, strlen(name));
    if (copy == NULL) {
        return parse_no_memory(p);
    }
    scenario->params[scenario->params_len++] = copy; /* one of p->params each */
    return true;
}

bool parse_next(Parser *p)
{
    Token token = lexer_next(&p->file->lexer);
    p->token = token;
    if (token.kind == TOKEN_BAD) {
        static const ScenarioErrorKind kinds[] = {[BAD_CHARACTER] = SCENARIO_ERROR_CHARACTER,
                                                  [BAD_STRING] = SCENARIO_ERROR_STRING,
                                                  [BAD_NUMBER] = SCENARIO_ERROR_NUMBER};
        return parse_refuse(p, kinds[token.bad], &token, "%s", token.wrong);
    }
    if (token.kind == TOKEN_PARAM) {
        const ParamValue *param = find_param(p, token.text, token.len);
        if (param == NULL) {
            Nearest nearest = {.found = token.text, .found_len = token.len};
            for (uint32_t i = 0; i < p->params_len; i++) {
                nearest_offer(&nearest, p->params[i].name);
            }
            return parse_error(p, SCENARIO_ERROR_NAME, &token, "the name of a parameter",
                               nearest_word(&nearest));
        }
        p->token = param->token;
        p->token.line = token.line;
        p->token.column = token.column;
        return param >= p->params + p->source->params_len || note_param(p, param->name);
    }
    return true;
}

void *parse_take(Parser *p, const void *data, size_t size)
{
    void *copy = arena_take(&p->scenario->arena, size);
    if (copy == NULL) {
        (void)parse_no_memory(p);
        return NULL;
    }
    return memcpy(copy, data, size);
}

static bool at_end_of_line(const Parser *p)
{
    return p->token.kind == TOKEN_NEWLINE || p->token.kind == TOKEN_END || p->token.kind == TOKEN_CLOSE;
}

static const char *const after_act[] = {"times", "every", "while", NULL};
static const char *const after_condition[] = {"and", "or", "within", "throughout", NULL};
static const char *const after_all[] = {NULL};

/* `words`: what could have gone on instead. */
static bool end_of_statement(Parser *p, const char *expected, const char *const *words)
{
    if (at_end_of_line(p)) {
        return true;
    }
    Nearest nearest = {.found = p->token.text, .found_len = p->token.kind == TOKEN_WORD ? p->token.len : 0};
    for (uint32_t i = 0; words[i] != NULL; i++) {
        nearest_offer(&nearest, words[i]);
    }
    return parse_error(p, SCENARIO_ERROR_WORD, &p->token, expected, nearest_word(&nearest));
}

static bool skip_newlines(Parser *p)
{
    while (p->token.kind == TOKEN_NEWLINE) {
        if (!parse_next(p)) {
            return false;
        }
    }
    return true;
}

/* ---- Steps ---- */

static bool add_acts(Parser *p, const Token *at, uint64_t times)
{
    p->acts += p->weight * times; /* both are at most SCENARIO_ACTS_MAX + 1 and 2^32 */
    if (p->acts > SCENARIO_ACTS_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, at,
                            "with its repetitions the scenario has more than %u acts", SCENARIO_ACTS_MAX);
    }
    return true;
}

static bool add_step(Parser *p, const Step *step, const Token *at, const Step ***tail)
{
    void *copy;
    if (p->scenario->steps_len == SCENARIO_STEPS_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, at, "more than %u statements", SCENARIO_STEPS_MAX);
    }
    if (!add_acts(p, at, 1) || (copy = parse_take(p, step, sizeof *step)) == NULL) {
        return false;
    }
    p->scenario->steps_len++;
    **tail = copy;
    *tail = &((Step *)copy)->next;
    return true;
}

static bool is_word(const Parser *p, const char *word)
{
    return token_is(&p->token, word);
}

static bool take_word(Parser *p, const char *word)
{
    if (is_word(p, word)) {
        return parse_next(p);
    }
    Nearest nearest = {.found = p->token.text, .found_len = p->token.kind == TOKEN_WORD ? p->token.len : 0};
    char expected[24];
    nearest_offer(&nearest, word);
    snprintf(expected, sizeof expected, "'%s'", word);
    return parse_error(p, SCENARIO_ERROR_WORD, &p->token, expected, nearest_word(&nearest));
}

static bool duration(Parser *p, Range *ret)
{
    Arg arg;
    if (!parse_arg(p, ARG_DURATION, &arg)) {
        return false;
    }
    *ret = arg.range;
    return true;
}

static bool limit(Parser *p, Step *step)
{
    if (is_word(p, "within")) {
        step->has_limit = true;
        return parse_next(p) && duration(p, &step->limit_ns);
    }
    return true;
}

static bool statements(Parser *p, const Step ***tail, bool in_block);

/* { ... }, added to the step's blocks. */
static bool block(Parser *p, const Block ***tail)
{
    const Token open = p->token;
    Block result = {0};
    void *copy;

    if (open.kind != TOKEN_OPEN) {
        return parse_error(p, SCENARIO_ERROR_BLOCK, &open, "{", "");
    }
    if (p->nesting == SCENARIO_NESTING_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &open, "blocks lie at most %u deep",
                            SCENARIO_NESTING_MAX);
    }
    p->nesting++;
    const Step **inner = &result.first;
    if (!parse_next(p) || !statements(p, &inner, true)) {
        return false;
    }
    if (p->token.kind != TOKEN_CLOSE) {
        return parse_refuse(p, SCENARIO_ERROR_BLOCK, &open, "this { has no }");
    }
    p->nesting--;
    if (!parse_next(p) || (copy = parse_take(p, &result, sizeof result)) == NULL) {
        return false;
    }
    **tail = copy;
    *tail = &((Block *)copy)->next;
    return true;
}

/* { ... } word { ... } word { ... } */
static bool branches(Parser *p, Step *step, const char *word)
{
    const Block **tail = &step->blocks;
    uint32_t len = 0;

    for (;;) {
        if (++len > SCENARIO_BRANCHES_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "at most %u blocks",
                                SCENARIO_BRANCHES_MAX);
        }
        if (!block(p, &tail)) {
            return false;
        }
        if (is_word(p, word)) {
            if (!parse_next(p)) {
                return false;
            }
            continue;
        }
        if (len > 1) {
            return true;
        }
        char expected[40];
        snprintf(expected, sizeof expected, "'%s', and another block", word);
        return parse_error(p, SCENARIO_ERROR_WORD, &p->token, expected, "");
    }
}

static bool race(Parser *p, Step *step)
{
    step->kind = STEP_RACE;
    return parse_next(p) && limit(p, step) && branches(p, step, "with");
}

static bool choose(Parser *p, Step *step)
{
    step->kind = STEP_CHOOSE;
    return parse_next(p) && branches(p, step, "or");
}

static bool maybe(Parser *p, Step *step)
{
    const Block **tail = &step->blocks;
    step->kind = STEP_MAYBE;
    return parse_next(p) && block(p, &tail);
}

static bool repeat(Parser *p, Step *step)
{
    const Block **tail = &step->blocks;
    const uint64_t weight = p->weight;
    const Token at = p->token;
    Arg times;

    step->kind = STEP_REPEAT;
    if (!parse_next(p) || !parse_arg(p, ARG_NUMBER, &times) || !add_acts(p, &at, times.range.high)) {
        return false;
    }
    step->times = times.range;
    p->weight *= times.range.high;
    const bool good = block(p, &tail);
    p->weight = weight;
    return good;
}

static bool wait_until(Parser *p, Step *step)
{
    step->kind = STEP_WAIT;
    return parse_next(p) && take_word(p, "until") && parse_condition(p, &step->condition) && limit(p, step);
}

static bool expect(Parser *p, Step *step)
{
    step->kind = STEP_EXPECT;
    if (!parse_next(p) || !parse_condition(p, &step->condition)) {
        return false;
    }
    if (is_word(p, "throughout")) {
        step->throughout = step->has_limit = true;
        return parse_next(p) && duration(p, &step->limit_ns);
    }
    return limit(p, step);
}

static bool pause(Parser *p, Step *step)
{
    step->kind = STEP_PAUSE;
    if (!parse_next(p)) {
        return false;
    }
    if (is_word(p, "at")) {
        return parse_next(p) && take_word(p, "most") && duration(p, &step->limit_ns) &&
               take_word(p, "until") && parse_condition(p, &step->condition);
    }
    return duration(p, &step->limit_ns);
}

/* Behind a subject. */
static bool act(Parser *p, Step *step)
{
    static const uint32_t places[] = {
        [WHO_CLIENT] = FORM_CLIENT_ACT, [WHO_WIRE] = FORM_WIRE_ACT,     [WHO_EVERYBODY] = FORM_CLIENT_ACT,
        [WHO_HOST] = FORM_HOST_ACT,     [WHO_DEVICE] = FORM_DEVICE_ACT,
    };
    Phrase phrase;
    void *copy;

    step->kind = STEP_ACT;
    step->times = (Range){1, 1};
    const Token at = p->token;
    if (!parse_phrase(p, places[step->who.kind], &phrase)) {
        return false;
    }
    if (phrase.form->id == CLIENT_CONNECTS_AS) {
        if (step->who.kind != WHO_CLIENT) {
            return parse_refuse(p, SCENARIO_ERROR_ORDER, &at, "everybody's connections cannot have one name");
        }
        ScenarioClient *client = &p->scenario->clients[step->who.index];
        const char *name = phrase.args[1].text;
        for (uint32_t i = 0; i < client->names_len; i++) {
            if (strcmp(client->names[i], name) == 0) {
                return parse_refuse(p, SCENARIO_ERROR_TAKEN, &at, "a connection is called '%s' already",
                                    name);
            }
        }
        if (client->names_len == SCENARIO_NAMES_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &at, "at most %u named connections",
                                SCENARIO_NAMES_MAX);
        }
        client->names[client->names_len++] = name;
    }
    if ((copy = parse_take(p, &phrase, sizeof phrase)) == NULL) {
        return false;
    }
    step->phrases = copy;
    if (p->token.kind == TOKEN_NUMBER) {
        const Token number = p->token;
        Arg times;
        if (!parse_arg(p, ARG_NUMBER, &times) || !take_word(p, "times")) {
            return false;
        }
        step->times = times.range;
        if (!add_acts(p, &number, times.range.high)) {
            return false;
        }
    }
    if (is_word(p, "every") && (!parse_next(p) || !duration(p, &step->every_ns))) {
        return false;
    }
    if (is_word(p, "while")) {
        return parse_next(p) && parse_condition(p, &step->condition) && limit(p, step);
    }
    return true;
}

/* ---- What comes before the steps ---- */

static bool early(Parser *p)
{
    if (p->nesting > 0) {
        return parse_refuse(p, SCENARIO_ERROR_ORDER, &p->token, "this cannot stand inside a block");
    }
    if (p->scenario->steps != NULL) {
        return parse_refuse(p, SCENARIO_ERROR_ORDER, &p->token, "this comes before the first step");
    }
    return true;
}

static bool title(Parser *p)
{
    if (!early(p)) {
        return false;
    }
    if (p->scenario->title[0] != '\0') {
        return parse_refuse(p, SCENARIO_ERROR_ORDER, &p->token, "there is a title already");
    }
    return parse_next(p) && parse_string(p, &p->scenario->title);
}

static bool is_row(const Token *token)
{
    unsigned number = 0;
    if (token->kind != TOKEN_WORD || token->len < 2 || token->len > 4) {
        return false;
    }
    for (size_t i = 1; i < token->len; i++) {
        if (token->text[i] < '0' || token->text[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned)(token->text[i] - '0');
    }
    const bool padded =
        token->text[0] == 'R' && token->len >= 3 && (token->len == 3 || token->text[1] != '0');
    return token->text[0] == 'H' ? token->len == 2 && number >= 1 && number <= 7
                                 : padded && number >= 1 && number <= 190;
}

static bool rows(Parser *p)
{
    Scenario *scenario = p->scenario;
    if (!early(p)) {
        return false;
    }
    do {
        if (!parse_next(p)) {
            return false;
        }
        if (!is_row(&p->token)) {
            return parse_error(p, SCENARIO_ERROR_NAME, &p->token,
                               "a row of the race catalogue: R01 to R190, or H1 to H7", "");
        }
        if (scenario->rows_len == SCENARIO_ROWS_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "at most %u rows", SCENARIO_ROWS_MAX);
        }
        const char *row = arena_text(&scenario->arena, p->token.text, p->token.len);
        if (row == NULL) {
            return parse_no_memory(p);
        }
        scenario->rows[scenario->rows_len++] = row;
        if (!parse_next(p)) {
            return false;
        }
    } while (p->token.kind == TOKEN_COMMA);
    return true;
}

static bool client(Parser *p, ScenarioPlace place)
{
    Scenario *scenario = p->scenario;
    if (!early(p)) {
        return false;
    }
    if (scenario->clients_len == SCENARIO_CLIENTS_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "at most %u clients", SCENARIO_CLIENTS_MAX);
    }
    ScenarioClient *new = &scenario->clients[scenario->clients_len];
    if (!parse_next(p) || !parse_new_name(p, "client", &new->name)) {
        return false;
    }
    new->place = place;
    scenario->clients_len++;
    if (p->token.kind == TOKEN_COMMA && !parse_next(p)) {
        return false;
    }
    return at_end_of_line(p) || parse_phrases(p, FORM_CLIENT, &new->traits);
}

static bool device(Parser *p, ScenarioPlace place)
{
    Scenario *scenario = p->scenario;
    if (!early(p)) {
        return false;
    }
    if (scenario->devices_len == SCENARIO_DEVICES_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &p->token, "at most %u devices", SCENARIO_DEVICES_MAX);
    }
    ScenarioDevice *new = &scenario->devices[scenario->devices_len];
    if (!parse_next(p) || !parse_new_name(p, "device", &new->name)) {
        return false;
    }
    new->place = place;
    scenario->devices_len++;
    if (p->token.kind == TOKEN_COMMA && !parse_next(p)) {
        return false;
    }
    return at_end_of_line(p) || parse_phrases(p, FORM_DEVICE, &new->traits);
}

/* param: a default, which an earlier value replaces. let: the value. */
static bool param(Parser *p, bool fixed)
{
    const Token keyword = p->token;
    const char *name;
    if (p->nesting > 0) {
        return parse_refuse(p, SCENARIO_ERROR_ORDER, &keyword, "this cannot stand inside a block");
    }
    if (!parse_next(p)) {
        return false;
    }
    const Token at = p->token;
    const ParamValue *before = at.kind == TOKEN_WORD ? find_param(p, at.text, at.len) : NULL;
    if (before != NULL && fixed) {
        return parse_refuse(p, SCENARIO_ERROR_TAKEN, &at, "'%.*s' has a value already", (int)at.len, at.text);
    }
    if (!parse_new_name(p, "parameter", &name)) {
        return false;
    }
    if (p->token.kind != TOKEN_EQUALS) {
        return parse_error(p, SCENARIO_ERROR_WORD, &p->token, "=", "");
    }
    if (!parse_next(p)) {
        return false;
    }
    const Token given = p->token;
    if (given.kind != TOKEN_WORD && given.kind != TOKEN_NUMBER && given.kind != TOKEN_SIZE &&
        given.kind != TOKEN_STRING) {
        return parse_error(p, SCENARIO_ERROR_WORD, &given, "a value: one number, word, size or string", "");
    }
    if (before == NULL) {
        if (p->params_len == SCENARIO_PARAMS_MAX) {
            return parse_refuse(p, SCENARIO_ERROR_LIMIT, &at, "at most %u parameters", SCENARIO_PARAMS_MAX);
        }
        p->params[p->params_len++] = (ParamValue){name, given, fixed};
    }
    return (fixed || note_param(p, name)) && parse_next(p);
}

static bool settings(Parser *p, Step *step, StepKind kind, uint32_t places, const Token *at)
{
    const bool is_network = kind == STEP_NETWORK;
    if (!is_network && !early(p)) {
        return false;
    }
    step->kind = kind;
    return parse_next(p) && parse_phrases(p, places, &step->phrases) &&
           (is_network || add_step(p, step, at, &p->settings_tail));
}

/* "fault F9 ..." is a setting, the others are steps. */
static bool fault(Parser *p, Step *step, bool *ret_is_step)
{
    step->kind = STEP_FAULT;
    const Token at = p->token;
    if (!parse_next(p) || !parse_phrases(p, FORM_FAULT | FORM_FAULT_SETTING, &step->phrases)) {
        return false;
    }
    *ret_is_step = (step->phrases->form->places & FORM_FAULT) != 0;
    for (const Phrase *phrase = step->phrases; phrase != NULL; phrase = phrase->next) {
        if (((phrase->form->places & FORM_FAULT) != 0) != *ret_is_step) {
            return parse_refuse(p, SCENARIO_ERROR_ORDER, &at,
                                "faults of memory and faults of connections are two statements");
        }
    }
    if (!*ret_is_step) {
        if (p->nesting > 0 || p->scenario->steps != NULL) {
            return parse_refuse(p, SCENARIO_ERROR_ORDER, &at, "this comes before the first step");
        }
        return add_step(p, step, &at, &p->settings_tail);
    }
    return true;
}

/* ---- Files ---- */

static bool parse_file(Parser *p, const char *path, Span text, const OpenFile *from, const Token *at,
                       const Step ***tail);

static bool path_is_inside(const char *path)
{
    if (path[0] == '/' || path[0] == '\0') {
        return false;
    }
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
            return false;
        }
    }
    return strchr(path, '\\') == NULL;
}

static bool include(Parser *p, const Step ***tail)
{
    const char *name;
    char path[400];
    Span text;

    const Token at = p->token;
    if (!parse_next(p)) {
        return false;
    }
    const Token where = p->token;
    if (!parse_string(p, &name) || !end_of_statement(p, "the end of the line", after_all)) {
        return false;
    }
    if (!path_is_inside(name)) {
        return parse_refuse(p, SCENARIO_ERROR_INCLUDE, &where,
                            "an included file lies beside this one, or below");
    }
    const char *includer = p->scenario->files[p->file->index];
    const char *slash = strrchr(includer, '/');
    const int len = snprintf(path, sizeof path, "%.*s%s", slash != NULL ? (int)(slash - includer) + 1 : 0,
                             includer, name);
    if (len < 0 || (size_t)len >= sizeof path) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &where, "this path is too long");
    }
    for (const OpenFile *file = p->file; file != NULL; file = file->from) {
        if (strcmp(p->scenario->files[file->index], path) == 0) {
            return parse_refuse(p, SCENARIO_ERROR_INCLUDE, &where, "'%.80s' includes itself", path);
        }
    }
    if (p->includes == SCENARIO_INCLUDES_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, &where, "includes lie at most %u deep",
                            SCENARIO_INCLUDES_MAX);
    }
    if (p->source->read == NULL || !p->source->read(p->source->opaque, path, &text)) {
        return parse_refuse(p, SCENARIO_ERROR_INCLUDE, &where, "'%.80s' cannot be read", path);
    }
    return parse_file(p, path, text, p->file, &at, tail);
}

/* One statement; `tail` is where a step goes. */
static bool statement(Parser *p, const Step ***tail)
{
    const Token at = p->token;
    Step step = {.place = {p->file->index, ++p->file->steps, at.line, at.column}};
    bool found;

    if (is_word(p, "scenario")) {
        return title(p);
    }
    if (is_word(p, "row")) {
        return rows(p);
    }
    if (is_word(p, "param") || is_word(p, "let")) {
        return param(p, is_word(p, "let"));
    }
    if (is_word(p, "include")) {
        return include(p, tail);
    }
    if (is_word(p, "client")) {
        return client(p, step.place);
    }
    if (is_word(p, "device")) {
        return device(p, step.place);
    }
    if (is_word(p, "server")) {
        return settings(p, &step, STEP_SERVER, FORM_SERVER, &at);
    }
    if (is_word(p, "clock")) {
        return settings(p, &step, STEP_CLOCK, FORM_CLOCK, &at);
    }
    if (is_word(p, "schedule")) {
        return settings(p, &step, STEP_SCHEDULE, FORM_SCHEDULE, &at);
    }
    if (is_word(p, "network")) {
        if (!settings(p, &step, STEP_NETWORK, FORM_NETWORK, &at)) {
            return false;
        }
        const bool is_step = p->nesting > 0 || p->scenario->steps != NULL;
        return add_step(p, &step, &at, is_step ? tail : &p->settings_tail);
    }
    if (is_word(p, "fault")) {
        bool is_step = true;
        return fault(p, &step, &is_step) && (!is_step || add_step(p, &step, &at, tail));
    }
    if (is_word(p, "race")) {
        return race(p, &step) && add_step(p, &step, &at, tail);
    }
    if (is_word(p, "choose")) {
        return choose(p, &step) && add_step(p, &step, &at, tail);
    }
    if (is_word(p, "maybe")) {
        return maybe(p, &step) && add_step(p, &step, &at, tail);
    }
    if (is_word(p, "repeat")) {
        return repeat(p, &step) && add_step(p, &step, &at, tail);
    }
    if (is_word(p, "wait")) {
        return wait_until(p, &step) &&
               (step.has_limit ||
                end_of_statement(p, "and, or, within, or the end of the line", after_condition)) &&
               add_step(p, &step, &at, tail);
    }
    if (is_word(p, "expect")) {
        return expect(p, &step) &&
               (step.has_limit || end_of_statement(p, "and, or, within, throughout, or the end of the line",
                                                   after_condition)) &&
               add_step(p, &step, &at, tail);
    }
    if (is_word(p, "pause")) {
        return pause(p, &step) && add_step(p, &step, &at, tail);
    }
    if (!parse_who(p, &step.who, &found)) {
        return false;
    }
    if (found) {
        return act(p, &step) &&
               end_of_statement(p, "a number of times, every, while, or the end of the line", after_act) &&
               add_step(p, &step, &at, tail);
    }
    Nearest nearest = {.found = at.text, .found_len = at.kind == TOKEN_WORD ? at.len : 0};
    for (uint32_t i = 0; i < STATEMENT_WORDS; i++) {
        nearest_offer(&nearest, scenario_keywords[i]);
    }
    offer_names(p, &nearest);
    return parse_error(p, at.kind == TOKEN_WORD ? SCENARIO_ERROR_NAME : SCENARIO_ERROR_WORD, &at,
                       "a statement, or the name of a client or device", nearest_word(&nearest));
}

/* Until } in a block, or the end of the file. */
static bool statements(Parser *p, const Step ***tail, bool in_block)
{
    for (;;) {
        if (!skip_newlines(p)) {
            return false;
        }
        if (p->token.kind == TOKEN_END) {
            return true;
        }
        if (p->token.kind == TOKEN_CLOSE) {
            return in_block || parse_refuse(p, SCENARIO_ERROR_BLOCK, &p->token, "this } closes nothing");
        }
        if (!statement(p, tail) || !end_of_statement(p, "the end of the line", after_all)) {
            return false;
        }
    }
}

static bool parse_file(Parser *p, const char *path, Span text, const OpenFile *from, const Token *at,
                       const Step ***tail)
{
    Scenario *scenario = p->scenario;
    const Token after = p->token;
    const uint32_t nesting = p->nesting;
    OpenFile file = {.from = from, .index = scenario->files_len, .include_line = at != NULL ? at->line : 0};

    if (scenario->files_len == SCENARIO_FILES_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, at != NULL ? at : &after, "at most %u files",
                            SCENARIO_FILES_MAX);
    }
    p->text_bytes += text.len;
    if (text.len > SCENARIO_FILE_BYTES_MAX || p->text_bytes > SCENARIO_TEXT_BYTES_MAX) {
        return parse_refuse(p, SCENARIO_ERROR_LIMIT, at != NULL ? at : &(Token){.line = 1, .column = 1},
                            "a file has %u bytes at most, and all together %u", SCENARIO_FILE_BYTES_MAX,
                            SCENARIO_TEXT_BYTES_MAX);
    }
    const char *name = arena_text(&scenario->arena, path, strlen(path));
    if (name == NULL) {
        return parse_no_memory(p);
    }
    scenario->files[scenario->files_len++] = name;

    OpenFile *outer = p->file;
    p->file = &file;
    p->includes += from != NULL;
    lexer_init(&file.lexer, (const char *)text.data, text.len);
    /* A block of an including file cannot be closed here. */
    const bool good = parse_next(p) && statements(p, tail, false);
    p->file = outer;
    if (good) {
        p->includes -= from != NULL;
        p->nesting = nesting;
        p->token = after;
    }
    return good;
}

static bool outside_params(Parser *p)
{
    for (size_t i = 0; i < p->source->params_len; i++) {
        const ScenarioParam *given = &p->source->params[i];
        Lexer lexer;
        lexer_init(&lexer, given->value, strlen(given->value));
        const Token token = lexer_next(&lexer);
        const bool one = lexer_next(&lexer).kind == TOKEN_END;
        if (!one || p->params_len == SCENARIO_PARAMS_MAX ||
            (token.kind != TOKEN_WORD && token.kind != TOKEN_NUMBER && token.kind != TOKEN_SIZE &&
             token.kind != TOKEN_STRING)) {
            return parse_refuse(p, SCENARIO_ERROR_WORD, &(Token){.line = 1, .column = 1},
                                "the value of parameter '%.40s' is not one number, word, size or string",
                                given->name);
        }
        p->params[p->params_len++] = (ParamValue){given->name, token, true};
    }
    return true;
}

Scenario *scenario_parse(const ScenarioSource *source, ScenarioError *ret_error)
{
    Parser parser = {.source = source, .error = ret_error, .weight = 1};

    *ret_error = (ScenarioError){.kind = SCENARIO_ERROR_NONE};
    Scenario *scenario = calloc(1, sizeof *scenario);
    if (scenario == NULL) {
        ret_error->kind = SCENARIO_ERROR_LIMIT;
        snprintf(ret_error->expected, sizeof ret_error->expected, "no memory");
        return NULL;
    }
    arena_init(&scenario->arena, SCENARIO_MEMORY_MAX);
    scenario->title = "";
    parser.scenario = scenario;
    parser.settings_tail = &scenario->settings;
    parser.steps_tail = &scenario->steps;
    if (!outside_params(&parser) ||
        !parse_file(&parser, source->path, source->text, NULL, NULL, &parser.steps_tail)) {
        scenario_free(scenario);
        return NULL;
    }
    return scenario;
}
