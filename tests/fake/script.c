/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "script.h"

#include <stdio.h>
#include <string.h>

FakeClientConfig script_config(void)
{
    FakeClientConfig config = fake_client_config_default();
    config.behaviour.cheap_ticket = true;
    config.no_pictures = true; /* images of most tests are headers alone */
    return config;
}

void script_begin(Script *s, const FakeClientConfig *config)
{
    memset(s, 0, sizeof *s);
    s->now_ns = 5 * SCRIPT_SECOND;
    s->client = fake_client_new(config);
    assert_non_null(s->client);
}

void script_end(Script *s)
{
    const FakeViolation *first;
    const size_t n = fake_client_violations(s->client, &first);
    if (n != s->seen) {
        print_error("rule %d: %s\n", (int)first[s->seen].rule, first[s->seen].text);
    }
    assert_int_equal(n, s->seen);
    fake_client_free(s->client);
}

void script_expect(Script *s, FakeRule rule, const char *text)
{
    const FakeViolation *first;
    const size_t n = fake_client_violations(s->client, &first);
    for (size_t i = s->seen; i < n; i++) {
        if (n != s->seen + 1 || first[i].rule != rule || strstr(first[i].text, text) == NULL) {
            print_error("rule %d: %s\n", (int)first[i].rule, first[i].text);
        }
    }
    assert_int_equal(n, s->seen + 1);
    assert_int_equal(first[s->seen].rule, rule);
    assert_non_null(strstr(first[s->seen].text, text));
    s->seen = n;
}

size_t script_reply(uint8_t *buffer, size_t cap, uint32_t error, uint32_t common_caps)
{
    static const uint8_t zeros[WIRE_PUB_KEY_BYTES];
    const uint32_t channel_caps = UINT32_MAX;
    const WireLinkReply reply = {
        .error = error,
        .pub_key = span_of(zeros, sizeof zeros),
        .common_caps = {&common_caps, 1},
        .channel_caps = {&channel_caps, 1},
    };
    WireOut body;
    wire_out_init(&body, buffer + WIRE_LINK_HEADER_BYTES, cap - WIRE_LINK_HEADER_BYTES);
    wire_link_reply_encode(&body, &reply);
    WireOut head;
    wire_out_init(&head, buffer, WIRE_LINK_HEADER_BYTES);
    wire_link_header_encode(
        &head, &(WireLinkHeader){WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, (uint32_t)body.len});
    assert_false(head.failed || body.failed);
    return head.len + body.len;
}

void script_drop_output(FakeConnection *c)
{
    fake_connection_sent(c, fake_connection_output(c).len);
}

FakeConnection *script_open(Script *s, uint8_t channel, uint8_t channel_id)
{
    uint8_t bytes[512];
    FakeConnection *c = fake_client_connect(s->client, channel, channel_id, s->now_ns);
    assert_non_null(c);
    for (int i = 0; i < SCRIPT_CONNECTIONS_MAX; i++) {
        if (s->serials[i].connection == NULL) {
            s->serials[i].connection = c;
            break;
        }
    }
    const size_t len = script_reply(bytes, sizeof bytes, WIRE_LINK_ERR_OK, 0xb);
    script_drop_output(c);
    script_bytes(s, c, bytes, len);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_RESULT);
    assert_int_equal(fake_connection_output(c).len, WIRE_LINK_AUTH_MECHANISM_BYTES + WIRE_LINK_TICKET_BYTES);
    script_drop_output(c);
    script_bytes(s, c, "\0\0\0", 4);
    assert_int_equal(fake_connection_state(c), FAKE_STATE_OPEN);
    if (channel == WIRE_CHANNEL_MAIN) {
        s->main = c;
    }
    return c;
}

