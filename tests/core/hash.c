/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hash.c: prints one number for all that happens in the contract's tests in simulation, over a few seeds. Whoever built
 * this, with whatever options, must get the same number: hash.py compares.
 *
 * It runs everything twice on fibers and once on the baton, and fails when they differ, or when two seeds give the same.
 */
#include <inttypes.h>

#include "tests/core/on_sim.h"

#define SEEDS 6

static uint64_t hash_of(uint64_t seed, SimBackend backend, bool is_host)
{
    static const ContractTest *const groups[] = {timer_tests,  watch_tests,  task_tests,   thread_tests,
                                                 stream_tests, listen_tests, service_tests};
    const SimConfig config = {
        .seed = seed,
        .backend = backend,
        .level = seed == 0 ? SIM_LEVEL_LOOPS : SIM_LEVEL_CALLS,
        .clock_origin_ns = seed << 40,
    };
    uint64_t hash = 0;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (const ContractTest *test = groups[g]; test->name != NULL; test++) {
            const uint64_t one = hash_in_sim(test, &config, is_host);
            if (one == 0) {
                fprintf(stderr, "seed %" PRIu64 ": \"%s\" failed\n", seed, test->name);
                return 0;
            }
            hash = hash * 31 + one;
        }
    }
    return hash;
}

int main(void)
{
    uint64_t all = 0;
    uint64_t last = 0;
    for (int is_host = 0; is_host < 2; is_host++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            const uint64_t hash = hash_of(seed, SIM_BACKEND_FIBER, is_host);
            if (hash == 0 || hash == last || hash_of(seed, SIM_BACKEND_FIBER, is_host) != hash) {
                fprintf(stderr, "seed %" PRIu64 " host %d: not the same twice, or the same as another\n",
                        seed, is_host);
                return 1;
            }
            if (hash_of(seed, SIM_BACKEND_BATON, is_host) != hash) {
                fprintf(stderr, "seed %" PRIu64 " host %d: not the same on the baton\n", seed, is_host);
                return 1;
            }
            last = hash;
            all = all * 31 + hash;
        }
    }
    printf("%016" PRIx64 "\n", all);
    return 0;
}
