/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channels/main.h"

#include "session/client.h"

#define MAIN_AGENT_TOKENS 10u /* what a client may have outstanding, once there is an agent */
#define MAIN_UUID_BYTES 16u
#define MAIN_MM_TIME_DELTA_MS 400 /* the multimedia clock lags by this much, for clients to buffer */
#define MAIN_CHANNELS_MAX 256u    /* entries in one CHANNELS_LIST; more channels than any host has */

struct MainChannel {
    RedsState *reds;
    RedChannel *channel;
    MainHooks hooks;
};

typedef struct MainChannelClient {
    RedChannelClient base;
    bool list_asked; /* ATTACH_CHANNELS came */
    PipeItem init_item, name_item, uuid_item, list_item, mouse_mode_item;
} MainChannelClient;

static MainChannel *main_of(RedChannelClient *rcc)
{
    return rcc->channel->owner;
}

static MainInfo info_of(RedChannelClient *rcc)
{
    MainInfo info = {0};

    main_of(rcc)->hooks.info(main_of(rcc)->hooks.opaque, &info);
    return info;
}

/* ---- What is sent; each says the state of the moment in which it is sent ---- */

static void init_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    const MainInfo info = info_of(rcc);
    const WireMsgMainInit init = {
        .session_id = rcc->slot->connection_id,
        .display_channels_hint = info.displays,
        .supported_mouse_modes = info.mouse_modes,
        .current_mouse_mode = info.mouse_mode,
        .agent_connected = 0,
        .agent_tokens = MAIN_AGENT_TOKENS,
        .multi_media_time = (uint32_t)(now_ns / NS_PER_MS) - MAIN_MM_TIME_DELTA_MS,
        .ram_hint = info.ram_bytes,
    };
    RCC_SEND(rcc, WIRE_MSG_MAIN_INIT, wire_msg_main_init_encode, &init);
}

static void name_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const MainInfo info = info_of(rcc);
    if (info.name != NULL) {
        const WireMsgMainName name = {.name = span_of(info.name, strlen(info.name) + 1)};
        RCC_SEND(rcc, WIRE_MSG_MAIN_NAME, wire_msg_main_name_encode, &name);
    }
}

static void uuid_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const MainInfo info = info_of(rcc);
    if (info.uuid != NULL) {
        const WireMsgMainUuid uuid = {.uuid = span_of(info.uuid, MAIN_UUID_BYTES)};
        RCC_SEND(rcc, WIRE_MSG_MAIN_UUID, wire_msg_main_uuid_encode, &uuid);
    }
}

static void list_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    WireChannelId ids[MAIN_CHANNELS_MAX];
    uint32_t n = 0;

    list_each(&main_of(rcc)->reds->channels, node)
    {
        const RedChannel *channel = list_entry(node, RedChannel, in_registry);
        if (channel->type != WIRE_CHANNEL_MAIN && n < MAIN_CHANNELS_MAX) {
            ids[n++] = (WireChannelId){channel->type, channel->id};
        }
    }
    const WireMsgMainChannelsList list = {.channels = {ids, n}};
    RCC_SEND(rcc, WIRE_MSG_MAIN_CHANNELS_LIST, wire_msg_main_channels_list_encode, &list);
}

static void mouse_mode_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const MainInfo info = info_of(rcc);
    const WireMsgMainMouseMode mode = {.supported_modes = (uint16_t)info.mouse_modes,
                                       .current_mode = (uint16_t)info.mouse_mode};
    RCC_SEND(rcc, WIRE_MSG_MAIN_MOUSE_MODE, wire_msg_main_mouse_mode_encode, &mode);
}

static const PipeItemType init_type = {"main init", init_commit, NULL};
static const PipeItemType name_type = {"main name", name_commit, NULL};
static const PipeItemType uuid_type = {"main uuid", uuid_commit, NULL};
static const PipeItemType list_type = {"main channels", list_commit, NULL};
static const PipeItemType mouse_mode_type = {"main mouse mode", mouse_mode_commit, NULL};

typedef struct NotifyItem {
    PipeItem base;
    const char *text;
} NotifyItem;

static void notify_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    const char *text = list_entry(item, NotifyItem, base)->text;
    const WireMsgNotify notify = {
        .time_stamp = now_ns,
        .severity = WIRE_NOTIFY_SEVERITY_WARN,
        .visibility = WIRE_NOTIFY_VISIBILITY_HIGH,
        .what = 0,
        .message = span_of(text, strlen(text)),
    };
    WireOut dry;

    wire_out_init_count(&dry);
    wire_msg_notify_encode(&dry, &notify);
    WireOut *out = rcc_begin(rcc, WIRE_MSG_NOTIFY, dry.len + 1);
    if (out != NULL) {
        wire_msg_notify_encode(out, &notify);
        wire_out_surplus(
            out, 1); /* readers of old times, and tshark, expect a NUL that message_len does not count */
        rcc_end(rcc);
    }
}

static void notify_free(PipeItem *item)
{
    g_free(list_entry(item, NotifyItem, base));
}

