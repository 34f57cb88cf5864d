/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_universes: runs universes by seed; some of them again, or all on both backends, to hold determinism. The hash at
 * the end is that of all of them: the same for every compiler, option and machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "sim/workload/universe.h"

#define AGAIN_ONE_IN 16 /* run twice, and compare the hashes */

static void usage(FILE *to)
{
    fputs("usage: test-universes [--seeds A..B] [--clients N] [--tickets] [--plain] [--backend "
          "fiber|baton|both]\n"
          "                      [--verbose] [--recording FILE]\n"
          "Runs the whole server in simulated universes, one for each seed from A to B.\n"
          "A failure prints the seed that repeats it: test-universes --seeds S..S --verbose\n",
          to);
}

static Span read_recording(const char *path)
{
    gchar *text;
    gsize len;
    GError *error = NULL;

    if (!g_file_get_contents(path, &text, &len, &error)) {
        fprintf(stderr, "test-universes: %s\n", error->message);
        exit(2);
    }
    return span_of((const uint8_t *)text, len);
}

/* Again, perhaps on the other backend: the same must come of it. */
static void run_again(UniverseConfig config, SimBackend backend, UniverseResult *result)
{
    UniverseResult again;
    config.backend = backend;
    universe_run(&config, &again);
    if (again.hash != result->hash) {
        snprintf(result->failure, sizeof result->failure,
                 "not deterministic: hash %016" PRIx64 ", then%s %016" PRIx64 "%s%.400s", result->hash,
                 backend == SIM_BACKEND_BATON ? " on the baton" : "", again.hash,
                 again.failure[0] != '\0' ? ": " : "", again.failure);
    }
}

static bool run_one(UniverseConfig config, bool on_both, UniverseResult *result)
{
    universe_run(&config, result);
    if (result->failure[0] == '\0' && on_both) {
        run_again(config, SIM_BACKEND_BATON, result);
    }
    if (result->failure[0] == '\0' && config.seed % AGAIN_ONE_IN == 0) {
        run_again(config, config.backend, result);
    }
    return result->failure[0] == '\0';
}

int main(int argc, char **argv)
{
    static UniverseConfig config = {.clients_max = 3}; /* keeps the recording until the process ends */
    uint64_t first = 1, last = 200, failed = 0, opened = 0, steps = 0, hash = 0;
    char checksum[UNIVERSE_CHECKSUM_BYTES] = "";
    bool on_both = false;

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
        } else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc) {
            i++;
            on_both = strcmp(argv[i], "both") == 0;
            config.backend = strcmp(argv[i], "baton") == 0 ? SIM_BACKEND_BATON : SIM_BACKEND_FIBER;
            if (!on_both && config.backend == SIM_BACKEND_FIBER && strcmp(argv[i], "fiber") != 0) {
                usage(stderr);
                return 2;
            }
        } else if (strcmp(argv[i], "--recording") == 0 && i + 1 < argc) {
            config.recording = read_recording(argv[++i]);
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
        if (!run_one(config, on_both, &result)) {
            printf("seed %" PRIu64 ": %s\n", seed, result.failure);
            failed++;
        }
        if (result.checksum[0] != '\0' && strcmp(result.checksum, checksum) != 0) {
            printf("seed %" PRIu64 ": ended with %s\n", seed, result.checksum);
            failed += checksum[0] != '\0'; /* whatever happens, a recording ends with the same picture */
            memcpy(checksum, result.checksum, sizeof checksum);
        }
        opened += result.channels_opened;
        steps += result.steps;
        hash = hash * 31 + result.hash;
    }
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    size_t stack_size;
    const size_t stack_depth = sim_stack_depth(&stack_size);
    if (config.recording.len > 0 && checksum[0] == '\0') {
        puts("no recording ended with a picture: this proves nothing");
        return 1;
    }
    printf("%" PRIu64 " universes, %" PRIu64 " channels opened, %" PRIu64
           " steps, %.2f s CPU (%.0f universes/s): %" PRIu64 " failed\n"
           "hash of all: %016" PRIx64 "; deepest stack: %zu of %zu KiB\n",
           last - first + 1, opened, steps, seconds, (double)(last - first + 1) / seconds, failed, hash,
           stack_depth / 1024, stack_size / 1024);
    if (stack_depth > stack_size / 4 * 3) {
        puts("stacks are too small for comfort");
        return 1;
    }
    if (opened == 0) {
        puts("no client ever got in: this proves nothing");
        return 1;
    }
    return failed == 0 ? 0 : 1;
}
