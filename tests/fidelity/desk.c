/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/desk.h"

static void on_input(void *opaque, const FakeInputEvent *event)
{
    Desk *desk = opaque;

    switch (event->kind) {
    case FAKE_INPUT_SCAN_CODE:
        desk->scan_codes++;
        part_addf(desk->part, "scan code %02x", (unsigned)event->x);
        break;
    case FAKE_INPUT_LEDS_ASKED:
        break;
    case FAKE_INPUT_MOUSE_MOTION:
        desk->motions++;
        part_addf(desk->part, "mouse %d %d %d buttons %x", event->x, event->y, event->z, event->buttons);
        break;
    case FAKE_INPUT_MOUSE_BUTTONS:
        desk->buttons++;
        part_addf(desk->part, "mouse buttons %x", event->buttons);
        break;
    case FAKE_INPUT_TABLET_SIZE:
        part_addf(desk->part, "tablet size %d %d", event->x, event->y);
        break;
    case FAKE_INPUT_TABLET_POSITION:
        desk->motions++;
        part_addf(desk->part, "tablet %d %d buttons %x", event->x, event->y, event->buttons);
        break;
    case FAKE_INPUT_TABLET_WHEEL:
        desk->buttons++;
        part_addf(desk->part, "tablet wheel %d buttons %x", event->z, event->buttons);
        break;
    case FAKE_INPUT_TABLET_BUTTONS:
        desk->buttons++;
        part_addf(desk->part, "tablet buttons %x", event->buttons);
        break;
    }
}

void desk_init(Desk *desk, Part *part)
{
    *desk = (Desk){.part = part};
    fake_input_init(&desk->input, on_input, desk);
}
