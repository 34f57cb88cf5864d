/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/tale_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/fidelity/tale_host.h"

/* ---- Sessions and connections ---- */

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    GuestSession *session = opaque;
    for (uint32_t i = 0; i < session->lines_len; i++) {
        if (session->lines[i].line.connection == connection) {
            part_add_message(session->lines[i].part, connection, serial, message, body);
        }
    }
}

static void line_note_end(GuestLine *line, FakeState end)
{
    line->ended = true;
    line->end = end;
    if (end == FAKE_STATE_REFUSED) {
        part_addf(line->part, "refused: error %u", fake_connection_link_error(line->line.connection));
    }
}

static void on_ended(Line *line)
{
    GuestLine *self = (GuestLine *)line;
    if (!self->ended) {
        line_note_end(self, fake_connection_state(line->connection));
        part_add(self->part, "closed");
    }
}

static void line_hang_up(GuestLine *line)
{
    Stage *stage = line->session->all->stage;
    if (!line->ended) {
        line_note_end(line, FAKE_STATE_CLOSED);
        if (line->line.handle >= 0) {
            stage->close(&line->line);
            fake_connection_closed(line->line.connection, stage->now_ns(stage));
        }
    }
}

static void configure(const Guests *guests, uint32_t client, FakeClientConfig *ret)
{
    *ret = fake_client_config_default();
    ret->password = guests->tickets ? TALE_PASSWORD : NULL;
    ret->behaviour.cheap_ticket = !guests->tickets;
    for (const Phrase *trait = guests->scenario->clients[client].traits; trait != NULL; trait = trait->next) {
        switch (trait->form->id) {
        case CLIENT_FULL_HEADER:
            ret->full_header = true;
            break;
        case CLIENT_MINI_HEADER:
            ret->full_header = false;
            break;
        case CLIENT_WANTS_MOUSE:
            ret->client_mouse = trait->args[0].range.low == MOUSE_CLIENT;
            break;
        case CLIENT_WEBSOCKET:
            ret->websocket = 1; /* any: messages are compared, not frames */
            break;
        case CLIENT_PASSWORD:
            ret->password = trait->args[0].text;
            break;
        default:
            CHECK(false); /* accepted, and nobody carries it out */
        }
    }
}

GuestSession *guests_session(Guests *guests, uint32_t client)
{
    GuestSession *session = guests->newest;
    while (session != NULL && session->client != client) {
        session = session->before;
    }
    return session;
}

GuestSession *guest_session_begin(Guests *guests, uint32_t client)
{
    FakeClientConfig config;
    GuestSession *session = calloc(1, sizeof *session);

    CHECK(session != NULL);
    configure(guests, client, &config);
    config.on_message = on_message;
    config.opaque = session;
    session->all = guests;
    session->client = client;
    session->fake = fake_client_new(&config);
    CHECK(session->fake != NULL);
    session->before = guests->newest;
    guests->newest = session;
    guests->sessions[client]++;
    return session;
}

GuestLine *guest_connect(GuestSession *session, ChannelRef channel, const char *alias)
{
    Guests *guests = session->all;
    Stage *stage = guests->stage;
    char name[64], id[8];

    snprintf(id, sizeof id, ":%u", channel.id);
    snprintf(name, sizeof name, "%s, session %u, %s%s", guests->scenario->clients[session->client].name,
             guests->sessions[session->client], alias != NULL ? alias : wire_channel_name(channel.type),
             alias != NULL || channel.id == 0 ? "" : id);
    Part *part = part_new(guests->transcript, name);
    if (part == NULL || session->lines_len == GUEST_LINES_MAX) {
        transcript_fail(guests->transcript, "there are too many connections");
        return NULL;
    }
    GuestLine *line = &session->lines[session->lines_len++];
    *line = (GuestLine){.line = {.stage = stage, .handle = -1, .ended = on_ended},
                        .session = session,
                        .part = part,
                        .channel = channel,
                        .alias = alias};
    if (session->lines_len > 1 && fake_client_main(session->fake)->session_id == 0) {
        line->ended = true; /* main never told the session */
        part_add(part, "no session");
        return line;
    }
    line->line.connection =
        fake_client_connect(session->fake, channel.type, channel.id, stage->now_ns(stage));
    CHECK(line->line.connection != NULL);
    if (!stage->open(stage, &line->line)) {
        line_note_end(line, FAKE_STATE_CLOSED);
        part_add(part, "nobody listens");
    }
    return line;
}

bool guest_line_has_come(const GuestLine *line)
{
    if (line->ended) {
        return true;
    }
    const bool is_main = line->channel.type == WIRE_CHANNEL_MAIN && line->alias == NULL;
    return fake_connection_state(line->line.connection) == FAKE_STATE_OPEN &&
           (!is_main || fake_client_main(line->session->fake)->has_list);
}

