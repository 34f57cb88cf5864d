/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.c: one connection: framing, serials, exact sizes, ack windows, and the messages that all
 * channels have. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define HEAD_BYTES_MAX WIRE_DATA_HEADER_BYTES
#define PING_DATA_BYTES_MAX 1024u /* the existing server measures links with 256,000 */

/* ---- Life ---- */

FakeConnection *fake_client_connect(FakeClient *client, uint8_t channel, uint8_t channel_id, uint64_t now_ns)
{
    FakeConnection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->client = client;
    c->channel = channel;
    c->channel_id = channel_id;
    c->behaviour = client->behaviour;
    c->deadline_ns = UINT64_MAX;
    c->now_ns = now_ns;
    if (client->config.websocket != 0) {
        c->web = web_new(client->config.websocket + 97u * channel + channel_id);
    }
    if (channel == WIRE_CHANNEL_CURSOR) {
        c->cursor = calloc(1, sizeof *c->cursor);
        CHECK(c->cursor != NULL);
    }
    if (channel == WIRE_CHANNEL_DISPLAY) {
        c->display = calloc(1, sizeof *c->display);
        CHECK(c->display != NULL);
        if (c->client->render_cache != NULL) {
            c->display->renderer = renderer_new(c->client->render_cache);
        }
    }
    list_append(&client->connections, &c->node);
    link_start(c);
    return c;
}

void fake_connection_free(FakeConnection *c)
{
    if (c == NULL) {
        return;
    }
    list_remove(&c->node);
    web_free(c->web);
    bytes_free(&c->input);
    bytes_free(&c->output);
    bytes_free(&c->scratch);
    bytes_free(&c->arena_bytes);
    if (c->cursor != NULL) {
        id_set_free(&c->cursor->cache);
        free(c->cursor);
    }
    if (c->display != NULL) {
        id_set_free(&c->display->palettes);
        renderer_free(c->display->renderer);
        free(c->display);
    }
    free(c);
}

void connection_state(FakeConnection *c, FakeState state)
{
    c->state = state;
    if (c->behaviour.leave_at == state && state != FAKE_STATE_REPLY_HEADER) {
        c->state = FAKE_STATE_LEFT;
    }
    if (c->state == FAKE_STATE_LEFT || c->state == FAKE_STATE_REFUSED || c->state == FAKE_STATE_FAILED) {
        c->close_wanted = true;
        c->deadline_ns = UINT64_MAX;
    }
}

void connection_fail(FakeConnection *c)
{
    connection_state(c, FAKE_STATE_FAILED);
}

void fake_connection_closed(FakeConnection *c, uint64_t now_ns)
{
    c->now_ns = now_ns;
    c->deadline_ns = UINT64_MAX;
    c->close_wanted = false;
    c->output.len = 0;
    if (c->web != NULL) {
        web_output(c->web)->len = 0;
    }
    if (c->state < FAKE_STATE_REFUSED) {
        connection_state(c, FAKE_STATE_CLOSED);
    }
}

/* ---- Questions ---- */

FakeState fake_connection_state(const FakeConnection *c)
{
    return c->state;
}

const char *fake_state_name(FakeState state)
{
    switch (state) {
    case FAKE_STATE_REPLY_HEADER:
        return "reply-header";
    case FAKE_STATE_REPLY:
        return "reply";
    case FAKE_STATE_RESULT:
        return "result";
    case FAKE_STATE_OPEN:
        return "open";
    case FAKE_STATE_REFUSED:
        return "refused";
    case FAKE_STATE_FAILED:
        return "failed";
    case FAKE_STATE_LEFT:
        return "left";
    case FAKE_STATE_CLOSED:
        return "closed";
    }
    return "unknown";
}

uint32_t fake_connection_link_error(const FakeConnection *c)
{
    return c->link_error;
}

uint8_t fake_connection_channel(const FakeConnection *c)
{
    return c->channel;
}

uint8_t fake_connection_channel_id(const FakeConnection *c)
{
    return c->channel_id;
}

bool fake_connection_is_mini(const FakeConnection *c)
{
    return c->mini;
}

bool fake_connection_server_has(const FakeConnection *c, unsigned cap)
{
    return cap / 32 < sizeof c->server_caps / sizeof c->server_caps[0] &&
           (c->server_caps[cap / 32] >> (cap % 32) & 1);
}

uint64_t fake_connection_messages(const FakeConnection *c)
{
    return c->messages;
}

