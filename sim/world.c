/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/universe.h"

void world_init(Sim *sim)
{
    World *world = &sim->world;
    world->now_ns = sim->config.clock_origin_ns;
    if (world->now_ns / NS_PER_MS >= INT32_MAX - 1000) {
        sim_fault_happened(sim, SIM_F8_ORIGIN);
    }
    choices_init(sim);
}

void world_finish(Sim *sim)
{
    CHECK(sim->world.events.reserved == 0); /* all its parts are finished */
    choices_finish(sim);
}

/* ---- Events ---- */

void sim_event_init(Sim *sim, SimEvent *event, void (*happen)(Sim *sim, SimEvent *event))
{
    *event = (SimEvent){.happen = happen};
    const bool reserved = deadlines_reserve(&sim->world.events);
    CHECK(reserved); /* the simulator's own memory: without it there is no universe */
}

void sim_event_set(Sim *sim, SimEvent *event, uint64_t at_ns)
{
    deadlines_set(&sim->world.events, &event->deadline, at_ns);
}

void sim_event_clear(Sim *sim, SimEvent *event)
{
    deadlines_clear(&sim->world.events, &event->deadline);
}

void sim_event_finish(Sim *sim, SimEvent *event)
{
    sim_event_clear(sim, event);
    deadlines_unreserve(&sim->world.events);
}

void world_happen(Sim *sim)
{
    Deadline *first;
    while ((first = deadlines_first(&sim->world.events)) != NULL && first->at_ns <= sim->world.now_ns) {
        SimEvent *event = (SimEvent *)first; /* its first member */
        sim_event_clear(sim, event);
        event->happen(sim, event);
    }
}

/* Nobody ran meanwhile, and nobody can be blamed for being late. */
static void leap(Sim *sim)
{
    static const uint64_t leaps_ns[] = {NS_PER_MS, 100 * NS_PER_MS, 10 * NS_PER_S, 3600 * NS_PER_S,
                                        86400 * NS_PER_S};
    if (sim->config.jump_one_in == 0 && sim->config.script == NULL) {
        return;
    }
    const uint32_t size = choose_fault(sim, SIM_F8_JUMP, sim_name(sim, SIM_CLOCK), sim->config.jump_one_in,
                                       sizeof leaps_ns / sizeof leaps_ns[0]);
    if (size > 0) {
        sim->world.now_ns += leaps_ns[size - 1];
        threads_leapt(sim, leaps_ns[size - 1]);
    }
}

bool world_advance(Sim *sim, uint64_t until_ns)
{
    World *world = &sim->world;
    const Deadline *first = deadlines_first(&world->events);
    if (first == NULL || first->at_ns > until_ns || first->at_ns == NS_NEVER) {
        return false;
    }
    if (first->at_ns > world->now_ns) {
        world->now_ns = first->at_ns;
        leap(sim);
        world->steps_here = 0;
        world_record(sim, "time", world->now_ns, 0);
    }
    return true;
}

/* ---- The record ---- */

