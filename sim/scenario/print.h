/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* print.h: a scenario as text again: one file, parameters and includes replaced by what they stood for, one way to write
 * each thing. Reading it gives an equal scenario.
 */
#pragma once

#include "sim/scenario/ast.h"

/* Returns the length without the NUL; a longer text is cut off, as by snprintf(). */
size_t scenario_print(const Scenario *scenario, char *ret, size_t size);

/* One statement in one line, blocks as { ... }: for traces and failures. */
size_t scenario_print_step(const Scenario *scenario, const Step *step, char *ret, size_t size);
