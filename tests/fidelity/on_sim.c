/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "api/server.h"
#include "base/check.h"
#include "sim/workload/ticket_key.h"
#include "tests/fidelity/stages.h"

#define PORT 5930
#define STEP_NS (5 * NS_PER_MS)
#define QUIET_NS (200 * NS_PER_MS)
#define PATIENCE_NS (10 * NS_PER_S)

typedef struct SimStage {
    Stage stage;
    Sim *sim;
    void (*host_fn)(void *arg);
    void *host_arg;
    bool host_done;
} SimStage;

static SimStage *sim_stage(Stage *stage)
{
    return stage->backend;
}

static SpiceServer *make_server(Stage *stage)
{
    SpiceServer *server = server_new(sim_core(sim_stage(stage)->sim));
    spice_server_set_port(server, PORT);
    return server;
}

static void unlisten(Stage *stage)
{
    (void)stage; /* the server opened it, and closed it */
}

static void host_thread(void *arg)
{
    SimStage *self = arg;
    self->host_fn(self->host_arg);
    self->host_done = true;
}

static bool is_host_done(void *arg)
{
    return ((SimStage *)arg)->host_done;
}

static bool run_until(SimStage *self, bool (*fn)(void *arg), void *arg)
{
    const uint64_t end_ns = sim_now_ns(self->sim) + self->stage.patience_ns;
    while (!fn(arg)) {
        if (sim_now_ns(self->sim) >= end_ns || !sim_run(self->sim, sim_now_ns(self->sim) + STEP_NS)) {
            return false;
        }
    }
    return true;
}

static void as_host(Stage *stage, void (*fn)(void *arg), void *arg)
{
    SimStage *self = sim_stage(stage);
    self->host_fn = fn;
    self->host_arg = arg;
    self->host_done = false;
    sim_spawn(self->sim, "host", host_thread, self);
    run_until(self, is_host_done, self);
}

static bool until(Stage *stage, bool (*fn)(void *arg), void *arg)
{
    SimStage *self = sim_stage(stage);
    return run_until(self, fn, arg) && sim_run(self->sim, sim_now_ns(self->sim) + stage->quiet_ns);
}

static void line_wait(Line *line)
{
    const unsigned mask = (fake_connection_wants_read(line->connection) ? CORE_READ : 0) |
                          (fake_connection_output(line->connection).len > 0 ? CORE_WRITE : 0);
    sim_client_wait(line->backend, line->handle, mask, NS_NEVER);
}

static void line_step(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns)
{
    Line *line = opaque;
    (void)client;
    (void)ready;
    (void)now_ns;
    line_turn(line);
    if (line->handle >= 0) {
        line_wait(line);
    }
}

static bool line_open(Stage *stage, Line *line)
{
    static const SimClientOps ops = {"client", line_step};
    Sim *sim = sim_stage(stage)->sim;
    const CoreListen where = {.port = PORT};
    line->handle = sim_connect(sim, &where);
    if (line->handle < 0) {
        return false;
    }
    line->backend = sim_client_add(sim, &ops, line);
    return true;
}

static void line_close(Line *line)
{
    sim_client_remove(line->backend);
    sim_close(sim_stage(line->stage)->sim, line->handle);
    line->handle = -1;
}

static uint64_t now_ns(Stage *stage)
{
    return sim_now_ns(sim_stage(stage)->sim);
}

static int64_t line_read(Line *line, void *buffer, size_t len)
{
    return sim_read(sim_stage(line->stage)->sim, line->handle, buffer, len);
}

static int64_t line_write(Line *line, Span bytes)
{
    return sim_write(sim_stage(line->stage)->sim, line->handle, bytes.data, bytes.len);
}

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    const SimStage *self = opaque;
    if (self->stage.channel_event != NULL) {
        self->stage.channel_event(self->stage.opaque, event, info);
    }
}

Stage *stage_in_sim(const SimConfig *config)
{
    SimStage *self = calloc(1, sizeof *self);
    SimConfig with_key = *config;
    CHECK(self != NULL);
    with_key.ticket_key = span_of(universe_ticket_key, sizeof universe_ticket_key);
    with_key.opaque = self;
    with_key.channel_event = on_channel_event;
    self->sim = sim_new(&with_key);
    CHECK(self->sim != NULL);
    self->stage = (Stage){
        .name = config->backend == SIM_BACKEND_BATON ? "baton" : "fiber",
        .backend = self,
        .make_server = make_server,
        .quiet_ns = QUIET_NS,
        .patience_ns = PATIENCE_NS,
        .core = sim_host(self->sim),
        .unlisten = unlisten,
        .as_host = as_host,
        .until = until,
        .open = line_open,
        .poke = line_wait,
        .close = line_close,
        .now_ns = now_ns,
        .read = line_read,
        .write = line_write,
    };
    return &self->stage;
}

const char *stage_in_sim_end(Stage *stage)
{
    static char report[1024];
    SimStage *self = sim_stage(stage);
    const char *wrong = sim_failure(self->sim);
    if (wrong == NULL) {
        wrong = sim_leaks(self->sim);
    }
    if (wrong != NULL) {
        snprintf(report, sizeof report, "%s", wrong);
    }
    sim_free(self->sim);
    free(self);
    return wrong != NULL ? report : NULL;
}
