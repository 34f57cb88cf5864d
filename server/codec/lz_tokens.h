/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz_tokens.h: what the encoders of LZ and GLZ have in common: units, comparing them, literal runs, lengths.
 * Inside codec/ only. Everything is inline, since `unit` is a constant wherever it is used.
 */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#define LZ_VECTORS
#elif defined(__ARM_NEON)
#define SIMDE_ENABLE_NATIVE_ALIASES /* SSE2's names, made of NEON */
#include <simde/x86/sse2.h>
#define LZ_VECTORS
#endif

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
#define LZ_UNIT_WHOLE ((LzUnit){4, 3, 0, UINT64_MAX}) /* all four bytes count, or the fourth is always 0 */
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

/* Bit n says whether unit n of the 16 at `a` and `b` are equal. */
ALWAYS_INLINE unsigned units_same16_plain(LzUnit unit, const uint8_t *a, const uint8_t *b)
{
    unsigned same = 0;
    for (unsigned i = 0; i < 16; i++) {
        const bool is = unit.size == 4 ? ((load32(a + 4 * i) ^ load32(b + 4 * i)) & (uint32_t)unit.mask) == 0
                                       : a[i] == b[i];
        same |= (unsigned)is << i;
    }
    return same;
}

ALWAYS_INLINE unsigned units_same16(LzUnit unit, const uint8_t *a, const uint8_t *b)
{
#ifdef LZ_VECTORS
    const __m128i *va = (const __m128i *)(const void *)a, *vb = (const __m128i *)(const void *)b;
    if (unit.size == 1) {
        return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(va), _mm_loadu_si128(vb)));
    }
    const __m128i mask = _mm_set1_epi32((int)unit.mask), zero = _mm_setzero_si128();
    __m128i same[4];
    for (unsigned i = 0; i < 4; i++) {
        const __m128i wa = _mm_loadu_si128(va + i), wb = _mm_loadu_si128(vb + i);
        same[i] = unit.mask == UINT64_MAX ? _mm_cmpeq_epi32(wa, wb)
                                          : _mm_cmpeq_epi32(_mm_and_si128(_mm_xor_si128(wa, wb), mask), zero);
    }
    return (unsigned)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_packs_epi32(same[0], same[1]), _mm_packs_epi32(same[2], same[3])));
#else
    return units_same16_plain(unit, a, b);
#endif
}

/* How many units from `a` and `b` on are equal; `a` may be read up to `end`, and `b` lies before it. */
ALWAYS_INLINE size_t units_equal(LzUnit unit, const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *const start = a;
    /* Where they differ is found without branches, since nobody could predict them. */
    const ptrdiff_t wide = 16 * (ptrdiff_t)unit.size;
    while (end - a >= wide) {
        const unsigned same = units_same16(unit, a, b);
        if (same != 0xffff) {
            return (size_t)(a - start) / unit.size + (size_t)__builtin_ctz(~same);
        }
        a += wide;
        b += wide;
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
