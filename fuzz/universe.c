/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole universe: the input's bytes are its choices. The first ones say which scheduler, faults and sizes; each choose()
 * of the universe takes of the others as many as it needs, so that what the fuzzer learns to change is who runs, what is lost
 * and what guest and client do. Where they end nothing else goes wrong. Whatever the bytes are, no oracle finds anything.
 */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim/explore/plan.h"
#include "sim/workload/universe.h"

#define HEADER_BYTES 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const SimScheduler schedulers[] = {SIM_RANDOM, SIM_STICKY, SIM_PCT2, SIM_PCT3, SIM_STARVE};

    if (size <= HEADER_BYTES) {
        return 0;
    }
    SimPlan plan = sim_plan(&machine_subject, data[0], SIM_LEVEL_CALLS);
    plan.scheduler = schedulers[data[1] % (sizeof schedulers / sizeof schedulers[0])];
    plan.faults &= le32_get(data + 2) & ~SIM_FAULT_BIT(SIM_SOCKET_BANDWIDTH); /* that one takes long */
    plan.knobs[0] = 1;                                                        /* client */
    plan.knobs[1] = 1;                                                        /* vcpu */
    plan.knobs[2] = 1 + data[1] / 128;                                        /* acts */
    plan.knobs[3] = 1;                                                        /* device */
    const SimConfig base = {
        .seed = plan.seed,
        .level = plan.level,
        .scheduler = plan.scheduler,
        .faults_off = SIM_FAULTS_ALL & ~plan.faults,
        .bytes = span_of(data + HEADER_BYTES, size - HEADER_BYTES),
    };
    SimOutcome outcome = {0};
    machine_subject.run(&plan, &base, &outcome);
    if (outcome.failure[0] != '\0') {
        fprintf(stderr, "%s%s\n", outcome.where, outcome.failure);
        abort();
    }
    return 0;
}

/* Fibers' stacks stay for the next universe; each was asked what it left behind. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
