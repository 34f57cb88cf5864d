/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured of links whose rate is known. */
#include "session/link_rate.h"
#include "test.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* A link that carries bytes one after the other, and a ping behind them. */
typedef struct Link {
    LinkRate rate;
    uint64_t bytes_per_s, round_trip_ns;
    uint64_t now_ns, free_ns; /* free_ns: when it has carried all that it was given */
    uint64_t late_ns;         /* how long answers lie there until we look */
} Link;

static void link_send(Link *link, uint64_t bytes)
{
    const uint64_t from_ns = link->free_ns > link->now_ns ? link->free_ns : link->now_ns;
    link->free_ns = from_ns + bytes * SECOND / link->bytes_per_s;
    link_rate_sent(&link->rate, bytes, link->now_ns);
}

/* Sends a ping, and waits for its answer; meanwhile, after half of the time, more bytes are sent. */
static void link_ping(Link *link, uint64_t meanwhile)
{
    const uint64_t sent_ns = link->now_ns;
    const uint64_t from_ns = link->free_ns > link->now_ns ? link->free_ns : link->now_ns;
    const uint64_t answer_ns = from_ns + link->round_trip_ns;
    link_rate_mark(&link->rate, sent_ns);
    if (meanwhile > 0) {
        link->now_ns = (sent_ns + answer_ns) / 2;
        link_send(link, meanwhile);
    }
    link->now_ns = answer_ns;
    link->now_ns += link->late_ns;
    link_rate_answer(&link->rate, link->now_ns, link->late_ns);
}

static Link link_of(uint64_t bytes_per_s, uint64_t round_trip_ns)
{
    Link link = {.bytes_per_s = bytes_per_s, .round_trip_ns = round_trip_ns, .now_ns = SECOND};
    link_ping(&link, 0); /* the first one, soon after the connect, waits for nothing */
    return link;
}

static void test_bursts(void **state)
{
    static const uint64_t rates[] = {12500, 125000, 625000, 1125000, 2500000, 12500000, 125000000};
    static const uint64_t trips_ns[] = {MS / 10, 5 * MS, 40 * MS, 300 * MS};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        for (size_t k = 0; k < sizeof trips_ns / sizeof trips_ns[0]; k++) {
            Link link = link_of(rates[i], trips_ns[k]);
            for (unsigned round = 0; round < 20; round++) {
                link_send(&link, 1000000);
                assert_true(link_rate_wants_mark(&link.rate));
                link_ping(&link, 0);
                assert_false(link_rate_wants_mark(&link.rate));
                link.now_ns += 2 * SECOND;
            }
            assert_int_equal(link.rate.is_slow, rates[i] < LINK_RATE_SLOW);
            if (rates[i] < LINK_RATE_SLOW) {
                assert_in_range(link.rate.bytes_per_s, rates[i] * 9 / 10, rates[i] * 12 / 10);
                assert_in_range(link_rate_time_ns(&link.rate, rates[i]), SECOND * 8 / 10, SECOND * 12 / 10);
            }
        }
    }
}

/* More is sent all the time, also while a ping is under way. */
static void test_streams(void **state)
{
    (void)state;
    for (uint64_t rate = 62500; rate < 7500000; rate *= 2) {
        Link link = link_of(rate, 30 * MS);
        for (unsigned round = 0; round < 50; round++) {
            link_send(&link, 200000);
            link_ping(&link, 100000);
        }
        if (rate < LINK_RATE_SLOW / 2) {
            assert_true(link.rate.is_slow);
        } else if (rate > LINK_RATE_SLOW) {
            assert_false(link.rate.is_slow);
        }
    }
}

/* Little at a time, however slow the link is or long it takes: nothing is known. And a link is not slow for being idle. */
static void test_trickle(void **state)
{
    (void)state;
    Link link = link_of(6250000, 20 * MS);
    for (unsigned round = 0; round < 300; round++) {
        link_send(&link, 300);
        if (link_rate_wants_mark(&link.rate)) {
            link_ping(&link, 0);
        }
        link.now_ns += 50 * MS;
    }
    assert_false(link.rate.is_slow);
    assert_int_equal(link.rate.bytes_per_s, 0);
    assert_int_equal(link_rate_time_ns(&link.rate, 1000000), 0);
    assert_int_equal(link_rate_message_max(&link.rate), UINT32_MAX);
    /* After all that little, much: it counts for what it is. */
    link_send(&link, 1000000);
    link_ping(&link, 0);
    assert_false(link.rate.is_slow);
}

/* The link changes: so does what is said about it; in between it is what it was. */
static void test_changes(void **state)
{
    (void)state;
    Link link = link_of(125000, 20 * MS);
    for (unsigned round = 0; round < 5; round++) {
        link_send(&link, 300000);
        link_ping(&link, 0);
        link.now_ns += SECOND;
    }
    assert_true(link.rate.is_slow);
    for (unsigned round = 0; round < 20; round++) { /* quiet, but for a little */
        link_send(&link, 20000);
        link_ping(&link, 0);
        link.now_ns += SECOND;
    }
    assert_true(link.rate.is_slow);
    link.bytes_per_s = 12500000;
    for (unsigned round = 0; round < 5; round++) {
        link_send(&link, 300000);
        link_ping(&link, 0);
        link.now_ns += SECOND;
    }
    assert_false(link.rate.is_slow);
    link.bytes_per_s = 250000;
    for (unsigned round = 0; round < 10; round++) {
        link_send(&link, 300000);
        link_ping(&link, 0);
        link.now_ns += SECOND;
    }
    assert_true(link.rate.is_slow);
}

