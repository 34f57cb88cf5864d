/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* accesses.h: loads and stores as schedule points (level L2). clang calls __sanitizer_cov_load4() and the like before each
 * one of code compiled with -fsanitize-coverage=func,trace-loads,trace-stores (without "func" clang 14 does nothing). The
 * simulator itself is compiled without, and so is what OpenSSL calls with its locks held.
 *
 * Not seen: what memcpy() and its kind do, and read-modify-write atomics. Calls are schedule points beside them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many schedule points the running thread may pass before its scheduler is asked; set whenever a thread goes on. A
 * plain variable, as every load and store may count it down. */
extern int64_t sim_points_left;
/* Do accesses count? Only while a thread of a universe of level L2 runs. */
extern bool sim_accesses_count;

/* sim_points_left has come to 0 at an access; threads.c. */
void sim_access_passed(void);
