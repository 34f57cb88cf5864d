/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients without COMPOSITE are browsers, which know few kinds of drawings, and pictures and surfaces of 32 bits: the rest comes to
 * them as pixels, and to others as it is. */
#include "tests/display/desk.h"
#include "tests/display/kinds.h"

#define WIDTH KIND_WIDTH
#define HEIGHT KIND_HEIGHT

static const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

/* ---- The desk ---- */

static uint32_t primary_format;
static const Kind *drawn;

static uint32_t primary_bytes(void)
{
    return primary_format == SPICE_SURFACE_FMT_32_xRGB ? 4 : 2;
}

static void start_with_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    primary.format = primary_format;
    primary.stride = (int32_t)(WIDTH * primary_bytes());
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static DeskClient *browser_new(Desk *desk)
{
    FakeClientConfig config = desk_client_config();

    config.display_caps = 1u << WIRE_CAP_DISPLAY_SIZED_STREAM | 1u << WIRE_CAP_DISPLAY_STREAM_REPORT |
                          1u << WIRE_CAP_DISPLAY_MULTI_CODEC | 1u << WIRE_CAP_DISPLAY_CODEC_MJPEG;
    config.glz_window_pixels = 0;
    return desk_client(desk, &config);
}

static void draw_drawn(Desk *desk)
{
    Device *device = &desk->device;
    const uint64_t at = device_noise(device, 0, all, (uint32_t)device->next);
    QXLDrawable *command = (QXLDrawable *)(void *)(device->memory + at);
    const uint64_t picture = command->u.copy.src_bitmap;

    memset(&command->u, 0, sizeof command->u);
    drawn->make(device, command, picture);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void draw(Desk *desk, const Kind *kind)
{
    drawn = kind;
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        desk->clients[i].display_got = (DeskMessages){0};
    }
    desk_host(desk, draw_drawn);
    desk_run(desk, NS_PER_S);
}

static void update_all(Desk *desk)
{
    QXLRect area = all, dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &area, &dirty, 1, 0);
}

/* Of the guest's primary, as 0xRRGGBB; few bits are spread over eight. */
static uint32_t guest_color(const Desk *desk, uint32_t at)
{
    const uint8_t *from = desk->device.memory + DEVICE_BYTES / 2 + at * primary_bytes();
    uint16_t few;
    uint32_t pixel;

    if (primary_format == SPICE_SURFACE_FMT_32_xRGB) {
        memcpy(&pixel, from, sizeof pixel);
        return pixel & 0xffffff;
    }
    memcpy(&few, from, sizeof few);
    const uint32_t green_bits = primary_format == SPICE_SURFACE_FMT_16_565 ? 6 : 5;
    const uint32_t red = few >> (5 + green_bits) & 31, green = few >> 5 & ((1u << green_bits) - 1),
                   blue = few & 31;
    return (red << 3 | red >> 2) << 16 | (green << (8 - green_bits) | green >> (2 * green_bits - 8)) << 8 |
           (blue << 3 | blue >> 2);
}

static void same_picture(Desk *desk, const DeskClient *client)
{
    FakePicture picture;
    uint32_t differ = 0;

    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        differ += fake_picture_color(&picture, i % WIDTH, i / WIDTH) != guest_color(desk, i);
    }
    if (differ > 0) {
        fail_msg("%s: %u pixels differ", drawn->name, differ);
    }
}

static void came_as_pixels(const DeskClient *browser)
{
    const DeskMessages *got = &browser->display_got;

    assert_true(got->len > 0);
    for (uint32_t i = 0; i < got->len; i++) {
        if (got->types[i] != WIRE_MSG_DISPLAY_DRAW_COPY) {
            fail_msg("%s: a message of type %u", drawn->name, got->types[i]);
        }
    }
}

static void came_as_it_is(const DeskClient *client)
{
    const DeskMessages *got = &client->display_got;

    if (got->len != 1 || got->types[0] != drawn->message) {
        fail_msg("%s: %u messages, the first of type %u", drawn->name, got->len, got->types[0]);
    }
}

/* ---- Tests ---- */

static void all_kinds(Desk *desk, uint32_t format)
{
    FakePicture picture;

    primary_format = format;
    desk_host(desk, start_with_primary);
    DeskClient *browser = browser_new(desk), *client = desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    for (uint32_t i = 0; i < KINDS_LARGE + KINDS_SMALL; i++) {
        draw(desk, i < KINDS_LARGE ? &kinds_large[i] : &kinds_small[i - KINDS_LARGE]);
        if (drawn->message == WIRE_MSG_DISPLAY_COPY_BITS) {
            came_as_it_is(browser);
        } else {
            came_as_pixels(browser);
        }
        came_as_it_is(client);
        same_picture(desk, browser);
        same_picture(desk, client);
    }
    assert_true(fake_connection_picture(browser->display.connection, 0, &picture));
    assert_int_equal(picture.format, SPICE_SURFACE_FMT_32_xRGB);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    assert_int_equal(picture.format, format);
}

static void on_32_bits(void **state)
{
    all_kinds(*state, SPICE_SURFACE_FMT_32_xRGB);
}