static void mix(World *world, uint64_t value)
{
    world->hash = (world->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash ^= world->hash >> 32;
}

static SimEventInfo event_here(const Sim *sim, const char *what)
{
    const Runner *runner = sim->threads.running;
    return (SimEventInfo){
        .now_ns = sim->world.now_ns,
        .step = sim->threads.steps,
        .who = runner_name(sim),
        .is_client = runner != NULL && runner->is_client,
        .is_host = runner != NULL && !runner->is_client && threads_is_host(runner),
        .what = what,
        .kind = "",
    };
}

void world_record(Sim *sim, const char *what, uint64_t a, uint64_t b)
{
    World *world = &sim->world;
    for (const char *letter = what; *letter != '\0'; letter++) {
        mix(world, (uint8_t)*letter);
    }
    runner_did(sim, what, a);
    mix(world, runner_now(sim));
    mix(world, a);
    mix(world, b);
    if (sim->config.trace != NULL) {
        char line[160];
        snprintf(line, sizeof line, "%" PRIu64 ".%09" PRIu64 " %-10s %-12s %" PRIu64 " %" PRIu64,
                 world->now_ns / NS_PER_S, world->now_ns % NS_PER_S, runner_name(sim), what, a, b);
        sim->config.trace(sim->config.opaque, line);
    }
    if (sim->config.watch != NULL) {
        SimEventInfo event = event_here(sim, what);
        event.a = a;
        event.b = b;
        sim->config.watch(sim->config.watcher, &event);
    }
}

void world_arrow(Sim *sim, char arrow, const char *kind, uint64_t channel, uint64_t number)
{
    if (sim->config.watch != NULL) {
        SimEventInfo event = event_here(sim, "");
        event.arrow = arrow;
        event.kind = kind;
        event.channel = channel;
        event.number = number;
        sim->config.watch(sim->config.watcher, &event);
    }
}

void world_record_bytes(Sim *sim, const void *data, size_t len)
{
    const uint8_t *at = data;
    size_t left = len;
    for (; left >= 8; left -= 8, at += 8) {
        mix(&sim->world, le64_get(at));
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < left; i++) {
        rest = rest << 8 | at[i];
    }
    mix(&sim->world, rest);
    mix(&sim->world, len);
}

/* ---- What the user sees of it ---- */

void sim_fail(Sim *sim, const char *format, ...)
{
    World *world = &sim->world;
    if (world->failed) {
        return;
    }
    world->failed = true;
    const int used = snprintf(
        world->failure, sizeof world->failure,
        "seed %" PRIu64 " level %d, %" PRIu64 ".%09" PRIu64 " s, step %" PRIu64 ", %s: ", sim->config.seed,
        (int)sim->config.level, world->now_ns / NS_PER_S, world->now_ns % NS_PER_S, sim->threads.steps,
        runner_name(sim));
    world->failure_prefix = (size_t)used;
    va_list args;
    va_start(args, format);
    vsnprintf(world->failure + used, sizeof world->failure - (size_t)used, format, args);
    va_end(args);
}

const char *sim_failure(Sim *sim)
{
    if (!sim->world.failed) {
        return NULL;
    }
    sim->world.failure_told = true;
    return sim->world.failure;
}

const char *sim_failure_what(Sim *sim)
{
    const char *failure = sim_failure(sim);
    return failure == NULL ? NULL : failure + sim->world.failure_prefix;
}

uint64_t sim_now_ns(const Sim *sim)
{
    return sim->world.now_ns;
}

uint64_t sim_hash(const Sim *sim)
{
    return sim->world.hash;
}

uint32_t sim_choose_at(Sim *sim, const char *site, uint32_t n)
{
    CHECK(n > 0);
    kernel_enter(sim);
    const uint32_t chosen = n == 1 ? 0 : (uint32_t)choose_value(sim, site, runner_who(sim), n - 1);
    kernel_leave(sim);
    return chosen;
}

uint32_t sim_choose(Sim *sim, uint32_t n)
{
    return sim_choose_at(sim, "choice", n);
}

void sim_fault_happened(Sim *sim, SimFault fault)
{
    sim->world.faults_met |= SIM_FAULT_BIT(fault);
}

SimFaults sim_faults_met(const Sim *sim)
{
    const Sim *asked = sim != NULL ? sim : sim_current();
    return asked == NULL ? 0 : asked->world.faults_met;
}

void sim_set_scarce(Sim *sim, uint32_t one_in)
{
    sim->config.scarce_one_in = one_in;
}

uint32_t sim_fault(Sim *sim, SimFault fault, uint32_t one_in, uint32_t n)
{
    kernel_enter(sim);
    const uint32_t met = choose_fault(sim, fault, runner_who(sim), one_in, n);
    kernel_leave(sim);
    return met;
}
