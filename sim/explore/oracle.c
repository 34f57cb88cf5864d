/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/oracle.h"

#include <stddef.h>
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
    [SIM_ORACLE_PROGRESS] = {"progress", "deadlock, stall, livelock, no end"},
    [SIM_ORACLE_HANDLES] = {"handles", "a handle, watch, loop or gate used wrongly"},
    [SIM_ORACLE_HOST] = {"host", "the host called without its lock"},
    [SIM_ORACLE_EVENTS] = {"events", "channel events that do not balance"},
    [SIM_ORACLE_DEVICE] = {"device", "the device's resources, memory, cookies"},
    [SIM_ORACLE_PROTOCOL] = {"protocol", "what a strict client receives"},
    [SIM_ORACLE_PICTURES] = {"pictures", "what clients show, and what the guest has drawn"},
    [SIM_ORACLE_EXPECTED] = {"expected", "what a scenario expects"},
    [SIM_ORACLE_HARNESS] = {"harness", "the simulator contradicts itself"},
};

/* The first that fits counts. `begins`: the sentence begins so; otherwise it has that somewhere. */
static const struct {
    const char *words;
    bool begins;
    SimOracle oracle;
} sentences[] = {
    {"harness: ", true, SIM_ORACLE_HARNESS},
    {"hangs: ", true, SIM_ORACLE_PROGRESS},
    {"deadlock: ", true, SIM_ORACLE_PROGRESS},
    {"stall: ", true, SIM_ORACLE_PROGRESS},
    {"livelock: ", true, SIM_ORACLE_PROGRESS},
    {"the scenario did not end", true, SIM_ORACLE_PROGRESS},
    {"the server was not destroyed", true, SIM_ORACLE_PROGRESS},
    {"left behind: memory of", true, SIM_ORACLE_HEAP},
    {"left behind: ", true, SIM_ORACLE_LEAKS},
    {"the host's ", true, SIM_ORACLE_HOST},
    {"device", true, SIM_ORACLE_DEVICE},
    {"connections without a DISCONNECTED", false, SIM_ORACLE_EVENTS},
    {"our own invariant", false, SIM_ORACLE_CHECKS},
    {"runtime error: ", false, SIM_ORACLE_CHECKS},
    {"UndefinedBehaviorSanitizer", false, SIM_ORACLE_CHECKS},
    {"ThreadSanitizer", false, SIM_ORACLE_RACES},
    {"died: ", true, SIM_ORACLE_MEMORY},
    {"two watches on handle", true, SIM_ORACLE_HANDLES},
    {"under its watch", false, SIM_ORACLE_HANDLES},
    {", which is not open", false, SIM_ORACLE_HANDLES},
    {"which is watched already", false, SIM_ORACLE_HANDLES},
    {"on a loop of another thread", false, SIM_ORACLE_HANDLES},
    {"loop_free() of a loop", true, SIM_ORACLE_HANDLES},
    {"a gate was opened twice", true, SIM_ORACLE_HANDLES},
    {", message ", false, SIM_ORACLE_PROTOCOL},
    {"sees what was drawn", false, SIM_ORACLE_PICTURES},
    {" wrong pixels of surface", false, SIM_ORACLE_PICTURES},
    {"than the original order", false, SIM_ORACLE_PICTURES},
    {" does not have surface", false, SIM_ORACLE_PICTURES},
    {" has surface", false, SIM_ORACLE_PICTURES},
    {" shows surface", false, SIM_ORACLE_PICTURES},
};

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

SimOracle sim_oracle_of(const char *failure)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        const char *found = strstr(failure, sentences[i].words);
        if (found != NULL && (found == failure || !sentences[i].begins)) {
            return sentences[i].oracle;
        }
    }
    return SIM_ORACLE_EXPECTED;
}
