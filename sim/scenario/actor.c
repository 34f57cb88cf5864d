/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/actor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/scenario/stage.h"

#define WEBSOCKETS 65536u /* ways to cut and mask frames */

/* ---- Sessions ---- */

static bool session_is_over(const Session *session)
{
    for (uint32_t i = 0; i < session->wires_len; i++) {
        if (!session->wires[i].ended) {
            return false;
        }
    }
    return true;
}

static void session_judge(Session *session)
{
    Actors *actors = session->actor->all;
    const FakeViolation *violations;
    const size_t n = fake_client_violations(session->client, &violations);
    /* Nobody can answer in time when time goes on although somebody could run. */
    const bool own_fault =
        (session->careless || sim_slips(actors->sim) > 0) && n > 0 &&
        (violations->rule == FAKE_RULE_IN_TIME || violations->rule == FAKE_RULE_LINK_RESULT);

    if (n > 0 && !own_fault && actors->failure[0] == '\0') {
        snprintf(actors->failure, sizeof actors->failure, "client %s, channel %s:%u, message %llu: %s",
                 session->actor->written->name, wire_channel_name(violations->channel),
                 violations->channel_id, (unsigned long long)violations->serial, violations->text);
    }
}

static void session_free(Session *session)
{
    for (uint32_t i = 0; i < session->wires_len; i++) {
        if (session->wires[i].step != NULL) {
            sim_client_remove(session->wires[i].step);
        }
    }
    session_judge(session);
    fake_client_free(session->client);
    free(session);
}

static void configure(const Actor *actor, FakeClientConfig *ret)
{
    *ret = fake_client_config_default();
    ret->poison = FAKE_QXL_POISON;
    ret->crypto = actor->all->crypto;
    ret->password = actor->all->crypto != NULL ? STAGE_PASSWORD : NULL;
    for (const Phrase *trait = actor->written->traits; trait != NULL; trait = trait->next) {
        const Arg *arg = &trait->args[0];
        switch (trait->form->id) {
        case CLIENT_FULL_HEADER:
            ret->full_header = true;
            break;
        case CLIENT_MINI_HEADER:
            ret->full_header = false;
            break;
        case CLIENT_WANTS_MOUSE:
            ret->client_mouse = arg->range.low == MOUSE_CLIENT;
            break;
        case CLIENT_WEBSOCKET:
            ret->websocket = 1 + sim_choose_at(actor->all->sim, "frames", WEBSOCKETS);
            break;
        case CLIENT_PASSWORD:
            ret->password = arg->text;
            break;
        case CLIENT_NEVER_ACKS:
            ret->behaviour.never_ack = true;
            break;
        case CLIENT_NEVER_PONGS:
            ret->behaviour.never_pong = true;
            break;
        case CLIENT_SKIPS_INIT:
            ret->behaviour.skip_display_init = true;
            break;
        case CLIENT_FLOODS_MOTION:
            ret->behaviour.motion_flood = true;
            break;
        case CLIENT_NEVER_ATTACHES:
            ret->behaviour.no_attach = true;
            break;
        case CLIENT_LIES:
            ret->behaviour.link_lie = (FakeLinkLie)(FAKE_LINK_HONEST + 1 + arg->range.low);
            break;
        case CLIENT_LEAVES_AFTER:
            ret->behaviour.leave_after = stage_pick(actor->all->sim, "leaves", arg->range);
            break;
        default:
            CHECK(false); /* the table has a form that nobody carries out */
        }
    }
    ret->behaviour.cheap_ticket = actor->all->crypto == NULL;
}

static Session *session_begin(Actor *actor)
{
    /* Those that ended are judged now; ghosts, whom only the server can end, stay. */
    for (Session **at = &actor->session; *at != NULL;) {
        Session *old = *at;
        if (session_is_over(old)) {
            *at = old->before;
            session_free(old);
        } else {
            at = &old->before;
        }
    }
    FakeClientConfig config;
    configure(actor, &config);
    Session *session = calloc(1, sizeof *session);
    CHECK(session != NULL);
    session->actor = actor;
    session->before = actor->session;
    session->client = fake_client_new(&config);
    CHECK(session->client != NULL);
    actor->session = session;
    return session;
}

/* ---- Connections ---- */

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns);

static Sim *sim_of_wire(const Wire *wire)
{
    return wire->session->actor->all->sim;
}

#define INSIDE_ANY UINT16_MAX

