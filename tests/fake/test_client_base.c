/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds on every channel: framing, serials, sizes, pointers, ack windows, pings; then main and
 * inputs. */
#include "script.h"

#include <string.h>

static void begin(Script *s)
{
    const FakeClientConfig config = script_config();
    script_begin(s, &config);
    script_session(s);
}

static void say_u32(Script *s, FakeConnection *c, uint16_t type, uint32_t value)
{
    uint8_t body[4];
    le32_put(body, value);
    script_body(s, c, type, span_of(body, sizeof body));
}

static void set_ack(Script *s, FakeConnection *c, uint32_t generation, uint32_t window)
{
    const WireMsg m = {.channel = fake_connection_channel(c),
                       .type = WIRE_MSG_SET_ACK,
                       .u.set_ack = {.generation = generation, .window = window}};
    script_say(s, c, &m);
}

static void ping(Script *s, FakeConnection *c, uint32_t id)
{
    const WireMsg m = {.channel = fake_connection_channel(c),
                       .type = WIRE_MSG_PING,
                       .u.ping = {.id = id, .timestamp = 77, .data = span_of("filler", 6)}};
    script_say(s, c, &m);
}

/* ---- Framing ---- */

static void test_pong(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    ping(&s, s.main, 9);
    const WireMsgc pong = script_await(&s, s.main, WIRE_MSGC_PONG);
    assert_int_equal(pong.u.pong.id, 9);
    assert_int_equal(pong.u.pong.timestamp, 77);
    script_end(&s);
}

/* A ping that measures by its size alone makes the client wait for what follows. */
static void test_large_ping(void **state)
{
    static const uint8_t filler[8000];
    WireMsg m = {.channel = WIRE_CHANNEL_MAIN,
                 .type = WIRE_MSG_PING,
                 .u.ping = {.id = 1, .timestamp = 77, .data = span_of(filler, 1024)}};

    (void)state;
    Script s;
    begin(&s);
    script_say(&s, s.main, &m);
    (void)script_await(&s, s.main, WIRE_MSGC_PONG);
    m.u.ping.data = span_of(filler, sizeof filler);
    script_say(&s, s.main, &m);
    script_expect(&s, FAKE_RULE_VALUES, "PING with 8000 bytes");
    script_end(&s);
}

static void test_any_split(void **state)
{
    (void)state;
    for (size_t step = 1; step < 20; step++) {
        Script s;
        begin(&s);
        uint8_t bytes[64];
        WireOut out;
        wire_out_init(&out, bytes, sizeof bytes);
        for (uint32_t i = 0; i < 2; i++) {
            wire_mini_data_header_encode(&out, &(WireMiniDataHeader){WIRE_MSG_MAIN_MULTI_MEDIA_TIME, 4});
            WireOut body;
            wire_out_init(&body, bytes + out.len, sizeof bytes - out.len);
            wire_msg_main_multi_media_time_encode(&body, &(WireMsgMainMultiMediaTime){100 + i});
            out.len += body.len;
        }
        const uint64_t before = fake_connection_messages(s.main);
        for (size_t at = 0; at < out.len; at += step) {
            script_bytes(&s, s.main, bytes + at, out.len - at < step ? out.len - at : step);
        }
        assert_int_equal(fake_connection_messages(s.main), before + 2);
        assert_int_equal(fake_client_main(s.client)->multi_media_time, 101);
        script_end(&s);
    }
}

static void test_unknown_type(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    script_body(&s, s.main, 99, span_of("", 0));
    script_expect(&s, FAKE_RULE_DECODE, "type 99");
    script_body(&s, s.main, WIRE_MSG_BASE_LAST, span_of("", 0));
    script_expect(&s, FAKE_RULE_DECODE, "type 100");
    script_end(&s);
}

