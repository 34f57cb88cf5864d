/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/image.h"

#include <spice/enums.h>

#include "base/check.h"
#include "qxl/guest_copy.h"
#include "qxl/read.h"

#define DECODED_PIXEL_BYTES 4u

unsigned qxl_bitmap_depth(uint8_t format)
{
    switch (format) {
    case SPICE_BITMAP_FMT_1BIT_LE:
    case SPICE_BITMAP_FMT_1BIT_BE:
        return 1;
    case SPICE_BITMAP_FMT_4BIT_LE:
    case SPICE_BITMAP_FMT_4BIT_BE:
        return 4;
    case SPICE_BITMAP_FMT_8BIT:
    case SPICE_BITMAP_FMT_8BIT_A:
        return 8;
    case SPICE_BITMAP_FMT_16BIT:
        return 16;
    case SPICE_BITMAP_FMT_24BIT:
        return 24;
    case SPICE_BITMAP_FMT_32BIT:
    case SPICE_BITMAP_FMT_RGBA:
        return 32;
    default:
        return 0;
    }
}

bool qxl_bitmap_is_indexed(uint8_t format)
{
    return format >= SPICE_BITMAP_FMT_1BIT_LE && format <= SPICE_BITMAP_FMT_8BIT;
}

static Status check_size(QxlReader *reader, uint32_t width, uint32_t height)
{
    if (width == 0 || height == 0) {
        return qxl_fault(reader->fault, "an image of no pixels", (uint64_t)width << 32 | height);
    }
    if (width > INT32_MAX || height > INT32_MAX || (uint64_t)width * height > QXL_PIXELS_MAX) {
        return qxl_fault(reader->fault, "an image of too many pixels", (uint64_t)width << 32 | height);
    }
    return STATUS_OK;
}

static Status palette_read(QxlReader *reader, uint64_t address, const QxlPalette **ret_palette)
{
    QXLPalette head;
    GuestRange entries;
    QxlPalette *palette;

    Status status = qxl_read_at(reader, address, &head, sizeof head, &entries);
    if (status != STATUS_OK) {
        return status;
    }
    if (head.num_ents == 0 || head.num_ents > QXL_PALETTE_ENTRIES_MAX) {
        return qxl_fault(reader->fault, "a palette of no or too many colours", head.num_ents);
    }
    const size_t bytes = head.num_ents * sizeof palette->entries[0];
    if (bytes > entries.left) {
        return qxl_fault(reader->fault, "a palette is longer than its memslot", head.num_ents);
    }
    status = qxl_read_room(reader, 1, sizeof *palette, &palette);
    if (status != STATUS_OK) {
        return status;
    }
    *palette = (QxlPalette){.unique = head.unique, .count = head.num_ents};
    guest_copy(palette->entries, entries.host, bytes);
    for (uint32_t i = 0; i < palette->count; i++) {
        palette->entries[i] = qxl_read_color(reader, palette->entries[i]);
    }
    *ret_palette = palette;
    return STATUS_OK;
}

