/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/universe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spice.h>
#include <sumac.h>

#include "api/server.h"
#include "base/check.h"
#include "fake-client/fake_client.h"
#include "fake_input.h"
#include "fake_qxl.h"
#include "sim/explore/plan.h"
#include "sim/workload/pictures.h"
#include "sim/workload/recording.h"
#include "sim/workload/ticket_key.h"

#define CLIENTS_MAX 4u
#define SURFACES_LOOKED_AT 64u  /* ids; as many as the device announces */
#define QUIET_NS (3 * NS_PER_S) /* without a byte for a client: nothing is owed to it */
#define QUIET_TURNS_MAX 100u
#define PLAY_TURNS_MAX 100000u /* simulated seconds that a recording may take */
#define PAINT_MAX 60u          /* drawings in a row */
#define CONNECTIONS_MAX 8u
#define PORT 5930
#define PASSWORD "universe"

typedef struct Universe Universe;
typedef struct Visitor Visitor;

/* One connection of a client, stepped by the scheduler. */
typedef struct Wire {
    Visitor *visitor;
    SimClient *step;
    SimClientOps ops;
    char name[SIM_NAME_BYTES];
    FakeConnection *connection;
    int handle; /* -1: none */
    uint8_t channel;
    uint64_t act_ns; /* when it does something of its own */
    uint64_t bytes;  /* received */
} Wire;

struct Visitor {
    Universe *universe;
    uint32_t number;
    FakeClient *client;
    Wire wires[CONNECTIONS_MAX];
    uint32_t wires_len;
    bool spread;   /* the other channels were connected */
    bool unacked;  /* it never acknowledges: what waits for that does not come */
    bool careless; /* it sent nonsense, or does not read: so it may wait for answers in vain */
};

struct Universe {
    const SimPlan *plan;
    SimOutcome *outcome;
    bool tickets; /* clients prove a password */
    Sim *sim;
    SpiceServer *server;
    FakeQxl *qxl; /* NULL: a recording is played instead */
    Recording recording;
    FakeInput input; /* only has to be there */
    Visitor visitors[CLIENTS_MAX];
    uint32_t visitors_len;
    bool stopped;    /* a stopped machine's vcpus do nothing */
    bool ending;     /* and neither do those of one that is switched off */
    int events_open; /* CONNECTED without DISCONNECTED */
    Crypto *crypto;  /* the clients', as deterministic as the server's own */
};

#define fail(universe, ...) sim_outcome_fail((universe)->outcome, __VA_ARGS__)

static uint32_t choose(Universe *universe, const char *site, uint32_t n)
{
    return sim_choose_at(universe->sim, site, n);
}

static bool happens(Universe *universe, SimFault fault, uint32_t one_in)
{
    return sim_fault(universe->sim, fault, one_in, 1) != 0;
}

/* ---- The host's threads ---- */

static uint32_t qxl_choose(void *opaque, const char *site, uint32_t n)
{
    return choose(opaque, site, n);
}

/* Of images; also while clients are there. */
static void choose_compression(Universe *universe)
{
    spice_server_set_image_compression(
        universe->server,
        (SpiceImageCompression)(SPICE_IMAGE_COMPRESSION_OFF +
                                choose(universe, "compression",
                                       SPICE_IMAGE_COMPRESSION_ENUM_END - SPICE_IMAGE_COMPRESSION_OFF)));
    spice_server_set_jpeg_compression(
        universe->server,
        (spice_wan_compression_t)(SPICE_WAN_COMPRESSION_AUTO + choose(universe, "jpeg", 3)));
    spice_server_set_zlib_glz_compression(
        universe->server,
        (spice_wan_compression_t)(SPICE_WAN_COMPRESSION_AUTO + choose(universe, "zlib", 3)));
}

