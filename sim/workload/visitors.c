/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/visitors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "fake_qxl.h"

#define WEBSOCKETS 65536u /* ways to cut and mask frames */

static uint32_t choose(Visitors *visitors, const char *site, uint32_t n)
{
    return sim_choose_at(visitors->config.sim, site, n);
}

static bool happens(Visitors *visitors, SimFault fault, uint32_t one_in)
{
    return sim_fault(visitors->config.sim, fault, one_in, 1) != 0;
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns);

static void visitor_connect(Visitor *visitor, uint8_t channel, uint8_t id)
{
    Visitors *visitors = visitor->all;

    if (visitor->wires_len == VISITOR_CONNECTIONS_MAX) {
        return;
    }
    Wire *wire = &visitor->wires[visitor->wires_len++];
    *wire = (Wire){.visitor = visitor, .handle = -1, .channel = channel, .id = id};
    snprintf(wire->name, sizeof wire->name, "client%u.%s", visitor->number, wire_channel_name(channel));
    wire->ops = (SimClientOps){wire->name, wire_step};
    wire->connection = fake_client_connect(visitor->client, channel, id, sim_now_ns(visitors->config.sim));
    wire->step = sim_client_add(visitors->config.sim, &wire->ops, wire);
    wire->act_ns = sim_now_ns(visitors->config.sim) + (5 + choose(visitors, "first", 400)) * NS_PER_MS;
}

/* Once main has told the session and the channels, the others are connected, now and then one of them twice. */
static void visitor_spread(Visitor *visitor)
{
    const FakeMainModel *main = fake_client_main(visitor->client);

    if (visitor->spread || main->session_id == 0 || !main->has_list) {
        return;
    }
    visitor->spread = true;
    for (size_t i = 0; i < main->channels_len; i++) {
        visitor_connect(visitor, main->channels[i].type, main->channels[i].id);
    }
    const uint32_t twice = main->channels_len == 0 ? 0
                                                   : sim_fault(visitor->all->config.sim, SIM_CLIENT_TWICE, 6,
                                                               (uint32_t)main->channels_len);
    if (twice > 0) {
        const WireChannelId again = main->channels[twice - 1];
        visitor_connect(visitor, again.type, again.id);
    }
}

static void wire_end(Wire *wire, bool reset)
{
    Sim *sim = wire->visitor->all->config.sim;

    if (wire->handle >= 0) {
        if (reset) {
            sim_reset(sim, wire->handle);
        } else {
            sim_close(sim, wire->handle);
        }
        wire->handle = -1;
        fake_connection_closed(wire->connection, sim_now_ns(sim));
    }
    sim_client_wait(wire->step, -1, 0, NS_NEVER);
}

