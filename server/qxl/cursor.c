/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/cursor.h"

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "qxl/guest_copy.h"

/* Bytes of a picture: at least, and with the rows of its mask padded to bytes, as some drivers write them. */
typedef struct ShapeSize {
    uint64_t min, max;
} ShapeSize;

/* Colour pictures are followed by a palette, where they have one, and an AND mask. */
static ShapeSize with_mask(uint64_t pixels_bytes, uint64_t palette_bytes, uint64_t width, uint64_t height)
{
    const uint64_t bytes = pixels_bytes + palette_bytes;

    return (ShapeSize){bytes + (width * height + 7) / 8, bytes + (width + 7) / 8 * height};
}

/* False: no such type. Sides are 16 bits wide, so nothing here can wrap. */
static bool shape_size(uint32_t type, uint64_t width, uint64_t height, ShapeSize *ret_size)
{
    const uint64_t pixels = width * height;

    switch (type) {
    case SPICE_CURSOR_TYPE_ALPHA:
        *ret_size = (ShapeSize){pixels * 4, pixels * 4};
        return true;
    case SPICE_CURSOR_TYPE_MONO: {
        const uint64_t planes = 2 * ((width + 7) / 8) * height;
        *ret_size = (ShapeSize){planes, planes};
        return true;
    }
    case SPICE_CURSOR_TYPE_COLOR4:
        *ret_size = with_mask((width + 1) / 2 * height, 16 * sizeof(uint32_t), width, height);
        return true;
    case SPICE_CURSOR_TYPE_COLOR8:
        *ret_size = with_mask(pixels, 256 * sizeof(uint32_t), width, height);
        return true;
    case SPICE_CURSOR_TYPE_COLOR16:
        *ret_size = with_mask(pixels * 2, 0, width, height);
        return true;
    case SPICE_CURSOR_TYPE_COLOR24:
        *ret_size = with_mask(pixels * 3, 0, width, height);
        return true;
    case SPICE_CURSOR_TYPE_COLOR32:
        *ret_size = with_mask(pixels * 4, 0, width, height);
        return true;
    default:
        return false;
    }
}

static Status shape_read(const Memslots *slots, uint32_t group, uint64_t address, QxlShape *ret_shape,
                         QxlFault *ret_fault)
{
    QXLCursor cursor;
    GuestRange range;
    ShapeSize size;

    const Status status = memslots_find(slots, group, address, sizeof cursor, &range, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    guest_copy(&cursor, range.host, sizeof cursor);
    const QXLCursorHeader *header = &cursor.header;
    if (!shape_size(header->type, header->width, header->height, &size)) {
        return qxl_fault(ret_fault, "no such cursor type", header->type);
    }
    if (header->width == 0 || header->height == 0) {
        return qxl_fault(ret_fault, "the cursor is empty", (uint64_t)header->width << 32 | header->height);
    }
    if (size.max > QXL_SHAPE_BYTES_MAX) {
        return qxl_fault(ret_fault, "the cursor is too large", size.max);
    }
    if (cursor.data_size < size.min) {
        return qxl_fault(ret_fault, "the cursor's data is too short for its size", cursor.data_size);
    }
    *ret_shape = (QxlShape){
        .unique = header->unique,
        .type = (uint8_t)header->type,
        .width = header->width,
        .height = header->height,
        /* A hot spot outside would be passed on to window systems that take it for a bug of their client. */
        .hot_x = header->hot_spot_x < header->width ? header->hot_spot_x : (uint16_t)(header->width - 1),
        .hot_y = header->hot_spot_y < header->height ? header->hot_spot_y : (uint16_t)(header->height - 1),
        .bytes_min = (uint32_t)size.min,
        .bytes = cursor.data_size < size.max ? cursor.data_size : (uint32_t)size.max,
        .chunks = {.group = group,
                   .data = {range.host + sizeof cursor, range.left - sizeof cursor, range.slot},
                   .data_bytes = cursor.chunk.data_size,
                   .next = cursor.chunk.next_chunk},
    };
    return STATUS_OK;
}

Status qxl_cursor_read(const Memslots *slots, uint32_t group, const GuestRange *range, QxlCursor *ret_cursor,
                       QxlFault *ret_fault)
{
    /* What follows the union is the driver's own: it must be there, and is not read. */
    QXLCursorCmd command;
    const size_t bytes = offsetof(QXLCursorCmd, device_data);
    QxlCursor cursor = {0};

    if (range->left < sizeof command) {
        return qxl_fault(ret_fault, "a cursor command across the end of its memslot", range->left);
    }
    guest_copy(&command, range->host, bytes);
    cursor.type = command.type;
    switch (command.type) {
    case QXL_CURSOR_SET: {
        cursor.x = command.u.set.position.x;
        cursor.y = command.u.set.position.y;
        cursor.visible = command.u.set.visible != 0;
        const Status status = shape_read(slots, group, command.u.set.shape, &cursor.shape, ret_fault);
        if (status != STATUS_OK) {
            return status;
        }
        break;
    }
    case QXL_CURSOR_MOVE:
        cursor.x = command.u.position.x;
        cursor.y = command.u.position.y;
        break;
    case QXL_CURSOR_HIDE:
        break;
    case QXL_CURSOR_TRAIL:
        cursor.trail_length = command.u.trail.length;
        cursor.trail_frequency = command.u.trail.frequency;
        break;
    default:
        return qxl_fault(ret_fault, "no such cursor command", command.type);
    }
    *ret_cursor = cursor;
    return STATUS_OK;
}

Status qxl_shape_copy(const Memslots *slots, const QxlShape *shape, void *buffer, size_t *ret_len,
                      uint64_t *work, QxlFault *ret_fault)
{
    size_t got = 0;

    const Status status = qxl_chunks_copy(slots, &shape->chunks, QXL_SHAPE_CHUNKS_MAX, buffer, shape->bytes,
                                          &got, work, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (got < shape->bytes_min) {
        return qxl_fault(ret_fault, "the cursor's chunks are too short for its size", got);
    }
    *ret_len = got;
    return STATUS_OK;
}
