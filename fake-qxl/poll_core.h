/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* poll_core.h: a host's main loop on poll(), as a SpiceCoreInterface.
 *
 * SpiceCoreInterface's timer_add() and watch_add() name no loop, so a process has one, in static storage.
 * Thread: the main thread alone. Time: CLOCK_MONOTONIC, in ns.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <spice.h>

/* `channel_event` may be NULL. The interface lives as long as the process. */
SpiceCoreInterface *poll_core_init(void (*channel_event)(int event, SpiceChannelEventInfo *info));
/* Waits for watches and timers, at most until `deadline_ns`, and serves what is ready. `signals` are let in
 * while it waits, and end the wait. */
void poll_core_run(uint64_t deadline_ns, const sigset_t *signals);
uint64_t poll_core_now_ns(void);
/* Timers and watches that nobody removed; both are 0 once all servers are destroyed. */
void poll_core_count(unsigned *ret_timers, unsigned *ret_watches);
