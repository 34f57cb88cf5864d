/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Large pictures on a link that carries little: no message keeps it busy for long. */
#include "display/display_client.h"
#include "tests/display/desk.h"

#define WIDTH 200
#define HEIGHT 150
#define SLOW_BYTES_PER_S 600000u
#define SOCKET_BYTES 16384u

static void start_with_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static void noises(Desk *desk)
{
    const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

    for (uint32_t i = 0; i < 6; i++) {
        device_noise(&desk->device, 0, all, i);
        desk_wake_and_wait(desk, 400 * NS_PER_MS);
    }
}

static void one_noise(Desk *desk)
{
    const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

    device_noise(&desk->device, 0, all, 77);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void update_all(Desk *desk)
{
    QXLRect all = {.right = WIDTH, .bottom = HEIGHT}, dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &all, &dirty, 1, 0);
}

/* So many pixels from this line on that the guest has otherwise. */
static uint32_t differ_from(const Desk *desk, const DeskClient *client, uint32_t top)
{
    uint32_t differ = 0;
    FakePicture picture;

    if (!fake_connection_picture(client->display.connection, 0, &picture)) {
        return WIDTH * HEIGHT;
    }
    for (uint32_t y = top; y < HEIGHT; y++) {
        for (uint32_t x = 0; x < WIDTH; x++) {
            uint32_t pixel;
            memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + (y * WIDTH + x) * 4, sizeof pixel);
            differ += fake_picture_color(&picture, x, y) != (pixel & 0xffffff);
        }
    }
    return differ;
}

static void same_picture(Desk *desk, const DeskClient *client)
{
    desk_host(desk, update_all);
    desk_run(desk, NS_PER_S);
    assert_int_equal(differ_from(desk, client, 0), 0);
}

static const DisplayClient *first_client(const Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;

    return list_entry(
        list_first(&display_channel_base(worker->display)->clients, RedChannelClient, in_channel),
        DisplayClient, base);
}

/* A client on such a link, which by now is known. */
static DeskClient *slow_client(Desk *desk, uint64_t bytes_per_s)
{
    const SimNet slow = {.latency_ns = 5 * NS_PER_MS,
                         .bytes_per_s = bytes_per_s,
                         .send_buffer = SOCKET_BYTES,
                         .receive_buffer = SOCKET_BYTES};

    sim_set_net(desk->sim, &slow);
    desk_host(desk, start_with_primary);
    DeskClient *client = desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    desk_host(desk, noises);
    return client;
}

static void on_a_slow_link(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk, SLOW_BYTES_PER_S);
    desk_run(desk, NS_PER_S);
    const uint64_t rate = first_client(desk)->base.rate.bytes_per_s;
    assert_true(rate > SLOW_BYTES_PER_S / 2 && rate < SLOW_BYTES_PER_S * 2);
    client->display_got = (DeskMessages){0};
    desk_host(desk, one_noise);
    desk_run(desk, NS_PER_S);
    assert_true(client->display_got.len >= WIDTH * HEIGHT * 4 / LINK_MESSAGE_BYTES_MIN);
    assert_true(client->display_got.largest <= LINK_MESSAGE_BYTES_MIN + 512);
    same_picture(desk, client);
}

static void corner_of_noise(Desk *desk)
{
    const QXLRect all = {.right = WIDTH, .bottom = HEIGHT}, corner = {.right = 20, .bottom = 20};
    const uint64_t at = device_noise(&desk->device, 0, all, 78);
    QXLDrawable *command = (QXLDrawable *)(void *)(desk->device.memory + at);

    command->bbox = command->u.copy.src_area = corner;
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

/* Of a large image of which little is drawn, only that little is sent. */
static void little_of_a_large_image(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk, SLOW_BYTES_PER_S);
    desk_run(desk, NS_PER_S);
    client->display_got = (DeskMessages){0};
    desk_host(desk, corner_of_noise);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
    assert_true(client->display_got.largest <= 20 * 20 * 4 + 512);
    same_picture(desk, client);
}

/* Nothing is known of a link that takes whatever comes: commands travel as the guest gave them. */
static void on_a_quick_link(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_with_primary);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, noises);
    client->display_got = (DeskMessages){0};
    desk_host(desk, one_noise);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
    assert_true(client->display_got.largest > WIDTH * HEIGHT * 3);
    same_picture(desk, client);
}

static void same_pixels_anew(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    primary.flags = QXL_SURF_FLAG_KEEP_DATA;
    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
}

/* A primary that shows something from the beginning appears all at once, although no message is large. */
static void a_primary_with_a_picture(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk, SLOW_BYTES_PER_S);
    desk_run(desk, NS_PER_S);
    desk_host(desk, update_all);
    client->display_got = (DeskMessages){0};
    client->images[WIRE_IMAGE_TYPE_SURFACE] = 0;
    desk_host(desk, same_pixels_anew);
    desk_run(desk, NS_PER_S);
    assert_true(client->display_got.len >= WIDTH * HEIGHT * 4 / LINK_MESSAGE_BYTES_MIN);
    assert_true(client->display_got.largest <= LINK_MESSAGE_BYTES_MIN + 512);
    assert_int_equal(client->images[WIRE_IMAGE_TYPE_SURFACE], 1);
    assert_int_equal(client->first_copy.right, WIDTH);
    assert_int_equal(client->first_copy.bottom, HEIGHT);
    same_picture(desk, client);
}

