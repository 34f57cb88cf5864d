/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec.h: what all image codecs share: pixel formats, where pixels come from, where coded bytes go.
 *
 * A codec knows no sessions: pixels in, bytes out, or the other way round. What it needs to remember lies in a
 * context (LzEncoder, QuicEncoder, ...) that its caller made and frees; there are no globals, and once a context
 * has seen its largest image it allocates nothing more (JPEG: of 8,192 pixels a row at most; see jpeg.h).
 *
 * Ownership  sources and sinks borrow: their memory stays the caller's, and must stay valid during the call.
 * Thread     any, one at a time for each context; contexts share nothing.
 * Pixels     the memory order of SPICE bitmaps: 24 and 32 bits are B, G, R, pad or A; 16 bits little-endian 0555.
 *            They may lie in guest memory and change while an encoder reads them: then the image shows a mixture,
 *            and nothing else goes wrong. Therefore no encoder takes an index or a length from memory it reads
 *            twice.
 * Errors     encoders: STATUS_LIMIT when the sink's maximum or an image limit is passed, STATUS_IO when memory
 *            could not be had, STATUS_MISUSE for formats a codec has no code for and for sources that contradict
 *            themselves. Decoders: STATUS_PEER_FAULT for anything that is not exactly one image of the given size;
 *            they never read or write outside of what they were given, and what they wrote before an error is
 *            unspecified. Where a decoder ignores a fault that costs nothing it says so.
 * Source     reference/image-codecs.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

/* The values of SPICE's bitmap formats. */
typedef enum PixelFormat {
    PIXEL_1BIT_LE = 1, /* bit 0 is the leftmost pixel */
    PIXEL_1BIT_BE = 2, /* bit 7 is */
    PIXEL_4BIT_LE = 3, /* the low nibble is the left pixel */
    PIXEL_4BIT_BE = 4, /* the high nibble is */
    PIXEL_8BIT = 5,    /* a palette index */
    PIXEL_16BIT = 6,
    PIXEL_24BIT = 7,
    PIXEL_32BIT = 8,
    PIXEL_RGBA = 9,
    PIXEL_8BIT_A = 10, /* alpha, or gray: one byte that is no index */
} PixelFormat;

/* Pixels. More is no screen, and the bytes of such an image still fit 32 bits (the protocol's own bound). */
#define CODEC_PIXELS_MAX ((UINT64_C(1) << 29) - 1)

/* Bits of a pixel in memory; 0 for what is no PixelFormat. */
unsigned pixel_bits(PixelFormat format);
/* Bytes of a row without padding; meaningful for at most CODEC_PIXELS_MAX pixels. */
uint64_t pixel_row_bytes(PixelFormat format, uint32_t width);

/* ---- Where pixels come from ---- */

/* Whole rows that lie `stride` bytes apart. The last row of an image may end without its padding. */
typedef struct ImageChunk {
    const uint8_t *data;
    uint32_t rows;
} ImageChunk;

typedef struct ImageSource {
    PixelFormat format;
    uint32_t width, height;   /* pixels, at least 1 */
    uint32_t stride;          /* bytes, at least a row's */
    bool top_down;            /* the first row in memory is the top one */
    const ImageChunk *chunks; /* in memory order; their rows add up to height */
    uint32_t chunk_count;
    bool high_bits; /* who decodes it sets its fourth bytes then (HIGH_BITS_SET); GLZ keeps such apart */
} ImageSource;

/* ---- Where coded bytes go ---- */

#define SINK_ROOM 192u /* bytes an encoder may write before it looks again */

typedef struct CodecSink CodecSink;

/* Fills `*ret_data`, `*ret_len` with the next piece of memory, at least 1 byte. False: there is no more. */
typedef bool (*CodecSinkMore)(CodecSink *sink, uint8_t **ret_data, size_t *ret_len);

/* All pieces but the last are filled to their end. After an error nothing in them means anything. */
struct CodecSink {
    void *owner;  /* for more() */
    size_t total; /* bytes written; complete when the encoder has returned */
    size_t max;   /* more than this is STATUS_LIMIT; callers often give the size of the raw pixels */

    /* The codecs' own (codec/sink.h). */
    CodecSinkMore more;
    uint8_t *at, *end;
    bool aside;
    uint8_t small[4 * SINK_ROOM]; /* where encoders write near the end of a piece */
};

void sink_init(CodecSink *sink, uint8_t *buffer, size_t size);
/* `max` bytes in pieces that more() supplies when they are needed. */
void sink_init_pieces(CodecSink *sink, CodecSinkMore more, void *owner, size_t max);

/* ---- What a decoder is told, or tells ---- */

typedef struct ImageInfo {
    PixelFormat format; /* of the decoded pixels */
    uint32_t width, height;
    uint32_t stride; /* bytes of a decoded row; rows are packed */
    bool top_down;   /* the first decoded row is the top one */
} ImageInfo;

/* ---- Memory ---- */

/* For sizes that follow from a guest's or client's images. alloc() may fail with NULL. */
typedef struct CodecMemory {
    void *(*alloc)(void *owner, size_t size);
    void (*free)(void *owner, void *memory);
    void *owner;
} CodecMemory;
