/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must be true of any drawing, also of those that the existing server cannot be asked about. */
#include "tests/canvas/easel.h"

#include <stdlib.h>

#include "display/canvas/pixels.h"
#include "qxl/command.h"
#include "tests/canvas/world.h"

#define BATCHES 12u

typedef struct Studio {
    World world;
    uint8_t *pixels, *before, *whole;
    Canvas canvases[WORLD_SURFACES];
    Memslots *slots;
    CanvasSet set;
} Studio;

static void *studio_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return malloc(bytes);
}

static void studio_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const QxlMemory heap = {.alloc = studio_alloc, .free = studio_free};

static const Canvas *studio_find(void *opaque, uint32_t id)
{
    const Studio *studio = opaque;
    return id > 0 && id < WORLD_SURFACES ? &studio->canvases[id] : NULL;
}

static bool studio_geometry(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Studio *studio = opaque;
    if (id == 0 || id >= WORLD_SURFACES) {
        return false;
    }
    *ret_geometry = studio->world.surfaces[id].geometry;
    return true;
}

static int studio_setup(void **state)
{
    const MemslotsLayout layout = {.groups = 1, .slots = 1, .id_bits = 8, .generation_bits = 8};
    const Memslot everything = {.virt_end = UINTPTR_MAX};
    Studio *studio = calloc(1, sizeof(*studio));
    assert_non_null(studio);
    world_init(&studio->world);
    studio->world.beyond = true;
    studio->pixels = aligned_alloc(64, WORLD_PIXEL_BYTES);
    studio->before = aligned_alloc(64, WORLD_PIXEL_BYTES);
    studio->whole = aligned_alloc(64, WORLD_PIXEL_BYTES);
    studio->slots = memslots_new(&layout);
    assert_int_equal(memslots_add(studio->slots, &everything), STATUS_OK);
    studio->set = canvas_set_of(&heap, studio_find, studio);
    *state = studio;
    return 0;
}

static int studio_teardown(void **state)
{
    Studio *studio = *state;
    canvas_set_finish(&studio->set);
    memslots_free(studio->slots);
    world_finish(&studio->world);
    free(studio->pixels);
    free(studio->before);
    free(studio->whole);
    free(studio);
    return 0;
}

/* Canvases over a copy of the world's surfaces. */
static void studio_canvases(Studio *studio)
{
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        QxlFault fault;
        assert_int_equal(canvas_init(&studio->canvases[id], &studio->world.surfaces[id].geometry,
                                     studio->pixels + studio->world.surfaces[id].offset, &fault),
                         STATUS_OK);
    }
}

static uint32_t pixel_of(const Studio *studio, const uint8_t *pixels, uint32_t id, int32_t x, int32_t y)
{
    const Raster *raster = &studio->canvases[id].raster;
    const unsigned bits = PIXMAN_FORMAT_BPP(raster->format);
    const uint8_t *at = pixels + (raster->top - studio->pixels) + raster->stride * y + (unsigned)x * bits / 8;
    uint32_t value = 0;
    memcpy(&value, at, bits < 8 ? 1 : bits / 8);
    return bits < 8 ? value >> x % 8 & 1 : value;
}

static bool inside(const QXLRect *rect, int32_t x, int32_t y)
{
    return x >= rect->left && x < rect->right && y >= rect->top && y < rect->bottom;
}

static bool clip_has(const QxlClip *clip, int32_t x, int32_t y)
{
    bool has = !clip->rects_given;
    for (uint32_t i = 0; i < clip->count; i++) {
        has = has || inside(&clip->rects[i], x, y);
    }
    return has;
}

static void draw(Studio *studio, const QxlDrawable *drawable)
{
    QxlFault fault = {0};
    if (canvas_draw(&studio->set, &studio->canvases[drawable->surface_id], drawable, &fault) != STATUS_OK) {
        fail_msg("drawing of type %u: %s (%llu)", drawable->type, fault.why, (unsigned long long)fault.value);
    }
}

/* A drawing changes nothing but in its box and clip, and there it is what it would be without a clip. */
static void drawing_check(Studio *studio, QxlDrawable *drawable)
{
    const uint32_t id = drawable->surface_id;
    const WorldSurface *surface = &studio->world.surfaces[id];
    const size_t all = studio->world.pixel_bytes;

    memcpy(studio->before, studio->pixels, all);
    const QxlClip clip = drawable->clip;
    drawable->clip = (QxlClip){0};
    draw(studio, drawable);
    memcpy(studio->whole, studio->pixels, all);
    memcpy(studio->pixels, studio->before, all);
    drawable->clip = clip;
    draw(studio, drawable);

    for (int32_t y = 0; y < (int32_t)surface->geometry.height; y++) {
        for (int32_t x = 0; x < (int32_t)surface->geometry.width; x++) {
            const bool drawn = inside(&drawable->box, x, y) && clip_has(&clip, x, y);
            const uint32_t expected = pixel_of(studio, drawn ? studio->whole : studio->before, id, x, y);
            const uint32_t got = pixel_of(studio, studio->pixels, id, x, y);
            if (got != expected) {
                fail_msg("type %u, surface %u (format %u), pixel %d,%d: %08x, not %08x", drawable->type, id,
                         surface->geometry.format, x, y, got, expected);
            }
        }
    }
    /* What lies between the lines, and the other surfaces. */
    const size_t line = (surface->geometry.width * qxl_surface_depth(surface->geometry.format) + 7) / 8;
    const size_t stride = (size_t)abs(surface->geometry.stride);
    for (size_t y = 0; y < surface->geometry.height; y++) {
        const size_t at = surface->offset + y * stride;
        assert_memory_equal(studio->pixels + at + line, studio->before + at + line, stride - line);
        memcpy(studio->before + at, studio->pixels + at, line);
    }
    assert_memory_equal(studio->pixels, studio->before, all);
}

static void kind_check(Studio *studio, const WorldOp *op, uint64_t seed)
{
    const QxlHost host = {.memory = heap, .find_surface = studio_geometry, .opaque = studio};
    World *world = &studio->world;
    Choices choices = choices_of_seed(seed);

    world_forget(world);
    world_surfaces(world, &choices, WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8 | WORLD_OF_1);
    world_pixels(world, &choices);
    memcpy(studio->pixels, world->pixels, world->pixel_bytes);
    studio_canvases(studio);
    for (uint32_t id = 1; id <= WORLD_DRAWN; id++) {
        const QXLDrawable *drawing = world_drawing(world, &choices, op, id);
        const QXLCommandExt command = {.cmd = {.data = world_address(drawing), .type = QXL_CMD_DRAW}};
        QxlCommand parsed;
        QxlFault fault = {0};
        if (qxl_command_read(studio->slots, &host, QXL_RING_COMMANDS, &command, &parsed, &fault) !=
            STATUS_OK) {
            fail_msg("%s: %s", op->name, fault.why);
        }
        drawing_check(studio, parsed.u.drawable);
        qxl_drawable_free(parsed.u.drawable);
    }
}

static void test_clipped_is_part_of_whole(void **state)
{
    Studio *studio = *state;
    for (unsigned i = 0; i < world_op_count; i++) {
        for (uint64_t batch = 0; batch < BATCHES; batch++) {
            kind_check(studio, &world_ops[i], batch * 100 + i);
        }
    }
}

int run_properties(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clipped_is_part_of_whole, studio_setup, studio_teardown),
    };
    return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
