/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image_cache.h: which images a client keeps, as we told it to.
 *
 * The cache is the client's; here are only the ids. Its size is in pixels; what was used longest ago goes first. Work is done
 * message by message: what find() and add() change is final with commit(), and as it was before after rollback(). What add()
 * threw out is told to the client before the message. An image that the message itself shows is not thrown out for another.
 *
 * Ownership  plain memory, freed by image_cache_finish().
 * Thread     one at a time.
 * Units      pixels.
 * Source     reference/wire-protocol.md section 3.2.5, reference/api-and-behaviour.md section 6.5.
 */
#pragma once

#include "core/core.h"

#define IMAGE_CACHE_ENTRIES_MAX                                                                              \
    8192u /* entries; a desktop of small icons; a guest may invent images of one pixel */
#define IMAGE_CACHE_PER_MESSAGE 4u /* images in one message */

typedef struct ImageCacheEntry ImageCacheEntry;

typedef struct ImageCache {
    const Core *core;
    ImageCacheEntry *entries;
    uint32_t entries_cap, free;
    uint32_t *buckets;
    uint32_t buckets_len; /* a power of two */
    uint32_t newest, oldest;
    uint32_t victims, last_victim; /* of this message, in the order in which they went */
    uint32_t victim_count;
    uint32_t used[IMAGE_CACHE_PER_MESSAGE]; /* by this message */
    uint32_t used_count;
    uint64_t pixels, pixels_max;
} ImageCache;

typedef enum ImageCacheAnswer {
    IMAGE_CACHE_ABSENT, /* add it */
    IMAGE_CACHE_THERE,
    IMAGE_CACHE_COMING, /* with this very message: the client may look before it is there */
} ImageCacheAnswer;

void image_cache_init(ImageCache *cache, const Core *core, uint64_t pixels_max);
void image_cache_finish(ImageCache *cache);

/* As things are; nothing changes by being asked. */
bool image_cache_has(const ImageCache *cache, uint64_t id, uint64_t form);
/* `form` is whatever else must be the same; an entry of another form is thrown out. */
ImageCacheAnswer image_cache_find(ImageCache *cache, uint64_t id, uint64_t form);
/* It is ABSENT. False: it does not fit, or there is no memory. */
bool image_cache_add(ImageCache *cache, uint64_t id, uint64_t form, uint64_t pixels);
/* Fills in `victim_count` ids. */
void image_cache_victims(const ImageCache *cache, uint64_t *ret_ids);
void image_cache_commit(ImageCache *cache);
void image_cache_rollback(ImageCache *cache);
/* All go, as victims of a message that shows none. */
void image_cache_evict_all(ImageCache *cache);
