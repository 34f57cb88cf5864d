/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/quic_model.h"

/* Pixels around a row of pixels that may be read, but do not count. */
#define ROW_BEFORE 8u
#define ROW_BEHIND QUIC_BLOCK
#define MASK_PIXELS 2048u

/* The format's own sequence of numbers. It has 32 bits for each; never more than these are used. */
static const uint8_t mask_numbers[256] = {
    2,  23, 19, 21, 7,  18, 40, 14, 12, 32, 47, 44, 36, 6,  18, 11, 4,  19, 42, 29, 16, 63, 57, 51, 16, 3,
    5,  14, 15, 30, 20, 9,  36, 45, 3,  57, 61, 0,  8,  5,  41, 14, 43, 27, 43, 59, 31, 35, 39, 60, 42, 38,
    13, 54, 62, 1,  26, 3,  11, 61, 52, 34, 7,  48, 4,  59, 22, 12, 22, 8,  50, 4,  10, 6,  44, 8,  11, 46,
    31, 51, 53, 17, 1,  43, 46, 60, 36, 54, 10, 27, 39, 44, 22, 41, 23, 2,  44, 0,  40, 53, 40, 48, 16, 43,
    32, 28, 33, 12, 20, 2,  56, 62, 55, 58, 18, 20, 13, 55, 38, 29, 57, 19, 49, 33, 47, 63, 59, 0,  35, 61,
    19, 25, 46, 38, 60, 4,  35, 1,  26, 40, 28, 10, 5,  14, 25, 18, 48, 49, 20, 59, 62, 34, 46, 7,  33, 52,
    34, 58, 9,  29, 8,  55, 62, 60, 37, 36, 37, 50, 6,  3,  10, 28, 48, 24, 26, 61, 57, 30, 11, 54, 2,  6,
    50, 47, 7,  17, 35, 53, 32, 12, 23, 17, 5,  21, 49, 55, 51, 45, 52, 27, 39, 25, 39, 63, 22, 24, 42, 52,
    56, 38, 41, 41, 56, 32, 13, 24, 26, 51, 27, 56, 58, 37, 24, 42, 15, 28, 17, 30, 31, 15, 16, 23, 25, 54,
    33, 34, 1,  29, 31, 50, 53, 21, 49, 15, 47, 9,  0,  58, 37, 45, 30, 13, 9,  45, 63, 21,
};

static const uint16_t triggers[QUIC_MASK_INDEX_MAX + 1] = {110, 550, 900, 800, 550, 400, 350};

static unsigned log2_up(uint32_t value)
{
    unsigned bits = 0;
    while (1u << bits < value) {
        bits++;
    }
    return bits;
}

void quic_codes_init(QuicCodes *codes, unsigned bits)
{
    const uint32_t values = 1u << bits;
    memset(codes, 0, sizeof(*codes));
    codes->bits = bits;
    for (unsigned l = 0; l < bits; l++) {
        const unsigned lane = bits - 1 - l;
        const uint32_t longest = QUIC_CODE_MAX - bits, all = (1u << (bits - l)) - 1;
        const uint32_t zeros = longest < all ? longest : all;
        const uint32_t rice_end = zeros << l;
        const unsigned rest_bits = log2_up(values - rice_end);
        codes->zeros[l] = (uint8_t)zeros;
        codes->rest_bits[l] = (uint8_t)rest_bits;
        codes->rice_end[l] = (uint8_t)rice_end;
        for (uint32_t n = 0; n < values; n++) {
            const bool rice = n < rice_end;
            const uint32_t length = rice ? (n >> l) + 1 + l : zeros + rest_bits;
            const uint32_t word = rice ? 1u << l | (n & ((1u << l) - 1)) : n - rice_end;
            codes->word[l][n] = word << 5 | length;
            codes->cost[n][lane / 4][lane % 4] = length * 8;
        }
    }
    for (unsigned lane = bits; lane < QUIC_CODES; lane++) {
        codes->unused[lane / 4][lane % 4] = 1u << 30;
    }
    for (uint32_t n = 0; n < values; n++) {
        unsigned bucket = 0;
        while (bucket + 1 < bits && (2u << bucket) - 1 <= n) {
            bucket++;
        }
        codes->bucket[n] = (uint8_t)bucket;
    }
}

uint64_t quic_plane_bytes(uint32_t width)
{
    return 4 * ((uint64_t)ROW_BEFORE + width + ROW_BEHIND) * sizeof(uint32_t);
}

void quic_plane_init(QuicPlane *plane, const QuicCodes *codes, unsigned channels, uint32_t width, void *rows)
{
    uint32_t *row = (uint32_t *)rows + ROW_BEFORE;
    const size_t step = (size_t)ROW_BEFORE + width + ROW_BEHIND;
    memset(plane, 0, sizeof(*plane));
    plane->width = width;
    plane->codes = codes;
    plane->seed = 0xff;
    plane->mask_left = MASK_PIXELS;
    plane->trigger = triggers[0];
    for (unsigned channel = 0; channel < channels; channel++) {
        for (unsigned i = 0; i < QUIC_BUCKETS; i++) {
            plane->buckets[channel][i].lane[0] = (QuicVector){0, 1, 2, 3} | codes->unused[0];
            plane->buckets[channel][i].lane[1] = (QuicVector){4, 5, 6, 7} | codes->unused[1];
            plane->best[channel][i] = codes->word[codes->bits - 1];
        }
    }
    row[-1] = 0;
    memset(row + width, 0, (ROW_BEFORE + ROW_BEHIND) * sizeof(*row));
    memset(row + step + width, 0, ROW_BEHIND * sizeof(*row));
    plane->row = row;
    plane->above = row + step;
    plane->residuals = row + 2 * step;
    plane->contexts = row + 3 * step;
    plane->contexts[0] = 0;
}

void quic_plane_turn(QuicPlane *plane)
{
    uint32_t *row = plane->row;
    plane->row = plane->above;
    plane->above = row;
    plane->contexts[0] = plane->contexts[1];
}

uint32_t quic_mask_next(QuicPlane *plane)
{
    plane->seed++;
    return mask_numbers[plane->seed & 0xff];
}

void quic_mask_grow(QuicPlane *plane)
{
    plane->mask_index++;
    plane->trigger = triggers[plane->mask_index];
    plane->mask_left = MASK_PIXELS;
}
