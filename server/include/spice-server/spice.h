/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice.h: the public interface of libspice-server.so.1, for programs that show a machine to SPICE clients.
 *
 * This is the one header to include; the others refuse to be included alone. Names, layouts and values are
 * those that existing hosts were built against, so a host may be compiled with these headers or with older
 * ones and run with this library either way. What this library adds of its own is in <sumac.h>.
 *
 * Words used in the comments of all these headers:
 *
 *   host      The program that links the library: a hypervisor, an X server.
 *   Thread M  The main domain. Call it from any thread, but from one at a time: either always the same
 *             one, or under one lock that also covers the callbacks of SpiceCoreInterface (in QEMU, the
 *             big lock). Callbacks marked M are made inside such a call, or from a timer or watch.
 *   Thread W  Callbacks only: the worker thread of one QXLInstance. It does not hold the host's lock.
 *   Thread A  Any thread, between adding and removing the instance. A function that "waits" returns when
 *             the worker has done the job; it never waits for a client.
 *   Any       A function of its arguments alone, or of what never changes.
 *
 * Instances (Spice...Instance, QXLInstance) and interfaces belong to the host, and must stay where they are
 * from spice_server_add_interface() until spice_server_remove_interface() or spice_server_destroy() has
 * returned. Their member `st` belongs to the library. Strings passed in are copied unless said otherwise.
 * Functions that return int return 0, or -1 when the request was refused and nothing has changed, unless said
 * otherwise. A call that the host must not make (wrong order, NULL where an object is needed) is refused and
 * logged; it never ends the process.
 */
#ifndef SPICE_H_
#define SPICE_H_

#define SPICE_H_INSIDE

#include "spice-version.h"
#include "spice-core.h"
#include "spice-server.h"
#include "spice-qxl.h"
#include "spice-input.h"
#include "spice-audio.h"
#include "spice-char.h"
#include "spice-migration.h"
#include "spice-replay.h"

#undef SPICE_H_INSIDE

#endif
