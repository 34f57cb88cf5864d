/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill, copies, rops: what every pixel becomes, by hand. Among it what the existing server cannot be asked about. */
#include "tests/canvas/easel.h"

#include "display/canvas/pixels.h"

#define RGB SPICE_SURFACE_FMT_32_xRGB

static void solid_brush(QxlBrush *brush, uint32_t color)
{
    *brush = (QxlBrush){.type = SPICE_BRUSH_TYPE_SOLID, .color = color};
}

static void test_fill(void **state)
{
    Easel *easel = *state;
    QxlFill *fill = &easel->drawable.u.fill;
    easel_surface(easel, 0, RGB, 3, 2);
    easel_set(easel, 0, (const uint32_t[]){0xff00ff00, 1, 2, 3, 4, 5});
    solid_brush(&fill->brush, 0x0012f0);
    fill->rop = SPICE_ROPD_OP_PUT;
    easel->drawable.box = easel_rect(1, 0, 3, 2);
    easel_draw(easel, QXL_DRAW_FILL);
    easel_expect(easel, 0xff00ff00, 0x12f0, 0x12f0, 3, 0x12f0, 0x12f0);

    fill->rop = SPICE_ROPD_OP_XOR | SPICE_ROPD_INVERS_RES; /* ~(P ^ D) */
    easel->drawable.box = easel_rect(0, 0, 1, 1);
    easel_draw(easel, QXL_DRAW_FILL);
    easel_expect(easel, 0x00ff120f, 0x12f0, 0x12f0, 3, 0x12f0, 0x12f0);

    fill->brush.type = SPICE_BRUSH_TYPE_NONE; /* counts as 0 */
    fill->rop = SPICE_ROPD_OP_OR | SPICE_ROPD_INVERS_BRUSH;
    easel_draw(easel, QXL_DRAW_FILL);
    easel_expect(easel, 0xffffffff, 0x12f0, 0x12f0, 3, 0x12f0, 0x12f0);
}

/* Each descriptor against the rule in its own words. */
static void test_rop_descriptors(void **state)
{
    (void)state;
    for (uint32_t rop = 0; rop < 2048; rop++) {
        const uint8_t code =
            rop_of_descriptor((uint16_t)rop, ROP_S, SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_DEST);
        for (unsigned bits = 0; bits < 4; bits++) {
            unsigned s = bits >> 1, d = bits & 1, result;
            const unsigned plain_s = s, plain_d = d;
            s ^= (rop & SPICE_ROPD_INVERS_SRC) != 0;
            d ^= (rop & SPICE_ROPD_INVERS_DEST) != 0;
            const unsigned inverse = (rop & SPICE_ROPD_INVERS_RES) != 0;
            if (rop & SPICE_ROPD_OP_PUT) {
                result = s ^ inverse;
            } else if (rop & SPICE_ROPD_OP_OR) {
                result = (s | d) ^ inverse;
            } else if (rop & SPICE_ROPD_OP_AND) {
                result = (s & d) ^ inverse;
            } else if (rop & SPICE_ROPD_OP_XOR) {
                result = s ^ d ^ inverse;
            } else if (rop & SPICE_ROPD_OP_BLACKNESS) {
                result = 0;
            } else if (rop & SPICE_ROPD_OP_WHITENESS) {
                result = 1;
            } else if (rop & SPICE_ROPD_OP_INVERS) {
                result = !plain_d;
            } else {
                result = plain_s;
            }
            assert_int_equal(code >> (plain_s << 1 | plain_d) & 1, result);
            assert_int_equal(code >> (4 | plain_s << 1 | plain_d) & 1, result);
        }
    }
}

