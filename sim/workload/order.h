/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* order.h: the order of the guest: two devices are given the same drawings and surfaces. One is asked for its pixels after
 * each drawing, so there is nothing to leave out or to put off; the other now and then, and it runs out of memory and stops
 * in between. In the end the two must show the same.
 *
 * Ownership  a run makes and frees everything.
 * Thread     one universe at a time in a process.
 * Source     DESIGN section 7: Order, Occlusion; section 8: order replay.
 */
#pragma once

#include "sim/explore/subject.h"

extern const SimSubject order_subject;
