/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/check.h"

#include <stdio.h>

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "sumac: %s:%d: our own invariant does not hold: %s\n", file, line, condition);
    fflush(stderr);
    __builtin_trap();
}
