/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caller.h: a strict client (fake_client.h) of the rig's server, over socket pairs that the host adds by itself.
 *
 * Ownership  caller_start() ... caller_end(), which fails the test if the server broke a rule of the protocol.
 * Thread     the main thread: the server is served while the caller waits.
 */
#pragma once

#include "fake_client.h"
#include "tests/api/rig.h"

#define CALLER_LINES_MAX 12

struct ssl_st;

typedef struct CallerLine {
    FakeConnection *connection;
    int fd;             /* -1: ended */
    struct ssl_st *ssl; /* NULL: plain */
} CallerLine;

typedef struct CallerTarget {
    SpiceServer *server;
    const char *password; /* NULL: the empty one */
    bool tls;
    bool tcp;       /* instead of unix sockets */
    bool skip_auth; /* the host vouches for it */
} CallerTarget;

typedef struct Caller {
    CallerTarget to;
    FakeClient *client;
    CallerLine lines[CALLER_LINES_MAX];
    size_t lines_len;
    uint32_t ping_bytes; /* of the largest PING so far, its id and time included */
    unsigned pings;
} Caller;

/* Two ends of a connection over TCP, which the server may measure, unlike one over a unix socket. */
void caller_tcp_pair(int ret_pair[2]);
/* Connects main and waits for the list of channels. False: main was not let in. */
bool caller_start(Caller *caller, const CallerTarget *target);
/* Opens one more channel; NULL: it was not let in. */
FakeConnection *caller_open(Caller *caller, uint8_t channel, uint8_t channel_id);
void caller_serve_ms(Caller *caller, unsigned ms);
/* Closes its sockets, all of them. */
void caller_end(Caller *caller);
