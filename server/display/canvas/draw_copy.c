/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copy, blend, opaque, rop3, transparent, copy bits: bits of a source. */
#include <string.h>

#include <spice/enums.h>

#include "base/check.h"
#include "display/canvas/draw.h"

static bool same_size(const QXLRect *a, const QXLRect *b)
{
    return (int64_t)a->right - a->left == (int64_t)b->right - b->left &&
           (int64_t)a->bottom - a->top == (int64_t)b->bottom - b->top;
}

static int32_t clamp(int64_t value)
{
    return (int32_t)(value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : value);
}

/* A source with the place where it goes, and that part of the area that it has pixels for. */
typedef struct Placed {
    Source source;
    int64_t dx, dy; /* of the pixel (X, Y): (X + dx, Y + dy) */
    Area area;
} Placed;

typedef struct Placing {
    const QxlImage *image;
    const QXLRect *src_area;
    uint8_t scale_mode;
    bool to_surface; /* the result goes straight to the surface, so scaled pixels have its format */
    bool rounded;
} Placing;

static Status source_place(Draw *draw, const Placing *placing, Placed *ret_placed)
{
    const QXLRect *from = placing->src_area, *box = &draw->drawable->box;
    Source *source = &ret_placed->source;

    ret_placed->area = draw->area;
    Status status = source_open(draw, placing->image, SOURCE_CONVERTED, SCRATCH_SOURCE, source);
    if (status != STATUS_OK) {
        return status;
    }
    if (!same_size(from, box)) {
        const Scaling scaling = {
            .src_area = *from,
            .filter = placing->scale_mode == SPICE_IMAGE_SCALE_MODE_NEAREST ? PIXMAN_FILTER_NEAREST
                                                                            : PIXMAN_FILTER_GOOD,
            .format = placing->to_surface ? draw->canvas->raster.format : source->format,
            .rounded = placing->rounded,
        };
        Source scaled;
        status = source_scale(draw, source, &scaling, &scaled);
        if (status == STATUS_OK) {
            *source = scaled;
            ret_placed->dx = -(int64_t)draw->area.box.x1;
            ret_placed->dy = -(int64_t)draw->area.box.y1;
        }
        return status;
    }
    ret_placed->dx = (int64_t)from->left - box->left;
    ret_placed->dy = (int64_t)from->top - box->top;
    const Box there = {.x1 = clamp(-ret_placed->dx),
                       .y1 = clamp(-ret_placed->dy),
                       .x2 = clamp(source->width - ret_placed->dx),
                       .y2 = clamp(source->height - ret_placed->dy)};
    if (!box_intersect(&ret_placed->area.box, &there)) {
        ret_placed->area.count = 0;
    }
    return STATUS_OK;
}

static Paint paint_of(const Draw *draw, uint8_t code, const Placed *placed)
{
    return (Paint){.dest = &draw->canvas->raster,
                   .code = code,
                   .source = &placed->source,
                   .dx = placed->dx,
                   .dy = placed->dy};
}

Status draw_copy(Draw *draw)
{
    const QxlCopy *copy = &draw->drawable->u.copy;
    const uint8_t code = rop_of_descriptor(copy->rop, ROP_S, SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST);
    const Placing placing = {.image = copy->src,
                             .src_area = &copy->src_area,
                             .scale_mode = copy->scale_mode,
                             .to_surface = code == ROP_S};
    Placed placed = {0};
    const Status status = source_place(draw, &placing, &placed);
    if (status == STATUS_OK) {
        const Paint paint = paint_of(draw, code, &placed);
        paint_area(&paint, &placed.area);
    }
    return status;
}

