/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one drawing may cost: guests choose how much it asks for, everybody waits until it is done. */
#include "tests/canvas/easel.h"

#include <stdlib.h>

#define SIDE 1024
#define POINTS 131000u

/* A surface that is large enough for drawings to cost something. */
typedef struct Wall {
    Easel *easel;
    uint32_t *pixels;
    QXLPointFix *points;
    QxlPathSegment *segments;
} Wall;

static Wall wall_new(Easel *easel, uint32_t format)
{
    Wall wall = {.easel = easel};
    const QxlGeometry geometry = {SIDE, SIDE, format, SIDE * 4};
    wall.pixels = calloc(SIDE * SIDE, sizeof *wall.pixels);
    wall.points = calloc(POINTS, sizeof *wall.points);
    wall.segments = calloc(POINTS, sizeof *wall.segments);
    assert_true(wall.pixels != NULL && wall.points != NULL && wall.segments != NULL);
    assert_int_equal(canvas_init(&easel->canvases[0], &geometry, wall.pixels, &easel->fault), STATUS_OK);
    easel->drawable.box = easel_rect(0, 0, SIDE, SIDE);
    return wall;
}

static void wall_free(Wall *wall)
{
    free(wall->pixels);
    free(wall->points);
    free(wall->segments);
}

/* To and fro, corner to corner. One polyline, or `each` points of one. */
static QxlStroke *zigzag(Wall *wall, uint32_t count, uint32_t each)
{
    const uint32_t segments = (count + each - 1) / each;
    for (uint32_t i = 0; i < count; i++) {
        wall->points[i] = (QXLPointFix){i % 2 == 0 ? 0 : (SIDE - 1) * 16, i % 2 == 0 ? 0 : (SIDE - 1) * 16};
    }
    for (uint32_t i = 0; i < segments; i++) {
        wall->segments[i] = (QxlPathSegment){.flags = SPICE_PATH_BEGIN | SPICE_PATH_END,
                                             .count = i + 1 < segments ? each : count - i * each,
                                             .points = &wall->points[i * each]};
    }
    QxlStroke *stroke = &wall->easel->drawable.u.stroke;
    *stroke = (QxlStroke){.path = {.segments = wall->segments, .count = segments, .points = count},
                          .brush = {.type = SPICE_BRUSH_TYPE_SOLID, .color = 0xff},
                          .fore_mode = SPICE_ROPD_OP_XOR};
    return stroke;
}

static void expect_too_much(Easel *easel)
{
    assert_int_equal(easel_try(easel, QXL_DRAW_STROKE), STATUS_LIMIT);
    assert_string_equal(easel->fault.why, "a drawing of more work than its size is worth");
}

static void test_lines(void **state)
{
    Easel *easel = *state;
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_xRGB);
    zigzag(&wall, POINTS, POINTS);
    expect_too_much(easel);
    zigzag(&wall, POINTS, 2);
    expect_too_much(easel);
    zigzag(&wall, 501, 501); /* across the whole surface, 500 times: nobody draws more */
    easel_draw(easel, QXL_DRAW_STROKE);
    zigzag(&wall, POINTS, POINTS); /* as many as there are points, of a common length */
    for (uint32_t i = 0; i < POINTS; i++) {
        wall.points[i].x = (int32_t)(i % 16 * 16);
        wall.points[i].y = (int32_t)(i % SIDE * 16);
    }
    easel_draw(easel, QXL_DRAW_STROKE);
    wall_free(&wall);
}