static void test_huge(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    script_bytes(&s, s.main, "\4\0\xff\xff\xff\xff", 6);
    script_expect(&s, FAKE_RULE_DECODE, "4294967295 bytes");
    assert_int_equal(fake_connection_state(s.main), FAKE_STATE_FAILED);
    script_end(&s);
}

static void test_sizes(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    script_body(&s, s.main, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, span_of("\1\2\3", 3));
    script_expect(&s, FAKE_RULE_DECODE, "cut off");
    script_body(&s, s.main, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, span_of("\1\2\3\4\5", 5));
    script_expect(&s, FAKE_RULE_DECODE, "has 5 bytes, its fields say 4");
    /* Above the protocol's own limit. */
    static const uint8_t zeros[WIRE_AGENT_DATA_MAX + 1];
    script_body(&s, s.main, WIRE_MSG_MAIN_AGENT_DATA, span_of(zeros, sizeof zeros));
    script_expect(&s, FAKE_RULE_DECODE, "AGENT_DATA");
    script_end(&s);
}

static void test_notify(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    WireMsg m = {.channel = WIRE_CHANNEL_MAIN,
                 .type = WIRE_MSG_NOTIFY,
                 .u.notify = {.severity = 1, .visibility = 2, .message = span_of("hello", 5)}};
    script_say(&s, s.main, &m);
    assert_int_equal(fake_client_main(s.client)->notifies, 1);
    /* One NUL that is not counted is usual; anything else is not. */
    uint8_t body[64];
    WireOut out;
    wire_out_init(&out, body, sizeof body);
    wire_msg_notify_encode(&out, &m.u.notify);
    body[out.len] = 0;
    script_body(&s, s.main, WIRE_MSG_NOTIFY, span_of(body, out.len + 1));
    body[out.len] = 'x';
    script_body(&s, s.main, WIRE_MSG_NOTIFY, span_of(body, out.len + 1));
    script_expect(&s, FAKE_RULE_DECODE, "its fields say");
    m.u.notify.severity = 3;
    script_say(&s, s.main, &m);
    script_expect(&s, FAKE_RULE_VALUES, "severity 3");
    script_end(&s);
}

/* A pointee where another writer would put it: legal for a reader, not what the protocol's writer does. */
static void test_pointers(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    const WireMsg m = {.channel = WIRE_CHANNEL_MAIN,
                       .type = WIRE_MSG_MAIN_MIGRATE_BEGIN,
                       .u.main_migrate_begin.dst_info = {
                           .port = 1, .host = span_of("aaaa", 4), .cert_subject = span_of("bbbb", 4)}};
    uint8_t body[64];
    WireOut out;
    wire_out_init(&out, body, sizeof body);
    wire_msg_encode(&out, &m);
    script_body(&s, s.main, m.type, span_of(body, out.len));
    const uint32_t host = le32_get(body + 8), subject = le32_get(body + 16);
    le32_put(body + 8, subject);
    le32_put(body + 16, host);
    script_body(&s, s.main, m.type, span_of(body, out.len));
    script_expect(&s, FAKE_RULE_POINTERS, "MIGRATE_BEGIN");
    le32_put(body + 8, 2); /* into the fixed part */
    script_body(&s, s.main, m.type, span_of(body, out.len));
    script_expect(&s, FAKE_RULE_POINTERS, "MIGRATE_BEGIN");
    le32_put(body + 8, 1000);
    script_body(&s, s.main, m.type, span_of(body, out.len));
    script_expect(&s, FAKE_RULE_DECODE, "host");
    script_end(&s);
}

static void test_capabilities(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.main_caps &= ~(1u << WIRE_CAP_MAIN_NAME_AND_UUID);
    script_begin(&s, &config);
    script_session(&s);
    const WireMsg name = {
        .channel = WIRE_CHANNEL_MAIN, .type = WIRE_MSG_MAIN_NAME, .u.main_name = {span_of("vm", 3)}};
    script_say(&s, s.main, &name);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "NAME needs capability");
    const WireMsg agent = {.channel = WIRE_CHANNEL_MAIN, .type = WIRE_MSG_MAIN_AGENT_CONNECTED};
    script_say(&s, s.main, &agent);
    script_expect(&s, FAKE_RULE_CAPABILITIES, "although we have capability");
    script_end(&s);
}

