/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* on_sim.h: the contract in simulation, over many seeds; see backends.h. */
#pragma once

#include "sim/sim.h"
#include "tests/core/contract.h"

bool run_on_fiber(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped);
bool run_on_fiber_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped);
bool run_on_baton(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped);
bool run_on_baton_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped);

/* One universe; its hash. For the test that equal seeds give equal hashes everywhere. */
uint64_t hash_in_sim(const ContractTest *test, const SimConfig *config, bool is_host);
