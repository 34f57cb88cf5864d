/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/text.h"

#include <string.h>

#include <spice/enums.h>

#include "base/limits.h"
#include "qxl/read.h"

/* 0: not exactly one kind of raster. */
static unsigned raster_depth(uint32_t flags)
{
    switch (flags &
            (SPICE_STRING_FLAGS_RASTER_A1 | SPICE_STRING_FLAGS_RASTER_A4 | SPICE_STRING_FLAGS_RASTER_A8)) {
    case SPICE_STRING_FLAGS_RASTER_A1:
        return 1;
    case SPICE_STRING_FLAGS_RASTER_A4:
        return 4;
    case SPICE_STRING_FLAGS_RASTER_A8:
        return 8;
    default:
        return 0;
    }
}

static bool side_fits(int64_t start, uint16_t length)
{
    return start >= INT32_MIN && start + length <= INT32_MAX;
}

/* The glyph at the start of *left, which moves on behind it. */
static Status glyph_read(QxlReader *reader, unsigned depth, Span *left, QxlGlyph *ret_glyph)
{
    QXLRasterGlyph head;

    if (left->len < sizeof head) {
        return qxl_fault(reader->fault, "a string ends inside a glyph", left->len);
    }
    memcpy(&head, left->data, sizeof head);
    const uint32_t row_bytes = (head.width * depth + 7) / 8;
    const uint64_t bytes = (uint64_t)row_bytes * head.height;
    if (bytes > left->len - sizeof head) {
        return qxl_fault(reader->fault, "a glyph of more pixels than there are",
                         (uint64_t)head.width << 32 | head.height);
    }
    if (!side_fits((int64_t)head.render_pos.x + head.glyph_origin.x, head.width) ||
        !side_fits((int64_t)head.render_pos.y + head.glyph_origin.y, head.height)) {
        return qxl_fault(reader->fault, "a glyph out of this world", (uint32_t)head.render_pos.x);
    }
    *ret_glyph = (QxlGlyph){head.render_pos, head.glyph_origin, head.width,
                            head.height,     row_bytes,         left->data + sizeof head};
    *left = span_of(left->data + sizeof head + bytes, left->len - sizeof head - (size_t)bytes);
    return STATUS_OK;
}

Status qxl_string_read(QxlReader *reader, uint64_t address, QxlString *ret_string)
{
    QXLString head;
    GuestRange behind;
    Span bytes;
    QxlGlyph *glyphs;

    Status status = qxl_read_at(reader, address, &head, sizeof head, &behind);
    if (status != STATUS_OK) {
        return status;
    }
    QxlString string = {.flags = (uint8_t)(head.flags & SPICE_STRING_FLAGS_MASK),
                        .count = head.length,
                        .depth = raster_depth(head.flags)};
    if (string.depth == 0) {
        return qxl_fault(reader->fault, "a string of no or several depths", head.flags);
    }
    if (head.data_size > QXL_STRING_BYTES_MAX) {
        return qxl_fault(reader->fault, "a string is too long", head.data_size);
    }
    status = qxl_read_chain_bytes(reader, &head.chunk, behind, head.data_size, &bytes);
    if (status != STATUS_OK) {
        return status;
    }
    if (bytes.len != head.data_size) {
        return qxl_fault(reader->fault, "a string's chunks are too short for it", bytes.len);
    }
    if (bytes.len / sizeof(QXLRasterGlyph) < string.count) {
        return qxl_fault(reader->fault, "a string of more glyphs than there are", string.count);
    }
    status = qxl_read_room(reader, string.count, sizeof *glyphs, &glyphs);
    for (uint32_t i = 0; status == STATUS_OK && i < string.count; i++) {
        status = glyph_read(reader, string.depth, &bytes, &glyphs[i]);
        if (status == STATUS_OK) {
            string.glyph_bytes += glyphs[i].row_bytes * glyphs[i].height;
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (bytes.len != 0) {
        return qxl_fault(reader->fault, "a string of fewer glyphs than there are", bytes.len);
    }
    string.glyphs = glyphs;
    *ret_string = string;
    return STATUS_OK;
}
