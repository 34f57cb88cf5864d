/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/encode/straight.h"

#include <stdio.h> /* for jpeglib.h */
#include <stdlib.h>

#include <jpeglib.h>
#include <spice/enums.h>

#include "base/span.h"

#define QUALITY 85 /* what the encoder is to use; not its own constant, so that another one is noticed */

static void *room_get(size_t bytes)
{
    void *room = malloc(bytes);
    if (room == NULL) {
        fprintf(stderr, "straight: no memory\n");
        exit(1);
    }
    return room;
}

/* B, G, R and a fourth byte that stays; rows are packed, the top one is the first. */
static void jpeg_and_back(uint8_t *pixels, uint32_t width, uint32_t height)
{
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct to = {.err = jpeg_std_error(&errors)};
    struct jpeg_decompress_struct from = {.err = &errors};
    unsigned char *coded = NULL;
    unsigned long coded_bytes = 0;
    const size_t stride = (size_t)width * 4;
    uint8_t *line = room_get(stride);

    jpeg_create_compress(&to);
    jpeg_mem_dest(&to, &coded, &coded_bytes);
    to.image_width = width;
    to.image_height = height;
    to.input_components = 4;
    to.in_color_space = JCS_EXT_BGRX;
    jpeg_set_defaults(&to);
    jpeg_set_quality(&to, QUALITY, TRUE);
    jpeg_start_compress(&to, TRUE);
    while (to.next_scanline < height) {
        JSAMPROW row = pixels + stride * to.next_scanline;
        jpeg_write_scanlines(&to, &row, 1);
    }
    jpeg_finish_compress(&to);
    jpeg_destroy_compress(&to);

    jpeg_create_decompress(&from);
    jpeg_mem_src(&from, coded, coded_bytes);
    jpeg_read_header(&from, TRUE);
    from.out_color_space = JCS_EXT_BGRX;
    jpeg_start_decompress(&from);
    while (from.output_scanline < height) {
        uint8_t *at = pixels + stride * from.output_scanline;
        JSAMPROW row = line;
        jpeg_read_scanlines(&from, &row, 1);
        for (size_t i = 0; i < stride; i++) {
            at[i] = i % 4 == 3 ? at[i] : line[i];
        }
    }
    jpeg_finish_decompress(&from);
    jpeg_destroy_decompress(&from);
    free(coded);
    free(line);
}

/* ---- Pixels of 16 bits ---- */

/* Channels of 5 bits, but for green, to 8. */
static uint32_t wide_of(uint32_t pixel, unsigned green_bits)
{
    const uint32_t b = pixel & 31, g = pixel >> 5 & ((1u << green_bits) - 1),
                   r = pixel >> (5 + green_bits) & 31;
    return (r << 3 | r >> 2) << 16 | (g << (8 - green_bits) | g >> (2 * green_bits - 8)) << 8 |
           (b << 3 | b >> 2);
}

static uint32_t narrow_of(uint32_t pixel, unsigned green_bits)
{
    const uint32_t b = pixel >> 3 & 31, g = (pixel >> 8 & 0xff) >> (8 - green_bits), r = pixel >> 19 & 31;
    return r << (5 + green_bits) | g << 5 | b;
}

/* ---- Areas ---- */

void straight_area(const Canvas *canvas, const QXLRect *area)
{
    const Raster *raster = &canvas->raster;
    const unsigned bytes = PIXMAN_FORMAT_BPP(raster->format) / 8;
    const unsigned green_bits = raster->format == PIXMAN_r5g6b5 ? 6 : 5;
    const uint32_t width = (uint32_t)(area->right - area->left),
                   height = (uint32_t)(area->bottom - area->top);
    uint8_t *pixels = room_get((size_t)width * height * 4);

    for (unsigned back = 0; back < 2; back++) {
        for (uint32_t i = 0; i < width * height; i++) {
            uint8_t *at = raster->top + raster->stride * (area->top + (int32_t)(i / width)) +
                          (size_t)bytes * ((uint32_t)area->left + i % width);
            uint8_t *wide = pixels + 4 * (size_t)i;
            if (bytes == 4) {
                memcpy(back ? at : wide, back ? wide : at, 4);
            } else if (back) {
                le16_put(at, (uint16_t)narrow_of(le32_get(wide), green_bits));
            } else {
                le32_put(wide, wide_of(le16_get(at), green_bits));
            }
        }
        if (!back) {
            jpeg_and_back(pixels, width, height);
        }
    }
    free(pixels);
}

/* ---- Images ---- */

bool straight_takes(const QxlImage *image)
{
    return image->type == SPICE_IMAGE_TYPE_BITMAP && image->u.bitmap.format >= SPICE_BITMAP_FMT_16BIT &&
           image->u.bitmap.format <= SPICE_BITMAP_FMT_RGBA;
}

void straight_replace(StraightImage *straight, QxlImage *image)
{
    QxlBitmap *bitmap = &image->u.bitmap;
    const uint32_t bytes = qxl_bitmap_depth(bitmap->format) / 8, stride = bitmap->stride;
    uint8_t *all = room_get(bitmap->data.bytes);

    straight->image = image;
    straight->original = *image;
    straight->pixels = room_get((size_t)image->width * image->height * 4);
    qxl_data_copy(&bitmap->data, 0, all, bitmap->data.bytes);
    for (uint32_t y = 0; y < image->height; y++) {
        const uint8_t *line = all + (size_t)stride * (bitmap->top_down ? y : image->height - 1 - y);
        for (uint32_t x = 0; x < image->width; x++) {
            uint8_t *to = straight->pixels + 4 * ((size_t)y * image->width + x);
            if (bytes == 2) {
                le32_put(to, wide_of(le16_get(line + 2 * (size_t)x), 5));
            } else {
                to[3] = 0;
                memcpy(to, line + (size_t)bytes * x, bytes);
            }
        }
    }
    free(all);
    jpeg_and_back(straight->pixels, image->width, image->height);
    const uint32_t size = image->width * image->height * 4;
    straight->span = (QxlSpan){.host = (uintptr_t)straight->pixels, .bytes = size};
    bitmap->format = bytes == 4 ? bitmap->format : SPICE_BITMAP_FMT_32BIT;
    bitmap->top_down = true;
    bitmap->stride = image->width * 4;
    bitmap->data = (QxlData){.spans = &straight->span, .count = 1, .bytes = size};
}

void straight_restore(StraightImage *straight)
{
    *straight->image = straight->original;
    free(straight->pixels);
}
