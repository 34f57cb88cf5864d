/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/log_ration.h"

#include "base/limits.h"

bool log_ration_take(LogRation *ration, uint64_t now_ns, uint32_t *ret_suppressed)
{
    const uint64_t fills = (now_ns - ration->filled_ns) / LINKS_LOG_REFILL_NS;

    ration->used = fills < ration->used ? ration->used - (uint32_t)fills : 0;
    ration->filled_ns += fills * LINKS_LOG_REFILL_NS;
    if (ration->used == LINKS_LOG_BURST) {
        ration->suppressed++;
        return false;
    }
    ration->used++;
    *ret_suppressed = ration->suppressed;
    ration->suppressed = 0;
    return true;
}