static void noise_then_cover(Desk *desk)
{
    const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

    device_noise(&desk->device, 0, all, 5);
    desk_wake_and_wait(desk, 15 * NS_PER_MS);
    device_fill(&desk->device, 0, all, 0x123456);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

/* What is covered before it went is not sent. */
static void bands_are_dropped(void **state)
{
    Desk *desk = *state;
    DeskClient *client = slow_client(desk, SLOW_BYTES_PER_S / 4);
    desk_run(desk, 5 * NS_PER_S);
    client->display_got = (DeskMessages){0};
    desk_host(desk, noise_then_cover);
    desk_run(desk, 5 * NS_PER_S);
    assert_true(client->display_got.bytes <= 2 * SOCKET_BYTES + 3 * LINK_MESSAGE_BYTES_MIN);
    same_picture(desk, client);
}

#define FILM_BOTTOM 100

static DeskClient *watched;
static uint32_t missing; /* of its pixels below, while something was still going on above */

static void film(Desk *desk)
{
    const QXLRect frame = {.right = WIDTH, .bottom = FILM_BOTTOM};
    const QXLRect below = {.top = FILM_BOTTOM, .right = WIDTH, .bottom = HEIGHT};

    for (uint32_t i = 0; i < 150; i++) {
        if (i == 50) {
            device_noise(&desk->device, 0, below, 1);
        }
        device_noise(&desk->device, 0, frame, i);
        desk_wake_and_wait(desk, 20 * NS_PER_MS);
    }
    update_all(desk);
    missing = differ_from(desk, watched, FILM_BOTTOM);
}

static void small_things(Desk *desk)
{
    const QXLRect below = {.top = FILM_BOTTOM, .right = WIDTH, .bottom = HEIGHT};
    uint32_t seed = 0;

    for (uint32_t i = 0; i < 350; i++) {
        if (i == 100) {
            device_noise(&desk->device, 0, below, 1);
        }
        for (int32_t x = 0; x < WIDTH; x += 50) {
            device_noise(&desk->device, 0, (QXLRect){.left = x, .right = x + 50, .bottom = 50}, seed++);
        }
        desk_wake_and_wait(desk, 10 * NS_PER_MS);
    }
    update_all(desk);
    missing = differ_from(desk, watched, FILM_BOTTOM);
}

/* More is drawn, again and again, than the link carries: what is below it is shown all the same. */
static void the_rest_is_seen(Desk *desk, void (*busy)(Desk *desk))
{
    watched = slow_client(desk, SLOW_BYTES_PER_S);
    desk_host(desk, busy);
    assert_int_equal(missing, 0);
}

static void beside_a_film(void **state)
{
    the_rest_is_seen(*state, film);
}

static void beside_small_things(void **state)
{
    the_rest_is_seen(*state, small_things);
}

#define LARGE_WIDTH 512
#define LARGE_HEIGHT 512 /* 1 MiB */

static void start_with_large_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(LARGE_WIDTH, LARGE_HEIGHT);

    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_GLZ);
}

static void large_noise(Desk *desk)
{
    const QXLRect all = {.right = LARGE_WIDTH, .bottom = LARGE_HEIGHT};

    device_noise(&desk->device, 0, all, 79);
    desk_wake_and_wait(desk, 500 * NS_PER_MS);
}

static void zlib_always(Desk *desk)
{
    spice_server_set_zlib_glz_compression(desk->server, SPICE_WAN_COMPRESSION_ALWAYS);
}

/* What coding takes counts, too: zlib makes 30 MB a second, and the worker has other things to do. */
static void what_is_coded_slowly(void **state)
{
    Desk *desk = *state;

    desk_host(desk, start_with_large_primary);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got = (DeskMessages){0};
    desk_host(desk, large_noise);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY);
    desk_host(desk, zlib_always);
    client->display_got = (DeskMessages){0};
    desk_host(desk, large_noise);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY,
                WIRE_MSG_DISPLAY_DRAW_COPY, WIRE_MSG_DISPLAY_DRAW_COPY);
    /* And what a client is shown that comes then. */
    DeskClient *late = desk_client(desk, NULL);
    desk_run(desk, NS_PER_S);
    assert_in_range(late->display_got.largest, 1, LARGE_WIDTH * LARGE_HEIGHT + 512);
}

int run_bands(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_a_slow_link, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(little_of_a_large_image, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(on_a_quick_link, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(what_is_coded_slowly, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(a_primary_with_a_picture, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(bands_are_dropped, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(beside_a_film, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(beside_small_things, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("bands", tests, NULL, NULL);
}
