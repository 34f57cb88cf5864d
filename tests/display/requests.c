/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

#include "base/limits.h"
#include "core/posix/posix.h"
#include "display/surfaces.h"

static void wrong_asyncs(Desk *desk)
{
    QXLInstance *qxl = &desk->device.instance;
    QXLDevSurfaceCreate bad = device_primary(64, 48);
    QXLDevMemSlot slot = {.slot_group_id = 99};
    QXLRect area = {.left = -5, .right = -9};

    bad.stride = 3;
    spice_qxl_create_primary_surface_async(qxl, 0, NULL, 1);
    spice_qxl_create_primary_surface_async(qxl, 0, &bad, 2);
    spice_qxl_create_primary_surface_async(qxl, 7, &bad, 3);
    spice_qxl_destroy_primary_surface_async(qxl, 0, 4); /* there is none */
    spice_qxl_destroy_surface_async(qxl, UINT32_MAX, 5);
    spice_qxl_destroy_surfaces_async(qxl, 6);
    spice_qxl_add_memslot_async(qxl, NULL, 7);
    spice_qxl_add_memslot_async(qxl, &slot, 8);
    spice_qxl_update_area_async(qxl, 3, NULL, 0, 9);
    spice_qxl_update_area_async(qxl, UINT32_MAX, &area, 0, 10);
    spice_qxl_flush_surfaces_async(qxl, 11);
    spice_qxl_monitors_config_async(qxl, 0, DEVICE_GROUP, 12);
    spice_qxl_monitors_config_async(qxl, device_address(0), -1, 13);
    spice_qxl_monitors_config_async(qxl, device_address(DEVICE_BYTES - 4), DEVICE_GROUP, 14);
    spice_qxl_reset_cursor(qxl); /* waits for the worker, as these complete here */
    spice_qxl_gl_draw_async(qxl, 0, 0, 1, 1, 15);
    spice_qxl_gl_draw_async(qxl, 0, 0, 1, 1, 16);
    desk->value = log_has(&desk->device.completions, 16); /* within the call */
}

/* I14, R38: each completes once, with its own cookie, whatever it was and however many are under way. */
static void asyncs_complete(void **state)
{
    Desk *desk = *state;
    const DeviceLog *completions = &desk->device.completions;

    desk_host(desk, wrong_asyncs);
    desk_run(desk, 10 * NS_PER_MS);
    assert_int_equal(completions->len, 16);
    for (uint64_t cookie = 1; cookie <= 16; cookie++) {
        assert_int_equal(log_count(completions, cookie), 1);
    }
    assert_int_equal(desk->value, 1);
    /* Without an area there is nothing to say before the completion; of a surface that is not there: nothing dirty. */
    assert_int_equal(desk->device.area_completions.len, 1);
}

static void asyncs_then_remove(Desk *desk)
{
    for (uint64_t cookie = 1; cookie <= 5; cookie++) {
        spice_qxl_flush_surfaces_async(&desk->device.instance, cookie);
    }
    spice_server_remove_interface(&desk->device.instance.base);
    desk->value = desk->device.completions.len;
}

/* I14, at the end too; and those asked for before something come before it. */
static void asyncs_complete_at_the_end(void **state)
{
    Desk *desk = *state;

    desk_host(desk, asyncs_then_remove);
    assert_int_equal(desk->value, 5);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(desk->device.completions.events[i].value, i + 1);
    }
}

