/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Alpha blend and composite: pixman's arithmetic. */
#include <string.h>

#include <spice/enums.h>

#include "display/canvas/draw.h"

/* ---- Blend ---- */

const Raster *blend_clears(const Raster *raster)
{
    return raster->format == PIXMAN_x8r8g8b8 ? raster : NULL;
}

void blend_box(void *opaque, const Box *box)
{
    const Blend *blend = opaque;
    pixman_image_composite32(blend->op, blend->source, blend->mask, blend->dest,
                             (int32_t)(box->x1 + blend->source_dx), (int32_t)(box->y1 + blend->source_dy),
                             (int32_t)(box->x1 + blend->mask_dx), (int32_t)(box->y1 + blend->mask_dy),
                             box->x1, box->y1, box->x2 - box->x1, box->y2 - box->y1);
    for (int32_t y = box->y1; blend->clear != NULL && y < box->y2; y++) {
        uint8_t *line = raster_line(blend->clear, y);
        for (int64_t x = box->x1; x < box->x2; x++) {
            line[x * 4 + 3] = 0;
        }
    }
}

void blend_area(const Blend *blend, const Area *area)
{
    area_each(area, blend_box, (void *)(uintptr_t)blend);
}

void blend_finish(Blend *blend)
{
    pixman_image_t *images[] = {blend->source, blend->mask, blend->dest};
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        if (images[i] != NULL) {
            pixman_image_unref(images[i]);
        }
    }
}

/* ---- Alpha blend ---- */

/* The source's pixels as a raster, in the size in which they are drawn. False: there are none. */
static Status alpha_source(Draw *draw, const Source *source, Blend *blend, bool *ret_any)
{
    const QxlAlphaBlend *alpha = &draw->drawable->u.alpha_blend;
    const QXLRect *from = &alpha->src_area, *to = &draw->drawable->box;
    const Box *area = &draw->area.box;
    Raster raster;
    Status status;

    *ret_any = true;
    if ((int64_t)from->right - from->left != (int64_t)to->right - to->left ||
        (int64_t)from->bottom - from->top != (int64_t)to->bottom - to->top) {
        const Scaling scaling = {
            .src_area = *from, .filter = PIXMAN_FILTER_NEAREST, .format = PIXMAN_a8r8g8b8};
        Source scaled;
        status = source_scale(draw, source, &scaling, &scaled);
        raster = scaled.raster;
        blend->source_dx = -(int64_t)area->x1;
        blend->source_dy = -(int64_t)area->y1;
    } else {
        const int64_t dx = (int64_t)from->left - to->left, dy = (int64_t)from->top - to->top;
        Box window = {.x1 = (int32_t)(area->x1 + dx),
                      .y1 = (int32_t)(area->y1 + dy),
                      .x2 = (int32_t)(area->x2 + dx),
                      .y2 = (int32_t)(area->y2 + dy)};
        const Box all = {.x2 = source->width, .y2 = source->height};
        *ret_any = box_intersect(&window, &all);
        if (!*ret_any) {
            return STATUS_OK;
        }
        status = source_raster(draw, source, SCRATCH_SOURCE_WINDOW, &window, &raster);
        blend->source_dx = dx - window.x1;
        blend->source_dy = dy - window.y1;
    }
    if (status == STATUS_OK) {
        blend->source = raster_image(&raster);
    }
    return status;
}

Status draw_alpha_blend(Draw *draw)
{
    const QxlAlphaBlend *alpha = &draw->drawable->u.alpha_blend;
    Raster dest = draw->canvas->raster;
    Source source;
    bool any;

    if (alpha->alpha == 0) {
        return STATUS_OK;
    }
    Status status = source_open(draw, alpha->src, SOURCE_ORIGINAL, SCRATCH_SOURCE, &source);
    if (status != STATUS_OK) {
        return status;
    }
    if (source.raster.top != NULL && source.format == PIXMAN_x8r8g8b8 &&
        (alpha->flags & SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA) != 0) {
        source.raster.format = source.native = source.format = PIXMAN_a8r8g8b8;
    }
    if (dest.format == PIXMAN_x8r8g8b8 && (alpha->flags & SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA) != 0) {
        dest.format = PIXMAN_a8r8g8b8;
    }
    Blend blend = {.op = PIXMAN_OP_OVER, .clear = blend_clears(&dest)};
    status = alpha_source(draw, &source, &blend, &any);
    if (status == STATUS_OK && any) {
        const pixman_color_t overall = {.alpha = (uint16_t)(alpha->alpha * 0x101)};
        blend.mask = alpha->alpha != 0xff ? pixman_image_create_solid_fill(&overall) : NULL;
        blend.dest = raster_image(&dest);
        if (blend.source != NULL && blend.dest != NULL && (blend.mask != NULL || alpha->alpha == 0xff)) {
            blend_area(&blend, &draw->area);
        } else {
            status = draw_no_memory(draw);
        }
    }
    blend_finish(&blend);
    return status;
}

