/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* carrier.h: what carries a simulated thread: a stack to switch to (fiber.c), or an OS thread that waits for the
 * baton (baton.c).
 *
 * Control goes from home, the OS thread that runs the scheduler, to a carrier and back, never from carrier to carrier.
 * A carrier that was given back is used again, by any universe of the process: with its stack, its TSan fiber, its
 * valgrind id or its OS thread, because making those is what costs.
 *
 * Ownership  carrier_take() until carrier_give_back(); the pool, which is the process's, owns them and ends with it:
 *            not before, as OS threads that end after the libraries they used leave memory of theirs behind.
 * Thread     home, of which a process has one at a time; carrier_suspend() from the carrier itself.
 * Errors     carrier_take() returns NULL when there is no memory for a stack, or no thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sim/sim.h"

typedef struct Carrier Carrier;

typedef struct CarrierOps {
    Carrier *(*make)(void);
    void (*begin)(Carrier *carrier, const char *name); /* it is taken */
    void (*resume)(Carrier *carrier);
    void (*suspend)(Carrier *carrier);
    void (*impersonate)(Carrier *carrier, void (*act)(void *arg), void *arg);
    void (*abandon)(Carrier *carrier); /* a suspended one: makes it as new */
} CarrierOps;

struct Carrier {
    const CarrierOps *ops;
    Carrier *next_free;
    void (*entry)(void *arg);
    void *arg;
    bool is_finished; /* its entry has returned */
};

extern const CarrierOps fiber_ops;
extern const CarrierOps baton_ops;

/* The name must live as long as it is taken. */
Carrier *carrier_take(SimBackend backend, const char *name, void (*entry)(void *arg), void *arg);
/* Suspended or finished. A suspended one is dropped as it stands: what its frames own is lost. */
void carrier_give_back(Carrier *carrier);

/* From home: runs it until it suspends or finishes. */
void carrier_resume(Carrier *carrier);
/* From the carrier: back to home, until the next carrier_resume(). */
void carrier_suspend(Carrier *carrier);
/* From home: does something on its account, as sanitizers see it, without running it. */
void carrier_impersonate(Carrier *carrier, void (*act)(void *arg), void *arg);
