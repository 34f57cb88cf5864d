/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What main and inputs do, client's end to host's devices, in the simulator. */
#include "tests/channels/room.h"

#include <sumac.h>

#define SCREEN_WIDTH 800u
#define SCREEN_HEIGHT 600u

/* ---- Keys ---- */

static void test_keys_arrive_byte_by_byte(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);
    static const uint8_t pause[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};

    fake_inputs_key(client->inputs.connection, true, 0x1e);
    fake_inputs_key(client->inputs.connection, false, 0x9e);
    fake_inputs_key(client->inputs.connection, true, 0x1de0);
    fake_inputs_key(client->inputs.connection, false, 0x9de0);
    room_expect(room, "1e 9e e0 1d e0 9d ");
    fake_inputs_scancode(client->inputs.connection, span_of(pause, sizeof pause));
    room_expect(room, "e1 1d 45 e1 9d c5 ");
}

/* Deliberate difference: the existing server releases everybody's keys when anybody leaves. */
static void test_a_clients_keys_are_released_when_it_leaves_and_no_others(void **state)
{
    Room *room = *state;
    RoomClient *one = room_client(room, true);
    RoomClient *two = room_client(room, true);

    fake_inputs_key(one->inputs.connection, true, 0x1e);
    fake_inputs_key(one->inputs.connection, true, 0x1de0);
    fake_inputs_key(one->inputs.connection, true, 0x2a);
    room_run(room, 20 * NS_PER_MS);
    fake_inputs_key(two->inputs.connection, true, 0x30);
    fake_inputs_key(two->inputs.connection, true, 0x2a);
    room_expect(room, "1e e0 1d 2a 30 2a ");
    room_leave(room, &one->inputs);
    room_expect(room, "9e e0 9d "); /* 2a is still held by the other, 30 is not its */
    room_leave(room, &two->inputs);
    room_expect(room, "aa b0 ");
}

/* R148: released codes with no keyboard device; keys with none either. */
static void test_without_a_keyboard_nothing_happens(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    inputs_channel_set_keyboard(((Server *)room->server)->inputs, NULL);
    fake_inputs_key(client->inputs.connection, true, 0x1e);
    fake_inputs_modifiers(client->inputs.connection, 7);
    room_run(room, 3 * NS_PER_S);
    room_leave(room, &client->inputs);
    room_expect(room, "");
}

static void set_leds_2(Room *room)
{
    room->result = spice_server_kbd_leds(&room->input.keyboard, 2);
}

static void test_lock_keys_are_pressed_where_the_lights_differ(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    fake_inputs_modifiers(client->inputs.connection, WIRE_KEYBOARD_MODIFIER_FLAG_CAPS_LOCK);
    room_expect(room, "3a ba ");
    fake_inputs_modifiers(client->inputs.connection, WIRE_KEYBOARD_MODIFIER_FLAG_CAPS_LOCK);
    room_expect(room, ""); /* it is on its way: not pressed twice */
    fake_inputs_modifiers(client->inputs.connection,
                          WIRE_KEYBOARD_MODIFIER_FLAG_NUM_LOCK | WIRE_KEYBOARD_MODIFIER_FLAG_SCROLL_LOCK);
    room_expect(room, "46 c6 45 c5 3a ba ");

    /* What the guest shows counts, and is told to every client. */
    room_host(room, set_leds_2);
    assert_int_equal(room->result, 0);
    room_run(room, 20 * NS_PER_MS);
    assert_int_equal(fake_connection_inputs(client->inputs.connection)->modifiers, 2);
    fake_inputs_modifiers(client->inputs.connection, 2);
    room_expect(room, "");
}

static void test_a_held_lock_key_is_not_pressed_again(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    fake_inputs_key(client->inputs.connection, true, 0x3a);
    fake_inputs_modifiers(client->inputs.connection, WIRE_KEYBOARD_MODIFIER_FLAG_CAPS_LOCK);
    room_expect(room, "3a ");
}

static void test_lights_are_asked_for_two_seconds_after_a_lock_key(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    fake_inputs_key(client->inputs.connection, true, 0x3a);
    fake_inputs_key(client->inputs.connection, false, 0xba);
    room->input.leds = 4;
    room_run(room, NS_PER_S);
    assert_int_equal(fake_connection_inputs(client->inputs.connection)->modifiers, 0);
    room_run(room, 2 * NS_PER_S);
    assert_int_equal(fake_connection_inputs(client->inputs.connection)->modifiers, 4);
}

/* ---- Mouse ---- */

static void show_screen(Room *room)
{
    pointer_set_screen(&((Server *)room->server)->pointer, true, true, SCREEN_WIDTH, SCREEN_HEIGHT);
}

static void hide_screen(Room *room)
{
    pointer_set_screen(&((Server *)room->server)->pointer, true, false, 0, 0);
}

static void request_mode(RoomClient *client, uint16_t mode)
{
    const WireMsgc request = {.channel = WIRE_CHANNEL_MAIN,
                              .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
                              .u.main_mouse_mode_request.mode = mode};
    fake_connection_send(client->main.connection, &request);
    room_run(client->room, 20 * NS_PER_MS);
}

