/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/websocket.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/upgrade.h"
#include "tests/net/websocket_rig.h"

/* What the answers hold as data, with control frames left out; the frames must be whole. */
static size_t unframe(const uint8_t *bytes, size_t len, uint8_t *ret)
{
    size_t data = 0;

    for (size_t at = 0; at < len;) {
        size_t n = bytes[at + 1], skip = 2;
        if (n == 126) {
            n = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
            skip = 4;
        }
        assert_true(n <= WEBSOCKET_FRAME_BYTES_MAX && at + skip + n <= len);
        if (bytes[at] == 0x82) {
            memcpy(ret + data, bytes + at + skip, n);
            data += n;
        } else {
            assert_true(bytes[at] == 0x8a || bytes[at] == 0x88);
        }
        at += skip + n;
    }
    return data;
}

static void what_is_no_request_passes_untouched(void **state)
{
    static const char *const texts[] = {"REDQ and more", "GEX", "G\r\n", "\x16\x03\x01", "GET"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int drip = 0; drip < 2; drip++) {
            Rig *rig = rig_new();
            if (drip) {
                rig_drip(rig, texts[i], strlen(texts[i]));
            } else {
                rig_send(rig, texts[i], strlen(texts[i]));
            }
            shutdown(rig->peer, SHUT_WR); /* which decides about "GET" */
            rig_run(rig);
            assert_int_equal(rig->received_len, strlen(texts[i]));
            assert_memory_equal(rig->received, texts[i], rig->received_len);
            assert_int_equal(rig->end, 0);
            assert_int_equal(rig->answered_len, 0);
            rig_finish(rig);
        }
    }
}

static void a_request_is_answered_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= strlen(REQUEST); cut++) {
        Rig *rig = rig_new();
        uint8_t data[32];
        rig_send(rig, REQUEST, cut);
        rig_run(rig);
        /* The rest brings the first data along. */
        rig_send(rig, &REQUEST[cut], strlen(REQUEST) - cut);
        rig_send(rig, data, rig_frame(data, 0x82, "REDQ", 4));
        rig_run(rig);
        rig->answered[rig->answered_len] = '\0';
        assert_string_equal((char *)rig->answered,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\n" ACCEPT_LINE "Sec-WebSocket-Protocol: binary\r\n\r\n");
        assert_int_equal(rig->received_len, 4);
        assert_memory_equal(rig->received, "REDQ", 4);
        rig_finish(rig);
    }
}

