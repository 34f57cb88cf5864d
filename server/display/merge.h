/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* merge.h: drawables that travel to a client as one.
 *
 * A host without QXL compares its picture with the one before, column by column, and gives us each column that differs as
 * a copy of its own: dozens in one tick, side by side. Each would cost a message with a header, and an image that is coded
 * by itself. Neighbours in the order of the surface, with nothing between them, whose boxes together are a rectangle, are
 * joined: plain copies of pixels in memory, which read nothing that is drawn and leave nothing behind at the client. Only
 * strips are: to copy the pixels of a large picture costs more than a message of its own.
 *
 * Ownership  a Merge borrows its drawables; a JoinedCopy is its maker's, and has its own pixels.
 * Thread     the worker's.
 * Units      bytes of pixels.
 * Errors     NULL: no memory; they can be sent one by one.
 * Source     DESIGN section 7: Order.
 */
#pragma once

#include "display/drawable.h"

#define MERGE_DRAWABLES_MAX 128u /* a screen of 4096 pixels in columns of 32, read in one turn (rings.h) */

#define MERGE_SIDE_MAX 64 /* pixels; the shorter side of each: a host's columns are of 32 */

typedef struct Merge {
    Drawable *drawables[MERGE_DRAWABLES_MAX];
    uint32_t count;
    pixman_box32_t box; /* of all of them together */
    uint32_t bytes_max;
} Merge;

typedef struct JoinedCopy JoinedCopy;

/* The first; it need not be of the kind that others can join. */
void merge_begin(Merge *merge, Drawable *drawable, uint32_t bytes_max);
/* The next. False: it does not belong to them. */
bool merge_add(Merge *merge, Drawable *drawable);

JoinedCopy *merge_join(const Merge *merge, const Core *core);
const QxlDrawable *joined_copy_drawable(const JoinedCopy *joined);
void joined_copy_free(JoinedCopy *joined, const Core *core);
