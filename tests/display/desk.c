/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sumac.h>

#include "codec/glz.h"

#define DESK_PORT 5930

/* ---- Clients ---- */

static void wire_close(DeskWire *wire)
{
    Sim *sim = wire->client->desk->sim;

    if (wire->handle >= 0) {
        sim_close(sim, wire->handle);
        wire->handle = -1;
        fake_connection_closed(wire->connection, sim_now_ns(sim));
    }
    sim_client_wait(wire->step, -1, 0, NS_NEVER);
}

static void wire_read(DeskWire *wire, uint64_t now_ns)
{
    Sim *sim = wire->client->desk->sim;
    uint8_t buffer[4096];

    while (wire->handle >= 0 && !wire->deaf && fake_connection_wants_read(wire->connection)) {
        const int64_t n = sim_read(sim, wire->handle, buffer, sizeof buffer);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            wire_close(wire);
            return;
        }
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
    }
}

static void wire_write(DeskWire *wire)
{
    Sim *sim = wire->client->desk->sim;
    Span out;

    while (wire->handle >= 0 && (out = fake_connection_output(wire->connection)).len > 0) {
        const int64_t n = sim_write(sim, wire->handle, out.data, out.len);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            wire_close(wire);
            return;
        }
        fake_connection_sent(wire->connection, (size_t)n);
    }
}

static void wire_wait(DeskWire *wire)
{
    if (wire->handle >= 0) {
        const unsigned mask = (!wire->deaf && fake_connection_wants_read(wire->connection) ? CORE_READ : 0) |
                              (fake_connection_output(wire->connection).len > 0 ? CORE_WRITE : 0);
        sim_client_wait(wire->step, wire->handle, mask,
                        wire->deaf ? NS_NEVER : fake_connection_deadline_ns(wire->connection));
    }
}

static void wire_open(DeskWire *wire, DeskClient *client, uint8_t channel, uint8_t id);

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    DeskWire *wire = opaque;
    DeskClient *client = wire->client;

    (void)step;
    if (wire->leaves) {
        wire_close(wire);
        return;
    }
    if ((ready & CORE_READ) != 0) {
        wire_read(wire, now_ns);
    }
    if (wire->handle >= 0 && !wire->deaf && now_ns >= fake_connection_deadline_ns(wire->connection)) {
        fake_connection_expire(wire->connection, now_ns);
    }
    wire_write(wire);
    if (wire->handle >= 0 && fake_connection_wants_close(wire->connection)) {
        wire_close(wire);
    }
    if (client->display.step == NULL && fake_client_main(client->client)->session_id != 0) {
        const uint8_t id = (uint8_t)client->desk->device.instance.id;
        wire_open(&client->display, client, WIRE_CHANNEL_DISPLAY, id);
        wire_open(&client->cursor, client, WIRE_CHANNEL_CURSOR, id);
    }
    wire_wait(wire);
}

static const SimClientOps wire_ops = {"client", wire_step};

static void wire_open(DeskWire *wire, DeskClient *client, uint8_t channel, uint8_t id)
{
    Sim *sim = client->desk->sim;
    const CoreListen where = {.address = NULL, .port = DESK_PORT, .family = AF_UNSPEC};

    wire->client = client;
    wire->connection = fake_client_connect(client->client, channel, id, sim_now_ns(sim));
    wire->handle = sim_connect(sim, &where);
    wire->step = sim_client_add(sim, &wire_ops, wire);
}

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    DeskClient *client = opaque;
    if (message->channel == WIRE_CHANNEL_DISPLAY && message->type == WIRE_MSG_DISPLAY_DRAW_COPY) {
        const WireMsgDisplayDrawCopy *copy = &message->u.display_draw_copy;
        ImageInfo info;
        uint64_t id;
        client->images[copy->src->type]++;
        if (copy->src->type == WIRE_IMAGE_TYPE_GLZ_RGB &&
            glz_info(copy->src->u.compressed.data, &info, &id) == STATUS_OK) {
            client->glz_gaps += id != client->glz_next;
            client->glz_next = id + 1;
        }
        if (copy->base.surface_id == 0 && client->first_copy.right == 0) {
            client->first_copy = copy->base.box;
        }
    }
    if (message->channel == WIRE_CHANNEL_DISPLAY && message->type == WIRE_MSG_DISPLAY_SURFACE_CREATE &&
        message->u.display_surface_create.surface_id == 0) {
        client->first_copy = (WireRect){0};
    }
    const uint8_t channel = fake_connection_channel(connection);
    DeskMessages *got = channel == WIRE_CHANNEL_DISPLAY  ? &client->display_got
                        : channel == WIRE_CHANNEL_CURSOR ? &client->cursor_got
                                                         : NULL;

    (void)serial;
    if (got != NULL && message->type != WIRE_MSG_PING && got->len < DESK_MESSAGES_MAX) {
        got->first_ns = got->len == 0 ? sim_now_ns(client->desk->sim) : got->first_ns;
        got->types[got->len++] = message->type;
        got->bytes += body.len;
        got->largest = body.len > got->largest ? body.len : got->largest;
    }
}

