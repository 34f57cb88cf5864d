/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic.h: SPICE's QUIC: predicted pixels, adaptive Golomb-Rice codes, runs. For photographs.
 *
 * Formats: 8BIT_A (as QUIC's GRAY), 16BIT, 24BIT, 32BIT, RGBA; palettes are STATUS_MISUSE. The top row is always coded
 * first, so a bottom-up source is read backwards. What is coded follows from the pixels alone: the same bytes as from
 * every other encoder of this format. Nothing is kept between images.
 *
 * Ownership, threads, errors: codec.h. An encoder or decoder holds 40 KiB, and 32 bytes for each pixel of its widest
 * row.
 * Source  reference/image-codecs.md section 2.
 */
#pragma once

#include "codec/codec.h"

typedef struct QuicEncoder QuicEncoder;
typedef struct QuicDecoder QuicDecoder;

/* NULL: no memory. */
QuicEncoder *quic_encoder_new(const CodecMemory *memory);
void quic_encoder_free(QuicEncoder *encoder);
Status quic_encode(QuicEncoder *encoder, const ImageSource *source, CodecSink *sink) STATUS_MUST_CHECK;

QuicDecoder *quic_decoder_new(const CodecMemory *memory);
void quic_decoder_free(QuicDecoder *decoder);
/* Reads the header. */
Status quic_info(Span data, ImageInfo *ret_info) STATUS_MUST_CHECK;
/* Decodes to exactly `size` bytes, stride * height of quic_info(), top row first. The fourth byte of 32BIT becomes 0,
 * as does bit 15 of 16BIT. Padding bits and the last word may have any value, but not another length. */
Status quic_decode(QuicDecoder *decoder, Span data, uint8_t *pixels, size_t size) STATUS_MUST_CHECK;
