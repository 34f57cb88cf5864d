/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fake client shows. Operations one by one: tests/encode, which compares with the server's canvas. */
#include "script.h"

#include <string.h>

#define W 8
#define H 4

static void say(Script *s, FakeConnection *c, WireMsg m, uint16_t type)
{
    m.channel = WIRE_CHANNEL_DISPLAY;
    m.type = type;
    script_say(s, c, &m);
}

static FakeConnection *begin_poisoned(Script *s, uint8_t poison)
{
    FakeClientConfig config = script_config();
    config.no_pictures = false;
    config.poison = poison;
    script_begin(s, &config);
    script_session(s);
    FakeConnection *c = script_open(s, WIRE_CHANNEL_DISPLAY, 0);
    say(s, c, (WireMsg){.u.set_ack = {.generation = 1, .window = 1000}}, WIRE_MSG_SET_ACK);
    say(s, c,
        (WireMsg){.u.display_surface_create = {0, W, H, WIRE_SURFACE_FMT_32_xRGB, WIRE_SURFACE_FLAG_PRIMARY}},
        WIRE_MSG_DISPLAY_SURFACE_CREATE);
    return c;
}

static FakeConnection *begin(Script *s)
{
    return begin_poisoned(s, 0);
}

static WireDisplayBase base_at(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (WireDisplayBase){.box = {.left = left, .top = top, .right = right, .bottom = bottom}};
}

static void fill(Script *s, FakeConnection *c, WireDisplayBase base, uint32_t color)
{
    say(s, c,
        (WireMsg){.u.display_draw_fill = {.base = base,
                                          .brush = {.type = WIRE_BRUSH_TYPE_SOLID, .u.color = color},
                                          .rop = WIRE_ROPD_OP_PUT}},
        WIRE_MSG_DISPLAY_DRAW_FILL);
}

static void copy(Script *s, FakeConnection *c, const WireImage *image)
{
    say(s, c,
        (WireMsg){.u.display_draw_copy = {.base = base_at(1, 1, 3, 2),
                                          .src = image,
                                          .src_area = {.right = 2, .bottom = 1},
                                          .rop = WIRE_ROPD_OP_PUT}},
        WIRE_MSG_DISPLAY_DRAW_COPY);
}

static WireImage bitmap(uint64_t id, uint8_t flags, const uint32_t pixels[2])
{
    return (WireImage){.id = id,
                       .type = WIRE_IMAGE_TYPE_BITMAP,
                       .flags = flags,
                       .width = 2,
                       .height = 1,
                       .u.bitmap = {.format = WIRE_BITMAP_FMT_32BIT,
                                    .flags = WIRE_BITMAP_FLAG_TOP_DOWN,
                                    .x = 2,
                                    .y = 1,
                                    .stride = 8,
                                    .data = span_of(pixels, 8)}};
}

static uint32_t color_at(const FakeConnection *c, uint32_t x, uint32_t y)
{
    FakePicture picture;
    assert_true(fake_connection_picture(c, 0, &picture));
    assert_int_equal(picture.width, W);
    assert_int_equal(picture.height, H);
    return fake_picture_color(&picture, x, y);
}

static void test_drawn_pixels_are_seen(void **state)
{
    (void)state;
    static const uint32_t pixels[2] = {0x112233, 0x445566};
    Script s;
    FakeConnection *c = begin(&s);
    const WireImage image = bitmap(1, 0, pixels);
    assert_int_equal(color_at(c, 0, 0), 0);
    fill(&s, c, base_at(0, 0, W, H), 0xabcdef);
    copy(&s, c, &image);
    assert_int_equal(color_at(c, 0, 0), 0xabcdef);
    assert_int_equal(color_at(c, 1, 1), 0x112233);
    assert_int_equal(color_at(c, 2, 1), 0x445566);
    assert_int_equal(color_at(c, 3, 1), 0xabcdef);
    script_end(&s);
}

static void test_images_are_kept_until_they_are_to_go(void **state)
{
    (void)state;
    static const uint32_t pixels[2] = {1, 2}, others[2] = {3, 4};
    Script s;
    FakeConnection *c = begin(&s);
    const WireImage kept = bitmap(5, WIRE_IMAGE_FLAG_CACHE_ME, pixels), other = bitmap(6, 0, others);
    const WireImage again = {.id = 5, .type = WIRE_IMAGE_TYPE_FROM_CACHE, .width = 2, .height = 1};
    copy(&s, c, &kept);
    copy(&s, c, &other);
    assert_int_equal(color_at(c, 2, 1), 4);
    copy(&s, c, &again);
    assert_int_equal(color_at(c, 2, 1), 2);
    const WireResourceID gone = {WIRE_RES_TYPE_PIXMAP, 5};
    say(&s, c, (WireMsg){.u.display_inval_list = {{&gone, 1}}}, WIRE_MSG_DISPLAY_INVAL_LIST);
    copy(&s, c, &again);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "image 5 is not in the cache");
    FakePicture picture;
    assert_false(fake_connection_picture(c, 0, &picture)); /* nobody knows what it would be */
    script_end(&s);
}

