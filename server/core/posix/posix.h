/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* posix.h: the production backend of core.h, for Linux.
 *
 * Threads are pthreads, loops sit on epoll, gates on futex, handles are file descriptors. The table is
 * constant and holds no state; it may be used by any number of servers at once.
 *
 * Loops    in one round: timers that are due, then watches that are ready, then posted tasks; each sees the
 *          round's one reading of the clock. Deadlines are slept for in whole milliseconds, rounded up.
 * Signals  a thread of ours blocks all but those that a fault of its own raises; no write raises SIGPIPE.
 * Sandbox  only plain system calls, so that it runs under QEMU's -sandbox on with everything denied.
 */
#pragma once

#include "core/core.h"

const Core *core_posix(void);
