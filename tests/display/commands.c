/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void wake(Desk *desk)
{
    spice_qxl_wakeup(&desk->device.instance);
}

static void carry_out(Desk *desk)
{
    desk_host(desk, wake);
    desk_run(desk, 50 * NS_PER_MS);
}

static void reset_cursor(Desk *desk)
{
    spice_qxl_reset_cursor(&desk->device.instance);
}

/* R89: the command that set the cursor is the device's again when another took its place, or none is set any more. */
static void cursor_is_held(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, run_machine);
    const uint64_t first = device_cursor_set(device, 1, 16, 16);
    const uint64_t move = device_cursor_move(device, 1, 2);
    carry_out(desk);
    assert_int_equal(device->releases.len, 1);
    assert_true(log_has(&device->releases, move));
    const uint64_t second = device_cursor_set(device, 2, 16, 16);
    carry_out(desk);
    assert_int_equal(device->releases.len, 2);
    assert_true(log_has(&device->releases, first));
    desk_host(desk, reset_cursor);
    assert_int_equal(device->releases.len, 3);
    assert_true(log_has(&device->releases, second));
    desk_host(desk, reset_cursor); /* twice is harmless */
    assert_int_equal(device->releases.len, 3);
}

/* The command of a surface's making is held for the surface's life, its end is given back at once. */
static void surface_is_held(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, run_machine);
    const uint64_t create = device_surface_create(device, 5, 8, 8);
    carry_out(desk);
    assert_int_equal(device->releases.len, 0);
    const uint64_t again = device_surface_create(device, 5, 8, 8); /* exists: refused, I35 */
    carry_out(desk);
    assert_int_equal(device->releases.len, 1);
    assert_true(log_has(&device->releases, again));
    assert_int_equal(desk->warnings, 1);
    const uint64_t destroy = device_surface_destroy(device, 5);
    carry_out(desk);
    assert_int_equal(device->releases.len, 3);
    assert_true(log_has(&device->releases, create));
    assert_true(log_has(&device->releases, destroy));
    const uint64_t nothing = device_surface_destroy(device, 5);
    carry_out(desk);
    assert_true(log_has(&device->releases, nothing));
    assert_int_equal(device->releases.len, 4);
}

/* Ids: 1 to 15 are there, 0 is not the guest's to make. */
static void surface_ids(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, run_machine);
    device_surface_create(device, 15, 8, 8);
    carry_out(desk);
    assert_int_equal(device->releases.len, 0);
    device_surface_create(device, 16, 8, 8);
    device_surface_create(device, UINT32_MAX, 8, 8);
    device_surface_create(device, 0, 8, 8);
    device_surface_destroy(device, 0);
    carry_out(desk);
    assert_int_equal(device->releases.len, 4);
}

/* R90: nothing can be given back of a command whose address is none. R91-R93: every other one that is refused is. */
static void refused_commands(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;
    uint64_t at[5];

    desk_host(desk, run_machine);
    device_push(&device->cursors, QXL_CMD_CURSOR, 0);
    device_push(&device->cursors, QXL_CMD_CURSOR, UINT64_MAX);
    device_push(&device->commands, QXL_CMD_DRAW, device_address(DEVICE_BYTES - 7));
    carry_out(desk);
    assert_int_equal(device->releases.len, 0);

    ((QXLCursorCmd *)device_put(device, sizeof(QXLCursorCmd), &at[0]))->type = 200;
    device_push(&device->cursors, QXL_CMD_CURSOR, device_address(at[0])); /* no such cursor command */
    at[1] = device_update(device, 9, 1);                                  /* of no surface */
    at[2] = device_draw(device, 9, 1, 1);                                 /* on no surface */
    at[3] = device_draw(device, 0, 65, 1);                                /* beyond its surface */
    device_put(device, 64, &at[4]);
    device_push(&device->commands, 1000, device_address(at[4])); /* no such command */
    carry_out(desk);
    assert_int_equal(device->releases.len, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(log_count(&device->releases, at[i]), 1);
    }
    assert_int_equal(device->updates.len, 0);
    /* And all that is one line, or two if a second went by. */
    assert_true(desk->warnings <= 2);
}

