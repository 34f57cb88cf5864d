/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_contract.c: every test of contract.h on every backend.
 *
 *   test-core-contract         all of them
 *   test-core-contract WORD    those whose name contains the word; exit status 77 if one of them was skipped
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/core/on_posix.h"
#include "tests/core/on_sim.h"

typedef struct Case {
    bool (*run)(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped);
    const ContractTest *test;
    bool with_latency;
    char name[160];
} Case;

#define SKIPPED 77

static bool something_was_skipped;

static void run_case(void **state)
{
    const Case *one = *state;
    char report[512] = "";
    const char *skipped = NULL;
    if (!one->run(one->test, one->with_latency, report, &skipped)) {
        fail_msg("%s", report);
    }
    if (skipped != NULL) {
        print_message("%s\n", skipped);
        something_was_skipped = true;
        skip();
    }
}

/* The files, the environment and the unix sockets that the tests ask for, in a folder of their own. */
static void prepare(char *folder)
{
    if (mkdtemp(folder) == NULL || chdir(folder) < 0 || setenv("SUMAC_CONTRACT", "yes", 1) < 0) {
        perror(folder);
        exit(2);
    }
    FILE *text = fopen("contract.txt", "w");
    FILE *empty = fopen("contract.empty", "w");
    if (text == NULL || empty == NULL || fputs("0123456789", text) < 0) {
        perror("contract.txt");
        exit(2);
    }
    fclose(text);
    fclose(empty);
}

static void clean_up(const char *folder)
{
    unlink("contract.txt");
    unlink("contract.empty");
    unlink("contract.sock");
    if (chdir("/") == 0) {
        rmdir(folder);
    }
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    static const struct {
        const char *name;
        bool (*run)(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped);
    } backends[] = {
        {"posix", run_on_posix}, {"host on posix", run_on_posix_host},
        {"fiber", run_on_fiber}, {"host on fiber", run_on_fiber_host},
        {"baton", run_on_baton}, {"host on baton", run_on_baton_host},
    };
    static const struct {
        const ContractTest *tests;
        bool with_latency; /* says nothing about what must have arrived at once */
    } groups[] = {
        {timer_tests, false}, {watch_tests, false}, {task_tests, false},    {thread_tests, false},
        {stream_tests, true}, {listen_tests, true}, {service_tests, false},
    };
    static Case cases[600];
    static struct CMUnitTest tests[600];
    size_t count = 0;

    for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++) {
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            for (const ContractTest *test = groups[g].tests; test->name != NULL; test++) {
                if (count == sizeof cases / sizeof cases[0]) {
                    return 2;
                }
                Case *one = &cases[count];
                *one = (Case){.run = backends[b].run, .test = test, .with_latency = groups[g].with_latency};
                snprintf(one->name, sizeof one->name, "%s: %s", backends[b].name, test->name);
                if (strstr(one->name, word) == NULL) {
                    continue;
                }
                tests[count++] =
                    (struct CMUnitTest){.name = one->name, .test_func = run_case, .initial_state = one};
            }
        }
    }
    char folder[] = "/tmp/sumac-contract-XXXXXX";
    prepare(folder);
    const int failures = _cmocka_run_group_tests("core contract", tests, count, NULL, NULL);
    clean_up(folder);
    if (count == 0) {
        return 2;
    }
    return failures == 0 && argc > 1 && something_was_skipped ? SKIPPED : failures;
}
