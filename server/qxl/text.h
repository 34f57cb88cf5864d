/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h: glyphs, as bits or as alpha, each at its place (QXLString).
 *
 * Ownership  all of it lies in the arena of its drawable.
 * Units      pixels. Where a glyph lies (render_pos + glyph_origin, and its far corner) fits 32 bits.
 * Source     reference/wire-protocol.md sections 3.2.1, 5.12, 6.6.
 */
#pragma once

#include <stdint.h>

#include <spice/qxl_dev.h>

typedef struct QxlGlyph {
    QXLPoint render_pos, glyph_origin;
    uint16_t width, height; /* either may be 0 */
    uint32_t row_bytes;
    const uint8_t *rows; /* height * row_bytes */
} QxlGlyph;

typedef struct QxlString {
    uint8_t flags;        /* one of SPICE_STRING_FLAGS_RASTER_A1, _A4, _A8; perhaps _TOP_DOWN */
    uint16_t count;       /* of glyphs, may be 0 */
    unsigned depth;       /* bits per pixel: 1, 4, 8 */
    uint32_t glyph_bytes; /* of all rows together */
    const QxlGlyph *glyphs;
} QxlString;
