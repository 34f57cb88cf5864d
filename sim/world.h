/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.h: what a universe consists of before anybody lives in it: a clock, things to come, choices, and a record of
 * what happened.
 *
 * The clock moves only when the scheduler (sim/threads.h) moves it, to the next event. The record is a rolling hash
 * over everything observable, without addresses.
 *
 * Ownership  a plain value inside the Sim; a SimEvent lies inside what it happens to.
 */
#pragma once

#include "core/core.h"
#include "core/deadlines.h"
#include "sim/choose.h"
#include "sim/sim.h"

/* Something that will happen. sim_event_init() once, sim_event_finish() before its memory goes. */
typedef struct SimEvent {
    Deadline deadline;
    void (*happen)(Sim *sim, struct SimEvent *event);
} SimEvent;

typedef struct World {
    uint64_t now_ns;
    uint64_t steps_here;    /* since the clock moved last */
    uint64_t wall_shift_ns; /* modulo 2^64 */
    Deadlines events;
    Choices choices;
    uint64_t hash;
    uint32_t loops; /* made so far; for drawings, as the next */
    uint32_t connections;
    SimFaults faults_met;
    bool failed;
    bool failure_told; /* the user knows */
    char failure[1024];
    size_t failure_prefix; /* its first bytes, which say where and when */
} World;

void world_init(Sim *sim);
void world_finish(Sim *sim);

void sim_event_init(Sim *sim, SimEvent *event, void (*happen)(Sim *sim, SimEvent *event));
void sim_event_set(Sim *sim, SimEvent *event, uint64_t at_ns);
void sim_event_clear(Sim *sim, SimEvent *event);
void sim_event_finish(Sim *sim, SimEvent *event);

/* Lets all that is due happen. */
void world_happen(Sim *sim);
/* Moves the clock to the next event, if one comes by until_ns. */
bool world_advance(Sim *sim, uint64_t until_ns);

/* `what` is a constant of few letters; it goes into the hash with the running thread and both numbers. */
void world_record(Sim *sim, const char *what, uint64_t a, uint64_t b);
void world_record_bytes(Sim *sim, const void *data, size_t len);
/* For drawings only: an arrow begins ('s') or ends ('f') at what is recorded next to it. See SimEventInfo. */
void world_arrow(Sim *sim, char arrow, const char *kind, uint64_t channel, uint64_t number);
