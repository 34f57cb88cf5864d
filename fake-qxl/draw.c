/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.c: drawings, written as a driver writes them. */
#include "draw.h"

#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "base/check.h"
#include "codec/quic.h"

static uint64_t mixed(uint64_t seed, uint64_t at)
{
    uint64_t x = (seed ^ at * UINT64_C(0x9e3779b97f4a7c15)) + UINT64_C(0x632be59bd9b4e019);

    x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

uint8_t fake_draw_byte(uint64_t seed, uint32_t at)
{
    return (uint8_t)mixed(seed, at);
}

/* Of a photograph: neighbours are nearly the same. */
static uint8_t smooth_byte(const FakeDrawImage *image, uint32_t at)
{
    const uint32_t bytes = image->format == SPICE_BITMAP_FMT_16BIT   ? 2
                           : image->format == SPICE_BITMAP_FMT_24BIT ? 3
                                                                     : 4;
    const uint32_t x = at % image->stride / bytes, y = at / image->stride,
                   channel = at % image->stride % bytes;
    const uint32_t tilt = (uint32_t)(image->seed >> 8) % 3 + 1;
    const uint32_t slope = (x * tilt + y * 2 + (bytes > 2 ? channel * 90 : 0)) % 480;
    const uint32_t level = slope < 240 ? slope : 479 - slope;

    if (bytes == 2) {
        const uint32_t five = level / 8;
        return (uint8_t)((five << 10 | five << 5 | five) >> 8 * channel);
    }
    return (uint8_t)(level + (fake_draw_byte(image->seed, at) & 7));
}

static bool is_smooth(const FakeDrawImage *image)
{
    return image->type == SPICE_IMAGE_TYPE_BITMAP && image->format >= SPICE_BITMAP_FMT_16BIT &&
           image->format <= SPICE_BITMAP_FMT_RGBA && image->stride > 0 && image->seed % 4 == 1;
}

/* Light at a point: random at the corners of squares with sides of 2^shift pixels, and between them as their distance says. */
static uint32_t light_at(uint64_t seed, uint32_t x, uint32_t y, uint32_t shift)
{
    const uint32_t side = 1u << shift, dx = x % side, dy = y % side;
    uint32_t corners[2][2];

    for (uint32_t row = 0; row < 2; row++) {
        for (uint32_t column = 0; column < 2; column++) {
            corners[row][column] =
                fake_draw_byte(seed + shift, ((y >> shift) + row) * 65536 + (x >> shift) + column);
        }
    }
    const uint32_t upper = corners[0][0] * (side - dx) + corners[0][1] * dx;
    const uint32_t lower = corners[1][0] * (side - dx) + corners[1][1] * dx;
    return (upper * (side - dy) + lower * dy) >> 2 * shift;
}

/* Large areas of light and shade, details, a tint of its own for each colour, and grain. */
static uint8_t photo_byte(const FakeDrawImage *image, uint32_t at)
{
    const uint32_t x = at % image->stride / 4 + image->moment, y = at / image->stride, colour = at % 4;
    const uint32_t light = light_at(image->seed, x, y, 5) * 4 + light_at(image->seed, x, y, 3) * 2 +
                           light_at(~image->seed + colour, x, y, 6) * 2;

    return (uint8_t)(light / 8 * 248 / 255 + (fake_draw_byte(image->seed + image->moment, at) & 7));
}

uint8_t fake_draw_pixel_byte(const FakeDrawImage *image, uint32_t at)
{
    const uint8_t byte = image->photo       ? photo_byte(image, at)
                         : is_smooth(image) ? smooth_byte(image, at)
                                            : fake_draw_byte(image->seed, at);
    const uint32_t in_row = image->stride > 0 ? at % image->stride : at;

    if (image->type != SPICE_IMAGE_TYPE_BITMAP) {
        return byte;
    }
    if (image->format == SPICE_BITMAP_FMT_32BIT && in_row % 4 == 3) {
        return 0;
    }
    return image->format == SPICE_BITMAP_FMT_16BIT && in_row % 2 == 1 ? byte & 0x7f : byte;
}

uint32_t fake_draw_color(uint64_t seed, uint32_t at)
{
    return (uint32_t)mixed(~seed, at) & 0xffffff;
}

/* ---- QUIC ---- */

static void *coder_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void coder_free(void *owner, void *memory)
{
    (void)owner;
    free(memory);
}

#define QUIC_PIXEL_BYTES_MAX 18u /* four codes of 26 bits, and two ends of runs */

uint8_t *fake_draw_quic(const FakeDrawImage *image, uint32_t *ret_bytes)
{
    const CodecMemory memory = {.alloc = coder_alloc, .free = coder_free};
    const PixelFormat format = (PixelFormat)image->format;
    FakeDrawImage plain = *image;
    CodecSink sink;

    plain.type = SPICE_IMAGE_TYPE_BITMAP;
    plain.stride = (uint32_t)pixel_row_bytes(format, image->width);
    const size_t bytes = (size_t)plain.stride * image->height;
    const size_t room = (size_t)image->width * image->height * QUIC_PIXEL_BYTES_MAX + 64;
    uint8_t *pixels = malloc(bytes), *coded = malloc(room);
    QuicEncoder *encoder = quic_encoder_new(&memory);
    CHECK(pixels != NULL && coded != NULL && encoder != NULL);
    for (uint32_t i = 0; i < bytes; i++) {
        pixels[i] = fake_draw_pixel_byte(&plain, i);
    }
    const ImageChunk chunk = {pixels, image->height};
    const ImageSource source = {.format = format,
                                .width = image->width,
                                .height = image->height,
                                .stride = plain.stride,
                                .top_down = true,
                                .chunks = &chunk,
                                .chunk_count = 1};
    sink_init(&sink, coded, room);
    CHECK(quic_encode(encoder, &source, &sink) == STATUS_OK);
    quic_encoder_free(encoder);
    free(pixels);
    *ret_bytes = (uint32_t)sink.total;
    return coded;
}

/* ---- Memory ---- */

typedef struct Writer {
    const FakeDrawMemory *memory;
    bool failed; /* then all else goes nowhere */
} Writer;

static void *take(Writer *writer, size_t bytes, uint64_t *ret_address)
{
    void *memory = writer->failed ? NULL : writer->memory->take(writer->memory->opaque, bytes, ret_address);

    if (memory == NULL) {
        writer->failed = true;
        *ret_address = 0;
    }
    return memory;
}

typedef void (*FillFunc)(const void *from, uint32_t at, uint8_t *to, uint32_t bytes);

/* `bytes` in `count` chunks, the later ones in memory of their own; `first` holds the first. What each holds, an empty one
 * now and then, follows from count and bytes. */
static uint32_t chunk_bytes(uint32_t bytes, uint32_t count, uint32_t index)
{
    if (index + 1 == count) {
        return bytes - count / 2 * 2 * (bytes / count);
    }
    return index % 2 == 0 ? bytes / count * 2 : 0;
}

static void chunks_write(Writer *writer, QXLDataChunk *first, uint64_t first_address, uint32_t bytes,
                         uint32_t count, FillFunc fill, const void *from)
{
    QXLDataChunk *chunk = first;
    uint64_t address = first_address;
    uint32_t at = 0;

    for (uint32_t i = 0; i < count && !writer->failed; i++) {
        chunk->data_size = chunk_bytes(bytes, count, i);
        fill(from, at, (uint8_t *)(chunk + 1), chunk->data_size);
        at += chunk->data_size;
        if (i + 1 < count) {
            uint64_t next = 0;
            QXLDataChunk *more = take(writer, sizeof *more + chunk_bytes(bytes, count, i + 1), &next);
            chunk->next_chunk = next;
            if (more != NULL) {
                more->prev_chunk = address;
                chunk = more;
                address = next;
            }
        }
    }
}

/* What holds the first chunk, its header included. */
static size_t first_chunk(uint32_t bytes, uint32_t count)
{
    return sizeof(QXLDataChunk) + chunk_bytes(bytes, count, 0);
}

static void fill_plain(const void *from, uint32_t at, uint8_t *to, uint32_t bytes)
{
    if (bytes > 0) {
        memcpy(to, (const uint8_t *)from + at, bytes);
    }
}

static void fill_pixels(const void *from, uint32_t at, uint8_t *to, uint32_t bytes)
{
    const FakeDrawImage *image = from;

    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = fake_draw_pixel_byte(image, at + i);
    }
}

