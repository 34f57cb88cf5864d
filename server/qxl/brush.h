/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* brush.h: what a drawable paints with (QXLBrush), and which pixels it may touch (QXLQMask).
 *
 * Ownership  all of it lies in the arena of its drawable.
 * Units      pixels. Positions are any 32 bits: whoever adds to them does so in 64.
 * Source     reference/wire-protocol.md sections 5.3, 5.5, 6.6.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "qxl/image.h"

typedef struct QxlBrush {
    uint8_t type;   /* SPICE_BRUSH_TYPE_NONE, _SOLID or _PATTERN */
    uint32_t color; /* SOLID: 0x00RRGGBB, or a pixel of a 16-bit surface; a compat guest's 555 is widened */
    const QxlImage *pattern;
    QXLPoint pattern_pos; /* where on the surface the pattern's first pixel lies */
} QxlBrush;

/* The image is a bitmap of a bit per pixel without palette, or a surface of format 1_A. */
typedef struct QxlMask {
    const QxlImage *image; /* NULL: no mask, and nothing else counts */
    bool inverse;
    QXLPoint pos; /* which of the mask's pixels belongs to the box's first */
} QxlMask;
