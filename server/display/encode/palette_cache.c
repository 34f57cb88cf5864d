/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/palette_cache.h"

#include <string.h>

void palette_cache_clear(PaletteCache *cache)
{
    memset(cache, 0, sizeof *cache);
    cache->message = 1;
}

static uint64_t contents_of(const QxlPalette *palette)
{
    uint64_t hash = palette->count;
    for (uint32_t i = 0; i < palette->count; i++) {
        hash = (hash ^ palette->entries[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

/* The one with this id, else the one to be replaced: a free one, or the one used longest ago. */
static uint32_t place_of(const PaletteCache *cache, uint64_t id)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < PALETTE_CACHE_ENTRIES; i++) {
        if (cache->entries[i].id == id) {
            return i;
        }
        if (cache->entries[i].used < cache->entries[oldest].used) {
            oldest = i;
        }
    }
    return oldest;
}

PaletteAnswer palette_cache_use(PaletteCache *cache, const QxlPalette *palette, bool may_keep)
{
    if (palette->unique == 0) {
        return PALETTE_PLAIN;
    }
    const uint64_t contents = contents_of(palette);
    const uint32_t at = place_of(cache, palette->unique);
    PaletteCacheEntry *entry = &cache->entries[at];
    const bool is_there = entry->id == palette->unique;

    if (is_there && entry->is_new) {
        return PALETTE_PLAIN; /* the client may come to this one first */
    }
    if (is_there && entry->contents == contents) {
        entry->used = cache->message;
        return PALETTE_THERE;
    }
    if (!may_keep || entry->used == cache->message || cache->before_count == PALETTE_CACHE_PER_MESSAGE) {
        return PALETTE_PLAIN;
    }
    cache->before[cache->before_count].at = at;
    cache->before[cache->before_count].entry = *entry;
    cache->before_count++;
    if (entry->id != 0) {
        cache->victims[cache->victim_count++] = entry->id;
    }
    *entry = (PaletteCacheEntry){palette->unique, contents, cache->message, true};
    return PALETTE_KEEP;
}

static void message_end(PaletteCache *cache)
{
    cache->before_count = cache->victim_count = 0;
    cache->message++;
}

void palette_cache_commit(PaletteCache *cache)
{
    for (uint32_t i = 0; i < cache->before_count; i++) {
        cache->entries[cache->before[i].at].is_new = false;
    }
    message_end(cache);
}

void palette_cache_rollback(PaletteCache *cache)
{
    while (cache->before_count > 0) {
        cache->before_count--;
        cache->entries[cache->before[cache->before_count].at] = cache->before[cache->before_count].entry;
    }
    message_end(cache);
}
