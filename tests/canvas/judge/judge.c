/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* canvas-judge: the same drawings, by the existing libspice-server and by ours.
 *
 *   canvas-judge [--count DRAWINGS] [--seed SEED] [--batch NUMBER] [--library FOLDER] KIND
 *
 * Drawings of one kind (world_drawings.c) go to both in batches, some onto each surface, through the public interface: two
 * processes (painter.h), each with a QXL device, whose worker renders. What both left in the guest's memory must be the same, but
 * for what expected_difference() lists. Each batch is made from seed, kind and number, so --batch repeats what failed.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/canvas/judge/painter.h"

typedef struct Judge {
    Batch batch; /* as it was before it was drawn */
    BatchName name;
    Painter theirs, ours;
    uint8_t their_pixels[WORLD_PIXEL_BYTES], our_pixels[WORLD_PIXEL_BYTES];
    unsigned drawn, surfaces, changed, different;
} Judge;

/* ---- Comparison ---- */

/* Where a scaled source begins is rounded to pixels of the destination (5.10): of two that are as near, theirs takes
 * either, as its floating point happens to fall. */
static bool rop3_is_tie(const QXLDrawable *drawing)
{
    const QXLRop3 *rop3 = &drawing->u.rop3;
    const int64_t widths[] = {drawing->bbox.right - drawing->bbox.left,
                              drawing->bbox.bottom - drawing->bbox.top};
    const int64_t starts[] = {rop3->src_area.left, rop3->src_area.top};
    const int64_t lengths[] = {rop3->src_area.right - rop3->src_area.left,
                               rop3->src_area.bottom - rop3->src_area.top};
    bool tie = false;
    for (int i = 0; i < 2; i++) {
        tie = tie || (2 * starts[i] * widths[i] % lengths[i] == 0 &&
                      2 * starts[i] * widths[i] / lengths[i] % 2 != 0);
    }
    return tie;
}

/* Bits of a pixel that may differ, by right: the byte of 32_xRGB that is nobody's. */
static uint32_t expected_difference(const QXLDrawable *drawing, uint32_t format)
{
    const uint32_t nobodys = 0xff000000u;
    if (drawing->type == QXL_DRAW_ROP3 && rop3_is_tie(drawing)) {
        return UINT32_MAX;
    }
    if (format != SPICE_SURFACE_FMT_32_xRGB) {
        return 0;
    }
    if (drawing->self_bitmap) {
        return nobodys; /* wire-protocol 6.7: a snapshot; theirs sets all of these bytes when it finds 0 and 255 only */
    }
    switch (drawing->type) {
    case QXL_DRAW_TEXT: /* 5.12.4: as in 5.8 */
        return nobodys;
    case QXL_DRAW_ALPHA_BLEND: /* 5.8: unspecified without DEST_HAS_ALPHA */
        return drawing->u.alpha_blend.alpha_flags & SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA ? 0 : nobodys;
    default:
        return 0;
    }
}

static bool bytes_agree(const Judge *judge, const WorldSurface *surface, uint32_t allowed, size_t *ret_at)
{
    const uint8_t *theirs = judge->their_pixels + surface->offset,
                  *ours = judge->our_pixels + surface->offset;
    for (size_t i = 0; i < surface->bytes; i++) {
        if ((theirs[i] ^ ours[i]) & ~(allowed >> i % 4 * 8) & 0xff) {
            *ret_at = i;
            return false;
        }
    }
    return true;
}

static const QXLImage *image_at(QXLPHYSICAL address)
{
    return (const QXLImage *)(uintptr_t)address;
}

static void image_print(const char *what, QXLPHYSICAL address)
{
    const QXLImage *image = image_at(address);
    if (address == 0) {
        fprintf(stderr, " %s none", what);
    } else if (image->descriptor.type == SPICE_IMAGE_TYPE_SURFACE) {
        fprintf(stderr, " %s surface %u", what, image->surface_image.surface_id);
    } else if (image->descriptor.type == SPICE_IMAGE_TYPE_QUIC) {
        fprintf(stderr, " %s %ux%u QUIC flags %u", what, image->descriptor.width, image->descriptor.height,
                image->descriptor.flags);
    } else {
        fprintf(stderr, " %s %ux%u format %u flags %u,%u", what, image->bitmap.x, image->bitmap.y,
                image->bitmap.format, image->descriptor.flags, image->bitmap.flags);
    }
}

static void area_print(const QXLRect *area)
{
    fprintf(stderr, " from %d,%d-%d,%d", area->left, area->top, area->right, area->bottom);
}

static void brush_print(const char *what, const QXLBrush *brush)
{
    fprintf(stderr, " %s brush %u", what, brush->type);
    if (brush->type == SPICE_BRUSH_TYPE_PATTERN) {
        image_print("of", brush->u.pattern.pat);
        fprintf(stderr, " at %d,%d", brush->u.pattern.pos.x, brush->u.pattern.pos.y);
    }
}

