/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* universe.h: the whole server in one simulated run: a host with its devices, vcpus that play on them, and clients that
 * come, act and die. What happens is decided by the plan alone.
 *
 * It is the server of production, made by server_new() on the simulator's core; everything after that goes through the
 * public API. Looked for, beside what the simulator itself finds (deadlock, stale handles, the host's lock, leaks):
 * protocol violations (fake-client), device resources and cookies (fake-qxl), and that every CONNECTED has its
 * DISCONNECTED.
 *
 * Ownership  a run makes and frees everything.
 * Thread     one universe at a time in a process.
 */
#pragma once

#include "sim/explore/subject.h"

extern const SimSubject universe_subject;
extern const SimSubject universe_tickets_subject;

/* For tests: at random, by seed. */
typedef struct UniverseConfig {
    uint64_t seed;
    SimBackend backend;
    uint32_t clients_max;
    bool tickets; /* clients prove a password */
    bool verbose; /* the server's log and every event on stderr */
    bool plain;   /* no faults, no switching but where threads wait */
} UniverseConfig;

typedef struct UniverseResult {
    uint64_t hash;
    uint64_t steps;
    uint32_t channels_opened; /* by all clients: a universe in which nobody ever got in proves nothing */
    char failure[512];        /* "": none */
} UniverseResult;

void universe_run(const UniverseConfig *config, UniverseResult *ret);
