/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bits of brush, source and destination, combined line by line. */
#include <string.h>

#include <spice/enums.h>

#include "display/canvas/draw.h"

Status paint_brush(Draw *draw, Paint *paint, const QxlBrush *brush)
{
    paint->color = brush->type == SPICE_BRUSH_TYPE_SOLID ? brush->color : 0;
    if (brush->type != SPICE_BRUSH_TYPE_PATTERN) {
        return STATUS_OK;
    }
    Source source;
    Status status = source_open(draw, brush->pattern, SOURCE_CONVERTED, SCRATCH_PATTERN, &source);
    Box window = {.x2 = INT32_MAX, .y2 = INT32_MAX};
    Raster tile;
    if (status == STATUS_OK) {
        status = source_raster(draw, &source, SCRATCH_PATTERN_WINDOW, &window, &tile);
    }
    if (status == STATUS_OK) {
        paint->has_pattern = true;
        paint->pattern = source_of_raster(&tile);
        paint->pattern_pos = brush->pattern_pos;
    }
    return status;
}

static int64_t modulo(int64_t a, int64_t b)
{
    const int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

void pattern_run(const Source *pattern, QXLPoint pos, int64_t x, int64_t y, size_t n, uint8_t *run)
{
    const size_t bytes = run_pixel_bytes(pattern->format);
    const int64_t line = modulo(y - pos.y, pattern->height);
    int64_t at = modulo(x - pos.x, pattern->width);
    uint8_t room[RUN_BYTES];
    size_t done = 0;

    while (done < n && done < (size_t)pattern->width) {
        const size_t left =
            n - done < (size_t)pattern->width - done ? n - done : (size_t)pattern->width - done;
        const size_t some = (int64_t)left < pattern->width - at ? left : (size_t)(pattern->width - at);
        memcpy(run + done * bytes, source_run(pattern, at, line, some, room), some * bytes);
        done += some;
        at = 0;
    }
    while (done < n) { /* whole periods are there: repeat them */
        const size_t some = n - done < done ? n - done : done - done % (size_t)pattern->width;
        memcpy(run + done * bytes, run, some * bytes);
        done += some;
    }
}

/* One value wherever the code looks neither at source nor destination. */
static bool fill_fast(const Paint *paint, const Box *box)
{
    if (rop_uses_s(paint->code) || rop_uses_d(paint->code) ||
        (rop_uses_p(paint->code) && paint->has_pattern)) {
        return false;
    }
    const uint32_t set = paint->code & 0x10 ? paint->color : 0;    /* where P is 1 */
    const uint32_t clear = paint->code & 0x01 ? ~paint->color : 0; /* where it is 0 */
    if (PIXMAN_FORMAT_BPP(paint->dest->format) == 32 && box->y2 - box->y1 == 1 && box->x2 - box->x1 <= 16) {
        /* A piece of a mask or glyph. To have pixman find out how it fills would take longer. */
        uint32_t *line = (uint32_t *)(void *)raster_line(paint->dest, box->y1);
        for (int32_t x = box->x1; x < box->x2; x++) {
            line[x] = set | clear;
        }
        return true;
    }
    return pixman_fill((uint32_t *)(void *)paint->dest->top, (int)(paint->dest->stride / 4),
                       (int)PIXMAN_FORMAT_BPP(paint->dest->format), box->x1, box->y1, box->x2 - box->x1,
                       box->y2 - box->y1, set | clear);
}

void paint_box(void *opaque, const Box *box)
{
    const Paint *paint = opaque;
    const pixman_format_code_t format = paint->dest->format;
    const size_t bytes = run_pixel_bytes(format);
    const bool packed = PIXMAN_FORMAT_BPP(format) < 8;
    const bool with_s = rop_uses_s(paint->code), with_p = rop_uses_p(paint->code);
    uint8_t s_room[RUN_BYTES], p_room[RUN_BYTES], d_room[RUN_PIXELS];

    if (fill_fast(paint, box)) {
        return;
    }
    if (with_p && !paint->has_pattern) {
        const int64_t width = (int64_t)box->x2 - box->x1;
        run_fill(format, paint->color, p_room, (size_t)(width < RUN_PIXELS ? width : RUN_PIXELS));
    }
    for (int32_t y = box->y1; y < box->y2; y++) {
        uint8_t *line = raster_line(paint->dest, y);
        for (int64_t x = box->x1; x < box->x2; x += RUN_PIXELS) {
            const size_t n = (size_t)(box->x2 - x < RUN_PIXELS ? box->x2 - x : RUN_PIXELS);
            uint8_t *d = packed ? d_room : line + (size_t)x * bytes;
            if (paint->code == ROP_S && !packed) {
                const uint8_t *s = source_run(paint->source, x + paint->dx, y + paint->dy, n, d);
                if (s != d) {
                    memmove(d, s, n * bytes); /* surfaces may lie in each other's memory */
                }
                continue;
            }
            const uint8_t *s = NULL;
            if (with_s) {
                s = source_run(paint->source, x + paint->dx, y + paint->dy, n, s_room);
            }
            if (with_p && paint->has_pattern) {
                pattern_run(&paint->pattern, paint->pattern_pos, x, y, n, p_room);
            }
            if (packed) {
                bits_to_run(line, x, n, d_room);
            }
            rop_run(paint->code, d, s, p_room, n * bytes);
            if (packed) {
                bits_from_run(line, x, n, d_room);
            }
        }
    }
}

void paint_area(const Paint *paint, const Area *area)
{
    area_each(area, paint_box, (void *)(uintptr_t)paint);
}
