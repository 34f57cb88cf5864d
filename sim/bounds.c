/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/bounds.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>

#include "sim/universe.h"

/* Some times what was ever seen in universes and scenarios without a finding. */
static const SimBounds defaults = {
    .bytes = UINT64_C(256) << 20,
    .tasks = 1000,
    .pipe_items = 2048,
    .outgoing_bytes = UINT64_C(16) << 20,
};

static void choose_default(uint64_t *bound, uint64_t value)
{
    if (*bound == 0) {
        *bound = value;
    }
}

void bounds_init(Sim *sim)
{
    SimBounds *max = &sim->config.bounds;
    choose_default(&max->bytes, defaults.bytes);
    choose_default(&max->tasks, defaults.tasks);
    choose_default(&max->pipe_items, defaults.pipe_items);
    choose_default(&max->outgoing_bytes, defaults.outgoing_bytes);
}

static void look(Sim *sim, uint64_t value, uint64_t *most, uint64_t max, const char *what)
{
    if (value > *most) {
        *most = value;
    }
    if (value > max) {
        sim_fail(sim, "bounds: %" PRIu64 " %s, and %" PRIu64 " are allowed", value, what, max);
    }
}

void bounds_allocated(Sim *sim, void *memory)
{
    Bounds *bounds = &sim->bounds;
    bounds->now.bytes += malloc_usable_size(memory);
    look(sim, bounds->now.bytes, &bounds->most.bytes, sim->config.bounds.bytes,
         "bytes are held of what others chose the size of");
}

void bounds_freed(Sim *sim, void *memory)
{
    sim->bounds.now.bytes -= malloc_usable_size(memory);
}

void bounds_tasks(Sim *sim, uint64_t count)
{
    look(sim, count, &sim->bounds.most.tasks, sim->config.bounds.tasks, "tasks wait for one loop");
}

size_t sim_pipes_filled(const Sim *sim)
{
    return sim->bounds.pipes;
}

bool bounds_note(Sim *sim, const char *what, uint64_t a)
{
    Bounds *bounds = &sim->bounds;
    const SimBounds *max = &sim->config.bounds;
    if (strcmp(what, "pipe fills") == 0) {
        bounds->pipes++;
    } else if (strcmp(what, "pipe empties") == 0) {
        bounds->pipes--;
    } else if (strcmp(what, "tasks wait") == 0) {
        bounds_tasks(sim, a);
    } else if (strcmp(what, "pipe grows") == 0) {
        look(sim, a, &bounds->most.pipe_items, max->pipe_items, "items fit one pipe");
    } else if (strcmp(what, "outgoing grows") == 0) {
        look(sim, a, &bounds->most.outgoing_bytes, max->outgoing_bytes, "bytes are made for one client");
    } else {
        return false;
    }
    return true;
}

SimBounds sim_most(const Sim *sim)
{
    return sim->bounds.most;
}
