/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/channels/room.h"

#include <errno.h>
#include <stdio.h>
#include <sumac.h>

#include "sim/workload/ticket_key.h"

#define PORT 5930

static void on_input(void *opaque, const FakeInputEvent *event)
{
    static const char *const names[] = {
        [FAKE_INPUT_MOUSE_MOTION] = "motion", [FAKE_INPUT_MOUSE_BUTTONS] = "buttons",
        [FAKE_INPUT_TABLET_SIZE] = "size",    [FAKE_INPUT_TABLET_POSITION] = "position",
        [FAKE_INPUT_TABLET_WHEEL] = "wheel",  [FAKE_INPUT_TABLET_BUTTONS] = "tablet-buttons",
    };
    Room *room = opaque;
    const size_t len = strlen(room->said);
    char *at = room->said + len;
    const size_t left = sizeof room->said - len;

    switch (event->kind) {
    case FAKE_INPUT_SCAN_CODE:
        snprintf(at, left, "%02x ", (unsigned)event->x);
        break;
    case FAKE_INPUT_LEDS_ASKED:
        break;
    case FAKE_INPUT_MOUSE_MOTION:
        snprintf(at, left, "%s(%d,%d,%d,%x) ", names[event->kind], event->x, event->y, event->z,
                 event->buttons);
        break;
    case FAKE_INPUT_TABLET_SIZE:
        snprintf(at, left, "%s(%d,%d) ", names[event->kind], event->x, event->y);
        break;
    case FAKE_INPUT_TABLET_POSITION:
        snprintf(at, left, "%s(%d,%d,%x) ", names[event->kind], event->x, event->y, event->buttons);
        break;
    case FAKE_INPUT_TABLET_WHEEL:
        snprintf(at, left, "%s(%d,%x) ", names[event->kind], event->z, event->buttons);
        break;
    case FAKE_INPUT_MOUSE_BUTTONS:
    case FAKE_INPUT_TABLET_BUTTONS:
        snprintf(at, left, "%s(%x) ", names[event->kind], event->buttons);
        break;
    }
}

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
    fake_input_init(&room->input, on_input, room);
    if (!fake_input_add(&room->input, room->server)) {
        room->result = -1;
    }
}

int room_setup(void **state)
{
    Room *room = calloc(1, sizeof *room);

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
