/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pace.h: keeps the guest at most a window of commands ahead of the slowest client.
 *
 * Unpaced, a guest draws faster than any client can receive. One server then holds the guest back, another
 * drops what is overdrawn meanwhile, and their costs per command say nothing about each other. Paced, both
 * deliver every command, so both do the same work. Two processes share this page; the bell is a pipe that the
 * clients write to and the host's main loop reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef struct Pace {
    _Atomic uint64_t
        delivered; /* draw and cursor messages that every client has received; written by the clients */
    _Atomic uint64_t wake_at; /* ring the bell at this many delivered; UINT64_MAX: the device does not wait */
} Pace;