/* ---- Parts ---- */

static uint64_t palette_write(Writer *writer, const FakeDrawImage *image)
{
    uint64_t address;
    QXLPalette *palette = take(writer, sizeof *palette + image->colors * sizeof(uint32_t), &address);

    if (palette != NULL) {
        palette->unique = image->palette_unique;
        palette->num_ents = image->colors;
        for (uint32_t i = 0; i < image->colors; i++) {
            const uint32_t color = fake_draw_color(image->palette_seed, i);
            memcpy((uint8_t *)(palette + 1) + i * sizeof color, &color, sizeof color);
        }
    }
    return address;
}

static void bitmap_write(Writer *writer, const FakeDrawImage *image, QXLBitmap *ret)
{
    uint64_t address;

    *ret = (QXLBitmap){.format = image->format,
                       .flags = image->bitmap_flags,
                       .x = image->width,
                       .y = image->height,
                       .stride = image->stride,
                       .palette = image->colors > 0 ? palette_write(writer, image) : 0};
    if ((image->bitmap_flags & QXL_BITMAP_DIRECT) != 0) {
        uint8_t *pixels = take(writer, image->bytes, &address);
        if (pixels != NULL) {
            fill_pixels(image, 0, pixels, image->bytes);
        }
    } else {
        QXLDataChunk *chunk = take(writer, first_chunk(image->bytes, image->chunks), &address);
        if (chunk != NULL) {
            chunks_write(writer, chunk, address, image->bytes, image->chunks, fill_pixels, image);
        }
    }
    ret->data = address;
}

