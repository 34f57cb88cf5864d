/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures that lose something: when they may, what may be made of them, and that all is right in the end. And who has the
 * GLZ window. */
#include <stdlib.h>

#include "display/lossy.h"
#include "tests/display/desk.h"

#define WIDTH 64u
#define HEIGHT 48u

static QXLRect box_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void jpeg_always(Desk *desk)
{
    run_machine(desk);
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_ALWAYS);
}

static void jpeg_never(Desk *desk)
{
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_NEVER);
}

static void wait_for_rings(Desk *desk)
{
    spice_qxl_wakeup(&desk->device.instance);
    while (desk->device.commands.first != desk->device.commands.end) {
        sim_sleep(desk->sim, NS_PER_MS);
    }
    sim_sleep(desk->sim, NS_PER_MS);
}

static void draw_photo(Desk *desk)
{
    device_photo(&desk->device, 0, box_of(0, 0, 64, 40), (uint32_t)desk->value);
    wait_for_rings(desk);
}

static void look(Desk *desk)
{
    QXLRect all = box_of(0, 0, 64, 48), dirty[4];
    spice_qxl_update_area(&desk->device.instance, 0, &all, dirty, 4, 1);
}

/* How far the client's picture is from the guest's, at most, in any channel, from this line on. */
static uint32_t difference_from(Desk *desk, const DeskClient *client, uint32_t top)
{
    FakePicture picture;
    uint32_t most = 0;

    desk_host(desk, look);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t i = top * WIDTH; i < WIDTH * HEIGHT; i++) {
        uint32_t guest;
        memcpy(&guest, desk->device.memory + DEVICE_BYTES / 2 + i * 4, sizeof guest);
        const uint32_t color = fake_picture_color(&picture, i % WIDTH, i / WIDTH);
        for (unsigned shift = 0; shift < 24; shift += 8) {
            const int channel = (int)(guest >> shift & 0xff) - (int)(color >> shift & 0xff);
            most = (uint32_t)abs(channel) > most ? (uint32_t)abs(channel) : most;
        }
    }
    return most;
}

static uint32_t difference(Desk *desk, const DeskClient *client)
{
    return difference_from(desk, client, 0);
}

/* A photograph is nearly right, and some time later quite. */
static void upgraded(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_photo);
    desk_run(desk, 100 * NS_PER_MS);
    assert_in_range(difference(desk, client), 1, 50);
    client->display_got.len = 0;
    desk_run(desk, LOSSY_QUIET_NS + 100 * NS_PER_MS);
    assert_int_equal(difference(desk, client), 0);
    assert_int_equal(client->display_got.len, 1); /* 10 KiB of pixels are one band */
    desk_run(desk, 5 * NS_PER_S);
    assert_int_equal(client->display_got.len, 1);
}

static void draw_photos(Desk *desk)
{
    device_photo(&desk->device, 0, box_of(0, 0, 32, 40), (uint32_t)desk->value);
    device_photo(&desk->device, 0, box_of(32, 0, 64, 40), (uint32_t)desk->value);
    wait_for_rings(desk);
}

/* Side by side they travel as one, which loses, and of which all comes right. */
static void merged(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    memset(client->images, 0, sizeof client->images);
    desk_host(desk, draw_photos);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(client->display_got.len, 1);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_JPEG], 1);
    assert_in_range(difference(desk, client), 1, 50);
    desk_run(desk, LOSSY_QUIET_NS / 2);
    assert_int_equal(client->display_got.len, 1); /* it was sent: not yet */
    desk_run(desk, LOSSY_QUIET_NS);
    assert_int_equal(client->display_got.len, 2);
    assert_int_equal(difference(desk, client), 0);
    desk_host(desk, jpeg_never);
    memset(client->images, 0, sizeof client->images);
    desk->value = 3;
    desk_host(desk, draw_photos);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(client->display_got.len, 3);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_JPEG], 0);
    assert_int_equal(difference(desk, client), 0);
}

static void draw_photo_and_plain(Desk *desk)
{
    device_photo(&desk->device, 0, box_of(0, 0, 32, 40), 1);
    device_copy(&desk->device, 0, box_of(32, 0, 64, 40), 0x102030);
    device_copy(&desk->device, 0, box_of(32, 40, 64, 48), 0x302010);
    wait_for_rings(desk);
}

/* What may not lose does not join what may, nor is it joined. */
static void not_merged(void **state)
{
    Desk *desk = *state;
    FakePicture picture;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    memset(client->images, 0, sizeof client->images);
    desk_host(desk, draw_photo_and_plain);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(client->display_got.len, 2);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_JPEG], 1);
    assert_in_range(difference(desk, client), 1, 50);
    assert_true(fake_connection_picture(client->display.connection, 0, &picture));
    for (uint32_t y = 0; y < 48; y++) {
        assert_int_equal(fake_picture_color(&picture, 32, y), y < 40 ? 0x102030 : 0x302010);
    }
    desk_run(desk, 2 * NS_PER_S);
    assert_int_equal(difference(desk, client), 0);
    assert_int_equal(client->display_got.len, 3);
}

