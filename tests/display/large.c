/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings of every kind whose message would be large: over a link that carries little they go in bands, over a quick one as
 * they are. What is large only on the screen goes as it is over both. */
#include "display/display_client.h"
#include "tests/display/desk.h"
#include "tests/display/kinds.h"

#define WIDTH KIND_WIDTH
#define HEIGHT KIND_HEIGHT
#define SLOW_BYTES_PER_S 600000u
#define SOCKET_BYTES 16384u
#define BESIDE 512u /* bytes of a message beside the pixels */

static const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

/* ---- The desk ---- */

static const Kind *drawn;

static void start_with_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static void noises(Desk *desk)
{
    for (uint32_t i = 0; i < 6; i++) {
        device_noise(&desk->device, 0, all, i);
        desk_wake_and_wait(desk, 400 * NS_PER_MS);
    }
}

/* Nothing reads the ring before it is woken. Its noise is like none before: GLZ would make it short. */
static QXLDrawable *put_drawn(Desk *desk)
{
    Device *device = &desk->device;
    const uint64_t at = device_noise(device, 0, all, (uint32_t)device->next);
    QXLDrawable *command = (QXLDrawable *)(void *)(device->memory + at);
    const uint64_t picture = command->u.copy.src_bitmap;

    memset(&command->u, 0, sizeof command->u);
    drawn->make(device, command, picture);
    return command;
}

static void draw_drawn(Desk *desk)
{
    (void)put_drawn(desk);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void update_all(Desk *desk)
{
    QXLRect area = all, dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &area, &dirty, 1, 0);
}

static void same_picture(Desk *desk, const DeskClient *client)
{
    FakePicture picture;
    uint32_t differ = 0;

    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        uint32_t pixel;
        memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + i * 4, sizeof pixel);
        differ += fake_picture_color(&picture, i % WIDTH, i / WIDTH) != (pixel & 0xffffff);
    }
    assert_int_equal(differ, 0);
}

static DeskClient *client_at(Desk *desk, uint64_t bytes_per_s)
{
    const SimNet net = {.latency_ns = 5 * NS_PER_MS,
                        .bytes_per_s = bytes_per_s,
                        .send_buffer = bytes_per_s != 0 ? SOCKET_BYTES : 0,
                        .receive_buffer = bytes_per_s != 0 ? SOCKET_BYTES : 0};

    sim_set_net(desk->sim, &net);
    DeskClient *client = desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    return client;
}

/* By now the link is known. */
static DeskClient *slow_client(Desk *desk)
{
    desk_host(desk, start_with_primary);
    DeskClient *client = client_at(desk, SLOW_BYTES_PER_S);
    desk_host(desk, noises);
    desk_run(desk, NS_PER_S);
    return client;
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

static void none_is_large(const DeskClient *client, const Kind *kind)
{
    if (client->display_got.largest > LINK_MESSAGE_BYTES_MIN + BESIDE) {
        fail_msg("%s: %u bytes", kind->name, (unsigned)client->display_got.largest);
    }
}

static void came_in_bands(const DeskClient *client, const Kind *kind)
{
    const DeskMessages *got = &client->display_got;

    none_is_large(client, kind);
    assert_true(got->len > 1);
    for (uint32_t i = 0; i < got->len; i++) {
        assert_int_equal(got->types[i], WIRE_MSG_DISPLAY_DRAW_COPY);
    }
}

static void came_as_it_is(const DeskClient *client, const Kind *kind)
{
    const DeskMessages *got = &client->display_got;

    if (got->len != 1 || got->types[0] != kind->message) {
        fail_msg("%s: %u messages, the first of type %u", kind->name, got->len, got->types[0]);
    }
}

/* ---- Tests ---- */

static void over_a_slow_link(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk);

    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        draw(desk, &kinds_large[i]);
        came_in_bands(client, &kinds_large[i]);
        same_picture(desk, client);
    }
}

static void over_a_quick_link(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_with_primary);
    DeskClient *client = client_at(desk, 0);
    desk_host(desk, noises);
    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        draw(desk, &kinds_large[i]);
        came_as_it_is(client, &kinds_large[i]);
        if (client->display_got.largest <= LINK_MESSAGE_BYTES_MIN) {
            fail_msg("%s: only %u bytes", kinds_large[i].name, (unsigned)client->display_got.largest);
        }
        same_picture(desk, client);
    }
}

/* What a message says counts, and not how much of the screen it covers. */
static void short_words(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk);

    for (uint32_t i = 0; i < KINDS_SMALL; i++) {
        draw(desk, &kinds_small[i]);
        came_as_it_is(client, &kinds_small[i]);
        same_picture(desk, client);
    }
}

/* Each client gets it as its own link can carry it. */
static void over_both(void **state)
{
    Desk *desk = *state;
    DeskClient *slow = slow_client(desk), *quick = client_at(desk, 0);

    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        draw(desk, &kinds_large[i]);
        came_in_bands(slow, &kinds_large[i]);
        came_as_it_is(quick, &kinds_large[i]);
        same_picture(desk, slow);
        same_picture(desk, quick);
    }
}

