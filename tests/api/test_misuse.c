/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host must not do is refused and logged; what it may do in any order means the same in every order. */
#include "tests/api/rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/wire.h"

#define BOTH (SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL)

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    (void)event;
    (void)info;
}

static void destroy(SpiceServer *server)
{
    spice_server_destroy(server);
    poll_core_run(0, NULL); /* in which it frees what was removed */
}

/* ---- Settings ---- */

static bool plain_main_is_let_in(SpiceServer *server)
{
    assert_int_equal(spice_server_set_noauth(server), 0);
    assert_int_equal(spice_server_init(server, poll_core_init(channel_event)), 0);
    const int fd = visitor_open(server, 0, WIRE_CHANNEL_MAIN);
    if (fd >= 0) {
        close(fd);
    }
    destroy(server);
    return fd >= 0;
}

/* A host reads its options in the order in which its user wrote them. */
static void test_security_for_the_others_leaves_named_channels_alone(void **state)
{
    (void)state;
    SpiceServer *server = spice_server_new();
    assert_int_equal(spice_server_set_channel_security(server, "main", SPICE_CHANNEL_SECURITY_SSL), 0);
    assert_int_equal(spice_server_set_channel_security(server, NULL, BOTH), 0);
    assert_false(plain_main_is_let_in(server));

    server = spice_server_new();
    assert_int_equal(spice_server_set_channel_security(server, NULL, SPICE_CHANNEL_SECURITY_SSL), 0);
    assert_int_equal(spice_server_set_channel_security(server, "main", BOTH), 0);
    assert_true(plain_main_is_let_in(server));

    server = spice_server_new();
    assert_int_equal(spice_server_set_channel_security(server, "inputs", BOTH), 0);
    assert_int_equal(spice_server_set_channel_security(server, NULL, SPICE_CHANNEL_SECURITY_SSL), 0);
    assert_false(plain_main_is_let_in(server));
}

static int clients_after_two_came(SpiceServer *server)
{
    assert_int_equal(spice_server_set_noauth(server), 0);
    assert_int_equal(spice_server_init(server, poll_core_init(channel_event)), 0);
    const int first = visitor_open(server, 0, WIRE_CHANNEL_MAIN);
    const int second = visitor_open(server, 0, WIRE_CHANNEL_MAIN);
    const int clients = spice_server_get_num_clients(server);
    close(first);
    close(second);
    destroy(server);
    return clients;
}

static void test_several_clients_are_the_environments_choice_unless_the_host_chose(void **state)
{
    (void)state;
    setenv("SPICE_DEBUG_ALLOW_MC", "1", 1);
    assert_int_equal(clients_after_two_came(spice_server_new()), 2);
    SpiceServer *server = spice_server_new();
    assert_int_equal(spice_server_set_multiple_clients(server, 0), 0);
    assert_int_equal(clients_after_two_came(server), 1);

    unsetenv("SPICE_DEBUG_ALLOW_MC");
    assert_int_equal(clients_after_two_came(spice_server_new()), 1);
    server = spice_server_new();
    assert_int_equal(spice_server_set_multiple_clients(server, 1), 0);
    assert_int_equal(clients_after_two_came(server), 2);
}

/* ---- Interfaces with holes ---- */

static void test_a_core_interface_that_lacks_a_function_is_refused(void **state)
{
    (void)state;
    for (int hole = 0; hole < 7; hole++) {
        SpiceCoreInterface core = *poll_core_init(channel_event);
        if (hole == 0) {
            core.timer_add = NULL;
        } else if (hole == 1) {
            core.timer_start = NULL;
        } else if (hole == 2) {
            core.timer_cancel = NULL;
        } else if (hole == 3) {
            core.timer_remove = NULL;
        } else if (hole == 4) {
            core.watch_add = NULL;
        } else if (hole == 5) {
            core.watch_update_mask = NULL;
        } else {
            core.watch_remove = NULL;
        }
        SpiceServer *server = spice_server_new();
        assert_int_equal(spice_server_init(server, &core), -1);
        spice_server_destroy(server);
    }
}

