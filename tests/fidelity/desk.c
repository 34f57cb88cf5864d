/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/desk.h"

#include "base/list.h"

static void push_scan(SpiceKbdInstance *sin, uint8_t byte)
{
    Desk *desk = list_entry(sin, Desk, keyboard);
    desk->scan_codes++;
    part_addf(desk->part, "scan code %02x", byte);
}

static uint8_t get_leds(SpiceKbdInstance *sin)
{
    return list_entry(sin, Desk, keyboard)->leds;
}

static const SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
             SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan,
    .get_leds = get_leds,
};

static void mouse_motion(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons)
{
    Desk *desk = list_entry(sin, Desk, mouse);
    desk->motions++;
    part_addf(desk->part, "mouse %d %d %d buttons %x", dx, dy, dz, buttons);
}

static void mouse_buttons(SpiceMouseInstance *sin, uint32_t buttons)
{
    Desk *desk = list_entry(sin, Desk, mouse);
    desk->buttons++;
    part_addf(desk->part, "mouse buttons %x", buttons);
}

static const SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};

static void tablet_size(SpiceTabletInstance *sin, int width, int height)
{
    part_addf(list_entry(sin, Desk, tablet)->part, "tablet size %d %d", width, height);
}

static void tablet_position(SpiceTabletInstance *sin, int x, int y, uint32_t buttons)
{
    Desk *desk = list_entry(sin, Desk, tablet);
    desk->motions++;
    part_addf(desk->part, "tablet %d %d buttons %x", x, y, buttons);
}

static void tablet_wheel(SpiceTabletInstance *sin, int dz, uint32_t buttons)
{
    Desk *desk = list_entry(sin, Desk, tablet);
    desk->buttons++;
    part_addf(desk->part, "tablet wheel %d buttons %x", dz, buttons);
}

static void tablet_buttons(SpiceTabletInstance *sin, uint32_t buttons)
{
    Desk *desk = list_entry(sin, Desk, tablet);
    desk->buttons++;
    part_addf(desk->part, "tablet buttons %x", buttons);
}

static const SpiceTabletInterface tablet_interface = {
    .base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
    .set_logical_size = tablet_size,
    .position = tablet_position,
    .wheel = tablet_wheel,
    .buttons = tablet_buttons,
};

void desk_init(Desk *desk, Part *part)
{
    *desk = (Desk){.part = part};
    desk->keyboard.base.sif = &keyboard_interface.base;
    desk->mouse.base.sif = &mouse_interface.base;
    desk->tablet.base.sif = &tablet_interface.base;
}

bool desk_add(Desk *desk, SpiceServer *server)
{
    return spice_server_add_interface(server, &desk->keyboard.base) == 0 &&
           spice_server_add_interface(server, &desk->mouse.base) == 0 &&
           spice_server_add_interface(server, &desk->tablet.base) == 0;
}
