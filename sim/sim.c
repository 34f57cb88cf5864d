/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim/universe.h"

/* The only mutable state outside a Sim; see sim_current(). */
static Sim *current;

Sim *sim_current(void)
{
    return current;
}

Sim *sim_new(const SimConfig *config)
{
    Sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return NULL;
    }
    sim->config = *config;
    sim->exit_code = -1;
    current = sim;
    kernel_enter(sim);
    world_init(sim);
    bounds_init(sim);
    threads_init(sim);
    sim_core_init(sim);
    sim_net_init(sim);
    sim_clients_init(sim);
    const bool has_host = sim_host_init(sim);
    CHECK(has_host);
    kernel_leave(sim);
    return sim;
}

bool sim_run(Sim *sim, uint64_t until_ns)
{
    current = sim;
    kernel_enter(sim);
    const bool result = threads_run(sim, until_ns);
    kernel_leave(sim);
    return result;
}

const char *sim_leaks(Sim *sim)
{
    const struct {
        const char *what;
        size_t count;
    } left[] = {
        {"handles", sim->net.server_handles},
        {"timers of the host", sim->host.loop.timers_len},
        {"watches of the host", sim->host.loop.watches_len},
        {"loops", sim->own.loops_len},
        {"threads", sim->threads.unjoined - 1}, /* the host's main loop ends with the universe */
        {"allocations", sim->own.allocations},
        {"files", sim->own.files_written},
    };
    int len = 0;
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (left[i].count != 0) {
            len += snprintf(sim->leaks + len, sizeof sim->leaks - (size_t)len, "%s%zu %s",
                            len > 0 ? ", " : "left: ", left[i].count, left[i].what);
        }
    }
    sim->leaks_told = true;
    return len > 0 ? sim->leaks : NULL;
}

void sim_calm(Sim *sim)
{
    sim->config.faults_off = SIM_FAULTS_ALL;
}

SimHeld sim_held(Sim *sim)
{
    SimHeld held = {
        .handles = sim->net.server_handles,
        .timers = sim->host.loop.timers_len,
        .watches = sim->host.loop.watches_len,
        .loops = sim->own.loops_len,
        .threads = sim->threads.unjoined - 1,
        .allocations = sim->own.allocations,
        .bytes = sim->bounds.now.bytes,
    };
    sim_core_count(sim, &held.timers, &held.watches);
    return held;
}

const char *sim_held_more(const SimHeld *before, const SimHeld *after)
{
    return after->handles > before->handles           ? "handles"
           : after->timers > before->timers           ? "timers"
           : after->watches > before->watches         ? "watches"
           : after->loops > before->loops             ? "loops"
           : after->threads > before->threads         ? "threads"
           : after->allocations > before->allocations ? "allocations"
           : after->bytes > before->bytes             ? "bytes"
                                                      : NULL;
}

static void report(const char *text, bool *ret_unexpected)
{
    if (text != NULL) {
        fprintf(stderr, "simulation: %s\n", text);
        *ret_unexpected = true;
    }
}

void sim_free(Sim *sim)
{
    if (sim == NULL) {
        return;
    }
    bool unexpected = false;
    /* After a failure or an exit everything is left as it was: that is no leak. */
    if (!sim->leaks_told && !sim->world.failed && !sim->exited) {
        report(sim_leaks(sim), &unexpected);
    }
    if (!sim->world.failure_told) {
        report(sim_failure(sim), &unexpected);
    }
    CHECK(!unexpected);

    current = sim;
    kernel_enter(sim);
    sim_clients_finish(sim);
    threads_finish(sim);
    sim_host_finish(sim);
    sim_core_finish(sim);
    sim_net_finish(sim);
    world_finish(sim);
    kernel_leave(sim);
    free(sim);
    current = NULL;
}

int sim_exit_code(const Sim *sim)
{
    return sim->exit_code;
}
