/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a drawable draws: box, clip and mask. A rectangle costs nothing, a list of sorted ones no memory; others become a
 * region, whose size grows with the square of the list's, hence the limit. */
#include <string.h>

#include "display/canvas/draw.h"

#define AREA_RECTS_FEW 8u /* rectangles that are as quick to ask one by one */
#define AREA_BOX_STEPS 4u /* to make one of a region, and to draw it */
#define AREA_RUN_STEPS 3u /* to draw a run of a mask's pixels */

bool box_is_empty(const Box *box)
{
    return box->x1 >= box->x2 || box->y1 >= box->y2;
}

bool box_intersect(Box *box, const Box *other)
{
    box->x1 = box->x1 > other->x1 ? box->x1 : other->x1;
    box->y1 = box->y1 > other->y1 ? box->y1 : other->y1;
    box->x2 = box->x2 < other->x2 ? box->x2 : other->x2;
    box->y2 = box->y2 < other->y2 ? box->y2 : other->y2;
    return !box_is_empty(box);
}

uint64_t box_pixels(const Box *box)
{
    return (uint64_t)((int64_t)box->x2 - box->x1) * (uint64_t)((int64_t)box->y2 - box->y1);
}

Box box_of(const QXLRect *rect)
{
    return (Box){.x1 = rect->left, .y1 = rect->top, .x2 = rect->right, .y2 = rect->bottom};
}

/* Do they come in bands from top to bottom, and in each from left to right? Then none touches another. */
static bool rects_are_banded(const QxlClip *clip)
{
    for (uint32_t i = 1; i < clip->count; i++) {
        const QXLRect *before = &clip->rects[i - 1], *rect = &clip->rects[i];
        const bool beside =
            rect->top == before->top && rect->bottom == before->bottom && rect->left >= before->right;
        if (!beside && rect->top < before->bottom) {
            return false;
        }
    }
    return true;
}

/* Rectangles that all reach into each other become, line by line, as many boxes as their number's square. */
uint64_t area_work(const QxlClip *clip)
{
    const uint64_t count = clip->count;

    return count > CANVAS_CLIP_RECTS_MAX || rects_are_banded(clip) ? count : AREA_BOX_STEPS * count * count;
}

static Box area_box(const Area *area, uint32_t i)
{
    if (area->rects != NULL) {
        return box_of(&area->rects[i]);
    }
    return area->boxes != NULL ? area->boxes[i] : area->box;
}

/* Makes the box as small as its contents are. */
static void area_shrink(Area *area)
{
    Box all = {.x1 = INT32_MAX, .y1 = INT32_MAX, .x2 = INT32_MIN, .y2 = INT32_MIN};
    for (uint32_t i = 0; i < area->count; i++) {
        Box box = area_box(area, i);
        if (box_intersect(&box, &area->box)) {
            all.x1 = box.x1 < all.x1 ? box.x1 : all.x1;
            all.y1 = box.y1 < all.y1 ? box.y1 : all.y1;
            all.x2 = box.x2 > all.x2 ? box.x2 : all.x2;
            all.y2 = box.y2 > all.y2 ? box.y2 : all.y2;
        }
    }
    area->box = area->count > 0 && !box_is_empty(&all) ? all : (Box){0};
}

/* Lets the edge at `at` sink in a heap whose largest is on top. */
static void edge_sink(int32_t *edges, uint32_t count, uint32_t at)
{
    const int32_t edge = edges[at];

    for (uint32_t below = 2 * at + 1; below < count; below = 2 * at + 1) {
        below += below + 1 < count && edges[below + 1] > edges[below];
        if (edges[below] <= edge) {
            break;
        }
        edges[at] = edges[below];
        at = below;
    }
    edges[at] = edge;
}

static void edges_sort(int32_t *edges, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--) {
        edge_sink(edges, count, i - 1);
    }
    for (uint32_t left = count; left > 1; left--) {
        const int32_t largest = edges[0];
        edges[0] = edges[left - 1];
        edges[left - 1] = largest;
        edge_sink(edges, left - 1, 0);
    }
}

/* The place of `edge` among `count` different ones in order, of which it is one. */
static uint32_t edge_find(const int32_t *edges, uint32_t count, int32_t edge)
{
    uint32_t from = 0, to = count;

    while (to - from > 1) {
        const uint32_t middle = from + (to - from) / 2;
        if (edges[middle] <= edge) {
            from = middle;
        } else {
            to = middle;
        }
    }
    return from;
}