/* In the order of their words. */
static const uint16_t message_types[] = {WIRE_MSG_DISPLAY_MARK,
                                         WIRE_MSG_DISPLAY_COPY_BITS,
                                         WIRE_MSG_DISPLAY_INVAL_LIST,
                                         WIRE_MSG_DISPLAY_INVAL_PALETTE,
                                         WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES,
                                         WIRE_MSG_DISPLAY_DRAW_FILL,
                                         WIRE_MSG_DISPLAY_DRAW_OPAQUE,
                                         WIRE_MSG_DISPLAY_DRAW_COPY,
                                         WIRE_MSG_DISPLAY_DRAW_BLEND,
                                         WIRE_MSG_DISPLAY_DRAW_BLACKNESS,
                                         WIRE_MSG_DISPLAY_DRAW_WHITENESS,
                                         WIRE_MSG_DISPLAY_DRAW_INVERS,
                                         WIRE_MSG_DISPLAY_DRAW_ROP3,
                                         WIRE_MSG_DISPLAY_DRAW_STROKE,
                                         WIRE_MSG_DISPLAY_DRAW_TEXT,
                                         WIRE_MSG_DISPLAY_DRAW_TRANSPARENT,
                                         WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND,
                                         WIRE_MSG_DISPLAY_SURFACE_CREATE,
                                         WIRE_MSG_DISPLAY_SURFACE_DESTROY,
                                         WIRE_MSG_DISPLAY_MONITORS_CONFIG,
                                         WIRE_MSG_DISPLAY_DRAW_COMPOSITE,
                                         WIRE_MSG_SET_ACK,
                                         WIRE_MSG_PING,
                                         WIRE_MSG_CURSOR_INIT,
                                         WIRE_MSG_CURSOR_RESET,
                                         WIRE_MSG_CURSOR_SET,
                                         WIRE_MSG_CURSOR_MOVE,
                                         WIRE_MSG_CURSOR_HIDE,
                                         WIRE_MSG_CURSOR_TRAIL,
                                         WIRE_MSG_CURSOR_INVAL_ONE,
                                         WIRE_MSG_CURSOR_INVAL_ALL,
                                         INSIDE_ANY};
_Static_assert(sizeof message_types / sizeof message_types[0] == MESSAGE_ANYTHING + 1, "as many as words");

static void wire_act(Wire *wire, FormId act);

typedef enum WireEnd { END_CLOSE, END_RESET } WireEnd;

static void wire_end(Wire *wire, WireEnd how)
{
    Sim *sim = sim_of_wire(wire);

    wire->ended = true;
    if (wire->connection != NULL) {
        wire->refused = fake_connection_state(wire->connection) == FAKE_STATE_REFUSED;
        wire->failed = fake_connection_state(wire->connection) == FAKE_STATE_FAILED;
        fake_connection_closed(wire->connection, sim_now_ns(sim));
    }
    if (wire->handle >= 0) {
        if (how == END_RESET) {
            sim_reset(sim, wire->handle);
        } else {
            sim_close(sim, wire->handle);
        }
        wire->handle = -1;
    }
    if (wire->step != NULL) {
        sim_client_wait(wire->step, -1, 0, NS_NEVER);
    }
}

static void wire_silence(Wire *wire)
{
    wire->silent = true;
    wire->session->careless = true;
    if (wire->step != NULL && wire->handle >= 0) {
        sim_client_wait(wire->step, wire->handle, 0, NS_NEVER);
    }
}

/* Of one that was placed: it happens now. */
static void fault_happens(Wire *wire)
{
    wire->fault.armed = false;
    sim_fault_happened(sim_of_wire(wire), wire->fault.kind == FAULT_F1   ? SIM_F1_CLOSE
                                          : wire->fault.kind == FAULT_F2 ? SIM_F2_WRITE
                                          : wire->fault.kind == FAULT_F5 ? SIM_F5_UNREAD
                                                                         : SIM_F6_BLACKHOLE);
}

static void fault_take(Wire *wire, PlacedFault *fault)
{
    wire->fault = *fault;
    wire->fault_left = fault->value;
    fault->armed = false;
    if (wire->fault.kind == FAULT_F5) {
        fault_happens(wire);
        wire->deaf = true;
        wire->session->careless = true;
        wire->deaf_until_ns = sim_now_ns(sim_of_wire(wire)) + fault->value;
    } else if (wire->fault_left == 0 && wire->fault.kind != FAULT_F2) {
        fault_happens(wire);
        if (wire->fault.kind == FAULT_F6) {
            wire_silence(wire);
        } else {
            wire_end(wire, END_CLOSE);
        }
    }
}

