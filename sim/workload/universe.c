/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/universe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spice.h>
#include <sumac.h>

#include "api/server.h"
#include "base/check.h"
#include "fake_input.h"
#include "fake_qxl.h"
#include "sim/explore/plan.h"
#include "sim/workload/peripherals.h"
#include "sim/workload/pictures.h"
#include "sim/workload/recording.h"
#include "sim/workload/ticket_key.h"
#include "sim/workload/visitors.h"

#define CLIENTS_MAX 4u
#define CROWD_MIN 100u
#define CROWD_MAX 400u
#define CROWD_LOOKS 4u /* of a crowd, so many render what they are shown */
#define DEVICES_MAX 3u
#define SURFACES_LOOKED_AT 64u  /* ids; as many as the device announces */
#define QUIET_NS (3 * NS_PER_S) /* without a byte for a client: nothing is owed to it */
#define QUIET_TURNS_MAX 100u
#define PLAY_TURNS_MAX 100000u  /* simulated seconds that a recording may take */
#define PAINT_MAX 60u           /* drawings in a row */
#define CROWD_PAINT_MAX 3u      /* everybody gets them */
#define REST_NS (60 * NS_PER_S) /* in which nothing may become more */
#define REST_LOOKS 40u          /* for somebody who still has something to do: a ping may be on its way */
#define LATE_ONE_IN 4u          /* universes have a client who comes when the faults are over */
#define PAUSE_MS 300u           /* of a client's connection between two acts */
#define CROWD_PAUSE_MS 3000u
#define CROWD_LEAVES 6u /* one in so many acts is the connection's last */
#define GAP_MS 300u     /* between two clients who come */
#define CROWD_GAP_MS 8u
#define SETUPS_MAX                                                                                           \
    200u /* attempts; of ten things that fail one in four times, all succeed one in eighteen times */
#define PORT 5930
#define PASSWORD "universe"

typedef struct Universe {
    const SimPlan *plan;
    SimOutcome *outcome;
    const UniverseKind *kind;
    Sim *sim;
    SpiceServer *server;
    FakeQxl *qxl[DEVICES_MAX];
    uint32_t qxl_len; /* 0: a recording is played instead */
    Recording recording;
    FakeInput input; /* only has to be there */
    Peripherals peripherals;
    Visitors visitors;
    uint32_t vcpus_left; /* that still have something to do */
    bool busy;           /* a vcpu is in a call of its device's */
    bool stopped;        /* a stopped machine's vcpus do nothing */
    bool ending;         /* and neither do those of one that is switched off */
    int events_open;     /* CONNECTED without DISCONNECTED */
    uint32_t meddle_one_in;
    Crypto *crypto; /* the clients', as deterministic as the server's own */
} Universe;

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

static void devices_run(Universe *universe, bool on)
{
    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        fake_qxl_running(universe->qxl[i], on);
    }
}

/* False: it could not be made, which nobody is to blame for where things are scarce. */
static bool try_setup(Universe *universe)
{
    universe->server = server_new(sim_core(universe->sim));
    spice_server_set_port(universe->server, PORT);
    spice_server_set_name(universe->server, "universe");
    if (universe->kind->tickets) {
        spice_server_set_ticket(universe->server, PASSWORD, 0, 0, 0);
    } else {
        spice_server_set_noauth(universe->server);
    }
    if (universe->kind->crowd || choose(universe, "multiple", 4) != 0) {
        spice_server_set_multiple_clients(universe->server, 1);
    }
    if (spice_server_init(universe->server, sim_host(universe->sim)) != 0) {
        return false;
    }
    choose_compression(universe);
    fake_input_init(&universe->input, NULL, NULL);
    bool added = fake_input_add(&universe->input, universe->server);
    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        added = added &&
                spice_server_add_interface(universe->server, &fake_qxl_instance(universe->qxl[i])->base) == 0;
    }
    added = added && (universe->qxl_len > 0 || recording_add(&universe->recording, universe->server));
    added = added && (!universe->kind->machine || peripherals_add(&universe->peripherals, universe->server));
    return added;
}

