/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* current.h: the current drawables: which are not on their canvases yet, and which need never be, because later ones cover
 * them.
 *
 * Canvases are drawn on when something needs their pixels, and when too much is pending. To bring one surface up to date,
 * a walk from the newest pending drawable to the oldest finds which are needed for it: those on the surface; those on
 * surfaces that these take pixels from; and those that take pixels which these are about to change. The rest stays
 * pending.
 *
 * A drawable that a later opaque one covers is dropped, from canvas and pipes, unless something between took pixels from
 * where it is: a copy on the surface, a picture of the surface elsewhere. Older drawables are found by the cell of the
 * surface that their first pixel lies in, so what is not near costs nothing.
 *
 * Scrolling is copies of copies, of which all but the last few leave nothing behind. Where there are many, a walk from the
 * newest to the oldest finds what can still be seen of each, and the canvas is spared the rest. A window that moves is
 * copies of copies, too, of which all can be seen. There, one that takes exactly what an older one put is folded into that:
 * the older one copies at once to where the newer one would have, the newer one has nothing to do any more. That is so only
 * if nothing between them touches either place, and if of the place in the middle nothing can be seen.
 *
 * Ownership  holds a reference to each pending drawable. Surfaces are the worker's.
 * Thread     the worker's.
 * Errors     a drawable that cannot be drawn, or not all of it, is gone, with a word to worker_fault() and to the clients.
 * Source     DESIGN section 7; reference/api-and-behaviour.md section 6.3.
 */
#pragma once

#include "display/drawable.h"

#define CURRENT_PENDING_MAX 1000u /* drawables; as the existing server */
#define CURRENT_PENDING_BYTES_MAX                                                                            \
    (64u                                                                                                     \
     << 20) /* bytes of drawables that wait for their canvas; what the guest could never exceed with its own memory */
#define CURRENT_PENDING_WORK_MAX                                                                             \
    (UINT64_C(32) << 20)        /* steps (canvas.h) to draw all that is pending, while a host waits: 0.7 s */
#define CURRENT_MOVES_MIN 32u   /* pending copies; fewer are not worth looking for what cannot be seen */
#define CURRENT_PRUNE_EACH 500u /* drawables between two such searches */
#define CURRENT_PICTURE_LOOKS 64u /* at newer drawables, for whether one lies on a picture */
#define CURRENT_COVERED_MAX                                                                                  \
    128u /* drawables looked at per cell when something covers it: bounds what a guest can cost */

typedef struct Current {
    RedWorker *worker;
    SurfaceTable *surfaces;
    CanvasSet set;
    ListNode pending; /* Drawable.in_pending, oldest first */
    uint32_t pending_len;
    uint64_t pending_bytes, pending_work;
    uint32_t pending_moves;          /* those that copy from their own surface */
    uint64_t number;                 /* of the newest drawable */
    uint64_t prune_at;               /* not before that number */
    uint64_t drawn, dropped, pruned; /* for figures, as: */
    uint64_t folded;                 /* copies that were folded into others */
    uint64_t looked;                 /* at older drawables, for what a new one covers */
} Current;

void current_init(Current *current, RedWorker *worker, SurfaceTable *surfaces, const QxlMemory *memory);
void current_finish(Current *current);

/* Takes a reference. */
void current_add(Current *current, Drawable *drawable);
/* Afterwards the canvas shows all that was drawn on it. */
void current_render(Current *current, uint32_t surface_id, uint64_t now_ns);
void current_render_all(Current *current, uint64_t now_ns);
/* Keeps to the limits. */
void current_trim(Current *current, uint64_t now_ns);
/* The surface goes: what others take from it is drawn now, what is pending for itself never. */
void current_forget(Current *current, uint32_t surface_id, uint64_t now_ns);
/* What this box of the surface shows, if that is the guest's own picture, which no canvas shows yet: true, and *ret are pixels
 * that lie in the guest's memory, until anything else is called. The box is the same place in *ret as on the canvas. */
bool current_picture(const Current *current, uint32_t surface_id, const pixman_box32_t *box, Raster *ret);
/* Nothing is pending any more, nor drawn. */
void current_clear(Current *current);
