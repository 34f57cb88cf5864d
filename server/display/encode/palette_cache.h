/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* palette_cache.h: which palettes a client keeps, as we told it to: the latest PALETTE_CACHE_ENTRIES, by the guest's ids.
 *
 * As with images (image_cache.h), a message's changes are final with commit(), undone by rollback(). Guests say when a
 * palette is another one by its id; one that changes under its id is found by its contents.
 *
 * Thread     one at a time.
 * Source     reference/wire-protocol.md section 3.2.2, reference/api-and-behaviour.md section 6.5.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qxl/image.h"

#define PALETTE_CACHE_ENTRIES 128u /* the protocol's number */
#define PALETTE_CACHE_PER_MESSAGE 4u

typedef struct PaletteCacheEntry {
    uint64_t id, contents; /* id 0: none */
    uint64_t used;         /* number of the latest message with it */
    bool is_new;           /* added by the message that is made */
} PaletteCacheEntry;

typedef struct PaletteCache {
    PaletteCacheEntry entries[PALETTE_CACHE_ENTRIES];
    uint64_t message; /* number of the one that is made */
    uint64_t victims[PALETTE_CACHE_PER_MESSAGE];
    uint32_t victim_count;
    struct {
        uint32_t at;
        PaletteCacheEntry entry;
    } before[PALETTE_CACHE_PER_MESSAGE]; /* what was replaced, for rollback */
    uint32_t before_count;
} PaletteCache;

typedef enum PaletteAnswer {
    PALETTE_PLAIN, /* send it, and the client does not keep it */
    PALETTE_KEEP,  /* send it, to be kept; victims may have to go first */
    PALETTE_THERE,
} PaletteAnswer;

void palette_cache_clear(PaletteCache *cache); /* also makes one */
/* `may_keep` false: never KEEP, for the client may have no use for the image. */
PaletteAnswer palette_cache_use(PaletteCache *cache, const QxlPalette *palette, bool may_keep);
void palette_cache_commit(PaletteCache *cache);
void palette_cache_rollback(PaletteCache *cache);
