/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/universe/universe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spice.h>
#include <sumac.h>

#include "api/server.h"
#include "fake-client/fake_client.h"
#include "fake_qxl.h"
#include "sim/sim.h"
#include "tests/universe/ticket_key.h"

#define CLIENTS_MAX 4u
#define CONNECTIONS_MAX 8u
#define PORT 5930
#define PASSWORD "universe"
#define VCPU_STEPS 40u

typedef struct Universe Universe;
typedef struct Visitor Visitor;

/* One connection of a client, stepped by the scheduler. */
typedef struct Wire {
    Visitor *visitor;
    SimClient *step;
    FakeConnection *connection;
    int handle; /* -1: none */
    uint8_t channel;
    uint64_t act_ns; /* when it does something of its own */
} Wire;

struct Visitor {
    Universe *universe;
    FakeClient *client;
    Wire wires[CONNECTIONS_MAX];
    uint32_t wires_len;
    bool spread;   /* the other channels were connected */
    bool careless; /* it sent nonsense, or does not read: so it may wait for answers in vain */
};

struct Universe {
    const UniverseConfig *config;
    UniverseResult *result;
    Sim *sim;
    SpiceServer *server;
    FakeQxl *qxl;
    SpiceKbdInstance keyboard;
    SpiceMouseInstance mouse;
    SpiceTabletInstance tablet;
    Visitor visitors[CLIENTS_MAX];
    uint32_t visitors_len;
    bool stopped;    /* a stopped machine's vcpus do nothing */
    int events_open; /* CONNECTED without DISCONNECTED */
    Crypto *crypto;  /* the clients', as deterministic as the server's own */
};

static void fail(Universe *universe, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(Universe *universe, const char *format, ...)
{
    va_list args;

    if (universe->result->failure[0] != '\0') {
        return;
    }
    va_start(args, format);
    vsnprintf(universe->result->failure, sizeof universe->result->failure, format, args);
    va_end(args);
}

static uint32_t choose(Universe *universe, uint32_t n)
{
    return sim_choose(universe->sim, n);
}

/* ---- The host's devices: they only have to be there ---- */

static void push_scan(SpiceKbdInstance *sin, uint8_t byte)
{
    (void)sin;
    (void)byte;
}

static uint8_t get_leds(SpiceKbdInstance *sin)
{
    (void)sin;
    return 0;
}

static const SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
             SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan,
    .get_leds = get_leds,
};

static void mouse_motion(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons)
{
    (void)sin;
    (void)dx;
    (void)dy;
    (void)dz;
    (void)buttons;
}

static void mouse_buttons(SpiceMouseInstance *sin, uint32_t buttons)
{
    (void)sin;
    (void)buttons;
}

static const SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};

static void tablet_size(SpiceTabletInstance *sin, int width, int height)
{
    (void)sin;
    (void)width;
    (void)height;
}

static void tablet_position(SpiceTabletInstance *sin, int x, int y, uint32_t buttons)
{
    (void)sin;
    (void)x;
    (void)y;
    (void)buttons;
}

static void tablet_wheel(SpiceTabletInstance *sin, int dz, uint32_t buttons)
{
    (void)sin;
    (void)dz;
    (void)buttons;
}

static void tablet_buttons(SpiceTabletInstance *sin, uint32_t buttons)
{
    (void)sin;
    (void)buttons;
}

static const SpiceTabletInterface tablet_interface = {
    .base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
    .set_logical_size = tablet_size,
    .position = tablet_position,
    .wheel = tablet_wheel,
    .buttons = tablet_buttons,
};

/* ---- The host's threads ---- */

static uint32_t qxl_choose(void *opaque, const char *site, uint32_t n)
{
    (void)site;
    return choose(opaque, n);
}

