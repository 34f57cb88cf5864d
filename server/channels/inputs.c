/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channels/inputs.h"

#include <spice.h>

#include "channels/main.h"
#include "session/client.h"

#define INPUTS_KEYS 128u           /* scan codes of 7 bits */
#define INPUTS_PLANES 2u           /* plain, and behind the 0xe0 prefix */
#define INPUTS_MOTION_ACK_BUNCH 4u /* motions per MOUSE_MOTION_ACK; the protocol's */
#define INPUTS_ACKS_OWED_MAX 1024u /* motion acks; an honest client has 2 bunches outstanding */
#define INPUTS_LEDS_DELAY_NS                                                                                 \
    (2 * NS_PER_S) /* after a lock key: the guest may not tell its lights by itself */

#define SCAN_ESCAPE 0xe0u
#define SCAN_BREAK 0x80u
#define SCAN_SCROLL_LOCK 0x46u
#define SCAN_NUM_LOCK 0x45u
#define SCAN_CAPS_LOCK 0x3au

struct InputsChannel {
    RedsState *reds;
    RedChannel *channel;
    Pointer *pointer;
    SpiceKbdInstance *keyboard;
    uint8_t leds; /* the guest's lock lights, as far as we know */
    CoreTimer *leds_timer;
};

typedef struct InputsChannelClient {
    RedChannelClient base;
    bool held[INPUTS_PLANES][INPUTS_KEYS]; /* keys that this client pressed and did not release */
    bool escaped;                          /* its last byte was the prefix */
    uint32_t motions;                      /* not yet acknowledged */
    uint32_t acks_owed;
    PipeItem init_item, leds_item, motion_ack_item;
} InputsChannelClient;

static InputsChannel *inputs_of(RedChannelClient *rcc)
{
    return rcc->channel->owner;
}

/* ---- What is sent ---- */

static void init_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const WireMsgInputsInit init = {.keyboard_modifiers = inputs_of(rcc)->leds};
    RCC_SEND(rcc, WIRE_MSG_INPUTS_INIT, wire_msg_inputs_init_encode, &init);
}

static void leds_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const WireMsgInputsKeyModifiers leds = {.modifiers = inputs_of(rcc)->leds};
    RCC_SEND(rcc, WIRE_MSG_INPUTS_KEY_MODIFIERS, wire_msg_inputs_key_modifiers_encode, &leds);
}

static void motion_ack_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    InputsChannelClient *icc = list_entry(rcc, InputsChannelClient, base);

    (void)item;
    (void)now_ns;
    for (; icc->acks_owed > 0; icc->acks_owed--) {
        RCC_SEND(rcc, WIRE_MSG_INPUTS_MOUSE_MOTION_ACK, wire_msg_inputs_mouse_motion_ack_encode,
                 (&(WireMsgInputsMouseMotionAck){0}));
    }
}

static const PipeItemType init_type = {"inputs init", init_commit, NULL};
static const PipeItemType leds_type = {"inputs leds", leds_commit, NULL};
static const PipeItemType motion_ack_type = {"inputs motion ack", motion_ack_commit, NULL};

static void push_leds(InputsChannel *inputs)
{
    list_each_removable(&inputs->channel->clients, node)
    {
        RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        rcc_push_once(rcc, &list_entry(rcc, InputsChannelClient, base)->leds_item);
    }
}

/* ---- Keys ---- */

static const SpiceKbdInterface *keyboard_interface(const InputsChannel *inputs)
{
    return (const SpiceKbdInterface *)inputs->keyboard->base.sif;
}

static void push_byte(InputsChannel *inputs, uint8_t byte)
{
    if (inputs->keyboard != NULL) {
        REDS_CALL_HOST(inputs->reds, keyboard_interface(inputs)->push_scan_freg(inputs->keyboard, byte));
    }
}

static void ask_leds(InputsChannel *inputs)
{
    if (inputs->keyboard != NULL) {
        REDS_CALL_HOST(inputs->reds, inputs->leds = keyboard_interface(inputs)->get_leds(inputs->keyboard));
    }
}

static bool is_held_by_anyone(const InputsChannel *inputs, unsigned plane, unsigned key)
{
    list_each(&inputs->channel->clients, node)
    {
        const RedChannelClient *rcc = list_entry(node, RedChannelClient, in_channel);
        if (list_entry(rcc, InputsChannelClient, base)->held[plane][key]) {
            return true;
        }
    }
    return false;
}

