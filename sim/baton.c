/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* baton.c: simulated threads as OS threads, of which the one that has the baton runs. The scheduler is the same as
 * with fibers, and so are its decisions; what differs is what a debugger, helgrind, and libraries with thread-local
 * state see.
 *
 * The baton is a word for each thread and one for home, waited for and woken with bare futexes in functions that TSan
 * does not look at. So a switch orders nothing, as seen by TSan: what does is said in threads.c, net.c and loop.c.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/carrier.h"
#include "sim/tsan.h"

#if defined(__clang__)
#define UNSEEN __attribute__((noinline, no_sanitize("thread"), disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_thread))
#endif

#define STACK_BYTES (1024u * 1024u)
#define GUARD_BYTES 65536u

typedef struct Baton {
    Carrier carrier;
    pthread_t thread;
    char name[16];          /* what the kernel takes, with its NUL */
    uint32_t here;          /* 1: the thread has been given the baton */
    uint32_t home;          /* 1: home has been given it back */
    void (*act)(void *arg); /* not NULL: do this, and nothing else */
    void *act_arg;
    bool is_ending; /* forget all that is on the stack */
    jmp_buf bottom;
} Baton;

static Baton *baton_of(Carrier *carrier)
{
    return (Baton *)carrier; /* its first member */
}

/* ---- Giving it and waiting for it ---- */

static UNSEEN void give(uint32_t *place)
{
    __atomic_store_n(place, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, place, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static UNSEEN void await(uint32_t *place)
{
    while (__atomic_load_n(place, __ATOMIC_ACQUIRE) == 0) {
        syscall(SYS_futex, place, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    __atomic_store_n(place, 0, __ATOMIC_RELAXED);
}

static UNSEEN void run_until_home(Baton *baton)
{
    give(&baton->here);
    await(&baton->home);
}

/* ---- In the thread ---- */

static UNSEEN void await_turn(Baton *baton)
{
    await(&baton->here);
    while (baton->act != NULL) {
        baton->act(baton->act_arg);
        baton->act = NULL;
        give(&baton->home);
        await(&baton->here);
    }
}

static UNSEEN void *baton_main(void *opaque)
{
    Baton *baton = opaque;
    if (_setjmp(baton->bottom) == 0) { /* comes back when it is freed in the middle */
        await_turn(baton);
        if (!baton->is_ending) {
            pthread_setname_np(baton->thread, baton->name);
            baton->carrier.entry(baton->carrier.arg);
            baton->carrier.is_finished = true;
            give(&baton->home);
        }
    }
    return NULL;
}

static UNSEEN void baton_suspend(Carrier *carrier)
{
    Baton *baton = baton_of(carrier);
    give(&baton->home);
    await_turn(baton);
    if (baton->is_ending) {
        longjmp(baton->bottom, 1);
    }
}

/* ---- At home ---- */

static Carrier *baton_make(const char *name)
{
    Baton *baton = calloc(1, sizeof *baton);
    pthread_attr_t attributes;
    if (baton == NULL) {
        return NULL;
    }
    snprintf(baton->name, sizeof baton->name, "%s", name);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setguardsize(&attributes, GUARD_BYTES);
    const int error = pthread_create(&baton->thread, &attributes, baton_main, baton);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        free(baton);
        return NULL;
    }
    return &baton->carrier;
}

static void baton_join(Baton *baton)
{
    tsan_ignore_end(); /* we are in the kernel, but drd looks again after a join, whatever it was told before */
    pthread_join(baton->thread, NULL);
    tsan_ignore_begin();
}

static void baton_free(Carrier *carrier)
{
    Baton *baton = baton_of(carrier);
    if (!carrier->is_finished) {
        baton->is_ending = true;
        give(&baton->here);
        baton_join(baton);
    }
    free(baton);
}

static void baton_resume(Carrier *carrier)
{
    Baton *baton = baton_of(carrier);
    run_until_home(baton);
    if (carrier->is_finished) {
        baton_join(baton); /* libraries clean up what they kept for it now, while nothing else runs */
    }
}

static void baton_impersonate(Carrier *carrier, void (*act)(void *arg), void *arg)
{
    Baton *baton = baton_of(carrier);
    baton->act_arg = arg;
    baton->act = act;
    run_until_home(baton);
}

const CarrierOps baton_ops = {
    .make = baton_make,
    .free = baton_free,
    .resume = baton_resume,
    .suspend = baton_suspend,
    .impersonate = baton_impersonate,
};