static bool is_target(const Wire *wire, const Who *who)
{
    if (who->kind == WHO_CLIENT || who->kind == WHO_EVERYBODY) {
        return true;
    }
    if (who->alias != NULL || wire->alias != NULL) {
        return who->alias != NULL && wire->alias != NULL && strcmp(who->alias, wire->alias) == 0;
    }
    return wire->channel.type == who->channel.type && wire->channel.id == who->channel.id;
}

/* The connection really begins: its session is known. */
static void wire_begin(Wire *wire)
{
    Session *session = wire->session;
    Sim *sim = sim_of_wire(wire);

    wire->connection =
        fake_client_connect(session->client, wire->channel.type, wire->channel.id, sim_now_ns(sim));
    CHECK(wire->connection != NULL);
    snprintf(wire->name, sizeof wire->name, "%s.%s", session->actor->written->name,
             wire->alias != NULL ? wire->alias : wire_channel_name(wire->channel.type));
    wire->ops = (SimClientOps){wire->name, wire_step};
    wire->step = sim_client_add(sim, &wire->ops, wire);
    for (uint32_t i = 0; i < ACTOR_FAULTS_MAX; i++) {
        PlacedFault *fault = &session->actor->faults[i];
        if (fault->armed && is_target(wire, &fault->target)) {
            fault_take(wire, fault);
            break;
        }
    }
}

static void session_connect(Session *session, ChannelRef channel, const char *alias)
{
    const bool is_main = channel.type == WIRE_CHANNEL_MAIN && alias == NULL;

    if (session->wires_len == SESSION_WIRES_MAX) {
        sim_fail(session->actor->all->sim, "client %s has more than %u connections",
                 session->actor->written->name, SESSION_WIRES_MAX);
        return;
    }
    Wire *wire = &session->wires[session->wires_len++];
    *wire = (Wire){.session = session, .channel = channel, .alias = alias, .handle = -1};
    if (is_main || fake_client_main(session->client)->session_id != 0) {
        wire_begin(wire);
    }
}

/* What waited for the main channel. */
static void session_update(Session *session)
{
    const FakeMainModel *main = fake_client_main(session->client);
    const bool has_main = !session->wires[0].ended;

    for (uint32_t i = 1; i < session->wires_len; i++) {
        Wire *wire = &session->wires[i];
        if (wire->connection == NULL && !wire->ended) {
            if (main->session_id != 0) {
                wire_begin(wire);
            } else if (!has_main) {
                wire->ended = true; /* it never will */
            }
        }
    }
    if (session->wants_everything && has_main && main->has_list) {
        session->wants_everything = false;
        for (size_t i = 0; i < main->channels_len; i++) {
            session_connect(session, (ChannelRef){main->channels[i].type, main->channels[i].id}, NULL);
        }
    }
}

static void wire_read(Wire *wire, uint64_t now_ns)
{
    Sim *sim = sim_of_wire(wire);
    uint8_t buffer[4096];

    while (wire->handle >= 0 && !wire->deaf && !wire->silent &&
           fake_connection_wants_read(wire->connection)) {
        size_t size = sizeof buffer;
        if (wire->fault.armed) {
            if (wire->fault_left == 0) { /* F2: there is something to read, so the server is writing */
                fault_happens(wire);
                wire_end(wire, END_RESET);
                return;
            }
            size = wire->fault_left < size ? wire->fault_left : size;
        }
        if (wire->inside != 0) {
            size = 1;
        }
        const int64_t n = sim_read(sim, wire->handle, buffer, size);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            wire_end(wire, END_CLOSE);
            return;
        }
        const bool was_open = fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
        if (!was_open && fake_connection_state(wire->connection) == FAKE_STATE_OPEN) {
            wire->session->actor->all->opened++;
        }
        const uint16_t inside = wire->inside != 0 ? fake_connection_inside(wire->connection) : 0;
        if (inside != 0 && (wire->inside == inside || wire->inside == INSIDE_ANY)) {
            wire->inside = 0;
            wire_act(wire, WIRE_STOPS_READING);
            return;
        }
        if (!wire->fault.armed) {
            continue;
        }
        wire->fault_left -= (uint64_t)n;
        if (wire->fault_left == 0 && wire->fault.kind != FAULT_F2) {
            fault_happens(wire);
            if (wire->fault.kind == FAULT_F6) {
                wire_silence(wire);
            } else {
                wire_end(wire, END_CLOSE);
            }
        } else if (wire->fault_left == 0 && (sim_ready(sim, wire->handle) & CORE_READ) == 0) {
            return;
        }
    }
}

