/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/monitors.h"

#include "qxl/guest_copy.h"

static bool side_is_sane(uint32_t start, uint32_t length)
{
    return length > 0 && (uint64_t)start + length <= INT32_MAX;
}

Status qxl_monitors_read(const Memslots *slots, uint32_t group, uint64_t address, uint32_t heads_max,
                         QxlMonitors *ret_monitors, QxlFault *ret_fault)
{
    QXLMonitorsConfig config;
    QXLHead heads[QXL_HEADS_MAX];
    GuestRange range;

    const Status status = memslots_find(slots, group, address, sizeof config, &range, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    guest_copy(&config, range.host, sizeof config);
    if (config.count == 0) {
        return qxl_fault(ret_fault, "a monitors config of no heads", 0);
    }
    if (config.count > config.max_allowed) {
        return qxl_fault(ret_fault, "a monitors config of more heads than it allows", config.count);
    }
    /* All of them must be there, although not all of them are used. */
    if ((uint64_t)config.count * sizeof(QXLHead) > range.left - sizeof config) {
        return qxl_fault(ret_fault, "a monitors config longer than its memslot", config.count);
    }
    const uint32_t most = heads_max < QXL_HEADS_MAX ? heads_max : QXL_HEADS_MAX;
    const uint32_t used = config.count < most ? config.count : most;
    guest_copy(heads, range.host + sizeof config, used * sizeof(QXLHead));

    ret_monitors->count = 0;
    ret_monitors->max_allowed = (uint16_t)(config.max_allowed < most ? config.max_allowed : most);
    for (uint32_t i = 0; i < used; i++) {
        if (side_is_sane(heads[i].x, heads[i].width) && side_is_sane(heads[i].y, heads[i].height)) {
            ret_monitors->heads[ret_monitors->count++] = heads[i];
        }
    }
    return STATUS_OK;
}