/* By GLZ what it saw before would be short, although it forgot it. */
static void start_without_codecs(Desk *desk)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_OFF);
    start_with_primary(desk);
}

/* As for a client whose link nobody knows yet, which is told to keep it. */
static DeskClient *client_that_keeps(Desk *desk)
{
    desk_host(desk, start_without_codecs);
    DeskClient *client = client_at(desk, SLOW_BYTES_PER_S);
    draw(desk, &kind_kept);
    came_as_it_is(client, &kind_kept);
    assert_true(client->display_got.largest > LINK_MESSAGE_BYTES_MIN);
    desk_host(desk, noises);
    desk_run(desk, NS_PER_S);
    return client;
}

/* What it has goes by name, however large it is. */
static void by_name(void **state)
{
    Desk *desk = *state;
    DeskClient *client = client_that_keeps(desk);

    draw(desk, &kind_kept);
    came_as_it_is(client, &kind_kept);
    assert_true(client->display_got.largest <= BESIDE);
    same_picture(desk, client);
}

static void draw_before_it_forgets(Desk *desk)
{
    const QXLRect corner = {.right = 90, .bottom = 90};

    for (int32_t i = 0; i < 5; i++) {
        device_noise(&desk->device, 0, (QXLRect){.left = i * 40, .right = i * 40 + 40, .bottom = 90},
                     (uint32_t)i + 50);
    }
    desk_wake_and_wait(desk, NS_PER_MS);
    spice_qxl_reset_image_cache(&desk->device.instance);
    (void)put_drawn(desk);
    device_copy_bits(&desk->device, 0, (QXLRect){.left = 100, .right = 190, .bottom = 90}, 0, 0);
    device_fill(&desk->device, 0, corner, 0x123456);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

/* It had the picture when the drawing came, and forgot it before that was sent. */
static void forgotten_meanwhile(void **state)
{
    Desk *desk = *state;
    DeskClient *client = client_that_keeps(desk);

    drawn = &kind_kept;
    client->display_got = (DeskMessages){0};
    desk_host(desk, draw_before_it_forgets);
    desk_run(desk, NS_PER_S);
    assert_true(client->display_got.largest <= LINK_MESSAGE_BYTES_MIN + BESIDE);
    same_picture(desk, client);
}

#define ROUNDS 6u
#define ROUND 3u /* drawings; they take such a link twice as long as a round lasts */

static void draw_in_rounds(Desk *desk)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (uint32_t j = 0; j < ROUND; j++) {
            (void)put_drawn(desk);
        }
        desk_wake_and_wait(desk, 300 * NS_PER_MS);
    }
    desk_wake_and_wait(desk, 3 * NS_PER_S);
}

/* When the first came nothing was known of the link; that it is a slow one showed while others waited. */
static void slow_meanwhile(void **state)
{
    Desk *desk = *state;
    uint32_t as_they_are = 0;

    desk_host(desk, start_without_codecs);
    DeskClient *client = client_at(desk, SLOW_BYTES_PER_S);
    drawn = &kinds_large[4];
    client->display_got = (DeskMessages){0};
    desk_host(desk, draw_in_rounds);
    for (uint32_t i = 0; i < client->display_got.len; i++) {
        as_they_are += client->display_got.types[i] == drawn->message;
    }
    /* Those of the first round, before it showed, and at most as many that were sent already. */
    assert_in_range(as_they_are, ROUND, 2 * ROUND - 1);
    same_picture(desk, client);
}

static void start_with_jpeg(Desk *desk)
{
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_ALWAYS);
    start_with_primary(desk);
}

static void draw_on_a_photo(Desk *desk)
{
    device_photo(&desk->device, 0, all, (uint32_t)desk->value);
    desk_wake_and_wait(desk, 300 * NS_PER_MS);
    (void)put_drawn(desk);
    desk_wake_and_wait(desk, 3 * NS_PER_S);
}

/* Onto pixels that are only nearly right: in the end all are. */
static void onto_lossy_pixels(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_with_jpeg);
    DeskClient *client = client_at(desk, SLOW_BYTES_PER_S);
    desk_host(desk, noises);
    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        drawn = &kinds_large[i];
        desk->value = i;
        client->display_got = (DeskMessages){0};
        client->images[WIRE_IMAGE_TYPE_JPEG] = 0;
        desk_host(desk, draw_on_a_photo);
        none_is_large(client, drawn);
        assert_true(client->images[WIRE_IMAGE_TYPE_JPEG] > 0);
        same_picture(desk, client);
    }
}

#define SIDE 128 /* of surfaces that nobody sees */
#define SURFACES_AT (DEVICE_BYTES / 2 + WIDTH * HEIGHT * 4)
#define SURFACE_BYTES (SIDE * SIDE * 4)

/* Surface i + 1. */
static const struct {
    uint32_t format, bits, mask;
} surfaces[] = {
    {SPICE_SURFACE_FMT_32_xRGB, 32, 0xffffff}, {SPICE_SURFACE_FMT_32_ARGB, 32, 0xffffffff},
    {SPICE_SURFACE_FMT_16_555, 16, 0x7fff},    {SPICE_SURFACE_FMT_16_565, 16, 0xffff},
    {SPICE_SURFACE_FMT_8_A, 8, 0xff},          {SPICE_SURFACE_FMT_1_A, 1, 1},
};
#define SURFACES (sizeof surfaces / sizeof surfaces[0])