static void wire_write(Wire *wire)
{
    Sim *sim = sim_of_wire(wire);
    Span out;

    while (wire->handle >= 0 && !wire->silent && (out = fake_connection_output(wire->connection)).len > 0) {
        const int64_t n = sim_write(sim, wire->handle, out.data, out.len);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            wire_end(wire, END_CLOSE);
            return;
        }
        fake_connection_sent(wire->connection, (size_t)n);
    }
}

/* Writes what there is, and says what it waits for. */
static void wire_settle(Wire *wire)
{
    wire_write(wire);
    if (wire->handle >= 0 && !wire->silent && fake_connection_wants_close(wire->connection)) {
        wire_end(wire, END_CLOSE);
    }
    if (wire->handle < 0 || wire->silent) {
        return;
    }
    uint64_t deadline_ns = fake_connection_deadline_ns(wire->connection);
    if (wire->deaf && wire->deaf_until_ns < deadline_ns) {
        deadline_ns = wire->deaf_until_ns;
    }
    const unsigned mask = (fake_connection_wants_read(wire->connection) && !wire->deaf ? CORE_READ : 0) |
                          (fake_connection_output(wire->connection).len > 0 ? CORE_WRITE : 0);
    sim_client_wait(wire->step, wire->handle, mask, deadline_ns);
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    Wire *wire = opaque;
    Actors *actors = wire->session->actor->all;

    (void)step;
    if (wire->ended || wire->silent) {
        return;
    }
    if (wire->handle < 0) {
        const CoreListen where = {.address = NULL, .port = STAGE_PORT, .family = AF_UNSPEC};
        wire->handle = sim_connect(actors->sim, &where);
        if (wire->handle < 0) {
            wire->handle = -1;
            wire_end(wire, END_CLOSE);
        }
    }
    if (wire->deaf && now_ns >= wire->deaf_until_ns) {
        wire->deaf = false;
    }
    if (wire->handle >= 0 && (ready & CORE_READ) != 0) {
        wire_read(wire, now_ns);
    }
    if (wire->handle >= 0 && !wire->silent && now_ns >= fake_connection_deadline_ns(wire->connection)) {
        fake_connection_expire(wire->connection, now_ns);
    }
    wire_settle(wire);
    session_update(wire->session);
    actors->changed(actors->opaque); /* last: it may end this connection */
}

/* ---- Acts ---- */

static Wire *session_wire(Session *session, const Who *who)
{
    for (uint32_t i = session != NULL ? session->wires_len : 0; i-- > 0;) {
        if (is_target(&session->wires[i], who)) {
            return &session->wires[i];
        }
    }
    return NULL;
}

/* The newest connection of that type, if it is open. */
static Wire *open_wire(const Actor *actor, uint8_t type)
{
    for (uint32_t i = actor->session != NULL ? actor->session->wires_len : 0; i-- > 0;) {
        Wire *wire = &actor->session->wires[i];
        if (wire->channel.type == type && !wire->ended && wire->handle >= 0 && !wire->silent &&
            wire->connection != NULL && fake_connection_state(wire->connection) == FAKE_STATE_OPEN) {
            return wire;
        }
    }
    return NULL;
}

static void actor_connects(Actor *actor, const Phrase *phrase)
{
    for (uint32_t i = 0; i < phrase->args[0].channels_len; i++) {
        const ChannelRef channel = phrase->args[0].channels[i];
        const char *alias = phrase->form->id == CLIENT_CONNECTS_AS ? phrase->args[1].text : NULL;
        const bool is_main = channel.type == WIRE_CHANNEL_MAIN && alias == NULL;
        Session *session = actor->session;
        if (session == NULL || is_main || channel.type == 0) {
            session = session_begin(actor);
            session_connect(session, (ChannelRef){WIRE_CHANNEL_MAIN, 0}, NULL);
            session->wants_everything = channel.type == 0;
        }
        if (!is_main && channel.type != 0) {
            session_connect(session, channel, alias);
        }
    }
}

