/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_parse: every phrase there is, every kind of error with its place and its hint, every limit. */
#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake-client/fake_client.h"
#include "fake-qxl/fake_qxl.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/print.h"
#include "sim/cli/read_file.h"

#define TEXT_BYTES (512u * 1024u)

/* ---- Help ---- */

static Span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

typedef struct Files {
    const char *const (*list)[2]; /* path and text; NULL path at the end */
} Files;

static bool read_listed(void *opaque, const char *path, Span *ret_text)
{
    const Files *files = opaque;
    for (size_t i = 0; files->list[i][0] != NULL; i++) {
        if (strcmp(files->list[i][0], path) == 0) {
            *ret_text = span_text(files->list[i][1]);
            return true;
        }
    }
    return false;
}

static Scenario *parse_good(const char *text)
{
    ScenarioError error;
    char line[1000];
    Scenario *scenario = scenario_parse(&(ScenarioSource){.path = "t.scn", .text = span_text(text)}, &error);
    if (scenario == NULL) {
        print_error("%s\n%s\n", scenario_error_text(&error, line, sizeof line), text);
        fail();
    }
    return scenario;
}

/* What it prints reads the same, and prints the same. */
static void check_print(const Scenario *scenario)
{
    char *text = malloc(TEXT_BYTES), *again = malloc(TEXT_BYTES);
    assert_non_null(text);
    assert_non_null(again);
    assert_true(scenario_print(scenario, text, TEXT_BYTES) < TEXT_BYTES);
    Scenario *second = parse_good(text);
    assert_true(scenario_equal(scenario, second));
    scenario_print(second, again, TEXT_BYTES);
    assert_string_equal(text, again);
    scenario_free(second);
    free(text);
    free(again);
}

static void check_good(const char *text, const char *printed)
{
    Scenario *scenario = parse_good(text);
    char *out = malloc(TEXT_BYTES);
    assert_non_null(out);
    scenario_print(scenario, out, TEXT_BYTES);
    if (printed != NULL) {
        assert_string_equal(out, printed);
    }
    check_print(scenario);
    free(out);
    scenario_free(scenario);
}

typedef struct Wrong {
    const char *text;
    ScenarioErrorKind kind;
    uint32_t line, column;
    const char *nearest;  /* "": none */
    const char *expected; /* is part of it */
    const char *found;    /* NULL: any */
} Wrong;

static void check_error(const Wrong *wrong, const ScenarioError *error)
{
    char line[1000];
    scenario_error_text(error, line, sizeof line);
    if (error->kind != wrong->kind || error->line != wrong->line || error->column != wrong->column ||
        strcmp(error->nearest, wrong->nearest) != 0 || strstr(error->expected, wrong->expected) == NULL ||
        (wrong->found != NULL && strcmp(error->found, wrong->found) != 0)) {
        print_error("in: %s\n  %s (kind %d)\n  wanted %u:%u, kind %d, '%s', '%s'\n", wrong->text, line,
                    error->kind, wrong->line, wrong->column, wrong->kind, wrong->expected, wrong->nearest);
        fail();
    }
}

static void check_wrong(const Wrong *wrong)
{
    ScenarioError error;
    Scenario *scenario =
        scenario_parse(&(ScenarioSource){.path = "t.scn", .text = span_text(wrong->text)}, &error);
    if (scenario != NULL) {
        print_error("taken: %s\n", wrong->text);
        scenario_free(scenario);
        fail();
    }
    check_error(wrong, &error);
}

/* ---- What is good ---- */

#define CAST "device qxl0\nclient alice\n"

static void test_words(void **state)
{
    (void)state;
    check_good("", "");
    check_good("# nothing\n\n", "");
    check_good("scenario \"a\"   # why\nrow R02,R190 , H7", "scenario \"a\"\nrow R02, R190, H7\n");
    check_good("network latency 1000us, jitter 60s\tbuffer 2048B",
               "network latency 1ms, jitter 1min, buffer 2KiB\n");
    check_good("network latency 0ms..1500ms", "network latency 0ns..1500ms\n");
    check_good("network bandwidth 3000000B/s,\n\n   # of a modem\n   splits one in 3",
               "network bandwidth 3MB/s, splits one in 3\n");
    check_good(CAST "alice presses 0x1e 3 times every 5ms\r\n", CAST "alice presses 30 3 times every 5ms\n");
    check_good(CAST "alice moves by -3,2", CAST "alice moves by -3, 2\n");
    check_good(CAST "race {alice dies} with {qxl0 sets cursor}\n",
               CAST "race {\n    alice dies\n} with {\n    qxl0 sets cursor\n}\n");
    check_good(CAST "choose {\n} or {\n} or { maybe { alice closes } }\n",
               CAST "choose {\n} or {\n} or {\n    maybe {\n        alice closes\n    }\n}\n");
    check_good(CAST "alice connects main as a\nalice.a closes while alice.a is open within 1s..2s",
               CAST "alice connects main as a\nalice.a closes while alice.a is open within 1s..2s\n");
    check_good(CAST "expect alice is open and host saw connected 2 times or no violation throughout 1s",
               CAST "expect alice is open and host saw connected 2 times or no violation throughout 1s\n");
    check_good(CAST "alice connects display:1, main", CAST "alice connects display:1, main\n");
    check_good("param a = 3ms\nparam a = 4ms\nlet b = $a\nclient alice\npause $b\n",
               "client alice\npause 3ms\n");
    check_good("let who = alice\nclient $who\n$who closes\n", "client alice\nalice closes\n");
}

