/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a worker writes down of its commands, and how it ends. */
#define _GNU_SOURCE /* memmem() */
#include <stdio.h>
#include <stdlib.h>

#include "tests/display/desk.h"

#define TAPE_BYTES_MAX (1u << 20)

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void carry_out(Desk *desk)
{
    spice_qxl_wakeup(&desk->device.instance);
    sim_sleep(desk->sim, 100 * NS_PER_MS);
}

static void destroy_server(Desk *desk)
{
    spice_server_destroy(desk->server);
    desk->server = NULL;
}

/* ---- What is on the tape ---- */

typedef struct Tape {
    char bytes[TAPE_BYTES_MAX];
    size_t len;
    char events[4096]; /* "what.type " of each */
    uint32_t bad_numbers;
} Tape;

static Tape tape;

/* The length is asked of the server's own core, in a thread of the host's. */
static void fetch(Desk *desk)
{
    const Core *core = sim_core(desk->sim);
    uint8_t *data;
    size_t len = 0;

    if (core->file_read(core, DESK_RECORDING, sizeof tape.bytes, &data, &len) == 0) {
        memcpy(tape.bytes, data, len);
        core->free(core, data);
    }
    tape.len = len;
}

/* Plays it, and writes down what came. */
static void read_tape(Desk *desk)
{
    unsigned long long number, wanted = 0;
    unsigned what, type;
    size_t used = 0;

    memset(&tape, 0, sizeof tape);
    desk_host(desk, fetch);
    for (size_t at = 0; at + 6 < tape.len; at++) {
        if ((at == 0 || tape.bytes[at - 1] == '\n') && memcmp(tape.bytes + at, "event ", 6) == 0 &&
            sscanf(tape.bytes + at, "event %llu %u %u ", &number, &what, &type) == 3) {
            tape.bad_numbers += number != wanted++;
            used += (size_t)snprintf(tape.events + used, sizeof tape.events - used, "%u.%u ", what, type);
        }
    }
}

static bool tape_has(const char *text)
{
    return memmem(tape.bytes, tape.len, text, strlen(text)) != NULL;
}

/* How many commands a player gets of it; -1: it is none. */
static int commands_played(QXLInstance *instance)
{
    FILE *file = fmemopen(tape.bytes, tape.len, "rb");
    int count = 0;

    assert_non_null(file);
    SpiceReplay *replay = spice_replay_new(file, 16);
    if (replay == NULL) {
        fclose(file);
        return -1;
    }
    QXLCommandExt *command;
    while ((command = spice_replay_next_cmd(replay, instance)) != NULL) {
        spice_replay_free_cmd(replay, command);
        count++;
    }
    spice_replay_free(replay);
    return count;
}

/* ---- Tests ---- */

static void one_of_each(Desk *desk)
{
    Device *device = &desk->device;
    const QXLRect box = {.left = 1, .top = 2, .right = 9, .bottom = 10};

    run_machine(desk);
    device_fill(device, 0, box, 0x123456);
    device_copy(device, 0, box, 0xabcdef);
    device_surface_create(device, 5, 8, 8);
    device_show(device, 0, box, 5);
    device_update(device, 0, 77);
    carry_out(desk);
    device_cursor_set(device, 9, 4, 4);
    device_cursor_move(device, -7, 8);
    device_cursor_hide(device);
    carry_out(desk);
    device_surface_destroy(device, 5);
    carry_out(desk);
    spice_qxl_destroy_primary_surface(&device->instance, 0);
}

static void what_was_carried_out(void **state)
{
    Desk *desk = *state;

    desk_host(desk, one_of_each);
    read_tape(desk); /* all of it is there while the server goes on */
    assert_int_equal(desk->warnings, 0);
    assert_string_equal(tape.events, "1.20 0.1 0.1 0.5 0.1 0.2 0.3 0.3 0.3 0.5 1.21 ");
    assert_int_equal(tape.bad_numbers, 0);
    assert_true(tape_has("\n64 48 256 32\n0 1 0 0\nbinary 0 data 12288:"));
    assert_true(tape_has("\nrect bbox 2 1 10 9\n"));
    assert_true(tape_has("\nu.color 1193046\n"));
    assert_true(tape_has("\nsurface_image.surface_id 5\n"));
    assert_true(tape_has("\nupdate_id 77\n"));
    assert_true(tape_has("\ncursor_cmd\ntype 1\npoint16 -7 8\n"));
}

