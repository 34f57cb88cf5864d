/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* images.c: an image in a drawing message: its form, its palette, and the caches it goes to or comes from.
 *
 * The pixmap cache and the GLZ window belong to the client, for all its displays announce the same ids. With
 * one display what is used must be there already; with several, another one may still deliver it.
 */
#include "internal.h"

#include "base/check.h"

#define IMAGE_FLAGS                                                                                          \
    (WIRE_IMAGE_FLAG_CACHE_ME | WIRE_IMAGE_FLAG_HIGH_BITS_SET | WIRE_IMAGE_FLAG_CACHE_REPLACE_ME)
#define BITMAP_FLAGS                                                                                         \
    (WIRE_BITMAP_FLAG_PAL_CACHE_ME | WIRE_BITMAP_FLAG_PAL_FROM_CACHE | WIRE_BITMAP_FLAG_TOP_DOWN)

/* The GLZ stream's own header is big-endian, and no part of the protocol's messages (image-codecs.md 4.1). */
#define GLZ_HEADER_BYTES 33u
#define GLZ_ID_AT 21u
#define GLZ_HEAD_DISTANCE_AT 29u

bool has_other_displays(const FakeConnection *c)
{
    list_each(&c->client->connections, node)
    {
        const FakeConnection *other = list_entry(node, FakeConnection, node);
        if (other != c && other->channel == WIRE_CHANNEL_DISPLAY) {
            return true;
        }
    }
    return false;
}

/* ---- Palettes ---- */

void palette_drop(FakeConnection *c, uint64_t id)
{
    if (!id_set_remove(&c->display->palettes, id)) {
        violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette %llu to be dropped is not in the cache",
                (unsigned long long)id);
    }
}

static void palette_check(FakeConnection *c, uint8_t flags, uint64_t id, const WirePalette *palette)
{
    IdSet *known = &c->display->palettes;
    if (flags & ~BITMAP_FLAGS) {
        violate(c, FAKE_RULE_VALUES, "bitmap flags 0x%x", flags);
    }
    if (flags & WIRE_BITMAP_FLAG_PAL_FROM_CACHE) {
        if (id_set_find(known, id) == NULL) {
            violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "palette %llu is not in the cache",
                    (unsigned long long)id);
        }
    } else if (flags & WIRE_BITMAP_FLAG_PAL_CACHE_ME) {
        if (palette == NULL || palette->unique == 0) {
            violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "a palette to be cached, without id");
            return;
        }
        if (known->len == PALETTE_CACHE_MAX && id_set_find(known, palette->unique) == NULL) {
            violate(c, FAKE_RULE_CURSOR_PALETTE_CACHE, "more than %u cached palettes", PALETTE_CACHE_MAX);
            return;
        }
        id_set_put(known, palette->unique, 0);
    }
}

/* ---- Bitmaps ---- */

static unsigned bits_of(uint8_t format)
{
    switch (format) {
    case WIRE_BITMAP_FMT_1BIT_LE:
    case WIRE_BITMAP_FMT_1BIT_BE:
        return 1;
    case WIRE_BITMAP_FMT_4BIT_LE:
    case WIRE_BITMAP_FMT_4BIT_BE:
        return 4;
    case WIRE_BITMAP_FMT_8BIT:
    case WIRE_BITMAP_FMT_8BIT_A:
        return 8;
    case WIRE_BITMAP_FMT_16BIT:
        return 16;
    case WIRE_BITMAP_FMT_24BIT:
        return 24;
    case WIRE_BITMAP_FMT_32BIT:
    case WIRE_BITMAP_FMT_RGBA:
        return 32;
    default:
        return 0;
    }
}

static void bitmap_check(FakeConnection *c, const WireImage *image)
{
    const WireBitmap *bitmap = &image->u.bitmap;
    const unsigned bits = bits_of(bitmap->format);
    if (bits == 0 || bitmap->x != image->width || bitmap->y != image->height ||
        bitmap->stride < ((uint64_t)bitmap->x * bits + 7) / 8) {
        violate(c, FAKE_RULE_VALUES,
                "a bitmap of format %u, %ux%u with rows of %u bytes, in an image of %ux%u", bitmap->format,
                bitmap->x, bitmap->y, bitmap->stride, image->width, image->height);
    }
    palette_check(c, bitmap->flags, bitmap->palette_id, bitmap->palette);
    poison_check(c, bitmap->data, "a bitmap");
}