/* A host that does not get its server or devices makes them anew, until it does. */
static void main_setup(void *arg)
{
    Universe *universe = arg;

    for (uint32_t i = 0; !try_setup(universe); i++) {
        if (!universe->kind->scarce || i == SETUPS_MAX) {
            fail(universe, "spice_server_init or spice_server_add_interface failed");
            return;
        }
        spice_server_destroy(universe->server);
        universe->server = NULL;
    }
    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        const FakeQxlPrimary primary = {.width = 320, .height = 240, .mouse_mode = 1};
        fake_qxl_connect(universe->qxl[i]);
        fake_qxl_primary_create(universe->qxl[i], &primary, false);
    }
    devices_run(universe, true);
    spice_server_vm_start(universe->server);
}

/* A guest's step: the big lock is held until it is done. */
static bool guest_step(Universe *universe, FakeQxl *qxl, uint32_t work)
{
    universe->busy = true;
    const bool done = fake_qxl_step(qxl, work);
    universe->busy = false;
    return done;
}

/* Much at once, so that drawings wait together. */
static void paint(Universe *universe, FakeQxl *qxl, uint32_t drawings)
{
    for (uint32_t i = 0; i < drawings && !universe->stopped && !universe->ending; i++) {
        if (!guest_step(universe, qxl, FAKE_QXL_WORK_PAINT)) {
            sim_sleep(universe->sim, NS_PER_MS); /* the ring is full, or memory is used up */
        }
    }
}

/* The tablet comes, or goes. */
static void plug_tablet(Universe *universe)
{
    if (universe->input.tablet.st != NULL) {
        spice_server_remove_interface(&universe->input.tablet.base);
    } else {
        spice_server_add_interface(universe->server, &universe->input.tablet.base);
    }
}

/* The guest writes to what it has lent, if it has lent anything. */
static bool meddle(Universe *universe)
{
    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        FakeQxl *qxl = universe->qxl[i];
        if (fake_qxl_lends(qxl) &&
            sim_fault(universe->sim, SIM_F10_MEMORY, universe->meddle_one_in, 1) != 0) {
            return fake_qxl_meddle(qxl);
        }
    }
    return false;
}

/* What main and vcpus do: device traffic, and now and then a call of the host's own. */
static void vcpu(void *arg)
{
    Universe *universe = arg;
    const uint32_t acts = sim_plan_knob(universe->plan, "acts");
    const uint32_t drawings_max = universe->kind->crowd ? CROWD_PAINT_MAX : PAINT_MAX;
    const uint32_t honest = FAKE_QXL_WORK_CURSOR | FAKE_QXL_WORK_SURFACES | FAKE_QXL_WORK_PRIMARY |
                            FAKE_QXL_WORK_MONITORS | FAKE_QXL_WORK_MEMSLOTS | FAKE_QXL_WORK_UPDATE |
                            FAKE_QXL_WORK_DRAW | FAKE_QXL_WORK_PAINT;

    for (uint32_t i = 0; i < acts && !universe->ending; i++) {
        if (universe->stopped) {
            sim_sleep(universe->sim, NS_PER_MS);
            continue;
        }
        if (happens(universe, SIM_F11_STOP, 24)) {
            spice_server_vm_stop(universe->server);
            devices_run(universe, false);
            universe->stopped = true;
            sim_sleep(universe->sim, choose(universe, "stopped", 20) * NS_PER_MS);
            universe->stopped = false;
            if (universe->ending) {
                break;
            }
            devices_run(universe, true);
            spice_server_vm_start(universe->server);
        } else if (happens(universe, SIM_F10_INTERFACE, 24)) {
            plug_tablet(universe);
        } else if (meddle(universe)) {
            continue; /* at once: what was read before may be read again soon */
        } else {
            const bool lies = happens(universe, SIM_F11_LIES, 3);
            FakeQxl *qxl = universe->qxl[choose(universe, "device", universe->qxl_len)];
            if (universe->kind->machine && choose(universe, "peripherals", 3) == 0) {
                peripherals_act(&universe->peripherals);
            }
            switch (choose(universe, "act", 24)) {
            case 0:
                spice_server_kbd_leds(&universe->input.keyboard, (int)choose(universe, "leds", 8));
                break;
            case 1:
                universe->busy = true;
                fake_qxl_cursor_reset(qxl);
                universe->busy = false;
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
                paint(universe, qxl, 1 + choose(universe, "drawings", drawings_max));
                break;
            default:
                guest_step(universe, qxl, lies ? honest | FAKE_QXL_WORK_LIES : honest);
            }
        }
        sim_sleep(universe->sim, choose(universe, "pause", 30) * NS_PER_MS);
    }
    universe->vcpus_left--;
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

    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        for (uint32_t id = 0; id < SURFACES_LOOKED_AT && !universe->stopped; id++) {
            fake_qxl_update_area(universe->qxl[i], id, &all, false);
        }
    }
}