FakeClientConfig desk_client_config(void)
{
    FakeClientConfig config = fake_client_config_default();

    config.behaviour.cheap_ticket = true;
    return config;
}

void desk_display_again(Desk *desk, DeskClient *client)
{
    desk_display_open(desk, client, &client->display, (uint8_t)desk->device.instance.id);
}

void desk_display_open(Desk *desk, DeskClient *client, DeskWire *ret_wire, uint8_t id)
{
    *ret_wire = (DeskWire){0};
    wire_open(ret_wire, client, WIRE_CHANNEL_DISPLAY, id);
    desk_run(desk, 100 * NS_PER_MS);
}

DeskClient *desk_client(Desk *desk, const FakeClientConfig *config)
{
    assert_true(desk->clients_len < DESK_CLIENTS_MAX);
    DeskClient *client = &desk->clients[desk->clients_len++];
    FakeClientConfig own = config != NULL ? *config : desk_client_config();
    own.on_message = on_message;
    own.opaque = client;
    client->desk = desk;
    client->client = fake_client_new(&own);
    client->display.handle = client->cursor.handle = -1;
    wire_open(&client->main, client, WIRE_CHANNEL_MAIN, 0);
    desk_run(desk, 100 * NS_PER_MS);
    return client;
}

void desk_wire_leave(Desk *desk, DeskWire *wire)
{
    wire->leaves = true;
    sim_client_wait(wire->step, -1, 0, sim_now_ns(desk->sim));
}

void desk_wire_listen(Desk *desk, DeskWire *wire, bool listen)
{
    wire->deaf = !listen;
    sim_client_wait(wire->step, wire->handle, listen ? CORE_READ : 0,
                    listen ? sim_now_ns(desk->sim) : NS_NEVER);
}

bool desk_wire_is_open(const DeskWire *wire)
{
    return wire->handle >= 0 && fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
}

void desk_expect(DeskMessages *messages, const uint16_t *types, uint32_t len)
{
    for (uint32_t i = 0; i < messages->len || i < len; i++) {
        const int got = i < messages->len ? messages->types[i] : -1;
        const int expected = i < len ? types[i] : -1;
        if (got != expected) {
            fail_msg("message %u: type %d, expected %d (-1: none)", i, got, expected);
        }
    }
    messages->len = 0;
}

/* ---- The host ---- */

typedef struct LateThread {
    Desk *desk;
    void (*entry)(void *arg);
    void *arg;
} LateThread;

static CoreThread *(*start_at_once)(const Core *core, const char *name, void (*entry)(void *arg), void *arg);
static Desk *starting;

static void late_entry(void *arg)
{
    const LateThread late = *(LateThread *)arg;

    free(arg);
    sim_sleep(late.desk->sim, late.desk->coders_rest_ns);
    late.entry(late.arg);
}

static CoreThread *start_late(const Core *core, const char *name, void (*entry)(void *arg), void *arg)
{
    if (strcmp(name, "spice-coder") != 0 || starting->coders_rest_ns == 0) {
        return start_at_once(core, name, entry, arg);
    }
    LateThread *late = malloc(sizeof *late);
    assert_non_null(late);
    *late = (LateThread){starting, entry, arg};
    return start_at_once(core, name, late_entry, late);
}

static uint64_t (*look_at_once)(const Core *core);

static uint64_t look_late(const Core *core)
{
    if (starting->look_costs_ns > 0) {
        sim_sleep(starting->sim, starting->look_costs_ns);
    }
    return look_at_once(core);
}

static void host_thread(void *arg)
{
    Desk *desk = arg;

    desk->host(desk);
    desk->host_done = true;
}

void desk_host(Desk *desk, void (*host)(Desk *desk))
{
    desk->host = host;
    desk->host_done = false;
    sim_spawn(desk->sim, "host", host_thread, desk);
    const uint64_t end_ns = sim_now_ns(desk->sim) + 10 * NS_PER_S;
    while (!desk->host_done && sim_now_ns(desk->sim) < end_ns) {
        desk_run(desk, NS_PER_MS);
    }
    assert_true(desk->host_done);
}

void desk_run(Desk *desk, uint64_t duration_ns)
{
    if (!sim_run(desk->sim, sim_now_ns(desk->sim) + duration_ns)) {
        fail_msg("%s", sim_failure(desk->sim));
    }
}

