/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay.h: what the simulator asks about a recording that is being played, beyond the public header.
 *
 * Thread  the one that reads.
 */
#pragma once

#include <stdbool.h>

#include <spice.h>

/* The primary surface: `mem` is an address of this process. Borrowed, until the next command is read; NULL: there is none. */
const QXLDevSurfaceCreate *replay_primary(const SpiceReplay *replay);
bool replay_is_damaged(const SpiceReplay *replay);
