/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/pad.h"

#include <stdalign.h>

struct PadBlock {
    PadBlock *older;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

void pad_init(Pad *pad, const Core *core)
{
    *pad = (Pad){.core = core};
}

void pad_finish(Pad *pad)
{
    while (pad->blocks != NULL) {
        PadBlock *block = pad->blocks;
        pad->blocks = block->older;
        pad->core->free(pad->core, block);
    }
    pad_init(pad, pad->core);
}

void *pad_take(Pad *pad, uint64_t bytes)
{
    const uint64_t align = alignof(max_align_t);

    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    const size_t needed =
        (size_t)((bytes + align) / align * align); /* never 0, so that what is taken is somewhere */
    if (needed > pad->left) {
        const size_t size = needed > PAD_KEEP_BYTES ? needed : PAD_KEEP_BYTES;
        PadBlock *block = pad->core->alloc(pad->core, sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        block->size = size;
        block->older = pad->blocks;
        pad->blocks = block;
        pad->room = block->bytes;
        pad->left = size;
    }
    void *taken = pad->room;
    pad->room += needed;
    pad->left -= needed;
    return taken;
}

void pad_reset(Pad *pad)
{
    PadBlock *kept = NULL;

    while (pad->blocks != NULL) {
        PadBlock *block = pad->blocks;
        pad->blocks = block->older;
        if (kept == NULL && block->size == PAD_KEEP_BYTES) {
            kept = block;
        } else {
            pad->core->free(pad->core, block);
        }
    }
    pad->blocks = kept;
    pad->room = kept != NULL ? kept->bytes : NULL;
    pad->left = kept != NULL ? kept->size : 0;
    if (kept != NULL) {
        kept->older = NULL;
    }
}