/* All codes, of which the existing server stops at 38. */
static void test_rop_codes(void **state)
{
    uint8_t p[64], s[64], d[64], was[64];
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        p[i] = (uint8_t)(i * 37 + 11);
        s[i] = (uint8_t)(i * i + 3);
        was[i] = (uint8_t)(i * 101 ^ 0x5a);
    }
    for (unsigned code = 0; code < 256; code++) {
        const unsigned bytes = 64 - code % 31; /* and no byte more */
        memcpy(d, was, sizeof(d));
        rop_run((uint8_t)code, d, s, p, bytes);
        assert_memory_equal(d + bytes, was + bytes, sizeof(d) - bytes);
        for (unsigned i = 0; i < bytes; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                const unsigned at = (p[i] >> bit & 1u) << 2 | (s[i] >> bit & 1u) << 1 | (was[i] >> bit & 1u);
                assert_int_equal(d[i] >> bit & 1, code >> at & 1);
            }
        }
        memcpy(d, was, sizeof(d));
        rop_run((uint8_t)code, d, rop_uses_s((uint8_t)code) ? s : NULL, rop_uses_p((uint8_t)code) ? p : NULL,
                64);
    }
}

static void test_rop3(void **state)
{
    Easel *easel = *state;
    QxlRop3 *rop3 = &easel->drawable.u.rop3;
    const uint32_t bytes[] = {0xcccccccc, 0x000000ff};
    EaselImage source;
    easel_surface(easel, 0, RGB, 2, 1);
    rop3->src = easel_image(&source, SPICE_BITMAP_FMT_32BIT, 2, 1, 8, bytes);
    rop3->src_area = easel_rect(0, 0, 2, 1);
    solid_brush(&rop3->brush, 0xf0f0f0f0);
    for (unsigned code = 0; code < 256; code++) {
        easel_set(easel, 0, (const uint32_t[]){0xaaaaaaaa, 0x00ff00ff});
        rop3->rop3 = (uint8_t)code;
        easel_draw(easel, QXL_DRAW_ROP3);
        uint32_t second = 0;
        for (unsigned bit = 0; bit < 32; bit++) {
            const unsigned at =
                (0xf0f0f0f0u >> bit & 1) << 2 | (bytes[1] >> bit & 1) << 1 | (0x00ff00ffu >> bit & 1);
            second |= (uint32_t)(code >> at & 1) << bit;
        }
        easel_expect(easel, code * 0x01010101u, second);
    }
    /* A pattern to the right of the box: the remainder is not negative. */
    const uint32_t tile[] = {0x11111111, 0x22222222, 0x33333333};
    EaselImage pattern;
    rop3->brush = (QxlBrush){.type = SPICE_BRUSH_TYPE_PATTERN,
                             .pattern = easel_image(&pattern, SPICE_BITMAP_FMT_32BIT, 3, 1, 12, tile),
                             .pattern_pos = {.x = 5, .y = 7}};
    rop3->rop3 = ROP_P;
    easel_draw(easel, QXL_DRAW_ROP3);
    easel_expect(easel, 0x22222222, 0x33333333);
}

static void test_black_white_invers(void **state)
{
    Easel *easel = *state;
    easel_surface_below(easel, 0, SPICE_SURFACE_FMT_16_565, 2, 2);
    easel_set(easel, 0, (const uint32_t[]){1, 2, 0x1234, 0xffff});
    easel_draw(easel, QXL_DRAW_INVERS);
    easel_expect(easel, 0xfffe, 0xfffd, 0xedcb, 0);
    easel->drawable.box = easel_rect(0, 0, 2, 1);
    easel_draw(easel, QXL_DRAW_WHITENESS);
    easel_expect(easel, 0xffff, 0xffff, 0xedcb, 0);
    easel->drawable.box = easel_rect(0, 0, 1, 2);
    easel_draw(easel, QXL_DRAW_BLACKNESS);
    easel_expect(easel, 0, 0xffff, 0, 0);
}

