/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-input.h: keyboard, mouse and tablet of the machine. One of each; all functions and callbacks in M.
 *
 * Which of mouse and tablet is used follows the mouse mode: relative motion (server mode) goes to the mouse,
 * positions (client mode) to the tablet, or to the guest agent if that takes the pointer.
 * Button masks: bit 0 left, bit 1 right, bit 2 middle, then wheel up, wheel down, side, extra.
 */
#ifndef SPICE_INPUT_H_
#define SPICE_INPUT_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include "spice-core.h"

SPICE_BEGIN_DECLS

/* ---- keyboard ---- */

#define SPICE_INTERFACE_KEYBOARD "keyboard"
#define SPICE_INTERFACE_KEYBOARD_MAJOR 1
#define SPICE_INTERFACE_KEYBOARD_MINOR 1
typedef struct SpiceKbdInterface SpiceKbdInterface;
typedef struct SpiceKbdInstance SpiceKbdInstance;
typedef struct SpiceKbdState SpiceKbdState;

struct SpiceKbdInterface {
    SpiceBaseInterface base;

    void (*push_scan_freg)(SpiceKbdInstance *sin, uint8_t frag); /* the next byte of an XT set 1 scan code */
    uint8_t (*get_leds)(SpiceKbdInstance *sin);                  /* bits: 0 scroll, 1 num, 2 caps lock */
};

struct SpiceKbdInstance {
    SpiceBaseInstance base;
    SpiceKbdState *st;
};

/* M. The guest has set its lock lights to `leds` (bits as in get_leds); clients are told. Always 0. */
int spice_server_kbd_leds(SpiceKbdInstance *sin, int leds);

/* ---- mouse ---- */

#define SPICE_INTERFACE_MOUSE "mouse"
#define SPICE_INTERFACE_MOUSE_MAJOR 1
#define SPICE_INTERFACE_MOUSE_MINOR 1
typedef struct SpiceMouseInterface SpiceMouseInterface;
typedef struct SpiceMouseInstance SpiceMouseInstance;
typedef struct SpiceMouseState SpiceMouseState;

struct SpiceMouseInterface {
    SpiceBaseInterface base;

    /* Motion in pixels and the wheel in clicks (dz: -1 or 1), and presses: the mask as it is now. */
    void (*motion)(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons_state);
    void (*buttons)(SpiceMouseInstance *sin, uint32_t buttons_state); /* after a release */
};

struct SpiceMouseInstance {
    SpiceBaseInstance base;
    SpiceMouseState *st;
};

/* ---- tablet ---- */

#define SPICE_INTERFACE_TABLET "tablet"
#define SPICE_INTERFACE_TABLET_MAJOR 1
#define SPICE_INTERFACE_TABLET_MINOR 1
typedef struct SpiceTabletInterface SpiceTabletInterface;
typedef struct SpiceTabletInstance SpiceTabletInstance;
typedef struct SpiceTabletState SpiceTabletState;

struct SpiceTabletInterface {
    SpiceBaseInterface base;

    /* Positions will be in 0..width-1, 0..height-1. */
    void (*set_logical_size)(SpiceTabletInstance *tablet, int width, int height);
    void (*position)(SpiceTabletInstance *tablet, int x, int y, uint32_t buttons_state);

    /* The wheel in clicks, and presses (with motion 0); after a release. */
    void (*wheel)(SpiceTabletInstance *tablet, int wheel_motion, uint32_t buttons_state);
    void (*buttons)(SpiceTabletInstance *tablet, uint32_t buttons_state);
};

struct SpiceTabletInstance {
    SpiceBaseInstance base;
    SpiceTabletState *st;
};

SPICE_END_DECLS

#endif
