/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.c: the client's side of the handshake, and its lies. */
#include "internal.h"

#include <openssl/crypto.h>

#include "base/check.h"

#define LINK_BYTES_MAX 128u /* of our link message with its header */

/* ---- What we send ---- */

static uint32_t caps_of(const FakeClientConfig *config, uint8_t channel)
{
    switch (channel) {
    case WIRE_CHANNEL_MAIN:
        return config->main_caps;
    case WIRE_CHANNEL_DISPLAY:
        return config->display_caps;
    case WIRE_CHANNEL_INPUTS:
        return config->inputs_caps;
    case WIRE_CHANNEL_PLAYBACK:
        return config->playback_caps;
    case WIRE_CHANNEL_RECORD:
        return config->record_caps;
    case WIRE_CHANNEL_USBREDIR:
    case WIRE_CHANNEL_PORT:
    case WIRE_CHANNEL_WEBDAV:
        return config->vmc_caps;
    default:
        return 0;
    }
}

void link_start(FakeConnection *c)
{
    const FakeLinkLie lie = c->behaviour.link_lie;
    c->caps = caps_of(&c->client->config, c->channel);
    c->mini = !c->client->config.full_header;
    const uint32_t common = UINT32_C(1) << WIRE_CAP_COMMON_PROTOCOL_AUTH_SELECTION |
                            UINT32_C(1) << WIRE_CAP_COMMON_AUTH_SPICE |
                            (c->mini ? UINT32_C(1) << WIRE_CAP_COMMON_MINI_HEADER : 0);
    const uint32_t session = c->channel == WIRE_CHANNEL_MAIN ? 0 : c->client->main.session_id;
    const WireLinkMess mess = {
        .connection_id = lie == FAKE_LINK_SESSION ? session + 0x5a5a5a5a : session,
        .channel_type = lie == FAKE_LINK_CHANNEL ? 200 : c->channel,
        .channel_id = c->channel_id,
        .common_caps = {&common, 1},
        .channel_caps = {&c->caps, c->caps != 0},
    };
    uint8_t bytes[LINK_BYTES_MAX];
    uint8_t body[LINK_BYTES_MAX - WIRE_LINK_HEADER_BYTES];
    WireOut out, body_out;
    wire_out_init(&body_out, body, sizeof body);
    wire_link_mess_encode(&body_out, &mess);
    CHECK(!body_out.failed);
    WireLinkHeader header = {
        .magic = WIRE_MAGIC,
        .major_version = WIRE_VERSION_MAJOR,
        .minor_version = WIRE_VERSION_MINOR,
        .size = (uint32_t)body_out.len,
    };
    switch (lie) {
    case FAKE_LINK_MAGIC:
        header.magic ^= 0x20;
        break;
    case FAKE_LINK_MAJOR:
        header.major_version++;
        break;
    case FAKE_LINK_SIZE_SMALL:
        header.size = WIRE_LINK_MESS_BYTES - 1;
        break;
    case FAKE_LINK_SIZE_HUGE:
        header.size = UINT32_MAX;
        break;
    case FAKE_LINK_CAPS_OFFSET: /* the last field of the fixed part: where it would wrap */
        le32_put(body + WIRE_LINK_MESS_BYTES - 4, UINT32_MAX - 3);
        break;
    case FAKE_LINK_CAPS_COUNT:
        le32_put(body + WIRE_LINK_MESS_BYTES - 8, 0x40000001);
        break;
    default:
        break;
    }
    wire_out_init(&out, bytes, sizeof bytes);
    wire_link_header_encode(&out, &header);
    CHECK(!out.failed);
    if (lie != FAKE_LINK_SILENT) {
        bytes_add(&c->output, span_of(bytes, out.len));
        bytes_add(&c->output, span_of(body, lie == FAKE_LINK_HALF ? body_out.len / 2 : body_out.len));
    }
    if (lie != FAKE_LINK_SILENT && lie != FAKE_LINK_HALF) {
        c->deadline_ns = c->now_ns + c->client->config.answer_ns;
    }
}

