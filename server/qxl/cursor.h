/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor.h: a cursor command of the guest (QXLCursorCmd), and the shape that one of them brings.
 *
 * A shape's header is copied with the command; how many bytes its picture needs follows from type and size alone, so the
 * caller makes room for at most QXL_SHAPE_BYTES_MAX and copies them with qxl_shape_copy().
 *
 * Units      pixels, bytes.
 * Errors     STATUS_DEVICE_FAULT.
 * Source     reference/wire-protocol.md sections 3.4 and 6.6.
 */
#pragma once

#include "qxl/chunks.h"

#define QXL_SHAPE_BYTES_MAX (4u * 1024u * 1024u) /* bytes; 1024 x 1024 pixels with alpha */
#define QXL_SHAPE_CHUNKS_MAX 65536u              /* chunks; the smallest that drivers use hold 64 bytes */

typedef struct QxlShape {
    uint64_t unique; /* 0: not to be cached */
    uint8_t type;    /* SPICE_CURSOR_TYPE_* */
    uint16_t width, height;
    uint16_t hot_x, hot_y; /* inside */
    uint32_t bytes_min;    /* what the type needs */
    uint32_t bytes;        /* what qxl_shape_copy() may copy, at least bytes_min */
    QxlChunks chunks;
} QxlShape;

typedef struct QxlCursor {
    uint8_t type; /* QXL_CURSOR_SET, _MOVE, _HIDE or _TRAIL, which decides what else is there */
    int16_t x, y;
    bool visible;
    uint16_t trail_length, trail_frequency;
    QxlShape shape;
} QxlCursor;

/* `range` is where the command lies: 8 bytes of it at least. */
Status qxl_cursor_read(const Memslots *slots, uint32_t group, const GuestRange *range, QxlCursor *ret_cursor,
                       QxlFault *ret_fault) STATUS_MUST_CHECK;
/* `buffer` holds shape->bytes. *ret_len is what was there, at least shape->bytes_min. Adds to
 * *work the steps that it took, also to fail. */
Status qxl_shape_copy(const Memslots *slots, const QxlShape *shape, void *buffer, size_t *ret_len,
                      uint64_t *work, QxlFault *ret_fault) STATUS_MUST_CHECK;
