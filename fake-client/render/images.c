/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* images.c: pictures out of messages, and the ones that are kept. */
#include <stdlib.h>

#include "base/check.h"
#include "codec/lz4_image.h"
#include "parts.h"

#define IMAGE_PIXELS_MAX (UINT64_C(1) << 26) /* pixels of an image; more is taken for nonsense */

/* ---- What is kept ---- */

RenderCache *render_cache_new(uint32_t glz_pixels)
{
    RenderCache *cache = calloc(1, sizeof *cache);
    CHECK(cache != NULL);
    cache->glz_pixels = glz_pixels;
    return cache;
}

void render_images_clear(RenderCache *cache)
{
    for (size_t i = 0; i < cache->images.len; i++) {
        image_free((Image *)(uintptr_t)cache->images.items[i].value);
    }
    id_set_clear(&cache->images);
}

void render_images_drop(RenderCache *cache, uint64_t id)
{
    const IdEntry *entry = id_set_find(&cache->images, id);
    if (entry != NULL) {
        image_free((Image *)(uintptr_t)entry->value);
        id_set_remove(&cache->images, id);
    }
}

void render_cache_free(RenderCache *cache)
{
    if (cache != NULL) {
        render_images_clear(cache);
        id_set_free(&cache->images);
        glz_decoder_free(cache->glz);
        quic_decoder_free(cache->quic);
        jpeg_decoder_free(cache->jpeg);
        zlib_decoder_free(cache->zlib);
        free(cache);
    }
}

void render_palettes_clear(Renderer *r)
{
    for (size_t i = 0; i < r->palettes.len; i++) {
        free((void *)(uintptr_t)r->palettes.items[i].value);
    }
    id_set_clear(&r->palettes);
}

void render_palettes_drop(Renderer *r, uint64_t id)
{
    const IdEntry *entry = id_set_find(&r->palettes, id);
    if (entry != NULL) {
        free((void *)(uintptr_t)entry->value);
        id_set_remove(&r->palettes, id);
    }
}

/* 256 colours; what the palette does not have is 0. */
static bool palette_get(Renderer *r, uint8_t flags, uint64_t id, const WirePalette *palette,
                        uint32_t ret_colors[256])
{
    memset(ret_colors, 0, 256 * sizeof(uint32_t));
    if (flags & WIRE_BITMAP_FLAG_PAL_FROM_CACHE) {
        const IdEntry *entry = id_set_find(&r->palettes, id);
        if (entry == NULL) {
            return render_fail(r, "a palette from the cache that is not there") != NULL;
        }
        memcpy(ret_colors, (const void *)(uintptr_t)entry->value, 256 * sizeof(uint32_t));
        return true;
    }
    if (palette == NULL || palette->ents.n > 256) {
        return render_fail(r, "no palette") != NULL;
    }
    memcpy(ret_colors, palette->ents.items, palette->ents.n * sizeof(uint32_t));
    if (flags & WIRE_BITMAP_FLAG_PAL_CACHE_ME) {
        uint32_t *kept = malloc(256 * sizeof(uint32_t));
        CHECK(kept != NULL);
        memcpy(kept, ret_colors, 256 * sizeof(uint32_t));
        render_palettes_drop(r, palette->unique);
        id_set_put(&r->palettes, palette->unique, (uintptr_t)kept);
    }
    return true;
}

/* ---- Bytes as pixels ---- */

typedef struct Packed {
    const uint8_t *bytes;
    PixelFormat format;
    uint32_t stride;
    bool top_down;
    const uint32_t *colors; /* NULL: bits are bits */
} Packed;

