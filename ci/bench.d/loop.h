/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h: the benchmark host's main loop, as the SpiceCoreInterface that a server is given.
 *
 * One loop per process, used by the main thread only: epoll for watches, a linear list of timers. It follows
 * what QEMU does: level-triggered watches, hang-up and error wake every watch that wants anything, and a
 * watch or timer may be removed inside its own callback or another's.
 */
#pragma once

#include <spice.h>

/* Channel events the server has reported since the start. */
typedef struct LoopEvents {
    uint64_t initialized;
    uint64_t disconnected;
} LoopEvents;

SpiceCoreInterface *loop_core(void);
const LoopEvents *loop_events(void);

/* Runs until loop_quit(). */
void loop_run(void);
void loop_quit(void);