static void main_teardown(void *arg)
{
    Universe *universe = arg;

    universe->ending = true;
    if (choose(universe, "unplug", 2) == 0) {
        const uint32_t which = choose(universe, "unplugged", universe->qxl_len == 0 ? 1 : universe->qxl_len);
        spice_server_remove_interface(universe->qxl_len == 0
                                          ? &universe->recording.device.instance.base
                                          : &fake_qxl_instance(universe->qxl[which])->base);
    }
    spice_server_destroy(universe->server);
    universe->server = NULL;
}

/* ---- The whole ---- */

/* A host that calls back from inside a callback, with its lock held: whatever it may call from there. */
static void reenter(Universe *universe)
{
    SpiceServer *server = universe->server;

    if (server == NULL || universe->ending) {
        return;
    }
    switch (sim_fault(universe->sim, SIM_F10_REENTER, 6, 6)) {
    case 1:
        for (uint32_t i = 0; i < universe->qxl_len; i++) {
            spice_qxl_wakeup(fake_qxl_instance(universe->qxl[i]));
        }
        break;
    case 2:
        plug_tablet(universe);
        break;
    case 3:
        spice_server_kbd_leds(&universe->input.keyboard, (int)choose(universe, "leds", 8));
        break;
    case 4:
        if (universe->qxl_len > 0 && !universe->stopped && !universe->busy) {
            spice_server_vm_stop(server);
            devices_run(universe, false);
            devices_run(universe, true);
            spice_server_vm_start(server);
        }
        break;
    case 5:
        if (!universe->kind->tickets) {
            spice_server_set_ticket(server, PASSWORD, 0, 0, 1); /* everybody is thrown out */
            spice_server_set_noauth(server);
        }
        break;
    case 6:
        choose_compression(universe);
        break;
    default:
        break;
    }
}