/* One choice after the other, each in a statement of its own: the order of arguments is the compiler's. */
static void play(Sim *sim, FakeConnection *connection)
{
    const uint32_t what = sim_choose_at(sim, "play", 5);

    if (what == 0) {
        const bool down = sim_choose_at(sim, "play", 2) == 0;
        fake_inputs_key(connection, down, 0x1e + sim_choose_at(sim, "play", 20));
    } else if (what == 1) {
        fake_inputs_motion(connection, 3, -2, 0);
    } else if (what == 2) {
        const uint32_t x = sim_choose_at(sim, "play", 700);
        fake_inputs_position(connection, x, sim_choose_at(sim, "play", 500), 0, 0);
    } else if (what == 3) {
        const bool down = sim_choose_at(sim, "play", 2) == 0;
        fake_inputs_button(connection, down, (uint8_t)sim_choose_at(sim, "play", 8), 1);
    } else {
        fake_inputs_modifiers(connection, (uint16_t)sim_choose_at(sim, "play", 8));
    }
}

static void actor_inputs(Actor *actor, const Phrase *phrase)
{
    Sim *sim = actor->all->sim;
    Wire *wire = open_wire(actor, WIRE_CHANNEL_INPUTS);
    const Arg *first = &phrase->args[0], *second = &phrase->args[1];

    if (wire == NULL) {
        return;
    }
    FakeConnection *connection = wire->connection;
    switch (phrase->form->id) {
    case CLIENT_PRESSES:
    case CLIENT_RELEASES:
        fake_inputs_key(connection, phrase->form->id == CLIENT_PRESSES,
                        (uint32_t)stage_pick(sim, "first", first->range));
        break;
    case CLIENT_TYPES: {
        const uint32_t code = (uint32_t)stage_pick(sim, "first", first->range);
        fake_inputs_key(connection, true, code);
        fake_inputs_key(connection, false, code | 0x80);
        break;
    }
    case CLIENT_MOVES_TO:
        fake_inputs_position(connection, (uint32_t)stage_pick(sim, "first", first->range),
                             (uint32_t)stage_pick(sim, "second", second->range), 0, 0);
        break;
    case CLIENT_MOVES_BY:
        fake_inputs_motion(connection, (int32_t)first->number, (int32_t)second->number, 0);
        break;
    case CLIENT_CLICKS: {
        const uint8_t button = (uint8_t)(first->range.low + 1);
        fake_inputs_button(connection, true, button, (uint16_t)(1u << first->range.low));
        fake_inputs_button(connection, false, button, 0);
        break;
    }
    case CLIENT_SETS_MODIFIERS:
        fake_inputs_modifiers(connection, (uint16_t)(stage_pick(sim, "first", first->range) & 7));
        break;
    default:
        play(sim, connection);
    }
    wire_settle(wire);
}

static void actor_asks_mouse(Actor *actor, const Phrase *phrase)
{
    Wire *wire = open_wire(actor, WIRE_CHANNEL_MAIN);
    if (wire != NULL) {
        const WireMsgc request = {
            .channel = WIRE_CHANNEL_MAIN,
            .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
            .u.main_mouse_mode_request.mode = (uint16_t)(1 + phrase->args[0].range.low),
        };
        fake_connection_send(wire->connection, &request);
        wire_settle(wire);
    }
}

static void wire_act(Wire *wire, FormId act)
{
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    Sim *sim = sim_of_wire(wire);

    if (wire->ended) {
        return;
    }
    switch (act) {
    case WIRE_CLOSES:
        wire_end(wire, END_CLOSE);
        break;
    case WIRE_RESETS:
        wire_end(wire, END_RESET);
        break;
    case WIRE_HALF_CLOSES:
        if (wire->handle >= 0) {
            wire->session->careless = true; /* it will say nothing more, and may still be told to */
            sim_shutdown_write(sim, wire->handle);
        }
        break;
    case WIRE_FALLS_SILENT:
        wire_silence(wire);
        break;
    case WIRE_DIES:
        wire_act(wire,
                 (FormId[]){WIRE_CLOSES, WIRE_RESETS, WIRE_FALLS_SILENT}[sim_choose_at(sim, "death", 3)]);
        break;
    case WIRE_STOPS_READING:
        wire->deaf = true;
        wire->deaf_until_ns = NS_NEVER;
        wire->session->careless = true;
        if (wire->handle >= 0) {
            wire_settle(wire);
        }
        break;
    case WIRE_READS_AGAIN:
        wire->deaf = false;
        wire->inside = 0;
        if (wire->handle >= 0) {
            wire_settle(wire);
        }
        break;
    case WIRE_SENDS_NONSENSE:
        if (wire->handle >= 0 && wire->connection != NULL) {
            wire->session->careless = true;
            fake_connection_send_raw(wire->connection,
                                     span_of(nonsense, 1 + sim_choose_at(sim, "nonsense", sizeof nonsense)));
            wire_settle(wire);
        }
        break;
    default:
        CHECK(false); /* the table has a form that nobody carries out */
    }
}

