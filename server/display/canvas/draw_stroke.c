/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stroke: a path's segments become polylines, which are drawn as they go. */
#include <string.h>

#include <spice/enums.h>

#include "display/canvas/stroke.h"

/* Steps: */
#define STROKE_BOX_STEPS 3u      /* for some pixels in a row; a pixel of it costs one more */
#define STROKE_HALVING_STEPS 4u  /* for half a curve */
#define STROKE_BYTES_PER_STEP 4u /* of bits that are looked at */

typedef struct Pen {
    Draw *draw;
    Paint paint;
    Dashes *dashes; /* NULL: lines are whole */
    bool down;      /* there is a polyline, with these: */
    LinePoint first, at;
} Pen;

/* The draw's status is that of its work, so that what is called back need not say it. */
static Status pen_status(const Pen *pen)
{
    return pen->draw->work_left > 0 ? STATUS_OK : STATUS_LIMIT;
}

static void pen_box(void *opaque, const Box *box)
{
    const Pen *pen = opaque;
    Area area = pen->draw->area;
    if (box_intersect(&area.box, box) &&
        draw_work(pen->draw, STROKE_BOX_STEPS + box_pixels(box)) == STATUS_OK) {
        paint_area(&pen->paint, &area);
    }
}

static Status pen_to(Pen *pen, LinePoint to)
{
    Status status = STATUS_OK;
    if (!pen->down) {
        pen->down = true;
        pen->first = to;
        if (pen->dashes != NULL) {
            dashes_begin(pen->dashes);
        }
    } else if (pen->dashes != NULL) {
        status = dashes_line(pen->dashes, pen->at, to);
    } else {
        status = draw_work(pen->draw, STROKE_LINE_STEPS);
        if (status == STATUS_OK) {
            line_each(pen->at, to, &pen->draw->area.box, pen_box, pen);
            status = pen_status(pen);
        }
    }
    pen->at = to;
    return status;
}

/* What the dashes collected is painted, and forgotten. */
static Status pen_paint_dashes(const Pen *pen)
{
    Dashes *dashes = pen->dashes;
    Area area = pen->draw->area;
    if (box_is_empty(&dashes->dirty)) {
        return STATUS_OK;
    }
    area.box = dashes->dirty;
    const uint64_t rows = (uint64_t)(area.box.y2 - area.box.y1);
    const uint64_t row_bytes = ((uint64_t)(area.box.x2 - area.box.x1) + 7) / 8;
    const Status status = draw_work(pen->draw, rows * (row_bytes / STROKE_BYTES_PER_STEP + 2));
    if (status != STATUS_OK) {
        return status;
    }
    area_each_bit(&area, dashes->bits, dashes->bits_stride, &dashes->box, paint_box,
                  (void *)(uintptr_t)&pen->paint);
    for (int32_t y = dashes->dirty.y1; y < dashes->dirty.y2; y++) {
        memset(dashes->bits + dashes->bits_stride * (size_t)(y - dashes->box.y1), 0, dashes->bits_stride);
    }
    dashes->dirty = (Box){0};
    return STATUS_OK;
}

static Status pen_up(Pen *pen)
{
    Status status = STATUS_OK;

    if (pen->down && pen->dashes != NULL) {
        dashes_end(pen->dashes, pen->at, pen->at.x == pen->first.x && pen->at.y == pen->first.y);
        status = pen_paint_dashes(pen);
    }
    pen->down = false;
    return status;
}

/* ---- Curves ---- */

typedef struct Fixed {
    int64_t x, y; /* 28.4 */
} Fixed;

static Fixed fixed_of(const QXLPointFix *point)
{
    return (Fixed){point->x, point->y};
}

static LinePoint pixel_of(Fixed point)
{
    return (LinePoint){qxl_fixed_round((int32_t)point.x), qxl_fixed_round((int32_t)point.y)};
}

