/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fault.h: what was wrong with something that the guest wrote, for the one log line about it.
 *
 * Ownership  none: `why` is a constant.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct QxlFault {
    const char *why;
    uint64_t value; /* what stood there, if it matters */
    bool usual;     /* drivers that people use do it: no complaint */
} QxlFault;

static inline Status qxl_fault(QxlFault *ret_fault, const char *why, uint64_t value)
{
    *ret_fault = (QxlFault){.why = why, .value = value};
    return STATUS_DEVICE_FAULT;
}
