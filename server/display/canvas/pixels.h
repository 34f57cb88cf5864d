/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pixels.h: runs of pixels: from one format to another, and combined bit by bit.
 *
 * A run has its pixels packed in a format's own width, except that those of one bit take a byte each, 0 or 1.
 *
 * Source     reference/wire-protocol.md sections 5.1, 5.2, 5.4, 5.10.
 */
#pragma once

#include "display/canvas/canvas.h"

#define RUN_PIXELS 512u /* pixels of a run at most */
#define RUN_BYTES (RUN_PIXELS * 4u)

typedef pixman_box32_t Box; /* x1 <= x < x2, y1 <= y < y2 */

/* Bytes of a pixel in a run. */
static inline unsigned run_pixel_bytes(pixman_format_code_t format)
{
    return PIXMAN_FORMAT_BPP(format) < 8 ? 1 : PIXMAN_FORMAT_BPP(format) / 8;
}

static inline uint8_t *raster_line(const Raster *raster, int64_t y)
{
    return raster->top + raster->stride * (ptrdiff_t)y;
}

/* Pixels x ... x+n-1 of a line of packed bits, bit 0 leftmost; or bit 7. */
void bits_to_run(const uint8_t *line, int64_t x, size_t n, uint8_t *run);
void high_bits_to_run(const uint8_t *line, size_t x, size_t n, uint8_t *run);
void bits_from_run(uint8_t *line, int64_t x, size_t n, const uint8_t *run);

/* `from` and `to` may be the same; `run` and `ret_run` may not overlap. */
void run_convert(pixman_format_code_t from, const uint8_t *run, pixman_format_code_t to, uint8_t *ret_run,
                 size_t n);
/* n pixels of this value. */
void run_fill(pixman_format_code_t format, uint32_t value, uint8_t *run, size_t n);

/* A code says what each bit becomes: bit (P << 2 | S << 1 | D) of it, for P of the brush, S of the source, D of what
 * was there. */
#define ROP_P 0xf0u
#define ROP_S 0xccu
#define ROP_D 0xaau

static inline bool rop_uses_p(uint8_t code)
{
    return ((code >> 4 ^ code) & 0x0f) != 0;
}

static inline bool rop_uses_s(uint8_t code)
{
    return ((code >> 2 ^ code) & 0x33) != 0;
}

static inline bool rop_uses_d(uint8_t code)
{
    return ((code >> 1 ^ code) & 0x55) != 0;
}

/* The code of a rop descriptor (SPICE_ROPD_*), given which operand comes first (ROP_P or ROP_S) and which bit inverts it
 * and the other, D. */
uint8_t rop_of_descriptor(uint16_t descriptor, uint8_t first, uint16_t invert_first, uint16_t invert_d);

/* What a code has no use for may be NULL. */
void rop_run(uint8_t code, uint8_t *d, const uint8_t *s, const uint8_t *p, size_t bytes);
