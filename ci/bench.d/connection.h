/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.h: one channel connection of a draining client: link, ticket, framing, acknowledgements.
 *
 * Deliberately independent of the server's own wire code. It reads and forgets: only the first bytes of a
 * body are kept. Non-blocking; the caller polls `fd` for what connection_wants() says and calls
 * connection_run(). Assumes a little-endian machine, as the structs of spice-protocol do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spice/protocol.h>

#define CONNECTION_PREFIX 512u /* bytes of a body that are kept; no link reply is longer */

typedef struct Connection Connection;

/* What happens to a connection; `owner` is the caller's. */
typedef struct ConnectionHandler {
    void (*linked)(Connection *connection);
    /* `body` holds min(size, CONNECTION_PREFIX) bytes. */
    void (*message)(Connection *connection, uint16_t type, const uint8_t *body, uint32_t size);
    void (*closed)(Connection *connection, const char *why); /* the descriptor is closed already */
} ConnectionHandler;

typedef enum ConnectionState {
    CONNECTION_CLOSED,
    CONNECTION_REPLY_HEADER,
    CONNECTION_REPLY,
    CONNECTION_RESULT,
    CONNECTION_HEADER,
    CONNECTION_BODY,
} ConnectionState;

struct Connection {
    int fd;
    uint8_t type, id;
    ConnectionState state;
    bool had_message;
    const ConnectionHandler *handler;
    void *owner;
    const char *password;

    uint8_t gather[CONNECTION_PREFIX]; /* the piece being read, or the start of it */
    uint32_t gathered;                 /* of its `piece` bytes */
    uint32_t piece;
    SpiceMiniDataHeader header;

    uint32_t ack_window; /* 0: the server did not ask for ACKs */
    uint32_t ack_count;  /* messages since the last ACK */

    uint8_t out[1024]; /* what the socket did not take yet */
    uint32_t out_length;
};

/* Starts to connect to 127.0.0.1:port. False with errno when that is impossible. */
bool connection_open(Connection *connection, uint16_t port, uint8_t type, uint8_t id, uint32_t session,
                     const char *password, const ConnectionHandler *handler, void *owner);

/* Reads and writes what is possible; returns the bytes read. */
size_t connection_run(Connection *connection);
bool connection_wants_write(const Connection *connection);
bool connection_send(Connection *connection, uint16_t type, const void *body, uint32_t size);

/* Says goodbye: the server sees the end of the stream, and closes in turn. */
void connection_finish(Connection *connection);
