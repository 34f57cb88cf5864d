/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_host.c: the host's loop under a host that misbehaves as hosts do: it fires early, reports what was not asked for,
 * or refuses. Its clock and handles are a universe's that never runs.
 */
#include "tests/sim/universe.h"

#include <stdlib.h>

#include <spice.h>

#include "core/host.h"

struct SpiceTimer {
    SpiceTimerFunc func;
    void *opaque;
    uint32_t ms;
    int starts;
    int cancels;
};

struct SpiceWatch {
    SpiceWatchFunc func;
    void *opaque;
    int fd;
    int mask;
    int updates;
};

/* What the host was asked for last. */
static SpiceTimer *last_timer;
static SpiceWatch *last_watch;
static bool refuses;
static int objects;

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    if (refuses) {
        return NULL;
    }
    last_timer = calloc(1, sizeof *last_timer);
    last_timer->func = func;
    last_timer->opaque = opaque;
    objects++;
    return last_timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    timer->ms = ms;
    timer->starts++;
}

static void timer_cancel(SpiceTimer *timer)
{
    timer->cancels++;
}

static void timer_remove(SpiceTimer *timer)
{
    free(timer);
    objects--;
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    if (refuses || mask == 0) { /* Xspice is such a host */
        return NULL;
    }
    last_watch = calloc(1, sizeof *last_watch);
    *last_watch = (SpiceWatch){.func = func, .opaque = opaque, .fd = fd, .mask = mask};
    objects++;
    return last_watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    watch->mask = mask;
    watch->updates++;
}

static void watch_remove(SpiceWatch *watch)
{
    free(watch);
    objects--;
}

static SpiceCoreInterface host = {
    .timer_add = timer_add,
    .timer_start = timer_start,
    .timer_cancel = timer_cancel,
    .timer_remove = timer_remove,
    .watch_add = watch_add,
    .watch_update_mask = watch_update_mask,
    .watch_remove = watch_remove,
};

typedef struct Scene {
    Sim *sim;
    CoreLoop *loop;
    SpiceWatch *wake;
} Scene;

static Scene scene_new(uint64_t now_ns)
{
    Scene scene = {.sim = sim_new(&(SimConfig){.clock_origin_ns = now_ns})};
    scene.loop = host_loop_new(sim_core(scene.sim), &host);
    scene.wake = last_watch;
    assert_non_null(scene.loop);
    return scene;
}

static void scene_end(Scene *scene)
{
    host_loop_free(scene->loop);
    assert_int_equal(objects, 0);
    universe_end_well(scene->sim);
}

static void count(void *opaque, uint64_t now_ns)
{
    (void)now_ns;
    ++*(int *)opaque;
}

/* ---- Timers ---- */

static void waits_are_rounded_up_to_whole_milliseconds(void **state)
{
    (void)state;
    static const struct {
        uint64_t wait_ns;
        uint32_t ms;
    } rows[] = {
        {0, 0},
        {1, 1},
        {NS_PER_MS - 1, 1},
        {NS_PER_MS, 1},
        {NS_PER_MS + 1, 2},
        {UINT64_C(0x7fffffff) * NS_PER_MS, 0x7fffffff},
        {(UINT64_C(0x7fffffff) + 5) * NS_PER_MS, 0x7fffffff},
        {(UINT64_C(1) << 32) * NS_PER_MS, 0x7fffffff},
        {NS_NEVER - 1000, 0x7fffffff},
    };
    Scene scene = scene_new(1000);
    int fired = 0;
    CoreTimer *timer = loop_timer_new(scene.loop, count, &fired);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        loop_timer_start(scene.loop, timer, 1000 + rows[i].wait_ns);
        assert_int_equal(last_timer->ms, rows[i].ms);
    }
    loop_timer_start(scene.loop, timer, 999); /* past */
    assert_int_equal(last_timer->ms, 0);
    assert_int_equal(fired, 0);
    loop_timer_free(scene.loop, timer);
    scene_end(&scene);
}

static void early_timer_waits_for_the_rest(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    int fired = 0;
    CoreTimer *timer = loop_timer_new(scene.loop, count, &fired);
    loop_timer_start(scene.loop, timer, 10 * NS_PER_MS);
    sim_run(scene.sim, 9 * NS_PER_MS + 1);
    last_timer->func(last_timer->opaque);
    assert_int_equal(fired, 0);
    assert_int_equal(last_timer->starts, 2);
    assert_int_equal(last_timer->ms, 1);
    sim_run(scene.sim, 10 * NS_PER_MS);
    last_timer->func(last_timer->opaque);
    assert_int_equal(fired, 1);
    assert_int_equal(last_timer->starts, 2);
    loop_timer_free(scene.loop, timer);
    scene_end(&scene);
}

static void stopping_reaches_the_host(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    int fired = 0;
    CoreTimer *timer = loop_timer_new(scene.loop, count, &fired);
    loop_timer_start(scene.loop, timer, NS_PER_MS);
    loop_timer_stop(scene.loop, timer);
    assert_int_equal(last_timer->cancels, 1);
    loop_timer_free(scene.loop, timer);
    scene_end(&scene);
}