static void main_setup(void *arg)
{
    Universe *universe = arg;

    universe->server = server_new(sim_core(universe->sim));
    spice_server_set_port(universe->server, PORT);
    spice_server_set_name(universe->server, "universe");
    if (universe->tickets) {
        spice_server_set_ticket(universe->server, PASSWORD, 0, 0, 0);
    } else {
        spice_server_set_noauth(universe->server);
    }
    if (choose(universe, "multiple", 4) != 0) {
        spice_server_set_multiple_clients(universe->server, 1);
    }
    if (spice_server_init(universe->server, sim_host(universe->sim)) != 0) {
        fail(universe, "spice_server_init failed");
        return;
    }
    choose_compression(universe);
    fake_input_init(&universe->input, NULL, NULL);
    if (!fake_input_add(&universe->input, universe->server) ||
        (universe->qxl == NULL
             ? !recording_add(&universe->recording, universe->server)
             : spice_server_add_interface(universe->server, &fake_qxl_instance(universe->qxl)->base) != 0)) {
        fail(universe, "spice_server_add_interface failed");
        return;
    }
    if (universe->qxl == NULL) {
        spice_server_vm_start(universe->server);
        return;
    }
    fake_qxl_connect(universe->qxl);
    const FakeQxlPrimary primary = {.width = 320, .height = 240, .mouse_mode = 1};
    fake_qxl_primary_create(universe->qxl, &primary, false);
    fake_qxl_running(universe->qxl, true);
    spice_server_vm_start(universe->server);
}

/* Much at once, so that drawings wait together. */
static void paint(Universe *universe, uint32_t drawings)
{
    for (uint32_t i = 0; i < drawings && !universe->stopped && !universe->ending; i++) {
        if (!fake_qxl_step(universe->qxl, FAKE_QXL_WORK_PAINT)) {
            sim_sleep(universe->sim, NS_PER_MS); /* the ring is full, or memory is used up */
        }
    }
}

/* What main and vcpus do: device traffic, and now and then a call of the host's own. */
static void vcpu(void *arg)
{
    Universe *universe = arg;
    const uint32_t acts = sim_plan_knob(universe->plan, "acts");
    const uint32_t honest = FAKE_QXL_WORK_CURSOR | FAKE_QXL_WORK_SURFACES | FAKE_QXL_WORK_PRIMARY |
                            FAKE_QXL_WORK_MONITORS | FAKE_QXL_WORK_MEMSLOTS | FAKE_QXL_WORK_UPDATE |
                            FAKE_QXL_WORK_DRAW | FAKE_QXL_WORK_PAINT;

    for (uint32_t i = 0; i < acts && !universe->ending; i++) {
        if (universe->stopped) {
            sim_sleep(universe->sim, NS_PER_MS);
            continue;
        }
        if (happens(universe, SIM_F10_STOP, 24)) {
            spice_server_vm_stop(universe->server);
            fake_qxl_running(universe->qxl, false);
            universe->stopped = true;
            sim_sleep(universe->sim, choose(universe, "stopped", 20) * NS_PER_MS);
            universe->stopped = false;
            if (universe->ending) {
                break;
            }
            fake_qxl_running(universe->qxl, true);
            spice_server_vm_start(universe->server);
        } else if (happens(universe, SIM_F10_INTERFACE, 24)) {
            if (universe->input.tablet.st != NULL) {
                spice_server_remove_interface(&universe->input.tablet.base);
            } else {
                spice_server_add_interface(universe->server, &universe->input.tablet.base);
            }
        } else {
            const bool lies = happens(universe, SIM_F11_LIES, 3);
            switch (choose(universe, "act", 24)) {
            case 0:
                spice_server_kbd_leds(&universe->input.keyboard, (int)choose(universe, "leds", 8));
                break;
            case 1:
                fake_qxl_cursor_reset(universe->qxl);
                break;
            case 2:
                (void)spice_server_get_num_clients(universe->server);
                break;
            case 3:
                choose_compression(universe);
                break;
            case 4:
            case 5:
            case 6:
                paint(universe, 1 + choose(universe, "drawings", PAINT_MAX));
                break;
            default:
                fake_qxl_step(universe->qxl, lies ? honest | FAKE_QXL_WORK_LIES : honest);
            }
        }
        sim_sleep(universe->sim, choose(universe, "pause", 30) * NS_PER_MS);
    }
}

