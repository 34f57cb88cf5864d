/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cli.h: spice-sim: the options that all its commands share, and the commands.
 *
 * Exit codes  0 nothing was found; 1 something was; 2 wrong options; 3 the simulator itself is broken; 128 and the
 *             number of the signal: explore was told to end before it found anything.
 */
#pragma once

#include "sim/explore/shrink.h"
#include "sim/explore/sweep.h"
#include "sim/scenario/ast.h"

#define CLI_FOUND_NOTHING 0
#define CLI_FOUND 1
#define CLI_USAGE 2
#define CLI_BROKEN 3

#define CLI_INTERRUPTED 128

#define CLI_SUBJECTS_MAX 1024u

typedef struct Cli {
    const SimSubject *all[CLI_SUBJECTS_MAX]; /* built in, and from files; NULL at the end */
    size_t all_len;
    const SimSubject *chosen[CLI_SUBJECTS_MAX];
    size_t chosen_len;
    const char *arguments[CLI_SUBJECTS_MAX]; /* what is no option */
    size_t arguments_len;
    const Scenario *scenarios[CLI_SUBJECTS_MAX]; /* of all[i]; NULL: it is built in */
    const char *paths[CLI_SUBJECTS_MAX];         /* the same */

    uint64_t first, last;
    bool has_seeds;
    SimScheduler schedulers[SIM_SCHEDULERS];
    size_t schedulers_len;
    SimLevel level;
    bool has_level;
    SimFaults without;
    uint32_t ignored; /* bits of oracles */
    SimBackend backend;
    unsigned jobs, shard, shards, seconds, hang_seconds;
    uint64_t found_max, turns_max;
    bool quiet, shrink, trace, rows, losses;
    const char *junit, *jsonl, *out, *html, *perfetto;
} Cli;

int cli_explore(Cli *cli);
int cli_run(Cli *cli);
int cli_replay(Cli *cli);
int cli_shrink(Cli *cli);
int cli_list(Cli *cli);
int cli_mutants(Cli *cli);

/* Draws what a replay does, as the options ask. */
bool cli_draw(const Cli *cli, SimStage *stage, const SimReplay *replay, SimOutcome *ret);
/* Shrinks; writes to `path`, or says on stderr why not. An exit code: CLI_FOUND, or CLI_USAGE if there is no failure to
 * shrink. */
int cli_make_small(const Cli *cli, SimStage *stage, const SimReplay *from, const char *path);
void cli_print_failure(const SimOutcome *outcome);
/* False: not all of it could be written; said on stderr. */
bool cli_close(FILE *file, const char *path);
/* Says so where this build has no such level. */
void cli_warn_of_level(SimLevel level);
