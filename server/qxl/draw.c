/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.c: what each type of drawable says of its own. */
#include <spice/enums.h>

#include "qxl/guest_copy.h"
#include "qxl/read.h"

static bool rect_is_empty(const QXLRect *rect)
{
    return rect->left >= rect->right || rect->top >= rect->bottom;
}

/* NULL stands for the self bitmap, where there is one. */
static Status source_read(QxlReader *reader, uint64_t address, const QxlImage **ret_image)
{
    QxlDrawable *drawable = reader->drawable;

    *ret_image = NULL;
    if (address == 0 && drawable->self_bitmap) {
        return STATUS_OK;
    }
    drawable->self_bitmap = false; /* nothing uses it */
    return qxl_image_read(reader, address, QXL_IMAGE_SHOWN, ret_image);
}

static Status source_area_read(QxlReader *reader, uint64_t address, const QXLRect *area,
                               const QxlImage **ret_image, QXLRect *ret_area)
{
    const QXLRect *self = &reader->drawable->self_bitmap_area;

    const Status status = source_read(reader, address, ret_image);
    if (status != STATUS_OK) {
        return status;
    }
    const QxlImage *image = *ret_image;
    const uint32_t width = image != NULL ? image->width : (uint32_t)(self->right - self->left);
    const uint32_t height = image != NULL ? image->height : (uint32_t)(self->bottom - self->top);
    if (rect_is_empty(area) || area->left < 0 || area->top < 0) {
        return qxl_fault(reader->fault, "a source area that is none", (uint32_t)area->left);
    }
    if ((uint32_t)area->right > width || (uint32_t)area->bottom > height) {
        return qxl_fault(reader->fault, "a source area beyond its source",
                         (uint64_t)(uint32_t)area->right << 32 | (uint32_t)area->bottom);
    }
    *ret_area = *area;
    return STATUS_OK;
}

static Status scale_check(QxlReader *reader, uint8_t mode)
{
    return mode <= SPICE_IMAGE_SCALE_MODE_NEAREST ? STATUS_OK
                                                  : qxl_fault(reader->fault, "no such scale mode", mode);
}

static Status fill_read(QxlReader *reader, const QXLFill *from)
{
    QxlFill *fill = &reader->drawable->u.fill;

    fill->rop = from->rop_descriptor & SPICE_ROPD_MASK;
    const Status status = qxl_brush_read(reader, &from->brush, &fill->brush);
    return status == STATUS_OK ? qxl_mask_read(reader, &from->mask, &fill->mask) : status;
}

static Status opaque_read(QxlReader *reader, const QXLOpaque *from)
{
    QxlOpaque *opaque = &reader->drawable->u.opaque;

    opaque->rop = from->rop_descriptor & SPICE_ROPD_MASK;
    opaque->scale_mode = from->scale_mode;
    Status status = scale_check(reader, from->scale_mode);
    if (status == STATUS_OK) {
        status = source_area_read(reader, from->src_bitmap, &from->src_area, &opaque->src, &opaque->src_area);
    }
    if (status == STATUS_OK) {
        status = qxl_brush_read(reader, &from->brush, &opaque->brush);
    }
    return status == STATUS_OK ? qxl_mask_read(reader, &from->mask, &opaque->mask) : status;
}

/* Copies have no self bitmap: COPY_BITS is there for that. */
static Status copy_read(QxlReader *reader, const QXLCopy *from)
{
    QxlCopy *copy = &reader->drawable->u.copy;

    copy->rop = from->rop_descriptor & SPICE_ROPD_MASK;
    copy->scale_mode = from->scale_mode;
    Status status = scale_check(reader, from->scale_mode);
    if (status == STATUS_OK) {
        status = source_area_read(reader, from->src_bitmap, &from->src_area, &copy->src, &copy->src_area);
    }
    return status == STATUS_OK ? qxl_mask_read(reader, &from->mask, &copy->mask) : status;
}

static Status transparent_read(QxlReader *reader, const QXLTransparent *from)
{
    QxlTransparent *transparent = &reader->drawable->u.transparent;

    transparent->src_color = from->src_color;
    transparent->true_color = from->true_color;
    return source_area_read(reader, from->src_bitmap, &from->src_area, &transparent->src,
                            &transparent->src_area);
}