static bool is_of_cursor(const Arg *message)
{
    return message->range.low >= MESSAGE_CURSOR && message->range.low < MESSAGE_ANYTHING;
}

/* From the next message of that type on, or from the first byte of any. */
static void wire_stops_inside(Wire *wire, const Arg *message)
{
    /* The same number is another message on another channel. */
    const bool has_such =
        message->range.low == MESSAGE_ANYTHING || message_types[message->range.low] < WIRE_MSG_DISPLAY_MODE ||
        wire->channel.type == (is_of_cursor(message) ? WIRE_CHANNEL_CURSOR : WIRE_CHANNEL_DISPLAY);

    if (!wire->ended && has_such) {
        wire->inside = message_types[message->range.low];
    }
}

/* Of this type, the newest connection that did not end: it may have just begun. */
static Wire *begun_wire(Session *session, uint8_t type)
{
    for (uint32_t i = session != NULL ? session->wires_len : 0; i-- > 0;) {
        if (session->wires[i].channel.type == type && !session->wires[i].ended) {
            return &session->wires[i];
        }
    }
    return NULL;
}

static void actor_prefers(const Actor *actor, const Arg *compression)
{
    Wire *wire = open_wire(actor, WIRE_CHANNEL_DISPLAY);
    if (wire != NULL) {
        const WireMsgc request = {.channel = WIRE_CHANNEL_DISPLAY,
                                  .type = WIRE_MSGC_DISPLAY_PREFERRED_COMPRESSION,
                                  .u.display_preferred_compression.compression =
                                      (uint8_t)(1 + compression->range.low)};
        fake_connection_send(wire->connection, &request);
        wire_settle(wire);
    }
}

static void actor_act(Actor *actor, const Who *who, const Phrase *phrase)
{
    Session *session = actor->session;

    if (phrase->form->id == WIRE_STOPS_INSIDE) {
        const uint8_t type = is_of_cursor(&phrase->args[0]) ? WIRE_CHANNEL_CURSOR : WIRE_CHANNEL_DISPLAY;
        Wire *one = who->kind == WHO_WIRE ? session_wire(session, who) : begun_wire(session, type);
        if (one != NULL) {
            wire_stops_inside(one, &phrase->args[0]);
        }
        return;
    }
    if ((phrase->form->places & FORM_WIRE_ACT) != 0) {
        if (who->kind == WHO_WIRE) {
            Wire *wire = session_wire(session, who);
            if (wire != NULL) {
                wire_act(wire, phrase->form->id);
            }
            return;
        }
        /* All of them die of the same cause; one that is chosen for each would be many deaths. */
        const FormId act = phrase->form->id == WIRE_DIES
                               ? (FormId[]){WIRE_CLOSES, WIRE_RESETS,
                                            WIRE_FALLS_SILENT}[sim_choose_at(actor->all->sim, "death", 3)]
                               : phrase->form->id;
        for (uint32_t i = 0; session != NULL && i < session->wires_len; i++) {
            wire_act(&session->wires[i], act);
        }
        return;
    }
    switch (phrase->form->id) {
    case CLIENT_CONNECTS:
    case CLIENT_CONNECTS_AS:
        actor_connects(actor, phrase);
        break;
    case CLIENT_ASKS_MOUSE:
        actor_asks_mouse(actor, phrase);
        break;
    case CLIENT_PREFERS:
        actor_prefers(actor, &phrase->args[0]);
        break;
    default:
        actor_inputs(actor, phrase);
    }
}

void actors_act(Actors *actors, const Who *who, const Phrase *phrase)
{
    for (uint32_t i = 0; i < actors->scenario->clients_len; i++) {
        if (who->kind == WHO_EVERYBODY || who->index == i) {
            actor_act(&actors->actors[i], who, phrase);
        }
    }
}

void actors_fault(Actors *actors, const Phrase *phrase)
{
    const Who *target = &phrase->args[0].who;
    Actor *actor = &actors->actors[target->index];
    PlacedFault fault = {.kind = phrase->form->id,
                         .target = *target,
                         .value = stage_pick(actors->sim, "fault", phrase->args[1].range),
                         .armed = true};
    bool placed = false;

    for (uint32_t i = 0; actor->session != NULL && i < actor->session->wires_len; i++) {
        Wire *wire = &actor->session->wires[i];
        if (!wire->ended && wire->connection != NULL && is_target(wire, target)) {
            PlacedFault copy = fault;
            fault_take(wire, &copy);
            if (wire->handle >= 0 && !wire->silent) {
                wire_settle(wire);
            }
            placed = true;
        }
    }
    for (uint32_t i = 0; i < ACTOR_FAULTS_MAX && !placed; i++) {
        if (!actor->faults[i].armed) {
            actor->faults[i] = fault;
            return;
        }
    }
    if (!placed) {
        sim_fail(actors->sim, "client %s has %u faults that never happened", actor->written->name,
                 ACTOR_FAULTS_MAX);
    }
}

