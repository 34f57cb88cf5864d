/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stroke.c: paths, as lines one pixel wide, whole or dashed. Section 5.11. */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "parts.h"

#define CURVE_DEPTH_MAX 40u
#define CURVE_POINTS_MAX (1u << 20)

__extension__ typedef __int128 Wide;

typedef struct Spot {
    int64_t x, y; /* in pixels */
} Spot;

typedef struct Dash {
    bool is_styled;
    unsigned count, index;
    int64_t lengths[255], left, period;
    bool gap_first;
    bool begun, first_on,
        before_on; /* did the polyline's first segment, and the one before, meet their end drawing? */
    Spot first_way, before_way;
    uint8_t *bits; /* what is to be drawn, of the target */
} Dash;

typedef struct Pen {
    Renderer *r;
    const Target *target;
    Brush brush;
    uint16_t rop;
    bool down;
    Spot first, at;
    unsigned curve_points;
    Dash dash;
} Pen;

static void pen_pixel(const Pen *pen, int32_t x, int32_t y)
{
    uint32_t *d = target_at(pen->target, x, y);
    *d = rop_apply(pen->rop, brush_at(&pen->brush, x, y), *d, WIRE_ROPD_INVERS_BRUSH, WIRE_ROPD_INVERS_DEST) &
         kind_mask(pen->target->kind);
}

/* ---- Whole lines ---- */

static void line_whole(const Pen *pen, Spot to)
{
    const Target *target = pen->target;
    const int64_t dx = to.x - pen->at.x, dy = to.y - pen->at.y;
    const bool flat = llabs(dx) > llabs(dy);
    const int64_t major = flat ? llabs(dx) : llabs(dy), minor = flat ? llabs(dy) : llabs(dx);
    const int64_t way = (flat ? dx : dy) < 0 ? -1 : 1, aside = (flat ? dy : dx) < 0 ? -1 : 1;
    const int64_t start = flat ? pen->at.x : pen->at.y;
    const int64_t low = flat ? target->x1 : target->y1, high = flat ? target->x2 : target->y2;
    /* Steps that are seen. */
    const int64_t from = way > 0 ? low - start : start - high + 1,
                  end = way > 0 ? high - start : start - low + 1;

    for (int64_t k = from > 0 ? from : 0; k < end && k < major; k++) {
        /* The error term starts at -major - bias, gains 2 * minor with each step, loses 2 * major with each step aside. */
        const int64_t error = 2 * minor * k + major - (way < 0);
        const int64_t moved = error >= 0 ? error / (2 * major) : 0;
        const int64_t x = flat ? start + way * k : pen->at.x + aside * moved;
        const int64_t y = flat ? pen->at.y + aside * moved : start + way * k;
        if (x >= INT32_MIN && x <= INT32_MAX && y >= INT32_MIN && y <= INT32_MAX &&
            target_has(target, (int32_t)x, (int32_t)y)) {
            pen_pixel(pen, (int32_t)x, (int32_t)y);
        }
    }
}

/* ---- Dashes ---- */

static void dash_next(Dash *dash)
{
    dash->index = (dash->index + 1) % dash->count;
    dash->left = dash->lengths[dash->index];
}

static int32_t rounded(int32_t fixed)
{
    return (fixed >> 4) + ((fixed & 15) > 8);
}

static bool dash_open(Pen *pen, const WireLineAttr *attr)
{
    const Target *target = pen->target;
    Dash *dash = &pen->dash;

    dash->is_styled = (attr->flags & WIRE_LINE_FLAG_STYLED) != 0;
    if (!dash->is_styled) {
        return true;
    }
    dash->gap_first = (attr->flags & WIRE_LINE_FLAG_START_WITH_GAP) != 0;
    dash->count = attr->style.n;
    for (unsigned i = 0; i < dash->count; i++) {
        const int32_t style = attr->style.items[dash->gap_first ? (i + 1) % dash->count : i];
        dash->lengths[i] = rounded(style) & 0xff;
        dash->period += dash->lengths[i];
    }
    if (dash->period == 0) {
        return render_fail(pen->r, "dashes of no length") != NULL;
    }
    dash->bits = calloc((size_t)(target->x2 - target->x1) * (size_t)(target->y2 - target->y1) + 1, 1);
    CHECK(dash->bits != NULL);
    return true;
}

static void dash_begin(Dash *dash)
{
    dash->index = 0;
    dash->left = dash->lengths[0];
    if (dash->gap_first) {
        dash_next(dash);
    }
    while (dash->left == 0) {
        dash_next(dash);
    }
    dash->begun = false;
}

static void dash_set(Pen *pen, int64_t x, int64_t y)
{
    const Target *target = pen->target;
    if (x >= target->x1 && x < target->x2 && y >= target->y1 && y < target->y2) {
        pen->dash.bits[(y - target->y1) * (target->x2 - target->x1) + x - target->x1] = 1;
    }
}

typedef struct Line {
    Spot from, way;
    int64_t length2;
} Line;

