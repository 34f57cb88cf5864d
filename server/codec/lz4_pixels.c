/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/lz4_pixels.h"

#include "codec/lz_tokens.h"

#define HASH_BITS_MIN 8u
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define DISTANCE_MAX (65535u / 4)
#define PROBE 2u      /* pixels: what a look at one place compares, and the shortest match */
#define TAIL 2u       /* pixels at the end of a block that are literals */
#define SKIP_SHIFT 7u /* after 2^this pixels without a match look at every second, and so on */
#define MATCH_MIN 4u  /* bytes, the format's */
#define FIELD_MAX 15u /* of the two halves of a token */
#define COPY 64u      /* bytes of literals that are copied at once */

#define LZ4_UNIT ((LzUnit){4, 4, 0, UINT64_MAX})

void lz4_pixels_init(Lz4Pixels *coder)
{
    memset(coder, 0, sizeof(*coder));
    coder->next = 1;
}

void lz4_pixels_begin(Lz4Pixels *coder, uint32_t count)
{
    if (UINT32_MAX - coder->next < count) {
        lz4_pixels_init(coder);
    }
    unsigned bits = HASH_BITS_MIN;
    while (bits < LZ4_PIXELS_HASH_BITS && 1u << bits < count) {
        bits++;
    }
    coder->shift = 64 - bits;
    coder->base = coder->next;
    coder->next += count;
}

size_t lz4_pixels_bound(uint32_t count)
{
    const size_t bytes = (size_t)count * 4;
    return bytes + bytes / 255 + 16 + COPY;
}

/* The bytes that follow a field that is full. */
static uint8_t *rest_put(uint8_t *out, size_t rest)
{
    const size_t full = rest / 255;
    memset(out, 255, full);
    out[full] = (uint8_t)(rest % 255);
    return out + full + 1;
}

ALWAYS_INLINE uint8_t *literals_copy(uint8_t *out, const uint8_t *from, size_t len, const uint8_t *end)
{
    if (len <= COPY && end - from >= (ptrdiff_t)COPY) {
        memcpy(out, from, COPY); /* of a size known here; what is too much is written again */
    } else {
        memcpy(out, from, len);
    }
    return out + len;
}

size_t lz4_pixels_block(Lz4Pixels *coder, const uint8_t *pixels, uint32_t from, uint32_t to, uint32_t width,
                        uint8_t *out)
{
    const LzUnit unit = LZ4_UNIT;
    const uint8_t *const start = out, *const end = pixels + (size_t)to * 4;
    uint32_t *const table = coder->table;
    const uint32_t base = coder->base;
    const unsigned shift = coder->shift;
    uint32_t i = from, literals = from, misses = 0;
    while (i < to && to - i >= PROBE + TAIL) {
        const uint8_t *at = pixels + (size_t)i * 4;
        const uint64_t here = load64(at);
        uint32_t *const entry = &table[here * HASH_FACTOR >> shift];
        uint32_t distance = base + i - *entry;
        *entry = base + i;
        /* 0 is no distance, and wraps. */
        const uint32_t reach = i < DISTANCE_MAX ? i : DISTANCE_MAX;
        const uint8_t *match = NULL;
        size_t length = 0;
        if (distance - 1 < reach && load64(at - (size_t)distance * 4) == here) {
            match = at - (size_t)distance * 4;
            length = units_equal(unit, at, match, end - 4 * TAIL);
        }
        if (width - 1 < reach && width != distance && load64(at - (size_t)width * 4) == here) {
            const uint8_t *other = at - (size_t)width * 4;
            const size_t more = units_equal(unit, at, other, end - 4 * TAIL);
            if (more > length) {
                length = more;
                distance = width;
                match = other;
            }
        }
        if (length < PROBE) { /* also if the pixels have changed since they were looked at */
            i += 1 + (misses++ >> SKIP_SHIFT);
            continue;
        }
        misses = 0;
        /* What was skipped, or hashed away, may match as well. */
        while (i > literals && i > distance && load32(at - 4) == load32(match - 4)) {
            at -= 4;
            match -= 4;
            i--;
            length++;
        }
        size_t plain = (size_t)(i - literals) * 4, coded = length * 4 - MATCH_MIN;
        if (plain > 0 && i > distance) {
            /* So may bytes of the last pixel that does not. */
            const size_t bytes = (size_t)__builtin_clz((load32(at - 4) ^ load32(match - 4)) | 1) / 8;
            plain -= bytes;
            coded += bytes;
        }
        *out++ =
            (uint8_t)((plain < FIELD_MAX ? plain : FIELD_MAX) << 4 | (coded < FIELD_MAX ? coded : FIELD_MAX));
        if (plain > 0) {
            if (plain >= FIELD_MAX) {
                out = rest_put(out, plain - FIELD_MAX);
            }
            out = literals_copy(out, pixels + (size_t)literals * 4, plain, end);
        }
        le16_put(out, (uint16_t)(distance * 4));
        out += 2;
        if (__builtin_expect(coded < FIELD_MAX + 255, 1)) {
            *out = (uint8_t)(coded - FIELD_MAX); /* if it is none, it is written again */
            out += coded >= FIELD_MAX;
        } else {
            out = rest_put(out, coded - FIELD_MAX);
        }
        i += (uint32_t)length;
        literals = i;
        /* The end of a match is a likely start of the next. */
        table[load64(pixels + ((size_t)i - 1) * 4) * HASH_FACTOR >> shift] = base + i - 1;
    }
    const size_t plain = (size_t)(to - literals) * 4;
    *out++ = (uint8_t)((plain < FIELD_MAX ? plain : FIELD_MAX) << 4);
    if (plain >= FIELD_MAX) {
        out = rest_put(out, plain - FIELD_MAX);
    }
    memcpy(out, pixels + (size_t)literals * 4, plain);
    return (size_t)(out - start) + plain;
}
