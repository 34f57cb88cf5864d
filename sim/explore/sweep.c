/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/sweep.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/explore/hang.h"

#define JOBS_MAX 256u
#define TURNS_MAX_DEFAULT 1000000u
#define HANG_SECONDS_DEFAULT 60u
#define SIGNATURES_MAX 1000u
#define NOWHERE UINT64_MAX

/* What a worker and its parent share. */
typedef struct Slot {
    _Atomic uint64_t position; /* being played; NOWHERE: none */
    _Atomic uint64_t universes, steps, worth, again, exhausted;
    _Atomic uint32_t turns; /* of the exhaustive search that is being played, begun so far; 0: it is none */
    _Atomic bool stop;
} Slot;

/* What a worker writes to its parent: less than PIPE_BUF, so it comes in one piece. */
typedef struct Message {
    bool is_finding; /* otherwise only told because somebody asked for all */
    uint32_t turn;
    uint64_t position;
    uint64_t took_ns;
    SimOutcome outcome;
} Message;

typedef struct Worker {
    pid_t pid; /* 0: none */
    int messages;
    Slot *slot;
    uint64_t next; /* its first position */
    uint64_t seen; /* where it was when somebody looked */
    Hang hang;     /* and since when */
} Worker;

typedef struct Sweep {
    const SimSweep *plan;
    SimSweepCount count;
    SimStage stage;
    uint64_t positions; /* of all shards */
    size_t subjects_len;
    Worker workers[JOBS_MAX];
    char (*signatures)[SIM_FAILURE_BYTES];
    size_t signatures_len;
    struct timespec start;
    bool ending;
} Sweep;

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) * 1e-9;
}

/* ---- Positions ---- */

static SimPlan plan_at(const Sweep *sweep, uint64_t position)
{
    const SimSweep *plan = sweep->plan;
    const size_t schedulers = plan->schedulers_len > 0 ? plan->schedulers_len : 1;
    const size_t per_seed = schedulers * sweep->subjects_len;
    const size_t within = (size_t)(position % per_seed);
    SimPlan ret =
        sim_plan(plan->subjects[within / schedulers], plan->first + position / per_seed, plan->level);
    ret.faults &= ~plan->without;
    if (plan->schedulers_len > 0) {
        ret.scheduler = plan->schedulers[within % schedulers];
    }
    return ret;
}

static uint64_t first_position(const Sweep *sweep, unsigned job)
{
    return sweep->plan->shard + (uint64_t)job * sweep->plan->shards;
}

static uint64_t step_of(const Sweep *sweep)
{
    return (uint64_t)sweep->plan->jobs * sweep->plan->shards;
}

static bool is_ignored(const Sweep *sweep, const SimOutcome *outcome)
{
    return (sweep->plan->ignored & SIM_ORACLE_BIT(sim_oracle_of(outcome->failure))) != 0;
}

/* ---- In a worker ---- */

static bool count_one(void *opaque)
{
    Slot *slot = opaque;
    slot->universes += !slot->stop;
    slot->turns++;
    return !slot->stop;
}

static void play_at(Sweep *sweep, uint64_t position, Slot *slot, Message *ret)
{
    SimReplay what = {.plan = plan_at(sweep, position)};
    *ret = (Message){.position = position};
    if (sim_is_exhaustive(what.plan.scheduler)) {
        const uint64_t turns_max = sweep->plan->turns_max == 0 ? TURNS_MAX_DEFAULT : sweep->plan->turns_max;
        const bool complete =
            sim_play_all(&sweep->stage, &what.plan, turns_max, count_one, slot, &ret->outcome);
        slot->turns = 0;
        slot->exhausted += complete;
        slot->worth += ret->outcome.worth;
        ret->turn = what.plan.turn;
    } else {
        sim_play(&sweep->stage, &what, NULL, &ret->outcome);
        slot->universes++;
        slot->steps += ret->outcome.steps;
        slot->worth += ret->outcome.worth;
        if (position / sweep->plan->shards % SWEEP_AGAIN_ONE_IN == 0) {
            SimOutcome again;
            sim_play(&sweep->stage, &what, NULL, &again);
            slot->again++;
            if (again.hash != ret->outcome.hash) {
                ret->outcome.failure[0] = '\0';
                sim_outcome_fail(&ret->outcome, SWEEP_HARNESS "two runs of one plan differ");
            }
        }
    }
    ret->is_finding = ret->outcome.failure[0] != '\0' && !is_ignored(sweep, &ret->outcome);
}

