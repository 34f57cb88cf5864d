/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real_threads: the same worker on the posix core: a real thread, real sockets, and the device that checks everything.
 *
 * One thread is the host's: it runs the main loop, plays guest and device, and moves the clients' bytes. The worker runs
 * beside it, so that TSan and the processor see what the simulator decides elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <sumac.h>

#include "fake-client/fake_client.h"
#include "fake_qxl.h"
#include "poll_core.h"

#define ROUNDS 400
#define CLIENTS 3u
#define QUIET_TURNS_MAX 20000 /* of 1 ms; ten seconds are plenty */
#define MS UINT64_C(1000000)

typedef struct Wire {
    FakeConnection *connection;
    int fd;
} Wire;

typedef struct Client {
    FakeClient *client;
    Wire wires[3]; /* main, display, cursor */
    bool spread;
} Client;

typedef struct Room {
    SpiceServer *server;
    FakeQxl *qxl;
    uint64_t seed;
    Client clients[CLIENTS];
} Room;

static void wire_open(Room *room, Client *client, Wire *wire, uint8_t channel)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(spice_server_add_client(room->server, pair[0], 0), 0);
    wire->fd = pair[1];
    wire->connection = fake_client_connect(client->client, channel, 0, poll_core_now_ns());
}

static void wire_close(Wire *wire)
{
    if (wire->connection != NULL && wire->fd >= 0) {
        close(wire->fd);
        wire->fd = -1;
        fake_connection_closed(wire->connection, poll_core_now_ns());
    }
}

static void wire_move(Wire *wire)
{
    uint8_t buffer[8192];
    ssize_t n = 0;

    while (wire->connection != NULL && wire->fd >= 0) {
        const Span out = fake_connection_output(wire->connection);
        if (out.len > 0 && (n = send(wire->fd, out.data, out.len, MSG_NOSIGNAL)) > 0) {
            fake_connection_sent(wire->connection, (size_t)n);
            continue;
        }
        n = recv(wire->fd, buffer, sizeof buffer, 0);
        if (n > 0) {
            fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), poll_core_now_ns());
            continue;
        }
        if (n == 0 || errno != EAGAIN) {
            wire_close(wire);
        }
        return;
    }
}

static void client_move(Room *room, Client *client)
{
    for (int i = 0; i < 3; i++) {
        wire_move(&client->wires[i]);
    }
    if (!client->spread && fake_client_main(client->client)->session_id != 0) {
        client->spread = true;
        wire_open(room, client, &client->wires[1], WIRE_CHANNEL_DISPLAY);
        wire_open(room, client, &client->wires[2], WIRE_CHANNEL_CURSOR);
    }
}

static void client_arrive(Room *room, Client *client)
{
    FakeClientConfig config = fake_client_config_default();

    config.behaviour.cheap_ticket = true;
    client->client = fake_client_new(&config);
    assert_non_null(client->client);
    wire_open(room, client, &client->wires[0], WIRE_CHANNEL_MAIN);
}

static void turn(Room *room)
{
    poll_core_run(poll_core_now_ns() + MS, NULL);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (room->clients[i].client != NULL) {
            client_move(room, &room->clients[i]);
        }
    }
}

static void whole_life(void **state)
{
    Room room = {.seed = 42};
    const FakeQxlPrimary primary = {.width = 640, .height = 480, .mouse_mode = 1};
    const uint32_t work = FAKE_QXL_WORK_CURSOR | FAKE_QXL_WORK_SURFACES | FAKE_QXL_WORK_PRIMARY |
                          FAKE_QXL_WORK_MONITORS | FAKE_QXL_WORK_MEMSLOTS | FAKE_QXL_WORK_DRAW |
                          FAKE_QXL_WORK_UPDATE | FAKE_QXL_WORK_LIES | FAKE_QXL_WORK_PAINT;
    FakeQxlReport report;

    (void)state;
    room.server = spice_server_new();
    spice_server_set_noauth(room.server);
    spice_server_set_multiple_clients(room.server, 1);
    assert_int_equal(spice_server_init(room.server, poll_core_init(NULL)), 0);
    room.qxl = fake_qxl_new(&(FakeQxlConfig){.ram_bytes = 1u << 20,
                                             .vram_bytes = 8u << 20,
                                             .strict = true,
                                             .choice = {fake_qxl_prng_choose, &room.seed}});
    assert_int_equal(spice_server_add_interface(room.server, &fake_qxl_instance(room.qxl)->base), 0);
    fake_qxl_connect(room.qxl);
    fake_qxl_primary_create(room.qxl, &primary, false);
    fake_qxl_running(room.qxl, true);
    spice_server_vm_start(room.server);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % (ROUNDS / 8) == 0 && (uint32_t)(round / (ROUNDS / 8)) < CLIENTS) {
            client_arrive(&room, &room.clients[round / (ROUNDS / 8)]);
        }
        if (round == ROUNDS / 2) {
            wire_close(&room.clients[0].wires[1]);
            wire_close(&room.clients[1].wires[0]);
        }
        if (round % 64 == 63) {
            spice_server_vm_stop(room.server);
            fake_qxl_running(room.qxl, false);
            turn(&room);
            fake_qxl_running(room.qxl, true);
            spice_server_vm_start(room.server);
        }
        for (int i = 0; i < 8; i++) {
            fake_qxl_step(room.qxl, work);
        }
        turn(&room);
    }
    const FakeConnection *display = room.clients[2].wires[1].connection;
    /* As long as it takes for what is asynchronous to complete and for the last news to arrive, on however slow a
     * machine. */
    for (int i = 0; i < 50 || (i < QUIET_TURNS_MAX && fake_connection_display(display)->surfaces[0].exists !=
                                                          fake_qxl_has_primary(room.qxl));
         i++) {
        fake_qxl_poll(room.qxl);
        turn(&room);
    }
    assert_int_equal(fake_connection_state(display), FAKE_STATE_OPEN);
    assert_int_equal(fake_connection_display(display)->surfaces[0].exists, fake_qxl_has_primary(room.qxl));
    spice_server_vm_stop(room.server);
    fake_qxl_running(room.qxl, false);
    spice_server_remove_interface(&fake_qxl_instance(room.qxl)->base);
    spice_server_destroy(room.server);

    if (fake_qxl_check(room.qxl, true, &report) > 0) {
        fail_msg("%s", fake_qxl_violation(room.qxl, 0));
    }
    assert_true(report.taken > ROUNDS && report.lies > 0);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const FakeViolation *violation;
        if (fake_client_violations(room.clients[i].client, &violation) > 0) {
            fail_msg("client %u: %s", i, violation->text);
        }
        for (int k = 0; k < 3; k++) {
            wire_close(&room.clients[i].wires[k]);
        }
        fake_client_free(room.clients[i].client);
    }
    fake_qxl_free(room.qxl);
    unsigned timers = 1, watches = 1;
    poll_core_count(&timers, &watches);
    assert_int_equal(timers, 0);
    assert_int_equal(watches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_life)};

    return cmocka_run_group_tests_name("real threads", tests, NULL, NULL);
}
