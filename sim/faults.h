/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults.h: what can go wrong in a universe, by name. The numbers are those of the catalogue of historical races.
 *
 * Some are the simulator's own (handles, memory, clock), some are what clients, guest and host do; those are asked for
 * by whoever plays them, with sim_fault(). A universe meets a subset (swarm testing: Groce, Zhang, Eide, Chen, Regehr,
 * ISSTA 2012): the bits of a SimFaults.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum SimFault {
    SIM_F1_CLOSE,      /* a client closes a connection */
    SIM_F1_RESET,      /* the same with a reset */
    SIM_F2_WRITE,      /* a write of the server's finds the connection broken */
    SIM_F3_READ,       /* a read stops short at any byte */
    SIM_F3_GARBAGE,    /* a client sends bytes that are no message */
    SIM_F3_LINK,       /* a client lies in the handshake */
    SIM_F4_WRITE,      /* a write stops short at any byte */
    SIM_F4_BUFFERS,    /* buffers of few bytes, so that EAGAIN is common */
    SIM_F5_UNREAD,     /* a client stops reading */
    SIM_F5_UNACKED,    /* a client sends no ACK, no PONG, no INIT */
    SIM_F6_BLACKHOLE,  /* a connection carries nothing any more, and nobody is told */
    SIM_F7_SPURIOUS,   /* a watch is called for a handle that is not ready */
    SIM_F7_ORDER,      /* ready watches are called in any order */
    SIM_F8_SLIP,       /* time goes on although something could run */
    SIM_F8_ORIGIN,     /* the clock starts near where small integers end */
    SIM_F8_LATENCY,    /* bytes take time, not always the same */
    SIM_F8_BANDWIDTH,  /* links are slow */
    SIM_F9_ALLOC,      /* alloc() fails */
    SIM_F9_HANDLES,    /* accept() has no more handles */
    SIM_F10_STOP,      /* the host stops and starts the machine */
    SIM_F10_INTERFACE, /* the host removes and adds interfaces */
    SIM_F11_LIES,      /* the guest sends illegal commands */
    SIM_F12_TWICE,     /* a client opens a channel twice */
    SIM_FAULTS,
} SimFault;

typedef uint32_t SimFaults; /* bit n: SimFault n */

#define SIM_FAULT_BIT(fault) (UINT32_C(1) << (fault))
#define SIM_FAULTS_ALL (UINT32_MAX >> (32 - SIM_FAULTS))

/* "F4.write": constant. */
const char *sim_fault_name(SimFault fault);
const char *sim_fault_about(SimFault fault);
/* "F4.write": one; "F4": all whose name begins so; "all". 0: no such name. */
SimFaults sim_faults_named(const char *name);
