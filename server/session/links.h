/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* links.h: connections on their way in: from accept to an authenticated link.
 *
 * Links owns the listening sockets and every connection that is not yet a channel's: it accepts, starts TLS where
 * the port is secure, drives a Link (link/link.h) over a Stream (net/stream.h) with a deadline per stage, and hands
 * what came through to `admit`. Caps on unfinished links (total, per peer address; base/limits.h, one setter) bound
 * what strangers cost: over the total, listeners are not read and the excess waits in the backlog; over the per-peer
 * cap the newcomer is closed. Every end is logged in one line; DISCONNECTED follows every CONNECTED.
 *
 * Ownership  each unfinished link owns its Stream, Link and ChannelEvent; admit() takes Stream and ChannelEvent when it
 *            returns WIRE_LINK_ERR_OK.
 * Thread     the main domain.
 * Source     reference/api-and-behaviour.md sections 2.4 and 4, reference/security-catalogue.md 4.1.
 */
#pragma once

#include "core/core.h"
#include "link/link.h"
#include "net/stream.h"
#include "session/channel_event.h"

typedef struct Links Links;

/* An authenticated link, offered to the session. */
typedef struct LinkOffer {
    const LinkRequest *request;
    bool skip_auth;
    Stream *stream;      /* detached; taken when admitted */
    ChannelEvent *event; /* taken when admitted */
    Span output; /* not yet written: the link result at least; goes out before anything else. Copy it. */
} LinkOffer;

typedef struct LinksOwner {
    LinkRules rules; /* key_take is filled in by Links itself from its key pool */
    /* Decides about an authenticated link. WIRE_LINK_ERR_OK: stream and event were taken. Any other: refused with
     * that link result. The output in the offer already ends with the result OK. */
    uint32_t (*admit)(void *opaque, const LinkOffer *offer, uint64_t now_ns);
    void *opaque;
} LinksOwner;

/* One row per bound of this module, set from base/limits.h; tests change them with links_set_limits(). */
typedef struct LinksLimits {
    uint32_t unfinished_max;
    uint32_t unfinished_per_peer_max;
    uint64_t tls_ns;    /* from accept to the end of the TLS handshake */
    uint64_t header_ns; /* from there, or from accept, to a complete link message */
    uint64_t auth_ns;   /* from our reply to the ticket */
    uint64_t flush_ns;  /* to write the last bytes of a refusal */
} LinksLimits;

Links *links_new(const Core *core, CoreLoop *main_loop, Crypto *crypto, ChannelEventSink *events,
                 const LinksOwner *owner);
void links_free(Links *links); /* closes listeners and every unfinished link */
void links_set_limits(Links *links, const LinksLimits *limits);

/* Starts listening; TLS when `tls` is not NULL (referenced). STATUS_IO: logged. */
Status links_listen(Links *links, const CoreListen *where, TlsContext *tls) STATUS_MUST_CHECK;
/* A listening descriptor of the host's; never closed by us. */
Status links_listen_handle(Links *links, int handle) STATUS_MUST_CHECK;
/* Adopts a connected socket. On failure the handle is untouched and still the caller's. */
Status links_add(Links *links, int handle, TlsContext *tls, bool skip_auth) STATUS_MUST_CHECK;