uint16_t fake_connection_inside(const FakeConnection *c)
{
    /* The type stands before sizes, and some messages are all header. */
    const size_t head = c->mini ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
    const size_t sizes = (c->mini ? 1 : 2) * sizeof(uint32_t);
    uint8_t bytes[HEAD_BYTES_MAX] = {0};
    WireMiniDataHeader mini;
    WireDataHeader full;

    if (c->state != FAKE_STATE_OPEN || c->input.len < head - sizes) {
        return 0;
    }
    memcpy(bytes, c->input.data, c->input.len < head ? c->input.len : head);
    if (c->mini) {
        return wire_mini_data_header_decode(span_of(bytes, head), NULL, &mini, NULL) == STATUS_OK ? mini.type
                                                                                                  : 0;
    }
    return wire_data_header_decode(span_of(bytes, head), NULL, &full, NULL) == STATUS_OK ? full.type : 0;
}

const FakeInputsModel *fake_connection_inputs(const FakeConnection *c)
{
    return &c->inputs.model;
}

const FakeCursorModel *fake_connection_cursor(const FakeConnection *c)
{
    return c->cursor != NULL ? &c->cursor->model : NULL;
}

const FakeDisplayModel *fake_connection_display(const FakeConnection *c)
{
    return c->display != NULL ? &c->display->model : NULL;
}

bool connection_announced(const FakeConnection *c, int cap)
{
    return cap >= 0 && cap < 32 && (c->caps >> cap & 1);
}

/* ---- Output ---- */

static Bytes *output_of(FakeConnection *c)
{
    return c->web == NULL ? &c->output : web_output(c->web);
}

Span fake_connection_output(FakeConnection *c)
{
    if (c->web != NULL) {
        web_send(c->web, &c->output);
    }
    const Bytes *output = output_of(c);
    return span_of(output->data, output->len);
}

void fake_connection_sent(FakeConnection *c, size_t bytes)
{
    bytes_drop(output_of(c), bytes);
}

bool fake_connection_wants_read(const FakeConnection *c)
{
    const uint64_t limit = c->behaviour.stop_reading_after;
    return c->state <= FAKE_STATE_OPEN && (limit == 0 || c->messages < limit);
}

bool fake_connection_wants_close(const FakeConnection *c)
{
    return c->close_wanted;
}

void fake_connection_send_raw(FakeConnection *c, Span bytes)
{
    bytes_add(&c->output, bytes);
}

void fake_connection_send(FakeConnection *c, const WireMsgc *message)
{
    if (c->state != FAKE_STATE_OPEN) {
        return;
    }
    WireOut out, measure;
    wire_out_init_count(&measure);
    wire_msgc_encode(&measure, message);
    const size_t size = wire_out_total(&measure);
    CHECK(!measure.failed && size <= UINT32_MAX);
    bytes_reserve(&c->output, c->output.len + HEAD_BYTES_MAX + size);
    wire_out_init(&out, c->output.data + c->output.len, c->output.cap - c->output.len);
    c->serial_out++;
    if (c->mini) {
        wire_mini_data_header_encode(&out, &(WireMiniDataHeader){message->type, (uint32_t)size});
    } else {
        wire_data_header_encode(&out, &(WireDataHeader){c->serial_out, message->type, (uint32_t)size, 0});
    }
    CHECK(!out.failed);
    c->output.len += out.len;
    wire_out_init(&out, c->output.data + c->output.len, c->output.cap - c->output.len);
    wire_msgc_encode(&out, message);
    CHECK(!out.failed && out.len == size);
    c->output.len += out.len;
    if (c->client->config.on_sent != NULL) {
        c->client->config.on_sent(c->client->config.opaque, c, c->serial_out, message);
    }
    if (c->channel == WIRE_CHANNEL_INPUTS) {
        inputs_sent(c, message);
    }
}

/* ---- Messages of every channel ---- */

static void ack_start(FakeConnection *c, const WireMsgSetAck *m)
{
    if (m->window == 0) {
        violate(c, FAKE_RULE_VALUES, "SET_ACK with a window of 0");
        return;
    }
    if (c->has_set_ack && m->generation <= c->ack_generation) {
        violate(c, FAKE_RULE_ACK_WINDOW, "SET_ACK generation %u after %u", m->generation, c->ack_generation);
    }
    c->has_set_ack = true;
    c->ack_generation = m->generation;
    c->ack_window = m->window;
    c->ack_unacked = 0;
    c->ack_count = 0;
    if (!c->behaviour.never_ack) {
        const WireMsgc sync = {c->channel, WIRE_MSGC_ACK_SYNC, {.ack_sync = {m->generation}}};
        fake_connection_send(c, &sync);
    }
}