static void player(void *arg)
{
    Universe *universe = arg;
    recording_play(&universe->recording);
}

static void main_look(void *arg)
{
    Universe *universe = arg;
    const QXLRect all = {.right = INT32_MAX, .bottom = INT32_MAX};

    for (uint32_t id = 0; id < SURFACES_LOOKED_AT && !universe->stopped; id++) {
        fake_qxl_update_area(universe->qxl, id, &all, false);
    }
}

static void main_teardown(void *arg)
{
    Universe *universe = arg;

    universe->ending = true;
    if (choose(universe, "unplug", 2) == 0) {
        spice_server_remove_interface(universe->qxl == NULL ? &universe->recording.device.instance.base
                                                            : &fake_qxl_instance(universe->qxl)->base);
    }
    spice_server_destroy(universe->server);
    universe->server = NULL;
}

/* ---- Clients ---- */

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns);

static void visitor_connect(Visitor *visitor, uint8_t channel, uint8_t id)
{
    Universe *universe = visitor->universe;

    if (visitor->wires_len == CONNECTIONS_MAX) {
        return;
    }
    Wire *wire = &visitor->wires[visitor->wires_len++];
    *wire = (Wire){.visitor = visitor, .handle = -1, .channel = channel};
    snprintf(wire->name, sizeof wire->name, "client%u.%s", visitor->number, wire_channel_name(channel));
    wire->ops = (SimClientOps){wire->name, wire_step};
    wire->connection = fake_client_connect(visitor->client, channel, id, sim_now_ns(universe->sim));
    wire->step = sim_client_add(universe->sim, &wire->ops, wire);
    wire->act_ns = sim_now_ns(universe->sim) + (5 + choose(universe, "first", 400)) * NS_PER_MS;
}

/* Once main has told the session and the channels, the others are connected, now and then one of them twice. */
static void visitor_spread(Visitor *visitor)
{
    const FakeMainModel *main = fake_client_main(visitor->client);

    if (visitor->spread || main->session_id == 0 || !main->has_list) {
        return;
    }
    visitor->spread = true;
    for (size_t i = 0; i < main->channels_len; i++) {
        visitor_connect(visitor, main->channels[i].type, main->channels[i].id);
    }
    const uint32_t twice = main->channels_len == 0 ? 0
                                                   : sim_fault(visitor->universe->sim, SIM_F12_TWICE, 6,
                                                               (uint32_t)main->channels_len);
    if (twice > 0) {
        const WireChannelId again = main->channels[twice - 1];
        visitor_connect(visitor, again.type, again.id);
    }
}

static void wire_end(Wire *wire, bool reset)
{
    Sim *sim = wire->visitor->universe->sim;

    if (wire->handle >= 0) {
        if (reset) {
            sim_reset(sim, wire->handle);
        } else {
            sim_close(sim, wire->handle);
        }
        wire->handle = -1;
        fake_connection_closed(wire->connection, sim_now_ns(sim));
    }
    sim_client_wait(wire->step, -1, 0, NS_NEVER);
}

