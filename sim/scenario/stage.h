/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stage.h: the host of a scenario: the server, its input devices, its QXL devices, and what the host sees and does.
 *
 * The simulator knows the server through core.h and the public functions alone, so server_new() and the clients' crypto
 * come from the caller (StageServer).
 *
 * Ownership  stage_init() ... stage_finish(); borrows the Sim and the Scenario.
 * Thread     stage_act() and stage_value() in a thread of the host's, with its lock; the counters are atomic and may be
 *            read anywhere; the rest outside.
 */
#pragma once

#include <stdatomic.h>

#include <spice.h>

#include "fake-qxl/fake_input.h"
#include "fake-qxl/fake_qxl.h"
#include "sim/scenario/ast.h"
#include "sim/scenario/channel_order.h"
#include "sim/sim.h"

struct Crypto;
struct ossl_lib_ctx_st;

typedef struct StageServer {
    SpiceServer *(*server_new)(const Core *core);
    /* What clients encrypt tickets with; as deterministic as core's entropy. */
    struct Crypto *(*crypto_new)(const Core *core);
    struct ossl_lib_ctx_st *(*crypto_context)(struct Crypto *crypto);
    void (*crypto_free)(struct Crypto *crypto);
    Span ticket_key; /* DER; empty: the server makes its own, which takes long */
} StageServer;

typedef struct StageDevice {
    const char *name;
    FakeQxl *qxl;
    bool attached;
    bool later; /* not at the beginning */
    bool has_size;
    uint32_t width, height; /* of the primary surface at the beginning */
} StageDevice;

typedef struct Stage {
    const Scenario *scenario;
    const StageServer *given;
    Sim *sim;
    bool tickets, one_client; /* settings */
    const char *name;
    int compression; /* SPICE_IMAGE_COMPRESSION_...; 0: not said */

    SpiceServer *server; /* NULL: not yet, or no more */
    bool ready;
    bool running;
    FakeInput input;
    StageDevice devices[SCENARIO_DEVICES_MAX];

    atomic_uint events[EVENTS];
    ChannelOrder order;     /* of those events */
    atomic_int events_open; /* CONNECTED without DISCONNECTED */
    atomic_uint inputs[INPUTS];
    atomic_uint log_lines;
    char failure[400]; /* what the devices found in those that are gone; "": nothing */
} Stage;

#define STAGE_PORT 5930
#define STAGE_PASSWORD "scenario"

void stage_init(Stage *stage, Sim *sim, const Scenario *scenario, const StageServer *given);
void stage_finish(Stage *stage);

/* For sim_spawn(); the argument is the Stage. */
void stage_set_up(void *stage);
void stage_tear_down(void *stage);

/* SimConfig.channel_event, called by whoever owns its opaque pointer. */
void stage_channel_event(Stage *stage, int event, const SpiceChannelEventInfo *info);

/* One act of the host or a device. Where the guest finds no room for a command it waits a little, then gives up. */
void stage_act(Stage *stage, const Who *who, const Phrase *phrase);
/* Is it true? Terms that stage_value_is_safe() names may be asked anywhere. */
bool stage_value(Stage *stage, const Who *who, const Phrase *phrase);
bool stage_value_is_safe(const Who *who, const Phrase *phrase);

/* After the server is gone: "" or what the devices have to complain about. */
const char *stage_check(Stage *stage);

/* One of the range: a choice of whoever runs. `site` is a constant name. */
uint64_t stage_pick(Sim *sim, const char *site, Range range);
