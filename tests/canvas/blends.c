/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Alpha blend, text, composite: pixels computed by hand from the rules' own words. */
#include "tests/canvas/easel.h"

#define RGB SPICE_SURFACE_FMT_32_xRGB
#define ARGB SPICE_SURFACE_FMT_32_ARGB

static uint32_t mul(uint32_t x, uint32_t y)
{
    const uint32_t t = x * y + 128;
    return (t + (t >> 8)) >> 8;
}

/* Premultiplied OVER with an overall alpha, for each of four channels. */
static uint32_t over(uint32_t src, uint32_t dst, uint32_t overall)
{
    uint32_t result = 0;
    const uint32_t alpha = overall == 255 ? src >> 24 : mul(src >> 24, overall);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        const uint32_t s = src >> shift & 255, c = overall == 255 ? s : mul(s, overall);
        const uint32_t sum = c + mul(dst >> shift & 255, 255 - alpha);
        result |= (sum > 255 ? 255 : sum) << shift;
    }
    return result;
}

static void test_alpha_blend(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {0x80402010, 0x00000000, 0xff010203};
    const uint32_t before[] = {0xc0a08060, 0x11223344, 0x55667788};
    static const uint8_t alphas[] = {255, 200, 1};
    EaselImage image;
    QxlAlphaBlend *alpha = &easel->drawable.u.alpha_blend;
    alpha->src = easel_image(&image, SPICE_BITMAP_FMT_RGBA, 3, 1, 12, bytes);
    alpha->src_area = easel_rect(0, 0, 3, 1);
    for (unsigned i = 0; i < 3; i++) {
        alpha->alpha = alphas[i];
        uint32_t with[3], without[3];
        for (unsigned p = 0; p < 3; p++) {
            with[p] = over(bytes[p], before[p], alphas[i]);
            without[p] = with[p] & 0xffffff;
        }
        easel_surface(easel, 0, ARGB, 3, 1);
        easel_set(easel, 0, before);
        easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
        easel_expect(easel, with[0], with[1], with[2]);

        easel_surface(easel, 0, RGB, 3, 1); /* nobody's byte becomes 0 */
        easel_set(easel, 0, before);
        alpha->flags = 0;
        easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
        easel_expect(easel, without[0], without[1], without[2]);

        easel_set(easel, 0, before);
        alpha->flags = SPICE_ALPHA_FLAGS_DEST_HAS_ALPHA;
        easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
        easel_expect(easel, with[0], with[1], with[2]);
    }
    alpha->alpha = 0;
    easel_set(easel, 0, before);
    easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
    easel_expect(easel, before[0], before[1], before[2]);
}

static void test_alpha_of_surfaces(void **state)
{
    Easel *easel = *state;
    QxlAlphaBlend *alpha = &easel->drawable.u.alpha_blend;
    easel_surface(easel, 0, ARGB, 1, 1);
    easel_surface(easel, 1, RGB, 1, 1);
    easel_set(easel, 1, (const uint32_t[]){0x80402010});
    QxlImage source = easel_surface_image(easel, 1);
    *alpha = (QxlAlphaBlend){.alpha = 255, .src = &source, .src_area = easel_rect(0, 0, 1, 1)};
    easel_set(easel, 0, (const uint32_t[]){0x20304050});
    easel_draw(easel, QXL_DRAW_ALPHA_BLEND); /* opaque */
    easel_expect(easel, 0xff402010);
    easel_set(easel, 0, (const uint32_t[]){0x20304050});
    alpha->flags = SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA;
    easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
    easel_expect(easel, over(0x80402010, 0x20304050, 255));
    /* Larger than it is: the same pixel everywhere. */
    easel_surface(easel, 0, ARGB, 3, 2);
    easel_draw(easel, QXL_DRAW_ALPHA_BLEND);
    const uint32_t p = 0x80402010;
    easel_expect(easel, p, p, p, p, p, p);
}

/* ---- Text ---- */

