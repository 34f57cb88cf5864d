/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desktop.h: what a guest with a desktop draws: a background, windows with text, a console that scrolls, a window that is
 * moved about, a clock, photographs one after the other, a rectangle
 * where a video plays. Or, for tests, drawings of every type anywhere.
 *
 * Drawings wait in a queue until the device's ring has room, so a desktop never blocks.
 *
 * Ownership  borrows the device, whose primary must exist, of 320 x 240 pixels at least.
 * Thread     the guest side's.
 */
#pragma once

#include "draw.h"

typedef struct Desktop Desktop;

Desktop *desktop_new(FakeQxl *qxl, uint32_t width, uint32_t height); /* the first picture is queued */
void desktop_free(Desktop *desktop);

/* Puts what waits into the ring, as far as there is room; true: all of it. */
bool desktop_pump(Desktop *desktop);
/* Something happens; not while anything waits. */
void desktop_step(Desktop *desktop);