/* ---- What is true ---- */

static StateWord wire_state(const Wire *wire)
{
    if (wire->ended) {
        return wire->refused ? STATE_REFUSED : wire->failed ? STATE_FAILED : STATE_GONE;
    }
    if (wire->connection == NULL || fake_connection_state(wire->connection) < FAKE_STATE_OPEN) {
        return STATE_CONNECTING;
    }
    return fake_connection_state(wire->connection) == FAKE_STATE_OPEN ? STATE_OPEN : STATE_CONNECTING;
}

static bool wire_is(const Wire *wire, StateWord state)
{
    return wire_state(wire) == state || (state == STATE_GONE && wire->ended);
}

/* Of all connections: open, gone; of any: the others. */
static bool session_is(const Session *session, StateWord state)
{
    if (session == NULL || session->wires_len == 0) {
        return false;
    }
    const bool all = state == STATE_OPEN || state == STATE_GONE;
    if (all && state == STATE_OPEN && session->wants_everything) {
        return false;
    }
    for (uint32_t i = 0; i < session->wires_len; i++) {
        if (wire_is(&session->wires[i], state) != all) {
            return !all;
        }
    }
    return all;
}

static bool has_primary(const FakeDisplayModel *model, const Range *size)
{
    const FakeSurface *surface = &model->surfaces[0];
    return surface->exists &&
           (size == NULL || (surface->width == size->low && surface->height == size->high));
}

static uint32_t surfaces_of(const FakeDisplayModel *model)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < FAKE_SURFACES_MAX; i++) {
        n += model->surfaces[i].exists;
    }
    return n;
}

static bool in_range(uint64_t value, Range range)
{
    return value >= range.low && value <= range.high;
}

/* All its open displays; at least one. `only`: this one. */
static bool sees_drawn(const Actor *actor, const Wire *only)
{
    const Session *session = actor->session;
    bool any = false;

    for (uint32_t i = 0; session != NULL && i < session->wires_len; i++) {
        const Wire *wire = &session->wires[i];
        if (wire->channel.type != WIRE_CHANNEL_DISPLAY || wire->ended || wire->silent ||
            wire->connection == NULL || fake_connection_state(wire->connection) != FAKE_STATE_OPEN ||
            (only != NULL && wire != only)) {
            continue;
        }
        any = true;
        if (!actor->all->shows_all(actor->all->opaque, wire->channel.id, wire->connection)) {
            return false;
        }
    }
    return any;
}