static void test_dashed(void **state)
{
    Easel *easel = *state;
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_xRGB);
    int32_t lengths[255] = {16, 16};
    QxlLine *line = &zigzag(&wall, POINTS, POINTS)->line;
    const QxlLine dots = {.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = lengths};
    *line = dots;
    expect_too_much(easel);
    zigzag(&wall, POINTS, 2)->line = dots; /* each is painted by itself */
    expect_too_much(easel);
    zigzag(&wall, 41, 41)->line = dots;
    easel_draw(easel, QXL_DRAW_STROKE);
    zigzag(&wall, 80, 2)->line = dots;
    easel_draw(easel, QXL_DRAW_STROKE);
    /* Nothing of it is seen, but which dash the next line begins with must be known. */
    zigzag(&wall, POINTS, POINTS)->line = dots;
    line->dash_count = 255;
    for (uint32_t i = 0; i < 255; i++) {
        lengths[i] = i == 7 ? 16 : 0;
    }
    expect_too_much(easel);
    wall_free(&wall);
}

/* The same as laying it out by hand, wherever the repetition begins. */
static void test_tiles(void **state)
{
    Easel *easel = *state;
    const uint32_t tile[] = {0xff000001, 0xff000203, 0xff040506, 0xff102030, 0xff405060, 0xff708090};
    static const int32_t shifts[] = {0, 30000 * 65536, -30000 * 65536, 7 * 65536 + 12345};
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_ARGB);
    EaselImage image;
    QxlComposite *composite = &easel->drawable.u.composite;
    for (unsigned i = 0; i < 4; i++) {
        for (uint8_t filter = 0; filter < 2; filter++) {
            /* Turned a little: pixman has no short cut for it. */
            const QxlTransform transform = {.t = {{60000, 9000, shifts[i]}, {-9000, 50000, shifts[3 - i]}}};
            *composite =
                (QxlComposite){.op = QXL_OP_SOURCE,
                               .src = easel_image(&image, SPICE_BITMAP_FMT_RGBA, 3, 2, 12, tile),
                               .src_filter = filter != 0 ? PIXMAN_FILTER_BILINEAR : PIXMAN_FILTER_NEAREST,
                               .src_repeat = PIXMAN_REPEAT_NORMAL,
                               .src_transform = &transform};
            memset(wall.pixels, 0, SIDE * SIDE * sizeof *wall.pixels);
            easel_draw(easel, QXL_DRAW_COMPOSITE);
            uint32_t *expected = calloc(SIDE * 16, sizeof *expected);
            pixman_image_t *from = pixman_image_create_bits(PIXMAN_a8r8g8b8, 3, 2, (uint32_t *)tile, 12);
            pixman_image_t *to = pixman_image_create_bits(PIXMAN_a8r8g8b8, SIDE, 16, expected, SIDE * 4);
            const pixman_transform_t same = {
                .matrix = {{60000, 9000, shifts[i]}, {-9000, 50000, shifts[3 - i]}, {0, 0, 65536}}};
            assert_true(expected != NULL && from != NULL && to != NULL);
            pixman_image_set_transform(from, &same);
            pixman_image_set_repeat(from, PIXMAN_REPEAT_NORMAL);
            pixman_image_set_filter(from, (pixman_filter_t)composite->src_filter, NULL, 0);
            pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, 0, 0, 0, 0, 0, 0, SIDE, 16);
            assert_memory_equal(wall.pixels, expected, SIDE * 16 * sizeof *expected);
            assert_true(wall.pixels[0] != 0);
            pixman_image_unref(from);
            pixman_image_unref(to);
            free(expected);
        }
    }
    wall_free(&wall);
}

/* Many times as long as what is looked at: the largest picture that a guest can lend for the smallest drawing. */
static void test_large_source(void **state)
{
    Easel *easel = *state;
    enum { WIDTH = 8192, HEIGHT = 8192 }; /* QXL_PIXELS_MAX */
    uint8_t *bits = calloc(WIDTH / 8, HEIGHT);
    EaselImage image;
    assert_non_null(bits);
    easel_surface(easel, 0, SPICE_SURFACE_FMT_32_ARGB, 4, 4);
    QxlPalette palette = {.count = 2, .entries = {1, 2}};
    QxlImage *source = easel_image(&image, SPICE_BITMAP_FMT_1BIT_BE, WIDTH, HEIGHT, WIDTH / 8, bits);
    source->u.bitmap.palette = &palette;
    easel->drawable.u.composite = (QxlComposite){.op = QXL_OP_SOURCE, .src = source};
    assert_int_equal(easel_try(easel, QXL_DRAW_COMPOSITE), STATUS_LIMIT);
    free(bits);
}

