/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* room.h: a server with keyboard, mouse and tablet, in the simulator, and clients with a main and an inputs channel.
 *
 * What the host's devices are told is written down as words, one after the other; a test lets time pass with room_run()
 * and compares.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/server.h"
#include "fake-client/fake_client.h"
#include "fake-qxl/fake_input.h"
#include "sim/sim.h"

#define ROOM_CLIENTS_MAX 3u

typedef struct RoomWire {
    struct RoomClient *client;
    SimClient *step;
    FakeConnection *connection;
    int handle;         /* -1: none */
    uint16_t types[64]; /* of the messages received, but pings */
    uint32_t types_len;
} RoomWire;

typedef struct RoomClient {
    struct Room *room;
    FakeClient *client;
    RoomWire main, inputs;
} RoomClient;

typedef struct Room {
    Sim *sim;
    SpiceServer *server;
    FakeInput input;
    char said[4096];
    RoomClient clients[ROOM_CLIENTS_MAX];
    uint32_t clients_len;
    void (*host)(struct Room *room);
    bool host_done;
    int result;
} Room;

int room_setup(void **state);
int room_teardown(void **state); /* destroys the server; nothing may be left behind, no client saw a fault */

void room_host(Room *room, void (*host)(Room *room));
void room_run(Room *room, uint64_t duration_ns);
/* Connects main; `inputs` too. */
RoomClient *room_client(Room *room, bool inputs);
void room_leave(Room *room, RoomWire *wire);
/* Compares what the devices were told since the last call with the words, and forgets it. */
void room_expect(Room *room, const char *words);
