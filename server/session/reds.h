/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reds.h: RedsState, what one server is below its channels: who listens, who may come in, which channels
 * there are and which clients are connected.
 *
 * It decides about authenticated links (one session per connection id, one connection per channel and
 * client), keeps the registry of channels and the list of clients, and tells its owner (api/) what happened
 * to them. What the channels do, and what the host's interfaces are, it does not know.
 *
 * Ownership  embedded in the server object; reds_init() ... reds_finish(). Owns loop, links, clients, and a
 * reference to each registered channel.
 * Thread     the main domain.
 * Source     DESIGN section 5;
 * reference/wire-protocol.md section 1.7.
 */
#pragma once

#include "core/host.h"
#include "link/ticket.h"
#include "net/crypto.h"
#include "session/channel.h"
#include "session/client.h"
#include "session/links.h"

typedef struct RedsHooks {
    void (*client_arrived)(void *opaque, RedClient *client);
    /* Its last connection is gone; freed after the call. */
    void (*client_gone)(void *opaque, RedClient *client);
    void (*channel_attached)(void *opaque, ClientSlot *slot);
    void (*channel_detached)(void *opaque, ClientSlot *slot);
    void *opaque;
} RedsHooks;

#define REDS_CHANNEL_TYPES 12u /* 1 main ... 11 webdav; the index is the type */

struct RedsState {
    const Core *core;
    RedsHooks hooks;
    CoreLoop *loop;  /* NULL before reds_start() */
    Dispatcher main; /* the MainDispatcher */
    ChannelEventSink events;
    Crypto *crypto;
    Links *links; /* NULL before reds_start() */
    Ticket ticket;
    int security[REDS_CHANNEL_TYPES]; /* SPICE_CHANNEL_SECURITY_* bits, by channel type */
    ListNode channels;                /* RedChannel.in_registry, newest first */
    ListNode clients;                 /* RedClient.in_reds, oldest first */
    uint32_t clients_len;
    bool multiple_clients;
    uint32_t devices_made; /* QXL devices, ever: tells recordings of their commands apart */
};

/* Calls a function of the host's from the main domain; the host may call us back from it. */
#define REDS_CALL_HOST(reds, call)                                                                           \
    do {                                                                                                     \
        host_loop_call_out((reds)->loop);                                                                    \
        call;                                                                                                \
        host_loop_call_back((reds)->loop);                                                                   \
    } while (0)

struct SpiceCoreInterface;

void reds_init(RedsState *reds, const Core *core, const RedsHooks *hooks);
/* Makes the loop, the MainDispatcher and the links. STATUS_IO: the host refused a watch. */
Status reds_start(RedsState *reds, struct SpiceCoreInterface *host) STATUS_MUST_CHECK;
/* After every channel was unregistered; runs what is still posted to the main domain, then frees. */
void reds_finish(RedsState *reds);

/* False: there is one of that type and id already (R23). Takes a reference. */
bool reds_register(RedsState *reds, RedChannel *channel) STATUS_MUST_CHECK;
/* The channel's clients have been closed before; idempotent. */
void reds_unregister(RedsState *reds, RedChannel *channel);
RedChannel *reds_find_channel(RedsState *reds, uint8_t type, uint8_t id); /* borrowed; NULL: none */

/* This home is about to end, and closes its clients by itself: nothing more is posted to them, which nobody would
 * read. */
void reds_home_ends(RedsState *reds, const Dispatcher *home);

void reds_drop_clients(RedsState *reds, const char *reason);
uint32_t reds_clients_staying(const RedsState *reds);

/* From client.c. */
void reds_slot_attached(RedsState *reds, ClientSlot *slot, uint64_t now_ns);
void reds_slot_detached(RedsState *reds, ClientSlot *slot, uint64_t now_ns);
void reds_client_gone(RedsState *reds, RedClient *client);
