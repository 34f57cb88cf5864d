/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out.h: where encoders write.
 *
 * A WireOut collects the body of one message in memory of the caller. Short fields are written into `bytes`.
 * A byte string longer than WIRE_INLINE_MAX is not copied if the caller gave room for pieces: it is recorded
 * with the place where it belongs, so that pixels go from where they are into the socket's iovec. Offsets
 * inside the message count the pieces too, so both ways give the same body.
 *
 * Ownership  the caller owns everything; the spans of pieces must live until the body was sent.
 * Thread     any one.
 * Units      bytes.
 * Errors     `failed` stays set once a body does not fit, or once the structure could not be expressed (an
 * array longer than its count can say, a required pointer that is NULL). Nothing is written past `cap`. What
 *            was written is then worthless.
 * Measuring  with `bytes` NULL nothing is written, and wire_out_total() tells the exact size.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

#define WIRE_INLINE_MAX 256u /* bytes; copying this much is cheaper than an iovec entry of its own */

typedef struct WirePiece {
    size_t at; /* index into WireOut.bytes before which the span belongs */
    Span span;
} WirePiece;

typedef struct WireOut {
    uint8_t *bytes;
    size_t len;
    size_t cap;
    WirePiece *pieces; /* in the order of the body; NULL: everything is copied */
    size_t pieces_len;
    size_t pieces_cap; /* once it is used up, the rest is copied */
    size_t piece_min;  /* bytes; strings that are longer become pieces. 0: WIRE_INLINE_MAX */
    bool failed;
    uint32_t context;   /* WIRE_CONTEXT_* bits; only agent and migrate bodies look at it */
    size_t pieces_size; /* bytes in pieces */
} WireOut;

static inline void wire_out_init(WireOut *out, void *bytes, size_t cap)
{
    *out = (WireOut){.bytes = bytes, .cap = cap};
}

static inline void wire_out_init_pieces(WireOut *out, void *bytes, size_t cap, WirePiece *pieces,
                                        size_t pieces_cap)
{
    *out = (WireOut){.bytes = bytes, .cap = cap, .pieces = pieces, .pieces_cap = pieces_cap};
}

/* An out that only measures. */
static inline void wire_out_init_count(WireOut *out)
{
    *out = (WireOut){0};
}

/* The size of the body so far, pieces included. */
static inline size_t wire_out_total(const WireOut *out)
{
    return out->len + out->pieces_size;
}

/* Zero bytes behind a body, which readers ignore: for the peers that expect what the protocol does not say. */
void wire_out_surplus(WireOut *out, size_t bytes);

/* The body as spans in order, inline bytes and pieces alternating, empty ones left out. Returns how many
 * there are, at most 2 * pieces_len + 1; writes at most `cap` of them. */
size_t wire_out_spans(const WireOut *out, Span *ret_spans, size_t cap);