static void main_setup(void *arg)
{
    Universe *universe = arg;

    universe->server = server_new(sim_core(universe->sim));
    spice_server_set_port(universe->server, PORT);
    spice_server_set_name(universe->server, "universe");
    if (universe->config->tickets) {
        spice_server_set_ticket(universe->server, PASSWORD, 0, 0, 0);
    } else {
        spice_server_set_noauth(universe->server);
    }
    if (choose(universe, 4) != 0) {
        spice_server_set_multiple_clients(universe->server, 1);
    }
    if (spice_server_init(universe->server, sim_host(universe->sim)) != 0) {
        fail(universe, "spice_server_init failed");
        return;
    }
    universe->keyboard.base.sif = &keyboard_interface.base;
    universe->mouse.base.sif = &mouse_interface.base;
    universe->tablet.base.sif = &tablet_interface.base;
    if (spice_server_add_interface(universe->server, &universe->keyboard.base) != 0 ||
        spice_server_add_interface(universe->server, &universe->mouse.base) != 0 ||
        spice_server_add_interface(universe->server, &universe->tablet.base) != 0 ||
        spice_server_add_interface(universe->server, &fake_qxl_instance(universe->qxl)->base) != 0) {
        fail(universe, "spice_server_add_interface failed");
        return;
    }
    fake_qxl_connect(universe->qxl);
    const FakeQxlPrimary primary = {.width = 640, .height = 480, .mouse_mode = 1};
    fake_qxl_primary_create(universe->qxl, &primary, false);
    fake_qxl_running(universe->qxl, true);
    spice_server_vm_start(universe->server);
}

/* What main and vcpus do: device traffic, and now and then a call of the host's own. */
static void vcpu(void *arg)
{
    Universe *universe = arg;
    const uint32_t work = FAKE_QXL_WORK_CURSOR | FAKE_QXL_WORK_SURFACES | FAKE_QXL_WORK_PRIMARY |
                          FAKE_QXL_WORK_MONITORS | FAKE_QXL_WORK_MEMSLOTS | FAKE_QXL_WORK_UPDATE |
                          FAKE_QXL_WORK_DRAW | FAKE_QXL_WORK_LIES;

    for (uint32_t i = 0; i < VCPU_STEPS; i++) {
        if (universe->stopped) {
            sim_sleep(universe->sim, NS_PER_MS);
            continue;
        }
        switch (choose(universe, 24)) {
        case 0:
            spice_server_kbd_leds(&universe->keyboard, (int)choose(universe, 8));
            break;
        case 1:
            spice_server_vm_stop(universe->server);
            fake_qxl_running(universe->qxl, false);
            universe->stopped = true;
            sim_sleep(universe->sim, choose(universe, 20) * NS_PER_MS);
            universe->stopped = false;
            fake_qxl_running(universe->qxl, true);
            spice_server_vm_start(universe->server);
            break;
        case 2:
            spice_qxl_reset_cursor(fake_qxl_instance(universe->qxl));
            break;
        case 3:
            if (universe->tablet.st != NULL) {
                spice_server_remove_interface(&universe->tablet.base);
            } else {
                spice_server_add_interface(universe->server, &universe->tablet.base);
            }
            break;
        case 4:
            (void)spice_server_get_num_clients(universe->server);
            break;
        default:
            fake_qxl_step(universe->qxl, work);
        }
        sim_sleep(universe->sim, choose(universe, 30) * NS_PER_MS);
    }
}

static void main_teardown(void *arg)
{
    Universe *universe = arg;

    if (choose(universe, 2) == 0) {
        spice_server_remove_interface(&fake_qxl_instance(universe->qxl)->base);
    }
    spice_server_destroy(universe->server);
    universe->server = NULL;
}

/* ---- Clients ---- */

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns);
static const SimClientOps wire_ops = {"client", wire_step};