static void requests_are_judged(void **state)
{
    static const struct {
        const char *text, *problem; /* NULL: good */
    } cases[] = {
        {"GET /any/path?x HTTP/1.1\r\n" KEY_LINE OTHER_LINES "\r\n", NULL},
        {"GET / HTTP/1.1\r\nsec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==  \r\n" OTHER_LINES "\r\n", NULL},
        {"GET / HTTP/1.1\r\n" KEY_LINE OTHER_LINES "Sec-WebSocket-Protocol: a\r\n"
         "Sec-WebSocket-Protocol: b ,binary\r\n\r\n",
         NULL},
        {"GET / HTTP/1.1\r\n" KEY_LINE OTHER_LINES "Sec-WebSocket-Protocol: base64\r\n\r\n", "subprotocol"},
        {"GET / HTTP/1.0\r\n" KEY_LINE OTHER_LINES "\r\n", "no GET of HTTP/1.1"},
        {"GET /\r\n" KEY_LINE OTHER_LINES "\r\n", "no GET of HTTP/1.1"},
        {"GET / HTTP/1.1\r\n" OTHER_LINES "\r\n", "without a key"},
        {"GET / HTTP/1.1\r\n" KEY_LINE KEY_LINE OTHER_LINES "\r\n", "two"},
        {"GET / HTTP/1.1\r\nSec-WebSocket-Key: short\r\n" OTHER_LINES "\r\n", "false key"},
        {"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n" OTHER_LINES "\r\n", "false key"},
        {"GET / HTTP/1.1\r\n\r\n", "for no WebSocket"},
        {"GET / HTTP/1.1\r\n" KEY_LINE "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", "version"},
        {"GET / HTTP/1.1\r\n" KEY_LINE "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", "for no WebSocket"},
        {"GET \r\n\r\n", "no GET"},
        {"GET \r\n::\r\n:\r\n\r\n", "no GET"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t used = 0;
        UpgradeRequest request;
        const Span text = span_of(cases[i].text, strlen(cases[i].text));
        const UpgradeVerdict verdict = upgrade_parse(text, &used, &request);
        assert_int_equal(used, text.len);
        if (cases[i].problem == NULL) {
            assert_int_equal(verdict, UPGRADE_GOOD);
        } else {
            assert_int_equal(verdict, UPGRADE_BAD);
            assert_non_null(strstr(request.problem, cases[i].problem));
        }
        for (size_t len = 0; len < text.len; len++) {
            assert_int_equal(upgrade_parse(span_of(text.data, len), &used, &request), UPGRADE_MORE);
        }
    }
}

static void a_request_has_an_end(void **state)
{
    Rig *rig = rig_new();

    (void)state;
    rig_send(rig, "GET / HTTP/1.1\r\nCookie: ", 24);
    for (size_t sent = 24; sent < WEBSOCKET_INPUT_BYTES; sent += 8) {
        assert_int_equal(rig->end, 1);
        rig_send(rig, "crumbs, ", 8);
        rig_run(rig);
    }
    assert_int_equal(rig->end, -EPROTO);
    assert_string_equal(stream_error_text(rig->stream), "a WebSocket request is too long");
    assert_memory_equal(rig->answered, "HTTP/1.1 400 ", 13);
    rig_finish(rig);
}

/* Frames of all lengths and fragments, with pings in between, cut at every byte or dripped. */
static void data_comes_through_however_it_is_cut(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 300, 0, 65535, 65536, 5};
    static uint8_t data[65536], bytes[RIG_BYTES];
    uint8_t *expected = malloc(RIG_BYTES);
    size_t len = 0, expected_len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        /* Pairs: the start of a message, and its end. */
        len += rig_frame(bytes + len, i % 2 == 0 ? 0x02 : 0x80, data, lengths[i]);
        memcpy(expected + expected_len, data, lengths[i]);
        expected_len += lengths[i];
        len += rig_frame(bytes + len, 0x89, "ping", 4);
        len += rig_frame(bytes + len, 0x8a, "nobody asked", 12);
    }
    for (size_t piece = 1; piece < 3000; piece = piece * 3 + 1) {
        Rig *rig = rig_open();
        rig->test->io_bytes_max = piece % 2 == 1 ? piece : 0;
        for (size_t at = 0; at < len; at += piece) {
            rig_send(rig, bytes + at, piece < len - at ? piece : len - at);
            rig_run(rig);
        }
        assert_int_equal(rig->received_len, expected_len);
        assert_memory_equal(rig->received, expected, expected_len);
        assert_int_equal(rig->end, 1);
        assert_true(rig->answered_len >= 6);
        assert_int_equal(rig->answered_len % 6, 0);
        for (size_t at = 0; at < rig->answered_len; at += 6) {
            assert_memory_equal(rig->answered + at, "\x8a\x04ping", 6);
        }
        rig_finish(rig);
    }
    free(expected);
}

/* However little the socket takes at a time, frames stay whole, and pongs go between them (R189). */
static void what_we_send_is_framed_however_it_is_cut(void **state)
{
    static uint8_t data[50000], ping[64];
    uint8_t *got = malloc(RIG_BYTES);
    const size_t ping_len = rig_frame(ping, 0x89, "are you there", 13);

    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 13 + i / 256);
    }
    for (size_t piece = 1; piece < 40000; piece = piece * 5 / 2 + 1) {
        Rig *rig = rig_open();
        rig->test->io_bytes_max = piece;
        rig->test->every_other_io_fails = true;
        rig->to_send = data;
        rig->to_send_len = piece < 10 ? 600 : sizeof data;
        const size_t len = rig->to_send_len;
        rig_send(rig, ping, ping_len);
        stream_want(rig->stream, CORE_READ | CORE_WRITE);
        rig_run(rig);
        rig_send(rig, ping, ping_len);
        rig_run(rig);
        assert_int_equal(rig->to_send_len, 0);
        assert_int_equal(stream_unsent(rig->stream), 0);
        assert_int_equal(unframe(rig->answered, rig->answered_len, got), len);
        assert_memory_equal(got, data, len);
        assert_memory_equal(rig->answered + rig->answered_len - 15,
                            "\x8a\x0d"
                            "are you there",
                            15);
        rig_finish(rig);
    }
    free(got);
}

