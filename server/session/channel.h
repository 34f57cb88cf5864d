/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel.h: RedChannel, the server's end of one channel (type, id), whoever is connected.
 *
 * A RedChannel is made and destroyed in the main domain and has a home, where its clients' connections (rccs)
 * are made, used and disposed: the main domain itself, or a worker's thread. What the home tells main about a
 * client (attached, detached) goes through the channel's completions, so that a caller who must wait for the
 * channel's end can run these, and nothing else (DESIGN section 5).
 *
 *   field                          home
 *   type, id, ops, owner, caps     constant once registered
 *   in_registry                    main
 *   clients, closing               the channel's home
 *   completions                    pushed by the home, taken by main
 *   completing                     main
 *   faults, ends                   the channel's home
 *
 * Ownership  reference counted: the registry (RedsState), each slot, each rcc and each message in flight hold
 * one.
 * Thread     as above; red_channel_unref() from anywhere.
 */
#pragma once

#include <glib.h>

#include "base/list.h"
#include "base/ref.h"
#include "core/inbox.h"
#include "link/link.h"
#include "session/dispatcher.h"
#include "session/log_ration.h"
#include "session/pipe.h"
#include "wire/wire.h"

typedef struct RedsState RedsState;
typedef struct RedChannel RedChannel;
typedef struct ClientSlot ClientSlot;

/* What a kind of channel does with its clients. All but `admit` run in the channel's home. */
typedef struct RedChannelOps {
    size_t client_bytes; /* of the struct that begins with a RedChannelClient */
    uint32_t ack_window; /* messages; 0: the channel uses no acks */
    /* Main domain, before the slot is reserved: a link error, or WIRE_LINK_ERR_OK. NULL: everybody. */
    uint32_t (*admit)(RedChannel *channel, ClientSlot *slot);
    /* The rcc is LIVE: say hello. */
    void (*client_opened)(RedChannelClient *rcc, uint64_t now_ns);
    /* The client can take more and its pipe is empty: commit something else, after rcc_want_idle(). True: there may be
     * more of it. NULL: there never is. */
    bool (*commit_idle)(RedChannelClient *rcc, uint64_t now_ns);
    /* One message that is not of the common base, decoded. Anything but STATUS_OK closes the client. */
    Status (*client_message)(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns);
    /* It owns the client's GLZ dictionary from now on, and goes on with image slot->dictionary; client_closed() says there where
     * the next owner does. Not for one that owned it when it opened. NULL: no channel that wants one. */
    void (*client_dictionary)(RedChannelClient *rcc);
    /* The client is to go on at another host: nothing but MIGRATE may follow what waits already (I47). NULL: MIGRATE
     * without flags, as for a channel that has no state to carry. */
    void (*client_migrate)(RedChannelClient *rcc, uint64_t now_ns);
    /* The rcc is going: undo what opened and message did. Called once for each client_opened. NULL: nothing
     * to undo. */
    void (*client_closed)(RedChannelClient *rcc, uint64_t now_ns);
} RedChannelOps;

/* From the home to the main domain, about one slot. Embedded in the slot. */
typedef struct Completion {
    CoreTask task;
    ClientSlot *slot; /* referenced while in flight */
    void (*run)(ClientSlot *slot, uint64_t now_ns);
} Completion;

struct RedChannel {
    Ref ref;
    RedsState *reds; /* valid while registered; main domain */
    const Core *core;
    uint8_t type;
    uint8_t id;
    const RedChannelOps *ops;
    void *owner; /* of the module that made it; the home's */
    Dispatcher *home;
    Dispatcher *main;
    LinkCaps caps; /* what the link reply announces */
    ListNode in_registry;
    ListNode clients; /* RedChannelClient.in_channel: LIVE ones, oldest first */
    uint32_t clients_len;
    ListNode closing; /* the same, of those not yet disposed */
    Inbox completions;
    CoreTask *completing; /* taken from there, not yet run; a nested run goes on where the outer one stands */
    PendingMessage completions_ready;
    LogRation faults, ends; /* of clients, in the log */
};

/* `home` and `main` outlive the channel's last message. The channel is not yet registered (reds.h). */
RedChannel *red_channel_new(RedsState *reds, const Core *core, uint8_t type, uint8_t id,
                            const RedChannelOps *ops, void *owner, Dispatcher *home, Dispatcher *main);
RedChannel *red_channel_ref(RedChannel *channel);
void red_channel_unref(RedChannel *channel);

/* Home: push an item to every LIVE client. Clients that cannot take it are closed. */
void red_channel_push_all(RedChannel *channel, PipeItem *item);
/* Home: closes and disposes every client before it returns; their `detached` completions are in the channel.
 */
void red_channel_close_clients(RedChannel *channel, const char *reason, uint64_t now_ns);

/* Home: tell the main domain. */
void red_channel_complete(RedChannel *channel, Completion *completion);
/* Main: run the channel's completions now. */
void red_channel_run_completions(RedChannel *channel, uint64_t now_ns);
