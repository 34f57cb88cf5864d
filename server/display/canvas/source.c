/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where pixels come from: bitmaps in guest memory, or decoded, other surfaces, and what this surface showed before. */
#include <string.h>

#include <spice/enums.h>

#include "display/canvas/draw.h"

#define SOURCE_PIXELS_PER_STEP 8u /* that are made of a bitmap's */

/* ---- Rasters ---- */

Status raster_take(Draw *draw, Scratch scratch, pixman_format_code_t format, int64_t width, int64_t height,
                   Raster *ret_raster)
{
    const int64_t stride = (width * (int64_t)PIXMAN_FORMAT_BPP(format) + 31) / 32 * 4;
    uint8_t *pixels = scratch_take(draw->set, scratch, (uint64_t)stride * (uint64_t)height);
    if (pixels == NULL) {
        return draw_no_memory(draw);
    }
    *ret_raster = (Raster){.top = pixels,
                           .stride = stride,
                           .width = (int32_t)width,
                           .height = (int32_t)height,
                           .format = format};
    return STATUS_OK;
}

pixman_image_t *raster_image(const Raster *raster)
{
    return pixman_image_create_bits(raster->format, raster->width, raster->height,
                                    (uint32_t *)(void *)raster->top, (int)raster->stride);
}

static bool same_raster(const Raster *a, const Raster *b)
{
    return a->top == b->top && a->stride == b->stride && a->width == b->width && a->height == b->height &&
           a->format == b->format;
}

/* An image holds nothing but where its pixels are: it may outlive them, until a raster lies there again. */
pixman_image_t *raster_image_kept(CanvasImage *kept, const Raster *raster)
{
    if (kept->image == NULL || !same_raster(&kept->raster, raster)) {
        pixman_image_t *image = raster_image(raster);
        if (image == NULL) {
            return NULL;
        }
        if (kept->image != NULL) {
            pixman_image_unref(kept->image);
        }
        *kept = (CanvasImage){*raster, image};
    }
    return pixman_image_ref(kept->image);
}

Source source_of_raster(const Raster *raster)
{
    return (Source){.width = raster->width,
                    .height = raster->height,
                    .format = raster->format,
                    .native = raster->format,
                    .raster = *raster};
}

static void line_copy(const Raster *from, int64_t y, const Raster *to, int64_t to_y, int64_t x, int64_t width)
{
    const unsigned bits = PIXMAN_FORMAT_BPP(from->format);
    if (bits >= 8) {
        memcpy(raster_line(to, to_y), raster_line(from, y) + x * bits / 8, (size_t)(width * bits / 8));
        return;
    }
    uint8_t run[RUN_PIXELS];
    for (int64_t i = 0; i < width; i += RUN_PIXELS) {
        const size_t n = (size_t)(width - i < RUN_PIXELS ? width - i : RUN_PIXELS);
        bits_to_run(raster_line(from, y), x + i, n, run);
        bits_from_run(raster_line(to, to_y), i, n, run);
    }
}

Status canvas_keep(Draw *draw, const Box *box, Scratch scratch, Raster *ret_raster)
{
    const Raster *from = &draw->canvas->raster;
    const int64_t width = box->x2 - box->x1, height = box->y2 - box->y1;
    Status status = draw_work(draw, (uint64_t)(width * height) / CANVAS_PIXELS_PER_STEP);
    if (status == STATUS_OK) {
        status = raster_take(draw, scratch, from->format, width, height, ret_raster);
    }
    for (int32_t y = box->y1; y < box->y2 && status == STATUS_OK; y++) {
        line_copy(from, y, ret_raster, y - box->y1, box->x1, box->x2 - box->x1);
    }
    return status;
}

/* ---- Opening ---- */