static uint32_t packed_get(const Packed *packed, const uint8_t *line, size_t x)
{
    switch (packed->format) {
    case PIXEL_1BIT_LE:
        return line[x / 8] >> x % 8 & 1;
    case PIXEL_1BIT_BE:
        return line[x / 8] >> (7 - x % 8) & 1;
    case PIXEL_4BIT_LE:
        return x % 2 == 0 ? line[x / 2] & 15 : line[x / 2] >> 4;
    case PIXEL_4BIT_BE:
        return x % 2 == 0 ? line[x / 2] >> 4 : line[x / 2] & 15;
    case PIXEL_16BIT:
        return le16_get(line + 2 * x);
    case PIXEL_24BIT:
        return (uint32_t)line[3 * x] | (uint32_t)line[3 * x + 1] << 8 | (uint32_t)line[3 * x + 2] << 16;
    case PIXEL_32BIT:
    case PIXEL_RGBA:
        return le32_get(line + 4 * x);
    default:
        return line[x];
    }
}

static Kind packed_kind(const Packed *packed)
{
    switch (packed->format) {
    case PIXEL_16BIT:
        return KIND_555;
    case PIXEL_24BIT:
    case PIXEL_32BIT:
        return KIND_X32;
    case PIXEL_RGBA:
        return KIND_A32;
    case PIXEL_8BIT_A:
        return KIND_A8;
    default:
        return packed->colors != NULL ? KIND_COLOR : KIND_BIT;
    }
}

static Image *image_of_packed(const WireImage *wire, const Packed *packed)
{
    Image *image = image_new(wire->width, wire->height, packed_kind(packed));
    for (size_t y = 0; y < image->height; y++) {
        const size_t at = packed->top_down ? y : image->height - 1 - y;
        const uint8_t *line = packed->bytes + at * packed->stride;
        for (size_t x = 0; x < image->width; x++) {
            const uint32_t value = packed_get(packed, line, x);
            image->pixels[y * image->width + x] = packed->colors != NULL ? packed->colors[value] : value;
        }
    }
    return image;
}

static Image *bitmap_decode(Renderer *r, const WireImage *wire)
{
    const WireBitmap *bitmap = &wire->u.bitmap;
    uint32_t colors[256];
    Packed packed = {.bytes = bitmap->data.data,
                     .format = (PixelFormat)bitmap->format,
                     .stride = bitmap->stride,
                     .top_down = (bitmap->flags & WIRE_BITMAP_FLAG_TOP_DOWN) != 0};
    const bool indexed = packed.format >= PIXEL_1BIT_LE && packed.format <= PIXEL_8BIT;

    if (bitmap->x != wire->width || bitmap->y != wire->height || pixel_bits(packed.format) == 0 ||
        bitmap->stride < pixel_row_bytes(packed.format, wire->width) ||
        bitmap->data.len < (uint64_t)bitmap->stride * wire->height) {
        return render_fail(r, "a bitmap with less pixels than it says");
    }
    if (indexed && (bitmap->palette != NULL || (bitmap->flags & WIRE_BITMAP_FLAG_PAL_FROM_CACHE))) {
        if (!palette_get(r, bitmap->flags, bitmap->palette_id, bitmap->palette, colors)) {
            return NULL;
        }
        packed.colors = colors;
    } else if (indexed && packed.format > PIXEL_1BIT_BE) {
        return render_fail(r, "colours without a palette");
    }
    return image_of_packed(wire, &packed);
}

/* ---- Codecs ---- */

static Status coded_info(RenderCache *cache, const WireImage *wire, Span data, ImageInfo *ret_info)
{
    uint64_t glz_id;
    bool alpha_alone = false;
    Status status;

    switch (wire->type) {
    case WIRE_IMAGE_TYPE_QUIC:
        return quic_info(data, ret_info);
    case WIRE_IMAGE_TYPE_LZ4:
        return lz4_info(data, wire->width, wire->height, ret_info);
    case WIRE_IMAGE_TYPE_GLZ_RGB:
    case WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        if (cache->glz_pixels == 0) {
            return STATUS_PEER_FAULT;
        }
        cache->glz = cache->glz != NULL ? cache->glz : glz_decoder_new(&heap_memory, cache->glz_pixels, 0);
        return glz_info(data, ret_info, &glz_id);
    default:
        status = lz_info(data, ret_info, &alpha_alone);
        return status == STATUS_OK && alpha_alone ? STATUS_PEER_FAULT : status;
    }
}

