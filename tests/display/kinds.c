/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/kinds.h"

#include <string.h>

#include "wire/wire.h"

#define WIDTH KIND_WIDTH
#define HEIGHT KIND_HEIGHT

static uint64_t bits_put(Device *device, uint32_t side)
{
    uint64_t at;
    const uint32_t bytes = side / 8 * side;
    QXLImage *image = device_put(device, sizeof *image + bytes, &at);

    image->descriptor.id = at << 32;
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = image->bitmap.x = side;
    image->descriptor.height = image->bitmap.y = side;
    image->bitmap.format = SPICE_BITMAP_FMT_1BIT_BE;
    image->bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
    image->bitmap.stride = side / 8;
    image->bitmap.data = device_address(at + sizeof *image);
    for (uint32_t i = 0; i < bytes; i++) {
        ((uint8_t *)(image + 1))[i] = (uint8_t)(i * 37 ^ i >> 3);
    }
    return device_address(at);
}

static const QXLRect all = {.right = WIDTH, .bottom = HEIGHT};

static void copy_scaled(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_COPY;
    command->bbox = (QXLRect){.left = 10, .top = 10, .right = 150, .bottom = 140};
    command->u.copy = (QXLCopy){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_PUT};
}

static void copy_masked(Device *device, QXLDrawable *command, uint64_t picture)
{
    command->type = QXL_DRAW_COPY;
    command->u.copy = (QXLCopy){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_PUT};
    command->u.copy.mask.bitmap = bits_put(device, 256);
}

static void copy_clipped(Device *device, QXLDrawable *command, uint64_t picture)
{
    uint64_t at;
    QXLClipRects *clip = device_put(device, sizeof *clip + 2 * sizeof(QXLRect), &at);

    clip->num_rects = 2;
    clip->chunk.data_size = 2 * sizeof(QXLRect);
    memcpy(clip + 1, (QXLRect[]){{0, 0, 90, 70}, {70, 80, 140, 190}}, 2 * sizeof(QXLRect));
    command->type = QXL_DRAW_COPY;
    command->clip = (QXLClip){SPICE_CLIP_TYPE_RECTS, device_address(at)};
    command->u.copy = (QXLCopy){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_PUT};
}

static void blend(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_BLEND;
    command->u.blend =
        (QXLBlend){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_XOR};
}

static void alpha_blend(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_ALPHA_BLEND;
    command->u.alpha_blend = (QXLAlphaBlend){.alpha = 99, .src_bitmap = picture, .src_area = all};
}

static void transparent(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_TRANSPARENT;
    command->u.transparent = (QXLTransparent){.src_bitmap = picture, .src_area = all};
}

static void rop3(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_ROP3;
    command->u.rop3 = (QXLRop3){.src_bitmap = picture, .src_area = all, .rop3 = 0x66};
}

static void opaque(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_OPAQUE;
    command->u.opaque =
        (QXLOpaque){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_XOR};
    command->u.opaque.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.opaque.brush.u.color = 0x335577;
}

static void fill_pattern(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_FILL;
    command->u.fill.brush.type = SPICE_BRUSH_TYPE_PATTERN;
    command->u.fill.brush.u.pattern.pat = picture;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
}

static void fill_masked(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    command->type = QXL_DRAW_FILL;
    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.brush.u.color = 0x753113;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    command->u.fill.mask.bitmap = bits_put(device, 512);
}

static void invers_masked(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    command->type = QXL_DRAW_INVERS;
    command->u.invers.mask.bitmap = bits_put(device, 512);
}

static void composite(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    command->type = QXL_DRAW_COMPOSITE;
    command->u.composite = (QXLComposite){.flags = QXL_OP_ADD, .src = picture};
}

static void text_of(Device *device, QXLDrawable *command, uint16_t width, uint16_t height)
{
    const uint32_t bytes = (uint32_t)sizeof(QXLRasterGlyph) + (uint32_t)width * height;
    uint64_t at;
    QXLString *string = device_put(device, sizeof *string + bytes, &at);
    QXLRasterGlyph *glyph = (QXLRasterGlyph *)(void *)(string + 1);

    string->data_size = string->chunk.data_size = bytes;
    string->length = 1;
    string->flags = SPICE_STRING_FLAGS_RASTER_A8;
    glyph->width = width;
    glyph->height = height;
    for (uint32_t i = 0; i < (uint32_t)width * height; i++) {
        glyph->data[i] = (uint8_t)(i * 41);
    }
    command->type = QXL_DRAW_TEXT;
    command->u.text.str = device_address(at);
    command->u.text.fore_brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.text.fore_brush.u.color = 0xfedcba;
    command->u.text.fore_mode = SPICE_ROPD_OP_PUT;
}

static void text(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    text_of(device, command, WIDTH, HEIGHT);
}

static void stroke_of(Device *device, QXLDrawable *command, uint32_t points)
{
    const uint32_t bytes = (uint32_t)(sizeof(QXLPathSeg) + points * sizeof(QXLPointFix));
    uint64_t at;
    QXLPath *path = device_put(device, sizeof *path + bytes, &at);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)(path + 1);
    QXLPointFix *to = (QXLPointFix *)(void *)(segment + 1);

    path->data_size = path->chunk.data_size = bytes;
    *segment = (QXLPathSeg){.flags = SPICE_PATH_BEGIN | SPICE_PATH_END, .count = points};
    for (uint32_t i = 0; i < points; i++) {
        to[i] = (QXLPointFix){(int32_t)(i % 2 * 30 + i % 101) * 16, (int32_t)(i % HEIGHT) * 16};
    }
    command->type = QXL_DRAW_STROKE;
    command->u.stroke.path = device_address(at);
    command->u.stroke.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.stroke.brush.u.color = 0xffffff;
    command->u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
}

