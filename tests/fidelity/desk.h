/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desk.h: the host's keyboard, mouse and tablet, which write down what they are told.
 *
 * Ownership  whoever plays owns the Desk; it borrows the part.
 * Thread     the main domain's.
 */
#pragma once

#include "fake-qxl/fake_input.h"
#include "tests/fidelity/transcript.h"

typedef struct Desk {
    FakeInput input;
    uint64_t scan_codes, motions, buttons; /* so many */
    Part *part;
} Desk;

void desk_init(Desk *desk, Part *part);
