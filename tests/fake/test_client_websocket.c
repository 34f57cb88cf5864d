/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Around it all: the request, frames cut and masked in any way, and what the server may not do. */
#include "script.h"

#include <string.h>

#define ANSWER                                                                                               \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
#define CAP 8192u

/* What a server makes of the client's bytes: data, and how many frames of each kind. */
typedef struct Heard {
    uint8_t data[CAP];
    size_t len;
    unsigned frames, pings, fragments;
    uint32_t last_ping;
} Heard;

static FakeConnection *dial(Script *s, uint32_t websocket)
{
    FakeClientConfig config = script_config();
    config.websocket = websocket;
    script_begin(s, &config);
    return fake_client_connect(s->client, WIRE_CHANNEL_MAIN, 0, s->now_ns);
}

static void accept_it(Script *s, FakeConnection *c)
{
    const Span request = fake_connection_output(c);
    assert_memory_equal(request.data, "GET / HTTP/1.1\r\n", 16);
    assert_memory_equal(request.data + request.len - 4, "\r\n\r\n", 4); /* and no frame before the answer */
    script_drop_output(c);
    script_bytes(s, c, ANSWER, sizeof ANSWER - 1);
}

static void hear(FakeConnection *c, Heard *ret)
{
    const Span out = fake_connection_output(c);
    bool in_message = false;

    *ret = (Heard){.len = 0};
    for (size_t at = 0; at < out.len;) {
        const uint8_t *p = out.data + at;
        const uint8_t opcode = p[0] & 0x0f;
        assert_int_equal(p[0] & 0x70, 0);
        assert_int_equal(p[1] & 0x80, 0x80);
        size_t header = 2, len = p[1] & 0x7f;
        if (len == 126) {
            len = (size_t)p[2] << 8 | p[3];
            header = 4;
            assert_true(len > 125);
        }
        const uint8_t *mask = p + header;
        const uint8_t *data = mask + 4;
        uint8_t ping[4] = {0};
        assert_true(at + header + 4 + len <= out.len && ret->len + len <= CAP);
        for (size_t i = 0; i < len; i++) {
            if (opcode == 9) {
                assert_int_equal(len, sizeof ping);
                ping[i] = data[i] ^ mask[i % 4];
            } else {
                ret->data[ret->len++] = data[i] ^ mask[i % 4];
            }
        }
        ret->frames++;
        if (opcode == 9) {
            ret->pings++;
            ret->last_ping = le32_get(ping);
        } else {
            assert_int_equal(opcode, in_message ? 0 : 2);
            in_message = (p[0] & 0x80) == 0;
            ret->fragments += in_message;
        }
        at += header + 4 + len;
    }
}

static void test_frames_carry_the_link(void **state)
{
    (void)state;
    unsigned frames = 0, pings = 0, fragments = 0;
    uint8_t plain[CAP], more[700];
    Script p;

    for (size_t i = 0; i < sizeof more; i++) {
        more[i] = (uint8_t)i;
    }
    FakeConnection *c = dial(&p, 0);
    fake_connection_send_raw(c, span_of(more, sizeof more));
    const size_t plain_len = fake_connection_output(c).len;
    memcpy(plain, fake_connection_output(c).data, plain_len);
    script_end(&p);
    for (uint32_t cut = 1; cut <= 50; cut++) {
        Script s;
        Heard heard;
        c = dial(&s, cut);
        accept_it(&s, c);
        fake_connection_send_raw(c, span_of(more, sizeof more));
        hear(c, &heard);
        assert_int_equal(heard.len, plain_len);
        assert_memory_equal(heard.data, plain, plain_len);
        frames += heard.frames;
        pings += heard.pings;
        fragments += heard.fragments;
        script_end(&s);
    }
    assert_true(frames > 100 && pings > 10 && fragments > 10);
}

/* Its bytes may come in any pieces. */
static void test_frames_of_the_server(void **state)
{
    (void)state;
    uint8_t reply[512], bytes[1024];
    const size_t len = script_reply(reply, sizeof reply, WIRE_LINK_ERR_OK, 0xb);
    assert_true(len > 125 && len < sizeof reply);

    for (size_t step = 1; step < 300; step += 7) {
        Script s;
        FakeConnection *c = dial(&s, 3);
        accept_it(&s, c);
        memcpy(bytes, (uint8_t[]){0x82, 3}, 2);
        memcpy(bytes + 2, reply, 3);
        memcpy(bytes + 5, (uint8_t[]){0x82, 126, (uint8_t)((len - 3) >> 8), (uint8_t)(len - 3)}, 4);
        memcpy(bytes + 9, reply + 3, len - 3);
        for (size_t at = 0; at < len + 6; at += step) {
            script_bytes(&s, c, bytes + at, len + 6 - at < step ? len + 6 - at : step);
        }
        assert_int_equal(fake_connection_state(c), FAKE_STATE_RESULT);
        script_end(&s);
    }
}

static void test_pongs_are_for_pings(void **state)
{
    (void)state;
    Script s;
    Heard heard = {.pings = 0};
    FakeConnection *c = NULL;

    for (uint32_t cut = 1; heard.pings == 0; cut++) {
        if (c != NULL) {
            script_end(&s);
        }
        c = dial(&s, cut);
        accept_it(&s, c);
        hear(c, &heard);
    }
    uint8_t pong[6] = {0x8a, 4};
    le32_put(pong + 2, heard.last_ping);
    script_bytes(&s, c, pong, sizeof pong);
    script_bytes(&s, c, pong, sizeof pong);
    script_expect(&s, FAKE_RULE_WEBSOCKET, "control frame 10");
    le32_put(pong + 2, heard.last_ping + 1);
    script_bytes(&s, c, pong, sizeof pong);
    script_expect(&s, FAKE_RULE_WEBSOCKET, "control frame 10");
    script_end(&s);
}

static void test_wrong_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        {"\x81\x01x", 3},                 /* text */
        {"\x02\x01x", 3},                 /* a fragment */
        {"\x82\x81mask", 6},              /* masked */
        {"\xc2\x01x", 3},                 /* a reserved bit */
        {"\x82\x7f", 2},                  /* more than it may send at once */
        {"\x82\x7e\xff\xff", 4},          /* the same */
        {"\x82\x7e\x00\x05", 4},          /* a length that is written too long */
        {"\x82\x00", 2},                  /* nothing */
        {"\x88\x02\x03\xe8\x82\x01x", 7}, /* after Close */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Script s;
        FakeConnection *c = dial(&s, 1);
        accept_it(&s, c);
        script_bytes(&s, c, wrong[i].bytes, wrong[i].len);
        script_expect(&s, FAKE_RULE_WEBSOCKET, "a frame");
        assert_int_equal(fake_connection_state(c), FAKE_STATE_FAILED);
        script_end(&s);
    }
}

static void test_wrong_answers(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Script s;
        FakeConnection *c = dial(&s, 1);
        script_drop_output(c);
        script_bytes(&s, c, wrong[i], strlen(wrong[i]));
        script_expect(&s, FAKE_RULE_WEBSOCKET, "not accepted");
        assert_int_equal(fake_connection_state(c), FAKE_STATE_FAILED);
        script_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_carry_the_link), cmocka_unit_test(test_frames_of_the_server),
        cmocka_unit_test(test_pongs_are_for_pings),   cmocka_unit_test(test_wrong_frames),
        cmocka_unit_test(test_wrong_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