static _Noreturn void work(Sweep *sweep, Worker *worker, int messages)
{
    Slot *slot = worker->slot;
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO); /* what matters of it is said again, alone */
    signal(SIGINT, SIG_IGN);      /* of a terminal, for all its processes: the parent says when to end */
    signal(SIGTERM, SIG_IGN);
    for (uint64_t at = worker->next; at < sweep->positions && !slot->stop; at += step_of(sweep)) {
        struct timespec start;
        Message message;
        clock_gettime(CLOCK_MONOTONIC, &start);
        slot->position = at;
        play_at(sweep, at, slot, &message);
        message.took_ns = (uint64_t)(seconds_since(&start) * 1e9);
        if ((message.is_finding || sweep->plan->played != NULL) &&
            write(messages, &message, sizeof message) != sizeof message) {
            _exit(1);
        }
    }
    slot->position = NOWHERE;
    _exit(0);
}

/* ---- In the parent ---- */

static bool start_worker(Sweep *sweep, Worker *worker)
{
    int ends[2];
    if (pipe(ends) < 0) {
        return false;
    }
    worker->slot->position = worker->next;
    worker->seen = NOWHERE;
    worker->pid = sim_fork();
    if (worker->pid == 0) {
        close(ends[0]);
        work(sweep, worker, ends[1]);
    }
    close(ends[1]);
    worker->messages = ends[0];
    if (worker->pid < 0) {
        close(ends[0]);
        worker->pid = 0;
        return false;
    }
    return true;
}

static bool is_new(Sweep *sweep, const char *failure)
{
    char signature[SIM_FAILURE_BYTES];
    sim_signature(failure, signature);
    for (size_t i = 0; i < sweep->signatures_len; i++) {
        if (strcmp(sweep->signatures[i], signature) == 0) {
            return false;
        }
    }
    if (sweep->signatures_len < SIGNATURES_MAX) {
        strcpy(sweep->signatures[sweep->signatures_len++], signature);
    }
    return true;
}

static void stop_all(Sweep *sweep)
{
    sweep->ending = true;
    for (unsigned i = 0; i < sweep->plan->jobs; i++) {
        sweep->workers[i].slot->stop = true;
    }
}

static void find(Sweep *sweep, const SimPlan *plan, const SimOutcome *outcome)
{
    const SimSweep *order = sweep->plan;
    if (is_ignored(sweep, outcome)) {
        return;
    }
    const bool new = is_new(sweep, outcome->failure);
    if (new && order->found_max != 0 && sweep->count.found_new >= order->found_max) {
        return; /* by another process, before it heard that it is over */
    }
    sweep->count.found++;
    sweep->count.found_new += new;
    sweep->count.harness += strncmp(outcome->failure, SWEEP_HARNESS, strlen(SWEEP_HARNESS)) == 0;
    order->found(order->opaque, plan, outcome, new);
    if (order->found_max != 0 && sweep->count.found_new >= order->found_max) {
        stop_all(sweep);
    }
}

static void take_message(Sweep *sweep, const Message *message)
{
    SimPlan plan = plan_at(sweep, message->position);
    plan.turn = message->turn;
    if (sweep->plan->played != NULL) {
        sweep->plan->played(sweep->plan->opaque, &plan, &message->outcome, message->took_ns);
    }
    if (message->is_finding) {
        find(sweep, &plan, &message->outcome);
    }
}

