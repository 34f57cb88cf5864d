/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/story.h"

#include <stdio.h>
#include <stdlib.h>

#include <sumac.h>

#include "base/check.h"
#include "fake_qxl.h"
#include "tests/fidelity/desk.h"

#define GUESTS 3u /* two clients, and the one that comes again */
#define LINES 4u

typedef struct GuestLine {
    Line line; /* first, so that it leads back here */
    Part *part;
} GuestLine;

/* A remote user. */
typedef struct Guest {
    FakeClient *client; /* NULL: not here */
    GuestLine lines[LINES];
} Guest;

/* What the act waits for. Each guest that is here must know it, and the host. */
typedef struct Expected {
    int x, y; /* of the cursor */
    bool visible;
    uint64_t shapes; /* unique id of the last one */
    uint16_t trail;
    uint16_t modifiers;
    uint32_t heads, width;
    bool surface;
    uint32_t mouse_mode;
    size_t host_lines;
    uint64_t motion_acks; /* of the guest that moves */
    int clients;
} Expected;

typedef struct Story {
    Stage *stage;
    Transcript *transcript;
    StoryTwist twist;
    SpiceServer *server;
    FakeQxl *qxl;
    Desk desk;
    uint64_t seed; /* of the device's random pictures */
    int clients;   /* as the server counts them */
    Guest guests[GUESTS];
    Guest *mover;
    Expected expected;
} Story;

static const uint8_t channels[LINES] = {WIRE_CHANNEL_MAIN, WIRE_CHANNEL_DISPLAY, WIRE_CHANNEL_CURSOR,
                                        WIRE_CHANNEL_INPUTS};

static GuestLine *line_of(Guest *guest, uint8_t channel)
{
    size_t i = 0;
    while (channels[i] != channel) {
        i++;
        CHECK(i < LINES);
    }
    return &guest->lines[i];
}

static FakeConnection *connection_of(Guest *guest, uint8_t channel)
{
    return line_of(guest, channel)->line.connection;
}

/* ---- What is written down ---- */

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    Part *part = line_of(opaque, fake_connection_channel(connection))->part;
    part_add_message(part, connection, serial, message, body);
}

static void on_ended(Line *line)
{
    part_add(((GuestLine *)line)->part, "closed");
}

static bool failed(const Story *story)
{
    return story->transcript->failure[0] != '\0';
}

#define story_fails(story, ...) transcript_fail((story)->transcript, __VA_ARGS__)

/* ---- Waiting for what an act must bring about ---- */

static void count_clients(void *arg)
{
    Story *story = arg;
    story->clients = spice_server_get_num_clients(story->server);
}

static bool guest_knows(Guest *guest, const Expected *expected)
{
    for (size_t i = 0; i < LINES; i++) {
        const FakeConnection *connection = guest->lines[i].line.connection;
        if (connection == NULL || fake_connection_state(connection) != FAKE_STATE_OPEN) {
            return false;
        }
    }
    const FakeDisplayModel *display = fake_connection_display(connection_of(guest, WIRE_CHANNEL_DISPLAY));
    const FakeCursorModel *cursor = fake_connection_cursor(connection_of(guest, WIRE_CHANNEL_CURSOR));
    const FakeInputsModel *inputs = fake_connection_inputs(connection_of(guest, WIRE_CHANNEL_INPUTS));
    return display->surfaces[0].exists && display->marked && display->surfaces[0].width == expected->width &&
           display->heads_len == expected->heads && display->surfaces[1].exists == expected->surface &&
           cursor->has_init && cursor->visible == expected->visible && cursor->position.x == expected->x &&
           cursor->position.y == expected->y && cursor->trail_length == expected->trail &&
           cursor->has_shape == (expected->shapes != 0) &&
           (!cursor->has_shape || cursor->shape.unique == expected->shapes) && inputs->has_init &&
           inputs->modifiers == expected->modifiers &&
           fake_client_main(guest->client)->current_mouse_mode == expected->mouse_mode;
}

static bool everybody_knows(void *arg)
{
    Story *story = arg;
    const Expected *expected = &story->expected;
    for (size_t i = 0; i < GUESTS; i++) {
        if (story->guests[i].client != NULL && !guest_knows(&story->guests[i], expected)) {
            return false;
        }
    }
    if (story->server != NULL) {
        count_clients(story); /* only looks at a number: no need to be the host for that */
    }
    return story->desk.part->lines == expected->host_lines && story->clients == expected->clients &&
           (story->mover == NULL ||
            fake_connection_inputs(connection_of(story->mover, WIRE_CHANNEL_INPUTS))->acks ==
                expected->motion_acks);
}

