/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* schedule.h: how it is decided who runs next. One Scheduler in each universe, of one of the kinds in SimScheduler.
 *
 * A scheduler is asked at two places: when the one who ran has come home (pick), and at schedule points on the way, as
 * often as it wishes (budget, leave). What it says is recorded where it is not what the default would have said: a
 * thread that could go on goes on; at the end of a turn the next in order of birth that can run.
 *
 * random, sticky   A. Thomson, A. Donaldson, A. Betts: "Concurrency testing using controlled schedulers" (TOPC 2016).
 * pct              S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatti: "A randomized scheduler with probabilistic
 *                  guarantees of finding bugs" (ASPLOS 2010). How many steps there will be comes from the profile.
 * walk             After H. Zhao, D. Wolff, U. Mathur, A. Roychoudhury: "Selectively uniform concurrency testing"
 *                  (ASPLOS 2025), over all steps: a thread's weight is what it has left of its steps in the profile.
 * starve           After "chaos mode" of rr (R. O'Callahan, 2016).
 * exhaustive       Depth first over an enumerator, which replays prefixes. Who can go on goes on, or is preempted, as often
 *                  as there are preemptions: at a call, or between two rounds of a loop that has more to do. When he
 *                  waits, anybody may follow. (M. Musuvathi, S. Qadeer: "Iterative context bounding for systematic
 *                  testing of multithreaded programs", PLDI 2007.) The ends of calls that nobody else can see
 *                  are no places to switch (docs/sweeps.md argues why that loses nothing); nothing else is pruned: two
 *                  schedules that differ only in the order of independent steps are both run.
 *
 * Fairness   priorities, scripts and quanta may keep one thread running that waits for others in a loop. After
 *            TURNS_IN_A_ROW_MAX turns, or CALLS_IN_A_ROW_MAX calls in one turn, somebody else has his.
 * Ownership  a plain value in Threads.
 */
#pragma once

#include "sim/choose.h"

typedef struct Runner Runner;
typedef struct SchedulerOps SchedulerOps;

#define SCHEDULE_CHANGES_MAX 4u

/* Of one who can be chosen. */
typedef struct SchedulePlace {
    uint32_t priority;
    uint64_t expected; /* points */
    const SimDecision *scripted, *scripted_end;
} SchedulePlace;

typedef struct Scheduler {
    const SchedulerOps *ops;
    Runner *next;                           /* decided when somebody was told to leave */
    bool next_is_clock;                     /* the same: time is to go on */
    bool at_every_call;                     /* budgets count accesses only */
    bool skips_unseen;                      /* not asked at the end of what nobody else can see */
    uint64_t expected;                      /* points in all */
    uint64_t changes[SCHEDULE_CHANGES_MAX]; /* pct: at which point somebody falls to the lowest priority */
    unsigned changes_len, changes_done;
    uint32_t lowest;
    uint64_t until; /* sticky: the point at which the quantum ends; starve: at which it begins */
    Runner *victim;
    uint32_t turns_left; /* of starving */
    bool holds_clock;    /* even if nobody else can run */
    uint32_t preemptions_left;
    bool rests; /* exhaustive: nothing is searched here */
    uint64_t in_a_row;
    SchedulePlace gone; /* of who ran last, and is no more */
} Scheduler;

void schedule_init(Sim *sim);
void schedule_enter(Sim *sim, Runner *runner);
void schedule_forget(Sim *sim, Runner *runner);
void schedule_woken(Sim *sim, Runner *runner);

/* How many points the running thread may pass until schedule_leave() is asked. */
int64_t schedule_budget(Sim *sim);
/* At a schedule point of the running thread: shall it stop here? */
bool schedule_leave(Sim *sim);
/* At home, with somebody to run: who? NULL: time is to go on. */
Runner *schedule_pick(Sim *sim);
/* Who it would be without a decision. */
Runner *schedule_default(Sim *sim);
