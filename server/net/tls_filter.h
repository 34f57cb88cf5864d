/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_filter.h: TLS between a stream and its socket, as an engine without I/O (DESIGN section 4).
 *
 *   socket -> input  -> TLS -> tls_filter_read()
 *   socket <- output <- TLS <- tls_filter_write()
 *
 * The owner puts what the socket gave into the input, and sends what lies in the output. Both are fixed
 * buffers: when the output is full the engine stalls until it is sent. Data is accepted only while the output
 * is empty, one record at a time, so at most one record of data waits inside.
 *
 * Ownership  a filter belongs to its stream, and holds a reference to its context.
 * Thread     its stream's; may move between threads with it.
 * Errors     -EAGAIN: more input is needed, or the output must be sent first. -EPROTO: the filter is dead; an
 * alert may lie in the output, and tls_filter_error() tells why.
 */
#pragma once

#include "base/span.h"
#include "net/tls.h"

/* One record of data: 16,384 bytes and at most 256 + 5 of TLS; the rest is room for alerts and key updates.
 */
#define TLS_RECORD_BYTES_MAX 16384u
#define TLS_OUTPUT_BYTES (TLS_RECORD_BYTES_MAX + 2048u)
#define TLS_INPUT_BYTES 16384u

/* NULL: OpenSSL refused. */
TlsFilter *tls_filter_new(TlsContext *context);
void tls_filter_free(TlsFilter *filter); /* NULL is allowed */

/* Where the next bytes of the socket go; *ret_len is 0 while the last ones are not used up. */
uint8_t *tls_filter_input(TlsFilter *filter, size_t *ret_len);
void tls_filter_received(TlsFilter *filter, size_t len);
void tls_filter_received_end(TlsFilter *filter);

/* What the socket shall have; valid until the next call on the filter. */
Span tls_filter_output(const TlsFilter *filter);
void tls_filter_sent(TlsFilter *filter, size_t len);

/* 0: the handshake is done. Reads and writes do this by themselves; it is for who waits without either. */
int tls_filter_handshake(TlsFilter *filter);
bool tls_filter_is_handshaking(const TlsFilter *filter);

/* Bytes, 0 at the end of the stream, or -E.... */
int64_t tls_filter_read(TlsFilter *filter, void *buffer, size_t len);
/* Bytes taken, at most TLS_RECORD_BYTES_MAX, or -E.... `offset` bytes of the first of the vector are done
 * already. */
int64_t tls_filter_write(TlsFilter *filter, const struct iovec *iov, int iov_len, size_t offset);
/* Puts our farewell into the output, if there is anything to end. */
void tls_filter_close(TlsFilter *filter);

/* A read may give something without more input. */
bool tls_filter_is_readable(const TlsFilter *filter);
/* Half a message of a handshake is here, of a peer that renews its keys: writing waits for the rest, not for the socket. */
bool tls_filter_write_waits(const TlsFilter *filter);
/* The last call stopped because the output was full: repeat it when the output was sent. */
bool tls_filter_is_stalled(const TlsFilter *filter);
const char *tls_filter_error(const TlsFilter *filter); /* "" while there is none */