static Status window_decode(RenderCache *cache, const WireImage *wire, Span data, uint8_t *bytes, size_t size)
{
    const Status status = glz_decode(cache->glz, data, bytes, size);
    ImageInfo info;
    uint64_t id;
    if (status == STATUS_OK && (wire->flags & WIRE_IMAGE_FLAG_HIGH_BITS_SET) &&
        glz_info(data, &info, &id) == STATUS_OK) {
        glz_decoder_set_high_bits(cache->glz, id);
    }
    return status;
}

static Status coded_decode(RenderCache *cache, const WireImage *wire, Span data, uint8_t *bytes, size_t size)
{
    switch (wire->type) {
    case WIRE_IMAGE_TYPE_QUIC:
        cache->quic = cache->quic != NULL ? cache->quic : quic_decoder_new(&heap_memory);
        return quic_decode(cache->quic, data, bytes, size);
    case WIRE_IMAGE_TYPE_LZ4:
        return lz4_decode(data, bytes, size);
    case WIRE_IMAGE_TYPE_GLZ_RGB:
    case WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        return window_decode(cache, wire, data, bytes, size);
    default:
        return lz_decode(data, bytes, size);
    }
}

static Image *coded_image(Renderer *r, const WireImage *wire, Span data, const uint32_t *colors)
{
    ImageInfo info;
    if (coded_info(r->cache, wire, data, &info) != STATUS_OK || info.width != wire->width ||
        info.height != wire->height) {
        return render_fail(r, "coded pixels of another size than their image");
    }
    const bool indexed = info.format <= PIXEL_8BIT;
    if (indexed != (colors != NULL)) {
        return render_fail(r, "a palette for what has none, or none for what needs one");
    }
    const size_t size = (size_t)info.stride * info.height;
    uint8_t *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    Image *image = NULL;
    if (coded_decode(r->cache, wire, data, bytes, size) == STATUS_OK) {
        const Packed packed = {bytes, info.format, info.stride, info.top_down, colors};
        image = image_of_packed(wire, &packed);
        image->is_coded = wire->type != WIRE_IMAGE_TYPE_LZ4 && (indexed || info.format == PIXEL_16BIT);
    } else {
        render_fail(r, "coded pixels that do not decode");
    }
    free(bytes);
    return image;
}

static Image *jpeg_image(Renderer *r, const WireImage *wire)
{
    const bool alpha = wire->type == WIRE_IMAGE_TYPE_JPEG_ALPHA;
    const size_t stride = (size_t)wire->width * 4;
    uint8_t *bytes = malloc(stride * wire->height + 1);
    CHECK(bytes != NULL);
    r->cache->jpeg = r->cache->jpeg != NULL ? r->cache->jpeg : jpeg_decoder_new(&heap_memory);
    const Status status =
        alpha ? jpeg_alpha_decode(r->cache->jpeg, wire->u.jpeg_alpha.data, wire->u.jpeg_alpha.jpeg_size,
                                  (wire->u.jpeg_alpha.flags & 1) != 0, wire->width, wire->height, bytes)
              : jpeg_decode(r->cache->jpeg, wire->u.compressed.data, wire->width, wire->height, bytes);
    Image *image = NULL;
    if (status == STATUS_OK) {
        const Packed packed = {bytes, alpha ? PIXEL_RGBA : PIXEL_32BIT, (uint32_t)stride, true, NULL};
        image = image_of_packed(wire, &packed);
    } else {
        render_fail(r, "a JPEG that does not decode");
    }
    free(bytes);
    return image;
}

