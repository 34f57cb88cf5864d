/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/display_channel.h"

#include <spice/enums.h>

#include "base/check.h"
#include "display/display_internal.h"

#define DISPLAY_ACK_WINDOW 512u /* messages; bytes in flight are what limits a client */
#define DISPLAY_STREAMS_MAX 50u /* streams of a display; ids are below */

static DisplayChannel *display_of(RedChannelClient *rcc)
{
    return rcc->channel->owner;
}

/* ---- What is sent ---- */

static void send_monitors(DisplayClient *client, const QxlMonitors *monitors)
{
    WireHead heads[QXL_HEADS_MAX];
    RedChannelClient *rcc = &client->base;
    uint32_t count = 0;

    for (uint32_t i = 0; i < monitors->count; i++) {
        const QXLHead *head = &monitors->heads[i];
        if (head->surface_id < client->surfaces_len && client->surfaces[head->surface_id].told != 0) {
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

static void mark_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    const DisplayChannel *display = display_of(rcc);
    DisplayClient *client = display_client_of(rcc);
    const uint64_t primary = client->surfaces[SURFACE_PRIMARY].told;

    (void)item;
    (void)now_ns;
    display_client_changed(client);
    if (primary == 0 || primary != client->marked.known) {
        return; /* another one waits behind the primary that is meant */
    }
    if (client->monitors.told != display->monitors_told &&
        rcc_has_cap(rcc, WIRE_CAP_DISPLAY_MONITORS_CONFIG)) {
        send_monitors(client, &display->monitors);
    }
    client->monitors.told = client->monitors.known = display->monitors_told;
    if (client->marked.told != primary) {
        RCC_SEND(rcc, WIRE_MSG_DISPLAY_MARK, wire_msg_display_mark_encode, (&(WireMsgDisplayMark){0}));
        client->marked.told = primary;
    }
}

static const PipeItemType mark_type = {"display mark", mark_commit, NULL};

typedef bool (*ResetFunc)(DrawEncoder *encoder, Outgoing *out);

static void commit_reset(DisplayClient *client, ClientState *state, ResetFunc reset)
{
    RedChannelClient *rcc = &client->base;
    const uint64_t before = rcc->sent_serial;

    display_client_changed(client);
    if (!reset(client->encoder, &rcc->out)) {
        rcc_close(rcc, "no memory for a message");
        return;
    }
    rcc_count_sent(rcc, before);
    state->told = state->known;
}

static void palettes_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayClient *client = display_client_of(rcc);

    (void)item;
    (void)now_ns;
    commit_reset(client, &client->palettes, draw_encoder_reset_palettes);
}

static const PipeItemType palettes_type = {"palettes reset", palettes_commit, NULL};

static void images_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayClient *client = display_client_of(rcc);

    (void)item;
    (void)now_ns;
    commit_reset(client, &client->images, draw_encoder_reset_images);
}

static const PipeItemType images_type = {"images reset", images_commit, NULL};

void display_channel_sync(DisplayChannel *display)
{
    list_each_removable(&display->channel->clients, node)
    {
        display_client_settle(display_client_of(list_entry(node, RedChannelClient, in_channel)));
    }
}

const PipeItemType *display_channel_drawable_type(void)
{
    return &display_drawable_type;
}

void display_channel_draw(DisplayChannel *display, Drawable *drawable)
{
    shared_areas_drawn(&display->areas, drawable->surface_id, &drawable->extents);
    list_each_removable(&display->channel->clients, node)
    {
        display_client_draw(display_client_of(list_entry(node, RedChannelClient, in_channel)), drawable);
    }
}

uint64_t display_channel_failed(DisplayChannel *display, const Drawable *drawable, const ListNode *drawables)
{
    uint64_t steps = 0;

    list_each_removable(&display->channel->clients, node)
    {
        steps += display_client_failed(display_client_of(list_entry(node, RedChannelClient, in_channel)),
                                       drawable, drawables);
    }
    return steps;
}

void display_channel_let_go(DisplayChannel *display, ListNode *drawables, uint64_t now_ns)
{
    bool copied = true;

    /* Those on their way out are not disposed yet. */
    list_each_removable(&display->channel->closing, node)
    {
        rcc_dispose(list_entry(node, RedChannelClient, in_channel), now_ns);
    }
    list_each_removable(&display->channel->clients, node)
    {
        RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        if (outgoing_own(&rcc->out) != STATUS_OK) {
            rcc_close(rcc, "no memory for what it is being sent");
            rcc_dispose(rcc, now_ns);
        }
    }
    list_each(drawables, node)
    {
        Drawable *drawable = list_entry(node, Drawable, in_worker);
        copied = drawable_let_go(drawable) == STATUS_OK && copied;
    }
    if (!copied) {
        list_each_removable(&display->channel->clients, node)
        {
            display_client_squash(display_client_of(list_entry(node, RedChannelClient, in_channel)));
        }
    }
}

void display_channel_set_compression(DisplayChannel *display, int compression)
{
    display->compression = draw_compression_of(compression);
    list_each(&display->channel->clients, node)
    {
        const DisplayClient *client = display_client_of(list_entry(node, RedChannelClient, in_channel));
        if (client->encoder != NULL) {
            draw_encoder_set_compression(client->encoder, display->compression);
        }
    }
}