static void test_disconnecting(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    WireMsg m = {.channel = WIRE_CHANNEL_MAIN,
                 .type = WIRE_MSG_DISCONNECTING,
                 .u.disconnecting = {.reason = WIRE_LINK_ERR_OK}};
    script_say(&s, s.main, &m);
    ping(&s, s.main, 1);
    script_expect(&s, FAKE_RULE_ORDER, "after DISCONNECTING");
    script_end(&s);
    begin(&s);
    m.u.disconnecting.reason = 100;
    script_say(&s, s.main, &m);
    script_expect(&s, FAKE_RULE_VALUES, "reason 100");
    script_end(&s);
}

/* ---- Full headers ---- */

static void begin_full(Script *s, bool stock)
{
    FakeClientConfig config = script_config();
    config.full_header = true;
    config.stock_server = stock;
    script_begin(s, &config);
    script_session(s);
}

static void test_serials(void **state)
{
    (void)state;
    Script s;
    begin_full(&s, false);
    assert_false(fake_connection_is_mini(s.main));
    const Span time = span_of("\1\0\0\0", 4);
    script_full(&s, s.main, 5, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, time, 0); /* skipping is allowed */
    script_full(&s, s.main, 5, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, time, 0);
    script_expect(&s, FAKE_RULE_SERIALS, "serial 5 after 5");
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_INPUTS, 0);
    script_full(&s, c, 2, WIRE_MSG_INPUTS_INIT, span_of("\0", 2), 0);
    script_expect(&s, FAKE_RULE_SERIALS, "serial 2 after 0");
    script_end(&s);
}

/* A body of its own, then a sub-message list with one INVAL_LIST of no resources; `surplus` goes to its
 * size. */
static size_t with_sub_list(uint8_t *body, size_t cap, uint16_t sub_type, uint32_t surplus, uint32_t *ret_at)
{
    WireOut out;
    wire_out_init(&out, body, cap);
    wire_msg_display_inval_palette_encode(&out, &(WireMsgDisplayInvalPalette){0});
    *ret_at = (uint32_t)out.len;
    uint8_t *p = body + out.len;
    le16_put(p, 1);
    le32_put(p + 2, *ret_at + 6);
    le16_put(p + 6, sub_type);
    le32_put(p + 8, 2 + surplus);
    le16_put(p + 12, 0);
    return out.len + 14;
}

static FakeConnection *display_with_palette(Script *s)
{
    FakeConnection *c = script_open(s, WIRE_CHANNEL_DISPLAY, 0);
    set_ack(s, c, 1, 20);
    return c;
}

