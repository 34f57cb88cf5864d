/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The display channel's rules: surfaces, areas, images and their caches, streams, monitors, capabilities. */
#include "script.h"

#include <string.h>
#include <time.h>
#include <zlib.h>

#define W 64
#define H 32

static void say(Script *s, FakeConnection *c, WireMsg m, uint16_t type)
{
    m.channel = WIRE_CHANNEL_DISPLAY;
    m.type = type;
    script_say(s, c, &m);
}

static void surface(Script *s, FakeConnection *c, uint32_t id, uint32_t width, uint32_t height,
                    uint32_t format, uint32_t flags)
{
    say(s, c, (WireMsg){.u.display_surface_create = {id, width, height, format, flags}},
        WIRE_MSG_DISPLAY_SURFACE_CREATE);
}

/* A display channel with a primary of W x H. */
static FakeConnection *begin_with(Script *s, const FakeClientConfig *config)
{
    script_begin(s, config);
    script_session(s);
    FakeConnection *c = script_open(s, WIRE_CHANNEL_DISPLAY, 0);
    say(s, c, (WireMsg){.u.set_ack = {.generation = 1, .window = 20}}, WIRE_MSG_SET_ACK);
    surface(s, c, 0, W, H, WIRE_SURFACE_FMT_32_xRGB, WIRE_SURFACE_FLAG_PRIMARY);
    return c;
}

static FakeConnection *begin(Script *s)
{
    const FakeClientConfig config = script_config();
    return begin_with(s, &config);
}

static WireDisplayBase base_at(uint32_t surface_id, int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (WireDisplayBase){.surface_id = surface_id,
                             .box = {.left = left, .top = top, .right = right, .bottom = bottom}};
}

static void fill(Script *s, FakeConnection *c, WireDisplayBase base)
{
    say(s, c,
        (WireMsg){.u.display_draw_fill = {.base = base, .brush = {.type = WIRE_BRUSH_TYPE_SOLID}, .rop = 8}},
        WIRE_MSG_DISPLAY_DRAW_FILL);
}

static WireImage bitmap(uint64_t id, uint8_t flags)
{
    static const uint8_t pixels[8 * 4 * 4];
    return (WireImage){.id = id,
                       .type = WIRE_IMAGE_TYPE_BITMAP,
                       .flags = flags,
                       .width = 8,
                       .height = 4,
                       .u.bitmap = {.format = WIRE_BITMAP_FMT_32BIT,
                                    .flags = WIRE_BITMAP_FLAG_TOP_DOWN,
                                    .x = 8,
                                    .y = 4,
                                    .stride = 32,
                                    .data = span_of(pixels, sizeof pixels)}};
}

static void copy_area(Script *s, FakeConnection *c, const WireImage *image, WireRect area)
{
    say(s, c,
        (WireMsg){.u.display_draw_copy =
                      {.base = base_at(0, 0, 0, 8, 4), .src = image, .src_area = area, .rop = 8}},
        WIRE_MSG_DISPLAY_DRAW_COPY);
}

static void copy(Script *s, FakeConnection *c, const WireImage *image)
{
    copy_area(s, c, image, (WireRect){.right = 8, .bottom = 4});
}

/* ---- Opening ---- */

static void test_init(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_session(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_DISPLAY, 0);
    const WireMsgc init = script_await(&s, c, WIRE_MSGC_DISPLAY_INIT);
    assert_int_equal(init.u.display_init.pixmap_cache_size, config.pixmap_cache_pixels);
    assert_int_equal(init.u.display_init.glz_dictionary_window_size, config.glz_window_pixels);
    script_end(&s);

    config.behaviour.skip_display_init = true;
    script_begin(&s, &config);
    script_session(&s);
    c = script_open(&s, WIRE_CHANNEL_DISPLAY, 0);
    assert_int_equal(fake_connection_output(c).len, 0);
    say(&s, c, (WireMsg){.u.set_ack = {.generation = 1, .window = 20}}, WIRE_MSG_SET_ACK);
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES);
    script_expect(&s, FAKE_RULE_ORDER, "never sent INIT");
    script_end(&s);
}