/* Every message after SET_ACK counts one. */
static void ack_count(FakeConnection *c)
{
    const bool owes_set_ack = c->channel == WIRE_CHANNEL_DISPLAY || c->channel == WIRE_CHANNEL_CURSOR;
    if (!c->has_set_ack) {
        if (owes_set_ack) {
            violate(c, FAKE_RULE_ACK_WINDOW, "a message before SET_ACK");
        }
        return;
    }
    c->ack_unacked++;
    if (c->ack_unacked > 2 * (uint64_t)c->ack_window + 1) {
        violate(c, FAKE_RULE_ACK_WINDOW, "message %llu with a window of %u",
                (unsigned long long)c->ack_unacked, c->ack_window);
    }
    if (++c->ack_count == c->ack_window) {
        c->ack_count = 0;
        if (!c->behaviour.never_ack) {
            c->ack_unacked -= c->ack_window;
            const WireMsgc ack = {.channel = c->channel, .type = WIRE_MSGC_ACK};
            fake_connection_send(c, &ack);
        }
    }
}

void waits_add(FakeConnection *c, const WireChannelWaitArray *list)
{
    FakeClient *client = c->client;
    for (uint32_t i = 0; i < list->n; i++) {
        if (client->waits_len == client->waits_cap) {
            client->waits_cap = client->waits_cap == 0 ? 16 : 2 * client->waits_cap;
            client->waits = realloc(client->waits, client->waits_cap * sizeof *client->waits);
            CHECK(client->waits != NULL);
        }
        client->waits[client->waits_len++] =
            (Wait){list->items[i].channel_type, list->items[i].channel_id, list->items[i].message_serial};
    }
}

static void sub_message(FakeConnection *c, const WireSubMessage *sub);

static void sub_messages(FakeConnection *c, const WireSubMessageList *list)
{
    if (c->channel != WIRE_CHANNEL_DISPLAY) {
        violate(c, FAKE_RULE_ORDER, "sub-messages on channel %u", c->channel);
    }
    for (uint32_t i = 0; i < list->sub_messages.n; i++) {
        sub_message(c, &list->sub_messages.items[i]);
    }
}

/* False: it is none of these. */
static bool base_message(FakeConnection *c, const WireMsg *m)
{
    switch (m->type) {
    case WIRE_MSG_MIGRATE:
        if (m->u.migrate.flags & WIRE_MIGRATE_NEED_FLUSH) {
            const WireMsgc mark = {.channel = c->channel, .type = WIRE_MSGC_MIGRATE_FLUSH_MARK};
            fake_connection_send(c, &mark);
        }
        return true;
    case WIRE_MSG_MIGRATE_DATA:
        return true;
    case WIRE_MSG_SET_ACK:
        ack_start(c, &m->u.set_ack);
        return true;
    case WIRE_MSG_PING:
        if (m->u.ping.data.len > PING_DATA_BYTES_MAX && !c->client->config.stock_server) {
            violate(c, FAKE_RULE_VALUES, "PING with %zu bytes, which the client has to wait for",
                    m->u.ping.data.len);
        }
        if (!c->behaviour.never_pong) {
            const WireMsgc pong = {c->channel, WIRE_MSGC_PONG, {.pong = {m->u.ping.id, m->u.ping.timestamp}}};
            fake_connection_send(c, &pong);
        }
        return true;
    case WIRE_MSG_WAIT_FOR_CHANNELS:
        waits_add(c, &m->u.wait_for_channels.wait_list);
        return true;
    case WIRE_MSG_DISCONNECTING:
        c->disconnecting = true;
        if (wire_link_err_name(m->u.disconnecting.reason) == NULL) {
            violate(c, FAKE_RULE_VALUES, "DISCONNECTING for reason %u", m->u.disconnecting.reason);
        }
        return true;
    case WIRE_MSG_NOTIFY:
        c->client->main.notifies++;
        if (wire_notify_severity_name(m->u.notify.severity) == NULL ||
            wire_notify_visibility_name(m->u.notify.visibility) == NULL) {
            violate(c, FAKE_RULE_VALUES, "NOTIFY with severity %u, visibility %u", m->u.notify.severity,
                    m->u.notify.visibility);
        }
        return true;
    case WIRE_MSG_LIST:
        if (!c->mini) {
            violate(c, FAKE_RULE_ORDER, "LIST, with full headers");
        }
        sub_messages(c, &m->u.list.list);
        return true;
    default:
        return false;
    }
}

static void channel_message(FakeConnection *c, const WireMsg *m)
{
    switch (c->channel) {
    case WIRE_CHANNEL_MAIN:
        main_message(c, m);
        break;
    case WIRE_CHANNEL_INPUTS:
        inputs_message(c, m);
        break;
    case WIRE_CHANNEL_CURSOR:
        cursor_message(c, m);
        break;
    case WIRE_CHANNEL_DISPLAY:
        display_message(c, m);
        break;
    default:
        break; /* decoded, and no more */
    }
}

