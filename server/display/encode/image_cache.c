/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/image_cache.h"

#include "base/check.h"

#define NONE UINT32_MAX

struct ImageCacheEntry {
    uint64_t id, form, pixels;
    uint32_t next;         /* in its bucket; or among free ones */
    uint32_t newer, older; /* by use; of a victim: the next victim is `newer` */
    bool is_new;           /* added by this message */
    bool is_used;          /* by this message */
};

void image_cache_init(ImageCache *cache, const Core *core, uint64_t pixels_max)
{
    *cache = (ImageCache){.core = core,
                          .free = NONE,
                          .newest = NONE,
                          .oldest = NONE,
                          .victims = NONE,
                          .last_victim = NONE,
                          .pixels_max = pixels_max};
}

void image_cache_finish(ImageCache *cache)
{
    cache->core->free(cache->core, cache->entries);
    cache->core->free(cache->core, cache->buckets);
    image_cache_init(cache, cache->core, cache->pixels_max);
}

static uint32_t *bucket_of(const ImageCache *cache, uint64_t id)
{
    const uint64_t hash = (id ^ id >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return &cache->buckets[hash >> 32 & (cache->buckets_len - 1)];
}

/* ---- Links ---- */

static void use_link(ImageCache *cache, uint32_t at)
{
    ImageCacheEntry *entry = &cache->entries[at];
    entry->newer = NONE;
    entry->older = cache->newest;
    if (cache->newest != NONE) {
        cache->entries[cache->newest].newer = at;
    } else {
        cache->oldest = at;
    }
    cache->newest = at;
}

static void use_link_oldest(ImageCache *cache, uint32_t at)
{
    ImageCacheEntry *entry = &cache->entries[at];
    entry->older = NONE;
    entry->newer = cache->oldest;
    if (cache->oldest != NONE) {
        cache->entries[cache->oldest].older = at;
    } else {
        cache->newest = at;
    }
    cache->oldest = at;
}

static void use_unlink(ImageCache *cache, uint32_t at)
{
    const ImageCacheEntry *entry = &cache->entries[at];
    if (entry->newer != NONE) {
        cache->entries[entry->newer].older = entry->older;
    } else {
        cache->newest = entry->older;
    }
    if (entry->older != NONE) {
        cache->entries[entry->older].newer = entry->newer;
    } else {
        cache->oldest = entry->newer;
    }
}

static void bucket_link(ImageCache *cache, uint32_t at)
{
    uint32_t *bucket = bucket_of(cache, cache->entries[at].id);
    cache->entries[at].next = *bucket;
    *bucket = at;
}

static void bucket_unlink(ImageCache *cache, uint32_t at)
{
    uint32_t *link = bucket_of(cache, cache->entries[at].id);
    while (*link != at) {
        link = &cache->entries[*link].next;
    }
    *link = cache->entries[at].next;
}

static void entry_free(ImageCache *cache, uint32_t at)
{
    cache->entries[at] = (ImageCacheEntry){.next = cache->free};
    cache->free = at;
}

static void entry_evict(ImageCache *cache, uint32_t at)
{
    ImageCacheEntry *entry = &cache->entries[at];
    bucket_unlink(cache, at);
    use_unlink(cache, at);
    cache->pixels -= entry->pixels;
    entry->newer = NONE;
    if (cache->last_victim != NONE) {
        cache->entries[cache->last_victim].newer = at;
    } else {
        cache->victims = at;
    }
    cache->last_victim = at;
    cache->victim_count++;
}

static void entry_use(ImageCache *cache, uint32_t at)
{
    CHECK(cache->used_count < IMAGE_CACHE_PER_MESSAGE);
    cache->used[cache->used_count++] = at;
    cache->entries[at].is_used = true;
}

/* ---- Memory ---- */

/* Twice as many entries, and a bucket for each. */
static bool cache_grow(ImageCache *cache)
{
    const Core *core = cache->core;
    const uint32_t cap = cache->entries_cap == 0 ? 64 : 2 * cache->entries_cap;

    if (cap > IMAGE_CACHE_ENTRIES_MAX) {
        return false;
    }
    ImageCacheEntry *entries = core->alloc(core, cap * sizeof *entries);
    uint32_t *buckets = core->alloc(core, cap * sizeof *buckets);
    if (entries == NULL || buckets == NULL) {
        core->free(core, entries);
        core->free(core, buckets);
        return false;
    }
    if (cache->entries_cap > 0) {
        memcpy(entries, cache->entries, cache->entries_cap * sizeof *entries);
    }
    core->free(core, cache->entries);
    core->free(core, cache->buckets);
    cache->entries = entries;
    cache->buckets = buckets;
    cache->buckets_len = cap;
    for (uint32_t i = 0; i < cap; i++) {
        buckets[i] = NONE;
    }
    for (uint32_t at = cache->oldest; at != NONE; at = entries[at].newer) {
        bucket_link(cache, at);
    }
    for (uint32_t at = cap; at > cache->entries_cap; at--) {
        entry_free(cache, at - 1);
    }
    cache->entries_cap = cap;
    return true;
}

/* ---- Messages ---- */

static uint32_t entry_find(const ImageCache *cache, uint64_t id)
{
    uint32_t at = cache->buckets_len > 0 ? *bucket_of(cache, id) : NONE;

    while (at != NONE && cache->entries[at].id != id) {
        at = cache->entries[at].next;
    }
    return at;
}

bool image_cache_has(const ImageCache *cache, uint64_t id, uint64_t form)
{
    const uint32_t at = entry_find(cache, id);

    return at != NONE && cache->entries[at].form == form;
}

ImageCacheAnswer image_cache_find(ImageCache *cache, uint64_t id, uint64_t form)
{
    const uint32_t at = entry_find(cache, id);

    if (at == NONE) {
        return IMAGE_CACHE_ABSENT;
    }
    ImageCacheEntry *entry = &cache->entries[at];
    if (entry->is_new || (entry->form != form && entry->is_used)) {
        return IMAGE_CACHE_COMING;
    }
    if (entry->form != form) {
        entry_evict(cache, at);
        return IMAGE_CACHE_ABSENT;
    }
    if (!entry->is_used) {
        entry_use(cache, at);
        use_unlink(cache, at);
        use_link(cache, at);
    }
    return IMAGE_CACHE_THERE;
}

static bool evict_oldest(ImageCache *cache)
{
    uint32_t at = cache->oldest;

    while (at != NONE && cache->entries[at].is_used) {
        at = cache->entries[at].newer;
    }
    if (at == NONE) {
        return false;
    }
    entry_evict(cache, at);
    return true;
}

bool image_cache_add(ImageCache *cache, uint64_t id, uint64_t form, uint64_t pixels)
{
    uint64_t pinned = 0;
    for (uint32_t i = 0; i < cache->used_count; i++) {
        pinned += cache->entries[cache->used[i]].pixels;
    }
    if (pixels > cache->pixels_max || pinned > cache->pixels_max - pixels ||
        cache->used_count == IMAGE_CACHE_PER_MESSAGE) {
        return false;
    }
    if (cache->free == NONE && !cache_grow(cache)) {
        /* Entries come free with the end of a message: this image has to do without one. */
        (void)evict_oldest(cache);
        return false;
    }
    while (cache->pixels > cache->pixels_max - pixels) {
        if (NEVER(!evict_oldest(cache))) {
            return false;
        }
    }
    const uint32_t at = cache->free;
    cache->free = cache->entries[at].next;
    cache->entries[at] = (ImageCacheEntry){.id = id, .form = form, .pixels = pixels, .is_new = true};
    bucket_link(cache, at);
    use_link(cache, at);
    entry_use(cache, at);
    cache->pixels += pixels;
    return true;
}

void image_cache_victims(const ImageCache *cache, uint64_t *ret_ids)
{
    for (uint32_t at = cache->victims; at != NONE; at = cache->entries[at].newer) {
        *ret_ids++ = cache->entries[at].id;
    }
}

static void message_end(ImageCache *cache)
{
    cache->victims = cache->last_victim = NONE;
    cache->victim_count = cache->used_count = 0;
}

void image_cache_commit(ImageCache *cache)
{
    for (uint32_t i = 0; i < cache->used_count; i++) {
        cache->entries[cache->used[i]].is_used = cache->entries[cache->used[i]].is_new = false;
    }
    for (uint32_t at = cache->victims; at != NONE;) {
        const uint32_t next = cache->entries[at].newer;
        entry_free(cache, at);
        at = next;
    }
    message_end(cache);
}

/* The order of use of what was only looked at stays changed: nobody sees that. */
void image_cache_rollback(ImageCache *cache)
{
    for (uint32_t i = 0; i < cache->used_count; i++) {
        const uint32_t at = cache->used[i];
        ImageCacheEntry *entry = &cache->entries[at];
        entry->is_used = false;
        if (entry->is_new) {
            bucket_unlink(cache, at);
            use_unlink(cache, at);
            cache->pixels -= entry->pixels;
            entry_free(cache, at);
        }
    }
    /* The last to go was the newest of them. */
    uint32_t reversed = NONE;
    for (uint32_t at = cache->victims; at != NONE;) {
        const uint32_t next = cache->entries[at].newer;
        cache->entries[at].newer = reversed;
        reversed = at;
        at = next;
    }
    for (uint32_t at = reversed; at != NONE;) {
        const uint32_t next = cache->entries[at].newer;
        bucket_link(cache, at);
        use_link_oldest(cache, at);
        cache->pixels += cache->entries[at].pixels;
        at = next;
    }
    message_end(cache);
}

void image_cache_evict_all(ImageCache *cache)
{
    while (evict_oldest(cache)) {
    }
}
