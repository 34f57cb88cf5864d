/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recorder.h: writes what a device's worker carries out to a file that spice_replay_* can play.
 *
 * SPICE_WORKER_RECORD_FILENAME asks for it: the first device of a server has the file of that name, each further one a file
 * of its own, NAME.1, NAME.2: what several devices draw cannot be told apart in one file, and nobody could play it.
 * SPICE_WORKER_RECORD_FILTER, if not empty, is a command line through which all of it goes.
 *
 * Only commands that were checked are written, from the checked copies; those that were dropped are not. So everything
 * here is in today's layout, in one chunk, and can be played. Of the host's calls those are written that make and end
 * surfaces. Each event is in the file before the next begins: a process that dies leaves a recording up to there.
 *
 * Ownership  the worker's; NULL stands for one that records nothing, for all functions.
 * Thread     made and freed in the main domain; all else is the worker's.
 * Errors     a file that cannot be made, and the first write that fails, or waits for a filter or fifo for too long (core.h): one
 *            line, and nothing more is recorded.
 * Source     reference/api-and-behaviour.md sections 3.1 and 3.2.
 */
#pragma once

#include <spice.h>

#include "core/core.h"
#include "qxl/command.h"

typedef struct Recorder Recorder;

/* `number`: of the server's devices before this one. */
Recorder *recorder_new(const Core *core, uint32_t number);
void recorder_free(Recorder *recorder);

void recorder_draw(Recorder *recorder, const QxlDrawable *drawable, uint64_t now_ns);
void recorder_update(Recorder *recorder, const QxlUpdate *update, uint64_t now_ns);
void recorder_message(Recorder *recorder, const QxlMessage *message, uint64_t now_ns);
/* `shape`: the picture of a QXL_CURSOR_SET. */
void recorder_cursor(Recorder *recorder, const QxlCursor *cursor, const void *shape, size_t shape_len,
                     uint64_t now_ns);
/* `pixels`: as long as the geometry says, in guest memory. NULL: cleared. */
void recorder_surface_create(Recorder *recorder, uint32_t id, const QxlGeometry *geometry, const void *pixels,
                             uint64_t now_ns);
void recorder_surface_destroy(Recorder *recorder, uint32_t id, uint64_t now_ns);
void recorder_primary_create(Recorder *recorder, const QXLDevSurfaceCreate *create, const void *pixels,
                             uint64_t now_ns);
void recorder_primary_destroy(Recorder *recorder, uint64_t now_ns);
