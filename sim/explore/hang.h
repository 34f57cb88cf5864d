/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hang.h: has a process that plays universes been at the same one for too long?
 *
 * What counts is its own processor time, so that a busy machine does not make slow universes look like hanging ones; who
 * waits for something outside that never comes uses none, and gets HANG_IDLE times as long on the wall.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#include <sys/types.h>

#define HANG_IDLE 10u

typedef struct Hang {
    pid_t pid;
    double wall_s, cpu_s; /* when it began */
} Hang;

static inline double hang_clock_s(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline double hang_cpu_s(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? hang_clock_s(clock) : 0;
}

static inline Hang hang_begin(pid_t pid)
{
    return (Hang){.pid = pid, .wall_s = hang_clock_s(CLOCK_MONOTONIC), .cpu_s = hang_cpu_s(pid)};
}

static inline bool hang_is_one(const Hang *hang, unsigned seconds)
{
    return hang_cpu_s(hang->pid) - hang->cpu_s > seconds ||
           hang_clock_s(CLOCK_MONOTONIC) - hang->wall_s > HANG_IDLE * seconds;
}