void guests_init(Guests *guests, Stage *stage, const Scenario *scenario, Transcript *transcript)
{
    *guests = (Guests){.stage = stage, .scenario = scenario, .transcript = transcript};
}

bool guests_check(const Guests *guests)
{
    const FakeViolation *first;
    for (const GuestSession *session = guests->newest; session != NULL; session = session->before) {
        if (fake_client_violations(session->fake, &first) > 0) {
            transcript_fail(guests->transcript, "client %s, channel %s: %s",
                            guests->scenario->clients[session->client].name,
                            wire_channel_name(first->channel), first->text);
            return false;
        }
    }
    return true;
}

void guests_finish(Guests *guests)
{
    for (GuestSession *session = guests->newest; session != NULL; session = session->before) {
        for (uint32_t i = 0; i < session->lines_len; i++) {
            line_hang_up(&session->lines[i]);
        }
    }
    (void)guests_check(guests);
    while (guests->newest != NULL) {
        GuestSession *session = guests->newest;
        guests->newest = session->before;
        fake_client_free(session->fake);
        free(session);
    }
}

bool guests_have_left(const Guests *guests)
{
    for (const GuestSession *session = guests->newest; session != NULL; session = session->before) {
        for (uint32_t i = 0; i < session->lines_len; i++) {
            if (!session->lines[i].ended) {
                return false;
            }
        }
    }
    return true;
}

/* ---- Acts ---- */

static bool is_meant(const GuestLine *line, const Who *who)
{
    if (who->kind != WHO_WIRE) {
        return true;
    }
    if (who->alias != NULL || line->alias != NULL) {
        return who->alias != NULL && line->alias != NULL && strcmp(who->alias, line->alias) == 0;
    }
    return line->channel.type == who->channel.type && line->channel.id == who->channel.id;
}

static GuestLine *newest_line(GuestSession *session, const Who *who)
{
    for (uint32_t i = session != NULL ? session->lines_len : 0; i-- > 0;) {
        if (is_meant(&session->lines[i], who)) {
            return &session->lines[i];
        }
    }
    return NULL;
}

static bool is_open(const GuestLine *line)
{
    return !line->ended && fake_connection_state(line->line.connection) == FAKE_STATE_OPEN;
}

static GuestLine *open_line(GuestSession *session, uint8_t type)
{
    for (uint32_t i = session != NULL ? session->lines_len : 0; i-- > 0;) {
        if (session->lines[i].channel.type == type && is_open(&session->lines[i])) {
            return &session->lines[i];
        }
    }
    return NULL;
}

static void guest_inputs(FakeConnection *connection, const Phrase *phrase)
{
    const Arg *first = &phrase->args[0], *second = &phrase->args[1];
    const uint32_t value = (uint32_t)first->range.low;

    switch (phrase->form->id) {
    case CLIENT_PRESSES:
    case CLIENT_RELEASES:
        fake_inputs_key(connection, phrase->form->id == CLIENT_PRESSES, value);
        break;
    case CLIENT_TYPES:
        fake_inputs_key(connection, true, value);
        fake_inputs_key(connection, false, value | 0x80);
        break;
    case CLIENT_MOVES_TO:
        fake_inputs_position(connection, value, (uint32_t)second->range.low, 0, 0);
        break;
    case CLIENT_MOVES_BY:
        fake_inputs_motion(connection, (int32_t)first->number, (int32_t)second->number, 0);
        break;
    case CLIENT_CLICKS:
        fake_inputs_button(connection, true, (uint8_t)(value + 1), (uint16_t)(1u << value));
        fake_inputs_button(connection, false, (uint8_t)(value + 1), 0);
        break;
    case CLIENT_SETS_MODIFIERS:
        fake_inputs_modifiers(connection, (uint16_t)(value & 7));
        break;
    default:
        CHECK(false); /* accepted, and nobody carries it out */
    }
}

void guest_act(Guests *guests, uint32_t client, const Who *who, const Phrase *phrase)
{
    GuestSession *session = guests_session(guests, client);
    GuestLine *line;

    if (phrase->form->id == WIRE_CLOSES && who->kind == WHO_WIRE) {
        line = newest_line(session, who);
        if (line != NULL) {
            line_hang_up(line);
        }
    } else if (phrase->form->id == WIRE_CLOSES) {
        for (uint32_t i = 0; session != NULL && i < session->lines_len; i++) {
            line_hang_up(&session->lines[i]);
        }
    } else if (phrase->form->id == CLIENT_ASKS_MOUSE) {
        line = open_line(session, WIRE_CHANNEL_MAIN);
        if (line != NULL) {
            const WireMsgc request = {
                .channel = WIRE_CHANNEL_MAIN,
                .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
                .u.main_mouse_mode_request.mode = (uint16_t)(1 + phrase->args[0].range.low),
            };
            fake_connection_send(line->line.connection, &request);
            guests->stage->poke(&line->line);
        }
    } else {
        line = open_line(session, WIRE_CHANNEL_INPUTS);
        if (line != NULL) {
            guest_inputs(line->line.connection, phrase);
            guests->stage->poke(&line->line);
        }
    }
}

