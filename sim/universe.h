/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* universe.h: the Sim, put together. Every part gets the Sim and finds its own member in it.
 */
#pragma once

#include "sim/bounds.h"
#include "sim/client.h"
#include "sim/core_fiber.h"
#include "sim/host.h"
#include "sim/loop.h"
#include "sim/net.h"
#include "sim/sim.h"
#include "sim/threads.h"
#include "sim/world.h"

struct Sim {
    Core core; /* first, so that a Core leads back here */
    SimConfig config;
    World world;
    Bounds bounds;
    Threads threads;
    Net net;
    SimHost host;
    SimCore own;
    Clients clients;
    bool exited;
    int exit_code;
    bool leaks_told;
    char leaks[512];
};

static inline Sim *sim_of(const Core *core)
{
    return (Sim *)core;
}

/* The universe that was made, or ran, last: the only one that calls without an argument can mean. */
Sim *sim_current(void);
