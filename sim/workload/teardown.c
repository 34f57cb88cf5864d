/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/teardown.h"

#include <errno.h>
#include <stdatomic.h>

#include <spice.h>

#include "api/server.h"
#include "base/check.h"
#include "fake-client/fake_client.h"
#include "fake_qxl.h"
#include "sim/workload/ticket_key.h"

#define PORT 5930
#define WIRES 3u /* main; those that are open, too; the one that is attached is the last */

typedef struct Teardown Teardown;

typedef struct Wire {
    Teardown *teardown;
    SimClient *step;
    SimClientOps ops;
    FakeConnection *connection;
    int handle; /* -1: none */
    atomic_bool ended;
} Wire;

struct Teardown {
    SimOutcome *outcome;
    Sim *sim;
    SpiceServer *server;
    FakeQxl *qxl;
    FakeClient *client;
    Wire wires[WIRES];
    uint32_t wires_len;
    bool complete; /* there will be no more */
    bool dies;     /* the last one is closed by the client, too, once it is open */
    /* The host's thread and the client both look at these; relaxed, so that they order nothing that the server has to
     * order itself. */
    atomic_bool leaving; /* the main channel is to be closed: the search is on */
    atomic_bool over;
    atomic_int events_open; /* CONNECTED without DISCONNECTED */
};

#define get(from) atomic_load_explicit(from, memory_order_relaxed)
#define set(to) atomic_store_explicit(to, true, memory_order_relaxed)

/* ---- The machine ---- */

static uint32_t qxl_choose(void *opaque, const char *site, uint32_t n)
{
    return sim_choose_at(opaque, site, n);
}

static void set_up(void *arg)
{
    Teardown *teardown = arg;

    teardown->server = server_new(sim_core(teardown->sim));
    spice_server_set_port(teardown->server, PORT);
    spice_server_set_noauth(teardown->server);
    if (spice_server_init(teardown->server, sim_host(teardown->sim)) != 0 ||
        spice_server_add_interface(teardown->server, &fake_qxl_instance(teardown->qxl)->base) != 0) {
        sim_outcome_fail(teardown->outcome, "harness: there is no server");
        return;
    }
    fake_qxl_connect(teardown->qxl);
    const FakeQxlPrimary primary = {.width = 64, .height = 48, .mouse_mode = 1};
    fake_qxl_primary_create(teardown->qxl, &primary, false);
    fake_qxl_running(teardown->qxl, true);
    spice_server_vm_start(teardown->server);
}

static void destroy(void *arg)
{
    Teardown *teardown = arg;
    spice_server_destroy(teardown->server);
    teardown->server = NULL;
}

/* ---- The client ---- */

/* The host has heard of every end, and the client of every answer. */
static void look_for_end(Teardown *teardown)
{
    bool over = get(&teardown->leaving) && get(&teardown->events_open) == 0;
    for (uint32_t i = 0; i < teardown->wires_len; i++) {
        over = over && get(&teardown->wires[i].ended);
    }
    if (over && !get(&teardown->over)) {
        set(&teardown->over);
        sim_search(teardown->sim, false);
    }
}

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    Teardown *teardown = opaque;

    (void)info;
    const int more = event == SPICE_CHANNEL_EVENT_CONNECTED      ? 1
                     : event == SPICE_CHANNEL_EVENT_DISCONNECTED ? -1
                                                                 : 0;
    atomic_fetch_add_explicit(&teardown->events_open, more, memory_order_relaxed);
    look_for_end(teardown);
}

static void wire_end(Wire *wire)
{
    if (wire->handle >= 0) {
        sim_close(wire->teardown->sim, wire->handle);
        wire->handle = -1;
        fake_connection_closed(wire->connection, sim_now_ns(wire->teardown->sim));
    }
    set(&wire->ended);
    sim_client_wait(wire->step, -1, 0, NS_NEVER);
    look_for_end(wire->teardown);
}

/* False: the connection has ended. */
static bool wire_read(Wire *wire, uint64_t now_ns)
{
    uint8_t buffer[4096];
    int64_t n;

    while ((n = sim_read(wire->teardown->sim, wire->handle, buffer, sizeof buffer)) > 0) {
        const bool was_open = fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
        wire->teardown->outcome->worth +=
            !was_open && fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
    }
    return n == -EAGAIN;
}

static bool wire_write(Wire *wire)
{
    Span out;

    while ((out = fake_connection_output(wire->connection)).len > 0) {
        const int64_t n = sim_write(wire->teardown->sim, wire->handle, out.data, out.len);
        if (n < 0) {
            return n == -EAGAIN;
        }
        fake_connection_sent(wire->connection, (size_t)n);
    }
    return !fake_connection_wants_close(wire->connection);
}

