/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* surfaces.h: the surfaces of one device: which exist, and the guest's commands that made them.
 *
 *   absent -> created -> absent      every other step is refused (I35)
 *
 * Surface 0 is the primary, made by the host; the others are made and destroyed by the guest's commands. The command that
 * made a surface is kept until the surface goes, as devices save it with the machine.
 *
 * The pixels of a surface lie where the guest said. When that memory is taken away while the surface stays, they move to
 * memory of ours, so that clients go on seeing what they saw.
 *
 * Ownership  the table owns its array; the worker gives held commands back to the device.
 * Thread     the worker's.
 * Errors     STATUS_DEVICE_FAULT: an id that is none or in use, a geometry that cannot be drawn on. STATUS_LIMIT: no memory.
 * Source     reference/wire-protocol.md section 3.2.4, reference/api-and-behaviour.md section 6.2.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "base/list.h"
#include "core/core.h"
#include "display/canvas/canvas.h"
#include "qxl/surface.h"

#define SURFACES_MAX 1024u /* surfaces of a device; the protocol's */
#define SURFACE_PRIMARY 0u

/* A command that the device lent us, to be given back once. */
typedef struct HeldCommand {
    QXLReleaseInfoExt release; /* info NULL: none is held */
    uint32_t slot;             /* the memslot, of the group in `release`, that it lies in */
} HeldCommand;

/* Where pixels were taken from, and by which drawable. */
typedef struct SurfaceRead {
    uint64_t number;
    pixman_box32_t box;
} SurfaceRead;

#define SURFACE_DIRTY_RECTS_MAX                                                                              \
    64u                       /* rectangles; more become the one around them: guests copy in few strokes */
#define SURFACE_READS_MAX 16u /* remembered; what is older than those counts as read everywhere */
#define SURFACE_CELLS_MAX 32u /* of a side: drawables are found by the cell that their first pixel lies in */
#define SURFACE_CELL_SHIFT_MIN                                                                               \
    6u /* log2 of pixels: a cell is no smaller than a line of text is high, and then some */

typedef struct Surface {
    uint64_t generation; /* 0: absent; else no two surfaces have the same */
    QxlGeometry geometry;
    HeldCommand create;
    Canvas canvas;
    uint32_t group, slot;    /* of the memory that the pixels lie in */
    void *own_pixels;        /* NULL: they lie there */
    pixman_region32_t dirty; /* drawn, and not reported to the guest yet */
    pixman_box32_t touched;  /* all that was ever drawn: the rest is zero; empty: nothing was */
    ListNode *cells; /* of drawables that may still be dropped (current.h); NULL: none so far, or no memory */
    uint32_t cells_x, cells_y; /* how many */
    uint32_t cell_shift_x, cell_shift_y;
    SurfaceRead reads[SURFACE_READS_MAX]; /* a ring, by reads_len */
    uint64_t reads_len;
} Surface;

typedef struct SurfaceTable {
    const Core *core;
    Surface *surfaces;
    uint32_t len;
    uint64_t generation; /* of the newest */
    size_t own_bytes;    /* of all own_pixels */
} SurfaceTable;

/* Where the guest wants the pixels. */
typedef struct SurfacePixels {
    uintptr_t host; /* all of them lie in one memslot */
    uint32_t group, slot;
    bool keep; /* they mean something already; else they are cleared */
} SurfacePixels;

void surfaces_init(SurfaceTable *table, const Core *core, uint32_t len); /* at most SURFACES_MAX are made */
void surfaces_finish(SurfaceTable *table);                               /* none is held any more */

/* NULL: absent, or no such id. */
Surface *surfaces_find(const SurfaceTable *table, uint32_t id);
Status surfaces_create(SurfaceTable *table, uint32_t id, const QxlGeometry *geometry,
                       const SurfacePixels *pixels, Surface **ret_surface,
                       QxlFault *ret_fault) STATUS_MUST_CHECK;
/* What was held for it is the caller's to give back; no drawable is in its cells any more. */
void surfaces_destroy(SurfaceTable *table, Surface *surface);

/* Its pixels move to memory of ours. STATUS_LIMIT: there is none, or all surfaces together have SURFACES_OWN_BYTES_MAX
 * (base/limits.h): nothing has changed. */
Status surface_move(SurfaceTable *table, Surface *surface) STATUS_MUST_CHECK;
/* Something was drawn there. */
void surface_touch(Surface *surface, const pixman_box32_t *box);