static void test_sub_list(void **state)
{
    (void)state;
    Script s;
    uint8_t body[64];
    uint32_t at;
    begin_full(&s, false);
    FakeConnection *c = display_with_palette(&s);
    size_t len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_INVAL_LIST, 0, &at);
    script_full(&s, c, 2, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len), at);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 0"); /* the main message, and no more */
    len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_MARK, 0, &at);
    script_full(&s, c, 3, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len), at);
    const FakeViolation *first;
    assert_int_equal(fake_client_violations(s.client, &first), s.seen + 2);
    assert_int_equal(first[s.seen].rule, FAKE_RULE_ORDER);
    assert_non_null(strstr(first[s.seen].text, "sub-message of type"));
    s.seen += 2;
    /* A size that reaches past the end: what the existing server writes. */
    len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_INVAL_LIST, 6, &at);
    script_full(&s, c, 4, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len), at);
    assert_int_equal(fake_client_violations(s.client, &first), s.seen + 2);
    assert_int_equal(first[s.seen].rule, FAKE_RULE_DECODE);
    s.seen += 2;
    /* A byte between the message and the list, and one after it. */
    len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_INVAL_LIST, 0, &at);
    memmove(body + at + 1, body + at, 14);
    le32_put(body + at + 3, at + 7);
    script_full(&s, c, 5, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len + 1), at + 1);
    assert_int_equal(fake_client_violations(s.client, &first), s.seen + 2);
    assert_int_equal(first[s.seen].rule, FAKE_RULE_DECODE);
    assert_non_null(strstr(first[s.seen].text, "has 9 bytes"));
    s.seen += 2;
    len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_INVAL_LIST, 0, &at);
    script_full(&s, c, 6, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len + 1), at);
    assert_int_equal(fake_client_violations(s.client, &first), s.seen + 3);
    assert_int_equal(first[s.seen].rule, FAKE_RULE_POINTERS);
    s.seen += 3;
    /* Main knows none. */
    script_full(&s, s.main, 90, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, span_of("\1\0\0\0\0", 6), 4);
    script_expect(&s, FAKE_RULE_ORDER, "sub-messages on channel 1");
    script_end(&s);
}

static void test_sub_list_of_stock_server(void **state)
{
    (void)state;
    Script s;
    uint8_t body[64];
    uint32_t at;
    begin_full(&s, true);
    FakeConnection *c = display_with_palette(&s);
    const size_t len = with_sub_list(body, sizeof body, WIRE_MSG_DISPLAY_INVAL_LIST, 6, &at);
    script_full(&s, c, 2, WIRE_MSG_DISPLAY_INVAL_PALETTE, span_of(body, len), at);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette 0");
    script_end(&s);
}

static void test_list(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_DISPLAY, 0);
    set_ack(&s, c, 1, 20);
    const WireChannelWait wait = {WIRE_CHANNEL_MAIN, 0, 1000};
    uint8_t sub_body[32];
    WireOut out;
    wire_out_init(&out, sub_body, sizeof sub_body);
    wire_msg_wait_for_channels_encode(&out, &(WireMsgWaitForChannels){{&wait, 1}});
    const WireSubMessage sub = {WIRE_MSG_WAIT_FOR_CHANNELS, span_of(sub_body, out.len)};
    const WireMsg list = {.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_LIST, .u.list = {{{&sub, 1}}}};
    script_say(&s, c, &list);
    fake_client_check_quiet(s.client);
    script_expect(&s, FAKE_RULE_PIXMAP_CACHE, "serial 1000");
    script_end(&s);
    begin_full(&s, false);
    c = script_open(&s, WIRE_CHANNEL_DISPLAY, 0);
    set_ack(&s, c, 1, 20);
    const WireMsg empty = {.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_LIST};
    script_say(&s, c, &empty);
    script_expect(&s, FAKE_RULE_ORDER, "full headers");
    script_end(&s);
}

/* ---- Ack windows ---- */

static void test_set_ack_first(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_CURSOR, 0);
    ping(&s, c, 1);
    script_expect(&s, FAKE_RULE_ACK_WINDOW, "before SET_ACK");
    script_end(&s);
}

static void test_acks(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_CURSOR, 0);
    set_ack(&s, c, 3, 5);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_ACK_SYNC).u.ack_sync.generation, 3);
    for (int i = 1; i <= 50; i++) {
        WireMsgc m;
        ping(&s, c, 1);
        assert_true(script_next(&s, c, &m));
        if (i % 5 == 0) {
            assert_int_equal(m.type, WIRE_MSGC_ACK);
            assert_true(script_next(&s, c, &m));
        }
        assert_int_equal(m.type, WIRE_MSGC_PONG);
        assert_false(script_next(&s, c, &m));
    }
    set_ack(&s, c, 3, 5);
    script_expect(&s, FAKE_RULE_ACK_WINDOW, "generation 3 after 3");
    set_ack(&s, c, 4, 0);
    script_expect(&s, FAKE_RULE_VALUES, "window of 0");
    script_end(&s);
}

