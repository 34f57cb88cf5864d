/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/display_client.h"
#include "tests/display/desk.h"

static void run_machine(Desk *desk)
{
    desk_create_primary(desk);
    desk_start_machine(desk);
}

static void surfaces_then_run(Desk *desk)
{
    run_machine(desk);
    device_surface_create(&desk->device, 2, 8, 8);
    device_surface_create(&desk->device, 9, 8, 8);
    spice_qxl_wakeup(&desk->device.instance);
}

/* What a display client is told, in this order, and nothing before its INIT but SET_ACK. */
static void greeting(void **state)
{
    Desk *desk = *state;

    desk_host(desk, surfaces_then_run);
    desk_run(desk, 50 * NS_PER_MS);
    DeskClient *client = desk_client(desk, NULL);
    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_SET_ACK, WIRE_MSG_CURSOR_INIT);
    const FakeDisplayModel *model = fake_connection_display(client->display.connection);
    assert_int_equal(model->surfaces[0].flags, WIRE_SURFACE_FLAG_PRIMARY);
    assert_true(model->surfaces[2].exists && model->surfaces[9].exists && model->marked);

    FakeClientConfig config = desk_client_config();
    config.display_caps = 0;
    client = desk_client(desk, &config);
    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_SURFACE_CREATE, WIRE_MSG_DISPLAY_MARK);
}

/* Without a primary: nothing but SET_ACK, until there is one. */
static void no_primary(void **state)
{
    Desk *desk = *state;
    DeskClient *client = desk_client(desk, NULL);

    DESK_EXPECT(&client->display_got, WIRE_MSG_SET_ACK);
    desk_host(desk, desk_create_primary);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
}

/* INIT must come within 30 s; who waits for it keeps nobody else waiting. */
static void init_deadline(void **state)
{
    Desk *desk = *state;
    FakeClientConfig config = desk_client_config();

    desk_host(desk, run_machine);
    config.behaviour.skip_display_init = true;
    DeskClient *silent = desk_client(desk, &config);
    DeskClient *other = desk_client(desk, NULL);
    assert_true(fake_connection_display(other->display.connection)->marked);
    assert_true(fake_connection_cursor(silent->cursor.connection)->has_init);
    DESK_EXPECT(&silent->display_got, WIRE_MSG_SET_ACK);
    desk_run(desk, 29 * NS_PER_S);
    assert_true(desk_wire_is_open(&silent->display));
    DESK_EXPECT(&silent->display_got, );
    desk_run(desk, 2 * NS_PER_S);
    assert_false(desk_wire_is_open(&silent->display));
    assert_true(desk_wire_is_open(&silent->main)); /* only that connection is at fault */
    assert_true(desk_wire_is_open(&silent->cursor));
    assert_true(desk_wire_is_open(&other->display));
}

static void send_display(DeskClient *client, const WireMsgc *message)
{
    fake_connection_send(client->display.connection, message);
    sim_client_wait(client->display.step, client->display.handle, CORE_READ | CORE_WRITE, NS_NEVER);
    desk_run(client->desk, 50 * NS_PER_MS);
}

/* What a client may say, and what ends its connection. */
static void messages(void **state)
{
    Desk *desk = *state;
    static const uint8_t codecs[] = {1, 200};
    static const struct {
        WireMsgc message;
        bool is_fault;
    } rows[] = {
        {{.type = WIRE_MSGC_DISPLAY_INIT}, true}, /* a second one */
        {{.type = WIRE_MSGC_DISPLAY_STREAM_REPORT, .u.display_stream_report = {.stream_id = 49}}, false},
        {{.type = WIRE_MSGC_DISPLAY_STREAM_REPORT, .u.display_stream_report = {.stream_id = 50}}, true},
        {{.type = WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION, .u.display_preferred_compression = {7}}, false},
        {{.type = WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION, .u.display_preferred_compression = {255}}, false},
        {{.type = WIRE_MSGC_DISPLAY_GL_DRAW_DONE}, true},
        {{.type = WIRE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE,
          .u.display_preferred_video_codec_type = {{codecs, sizeof codecs}}},
         false},
    };

    desk_host(desk, run_machine);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WireMsgc message = rows[i].message;
        message.channel = WIRE_CHANNEL_DISPLAY;
        desk->clients_len = 0;
        DeskClient *client = &desk->clients[0];
        *client = (DeskClient){0};
        client = desk_client(desk, NULL);
        assert_true(desk_wire_is_open(&client->display));
        send_display(client, &message);
        if (desk_wire_is_open(&client->display) == rows[i].is_fault) {
            fail_msg("row %zu", i);
        }
        assert_true(desk_wire_is_open(&client->main));
        desk_wire_leave(desk, &client->display);
        desk_wire_leave(desk, &client->cursor);
        desk_wire_leave(desk, &client->main);
        desk_run(desk, 50 * NS_PER_MS);
        fake_client_free(client->client);
        desk->clients_len = 0;
    }
}