static void settle(Story *story, const char *act)
{
    if (!failed(story) && !story->stage->until(story->stage, everybody_knows, story)) {
        story_fails(story, "%s: what should follow did not", act);
    }
}

/* ---- Acts of the host and its device ---- */

static void as_host(Story *story, void (*fn)(void *arg))
{
    if (!failed(story)) {
        story->stage->as_host(story->stage, fn, story);
    }
}

static void set_up(void *arg)
{
    Story *story = arg;
    story->server = story->stage->make_server(story->stage);
    spice_server_set_name(story->server, "story");
    spice_server_set_noauth(story->server);
    spice_server_set_multiple_clients(story->server, 1);
    if (spice_server_init(story->server, story->stage->core) != 0 ||
        !fake_input_add(&story->desk.input, story->server) ||
        spice_server_add_interface(story->server, &fake_qxl_instance(story->qxl)->base) != 0) {
        story_fails(story, "the server could not be set up");
        return;
    }
    const FakeQxlPrimary primary = {.width = 320, .height = 240, .mouse_mode = 1};
    fake_qxl_connect(story->qxl);
    fake_qxl_primary_create(story->qxl, &primary, false);
    fake_qxl_running(story->qxl, true);
    spice_server_vm_start(story->server);
}

static void first_cursor(void *arg)
{
    Story *story = arg;
    story->expected.shapes = story->twist == STORY_WITH_ANOTHER_CURSOR ? 12 : 11;
    fake_qxl_cursor_set(story->qxl, story->expected.shapes, 10, 20, true);
}

static void move_cursor(void *arg)
{
    fake_qxl_cursor_move(((Story *)arg)->qxl, 111, 99);
}

static void cursor_with_trail(void *arg)
{
    fake_qxl_cursor_trail(((Story *)arg)->qxl, 5, 3);
}

static void second_cursor(void *arg)
{
    fake_qxl_cursor_set(((Story *)arg)->qxl, 23, 7, 8, true);
}

/* The same again: clients that saw it have it in their caches. */
static void old_cursor(void *arg)
{
    fake_qxl_cursor_set(((Story *)arg)->qxl, 11, 30, 31, true);
}

static void hide_cursor(void *arg)
{
    fake_qxl_cursor_hide(((Story *)arg)->qxl);
}

static void make_surface(void *arg)
{
    fake_qxl_surface_create(((Story *)arg)->qxl, 64, 48, SPICE_SURFACE_FMT_32_xRGB);
}

static void drop_surface(void *arg)
{
    fake_qxl_surface_destroy(((Story *)arg)->qxl, 1);
}

static void two_monitors(void *arg)
{
    fake_qxl_monitors(((Story *)arg)->qxl, 2, 4);
}

static void light_leds(void *arg)
{
    Story *story = arg;
    story->desk.input.leds = SPICE_KEYBOARD_MODIFIER_FLAGS_CAPS_LOCK;
    spice_server_kbd_leds(&story->desk.input.keyboard, story->desk.input.leds);
}

static void larger_primary(void *arg)
{
    Story *story = arg;
    const FakeQxlPrimary primary = {.width = 400, .height = 300, .mouse_mode = 1};
    fake_qxl_primary_destroy(story->qxl, false);
    fake_qxl_primary_create(story->qxl, &primary, false);
}

static void destroy(void *arg)
{
    Story *story = arg;
    spice_server_destroy(story->server);
    story->server = NULL;
    story->stage->unlisten(story->stage);
}

/* ---- Acts of the clients ---- */

static void guest_open(Story *story, Guest *guest, uint8_t channel)
{
    GuestLine *line = line_of(guest, channel);
    line->line = (Line){.stage = story->stage, .handle = -1, .ended = on_ended};
    line->line.connection =
        fake_client_connect(guest->client, channel, 0, story->stage->now_ns(story->stage));
    CHECK(line->line.connection != NULL);
    if (!story->stage->open(story->stage, &line->line)) {
        story_fails(story, "nobody listens");
    }
}

static bool has_list(void *arg)
{
    return fake_client_main(((Guest *)arg)->client)->has_list;
}

static bool is_greeted(void *arg)
{
    Guest *guest = arg;
    for (size_t i = 0; i < LINES; i++) {
        const FakeConnection *connection = guest->lines[i].line.connection;
        if (connection != NULL && fake_connection_messages(connection) == 0) {
            return false;
        }
    }
    return true;
}