static void wire_act(Wire *wire, uint64_t now_ns)
{
    Universe *universe = wire->visitor->universe;

    wire->act_ns = now_ns + (1 + choose(universe, "pause", 300)) * NS_PER_MS;
    if (happens(universe, SIM_F1_CLOSE, 16)) {
        wire_end(wire, false);
        return;
    }
    if (happens(universe, SIM_F1_RESET, 16)) {
        wire_end(wire, true);
        return;
    }
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint32_t garbage = sim_fault(universe->sim, SIM_F3_GARBAGE, 64, sizeof nonsense);
    if (garbage > 0) {
        wire->visitor->careless = true;
        fake_connection_send_raw(wire->connection, span_of(nonsense, garbage));
    }
    if (fake_connection_state(wire->connection) != FAKE_STATE_OPEN) {
        return;
    }
    if (wire->channel == WIRE_CHANNEL_INPUTS) {
        switch (choose(universe, "input", 5)) {
        case 0:
            fake_inputs_key(wire->connection, choose(universe, "down", 2) == 0,
                            0x1e + choose(universe, "key", 20));
            break;
        case 1:
            fake_inputs_motion(wire->connection, 3, -2, 0);
            break;
        case 2:
            fake_inputs_position(wire->connection, choose(universe, "x", 700), choose(universe, "y", 500), 0,
                                 0);
            break;
        case 3:
            fake_inputs_button(wire->connection, choose(universe, "down", 2) == 0,
                               (uint8_t)choose(universe, "button", 8), 1);
            break;
        default:
            fake_inputs_modifiers(wire->connection, (uint16_t)choose(universe, "modifiers", 8));
        }
    } else if (wire->channel == WIRE_CHANNEL_MAIN && choose(universe, "ask", 3) == 0) {
        const WireMsgc request = {
            .channel = WIRE_CHANNEL_MAIN,
            .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
            .u.main_mouse_mode_request.mode = (uint16_t)(1 + choose(universe, "mode", 2)),
        };
        fake_connection_send(wire->connection, &request);
    } else if (wire->channel == WIRE_CHANNEL_DISPLAY && choose(universe, "prefer", 4) == 0) {
        fake_display_prefer(wire->connection, (uint8_t)choose(universe, "compression", 10)); /* or nonsense */
    }
}

static void wire_read(Wire *wire, uint64_t now_ns)
{
    Sim *sim = wire->visitor->universe->sim;
    uint8_t buffer[4096];

    while (wire->handle >= 0 && fake_connection_wants_read(wire->connection)) {
        const int64_t n = sim_read(sim, wire->handle, buffer, sizeof buffer);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            wire_end(wire, false);
            return;
        }
        const bool was_open = fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
        wire->bytes += (uint64_t)n;
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
        if (!was_open && fake_connection_state(wire->connection) == FAKE_STATE_OPEN) {
            wire->visitor->universe->outcome->worth++;
        }
    }
}

static void wire_write(Wire *wire)
{
    Sim *sim = wire->visitor->universe->sim;
    Span out;

    while (wire->handle >= 0 && (out = fake_connection_output(wire->connection)).len > 0) {
        const int64_t n = sim_write(sim, wire->handle, out.data, out.len);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            wire_end(wire, false);
            return;
        }
        fake_connection_sent(wire->connection, (size_t)n);
    }
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    Wire *wire = opaque;
    Universe *universe = wire->visitor->universe;

    if (wire->handle < 0) {
        if (fake_connection_state(wire->connection) != FAKE_STATE_REPLY_HEADER) {
            return;
        }
        const CoreListen where = {.address = NULL, .port = PORT, .family = AF_UNSPEC};
        wire->handle = sim_connect(universe->sim, &where);
        if (wire->handle < 0) {
            fake_connection_closed(wire->connection, now_ns);
            return;
        }
    }
    if ((ready & CORE_READ) != 0) {
        wire_read(wire, now_ns);
    }
    if (wire->handle >= 0 && now_ns >= wire->act_ns) {
        wire_act(wire, now_ns);
    }
    if (wire->handle >= 0 && now_ns >= fake_connection_deadline_ns(wire->connection)) {
        fake_connection_expire(wire->connection, now_ns);
    }
    wire_write(wire);
    if (wire->handle >= 0 && fake_connection_wants_close(wire->connection)) {
        wire_end(wire, false);
    }
    visitor_spread(wire->visitor);
    if (wire->handle >= 0) {
        const uint64_t deadline_ns = fake_connection_deadline_ns(wire->connection);
        const unsigned mask = (fake_connection_wants_read(wire->connection) ? CORE_READ : 0) |
                              (fake_connection_output(wire->connection).len > 0 ? CORE_WRITE : 0);
        sim_client_wait(step, wire->handle, mask, deadline_ns < wire->act_ns ? deadline_ns : wire->act_ns);
    }
}

