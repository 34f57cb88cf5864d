/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* canvas-judge: the same drawings, by the existing libspice-server and by our canvas.
 *
 *   canvas-judge [--count DRAWINGS] [--seed SEED] [--batch NUMBER] KIND
 *
 * Drawings of one kind (world_drawings.c) go to both in batches, each drawing onto a surface of its own. What both left in
 * memory must be the same, but for what expected_difference() lists. Each drawing is made from seed, kind, batch and
 * surface, so --batch repeats what failed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/canvas/canvas.h"
#include "qxl/command.h"
#include "tests/canvas/judge/host.h"
#include "tests/canvas/world.h"

typedef struct Judge {
    const WorldOp *op;
    unsigned op_index;
    uint64_t seed;
    World world;
    uint8_t *ours; /* of the world's pixels */
    Canvas canvases[WORLD_SURFACES];
    Memslots *slots;
    CanvasSet set;
    unsigned drawn, changed, different;
} Judge;

static void *memory_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return malloc(bytes);
}

static void memory_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const QxlMemory heap = {.alloc = memory_alloc, .free = memory_free};

static const Canvas *canvas_find(void *opaque, uint32_t id)
{
    const Judge *judge = opaque;
    return id > 0 && id < WORLD_SURFACES ? &judge->canvases[id] : NULL;
}

static bool surface_find(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Judge *judge = opaque;
    if (id == 0 || id >= WORLD_SURFACES) {
        return false;
    }
    *ret_geometry = judge->world.surfaces[id].geometry;
    return true;
}

static Choices choices_for(const Judge *judge, uint32_t batch, uint32_t which)
{
    return choices_of_seed(((judge->seed * 31 + judge->op_index) * 1000003 + batch) * 64 + which);
}

/* ---- Theirs ---- */

static void surfaces_tell(Judge *judge, uint8_t type)
{
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &judge->world.surfaces[id];
        QXLSurfaceCmd *command = world_take(&judge->world, sizeof(*command));
        command->surface_id = id;
        command->type = type;
        command->flags = QXL_SURF_FLAG_KEEP_DATA;
        if (type == QXL_SURFACE_CMD_CREATE) {
            command->u.surface_create = (QXLSurface){
                .format = surface->geometry.format,
                .width = surface->geometry.width,
                .height = surface->geometry.height,
                .stride = surface->geometry.stride,
                .data = world_address(judge->world.pixels + surface->offset),
            };
        }
        host_command(QXL_CMD_SURFACE, command);
    }
}

/* ---- Ours ---- */

static void draw_ours(Judge *judge, QXLDrawable *drawing)
{
    const QxlHost parser_host = {.memory = heap, .find_surface = surface_find, .opaque = judge};
    const QXLCommandExt command = {.cmd = {.data = world_address(drawing), .type = QXL_CMD_DRAW}};
    QxlCommand parsed;
    QxlFault fault = {0};

    Status status =
        qxl_command_read(judge->slots, &parser_host, QXL_RING_COMMANDS, &command, &parsed, &fault);
    if (status == STATUS_OK) {
        status = canvas_draw(&judge->set, &judge->canvases[drawing->surface_id], parsed.u.drawable, &fault);
        qxl_drawable_free(parsed.u.drawable);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "canvas-judge: surface %u: ours refuses: %s (%llu)\n", drawing->surface_id, fault.why,
                (unsigned long long)fault.value);
        judge->different++;
    }
}

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
    const uint8_t *theirs = judge->world.pixels + surface->offset, *ours = judge->ours + surface->offset;
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

/* What matters most about a drawing that differs. */
static void drawing_print(const QXLDrawable *drawing)
{
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

static void compare(Judge *judge, const uint8_t *before, uint32_t batch, const QXLDrawable *drawing)
{
    const uint32_t id = drawing->surface_id;
    const WorldSurface *surface = &judge->world.surfaces[id];
    const QxlGeometry *geometry = &surface->geometry;
    size_t at;

    judge->drawn++;
    judge->changed +=
        memcmp(before + surface->offset, judge->world.pixels + surface->offset, surface->bytes) != 0;
    if (bytes_agree(judge, surface, expected_difference(drawing, geometry->format), &at)) {
        return;
    }
    if (judge->different++ < 20) {
        const size_t stride = (size_t)abs(geometry->stride), line = at / stride;
        uint32_t theirs, ours, was;
        memcpy(&theirs, judge->world.pixels + surface->offset + at / 4 * 4, 4);
        memcpy(&ours, judge->ours + surface->offset + at / 4 * 4, 4);
        memcpy(&was, before + surface->offset + at / 4 * 4, 4);
        fprintf(stderr,
                "canvas-judge: %s, batch %u, surface %u (format %u, %ux%u), box %d,%d-%d,%d, clip %u: "
                "line %zu byte %zu: was %08x, theirs %08x, ours %08x;",
                judge->op->name, batch, id, geometry->format, geometry->width, geometry->height,
                drawing->bbox.left, drawing->bbox.top, drawing->bbox.right, drawing->bbox.bottom,
                drawing->clip.type, geometry->stride < 0 ? geometry->height - 1 - line : line, at % stride,
                was, theirs, ours);
        drawing_print(drawing);
    }
}

static void canvases_make(Judge *judge)
{
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &judge->world.surfaces[id];
        QxlFault fault;
        if (canvas_init(&judge->canvases[id], &surface->geometry, judge->ours + surface->offset, &fault) !=
            STATUS_OK) {
            fprintf(stderr, "canvas-judge: %s\n", fault.why);
            exit(1);
        }
    }
}

