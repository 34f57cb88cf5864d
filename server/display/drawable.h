/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawable.h: Drawable, a drawing command that something still needs: the canvas that has not executed it, pipes of
 * clients that were not sent it, bytes on their way that lie in its pixels.
 *
 * A drawable whose pixels lie in guest memory keeps the guest's command until it goes, or until its pixels are copied
 * (drawable_let_go()); any other gave it back before it came here. Somebody who finds that nobody will look at it any
 * more (it is covered) says drawable_drop(): it stays where it waits, as an empty shell that is skipped.
 *
 * It is a PipeItem, whose references it uses: one for the canvas, one for each pipe, one for each hold.
 *
 * Ownership  as said. The worker owns the list that all of them are in.
 * Thread     the worker's.
 * Units      pixels; bytes.
 */
#pragma once

#include <pixman.h>

#include "base/list.h"
#include "display/boxes.h"
#include "display/encode/shared.h"
#include "display/surfaces.h"
#include "qxl/drawable.h"
#include "session/pipe.h"

#define DRAWABLE_READS_MAX 4u

typedef struct QXLState RedWorker;

/* Pixels that a drawable takes from elsewhere than where it puts them. */
typedef struct DrawableRead {
    uint32_t surface_id;
    pixman_box32_t box;
} DrawableRead;

/* What it comes to together with others (merge.h), whose numbers these are. */
typedef struct DrawableJoin {
    Shared *shared;
    uint32_t count;
    uint64_t numbers[];
} DrawableJoin;

typedef struct Drawable {
    PipeItem item;
    RedWorker *worker;
    QxlDrawable *qxl; /* NULL: dropped, and nobody is sending it */
    HeldCommand held;
    /* Bytes of guest memory that come free when that is given back: around the command, and of pixels in memslots of its group,
     * one bit for each (id mod WORKER_PIN_SLOTS). */
    uint64_t pinned, pinned_pixels, pixel_slots;
    uint64_t number;     /* in the order of the guest, from 1 */
    uint64_t generation; /* of the surface that it draws on */
    uint32_t surface_id;
    pixman_box32_t extents; /* what it can touch: of box and clip; may be empty */
    bool opaque;            /* what it touches is as it says, whatever was there before */
    bool blends;            /* what it makes of a pixel depends on what was there */
    bool moves;             /* it copies from the surface that it draws on: QXL_COPY_BITS */
    int32_t move_x, move_y; /* from where to here */
    pixman_box32_t
        lands;   /* `extents`; of a copy, where on the canvas copies that followed it took that (current.h) */
    bool looked; /* it is known whether it is a photograph: */
    DrawPhoto photo; /* draw_encoder_photo() */
    bool pending;    /* not on its canvas yet */
    bool dropped;    /* to be skipped, wherever it waits */
    DrawableRead reads[DRAWABLE_READS_MAX];
    uint32_t read_count;
    uint64_t bytes; /* of memory, ours or the guest's, that it costs to keep it */
    uint64_t work;  /* to draw it, in steps (canvas.h) */
    uint32_t holds; /* bytes that lie in it are on their way */
    Shared *shared; /* its pictures, as clients were sent them; NULL: none was, or nobody else waits for it */
    DrawableJoin *join; /* the same, of it and some that follow */
    ListNode in_worker, in_pending, in_cell;
} Drawable;

/* Takes `qxl` and the command that is held for it. `type` says how a pipe commits it. */
Drawable *drawable_new(RedWorker *worker, ListNode *all, const PipeItemType *type, QxlDrawable *qxl,
                       HeldCommand *take_command, const Surface *surface);
/* For PipeItemType.free. */
void drawable_free(PipeItem *item);

static inline Drawable *drawable_of(PipeItem *item)
{
    return list_entry(item, Drawable, item);
}

/* Nobody will draw it: what nobody is sending goes at once. */
void drawable_drop(Drawable *drawable);
/* Copies its pixels and gives the command back. Nothing on its way may lie in it. STATUS_LIMIT: no memory. */
Status drawable_let_go(Drawable *drawable) STATUS_MUST_CHECK;

/* Bytes that it keeps of this memslot (mod WORKER_PIN_SLOTS) of its command's group; all of them in each if its pixels lie in
 * several. */
uint64_t drawable_pins(const Drawable *drawable, uint32_t slot);

/* Its pixels are on their way, until the release. */
void *drawable_hold(Drawable *drawable);
void drawable_release(void *drawable);

/* For who has just taken it from a pipe: is it in another one, too? */
bool drawable_is_awaited(const Drawable *drawable);
/* What was coded for others; nobody waits for it any more. */
static inline bool drawable_has_codings(const Drawable *drawable)
{
    return drawable->shared != NULL || drawable->join != NULL;
}

void drawable_forget_codings(Drawable *drawable);

/* Would it lose something, if it may? (draw_encoder.h; looked at once) */
bool drawable_can_lose(Drawable *drawable);
/* It puts pixels of a surface, as they are, where read->box moved by *ret_x, *ret_y is; and takes none from elsewhere. */
bool drawable_carries(const Drawable *drawable, int32_t *ret_x, int32_t *ret_y);

/* Does it take pixels from this surface, somewhere in this box? */
bool drawable_reads(const Drawable *drawable, uint32_t surface_id, const pixman_box32_t *box);