static void visitor_arrive(Universe *universe)
{
    Visitor *visitor = &universe->visitors[universe->visitors_len++];
    FakeClientConfig config = fake_client_config_default();

    visitor->universe = universe;
    visitor->number = universe->visitors_len;
    config.password = universe->tickets ? PASSWORD : NULL;
    config.full_header = choose(universe, "full header", 4) == 0;
    config.client_mouse = choose(universe, "client mouse", 2) == 0;
    config.crypto = universe->tickets ? crypto_context(universe->crypto) : NULL;
    config.poison = FAKE_QXL_POISON;
    config.behaviour.cheap_ticket = !universe->tickets;
    const uint32_t unacked = sim_fault(universe->sim, SIM_F5_UNACKED, 4, 3);
    config.behaviour.never_ack = unacked == 1;
    config.behaviour.never_pong = unacked == 2;
    config.behaviour.skip_display_init = unacked == 3;
    config.behaviour.stop_reading_after = sim_fault(universe->sim, SIM_F5_UNREAD, 10, 10);
    config.behaviour.link_lie = (FakeLinkLie)sim_fault(universe->sim, SIM_F3_LINK, 6, FAKE_LINK_LIES - 1);
    visitor->unacked = unacked == 1;
    visitor->careless = config.behaviour.stop_reading_after > 0;
    visitor->client = fake_client_new(&config);
    visitor_connect(visitor, WIRE_CHANNEL_MAIN, 0);
}

/* ---- The whole ---- */

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    Universe *universe = opaque;

    (void)info;
    universe->events_open += event == SPICE_CHANNEL_EVENT_CONNECTED      ? 1
                             : event == SPICE_CHANNEL_EVENT_DISCONNECTED ? -1
                                                                         : 0;
}

static SimConfig configure(Universe *universe, const SimConfig *base)
{
    static const uint64_t origins_ns[] = {1000, UINT64_C(2147483640) * NS_PER_MS,
                                          UINT64_C(4294967290) * NS_PER_MS, UINT64_C(9000000000) * NS_PER_MS};
    const SimPlan *plan = universe->plan;
    SimConfig config = *base;

    if ((plan->faults & SIM_FAULT_BIT(SIM_F8_ORIGIN)) != 0) {
        config.clock_origin_ns = origins_ns[sim_plan_draw(plan, "origin", 4)];
    }
    config.ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key);
    config.opaque = universe;
    config.channel_event = on_channel_event;
    config.switch_one_in = 1 + sim_plan_draw(plan, "switch", 16);
    config.spurious_one_in = sim_plan_rate(plan, SIM_F7_SPURIOUS, 4, 64);
    config.slip_one_in = sim_plan_rate(plan, SIM_F8_SLIP, 32, 512);
    config.alloc_fail_one_in = sim_plan_rate(plan, SIM_F9_ALLOC, 16, 256);
    config.broken_one_in = sim_plan_rate(plan, SIM_F2_WRITE, 16, 1024);
    config.blackhole_one_in = sim_plan_rate(plan, SIM_F6_BLACKHOLE, 64, 1024);
    config.processors = 1 + sim_plan_draw(plan, "processors", 3);
    config.handles_max = sim_plan_rate(plan, SIM_F9_HANDLES, 14, 14);
    const bool is_slow = (plan->faults & SIM_FAULT_BIT(SIM_F8_BANDWIDTH)) != 0;
    const bool is_far = (plan->faults & SIM_FAULT_BIT(SIM_F8_LATENCY)) != 0;
    const uint32_t split = sim_plan_rate(plan, SIM_F3_READ, 2, 16) + sim_plan_rate(plan, SIM_F4_WRITE, 2, 16);
    const uint32_t small = sim_plan_rate(plan, SIM_F4_BUFFERS, 600, 9600);
    config.net = (SimNet){
        .latency_ns = is_far ? (1 + sim_plan_draw(plan, "latency", 2)) * 10 * NS_PER_MS : 0,
        .jitter_ns = is_far ? sim_plan_draw(plan, "jitter", 2) * 5 * NS_PER_MS : 0,
        .bytes_per_s = is_slow ? 20000 : 0,
        .send_buffer = sim_plan_draw(plan, "send buffer", 2) == 0 ? small : 0,
        .receive_buffer = sim_plan_draw(plan, "receive buffer", 2) == 0 ? small : 0,
        .split_one_in = split,
    };
    return config;
}

