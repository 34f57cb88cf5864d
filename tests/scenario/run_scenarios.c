/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run_scenarios: carries out every scenario of a folder, over and over with other seeds; each twice now and then, to hold
 * determinism.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/server.h"
#include "net/crypto.h"
#include "sim/explore/play.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/run.h"
#include "sim/cli/read_file.h"
#include "sim/workload/ticket_key.h"

#define AGAIN_ONE_IN 16u /* carried out twice, and the hashes compared */
#define FAILURES_MAX 3u  /* of one scenario, told */
#define PARAMS_MAX 16u
#define FILES_MAX 1024u

typedef struct Options {
    uint64_t first, last;
    bool verbose, calm, trace, explore;
    ScenarioParam params[PARAMS_MAX];
    size_t params_len;
} Options;

typedef struct Loaded {
    Scenario *scenarios[FILES_MAX];
    char *paths[FILES_MAX];
    size_t len;
} Loaded;

static void usage(FILE *to)
{
    fputs("usage: run-scenarios [--seeds A..B] [--param NAME=VALUE] [--calm|--explore] [--verbose] [--trace] "
          "FILE|FOLDER...\n"
          "Carries out each scenario once for each seed from A to B. A failure prints the file and the seed "
          "that\n"
          "repeat it: run-scenarios --seeds S..S --verbose FILE. With --explore the explorer chooses "
          "schedulers by seed,\n"
          "and what the simulator itself may do to the universe.\n",
          to);
}

static void say(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

static const StageServer server = {
    .server_new = server_new,
    .crypto_new = crypto_new,
    .crypto_context = crypto_context,
    .crypto_free = crypto_free,
    .ticket_key = {universe_ticket_key, UNIVERSE_TICKET_KEY_BYTES},
};

/* As the explorer plays it: schedulers of the portfolio, faults of the swarm. */
static void explore(const ScenarioSubject *subject, SimStage *stage, uint64_t seed, ScenarioResult *ret)
{
    const SimReplay replay = {.plan = sim_plan(&subject->subject, seed, SIM_LEVEL_CALLS)};
    char token[SIM_TOKEN_BYTES];
    SimOutcome outcome = {0};

    sim_play(stage, &replay, &(SimPlayOptions){0}, &outcome);
    *ret = (ScenarioResult){.passed = outcome.failure[0] == '\0',
                            .hash = outcome.hash,
                            .steps = outcome.steps,
                            .opened = (uint32_t)outcome.worth};
    if (!ret->passed) {
        sim_token_print(&replay.plan, token);
        snprintf(ret->failure, sizeof ret->failure, "%s %s%s", token, outcome.where, outcome.failure);
    }
}

/* False: at least one seed failed. */
static bool run_seeds(const char *path, const Scenario *scenario, const Options *options)
{
    uint64_t failed = 0, opened = 0, steps = 0;
    const clock_t start = clock();
    ScenarioSubject subject;
    SimStage stage = {0};

    scenario_subject_init(&subject, "scenario", scenario, &server);
    for (uint64_t seed = options->first; seed <= options->last && failed < FAILURES_MAX; seed++) {
        const ScenarioRun how = {.seed = seed,
                                 .server = &server,
                                 .calm = options->calm,
                                 .say = options->verbose || options->trace ? say : NULL,
                                 .trace_all = options->trace};
        ScenarioResult result;
        if (options->explore) {
            explore(&subject, &stage, seed, &result);
        } else {
            scenario_run(scenario, &how, &result);
        }
        if (result.passed && seed % AGAIN_ONE_IN == 1) {
            ScenarioResult again;
            if (options->explore) {
                explore(&subject, &stage, seed, &again);
            } else {
                scenario_run(scenario, &how, &again);
            }
            if (again.hash != result.hash) {
                result.passed = false;
                snprintf(result.failure, sizeof result.failure,
                         "not deterministic: hash %016" PRIx64 ", then %016" PRIx64, result.hash, again.hash);
            }
        }
        if (!result.passed) {
            printf("%s: seed %" PRIu64 ": %s\n", path, seed, result.failure);
            failed++;
        }
        opened += result.opened;
        steps += result.steps;
    }
    sim_stage_free(&stage);
    if (opened == 0 && scenario->clients_len > 0) {
        printf("%s: no client ever got in: this proves nothing\n", path);
        failed++;
    }
    printf("%s: %" PRIu64 " seeds, %" PRIu64 " connections, %" PRIu64 " steps, %.2f s: %s\n", path,
           options->last - options->first + 1, opened, steps, (double)(clock() - start) / CLOCKS_PER_SEC,
           failed == 0 ? "passed" : "FAILED");
    return failed == 0;
}

/* False: it cannot be read, or is no scenario. */
static bool load_file(const char *path, const Options *options, Loaded *loaded)
{
    FileCache cache = {0};
    Span text;
    ScenarioError error;
    Scenario *scenario = NULL;

    if (loaded->len == FILES_MAX) {
        printf("%s: more than %u files\n", path, FILES_MAX);
    } else if (!file_cache_read(&cache, path, &text)) {
        perror(path);
    } else {
        scenario = scenario_parse(&(ScenarioSource){.path = path,
                                                    .text = text,
                                                    .read = file_cache_read,
                                                    .opaque = &cache,
                                                    .params = options->params,
                                                    .params_len = options->params_len},
                                  &error);
        if (scenario == NULL) {
            char line[1000];
            puts(scenario_error_text(&error, line, sizeof line));
        } else {
            loaded->scenarios[loaded->len] = scenario;
            loaded->paths[loaded->len++] = strdup(path);
        }
    }
    file_cache_free(&cache);
    return scenario != NULL;
}

static int is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".scn") == 0 &&
           entry->d_name[0] != '_'; /* _common.scn is for inclusion */
}

