/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/images.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const char *image_class_name(ImageClass class)
{
    static const char *const names[IMAGE_CLASSES] = {"text-run", "text-page", "ui",  "photo",
                                                     "noise",    "flat",      "runs"};
    return names[class];
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

Random random_from(uint64_t seed)
{
    return (Random){mix(seed + 0x1234567)}; /* mixed: sequences from neighboring seeds must not overlap */
}

/* SplitMix64. */
uint32_t random_below(Random *random, uint32_t limit)
{
    random->state += 0x9e3779b97f4a7c15u;
    return (uint32_t)((mix(random->state) >> 32) * limit >> 32);
}

static uint32_t gray_of(uint32_t level)
{
    return level * 0x010101u;
}

/* One of a few dozen shapes, 7 pixels wide and 11 high, drawn with soft edges. */
static void glyph_paint(uint32_t *pixels, uint32_t stride, uint32_t room_x, uint32_t room_y, uint32_t shape)
{
    Random random = random_from(shape + 77);
    for (uint32_t stroke = 0; stroke < 3; stroke++) {
        const uint32_t x = random_below(&random, 5), y = random_below(&random, 6);
        const uint32_t length = 4 + random_below(&random, 5), edge = 60 + random_below(&random, 160);
        const bool down = random_below(&random, 2) != 0;
        for (uint32_t i = 0; i < length; i++) {
            const uint32_t px = down ? x : x + i, py = down ? y + i : y;
            if (px + 1 < room_x && py + 1 < room_y && px < 6 && py < 10) {
                pixels[(size_t)py * stride + px] = 0;
                pixels[(size_t)(down ? py : py + 1) * stride + (down ? px + 1 : px)] = gray_of(edge);
            }
        }
    }
}

static void text_paint(uint32_t *pixels, uint32_t width, uint32_t height, Random *random, bool page)
{
    for (size_t i = 0; i < (size_t)width * height; i++) {
        pixels[i] = 0xffffff;
    }
    for (uint32_t y = 3; y + 2 < height; y += 16) {
        const uint32_t line = page ? random_below(random, width + 1) : width;
        for (uint32_t x = 1; x + 2 < line; x += 8) {
            if (!page || random_below(random, 6) != 0) {
                glyph_paint(pixels + (size_t)y * width + x, width, line - x, height - y,
                            random_below(random, 60));
            }
        }
    }
}

static void ui_paint(uint32_t *pixels, uint32_t width, uint32_t height, Random *random)
{
    const uint32_t from = 128 + random_below(random, 96), tint = random_below(random, 32);
    const bool flat_rows = random_below(random, 2) != 0;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            const bool border = x < 2 || y < 2 || x + 2 >= width || y + 2 >= height;
            const uint32_t ramp = (from - (flat_rows ? y : x / 4)) & 0xff;
            pixels[(size_t)y * width + x] = border ? gray_of(64 + tint) : gray_of(ramp) ^ tint;
        }
    }
}

/* Values at the corners of a grid, blended between them. */
static uint32_t lattice(uint32_t seed, uint32_t x, uint32_t y, uint32_t shift)
{
    const uint32_t side = 1u << shift, fx = x & (side - 1), fy = y & (side - 1);
    uint32_t value = 0;
    for (uint32_t corner = 0; corner < 4; corner++) {
        Random random = random_from((uint64_t)seed << 40 ^ (uint64_t)((x >> shift) + (corner & 1)) << 20 ^
                                    ((y >> shift) + (corner >> 1)));
        value +=
            random_below(&random, 256) * ((corner & 1) ? fx : side - fx) * ((corner >> 1) ? fy : side - fy);
    }
    return value >> (2 * shift);
}

static void photo_paint(uint32_t *pixels, uint32_t width, uint32_t height, Random *random)
{
    const uint32_t seed = random_below(random, 1u << 20);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t light = lattice(seed, x, y, 6) * 5 + lattice(seed + 1, x, y, 4) * 2;
            uint32_t pixel = 0;
            for (uint32_t channel = 0; channel < 3; channel++) {
                const uint32_t value =
                    (light + lattice(seed + 2 + channel, x, y, 5)) / 8 + random_below(random, 9);
                pixel = pixel << 8 | (value > 255 ? 255 : value);
            }
            pixels[(size_t)y * width + x] = pixel;
        }
    }
}

static void runs_paint(uint32_t *pixels, uint32_t width, uint32_t height, Random *random)
{
    uint32_t colors[5];
    for (uint32_t i = 0; i < 5; i++) {
        colors[i] = random_below(random, 1u << 24);
    }
    for (uint32_t y = 0; y < height; y++) {
        uint32_t *row = pixels + (size_t)y * width;
        if (y > 0 && random_below(random, 3) == 0) {
            memcpy(row, row - width, (size_t)width * 4);
            continue;
        }
        for (uint32_t x = 0; x < width;) {
            const uint32_t color = colors[random_below(random, 5)];
            uint32_t run = 1 + random_below(random, 1u << random_below(random, 10));
            for (; run > 0 && x < width; run--) {
                row[x++] = color;
            }
        }
    }
}