/* On the worker's thread, without the lock: what may be called from any thread. */
static void inside_device(void *opaque, QXLInstance *instance)
{
    Universe *universe = opaque;

    if ((universe->plan->faults & SIM_FAULT_BIT(SIM_F10_REENTER)) == 0) {
        return; /* rings are looked at all the time */
    }
    switch (sim_fault(universe->sim, SIM_F10_REENTER, 32, 2)) {
    case 1:
        spice_qxl_wakeup(instance);
        break;
    case 2:
        spice_qxl_oom(instance);
        break;
    default:
        break;
    }
}

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    Universe *universe = opaque;

    (void)info;
    universe->events_open += event == SPICE_CHANNEL_EVENT_CONNECTED      ? 1
                             : event == SPICE_CHANNEL_EVENT_DISCONNECTED ? -1
                                                                         : 0;
    reenter(universe);
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
    universe->meddle_one_in = sim_plan_rate(plan, SIM_F10_MEMORY, 8, 1024);
    config.ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key);
    config.opaque = universe;
    config.channel_event = on_channel_event;
    config.switch_one_in = 1 + sim_plan_draw(plan, "switch", 16);
    config.spurious_one_in = sim_plan_rate(plan, SIM_SOCKET_SPURIOUS, 4, 64);
    config.slip_one_in = sim_plan_rate(plan, SIM_F8_SLIP, 32, 512);
    config.alloc_fail_one_in = sim_plan_rate(plan, SIM_F9_ALLOC, 16, 256);
    config.broken_one_in = sim_plan_rate(plan, SIM_F2_WRITE, 16, 1024);
    config.blackhole_one_in = sim_plan_rate(plan, SIM_F6_BLACKHOLE, 64, 1024);
    config.scarce_one_in = universe->kind->scarce ? 4u << sim_plan_draw(plan, "scarce", 4) : 0;
    config.slow_one_in = sim_plan_rate(plan, SIM_WORKER_SLOW, 2, 16);
    config.jump_one_in = sim_plan_rate(plan, SIM_F8_JUMP, 64, 4096);
    config.wall_one_in = sim_plan_rate(plan, SIM_F8_WALL, 2, 16);
    config.processors = 1 + sim_plan_draw(plan, "processors", 3);
    if (!universe->kind
             ->crowd) { /* some times what was ever seen: 4 MB, 9 tasks, room for 128 items, 64 KiB */
        const bool is_recorded = universe->qxl_len == 0; /* by a guest as large as it liked to be */
        config.bounds = (SimBounds){is_recorded ? 0 : UINT64_C(32) << 20, 128, 1024, UINT64_C(1) << 20};
    }
    config.handles_max = sim_plan_rate(plan, SIM_F9_HANDLES, 14, 14);
    const bool is_slow = (plan->faults & SIM_FAULT_BIT(SIM_SOCKET_BANDWIDTH)) != 0;
    const bool is_far = (plan->faults & SIM_FAULT_BIT(SIM_SOCKET_LATENCY)) != 0;
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

/* Until nobody is sent anything any more. False: the universe came to an end. */
static bool wait_until_quiet(Universe *universe)
{
    Sim *sim = universe->sim;

    for (uint64_t before = UINT64_MAX, turns = 0; turns < QUIET_TURNS_MAX; turns++) {
        const uint64_t now = visitors_bytes(&universe->visitors);
        if (now == before) {
            break;
        }
        before = now;
        if (!sim_run(sim, sim_now_ns(sim) + QUIET_NS)) {
            return false;
        }
    }
    return true;
}

/* Once all is quiet every client that could follow, from the first-th on, shows what the server has drawn for the guest. */
static bool compare_pictures(Universe *universe, uint32_t first)
{
    Sim *sim = universe->sim;
    FakeQxlPicture recorded;

    if ((universe->qxl_len == 0 && !recording_picture(&universe->recording, &recorded)) ||
        (universe->qxl_len == 1 && !fake_qxl_has_primary(universe->qxl[0]))) {
        return true;
    }
    if (universe->qxl_len > 0) {
        sim_spawn(sim, "main", main_look, universe);
    }
    if (!sim_run(sim, sim_now_ns(sim) + QUIET_NS)) {
        return false;
    }
    for (uint32_t v = first; v < universe->visitors.len; v++) {
        const Visitor *visitor = &universe->visitors.list[v];
        for (uint32_t i = 0; i < visitor->wires_len; i++) {
            const Wire *wire = &visitor->wires[i];
            char where[120];
            if (!wire_shows(wire) ||
                (universe->qxl_len > 0 && (!fake_qxl_has_primary(universe->qxl[wire->id]) ||
                                           fake_qxl_has_meddled(universe->qxl[wire->id])))) {
                continue;
            }
            if (universe->qxl_len == 0
                    ? picture_differs(&recorded, wire->connection, 0, where, sizeof where)
                    : pictures_differ(universe->qxl[wire->id], wire->connection, where, sizeof where)) {
                fail(universe, "client %u %s", visitor->number, where);
            }
        }
    }
    return true;
}

/* ---- Rest ---- */

