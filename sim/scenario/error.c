/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *scenario_error_text(const ScenarioError *error, char *ret, size_t size)
{
    snprintf(ret, size, "%s:%" PRIu32 ":%" PRIu32 ": %s%s%s%s%s%s%s%s%s%s", error->file, error->line,
             error->column, error->found[0] != '\0' ? "expected " : "", error->expected,
             error->found[0] != '\0' ? "; found " : "", error->found,
             error->nearest[0] != '\0' ? "; did you mean '" : "", error->nearest,
             error->nearest[0] != '\0' ? "'?" : "", error->from[0] != '\0' ? " (included from " : "",
             error->from, error->from[0] != '\0' ? ")" : "");
    return ret;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Damerau's distance with adjacent swaps only; three rows of the usual table. */
unsigned word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][DISTANCE_LETTERS_MAX + 1];

    if (a_len > DISTANCE_LETTERS_MAX || b_len > DISTANCE_LETTERS_MAX) {
        return UINT32_MAX;
    }
    for (unsigned j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            const bool same = a[i - 1] == b[j - 1];
            row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && !same && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_offer(Nearest *nearest, const char *word)
{
    const unsigned distance = word_distance(nearest->found, nearest->found_len, word, strlen(word));
    if (nearest->word == NULL || distance < nearest->distance) {
        nearest->word = word;
        nearest->distance = distance;
    }
}

const char *nearest_word(const Nearest *nearest)
{
    /* Every third letter may be wrong, and two of any word of four. */
    const size_t len = nearest->found_len;
    const unsigned wrong_max = len < 3 ? 1 : len < 6 ? 2 : (unsigned)(len / 3) + 1;
    if (nearest->word == NULL || nearest->distance > wrong_max || nearest->distance >= len) {
        return "";
    }
    return nearest->word;
}