static void test_server_mode_moves_the_mouse(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    fake_inputs_motion(client->inputs.connection, 3, -4, 0);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_LEFT, 1);
    fake_inputs_button(client->inputs.connection, false, WIRE_MOUSE_BUTTON_LEFT, 0);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_MIDDLE, 2);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_RIGHT,
                       4 | 0x20 | 0x40 | 0x8 | 0x10);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_UP, 0);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_DOWN, 0);
    fake_inputs_position(client->inputs.connection, 5, 5, 0,
                         0); /* of the other mode: counted, not acted on */
    room_expect(room, "motion(3,-4,0,0) motion(0,0,0,1) buttons(0) motion(0,0,0,4) motion(0,0,0,c2) "
                      "motion(0,0,-1,0) motion(0,0,1,0) ");
}

static void test_client_mode_is_possible_with_tablet_and_screen(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    request_mode(client, WIRE_MOUSE_MODE_CLIENT); /* not possible: ignored */
    assert_int_equal(fake_client_main(client->client)->current_mouse_mode, WIRE_MOUSE_MODE_SERVER);
    room_host(room, show_screen);
    room_expect(room, "size(800,600) ");
    assert_int_equal(fake_client_main(client->client)->supported_mouse_modes, 3);
    assert_int_equal(fake_client_main(client->client)->current_mouse_mode, WIRE_MOUSE_MODE_SERVER);
    request_mode(client, WIRE_MOUSE_MODE_CLIENT);
    assert_int_equal(fake_client_main(client->client)->current_mouse_mode, WIRE_MOUSE_MODE_CLIENT);
    assert_int_equal(spice_server_is_server_mouse(room->server), 0);

    fake_inputs_position(client->inputs.connection, 10, 20, 1, 0);
    fake_inputs_position(client->inputs.connection, 0xffffffff, 0x80000000, 0, 255);
    fake_inputs_button(client->inputs.connection, true, WIRE_MOUSE_BUTTON_UP, 0);
    fake_inputs_button(client->inputs.connection, false, WIRE_MOUSE_BUTTON_UP, 4);
    room_expect(room, "position(10,20,1) position(799,599,0) wheel(-1,0) tablet-buttons(2) ");

    room_host(room, hide_screen);
    room_run(room, 20 * NS_PER_MS);
    assert_int_equal(fake_client_main(client->client)->current_mouse_mode, WIRE_MOUSE_MODE_SERVER);
    assert_int_equal(fake_client_main(client->client)->supported_mouse_modes, WIRE_MOUSE_MODE_SERVER);
}

static void test_every_fourth_motion_is_acknowledged_in_either_mode(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    for (int i = 0; i < 7; i++) {
        if (i % 2 == 0) {
            fake_inputs_motion(client->inputs.connection, 1, 1, 0);
        } else {
            fake_inputs_position(client->inputs.connection, 1, 1, 0, 0);
        }
        room_run(room, 10 * NS_PER_MS);
    }
    assert_int_equal(fake_connection_inputs(client->inputs.connection)->acks, 1);
    fake_inputs_motion(client->inputs.connection, 1, 1, 0);
    room_run(room, 10 * NS_PER_MS);
    assert_int_equal(fake_connection_inputs(client->inputs.connection)->acks, 2);
    room->said[0] = '\0';
}

/* ---- Main ---- */

static void test_main_greets_lists_and_warns(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);
    static const uint16_t expected[] = {WIRE_MSG_MAIN_INIT, WIRE_MSG_MAIN_NAME, WIRE_MSG_MAIN_CHANNELS_LIST,
                                        WIRE_MSG_NOTIFY};

    assert_int_equal(client->main.types_len, G_N_ELEMENTS(expected));
    assert_memory_equal(client->main.types, expected, sizeof expected);
    assert_string_equal(fake_client_main(client->client)->name, "room");
    assert_int_equal(fake_client_main(client->client)->channels_len, 1); /* inputs; never main itself */
    assert_int_equal(fake_client_main(client->client)->notifies,
                     1); /* the keyboard channel is not encrypted */
}

static void test_agent_messages_are_ignored_without_an_agent(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, false);
    static const uint8_t data[20] = {1};
    const WireMsgc messages[] = {
        {.channel = WIRE_CHANNEL_MAIN,
         .type = WIRE_MSGC_MAIN_AGENT_START,
         .u.main_agent_start.num_tokens = 10},
        {.channel = WIRE_CHANNEL_MAIN,
         .type = WIRE_MSGC_MAIN_AGENT_DATA,
         .u.main_agent_data.data = {data, sizeof data}},
        {.channel = WIRE_CHANNEL_MAIN,
         .type = WIRE_MSGC_MAIN_AGENT_TOKEN,
         .u.main_agent_token.num_tokens = 5},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
        fake_connection_send(client->main.connection, &messages[i]);
    }
    room_run(room, 50 * NS_PER_MS);
    assert_int_equal(fake_connection_state(client->main.connection), FAKE_STATE_OPEN);
}

