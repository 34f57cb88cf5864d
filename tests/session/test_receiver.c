/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include <stdlib.h>

#include "session/receiver.h"
#include "wire/wire.h"

/* Writes one message; returns its length. */
static size_t put(uint8_t *at, bool mini, uint16_t type, const void *body, uint32_t size)
{
    WireOut out;

    wire_out_init(&out, at, WIRE_DATA_HEADER_BYTES);
    if (mini) {
        wire_mini_data_header_encode(&out, &(WireMiniDataHeader){.type = type, .size = size});
    } else {
        wire_data_header_encode(&out, &(WireDataHeader){.serial = 1, .type = type, .size = size});
    }
    if (size > 0) {
        memcpy(at + out.len, body, size);
    }
    return out.len + size;
}

/* Offers `bytes` in cuts of `cut`, each in memory of its exact size, and checks that two key messages, an
 * empty one and a long one come out. */
static void feed(bool mini, const uint8_t *bytes, size_t len, size_t cut)
{
    static const uint16_t types[] = {WIRE_MSGC_INPUTS_KEY_DOWN, WIRE_MSGC_ACK, WIRE_MSGC_INPUTS_KEY_SCANCODE,
                                     WIRE_MSGC_INPUTS_KEY_UP};
    static const size_t sizes[] = {4, 0, 300, 4};
    Receiver receiver;
    size_t messages = 0;

    receiver_init(&receiver, core_posix(), WIRE_CHANNEL_INPUTS, mini);
    for (size_t at = 0; at < len; at += cut) {
        const size_t part = cut < len - at ? cut : len - at;
        uint8_t *copy = malloc(part);
        memcpy(copy, bytes + at, part);
        Span span = {copy, part};
        ReceivedMessage message;
        Status status;
        while ((status = receiver_next(&receiver, &span, &message)) == STATUS_OK) {
            assert_true(messages < 4);
            assert_int_equal(message.type, types[messages]);
            assert_int_equal(message.body.len, sizes[messages]);
            for (size_t i = 0; i < message.body.len; i++) {
                assert_int_equal(message.body.data[i], (uint8_t)(i + messages));
            }
            messages++;
        }
        assert_int_equal(status, STATUS_AGAIN);
        free(copy);
    }
    assert_int_equal(messages, 4);
    receiver_finish(&receiver);
}

static void test_any_cut_gives_the_same_messages(void **state)
{
    (void)state;
    for (int mini = 0; mini < 2; mini++) {
        uint8_t bytes[1024], body[300];
        size_t len = 0;
        for (int m = 0; m < 4; m++) {
            for (size_t i = 0; i < sizeof body; i++) {
                body[i] = (uint8_t)(i + (size_t)m);
            }
            static const uint16_t types[] = {WIRE_MSGC_INPUTS_KEY_DOWN, WIRE_MSGC_ACK,
                                             WIRE_MSGC_INPUTS_KEY_SCANCODE, WIRE_MSGC_INPUTS_KEY_UP};
            static const uint32_t sizes[] = {4, 0, 300, 4};
            len += put(bytes + len, mini, types[m], body, sizes[m]);
        }
        for (size_t cut = 1; cut <= len; cut++) {
            feed(mini, bytes, len, cut);
        }
    }
}

static void check_refused(uint16_t type, uint32_t size)
{
    uint8_t header[WIRE_DATA_HEADER_BYTES];
    WireOut out;
    Receiver receiver;
    ReceivedMessage message;

    wire_out_init(&out, header, sizeof header);
    wire_mini_data_header_encode(&out, &(WireMiniDataHeader){.type = type, .size = size});
    receiver_init(&receiver, core_posix(), WIRE_CHANNEL_INPUTS, true);
    Span span = {header, out.len};
    assert_int_equal(receiver_next(&receiver, &span, &message), STATUS_PEER_FAULT);
    assert_non_null(receiver.fault);
    receiver_finish(&receiver);
}

static void test_unknown_types_and_sizes_are_refused_at_the_header(void **state)
{
    const uint32_t sizes[] = {0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, 1u << 20};

    (void)state;
    check_refused(0, 0);
    check_refused(99, 0);
    check_refused(WIRE_MSGC_MAIN_ATTACH_CHANNELS + 1000, 4);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_refused(WIRE_MSGC_INPUTS_KEY_DOWN, sizes[i]);
        check_refused(WIRE_MSGC_INPUTS_KEY_SCANCODE, sizes[i]);
        check_refused(WIRE_MSGC_PONG, sizes[i]);
    }
    const WireMessageInfo *info = wire_msgc_info(WIRE_CHANNEL_INPUTS, WIRE_MSGC_INPUTS_KEY_SCANCODE);
    check_refused(WIRE_MSGC_INPUTS_KEY_SCANCODE, info->max_body + 1);
}

static void test_a_header_alone_costs_no_memory(void **state)
{
    uint8_t header[WIRE_DATA_HEADER_BYTES];
    Receiver receiver;
    ReceivedMessage message;

    (void)state;
    const size_t len = put(header, true, WIRE_MSGC_INPUTS_KEY_SCANCODE, NULL, 0);
    le32_put(header + 2, 300);
    receiver_init(&receiver, core_posix(), WIRE_CHANNEL_INPUTS, true);
    Span span = {header, len};
    assert_int_equal(receiver_next(&receiver, &span, &message), STATUS_AGAIN);
    assert_null(receiver.body);
    receiver_finish(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_gives_the_same_messages),
        cmocka_unit_test(test_unknown_types_and_sizes_are_refused_at_the_header),
        cmocka_unit_test(test_a_header_alone_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