/* How much keeps it busy for 20 ms. */
static void test_messages(void **state)
{
    static const uint64_t rates[] = {1000, 700000, 1000000, 2000000, 5000000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        Link link = link_of(rates[i], 10 * MS);
        assert_int_equal(link_rate_message_max(&link.rate), UINT32_MAX);
        for (unsigned round = 0; round < 20; round++) {
            link_send(&link, 1000000);
            link_ping(&link, 0);
        }
        const uint32_t carries = (uint32_t)(rates[i] / 50);
        if (carries < LINK_MESSAGE_BYTES_MIN) {
            assert_int_equal(link_rate_message_max(&link.rate), LINK_MESSAGE_BYTES_MIN);
        } else {
            assert_in_range(link_rate_message_max(&link.rate), carries * 9 / 10, carries * 11 / 10);
        }
    }
    const LinkRate fastest = {.bytes_per_s = UINT64_MAX};
    assert_int_equal(link_rate_message_max(&fastest), UINT32_MAX);
}

/* Where a stream holds little, most of what was sent is gone when a ping begins to wait. */
static void test_small_buffers(void **state)
{
    static const uint64_t rates[] = {12500, 125000, 625000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        Link link = link_of(rates[i], 10 * MS);
        link_send(&link, 32768);
        for (unsigned part = 0; part < 200; part++) {
            link_rate_full(&link.rate, link.now_ns);
            link.now_ns += 8192 * SECOND / rates[i];
            link_rate_ready(&link.rate, link.now_ns);
            link_send(&link, 8192);
            if (link_rate_wants_mark(&link.rate)) {
                link_ping(&link, 0);
                link_send(&link, 32768);
            }
        }
        assert_in_range(link.rate.bytes_per_s, rates[i] * 9 / 10, rates[i] * 13 / 10);
        /* What it was given while there was nothing to wait for does not count. */
        const uint64_t known = link.rate.bytes_per_s;
        link_send(&link, 60000);
        link.now_ns += 1000 * SECOND;
        link_send(&link, 60000);
        link_ping(&link, 0);
        assert_true(link.rate.bytes_per_s >= known);
    }
}

/* A client that reads nothing for a while is as slow as that, however slow, and then as fast as it is. */
static void test_stall(void **state)
{
    Link link = link_of(10000000, 10 * MS);
    (void)state;
    link_send(&link, 100000);
    link.free_ns += 10000 * SECOND;
    link_ping(&link, 0);
    assert_in_range(link.rate.bytes_per_s, 1, 10);
    assert_false(link.rate.is_slow); /* once is no time */
    link_send(&link, 100000);
    link.free_ns += 10000 * SECOND;
    link_ping(&link, 0);
    assert_true(link.rate.is_slow);
    assert_int_equal(link_rate_message_max(&link.rate), LINK_MESSAGE_BYTES_MIN);
    for (unsigned round = 0; round < 20; round++) {
        link_send(&link, 1000000);
        link_ping(&link, 0);
    }
    assert_false(link.rate.is_slow);
    assert_in_range(link.rate.bytes_per_s, 9000000, 11000000);
}

/* Our own time is not the link's: what lies there while we are busy. And where the link is slow that still shows. */
static void test_busy_server(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        Link link = link_of(slow ? 250000 : 12500000, 2 * MS);
        for (unsigned round = 0; round < 40; round++) {
            link.late_ns = round % 4 * 60 * MS;
            link_send(&link, 80000);
            link_ping(&link, 0);
            assert_true(slow || !link.rate.is_slow);
            assert_true(slow || link_rate_message_max(&link.rate) > 200000);
        }
        assert_int_equal(link.rate.is_slow, slow);
    }
    /* The first answer of all may be late, too; and the stream full until we look. */
    Link link = {.bytes_per_s = 12500000, .round_trip_ns = 2 * MS, .now_ns = SECOND, .late_ns = 500 * MS};
    link_ping(&link, 0);
    link.late_ns = 0;
    for (unsigned round = 0; round < 40; round++) {
        link_rate_full(&link.rate, link.now_ns);
        link.now_ns += 201 * MS;
        link_rate_ready(&link.rate, link.now_ns - 200 * MS);
        link_send(&link, 80000);
        link_ping(&link, 0);
        assert_false(link.rate.is_slow);
        assert_int_equal(link_rate_message_max(&link.rate), UINT32_MAX);
    }
}

/* What happens once, to a client that was busy itself, and again much later. */
static void test_hiccups(void **state)
{
    Link link = link_of(12500000, 2 * MS);
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        link_send(&link, 80000);
        link.free_ns += round % 10 == 0 ? 200 * MS : 0;
        link_ping(&link, 0);
        assert_false(link.rate.is_slow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bursts),   cmocka_unit_test(test_streams),
        cmocka_unit_test(test_trickle),  cmocka_unit_test(test_changes),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_stall),    cmocka_unit_test(test_busy_server),
        cmocka_unit_test(test_hiccups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