void desk_start_machine(Desk *desk)
{
    desk->device.running = true;
    spice_server_vm_start(desk->server);
}

void desk_wake_and_wait(Desk *desk, uint64_t ns)
{
    spice_qxl_wakeup(&desk->device.instance);
    while (desk->device.commands.first != desk->device.commands.end) {
        sim_sleep(desk->sim, NS_PER_MS);
    }
    sim_sleep(desk->sim, ns);
}

void desk_stop_machine(Desk *desk)
{
    spice_server_vm_stop(desk->server);
    desk->device.running = false;
}

void desk_create_primary(Desk *desk)
{
    QXLDevSurfaceCreate primary = device_primary(64, 48);

    spice_qxl_create_primary_surface(&desk->device.instance, 0, &primary);
}

static void host_setup(Desk *desk)
{
    Core *core = (Core *)(uintptr_t)sim_core(desk->sim);

    starting = desk;
    start_at_once = core->thread_start;
    core->thread_start = start_late;
    look_at_once = core->now_ns;
    core->now_ns = look_late;
    desk->server = server_new(core);
    spice_server_set_port(desk->server, DESK_PORT);
    spice_server_set_noauth(desk->server);
    spice_server_set_multiple_clients(desk->server, 1);
    if (spice_server_init(desk->server, sim_host(desk->sim)) == 0 &&
        spice_server_add_interface(desk->server, &desk->device.instance.base) == 0) {
        device_add_memslot(&desk->device);
    }
}

static void host_teardown(Desk *desk)
{
    spice_server_destroy(desk->server);
    desk->server = NULL;
}

static void on_log(void *opaque, CoreLogLevel level, const char *line)
{
    Desk *desk = opaque;

    if (level == CORE_LOG_WARNING) {
        desk->warnings++;
        snprintf(desk->last_warning, sizeof desk->last_warning, "%s", line);
    }
    desk->drops += strstr(line, " dropped: ") != NULL;
    if (getenv("DESK_VERBOSE") != NULL) {
        fprintf(stderr, "  log: %s\n", line);
    }
}

/* Time goes on from one deadline to the next: there is always one soon. */
static void tick(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)opaque;
    (void)ready;
    sim_client_wait(client, -1, 0, now_ns + NS_PER_MS / 2);
}

static const SimClientOps tick_ops = {"tick", tick};

static int setup(void **state, uint32_t slip_one_in, uint64_t bytes_per_s, const char *const *env,
                 uint32_t processors)
{
    Desk *desk = calloc(1, sizeof *desk);

    assert_non_null(desk);
    desk->sim = sim_new(&(SimConfig){.seed = 1,
                                     .level = SIM_LEVEL_CALLS,
                                     .slip_one_in = slip_one_in,
                                     .env = env,
                                     .processors = processors,
                                     .net = {.bytes_per_s = bytes_per_s},
                                     .opaque = desk,
                                     .log = on_log});
    if (slip_one_in != 0) {
        sim_client_add(desk->sim, &tick_ops, NULL);
    }
    device_init(&desk->device, desk->sim, 3);
    desk_host(desk, host_setup);
    assert_non_null(desk->device.instance.st);
    desk->warnings = 0;
    *state = desk;
    return 0;
}

int desk_setup(void **state)
{
    return setup(state, 0, 0, NULL, 1);
}

int desk_setup_slipping(void **state)
{
    return setup(state, 20, 0, NULL, 1);
}

int desk_setup_recording(void **state)
{
    static const char *const env[] = {"SPICE_WORKER_RECORD_FILENAME=" DESK_RECORDING,
                                      "SPICE_WORKER_RECORD_FILTER=", NULL};

    return setup(state, 0, 0, env, 1);
}

int desk_setup_slow(void **state)
{
    return setup(state, 0, 50000, NULL, 1);
}

int desk_setup_processors(void **state)
{
    return setup(state, 20, 0, NULL, 3);
}

int desk_teardown(void **state)
{
    Desk *desk = *state;

    if (desk->server != NULL) {
        desk_host(desk, host_teardown);
    }
    assert_null(sim_failure(desk->sim));
    for (uint32_t i = 0; i < desk->clients_len; i++) {
        const FakeViolation *violation;
        if (fake_client_violations(desk->clients[i].client, &violation) > 0) {
            fail_msg("client %u: %s", i, violation->text);
        }
        fake_client_free(desk->clients[i].client);
    }
    assert_int_equal(desk->device.read_while_stopped, 0);
    const char *leaks = sim_leaks(desk->sim);
    if (leaks != NULL) {
        fail_msg("left behind: %s", leaks);
    }
    sim_free(desk->sim);
    device_finish(&desk->device);
    free(desk);
    return 0;
}