/* ---- Pictures ---- */

static uint64_t bytes_received(const Universe *universe)
{
    uint64_t bytes = 0;

    for (uint32_t v = 0; v < universe->visitors_len; v++) {
        for (uint32_t i = 0; i < universe->visitors[v].wires_len; i++) {
            bytes += universe->visitors[v].wires[i].bytes;
        }
    }
    return bytes;
}

/* Once all is quiet every client that could follow shows what the guest has drawn. Where memory was refused to the
 * server, or to clients handles, drawings were lost. */
static bool compare_pictures(Universe *universe)
{
    const uint64_t lost =
        SIM_FAULT_BIT(SIM_F9_ALLOC) | SIM_FAULT_BIT(SIM_F9_HANDLES) | SIM_FAULT_BIT(SIM_F6_BLACKHOLE);
    Sim *sim = universe->sim;

    FakeQxlPicture recorded;

    if ((universe->plan->faults & lost) != 0 ||
        !(universe->qxl == NULL ? recording_picture(&universe->recording, &recorded)
                                : fake_qxl_has_primary(universe->qxl))) {
        return true;
    }
    for (uint64_t before = UINT64_MAX, turns = 0; turns < QUIET_TURNS_MAX; turns++) {
        const uint64_t now = bytes_received(universe);
        if (now == before) {
            break;
        }
        before = now;
        if (!sim_run(sim, sim_now_ns(sim) + QUIET_NS)) {
            return false;
        }
    }
    if (universe->qxl != NULL) {
        sim_spawn(sim, "main", main_look, universe);
    }
    if (!sim_run(sim, sim_now_ns(sim) + QUIET_NS)) {
        return false;
    }
    for (uint32_t v = 0; v < universe->visitors_len; v++) {
        const Visitor *visitor = &universe->visitors[v];
        for (uint32_t i = 0; i < visitor->wires_len; i++) {
            const Wire *wire = &visitor->wires[i];
            if (wire->channel != WIRE_CHANNEL_DISPLAY || wire->handle < 0 || visitor->careless ||
                visitor->unacked || fake_connection_state(wire->connection) != FAKE_STATE_OPEN ||
                !fake_connection_display(wire->connection)->marked) {
                continue;
            }
            char where[120];
            if (universe->qxl == NULL
                    ? picture_differs(&recorded, wire->connection, 0, where, sizeof where)
                    : pictures_differ(universe->qxl, wire->connection, where, sizeof where)) {
                fail(universe, "client %u %s", visitor->number, where);
            }
        }
    }
    return true;
}

static void collect(Universe *universe)
{
    const FakeViolation *violations;

    for (uint32_t v = 0; v < universe->visitors_len; v++) {
        const size_t n = fake_client_violations(universe->visitors[v].client, &violations);
        /* Who sends nonsense, does not read, is cut off without a word or finds no handle free may wait for an
         * answer in vain; and so may all when time goes on without the server. */
        const bool may_wait =
            universe->visitors[v].careless || sim_slips(universe->sim) > 0 ||
            (universe->plan->faults & (SIM_FAULT_BIT(SIM_F6_BLACKHOLE) | SIM_FAULT_BIT(SIM_F9_HANDLES))) != 0;
        const bool own_fault =
            may_wait && n > 0 &&
            (violations->rule == FAKE_RULE_IN_TIME || violations->rule == FAKE_RULE_LINK_RESULT);
        if (n > 0 && !own_fault) {
            fail(universe, "client %u, channel %s:%u, message %llu: %s", v,
                 wire_channel_name(violations->channel), violations->channel_id,
                 (unsigned long long)violations->serial, violations->text);
        }
    }
    FakeQxlReport report;
    if (universe->qxl == NULL) {
        const char *complaint = recording_complaint(&universe->recording);
        if (complaint != NULL) {
            fail(universe, "device: %s", complaint);
        }
    } else if (fake_qxl_check(universe->qxl, true, &report) > 0) {
        fail(universe, "device: %s", fake_qxl_violation(universe->qxl, 0));
    }
    if (universe->events_open != 0) {
        fail(universe, "%d connections without a DISCONNECTED", universe->events_open);
    }
}

