/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-replay.h: plays a recording of a QXL device back into a server. For test programs.
 *
 * The program adds a QXLInstance of its own, whose get_command callback hands out what
 * spice_replay_next_cmd() gave, and whose release_resource callback gives it to spice_replay_free_cmd();
 * QXLReleaseInfo.id of a command holds the address of its QXLCommandExt. Addresses in commands are addresses
 * in this process (memslot 0 covers all of it).
 */
#ifndef SPICE_REPLAY_H_
#define SPICE_REPLAY_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include <stdio.h>

#include "spice-core.h"
#include "spice-qxl.h"

SPICE_BEGIN_DECLS

typedef struct SpiceReplay SpiceReplay;

/* Any one thread. Takes over `file`, open for reading and at its start; `nsurfaces` is the number of surfaces
 * of the device. NULL: not a recording of a version that is known; the file is still the caller's. */
SpiceReplay *spice_replay_new(FILE *file, int nsurfaces);

/* The next command, to be freed with spice_replay_free_cmd(); NULL at the end or where the file is damaged.
 * On the way it makes the recorded spice_qxl_* calls on `instance`, and waits for them: never call it from a
 * callback marked W. */
QXLCommandExt *spice_replay_next_cmd(SpiceReplay *replay, QXLInstance *instance);

/* Any thread, once per command, when the server has released it. */
void spice_replay_free_cmd(SpiceReplay *replay, QXLCommandExt *cmd);

/* After the last command was freed. Closes the file. */
void spice_replay_free(SpiceReplay *replay);

SPICE_END_DECLS

#endif