/* ---- Framing ---- */

/* Encodes what was decoded: the result must be the body again. Its first `expected` bytes are the message's
 * own. */
static void layout_check(FakeConnection *c, const WireMessageInfo *info, const WireMsg *m, Span body,
                         size_t expected)
{
    WireOut out;
    bytes_reserve(&c->scratch, expected + 1);
    wire_out_init(&out, c->scratch.data, expected);
    wire_msg_encode(&out, m);
    if (out.failed || out.len != expected) {
        WireOut measure;
        wire_out_init_count(&measure);
        wire_msg_encode(&measure, m);
        const size_t size = wire_out_total(&measure);
        /* The existing server ends a NOTIFY with a NUL that it does not count, and clients rely on it. */
        if (!(m->type == WIRE_MSG_NOTIFY && size + 1 == expected && body.data[size] == 0)) {
            violate(c, FAKE_RULE_DECODE, "%s has %zu bytes, its fields say %zu", info->name, expected, size);
        }
    } else if (expected > 0 && memcmp(c->scratch.data, body.data, expected) != 0) {
        violate(c, FAKE_RULE_POINTERS, "%s is not laid out as the protocol's writer does", info->name);
    }
}

static void arena_for(FakeConnection *c, WireArena *arena, size_t body_len)
{
    bytes_reserve(&c->arena_bytes, WIRE_ARENA_BYTES(body_len));
    wire_arena_init(arena, c->arena_bytes.data, c->arena_bytes.cap);
}

/* One message or sub-message, framing aside. `own` bytes of the body are the message's; SIZE_MAX: unknown. */
static void message(FakeConnection *c, WireArena *arena, uint16_t type, Span body, size_t own)
{
    const WireMessageInfo *info = wire_msg_info(c->channel, type);
    if (info == NULL || type == WIRE_MSG_BASE_LAST) {
        violate(c, FAKE_RULE_DECODE, "type %u is none of channel %u", type, c->channel);
        return;
    }
    if (info->capability >= 0 && !connection_announced(c, info->capability)) {
        violate(c, FAKE_RULE_CAPABILITIES, "%s needs capability %d", info->name, info->capability);
    }
    if (info->capability_absent >= 0 && connection_announced(c, info->capability_absent)) {
        violate(c, FAKE_RULE_CAPABILITIES, "%s although we have capability %d", info->name,
                info->capability_absent);
    }
    WireMsg m;
    WireFault fault = {"", "", "", 0};
    if (wire_msg_decode(c->channel, type, body, arena, &m, &fault) != STATUS_OK) {
        violate(c, FAKE_RULE_DECODE, "%s: %s %s (%llu)", info->name, fault.field, fault.why,
                (unsigned long long)fault.value);
        return;
    }
    if (own != SIZE_MAX) {
        layout_check(c, info, &m, body, own);
    }
    if (!base_message(c, &m)) {
        channel_message(c, &m);
    }
    if (c->client->config.on_message != NULL) {
        c->client->config.on_message(c->client->config.opaque, c, c->serial_in, &m, body);
    }
}

static void sub_message(FakeConnection *c, const WireSubMessage *sub)
{
    /* Only these come, and neither has nested arrays: a small arena of its own will do. */
    uint8_t room[8192];
    WireArena arena;
    wire_arena_init(&arena, room, sizeof room);
    if (sub->type != WIRE_MSG_WAIT_FOR_CHANNELS && sub->type != WIRE_MSG_DISPLAY_INVAL_LIST) {
        violate(c, FAKE_RULE_ORDER, "sub-message of type %u", sub->type);
        return;
    }
    message(c, &arena, sub->type, sub->body, c->client->config.stock_server ? SIZE_MAX : sub->body.len);
}

/* The list of a full header; returns how many bytes at the end of the body it takes, SIZE_MAX: unknown. */
static size_t sub_list(FakeConnection *c, uint32_t offset, Span body)
{
    WireArena arena;
    WireSubMessageList list;
    WireFault fault;
    Span from = body;
    if (c->client->config.stock_server) {
        /* It states sizes that reach past the end of the body: let them. */
        bytes_reserve(&c->scratch, 2 * body.len + 4096);
        memcpy(c->scratch.data, body.data, body.len);
        memset(c->scratch.data + body.len, 0, body.len + 4096);
        from = span_of(c->scratch.data, 2 * body.len + 4096);
    }
    arena_for(c, &arena, from.len);
    if (wire_sub_message_list_decode(from, offset, &arena, &list, &fault) != STATUS_OK) {
        violate(c, FAKE_RULE_DECODE, "the sub-message list: %s %s", fault.field, fault.why);
        return SIZE_MAX;
    }
    WireOut measure;
    wire_out_init_count(&measure);
    wire_sub_message_list_encode(&measure, &list);
    sub_messages(c, &list);
    return c->client->config.stock_server ? SIZE_MAX : wire_out_total(&measure);
}

