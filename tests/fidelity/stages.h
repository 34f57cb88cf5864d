/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stages.h: the stages there are.
 */
#pragma once

#include "sim/sim.h"
#include "tests/fidelity/stage.h"

/* Real threads and sockets; the host's loop is on poll(), in the caller's thread, as are the clients. */
Stage *stage_on_posix(void);
/* Releases it. NULL: nothing is left behind. */
const char *stage_on_posix_end(Stage *stage);

Stage *stage_in_sim(const SimConfig *config);
const char *stage_in_sim_end(Stage *stage); /* valid until the next one */
