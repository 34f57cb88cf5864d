/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.h: what the operations of a canvas share, and the operations.
 *
 * canvas_draw() finds the area, then calls one draw_*(); they get their pixels from Sources and put them with Paints, or
 * with pixman where pixels are blended.
 */
#pragma once

#include "display/canvas/pixels.h"

/* ---- Memory ---- */

/* Each of these has one block of scratch memory. */
typedef enum Scratch {
    SCRATCH_MASK,
    SCRATCH_SOURCE,        /* what a surface showed before it was drawn on, or what was decoded */
    SCRATCH_SOURCE_WINDOW, /* pixels of an image that pixman is to see */
    SCRATCH_PATTERN,
    SCRATCH_PATTERN_WINDOW,
    SCRATCH_SCALED,
    SCRATCH_RESULT, /* a copy of the destination */
    SCRATCH_PATH,
    SCRATCH_CODED, /* while it is decoded, for the guest may change it */
} Scratch;

/* NULL: there is no memory. Its contents are whatever they were; aligned for anything. */
void *scratch_take(CanvasSet *set, Scratch which, uint64_t bytes);

/* ---- Where ---- */

/* The pixels that a drawable may touch: those of some rectangles that lie in a box, and have their bit set if there are
 * bits. */
typedef struct Area {
    Box box; /* empty: nothing is drawn */
    uint32_t count;
    const QXLRect *rects;        /* disjoint, or */
    const pixman_box32_t *boxes; /* disjoint, or neither: `box` alone */
    pixman_region32_t region;    /* that has `boxes` */
    bool has_region;
    const uint8_t *bits; /* NULL: there are none */
    size_t bits_stride;
    Box bits_box; /* what they are for */
} Area;

typedef struct Draw {
    CanvasSet *set;
    const Canvas *canvas;
    const QxlDrawable *drawable;
    Area area;
    uint64_t work_left; /* steps that it may still cost */
    QxlFault *fault;
} Draw;

typedef struct Source Source;

Status area_open(Draw *draw, const QxlMask *mask); /* mask NULL: the operation has none */
void area_close(Area *area);
uint64_t area_work(const QxlClip *clip); /* steps that its rectangles may cost */
bool box_is_empty(const Box *box);
bool box_intersect(Box *box, const Box *other); /* false: nothing is left */
Box box_of(const QXLRect *rect);
uint64_t box_pixels(const Box *box); /* it is not empty */
/* Calls `each` for disjoint boxes that together are the area; none is empty. */
void area_each(const Area *area, void (*each)(void *opaque, const Box *box), void *opaque);

/* The same of what is also set in these bits, one for each pixel of a box that the area's lies in. */
void area_each_bit(const Area *area, const uint8_t *bits, size_t stride, const Box *bits_box,
                   void (*each)(void *opaque, const Box *box), void *opaque);
/* Makes it quick to call area_each() for many small boxes. Not for areas with bits. */
Status area_flatten(Draw *draw);

/* "There is no memory." */
Status draw_no_memory(Draw *draw);
/* It costs that many steps more. STATUS_LIMIT: that is too much, also later. */
Status draw_work(Draw *draw, uint64_t steps);

/* ---- From where ---- */

struct Source {
    int32_t width, height;
    pixman_format_code_t format; /* what is read from it */
    pixman_format_code_t native; /* what it is made of */
    Raster raster;               /* top NULL: a bitmap */
    const QxlBitmap *bitmap;
    bool high_bits_set, high_bits_clear;
    bool own_surface; /* it is a raster of some surface, not scratch */
};

typedef enum SourceForm {
    SOURCE_CONVERTED, /* pixels as wide as the canvas's */
    SOURCE_ORIGINAL,  /* in the format that keeps most */
    SOURCE_LIVE,      /* bitmaps converted, surfaces as they are, even the one that is drawn on */
} SourceForm;

/* `image` NULL: the self bitmap. `scratch` is one of _SOURCE, _PATTERN, _MASK. */
Status source_open(Draw *draw, const QxlImage *image, SourceForm form, Scratch scratch, Source *ret_source);
/* QUIC as a bitmap, which lies in `scratch` as its pixels do. */
Status quic_bitmap(Draw *draw, const QxlImage *image, Scratch scratch, const QxlBitmap **ret_bitmap);
/* `n` pixels from (x, y) on, all inside; 1 <= n <= RUN_PIXELS. They are in `room` (RUN_BYTES), or where they always
 * were. */