static Status alpha_blend_read(QxlReader *reader, const QXLAlphaBlend *from)
{
    QxlAlphaBlend *blend = &reader->drawable->u.alpha_blend;

    blend->flags = (uint8_t)(from->alpha_flags & SPICE_ALPHA_FLAGS_MASK);
    blend->alpha = from->alpha;
    return source_area_read(reader, from->src_bitmap, &from->src_area, &blend->src, &blend->src_area);
}

static Status copy_bits_read(QxlReader *reader, const QXLCopyBits *from, const QxlGeometry *surface)
{
    QxlDrawable *drawable = reader->drawable;
    const QXLPoint *pos = &from->src_pos;
    const int64_t width = (int64_t)drawable->box.right - drawable->box.left;
    const int64_t height = (int64_t)drawable->box.bottom - drawable->box.top;

    if (pos->x < 0 || pos->y < 0 || pos->x + width > surface->width || pos->y + height > surface->height) {
        return qxl_fault(reader->fault, "pixels copied from outside their surface",
                         (uint64_t)(uint32_t)pos->x << 32 | (uint32_t)pos->y);
    }
    drawable->u.copy_bits = *pos;
    return STATUS_OK;
}

static Status rop3_read(QxlReader *reader, const QXLRop3 *from)
{
    QxlRop3 *rop3 = &reader->drawable->u.rop3;

    rop3->rop3 = from->rop3;
    rop3->scale_mode = from->scale_mode;
    Status status = scale_check(reader, from->scale_mode);
    if (status == STATUS_OK) {
        status = source_area_read(reader, from->src_bitmap, &from->src_area, &rop3->src, &rop3->src_area);
    }
    if (status == STATUS_OK) {
        status = qxl_brush_read(reader, &from->brush, &rop3->brush);
    }
    return status == STATUS_OK ? qxl_mask_read(reader, &from->mask, &rop3->mask) : status;
}

static Status stroke_read(QxlReader *reader, const QXLStroke *from)
{
    QxlStroke *stroke = &reader->drawable->u.stroke;

    stroke->fore_mode = from->fore_mode & SPICE_ROPD_MASK;
    stroke->back_mode = from->back_mode & SPICE_ROPD_MASK;
    Status status = qxl_path_read(reader, from->path, &stroke->path);
    if (status == STATUS_OK) {
        status = qxl_line_read(reader, &from->attr, &stroke->line);
    }
    return status == STATUS_OK ? qxl_brush_read(reader, &from->brush, &stroke->brush) : status;
}

static Status text_read(QxlReader *reader, const QXLText *from)
{
    QxlText *text = &reader->drawable->u.text;

    text->fore_mode = from->fore_mode & SPICE_ROPD_MASK;
    text->back_mode = from->back_mode & SPICE_ROPD_MASK;
    text->back_area = rect_is_empty(&from->back_area) ? (QXLRect){0} : from->back_area;
    Status status = qxl_string_read(reader, from->str, &text->string);
    if (status == STATUS_OK) {
        status = qxl_brush_read(reader, &from->fore_brush, &text->fore);
    }
    return status == STATUS_OK ? qxl_brush_read(reader, &from->back_brush, &text->back) : status;
}

/* ---- Composite ---- */

static bool operator_exists(uint32_t op)
{
    return op <= QXL_OP_SATURATE || (op >= QXL_OP_MULTIPLY && op <= QXL_OP_HSL_LUMINOSITY);
}

#define FILTERS 5u /* as the rendering library numbers them */

static Status transform_read(QxlReader *reader, uint64_t address, const QxlTransform **ret_transform)
{
    QxlTransform *transform;
    GuestRange behind;
    uint32_t from[6];

    *ret_transform = NULL;
    if (address == 0) {
        return STATUS_OK;
    }
    Status status = qxl_read_at(reader, address, from, sizeof from, &behind);
    if (status == STATUS_OK) {
        status = qxl_read_room(reader, 1, sizeof *transform, &transform);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < 6; i++) {
        transform->t[i / 3][i % 3] = (int32_t)from[i];
    }
    *ret_transform = transform;
    return STATUS_OK;
}

