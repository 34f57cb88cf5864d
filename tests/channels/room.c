/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/channels/room.h"

#include <errno.h>
#include <stdio.h>
#include <sumac.h>

#include "sim/workload/ticket_key.h"

#define PORT 5930

/* Instances have no opaque pointer, and a test has one room at a time. */
static Room *the_room;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    const size_t len = strlen(the_room->said);
    va_list args;

    va_start(args, format);
    vsnprintf(the_room->said + len, sizeof the_room->said - len, format, args);
    va_end(args);
}

static void push_scan(SpiceKbdInstance *sin, uint8_t byte)
{
    (void)sin;
    say("%02x ", byte);
}

static uint8_t get_leds(SpiceKbdInstance *sin)
{
    (void)sin;
    return the_room->leds;
}

static void mouse_motion(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons)
{
    (void)sin;
    say("motion(%d,%d,%d,%x) ", dx, dy, dz, buttons);
}

static void mouse_buttons(SpiceMouseInstance *sin, uint32_t buttons)
{
    (void)sin;
    say("buttons(%x) ", buttons);
}

static void tablet_size(SpiceTabletInstance *sin, int width, int height)
{
    (void)sin;
    say("size(%d,%d) ", width, height);
}

static void tablet_position(SpiceTabletInstance *sin, int x, int y, uint32_t buttons)
{
    (void)sin;
    say("position(%d,%d,%x) ", x, y, buttons);
}

static void tablet_wheel(SpiceTabletInstance *sin, int dz, uint32_t buttons)
{
    (void)sin;
    say("wheel(%d,%x) ", dz, buttons);
}

static void tablet_buttons(SpiceTabletInstance *sin, uint32_t buttons)
{
    (void)sin;
    say("tablet-buttons(%x) ", buttons);
}

static const SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
             SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan,
    .get_leds = get_leds,
};
static const SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};
static const SpiceTabletInterface tablet_interface = {
    .base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
    .set_logical_size = tablet_size,
    .position = tablet_position,
    .wheel = tablet_wheel,
    .buttons = tablet_buttons,
};

/* ---- Host ---- */

static void host_thread(void *arg)
{
    Room *room = arg;

    room->host(room);
    room->host_done = true;
}

void room_host(Room *room, void (*host)(Room *room))
{
    room->host = host;
    room->host_done = false;
    sim_spawn(room->sim, "main", host_thread, room);
    sim_run(room->sim, sim_now_ns(room->sim) + 100 * NS_PER_MS);
    if (sim_failure(room->sim) != NULL) {
        fail_msg("%s", sim_failure(room->sim));
    }
    assert_true(room->host_done);
}

void room_run(Room *room, uint64_t duration_ns)
{
    sim_run(room->sim, sim_now_ns(room->sim) + duration_ns);
    if (sim_failure(room->sim) != NULL) {
        fail_msg("%s", sim_failure(room->sim));
    }
}

static void start_server(Room *room)
{
    room->server = server_new(sim_core(room->sim));
    spice_server_set_port(room->server, PORT);
    spice_server_set_name(room->server, "room");
    spice_server_set_noauth(room->server);
    spice_server_set_multiple_clients(room->server, 1);
    room->result = spice_server_init(room->server, sim_host(room->sim));
    room->keyboard.base.sif = &keyboard_interface.base;
    room->mouse.base.sif = &mouse_interface.base;
    room->tablet.base.sif = &tablet_interface.base;
    room->result |= spice_server_add_interface(room->server, &room->keyboard.base);
    room->result |= spice_server_add_interface(room->server, &room->mouse.base);
    room->result |= spice_server_add_interface(room->server, &room->tablet.base);
}

int room_setup(void **state)
{
    Room *room = calloc(1, sizeof *room);

    the_room = room;
    room->sim = sim_new(
        &(SimConfig){.seed = 7, .ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key)});
    *state = room;
    room_host(room, start_server);
    return room->result;
}