static void test_set_ack_first(void **state)
{
    (void)state;
    Script s;
    const FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_session(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_DISPLAY, 0);
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES);
    script_expect(&s, FAKE_RULE_ACK_WINDOW, "before SET_ACK");
    script_end(&s);
}

/* ---- Surfaces ---- */

static void test_surfaces(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    const FakeDisplayModel *model = fake_connection_display(c);
    assert_true(model->surfaces[0].exists);
    assert_int_equal(model->surfaces[0].width, W);
    assert_false(model->marked);
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_MARK);
    assert_true(model->marked);
    fill(&s, c, base_at(0, 0, 0, W, H));
    assert_int_equal(model->draws, 1);
    surface(&s, c, 3, 10, 10, WIRE_SURFACE_FMT_32_ARGB, 0);
    surface(&s, c, 3, 10, 10, WIRE_SURFACE_FMT_32_ARGB, 0);
    script_expect(&s, FAKE_RULE_DRAWING, "surface 3 is created twice");
    say(&s, c, (WireMsg){.u.display_surface_destroy = {3}}, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    say(&s, c, (WireMsg){.u.display_surface_destroy = {3}}, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    script_expect(&s, FAKE_RULE_DRAWING, "surface 3 is destroyed");
    fill(&s, c, base_at(3, 0, 0, 1, 1));
    script_expect(&s, FAKE_RULE_DRAWING, "surface 3, which does not exist");
    surface(&s, c, 1025, 10, 10, WIRE_SURFACE_FMT_32_ARGB, 0);
    script_expect(&s, FAKE_RULE_VALUES, "surface 1025");
    say(&s, c, (WireMsg){.u.display_surface_destroy = {0}}, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_MARK);
    script_expect(&s, FAKE_RULE_ORDER, "MARK without");
    script_end(&s);
}

static void test_surface_values(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    static const uint32_t wrong[][4] = {{0, 10, 32, 0},  {10, 0, 32, 0},  {10, 10, 0, 0},
                                        {10, 10, 33, 0}, {10, 10, 32, 4}, {10, 10, 32, 1}};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        surface(&s, c, 1 + i, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
        script_expect(&s, FAKE_RULE_VALUES, "surface");
    }
    say(&s, c, (WireMsg){.u.display_surface_destroy = {0}}, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    surface(&s, c, 0, 10, 10, 32, 0);
    script_expect(&s, FAKE_RULE_VALUES, "surface 0"); /* not called primary */
    script_end(&s);
}

static void test_boxes(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    static const int32_t wrong[][4] = {{-1, 0, 1, 1},    {0, -1, 1, 1}, {0, 0, W + 1, 1},
                                       {0, 0, 1, H + 1}, {2, 0, 1, 1},  {0, 2, 1, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fill(&s, c, base_at(0, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]));
        script_expect(&s, FAKE_RULE_DRAWING, "box");
    }
    WireDisplayBase base = base_at(0, 0, 0, 1, 1);
    const WireRect inside_out = {.left = 2, .right = 1};
    base.clip = (WireClip){.type = WIRE_CLIP_TYPE_RECTS, .rects = {&inside_out, 1}};
    fill(&s, c, base);
    script_expect(&s, FAKE_RULE_DRAWING, "clip rectangle 0");
    base.clip = (WireClip){.type = 2};
    fill(&s, c, base);
    script_expect(&s, FAKE_RULE_VALUES, "clip type 2");
    script_end(&s);
}

static void test_copy_bits(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireMsg m = {.u.display_copy_bits = {.base = base_at(0, 0, 0, 10, 10), .src_pos = {W - 10, H - 10}}};
    say(&s, c, m, WIRE_MSG_DISPLAY_COPY_BITS);
    m.u.display_copy_bits.src_pos.x++;
    say(&s, c, m, WIRE_MSG_DISPLAY_COPY_BITS);
    script_expect(&s, FAKE_RULE_DRAWING, "COPY_BITS");
    m.u.display_copy_bits.src_pos = (WirePoint){0, -1};
    say(&s, c, m, WIRE_MSG_DISPLAY_COPY_BITS);
    script_expect(&s, FAKE_RULE_DRAWING, "COPY_BITS");
    script_end(&s);
}

/* ---- What drawing messages refer to ---- */

/* Each message that has a source, without it. */
static void test_missing_source(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    const WireDisplayBase b = base_at(0, 0, 0, 8, 4);
    const WireBrush solid = {.type = WIRE_BRUSH_TYPE_SOLID};
    const struct {
        uint16_t type;
        WireMsg m;
    } cases[] = {
        {WIRE_MSG_DISPLAY_DRAW_OPAQUE, {.u.display_draw_opaque = {.base = b, .brush = solid}}},
        {WIRE_MSG_DISPLAY_DRAW_COPY, {.u.display_draw_copy = {.base = b}}},
        {WIRE_MSG_DISPLAY_DRAW_BLEND, {.u.display_draw_blend = {.base = b}}},
        {WIRE_MSG_DISPLAY_DRAW_ROP3, {.u.display_draw_rop3 = {.base = b, .brush = solid}}},
        {WIRE_MSG_DISPLAY_DRAW_TRANSPARENT, {.u.display_draw_transparent = {.base = b}}},
        {WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND, {.u.display_draw_alpha_blend = {.base = b}}},
        {WIRE_MSG_DISPLAY_DRAW_COMPOSITE, {.u.display_draw_composite = {.base = b}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(&s, c, cases[i].m, cases[i].type);
        script_expect(&s, FAKE_RULE_DRAWING, "without its image");
    }
    const WireImage image = bitmap(1, 0);
    say(&s, c,
        (WireMsg){.u.display_draw_composite = {.base = b, .flags = WIRE_COMPOSITE_HAS_MASK, .src = &image}},
        WIRE_MSG_DISPLAY_DRAW_COMPOSITE);
    script_expect(&s, FAKE_RULE_DRAWING, "without its image");
    script_end(&s);
}

/* A surface that does not exist, as source, as mask and as pattern, in each message that can have it. */
static void test_unknown_surface_everywhere(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    const WireImage none = {.type = WIRE_IMAGE_TYPE_SURFACE, .width = 8, .height = 4, .u.surface_id = 9};
    const WireImage good = bitmap(1, 0);
    const WireDisplayBase b = base_at(0, 0, 0, 8, 4);
    const WireRect area = {.right = 8, .bottom = 4};
    const WireBrush solid = {.type = WIRE_BRUSH_TYPE_SOLID};
    const WireBrush pattern = {.type = WIRE_BRUSH_TYPE_PATTERN, .u.pattern = {.pat = &none}};
    const WireQMask mask = {.bitmap = &none};
    const WirePath path = {{NULL, 0}};
    const WireString string = {.flags = WIRE_STRING_FLAG_RASTER_A1};
    const struct {
        uint16_t type;
        WireMsg m;
    } cases[] = {
        {WIRE_MSG_DISPLAY_DRAW_FILL, {.u.display_draw_fill = {.base = b, .brush = pattern}}},
        {WIRE_MSG_DISPLAY_DRAW_FILL, {.u.display_draw_fill = {.base = b, .brush = solid, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_OPAQUE,
         {.u.display_draw_opaque = {.base = b, .src = &none, .src_area = area, .brush = solid}}},
        {WIRE_MSG_DISPLAY_DRAW_OPAQUE,
         {.u.display_draw_opaque = {.base = b, .src = &good, .src_area = area, .brush = pattern}}},
        {WIRE_MSG_DISPLAY_DRAW_OPAQUE,
         {.u.display_draw_opaque =
              {.base = b, .src = &good, .src_area = area, .brush = solid, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_COPY, {.u.display_draw_copy = {.base = b, .src = &none, .src_area = area}}},
        {WIRE_MSG_DISPLAY_DRAW_COPY,
         {.u.display_draw_copy = {.base = b, .src = &good, .src_area = area, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_BLEND, {.u.display_draw_blend = {.base = b, .src = &none, .src_area = area}}},
        {WIRE_MSG_DISPLAY_DRAW_BLEND,
         {.u.display_draw_blend = {.base = b, .src = &good, .src_area = area, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_BLACKNESS, {.u.display_draw_blackness = {.base = b, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_WHITENESS, {.u.display_draw_whiteness = {.base = b, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_INVERS, {.u.display_draw_invers = {.base = b, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_ROP3,
         {.u.display_draw_rop3 = {.base = b, .src = &none, .src_area = area, .brush = solid}}},
        {WIRE_MSG_DISPLAY_DRAW_ROP3,
         {.u.display_draw_rop3 = {.base = b, .src = &good, .src_area = area, .brush = pattern}}},
        {WIRE_MSG_DISPLAY_DRAW_ROP3,
         {.u.display_draw_rop3 = {.base = b, .src = &good, .src_area = area, .brush = solid, .mask = mask}}},
        {WIRE_MSG_DISPLAY_DRAW_STROKE,
         {.u.display_draw_stroke = {.base = b, .path = &path, .brush = pattern}}},
        {WIRE_MSG_DISPLAY_DRAW_TEXT,
         {.u.display_draw_text = {.base = b, .str = &string, .fore_brush = pattern, .back_brush = solid}}},
        {WIRE_MSG_DISPLAY_DRAW_TEXT,
         {.u.display_draw_text = {.base = b, .str = &string, .fore_brush = solid, .back_brush = pattern}}},
        {WIRE_MSG_DISPLAY_DRAW_TRANSPARENT,
         {.u.display_draw_transparent = {.base = b, .src = &none, .src_area = area}}},
        {WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND,
         {.u.display_draw_alpha_blend = {.base = b, .src = &none, .src_area = area}}},
        {WIRE_MSG_DISPLAY_DRAW_COMPOSITE, {.u.display_draw_composite = {.base = b, .src = &none}}},
        {WIRE_MSG_DISPLAY_DRAW_COMPOSITE,
         {.u.display_draw_composite =
              {.base = b, .flags = WIRE_COMPOSITE_HAS_MASK, .src = &good, .mask = &none}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(&s, c, cases[i].m, cases[i].type);
        script_expect(&s, FAKE_RULE_DRAWING, "from surface 9");
    }
    /* And each message on a surface that does not exist. */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        WireMsg m = cases[i].m;
        m.u.display_draw_fill.base.surface_id = 8; /* every one begins with its base */
        say(&s, c, m, cases[i].type);
        const FakeViolation *first;
        assert_int_equal(fake_client_violations(s.client, &first), s.seen + 2);
        if (s.seen < FAKE_VIOLATIONS_MAX) {
            assert_non_null(strstr(first[s.seen].text, "on surface 8"));
        }
        s.seen += 2;
    }
    script_end(&s);
}

static void test_values(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    const WireImage image = bitmap(1, 0);
    WireMsg m = {.u.display_draw_copy = {.base = base_at(0, 0, 0, 8, 4),
                                         .src = &image,
                                         .src_area = {.right = 8, .bottom = 4},
                                         .scale_mode = 2}};
    say(&s, c, m, WIRE_MSG_DISPLAY_DRAW_COPY);
    script_expect(&s, FAKE_RULE_VALUES, "scale mode 2");
    say(&s, c, (WireMsg){.u.display_draw_fill = {.base = base_at(0, 0, 0, 1, 1), .brush = {.type = 3}}},
        WIRE_MSG_DISPLAY_DRAW_FILL);
    script_expect(&s, FAKE_RULE_VALUES, "brush type 3");
    script_end(&s);
}

/* ---- Images ---- */

static void test_image_values(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireImage image = {.type = 42, .width = 8, .height = 4};
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "type 42");
    image = bitmap(1, 8);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "flags 0x8");
    image = bitmap(1, 0);
    image.width = 0;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "0x4");
    image = bitmap(1, 0);
    copy_area(&s, c, &image, (WireRect){.right = 9, .bottom = 4});
    script_expect(&s, FAKE_RULE_DRAWING, "area");
    copy_area(&s, c, &image, (WireRect){.left = -1, .right = 8, .bottom = 4});
    script_expect(&s, FAKE_RULE_DRAWING, "area");
    copy_area(&s, c, &image, (WireRect){.left = 5, .right = 4, .bottom = 4});
    script_expect(&s, FAKE_RULE_DRAWING, "area");
    image.u.bitmap.format = 11;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "format 11");
    image = bitmap(1, 0);
    image.u.bitmap.x = 7;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "7x4");
    image = bitmap(1, 0);
    image.u.bitmap.stride = 31;
    image.u.bitmap.data.len = 31 * 4;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "rows of 31 bytes");
    script_end(&s);
}

static void test_lz4(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    FakeConnection *c = begin_with(&s, &config);
    const WireImage image = {
        .type = WIRE_IMAGE_TYPE_LZ4, .width = 8, .height = 4, .u.compressed = {span_of("1234", 4)}};
    copy(&s, c, &image);
    script_end(&s);
    config.display_caps &= ~(1u << WIRE_CAP_DISPLAY_LZ4_COMPRESSION);
    c = begin_with(&s, &config);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "LZ4");
    script_end(&s);
}

static WireImage from_cache(uint64_t id, uint8_t type)
{
    return (WireImage){.id = id, .type = type, .width = 8, .height = 4};
}

static WireImage lossy(uint64_t id, uint8_t flags)
{
    return (WireImage){.id = id,
                       .type = WIRE_IMAGE_TYPE_JPEG,
                       .flags = flags,
                       .width = 8,
                       .height = 4,
                       .u.compressed = {span_of("jpeg", 4)}};
}

static void inval(Script *s, FakeConnection *c, uint8_t type, uint64_t id)
{
    const WireResourceID resource = {type, id};
    say(s, c, (WireMsg){.u.display_inval_list = {{&resource, 1}}}, WIRE_MSG_DISPLAY_INVAL_LIST);
}

static void test_pixmap_cache(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireImage image = from_cache(1, WIRE_IMAGE_TYPE_FROM_CACHE);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "image 1 is not in the cache");
    image = bitmap(1, WIRE_IMAGE_FLAG_CACHE_ME);
    copy(&s, c, &image);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "in the cache already");
    image = from_cache(1, WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS);
    copy(&s, c, &image);
    inval(&s, c, WIRE_RES_TYPE_PIXMAP, 1);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "image 1 is not in the cache");
    inval(&s, c, WIRE_RES_TYPE_PIXMAP, 1);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "to be dropped");
    inval(&s, c, 7, 1);
    script_expect(&s, FAKE_RULE_VALUES, "resource type 7");
    image.flags = WIRE_IMAGE_FLAG_CACHE_ME;
    copy(&s, c, &image);
    assert_int_equal(fake_client_violations(s.client, NULL), s.seen + 2); /* unknown, and cannot be cached */
    s.seen += 2;
    script_end(&s);
}

static void test_pixmap_cache_losses(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireImage image = lossy(5, WIRE_IMAGE_FLAG_CACHE_ME);
    copy(&s, c, &image);
    image = from_cache(5, WIRE_IMAGE_TYPE_FROM_CACHE);
    copy(&s, c, &image);
    image.type = WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "with losses");
    WireImage lossless = bitmap(5, WIRE_IMAGE_FLAG_CACHE_REPLACE_ME);
    copy(&s, c, &lossless);
    copy(&s, c, &image);
    copy(&s, c, &lossless);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "replaces nothing");
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_INVAL_ALL_PIXMAPS);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "not in the cache");
    script_end(&s);
}

static void test_pixmap_cache_size(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.pixmap_cache_pixels = 3 * 8 * 4;
    FakeConnection *c = begin_with(&s, &config);
    for (uint64_t id = 1; id <= 3; id++) {
        const WireImage image = bitmap(id, WIRE_IMAGE_FLAG_CACHE_ME);
        copy(&s, c, &image);
    }
    const WireImage image = bitmap(4, WIRE_IMAGE_FLAG_CACHE_ME);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "128 pixels in a cache of 96");
    script_end(&s);
}

/* With a second display, what is used may still be delivered by the other one. */
static void test_two_displays(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    FakeConnection *other = script_open(&s, WIRE_CHANNEL_DISPLAY, 1);
    say(&s, other, (WireMsg){.u.set_ack = {.generation = 1, .window = 20}}, WIRE_MSG_SET_ACK);
    surface(&s, other, 0, W, H, WIRE_SURFACE_FMT_32_xRGB, WIRE_SURFACE_FLAG_PRIMARY);
    WireImage image = from_cache(1, WIRE_IMAGE_TYPE_FROM_CACHE);
    copy(&s, c, &image);
    image = bitmap(1, WIRE_IMAGE_FLAG_CACHE_ME);
    copy(&s, other, &image);
    inval(&s, c, WIRE_RES_TYPE_PIXMAP, 99);
    fake_client_check_quiet(s.client);
    image = from_cache(2, WIRE_IMAGE_TYPE_FROM_CACHE);
    copy(&s, other, &image);
    fake_client_check_quiet(s.client);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "image 2 was used and never delivered");
    /* Serials that are waited for. */
    const WireChannelWait waits[] = {{WIRE_CHANNEL_DISPLAY, 1, 2}, {WIRE_CHANNEL_DISPLAY, 1, 50}};
    say(&s, c, (WireMsg){.u.wait_for_channels = {{waits, 2}}}, WIRE_MSG_WAIT_FOR_CHANNELS);
    fake_client_check_quiet(s.client);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "serial 50");
    script_end(&s);
}

/* ---- Palettes ---- */

static WireImage indexed(uint64_t unique, uint8_t flags, const WirePalette *palette)
{
    static const uint8_t pixels[8 * 4];
    WireImage image = bitmap(0, 0);
    image.u.bitmap.format = WIRE_BITMAP_FMT_8BIT;
    image.u.bitmap.flags = flags;
    image.u.bitmap.stride = 8;
    image.u.bitmap.palette = palette;
    image.u.bitmap.palette_id = unique;
    image.u.bitmap.data = span_of(pixels, sizeof pixels);
    return image;
}

static void test_palettes(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    const uint32_t color = 0xff;
    WirePalette palette = {.unique = 1, .ents = {&color, 1}};
    WireImage image = indexed(1, WIRE_BITMAP_FLAG_PAL_FROM_CACHE, NULL);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 1 is not in the cache");
    image = indexed(0, WIRE_BITMAP_FLAG_PAL_CACHE_ME, NULL);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "without id");
    image = indexed(0, WIRE_BITMAP_FLAG_PAL_CACHE_ME, &palette);
    for (; palette.unique <= 128; palette.unique++) {
        copy(&s, c, &image);
    }
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "more than 128");
    image = indexed(1, WIRE_BITMAP_FLAG_PAL_FROM_CACHE, NULL);
    copy(&s, c, &image);
    const WireMsg drop = {.u.display_inval_palette = {1}};
    say(&s, c, drop, WIRE_MSG_DISPLAY_INVAL_PALETTE);
    say(&s, c, drop, WIRE_MSG_DISPLAY_INVAL_PALETTE);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 1 to be dropped");
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES);
    image.u.bitmap.palette_id = 2;
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 2 is not in the cache");
    image = indexed(0, 8, NULL);
    copy(&s, c, &image);
    script_expect(&s, FAKE_RULE_VALUES, "bitmap flags 0x8");
    const WireImage plt = {.type = WIRE_IMAGE_TYPE_LZ_PLT,
                           .width = 8,
                           .height = 4,
                           .u.lz_plt = {.flags = WIRE_BITMAP_FLAG_PAL_FROM_CACHE, .palette_id = 3}};
    copy(&s, c, &plt);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 3 is not in the cache");
    script_end(&s);
}

