/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill, blackness, whiteness, invers: what needs no source. */
#include <spice/enums.h>

#include "display/canvas/draw.h"

Status draw_fill(Draw *draw)
{
    Paint paint = {.dest = &draw->canvas->raster};
    Status status = STATUS_OK;

    switch (draw->drawable->type) {
    case QXL_DRAW_BLACKNESS:
        paint.code = 0;
        break;
    case QXL_DRAW_WHITENESS:
        paint.code = 0xff;
        break;
    case QXL_DRAW_INVERS:
        paint.code = (uint8_t)~ROP_D;
        break;
    default: {
        const QxlFill *fill = &draw->drawable->u.fill;
        paint.code = rop_of_descriptor(fill->rop, ROP_P, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_DEST);
        status = paint_brush(draw, &paint, &fill->brush);
        break;
    }
    }
    if (status == STATUS_OK) {
        paint_area(&paint, &draw->area);
    }
    return status;
}
