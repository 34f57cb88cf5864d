/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

#include "display/worker.h"

/* A ring that is empty twice, 10 ms apart, is asked to wake us; and then left alone. */
static void two_empty_looks(void **state)
{
    Desk *desk = *state;
    const DeviceRing *rings[] = {&desk->device.commands, &desk->device.cursors};

    desk_host(desk, desk_start_machine);
    desk_run(desk, 5 * NS_PER_S);
    for (int i = 0; i < 2; i++) {
        const DeviceLog *looks = &rings[i]->looks;
        assert_int_equal(looks->len, 3);
        assert_int_equal(looks->events[0].value, LOOK_EMPTY);
        assert_int_equal(looks->events[1].value, LOOK_EMPTY);
        assert_int_equal(looks->events[2].value, LOOK_ARMED);
        assert_int_equal(looks->events[1].at_ns - looks->events[0].at_ns, RING_PAUSE_NS);
        assert_int_equal(looks->events[2].at_ns, looks->events[1].at_ns);
    }
}

static void wake(Desk *desk)
{
    spice_qxl_wakeup(&desk->device.instance);
    spice_qxl_wakeup(&desk->device.instance); /* collapsed */
}

static void a_wakeup(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    desk_host(desk, desk_start_machine);
    desk_run(desk, NS_PER_S);
    const uint64_t first = device_cursor_hide(device);
    const uint64_t second = device_cursor_hide(device);
    desk_run(desk, NS_PER_S);
    assert_int_equal(device->releases.len, 0); /* nobody said so */
    desk_host(desk, wake);
    desk_run(desk, NS_PER_S);
    assert_int_equal(device->releases.len, 2);
    assert_int_equal(device->releases.events[0].value, first);
    assert_int_equal(device->releases.events[1].value, second);
    assert_true(device->cursors.armed);
}

/* Armed in vain: what came in between is taken at once, without a wakeup. */
static void refused(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;
    const DeviceLog *looks = &device->cursors.looks;

    device->cursors.refuses = true;
    desk_host(desk, desk_start_machine);
    desk_run(desk, NS_PER_S);
    /* It refuses for ever and has nothing: that must not spin. One refusal in 10 ms is 100 in a second. */
    assert_true(looks->len > 50 && looks->len < 400);
    device_cursor_hide(device);
    device->cursors.refuses = false;
    desk_run(desk, 2 * RING_PAUSE_NS);
    assert_int_equal(device->releases.len, 1);
    assert_true(device->cursors.armed);
}

/* R46: what lies in the rings when the machine starts is carried out, with nobody connected and nothing else to do. */
static void full_rings_at_start(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    for (uint32_t i = 1; i <= 8; i++) {
        device_surface_create(device, i, 8, 8);
        device_surface_destroy(device, i);
        for (int k = 0; k < 4; k++) {
            device_cursor_move(device, 1, 1);
        }
    }
    desk_host(desk, desk_start_machine);
    desk_run(desk, NS_PER_MS);
    assert_int_equal(device->releases.len, 16 + 32);
    assert_int_equal(desk->warnings, 0);
}

static void stop_start(Desk *desk)
{
    desk_stop_machine(desk);
    desk_stop_machine(desk);
    desk_start_machine(desk);
    desk_start_machine(desk);
}

static void starts_again(void **state)
{
    Desk *desk = *state;

    desk_host(desk, desk_start_machine);
    desk_run(desk, NS_PER_S);
    desk->device.cursors.armed = false;
    device_cursor_hide(&desk->device);
    desk_host(desk, stop_start);
    desk_run(desk, NS_PER_S);
    assert_int_equal(desk->device.releases.len, 1);
    assert_true(desk->device.cursors.armed);
}

static void everything_stopped(Desk *desk)
{
    QXLInstance *qxl = &desk->device.instance;
    QXLRect area = {.bottom = 1, .right = 1}, dirty[2];
    QXLDevSurfaceCreate primary = device_primary(64, 48);

    memset(dirty, 0xff, sizeof dirty);
    spice_qxl_create_primary_surface(qxl, 0, &primary);
    spice_qxl_update_area(qxl, 0, &area, dirty, 2, 1);
    desk->value = dirty[0].right == 0 && dirty[1].bottom == 0;
    spice_qxl_update_area_async(qxl, 0, &area, 1, 1);
    spice_qxl_flush_surfaces_async(qxl, 2);
    spice_qxl_destroy_surface_wait(qxl, 0);
    spice_qxl_destroy_surface_async(qxl, 5, 3);
    spice_qxl_destroy_primary_surface(qxl, 0);
    spice_qxl_destroy_surfaces(qxl);
    spice_qxl_destroy_surfaces_async(qxl, 4);
    spice_qxl_reset_cursor(qxl);
    spice_qxl_reset_image_cache(qxl);
    spice_qxl_oom(qxl);
    spice_qxl_wakeup(qxl);
}

