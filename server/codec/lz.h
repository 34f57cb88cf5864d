/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz.h: SPICE's LZ: a byte-aligned LZ77 whose units are pixels, or bytes of palette images.
 *
 * The coded image starts with a header of 28 bytes, which says the order of rows; so a source is coded in the order
 * in which its rows lie in memory. A palette is not part of it. Every PixelFormat can be coded; from an RGBA source
 * alpha alone can be, too, as JPEG_ALPHA wants it.
 *
 * Ownership, threads, errors: codec.h. An encoder holds 40 KiB; images that are not packed 32-bit or 8-bit pixels in
 * one piece are copied to memory of its own first, 4 bytes for a pixel (a byte for palette images and alpha).
 * Source  reference/image-codecs.md section 3.
 */
#pragma once

#include "codec/codec.h"

#define LZ_HEADER_BYTES 28u

/* The type in the header: a PixelFormat, except for these. */
typedef enum LzType {
    LZ_TYPE_XXXA = 10, /* alpha alone, of 32-bit pixels */
    LZ_TYPE_A8 = 11,
} LzType;

typedef struct LzEncoder LzEncoder;

/* NULL: no memory. */
LzEncoder *lz_encoder_new(const CodecMemory *memory);
void lz_encoder_free(LzEncoder *encoder);

Status lz_encode(LzEncoder *encoder, const ImageSource *source, CodecSink *sink) STATUS_MUST_CHECK;
/* The alpha bytes of an RGBA source, as type XXXA. */
Status lz_encode_alpha(LzEncoder *encoder, const ImageSource *source, CodecSink *sink) STATUS_MUST_CHECK;

/* Reads the header; XXXA decodes into PIXEL_RGBA. */
Status lz_info(Span data, ImageInfo *ret_info, bool *ret_alpha_alone) STATUS_MUST_CHECK;
/* Decodes to `size` bytes, which must be stride * height of lz_info(). Of XXXA only every fourth byte is written. */
Status lz_decode(Span data, uint8_t *pixels, size_t size) STATUS_MUST_CHECK;