static void glyph_at(QxlGlyph *glyph, int32_t x, int32_t y, uint16_t width, uint16_t height,
                     uint32_t row_bytes, const uint8_t *rows)
{
    *glyph = (QxlGlyph){.render_pos = {.x = x + 1, .y = y + 2},
                        .glyph_origin = {.x = -1, .y = -2},
                        .width = width,
                        .height = height,
                        .row_bytes = row_bytes,
                        .rows = rows};
}

static void text_of(Easel *easel, const QxlGlyph *glyphs, uint16_t count, unsigned depth, uint32_t color)
{
    easel->drawable.u.text = (QxlText){
        .string = {.count = count, .depth = depth, .glyphs = glyphs},
        .fore = {.type = SPICE_BRUSH_TYPE_SOLID, .color = color},
        .fore_mode = SPICE_ROPD_OP_PUT,
        .back_mode = SPICE_ROPD_OP_PUT,
    };
}

static void test_text_bits(void **state)
{
    Easel *easel = *state;
    const uint8_t rows[] = {0xc0, 0x20}; /* the lower row first: 110, 001 */
    QxlGlyph glyphs[2];
    easel_surface(easel, 0, ARGB, 5, 2);
    glyph_at(&glyphs[0], 0, 0, 3, 2, 1, rows);
    glyph_at(&glyphs[1], 3, -1, 3, 2, 1, rows); /* reaches beyond the surface */
    text_of(easel, glyphs, 2, 1, 0x123456);
    easel_draw(easel, QXL_DRAW_TEXT);
    const uint32_t c = 0xff123456;
    easel_expect(easel, 0, 0, c, c, c, c, c, 0, 0, 0);
    /* Behind it first. */
    easel->drawable.u.text.back_area = easel_rect(1, 0, 9, 1);
    easel->drawable.u.text.back = (QxlBrush){.type = SPICE_BRUSH_TYPE_SOLID, .color = 7};
    easel->drawable.box = easel_rect(0, 0, 3, 2);
    easel_draw(easel, QXL_DRAW_TEXT);
    easel_expect(easel, 0, 7, c, c, c, c, c, 0, 0, 0);
    easel->drawable.u.text.fore.type = SPICE_BRUSH_TYPE_NONE;
    easel->drawable.u.text.back.color = 8;
    easel_draw(easel, QXL_DRAW_TEXT);
    easel_expect(easel, 0, 8, 8, c, c, c, c, 0, 0, 0);
    easel->drawable.u.text.string.count = 0; /* no glyphs: only what is behind */
    easel->drawable.u.text.fore.type = SPICE_BRUSH_TYPE_SOLID;
    easel->drawable.u.text.back.color = 9;
    easel_draw(easel, QXL_DRAW_TEXT);
    easel_expect(easel, 0, 9, 9, c, c, c, c, 0, 0, 0);
}

/* 4 and 8 bits of alpha; where glyphs overlap, the greater counts. */
static void test_text_alpha(void **state)
{
    Easel *easel = *state;
    const uint8_t four[] = {0xf8, 0x40}, eight[] = {0x10, 0xff, 0x80};
    QxlGlyph glyphs[2];
    const uint32_t c = 0xff204060, d = 0xff808080;
    const struct {
        uint32_t alphas[4];
        unsigned depth;
        const uint8_t *rows;
        uint32_t row_bytes;
        int32_t second;
    } cases[] = {
        {{0xf0, 0xf0, 0x80, 0x40}, 4, four, 2, 1},
        {{0x10, 0xff, 0xff, 0x80}, 8, eight, 3, 1},
    };
    for (unsigned i = 0; i < 2; i++) {
        uint32_t expected[4];
        easel_surface(easel, 0, ARGB, 4, 1);
        easel_set(easel, 0, (const uint32_t[]){d, d, d, d});
        glyph_at(&glyphs[0], 0, 0, 3, 1, cases[i].row_bytes, cases[i].rows);
        glyph_at(&glyphs[1], cases[i].second, 0, 3, 1, cases[i].row_bytes, cases[i].rows);
        text_of(easel, glyphs, 2, cases[i].depth, c);
        easel_draw(easel, QXL_DRAW_TEXT);
        for (unsigned p = 0; p < 4; p++) {
            expected[p] = over(c, d, cases[i].alphas[p]);
        }
        easel_expect(easel, expected[0], expected[1], expected[2], expected[3]);
    }
}