/* R47: whatever the host asks, the rings of a machine that stands still are not read (desk_teardown looks). */
static void stopped(void **state)
{
    Desk *desk = *state;

    device_cursor_hide(&desk->device);
    device_update(&desk->device, 0, 1);
    desk_host(desk, everything_stopped);
    desk_run(desk, NS_PER_S);
    assert_int_equal(desk->value, 1);
    assert_int_equal(desk->device.completions.len, 4);
    assert_int_equal(desk->device.commands.looks.len, 0);
    assert_int_equal(desk->device.cursors.looks.len, 0);
    assert_int_equal(desk->device.flushes, 0);
    desk_host(desk, desk_start_machine);
    desk_host(desk, desk_stop_machine);
    desk_run(desk, NS_PER_S);
}

static void endless(void *arg)
{
    Desk *desk = arg;
    Device *device = &desk->device;

    device_cursor_move(device, 5, 6);
    device_update(device, 0, 1);
    device->cursors.endless = device->commands.endless = true;
    desk_create_primary(desk);
    desk_start_machine(desk);
    spice_qxl_reset_cursor(&device->instance);
    spice_qxl_destroy_primary_surface(&device->instance, 0); /* drains both, as far as that goes */
    spice_qxl_flush_surfaces_async(&device->instance, 77);
    sim_sleep(desk->sim, 100 * NS_PER_MS);
    desk->value = sim_now_ns(desk->sim);
    device->cursors.endless = device->commands.endless = false;
    device->cursors.first = device->cursors.end;
    device->commands.first = device->commands.end;
}

/* A guest that fills its rings faster than they are read keeps neither host nor clients waiting. */
static void endless_rings(void **state)
{
    Desk *desk = *state;
    Device *device = &desk->device;

    DeskClient *client = desk_client(desk, NULL);
    client->cursor_got.len = 0;
    /* In one run: it comes to no rest that would end one. */
    sim_spawn(desk->sim, "endless", endless, desk);
    desk_run(desk, 10 * NS_PER_S);
    assert_true(client->cursor_got.len > 0 && client->cursor_got.first_ns < desk->value);
    assert_true(log_has(&device->completions, 77));
    assert_true(log_count(&device->cursors.looks, LOOK_TAKEN) > RING_DRAIN_COMMANDS_MAX);
    assert_true(device->cursors.armed && device->commands.armed);
    assert_int_equal(fake_connection_cursor(client->cursor.connection)->position.x, 5);
}

static uint32_t looks_until(const DeviceLog *looks, uint64_t at_ns)
{
    uint32_t count = 0;

    while (count < looks->len && looks->events[count].at_ns <= at_ns) {
        count++;
    }
    return count;
}

static const QXLRect all = {.right = 64, .bottom = 48};

static void slow_stroke(Device *device)
{
    device_stroke(device, 0, all, 1200); /* 0.3 of a turn's work */
}

static void slow_clip(Device *device)
{
    device_endless_clip(device, 0, all); /* a turn's work, and then it is refused */
}

static void draw_slowly(Desk *desk, void (*command)(Device *device))
{
    Device *device = &desk->device;

    desk_create_primary(desk);
    device_cursor_move(device, 5, 6);
    device->cursors.endless = true;
    for (uint32_t i = 0; i < 12; i++) {
        command(device);
        device_update(device, 0, i);
    }
    desk_start_machine(desk);
    while (device->commands.first != device->commands.end) {
        sim_sleep(desk->sim, NS_PER_MS);
    }
    device->cursors.endless = false;
    device->cursors.first = device->cursors.end;
}

static void slow_drawings(void *desk)
{
    draw_slowly(desk, slow_stroke);
}

static void slow_clips(void *desk)
{
    draw_slowly(desk, slow_clip);
}

/* A turn reads so many of the cursor's. */
static void has_turns(Desk *desk, void (*host)(void *desk), uint32_t turns)
{
    const Device *device = &desk->device;

    sim_spawn(desk->sim, "slow drawings", host, desk);
    desk_run(desk, 10 * NS_PER_S);
    assert_int_equal(device->updates.len, 12);
    const uint64_t last_ns = device->updates.events[11].at_ns;
    assert_true(looks_until(&device->cursors.looks, last_ns) >= turns * RING_COMMANDS_PER_TURN);
}

