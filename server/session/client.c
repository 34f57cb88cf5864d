/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/client.h"

#include "session/channel_client.h"
#include "session/reds.h"

static ClientSlot *slot_ref(ClientSlot *slot)
{
    ref_take(&slot->ref);
    return slot;
}

void client_slot_unref(ClientSlot *slot)
{
    if (ref_drop(&slot->ref)) {
        CHECK(slot->stream == NULL && slot->event == NULL && slot->rcc == NULL);
        red_channel_unref(slot->channel);
        g_free(slot);
    }
}

/* ---- Home: what main asked for ---- */

static void slot_connect(Message *message, uint64_t now_ns)
{
    ClientSlot *slot = list_entry(message, ClientSlot, connect);

    rcc_open(slot, now_ns);
    client_slot_unref(slot);
}

static void slot_close(Message *message, uint64_t now_ns)
{
    ClientSlot *slot = list_entry(message, ClientSlot, close);

    (void)now_ns;
    if (slot->rcc != NULL) {
        rcc_close(slot->rcc, slot->close_reason);
    }
    client_slot_unref(slot);
}

static void slot_migrate(Message *message, uint64_t now_ns)
{
    ClientSlot *slot = list_entry(message, ClientSlot, migrate);

    if (slot->rcc != NULL) {
        rcc_migrate(slot->rcc, now_ns);
    }
    client_slot_unref(slot);
}

/* One that is closing leaves it as it was given. */
static void slot_take_dictionary(Message *message, uint64_t now_ns)
{
    ClientSlot *slot = list_entry(message, ClientSlot, take_dictionary);

    (void)now_ns;
    if (slot->rcc != NULL && slot->rcc->state == RCC_LIVE) {
        slot->dictionary = slot->dictionary_given;
        slot->channel->ops->client_dictionary(slot->rcc);
    }
    client_slot_unref(slot);
}

/* ---- Main: what the home tells ---- */

/* The owner's connection has ended: the oldest that stays is next, or else who comes next. */
static void dictionary_pass_on(RedClient *client, ClientSlot *from)
{
    /* The message may have come too late for it. */
    client->dictionary = from->dictionary != DICTIONARY_NOT_OURS ? from->dictionary : from->dictionary_given;
    from->owns_dictionary = false;
    if (client->leaving || client->dictionary == DICTIONARY_LOST) {
        return;
    }
    list_each(&client->slots, node)
    {
        ClientSlot *slot = list_entry(node, ClientSlot, in_client);
        if (slot->channel->ops->client_dictionary != NULL && !slot->leaving && !slot->detached) {
            slot->owns_dictionary = true;
            slot->dictionary_given = client->dictionary;
            client->dictionary = DICTIONARY_NOT_OURS;
            slot_ref(slot); /* the message's */
            dispatcher_post(slot->channel->home, &slot->take_dictionary);
            return;
        }
    }
}

static void slot_attached(ClientSlot *slot, uint64_t now_ns)
{
    slot->attached = true;
    reds_slot_attached(slot->client->reds, slot, now_ns);
}

static void slot_detached(ClientSlot *slot, uint64_t now_ns)
{
    RedClient *client = slot->client;
    const bool was_main = client->main_slot == slot;

    slot->detached = true;
    if (slot->owns_dictionary) {
        dictionary_pass_on(client, slot);
    }
    reds_slot_detached(client->reds, slot, now_ns);
    if (was_main) {
        /* Its slot stays until the others are gone: the host hears of the main channel's end last. */
        client->main_rcc = NULL;
        red_client_leave(client, "the main channel ended");
    } else {
        /* The host may call us back from the event, and end the client's other channels: this one keeps it. */
        channel_event_free(slot->event);
        slot->event = NULL;
        list_remove(&slot->in_client);
        slot->client = NULL;
        client_slot_unref(slot);
    }
    ClientSlot *main_slot = client->main_slot;
    if (main_slot != NULL && main_slot->detached && client->slots.next == &main_slot->in_client &&
        client->slots.prev == &main_slot->in_client) {
        list_remove(&main_slot->in_client);
        channel_event_free(main_slot->event);
        main_slot->event = NULL;
        main_slot->client = NULL;
        client_slot_unref(main_slot);
        reds_client_gone(client->reds, client);
        g_free(client);
    }
}

