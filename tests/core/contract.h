/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* contract.h: the tests of core.h that every backend must pass.
 *
 * A ContractTest gets a Rig: a Core, one loop that belongs to the caller's thread, and the few things around it that
 * each backend does in its own way. on_posix.c and on_sim.c make the rigs; test_contract.c runs every test on all of them.
 *
 * EXPECT records the first thing that was wrong and goes on: a test may run on any thread or fiber, from where
 * cmocka's own assertions could not return.
 */
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "core/core.h"

typedef struct Rig Rig;

typedef enum PairKind {
    PAIR_UNIX,
    PAIR_TCP,
} PairKind;

struct Rig {
    const Core *core;
    CoreLoop *loop;
    bool is_simulated;
    bool is_host; /* the loop is host_loop_new()'s */

    void (*run)(Rig *rig); /* the loop, until quit() */
    void (*quit)(Rig *rig);
    /* A connected pair; with `small` buffers of a few KiB. 0 or -E.... */
    int (*pair)(Rig *rig, PairKind kind, bool small, int ret[2]);
    int (*connect)(Rig *rig, const CoreListen *where); /* handle or -E... */
    void (*reset)(Rig *rig, int handle);               /* closes it with a reset; TCP pairs */
    void (*half_close)(Rig *rig, int handle);          /* no more writes */

    void *backend;
    const char *skipped; /* why this machine cannot run the test */
    _Atomic bool failed;
    char failure[256];
};

typedef struct ContractTest {
    const char *name;
    void (*func)(Rig *rig);
} ContractTest;

#define EXPECT(rig, condition)                                                                               \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            rig_fail(rig, __FILE__, __LINE__, #condition);                                                   \
        }                                                                                                    \
    } while (0)

void rig_fail(Rig *rig, const char *file, int line, const char *what);

/* Runs the loop for so long, and then on until it has had a round without anything to do. */
void rig_run_for(Rig *rig, uint64_t duration_ns);
/* Runs the loop until the handle is ready for a bit of the mask; false after 5 seconds. */
bool rig_await(Rig *rig, int handle, unsigned mask);

int64_t rig_read(Rig *rig, int handle, void *buffer, size_t len);
int64_t rig_write(Rig *rig, int handle, const void *data, size_t len);
uint64_t rig_now(Rig *rig);

/* Each list ends with a NULL name. */
extern const ContractTest timer_tests[];
extern const ContractTest watch_tests[];
extern const ContractTest task_tests[];
extern const ContractTest thread_tests[];
extern const ContractTest stream_tests[];
extern const ContractTest listen_tests[];
extern const ContractTest service_tests[];
