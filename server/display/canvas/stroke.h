/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stroke.h: lines one pixel wide, whole ones and dashed ones.
 *
 * Coordinates are any that 28.4 fixed point can say, so lines may be 2^28 pixels long; time is spent on what is visible of
 * them. All is integers: squares and products of lengths fit 128 bits.
 *
 * Source     reference/wire-protocol.md section 5.11.
 */
#pragma once

#include "display/canvas/draw.h"

typedef struct LinePoint {
    int64_t x, y; /* in pixels */
} LinePoint;

#define STROKE_LINE_STEPS 4u /* for a line of which nothing is seen */

/* Calls `each` for disjoint boxes that together are the line's pixels in `visible`; its last point is none of them. */
void line_each(LinePoint from, LinePoint to, const Box *visible, void (*each)(void *opaque, const Box *box),
               void *opaque);

/* A line that comes and goes. Its pixels are collected, for each counts once. */
typedef struct Dashes {
    uint8_t lengths[255]; /* in pixels: on, off, on, ...; not all are 0 */
    unsigned count;
    int64_t period; /* their sum */
    bool gap_first; /* the first length is what the last one was */

    Draw *draw; /* that pays for it */

    /* Where the polyline stands. */
    unsigned index; /* which length, */
    int64_t left;   /* how much of it is left */
    bool begun, first_on, before_on;
    LinePoint first_way, before_way; /* directions */

    /* What is collected: a bit for each pixel of `box`; those in `dirty` may be set. */
    uint8_t *bits;
    size_t bits_stride;
    Box box, dirty;
} Dashes;

void dashes_init(Dashes *dashes, const QxlLine *line);
void dashes_begin(Dashes *dashes);
/* STATUS_LIMIT: it takes too long. */
Status dashes_line(Dashes *dashes, LinePoint from, LinePoint to);
/* The polyline ends here, where it `closed` if that is where it began. */
void dashes_end(Dashes *dashes, LinePoint at, bool closed);