static void visitor_connect(Visitor *visitor, uint8_t channel, uint8_t id)
{
    Universe *universe = visitor->universe;

    if (visitor->wires_len == CONNECTIONS_MAX) {
        return;
    }
    Wire *wire = &visitor->wires[visitor->wires_len++];
    *wire = (Wire){.visitor = visitor, .handle = -1, .channel = channel};
    wire->connection = fake_client_connect(visitor->client, channel, id, sim_now_ns(universe->sim));
    wire->step = sim_client_add(universe->sim, &wire_ops, wire);
    wire->act_ns = sim_now_ns(universe->sim) + (5 + choose(universe, 400)) * NS_PER_MS;
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
    if (main->channels_len > 0 && choose(visitor->universe, 6) == 0) {
        const WireChannelId again = main->channels[choose(visitor->universe, (uint32_t)main->channels_len)];
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

    wire->act_ns = now_ns + (1 + choose(universe, 300)) * NS_PER_MS;
    switch (choose(universe, 16)) {
    case 0:
        wire_end(wire, false);
        return;
    case 1:
        wire_end(wire, true);
        return;
    case 2: {
        static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        if (choose(universe, 4) == 0) {
            wire->visitor->careless = true;
            fake_connection_send_raw(wire->connection,
                                     span_of(nonsense, 1 + choose(universe, sizeof nonsense)));
        }
        return;
    }
    default:
        break;
    }
    if (fake_connection_state(wire->connection) != FAKE_STATE_OPEN) {
        return;
    }
    if (wire->channel == WIRE_CHANNEL_INPUTS) {
        switch (choose(universe, 5)) {
        case 0:
            fake_inputs_key(wire->connection, choose(universe, 2) == 0, 0x1e + choose(universe, 20));
            break;
        case 1:
            fake_inputs_motion(wire->connection, 3, -2, 0);
            break;
        case 2:
            fake_inputs_position(wire->connection, choose(universe, 700), choose(universe, 500), 0, 0);
            break;
        case 3:
            fake_inputs_button(wire->connection, choose(universe, 2) == 0, (uint8_t)choose(universe, 8), 1);
            break;
        default:
            fake_inputs_modifiers(wire->connection, (uint16_t)choose(universe, 8));
        }
    } else if (wire->channel == WIRE_CHANNEL_MAIN && choose(universe, 3) == 0) {
        const WireMsgc request = {
            .channel = WIRE_CHANNEL_MAIN,
            .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
            .u.main_mouse_mode_request.mode = (uint16_t)(1 + choose(universe, 2)),
        };
        fake_connection_send(wire->connection, &request);
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
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
        if (!was_open && fake_connection_state(wire->connection) == FAKE_STATE_OPEN) {
            wire->visitor->universe->result->channels_opened++;
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
    config.password = universe->config->tickets ? PASSWORD : NULL;
    config.full_header = choose(universe, 4) == 0;
    config.client_mouse = choose(universe, 2) == 0;
    config.crypto = universe->config->tickets ? crypto_context(universe->crypto) : NULL;
    config.behaviour.cheap_ticket = !universe->config->tickets;
    if (!universe->config->plain) {
        config.behaviour.never_ack = choose(universe, 12) == 0;
        config.behaviour.never_pong = choose(universe, 12) == 0;
        config.behaviour.skip_display_init = choose(universe, 8) == 0;
        config.behaviour.stop_reading_after = choose(universe, 10) == 0 ? 1 + choose(universe, 10) : 0;
        if (choose(universe, 6) == 0) {
            config.behaviour.link_lie = (FakeLinkLie)choose(universe, FAKE_LINK_LIES);
        }
    }
    visitor->careless = config.behaviour.stop_reading_after > 0;
    visitor->client = fake_client_new(&config);
    visitor_connect(visitor, WIRE_CHANNEL_MAIN, 0);
}

/* ---- The whole ---- */

static void on_log(void *opaque, CoreLogLevel level, const char *line)
{
    const Universe *universe = opaque;

    (void)level;
    if (universe->config->verbose) {
        fprintf(stderr, "  log: %s\n", line);
    }
}

static void on_trace(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "  %s\n", line);
}

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    Universe *universe = opaque;

    (void)info;
    universe->events_open += event == SPICE_CHANNEL_EVENT_CONNECTED      ? 1
                             : event == SPICE_CHANNEL_EVENT_DISCONNECTED ? -1
                                                                         : 0;
}

/* A number below 2^16, from the seed but not from the universe's own stream. */
static uint32_t early(uint64_t seed, uint32_t salt)
{
    uint64_t x = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + salt * UINT64_C(0xbf58476d1ce4e5b9);

    x ^= x >> 31;
    x *= UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x >> 48);
}