/* ---- Composite ---- */

/* Those of the protocol, which are pixman's numbers; it looks up others behind its table's end. */
static bool op_is_known(uint8_t op)
{
    return op <= QXL_OP_SATURATE || (op >= QXL_OP_MULTIPLY && op <= QXL_OP_HSL_LUMINOSITY);
}

typedef struct Sampling {
    const QxlImage *image;
    const QxlTransform *transform;
    uint8_t filter, repeat;
    QXLPoint16 origin;
    bool opaque, component_alpha;
    Scratch whole, window, tiles;
} Sampling;

/* Pixman walks to a pixel of an image that repeats one image after the other: where the image is small and the pixel far, a
 * guest could make it walk for ever. Several images side by side are the same image, and soon passed. */
#define TILE_SIDE 1024   /* pixels at least */
#define TILE_WALK_MAX 64 /* images that it may pass */

static int64_t farthest(const int32_t row[3], const Sampling *sampling, const Box *box)
{
    const int64_t xs[] = {sampling->origin.x, sampling->origin.x + (box->x2 - box->x1)};
    const int64_t ys[] = {sampling->origin.y, sampling->origin.y + (box->y2 - box->y1)};
    int64_t most = 0;
    for (unsigned i = 0; i < 4; i++) {
        const int64_t at = (row[0] * xs[i % 2] + row[1] * ys[i / 2] + row[2]) / 65536;
        most = at > most ? at : -at > most ? -at : most;
    }
    return most;
}

/* How many of them it takes, side by side. */
static int64_t tiles_of(int64_t side, int64_t far)
{
    return far / side > TILE_WALK_MAX ? (TILE_SIDE + side - 1) / side : 1;
}

static Status tile_enlarge(Draw *draw, const Sampling *sampling, const Box *box, Raster *raster)
{
    const QxlTransform *transform = sampling->transform;
    if (transform == NULL || sampling->repeat != PIXMAN_REPEAT_NORMAL) {
        return STATUS_OK;
    }
    const int64_t across = tiles_of(raster->width, farthest(transform->t[0], sampling, box));
    const int64_t down = tiles_of(raster->height, farthest(transform->t[1], sampling, box));
    if (across == 1 && down == 1) {
        return STATUS_OK;
    }
    const Source tile = source_of_raster(raster);
    const Box all = {.x2 = (int32_t)(across * raster->width), .y2 = (int32_t)(down * raster->height)};
    Raster large;
    Status status = draw_work(draw, (uint64_t)all.x2 * (uint64_t)all.y2 / CANVAS_PIXELS_PER_STEP);
    if (status == STATUS_OK) {
        status = raster_take(draw, sampling->tiles, raster->format, all.x2, all.y2, &large);
    }
    if (status == STATUS_OK) {
        const Paint paint = {.dest = &large, .code = ROP_P, .has_pattern = true, .pattern = tile};
        paint_box((void *)(uintptr_t)&paint, &all);
        *raster = large;
    }
    return status;
}