/* The kernel's driver does that at boot, on a primary that is not large enough yet: nothing to complain of. */
static void beyond_its_surface(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    const uint64_t first = device_draw(&desk->device, 0, 65, 1),
                   second = device_draw(&desk->device, 0, 1, 49);
    carry_out(desk);
    assert_int_equal(log_count(&desk->device.releases, first), 1);
    assert_int_equal(log_count(&desk->device.releases, second), 1);
    assert_int_equal(desk->warnings, 0);
    assert_int_equal(desk->drops, 1);    /* a guest does not fill the disk of who wants to know more */
    device_draw(&desk->device, 9, 1, 1); /* the line about another is not swallowed */
    carry_out(desk);
    assert_int_equal(desk->warnings, 1);
}

static void drawing(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, run_machine);
    const uint64_t draw = device_draw(device, 0, 64, 48);
    const uint64_t update = device_update(device, 0, 42);
    carry_out(desk);
    assert_int_equal(log_count(&device->releases, draw), 1);
    assert_int_equal(log_count(&device->releases, update), 1);
    assert_int_equal(device->updates.len, 1);
    assert_int_equal(device->updates.events[0].value, 42);
    assert_int_equal(desk->warnings, 0);
}

static void loadvm(Desk *desk)
{
    Device *device = &desk->device;
    QXLCommandExt commands[4];

    device_surface_create(device, 3, 8, 8);
    device_update(device, 0, 1);
    device_surface_create(device, 4, 8, 8);
    memcpy(commands, device->commands.commands, 3 * sizeof commands[0]);
    device->commands.first = device->commands.end = 0;
    device_cursor_set(device, 8, 4, 4);
    commands[3] = device->cursors.commands[0];
    device->cursors.first = device->cursors.end = 0;
    spice_qxl_loadvm_commands(&device->instance, commands, 4);
    spice_qxl_loadvm_commands(&device->instance, NULL, 0);
    spice_qxl_loadvm_commands(&device->instance, NULL, 7);
}

/* Only cursors and surfaces are restored; they are held as others are, and come back in the end (R94). */
static void restored(void **state)
{
    Desk *desk = *state;

    desk_host(desk, desk_create_primary);
    desk_host(desk, loadvm);
    assert_int_equal(desk->device.releases.len, 0);
    assert_int_equal(desk->device.updates.len, 0);
    DeskClient *client = desk_client(desk, NULL);
    assert_true(fake_connection_display(client->display.connection)->surfaces[3].exists);
    assert_true(fake_connection_display(client->display.connection)->surfaces[4].exists);
    assert_int_equal(fake_connection_cursor(client->cursor.connection)->shape.unique, 8);
}

static void remove_device(Desk *desk)
{
    spice_server_remove_interface(&desk->device.instance.base);
}

/* R93, I32: whatever is held when the device goes comes back, once. */
static void given_back_at_the_end(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, run_machine);
    const uint64_t cursor = device_cursor_set(device, 1, 8, 8),
                   surface = device_surface_create(device, 1, 8, 8);
    carry_out(desk);
    assert_int_equal(device->releases.len, 0);
    device->running = false;
    desk_host(desk, remove_device);
    assert_int_equal(device->releases.len, 2);
    assert_int_equal(log_count(&device->releases, cursor), 1);
    assert_int_equal(log_count(&device->releases, surface), 1);
    assert_null(device->instance.st);
    device->running = true; /* nothing is read after this, of course, but it is not wrong to */
    const uint32_t looks = device->commands.looks.len;
    desk_run(desk, NS_PER_S);
    assert_int_equal(device->commands.looks.len, looks);
}

int run_commands(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cursor_is_held, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(surface_is_held, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(surface_ids, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(refused_commands, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(beyond_its_surface, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(drawing, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(restored, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(given_back_at_the_end, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
