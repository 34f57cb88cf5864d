/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recording.h: a recording of a real driver's commands (spice_replay_*), played by the device of a simulated machine.
 *
 * A vcpu reads it and pushes the commands, with pauses; the commands lie where spice_replay_* puts them. The file was read
 * before: there is none in a universe.
 *
 * Ownership  borrows the file's text; everything else is made and freed by the universe's run.
 * Thread     the player is of one vcpu; recording_picture() also outside.
 */
#pragma once

#include "base/span.h"
#include "replay_device.h"
#include "sim/sim.h"
#include "sim/workload/pictures.h"

typedef struct Recording {
    Sim *sim;
    SpiceServer *server;
    SpiceReplay *replay;
    ReplayDevice device;
    uint64_t played;  /* commands */
    bool over;        /* all of it was played, and rendered */
    const bool *ends; /* the machine is switched off: play no more */
} Recording;

/* False: it is none. `*ends` may change while it plays. */
bool recording_open(Recording *recording, Span text, Sim *sim, const bool *ends);
void recording_close(Recording *recording);
/* By the host's main: adds the device to the server. */
bool recording_add(Recording *recording, SpiceServer *server);
/* By a vcpu: plays all. */
void recording_play(Recording *recording);
/* The primary surface, as the guest has it. False: there is none. */
bool recording_picture(const Recording *recording, FakeQxlPicture *ret);
/* After the server has gone. NULL: all is well. */
const char *recording_complaint(const Recording *recording);
