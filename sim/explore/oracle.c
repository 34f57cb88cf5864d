/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/oracle.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *name, *about;
} oracles[SIM_ORACLES] = {
    [SIM_ORACLE_MEMORY] = {"memory", "AddressSanitizer, or a signal"},
    [SIM_ORACLE_CHECKS] = {"checks", "the server's own invariants, undefined behaviour"},
    [SIM_ORACLE_RACES] = {"races", "ThreadSanitizer"},
    [SIM_ORACLE_HEAP] = {"heap", "memory that a universe leaves behind"},
    [SIM_ORACLE_LEAKS] = {"leaks", "handles, timers, watches, loops, threads left behind"},
    [SIM_ORACLE_BOUNDS] = {"bounds", "memory, and what waits in queues, beyond what is allowed"},
    [SIM_ORACLE_PROGRESS] = {"progress", "deadlock, stall, livelock, no end"},
    [SIM_ORACLE_HANDLES] = {"handles", "a handle, watch, loop or gate used wrongly"},
    [SIM_ORACLE_HOST] = {"host", "the host called without its lock"},
    [SIM_ORACLE_EVENTS] = {"events", "channel events that do not balance"},
    [SIM_ORACLE_DEVICE] = {"device", "the device's resources, memory, cookies"},
    [SIM_ORACLE_PROTOCOL] = {"protocol", "what a strict client receives"},
    [SIM_ORACLE_PICTURES] = {"pictures", "what clients show, and what the guest has drawn"},
    [SIM_ORACLE_REST] = {"rest", "once faults have stopped, all comes to rest"},
    [SIM_ORACLE_EXPECTED] = {"expected", "what a scenario expects"},
    [SIM_ORACLE_HARNESS] = {"harness", "the simulator contradicts itself"},
};

#define I(n) (UINT64_C(1) << (n))

/* The first that fits counts. `begins`: the sentence begins so; otherwise it has that somewhere. */
static const struct {
    const char *words;
    bool begins;
    SimOracle oracle;
    SimInvariants invariants; /* that do not hold then */
} sentences[] = {
    {"harness: ", true, SIM_ORACLE_HARNESS, 0},
    {"hangs: ", true, SIM_ORACLE_PROGRESS, I(20) | I(23) | I(29)},
    {"deadlock: ", true, SIM_ORACLE_PROGRESS, I(14) | I(15)},
    {"stall: ", true, SIM_ORACLE_PROGRESS, I(24) | I(55)},
    {"livelock: ", true, SIM_ORACLE_PROGRESS, I(23) | I(29) | I(41)},
    {"the scenario did not end", true, SIM_ORACLE_PROGRESS, I(14) | I(23)},
    {"the server was not destroyed", true, SIM_ORACLE_PROGRESS, I(14) | I(52)},
    {"left behind: memory of", true, SIM_ORACLE_HEAP, I(7) | I(18) | I(27) | I(52)},
    {"left behind: ", true, SIM_ORACLE_LEAKS, I(4) | I(7) | I(18) | I(30) | I(52)},
    {"bounds: ", true, SIM_ORACLE_BOUNDS, I(26) | I(44)},
    {"not at rest: ", true, SIM_ORACLE_REST, I(18) | I(23) | I(30) | I(31)},
    {"the host's ", true, SIM_ORACLE_HOST, I(10) | I(13)},
    {"device", true, SIM_ORACLE_DEVICE, I(14) | I(21) | I(32) | I(33) | I(34) | I(42)},
    {"connections without a DISCONNECTED", false, SIM_ORACLE_EVENTS, I(2) | I(5)},
    {"our own invariant", false, SIM_ORACLE_CHECKS, I(1) | I(9) | I(10) | I(18) | I(53)},
    {"runtime error: ", false, SIM_ORACLE_CHECKS, I(53)},
    {"UndefinedBehaviorSanitizer", false, SIM_ORACLE_CHECKS, I(53)},
    {"ThreadSanitizer", false, SIM_ORACLE_RACES, I(9) | I(10) | I(12) | I(21) | I(54)},
    {"heap-use-after-free", false, SIM_ORACLE_MEMORY, I(3) | I(4) | I(20) | I(21) | I(22) | I(28) | I(30)},
    {"stack-use-", false, SIM_ORACLE_MEMORY, I(21) | I(24)},
    {"double-free", false, SIM_ORACLE_MEMORY, I(2) | I(18) | I(27)},
    {"died: ", true, SIM_ORACLE_MEMORY, I(53)},
    {"two watches on handle", true, SIM_ORACLE_HANDLES, I(11) | I(30)},
    {"under its watch", false, SIM_ORACLE_HANDLES, I(22) | I(30)},
    {", which is not open", false, SIM_ORACLE_HANDLES, I(22)},
    {"which is watched already", false, SIM_ORACLE_HANDLES, I(11) | I(30)},
    {"on a loop of another thread", false, SIM_ORACLE_HANDLES, I(10) | I(11)},
    {"loop_free() of a loop", true, SIM_ORACLE_HANDLES, I(30) | I(52)},
    {"a gate was opened twice", true, SIM_ORACLE_HANDLES, I(14)},
    {", message ", false, SIM_ORACLE_PROTOCOL,
     I(6) | I(17) | I(19) | I(21) | I(25) | I(35) | I(37) | I(38) | I(47) | I(56)},
    {"sees what was drawn", false, SIM_ORACLE_PICTURES, I(23) | I(25) | I(36) | I(51)},
    {" wrong pixels of surface", false, SIM_ORACLE_PICTURES, I(25) | I(36) | I(51) | I(56)},
    {"than the original order", false, SIM_ORACLE_PICTURES, I(25) | I(36)},
    {" does not have surface", false, SIM_ORACLE_PICTURES, I(25) | I(35)},
    {" has surface", false, SIM_ORACLE_PICTURES, I(25) | I(35)},
    {" shows surface", false, SIM_ORACLE_PICTURES, I(25) | I(35)},
};

