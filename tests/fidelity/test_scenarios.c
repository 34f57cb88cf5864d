/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_scenarios: scenario files that mean the same everywhere give the same transcripts on real threads and sockets as
 * in the simulator, whatever the simulator's schedule and network.
 *
 *   test-fidelity-scenarios               all tests
 *   test-fidelity-scenarios --print FILE  the transcript from the simulator
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/cli/read_file.h"
#include "sim/scenario/parse.h"
#include "tests/fidelity/stages.h"
#include "tests/fidelity/tale.h"

#define SEEDS 6
#define FILES_MIN 15                 /* were fewer taken, fewer would be told */
#define QUIET_NS (4 * NS_PER_MS)     /* marks do the waiting proper */
#define IMPATIENCE_NS (5 * NS_PER_S) /* where something is missing, all of it is waited */

typedef struct Text {
    FileCache cache;
    Scenario *scenario;
} Text;

/* False: `ret_why` says why. */
static bool text_parse(Text *text, const char *path, Span bytes, char *ret_why, size_t cap)
{
    ScenarioError error;
    text->scenario = scenario_parse(
        &(ScenarioSource){.path = path, .text = bytes, .read = file_cache_read, .opaque = &text->cache},
        &error);
    if (text->scenario == NULL) {
        scenario_error_text(&error, ret_why, cap);
        return false;
    }
    return tale_accepts(text->scenario, ret_why, cap);
}

static bool text_read(Text *text, const char *path, char *ret_why, size_t cap)
{
    Span bytes;
    *text = (Text){0};
    if (!file_cache_read(&text->cache, path, &bytes)) {
        snprintf(ret_why, cap, "%s cannot be read", path);
        return false;
    }
    return text_parse(text, path, bytes, ret_why, cap);
}

static void text_of(Text *text, const char *words)
{
    char why[1000];
    *text = (Text){0};
    if (!text_parse(text, "test.scn", span_of((const uint8_t *)words, strlen(words)), why, sizeof why)) {
        fail_msg("%s", why);
    }
}

static void text_free(Text *text)
{
    scenario_free(text->scenario);
    file_cache_free(&text->cache);
}

/* Every scheduler; both kinds of threads; the network of the scenario, or of the seed. */
static SimConfig config_of(const Scenario *scenario, uint64_t seed)
{
    static const SimScheduler schedulers[] = {SIM_RANDOM, SIM_PCT2, SIM_PCT3, SIM_PCT5, SIM_STICKY, SIM_WALK};
    SimConfig config = {
        .seed = seed,
        .backend = seed == 5 ? SIM_BACKEND_BATON : SIM_BACKEND_FIBER,
        .level = seed == 0 ? SIM_LEVEL_LOOPS : SIM_LEVEL_CALLS,
        .scheduler = schedulers[seed % 6],
        .spurious_one_in = seed % 4 == 1 ? 5 : 0,
        .clock_origin_ns = seed << 40,
    };
    if (seed % 3 == 2) {
        config.net = (SimNet){.latency_ns = 3 * NS_PER_MS, .jitter_ns = 2 * NS_PER_MS, .split_one_in = 3};
    }
    tale_net(scenario, seed % 2 == 1, &config.net);
    return config;
}

static void play_in_sim(const Scenario *scenario, uint64_t seed, const TaleRecord *model, TaleRecord *ret)
{
    const SimConfig config = config_of(scenario, seed);
    Stage *stage = stage_in_sim(&config);
    tale_play(stage, scenario, model, ret);
    const char *left = stage_in_sim_end(stage);
    if (left != NULL) {
        transcript_fail(&ret->transcript, "%s", left);
    }
}

static void play_on_posix(const Scenario *scenario, uint64_t patience_ns, const TaleRecord *model,
                          TaleRecord *ret)
{
    Stage *stage = stage_on_posix();
    stage->quiet_ns = QUIET_NS;
    stage->patience_ns = patience_ns != 0 ? patience_ns : stage->patience_ns;
    tale_play(stage, scenario, model, ret);
    const char *left = stage_on_posix_end(stage);
    if (left != NULL) {
        transcript_fail(&ret->transcript, "%s", left);
    }
}

/* False: `ret_where` says where they differ. */
static bool is_same(const TaleRecord *model, const TaleRecord *seen, char *ret_where, size_t cap)
{
    char where[1200];
    const bool same = transcript_equal(&model->transcript, &seen->transcript, where, sizeof where);
    snprintf(ret_where, cap, "%s\n%s", seen->transcript.failure, same ? "" : where);
    return same && seen->transcript.failure[0] == '\0';
}

