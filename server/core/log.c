/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/core.h"

#include <stdio.h>

void core_log(const Core *core, CoreLogLevel level, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    core->log(core, level, line);
}
