/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_universes: runs universes by seed; each twice now and then, to hold determinism. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/universe/universe.h"

#define AGAIN_ONE_IN 16 /* run twice, and compare the hashes */

static void usage(FILE *to)
{
    fputs("usage: test-universes [--seeds A..B] [--clients N] [--tickets] [--plain] [--verbose]\n"
          "Runs the whole server in simulated universes, one for each seed from A to B.\n"
          "A failure prints the seed that repeats it: test-universes --seeds S..S --verbose\n",
          to);
}

static bool run_one(UniverseConfig config, UniverseResult *result)
{
    universe_run(&config, result);
    if (result->failure[0] == '\0' && config.seed % AGAIN_ONE_IN == 0) {
        UniverseResult again;
        universe_run(&config, &again);
        if (again.hash != result->hash) {
            snprintf(result->failure, sizeof result->failure,
                     "not deterministic: hash %016" PRIx64 ", then %016" PRIx64, result->hash, again.hash);
        }
    }
    return result->failure[0] == '\0';
}

int main(int argc, char **argv)
{
    UniverseConfig config = {.clients_max = 3};
    uint64_t first = 1, last = 200, failed = 0, opened = 0, steps = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            const int n = sscanf(argv[++i], "%" SCNu64 "..%" SCNu64, &first, &last);
            if (n < 1) {
                usage(stderr);
                return 2;
            }
            last = n < 2 ? first : last;
        } else if (strcmp(argv[i], "--clients") == 0 && i + 1 < argc) {
            config.clients_max = (uint32_t)atoi(argv[++i]);
            if (config.clients_max < 1 || config.clients_max > 4) {
                fputs("test-universes: --clients takes 1 to 4\n", stderr);
                return 2;
            }
        } else if (strcmp(argv[i], "--tickets") == 0) {
            config.tickets = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            config.plain = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            config.verbose = true;
        } else {
            usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }

    const clock_t start = clock();
    for (uint64_t seed = first; seed <= last && failed < 10; seed++) {
        UniverseResult result;
        config.seed = seed;
        if (!run_one(config, &result)) {
            printf("seed %" PRIu64 ": %s\n", seed, result.failure);
            failed++;
        }
        opened += result.channels_opened;
        steps += result.steps;
    }
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%" PRIu64 " universes, %" PRIu64 " channels opened, %" PRIu64
           " steps, %.2f s CPU (%.0f universes/s): %" PRIu64 " failed\n",
           last - first + 1, opened, steps, seconds, (double)(last - first + 1) / seconds, failed);
    if (opened == 0) {
        puts("no client ever got in: this proves nothing");
        return 1;
    }
    return failed == 0 ? 0 : 1;
}
