/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channels/cursor.h"

#include "channels/cursor_cache.h"

#define CURSOR_ACK_WINDOW 512u /* messages; what waits is bounded otherwise */

struct CursorChannel {
    RedsState *reds;
    RedChannel *channel;
    WirePoint16 position;
    bool visible;
    uint16_t trail_length, trail_frequency;
    CursorShape *shape; /* NULL: none was set */
    bool client_mode;
    PipeItem init_item; /* says the state of the moment in which it is sent */
};

/* Clients know two states: before INIT, and again after RESET, nothing but INIT means anything to them; after it,
 * another INIT does not. */
typedef struct CursorClient {
    RedChannelClient base;
    bool is_ready;      /* what it was sent ends with it in the second state */
    bool will_be_ready; /* the same, with what waits */
    bool owes_init;     /* init_item waits */
    uint32_t events;    /* that wait */
    size_t event_bytes;
    CursorCache cache; /* what it keeps once all that was sent has arrived */
} CursorClient;

typedef enum CursorEventKind { EVENT_SET, EVENT_MOVE, EVENT_HIDE, EVENT_TRAIL, EVENT_RESET } CursorEventKind;

/* One change, waiting in the pipes of all clients. */
typedef struct CursorEvent {
    PipeItem item;
    CursorEventKind kind;
    WirePoint16 position;
    bool visible;
    uint16_t trail_length, trail_frequency;
    CursorShape *shape; /* referenced; of EVENT_SET */
} CursorEvent;

static CursorChannel *cursor_of(RedChannelClient *rcc)
{
    return rcc->channel->owner;
}

static CursorClient *client_of(RedChannelClient *rcc)
{
    return list_entry(rcc, CursorClient, base);
}

/* ---- Shapes ---- */

CursorShape *cursor_shape_new(const Core *core, const WireCursorHeader *header, size_t bytes)
{
    CursorShape *shape = core->alloc(core, sizeof *shape + bytes);

    if (shape != NULL) {
        *shape = (CursorShape){.refs = 1, .core = core, .header = *header};
    }
    return shape;
}

static CursorShape *cursor_shape_ref(CursorShape *shape)
{
    if (shape != NULL) {
        shape->refs++;
    }
    return shape;
}

void cursor_shape_unref(CursorShape *shape)
{
    if (shape != NULL && --shape->refs == 0) {
        shape->core->free(shape->core, shape);
    }
}

