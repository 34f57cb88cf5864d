/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands that are about one universe. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cli/cli.h"

/* ---- Playing and drawing ---- */

bool cli_draw(const Cli *cli, SimStage *stage, const SimReplay *replay, SimOutcome *ret)
{
    SimPlayOptions options = {.backend = cli->backend};
    return sim_play_apart(stage, replay, &options, ret);
}

/* Says what came of it; the exit code. */
static int tell(const SimReplay *replay, const SimOutcome *outcome)
{
    char token[SIM_TOKEN_BYTES], expected[SIM_FAILURE_BYTES], signature[SIM_FAILURE_BYTES];
    sim_token_print(&replay->plan, token);
    printf("%s %s%s\n", outcome->failure[0] != '\0' ? "failed" : "passed", token,
           replay->has_script ? " with a script" : "");
    if (outcome->failure[0] != '\0') {
        cli_print_failure(outcome);
    }
    printf("  hash %016" PRIx64 ", %" PRIu64 " steps\n", outcome->hash, outcome->steps);
    if (replay->failure[0] != '\0') {
        sim_signature(replay->failure, expected);
        sim_signature(outcome->failure, signature);
        if (strcmp(expected, signature) != 0) {
            printf("  not as the file says: %s\n", replay->failure);
        } else if (replay->hash != 0 && replay->hash != outcome->hash) {
            printf("  the same failure, but not the same events as when the file was written (%016" PRIx64
                   ")\n",
                   replay->hash);
        }
    }
    if (strncmp(outcome->failure, SWEEP_HARNESS, strlen(SWEEP_HARNESS)) == 0) {
        return CLI_BROKEN;
    }
    return outcome->failure[0] != '\0' ? CLI_FOUND : CLI_FOUND_NOTHING;
}

static int play(const Cli *cli, SimStage *stage, const SimReplay *replay)
{
    SimOutcome outcome;
    if (!cli_draw(cli, stage, replay, &outcome)) {
        fputs("spice-sim: could not play it, or not write what was asked for\n", stderr);
        return CLI_BROKEN;
    }
    return tell(replay, &outcome);
}

int cli_run(Cli *cli)
{
    SimStage stage = {0};
    int worst = CLI_FOUND_NOTHING;
    for (size_t i = 0; i < cli->chosen_len; i++) {
        SimReplay replay = {.plan = sim_plan(cli->chosen[i], cli->first, cli->level)};
        replay.plan.faults &= ~cli->without;
        if (cli->schedulers_len > 0) {
            replay.plan.scheduler = cli->schedulers[0];
        }
        const int status = play(cli, &stage, &replay);
        worst = status > worst ? status : worst;
    }
    sim_stage_free(&stage);
    return worst;
}

static bool open_one(Cli *cli, SimReplay *ret)
{
    char error[300];
    if (cli->arguments_len > 1) {
        fprintf(stderr, "spice-sim: one at a time: %s\n", cli->arguments[1]);
        return false;
    }
    if (!sim_replay_open(cli->arguments[0], cli->all, ret, error, sizeof error)) {
        fprintf(stderr, "spice-sim: %s: %s\n", cli->arguments[0], error);
        return false;
    }
    ret->plan.faults &= ~cli->without;
    if (cli->has_level) {
        ret->plan.level = cli->level;
    }
    return true;
}

int cli_replay(Cli *cli)
{
    SimStage stage = {0};
    SimReplay replay;
    if (!open_one(cli, &replay)) {
        return CLI_USAGE;
    }
    const int status = play(cli, &stage, &replay);
    sim_replay_free(&replay);
    sim_stage_free(&stage);
    return status;
}

/* ---- Shrinking ---- */

static void say(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "  %s\n", line);
}

bool cli_make_small(const Cli *cli, SimStage *stage, const SimReplay *from, const char *path)
{
    const SimShrinkOptions options = {.say = cli->quiet ? NULL : say, .seconds_max = cli->seconds};
    SimShrinkReport report;
    SimReplay small;
    char error[200];
    if (!sim_shrink(stage, from, &options, &small, &report, error, sizeof error)) {
        fprintf(stderr, "spice-sim: %s\n", error);
        return false;
    }
    fprintf(stderr,
            "shrunk from %zu decisions to %zu, and %zu values, in %" PRIu64 " runs (%" PRIu64
            " more were known) and %.1f s\n",
            report.decisions_before, report.decisions_after, report.values_after, report.runs,
            report.remembered, report.seconds);
    FILE *to = path == NULL ? stdout : fopen(path, "w");
    bool written = to != NULL;
    if (written) {
        sim_replay_write(&small, to);
        written = to == stdout ? fflush(to) == 0 : fclose(to) == 0;
    }
    if (!written) {
        perror(path);
    }
    if (report.token[0] != '\0') {
        fprintf(stderr, "as a token, not quite as small: %s\n", report.token);
    }
    if (path != NULL) {
        printf("shrunk: spice-sim replay %s\n", path);
    }
    SimOutcome outcome;
    if (written && (cli->html != NULL || cli->perfetto != NULL)) {
        written = cli_draw(cli, stage, &small, &outcome);
    }
    sim_replay_free(&small);
    return written;
}

int cli_shrink(Cli *cli)
{
    SimStage stage = {0};
    SimReplay replay;
    if (!open_one(cli, &replay)) {
        return CLI_USAGE;
    }
    const bool made = cli_make_small(cli, &stage, &replay, cli->out);
    sim_replay_free(&replay);
    sim_stage_free(&stage);
    return made ? CLI_FOUND : CLI_BROKEN;
}

/* ---- The list ---- */

int cli_list(Cli *cli)
{
    for (size_t i = 0; i < cli->all_len; i++) {
        const SimSubject *subject = cli->all[i];
        printf("subject   %-18s %s\n", subject->name, subject->about);
        for (size_t k = 0; k < subject->knobs_len; k++) {
            printf("            %s=%" PRIu32 "..%" PRIu32 ": %s\n", subject->knobs[k].name,
                   subject->knobs[k].min, subject->knobs[k].max, subject->knobs[k].about);
        }
    }
    for (unsigned i = 0; i < SIM_SCRIPTED; i++) {
        printf("scheduler %s\n", sim_scheduler_name((SimScheduler)i));
    }
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        printf("fault     %-18s %s\n", sim_fault_name((SimFault)i), sim_fault_about((SimFault)i));
    }
    return CLI_FOUND_NOTHING;
}
