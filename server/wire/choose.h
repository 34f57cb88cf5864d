/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* choose.h: what the generated makers of random messages (random.h) are made of; for tests and corpora.
 *
 * The same seed makes the same messages everywhere. Values lean to the edges of their types; sizes stay
 * small.
 */
#pragma once

#include <stdbool.h>

#include "base/check.h"
#include "wire/arena.h"

typedef struct WireRandom {
    uint64_t state;
    WireArena *arena; /* must be large enough: it is checked */
    uint32_t context;
} WireRandom;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t wire_random_next(WireRandom *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t wire_random_below(WireRandom *r, uint32_t n)
{
    return (uint32_t)((wire_random_next(r) >> 32) * n >> 32);
}

static inline uint64_t wire_random_value(WireRandom *r)
{
    switch (wire_random_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_C(0x8000000080008080);
    case 3:
        return wire_random_below(r, 100);
    default:
        return wire_random_next(r);
    }
}

static inline void *wire_random_room(WireRandom *r, size_t n, size_t size, size_t align)
{
    void *room = wire_arena_take(r->arena, (uint64_t)n * size, align);
    CHECK(room);
    memset(room, 0, n * size);
    return room;
}

static inline Span wire_random_bytes(WireRandom *r, uint64_t n)
{
    uint8_t *bytes = wire_random_room(r, (size_t)n, 1, 1);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)wire_random_next(r);
    }
    return span_of(bytes, (size_t)n);
}

/* A length between `least` and `most`: mostly short, now and then beyond WIRE_INLINE_MAX. */
static inline uint32_t wire_random_length(WireRandom *r, uint32_t least, uint64_t most)
{
    const uint32_t below = wire_random_below(r, 4) == 0 ? 400 : 12;
    const uint32_t length = least + wire_random_below(r, below);
    return length > most ? (uint32_t)most : length;
}

static inline bool wire_spans_equal(Span a, Span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