static const PipeItemType notify_type = {"notify", notify_commit, notify_free};

typedef struct NewChannelItem {
    PipeItem base;
    WireChannelId id;
} NewChannelItem;

static void new_channel_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)now_ns;
    const WireMsgMainChannelsList list = {.channels = {&list_entry(item, NewChannelItem, base)->id, 1}};
    RCC_SEND(rcc, WIRE_MSG_MAIN_CHANNELS_LIST, wire_msg_main_channels_list_encode, &list);
}

static void new_channel_free(PipeItem *item)
{
    g_free(list_entry(item, NewChannelItem, base));
}

static const PipeItemType new_channel_type = {"main new channel", new_channel_commit, new_channel_free};

/* ---- The clients ---- */

static void main_client_opened(RedChannelClient *rcc, uint64_t now_ns)
{
    MainChannelClient *mcc = list_entry(rcc, MainChannelClient, base);

    (void)now_ns;
    pipe_item_init(&mcc->init_item, &init_type);
    pipe_item_init(&mcc->name_item, &name_type);
    pipe_item_init(&mcc->uuid_item, &uuid_type);
    pipe_item_init(&mcc->list_item, &list_type);
    pipe_item_init(&mcc->mouse_mode_item, &mouse_mode_type);
    rcc->slot->client->main_rcc = rcc;
    rcc_push(rcc, &mcc->init_item);
    if (rcc_has_cap(rcc, WIRE_CAP_MAIN_NAME_AND_UUID)) {
        rcc_push(rcc, &mcc->name_item);
        rcc_push(rcc, &mcc->uuid_item);
    }
}

static void main_client_closed(RedChannelClient *rcc, uint64_t now_ns)
{
    (void)now_ns;
    rcc->slot->client->main_rcc = NULL;
}

static Status main_client_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    MainChannelClient *mcc = list_entry(rcc, MainChannelClient, base);
    const MainChannel *main = main_of(rcc);

    (void)now_ns;
    switch (message->type) {
    case WIRE_MSGC_MAIN_ATTACH_CHANNELS:
        mcc->list_asked = true;
        rcc_push_once(rcc, &mcc->list_item);
        return STATUS_OK;
    case WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST:
        main->hooks.mouse_mode_request(main->hooks.opaque, message->u.main_mouse_mode_request.mode);
        return STATUS_OK;
    case WIRE_MSGC_MAIN_AGENT_START:
    case WIRE_MSGC_MAIN_AGENT_DATA:
    case WIRE_MSGC_MAIN_AGENT_TOKEN:
        return STATUS_OK; /* there is no agent: what is sent to it is discarded */
    default:
        return STATUS_PEER_FAULT; /* migration, which nobody began; and what no client sends */
    }
}

static const RedChannelOps main_ops = {
    .client_bytes = sizeof(MainChannelClient),
    .client_opened = main_client_opened,
    .client_message = main_client_message,
    .client_closed = main_client_closed,
};

/* ---- The channel ---- */

MainChannel *main_channel_new(RedsState *reds, const MainHooks *hooks)
{
    MainChannel *main = g_new0(MainChannel, 1);

    main->reds = reds;
    main->hooks = *hooks;
    main->channel =
        red_channel_new(reds, reds->core, WIRE_CHANNEL_MAIN, 0, &main_ops, main, &reds->main, &reds->main);
    link_caps_set(&main->channel->caps, WIRE_CAP_MAIN_NAME_AND_UUID);
    CHECK(reds_register(reds, main->channel));
    return main;
}

void main_channel_free(MainChannel *main)
{
    reds_unregister(main->reds, main->channel);
    red_channel_unref(main->channel);
    g_free(main);
}

RedChannel *main_channel_base(MainChannel *main)
{
    return main->channel;
}

void main_channel_push_mouse_mode(MainChannel *main)
{
    list_each_removable(&main->channel->clients, node)
    {
        RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        rcc_push_once(rcc, &list_entry(rcc, MainChannelClient, base)->mouse_mode_item);
    }
}

void main_channel_push_new_channel(MainChannel *main, uint8_t type, uint8_t id)
{
    NewChannelItem *item = g_new0(NewChannelItem, 1);

    pipe_item_init(&item->base, &new_channel_type);
    item->id = (WireChannelId){type, id};
    list_each_removable(&main->channel->clients, node)
    {
        RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        const MainChannelClient *mcc = list_entry(rcc, MainChannelClient, base);
        /* A list that is asked for and still waits will name it anyway. */
        if (mcc->list_asked && !pipe_contains(&rcc->pipe, &mcc->list_item)) {
            rcc_push(rcc, &item->base);
        }
    }
    pipe_item_unref(&item->base);
}

void main_channel_notify(RedClient *client, const char *text)
{
    if (client == NULL || client->main_rcc == NULL) {
        return;
    }
    NotifyItem *item = g_new0(NotifyItem, 1);
    pipe_item_init(&item->base, &notify_type);
    item->text = text;
    rcc_push(client->main_rcc, &item->base);
    pipe_item_unref(&item->base);
}