static pixman_format_code_t bitmap_format(uint8_t format, pixman_format_code_t indexed)
{
    switch (format) {
    case SPICE_BITMAP_FMT_16BIT:
        return PIXMAN_x1r5g5b5;
    case SPICE_BITMAP_FMT_24BIT:
    case SPICE_BITMAP_FMT_32BIT:
        return PIXMAN_x8r8g8b8;
    case SPICE_BITMAP_FMT_RGBA:
        return PIXMAN_a8r8g8b8;
    case SPICE_BITMAP_FMT_8BIT_A:
        return PIXMAN_a8;
    default:
        return indexed;
    }
}

/* What pixels become that are to be as wide as the canvas's. Alpha that comes with them stays, where there is a byte for
 * it; none is invented. */
static pixman_format_code_t converted_format(pixman_format_code_t canvas, bool alpha)
{
    if (PIXMAN_FORMAT_BPP(canvas) == 32) {
        return alpha ? PIXMAN_a8r8g8b8 : PIXMAN_x8r8g8b8;
    }
    return canvas;
}

static Status bitmap_open(Draw *draw, const QxlImage *image, const QxlBitmap *bitmap, SourceForm form,
                          Source *ret_source)
{
    const pixman_format_code_t canvas = draw->canvas->raster.format;
    /* Bits without colours are a mask. */
    const bool mask = bitmap->palette == NULL && (bitmap->format == SPICE_BITMAP_FMT_1BIT_LE ||
                                                  bitmap->format == SPICE_BITMAP_FMT_1BIT_BE);
    /* Colours are the surface's pixels; where those have alpha, colours that are not converted have it too. */
    const pixman_format_code_t indexed = form == SOURCE_ORIGINAL ? canvas : converted_format(canvas, false);
    const pixman_format_code_t native = mask ? PIXMAN_a1 : bitmap_format(bitmap->format, indexed);

    if (bitmap->palette == NULL && qxl_bitmap_is_indexed(bitmap->format) && !mask) {
        return qxl_fault(draw->fault, "an indexed bitmap without palette", bitmap->format);
    }
    *ret_source = (Source){
        .width = (int32_t)image->width,
        .height = (int32_t)image->height,
        .native = native,
        .format = form == SOURCE_ORIGINAL ? native : converted_format(canvas, native == PIXMAN_a8r8g8b8),
        .bitmap = bitmap,
    };
    ret_source->high_bits_set =
        (image->flags & QXL_IMAGE_HIGH_BITS_SET) != 0 && ret_source->format == PIXMAN_x8r8g8b8;
    return STATUS_OK;
}

/* Who decodes QUIC to wider pixels leaves 0 where those have alpha; bitmaps that are widened are opaque. */
static Status quic_open(Draw *draw, const QxlImage *image, SourceForm form, Scratch scratch,
                        Source *ret_source)
{
    const QxlBitmap *bitmap;
    Status status = quic_bitmap(draw, image, scratch, &bitmap);
    if (status == STATUS_OK) {
        status = bitmap_open(draw, image, bitmap, form, ret_source);
    }
    if (status == STATUS_OK) {
        ret_source->high_bits_clear = ret_source->native == PIXMAN_x1r5g5b5 &&
                                      ret_source->format == PIXMAN_x8r8g8b8 && !ret_source->high_bits_set;
    }
    return status;
}

static Status surface_open(Draw *draw, uint32_t id, SourceForm form, Scratch scratch, Source *ret_source)
{
    const Raster *own = &draw->canvas->raster;
    const Canvas *canvas = draw->set->find(draw->set->opaque, id);
    if (canvas == NULL) {
        return qxl_fault(draw->fault, "a source surface that is not there", id);
    }
    Raster raster = canvas->raster;
    bool own_surface = true;
    /* By its id: another surface may lie at the same address, with other lines. */
    if (id == draw->drawable->surface_id && form != SOURCE_LIVE) {
        const Box all = {.x2 = raster.width, .y2 = raster.height};
        const Status status = canvas_keep(draw, &all, scratch, &raster);
        if (status != STATUS_OK) {
            return status;
        }
        own_surface = false;
    }
    *ret_source = source_of_raster(&raster);
    ret_source->own_surface = own_surface;
    if (form == SOURCE_CONVERTED && PIXMAN_FORMAT_BPP(raster.format) != PIXMAN_FORMAT_BPP(own->format)) {
        ret_source->format = converted_format(own->format, raster.format == PIXMAN_a8r8g8b8);
    }
    return STATUS_OK;
}