/* All of the interface, called by a host that has lost its wits. */
static void misuse_all(Desk *desk)
{
    QXLInstance unplugged = {.base = desk->device.instance.base};
    QXLInstance *const wrong[] = {NULL, &unplugged};
    QXLDevSurfaceCreate primary = device_primary(64, 48);
    QXLRect area = {0};
    QXLDevMemSlot slot = {0};
    QXLCommandExt command = {0};

    for (size_t i = 0; i < 2; i++) {
        QXLInstance *qxl = wrong[i];
        spice_qxl_wakeup(qxl);
        spice_qxl_oom(qxl);
        spice_qxl_start(qxl);
        spice_qxl_stop(qxl);
        spice_qxl_loadvm_commands(qxl, &command, 1);
        spice_qxl_update_area(qxl, 0, &area, NULL, 0, 0);
        spice_qxl_update_area_async(qxl, 0, &area, 0, 1);
        spice_qxl_flush_surfaces_async(qxl, 1);
        spice_qxl_add_memslot(qxl, &slot);
        spice_qxl_add_memslot_async(qxl, &slot, 1);
        spice_qxl_del_memslot(qxl, 0, 0);
        spice_qxl_reset_memslots(qxl);
        spice_qxl_create_primary_surface(qxl, 0, &primary);
        spice_qxl_create_primary_surface_async(qxl, 0, &primary, 1);
        spice_qxl_destroy_primary_surface(qxl, 0);
        spice_qxl_destroy_primary_surface_async(qxl, 0, 1);
        spice_qxl_destroy_surface_wait(qxl, 0);
        spice_qxl_destroy_surface_async(qxl, 0, 1);
        spice_qxl_destroy_surfaces(qxl);
        spice_qxl_destroy_surfaces_async(qxl, 1);
        spice_qxl_reset_image_cache(qxl);
        spice_qxl_reset_cursor(qxl);
        spice_qxl_monitors_config_async(qxl, 0, 0, 1);
        spice_qxl_driver_unload(qxl);
        spice_qxl_set_max_monitors(qxl, 1);
        spice_qxl_set_device_info(qxl, "pci/0000/02.0", 0, 1);
        spice_qxl_gl_scanout(qxl, -1, 0, 0, 0, 0, 0);
        spice_qxl_gl_scanout2(qxl, NULL, 0, 0, NULL, NULL, 0, 0, 0, 0);
        spice_qxl_gl_draw_async(qxl, 0, 0, 0, 0, 1);
    }
    QXLInstance *qxl = &desk->device.instance;
    spice_qxl_loadvm_commands(qxl, NULL, 1);
    spice_qxl_update_area(qxl, 0, NULL, NULL, 0, 0);
    spice_qxl_update_area(qxl, 0, &area, NULL, 5, 0);
    spice_qxl_add_memslot(qxl, NULL);
    spice_qxl_create_primary_surface(qxl, 0, NULL);
    spice_qxl_set_device_info(qxl, NULL, 0, 1);
    spice_qxl_gl_scanout2(qxl, NULL, 0, 0, NULL, NULL, 2, 0, 0, 0);
    /* As QEMU calls it; Debian's headers, with which the others are compared, do not have it. */
    _Static_assert(_Generic(&spice_qxl_gl_scanout2,
                            void (*)(QXLInstance *, const int *, uint32_t, uint32_t, const uint32_t *,
                                     const uint32_t *, uint32_t, uint32_t, uint64_t, int) : 1,
                            default : 0),
                   "the signature of spice_qxl_gl_scanout2");
    spice_qxl_destroy_surface_wait(qxl, UINT32_MAX);
}

static void misuse(void **state)
{
    Desk *desk = *state;

    desk_host(desk, misuse_all);
    assert_int_equal(desk->device.completions.len, 0);
}

static void create_primary(Desk *desk, uint32_t id, QXLDevSurfaceCreate primary)
{
    spice_qxl_create_primary_surface(&desk->device.instance, id, &primary);
    sim_sleep(desk->sim, NS_PER_S); /* what is wrong with it is said once in a second */
}

static void primaries(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(64, 48);

    create_primary(desk, 1, primary); /* not 0 */
    primary.type = 1;
    create_primary(desk, 0, primary); /* not a primary */
    primary = device_primary(64, 48);
    primary.mem = 0;
    create_primary(desk, 0, primary);
    primary = device_primary(64, 48);
    primary.group_id = 0;
    create_primary(desk, 0, primary);
    desk->value = desk->warnings;
    create_primary(desk, 0, device_primary(32, 24));
    create_primary(desk, 0, device_primary(64, 48)); /* there is one */
}

static void complaints(Desk *desk)
{
    QXLInstance *qxl = &desk->device.instance;
    QXLDevMemSlot slot = {.slot_group_id = 99};
    QXLDevSurfaceCreate bad = device_primary(64, 48);

    bad.stride = 3;
    for (uint32_t i = 0; i < 200; i++) {
        spice_qxl_add_memslot(qxl, &slot);
        spice_qxl_del_memslot(qxl, 99, i);
        spice_qxl_create_primary_surface(qxl, 0, &bad);
        spice_qxl_create_primary_surface(qxl, 7, &bad);
        spice_qxl_destroy_primary_surface(qxl, 0);
    }
}