/* An image, and which of its pixels belongs to the box's first. */
static Status sampled_image(Draw *draw, const Sampling *sampling, const Box *box, pixman_image_t **ret_image,
                            int64_t *ret_x, int64_t *ret_y)
{
    Source source;
    Status status = source_open(draw, sampling->image, SOURCE_LIVE, sampling->whole, &source);
    if (status != STATUS_OK) {
        return status;
    }
    Box window = {.x2 = source.width, .y2 = source.height};
    Raster raster;
    status = source_raster(draw, &source, sampling->window, &window, &raster);
    if (status != STATUS_OK) {
        return status;
    }
    if (sampling->opaque && source.own_surface && raster.format == PIXMAN_a8r8g8b8) {
        raster.format = PIXMAN_x8r8g8b8;
    }
    status = tile_enlarge(draw, sampling, box, &raster);
    if (status != STATUS_OK) {
        return status;
    }
    pixman_image_t *image = raster_image(&raster);
    if (image == NULL) {
        return draw_no_memory(draw);
    }
    if (sampling->transform != NULL) {
        pixman_transform_t transform = {.matrix = {[2] = {0, 0, pixman_fixed_1}}};
        memcpy(transform.matrix, sampling->transform->t, sizeof(sampling->transform->t));
        pixman_image_set_transform(image, &transform);
    }
    pixman_image_set_filter(image, (pixman_filter_t)sampling->filter, NULL, 0);
    pixman_image_set_repeat(image, (pixman_repeat_t)sampling->repeat);
    pixman_image_set_component_alpha(image, sampling->component_alpha);
    *ret_image = image;
    *ret_x = sampling->origin.x;
    *ret_y = sampling->origin.y;
    return STATUS_OK;
}

Status draw_composite(Draw *draw)
{
    const QxlComposite *composite = &draw->drawable->u.composite;
    const Sampling source = {.image = composite->src,
                             .transform = composite->src_transform,
                             .filter = composite->src_filter,
                             .repeat = composite->src_repeat,
                             .origin = composite->src_origin,
                             .opaque = (composite->flags & SPICE_COMPOSITE_SOURCE_OPAQUE) != 0,
                             .whole = SCRATCH_SOURCE,
                             .window = SCRATCH_SOURCE_WINDOW,
                             .tiles = SCRATCH_SCALED};
    const Sampling mask = {.image = composite->mask,
                           .transform = composite->mask_transform,
                           .filter = composite->mask_filter,
                           .repeat = composite->mask_repeat,
                           .origin = composite->mask_origin,
                           .component_alpha = (composite->flags & SPICE_COMPOSITE_COMPONENT_ALPHA) != 0,
                           .whole = SCRATCH_PATTERN,
                           .window = SCRATCH_PATTERN_WINDOW,
                           .tiles = SCRATCH_PATH};
    Blend blend = {.op = (pixman_op_t)composite->op};
    Raster result;

    if (!op_is_known(composite->op) || source.filter > PIXMAN_FILTER_BILINEAR ||
        mask.filter > PIXMAN_FILTER_BILINEAR || source.repeat > PIXMAN_REPEAT_REFLECT ||
        mask.repeat > PIXMAN_REPEAT_REFLECT) {
        return qxl_fault(draw->fault, "no such way to composite", composite->flags);
    }
    /* Aside, for the surface may be its own source; and all of the box, for pixman's last bit can depend on where it
     * begins. */
    Box box = box_of(&draw->drawable->box);
    const Box surface = {.x2 = draw->canvas->raster.width, .y2 = draw->canvas->raster.height};
    box_intersect(&box, &surface);
    Status status = sampled_image(draw, &source, &box, &blend.source, &blend.source_dx, &blend.source_dy);
    if (status == STATUS_OK && composite->mask != NULL) {
        status = sampled_image(draw, &mask, &box, &blend.mask, &blend.mask_dx, &blend.mask_dy);
    }
    if (status == STATUS_OK) {
        status = canvas_keep(draw, &box, SCRATCH_RESULT, &result);
    }
    if (status == STATUS_OK) {
        blend.dest = raster_image(&result);
        const Box all = {.x2 = result.width, .y2 = result.height};
        if (blend.dest == NULL) {
            status = draw_no_memory(draw);
        } else {
            blend_box(&blend, &all);
        }
    }
    if (status == STATUS_OK) {
        const Source from = source_of_raster(&result);
        const Paint paint = {.dest = &draw->canvas->raster,
                             .code = ROP_S,
                             .source = &from,
                             .dx = -(int64_t)box.x1,
                             .dy = -(int64_t)box.y1};
        paint_area(&paint, &draw->area);
    }
    blend_finish(&blend);
    return status;
}
