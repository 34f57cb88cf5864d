/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/ack_window.h"

#include "base/check.h"

uint32_t ack_window_start(AckWindow *ack, uint32_t window)
{
    CHECK(window > 0);
    ack->window = window;
    ack->unacked = 0;
    ack->synced = false;
    return ++ack->generation;
}

void ack_window_sent(AckWindow *ack)
{
    if (ack->window != 0) {
        ack->unacked++;
    }
}

bool ack_window_is_full(const AckWindow *ack)
{
    return ack->window != 0 && ack->unacked > ACK_WINDOWS_AHEAD_MAX * ack->window;
}

void ack_window_on_sync(AckWindow *ack, uint32_t generation)
{
    /* A sync of an older generation crossed our SET_ACK on the way. */
    if (generation == ack->generation && ack->window != 0) {
        ack->synced = true;
    }
}

Status ack_window_on_ack(AckWindow *ack)
{
    if (!ack->synced) {
        return STATUS_OK; /* counts messages of an older generation, which SET_ACK forgave */
    }
    if (ack->unacked < ack->window) {
        return STATUS_PEER_FAULT; /* subtracting would wrap and block this client for ever */
    }
    ack->unacked -= ack->window;
    return STATUS_OK;
}