static void stroke_print(const QXLStroke *stroke)
{
    brush_print("", &stroke->brush);
    fprintf(stderr, " rop %x line %u dashes", stroke->fore_mode, stroke->attr.flags);
    for (unsigned i = 0; i < stroke->attr.style_nseg; i++) {
        fprintf(stderr, " %d", ((const int32_t *)(uintptr_t)stroke->attr.style)[i]);
    }
    const QXLPath *path = (const QXLPath *)(uintptr_t)stroke->path;
    if (path->chunk.data_size == path->data_size) {
        for (size_t at = 0; at < path->data_size;) {
            const QXLPathSeg *segment = (const QXLPathSeg *)(const void *)(path->chunk.data + at);
            fprintf(stderr, " [%x", segment->flags);
            for (uint32_t i = 0; i < segment->count; i++) {
                fprintf(stderr, " %d/16,%d/16", segment->points[i].x, segment->points[i].y);
            }
            fputs("]", stderr);
            at += sizeof(*segment) + segment->count * sizeof(segment->points[0]);
        }
    }
}

/* What matters most about a drawing of a surface that differs. */
static void drawing_print(const QXLDrawable *drawing)
{
    fprintf(stderr, "  box %d,%d-%d,%d, clip %u:", drawing->bbox.left, drawing->bbox.top, drawing->bbox.right,
            drawing->bbox.bottom, drawing->clip.type);
    switch (drawing->type) {
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        image_print("source", drawing->u.copy.src_bitmap);
        area_print(&drawing->u.copy.src_area);
        fprintf(stderr, " rop %x scale %u", drawing->u.copy.rop_descriptor, drawing->u.copy.scale_mode);
        image_print("mask", drawing->u.copy.mask.bitmap);
        break;
    case QXL_DRAW_OPAQUE:
        image_print("source", drawing->u.opaque.src_bitmap);
        area_print(&drawing->u.opaque.src_area);
        brush_print("", &drawing->u.opaque.brush);
        fprintf(stderr, " rop %x scale %u", drawing->u.opaque.rop_descriptor, drawing->u.opaque.scale_mode);
        break;
    case QXL_DRAW_ROP3:
        image_print("source", drawing->u.rop3.src_bitmap);
        area_print(&drawing->u.rop3.src_area);
        brush_print("", &drawing->u.rop3.brush);
        fprintf(stderr, " rop %x scale %u", drawing->u.rop3.rop3, drawing->u.rop3.scale_mode);
        break;
    case QXL_DRAW_TRANSPARENT:
        image_print("source", drawing->u.transparent.src_bitmap);
        area_print(&drawing->u.transparent.src_area);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        image_print("source", drawing->u.alpha_blend.src_bitmap);
        area_print(&drawing->u.alpha_blend.src_area);
        fprintf(stderr, " flags %u alpha %u", drawing->u.alpha_blend.alpha_flags,
                drawing->u.alpha_blend.alpha);
        break;
    case QXL_DRAW_STROKE:
        stroke_print(&drawing->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        brush_print("fore", &drawing->u.text.fore_brush);
        brush_print("back", &drawing->u.text.back_brush);
        break;
    case QXL_DRAW_COMPOSITE:
        image_print("source", drawing->u.composite.src);
        image_print("mask", drawing->u.composite.mask);
        fprintf(stderr, " flags %x transforms %d %d", drawing->u.composite.flags,
                drawing->u.composite.src_transform != 0, drawing->u.composite.mask_transform != 0);
        break;
    default:
        break;
    }
    fputc('\n', stderr);
}

static void difference_print(const Judge *judge, uint32_t id, size_t at)
{
    const WorldSurface *surface = &judge->batch.world.surfaces[id];
    const QxlGeometry *geometry = &surface->geometry;
    const size_t stride = (size_t)abs(geometry->stride), line = at / stride,
                 pixel = surface->offset + at / 4 * 4;
    uint32_t theirs, ours, was;

    memcpy(&theirs, judge->their_pixels + pixel, 4);
    memcpy(&ours, judge->our_pixels + pixel, 4);
    memcpy(&was, judge->batch.world.pixels + pixel, 4);
    fprintf(stderr,
            "canvas-judge: %s, batch %u, surface %u (format %u, %ux%u): line %zu byte %zu: was %08x, theirs "
            "%08x, "
            "ours %08x\n",
            world_ops[judge->name.op].name, judge->name.number, id, geometry->format, geometry->width,
            geometry->height, geometry->stride < 0 ? geometry->height - 1 - line : line, at % stride, was,
            theirs, ours);
    for (unsigned i = 0; i < judge->batch.count; i++) {
        if (judge->batch.drawings[i]->surface_id == id) {
            drawing_print(judge->batch.drawings[i]);
        }
    }
}

/* A surface of which nothing is expected is not counted. */
static void surface_compare(Judge *judge, uint32_t id)
{
    const WorldSurface *surface = &judge->batch.world.surfaces[id];
    uint32_t allowed = 0;
    unsigned drawn = 0;
    size_t at;

    for (unsigned i = 0; i < judge->batch.count; i++) {
        if (judge->batch.drawings[i]->surface_id == id) {
            allowed |= expected_difference(judge->batch.drawings[i], surface->geometry.format);
            drawn++;
        }
    }
    if (allowed == UINT32_MAX) {
        return;
    }
    judge->drawn += drawn;
    judge->surfaces++;
    judge->changed += memcmp(judge->batch.world.pixels + surface->offset,
                             judge->their_pixels + surface->offset, surface->bytes) != 0;
    if (!bytes_agree(judge, surface, allowed, &at) && judge->different++ < 20) {
        difference_print(judge, id, at);
    }
}

static void batch_judge(Judge *judge)
{
    Batch *batch = &judge->batch;
    Painter *painters[] = {&judge->theirs, &judge->ours};
    uint8_t *pixels[] = {judge->their_pixels, judge->our_pixels};
    bool well = painter_ask(painters[0], &judge->name) && painter_ask(painters[1], &judge->name);

    batch_make(batch, &judge->name);
    for (int i = 0; i < 2; i++) {
        if (!well || !painter_answer(painters[i], pixels[i], batch->world.pixel_bytes)) {
            fprintf(stderr, "canvas-judge: %s, batch %u: %s ended\n", world_ops[judge->name.op].name,
                    judge->name.number, painters[i]->library);
            exit(1);
        }
    }
    for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
        surface_compare(judge, id);
    }
    for (uint32_t id = WORLD_DRAWN + 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &batch->world.surfaces[id];
        if (memcmp(batch->world.pixels + surface->offset, judge->our_pixels + surface->offset,
                   surface->bytes) != 0) {
            fprintf(stderr, "canvas-judge: batch %u: source %u was drawn on\n", judge->name.number, id);
            judge->different++;
        }
    }
}

