/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pointer.h: the machine's mouse and tablet, and which of them clients move: the mouse mode.
 *
 * SERVER mode: clients send relative motion, for the mouse. CLIENT mode: absolute positions, for the tablet;
 * possible when a tablet exists, exactly one QXL device shows one display, and its primary surface wants it.
 * The mode is one for the whole server; clients ask for it, and are told of every change. A mode that is no
 * longer possible falls back to SERVER; nothing switches to CLIENT by itself.
 *
 * Ownership  embedded in the server object; borrows the host's instances until they are removed.
 * Thread     the main domain.
 * Units      pixels; button masks as on the wire (bit 0 left, 1 middle, 2 right, 3 up, 4 down, 5 side, 6
 * extra).
 * Source     reference/api-and-behaviour.md sections 2.8 and 5.2, reference/wire-protocol.md
 * section 3.3.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct SpiceMouseInstance;
struct SpiceTabletInstance;

typedef struct PointerHooks {
    void (*changed)(void *opaque); /* the mode, or which modes are possible */
    void *opaque;
} PointerHooks;

typedef struct Pointer {
    struct RedsState *reds;
    PointerHooks hooks;
    struct SpiceMouseInstance *mouse;
    struct SpiceTabletInstance *tablet;
    bool one_display;       /* one QXL device, and no other display channel */
    bool screen_wants_it;   /* its primary surface exists and has mouse_mode set */
    uint32_t width, height; /* of that surface; 0: unknown */
    bool client_possible;
    uint32_t mode; /* WIRE_MOUSE_MODE_SERVER or _CLIENT */
} Pointer;

void pointer_init(Pointer *pointer, struct RedsState *reds, const PointerHooks *hooks);

void pointer_set_mouse(Pointer *pointer, struct SpiceMouseInstance *mouse);    /* NULL: gone */
void pointer_set_tablet(Pointer *pointer, struct SpiceTabletInstance *tablet); /* NULL: gone */
void pointer_set_screen(Pointer *pointer, bool one_display, bool wants_it, uint32_t width, uint32_t height);

uint32_t pointer_modes(const Pointer *pointer); /* WIRE_MOUSE_MODE_* bits */
void pointer_request_mode(Pointer *pointer, uint32_t mode);

/* Events of a client; in the wrong mode, or without a device, they do nothing. */
void pointer_motion(Pointer *pointer, int32_t dx, int32_t dy, uint32_t buttons);
void pointer_position(Pointer *pointer, uint32_t x, uint32_t y, uint32_t buttons);
void pointer_press(Pointer *pointer, uint8_t button, uint32_t buttons);
void pointer_release(Pointer *pointer, uint32_t buttons);
