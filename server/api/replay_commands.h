/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay_commands.h: one recorded command as a guest would have it in its memory; all pointers in it are addresses of
 * this process.
 *
 * Ownership  all of it lies in the given blocks.
 * Thread     the one that reads.
 * Errors     the reader's: what is returned then is NULL.
 */
#pragma once

#include <spice.h>

#include "api/replay_reader.h"

/* Which surface of ours is the recorded one: false, it was never made. */
typedef bool (*ReplayFindSurface)(void *opaque, uint32_t recorded, uint32_t *ret_id);

typedef struct ReplayScribe {
    ReplayReader *reader;
    ReplayBlocks *blocks;
    ReplayFindSurface find_surface;
    void *opaque;
} ReplayScribe;

QXLDrawable *replay_drawable(ReplayScribe *scribe);
QXLCursorCmd *replay_cursor(ReplayScribe *scribe);
QXLUpdateCmd *replay_update(ReplayScribe *scribe);
QXLMessage *replay_message(ReplayScribe *scribe);
/* Its id is the recorded one. */
QXLSurfaceCmd *replay_surface(ReplayScribe *scribe);