/* One byte of a client's scan codes: remembered, and passed on. */
static void client_byte(InputsChannelClient *icc, uint8_t byte, uint64_t now_ns)
{
    InputsChannel *inputs = inputs_of(&icc->base);

    if (byte == SCAN_ESCAPE) {
        icc->escaped = true;
    } else {
        const unsigned key = byte & (INPUTS_KEYS - 1);
        icc->held[icc->escaped ? 1 : 0][key] = (byte & SCAN_BREAK) == 0;
        if (!icc->escaped && (key == SCAN_SCROLL_LOCK || key == SCAN_NUM_LOCK || key == SCAN_CAPS_LOCK)) {
            loop_timer_start(inputs->reds->loop, inputs->leds_timer, now_ns + INPUTS_LEDS_DELAY_NS);
        }
        icc->escaped = false;
    }
    push_byte(inputs, byte);
}

/* Up to four bytes, the first in the low bits; a zero ends them. */
static void client_code(InputsChannelClient *icc, uint32_t code, uint64_t now_ns)
{
    for (; (code & 0xff) != 0; code >>= 8) {
        client_byte(icc, (uint8_t)code, now_ns);
    }
}

static void release_held(InputsChannelClient *icc)
{
    InputsChannel *inputs = inputs_of(&icc->base);

    for (unsigned plane = 0; plane < INPUTS_PLANES; plane++) {
        for (unsigned key = 0; key < INPUTS_KEYS; key++) {
            /* The client has left its channel's list: what is held there, others hold. */
            if (icc->held[plane][key] && !is_held_by_anyone(inputs, plane, key)) {
                if (plane == 1) {
                    push_byte(inputs, SCAN_ESCAPE);
                }
                push_byte(inputs, (uint8_t)(key | SCAN_BREAK));
            }
        }
    }
}

static void set_lock(InputsChannel *inputs, uint16_t wanted, uint8_t bit, uint8_t key)
{
    if (((wanted ^ inputs->leds) & bit) == 0 || is_held_by_anyone(inputs, 0, key)) {
        return;
    }
    push_byte(inputs, key);
    push_byte(inputs, key | SCAN_BREAK);
    inputs->leds ^= bit; /* what the guest will do; kbd_leds corrects us */
}

static void client_wants_locks(InputsChannel *inputs, uint16_t wanted, uint64_t now_ns)
{
    set_lock(inputs, wanted, WIRE_KEYBOARD_MODIFIER_FLAG_SCROLL_LOCK, SCAN_SCROLL_LOCK);
    set_lock(inputs, wanted, WIRE_KEYBOARD_MODIFIER_FLAG_NUM_LOCK, SCAN_NUM_LOCK);
    set_lock(inputs, wanted, WIRE_KEYBOARD_MODIFIER_FLAG_CAPS_LOCK, SCAN_CAPS_LOCK);
    loop_timer_start(inputs->reds->loop, inputs->leds_timer, now_ns + INPUTS_LEDS_DELAY_NS);
}

static void leds_timer(void *opaque, uint64_t now_ns)
{
    InputsChannel *inputs = opaque;

    (void)now_ns;
    ask_leds(inputs);
    push_leds(inputs);
}

/* ---- The clients ---- */

static void count_motion(InputsChannelClient *icc)
{
    if (++icc->motions == INPUTS_MOTION_ACK_BUNCH) {
        icc->motions = 0;
        if (++icc->acks_owed > INPUTS_ACKS_OWED_MAX) {
            rcc_close(&icc->base, "it sends motion without end and reads nothing");
            return;
        }
        rcc_push_once(&icc->base, &icc->motion_ack_item);
    }
}

