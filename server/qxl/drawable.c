/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/drawable.h"

#include <string.h>

#include "base/limits.h"
#include "qxl/guest_copy.h"
#include "qxl/read.h"

static bool rect_is_empty(const QXLRect *rect)
{
    return rect->left >= rect->right || rect->top >= rect->bottom;
}

/* And not empty. */
static bool rect_is_inside(const QXLRect *rect, const QxlGeometry *surface)
{
    return !rect_is_empty(rect) && rect->left >= 0 && rect->top >= 0 &&
           (uint32_t)rect->right <= surface->width && (uint32_t)rect->bottom <= surface->height;
}

static int32_t clamped(int32_t value, uint32_t most)
{
    return value < 0 ? 0 : (uint32_t)value > most ? (int32_t)most : value;
}

static QXLRect rect_cut(const QXLRect *rect, const QxlGeometry *surface)
{
    const QXLRect cut = {.left = clamped(rect->left, surface->width),
                         .right = clamped(rect->right, surface->width),
                         .top = clamped(rect->top, surface->height),
                         .bottom = clamped(rect->bottom, surface->height)};

    return rect_is_empty(&cut) ? (QXLRect){0} : cut;
}

/* ---- The two layouts ---- */

/* Copies a command of the older layout into the newer. */
static void compat_copy(const GuestRange *range, QXLDrawable *ret)
{
    QXLCompatDrawable from;

    guest_copy(&from, range->host, sizeof from);
    *ret = (QXLDrawable){
        .effect = from.effect,
        .type = from.type,
        .self_bitmap = from.bitmap_offset != 0,
        .self_bitmap_area = from.bitmap_area,
        .bbox = from.bbox,
        .clip = from.clip,
        .mm_time = from.mm_time,
        .surfaces_dest = {-1, -1, -1},
    };
    if (from.type == QXL_DRAW_ALPHA_BLEND) {
        ret->u.alpha_blend = (QXLAlphaBlend){.alpha = from.u.alpha_blend.alpha,
                                             .src_bitmap = from.u.alpha_blend.src_bitmap,
                                             .src_area = from.u.alpha_blend.src_area};
        return;
    }
    _Static_assert(sizeof from.u == sizeof ret->u, "both hold the largest of the same");
    memcpy(&ret->u, &from.u, sizeof from.u);
    if (from.type == QXL_COPY_BITS) { /* nobody said then where pixels come from */
        const QXLPoint *pos = &from.u.copy_bits.src_pos;
        ret->surfaces_dest[0] = 0;
        ret->surfaces_rects[0] = (QXLRect){
            .left = pos->x,
            .top = pos->y,
            .right = (int32_t)((uint32_t)pos->x + (uint32_t)from.bbox.right - (uint32_t)from.bbox.left),
            .bottom = (int32_t)((uint32_t)pos->y + (uint32_t)from.bbox.bottom - (uint32_t)from.bbox.top)};
    }
}

static Status layout_copy(const GuestRange *range, bool compat, QXLDrawable *ret, QxlFault *ret_fault)
{
    const size_t bytes = compat ? sizeof(QXLCompatDrawable) : sizeof *ret;

    if (range->left < bytes) {
        return qxl_fault(ret_fault, "a drawable across the end of its memslot", range->left);
    }
    if (compat) {
        compat_copy(range, ret);
    } else {
        guest_copy(ret, range->host, bytes);
    }
    return STATUS_OK;
}

/* ---- What is common to all ---- */

static Status place_check(const QXLDrawable *from, const QxlHost *host, QxlGeometry *ret_surface,
                          QxlFault *ret_fault)
{
    const QXLRect *box = &from->bbox;

    if (from->type > QXL_DRAW_COMPOSITE) {
        return qxl_fault(ret_fault, "no such drawable", from->type);
    }
    if (box->left < 0 || box->top < 0 || rect_is_empty(box)) {
        return qxl_fault(ret_fault, "a drawable with a box that is none", (uint32_t)box->left);
    }
    if (!host->find_surface(host->opaque, from->surface_id, ret_surface)) {
        return qxl_fault(ret_fault, "drawing on a surface that does not exist", from->surface_id);
    }
    if (!rect_is_inside(box, ret_surface)) {
        (void)qxl_fault(ret_fault, "drawing beyond its surface",
                        (uint64_t)box->right << 32 | (uint32_t)box->bottom);
        ret_fault->usual =
            true; /* Linux shows its console on a primary of 64 x 64 before it makes a large one */
        return STATUS_DEVICE_FAULT;
    }
    if (from->self_bitmap && !rect_is_inside(&from->self_bitmap_area, ret_surface)) {
        return qxl_fault(ret_fault, "a self bitmap from outside its surface",
                         (uint32_t)from->self_bitmap_area.left);
    }
    return STATUS_OK;
}

