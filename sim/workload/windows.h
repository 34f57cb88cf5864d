/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* windows.h: what a guest draws whose windows move and whose lines scroll, without asking for a pixel: copies of copies on the
 * primary, and repairs; another surface that is drawn on, shown and drawn over; and what touches, between two copies, what
 * the one puts and the other takes.
 *
 * Ownership  borrows the world and the choice.
 * Source     current.h: what is folded, and what is pruned.
 */
#pragma once

#include "draw.h"

typedef struct Windows {
    const FakeDrawWorld
        *world; /* its first surface has the window; its second is off-screen, and as large as the window */
    FakeQxlChoice choice;
    QXLRect window;
    QXLPoint step; /* pixels, of the next move */
    bool scrolls;  /* its lines do, and it stays where it is */
    void (*put)(void *opaque, const FakeDrawing *drawing);
    void *opaque;
} Windows;

/* All but the window's place is set. */
void windows_begin(Windows *windows);
/* Some drawings, one after the other. */
void windows_go_on(Windows *windows);