static void ticket_send(FakeConnection *c, Span public_key)
{
    uint8_t ticket[WIRE_LINK_TICKET_BYTES] = {0};
    const char *why = "";
    const bool honest = c->behaviour.link_lie != FAKE_LINK_TICKET && !c->behaviour.cheap_ticket;
    const char *password = c->client->config.password != NULL ? c->client->config.password : "";
    if (honest && !ticket_make(client_crypto(c->client), public_key, password, ticket, &why)) {
        violate(c, FAKE_RULE_PUBLIC_KEY, "the public key is no good: %s", why);
        connection_fail(c);
        return;
    }
    uint8_t bytes[WIRE_LINK_AUTH_MECHANISM_BYTES + WIRE_LINK_TICKET_BYTES];
    WireOut out;
    wire_out_init(&out, bytes, sizeof bytes);
    wire_link_auth_mechanism_encode(
        &out, &(WireLinkAuthMechanism){
                  c->behaviour.link_lie == FAKE_LINK_MECHANISM ? 77 : WIRE_AUTH_MECHANISM_SPICE});
    wire_link_ticket_encode(&out, &(WireLinkTicket){span_of(ticket, sizeof ticket)});
    CHECK(!out.failed && out.len == sizeof bytes);
    bytes_add(&c->output, span_of(bytes, out.len));
}

/* ---- What the server answers ---- */

static bool reply_header(FakeConnection *c)
{
    WireLinkHeader header;
    if (c->input.len < WIRE_LINK_HEADER_BYTES) {
        return false;
    }
    if (wire_link_header_decode(span_of(c->input.data, WIRE_LINK_HEADER_BYTES), NULL, &header, NULL) !=
            STATUS_OK ||
        header.magic != WIRE_MAGIC || header.major_version != WIRE_VERSION_MAJOR) {
        violate(c, FAKE_RULE_LINK_REPLY, "a reply with magic 0x%08x, version %u.%u", header.magic,
                header.major_version, header.minor_version);
        connection_fail(c);
        return false;
    }
    if (header.minor_version != WIRE_VERSION_MINOR) {
        violate(c, FAKE_RULE_LINK_REPLY, "the reply's minor version is %u", header.minor_version);
    }
    if (header.size < WIRE_LINK_REPLY_BYTES || header.size > REPLY_BYTES_MAX) {
        violate(c, FAKE_RULE_LINK_REPLY, "the reply has %u bytes", header.size);
        connection_fail(c);
        return false;
    }
    c->reply_size = header.size;
    bytes_drop(&c->input, WIRE_LINK_HEADER_BYTES);
    connection_state(c, FAKE_STATE_REPLY);
    return true;
}

/* On an error, everything after the error is zero, and there are no capabilities. */
static void reply_refused(FakeConnection *c, uint32_t error)
{
    bool zeros = c->reply_size == WIRE_LINK_REPLY_BYTES;
    for (uint32_t i = WIRE_LINK_RESULT_BYTES; i < c->reply_size; i++) {
        zeros = zeros && c->input.data[i] == 0;
    }
    if (!zeros) {
        violate(c, FAKE_RULE_LINK_REPLY, "a refusal of %u bytes that are not all zero", c->reply_size);
    }
    if (wire_link_err_name(error) == NULL) {
        violate(c, FAKE_RULE_VALUES, "unknown link error %u", error);
    }
    c->link_error = error;
    connection_state(c, FAKE_STATE_REFUSED);
}

