/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.h: memory for one drawable and all that it refers to, freed at once.
 *
 * Sizes are the guest's choice, so memory is asked of the host, may be refused, and has a budget (base/limits.h).
 *
 * Blocks of the usual size go back to the spares that their owner may offer, and come from there.
 *
 * Ownership  the arena owns its blocks; what is taken from it lives until qxl_arena_free().
 * Thread     one at a time.
 * Units      bytes. What is taken is aligned for anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/spares.h"

typedef struct QxlMemory {
    void *(*alloc)(void *opaque, size_t bytes); /* NULL: there is none */
    void (*free)(void *opaque, void *memory);
    void *opaque;
    Spares *spares; /* of QXL_ARENA_BLOCK_BYTES, as alloc() gave them; NULL: none are kept */
} QxlMemory;

#define QXL_ARENA_BLOCK_BYTES 2048u /* a drawable with an image and its palette, as most are */

typedef struct QxlArenaBlock QxlArenaBlock;

typedef struct QxlArena {
    QxlMemory memory;
    QxlArenaBlock *blocks;
    uint8_t *room;  /* in one of them */
    size_t left;    /* of the room */
    uint64_t bytes; /* of all blocks */
    uint64_t bytes_max;
} QxlArena;

QxlArena qxl_arena_of(const QxlMemory *memory, uint64_t bytes_max);
/* The arena itself may lie in its memory. */
void qxl_arena_free(QxlArena *arena);

/* Within the budget? */
bool qxl_arena_allows(const QxlArena *arena, uint64_t bytes);
/* Not cleared. NULL: over the budget, or the host has none. */
void *qxl_arena_take(QxlArena *arena, uint64_t bytes);
