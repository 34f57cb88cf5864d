/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/cli/cli.h"
#include "sim/explore/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

#define WORTH_UNIVERSES_MIN 100u /* in one of fewer, nothing may happen by chance */
#define BAR 20

typedef struct Finding {
    SimPlan plan;
    SimOutcome outcome;
    char path[512]; /* of its replay; "": nobody asked for one */
    struct Finding *next;
} Finding;

typedef struct Explore {
    const Cli *cli;
    Finding *findings; /* different ones, in the order they came */
    Finding **findings_end;
    FILE *jsonl, *junit;
    bool kept; /* all that was found, where it was to be */
    bool is_terminal;
    bool has_line; /* progress stands on the last line */
    double told;
} Explore;

void cli_print_failure(const SimOutcome *outcome)
{
    char invariants[SIM_INVARIANTS_TEXT_BYTES], faults[SIM_FAULTS_TEXT_BYTES];
    sim_invariants_print(sim_invariants_of(outcome->failure), " ", invariants);
    sim_faults_print(outcome->faults, " ", faults);
    printf("  %s\n", outcome->failure);
    printf("  oracle %s%s%s; faults that happened: %s\n", sim_oracle_name(sim_oracle_of(outcome->failure)),
           invariants[0] != '\0' ? ": " : "", invariants, faults[0] != '\0' ? faults : "none");
    if (outcome->where[0] != '\0') {
        printf("  at %.*s\n", (int)(strlen(outcome->where) - 2), outcome->where); /* without its ": " */
    }
}

static void end_line(Explore *explore)
{
    if (explore->has_line) {
        fputs("\r\033[K", stderr);
        explore->has_line = false;
    }
}

/* What asked for the end; 0: nothing. Mutable, as signal handlers get no argument. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* A replay file of its own for each different failure: none that is there already, of an earlier night or another shard,
 * is written on. */
static bool keep(const Cli *cli, Finding *finding)
{
    SimReplay replay = {.plan = finding->plan, .hash = finding->outcome.hash};
    int fd = -1;
    snprintf(replay.failure, sizeof replay.failure, "%s", finding->outcome.failure);
    for (unsigned number = 1; fd < 0; number++) {
        snprintf(finding->path, sizeof finding->path, "%s/%s-%u.replay", cli->out,
                 finding->plan.subject->name, number);
        fd = open(finding->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) {
            perror(finding->path);
            return false;
        }
    }
    FILE *to = fdopen(fd, "w");
    CHECK(to != NULL);
    sim_replay_write(&replay, to);
    return cli_close(to, finding->path);
}

static void found(void *opaque, const SimPlan *plan, const SimOutcome *outcome, bool is_new)
{
    Explore *explore = opaque;
    char token[SIM_TOKEN_BYTES];
    if (!is_new) {
        return;
    }
    end_line(explore);
    sim_token_print(plan, token);
    printf("found %s\n", token);
    cli_print_failure(outcome);
    fflush(stdout);
    Finding *finding = calloc(1, sizeof *finding);
    CHECK(finding != NULL);
    finding->plan = *plan;
    finding->outcome = *outcome;
    explore->kept = (explore->cli->out == NULL || keep(explore->cli, finding)) && explore->kept;
    *explore->findings_end = finding;
    explore->findings_end = &finding->next;
}

static void played(void *opaque, const SimPlan *plan, const SimOutcome *outcome, uint64_t took_ns)
{
    const Explore *explore = opaque;
    char token[SIM_TOKEN_BYTES], signature[SIM_FAILURE_BYTES];
    sim_token_print(plan, token);
    sim_signature(outcome->failure, signature);
    fprintf(explore->jsonl, "{\"token\":\"");
    sim_print_json(explore->jsonl, token);
    fprintf(explore->jsonl, "\",\"verdict\":\"%s\",\"sig\":\"",
            outcome->failure[0] != '\0' ? "failed" : "passed");
    sim_print_json(explore->jsonl, signature);
    fputc('"', explore->jsonl);
    if (outcome->failure[0] != '\0') {
        const SimInvariants watched = sim_invariants_of(outcome->failure);
        char invariants[SIM_INVARIANTS_TEXT_BYTES];
        sim_invariants_print(watched, "\",\"", invariants);
        fprintf(explore->jsonl, ",\"oracle\":\"%s\",\"invariants\":[%s%s%s]",
                sim_oracle_name(sim_oracle_of(outcome->failure)), watched != 0 ? "\"" : "", invariants,
                watched != 0 ? "\"" : "");
    }
    char faults[SIM_FAULTS_TEXT_BYTES];
    sim_faults_print(outcome->faults, "\",\"", faults);
    fprintf(explore->jsonl, ",\"faults\":[%s%s%s]", faults[0] != '\0' ? "\"" : "", faults,
            faults[0] != '\0' ? "\"" : "");
    fprintf(explore->jsonl, ",\"hash\":\"%016" PRIx64 "\",\"us\":%" PRIu64 "}\n", outcome->hash,
            took_ns / 1000);
}

