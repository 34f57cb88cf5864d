/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/canvas/canvas.h"

#include <spice/enums.h>

#include "display/canvas/draw.h"

_Static_assert(SCRATCH_CODED + 1 == CANVAS_SCRATCHES, "a set has room for every kind of scratch");

static pixman_format_code_t format_of_surface(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return PIXMAN_a1;
    case SPICE_SURFACE_FMT_8_A:
        return PIXMAN_a8;
    case SPICE_SURFACE_FMT_16_555:
        return PIXMAN_x1r5g5b5;
    case SPICE_SURFACE_FMT_16_565:
        return PIXMAN_r5g6b5;
    case SPICE_SURFACE_FMT_32_xRGB:
        return PIXMAN_x8r8g8b8;
    default:
        return PIXMAN_a8r8g8b8;
    }
}

Status canvas_init(Canvas *canvas, const QxlGeometry *geometry, void *pixels, QxlFault *ret_fault)
{
    const unsigned depth = qxl_surface_depth(geometry->format);
    const int64_t stride = geometry->stride;
    const uint64_t line = ((uint64_t)geometry->width * depth + 7) / 8;

    if (depth == 0 || geometry->width == 0 || geometry->height == 0 || geometry->width > INT32_MAX ||
        geometry->height > INT32_MAX || (uint64_t)(stride < 0 ? -stride : stride) < line) {
        return qxl_fault(ret_fault, "no geometry of a surface", geometry->format);
    }
    if (stride % 4 != 0 || (uintptr_t)pixels % 4 != 0) {
        return qxl_fault(ret_fault, "a surface whose lines are not aligned to 4 bytes",
                         (uintptr_t)pixels % 4);
    }
    const ptrdiff_t first = stride < 0 ? (ptrdiff_t)(-stride * ((int64_t)geometry->height - 1)) : 0;
    *canvas = (Canvas){
        .format = geometry->format,
        .raster = {.top = (uint8_t *)pixels + first,
                   .stride = (ptrdiff_t)stride,
                   .width = (int32_t)geometry->width,
                   .height = (int32_t)geometry->height,
                   .format = format_of_surface(geometry->format)},
    };
    return STATUS_OK;
}

CanvasSet canvas_set_of(const QxlMemory *memory, const Canvas *(*find)(void *opaque, uint32_t surface_id),
                        void *opaque)
{
    return (CanvasSet){.memory = *memory, .find = find, .opaque = opaque};
}

static void scratch_free(CanvasSet *set, size_t above_bytes)
{
    for (unsigned i = 0; i < CANVAS_SCRATCHES; i++) {
        if (set->scratch[i].bytes > above_bytes) {
            set->memory.free(set->memory.opaque, set->scratch[i].memory);
            set->scratch[i].memory = NULL;
            set->scratch[i].bytes = 0;
        }
    }
}

void canvas_set_finish(CanvasSet *set)
{
    pixman_image_t *images[] = {set->text_dest.image, set->text_mask.image, set->text_ink};

    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        if (images[i] != NULL) {
            pixman_image_unref(images[i]);
        }
    }
    scratch_free(set, 0);
    quic_decoder_free(set->quic);
    set->quic = NULL;
}

void *scratch_take(CanvasSet *set, Scratch which, uint64_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    if (set->scratch[which].bytes < bytes || set->scratch[which].memory == NULL) {
        /* Growing by half saves most of the steps on the way to a common size. */
        const size_t some = set->scratch[which].bytes + set->scratch[which].bytes / 2;
        const size_t wanted = bytes > some ? (size_t)bytes : some;
        uint8_t *memory = set->memory.alloc(set->memory.opaque, wanted > 0 ? wanted : 1);
        if (memory == NULL) {
            return NULL;
        }
        if (set->scratch[which].memory != NULL) {
            set->memory.free(set->memory.opaque, set->scratch[which].memory);
        }
        set->scratch[which].memory = memory;
        set->scratch[which].bytes = wanted > 0 ? wanted : 1;
    }
    return set->scratch[which].memory;
}

Status draw_no_memory(Draw *draw)
{
    qxl_fault(draw->fault, "no memory to draw with", draw->drawable->type);
    return STATUS_LIMIT;
}

Status draw_work(Draw *draw, uint64_t steps)
{
    if (steps < draw->work_left) {
        draw->work_left -= steps;
        return STATUS_OK;
    }
    draw->work_left = 0;
    qxl_fault(draw->fault, "a drawing of more work than its size is worth", draw->drawable->type);
    return STATUS_LIMIT;
}