static void test_devices_that_lack_a_function_are_refused(void **state)
{
    static const SpiceKbdInterface keyboard_interface = {.base = {SPICE_INTERFACE_KEYBOARD, "",
                                                                  SPICE_INTERFACE_KEYBOARD_MAJOR,
                                                                  SPICE_INTERFACE_KEYBOARD_MINOR}};
    static const SpiceMouseInterface mouse_interface = {
        .base = {SPICE_INTERFACE_MOUSE, "", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR}};
    static const SpiceTabletInterface tablet_interface = {
        .base = {SPICE_INTERFACE_TABLET, "", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR}};
    SpiceKbdInstance keyboard = {.base = {&keyboard_interface.base}};
    SpiceMouseInstance mouse = {.base = {&mouse_interface.base}};
    SpiceTabletInstance tablet = {.base = {&tablet_interface.base}};

    (void)state;
    SpiceServer *server = spice_server_new();
    assert_int_equal(spice_server_init(server, poll_core_init(channel_event)), 0);
    assert_int_equal(spice_server_add_interface(server, &keyboard.base), -1);
    assert_int_equal(spice_server_add_interface(server, &mouse.base), -1);
    assert_int_equal(spice_server_add_interface(server, &tablet.base), -1);
    destroy(server);
}

/* ---- Descriptors ---- */

static void test_what_is_no_socket_cannot_be_listened_on(void **state)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)state;
    SpiceServer *server = spice_server_new();
    assert_int_equal(spice_server_set_listen_socket_fd(server, null), 0);
    assert_int_equal(spice_server_init(server, poll_core_init(channel_event)), -1);
    destroy(server);
    assert_int_equal(close(null), 0); /* it stayed ours */
}

/* ---- After the end ---- */

static void test_instances_of_a_destroyed_server_are_unplugged(void **state)
{
    (void)state;
    rig_start();
    spice_server_destroy(rig.server);
    rig.server = NULL;
    assert_null(rig.input.keyboard.st);
    assert_null(rig.input.mouse.st);
    assert_null(rig.input.tablet.st);
    assert_null(fake_qxl_instance(rig.qxl)->st);
    assert_int_equal(spice_server_kbd_leds(&rig.input.keyboard, 7), 0);
    assert_int_equal(spice_server_remove_interface(&rig.input.tablet.base), -1);
    assert_int_equal(spice_server_remove_interface(&fake_qxl_instance(rig.qxl)->base), -1);
    spice_qxl_wakeup(fake_qxl_instance(rig.qxl));
    rig_end();
}

static int added;

static void add_another(int event, const SpiceChannelEventInfo *info)
{
    (void)info;
    if (event == SPICE_CHANNEL_EVENT_DISCONNECTED && added < 100) {
        const int fd = visitor_begin(rig.server, 0, WIRE_CHANNEL_MAIN);
        if (fd >= 0) {
            added++;
            close(fd);
        }
    }
}

static void test_nobody_is_taken_in_while_the_server_is_being_destroyed(void **state)
{
    (void)state;
    rig_start();
    const int fd = visitor_begin(rig.server, 0, WIRE_CHANNEL_MAIN);
    added = 0;
    rig.on_event = add_another;
    spice_server_destroy(rig.server);
    rig.server = NULL;
    assert_int_equal(added, 0);
    close(fd);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_security_for_the_others_leaves_named_channels_alone),
        cmocka_unit_test(test_several_clients_are_the_environments_choice_unless_the_host_chose),
        cmocka_unit_test(test_a_core_interface_that_lacks_a_function_is_refused),
        cmocka_unit_test(test_devices_that_lack_a_function_are_refused),
        cmocka_unit_test(test_what_is_no_socket_cannot_be_listened_on),
        cmocka_unit_test(test_instances_of_a_destroyed_server_are_unplugged),
        cmocka_unit_test(test_nobody_is_taken_in_while_the_server_is_being_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
