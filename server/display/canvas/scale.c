/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources that are larger or smaller than where they go. */
#include <string.h>

#include "display/canvas/draw.h"

pixman_fixed_t scale_factor(int64_t source_len, int64_t dest_len)
{
    const int64_t factor = source_len * 65536 / dest_len;
    return factor > 0 && factor <= INT32_MAX ? (pixman_fixed_t)factor : 0;
}

/* Where in the source, in 16.16, the destination's first pixel begins. */
static int64_t scale_start(int64_t src_start, int64_t src_len, int64_t dest_len, pixman_fixed_t factor,
                           bool rounded)
{
    if (!rounded) {
        return src_start * 65536;
    }
    /* src_start in pixels of the destination, rounded to the nearest of them */
    return (2 * src_start * dest_len + src_len) / (2 * src_len) * factor;
}

static int32_t clamp(int64_t value)
{
    return (int32_t)(value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : value);
}

/* How a source lies on what it is scaled to. */
typedef struct Fit {
    const QXLRect *box;
    pixman_fixed_t fx, fy;
    int64_t start_x, start_y; /* in 16.16 */
} Fit;

/* False: that is too far. */
static bool fit_of(const QXLRect *box, const QXLRect *from, bool rounded, Fit *ret)
{
    const int64_t src_width = (int64_t)from->right - from->left,
                  src_height = (int64_t)from->bottom - from->top;
    const int64_t width = (int64_t)box->right - box->left, height = (int64_t)box->bottom - box->top;

    ret->box = box;
    ret->fx = scale_factor(src_width, width);
    ret->fy = scale_factor(src_height, height);
    if (ret->fx == 0 || ret->fy == 0) {
        return false;
    }
    ret->start_x = scale_start(from->left, src_width, width, ret->fx, rounded);
    ret->start_y = scale_start(from->top, src_height, height, ret->fy, rounded);
    return true;
}

/* The pixels that those of this part of the box are made of, and a margin for neighbours and rounding. */
static Box fit_window(const Fit *fit, const Box *part)
{
    const QXLRect *box = fit->box;
    const int64_t margin_x = (fit->fx >> 16) + 2, margin_y = (fit->fy >> 16) + 2;

    return (Box){
        .x1 = clamp(((fit->start_x + (int64_t)fit->fx * (part->x1 - box->left)) >> 16) - margin_x),
        .y1 = clamp(((fit->start_y + (int64_t)fit->fy * (part->y1 - box->top)) >> 16) - margin_y),
        .x2 = clamp(((fit->start_x + (int64_t)fit->fx * (part->x2 - box->left)) >> 16) + margin_x),
        .y2 = clamp(((fit->start_y + (int64_t)fit->fy * (part->y2 - box->top)) >> 16) + margin_y),
    };
}

pixman_box32_t canvas_scales_from(const QXLRect *box, const QXLRect *from, bool rounded)
{
    const Box whole = {box->left, box->top, box->right, box->bottom};
    Fit fit;

    return fit_of(box, from, rounded, &fit) ? fit_window(&fit, &whole)
                                            : (Box){from->left, from->top, from->right, from->bottom};
}

Status source_scale(Draw *draw, const Source *source, const Scaling *scaling, Source *ret_scaled)
{
    const QXLRect *box = &draw->drawable->box, *from = &scaling->src_area;
    const Box *area = &draw->area.box;
    Fit fit;

    if (!fit_of(box, from, scaling->rounded, &fit)) {
        return qxl_fault(draw->fault, "an image is scaled too far",
                         (uint64_t)((int64_t)from->right - from->left));
    }
    Box window = fit_window(&fit, area);
    Raster part, scaled;
    Status status = source_raster(draw, source, SCRATCH_SOURCE_WINDOW, &window, &part);
    if (status == STATUS_OK) {
        status = raster_take(draw, SCRATCH_SCALED, scaling->format, area->x2 - area->x1, area->y2 - area->y1,
                             &scaled);
    }
    if (status != STATUS_OK) {
        return status;
    }
    memset(scaled.top, 0, (size_t)scaled.stride * (size_t)scaled.height);
    pixman_image_t *from_image = raster_image(&part), *to_image = raster_image(&scaled);
    if (from_image == NULL || to_image == NULL) {
        status = draw_no_memory(draw);
    } else {
        /* Places relative to window and area: whole pixels, so that nothing is rounded otherwise. */
        const int64_t x = fit.start_x + (int64_t)fit.fx * (area->x1 - box->left) - (int64_t)window.x1 * 65536;
        const int64_t y = fit.start_y + (int64_t)fit.fy * (area->y1 - box->top) - (int64_t)window.y1 * 65536;
        const pixman_transform_t transform = {
            .matrix = {{fit.fx, 0, clamp(x)}, {0, fit.fy, clamp(y)}, {0, 0, pixman_fixed_1}}};
        pixman_image_set_transform(from_image, &transform);
        pixman_image_set_repeat(from_image, PIXMAN_REPEAT_NONE);
        pixman_image_set_filter(from_image, scaling->filter, NULL, 0);
        pixman_image_composite32(PIXMAN_OP_SRC, from_image, NULL, to_image, 0, 0, 0, 0, 0, 0, scaled.width,
                                 scaled.height);
        *ret_scaled = source_of_raster(&scaled);
    }
    if (from_image != NULL) {
        pixman_image_unref(from_image);
    }
    if (to_image != NULL) {
        pixman_image_unref(to_image);
    }
    return status;
}
