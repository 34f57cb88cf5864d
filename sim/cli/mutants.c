/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-sim mutants: does the simulator find bugs that were planted, how fast, and what finds them?
 *
 * FOLDER/NAME/spice-sim is this program with one bug in its server, FOLDER/NAME/row the catalogue's row of that bug
 * (ci/mutants builds them). Each is explored by itself until something fails; then it shrinks what it found. This
 * program, which has no such bug, is explored first: if that fails, nothing that a mutant does would prove anything.
 *
 * What is each oracle and each kind of fault worth (--losses)? A mutant is hunted again without one, but only where that
 * can change the verdict: an oracle that did not speak first cannot be missed, as what was found is found without it;
 * and a fault that the shrunk failure does without cannot either, as that replay is a universe without it. Such a hunt
 * ends after LOSS_SECONDS more than three times what the mutant's own took: what is that much slower is lost.
 * Without faults and preemption (level 0) only the built-in universes are played: scenarios are faults, told as stories.
 */
#include "sim/cli/cli.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/check.h"
#include "sim/cli/files.h"

#define MUTANTS_MAX 256u
#define ARGUMENTS_MAX (CLI_SUBJECTS_MAX + 32u)
#define SECONDS_DEFAULT 60u
#define SHRINK_SECONDS "30s"
#define HANG_SECONDS "10s" /* a universe takes thousandths of it; found, it has cost its hunt no more */
#define CONTROL_SECONDS 10u
#define LOSS_SECONDS 5u
#define WALL                                                                                                 \
    4u /* seconds on the wall for each of the processor's that a verdict may take, on a machine that is busy */
#define WALL_LOSS 2u /* of a hunt that is for the statistics: most of those end with their time */
#define CONTROL "as it is"
#define CALM_LEAST 10u /* mutants, for a fraction of them to mean something */

typedef struct Hunt {
    bool killed, ran; /* to the end: it said how many universes it played */
    uint64_t universes;
    double cpu_s;
    char token[SIM_TOKEN_BYTES];
    char failure[SIM_FAILURE_BYTES];
} Hunt;

/* Shared with the process that hunts it. */
typedef struct Mutant {
    char name[80], row[8], program[512], folder[512];
    bool done, shrunk;
    Hunt hunt, calm, deaf;    /* all there is; level 0 without faults; without the oracle that found it */
    Hunt without[SIM_FAULTS]; /* without one kind of fault */
    SimFaults needs;          /* kinds that the shrunk failure has: those were tried */
    SimOracle oracle;         /* that found it */
    char scheduler[16];
    size_t decisions; /* of the shrunk failure */
} Mutant;

typedef struct Mutants {
    Cli *cli;
    Mutant *list; /* the control first */
    size_t len;
} Mutants;

/* ---- Other processes ---- */

static void fill(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%.*s", (int)size - 1, from);
}

