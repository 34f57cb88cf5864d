/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pad.h: memory for the making of one message: taken piece by piece, forgotten at once.
 *
 * One block is kept from message to message, so that nothing is allocated for those of common size.
 *
 * Thread     one at a time.
 * Units      bytes; what is taken is aligned for anything.
 */
#pragma once

#include "core/core.h"

#define PAD_KEEP_BYTES 16384u /* bytes; the clip of a window with 500 others on it, or 200 glyphs */

typedef struct PadBlock PadBlock;

typedef struct Pad {
    const Core *core;
    PadBlock *blocks; /* the newest first */
    uint8_t *room;
    size_t left;
} Pad;

void pad_init(Pad *pad, const Core *core);
void pad_finish(Pad *pad);
/* NULL: there is no memory. */
void *pad_take(Pad *pad, uint64_t bytes);
void pad_reset(Pad *pad);