/* Is a place along the line, times its length, below, at or above a distance? */
static int along_compare(const Line *line, int64_t along, int64_t distance)
{
    const Wide a = (Wide)along * along, b = (Wide)distance * distance * line->length2;
    return along < 0 || a < b ? -1 : a > b;
}

/* A rectangle one pixel wide from `begin` to `end`, left and upper edges included. `end` < 0: where the line ends. */
static bool dash_has(const Line *line, int64_t x, int64_t y, int64_t begin, int64_t end)
{
    const int64_t along = x * line->way.x + y * line->way.y, across = x * line->way.y - y * line->way.x;
    const bool forth = line->way.x > 0 || (line->way.x == 0 && line->way.y > 0);
    const int after = along_compare(line, along, begin);
    const int before =
        end < 0 ? (along > line->length2) - (along < line->length2) : along_compare(line, along, end);
    if (after < 0 || before > 0 || (after == 0 && !forth) || (before == 0 && forth)) {
        return false;
    }
    const Wide aside = (Wide)across * across * 4;
    if (aside != line->length2) {
        return aside < line->length2;
    }
    if (line->way.y != 0) {
        return line->way.y > 0 ? across < 0 : across > 0;
    }
    return (across > 0) == (line->way.x > 0);
}

static int64_t place(int64_t from, int64_t way, double at, double length)
{
    return from + (int64_t)floor((double)way * at / length);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void dash_cover(Pen *pen, const Line *line, int64_t begin, int64_t end, double length)
{
    const Target *target = pen->target;
    const double to = end < 0 ? length : (double)end;
    const int64_t ax = place(line->from.x, line->way.x, (double)begin, length),
                  bx = place(line->from.x, line->way.x, to, length);
    const int64_t ay = place(line->from.y, line->way.y, (double)begin, length),
                  by = place(line->from.y, line->way.y, to, length);
    const int64_t x1 = clamp((ax < bx ? ax : bx) - 2, target->x1, target->x2);
    const int64_t x2 = clamp((ax > bx ? ax : bx) + 3, target->x1, target->x2);
    const int64_t y1 = clamp((ay < by ? ay : by) - 2, target->y1, target->y2);
    const int64_t y2 = clamp((ay > by ? ay : by) + 3, target->y1, target->y2);

    for (int64_t y = y1; y < y2; y++) {
        for (int64_t x = x1; x < x2; x++) {
            if (dash_has(line, x - line->from.x, y - line->from.y, begin, end)) {
                dash_set(pen, x, y);
            }
        }
    }
}

/* Between which distances along the line the target may be seen. */
static void line_seen(const Pen *pen, const Line *line, double length, double *ret_from, double *ret_to)
{
    const Target *target = pen->target;
    for (unsigned i = 0; i < 4; i++) {
        const double x = (double)((i & 1 ? target->x2 : target->x1) - line->from.x);
        const double y = (double)((i & 2 ? target->y2 : target->y1) - line->from.y);
        const double along = (x * (double)line->way.x + y * (double)line->way.y) / length;
        *ret_from = i == 0 || along < *ret_from ? along : *ret_from;
        *ret_to = i == 0 || along > *ret_to ? along : *ret_to;
    }
    *ret_from -= 4;
    *ret_to += 4;
}

static void join(Pen *pen, Spot at, Spot one, Spot other)
{
    if ((Wide)one.x * other.y != (Wide)one.y * other.x) {
        dash_set(pen, at.x, at.y);
    }
}

static void line_dashed(Pen *pen, Spot to)
{
    Dash *dash = &pen->dash;
    const Spot way = {to.x - pen->at.x, to.y - pen->at.y};
    const Line line = {pen->at, way, way.x * way.x + way.y * way.y};
    if (line.length2 == 0) {
        return;
    }
    const double length = sqrt((double)line.length2);
    int64_t length_up = (int64_t)length;
    while ((Wide)length_up * length_up < line.length2) {
        length_up++;
    }
    while (length_up > 0 && (Wide)(length_up - 1) * (length_up - 1) >= line.length2) {
        length_up--;
    }
    const bool starts_on = dash->index % 2 == 0;
    double seen_from = 0, seen_to = 0;
    int64_t at = 0;
    line_seen(pen, &line, length, &seen_from, &seen_to);
    while ((Wide)(at + dash->left) * (at + dash->left) < line.length2) {
        if (dash->left == dash->lengths[dash->index]) {
            const double until = (double)at < seen_from ? (seen_from < length ? seen_from : length)
                                 : (double)at > seen_to ? length
                                                        : (double)at;
            const int64_t periods = (int64_t)((until - (double)at) / (double)dash->period) - 2;
            if (periods > 0) {
                at += periods * dash->period;
                continue;
            }
        }
        if (dash->index % 2 == 0 && dash->left > 0) {
            dash_cover(pen, &line, at, at + dash->left, length);
        }
        at += dash->left;
        dash_next(dash);
    }
    if (dash->index % 2 == 0) {
        dash_cover(pen, &line, at, -1, length);
    }
    dash->left -= length_up - at;
    if (dash->left == 0) {
        dash_next(dash);
    }
    if (!dash->begun) {
        dash->first_on = starts_on;
        dash->first_way = way;
    } else if (starts_on && dash->before_on) {
        join(pen, pen->at, dash->before_way, way);
    }
    const bool within = dash->left != dash->lengths[dash->index];
    dash->before_on = within == (dash->index % 2 == 0);
    dash->before_way = way;
    dash->begun = true;
}

static void dash_draw(Pen *pen)
{
    const Target *target = pen->target;
    uint8_t *bit = pen->dash.bits;
    for (int32_t y = target->y1; y < target->y2; y++) {
        for (int32_t x = target->x1; x < target->x2; x++, bit++) {
            if (*bit && target_has(target, x, y)) {
                pen_pixel(pen, x, y);
            }
            *bit = 0;
        }
    }
}

/* ---- Paths ---- */

static void pen_to(Pen *pen, Spot to)
{
    if (!pen->down) {
        pen->down = true;
        pen->first = to;
        if (pen->dash.is_styled) {
            dash_begin(&pen->dash);
        }
    } else if (pen->dash.is_styled) {
        line_dashed(pen, to);
    } else {
        line_whole(pen, to);
    }
    pen->at = to;
}

static void pen_up(Pen *pen)
{
    Dash *dash = &pen->dash;
    if (pen->down && dash->is_styled) {
        const bool closed = pen->at.x == pen->first.x && pen->at.y == pen->first.y;
        if (closed && dash->begun && dash->first_on && dash->before_on) {
            join(pen, pen->at, dash->first_way, dash->before_way);
        }
        dash_draw(pen);
    }
    pen->down = false;
}

static Spot half(Spot a, Spot b)
{
    return (Spot){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

static Wide dot(Spot a, Spot b, Spot origin_a, Spot origin_b)
{
    return ((Wide)(a.x - origin_a.x) * (b.x - origin_b.x) + (Wide)(a.y - origin_a.y) * (b.y - origin_b.y)) >>
           4;
}

/* Points in 28.4. */
static void curve(Pen *pen, Spot p0, Spot p1, Spot p2, Spot p3, unsigned depth)
{
    const Wide a2 = dot(p1, p1, p0, p0), b2 = dot(p3, p3, p0, p0), c2 = dot(p2, p2, p3, p3);
    const Wide ab = dot(p1, p3, p0, p0), cb = dot(p2, p0, p3, p3);
    const bool flat = ((a2 * b2 - ab * ab) >> 3) < b2 && ((c2 * b2 - cb * cb) >> 3) < b2;

    if (flat || (a2 == 0 && b2 == 0 && c2 == 0) || depth == CURVE_DEPTH_MAX) {
        if (pen->curve_points++ < CURVE_POINTS_MAX) {
            pen_to(pen, (Spot){rounded((int32_t)p3.x), rounded((int32_t)p3.y)});
        }
        return;
    }
    const Spot a = half(p0, p1), b = half(p1, p2), c = half(p2, p3), ab2 = half(a, b), bc2 = half(b, c);
    const Spot middle = half(ab2, bc2);
    curve(pen, p0, a, ab2, middle, depth + 1);
    curve(pen, middle, bc2, c, p3, depth + 1);
}

static void segment_draw(Pen *pen, const WirePathSegment *segment)
{
    const WirePointFix *points = segment->points.items;
    uint32_t i = 0;

    if ((segment->flags & WIRE_PATH_FLAG_BEGIN) != 0) {
        pen_up(pen);
        if (segment->points.n > 0) {
            pen_to(pen, (Spot){rounded(points[0].x), rounded(points[0].y)});
            i = 1;
        }
    }
    if ((segment->flags & WIRE_PATH_FLAG_BEZIER) != 0) {
        for (; i + 2 < segment->points.n; i += 3) {
            curve(pen, (Spot){pen->at.x * 16, pen->at.y * 16}, (Spot){points[i].x, points[i].y},
                  (Spot){points[i + 1].x, points[i + 1].y}, (Spot){points[i + 2].x, points[i + 2].y}, 0);
        }
    } else {
        for (; i < segment->points.n; i++) {
            pen_to(pen, (Spot){rounded(points[i].x), rounded(points[i].y)});
        }
    }
    if ((segment->flags & WIRE_PATH_FLAG_END) != 0) {
        if ((segment->flags & WIRE_PATH_FLAG_CLOSE) != 0 && pen->down) {
            pen_to(pen, pen->first);
        }
        pen_up(pen);
    }
}

void render_stroke(Renderer *r, const WireMsgDisplayDrawStroke *m)
{
    Target target;
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    Pen pen = {.r = r, .target = &target, .rop = m->fore_mode};
    if (brush_open(r, &m->brush, target.kind, &pen.brush) && dash_open(&pen, &m->attr)) {
        for (uint32_t i = 0; i < m->path->segments.n; i++) {
            segment_draw(&pen, &m->path->segments.items[i]);
        }
        pen_up(&pen);
    }
    free(pen.dash.bits);
    target_close(&target);
}