/* Not on a link that carries what is sent, and not when the host says never; whoever is there already hears of it. */
static void not_asked_for(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_photo);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(difference(desk, client), 0);
    desk_host(desk, jpeg_always);
    desk->value = 1;
    desk_host(desk, draw_photo);
    desk_run(desk, 100 * NS_PER_MS);
    assert_true(difference(desk, client) > 0);
    desk_host(desk, jpeg_never);
    desk->value = 2;
    desk_host(desk, draw_photo);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(difference(desk, client), 0);
}

/* A browser shows a JPEG some time after it came, on top of what was drawn there since. */
static void not_for_browsers(void **state)
{
    Desk *desk = *state;
    FakeClientConfig config = desk_client_config();

    desk_host(desk, jpeg_always);
    config.display_caps = 1u << WIRE_CAP_DISPLAY_SIZED_STREAM | 1u << WIRE_CAP_DISPLAY_STREAM_REPORT |
                          1u << WIRE_CAP_DISPLAY_MULTI_CODEC | 1u << WIRE_CAP_DISPLAY_CODEC_MJPEG;
    config.glz_window_pixels = 0;
    DeskClient *browser = desk_client(desk, &config);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_photo);
    desk_run(desk, 100 * NS_PER_MS);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_JPEG], 1);
    assert_int_equal(browser->images[WIRE_IMAGE_TYPE_JPEG], 0);
    assert_int_equal(difference(desk, browser), 0);
}

static void draw_and_use(Desk *desk)
{
    Device *device = &desk->device;
    const uint32_t invert = 0x7f7f7f;

    device_photo(device, 0, box_of(0, 0, 64, 40), 7);
    device_copy_bits(device, 0, box_of(10, 20, 40, 48), 0, 0);
    QXLDrawable *fill =
        (QXLDrawable *)(void *)(device->memory + device_fill(device, 0, box_of(4, 4, 60, 36), invert));
    fill->u.fill.rop_descriptor = SPICE_ROPD_OP_XOR;
    wait_for_rings(desk);
}

/* What is made of lossy pixels would be far from right: 0x80 and 0x7f are nearly the same, until they are exclusive-ored. So
 * the client is not told to; it gets the result. */
static void not_made_worse(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, draw_and_use);
    desk_run(desk, 100 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_COPY_BITS,
                WIRE_MSG_DISPLAY_DRAW_COPY);
    assert_true(difference(desk, client) > 0);
    desk_run(desk, 2 * NS_PER_S);
    assert_int_equal(difference(desk, client), 0);
}

static void photo_elsewhere(Desk *desk)
{
    Device *device = &desk->device;

    device_surface_create(device, 5, 64, 40);
    device_photo(device, 5, box_of(0, 0, 64, 40), 3);
    device_show(device, 0, box_of(0, 8, 64, 48), 5);
    device_copy_bits(device, 0, box_of(0, 0, 64, 30), 0, 10);
    device_surface_destroy(device, 5);
    wait_for_rings(desk);
}

/* Copied pixels are as lossy as those they come from, also when these have gone. */
static void carried_along(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, photo_elsewhere);
    desk_run(desk, 100 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_COPY_BITS, WIRE_MSG_DISPLAY_SURFACE_DESTROY);
    assert_in_range(difference(desk, client), 1, 50);
    desk_run(desk, 2 * NS_PER_S);
    assert_int_equal(difference(desk, client), 0);
}

static void draw_little(Desk *desk)
{
    device_fill(&desk->device, 0, box_of(0, 44, 8, 48), (uint32_t)desk->value);
    wait_for_rings(desk);
}

/* While the guest draws, nothing is sent twice for a second, and then a band; and what it covers, never. */
static void upgrades_wait(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_photo);
    client->display_got.len = 0;
    for (uint32_t i = 0; i < 20; i++) {
        desk->value = i;
        desk_host(desk, draw_little);
        desk_run(desk, LOSSY_QUIET_NS / 2);
        if (i == 2) { /* not a second yet */
            assert_int_equal(client->display_got.len, 3);
            assert_true(difference(desk, client) > 0);
        }
    }
    assert_int_equal(client->display_got.len, 21);
    assert_int_equal(difference(desk, client), 0);
    desk_run(desk, NS_PER_S);
    assert_int_equal(client->display_got.len, 21);
}

/* By then the server knows how little it carries. */
static DeskClient *client_on_known_link(Desk *desk)
{
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, draw_photo);
    desk_run(desk, 300 * NS_PER_MS);
    assert_int_equal(difference(desk, client), 0);
    for (uint32_t i = 0; i < 60; i++) {
        desk->value = i;
        desk_host(desk, draw_photo);
        desk_run(desk, 20 * NS_PER_MS);
    }
    desk_run(desk, 5 * NS_PER_S);
    return client;
}