/* "[#####...............] ": the part that was played, of what there is or of the time; nothing where neither ends. */
static void print_bar(const Explore *explore, const SimSweepCount *count)
{
    const double of =
        explore->cli->last == UINT64_MAX ? 0 : (double)count->universes + (double)count->remaining;
    double done = of > 0 ? (double)count->universes / of : 0;
    if (explore->cli->seconds != 0 && count->seconds / explore->cli->seconds > done) {
        done = count->seconds / explore->cli->seconds;
    }
    if (of > 0 || explore->cli->seconds != 0) {
        const int full = (int)((done < 1 ? done : 1) * BAR);
        fprintf(stderr, "[%.*s%.*s] ", full, "####################", BAR - full, "....................");
    }
}

static void progress(void *opaque, const SimSweepCount *count)
{
    Explore *explore = opaque;
    if (explore->cli->quiet || (!explore->is_terminal && count->seconds - explore->told < 10)) {
        return;
    }
    explore->told = count->seconds;
    if (explore->is_terminal) {
        fputs("\r\033[K", stderr);
        print_bar(explore, count);
    }
    fprintf(stderr, "%" PRIu64 " universes, %.0f/s, %" PRIu64 " found (%" PRIu64 " different)",
            count->universes, (double)count->universes / count->seconds, count->found, count->found_new);
    if (explore->cli->last != UINT64_MAX) {
        fprintf(stderr, ", %" PRIu64 " remain", count->remaining);
    }
    fputs(explore->is_terminal ? "" : "\n", stderr);
    fflush(stderr);
    explore->has_line = explore->is_terminal;
}

static bool write_junit(const Explore *explore, const SimSweepCount *count)
{
    const Cli *cli = explore->cli;
    FILE *to = explore->junit;
    fprintf(to,
            "<?xml version=\"1.0\"?>\n<testsuite name=\"spice-sim explore\" tests=\"%zu\" failures=\"%" PRIu64
            "\" time=\"%.3f\">\n",
            cli->chosen_len, count->found_new, count->seconds);
    for (size_t i = 0; i < cli->chosen_len; i++) {
        fprintf(to, "  <testcase classname=\"spice-sim\" name=\"");
        sim_print_xml(to, cli->chosen[i]->name);
        fprintf(to, "\">\n");
        for (const Finding *finding = explore->findings; finding != NULL; finding = finding->next) {
            if (finding->plan.subject == cli->chosen[i]) {
                const char *failure = finding->outcome.failure;
                char token[SIM_TOKEN_BYTES], invariants[SIM_INVARIANTS_TEXT_BYTES],
                    faults[SIM_FAULTS_TEXT_BYTES];
                sim_token_print(&finding->plan, token);
                sim_invariants_print(sim_invariants_of(failure), " ", invariants);
                sim_faults_print(finding->outcome.faults, " ", faults);
                fprintf(to, "    <failure type=\"%s%s%s\" message=\"",
                        sim_oracle_name(sim_oracle_of(failure)), invariants[0] != '\0' ? " " : "",
                        invariants);
                sim_print_xml(to, failure);
                fprintf(to, "\">spice-sim replay ");
                sim_print_xml(to, token);
                fprintf(to, "\nfaults that happened: %s</failure>\n", faults[0] != '\0' ? faults : "none");
            }
        }
        fprintf(to, "  </testcase>\n");
    }
    fprintf(to, "</testsuite>\n");
    return cli_close(to, cli->junit);
}

static bool shrink_findings(const Explore *explore, SimStage *stage)
{
    bool kept = true;
    for (const Finding *finding = explore->findings; finding != NULL && interrupted == 0;
         finding = finding->next) {
        const SimReplay replay = {.plan = finding->plan};
        const char *path = finding->path[0] != '\0' ? finding->path : NULL;
        kept = cli_make_small(explore->cli, stage, &replay, path) == CLI_FOUND && kept;
    }
    return kept;
}

