/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peripherals.h: a machine's sound card and char devices: what a host adds beside screens and input, and calls from main
 * and from vcpus. Each act is one call, or few that belong together, as sim_choose_at() decides: a device may be taken out
 * and put in again between any two.
 *
 * Looked for: callbacks of a device that is not plugged in, or that want more than there is; more samples than there is
 * room for. What the server does with sound and bytes is for those who listen to say.
 *
 * Ownership  embedded in its user, at one address while the server knows it.
 * Thread     the host's lock is held.
 */
#pragma once

#include <spice.h>

#include "sim/explore/subject.h"

#define PERIPHERALS_PORTS 4u /* one of each subtype */

typedef struct Peripherals Peripherals;

typedef struct PeripheralPort {
    SpiceCharDeviceInstance instance;
    Peripherals *all;
    bool plugged;
    uint32_t waiting; /* bytes that the guest has for the client */
} PeripheralPort;

struct Peripherals {
    Sim *sim;
    SimOutcome *outcome;
    SpiceServer *server;
    SpicePlaybackInstance playback;
    SpiceRecordInstance record;
    PeripheralPort ports[PERIPHERALS_PORTS];
    bool playback_plugged, record_plugged;
};

void peripherals_init(Peripherals *peripherals, Sim *sim, SimOutcome *outcome);
/* By main, once. False: the server refused one. */
bool peripherals_add(Peripherals *peripherals, SpiceServer *server);
/* By main or a vcpu: something of the above. */
void peripherals_act(Peripherals *peripherals);
