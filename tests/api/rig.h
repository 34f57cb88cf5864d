/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rig.h: a host on poll() with a keyboard, a mouse, a tablet and a fake QXL device, and clients over socket pairs.
 *
 * Ownership  rig_start() ... rig_end(), which also looks whether all timers and watches were given back. There is one
 *            rig, as there is one poll_core.
 * Thread     the main thread; log lines are counted from any.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <spice.h>
#include <sumac.h>

#include "fake_input.h"
#include "fake_qxl.h"
#include "poll_core.h"

typedef struct Rig {
    SpiceCoreInterface *core;
    SpiceServer *server; /* NULL: destroyed by the test */
    FakeInput input;
    FakeQxl *qxl;
    int connected, initialized, disconnected; /* events so far */
    /* Called from inside the host's callbacks; NULL: nothing. */
    void (*on_event)(int event, const SpiceChannelEventInfo *info);
    void (*on_input)(void);
    void (*_Atomic on_release)(void); /* on the worker's thread */
} Rig;

extern Rig rig;

/* A server without authentication that takes several clients, all devices plugged in, the machine running. */
void rig_start(void);
/* Destroys what is left, and fails the test if the library kept anything of the host's loop. */
void rig_end(void);
void rig_serve_ms(unsigned ms);
/* Serves until it is so, however busy the machine is; fails the test after ten seconds. */
#define RIG_SERVE_UNTIL(condition)                                                                           \
    do {                                                                                                     \
        for (unsigned waited_ms = 0; !(condition) && waited_ms < 10000; waited_ms++) {                       \
            rig_serve_ms(1);                                                                                 \
        }                                                                                                    \
        assert_true(condition);                                                                              \
    } while (0)

/* How many warnings were logged so far in which `part` occurs. */
unsigned rig_warnings(const char *part);

/* Sends a whole handshake without waiting for answers; session 0 begins a new one. The descriptor, or -1. */
int visitor_begin(SpiceServer *server, uint32_t session, uint8_t type);
/* Serves until the link result. True: the channel is open. */
bool visitor_is_let_in(int fd);
/* The two together; -1: refused. */
int visitor_open(SpiceServer *server, uint32_t session, uint8_t type);
/* The session of a main channel that was let in: what its INIT says. 0: none came. */
uint32_t visitor_session(int fd);
void visitor_send(int fd, uint16_t type, const void *body, uint32_t len);
/* True once the server has closed it; serves for at most a second. */
bool visitor_is_thrown_out(int fd);
