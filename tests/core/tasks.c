/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/host.h"
#include "tests/core/contract.h"

#define POSTERS 4
#define POSTS 200

typedef struct Job {
    CoreTask task;
    Rig *rig;
    int poster;
    int number;
    struct JobLog *log;
    void (*then)(struct Job *job);
} Job;

typedef struct JobLog {
    int ran;
    int order[16];
    int last[POSTERS];
    int quit_after;
} JobLog;

static void run_job(CoreTask *task, uint64_t now_ns)
{
    Job *job = (Job *)task;
    JobLog *log = job->log;
    EXPECT(job->rig, now_ns <= rig_now(job->rig));
    EXPECT(job->rig, job->rig->loop->ops->is_current(job->rig->loop));
    EXPECT(job->rig, job->number > log->last[job->poster]);
    log->last[job->poster] = job->number;
    if (log->ran < 16) {
        log->order[log->ran] = job->number;
    }
    if (++log->ran == log->quit_after) {
        job->rig->quit(job->rig);
    }
    if (job->then != NULL) {
        job->then(job);
    }
}

static Job job_of(Rig *rig, JobLog *log, int poster, int number)
{
    return (Job){.task = {.run = run_job}, .rig = rig, .log = log, .poster = poster, .number = number};
}

static void run_in_order_of_posting(Rig *rig)
{
    JobLog log = {.quit_after = 8};
    Job jobs[8];
    for (int i = 0; i < 8; i++) { /* before the loop runs */
        jobs[i] = job_of(rig, &log, 0, i + 1);
        loop_post(rig->loop, &jobs[i].task);
    }
    rig->run(rig);
    EXPECT(rig, log.ran == 8);
    for (int i = 0; i < 8; i++) {
        EXPECT(rig, log.order[i] == i + 1);
    }
}

typedef struct Poster {
    Rig *rig;
    Job jobs[POSTS];
} Poster;

static void post_all(void *opaque)
{
    Poster *poster = opaque;
    for (int i = 0; i < POSTS; i++) {
        loop_post(poster->rig->loop, &poster->jobs[i].task);
    }
}

static void many_threads_may_post(Rig *rig)
{
    JobLog log = {.quit_after = POSTERS * POSTS};
    Poster posters[POSTERS];
    CoreThread *threads[POSTERS];
    for (int p = 0; p < POSTERS; p++) {
        posters[p].rig = rig;
        for (int i = 0; i < POSTS; i++) {
            posters[p].jobs[i] = job_of(rig, &log, p, i + 1);
        }
        threads[p] = rig->core->thread_start(rig->core, "poster", post_all, &posters[p]);
        EXPECT(rig, threads[p] != NULL);
    }
    rig->run(rig);
    for (int p = 0; p < POSTERS; p++) {
        rig->core->thread_join(rig->core, threads[p]);
        EXPECT(rig, log.last[p] == POSTS);
    }
    EXPECT(rig, log.ran == POSTERS * POSTS);
}

static void post_again(Job *job)
{
    if (job->log->ran < 5) {
        job->number++;
        loop_post(job->rig->loop, &job->task);
    }
}

static void may_post_itself_again(Rig *rig)
{
    JobLog log = {.quit_after = 5};
    Job job = job_of(rig, &log, 0, 1);
    job.then = post_again;
    loop_post(rig->loop, &job.task);
    rig->run(rig);
    EXPECT(rig, log.ran == 5 && log.order[4] == 5);
}

static void quit_first(Job *job)
{
    job->rig->quit(job->rig);
}

/* The first ends the loop; those after it were posted before and run all the same, and what they post. */
static void quit_lets_earlier_tasks_run(Rig *rig)
{
    if (rig->is_host) {
        return; /* how a host ends its loop is its own affair */
    }
    JobLog log = {0};
    Job jobs[3] = {job_of(rig, &log, 0, 1), job_of(rig, &log, 0, 2), job_of(rig, &log, 0, 3)};
    jobs[0].then = quit_first;
    jobs[2].then = post_again;
    for (int i = 0; i < 3; i++) {
        loop_post(rig->loop, &jobs[i].task);
    }
    rig->run(rig);
    EXPECT(rig, log.ran == 5);

    rig->quit(rig); /* before it runs: it returns at once, but after what was posted */
    Job late = job_of(rig, &log, 0, 9);
    loop_post(rig->loop, &late.task);
    rig->run(rig);
    EXPECT(rig, log.ran == 6);
}

