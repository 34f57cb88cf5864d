/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel_order.h: does a host hear of connections in the order that it may rely on?
 *
 * A session begins with its main channel's INITIALIZED; its other channels become initialised while it lasts; its main channel's
 * DISCONNECTED comes after all of theirs. Connections that were never initialised have no ids, and no order.
 *
 * Thread  the main domain's, as the events.
 * Source  reference/api-and-behaviour.md section 2.4.
 */
#pragma once

#include <spice.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_ORDER_SESSIONS_MAX 1024u

typedef struct ChannelOrder {
    struct {
        uint32_t connection;
        uint32_t others; /* its channels but main */
    } sessions[CHANNEL_ORDER_SESSIONS_MAX];
    size_t sessions_len;
    char fault[160]; /* the first one; "": none */
} ChannelOrder;

void channel_order_note(ChannelOrder *order, int event, const SpiceChannelEventInfo *info);
