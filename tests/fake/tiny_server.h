/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tiny_server.h: the functions of libspice-server that a fake device calls, made small: a server that takes
 * commands, keeps some of them for a while, gives back each once, and shows nothing to anybody.
 *
 * One at a time, because the public functions name only the device.
 */
#pragma once

#include "fake_qxl.h"

#define TINY_HELD_MAX 8
#define TINY_SURFACES 64

typedef struct TinyServer {
    QXLInstance *qxl;
    const QXLInterface *interface;
    QXLDevMemSlot slots[2][8];
    bool has_slot[2][8];
    QXLReleaseInfoExt held[TINY_HELD_MAX]; /* to be released, oldest first */
    int held_len;
    QXLReleaseInfoExt creates[TINY_SURFACES]; /* of living surfaces; info NULL: none */
    bool lazy; /* does nothing by itself: completes no cookie, drains no ring, keeps what it has */
    unsigned slots_added, wakeups, oom, resets;
    uint64_t last_cookie;
} TinyServer;

void tiny_init(TinyServer *tiny, FakeQxl *qxl);
/* Host memory behind a guest address, if all of it is in its slot; NULL: it is not. */
void *tiny_memory(const TinyServer *tiny, uint64_t address, uint32_t group, size_t bytes);
/* Takes and obeys up to `n` commands from each ring; returns how many there were. */
unsigned tiny_pump(TinyServer *tiny, unsigned n);
/* Gives back everything, as at the end of the server. */
void tiny_finish(TinyServer *tiny);
