/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read.h: what the generated decoders are made of. Nobody else includes it.
 *
 * Every read checks against the end of the body first, in 64 bits. Two things bound the work that a body can
 * cause: the generator proves that only FarItems (arrays of pointers) can visit a region more often than
 * POINTERS_MAX times, and `budget` bounds the bytes that are visited altogether, so those cannot either.
 */
#pragma once

#include <stdbool.h>

#include "wire/arena.h"

#define WIRE_READ_VISITS_MAX                                                                                 \
    8u /* how often a body may be read over: POINTERS_MAX of the generator, and once */

typedef struct WireReader {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    uint64_t budget; /* bytes that may still be visited */
    WireArena *arena;
    uint32_t context;
    const char *message;
    Status status;
    WireFault *fault; /* may be NULL */
} WireReader;

/* All return false after a refusal. */
bool wire_reader_init(WireReader *r, Span body, WireArena *arena, uint32_t context, const char *message,
                      WireFault *fault);
bool wire_refuse(WireReader *r, Status status, const char *field, const char *why, uint64_t value);

/* The offset of a region; 0 only if it may be absent. */
bool wire_read_offset(WireReader *r, const char *field, bool required, size_t *ret);
/* A number of bytes elsewhere. */
bool wire_read_far_bytes(WireReader *r, const char *field, uint64_t n, bool required, Span *ret);
/* Zeroed room for `n` > 0 elements that take at least `least` bytes each from here on; NULL after a refusal.
 */
void *wire_read_room(WireReader *r, const char *field, uint64_t n, size_t least, size_t size, size_t align);

static inline bool wire_read_need(WireReader *r, const char *field, uint64_t n)
{
    if (__builtin_expect(n > r->len - r->at, 0)) {
        return wire_refuse(r, STATUS_PEER_FAULT, field, "is cut off", n);
    }
    if (__builtin_expect(n > r->budget, 0)) {
        return wire_refuse(r, STATUS_PEER_FAULT, field, "is visited too often", n);
    }
    r->budget -= n;
    return true;
}

static inline bool wire_read_u8(WireReader *r, const char *field, uint8_t *ret)
{
    if (!wire_read_need(r, field, 1)) {
        return false;
    }
    *ret = r->bytes[r->at];
    r->at += 1;
    return true;
}

static inline bool wire_read_u16(WireReader *r, const char *field, uint16_t *ret)
{
    if (!wire_read_need(r, field, 2)) {
        return false;
    }
    *ret = le16_get(r->bytes + r->at);
    r->at += 2;
    return true;
}

static inline bool wire_read_u32(WireReader *r, const char *field, uint32_t *ret)
{
    if (!wire_read_need(r, field, 4)) {
        return false;
    }
    *ret = le32_get(r->bytes + r->at);
    r->at += 4;
    return true;
}

static inline bool wire_read_u64(WireReader *r, const char *field, uint64_t *ret)
{
    if (!wire_read_need(r, field, 8)) {
        return false;
    }
    *ret = le64_get(r->bytes + r->at);
    r->at += 8;
    return true;
}

/* Big-endian. */
static inline bool wire_read_b32(WireReader *r, const char *field, uint32_t *ret)
{
    uint32_t swapped;
    if (!wire_read_u32(r, field, &swapped)) {
        return false;
    }
    *ret = __builtin_bswap32(swapped);
    return true;
}

/* The signed ones are the same bits. */
static inline bool wire_read_i16(WireReader *r, const char *field, int16_t *ret)
{
    uint16_t bits;
    if (!wire_read_u16(r, field, &bits)) {
        return false;
    }
    *ret = (int16_t)bits;
    return true;
}

static inline bool wire_read_i32(WireReader *r, const char *field, int32_t *ret)
{
    uint32_t bits;
    if (!wire_read_u32(r, field, &bits)) {
        return false;
    }
    *ret = (int32_t)bits;
    return true;
}

static inline bool wire_read_i64(WireReader *r, const char *field, int64_t *ret)
{
    uint64_t bits;
    if (!wire_read_u64(r, field, &bits)) {
        return false;
    }
    *ret = (int64_t)bits;
    return true;
}

static inline bool wire_read_bytes(WireReader *r, const char *field, uint64_t n, Span *ret)
{
    if (!wire_read_need(r, field, n)) {
        return false;
    }
    *ret = span_of(r->bytes + r->at, (size_t)n);
    r->at += (size_t)n;
    return true;
}

static inline bool wire_read_rest(WireReader *r, const char *field, Span *ret)
{
    return wire_read_bytes(r, field, r->len - r->at, ret);
}

static inline bool wire_read_skip(WireReader *r, const char *field, uint64_t n)
{
    Span ignored;
    return wire_read_bytes(r, field, n, &ignored);
}