/* ---- Main ---- */

RedClient *red_client_new(RedsState *reds, uint32_t connection_id)
{
    RedClient *client = g_new0(RedClient, 1);

    client->reds = reds;
    client->connection_id = connection_id;
    list_init(&client->in_reds);
    list_init(&client->slots);
    return client;
}

static bool slot_is_taken(const RedClient *client, const RedChannel *channel)
{
    list_each(&client->slots, node)
    {
        const ClientSlot *slot = list_entry(node, ClientSlot, in_client);
        if (slot->channel->type == channel->type && slot->channel->id == channel->id) {
            return true;
        }
    }
    return false;
}

/* The end of the handshake goes out before the host hears of the channel, and before the channel's own messages. What the
 * socket does not take now goes to the home, and so does an error: it finds that by itself. */
static void slot_greet(ClientSlot *slot)
{
    while (slot->output_len > 0) {
        const struct iovec iov = {slot->output, slot->output_len};
        const int64_t n = stream_writev(slot->stream, &iov, 1);

        if (n <= 0) {
            return;
        }
        slot->output_len -= (size_t)n;
        memmove(slot->output, slot->output + n, slot->output_len);
    }
}

ClientSlot *red_client_connect(RedClient *client, RedChannel *channel, const LinkOffer *offer)
{
    if (client->leaving || slot_is_taken(client, channel) || offer->output.len > SLOT_OUTPUT_BYTES_MAX) {
        return NULL;
    }
    ClientSlot *slot = g_new0(ClientSlot, 1);
    ref_init(&slot->ref);
    slot->client = client;
    slot->connection_id = client->connection_id;
    slot->dictionary = DICTIONARY_NOT_OURS;
    if (channel->ops->client_dictionary != NULL && client->dictionary < DICTIONARY_LOST) {
        slot->owns_dictionary = true;
        slot->dictionary = slot->dictionary_given = client->dictionary;
        client->dictionary = DICTIONARY_NOT_OURS;
    }
    slot->channel = red_channel_ref(channel);
    slot->stream = offer->stream;
    slot->event = offer->event;
    slot->common_caps = offer->request->common_caps;
    slot->channel_caps = offer->request->channel_caps;
    memcpy(slot->output, offer->output.data, offer->output.len);
    slot->output_len = offer->output.len;
    message_init(&slot->connect, "connect", slot_connect);
    message_init(&slot->close, "close", slot_close);
    message_init(&slot->migrate, "migrate", slot_migrate);
    message_init(&slot->take_dictionary, "take dictionary", slot_take_dictionary);
    slot->attached_done = (Completion){.slot = slot, .run = slot_attached};
    slot->detached_done = (Completion){.slot = slot, .run = slot_detached};
    list_init(&slot->in_client);
    list_append(&client->slots, &slot->in_client);
    if (channel->type == WIRE_CHANNEL_MAIN) {
        client->main_slot = slot;
    }
    slot_greet(slot);
    slot_ref(slot); /* the message's */
    dispatcher_post(channel->home, &slot->connect);
    return slot;
}

void client_slot_close(ClientSlot *slot, const char *reason)
{
    if (slot->leaving || slot->detached) {
        return;
    }
    slot->leaving = true;
    slot->close_reason = reason;
    slot_ref(slot); /* the message's */
    dispatcher_post(slot->channel->home, &slot->close);
}

void red_client_leave(RedClient *client, const char *reason)
{
    if (client->leaving) {
        return;
    }
    client->leaving = true;
    list_each(&client->slots, node)
    {
        client_slot_close(list_entry(node, ClientSlot, in_client), reason);
    }
}

void red_client_migrate(RedClient *client)
{
    list_each(&client->slots, node)
    {
        ClientSlot *slot = list_entry(node, ClientSlot, in_client);
        if (!slot->migrating && !slot->leaving && !slot->detached) {
            slot->migrating = true;
            slot_ref(slot); /* the message's */
            dispatcher_post(slot->channel->home, &slot->migrate);
        }
    }
}