static void message_received(FakeConnection *c, const WireDataHeader *header, Span body)
{
    c->messages++;
    if (c->disconnecting) {
        violate(c, FAKE_RULE_ORDER, "type %u after DISCONNECTING", header->type);
    }
    if (header->type != WIRE_MSG_SET_ACK) {
        ack_count(c);
    }
    size_t own = body.len;
    if (header->sub_list != 0) {
        const size_t list = sub_list(c, header->sub_list, body);
        own = list == SIZE_MAX || list > body.len ? SIZE_MAX : body.len - list;
        if (own != SIZE_MAX && own != header->sub_list) {
            violate(c, FAKE_RULE_POINTERS, "the sub-message list is at %u, the message ends at %zu",
                    header->sub_list, own);
        }
    }
    WireArena arena;
    arena_for(c, &arena, body.len);
    message(c, &arena, header->type, body, own);
    if (c->behaviour.leave_after != 0 && c->messages >= c->behaviour.leave_after &&
        c->state == FAKE_STATE_OPEN) {
        connection_state(c, FAKE_STATE_LEFT);
    }
}

/* Full headers say their serial. */
static void serial_check(FakeConnection *c, uint64_t serial)
{
    if (c->serial_in == 0 ? serial != 1 : serial <= c->serial_in) {
        violate(c, FAKE_RULE_SERIALS, "serial %llu after %llu", (unsigned long long)serial,
                (unsigned long long)c->serial_in);
    }
    c->serial_in = serial;
}

/* One message from the front of `input`. Returns its bytes; 0: more are needed. */
static size_t frame(FakeConnection *c, Span input)
{
    const size_t head = c->mini ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
    if (input.len < head) {
        return 0;
    }
    WireDataHeader header = {0};
    const Span head_bytes = span_of(input.data, head);
    Status status;
    if (c->mini) {
        WireMiniDataHeader mini;
        status = wire_mini_data_header_decode(head_bytes, NULL, &mini, NULL);
        if (status == STATUS_OK) {
            header = (WireDataHeader){.type = mini.type, .size = mini.size};
        }
    } else {
        status = wire_data_header_decode(head_bytes, NULL, &header, NULL);
    }
    if (status != STATUS_OK || header.size > BODY_BYTES_MAX) {
        violate(c, FAKE_RULE_DECODE, "a message of type %u with %u bytes", header.type, header.size);
        connection_fail(c);
        return 0;
    }
    if (input.len - head < header.size) {
        return 0;
    }
    if (c->mini) {
        c->serial_in++;
    } else {
        serial_check(c, header.serial);
    }
    message_received(c, &header, span_of(input.data + head, header.size));
    return head + header.size;
}

/* Consumes what is complete. */
static void frames(FakeConnection *c)
{
    size_t at = 0;
    while (c->state == FAKE_STATE_OPEN && fake_connection_wants_read(c)) {
        const size_t bytes = frame(c, span_of(c->input.data + at, c->input.len - at));
        if (bytes == 0) {
            break;
        }
        at += bytes;
    }
    bytes_drop(&c->input, at);
}

void fake_connection_receive(FakeConnection *c, Span bytes, uint64_t now_ns)
{
    c->now_ns = now_ns;
    if (c->web != NULL) {
        web_receive(c, bytes);
    } else {
        bytes_add(&c->input, bytes);
    }
    while (c->state < FAKE_STATE_OPEN && fake_link_receive(c)) {
    }
    if (c->state == FAKE_STATE_OPEN) {
        frames(c);
    }
}

/* ---- Time ---- */

uint64_t fake_connection_deadline_ns(const FakeConnection *c)
{
    return c->deadline_ns;
}

void fake_connection_expire(FakeConnection *c, uint64_t now_ns)
{
    c->now_ns = now_ns;
    if (now_ns >= c->deadline_ns) {
        violate(c, FAKE_RULE_IN_TIME, "no answer in state %s", fake_state_name(c->state));
        c->deadline_ns = UINT64_MAX;
        if (c->state < FAKE_STATE_OPEN) {
            connection_fail(c);
        }
    }
}