static void quic_write(Writer *writer, const FakeDrawImage *image, uint8_t *memory, uint64_t address)
{
    QXLDataChunk *first = (QXLDataChunk *)(void *)(memory + sizeof(QXLQUICData));

    memcpy(memory, &image->bytes, sizeof image->bytes);
    address += sizeof(QXLQUICData);
    if (image->noise) {
        chunks_write(writer, first, address, image->bytes, image->chunks, fill_pixels, image);
        return;
    }
    uint32_t bytes;
    uint8_t *coded = fake_draw_quic(image, &bytes);
    CHECK(bytes == image->bytes);
    chunks_write(writer, first, address, bytes, image->chunks, fill_plain, coded);
    free(coded);
}

static uint64_t image_write(Writer *writer, const FakeDrawImage *image)
{
    uint64_t address;
    size_t bytes = offsetof(QXLImage, bitmap);

    if (!image->present) {
        return 0;
    }
    bytes += image->type == SPICE_IMAGE_TYPE_BITMAP ? sizeof(QXLBitmap)
             : image->type == SPICE_IMAGE_TYPE_QUIC
                 ? sizeof(QXLQUICData) + first_chunk(image->bytes, image->chunks)
                 : sizeof(QXLSurfaceId);
    uint8_t *memory = take(writer, bytes, &address);
    if (memory == NULL) {
        return 0;
    }
    const QXLImageDescriptor descriptor = {image->id, image->type, image->flags, image->width, image->height};
    uint8_t *behind = memory + sizeof descriptor;
    memcpy(memory, &descriptor, sizeof descriptor);
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        bitmap_write(writer, image, (QXLBitmap *)(void *)behind);
        break;
    case SPICE_IMAGE_TYPE_QUIC:
        quic_write(writer, image, behind, address + sizeof descriptor);
        break;
    default:
        memcpy(behind, &image->surface_id, sizeof image->surface_id);
        break;
    }
    return address;
}