/* Until the guest has done what it does. False: the universe came to an end. */
static bool run_guest(Universe *universe)
{
    Sim *sim = universe->sim;
    bool going = true;

    for (uint32_t turns = 0;
         universe->qxl == NULL && going && !universe->recording.over && turns < PLAY_TURNS_MAX; turns++) {
        going = sim_run(sim, sim_now_ns(sim) + NS_PER_S);
    }
    /* Long enough for the vcpus to end; sometimes for silent clients to be thrown out. */
    return going && sim_run(sim, sim_now_ns(sim) + (4 + choose(universe, "long", 2) * 40) * NS_PER_S);
}

static void picture_checksum(const Universe *universe, char ret[UNIVERSE_CHECKSUM_BYTES])
{
    FakeQxlPicture picture;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    ret[0] = '\0';
    if (recording_picture(&universe->recording, &picture)) {
        for (uint32_t y = 0; y < picture.height; y++) {
            for (uint32_t x = 0; x < picture.width; x++) {
                const uint8_t *pixel = picture.top + picture.stride * (ptrdiff_t)y + x * 4;
                g_checksum_update(sum, (const uint8_t[]){pixel[2], pixel[1], pixel[0]}, 3);
            }
        }
        g_strlcpy(ret, g_checksum_get_string(sum), UNIVERSE_CHECKSUM_BYTES);
    }
    g_checksum_free(sum);
}

static void run(const SimPlan *plan, const SimConfig *base, const UniverseKind *kind, SimOutcome *ret,
                char *ret_checksum)
{
    const bool tickets = kind->tickets;
    Universe universe = {.plan = plan, .outcome = ret, .tickets = tickets};
    const SimConfig config = configure(&universe, base);

    Sim *sim = universe.sim = sim_new(&config);
    CHECK(sim != NULL);
    universe.crypto = tickets ? crypto_new(sim_core(sim)) : NULL;
    const bool plays = kind->recording.len > 0;
    universe.qxl = plays ? NULL
                         : fake_qxl_new(&(FakeQxlConfig){.ram_bytes = 512u << 10,
                                                         .vram_bytes = 1u << 20,
                                                         .strict = true,
                                                         .choice = {qxl_choose, &universe}});
    if (plays && !recording_open(&universe.recording, kind->recording, sim, &universe.ending)) {
        fail(&universe, "this is no recording");
    }

    bool going = ret->failure[0] == '\0';
    if (going) {
        sim_spawn(sim, "main", main_setup, &universe);
        going = sim_run(sim, sim_now_ns(sim) + 100 * NS_PER_MS);
    }
    if (going && ret->failure[0] == '\0') {
        const uint32_t clients = sim_plan_knob(plan, "clients");
        const uint32_t vcpus = plays ? 0 : sim_plan_knob(plan, "vcpus");
        for (uint32_t i = 0; i < vcpus; i++) {
            sim_spawn(sim, "vcpu", vcpu, &universe);
        }
        if (plays) {
            sim_spawn(sim, "vcpu", player, &universe);
        }
        for (uint32_t i = 0; going && i < clients; i++) {
            visitor_arrive(&universe);
            going = sim_run(sim, sim_now_ns(sim) + choose(&universe, "gap", 300) * NS_PER_MS);
        }
        going = going && run_guest(&universe) && compare_pictures(&universe);
        if (going && ret_checksum != NULL && (plan->faults & SIM_FAULT_BIT(SIM_F9_ALLOC)) == 0) {
            picture_checksum(&universe, ret_checksum);
        }
        sim_spawn(sim, "main", main_teardown, &universe);
        going = going && sim_run(sim, sim_now_ns(sim) + 60 * NS_PER_S);
        if (going && universe.server != NULL) {
            fail(&universe, "the server was not destroyed in a minute");
        } else if (going) {
            collect(&universe);
        }
    }
    sim_outcome_take(ret, sim);
    for (uint32_t v = 0; v < universe.visitors_len; v++) {
        fake_client_free(universe.visitors[v].client);
    }
    crypto_free(universe.crypto);
    sim_free(sim);
    fake_qxl_free(universe.qxl);
    recording_close(&universe.recording);
}