/* Pixels in one piece. */
static Status direct_read(QxlReader *reader, uint64_t address, uint32_t bytes, QxlData *ret_data)
{
    GuestRange range;
    QxlSpan *span;

    Status status =
        memslots_find(reader->slots, reader->drawable->group, address, bytes, &range, reader->fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = qxl_read_room(reader, 1, sizeof *span, &span);
    if (status != STATUS_OK) {
        return status;
    }
    *span = (QxlSpan){range.host, 0, bytes};
    *ret_data = (QxlData){span, 1, bytes};
    reader->drawable->slots |= UINT64_C(1) << range.slot % 64;
    return STATUS_OK;
}

/* `head` lies before `data`; all of it must be there, and no more. */
static Status chunks_read(QxlReader *reader, const QXLDataChunk *head, GuestRange data, uint32_t bytes,
                          QxlData *ret_data)
{
    const Status status = qxl_read_chain(reader, head, data, bytes, ret_data);
    if (status != STATUS_OK) {
        return status;
    }
    if (ret_data->bytes != bytes) {
        return qxl_fault(reader->fault, "an image's chunks are too short for it", ret_data->bytes);
    }
    return STATUS_OK;
}

static Status bitmap_read(QxlReader *reader, const GuestRange *range, QxlImageUse use, QxlImage *image)
{
    QXLBitmap from;
    QxlBitmap *bitmap = &image->u.bitmap;

    if (range->left < sizeof from) {
        return qxl_fault(reader->fault, "a bitmap across the end of its memslot", range->left);
    }
    guest_copy(&from, range->host, sizeof from);
    const unsigned depth = qxl_bitmap_depth(from.format);
    if (depth == 0) {
        return qxl_fault(reader->fault, "no such bitmap format", from.format);
    }
    if (use == QXL_IMAGE_MASK && depth != 1) {
        return qxl_fault(reader->fault, "a mask of more than one bit per pixel", from.format);
    }
    /* What the descriptor says of the size is said here again; this is what fits the pixels. */
    Status status = check_size(reader, from.x, from.y);
    if (status != STATUS_OK) {
        return status;
    }
    image->width = from.x;
    image->height = from.y;
    if (from.stride < ((uint64_t)from.x * depth + 7) / 8) {
        return qxl_fault(reader->fault, "a bitmap's stride is shorter than a line", from.stride);
    }
    const uint64_t bytes = (uint64_t)from.y * from.stride;
    if (bytes > QXL_SURFACE_BYTES_MAX) {
        return qxl_fault(reader->fault, "a bitmap is too large", bytes);
    }
    *bitmap = (QxlBitmap){
        .format = from.format,
        .top_down = (from.flags & QXL_BITMAP_TOP_DOWN) != 0,
        .unstable = (from.flags & QXL_BITMAP_UNSTABLE) != 0,
        .stride = from.stride,
    };
    if (use != QXL_IMAGE_MASK && qxl_bitmap_is_indexed(from.format)) {
        status = palette_read(reader, from.palette, &bitmap->palette);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if ((from.flags & QXL_BITMAP_DIRECT) != 0) {
        return direct_read(reader, from.data, (uint32_t)bytes, &bitmap->data);
    }
    QXLDataChunk head;
    GuestRange data;
    status = qxl_read_at(reader, from.data, &head, sizeof head, &data);
    if (status != STATUS_OK) {
        return status;
    }
    return chunks_read(reader, &head, data, (uint32_t)bytes, &bitmap->data);
}

static Status quic_read(QxlReader *reader, const GuestRange *range, QxlImageUse use, QxlImage *image)
{
    struct __attribute__((packed)) {
        uint32_t data_size;
        QXLDataChunk chunk;
    } from;

    if (use == QXL_IMAGE_MASK) {
        return qxl_fault(reader->fault, "a mask that is no bitmap", image->type);
    }
    if (range->left < sizeof from) {
        return qxl_fault(reader->fault, "an image across the end of its memslot", range->left);
    }
    guest_copy(&from, range->host, sizeof from);
    if (from.data_size == 0 || from.data_size > QXL_SURFACE_BYTES_MAX) {
        return qxl_fault(reader->fault, "a compressed image of no or too much data", from.data_size);
    }
    const Status status = check_size(reader, image->width, image->height);
    if (status != STATUS_OK) {
        return status;
    }
    const GuestRange data = {range->host + sizeof from, range->left - sizeof from, range->slot};
    return chunks_read(reader, &from.chunk, data, from.data_size, &image->u.quic);
}

static Status surface_read(QxlReader *reader, const GuestRange *range, QxlImageUse use, QxlImage *image)
{
    QXLSurfaceId from;
    QxlGeometry geometry;

    if (range->left < sizeof from) {
        return qxl_fault(reader->fault, "an image across the end of its memslot", range->left);
    }
    guest_copy(&from, range->host, sizeof from);
    if (!reader->host->find_surface(reader->host->opaque, from.surface_id, &geometry)) {
        return qxl_fault(reader->fault, "an image of a surface that does not exist", from.surface_id);
    }
    if (use == QXL_IMAGE_MASK && geometry.format != SPICE_SURFACE_FMT_1_A) {
        return qxl_fault(reader->fault, "a mask of more than one bit per pixel", geometry.format);
    }
    image->width = geometry.width;
    image->height = geometry.height;
    image->u.surface_id = from.surface_id;
    return STATUS_OK;
}

QxlData *qxl_image_data(QxlImage *image)
{
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return &image->u.bitmap.data;
    case SPICE_IMAGE_TYPE_QUIC:
        return &image->u.quic;
    default:
        return NULL;
    }
}

/* So that it can be found again without knowing where in the drawable it is used. */
static void image_note(QxlDrawable *drawable, QxlImage *image)
{
    CHECK(drawable->image_count < QXL_DRAWABLE_IMAGES_MAX);
    drawable->images[drawable->image_count++] = image;
    const QxlData *data = qxl_image_data(image);
    drawable->pinned_bytes += data != NULL ? data->bytes : 0;
}

Status qxl_image_read(QxlReader *reader, uint64_t address, QxlImageUse use, const QxlImage **ret_image)
{
    QXLImageDescriptor from;
    GuestRange behind;
    QxlImage *image;

    Status status = qxl_read_at(reader, address, &from, sizeof from, &behind);
    if (status != STATUS_OK) {
        return status;
    }
    status = qxl_read_room(reader, 1, sizeof *image, &image);
    if (status != STATUS_OK) {
        return status;
    }
    *image = (QxlImage){.id = from.id,
                        .type = from.type,
                        .flags = from.flags & (QXL_IMAGE_CACHE | QXL_IMAGE_HIGH_BITS_SET),
                        .width = from.width,
                        .height = from.height};
    if ((uint32_t)from.id == QXL_IMAGE_GROUP_RED) {
        image->flags &= (uint8_t)~QXL_IMAGE_CACHE; /* these ids are the server's own */
    }
    switch (from.type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        status = bitmap_read(reader, &behind, use, image);
        break;
    case SPICE_IMAGE_TYPE_QUIC:
        status = quic_read(reader, &behind, use, image);
        break;
    case SPICE_IMAGE_TYPE_SURFACE:
        status = surface_read(reader, &behind, use, image);
        break;
    default:
        return qxl_fault(reader->fault, "no such image type", from.type);
    }
    if (status != STATUS_OK) {
        return status;
    }
    image_note(reader->drawable, image);
    *ret_image = image;
    return STATUS_OK;
}
