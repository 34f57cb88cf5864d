/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log_ration.h: log lines whose number others decide about are rationed: a burst, then so many per second.
 *
 * Lines of different levels have rations of their own: what a host does not show must not hide what it does.
 *
 * Thread  whoever owns it, one at a time.
 * Units   lines; LINKS_LOG_BURST and LINKS_LOG_REFILL_NS of base/limits.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Starts as {0}: full. */
typedef struct LogRation {
    uint32_t used;
    uint64_t filled_ns;
    uint32_t suppressed;
} LogRation;

/* May one more line be written? If so, *ret_suppressed says how many were not since the last one. */
bool log_ration_take(LogRation *ration, uint64_t now_ns, uint32_t *ret_suppressed);
