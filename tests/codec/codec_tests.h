/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec_tests.h: one way to test every codec.
 *
 * codec_round_trips() goes through image classes, formats and layouts, and holds each codec to: the decoded pixels,
 * the same bytes whatever pieces the sink has, the exact maximum, and no allocation when an image comes again.
 * codec_abuse() truncates coded images and flips bits in them, in buffers of exactly their size: run it with
 * sanitizers.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/codec/images.h"

typedef struct CodecUnderTest {
    const char *name;
    unsigned formats;    /* bits 1 << PixelFormat */
    bool top_first;      /* decoded rows begin at the top, whatever the source's order */
    void *(*open)(void); /* an encoder */
    void (*close)(void *encoder);
    Status (*encode)(void *encoder, const ImageSource *source, CodecSink *sink);
    Status (*info)(Span data, ImageInfo *ret_info);
    Status (*decode)(Span data, uint8_t *pixels, size_t size);
} CodecUnderTest;

/* How many images of random kind, size and layout each codec gets in each of its formats, besides those that every run has. */
extern unsigned codec_random_images;

/* Mostly small ones, of any layout. */
ImageLayout codec_random_layout(Random *random, PixelFormat format);

void codec_round_trips(const CodecUnderTest *codec);
void codec_abuse(const CodecUnderTest *codec);
/* One image through encoder and decoder; returns the coded size. */
size_t codec_round_trip(const CodecUnderTest *codec, void *encoder, ImageClass class,
                        const ImageLayout *layout, uint64_t seed);

/* Flips bits of `coded`, truncates it, and gives the result to `decode` `rounds` times, in a buffer of exactly its
 * size, to decode into exactly `size` bytes. Returns how often that was taken for an image. */
unsigned codec_abuse_bytes(Status (*decode)(Span data, uint8_t *pixels, size_t size), Span coded, size_t size,
                           unsigned rounds, uint64_t seed);

/* Appends at most `max` bytes in pieces of 1 to 300. */
typedef struct PieceSink {
    CodecSink sink;
    Random random;
    uint8_t *pieces[4096];
    size_t lens[4096];
    size_t count;
} PieceSink;

void piece_sink_init(PieceSink *sink, size_t max, uint64_t seed);
uint8_t *piece_sink_join(PieceSink *sink); /* and frees the pieces; the caller frees the result */

int run_lz(void);
int run_lz4(void);
int run_quic(void);
int run_glz(void);
int run_zlib_glz(void);
int run_jpeg(void);
int run_changing(void);
