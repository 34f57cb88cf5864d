/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pixels.c: kinds of pixels, and pictures made of them. */
#include <stdlib.h>

#include "base/check.h"
#include "parts.h"

Kind kind_of_surface(uint32_t format)
{
    switch (format) {
    case WIRE_SURFACE_FMT_1_A:
        return KIND_BIT;
    case WIRE_SURFACE_FMT_8_A:
        return KIND_A8;
    case WIRE_SURFACE_FMT_16_555:
        return KIND_555;
    case WIRE_SURFACE_FMT_16_565:
        return KIND_565;
    case WIRE_SURFACE_FMT_32_xRGB:
        return KIND_X32;
    default:
        return KIND_A32;
    }
}

uint32_t kind_mask(Kind kind)
{
    switch (kind) {
    case KIND_555:
    case KIND_565:
        return 0xffff;
    case KIND_A8:
        return 0xff;
    case KIND_BIT:
        return 1;
    default:
        return UINT32_MAX;
    }
}

/* A channel of `bits` bits as one of 8. */
static uint32_t widen(uint32_t v, unsigned bits)
{
    v &= (1u << bits) - 1;
    return v << (8 - bits) | v >> (2 * bits - 8);
}

uint32_t kind_to_argb(Kind kind, uint32_t pixel)
{
    switch (kind) {
    case KIND_A32:
        return pixel;
    case KIND_555:
        return 0xff000000u | widen(pixel >> 10, 5) << 16 | widen(pixel >> 5, 5) << 8 | widen(pixel, 5);
    case KIND_565:
        return 0xff000000u | widen(pixel >> 11, 5) << 16 | widen(pixel >> 5, 6) << 8 | widen(pixel, 5);
    case KIND_A8:
        return (pixel & 0xff) << 24;
    case KIND_BIT:
        return pixel & 1 ? 0xff000000u : 0;
    default:
        return pixel | 0xff000000u;
    }
}

uint32_t kind_from_argb(Kind kind, uint32_t argb)
{
    const uint32_t red = argb >> 16 & 0xff, green = argb >> 8 & 0xff, blue = argb & 0xff;
    switch (kind) {
    case KIND_555:
        return red >> 3 << 10 | green >> 3 << 5 | blue >> 3;
    case KIND_565:
        return red >> 3 << 11 | green >> 2 << 5 | blue >> 3;
    case KIND_A8:
        return argb >> 24;
    case KIND_BIT:
        return argb >> 31;
    default:
        return argb;
    }
}

static bool is_wide(Kind kind)
{
    return kind == KIND_X32 || kind == KIND_A32;
}

static Kind kind_converted(const Image *image, Kind surface)
{
    if (image->is_surface && kind_mask(image->kind) == kind_mask(surface)) {
        return image->kind;
    }
    if (!is_wide(surface)) {
        return surface;
    }
    return image->kind == KIND_A32 ? KIND_A32 : KIND_X32;
}

uint32_t pixel_convert(Kind from, uint32_t pixel, Kind to)
{
    if (from == KIND_COLOR || from == to || (is_wide(from) && is_wide(to))) {
        return pixel & kind_mask(to);
    }
    return kind_from_argb(to, kind_to_argb(from, pixel));
}

/* ---- Pictures ---- */

Image *image_new(uint32_t width, uint32_t height, Kind kind)
{
    Image *image = malloc(sizeof *image);
    CHECK(image != NULL);
    *image = (Image){.width = width, .height = height, .kind = kind};
    image->pixels = calloc((size_t)width * height + 1, sizeof *image->pixels);
    CHECK(image->pixels != NULL);
    return image;
}

void image_free(Image *image)
{
    if (image != NULL) {
        free(image->pixels);
        free(image);
    }
}

Image *image_converted(const Image *image, Kind surface)
{
    const Kind kind = kind_converted(image, surface);
    const uint32_t kept = image->is_coded && is_wide(kind) ? 0xffffffu : UINT32_MAX;
    const uint32_t more = image->high_bits && kind == KIND_X32 ? 0xff000000u : 0;
    Image *converted = image_new(image->width, image->height, kind);
    for (size_t i = 0; i < (size_t)image->width * image->height; i++) {
        converted->pixels[i] = (pixel_convert(image->kind, image->pixels[i], kind) & kept) | more;
    }
    return converted;
}

static pixman_format_code_t pixman_format(Kind kind)
{
    switch (kind) {
    case KIND_X32:
        return PIXMAN_x8r8g8b8;
    case KIND_555:
        return PIXMAN_x1r5g5b5;
    case KIND_565:
        return PIXMAN_r5g6b5;
    case KIND_A8:
        return PIXMAN_a8;
    case KIND_BIT:
        return PIXMAN_a1;
    default:
        return PIXMAN_a8r8g8b8;
    }
}

pixman_image_t *image_to_pixman(const Image *image, Kind as)
{
    pixman_image_t *pixman =
        pixman_image_create_bits(pixman_format(as), (int)image->width, (int)image->height, NULL, 0);
    CHECK(pixman != NULL);
    uint8_t *bytes = (uint8_t *)pixman_image_get_data(pixman);
    const size_t stride = (size_t)pixman_image_get_stride(pixman);
    for (size_t y = 0; y < image->height; y++) {
        for (size_t x = 0; x < image->width; x++) {
            const uint32_t pixel = image->pixels[y * image->width + x];
            uint8_t *line = bytes + y * stride;
            switch (as) {
            case KIND_555:
            case KIND_565:
                le16_put(line + 2 * x, (uint16_t)pixel);
                break;
            case KIND_A8:
                line[x] = (uint8_t)pixel;
                break;
            case KIND_BIT:
                line[x / 8] |= (uint8_t)((pixel & 1) << x % 8);
                break;
            default:
                le32_put(line + 4 * x, pixel);
                break;
            }
        }
    }
    return pixman;
}

void image_from_pixman(Image *image, pixman_image_t *pixman)
{
    const uint8_t *bytes = (const uint8_t *)pixman_image_get_data(pixman);
    const size_t stride = (size_t)pixman_image_get_stride(pixman);
    for (size_t y = 0; y < image->height; y++) {
        for (size_t x = 0; x < image->width; x++) {
            uint32_t *pixel = &image->pixels[y * image->width + x];
            const uint8_t *line = bytes + y * stride;
            switch (image->kind) {
            case KIND_555:
            case KIND_565:
                *pixel = le16_get(line + 2 * x);
                break;
            case KIND_A8:
                *pixel = line[x];
                break;
            case KIND_BIT:
                *pixel = line[x / 8] >> x % 8 & 1;
                break;
            default:
                *pixel = le32_get(line + 4 * x);
                break;
            }
        }
    }
}
