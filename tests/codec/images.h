/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* images.h: pictures for tests and benchmarks, the same for the same seed on every machine.
 *
 * A TestImage is laid out as a guest might: rows with padding, in several pieces of memory. Every piece is an
 * allocation of exactly its size, so that sanitizers see the first byte read beyond it. Bits that do not count (the
 * fourth byte of 32-bit pixels, padding, bit 15 of 16-bit pixels) are filled with noise.
 */
#pragma once

#include "codec/codec.h"

typedef enum ImageClass {
    IMAGE_TEXT_RUN,  /* a few glyphs with gray edges on paper */
    IMAGE_TEXT_PAGE, /* lines of them, of different lengths */
    IMAGE_UI,        /* gradients with flat borders */
    IMAGE_PHOTO,     /* smooth shapes with grain */
    IMAGE_NOISE,     /* every pixel of its own */
    IMAGE_FLAT,      /* one color */
    IMAGE_RUNS,      /* runs of few colors, of all lengths, with repeated rows */
    IMAGE_CLASSES,
} ImageClass;

const char *image_class_name(ImageClass class);

typedef struct Random {
    uint64_t state;
} Random;

Random random_from(uint64_t seed);
uint32_t random_below(Random *random, uint32_t limit);

/* width * height pixels 0xAARRGGBB, top row first; the caller frees them. */
uint32_t *image_paint(ImageClass class, uint32_t width, uint32_t height, uint64_t seed);

#define IMAGE_CHUNKS_MAX 8u

typedef struct TestImage {
    ImageSource source;
    ImageChunk chunks[IMAGE_CHUNKS_MAX];
    /* The pixels that a lossless decoder must give, packed: in the order of the source's rows, and top row first. */
    uint8_t *expected, *expected_top_first;
    size_t size;
} TestImage;

typedef struct ImageLayout {
    PixelFormat format;
    uint32_t width, height;
    uint32_t padding; /* bytes behind each row but the last */
    uint32_t chunks;  /* at most height and IMAGE_CHUNKS_MAX */
    bool top_down;
    bool no_junk; /* bits that do not count are 0, as guests have them; otherwise anything */
} ImageLayout;

void image_make(TestImage *image, ImageClass class, const ImageLayout *layout, uint64_t seed);
void image_free(TestImage *image);

extern const CodecMemory test_memory;
/* Blocks that test_memory has given and not got back. */
extern unsigned test_memory_blocks;
/* How many were ever asked for. */
extern unsigned test_memory_calls;