/* ---- GLZ ---- */

static void glz_as(Script *s, FakeConnection *c, bool deflated, uint64_t id, uint32_t distance, size_t len)
{
    uint8_t stream[64] = {0}, zlib[256];
    for (int i = 0; i < 8; i++) {
        stream[21 + i] = (uint8_t)(id >> (56 - 8 * i));
    }
    for (int i = 0; i < 4; i++) {
        stream[29 + i] = (uint8_t)(distance >> (24 - 8 * i));
    }
    WireImage image = {
        .type = WIRE_IMAGE_TYPE_GLZ_RGB, .width = 8, .height = 4, .u.compressed = {span_of(stream, len)}};
    if (deflated) {
        uLongf zlib_len = sizeof zlib;
        assert_int_equal(compress(zlib, &zlib_len, stream, len), Z_OK);
        image.type = WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB;
        image.u.zlib_glz.glz_data_size = (uint32_t)len;
        image.u.zlib_glz.data = span_of(zlib, zlib_len);
    }
    copy(s, c, &image);
}

static void glz(Script *s, FakeConnection *c, uint64_t id, uint32_t distance, size_t len)
{
    glz_as(s, c, false, id, distance, len);
}

/* Deflated images obey the same rules, among the others. */
static void test_zlib_glz(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.glz_window_pixels = 2 * 8 * 4;
    FakeConnection *c = begin_with(&s, &config);
    glz_as(&s, c, true, 0, 0, 40);
    glz_as(&s, c, false, 1, 1, 40);
    glz_as(&s, c, true, 2, 1, 40);
    glz_as(&s, c, true, 2, 1, 40);
    script_expect(&s, FAKE_RULE_GLZ, "image 2 after 2");
    glz_as(&s, c, true, 3, 2, 40);
    script_expect(&s, FAKE_RULE_GLZ, "96 pixels in a window of 64");
    glz_as(&s, c, true, 4, 0, 32);
    script_expect(&s, FAKE_RULE_DECODE, "without a header");
    script_end(&s);
}

