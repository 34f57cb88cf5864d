/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tale_host.h: the host of a tale: the server, its devices, and what they see.
 *
 * Where sim/scenario/stage.c lets the explorer choose (where a cursor goes, what it looks like), a number that depends
 * on nothing but the acts before decides.
 *
 * Ownership  tale_host_init() ... tale_host_finish(); borrows the Stage, the Scenario and the Transcript.
 * Thread     set_up(), act() and tear_down() in the main domain (Stage.as_host()); the rest outside, while nobody acts.
 */
#pragma once

#include "fake-qxl/fake_qxl.h"
#include "tests/fidelity/desk.h"
#include "tests/fidelity/tale.h"

#define TALE_PASSWORD "tale"

typedef struct TaleDevice {
    FakeQxl *qxl; /* NULL: not yet */
    bool attached;
} TaleDevice;

typedef struct TaleHost {
    const Scenario *scenario;
    Stage *stage;
    Transcript *transcript;
    SpiceServer *server; /* NULL: not yet, or no more */
    bool tickets;
    bool running;
    Part *part;
    Desk desk;
    TaleDevice devices[SCENARIO_DEVICES_MAX];
    uint64_t seed, device_seed;
    uint64_t events[EVENTS];
} TaleHost;

void tale_host_init(TaleHost *host, Stage *stage, const Scenario *scenario, Transcript *transcript);
void tale_host_finish(TaleHost *host);

void tale_host_set_up(TaleHost *host);
void tale_host_act(TaleHost *host, const Who *who, const Phrase *phrase);
void tale_host_tear_down(TaleHost *host);

bool tale_host_value(const TaleHost *host, const Who *who, const Phrase *phrase);
/* Fills what the host knows of. */
void tale_host_look(const TaleHost *host, Mark *ret);