static void brush_write(Writer *writer, const FakeDrawBrush *brush, QXLBrush *ret)
{
    ret->type = brush->type;
    if (brush->type == SPICE_BRUSH_TYPE_SOLID) {
        ret->u.color = brush->color;
    } else if (brush->type == SPICE_BRUSH_TYPE_PATTERN) {
        ret->u.pattern = (QXLPattern){image_write(writer, &brush->pattern), brush->pos};
    }
}

static QXLQMask mask_write(Writer *writer, const FakeDrawing *drawing)
{
    return (QXLQMask){drawing->mask_inverse ? SPICE_MASK_FLAGS_INVERS : 0, drawing->mask_pos,
                      image_write(writer, &drawing->mask)};
}

static QXLClip clip_write(Writer *writer, const FakeDrawing *drawing)
{
    const uint32_t bytes = drawing->rect_count * (uint32_t)sizeof(QXLRect);
    const size_t chunk_at = offsetof(QXLClipRects, chunk);
    uint64_t address;

    if (!drawing->clipped) {
        return (QXLClip){SPICE_CLIP_TYPE_NONE, 0};
    }
    QXLClipRects *rects = take(writer, chunk_at + first_chunk(bytes, drawing->rect_chunks), &address);
    if (rects != NULL) {
        rects->num_rects = drawing->rect_count;
        chunks_write(writer, &rects->chunk, address + chunk_at, bytes, drawing->rect_chunks, fill_plain,
                     drawing->rects);
    }
    return (QXLClip){SPICE_CLIP_TYPE_RECTS, address};
}

static uint64_t path_write(Writer *writer, const FakeDrawing *drawing)
{
    uint8_t flat[FAKE_DRAW_SEGMENTS * sizeof(QXLPathSeg) + sizeof drawing->points];
    const size_t chunk_at = offsetof(QXLPath, chunk);
    uint32_t bytes = 0, point = 0;
    uint64_t address;

    for (uint32_t i = 0; i < drawing->segment_count; i++) {
        const FakeDrawSegment *segment = &drawing->segments[i];
        const QXLPathSeg head = {segment->flags, segment->count};
        const size_t points = segment->count * sizeof(QXLPointFix);
        memcpy(flat + bytes, &head, sizeof head);
        memcpy(flat + bytes + sizeof head, &drawing->points[point], points);
        bytes += (uint32_t)(sizeof head + points);
        point += segment->count;
    }
    QXLPath *path = take(writer, chunk_at + first_chunk(bytes, drawing->path_chunks), &address);
    if (path != NULL) {
        path->data_size = bytes;
        chunks_write(writer, &path->chunk, address + chunk_at, bytes, drawing->path_chunks, fill_plain, flat);
    }
    return address;
}

static void line_write(Writer *writer, const FakeDrawing *drawing, QXLLineAttr *ret)
{
    *ret = (QXLLineAttr){.flags = drawing->line_flags, .style_nseg = drawing->dash_count, .width = 16};
    if (drawing->dash_count > 0) {
        const size_t bytes = drawing->dash_count * sizeof drawing->dashes[0];
        uint64_t address;
        void *dashes = take(writer, bytes, &address);
        if (dashes != NULL) {
            memcpy(dashes, drawing->dashes, bytes);
        }
        ret->style = address;
    }
}

static uint64_t string_write(Writer *writer, const FakeDrawing *drawing)
{
    const size_t chunk_at = offsetof(QXLString, chunk);
    uint32_t bytes = 0, at = 0;
    uint64_t address = 0;

    for (uint32_t i = 0; i < drawing->glyph_count; i++) {
        bytes += (uint32_t)sizeof(QXLRasterGlyph) + drawing->glyphs[i].bytes;
    }
    uint8_t *flat = malloc(bytes + 1u);
    if (flat == NULL) {
        writer->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < drawing->glyph_count; i++) {
        const FakeDrawGlyph *glyph = &drawing->glyphs[i];
        const QXLRasterGlyph head = {glyph->pos, glyph->origin, glyph->width, glyph->height};
        memcpy(flat + at, &head, sizeof head);
        at += (uint32_t)sizeof head;
        for (uint32_t k = 0; k < glyph->bytes; k++) {
            flat[at++] = k < glyph->shape_bytes ? glyph->shape[k] : fake_draw_byte(glyph->seed, k);
        }
    }
    QXLString *string = take(writer, chunk_at + first_chunk(bytes, drawing->string_chunks), &address);
    if (string != NULL) {
        string->data_size = bytes;
        string->length = (uint16_t)drawing->glyph_count;
        string->flags = drawing->string_flags;
        chunks_write(writer, &string->chunk, address + chunk_at, bytes, drawing->string_chunks, fill_plain,
                     flat);
    }
    free(flat);
    return address;
}