static void guest_comes(Story *story, Guest *guest, const char *name, bool full_header)
{
    if (failed(story)) {
        return;
    }
    FakeClientConfig config = fake_client_config_default();
    config.full_header = full_header;
    config.client_mouse = false; /* it asks when the story says so */
    config.behaviour.cheap_ticket = true;
    config.on_message = on_message;
    config.opaque = guest;
    guest->client = fake_client_new(&config);
    CHECK(guest->client != NULL);
    for (size_t i = 0; i < LINES; i++) {
        char part[64];
        snprintf(part, sizeof part, "%s %s", name, wire_channel_name(channels[i]));
        guest->lines[i].part = part_new(story->transcript, part);
        CHECK(guest->lines[i].part != NULL);
    }
    guest_open(story, guest, WIRE_CHANNEL_MAIN);
    if (!failed(story) && !story->stage->until(story->stage, has_list, guest)) {
        story_fails(story, "%s never got a list of channels", name);
    }
    /* One after the other: each may show on main, too. */
    for (size_t i = 1; i < LINES && !failed(story); i++) {
        guest_open(story, guest, channels[i]);
        if (!failed(story) && !story->stage->until(story->stage, is_greeted, guest)) {
            story_fails(story, "%s was not let into %s", name, wire_channel_name(channels[i]));
        }
    }
    story->expected.clients++;
    settle(story, name);
}

static void guest_judge(Story *story, Guest *guest)
{
    const FakeViolation *first;
    if (fake_client_violations(guest->client, &first) > 0) {
        story_fails(story, "channel %s: %s", wire_channel_name(first->channel), first->text);
    }
    fake_client_free(guest->client);
    guest->client = NULL;
}

static void guest_hangs_up(Story *story, Guest *guest)
{
    for (size_t i = 0; i < LINES; i++) {
        if (guest->lines[i].line.connection != NULL && guest->lines[i].line.handle >= 0) {
            story->stage->close(&guest->lines[i].line);
        }
    }
    if (guest->client != NULL) {
        guest_judge(story, guest);
    }
}

static void guest_goes(Story *story, Guest *guest)
{
    guest_hangs_up(story, guest);
    story->expected.clients--;
    settle(story, "a client leaves");
}

static void guest_types(Story *story, Guest *guest)
{
    Line *line = &line_of(guest, WIRE_CHANNEL_INPUTS)->line;
    fake_inputs_key(line->connection, true, 0x1e);
    fake_inputs_key(line->connection, false, 0x9e);
    if (story->twist != STORY_WITHOUT_A_KEY) {
        fake_inputs_key(line->connection, true, 0x48e0); /* an arrow: two bytes */
        fake_inputs_key(line->connection, false, 0xc8e0);
        story->expected.host_lines += 4;
    }
    story->expected.host_lines += 2;
    line->stage->poke(line);
    settle(story, "typing");
}

/* The server acknowledges every fourth. */
static void guest_moves(Story *story, Guest *guest)
{
    Line *line = &line_of(guest, WIRE_CHANNEL_INPUTS)->line;
    for (int i = 0; i < 4; i++) {
        fake_inputs_motion(line->connection, 2 + i, -1, 0);
    }
    fake_inputs_button(line->connection, true, SPICE_MOUSE_BUTTON_LEFT, SPICE_MOUSE_BUTTON_MASK_LEFT);
    fake_inputs_button(line->connection, false, SPICE_MOUSE_BUTTON_LEFT, 0);
    story->mover = guest;
    story->expected.motion_acks = 1;
    story->expected.host_lines += 6;
    line->stage->poke(line);
    settle(story, "moving the mouse");
    story->mover = NULL;
}

static void guest_asks_for_client_mode(Story *story, Guest *guest)
{
    Line *line = &line_of(guest, WIRE_CHANNEL_MAIN)->line;
    const WireMsgc request = {
        .channel = WIRE_CHANNEL_MAIN,
        .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
        .u.main_mouse_mode_request.mode = SPICE_MOUSE_MODE_CLIENT,
    };
    fake_connection_send(line->connection, &request);
    story->expected.mouse_mode = SPICE_MOUSE_MODE_CLIENT;
    line->stage->poke(line);
    settle(story, "asking for client mouse mode");
}

static void guest_points(Story *story, Guest *guest)
{
    Line *line = &line_of(guest, WIRE_CHANNEL_INPUTS)->line;
    fake_inputs_position(line->connection, 200, 100, 0, 0);
    story->expected.host_lines += 1;
    line->stage->poke(line);
    settle(story, "pointing");
    fake_inputs_button(line->connection, true, SPICE_MOUSE_BUTTON_UP, 0);
    fake_inputs_button(line->connection, false, SPICE_MOUSE_BUTTON_UP, 0);
    story->expected.host_lines += 2;
    line->stage->poke(line);
    settle(story, "turning the wheel");
}

