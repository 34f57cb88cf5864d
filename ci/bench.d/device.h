/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.h: a QXL device without a guest, that offers one workload's commands as fast as the server takes
 * them.
 *
 * Guest memory is this process's own address space: one memslot, group 0, id 0, generation 0, so a
 * QXLPHYSICAL is a pointer. Commands lie in a pool of slots; a slot is the server's from get_command until
 * release_resource.
 *
 * Threads: the callbacks run in the server's worker thread, the device_ functions in the main thread. Only
 * the atomics below cross. The device never calls the server from a callback: it writes `doorbell`, and the
 * main loop, which plays the guest's vcpu, wakes the server.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include <spice.h>

#include "kinds.h"
#include "pace.h"
#include "workloads.h"

#define DEVICE_SLOTS 16384u

typedef struct Device {
    QXLInstance qxl; /* first: callbacks get this address */
    const Workload *workload;
    Scene scene;
    Slot *slots;
    uint32_t first_free; /* worker thread only; DEVICE_SLOTS when none is */
    bool short_of_slots;
    int doorbell; /* eventfd */
    Pace *pace;
    SpiceTimer *patience; /* main thread: for messages that never come */
    uint64_t last_delivered;
    uint32_t idle_ticks;
    _Atomic uint64_t credit;   /* commands are taken while taken < credit + delivered */
    _Atomic uint64_t given_up; /* commands whose messages did not come: dropped or merged by the server */
    _Atomic bool supplying;
    _Atomic bool armed; /* the server sleeps until spice_qxl_wakeup() */
    _Atomic bool oom;   /* the guest has no memory left: spice_qxl_oom() is due */
    _Atomic uint64_t taken;
    _Atomic uint64_t taken_kinds[KINDS]; /* drawings among them */
    _Atomic uint64_t released;
    _Atomic uint64_t bad_releases; /* resources given back that were not out: the server's bug */
} Device;

/* What the device is made of; `bell` is the reading end of the clients' pipe. */
typedef struct DeviceOptions {
    const Workload *workload;
    uint32_t width, height; /* of the primary surface; it has none if they are 0 */
    Pace *pace;
    int bell;
} DeviceOptions;

Device *device_new(SpiceServer *server, const DeviceOptions *options);

/* Starts or stops offering commands. */
void device_supply(Device *device, bool on);