/* Of whom the server is not done with; NULL: of nobody. */
static const Wire *restless(const Universe *universe, const char **ret_why)
{
    for (uint32_t v = 0; v < universe->visitors.len; v++) {
        const Visitor *visitor = &universe->visitors.list[v];
        for (uint32_t i = 0; i < visitor->wires_len; i++) {
            const Wire *wire = &visitor->wires[i];
            *ret_why = wire_is_quiet(wire) ? sim_unrest(universe->sim, wire->handle) : NULL;
            if (*ret_why != NULL) {
                return wire;
            }
        }
    }
    return NULL;
}

/* Nobody is connected who does not read, acknowledge, hear or say what is waited for. */
static bool all_are_quiet(const Universe *universe)
{
    if ((sim_faults_met(universe->sim) & SIM_FAULT_BIT(SIM_F6_BLACKHOLE)) != 0) {
        return false; /* the server may not know yet of one who has left */
    }
    for (uint32_t v = 0; v < universe->visitors.len; v++) {
        const Visitor *visitor = &universe->visitors.list[v];
        for (uint32_t i = 0; i < visitor->wires_len; i++) {
            if (visitor->wires[i].handle >= 0 && (visitor->silent || !wire_is_quiet(&visitor->wires[i]))) {
                return false;
            }
        }
    }
    return true;
}

static bool look_for_unrest(Universe *universe)
{
    const Wire *wire = NULL;
    const char *why = NULL;
    size_t filled = 0;

    for (uint32_t i = 0; i < REST_LOOKS; i++) {
        wire = restless(universe, &why);
        filled = all_are_quiet(universe) ? sim_pipes_filled(universe->sim) : 0;
        if (wire == NULL && filled == 0) {
            break;
        }
        if (!sim_run(universe->sim, sim_now_ns(universe->sim) + 100 * NS_PER_MS)) {
            return false;
        }
    }
    if (wire != NULL) {
        fail(universe, "not at rest: client %u, %s:%u: %s", wire->visitor->number,
             wire_channel_name(wire->channel), wire->id, why);
    } else if (filled > 0) {
        fail(universe, "not at rest: %zu pipes are not empty, and everybody reads", filled);
    }
    return true;
}

/* Whoever comes now is served as if nothing had ever happened. */
static void look_at_late(Universe *universe)
{
    const Visitor *late = &universe->visitors.list[universe->visitors.len - 1];

    if (late->wires_len < 2) {
        fail(universe, "not at rest: a client who comes now is not told of its channels");
    }
    for (uint32_t i = 0; i < late->wires_len; i++) {
        const Wire *wire = &late->wires[i];
        if (!wire_is_quiet(wire)) {
            fail(universe, "not at rest: a client who comes now does not get channel %s:%u",
                 wire_channel_name(wire->channel), wire->id);
        } else if (wire->channel == WIRE_CHANNEL_DISPLAY && universe->qxl_len > 0 &&
                   fake_qxl_has_primary(universe->qxl[wire->id]) &&
                   !fake_connection_display(wire->connection)->marked) {
            fail(universe, "not at rest: a client who comes now is not shown screen %u", wire->id);
        }
    }
}

/* A worker that was slow may have kept them. False: the universe came to an end. */
static bool wait_for_vcpus(Universe *universe)
{
    bool going = true;
    for (uint32_t turns = 0; going && universe->vcpus_left > 0 && turns < QUIET_TURNS_MAX; turns++) {
        going = sim_run(universe->sim, sim_now_ns(universe->sim) + NS_PER_S);
    }
    return going;
}

/* Faults stop, nobody does anything of its own any more, and everything comes to rest: who is still there, and somebody
 * who comes now, shows what was drawn; nothing waits for anybody; and nothing becomes more. False: the universe came to
 * an end. */
