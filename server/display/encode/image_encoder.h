/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image_encoder.h: pictures as they go on the wire: as they are, coded, by name, or not at all for the client has them.
 *
 * What is smaller as it is, is sent so; how others are coded is image_coder.h's choice. What may lose does not enter the
 * client's cache: it would be there for drawings that may not. Masks are not coded, as existing clients expect.
 *
 * Ownership  an EncodedImage borrows from the drawable, from the pad, from `taken` blocks and from `shared`; its maker gives
 *            those back unless they went to the stream. An ImageEncoder owns its codecs and its BlockPool.
 * Thread     one at a time.
 * Units      bytes; pixels.
 * Errors     false: no memory.
 * Source     reference/wire-protocol.md section 3.2.1, reference/api-and-behaviour.md section 6.4.
 */
#pragma once

#include "display/canvas/canvas.h"
#include "display/encode/blocks.h"
#include "display/encode/coding_pool.h"
#include "display/encode/draw_encoder.h"
#include "display/encode/image_cache.h"
#include "display/encode/image_coder.h"
#include "display/encode/pad.h"
#include "display/encode/palette_cache.h"
#include "display/encode/shared.h"
#include "wire/wire.h"

typedef struct ImageEncoder {
    const Core *core;
    BlockPool *pool;
    Pad *pad;
    ImageCoder coder;
    uint64_t next_area; /* number of the next image that is ours */
} ImageEncoder;

typedef struct EncodedImage {
    WireImage wire;
    WirePalette palette;
    Span *spans; /* of the data; NULL: it is short and in one piece, or there is none */
    uint32_t span_count;
    BlockChain taken;     /* what `spans` lie in, if it is not the guest's memory */
    SharedCoding *shared; /* the same; NULL: it is not shared */
    size_t inline_bytes;  /* the most that it takes in the message itself */
    bool is_lossy;
} EncodedImage;

typedef struct ImageOptions {
    DrawCompression compression; /* LZ4 only for a client that can */
    size_t piece_min; /* data that is not longer must be in one piece: it is copied into the message */
    bool is_mask;
    bool
        is_source; /* clients decode it whatever they draw, before all later ones: only so it may be GLZ, lose, or be kept */
    bool may_lose;
    DrawPhoto photo; /* is the source one? */
    bool alone;      /* it has nothing to do with what was coded before: no GLZ */
    bool zlib;
    bool is_browser;         /* browser.h */
    bool keep_guest;         /* data may stay in guest memory until it was sent */
    uint32_t surface_format; /* SPICE_SURFACE_FMT_* of what it is drawn on */
    bool blended;            /* alpha blend: clients take its pixels as they are decoded */
    uint8_t display_id;
    ImageCache *images; /* NULL: not to be cached */
    PaletteCache *palettes;
    Shared *shared; /* NULL: nobody else is sent it */
    uint32_t shared_image;
} ImageOptions;

/* It must stay where it is. */
bool image_encoder_init(ImageEncoder *encoder, const Core *core, Pad *pad);
void image_encoder_finish(ImageEncoder *encoder);

bool image_encode(ImageEncoder *encoder, const QxlImage *image, const ImageOptions *options,
                  EncodedImage *ret);
/* Pixels of a canvas, all of `area`, copied or coded. `with_alpha`: the fourth byte of 32_xRGB is meant to be alpha. */
bool image_encode_area(ImageEncoder *encoder, const Raster *raster, const QXLRect *area, bool with_alpha,
                       const ImageOptions *options, EncodedImage *ret);
/* The same, but by a thread, if it takes long: for image_of_coding(), when it is not pending any more. */
CodingStart image_begin_area(ImageEncoder *encoder, const Raster *raster, const QXLRect *area,
                             const ImageOptions *options, CodingPool *pool, SharedCoding **ret_coding);
/* The area as it was then. False: also if it is not coded; the area itself can be sent. */
bool image_of_coding(ImageEncoder *encoder, SharedCoding *coding, const QXLRect *area,
                     const ImageOptions *options, EncodedImage *ret);
void encoded_image_drop(EncodedImage *image);

/* Would it go by name alone, as things are? */
bool image_is_cached(const QxlImage *image, const ImageOptions *options);
/* Of its data, if it goes neither by name nor coded by us. */
uint64_t image_plain_bytes(const QxlImage *image);
