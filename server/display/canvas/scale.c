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

Status source_scale(Draw *draw, const Source *source, const Scaling *scaling, Source *ret_scaled)
{
    const QXLRect *box = &draw->drawable->box, *from = &scaling->src_area;
    const int64_t src_width = (int64_t)from->right - from->left,
                  src_height = (int64_t)from->bottom - from->top;
    const int64_t width = (int64_t)box->right - box->left, height = (int64_t)box->bottom - box->top;
    const pixman_fixed_t fx = scale_factor(src_width, width), fy = scale_factor(src_height, height);

    if (fx == 0 || fy == 0) {
        return qxl_fault(draw->fault, "an image is scaled too far", (uint64_t)src_width);
    }
    const int64_t start_x = scale_start(from->left, src_width, width, fx, scaling->rounded);
    const int64_t start_y = scale_start(from->top, src_height, height, fy, scaling->rounded);
    /* The pixels that those of the area's box are made of, and a margin for neighbours and rounding. */
    const Box *area = &draw->area.box;
    const int64_t margin_x = (fx >> 16) + 2, margin_y = (fy >> 16) + 2;
    Box window = {
        .x1 = clamp(((start_x + (int64_t)fx * (area->x1 - box->left)) >> 16) - margin_x),
        .y1 = clamp(((start_y + (int64_t)fy * (area->y1 - box->top)) >> 16) - margin_y),
        .x2 = clamp(((start_x + (int64_t)fx * (area->x2 - box->left)) >> 16) + margin_x),
        .y2 = clamp(((start_y + (int64_t)fy * (area->y2 - box->top)) >> 16) + margin_y),
    };
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
        const int64_t x = start_x + (int64_t)fx * (area->x1 - box->left) - (int64_t)window.x1 * 65536;
        const int64_t y = start_y + (int64_t)fy * (area->y1 - box->top) - (int64_t)window.y1 * 65536;
        const pixman_transform_t transform = {
            .matrix = {{fx, 0, clamp(x)}, {0, fy, clamp(y)}, {0, 0, pixman_fixed_1}}};
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