static void print_summary(const Cli *cli, const SimSweepCount *count)
{
    printf("%" PRIu64 " universes in %.1f s, %.0f/s", count->universes, count->seconds,
           (double)count->universes / count->seconds);
    if (count->steps > 0) {
        printf("; %" PRIu64 " steps, %.0f/s", count->steps, (double)count->steps / count->seconds);
    }
    if (count->again > 0) {
        printf("; %" PRIu64 " played twice", count->again);
    }
    if (count->exhausted > 0) {
        printf("; %" PRIu64 " search%s complete", count->exhausted, count->exhausted == 1 ? "" : "es");
    }
    printf("; %" PRIu64 " found, %" PRIu64 " different", count->found, count->found_new);
    if (cli->last != UINT64_MAX && cli->schedulers_len == 0 && count->remaining > 0) {
        printf("; %" PRIu64 " remain", count->remaining);
    }
    if (interrupted != 0) {
        printf("; interrupted: %s", strsignal(interrupted));
    }
    putchar('\n');
}

/* Whatever is to be written can be. */
static bool open_files(Explore *explore)
{
    const Cli *cli = explore->cli;
    struct stat status;
    if (cli->out != NULL && mkdir(cli->out, 0777) < 0 &&
        (errno != EEXIST || stat(cli->out, &status) < 0 || !S_ISDIR(status.st_mode) ||
         access(cli->out, W_OK) < 0)) {
        fprintf(stderr, "spice-sim: %s: no folder that files can be put in\n", cli->out);
        return false;
    }
    if (cli->jsonl != NULL && (explore->jsonl = fopen(cli->jsonl, "w")) == NULL) {
        perror(cli->jsonl);
        return false;
    }
    if (cli->junit != NULL && (explore->junit = fopen(cli->junit, "w")) == NULL) {
        perror(cli->junit);
        return false;
    }
    return true;
}

int cli_explore(Cli *cli)
{
    Explore explore = {.cli = cli, .kept = true, .is_terminal = isatty(STDERR_FILENO) != 0};
    SimSweepCount count;
    SimStage stage = {.backend = cli->backend};
    explore.findings_end = &explore.findings;
    if (!open_files(&explore)) {
        return CLI_USAGE;
    }
    /* The second one ends us at once. */
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const SimSweep sweep = {
        .subjects = cli->chosen,
        .first = cli->first,
        .last = cli->last,
        .schedulers = cli->schedulers,
        .schedulers_len = cli->schedulers_len,
        .level = cli->level,
        .backend = cli->backend,
        .without = cli->without,
        .ignored = cli->ignored,
        .jobs = cli->jobs,
        .shard = cli->shard,
        .shards = cli->shards,
        .seconds_max = cli->seconds,
        .hang_seconds = cli->hang_seconds,
        .found_max = cli->found_max,
        .turns_max = cli->turns_max,
        .interrupted = &interrupted,
        .opaque = &explore,
        .found = found,
        .played = cli->jsonl != NULL ? played : NULL,
        .progress = progress,
    };
    const bool swept = sim_sweep(&sweep, &count);
    end_line(&explore);
    bool kept = explore.kept;
    kept = (!cli->shrink || shrink_findings(&explore, &stage)) && kept;
    kept = (explore.junit == NULL || write_junit(&explore, &count)) && kept;
    kept = (explore.jsonl == NULL || cli_close(explore.jsonl, cli->jsonl)) && kept;
    print_summary(cli, &count);
    while (explore.findings != NULL) {
        Finding *finding = explore.findings;
        explore.findings = finding->next;
        free(finding);
    }
    sim_stage_free(&stage);
    if (!swept || !kept || count.harness > 0) {
        fputs("spice-sim: the harness itself is broken, or its results could not be written\n", stderr);
        return CLI_BROKEN;
    }
    if (count.universes >= WORTH_UNIVERSES_MIN && count.worth == 0 && count.exhausted == 0 &&
        count.found == 0) {
        fputs("spice-sim: nothing ever happened in these universes: this proves nothing\n", stderr);
        return CLI_BROKEN;
    }
    return count.found > 0 ? CLI_FOUND : interrupted != 0 ? CLI_INTERRUPTED + interrupted : CLI_FOUND_NOTHING;
}