static void test_what_does_not_decode_is_said(void **state)
{
    (void)state;
    static const uint8_t nonsense[40] = {1, 2, 3};
    Script s;
    FakeConnection *c = begin(&s);
    const WireImage image = {.id = 1,
                             .type = WIRE_IMAGE_TYPE_LZ_RGB,
                             .width = 2,
                             .height = 1,
                             .u.compressed = {span_of(nonsense, sizeof nonsense)}};
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PICTURE, "coded pixels");
    script_end(&s);
}

/* 64 bytes of it in a row are no chance; 63 are. */
static void test_poison_is_no_picture(void **state)
{
    (void)state;
    for (size_t run = 63; run <= 64; run++) {
        uint8_t pixels[80];
        Script s;
        FakeConnection *c = begin_poisoned(&s, 0xdb);
        memset(pixels, 1, sizeof pixels);
        memset(pixels + 5, 0xdb, run);
        WireImage image = {.id = 1, .type = WIRE_IMAGE_TYPE_BITMAP, .width = 20, .height = 1};
        image.u.bitmap = (WireBitmap){.format = WIRE_BITMAP_FMT_32BIT,
                                      .flags = WIRE_BITMAP_FLAG_TOP_DOWN,
                                      .x = 20,
                                      .y = 1,
                                      .stride = sizeof pixels,
                                      .data = span_of(pixels, sizeof pixels)};
        copy(&s, c, &image);
        if (run == 64) {
            script_expect(&s, FAKE_RULE_MEMORY, "from byte 5 of 80");
        }
        script_end(&s);
    }
}

static void test_surfaces_come_and_go(void **state)
{
    (void)state;
    Script s;
    FakePicture picture;
    FakeConnection *c = begin(&s);
    assert_false(fake_connection_picture(c, 1, &picture));
    assert_false(fake_connection_picture(s.main, 0, &picture));
    say(&s, c, (WireMsg){.u.display_surface_create = {1, 3, 2, WIRE_SURFACE_FMT_16_555, 0}},
        WIRE_MSG_DISPLAY_SURFACE_CREATE);
    WireDisplayBase base = base_at(0, 0, 3, 2);
    base.surface_id = 1;
    fill(&s, c, base, 0x7c00);
    assert_true(fake_connection_picture(c, 1, &picture));
    assert_int_equal(picture.pixels[5], 0x7c00);
    assert_int_equal(fake_picture_color(&picture, 2, 1), 0xff0000);
    say(&s, c, (WireMsg){.u.display_surface_destroy = {1}}, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    assert_false(fake_connection_picture(c, 1, &picture));
    script_end(&s);
}

/* The highest bit of 555 is nobody's. It stays where whole pixels are copied, and where they are scaled it does not: so it
 * is with pixman, which canvases use, spice-gtk's among them. On 565 one sees it. */
static void test_scaling_leaves_the_highest_bit_of_555(void **state)
{
    (void)state;
    const WireImage image = {.type = WIRE_IMAGE_TYPE_SURFACE, .width = 2, .height = 2, .u.surface_id = 1};
    static const uint16_t types[] = {WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_TRANSPARENT};
    Script s;
    FakePicture picture;
    FakeConnection *c = begin(&s);
    say(&s, c, (WireMsg){.u.display_surface_create = {1, 2, 2, WIRE_SURFACE_FMT_16_555, 0}},
        WIRE_MSG_DISPLAY_SURFACE_CREATE);
    say(&s, c, (WireMsg){.u.display_surface_create = {2, 2, 2, WIRE_SURFACE_FMT_16_565, 0}},
        WIRE_MSG_DISPLAY_SURFACE_CREATE);
    WireDisplayBase from = base_at(0, 0, 2, 2), whole = base_at(0, 0, 2, 2);
    from.surface_id = 1;
    whole.surface_id = 2;
    fill(&s, c, from, 0xffff);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (int32_t width = 1; width <= 2; width++) {
            WireMsg m = {0};
            if (types[i] == WIRE_MSG_DISPLAY_DRAW_COPY) {
                m.u.display_draw_copy = (WireMsgDisplayDrawCopy){.base = whole,
                                                                 .src = &image,
                                                                 .src_area = {.right = width, .bottom = 2},
                                                                 .rop = WIRE_ROPD_OP_XOR,
                                                                 .scale_mode = WIRE_IMAGE_SCALE_MODE_NEAREST};
            } else {
                m.u.display_draw_transparent = (WireMsgDisplayDrawTransparent){
                    .base = whole, .src = &image, .src_area = {.right = width, .bottom = 2}};
            }
            fill(&s, c, whole, 0);
            say(&s, c, m, types[i]);
            assert_true(fake_connection_picture(c, 2, &picture));
            assert_int_equal(picture.pixels[0], width == 2 ? 0xffff : 0x7fff);
            assert_int_equal(picture.pixels[3], width == 2 ? 0xffff : 0x7fff);
        }
    }
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_pixels_are_seen),
        cmocka_unit_test(test_images_are_kept_until_they_are_to_go),
        cmocka_unit_test(test_what_does_not_decode_is_said),
        cmocka_unit_test(test_poison_is_no_picture),
        cmocka_unit_test(test_surfaces_come_and_go),
        cmocka_unit_test(test_scaling_leaves_the_highest_bit_of_555),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
