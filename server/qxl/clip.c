/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <spice/enums.h>

#include "base/limits.h"
#include "qxl/read.h"

static Status rects_read(QxlReader *reader, uint64_t address, QxlClip *ret_clip)
{
    QXLClipRects head;
    GuestRange behind;
    Span bytes;
    QXLRect *rects;

    Status status = qxl_read_at(reader, address, &head, sizeof head, &behind);
    if (status != STATUS_OK) {
        return status;
    }
    if (head.num_rects > QXL_CLIP_RECTS_MAX) {
        return qxl_fault(reader->fault, "a clip of too many rectangles", head.num_rects);
    }
    const size_t want = head.num_rects * sizeof *rects;
    status = qxl_read_chain_bytes(reader, &head.chunk, behind, want, &bytes);
    if (status == STATUS_OK) {
        status = qxl_read_room(reader, head.num_rects, sizeof *rects, &rects);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (bytes.len != want) {
        return qxl_fault(reader->fault, "a clip's chunks are too short for its rectangles", bytes.len);
    }
    QxlClip clip = {.rects_given = true, .rects = rects};
    for (uint32_t i = 0; i < head.num_rects; i++) {
        QXLRect rect;
        memcpy(&rect, bytes.data + i * sizeof rect, sizeof rect);
        if (rect.left < rect.right && rect.top < rect.bottom) {
            rects[clip.count++] = rect;
        }
    }
    *ret_clip = clip;
    return STATUS_OK;
}

Status qxl_clip_read(QxlReader *reader, const QXLClip *from, QxlClip *ret_clip)
{
    switch (from->type) {
    case SPICE_CLIP_TYPE_NONE:
        *ret_clip = (QxlClip){0};
        return STATUS_OK;
    case SPICE_CLIP_TYPE_RECTS:
        return rects_read(reader, from->data, ret_clip);
    default:
        return qxl_fault(reader->fault, "no such clip", from->type);
    }
}
