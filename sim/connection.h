/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.h: one connection of the virtual network: two ends, 0 the client's and 1 the server's, and a direction from
 * each to the other. net.h says how bytes travel.
 *
 * Ownership   sim_connection_new() until both ends are closed.
 * Time        bytes that need no time arrive inside the write itself, all others by events.
 */
#pragma once

#include "base/list.h"
#include "sim/world.h"

typedef struct Connection Connection;

typedef struct ConnectionEnd {
    void (*changed)(void *opaque); /* it may have become ready; NULL: nobody asks */
    void *opaque;
} ConnectionEnd;

/* `owner` names it for choices: "net:owner" at the server's end, "peer:owner" at the other. */
Connection *sim_connection_new(Sim *sim, const SimNet *net, const char *owner);

/* The place to hang an observer; valid while the end is open. */
ConnectionEnd *sim_connection_end(Connection *connection, unsigned end);
unsigned sim_connection_ready(const Connection *connection, unsigned end);
int64_t sim_connection_readv(Sim *sim, Connection *connection, unsigned end, const struct iovec *iov,
                             int iov_len);
int64_t sim_connection_writev(Sim *sim, Connection *connection, unsigned end, const struct iovec *iov,
                              int iov_len);
int64_t sim_connection_unsent_bytes(const Connection *connection, unsigned end);
/* It carries nothing any more. */
bool sim_connection_is_dead(const Connection *connection);
/* For what leaves from now on. */
void sim_connection_set_rate(Connection *connection, uint64_t bytes_per_s);
/* Bytes that an end has sent and the other not yet read. */
size_t sim_connection_pending(const Connection *connection, unsigned from);
/* No more writes; with `both` no more reads either. */
int sim_connection_shutdown(Sim *sim, Connection *connection, unsigned end, bool both);
void sim_connection_close(Sim *sim, Connection *connection, unsigned end, bool reset);
