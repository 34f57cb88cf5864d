/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desk.h: the host's keyboard, mouse and tablet, which write down what they are told.
 *
 * Ownership  whoever plays owns the Desk; it borrows the part.
 * Thread     the main domain's.
 */
#pragma once

#include <spice.h>

#include "tests/fidelity/transcript.h"

typedef struct Desk {
    SpiceKbdInstance keyboard;
    SpiceMouseInstance mouse;
    SpiceTabletInstance tablet;
    uint8_t leds;
    uint64_t scan_codes, motions, buttons; /* so many */
    Part *part;
} Desk;

void desk_init(Desk *desk, Part *part);
/* False: the server did not take all of them. */
bool desk_add(Desk *desk, SpiceServer *server);
