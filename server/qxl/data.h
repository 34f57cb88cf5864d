/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* data.h: bytes of the guest's that stay where they are, in pieces: pixels, or what is about to be copied.
 *
 * A QxlData is a list of pieces of guest memory, each of which was found to lie in one memslot; the headers between them
 * were read once. It says where the bytes are, not what they are: the guest may still change them, so whoever looks at
 * them must bear any value, and different ones each time.
 *
 * Ownership  the list lies in the arena of its drawable. The bytes are the guest's, on loan until the drawable's command
 *            is given back and its memslots stay; after qxl_drawable_unpin() they are ours.
 * Thread     any, as long as the loan lasts.
 * Units      bytes.
 * Source     reference/wire-protocol.md section 6.5.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct QxlSpan {
    uintptr_t host;
    uint32_t offset; /* of its first byte in the whole */
    uint32_t bytes;  /* at least 1 */
} QxlSpan;

typedef struct QxlData {
    QxlSpan *spans; /* in order, without gaps */
    uint32_t count;
    uint32_t bytes; /* of all of them together; 31 bits */
} QxlData;

/* Copies `bytes` from `offset` on; offset + bytes <= data->bytes. */
void qxl_data_copy(const QxlData *data, uint32_t offset, void *buffer, uint32_t bytes);
