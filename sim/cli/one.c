/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands that are about one universe. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/cli/files.h"
#include "sim/explore/trace.h"

/* ---- Playing and drawing ---- */

bool cli_close(FILE *file, const char *path)
{
    const bool written = ferror(file) == 0; /* fclose() sees only what was left to write */
    if (fclose(file) != 0 || !written) {
        fprintf(stderr, "spice-sim: %s: not all of it could be written\n", path);
        return false;
    }
    return true;
}

void cli_warn_of_level(SimLevel level)
{
#ifndef SUMAC_SIM_ACCESSES
    if (level == SIM_LEVEL_ACCESSES) {
        fputs("spice-sim: this build has no level 2 (presets preempt and tsan-preempt have): threads switch "
              "at calls only\n",
              stderr);
    }
#else
    (void)level;
#endif
}

/* To a file, if there is one to write to. */
static bool draw_in(const char *path, const SimTrace *trace, const SimReplay *replay,
                    const SimOutcome *outcome)
{
    FILE *to = path == NULL ? NULL : fopen(path, "w");
    if (to == NULL) {
        if (path != NULL) {
            perror(path);
        }
        return path == NULL;
    }
    if (replay != NULL) {
        sim_trace_html(trace, replay, outcome, to);
    } else {
        sim_trace_perfetto(trace, to);
    }
    return cli_close(to, path);
}

static bool same_decision(const SimDecision *a, const SimDecision *b)
{
    return a->kind == b->kind && strcmp(a->who, b->who) == 0 &&
           (a->kind == SIM_DECISION_SWITCH
                ? sim_step_compare(a->step, b->step) == 0 && strcmp(a->whom, b->whom) == 0
                : strcmp(a->site, b->site) == 0 && (a->use == SIM_EVERY_USE || a->use == b->use));
}

static bool is_recorded(const SimDecision *decision, const SimDecisions *recorded)
{
    for (size_t i = 0; i < recorded->len; i++) {
        if (same_decision(decision, &recorded->list[i])) {
            return true;
        }
    }
    return false;
}

/* A file may be of another program: then some of what it says never comes up. */
static size_t count_missed(const SimReplay *replay, const SimRecord *record)
{
    const SimDecisions *said = &replay->script.decisions;
    size_t missed = 0;
    for (size_t i = 0; i < said->len; i++) {
        const SimDecision *decision = &said->list[i];
        const bool changes_nothing = decision->kind == SIM_DECISION_FAULT && decision->value == 0;
        missed += !changes_nothing &&
                  !is_recorded(decision,
                               decision->kind == SIM_DECISION_VALUE ? &record->values : &record->decisions);
    }
    return missed;
}

static bool draw(const Cli *cli, SimStage *stage, const SimReplay *replay, SimOutcome *ret,
                 size_t *ret_missed)
{
    SimRecord record = {.with_values = replay->has_script};
    SimPlayOptions options = {.record = &record};
    SimTrace *trace = NULL;
    if (cli->trace || cli->html != NULL || cli->perfetto != NULL) {
        trace = sim_trace_new();
        if (trace == NULL) {
            return false;
        }
        options.watcher = trace;
        options.watch = sim_trace_watch;
    }
    bool good = sim_play_apart(stage, replay, &options, ret);
    if (good && trace != NULL) {
        SimReplay drawn = *replay; /* with what was decided, whoever did */
        good = sim_script_from(&record.decisions, &drawn.script);
        if (good && cli->trace) {
            sim_trace_text(trace, stdout);
        }
        good = good && draw_in(cli->html, trace, &drawn, ret) && draw_in(cli->perfetto, trace, NULL, ret);
        sim_decisions_free(&drawn.script.decisions);
    }
    *ret_missed = count_missed(replay, &record);
    sim_record_free(&record);
    sim_trace_free(trace);
    return good;
}

bool cli_draw(const Cli *cli, SimStage *stage, const SimReplay *replay, SimOutcome *ret)
{
    size_t missed;
    return draw(cli, stage, replay, ret, &missed);
}

/* Says what came of it; the exit code. */
static int tell(const SimReplay *replay, const SimOutcome *outcome, size_t missed)
{
    char token[SIM_TOKEN_BYTES], expected[SIM_FAILURE_BYTES], signature[SIM_FAILURE_BYTES];
    sim_token_print(&replay->plan, token);
    printf("%s %s%s\n", outcome->failure[0] != '\0' ? "failed" : "passed", token,
           replay->has_script ? " with a script" : "");
    if (outcome->failure[0] != '\0') {
        cli_print_failure(outcome);
    }
    if (outcome->hash != 0) { /* else it died */
        printf("  hash %016" PRIx64 ", %" PRIu64 " steps\n", outcome->hash, outcome->steps);
    }
    if (replay->failure[0] != '\0') {
        sim_signature(replay->failure, expected);
        sim_signature(outcome->failure, signature);
        if (strcmp(expected, signature) != 0) {
            printf("  not as the file says: %s\n", replay->failure);
        }
    }
    if (replay->hash != 0 && outcome->hash != 0 && replay->hash != outcome->hash) {
        printf("  not the same events as when the file was written (%016" PRIx64 ")\n", replay->hash);
    }
    if (missed > 0 && outcome->hash != 0) { /* else it ended early */
        printf("  of %zu decisions of the file %zu never came up, or changed nothing\n",
               replay->script.decisions.len, missed);
    }
    if (strncmp(outcome->failure, SWEEP_HARNESS, strlen(SWEEP_HARNESS)) == 0) {
        return CLI_BROKEN;
    }
    return outcome->failure[0] != '\0' ? CLI_FOUND : CLI_FOUND_NOTHING;
}