const uint8_t *source_run(const Source *source, int64_t x, int64_t y, size_t n, uint8_t *room);
/* Its pixels as a raster. The first is that of (window.x1, window.y1); window is cut to the source, and must not be
 * empty then. Surfaces are taken whole, as they are. */
Status source_raster(Draw *draw, const Source *source, Scratch scratch, Box *window, Raster *ret_raster);
Source source_of_raster(const Raster *raster);
/* A raster of scratch memory. */
Status raster_take(Draw *draw, Scratch scratch, pixman_format_code_t format, int64_t width, int64_t height,
                   Raster *ret_raster);
/* What the canvas shows in `box`, which lies in it, kept. */
Status canvas_keep(Draw *draw, const Box *box, Scratch scratch, Raster *ret_raster);
/* NULL: there is no memory. */
pixman_image_t *raster_image(const Raster *raster);
/* The same, from what is kept; it must not be given transforms, repeats or the like. */
pixman_image_t *raster_image_kept(CanvasImage *kept, const Raster *raster);

/* The source's src_area as large as the drawable's box: *ret_scaled is what there is of that for the area's box, its
 * first pixel that of (area.box.x1, area.box.y1). */
typedef struct Scaling {
    QXLRect src_area;
    pixman_filter_t filter;
    pixman_format_code_t format; /* of the result */
    bool rounded; /* the first pixel is placed as ROP3 does it, rounded to pixels of the destination */
} Scaling;

Status source_scale(Draw *draw, const Source *source, const Scaling *scaling, Source *ret_scaled);
/* The factor in 16.16, or 0 if it is out of range. */
pixman_fixed_t scale_factor(int64_t source_len, int64_t dest_len);

/* ---- Paint: bits combined with bits ---- */

typedef struct Paint {
    const Raster *dest;
    uint8_t code; /* of pixels.h */
    const Source
        *source; /* of the pixel (X, Y): (X + dx, Y + dy), which lies inside; same width of pixels as dest */
    int64_t dx, dy;
    bool has_pattern;
    Source pattern;
    QXLPoint pattern_pos;
    uint32_t color; /* unless there is a pattern */
} Paint;

/* Without it the color is 0. */
Status paint_brush(Draw *draw, Paint *paint, const QxlBrush *brush);
void paint_box(void *paint, const Box *box);
void paint_area(const Paint *paint, const Area *area);
/* The brush's pixels, n from (x, y) on, which is anywhere. */
void pattern_run(const Source *pattern, QXLPoint pos, int64_t x, int64_t y, size_t n, uint8_t *run);

/* ---- What ---- */

Status draw_fill(Draw *draw); /* fill, blackness, whiteness, invers */
Status draw_copy(Draw *draw); /* copy, blend */
Status draw_opaque(Draw *draw);
Status draw_rop3(Draw *draw);
Status draw_copy_bits(Draw *draw);
Status draw_transparent(Draw *draw);
Status draw_alpha_blend(Draw *draw);
Status draw_composite(Draw *draw);
Status draw_text(Draw *draw);
Status draw_stroke(Draw *draw);

/* ---- Blend: what pixman does ---- */

/* Pixels of `source`, through those of `mask`, onto those of `dest`, box by box. */
typedef struct Blend {
    pixman_op_t op;
    pixman_image_t *source, *mask, *dest; /* mask NULL: there is none */
    int64_t source_dx, source_dy;         /* of the pixel (X, Y): (X + dx, Y + dy) */
    int64_t mask_dx, mask_dy;
    const Raster *clear; /* afterwards, 0 in the byte of its pixels that nobody uses; NULL: leave it */
} Blend;

void blend_box(void *blend, const Box *box);
void blend_area(const Blend *blend, const Area *area);
void blend_finish(Blend *blend); /* drops the images, NULL among them */
/* What to `clear`: pixman leaves there what its code for the processor finds convenient. */
const Raster *blend_clears(const Raster *raster);