static Status dependencies_read(QxlReader *reader, const QXLDrawable *from)
{
    QxlDrawable *drawable = reader->drawable;

    for (uint32_t i = 0; i < QXL_DEPENDENCIES_MAX; i++) {
        QxlGeometry surface;
        const uint32_t id = (uint32_t)from->surfaces_dest[i];
        if (from->surfaces_dest[i] == -1) {
            continue;
        }
        if (!reader->host->find_surface(reader->host->opaque, id, &surface)) {
            return qxl_fault(reader->fault, "a dependency on a surface that does not exist", id);
        }
        drawable->dependencies[drawable->dependency_count++] =
            (QxlDependency){id, rect_cut(&from->surfaces_rects[i], &surface)};
    }
    return STATUS_OK;
}

static uint8_t effect_of(const QXLDrawable *from)
{
    /* BLEND claims nothing. */
    return from->effect <= QXL_EFFECT_OPAQUE_BRUSH ? from->effect : QXL_EFFECT_BLEND;
}

Status qxl_drawable_read(const Memslots *slots, const QxlHost *host, uint32_t group, const GuestRange *range,
                         uint32_t flags, QxlDrawable **ret_drawable, uint64_t *work, QxlFault *ret_fault)
{
    const bool compat = (flags & QXL_COMMAND_FLAG_COMPAT) != 0;
    QXLDrawable from;
    QxlGeometry surface;

    Status status = layout_copy(range, compat, &from, ret_fault);
    if (status == STATUS_OK) {
        status = place_check(&from, host, &surface, ret_fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    QxlArena arena = qxl_arena_of(&host->memory, QXL_DRAWABLE_BYTES_MAX);
    QxlDrawable *drawable = qxl_arena_take(&arena, sizeof *drawable);
    if (drawable == NULL) {
        *ret_fault = (QxlFault){.why = "no memory for a drawable", .value = sizeof *drawable};
        return STATUS_LIMIT;
    }
    *drawable = (QxlDrawable){
        .group = group,
        .surface_id = from.surface_id,
        .surface_format = surface.format,
        .type = from.type,
        .effect = effect_of(&from),
        .compat = compat,
        .self_bitmap = from.self_bitmap != 0,
        .self_bitmap_area = from.self_bitmap != 0 ? from.self_bitmap_area : (QXLRect){0},
        .box = from.bbox,
        .mm_time = from.mm_time,
        .arena = arena,
    };
    QxlReader reader = {.slots = slots,
                        .host = host,
                        .drawable = drawable,
                        .colors_555 = (flags & QXL_COMMAND_FLAG_COMPAT_16BPP) != 0,
                        .fault = ret_fault};
    status = dependencies_read(&reader, &from);
    if (status == STATUS_OK) {
        status = qxl_clip_read(&reader, &from.clip, &drawable->clip);
    }
    if (status == STATUS_OK) {
        status = qxl_draw_read(&reader, &from, &surface);
    }
    *work += reader.work;
    if (status != STATUS_OK) {
        qxl_drawable_free(drawable);
        return status;
    }
    drawable->own_bytes = drawable->arena.bytes;
    *ret_drawable = drawable;
    return STATUS_OK;
}

/* ---- Afterwards ---- */

void qxl_drawable_free(QxlDrawable *drawable)
{
    if (drawable != NULL) {
        const QxlMemory *memory = &drawable->arena.memory;
        if (drawable->pixels != NULL) {
            memory->free(memory->opaque, drawable->pixels);
        }
        qxl_arena_free(&drawable->arena);
    }
}

size_t qxl_drawable_images(const QxlDrawable *drawable, const QxlImage *ret_images[QXL_DRAWABLE_IMAGES_MAX])
{
    for (uint32_t i = 0; i < drawable->image_count; i++) {
        ret_images[i] = drawable->images[i];
    }
    return drawable->image_count;
}

Status qxl_drawable_unpin(QxlDrawable *drawable)
{
    const QxlMemory *memory = &drawable->arena.memory;

    if (drawable->pinned_bytes == 0) {
        return STATUS_OK;
    }
    uint8_t *pixels = memory->alloc(memory->opaque, drawable->pinned_bytes);
    if (pixels == NULL) {
        return STATUS_LIMIT;
    }
    drawable->pixels = pixels;
    for (uint32_t i = 0; i < drawable->image_count; i++) {
        QxlData *data = qxl_image_data(drawable->images[i]);
        if (data != NULL) {
            qxl_data_copy(data, 0, pixels, data->bytes);
            data->spans[0] = (QxlSpan){(uintptr_t)pixels, 0, data->bytes};
            data->count = 1;
            pixels += data->bytes;
        }
    }
    drawable->own_bytes += drawable->pinned_bytes;
    drawable->pinned_bytes = 0;
    drawable->slots = 0;
    return STATUS_OK;
}
