/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_input.h"

#include <stddef.h>
#include <stdio.h>

#define INPUT_OF(instance, member) ((FakeInput *)((char *)(instance)-offsetof(FakeInput, member)))

static void tell(FakeInput *input, FakeInputEvent event)
{
    if (input->listener != NULL) {
        input->listener(input->opaque, &event);
    }
}

static void push_scan(SpiceKbdInstance *sin, uint8_t byte)
{
    tell(INPUT_OF(sin, keyboard), (FakeInputEvent){.kind = FAKE_INPUT_SCAN_CODE, .x = byte});
}

static uint8_t get_leds(SpiceKbdInstance *sin)
{
    FakeInput *input = INPUT_OF(sin, keyboard);
    tell(input, (FakeInputEvent){.kind = FAKE_INPUT_LEDS_ASKED});
    return input->leds;
}

static const SpiceKbdInterface keyboard_interface = {
    .base = {SPICE_INTERFACE_KEYBOARD, "keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
             SPICE_INTERFACE_KEYBOARD_MINOR},
    .push_scan_freg = push_scan,
    .get_leds = get_leds,
};

static void mouse_motion(SpiceMouseInstance *sin, int dx, int dy, int dz, uint32_t buttons)
{
    tell(INPUT_OF(sin, mouse), (FakeInputEvent){FAKE_INPUT_MOUSE_MOTION, dx, dy, dz, buttons});
}

static void mouse_buttons(SpiceMouseInstance *sin, uint32_t buttons)
{
    tell(INPUT_OF(sin, mouse), (FakeInputEvent){.kind = FAKE_INPUT_MOUSE_BUTTONS, .buttons = buttons});
}

static const SpiceMouseInterface mouse_interface = {
    .base = {SPICE_INTERFACE_MOUSE, "mouse", SPICE_INTERFACE_MOUSE_MAJOR, SPICE_INTERFACE_MOUSE_MINOR},
    .motion = mouse_motion,
    .buttons = mouse_buttons,
};

static void tablet_size(SpiceTabletInstance *sin, int width, int height)
{
    tell(INPUT_OF(sin, tablet), (FakeInputEvent){.kind = FAKE_INPUT_TABLET_SIZE, .x = width, .y = height});
}

static void tablet_position(SpiceTabletInstance *sin, int x, int y, uint32_t buttons)
{
    tell(INPUT_OF(sin, tablet), (FakeInputEvent){FAKE_INPUT_TABLET_POSITION, x, y, 0, buttons});
}

static void tablet_wheel(SpiceTabletInstance *sin, int dz, uint32_t buttons)
{
    tell(INPUT_OF(sin, tablet), (FakeInputEvent){FAKE_INPUT_TABLET_WHEEL, 0, 0, dz, buttons});
}

static void tablet_buttons(SpiceTabletInstance *sin, uint32_t buttons)
{
    tell(INPUT_OF(sin, tablet), (FakeInputEvent){.kind = FAKE_INPUT_TABLET_BUTTONS, .buttons = buttons});
}

static const SpiceTabletInterface tablet_interface = {
    .base = {SPICE_INTERFACE_TABLET, "tablet", SPICE_INTERFACE_TABLET_MAJOR, SPICE_INTERFACE_TABLET_MINOR},
    .set_logical_size = tablet_size,
    .position = tablet_position,
    .wheel = tablet_wheel,
    .buttons = tablet_buttons,
};

void fake_input_init(FakeInput *input, FakeInputListener listener, void *opaque)
{
    *input = (FakeInput){.keyboard.base.sif = &keyboard_interface.base,
                         .mouse.base.sif = &mouse_interface.base,
                         .tablet.base.sif = &tablet_interface.base,
                         .listener = listener,
                         .opaque = opaque};
}

bool fake_input_add(FakeInput *input, SpiceServer *server)
{
    return spice_server_add_interface(server, &input->keyboard.base) == 0 &&
           spice_server_add_interface(server, &input->mouse.base) == 0 &&
           spice_server_add_interface(server, &input->tablet.base) == 0;
}

void fake_input_print(void *opaque, const FakeInputEvent *event)
{
    (void)opaque;
    switch (event->kind) {
    case FAKE_INPUT_SCAN_CODE:
        printf("key: 0x%02x\n", (unsigned)event->x);
        break;
    case FAKE_INPUT_LEDS_ASKED:
        printf("leds\n");
        break;
    case FAKE_INPUT_MOUSE_MOTION:
        printf("mouse: %d %d %d %u\n", event->x, event->y, event->z, event->buttons);
        break;
    case FAKE_INPUT_MOUSE_BUTTONS:
        printf("mouse-buttons: %u\n", event->buttons);
        break;
    case FAKE_INPUT_TABLET_SIZE:
        printf("tablet-size: %d %d\n", event->x, event->y);
        break;
    case FAKE_INPUT_TABLET_POSITION:
        printf("tablet: %d %d %u\n", event->x, event->y, event->buttons);
        break;
    case FAKE_INPUT_TABLET_WHEEL:
        printf("wheel: %d %u\n", event->z, event->buttons);
        break;
    case FAKE_INPUT_TABLET_BUTTONS:
        printf("tablet-buttons: %u\n", event->buttons);
        break;
    }
}