Status source_open(Draw *draw, const QxlImage *image, SourceForm form, Scratch scratch, Source *ret_source)
{
    if (image == NULL) {
        Box area = box_of(&draw->drawable->self_bitmap_area);
        const Box surface = {.x2 = draw->canvas->raster.width, .y2 = draw->canvas->raster.height};
        if (!draw->drawable->self_bitmap || !box_intersect(&area, &surface)) {
            return qxl_fault(draw->fault, "no source", draw->drawable->type);
        }
        Raster raster;
        const Status status = canvas_keep(draw, &area, scratch, &raster);
        if (status == STATUS_OK) {
            *ret_source = source_of_raster(&raster);
        }
        return status;
    }
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return bitmap_open(draw, image, &image->u.bitmap, form, ret_source);
    case SPICE_IMAGE_TYPE_QUIC:
        return quic_open(draw, image, form, scratch, ret_source);
    case SPICE_IMAGE_TYPE_SURFACE:
        return surface_open(draw, image->u.surface_id, form, scratch, ret_source);
    default:
        return qxl_fault(draw->fault, "an image that the canvas cannot decode", image->type);
    }
}

/* ---- Reading ---- */

/* One byte for each; `room` is for RUN_PIXELS. */
static const uint8_t *indexes_of(const QxlBitmap *bitmap, const uint8_t *bytes, size_t first, size_t n,
                                 uint8_t *room)
{
    switch (bitmap->format) {
    case SPICE_BITMAP_FMT_1BIT_LE:
        bits_to_run(bytes, (int64_t)first, n, room);
        return room;
    case SPICE_BITMAP_FMT_1BIT_BE:
        high_bits_to_run(bytes, first, n, room);
        return room;
    case SPICE_BITMAP_FMT_4BIT_LE:
    case SPICE_BITMAP_FMT_4BIT_BE:
        for (size_t i = 0; i < n; i++) {
            const size_t at = first + i;
            const bool low = at % 2 == (bitmap->format == SPICE_BITMAP_FMT_4BIT_BE);
            room[i] = bytes[at / 2] >> (low ? 0 : 4) & 15;
        }
        return room;
    default:
        return bytes + first;
    }
}

