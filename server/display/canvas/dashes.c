/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dashes: rectangles along the line, one pixel wide; a pixel belongs to one if its own point does, edges on the left and
 * on top included. */
#include <spice/enums.h>

#include "display/canvas/stroke.h"

__extension__ typedef unsigned __int128 Wide;

static Wide square(int64_t a)
{
    const uint64_t magnitude = (uint64_t)(a < 0 ? -a : a);
    return (Wide)magnitude * magnitude;
}

/* The root, rounded down. */
static int64_t root(int64_t a)
{
    int64_t low = 0, high = INT64_C(1) << 31;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (square(middle) <= (Wide)a) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- Which dash ---- */

static void dash_next(Dashes *dashes)
{
    dashes->index = (dashes->index + 1) % dashes->count;
    dashes->left = dashes->lengths[dashes->index];
}

void dashes_init(Dashes *dashes, const QxlLine *line)
{
    const bool gap_first = (line->flags & SPICE_LINE_FLAGS_START_WITH_GAP) != 0;

    *dashes = (Dashes){.count = line->dash_count, .gap_first = gap_first};
    for (unsigned i = 0; i < dashes->count; i++) {
        const unsigned from = gap_first ? (i + 1) % dashes->count : i;
        dashes->lengths[i] = (uint8_t)qxl_fixed_round(line->dash[from]);
        dashes->period += dashes->lengths[i];
    }
}

void dashes_begin(Dashes *dashes)
{
    dashes->index = 0;
    dashes->left = dashes->lengths[0];
    if (dashes->gap_first) {
        dash_next(dashes);
    }
    while (dashes->left == 0) {
        dash_next(dashes);
    }
    dashes->begun = false;
}

/* ---- Which pixels ---- */

typedef struct DashLine {
    Dashes *dashes;
    LinePoint from, way;
    int64_t length2; /* its square */
} DashLine;

/* A pixel's place along the line, against that at a distance; both times the line's length. */
static int compare_along(const DashLine *line, int64_t along, int64_t distance)
{
    if (along < 0) {
        return -1;
    }
    const Wide a = square(along), b = square(distance) * (uint64_t)line->length2;
    return a < b ? -1 : a > b;
}

/* `end` < 0: to the line's end. */
static bool pixel_inside(const DashLine *line, int64_t x, int64_t y, int64_t begin, int64_t end)
{
    const int64_t dx = line->way.x, dy = line->way.y;
    const int64_t along = x * dx + y * dy, across = x * dy - y * dx;
    const bool forth = dx > 0 || (dx == 0 && dy > 0);
    const int at_begin = compare_along(line, along, begin);
    const int at_end =
        end < 0 ? (along > line->length2) - (along < line->length2) : compare_along(line, along, end);

    if (at_begin < 0 || (at_begin == 0 && !forth) || at_end > 0 || (at_end == 0 && forth)) {
        return false;
    }
    const Wide aside = 4 * square(across);
    const bool edge_counts = dy > 0 ? across < 0 : dy < 0 ? across > 0 : (across > 0) == (dx > 0);
    return aside < (Wide)line->length2 || (aside == (Wide)line->length2 && edge_counts);
}

static void pixel_set(Dashes *dashes, int64_t x, int64_t y)
{
    const Box *box = &dashes->box;
    if (x < box->x1 || x >= box->x2 || y < box->y1 || y >= box->y2) {
        return;
    }
    const size_t at = (size_t)(x - box->x1);
    dashes->bits[dashes->bits_stride * (size_t)(y - box->y1) + at / 8] |= (uint8_t)(1u << at % 8);
    const Box pixel = {(int32_t)x, (int32_t)y, (int32_t)x + 1, (int32_t)y + 1};
    if (box_is_empty(&dashes->dirty)) {
        dashes->dirty = pixel;
        return;
    }
    dashes->dirty.x1 = pixel.x1 < dashes->dirty.x1 ? pixel.x1 : dashes->dirty.x1;
    dashes->dirty.y1 = pixel.y1 < dashes->dirty.y1 ? pixel.y1 : dashes->dirty.y1;
    dashes->dirty.x2 = pixel.x2 > dashes->dirty.x2 ? pixel.x2 : dashes->dirty.x2;
    dashes->dirty.y2 = pixel.y2 > dashes->dirty.y2 ? pixel.y2 : dashes->dirty.y2;
}

static int64_t magnitude(int64_t a)
{
    return a < 0 ? -a : a;
}

static int64_t div_round(int64_t a, int64_t b)
{
    const bool negative = (a < 0) != (b < 0);
    const int64_t result = (magnitude(a) + magnitude(b) / 2) / magnitude(b);
    return negative ? -result : result;
}

/* One dash. Along the longer direction at most two pixels lie side by side. */
static Status dash_cover(const DashLine *line, int64_t begin, int64_t end, int64_t length)
{
    const bool flat = magnitude(line->way.x) > magnitude(line->way.y);
    const int64_t major = flat ? line->way.x : line->way.y, minor = flat ? line->way.y : line->way.x;
    const int64_t start = flat ? line->from.x : line->from.y;
    const Box *box = &line->dashes->box;
    const int64_t first = flat ? box->x1 : box->y1, last = (flat ? box->x2 : box->y2) - 1;
    /* Steps of the longer direction, with a margin for what is rounded. */
    int64_t from = begin * magnitude(major) / (length + 1) - 3;
    int64_t to = (end < 0 ? magnitude(major) : end * magnitude(major) / length) + 3;
    const int64_t seen_from = major > 0 ? first - start : start - last;
    const int64_t seen_to = major > 0 ? last - start : start - first;

    from = from > seen_from ? from : seen_from;
    to = to < seen_to ? to : seen_to;
    const Status status =
        from <= to ? draw_work(line->dashes->draw, 3 * (uint64_t)(to - from + 1)) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    for (int64_t k = from; k <= to; k++) {
        const int64_t step = major > 0 ? k : -k;
        const int64_t middle = div_round(step * minor, major);
        for (int64_t aside = middle - 1; aside <= middle + 1; aside++) {
            const int64_t x = flat ? step : aside, y = flat ? aside : step;
            if (pixel_inside(line, x, y, begin, end)) {
                pixel_set(line->dashes, line->from.x + x, line->from.y + y);
            }
        }
    }
    return STATUS_OK;
}

/* Where two lines that are both on meet at an angle, neither may have drawn the point between them. */
static void join(Dashes *dashes, LinePoint at, LinePoint one, LinePoint other)
{
    if (one.x * other.y != one.y * other.x) {
        pixel_set(dashes, at.x, at.y);
    }
}

/* From which distance on something of the line can be seen, less a margin; -1: nothing of it can. */
static int64_t seen_from(const DashLine *line, int64_t length, int64_t *ret_to)
{
    const Box *box = &line->dashes->box;
    const bool flat = magnitude(line->way.x) > magnitude(line->way.y);
    const int64_t major = flat ? line->way.x : line->way.y;
    const int64_t start = flat ? line->from.x : line->from.y;
    const int64_t first = flat ? box->x1 : box->y1, last = (flat ? box->x2 : box->y2) - 1;
    const int64_t from = (major > 0 ? first - start : start - last) - 3;
    const int64_t to = (major > 0 ? last - start : start - first) + 3;

    if (major == 0 || to < 0 || from > magnitude(major)) {
        return -1;
    }
    *ret_to = (to < magnitude(major) ? to : magnitude(major)) * (length + 1) / magnitude(major) + 3;
    const int64_t distance = from * length / magnitude(major) - 3;
    return distance > 0 ? distance : 0;
}

Status dashes_line(Dashes *dashes, LinePoint from, LinePoint to)
{
    const DashLine line = {.dashes = dashes,
                           .from = from,
                           .way = {to.x - from.x, to.y - from.y},
                           .length2 = (to.x - from.x) * (to.x - from.x) + (to.y - from.y) * (to.y - from.y)};
    Status status = draw_work(dashes->draw, STROKE_LINE_STEPS);
    if (line.length2 == 0 || status != STATUS_OK) {
        return status;
    }
    const bool starts_on = dashes->index % 2 == 0;
    const int64_t length = root(line.length2);
    const int64_t length_up = square(length) == (Wide)line.length2 ? length : length + 1;
    int64_t visible_to = -1;
    const int64_t visible_from = seen_from(&line, length, &visible_to);
    int64_t at = 0;

    /* While the line is longer than what this dash reaches. */
    while (status == STATUS_OK && square(at + dashes->left) < (Wide)line.length2) {
        if (dashes->left == dashes->lengths[dashes->index]) {
            const int64_t until = visible_from >= 0 && at < visible_to ? visible_from : length;
            const int64_t periods = (until - at) / dashes->period - 2;
            if (periods > 0) { /* of which nothing is seen */
                at += periods * dashes->period;
                continue;
            }
        }
        if (dashes->index % 2 == 0 && visible_from >= 0 && dashes->left > 0) {
            status = dash_cover(&line, at, at + dashes->left, length);
        } else {
            status = draw_work(dashes->draw, 1);
        }
        at += dashes->left;
        dash_next(dashes);
    }
    if (dashes->index % 2 == 0 && visible_from >= 0 && status == STATUS_OK) {
        status = dash_cover(&line, at, -1, length);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* What is left of the dash is rounded down to pixels. */
    dashes->left -= length_up - at;
    if (dashes->left == 0) {
        dash_next(dashes);
    }
    if (!dashes->begun) {
        dashes->first_on = starts_on;
        dashes->first_way = line.way;
    } else if (starts_on && dashes->before_on) {
        join(dashes, from, dashes->before_way, line.way);
    }
    const bool within = dashes->left != dashes->lengths[dashes->index];
    dashes->before_on = within ? dashes->index % 2 == 0 : dashes->index % 2 != 0;
    dashes->before_way = line.way;
    dashes->begun = true;
    return STATUS_OK;
}

void dashes_end(Dashes *dashes, LinePoint at, bool closed)
{
    if (closed && dashes->begun && dashes->first_on && dashes->before_on) {
        join(dashes, at, dashes->first_way, dashes->before_way);
    }
}
