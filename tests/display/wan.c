/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two settings for wide area networks, JPEG and zlib around GLZ: always, never, and by what each client's link shows. */
#include "sim/sim.h"
#include "tests/display/desk.h"

#define SLOW_BYTES_PER_S 50000u

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void draw_photo(Desk *desk)
{
    const QXLRect box = {.right = 64, .bottom = 40};

    device_photo(&desk->device, 0, box, (uint32_t)desk->value);
    desk_wake_and_wait(desk, NS_PER_MS);
}

/* A picture every 20 ms, each another one, and time for all that became damage. */
static void draw_photos(Desk *desk, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        desk->value++;
        desk_host(desk, draw_photo);
        desk_run(desk, 20 * NS_PER_MS);
    }
    desk_run(desk, 5 * NS_PER_S);
}

static void forget_images(Desk *desk)
{
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        memset(desk->clients[i].images, 0, sizeof desk->clients[i].images);
    }
}

static DeskClient *client_at(Desk *desk, uint64_t bytes_per_s)
{
    sim_set_net(desk->sim, &(SimNet){.bytes_per_s = bytes_per_s});
    return desk_client(desk, NULL);
}

/* ---- JPEG ---- */

/* One client's slow link is no other's. */
static void jpeg_for_each_client(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *slow = client_at(desk, SLOW_BYTES_PER_S);
    DeskClient *fast = client_at(desk, 0);
    draw_photos(desk, 60); /* it shows */
    forget_images(desk);
    draw_photos(desk, 10);
    assert_true(slow->images[WIRE_IMAGE_TYPE_JPEG] > 0);
    assert_int_equal(fast->images[WIRE_IMAGE_TYPE_JPEG], 0);
    assert_int_equal(fast->images[WIRE_IMAGE_TYPE_QUIC], 10);
}

static void all_as_it_is(Desk *desk)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_OFF);
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_NEVER);
}

static void all_as_before(Desk *desk)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_AUTO);
}

/* That it carries more is seen when it is given more: 5 MB/s. */
static void show_speed(Desk *desk)
{
    desk_host(desk, all_as_it_is);
    for (uint32_t i = 0; i < 100; i++) {
        desk->value++;
        desk_host(desk, draw_photo);
        desk_run(desk, NS_PER_MS);
    }
    desk_host(desk, all_as_before);
    desk_run(desk, 5 * NS_PER_S);
}

/* One that was slow, and is not any more. */
static void jpeg_while_it_is_slow(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = client_at(desk, SLOW_BYTES_PER_S);
    draw_photos(desk, 60);
    forget_images(desk);
    draw_photos(desk, 10);
    assert_true(client->images[WIRE_IMAGE_TYPE_JPEG] > 0);
    sim_set_rate(desk->sim, client->display.handle, 0);
    sim_set_rate(desk->sim, client->main.handle, 0);
    show_speed(desk);
    forget_images(desk);
    draw_photos(desk, 10);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_JPEG], 0);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_QUIC], 10);
}

/* ---- zlib around GLZ ---- */

static void glz_and_zlib(Desk *desk, spice_wan_compression_t setting)
{
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_GLZ);
    spice_server_set_jpeg_compression(desk->server, SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_zlib_glz_compression(desk->server, setting);
}

static void zlib_always(Desk *desk)
{
    glz_and_zlib(desk, SPICE_WAN_COMPRESSION_ALWAYS);
}

static void zlib_never(Desk *desk)
{
    glz_and_zlib(desk, SPICE_WAN_COMPRESSION_NEVER);
}

static void zlib_auto(Desk *desk)
{
    glz_and_zlib(desk, SPICE_WAN_COMPRESSION_AUTO);
}

static void expect_zlib(Desk *desk, const DeskClient *client, void (*setting)(Desk *desk), bool zlib)
{
    desk_host(desk, setting);
    forget_images(desk);
    draw_photos(desk, 10);
    const uint32_t with = client->images[WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB],
                   without = client->images[WIRE_IMAGE_TYPE_GLZ_RGB];
    assert_true((zlib ? with : without) > 0);
    assert_int_equal(zlib ? without : with, 0);
}

static void zlib_as_is_set(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *fast = client_at(desk, 0);
    expect_zlib(desk, fast, zlib_always, true);
    expect_zlib(desk, fast, zlib_never, false);
    expect_zlib(desk, fast, zlib_auto, false);
}

static void zlib_on_slow_links(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *slow = client_at(desk, SLOW_BYTES_PER_S);
    draw_photos(desk, 60);
    expect_zlib(desk, slow, zlib_auto, true);
    expect_zlib(desk, slow, zlib_never, false);
    expect_zlib(desk, slow, zlib_auto, true);
}

int run_wan(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jpeg_for_each_client, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(jpeg_while_it_is_slow, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(zlib_as_is_set, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(zlib_on_slow_links, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("wan", tests, NULL, NULL);
}
