/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake-client/standard_files.h"
#include "sim/cli/files.h"
#include "sim/scenario/error.h"
#include "sim/workload/order.h"
#include "sim/workload/planted.h"
#include "sim/workload/teardown.h"
#include "sim/workload/universe.h"

static const char help_text[] =
    "usage: spice-sim COMMAND [option...] [SUBJECT...]\n"
    "Runs a SPICE server, every thread of it, in simulated universes, and finds races.\n"
    "\n"
    "  explore [SUBJECT...]             many universes; prints a token for each failure\n"
    "  run SUBJECT...                   one universe of each\n"
    "  replay TOKEN|FILE [SCENARIO...]  the same universe again\n"
    "  shrink TOKEN|FILE [SCENARIO...]  the smallest universe that fails in the same way\n"
    "  mutants FOLDER [SUBJECT...]      hunts planted bugs: FOLDER/NAME/spice-sim each has one\n"
    "  list                             subjects, schedulers, faults and oracles\n"
    "\n"
    "A SUBJECT is a name from the list, a scenario (FILE.scn), a folder of them, or a recording of a real\n"
    "driver's commands (FILE.rec). Without one, explore takes all of the list that are not planted bugs. A\n"
    "token of a scenario or recording is followed by its file; that of a scenario finds it in scenarios/, "
    "too.\n"
    "\n"
    "  --seeds A..B           explore: these seeds (1..1000); run: the first of them; \"A..\" has no end\n"
    "  --schedulers LIST      each of these with each seed, separated by commas; if not given, one by the "
    "seed\n"
    "  --level 0|1|2          switch threads in loops, at calls (if not given), at memory accesses\n"
    "  --without F            without this fault, or all of a kind: F3.read, F3, all; may be repeated\n"
    "  --ignore ORACLE        explore: what this oracle alone finds is no failure; may be repeated\n"
    "  --rows                 mutants: each only in scenarios that name its row\n"
    "  --losses               mutants: also without each oracle, kind of fault, and in calm\n"
    "  --time T               explore: stop after so long: 60s, 10m, 2h\n"
    "  --hang T               explore: a universe that takes so much of a processor's time hangs (60s)\n"
    "  --jobs N               explore: so many processes (1)\n"
    "  --shard K/N            explore: only universes K modulo N, K from 0\n"
    "  --max N                explore: stop after N different failures (20)\n"
    "  --turns N              explore: at most N schedules of an exhaustive scheduler (1000000)\n"
    "  --shrink               explore: make each different failure small\n"
    "  --out PATH             explore: a folder for replay files; shrink: the file (if not given, stdout)\n"
    "  --backend fiber|baton  explore, run, replay: what simulated threads run on\n"
    "  --trace                run, replay: every event, on stdout\n"
    "  --html FILE            run, replay, shrink: a page with a diagram\n"
    "  --perfetto FILE        run, replay, shrink: a trace for ui.perfetto.dev or chrome://tracing\n"
    "  --junit FILE           explore: results as JUnit XML\n"
    "  --jsonl FILE           explore: one line of JSON for each universe\n"
    "  --quiet                no progress\n"
    "\n"
    "Exit code 0: nothing was found, 1: something was, 2: wrong options or files, 3: the simulator itself "
    "is broken,\n"
    "130 and 143: explore was told to end before it found anything.\n";

static int wrong(const char *format, const char *what)
{
    fputs("spice-sim: ", stderr);
    fprintf(stderr, format, what);
    fputs("\nspice-sim --help says more.\n", stderr);
    return CLI_USAGE;
}

/* The same about a word, with the one that may have been meant. */
static int wrong_word(const char *before, const Nearest *nearest)
{
    char what[200];
    const char *meant = nearest_word(nearest);
    snprintf(what, sizeof what, "%.60s '%.*s'%s%s%s", before, (int)nearest->found_len, nearest->found,
             meant[0] != '\0' ? "; did you mean '" : "", meant, meant[0] != '\0' ? "'?" : "");
    return wrong("%s", what);
}