static Image *zlib_image(Renderer *r, const WireImage *wire)
{
    const size_t size = wire->u.zlib_glz.glz_data_size;
    if (size > IMAGE_PIXELS_MAX) {
        return render_fail(r, "too much to inflate");
    }
    uint8_t *glz = malloc(size + 1);
    CHECK(glz != NULL);
    r->cache->zlib = r->cache->zlib != NULL ? r->cache->zlib : zlib_decoder_new(&heap_memory);
    Image *image = zlib_decode(r->cache->zlib, wire->u.zlib_glz.data, glz, size) == STATUS_OK
                       ? coded_image(r, wire, span_of(glz, size), NULL)
                       : render_fail(r, "a deflated image that does not inflate");
    free(glz);
    return image;
}

static Image *image_decode(Renderer *r, const WireImage *wire)
{
    uint32_t colors[256];

    switch (wire->type) {
    case WIRE_IMAGE_TYPE_BITMAP:
        return bitmap_decode(r, wire);
    case WIRE_IMAGE_TYPE_LZ_PLT:
        return palette_get(r, wire->u.lz_plt.flags, wire->u.lz_plt.palette_id, wire->u.lz_plt.palette, colors)
                   ? coded_image(r, wire, wire->u.lz_plt.data, colors)
                   : NULL;
    case WIRE_IMAGE_TYPE_JPEG:
    case WIRE_IMAGE_TYPE_JPEG_ALPHA:
        return jpeg_image(r, wire);
    case WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        return zlib_image(r, wire);
    case WIRE_IMAGE_TYPE_QUIC:
    case WIRE_IMAGE_TYPE_LZ_RGB:
    case WIRE_IMAGE_TYPE_GLZ_RGB:
    case WIRE_IMAGE_TYPE_LZ4:
        return coded_image(r, wire, wire->u.compressed.data, NULL);
    default:
        return render_fail(r, "an image of a type that there is not");
    }
}

/* ---- An image of a message ---- */

static const Image *surface_copy(Renderer *r, uint32_t id)
{
    const RenderPicture *surface = renderer_picture(r, id);
    if (surface == NULL) {
        return render_fail(r, "a source surface that does not exist");
    }
    Image *image =
        render_keep(r, image_new(surface->width, surface->height, kind_of_surface(surface->format)));
    image->is_surface = true;
    memcpy(image->pixels, surface->pixels, (size_t)image->width * image->height * sizeof *image->pixels);
    return image;
}

const Image *render_image(Renderer *r, const WireImage *wire)
{
    if (wire == NULL) {
        return render_fail(r, "no image");
    }
    if (wire->type == WIRE_IMAGE_TYPE_SURFACE) {
        return surface_copy(r, wire->u.surface_id);
    }
    if (wire->type == WIRE_IMAGE_TYPE_FROM_CACHE || wire->type == WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS) {
        const IdEntry *entry = id_set_find(&r->cache->images, wire->id);
        return entry != NULL ? (const Image *)(uintptr_t)entry->value
                             : render_fail(r, "an image from the cache that is not there");
    }
    if (wire->width == 0 || wire->height == 0 || (uint64_t)wire->width * wire->height > IMAGE_PIXELS_MAX) {
        return render_fail(r, "an image of no size, or too large");
    }
    Image *image = image_decode(r, wire);
    if (image == NULL) {
        return NULL;
    }
    image->high_bits = (wire->flags & WIRE_IMAGE_FLAG_HIGH_BITS_SET) != 0;
    if (wire->flags & (WIRE_IMAGE_FLAG_CACHE_ME | WIRE_IMAGE_FLAG_CACHE_REPLACE_ME)) {
        const IdEntry *before = id_set_find(&r->cache->images, wire->id);
        if (before != NULL) {
            render_keep(r, (Image *)(uintptr_t)before->value); /* this very message may show it */
        }
        id_set_put(&r->cache->images, wire->id, (uintptr_t)image);
        return image;
    }
    return render_keep(r, image);
}
