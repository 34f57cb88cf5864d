/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strokes: lines, curves, dashes. */
#include "tests/canvas/easel.h"

#define C 0xffu
#define MAX_POINTS 8u

typedef struct Path {
    QXLPointFix points[MAX_POINTS];
    QxlPathSegment segments[2];
} Path;

/* Coordinates in pixels. */
static void path_of(Easel *easel, Path *path, uint8_t flags, unsigned count, const int32_t *xy)
{
    for (unsigned i = 0; i < count; i++) {
        path->points[i] = (QXLPointFix){.x = xy[i * 2] * 16, .y = xy[i * 2 + 1] * 16};
    }
    path->segments[0] = (QxlPathSegment){.flags = flags, .count = count, .points = path->points};
    easel->drawable.u.stroke = (QxlStroke){.path = {.segments = path->segments, .count = 1, .points = count},
                                           .brush = {.type = SPICE_BRUSH_TYPE_SOLID, .color = C},
                                           .fore_mode = SPICE_ROPD_OP_XOR};
}

static void surface_8(Easel *easel, uint32_t width, uint32_t height)
{
    easel_surface(easel, 0, SPICE_SURFACE_FMT_8_A, width, height);
}

/* The last point is not drawn; joints are, once. */
static void test_straight(void **state)
{
    Easel *easel = *state;
    Path path;
    surface_8(easel, 4, 3);
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_END, 3, (const int32_t[]){0, 0, 3, 0, 3, 2});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, C, C, 0, 0, 0, C, 0, 0, 0, 0);
    surface_8(easel, 4, 3);
    path.segments[0].flags |= SPICE_PATH_CLOSE;
    easel_draw(easel, QXL_DRAW_STROKE); /* back by (3,2), (2,1), (1,1) */
    easel_expect(easel, C, C, C, C, 0, C, C, C, 0, 0, 0, C);
    surface_8(easel, 4, 3); /* a point by itself is nothing */
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_END, 1, (const int32_t[]){1, 1});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Slopes: of two pixels as near, which one depends on the direction. */
static void test_slopes(void **state)
{
    Easel *easel = *state;
    Path path;
    surface_8(easel, 5, 3);
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){0, 0, 4, 2});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, 0, 0, 0, 0, 0, C, C, 0, 0, 0, 0, 0, C, 0);
    surface_8(easel, 5, 3);
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){4, 2, 0, 0});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, 0, 0, 0, 0, 0, 0, C, C, 0, 0, 0, 0, 0, C, C);
    surface_8(easel, 3, 3); /* as steep as flat */
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){2, 0, 0, 2});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, 0, 0, C, 0, C, 0, 0, 0, 0);
}

/* Halves are rounded down, more than halves up. */
static void test_rounding(void **state)
{
    Easel *easel = *state;
    Path path;
    surface_8(easel, 4, 1);
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){0, 0, 3, 0});
    path.points[0].x = 8;
    path.points[1].x = 2 * 16 + 9;
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, C, 0);
}

/* Only what is seen costs time, wherever the line comes from. */
static void test_far(void **state)
{
    Easel *easel = *state;
    Path path;
    surface_8(easel, 3, 3);
    path_of(easel, &path, SPICE_PATH_BEGIN, 2,
            (const int32_t[]){-100000001, -100000001, 134000000, 134000000});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, 0, 0, 0, C, 0, 0, 0, C);
    easel->drawable.u.stroke.line =
        (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = (const int32_t[]){16, 16}};
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){-100000000, 1, 134000000, 1});
    easel->drawable.u.stroke.line =
        (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = (const int32_t[]){16, 16}};
    surface_8(easel, 3, 3);
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, 0, 0, 0, C, 0, C, 0, 0, 0);
}

static void test_curve(void **state)
{
    Easel *easel = *state;
    Path path;
    surface_8(easel, 5, 3);
    /* So flat that it is a line, and one that bends: its middle is (2, 1.5). */
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, 4, (const int32_t[]){0, 0, 1, 0, 2, 0, 3, 0});
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    surface_8(easel, 5, 3);
    easel->drawable.u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, 4, (const int32_t[]){0, 0, 0, 2, 4, 2, 4, 0});
    easel->drawable.u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
    easel_draw(easel, QXL_DRAW_STROKE);
    uint8_t row[5];
    memcpy(row, easel->canvases[0].raster.top, 5);
    assert_true(row[0] == C && row[2] == 0);
    /* All points the same: the existing server never comes back from there. */
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, 4, (const int32_t[]){1, 1, 1, 1, 1, 1, 1, 1});
    easel_draw(easel, QXL_DRAW_STROKE);
    /* And a loop that ends where it begins. */
    path_of(easel, &path, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, 4,
            (const int32_t[]){1, 1, 90, 1, 1, 90, 1, 1});
    easel_draw(easel, QXL_DRAW_STROKE);
}

static void test_dashes(void **state)
{
    Easel *easel = *state;
    Path path;
    const int32_t lengths[] = {2 * 16, 3 * 16};
    surface_8(easel, 8, 1);
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){0, 0, 7, 0});
    QxlLine *line = &easel->drawable.u.stroke.line;
    *line = (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = lengths};
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, 0, 0, 0, C, C, 0);
    surface_8(easel, 8, 1);
    line->flags |=
        SPICE_LINE_FLAGS_START_WITH_GAP; /* 3 of the second are the gap's, 2 of the first the line's... */
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, 0, 0, C, C, C, 0, 0, 0);
    surface_8(easel, 8, 1); /* to the left the first pixel is not, and the last is */
    path_of(easel, &path, SPICE_PATH_BEGIN, 2, (const int32_t[]){7, 0, 0, 0});
    *line = (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = lengths};
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, 0, 0, 0, C, C, 0);
    surface_8(easel, 4, 3); /* around corners the pattern goes on, and each pixel counts once */
    path_of(easel, &path, SPICE_PATH_BEGIN, 4, (const int32_t[]){0, 0, 3, 0, 3, 2, 0, 2});
    *line =
        (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = (const int32_t[]){4 * 16, 16}};
    easel_draw(easel, QXL_DRAW_STROKE);
    easel_expect(easel, C, C, C, C, 0, 0, 0, 0, C, C, C, 0);
    *line = (QxlLine){.flags = SPICE_LINE_FLAGS_STYLED, .dash_count = 2, .dash = (const int32_t[]){1, 8}};
    assert_int_equal(easel_try(easel, QXL_DRAW_STROKE), STATUS_DEVICE_FAULT); /* nothing is left of them */
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, easel_setup, easel_teardown)

int run_lines(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_straight), UNIT(test_slopes), UNIT(test_rounding),
        UNIT(test_far),      UNIT(test_curve),  UNIT(test_dashes),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