/* ---- Commands and options ---- */

enum { EXPLORE = 1 << 0, RUN = 1 << 1, REPLAY = 1 << 2, SHRINK = 1 << 3, MUTANTS = 1 << 4, LIST = 1 << 5 };

static const struct {
    const char *name;
    int (*run)(Cli *cli);
    unsigned bit;
    bool has_subjects, needs_one;
    size_t first; /* subject among the arguments */
} commands[] = {
    {"explore", cli_explore, EXPLORE, true, false, 0}, {"run", cli_run, RUN, true, true, 0},
    {"replay", cli_replay, REPLAY, false, true, 0},    {"shrink", cli_shrink, SHRINK, false, true, 0},
    {"mutants", cli_mutants, MUTANTS, true, true, 1},  {"list", cli_list, LIST, false, false, 0},
};

static const struct {
    const char *name;
    unsigned commands; /* that know it */
} options[] = {
    {"--seeds", EXPLORE | RUN},
    {"--seed", EXPLORE | RUN},
    {"--schedulers", EXPLORE | RUN},
    {"--scheduler", EXPLORE | RUN},
    {"--level", EXPLORE | RUN | REPLAY | SHRINK},
    {"--without", EXPLORE | RUN | REPLAY | SHRINK},
    {"--ignore", EXPLORE},
    {"--rows", MUTANTS},
    {"--losses", MUTANTS},
    {"--time", EXPLORE | SHRINK | MUTANTS},
    {"--hang", EXPLORE},
    {"--jobs", EXPLORE | MUTANTS},
    {"--shard", EXPLORE},
    {"--max", EXPLORE},
    {"--turns", EXPLORE},
    {"--shrink", EXPLORE},
    {"--out", EXPLORE | SHRINK},
    {"--backend", EXPLORE | RUN | REPLAY},
    {"--trace", RUN | REPLAY},
    {"--html", RUN | REPLAY | SHRINK},
    {"--perfetto", RUN | REPLAY | SHRINK},
    {"--junit", EXPLORE},
    {"--jsonl", EXPLORE},
    {"--quiet", EXPLORE | SHRINK},
};

#define OPTIONS (sizeof options / sizeof options[0])

/* 0: the command has this option. */
static int check_option(const char *name, unsigned command)
{
    Nearest nearest = {.found = name, .found_len = strlen(name)};
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(name, options[i].name) == 0) {
            return (options[i].commands & command) != 0 ? 0 : wrong("this command has no option %s", name);
        }
        nearest_offer(&nearest, options[i].name);
    }
    return wrong_word("there is no option", &nearest);
}

/* ---- Values of options ---- */

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 && *ret <= max;
}

static bool parse_small(const char *text, unsigned min, unsigned max, unsigned *ret)
{
    uint64_t value;
    if (!parse_number(text, max, &value) || value < min) {
        return false;
    }
    *ret = (unsigned)value;
    return true;
}

/* "3", "3..9", "3.." */
static bool parse_seeds(const char *text, Cli *cli)
{
    char first[24];
    const char *dots = strstr(text, "..");
    const size_t len = dots == NULL ? strlen(text) : (size_t)(dots - text);
    if (len >= sizeof first) {
        return false;
    }
    memcpy(first, text, len);
    first[len] = '\0';
    cli->has_seeds = true;
    if (!parse_number(first, UINT64_MAX, &cli->first)) {
        return false;
    }
    cli->last = cli->first;
    if (dots != NULL && dots[2] == '\0') {
        cli->last = UINT64_MAX;
        return true;
    }
    return dots == NULL || (parse_number(dots + 2, UINT64_MAX, &cli->last) && cli->last >= cli->first);
}

