/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/reds.h"

#include <spice.h>

#include "core/host.h"
#include "session/channel_client.h"

/* ---- What the links ask ---- */

static bool rules_channel_find(void *opaque, uint8_t type, uint8_t id, LinkCaps *ret_caps)
{
    /* Any id of a main channel is the main channel's: there is one per server. */
    const RedChannel *channel = reds_find_channel(opaque, type, type == WIRE_CHANNEL_MAIN ? 0 : id);

    if (channel == NULL) {
        return false;
    }
    *ret_caps = channel->caps;
    return true;
}

static int rules_channel_security(void *opaque, uint8_t type)
{
    const RedsState *reds = opaque;

    return reds->security[type < REDS_CHANNEL_TYPES ? type : 0];
}

static bool rules_needs_ticket(void *opaque, const Link *link)
{
    const RedsState *reds = opaque;

    (void)link;
    return ticket_required(&reds->ticket);
}

static bool rules_ticket_opens(void *opaque, Span password)
{
    const RedsState *reds = opaque;

    return ticket_opens(&reds->ticket, password, reds->core->now_ns(reds->core));
}

static RedClient *find_client(RedsState *reds, uint32_t connection_id)
{
    list_each(&reds->clients, node)
    {
        RedClient *client = list_entry(node, RedClient, in_reds);
        if (client->connection_id == connection_id) {
            return client;
        }
    }
    return NULL;
}

static uint32_t fresh_connection_id(RedsState *reds)
{
    uint32_t id;

    do {
        reds->core->entropy(reds->core, &id, sizeof id);
    } while (id == 0 || find_client(reds, id) != NULL);
    return id;
}

static uint32_t admit_main(RedsState *reds, RedChannel *channel, const LinkOffer *offer)
{
    if (offer->request->connection_id != 0) {
        return WIRE_LINK_ERR_BAD_CONNECTION_ID; /* a migrating client, and no migration was announced to us
                                                   (T6) */
    }
    if (!reds->multiple_clients) {
        reds_drop_clients(reds, "another client took the session over");
    }
    RedClient *client = red_client_new(reds, fresh_connection_id(reds));
    list_append(&reds->clients, &client->in_reds);
    reds->clients_len++;
    const bool is_tls = stream_is_tls(offer->stream); /* asked now: afterwards it is the home's */
    ClientSlot *slot = red_client_connect(client, channel, offer);
    CHECK(slot != NULL); /* a new client has no slots and does not leave */
    channel_event_initialized(slot->event, client->connection_id, channel->type, channel->id, is_tls);
    reds->hooks.client_arrived(reds->hooks.opaque, client);
    return WIRE_LINK_ERR_OK;
}

static uint32_t admit_other(RedsState *reds, RedChannel *channel, const LinkOffer *offer)
{
    RedClient *client = find_client(reds, offer->request->connection_id);

    if (client == NULL || client->leaving) {
        return WIRE_LINK_ERR_BAD_CONNECTION_ID;
    }
    const bool is_tls = stream_is_tls(offer->stream);
    ClientSlot *slot = red_client_connect(client, channel, offer);
    if (slot == NULL) {
        return WIRE_LINK_ERR_CHANNEL_NOT_AVAILABLE; /* this client has that channel already */
    }
    channel_event_initialized(slot->event, client->connection_id, channel->type, channel->id, is_tls);
    return WIRE_LINK_ERR_OK;
}

static uint32_t links_admit(void *opaque, const LinkOffer *offer, uint64_t now_ns)
{
    RedsState *reds = opaque;
    const uint8_t type = offer->request->channel_type;
    RedChannel *channel =
        reds_find_channel(reds, type, type == WIRE_CHANNEL_MAIN ? 0 : offer->request->channel_id);

    (void)now_ns;
    if (channel == NULL) {
        return WIRE_LINK_ERR_CHANNEL_NOT_AVAILABLE; /* it went while the client proved its ticket */
    }
    return type == WIRE_CHANNEL_MAIN ? admit_main(reds, channel, offer) : admit_other(reds, channel, offer);
}

