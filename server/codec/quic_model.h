/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic_model.h: what encoder and decoder of QUIC must do in the same way. Inside codec/ only.
 *
 * A QuicPlane is what shares one coder state: red, green and blue, or alpha, or gray. Its pixels are widened to 32 bits:
 * blue (or the only channel) in the low byte, green and red above it, the fourth byte 0. So are its residuals, which
 * are computed for blocks of pixels, all channels at once.
 */
#pragma once

#include "codec/source.h"

#define QUIC_MAGIC 0x43495551u
#define QUIC_HEADER_WORDS 5u
#define QUIC_CODE_MAX 26u /* bits of the longest codeword */
#define QUIC_BUCKETS 8u
#define QUIC_CODES 8u

typedef enum QuicType {
    QUIC_GRAY = 1,
    QUIC_RGB16 = 2,
    QUIC_RGB24 = 3,
    QUIC_RGB32 = 4,
    QUIC_RGBA = 5,
} QuicType;

#define QUIC_ALWAYS_INLINE static inline __attribute__((always_inline))

typedef uint32_t QuicVector __attribute__((vector_size(16)));
typedef int32_t QuicSigned
    __attribute__((vector_size(16))); /* what SSE2 can compare; counters never get so large */

/* The Golomb-Rice codes for values of `bits` bits; code `l` codes the low l bits as they are. */
typedef struct QuicCodes {
    unsigned bits;
    uint32_t word[QUIC_CODES][256]; /* of a value: the codeword, shifted left by 5, and its length */
    /* Of a value, what it adds to a bucket's counters (below). */
    QuicVector cost[256][2];
    QuicVector unused[2];
    /* For decoding with code l: up to how many leading zeros the Rice part has, where the other part starts, how many
     * bits follow its zeros. */
    uint8_t zeros[QUIC_CODES], rest_bits[QUIC_CODES];
    uint8_t rice_end[QUIC_CODES];
    uint8_t bucket[256];
} QuicCodes;

void quic_codes_init(QuicCodes *codes, unsigned bits);

/* How long the values after a context were, by each code: for code l the counter of bits is in lane bits - 1 - l as
 * counter * 8 + lane. So the least lane is the best code, and of equal ones that with the larger l. */
typedef struct QuicBucket {
    QuicVector lane[2];
} QuicBucket;

/* Pixels of a row from `start` on, at most QUIC_BLOCK, and what bit i says of pixel start + i. */
#define QUIC_BLOCK 64u

typedef struct QuicBlock {
    uint32_t start, end;
    uint64_t same; /* it equals its left neighbor */
    uint64_t runs; /* a run may begin with it */
} QuicBlock;

typedef struct QuicPlane {
    uint32_t width;
    const QuicCodes *codes;

    uint32_t wait; /* pixels still to code before the next look at the model */
    uint32_t seed;
    uint32_t mask_index;
    uint32_t mask_left; /* pixels until mask_index grows */
    uint32_t trigger;   /* counters above are halved */
    uint32_t run_state;

    QuicBucket buckets[3][QUIC_BUCKETS];
    const uint32_t *best[3][QUIC_BUCKETS]; /* a bucket's best code: a row of codes->word */

    uint32_t *row, *above; /* pixels */
    QuicBlock block;       /* (encoder) */
    uint32_t *residuals;   /* of the row, made up to the block's end (encoder) */
    uint32_t *contexts; /* contexts[x + 1]: the residual last coded at x; contexts[0] for the first pixel */
} QuicPlane;

/* Bytes of the rows of a plane. */
uint64_t quic_plane_bytes(uint32_t width);
/* `rows` has quic_plane_bytes(). */
void quic_plane_init(QuicPlane *plane, const QuicCodes *codes, unsigned channels, uint32_t width, void *rows);
/* To be called before a row but the first. */
void quic_plane_turn(QuicPlane *plane);

uint32_t quic_mask_next(QuicPlane *plane);
void quic_mask_grow(QuicPlane *plane);
#define QUIC_MASK_INDEX_MAX 6u
#define QUIC_RUN_STATE_MAX 31u

/* In a run-length code of this state, bits of the remainder; a one in front of it counts 2 to this power. */
static inline unsigned quic_run_bits(uint32_t run_state)
{
    static const uint8_t bits[QUIC_RUN_STATE_MAX + 1] = {
        0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return bits[run_state];
}

/* Pixels to wait before the next update. */
static inline uint32_t quic_wait_next(QuicPlane *plane, uint32_t mask)
{
    return quic_mask_next(plane) & mask;
}

/* The channel's byte of widened pixels, in coding order. */
QUIC_ALWAYS_INLINE unsigned quic_shift(unsigned channels, unsigned channel)
{
    return 8 * (channels - 1 - channel);
}

static inline QuicVector quic_min(QuicVector a, QuicVector b)
{
    const QuicVector less = (QuicVector)((QuicSigned)a < (QuicSigned)b);
    return (a & less) | (b & ~less);
}

#ifdef __clang__
#define QUIC_SHUFFLE(v, a, b, c, d) __builtin_shufflevector(v, v, a, b, c, d)
#else
#define QUIC_SHUFFLE(v, a, b, c, d) __builtin_shuffle(v, (QuicVector){a, b, c, d})
#endif

/* Learns that `value` was coded after a context. */
static inline void quic_bucket_update(QuicPlane *plane, unsigned channel, unsigned context, unsigned value)
{
    const QuicCodes *codes = plane->codes;
    const unsigned index = codes->bucket[context];
    QuicBucket *bucket = &plane->buckets[channel][index];
    const QuicVector low = bucket->lane[0] + codes->cost[value][0];
    const QuicVector high = bucket->lane[1] + codes->cost[value][1];
    bucket->lane[0] = low;
    bucket->lane[1] = high;
    QuicVector least = quic_min(low, high);
    least = quic_min(least, QUIC_SHUFFLE(least, 2, 3, 0, 1));
    least = quic_min(least, QUIC_SHUFFLE(least, 1, 0, 3, 2));
    plane->best[channel][index] = codes->word[codes->bits - 1 - least[0] % 8];
    if (least[0] / 8 > plane->trigger) {
        const QuicVector lanes = {7, 7, 7, 7};
        bucket->lane[0] = (low >> 1 & ~lanes) | (low & lanes) | codes->unused[0];
        bucket->lane[1] = (high >> 1 & ~lanes) | (high & lanes) | codes->unused[1];
    }
}

/* Learns from the pixel at x. */
QUIC_ALWAYS_INLINE void quic_update(QuicPlane *plane, unsigned channels, uint32_t x)
{
    const uint32_t before = plane->contexts[x], now = plane->contexts[x + 1];
    for (unsigned channel = 0; channel < channels; channel++) {
        const unsigned shift = quic_shift(channels, channel);
        quic_bucket_update(plane, channel, before >> shift & 0xff, now >> shift & 0xff);
    }
}

/* The average of each byte of two pixels, rounded down. */
QUIC_ALWAYS_INLINE uint32_t quic_average(uint32_t a, uint32_t b)
{
    return (a & b) + ((a ^ b) >> 1 & 0x7f7f7f7f);
}
