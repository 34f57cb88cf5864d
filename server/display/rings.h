/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rings.h: when the worker reads its device's two rings.
 *
 *   POLL    the ring is read, RING_COMMANDS_PER_TURN commands at a time, or fewer that cost more, so that clients get their
 *           turn between
 *   PAUSE   it was empty once; RING_PAUSE_NS later it is looked at again
 *   ASLEEP  it was empty twice and the device promised a wakeup (req_..._notification() returned 1)
 *
 * A machine that does not run has its rings left alone entirely (R47); when it starts, both are in POLL, whatever they were
 * before (R46). How fast clients read has no influence: what waits for them is bounded otherwise.
 *
 * Ownership  part of the worker.
 * Thread     the worker's.
 * Source     reference/api-and-behaviour.md sections 2.5 and 6.1.
 */
#pragma once

#include "core/core.h"

#define RING_COMMANDS 32u           /* commands that a ring holds */
#define RING_COMMANDS_PER_TURN 128u /* commands of each ring; as many as may travel as one (merge.h) */
#define RING_WORK_PER_TURN                                                                                   \
    (UINT64_C(1) << 20) /* steps (canvas.h), and what the last command adds: 20 ms of drawing */
#define RING_DRAIN_COMMANDS_MAX                                                                              \
    1024u /* commands; what was submitted before a request, and an end when a guest
                                            * goes on filling the ring */
#define RING_DRAIN_WORK_MAX                                                                                  \
    (UINT64_C(16) << 20)               /* steps: the same when that is slow; but all that it held is read */
#define RING_PAUSE_NS (10 * NS_PER_MS) /* ns between the two empty polls */

typedef struct QXLState RedWorker;

typedef enum RingPhase { RING_POLL, RING_PAUSE, RING_ASLEEP } RingPhase;

typedef struct WorkerRing {
    RingPhase phase;
    bool was_empty;   /* at the last look */
    uint64_t look_ns; /* when PAUSE ends */
} WorkerRing;

typedef struct WorkerRings {
    WorkerRing cursor, commands;
    CoreTimer *timer;
    CoreTask turn;
    bool turn_posted;
} WorkerRings;

/* False: no timer to be had. */
bool rings_init(RedWorker *worker);
void rings_finish(RedWorker *worker);

/* The machine runs, or there are new commands: look at both. */
void rings_wake(RedWorker *worker, uint64_t now_ns);
/* The machine stands still. */
void rings_stop(RedWorker *worker);

/* Carries out what is in a ring now; nothing while the machine stands still. */
void rings_drain_commands(RedWorker *worker, uint64_t now_ns);
void rings_drain_both(RedWorker *worker, uint64_t now_ns);
