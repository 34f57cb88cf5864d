/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs.c: keys and pointer, and the account of motion acks. */
#include "internal.h"

static uint64_t unacked(const FakeConnection *c)
{
    return c->inputs.model.motions - c->inputs.model.acks * WIRE_INPUTS_MOTION_ACK_BUNCH;
}

static bool may_move(const FakeConnection *c)
{
    return c->behaviour.motion_flood || unacked(c) < MOTIONS_UNACKED_MAX;
}

/* What was held back while too much was under way. */
static void held_send(FakeConnection *c)
{
    if (c->inputs.motion_held && may_move(c)) {
        c->inputs.motion_held = false;
        const WireMsgc m = {
            c->channel, WIRE_MSGC_INPUTS_MOUSE_MOTION, {.inputs_mouse_motion = c->inputs.motion}};
        fake_connection_send(c, &m);
    }
    if (c->inputs.position_held && may_move(c)) {
        c->inputs.position_held = false;
        const WireMsgc m = {
            c->channel, WIRE_MSGC_INPUTS_MOUSE_POSITION, {.inputs_mouse_position = c->inputs.position}};
        fake_connection_send(c, &m);
    }
}

void inputs_sent(FakeConnection *c, const WireMsgc *m)
{
    if (m->type == WIRE_MSGC_INPUTS_MOUSE_MOTION || m->type == WIRE_MSGC_INPUTS_MOUSE_POSITION) {
        c->inputs.model.motions++;
    }
}

void inputs_message(FakeConnection *c, const WireMsg *m)
{
    FakeInputsModel *model = &c->inputs.model;
    if (!model->has_init && m->type != WIRE_MSG_INPUTS_INIT) {
        violate(c, FAKE_RULE_ORDER, "type %u before INIT", m->type);
    }
    switch (m->type) {
    case WIRE_MSG_INPUTS_INIT:
        if (model->has_init) {
            violate(c, FAKE_RULE_ORDER, "a second INIT");
        }
        model->has_init = true;
        model->modifiers = m->u.inputs_init.keyboard_modifiers;
        break;
    case WIRE_MSG_INPUTS_KEY_MODIFIERS:
        model->modifiers = m->u.inputs_key_modifiers.modifiers;
        break;
    case WIRE_MSG_INPUTS_MOUSE_MOTION_ACK:
        model->acks++;
        if (model->acks * WIRE_INPUTS_MOTION_ACK_BUNCH > model->motions) {
            violate(c, FAKE_RULE_MOTION_ACK, "ack %llu after %llu motions", (unsigned long long)model->acks,
                    (unsigned long long)model->motions);
        }
        held_send(c);
        break;
    default:
        break;
    }
    if (model->modifiers & ~(WIRE_KEYBOARD_MODIFIER_FLAG_SCROLL_LOCK | WIRE_KEYBOARD_MODIFIER_FLAG_NUM_LOCK |
                             WIRE_KEYBOARD_MODIFIER_FLAG_CAPS_LOCK)) {
        violate(c, FAKE_RULE_VALUES, "modifiers 0x%x", model->modifiers);
    }
}

void fake_inputs_key(FakeConnection *c, bool down, uint32_t code)
{
    WireMsgc m = {.channel = c->channel, .type = down ? WIRE_MSGC_INPUTS_KEY_DOWN : WIRE_MSGC_INPUTS_KEY_UP};
    if (down) {
        m.u.inputs_key_down.code = code;
    } else {
        m.u.inputs_key_up.code = code;
    }
    fake_connection_send(c, &m);
}

void fake_inputs_scancode(FakeConnection *c, Span bytes)
{
    const WireMsgc m = {c->channel, WIRE_MSGC_INPUTS_KEY_SCANCODE, {.inputs_key_scancode = {bytes}}};
    fake_connection_send(c, &m);
}

void fake_inputs_modifiers(FakeConnection *c, uint16_t modifiers)
{
    const WireMsgc m = {c->channel, WIRE_MSGC_INPUTS_KEY_MODIFIERS, {.inputs_key_modifiers = {modifiers}}};
    fake_connection_send(c, &m);
}

void fake_inputs_motion(FakeConnection *c, int32_t dx, int32_t dy, uint16_t buttons)
{
    WireMsgcInputsMouseMotion *motion = &c->inputs.motion;
    if (c->inputs.motion_held) {
        /* Two's complement: a sum that overflows wraps, as it would at the receiver. */
        motion->dx = (int32_t)((uint32_t)motion->dx + (uint32_t)dx);
        motion->dy = (int32_t)((uint32_t)motion->dy + (uint32_t)dy);
        motion->buttons_state = buttons;
    } else {
        *motion = (WireMsgcInputsMouseMotion){dx, dy, buttons};
        c->inputs.motion_held = true;
    }
    held_send(c);
}

void fake_inputs_position(FakeConnection *c, uint32_t x, uint32_t y, uint16_t buttons, uint8_t display)
{
    c->inputs.position = (WireMsgcInputsMousePosition){x, y, buttons, display};
    c->inputs.position_held = true;
    held_send(c);
}

void fake_inputs_button(FakeConnection *c, bool press, uint8_t button, uint16_t buttons)
{
    WireMsgc m = {.channel = c->channel};
    if (press) {
        m.type = WIRE_MSGC_INPUTS_MOUSE_PRESS;
        m.u.inputs_mouse_press = (WireMsgcInputsMousePress){button, buttons};
    } else {
        m.type = WIRE_MSGC_INPUTS_MOUSE_RELEASE;
        m.u.inputs_mouse_release = (WireMsgcInputsMouseRelease){button, buttons};
    }
    fake_connection_send(c, &m);
}