static void play_alone(Sweep *sweep, const SimReplay *what, unsigned seconds_max, SimOutcome *ret)
{
    if (!sim_play_apart(&sweep->stage, what, &(SimPlayOptions){.seconds_max = seconds_max}, ret)) {
        sim_outcome_fail(ret, SWEEP_HARNESS "no process could be made");
    }
}

/* The universe that killed a worker is played alone. `status`: how the worker ended. */
static void explain_death(Sweep *sweep, uint64_t position, uint32_t turns, int status, bool hung)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    SimReplay what = {.plan = plan_at(sweep, position)};
    what.plan.turn = turns > 0 ? turns - 1 : 0;
    SimOutcome outcome;
    const unsigned hang_seconds =
        sweep->plan->hang_seconds == 0 ? HANG_SECONDS_DEFAULT : sweep->plan->hang_seconds;
    if (hung) {
        outcome = (SimOutcome){0};
        sim_outcome_fail(&outcome, "hangs: no end after %u seconds", hang_seconds);
    } else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU)) {
        /* No universe does that to itself: memory, a limit of the process, or somebody. */
        outcome = (SimOutcome){0};
        sim_outcome_fail(&outcome, SWEEP_HARNESS "a process of the sweep was ended from outside: %s",
                         strsignal(WTERMSIG(status)));
    } else {
        play_alone(sweep, &what, hang_seconds, &outcome);
        SimReplay first = {0};
        if (outcome.failure[0] == '\0' && sim_profile_plan(&what.plan, &first.plan)) {
            /* Its scheduler's profile was played before it. */
            play_alone(sweep, &first, hang_seconds, &outcome);
            what.plan = outcome.failure[0] != '\0' ? first.plan : what.plan;
        }
    }
    if (WIFSIGNALED(status)) {
        sim_outcome_fail(&outcome,
                         SWEEP_HARNESS "dies in a sweep (%s), not alone: something is left of earlier "
                                       "universes",
                         strsignal(WTERMSIG(status)));
    }
    sim_outcome_fail(&outcome,
                     SWEEP_HARNESS "dies in a sweep, not alone: something is left of earlier universes");
    if (sweep->plan->played != NULL) {
        SimPlan plan = plan_at(sweep, position);
        plan.turn = turns > 0 ? turns - 1 : 0;
        sweep->plan->played(sweep->plan->opaque, &plan, &outcome,
                            hung ? hang_seconds * UINT64_C(1000000000)
                                 : (uint64_t)(seconds_since(&start) * 1e9));
    }
    find(sweep, &what.plan, &outcome);
}