/* Everything that the existing server dies of, or that means nothing here, ends that client alone. */
static void test_migration_messages_end_the_client_and_no_other(void **state)
{
    Room *room = *state;
    static const uint16_t types[] = {WIRE_MSGC_MIGRATE_FLUSH_MARK, WIRE_MSGC_MAIN_MIGRATE_END,
                                     WIRE_MSGC_MAIN_MIGRATE_CONNECTED};
    RoomClient *other = room_client(room, true);

    for (size_t i = 0; i < G_N_ELEMENTS(types) - 1; i++) {
        RoomClient *client = room_client(room, true);
        const WireMsgc message = {.channel = WIRE_CHANNEL_MAIN, .type = types[i]};
        fake_connection_send(client->main.connection, &message);
        room_run(room, 100 * NS_PER_MS);
        assert_int_equal(client->main.handle, -1);
        assert_int_equal(client->inputs.handle, -1); /* main's end is the client's end */
    }
    assert_int_equal(fake_connection_state(other->inputs.connection), FAKE_STATE_OPEN);
    assert_int_equal(spice_server_get_num_clients(room->server), 1);
}

static void single_client(Room *room)
{
    room->result = spice_server_set_multiple_clients(room->server, 0);
}

static void test_a_new_client_replaces_the_old_one_unless_several_are_allowed(void **state)
{
    Room *room = *state;
    RoomClient *one = room_client(room, true);
    RoomClient *two = room_client(room, true);

    assert_int_equal(fake_connection_state(one->inputs.connection), FAKE_STATE_OPEN);
    room_host(room, single_client);
    RoomClient *three = room_client(room, true);
    assert_int_equal(one->main.handle, -1);
    assert_int_equal(two->inputs.handle, -1);
    assert_int_equal(fake_connection_state(three->inputs.connection), FAKE_STATE_OPEN);
}

/* ---- Migration, as far as sessions go ---- */

static void migrate_clients(Room *room)
{
    Server *server = (Server *)room->server;

    list_each(&server->reds.clients, node)
    {
        red_client_migrate(list_entry(node, RedClient, in_reds));
        red_client_migrate(list_entry(node, RedClient, in_reds)); /* the second time is none */
    }
}

/* I47: after MIGRATE nothing follows, whatever happens. */
static void test_migrate_is_the_last_thing_a_channel_says(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    client->main.types_len = client->inputs.types_len = 0;
    room_host(room, migrate_clients);
    room_host(room, set_leds_2);
    for (int i = 0; i < 8; i++) {
        fake_inputs_position(client->inputs.connection, 1, 1, 0, 0); /* would be acknowledged */
    }
    room_run(room, 40 * NS_PER_S); /* pings, too, would come */
    assert_int_equal(client->main.types_len, 1);
    assert_int_equal(client->main.types[0], WIRE_MSG_MIGRATE);
    assert_int_equal(client->inputs.types_len, 1);
    assert_int_equal(client->inputs.types[0], WIRE_MSG_MIGRATE);
    assert_int_equal(fake_connection_state(client->inputs.connection), FAKE_STATE_OPEN);
}

/* ---- A silent peer (I55) ---- */

static void test_a_client_that_answers_no_ping_is_closed(void **state)
{
    Room *room = *state;
    RoomClient *client = room_client(room, true);

    room_run(room, 60 * NS_PER_S);
    assert_int_equal(fake_connection_state(client->main.connection), FAKE_STATE_OPEN); /* this one answers */
    RoomClient *silent = room_client(room, false);
    sim_client_wait(silent->main.step, -1, 0, NS_NEVER); /* deaf and dumb from now on */
    room_run(room, 60 * NS_PER_S);
    assert_int_equal(spice_server_get_num_clients(room->server), 1);
    sim_client_wait(silent->main.step, silent->main.handle, CORE_READ, NS_NEVER);
    room_run(room, NS_PER_S);
    assert_int_equal(silent->main.handle, -1);
}

int main(void)
{
#define ROOM_TEST(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_keys_arrive_byte_by_byte),
        ROOM_TEST(test_a_clients_keys_are_released_when_it_leaves_and_no_others),
        ROOM_TEST(test_without_a_keyboard_nothing_happens),
        ROOM_TEST(test_lock_keys_are_pressed_where_the_lights_differ),
        ROOM_TEST(test_a_held_lock_key_is_not_pressed_again),
        ROOM_TEST(test_lights_are_asked_for_two_seconds_after_a_lock_key),
        ROOM_TEST(test_server_mode_moves_the_mouse),
        ROOM_TEST(test_client_mode_is_possible_with_tablet_and_screen),
        ROOM_TEST(test_every_fourth_motion_is_acknowledged_in_either_mode),
        ROOM_TEST(test_main_greets_lists_and_warns),
        ROOM_TEST(test_agent_messages_are_ignored_without_an_agent),
        ROOM_TEST(test_migration_messages_end_the_client_and_no_other),
        ROOM_TEST(test_a_new_client_replaces_the_old_one_unless_several_are_allowed),
        ROOM_TEST(test_migrate_is_the_last_thing_a_channel_says),
        ROOM_TEST(test_a_client_that_answers_no_ping_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