/* ---- Memory ---- */

#define POISON_BYTES_MIN 64u /* in a row: fewer may be chance */

void poison_check(FakeConnection *c, Span bytes, const char *what)
{
    const uint8_t poison = c->client->config.poison;
    size_t run = 0;

    for (size_t i = 0; poison != 0 && i < bytes.len; i++) {
        run = bytes.data[i] == poison ? run + 1 : 0;
        if (run == POISON_BYTES_MIN) {
            violate(c, FAKE_RULE_MEMORY, "%s shows memory that the guest had back, from byte %zu of %zu on",
                    what, i + 1 - run, bytes.len);
            return;
        }
    }
}

/* ---- The pixmap cache ---- */

static bool is_lossy(const WireImage *image)
{
    return image->type == WIRE_IMAGE_TYPE_JPEG || image->type == WIRE_IMAGE_TYPE_JPEG_ALPHA;
}

static void cache_use(FakeConnection *c, const WireImage *image)
{
    Pixmaps *pixmaps = &c->client->pixmaps;
    const IdEntry *entry = id_set_find(&pixmaps->entries, image->id);
    if (entry == NULL) {
        if (has_other_displays(c)) {
            id_set_put(&pixmaps->awaited, image->id, 0);
        } else {
            violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu is not in the cache",
                    (unsigned long long)image->id);
        }
    } else if (image->type == WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS && (entry->value & 1)) {
        violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu is in the cache, but with losses",
                (unsigned long long)image->id);
    }
}

static void cache_put(FakeConnection *c, const WireImage *image)
{
    Pixmaps *pixmaps = &c->client->pixmaps;
    const bool replace = image->flags & WIRE_IMAGE_FLAG_CACHE_REPLACE_ME;
    const IdEntry *entry = id_set_find(&pixmaps->entries, image->id);
    const uint64_t pixels = (uint64_t)image->width * image->height;
    if (replace && (entry == NULL || (entry->value & 1) == 0 || is_lossy(image))) {
        violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu replaces nothing with losses",
                (unsigned long long)image->id);
    }
    if (!replace && entry != NULL && !has_other_displays(c)) {
        violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu is in the cache already",
                (unsigned long long)image->id);
    }
    pixmaps->pixels += pixels - (entry != NULL ? entry->value >> 1 : 0);
    id_set_put(&pixmaps->entries, image->id, pixels << 1 | is_lossy(image));
    id_set_remove(&pixmaps->awaited, image->id);
    if (pixmaps->pixels > (uint64_t)c->client->config.pixmap_cache_pixels) {
        violate(c, FAKE_RULE_PIXMAP_CACHE, "%llu pixels in a cache of %lld",
                (unsigned long long)pixmaps->pixels, (long long)c->client->config.pixmap_cache_pixels);
    }
}

/* ---- GLZ ---- */

static uint64_t big_endian(const uint8_t *bytes, unsigned len)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Enters an image and drops what is older than its head; what is dropped stays in the set until it is half of it. */
static void glz_enter(Pixmaps *pixmaps, uint64_t id, uint64_t head, uint64_t pixels)
{
    IdSet *set = &pixmaps->glz;
    if (pixmaps->glz_gone > 0 && id < set->items[pixmaps->glz_gone - 1].id) {
        pixmaps->glz_gone++; /* overtaken by what has dropped it already */
    } else {
        pixmaps->glz_pixels += pixels;
    }
    id_set_put(set, id, pixels);
    for (; pixmaps->glz_gone < set->len && set->items[pixmaps->glz_gone].id < head; pixmaps->glz_gone++) {
        pixmaps->glz_pixels -= set->items[pixmaps->glz_gone].value;
    }
    if (pixmaps->glz_gone > set->len / 2) {
        id_set_drop(set, pixmaps->glz_gone);
        pixmaps->glz_gone = 0;
    }
}