static bool parse_seconds(const char *text, unsigned *ret)
{
    char number[12];
    const size_t len = strspn(text, "0123456789");
    const char *unit = text + len;
    if (len == 0 || len >= sizeof number) {
        return false;
    }
    memcpy(number, text, len);
    number[len] = '\0';
    const unsigned factor = strcmp(unit, "") == 0 || strcmp(unit, "s") == 0 ? 1
                            : strcmp(unit, "m") == 0                        ? 60
                            : strcmp(unit, "h") == 0                        ? 3600
                                                                            : 0;
    if (factor == 0 || !parse_small(number, 1, 1000000, ret)) {
        return false;
    }
    *ret *= factor;
    return true;
}

static bool parse_shard(const char *text, Cli *cli)
{
    char first[12];
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof first) {
        return false;
    }
    memcpy(first, text, (size_t)(slash - text));
    first[slash - text] = '\0';
    return parse_small(slash + 1, 1, 1000000, &cli->shards) &&
           parse_small(first, 0, cli->shards - 1, &cli->shard);
}

static bool parse_schedulers(const char *text, Cli *cli)
{
    char copy[200];
    if (strlen(text) >= sizeof copy) {
        return false;
    }
    strcpy(copy, text);
    char *rest = copy;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        SimScheduler scheduler;
        if (strcmp(name, "portfolio") == 0) {
            continue;
        }
        if (!sim_scheduler_named(name, &scheduler) || scheduler == SIM_SCRIPTED ||
            cli->schedulers_len == SIM_SCHEDULERS) {
            return false;
        }
        cli->schedulers[cli->schedulers_len++] = scheduler;
    }
    return true;
}

static bool parse_backend(const char *text, Cli *cli)
{
    cli->backend = strcmp(text, "baton") == 0 ? SIM_BACKEND_BATON : SIM_BACKEND_FIBER;
    return cli->backend == SIM_BACKEND_BATON || strcmp(text, "fiber") == 0;
}

static bool parse_value(Cli *cli, const char *option, const char *value)
{
    if (strcmp(option, "--seeds") == 0 || strcmp(option, "--seed") == 0) {
        return parse_seeds(value, cli);
    } else if (strcmp(option, "--schedulers") == 0 || strcmp(option, "--scheduler") == 0) {
        return parse_schedulers(value, cli);
    } else if (strcmp(option, "--level") == 0) {
        unsigned level = 0;
        const bool parsed = parse_small(value[0] == 'L' ? value + 1 : value, 0, 2, &level);
        cli->level = (SimLevel)level;
        cli->has_level = true;
        return parsed;
    } else if (strcmp(option, "--without") == 0) {
        const SimFaults named = sim_faults_named(value);
        cli->without |= named;
        return named != 0;
    } else if (strcmp(option, "--ignore") == 0) {
        SimOracle oracle;
        const bool named = sim_oracle_named(value, &oracle);
        cli->ignored |= named ? SIM_ORACLE_BIT(oracle) : 0;
        return named;
    } else if (strcmp(option, "--time") == 0) {
        return parse_seconds(value, &cli->seconds);
    } else if (strcmp(option, "--hang") == 0) {
        return parse_seconds(value, &cli->hang_seconds);
    } else if (strcmp(option, "--jobs") == 0) {
        return parse_small(value, 1, 256, &cli->jobs);
    } else if (strcmp(option, "--shard") == 0) {
        return parse_shard(value, cli);
    } else if (strcmp(option, "--max") == 0) {
        return parse_number(value, UINT64_MAX, &cli->found_max);
    } else if (strcmp(option, "--turns") == 0) {
        return parse_number(value, UINT32_MAX, &cli->turns_max) && cli->turns_max > 0;
    } else if (strcmp(option, "--backend") == 0) {
        return parse_backend(value, cli);
    }
    const struct {
        const char *option;
        const char **value;
    } paths[] = {
        {"--out", &cli->out},     {"--html", &cli->html},   {"--perfetto", &cli->perfetto},
        {"--junit", &cli->junit}, {"--jsonl", &cli->jsonl},
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strcmp(option, paths[i].option) == 0) {
            *paths[i].value = value;
            return *value != '\0';
        }
    }
    return false;
}