static void compare(const Scenario *scenario, const char *path)
{
    TaleRecord model, seen;
    char where[2000];

    play_in_sim(scenario, 0, NULL, &model);
    if (model.transcript.failure[0] != '\0') {
        fail_msg("%s: %s", path, model.transcript.failure);
    }
    for (uint64_t seed = 1; seed < SEEDS; seed++) {
        play_in_sim(scenario, seed, &model, &seen);
        if (!is_same(&model, &seen, where, sizeof where)) {
            fail_msg("%s: seeds 0 and %u differ: %s", path, (unsigned)seed, where);
        }
        tale_record_free(&seen);
    }
    play_on_posix(scenario, 0, &model, &seen);
    if (!is_same(&model, &seen, where, sizeof where)) {
        fail_msg("%s: the simulator and posix differ: %s", path, where);
    }
    tale_record_free(&seen);
    tale_record_free(&model);
}

static int is_scenario(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);
    return len > 4 && entry->d_name[0] != '_' && strcmp(entry->d_name + len - 4, ".scn") == 0;
}

/* All that tale_accepts() takes: not one of them is left out. */
static void same_everywhere(void **state)
{
    struct dirent **entries;
    char path[1000], why[1200];
    unsigned files = 0;

    (void)state;
    const int len = scandir(SCENARIOS_FOLDER, &entries, is_scenario, alphasort);
    assert_true(len > 0);
    for (int i = 0; i < len; i++) {
        Text text;
        snprintf(path, sizeof path, "%s/%s", SCENARIOS_FOLDER, entries[i]->d_name);
        if (text_read(&text, path, why, sizeof why)) {
            compare(text.scenario, path);
            files++;
        }
        text_free(&text);
        free(entries[i]);
    }
    free(entries);
    assert_true(files >= FILES_MIN);
}

/* ---- Were they equal whatever happens, the others would prove nothing. ---- */

#define CAST "device qxl0 primary 320x240\nclient alice\nalice connects everything\n"

static const char as_it_is[] = CAST "alice types 0x1e\nqxl0 sets cursor\nalice moves by 1,2 4 times\n"
                                    "qxl0 creates surface 10x10\nhost stops\nhost starts\n";

/* Other stories, one thing changed, and who shows it. */
static const struct {
    const char *text, *where;
    uint64_t patience_ns; /* on posix; 0: the usual */
} others[] = {
    {CAST "alice types 0x1f\nqxl0 sets cursor\nalice moves by 1,2 4 times\n"
          "qxl0 creates surface 10x10\nhost stops\nhost starts\n",
     "the host, line "},
    {CAST "alice types 0x1e\nqxl0 sets cached cursor\nalice moves by 1,2 4 times\n"
          "qxl0 creates surface 10x10\nhost stops\nhost starts\n",
     "alice, session 1, cursor, line "},
    {CAST "alice types 0x1e\nqxl0 sets cursor\nalice moves by 1,2 3 times\n"
          "qxl0 creates surface 10x10\nhost stops\nhost starts\n",
     "the host, line "},
    {CAST "alice types 0x1e\nqxl0 sets cursor\nalice moves by 1,2 4 times\n"
          "qxl0 creates surface 10x11\nhost stops\nhost starts\n",
     "alice, session 1, display, line "},
    {CAST "alice types 0x1e\nqxl0 sets cursor\nalice moves by 1,2 4 times\n"
          "qxl0 sets 2 monitors\nhost stops\nhost starts\n",
     "'qxl0 sets 2 monitors': ", IMPATIENCE_NS},
};

static void other_stories_are_seen(void **state)
{
    Text text, other;
    TaleRecord model, seen;
    char where[2000];

    (void)state;
    text_of(&text, as_it_is);
    play_in_sim(text.scenario, 0, NULL, &model);
    assert_string_equal(model.transcript.failure, "");
    play_on_posix(text.scenario, 0, &model, &seen);
    assert_true(is_same(&model, &seen, where, sizeof where));
    tale_record_free(&seen);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        text_of(&other, others[i].text);
        for (int posix = 0; posix < 2; posix++) {
            if (posix) {
                play_on_posix(other.scenario, others[i].patience_ns, &model, &seen);
            } else {
                play_in_sim(other.scenario, 1, &model, &seen);
            }
            assert_false(is_same(&model, &seen, where, sizeof where));
            if (strstr(where, others[i].where) == NULL) {
                fail_msg("%s: %s", others[i].where, where);
            }
            tale_record_free(&seen);
        }
        text_free(&other);
    }
    tale_record_free(&model);
    text_free(&text);
}