/* Words of lists mean what the fake client and the fake device call them. */
static void test_lists(void **state)
{
    (void)state;
    const char *const *lies = arg_words(ARG_DEVICE_LIE);
    for (unsigned i = 0; i < FAKE_QXL_LIES; i++) {
        assert_string_equal(lies[i], fake_qxl_lie_name((FakeQxlLie)i));
    }
    assert_null(lies[FAKE_QXL_LIES]);
    unsigned n = 0;
    while (arg_words(ARG_LINK_LIE)[n] != NULL) {
        n++;
    }
    assert_int_equal(n, FAKE_LINK_LIES - 1); /* the honest one is no lie */
    n = 0;
    while (arg_words(ARG_WORKS)[n] != NULL) {
        n++;
    }
    assert_int_equal(1u << (n - 1), FAKE_QXL_WORK_PAINT);
}

static const char *sample(ArgKind kind)
{
    static const char *const samples[ARG_KINDS] = {
        [ARG_NUMBER] = "3",          [ARG_SIGNED] = "-3",         [ARG_DURATION] = "10ms",
        [ARG_BYTES] = "600B",        [ARG_RATE] = "1MB/s",        [ARG_DIMENSIONS] = "640x480",
        [ARG_STRING] = "\"text\"",   [ARG_CHANNELS] = "cursor",   [ARG_NEW_NAME] = "twin",
        [ARG_WIRE] = "alice.cursor", [ARG_THING] = "tablet",      [ARG_MOUSE] = "client",
        [ARG_BUTTON] = "left",       [ARG_EVENT] = "initialized", [ARG_STATE] = "refused",
        [ARG_INPUT] = "motions",     [ARG_LINK_LIE] = "magic",    [ARG_DEVICE_LIE] = "draw-box",
        [ARG_COMPRESSION] = "lz4",   [ARG_MESSAGE] = "draw-copy", [ARG_DRAWING] = "rop3",
        [ARG_CALL] = "oom",          [ARG_WORKS] = "cursor, lies"};
    return samples[kind];
}

/* Every form, in every place where it may stand. */
static void test_forms(void **state)
{
    static const struct {
        FormPlace place;
        const char *before;
    } places[] = {{FORM_SERVER, "server "},
                  {FORM_NETWORK, "network "},
                  {FORM_CLOCK, "clock "},
                  {FORM_SCHEDULE, "schedule "},
                  {FORM_FAULT, "client alice\nfault "},
                  {FORM_FAULT_SETTING, "fault "},
                  {FORM_CLIENT, "client alice "},
                  {FORM_DEVICE, "device qxl0 "},
                  {FORM_CLIENT_ACT, "client alice\nalice "},
                  {FORM_WIRE_ACT, "client alice\nalice.cursor "},
                  {FORM_HOST_ACT, "host "},
                  {FORM_DEVICE_ACT, "device qxl0\nqxl0 "},
                  {FORM_CLIENT_IF, "client alice\nexpect alice "},
                  {FORM_WIRE_IF, "client alice\nexpect alice.cursor "},
                  {FORM_HOST_IF, "expect host "},
                  {FORM_DEVICE_IF, "device qxl0\nexpect qxl0 "},
                  {FORM_IF, "expect "}};
    (void)state;
    for (unsigned id = 0; id < FORMS; id++) {
        const Form *form = &scenario_forms[id];
        unsigned seen = 0;
        assert_int_equal(form->id, id);
        assert_non_null(form->pattern);
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            char text[400];
            const char *at = form->pattern;
            unsigned args = 0;
            if ((form->places & places[i].place) == 0) {
                continue;
            }
            seen++;
            size_t len = (size_t)snprintf(text, sizeof text, "%s", places[i].before);
            for (FormPart part = form_part(&at); part.len > 0; part = form_part(&at)) {
                args += part.arg != ARG_NONE;
                len += (size_t)(part.arg != ARG_NONE
                                    ? snprintf(text + len, sizeof text - len, " %s", sample(part.arg))
                                    : snprintf(text + len, sizeof text - len, " %.*s", (int)part.len,
                                               part.word));
            }
            assert_true(*at == '\0'); /* no argument that nobody knows */
            assert_true(args <= FORM_ARGS_MAX);
            Scenario *scenario = parse_good(text);
            check_print(scenario);
            const Step *step = scenario->steps != NULL ? scenario->steps : scenario->settings;
            const Phrase *phrase = step == NULL ? scenario->clients_len > 0 ? scenario->clients[0].traits
                                                                            : scenario->devices[0].traits
                                   : step->condition != NULL ? &step->condition->phrase
                                                             : step->phrases;
            assert_non_null(phrase);
            assert_ptr_equal(phrase->form, form);
            scenario_free(scenario);
        }
        assert_true(seen > 0);
    }
}