/* A guest makes the host ask for whatever it likes: it cannot fill a log with that. */
static void few_words(void **state)
{
    Desk *desk = *state;

    desk_host(desk, complaints);
    assert_int_equal(desk->warnings, 1);
    desk_run(desk, NS_PER_S);
    desk_host(desk, complaints);
    assert_int_equal(desk->warnings, 2);
    assert_non_null(strstr(desk->last_warning, "999 more"));
}

static void destroy_primaries(Desk *desk)
{
    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
}

/* I16, I35: what cannot be is refused, and changes nothing. */
static void primary_states(void **state)
{
    Desk *desk = *state;
    DeskClient *client = desk_client(desk, NULL);
    const FakeDisplayModel *model = fake_connection_display(client->display.connection);

    desk_host(desk, primaries);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(desk->value, 4);
    assert_int_equal(desk->warnings, 5);
    assert_true(model->surfaces[0].exists);
    assert_int_equal(model->surfaces[0].width, 32);
    desk_host(desk, destroy_primaries);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(desk->warnings, 6);
    assert_false(model->surfaces[0].exists);
}

static void update_at_once(Desk *desk)
{
    QXLRect area = {.bottom = 8, .right = 8}, dirty[3];

    device_surface_create(&desk->device, 2, 8, 8); /* in the ring, unread */
    memset(dirty, 0xff, sizeof dirty);
    spice_qxl_update_area(&desk->device.instance, 2, &area, dirty, 3, 1);
    desk->value = desk->device.commands.first == desk->device.commands.end;
    for (int i = 0; i < 3; i++) {
        desk->value += dirty[i].left == 0 && dirty[i].right == 0 && dirty[i].top == 0 && dirty[i].bottom == 0;
    }
    spice_qxl_update_area_async(&desk->device.instance, 2, &area, 1, 5);
}

/* R45: what was submitted before is carried out before; R43: rectangles that nobody needs are zero. */
static void update_area(void **state)
{
    Desk *desk = *state;

    desk_host(desk, desk_start_machine);
    desk_run(desk, 100 * NS_PER_MS);
    desk_host(desk, update_at_once);
    desk_run(desk, 10 * NS_PER_MS);
    assert_int_equal(desk->value, 4);
    assert_int_equal(desk->device.area_completions.len, 1);
    assert_int_equal(desk->device.area_completions.events[0].value, 2);
    assert_int_equal(desk->device.completions.len, 1);
}

static void drain_and_destroy(Desk *desk)
{
    device_surface_create(&desk->device, 2, 8, 8);
    device_cursor_set(&desk->device, 4, 4, 4);
    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    desk->value = desk->device.releases.len;
    spice_qxl_destroy_surface_wait(&desk->device.instance, 2); /* any id will do */
    spice_qxl_destroy_surface_wait(&desk->device.instance, 2);
}

/* R96, I34: both rings are empty afterwards, and the cursor is given back. */
static void destroy_drains(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, desk_create_primary);
    desk_host(desk, desk_start_machine);
    desk_run(desk, 100 * NS_PER_MS);
    desk_host(desk, drain_and_destroy);
    assert_int_equal(desk->value, 1);
    assert_int_equal(device->releases.len, 2);
    assert_true(device->commands.first == device->commands.end &&
                device->cursors.first == device->cursors.end);
}

static void oom(Desk *desk)
{
    device_draw(&desk->device, 0, 1, 1);
    spice_qxl_oom(&desk->device.instance);
}

/* R95: what was released reaches the guest, with nothing else going on. */
static void out_of_memory(void **state)
{
    Desk *desk = *state;

    desk_host(desk, desk_create_primary);
    desk_host(desk, desk_start_machine);
    desk_run(desk, 100 * NS_PER_MS);
    desk_host(desk, oom);
    desk_run(desk, NS_PER_MS);
    assert_int_equal(desk->device.releases.len, 1);
    assert_int_equal(desk->device.flushes, 1);
}

static void end_slot(Desk *desk)
{
    if (desk->value == 0) {
        spice_qxl_del_memslot(&desk->device.instance, DEVICE_GROUP, DEVICE_SLOT);
    } else if (desk->value == 1) {
        spice_qxl_reset_memslots(&desk->device.instance);
    } else {
        device_add_memslot(&desk->device); /* replaced */
    }
    desk->value = desk->device.releases.len;
    spice_qxl_del_memslot(&desk->device.instance, 0, DEVICE_SLOT); /* another group's, and none */
    spice_qxl_del_memslot(&desk->device.instance, DEVICE_GROUP, 99);
}

