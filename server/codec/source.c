/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/source.h"

#include "base/check.h"

unsigned pixel_bits(PixelFormat format)
{
    static const uint8_t bits[] = {0, 1, 1, 4, 4, 8, 16, 24, 32, 32, 8};
    return (unsigned)format < sizeof(bits) ? bits[format] : 0;
}

uint64_t pixel_row_bytes(PixelFormat format, uint32_t width)
{
    return ((uint64_t)width * pixel_bits(format) + 7) / 8;
}

Status source_check(const ImageSource *source, unsigned formats)
{
    if ((unsigned)source->format > PIXEL_8BIT_A || (formats & FORMAT_BIT(source->format)) == 0 ||
        source->width == 0 || source->height == 0 ||
        source->stride < pixel_row_bytes(source->format, source->width)) {
        return STATUS_MISUSE;
    }
    uint64_t rows = 0;
    for (uint32_t i = 0; i < source->chunk_count; i++) {
        rows += source->chunks[i].rows;
    }
    if (rows != source->height) {
        return STATUS_MISUSE;
    }
    return (uint64_t)source->width * source->height > CODEC_PIXELS_MAX ? STATUS_LIMIT : STATUS_OK;
}

RowWalk rows_begin(const ImageSource *source, bool top_first)
{
    const bool backwards = top_first && !source->top_down;
    RowWalk walk = {.source = source, .backwards = backwards};
    if (backwards) {
        walk.chunk = source->chunk_count - 1;
        walk.row = source->chunks[walk.chunk].rows;
    }
    return walk;
}

const uint8_t *rows_next(RowWalk *walk)
{
    const ImageSource *source = walk->source;
    if (walk->backwards) {
        while (walk->row == 0) {
            CHECK(walk->chunk > 0);
            walk->chunk--;
            walk->row = source->chunks[walk->chunk].rows;
        }
        walk->row--;
        return source->chunks[walk->chunk].data + (size_t)walk->row * source->stride;
    }
    while (walk->row == source->chunks[walk->chunk].rows) {
        walk->chunk++;
        walk->row = 0;
        CHECK(walk->chunk < source->chunk_count);
    }
    return source->chunks[walk->chunk].data + (size_t)walk->row++ * source->stride;
}

const uint8_t *source_packed(const ImageSource *source)
{
    const ImageChunk *chunk = source->chunks;
    if (source->stride != pixel_row_bytes(source->format, source->width)) {
        return source->height == 1 && source->chunk_count == 1 ? chunk->data : NULL;
    }
    for (uint32_t i = 1; i < source->chunk_count; i++) {
        if (chunk[i].data != chunk[i - 1].data + (size_t)chunk[i - 1].rows * source->stride) {
            return NULL;
        }
    }
    return chunk->data;
}

Status scratch_need(Scratch *scratch, const CodecMemory *memory, uint64_t size)
{
    if (size <= scratch->size) {
        return STATUS_OK;
    }
    scratch_free(scratch, memory);
    scratch->data = size <= SIZE_MAX ? memory->alloc(memory->owner, (size_t)size) : NULL;
    if (scratch->data == NULL) {
        return STATUS_IO;
    }
    scratch->size = (size_t)size;
    return STATUS_OK;
}

void scratch_free(Scratch *scratch, const CodecMemory *memory)
{
    if (scratch->data != NULL) {
        memory->free(memory->owner, scratch->data);
    }
    *scratch = (Scratch){0};
}

void row_widen(PixelFormat format, const uint8_t *row, uint32_t width, uint32_t *restrict pixels)
{
    switch (format) {
    case PIXEL_16BIT:
        for (uint32_t x = 0; x < width; x++) {
            pixels[x] = le16_get(row + 2 * (size_t)x);
        }
        break;
    case PIXEL_24BIT: {
        uint32_t x = 0;
        for (; x + 1 < width; x++) {
            pixels[x] = le32_get(row + 3 * (size_t)x) & 0xffffff;
        }
        row += 3 * (size_t)x;
        pixels[x] = (uint32_t)(row[0] | row[1] << 8 | row[2] << 16);
        break;
    }
    default:
        memcpy(pixels, row, (size_t)width * 4);
        break;
    }
}
