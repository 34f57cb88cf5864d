/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* path.h: what a drawable strokes (QXLPath), and the dashes to stroke it with (QXLLineAttr).
 *
 * A path can be walked without further checks: a segment that begins a polyline has a point to begin with; Bezier points
 * come in threes and only after a first point; only a polyline that has points is closed.
 *
 * Ownership  all of it lies in the arena of its drawable.
 * Units      pixels in 28.4 fixed point, any 32 bits.
 * Source     reference/wire-protocol.md sections 5.11, 6.6.
 */
#pragma once

#include <stdbool.h>

#include <spice/qxl_dev.h>

typedef struct QxlPathSegment {
    uint8_t flags;  /* of SPICE_PATH_BEGIN, _END, _CLOSE, _BEZIER */
    uint32_t count; /* of points, may be 0 */
    const QXLPointFix *points;
} QxlPathSegment;

typedef struct QxlPath {
    const QxlPathSegment *segments;
    uint32_t count;  /* of segments, may be 0 */
    uint32_t points; /* in all segments together */
} QxlPath;

typedef struct QxlLine {
    uint8_t flags;       /* of SPICE_LINE_FLAGS_STYLED and _START_WITH_GAP */
    uint8_t dash_count;  /* STYLED: at least 1; else 0 */
    const int32_t *dash; /* none is negative; in whole pixels, cut to 8 bits, their sum is not 0 */
} QxlLine;

/* A length or coordinate in whole pixels, as renderers round them. */
static inline int32_t qxl_fixed_round(int32_t fixed)
{
    return (fixed >> 4) + ((fixed & 15) > 8);
}