/* The source first, then the brush on top of it. */
Status draw_opaque(Draw *draw)
{
    const QxlOpaque *opaque = &draw->drawable->u.opaque;
    const Placing placing = {.image = opaque->src,
                             .src_area = &opaque->src_area,
                             .scale_mode = opaque->scale_mode,
                             .to_surface = true};
    Placed placed = {0};
    Status status = source_place(draw, &placing, &placed);
    Paint brush = {.dest = &draw->canvas->raster,
                   .code =
                       rop_of_descriptor(opaque->rop, ROP_P, SPICE_ROPD_INVERS_BRUSH, SPICE_ROPD_INVERS_SRC)};
    if (status == STATUS_OK) {
        status = paint_brush(draw, &brush, &opaque->brush);
    }
    if (status == STATUS_OK) {
        const Paint paint = paint_of(draw, ROP_S, &placed);
        paint_area(&paint, &placed.area);
        paint_area(&brush, &draw->area);
    }
    return status;
}

Status draw_rop3(Draw *draw)
{
    const QxlRop3 *rop3 = &draw->drawable->u.rop3;
    const Placing placing = {
        .image = rop3->src, .src_area = &rop3->src_area, .scale_mode = rop3->scale_mode, .rounded = true};
    Placed placed = {0};
    Status status = source_place(draw, &placing, &placed);
    if (status != STATUS_OK) {
        return status;
    }
    Paint paint = paint_of(draw, rop3->rop3, &placed);
    status = paint_brush(draw, &paint, &rop3->brush);
    if (status == STATUS_OK) {
        paint_area(&paint, &placed.area);
    }
    return status;
}

/* ---- Transparent ---- */

typedef struct Keyed {
    const Raster *dest;
    const Placed *placed;
    uint32_t key, counts; /* bits of a pixel, and which of them are compared */
} Keyed;

static void keyed_run(const Keyed *keyed, uint8_t *d, const uint8_t *s, size_t n)
{
    const size_t bytes = run_pixel_bytes(keyed->dest->format);

    for (size_t i = 0; bytes == 4 && i < n;
         i++) { /* nearly all of them; a branch would be hard to foretell */
        uint32_t from, to;
        memcpy(&from, s + i * 4, 4);
        memcpy(&to, d + i * 4, 4);
        to = (from & keyed->counts) != keyed->key ? from : to;
        memcpy(d + i * 4, &to, 4);
    }
    if (bytes == 4) {
        return;
    }
    for (size_t i = 0; i < n * bytes; i += bytes) {
        uint32_t value = 0;
        memcpy(&value, s + i, bytes);
        if ((value & keyed->counts) != keyed->key) {
            memcpy(d + i, s + i, bytes);
        }
    }
}

static void keyed_box(void *opaque, const Box *box)
{
    const Keyed *keyed = opaque;
    const Placed *placed = keyed->placed;
    const bool packed = PIXMAN_FORMAT_BPP(keyed->dest->format) < 8;
    uint8_t s_room[RUN_BYTES], d_room[RUN_PIXELS];

    for (int32_t y = box->y1; y < box->y2; y++) {
        uint8_t *line = raster_line(keyed->dest, y);
        for (int64_t x = box->x1; x < box->x2; x += RUN_PIXELS) {
            const size_t n = (size_t)(box->x2 - x < RUN_PIXELS ? box->x2 - x : RUN_PIXELS);
            const uint8_t *s = source_run(&placed->source, x + placed->dx, y + placed->dy, n, s_room);
            if (!packed) {
                keyed_run(keyed, line + (size_t)x * run_pixel_bytes(keyed->dest->format), s, n);
                continue;
            }
            bits_to_run(line, x, n, d_room);
            keyed_run(keyed, d_room, s, n);
            bits_from_run(line, x, n, d_room);
        }
    }
}

