/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/read.h"

#include <string.h>

#include "base/limits.h"
#include "qxl/guest_copy.h"

#define SPANS_FIRST 4u /* spans; enough for most images */

Status qxl_read_room(QxlReader *reader, uint64_t count, uint64_t size, void *ret_pointer)
{
    QxlArena *arena = &reader->drawable->arena;

    if (count > arena->bytes_max / size || !qxl_arena_allows(arena, count * size)) {
        return qxl_fault(reader->fault, "a drawable of too much data", count);
    }
    void *room = qxl_arena_take(arena, count * size);
    if (room == NULL) {
        *reader->fault = (QxlFault){.why = "no memory for a drawable", .value = count * size};
        return STATUS_LIMIT;
    }
    memcpy(ret_pointer, &room, sizeof room);           /* to a pointer of any type */
    reader->work += count * size / QXL_BYTES_PER_STEP; /* it will be filled */
    return STATUS_OK;
}

Status qxl_read_at(QxlReader *reader, uint64_t address, void *copy, size_t bytes, GuestRange *ret_behind)
{
    GuestRange range;

    const Status status =
        memslots_find(reader->slots, reader->drawable->group, address, bytes, &range, reader->fault);
    if (status != STATUS_OK) {
        return status;
    }
    guest_copy(copy, range.host, bytes);
    *ret_behind = (GuestRange){range.host + bytes, range.left - bytes, range.slot};
    return STATUS_OK;
}

static Status span_append(QxlReader *reader, QxlData *data, uint32_t *room, const GuestRange *range,
                          uint32_t bytes)
{
    if (data->count == *room) {
        const uint32_t more = *room == 0 ? SPANS_FIRST : *room * 2;
        QxlSpan *spans;
        const Status status = qxl_read_room(reader, more, sizeof *spans, &spans);
        if (status != STATUS_OK) {
            return status;
        }
        if (data->count > 0) {
            memcpy(spans, data->spans, data->count * sizeof *spans);
        }
        data->spans = spans;
        *room = more;
    }
    data->spans[data->count++] = (QxlSpan){range->host, data->bytes, bytes};
    data->bytes += bytes;
    reader->drawable->slots |= UINT64_C(1) << range->slot % 64;
    return STATUS_OK;
}

Status qxl_read_chain(QxlReader *reader, const QXLDataChunk *head, GuestRange data, uint64_t bytes_max,
                      QxlData *ret_data)
{
    QXLDataChunk chunk = *head;
    QxlData read = {0};
    uint32_t room = 0;

    for (uint32_t count = 1;; count++) {
        reader->work += QXL_CHUNK_STEPS;
        if (chunk.data_size > data.left) {
            return qxl_fault(reader->fault, "a chunk is longer than its memslot", chunk.data_size);
        }
        if (chunk.data_size > bytes_max - read.bytes) {
            return qxl_fault(reader->fault, "chunks of more data than there should be",
                             (uint64_t)read.bytes + chunk.data_size);
        }
        if (chunk.data_size > 0) {
            const Status status = span_append(reader, &read, &room, &data, chunk.data_size);
            if (status != STATUS_OK) {
                return status;
            }
        }
        if (chunk.next_chunk == 0) {
            break;
        }
        if (count == QXL_DATA_CHUNKS_MAX) {
            return qxl_fault(reader->fault, "too many chunks", count);
        }
        const Status status = qxl_read_at(reader, chunk.next_chunk, &chunk, sizeof chunk, &data);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *ret_data = read;
    return STATUS_OK;
}

Status qxl_read_chain_bytes(QxlReader *reader, const QXLDataChunk *head, GuestRange data, uint64_t bytes_max,
                            Span *ret_bytes)
{
    /* These bytes are copied here and now: they pin nothing. */
    const uint64_t slots = reader->drawable->slots;
    QxlData chain;
    uint8_t *copy;

    Status status = qxl_read_chain(reader, head, data, bytes_max, &chain);
    reader->drawable->slots = slots;
    if (status != STATUS_OK) {
        return status;
    }
    status = qxl_read_room(reader, chain.bytes, 1, &copy);
    if (status != STATUS_OK) {
        return status;
    }
    qxl_data_copy(&chain, 0, copy, chain.bytes);
    *ret_bytes = span_of(copy, chain.bytes);
    return STATUS_OK;
}

/* Five bits to eight, so that the ends of the range stay its ends. */
static uint32_t widened(uint32_t five)
{
    return five << 3 | five >> 2;
}

uint32_t qxl_read_color(const QxlReader *reader, uint32_t color)
{
    if (!reader->colors_555) {
        return color;
    }
    return widened(color >> 10 & 31) << 16 | widened(color >> 5 & 31) << 8 | widened(color & 31);
}
