/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor_cache.h: which cursor shapes a client keeps, as we told it to: the latest CURSOR_CACHE_ENTRIES, by the guest's ids.
 *
 * Guests say that a shape is another one by its id; one that changes under its id is found by its contents, and sent anew.
 * INIT and RESET empty a client's cache.
 *
 * Ownership  plain memory, part of the client.
 * Thread     the channel's home.
 * Source     reference/wire-protocol.md section 3.4, reference/api-and-behaviour.md section 5.4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CURSOR_CACHE_ENTRIES 256u /* the protocol's number */

typedef struct CursorCache {
    struct {
        uint64_t id, contents; /* id 0: none */
        uint64_t used;
    } entries[CURSOR_CACHE_ENTRIES];
    uint64_t uses;
} CursorCache;

typedef enum CursorCacheAnswer {
    CURSOR_CACHE_NONE,  /* a shape without id: send it, and the client does not keep it */
    CURSOR_CACHE_KEEP,  /* send it, to be kept */
    CURSOR_CACHE_THERE, /* its header is enough */
} CursorCacheAnswer;

void cursor_cache_clear(CursorCache *cache);
/* *ret_victim: which one the client must drop first; 0: none. */
CursorCacheAnswer cursor_cache_use(CursorCache *cache, uint64_t id, uint64_t contents, uint64_t *ret_victim);