static void reply_accepted(FakeConnection *c, const WireLinkReply *reply)
{
    /* The one right form is what our own writer makes of the same fields. */
    uint8_t again[REPLY_BYTES_MAX];
    WireOut out;
    wire_out_init(&out, again, sizeof again);
    wire_link_reply_encode(&out, reply);
    if (out.failed || out.len != c->reply_size || memcmp(again, c->input.data, out.len) != 0) {
        violate(c, FAKE_RULE_LINK_REPLY,
                "a reply of %u bytes with %u capability words, not laid out as usual", c->reply_size,
                reply->common_caps.n + reply->channel_caps.n);
    }
    const uint32_t common = reply->common_caps.n > 0 ? reply->common_caps.items[0] : 0;
    const bool spice = common >> WIRE_CAP_COMMON_AUTH_SPICE & 1;
    const bool sasl = common >> WIRE_CAP_COMMON_AUTH_SASL & 1;
    if (!(common >> WIRE_CAP_COMMON_PROTOCOL_AUTH_SELECTION & 1) ||
        !(common >> WIRE_CAP_COMMON_MINI_HEADER & 1) || spice == sasl) {
        violate(c, FAKE_RULE_LINK_REPLY, "common capabilities 0x%x", common);
    }
    c->mini = c->mini && (common >> WIRE_CAP_COMMON_MINI_HEADER & 1);
    for (uint32_t i = 0; i < reply->channel_caps.n && i < sizeof c->server_caps / sizeof c->server_caps[0];
         i++) {
        c->server_caps[i] = reply->channel_caps.items[i];
    }
    connection_state(c, FAKE_STATE_RESULT);
    if (c->state == FAKE_STATE_RESULT) {
        ticket_send(c, reply->pub_key);
    }
    bytes_drop(&c->input, c->reply_size);
    if (c->input.len > 0 && c->state == FAKE_STATE_RESULT) {
        /* The server cannot have our ticket yet. */
        violate(c, FAKE_RULE_LINK_RESULT, "%zu bytes before the ticket was sent", c->input.len);
    }
}

static bool reply_body(FakeConnection *c)
{
    if (c->input.len < c->reply_size) {
        return false;
    }
    uint8_t room[WIRE_ARENA_BYTES(REPLY_BYTES_MAX)];
    WireArena arena;
    wire_arena_init(&arena, room, sizeof room);
    WireLinkReply reply;
    WireFault fault;
    const Span bytes = span_of(c->input.data, c->reply_size);
    WireLinkResult error;
    if (wire_link_result_decode(span_of(bytes.data, WIRE_LINK_RESULT_BYTES), NULL, &error, NULL) ==
            STATUS_OK &&
        error.error != WIRE_LINK_ERR_OK) {
        reply_refused(c, error.error);
        return false;
    }
    if (wire_link_reply_decode(bytes, &arena, &reply, &fault) != STATUS_OK) {
        violate(c, FAKE_RULE_LINK_REPLY, "%s %s", fault.field, fault.why);
        connection_fail(c);
        return false;
    }
    reply_accepted(c, &reply);
    return true;
}

static bool result(FakeConnection *c)
{
    if (c->input.len < WIRE_LINK_RESULT_BYTES) {
        return false;
    }
    WireLinkResult r = {0};
    if (wire_link_result_decode(span_of(c->input.data, WIRE_LINK_RESULT_BYTES), NULL, &r, NULL) !=
        STATUS_OK) {
        return false;
    }
    if (r.error == WIRE_MAGIC) {
        /* A second, complete reply: the mechanism was refused. */
        c->state = FAKE_STATE_REPLY_HEADER;
        return true;
    }
    bytes_drop(&c->input, WIRE_LINK_RESULT_BYTES);
    c->deadline_ns = UINT64_MAX;
    if (r.error != WIRE_LINK_ERR_OK) {
        if (wire_link_err_name(r.error) == NULL) {
            violate(c, FAKE_RULE_LINK_RESULT, "unknown link result %u", r.error);
        }
        c->link_error = r.error;
        connection_state(c, FAKE_STATE_REFUSED);
        if (c->input.len > 0) {
            violate(c, FAKE_RULE_LINK_RESULT, "%zu bytes after a refusal", c->input.len);
        }
        return false;
    }
    connection_state(c, FAKE_STATE_OPEN);
    if (c->state == FAKE_STATE_OPEN && c->channel == WIRE_CHANNEL_DISPLAY) {
        display_opened(c);
    }
    return true;
}

bool fake_link_receive(FakeConnection *c)
{
    switch (c->state) {
    case FAKE_STATE_REPLY_HEADER:
        return reply_header(c);
    case FAKE_STATE_REPLY:
        return reply_body(c);
    case FAKE_STATE_RESULT:
        return result(c);
    default:
        return false;
    }
}
