/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image.h: a picture that a drawable shows (QXLImage): a bitmap, QUIC data, or another surface's pixels.
 *
 * What describes the picture is copied and checked; the pixels stay in guest memory (data.h). A bitmap's data is exactly
 * height * stride bytes, the stride at least the bytes of a line. QUIC data is any bytes that there are: its own header,
 * which may name other sizes, is for the decoder to check against width and height.
 *
 * Ownership  all of it lies in the arena of its drawable.
 * Units      pixels; stride in bytes. Both sides are 1 ... 2^31 - 1, and a picture of 4 bytes per pixel would have at most
 *            QXL_SURFACE_BYTES_MAX, so that products in 64 bits cannot wrap, and decoded pictures have a bound.
 * Errors     STATUS_DEVICE_FAULT.
 * Source     reference/wire-protocol.md section 6.6.
 */
#pragma once

#include <stdbool.h>

#include "qxl/data.h"
#include "qxl/surface.h"

#define QXL_PALETTE_ENTRIES_MAX 256u /* entries; a pixel has no more than 8 bits */

typedef struct QxlPalette {
    uint64_t unique; /* 0: not to be cached */
    uint16_t count;  /* of entries that the guest gave, 1 ... 256 */
    /* Colours as in a QxlBrush; 0 behind the last, so that any pixel is an index. */
    uint32_t entries[QXL_PALETTE_ENTRIES_MAX];
} QxlPalette;

typedef struct QxlBitmap {
    uint8_t format; /* SPICE_BITMAP_FMT_* */
    bool top_down;  /* else the first line in `data` is the lowest */
    bool unstable;  /* the guest may draw on while we look: copy before encoding */
    uint32_t stride;
    const QxlPalette *palette; /* NULL unless the format is indexed; a mask has none */
    QxlData data;
} QxlBitmap;

typedef struct QxlImage {
    uint64_t id;            /* group in the low 32 bits (QXL_IMAGE_GROUP_*), unique number in the high */
    uint8_t type;           /* SPICE_IMAGE_TYPE_BITMAP, _QUIC or _SURFACE: says which of `u` */
    uint8_t flags;          /* of QXL_IMAGE_CACHE and QXL_IMAGE_HIGH_BITS_SET */
    uint32_t width, height; /* also of a surface, as it was when the drawable was read */
    union {
        QxlBitmap bitmap;
        QxlData quic;        /* never empty */
        uint32_t surface_id; /* it exists; it may be the one drawn on: then what it showed before is meant */
    } u;
} QxlImage;

/* Bits per pixel of a SPICE_BITMAP_FMT_*; 0: no such format. */
unsigned qxl_bitmap_depth(uint8_t format);
/* Its pixels are numbers of colours in a palette. */
bool qxl_bitmap_is_indexed(uint8_t format);
