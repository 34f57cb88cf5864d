/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/chunks.h"

#include <spice/qxl_dev.h>

#include "qxl/guest_copy.h"

Status qxl_chunks_copy(const Memslots *slots, const QxlChunks *chunks, uint32_t chunks_max, void *buffer,
                       size_t want, size_t *ret_got, uint64_t *work, QxlFault *ret_fault)
{
    GuestRange data = chunks->data;
    uint32_t data_bytes = chunks->data_bytes;
    uint64_t next = chunks->next;
    size_t got = 0;

    for (uint32_t count = 1;; count++) {
        if (data_bytes > data.left) {
            return qxl_fault(ret_fault, "a chunk is longer than its memslot", data_bytes);
        }
        const size_t part = data_bytes < want - got ? data_bytes : want - got;
        guest_copy((uint8_t *)buffer + got, data.host, part);
        got += part;
        *work += QXL_CHUNK_STEPS + part / QXL_BYTES_PER_STEP;
        if (got == want || next == 0) {
            break;
        }
        if (count == chunks_max) {
            return qxl_fault(ret_fault, "too many chunks", count);
        }
        QXLDataChunk header;
        const Status status = memslots_find(slots, chunks->group, next, sizeof header, &data, ret_fault);
        if (status != STATUS_OK) {
            return status;
        }
        guest_copy(&header, data.host, sizeof header);
        data.host += sizeof header;
        data.left -= sizeof header;
        data_bytes = header.data_size;
        next = header.next_chunk;
    }
    *ret_got = got;
    return STATUS_OK;
}
