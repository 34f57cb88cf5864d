/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake_input.h: a host's keyboard, mouse and tablet, as one thing with one listener.
 *
 * Only the public interface is used: it is built against whichever libspice-server's headers its program is.
 *
 * Ownership  embedded in its user, at one address from fake_input_init() on for as long as the server knows it.
 * Thread     the listener is called as the library calls input devices: on the main domain.
 */
#pragma once

#include <spice.h>
#include <stdbool.h>

typedef enum FakeInputKind {
    FAKE_INPUT_SCAN_CODE,       /* x */
    FAKE_INPUT_LEDS_ASKED,      /* nothing; the answer is FakeInput.leds */
    FAKE_INPUT_MOUSE_MOTION,    /* x, y, z: the wheel */
    FAKE_INPUT_MOUSE_BUTTONS,   /* nothing else */
    FAKE_INPUT_TABLET_SIZE,     /* x, y */
    FAKE_INPUT_TABLET_POSITION, /* x, y */
    FAKE_INPUT_TABLET_WHEEL,    /* z */
    FAKE_INPUT_TABLET_BUTTONS,  /* nothing else */
} FakeInputKind;

typedef struct FakeInputEvent {
    FakeInputKind kind;
    int x, y, z;
    uint32_t buttons; /* of every mouse and tablet event but the size */
} FakeInputEvent;

typedef void (*FakeInputListener)(void *opaque, const FakeInputEvent *event);

typedef struct FakeInput {
    SpiceKbdInstance keyboard;
    SpiceMouseInstance mouse;
    SpiceTabletInstance tablet;
    uint8_t leds;               /* what the keyboard answers */
    FakeInputListener listener; /* NULL: nobody */
    void *opaque;
} FakeInput;

void fake_input_init(FakeInput *input, FakeInputListener listener, void *opaque);

/* All three. False: the server refused one. */
bool fake_input_add(FakeInput *input, SpiceServer *server);

/* A listener that prints a line for each event: what hosts say whose output is read by tests. */
void fake_input_print(void *opaque, const FakeInputEvent *event);