/* A full window in which each image drops one: none of them may cost a look at all. */
static void test_glz_many(void **state)
{
    (void)state;
    enum { HELD = 100000 };
    Script s;
    FakeClientConfig config = script_config();
    config.glz_window_pixels = HELD * 8 * 4;
    FakeConnection *c = begin_with(&s, &config);
    const clock_t before = clock();
    for (uint32_t id = 0; id < 2 * HELD; id++) {
        glz(&s, c, id, id < HELD ? id : HELD - 1, 40);
    }
    assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 10);
    glz(&s, c, 2 * HELD, HELD, 40); /* one too many */
    script_expect(&s, FAKE_RULE_GLZ, "in a window of");
    script_end(&s);
}

static void test_glz(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.glz_window_pixels = 3 * 8 * 4;
    FakeConnection *c = begin_with(&s, &config);
    for (uint32_t id = 0; id < 3; id++) {
        glz(&s, c, id, id, 40);
    }
    glz(&s, c, 3, 2, 40); /* drops the oldest */
    glz(&s, c, 3, 2, 40);
    script_expect(&s, FAKE_RULE_GLZ, "image 3 after 3");
    glz(&s, c, 2, 0, 40);
    script_expect(&s, FAKE_RULE_GLZ, "image 2 after 3");
    glz(&s, c, 4, 5, 40);
    script_expect(&s, FAKE_RULE_GLZ, "image 4 after 3");
    glz(&s, c, 4, 3, 40);
    script_expect(&s, FAKE_RULE_GLZ, "128 pixels in a window of 96");
    glz(&s, c, 5, 0, 32);
    script_expect(&s, FAKE_RULE_DECODE, "32 bytes");
    script_end(&s);
    config.glz_window_pixels = 0;
    c = begin_with(&s, &config);
    glz(&s, c, 0, 0, 40);
    assert_int_equal(fake_client_violations(s.client, NULL), 2); /* no window, and more than it has */
    s.seen = 2;
    script_end(&s);
}