static void test_mask(void **state)
{
    Easel *easel = *state;
    QxlMask *mask = &easel->drawable.u.mask;
    const uint8_t bits[] = {0xa0, 0x40}; /* 101, 010 from the left */
    EaselImage image;
    easel_surface(easel, 0, RGB, 4, 3);
    mask->image = easel_image(&image, SPICE_BITMAP_FMT_1BIT_BE, 3, 2, 1, bits);
    easel_draw(easel, QXL_DRAW_WHITENESS);
    easel_expect(easel, ~0u, 0, ~0u, 0, 0, ~0u, 0, 0, 0, 0, 0, 0);

    /* Inverse; but what lies outside the mask is not drawn. */
    mask->inverse = true;
    mask->pos = (QXLPoint){.x = -1, .y = 1};
    easel_set(easel, 0, (const uint32_t[12]){0});
    easel_draw(easel, QXL_DRAW_WHITENESS);
    easel_expect(easel, 0, ~0u, 0, ~0u, 0, 0, 0, 0, 0, 0, 0, 0);

    image.image.u.bitmap.format = SPICE_BITMAP_FMT_1BIT_LE;
    image.image.u.bitmap.top_down = false;
    mask->inverse = false;
    mask->pos = (QXLPoint){.x = 5, .y = 0}; /* beyond it */
    easel_draw(easel, QXL_DRAW_BLACKNESS);
    easel_expect(easel, 0, ~0u, 0, ~0u, 0, 0, 0, 0, 0, 0, 0, 0);

    image.image.u.bitmap.format = SPICE_BITMAP_FMT_8BIT_A;
    assert_int_equal(easel_try(easel, QXL_DRAW_BLACKNESS), STATUS_DEVICE_FAULT);
}

static void test_clip(void **state)
{
    Easel *easel = *state;
    const QXLRect banded[] = {easel_rect(0, 0, 1, 1), easel_rect(2, 0, 9, 1), easel_rect(1, 1, 2, 9)};
    const QXLRect crossing[] = {easel_rect(1, 0, 2, 2), easel_rect(0, 1, 3, 2)};
    easel_surface(easel, 0, RGB, 3, 2);
    easel->drawable.clip = (QxlClip){.rects_given = true};
    easel_draw(easel, QXL_DRAW_WHITENESS); /* an empty list */
    easel_expect(easel, 0, 0, 0, 0, 0, 0);
    easel->drawable.clip = (QxlClip){.rects_given = true, .count = 3, .rects = banded};
    easel_draw(easel, QXL_DRAW_INVERS);
    easel_expect(easel, ~0u, 0, ~0u, 0, ~0u, 0);
    easel->drawable.clip = (QxlClip){.rects_given = true, .count = 2, .rects = crossing};
    easel_draw(easel, QXL_DRAW_INVERS); /* each pixel once */
    easel_expect(easel, ~0u, ~0u, ~0u, ~0u, 0, ~0u);
}

static void test_clip_limit(void **state)
{
    Easel *easel = *state;
    static QXLRect rects[CANVAS_CLIP_RECTS_MAX + 1];
    easel_surface(easel, 0, RGB, 2, 2);
    for (uint32_t i = 0; i < CANVAS_CLIP_RECTS_MAX + 1; i++) {
        rects[i] = easel_rect(0, 0, 1, 1 + (int32_t)i);
    }
    easel->drawable.clip = (QxlClip){.rects_given = true, .count = CANVAS_CLIP_RECTS_MAX, .rects = rects};
    easel_draw(easel, QXL_DRAW_WHITENESS);
    easel_expect(easel, ~0u, 0, ~0u, 0);
    easel->drawable.clip.count++;
    assert_int_equal(easel_try(easel, QXL_DRAW_WHITENESS), STATUS_LIMIT);
    for (uint32_t i = 0; i < CANVAS_CLIP_RECTS_MAX + 1; i++) {
        rects[i] = easel_rect(1, (int32_t)i, 2, 1 + (int32_t)i); /* in order: no limit */
    }
    easel_draw(easel, QXL_DRAW_WHITENESS);
    easel_expect(easel, ~0u, ~0u, ~0u, ~0u);
}

