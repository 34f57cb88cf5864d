/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* oracle.h: who says that something is wrong: an oracle is known by the sentence it fails with.
 *
 * Sentences and not numbers, as half of the oracles live in the sanitizers, and a death is told by one process about
 * another. A sentence of none of them is the scenario's own: what it expects.
 *
 * Each sentence stands for some of the invariants I1 to I56 that the catalogue of historical races derives ("Derived
 * invariants"); an oracle watches those of all its sentences.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum SimOracle {
    SIM_ORACLE_MEMORY,   /* AddressSanitizer, or the processor */
    SIM_ORACLE_CHECKS,   /* our own invariants, and undefined behaviour */
    SIM_ORACLE_RACES,    /* ThreadSanitizer */
    SIM_ORACLE_HEAP,     /* memory that a universe leaves behind */
    SIM_ORACLE_LEAKS,    /* handles, timers, watches, loops, threads that it leaves behind */
    SIM_ORACLE_BOUNDS,   /* memory, and what waits in queues, beyond what is allowed */
    SIM_ORACLE_PROGRESS, /* deadlock, stall, livelock, no end */
    SIM_ORACLE_HANDLES,  /* a handle, watch, loop or gate that is used wrongly */
    SIM_ORACLE_HOST,     /* a callback of the host's from a thread that must not */
    SIM_ORACLE_EVENTS,   /* channel events that do not balance */
    SIM_ORACLE_DEVICE,   /* the device's resources, memory, cookies */
    SIM_ORACLE_PROTOCOL, /* what a strict client receives */
    SIM_ORACLE_PICTURES, /* what clients show */
    SIM_ORACLE_REST,     /* once faults have stopped, all comes to rest */
    SIM_ORACLE_EXPECTED, /* the story's own: what must be true in a scenario */
    SIM_ORACLE_HARNESS,  /* the simulator contradicts itself */
    SIM_ORACLES,
} SimOracle;

#define SIM_ORACLE_BIT(oracle) (UINT32_C(1) << (oracle))

const char *sim_oracle_name(SimOracle oracle);  /* "memory"; constant */
const char *sim_oracle_about(SimOracle oracle); /* a few words */
bool sim_oracle_named(const char *name, SimOracle *ret);
/* Whose sentence this is. */
SimOracle sim_oracle_of(const char *failure);

/* Bit n: invariant I<n>. */
typedef uint64_t SimInvariants;

#define SIM_INVARIANTS_TEXT_BYTES 256u

/* All that an oracle watches. 0: none of its own, as a scenario's are those of the rows that it names. */
SimInvariants sim_oracle_watches(SimOracle oracle);
/* What does not hold where this sentence is true. */
SimInvariants sim_invariants_of(const char *failure);
/* "I14 I52", `between` between them; "": none. */
void sim_invariants_print(SimInvariants invariants, const char *between, char ret[SIM_INVARIANTS_TEXT_BYTES]);
