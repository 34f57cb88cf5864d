/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/path.h"

#include <string.h>

#include <spice/enums.h>

#include "base/limits.h"
#include "qxl/guest_copy.h"
#include "qxl/read.h"

/* A walk along the segments, as they lie behind each other in a copy of the guest's bytes. */
typedef struct Walk {
    Span left;
    bool open; /* the polyline has points */
} Walk;

/* The next segment, whose points are still bytes; `left` is not empty. */
static Status segment_next(QxlReader *reader, Walk *walk, QxlPathSegment *ret_segment, Span *ret_points)
{
    QXLPathSeg head;

    if (walk->left.len < sizeof head) {
        return qxl_fault(reader->fault, "a path ends inside a segment", walk->left.len);
    }
    memcpy(&head, walk->left.data, sizeof head);
    const size_t behind = walk->left.len - sizeof head;
    if (head.count > behind / sizeof(QXLPointFix)) {
        return qxl_fault(reader->fault, "a path's segment of more points than there are", head.count);
    }
    uint32_t more = head.count;
    if ((head.flags & SPICE_PATH_BEGIN) != 0) {
        if (more == 0) {
            return qxl_fault(reader->fault, "a path begins without a point", head.flags);
        }
        walk->open = true;
        more--;
    }
    if ((head.flags & SPICE_PATH_BEZIER) != 0 && (more % 3 != 0 || !walk->open)) {
        return qxl_fault(reader->fault, "a path's curve lacks points", head.count);
    }
    walk->open = walk->open || more > 0;
    if ((head.flags & SPICE_PATH_END) != 0) {
        if ((head.flags & SPICE_PATH_CLOSE) != 0 && !walk->open) {
            return qxl_fault(reader->fault, "a path closes a line of no points", head.flags);
        }
        walk->open = false;
    }
    const size_t bytes = head.count * sizeof(QXLPointFix);
    *ret_segment =
        (QxlPathSegment){.flags = (uint8_t)(head.flags & SPICE_PATH_FLAGS_MASK), .count = head.count};
    *ret_points = span_of(walk->left.data + sizeof head, bytes);
    walk->left = span_of(walk->left.data + sizeof head + bytes, behind - bytes);
    return STATUS_OK;
}

/* How many segments and points, all of them checked. */
static Status path_count(QxlReader *reader, Span bytes, QxlPath *ret_path)
{
    Walk walk = {.left = bytes};
    QxlPath path = {0};

    while (walk.left.len > 0) {
        QxlPathSegment segment;
        Span points;
        const Status status = segment_next(reader, &walk, &segment, &points);
        if (status != STATUS_OK) {
            return status;
        }
        path.count++;
        path.points += segment.count;
    }
    *ret_path = path;
    return STATUS_OK;
}

Status qxl_path_read(QxlReader *reader, uint64_t address, QxlPath *ret_path)
{
    QXLPath head;
    GuestRange behind;
    Span bytes;
    QxlPath path;
    QxlPathSegment *segments;

    /* The chunks say how long it is; head.data_size would only say so again. */
    Status status = qxl_read_at(reader, address, &head, sizeof head, &behind);
    if (status == STATUS_OK) {
        status = qxl_read_chain_bytes(reader, &head.chunk, behind, QXL_PATH_BYTES_MAX, &bytes);
    }
    if (status == STATUS_OK) {
        status = path_count(reader, bytes, &path);
    }
    if (status == STATUS_OK) {
        status = qxl_read_room(reader, path.count, sizeof *segments, &segments);
    }
    if (status != STATUS_OK) {
        return status;
    }
    Walk walk = {.left = bytes};
    for (uint32_t i = 0; i < path.count; i++) {
        Span points;
        status = segment_next(reader, &walk, &segments[i], &points);
        if (status != STATUS_OK) {
            return status; /* it did not fail on the same bytes before */
        }
        segments[i].points = (const QXLPointFix *)(const void *)points.data; /* packed: aligned anywhere */
    }
    path.segments = segments;
    *ret_path = path;
    return STATUS_OK;
}

Status qxl_line_read(QxlReader *reader, const QXLLineAttr *from, QxlLine *ret_line)
{
    QxlLine line = {.flags = from->flags & SPICE_LINE_FLAGS_MASK};
    int32_t *dash;
    GuestRange range;
    uint64_t length = 0;

    if ((line.flags & SPICE_LINE_FLAGS_STYLED) == 0) {
        *ret_line = line;
        return STATUS_OK;
    }
    if (from->style_nseg == 0) {
        return qxl_fault(reader->fault, "a dashed line without dashes", 0);
    }
    const size_t bytes = from->style_nseg * sizeof *dash;
    Status status =
        memslots_find(reader->slots, reader->drawable->group, from->style, bytes, &range, reader->fault);
    if (status == STATUS_OK) {
        status = qxl_read_room(reader, from->style_nseg, sizeof *dash, &dash);
    }
    if (status != STATUS_OK) {
        return status;
    }
    guest_copy(dash, range.host, bytes);
    for (uint32_t i = 0; i < from->style_nseg; i++) {
        if (dash[i] < 0) {
            return qxl_fault(reader->fault, "a dash of negative length", (uint32_t)dash[i]);
        }
        length += (uint8_t)qxl_fixed_round(dash[i]);
    }
    if (length == 0) {
        return qxl_fault(reader->fault, "dashes of no length", from->style_nseg);
    }
    line.dash = dash;
    line.dash_count = from->style_nseg;
    *ret_line = line;
    return STATUS_OK;
}
