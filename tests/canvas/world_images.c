/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "qxl/image.h"
#include "tests/canvas/world_images.h"

static void noise(Choices *choices, uint8_t *bytes, size_t len)
{
    const uint32_t kind = choose(choices, 4);
    const uint32_t first = choose32(choices), second = choose32(choices);
    for (size_t i = 0; i < len; i += 4) {
        uint32_t word = choose32(choices);
        if (kind == 1) {
            word = word & 1 ? first : second;
        } else if (kind == 2) {
            word = word & 1 ? 0xffffffff : word & 2 ? 0 : word;
        }
        memcpy(bytes + i, &word, len - i < 4 ? len - i : 4);
    }
}

static QXLPHYSICAL palette_make(World *world, unsigned depth)
{
    QXLPalette *palette = world_take(world, sizeof(*palette) + 256 * 4);
    palette->unique = ++world->serial;
    palette->num_ents = (uint16_t)(1u << depth);
    for (uint32_t i = 0; i < palette->num_ents; i++) {
        const uint32_t entry = choose32(world->choices);
        memcpy((uint8_t *)palette->ents + i * 4, &entry, 4);
    }
    return world_address(palette);
}

static QXLImage *image_take(World *world, uint8_t type, uint32_t width, uint32_t height, size_t more)
{
    QXLImage *image = world_take(world, sizeof(*image) + more);
    image->descriptor.id = (uint64_t)++world->serial << 32 | QXL_IMAGE_GROUP_DRIVER_DONT_CACHE;
    image->descriptor.type = type;
    image->descriptor.width = width;
    image->descriptor.height = height;
    return image;
}

#define QUIC_PIXEL_BYTES_MAX 18u

/* The same pixels, coded. */
static QXLPHYSICAL quic_make(World *world, const ImageSource *source)
{
    const size_t room = (size_t)source->width * source->height * QUIC_PIXEL_BYTES_MAX + 64;
    uint8_t *coded = malloc(room);
    CodecSink sink;

    if (coded == NULL) {
        exit(1);
    }
    sink_init(&sink, coded, room);
    if (quic_encode(world->quic, source, &sink) != STATUS_OK) {
        exit(1);
    }
    QXLImage *image = image_take(world, SPICE_IMAGE_TYPE_QUIC, source->width, source->height,
                                 sizeof(QXLDataChunk) + sink.total);
    image->descriptor.flags = source->high_bits ? QXL_IMAGE_HIGH_BITS_SET : 0;
    image->quic.data_size = (uint32_t)sink.total;
    QXLDataChunk *first = (QXLDataChunk *)(void *)image->quic.data;
    if (world->beyond) {
        world_chunk_first(world, first, coded, sink.total);
    } else { /* the existing server takes words, of which a chunk may have no part */
        first->data_size = (uint32_t)sink.total;
        memcpy(first->data, coded, sink.total);
    }
    free(coded);
    return world_address(image);
}

QXLPHYSICAL world_bitmap(World *world, uint8_t format, uint32_t width, uint32_t height, bool colours)
{
    Choices *choices = world->choices;
    const unsigned depth = qxl_bitmap_depth(format);
    const uint32_t stride = (width * depth + 7) / 8 + choose(choices, 2) * choose(choices, 9);
    const size_t len = (size_t)stride * height;
    const bool direct = choose_rarely(choices, 4);
    uint8_t *bytes = malloc(len + 4);

    if (bytes == NULL) {
        exit(1);
    }
    noise(choices, bytes, len);
    const bool high_bits = choose_rarely(choices, 8) && colours, top_down = choose_rarely(choices, 2);
    if (format >= SPICE_BITMAP_FMT_16BIT && format <= SPICE_BITMAP_FMT_RGBA && choose_rarely(choices, 4)) {
        const ImageChunk chunk = {bytes, height};
        const ImageSource source = {.format = (PixelFormat)format,
                                    .width = width,
                                    .height = height,
                                    .stride = stride,
                                    .top_down = top_down,
                                    .chunks = &chunk,
                                    .chunk_count = 1,
                                    .high_bits = high_bits};
        const QXLPHYSICAL coded = quic_make(world, &source);
        free(bytes);
        return coded;
    }
    QXLImage *image = image_take(world, SPICE_IMAGE_TYPE_BITMAP, width, height, 0);
    image->descriptor.flags = high_bits ? QXL_IMAGE_HIGH_BITS_SET : 0;
    image->bitmap.format = format;
    image->bitmap.flags = top_down ? QXL_BITMAP_TOP_DOWN : 0;
    image->bitmap.x = width;
    image->bitmap.y = height;
    image->bitmap.stride = stride;
    if (colours && qxl_bitmap_is_indexed(format)) {
        image->bitmap.palette = palette_make(world, depth);
    }
    if (direct) {
        image->bitmap.flags |= QXL_BITMAP_DIRECT;
        void *flat = world_take(world, len);
        memcpy(flat, bytes, len);
        image->bitmap.data = world_address(flat);
    } else {
        image->bitmap.data = world_chunks(world, bytes, len);
    }
    free(bytes);
    return world_address(image);
}

