/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/read.h"

bool wire_reader_init(WireReader *r, Span body, WireArena *arena, uint32_t context, const char *message,
                      WireFault *fault)
{
    *r = (WireReader){.bytes = body.data,
                      .len = body.len,
                      .budget = WIRE_READ_VISITS_MAX * (uint64_t)body.len,
                      .arena = arena,
                      .context = context,
                      .message = message,
                      .status = STATUS_OK,
                      .fault = fault};
    if (body.len > UINT32_MAX) {
        return wire_refuse(r, STATUS_LIMIT, "body", "is larger than any message", body.len);
    }
    return true;
}

bool wire_refuse(WireReader *r, Status status, const char *field, const char *why, uint64_t value)
{
    r->status = status;
    if (r->fault) {
        *r->fault = (WireFault){r->message, field, why, value};
    }
    return false;
}

bool wire_read_offset(WireReader *r, const char *field, bool required, size_t *ret)
{
    uint32_t offset;
    if (!wire_read_u32(r, field, &offset)) {
        return false;
    }
    if (offset == 0 && required) {
        return wire_refuse(r, STATUS_PEER_FAULT, field, "is a null pointer", 0);
    }
    if (offset >= r->len && offset != 0) {
        return wire_refuse(r, STATUS_PEER_FAULT, field, "points past the end", offset);
    }
    *ret = offset;
    return true;
}

bool wire_read_far_bytes(WireReader *r, const char *field, uint64_t n, bool required, Span *ret)
{
    size_t offset;
    if (!wire_read_offset(r, field, required, &offset)) {
        return false;
    }
    if (n == 0) {
        if (required) {
            return wire_refuse(r, STATUS_PEER_FAULT, field, "is empty", 0);
        }
        *ret = span_of(NULL, 0);
        return true;
    }
    if (offset == 0) {
        return wire_refuse(r, STATUS_PEER_FAULT, field, "is a null pointer to some bytes", n);
    }
    const size_t back = r->at;
    r->at = offset;
    if (!wire_read_bytes(r, field, n, ret)) {
        return false;
    }
    r->at = back;
    return true;
}

void *wire_read_room(WireReader *r, const char *field, uint64_t n, size_t least, size_t size, size_t align)
{
    if (n > (r->len - r->at) / least) {
        wire_refuse(r, STATUS_PEER_FAULT, field, "has more elements than fit", n);
        return NULL;
    }
    void *room = wire_arena_take(r->arena, n * size, align);
    if (!room) {
        wire_refuse(r, STATUS_LIMIT, field, "needs more memory than there is", n);
        return NULL;
    }
    memset(room, 0, (size_t)n * size);
    return room;
}
