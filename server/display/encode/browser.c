/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/browser.h"

#include <spice/enums.h>
#include <spice/qxl_dev.h>

bool browser_surface_format(uint32_t format, uint32_t *ret_format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
    case SPICE_SURFACE_FMT_32_xRGB:
        *ret_format = SPICE_SURFACE_FMT_32_xRGB;
        return true;
    default:
        return false;
    }
}

static bool shows_fill(const QxlFill *fill)
{
    return fill->brush.type == SPICE_BRUSH_TYPE_SOLID && fill->rop == SPICE_ROPD_OP_PUT &&
           fill->mask.image == NULL;
}

static bool shows_image(const QxlImage *image, const QXLRect *area)
{
    switch (image->type) {
    case SPICE_IMAGE_TYPE_SURFACE:
        return true;
    case SPICE_IMAGE_TYPE_BITMAP:
        return (image->u.bitmap.format == SPICE_BITMAP_FMT_32BIT ||
                image->u.bitmap.format == SPICE_BITMAP_FMT_RGBA) &&
               area->left == 0 && area->top == 0 && (uint32_t)area->right == image->width &&
               (uint32_t)area->bottom == image->height;
    default:
        return false;
    }
}

static bool shows_copy(const QxlCopy *copy, const QXLRect *box)
{
    const QXLRect *area = &copy->src_area;

    return copy->rop == SPICE_ROPD_OP_PUT && copy->mask.image == NULL && copy->src != NULL &&
           area->right - area->left == box->right - box->left &&
           area->bottom - area->top == box->bottom - box->top && shows_image(copy->src, area);
}

bool browser_shows(const QxlDrawable *drawable)
{
    uint32_t told;
    const bool as_is =
        browser_surface_format(drawable->surface_format, &told) && told == drawable->surface_format;

    if (drawable->clip.rects_given) {
        return false;
    }
    switch (drawable->type) {
    case QXL_COPY_BITS:
        return true;
    case QXL_DRAW_FILL:
        return as_is && shows_fill(&drawable->u.fill);
    case QXL_DRAW_COPY:
        return as_is && shows_copy(&drawable->u.copy, &drawable->box);
    default:
        return false;
    }
}
