/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include "session/ack_window.h"

static void test_without_set_ack_nothing_is_limited(void **state)
{
    AckWindow ack = {0};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        ack_window_sent(&ack);
    }
    assert_false(ack_window_is_full(&ack));
    assert_int_equal(ack_window_on_ack(&ack), STATUS_OK);
}

static void test_full_after_two_windows_and_open_after_one_ack(void **state)
{
    AckWindow ack = {0};

    (void)state;
    assert_int_equal(ack_window_start(&ack, 20), 1);
    ack_window_on_sync(&ack, 1);
    for (int i = 0; i < 40; i++) {
        ack_window_sent(&ack);
        assert_false(ack_window_is_full(&ack));
    }
    ack_window_sent(&ack);
    assert_true(ack_window_is_full(&ack));
    assert_int_equal(ack_window_on_ack(&ack), STATUS_OK);
    assert_false(ack_window_is_full(&ack));
    assert_int_equal(ack.unacked, 21);
}

static void test_ack_for_unsent_messages_is_the_peers_fault(void **state)
{
    AckWindow ack = {0};

    (void)state;
    ack_window_on_sync(&ack, ack_window_start(&ack, 20));
    for (int i = 0; i < 19; i++) {
        ack_window_sent(&ack);
    }
    assert_int_equal(ack_window_on_ack(&ack), STATUS_PEER_FAULT);
    assert_int_equal(ack.unacked, 19);
    ack_window_sent(&ack);
    assert_int_equal(ack_window_on_ack(&ack), STATUS_OK);
}

static void test_acks_of_an_older_generation_are_forgiven(void **state)
{
    AckWindow ack = {0};

    (void)state;
    ack_window_on_sync(&ack, ack_window_start(&ack, 20));
    const uint32_t second = ack_window_start(&ack, 10);
    ack_window_sent(&ack);
    assert_int_equal(ack_window_on_ack(&ack), STATUS_OK); /* of the first window, crossing on the way */
    assert_int_equal(ack.unacked, 1);
    ack_window_on_sync(&ack, second - 1); /* late */
    assert_false(ack.synced);
    ack_window_on_sync(&ack, second);
    assert_true(ack.synced);
    assert_int_equal(ack_window_on_ack(&ack), STATUS_PEER_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_set_ack_nothing_is_limited),
        cmocka_unit_test(test_full_after_two_windows_and_open_after_one_ack),
        cmocka_unit_test(test_ack_for_unsent_messages_is_the_peers_fault),
        cmocka_unit_test(test_acks_of_an_older_generation_are_forgiven),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
