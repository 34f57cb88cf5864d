/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz_tokens.h: what the encoders of LZ and GLZ have in common: units, comparing them, literal runs, lengths.
 * Inside codec/ only. Everything is inline, since `unit` is a constant wherever it is used.
 */
#pragma once

#include "codec/sink.h"

#define LZ_MAGIC 0x20205a4cu
#define LZ_VERSION 0x00010001u
#define LZ_LITERALS_MAX 32u

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A unit lies in `size` bytes of memory, of which the bits of `mask` count, and is `literal` bytes when coded: the low
 * ones, but of 4 bytes the top one if it is only one. A match
 * of `length` units is coded as length - bias, which is at least 1. */
typedef struct LzUnit {
    unsigned size;    /* 4 or 1 */
    unsigned literal; /* 3, 2 or 1 */
    unsigned bias;
    uint64_t mask; /* of 8 bytes */
} LzUnit;

#define LZ_UNIT_RGB ((LzUnit){4, 3, 0, UINT64_C(0x00ffffff00ffffff)})
#define LZ_UNIT_RGB16 ((LzUnit){4, 2, 1, UINT64_C(0x0000ffff0000ffff)})
#define LZ_UNIT_BYTE ((LzUnit){1, 1, 2, UINT64_MAX})

typedef struct LzOut {
    CodecSink *sink;
    uint8_t *at, *safe;
} LzOut;

ALWAYS_INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

ALWAYS_INLINE uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void be32_put(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint32_t be32_get(const uint8_t *p)
{
    return __builtin_bswap32(load32(p));
}

/* How many units from `a` and `b` on are equal; `a` may be read up to `end`, and `b` lies before it. */
ALWAYS_INLINE size_t units_equal(LzUnit unit, const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *const start = a;
    while (end - a >= 32) {
        const uint64_t d0 = (load64(a) ^ load64(b)) & unit.mask;
        const uint64_t d1 = (load64(a + 8) ^ load64(b + 8)) & unit.mask;
        const uint64_t d2 = (load64(a + 16) ^ load64(b + 16)) & unit.mask;
        const uint64_t d3 = (load64(a + 24) ^ load64(b + 24)) & unit.mask;
        if ((d0 | d1 | d2 | d3) != 0) {
            /* Which is the first that differs? Without branches: nobody could predict them. */
            const uint64_t low = d0 != 0 ? d0 : d1, high = d2 != 0 ? d2 : d3;
            const size_t low_at = d0 != 0 ? 0 : 64, high_at = d2 != 0 ? 128 : 192;
            const bool in_low = (d0 | d1) != 0;
            const size_t bit = (in_low ? low_at : high_at) + (size_t)__builtin_ctzll(in_low ? low : high);
            return (size_t)(a - start) / unit.size + bit / (8 * unit.size);
        }
        a += 32;
        b += 32;
    }
    while (end - a >= 8) {
        const uint64_t d = (load64(a) ^ load64(b)) & unit.mask;
        if (d != 0) {
            return (size_t)(a - start) / unit.size + (size_t)__builtin_ctzll(d) / (8 * unit.size);
        }
        a += 8;
        b += 8;
    }
    if (unit.size == 4) {
        if (end - a >= 4 && ((load32(a) ^ load32(b)) & (uint32_t)unit.mask) == 0) {
            a += 4;
        }
    } else {
        while (a < end && *a == *b) {
            a++;
            b++;
        }
    }
    return (size_t)(a - start) / unit.size;
}

ALWAYS_INLINE Status literals_put(LzUnit unit, LzOut *out, const uint8_t *units, size_t count)
{
    while (count > 0) {
        const size_t now = count < LZ_LITERALS_MAX ? count : LZ_LITERALS_MAX;
        if (out->at > out->safe) {
            const Status status = sink_turn(out->sink, &out->at, &out->safe);
            if (status != STATUS_OK) {
                return status;
            }
        }
        uint8_t *at = out->at;
        *at++ = (uint8_t)(now - 1);
        if (unit.literal == 3) {
            size_t i = 0;
            for (; i + 2 <= now; i += 2) {
                /* Two pixels of three bytes; the two bytes above them are written again. */
                const uint64_t two = load64(units + 4 * i);
                const uint64_t packed = (two & 0xffffff) | (two >> 8 & UINT64_C(0xffffff000000));
                memcpy(at, &packed, sizeof(packed));
                at += 6;
            }
            if (i < now) {
                const uint32_t last = load32(units + 4 * i);
                memcpy(at, &last, sizeof(last));
                at += 3;
            }
        } else if (unit.literal == 2) {
            for (size_t i = 0; i < now; i++) {
                *at++ = units[4 * i + 1];
                *at++ = units[4 * i];
            }
        } else if (unit.size == 4) {
            for (size_t i = 0; i < now; i++) {
                *at++ = units[4 * i + 3];
            }
        } else {
            memcpy(at, units, now);
            at += now;
        }
        out->at = at;
        units += now * unit.size;
        count -= now;
    }
    return STATUS_OK;
}

/* The bytes that follow a control byte whose three bits of length are full. */
ALWAYS_INLINE Status length_put(LzOut *out, size_t rest)
{
    while (rest >= 255) {
        if (out->at > out->safe) {
            const Status status = sink_turn(out->sink, &out->at, &out->safe);
            if (status != STATUS_OK) {
                return status;
            }
        }
        *out->at++ = 255;
        rest -= 255;
    }
    *out->at++ = (uint8_t)rest;
    return STATUS_OK;
}