static bool settle(Universe *universe)
{
    Sim *sim = universe->sim;
    /* Where memory was refused to the server, clients that were there have lost drawings. */
    const bool lost = (universe->plan->faults & SIM_FAULT_BIT(SIM_F9_ALLOC)) != 0;
    const bool has_late = !universe->kind->crowd && choose(universe, "late", LATE_ONE_IN) == 0;

    sim_calm(sim);
    universe->visitors.resting = true;
    if (!wait_for_vcpus(universe) || !wait_until_quiet(universe)) {
        return false;
    }
    if (has_late) {
        if (!lost && !compare_pictures(universe, 0)) { /* it may throw the others out */
            return false;
        }
        visitors_arrive(&universe->visitors);
        if (!wait_until_quiet(universe)) {
            return false;
        }
        look_at_late(universe);
    }
    const uint32_t late = universe->visitors.len - has_late;
    if (!compare_pictures(universe, lost ? late : 0) || !look_for_unrest(universe) ||
        !sim_run(sim, sim_now_ns(sim) + REST_NS)) {
        return false;
    }
    const SimHeld before = sim_held(sim);
    if (!sim_run(sim, sim_now_ns(sim) + REST_NS)) {
        return false;
    }
    const SimHeld after = sim_held(sim);
    const char *more = sim_held_more(&before, &after);
    if (more != NULL) {
        fail(universe, "not at rest: there are more and more %s", more);
    }
    return true;
}

