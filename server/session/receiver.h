/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* receiver.h: cuts the bytes of one channel client into messages. An engine: bytes in, messages out.
 *
 * The size in a header is checked against the wire description's bound for that (channel, type) before a byte
 * of the body is stored; an unknown type is refused at its header. A message that lies whole in the bytes
 * offered is passed on without a copy; only what is cut is gathered in memory of our own.
 *
 * Ownership  the Receiver owns the gathered part of one message, which belongs to this connection alone
 * (I27); receiver_finish() frees it. A message handed out is valid until the next call.
 * Thread     the home
 * of the channel client.
 * Units      bytes.
 * Errors     STATUS_PEER_FAULT (unknown type, too large),
 * STATUS_LIMIT (no memory): close the client. STATUS_AGAIN: all bytes were taken, no message is complete.
 * Source     reference/wire-protocol.md sections 2.1, 2.2 and 2.5.
 */
#pragma once

#include "base/span.h"
#include "core/core.h"

#define RECEIVER_HEADER_BYTES_MAX 18u

typedef struct Receiver {
    const Core *core;
    uint8_t channel_type;
    bool mini;
    uint8_t header[RECEIVER_HEADER_BYTES_MAX];
    size_t header_len;
    uint16_t type;
    uint32_t body_size;
    uint8_t *body; /* gathered so far, body_size allocated; NULL while nothing was cut */
    size_t body_len;
    const char *fault; /* after STATUS_PEER_FAULT: why */
} Receiver;

typedef struct ReceivedMessage {
    uint16_t type;
    Span body;
} ReceivedMessage;

void receiver_init(Receiver *receiver, const Core *core, uint8_t channel_type, bool mini);
void receiver_finish(Receiver *receiver);

/* Takes bytes from the front of *bytes. STATUS_OK: *ret is a message. */
Status receiver_next(Receiver *receiver, Span *bytes, ReceivedMessage *ret) STATUS_MUST_CHECK;