static void wire_act(Wire *wire, uint64_t now_ns)
{
    Visitors *visitors = wire->visitor->all;

    if (visitors->resting) {
        wire->act_ns = NS_NEVER;
        return;
    }
    wire->act_ns = now_ns + (1 + choose(visitors, "pause", visitors->config.pause_ms)) * NS_PER_MS;
    if (visitors->config.leaves > 0 && choose(visitors, "leaves", visitors->config.leaves) == 0) {
        wire_end(wire, choose(visitors, "breaks", 2) == 0);
        return;
    }
    if (happens(visitors, SIM_F1_CLOSE, 16)) {
        wire_end(wire, false);
        return;
    }
    if (happens(visitors, SIM_F1_RESET, 16)) {
        wire_end(wire, true);
        return;
    }
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint32_t garbage = sim_fault(visitors->config.sim, SIM_CLIENT_GARBAGE, 64, sizeof nonsense);
    if (garbage > 0) {
        wire->visitor->careless = true;
        fake_connection_send_raw(wire->connection, span_of(nonsense, garbage));
    }
    if (fake_connection_state(wire->connection) != FAKE_STATE_OPEN) {
        return;
    }
    if (wire->channel == WIRE_CHANNEL_INPUTS) {
        switch (choose(visitors, "input", 5)) {
        case 0:
            fake_inputs_key(wire->connection, choose(visitors, "down", 2) == 0,
                            0x1e + choose(visitors, "key", 20));
            break;
        case 1:
            fake_inputs_motion(wire->connection, 3, -2, 0);
            break;
        case 2:
            fake_inputs_position(wire->connection, choose(visitors, "x", 700), choose(visitors, "y", 500), 0,
                                 0);
            break;
        case 3:
            fake_inputs_button(wire->connection, choose(visitors, "down", 2) == 0,
                               (uint8_t)choose(visitors, "button", 8), 1);
            break;
        default:
            fake_inputs_modifiers(wire->connection, (uint16_t)choose(visitors, "modifiers", 8));
        }
    } else if (wire->channel == WIRE_CHANNEL_MAIN && choose(visitors, "ask", 3) == 0) {
        const WireMsgc request = {
            .channel = WIRE_CHANNEL_MAIN,
            .type = WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
            .u.main_mouse_mode_request.mode = (uint16_t)(1 + choose(visitors, "mode", 2)),
        };
        fake_connection_send(wire->connection, &request);
    } else if (wire->channel == WIRE_CHANNEL_DISPLAY && choose(visitors, "prefer", 4) == 0) {
        fake_display_prefer(wire->connection, (uint8_t)choose(visitors, "compression", 10)); /* or nonsense */
    }
}

static void wire_read(Wire *wire, uint64_t now_ns)
{
    Sim *sim = wire->visitor->all->config.sim;
    uint8_t buffer[4096];

    while (wire->handle >= 0 && fake_connection_wants_read(wire->connection)) {
        const int64_t n = sim_read(sim, wire->handle, buffer, sizeof buffer);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            wire_end(wire, false);
            return;
        }
        const bool was_open = fake_connection_state(wire->connection) == FAKE_STATE_OPEN;
        wire->bytes += (uint64_t)n;
        fake_connection_receive(wire->connection, span_of(buffer, (size_t)n), now_ns);
        if (!was_open && fake_connection_state(wire->connection) == FAKE_STATE_OPEN) {
            wire->visitor->all->config.outcome->worth++;
        }
    }
}

static void wire_write(Wire *wire)
{
    Sim *sim = wire->visitor->all->config.sim;
    Span out;

    while (wire->handle >= 0 && (out = fake_connection_output(wire->connection)).len > 0) {
        const int64_t n = sim_write(sim, wire->handle, out.data, out.len);
        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            wire_end(wire, false);
            return;
        }
        fake_connection_sent(wire->connection, (size_t)n);
    }
}

static void wire_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    Wire *wire = opaque;
    Visitors *visitors = wire->visitor->all;

    if (wire->handle < 0) {
        if (fake_connection_state(wire->connection) != FAKE_STATE_REPLY_HEADER) {
            return;
        }
        const CoreListen where = {.address = NULL, .port = visitors->config.port, .family = AF_UNSPEC};
        wire->handle = sim_connect(visitors->config.sim, &where);
        if (wire->handle < 0) {
            fake_connection_closed(wire->connection, now_ns);
            return;
        }
    }
    if ((ready & CORE_READ) != 0) {
        wire_read(wire, now_ns);
    }
    if (wire->handle >= 0 && now_ns >= wire->act_ns) {
        wire_act(wire, now_ns);
    }
    if (wire->handle >= 0 && now_ns >= fake_connection_deadline_ns(wire->connection)) {
        fake_connection_expire(wire->connection, now_ns);
    }
    wire_write(wire);
    if (wire->handle >= 0 && fake_connection_wants_close(wire->connection)) {
        wire_end(wire, false);
    }
    visitor_spread(wire->visitor);
    if (wire->handle >= 0) {
        const uint64_t deadline_ns = fake_connection_deadline_ns(wire->connection);
        const unsigned mask = (fake_connection_wants_read(wire->connection) ? CORE_READ : 0) |
                              (fake_connection_output(wire->connection).len > 0 ? CORE_WRITE : 0);
        sim_client_wait(step, wire->handle, mask, deadline_ns < wire->act_ns ? deadline_ns : wire->act_ns);
    }
}

