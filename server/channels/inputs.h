/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inputs.h: the inputs channel: keys, lock lights, mouse motion, positions and buttons.
 *
 * Every client types on the one keyboard of the machine. What a client holds down is remembered for that
 * client: when it leaves, its keys are released, unless another client holds the same key (the existing
 * server releases everybody's).
 *
 * Ownership  the server owns the InputsChannel; inputs_channel_free() after its clients were closed.
 * Thread     the main domain, which is its home.
 * Source     reference/wire-protocol.md section 3.3, reference/api-and-behaviour.md section 5.5.
 */
#pragma once

#include "channels/pointer.h"
#include "session/channel_client.h"
#include "session/reds.h"

struct SpiceKbdInstance;

typedef struct InputsChannel InputsChannel;

/* Registers itself. NULL: no timer to be had. `pointer` outlives it. */
InputsChannel *inputs_channel_new(RedsState *reds, Pointer *pointer);
void inputs_channel_free(InputsChannel *inputs);
RedChannel *inputs_channel_base(InputsChannel *inputs);

void inputs_channel_set_keyboard(InputsChannel *inputs, struct SpiceKbdInstance *keyboard); /* NULL: gone */
struct SpiceKbdInstance *inputs_channel_keyboard(const InputsChannel *inputs);
/* The guest's lock lights, WIRE_KEYBOARD_MODIFIER_* bits: told to every client. */
void inputs_channel_set_leds(InputsChannel *inputs, uint8_t leds);