/* Two bands, of which the upper one is lossy again before the next is due. */
static void photo_above(Desk *desk)
{
    device_photo(&desk->device, 0, box_of(0, 0, 64, 20), (uint32_t)desk->value);
    if (desk->value == 0) {
        device_photo(&desk->device, 0, box_of(0, 22, 64, 48), 1);
    }
    wait_for_rings(desk);
}

/* What is lossy at the top all the time does not keep the rest from coming right. */
static void upgrades_in_turn(void **state)
{
    Desk *desk = *state;

    DeskClient *client = client_on_known_link(desk);
    for (uint32_t i = 0; i < 200; i++) {
        desk->value = i;
        desk_host(desk, photo_above);
        desk_host(desk, look); /* it is drawn, and its memory used again */
        desk_run(desk, 20 * NS_PER_MS);
    }
    assert_true(difference(desk, client) > 0);
    assert_int_equal(difference_from(desk, client, 22), 0);
    desk_run(desk, 5 * NS_PER_S);
    assert_int_equal(difference(desk, client), 0);
}

static void photo_then_cover(Desk *desk)
{
    draw_photo(desk);
    device_fill(&desk->device, 0, box_of(0, 0, 64, 48), 0x123456);
    wait_for_rings(desk);
}

static void covered(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = 0;
    desk_host(desk, photo_then_cover);
    desk_run(desk, 3 * NS_PER_S);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_FILL);
    assert_int_equal(difference(desk, client), 0);
}

/* A client that prefers another compression gets no JPEG. */
static void preferred(void **state)
{
    Desk *desk = *state;

    desk_host(desk, jpeg_always);
    DeskClient *client = desk_client(desk, NULL);
    fake_display_prefer(client->display.connection, SPICE_IMAGE_COMPRESSION_LZ);
    sim_client_wait(client->display.step, client->display.handle, CORE_READ | CORE_WRITE, NS_NEVER);
    desk_run(desk, 50 * NS_PER_MS);
    desk_host(desk, draw_photo);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(difference(desk, client), 0);
}

/* It begins when it shows that the link is slow. */
static void slow_link(void **state)
{
    Desk *desk = *state;

    DeskClient *client = client_on_known_link(desk);
    desk->value = 100;
    desk_host(desk, draw_photo);
    desk_run(desk, 300 * NS_PER_MS);
    assert_in_range(difference(desk, client), 1, 50);
    desk_run(desk, 3 * NS_PER_S);
    assert_int_equal(difference(desk, client), 0);
}

static void glz_only(Desk *desk)
{
    run_machine(desk);
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_GLZ);
}

/* A client's GLZ window is its first display connection's, however large the client says it is; when that connection has ended
 * nobody knows what the client has of it, and LZ takes its place. */
static void glz_window(void **state)
{
    Desk *desk = *state;
    static const struct {
        int32_t window;
        bool used;
    } rows[] = {{1 << 20, true}, {INT32_MAX, true}, {1 << 26, true},   {64, false},
                {0, false},      {-1, false},       {INT32_MIN, false}};

    desk_host(desk, glz_only);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FakeClientConfig config = desk_client_config();
        config.glz_window_pixels = rows[i].window;
        desk->clients_len = 0;
        desk->clients[0] = (DeskClient){0};
        DeskClient *client = desk_client(desk, &config);
        desk->value = i;
        memset(client->images, 0, sizeof client->images);
        desk_host(desk, draw_photo);
        desk_run(desk, 50 * NS_PER_MS);
        assert_int_equal(client->images[WIRE_IMAGE_TYPE_GLZ_RGB], rows[i].used);
        assert_int_equal(client->images[WIRE_IMAGE_TYPE_LZ_RGB], !rows[i].used);
        desk_wire_leave(desk, &client->display);
        desk_run(desk, 50 * NS_PER_MS);
        desk_display_again(desk, client);
        memset(client->images, 0, sizeof client->images);
        desk->value = 10 + i;
        desk_host(desk, draw_photo);
        desk_run(desk, 50 * NS_PER_MS);
        assert_int_equal(client->images[WIRE_IMAGE_TYPE_GLZ_RGB], 0);
        assert_int_equal(client->images[WIRE_IMAGE_TYPE_LZ_RGB], 1);
        assert_int_equal(difference(desk, client), 0);
        desk_wire_leave(desk, &client->display);
        desk_wire_leave(desk, &client->cursor);
        desk_wire_leave(desk, &client->main);
        desk_run(desk, 50 * NS_PER_MS);
        assert_int_equal(fake_client_violations(client->client, NULL), 0);
        fake_client_free(client->client);
        desk->clients_len = 0;
    }
}

int run_lossy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(upgraded, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(merged, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_merged, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_asked_for, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_for_browsers, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(not_made_worse, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(carried_along, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(upgrades_wait, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(upgrades_in_turn, desk_setup_slow, desk_teardown),
        cmocka_unit_test_setup_teardown(covered, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(preferred, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(glz_window, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_link, desk_setup_slow, desk_teardown),
    };
    return cmocka_run_group_tests_name("lossy", tests, NULL, NULL);
}