static void hold(Desk *desk)
{
    device_cursor_set(&desk->device, 1, 8, 8);
    device_surface_create(&desk->device, 1, 8, 8);
    desk_start_machine(desk);
}

/* When they return, no command out of that memory is held; what it made stays. */
static void memslot_deadline(void **state)
{
    Desk *desk = *state;

    for (uint64_t how = 0; how < 3; how++) {
        desk_host(desk, desk_create_primary);
        desk_host(desk, hold);
        desk_run(desk, 50 * NS_PER_MS);
        assert_int_equal(desk->device.releases.len, 0);
        desk->value = how;
        desk_host(desk, end_slot);
        assert_int_equal(desk->value, 2);
        DeskClient *client = desk_client(desk, NULL);
        assert_true(fake_connection_display(client->display.connection)->surfaces[1].exists);
        assert_true(fake_connection_cursor(client->cursor.connection)->has_shape);
        assert_int_equal(desk->device.releases.len, 2);

        assert_int_equal(desk_teardown(state), 0);
        assert_int_equal(desk_setup(state), 0);
        desk = *state;
    }
}

static void use_gone_slot(Desk *desk)
{
    spice_qxl_reset_memslots(&desk->device.instance);
    device_cursor_hide(&desk->device);
    desk_start_machine(desk);
}

/* I33: a slot that is gone is not read from, also not by commands that were queued before. */
static void gone_slot(void **state)
{
    Desk *desk = *state;

    desk_host(desk, use_gone_slot);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(desk->device.releases.len, 0);
    assert_int_equal(desk->warnings, 1);
}

static void tell_monitors(Desk *desk)
{
    uint64_t at;
    QXLMonitorsConfig *config =
        device_put(&desk->device, sizeof(QXLMonitorsConfig) + 3 * sizeof(QXLHead), &at);

    config->count = config->max_allowed = 3;
    config->heads[0] = (QXLHead){.id = 0, .width = 32, .height = 48};
    config->heads[1] = (QXLHead){.id = 1}; /* off */
    config->heads[2] = (QXLHead){.id = 2, .width = 32, .height = 48, .x = 32};
    spice_qxl_monitors_config_async(&desk->device.instance, device_address(at), DEVICE_GROUP, 5);
    memset(config, 0xff, sizeof *config); /* whatever this does, it is not read twice */
    config->count = config->max_allowed = 3;
}

static void one_monitor(Desk *desk)
{
    spice_qxl_set_max_monitors(&desk->device.instance, 0); /* counts as 1 */
    tell_monitors(desk);
}

static void new_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(32, 24);

    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
}

static void unload_and_new_primary(Desk *desk)
{
    spice_qxl_driver_unload(&desk->device.instance);
    new_primary(desk);
}

