/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define SPICE_SERVER_INTERNAL /* fills the deprecated members too */
#include "session/channel_event.h"

#include <glib.h>
#include <spice.h>

#include "core/host.h"

/* The first minor version of the interface that has channel_event as it is now. */
#define CHANNEL_EVENT_CORE_MINOR 3u

struct ChannelEvent {
    ChannelEventSink *sink;
    SpiceChannelEventInfo info;
};

static void channel_event_send(ChannelEvent *event, int what)
{
    const SpiceCoreInterface *host = event->sink->host;

    if (host != NULL && host->base.minor_version >= CHANNEL_EVENT_CORE_MINOR && host->channel_event != NULL) {
        CoreLoop *loop = event->sink->loop;
        if (loop != NULL) {
            host_loop_call_out(loop);
        }
        host->channel_event(what, &event->info);
        if (loop != NULL) {
            host_loop_call_back(loop);
        }
    }
}

/* The whole address, and what fits of it into the member that old hosts read. */
static void copy_address(const CoreAddress *from, struct sockaddr_storage *ret_whole,
                         socklen_t *ret_whole_len, struct sockaddr *ret_short, socklen_t *ret_short_len)
{
    *ret_whole_len = MIN(from->len, (socklen_t)sizeof *ret_whole);
    memcpy(ret_whole, &from->storage, *ret_whole_len);
    *ret_short_len = MIN(from->len, (socklen_t)sizeof *ret_short);
    memcpy(ret_short, &from->storage, *ret_short_len);
}

ChannelEvent *channel_event_new(ChannelEventSink *sink, const Stream *stream)
{
    ChannelEvent *event = g_new0(ChannelEvent, 1);
    SpiceChannelEventInfo *info = &event->info;
    CoreAddress local;
    CoreAddress peer;

    event->sink = sink;
    stream_addresses(stream, &local, &peer);
    copy_address(&local, &info->laddr_ext, &info->llen_ext, &info->laddr, &info->llen);
    copy_address(&peer, &info->paddr_ext, &info->plen_ext, &info->paddr, &info->plen);
    info->flags = SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT;
    channel_event_send(event, SPICE_CHANNEL_EVENT_CONNECTED);
    return event;
}

void channel_event_initialized(ChannelEvent *event, uint32_t connection_id, uint8_t type, uint8_t id,
                               bool is_tls)
{
    event->info.connection_id = (int)connection_id;
    event->info.type = type;
    event->info.id = id;
    if (is_tls) {
        event->info.flags |= SPICE_CHANNEL_EVENT_FLAG_TLS;
    }
    channel_event_send(event, SPICE_CHANNEL_EVENT_INITIALIZED);
}

void channel_event_free(ChannelEvent *event)
{
    if (event != NULL) {
        channel_event_send(event, SPICE_CHANNEL_EVENT_DISCONNECTED);
        g_free(event);
    }
}
