/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read.h: the parts that qxl_drawable_read() is made of; private to this folder.
 *
 * Each reads what lies at a guest address, or what was copied already, into its place in the drawable, and takes further
 * memory from the drawable's arena. After a failure the drawable is only good for being freed.
 */
#pragma once

#include "base/span.h"
#include "qxl/drawable.h"
#include "qxl/memslots.h"

typedef struct QxlReader {
    const Memslots *slots;
    const QxlHost *host;
    QxlDrawable *drawable;
    bool colors_555; /* colours come as 16-bit pixels */
    uint64_t work;   /* steps so far (guest_copy.h) */
    QxlFault *fault;
} QxlReader;

/* Memory for `count` things of `size` bytes. */
Status qxl_read_room(QxlReader *reader, uint64_t count, uint64_t size, void *ret_pointer) STATUS_MUST_CHECK;
/* Copies `bytes` that lie at the address; *ret_behind is what follows them. */
Status qxl_read_at(QxlReader *reader, uint64_t address, void *copy, size_t bytes,
                   GuestRange *ret_behind) STATUS_MUST_CHECK;

/* A chain of chunks of which the first header was copied, and lies before `data`: at most `bytes_max`, of which nothing
 * is copied yet. */
Status qxl_read_chain(QxlReader *reader, const QXLDataChunk *head, GuestRange data, uint64_t bytes_max,
                      QxlData *ret_data) STATUS_MUST_CHECK;
/* The same, copied. */
Status qxl_read_chain_bytes(QxlReader *reader, const QXLDataChunk *head, GuestRange data, uint64_t bytes_max,
                            Span *ret_bytes) STATUS_MUST_CHECK;

/* A colour as the guest gave it, or made of its 16-bit pixel. */
uint32_t qxl_read_color(const QxlReader *reader, uint32_t color);

typedef enum QxlImageUse { QXL_IMAGE_SHOWN, QXL_IMAGE_MASK } QxlImageUse;

Status qxl_image_read(QxlReader *reader, uint64_t address, QxlImageUse use,
                      const QxlImage **ret_image) STATUS_MUST_CHECK;
Status qxl_brush_read(QxlReader *reader, const QXLBrush *from, QxlBrush *ret_brush) STATUS_MUST_CHECK;
Status qxl_mask_read(QxlReader *reader, const QXLQMask *from, QxlMask *ret_mask) STATUS_MUST_CHECK;
Status qxl_path_read(QxlReader *reader, uint64_t address, QxlPath *ret_path) STATUS_MUST_CHECK;
Status qxl_line_read(QxlReader *reader, const QXLLineAttr *from, QxlLine *ret_line) STATUS_MUST_CHECK;
Status qxl_string_read(QxlReader *reader, uint64_t address, QxlString *ret_string) STATUS_MUST_CHECK;
Status qxl_clip_read(QxlReader *reader, const QXLClip *from, QxlClip *ret_clip) STATUS_MUST_CHECK;
/* Everything that depends on the type; what is common to all was read. */
Status qxl_draw_read(QxlReader *reader, const QXLDrawable *from,
                     const QxlGeometry *surface) STATUS_MUST_CHECK;

/* NULL: its pixels are a surface's. */
QxlData *qxl_image_data(QxlImage *image);
