/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/channel_order.h"

#include <stdio.h>

#include "wire/wire.h"

static void complain(ChannelOrder *order, const SpiceChannelEventInfo *info, const char *what)
{
    if (order->fault[0] == '\0') {
        snprintf(order->fault, sizeof order->fault, "the host hears of session %08x, channel %d:%d: %s",
                 (unsigned)info->connection_id, info->type, info->id, what);
    }
}

/* sessions_len: there is none. */
static size_t find(const ChannelOrder *order, uint32_t connection)
{
    size_t at = 0;

    while (at < order->sessions_len && order->sessions[at].connection != connection) {
        at++;
    }
    return at;
}

void channel_order_note(ChannelOrder *order, int event, const SpiceChannelEventInfo *info)
{
    const uint32_t connection = (uint32_t)info->connection_id;
    const size_t at = find(order, connection);
    const bool known = at < order->sessions_len;

    if (connection == 0) {
        if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
            complain(order, info, "initialised without a session");
        }
    } else if (event == SPICE_CHANNEL_EVENT_CONNECTED) {
        complain(order, info, "connected, and in a session already");
    } else if (event == SPICE_CHANNEL_EVENT_INITIALIZED && info->type == WIRE_CHANNEL_MAIN) {
        if (known || order->sessions_len == CHANNEL_ORDER_SESSIONS_MAX) {
            complain(order, info, "initialised, and its session has a main channel");
            return;
        }
        order->sessions[order->sessions_len].connection = connection;
        order->sessions[order->sessions_len++].others = 0;
    } else if (!known) {
        complain(order, info, "something, and its main channel is gone");
    } else if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        order->sessions[at].others++;
    } else if (info->type != WIRE_CHANNEL_MAIN) {
        order->sessions[at].others--;
    } else {
        if (order->sessions[at].others > 0) {
            complain(order, info, "the end, before that of its other channels");
        }
        order->sessions[at] = order->sessions[--order->sessions_len];
    }
}