static Status inputs_client_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    InputsChannelClient *icc = list_entry(rcc, InputsChannelClient, base);
    InputsChannel *inputs = inputs_of(rcc);

    switch (message->type) {
    case WIRE_MSGC_INPUTS_KEY_DOWN:
        client_code(icc, message->u.inputs_key_down.code, now_ns);
        return STATUS_OK;
    case WIRE_MSGC_INPUTS_KEY_UP:
        client_code(icc, message->u.inputs_key_up.code, now_ns);
        return STATUS_OK;
    case WIRE_MSGC_INPUTS_KEY_SCANCODE: {
        const Span codes = message->u.inputs_key_scancode.data;
        for (size_t i = 0; i < codes.len; i++) {
            client_byte(icc, codes.data[i], now_ns);
        }
        return STATUS_OK;
    }
    case WIRE_MSGC_INPUTS_KEY_MODIFIERS:
        client_wants_locks(inputs, message->u.inputs_key_modifiers.modifiers, now_ns);
        return STATUS_OK;
    case WIRE_MSGC_INPUTS_MOUSE_MOTION: {
        const WireMsgcInputsMouseMotion *motion = &message->u.inputs_mouse_motion;
        count_motion(icc);
        pointer_motion(inputs->pointer, motion->dx, motion->dy, motion->buttons_state);
        return STATUS_OK;
    }
    case WIRE_MSGC_INPUTS_MOUSE_POSITION: {
        const WireMsgcInputsMousePosition *position = &message->u.inputs_mouse_position;
        count_motion(icc);
        pointer_position(inputs->pointer, position->x, position->y, position->buttons_state);
        return STATUS_OK;
    }
    case WIRE_MSGC_INPUTS_MOUSE_PRESS: {
        const WireMsgcInputsMousePress *press = &message->u.inputs_mouse_press;
        pointer_press(inputs->pointer, press->button, press->buttons_state);
        return STATUS_OK;
    }
    case WIRE_MSGC_INPUTS_MOUSE_RELEASE:
        pointer_release(inputs->pointer, message->u.inputs_mouse_release.buttons_state);
        return STATUS_OK;
    default:
        return STATUS_PEER_FAULT;
    }
}

static void inputs_client_opened(RedChannelClient *rcc, uint64_t now_ns)
{
    InputsChannelClient *icc = list_entry(rcc, InputsChannelClient, base);
    InputsChannel *inputs = inputs_of(rcc);

    (void)now_ns;
    pipe_item_init(&icc->init_item, &init_type);
    pipe_item_init(&icc->leds_item, &leds_type);
    pipe_item_init(&icc->motion_ack_item, &motion_ack_type);
    ask_leds(inputs);
    rcc_push(rcc, &icc->init_item);
    if (!stream_is_tls(rcc->stream)) {
        main_channel_notify(rcc->slot->client, "keyboard channel is insecure");
    }
}

static void inputs_client_closed(RedChannelClient *rcc, uint64_t now_ns)
{
    (void)now_ns;
    release_held(list_entry(rcc, InputsChannelClient, base));
}

static const RedChannelOps inputs_ops = {
    .client_bytes = sizeof(InputsChannelClient),
    .client_opened = inputs_client_opened,
    .client_message = inputs_client_message,
    .client_closed = inputs_client_closed,
};

/* ---- The channel ---- */

InputsChannel *inputs_channel_new(RedsState *reds, Pointer *pointer)
{
    InputsChannel *inputs = g_new0(InputsChannel, 1);

    inputs->reds = reds;
    inputs->pointer = pointer;
    inputs->leds_timer = loop_timer_new(reds->loop, leds_timer, inputs);
    if (inputs->leds_timer == NULL) {
        g_free(inputs);
        return NULL;
    }
    inputs->channel = red_channel_new(reds, reds->core, WIRE_CHANNEL_INPUTS, 0, &inputs_ops, inputs,
                                      &reds->main, &reds->main);
    link_caps_set(&inputs->channel->caps, WIRE_CAP_INPUTS_KEY_SCANCODE);
    CHECK(reds_register(reds, inputs->channel));
    return inputs;
}

void inputs_channel_free(InputsChannel *inputs)
{
    if (inputs == NULL) {
        return;
    }
    loop_timer_free(inputs->reds->loop, inputs->leds_timer);
    reds_unregister(inputs->reds, inputs->channel);
    red_channel_unref(inputs->channel);
    g_free(inputs);
}

RedChannel *inputs_channel_base(InputsChannel *inputs)
{
    return inputs->channel;
}

void inputs_channel_set_keyboard(InputsChannel *inputs, SpiceKbdInstance *keyboard)
{
    inputs->keyboard = keyboard;
}

SpiceKbdInstance *inputs_channel_keyboard(const InputsChannel *inputs)
{
    return inputs->keyboard;
}

void inputs_channel_set_leds(InputsChannel *inputs, uint8_t leds)
{
    inputs->leds = leds;
    push_leds(inputs);
}
