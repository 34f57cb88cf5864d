/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* error.h: what is wrong with a scenario: where, what was expected, what stood there, and the nearest word that exists.
 *
 *     death.scn:12:15: expected one of: main, inputs, cursor, display, everything; found 'dsiplay'; did you mean
 *     'display'?
 *
 * Ownership  a plain value; all texts lie inside.
 * Units      lines and columns count from 1; a column is a byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ScenarioErrorKind {
    SCENARIO_ERROR_NONE,
    SCENARIO_ERROR_WORD,      /* another word is needed here */
    SCENARIO_ERROR_CHARACTER, /* one that the language does not use */
    SCENARIO_ERROR_STRING,    /* no end on its line */
    SCENARIO_ERROR_NUMBER,    /* does not fit */
    SCENARIO_ERROR_UNIT,      /* none, an unknown one, or one of something else */
    SCENARIO_ERROR_RANGE,     /* a value that is not possible here */
    SCENARIO_ERROR_NAME,      /* nobody is called that */
    SCENARIO_ERROR_TAKEN,     /* somebody is called that */
    SCENARIO_ERROR_ORDER,     /* not in this place */
    SCENARIO_ERROR_BLOCK,     /* braces do not match */
    SCENARIO_ERROR_INCLUDE,   /* a file that cannot be read, or that includes itself */
    SCENARIO_ERROR_LIMIT,     /* too much of something */
    SCENARIO_ERROR_KINDS,
} ScenarioErrorKind;

typedef struct ScenarioError {
    ScenarioErrorKind kind;
    char file[96];
    uint32_t line, column;
    char expected[400]; /* or a sentence, where there is no `found` */
    char found[48];
    char nearest[48]; /* "": nothing is near */
    char from[96];    /* "file:line" of the include; "": none */
} ScenarioError;

/* One line, without a newline. Returns ret. */
const char *scenario_error_text(const ScenarioError *error, char *ret, size_t size);

/* How many letters must be added, dropped, changed or swapped with their neighbour. Words longer than
 * DISTANCE_LETTERS_MAX are far from everything. */
#define DISTANCE_LETTERS_MAX 40u
unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* Collects the candidates for `found`; nearest() is "" unless one is near enough to be meant. */
typedef struct Nearest {
    const char *found;
    size_t found_len;
    const char *word;
    unsigned distance;
} Nearest;

void nearest_offer(Nearest *nearest, const char *word);
const char *nearest_word(const Nearest *nearest);