static void collect(Universe *universe)
{
    const FakeViolation *violations;

    for (uint32_t v = 0; v < universe->visitors.len; v++) {
        const size_t n = fake_client_violations(universe->visitors.list[v].client, &violations);
        /* Who sends nonsense, does not read, is cut off without a word or finds no handle free may wait for an
         * answer in vain; and so may all when time goes on without the server, or its worker is slow. */
        const bool may_wait = universe->visitors.list[v].careless || sim_slips(universe->sim) > 0 ||
                              (universe->plan->faults &
                               (SIM_FAULT_BIT(SIM_F6_BLACKHOLE) | SIM_FAULT_BIT(SIM_F9_HANDLES))) != 0 ||
                              (sim_faults_met(universe->sim) & SIM_FAULT_BIT(SIM_WORKER_SLOW)) != 0;
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
    if (universe->qxl_len == 0) {
        const char *complaint = recording_complaint(&universe->recording);
        if (complaint != NULL) {
            fail(universe, "device: %s", complaint);
        }
    }
    for (uint32_t i = 0; i < universe->qxl_len; i++) {
        if (fake_qxl_check(universe->qxl[i], true, &report) > 0) {
            fail(universe, "device: %s", fake_qxl_violation(universe->qxl[i], 0));
        }
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
         universe->qxl_len == 0 && going && !universe->recording.over && turns < PLAY_TURNS_MAX; turns++) {
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
    Universe universe = {.plan = plan, .outcome = ret, .kind = kind};
    const SimConfig config = configure(&universe, base);

    Sim *sim = universe.sim = sim_new(&config);
    CHECK(sim != NULL);
    universe.crypto = kind->tickets ? crypto_new(sim_core(sim)) : NULL;
    const bool plays = kind->recording.len > 0;
    const uint32_t clients = sim_plan_knob(plan, "clients");
    visitors_init(&universe.visitors, &(VisitorsConfig){
                                          .sim = sim,
                                          .outcome = ret,
                                          .port = PORT,
                                          .max = clients + 1, /* one may come late */
                                          .password = kind->tickets ? PASSWORD : NULL,
                                          .pause_ms = kind->crowd ? CROWD_PAUSE_MS : PAUSE_MS,
                                          .leaves = kind->crowd ? CROWD_LEAVES : 0,
                                          .web = kind->machine ? 3 : 0,
                                          .look = kind->crowd ? CROWD_LOOKS : clients + 1,
                                      });
    peripherals_init(&universe.peripherals, sim, ret);
    universe.qxl_len = plays ? 0 : kind->machine ? sim_plan_knob(plan, "devices") : 1;
    for (uint32_t i = 0; i < universe.qxl_len; i++) {
        universe.qxl[i] = fake_qxl_new(&(FakeQxlConfig){.id = (int)i,
                                                        .ram_bytes = 512u << 10,
                                                        .vram_bytes = 1u << 20,
                                                        .strict = true,
                                                        .own_clients = true,
                                                        .choice = {qxl_choose, &universe},
                                                        .inside = inside_device,
                                                        .inside_opaque = &universe});
    }
    if (plays && !recording_open(&universe.recording, kind->recording, sim, &universe.ending)) {
        fail(&universe, "this is no recording");
    }

    bool going = ret->failure[0] == '\0';
    if (going) {
        sim_spawn(sim, "main", main_setup, &universe);
        going = sim_run(sim, sim_now_ns(sim) + 100 * NS_PER_MS);
    }
    if (going && ret->failure[0] == '\0') {
        const uint32_t vcpus = plays ? 0 : sim_plan_knob(plan, "vcpus");
        for (uint32_t i = 0; i < vcpus; i++) {
            universe.vcpus_left++;
            sim_spawn(sim, "vcpu", vcpu, &universe);
        }
        if (plays) {
            sim_spawn(sim, "vcpu", player, &universe);
        }
        universe.visitors.config.crypto = kind->tickets ? crypto_context(universe.crypto) : NULL;
        for (uint32_t i = 0; going && i < clients; i++) {
            visitors_arrive(&universe.visitors);
            going =
                sim_run(sim, sim_now_ns(sim) +
                                 choose(&universe, "gap", kind->crowd ? CROWD_GAP_MS : GAP_MS) * NS_PER_MS);
        }
        /* Where nothing is in its way a crowd is there at once, main and the channels that main told of. */
        if (going && kind->crowd && plan->faults == 0) {
            going = sim_run(sim, sim_now_ns(sim) + NS_PER_S);
            const uint32_t open = visitors_open(&universe.visitors);
            if (going && open < 2 * clients) {
                fail(&universe, "of a crowd of %u only %u connections are open", clients, open);
            }
        }
        going = going && run_guest(&universe) && settle(&universe);
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
    visitors_free(&universe.visitors);
    crypto_free(universe.crypto);
    sim_free(sim);
    for (uint32_t i = 0; i < universe.qxl_len; i++) {
        fake_qxl_free(universe.qxl[i]);
    }
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

static const SimKnob machine_knobs[] = {
    {"clients", 1, CLIENTS_MAX, "how many clients come"},
    {"vcpus", 1, 3, "how many processors the guest has"},
    {"acts", 0, 40, "what each of them does"},
    {"devices", 1, DEVICES_MAX, "how many screens the machine has"},
};

static const SimKnob crowd_knobs[] = {
    {"clients", CROWD_MIN, CROWD_MAX, "how many clients come"},
    {"vcpus", 0, 2, "how many processors the guest has"},
    {"acts", 0, 20, "what each of them does"},
};

static const UniverseKind with_tickets = {.tickets = true}, without_tickets = {0},
                          machine = {.machine = true}, crowd = {.crowd = true}, of_little = {.scarce = true};

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

const SimSubject universe_scarce_subject = {
    .name = "universe-scarce",
    .about = "the first, and there is not always a thread, loop, timer, watch or address to be had",
    .knobs = knobs,
    .knobs_len = sizeof knobs / sizeof knobs[0],
    .placed = SIM_FAULTS_SCARCE,
    .opaque = &of_little,
    .run = run_subject,
};

const SimSubject machine_subject = {
    .name = "machine",
    .about = "a machine with one to three displays, inputs, sound and char devices that come and go",
    .knobs = machine_knobs,
    .knobs_len = sizeof machine_knobs / sizeof machine_knobs[0],
    .opaque = &machine,
    .run = run_subject,
};

const SimSubject crowd_subject = {
    .name = "crowd",
    .about = "a machine with inputs and one display, and hundreds of clients at once, of whom some die",
    .knobs = crowd_knobs,
    .knobs_len = sizeof crowd_knobs / sizeof crowd_knobs[0],
    .opaque = &crowd,
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