static void test_never_ack(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_session(&s);
    const FakeBehaviour behaviour = {.cheap_ticket = true, .never_ack = true, .never_pong = true};
    fake_client_behave(s.client, &behaviour);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_CURSOR, 0);
    set_ack(&s, c, 1, 5);
    for (int i = 0; i < 11; i++) { /* with SET_ACK: two windows and two */
        ping(&s, c, 1);
    }
    assert_int_equal(fake_connection_output(c).len, 0);
    ping(&s, c, 1);
    script_expect(&s, FAKE_RULE_ACK_WINDOW, "message 12 with a window of 5");
    script_end(&s);
}

/* ---- Behaviour ---- */

static void test_stops(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_session(&s);
    const FakeBehaviour stops = {.cheap_ticket = true, .stop_reading_after = 2};
    fake_client_behave(s.client, &stops);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_INPUTS, 0);
    script_body(&s, c, WIRE_MSG_INPUTS_INIT, span_of("\0", 2));
    assert_true(fake_connection_wants_read(c));
    ping(&s, c, 1);
    assert_false(fake_connection_wants_read(c));
    ping(&s, c, 1);
    assert_int_equal(fake_connection_messages(c), 2);
    const FakeBehaviour leaves = {.cheap_ticket = true, .leave_after = 2};
    fake_client_behave(s.client, &leaves);
    c = script_open(&s, WIRE_CHANNEL_INPUTS, 0); /* a duplicate, too */
    script_body(&s, c, WIRE_MSG_INPUTS_INIT, span_of("\0", 2));
    assert_false(fake_connection_wants_close(c));
    ping(&s, c, 1);
    assert_true(fake_connection_wants_close(c));
    assert_int_equal(fake_connection_state(c), FAKE_STATE_LEFT);
    script_drop_output(c);
    fake_connection_send_raw(c, span_of("garbage", 7));
    assert_memory_equal(fake_connection_output(c).data, "garbage", 7);
    script_end(&s);
}

/* ---- Main ---- */

static WireMsg main_init(uint32_t session, uint32_t supported, uint32_t current)
{
    return (WireMsg){.channel = WIRE_CHANNEL_MAIN,
                     .type = WIRE_MSG_MAIN_INIT,
                     .u.main_init = {.session_id = session,
                                     .supported_mouse_modes = supported,
                                     .current_mouse_mode = current}};
}

static void test_main_order(void **state)
{
    (void)state;
    Script s;
    const FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_open(&s, WIRE_CHANNEL_MAIN, 0);
    ping(&s, s.main, 1); /* base messages may come first */
    say_u32(&s, s.main, WIRE_MSG_MAIN_MULTI_MEDIA_TIME, 1);
    script_expect(&s, FAKE_RULE_MAIN_ORDER, "before INIT");
    WireMsg init = main_init(0, 1, 1);
    script_say(&s, s.main, &init);
    script_expect(&s, FAKE_RULE_MAIN_ORDER, "session id 0");
    script_end(&s);
    begin(&s);
    init = main_init(5, 1, 1);
    script_say(&s, s.main, &init);
    script_expect(&s, FAKE_RULE_MAIN_ORDER, "second INIT");
    script_end(&s);
}

