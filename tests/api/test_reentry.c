/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host calls back into the library from inside its callbacks, at the least convenient moments. */
#include "tests/api/rig.h"

#include <unistd.h>

#include "wire/wire.h"

/* ---- Destroying: refused, and the server goes on ---- */

static int destroy_at;
static int tries;

static void destroy(void)
{
    tries++;
    spice_server_destroy(rig.server);
}

static void destroy_in_event(int event, const SpiceChannelEventInfo *info)
{
    (void)info;
    if (event == destroy_at) {
        destroy();
    }
}

static void check_it_still_serves(void)
{
    rig.on_event = NULL;
    rig.on_input = NULL;
    assert_true(tries > 0);
    assert_int_equal(rig_warnings("spice_server_destroy"), tries);
    const int fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    assert_true(fd >= 0);
    close(fd);
    rig_end();
}

static void test_a_server_cannot_be_destroyed_inside_an_event(void **state)
{
    (void)state;
    for (destroy_at = SPICE_CHANNEL_EVENT_CONNECTED; destroy_at <= SPICE_CHANNEL_EVENT_DISCONNECTED;
         destroy_at++) {
        rig_start();
        tries = 0;
        rig.on_event = destroy_in_event;
        const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
        const int half_fd = visitor_begin(rig.server, 0, WIRE_CHANNEL_MAIN);
        close(half_fd);
        close(main_fd);
        RIG_SERVE_UNTIL(tries > 0);
        check_it_still_serves();
    }
}

static void test_a_server_cannot_be_destroyed_inside_an_input_device(void **state)
{
    (void)state;
    rig_start();
    tries = 0;
    rig.on_input = destroy;
    const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    const int fd = visitor_open(rig.server, visitor_session(main_fd), WIRE_CHANNEL_INPUTS);
    visitor_send(fd, WIRE_MSGC_INPUTS_KEY_DOWN, "\x1e\0\0\0", 4);
    visitor_send(fd, WIRE_MSGC_INPUTS_MOUSE_MOTION, "\1\0\0\0\1\0\0\0\0\0", 10);
    visitor_send(fd, WIRE_MSGC_INPUTS_MOUSE_RELEASE, "\1\0\0", 3);
    RIG_SERVE_UNTIL(tries == 3);
    visitor_send(main_fd, WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST, "\2\0", 2);
    RIG_SERVE_UNTIL(!spice_server_is_server_mouse(rig.server));
    visitor_send(fd, WIRE_MSGC_INPUTS_MOUSE_POSITION, "\1\0\0\0\1\0\0\0\0\0\0", 11);
    RIG_SERVE_UNTIL(tries == 4);
    close(fd);
    close(main_fd);
    RIG_SERVE_UNTIL(tries == 5); /* the key that was held is released */
    check_it_still_serves();
}

/* ---- Removing devices ---- */

static int remove_at, remove_type;
static bool removed;

static void remove_device_in_event(int event, const SpiceChannelEventInfo *info)
{
    if (event == remove_at && info->type == remove_type && !removed) {
        removed = true;
        assert_int_equal(spice_server_remove_interface(&fake_qxl_instance(rig.qxl)->base), 0);
    }
}

/* The device's other channel is then the last that keeps the client, and goes inside the event. */
static void test_a_device_is_removed_while_its_client_leaves(void **state)
{
    (void)state;
    for (int type = WIRE_CHANNEL_DISPLAY; type <= WIRE_CHANNEL_CURSOR; type += 2) {
        rig_start();
        const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
        const uint32_t session = visitor_session(main_fd);
        const int cursor_fd = visitor_open(rig.server, session, WIRE_CHANNEL_CURSOR);
        const int display_fd = visitor_open(rig.server, session, WIRE_CHANNEL_DISPLAY);
        assert_true(cursor_fd >= 0 && display_fd >= 0);
        RIG_SERVE_UNTIL(rig.initialized == 3);
        remove_at = SPICE_CHANNEL_EVENT_DISCONNECTED;
        remove_type = type;
        removed = false;
        rig.on_event = remove_device_in_event;
        close(main_fd);
        RIG_SERVE_UNTIL(removed && spice_server_get_num_clients(rig.server) == 0);
        assert_int_equal(rig.disconnected, 3);
        close(cursor_fd);
        close(display_fd);
        rig_end();
    }
}

static int leaving_fd;

/* The worker has told main of one client's end and of another's beginning when main hears of both. */
static void let_one_leave_while_others_come(int event, const SpiceChannelEventInfo *info)
{
    if (event == SPICE_CHANNEL_EVENT_INITIALIZED && info->type == WIRE_CHANNEL_DISPLAY) {
        if (leaving_fd >= 0) {
            close(leaving_fd);
            leaving_fd = -1;
        }
        usleep(30000); /* for the worker */
    }
    remove_device_in_event(event, info);
}

