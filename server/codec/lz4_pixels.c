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
#define WIDE 16u      /* pixels that are compared at once */

void lz4_pixels_begin(Lz4Pixels *coder, uint32_t count)
{
    unsigned bits = HASH_BITS_MIN;
    while (bits < LZ4_PIXELS_HASH_BITS && 1u << bits < count / 2) {
        bits++;
    }
    coder->shift = 64 - bits;
    memset(coder->table, 0, sizeof(coder->table[0]) << bits);
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

/* What is looked for in a block, and how far it is. Few branches depend on pixels, as nobody could predict them. */
typedef struct Search {
    const uint8_t *pixels, *end; /* of the image, of the block */
    uint32_t *table;
    unsigned shift;
    uint32_t width;
    uint32_t i, literals; /* pixels: the next one, and the first that is not coded */
    uint8_t *out;
} Search;

typedef struct Match {
    uint32_t length, distance; /* pixels */
} Match;

/* The match at `at`, whose first WIDE pixels are known to be one. */
ALWAYS_INLINE Match match_on(const Search *s, const uint8_t *at, uint32_t distance)
{
    const uint8_t *const on = at + (size_t)WIDE * 4, *const end = s->end - (size_t)TAIL * 4;
    return (Match){WIDE + (uint32_t)units_equal(LZ_UNIT_WHOLE, on, on - (size_t)distance * 4, end), distance};
}

/* The longer match of that with the last place that looked the same, and that with the pixels above. */
ALWAYS_INLINE Match match_find(const Search *s, bool is_wide, bool has_above)
{
    const uint32_t i = s->i, width = s->width;
    const uint8_t *const at = s->pixels + (size_t)i * 4;
    uint32_t *const entry = &s->table[load64(at) * HASH_FACTOR >> s->shift];
    const size_t place = *entry;
    const uint8_t *const there = s->pixels + place * 4;
    const uint32_t distance = i - (uint32_t)place;
    const bool is_near = distance - 1 < DISTANCE_MAX; /* 0 is no distance, and wraps */
    *entry = i;
    if (is_wide) {
        uint32_t more = 0;
        if (has_above) {
            more = (uint32_t)__builtin_ctz(~units_same16(LZ_UNIT_WHOLE, at, at - (size_t)width * 4));
            if (more == WIDE) { /* long enough: not to wait for the table is worth more */
                return match_on(s, at, width);
            }
        }
        const uint32_t same = units_same16(LZ_UNIT_WHOLE, at, there) & (0 - (uint32_t)is_near);
        const uint32_t length = (uint32_t)__builtin_ctz(~same);
        if (__builtin_expect(length == WIDE, 0)) {
            return match_on(s, at, distance);
        }
        return (Match){more > length ? more : length, more > length ? width : distance};
    }
    const uint8_t *const end = s->end - (size_t)TAIL * 4;
    Match match = {0};
    if (is_near) {
        match = (Match){(uint32_t)units_equal(LZ_UNIT_WHOLE, at, there, end), distance};
    }
    if (has_above && i >= width) {
        const uint32_t more = (uint32_t)units_equal(LZ_UNIT_WHOLE, at, at - (size_t)width * 4, end);
        match = more > match.length ? (Match){more, width} : match;
    }
    return match;
}

ALWAYS_INLINE void match_put(Search *s, Match match, bool has_literals)
{
    const uint32_t distance = match.distance;
    const uint8_t *const literals = s->pixels + (size_t)s->literals * 4;
    uint8_t *out = s->out;
    size_t plain = 0, coded = (size_t)match.length * 4 - MATCH_MIN;
    if (has_literals) {
        uint32_t i = s->i;
        const uint8_t *at = s->pixels + (size_t)i * 4, *from = at - (size_t)distance * 4;
        /* What was skipped, or hashed away, may match as well. */
        while (i > s->literals && i > distance && load32(at - 4) == load32(from - 4)) {
            at -= 4;
            from -= 4;
            i--;
            coded += 4;
        }
        plain = (size_t)(i - s->literals) * 4;
        if (plain > 0 && i > distance) {
            /* So may bytes of the last pixel that does not. */
            const size_t bytes = (size_t)__builtin_clz((load32(at - 4) ^ load32(from - 4)) | 1) / 8;
            plain -= bytes;
            coded += bytes;
        }
    }
    *out++ =
        (uint8_t)((plain < FIELD_MAX ? plain : FIELD_MAX) << 4 | (coded < FIELD_MAX ? coded : FIELD_MAX));
    if (has_literals) {
        if (plain >= FIELD_MAX) {
            out = rest_put(out, plain - FIELD_MAX);
        }
        out = literals_copy(out, literals, plain, s->end);
    }
    le16_put(out, (uint16_t)(distance * 4));
    out += 2;
    if (__builtin_expect(coded < FIELD_MAX + 255, 1)) {
        *out = (uint8_t)(coded - FIELD_MAX); /* if it is none, it is written again */
        out += coded >= FIELD_MAX;
    } else {
        out = rest_put(out, coded - FIELD_MAX);
    }
    s->out = out;
    const uint32_t next = s->i + match.length;
    s->i = next;
    s->literals = next;
    /* The end of a match is a likely start of the next. */
    s->table[load64(s->pixels + ((size_t)next - 1) * 4) * HASH_FACTOR >> s->shift] = next - 1;
}

/* Codes what begins before `to`. `is_wide`: WIDE pixels and the tail follow each of these; `has_above`: they have some above
 * them, or, if it is not wide, may have. */
ALWAYS_INLINE void search(Search *s, uint32_t to, bool is_wide, bool has_above)
{
    while (s->i < to) {
        uint32_t misses = 0;
        if (s->i == s->literals) {
            const Match match = match_find(s, is_wide, has_above);
            if (match.length >= PROBE) {
                match_put(s, match, false);
                continue;
            }
            s->i += 1 + (misses++ >> SKIP_SHIFT);
        }
        while (s->i < to) {
            const Match match = match_find(s, is_wide, has_above);
            if (match.length >= PROBE) {
                match_put(s, match, true);
                break;
            }
            s->i += 1 + (misses++ >> SKIP_SHIFT);
        }
    }
}

size_t lz4_pixels_block(Lz4Pixels *coder, const uint8_t *pixels, uint32_t from, uint32_t to, uint32_t width,
                        uint8_t *out)
{
    Search s = {
        .pixels = pixels,
        .end = pixels + (size_t)to * 4,
        .table = coder->table,
        .shift = coder->shift,
        .width = width,
        .i = from,
        .literals = from,
        .out = out,
    };
    const bool is_narrow = width <= DISTANCE_MAX;
    const uint32_t wide_to = to > WIDE + TAIL ? to - (WIDE + TAIL) + 1 : 0;
    search(&s, is_narrow && width < wide_to ? width : wide_to, true, false);
    search(&s, wide_to, true, true);
    search(&s, to > PROBE + TAIL ? to - (PROBE + TAIL) + 1 : 0, false, is_narrow);
    const size_t plain = (size_t)(to - s.literals) * 4;
    uint8_t *end = s.out;
    *end++ = (uint8_t)((plain < FIELD_MAX ? plain : FIELD_MAX) << 4);
    if (plain >= FIELD_MAX) {
        end = rest_put(end, plain - FIELD_MAX);
    }
    memcpy(end, pixels + (size_t)s.literals * 4, plain);
    return (size_t)(end - out) + plain;
}
