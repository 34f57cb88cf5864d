/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* on_posix.h: the contract on real threads and sockets; see backends.h. */
#pragma once

#include "tests/core/contract.h"

bool run_on_posix(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped);
bool run_on_posix_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped);