void visitors_arrive(Visitors *visitors)
{
    CHECK(visitors->len < visitors->config.max);
    const char *password = visitors->config.password;
    Visitor *visitor = &visitors->list[visitors->len++];
    FakeClientConfig config = fake_client_config_default();

    visitor->all = visitors;
    visitor->number = visitors->len;
    config.password = password;
    config.full_header = choose(visitors, "full header", 4) == 0;
    config.client_mouse = choose(visitors, "client mouse", 2) == 0;
    config.crypto = visitors->config.crypto;
    config.poison = FAKE_QXL_POISON;
    config.no_pictures = visitor->number > visitors->config.look;
    if (visitors->config.web > 0 && choose(visitors, "websocket", visitors->config.web) == 0) {
        config.websocket = 1 + choose(visitors, "frames", WEBSOCKETS);
    }
    config.behaviour.cheap_ticket = password == NULL;
    const uint32_t unacked = sim_fault(visitors->config.sim, SIM_F5_UNACKED, 4, 3);
    config.behaviour.never_ack = unacked == 1;
    config.behaviour.never_pong = unacked == 2;
    config.behaviour.skip_display_init = unacked == 3;
    config.behaviour.stop_reading_after = sim_fault(visitors->config.sim, SIM_F5_UNREAD, 10, 10);
    config.behaviour.link_lie =
        (FakeLinkLie)sim_fault(visitors->config.sim, SIM_CLIENT_LINK, 6, FAKE_LINK_LIES - 1);
    visitor->unacked = unacked == 1;
    visitor->silent = unacked == 3;
    visitor->careless = config.behaviour.stop_reading_after > 0;
    visitor->client = fake_client_new(&config);
    visitor_connect(visitor, WIRE_CHANNEL_MAIN, 0);
}

void visitors_init(Visitors *visitors, const VisitorsConfig *config)
{
    *visitors = (Visitors){.config = *config, .list = calloc(config->max, sizeof(Visitor))};
    CHECK(visitors->list != NULL);
}

void visitors_free(Visitors *visitors)
{
    for (uint32_t v = 0; v < visitors->len; v++) {
        fake_client_free(visitors->list[v].client);
    }
    free(visitors->list);
    *visitors = (Visitors){0};
}

uint64_t visitors_bytes(const Visitors *visitors)
{
    uint64_t bytes = 0;

    for (uint32_t v = 0; v < visitors->len; v++) {
        for (uint32_t i = 0; i < visitors->list[v].wires_len; i++) {
            bytes += visitors->list[v].wires[i].bytes;
        }
    }
    return bytes;
}

uint32_t visitors_open(const Visitors *visitors)
{
    uint32_t open = 0;

    for (uint32_t v = 0; v < visitors->len; v++) {
        const Visitor *visitor = &visitors->list[v];
        for (uint32_t i = 0; i < visitor->wires_len; i++) {
            open += visitor->wires[i].handle >= 0 &&
                    fake_connection_state(visitor->wires[i].connection) == FAKE_STATE_OPEN;
        }
    }
    return open;
}

bool wire_is_quiet(const Wire *wire)
{
    const Visitor *visitor = wire->visitor;

    return wire->handle >= 0 && !visitor->careless && !visitor->unacked &&
           fake_connection_state(wire->connection) == FAKE_STATE_OPEN &&
           !sim_is_cut_off(visitor->all->config.sim, wire->handle);
}

bool wire_shows(const Wire *wire)
{
    const Visitor *visitor = wire->visitor;

    return wire->channel == WIRE_CHANNEL_DISPLAY && wire_is_quiet(wire) &&
           visitor->number <= visitor->all->config.look && fake_connection_display(wire->connection)->marked;
}