static void copy_of(Easel *easel, const QxlImage *image, QXLRect area)
{
    easel->drawable.u.copy = (QxlCopy){.src = image,
                                       .src_area = area,
                                       .rop = SPICE_ROPD_OP_PUT,
                                       .scale_mode = SPICE_IMAGE_SCALE_MODE_NEAREST};
}

/* Every bitmap format on surfaces of 32, 16, 8 and 1 bits. */
static void test_copy_formats(void **state)
{
    static const struct {
        uint8_t format;
        uint8_t bytes[8];
        uint32_t rgb[2], rgb555[2], rgb565[2], a8[2], a1[2]; /* what its two pixels become */
    } cases[] = {
        {SPICE_BITMAP_FMT_1BIT_LE,
         {0x02},
         {0x10, 0x8421ff},
         {0x10, 0x21ff},
         {0x10, 0x21ff},
         {0x10, 0xff},
         {0, 1}},
        {SPICE_BITMAP_FMT_1BIT_BE,
         {0x40},
         {0x10, 0x8421ff},
         {0x10, 0x21ff},
         {0x10, 0x21ff},
         {0x10, 0xff},
         {0, 1}},
        {SPICE_BITMAP_FMT_4BIT_LE,
         {0x10},
         {0x10, 0x8421ff},
         {0x10, 0x21ff},
         {0x10, 0x21ff},
         {0x10, 0xff},
         {0, 1}},
        {SPICE_BITMAP_FMT_4BIT_BE,
         {0x01},
         {0x10, 0x8421ff},
         {0x10, 0x21ff},
         {0x10, 0x21ff},
         {0x10, 0xff},
         {0, 1}},
        {SPICE_BITMAP_FMT_8BIT,
         {0, 1},
         {0x10, 0x8421ff},
         {0x10, 0x21ff},
         {0x10, 0x21ff},
         {0x10, 0xff},
         {0, 1}},
        {SPICE_BITMAP_FMT_16BIT,
         {0x1f, 0x00, 0x21, 0x7c},
         {0xff0000ff, 0xffff0808},
         {0x001f, 0x7c21},
         {0x001f, 0xf841},
         {0xff, 0xff},
         {1, 1}},
        {SPICE_BITMAP_FMT_24BIT,
         {0xff, 0x80, 0x40, 0x01, 0x02, 0x03},
         {0x4080ff, 0x030201},
         {0x221f, 0},
         {0x441f, 0},
         {0xff, 0xff},
         {1, 1}},
        {SPICE_BITMAP_FMT_32BIT,
         {0xff, 0x80, 0x40, 0x77, 0, 0, 0, 0},
         {0x774080ff, 0},
         {0x221f, 0},
         {0x441f, 0},
         {0xff, 0xff},
         {1, 1}},
        {SPICE_BITMAP_FMT_RGBA,
         {0xff, 0x80, 0x40, 0x80, 0, 0, 0, 0x7f},
         {0x804080ff, 0x7f000000},
         {0x221f, 0},
         {0x441f, 0},
         {0x80, 0x7f},
         {1, 0}},
        {SPICE_BITMAP_FMT_8BIT_A, {0x80, 0x01}, {0x80000000, 0x01000000}, {0, 0}, {0, 0}, {0x80, 1}, {1, 0}},
    };
    static const uint32_t formats[] = {RGB,
                                       SPICE_SURFACE_FMT_32_ARGB,
                                       SPICE_SURFACE_FMT_16_555,
                                       SPICE_SURFACE_FMT_16_565,
                                       SPICE_SURFACE_FMT_8_A,
                                       SPICE_SURFACE_FMT_1_A};
    Easel *easel = *state;
    static QxlPalette palette = {.count = 2, .entries = {0x10, 0x8421ff}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint32_t *expected[] = {cases[i].rgb,    cases[i].rgb, cases[i].rgb555,
                                      cases[i].rgb565, cases[i].a8,  cases[i].a1};
        EaselImage image;
        easel_image(&image, cases[i].format, 2, 1, 8, cases[i].bytes);
        image.image.u.bitmap.palette = qxl_bitmap_is_indexed(cases[i].format) ? &palette : NULL;
        for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
            easel_surface(easel, 0, formats[f], 2, 1);
            copy_of(easel, &image.image, easel_rect(0, 0, 2, 1));
            easel_draw(easel, QXL_DRAW_COPY);
            easel_expect(easel, expected[f][0], expected[f][1]);
        }
    }
}

