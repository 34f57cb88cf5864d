/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/arena.h"

#include <stdalign.h>

struct QxlArenaBlock {
    QxlArenaBlock *next;
    bool usual; /* of QXL_ARENA_BLOCK_BYTES */
    alignas(max_align_t) uint8_t memory[];
};

QxlArena qxl_arena_of(const QxlMemory *memory, uint64_t bytes_max)
{
    return (QxlArena){.memory = *memory, .bytes_max = bytes_max};
}

void qxl_arena_free(QxlArena *arena)
{
    const QxlMemory memory = arena->memory;
    QxlArenaBlock *block = arena->blocks;

    while (block != NULL) {
        QxlArenaBlock *next = block->next;
        if (!block->usual || memory.spares == NULL || !spares_keep(memory.spares, block)) {
            memory.free(memory.opaque, block);
        }
        block = next;
    }
}

/* Without wrapping; what is beyond this is beyond any budget. */
static uint64_t rounded(uint64_t bytes)
{
    return bytes > UINT32_MAX ? bytes
                              : (bytes + alignof(max_align_t) - 1) & ~(uint64_t)(alignof(max_align_t) - 1);
}

bool qxl_arena_allows(const QxlArena *arena, uint64_t bytes)
{
    const uint64_t left = arena->bytes_max - arena->bytes;

    return rounded(bytes) <= arena->left ||
           (left >= sizeof(QxlArenaBlock) && rounded(bytes) <= left - sizeof(QxlArenaBlock));
}

static QxlArenaBlock *block_new(QxlArena *arena, size_t bytes)
{
    const QxlMemory *memory = &arena->memory;
    const bool usual = sizeof(QxlArenaBlock) + bytes == QXL_ARENA_BLOCK_BYTES;
    QxlArenaBlock *block = usual && memory->spares != NULL ? spares_take(memory->spares) : NULL;

    if (block == NULL) {
        block = memory->alloc(memory->opaque, sizeof *block + bytes);
    }
    if (block != NULL) {
        block->usual = usual;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->bytes += sizeof *block + bytes;
    }
    return block;
}

void *qxl_arena_take(QxlArena *arena, uint64_t bytes)
{
    if (!qxl_arena_allows(arena, bytes)) {
        return NULL;
    }
    const size_t size = (size_t)rounded(bytes);
    if (size > arena->left) {
        /* What is large has a block of its own, and what is left of the present one stays for small things. */
        const bool shared = size <= QXL_ARENA_BLOCK_BYTES / 2 &&
                            qxl_arena_allows(arena, QXL_ARENA_BLOCK_BYTES - sizeof(QxlArenaBlock));
        const size_t room = shared ? QXL_ARENA_BLOCK_BYTES - sizeof(QxlArenaBlock) : size;
        QxlArenaBlock *block = block_new(arena, room);
        if (block == NULL || !shared) {
            return block == NULL ? NULL : block->memory;
        }
        arena->room = block->memory;
        arena->left = room;
    }
    void *taken = arena->room;
    arena->room += size;
    arena->left -= size;
    return taken;
}