/* Entries are as wide as the canvas's pixels, or wider: then their lower bits count. */
static void run_of_indexes(const Source *source, const uint8_t *bytes, size_t first, size_t n, uint8_t *run)
{
    const QxlPalette *palette = source->bitmap->palette;
    const size_t width = run_pixel_bytes(source->native);
    const uint32_t counts = PIXMAN_FORMAT_BPP(source->native) == 1 ? 1 : UINT32_MAX;
    uint8_t room[RUN_PIXELS];
    const uint8_t *indexes = indexes_of(source->bitmap, bytes, first, n, room);

    if (width == 1 && palette == NULL && (counts != 1 || qxl_bitmap_depth(source->bitmap->format) == 1)) {
        memcpy(run, indexes, n);
        return;
    }
    if (width == 4 && palette != NULL) {
        for (size_t i = 0; i < n; i++) {
            memcpy(run + i * 4, &palette->entries[indexes[i]], 4);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t value = (palette != NULL ? palette->entries[indexes[i]] : indexes[i]) & counts;
        const uint8_t pixel[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                                  (uint8_t)(value >> 24)};
        memcpy(run + i * width, pixel, width);
    }
}

static void bitmap_run(const Source *source, int64_t x, int64_t y, size_t n, uint8_t *run)
{
    const QxlBitmap *bitmap = source->bitmap;
    const unsigned bits = qxl_bitmap_depth(bitmap->format);
    const int64_t line = bitmap->top_down ? y : source->height - 1 - y;
    const uint64_t begin = (uint64_t)line * bitmap->stride + (uint64_t)x * bits / 8;
    const size_t first = bits < 8 ? (size_t)(x % (8 / bits)) : 0;
    const uint32_t bytes = (uint32_t)(((first + n) * bits + 7) / 8);
    uint8_t room[RUN_BYTES + 4];

    if (qxl_bitmap_is_indexed(bitmap->format) || bits == 24) {
        qxl_data_copy(&bitmap->data, (uint32_t)begin, room, bytes);
    } else {
        qxl_data_copy(&bitmap->data, (uint32_t)begin, run, bytes);
        return;
    }
    if (bits < 24) {
        run_of_indexes(source, room, first, n, run);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        run[i * 4] = room[i * 3];
        run[i * 4 + 1] = room[i * 3 + 1];
        run[i * 4 + 2] = room[i * 3 + 2];
        run[i * 4 + 3] = 0;
    }
}

static const uint8_t *native_run(const Source *source, int64_t x, int64_t y, size_t n, uint8_t *room)
{
    if (source->raster.top == NULL) {
        bitmap_run(source, x, y, n, room);
        return room;
    }
    const uint8_t *line = raster_line(&source->raster, y);
    const unsigned bits = PIXMAN_FORMAT_BPP(source->raster.format);
    if (bits < 8) {
        bits_to_run(line, x, n, room);
        return room;
    }
    return line + x * bits / 8;
}

const uint8_t *source_run(const Source *source, int64_t x, int64_t y, size_t n, uint8_t *room)
{
    const uint8_t *run = room;

    if (source->native == source->format) {
        run = native_run(source, x, y, n, room);
    } else {
        uint8_t native[RUN_BYTES];
        run_convert(source->native, native_run(source, x, y, n, native), source->format, room, n);
    }
    const bool set = source->high_bits_set;
    for (size_t i = 0; (set || source->high_bits_clear) && i < n; i++) {
        room[i * 4 + 3] = set ? 0xff : 0; /* it is a bitmap: they are in the room */
    }
    return run;
}

Status source_raster(Draw *draw, const Source *source, Scratch scratch, Box *window, Raster *ret_raster)
{
    if (source->raster.top != NULL && source->native == source->format) {
        *window = (Box){.x2 = source->width, .y2 = source->height};
        *ret_raster = source->raster;
        return STATUS_OK;
    }
    const Box all = {.x2 = source->width, .y2 = source->height};
    if (!box_intersect(window, &all)) {
        return qxl_fault(draw->fault, "nothing of a source is used", 0);
    }
    const int64_t width = window->x2 - window->x1, height = window->y2 - window->y1;
    Status status = draw_work(draw, (uint64_t)(width * height) / SOURCE_PIXELS_PER_STEP);
    if (status == STATUS_OK) {
        status = raster_take(draw, scratch, source->format, width, height, ret_raster);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t room[RUN_BYTES];
    const unsigned bits = PIXMAN_FORMAT_BPP(source->format);
    for (int32_t y = window->y1; y < window->y2; y++) {
        uint8_t *line = raster_line(ret_raster, y - window->y1);
        for (int64_t x = 0; x < width; x += RUN_PIXELS) {
            const size_t n = (size_t)(width - x < RUN_PIXELS ? width - x : RUN_PIXELS);
            const uint8_t *run = source_run(source, window->x1 + x, y, n, room);
            if (bits < 8) {
                bits_from_run(line, x, n, run);
            } else {
                memcpy(line + x * bits / 8, run, n * bits / 8);
            }
        }
    }
    return STATUS_OK;
}