/* A pattern is anchored where the string's box begins, not at the surface. */
static void test_text_pattern(void **state)
{
    Easel *easel = *state;
    const uint32_t tile[] = {0xff000001, 0xff000002, 0xff000003};
    const uint8_t rows[] = {0xf0};
    EaselImage image;
    QxlGlyph glyph;
    easel_surface(easel, 0, ARGB, 5, 1);
    glyph_at(&glyph, 1, 0, 4, 1, 1, rows);
    text_of(easel, &glyph, 1, 1, 0);
    easel->drawable.u.text.fore =
        (QxlBrush){.type = SPICE_BRUSH_TYPE_PATTERN,
                   .pattern = easel_image(&image, SPICE_BITMAP_FMT_RGBA, 3, 1, 12, tile),
                   .pattern_pos = {.x = 1, .y = 5}};
    easel_draw(easel, QXL_DRAW_TEXT);
    easel_expect(easel, 0, 0xff000003, 0xff000001, 0xff000002, 0xff000003);
}

static void test_text_narrow(void **state)
{
    Easel *easel = *state;
    const uint8_t rows[] = {0x80};
    QxlGlyph glyph;
    easel_surface(easel, 0, SPICE_SURFACE_FMT_16_555, 2, 1);
    glyph_at(&glyph, 0, 0, 2, 1, 1, rows);
    text_of(easel, &glyph, 1, 1, 0x7c1f); /* a pixel of 555 */
    easel_draw(easel, QXL_DRAW_TEXT);
    easel_expect(easel, 0x7c1f, 0);
}

/* ---- Composite ---- */

static void test_composite(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {0x80402010, 0xff102030};
    const uint32_t before[] = {0x40302010, 0xc0a08060};
    static const struct {
        uint8_t op;
        int fa, fb; /* 0, 1, 2: the other's alpha, 3: one less that */
    } ops[] = {{QXL_OP_CLEAR, 0, 0},      {QXL_OP_SOURCE, 1, 0},       {QXL_OP_DST, 0, 1},
               {QXL_OP_OVER, 1, 3},       {QXL_OP_OVER_REVERSE, 3, 1}, {QXL_OP_IN, 2, 0},
               {QXL_OP_IN_REVERSE, 0, 2}, {QXL_OP_OUT, 3, 0},          {QXL_OP_OUT_REVERSE, 0, 3},
               {QXL_OP_ATOP, 2, 3},       {QXL_OP_ATOP_REVERSE, 3, 2}, {QXL_OP_XOR, 3, 3},
               {QXL_OP_ADD, 1, 1}};
    EaselImage image;
    QxlComposite *composite = &easel->drawable.u.composite;
    easel_surface(easel, 0, ARGB, 2, 1);
    *composite = (QxlComposite){.src = easel_image(&image, SPICE_BITMAP_FMT_RGBA, 2, 1, 8, bytes)};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        uint32_t expected[2] = {0};
        for (unsigned p = 0; p < 2; p++) {
            const uint32_t sa = bytes[p] >> 24, da = before[p] >> 24;
            const uint32_t fas[] = {0, 255, da, 255 - da}, fbs[] = {0, 255, sa, 255 - sa};
            for (unsigned shift = 0; shift < 32; shift += 8) {
                const uint32_t sum = mul(bytes[p] >> shift & 255, fas[ops[i].fa]) +
                                     mul(before[p] >> shift & 255, fbs[ops[i].fb]);
                expected[p] |= (sum > 255 ? 255 : sum) << shift;
            }
        }
        easel_set(easel, 0, before);
        composite->op = ops[i].op;
        easel_draw(easel, QXL_DRAW_COMPOSITE);
        easel_expect(easel, expected[0], expected[1]);
    }
}