static void worker_ended(Sweep *sweep, Worker *worker, bool hung)
{
    int status;
    waitpid(worker->pid, &status, 0);
    close(worker->messages);
    worker->pid = 0;
    const uint64_t position = worker->slot->position;
    if (position == NOWHERE || (sweep->ending && WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        return;
    }
    worker->slot->universes += worker->slot->turns == 0; /* it was one, too; those of a search were counted */
    explain_death(sweep, position, worker->slot->turns, status, hung);
    worker->slot->turns = 0;
    worker->next = position + step_of(sweep);
    if (!sweep->ending && worker->next < sweep->positions && !start_worker(sweep, worker)) {
        sweep->count.harness++;
    }
}

static void kill_who_hangs(Sweep *sweep)
{
    const unsigned hang_seconds =
        sweep->plan->hang_seconds == 0 ? HANG_SECONDS_DEFAULT : sweep->plan->hang_seconds;
    for (unsigned i = 0; i < sweep->plan->jobs; i++) {
        Worker *worker = &sweep->workers[i];
        if (worker->pid == 0) {
            continue;
        }
        const uint64_t at = worker->slot->position + worker->slot->universes;
        if (at != worker->seen) {
            worker->seen = at;
            worker->hang = hang_begin(worker->pid);
        } else if (hang_is_one(&worker->hang, hang_seconds)) {
            kill(worker->pid, SIGKILL);
            worker_ended(sweep, worker, true);
        }
    }
}

static void add_up(Sweep *sweep)
{
    SimSweepCount *count = &sweep->count;
    count->universes = count->steps = count->worth = count->again = count->exhausted = 0;
    for (unsigned i = 0; i < sweep->plan->jobs; i++) {
        const Slot *slot = sweep->workers[i].slot;
        count->universes += slot->universes;
        count->steps += slot->steps;
        count->worth += slot->worth;
        count->again += slot->again;
        count->exhausted += slot->exhausted;
    }
    const uint64_t shard = sweep->plan->shard;
    const uint64_t mine =
        sweep->positions > shard ? (sweep->positions - shard - 1) / sweep->plan->shards + 1 : 0;
    count->remaining = count->universes < mine ? mine - count->universes : 0;
    count->seconds = seconds_since(&sweep->start);
}

/* Waits for messages a short while, and takes them. False: nobody works any more. */
static bool attend(Sweep *sweep)
{
    struct pollfd waits[JOBS_MAX];
    Worker *who[JOBS_MAX];
    nfds_t len = 0;
    for (unsigned i = 0; i < sweep->plan->jobs; i++) {
        if (sweep->workers[i].pid != 0) {
            who[len] = &sweep->workers[i];
            waits[len++] = (struct pollfd){.fd = sweep->workers[i].messages, .events = POLLIN};
        }
    }
    if (len == 0) {
        return false;
    }
    if (poll(waits, len, 200) < 0) {
        return true; /* a signal */
    }
    for (nfds_t i = 0; i < len; i++) {
        Message message;
        if ((waits[i].revents & POLLIN) != 0) {
            if (read(waits[i].fd, &message, sizeof message) == sizeof message) {
                take_message(sweep, &message);
            } else {
                worker_ended(sweep, who[i], false);
            }
        } else if ((waits[i].revents & POLLHUP) != 0) {
            worker_ended(sweep, who[i], false);
        }
    }
    kill_who_hangs(sweep);
    return true;
}

bool sim_sweep(const SimSweep *plan, SimSweepCount *ret)
{
    CHECK(plan->jobs > 0 && plan->jobs <= JOBS_MAX && plan->shard < plan->shards &&
          plan->first <= plan->last);
    Sweep *sweep = calloc(1, sizeof *sweep);
    Slot *slots =
        mmap(NULL, JOBS_MAX * sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(sweep != NULL && slots != MAP_FAILED);
    sweep->plan = plan;
    sweep->stage.backend = plan->backend;
    sweep->signatures = calloc(SIGNATURES_MAX, sizeof *sweep->signatures);
    CHECK(sweep->signatures != NULL);
    while (plan->subjects[sweep->subjects_len] != NULL) {
        sweep->subjects_len++;
    }
    const uint64_t per_seed = sweep->subjects_len * (plan->schedulers_len > 0 ? plan->schedulers_len : 1);
    const uint64_t seeds = plan->last - plan->first;
    CHECK(per_seed > 0);
    sweep->positions = seeds >= NOWHERE / per_seed - 1 ? NOWHERE - 1 : (seeds + 1) * per_seed;
    clock_gettime(CLOCK_MONOTONIC, &sweep->start);
    bool started = true;
    for (unsigned i = 0; i < plan->jobs; i++) {
        Worker *worker = &sweep->workers[i];
        worker->slot = &slots[i];
        worker->next = first_position(sweep, i);
        started = started && (worker->next >= sweep->positions || start_worker(sweep, worker));
    }
    double told = 0;
    while (attend(sweep)) {
        const double now = seconds_since(&sweep->start);
        const bool late = plan->seconds_max != 0 && now >= plan->seconds_max;
        if ((late || (plan->interrupted != NULL && *plan->interrupted != 0)) && !sweep->ending) {
            stop_all(sweep);
        }
        if (plan->progress != NULL && now - told >= 1) {
            told = now;
            add_up(sweep);
            plan->progress(plan->opaque, &sweep->count);
        }
    }
    add_up(sweep);
    *ret = sweep->count;
    munmap(slots, JOBS_MAX * sizeof *slots);
    sim_stage_free(&sweep->stage);
    free(sweep->signatures);
    free(sweep);
    return started;
}
