/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/accesses.h"

int64_t sim_points_left;
bool sim_accesses_count;

#define HOOK(name)                                                                                           \
    void name(const void *address);                                                                          \
    void name(const void *address)                                                                           \
    {                                                                                                        \
        (void)address;                                                                                       \
        if (__builtin_expect(sim_accesses_count, 0) && --sim_points_left <= 0) {                             \
            sim_access_passed();                                                                             \
        }                                                                                                    \
    }

HOOK(__sanitizer_cov_load1)
HOOK(__sanitizer_cov_load2)
HOOK(__sanitizer_cov_load4)
HOOK(__sanitizer_cov_load8)
HOOK(__sanitizer_cov_load16)
HOOK(__sanitizer_cov_store1)
HOOK(__sanitizer_cov_store2)
HOOK(__sanitizer_cov_store4)
HOOK(__sanitizer_cov_store8)
HOOK(__sanitizer_cov_store16)
