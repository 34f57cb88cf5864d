/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bounds.h: an oracle: how much waits at the server, and how much memory others make it take, has a limit (I26, I44).
 *
 * What is counted: bytes of alloc(), all at once; tasks that one loop was posted and has not run; items in one pipe, and
 * bytes made for one client and not yet taken by its stream. The last two, and what waits for the main domain, the server
 * tells with core_note() when they grow; so the most is known, and not what there is now.
 *
 * Ownership  a plain value inside the Sim.
 */
#pragma once

#include "sim/sim.h"

typedef struct Bounds {
    SimBounds now, most;
    size_t pipes; /* that are not empty */
} Bounds;

void bounds_init(Sim *sim);
void bounds_allocated(Sim *sim, void *memory);
void bounds_freed(Sim *sim, void *memory);
void bounds_tasks(Sim *sim, uint64_t count);
/* A note of the server's. True: it was about what grows, and is nothing that happened. */
bool bounds_note(Sim *sim, const char *what, uint64_t a);