static void stroke(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    stroke_of(device, command, 3000);
}

static void fill_clipped(Device *device, QXLDrawable *command, uint64_t picture)
{
    const uint32_t count = 1100, bytes = count * (uint32_t)sizeof(QXLRect);
    uint64_t at;
    QXLClipRects *clip = device_put(device, sizeof *clip + bytes, &at);

    (void)picture;
    clip->num_rects = count;
    clip->chunk.data_size = bytes;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t left = (int32_t)(i % 50) * 4, top = (int32_t)(i / 50) * 6;
        const QXLRect rect = {.top = top, .left = left, .bottom = top + 5, .right = left + 3};
        memcpy((uint8_t *)(clip + 1) + i * sizeof rect, &rect, sizeof rect);
    }
    command->type = QXL_DRAW_FILL;
    command->clip = (QXLClip){SPICE_CLIP_TYPE_RECTS, device_address(at)};
    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.brush.u.color = 0x2288cc;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
}

const Kind kinds_large[KINDS_LARGE] = {
    {"scaled copy", WIRE_MSG_DISPLAY_DRAW_COPY, copy_scaled},
    {"masked copy", WIRE_MSG_DISPLAY_DRAW_COPY, copy_masked},
    {"clipped copy", WIRE_MSG_DISPLAY_DRAW_COPY, copy_clipped},
    {"blend", WIRE_MSG_DISPLAY_DRAW_BLEND, blend},
    {"alpha blend", WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND, alpha_blend},
    {"transparent", WIRE_MSG_DISPLAY_DRAW_TRANSPARENT, transparent},
    {"rop3", WIRE_MSG_DISPLAY_DRAW_ROP3, rop3},
    {"opaque", WIRE_MSG_DISPLAY_DRAW_OPAQUE, opaque},
    {"fill with a pattern", WIRE_MSG_DISPLAY_DRAW_FILL, fill_pattern},
    {"fill with a mask", WIRE_MSG_DISPLAY_DRAW_FILL, fill_masked},
    {"invers with a mask", WIRE_MSG_DISPLAY_DRAW_INVERS, invers_masked},
    {"composite", WIRE_MSG_DISPLAY_DRAW_COMPOSITE, composite},
    {"text", WIRE_MSG_DISPLAY_DRAW_TEXT, text},
    {"stroke", WIRE_MSG_DISPLAY_DRAW_STROKE, stroke},
    {"fill with a clip", WIRE_MSG_DISPLAY_DRAW_FILL, fill_clipped},
};

/* Their boxes are large, and what they say is short. */
static void blackness(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    (void)picture;
    command->type = QXL_DRAW_BLACKNESS;
}

static void solid(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    (void)picture;
    command->type = QXL_DRAW_FILL;
    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.brush.u.color = 0x887766;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_XOR;
}

static void scroll(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)device;
    (void)picture;
    command->type = QXL_COPY_BITS;
    command->bbox.bottom = HEIGHT - 10;
    command->u.copy_bits.src_pos.y = 10;
}

static void little_pattern(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    fill_pattern(device, command, bits_put(device, 64));
    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.mask.bitmap = bits_put(device, 256); /* 8 KiB */
}

static void few_words(Device *device, QXLDrawable *command, uint64_t picture)
{
    (void)picture;
    text_of(device, command, 100, 100);
}

static void own_surface(Device *device, QXLDrawable *command, uint64_t picture)
{
    uint64_t at;
    QXLImage *image = device_put(device, sizeof *image, &at);

    image->descriptor.id = at << 32;
    image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image->descriptor.width = WIDTH;
    image->descriptor.height = HEIGHT;
    (void)picture;
    blend(device, command, device_address(at));
}

const Kind kinds_small[KINDS_SMALL] = {
    {"blackness", WIRE_MSG_DISPLAY_DRAW_BLACKNESS, blackness},
    {"xor", WIRE_MSG_DISPLAY_DRAW_FILL, solid},
    {"scrolling", WIRE_MSG_DISPLAY_COPY_BITS, scroll},
    {"a little mask", WIRE_MSG_DISPLAY_DRAW_FILL, little_pattern},
    {"few words", WIRE_MSG_DISPLAY_DRAW_TEXT, few_words},
    {"a surface", WIRE_MSG_DISPLAY_DRAW_BLEND, own_surface},
};

/* A picture that clients are to keep, always the same one. */
static void kept(Device *device, QXLDrawable *command, uint64_t picture)
{
    QXLImage *image = (QXLImage *)(void *)(device->memory + (picture - device_address(0)));
    uint8_t *pixels = device->memory + (image->bitmap.data - device_address(0));

    for (uint32_t i = 0, seed = 1; i < WIDTH * HEIGHT * 4; i++) {
        seed = seed * 1664525 + 1013904223;
        pixels[i] = i % 4 != 3 ? (uint8_t)(seed >> 24) : 0;
    }
    image->descriptor.id = UINT64_C(7777777) << 32;
    image->descriptor.flags = QXL_IMAGE_CACHE;
    alpha_blend(device, command, picture);
}

const Kind kind_kept = {"what it has", WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND, kept};