/* The last one is about to send its ticket: the next thing it hears is the link result. */
static bool ticket_is_ready(const Teardown *teardown)
{
    const Wire *last = &teardown->wires[teardown->wires_len - 1];
    return teardown->complete && fake_connection_state(last->connection) >= FAKE_STATE_RESULT;
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    Wire *wire = opaque;
    Teardown *teardown = wire->teardown;

    if (get(&wire->ended)) {
        return;
    }
    if (wire == &teardown->wires[0] && get(&teardown->leaving)) {
        wire_end(wire);
        return;
    }
    if (wire->handle < 0) {
        const CoreListen where = {.address = NULL, .port = PORT, .family = AF_UNSPEC};
        wire->handle = sim_connect(teardown->sim, &where);
    }
    if (wire->handle < 0 || ((ready & CORE_READ) != 0 && !wire_read(wire, now_ns))) {
        wire_end(wire);
        return;
    }
    if (!get(&teardown->leaving) && ticket_is_ready(teardown)) {
        set(&teardown->leaving);
        sim_client_wait(teardown->wires[0].step, -1, 0, now_ns); /* it closes, whenever it is its turn */
        sim_client_wait(step, -1, 0, now_ns);                    /* and this one sends, the same */
        sim_search(teardown->sim, true);
        return;
    }
    if (!wire_write(wire) || (teardown->dies && get(&teardown->leaving) &&
                              fake_connection_state(wire->connection) == FAKE_STATE_OPEN)) {
        wire_end(wire);
        return;
    }
    sim_client_wait(step, wire->handle,
                    CORE_READ | (fake_connection_output(wire->connection).len > 0 ? CORE_WRITE : 0),
                    NS_NEVER);
}

static void link_channel(Teardown *teardown, uint8_t channel, const char *name)
{
    Wire *wire = &teardown->wires[teardown->wires_len++];

    *wire = (Wire){.teardown = teardown, .handle = -1, .ops = {name, wire_step}};
    wire->connection = fake_client_connect(teardown->client, channel, 0, sim_now_ns(teardown->sim));
    wire->step = sim_client_add(teardown->sim, &wire->ops, wire);
}

/* ---- The whole ---- */

static void judge(Teardown *teardown)
{
    const FakeViolation *violations;
    FakeQxlReport report;

    if (teardown->server != NULL) {
        sim_outcome_fail(teardown->outcome, "the server was not destroyed in a minute");
    }
    if (fake_client_violations(teardown->client, &violations) > 0) {
        sim_outcome_fail(teardown->outcome, "channel %s: %s", wire_channel_name(violations->channel),
                         violations->text);
    }
    if (fake_qxl_check(teardown->qxl, true, &report) > 0) {
        sim_outcome_fail(teardown->outcome, "device: %s", fake_qxl_violation(teardown->qxl, 0));
    }
}

typedef struct Kind {
    bool has_display, dies;
} Kind;

static void run(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    const Kind *kind = plan->subject->opaque;
    Teardown teardown = {.outcome = ret, .dies = kind->dies};
    SimConfig config = *base;
    config.ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key);
    config.opaque = &teardown;
    config.channel_event = on_channel_event;
    config.clock_origin_ns = NS_PER_S;

    Sim *sim = teardown.sim = sim_new(&config);
    CHECK(sim != NULL);
    sim_search(sim, false);
    teardown.qxl = fake_qxl_new(&(FakeQxlConfig){
        .ram_bytes = 64u << 10, .vram_bytes = 64u << 10, .strict = true, .choice = {qxl_choose, sim}});
    FakeClientConfig client = fake_client_config_default();
    client.behaviour.cheap_ticket = true;
    teardown.client = fake_client_new(&client);

    sim_spawn(sim, "host", set_up, &teardown);
    bool going = sim_run(sim, sim_now_ns(sim) + NS_PER_S);
    if (going && ret->failure[0] == '\0') {
        link_channel(&teardown, WIRE_CHANNEL_MAIN, "main");
        going = sim_run(sim, sim_now_ns(sim) + NS_PER_S);
        if (going && !fake_client_main(teardown.client)->has_list) {
            sim_outcome_fail(ret, "harness: the client has no session");
        }
        if (kind->has_display) {
            link_channel(&teardown, WIRE_CHANNEL_DISPLAY, "display");
            going = going && sim_run(sim, sim_now_ns(sim) + NS_PER_S);
        }
        teardown.complete = true;
        link_channel(&teardown, kind->has_display ? WIRE_CHANNEL_CURSOR : WIRE_CHANNEL_DISPLAY, "late");
        going = going && sim_run(sim, sim_now_ns(sim) + 60 * NS_PER_S);
        if (going && !get(&teardown.over)) { /* nor will it have one before the server ends it */
            sim_outcome_fail(ret, "a connection has no end: %d without a DISCONNECTED",
                             get(&teardown.events_open));
        }
        sim_spawn(sim, "host", destroy, &teardown);
        going = going && sim_run(sim, sim_now_ns(sim) + 60 * NS_PER_S);
        if (going) {
            judge(&teardown);
        }
    }
    sim_outcome_take(ret, sim);
    fake_client_free(teardown.client);
    sim_free(sim);
    fake_qxl_free(teardown.qxl);
}

static const Kind display_is_late = {false, false}, display_is_open = {true, false}, all_dies = {false, true};

const SimSubject teardown_subject = {
    .name = "teardown",
    .about = "a client goes while a worker attaches its display: small enough for exhaustive schedulers",
    .opaque = &display_is_late,
    .run = run,
};

const SimSubject teardown_open_subject = {
    .name = "teardown-open",
    .about = "a client with an open display goes while a worker attaches its cursor",
    .opaque = &display_is_open,
    .run = run,
};

const SimSubject teardown_dies_subject = {
    .name = "teardown-dies",
    .about = "a client closes everything while a worker attaches its display",
    .opaque = &all_dies,
    .run = run,
};