static void destroy_server(Room *room)
{
    spice_server_destroy(room->server);
    room->server = NULL;
}

int room_teardown(void **state)
{
    Room *room = *state;
    const FakeViolation *violations;
    int result = 0;

    room_host(room, destroy_server);
    room_run(room, NS_PER_S);
    for (uint32_t i = 0; i < room->clients_len; i++) {
        if (fake_client_violations(room->clients[i].client, &violations) > 0) {
            print_error("client %u: %s\n", i, violations->text);
            result = 1;
        }
        fake_client_free(room->clients[i].client);
    }
    if (sim_leaks(room->sim) != NULL) {
        print_error("left behind: %s\n", sim_leaks(room->sim));
        result = 1;
    }
    sim_free(room->sim);
    free(room);
    return result;
}

/* ---- Clients ---- */

static void wire_close(RoomWire *wire)
{
    Sim *sim = wire->client->room->sim;

    sim_close(sim, wire->handle);
    wire->handle = -1;
    fake_connection_closed(wire->connection, sim_now_ns(sim));
    sim_client_wait(wire->step, -1, 0, NS_NEVER);
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    RoomWire *wire = opaque;
    Sim *sim = wire->client->room->sim;
    uint8_t buffer[4096];
    int64_t n = -EAGAIN;
    Span out;

    (void)ready;
    while (wire->handle >= 0 && (n = sim_read(sim, wire->handle, buffer, sizeof buffer)) > 0) {
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
    }
    if (wire->handle >= 0 && n != -EAGAIN) {
        wire_close(wire);
    }
    while (wire->handle >= 0 && (out = fake_connection_output(wire->connection)).len > 0 &&
           (n = sim_write(sim, wire->handle, out.data, out.len)) > 0) {
        fake_connection_sent(wire->connection, (size_t)n);
    }
    if (wire->handle >= 0) {
        /* Tests push messages between runs: look again soon. */
        sim_client_wait(step, wire->handle, CORE_READ, now_ns + NS_PER_MS);
    }
}

static const SimClientOps wire_ops = {"client", wire_step};

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    RoomClient *client = opaque;
    RoomWire *wire = connection == client->inputs.connection ? &client->inputs : &client->main;

    (void)serial;
    (void)body;
    if (message->type != WIRE_MSG_PING && wire->types_len < G_N_ELEMENTS(wire->types)) {
        wire->types[wire->types_len++] = message->type;
    }
}

static void wire_open(RoomClient *client, RoomWire *wire, uint8_t channel)
{
    Sim *sim = client->room->sim;
    const CoreListen where = {.port = PORT, .family = AF_UNSPEC};

    *wire = (RoomWire){.client = client, .handle = sim_connect(sim, &where)};
    wire->connection = fake_client_connect(client->client, channel, 0, sim_now_ns(sim));
    wire->step = sim_client_add(sim, &wire_ops, wire);
    room_run(client->room, 50 * NS_PER_MS);
    assert_int_equal(fake_connection_state(wire->connection), FAKE_STATE_OPEN);
}

RoomClient *room_client(Room *room, bool inputs)
{
    RoomClient *client = &room->clients[room->clients_len++];
    FakeClientConfig config = fake_client_config_default();

    client->room = room;
    config.behaviour.cheap_ticket = true;
    config.on_message = on_message;
    config.opaque = client;
    client->client = fake_client_new(&config);
    wire_open(client, &client->main, WIRE_CHANNEL_MAIN);
    if (inputs) {
        wire_open(client, &client->inputs, WIRE_CHANNEL_INPUTS);
    }
    return client;
}

void room_leave(Room *room, RoomWire *wire)
{
    wire_close(wire);
    room_run(room, 50 * NS_PER_MS);
}

void room_expect(Room *room, const char *words)
{
    room_run(room, 20 * NS_PER_MS);
    assert_string_equal(room->said, words);
    room->said[0] = '\0';
}