static void make_surfaces(Desk *desk)
{
    for (uint32_t i = 0; i < SURFACES; i++) {
        const uint64_t at = device_surface_create(&desk->device, i + 1, SIDE, SIDE);
        QXLSurfaceCmd *command = (QXLSurfaceCmd *)(void *)(desk->device.memory + at);

        command->u.surface_create.format = surfaces[i].format;
        command->u.surface_create.stride = (int32_t)(SIDE * surfaces[i].bits / 8);
        command->u.surface_create.data = device_address(SURFACES_AT + i * SURFACE_BYTES);
        device_fill(&desk->device, i + 1, (QXLRect){.right = SIDE, .bottom = SIDE}, 0x40404040);
    }
    desk_wake_and_wait(desk, 100 * NS_PER_MS);
}

/* With fourth bytes of all kinds, as far as there is a picture. */
static void put_on_surface(Desk *desk, uint32_t id)
{
    Device *device = &desk->device;
    QXLDrawable *command = put_drawn(desk);
    const uint64_t at = (uint64_t)((uint8_t *)command - device->memory);
    QXLImage *image = (QXLImage *)(void *)(device->memory + at + ((sizeof *command + 15) & ~(size_t)15));
    uint8_t *pixels = device->memory + (image->bitmap.data - device_address(0));

    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        pixels[4 * i + 3] = (uint8_t)(i * 7 ^ i >> 5);
    }
    image->bitmap.format = id % 2 == 0 ? SPICE_BITMAP_FMT_RGBA : SPICE_BITMAP_FMT_32BIT;
    command->surface_id = id;
    command->bbox = (QXLRect){.right = SIDE, .bottom = SIDE};
    command->clip = (QXLClip){0};
}

static void draw_on_all(Desk *desk)
{
    for (uint32_t i = 0; i < SURFACES; i++) {
        put_on_surface(desk, i + 1);
    }
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void update_surfaces(Desk *desk)
{
    QXLRect area = {.right = SIDE, .bottom = SIDE}, dirty;

    for (uint32_t i = 0; i < SURFACES; i++) {
        spice_qxl_update_area(&desk->device.instance, i + 1, &area, &dirty, 1, 0);
    }
}

static uint32_t guest_pixel(const Desk *desk, uint32_t surface, uint32_t at)
{
    const uint32_t bits = surfaces[surface].bits;
    const uint8_t *from = desk->device.memory + SURFACES_AT + surface * SURFACE_BYTES + at * bits / 8;
    uint32_t pixel = 0;

    memcpy(&pixel, from, (bits + 7) / 8);
    return (bits == 1 ? pixel >> at % 8 : pixel) & surfaces[surface].mask;
}

static void same_surfaces(Desk *desk, const DeskClient *client)
{
    desk_host(desk, update_surfaces);
    for (uint32_t i = 0; i < SURFACES; i++) {
        FakePicture picture;
        uint32_t differ = 0;
        assert_true(fake_connection_picture(client->display.connection, i + 1, &picture));
        assert_int_equal(picture.format, surfaces[i].format);
        for (uint32_t at = 0; at < SIDE * SIDE; at++) {
            differ += (picture.pixels[at] & surfaces[i].mask) != guest_pixel(desk, i, at);
        }
        if (differ > 0) {
            fail_msg("%s on surface %u: %u pixels", drawn->name, i + 1, differ);
        }
    }
}

/* Surfaces of all kinds, alpha included. */
static void onto_surfaces(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk);

    desk_host(desk, make_surfaces);
    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        drawn = &kinds_large[i];
        client->display_got = (DeskMessages){0};
        desk_host(desk, draw_on_all);
        desk_run(desk, NS_PER_S);
        assert_true(client->display_got.len >= SURFACES);
        none_is_large(client, drawn);
        same_surfaces(desk, client);
    }
}

/* Then it is shown, and changes again. */
static void draw_and_show(Desk *desk)
{
    const QXLRect part = {.right = SIDE, .bottom = SIDE};

    put_on_surface(desk, 1);
    device_show(&desk->device, 0, part, 1);
    device_fill(&desk->device, 1, part, (uint32_t)desk->value);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void shown_after_that(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk);

    desk_host(desk, make_surfaces);
    for (uint32_t i = 0; i < KINDS_LARGE; i++) {
        drawn = &kinds_large[i];
        desk->value = 0x123456 * i;
        client->display_got = (DeskMessages){0};
        desk_host(desk, draw_and_show);
        desk_run(desk, NS_PER_S);
        assert_true(client->display_got.len > 0);
        none_is_large(client, drawn);
        same_picture(desk, client);
    }
}

int run_large(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_a_slow_link, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(over_a_quick_link, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(short_words, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(over_both, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(by_name, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(forgotten_meanwhile, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_meanwhile, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(onto_lossy_pixels, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(onto_surfaces, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(shown_after_that, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("large", tests, NULL, NULL);
}
