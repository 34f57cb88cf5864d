/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What strangers do, however often, fills no log, and hides nothing in it. */
#include "tests/api/rig.h"

#include <unistd.h>

#include "base/limits.h"
#include "wire/wire.h"

static void test_clients_that_break_the_protocol_fill_no_log(void **state)
{
    (void)state;
    rig_start();
    for (int i = 0; i < 300; i++) {
        const int fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
        assert_true(fd >= 0);
        visitor_send(fd, 999, NULL, 0);
        assert_true(visitor_is_thrown_out(fd));
        close(fd);
    }
    const unsigned lines = rig_warnings("protocol error");
    assert_true(lines >= 1);
    assert_true(lines <= LINKS_LOG_BURST + 60); /* which leaves room for a slow machine */
    rig_end();
}

static void test_who_just_hangs_up_hides_nobody(void **state)
{
    (void)state;
    rig_start();
    for (int i = 0; i < 300; i++) {
        const int fd = visitor_begin(rig.server, 0, WIRE_CHANNEL_MAIN);
        assert_true(fd >= 0);
        close(fd); /* at INFO: nothing that a host would normally see */
        rig_serve_ms(1);
    }
    const int fd = visitor_begin(rig.server, 77, WIRE_CHANNEL_MAIN);
    assert_false(visitor_is_let_in(fd));
    close(fd);
    RIG_SERVE_UNTIL(rig_warnings("BAD_CONNECTION_ID") > 0);
    rig_serve_ms(5);
    assert_int_equal(rig_warnings("BAD_CONNECTION_ID"), 1);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_that_break_the_protocol_fill_no_log),
        cmocka_unit_test(test_who_just_hangs_up_hides_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