/* What was done can be asked for, so that somebody can make a pause. */
static void test_counted(void **state)
{
    Easel *easel = *state;
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_xRGB);
    uint64_t before = easel->set.work;
    zigzag(&wall, 501, 501);
    easel_draw(easel, QXL_DRAW_STROKE);
    assert_true(easel->set.work - before >= 500 * SIDE);
    before = easel->set.work;
    zigzag(&wall, POINTS, POINTS);
    expect_too_much(easel);
    assert_true(easel->set.work - before >= CANVAS_WORK_MIN);
    assert_true(easel->set.work - before <= 2 * (CANVAS_WORK_MIN + CANVAS_WORK_PER_PIXEL * SIDE * SIDE));
    wall_free(&wall);
}

static uint64_t whiteness_work(Easel *easel)
{
    const uint64_t before = easel->set.work;
    easel_draw(easel, QXL_DRAW_WHITENESS);
    return easel->set.work - before;
}

/* Strips that reach into each other: what is looked at counts, and what is made of it; what lies beside the box is not. */
static void test_clip(void **state)
{
    Easel *easel = *state;
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_xRGB);
    static QXLRect strips[CANVAS_CLIP_RECTS_MAX];
    for (int32_t i = 0; i < (int32_t)CANVAS_CLIP_RECTS_MAX; i++) {
        strips[i] = easel_rect(2 * i, i, 2 * i + 1, 4 * (int32_t)CANVAS_CLIP_RECTS_MAX - i);
    }
    easel->drawable.clip = (QxlClip){.rects_given = true, .count = CANVAS_CLIP_RECTS_MAX, .rects = strips};
    const uint64_t pieces = SIDE / 2 * (SIDE / 2 + 1) / 2;
    assert_in_range(whiteness_work(easel), CANVAS_CLIP_RECTS_MAX + pieces, 8 * pieces);
    easel->drawable.box = easel_rect(0, 0, 1, 1);
    assert_in_range(whiteness_work(easel), CANVAS_CLIP_RECTS_MAX, 2 * CANVAS_CLIP_RECTS_MAX);
    wall_free(&wall);
}

/* Each run of a mask is painted by itself. */
static void test_mask(void **state)
{
    Easel *easel = *state;
    Wall wall = wall_new(easel, SPICE_SURFACE_FMT_32_xRGB);
    uint8_t *bits = malloc(SIDE / 8 * SIDE);
    QxlSpan span = {(uintptr_t)bits, 0, SIDE / 8 * SIDE};
    QxlImage mask = {.type = SPICE_IMAGE_TYPE_BITMAP, .width = SIDE, .height = SIDE};
    assert_non_null(bits);
    mask.u.bitmap = (QxlBitmap){.format = SPICE_BITMAP_FMT_1BIT_BE,
                                .top_down = true,
                                .stride = SIDE / 8,
                                .data = {.spans = &span, .count = 1, .bytes = span.bytes}};
    easel->drawable.u.mask = (QxlMask){.image = &mask};
    memset(bits, 0xff, span.bytes);
    const uint64_t whole = whiteness_work(easel);
    memset(bits, 0x55, span.bytes);
    const uint64_t checkered = whiteness_work(easel);
    assert_in_range(checkered - whole, SIDE * (SIDE / 2 - 1), 4 * SIDE * (SIDE / 2 - 1));
    assert_in_range(checkered, 0, 3 * canvas_work_of(&easel->drawable));
    free(bits);
    wall_free(&wall);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, easel_setup, easel_teardown)

int run_work(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_lines),   UNIT(test_dashed), UNIT(test_tiles), UNIT(test_large_source),
        UNIT(test_counted), UNIT(test_clip),   UNIT(test_mask),
    };
    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
