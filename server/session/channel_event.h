/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel_event.h: what the host is told of one connection: CONNECTED, INITIALIZED, DISCONNECTED.
 *
 * One ChannelEvent lives as long as its connection, from accept until the stream is gone; the same
 * SpiceChannelEventInfo is passed with each of its events and stays valid until the DISCONNECTED call returns.
 * channel_event_free() is what sends DISCONNECTED, so every CONNECTED is followed by exactly one.
 *
 * Ownership  the unfinished link, then the client's slot (session/client.h).
 * Thread     the main domain.
 * Source     reference/api-and-behaviour.md section 2.4.
 */
#pragma once

#include "net/stream.h"

typedef struct ChannelEvent ChannelEvent;

struct SpiceCoreInterface;

/* Where the events go. */
typedef struct ChannelEventSink {
    const struct SpiceCoreInterface *host;
    CoreLoop *loop; /* the main domain's (core/host.h); NULL: the host cannot call back from an event */
} ChannelEventSink;

/* Reads the addresses of the stream and sends CONNECTED. */
ChannelEvent *channel_event_new(ChannelEventSink *sink, const Stream *stream);
/* Sends INITIALIZED: the link's result OK was sent. */
void channel_event_initialized(ChannelEvent *event, uint32_t connection_id, uint8_t type, uint8_t id,
                               bool is_tls);
/* Sends DISCONNECTED and frees. NULL is allowed. */
void channel_event_free(ChannelEvent *event);