/* ---- As a subject, and as a test ---- */

static void run_subject(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    run(plan, base, plan->subject->opaque, ret, NULL);
}

static const SimKnob knobs[] = {
    {"clients", 1, CLIENTS_MAX, "how many clients come"},
    {"vcpus", 0, 2, "how many processors the guest has"},
    {"acts", 0, 40, "what each of them does"},
};

static const UniverseKind with_tickets = {.tickets = true}, without_tickets = {0};

const SimSubject universe_subject = {
    .name = "universe",
    .about = "a machine with inputs and one display, a busy guest, and clients that come, act and die",
    .knobs = knobs,
    .knobs_len = sizeof knobs / sizeof knobs[0],
    .opaque = &without_tickets,
    .run = run_subject,
};

const SimSubject universe_tickets_subject = {
    .name = "universe-tickets",
    .about = "the same, and clients prove a password",
    .knobs = knobs,
    .knobs_len = sizeof knobs / sizeof knobs[0],
    .opaque = &with_tickets,
    .run = run_subject,
};

void universe_recording_init(RecordingSubject *subject, const char *name, Span text)
{
    static const SimKnob clients = {"clients", 1, CLIENTS_MAX, "how many clients come"};

    subject->kind = (UniverseKind){.recording = text};
    subject->subject = (SimSubject){
        .name = name,
        .about = "a machine with inputs and one display that plays a recording, and clients that come, act "
                 "and die",
        .knobs = &clients,
        .knobs_len = 1,
        .opaque = &subject->kind,
        .run = run_subject,
    };
}

static void to_stderr(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "  %s\n", line);
}

static void log_to_stderr(void *opaque, CoreLogLevel level, const char *line)
{
    (void)opaque;
    (void)level;
    fprintf(stderr, "  log: %s\n", line);
}

void universe_run(const UniverseConfig *config, UniverseResult *ret)
{
    RecordingSubject recording;
    universe_recording_init(&recording, "recording", config->recording);
    const UniverseKind kind = {.tickets = config->tickets, .recording = config->recording};
    SimPlan plan = sim_plan(config->recording.len > 0 ? &recording.subject
                            : config->tickets         ? &universe_tickets_subject
                                                      : &universe_subject,
                            config->seed, config->plain ? SIM_LEVEL_LOOPS : SIM_LEVEL_CALLS);
    SimOutcome outcome = {0};

    plan.scheduler = SIM_RANDOM;
    plan.faults = config->plain ? 0 : plan.faults;
    plan.knobs[0] = 1 + sim_plan_draw(&plan, "clients", config->clients_max);
    if (config->recording.len == 0) {
        plan.knobs[1] = 1 + sim_plan_draw(&plan, "vcpus", 2);
        plan.knobs[2] = 40;
    }
    const SimConfig base = {
        .seed = config->seed,
        .backend = config->backend,
        .level = plan.level,
        .faults_off = SIM_FAULTS_ALL & ~plan.faults,
        .log = config->verbose ? log_to_stderr : NULL,
        .trace = config->verbose ? to_stderr : NULL,
    };
    *ret = (UniverseResult){0};
    run(&plan, &base, &kind, &outcome, config->recording.len > 0 ? ret->checksum : NULL);
    ret->hash = outcome.hash;
    ret->steps = outcome.steps;
    ret->channels_opened = (uint32_t)outcome.worth;
    snprintf(ret->failure, sizeof ret->failure, "%s%.250s", outcome.where, outcome.failure);
}
