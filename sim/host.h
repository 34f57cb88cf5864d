/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h: a host like QEMU: SpiceCoreInterface on a main loop of its own, under one big lock.
 *
 * The main loop runs in a simulated thread, "host-main". It polls without the lock and calls back with it, file
 * handlers first, then timers; timers count from the last whole millisecond, as QEMU's clock does. A thread of the
 * server's that calls the host is reported.
 */
#pragma once

#include <spice.h>

#include "sim/loop.h"
#include "sim/threads.h"

typedef struct SimHost {
    SpiceCoreInterface interface;
    SimLoop loop;
    CoreThread *main;
} SimHost;

bool sim_host_init(Sim *sim);
void sim_host_finish(Sim *sim);
