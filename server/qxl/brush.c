/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/brush.h"

#include <spice/enums.h>

#include "qxl/read.h"

Status qxl_brush_read(QxlReader *reader, const QXLBrush *from, QxlBrush *ret_brush)
{
    switch (from->type) {
    case SPICE_BRUSH_TYPE_NONE:
        *ret_brush = (QxlBrush){.type = SPICE_BRUSH_TYPE_NONE};
        return STATUS_OK;
    case SPICE_BRUSH_TYPE_SOLID:
        *ret_brush =
            (QxlBrush){.type = SPICE_BRUSH_TYPE_SOLID, .color = qxl_read_color(reader, from->u.color)};
        return STATUS_OK;
    case SPICE_BRUSH_TYPE_PATTERN:
        *ret_brush = (QxlBrush){.type = SPICE_BRUSH_TYPE_PATTERN, .pattern_pos = from->u.pattern.pos};
        return qxl_image_read(reader, from->u.pattern.pat, QXL_IMAGE_SHOWN, &ret_brush->pattern);
    default:
        return qxl_fault(reader->fault, "no such brush", from->type);
    }
}

Status qxl_mask_read(QxlReader *reader, const QXLQMask *from, QxlMask *ret_mask)
{
    *ret_mask = (QxlMask){0};
    if (from->bitmap == 0) {
        return STATUS_OK; /* what else it says may be anything, and goes nowhere (N23) */
    }
    ret_mask->inverse = (from->flags & SPICE_MASK_FLAGS_INVERS) != 0;
    ret_mask->pos = from->pos;
    return qxl_image_read(reader, from->bitmap, QXL_IMAGE_MASK, &ret_mask->image);
}
