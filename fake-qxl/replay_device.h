/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* replay_device.h: a QXL device that plays a recording (spice_replay_*): rings between who reads it and the worker, and one
 * memslot that is the whole process.
 *
 * Only the public interface is used: it is built against whichever libspice-server's headers its program is.
 *
 * Ownership  borrows the replay; commands are the replay's until they come back.
 * Thread     replay_device_play() in the host's, as spice_replay_next_cmd() wants it; callbacks in the worker's.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include <spice.h>
#include <spice/qxl_dev.h>

#define REPLAY_SURFACES 1024
#define REPLAY_QUEUE_MAX 64u

/* What was read and not yet taken. */
typedef struct ReplayQueue {
    QXLCommandExt *items[REPLAY_QUEUE_MAX];
    _Atomic uint32_t produced, consumed;
} ReplayQueue;

/* Lets time pass: after each command, and (`must`) for as long as the worker has to take some first. False: play no more. */
typedef bool (*ReplayRest)(void *opaque, bool must);

/* A surface at its last moment, which is before it is destroyed or after everything was played: its pixels are in the guest's
 * memory. `number`: how many were created before. */
typedef void (*ReplayLook)(void *opaque, uint64_t number, const QXLSurface *surface);

typedef struct ReplayDevice {
    QXLInstance instance;          /* first: callbacks get its address */
    ReplayQueue commands, cursors; /* a ring for each kind, as devices have */
    SpiceReplay *replay;
    ReplayRest rest;
    ReplayLook look; /* NULL: nobody looks */
    void *opaque;
    _Atomic(QXLCommandExt *)
        created[REPLAY_SURFACES]; /* by surface; NULL: there is none, or it was given back */
    uint64_t numbers[REPLAY_SURFACES], surfaces;
    _Atomic uint64_t released;
} ReplayDevice;

void replay_device_init(ReplayDevice *device, SpiceReplay *replay, ReplayRest rest, void *opaque);
/* Its interface was added; before the machine runs. */
void replay_device_connect(ReplayDevice *device);
/* No more commands than that. How many were; the worker has taken them all, unless `rest` ended it. */
uint64_t replay_device_play(ReplayDevice *device, uint64_t commands_max);