static void test_files(void **state)
{
    unsigned files = 0;
    (void)state;
    DIR *folder = opendir(SCENARIOS_FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".scn") != 0) {
            continue;
        }
        char path[1000], line[1000];
        FileCache cache = {0};
        ScenarioError error;
        Span text;
        snprintf(path, sizeof path, "%s/%s", SCENARIOS_FOLDER, entry->d_name);
        assert_true(file_cache_read(&cache, path, &text));
        Scenario *scenario = scenario_parse(
            &(ScenarioSource){.path = path, .text = text, .read = file_cache_read, .opaque = &cache}, &error);
        if (scenario == NULL) {
            print_error("%s\n", scenario_error_text(&error, line, sizeof line));
            fail();
        }
        /* Nothing of the text is used any more. */
        file_cache_free(&cache);
        check_print(scenario);
        scenario_free(scenario);
        files++;
    }
    closedir(folder);
    assert_true(files >= 20);
}

/* ---- What the documents say ---- */

/* Each example reads; `fence` begins and ends one. */
static unsigned check_examples(const char *text, const char *begin, const char *end)
{
    unsigned examples = 0;
    for (const char *at = strstr(text, begin); at != NULL; at = strstr(at, begin)) {
        at += strlen(begin);
        const char *stop = strstr(at, end);
        assert_non_null(stop);
        FileCache cache = {0};
        ScenarioError error;
        char line[1000], copy[4000];
        size_t len = 0;
        for (const char *from = at; from < stop; from++) { /* as man shows it */
            assert_true(len < sizeof copy);
            const bool quote = strncmp(from, "\\(dq", 4) == 0;
            copy[len++] = quote ? '"' : *from;
            from += quote ? 3 : 0;
        }
        Scenario *scenario = scenario_parse(&(ScenarioSource){.path = SCENARIOS_FOLDER "/example.scn",
                                                              .text = span_of(copy, len),
                                                              .read = file_cache_read,
                                                              .opaque = &cache},
                                            &error);
        if (scenario == NULL) {
            print_error("example %u: %s\n", examples + 1, scenario_error_text(&error, line, sizeof line));
            fail();
        }
        scenario_free(scenario);
        file_cache_free(&cache);
        examples++;
        at = stop + strlen(end);
    }
    return examples;
}

static void check_names_all(const char *text, const char *path)
{
    for (unsigned id = 0; id < FORMS; id++) {
        const char *at = scenario_forms[id].pattern;
        for (FormPart part = form_part(&at); part.len > 0; part = form_part(&at)) {
            char word[40];
            snprintf(word, sizeof word, "%.*s", (int)part.len, part.word);
            if (part.arg == ARG_NONE && strstr(text, word) == NULL) {
                print_error("%s does not know '%s'\n", path, word);
                fail();
            }
        }
    }
    for (unsigned kind = ARG_NONE; kind < ARG_KINDS; kind++) {
        const char *const *words = arg_words((ArgKind)kind);
        for (unsigned i = 0; words != NULL && words[i] != NULL && kind != ARG_DEVICE_LIE; i++) {
            if (strstr(text, words[i]) == NULL) {
                print_error("%s does not know '%s'\n", path, words[i]);
                fail();
            }
        }
    }
}

