/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parse.h: reads the scenario language (docs/scenarios.md). Hostile text is allowed: whatever it says, the parser ends
 * soon, within the limits of ast.h, with a Scenario or with one error.
 *
 * No I/O: included files come from the caller. No state outside the call.
 */
#pragma once

#include "base/span.h"
#include "sim/scenario/ast.h"
#include "sim/scenario/error.h"

/* A parameter given from outside; it goes before the file's own default. The value is one word as the file would write
 * it. */
typedef struct ScenarioParam {
    const char *name, *value;
} ScenarioParam;

typedef struct ScenarioSource {
    const char *path; /* of the first file; only for errors, names, and the folder of what it includes */
    Span text;
    /* The text of an included file, valid until scenario_parse() returns; false: it cannot be read. `path` lies in the
     * folder of the including file, or below. NULL: there are no other files. */
    bool (*read)(void *opaque, const char *path, Span *ret_text);
    void *opaque;
    const ScenarioParam *params;
    size_t params_len;
} ScenarioSource;

/* NULL: *ret_error says why. */
Scenario *scenario_parse(const ScenarioSource *source, ScenarioError *ret_error);
