/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_websocket_cases.c: what RFC 6455 wants of a server that is sent this, frame by frame. Rows carry the numbers of
 * the cases of Autobahn's suite that ask the same, so that docs/websocket.md can say which of them are judged here; what is
 * sent and what is expected are our own, as a stream without messages and without text is not what that suite expects.
 *
 * Each row is sent in one piece, in pieces, byte by byte, and (short ones) in two parts, cut at every byte.
 */
#include "net/websocket.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/net/websocket_rig.h"

#define FRAMES_MAX 14
/* First bytes of frames: FIN and an opcode. */
#define TEXT 0x81
#define BIN 0x82
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8a
/* The same without FIN; CONT has it, MORE has not. */
#define TEXT_BEGINS 0x01
#define BIN_BEGINS 0x02
#define CONT 0x80
#define MORE 0x00
#define RSV1 0x40
#define RSV2 0x20
#define RSV3 0x10
/* Fields of a Frame: `n` bytes of a pattern, or these bytes. */
#define FILLED(n) (n), NULL
#define SAYING(text) sizeof(text) - 1, (text)

typedef struct Frame {
    uint8_t first;
    size_t len;
    const char *data; /* NULL: a pattern; with `len` 0 and `first` 0 too: there is no such frame */
} Frame;

typedef struct Row {
    const char *cases;
    uint16_t code; /* of our Close; 0: nothing ends it, and the test closes with 1000 */
    int good;      /* so many frames count, those after them must have no effect */
    Frame frames[FRAMES_MAX];
} Row;