static void test_copy_places(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {1, 2, 3, 4, 5, 6};
    EaselImage image;
    easel_surface(easel, 0, RGB, 3, 2);
    easel_image(&image, SPICE_BITMAP_FMT_32BIT, 3, 2, 12, bytes);
    image.image.u.bitmap.top_down = false;
    easel->drawable.box = easel_rect(1, 0, 3, 2);
    copy_of(easel, &image.image, easel_rect(1, 0, 3, 2));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 0, 5, 6, 0, 2, 3);
    image.image.flags = QXL_IMAGE_HIGH_BITS_SET;
    copy_of(easel, &image.image, easel_rect(-1, 0, 1, 2)); /* what lies outside the image stays */
    easel_draw(easel, QXL_DRAW_BLEND);
    easel_expect(easel, 0, 5, 0xff000004, 0, 2, 0xff000001);
}

static void test_copy_scaled(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {1, 2, 3, 4};
    EaselImage image;
    easel_surface(easel, 0, RGB, 4, 1);
    easel_image(&image, SPICE_BITMAP_FMT_32BIT, 4, 1, 16, bytes);
    easel->drawable.box = easel_rect(0, 0, 4, 1);
    copy_of(easel, &image.image, easel_rect(1, 0, 3, 1)); /* two pixels become four */
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 2, 2, 3, 3);
    easel->drawable.box = easel_rect(0, 0, 2, 1);
    copy_of(easel, &image.image, easel_rect(0, 0, 4, 1)); /* four become two: centres, less a little */
    easel->drawable.u.copy.rop = SPICE_ROPD_OP_XOR;
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 2 ^ 1, 2 ^ 3, 3, 3);
}

static void test_opaque(void **state)
{
    Easel *easel = *state;
    QxlOpaque *opaque = &easel->drawable.u.opaque;
    const uint32_t bytes[] = {0x0f, 0xf0};
    EaselImage image;
    easel_surface(easel, 0, RGB, 2, 1);
    easel_set(easel, 0, (const uint32_t[]){0xffff, 0xffff});
    opaque->src = easel_image(&image, SPICE_BITMAP_FMT_32BIT, 2, 1, 8, bytes);
    opaque->src_area = easel_rect(0, 0, 2, 1);
    solid_brush(&opaque->brush, 0x3c);
    opaque->rop = SPICE_ROPD_OP_AND | SPICE_ROPD_INVERS_SRC; /* brush & ~source */
    easel_draw(easel, QXL_DRAW_OPAQUE);
    easel_expect(easel, 0x30, 0x0c);
}

static void test_self_bitmap(void **state)
{
    Easel *easel = *state;
    easel_surface(easel, 0, RGB, 4, 1);
    easel_set(easel, 0, (const uint32_t[]){1, 2, 3, 4});
    easel->drawable.self_bitmap = true;
    easel->drawable.self_bitmap_area = easel_rect(0, 0, 3, 1);
    easel->drawable.box = easel_rect(1, 0, 4, 1);
    copy_of(easel, NULL, easel_rect(0, 0, 3, 1));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 1, 1, 2, 3);
    easel->drawable.self_bitmap = false;
    assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_DEVICE_FAULT);
}

