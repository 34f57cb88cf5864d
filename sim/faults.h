/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults.h: what can go wrong in a universe, by name. F1 to F12 are the numbers of the catalogue of historical races
 * ("Fault and schedule vocabulary"); F7, the order of threads, is what schedulers do. What that has no number for is
 * named after whose fault it is: client, socket, worker.
 *
 * Some are the simulator's own (handles, memory, clock), some are what clients, guest and host do; those are asked for
 * by whoever plays them, with sim_fault(). A universe meets a subset (swarm testing: Groce, Zhang, Eide, Chen, Regehr,
 * ISSTA 2012): the bits of a SimFaults.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum SimFault {
    SIM_F1_CLOSE,         /* a client closes a connection */
    SIM_F1_RESET,         /* the same with a reset */
    SIM_F2_WRITE,         /* a write of the server's finds the connection broken */
    SIM_F3_READ,          /* a read stops short at any byte */
    SIM_CLIENT_GARBAGE,   /* a client sends bytes that are no message */
    SIM_CLIENT_LINK,      /* a client lies in the handshake */
    SIM_F4_WRITE,         /* a write stops short at any byte */
    SIM_F4_BUFFERS,       /* buffers of few bytes, so that EAGAIN is common */
    SIM_F5_UNREAD,        /* a client stops reading */
    SIM_F5_UNACKED,       /* a client sends no ACK, no PONG, no INIT */
    SIM_F6_BLACKHOLE,     /* a connection carries nothing any more, and nobody is told */
    SIM_SOCKET_SPURIOUS,  /* a watch is called for a handle that is not ready */
    SIM_F12_ORDER,        /* ready watches are called in any order */
    SIM_F8_SLIP,          /* time goes on although something could run */
    SIM_F8_ORIGIN,        /* the clock starts near where small integers end */
    SIM_SOCKET_LATENCY,   /* bytes take time, not always the same */
    SIM_SOCKET_BANDWIDTH, /* links are slow */
    SIM_F9_ALLOC,         /* alloc() fails */
    SIM_F9_HANDLES,       /* accept() has no more handles */
    SIM_F11_STOP,         /* the host stops and starts the machine */
    SIM_F10_INTERFACE,    /* the host removes and adds interfaces */
    SIM_F11_LIES,         /* the guest sends illegal commands */
    SIM_CLIENT_TWICE,     /* a client opens a channel twice */
    SIM_F8_ORDER,         /* timers of one moment are called in any order */
    SIM_F8_JUMP,          /* the clock leaps ahead */
    SIM_F8_WALL,          /* the wall clock is set, to earlier or later */
    SIM_F9_WATCH,         /* watch_new() has none, nor has the host */
    SIM_F9_TIMER,         /* the same of timers */
    SIM_F9_LOOP,          /* loop_new() has none */
    SIM_F9_THREAD,        /* thread_start() has none */
    SIM_F9_WAKE,          /* wake_new() has none */
    SIM_F9_LISTEN,        /* listen() cannot have the address */
    SIM_F10_REENTER,      /* the host calls the server inside the server's callbacks */
    SIM_F10_MEMORY,       /* the guest writes to what it has lent the server */
    SIM_WORKER_SLOW,      /* a thread with a loop takes its time for each round */
    SIM_FAULTS,
} SimFault;

typedef uint64_t SimFaults; /* bit n: SimFault n; tokens have them, so a new one goes to the end */

#define SIM_FAULT_BIT(fault) (UINT64_C(1) << (fault))
#define SIM_FAULTS_ALL (UINT64_MAX >> (64 - SIM_FAULTS))
/* Those of SimConfig.scarce_one_in. */
#define SIM_FAULTS_SCARCE                                                                                    \
    (SIM_FAULT_BIT(SIM_F9_WATCH) | SIM_FAULT_BIT(SIM_F9_TIMER) | SIM_FAULT_BIT(SIM_F9_LOOP) |                \
     SIM_FAULT_BIT(SIM_F9_THREAD) | SIM_FAULT_BIT(SIM_F9_WAKE) | SIM_FAULT_BIT(SIM_F9_LISTEN))
#define SIM_FAULTS_TEXT_BYTES 1000u /* the names of all of them */

/* "F4.write": constant. */
const char *sim_fault_name(SimFault fault);
const char *sim_fault_about(SimFault fault);
/* "F4.write": one; "F4": all of that kind; "all". 0: no such name. */
SimFaults sim_faults_named(const char *name);
/* Names, `between` between them; "": none. */
void sim_faults_print(SimFaults faults, const char *between, char ret[SIM_FAULTS_TEXT_BYTES]);