/* Others have their turn between drawings that take long. */
static void slow_commands(void **state)
{
    Desk *desk = *state;

    has_turns(desk, slow_drawings, 3);
    assert_int_equal(desk->warnings, 0);
}

/* And between those that take long to read. */
static void slow_reading(void **state)
{
    has_turns(*state, slow_clips, 10);
}

static void slow_shapes(void *arg)
{
    Desk *desk = arg;
    Device *device = &desk->device;

    desk_create_primary(desk);
    desk->value = device_update(device, 0, 1);
    device->commands.endless = true;
    for (uint32_t i = 0; i < 12; i++) {
        device_endless_cursor(device); /* half a turn's work */
    }
    desk_start_machine(desk);
    while (device->cursors.first != device->cursors.end) {
        sim_sleep(desk->sim, NS_PER_MS);
    }
    device->commands.endless = false;
    device->commands.first = device->commands.end;
}

/* The same of the other ring. */
static void slow_cursors(void **state)
{
    Desk *desk = *state;
    const Device *device = &desk->device;

    sim_spawn(desk->sim, "slow shapes", slow_shapes, desk);
    desk_run(desk, 10 * NS_PER_S);
    uint32_t shapes = 0, first = 0, last = 0;
    for (uint32_t i = 0; i < device->releases.len; i++) {
        if (device->releases.events[i].value != desk->value) {
            first = shapes++ == 0 ? i : first;
            last = i;
        }
    }
    assert_int_equal(shapes, 12);
    assert_true(last - first >= 5 * RING_COMMANDS_PER_TURN);
}

#define SLOW_COMMANDS 200u

static void slow_rings(Desk *desk)
{
    Device *device = &desk->device;
    const uint64_t at = desk->value == 0   ? device_stroke(device, 0, all, 3000)
                        : desk->value == 1 ? device_endless_clip(device, 0, all)
                                           : device_clipped(device, 0, all, 500);
    QXLRect area = all, dirty;

    desk_create_primary(desk);
    for (uint32_t i = 1; i < SLOW_COMMANDS; i++) {
        device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    }
    desk_start_machine(desk);
    if (desk->value < 2) {
        spice_qxl_update_area(&device->instance, 0, &area, &dirty, 1, 0);
    }
    desk->value = device->commands.first;
}

/* A ring that has more than a ring has keeps a host waiting for a bounded time. */
static void slow_ring(void **state)
{
    Desk *desk = *state;

    desk_host(desk, slow_rings);
    assert_true(desk->value >= RING_COMMANDS && desk->value < SLOW_COMMANDS / 2);
    desk_run(desk, NS_PER_S);
    assert_int_equal(log_count(&desk->device.commands.looks, LOOK_TAKEN), SLOW_COMMANDS);
    assert_int_equal(desk->warnings, 0);
}

/* Also if it is slow to read. */
static void slow_ring_to_read(void **state)
{
    Desk *desk = *state;

    desk->value = 1;
    desk_host(desk, slow_rings);
    assert_true(desk->value >= RING_COMMANDS && desk->value < SLOW_COMMANDS / 2);
    desk_run(desk, NS_PER_S);
    assert_int_equal(log_count(&desk->device.commands.looks, LOOK_TAKEN), SLOW_COMMANDS);
}

/* What waits to be drawn is no more than that. */
static void pending_is_bounded(Desk *desk)
{
    desk_host(desk, slow_rings);
    desk_run(desk, NS_PER_S);
    const Current *current = &((const RedWorker *)desk->device.instance.st)->current;
    assert_true(current->pending_len > 0 && current->pending_work <= CURRENT_PENDING_WORK_MAX);
    assert_true(current->pending_len < SLOW_COMMANDS / 2);
}

static void slow_pending(void **state)
{
    pending_is_bounded(*state);
}

/* Rectangles in no order may become as many as their square. */
static void clipped_pending(void **state)
{
    Desk *desk = *state;

    desk->value = 2;
    pending_is_bounded(desk);
}

int run_rings(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_empty_looks, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(a_wakeup, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(refused, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(full_rings_at_start, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(starts_again, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(stopped, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(endless_rings, desk_setup_slipping, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_commands, desk_setup_slipping, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_reading, desk_setup_slipping, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_cursors, desk_setup_slipping, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_ring_to_read, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(clipped_pending, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_ring, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(slow_pending, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("rings", tests, NULL, NULL);
}