static void test_documents(void **state)
{
    static const struct {
        const char *path, *begin, *end;
        unsigned examples;
    } documents[] = {{SCENARIOS_FOLDER "/../docs/scenarios.md", "\n```\n", "\n```\n", 5},
                     {SCENARIOS_FOLDER "/../docs/man/spice-scenario.5", "\n.EX\n", "\n.EE\n", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        FileCache cache = {0};
        Span span;
        assert_true(file_cache_read(&cache, documents[i].path, &span));
        char *text = strndup((const char *)span.data, span.len);
        assert_non_null(text);
        check_names_all(text, documents[i].path);
        assert_int_equal(check_examples(text, documents[i].begin, documents[i].end), documents[i].examples);
        free(text);
        file_cache_free(&cache);
    }
}

/* ---- What is wrong ---- */

static void test_errors(void **state)
{
    static const Wrong wrongs[] = {
        /* statements and names */
        {"servr tickets", SCENARIO_ERROR_NAME, 1, 1, "server", "a statement", "'servr'"},
        {CAST "alcie closes", SCENARIO_ERROR_NAME, 3, 1, "alice", "a statement", "'alcie'"},
        {CAST "qxl1 resets", SCENARIO_ERROR_NAME, 3, 1, "qxl0", "a statement", "'qxl1'"},
        {CAST "zzzzzz", SCENARIO_ERROR_NAME, 3, 1, "", "a statement", "'zzzzzz'"},
        {"3ms", SCENARIO_ERROR_WORD, 1, 1, "", "a statement", "'3ms'"},
        {"\n\n  \"x\"", SCENARIO_ERROR_WORD, 3, 3, "", "a statement", "\"x\""},
        {CAST "wait until alcie is open", SCENARIO_ERROR_NAME, 3, 12, "alice", "a client, a connection",
         "'alcie'"},
        {CAST "alice.dsiplay closes", SCENARIO_ERROR_NAME, 3, 7, "display", "main, inputs, cursor, display",
         NULL},
        {CAST "alice connects main as arrow\nalice.arow closes", SCENARIO_ERROR_NAME, 4, 7, "arrow", "arrow",
         NULL},
        {CAST "fault F1 on alise after 3 bytes", SCENARIO_ERROR_NAME, 3, 13, "alice",
         "a client or a connection", NULL},
        {CAST "fault F1 on qxl0 after 3 bytes", SCENARIO_ERROR_NAME, 3, 13, "", "a client or a connection",
         NULL},
        {CAST "host removes qx0", SCENARIO_ERROR_NAME, 3, 14, "qxl0", "keyboard, mouse, tablet", NULL},
        {"pause $dealy", SCENARIO_ERROR_NAME, 1, 7, "", "the name of a parameter", NULL},
        {"param delay = 3ms\npause $dealy", SCENARIO_ERROR_NAME, 2, 7, "delay", "the name of a parameter",
         "'dealy'"},
        {"row R191", SCENARIO_ERROR_NAME, 1, 5, "", "R01 to R190", "'R191'"},
        {"row R1", SCENARIO_ERROR_NAME, 1, 5, "", "R01 to R190", NULL},
        {"row R00", SCENARIO_ERROR_NAME, 1, 5, "", "R01 to R190", NULL},
        {"row H8", SCENARIO_ERROR_NAME, 1, 5, "", "R01 to R190", NULL},
        /* words */
        {CAST "alice connects dsiplay", SCENARIO_ERROR_WORD, 3, 16, "display", "everything", "'dsiplay'"},
        {CAST "alice pressed 3", SCENARIO_ERROR_WORD, 3, 7, "presses", "connects, presses", "'pressed'"},
        {CAST "alice sets cursor", SCENARIO_ERROR_WORD, 3, 12, "", "modifiers", "'cursor'"},
        {CAST "alice", SCENARIO_ERROR_WORD, 3, 6, "", "connects", "the end of the file"},
        {CAST "alice moves\n", SCENARIO_ERROR_WORD, 3, 12, "", "to, by", "the end of the line"},
        {CAST "alice moves\nalice closes", SCENARIO_ERROR_WORD, 3, 12, "", "to, by", "the end of the line"},
        {CAST "alice moves to 3 4", SCENARIO_ERROR_WORD, 3, 18, "", ",", "'4'"},
        {CAST "alice closes now", SCENARIO_ERROR_WORD, 3, 14, "", "a number of times", "'now'"},
        {CAST "alice closes whlie alice is open", SCENARIO_ERROR_WORD, 3, 14, "while", "while", NULL},
        {CAST "alice closes 3 tims", SCENARIO_ERROR_WORD, 3, 16, "times", "'times'", NULL},
        {CAST "wait untli alice is open", SCENARIO_ERROR_WORD, 3, 6, "until", "'until'", NULL},
        {CAST "wait until alice is opne", SCENARIO_ERROR_WORD, 3, 21, "open", "connecting, open, refused",
         NULL},
        {CAST "wait until alice is open withn 3s", SCENARIO_ERROR_WORD, 3, 26, "within", "within", NULL},
        {CAST "expect host saw conected 3 times", SCENARIO_ERROR_WORD, 3, 17, "connected", "connected", NULL},
        {CAST "pause at least 3s", SCENARIO_ERROR_WORD, 3, 10, "", "'most'", NULL},
        {"server tikets", SCENARIO_ERROR_WORD, 1, 8, "tickets", "tickets, no", "'tikets'"},
        {"network latency 3ms, latncy 4ms", SCENARIO_ERROR_WORD, 1, 22, "latency", "latency, jitter", NULL},
        {"network splits 1 in 3", SCENARIO_ERROR_WORD, 1, 16, "", "one", "'1'"},
        {"network latency x", SCENARIO_ERROR_WORD, 1, 17, "", "a duration such as 10ms", "'x'"},
        {"client alice shy", SCENARIO_ERROR_WORD, 1, 14, "", "full, mini", NULL},
        {"client 3", SCENARIO_ERROR_WORD, 1, 8, "", "a name for the client", "'3'"},
        {"scenario hello", SCENARIO_ERROR_WORD, 1, 10, "", "a string in quotes", NULL},
        {"let a 3", SCENARIO_ERROR_WORD, 1, 7, "", "=", "'3'"},
        {"let a = {", SCENARIO_ERROR_WORD, 1, 9, "", "a value", "'{'"},
        {"device q primary 640", SCENARIO_ERROR_WORD, 1, 18, "", "width and height", NULL},
        {"race { } and { }", SCENARIO_ERROR_WORD, 1, 10, "", "'with', and another block", "'and'"},
        {"race { }", SCENARIO_ERROR_WORD, 1, 9, "", "'with', and another block", "the end of the file"},
        {CAST "qxl0 works on curser", SCENARIO_ERROR_WORD, 3, 15, "cursor", "cursor, surfaces", NULL},
        {CAST "qxl0 lies about drawbox", SCENARIO_ERROR_WORD, 3, 17, "draw-box", "command-address", NULL},
        /* characters, strings, numbers, units, ranges */
        {"server tickets;", SCENARIO_ERROR_CHARACTER, 1, 15, "", "this character means nothing", NULL},
        {"\xef\xbb\xbfpause 1s", SCENARIO_ERROR_CHARACTER, 1, 1, "", "byte order mark", NULL},
        {"pause $", SCENARIO_ERROR_CHARACTER, 1, 7, "", "after $ comes", NULL},
        {"scenario \"no end\nrow R01", SCENARIO_ERROR_STRING, 1, 10, "", "no end on its line", NULL},
        {"scenario \"x", SCENARIO_ERROR_STRING, 1, 10, "", "no end on its line", NULL},
        {"scenario \"a\x1b[2J\"", SCENARIO_ERROR_STRING, 1, 10, "", "control character", NULL},
        {"pause 99999999999999999999ms", SCENARIO_ERROR_NUMBER, 1, 7, "",
         "18446744073709551615 is the largest", NULL},
        {"pause 3ms4", SCENARIO_ERROR_NUMBER, 1, 7, "", "neither a number nor a name", NULL},
        {"pause 10", SCENARIO_ERROR_UNIT, 1, 7, "", "a duration such as 10ms", "'10'"},
        {"pause 10mss", SCENARIO_ERROR_UNIT, 1, 7, "ms", "a duration such as 10ms", "'10mss'"},
        {"pause 10kB", SCENARIO_ERROR_UNIT, 1, 7, "", "a duration such as 10ms", NULL},
        {"network buffer 600", SCENARIO_ERROR_UNIT, 1, 16, "", "a size such as 600B", NULL},
        {"network bandwidth 1MBs", SCENARIO_ERROR_UNIT, 1, 19, "MB/s", "a rate such as 1MB/s", NULL},
        {CAST "alice presses 3ms", SCENARIO_ERROR_UNIT, 3, 15, "", "a number without a unit", NULL},
        {"device q primary 640x480px", SCENARIO_ERROR_UNIT, 1, 18, "", "without a unit", NULL},
        {"pause 3ms..1ms", SCENARIO_ERROR_RANGE, 1, 7, "", "ends before it begins", NULL},
        {"pause 99999999999min", SCENARIO_ERROR_RANGE, 1, 7, "", "too much: ", NULL},
        {"network splits one in 0", SCENARIO_ERROR_RANGE, 1, 9, "", "one in 0", NULL},
        {"fault F9 handles at most 0", SCENARIO_ERROR_RANGE, 1, 7, "", "at most 0 handles", NULL},
        {CAST "expect alice is open within 5s and no violation", SCENARIO_ERROR_WORD, 3, 32, "",
         "the end of the line", "'and'"},
        {"network buffer 0B", SCENARIO_ERROR_RANGE, 1, 9, "", "at least 1 byte", NULL},
        {"device q primary 0x480", SCENARIO_ERROR_WORD, 1, 18, "", "width and height", "'0x480'"},
        {"device q primary 9000x480", SCENARIO_ERROR_RANGE, 1, 18, "", "from 1 to 8192", NULL},
        {CAST "qxl0 sets 0 monitors", SCENARIO_ERROR_RANGE, 3, 6, "", "from 1 to 16", NULL},
        {CAST "alice connects display:256", SCENARIO_ERROR_RANGE, 3, 24, "", "from 0 to 255", NULL},
        {CAST "alice connects main, cursor as x", SCENARIO_ERROR_RANGE, 3, 7, "", "one channel", NULL},
        {CAST "alice presses 4294967296", SCENARIO_ERROR_RANGE, 3, 15, "", "too much: 4294967295 at most",
         NULL},
        {CAST "alice moves by -2147483648,0", SCENARIO_ERROR_RANGE, 3, 17, "", "too much: 2147483647 at most",
         NULL},
        /* names that are taken, things out of place, braces */
        {"client alice\nclient alice", SCENARIO_ERROR_TAKEN, 2, 8, "", "'alice' means something else", NULL},
        {"client race", SCENARIO_ERROR_TAKEN, 1, 8, "", "'race' means something else", NULL},
        {"device display", SCENARIO_ERROR_TAKEN, 1, 8, "", "'display' means", NULL},
        {"let a = 1\nlet a = 2", SCENARIO_ERROR_TAKEN, 2, 5, "", "'a' has a value already", NULL},
        {CAST "alice connects main as a\nalice connects main as a", SCENARIO_ERROR_TAKEN, 4, 7, "",
         "called 'a'", NULL},
        {"client alice\nalice closes\nserver tickets", SCENARIO_ERROR_ORDER, 3, 1, "",
         "before the first step", NULL},
        {"maybe { client alice }", SCENARIO_ERROR_ORDER, 1, 9, "", "inside a block", NULL},
        {"scenario \"a\"\nscenario \"b\"", SCENARIO_ERROR_ORDER, 2, 1, "", "a title already", NULL},
        {CAST "everybody connects main as a", SCENARIO_ERROR_ORDER, 3, 11, "", "cannot have one name", NULL},
        {CAST "fault F9 handles at most 3, F1 on alice after 0 bytes", SCENARIO_ERROR_ORDER, 3, 1, "",
         "two statements", NULL},
        {"maybe {\n  pause 1s\n", SCENARIO_ERROR_BLOCK, 1, 7, "", "has no }", NULL},
        {"pause 1s\n}", SCENARIO_ERROR_BLOCK, 2, 1, "", "closes nothing", NULL},
        {"maybe pause 1s", SCENARIO_ERROR_BLOCK, 1, 7, "", "{", "'pause'"},
        {"maybe {\n} }", SCENARIO_ERROR_BLOCK, 2, 3, "", "closes nothing", NULL},
        /* what a terminal should not see */
        {"server \x1b", SCENARIO_ERROR_CHARACTER, 1, 8, "", "means nothing", NULL},
    };
    unsigned kinds = 0;
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        check_wrong(&wrongs[i]);
        kinds |= 1u << wrongs[i].kind;
    }
    /* The two that are left need files, and much text. */
    for (unsigned kind = SCENARIO_ERROR_NONE + 1; kind < SCENARIO_ERROR_KINDS; kind++) {
        if (kind != SCENARIO_ERROR_INCLUDE && kind != SCENARIO_ERROR_LIMIT) {
            assert_true(kinds >> kind & 1);
        }
    }
}

