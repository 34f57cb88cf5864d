/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desk.h: a server with one device, in the simulator, and clients that sit at it.
 *
 * A test runs host code in a thread of the host's with desk_host(), lets time pass with desk_run(), and then looks at what
 * device and clients have written down: nothing is asserted inside the universe.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "api/server.h"
#include "fake-client/fake_client.h"
#include "tests/display/device.h"

#define DESK_CLIENTS_MAX 3u
#define DESK_MESSAGES_MAX 8192u
#define DESK_RECORDING "desk.rec"

/* Types of messages as they came, without those that every channel has. */
typedef struct DeskMessages {
    uint16_t types[DESK_MESSAGES_MAX];
    uint32_t len;
    uint64_t first_ns; /* when the first of them came */
    uint64_t bytes;    /* of their bodies */
    uint64_t largest;  /* of them */
} DeskMessages;

typedef struct Desk Desk;

typedef struct DeskWire {
    struct DeskClient *client;
    SimClient *step;
    FakeConnection *connection;
    int handle;          /* -1: none */
    bool deaf;           /* does not read */
    _Atomic bool leaves; /* closes at its next step */
    bool was_open;
} DeskWire;

typedef struct DeskClient {
    Desk *desk;
    FakeClient *client;
    DeskWire main, display, cursor;
    DeskMessages display_got, cursor_got;
    uint32_t images[256]; /* sources of DRAW_COPY, by WIRE_IMAGE_TYPE_* */
    uint64_t glz_next;    /* number of the GLZ image that is to come next */
    uint32_t glz_gaps;    /* how often it was another one */
    WireRect first_copy;  /* where the first DRAW_COPY on the latest primary went; empty: there was none */
} DeskClient;

struct Desk {
    Sim *sim;
    SpiceServer *server;
    Device device;
    DeskClient clients[DESK_CLIENTS_MAX];
    uint32_t clients_len;
    uint32_t warnings; /* lines that the server logged as such */
    uint32_t drops;    /* lines about what was dropped of the guest's, however loud */
    char last_warning[256];
    void (*host)(Desk *desk);
    bool host_done;
    uint64_t value;          /* the test's own, for host code */
    uint64_t coders_rest_ns; /* threads that code begin so much later */
    uint64_t look_costs_ns; /* of the server at the clock: as if it had worked so long since the one before */
};

/* A server with multiple clients, its device plugged in, its memory announced; the machine stands still. */
int desk_setup(void **state);
/* The same, where time goes on although something can run. */
int desk_setup_slipping(void **state);
/* The same, with commands recorded in the universe's file DESK_RECORDING. */
int desk_setup_recording(void **state);
/* The same as slipping, where three threads run at a time. */
int desk_setup_processors(void **state);
/* Destroys the server if the test has not; checks that nothing is left and that no client saw a fault. */
int desk_teardown(void **state);
/* The same, on a link of 400 kbit/s. */
int desk_setup_slow(void **state);

/* Runs it with the host's lock, and lets it come to its end (within 10 s). */
void desk_host(Desk *desk, void (*host)(Desk *desk));
void desk_run(Desk *desk, uint64_t duration_ns);

void desk_start_machine(Desk *desk); /* host code */
void desk_stop_machine(Desk *desk);
/* In the host: until the worker has taken all commands, and `ns` more. */
void desk_wake_and_wait(Desk *desk, uint64_t ns);
void desk_create_primary(Desk *desk); /* 64 x 48 */

/* Connects main, display and cursor. */
FakeClientConfig desk_client_config(void);
DeskClient *desk_client(Desk *desk, const FakeClientConfig *config);
/* Connects display once more; the connection before has ended. */
void desk_display_again(Desk *desk, DeskClient *client);
/* Connects to the display with that id. */
void desk_display_open(Desk *desk, DeskClient *client, DeskWire *ret_wire, uint8_t id);
/* Ends this connection; as if its socket had broken. */
void desk_wire_leave(Desk *desk, DeskWire *wire);
bool desk_wire_is_open(const DeskWire *wire);
void desk_wire_listen(Desk *desk, DeskWire *wire, bool listen);

/* Are these types all that came, in this order? Then forgets them. */
void desk_expect(DeskMessages *messages, const uint16_t *types, uint32_t len);
#define DESK_EXPECT(messages, ...)                                                                           \
    desk_expect((messages), (const uint16_t[]){__VA_ARGS__},                                                 \
                (uint32_t)(sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t)))

int run_rings(void);
int run_commands(void);
int run_requests(void);
int run_clients(void);
int run_life(void);
int run_drawing(void);
int run_recording(void);
int run_lossy(void);
int run_wan(void);
int run_merging(void);
int run_sharing(void);
int run_threads(void);
int run_bands(void);
int run_large(void);
int run_pinning(void);
int run_dictionary(void);
int run_browsers(void);