/* A command that was dropped is not there, nor is what a host asked for in vain. */
static void wrong_things(Desk *desk)
{
    Device *device = &desk->device;
    const QXLRect outside = {.left = 60, .top = 40, .right = 90, .bottom = 90};
    const QXLRect inside = {.left = 6, .top = 4, .right = 9, .bottom = 9};

    run_machine(desk);
    desk_create_primary(desk); /* there is one */
    device_fill(device, 0, outside, 1);
    device_fill(device, 7, inside, 2);
    device_surface_destroy(device, 7);
    device_push(&device->commands, QXL_CMD_DRAW, UINT64_MAX);
    device_surface_create(device, 5, 8, 8);
    device_surface_create(device, 5, 8, 8);
    device_fill(device, 5, (QXLRect){.right = 8, .bottom = 8}, 3);
    carry_out(desk);
    spice_qxl_destroy_surface_wait(&device->instance, 6);
    spice_qxl_destroy_surface_wait(&device->instance, 5);
    device_surface_create(device, 5, 8, 8);
    carry_out(desk);
    spice_qxl_destroy_surfaces(&device->instance);
}

static void nothing_that_was_dropped(void **state)
{
    Desk *desk = *state;

    desk_host(desk, wrong_things);
    read_tape(desk);
    assert_string_equal(tape.events, "1.20 0.5 0.1 0.5 0.5 1.21 0.5 ");
    assert_int_equal(tape.bad_numbers, 0);
}

static void plays_to_the_end(void **state)
{
    Desk *desk = *state;
    QXLInstance nobody = {.id = 0}; /* the host's calls are refused, and come to nothing */

    desk_host(desk, one_of_each);
    desk_host(desk, destroy_server);
    read_tape(desk);
    assert_int_equal(commands_played(&nobody), 9);
}

static void fill_once(Desk *desk)
{
    device_fill(&desk->device, 0, (QXLRect){.right = 8, .bottom = 8}, 0xff);
    carry_out(desk);
}

/* One line, and the server goes on. */
static void a_full_disk_ends_it(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    desk_host(desk, fill_once);
    read_tape(desk);
    const size_t len = tape.len;
    assert_string_equal(tape.events, "1.20 0.1 ");
    assert_int_equal(desk->warnings, 0);
    sim_file_set_full(desk->sim, DESK_RECORDING);
    for (int i = 0; i < 3; i++) {
        client->display_got.len = 0;
        desk_host(desk, fill_once);
        DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_DRAW_FILL);
    }
    read_tape(desk);
    assert_int_equal(tape.len, len);
    assert_int_equal(desk->warnings, 1);
    assert_string_equal(desk->last_warning,
                        "the recording of commands ends at event 3: No space left on device");
}

static void unasked(void **state)
{
    Desk *desk = *state;

    desk_host(desk, one_of_each);
    read_tape(desk);
    assert_int_equal(tape.len, 0);
}

static Device second;

/* And a third, whose id is taken, between them. */
static void two_devices(Desk *desk)
{
    const Core *core = sim_core(desk->sim);
    uint8_t *data;
    size_t len;

    second.instance.id = desk->device.instance.id;
    assert_int_not_equal(spice_server_add_interface(desk->server, &second.instance.base), 0);
    assert_int_not_equal(core->file_read(core, DESK_RECORDING ".1", 100, &data, &len), 0);
    second.instance.id = 4;
    spice_server_add_interface(desk->server, &second.instance.base);
    spice_server_remove_interface(&second.instance.base);
    if (core->file_read(core, DESK_RECORDING ".1", 100, &data, &len) == 0) {
        desk->value = len;
        core->free(core, data);
    }
}

static void each_device_has_its_own(void **state)
{
    Desk *desk = *state;

    device_init(&second, desk->sim, 4);
    desk_host(desk, two_devices);
    device_finish(&second);
    assert_int_equal(desk->value, strlen("SPICE_REPLAY 1\n"));
}

int run_recording(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_carried_out, desk_setup_recording, desk_teardown),
        cmocka_unit_test_setup_teardown(nothing_that_was_dropped, desk_setup_recording, desk_teardown),
        cmocka_unit_test_setup_teardown(plays_to_the_end, desk_setup_recording, desk_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_ends_it, desk_setup_recording, desk_teardown),
        cmocka_unit_test_setup_teardown(unasked, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(each_device_has_its_own, desk_setup_recording, desk_teardown),
    };

    return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