static uint64_t digest(uint64_t hash, const uint8_t *bytes, size_t len)
{
    for (; len >= 8; bytes += 8, len -= 8) {
        hash = (hash ^ le64_get(bytes)) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (; len > 0; bytes++, len--) {
        hash = (hash ^ *bytes) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Two shapes under one id are told apart by it; nobody's safety rests on that. */
static void shape_digest(CursorShape *shape)
{
    const WireCursorHeader *h = &shape->header;
    const uint64_t form = (uint64_t)h->type << 56 ^ (uint64_t)h->width << 40 ^ (uint64_t)h->height << 24 ^
                          (uint64_t)h->hot_spot_x << 12 ^ h->hot_spot_y;
    if (h->unique != 0) {
        shape->contents = digest(form ^ shape->len, shape->data, shape->len);
    }
}

/* ---- What is sent ---- */

/* Tells the client what to drop for it, so what it is for must be the next message. */
static WireCursor send_room_for(RedChannelClient *rcc, const CursorShape *shape)
{
    uint64_t victim;

    if (shape == NULL) {
        return (WireCursor){.flags = WIRE_CURSOR_FLAG_NONE};
    }
    WireCursor cursor = {.header = shape->header, .data = span_of(shape->data, shape->len)};
    switch (cursor_cache_use(&client_of(rcc)->cache, shape->header.unique, shape->contents, &victim)) {
    case CURSOR_CACHE_THERE:
        cursor.flags = WIRE_CURSOR_FLAG_FROM_CACHE;
        cursor.data = (Span){0};
        break;
    case CURSOR_CACHE_KEEP:
        cursor.flags = WIRE_CURSOR_FLAG_CACHE_ME;
        break;
    default:
        break;
    }
    if (victim != 0) {
        RCC_SEND(rcc, WIRE_MSG_CURSOR_INVAL_ONE, wire_msg_cursor_inval_one_encode,
                 (&(WireMsgCursorInvalOne){victim}));
    }
    return cursor;
}

static void init_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    const CursorChannel *cursor = cursor_of(rcc);
    CursorClient *client = client_of(rcc);

    (void)item;
    (void)now_ns;
    if (client->is_ready) {
        RCC_SEND(rcc, WIRE_MSG_CURSOR_RESET, wire_msg_cursor_reset_encode, (&(WireMsgCursorReset){0}));
    }
    client->is_ready = true;
    client->owes_init = false;
    cursor_cache_clear(&client->cache); /* as the client does */
    const WireMsgCursorInit init = {
        .position = cursor->position,
        .trail_length = cursor->trail_length,
        .trail_frequency = cursor->trail_frequency,
        .visible = cursor->visible,
        .cursor = send_room_for(rcc, cursor->shape),
    };
    RCC_SEND(rcc, WIRE_MSG_CURSOR_INIT, wire_msg_cursor_init_encode, &init);
}

static size_t event_bytes(const CursorEvent *event)
{
    return event->shape != NULL ? event->shape->len : 0;
}

static void event_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    const CursorEvent *event = list_entry(item, CursorEvent, item);
    CursorClient *client = client_of(rcc);

    (void)now_ns;
    client->events--;
    client->event_bytes -= event_bytes(event);
    switch (event->kind) {
    case EVENT_SET: {
        const WireMsgCursorSet set = {event->position, event->visible, send_room_for(rcc, event->shape)};
        RCC_SEND(rcc, WIRE_MSG_CURSOR_SET, wire_msg_cursor_set_encode, &set);
        break;
    }
    case EVENT_MOVE:
        RCC_SEND(rcc, WIRE_MSG_CURSOR_MOVE, wire_msg_cursor_move_encode,
                 (&(WireMsgCursorMove){event->position}));
        break;
    case EVENT_HIDE:
        RCC_SEND(rcc, WIRE_MSG_CURSOR_HIDE, wire_msg_cursor_hide_encode, (&(WireMsgCursorHide){0}));
        break;
    case EVENT_TRAIL:
        RCC_SEND(rcc, WIRE_MSG_CURSOR_TRAIL, wire_msg_cursor_trail_encode,
                 (&(WireMsgCursorTrail){event->trail_length, event->trail_frequency}));
        break;
    case EVENT_RESET:
        RCC_SEND(rcc, WIRE_MSG_CURSOR_INVAL_ALL, wire_msg_cursor_inval_all_encode,
                 (&(WireMsgCursorInvalAll){0}));
        RCC_SEND(rcc, WIRE_MSG_CURSOR_RESET, wire_msg_cursor_reset_encode, (&(WireMsgCursorReset){0}));
        client->is_ready = false;
        cursor_cache_clear(&client->cache);
        break;
    }
}

static void event_free(PipeItem *item)
{
    CursorEvent *event = list_entry(item, CursorEvent, item);

    cursor_shape_unref(event->shape);
    g_free(event);
}

static const PipeItemType init_type = {"cursor init", init_commit, NULL};
static const PipeItemType event_type = {"cursor event", event_commit, event_free};

static void drop_events(CursorClient *client)
{
    pipe_drop_type(&client->base.pipe, &event_type);
    client->events = 0;
    client->event_bytes = 0;
}

static void push_init(CursorChannel *cursor, CursorClient *client)
{
    drop_events(client);
    client->will_be_ready = true;
    if (!client->owes_init) {
        client->owes_init = true;
        rcc_push(&client->base, &cursor->init_item);
    }
}

/* Does the client need this very event? Else it is owed the current state, or nothing. */
static bool wants_event(CursorChannel *cursor, CursorClient *client, const CursorEvent *event)
{
    const bool is_full =
        client->events > 0 && (client->events >= CURSOR_EVENTS_MAX ||
                               client->event_bytes + event_bytes(event) > CURSOR_EVENT_BYTES_MAX);

    if (event->kind == EVENT_RESET) {
        if (is_full) {
            drop_events(client);
        }
        return client->will_be_ready;
    }
    if (!client->will_be_ready || is_full) {
        push_init(cursor, client);
        return false;
    }
    return !client->owes_init; /* INIT will say it */
}

static void push_event(CursorChannel *cursor, const CursorEvent *what)
{
    CursorEvent *event = NULL;

    list_each_removable(&cursor->channel->clients, node)
    {
        CursorClient *client = client_of(list_entry(node, RedChannelClient, in_channel));
        if (!wants_event(cursor, client, what)) {
            continue;
        }
        if (event == NULL) {
            event = g_new(CursorEvent, 1);
            *event = *what;
            pipe_item_init(&event->item, &event_type);
            cursor_shape_ref(event->shape);
        }
        client->will_be_ready = event->kind != EVENT_RESET;
        client->events++;
        client->event_bytes += event_bytes(event);
        rcc_push(&client->base, &event->item);
    }
    if (event != NULL) {
        pipe_item_unref(&event->item);
    }
}

/* ---- What the device does ---- */

void cursor_channel_set(CursorChannel *cursor, int16_t x, int16_t y, bool visible, CursorShape *take_shape)
{
    cursor->position = (WirePoint16){x, y};
    cursor->visible = visible;
    cursor_shape_unref(cursor->shape);
    cursor->shape = take_shape;
    if (take_shape != NULL) {
        shape_digest(take_shape);
    }
    push_event(cursor, &(CursorEvent){.kind = EVENT_SET,
                                      .position = cursor->position,
                                      .visible = visible,
                                      .shape = cursor->shape});
}

void cursor_channel_move(CursorChannel *cursor, int16_t x, int16_t y)
{
    const bool was_visible = cursor->visible;

    cursor->position = (WirePoint16){x, y};
    cursor->visible = true;
    if (!cursor->client_mode || !was_visible) {
        push_event(cursor, &(CursorEvent){.kind = EVENT_MOVE, .position = cursor->position});
    }
}

void cursor_channel_hide(CursorChannel *cursor)
{
    cursor->visible = false;
    push_event(cursor, &(CursorEvent){.kind = EVENT_HIDE});
}

void cursor_channel_trail(CursorChannel *cursor, uint16_t length, uint16_t frequency)
{
    cursor->trail_length = length;
    cursor->trail_frequency = frequency;
    push_event(cursor,
               &(CursorEvent){.kind = EVENT_TRAIL, .trail_length = length, .trail_frequency = frequency});
}

static void forget(CursorChannel *cursor)
{
    cursor->position = (WirePoint16){0, 0};
    cursor->visible = true;
    cursor->trail_length = cursor->trail_frequency = 0;
    cursor_shape_unref(cursor->shape);
    cursor->shape = NULL;
}

void cursor_channel_reset(CursorChannel *cursor)
{
    forget(cursor);
    push_event(cursor, &(CursorEvent){.kind = EVENT_RESET});
}

void cursor_channel_init_clients(CursorChannel *cursor)
{
    list_each_removable(&cursor->channel->clients, node)
    {
        push_init(cursor, client_of(list_entry(node, RedChannelClient, in_channel)));
    }
}

void cursor_channel_set_client_mode(CursorChannel *cursor, bool client_mode)
{
    cursor->client_mode = client_mode;
}

/* ---- Clients ---- */

static void client_opened(RedChannelClient *rcc, uint64_t now_ns)
{
    (void)now_ns;
    push_init(cursor_of(rcc), client_of(rcc));
}

static Status client_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    (void)rcc;
    (void)message;
    (void)now_ns;
    return STATUS_PEER_FAULT; /* this channel has none of its own */
}

static const RedChannelOps cursor_ops = {
    .client_bytes = sizeof(CursorClient),
    .ack_window = CURSOR_ACK_WINDOW,
    .client_opened = client_opened,
    .client_message = client_message,
};

/* ---- Life ---- */

CursorChannel *cursor_channel_new(RedsState *reds, uint8_t id, Dispatcher *home)
{
    CursorChannel *cursor = g_new0(CursorChannel, 1);

    cursor->reds = reds;
    forget(cursor);
    pipe_item_init(&cursor->init_item, &init_type);
    cursor->channel =
        red_channel_new(reds, reds->core, WIRE_CHANNEL_CURSOR, id, &cursor_ops, cursor, home, &reds->main);
    if (!reds_register(reds, cursor->channel)) {
        cursor_channel_free(cursor);
        return NULL;
    }
    return cursor;
}

void cursor_channel_free(CursorChannel *cursor)
{
    CHECK(cursor->init_item.refs == 1);
    reds_unregister(cursor->reds, cursor->channel);
    red_channel_unref(cursor->channel);
    cursor_shape_unref(cursor->shape);
    g_free(cursor);
}

RedChannel *cursor_channel_base(CursorChannel *cursor)
{
    return cursor->channel;
}
