/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host may hear of connections in a universe, and each thing that it may not. */
#include "sim/scenario/channel_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

enum {
    UP = SPICE_CHANNEL_EVENT_INITIALIZED,
    DOWN = SPICE_CHANNEL_EVENT_DISCONNECTED,
    NEW = SPICE_CHANNEL_EVENT_CONNECTED
};

typedef struct Heard {
    int event, connection, type;
} Heard;

static bool is_good(const Heard *heard, size_t len)
{
    static ChannelOrder order;

    memset(&order, 0, sizeof order);
    for (size_t i = 0; i < len; i++) {
        const SpiceChannelEventInfo info = {.connection_id = heard[i].connection, .type = heard[i].type};
        channel_order_note(&order, heard[i].event, &info);
    }
    return order.fault[0] == '\0';
}

#define GOOD(...) assert_true(is_good((Heard[]){__VA_ARGS__}, sizeof(Heard[]){__VA_ARGS__} / sizeof(Heard)))
#define BAD(...) assert_false(is_good((Heard[]){__VA_ARGS__}, sizeof(Heard[]){__VA_ARGS__} / sizeof(Heard)))

static void test_sessions_come_and_go(void **state)
{
    (void)state;
    GOOD({NEW, 0, 0}, {DOWN, 0, 0});
    GOOD({NEW, 0, 0}, {UP, 7, 1}, {NEW, 0, 0}, {UP, 7, 2}, {DOWN, 7, 2}, {DOWN, 7, 1});
    GOOD({UP, 7, 1}, {UP, 8, 1}, {UP, 7, 3}, {DOWN, 8, 1}, {DOWN, 7, 3}, {UP, 7, 3}, {DOWN, 7, 3},
         {DOWN, 7, 1}, {UP, 7, 1});
}

static void test_what_no_host_can_make_sense_of(void **state)
{
    (void)state;
    BAD({UP, 0, 1});
    BAD({NEW, 7, 0});
    BAD({UP, 7, 2});
    BAD({UP, 7, 1}, {UP, 7, 1});
    BAD({UP, 7, 1}, {UP, 7, 2}, {DOWN, 7, 1});
    BAD({UP, 7, 1}, {DOWN, 7, 1}, {UP, 7, 2});
    BAD({UP, 7, 1}, {DOWN, 7, 1}, {DOWN, 7, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_come_and_go),
        cmocka_unit_test(test_what_no_host_can_make_sense_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
