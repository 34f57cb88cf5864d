/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_fidelity: what clients and host see of one story is the same on real threads and sockets as in the simulator,
 * whatever the simulator's schedule and network.
 *
 *   test-fidelity          all tests
 *   test-fidelity --print  the transcript from the simulator
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fidelity/stages.h"
#include "tests/fidelity/story.h"

#define SEEDS 24

static Transcript reality[2]; /* with the clients' headers mini first, and full first */

static int play_on_posix(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        Stage *stage = stage_on_posix();
        story_play(stage, full, STORY_AS_IT_IS, &reality[full]);
        const char *left = stage_on_posix_end(stage);
        if (reality[full].failure[0] != '\0' || left != NULL) {
            print_error("on posix: %s\n", left != NULL ? left : reality[full].failure);
            return -1;
        }
    }
    return 0;
}

static int forget(void **state)
{
    (void)state;
    transcript_free(&reality[0]);
    transcript_free(&reality[1]);
    return 0;
}

static void play_in_sim(const SimConfig *config, bool full, StoryTwist twist, Transcript *ret)
{
    Stage *stage = stage_in_sim(config);
    story_play(stage, full, twist, ret);
    const char *left = stage_in_sim_end(stage);
    if (ret->failure[0] != '\0' || left != NULL) {
        fail_msg("in simulation, seed %u: %s; %s", (unsigned)config->seed, ret->failure,
                 left != NULL ? left : "nothing is left behind");
    }
}

static void compare(const SimConfig *config, bool full)
{
    Transcript seen;
    char where[1200];
    play_in_sim(config, full, STORY_AS_IT_IS, &seen);
    if (!transcript_equal(&reality[full], &seen, where, sizeof where)) {
        fail_msg("posix and the simulator, seed %u, differ: %s", (unsigned)config->seed, where);
    }
    transcript_free(&seen);
}

/* Every scheduler, and networks from none to slow. */
static SimConfig config_of(uint64_t seed)
{
    static const SimScheduler schedulers[] = {SIM_RANDOM, SIM_PCT2, SIM_PCT3, SIM_PCT5, SIM_STICKY, SIM_WALK};
    SimConfig config = {
        .seed = seed,
        .level = seed == 0 ? SIM_LEVEL_LOOPS : SIM_LEVEL_CALLS,
        .scheduler = schedulers[seed % 6],
        .spurious_one_in = seed % 4 == 1 ? 5 : 0,
        .clock_origin_ns = seed << 40,
    };
    if (seed % 3 == 2) {
        config.net = (SimNet){.latency_ns = 3 * NS_PER_MS, .jitter_ns = 2 * NS_PER_MS, .split_one_in = 3};
    }
    return config;
}

static void same_on_fibers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const SimConfig config = config_of(seed);
        compare(&config, seed % 2);
    }
}

static void same_on_the_baton(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS / 4; seed++) {
        SimConfig config = config_of(seed);
        config.backend = SIM_BACKEND_BATON;
        compare(&config, seed % 2);
    }
}

/* Were they equal whatever happens, the others would prove nothing. */
static void differences_are_seen(void **state)
{
    static const struct {
        StoryTwist twist;
        const char *where;
    } cases[] = {{STORY_WITHOUT_A_KEY, "the host, line "},
                 {STORY_WITH_ANOTHER_CURSOR, "first cursor, line "}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Transcript seen;
        char where[1200];
        const SimConfig config = config_of(1);
        play_in_sim(&config, false, cases[i].twist, &seen);
        assert_false(transcript_equal(&reality[0], &seen, where, sizeof where));
        assert_memory_equal(where, cases[i].where, strlen(cases[i].where));
        transcript_free(&seen);
    }
}

static int print(void)
{
    Transcript seen;
    const SimConfig config = config_of(1);
    Stage *stage = stage_in_sim(&config);
    story_play(stage, false, STORY_AS_IT_IS, &seen);
    transcript_print(&seen);
    const char *left = stage_in_sim_end(stage);
    printf("%s%s\n", seen.failure, left != NULL ? left : "");
    const bool good = seen.failure[0] == '\0' && left == NULL;
    transcript_free(&seen);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_on_fibers),
        cmocka_unit_test(same_on_the_baton),
        cmocka_unit_test(differences_are_seen),
    };
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        return print();
    }
    return cmocka_run_group_tests(tests, play_on_posix, forget);
}