/* ---- Life ---- */

void reds_init(RedsState *reds, const Core *core, const RedsHooks *hooks)
{
    *reds = (RedsState){.core = core, .hooks = *hooks};
    list_init(&reds->channels);
    list_init(&reds->clients);
    ticket_init(&reds->ticket);
    for (size_t i = 0; i < REDS_CHANNEL_TYPES; i++) {
        reds->security[i] = SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL;
    }
    reds->crypto = crypto_new(core);
}

Status reds_start(RedsState *reds, SpiceCoreInterface *host)
{
    reds->events.host = host;
    reds->loop = host_loop_new(reds->core, host);
    if (reds->loop == NULL) {
        return STATUS_IO;
    }
    reds->events.loop = reds->loop;
    reds->main = (Dispatcher){reds->core, reds->loop};
    const LinksOwner owner = {
        .rules = {.channel_find = rules_channel_find,
                  .channel_security = rules_channel_security,
                  .needs_ticket = rules_needs_ticket,
                  .ticket_opens = rules_ticket_opens,
                  .opaque = reds},
        .admit = links_admit,
        .opaque = reds,
    };
    reds->links = links_new(reds->core, reds->loop, reds->crypto, &reds->events, &owner);
    return STATUS_OK;
}

void reds_finish(RedsState *reds)
{
    CHECK(list_is_empty(&reds->channels) && list_is_empty(&reds->clients));
    links_free(reds->links);
    if (reds->loop != NULL) {
        host_loop_free(reds->loop);
    }
    crypto_free(reds->crypto);
    ticket_init(&reds->ticket); /* forgets the password */
}

/* ---- Channels ---- */

RedChannel *reds_find_channel(RedsState *reds, uint8_t type, uint8_t id)
{
    list_each(&reds->channels, node)
    {
        RedChannel *channel = list_entry(node, RedChannel, in_registry);
        if (channel->type == type && channel->id == id) {
            return channel;
        }
    }
    return NULL;
}

bool reds_register(RedsState *reds, RedChannel *channel)
{
    if (reds_find_channel(reds, channel->type, channel->id) != NULL) {
        return false;
    }
    list_prepend(&reds->channels, &red_channel_ref(channel)->in_registry);
    return true;
}

void reds_unregister(RedsState *reds, RedChannel *channel)
{
    (void)reds;
    if (list_is_linked(&channel->in_registry)) {
        list_remove(&channel->in_registry);
        red_channel_unref(channel);
    }
}

/* ---- Clients ---- */

void reds_home_ends(RedsState *reds, const Dispatcher *home)
{
    list_each(&reds->clients, client)
    {
        list_each(&list_entry(client, RedClient, in_reds)->slots, node)
        {
            ClientSlot *slot = list_entry(node, ClientSlot, in_client);
            slot->leaving |= slot->channel->home == home;
        }
    }
}

void reds_drop_clients(RedsState *reds, const char *reason)
{
    list_each(&reds->clients, node)
    {
        red_client_leave(list_entry(node, RedClient, in_reds), reason);
    }
}

uint32_t reds_clients_staying(const RedsState *reds)
{
    uint32_t staying = 0;

    list_each(&reds->clients, node)
    {
        staying += list_entry(node, RedClient, in_reds)->leaving ? 0 : 1;
    }
    return staying;
}

void reds_slot_attached(RedsState *reds, ClientSlot *slot, uint64_t now_ns)
{
    (void)now_ns;
    reds->hooks.channel_attached(reds->hooks.opaque, slot);
}

void reds_slot_detached(RedsState *reds, ClientSlot *slot, uint64_t now_ns)
{
    (void)now_ns;
    reds->hooks.channel_detached(reds->hooks.opaque, slot);
}

void reds_client_gone(RedsState *reds, RedClient *client)
{
    list_remove(&client->in_reds);
    reds->clients_len--;
    reds->hooks.client_gone(reds->hooks.opaque, client);
}