static void batch_run(Judge *judge, uint32_t batch)
{
    static uint8_t before[WORLD_PIXEL_BYTES];
    QXLDrawable *drawings[WORLD_DRAWN];
    World *world = &judge->world;
    Choices choices = choices_for(judge, batch, 0);

    world_forget(world);
    world_surfaces(world, &choices, judge->op->formats);
    world_pixels(world, &choices);
    memcpy(before, world->pixels, world->pixel_bytes);
    memcpy(judge->ours, world->pixels, world->pixel_bytes);
    canvases_make(judge);
    surfaces_tell(judge, QXL_SURFACE_CMD_CREATE);
    for (uint32_t i = 0; i < WORLD_DRAWN; i++) {
        Choices own = choices_for(judge, batch, i + 1);
        drawings[i] = world_drawing(world, &own, judge->op, i + 1);
        host_command(QXL_CMD_DRAW, drawings[i]);
    }
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        host_render(id, world->surfaces[id].geometry.width, world->surfaces[id].geometry.height);
    }
    for (uint32_t i = 0; i < WORLD_DRAWN; i++) {
        draw_ours(judge, drawings[i]);
        compare(judge, before, batch, drawings[i]);
    }
    for (uint32_t id = WORLD_DRAWN + 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &world->surfaces[id];
        if (memcmp(before + surface->offset, judge->ours + surface->offset, surface->bytes) != 0) {
            fprintf(stderr, "canvas-judge: batch %u: source %u was drawn on\n", batch, id);
            judge->different++;
        }
    }
    surfaces_tell(judge, QXL_SURFACE_CMD_DESTROY);
    host_render(0, 16, 16);
    if (host_outstanding() != 0) {
        fprintf(stderr, "canvas-judge: the server keeps %u commands\n", host_outstanding());
        exit(1);
    }
}

static void judge_init(Judge *judge)
{
    const MemslotsLayout layout = {.groups = 1, .slots = 1, .id_bits = 8, .generation_bits = 8};
    const Memslot everything = {.virt_end = UINTPTR_MAX};

    world_init(&judge->world);
    judge->ours = aligned_alloc(64, WORLD_PIXEL_BYTES);
    judge->slots = memslots_new(&layout);
    judge->set = canvas_set_of(&heap, canvas_find, judge);
    if (judge->ours == NULL || judge->slots == NULL || memslots_add(judge->slots, &everything) != STATUS_OK) {
        fputs("canvas-judge: no memory\n", stderr);
        exit(1);
    }
}

/* False: a difference, or nothing worth comparing was drawn. */
static bool judge_kind(Judge *judge, unsigned index, unsigned long count, long only)
{
    judge->op = &world_ops[index];
    judge->op_index = index;
    judge->drawn = judge->changed = judge->different = 0;
    if (only >= 0) {
        batch_run(judge, (uint32_t)only);
    } else {
        for (uint32_t batch = 0; judge->drawn < count; batch++) {
            batch_run(judge, batch);
        }
    }
    printf("{\"kind\":\"%s\",\"drawn\":%u,\"changed\":%u,\"different\":%u}\n", judge->op->name, judge->drawn,
           judge->changed, judge->different);
    fflush(stdout);
    return judge->different == 0 && judge->changed > judge->drawn / 8;
}

static int usage(FILE *to, int status)
{
    fputs("usage: canvas-judge [--count DRAWINGS] [--seed SEED] [--batch NUMBER] KIND\n"
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
    static const struct option options[] = {{"count", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static Judge judge = {.seed = 1};
    unsigned long count = 3000;
    long only = -1;
    bool good = true, known = false;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            count = strtoul(optarg, NULL, 10);
            break;
        case 's':
            judge.seed = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            only = strtol(optarg, NULL, 10);
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
    judge_init(&judge);
    host_start();
    for (unsigned i = 0; i < world_op_count; i++) {
        if (strcmp(argv[optind], "all") == 0 || strcmp(argv[optind], world_ops[i].name) == 0) {
            known = true;
            good = judge_kind(&judge, i, count, only) && good;
        }
    }
    if (!known) {
        return usage(stderr, 2);
    }
    return good ? 0 : 1;
}