static const Row rows[] = {
    /* Text is not spoken here, however long, and valid or not. */
    {"1.1.1", 1003, 0, {{TEXT, SAYING("")}}},
    {"1.1.2", 1003, 0, {{TEXT, FILLED(125)}}},
    {"1.1.3", 1003, 0, {{TEXT, FILLED(126)}}},
    {"1.1.4", 1003, 0, {{TEXT, FILLED(127)}}},
    {"1.1.5", 1003, 0, {{TEXT, FILLED(128)}}},
    {"1.1.6", 1003, 0, {{TEXT, FILLED(65535)}}},
    {"1.1.7 1.1.8", 1003, 0, {{TEXT, FILLED(65536)}}},
    /* Data, of lengths where its writing changes. */
    {"1.2.1", 0, 1, {{BIN, SAYING("")}}},
    {"1.2.2", 0, 1, {{BIN, FILLED(125)}}},
    {"1.2.3", 0, 1, {{BIN, FILLED(126)}}},
    {"1.2.4", 0, 1, {{BIN, FILLED(127)}}},
    {"1.2.5", 0, 1, {{BIN, FILLED(128)}}},
    {"1.2.6", 0, 1, {{BIN, FILLED(65535)}}},
    {"1.2.7 1.2.8", 0, 1, {{BIN, FILLED(65536)}}},

    {"2.1", 0, 1, {{PING, SAYING("")}}},
    {"2.2", 0, 1, {{PING, SAYING("knock knock")}}},
    {"2.3", 0, 1, {{PING, SAYING("\x00\xff\xfe\xfd\xfc\x80\x00")}}},
    {"2.4 2.6", 0, 1, {{PING, FILLED(125)}}},
    {"2.5", 1002, 0, {{PING, FILLED(126)}}},
    {"2.7", 0, 1, {{PONG, SAYING("")}}},
    {"2.8", 0, 1, {{PONG, SAYING("nobody asked")}}},
    {"2.9", 0, 2, {{PONG, SAYING("nobody asked")}, {PING, SAYING("but now")}}},
    {"2.10 2.11",
     0,
     10,
     {{PING, SAYING("p0")},
      {PING, SAYING("p1")},
      {PING, SAYING("p2")},
      {PING, SAYING("p3")},
      {PING, SAYING("p4")},
      {PING, SAYING("p5")},
      {PING, SAYING("p6")},
      {PING, SAYING("p7")},
      {PING, SAYING("p8")},
      {PING, SAYING("p9")}}},

    {"3.1", 1002, 0, {{RSV3 | BIN, FILLED(16)}}},
    {"3.2", 1002, 1, {{BIN, FILLED(16)}, {RSV2 | BIN, FILLED(16)}, {PING, SAYING("late")}}},
    {"3.3", 1002, 1, {{BIN, FILLED(16)}, {RSV2 | RSV3 | BIN, FILLED(16)}, {PING, SAYING("late")}}},
    {"3.4", 1002, 1, {{BIN, FILLED(16)}, {RSV1 | BIN, FILLED(16)}, {PING, SAYING("late")}}},
    {"3.5", 1002, 0, {{RSV1 | RSV3 | BIN, FILLED(8)}}},
    {"3.6", 1002, 0, {{RSV1 | RSV2 | PING, FILLED(8)}}},
    {"3.7", 1002, 0, {{RSV1 | RSV2 | RSV3 | CLOSE, SAYING("\x03\xe8")}}},

    {"4.1.1", 1002, 0, {{0x83, SAYING("")}}},
    {"4.1.2", 1002, 0, {{0x84, SAYING("what is this")}}},
    {"4.1.3", 1002, 1, {{BIN, FILLED(9)}, {0x85, SAYING("")}, {PING, SAYING("")}}},
    {"4.1.4", 1002, 1, {{BIN, FILLED(9)}, {0x86, SAYING("what is this")}, {PING, SAYING("")}}},
    {"4.1.5", 1002, 1, {{BIN, FILLED(9)}, {0x87, SAYING("what is this")}, {PING, SAYING("")}}},
    {"4.2.1", 1002, 0, {{0x8b, SAYING("")}}},
    {"4.2.2", 1002, 0, {{0x8c, SAYING("what is this")}}},
    {"4.2.3", 1002, 1, {{BIN, FILLED(9)}, {0x8d, SAYING("")}, {PING, SAYING("")}}},
    {"4.2.4", 1002, 1, {{BIN, FILLED(9)}, {0x8e, SAYING("what is this")}, {PING, SAYING("")}}},
    {"4.2.5", 1002, 1, {{BIN, FILLED(9)}, {0x8f, SAYING("what is this")}, {PING, SAYING("")}}},

    {"5.1", 1002, 0, {{PING & 0x7f, SAYING("half")}, {CONT, SAYING("a ping")}}},
    {"5.2", 1002, 0, {{PONG & 0x7f, SAYING("half")}, {CONT, SAYING("a pong")}}},
    {"5.3 5.4 5.5", 0, 2, {{BIN_BEGINS, FILLED(11)}, {CONT, FILLED(12)}}},
    {"5.3 5.4 5.5 (text)", 1003, 0, {{TEXT_BEGINS, FILLED(11)}, {CONT, FILLED(12)}}},
    {"5.6 5.7 5.8", 0, 3, {{BIN_BEGINS, FILLED(11)}, {PING, SAYING("in between")}, {CONT, FILLED(12)}}},
    {"5.9 5.10 5.11", 1002, 0, {{CONT, FILLED(5)}, {BIN, FILLED(6)}}},
    {"5.12 5.13 5.14", 1002, 0, {{MORE, FILLED(5)}, {BIN, FILLED(6)}}},
    {"5.15", 1002, 2, {{BIN_BEGINS, FILLED(5)}, {CONT, FILLED(6)}, {MORE, FILLED(7)}, {BIN, FILLED(8)}}},
    {"5.16", 1002, 0, {{MORE, FILLED(5)}, {BIN, FILLED(6)}, {CONT, FILLED(7)}, {MORE, FILLED(8)}}},
    {"5.17", 1002, 0, {{CONT, FILLED(5)}, {BIN, FILLED(6)}, {CONT, FILLED(7)}}},
    {"5.18", 1002, 1, {{BIN_BEGINS, FILLED(5)}, {BIN, FILLED(6)}}},
    {"5.18 (text)", 1002, 1, {{BIN_BEGINS, FILLED(5)}, {TEXT, FILLED(6)}}},
    {"5.19 5.20",
     0,
     7,
     {{BIN_BEGINS, FILLED(5)},
      {MORE, FILLED(6)},
      {PING, SAYING("the first")},
      {MORE, FILLED(7)},
      {MORE, SAYING("")},
      {PING, SAYING("the second")},
      {CONT, FILLED(9)}}},

    {"6.1.1", 1003, 0, {{TEXT, SAYING("")}}},
    {"6.1.2 6.1.3", 1003, 0, {{TEXT_BEGINS, SAYING("")}, {MORE, SAYING("mid")}, {CONT, SAYING("")}}},
    {"6.2.1 6.5.* 6.7.* 6.9.* 6.11.* 6.22.* 6.23.*", 1003, 0, {{TEXT, SAYING("gr\xc3\xbc\xc3\x9f")}}},
    {"6.2.2", 1003, 0, {{TEXT_BEGINS, SAYING("gr\xc3\xbc")}, {CONT, SAYING("\xc3\x9f")}}},
    {"6.2.3 6.2.4",
     1003,
     0,
     {{TEXT_BEGINS, SAYING("\xc3")}, {MORE, SAYING("\xbc\xc3")}, {CONT, SAYING("\x9f")}}},
    {"6.3.* 6.6.* 6.8.* 6.10.* 6.12.* 6.13.* 6.14.* 6.15.* 6.16.* 6.17.* 6.18.* 6.19.* 6.20.* 6.21.*",
     1003,
     0,
     {{TEXT, SAYING("broken \xed\xa0\x80 \xc3\x28 \xf8")}}},
    {"6.4.*",
     1003,
     0,
     {{TEXT_BEGINS, SAYING("fine")}, {MORE, SAYING("\xf4\x90")}, {CONT, SAYING("\x80\x80")}}},

    {"7.1.1", 1000, 2, {{BIN, FILLED(20)}, {CLOSE, SAYING("\x03\xe8")}}},
    {"7.1.2", 1000, 1, {{CLOSE, SAYING("\x03\xe8")}, {CLOSE, SAYING("\x03\xe9")}}},
    {"7.1.3", 1000, 1, {{CLOSE, SAYING("\x03\xe8")}, {PING, SAYING("late")}}},
    {"7.1.4", 1000, 1, {{CLOSE, SAYING("\x03\xe8")}, {BIN, FILLED(20)}}},
    {"7.1.5", 1000, 2, {{BIN_BEGINS, FILLED(20)}, {CLOSE, SAYING("\x03\xe8")}, {CONT, FILLED(20)}}},
    {"7.1.6",
     1000,
     3,
     {{BIN, FILLED(60000)}, {BIN, FILLED(60)}, {CLOSE, SAYING("\x03\xe8")}, {PING, SAYING("late")}}},
    {"7.3.1", 1000, 1, {{CLOSE, SAYING("")}}},
    {"7.3.2", 1002, 0, {{CLOSE, SAYING("\x03")}}},
    {"7.3.3", 1000, 1, {{CLOSE, SAYING("\x03\xe8")}}},
    {"7.3.4", 1000, 1, {{CLOSE, SAYING("\x03\xe8so long")}}},
    {"7.3.5",
     1000,
     1,
     {{CLOSE, SAYING("\x03\xe8"
                     "A reason has room for one hundred and twenty-three bytes, "
                     "which is as long as the text that stands here, to the last one.")}}},
    {"7.3.6", 1002, 0, {{CLOSE, FILLED(126)}}},
    {"7.5.1", 1007, 0, {{CLOSE, SAYING("\x03\xe8no text: \xed\xa0\x80")}}},
    {"7.5.1 (cut short)", 1007, 0, {{CLOSE, SAYING("\x03\xe8gr\xc3")}}},
    {"7.5.1 (a zero is text)", 1000, 1, {{CLOSE, SAYING("\x03\xe8zero \0 zero")}}},
    {"7.7.1", 1000, 1, {{CLOSE, SAYING("\x03\xe8")}}},
    {"7.7.2", 1001, 1, {{CLOSE, SAYING("\x03\xe9")}}},
    {"7.7.3", 1002, 1, {{CLOSE, SAYING("\x03\xea")}}},
    {"7.7.4", 1003, 1, {{CLOSE, SAYING("\x03\xeb")}}},
    {"7.7.5", 1007, 1, {{CLOSE, SAYING("\x03\xef")}}},
    {"7.7.6", 1008, 1, {{CLOSE, SAYING("\x03\xf0")}}},
    {"7.7.7", 1009, 1, {{CLOSE, SAYING("\x03\xf1")}}},
    {"7.7.8", 1010, 1, {{CLOSE, SAYING("\x03\xf2")}}},
    {"7.7.9", 1011, 1, {{CLOSE, SAYING("\x03\xf3")}}},
    {"7.7 (registered later)", 1012, 1, {{CLOSE, SAYING("\x03\xf4")}}},
    {"7.7 (registered later)", 1014, 1, {{CLOSE, SAYING("\x03\xf6")}}},
    {"7.7.10", 3000, 1, {{CLOSE, SAYING("\x0b\xb8")}}},
    {"7.7.11", 3999, 1, {{CLOSE, SAYING("\x0f\x9f")}}},
    {"7.7.12", 4000, 1, {{CLOSE, SAYING("\x0f\xa0")}}},
    {"7.7.13", 4999, 1, {{CLOSE, SAYING("\x13\x87")}}},
    {"7.9.1", 1002, 0, {{CLOSE, SAYING("\x00\x00")}}},
    {"7.9.2", 1002, 0, {{CLOSE, SAYING("\x03\xe7")}}},
    {"7.9.3", 1002, 0, {{CLOSE, SAYING("\x03\xec")}}},
    {"7.9.4", 1002, 0, {{CLOSE, SAYING("\x03\xed")}}},
    {"7.9.5", 1002, 0, {{CLOSE, SAYING("\x03\xee")}}},
    {"7.9 (1015)", 1002, 0, {{CLOSE, SAYING("\x03\xf7")}}},
    {"7.9.6", 1002, 0, {{CLOSE, SAYING("\x03\xf8")}}},
    {"7.9.7", 1002, 0, {{CLOSE, SAYING("\x04\x4c")}}},
    {"7.9.8", 1002, 0, {{CLOSE, SAYING("\x07\xd0")}}},
    {"7.9.9", 1002, 0, {{CLOSE, SAYING("\x0b\xb7")}}},
    {"7.13.1", 1002, 0, {{CLOSE, SAYING("\x13\x88")}}},
    {"7.13.2", 1002, 0, {{CLOSE, SAYING("\xff\xff")}}},

    /* No extension was agreed on, so a compressed message is one with a reserved bit. */
    {"12.* 13.*", 1002, 0, {{RSV1 | BIN, SAYING("\xca\x48\xcd\xc9\xc9\x07\x00")}}},
};

