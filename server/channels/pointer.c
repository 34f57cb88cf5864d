/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "channels/pointer.h"

#include <spice.h>

#include "session/reds.h"
#include "wire/wire.h"

void pointer_init(Pointer *pointer, RedsState *reds, const PointerHooks *hooks)
{
    *pointer = (Pointer){.reds = reds, .hooks = *hooks, .mode = WIRE_MOUSE_MODE_SERVER};
}

uint32_t pointer_modes(const Pointer *pointer)
{
    return WIRE_MOUSE_MODE_SERVER | (pointer->client_possible ? WIRE_MOUSE_MODE_CLIENT : 0);
}

static void pointer_size_tablet(Pointer *pointer)
{
    if (pointer->client_possible && pointer->width > 0 && pointer->height > 0) {
        const SpiceTabletInterface *sif = (const SpiceTabletInterface *)pointer->tablet->base.sif;
        REDS_CALL_HOST(pointer->reds,
                       sif->set_logical_size(pointer->tablet, (int)pointer->width, (int)pointer->height));
    }
}

static void pointer_update(Pointer *pointer)
{
    const bool possible = pointer->tablet != NULL && pointer->one_display && pointer->screen_wants_it;

    if (possible == pointer->client_possible) {
        return;
    }
    pointer->client_possible = possible;
    if (!possible) {
        pointer->mode = WIRE_MOUSE_MODE_SERVER;
    }
    pointer->hooks.changed(pointer->hooks.opaque);
}

void pointer_set_mouse(Pointer *pointer, SpiceMouseInstance *mouse)
{
    pointer->mouse = mouse;
}

void pointer_set_tablet(Pointer *pointer, SpiceTabletInstance *tablet)
{
    pointer->tablet = tablet;
    pointer_update(pointer);
    pointer_size_tablet(pointer);
}

void pointer_set_screen(Pointer *pointer, bool one_display, bool wants_it, uint32_t width, uint32_t height)
{
    pointer->one_display = one_display;
    pointer->screen_wants_it = wants_it;
    pointer->width = width;
    pointer->height = height;
    pointer_update(pointer);
    pointer_size_tablet(pointer);
}

void pointer_request_mode(Pointer *pointer, uint32_t mode)
{
    if ((mode != WIRE_MOUSE_MODE_SERVER && mode != WIRE_MOUSE_MODE_CLIENT) || mode == pointer->mode ||
        (mode == WIRE_MOUSE_MODE_CLIENT && !pointer->client_possible)) {
        return;
    }
    pointer->mode = mode;
    pointer->hooks.changed(pointer->hooks.opaque);
}

/* Devices count the buttons left, right, middle, and know no wheel in the mask. */
static uint32_t device_buttons(uint32_t wire)
{
    return (wire & WIRE_MOUSE_BUTTON_MASK_LEFT) | (wire & WIRE_MOUSE_BUTTON_MASK_RIGHT) >> 1 |
           (wire & WIRE_MOUSE_BUTTON_MASK_MIDDLE) << 1 | (wire & 0xffe0) << 1;
}

static bool is_server_mode(const Pointer *pointer)
{
    return pointer->mode == WIRE_MOUSE_MODE_SERVER;
}

void pointer_motion(Pointer *pointer, int32_t dx, int32_t dy, uint32_t buttons)
{
    if (is_server_mode(pointer) && pointer->mouse != NULL) {
        const SpiceMouseInterface *sif = (const SpiceMouseInterface *)pointer->mouse->base.sif;
        REDS_CALL_HOST(pointer->reds, sif->motion(pointer->mouse, dx, dy, 0, device_buttons(buttons)));
    }
}

static int clamp_position(uint32_t value, uint32_t size)
{
    return (int)(size == 0 ? 0 : value < size ? value : size - 1);
}

void pointer_position(Pointer *pointer, uint32_t x, uint32_t y, uint32_t buttons)
{
    if (!is_server_mode(pointer) && pointer->tablet != NULL) {
        const SpiceTabletInterface *sif = (const SpiceTabletInterface *)pointer->tablet->base.sif;
        REDS_CALL_HOST(pointer->reds,
                       sif->position(pointer->tablet, clamp_position(x, pointer->width),
                                     clamp_position(y, pointer->height), device_buttons(buttons)));
    }
}

void pointer_press(Pointer *pointer, uint8_t button, uint32_t buttons)
{
    const int dz = button == WIRE_MOUSE_BUTTON_UP ? -1 : button == WIRE_MOUSE_BUTTON_DOWN ? 1 : 0;

    if (is_server_mode(pointer) && pointer->mouse != NULL) {
        const SpiceMouseInterface *sif = (const SpiceMouseInterface *)pointer->mouse->base.sif;
        REDS_CALL_HOST(pointer->reds, sif->motion(pointer->mouse, 0, 0, dz, device_buttons(buttons)));
    } else if (!is_server_mode(pointer) && pointer->tablet != NULL) {
        const SpiceTabletInterface *sif = (const SpiceTabletInterface *)pointer->tablet->base.sif;
        REDS_CALL_HOST(pointer->reds, sif->wheel(pointer->tablet, dz, device_buttons(buttons)));
    }
}

void pointer_release(Pointer *pointer, uint32_t buttons)
{
    if (is_server_mode(pointer) && pointer->mouse != NULL) {
        const SpiceMouseInterface *sif = (const SpiceMouseInterface *)pointer->mouse->base.sif;
        REDS_CALL_HOST(pointer->reds, sif->buttons(pointer->mouse, device_buttons(buttons)));
    } else if (!is_server_mode(pointer) && pointer->tablet != NULL) {
        const SpiceTabletInterface *sif = (const SpiceTabletInterface *)pointer->tablet->base.sif;
        REDS_CALL_HOST(pointer->reds, sif->buttons(pointer->tablet, device_buttons(buttons)));
    }
}
