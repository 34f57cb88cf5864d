/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/faults.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *name;
    const char *about;
} known[SIM_FAULTS] = {
    [SIM_F1_CLOSE] = {"F1.close", "a client closes a connection"},
    [SIM_F1_RESET] = {"F1.reset", "a client resets a connection"},
    [SIM_F2_WRITE] = {"F2.write", "a write of the server's finds the connection broken"},
    [SIM_F3_READ] = {"F3.read", "a read stops short at any byte"},
    [SIM_CLIENT_GARBAGE] = {"client.garbage", "a client sends bytes that are no message"},
    [SIM_CLIENT_LINK] = {"client.link", "a client lies in the handshake"},
    [SIM_F4_WRITE] = {"F4.write", "a write stops short at any byte"},
    [SIM_F4_BUFFERS] = {"F4.buffers", "socket buffers hold few bytes"},
    [SIM_F5_UNREAD] = {"F5.unread", "a client stops reading"},
    [SIM_F5_UNACKED] = {"F5.unacked", "a client sends no ACK, no PONG or no INIT"},
    [SIM_F6_BLACKHOLE] = {"F6.blackhole", "a connection carries nothing any more, and nobody is told"},
    [SIM_SOCKET_SPURIOUS] = {"socket.spurious", "a watch is called for a handle that is not ready"},
    [SIM_F12_ORDER] = {"F12.order", "ready watches are called in any order"},
    [SIM_F8_SLIP] = {"F8.slip", "time goes on although something could run"},
    [SIM_F8_ORIGIN] = {"F8.origin", "the clock starts near where small integers end"},
    [SIM_SOCKET_LATENCY] = {"socket.latency", "bytes take time, and not always the same"},
    [SIM_SOCKET_BANDWIDTH] = {"socket.bandwidth", "links are slow"},
    [SIM_F9_ALLOC] = {"F9.alloc", "memory of a size that a peer chose is refused"},
    [SIM_F9_HANDLES] = {"F9.handles", "accept() finds no free handle"},
    [SIM_F11_STOP] = {"F11.stop", "the host stops and starts the machine"},
    [SIM_F10_INTERFACE] = {"F10.interface", "the host removes and adds interfaces"},
    [SIM_F11_LIES] = {"F11.lies", "the guest sends illegal commands"},
    [SIM_CLIENT_TWICE] = {"client.twice", "a client opens a channel twice"},
    [SIM_F8_ORDER] = {"F8.order", "timers that are due at the same moment are called in any order"},
    [SIM_F8_JUMP] = {"F8.jump", "the clock leaps ahead, by up to a day"},
    [SIM_F8_WALL] = {"F8.wall",
                     "the wall clock is set, to earlier or later; so far the server never asks it"},
    [SIM_F9_WATCH] = {"F9.watch", "there is no watch to be had, of the server's loops or the host's"},
    [SIM_F9_TIMER] = {"F9.timer", "there is no timer to be had, of the server's loops or the host's"},
    [SIM_F9_LOOP] = {"F9.loop", "there is no loop to be had"},
    [SIM_F9_THREAD] = {"F9.thread", "there is no thread to be had"},
    [SIM_F9_WAKE] = {"F9.wake", "there is no wake handle to be had"},
    [SIM_F9_LISTEN] = {"F9.listen", "an address is in use, or may not be listened at"},
    [SIM_F10_REENTER] = {"F10.reenter", "the host calls the server inside the server's callbacks"},
    [SIM_F10_MEMORY] = {"F10.memory",
                        "the guest writes to drawings that the server has taken and not given back"},
    [SIM_WORKER_SLOW] = {"worker.slow",
                         "a thread takes 10 to 10,000 times as long for each round of its loop"},
};

const char *sim_fault_name(SimFault fault)
{
    CHECK(fault < SIM_FAULTS);
    return known[fault].name;
}

const char *sim_fault_about(SimFault fault)
{
    CHECK(fault < SIM_FAULTS);
    return known[fault].about;
}

void sim_faults_print(SimFaults faults, const char *between, char ret[SIM_FAULTS_TEXT_BYTES])
{
    size_t len = 0;
    ret[0] = '\0';
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if ((faults & SIM_FAULT_BIT(i)) != 0 && len < SIM_FAULTS_TEXT_BYTES) {
            len += (size_t)snprintf(ret + len, SIM_FAULTS_TEXT_BYTES - len, "%s%s", len > 0 ? between : "",
                                    sim_fault_name((SimFault)i));
        }
    }
    CHECK(len < SIM_FAULTS_TEXT_BYTES);
}

SimFaults sim_faults_named(const char *name)
{
    const size_t len = strlen(name);
    SimFaults result = 0;
    if (strcmp(name, "all") == 0) {
        return SIM_FAULTS_ALL;
    }
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        const char *full = known[i].name;
        if (strncmp(full, name, len) == 0 && (full[len] == '\0' || full[len] == '.')) {
            result |= SIM_FAULT_BIT(i);
        }
    }
    return result;
}
