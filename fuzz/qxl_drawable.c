/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/qxl_drawable.h"

#include <stdlib.h>

#include <spice/enums.h>

#include "base/check.h"
#include "base/limits.h"

#define TOUCH_BYTES_MAX (1u << 20) /* what is larger is pieces that lie over each other */

typedef struct Check {
    const QxlDrawable *drawable;
    const QxlHost *host;
    uintptr_t start;
    size_t len;
    uint64_t sum; /* of every byte, so that none is skipped */
} Check;

static void bytes_touch(Check *check, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        check->sum += bytes[i];
    }
}

static void area_check(const QXLRect *area, uint32_t width, uint32_t height)
{
    CHECK(area->left >= 0 && area->left < area->right && (uint32_t)area->right <= width);
    CHECK(area->top >= 0 && area->top < area->bottom && (uint32_t)area->bottom <= height);
}

static void data_check(Check *check, const QxlData *data)
{
    uint32_t offset = 0;

    CHECK(data->count > 0);
    for (uint32_t i = 0; i < data->count; i++) {
        const QxlSpan *span = &data->spans[i];
        CHECK(span->offset == offset && span->bytes > 0);
        if (check->drawable->pinned_bytes > 0) {
            CHECK(span->host >= check->start && span->host - check->start <= check->len &&
                  span->bytes <= check->len - (span->host - check->start));
        }
        if (data->bytes <= TOUCH_BYTES_MAX) {
            bytes_touch(check, (const void *)span->host, span->bytes);
        }
        offset += span->bytes;
    }
    CHECK(offset == data->bytes && data->bytes <= QXL_SURFACE_BYTES_MAX);
}

static void image_check(Check *check, const QxlImage *image, bool mask)
{
    QxlGeometry surface;

    CHECK(image->width > 0 && image->height > 0);
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP: {
        const QxlBitmap *bitmap = &image->u.bitmap;
        const uint64_t depth = qxl_bitmap_depth(bitmap->format);
        CHECK(depth > 0 && (!mask || depth == 1));
        CHECK((uint64_t)bitmap->stride * 8 >= image->width * depth);
        CHECK((uint64_t)bitmap->stride * image->height == bitmap->data.bytes);
        CHECK((bitmap->palette != NULL) == (!mask && qxl_bitmap_is_indexed(bitmap->format)));
        if (bitmap->palette != NULL) {
            CHECK(bitmap->palette->count > 0 && bitmap->palette->count <= QXL_PALETTE_ENTRIES_MAX);
            bytes_touch(check, bitmap->palette->entries, sizeof bitmap->palette->entries);
        }
        data_check(check, &bitmap->data);
        break;
    }
    case SPICE_IMAGE_TYPE_QUIC:
        CHECK(!mask);
        data_check(check, &image->u.quic);
        break;
    default:
        CHECK(image->type == SPICE_IMAGE_TYPE_SURFACE);
        CHECK(check->host->find_surface(check->host->opaque, image->u.surface_id, &surface));
        CHECK(surface.width == image->width && surface.height == image->height);
        CHECK(!mask || surface.format == SPICE_SURFACE_FMT_1_A);
        break;
    }
}

static void brush_check(Check *check, const QxlBrush *brush)
{
    CHECK(brush->type <= SPICE_BRUSH_TYPE_PATTERN);
    CHECK((brush->pattern != NULL) == (brush->type == SPICE_BRUSH_TYPE_PATTERN));
    if (brush->pattern != NULL) {
        image_check(check, brush->pattern, false);
    }
}

static void mask_check(Check *check, const QxlMask *mask)
{
    if (mask->image != NULL) {
        image_check(check, mask->image, true);
    } else {
        CHECK(!mask->inverse && mask->pos.x == 0 && mask->pos.y == 0);
    }
}

static void source_check(Check *check, const QxlImage *image, const QXLRect *area)
{
    const QXLRect *self = &check->drawable->self_bitmap_area;

    CHECK(check->drawable->self_bitmap == (image == NULL));
    if (image == NULL) {
        area_check(area, (uint32_t)(self->right - self->left), (uint32_t)(self->bottom - self->top));
    } else {
        image_check(check, image, false);
        area_check(area, image->width, image->height);
    }
}