/* What it says goes to a file. Its exit code, or -1. */
static int run(const char *const argv[], const char *output, double *ret_cpu_s)
{
    struct rusage usage;
    int status;
    const pid_t pid = sim_fork();
    if (pid == 0) {
        const int to = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (to >= 0 && dup2(to, STDOUT_FILENO) >= 0 && dup2(to, STDERR_FILENO) >= 0) {
            execv(argv[0], (char *const *)argv);
        }
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
        return -1;
    }
    *ret_cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_of_row(const Scenario *scenario, const char *row)
{
    for (uint32_t i = 0; i < scenario->rows_len; i++) {
        if (strcmp(scenario->rows[i], row) == 0) {
            return true;
        }
    }
    return false;
}

typedef enum Which { ALL, FILES, BUILT_IN } Which;

static bool has_scenario(const Cli *cli, const char *row)
{
    for (size_t k = 0; k < cli->all_len; k++) {
        if (cli->scenarios[k] != NULL && is_of_row(cli->scenarios[k], row)) {
            return true;
        }
    }
    return false;
}

/* All subjects; with --rows the scenarios of a mutant's own row alone, or what is built in if no scenario tells it. */
static size_t add_subjects(const Mutants *mutants, const Mutant *mutant, const char *argv[], size_t at,
                           Which which)
{
    const Cli *cli = mutants->cli;
    const bool is_told = has_scenario(cli, mutant->row);
    for (size_t i = 0; i < cli->chosen_len; i++) {
        size_t k = 0;
        while (cli->all[k] != cli->chosen[i]) {
            k++;
        }
        const bool is_file = cli->scenarios[k] != NULL;
        const bool wanted = !cli->rows || mutant == mutants->list ||
                            (is_told ? is_file && is_of_row(cli->scenarios[k], mutant->row) : !is_file);
        if (wanted && (is_file ? which != BUILT_IN : which != FILES)) {
            argv[at++] = cli->scenarios[k] != NULL ? cli->paths[k] : cli->chosen[i]->name;
        }
    }
    return at;
}

/* "found TOKEN", "  FAILURE", ..., "N universes in ..." */
static void read_hunt(const char *path, Hunt *ret)
{
    char line[2048];
    FILE *from = fopen(path, "r");
    while (from != NULL && fgets(line, sizeof line, from) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        uint64_t universes;
        if (strncmp(line, "found ", 6) == 0 && !ret->killed) {
            ret->killed = true;
            fill(ret->token, sizeof ret->token, line + 6);
            if (fgets(line, sizeof line, from) != NULL) {
                line[strcspn(line, "\n")] = '\0';
                fill(ret->failure, sizeof ret->failure, line + strspn(line, " "));
            }
        } else if (sscanf(line, "%" SCNu64 " universes in", &universes) == 1) {
            ret->universes = universes;
            ret->ran = true;
        }
    }
    if (from != NULL) {
        fclose(from);
    }
}

/* `extra`: up to four more options. Time on the wall is `wall` times what is allowed of the processor's, which counts. */
static void hunt(const Mutants *mutants, const Mutant *mutant, const char *const extra[4], unsigned seconds,
                 unsigned wall, Which which, Hunt *ret)
{
    const char *argv[ARGUMENTS_MAX] = {mutant->program, "explore", "--quiet", "--seeds",    "1..",
                                       "--max",         "1",       "--hang",  HANG_SECONDS, "--time"};
    char time[16], output[600];
    size_t at = 10;
    snprintf(time, sizeof time, "%us", wall * seconds);
    snprintf(output, sizeof output, "%s/hunt.txt", mutant->folder);
    argv[at++] = time;
    for (size_t i = 0; i < 4 && extra[i] != NULL; i++) {
        argv[at++] = extra[i];
    }
    const size_t with_subjects = add_subjects(mutants, mutant, argv, at, which);
    *ret = (Hunt){0};
    if (with_subjects == at) {
        return; /* no scenario is of its row */
    }
    run(argv, output, &ret->cpu_s);
    read_hunt(output, ret);
    ret->killed = ret->killed && ret->cpu_s <= seconds;
}

static void shrink(const Mutants *mutants, Mutant *mutant)
{
    const char *argv[ARGUMENTS_MAX] = {mutant->program, "shrink",       "--quiet",
                                       "--time",        SHRINK_SECONDS, "--out"};
    char small[600], output[600], error[200];
    double cpu_s;
    size_t at = 6;
    snprintf(small, sizeof small, "%s/small.replay", mutant->folder);
    snprintf(output, sizeof output, "%s/shrink.txt", mutant->folder);
    argv[at++] = small;
    argv[at++] = mutant->hunt.token;
    add_subjects(mutants, mutant, argv, at, FILES);
    unlink(small);
    run(argv, output, &cpu_s);
    SimReplay replay;
    if (!sim_replay_open(small, mutants->cli->all, &replay, error, sizeof error)) {
        return;
    }
    mutant->shrunk = true;
    for (size_t i = 0; i < replay.script.decisions.len; i++) {
        mutant->decisions += replay.script.decisions.list[i].kind != SIM_DECISION_VALUE;
    }
    mutant->needs = replay.plan.faults;
    sim_replay_free(&replay);
}

static void take_scheduler(Mutant *mutant)
{
    const char *at = mutant->hunt.token;
    for (unsigned colons = 0; *at != '\0' && colons < 4; at++) {
        colons += *at == ':';
    }
    snprintf(mutant->scheduler, sizeof mutant->scheduler, "%.*s", (int)strcspn(at, ":."), at);
}

static void examine(const Mutants *mutants, Mutant *mutant)
{
    const Cli *cli = mutants->cli;
    const unsigned limit = cli->seconds != 0 ? cli->seconds : SECONDS_DEFAULT;
    const bool is_control = mutant == mutants->list;
    const unsigned seconds = is_control && limit > CONTROL_SECONDS ? CONTROL_SECONDS : limit;
    hunt(mutants, mutant, (const char *const[4]){NULL}, seconds, WALL, ALL, &mutant->hunt);
    if (mutant->hunt.killed) {
        mutant->oracle = sim_oracle_of(mutant->hunt.failure);
        take_scheduler(mutant);
        if (!cli->rows) { /* who asks for rows wants a verdict */
            shrink(mutants, mutant);
        }
    }
    if (!cli->losses || is_control) {
        return;
    }
    const unsigned loss_seconds = LOSS_SECONDS + 3 * (unsigned)mutant->hunt.cpu_s;
    hunt(mutants, mutant, (const char *const[4]){"--level", "0", "--without", "all"}, loss_seconds, WALL_LOSS,
         BUILT_IN, &mutant->calm);
    if (!mutant->hunt.killed) {
        return;
    }
    hunt(mutants, mutant, (const char *const[4]){"--ignore", sim_oracle_name(mutant->oracle)}, loss_seconds,
         WALL_LOSS, ALL, &mutant->deaf);
    for (SimFault kind = 0; kind < SIM_FAULTS; kind++) {
        if ((mutant->needs & SIM_FAULT_BIT(kind)) != 0) {
            hunt(mutants, mutant, (const char *const[4]){"--without", sim_fault_name(kind)}, loss_seconds,
                 WALL_LOSS, ALL, &mutant->without[kind]);
        }
    }
}

/* ---- Telling ---- */

static void print_mutant(const Mutant *mutant)
{
    const Hunt *kill = &mutant->hunt;
    char decisions[24] = "-";
    if (mutant->shrunk) {
        snprintf(decisions, sizeof decisions, "%zu", mutant->decisions);
    }
    printf("%-40s %-5s %-9s %-8s %9" PRIu64 " %8.2f %9s  %.160s\n", mutant->name, mutant->row,
           kill->killed ? sim_oracle_name(mutant->oracle)
           : kill->ran  ? "SURVIVED"
                        : "NOT RUN",
           mutant->scheduler, kill->universes, kill->cpu_s, decisions, kill->killed ? kill->failure : "");
    fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *values, size_t len)
{
    qsort(values, len, sizeof *values, by_value); /* ties are equal */
    return len == 0 ? 0 : values[len / 2];
}

static void print_figures(const Mutants *mutants, size_t *ret_killed)
{
    double cpu_s[MUTANTS_MAX], decisions[MUTANTS_MAX];
    size_t killed = 0, shrunk = 0;
    for (size_t i = 1; i < mutants->len; i++) {
        const Mutant *mutant = &mutants->list[i];
        if (mutant->hunt.killed) {
            cpu_s[killed++] = mutant->hunt.cpu_s;
        }
        if (mutant->shrunk) {
            decisions[shrunk++] = (double)mutant->decisions;
        }
    }
    const double cpu_middle = middle(cpu_s, killed), decisions_middle = middle(decisions, shrunk);
    printf("%zu of %zu mutants killed; CPU seconds to the kill: median %.2f, most %.2f; decisions of %zu "
           "that were "
           "shrunk: median %.0f, most %.0f\n",
           killed, mutants->len - 1, cpu_middle, killed == 0 ? 0 : cpu_s[killed - 1], shrunk,
           decisions_middle, shrunk == 0 ? 0 : decisions[shrunk - 1]);
    *ret_killed = killed;
}

/* What switching off one thing does to those that it matters to: how many are lost, and how much longer the others take. */
typedef struct Loss {
    size_t concerned, lost, slower_len;
    double slower[MUTANTS_MAX]; /* times the CPU seconds that the mutant took with it */
} Loss;

static void count_loss(Loss *loss, const Mutant *mutant, const Hunt *without)
{
    loss->concerned++;
    if (!without->killed) {
        loss->lost++;
    } else if (mutant->hunt.cpu_s > 0) {
        loss->slower[loss->slower_len++] = without->cpu_s / mutant->hunt.cpu_s;
    }
}

static void print_loss(Loss *loss, size_t killed, size_t of, const char *about)
{
    printf("; without it %3zu of %zu (%zu lost)", killed - loss->lost, of, loss->lost);
    if (loss->slower_len > 0) {
        printf(", %.1f times as long", middle(loss->slower, loss->slower_len));
    }
    printf("  %s\n", about);
}

/* False if calm universes find half of them: then faults and preemption are worth little. */
static bool print_losses(const Mutants *mutants, size_t killed)
{
    const size_t of = mutants->len - 1;
    size_t calm = 0;
    for (size_t i = 1; i < mutants->len; i++) {
        calm += mutants->list[i].calm.killed;
    }
    printf("without faults and preemption: %zu of %zu%s\n", calm, of,
           of >= CALM_LEAST && 2 * calm >= of ? ": should be less than half" : "");
    for (unsigned oracle = 0; oracle < SIM_ORACLES; oracle++) {
        Loss loss = {0};
        for (size_t i = 1; i < mutants->len; i++) {
            const Mutant *mutant = &mutants->list[i];
            if (mutant->hunt.killed && mutant->oracle == oracle) {
                count_loss(&loss, mutant, &mutant->deaf);
            }
        }
        printf("oracle %-9s found %3zu first", sim_oracle_name((SimOracle)oracle), loss.concerned);
        print_loss(&loss, killed, of, sim_oracle_about((SimOracle)oracle));
    }
    for (SimFault kind = 0; kind < SIM_FAULTS; kind++) {
        Loss loss = {0};
        for (size_t i = 1; i < mutants->len; i++) {
            const Mutant *mutant = &mutants->list[i];
            if (mutant->hunt.killed && (mutant->needs & SIM_FAULT_BIT(kind)) != 0) {
                count_loss(&loss, mutant, &mutant->without[kind]);
            }
        }
        printf("fault %-16s in %3zu shrunk failures", sim_fault_name(kind), loss.concerned);
        print_loss(&loss, killed, of, sim_fault_about(kind));
    }
    return of < CALM_LEAST || 2 * calm < of;
}

/* ---- The command ---- */

static void add_mutant(Mutants *mutants, const char *folder, const char *name)
{
    Mutant *mutant = &mutants->list[mutants->len];
    char path[700];
    fill(mutant->name, sizeof mutant->name, name);
    snprintf(mutant->folder, sizeof mutant->folder, "%s/%s", folder, name);
    snprintf(mutant->program, sizeof mutant->program, "%s/%s/spice-sim", folder, name);
    snprintf(path, sizeof path, "%s/row", mutant->folder);
    FILE *from = access(mutant->program, X_OK) == 0 ? fopen(path, "r") : NULL;
    if (from != NULL) {
        if (fgets(mutant->row, sizeof mutant->row, from) == NULL) {
            mutant->row[0] = '\0';
        }
        mutant->row[strcspn(mutant->row, "\n")] = '\0';
        fclose(from);
        mutants->len++;
    }
}

static bool find_mutants(Mutants *mutants, const char *folder)
{
    struct dirent **entries;
    const int len = scandir(folder, &entries, NULL, alphasort);
    if (len < 0) {
        perror(folder);
        return false;
    }
    for (int i = 0; i < len; i++) {
        if (entries[i]->d_name[0] != '.' && mutants->len < MUTANTS_MAX) {
            add_mutant(mutants, folder, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    if (mutants->len == 1) {
        fprintf(stderr, "spice-sim: there is no mutant in %s; ci/mutants builds them\n", folder);
    }
    return mutants->len > 1;
}

static bool add_control(Mutants *mutants, const char *folder)
{
    Mutant *control = &mutants->list[mutants->len++];
    fill(control->name, sizeof control->name, CONTROL);
    fill(control->row, sizeof control->row, "-");
    snprintf(control->folder, sizeof control->folder, "%s/control", folder);
    mkdir(control->folder, 0777);
    const ssize_t used = readlink("/proc/self/exe", control->program, sizeof control->program - 1);
    return used > 0;
}

/* Each is examined by a process of its own, some at a time. */
static void examine_all(Mutants *mutants)
{
    pid_t pids[MUTANTS_MAX] = {0};
    size_t next = 0, running = 0;
    while (next < mutants->len || running > 0) {
        if (next < mutants->len && running < mutants->cli->jobs) {
            pids[next] = sim_fork();
            if (pids[next] == 0) {
                examine(mutants, &mutants->list[next]);
                mutants->list[next].done = true;
                _exit(0);
            }
            running += pids[next] > 0;
            next++;
            continue;
        }
        const pid_t ended = wait(NULL);
        if (ended < 0) {
            return;
        }
        for (size_t i = 0; i < next; i++) {
            if (pids[i] == ended) {
                running--;
                print_mutant(&mutants->list[i]);
            }
        }
    }
}

int cli_mutants(Cli *cli)
{
    Mutants mutants = {.cli = cli};
    const char *folder = cli->arguments[0];
    size_t files = 0;
    for (size_t i = 0; i < cli->all_len; i++) {
        files += cli->scenarios[i] != NULL;
    }
    if (cli->rows && files == 0) {
        fputs("spice-sim: --rows looks in scenarios: give some\n", stderr);
        return CLI_USAGE;
    }
    mutants.list = mmap(NULL, (MUTANTS_MAX + 1) * sizeof *mutants.list, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(mutants.list != MAP_FAILED);
    int status = CLI_USAGE;
    if (add_control(&mutants, folder) && find_mutants(&mutants, folder)) {
        size_t killed;
        printf("%-40s %-5s %-9s %-8s %9s %8s %9s  %s\n", "mutant", "row", "oracle", "sched.", "universes",
               "CPU s", "decisions", "failure");
        examine_all(&mutants);
        print_figures(&mutants, &killed);
        status = killed == mutants.len - 1 ? CLI_FOUND_NOTHING : CLI_FOUND;
        if (cli->losses && !print_losses(&mutants, killed)) {
            status = CLI_FOUND;
        }
        for (size_t i = 0; i < mutants.len; i++) {
            if (!mutants.list[i].done || !mutants.list[i].hunt.ran) {
                fprintf(stderr, "spice-sim: %s did not run: see hunt.txt in %s\n", mutants.list[i].name,
                        mutants.list[i].folder);
                status = CLI_BROKEN;
            }
        }
        if (mutants.list[0].hunt.killed) {
            fputs("spice-sim: the server fails without a mutant, too: this proves nothing\n", stderr);
            status = CLI_BROKEN;
        }
    }
    munmap(mutants.list, (MUTANTS_MAX + 1) * sizeof *mutants.list);
    return status;
}
