/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* threads.h: simulated threads and the scheduler that chooses among them and the clients.
 *
 * Whatever can run now stands in one array; the scheduler, at home, chooses one of it, runs it until it comes back,
 * and lets the clock move on when nobody can run. A simulated thread comes back when it waits, and at schedule
 * points.
 *
 * Kernel      our own code, which TSan is told to look away from. kernel_enter() and kernel_leave() surround it,
 *             sim_call_begin() and sim_call_end() do the same for one call of the server's, with schedule points.
 * Ownership   a thread belongs to whoever must join it; a host's thread to the scheduler.
 */
#pragma once

#include "base/list.h"
#include "sim/carrier.h"
#include "sim/schedule.h"
#include "sim/world.h"

/* What the scheduler can choose. */
struct Runner {
    uint32_t id;  /* from 1, in order of birth */
    size_t place; /* among the runnable, from 1; 0: it waits */
    bool is_client;
    bool goes_on; /* it was left in the middle of its turn */
    const SimName *name;
    SimStep step;
    uint64_t points; /* schedule points passed */
    const char *did; /* the last that was recorded of it; NULL: nothing yet */
    uint64_t did_with;
    uint32_t late_steps; /* of the last ones before a livelock is told, at this moment: */
    uint64_t late_ns;
    SchedulePlace schedule;
};

typedef enum ThreadState {
    THREAD_READY,
    THREAD_AT_GATE,
    THREAD_PAUSED, /* at a gate, in a script of the host's */
    THREAD_JOINING,
    THREAD_IN_LOOP,
    THREAD_AT_LOCK, /* the host's big one */
    THREAD_ASLEEP,
    THREAD_DONE,
} ThreadState;

struct CoreThread {
    Runner runner;
    Sim *sim;
    ListNode node; /* in Threads.all */
    Carrier *carrier;
    void (*entry)(void *arg);
    void *arg;
    bool is_host; /* holds the big lock while it runs */
    ThreadState state;
    bool woken;          /* from what only another thread can end; for drawing */
    uint64_t since_ns;   /* when it began to wait */
    CoreThread *joining; /* while THREAD_JOINING */
    CoreThread *joiner;
    SimEvent alarm; /* THREAD_ASLEEP */
    unsigned kernel_depth;
};

typedef struct Threads {
    ListNode all; /* in the order they were started */
    Runner **runnable;
    size_t runnable_len;
    size_t runnable_capacity;
    size_t runners; /* in existence */
    uint32_t next_id;
    uint64_t steps;
    CoreThread *current; /* NULL: home, or a client */
    Runner *running;     /* a thread's or a client's */
    Runner *last;        /* who ran before; NULL: is no more */
    const SimName *last_name;
    uint32_t last_id;
    SimStep last_step;
    Scheduler scheduler;
    uint64_t slips;      /* how often time went on although somebody could run */
    uint64_t points;     /* schedule points passed by all */
    int64_t granted;     /* what the budget was when it was looked at last */
    uint32_t turn_calls; /* that began or ended in this turn */
    unsigned home_depth;
    CoreThread *lock_owner; /* of the host's big lock */
    size_t unjoined;
} Threads;

void threads_init(Sim *sim);
void threads_finish(Sim *sim);

/* `name` becomes the runner's, with a number behind it if it is taken. */
void runner_init(Sim *sim, Runner *runner, bool is_client, const char *name);
void runner_finish(Sim *sim, Runner *runner);
void runner_wake(Sim *sim, Runner *runner);
void runner_rest(Sim *sim, Runner *runner);
/* What it does, for whoever has to be told where it is. */
void runner_did(Sim *sim, const char *what, uint64_t with);
/* Who runs: an id for the record and a name for people. */
uint32_t runner_now(const Sim *sim);
const char *runner_name(const Sim *sim);
bool threads_is_host(const Runner *thread); /* its main loop, or a thread of its own */
const SimName *runner_who(Sim *sim);        /* for choices; "outside" when nobody runs */

CoreThread *sim_thread_start(Sim *sim, const char *name, void (*entry)(void *arg), void *arg, bool is_host);
void sim_thread_join(Sim *sim, CoreThread *thread);

/* Waits in this state until sim_thread_wake(). Only in a simulated thread. */
void sim_thread_wait(Sim *sim, ThreadState state);
void sim_thread_wake(Sim *sim, CoreThread *thread);
/* Waits until the gate is open; the state says on whose behalf. */
void sim_thread_pass(Sim *sim, CoreGate *gate, ThreadState state);
void sim_thread_sleep(Sim *sim, uint64_t duration_ns);
/* Lets the scheduler choose anew. */
void sim_thread_yield(Sim *sim);

void sim_host_lock(Sim *sim);
void sim_host_unlock(Sim *sim);

/* A scheduler's wish: to be asked at the next schedule point of the running thread. */
void threads_ask_soon(Sim *sim);

void kernel_enter(Sim *sim);
void kernel_leave(Sim *sim);
void sim_call_begin(Sim *sim);
void sim_call_end(Sim *sim);
/* The end of a call that no other thread can see or influence, such as one to a timer of the caller's own loop: whoever runs
 * between its two points would do the same before the first, so an exhaustive search loses nothing without the second. */
void sim_call_end_unseen(Sim *sim);

/* The clock has moved by so much at once. */
void threads_leapt(Sim *sim, uint64_t duration_ns);
bool threads_run(Sim *sim, uint64_t until_ns);