#define CAP(name) (1u << WIRE_CAP_DISPLAY_##name)
#define CAPS(present, bits) ((uint64_t)(present) << 8 | (bits))

/* What the guest is told of its clients: what all of them can do; told while the machine runs only (R42). And when the last
 * one has left it is told so, which the existing server forgets: it counts the one that is leaving. */
static void guest_hears_of_clients(void **state)
{
    Desk *desk = *state;
    const DeviceLog *caps = &desk->device.caps;
    FakeClientConfig config = desk_client_config();
    const uint64_t all = CAPS(1, CAP(SIZED_STREAM) | CAP(MONITORS_CONFIG) | CAP(COMPOSITE) | CAP(A8_SURFACE));
    const uint64_t some = CAPS(1, CAP(MONITORS_CONFIG) | CAP(A8_SURFACE));

    config.display_caps = UINT32_MAX;
    DeskClient *able = desk_client(desk, &config);
    assert_int_equal(caps->len, 0); /* the machine stands still */
    desk_host(desk, desk_start_machine);
    desk_run(desk, NS_PER_MS);
    assert_int_equal(caps->len, 1);
    assert_int_equal(caps->events[0].value, all);
    config.display_caps = CAP(MONITORS_CONFIG) | CAP(A8_SURFACE) | CAP(MULTI_CODEC);
    DeskClient *less = desk_client(desk, &config);
    assert_int_equal(caps->len, 2);
    assert_int_equal(caps->events[1].value, some);
    desk_wire_leave(desk, &less->display);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(caps->len, 3);
    assert_int_equal(caps->events[2].value, all);
    desk_wire_leave(desk, &able->main); /* all of that client goes */
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(caps->len, 4);
    assert_int_equal(caps->events[3].value, CAPS(0, 0));
    desk_host(desk, desk_stop_machine);
    desk_client(desk, &config);
    assert_int_equal(caps->len, 4);
}

static void cursor_commands(Desk *desk)
{
    device_cursor_set(&desk->device, 3, 8, 8);
    device_cursor_move(&desk->device, 30, 40);
    device_cursor_hide(&desk->device);
    device_cursor_move(&desk->device, 50, 60);
    spice_qxl_wakeup(&desk->device.instance);
}

static void reset_cursor(Desk *desk)
{
    spice_qxl_reset_cursor(&desk->device.instance);
    spice_qxl_reset_cursor(&desk->device.instance);
}

static void cursor(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    const FakeCursorModel *model = fake_connection_cursor(client->cursor.connection);
    client->cursor_got.len = 0;
    desk_host(desk, cursor_commands);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_CURSOR_SET, WIRE_MSG_CURSOR_MOVE, WIRE_MSG_CURSOR_HIDE,
                WIRE_MSG_CURSOR_MOVE);
    assert_true(model->has_shape && model->visible);
    assert_int_equal(model->shape.unique, 3);
    assert_int_equal(model->position.x, 50);
    uint8_t pixels[8 * 8 * 4];
    memset(pixels, 3, sizeof pixels);
    assert_int_equal(model->shape_hash, fake_hash(span_of(pixels, sizeof pixels)));

    /* One who comes later sees the same. */
    DeskClient *later = desk_client(desk, NULL);
    const FakeCursorModel *same = fake_connection_cursor(later->cursor.connection);
    assert_int_equal(same->shape_hash, model->shape_hash);
    assert_int_equal(same->position.y, 60);
    assert_true(same->visible);

    /* Between RESET and INIT clients understand nothing, so what follows a reset is INIT; and two resets are one. */
    client->cursor_got.len = 0;
    desk_host(desk, reset_cursor);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_CURSOR_INVAL_ALL, WIRE_MSG_CURSOR_RESET);
    desk_host(desk, cursor_commands);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(client->cursor_got.types[0], WIRE_MSG_CURSOR_INIT);
    assert_int_equal(model->position.x, 50);
    assert_int_equal(model->shape.unique, 3);
}

static void client_mode(Desk *desk)
{
    red_worker_set_mouse_mode(desk->device.instance.st, true);
}

/* In client mode nobody is told where the pointer is, but when that shows it again. */
static void cursor_in_client_mode(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    desk_host(desk, client_mode);
    DeskClient *client = desk_client(desk, NULL);
    client->cursor_got.len = 0;
    desk_host(desk, cursor_commands);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_CURSOR_SET, WIRE_MSG_CURSOR_HIDE, WIRE_MSG_CURSOR_MOVE);
}