/* ---- The story ---- */

static void cursors(Story *story)
{
    Expected *expected = &story->expected;
    as_host(story, first_cursor);
    expected->x = 10;
    expected->y = 20;
    expected->visible = true;
    settle(story, "first cursor");
    as_host(story, move_cursor);
    expected->x = 111;
    expected->y = 99;
    settle(story, "cursor moves");
    as_host(story, cursor_with_trail);
    expected->trail = 5;
    settle(story, "cursor gets a trail");
}

static void more_cursors(Story *story)
{
    Expected *expected = &story->expected;
    as_host(story, second_cursor);
    expected->shapes = 23;
    expected->x = 7;
    expected->y = 8;
    settle(story, "second cursor");
    as_host(story, old_cursor);
    expected->shapes = 11;
    expected->x = 30;
    expected->y = 31;
    settle(story, "first cursor again");
    as_host(story, hide_cursor);
    expected->visible = false;
    settle(story, "cursor hides");
}

static void screens(Story *story)
{
    Expected *expected = &story->expected;
    as_host(story, make_surface);
    expected->surface = true;
    settle(story, "a surface");
    as_host(story, two_monitors);
    expected->heads = 2;
    settle(story, "two monitors");
    as_host(story, drop_surface);
    expected->surface = false;
    settle(story, "no surface");
}

static bool all_closed(void *arg)
{
    const Story *story = arg;
    for (size_t g = 0; g < GUESTS; g++) {
        for (size_t i = 0; i < LINES && story->guests[g].client != NULL; i++) {
            if (story->guests[g].lines[i].line.handle >= 0) {
                return false;
            }
        }
    }
    return true;
}

void story_play(Stage *stage, bool full_header, StoryTwist twist, Transcript *ret)
{
    *ret = (Transcript){0};
    Story *story = calloc(1, sizeof *story);
    CHECK(story != NULL);
    story->stage = stage;
    story->transcript = ret;
    story->twist = twist;
    story->expected = (Expected){.visible = true, /* as after a reset */
                                 .heads = 1,
                                 .width = 320,
                                 .mouse_mode = SPICE_MOUSE_MODE_SERVER,
                                 .host_lines = 1}; /* the tablet's size */
    desk_init(&story->desk, part_new(ret, "the host"));
    story->qxl = fake_qxl_new(&(FakeQxlConfig){.ram_bytes = 1u << 20,
                                               .vram_bytes = 2u << 20,
                                               .strict = true,
                                               .choice = {fake_qxl_prng_choose, &story->seed}});
    CHECK(story->qxl != NULL);
    Guest *first = &story->guests[0], *second = &story->guests[1], *again = &story->guests[2];

    as_host(story, set_up);
    guest_comes(story, first, "first", full_header);
    cursors(story);
    guest_comes(story, second, "second", !full_header);
    if (!failed(story)) {
        guest_types(story, first);
        guest_moves(story, second);
    }
    more_cursors(story);
    as_host(story, light_leds);
    story->expected.modifiers = story->desk.input.leds;
    settle(story, "caps lock");
    screens(story);
    guest_goes(story, first);
    if (!failed(story)) {
        guest_asks_for_client_mode(story, second);
        guest_points(story, second);
    }
    guest_comes(story, again, "first, again", full_header);
    as_host(story, larger_primary);
    /* The old one took the cursor with it. */
    story->expected.x = story->expected.y = story->expected.trail = 0;
    story->expected.shapes = 0;
    story->expected.visible = true;
    story->expected.width = 400;
    story->expected.host_lines++; /* the tablet's size */
    settle(story, "a larger screen");
    as_host(story, destroy);
    story->clients = story->expected.clients = 0;
    if (!failed(story) && !stage->until(stage, all_closed, story)) {
        story_fails(story, "the server is gone, its connections are not");
    }

    for (size_t g = 0; g < GUESTS; g++) {
        guest_hangs_up(story, &story->guests[g]);
    }
    if (story->server == NULL && fake_qxl_check(story->qxl, true, NULL) > 0) {
        story_fails(story, "device: %s", fake_qxl_violation(story->qxl, 0));
    }
    if (story->server == NULL) {
        fake_qxl_free(story->qxl); /* a server that could not be destroyed still has it */
        free(story);
    }
}
