/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_core.h: a Core for unit tests. Sockets are real (the posix backend's); time, loops, threads and entropy are the
 * test's own, on one thread, so that deadlines cost nothing and every run is the same.
 *
 * A thread that was started runs nothing by itself: its loop takes part in test_core_run() like any other.
 * Everything handed out is counted: test_core_finish() fails the test when something was not given back.
 */
#pragma once

#include "base/list.h"
#include "core/core.h"

#define TEST_FILES_MAX 16
#define TEST_LOG_BYTES 65536

typedef struct TestLoop TestLoop;

typedef struct TestFile {
    const char *path;
    const void *data;
    size_t len;
} TestFile;

typedef struct TestCore {
    Core core; /* first: a Core * is a TestCore * */
    uint64_t now_ns;
    uint64_t entropy_state;
    uint64_t entropy_calls;
    ListNode loops;

    TestFile files[TEST_FILES_MAX];
    size_t files_len;
    Span ticket_key; /* empty: none */

    /* Counts of what is out. */
    int timers, watches, handles, threads, memories;

    /* Faults: the n-th call from now fails (1: the next); 0: none does. */
    int fail_timer, fail_watch, fail_alloc, fail_adopt, fail_thread;
    CoreAddress peer;          /* what every socket's peer is said to be, unless len is 0 */
    int accept_error;          /* -E... that every accept() returns while it is not 0 */
    size_t io_bytes_max;       /* of one readv() or writev(); 0: as many as there are */
    bool every_other_io_fails; /* with -EAGAIN */
    uint64_t io_calls;
    CoreLoop *only; /* the others stand still; NULL: all run */

    char log[TEST_LOG_BYTES];
    size_t log_len;
    int log_lines;
    _Atomic int exit_holds;
    bool log_in_hold; /* a line came while exit() would have waited: its reader may call that */
} TestCore;

TestCore *test_core_new(uint64_t seed);
void test_core_finish(TestCore *test);

/* `data` must outlive the core. */
void test_core_add_file(TestCore *test, const char *path, const void *data, size_t len);

CoreLoop *test_core_loop(TestCore *test);
/* Until nothing is left to do at this moment; fails the test when that takes more than `rounds_max` rounds. Returns how
 * many callbacks ran. */
int test_core_run(TestCore *test);
/* Lets time pass, timer by timer. */
void test_core_advance(TestCore *test, uint64_t ns);
/* Frees what test_core_loop() made. */
void test_core_loop_free(CoreLoop *loop);

/* A connected pair of sockets: the first is non-blocking and counted, as if accepted; the second is the test's own,
 * non-blocking too. */
void test_socket_pair(TestCore *test, int *ret_ours, int *ret_peer);
/* TCP on loopback; `port` as for a client. Returns a blocking listener, not counted. */
int test_listen_tcp(int *ret_port);
int test_connect_tcp(int port);