/* Boxes that their region consists of, at most: each is cut where any of them begins or ends. */
static uint64_t region_boxes(const Box *boxes, uint32_t count, int32_t *edges)
{
    uint32_t edges_count = 0;
    uint64_t pieces = 0;

    for (uint32_t i = 0; i < count; i++) {
        edges[2 * i] = boxes[i].y1;
        edges[2 * i + 1] = boxes[i].y2;
    }
    edges_sort(edges, 2 * count);
    for (uint32_t i = 0; i < 2 * count; i++) {
        if (edges_count == 0 || edges[edges_count - 1] != edges[i]) {
            edges[edges_count++] = edges[i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        pieces += edge_find(edges, edges_count, boxes[i].y2) - edge_find(edges, edges_count, boxes[i].y1);
    }
    return pieces;
}

/* Of the rectangles, what lies in the drawable's box. */
static uint32_t boxes_cut(const QxlClip *clip, const Box *within, Box *boxes)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < clip->count; i++) {
        boxes[count] = box_of(&clip->rects[i]);
        count += box_intersect(&boxes[count], within);
    }
    return count;
}

static Status area_region(Draw *draw, const QxlClip *clip)
{
    Area *area = &draw->area;
    Box *boxes =
        scratch_take(draw->set, SCRATCH_MASK, (sizeof(Box) + 2 * sizeof(int32_t)) * (uint64_t)clip->count);

    if (boxes == NULL) {
        return draw_no_memory(draw);
    }
    const uint32_t count = boxes_cut(clip, &area->box, boxes);
    const uint64_t pieces = region_boxes(boxes, count, (int32_t *)(void *)(boxes + clip->count));
    const Status status = draw_work(draw, clip->count + AREA_BOX_STEPS * pieces);
    if (status != STATUS_OK) {
        return status;
    }
    area->has_region = true;
    if (!pixman_region32_init_rects(&area->region, boxes, (int)count)) {
        return draw_no_memory(draw);
    }
    int region_count;
    area->boxes = pixman_region32_rectangles(&area->region, &region_count);
    area->count = (uint32_t)region_count;
    area_shrink(area);
    return STATUS_OK;
}

static Status area_clip(Draw *draw)
{
    const QxlClip *clip = &draw->drawable->clip;
    Area *area = &draw->area;

    if (!rects_are_banded(clip)) {
        if (clip->count <= CANVAS_CLIP_RECTS_MAX) {
            return area_region(draw, clip);
        }
        qxl_fault(draw->fault, "too many clip rectangles in no order", clip->count);
        return STATUS_LIMIT;
    }
    area->count = clip->count;
    area->rects = clip->rects;
    area_shrink(area);
    return draw_work(draw, clip->count);
}

/* Mask pixels outside the mask draw nothing, also when it is inverse. */
static void mask_line(const QxlMask *mask, const Source *source, const Box *box, int64_t x, int64_t y,
                      uint8_t *line)
{
    uint8_t run[RUN_PIXELS], room[RUN_BYTES];

    if (y < 0 || y >= source->height) {
        return;
    }
    const int64_t first = x < 0 ? 0 : x;
    const int64_t width = box->x2 - box->x1;
    const int64_t end = x + width < source->width ? x + width : source->width;
    for (int64_t at = first; at < end; at += RUN_PIXELS) {
        const size_t n = (size_t)(end - at < RUN_PIXELS ? end - at : RUN_PIXELS);
        const uint8_t *bits = source_run(source, at, y, n, room);
        for (size_t i = 0; mask->inverse && i < n; i++) {
            run[i] = !bits[i];
        }
        bits_from_run(line, at - x, n, mask->inverse ? run : bits);
    }
}

/* Runs of bits that are set. */
static uint64_t bits_runs(const uint8_t *bits, size_t stride, size_t lines)
{
    uint64_t runs = 0;

    for (size_t y = 0; y < lines; y++) {
        unsigned before = 0; /* the bit on the left */
        for (size_t i = 0; i < stride; i++) {
            const uint32_t byte = bits[y * stride + i];
            for (unsigned begins = byte & ~(byte << 1 | before); begins != 0; begins &= begins - 1) {
                runs++;
            }
            before = byte >> 7;
        }
    }
    return runs;
}

static Status area_mask(Draw *draw, const QxlMask *mask)
{
    Area *area = &draw->area;
    Source source;
    const Status status = source_open(draw, mask->image, SOURCE_ORIGINAL, SCRATCH_SOURCE, &source);
    if (status != STATUS_OK) {
        return status;
    }
    if (PIXMAN_FORMAT_BPP(source.format) != 1) {
        return qxl_fault(draw->fault, "a mask that is not of bits", mask->image->type);
    }
    const Box box = area->box;
    area->bits_box = box;
    area->bits_stride = ((size_t)(box.x2 - box.x1) + 7) / 8;
    const uint64_t bytes = (uint64_t)area->bits_stride * (uint64_t)(box.y2 - box.y1);
    uint8_t *bits = scratch_take(draw->set, SCRATCH_MASK, bytes);
    if (bits == NULL) {
        return draw_no_memory(draw);
    }
    memset(bits, 0, bytes);
    const int64_t dx = (int64_t)mask->pos.x - draw->drawable->box.left;
    const int64_t dy = (int64_t)mask->pos.y - draw->drawable->box.top;
    for (int32_t y = box.y1; y < box.y2; y++) {
        mask_line(mask, &source, &box, box.x1 + dx, y + dy, bits + area->bits_stride * (size_t)(y - box.y1));
    }
    area->bits = bits;
    return draw_work(draw,
                     bytes + AREA_RUN_STEPS * bits_runs(bits, area->bits_stride, bytes / area->bits_stride));
}

