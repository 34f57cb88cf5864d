/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/carrier.h"

#include "base/check.h"

#define BACKENDS 2

/* Given back, newest first: its stack is the one that the caches still know. */
static Carrier *pool[BACKENDS];

Carrier *carrier_take(SimBackend backend, const char *name, void (*entry)(void *arg), void *arg)
{
    static const CarrierOps *const ops[BACKENDS] = {
        [SIM_BACKEND_FIBER] = &fiber_ops,
        [SIM_BACKEND_BATON] = &baton_ops,
    };
    Carrier *carrier = pool[backend];
    if (carrier != NULL) {
        pool[backend] = carrier->next_free;
    } else {
        carrier = ops[backend]->make();
        if (carrier == NULL) {
            return NULL;
        }
        carrier->ops = ops[backend];
    }
    carrier->entry = entry;
    carrier->arg = arg;
    carrier->is_finished = false;
    carrier->ops->begin(carrier, name);
    return carrier;
}

void carrier_give_back(Carrier *carrier)
{
    if (!carrier->is_finished) {
        carrier->ops->abandon(carrier);
    }
    Carrier **own = &pool[carrier->ops == &baton_ops ? SIM_BACKEND_BATON : SIM_BACKEND_FIBER];
    carrier->next_free = *own;
    *own = carrier;
}

void carrier_resume(Carrier *carrier)
{
    CHECK(!carrier->is_finished);
    carrier->ops->resume(carrier);
}

void carrier_suspend(Carrier *carrier)
{
    carrier->ops->suspend(carrier);
}

void carrier_impersonate(Carrier *carrier, void (*act)(void *arg), void *arg)
{
    carrier->ops->impersonate(carrier, act, arg);
}