static void hostile_frames_end_it_with_a_reason(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        uint8_t code; /* above 1000 */
        const char *why;
    } cases[] = {
        {"\xc2\x80....", 6, 2, "reserved bits"},
        {"\x92\x80....", 6, 2, "reserved bits"},
        {"\x83\x80....", 6, 2, "unknown kind"},
        {"\x8b\x80....", 6, 2, "unknown kind"},
        {"\x8f\x80....", 6, 2, "unknown kind"},
        {"\x82\x04REDQ", 6, 2, "without a mask"},
        {"\x89\x00", 2, 2, "without a mask"},
        {"\x81\x80....", 6, 3, "text"},
        {"\x80\x80....", 6, 2, "out of order"},
        {"\x02\x80....\x82\x80....", 12, 2, "out of order"},
        {"\x09\x80....", 6, 2, "long or fragmented"},
        {"\x89\xfe\x00\x80....", 8, 2, "long or fragmented"},
        {"\x82\xfe\x00\x7d....", 8, 2, "length"},
        {"\x82\xff\0\0\0\0\0\0\xff\xff....", 14, 2, "length"},
        {"\x82\xff\x80\0\0\0\0\0\0\0....", 14, 2, "length"},
        {"\x88\x81\0\0\0\0\x03", 7, 2, "false code"},
        {"\x88\x82\0\0\0\0\x03\xed", 8, 2, "false code"},
        {"\x88\x82\0\0\0\0\0\0", 8, 2, "false code"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Rig *rig = rig_open();
        uint8_t good[16];
        rig_send(rig, good, rig_frame(good, 0x82, "good", 4));
        rig_send(rig, cases[i].bytes, cases[i].len);
        rig_run(rig);
        assert_int_equal(rig->received_len, 4); /* what came before counts */
        assert_int_equal(rig->end, -EPROTO);
        assert_non_null(strstr(stream_error_text(rig->stream), cases[i].why));
        assert_int_equal(rig->answered_len, 4);
        assert_memory_equal(rig->answered, ((uint8_t[]){0x88, 2, 0x03, (uint8_t)(0xe8 + cases[i].code)}), 4);
        rig_finish(rig);
    }
}

static void a_close_is_answered_and_ends_it(void **state)
{
    static const char data[] = "in the middle of this";
    Rig *rig = rig_open();
    uint8_t bytes[64];
    size_t len = rig_frame(bytes, 0x02, data, 7);

    (void)state;
    len += rig_frame(bytes + len, 0x88, "\x03\xe9 bye", 6); /* inside a fragmented message */
    len += rig_frame(bytes + len, 0x82, "after", 5);
    rig_send(rig, bytes, len);
    rig_run(rig);
    assert_int_equal(rig->received_len, 7);
    assert_int_equal(rig->end, 0);
    assert_int_equal(rig->answered_len, 4);
    assert_memory_equal(rig->answered, "\x88\x02\x03\xe9", 4);
    assert_int_equal(stream_writev(rig->stream, &(struct iovec){(void *)data, 5}, 1), -EPIPE);
    rig_finish(rig);

    /* Ours goes out when the stream is freed; an end without a Close is an end. */
    rig = rig_open();
    shutdown(rig->peer, SHUT_WR);
    rig_run(rig);
    assert_int_equal(rig->end, 0);
    rig_finish(rig);

    rig = rig_open();
    stream_free(rig->stream);
    rig->stream = NULL;
    rig_run(rig);
    assert_int_equal(rig->answered_len, 4);
    assert_memory_equal(rig->answered, "\x88\x02\x03\xe8", 4);
    assert_true(rig->is_closed);
    rig_finish(rig);
}

static void a_flood_of_pings_costs_nothing(void **state)
{
    Rig *rig = rig_open();
    uint8_t ping[140], pings[140 * 50];
    char payload[125];
    size_t len = 0;

    (void)state;
    memset(payload, 'x', sizeof payload);
    const size_t ping_len = rig_frame(ping, 0x89, payload, sizeof payload);
    for (int i = 0; i < 50; i++) {
        memcpy(pings + len, ping, ping_len);
        len += ping_len;
    }
    for (int i = 0; i < 20; i++) {
        rig_send(rig, pings, len);
        test_core_run(rig->test); /* the peer reads no answer */
    }
    rig_run(rig);
    assert_int_equal(rig->end, 1);
    assert_true(rig->answered_len >= 127);
    assert_int_equal(rig->answered_len % 127, 0);
    uint8_t data[32];
    rig_send(rig, data, rig_frame(data, 0x82, "still here", 10));
    rig_run(rig);
    assert_int_equal(rig->received_len, 10);
    rig_finish(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_request_passes_untouched),
        cmocka_unit_test(a_request_is_answered_however_it_is_cut),
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(a_request_has_an_end),
        cmocka_unit_test(data_comes_through_however_it_is_cut),
        cmocka_unit_test(what_we_send_is_framed_however_it_is_cut),
        cmocka_unit_test(hostile_frames_end_it_with_a_reason),
        cmocka_unit_test(a_close_is_answered_and_ends_it),
        cmocka_unit_test(a_flood_of_pings_costs_nothing),
    };

    return cmocka_run_group_tests_name("websocket", tests, NULL, NULL);
}