/* Each line of each part: another letter; and gone. */
static void any_line_is_compared(void **state)
{
    Text text;
    TaleRecord model, copy;
    char where[2000];
    unsigned lines = 0;

    (void)state;
    text_of(&text, as_it_is);
    play_in_sim(text.scenario, 0, NULL, &model);
    play_in_sim(text.scenario, 1, &model, &copy);
    assert_true(is_same(&model, &copy, where, sizeof where));
    for (size_t i = 0; i < copy.transcript.parts_len; i++) {
        Part *part = &copy.transcript.parts[i];
        for (char *line = part->text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
            const char letter = *line;
            *line ^= 1;
            assert_false(is_same(&model, &copy, where, sizeof where));
            *line = letter;
            assert_true(is_same(&model, &copy, where, sizeof where));
            lines++;
        }
        if (part->len > 0) {
            part->text[part->len - 1] = '\0'; /* not even the last newline */
            *strrchr(part->text, '\n') = '\0';
            assert_false(is_same(&model, &copy, where, sizeof where));
            memcpy(part->text, model.transcript.parts[i].text, part->len + 1);
        }
    }
    assert_true(lines > 20);
    tale_record_free(&copy);
    tale_record_free(&model);
    text_free(&text);
}

/* ---- What cannot be played is refused, by name ---- */

static const struct {
    const char *text, *says;
} refusals[] = {
    {"client a\nrace {\n a closes\n} with {\n a closes\n}\n", "test.scn:2: 'race "},
    {"client a\nfault F2 on a.main after 3 bytes\n", "test.scn:2: 'fault F2 on a.main after 3 bytes'"},
    {"fault F9 handles at most 10\n", "test.scn:1: 'fault F9 handles at most 10'"},
    {"clock starts at 5s\n", "test.scn:1: 'clock starts at 5s'"},
    {"schedule calm\n", "test.scn:1: 'schedule calm'"},
    {"network any\n", "test.scn:1: 'network any'"},
    {"network latency 20ms\n", "test.scn:1: 'network latency 20ms'"},
    {"network buffer 600B\n", "test.scn:1: 'network buffer "},
    {"client a never acks\n", "test.scn:1: 'never acks'"},
    {"client a lies about magic\n", "test.scn:1: 'lies about <link-lie>'"},
    {"client a\nmaybe {\n a closes\n}\n", "test.scn:2: 'maybe "},
    {"client a\nchoose {\n a closes\n} or {\n a connects main\n}\n", "test.scn:2: 'choose "},
    {"client a\na dies\n", "test.scn:2: 'a dies'"},
    {"client a\na plays\n", "test.scn:2: 'a plays'"},
    {"client a\na stops reading\n", "test.scn:2: 'a stops reading'"},
    {"client a\na resets\n", "test.scn:2: 'a resets'"},
    {"client a\na types 1..5\n", "test.scn:2: 'a types 1..5'"},
    {"client a\na types 1 2..3 times\n", "test.scn:2: 'a types 1 2..3 times'"},
    {"client a\na closes while a is open\n", "test.scn:2: 'a closes while a is open'"},
    {"client a\nrepeat 2 {\n repeat 1..2 {\n  a closes\n }\n}\n", "test.scn:3: 'repeat 1..2 "},
    {"client a\nrepeat 50 {\n a types 1 50 times\n}\n", "test.scn:3: 'a types 1 50 times'"},
    {"device q\nq works\n", "test.scn:2: 'q works'"},
    {"device q\nq lies\n", "test.scn:2: 'q lies'"},
    {"pause 30s\n", "test.scn:1: 'pause 30s'"},
    {"client a\nexpect a is gone within 90s\n", "test.scn:2: 'expect a is gone within "},
    {"client a\nexpect a is open throughout 35s\n", "test.scn:2: 'expect a is open throughout 35s'"},
    {"client a\nexpect a received at least 3 messages\n",
     "test.scn:2: 'expect a received at least 3 messages'"},
    {"client a\npause at most 1s until a is open\n", "test.scn:2: 'pause at most 1s until a is open'"},
};

static void others_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        Text text = {0};
        char why[1000] = "";
        const Span bytes = span_of((const uint8_t *)refusals[i].text, strlen(refusals[i].text));
        assert_false(text_parse(&text, "test.scn", bytes, why, sizeof why));
        assert_non_null(text.scenario); /* it is a scenario */
        if (strncmp(why, refusals[i].says, strlen(refusals[i].says)) != 0 ||
            strstr(why, "cannot be played on every stage: ") == NULL) {
            fail_msg("%s\nsays: %s\nnot: %s", refusals[i].text, why, refusals[i].says);
        }
        text_free(&text);
    }
}

static int print(const char *path)
{
    Text text;
    TaleRecord seen = {0};
    char why[1000] = "";

    if (text_read(&text, path, why, sizeof why)) {
        play_in_sim(text.scenario, 0, NULL, &seen);
        transcript_print(&seen.transcript);
        snprintf(why, sizeof why, "%s", seen.transcript.failure);
        tale_record_free(&seen);
    }
    text_free(&text);
    puts(why);
    return why[0] == '\0' ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_everywhere),
        cmocka_unit_test(other_stories_are_seen),
        cmocka_unit_test(any_line_is_compared),
        cmocka_unit_test(others_are_refused),
    };
    if (argc > 2 && strcmp(argv[1], "--print") == 0) {
        return print(argv[2]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
