/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/session/test.h"

#include "session/link_rate.h"

#define MS UINT64_C(1000000)

static void test_unknown_until_it_was_full(void **state)
{
    LinkRate rate = {0};

    (void)state;
    assert_int_equal(link_rate_message_max(&rate), UINT32_MAX);
    for (uint64_t now = 0; now < 1000; now++) {
        link_rate_taken(&rate, 100000);
        link_rate_empty(&rate);
    }
    assert_int_equal(link_rate_message_max(&rate), UINT32_MAX);
}

/* 2 MB/s, whatever came before it was full and however often somebody looks. */
static void test_what_it_takes_while_full(void **state)
{
    LinkRate rate = {0};

    (void)state;
    link_rate_taken(&rate, 5000000);
    for (uint64_t now = 7; now <= 207; now++) {
        link_rate_full(&rate, now * MS);
        link_rate_taken(&rate, 2000);
    }
    assert_int_equal(rate.bytes_per_s, 2000000);
    assert_int_equal(link_rate_message_max(&rate), 40000);
}

static void test_short_bursts_say_nothing(void **state)
{
    LinkRate rate = {0};

    (void)state;
    for (uint64_t now = 0; now < 1000; now += 100) {
        link_rate_full(&rate, now * MS);
        link_rate_taken(&rate, 100);
        link_rate_empty(&rate);
    }
    assert_int_equal(rate.bytes_per_s, 0);
}

/* A peer that reads nothing for a while is as slow as that, and then as fast as it is. */
static void test_follows(void **state)
{
    LinkRate rate = {0};

    (void)state;
    link_rate_full(&rate, 0);
    link_rate_full(&rate, 4000 * MS);
    link_rate_taken(&rate, 1000);
    link_rate_full(&rate, 10000 * MS);
    assert_int_equal(rate.bytes_per_s, 100);
    assert_int_equal(link_rate_message_max(&rate), LINK_MESSAGE_BYTES_MIN);
    for (uint64_t now = 10001; now < 13000; now++) {
        link_rate_taken(&rate, 10000);
        link_rate_full(&rate, now * MS);
    }
    assert_true(rate.bytes_per_s > 9900000 && rate.bytes_per_s <= 10000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_until_it_was_full),
        cmocka_unit_test(test_what_it_takes_while_full),
        cmocka_unit_test(test_short_bursts_say_nothing),
        cmocka_unit_test(test_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
