/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* transport.h: a non-blocking connection over TCP or a unix socket, with or without TLS.
 *
 * Ownership  the caller owns a Transport.
 * Errors     transport_open() says why on stderr and returns NULL; read and write return -1 once it ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

typedef struct Transport Transport;

typedef struct TransportTarget {
    const char *host, *port;
    const char *unix_path; /* instead of host and port; NULL: none */
    bool tls;
    const char *ca_file; /* NULL: any certificate will do */
} TransportTarget;

Transport *transport_open(const TransportTarget *target);
void transport_free(Transport *transport); /* NULL is allowed */
int transport_fd(const Transport *transport);
/* poll() events that TLS itself wants besides what the caller wants. */
short transport_events(const Transport *transport);
/* Bytes; 0: not now; -1: ended. */
long transport_read(Transport *transport, void *buffer, size_t len);
long transport_write(Transport *transport, Span bytes);
