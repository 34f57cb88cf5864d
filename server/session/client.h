/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h: RedClient, one remote user, and its slots, one per channel connection.
 *
 * A slot is the main domain's half of a channel connection; the RedChannelClient (channel_client.h) is the
 * home's half. Main reserves the slot *before* it posts `connect` to the home, so (client, type, id) is
 * unique from then on:
 *
 *   main                                      home
 *   RESERVED  -- connect --------------------> makes the rcc, LIVE (or refuses)
 *   ATTACHED  <------------------- attached --
 *             -- close ----------------------> CLOSING, disposed
 *   gone      <------------------- detached -- CLOSED
 *
 * A client that leaves marks its slots and posts `close` to each; the homes dispose; the last `detached`
 * frees the RedClient. The client's GLZ dictionary is owned by one display connection at a time, which says at its end where
 * the next one goes on; main picks that. The end of the main channel's rcc is the end of its client, whatever ended it. The
 * order of CONNECTED's counterparts is kept: sub-channels' DISCONNECTED first, the main channel's last.
 *
 * Ownership  RedsState => RedClient => slots. A slot also has references from messages and completions in
 * flight and from its rcc; what those hold is memory only.
 * Thread     the main domain, but for the fields
 * marked "home".
 */
#pragma once

#include "session/channel.h"
#include "session/channel_event.h"
#include "session/links.h"

typedef struct RedClient {
    RedsState *reds;
    uint32_t connection_id; /* not 0; not guessable */
    bool leaving;
    ListNode in_reds;
    ListNode slots; /* ClientSlot.in_client, in the order of arrival; the main channel's is the first */
    uint64_t
        dictionary; /* its GLZ dictionary's next image, while no connection owns that; else DICTIONARY_* */
    ClientSlot *main_slot;
    RedChannelClient *main_rcc; /* borrowed; cleared when it dies (DESIGN section 5) */
} RedClient;

/* Of a client's GLZ dictionary, instead of the id of its next image. */
#define DICTIONARY_NOT_OURS UINT64_MAX   /* another one has it */
#define DICTIONARY_LOST (UINT64_MAX - 1) /* nobody knows which images the client has got; nobody can go on */

#define SLOT_OUTPUT_BYTES_MAX LINK_OUTPUT_BYTES_MAX

struct ClientSlot {
    Ref ref;
    RedClient *client;   /* main; NULL once detached */
    RedChannel *channel; /* referenced */
    ListNode in_client;
    ChannelEvent *event;
    bool attached;
    bool leaving; /* `close` was posted, or the home ends */
    bool detached;
    uint32_t connection_id;
    /* Connections that want one (RedChannelOps) pass the client's GLZ dictionary on: main gives it, with `connect` or later with
     * `take_dictionary`, to one that stays, until that one's `detached`. */
    bool owns_dictionary;
    uint64_t dictionary_given; /* main; of who owns it: constant from then on */
    uint64_t dictionary;       /* home; and main's before `connect` and after `detached` */

    /* Handed to the home with `connect`, which takes them. */
    Stream *stream;
    LinkCaps common_caps, channel_caps;
    uint8_t output[SLOT_OUTPUT_BYTES_MAX]; /* of the handshake, what the socket did not take yet */
    size_t output_len;

    Message connect, close, migrate, take_dictionary;
    bool migrating;           /* `migrate` was posted */
    const char *close_reason; /* a constant; written before `close` is posted */
    Completion attached_done, detached_done;

    RedChannelClient *rcc; /* home */
};

RedClient *red_client_new(RedsState *reds, uint32_t connection_id);

/* Reserves (client, type, id) for the offered link, sends the end of its handshake and posts `connect`. NULL: the client is leaving, or the
 * slot is taken. Takes stream and event of the offer when it succeeds. */
ClientSlot *red_client_connect(RedClient *client, RedChannel *channel, const LinkOffer *offer);

/* Any reason, any number of times: asks every slot to close. The client is freed after the last `detached`,
 * which may be inside this call only if it has no slots. */
void red_client_leave(RedClient *client, const char *reason);

/* Tells the home of each of its connections, once, that the client goes on at another host. */
void red_client_migrate(RedClient *client);

void client_slot_close(ClientSlot *slot, const char *reason);
void client_slot_unref(ClientSlot *slot);
