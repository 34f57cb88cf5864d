/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* source.h: how encoders read an ImageSource, and memory that grows with it. Inside codec/ only. */
#pragma once

#include "codec/codec.h"

/* Checks what the caller says against itself and the limits; `formats` has the bit 1 << format of what is fit. */
Status source_check(const ImageSource *source, unsigned formats) STATUS_MUST_CHECK;

#define FORMAT_BIT(format) (1u << (format))

/* The rows, one by one. */
typedef struct RowWalk {
    const ImageSource *source;
    uint32_t chunk; /* the one that holds the next row */
    uint32_t row;   /* in it */
    bool backwards;
} RowWalk;

/* From the first row in memory on; or, with `top_first`, from the top one on. */
RowWalk rows_begin(const ImageSource *source, bool top_first);
/* To be called at most `height` times. */
const uint8_t *rows_next(RowWalk *walk);

/* The pixels when they lie in one piece without padding; otherwise NULL. */
const uint8_t *source_packed(const ImageSource *source);

/* Memory that is kept between images and only grows; what it held is lost when it does. */
typedef struct Scratch {
    uint8_t *data;
    size_t size;
} Scratch;

Status scratch_need(Scratch *scratch, const CodecMemory *memory, uint64_t size) STATUS_MUST_CHECK;
void scratch_free(Scratch *scratch, const CodecMemory *memory);

/* Copies a row of 16-, 24- or 32-bit pixels to 32-bit ones; of 16-bit pixels the upper half is 0, of 24-bit ones
 * the last byte. */
void row_widen(PixelFormat format, const uint8_t *row, uint32_t width, uint32_t *restrict pixels);