static const QxlMask *mask_of(const QxlDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_FILL:
        return &drawable->u.fill.mask;
    case QXL_DRAW_OPAQUE:
        return &drawable->u.opaque.mask;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return &drawable->u.copy.mask;
    case QXL_DRAW_ROP3:
        return &drawable->u.rop3.mask;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return &drawable->u.mask;
    default:
        return NULL;
    }
}

static uint64_t work_most(uint64_t pixels)
{
    return CANVAS_WORK_MIN + CANVAS_WORK_PER_PIXEL * pixels;
}

#define STROKE_PIXEL_STEPS UINT64_C(4) /* of a slanted line */
#define MASK_PIXEL_STEPS 2u            /* where every other one is drawn */
#define SAMPLED_PIXEL_STEPS 8u         /* of an image that is turned */

/* What its size alone makes it cost. */
static uint64_t work_least(const QxlDrawable *drawable, uint64_t pixels)
{
    const QxlComposite *composite = &drawable->u.composite;

    if (drawable->type != QXL_DRAW_COMPOSITE) {
        return pixels / CANVAS_PIXELS_PER_STEP + 1;
    }
    const bool sampled = composite->src_transform != NULL || composite->mask_transform != NULL;
    return pixels * (sampled ? SAMPLED_PIXEL_STEPS : 1) + 1;
}

uint64_t canvas_work_of(const QxlDrawable *drawable)
{
    const Box box = box_of(&drawable->box);
    const uint64_t pixels = box_pixels(&box), most = work_most(pixels);
    uint64_t work = area_work(&drawable->clip);

    for (uint32_t i = 0; i < drawable->image_count; i++) {
        const QxlImage *image = drawable->images[i];
        if (image->type == SPICE_IMAGE_TYPE_BITMAP) {
            work += (uint64_t)image->width * image->height / CANVAS_PIXELS_PER_STEP;
        } else if (image->type == SPICE_IMAGE_TYPE_QUIC) {
            work += (uint64_t)image->width * image->height / CANVAS_QUIC_PIXELS_PER_STEP;
        }
    }
    const QxlMask *mask = mask_of(drawable);
    if (mask != NULL && mask->image != NULL) {
        work += MASK_PIXEL_STEPS * pixels;
    }
    if (drawable->type == QXL_DRAW_STROKE) {
        const int64_t width = (int64_t)box.x2 - box.x1, height = (int64_t)box.y2 - box.y1;
        work +=
            STROKE_PIXEL_STEPS * drawable->u.stroke.path.points * (uint64_t)(width > height ? width : height);
    }
    return work_least(drawable, pixels) + (work < most ? work : most);
}

static Status draw_by_type(Draw *draw)
{
    switch (draw->drawable->type) {
    case QXL_DRAW_NOP:
        return STATUS_OK;
    case QXL_DRAW_FILL:
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return draw_fill(draw);
    case QXL_DRAW_OPAQUE:
        return draw_opaque(draw);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return draw_copy(draw);
    case QXL_COPY_BITS:
        return draw_copy_bits(draw);
    case QXL_DRAW_ROP3:
        return draw_rop3(draw);
    case QXL_DRAW_TRANSPARENT:
        return draw_transparent(draw);
    case QXL_DRAW_ALPHA_BLEND:
        return draw_alpha_blend(draw);
    case QXL_DRAW_COMPOSITE:
        return draw_composite(draw);
    case QXL_DRAW_TEXT:
        return draw_text(draw);
    case QXL_DRAW_STROKE:
        return draw_stroke(draw);
    default:
        return qxl_fault(draw->fault, "no such drawing", draw->drawable->type);
    }
}

Status canvas_draw(CanvasSet *set, const Canvas *canvas, const QxlDrawable *drawable, QxlFault *ret_fault)
{
    const Box whole = {.x2 = canvas->raster.width, .y2 = canvas->raster.height};
    Box seen = box_of(&drawable->box);
    const uint64_t pixels = box_intersect(&seen, &whole) ? box_pixels(&seen) : 0;
    const uint64_t work = work_most(pixels);
    Draw draw = {.set = set, .canvas = canvas, .drawable = drawable, .work_left = work, .fault = ret_fault};
    Status status = area_open(&draw, mask_of(drawable));
    if (status == STATUS_OK && !box_is_empty(&draw.area.box)) {
        status = draw_by_type(&draw);
    }
    area_close(&draw.area);
    set->work += work - draw.work_left + work_least(drawable, pixels);
    scratch_free(set, CANVAS_SCRATCH_KEEP_BYTES);
    return status;
}