QXLPHYSICAL world_surface_image(World *world, uint32_t id)
{
    const QxlGeometry *geometry = &world->surfaces[id].geometry;
    QXLImage *image = image_take(world, SPICE_IMAGE_TYPE_SURFACE, geometry->width, geometry->height, 0);
    image->surface_image.surface_id = id;
    return world_address(image);
}

/* Colours that a palette gives are the surface's own, and the existing server knows none for 565 and A8. */
uint8_t world_bitmap_format(World *world, uint32_t surface_format)
{
    static const uint8_t with_palettes[] = {
        SPICE_BITMAP_FMT_32BIT,   SPICE_BITMAP_FMT_RGBA,   SPICE_BITMAP_FMT_24BIT,   SPICE_BITMAP_FMT_16BIT,
        SPICE_BITMAP_FMT_8BIT_A,  SPICE_BITMAP_FMT_8BIT,   SPICE_BITMAP_FMT_4BIT_BE, SPICE_BITMAP_FMT_1BIT_BE,
        SPICE_BITMAP_FMT_4BIT_LE, SPICE_BITMAP_FMT_1BIT_LE};
    const bool palettes = world->beyond || (surface_format != SPICE_SURFACE_FMT_16_565 &&
                                            surface_format != SPICE_SURFACE_FMT_8_A);
    return with_palettes[choose(world->choices, palettes ? world->beyond ? 10 : 8 : 5)];
}

uint32_t world_source_surface(World *world, uint32_t surface_format)
{
    const unsigned depth = qxl_surface_depth(surface_format);
    uint32_t which = choose(world->choices, WORLD_SOURCES);
    while (!(world->beyond && depth > 1) &&
           qxl_surface_depth(world->surfaces[WORLD_DRAWN + 1 + which].geometry.format) != depth) {
        which = (which + 1) % WORLD_SOURCES; /* there are some of every format */
    }
    return WORLD_DRAWN + 1 + which;
}

static QXLRect rect_within(Choices *choices, uint32_t width, uint32_t height, uint32_t some_width,
                           uint32_t some_height)
{
    const int32_t left = (int32_t)choose(choices, width - some_width + 1);
    const int32_t top = (int32_t)choose(choices, height - some_height + 1);
    return (QXLRect){
        .left = left, .top = top, .right = left + (int32_t)some_width, .bottom = top + (int32_t)some_height};
}

QXLPHYSICAL world_source(World *world, const QXLDrawable *drawable, bool may_scale, QXLRect *ret_area)
{
    Choices *choices = world->choices;
    const uint32_t format = world->surfaces[drawable->surface_id].geometry.format;
    uint32_t width = (uint32_t)(drawable->bbox.right - drawable->bbox.left);
    uint32_t height = (uint32_t)(drawable->bbox.bottom - drawable->bbox.top);

    if (may_scale && choose_rarely(choices, 3)) {
        width = 1 + choose(choices, 79);
        height = 1 + choose(choices, 59);
    }
    if (choose_rarely(choices, 3)) {
        const uint32_t id = world->beyond && choose_rarely(choices, 4) ? drawable->surface_id
                                                                       : world_source_surface(world, format);
        const QxlGeometry *geometry = &world->surfaces[id].geometry;
        width = width < geometry->width ? width : geometry->width;
        height = height < geometry->height ? height : geometry->height;
        *ret_area = rect_within(choices, geometry->width, geometry->height, width, height);
        return world_surface_image(world, id);
    }
    const uint32_t all_width = width + choose(choices, 2) * choose(choices, 20);
    const uint32_t all_height = height + choose(choices, 2) * choose(choices, 20);
    *ret_area = rect_within(choices, all_width, all_height, width, height);
    return world_bitmap(world, world_bitmap_format(world, format), all_width, all_height, true);
}
