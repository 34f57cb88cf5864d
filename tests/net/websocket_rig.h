/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* websocket_rig.h: a Stream that allows WebSocket, a reader that keeps what it is given (and sends it back if told so),
 * and the peer's end of its socket in the test's hands.
 */
#pragma once

#include "net/stream.h"
#include "tests/net/test_core.h"

/* The example of RFC 6455 section 1.3. */
#define KEY_LINE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ACCEPT_LINE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define OTHER_LINES                                                                                          \
    "Host: here\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define REQUEST "GET / HTTP/1.1\r\n" KEY_LINE OTHER_LINES "Sec-WebSocket-Protocol: base64, binary\r\n\r\n"
#define RIG_BYTES 200000u

typedef struct Rig {
    TestCore *test;
    CoreLoop *loop;
    Stream *stream;
    int peer;
    uint8_t received[RIG_BYTES];
    size_t received_len;
    bool echoes; /* what was received is to be sent */
    int64_t end; /* what the last read said that gave nothing; 1: none did */
    const uint8_t *to_send;
    size_t to_send_len;
    uint8_t answered[RIG_BYTES]; /* what the peer has got */
    size_t answered_len;
    bool is_closed;
} Rig;

Rig *rig_new(void);
Rig *rig_open(void); /* the request is answered, and the answer forgotten */
void rig_finish(Rig *rig);

/* Until nothing is left to do; what the peer got is in rig->answered. */
void rig_run(Rig *rig);
void rig_send(Rig *rig, const void *bytes, size_t len);
/* One after the other, each on its own. */
void rig_drip(Rig *rig, const void *bytes, size_t len);

/* A frame as a client makes it; `first` is its first byte. Returns its bytes. */
size_t rig_frame(uint8_t *to, uint8_t first, const void *data, size_t len);
