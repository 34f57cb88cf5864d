/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net.h: handles, and the connections, listeners and wake handles behind them.
 *
 * A connection is two directions. In each, written bytes wait in the sender's buffer, fly for the time that latency
 * and bandwidth give, and wait in the receiver's buffer to be read; they leave the sender's account when their
 * acknowledgement is back. The end of a stream follows the bytes; a reset drops what has not left yet. So writes
 * fall short and -EAGAIN comes as on a real link of that round trip time and those buffers.
 *
 * Handles     numbers from HANDLE_FIRST up, far from any real descriptor; the lowest free one is reused at once. A
 *             generation tells the users of a number apart: a HandleName that outlived its handle is reported.
 * Ownership   a connection goes when both its ends are closed.
 * Errors      -E... as core.h says.
 */
#pragma once

#include "base/list.h"
#include "sim/world.h"

#define HANDLE_FIRST 100000

typedef struct HandleName {
    int number;
    uint32_t generation;
} HandleName;

typedef struct Handle Handle;
typedef struct Listener Listener;

typedef struct Net {
    Handle *handles;
    uint32_t handles_len;
    ListNode listeners;
    uint32_t listeners_named; /* gives ephemeral ports */
    uint32_t clients_named;
    size_t server_handles; /* open */
} Net;

void sim_net_init(Sim *sim);
void sim_net_finish(Sim *sim);

bool sim_net_name(Sim *sim, int handle, HandleName *ret_name); /* false: no such handle; reported */
unsigned sim_net_ready(Sim *sim, HandleName handle);
/* Calls when the handle may have become ready. False: it has another observer. NULL ends it. */
bool sim_net_observe(Sim *sim, HandleName handle, void (*changed)(void *opaque), void *opaque);

int64_t sim_net_readv(Sim *sim, int handle, const struct iovec *iov, int iov_len);
int64_t sim_net_writev(Sim *sim, int handle, const struct iovec *iov, int iov_len);
int sim_net_shutdown(Sim *sim, int handle, bool both);
void sim_net_close(Sim *sim, int handle, bool reset);
int sim_net_listen(Sim *sim, const CoreListen *where);
int sim_net_accept(Sim *sim, int listener);
int sim_net_adopt(Sim *sim, int handle);
int sim_net_addresses(Sim *sim, int handle, CoreAddress *ret_local, CoreAddress *ret_peer);
int sim_net_tune(Sim *sim, int handle, CoreTune what, int value);
int64_t sim_net_unsent_bytes(Sim *sim, int handle);
int sim_net_wake_new(Sim *sim);
void sim_net_wake_signal(Sim *sim, int handle);
void sim_net_wake_clear(Sim *sim, int handle);
