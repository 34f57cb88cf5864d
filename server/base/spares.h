/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spares.h: blocks of memory of one size that nobody needs for the moment, for whoever needs such a block next. What comes
 * and goes with every command costs no allocation then.
 *
 * Where a build looks for mistakes, a block that is kept is as good as freed: AddressSanitizer and valgrind report who
 * touches it, SUMAC_STRICT overwrites it, and the one that lay longest is taken first, as an allocator in quarantine does.
 *
 * Ownership  what is kept belongs to the Spares; its owner takes all back and frees them before it goes.
 * Thread     one at a time.
 * Units      bytes. A block that was taken is not cleared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARES_MAX                                                                                           \
    1024u /* blocks; when a scroll leaves nothing behind, all that were pending come back at once */

typedef struct Spares {
    size_t bytes;        /* of each block */
    uint32_t first, len; /* a ring */
    void *blocks[SPARES_MAX];
} Spares;

void spares_init(Spares *spares, size_t bytes);
void *spares_take(Spares *spares); /* NULL: there is none */
/* False: there are enough; it is still the caller's. */
bool spares_keep(Spares *spares, void *block);