/* The word of a value that is none, with those that are. */
static void offer_values(const char *option, const char *value, Nearest *ret)
{
    SimScheduler scheduler;
    *ret = (Nearest){.found = value, .found_len = strlen(value)};
    if (strncmp(option, "--scheduler", strlen("--scheduler")) == 0) {
        char word[DISTANCE_LETTERS_MAX] = "";
        do {
            ret->found = value;
            ret->found_len = strcspn(value, ",");
            snprintf(word, sizeof word, "%.*s", (int)ret->found_len, value);
            value += ret->found_len + 1;
        } while (value[-1] == ',' && sim_scheduler_named(word, &scheduler));
        for (unsigned i = 0; i < SIM_SCRIPTED; i++) {
            nearest_offer(ret, sim_scheduler_name((SimScheduler)i));
        }
    } else if (strcmp(option, "--ignore") == 0) {
        for (unsigned i = 0; i < SIM_ORACLES; i++) {
            nearest_offer(ret, sim_oracle_name((SimOracle)i));
        }
    } else if (strcmp(option, "--without") == 0) {
        for (unsigned i = 0; i < SIM_FAULTS; i++) {
            nearest_offer(ret, sim_fault_name((SimFault)i));
        }
    }
}

static bool parse_flag(Cli *cli, const char *option)
{
    const struct {
        const char *option;
        bool *value;
    } flags[] = {{"--quiet", &cli->quiet},
                 {"--shrink", &cli->shrink},
                 {"--trace", &cli->trace},
                 {"--rows", &cli->rows},
                 {"--losses", &cli->losses}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(option, flags[i].option) == 0) {
            *flags[i].value = true;
            return true;
        }
    }
    return false;
}

/* "--seeds 1..9" and "--seeds=1..9" */
static int parse(Cli *cli, unsigned command, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        char *option = argv[i];
        if (option[0] != '-') {
            if (cli->arguments_len == CLI_SUBJECTS_MAX - 1) {
                return wrong("more than 1023 subjects: %s", option);
            }
            cli->arguments[cli->arguments_len++] = option;
            continue;
        }
        char *value = strchr(option, '=');
        if (value != NULL) {
            *value++ = '\0';
        }
        int status = check_option(option, command);
        if (status != 0) {
            return status;
        }
        if (value == NULL && parse_flag(cli, option)) {
            continue;
        }
        if (value != NULL && parse_flag(cli, option)) {
            return wrong("%s has no value", option);
        }
        value = value == NULL && i + 1 < argc ? argv[++i] : value;
        if (value == NULL) {
            return wrong("%s needs a value", option);
        }
        if (!parse_value(cli, option, value)) {
            Nearest nearest;
            char before[40];
            offer_values(option, value, &nearest);
            snprintf(before, sizeof before, "%s cannot be", option);
            return wrong_word(before, &nearest);
        }
    }
    return 0;
}

/* Nothing is played for an hour to find that its results cannot be written. Leaves no trace. */
static bool can_write(const char *path)
{
    if (access(path, F_OK) == 0) {
        const int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
        return fd >= 0 || errno == ENXIO; /* a FIFO that nobody reads yet */
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return fd >= 0;
}

static int check_paths(const Cli *cli, unsigned command)
{
    const char *const paths[] = {cli->junit, cli->jsonl, cli->html, cli->perfetto,
                                 command == SHRINK ? cli->out : NULL};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i] != NULL && !can_write(paths[i])) {
            fprintf(stderr, "spice-sim: %s: %s\n", paths[i], strerror(errno));
            return CLI_USAGE;
        }
    }
    return 0;
}

/* ---- Subjects ---- */

static void add_subject(Cli *cli, const SimSubject *subject)
{
    cli->all[cli->all_len++] = subject;
}