/* ---- Streams and monitors ---- */

static WireMsg stream(uint32_t id, uint8_t codec)
{
    return (WireMsg){.u.display_stream_create = {.id = id,
                                                 .codec_type = codec,
                                                 .stream_width = 8,
                                                 .stream_height = 4,
                                                 .src_width = 8,
                                                 .src_height = 4,
                                                 .dest = {.right = 8, .bottom = 4}}};
}

static void test_streams(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireMsg m = stream(5, WIRE_VIDEO_CODEC_TYPE_MJPEG);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_ORDER, "stream 5");
    m.u.display_stream_create.id = 64;
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_ORDER, "stream 64");
    m = stream(6, WIRE_VIDEO_CODEC_TYPE_MJPEG);
    m.u.display_stream_create.dest.right = W + 1;
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_DRAWING, "stream 6 outside");
    m = stream(7, 9);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_VALUES, "codec 9");
    m = stream(8, WIRE_VIDEO_CODEC_TYPE_VP8);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "codec 2");
    const struct {
        uint16_t type;
        WireMsg m;
    } cases[] = {
        {WIRE_MSG_DISPLAY_STREAM_DATA, {.u.display_stream_data = {.base = {.id = 5}}}},
        {WIRE_MSG_DISPLAY_STREAM_DATA_SIZED, {.u.display_stream_data_sized = {.base = {.id = 5}}}},
        {WIRE_MSG_DISPLAY_STREAM_CLIP, {.u.display_stream_clip = {.id = 5}}},
        {WIRE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT, {.u.display_stream_activate_report = {.stream_id = 5}}},
        {WIRE_MSG_DISPLAY_STREAM_DESTROY, {.u.display_stream_destroy = {.id = 5}}},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    for (size_t i = 0; i < CASES; i++) {
        say(&s, c, cases[i].m, cases[i].type);
    }
    for (size_t i = 0; i < CASES; i++) {
        say(&s, c, cases[i].m, cases[i].type);
        script_expect(&s, FAKE_RULE_ORDER, "stream 5 does not exist");
    }
    say(&s, c, (WireMsg){0}, WIRE_MSG_DISPLAY_STREAM_DESTROY_ALL);
    assert_int_equal(fake_connection_display(c)->streams, 0);
    script_end(&s);
}

