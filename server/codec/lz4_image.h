/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lz4_image.h: SPICE's framing of LZ4: blocks of whole rows that may refer to the rows before.
 *
 * Formats: 16BIT, 24BIT, 32BIT, RGBA; others are STATUS_MISUSE. Rows are coded in the order in which they lie in memory.
 * The coded bytes do not say how large the image is; its descriptor does. The fourth bytes of 32BIT pixels are
 * coded as they are, and come out again: guests can make alpha of them. 32 bits are searched for matches at pixels
 * (lz4_pixels.h) unless their fourth bytes look like noise.
 *
 * Ownership, threads, errors: codec.h. An encoder holds 33 KiB, a block (1 MiB, or a row if that is more) for sinks of small
 * pieces, and an image for sources whose rows are padded or lie in several places.
 * Source  reference/image-codecs.md section 6.
 */
#pragma once

#include "codec/codec.h"

typedef struct Lz4Encoder Lz4Encoder;

/* NULL: no memory. */
Lz4Encoder *lz4_encoder_new(const CodecMemory *memory);
void lz4_encoder_free(Lz4Encoder *encoder);

Status lz4_encode(Lz4Encoder *encoder, const ImageSource *source, CodecSink *sink) STATUS_MUST_CHECK;

/* Reads the two bytes in front; width and height are the descriptor's. */
Status lz4_info(Span data, uint32_t width, uint32_t height, ImageInfo *ret_info) STATUS_MUST_CHECK;
/* Decodes to exactly `size` bytes, stride * height of lz4_info(). */
Status lz4_decode(Span data, uint8_t *pixels, size_t size) STATUS_MUST_CHECK;