void script_session(Script *s)
{
    script_open(s, WIRE_CHANNEL_MAIN, 0);
    const WireMsg init = {.channel = WIRE_CHANNEL_MAIN,
                          .type = WIRE_MSG_MAIN_INIT,
                          .u.main_init = {.session_id = SCRIPT_SESSION,
                                          .supported_mouse_modes = WIRE_MOUSE_MODE_SERVER,
                                          .current_mouse_mode = WIRE_MOUSE_MODE_SERVER}};
    script_say(s, s->main, &init);
    script_await(s, s->main, WIRE_MSGC_MAIN_ATTACH_CHANNELS);
    const WireChannelId ids[] = {
        {WIRE_CHANNEL_INPUTS, 0}, {WIRE_CHANNEL_DISPLAY, 0}, {WIRE_CHANNEL_CURSOR, 0}};
    const WireMsg list = {.channel = WIRE_CHANNEL_MAIN,
                          .type = WIRE_MSG_MAIN_CHANNELS_LIST,
                          .u.main_channels_list = {{ids, 3}}};
    script_say(s, s->main, &list);
}

void script_bytes(Script *s, FakeConnection *c, const void *bytes, size_t len)
{
    fake_connection_receive(c, span_of(bytes, len), s->now_ns);
}

static uint64_t *serial_of(Script *s, const FakeConnection *c)
{
    for (int i = 0; i < SCRIPT_CONNECTIONS_MAX; i++) {
        if (s->serials[i].connection == c) {
            return &s->serials[i].serial;
        }
    }
    fail_msg("no such connection");
    return NULL;
}

void script_full(Script *s, FakeConnection *c, uint64_t serial, uint16_t type, Span body, uint32_t sub_list)
{
    uint8_t head[WIRE_DATA_HEADER_BYTES];
    WireOut out;
    wire_out_init(&out, head, sizeof head);
    wire_data_header_encode(&out, &(WireDataHeader){serial, type, (uint32_t)body.len, sub_list});
    script_bytes(s, c, head, out.len);
    script_bytes(s, c, body.data, body.len);
}

void script_body(Script *s, FakeConnection *c, uint16_t type, Span body)
{
    const uint64_t serial = ++*serial_of(s, c);
    if (!fake_connection_is_mini(c)) {
        script_full(s, c, serial, type, body, 0);
        return;
    }
    uint8_t head[WIRE_MINI_DATA_HEADER_BYTES];
    WireOut out;
    wire_out_init(&out, head, sizeof head);
    wire_mini_data_header_encode(&out, &(WireMiniDataHeader){type, (uint32_t)body.len});
    script_bytes(s, c, head, out.len);
    script_bytes(s, c, body.data, body.len);
}

void script_say(Script *s, FakeConnection *c, const WireMsg *m)
{
    uint8_t body[8192];
    WireOut out;
    wire_out_init(&out, body, sizeof body);
    wire_msg_encode(&out, m);
    assert_false(out.failed);
    script_body(s, c, m->type, span_of(body, out.len));
}

bool script_next(Script *s, FakeConnection *c, WireMsgc *ret)
{
    const Span output = fake_connection_output(c);
    if (output.len == 0) {
        return false;
    }
    uint16_t type;
    uint32_t size;
    size_t head;
    if (fake_connection_is_mini(c)) {
        WireMiniDataHeader mini;
        head = WIRE_MINI_DATA_HEADER_BYTES;
        assert_int_equal(wire_mini_data_header_decode(span_of(output.data, head), NULL, &mini, NULL),
                         STATUS_OK);
        type = mini.type;
        size = mini.size;
    } else {
        WireDataHeader full;
        head = WIRE_DATA_HEADER_BYTES;
        assert_int_equal(wire_data_header_decode(span_of(output.data, head), NULL, &full, NULL), STATUS_OK);
        type = full.type;
        size = full.size;
    }
    assert_true(output.len >= head + size);
    assert_true(size <= sizeof s->copy);
    memcpy(s->copy, output.data + head, size);
    WireArena arena;
    wire_arena_init(&arena, s->arena, sizeof s->arena);
    assert_int_equal(
        wire_msgc_decode(fake_connection_channel(c), type, span_of(s->copy, size), &arena, ret, NULL),
        STATUS_OK);
    fake_connection_sent(c, head + size);
    return true;
}

WireMsgc script_await(Script *s, FakeConnection *c, uint16_t type)
{
    WireMsgc m = {0};
    while (script_next(s, c, &m)) {
        if (m.type == type) {
            return m;
        }
    }
    fail_msg("the client did not send type %u", type);
    return m;
}