static void test_a_device_is_removed_while_others_arrive(void **state)
{
    int main_fds[3], display_fds[3];
    uint32_t sessions[3];

    (void)state;
    rig_start();
    for (int i = 0; i < 3; i++) {
        main_fds[i] = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
        sessions[i] = visitor_session(main_fds[i]);
    }
    leaving_fd = visitor_open(rig.server, sessions[0], WIRE_CHANNEL_DISPLAY);
    assert_true(leaving_fd >= 0);
    RIG_SERVE_UNTIL(rig.initialized == 4);
    remove_at = SPICE_CHANNEL_EVENT_DISCONNECTED;
    remove_type = WIRE_CHANNEL_DISPLAY;
    removed = false;
    rig.on_event = let_one_leave_while_others_come;
    for (int i = 1; i < 3; i++) { /* both are admitted in one turn of the host's loop */
        display_fds[i] = visitor_begin(rig.server, sessions[i], WIRE_CHANNEL_DISPLAY);
    }
    RIG_SERVE_UNTIL(removed && rig.initialized == 6);
    rig_serve_ms(20);
    assert_int_equal(rig.initialized, 6);
    assert_int_equal(rig.disconnected, 3); /* none of them came after remove_interface had returned */
    assert_int_equal(spice_server_get_num_clients(rig.server), 3);
    for (int i = 0; i < 3; i++) {
        close(main_fds[i]);
        if (i > 0) {
            close(display_fds[i]);
        }
    }
    rig_end();
}

static void throw_everybody_out(int event, const SpiceChannelEventInfo *info)
{
    if (event == SPICE_CHANNEL_EVENT_DISCONNECTED && info->type == WIRE_CHANNEL_DISPLAY && !removed) {
        removed = true;
        assert_int_equal(spice_server_set_ticket(rig.server, "secret", 0, 0, 1), 0);
        assert_int_equal(spice_server_set_noauth(rig.server), 0);
    }
}

/* The device's thread has ended by then; what is posted to it nobody would read (LeakSanitizer sees it). */
static void test_clients_are_thrown_out_while_a_device_goes(void **state)
{
    (void)state;
    rig_start();
    const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    const uint32_t session = visitor_session(main_fd);
    const int display_fd = visitor_open(rig.server, session, WIRE_CHANNEL_DISPLAY);
    const int cursor_fd = visitor_open(rig.server, session, WIRE_CHANNEL_CURSOR);
    assert_true(cursor_fd >= 0 && display_fd >= 0);
    RIG_SERVE_UNTIL(rig.initialized == 3);
    removed = false;
    rig.on_event = throw_everybody_out;
    assert_int_equal(spice_server_remove_interface(&fake_qxl_instance(rig.qxl)->base), 0);
    assert_true(removed);
    assert_int_equal(rig.disconnected, 2);
    RIG_SERVE_UNTIL(rig.disconnected == 3);
    close(main_fd);
    close(cursor_fd);
    close(display_fd);
    rig_end();
}

static void remove_tablet(void)
{
    if (!removed) {
        removed = true;
        assert_int_equal(spice_server_remove_interface(&rig.input.tablet.base), 0);
    }
}

static void test_a_tablet_is_removed_while_it_is_moved(void **state)
{
    (void)state;
    rig_start();
    const int main_fd = visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN);
    const int fd = visitor_open(rig.server, visitor_session(main_fd), WIRE_CHANNEL_INPUTS);
    RIG_SERVE_UNTIL(rig.initialized == 2);
    visitor_send(main_fd, WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST, "\2\0", 2);
    RIG_SERVE_UNTIL(!spice_server_is_server_mouse(rig.server));
    removed = false;
    rig.on_input = remove_tablet;
    for (int i = 0; i < 5; i++) {
        visitor_send(fd, WIRE_MSGC_INPUTS_MOUSE_POSITION, "\1\0\0\0\1\0\0\0\0\0\0", 11);
    }
    RIG_SERVE_UNTIL(removed);
    rig_serve_ms(5);
    assert_true(spice_server_is_server_mouse(rig.server));
    close(fd);
    close(main_fd);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_cannot_be_destroyed_inside_an_event),
        cmocka_unit_test(test_a_server_cannot_be_destroyed_inside_an_input_device),
        cmocka_unit_test(test_a_device_is_removed_while_its_client_leaves),
        cmocka_unit_test(test_a_device_is_removed_while_others_arrive),
        cmocka_unit_test(test_clients_are_thrown_out_while_a_device_goes),
        cmocka_unit_test(test_a_tablet_is_removed_while_it_is_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
