/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* monitors.h: which parts of its surfaces the guest wants shown as monitors (QXLMonitorsConfig).
 *
 * Errors     STATUS_DEVICE_FAULT: ignore it; what was known before stays.
 * Source     reference/wire-protocol.md sections 3.2.7 and 6.6, reference/api-and-behaviour.md section 6.8.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "qxl/memslots.h"

#define QXL_HEADS_MAX 64u /* heads; as many as a QXLRom has room for */

typedef struct QxlMonitors {
    uint16_t count;
    uint16_t max_allowed;
    QXLHead heads[QXL_HEADS_MAX]; /* without those that are empty or reach beyond 31 bits */
} QxlMonitors;

/* `heads_max` (at least 1): more heads than that are left out. */
Status qxl_monitors_read(const Memslots *slots, uint32_t group, uint64_t address, uint32_t heads_max,
                         QxlMonitors *ret_monitors, QxlFault *ret_fault) STATUS_MUST_CHECK;
