/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h: the main domain's loop, made of the host's SpiceCoreInterface.
 *
 * QEMU (or Xspice, or the simulator's host) owns the main loop; we get timers and watches from it through
 * SpiceCoreInterface, and whatever other threads post arrives through a wake handle that the host watches for us.
 *
 * Ownership  the HostLoop is a CoreLoop; host_loop_free() after every timer and watch made on it was freed. Tasks
 *            still posted then have been run: host_loop_free() runs them first.
 * Thread     the main domain, whichever thread the host runs it on; post() from any thread.
 * Units      the host's timers count milliseconds: deadlines are rounded up to the next one.
 * Errors     host_loop_new() returns NULL when the host refuses the wake watch.
 * Source     reference/api-and-behaviour.md section 2.3.
 */
#pragma once

#include "core/core.h"

struct SpiceCoreInterface;

CoreLoop *host_loop_new(const Core *core, struct SpiceCoreInterface *host);
void host_loop_free(CoreLoop *loop);

/* The main domain lets in one caller at a time, by whatever lock the host has. Whoever enters it (a function of the
 * public API; the loop's own callbacks do it themselves) says so, and so does whoever calls the host from inside, which
 * may call back. An entry while somebody else is inside is the host's fault: it is logged once, and goes on. */
void host_loop_enter(CoreLoop *loop);
void host_loop_leave(CoreLoop *loop);
void host_loop_call_out(CoreLoop *loop);
void host_loop_call_back(CoreLoop *loop);
/* Does somebody inside wait for the host to return from such a call? */
bool host_loop_is_out(CoreLoop *loop);

/* Runs everything posted so far, now; for a caller in the main domain that may not go back to the host's loop. */
void host_loop_drain(CoreLoop *loop);
