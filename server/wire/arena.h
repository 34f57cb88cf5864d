/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.h: where decoders put the arrays and nested structures of a message; and how they say what was wrong.
 *
 * An arena is a buffer of the caller that is handed out from the front. Nothing is ever freed: the caller
 * forgets all at once (wire_arena_reset), and with it every message that was decoded into it. Messages
 * without arrays and pointers need none.
 *
 * Units      bytes.
 * Errors     a full arena is STATUS_LIMIT in the decoder that asked.
 */
#pragma once

#include "base/span.h"
#include "base/status.h"

typedef struct WireArena {
    uint8_t *bytes;
    size_t len;
    size_t cap;
} WireArena;

/* Enough for any body of `size` bytes whose pointers do not share regions. */
#define WIRE_ARENA_BYTES(size) (8 * (size_t)(size) + 1024)

static inline void wire_arena_init(WireArena *arena, void *buffer, size_t cap)
{
    *arena = (WireArena){buffer, 0, cap};
}

static inline void wire_arena_reset(WireArena *arena)
{
    arena->len = 0;
}

/* `align` is a power of two. NULL when there is no room (or no arena). */
static inline void *wire_arena_take(WireArena *arena, uint64_t size, size_t align)
{
    if (!arena) {
        return NULL;
    }
    const size_t gap = -(uintptr_t)(arena->bytes + arena->len) & (align - 1);
    const size_t left = arena->cap - arena->len;
    if (gap > left || size > left - gap) {
        return NULL;
    }
    void *taken = arena->bytes + arena->len + gap;
    arena->len += gap + (size_t)size;
    return taken;
}

/* Why a body was refused. The strings are constants. */
typedef struct WireFault {
    const char *message; /* MSGC_INPUTS_KEY_DOWN */
    const char *field;   /* code, or Rect.top in a nested structure */
    const char *why;
    uint64_t value; /* what stood there, if it matters */
} WireFault;