static uint64_t transform_write(Writer *writer, bool present, const QXLTransform *transform)
{
    uint64_t address;
    void *memory = present ? take(writer, sizeof *transform, &address) : NULL;

    if (memory == NULL) {
        return 0;
    }
    memcpy(memory, transform, sizeof *transform);
    return address;
}

/* ---- The whole ---- */

static QXLComposite composite_write(Writer *writer, const FakeDrawing *drawing)
{
    return (QXLComposite){
        .flags = drawing->composite_flags,
        .src = image_write(writer, &drawing->source),
        .src_transform = transform_write(writer, drawing->has_src_transform, &drawing->src_transform),
        .mask = image_write(writer, &drawing->mask),
        .mask_transform = transform_write(writer, drawing->has_mask_transform, &drawing->mask_transform),
        .src_origin = drawing->src_origin,
        .mask_origin = drawing->mask_origin,
    };
}

static void type_write(Writer *writer, const FakeDrawing *drawing, QXLDrawable *ret)
{
    switch (drawing->type) {
    case QXL_DRAW_FILL:
        brush_write(writer, &drawing->brush, &ret->u.fill.brush);
        ret->u.fill.rop_descriptor = drawing->rop;
        ret->u.fill.mask = mask_write(writer, drawing);
        break;
    case QXL_DRAW_OPAQUE:
        ret->u.opaque.src_bitmap = image_write(writer, &drawing->source);
        ret->u.opaque.src_area = drawing->source_area;
        brush_write(writer, &drawing->brush, &ret->u.opaque.brush);
        ret->u.opaque.rop_descriptor = drawing->rop;
        ret->u.opaque.scale_mode = drawing->scale_mode;
        ret->u.opaque.mask = mask_write(writer, drawing);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        ret->u.copy = (QXLCopy){image_write(writer, &drawing->source), drawing->source_area, drawing->rop,
                                drawing->scale_mode, mask_write(writer, drawing)};
        break;
    case QXL_COPY_BITS:
        ret->u.copy_bits.src_pos = drawing->copy_from;
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        ret->u.blackness.mask = mask_write(writer, drawing);
        break;
    case QXL_DRAW_ROP3:
        ret->u.rop3.src_bitmap = image_write(writer, &drawing->source);
        ret->u.rop3.src_area = drawing->source_area;
        brush_write(writer, &drawing->brush, &ret->u.rop3.brush);
        ret->u.rop3.rop3 = drawing->rop3;
        ret->u.rop3.scale_mode = drawing->scale_mode;
        ret->u.rop3.mask = mask_write(writer, drawing);
        break;
    case QXL_DRAW_STROKE:
        ret->u.stroke.path = path_write(writer, drawing);
        line_write(writer, drawing, &ret->u.stroke.attr);
        brush_write(writer, &drawing->brush, &ret->u.stroke.brush);
        ret->u.stroke.fore_mode = drawing->rop;
        ret->u.stroke.back_mode = drawing->back_rop;
        break;
    case QXL_DRAW_TEXT:
        ret->u.text.str = string_write(writer, drawing);
        ret->u.text.back_area = drawing->back_area;
        brush_write(writer, &drawing->brush, &ret->u.text.fore_brush);
        brush_write(writer, &drawing->back_brush, &ret->u.text.back_brush);
        ret->u.text.fore_mode = drawing->rop;
        ret->u.text.back_mode = drawing->back_rop;
        break;
    case QXL_DRAW_TRANSPARENT:
        ret->u.transparent = (QXLTransparent){image_write(writer, &drawing->source), drawing->source_area,
                                              drawing->src_color, drawing->true_color};
        break;
    case QXL_DRAW_ALPHA_BLEND:
        ret->u.alpha_blend = (QXLAlphaBlend){drawing->alpha_flags, drawing->alpha,
                                             image_write(writer, &drawing->source), drawing->source_area};
        break;
    case QXL_DRAW_COMPOSITE:
        ret->u.composite = composite_write(writer, drawing);
        break;
    default:
        break;
    }
}

