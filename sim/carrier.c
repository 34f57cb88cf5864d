/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/carrier.h"

#include "base/check.h"

Carrier *carrier_new(SimBackend backend, const char *name, void (*entry)(void *arg), void *arg)
{
    const CarrierOps *ops = backend == SIM_BACKEND_BATON ? &baton_ops : &fiber_ops;
    Carrier *carrier = ops->make(name);
    if (carrier != NULL) {
        *carrier = (Carrier){.ops = ops, .entry = entry, .arg = arg};
    }
    return carrier;
}

void carrier_free(Carrier *carrier)
{
    carrier->ops->free(carrier);
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