static void test_composite_sampling(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {0xff000001, 0xff000002, 0xff000003};
    const uint8_t alphas[] = {0xff, 0x00, 0xff};
    /* From right to left, twice as large. */
    const QxlTransform mirror = {.t = {{-32768, 0, 3 * 65536}, {0, 65536, 0}}};
    EaselImage image, mask;
    QxlComposite *composite = &easel->drawable.u.composite;
    easel_surface(easel, 0, ARGB, 6, 1);
    *composite = (QxlComposite){.op = QXL_OP_SOURCE,
                                .src = easel_image(&image, SPICE_BITMAP_FMT_RGBA, 3, 1, 12, bytes),
                                .src_filter = PIXMAN_FILTER_NEAREST,
                                .src_transform = &mirror};
    const uint32_t a = bytes[0], b = bytes[1], c = bytes[2];
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, c, c, b, b, a, a);
    composite->src_transform = NULL;
    composite->src_origin.x = -1; /* outside is transparent, */
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, 0, a, b, c, 0, 0);
    composite->src_repeat = PIXMAN_REPEAT_NORMAL; /* or more of the same, */
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, c, a, b, c, a, b);
    composite->src_repeat = PIXMAN_REPEAT_PAD; /* or the border */
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, a, a, b, c, c, c);
    /* A mask: as an image of alpha it must first have the surface's format, where it is opaque. */
    composite->mask = easel_image(&mask, SPICE_BITMAP_FMT_8BIT_A, 3, 1, 4, alphas);
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, a, a, b, 0, 0, 0);
    /* As a surface it keeps its own. */
    easel_surface(easel, 1, SPICE_SURFACE_FMT_8_A, 3, 1);
    easel_set(easel, 1, (const uint32_t[]){0xff, 0, 0xff});
    QxlImage surface = easel_surface_image(easel, 1);
    composite->mask = &surface;
    composite->mask_origin.x = -2;
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, 0, 0, b, 0, c, 0);
}

static void test_composite_own_surface(void **state)
{
    Easel *easel = *state;
    easel_surface(easel, 0, ARGB, 3, 1);
    easel_set(easel, 0, (const uint32_t[]){0x01000001, 0x80000002, 0x40000004});
    QxlImage own = easel_surface_image(easel, 0);
    easel->drawable.box = easel_rect(1, 0, 3, 1);
    easel->drawable.u.composite = (QxlComposite){.op = QXL_OP_SOURCE, .src = &own};
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, 0x01000001, 0x01000001, 0x80000002);
    easel->drawable.u.composite.flags = SPICE_COMPOSITE_SOURCE_OPAQUE;
    easel_draw(easel, QXL_DRAW_COMPOSITE);
    easel_expect(easel, 0x01000001, 0xff000001, 0xff000001);
}

static void test_composite_nonsense(void **state)
{
    static const uint8_t ops[] = {0x0e, 0x10, 0x2f, 0x3f, 0x80, 0xff};
    Easel *easel = *state;
    easel_surface(easel, 0, ARGB, 1, 1);
    easel_surface(easel, 1, ARGB, 1, 1);
    QxlImage source = easel_surface_image(easel, 1);
    QxlComposite *composite = &easel->drawable.u.composite;
    composite->src = &source;
    for (size_t i = 0; i < sizeof(ops); i++) {
        composite->op = ops[i];
        assert_int_equal(easel_try(easel, QXL_DRAW_COMPOSITE), STATUS_DEVICE_FAULT);
    }
    composite->op = QXL_OP_OVER;
    composite->src_filter = 5;
    assert_int_equal(easel_try(easel, QXL_DRAW_COMPOSITE), STATUS_DEVICE_FAULT);
    composite->src_filter = 4;
    composite->mask_repeat = 4;
    assert_int_equal(easel_try(easel, QXL_DRAW_COMPOSITE), STATUS_DEVICE_FAULT);
    composite->mask_repeat = 3;
    easel_draw(easel, QXL_DRAW_COMPOSITE);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, easel_setup, easel_teardown)

int run_blends(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_alpha_blend),        UNIT(test_alpha_of_surfaces),  UNIT(test_text_bits),
        UNIT(test_text_alpha),         UNIT(test_text_pattern),       UNIT(test_text_narrow),
        UNIT(test_composite),          UNIT(test_composite_sampling), UNIT(test_composite_own_surface),
        UNIT(test_composite_nonsense),
    };
    return cmocka_run_group_tests_name("blends", tests, NULL, NULL);
}