/* False: a difference, or nothing worth comparing was drawn. */
static bool judge_kind(Judge *judge, unsigned op, unsigned long count, long only)
{
    judge->name.op = op;
    judge->drawn = judge->surfaces = judge->changed = judge->different = 0;
    if (only >= 0) {
        judge->name.number = (uint32_t)only;
        batch_judge(judge);
    } else {
        for (judge->name.number = 0; judge->drawn < count; judge->name.number++) {
            batch_judge(judge);
        }
    }
    printf("{\"kind\":\"%s\",\"drawn\":%u,\"surfaces\":%u,\"changed\":%u,\"different\":%u}\n",
           world_ops[op].name, judge->drawn, judge->surfaces, judge->changed, judge->different);
    fflush(stdout);
    return judge->different == 0 && judge->changed > judge->surfaces / 8;
}

static int usage(FILE *to, int status)
{
    fputs("usage: canvas-judge [--count DRAWINGS] [--seed SEED] [--batch NUMBER] [--library FOLDER] KIND\n"
          "KIND is all, or one of:",
          to);
    for (unsigned i = 0; i < world_op_count; i++) {
        fprintf(to, " %s", world_ops[i].name);
    }
    fputc('\n', to);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"count", required_argument, NULL, 'c'}, {"seed", required_argument, NULL, 's'},
        {"batch", required_argument, NULL, 'b'}, {"library", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},        {0}};
    static Judge judge = {.name.seed = 1};
    const char *library = OUR_LIBRARY_FOLDER;
    unsigned long count = 3000;
    long only = -1;
    bool good = true, known = false;

    if (argc == 2 && strcmp(argv[1], PAINTER_ARGUMENT) == 0) {
        return painter_main();
    }
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            count = strtoul(optarg, NULL, 10);
            break;
        case 's':
            judge.name.seed = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            only = strtol(optarg, NULL, 10);
            break;
        case 'l':
            library = optarg;
            break;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    if (optind + 1 != argc) {
        return usage(stderr, 2);
    }
    signal(SIGPIPE, SIG_IGN);
    world_init(&judge.batch.world);
    painter_start(&judge.theirs, NULL);
    painter_start(&judge.ours, library);
    struct stat theirs, ours;
    if (stat(judge.theirs.library, &theirs) != 0 || stat(judge.ours.library, &ours) != 0 ||
        (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)) {
        fprintf(stderr, "canvas-judge: both would draw with %s\n", judge.ours.library);
        return 1;
    }
    for (unsigned i = 0; i < world_op_count; i++) {
        if (strcmp(argv[optind], "all") == 0 || strcmp(argv[optind], world_ops[i].name) == 0) {
            known = true;
            good = judge_kind(&judge, i, count, only) && good;
        }
    }
    good = painter_stop(&judge.theirs) && good;
    good = painter_stop(&judge.ours) && good;
    if (!known) {
        return usage(stderr, 2);
    }
    return good ? 0 : 1;
}
