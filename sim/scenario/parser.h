/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parser.h: what the files of the parser share: parse.c reads statements, phrase.c what stands in them.
 */
#pragma once

#include "sim/scenario/lex.h"
#include "sim/scenario/parse.h"

typedef struct ParamValue {
    const char *name;
    Token token;
    bool fixed; /* by let, or from outside: no default replaces it, no let either */
} ParamValue;

typedef struct OpenFile {
    const struct OpenFile *from; /* the file that includes this one; NULL: none */
    uint32_t index;              /* in Scenario.files */
    uint32_t steps;              /* statements so far */
    uint32_t include_line;       /* in `from` */
    Lexer lexer;
} OpenFile;

typedef struct Parser {
    const ScenarioSource *source;
    Scenario *scenario;
    ScenarioError *error; /* the first one */
    OpenFile *file;
    Token token; /* the next one, parameters replaced */
    ParamValue params[SCENARIO_PARAMS_MAX];
    uint32_t params_len;
    uint32_t includes, nesting;
    uint64_t text_bytes;
    uint64_t weight; /* how often the statement at hand is carried out at most */
    uint64_t acts;
    const Step **settings_tail, **steps_tail;
} Parser;

/* All of these return false, and have told why. */
bool parse_error(Parser *p, ScenarioErrorKind kind, const Token *at, const char *expected,
                 const char *nearest);
/* The same without "found": `sentence` says it all. */
bool parse_refuse(Parser *p, ScenarioErrorKind kind, const Token *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool parse_no_memory(Parser *p);

/* Takes the token and reads the next one. */
bool parse_next(Parser *p);
/* A copy in the arena; NULL: no memory, told. */
void *parse_take(Parser *p, const void *data, size_t size);

/* One of the phrases that may stand here. */
bool parse_phrase(Parser *p, uint32_t places, Phrase *ret);
/* Several; commas between them are welcome. */
bool parse_phrases(Parser *p, uint32_t places, const Phrase **ret);
bool parse_condition(Parser *p, const Condition **ret);
bool parse_arg(Parser *p, ArgKind kind, Arg *ret);
bool parse_string(Parser *p, const char **ret);
/* A name that nobody has: of a client, a device or a parameter. */
bool parse_new_name(Parser *p, const char *whose, const char **ret);

/* alice, alice.display, host, qxl0, everybody. `found` false: the word names nobody, and is still there. */
bool parse_who(Parser *p, Who *ret, bool *ret_found);
void offer_names(const Parser *p, Nearest *nearest);
/* The words that begin a statement; NULL at the end. */
extern const char *const scenario_keywords[];