/* `data` begins with the header of a GLZ stream. */
static void glz_check(FakeConnection *c, const WireImage *image, Span data)
{
    Pixmaps *pixmaps = &c->client->pixmaps;
    if (c->client->config.glz_window_pixels <= 0) {
        violate(c, FAKE_RULE_GLZ, "a GLZ image, and we have no window");
    }
    if (data.len < GLZ_HEADER_BYTES) {
        violate(c, FAKE_RULE_DECODE, "a GLZ image of %zu bytes", data.len);
        return;
    }
    const uint64_t id = big_endian(data.data + GLZ_ID_AT, 8);
    const uint64_t distance = big_endian(data.data + GLZ_HEAD_DISTANCE_AT, 4);
    if (distance > id || id_set_find(&pixmaps->glz, id) != NULL ||
        (!has_other_displays(c) && pixmaps->glz_any && id <= pixmaps->glz_last)) {
        violate(c, FAKE_RULE_GLZ, "GLZ image %llu after %llu", (unsigned long long)id,
                (unsigned long long)pixmaps->glz_last);
        return;
    }
    pixmaps->glz_any = true;
    pixmaps->glz_last = id > pixmaps->glz_last ? id : pixmaps->glz_last;
    glz_enter(pixmaps, id, id - distance, (uint64_t)image->width * image->height);
    if (pixmaps->glz_pixels > (uint64_t)c->client->config.glz_window_pixels) {
        violate(c, FAKE_RULE_GLZ, "%llu pixels in a window of %d", (unsigned long long)pixmaps->glz_pixels,
                c->client->config.glz_window_pixels);
    }
}

/* The rules of a ZLIB_GLZ image are those of the GLZ image in it. */
static void zlib_glz_check(FakeConnection *c, const WireImage *image)
{
    Pixmaps *pixmaps = &c->client->pixmaps;
    uint8_t header[GLZ_HEADER_BYTES];
    pixmaps->zlib = pixmaps->zlib != NULL ? pixmaps->zlib : zlib_decoder_new(&heap_memory);
    CHECK(pixmaps->zlib != NULL);
    if (image->u.zlib_glz.glz_data_size < sizeof header ||
        zlib_decode_head(pixmaps->zlib, image->u.zlib_glz.data, header, sizeof header) != STATUS_OK) {
        violate(c, FAKE_RULE_DECODE, "a deflated GLZ image without a header");
        return;
    }
    glz_check(c, image, span_of(header, sizeof header));
}

/* ---- An image ---- */

void image_check(FakeConnection *c, const WireImage *image, const WireRect *area)
{
    const bool keeps = image->flags & (WIRE_IMAGE_FLAG_CACHE_ME | WIRE_IMAGE_FLAG_CACHE_REPLACE_ME);
    if (wire_image_type_name(image->type) == NULL || image->type == WIRE_IMAGE_TYPE_RESERVED ||
        (image->flags & ~IMAGE_FLAGS) != 0 || image->width == 0 || image->height == 0) {
        violate(c, FAKE_RULE_VALUES, "an image of type %u, flags 0x%x, %ux%u", image->type, image->flags,
                image->width, image->height);
        return;
    }
    if (area != NULL &&
        (area->left < 0 || area->top < 0 || area->left > area->right || area->top > area->bottom ||
         (uint32_t)area->right > image->width || (uint32_t)area->bottom > image->height)) {
        violate(c, FAKE_RULE_DRAWING, "area %d,%d-%d,%d of an image of %ux%u", area->left, area->top,
                area->right, area->bottom, image->width, image->height);
    }
    switch (image->type) {
    case WIRE_IMAGE_TYPE_BITMAP:
        bitmap_check(c, image);
        break;
    case WIRE_IMAGE_TYPE_LZ_PLT:
        palette_check(c, image->u.lz_plt.flags, image->u.lz_plt.palette_id, image->u.lz_plt.palette);
        break;
    case WIRE_IMAGE_TYPE_LZ4:
        if (!connection_announced(c, WIRE_CAP_DISPLAY_LZ4_COMPRESSION)) {
            violate(c, FAKE_RULE_CAPABILITIES, "an LZ4 image");
        }
        break;
    case WIRE_IMAGE_TYPE_GLZ_RGB:
        glz_check(c, image, image->u.compressed.data);
        break;
    case WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        zlib_glz_check(c, image);
        break;
    case WIRE_IMAGE_TYPE_FROM_CACHE:
    case WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS:
        cache_use(c, image);
        break;
    default:
        break;
    }
    if (keeps) {
        if (image->type == WIRE_IMAGE_TYPE_FROM_CACHE || image->type == WIRE_IMAGE_TYPE_FROM_CACHE_LOSSLESS ||
            image->type == WIRE_IMAGE_TYPE_SURFACE) {
            violate(c, FAKE_RULE_PIXMAP_CACHE, "an image of type %u to be cached", image->type);
        } else {
            cache_put(c, image);
        }
    }
}
