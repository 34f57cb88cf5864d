/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* carrier.h: what carries a stream's bytes: a socket, or TLS over one. For stream.c only.
 *
 * Ownership  the stream's, which also closes the handle.
 * Thread     the stream's.
 * Errors     after any error but -EAGAIN the carrier is dead; `error` keeps it.
 */
#pragma once

#include "net/tls_filter.h"

typedef struct Carrier {
    const Core *core;
    int handle;
    TlsFilter *tls; /* NULL: plain */
    int error;      /* -E... once dead */
} Carrier;

/* Bytes, 0 at the end, or -E.... */
int64_t carrier_read(Carrier *carrier, void *buffer, size_t len);
/* Bytes taken or -E.... */
int64_t carrier_writev(Carrier *carrier, const struct iovec *iov, int iov_len);
/* Moves what TLS has for the socket. 0: all went out; or -E.... */
int carrier_flush(Carrier *carrier);
bool carrier_is_flushed(const Carrier *carrier);
/* Says farewell, if TLS has one. */
void carrier_close(Carrier *carrier);

/* What the socket's watch is to report when the user of the carrier waits for `want`. */
unsigned carrier_watch_mask(const Carrier *carrier, unsigned want);
/* A read may give something that no watch will report. */
bool carrier_is_readable(const Carrier *carrier);
/* The watch reported `ready` (0: nobody did): lets TLS go on. What may be tried now. */
unsigned carrier_on_ready(Carrier *carrier, unsigned ready, unsigned want);
