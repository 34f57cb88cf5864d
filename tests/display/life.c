/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

static void add_remove(Desk *desk)
{
    spice_server_remove_interface(&desk->device.instance.base);
    desk->value = spice_server_add_interface(desk->server, &desk->device.instance.base) == 0;
    spice_server_remove_interface(&desk->device.instance.base);
    desk->value += spice_server_remove_interface(&desk->device.instance.base) != 0; /* twice: refused */
}

static void added(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    assert_int_equal(device->attached, 1);
    assert_int_equal(device->levels.len, 1);
    assert_int_equal(device->levels.events[0].value, 0);
    desk_host(desk, add_remove);
    assert_int_equal(desk->value, 2);
    assert_int_equal(device->attached, 2);
}

/* A second device, wrong in some way; whatever it is, nothing is left of it (desk_teardown looks). */
static void add_wrong(Desk *desk)
{
    static const int ids[] = {-1, 256, 3 /* taken */};
    Device *other = &desk->device;
    QXLInterface interface = other->interface;
    QXLInstance instance = {.base.sif = &interface.base};

    desk->value = 0;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        instance.id = ids[i];
        desk->value += spice_server_add_interface(desk->server, &instance.base) == 0 ? 1 : 0;
    }
    instance.id = 4;
    interface.get_command = NULL;
    desk->value += spice_server_add_interface(desk->server, &instance.base) == 0 ? 1 : 0;
    desk->value += instance.st != NULL ? 100 : 0;
}

static void refused(void **state)
{
    Desk *desk = *state;

    /* The instance of another device shares its callbacks, which look at the instance: they must not be called. */
    desk->device.interface.get_init_info = NULL;
    desk_host(desk, add_wrong);
    assert_int_equal(desk->value, 0);
    assert_true(desk->warnings >= 4);
}

static void add_unlikely(Desk *desk)
{
    Device *device = &desk->device;

    spice_server_remove_interface(&device->instance.base);
    desk->value = 0;
    const QXLDevInitInfo good = device->info;
    for (int i = 0; i < 5; i++) {
        device->info = good;
        switch (i) {
        case 0:
            device->info.num_memslots = 0;
            break;
        case 1:
            device->info.num_memslots_groups = 0;
            break;
        case 2:
            device->info.num_memslots = UINT32_MAX;
            break;
        case 3:
            device->info.memslot_id_bits = 64;
            break;
        default:
            device->info.memslot_gen_bits = 255;
            break;
        }
        desk->value += spice_server_add_interface(desk->server, &device->instance.base) == 0 ? 1 : 0;
    }
    device->info = good;
    device->info.n_surfaces = UINT32_MAX; /* no more than 1024 are made */
    desk->value += spice_server_add_interface(desk->server, &device->instance.base) == 0 ? 100 : 0;
}

static void init_info(void **state)
{
    Desk *desk = *state;

    desk_host(desk, add_unlikely);
    assert_int_equal(desk->value, 100);
    const RedWorker *worker = desk->device.instance.st;
    assert_int_equal(worker->surfaces.len, SURFACES_MAX);
}

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void remove_device(Desk *desk)
{
    desk->device.running = false;
    spice_server_remove_interface(&desk->device.instance.base);
}

/* Its clients' connections go with it, at once and alone. */
static void clients_go_with_it(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    DeskClient *deaf = desk_client(desk, NULL);
    desk_wire_listen(desk, &deaf->display, false);
    desk_host(desk, remove_device);
    desk_wire_listen(desk, &deaf->display, true);
    desk_run(desk, 100 * NS_PER_MS);
    assert_false(desk_wire_is_open(&client->display) || desk_wire_is_open(&client->cursor));
    assert_false(desk_wire_is_open(&deaf->display));
    assert_true(desk_wire_is_open(&client->main));
}

static void leave_and_remove(Desk *desk)
{
    /* The sockets are broken, and the worker may or may not have seen it. */
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        desk_wire_leave(desk, &desk->clients[i].display);
        desk_wire_leave(desk, &desk->clients[i].cursor);
    }
    sim_sleep(desk->sim, desk->value);
    remove_device(desk);
    spice_server_destroy(desk->server);
    desk->server = NULL;
}

/* A client that leaves while its device goes, at any moment of that. */
static void both_at_once(void **state)
{
    Desk *desk = *state;

    for (uint64_t delay = 0; delay < 20; delay++) {
        desk_host(desk, run_machine);
        desk_client(desk, NULL);
        desk_client(desk, NULL);
        desk->value = delay == 0 ? 0 : UINT64_C(1) << delay;
        desk_host(desk, leave_and_remove);
        assert_int_equal(desk_teardown(state), 0);
        assert_int_equal(desk_setup(state), 0);
        desk = *state;
    }
}

int run_life(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(added, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(refused, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(init_info, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(clients_go_with_it, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(both_at_once, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
