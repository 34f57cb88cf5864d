/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/drawable.h"

#include <spice/enums.h>

#include "base/check.h"
#include "display/encode/draw_encoder.h"
#include "display/worker.h"

#define ROPD_OPERATIONS                                                                                      \
    (SPICE_ROPD_OP_PUT | SPICE_ROPD_OP_OR | SPICE_ROPD_OP_AND | SPICE_ROPD_OP_XOR |                          \
     SPICE_ROPD_OP_BLACKNESS | SPICE_ROPD_OP_WHITENESS | SPICE_ROPD_OP_INVERS)

/* ---- Boxes ---- */

static pixman_box32_t box_of_rect(const QXLRect *rect)
{
    return (pixman_box32_t){rect->left, rect->top, rect->right, rect->bottom};
}

static pixman_box32_t box_common(const pixman_box32_t *a, const pixman_box32_t *b)
{
    return (pixman_box32_t){a->x1 > b->x1 ? a->x1 : b->x1, a->y1 > b->y1 ? a->y1 : b->y1,
                            a->x2 < b->x2 ? a->x2 : b->x2, a->y2 < b->y2 ? a->y2 : b->y2};
}

/* ---- What a drawable does ---- */

static pixman_box32_t extents_of(const QxlDrawable *qxl)
{
    const pixman_box32_t box = box_of_rect(&qxl->box);
    pixman_box32_t all = {0, 0, 0, 0};
    bool has = false;

    if (!qxl->clip.rects_given) {
        return box;
    }
    for (uint32_t i = 0; i < qxl->clip.count; i++) {
        const pixman_box32_t rect = box_of_rect(&qxl->clip.rects[i]);
        const pixman_box32_t part = box_common(&box, &rect);
        if (!box_has_pixels(&part)) {
            continue;
        }
        if (!has) {
            all = part;
            has = true;
            continue;
        }
        all.x1 = part.x1 < all.x1 ? part.x1 : all.x1;
        all.y1 = part.y1 < all.y1 ? part.y1 : all.y1;
        all.x2 = part.x2 > all.x2 ? part.x2 : all.x2;
        all.y2 = part.y2 > all.y2 ? part.y2 : all.y2;
    }
    return all;
}

static bool is_put(uint16_t rop)
{
    return (rop & ROPD_OPERATIONS) == SPICE_ROPD_OP_PUT && (rop & SPICE_ROPD_INVERS_DEST) == 0;
}

/* Of one by QUIC it is not known yet whether it can be read. */
static bool gives_pixels(const QxlImage *image)
{
    return image != NULL && image->type != SPICE_IMAGE_TYPE_QUIC;
}

/* Every pixel of its extents is new, and none depends on what was there. What cannot be said at a glance is not. */
static bool is_opaque(const QxlDrawable *qxl)
{
    if (qxl->clip.rects_given && qxl->clip.count != 1) {
        return false;
    }
    switch (qxl->type) {
    case QXL_DRAW_FILL: {
        const QxlFill *fill = &qxl->u.fill;
        const bool covers =
            fill->brush.type == SPICE_BRUSH_TYPE_SOLID ||
            (fill->brush.type == SPICE_BRUSH_TYPE_PATTERN && gives_pixels(fill->brush.pattern));
        return covers && fill->mask.image == NULL && is_put(fill->rop);
    }
    case QXL_DRAW_COPY: {
        const QxlCopy *copy = &qxl->u.copy;
        return copy->mask.image == NULL && is_put(copy->rop) && gives_pixels(copy->src) &&
               copy->src_area.right - copy->src_area.left == qxl->box.right - qxl->box.left &&
               copy->src_area.bottom - copy->src_area.top == qxl->box.bottom - qxl->box.top;
    }
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
        return qxl->u.mask.image == NULL;
    case QXL_COPY_BITS:
        return true;
    default:
        return false;
    }
}

/* Conservative: what cannot be said at a glance does. */
static bool blends(const QxlDrawable *qxl)
{
    switch (qxl->type) {
    case QXL_DRAW_FILL:
        return !is_put(qxl->u.fill.rop);
    case QXL_DRAW_OPAQUE:
        return !is_put(qxl->u.opaque.rop);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return !is_put(qxl->u.copy.rop);
    case QXL_DRAW_STROKE:
        return !is_put(qxl->u.stroke.fore_mode);
    case QXL_DRAW_NOP:
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_TRANSPARENT:
    case QXL_COPY_BITS:
        return false;
    default:
        return true;
    }
}

