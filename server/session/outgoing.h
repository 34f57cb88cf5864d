/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outgoing.h: the bytes of one channel client that are committed and not yet taken by its stream.
 *
 * What is committed is sent whole (DESIGN section 7, Commit). Small things (headers, bodies) are bytes in one
 * buffer, so that many messages leave in one writev as one piece; large payloads are borrowed pieces between
 * them, pinned by a release function that is called when the last byte was taken, or when the client goes
 * (I21).
 *
 * Ownership  owns its buffers, which go back to nothing when all is sent and they had grown, unless they do so again and
 * again; owns one release per piece.
 * Thread     the home of the channel client.
 * Units      bytes.
 * Errors     STATUS_LIMIT: no memory; nothing was added.
 */
#pragma once

#include "base/span.h"
#include "core/core.h"

typedef struct OutgoingRun OutgoingRun;

typedef struct Outgoing {
    const Core *core;
    uint8_t *bytes;
    size_t bytes_len, bytes_cap;
    OutgoingRun *runs; /* in order; runs_first is the oldest not wholly sent */
    size_t runs_first, runs_len, runs_cap;
    size_t total; /* not yet taken */
    uint32_t
        small_rounds; /* since much was sent at once, from empty to all sent; at most OUTGOING_STEADY_ROUNDS */
} Outgoing;

void outgoing_init(Outgoing *out, const Core *core);
void outgoing_finish(Outgoing *out);

static inline bool outgoing_is_empty(const Outgoing *out)
{
    return out->total == 0;
}

/* Room for `len` more bytes at the end of the buffer; fill them, then outgoing_add_bytes(). NULL: no memory.
 */
uint8_t *outgoing_reserve(Outgoing *out, size_t len);
Status outgoing_add_bytes(Outgoing *out, size_t len) STATUS_MUST_CHECK;
/* Room for so many more pieces, and bytes between them: adding them cannot fail then. */
Status outgoing_reserve_runs(Outgoing *out, size_t runs) STATUS_MUST_CHECK;
/* Borrows; `release` (may be NULL) is called once, also when this fails. */
Status outgoing_add_piece(Outgoing *out, Span piece, void (*release)(void *owner),
                          void *owner) STATUS_MUST_CHECK;

/* At most `max` vectors of what is to be sent; returns their number. Valid until the next call. */
int outgoing_vectors(const Outgoing *out, struct iovec *ret_iov, int max);
void outgoing_taken(Outgoing *out, size_t len);

/* Copies what is borrowed and not yet taken, and releases it, so that nothing of anybody else's is needed any more.
 * STATUS_LIMIT: no memory; some of it is borrowed still. */
Status outgoing_own(Outgoing *out) STATUS_MUST_CHECK;
