/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bresenham's lines, without walking along what is not seen.
 *
 * A line is `major` steps long in the direction in which it is longer. Before step k it has moved aside
 *     (2 * minor * k + major - bias) / (2 * major)
 * pixels, rounded down: what the usual error term counts, in closed form. */
#include "display/canvas/stroke.h"

static int64_t div_floor(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Steps at which a coordinate that starts at `start` and goes by `way` is in first ... end-1. */
static void steps_inside(int64_t start, int way, int64_t first, int64_t end, int64_t *ret_from,
                         int64_t *ret_to)
{
    *ret_from = way > 0 ? first - start : start - (end - 1);
    *ret_to = way > 0 ? end - start : start - first + 1;
}

void line_each(LinePoint from, LinePoint to, const Box *visible, void (*each)(void *opaque, const Box *box),
               void *opaque)
{
    const int64_t dx = to.x - from.x, dy = to.y - from.y;
    const int64_t width = dx < 0 ? -dx : dx, height = dy < 0 ? -dy : dy;
    const bool flat = width > height;
    const int64_t major = flat ? width : height, minor = flat ? height : width;
    const int way_major = (flat ? dx : dy) < 0 ? -1 : 1, way_minor = (flat ? dy : dx) < 0 ? -1 : 1;
    const int64_t bias = way_major < 0;
    const int64_t start_major = flat ? from.x : from.y, start_minor = flat ? from.y : from.x;
    int64_t k_from, k_to, aside_from, aside_to;

    if (flat) {
        steps_inside(start_major, way_major, visible->x1, visible->x2, &k_from, &k_to);
        steps_inside(start_minor, way_minor, visible->y1, visible->y2, &aside_from, &aside_to);
    } else {
        steps_inside(start_major, way_major, visible->y1, visible->y2, &k_from, &k_to);
        steps_inside(start_minor, way_minor, visible->x1, visible->x2, &aside_from, &aside_to);
    }
    k_from = max(k_from, 0);
    k_to = min(k_to, major);
    if (k_from >= k_to) {
        return;
    }
    aside_from = max(aside_from, div_floor(2 * minor * k_from + major - bias, 2 * major));
    aside_to = min(aside_to, div_floor(2 * minor * (k_to - 1) + major - bias, 2 * major) + 1);
    /* All steps that are as far aside are one box. */
    for (int64_t aside = aside_from; aside < aside_to; aside++) {
        int64_t first = k_from, end = k_to;
        if (minor > 0) {
            first = max(first, -div_floor(-(2 * major * aside - major + bias), 2 * minor));
            end = min(end, -div_floor(-(2 * major * (aside + 1) - major + bias), 2 * minor));
        }
        if (first >= end) {
            continue;
        }
        const int64_t across = start_minor + way_minor * aside;
        const int64_t low = way_major > 0 ? start_major + first : start_major - (end - 1);
        const int64_t high = low + (end - first);
        const Box box = flat ? (Box){(int32_t)low, (int32_t)across, (int32_t)high, (int32_t)across + 1}
                             : (Box){(int32_t)across, (int32_t)low, (int32_t)across + 1, (int32_t)high};
        each(opaque, &box);
    }
}