/* NULL: all of the image may be read. */
static const QXLRect *source_area(const QxlDrawable *qxl, const QxlImage *image)
{
    switch (qxl->type) {
    case QXL_DRAW_OPAQUE:
        return qxl->u.opaque.src == image ? &qxl->u.opaque.src_area : NULL;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return qxl->u.copy.src == image ? &qxl->u.copy.src_area : NULL;
    case QXL_DRAW_TRANSPARENT:
        return qxl->u.transparent.src == image ? &qxl->u.transparent.src_area : NULL;
    case QXL_DRAW_ALPHA_BLEND:
        return qxl->u.alpha_blend.src == image ? &qxl->u.alpha_blend.src_area : NULL;
    case QXL_DRAW_ROP3:
        return qxl->u.rop3.src == image ? &qxl->u.rop3.src_area : NULL;
    default:
        return NULL;
    }
}

static void add_read(Drawable *drawable, uint32_t surface_id, const pixman_box32_t *box)
{
    CHECK(drawable->read_count < DRAWABLE_READS_MAX);
    drawable->reads[drawable->read_count++] = (DrawableRead){surface_id, *box};
}

/* What it takes of the image, which is a surface. */
static pixman_box32_t read_of(const QxlDrawable *qxl, const QxlImage *image)
{
    const QXLRect *area = source_area(qxl, image), *box = &qxl->box;

    if (area == NULL) {
        return (pixman_box32_t){0, 0, (int32_t)image->width, (int32_t)image->height};
    }
    if ((int64_t)area->right - area->left == (int64_t)box->right - box->left &&
        (int64_t)area->bottom - area->top == (int64_t)box->bottom - box->top) {
        return box_of_rect(area);
    }
    return canvas_scales_from(box, area, qxl->type == QXL_DRAW_ROP3);
}

static void find_reads(Drawable *drawable, const QxlDrawable *qxl)
{
    const QxlImage *images[QXL_DRAWABLE_IMAGES_MAX];
    const size_t count = qxl_drawable_images(qxl, images);

    for (size_t i = 0; i < count; i++) {
        if (images[i]->type == SPICE_IMAGE_TYPE_SURFACE) {
            const pixman_box32_t box = read_of(qxl, images[i]);
            add_read(drawable, images[i]->u.surface_id, &box);
        }
    }
    if (qxl->self_bitmap) {
        const pixman_box32_t box = box_of_rect(&qxl->self_bitmap_area);
        add_read(drawable, qxl->surface_id, &box);
    } else if (qxl->type == QXL_COPY_BITS) {
        const QXLPoint from = qxl->u.copy_bits;
        const pixman_box32_t box = {from.x, from.y, from.x + (qxl->box.right - qxl->box.left),
                                    from.y + (qxl->box.bottom - qxl->box.top)};
        add_read(drawable, qxl->surface_id, &box);
        drawable->moves = true;
        drawable->move_x = qxl->box.left - from.x;
        drawable->move_y = qxl->box.top - from.y;
    }
}

bool drawable_carries(const Drawable *drawable, int32_t *ret_x, int32_t *ret_y)
{
    const QxlDrawable *qxl = drawable->qxl;
    const QxlCopy *copy = &qxl->u.copy;

    if (drawable->read_count != 1) {
        return false;
    }
    if (drawable->moves) {
        *ret_x = drawable->move_x;
        *ret_y = drawable->move_y;
        return true;
    }
    *ret_x = qxl->box.left - drawable->reads[0].box.x1;
    *ret_y = qxl->box.top - drawable->reads[0].box.y1;
    return qxl->type == QXL_DRAW_COPY && is_put(copy->rop) && copy->src != NULL &&
           copy->src->type == SPICE_IMAGE_TYPE_SURFACE &&
           copy->src_area.right - copy->src_area.left == qxl->box.right - qxl->box.left &&
           copy->src_area.bottom - copy->src_area.top == qxl->box.bottom - qxl->box.top;
}

bool drawable_can_lose(Drawable *drawable)
{
    if (!drawable->looked) {
        drawable->looked = true;
        drawable->photo = draw_encoder_photo(drawable->qxl);
    }
    return drawable->photo == DRAW_PHOTO_YES;
}

bool drawable_reads(const Drawable *drawable, uint32_t surface_id, const pixman_box32_t *box)
{
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        if (drawable->reads[i].surface_id == surface_id && box_meets(&drawable->reads[i].box, box)) {
            return true;
        }
    }
    return false;
}

/* ---- Life ---- */

uint64_t drawable_pins(const Drawable *drawable, uint32_t slot)
{
    return (drawable->held.slot % WORKER_PIN_SLOTS == slot ? drawable->pinned : 0) +
           ((drawable->pixel_slots >> slot & 1) != 0 ? drawable->pinned_pixels : 0);
}

