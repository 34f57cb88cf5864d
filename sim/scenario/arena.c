/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 8192u

struct ArenaChunk {
    ArenaChunk *older;
    size_t used, size;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(Arena *arena, size_t limit)
{
    *arena = (Arena){.limit = limit};
}

void arena_finish(Arena *arena)
{
    while (arena->chunks != NULL) {
        ArenaChunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        free(chunk);
    }
    arena->taken = 0;
}

void *arena_take(Arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > arena->limit) {
        return NULL;
    }
    size = (size + align - 1) / align * align;
    ArenaChunk *chunk = arena->chunks;
    if (chunk == NULL || size > chunk->size - chunk->used) {
        const size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        const size_t all = sizeof *chunk + bytes;
        if (all > arena->limit - arena->taken || (chunk = malloc(all)) == NULL) {
            return NULL;
        }
        arena->taken += all;
        *chunk = (ArenaChunk){.older = arena->chunks, .size = bytes};
        arena->chunks = chunk;
    }
    void *taken = chunk->bytes + chunk->used;
    chunk->used += size;
    return memset(taken, 0, size);
}

char *arena_text(Arena *arena, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_take(arena, len + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text, len);
    }
    return copy;
}