static void resize(Desk *desk)
{
    /* Another size each time: `value` counts. */
    QXLDevSurfaceCreate primary = device_primary(32 + (uint32_t)(desk->value++ % 32), 24);

    spice_qxl_destroy_primary_surface(&desk->device.instance, 0);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
}

static void new_mode(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->display_got.len = client->cursor_got.len = 0;
    desk_host(desk, resize);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->display_got, WIRE_MSG_DISPLAY_SURFACE_DESTROY, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                WIRE_MSG_DISPLAY_MONITORS_CONFIG, WIRE_MSG_DISPLAY_MARK);
    /* Reset with the old primary, begun anew with the new one. */
    const DeskMessages *got = &client->cursor_got;
    assert_true(got->len >= 2);
    assert_int_equal(got->types[got->len - 2], WIRE_MSG_CURSOR_RESET);
    assert_int_equal(got->types[got->len - 1], WIRE_MSG_CURSOR_INIT);
    assert_int_equal(fake_connection_display(client->display.connection)->surfaces[0].width, 32);
}

#define STORM_ROUNDS 600

static void storm(Desk *desk)
{
    Device *device = &desk->device;

    for (int round = 0; round < STORM_ROUNDS; round++) {
        for (uint32_t i = 0; i < 12; i++) {
            device_surface_create(device, 1 + i, 8, 8);
            if (round < STORM_ROUNDS - 1 || i >= 5) {
                device_surface_destroy(device, 1 + i);
            }
            device_cursor_set(device, (uint64_t)round * 100 + i + 1, 8, 8);
            device_cursor_move(device, (int16_t)round, (int16_t)i);
        }
        if (round < STORM_ROUNDS - 1) {
            resize(desk); /* drains the rings */
        } else {
            spice_qxl_flush_surfaces_async(&device->instance, 1);
        }
        while (device->commands.first != device->commands.end ||
               device->cursors.first != device->cursors.end) {
            sim_sleep(desk->sim, NS_PER_MS);
        }
    }
}

static uint32_t pipe_len(RedChannel *channel, uint32_t index)
{
    uint32_t at = 0;

    list_each(&channel->clients, node)
    {
        if (at++ == index) {
            return list_entry(node, RedChannelClient, in_channel)->pipe.len;
        }
    }
    return UINT32_MAX;
}

/* I26: who does not read costs a constant, slows nobody, and when it reads again sees what there is. */
static void stalled(void **state)
{
    Desk *desk = *state;

    desk_host(desk, run_machine);
    DeskClient *deaf = desk_client(desk, NULL);
    DeskClient *quick = desk_client(desk, NULL);
    assert_int_equal(pipe_len(display_channel_base(((RedWorker *)desk->device.instance.st)->display), 1), 0);
    desk_wire_listen(desk, &deaf->display, false);
    desk_wire_listen(desk, &deaf->cursor, false);
    desk_host(desk, storm);
    const RedWorker *worker = desk->device.instance.st;
    const RedChannel *cursor = cursor_channel_base(worker->cursor);
    assert_int_equal(cursor->clients_len, 2);
    /* They do wait, for acks by now; and no more than this. */
    const uint32_t cursors = pipe_len(cursor_channel_base(worker->cursor), 0);
    assert_true(cursors >= 1 && cursors <= CURSOR_EVENTS_MAX + 1);
    /* Each surface is destroyed and created at most, beside what was queued since the last squash. */
    assert_true(pipe_len(display_channel_base(worker->display), 0) <= DISPLAY_CHANGES_MAX + 2 * 16 + 3);
    desk_wire_listen(desk, &deaf->display, true);
    desk_wire_listen(desk, &deaf->cursor, true);
    desk_run(desk, 5 * NS_PER_S);
    assert_true(desk_wire_is_open(&deaf->display) && desk_wire_is_open(&deaf->cursor));
    const FakeDisplayModel *a = fake_connection_display(deaf->display.connection);
    const FakeDisplayModel *b = fake_connection_display(quick->display.connection);
    assert_int_equal(a->surfaces[0].width, b->surfaces[0].width);
    for (uint32_t id = 0; id < 16; id++) {
        assert_int_equal(a->surfaces[id].exists, id <= 5);
        assert_int_equal(b->surfaces[id].exists, id <= 5);
    }
    const FakeCursorModel *c = fake_connection_cursor(deaf->cursor.connection);
    const FakeCursorModel *d = fake_connection_cursor(quick->cursor.connection);
    assert_true(c->has_shape && d->has_shape);
    assert_int_equal(c->shape_hash, d->shape_hash);
    assert_int_equal(c->shape.unique, (STORM_ROUNDS - 1) * 100 + 12);
    assert_int_equal(c->position.x, d->position.x);
    assert_int_equal(c->visible, d->visible);
}

