/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* websocket.h: WebSocket between a stream and what carries it (a socket, or TLS), as an engine without I/O (DESIGN
 * section 4), so that browsers need no proxy.
 *
 *   carrier -> input  -> WebSocket -> websocket_read()
 *   carrier <- output <- WebSocket;  data itself does not pass through here: websocket_frame() puts a frame's header
 *                                    into the output and says how many bytes of data are to follow it
 *
 * It begins undecided: bytes that do not begin like "GET " are handed on as they came, and then the engine is in nobody's
 * way any more (websocket_is_plain()). Otherwise the request is answered, and frames follow. What we send are whole binary
 * messages, unmasked; where they end means nothing. Pongs and our Close go between frames, never into one (R189); of
 * several pings the last is answered, so that they cost nothing.
 *
 * Ownership  its stream's. 64 bytes while undecided, WEBSOCKET_INPUT_BYTES more from then on.
 * Thread     its stream's; may move between threads with it.
 * Errors     -EAGAIN: more input is needed. -EPROTO: dead; an answer may lie in the output, websocket_error() tells why.
 * Source     RFC 6455; reference/api-and-behaviour.md section 4.8. Stricter than the existing server where the RFC is:
 *            clients mask, and say which version and which subprotocols they speak; text is refused. Kinder where it was
 *            too strict: a request may come in pieces, and "binary" may stand anywhere among the subprotocols.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

/* A request with its headers must fit; browsers send cookies along. */
#define WEBSOCKET_INPUT_BYTES 8192u
/* Per frame of ours: what a slow socket may keep a pong waiting for. */
#define WEBSOCKET_FRAME_BYTES_MAX 16384u

typedef struct WebSocket WebSocket;

WebSocket *websocket_new(void);
void websocket_free(WebSocket *websocket); /* NULL is allowed */

/* It was none, and all bytes were handed on: free it, and read the carrier. */
bool websocket_is_plain(const WebSocket *websocket);
/* A Close went one way or the other, or it is dead. */
bool websocket_is_ended(const WebSocket *websocket);

/* Where the next bytes of the carrier go; after websocket_read() said -EAGAIN there is room. */
uint8_t *websocket_input(WebSocket *websocket, size_t *ret_len);
void websocket_received(WebSocket *websocket, size_t len);
void websocket_received_end(WebSocket *websocket);

/* What the carrier shall have before any more data; valid until the next call. */
Span websocket_output(WebSocket *websocket);
void websocket_sent(WebSocket *websocket, size_t len);

/* Bytes, 0 at the end, or -E.... */
int64_t websocket_read(WebSocket *websocket, void *buffer, size_t len);
/* A read may give something without more input. */
bool websocket_is_readable(const WebSocket *websocket);

/* How many bytes of data are to follow the output: what is left of the frame under way, or up to `len` in a new one. 0:
 * none may be sent (yet, or any more). */
size_t websocket_frame(WebSocket *websocket, size_t len);
void websocket_data_sent(WebSocket *websocket, size_t len);
/* Puts our Close into the output, if one is due and no frame is under way. */
void websocket_close(WebSocket *websocket);

const char *websocket_error(const WebSocket *websocket); /* "" while there is none */
