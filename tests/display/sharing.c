/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients that are sent the same picture share what it was coded to. */
#include "display/display_internal.h"
#include "display/worker.h"
#include "tests/display/desk.h"

#define WIDTH 128
#define HEIGHT 96

static QXLRect box_of(int32_t left, int32_t top, int32_t right, int32_t bottom)
{
    return (QXLRect){.left = left, .top = top, .right = right, .bottom = bottom};
}

static void start_machine(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(WIDTH, HEIGHT);

    spice_server_set_image_compression(desk->server, (SpiceImageCompression)desk->value);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static const DisplayChannel *display_of_desk(const Desk *desk)
{
    const RedWorker *worker = desk->device.instance.st;

    return worker->display;
}

static void update_all(Desk *desk)
{
    QXLRect all = box_of(0, 0, WIDTH, HEIGHT), dirty;

    spice_qxl_update_area(&desk->device.instance, 0, &all, &dirty, 1, 0);
}

static void same_pictures(Desk *desk)
{
    desk_host(desk, update_all);
    desk_run(desk, 200 * NS_PER_MS);
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        FakePicture picture;
        assert_true(fake_connection_picture(desk->clients[i].display.connection, 0, &picture));
        for (uint32_t y = 0; y < HEIGHT; y++) {
            for (uint32_t x = 0; x < WIDTH; x++) {
                uint32_t pixel;
                memcpy(&pixel, desk->device.memory + DEVICE_BYTES / 2 + (y * WIDTH + x) * 4, sizeof pixel);
                assert_int_equal(fake_picture_color(&picture, x, y), pixel & 0xffffff);
            }
        }
    }
}

/* So many clients, and what was coded and found since. */
static ShareStore begin(Desk *desk, SpiceImageCompression compression, uint32_t clients)
{
    desk->value = (uint64_t)compression;
    desk_host(desk, start_machine);
    for (uint32_t i = 0; i < clients; i++) {
        desk_client(desk, NULL);
    }
    desk_run(desk, NS_PER_S);
    return display_of_desk(desk)->shares;
}

static void four_photos(Desk *desk)
{
    for (uint32_t i = 0; i < 4; i++) {
        device_photo(&desk->device, 0,
                     box_of((int32_t)(i % 2) * 66, (int32_t)(i / 2) * 50, (int32_t)(i % 2) * 66 + 60,
                            (int32_t)(i / 2) * 50 + 44),
                     i + 1);
        desk_wake_and_wait(desk, 50 * NS_PER_MS);
    }
}

/* However many there are. */
static void each_is_coded_once(void **state)
{
    Desk *desk = *state;
    const ShareStore before = begin(desk, SPICE_IMAGE_COMPRESSION_QUIC, DESK_CLIENTS_MAX);

    desk_host(desk, four_photos);
    const ShareStore *after = &display_of_desk(desk)->shares;
    assert_int_equal(after->coded - before.coded, 4);
    assert_int_equal(after->reused - before.reused, 4 * (DESK_CLIENTS_MAX - 1));
    assert_int_equal(after->bytes, 0); /* nobody waits for them any more */
    same_pictures(desk);
}

static void one_client_shares_nothing(void **state)
{
    Desk *desk = *state;

    (void)begin(desk, SPICE_IMAGE_COMPRESSION_QUIC, 1);
    desk_host(desk, four_photos);
    assert_int_equal(display_of_desk(desk)->shares.coded, 0);
    same_pictures(desk);
}

/* What refers to pictures that were sent before is each client's own. */
static void windows_are_not_shared(void **state)
{
    Desk *desk = *state;
    const ShareStore before = begin(desk, SPICE_IMAGE_COMPRESSION_GLZ, 2);

    desk_host(desk, four_photos);
    assert_int_equal(display_of_desk(desk)->shares.coded, before.coded);
    same_pictures(desk);
}

static void columns(Desk *desk)
{
    for (int32_t x = 0; x < WIDTH; x += 16) {
        device_photo(&desk->device, 0, box_of(x, 0, x + 16, 64), (uint32_t)x);
    }
    desk_wake_and_wait(desk, 50 * NS_PER_MS);
}

/* One coding of all together, and one of one of them, by which it is decided whether that is worth it. */
static void merged_ones(void **state)
{
    Desk *desk = *state;
    const ShareStore before = begin(desk, SPICE_IMAGE_COMPRESSION_LZ, 2);

    desk_host(desk, columns);
    const ShareStore *after = &display_of_desk(desk)->shares;
    assert_true(desk->clients[0].display_got.types[desk->clients[0].display_got.len - 1] ==
                WIRE_MSG_DISPLAY_DRAW_COPY);
    assert_true(after->coded - before.coded >= 2);
    assert_int_equal(after->reused - before.reused, after->coded - before.coded);
    assert_int_equal(after->bytes, 0);
    same_pictures(desk);
}

/* What keeps the links busy, so that it is known what they carry. */
static void noises(Desk *desk)
{
    for (uint32_t i = 0; i < 12; i++) {
        device_noise(&desk->device, 0, box_of(0, 0, WIDTH, HEIGHT), i);
        desk_wake_and_wait(desk, 50 * NS_PER_MS);
        sim_sleep(desk->sim, 400 * NS_PER_MS);
    }
}

static void photo(Desk *desk)
{
    device_photo(&desk->device, 0, box_of(0, 0, WIDTH, HEIGHT), 3);
    desk_wake_and_wait(desk, 50 * NS_PER_MS);
    sim_sleep(desk->sim, 400 * NS_PER_MS);
}

/* Too large for a message: clients with links of one kind get the same bands of the canvas. */
static void bands(void **state)
{
    Desk *desk = *state;
    const SimNet slow = {
        .latency_ns = 5 * NS_PER_MS, .bytes_per_s = 600000, .send_buffer = 16384, .receive_buffer = 16384};

    sim_set_net(desk->sim, &slow);
    (void)begin(desk, SPICE_IMAGE_COMPRESSION_QUIC, 2);
    desk_host(desk, noises);
    const ShareStore before = display_of_desk(desk)->shares;
    desk->clients[0].display_got = desk->clients[1].display_got = (DeskMessages){0};
    desk_host(desk, photo);
    const ShareStore *after = &display_of_desk(desk)->shares;
    assert_true(desk->clients[0].display_got.len > 2);
    assert_int_equal(desk->clients[0].display_got.len, desk->clients[1].display_got.len);
    assert_int_equal(after->coded - before.coded, desk->clients[0].display_got.len);
    assert_int_equal(after->reused - before.reused, desk->clients[0].display_got.len);
    assert_true(after->bytes > 0); /* the canvas looks so still */
    same_pictures(desk);
    desk_wire_leave(desk, &desk->clients[0].display);
    desk_run(desk, NS_PER_S);
    assert_int_equal(after->bytes, 0); /* who is left has it */
}

int run_sharing(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_coded_once, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(one_client_shares_nothing, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(windows_are_not_shared, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(merged_ones, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(bands, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