static void stroke_check(Check *check, const QxlStroke *stroke)
{
    uint64_t points = 0, length = 0;
    bool open = false;

    for (uint32_t i = 0; i < stroke->path.count; i++) {
        const QxlPathSegment *segment = &stroke->path.segments[i];
        const bool begin = (segment->flags & SPICE_PATH_BEGIN) != 0;
        CHECK((segment->flags & ~SPICE_PATH_FLAGS_MASK) == 0);
        CHECK(segment->count > 0 || !begin);
        open = open || begin;
        if ((segment->flags & SPICE_PATH_BEZIER) != 0) {
            CHECK(open && (segment->count - begin) % 3 == 0);
        }
        open = open || segment->count > 0;
        if ((segment->flags & SPICE_PATH_END) != 0) {
            CHECK(open || (segment->flags & SPICE_PATH_CLOSE) == 0);
            open = false;
        }
        bytes_touch(check, segment->points, segment->count * sizeof *segment->points);
        points += segment->count;
    }
    CHECK(points == stroke->path.points && points <= QXL_PATH_BYTES_MAX / sizeof(QXLPointFix));
    CHECK(((stroke->line.flags & SPICE_LINE_FLAGS_STYLED) != 0) == (stroke->line.dash_count > 0));
    for (uint32_t i = 0; i < stroke->line.dash_count; i++) {
        CHECK(stroke->line.dash[i] >= 0);
        length += (uint8_t)qxl_fixed_round(stroke->line.dash[i]);
    }
    CHECK(length > 0 || stroke->line.dash_count == 0);
    brush_check(check, &stroke->brush);
}

static void text_check(Check *check, const QxlText *text)
{
    const QxlString *string = &text->string;
    uint64_t bytes = 0;

    CHECK(string->depth == 1 || string->depth == 4 || string->depth == 8);
    for (uint32_t i = 0; i < string->count; i++) {
        const QxlGlyph *glyph = &string->glyphs[i];
        const int64_t left = (int64_t)glyph->render_pos.x + glyph->glyph_origin.x;
        const int64_t top = (int64_t)glyph->render_pos.y + glyph->glyph_origin.y;
        CHECK(left >= INT32_MIN && left + glyph->width <= INT32_MAX);
        CHECK(top >= INT32_MIN && top + glyph->height <= INT32_MAX);
        CHECK(glyph->row_bytes == (glyph->width * string->depth + 7) / 8);
        bytes_touch(check, glyph->rows, (size_t)glyph->row_bytes * glyph->height);
        bytes += (uint64_t)glyph->row_bytes * glyph->height;
    }
    CHECK(bytes == string->glyph_bytes && bytes <= QXL_STRING_BYTES_MAX);
    CHECK(text->back_area.left <= text->back_area.right && text->back_area.top <= text->back_area.bottom);
    brush_check(check, &text->fore);
    brush_check(check, &text->back);
}

static void composite_check(Check *check, const QxlComposite *composite)
{
    CHECK(check->drawable->self_bitmap == (composite->src == NULL));
    CHECK(((composite->flags & SPICE_COMPOSITE_HAS_MASK) != 0) == (composite->mask != NULL));
    CHECK(((composite->flags & SPICE_COMPOSITE_HAS_SRC_TRANSFORM) != 0) ==
          (composite->src_transform != NULL));
    CHECK(((composite->flags & SPICE_COMPOSITE_HAS_MASK_TRANSFORM) != 0) ==
          (composite->mask_transform != NULL));
    CHECK(composite->op <= QXL_OP_SATURATE ||
          (composite->op >= QXL_OP_MULTIPLY && composite->op <= QXL_OP_HSL_LUMINOSITY));
    CHECK(composite->src_filter <= 4 && composite->mask_filter <= 4);
    if (composite->src != NULL) {
        image_check(check, composite->src, false);
    }
    if (composite->mask != NULL) {
        image_check(check, composite->mask, false);
    }
    if (composite->src_transform != NULL) {
        bytes_touch(check, composite->src_transform, sizeof *composite->src_transform);
    }
    if (composite->mask_transform != NULL) {
        bytes_touch(check, composite->mask_transform, sizeof *composite->mask_transform);
    }
}