static void pin(Drawable *drawable, HeldCommand *take_command)
{
    const QxlDrawable *qxl = drawable->qxl;
    uint64_t *pinned = drawable->worker->pinned[take_command->release.group_id];

    drawable->held = *take_command;
    *take_command = (HeldCommand){0};
    /* What a guest allocates for one: most pictures are small, and what is around them is not less. */
    drawable->pinned = sizeof(QXLDrawable) + qxl->image_count * (sizeof(QXLImage) + sizeof(QXLDataChunk));
    drawable->pinned_pixels = qxl->pinned_bytes;
    drawable->pixel_slots = qxl->slots;
    for (uint32_t slot = 0; slot < WORKER_PIN_SLOTS; slot++) {
        pinned[slot] += drawable_pins(drawable, slot);
    }
}

static void give_back(Drawable *drawable)
{
    if (drawable->pinned > 0) {
        uint64_t *pinned = drawable->worker->pinned[drawable->held.release.group_id];
        for (uint32_t slot = 0; slot < WORKER_PIN_SLOTS; slot++) {
            pinned[slot] -= drawable_pins(drawable, slot);
        }
        drawable->pinned = drawable->pinned_pixels = drawable->pixel_slots = 0;
    }
    worker_release(drawable->worker, &drawable->held);
}

Drawable *drawable_new(RedWorker *worker, ListNode *all, const PipeItemType *type, QxlDrawable *qxl,
                       HeldCommand *take_command, const Surface *surface)
{
    Drawable *drawable = spares_take(&worker->spare_drawables);

    if (drawable == NULL) {
        drawable = g_new(Drawable, 1);
    }
    *drawable = (Drawable){0};
    pipe_item_init(&drawable->item, type);
    drawable->worker = worker;
    drawable->qxl = qxl;
    if (qxl->pinned_bytes > 0) {
        pin(drawable, take_command);
    }
    drawable->generation = surface->generation;
    drawable->surface_id = qxl->surface_id;
    drawable->extents = extents_of(qxl);
    drawable->lands = drawable->extents;
    drawable->opaque = is_opaque(qxl);
    drawable->blends = blends(qxl);
    drawable->bytes = sizeof *drawable + qxl->own_bytes + qxl->pinned_bytes;
    drawable->work = canvas_work_of(qxl);
    find_reads(drawable, qxl);
    list_init(&drawable->in_pending);
    list_init(&drawable->in_cell);
    list_append(all, &drawable->in_worker);
    return drawable;
}

bool drawable_is_awaited(const Drawable *drawable)
{
    return drawable->item.refs > 1 + drawable->holds + (drawable->pending ? 1 : 0);
}

void drawable_forget_codings(Drawable *drawable)
{
    shared_free(drawable->shared);
    drawable->shared = NULL;
    if (drawable->join != NULL) {
        shared_free(drawable->join->shared);
        g_free(drawable->join);
        drawable->join = NULL;
    }
}

static void empty(Drawable *drawable)
{
    drawable_forget_codings(drawable);
    qxl_drawable_free(drawable->qxl);
    drawable->qxl = NULL;
    give_back(drawable);
}

void drawable_free(PipeItem *item)
{
    Drawable *drawable = drawable_of(item);

    CHECK(!drawable->pending && drawable->holds == 0);
    list_remove(&drawable->in_cell);
    list_remove(&drawable->in_worker);
    empty(drawable);
    if (!spares_keep(&drawable->worker->spare_drawables, drawable)) {
        g_free(drawable);
    }
}

void drawable_drop(Drawable *drawable)
{
    list_remove(&drawable->in_cell);
    drawable->dropped = true;
    if (drawable->holds == 0) {
        empty(drawable);
    }
}

Status drawable_let_go(Drawable *drawable)
{
    CHECK(drawable->holds == 0);
    if (drawable->qxl != NULL && drawable->qxl->slots != 0) {
        const Status status = qxl_drawable_unpin(drawable->qxl);
        if (status != STATUS_OK) {
            return status;
        }
    }
    give_back(drawable);
    return STATUS_OK;
}

void *drawable_hold(Drawable *drawable)
{
    pipe_item_ref(&drawable->item);
    drawable->holds++;
    return drawable;
}

void drawable_release(void *opaque)
{
    Drawable *drawable = opaque;

    CHECK(drawable->holds > 0);
    drawable->holds--;
    if (drawable->holds == 0 && drawable->dropped) {
        empty(drawable);
    }
    pipe_item_unref(&drawable->item);
}
