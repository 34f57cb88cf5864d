/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scenario language. Whatever the text says, the parser ends with a scenario or with one error that has a place; what
 * it takes stays within its limits, and what it prints reads the same.
 *
 * Form feeds divide the input into files: the first one is read, "1", "2", ... can be included. Others have a constant
 * text, so that scenarios of the tree are seeds.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/print.h"

#define FILES_MAX 8u

typedef struct Files {
    Span files[FILES_MAX];
    size_t len;
} Files;

static bool read_file(void *opaque, const char *path, Span *ret_text)
{
    static const char desk[] = "param size = 640x480\ndevice qxl0 primary $size\n";
    const Files *files = opaque;
    const size_t index =
        path[0] >= '1' && path[0] <= '9' && path[1] == '\0' ? (size_t)(path[0] - '0') : FILES_MAX;

    if (index < files->len) {
        *ret_text = files->files[index];
    } else {
        *ret_text = span_of(desk, sizeof desk - 1);
    }
    return path[0] != 'x'; /* those cannot be read */
}

static void check_error(const ScenarioError *error)
{
    char line[1200];

    CHECK(error->kind > SCENARIO_ERROR_NONE && error->kind < SCENARIO_ERROR_KINDS);
    CHECK(error->line >= 1 && error->column >= 1 && error->expected[0] != '\0');
    scenario_error_text(error, line, sizeof line);
    CHECK(strlen(line) < sizeof line - 1);
    for (const char *at = line; *at != '\0'; at++) {
        CHECK((uint8_t)*at >= ' ');
    }
}

static void check_print(const Scenario *scenario)
{
    const size_t len = scenario_print(scenario, NULL, 0);
    if (len > SCENARIO_FILE_BYTES_MAX) {
        return; /* one file could not say it */
    }
    char *text = malloc(len + 1);
    ScenarioError error;
    CHECK(text != NULL);
    CHECK(scenario_print(scenario, text, len + 1) == len && text[len] == '\0');
    Scenario *again =
        scenario_parse(&(ScenarioSource){.path = "printed", .text = span_of(text, len)}, &error);
    CHECK(again != NULL);
    CHECK(scenario_equal(scenario, again));
    scenario_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Files files = {.len = 0};
    ScenarioError error;

    for (size_t start = 0, at = 0; files.len < FILES_MAX; at++) {
        if (at == size || data[at] == '\f') {
            files.files[files.len++] = span_of(data + start, at - start);
            start = at + 1;
            if (at == size) {
                break;
            }
        }
    }
    Scenario *scenario = scenario_parse(
        &(ScenarioSource){.path = "0", .text = files.files[0], .read = read_file, .opaque = &files}, &error);
    if (scenario == NULL) {
        check_error(&error);
        return 0;
    }
    CHECK(scenario->arena.taken <= SCENARIO_MEMORY_MAX);
    CHECK(scenario->steps_len <= SCENARIO_STEPS_MAX);
    check_print(scenario);
    scenario_free(scenario);
    return 0;
}
