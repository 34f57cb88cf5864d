/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_baton: what simulated threads run on: OS threads with the baton, or fibers. That both run the same is held by
 * test_threads.c, tests/core and test_baton.py.
 */
#include "tests/sim/universe.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define THREADS 3
#define DEEP_BYTES (100u * 1024u)

typedef struct Scene Scene;

typedef struct Player {
    Scene *scene;
    CoreThread *thread;
    long tid;
    char name[16]; /* as the kernel knows it */
} Player;

struct Scene {
    Sim *sim;
    const Core *core;
    Player players[THREADS];
    atomic_int inside;
    atomic_bool together; /* two were inside at once */
    CoreGate never;
};

static Scene *scene_new(const SimConfig *config)
{
    Scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->sim = sim_new(config);
    assert_non_null(scene->sim);
    scene->core = sim_core(scene->sim);
    return scene;
}

static void play(void *arg)
{
    Player *player = arg;
    Scene *scene = player->scene;
    player->tid = syscall(SYS_gettid);
    prctl(PR_GET_NAME, player->name);
    for (int i = 0; i < 20; i++) {
        if (atomic_exchange(&scene->inside, 1) != 0) {
            scene->together = true;
        }
        for (volatile int spin = 0; spin < 500; spin++) {
        }
        if (atomic_exchange(&scene->inside, 0) != 1) {
            scene->together = true;
        }
        scene->core->now_ns(scene->core);
    }
}

static void start_all(void *arg)
{
    static const char *const names[THREADS] = {"red-worker-0", "red-worker-1", "with-quite-a-long-name"};
    Scene *scene = arg;
    for (int i = 0; i < THREADS; i++) {
        scene->players[i].scene = scene;
        scene->players[i].thread = scene->core->thread_start(scene->core, names[i], play, &scene->players[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        scene->core->thread_join(scene->core, scene->players[i].thread);
    }
}

static void baton_threads_are_threads_of_that_name(void **state)
{
    (void)state;
    Scene *scene = scene_new(&(SimConfig){.seed = 1, .backend = SIM_BACKEND_BATON, .level = AT_EVERY_CALL});
    universe_run(scene->sim, start_all, scene);
    const Player *players = scene->players;
    assert_string_equal(players[0].name, "red-worker-0");
    assert_string_equal(players[1].name, "red-worker-1");
    assert_string_equal(players[2].name, "with-quite-a-lo");
    const long home = syscall(SYS_gettid);
    for (int i = 0; i < THREADS; i++) {
        assert_int_not_equal(players[i].tid, home);
        assert_int_not_equal(players[i].tid, players[(i + 1) % THREADS].tid);
    }
    universe_end_well(scene->sim);
    free(scene);
}

static void fibers_are_no_threads(void **state)
{
    (void)state;
    Scene *scene = scene_new(&(SimConfig){.seed = 1, .level = AT_EVERY_CALL});
    universe_run(scene->sim, start_all, scene);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(scene->players[i].tid, syscall(SYS_gettid));
    }
    universe_end_well(scene->sim);
    free(scene);
}

static void one_has_the_baton(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        Scene *scene =
            scene_new(&(SimConfig){.seed = seed, .backend = SIM_BACKEND_BATON, .level = AT_EVERY_CALL});
        universe_run(scene->sim, start_all, scene);
        assert_false(scene->together);
        universe_end_well(scene->sim);
        free(scene);
    }
}

/* ---- What is left, and what is used again ---- */

static int entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int count = 0;
    assert_non_null(maps);
    for (int c; (c = getc(maps)) != EOF;) {
        count += c == '\n';
    }
    fclose(maps);
    return count;
}

static void wait_in_vain(void *arg)
{
    Player *player = arg;
    char deep[4096]; /* something to be dropped */
    memset(deep, 1, sizeof deep);
    player->scene->core->gate_wait(player->scene->core, &player->scene->never);
    fail_msg("the gate was opened, with %d", deep[17]);
}

static void start_and_fail(void *arg)
{
    Scene *scene = arg;
    for (int i = 0; i < THREADS; i++) {
        scene->players[i].scene = scene;
        scene->players[i].thread =
            scene->core->thread_start(scene->core, "waiter", wait_in_vain, &scene->players[i]);
    }
    sim_sleep(scene->sim, NS_PER_MS);
    sim_fail(scene->sim, "on purpose");
}

/* Many universes, half of which end in the middle. */
static void run_many(SimBackend backend, int universes)
{
    for (int i = 0; i < universes; i++) {
        Scene *scene =
            scene_new(&(SimConfig){.seed = (uint64_t)i, .backend = backend, .level = AT_EVERY_CALL});
        if (i % 2 == 0) {
            universe_run(scene->sim, start_all, scene);
            universe_end_well(scene->sim);
        } else {
            universe_run(scene->sim, start_and_fail, scene);
            universe_end_badly(scene->sim, "on purpose");
        }
        free(scene);
    }
}

static void threads_end_with_their_universe(void **state)
{
    (void)state;
    const int before = entries("/proc/self/task");
    run_many(SIM_BACKEND_BATON, 50);
    /* A joined thread may be seen for a moment longer. */
    for (int i = 0; i < 500 && entries("/proc/self/task") > before; i++) {
        usleep(10000);
    }
    assert_int_equal(entries("/proc/self/task"), before);
}

static void stacks_are_used_again(void **state)
{
    (void)state;
    run_many(SIM_BACKEND_FIBER, 10);
    const int before = mappings();
    run_many(SIM_BACKEND_FIBER, 400);
    assert_in_range(mappings(), 1, before + 50); /* a stack is two */
}

static void failures_are_the_same(void **state)
{
    (void)state;
    char text[2][512];
    uint64_t hash[2];
    for (int i = 0; i < 2; i++) {
        Scene *scene = scene_new(&(SimConfig){
            .seed = 5, .backend = i == 0 ? SIM_BACKEND_FIBER : SIM_BACKEND_BATON, .level = AT_EVERY_CALL});
        universe_run(scene->sim, start_and_fail, scene);
        snprintf(text[i], sizeof text[i], "%s", sim_failure(scene->sim));
        hash[i] = sim_hash(scene->sim);
        sim_free(scene->sim);
        free(scene);
    }
    assert_string_equal(text[0], text[1]);
    assert_true(hash[0] == hash[1]);
}

/* ---- How deep a stack was used ---- */

static void go_deep(void *arg)
{
    volatile char deep[DEEP_BYTES];
    for (size_t i = 0; i < sizeof deep; i += 512) {
        deep[i] = 1;
    }
    *(bool *)arg = deep[512] == 1;
}

static void depth_is_measured(void **state)
{
    (void)state;
    bool was_there = false;
    size_t size;
    if (RUNNING_ON_VALGRIND) {
        skip(); /* it would call every look below a stack an error */
    }
    run_many(SIM_BACKEND_FIBER, 2);
    assert_in_range(sim_stack_depth(&size), 1, DEEP_BYTES - 1);
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    universe_run(sim, go_deep, &was_there);
    assert_true(was_there);
    assert_in_range(sim_stack_depth(&size), DEEP_BYTES, size);
    universe_end_well(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baton_threads_are_threads_of_that_name),
        cmocka_unit_test(fibers_are_no_threads),
        cmocka_unit_test(one_has_the_baton),
        cmocka_unit_test(threads_end_with_their_universe),
        cmocka_unit_test(stacks_are_used_again),
        cmocka_unit_test(failures_are_the_same),
        cmocka_unit_test(depth_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
