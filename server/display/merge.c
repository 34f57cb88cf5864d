/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/merge.h"

#include <spice/enums.h>

#include "base/check.h"

#define PIXEL_BYTES 4u /* of what is joined: lines need no padding */

struct JoinedCopy {
    QxlDrawable drawable;
    QxlImage image;
    QxlSpan span;
    uint8_t pixels[];
};

static const QxlImage *source_of(const Drawable *drawable)
{
    return drawable->qxl->u.copy.src;
}

static bool is_strip(const pixman_box32_t *box)
{
    return box->x2 - box->x1 <= MERGE_SIDE_MAX || box->y2 - box->y1 <= MERGE_SIDE_MAX;
}

/* Images that the client is to keep are worth more by themselves. */
static bool is_plain(const Drawable *drawable)
{
    const QxlDrawable *qxl = drawable->qxl;

    return drawable->opaque && is_strip(&drawable->extents) && qxl->type == QXL_DRAW_COPY &&
           !qxl->clip.rects_given && qxl->u.copy.rop == SPICE_ROPD_OP_PUT &&
           source_of(drawable)->type == SPICE_IMAGE_TYPE_BITMAP &&
           (source_of(drawable)->flags & QXL_IMAGE_CACHE) == 0 &&
           qxl_bitmap_depth(source_of(drawable)->u.bitmap.format) == 8 * PIXEL_BYTES;
}

static bool is_same_kind(const Drawable *a, const Drawable *b)
{
    return a->surface_id == b->surface_id && a->generation == b->generation &&
           source_of(a)->flags == source_of(b)->flags &&
           source_of(a)->u.bitmap.format == source_of(b)->u.bitmap.format;
}

/* Do they have one whole side in common? */
static bool is_beside(const pixman_box32_t *a, const pixman_box32_t *b)
{
    const bool as_high = a->y1 == b->y1 && a->y2 == b->y2, as_wide = a->x1 == b->x1 && a->x2 == b->x2;

    return (as_high && (a->x2 == b->x1 || b->x2 == a->x1)) || (as_wide && (a->y2 == b->y1 || b->y2 == a->y1));
}

void merge_begin(Merge *merge, Drawable *drawable, uint32_t bytes_max)
{
    merge->drawables[0] = drawable;
    merge->count = 1;
    merge->box = drawable->extents;
    merge->bytes_max = bytes_max;
}

bool merge_add(Merge *merge, Drawable *drawable)
{
    const Drawable *first = merge->drawables[0];
    const pixman_box32_t *box = &drawable->extents;

    if (merge->count == MERGE_DRAWABLES_MAX || !is_plain(first) || !is_plain(drawable) ||
        !is_same_kind(first, drawable) || !is_beside(&merge->box, box) ||
        (box_area(&merge->box) + box_area(box)) * PIXEL_BYTES > merge->bytes_max) {
        return false;
    }
    merge->drawables[merge->count++] = drawable;
    merge->box.x1 = box->x1 < merge->box.x1 ? box->x1 : merge->box.x1;
    merge->box.y1 = box->y1 < merge->box.y1 ? box->y1 : merge->box.y1;
    merge->box.x2 = box->x2 > merge->box.x2 ? box->x2 : merge->box.x2;
    merge->box.y2 = box->y2 > merge->box.y2 ? box->y2 : merge->box.y2;
    return true;
}

static void put(const Drawable *drawable, const pixman_box32_t *all, uint32_t stride, uint8_t *pixels)
{
    const QxlImage *image = source_of(drawable);
    const QxlBitmap *bitmap = &image->u.bitmap;
    const QXLRect *from = &drawable->qxl->u.copy.src_area;
    const pixman_box32_t *box = &drawable->extents;
    const uint32_t bytes = (uint32_t)(box->x2 - box->x1) * PIXEL_BYTES;

    for (int32_t y = box->y1; y < box->y2; y++) {
        const uint32_t at = (uint32_t)(from->top + (y - box->y1));
        const uint32_t line = bitmap->top_down ? at : image->height - 1 - at;
        uint8_t *to =
            pixels + (size_t)stride * (size_t)(y - all->y1) + (size_t)(box->x1 - all->x1) * PIXEL_BYTES;
        qxl_data_copy(&bitmap->data, line * bitmap->stride + (uint32_t)from->left * PIXEL_BYTES, to, bytes);
    }
}

JoinedCopy *merge_join(const Merge *merge, const Core *core)
{
    const Drawable *first = merge->drawables[0];
    const pixman_box32_t *box = &merge->box;
    const uint32_t width = (uint32_t)(box->x2 - box->x1), height = (uint32_t)(box->y2 - box->y1);
    const uint32_t bytes = (uint32_t)box_area(box) * PIXEL_BYTES; /* at most bytes_max */
    JoinedCopy *joined = core->alloc(core, sizeof *joined + bytes);

    if (joined == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < merge->count; i++) {
        put(merge->drawables[i], box, width * PIXEL_BYTES, joined->pixels);
    }
    joined->span = (QxlSpan){(uintptr_t)joined->pixels, 0, bytes};
    joined->image = *source_of(first);
    joined->image.width = width;
    joined->image.height = height;
    joined->image.u.bitmap.top_down = true;
    joined->image.u.bitmap.unstable = true; /* it is gone before it is sent */
    joined->image.u.bitmap.stride = width * PIXEL_BYTES;
    joined->image.u.bitmap.data = (QxlData){.spans = &joined->span, .count = 1, .bytes = bytes};
    joined->drawable = *first->qxl;
    joined->drawable.box = (QXLRect){.left = box->x1, .top = box->y1, .right = box->x2, .bottom = box->y2};
    joined->drawable.u.copy.src = &joined->image;
    joined->drawable.u.copy.src_area = (QXLRect){.right = (int32_t)width, .bottom = (int32_t)height};
    return joined;
}

const QxlDrawable *joined_copy_drawable(const JoinedCopy *joined)
{
    return &joined->drawable;
}

void joined_copy_free(JoinedCopy *joined, const Core *core)
{
    core->free(core, joined);
}
