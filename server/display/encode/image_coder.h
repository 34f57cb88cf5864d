/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image_coder.h: which codec a picture goes through, and the codecs themselves.
 *
 * What a compression setting (DrawCompression) stands for:
 *
 *   off                 nothing is coded, but for formats that clients know only so
 *   quic                QUIC; palettes, alpha alone and pictures of less than 3 pixels a side as they are; LZ for alpha
 *                       that the client would be wrong about (browsers)
 *   lz                  LZ
 *   lz4                 LZ4; LZ for palettes and alpha alone
 *   glz                 GLZ; LZ where that cannot be (below)
 *   auto_lz, auto_glz   photographs by QUIC, the rest as `lz`, `glz`
 *
 * Where QUIC is chosen for a photograph that may lose it is JPEG instead, with alpha JPEG_ALPHA. GLZ goes once more through
 * zlib where that is wanted and gains something.
 *
 * GLZ refers to earlier pictures, so all that is coded with it must be decoded by the client, in order. Therefore it is for
 * the one picture of a message that clients always look at (`in_order`), and for connections that have the client's
 * dictionary; LZ for all others. What was coded since the latest commit is undone by rollback: the window starts empty then,
 * and the next picture takes the number of the one that was not sent.
 *
 * Ownership  plain memory; codecs are made when they are first needed. The GLZ window grows with what is coded, to 5 bytes
 *            for a pixel of DRAW_GLZ_PIXELS_MAX at most; it is given back when the setting does not use it any more.
 * Thread     one at a time.
 * Units      bytes; pixels.
 * Source     reference/image-codecs.md section 9, reference/api-and-behaviour.md section 6.4.
 */
#pragma once

#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"
#include "display/encode/blocks.h"
#include "display/encode/draw_encoder.h"
#include "display/encode/pad.h"

#define IMAGE_CODECS_KEEP_BYTES                                                                              \
    (8u << 20)                       /* bytes that codecs keep from image to image: a screen of 1920 x 1080 */
#define IMAGE_CODED_BYTES_MIN 54u    /* bytes of pixels; less is not worth it. The existing server's number */
#define IMAGE_QUIC_SIDE_MIN 3u       /* pixels; the existing server's number */
#define IMAGE_LOSSY_PIXELS_MIN 1024u /* what JPEG itself takes, half a KiB, is nothing then */
#define IMAGE_JPEG_QUALITY 85        /* the existing server's number */

typedef struct ImageCoder {
    const Core *core;
    CodecMemory memory;     /* of codecs that remember nothing from image to image */
    CodecMemory glz_memory; /* of the window, which must stay */
    size_t bytes;           /* of `memory` */
    BlockPool *pool;        /* borrowed */
    Pad *pad;               /* borrowed */
    LzEncoder *lz;
    Lz4Encoder *lz4;
    QuicEncoder *quic;
    JpegEncoder *jpeg;
    ZlibEncoder *zlib;
    GlzEncoder *glz;
    GlzState glz_state; /* while `glz` is NULL: what it goes on from. No pixels: there is no dictionary */
    uint32_t glz_coded; /* since the latest commit */
} ImageCoder;

typedef struct CoderOptions {
    DrawCompression compression; /* LZ4 only for a client that can */
    bool is_photo;
    bool may_lose;
    bool in_order; /* the client decodes it whatever happens, before all later ones */
    bool zlib;
    bool is_browser; /* browser.h: it gets no QUIC of alpha, but LZ */
} CoderOptions;

typedef struct Coded {
    uint8_t type;       /* WIRE_IMAGE_TYPE_* */
    size_t inner_bytes; /* ZLIB_GLZ_RGB: of the GLZ image; JPEG_ALPHA: of the JPEG */
    BlockChain bytes;
} Coded;

/* Without a GLZ window. It must stay where it is. */
void image_coder_init(ImageCoder *coder, const Core *core, BlockPool *pool, Pad *pad);
void image_coder_finish(ImageCoder *coder);

/* Has it a GLZ window, which this setting uses? */
bool image_coder_has_window(const ImageCoder *coder, DrawCompression compression);
/* Does the setting ask whether a picture is a photograph? */
bool image_coder_asks_photo(const CoderOptions *options);
/* Is a picture of this size going to lose? */
bool image_coder_loses(const CoderOptions *options, uint32_t width, uint32_t height);
/* What it goes through; BITMAP: nothing. Of `source` all counts but the pixels. */
uint8_t image_coder_type(const ImageCoder *coder, const CoderOptions *options, const ImageSource *source);
/* Does this codec remember nothing from picture to picture? */
bool image_type_is_stateless(uint8_t type);
/* False: it is to be sent as it is; `ret->bytes` is empty. */
bool image_code(ImageCoder *coder, const CoderOptions *options, const ImageSource *source, Coded *ret);
/* Clients know bare bitmaps of this format. */
bool image_format_is_bare(PixelFormat format);

/* A message is made: codecs that remember nothing of it give back what only few need. */
void image_coder_trim(ImageCoder *coder);

/* Was something coded with GLZ? */
bool image_coder_commit(ImageCoder *coder);
void image_coder_rollback(ImageCoder *coder);
/* The window is given back; what is coded later refers to nothing before it. Outside of a message. */
void image_coder_forget(ImageCoder *coder);
/* The client's window, of so many pixels, is this connection's from now on, and empty; 0 pixels: it is not. */
void image_coder_take_window(ImageCoder *coder, uint64_t glz_pixels, uint64_t next_id);
/* It is not any more. The number of the next image for it. */
uint64_t image_coder_leave_window(ImageCoder *coder);