/* How many files could not be loaded. */
static int load_path(const char *path, const Options *options, Loaded *loaded)
{
    struct dirent **entries;
    const int len = scandir(path, &entries, is_scenario, alphasort);
    int failed = 0;

    if (len < 0) {
        return !load_file(path, options, loaded);
    }
    for (int i = 0; i < len; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        failed += !load_file(inner, options, loaded);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

/* A parameter with a slip in its name would change nothing, and what passed prove nothing. */
static bool params_are_used(const Options *options, const Loaded *loaded)
{
    bool all = true;

    for (size_t i = 0; i < options->params_len; i++) {
        const char *name = options->params[i].name;
        Nearest nearest = {.found = name, .found_len = strlen(name)};
        bool used = false;
        for (size_t j = 0; j < loaded->len; j++) {
            for (uint32_t k = 0; k < loaded->scenarios[j]->params_len; k++) {
                used = used || strcmp(loaded->scenarios[j]->params[k], name) == 0;
                nearest_offer(&nearest, loaded->scenarios[j]->params[k]);
            }
        }
        const char *meant = nearest_word(&nearest);
        if (!used) {
            fprintf(stderr, "run-scenarios: no scenario here has a parameter '%s'%s%s%s\n", name,
                    meant[0] != '\0' ? "; did you mean '" : "", meant, meant[0] != '\0' ? "'?" : "");
        }
        all = all && used;
    }
    return all;
}

int main(int argc, char **argv)
{
    Options options = {.first = 1, .last = 20};
    static Loaded loaded;
    const char *paths[FILES_MAX];
    size_t paths_len = 0;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            const int n = sscanf(argv[++i], "%" SCNu64 "..%" SCNu64, &options.first, &options.last);
            if (n < 1 || (n == 2 && options.last < options.first)) {
                usage(stderr);
                return 2;
            }
            options.last = n < 2 ? options.first : options.last;
        } else if (strcmp(argv[i], "--param") == 0 && i + 1 < argc && strchr(argv[i + 1], '=') != NULL &&
                   options.params_len < PARAMS_MAX) {
            char *value = strchr(argv[++i], '=');
            *value = '\0';
            options.params[options.params_len++] = (ScenarioParam){argv[i], value + 1};
        } else if (strcmp(argv[i], "--calm") == 0) {
            options.calm = true;
        } else if (strcmp(argv[i], "--explore") == 0) {
            options.explore = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
        } else if (strcmp(argv[i], "--trace") == 0) {
            options.trace = true;
        } else if (argv[i][0] == '-') {
            usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        } else if (paths_len == FILES_MAX) {
            usage(stderr);
            return 2;
        } else {
            paths[paths_len++] = argv[i];
        }
    }
    for (size_t i = 0; i < paths_len; i++) {
        failed += load_path(paths[i], &options, &loaded);
    }
    const bool used = failed > 0 || params_are_used(&options, &loaded);
    for (size_t i = 0; i < loaded.len; i++) {
        failed += used && !run_seeds(loaded.paths[i], loaded.scenarios[i], &options);
        scenario_free(loaded.scenarios[i]);
        free(loaded.paths[i]);
    }
    if (!used) {
        return 2;
    }
    if (failed == 0 && loaded.len == 0) {
        puts("no scenario was found");
        return 1;
    }
    return failed > 0 ? 1 : 0;
}