typedef struct Message {
    uint8_t bytes[RIG_BYTES];
    size_t len;
    uint8_t data[RIG_BYTES]; /* what the stream's reader is to be given */
    size_t data_len;
    Frame pings[FRAMES_MAX];
    int pings_len;
} Message;

static bool is_control(uint8_t first)
{
    return (first & 0x08) != 0;
}

static bool frame_exists(const Frame *frame)
{
    return frame->first != 0 || frame->len > 0 || frame->data != NULL;
}

static void message_make(Message *message, const Row *row)
{
    static uint8_t pattern[65536];

    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 11 + i / 253);
    }
    message->len = message->data_len = 0;
    message->pings_len = 0;
    for (int i = 0; i < FRAMES_MAX && frame_exists(&row->frames[i]); i++) {
        const Frame *frame = &row->frames[i];
        const void *data = frame->data != NULL ? (const void *)frame->data : pattern;
        const size_t begin = message->len;
        message->len += rig_frame(message->bytes + begin, frame->first, data, frame->len);
        if (i < row->good && !is_control(frame->first)) {
            memcpy(message->data + message->data_len, data, frame->len);
            message->data_len += frame->len;
        } else if (i < row->good && frame->first == PING) {
            message->pings[message->pings_len++] = (Frame){PONG, frame->len, data};
        }
    }
}

