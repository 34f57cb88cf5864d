/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* poll_host.h: a host's main loop on poll(), with QEMU's habits: one callback per kind of readiness, timers that count
 * from the last whole millisecond, errors reported as both.
 *
 * SpiceCoreInterface has no opaque pointer, so there is one such loop in the process.
 */
#pragma once

struct SpiceCoreInterface;

struct SpiceCoreInterface *poll_host(void);
void poll_host_run(void); /* until poll_host_quit() */
void poll_host_quit(void);
int poll_host_objects(void); /* timers and watches that were not given back */
