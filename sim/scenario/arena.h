/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.h: memory that is taken piece by piece, up to a limit, and given back all at once.
 *
 * Units   bytes. What is taken is zeroed and aligned for anything.
 * Errors  past the limit, or when malloc() fails: NULL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
    ArenaChunk *chunks; /* the newest first */
    size_t limit;
    size_t taken; /* from malloc() */
} Arena;

void arena_init(Arena *arena, size_t limit);
void arena_finish(Arena *arena);
void *arena_take(Arena *arena, size_t size);
/* A copy with a NUL behind it. */
char *arena_text(Arena *arena, const char *text, size_t len);
