/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include "session/outgoing.h"

static int released;

static void release(void *owner)
{
    assert_non_null(owner);
    released++;
}

static void add(Outgoing *out, const uint8_t *bytes, size_t len)
{
    uint8_t *room = outgoing_reserve(out, len);
    assert_non_null(room);
    memcpy(room, bytes, len);
    assert_int_equal(outgoing_add_bytes(out, len), STATUS_OK);
}

/* Takes `len` bytes as a socket would, and compares them with what was added. */
static void take(Outgoing *out, const uint8_t *expected, size_t *at, size_t len)
{
    struct iovec iov[7];
    const int n = outgoing_vectors(out, iov, 7);
    size_t left = len;

    for (int i = 0; i < n && left > 0; i++) {
        const size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;
        assert_memory_equal(iov[i].iov_base, expected + *at, part);
        *at += part;
        left -= part;
    }
    outgoing_taken(out, len - left);
}

static void test_bytes_and_pieces_leave_in_order_in_any_cuts(void **state)
{
    static uint8_t all[200000];
    static int owner;

    (void)state;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (size_t cut = 1; cut < 5000; cut = cut * 3 + 1) {
        Outgoing out;
        size_t in = 0, at = 0, pieces = 0, turn = 0;
        outgoing_init(&out, core_posix());
        released = 0;
        while (at < sizeof all) {
            while (in < sizeof all && out.total < 20000) {
                const size_t len = 1 + (in * 7 + turn++) % 900;
                const size_t part = len < sizeof all - in ? len : sizeof all - in;
                if (turn % 5 == 0) {
                    assert_int_equal(outgoing_add_piece(&out, (Span){all + in, part}, release, &owner),
                                     STATUS_OK);
                    pieces++;
                } else {
                    add(&out, all + in, part);
                }
                in += part;
            }
            take(&out, all, &at, cut < out.total ? cut : out.total);
        }
        assert_true(outgoing_is_empty(&out));
        assert_int_equal(released, pieces);
        outgoing_finish(&out);
    }
}

static void test_the_buffer_does_not_grow_with_a_client_that_never_drains_it(void **state)
{
    uint8_t bytes[1000] = {0};
    Outgoing out;

    (void)state;
    outgoing_init(&out, core_posix());
    add(&out, bytes, sizeof bytes);
    for (int i = 0; i < 100000; i++) {
        add(&out, bytes, sizeof bytes);
        outgoing_taken(&out, sizeof bytes); /* a thousand bytes always stay */
    }
    assert_true(out.bytes_cap <= 16384);
    assert_true(out.runs_cap <= 4096);
    outgoing_finish(&out);
}

static void test_nothing_is_kept_once_all_is_sent(void **state)
{
    static uint8_t bytes[50000];
    Outgoing out;

    (void)state;
    outgoing_init(&out, core_posix());
    add(&out, bytes, sizeof bytes);
    outgoing_taken(&out, sizeof bytes);
    assert_null(out.bytes);
    assert_int_equal(out.bytes_cap, 0);
    outgoing_finish(&out);
}

static void test_a_picture_in_many_pieces_leaves_nothing_behind(void **state)
{
    static const uint8_t byte = 1;
    Outgoing out;

    (void)state;
    outgoing_init(&out, core_posix());
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(outgoing_add_piece(&out, span_of(&byte, 1), NULL, NULL), STATUS_OK);
    }
    outgoing_taken(&out, 100000);
    assert_int_equal(out.runs_cap, 0);
    add(&out, &byte, 1);
    outgoing_taken(&out, 1);
    assert_true(out.runs_cap > 0); /* of few, the room stays */
    outgoing_finish(&out);
}

static void send_round(Outgoing *out, size_t len)
{
    static uint8_t bytes[4000];

    add(out, bytes, len);
    outgoing_taken(out, len);
}

static void test_what_is_needed_again_and_again_is_kept_until_it_is_not(void **state)
{
    Outgoing out;

    (void)state;
    outgoing_init(&out, core_posix());
    send_round(&out, 4000);
    assert_int_equal(out.bytes_cap, 0);
    for (int i = 0; i < 3; i++) {
        send_round(&out, 4000);
        assert_true(out.bytes_cap >= 4000);
        for (int small = 0; small < 7; small++) {
            send_round(&out, 10);
            assert_true(out.bytes_cap >= 4000);
        }
    }
    send_round(&out, 10);
    assert_int_equal(out.bytes_cap, 256);
    send_round(&out, 4000);
    assert_int_equal(out.bytes_cap, 0);
    outgoing_finish(&out);
}

static void test_what_was_not_sent_is_released_at_the_end(void **state)
{
    static const uint8_t pixels[4096];
    static int owner;
    Outgoing out;

    (void)state;
    released = 0;
    outgoing_init(&out, core_posix());
    assert_int_equal(outgoing_add_piece(&out, (Span){pixels, sizeof pixels}, release, &owner), STATUS_OK);
    assert_int_equal(outgoing_add_piece(&out, (Span){pixels, sizeof pixels}, release, &owner), STATUS_OK);
    outgoing_taken(&out, sizeof pixels + 1);
    assert_int_equal(released, 1);
    outgoing_finish(&out);
    assert_int_equal(released, 2);
    assert_int_equal(outgoing_add_piece(&out, (Span){pixels, 0}, release, &owner), STATUS_OK);
    assert_int_equal(released, 3); /* an empty piece is done with at once */
    outgoing_finish(&out);
}

/* What was lent is given back at once, half sent or not, and leaves as it was. */
static void test_what_is_borrowed_can_be_given_back_early(void **state)
{
    static uint8_t all[10000], lent[10000];
    static int owner;
    Outgoing out;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = lent[i] = (uint8_t)(i * 2654435761u >> 11);
    }
    released = 0;
    outgoing_init(&out, core_posix());
    add(&out, all, 100);
    assert_int_equal(outgoing_add_piece(&out, span_of(lent + 100, 5000), NULL, NULL), STATUS_OK);
    assert_int_equal(outgoing_add_piece(&out, span_of(lent + 5100, 4000), release, &owner), STATUS_OK);
    add(&out, all + 9100, 900);
    take(&out, all, &at, 3000);
    assert_int_equal(outgoing_own(&out), STATUS_OK);
    assert_int_equal(released, 1);
    memset(lent, 0xdb, sizeof lent);
    assert_int_equal(outgoing_own(&out), STATUS_OK); /* once more: nothing is left to do */
    while (!outgoing_is_empty(&out)) {
        take(&out, all, &at, 777);
    }
    assert_int_equal(at, sizeof all);
    assert_int_equal(released, 1);
    outgoing_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_and_pieces_leave_in_order_in_any_cuts),
        cmocka_unit_test(test_the_buffer_does_not_grow_with_a_client_that_never_drains_it),
        cmocka_unit_test(test_nothing_is_kept_once_all_is_sent),
        cmocka_unit_test(test_a_picture_in_many_pieces_leaves_nothing_behind),
        cmocka_unit_test(test_what_is_needed_again_and_again_is_kept_until_it_is_not),
        cmocka_unit_test(test_what_was_not_sent_is_released_at_the_end),
        cmocka_unit_test(test_what_is_borrowed_can_be_given_back_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