static void test_channels_list(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.behaviour.no_attach = true;
    script_begin(&s, &config);
    script_open(&s, WIRE_CHANNEL_MAIN, 0);
    const WireMsg init = main_init(SCRIPT_SESSION, 1, 1);
    script_say(&s, s.main, &init);
    assert_int_equal(fake_connection_output(s.main).len, 0);
    WireChannelId id = {WIRE_CHANNEL_INPUTS, 0};
    const WireMsg list = {.channel = WIRE_CHANNEL_MAIN,
                          .type = WIRE_MSG_MAIN_CHANNELS_LIST,
                          .u.main_channels_list = {{&id, 1}}};
    script_say(&s, s.main, &list);
    script_expect(&s, FAKE_RULE_MAIN_ORDER, "nobody asked");
    script_end(&s);

    begin(&s);
    assert_true(fake_client_offers(s.client, WIRE_CHANNEL_DISPLAY, 0));
    assert_false(fake_client_offers(s.client, WIRE_CHANNEL_DISPLAY, 1));
    id = (WireChannelId){WIRE_CHANNEL_DISPLAY, 1};
    script_say(&s, s.main, &list); /* a display that is plugged in later */
    assert_true(fake_client_offers(s.client, WIRE_CHANNEL_DISPLAY, 1));
    id.type = WIRE_CHANNEL_MAIN;
    script_say(&s, s.main, &list);
    script_expect(&s, FAKE_RULE_VALUES, "channel 1/1");
    id.type = 200;
    script_say(&s, s.main, &list);
    script_expect(&s, FAKE_RULE_VALUES, "channel 200/1");
    script_end(&s);
}

static void test_list_in_time(void **state)
{
    (void)state;
    Script s;
    const FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_open(&s, WIRE_CHANNEL_MAIN, 0);
    const WireMsg init = main_init(SCRIPT_SESSION, 1, 1);
    script_say(&s, s.main, &init);
    fake_connection_expire(s.main, fake_connection_deadline_ns(s.main));
    script_expect(&s, FAKE_RULE_IN_TIME, "open");
    assert_int_equal(fake_connection_state(s.main), FAKE_STATE_OPEN);
    script_end(&s);
}