static void on_555(void **state)
{
    all_kinds(*state, SPICE_SURFACE_FMT_16_555);
}

static void on_565(void **state)
{
    all_kinds(*state, SPICE_SURFACE_FMT_16_565);
}

static void draw_what_it_knows(Desk *desk)
{
    Device *device = &desk->device;

    (void)device_fill(device, 0, (QXLRect){.right = 100, .bottom = 60}, 0x123456);
    (void)device_noise(device, 0, (QXLRect){.left = 20, .top = 30, .right = 180, .bottom = 140}, 5);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
    (void)device_copy_bits(device, 0, (QXLRect){.left = 50, .top = 50, .right = 150, .bottom = 120}, 30, 20);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

/* What it does know comes as it is, where its surface is what the guest's is. */
static void what_it_knows(void **state)
{
    static const Kind named = {.name = "what it knows"};
    Desk *desk = *state;

    drawn = &named;
    primary_format = SPICE_SURFACE_FMT_32_xRGB;
    desk_host(desk, start_with_primary);
    DeskClient *browser = browser_new(desk);
    desk_run(desk, NS_PER_S);
    browser->display_got = (DeskMessages){0};
    desk_host(desk, draw_what_it_knows);
    desk_run(desk, NS_PER_S);
    DESK_EXPECT(&browser->display_got, WIRE_MSG_DISPLAY_DRAW_FILL, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_COPY_BITS);
    same_picture(desk, browser);
}

#define SIDE 64 /* of surfaces that nobody sees */
#define SURFACES_AT (DEVICE_BYTES / 2 + WIDTH * HEIGHT * 4)
#define SURFACE_BYTES (SIDE * SIDE * 4)

/* Surface i + 1. */
static const struct {
    uint32_t format, bytes;
    bool told; /* does a browser hear of it? */
} surfaces[] = {
    {SPICE_SURFACE_FMT_32_xRGB, 4, true},
    {SPICE_SURFACE_FMT_32_ARGB, 4, false},
    {SPICE_SURFACE_FMT_16_555, 2, true},
    {SPICE_SURFACE_FMT_16_565, 2, true},
};
#define SURFACES (sizeof surfaces / sizeof surfaces[0])

static void make_surfaces(Desk *desk)
{
    for (uint32_t i = 0; i < SURFACES; i++) {
        const uint64_t at = device_surface_create(&desk->device, i + 1, SIDE, SIDE);
        QXLSurfaceCmd *command = (QXLSurfaceCmd *)(void *)(desk->device.memory + at);

        command->u.surface_create.format = surfaces[i].format;
        command->u.surface_create.stride = (int32_t)(SIDE * surfaces[i].bytes);
        command->u.surface_create.data = device_address(SURFACES_AT + i * SURFACE_BYTES);
        (void)device_fill(&desk->device, i + 1, (QXLRect){.right = SIDE, .bottom = SIDE}, 0x40404040);
    }
    desk_wake_and_wait(desk, 100 * NS_PER_MS);
}

/* Drawn on one that nobody sees, with alpha of all kinds; and copied to the screen. */
static void draw_and_show(Desk *desk)
{
    Device *device = &desk->device;

    for (uint32_t i = 0; i < SURFACES; i++) {
        const int32_t left = (int32_t)i * 50;
        const uint64_t at = device_noise(device, i + 1, (QXLRect){.right = SIDE, .bottom = SIDE}, i);
        QXLDrawable *command = (QXLDrawable *)(void *)(device->memory + at);
        QXLImage *image = (QXLImage *)(void *)(device->memory + at + ((sizeof *command + 15) & ~(size_t)15));
        uint8_t *pixels = device->memory + (image->bitmap.data - device_address(0));
        for (uint32_t k = 0; k < SIDE * SIDE; k++) {
            pixels[4 * k + 3] = (uint8_t)(k * 7);
        }
        image->bitmap.format =
            surfaces[i].format == SPICE_SURFACE_FMT_32_ARGB ? SPICE_BITMAP_FMT_RGBA : SPICE_BITMAP_FMT_32BIT;
        device_show(device, 0, (QXLRect){.left = left, .right = left + 50, .bottom = SIDE}, i + 1);
    }
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void from_surfaces(void **state)
{
    static const Kind named = {.name = "surfaces"};
    Desk *desk = *state;
    FakePicture picture;

    drawn = &named;
    primary_format = SPICE_SURFACE_FMT_32_xRGB;
    desk_host(desk, start_with_primary);
    DeskClient *browser = browser_new(desk);
    desk_host(desk, make_surfaces);
    for (uint32_t i = 0; i < 3; i++) {
        desk_host(desk, draw_and_show);
        desk_run(desk, NS_PER_S);
        same_picture(desk, browser);
    }
    for (uint32_t i = 0; i < SURFACES; i++) {
        assert_int_equal(fake_connection_picture(browser->display.connection, i + 1, &picture),
                         surfaces[i].told);
    }
}

int run_browsers(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_32_bits, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(on_555, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(on_565, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(what_it_knows, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(from_surfaces, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("browsers", tests, NULL, NULL);
}