static void configure(const Universe *universe, SimConfig *ret)
{
    const uint64_t seed = universe->config->seed;
    static const uint64_t origins_ns[] = {0, 1000, UINT64_C(2147483640) * NS_PER_MS,
                                          UINT64_C(4294967290) * NS_PER_MS, UINT64_C(9000000000) * NS_PER_MS};

    *ret = (SimConfig){
        .seed = seed,
        .backend = universe->config->backend,
        .level = SIM_LEVEL_CALLS,
        .clock_origin_ns = origins_ns[early(seed, 1) % 5],
        .ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key),
        .opaque = (void *)universe,
        .log = on_log,
        .trace = universe->config->verbose ? on_trace : NULL,
        .channel_event = on_channel_event,
    };
    if (universe->config->plain) {
        ret->level = SIM_LEVEL_LOOPS;
        return;
    }
    ret->switch_one_in = 1 + early(seed, 2) % 16;
    ret->spurious_one_in = early(seed, 3) % 3 == 0 ? 5 : 0;
    ret->slip_one_in = early(seed, 4) % 4 == 0 ? 50 : 0;
    ret->alloc_fail_one_in = early(seed, 5) % 8 == 0 ? 40 : 0;
    ret->handles_max = early(seed, 6) % 8 == 0 ? 14 : 0;
    ret->net = (SimNet){
        .latency_ns = early(seed, 7) % 3 * 10 * NS_PER_MS,
        .jitter_ns = early(seed, 8) % 2 * 5 * NS_PER_MS,
        .bytes_per_s = early(seed, 9) % 4 == 0 ? 20000 : 0,
        .send_buffer = early(seed, 10) % 3 == 0 ? 600 : 0,
        .receive_buffer = early(seed, 11) % 3 == 0 ? 600 : 0,
        .split_one_in = early(seed, 12) % 2 == 0 ? 3 : 0,
    };
}

static void collect(Universe *universe)
{
    const FakeViolation *violations;

    for (uint32_t v = 0; v < universe->visitors_len; v++) {
        const size_t n = fake_client_violations(universe->visitors[v].client, &violations);
        const bool own_fault =
            universe->visitors[v].careless && n > 0 &&
            (violations->rule == FAKE_RULE_IN_TIME || violations->rule == FAKE_RULE_LINK_RESULT);
        if (n > 0 && !own_fault) {
            fail(universe, "client %u, channel %s:%u, message %llu: %s", v,
                 wire_channel_name(violations->channel), violations->channel_id,
                 (unsigned long long)violations->serial, violations->text);
        }
    }
    FakeQxlReport report;
    if (fake_qxl_check(universe->qxl, true, &report) > 0) {
        fail(universe, "device: %s", fake_qxl_violation(universe->qxl, 0));
    }
    if (universe->events_open != 0) {
        fail(universe, "%d connections without a DISCONNECTED", universe->events_open);
    }
    if (sim_leaks(universe->sim) != NULL) {
        fail(universe, "left behind: %s", sim_leaks(universe->sim));
    }
}

void universe_run(const UniverseConfig *config, UniverseResult *ret)
{
    Universe universe = {.config = config, .result = ret};
    SimConfig sim_config;

    *ret = (UniverseResult){0};
    configure(&universe, &sim_config);
    universe.sim = sim_new(&sim_config);
    universe.crypto = crypto_new(sim_core(universe.sim));
    universe.qxl = fake_qxl_new(&(FakeQxlConfig){
        .ram_bytes = 1u << 20, .vram_bytes = 4u << 20, .strict = true, .choice = {qxl_choose, &universe}});

    Sim *sim = universe.sim;
    sim_spawn(sim, "main", main_setup, &universe);
    bool going = sim_run(sim, sim_now_ns(sim) + 100 * NS_PER_MS);
    if (going && ret->failure[0] == '\0') {
        const uint32_t clients = 1 + choose(&universe, config->clients_max);
        sim_spawn(sim, "vcpu", vcpu, &universe);
        if (choose(&universe, 2) == 0) {
            sim_spawn(sim, "vcpu 2", vcpu, &universe);
        }
        for (uint32_t i = 0; going && i < clients; i++) {
            visitor_arrive(&universe);
            going = sim_run(sim, sim_now_ns(sim) + choose(&universe, 300) * NS_PER_MS);
        }
        /* Long enough for the vcpus to end; sometimes for silent clients to be thrown out. */
        going = going && sim_run(sim, sim_now_ns(sim) + (4 + choose(&universe, 2) * 40) * NS_PER_S);
        sim_spawn(sim, "main", main_teardown, &universe);
        (void)(going && sim_run(sim, sim_now_ns(sim) + 60 * NS_PER_S));
    }
    if (sim_failure(sim) != NULL) {
        fail(&universe, "%s", sim_failure(sim));
    } else if (universe.server != NULL) {
        fail(&universe, "the server was not destroyed in a minute");
    } else {
        collect(&universe);
    }
    ret->hash = sim_hash(sim);
    ret->steps = sim_steps(sim);
    for (uint32_t v = 0; v < universe.visitors_len; v++) {
        fake_client_free(universe.visitors[v].client);
    }
    crypto_free(universe.crypto);
    (void)sim_leaks(sim); /* seen, whatever they are */
    sim_free(sim);
    fake_qxl_free(universe.qxl);
}
