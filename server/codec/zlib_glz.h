/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zlib_glz.h: a GLZ image once more through zlib, for slow links.
 *
 * Worth trying for GLZ images of ZLIB_GLZ_BYTES_MIN and more. Give the sink a maximum of one byte less than the image has:
 * then STATUS_LIMIT says that zlib gained nothing, and the image is sent as it is.
 *
 * Ownership, threads, errors: codec.h. An encoder holds 260 KiB from its start, a decoder 40 KiB.
 * Source  reference/image-codecs.md section 5.
 */
#pragma once

#include "codec/codec.h"

#define ZLIB_GLZ_BYTES_MIN 100u /* bytes; as the existing server */

typedef struct ZlibEncoder ZlibEncoder;
typedef struct ZlibDecoder ZlibDecoder;

/* NULL: no memory. */
ZlibEncoder *zlib_encoder_new(const CodecMemory *memory);
void zlib_encoder_free(ZlibEncoder *encoder);
/* `glz`: the image, in `count` pieces. */
Status zlib_encode(ZlibEncoder *encoder, const Span *glz, uint32_t count, CodecSink *sink) STATUS_MUST_CHECK;

ZlibDecoder *zlib_decoder_new(const CodecMemory *memory);
void zlib_decoder_free(ZlibDecoder *decoder);
/* Decodes to exactly `size` bytes, the image's glz_data_size. */
Status zlib_decode(ZlibDecoder *decoder, Span data, uint8_t *glz, size_t size) STATUS_MUST_CHECK;
/* Only the first `size` bytes, whatever follows. */
Status zlib_decode_head(ZlibDecoder *decoder, Span data, uint8_t *glz, size_t size) STATUS_MUST_CHECK;