static void type_check(Check *check)
{
    const QxlDrawable *drawable = check->drawable;

    switch (drawable->type) {
    case QXL_DRAW_NOP:
        break;
    case QXL_DRAW_FILL:
        brush_check(check, &drawable->u.fill.brush);
        mask_check(check, &drawable->u.fill.mask);
        break;
    case QXL_DRAW_OPAQUE:
        source_check(check, drawable->u.opaque.src, &drawable->u.opaque.src_area);
        brush_check(check, &drawable->u.opaque.brush);
        mask_check(check, &drawable->u.opaque.mask);
        CHECK(drawable->u.opaque.scale_mode <= SPICE_IMAGE_SCALE_MODE_NEAREST);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        CHECK(drawable->u.copy.src != NULL);
        source_check(check, drawable->u.copy.src, &drawable->u.copy.src_area);
        mask_check(check, &drawable->u.copy.mask);
        CHECK(drawable->u.copy.scale_mode <= SPICE_IMAGE_SCALE_MODE_NEAREST);
        break;
    case QXL_COPY_BITS:
        CHECK(drawable->u.copy_bits.x >= 0 && drawable->u.copy_bits.y >= 0);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        mask_check(check, &drawable->u.mask);
        break;
    case QXL_DRAW_ROP3:
        source_check(check, drawable->u.rop3.src, &drawable->u.rop3.src_area);
        brush_check(check, &drawable->u.rop3.brush);
        mask_check(check, &drawable->u.rop3.mask);
        break;
    case QXL_DRAW_STROKE:
        stroke_check(check, &drawable->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        text_check(check, &drawable->u.text);
        break;
    case QXL_DRAW_TRANSPARENT:
        source_check(check, drawable->u.transparent.src, &drawable->u.transparent.src_area);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        source_check(check, drawable->u.alpha_blend.src, &drawable->u.alpha_blend.src_area);
        break;
    default:
        CHECK(drawable->type == QXL_DRAW_COMPOSITE);
        composite_check(check, &drawable->u.composite);
        break;
    }
}

void check_drawable(QxlDrawable *drawable, const QxlHost *host, uintptr_t start, size_t len)
{
    Check check = {.drawable = drawable, .host = host, .start = start, .len = len};
    const QxlImage *images[QXL_DRAWABLE_IMAGES_MAX];
    QxlGeometry surface;

    CHECK(host->find_surface(host->opaque, drawable->surface_id, &surface));
    area_check(&drawable->box, surface.width, surface.height);
    CHECK(drawable->effect <= QXL_EFFECT_OPAQUE_BRUSH);
    CHECK(drawable->own_bytes > 0 && drawable->own_bytes <= QXL_DRAWABLE_BYTES_MAX);
    if (drawable->self_bitmap) {
        area_check(&drawable->self_bitmap_area, surface.width, surface.height);
    }
    for (uint32_t i = 0; i < drawable->clip.count; i++) {
        const QXLRect *rect = &drawable->clip.rects[i];
        CHECK(drawable->clip.rects_given && rect->left < rect->right && rect->top < rect->bottom);
    }
    for (uint32_t i = 0; i < drawable->dependency_count; i++) {
        const QXLRect *rect = &drawable->dependencies[i].rect;
        CHECK(host->find_surface(host->opaque, drawable->dependencies[i].surface_id, &surface));
        CHECK(rect->left >= 0 && rect->left <= rect->right && (uint32_t)rect->right <= surface.width);
        CHECK(rect->top >= 0 && rect->top <= rect->bottom && (uint32_t)rect->bottom <= surface.height);
    }
    type_check(&check);
    CHECK(qxl_drawable_images(drawable, images) <= QXL_DRAWABLE_IMAGES_MAX);
    CHECK((drawable->pinned_bytes == 0) == (drawable->slots == 0));
    const uint64_t pinned = check.sum;
    check.sum = 0;
    if (qxl_drawable_unpin(drawable) == STATUS_OK) {
        CHECK(drawable->pinned_bytes == 0 && drawable->slots == 0);
        type_check(&check);
        CHECK(check.sum == pinned); /* the same bytes */
    }
}
