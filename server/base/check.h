/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.h: assertions about our own code. Never about what a peer, a guest or the host did.
 *
 * CHECK  protects memory: always on, ends the process with one line, as going on would be worse.
 * NEVER  "cannot happen, and only one client would suffer": true when the impossible happened. It ends the
 *        process in test builds (SUMAC_STRICT); in release the caller takes the branch that closes that
 * client.
 */
#pragma once

#include <stdbool.h>

_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0)) {                                                             \
            check_failed(__FILE__, __LINE__, #condition);                                                    \
        }                                                                                                    \
    } while (0)

#ifdef SUMAC_STRICT
#define NEVER(condition)                                                                                     \
    (__builtin_expect(!!(condition), 0) ? (check_failed(__FILE__, __LINE__, #condition), true) : false)
#else
#define NEVER(condition) __builtin_expect(!!(condition), 0)
#endif