/* Surfaces that are read are named, so that the server keeps them as they are until then. */
static void dependencies_write(const FakeDrawing *drawing, QXLDrawable *ret)
{
    const FakeDrawImage *images[] = {&drawing->source, &drawing->mask, &drawing->brush.pattern};

    for (int i = 0; i < 3; i++) {
        ret->surfaces_dest[i] = -1;
        if (images[i]->present && images[i]->type == SPICE_IMAGE_TYPE_SURFACE) {
            ret->surfaces_dest[i] = (int32_t)images[i]->surface_id;
            ret->surfaces_rects[i] =
                (QXLRect){.right = (int32_t)images[i]->width, .bottom = (int32_t)images[i]->height};
        }
    }
}

static void compat_write(const FakeDrawing *drawing, const QXLDrawable *from, QXLCompatDrawable *ret)
{
    ret->effect = from->effect;
    ret->type = from->type;
    ret->bitmap_offset = from->self_bitmap;
    ret->bitmap_area = from->self_bitmap_area;
    ret->bbox = from->bbox;
    ret->clip = from->clip;
    ret->mm_time = from->mm_time;
    if (drawing->type == QXL_DRAW_ALPHA_BLEND) {
        ret->u.alpha_blend = (QXLCompatAlphaBlend){from->u.alpha_blend.alpha, from->u.alpha_blend.src_bitmap,
                                                   from->u.alpha_blend.src_area};
    } else {
        memcpy(&ret->u, &from->u, sizeof ret->u);
    }
}

uint64_t fake_drawing_write(const FakeDrawing *drawing, const FakeDrawMemory *memory)
{
    Writer writer = {.memory = memory};
    uint64_t address;
    QXLDrawable drawable = {.surface_id = drawing->surface_id,
                            .effect = drawing->effect,
                            .type = drawing->type,
                            .self_bitmap = drawing->self_bitmap,
                            .self_bitmap_area = drawing->self_bitmap_area,
                            .bbox = drawing->box,
                            .mm_time = drawing->mm_time};

    void *command = take(&writer, drawing->compat ? sizeof(QXLCompatDrawable) : sizeof drawable, &address);
    if (command == NULL) {
        return 0;
    }
    drawable.clip = clip_write(&writer, drawing);
    dependencies_write(drawing, &drawable);
    type_write(&writer, drawing, &drawable);
    if (writer.failed) {
        return 0;
    }
    if (drawing->compat) {
        compat_write(drawing, &drawable, command);
    } else {
        memcpy(command, &drawable, sizeof drawable);
    }
    return address;
}

/* ---- How much it takes ---- */

typedef struct Scratch Scratch;

struct Scratch {
    Scratch *next;
    uint8_t memory[];
};

typedef struct Measure {
    Scratch *all;
    size_t unit, total;
} Measure;

static void *measure_take(void *opaque, size_t bytes, uint64_t *ret_address)
{
    Measure *measure = opaque;
    Scratch *scratch = calloc(1, sizeof *scratch + bytes);

    if (scratch == NULL) {
        return NULL;
    }
    scratch->next = measure->all;
    measure->all = scratch;
    measure->total += (bytes + measure->unit - 1) & ~(measure->unit - 1);
    *ret_address = 1;
    return scratch->memory;
}

size_t fake_drawing_bytes(const FakeDrawing *drawing, size_t unit)
{
    Measure measure = {.unit = unit};

    fake_drawing_write(drawing, &(FakeDrawMemory){measure_take, &measure});
    while (measure.all != NULL) {
        Scratch *next = measure.all->next;
        free(measure.all);
        measure.all = next;
    }
    return measure.total;
}