/* Of what the peer got: data that is the start of what was sent, pongs for pings, the last one's too if all was to be
 * answered, and after the Close nothing. */
static void check_answers(const Rig *rig, const Message *message, uint16_t code)
{
    size_t data = 0;
    int ping = 0;
    bool closed = false, last_is_answered = message->pings_len == 0;

    for (size_t at = 0; at < rig->answered_len;) {
        const uint8_t *frame = rig->answered + at;
        const bool is_long = frame[1] == 126;
        const size_t len = is_long ? (size_t)frame[2] << 8 | frame[3] : frame[1];
        const uint8_t *payload = frame + (is_long ? 4 : 2);

        assert_false(closed);
        assert_true(frame[1] <= 126);
        at = (size_t)(payload - rig->answered) + len;
        assert_true(at <= rig->answered_len);
        if (frame[0] == BIN) {
            assert_true(data + len <= message->data_len);
            assert_memory_equal(payload, message->data + data, len);
            data += len;
        } else if (frame[0] == PONG) {
            for (;; ping++) {
                assert_true(ping < message->pings_len);
                const Frame *pong = &message->pings[ping];
                if (pong->len == len && memcmp(pong->data, payload, len) == 0) {
                    break;
                }
            }
            last_is_answered = ++ping == message->pings_len;
        } else {
            assert_int_equal(frame[0], CLOSE);
            assert_int_equal(len, 2);
            assert_int_equal(payload[0] << 8 | payload[1], code != 0 ? code : 1000);
            closed = true;
        }
    }
    assert_true(closed);
    if (code == 0) {
        assert_int_equal(data, message->data_len);
        assert_true(last_is_answered);
    }
}

static void play(const Row *row, const Message *message, size_t first_piece, size_t piece)
{
    Rig *rig = rig_open();

    rig->echoes = true;
    for (size_t at = 0; at < message->len && rig->end == 1;) {
        const size_t wanted = at == 0 ? first_piece : piece;
        const size_t n = wanted < message->len - at ? wanted : message->len - at;
        rig_send(rig, message->bytes + at, n);
        rig_run(rig);
        at += n;
    }
    if (row->code == 0) {
        uint8_t bytes[16];
        assert_int_equal(rig->end, 1);
        rig_send(rig, bytes, rig_frame(bytes, CLOSE, "\x03\xe8", 2));
        rig_run(rig);
    }
    assert_true(rig->end <= 0 && rig->end != -EAGAIN);
    assert_int_equal(rig->received_len, message->data_len);
    assert_memory_equal(rig->received, message->data, message->data_len);
    stream_free(rig->stream);
    rig->stream = NULL;
    rig_run(rig);
    assert_true(rig->is_closed);
    check_answers(rig, message, row->code);
    rig_finish(rig);
}