static Status composite_read(QxlReader *reader, const QXLComposite *from)
{
    /* What is there follows from the addresses, whatever the flags say. */
    const uint32_t has =
        SPICE_COMPOSITE_HAS_MASK | SPICE_COMPOSITE_HAS_SRC_TRANSFORM | SPICE_COMPOSITE_HAS_MASK_TRANSFORM;
    QxlComposite *composite = &reader->drawable->u.composite;

    composite->flags = from->flags & SPICE_COMPOSITE_FLAGS_MASK & ~has;
    composite->op = (uint8_t)from->flags;
    composite->src_filter = from->flags >> 8 & 7;
    composite->mask_filter = from->flags >> 11 & 7;
    composite->src_repeat = from->flags >> 14 & 3;
    composite->mask_repeat = from->flags >> 16 & 3;
    composite->src_origin = from->src_origin;
    composite->mask_origin = from->mask_origin;
    if (!operator_exists(composite->op)) {
        return qxl_fault(reader->fault, "no such composite operator", composite->op);
    }
    if (composite->src_filter >= FILTERS || composite->mask_filter >= FILTERS) {
        return qxl_fault(reader->fault, "no such composite filter", from->flags);
    }
    Status status = source_read(reader, from->src, &composite->src);
    if (status == STATUS_OK) {
        status = transform_read(reader, from->src_transform, &composite->src_transform);
    }
    if (status == STATUS_OK && from->mask != 0) {
        status = qxl_image_read(reader, from->mask, QXL_IMAGE_SHOWN, &composite->mask);
    }
    if (status == STATUS_OK && from->mask != 0) { /* one without a mask has nothing to transform */
        status = transform_read(reader, from->mask_transform, &composite->mask_transform);
    }
    if (status != STATUS_OK) {
        return status;
    }
    composite->flags |= composite->mask != NULL ? SPICE_COMPOSITE_HAS_MASK : 0u;
    composite->flags |= composite->src_transform != NULL ? SPICE_COMPOSITE_HAS_SRC_TRANSFORM : 0u;
    composite->flags |= composite->mask_transform != NULL ? SPICE_COMPOSITE_HAS_MASK_TRANSFORM : 0u;
    return STATUS_OK;
}

static bool may_show_self(uint8_t type)
{
    switch (type) {
    case QXL_DRAW_OPAQUE:
    case QXL_DRAW_ROP3:
    case QXL_DRAW_TRANSPARENT:
    case QXL_DRAW_ALPHA_BLEND:
    case QXL_DRAW_COMPOSITE:
        return true;
    default:
        return false;
    }
}

Status qxl_draw_read(QxlReader *reader, const QXLDrawable *from, const QxlGeometry *surface)
{
    QxlDrawable *drawable = reader->drawable;

    drawable->self_bitmap = drawable->self_bitmap && may_show_self(drawable->type);
    switch (drawable->type) {
    case QXL_DRAW_NOP:
        return STATUS_OK;
    case QXL_DRAW_FILL:
        return fill_read(reader, &from->u.fill);
    case QXL_DRAW_OPAQUE:
        return opaque_read(reader, &from->u.opaque);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return copy_read(reader, &from->u.copy);
    case QXL_COPY_BITS:
        return copy_bits_read(reader, &from->u.copy_bits, surface);
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return qxl_mask_read(reader, &from->u.blackness.mask, &drawable->u.mask);
    case QXL_DRAW_ROP3:
        return rop3_read(reader, &from->u.rop3);
    case QXL_DRAW_STROKE:
        return stroke_read(reader, &from->u.stroke);
    case QXL_DRAW_TEXT:
        return text_read(reader, &from->u.text);
    case QXL_DRAW_TRANSPARENT:
        return transparent_read(reader, &from->u.transparent);
    case QXL_DRAW_ALPHA_BLEND:
        return alpha_blend_read(reader, &from->u.alpha_blend);
    case QXL_DRAW_COMPOSITE:
        if (!drawable->compat) { /* the older layout has no room for it */
            return composite_read(reader, &from->u.composite);
        }
        break;
    default:
        break;
    }
    return qxl_fault(reader->fault, "no such drawable", drawable->type);
}
