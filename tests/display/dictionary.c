/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client's GLZ dictionary, which passes from display to display. Here two devices have a display each. */
#include "codec/glz.h"
#include "session/channel_client.h"
#include "tests/display/desk.h"

#define SECOND_ID 4
#define PINGED_NS                                                                                            \
    (RCC_PING_PERIOD_NS + NS_PER_S) /* by then a client has said that it got what it was sent before */

typedef struct Pair {
    Desk *desk;
    Device second;
    DeskWire wire; /* the client's connection to it */
    DeskClient *client;
} Pair;

static Pair pair; /* host code has no other way to it */

static void plug_in(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(64, 48);

    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_GLZ);
    desk_create_primary(desk);
    if (spice_server_add_interface(desk->server, &pair.second.instance.base) == 0) {
        device_add_memslot(&pair.second);
        spice_qxl_create_primary_surface(&pair.second.instance, 0, &primary);
    }
    pair.second.running = true;
    desk_start_machine(desk);
}

static int pair_setup(void **state)
{
    const int failed = desk_setup(state);

    memset(&pair, 0, sizeof pair); /* a compound literal of this size does not fit every stack */
    pair.desk = *state;
    device_init(&pair.second, pair.desk->sim, SECOND_ID);
    desk_host(pair.desk, plug_in);
    pair.client = desk_client(pair.desk, NULL);
    desk_display_open(pair.desk, pair.client, &pair.wire, SECOND_ID);
    return failed;
}

static int pair_teardown(void **state)
{
    const int failed = desk_teardown(state);

    device_finish(&pair.second);
    return failed;
}

static void draw_on(Device *device)
{
    const QXLRect box = {.right = 64, .bottom = 40};

    pair.desk->value++;
    device_photo(device, 0, box, (uint32_t)pair.desk->value);
    spice_qxl_wakeup(&device->instance);
    while (device->commands.first != device->commands.end) {
        sim_sleep(pair.desk->sim, NS_PER_MS);
    }
}

static void draw_on_first(Desk *desk)
{
    draw_on(&desk->device);
}

static void draw_on_second(Desk *desk)
{
    (void)desk;
    draw_on(&pair.second);
}

/* Draws there and says what the picture was sent as. */
static uint8_t sent_as(bool second)
{
    memset(pair.client->images, 0, sizeof pair.client->images);
    desk_host(pair.desk, second ? draw_on_second : draw_on_first);
    desk_run(pair.desk, 50 * NS_PER_MS);
    assert_int_equal(
        pair.client->images[WIRE_IMAGE_TYPE_GLZ_RGB] + pair.client->images[WIRE_IMAGE_TYPE_LZ_RGB], 1);
    /* A client waits for ever for a number that was left out. */
    assert_int_equal(pair.client->glz_gaps, 0);
    return pair.client->images[WIRE_IMAGE_TYPE_GLZ_RGB] == 1 ? WIRE_IMAGE_TYPE_GLZ_RGB
                                                             : WIRE_IMAGE_TYPE_LZ_RGB;
}

static void leave(DeskWire *wire)
{
    desk_wire_leave(pair.desk, wire);
    desk_run(pair.desk, 50 * NS_PER_MS);
}

/* From the one whose connection ends to the other, and back; images go on where they were. */
static void passes_on(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < 3; k++) {
            assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_GLZ_RGB);
            assert_int_equal(sent_as(true), WIRE_IMAGE_TYPE_LZ_RGB);
        }
        desk_run(pair.desk, PINGED_NS);
        leave(&pair.client->display);
        assert_int_equal(sent_as(true), WIRE_IMAGE_TYPE_GLZ_RGB);
        desk_display_again(pair.desk, pair.client);
        assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_LZ_RGB);
        assert_int_equal(sent_as(true), WIRE_IMAGE_TYPE_GLZ_RGB);
        desk_run(pair.desk, PINGED_NS);
        leave(&pair.wire);
        assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_GLZ_RGB);
        desk_display_open(pair.desk, pair.client, &pair.wire, SECOND_ID);
    }
    assert_true(pair.client->glz_next > 15);
}

/* When nobody is left it waits for who comes next; also if the next owner goes before it hears of it. */
static void waits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(sent_as(i % 2 != 0), WIRE_IMAGE_TYPE_GLZ_RGB);
        desk_run(pair.desk, PINGED_NS);
        desk_wire_leave(pair.desk, i % 2 != 0 ? &pair.wire : &pair.client->display);
        leave(i % 2 != 0 ? &pair.client->display : &pair.wire);
        if (i % 2 != 0) {
            desk_display_again(pair.desk, pair.client);
        }
        desk_display_open(pair.desk, pair.client, &pair.wire, SECOND_ID);
        if (i % 2 == 0) {
            desk_display_again(pair.desk, pair.client);
        }
    }
}

/* Whether the latest image came nobody knows: then nobody goes on. */
static void is_lost(void **state)
{
    (void)state;
    assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_GLZ_RGB);
    desk_run(pair.desk, PINGED_NS);
    assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_GLZ_RGB);
    leave(&pair.client->display);
    assert_int_equal(sent_as(true), WIRE_IMAGE_TYPE_LZ_RGB);
    desk_display_again(pair.desk, pair.client);
    assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_LZ_RGB);
    desk_run(pair.desk, PINGED_NS);
    leave(&pair.wire);
    assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_LZ_RGB);
}

static void unplug_first(Desk *desk)
{
    spice_server_remove_interface(&desk->device.instance.base);
}

/* The device goes, and its worker with it. */
static void survives_its_device(void **state)
{
    (void)state;
    assert_int_equal(sent_as(false), WIRE_IMAGE_TYPE_GLZ_RGB);
    desk_run(pair.desk, PINGED_NS);
    desk_host(pair.desk, unplug_first);
    desk_run(pair.desk, 50 * NS_PER_MS);
    assert_int_equal(sent_as(true), WIRE_IMAGE_TYPE_GLZ_RGB);
}

int run_dictionary(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_on, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(waits, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(is_lost, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(survives_its_device, pair_setup, pair_teardown),
    };
    return cmocka_run_group_tests_name("dictionary", tests, NULL, NULL);
}