static void add_built_in(Cli *cli)
{
    static const SimSubject *const built_in[] = {
        &universe_subject,        &universe_tickets_subject,
        &universe_scarce_subject, &machine_subject,
        &crowd_subject,           &order_subject,
        &order_windows_subject,   &teardown_subject,
        &teardown_open_subject,   &teardown_dies_subject,
        &planted_order_subject,   &planted_window_subject,
        &planted_update_subject,  &planted_access_subject,
        &planted_starved_subject, &planted_fault_subject,
        &planted_crash_subject,   &planted_deadlock_subject,
    };
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
        add_subject(cli, built_in[i]);
    }
}

static int unknown_subject(const Cli *cli, const char *name)
{
    char path[256];
    Nearest nearest = {.found = name, .found_len = strlen(name)};
    snprintf(path, sizeof path, "scenarios/%s.scn", name);
    if (cli_is_file(path)) {
        fprintf(stderr, "spice-sim: there is a file %s\n", path);
    }
    for (size_t i = 0; i < cli->all_len; i++) {
        nearest_offer(&nearest, cli->all[i]->name);
    }
    return wrong_word("neither a file nor a subject of spice-sim list:", &nearest);
}

static int choose_subjects(Cli *cli, size_t first)
{
    for (size_t i = first; i < cli->arguments_len; i++) {
        const SimSubject *subject = sim_subject_named(cli->all, cli->arguments[i]);
        if (subject != NULL) {
            cli->chosen[cli->chosen_len++] = subject;
        } else if (!cli_is_file(cli->arguments[i])) {
            return unknown_subject(cli, cli->arguments[i]);
        } else if (!cli_load(cli, cli->arguments[i])) {
            return CLI_USAGE;
        }
    }
    for (size_t i = 0; cli->arguments_len <= first && i < cli->all_len; i++) {
        if (!cli->all[i]->planted) {
            cli->chosen[cli->chosen_len++] = cli->all[i];
        }
    }
    return 0;
}

/* What sanitizers shall do in here: end a process at the first report, as that is how it is noticed. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "halt_on_error=1:exitcode=66";
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    /* Universes are asked for what they left behind one by one; and a universe that is over needs no quarantine. */
    return "detect_leaks=0:quarantine_size_mb=16:malloc_context_size=8";
}

/* GLib's pools would hide from sanitizers what becomes of a block. It looks at its environment before main(). */
static void keep_slices_plain(char **argv)
{
    if (getenv("G_SLICE") == NULL && setenv("G_SLICE", "always-malloc", 1) == 0) {
        execv("/proc/self/exe", argv); /* if that is not to be had, with the pools */
    }
}

int main(int argc, char **argv)
{
    static Cli cli = {
        .first = 1, .last = 1000, .level = SIM_LEVEL_CALLS, .jobs = 1, .shards = 1, .found_max = 20};
    standard_files_open();
    keep_slices_plain(argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help_text, stdout);
            return 0;
        }
    }
    if (argc < 2) {
        fputs(help_text, stderr);
        return CLI_USAGE;
    }
    add_built_in(&cli);
    Nearest nearest = {.found = argv[1], .found_len = strlen(argv[1])};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int status = parse(&cli, commands[i].bit, argc - 2, argv + 2);
            if (status == 0 && commands[i].needs_one && cli.arguments_len == 0) {
                status = wrong("%s: what?", argv[1]);
            }
            if (status == 0 && commands[i].has_subjects) {
                status = choose_subjects(&cli, commands[i].first);
            }
            if (status == 0) {
                status = check_paths(&cli, commands[i].bit);
            }
            if (status == 0 && cli.has_level) {
                cli_warn_of_level(cli.level);
            }
            status = status != 0 ? status : commands[i].run(&cli);
            if (fflush(stdout) != 0 || ferror(stdout) != 0) {
                fputs("spice-sim: not all of what was found could be printed\n", stderr);
                status = status > CLI_FOUND ? status : CLI_BROKEN;
            }
            return status;
        }
        nearest_offer(&nearest, commands[i].name);
    }
    return wrong_word("there is no command", &nearest);
}
