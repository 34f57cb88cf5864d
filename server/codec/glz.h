/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glz.h: SPICE's GLZ: LZ whose matches reach into earlier images of the same client.
 *
 * An encoder is one client's dictionary: it holds copies of the pixels of the latest images, at most as many as the client
 * announced, and no guest memory. Coding an image and entering it into the window are one step, so an image that was
 * coded must be sent, and images must be sent in the order in which they were coded. When coding fails the client is owed
 * nothing and the next image takes the same id; only older images may have left the window early. Images with and without
 * `high_bits` do not refer to each other (glz_decoder_set_high_bits()).
 *
 * Formats: 16BIT, 24BIT, 32BIT, RGBA; others are STATUS_MISUSE. An image of as many pixels as the window or more is
 * STATUS_LIMIT. Rows are coded in the order in which they lie in memory.
 *
 * Ownership, threads, errors: codec.h. Memory grows with what was coded: 4 bytes for a pixel of the window, up to 1.25
 * windows, and up to 128 KiB of table. It does not shrink but by glz_encoder_freeze().
 * Source  reference/image-codecs.md section 4.
 */
#pragma once

#include "codec/codec.h"

#define GLZ_HEADER_BYTES 33u
#define GLZ_WINDOW_PIXELS_MAX (UINT32_C(1) << 25) /* the format's longest way back */

/* What migration carries: the window itself is not, it starts empty. */
typedef struct GlzState {
    uint32_t window_pixels;
    uint64_t next_id; /* of the first image that is coded with it */
} GlzState;

typedef struct GlzEncoder GlzEncoder;

/* The window is at most GLZ_WINDOW_PIXELS_MAX, whatever the client announced. NULL: no memory. */
GlzEncoder *glz_encoder_new(const CodecMemory *memory, const GlzState *state);
void glz_encoder_free(GlzEncoder *encoder);

Status glz_encode(GlzEncoder *encoder, const ImageSource *source, CodecSink *sink) STATUS_MUST_CHECK;

/* The state another encoder can go on from. This one drops its window and codes no more (STATUS_MISUSE). */
GlzState glz_encoder_freeze(GlzEncoder *encoder);

/* ---- The client's side ---- */

/* A decoder keeps each image of the window in memory of its own, as images of several channels come in any order. */
typedef struct GlzDecoder GlzDecoder;

/* `first_id` is the id of the first image there will be. NULL: no memory. */
GlzDecoder *glz_decoder_new(const CodecMemory *memory, uint32_t window_pixels, uint64_t first_id);
void glz_decoder_free(GlzDecoder *decoder);

Status glz_info(Span data, ImageInfo *ret_info, uint64_t *ret_id) STATUS_MUST_CHECK;
/* Decodes to `size` bytes, stride * height of glz_info(), and into the window. STATUS_AGAIN: it refers to an image that was
 * not decoded yet; decode that one and come again. STATUS_PEER_FAULT also for an image that the window has no room for. */
Status glz_decode(GlzDecoder *decoder, Span data, uint8_t *pixels, size_t size) STATUS_MUST_CHECK;
/* Existing clients' window is the very pixels that they show: a picture that comes with HIGH_BITS_SET gets its fourth bytes set
 * there, too, and later matches take those with them. Nothing if the image is not 24BIT or 32BIT, or gone already. */
void glz_decoder_set_high_bits(GlzDecoder *decoder, uint64_t id);
/* Pixels that the window holds now. */
uint64_t glz_decoder_pixels(const GlzDecoder *decoder);
