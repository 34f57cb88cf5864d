/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h: timers, watches and tasks of one simulated thread; the loops of the server's threads and the host's main
 * loop are both made of it.
 *
 * Ownership   a SimLoop is part of its user. Timers and watches are the first members of their users' memory blocks,
 *             so that what a dead universe left behind can be freed with it.
 * Thread      its own (for the host's loop: any thread with the big lock); poke and post from any.
 */
#pragma once

#include "base/list.h"
#include "sim/net.h"
#include "sim/world.h"

typedef struct SimLoop SimLoop;

struct CoreTimer {
    SimLoop *loop;
    ListNode node; /* in SimLoop.all_timers */
    Deadline deadline;
    ListNode due; /* linked: its callback comes in this round */
    CoreTimerFunc func;
    void *opaque;
};

struct CoreWatch {
    SimLoop *loop;
    ListNode node;  /* in SimLoop.watches */
    ListNode batch; /* linked: its callback comes in this round */
    HandleName handle;
    unsigned mask;
    unsigned fetched; /* what was ready when the round began */
    CoreWatchFunc func;
    void *opaque;
};

struct SimLoop {
    Sim *sim;
    Deadlines timers;
    ListNode all_timers;
    ListNode due;
    ListNode watches;
    CoreTask *tasks; /* oldest first */
    CoreTask **tasks_end;
    uint32_t number;
    uint64_t posted, done;
    bool quit;
    CoreThread *sleeper; /* who waits for work here */
    SimEvent alarm;      /* the earliest timer, while somebody waits */
    size_t timers_len;
    size_t watches_len;
    bool timers_last; /* as QEMU's main loop does; epoll loops of ours run timers first */
};

void sim_loop_init(SimLoop *loop, Sim *sim);
void sim_loop_finish(SimLoop *loop); /* frees what is left */

void sim_timer_init(SimLoop *loop, CoreTimer *timer, CoreTimerFunc func, void *opaque);
void sim_timer_start(CoreTimer *timer, uint64_t deadline_ns);
void sim_timer_stop(CoreTimer *timer);
void sim_timer_finish(CoreTimer *timer);

/* False: no such handle. A second watch on a handle fails the universe. */
bool sim_watch_init(SimLoop *loop, CoreWatch *watch, int handle, unsigned mask, CoreWatchFunc func,
                    void *opaque);
unsigned sim_watch_mask(const CoreWatch *watch);
void sim_watch_set(CoreWatch *watch, unsigned mask);
void sim_watch_finish(CoreWatch *watch);

void sim_loop_add_task(SimLoop *loop, CoreTask *task);
bool sim_loop_run_tasks(SimLoop *loop);
void sim_loop_stop(SimLoop *loop);

/* Waits until there is work; then sim_loop_round() does what is due. Both inside the kernel. */
void sim_loop_wait(SimLoop *loop);
void sim_loop_round(SimLoop *loop);