static int play(const Cli *cli, SimStage *stage, const SimReplay *replay)
{
    SimOutcome outcome;
    size_t missed;
    if (!draw(cli, stage, replay, &outcome, &missed)) {
        fputs("spice-sim: could not play it, or not write what was asked for\n", stderr);
        return CLI_BROKEN;
    }
    return tell(replay, &outcome, missed);
}

int cli_run(Cli *cli)
{
    SimStage stage = {.backend = cli->backend};
    int worst = CLI_FOUND_NOTHING;
    if (cli->chosen_len > 1 && (cli->html != NULL || cli->perfetto != NULL)) {
        fputs("spice-sim: --html and --perfetto draw one SUBJECT\n", stderr);
        return CLI_USAGE;
    }
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

/* The subject's name in a token, or in the plan of a replay file; "": there is none. */
static void subject_of(const char *token_or_path, char ret[200])
{
    char line[SIM_TOKEN_BYTES + 16] = "";
    ret[0] = '\0';
    snprintf(line, sizeof line, "plan %.*s", (int)SIM_TOKEN_BYTES, token_or_path);
    if (!sim_token_looks_like_one(token_or_path)) {
        FILE *from = fopen(token_or_path, "r");
        while (from != NULL && fgets(line, sizeof line, from) != NULL && strncmp(line, "plan ", 5) != 0) {
        }
        if (from != NULL) {
            fclose(from);
        }
    }
    const char *name = strncmp(line, "plan ", 5) == 0 ? strchr(line, ':') : NULL;
    if (name != NULL) {
        snprintf(ret, 200, "%.*s", (int)strcspn(name + 1, ":\n"), name + 1);
    }
}

static bool open_one(Cli *cli, SimReplay *ret)
{
    char error[300], name[200], path[256];
    struct stat status;
    if (!sim_token_looks_like_one(cli->arguments[0]) && stat(cli->arguments[0], &status) == 0 &&
        !S_ISREG(status.st_mode)) {
        fprintf(stderr, "spice-sim: %s is no ordinary file\n", cli->arguments[0]);
        return false;
    }
    for (size_t i = 1; i < cli->arguments_len; i++) {
        if (!cli_load(cli, cli->arguments[i])) {
            return false;
        }
    }
    subject_of(cli->arguments[0], name);
    snprintf(path, sizeof path, "scenarios/%s.scn", name);
    if (sim_subject_named(cli->all, name) == NULL && cli_is_file(path) && !cli_load(cli, path)) {
        return false;
    }
    if (!sim_replay_open(cli->arguments[0], cli->all, ret, error, sizeof error)) {
        fprintf(stderr, "spice-sim: %s: %s\n", cli->arguments[0], error);
        if (name[0] != '\0' && sim_subject_named(cli->all, name) == NULL) {
            fprintf(stderr, "spice-sim: the token of a scenario is followed by its file, %s.scn\n", name);
        }
        return false;
    }
    ret->plan.faults &= ~cli->without;
    if (cli->has_level) {
        ret->plan.level = cli->level;
    } else {
        cli_warn_of_level(ret->plan.level);
    }
    return true;
}

int cli_replay(Cli *cli)
{
    SimStage stage = {.backend = cli->backend};
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

int cli_make_small(const Cli *cli, SimStage *stage, const SimReplay *from, const char *path)
{
    const SimShrinkOptions options = {.say = cli->quiet ? NULL : say, .seconds_max = cli->seconds};
    SimShrinkReport report;
    SimReplay small;
    char error[200];
    if (!sim_shrink(stage, from, &options, &small, &report, error, sizeof error)) {
        fprintf(stderr, "spice-sim: %s\n", error);
        return report.runs == 1 ? CLI_USAGE
                                : CLI_BROKEN; /* played once, and well: there is nothing to shrink */
    }
    fprintf(stderr,
            "shrunk from %zu decisions to %zu, and %zu values, in %" PRIu64 " runs (%" PRIu64
            " more were known) and %.1f s\n",
            report.decisions_before, report.decisions_after, report.values_after, report.runs,
            report.remembered, report.seconds);
    FILE *to = path == NULL ? stdout : fopen(path, "w");
    bool written = to != NULL;
    if (!written) {
        perror(path);
    } else {
        sim_replay_write(&small, to);
        written = to == stdout ? fflush(to) == 0 && ferror(to) == 0 : cli_close(to, path);
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
    return written ? CLI_FOUND : CLI_BROKEN;
}

int cli_shrink(Cli *cli)
{
    SimStage stage = {.backend = cli->backend};
    SimReplay replay;
    if (!open_one(cli, &replay)) {
        return CLI_USAGE;
    }
    const int status = cli_make_small(cli, &stage, &replay, cli->out);
    sim_replay_free(&replay);
    sim_stage_free(&stage);
    return status;
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
    for (unsigned i = 0; i < SIM_ORACLES; i++) {
        char invariants[SIM_INVARIANTS_TEXT_BYTES];
        sim_invariants_print(sim_oracle_watches((SimOracle)i), " ", invariants);
        printf("oracle    %-18s %s%s%s\n", sim_oracle_name((SimOracle)i), sim_oracle_about((SimOracle)i),
               invariants[0] != '\0' ? ": " : "", invariants);
    }
    return CLI_FOUND_NOTHING;
}
