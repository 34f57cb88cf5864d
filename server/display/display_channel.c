/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/display_channel.h"

#include <spice/enums.h>

#define DISPLAY_ACK_WINDOW 512u /* messages; bytes in flight are what limits a client */
#define DISPLAY_STREAMS_MAX 50u /* streams of a display; ids are below */

struct DisplayChannel {
    RedsState *reds;
    RedChannel *channel;
    const SurfaceTable *surfaces;
    DisplayClientsChanged clients_changed;
    void *opaque;
    PipeItem sync_item;
    uint64_t palettes;      /* how often clients had to forget them, from 1 */
    uint64_t monitors_told; /* the same for monitors configs; 0: none yet */
    QxlMonitors monitors;
};

typedef struct DisplayClient {
    RedChannelClient base;
    bool said_init;
    CoreTimer *init_timer;
    bool sync_waits;
    /* What it was told, in messages handed to its stream. */
    uint64_t *surfaces; /* generations, by id; 0: none */
    uint64_t marked;    /* generation of the primary that MARK was for */
    uint64_t palettes;
    uint64_t monitors;
} DisplayClient;

static DisplayChannel *display_of(RedChannelClient *rcc)
{
    return rcc->channel->owner;
}

static DisplayClient *client_of(RedChannelClient *rcc)
{
    return list_entry(rcc, DisplayClient, base);
}

/* ---- What is sent ---- */

static void send_surface(RedChannelClient *rcc, uint32_t id, const QxlGeometry *geometry)
{
    const WireMsgDisplaySurfaceCreate create = {
        .surface_id = id,
        .width = geometry->width,
        .height = geometry->height,
        .format = geometry->format,
        .flags = id == SURFACE_PRIMARY ? WIRE_SURFACE_FLAG_PRIMARY : 0,
    };
    RCC_SEND(rcc, WIRE_MSG_DISPLAY_SURFACE_CREATE, wire_msg_display_surface_create_encode, &create);
}

/* Guests make surfaces of alpha alone only while all clients know them; one that came later may not. */
static bool client_knows_format(const RedChannelClient *rcc, uint32_t format)
{
    return format != SPICE_SURFACE_FMT_8_A || rcc_has_cap(rcc, WIRE_CAP_DISPLAY_A8_SURFACE);
}

static void sync_surfaces(DisplayClient *client, const SurfaceTable *surfaces)
{
    /* Without a primary there is nothing to show; other surfaces come with the next one. */
    const bool shown = surfaces_find(surfaces, SURFACE_PRIMARY) != NULL;
    RedChannelClient *rcc = &client->base;

    for (uint32_t id = 0; id < surfaces->len; id++) {
        const Surface *surface = &surfaces->surfaces[id];
        if (client->surfaces[id] != 0 && client->surfaces[id] != surface->generation) {
            RCC_SEND(rcc, WIRE_MSG_DISPLAY_SURFACE_DESTROY, wire_msg_display_surface_destroy_encode,
                     (&(WireMsgDisplaySurfaceDestroy){id}));
            client->surfaces[id] = 0;
        }
        if (shown && surface->generation != 0 && client->surfaces[id] == 0 &&
            client_knows_format(rcc, surface->geometry.format)) {
            send_surface(rcc, id, &surface->geometry);
            client->surfaces[id] = surface->generation;
        }
    }
}

static void send_monitors(DisplayClient *client, const QxlMonitors *monitors, const SurfaceTable *surfaces)
{
    WireHead heads[QXL_HEADS_MAX];
    RedChannelClient *rcc = &client->base;
    uint32_t count = 0;

    for (uint32_t i = 0; i < monitors->count; i++) {
        const QXLHead *head = &monitors->heads[i];
        if (head->surface_id < surfaces->len && client->surfaces[head->surface_id] != 0) {
            heads[count++] = (WireHead){.monitor_id = head->id,
                                        .surface_id = head->surface_id,
                                        .width = head->width,
                                        .height = head->height,
                                        .x = head->x,
                                        .y = head->y,
                                        .flags = head->flags};
        }
    }
    if (count > 0) {
        const WireMsgDisplayMonitorsConfig config = {.max_allowed = monitors->max_allowed,
                                                     .heads = {heads, count}};
        RCC_SEND(rcc, WIRE_MSG_DISPLAY_MONITORS_CONFIG, wire_msg_display_monitors_config_encode, &config);
    }
}

static void sync_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    const DisplayChannel *display = display_of(rcc);
    DisplayClient *client = client_of(rcc);
    const Surface *primary = surfaces_find(display->surfaces, SURFACE_PRIMARY);

    (void)item;
    (void)now_ns;
    client->sync_waits = false;
    if (primary != NULL && client->palettes != display->palettes) {
        RCC_SEND(rcc, WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES, wire_msg_display_inval_all_palettes_encode,
                 (&(WireMsgDisplayInvalAllPalettes){0}));
        client->palettes = display->palettes;
    }
    sync_surfaces(client, display->surfaces);
    if (primary != NULL && client->monitors != display->monitors_told &&
        rcc_has_cap(rcc, WIRE_CAP_DISPLAY_MONITORS_CONFIG)) {
        send_monitors(client, &display->monitors, display->surfaces);
        client->monitors = display->monitors_told;
    }
    if (primary != NULL && client->marked != primary->generation) {
        RCC_SEND(rcc, WIRE_MSG_DISPLAY_MARK, wire_msg_display_mark_encode, (&(WireMsgDisplayMark){0}));
        client->marked = primary->generation;
    }
}