static void test_capabilities(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.display_caps = 0;
    FakeConnection *c = begin_with(&s, &config);
    WireMsg m = stream(1, WIRE_VIDEO_CODEC_TYPE_MJPEG);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE); /* the one codec of old clients */
    m = stream(2, WIRE_VIDEO_CODEC_TYPE_VP8);
    say(&s, c, m, WIRE_MSG_DISPLAY_STREAM_CREATE);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "codec 2");
    surface(&s, c, 1, 4, 4, WIRE_SURFACE_FMT_8_A, 0);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "8_A");
    surface(&s, c, 2, 4, 4, WIRE_SURFACE_FMT_32_xRGB, WIRE_SURFACE_FLAG_STREAMING_MODE);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "streaming mode");
    const uint16_t gated[] = {WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_GL_DRAW};
    for (size_t i = 0; i < sizeof gated / sizeof gated[0]; i++) {
        say(&s, c, (WireMsg){0}, gated[i]);
        script_expect(&s, FAKE_RULE_CAPABILITIES, "needs capability");
    }
    script_end(&s);
}

static void test_monitors(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = begin(&s);
    WireHead heads[2] = {{.monitor_id = 0, .width = 32, .height = 32},
                         {.monitor_id = 1, .width = 32, .height = 32, .x = 32}};
    WireMsg m = {.u.display_monitors_config = {.max_allowed = 2, .heads = {heads, 2}}};
    say(&s, c, m, WIRE_MSG_DISPLAY_MONITORS_CONFIG);
    assert_int_equal(fake_connection_display(c)->heads_len, 2);
    assert_int_equal(fake_connection_display(c)->heads[1].x, 32);
    m.u.display_monitors_config.max_allowed = 1;
    say(&s, c, m, WIRE_MSG_DISPLAY_MONITORS_CONFIG);
    script_expect(&s, FAKE_RULE_VALUES, "2 monitors, 1 allowed");
    m.u.display_monitors_config.max_allowed = 0; /* no limit stated */
    heads[1].height = 0;
    say(&s, c, m, WIRE_MSG_DISPLAY_MONITORS_CONFIG);
    script_expect(&s, FAKE_RULE_VALUES, "monitor 1 has no size");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_set_ack_first),
        cmocka_unit_test(test_surfaces),
        cmocka_unit_test(test_surface_values),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_copy_bits),
        cmocka_unit_test(test_missing_source),
        cmocka_unit_test(test_unknown_surface_everywhere),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_image_values),
        cmocka_unit_test(test_lz4),
        cmocka_unit_test(test_pixmap_cache),
        cmocka_unit_test(test_pixmap_cache_losses),
        cmocka_unit_test(test_pixmap_cache_size),
        cmocka_unit_test(test_two_displays),
        cmocka_unit_test(test_palettes),
        cmocka_unit_test(test_glz),
        cmocka_unit_test(test_zlib_glz),
        cmocka_unit_test(test_glz_many),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_monitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