uint32_t *image_paint(ImageClass class, uint32_t width, uint32_t height, uint64_t seed)
{
    const size_t count = (size_t)width * height;
    uint32_t *pixels = calloc(count, 4);
    CHECK(pixels != NULL);
    Random random = random_from(seed * 31 + class);
    switch (class) {
    case IMAGE_TEXT_RUN:
        text_paint(pixels, width, height, &random, false);
        break;
    case IMAGE_TEXT_PAGE:
        text_paint(pixels, width, height, &random, true);
        break;
    case IMAGE_UI:
        ui_paint(pixels, width, height, &random);
        break;
    case IMAGE_PHOTO:
        photo_paint(pixels, width, height, &random);
        break;
    case IMAGE_RUNS:
        runs_paint(pixels, width, height, &random);
        break;
    default: {
        const uint32_t color = random_below(&random, 1u << 24);
        for (size_t i = 0; i < count; i++) {
            pixels[i] = class == IMAGE_FLAT ? color : random_below(&random, 1u << 24);
        }
        break;
    }
    }
    /* Alpha: opaque with soft holes; for noise, noise. */
    for (size_t i = 0; i < count; i++) {
        const uint32_t alpha = class == IMAGE_NOISE           ? random_below(&random, 256)
                               : (i / 37 + i / 1000) % 5 == 0 ? (uint32_t)(i % 37) * 6
                                                              : 255;
        pixels[i] |= alpha << 24;
    }
    return pixels;
}

/* Writes pixel `x` of a row; `junk` fills the bits that do not count. */
static void pixel_put(PixelFormat format, uint8_t *row, uint32_t x, uint32_t pixel, uint8_t junk)
{
    const uint32_t level = (pixel >> 16 & 0xff) / 4 + (pixel >> 8 & 0xff) / 2 + (pixel & 0xff) / 4;
    switch (format) {
    case PIXEL_1BIT_LE:
        row[x / 8] |= (uint8_t)((level >> 7 & 1) << (x % 8));
        break;
    case PIXEL_1BIT_BE:
        row[x / 8] |= (uint8_t)((level >> 7 & 1) << (7 - x % 8));
        break;
    case PIXEL_4BIT_LE:
        row[x / 2] |= (uint8_t)((level >> 4 & 15) << (4 * (x % 2)));
        break;
    case PIXEL_4BIT_BE:
        row[x / 2] |= (uint8_t)((level >> 4 & 15) << (4 - 4 * (x % 2)));
        break;
    case PIXEL_8BIT:
    case PIXEL_8BIT_A:
        row[x] = (uint8_t)level;
        break;
    case PIXEL_16BIT:
        le16_put(row + 2 * (size_t)x,
                 (uint16_t)((pixel >> 9 & 0x7c00) | (pixel >> 6 & 0x3e0) | (pixel >> 3 & 0x1f)));
        break;
    case PIXEL_24BIT:
        row[3 * (size_t)x] = (uint8_t)pixel;
        row[3 * (size_t)x + 1] = (uint8_t)(pixel >> 8);
        row[3 * (size_t)x + 2] = (uint8_t)(pixel >> 16);
        break;
    default:
        le32_put(row + 4 * (size_t)x,
                 (pixel & 0xffffff) | (format == PIXEL_RGBA ? pixel & 0xff000000 : (uint32_t)junk << 24));
        break;
    }
}

void image_make(TestImage *image, ImageClass class, const ImageLayout *layout, uint64_t seed)
{
    const uint32_t width = layout->width, height = layout->height;
    const size_t row_bytes = (size_t)pixel_row_bytes(layout->format, width);
    const size_t stride = row_bytes + layout->padding;
    uint32_t *pixels = image_paint(class, width, height, seed);
    Random random = random_from(seed);
    image->size = row_bytes * height;
    image->expected = calloc(1, image->size);
    image->expected_top_first = calloc(1, image->size);
    CHECK(image->expected != NULL && image->expected_top_first != NULL);
    image->source = (ImageSource){
        .format = layout->format,
        .width = width,
        .height = height,
        .stride = (uint32_t)stride,
        .top_down = layout->top_down,
        .chunks = image->chunks,
        .chunk_count = layout->chunks,
    };
    uint32_t done = 0;
    for (uint32_t c = 0; c < layout->chunks; c++) {
        const uint32_t left = layout->chunks - c - 1;
        const uint32_t rows = left == 0 ? height - done : 1 + random_below(&random, height - done - left);
        const size_t size = rows * stride - (left == 0 ? layout->padding : 0);
        uint8_t *data = calloc(size, 1);
        CHECK(data != NULL);
        for (size_t i = 0; i < size; i++) {
            data[i] = (uint8_t)random_below(&random, 256);
        }
        for (uint32_t y = 0; y < rows; y++) {
            const uint32_t line = layout->top_down ? done + y : height - 1 - done - y;
            uint8_t *row = data + y * stride;
            uint8_t *expected = image->expected + (done + y) * row_bytes;
            memset(row, 0, row_bytes);
            for (uint32_t x = 0; x < width; x++) {
                pixel_put(layout->format, row, x, pixels[(size_t)line * width + x],
                          layout->no_junk ? 0 : (uint8_t)random_below(&random, 256));
                pixel_put(layout->format, expected, x, pixels[(size_t)line * width + x], 0);
            }
            memcpy(image->expected_top_first + line * row_bytes, expected, row_bytes);
        }
        image->chunks[c] = (ImageChunk){data, rows};
        done += rows;
    }
    free(pixels);
}

void image_free(TestImage *image)
{
    for (uint32_t c = 0; c < image->source.chunk_count; c++) {
        free((void *)(uintptr_t)image->chunks[c].data);
    }
    free(image->expected);
    free(image->expected_top_first);
}

unsigned test_memory_blocks, test_memory_calls;

static void *memory_alloc(void *owner, size_t size)
{
    (void)owner;
    test_memory_blocks++;
    test_memory_calls++;
    return malloc(size);
}

static void memory_free(void *owner, void *memory)
{
    (void)owner;
    test_memory_blocks--;
    free(memory);
}

const CodecMemory test_memory = {memory_alloc, memory_free, NULL};