Status area_open(Draw *draw, const QxlMask *mask)
{
    const Raster *raster = &draw->canvas->raster;
    Area *area = &draw->area;

    *area = (Area){.box = box_of(&draw->drawable->box), .count = 1};
    const Box surface = {.x2 = raster->width, .y2 = raster->height};
    if (!box_intersect(&area->box, &surface)) {
        area->box = (Box){0};
        return STATUS_OK;
    }
    Status status = STATUS_OK;
    if (draw->drawable->clip.rects_given) {
        status = area_clip(draw);
    }
    if (status == STATUS_OK && mask != NULL && mask->image != NULL && !box_is_empty(&area->box)) {
        status = area_mask(draw, mask);
    }
    return status;
}

void area_close(Area *area)
{
    if (area->has_region) {
        pixman_region32_fini(&area->region);
    }
    *area = (Area){0};
}

/* The first place from `i` on, before `end`, where the bits become `value`; `end` if there is none. */
static int32_t bits_find(const uint8_t *line, int32_t i, int32_t end, bool value)
{
    const uint8_t others = value ? 0x00 : 0xff;

    while (i < end) {
        const unsigned found = (unsigned)(uint8_t)(line[i / 8] ^ others) >> i % 8;
        if (found != 0) {
            i += __builtin_ctz(found);
            break;
        }
        i += 8 - i % 8;
    }
    return i < end ? i : end;
}

typedef struct BitsWalk {
    const uint8_t *bits;
    size_t stride;
    const Box *bits_box;
    void (*each)(void *opaque, const Box *box);
    void *opaque;
} BitsWalk;

static void bits_each(void *opaque, const Box *box)
{
    const BitsWalk *walk = opaque;
    for (int32_t y = box->y1; y < box->y2; y++) {
        const uint8_t *line = walk->bits + walk->stride * (size_t)(y - walk->bits_box->y1);
        const int32_t end = box->x2 - walk->bits_box->x1;
        int32_t x = box->x1 - walk->bits_box->x1;
        while ((x = bits_find(line, x, end, true)) < end) {
            const int32_t next = bits_find(line, x, end, false);
            const Box run = {
                .x1 = x + walk->bits_box->x1, .y1 = y, .x2 = next + walk->bits_box->x1, .y2 = y + 1};
            walk->each(walk->opaque, &run);
            x = next;
        }
    }
}

static void rects_each(const Area *area, void (*each)(void *opaque, const Box *box), void *opaque)
{
    for (uint32_t i = 0; i < area->count; i++) {
        Box box = area_box(area, i);
        if (box_intersect(&box, &area->box)) {
            each(opaque, &box);
        }
    }
}

void area_each(const Area *area, void (*each)(void *opaque, const Box *box), void *opaque)
{
    BitsWalk walk = {area->bits, area->bits_stride, &area->bits_box, each, opaque};
    if (area->bits != NULL) {
        rects_each(area, bits_each, &walk);
    } else {
        rects_each(area, each, opaque);
    }
}

void area_each_bit(const Area *area, const uint8_t *bits, size_t stride, const Box *bits_box,
                   void (*each)(void *opaque, const Box *box), void *opaque)
{
    BitsWalk walk = {bits, stride, bits_box, each, opaque};
    area_each(area, bits_each, &walk);
}

static void bits_set(void *opaque, const Box *box)
{
    const Area *area = opaque;
    uint8_t *bits = (uint8_t *)(uintptr_t)area->bits;
    for (int32_t y = box->y1; y < box->y2; y++) {
        uint8_t *line = bits + area->bits_stride * (size_t)(y - area->bits_box.y1);
        for (int32_t x = box->x1 - area->bits_box.x1; x < box->x2 - area->bits_box.x1; x++) {
            line[x / 8] |= (uint8_t)(1u << x % 8);
        }
    }
}

Status area_flatten(Draw *draw)
{
    Area *area = &draw->area;
    if (area->count <= AREA_RECTS_FEW) {
        return STATUS_OK;
    }
    Area flat = {.box = area->box, .count = 1, .bits_box = area->box};
    flat.bits_stride = ((size_t)(flat.box.x2 - flat.box.x1) + 7) / 8;
    const uint64_t bytes = (uint64_t)flat.bits_stride * (uint64_t)(flat.box.y2 - flat.box.y1);
    uint8_t *bits = scratch_take(draw->set, SCRATCH_MASK, bytes);
    if (bits == NULL) {
        return draw_no_memory(draw);
    }
    memset(bits, 0, bytes);
    flat.bits = bits;
    area_each(area, bits_set, &flat);
    area_close(area);
    *area = flat;
    return STATUS_OK;
}
