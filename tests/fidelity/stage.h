/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stage.h: where a story plays: in the simulator, or on real threads and sockets. The story (story.h) is the same and
 * does not know; what it cannot see is time.
 *
 * Ownership  whoever plays owns the Stage. A Line is the story's; the stage moves its bytes.
 * Thread     the caller's, which is no simulated one.
 */
#pragma once

#include <spice.h>

#include "fake-client/fake_client.h"

typedef struct Stage Stage;

/* One connection of a client. */
typedef struct Line {
    Stage *stage;
    FakeConnection *connection;
    int handle; /* -1: ended */
    void *backend;
    void (*ended)(struct Line *line); /* by the server */
} Line;

struct Stage {
    const char *name;
    void *backend;
    uint64_t quiet_ns;    /* so long nothing may move; until() */
    uint64_t patience_ns; /* the longest that it waits */
    /* The host's channel_event(), in the main domain. NULL: nobody asks. */
    void (*channel_event)(void *opaque, int event, const SpiceChannelEventInfo *info);
    void *opaque;

    /* A server that listens once it is initialised with `core`. */
    SpiceServer *(*make_server)(Stage *stage);
    SpiceCoreInterface *core;
    /* Nobody listens any more: a server does not close a socket that its host gave it. After spice_server_destroy(). */
    void (*unlisten)(Stage *stage);

    /* Calls it in the main domain, with the host's lock. */
    void (*as_host)(Stage *stage, void (*fn)(void *arg), void *arg);
    /* Lets everybody go on until it is true, and nothing moves any more. False: that did not come. */
    bool (*until)(Stage *stage, bool (*fn)(void *arg), void *arg);

    /* Connects; false: refused. */
    bool (*open)(Stage *stage, Line *line);
    /* Its connection has something to say. */
    void (*poke)(Line *line);
    void (*close)(Line *line);

    uint64_t (*now_ns)(Stage *stage);
    /* For line_turn(): bytes, -EAGAIN, 0 at the end, or another -E.... */
    int64_t (*read)(Line *line, void *buffer, size_t len);
    int64_t (*write)(Line *line, Span bytes);
};

/* Moves what can be moved. True: bytes came or went. */
bool line_turn(Line *line);