static void test_surface_source(void **state)
{
    Easel *easel = *state;
    easel_surface(easel, 0, RGB, 4, 1);
    easel_set(easel, 0, (const uint32_t[]){1, 2, 3, 4});
    easel->drawable.box = easel_rect(1, 0, 4, 1);
    QxlImage own = easel_surface_image(easel, 0);
    copy_of(easel, &own, easel_rect(0, 0, 3, 1)); /* what it showed before */
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 1, 1, 2, 3);

    easel_surface(easel, 1, SPICE_SURFACE_FMT_16_565, 3, 1); /* wider pixels than the source's */
    easel_set(easel, 1, (const uint32_t[]){0xf800, 0x07e0, 0x001f});
    QxlImage other = easel_surface_image(easel, 1);
    copy_of(easel, &other, easel_rect(0, 0, 3, 1));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_expect(easel, 1, 0xffff0000, 0xff00ff00, 0xff0000ff);

    other.u.surface_id = 3;
    assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_DEVICE_FAULT);
    other.type = SPICE_IMAGE_TYPE_QUIC;
    assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_DEVICE_FAULT);
}

/* Pixels as wide are taken as they are. Scaling goes through pixman, which leaves 0 in the bit that is nobody's. */
static void test_highest_bit_of_555(void **state)
{
    Easel *easel = *state;
    easel_surface(easel, 1, SPICE_SURFACE_FMT_16_555, 2, 1);
    easel_set(easel, 1, (const uint32_t[]){0xffff, 0xffff});
    const QxlImage image = easel_surface_image(easel, 1);
    for (int32_t width = 1; width <= 2; width++) {
        const uint32_t expected = width == 2 ? 0xffff : 0x7fff;
        easel_surface(easel, 0, SPICE_SURFACE_FMT_16_565, 2, 1);
        copy_of(easel, &image, easel_rect(0, 0, width, 1));
        easel->drawable.u.copy.rop = SPICE_ROPD_OP_XOR;
        easel_draw(easel, QXL_DRAW_COPY);
        easel_expect(easel, expected, expected);
        easel_surface(easel, 0, SPICE_SURFACE_FMT_16_565, 2, 1);
        easel->drawable.u.transparent =
            (QxlTransparent){.src = &image, .src_area = easel_rect(0, 0, width, 1)};
        easel_draw(easel, QXL_DRAW_TRANSPARENT);
        easel_expect(easel, expected, expected);
    }
}

/* Two surfaces at one address: each is read by its own lines. */
static void test_surfaces_at_one_address(void **state)
{
    Easel *easel = *state;
    static uint32_t memory[64];
    const QxlGeometry one = {.width = 2, .height = 1, .format = RGB, .stride = sizeof memory};
    const QxlGeometry two = {.width = 2, .height = 2, .format = RGB, .stride = 16};
    easel_surface(easel, 0, RGB, 2, 1);
    easel_surface(easel, 1, RGB, 2, 2);
    memset(memory, 0, sizeof memory);
    memory[4] = 44;
    memory[5] = 55;
    assert_int_equal(canvas_init(&easel->canvases[0], &one, memory, &easel->fault), STATUS_OK);
    assert_int_equal(canvas_init(&easel->canvases[1], &two, memory, &easel->fault), STATUS_OK);
    QxlImage other = easel_surface_image(easel, 1);
    easel->drawable.u.copy =
        (QxlCopy){.src = &other, .src_area = easel_rect(0, 1, 2, 2), .rop = SPICE_ROPD_OP_PUT};
    easel_draw(easel, QXL_DRAW_COPY);
    assert_int_equal(memory[0], 44);
    assert_int_equal(memory[1], 55);
}

