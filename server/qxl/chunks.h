/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* chunks.h: data that the guest wrote in pieces, each pointing to the next (QXLDataChunk).
 *
 * A chain is read once, from its start, into a buffer of the caller; it is followed no further than needed to fill that.
 * So a chain that bites its tail ends when the buffer is full, and one of empty chunks at the given count.
 *
 * Ownership  none; the chain's head is a copy.
 * Units      bytes.
 * Errors     STATUS_DEVICE_FAULT: a chunk outside its memslot, or too many chunks.
 * Source     reference/wire-protocol.md section 6.5.
 */
#pragma once

#include "qxl/memslots.h"

/* The first chunk, whose header was part of something larger that was copied already. */
typedef struct QxlChunks {
    uint32_t group;
    GuestRange data; /* of the first chunk: from the byte behind its header on */
    uint32_t data_bytes;
    uint64_t next; /* guest address of the second; 0: there is none */
} QxlChunks;

/* Copies `want` bytes, or all there are; *ret_got says how many. Adds to *work the steps that it took, also to
 * fail. */
Status qxl_chunks_copy(const Memslots *slots, const QxlChunks *chunks, uint32_t chunks_max, void *buffer,
                       size_t want, size_t *ret_got, uint64_t *work, QxlFault *ret_fault) STATUS_MUST_CHECK;