static Fixed between(Fixed a, Fixed b)
{
    return (Fixed){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

__extension__ typedef __int128 Wide;

static Wide dot(Fixed a, Fixed b, Fixed from_a, Fixed from_b)
{
    return ((Wide)(a.x - from_a.x) * (b.x - from_b.x) + (Wide)(a.y - from_a.y) * (b.y - from_b.y)) >> 4;
}

/* Is it as good as a straight line? Or so small that halving it gives the same again? */
static bool curve_is_flat(const Fixed p[4])
{
    const Wide a2 = dot(p[1], p[1], p[0], p[0]), b2 = dot(p[3], p[3], p[0], p[0]),
               c2 = dot(p[2], p[2], p[3], p[3]);
    const Wide ab = dot(p[1], p[3], p[0], p[0]), cb = dot(p[2], p[0], p[3], p[3]);
    const Wide h1 = (a2 * b2 - ab * ab) >> 3, h2 = (c2 * b2 - cb * cb) >> 3;
    return (h1 < b2 && h2 < b2) || (a2 == 0 && b2 == 0 && c2 == 0);
}

#define CURVE_HALVINGS_MAX 40u /* 2^28 pixels become less than one sixteenth; more would be our mistake */

static Status curve_to(Pen *pen, const Fixed p[4], unsigned halvings)
{
    if (halvings == CURVE_HALVINGS_MAX || curve_is_flat(p)) {
        return pen_to(pen, pixel_of(p[3]));
    }
    const Fixed p01 = between(p[0], p[1]), p12 = between(p[1], p[2]), p23 = between(p[2], p[3]);
    const Fixed p012 = between(p01, p12), p123 = between(p12, p23), middle = between(p012, p123);
    const Fixed left[4] = {p[0], p01, p012, middle}, right[4] = {middle, p123, p23, p[3]};
    Status status = draw_work(pen->draw, STROKE_HALVING_STEPS);
    if (status == STATUS_OK) {
        status = curve_to(pen, left, halvings + 1);
    }
    return status == STATUS_OK ? curve_to(pen, right, halvings + 1) : status;
}

/* ---- Paths ---- */

static Status segment_draw(Pen *pen, const QxlPathSegment *segment)
{
    uint32_t i = 0;
    Status status = STATUS_OK;

    if ((segment->flags & SPICE_PATH_BEGIN) != 0) {
        status = pen_up(pen);
        if (status == STATUS_OK) {
            status = pen_to(pen, pixel_of(fixed_of(&segment->points[i++])));
        }
    }
    if ((segment->flags & SPICE_PATH_BEZIER) != 0) {
        for (; i + 2 < segment->count && status == STATUS_OK; i += 3) {
            const Fixed curve[4] = {{pen->at.x * 16, pen->at.y * 16},
                                    fixed_of(&segment->points[i]),
                                    fixed_of(&segment->points[i + 1]),
                                    fixed_of(&segment->points[i + 2])};
            status = curve_to(pen, curve, 0);
        }
    } else {
        for (; i < segment->count && status == STATUS_OK; i++) {
            status = pen_to(pen, pixel_of(fixed_of(&segment->points[i])));
        }
    }
    if ((segment->flags & SPICE_PATH_END) != 0 && status == STATUS_OK) {
        if ((segment->flags & SPICE_PATH_CLOSE) != 0 && pen->down) {
            status = pen_to(pen, pen->first);
        }
        if (status == STATUS_OK) {
            status = pen_up(pen);
        }
    }
    return status;
}

static Status dashes_open(Draw *draw, const QxlLine *line, Dashes *dashes)
{
    const Box *box = &draw->area.box;

    dashes_init(dashes, line);
    dashes->draw = draw;
    if (dashes->period == 0) {
        return qxl_fault(draw->fault, "dashes of no length", dashes->count);
    }
    dashes->box = *box;
    dashes->bits_stride = ((size_t)(box->x2 - box->x1) + 7) / 8;
    const uint64_t bytes = (uint64_t)dashes->bits_stride * (uint64_t)(box->y2 - box->y1);
    dashes->bits = scratch_take(draw->set, SCRATCH_PATH, bytes);
    if (dashes->bits == NULL) {
        return draw_no_memory(draw);
    }
    memset(dashes->bits, 0, bytes);
    return STATUS_OK;
}

Status draw_stroke(Draw *draw)
{
    const QxlStroke *stroke = &draw->drawable->u.stroke;
    Dashes dashes;
    Pen pen = {.draw = draw,
               .paint = {.dest = &draw->canvas->raster,
                         .code = rop_of_descriptor(stroke->fore_mode, ROP_P, SPICE_ROPD_INVERS_BRUSH,
                                                   SPICE_ROPD_INVERS_DEST)}};
    Status status = paint_brush(draw, &pen.paint, &stroke->brush);
    if (status == STATUS_OK) {
        status = area_flatten(draw);
    }
    if (status == STATUS_OK && (stroke->line.flags & SPICE_LINE_FLAGS_STYLED) != 0) {
        status = dashes_open(draw, &stroke->line, &dashes);
        pen.dashes = &dashes;
    }
    for (uint32_t i = 0; i < stroke->path.count && status == STATUS_OK; i++) {
        status = segment_draw(&pen, &stroke->path.segments[i]);
    }
    return status == STATUS_OK ? pen_up(&pen) : status;
}