/* ---- Watches ---- */

static void count_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    unsigned *seen = opaque;
    *seen = *seen << 4 | ready;
}

static void only_what_is_wanted_now_is_passed_on(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    unsigned seen = 0;
    CoreWatch *watch = loop_watch_new(scene.loop, 5, CORE_READ, count_ready, &seen);
    assert_int_equal(last_watch->fd, 5);
    assert_int_equal(last_watch->mask, SPICE_WATCH_EVENT_READ);
    last_watch->func(5, SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE, last_watch->opaque);
    assert_int_equal(seen, CORE_READ);
    last_watch->func(5, SPICE_WATCH_EVENT_WRITE, last_watch->opaque);
    last_watch->func(5, 0, last_watch->opaque);
    assert_int_equal(seen, CORE_READ); /* nothing new */

    loop_watch_set(scene.loop, watch, CORE_READ | CORE_WRITE);
    assert_int_equal(last_watch->mask, SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE);
    loop_watch_set(scene.loop, watch, CORE_READ | CORE_WRITE);
    assert_int_equal(last_watch->updates, 1); /* the host is not bothered for nothing */
    last_watch->func(5, SPICE_WATCH_EVENT_READ | SPICE_WATCH_EVENT_WRITE, last_watch->opaque);
    assert_int_equal(seen, CORE_READ << 4 | CORE_READ | CORE_WRITE);

    loop_watch_set(scene.loop, watch, 0);
    last_watch->func(5, SPICE_WATCH_EVENT_READ, last_watch->opaque);
    assert_int_equal(seen, CORE_READ << 4 | CORE_READ | CORE_WRITE);
    loop_watch_free(scene.loop, watch);
    scene_end(&scene);
}

static void a_watch_for_nothing_is_no_matter(void **state)
{
    Scene scene = scene_new(0);
    unsigned seen = 0;

    (void)state;
    CoreWatch *watch = loop_watch_new(scene.loop, 5, 0, count_ready, &seen);
    assert_non_null(watch);
    assert_int_equal(last_watch->mask, 0);
    loop_watch_set(scene.loop, watch, CORE_WRITE);
    assert_int_equal(last_watch->mask, SPICE_WATCH_EVENT_WRITE);
    loop_watch_free(scene.loop, watch);
    scene_end(&scene);
}

static void refusals_leave_nothing_behind(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    int fired = 0;
    unsigned seen = 0;
    refuses = true;
    assert_null(loop_timer_new(scene.loop, count, &fired));
    assert_null(loop_watch_new(scene.loop, 5, CORE_READ, count_ready, &seen));
    assert_null(host_loop_new(sim_core(scene.sim), &host)); /* the universe counts its handles at the end */
    refuses = false;
    scene_end(&scene);
}

/* ---- Tasks ---- */

typedef struct Job {
    CoreTask task;
    CoreLoop *loop;
    int runs;
    int posts_left;
} Job;

static void run_job(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Job *job = (Job *)task;
    job->runs++;
    if (job->posts_left > 0) {
        job->posts_left--;
        loop_post(job->loop, &job->task);
    }
}

static bool is_awake(Scene *scene)
{
    return sim_ready(scene->sim, scene->wake->fd) != 0;
}

static void wake(Scene *scene)
{
    scene->wake->func(scene->wake->fd, SPICE_WATCH_EVENT_READ, scene->wake->opaque);
}

/* A task posted from a task must find the host awake again: else it would wait for the next stranger. */
static void task_posted_by_a_task_wakes_the_host_again(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    Job job = {.task = {.run = run_job}, .loop = scene.loop, .posts_left = 1};
    assert_false(is_awake(&scene));
    loop_post(scene.loop, &job.task);
    assert_true(is_awake(&scene));
    wake(&scene);
    assert_int_equal(job.runs, 1);
    assert_true(is_awake(&scene));
    wake(&scene);
    assert_int_equal(job.runs, 2);
    assert_false(is_awake(&scene));
    wake(&scene); /* spurious */
    assert_int_equal(job.runs, 2);
    scene_end(&scene);
}

static void freeing_runs_what_was_posted(void **state)
{
    (void)state;
    Scene scene = scene_new(0);
    Job job = {.task = {.run = run_job}, .loop = scene.loop, .posts_left = 3};
    loop_post(scene.loop, &job.task);
    scene_end(&scene);
    assert_int_equal(job.runs, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_rounded_up_to_whole_milliseconds),
        cmocka_unit_test(early_timer_waits_for_the_rest),
        cmocka_unit_test(stopping_reaches_the_host),
        cmocka_unit_test(only_what_is_wanted_now_is_passed_on),
        cmocka_unit_test(a_watch_for_nothing_is_no_matter),
        cmocka_unit_test(refusals_leave_nothing_behind),
        cmocka_unit_test(task_posted_by_a_task_wakes_the_host_again),
        cmocka_unit_test(freeing_runs_what_was_posted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
