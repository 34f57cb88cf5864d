/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define NAP_NS 1000000L /* while exit() waits: a ticket's key takes ten of them */

static atomic_uint holds;
static atomic_bool ending;

/* Handlers of exit() run in the reverse order in which they were registered: this one before those of the libraries that
 * were set up before the first hold. */
static void wait_for_holds(void)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};

    atomic_store(&ending, true);
    while (atomic_load(&holds) > 0) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
}

/* The threads that hold are not in a child that was forked. */
static void forget_holds(void)
{
    atomic_store(&holds, 0);
}

static void watch_exit(void)
{
    atexit(wait_for_holds);
    pthread_atfork(NULL, NULL, forget_holds);
}

bool posix_exit_hold(const Core *core)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)core;
    pthread_once(&once, watch_exit);
    /* First counted, then looked: exit() does it the other way round, and one of the two sees the other. */
    atomic_fetch_add(&holds, 1);
    if (atomic_load(&ending)) {
        atomic_fetch_sub(&holds, 1);
        return false;
    }
    return true;
}

void posix_exit_release(const Core *core)
{
    (void)core;
    atomic_fetch_sub(&holds, 1);
}

void posix_exit_process(const Core *core, int code)
{
    (void)core;
    exit(code);
}