static const PipeItemType sync_type = {"display sync", sync_commit, NULL};

static void push_sync(DisplayChannel *display, DisplayClient *client)
{
    if (!client->sync_waits) {
        client->sync_waits = true;
        rcc_push(&client->base, &display->sync_item);
    }
}

void display_channel_sync(DisplayChannel *display)
{
    list_each_removable(&display->channel->clients, node)
    {
        push_sync(display, client_of(list_entry(node, RedChannelClient, in_channel)));
    }
}

void display_channel_set_monitors(DisplayChannel *display, const QxlMonitors *monitors, bool tell)
{
    display->monitors = *monitors;
    if (tell || display->monitors_told == 0) {
        display->monitors_told++;
        display_channel_sync(display);
    }
}

void display_channel_inval_palettes(DisplayChannel *display)
{
    display->palettes++;
    display_channel_sync(display);
}

/* ---- Clients ---- */

static void init_late(void *opaque, uint64_t now_ns)
{
    DisplayClient *client = opaque;

    (void)now_ns;
    rcc_close(&client->base, "it did not say INIT in time");
}

static void client_opened(RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayChannel *display = display_of(rcc);
    DisplayClient *client = client_of(rcc);

    client->surfaces = g_new0(uint64_t, display->surfaces->len);
    rcc_hold_pipe(rcc);
    push_sync(display, client);
    client->init_timer = loop_timer_new(rcc->loop, init_late, client);
    if (client->init_timer == NULL) {
        rcc_close(rcc, "no timer for its INIT");
        return; /* client_closed() follows */
    }
    loop_timer_start(rcc->loop, client->init_timer, now_ns + DISPLAY_INIT_NS);
    display->clients_changed(display->opaque);
}

static Status client_init(DisplayClient *client)
{
    if (client->said_init) {
        return STATUS_PEER_FAULT;
    }
    client->said_init = true;
    loop_timer_stop(client->base.loop, client->init_timer);
    rcc_release_pipe(&client->base);
    return STATUS_OK;
}

static Status client_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    (void)now_ns;
    switch (message->type) {
    case WIRE_MSGC_DISPLAY_INIT:
        return client_init(client_of(rcc));
    case WIRE_MSGC_DISPLAY_STREAM_REPORT:
        /* Of a stream that has ended, as far as it can know: there are none yet. */
        return message->u.display_stream_report.stream_id < DISPLAY_STREAMS_MAX ? STATUS_OK
                                                                                : STATUS_PEER_FAULT;
    case WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION:
    case WIRE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE:
        return STATUS_OK; /* wishes about images and streams, which are not sent yet; not announced either */
    default:
        return STATUS_PEER_FAULT; /* GL_DRAW_DONE: nothing of the kind was asked for */
    }
}

static void client_closed(RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayChannel *display = display_of(rcc);
    DisplayClient *client = client_of(rcc);

    (void)now_ns;
    loop_timer_free(rcc->loop, client->init_timer);
    client->init_timer = NULL;
    g_free(client->surfaces);
    client->surfaces = NULL;
    display->clients_changed(display->opaque);
}

static const RedChannelOps display_ops = {
    .client_bytes = sizeof(DisplayClient),
    .ack_window = DISPLAY_ACK_WINDOW,
    .client_opened = client_opened,
    .client_message = client_message,
    .client_closed = client_closed,
};

uint32_t display_channel_common_caps(const DisplayChannel *display, uint32_t caps)
{
    uint32_t common = display->channel->clients_len > 0 ? caps : 0;

    list_each(&display->channel->clients, node)
    {
        const RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        for (unsigned cap = 0; cap < 32; cap++) {
            if (!rcc_has_cap(rcc, cap)) {
                common &= ~(UINT32_C(1) << cap);
            }
        }
    }
    return common;
}

/* ---- Life ---- */

DisplayChannel *display_channel_new(RedsState *reds, uint8_t id, Dispatcher *home,
                                    const SurfaceTable *surfaces, DisplayClientsChanged clients_changed,
                                    void *opaque)
{
    DisplayChannel *display = g_new0(DisplayChannel, 1);

    display->reds = reds;
    display->surfaces = surfaces;
    display->clients_changed = clients_changed;
    display->opaque = opaque;
    display->palettes = 1;
    pipe_item_init(&display->sync_item, &sync_type);
    display->channel =
        red_channel_new(reds, reds->core, WIRE_CHANNEL_DISPLAY, id, &display_ops, display, home, &reds->main);
    link_caps_set(&display->channel->caps, WIRE_CAP_DISPLAY_MONITORS_CONFIG);
    if (!reds_register(reds, display->channel)) {
        display_channel_free(display);
        return NULL;
    }
    return display;
}

void display_channel_free(DisplayChannel *display)
{
    CHECK(display->sync_item.refs == 1);
    reds_unregister(display->reds, display->channel);
    red_channel_unref(display->channel);
    g_free(display);
}

RedChannel *display_channel_base(DisplayChannel *display)
{
    return display->channel;
}