static void test_mouse_mode(void **state)
{
    (void)state;
    Script s;
    FakeClientConfig config = script_config();
    config.client_mouse = true;
    script_begin(&s, &config);
    script_session(&s);
    WireMsg m = {
        .channel = WIRE_CHANNEL_MAIN,
        .type = WIRE_MSG_MAIN_MOUSE_MODE,
        .u.main_mouse_mode = {WIRE_MOUSE_MODE_SERVER | WIRE_MOUSE_MODE_CLIENT, WIRE_MOUSE_MODE_SERVER}};
    script_say(&s, s.main, &m);
    assert_int_equal(
        script_await(&s, s.main, WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST).u.main_mouse_mode_request.mode,
        WIRE_MOUSE_MODE_CLIENT);
    m.u.main_mouse_mode.current_mode = WIRE_MOUSE_MODE_CLIENT;
    script_say(&s, s.main, &m);
    assert_int_equal(fake_connection_output(s.main).len, 0);
    assert_int_equal(fake_client_main(s.client)->current_mouse_mode, WIRE_MOUSE_MODE_CLIENT);
    const uint16_t wrong[][2] = {{1, 2}, {2, 2}, {3, 3}, {3, 0}, {7, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        m.u.main_mouse_mode.supported_modes = wrong[i][0];
        m.u.main_mouse_mode.current_mode = wrong[i][1];
        script_say(&s, s.main, &m);
        script_expect(&s, FAKE_RULE_VALUES, "mouse mode");
    }
    script_end(&s);
}

static void test_name_and_uuid(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    WireMsg m = {.channel = WIRE_CHANNEL_MAIN, .type = WIRE_MSG_MAIN_NAME, .u.main_name = {span_of("vm", 3)}};
    script_say(&s, s.main, &m);
    assert_string_equal(fake_client_main(s.client)->name, "vm");
    m.u.main_name.name = span_of("vm", 2);
    script_say(&s, s.main, &m);
    script_expect(&s, FAKE_RULE_VALUES, "NUL");
    m.type = WIRE_MSG_MAIN_UUID;
    m.u.main_uuid.uuid = span_of("0123456789abcdef", 16);
    script_say(&s, s.main, &m);
    assert_true(fake_client_main(s.client)->has_uuid);
    assert_memory_equal(fake_client_main(s.client)->uuid, "0123456789abcdef", 16);
    script_end(&s);
}

static void test_agent(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    WireMsg data = {.channel = WIRE_CHANNEL_MAIN,
                    .type = WIRE_MSG_MAIN_AGENT_DATA,
                    .u.main_agent_data = {span_of("x", 1)}};
    WireMsg connected = {.channel = WIRE_CHANNEL_MAIN,
                         .type = WIRE_MSG_MAIN_AGENT_CONNECTED_TOKENS,
                         .u.main_agent_connected_tokens = {10}};
    script_say(&s, s.main, &connected);
    assert_int_equal(script_await(&s, s.main, WIRE_MSGC_MAIN_AGENT_START).u.main_agent_start.num_tokens, 10);
    for (int i = 0; i < 100; i++) {
        script_say(&s, s.main, &data);
    }
    script_await(&s, s.main, WIRE_MSGC_MAIN_AGENT_TOKEN);
    WireMsg gone = {.channel = WIRE_CHANNEL_MAIN, .type = WIRE_MSG_MAIN_AGENT_DISCONNECTED};
    script_say(&s, s.main, &gone);
    script_say(&s, s.main, &data);
    script_expect(&s, FAKE_RULE_AGENT, "no agent");
    script_end(&s);
    begin(&s);
    script_say(&s, s.main, &data); /* before any agent: there is no credit either */
    assert_int_equal(fake_client_violations(s.client, NULL), 2);
    s.seen = 2;
    script_end(&s);
}

static void test_init_with_agent(void **state)
{
    (void)state;
    Script s;
    const FakeClientConfig config = script_config();
    script_begin(&s, &config);
    script_open(&s, WIRE_CHANNEL_MAIN, 0);
    WireMsg init = main_init(SCRIPT_SESSION, 1, 1);
    init.u.main_init.agent_connected = 2;
    init.u.main_init.agent_tokens = 10;
    script_say(&s, s.main, &init);
    script_expect(&s, FAKE_RULE_VALUES, "agent_connected 2");
    script_await(&s, s.main, WIRE_MSGC_MAIN_AGENT_START);
    assert_int_equal(fake_client_main(s.client)->agent_tokens, 10);
    script_end(&s);
}

/* ---- Inputs ---- */

static FakeConnection *inputs_open(Script *s)
{
    begin(s);
    FakeConnection *c = script_open(s, WIRE_CHANNEL_INPUTS, 0);
    script_body(s, c, WIRE_MSG_INPUTS_INIT, span_of("\2", 2));
    assert_int_equal(fake_connection_inputs(c)->modifiers, 2);
    return c;
}

static void motion_ack(Script *s, FakeConnection *c)
{
    script_body(s, c, WIRE_MSG_INPUTS_MOUSE_MOTION_ACK, span_of("", 0));
}

static void test_inputs_order(void **state)
{
    (void)state;
    Script s;
    begin(&s);
    FakeConnection *c = script_open(&s, WIRE_CHANNEL_INPUTS, 0);
    script_body(&s, c, WIRE_MSG_INPUTS_KEY_MODIFIERS, span_of("\0", 2));
    script_expect(&s, FAKE_RULE_ORDER, "before INIT");
    script_body(&s, c, WIRE_MSG_INPUTS_INIT, span_of("\0", 2));
    script_body(&s, c, WIRE_MSG_INPUTS_INIT, span_of("\0", 2));
    script_expect(&s, FAKE_RULE_ORDER, "second INIT");
    script_body(&s, c, WIRE_MSG_INPUTS_KEY_MODIFIERS, span_of("\x08", 2));
    script_expect(&s, FAKE_RULE_VALUES, "modifiers 0x8");
    script_end(&s);
}

static void test_motion_acks(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = inputs_open(&s);
    for (int i = 0; i < 4; i++) {
        fake_inputs_motion(c, 1, 1, 0);
    }
    fake_client_check_quiet(s.client);
    script_expect(&s, FAKE_RULE_MOTION_ACK, "0 acks for 4 motions");
    motion_ack(&s, c);
    fake_client_check_quiet(s.client);
    motion_ack(&s, c);
    script_expect(&s, FAKE_RULE_MOTION_ACK, "ack 2 after 4 motions");
    script_end(&s);
}

static void test_motion_window(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = inputs_open(&s);
    for (int i = 0; i < 20; i++) {
        fake_inputs_motion(c, 1, -2, 1);
    }
    assert_int_equal(fake_connection_inputs(c)->motions, 8);
    script_drop_output(c);
    motion_ack(&s, c);
    const WireMsgc m = script_await(&s, c, WIRE_MSGC_INPUTS_MOUSE_MOTION);
    assert_int_equal(m.u.inputs_mouse_motion.dx, 12);
    assert_int_equal(m.u.inputs_mouse_motion.dy, -24);
    for (uint32_t i = 0; i < 20; i++) {
        fake_inputs_position(c, i, 2 * i, 0, 0);
    }
    script_drop_output(c);
    motion_ack(&s, c);
    const WireMsgc p = script_await(&s, c, WIRE_MSGC_INPUTS_MOUSE_POSITION);
    assert_int_equal(p.u.inputs_mouse_position.x, 19);
    assert_int_equal(p.u.inputs_mouse_position.y, 38);
    const FakeBehaviour flood = {.cheap_ticket = true, .motion_flood = true};
    fake_client_behave(s.client, &flood);
    FakeConnection *other = script_open(&s, WIRE_CHANNEL_INPUTS, 0);
    for (int i = 0; i < 20; i++) {
        fake_inputs_motion(other, 1, 1, 0);
    }
    assert_int_equal(fake_connection_inputs(other)->motions, 20);
    script_end(&s);
}

static void test_keys_and_buttons(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = inputs_open(&s);
    fake_inputs_key(c, true, 0x1de0);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_INPUTS_KEY_DOWN).u.inputs_key_down.code, 0x1de0);
    fake_inputs_key(c, false, 0x9de0);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_INPUTS_KEY_UP).u.inputs_key_up.code, 0x9de0);
    fake_inputs_scancode(c, span_of("\x1e\x9e", 2));
    assert_memory_equal(script_await(&s, c, WIRE_MSGC_INPUTS_KEY_SCANCODE).u.inputs_key_scancode.data.data,
                        "\x1e\x9e", 2);
    fake_inputs_modifiers(c, 3);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_INPUTS_KEY_MODIFIERS).u.inputs_key_modifiers.modifiers, 3);
    fake_inputs_button(c, true, WIRE_MOUSE_BUTTON_LEFT, 1);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_INPUTS_MOUSE_PRESS).u.inputs_mouse_press.button,
                     WIRE_MOUSE_BUTTON_LEFT);
    fake_inputs_button(c, false, WIRE_MOUSE_BUTTON_LEFT, 0);
    assert_int_equal(script_await(&s, c, WIRE_MSGC_INPUTS_MOUSE_RELEASE).u.inputs_mouse_release.buttons_state,
                     0);
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pong),
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_unknown_type),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_disconnecting),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_sub_list),
        cmocka_unit_test(test_sub_list_of_stock_server),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_set_ack_first),
        cmocka_unit_test(test_acks),
        cmocka_unit_test(test_never_ack),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_main_order),
        cmocka_unit_test(test_channels_list),
        cmocka_unit_test(test_list_in_time),
        cmocka_unit_test(test_mouse_mode),
        cmocka_unit_test(test_name_and_uuid),
        cmocka_unit_test(test_large_ping),
        cmocka_unit_test(test_agent),
        cmocka_unit_test(test_init_with_agent),
        cmocka_unit_test(test_inputs_order),
        cmocka_unit_test(test_motion_acks),
        cmocka_unit_test(test_motion_window),
        cmocka_unit_test(test_keys_and_buttons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
