/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "tests/core/contract.h"

#define VANISHING_GATES 300

typedef struct Work {
    const Core *core;
    int plain; /* written by the thread, read after the join: the join must order it */
    CoreGate *gate;
} Work;

static void write_plain(void *opaque)
{
    Work *work = opaque;
    work->plain = 42;
}

static void join_sees_what_the_thread_did(Rig *rig)
{
    Work works[3] = {{.core = rig->core}, {.core = rig->core}, {.core = rig->core}};
    CoreThread *threads[3];
    for (int i = 0; i < 3; i++) {
        threads[i] = rig->core->thread_start(rig->core, "a name that is too long for the kernel", write_plain,
                                             &works[i]);
        EXPECT(rig, threads[i] != NULL);
    }
    for (int i = 2; i >= 0; i--) {
        rig->core->thread_join(rig->core, threads[i]);
        EXPECT(rig, works[i].plain == 42);
    }
}

static void write_and_open(void *opaque)
{
    Work *work = opaque;
    work->plain = 7;
    work->core->gate_open(work->core, work->gate);
}

static void gate_opens(Rig *rig)
{
    CoreGate gate = {0};
    Work work = {.core = rig->core, .gate = &gate};
    CoreThread *thread = rig->core->thread_start(rig->core, "opener", write_and_open, &work);
    rig->core->gate_wait(rig->core, &gate);
    EXPECT(rig, work.plain == 7);
    rig->core->thread_join(rig->core, thread);
}

static void gate_may_open_first(Rig *rig)
{
    CoreGate gate = {0};
    Work work = {.core = rig->core, .gate = &gate};
    CoreThread *thread = rig->core->thread_start(rig->core, "opener", write_and_open, &work);
    rig->core->thread_join(rig->core, thread);
    rig->core->gate_wait(rig->core, &gate);
    EXPECT(rig, work.plain == 7);
}

typedef struct Call {
    CoreTask task;
    const Core *core;
    CoreGate gate;
    int argument;
    int result;
} Call;

static void answer(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Call *call = (Call *)task;
    call->result = call->argument * 2;
    call->core->gate_open(call->core, &call->gate);
}

static void serve(void *opaque)
{
    CoreLoop *loop = opaque;
    loop->core->loop_run(loop);
}

/* The gate lies in a frame that is gone, and overwritten, right after the wait. */
static int call_and_vanish(const Core *core, CoreLoop *worker, int argument)
{
    Call call = {.task = {.run = answer}, .core = core, .argument = argument};
    loop_post(worker, &call.task);
    core->gate_wait(core, &call.gate);
    const int result = call.result;
    memset(&call, 0xa5, sizeof call);
    __asm__ volatile("" : : "r"(&call) : "memory");
    return result;
}

static void synchronous_calls_may_keep_their_gate_on_the_stack(Rig *rig)
{
    CoreLoop *worker = rig->core->loop_new(rig->core, "worker");
    CoreThread *thread = rig->core->thread_start(rig->core, "worker", serve, worker);
    for (int i = 0; i < VANISHING_GATES; i++) {
        EXPECT(rig, call_and_vanish(rig->core, worker, i) == i * 2);
    }
    rig->core->loop_quit(worker);
    rig->core->thread_join(rig->core, thread);
    rig->core->loop_free(worker);
}

static void two_loops_serve_each_other(Rig *rig)
{
    CoreLoop *workers[2];
    CoreThread *threads[2];
    for (int i = 0; i < 2; i++) {
        workers[i] = rig->core->loop_new(rig->core, "worker");
        threads[i] = rig->core->thread_start(rig->core, "worker", serve, workers[i]);
    }
    for (int i = 0; i < 20; i++) {
        EXPECT(rig, call_and_vanish(rig->core, workers[i % 2], i) == i * 2);
    }
    for (int i = 0; i < 2; i++) {
        rig->core->loop_quit(workers[i]);
        rig->core->thread_join(rig->core, threads[i]);
        rig->core->loop_free(workers[i]);
    }
}

typedef struct Wake {
    Rig *rig;
    int handle;
    int calls;
    int plain;
} Wake;

static void woken(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    Wake *wake = opaque;
    EXPECT(wake->rig, ready == CORE_READ);
    wake->calls++;
    wake->rig->core->wake_clear(wake->rig->core, wake->handle);
    wake->rig->quit(wake->rig);
}

static void write_and_signal(void *opaque)
{
    Wake *wake = opaque;
    wake->plain = 11;
    wake->rig->core->wake_signal(wake->rig->core, wake->handle);
}

static void wake_handle_is_readable_until_cleared(Rig *rig)
{
    const Core *core = rig->core;
    Wake wake = {.rig = rig, .handle = core->wake_new(core)};
    EXPECT(rig, wake.handle >= 0);
    CoreWatch *watch = loop_watch_new(rig->loop, wake.handle, CORE_READ, woken, &wake);
    rig_run_for(rig, NS_PER_MS);
    EXPECT(rig, wake.calls == 0);

    core->wake_signal(core, wake.handle);
    core->wake_signal(core, wake.handle);
    rig->run(rig);
    rig_run_for(rig, NS_PER_MS);
    EXPECT(rig, wake.calls == 1); /* two signals, one clearing */

    core->wake_clear(core, wake.handle); /* already clear */
    CoreThread *thread = core->thread_start(core, "waker", write_and_signal, &wake);
    rig->run(rig);
    EXPECT(rig, wake.calls == 2 && wake.plain == 11);
    core->thread_join(core, thread);
    loop_watch_free(rig->loop, watch);
    core->close(core, wake.handle);
}

typedef struct Quitter {
    const Core *core;
    CoreLoop *loop;
    CoreTimer *timer;
    int fired;
} Quitter;

static void fired(void *opaque, uint64_t now_ns)
{
    Quitter *quitter = opaque;
    if (++quitter->fired == 3) {
        quitter->core->loop_quit(quitter->loop);
    } else {
        loop_timer_start(quitter->loop, quitter->timer, now_ns + NS_PER_MS / 4);
    }
}

static void live_in_thread(void *opaque)
{
    Quitter *quitter = opaque;
    quitter->timer = loop_timer_new(quitter->loop, fired, quitter);
    loop_timer_start(quitter->loop, quitter->timer, 0);
    quitter->core->loop_run(quitter->loop);
    loop_timer_free(quitter->loop, quitter->timer);
}

static void loop_may_run_again_after_quitting(Rig *rig)
{
    Quitter quitter = {.core = rig->core, .loop = rig->core->loop_new(rig->core, "again")};
    for (int i = 0; i < 2; i++) {
        quitter.fired = 0;
        CoreThread *thread = rig->core->thread_start(rig->core, "again", live_in_thread, &quitter);
        rig->core->thread_join(rig->core, thread);
        EXPECT(rig, quitter.fired == 3);
    }
    rig->core->loop_free(quitter.loop);
}

const ContractTest thread_tests[] = {
    {"a join sees what the thread did", join_sees_what_the_thread_did},
    {"a gate opens", gate_opens},
    {"a gate may open before the wait", gate_may_open_first},
    {"synchronous calls may keep their gate on the stack",
     synchronous_calls_may_keep_their_gate_on_the_stack},
    {"two loops serve one caller", two_loops_serve_each_other},
    {"a wake handle is readable until cleared", wake_handle_is_readable_until_cleared},
    {"a loop may run again after quitting", loop_may_run_again_after_quitting},
    {0},
};
