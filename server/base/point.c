/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/point.h"
#include "base/status.h"

__attribute__((weak)) void base_point(void)
{
}

const char *status_name(Status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_PEER_FAULT:
        return "protocol error";
    case STATUS_DEVICE_FAULT:
        return "device error";
    case STATUS_LIMIT:
        return "limit reached";
    case STATUS_IO:
        return "input/output error";
    case STATUS_CLOSED:
        return "closed by the peer";
    case STATUS_AGAIN:
        return "not yet";
    case STATUS_MISUSE:
        return "wrong call";
    }
    return "unknown status";
}