static void every_case_is_answered_as_it_should(void **state)
{
    Message *message = malloc(sizeof *message);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const Row *row = &rows[i];
        message_make(message, row);
        print_message("%s\n", row->cases);
        play(row, message, message->len, 1);
        play(row, message, 997, 997);
        if (message->len <= 300) {
            play(row, message, 1, 1);
        }
        for (size_t cut = 1; cut < message->len && message->len <= 80; cut++) {
            play(row, message, cut, message->len);
        }
    }
    free(message);
}

/* Cases 9.*, 10.1.1: what is long is neither refused nor kept. The engine alone, as nothing is to be copied. */
static void what_is_long_costs_no_memory(void **state)
{
    static const struct {
        const char *cases;
        size_t len, fragment, piece; /* of the message, of its frames, of what is read from the carrier */
    } cases[] = {
        {"9.1.* 9.2.*", 16u << 20, 16u << 20, 8000}, {"9.3.* 9.4.*", 4u << 20, 64, 8000},
        {"9.3.* 9.4.*", 4u << 20, 1u << 20, 8000},   {"9.5.* 9.6.*", 1u << 20, 1u << 20, 64},
        {"9.7.* 9.8.*", 1000 * 1024, 1024, 1038},    {"10.1.1", 65536, 1300, 8000},
    };
    static uint8_t zeros[1u << 16];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        WebSocket *websocket = websocket_new();
        uint8_t *bytes = malloc((17u << 20) + cases[i].len / cases[i].fragment * 14), got[4096];
        size_t len = strlen(REQUEST), data = 0;

        print_message("%s\n", cases[i].cases);
        memcpy(bytes, REQUEST, len);
        for (size_t at = 0; at < cases[i].len; at += cases[i].fragment) {
            const size_t left = cases[i].len - at, n = left < cases[i].fragment ? left : cases[i].fragment;
            const uint8_t first = (uint8_t)((at == 0 ? BIN_BEGINS : MORE) | (n == left ? 0x80 : 0));
            if (n <= sizeof zeros) {
                len += rig_frame(bytes + len, first, zeros, n);
            } else {
                const uint8_t header[14] = {first, 0xff, 0, 0, 0, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16)};
                memcpy(bytes + len, header, sizeof header);
                memset(bytes + len + sizeof header, 0, n);
                len += sizeof header + n;
            }
        }
        for (size_t at = 0; at < len;) {
            const int64_t n = websocket_read(websocket, got, sizeof got);
            if (n > 0) {
                for (int64_t j = 0; j < n; j++) {
                    assert_int_equal(got[j], 0);
                }
                data += (size_t)n;
                continue;
            }
            assert_int_equal(n, -EAGAIN);
            size_t room;
            uint8_t *to = websocket_input(websocket, &room);
            size_t piece = cases[i].piece < room ? cases[i].piece : room;
            piece = piece < len - at ? piece : len - at;
            assert_true(piece > 0);
            memcpy(to, bytes + at, piece);
            websocket_received(websocket, piece);
            at += piece;
        }
        for (int64_t n; (n = websocket_read(websocket, got, sizeof got)) > 0;) {
            data += (size_t)n;
        }
        assert_int_equal(data, cases[i].len);
        websocket_free(websocket);
        free(bytes);
    }
}

/* Cases 12.*, 13.*: what a client offers is not taken, and not spoken of. */
static void extensions_are_not_agreed_on(void **state)
{
    static const char offer[] =
        "GET / HTTP/1.1\r\n" KEY_LINE OTHER_LINES
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    Rig *rig = rig_new();

    (void)state;
    rig_send(rig, offer, strlen(offer));
    rig_run(rig);
    assert_non_null(strstr((char *)rig->answered, "HTTP/1.1 101 "));
    assert_null(strstr((char *)rig->answered, "Extensions"));
    rig_finish(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_answered_as_it_should),
        cmocka_unit_test(what_is_long_costs_no_memory),
        cmocka_unit_test(extensions_are_not_agreed_on),
    };

    return cmocka_run_group_tests_name("websocket cases", tests, NULL, NULL);
}