static void cursor_storm(Desk *desk)
{
    Device *device = &desk->device;

    const uint64_t rounds = desk->value == 1 ? 100 : 6; /* more than the limit, and not twice as much */
    for (uint64_t round = 1; round <= rounds; round++) {
        for (int i = 0; i < 32; i++) {
            device_cursor_set(device, (rounds - round) * 100 + (uint64_t)i + 1, (uint16_t)desk->value,
                              (uint16_t)desk->value);
            spice_qxl_flush_surfaces_async(&device->instance, 1);
        }
        while (device->cursors.first != device->cursors.end) {
            sim_sleep(desk->sim, NS_PER_MS);
        }
    }
}

/* The same for the cursor alone, in messages and in bytes: what waits becomes one state. */
static void stalled_cursor(void **state)
{
    for (uint32_t side = 1; side <= 64; side += 63) {
        Desk *desk = *state;
        desk_host(desk, run_machine);
        DeskClient *deaf = desk_client(desk, NULL);
        desk_wire_listen(desk, &deaf->cursor, false);
        desk->value = side;
        desk_host(desk, cursor_storm);
        const RedWorker *worker = desk->device.instance.st;
        const uint32_t events = pipe_len(cursor_channel_base(worker->cursor), 0);
        const uint32_t bytes = side * side * 4;
        assert_true(events >= 1 && events <= CURSOR_EVENTS_MAX + 1);
        assert_true((events - 1) * bytes <= CURSOR_EVENT_BYTES_MAX);
        desk_wire_listen(desk, &deaf->cursor, true);
        desk_run(desk, 5 * NS_PER_S);
        assert_true(desk_wire_is_open(&deaf->cursor));
        assert_int_equal(fake_connection_cursor(deaf->cursor.connection)->shape.unique, 32);

        assert_int_equal(desk_teardown(state), 0);
        assert_int_equal(desk_setup(state), 0);
    }
}

#define BIG_WIDTH 1024
#define BIG_HEIGHT 600
#define BIG_BYTES (BIG_WIDTH * BIG_HEIGHT * 4u)

static void big_screen(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(BIG_WIDTH, BIG_HEIGHT);

    spice_server_set_image_compression(desk->server, SPICE_IMAGE_COMPRESSION_OFF);
    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
    desk_start_machine(desk);
}

static void big_noise(Desk *desk)
{
    for (int32_t y = 0; y < BIG_HEIGHT; y += 10) {
        device_noise(&desk->device, 0, (QXLRect){.top = y, .right = BIG_WIDTH, .bottom = y + 10},
                     (uint32_t)y);
    }
    desk_wake_and_wait(desk, 0);
}

static void fill_little(Desk *desk)
{
    device_fill(&desk->device, 0, (QXLRect){.right = 20, .bottom = 20}, 0x123456);
    spice_qxl_wakeup(&desk->device.instance);
}

/* One client is owed much, takes it as fast as it comes, and its socket is never full: others have their turns meanwhile. */
static void one_at_a_time(void **state)
{
    Desk *desk = *state;

    desk_host(desk, big_screen);
    DeskClient *quick = desk_client(desk, NULL), *late = desk_client(desk, NULL);
    desk_wire_listen(desk, &late->display, false);
    desk_host(desk, big_noise);
    desk_run(desk, NS_PER_S);
    quick->display_got = late->display_got = (DeskMessages){0};
    desk->look_costs_ns = 10 * NS_PER_MS;
    desk_wire_listen(desk, &late->display, true);
    desk_run(desk, NS_PER_MS);
    const uint64_t before_ns = sim_now_ns(desk->sim);
    desk_host(desk, fill_little);
    for (int i = 0; i < 1000 && quick->display_got.len == 0; i++) {
        desk_run(desk, NS_PER_MS);
    }
    assert_int_equal(quick->display_got.len, 1);
    assert_in_range(quick->display_got.first_ns - before_ns, 0, 50 * NS_PER_MS);
    assert_in_range(late->display_got.bytes, 1, BIG_BYTES / 2);
    desk->look_costs_ns = 0;
    desk_run(desk, NS_PER_S);
    assert_in_range(late->display_got.bytes, BIG_BYTES, 2 * BIG_BYTES);
}

int run_clients(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(greeting, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(no_primary, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(init_deadline, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(messages, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(guest_hears_of_clients, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(cursor, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(cursor_in_client_mode, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(new_mode, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(stalled, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(stalled_cursor, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time, desk_setup, desk_teardown),
    };
    return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