static void test_pattern(void **state)
{
    Easel *easel = *state;
    const uint32_t tile[] = {1, 2, 3, 4, 5, 6};
    EaselImage image;
    easel_surface(easel, 0, RGB, 5, 2);
    easel->drawable.u.fill = (QxlFill){.rop = SPICE_ROPD_OP_PUT};
    easel->drawable.u.fill.brush =
        (QxlBrush){.type = SPICE_BRUSH_TYPE_PATTERN,
                   .pattern = easel_image(&image, SPICE_BITMAP_FMT_32BIT, 3, 2, 12, tile),
                   .pattern_pos = {.x = 4, .y = -1}};
    easel->drawable.box = easel_rect(1, 0, 5, 2);
    easel_draw(easel, QXL_DRAW_FILL);
    easel_expect(easel, 0, 4, 5, 6, 4, 0, 1, 2, 3, 1);
}

static void test_transparent(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {0x77112233, 0x00112233, 0x112234};
    EaselImage image;
    easel_surface(easel, 0, RGB, 3, 1);
    easel_set(easel, 0, (const uint32_t[]){1, 2, 3});
    easel->drawable.u.transparent =
        (QxlTransparent){.src = easel_image(&image, SPICE_BITMAP_FMT_32BIT, 3, 1, 12, bytes),
                         .src_area = easel_rect(0, 0, 3, 1),
                         .src_color = 0x112234,
                         .true_color = 0xff112233};
    easel_draw(easel, QXL_DRAW_TRANSPARENT);
    easel_expect(easel, 1, 2, 0x112234);

    easel_surface(easel, 0, SPICE_SURFACE_FMT_16_555, 3, 1);
    easel_draw(easel, QXL_DRAW_TRANSPARENT); /* all three are one colour here */
    easel_expect(easel, 0, 0, 0);
}

static void test_copy_bits(void **state)
{
    Easel *easel = *state;
    const QXLRect clip[] = {easel_rect(0, 0, 1, 1), easel_rect(2, 0, 4, 1)};
    static const uint32_t formats[] = {RGB, SPICE_SURFACE_FMT_16_555, SPICE_SURFACE_FMT_8_A};
    for (size_t f = 0; f < 3; f++) {
        easel_surface(easel, 0, formats[f], 4, 2);
        easel_set(easel, 0, (const uint32_t[]){1, 2, 3, 4, 5, 6, 7, 8});
        easel->drawable.clip = (QxlClip){0};
        easel->drawable.box = easel_rect(1, 0, 4, 2);
        easel->drawable.u.copy_bits = (QXLPoint){.x = 0, .y = 0};
        easel_draw(easel, QXL_COPY_BITS);
        easel_expect(easel, 1, 1, 2, 3, 5, 5, 6, 7);
        easel->drawable.box = easel_rect(0, 1, 3, 2);
        easel_draw(easel, QXL_COPY_BITS);
        easel_expect(easel, 1, 1, 2, 3, 1, 1, 2, 7);
        /* One rectangle's destination is the other's source. */
        easel_set(easel, 0, (const uint32_t[]){1, 2, 3, 4, 5, 6, 7, 8});
        easel->drawable.clip = (QxlClip){.rects_given = true, .count = 2, .rects = clip};
        easel->drawable.box = easel_rect(0, 0, 2, 1);
        easel->drawable.u.copy_bits = (QXLPoint){.x = 2, .y = 0};
        easel_draw(easel, QXL_COPY_BITS);
        easel->drawable.box = easel_rect(1, 0, 4, 1);
        easel->drawable.u.copy_bits = (QXLPoint){.x = 0, .y = 0};
        easel_draw(easel, QXL_COPY_BITS);
        easel_expect(easel, 3, 2, 2, 3, 5, 6, 7, 8);
    }
}