typedef struct Elsewhere {
    Rig *rig;
    bool was_current;
} Elsewhere;

static void ask_from_elsewhere(void *opaque)
{
    Elsewhere *elsewhere = opaque;
    elsewhere->was_current = elsewhere->rig->loop->ops->is_current(elsewhere->rig->loop);
}

static void start_and_ask(Job *job)
{
    Elsewhere elsewhere = {.rig = job->rig};
    CoreThread *thread =
        job->rig->core->thread_start(job->rig->core, "elsewhere", ask_from_elsewhere, &elsewhere);
    job->rig->core->thread_join(job->rig->core, thread);
    EXPECT(job->rig, elsewhere.was_current == job->rig->is_host); /* the main domain's loop says yes always */
}

static void a_running_loop_knows_its_thread(Rig *rig)
{
    JobLog log = {.quit_after = 1};
    Job job = job_of(rig, &log, 0, 1);
    job.then = start_and_ask;
    EXPECT(rig, rig->loop->ops->is_current(rig->loop));
    loop_post(rig->loop, &job.task);
    rig->run(rig);
    EXPECT(rig, log.ran == 1);
}

static void drain_inside(Job *job)
{
    host_loop_drain(job->rig->loop);
    EXPECT(job->rig, job->log->ran == 3); /* the others, in a call inside this one */
}

static void drain_runs_what_was_posted(Rig *rig)
{
    if (!rig->is_host) {
        return;
    }
    JobLog log = {0};
    Job jobs[3] = {job_of(rig, &log, 0, 1), job_of(rig, &log, 0, 2), job_of(rig, &log, 0, 3)};
    jobs[0].then = drain_inside;
    for (int i = 0; i < 3; i++) {
        loop_post(rig->loop, &jobs[i].task);
    }
    host_loop_drain(rig->loop);
    EXPECT(rig, log.ran == 3);
    host_loop_drain(rig->loop);
    rig_run_for(rig, 2 * NS_PER_MS); /* the wakeup still comes and finds nothing */
    EXPECT(rig, log.ran == 3);
}

static void drain_does_not_run_what_it_posts(Rig *rig)
{
    if (!rig->is_host) {
        return;
    }
    JobLog log = {0};
    Job job = job_of(rig, &log, 0, 1);
    job.then = post_again;
    loop_post(rig->loop, &job.task);
    host_loop_drain(rig->loop);
    EXPECT(rig, log.ran == 1);
    rig_run_for(rig, 5 * NS_PER_MS);
    EXPECT(rig, log.ran == 5);
}

static void work_long(Job *job)
{
    if (job->log->ran == 1) {
        const uint64_t from_ns = rig_now(job->rig);
        EXPECT(job->rig, job->rig->loop->turn_ns < 20 * NS_PER_MS);
        while (rig_now(job->rig) < from_ns + 20 * NS_PER_MS) {
        }
    } else if (job->log->ran == 2) {
        EXPECT(job->rig, job->rig->loop->turn_ns >= 20 * NS_PER_MS);
    }
    post_again(job);
}

static void a_turn_takes_time(Rig *rig)
{
    if (rig->is_host || rig->is_simulated) {
        return; /* nobody knows; nothing takes time unless it waits */
    }
    JobLog log = {.quit_after = 2};
    Job job = job_of(rig, &log, 0, 1);
    job.then = work_long;
    loop_post(rig->loop, &job.task);
    rig->run(rig);
    EXPECT(rig, log.ran >= 2);
}

const ContractTest task_tests[] = {
    {"tasks run in order of posting", run_in_order_of_posting},
    {"many threads may post", many_threads_may_post},
    {"a task may post itself again", may_post_itself_again},
    {"quitting lets earlier tasks run", quit_lets_earlier_tasks_run},
    {"a running loop knows its thread", a_running_loop_knows_its_thread},
    {"a turn takes time", a_turn_takes_time},
    {"draining runs what was posted", drain_runs_what_was_posted},
    {"draining does not run what it posts", drain_does_not_run_what_it_posts},
    {0},
};