#define SENTENCES (sizeof sentences / sizeof sentences[0])

const char *sim_oracle_name(SimOracle oracle)
{
    CHECK(oracle < SIM_ORACLES);
    return oracles[oracle].name;
}

const char *sim_oracle_about(SimOracle oracle)
{
    CHECK(oracle < SIM_ORACLES);
    return oracles[oracle].about;
}

bool sim_oracle_named(const char *name, SimOracle *ret)
{
    for (unsigned i = 0; i < SIM_ORACLES; i++) {
        if (strcmp(oracles[i].name, name) == 0) {
            *ret = (SimOracle)i;
            return true;
        }
    }
    return false;
}

/* The place of its sentence; none: the scenario's own. */
static size_t place_of(const char *failure)
{
    size_t i = 0;
    for (; i < SENTENCES; i++) {
        const char *found = strstr(failure, sentences[i].words);
        if (found != NULL && (found == failure || !sentences[i].begins)) {
            break;
        }
    }
    return i;
}

SimOracle sim_oracle_of(const char *failure)
{
    const size_t place = place_of(failure);
    return place < SENTENCES ? sentences[place].oracle : SIM_ORACLE_EXPECTED;
}

SimInvariants sim_invariants_of(const char *failure)
{
    const size_t place = place_of(failure);
    return place < SENTENCES ? sentences[place].invariants : 0;
}

SimInvariants sim_oracle_watches(SimOracle oracle)
{
    SimInvariants result = 0;
    for (size_t i = 0; i < SENTENCES; i++) {
        result |= sentences[i].oracle == oracle ? sentences[i].invariants : 0;
    }
    return result;
}

void sim_invariants_print(SimInvariants invariants, const char *between, char ret[SIM_INVARIANTS_TEXT_BYTES])
{
    size_t len = 0;
    ret[0] = '\0';
    for (unsigned n = 1; n < 64 && len < SIM_INVARIANTS_TEXT_BYTES; n++) {
        if ((invariants & I(n)) != 0) {
            len += (size_t)snprintf(ret + len, SIM_INVARIANTS_TEXT_BYTES - len, "%sI%u",
                                    len > 0 ? between : "", n);
        }
    }
    CHECK(len < SIM_INVARIANTS_TEXT_BYTES);
}
