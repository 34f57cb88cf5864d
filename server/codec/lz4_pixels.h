/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4_pixels.h: LZ4 blocks of 32-bit pixels. Inside codec/ only.
 *
 * liblz4 looks for matches of bytes, at every byte. Those of an image of 4-byte pixels begin and end at pixels: looking at
 * these alone is faster and finds more in the same time, as the pixels above.
 * Source  the LZ4 block format; of its end-of-block rules, the last 8 bytes are literals here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LZ4_PIXELS_HASH_BITS 12u

/* Where pixels were seen in the image; 0 also where nothing was. Small images use, and clear, a part of it. */
typedef struct Lz4Pixels {
    unsigned shift;
    uint32_t table[1u << LZ4_PIXELS_HASH_BITS];
} Lz4Pixels;

/* Before the blocks of an image of `count` pixels. */
void lz4_pixels_begin(Lz4Pixels *coder, uint32_t count);

/* Bytes that lz4_pixels_block() may touch, behind those it returns, too. */
size_t lz4_pixels_bound(uint32_t count);
/* Codes pixels `from` to `to` of the image at `pixels` as a block that refers to all before them. Returns its bytes. */
size_t lz4_pixels_block(Lz4Pixels *coder, const uint8_t *pixels, uint32_t from, uint32_t to, uint32_t width,
                        uint8_t *out);
