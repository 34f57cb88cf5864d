/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h: the clients of sim.h, as the scheduler sees them.
 */
#pragma once

#include "base/list.h"
#include "sim/threads.h"

typedef struct Clients {
    ListNode all;
    SimClient *removed; /* by its own step, just now */
} Clients;

void sim_clients_init(Sim *sim);
void sim_clients_finish(Sim *sim);
void sim_client_run(Sim *sim, Runner *runner);
/* The handle is about to be closed by its client. */
void sim_clients_forget(Sim *sim, int handle);
