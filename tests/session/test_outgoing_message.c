/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include <stdlib.h>

#include "session/outgoing_message.h"
#include "wire/wire.h"

#define LONG_BYTES 20000u

static uint8_t long_bytes[LONG_BYTES];
static int released;
static int allocs_left; /* of `scarce` */

static void release(void *owner)
{
    assert_ptr_equal(owner, long_bytes);
    released++;
}

static void *scarce_alloc(const Core *core, size_t size)
{
    (void)core;
    return allocs_left-- > 0 ? malloc(size) : NULL;
}

static void scarce_free(const Core *core, void *memory)
{
    (void)core;
    free(memory);
}

static Core scarce(void)
{
    Core core = *core_posix();
    core.alloc = scarce_alloc;
    core.free = scarce_free;
    return core;
}

/* A drawing that shows LONG_BYTES of pixels; behind them comes the mask, which is short. */
static WireMsg drawing_of(WireImage images[2])
{
    static const uint8_t bits[4] = {1, 2, 3, 4};
    images[0] = (WireImage){.type = WIRE_IMAGE_TYPE_BITMAP, .width = 5000, .height = 1};
    images[0].u.bitmap = (WireBitmap){.format = WIRE_BITMAP_FMT_32BIT,
                                      .x = 5000,
                                      .y = 1,
                                      .stride = LONG_BYTES,
                                      .data = span_of(long_bytes, LONG_BYTES)};
    images[1] = (WireImage){.type = WIRE_IMAGE_TYPE_BITMAP, .width = 32, .height = 1};
    images[1].u.bitmap = (WireBitmap){
        .format = WIRE_BITMAP_FMT_1BIT_BE, .x = 32, .y = 1, .stride = 4, .data = span_of(bits, sizeof bits)};
    return (WireMsg){.channel = WIRE_CHANNEL_DISPLAY,
                     .type = WIRE_MSG_DISPLAY_DRAW_COPY,
                     .u.display_draw_copy = {.src = &images[0], .mask = {.bitmap = &images[1]}}};
}

static bool say(Outgoing *out, const Framing *framing, const Payload *payload)
{
    WireImage images[2];
    const WireMsg m = drawing_of(images);
    OutgoingMessage message;
    if (!outgoing_message_begin(&message, out, framing, 1000)) {
        return false;
    }
    wire_msg_encode(&message.wire, &m);
    return outgoing_message_end(&message, m.type, payload, 1);
}

/* The same, all in one piece. */
static size_t plain(uint8_t *body, size_t cap)
{
    WireImage images[2];
    const WireMsg m = drawing_of(images);
    WireOut out;
    wire_out_init(&out, body, cap);
    wire_msg_encode(&out, &m);
    assert_false(out.failed);
    return out.len;
}

static size_t take_all(Outgoing *out, uint8_t *bytes)
{
    size_t len = 0;
    while (!outgoing_is_empty(out)) {
        struct iovec iov[2];
        const int n = outgoing_vectors(out, iov, 2);
        assert_true(n > 0);
        memcpy(bytes + len, iov[0].iov_base, iov[0].iov_len);
        len += iov[0].iov_len;
        outgoing_taken(out, iov[0].iov_len);
    }
    return len;
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < LONG_BYTES; i++) {
        long_bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    released = 0;
    return 0;
}

