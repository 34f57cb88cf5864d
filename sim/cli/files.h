/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* files.h: scenarios from files, as subjects. A subject is named like its file, without the ending.
 *
 * Ownership  what was read stays until the program ends.
 */
#pragma once

#include "sim/cli/cli.h"

/* A file, or all scenarios of a folder. False: it cannot be read, or is no scenario; said on stderr. */
bool cli_load(Cli *cli, const char *path);
bool cli_is_file(const char *path);
