/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h: one connection's bytes: a socket, and the filters stacked on it: TLS, WebSocket (and SASL
 * later).
 *
 * A Stream moves bytes between its handle and its filters and knows nothing of SPICE. It lives on one loop at a
 * time: the link is made in the main domain, then the stream is carried to its channel's home (stream_detach() in
 * one, stream_attach() in the other; while detached nobody watches it).
 *
 * Ownership   stream_new() takes the handle; stream_free() closes it and frees its watch. The callback may free or
 *             detach the stream it is called for; nothing is delivered after that.
 * Thread      the loop it is attached to; while detached, whoever holds it.
 * Blocking    never. What cannot be done now returns -EAGAIN, and the callback comes when it can.
 * Filters     accept only what the socket can take: at most one TLS record of 16 KiB waits inside, and counts as
 *             sent to the caller; a WebSocket frame once begun wants its data, so what was not taken must be offered
 *             again, as it was; read, write and the watch move it on.
 * Errors      -E...; after any error but -EAGAIN the stream is dead: free it. A TLS failure is -EPROTO, logged by
 *             the caller with stream_error_text().
 */
#pragma once

#include "core/core.h"

typedef struct Stream Stream;
typedef struct TlsContext TlsContext; /* net/tls.h */

/* `ready`: CORE_READ: stream_read() may give something; CORE_WRITE: stream_writev() may take something. A stream
 * that is dead is ready for both. Bytes that a filter has already decoded count as CORE_READ: the callback comes
 * again as long as CORE_READ is wanted and they are there. */
typedef void (*StreamFunc)(void *opaque, unsigned ready, uint64_t now_ns);

/* Takes the handle (non-blocking already). */
Stream *stream_new(const Core *core, int take_handle);
void stream_free(Stream *stream);

/* Frees the stream and gives its handle back, open, with whatever TLS already read from it lost: for a connection
 * that was refused before its first byte. */
int stream_release(Stream *stream);

/* Puts a TLS server filter on it, before it is attached. The handshake runs by itself inside reads and writes, and
 * inside the watch while anything is wanted: the callback comes when it is done. STATUS_IO: it could not be made, the
 * stream is as before. The context is referenced by the stream. */
Status stream_start_tls(Stream *stream, TlsContext *context) STATUS_MUST_CHECK;
/* Before it is attached: should its first bytes be a WebSocket's request, it is answered, and what comes and goes is
 * WebSocket's data. */
void stream_allow_websocket(Stream *stream);
bool stream_is_tls(const Stream *stream);
bool stream_is_handshaking(const Stream *stream); /* TLS only; false once it is done */

/* False: the loop has no watch (or, for TLS, no timer) for us; the stream stays detached. */
bool stream_attach(Stream *stream, CoreLoop *loop, StreamFunc func, void *opaque) STATUS_MUST_CHECK;
/* Nothing is wanted afterwards. */
void stream_detach(Stream *stream);

/* What the user waits for: CORE_READ, CORE_WRITE, both or 0. Filters add what they need themselves. */
void stream_want(Stream *stream, unsigned mask);

/* Bytes, 0 at the end, or -E.... `len` is not 0. */
int64_t stream_read(Stream *stream, void *buffer, size_t len);
/* Bytes taken (perhaps fewer than offered) or -E.... */
int64_t stream_writev(Stream *stream, const struct iovec *iov, int iov_len);

/* 0: nothing that was taken waits in a filter; -EAGAIN: something does; else the stream is dead, as what waited found
 * out. Who waits for nothing but that must ask: a dead stream is ready for ever. */
int stream_unsent(Stream *stream);

/* For channel events and logs; read once, when the stream was made. */
void stream_addresses(const Stream *stream, CoreAddress *ret_local, CoreAddress *ret_peer);
bool stream_is_unix(const Stream *stream);
int stream_handle(const Stream *stream);
const char *stream_error_text(const Stream *stream); /* of the last failure; never NULL */
