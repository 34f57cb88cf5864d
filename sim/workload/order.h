/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* order.h: the order of the guest: two devices are given the same drawings and surfaces. One is asked for its pixels after
 * each drawing, so there is nothing to leave out or to put off; the other now and then, and it runs out of memory and stops
 * in between. In the end the two must show the same.
 *
 * So do two whose windows move and scroll (windows.h): there nobody asks the other one for anything, so more is pending in
 * the end than may be, copies are folded, and what cannot be seen is never drawn.
 *
 * Ownership  a run makes and frees everything.
 * Thread     one universe at a time in a process.
 * Source     DESIGN section 7: Order, Occlusion; section 8: order replay.
 */
#pragma once

#include <spice.h>

#include "sim/explore/subject.h"

extern const SimSubject order_subject, order_windows_subject;

/* At the end, before the server goes: at the device that draws when it must. */
typedef void (*OrderLook)(void *opaque, QXLInstance *lazy);

/* For tests. */
void order_windows_run(const SimPlan *plan, const SimConfig *base, OrderLook look, void *opaque,
                       SimOutcome *ret);