/* Where the existing server stops, or writes past the end. */
static void test_one_bit(void **state)
{
    Easel *easel = *state;
    easel_surface(easel, 0, SPICE_SURFACE_FMT_1_A, 6, 2);
    easel_set(easel, 0, (const uint32_t[]){1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1});
    easel->drawable.box = easel_rect(1, 0, 5, 2);
    easel_draw(easel, QXL_DRAW_INVERS);
    easel_expect(easel, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1);
    easel->drawable.box = easel_rect(2, 0, 6, 1);
    easel->drawable.u.copy_bits = (QXLPoint){.x = 0, .y = 0};
    easel_draw(easel, QXL_COPY_BITS);
    easel_expect(easel, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1);
    easel->drawable.u.fill = (QxlFill){.rop = SPICE_ROPD_OP_XOR};
    solid_brush(&easel->drawable.u.fill.brush, 1);
    easel->drawable.box = easel_rect(0, 0, 6, 2);
    easel_draw(easel, QXL_DRAW_FILL);
    easel_expect(easel, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0);
}

/* Simple operations need no scratch memory at all; others ask for it once. */
static void test_memory(void **state)
{
    Easel *easel = *state;
    const uint32_t bytes[] = {1, 2, 3, 4};
    EaselImage image;
    easel_surface(easel, 0, RGB, 4, 1);
    easel->drawable.u.fill = (QxlFill){.rop = SPICE_ROPD_OP_PUT};
    easel_draw(easel, QXL_DRAW_FILL);
    easel_image(&image, SPICE_BITMAP_FMT_32BIT, 4, 1, 16, bytes);
    copy_of(easel, &image.image, easel_rect(0, 0, 4, 1));
    easel_draw(easel, QXL_DRAW_COPY);
    easel_draw(easel, QXL_COPY_BITS);
    assert_int_equal(easel->allocs, 0);
    copy_of(easel, &image.image, easel_rect(0, 0, 2, 1));
    easel_draw(easel, QXL_DRAW_COPY);
    const unsigned once = easel->allocs;
    assert_true(once > 0);
    for (int i = 0; i < 5; i++) {
        easel_draw(easel, QXL_DRAW_COPY);
    }
    assert_int_equal(easel->allocs, once);

    canvas_set_finish(&easel->set);
    for (easel->most = 0; easel->most < once; easel->most++) { /* each of them may fail */
        easel->allocs = 0;
        assert_int_equal(easel_try(easel, QXL_DRAW_COPY), STATUS_LIMIT);
        canvas_set_finish(&easel->set);
    }
}

static void test_geometry(void **state)
{
    Easel *easel = *state;
    static const QxlGeometry bad[] = {
        {1, 1, RGB, 6}, {2, 1, RGB, 4}, {0, 1, RGB, 4},
        {1, 0, RGB, 4}, {1, 1, 7, 4},   {33, 1, SPICE_SURFACE_FMT_1_A, 4},
    };
    Canvas canvas;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(canvas_init(&canvas, &bad[i], easel->pixels[0], &easel->fault), STATUS_DEVICE_FAULT);
    }
    const QxlGeometry good = {1, 1, RGB, 4};
    assert_int_equal(canvas_init(&canvas, &good, (uint8_t *)easel->pixels[0] + 2, &easel->fault),
                     STATUS_DEVICE_FAULT);
    assert_int_equal(canvas_init(&canvas, &good, easel->pixels[0], &easel->fault), STATUS_OK);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, easel_setup, easel_teardown)

int run_bits(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_fill),
        UNIT(test_rop_descriptors),
        UNIT(test_rop_codes),
        UNIT(test_rop3),
        UNIT(test_black_white_invers),
        UNIT(test_mask),
        UNIT(test_clip),
        UNIT(test_clip_limit),
        UNIT(test_copy_formats),
        UNIT(test_copy_places),
        UNIT(test_copy_scaled),
        UNIT(test_opaque),
        UNIT(test_self_bitmap),
        UNIT(test_surface_source),
        UNIT(test_highest_bit_of_555),
        UNIT(test_pattern),
        UNIT(test_surfaces_at_one_address),
        UNIT(test_transparent),
        UNIT(test_copy_bits),
        UNIT(test_one_bit),
        UNIT(test_memory),
        UNIT(test_geometry),
    };
    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