static void monitors(void **state)
{
    Desk *desk = *state;

    desk_host(desk, desk_create_primary);
    DeskClient *client = desk_client(desk, NULL);
    const FakeDisplayModel *model = fake_connection_display(client->display.connection);
    assert_int_equal(model->heads_len, 1); /* the whole primary */
    assert_int_equal(model->heads[0].width, 64);
    assert_int_equal(model->heads_max, 1);
    desk_host(desk, tell_monitors);
    desk_run(desk, 10 * NS_PER_MS);
    assert_int_equal(model->heads_len, 2);
    assert_int_equal(model->heads_max, 3);
    assert_int_equal(model->heads[1].monitor_id, 2);
    desk_host(desk, one_monitor);
    desk_run(desk, 10 * NS_PER_MS);
    assert_int_equal(model->heads_len, 1);
    assert_int_equal(model->heads_max, 1);

    /* A driver that says configs is waited for; once it is gone, the primary decides again. */
    client->display_got.len = 0;
    desk_host(desk, new_primary);
    desk_run(desk, 10 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_DESTROY, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_MARK);
    desk_host(desk, unload_and_new_primary);
    desk_run(desk, 10 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_DESTROY, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
    assert_int_equal(model->heads[0].width, 32);
}

static void give_pictures(Desk *desk)
{
    QXLInstance *qxl = &desk->device.instance;
    int pair[2], planes[5];
    const uint32_t zero[5] = {0};

    sim_pair(desk->sim, pair);
    spice_qxl_gl_scanout(qxl, pair[0], 64, 64, 256, 0, 1);
    sim_pair(desk->sim, pair);
    spice_qxl_gl_scanout2(qxl, &pair[0], 64, 64, zero, zero, 1, 0, 0, 1);
    for (int i = 0; i < 5; i++) {
        sim_pair(desk->sim, pair);
        planes[i] = pair[0];
    }
    /* Too many: the four that there may be are closed, and nobody looks behind them. */
    spice_qxl_gl_scanout2(qxl, planes, 64, 64, zero, zero, 5, 0, 0, 1);
    sim_close(desk->sim, planes[4]);
    spice_qxl_gl_scanout(qxl, -1, 0, 0, 0, 0, 0);
}

/* Their descriptors are ours, and so are closed: desk_teardown looks for handles that are left. */
static void pictures_of_a_gpu(void **state)
{
    Desk *desk = *state;

    desk_host(desk, give_pictures);
    assert_int_equal(desk->warnings, 1);
}

static void tell_address(Desk *desk)
{
    char address[WORKER_DEVICE_ADDRESS_BYTES + 1];
    const RedWorker *worker = desk->device.instance.st;

    memset(address, 'x', sizeof address);
    address[sizeof address - 1] = '\0';
    spice_qxl_set_device_info(&desk->device.instance, address, 0, 1); /* 256 characters */
    spice_qxl_set_device_info(&desk->device.instance, "pci/0000/02.0", 0, 17);
    desk->value = desk->warnings;
    spice_qxl_set_device_info(&desk->device.instance, address + 1, 1, 16);
    desk->value += strlen(red_worker_device_info(worker)->address) == 255 ? 10 : 0;
    spice_qxl_set_device_info(&desk->device.instance, "pci/0000/02.0", 2, 1);
    desk->value += strcmp(red_worker_device_info(worker)->address, "pci/0000/02.0") == 0 &&
                           red_worker_device_info(worker)->display_id_start == 2 &&
                           red_worker_device_info(worker)->display_id_count == 1
                       ? 100
                       : 0;
}

static void device_address_info(void **state)
{
    Desk *desk = *state;

    desk_host(desk, tell_address);
    assert_int_equal(desk->value, 112);
    assert_int_equal(desk->warnings, 2);
}

/* A guest may lay a thousand surfaces over each other: together they get so much memory of ours, and no more. */
static void own_memory_has_a_bound(void **state)
{
    static uint32_t pixels[64];
    const QxlGeometry geometry = {.width = 8, .height = 8, .format = SPICE_SURFACE_FMT_32_xRGB, .stride = 32};
    const SurfacePixels where = {.host = (uintptr_t)pixels, .keep = true};
    SurfaceTable table;
    Surface *one, *other;
    QxlFault fault;

    (void)state;
    surfaces_init(&table, core_posix(), 4);
    assert_int_equal(surfaces_create(&table, 1, &geometry, &where, &one, &fault), STATUS_OK);
    assert_int_equal(surfaces_create(&table, 2, &geometry, &where, &other, &fault), STATUS_OK);
    table.own_bytes = SURFACES_OWN_BYTES_MAX - sizeof pixels; /* as if others had the rest */
    assert_int_equal(surface_move(&table, one), STATUS_OK);
    assert_int_equal(surface_move(&table, one), STATUS_OK); /* which costs nothing again */
    assert_int_equal(surface_move(&table, other), STATUS_LIMIT);
    assert_null(other->own_pixels);
    surfaces_destroy(&table, one);
    assert_int_equal(surface_move(&table, other), STATUS_OK);
    surfaces_destroy(&table, other);
    assert_int_equal(table.own_bytes, SURFACES_OWN_BYTES_MAX - sizeof pixels);
    surfaces_finish(&table);
}

int run_requests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asyncs_complete, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(asyncs_complete_at_the_end, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(misuse, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(few_words, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(primary_states, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(update_area, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(destroy_drains, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(out_of_memory, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(memslot_deadline, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(gone_slot, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(monitors, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(pictures_of_a_gpu, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(device_address_info, desk_setup, desk_teardown),
        cmocka_unit_test(own_memory_has_a_bound),
    };
    return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
