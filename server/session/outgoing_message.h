/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outgoing_message.h: a message whose body is partly bytes and partly payloads that lie elsewhere.
 *
 *   outgoing_message_begin() -> encode into message.wire, whose pieces stay where they are -> outgoing_message_end()
 *
 * Pieces are only what a Payload was given for. One that the encoder took as a single piece may lie in many places: its Span
 * then has the length of the whole, and a start that nobody reads.
 *
 * Ownership  an OutgoingMessage lives on the stack; between begin and end nothing else may touch its Outgoing.
 * Thread     the home of the channel client.
 * Units      bytes.
 * Errors     false: no memory, or a body that failed; nothing was added, and no serial used. Releases were called then.
 */
#pragma once

#include "session/outgoing.h"
#include "wire/out.h"

/* How the messages of a connection begin. */
typedef struct Framing {
    bool mini_header;
    uint64_t *serial; /* of the last message; counts on */
} Framing;

#define OUTGOING_PIECES_MAX 16u
#define OUTGOING_PIECE_BYTES_MIN                                                                             \
    4096u /* bytes; shorter payloads are copied, which costs less than a vector of its own */

/* Where a payload lies. */
typedef struct Payload {
    const uint8_t *start; /* of the piece's span: how it is found */
    const Span *spans;
    uint32_t count;
    void (*release)(void *owner); /* once, when all of it was sent; NULL: it lives for ever */
    void *owner;
} Payload;

typedef struct OutgoingMessage {
    Outgoing *out;
    Framing framing;
    WireOut wire;
    WirePiece pieces[OUTGOING_PIECES_MAX];
} OutgoingMessage;

/* `inline_max` bytes, all strings that are copied included. */
bool outgoing_message_begin(OutgoingMessage *message, Outgoing *out, const Framing *framing,
                            size_t inline_max);
/* Payloads in the order in which the body has them. Each is released, at once if it did not become a piece. */
bool outgoing_message_end(OutgoingMessage *message, uint16_t type, const Payload *payloads, uint32_t count);
