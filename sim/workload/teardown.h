/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* teardown.h: a client's channel is being attached by a worker while the client goes: small enough to be searched through.
 *
 * A machine with one screen; a client whose main channel is open links its display (teardown); or its display is open,
 * too, and it links its cursor (teardown-open); or
 * it closes its display, too, as soon as that is open (teardown-dies). When it is about to send its ticket, its main channel is about to be
 * closed, too. From there to the moment when the host has heard of every end and the client of every answer, exhaustive
 * schedulers try all there is; before and after, nobody is left but to wait. The network has no latency and splits nothing,
 * there are no faults: schedules are all that differs. Rows R02, R03 and R04 of the catalogue of past races.
 */
#pragma once

#include "sim/explore/subject.h"

extern const SimSubject teardown_subject;
extern const SimSubject teardown_open_subject;
extern const SimSubject teardown_dies_subject;