static void test_payloads_lie_where_the_body_has_them(void **state)
{
    (void)state;
    static uint8_t expected[2 * LONG_BYTES], got[2 * LONG_BYTES];
    const size_t len = plain(expected, sizeof expected);
    for (unsigned mini = 0; mini < 2; mini++) {
        uint64_t serial = 41;
        const Framing framing = {.mini_header = mini != 0, .serial = &serial};
        const size_t header = mini ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
        const Span spans[3] = {span_of(long_bytes, 1), span_of(long_bytes + 1, 9999),
                               span_of(long_bytes + 10000, 10000)};
        const Payload payload = {long_bytes, spans, 3, release, long_bytes};
        Outgoing out;
        outgoing_init(&out, core_posix());
        released = 0;
        assert_true(say(&out, &framing, &payload));
        assert_int_equal(serial, 42);
        assert_int_equal(released, 0);
        assert_int_equal(take_all(&out, got), header + len);
        assert_int_equal(released, 1);
        assert_memory_equal(got + header, expected, len);
        assert_int_equal(le32_get(got + (mini ? 2 : 10)), len);
        assert_int_equal(le16_get(got + (mini ? 0 : 8)), WIRE_MSG_DISPLAY_DRAW_COPY);
        if (!mini) {
            assert_int_equal(le64_get(got), 42);
            assert_int_equal(le32_get(got + 14), 0); /* no sub-messages */
        }
        outgoing_finish(&out);
    }
}

/* Whichever allocation fails: nothing was added, no serial used, and the payload was released. */
static void test_without_memory_nothing_happens(void **state)
{
    (void)state;
    const Span span = span_of(long_bytes, LONG_BYTES);
    const Payload payload = {long_bytes, &span, 1, release, long_bytes};
    const Core core = scarce();
    bool sent = false;
    int failures = 0;

    for (int allowed = 0; !sent; allowed++) {
        Outgoing out;
        uint64_t serial = 0;
        const Framing framing = {.mini_header = true, .serial = &serial};
        outgoing_init(&out, &core);
        released = 0;
        allocs_left = allowed;
        sent = say(&out, &framing, &payload);
        if (!sent) {
            failures++;
            assert_int_equal(serial, 0);
            assert_true(outgoing_is_empty(&out));
            assert_true(released == 1 || allowed == 0); /* that one was never handed over */
        }
        outgoing_finish(&out);
        assert_true(released == 1 || allowed == 0);
    }
    assert_true(failures >= 2);
}

static void test_a_client_that_goes_releases(void **state)
{
    (void)state;
    uint64_t serial = 0;
    const Framing framing = {.mini_header = true, .serial = &serial};
    const Span spans[2] = {span_of(long_bytes, 5000), span_of(long_bytes + 5000, LONG_BYTES - 5000)};
    const Payload payload = {long_bytes, spans, 2, release, long_bytes};
    Outgoing out;
    outgoing_init(&out, core_posix());
    assert_true(say(&out, &framing, &payload));
    outgoing_taken(&out, 300); /* somewhere in the payload */
    outgoing_finish(&out);
    assert_int_equal(released, 1);
}

static void test_what_is_owned_is_nobody_elses(void **state)
{
    (void)state;
    static uint8_t expected[2 * LONG_BYTES], got[2 * LONG_BYTES];
    const size_t len = plain(expected, sizeof expected);
    uint64_t serial = 0;
    const Framing framing = {.mini_header = true, .serial = &serial};
    const Span spans[2] = {span_of(long_bytes, 5000), span_of(long_bytes + 5000, LONG_BYTES - 5000)};
    const Payload payload = {long_bytes, spans, 2, release, long_bytes};
    Outgoing out;
    outgoing_init(&out, core_posix());
    assert_true(say(&out, &framing, &payload));
    outgoing_taken(&out, 3000);
    assert_int_equal(outgoing_own(&out), STATUS_OK);
    assert_int_equal(released, 1);
    memset(long_bytes, 0, LONG_BYTES);
    assert_int_equal(take_all(&out, got), WIRE_MINI_DATA_HEADER_BYTES + len - 3000);
    assert_memory_equal(got, expected + 3000 - WIRE_MINI_DATA_HEADER_BYTES,
                        len + WIRE_MINI_DATA_HEADER_BYTES - 3000);
    assert_int_equal(released, 1);
    outgoing_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_payloads_lie_where_the_body_has_them, setup),
        cmocka_unit_test_setup(test_without_memory_nothing_happens, setup),
        cmocka_unit_test_setup(test_a_client_that_goes_releases, setup),
        cmocka_unit_test_setup(test_what_is_owned_is_nobody_elses, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