static void test_error_text(void **state)
{
    ScenarioError error;
    char line[1000];
    (void)state;
    assert_null(scenario_parse(
        &(ScenarioSource){.path = "death.scn", .text = span_text("client alice\nalice connects dsiplay\n")},
        &error));
    assert_string_equal(
        scenario_error_text(&error, line, sizeof line),
        "death.scn:2:16: expected main, inputs, cursor, display, everything; found 'dsiplay'; did you "
        "mean 'display'?");
    assert_null(scenario_parse(&(ScenarioSource){.path = "x", .text = span_text("}")}, &error));
    assert_string_equal(scenario_error_text(&error, line, sizeof line), "x:1:1: this } closes nothing");
    assert_int_equal(word_distance("ab", 2, "ba", 2), 1);
    assert_int_equal(word_distance("kitten", 6, "sitting", 7), 3);
    assert_int_equal(word_distance("", 0, "abc", 3), 3);
}

static void test_includes(void **state)
{
    static const char *const list[][2] = {
        {"dir/a.scn", "param n = 3\nrepeat $n { include \"sub/b.scn\" }\n"},
        {"dir/sub/b.scn", "pause 1ms\nalice types 30\n"},
        {"dir/self.scn", "include \"self.scn\""},
        {"dir/bad.scn", "pause 1ms\npaus 1ms\n"},
        {"dir/close.scn", "}"},
        {"dir/open.scn", "maybe {"},
        {"dir/device.scn", "param size = 640x480\ndevice qxl0 primary $size\n"},
        {NULL, NULL},
    };
    static const Wrong wrongs[] = {
        {"include \"../x\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "beside this one", NULL},
        {"include \"/x\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "beside this one", NULL},
        {"include \"a/../../x\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "beside this one", NULL},
        {"include \"\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "beside this one", NULL},
        {"include \"none.scn\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "'dir/none.scn' cannot be read", NULL},
        {"include \"t.scn\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "'dir/t.scn' includes itself", NULL},
        {"include \"self.scn\"", SCENARIO_ERROR_INCLUDE, 1, 9, "", "'dir/self.scn' includes itself", NULL},
        {"maybe {\n include \"close.scn\"", SCENARIO_ERROR_BLOCK, 1, 1, "", "closes nothing", NULL},
        {"include \"open.scn\"\n}", SCENARIO_ERROR_BLOCK, 1, 7, "", "has no }", NULL},
        {"include x", SCENARIO_ERROR_WORD, 1, 9, "", "a string in quotes", NULL},
    };
    Files files = {list};
    ScenarioError error;
    (void)state;
    ScenarioSource source = {.path = "dir/t.scn", .read = read_listed, .opaque = &files};

    source.text = span_text("let n = 7\nclient alice\ninclude \"a.scn\"\npause 2ms\n");
    Scenario *scenario = scenario_parse(&source, &error);
    assert_non_null(scenario);
    char text[500];
    scenario_print(scenario, text, sizeof text);
    assert_string_equal(text, "client alice\nrepeat 7 {\n    pause 1ms\n    alice types 30\n}\npause 2ms\n");
    /* The second statement of the third file. */
    const Step *types = scenario->steps->blocks->first->next;
    assert_string_equal(scenario->files[types->place.file], "dir/sub/b.scn");
    assert_int_equal(types->place.step, 2);
    assert_int_equal(types->place.line, 2);
    assert_int_equal(scenario->steps->next->place.step, 4); /* let, client, include, pause */
    assert_int_equal(scenario->steps->next->place.line, 4);
    scenario_free(scenario);

    /* What comes from outside wins. */
    source.text = span_text("client alice\ninclude \"device.scn\"");
    source.params = &(ScenarioParam){"size", "33x17"};
    source.params_len = 1;
    scenario = scenario_parse(&source, &error);
    assert_non_null(scenario);
    assert_int_equal(scenario->devices[0].traits->args[0].range.low, 33);
    assert_int_equal(scenario->params_len, 1);
    assert_string_equal(scenario->params[0], "size");
    scenario_free(scenario);
    /* So is known which names make a difference: those with a default, and those that stand for what was given. */
    source.text =
        span_text("param a = 1\nlet b = 2\nparam a = 3\nclient alice\ndevice qxl0 primary $size\npause 1ms");
    scenario = scenario_parse(&source, &error);
    assert_non_null(scenario);
    assert_int_equal(scenario->params_len, 2);
    assert_string_equal(scenario->params[0], "a");
    assert_string_equal(scenario->params[1], "size");
    scenario_free(scenario);
    source.text = span_text("client alice\ninclude \"device.scn\"");
    source.params = &(ScenarioParam){"size", "33x17 4"};
    assert_null(scenario_parse(&source, &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_WORD);
    source.params_len = 0;

    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        source.text = span_text(wrongs[i].text);
        scenario = scenario_parse(&source, &error);
        assert_null(scenario);
        check_error(&wrongs[i], &error);
    }
    source.text = span_text("\n\ninclude \"bad.scn\"");
    assert_null(scenario_parse(&source, &error));
    check_error(&(Wrong){"bad.scn", SCENARIO_ERROR_NAME, 2, 1, "pause", "a statement", "'paus'"}, &error);
    assert_string_equal(error.file, "dir/bad.scn");
    assert_string_equal(error.from, "dir/t.scn:3");

    /* Nobody to read them. */
    source.read = NULL;
    source.text = span_text("include \"a.scn\"");
    assert_null(scenario_parse(&source, &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_INCLUDE);
}

/* ---- Limits ---- */

static char *many(const char *before, const char *each, unsigned n, const char *after)
{
    char *text = malloc(strlen(before) + strlen(each) * n + strlen(after) + 1);
    assert_non_null(text);
    char *at = text + sprintf(text, "%s", before);
    for (unsigned i = 0; i < n; i++) {
        at += sprintf(at, "%s", each);
    }
    sprintf(at, "%s", after);
    return text;
}

/* n of them are good, one more is too many, and that is said at line:column. */
static void check_limit(const char *before, const char *each, unsigned n, const char *after, const char *why)
{
    ScenarioError error;
    for (unsigned more = 0; more < 2; more++) {
        char *text = many(before, each, n + more, after);
        Scenario *scenario =
            scenario_parse(&(ScenarioSource){.path = "t.scn", .text = span_text(text)}, &error);
        if ((scenario == NULL) != (more > 0) || (more > 0 && error.kind != SCENARIO_ERROR_LIMIT) ||
            (more > 0 && strstr(error.expected, why) == NULL)) {
            char line[1000];
            print_error("%u times '%s': %s\n", n + more, each,
                        scenario_error_text(&error, line, sizeof line));
            fail();
        }
        scenario_free(scenario);
        free(text);
    }
}

typedef struct Deep {
    unsigned depth;
    char text[40];
} Deep;

/* Each file includes the next one. */
static bool read_deep(void *opaque, const char *path, Span *ret_text)
{
    Deep *deep = opaque;
    (void)path;
    snprintf(deep->text, sizeof deep->text, "include \"%u\"", ++deep->depth);
    char *copy = deep->text; /* overwritten by the next: the name was read before */
    *ret_text = span_text(copy);
    return true;
}

typedef struct Wide {
    char *text;
} Wide;

static bool read_wide(void *opaque, const char *path, Span *ret_text)
{
    const Wide *wide = opaque;
    (void)path;
    *ret_text = span_text(wide->text);
    return true;
}

static void test_limits(void **state)
{
    (void)state;
    check_limit("", "maybe{", SCENARIO_NESTING_MAX, "}}}}}}}}}}}}" /* SCENARIO_NESTING_MAX of them */,
                "deep");
    check_limit("", "pause 1ms\n", SCENARIO_STEPS_MAX, "", "statements");
    check_limit("maybe {}\nrace {} with {}", " with {}", SCENARIO_BRANCHES_MAX - 2, "", "blocks");
    check_limit("expect host saw every connection end", " or no violation", 15, "", "parts");
    check_limit("row R01", ", R02", SCENARIO_ROWS_MAX - 1, "", "rows");
    check_limit("client alice\nalice connects main", ", main", 15, "", "channels at once");
    check_limit("client ", "a", SCENARIO_WORD_BYTES_MAX, "", "letters");
    check_limit("server name \"", "a", 200, "\"", "200 bytes");
}

/* Names differ, so these cannot be made by repetition of one text. */
static void test_limits_of_names(void **state)
{
    static const struct {
        const char *before, *each, *after;
        unsigned most;
    } names[] = {
        {"", "client c%u\n", "", SCENARIO_CLIENTS_MAX},
        {"", "device d%u\n", "", SCENARIO_DEVICES_MAX},
        {"", "let p%u = 3\n", "", SCENARIO_PARAMS_MAX},
        {"client alice\n", "alice connects main as n%u\n", "", SCENARIO_NAMES_MAX},
    };
    ScenarioError error;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (unsigned more = 0; more < 2; more++) {
            char text[4000];
            size_t len = (size_t)snprintf(text, sizeof text, "%s", names[i].before);
            for (unsigned n = 0; n < names[i].most + more; n++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                len += (size_t)snprintf(text + len, sizeof text - len, names[i].each, n);
#pragma GCC diagnostic pop
            }
            Scenario *scenario =
                scenario_parse(&(ScenarioSource){.path = "t.scn", .text = span_text(text)}, &error);
            assert_int_equal(scenario == NULL, more);
            assert_true(more == 0 || error.kind == SCENARIO_ERROR_LIMIT);
            scenario_free(scenario);
        }
    }
}

static void test_limits_of_work(void **state)
{
    ScenarioError error;
    (void)state;
    static const Wrong wrongs[] = {
        {"repeat 1000 { repeat 1000 { pause 1ms } }", SCENARIO_ERROR_LIMIT, 1, 15, "", "acts", NULL},
        {"repeat 4294967295 { }", SCENARIO_ERROR_LIMIT, 1, 1, "", "acts", NULL},
        {"client a\na closes 100001 times", SCENARIO_ERROR_LIMIT, 2, 10, "", "acts", NULL},
        {"repeat 0..300 { repeat 0..400 { host starts } }", SCENARIO_ERROR_LIMIT, 1, 17, "", "acts", NULL},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        check_wrong(&wrongs[i]);
    }
    /* Includes that never end, and that are many. */
    Deep deep = {0};
    assert_null(scenario_parse(
        &(ScenarioSource){
            .path = "t", .text = span_text("include \"0\""), .read = read_deep, .opaque = &deep},
        &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_LIMIT);
    assert_int_equal(deep.depth, SCENARIO_INCLUDES_MAX);
    Wide wide = {""};
    char *text = many("", "include \"x\"\n", SCENARIO_FILES_MAX, "");
    assert_null(scenario_parse(
        &(ScenarioSource){.path = "t", .text = span_text(text), .read = read_wide, .opaque = &wide}, &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_LIMIT);
    assert_non_null(strstr(error.expected, "files"));
    assert_int_equal(error.line, SCENARIO_FILES_MAX);
    free(text);
    /* Text without end. */
    text = many("", "#\n", SCENARIO_FILE_BYTES_MAX / 2, "#");
    assert_null(scenario_parse(&(ScenarioSource){.path = "t", .text = span_text(text)}, &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_LIMIT);
    text[SCENARIO_FILE_BYTES_MAX] = '\0';
    Scenario *scenario = scenario_parse(&(ScenarioSource){.path = "t", .text = span_text(text)}, &error);
    assert_non_null(scenario);
    scenario_free(scenario);
    wide.text = text;
    assert_null(
        scenario_parse(&(ScenarioSource){.path = "t",
                                         .text = span_text("include \"1\"\ninclude \"2\"\ninclude \"3\"\n"
                                                           "include \"4\"\ninclude \"5\"\n"),
                                         .read = read_wide,
                                         .opaque = &wide},
                       &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_LIMIT);
    assert_int_equal(error.line, 4); /* with the first file's own text, four are too many */
    free(text);
    /* Memory: settings are no steps, and each takes some. */
    text = many("network ", "ideal,", SCENARIO_FILE_BYTES_MAX / 6 - 3, "ideal");
    assert_null(scenario_parse(&(ScenarioSource){.path = "t", .text = span_text(text)}, &error));
    assert_int_equal(error.kind, SCENARIO_ERROR_LIMIT);
    assert_non_null(strstr(error.expected, "memory"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),           cmocka_unit_test(test_lists),
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_files),
        cmocka_unit_test(test_documents),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_text),      cmocka_unit_test(test_includes),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_limits_of_work),
        cmocka_unit_test(test_limits_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
