/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* jpeg.h: JPEG, and JPEG_ALPHA: a JPEG of the colors and behind it an LZ image of the alpha. Both lose.
 *
 * Encoding takes 16BIT, 24BIT, 32BIT and RGBA sources (whose alpha plain JPEG leaves out); others are STATUS_MISUSE, more
 * than 65,500 pixels a side are STATUS_LIMIT. The top row always comes first. Decoding gives 32-bit pixels.
 *
 * Ownership, threads, errors: codec.h. What libjpeg needs for an image an encoder takes from its CodecMemory, and keeps up to
 * 256 KiB of it for the next one (jpeg_memory.h); what it takes once for a context, and all of a decoder's, comes from malloc.
 * libjpeg's errors end a call by longjmp() within that call; nothing is held over it.
 * Source  reference/image-codecs.md section 7.
 */
#pragma once

#include "codec/lz.h"

typedef struct JpegEncoder JpegEncoder;
typedef struct JpegDecoder JpegDecoder;

/* NULL: no memory. */
JpegEncoder *jpeg_encoder_new(const CodecMemory *memory);
void jpeg_encoder_free(JpegEncoder *encoder);

/* `quality` is 1 to 100. */
Status jpeg_encode(JpegEncoder *encoder, const ImageSource *source, int quality,
                   CodecSink *sink) STATUS_MUST_CHECK;
/* Of an RGBA source. *ret_jpeg_size: bytes of the JPEG part. The image's TOP_DOWN flag is the source's top_down. */
Status jpeg_alpha_encode(JpegEncoder *encoder, LzEncoder *lz, const ImageSource *source, int quality,
                         CodecSink *sink, size_t *ret_jpeg_size) STATUS_MUST_CHECK;

JpegDecoder *jpeg_decoder_new(const CodecMemory *memory);
void jpeg_decoder_free(JpegDecoder *decoder);

/* Decodes an image of the descriptor's size to width * height pixels of 4 bytes, top row first, the fourth byte 0. Only
 * baseline JPEG of three components, without a byte missing or too many, is taken. */
Status jpeg_decode(JpegDecoder *decoder, Span data, uint32_t width, uint32_t height,
                   uint8_t *pixels) STATUS_MUST_CHECK;
/* The same with alpha in the fourth byte. */
Status jpeg_alpha_decode(JpegDecoder *decoder, Span data, size_t jpeg_size, bool top_down, uint32_t width,
                         uint32_t height, uint8_t *pixels) STATUS_MUST_CHECK;
