/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channels/cursor_cache.h"

#include <string.h>

void cursor_cache_clear(CursorCache *cache)
{
    memset(cache, 0, sizeof *cache);
}

/* The one with this id, else the one to be replaced: a free one, or the one used longest ago. */
static uint32_t place_of(const CursorCache *cache, uint64_t id)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < CURSOR_CACHE_ENTRIES; i++) {
        if (cache->entries[i].id == id) {
            return i;
        }
        if (cache->entries[i].used < cache->entries[oldest].used) {
            oldest = i;
        }
    }
    return oldest;
}

CursorCacheAnswer cursor_cache_use(CursorCache *cache, uint64_t id, uint64_t contents, uint64_t *ret_victim)
{
    *ret_victim = 0;
    if (id == 0) {
        return CURSOR_CACHE_NONE;
    }
    const uint32_t at = place_of(cache, id);
    const bool is_there = cache->entries[at].id == id && cache->entries[at].contents == contents;

    if (!is_there) {
        *ret_victim = cache->entries[at].id;
        cache->entries[at].id = id;
        cache->entries[at].contents = contents;
    }
    cache->entries[at].used = ++cache->uses;
    return is_there ? CURSOR_CACHE_THERE : CURSOR_CACHE_KEEP;
}