void display_channel_set_wan(DisplayChannel *display, spice_wan_compression_t jpeg,
                             spice_wan_compression_t zlib_glz)
{
    display->jpeg = jpeg;
    display->zlib_glz = zlib_glz;
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

void display_channel_inval_images(DisplayChannel *display)
{
    display->images++;
    display_channel_inval_palettes(display);
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
    DisplayClient *client = display_client_of(rcc);

    display_client_init(client, display, display->surfaces->len);
    rcc_hold_pipe(rcc);
    client->init_timer = loop_timer_new(rcc->loop, init_late, client);
    if (client->init_timer == NULL) {
        rcc_close(rcc, "no timer for its INIT");
        return; /* client_closed() follows */
    }
    loop_timer_start(rcc->loop, client->init_timer, now_ns + DISPLAY_INIT_NS);
    display->clients_changed(display->opaque);
}

static Status client_init(DisplayClient *client, const WireMsgcDisplayInit *init)
{
    loop_timer_stop(client->base.loop, client->init_timer);
    return display_client_begin(client, init);
}

/* What it prefers; nothing, if there is no such thing. */
static void client_prefers(DisplayClient *client, uint8_t compression)
{
    if (compression > SPICE_IMAGE_COMPRESSION_INVALID && compression < SPICE_IMAGE_COMPRESSION_ENUM_END &&
        client->encoder != NULL) {
        draw_encoder_set_compression(client->encoder, draw_compression_of(compression));
    }
}

static Status client_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    (void)now_ns;
    switch (message->type) {
    case WIRE_MSGC_DISPLAY_INIT:
        return client_init(display_client_of(rcc), &message->u.display_init);
    case WIRE_MSGC_DISPLAY_STREAM_REPORT:
        /* Of a stream that has ended, as far as it can know: there are none yet. */
        return message->u.display_stream_report.stream_id < DISPLAY_STREAMS_MAX ? STATUS_OK
                                                                                : STATUS_PEER_FAULT;
    case WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION:
        client_prefers(display_client_of(rcc), message->u.display_preferred_compression.compression);
        return STATUS_OK;
    case WIRE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE:
        return STATUS_OK; /* a wish about streams, which are not sent yet; not announced either */
    default:
        return STATUS_PEER_FAULT; /* GL_DRAW_DONE: nothing of the kind was asked for */
    }
}

static void client_closed(RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayChannel *display = display_of(rcc);
    DisplayClient *client = display_client_of(rcc);

    (void)now_ns;
    loop_timer_free(rcc->loop, client->init_timer);
    client->init_timer = NULL;
    display_client_return_dictionary(client);
    display_client_finish(client);
    if (display->channel->clients_len < 2) {
        shared_areas_clear(&display->areas); /* nobody is left to share them with */
    }
    if (display->channel->clients_len == 0) {
        coding_pool_rest(display->pool);
    }
    display->clients_changed(display->opaque);
}

static const RedChannelOps display_ops = {
    .client_bytes = sizeof(DisplayClient),
    .ack_window = DISPLAY_ACK_WINDOW,
    .client_opened = client_opened,
    .commit_idle = display_client_commit_idle,
    .client_message = client_message,
    .client_dictionary = display_client_take_dictionary,
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

/* Whoever waits for it knows; others may wait for room. */
static void band_coded(void *opaque, uint64_t now_ns)
{
    DisplayChannel *display = opaque;

    (void)now_ns;
    list_each_removable(&display->channel->clients, node)
    {
        DisplayClient *client = display_client_of(list_entry(node, RedChannelClient, in_channel));
        if (client->damaged) {
            rcc_want_idle(&client->base);
        }
    }
}

DisplayChannel *display_channel_new(RedsState *reds, uint8_t id, Dispatcher *home,
                                    const SurfaceTable *surfaces, Current *current,
                                    DisplayClientsChanged clients_changed, void *opaque)
{
    DisplayChannel *display = g_new0(DisplayChannel, 1);

    display->reds = reds;
    display->surfaces = surfaces;
    display->current = current;
    display->clients_changed = clients_changed;
    display->opaque = opaque;
    display->palettes = 1;
    share_store_init(&display->shares, reds->core);
    shared_areas_init(&display->areas, &display->shares);
    display->pool = coding_pool_new(reds->core, home->loop, band_coded, display);
    pipe_item_init(&display->palettes_item, &palettes_type);
    pipe_item_init(&display->images_item, &images_type);
    pipe_item_init(&display->mark_item, &mark_type);
    display->channel =
        red_channel_new(reds, reds->core, WIRE_CHANNEL_DISPLAY, id, &display_ops, display, home, &reds->main);
    link_caps_set(&display->channel->caps, WIRE_CAP_DISPLAY_MONITORS_CONFIG);
    link_caps_set(&display->channel->caps, WIRE_CAP_DISPLAY_PREF_COMPRESSION);
    if (!reds_register(reds, display->channel)) {
        display_channel_free(display);
        return NULL;
    }
    return display;
}

void display_channel_free(DisplayChannel *display)
{
    CHECK(display->palettes_item.refs == 1 && display->images_item.refs == 1 && display->mark_item.refs == 1);
    reds_unregister(display->reds, display->channel);
    red_channel_unref(display->channel);
    shared_areas_clear(&display->areas);
    coding_pool_free(display->pool);
    share_store_finish(&display->shares);
    g_free(display);
}

void display_channel_stop(DisplayChannel *display)
{
    coding_pool_stop(display->pool);
}

RedChannel *display_channel_base(DisplayChannel *display)
{
    return display->channel;
}
