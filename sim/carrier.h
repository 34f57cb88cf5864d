/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* carrier.h: what carries a simulated thread: a stack to switch to (fiber.c), or an OS thread that waits for the
 * baton (baton.c).
 *
 * Control goes from home, the OS thread that runs the scheduler, to a carrier and back, never from carrier to carrier.
 *
 * Ownership  carrier_new() until carrier_free(). Stacks stay with the process and serve the next fiber, of whichever
 *            universe: with their TSan fibers and valgrind ids, because making those is what costs.
 * Thread     home, of which a process has one at a time; carrier_suspend() from the carrier itself.
 * Errors     carrier_new() returns NULL when there is no memory for a stack, or no thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sim/sim.h"

typedef struct Carrier Carrier;

typedef struct CarrierOps {
    Carrier *(*make)(const char *name);
    void (*free)(Carrier *carrier);
    void (*resume)(Carrier *carrier);
    void (*suspend)(Carrier *carrier);
    void (*impersonate)(Carrier *carrier, void (*act)(void *arg), void *arg);
} CarrierOps;

struct Carrier {
    const CarrierOps *ops;
    void (*entry)(void *arg);
    void *arg;
    bool is_finished; /* its entry has returned */
};

extern const CarrierOps fiber_ops;
extern const CarrierOps baton_ops;

/* The name must live as long. */
Carrier *carrier_new(SimBackend backend, const char *name, void (*entry)(void *arg), void *arg);
/* In the kernel (sim/threads.h); suspended or finished. A suspended one is dropped as it stands: what its frames own is lost. */
void carrier_free(Carrier *carrier);

/* From home: runs it until it suspends or finishes. */
void carrier_resume(Carrier *carrier);
/* From the carrier: back to home, until the next carrier_resume(). */
void carrier_suspend(Carrier *carrier);
/* From home: does something on its account, as sanitizers see it, without running it. */
void carrier_impersonate(Carrier *carrier, void (*act)(void *arg), void *arg);