static bool actor_value(const Actor *actor, const Who *who, const Phrase *phrase)
{
    const Arg *arg = &phrase->args[0];
    const FormId id = phrase->form->id;
    Session *session = actor->session;
    const Wire *wire = who->kind == WHO_WIRE ? session_wire(session, who) : NULL;

    if (id == WIRE_IS || id == WIRE_IS_NOT) {
        const bool is = who->kind == WHO_WIRE ? wire != NULL && wire_is(wire, (StateWord)arg->range.low)
                                              : session_is(session, (StateWord)arg->range.low);
        return is == (id == WIRE_IS);
    }
    if (id == WIRE_IS_INSIDE) {
        bool is = false;
        for (uint32_t i = 0; session != NULL && i < session->wires_len && !is; i++) {
            const Wire *one = &session->wires[i];
            is = one->deaf && one->connection != NULL && (who->kind != WHO_WIRE || one == wire) &&
                 fake_connection_inside(one->connection) != 0;
        }
        return is;
    }
    if (id == CLIENT_SEES_DRAWN) {
        return sees_drawn(actor, wire);
    }
    if (id == WIRE_RECEIVED) {
        uint64_t messages = 0;
        for (uint32_t i = 0; session != NULL && i < session->wires_len; i++) {
            const Wire *one = &session->wires[i];
            if (one->connection != NULL && (who->kind != WHO_WIRE || one == wire)) {
                messages += fake_connection_messages(one->connection);
            }
        }
        return messages >= arg->range.low;
    }
    if (session == NULL) {
        return false;
    }
    const FakeMainModel *main = fake_client_main(session->client);
    if (id == CLIENT_SEES_MOUSE) {
        return main->session_id != 0 && main->current_mouse_mode == 1 + arg->range.low;
    }
    if (id == CLIENT_SEES_CHANNEL || id == CLIENT_SEES_NO_CHANNEL) {
        return main->has_list && fake_client_offers(session->client, arg->channels[0].type,
                                                    arg->channels[0].id) == (id == CLIENT_SEES_CHANNEL);
    }
    if (id == CLIENT_SEES_MODIFIERS) {
        const Wire *inputs = open_wire(actor, WIRE_CHANNEL_INPUTS);
        return inputs != NULL && fake_connection_inputs(inputs->connection)->has_init &&
               in_range(fake_connection_inputs(inputs->connection)->modifiers, arg->range);
    }
    const bool about_cursor = id == CLIENT_SEES_CURSOR || id == CLIENT_SEES_NO_CURSOR;
    const uint8_t type = about_cursor ? WIRE_CHANNEL_CURSOR : WIRE_CHANNEL_DISPLAY;
    wire = wire != NULL ? wire : open_wire(actor, type);
    if (wire == NULL || wire->connection == NULL || wire->channel.type != type || wire->ended) {
        return false;
    }
    if (about_cursor) {
        const FakeCursorModel *model = fake_connection_cursor(wire->connection);
        return model->has_init && (model->visible && model->has_shape) == (id == CLIENT_SEES_CURSOR);
    }
    const FakeDisplayModel *model = fake_connection_display(wire->connection);
    switch (id) {
    case CLIENT_SEES_PRIMARY:
        return has_primary(model, &arg->range);
    case CLIENT_SEES_NO_PRIMARY:
        return wire_state(wire) == STATE_OPEN && !has_primary(model, NULL);
    case CLIENT_SEES_SURFACES:
        return in_range(surfaces_of(model), arg->range);
    case CLIENT_SEES_MONITORS:
        return in_range(model->heads_len, arg->range);
    default:
        CHECK(false);
        return false;
    }
}

bool actors_value(Actors *actors, const Who *who, const Phrase *phrase)
{
    for (uint32_t i = 0; i < actors->scenario->clients_len; i++) {
        if ((who->kind == WHO_EVERYBODY || who->index == i) &&
            !actor_value(&actors->actors[i], who, phrase)) {
            return false;
        }
    }
    return true;
}

/* ---- All of them ---- */

void actors_init(Actors *actors, Sim *sim, const Scenario *scenario, struct ossl_lib_ctx_st *crypto)
{
    *actors = (Actors){.sim = sim, .scenario = scenario, .crypto = crypto};
    for (uint32_t i = 0; i < scenario->clients_len; i++) {
        actors->actors[i] = (Actor){.all = actors, .written = &scenario->clients[i]};
    }
}

void actors_finish(Actors *actors)
{
    for (uint32_t i = 0; i < actors->scenario->clients_len; i++) {
        while (actors->actors[i].session != NULL) {
            Session *session = actors->actors[i].session;
            actors->actors[i].session = session->before;
            session_free(session);
        }
    }
}

bool actors_check(Actors *actors)
{
    for (uint32_t i = 0; i < actors->scenario->clients_len; i++) {
        for (Session *session = actors->actors[i].session; session != NULL; session = session->before) {
            session_judge(session);
        }
    }
    return actors->failure[0] == '\0';
}

void actors_describe(const Actors *actors, char *ret, size_t size)
{
    size_t len = 0;
    ret[0] = '\0';
    for (uint32_t i = 0; i < actors->scenario->clients_len && len < size; i++) {
        const Session *session = actors->actors[i].session;
        len += (size_t)snprintf(ret + len, size - len, "%s%s:", i > 0 ? "; " : "",
                                actors->actors[i].written->name);
        for (uint32_t w = 0; session != NULL && w < session->wires_len && len < size; w++) {
            const Wire *wire = &session->wires[w];
            const char *state =
                wire->silent && !wire->ended ? "silent" : arg_words(ARG_STATE)[wire_state(wire)];
            if (wire->alias != NULL || wire->channel.id == 0) {
                len += (size_t)snprintf(
                    ret + len, size - len, " %s %s",
                    wire->alias != NULL ? wire->alias : wire_channel_name(wire->channel.type), state);
            } else {
                len += (size_t)snprintf(ret + len, size - len, " %s:%u %s",
                                        wire_channel_name(wire->channel.type), wire->channel.id, state);
            }
        }
    }
}