Status draw_transparent(Draw *draw)
{
    const QxlTransparent *transparent = &draw->drawable->u.transparent;
    const Placing placing = {.image = transparent->src,
                             .src_area = &transparent->src_area,
                             .scale_mode = SPICE_IMAGE_SCALE_MODE_NEAREST};
    Placed placed = {0};
    Keyed keyed = {.dest = &draw->canvas->raster, .placed = &placed, .counts = UINT32_MAX};
    const uint32_t color = transparent->true_color;
    const Status status = source_place(draw, &placing, &placed);
    if (status != STATUS_OK) {
        return status;
    }
    switch (draw->canvas->format) {
    case SPICE_SURFACE_FMT_32_xRGB:
    case SPICE_SURFACE_FMT_32_ARGB:
        keyed.counts = 0xffffff;
        keyed.key = color & keyed.counts;
        break;
    case SPICE_SURFACE_FMT_16_555:
        keyed.key = (color >> 9 & 0x7c00) | (color >> 6 & 0x03e0) | (color >> 3 & 0x001f);
        break;
    case SPICE_SURFACE_FMT_16_565:
        keyed.key = (color >> 8 & 0xf800) | (color >> 5 & 0x07e0) | (color >> 3 & 0x001f);
        break;
    default: /* no colours: what is 0 is transparent */
        break;
    }
    area_each(&placed.area, keyed_box, &keyed);
    return STATUS_OK;
}

/* ---- Copy bits ---- */

/* As if all were read before anything is written. */
static void box_move(const Raster *raster, const Box *box, int64_t dx, int64_t dy)
{
    const size_t bytes = run_pixel_bytes(raster->format);
    const int32_t lines = box->y2 - box->y1;
    for (int32_t i = 0; i < lines; i++) {
        const int64_t y = dy < 0 ? box->y2 - 1 - i : box->y1 + i;
        memmove(raster_line(raster, y) + (size_t)box->x1 * bytes,
                raster_line(raster, y + dy) + (size_t)(box->x1 + dx) * bytes,
                (size_t)(box->x2 - box->x1) * bytes);
    }
}

bool canvas_can_move(const Canvas *canvas)
{
    return PIXMAN_FORMAT_BPP(canvas->raster.format) >= 8;
}

void canvas_move(CanvasSet *set, const Canvas *canvas, const pixman_box32_t *from, int32_t x, int32_t y)
{
    const Box to = {.x1 = x, .y1 = y, .x2 = x + (from->x2 - from->x1), .y2 = y + (from->y2 - from->y1)};

    CHECK(canvas_can_move(canvas));
    box_move(&canvas->raster, &to, (int64_t)from->x1 - x, (int64_t)from->y1 - y);
    set->work += (uint64_t)(to.x2 - to.x1) * (uint64_t)(to.y2 - to.y1) / CANVAS_PIXELS_PER_STEP + 1;
}

Status draw_copy_bits(Draw *draw)
{
    const Raster *raster = &draw->canvas->raster;
    const QXLRect *box = &draw->drawable->box;
    const int64_t dx = (int64_t)draw->drawable->u.copy_bits.x - box->left;
    const int64_t dy = (int64_t)draw->drawable->u.copy_bits.y - box->top;
    const Box there = {.x1 = clamp(-dx),
                       .y1 = clamp(-dy),
                       .x2 = clamp(raster->width - dx),
                       .y2 = clamp(raster->height - dy)};
    Area *area = &draw->area;

    if ((dx == 0 && dy == 0) || !box_intersect(&area->box, &there)) {
        return STATUS_OK;
    }
    if (area->count == 1 && canvas_can_move(draw->canvas)) {
        box_move(raster, &area->box, dx, dy); /* which is as small as its one rectangle, but for `there` */
        return STATUS_OK;
    }
    /* Rectangles may be written before others are read: keep all. */
    const Box window = {.x1 = (int32_t)(area->box.x1 + dx),
                        .y1 = (int32_t)(area->box.y1 + dy),
                        .x2 = (int32_t)(area->box.x2 + dx),
                        .y2 = (int32_t)(area->box.y2 + dy)};
    Raster copy;
    const Status status = canvas_keep(draw, &window, SCRATCH_SOURCE, &copy);
    if (status != STATUS_OK) {
        return status;
    }
    const Source kept = source_of_raster(&copy);
    const Paint paint = {.dest = raster,
                         .code = ROP_S,
                         .source = &kept,
                         .dx = -(int64_t)area->box.x1,
                         .dy = -(int64_t)area->box.y1};
    paint_area(&paint, area);
    return STATUS_OK;
}
