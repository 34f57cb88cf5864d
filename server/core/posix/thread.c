/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/internal.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

#define THREAD_NAME_BYTES 16 /* the kernel's limit, with the final zero */

struct CoreThread {
    pthread_t id;
    char name[THREAD_NAME_BYTES];
    void (*entry)(void *arg);
    void *arg;
};

static void *thread_main(void *opaque)
{
    CoreThread *thread = opaque;
    pthread_setname_np(pthread_self(), thread->name); /* only for debuggers: no harm when it fails */
    thread->entry(thread->arg);
    return NULL;
}

CoreThread *posix_thread_start(const Core *core, const char *name, void (*entry)(void *arg), void *arg)
{
    (void)core;
    static const int own_faults[] = {SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
    CoreThread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) {
        return NULL;
    }
    thread->entry = entry;
    thread->arg = arg;
    snprintf(thread->name, sizeof thread->name, "%.*s", THREAD_NAME_BYTES - 1, name);

    /* The thread inherits the mask, so that no signal of the host's reaches it even in its first instruction.
     */
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own_faults / sizeof own_faults[0]; i++) {
        sigdelset(&blocked, own_faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    const int result = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        free(thread);
        return NULL;
    }
    return thread;
}

void posix_thread_join(const Core *core, CoreThread *thread)
{
    (void)core;
    const int result = pthread_join(thread->id, NULL);
    CHECK(result == 0);
    free(thread);
}

/* ---- Gates: a futex with three values ---- */

enum { GATE_SHUT, GATE_OPEN, GATE_WAITED_FOR };

void posix_gate_wait(const Core *core, CoreGate *gate)
{
    (void)core;
    uint32_t value = GATE_SHUT;
    atomic_compare_exchange_strong_explicit(&gate->open, &value, GATE_WAITED_FOR, memory_order_acquire,
                                            memory_order_acquire);
    while (atomic_load_explicit(&gate->open, memory_order_acquire) != GATE_OPEN) {
        /* Returns at once when the value has changed meanwhile; signals and strange wakeups end up in the
         * loop. */
        syscall(SYS_futex, &gate->open, FUTEX_WAIT_PRIVATE, GATE_WAITED_FOR, NULL, NULL, 0);
    }
}

void posix_gate_open(const Core *core, CoreGate *gate)
{
    (void)core;
    uint32_t *address = (uint32_t *)&gate->open;
    if (atomic_exchange_explicit(&gate->open, GATE_OPEN, memory_order_acq_rel) == GATE_WAITED_FOR) {
        /* The waiter may be gone already, its stack frame with it. The kernel takes the address as a name and
         * does not read there; at worst somebody else's futex at the same place sees a wakeup it must expect
         * anyway. */
        syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}