/* ---- What is true ---- */

static bool line_is(const GuestLine *line, StateWord state)
{
    switch (state) {
    case STATE_CONNECTING:
        return !line->ended && !is_open(line);
    case STATE_OPEN:
        return is_open(line);
    case STATE_REFUSED:
        return line->ended && line->end == FAKE_STATE_REFUSED;
    case STATE_FAILED:
        return line->ended && line->end == FAKE_STATE_FAILED;
    default:
        return line->ended;
    }
}

/* Of all connections: open, gone; of any: the others. */
static bool session_is(const GuestSession *session, StateWord state)
{
    const bool all = state == STATE_OPEN || state == STATE_GONE;
    if (session == NULL || session->lines_len == 0) {
        return false;
    }
    for (uint32_t i = 0; i < session->lines_len; i++) {
        if (line_is(&session->lines[i], state) != all) {
            return !all;
        }
    }
    return all;
}

static bool in_range(uint64_t value, Range range)
{
    return value >= range.low && value <= range.high;
}

static bool display_value(const FakeDisplayModel *model, const Phrase *phrase)
{
    const FakeSurface *primary = &model->surfaces[0];
    const Range *range = &phrase->args[0].range;
    uint32_t surfaces = 0;

    switch (phrase->form->id) {
    case CLIENT_SEES_PRIMARY:
        return primary->exists && primary->width == range->low && primary->height == range->high;
    case CLIENT_SEES_NO_PRIMARY:
        return !primary->exists;
    case CLIENT_SEES_MONITORS:
        return in_range(model->heads_len, *range);
    case CLIENT_SEES_SURFACES:
        for (uint32_t i = 0; i < FAKE_SURFACES_MAX; i++) {
            surfaces += model->surfaces[i].exists;
        }
        return in_range(surfaces, *range);
    default:
        CHECK(false); /* accepted, and nobody knows */
        return false;
    }
}

static bool main_value(GuestSession *session, const Phrase *phrase)
{
    const FakeMainModel *main = fake_client_main(session->fake);
    const Arg *arg = &phrase->args[0];

    if (phrase->form->id == CLIENT_SEES_MOUSE) {
        return main->session_id != 0 && main->current_mouse_mode == 1 + arg->range.low;
    }
    if (phrase->form->id == CLIENT_SEES_MODIFIERS) {
        const GuestLine *inputs = open_line(session, WIRE_CHANNEL_INPUTS);
        return inputs != NULL && fake_connection_inputs(inputs->line.connection)->has_init &&
               in_range(fake_connection_inputs(inputs->line.connection)->modifiers, arg->range);
    }
    return main->has_list && fake_client_offers(session->fake, arg->channels[0].type, arg->channels[0].id) ==
                                 (phrase->form->id == CLIENT_SEES_CHANNEL);
}

static bool guest_value(Guests *guests, uint32_t client, const Who *who, const Phrase *phrase)
{
    GuestSession *session = guests_session(guests, client);
    const FormId id = phrase->form->id;
    GuestLine *line = who->kind == WHO_WIRE ? newest_line(session, who) : NULL;

    if (id == WIRE_IS || id == WIRE_IS_NOT) {
        const StateWord state = (StateWord)phrase->args[0].range.low;
        const bool is =
            who->kind == WHO_WIRE ? line != NULL && line_is(line, state) : session_is(session, state);
        return is == (id == WIRE_IS);
    }
    if (session == NULL) {
        return false;
    }
    if (id == CLIENT_SEES_MOUSE || id == CLIENT_SEES_CHANNEL || id == CLIENT_SEES_NO_CHANNEL ||
        id == CLIENT_SEES_MODIFIERS) {
        return main_value(session, phrase);
    }
    const bool about_cursor = id == CLIENT_SEES_CURSOR || id == CLIENT_SEES_NO_CURSOR;
    const uint8_t type = about_cursor ? WIRE_CHANNEL_CURSOR : WIRE_CHANNEL_DISPLAY;
    line = line != NULL ? line : open_line(session, type);
    if (line == NULL || line->channel.type != type || !is_open(line)) {
        return false;
    }
    if (about_cursor) {
        const FakeCursorModel *model = fake_connection_cursor(line->line.connection);
        return model->has_init && (model->visible && model->has_shape) == (id == CLIENT_SEES_CURSOR);
    }
    return display_value(fake_connection_display(line->line.connection), phrase);
}

bool guests_value(Guests *guests, const Who *who, const Phrase *phrase)
{
    for (uint32_t i = 0; i < guests->scenario->clients_len; i++) {
        if ((who->kind == WHO_EVERYBODY || who->index == i) && !guest_value(guests, i, who, phrase)) {
            return false;
        }
    }
    return true;
}
