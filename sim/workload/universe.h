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

#include "base/span.h"
#include "sim/explore/subject.h"

#define UNIVERSE_CHECKSUM_BYTES 65u /* of SHA-256 in hexadecimal, NUL included */

typedef struct UniverseKind {
    bool tickets;   /* clients prove a password */
    bool machine;   /* several displays, sound and char devices */
    bool crowd;     /* hundreds of clients, of a guest that is less busy */
    bool scarce;    /* there is not always a thread, loop, timer, watch, wake handle or address to be had */
    Span recording; /* played by the machine's device; empty: a fake guest is busy */
} UniverseKind;

extern const SimSubject universe_subject;
extern const SimSubject universe_tickets_subject;
extern const SimSubject universe_scarce_subject;
extern const SimSubject machine_subject;
extern const SimSubject crowd_subject;

/* The machine's device plays a recording. All is borrowed, and the subject stays where it is. */
typedef struct RecordingSubject {
    SimSubject subject;
    UniverseKind kind;
} RecordingSubject;

void universe_recording_init(RecordingSubject *subject, const char *name, Span text);

/* For tests: at random, by seed. */
typedef struct UniverseConfig {
    uint64_t seed;
    SimBackend backend;
    uint32_t clients_max;
    bool tickets; /* clients prove a password */
    Span recording;
    bool verbose; /* the server's log and every event on stderr */
    bool plain;   /* no faults, no switching but where threads wait */
} UniverseConfig;

typedef struct UniverseResult {
    uint64_t hash;
    uint64_t steps;
    uint32_t channels_opened; /* by all clients: a universe in which nobody ever got in proves nothing */
    char failure[512];        /* "": none */
    /* Of what a recording ended with: the primary's red, green and blue, line by line. "": there is none, or the server was
     * refused memory, and so has lost drawings. */
    char checksum[UNIVERSE_CHECKSUM_BYTES];
} UniverseResult;

void universe_run(const UniverseConfig *config, UniverseResult *ret);
