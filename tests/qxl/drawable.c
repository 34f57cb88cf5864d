/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each field of a drawing command at the bounds of what it may be: one legal drawing, one field changed, and what is said
 * about it. */
#include "guest.h"

#include <stdlib.h>

#include "base/limits.h"

/* Where things lie. */
enum {
    DRAW = 0,
    CLIP = 0x400,
    IMAGE = 0x800, /* 10 x 4 pixels of 8 bits, lines of 12 bytes, in two chunks */
    CHUNK = 0x1000,
    CHUNK_2 = 0x1400,
    PALETTE = 0x1800,
    MASK = 0x2000, /* 10 x 4 bits, in one piece */
    MASK_PIXELS = 0x2100,
    QUIC = 0x2400,
    PATTERN = 0x2800, /* surface 1 */
    PATH = 0x3000,
    DASHES = 0x3400,
    STRING = 0x3800,
    TRANSFORM = 0x3c00,
    USED = 0x4000,
    CHUNKS = 0x10000, /* for the tests of very many */
};

#define BYTES 48u /* of the image */
#define WIDTH 100
#define HEIGHT 80

static void put(Guest *guest, uint64_t offset, uint64_t value, size_t size)
{
    memcpy(guest_memory(guest, offset), &value, size);
}

static void image_write(Guest *guest)
{
    const QXLImage image = {.descriptor = {.id = 77,
                                           .type = SPICE_IMAGE_TYPE_BITMAP,
                                           .flags = QXL_IMAGE_CACHE,
                                           .width = 10,
                                           .height = 4},
                            .bitmap = {.format = SPICE_BITMAP_FMT_8BIT,
                                       .x = 10,
                                       .y = 4,
                                       .stride = 12,
                                       .palette = guest_at(PALETTE),
                                       .data = guest_at(CHUNK)}};
    const QXLDataChunk first = {.data_size = 20, .next_chunk = guest_at(CHUNK_2)};
    const QXLDataChunk second = {.data_size = BYTES - 20, .prev_chunk = guest_at(CHUNK)};
    const QXLPalette palette = {.unique = 5, .num_ents = 256};
    const QXLImage mask = {.descriptor = {.type = SPICE_IMAGE_TYPE_BITMAP, .width = 10, .height = 4},
                           .bitmap = {.format = SPICE_BITMAP_FMT_1BIT_BE,
                                      .flags = QXL_BITMAP_DIRECT,
                                      .x = 10,
                                      .y = 4,
                                      .stride = 2,
                                      .data = guest_at(MASK_PIXELS)}};
    const QXLImageDescriptor quic = {.type = SPICE_IMAGE_TYPE_QUIC, .width = 10, .height = 4};
    const QXLDataChunk quic_chunk = {.data_size = 9};
    const QXLImageDescriptor pattern = {.type = SPICE_IMAGE_TYPE_SURFACE};

    memcpy(guest_memory(guest, IMAGE), &image, sizeof image);
    memcpy(guest_memory(guest, CHUNK), &first, sizeof first);
    memcpy(guest_memory(guest, CHUNK_2), &second, sizeof second);
    memcpy(guest_memory(guest, PALETTE), &palette, sizeof palette);
    memcpy(guest_memory(guest, MASK), &mask, sizeof mask);
    memcpy(guest_memory(guest, QUIC), &quic, sizeof quic);
    put(guest, QUIC + sizeof quic, 9, 4);
    memcpy(guest_memory(guest, QUIC + sizeof quic + 4), &quic_chunk, sizeof quic_chunk);
    memcpy(guest_memory(guest, PATTERN), &pattern, sizeof pattern);
    put(guest, PATTERN + sizeof pattern, 1, 4);
}

/* Three segments: a line that is closed, a curve that starts, a curve that goes on. */
enum {
    SEGMENT_1 = PATH + 24,
    SEGMENT_2 = SEGMENT_1 + 8 + 2 * 8,
    SEGMENT_3 = SEGMENT_2 + 8 + 4 * 8,
    PATH_BYTES = 96
};

static void path_write(Guest *guest)
{
    put(guest, PATH, PATH_BYTES, 4);
    put(guest, PATH + 4, PATH_BYTES, 4);
    put(guest, SEGMENT_1, SPICE_PATH_BEGIN | SPICE_PATH_END | SPICE_PATH_CLOSE, 4);
    put(guest, SEGMENT_1 + 4, 2, 4);
    put(guest, SEGMENT_2, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, 4);
    put(guest, SEGMENT_2 + 4, 4, 4);
    put(guest, SEGMENT_3, SPICE_PATH_BEZIER | SPICE_PATH_END, 4);
    put(guest, SEGMENT_3 + 4, 3, 4);
    put(guest, DASHES, 16, 4);
    put(guest, DASHES + 4, 32, 4);
}

/* Two glyphs of 4 bits. */
enum { GLYPH_1 = STRING + 28, GLYPH_2 = GLYPH_1 + 20 + 3 * 2, STRING_BYTES = 26 + 21 };

static void string_write(Guest *guest)
{
    const QXLRasterGlyph first = {.render_pos = {10, 10}, .glyph_origin = {-1, -4}, .width = 5, .height = 2};
    const QXLRasterGlyph second = {.render_pos = {16, 10}, .glyph_origin = {0, -4}, .width = 2, .height = 1};

    put(guest, STRING, STRING_BYTES, 4);
    put(guest, STRING + 4, 2, 2);
    put(guest, STRING + 6, SPICE_STRING_FLAGS_RASTER_A4, 2);
    put(guest, STRING + 8, STRING_BYTES, 4);
    memcpy(guest_memory(guest, GLYPH_1), &first, sizeof first);
    memcpy(guest_memory(guest, GLYPH_2), &second, sizeof second);
}

static void clip_write(Guest *guest)
{
    const QXLRect rects[2] = {{1, 2, 30, 40}, {5, 6, 7, 8}};

    put(guest, CLIP, 2, 4);
    put(guest, CLIP + 4, sizeof rects, 4);
    memcpy(guest_memory(guest, CLIP + 24), rects, sizeof rects);
}

static void type_write(QXLDrawable *draw)
{
    const QXLRect area = {.right = 10, .bottom = 4};
    const QXLQMask mask = {.bitmap = guest_at(MASK)};
    const QXLBrush solid = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0x8877665};
    const QXLBrush pattern = {.type = SPICE_BRUSH_TYPE_PATTERN, .u.pattern = {guest_at(PATTERN), {1, 2}}};

    switch (draw->type) {
    case QXL_DRAW_FILL:
        draw->u.fill = (QXLFill){.brush = pattern, .mask = mask};
        break;
    case QXL_DRAW_OPAQUE:
        draw->u.opaque =
            (QXLOpaque){.src_bitmap = guest_at(IMAGE), .src_area = area, .brush = pattern, .mask = mask};
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        draw->u.copy = (QXLCopy){.src_bitmap = guest_at(IMAGE), .src_area = area, .mask = mask};
        break;
    case QXL_COPY_BITS:
        draw->u.copy_bits.src_pos = (QXLPoint){3, 4};
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        draw->u.blackness.mask = mask;
        break;
    case QXL_DRAW_ROP3:
        draw->u.rop3 =
            (QXLRop3){.src_bitmap = guest_at(IMAGE), .src_area = area, .brush = solid, .mask = mask};
        break;
    case QXL_DRAW_STROKE:
        draw->u.stroke = (QXLStroke){
            .path = guest_at(PATH),
            .attr = {.flags = SPICE_LINE_FLAGS_STYLED, .style_nseg = 2, .style = guest_at(DASHES)},
            .brush = solid};
        break;
    case QXL_DRAW_TEXT:
        draw->u.text = (QXLText){.str = guest_at(STRING), .fore_brush = solid, .back_brush = pattern};
        break;
    case QXL_DRAW_TRANSPARENT:
        draw->u.transparent = (QXLTransparent){.src_bitmap = guest_at(QUIC), .src_area = area};
        break;
    case QXL_DRAW_ALPHA_BLEND:
        draw->u.alpha_blend = (QXLAlphaBlend){.src_bitmap = guest_at(IMAGE), .src_area = area};
        break;
    case QXL_DRAW_COMPOSITE:
        draw->u.composite = (QXLComposite){.flags = QXL_OP_OVER,
                                           .src = guest_at(IMAGE),
                                           .src_transform = guest_at(TRANSFORM),
                                           .mask = guest_at(QUIC)};
        break;
    default:
        break;
    }
}

static void drawing_write(Guest *guest, uint8_t type)
{
    QXLDrawable draw = {.type = type,
                        .effect = QXL_EFFECT_OPAQUE,
                        .self_bitmap_area = {.right = 10, .bottom = 4},
                        .bbox = {.left = 10, .top = 5, .right = 20, .bottom = 9},
                        .clip = {SPICE_CLIP_TYPE_RECTS, guest_at(CLIP)},
                        .surfaces_dest = {1, -1, -1}};

    memset(guest_memory(guest, 0), 0, USED);
    guest->surfaces[0] = (QxlGeometry){WIDTH, HEIGHT, SPICE_SURFACE_FMT_32_xRGB, 400};
    guest->surfaces[1] = (QxlGeometry){30, 20, SPICE_SURFACE_FMT_32_ARGB, 120};
    guest->surfaces[2] = (QxlGeometry){32, 32, SPICE_SURFACE_FMT_1_A, 4};
    type_write(&draw);
    memcpy(guest_memory(guest, DRAW), &draw, sizeof draw);
    clip_write(guest);
    image_write(guest);
    path_write(guest);
    string_write(guest);
}

static Status drawing_read(Guest *guest, QxlDrawable **ret)
{
    QxlCommand command;

    const Status status = guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(DRAW), 0, &command);
    assert_ptr_equal(command.release.info, (void *)guest->start); /* it can be given back in any case */
    *ret = status == STATUS_OK ? command.u.drawable : NULL;
    return status;
}

/* ---- One field, one value ---- */

typedef struct Case {
    uint8_t type;
    uint64_t at;
    uint8_t size;
    uint64_t value;
    const char *why; /* NULL: it is all right */
} Case;

#define U(member) (DRAW + offsetof(QXLDrawable, u.member))
#define BOX(side) (DRAW + offsetof(QXLDrawable, bbox.side))
#define SELF(side) (DRAW + offsetof(QXLDrawable, self_bitmap_area.side))
#define OF_IMAGE(member) (IMAGE + offsetof(QXLImage, member))
#define OF_MASK(member) (MASK + offsetof(QXLImage, member))

#define NO_BOX "a drawable with a box that is none"
#define BEYOND "drawing beyond its surface"
#define NO_PLACE "no memslot at the address"
#define OUTSIDE "it does not lie inside its memslot"
#define NO_AREA "a source area that is none"
#define AREA_BEYOND "a source area beyond its source"
#define NO_SIZE "an image of no pixels"
#define HUGE "an image of too many pixels"
#define SHORT "an image's chunks are too short for it"
#define LONG "chunks of more data than there should be"
#define CHUNK_LONG "a chunk is longer than its memslot"
#define NULL_ADDRESS "the address is 0"

static const Case cases[] = {
    /* What is common to all. */
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, type), 1, QXL_DRAW_COMPOSITE + 1, "no such drawable"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, type), 1, 0xff, "no such drawable"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, effect), 1, 0xff, NULL},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surface_id), 4, 3,
     "drawing on a surface that does not exist"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surface_id), 4, UINT32_MAX,
     "drawing on a surface that does not exist"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surface_id), 4, 1, NULL},
    {QXL_DRAW_NOP, BOX(left), 4, 0, NULL},
    {QXL_DRAW_NOP, BOX(left), 4, 19, NULL},
    {QXL_DRAW_NOP, BOX(left), 4, 20, NO_BOX},
    {QXL_DRAW_NOP, BOX(left), 4, 0xffffffff, NO_BOX},
    {QXL_DRAW_NOP, BOX(left), 4, 0x80000000, NO_BOX},
    {QXL_DRAW_NOP, BOX(top), 4, 0, NULL},
    {QXL_DRAW_NOP, BOX(top), 4, 9, NO_BOX},
    {QXL_DRAW_NOP, BOX(top), 4, 0xffffffff, NO_BOX},
    {QXL_DRAW_NOP, BOX(right), 4, WIDTH, NULL},
    {QXL_DRAW_NOP, BOX(right), 4, WIDTH + 1, BEYOND},
    {QXL_DRAW_NOP, BOX(right), 4, 0x7fffffff, BEYOND},
    {QXL_DRAW_NOP, BOX(right), 4, 0x80000000, NO_BOX},
    {QXL_DRAW_NOP, BOX(bottom), 4, HEIGHT, NULL},
    {QXL_DRAW_NOP, BOX(bottom), 4, HEIGHT + 1, BEYOND},
    {QXL_DRAW_NOP, BOX(bottom), 4, 0x7fffffff, BEYOND},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surfaces_dest), 4, 2, NULL},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surfaces_dest), 4, 3,
     "a dependency on a surface that does not exist"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surfaces_dest) + 8, 4, 0xfffffffe,
     "a dependency on a surface that does not exist"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, surfaces_dest) + 8, 4, 0x80000000,
     "a dependency on a surface that does not exist"},

    /* Clip. */
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, clip.type), 4, SPICE_CLIP_TYPE_RECTS + 1, "no such clip"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, clip.type), 4, 0xffffffff, "no such clip"},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, clip.type), 4, SPICE_CLIP_TYPE_NONE, NULL},
    {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, clip.data), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_NOP, CLIP, 4, 1, LONG},
    {QXL_DRAW_NOP, CLIP, 4, 3, "a clip's chunks are too short for its rectangles"},
    {QXL_DRAW_NOP, CLIP, 4, QXL_CLIP_RECTS_MAX, "a clip's chunks are too short for its rectangles"},
    {QXL_DRAW_NOP, CLIP, 4, QXL_CLIP_RECTS_MAX + 1, "a clip of too many rectangles"},
    {QXL_DRAW_NOP, CLIP, 4, 0x10000001, "a clip of too many rectangles"},
    {QXL_DRAW_NOP, CLIP, 4, 0xffffffff, "a clip of too many rectangles"},
    {QXL_DRAW_NOP, CLIP + 4, 4, 31, "a clip's chunks are too short for its rectangles"},
    {QXL_DRAW_NOP, CLIP + 4, 4, 33, LONG},
    {QXL_DRAW_NOP, CLIP + 4, 4, 0xffffffff, CHUNK_LONG},
    {QXL_DRAW_NOP, CLIP + 24 + 4, 4, 0xffffffff, NULL}, /* a rectangle from -1 on */

    /* Sources. */
    {QXL_DRAW_COPY, U(copy.src_bitmap), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_BLEND, U(copy.src_bitmap), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_OPAQUE, U(opaque.src_bitmap), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_COPY, U(copy.src_bitmap), 8, UINT64_MAX, NO_PLACE},
    {QXL_DRAW_COPY, U(copy.src_area.left), 4, 9, NULL},
    {QXL_DRAW_COPY, U(copy.src_area.left), 4, 10, NO_AREA},
    {QXL_DRAW_COPY, U(copy.src_area.left), 4, 0xffffffff, NO_AREA},
    {QXL_DRAW_COPY, U(copy.src_area.top), 4, 0x80000000, NO_AREA},
    {QXL_DRAW_COPY, U(copy.src_area.top), 4, 4, NO_AREA},
    {QXL_DRAW_COPY, U(copy.src_area.right), 4, 11, AREA_BEYOND},
    {QXL_DRAW_COPY, U(copy.src_area.right), 4, 0x7fffffff, AREA_BEYOND},
    {QXL_DRAW_COPY, U(copy.src_area.bottom), 4, 5, AREA_BEYOND},
    {QXL_DRAW_COPY, U(copy.src_area.bottom), 4, 0, NO_AREA},
    {QXL_DRAW_BLEND, U(copy.src_area.right), 4, 11, AREA_BEYOND},
    {QXL_DRAW_OPAQUE, U(opaque.src_area.right), 4, 11, AREA_BEYOND},
    {QXL_DRAW_ROP3, U(rop3.src_area.bottom), 4, 5, AREA_BEYOND},
    {QXL_DRAW_TRANSPARENT, U(transparent.src_area.right), 4, 11, AREA_BEYOND},
    {QXL_DRAW_ALPHA_BLEND, U(alpha_blend.src_area.right), 4, 11, AREA_BEYOND},
    {QXL_DRAW_COPY, U(copy.scale_mode), 1, SPICE_IMAGE_SCALE_MODE_NEAREST, NULL},
    {QXL_DRAW_COPY, U(copy.scale_mode), 1, SPICE_IMAGE_SCALE_MODE_NEAREST + 1, "no such scale mode"},
    {QXL_DRAW_OPAQUE, U(opaque.scale_mode), 1, 0xff, "no such scale mode"},
    {QXL_DRAW_ROP3, U(rop3.scale_mode), 1, 0x80, "no such scale mode"},
    {QXL_DRAW_COPY, U(copy.rop_descriptor), 2, 0xffff, NULL},

    /* Images. */
    {QXL_DRAW_COPY, OF_IMAGE(descriptor.type), 1, 2, "no such image type"},
    {QXL_DRAW_COPY, OF_IMAGE(descriptor.type), 1, SPICE_IMAGE_TYPE_LZ_RGB, "no such image type"},
    {QXL_DRAW_COPY, OF_IMAGE(descriptor.type), 1, SPICE_IMAGE_TYPE_FROM_CACHE, "no such image type"},
    {QXL_DRAW_COPY, OF_IMAGE(descriptor.type), 1, 0xff, "no such image type"},
    {QXL_DRAW_COPY, OF_IMAGE(descriptor.width), 4, 0xffffffff, NULL}, /* the bitmap's own size counts */
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.format), 1, SPICE_BITMAP_FMT_INVALID, "no such bitmap format"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.format), 1, SPICE_BITMAP_FMT_8BIT_A, NULL},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.format), 1, SPICE_BITMAP_FMT_8BIT_A + 1, "no such bitmap format"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.format), 1, 0xff, "no such bitmap format"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.format), 1, SPICE_BITMAP_FMT_16BIT,
     "a bitmap's stride is shorter than a line"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 0, NO_SIZE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 12, NULL},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 13, "a bitmap's stride is shorter than a line"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 0x08000001, HUGE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 0x80000000, HUGE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.x), 4, 0xffffffff, HUGE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.y), 4, 0, NO_SIZE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.y), 4, 3, LONG},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.y), 4, 5, SHORT},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.y), 4, 0x40000000, HUGE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.y), 4, 0xffffffff, HUGE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0, "a bitmap's stride is shorter than a line"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 9, "a bitmap's stride is shorter than a line"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 10, LONG},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 13, SHORT},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0x1fffffff, SHORT},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0x20000000, "a bitmap is too large"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0x40000003, "a bitmap is too large"}, /* 12 in 32 bits */
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0x80000000, "a bitmap is too large"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.stride), 4, 0xffffffff, "a bitmap is too large"},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.palette), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.palette), 8, UINT64_C(1) << 63, NO_PLACE},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.data), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.flags), 1, 0xff & ~QXL_BITMAP_DIRECT, NULL},
    {QXL_DRAW_COPY, OF_IMAGE(bitmap.flags), 1, QXL_BITMAP_DIRECT | QXL_BITMAP_UNSTABLE, NULL},
    {QXL_DRAW_COPY, PALETTE + 8, 2, 0, "a palette of no or too many colours"},
    {QXL_DRAW_COPY, PALETTE + 8, 2, 1, NULL},
    {QXL_DRAW_COPY, PALETTE + 8, 2, 257, "a palette of no or too many colours"},
    {QXL_DRAW_COPY, PALETTE + 8, 2, 0xffff, "a palette of no or too many colours"},

    /* Chunks. */
    {QXL_DRAW_COPY, CHUNK, 4, 19, SHORT},
    {QXL_DRAW_COPY, CHUNK, 4, 21, LONG},
    {QXL_DRAW_COPY, CHUNK, 4, 0, SHORT},
    {QXL_DRAW_COPY, CHUNK, 4, 0x7fffffff, CHUNK_LONG},
    {QXL_DRAW_COPY, CHUNK, 4, 0xffffffff, CHUNK_LONG},
    {QXL_DRAW_COPY, CHUNK + 4, 8, UINT64_MAX, NULL}, /* where the one before is nobody asks */
    {QXL_DRAW_COPY, CHUNK + 12, 8, 0, SHORT},
    {QXL_DRAW_COPY, CHUNK + 12, 8, UINT64_MAX, NO_PLACE},
    {QXL_DRAW_COPY, CHUNK_2, 4, 0xffffffff, CHUNK_LONG},
    {QXL_DRAW_COPY, CHUNK_2, 4, 27, SHORT},
    {QXL_DRAW_COPY, CHUNK_2, 4, 29, LONG},

    /* QUIC. */
    {QXL_DRAW_TRANSPARENT, QUIC + 18, 4, 0, "a compressed image of no or too much data"},
    {QXL_DRAW_TRANSPARENT, QUIC + 18, 4, 8, LONG},
    {QXL_DRAW_TRANSPARENT, QUIC + 18, 4, 10, SHORT},
    {QXL_DRAW_TRANSPARENT, QUIC + 18, 4, 0x7fffffff, SHORT},
    {QXL_DRAW_TRANSPARENT, QUIC + 18, 4, 0x80000000, "a compressed image of no or too much data"},
    {QXL_DRAW_TRANSPARENT, QUIC + 10, 4, 0, NO_SIZE},
    {QXL_DRAW_TRANSPARENT, QUIC + 14, 4, 0, NO_SIZE},
    {QXL_DRAW_TRANSPARENT, QUIC + 14, 4, 0x80000000, HUGE},
    {QXL_DRAW_TRANSPARENT, QUIC + 10, 8, UINT64_C(0x0001000000010000), HUGE}, /* 0 in 32 bits */
    {QXL_DRAW_TRANSPARENT, QUIC + 10, 4, 0x1000000, NULL},
    {QXL_DRAW_TRANSPARENT, QUIC + 10, 4, 0x1000001, HUGE},

    /* Brushes: surfaces as patterns. */
    {QXL_DRAW_FILL, U(fill.brush.type), 4, SPICE_BRUSH_TYPE_PATTERN + 1, "no such brush"},
    {QXL_DRAW_FILL, U(fill.brush.type), 4, 0xffffffff, "no such brush"},
    {QXL_DRAW_FILL, U(fill.brush.type), 4, SPICE_BRUSH_TYPE_NONE, NULL},
    {QXL_DRAW_FILL, U(fill.brush.u.pattern.pat), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_FILL, PATTERN + 18, 4, 0, NULL},
    {QXL_DRAW_FILL, PATTERN + 18, 4, 7, "an image of a surface that does not exist"},
    {QXL_DRAW_FILL, PATTERN + 18, 4, UINT32_MAX, "an image of a surface that does not exist"},

    /* Masks. */
    {QXL_DRAW_FILL, U(fill.mask.bitmap), 8, 0, NULL},
    {QXL_DRAW_FILL, U(fill.mask.bitmap), 8, 1, NO_PLACE},
    {QXL_DRAW_FILL, U(fill.mask.flags), 1, 0xff, NULL},
    {QXL_DRAW_FILL, U(fill.mask.pos.x), 4, 0x80000000, NULL},
    {QXL_DRAW_FILL, OF_MASK(bitmap.format), 1, SPICE_BITMAP_FMT_1BIT_LE, NULL},
    {QXL_DRAW_FILL, OF_MASK(bitmap.format), 1, SPICE_BITMAP_FMT_8BIT,
     "a mask of more than one bit per pixel"},
    {QXL_DRAW_FILL, OF_MASK(bitmap.x), 4, 16, NULL},
    {QXL_DRAW_FILL, OF_MASK(bitmap.x), 4, 17, "a bitmap's stride is shorter than a line"},
    {QXL_DRAW_FILL, OF_MASK(bitmap.y), 4, 0x1fffffff, HUGE},
    {QXL_DRAW_FILL, OF_MASK(bitmap.y), 4, 0x400000, NULL},
    {QXL_DRAW_FILL, OF_MASK(bitmap.y), 4, 0x800000, HUGE},
    {QXL_DRAW_FILL, OF_MASK(bitmap.stride), 4, 0x8000000, OUTSIDE},
    {QXL_DRAW_FILL, OF_MASK(bitmap.data), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_FILL, OF_MASK(bitmap.data), 8, UINT64_C(0xff) << 56, NO_PLACE},
    {QXL_DRAW_FILL, OF_MASK(descriptor.type), 1, SPICE_IMAGE_TYPE_QUIC, "a mask that is no bitmap"},
    {QXL_DRAW_INVERS, OF_MASK(bitmap.format), 1, SPICE_BITMAP_FMT_4BIT_BE,
     "a mask of more than one bit per pixel"},

    /* Copies within. */
    {QXL_COPY_BITS, U(copy_bits.src_pos.x), 4, 0, NULL},
    {QXL_COPY_BITS, U(copy_bits.src_pos.x), 4, WIDTH - 10, NULL},
    {QXL_COPY_BITS, U(copy_bits.src_pos.x), 4, WIDTH - 9, "pixels copied from outside their surface"},
    {QXL_COPY_BITS, U(copy_bits.src_pos.x), 4, 0xffffffff, "pixels copied from outside their surface"},
    {QXL_COPY_BITS, U(copy_bits.src_pos.x), 4, 0x7fffffff, "pixels copied from outside their surface"},
    {QXL_COPY_BITS, U(copy_bits.src_pos.y), 4, HEIGHT - 4, NULL},
    {QXL_COPY_BITS, U(copy_bits.src_pos.y), 4, HEIGHT - 3, "pixels copied from outside their surface"},

    /* Self bitmaps. */
    {QXL_DRAW_ROP3, SELF(right), 4, 0x7fffffff, NULL}, /* there is none */

    /* Paths. */
    {QXL_DRAW_STROKE, U(stroke.path), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_STROKE, PATH, 4, 0, NULL}, /* the chunks say how long it is */
    {QXL_DRAW_STROKE, PATH + 4, 4, 0, NULL},
    {QXL_DRAW_STROKE, PATH + 4, 4, PATH_BYTES - 1, "a path's segment of more points than there are"},
    {QXL_DRAW_STROKE, PATH + 4, 4, PATH_BYTES + 1, "a path ends inside a segment"},
    {QXL_DRAW_STROKE, PATH + 4, 4, PATH_BYTES + 8, NULL}, /* one more, of no points */
    {QXL_DRAW_STROKE, PATH + 4, 4, QXL_PATH_BYTES_MAX + 1, LONG},
    {QXL_DRAW_STROKE, SEGMENT_1, 4, SPICE_PATH_END | SPICE_PATH_CLOSE, NULL},
    {QXL_DRAW_STROKE, SEGMENT_1, 4, 0xffffffe4, NULL}, /* nobody knows these bits */
    {QXL_DRAW_STROKE, SEGMENT_1 + 4, 4, 0x20000000, "a path's segment of more points than there are"},
    {QXL_DRAW_STROKE, SEGMENT_1 + 4, 4, 0xffffffff, "a path's segment of more points than there are"},
    {QXL_DRAW_STROKE, SEGMENT_1 + 4, 4, 0, "a path begins without a point"},
    {QXL_DRAW_STROKE, SEGMENT_2, 4, SPICE_PATH_BEZIER, "a path's curve lacks points"},
    {QXL_DRAW_STROKE, SEGMENT_2, 4, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER | SPICE_PATH_END,
     "a path's curve lacks points"}, /* the next one */
    {QXL_DRAW_STROKE, SEGMENT_1, 8, SPICE_PATH_END | SPICE_PATH_CLOSE, "a path closes a line of no points"},
    {QXL_DRAW_STROKE, SEGMENT_3, 4, SPICE_PATH_BEGIN | SPICE_PATH_BEZIER, "a path's curve lacks points"},
    {QXL_DRAW_STROKE, U(stroke.attr.style_nseg), 1, 0, "a dashed line without dashes"},
    {QXL_DRAW_STROKE, U(stroke.attr.style_nseg), 1, 0xff, NULL},
    {QXL_DRAW_STROKE, U(stroke.attr.style), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_STROKE, U(stroke.attr.flags), 1, 0xff & ~SPICE_LINE_FLAGS_STYLED, NULL},
    {QXL_DRAW_STROKE, DASHES, 4, 0x80000000, "a dash of negative length"},
    {QXL_DRAW_STROKE, DASHES, 8, 0, "dashes of no length"},
    {QXL_DRAW_STROKE, DASHES, 8, 8, "dashes of no length"},
    {QXL_DRAW_STROKE, DASHES, 8, 9, NULL},
    {QXL_DRAW_STROKE, DASHES, 8, 0x1000, "dashes of no length"}, /* 256 pixels in 8 bits */
    {QXL_DRAW_STROKE, DASHES, 8, 0x7fffffff, "dashes of no length"},

    /* Strings. */
    {QXL_DRAW_TEXT, U(text.str), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_TEXT, STRING, 4, STRING_BYTES - 1, LONG},
    {QXL_DRAW_TEXT, STRING, 4, STRING_BYTES + 1, "a string's chunks are too short for it"},
    {QXL_DRAW_TEXT, STRING, 4, QXL_STRING_BYTES_MAX, "a string's chunks are too short for it"},
    {QXL_DRAW_TEXT, STRING, 4, QXL_STRING_BYTES_MAX + 1, "a string is too long"},
    {QXL_DRAW_TEXT, STRING, 4, 0xffffffff, "a string is too long"},
    {QXL_DRAW_TEXT, STRING + 4, 2, 0, "a string of fewer glyphs than there are"},
    {QXL_DRAW_TEXT, STRING + 4, 2, 1, "a string of fewer glyphs than there are"},
    {QXL_DRAW_TEXT, STRING + 4, 2, 3, "a string of more glyphs than there are"},
    {QXL_DRAW_TEXT, STRING + 4, 2, 0xffff, "a string of more glyphs than there are"},
    {QXL_DRAW_TEXT, STRING + 6, 2, 0, "a string of no or several depths"},
    {QXL_DRAW_TEXT, STRING + 6, 2, 3, "a string of no or several depths"},
    {QXL_DRAW_TEXT, STRING + 6, 2, 7, "a string of no or several depths"},
    {QXL_DRAW_TEXT, STRING + 6, 2, 8, "a string of no or several depths"},
    {QXL_DRAW_TEXT, STRING + 6, 2, 0xfffa, NULL},
    {QXL_DRAW_TEXT, STRING + 6, 2, SPICE_STRING_FLAGS_RASTER_A8, "a string ends inside a glyph"},
    {QXL_DRAW_TEXT, GLYPH_1 + 16, 4, 0xffffffff, "a glyph of more pixels than there are"},
    {QXL_DRAW_TEXT, GLYPH_2 + 16, 2, 3, "a glyph of more pixels than there are"},
    {QXL_DRAW_TEXT, GLYPH_2 + 18, 2, 2, "a glyph of more pixels than there are"},
    {QXL_DRAW_TEXT, GLYPH_2 + 18, 2, 0, "a string of fewer glyphs than there are"},
    {QXL_DRAW_TEXT, GLYPH_1, 4, 0x7fffffff, "a glyph out of this world"},
    {QXL_DRAW_TEXT, GLYPH_1, 4, 0x7fffffff - 4, NULL},
    {QXL_DRAW_TEXT, GLYPH_1 + 8, 4, 0x80000000, NULL},
    {QXL_DRAW_TEXT, GLYPH_1, 4, 0x80000000, "a glyph out of this world"},
    {QXL_DRAW_TEXT, GLYPH_1 + 4, 4, 0x80000003, "a glyph out of this world"},
    {QXL_DRAW_TEXT, U(text.back_area.right), 4, 0x80000000, NULL},
    {QXL_DRAW_TEXT, U(text.back_brush.type), 4, 9, "no such brush"},
    {QXL_DRAW_TEXT, U(text.fore_brush.type), 4, 9, "no such brush"},

    /* Composites. */
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, QXL_OP_SATURATE, NULL},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, QXL_OP_SATURATE + 1, "no such composite operator"},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, QXL_OP_MULTIPLY - 1, "no such composite operator"},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, QXL_OP_HSL_LUMINOSITY, NULL},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, QXL_OP_HSL_LUMINOSITY + 1, "no such composite operator"},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, 4 << 8 | 4 << 11 | 15 << 14, NULL},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, 5 << 8, "no such composite filter"},
    {QXL_DRAW_COMPOSITE, U(composite.flags), 4, 5 << 11, "no such composite filter"},
    {QXL_DRAW_COMPOSITE, U(composite.src), 8, 0, NULL_ADDRESS},
    {QXL_DRAW_COMPOSITE, U(composite.mask), 8, 0, NULL},
    {QXL_DRAW_COMPOSITE, U(composite.mask), 8, 1, NO_PLACE},
    {QXL_DRAW_COMPOSITE, U(composite.src_transform), 8, 0, NULL},
    {QXL_DRAW_COMPOSITE, U(composite.src_transform), 8, 1, NO_PLACE},
    {QXL_DRAW_COMPOSITE, U(composite.mask_transform), 8, 1, NO_PLACE},
};

static void fields(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    for (uint32_t type = QXL_DRAW_NOP; type <= QXL_DRAW_COMPOSITE; type++) { /* as they are, all are right */
        drawing_write(guest, (uint8_t)type);
        if (drawing_read(guest, &drawable) != STATUS_OK) {
            fail_msg("type %u: %s", type, guest->fault.why);
        }
        qxl_drawable_free(drawable);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const Case *it = &cases[i];
        drawing_write(guest, it->type);
        put(guest, it->at, it->value, it->size);
        guest->fault.why = NULL;
        const Status status = drawing_read(guest, &drawable);
        const char *why = status == STATUS_OK ? NULL : guest->fault.why;
        if ((it->why == NULL) != (why == NULL) || (why != NULL && strcmp(why, it->why) != 0)) {
            fail_msg("type %u, %#llx at %#llx: \"%s\" instead of \"%s\"", it->type,
                     (unsigned long long)it->value, (unsigned long long)it->at,
                     why != NULL ? why : "all right", it->why != NULL ? it->why : "all right");
        }
        assert_int_equal(status, it->why == NULL ? STATUS_OK : STATUS_DEVICE_FAULT);
        qxl_drawable_free(drawable);
        assert_int_equal(guest->blocks, 0);
    }
}

/* Every address leads to the end of the slot: what lies there fits to its last byte, and not one byte further on. */
static void straddling(void **state)
{
    static const struct {
        uint8_t type;
        uint64_t at;    /* of the address */
        uint64_t thing; /* what it leads to, */
        size_t bytes;   /* with all that lies behind it at once */
    } things[] = {
        {QXL_DRAW_NOP, DRAW + offsetof(QXLDrawable, clip.data), CLIP, 24 + 32},
        {QXL_DRAW_COPY, U(copy.src_bitmap), IMAGE, sizeof(QXLImage)},
        {QXL_DRAW_COPY, OF_IMAGE(bitmap.palette), PALETTE, sizeof(QXLPalette) + 256 * 4},
        {QXL_DRAW_COPY, OF_IMAGE(bitmap.data), CHUNK, sizeof(QXLDataChunk) + 20},
        {QXL_DRAW_COPY, CHUNK + offsetof(QXLDataChunk, next_chunk), CHUNK_2,
         sizeof(QXLDataChunk) + BYTES - 20},
        {QXL_DRAW_COPY, OF_MASK(bitmap.data), MASK_PIXELS, 8},
        {QXL_DRAW_TRANSPARENT, U(transparent.src_bitmap), QUIC, 18 + 4 + sizeof(QXLDataChunk) + 9},
        {QXL_DRAW_FILL, U(fill.brush.u.pattern.pat), PATTERN, 18 + 4},
        {QXL_DRAW_FILL, U(fill.mask.bitmap), MASK, sizeof(QXLImage)},
        {QXL_DRAW_STROKE, U(stroke.path), PATH, 24 + PATH_BYTES},
        {QXL_DRAW_STROKE, U(stroke.attr.style), DASHES, 8},
        {QXL_DRAW_TEXT, U(text.str), STRING, 28 + STRING_BYTES},
        {QXL_DRAW_COMPOSITE, U(composite.src_transform), TRANSFORM, 24},
    };
    Guest *guest = *state;
    QxlDrawable *drawable;

    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        for (uint64_t behind = 0; behind <= things[i].bytes; behind++) {
            drawing_write(guest, things[i].type);
            const uint64_t to = GUEST_BYTES - things[i].bytes + behind;
            memcpy(guest_memory(guest, to), guest_memory(guest, things[i].thing), things[i].bytes - behind);
            put(guest, things[i].at, guest_at(to), 8);
            const Status status = drawing_read(guest, &drawable);
            if (status != (behind == 0 ? STATUS_OK : STATUS_DEVICE_FAULT)) {
                fail_msg("thing %zu, %u bytes behind the end: %s", i, (unsigned)behind, status_name(status));
            }
            qxl_drawable_free(drawable);
        }
    }
}

/* A chain of `count` chunks with `bytes` each, at CHUNKS; the last one leads to `last`. */
static void chain_write(Guest *guest, uint32_t count, uint32_t bytes, uint64_t last)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = CHUNKS + (uint64_t)i * (sizeof(QXLDataChunk) + bytes);
        const QXLDataChunk chunk = {.data_size = bytes,
                                    .next_chunk =
                                        i + 1 == count ? last : guest_at(at + sizeof(QXLDataChunk) + bytes)};
        memcpy(guest_memory(guest, at), &chunk, sizeof chunk);
    }
}

static void many_chunks(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    /* As many as may be, of a byte each. */
    drawing_write(guest, QXL_DRAW_COPY);
    put(guest, OF_IMAGE(bitmap.stride), QXL_DATA_CHUNKS_MAX / 4, 4);
    put(guest, OF_IMAGE(bitmap.data), guest_at(CHUNKS), 8);
    chain_write(guest, QXL_DATA_CHUNKS_MAX, 1, 0);
    assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
    const QxlData *data = &drawable->u.copy.src->u.bitmap.data;
    assert_int_equal(data->count, QXL_DATA_CHUNKS_MAX);
    for (uint32_t i = 0; i < data->count; i += 997) { /* each is found where it belongs */
        uint8_t byte;
        *(uint8_t *)guest_memory(guest, CHUNKS + (uint64_t)i * 21 + 20) = (uint8_t)(i * 7);
        qxl_data_copy(data, i, &byte, 1);
        assert_int_equal(byte, (uint8_t)(i * 7));
    }
    qxl_drawable_free(drawable);

    /* One more, of none. */
    for (uint32_t full = 0; full < 2; full++) {
        drawing_write(guest, QXL_DRAW_COPY);
        put(guest, OF_IMAGE(bitmap.stride), QXL_DATA_CHUNKS_MAX / 4, 4);
        put(guest, OF_IMAGE(bitmap.data), guest_at(CHUNKS), 8);
        chain_write(guest, QXL_DATA_CHUNKS_MAX + 1, full, 0);
        put(guest, CHUNKS + QXL_DATA_CHUNKS_MAX * (sizeof(QXLDataChunk) + full), 0, 4);
        assert_int_equal(drawing_read(guest, &drawable), STATUS_DEVICE_FAULT);
        assert_string_equal(guest->fault.why, "too many chunks");
    }
}

/* Chains that lead back to themselves, full and empty, from every chunk to every earlier one. */
static void loops(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    guest->may_reread = true;
    for (uint32_t count = 1; count <= 5; count++) {
        for (uint32_t back = 0; back < count; back++) {
            for (uint32_t bytes = 0; bytes <= 12; bytes += 12) {
                drawing_write(guest, QXL_DRAW_COPY);
                put(guest, OF_IMAGE(bitmap.data), guest_at(CHUNKS), 8);
                chain_write(guest, count, bytes, guest_at(CHUNKS + back * (sizeof(QXLDataChunk) + bytes)));
                assert_int_equal(drawing_read(guest, &drawable), STATUS_DEVICE_FAULT);
                assert_string_equal(guest->fault.why, bytes > 0 ? LONG : "too many chunks");
            }
        }
    }
    /* Paths say themselves how long they are. */
    drawing_write(guest, QXL_DRAW_STROKE);
    put(guest, PATH + 4 + offsetof(QXLDataChunk, next_chunk), guest_at(PATH + 4), 8);
    assert_int_equal(drawing_read(guest, &drawable), STATUS_DEVICE_FAULT);
    assert_string_equal(guest->fault.why, LONG);
}

/* What may be worth anything, and is not passed on. */
static void cleaned(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    drawing_write(guest, QXL_DRAW_COPY);
    put(guest, DRAW + offsetof(QXLDrawable, effect), 0xff, 1);
    put(guest, U(copy.mask.bitmap), 0, 8); /* N23 */
    put(guest, U(copy.mask.flags), 0xff, 1);
    put(guest, U(copy.mask.pos), UINT64_MAX, 8);
    put(guest, U(copy.rop_descriptor), 0xffff, 2);
    put(guest, OF_IMAGE(descriptor.id), UINT64_C(7) << 32 | QXL_IMAGE_GROUP_RED, 8);
    put(guest, OF_IMAGE(descriptor.flags), 0xff, 1);
    put(guest, CLIP + 24, 0x7fffffff, 4); /* the first rectangle is inside out */
    put(guest, PALETTE + 8, 3, 2);
    put(guest, PALETTE + 10 + 12, 0x12345678, 4); /* behind its end */
    assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
    assert_int_equal(drawable->effect, QXL_EFFECT_BLEND);
    assert_null(drawable->u.copy.mask.image);
    assert_false(drawable->u.copy.mask.inverse);
    assert_int_equal(drawable->u.copy.mask.pos.x, 0);
    assert_int_equal(drawable->u.copy.rop, SPICE_ROPD_MASK);
    assert_int_equal(drawable->u.copy.src->flags, QXL_IMAGE_HIGH_BITS_SET); /* that id is not its to cache */
    assert_int_equal(drawable->u.copy.src->u.bitmap.palette->entries[3], 0);
    assert_true(drawable->clip.rects_given);
    assert_int_equal(drawable->clip.count, 1);
    assert_int_equal(drawable->clip.rects[0].top, 5);
    qxl_drawable_free(drawable);

    drawing_write(guest, QXL_DRAW_COMPOSITE);
    put(guest, U(composite.flags), 0xffffffff & ~(0xffu | 077 << 8), 4);
    put(guest, U(composite.mask), 0, 8);
    put(guest, U(composite.mask_transform), guest_at(TRANSFORM), 8);
    assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
    assert_null(drawable->u.composite.mask_transform); /* it has nothing to transform */
    assert_int_equal(drawable->u.composite.flags & (7 << 19), SPICE_COMPOSITE_HAS_SRC_TRANSFORM);
    assert_int_equal(drawable->u.composite.flags >> 25, 0);
    qxl_drawable_free(drawable);

    /* Dependencies are cut to their surface. */
    drawing_write(guest, QXL_DRAW_NOP);
    const QXLRect rects[3] = {{.left = -5, .top = INT32_MIN, .right = INT32_MAX, .bottom = 7},
                              {.left = 50, .top = 0, .right = 60, .bottom = 1},
                              {.left = 1, .top = 2, .right = 3, .bottom = 4}};
    const int32_t surfaces[3] = {1, 1, -1};
    memcpy(guest_memory(guest, DRAW + offsetof(QXLDrawable, surfaces_rects)), rects, sizeof rects);
    memcpy(guest_memory(guest, DRAW + offsetof(QXLDrawable, surfaces_dest)), surfaces, sizeof surfaces);
    assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
    assert_int_equal(drawable->dependency_count, 2);
    const QXLRect cut = {.left = 0, .top = 0, .right = 30, .bottom = 7}, none = {0};
    assert_memory_equal(&drawable->dependencies[0].rect, &cut, sizeof cut);
    assert_memory_equal(&drawable->dependencies[1].rect, &none, sizeof none);
    qxl_drawable_free(drawable);
}

static void mask_surfaces(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    for (uint32_t surface = 0; surface < 4; surface++) {
        drawing_write(guest, QXL_DRAW_INVERS);
        put(guest, U(invers.mask.bitmap), guest_at(PATTERN), 8);
        put(guest, PATTERN + sizeof(QXLImageDescriptor), surface, 4);
        assert_int_equal(drawing_read(guest, &drawable), surface == 2 ? STATUS_OK : STATUS_DEVICE_FAULT);
        if (drawable != NULL) {
            assert_int_equal(drawable->u.mask.image->u.surface_id, 2);
            assert_int_equal(drawable->u.mask.image->width, 32);
            qxl_drawable_free(drawable);
        }
    }
}

/* A source of 0 is what the surface shows, for types that may, if the drawable says where. */
static void self_bitmaps(void **state)
{
    static const struct {
        uint8_t type;
        uint64_t source, right;
        bool may;
    } types[] = {
        {QXL_DRAW_OPAQUE, U(opaque.src_bitmap), U(opaque.src_area.right), true},
        {QXL_DRAW_ROP3, U(rop3.src_bitmap), U(rop3.src_area.right), true},
        {QXL_DRAW_TRANSPARENT, U(transparent.src_bitmap), U(transparent.src_area.right), true},
        {QXL_DRAW_ALPHA_BLEND, U(alpha_blend.src_bitmap), U(alpha_blend.src_area.right), true},
        {QXL_DRAW_COPY, U(copy.src_bitmap), U(copy.src_area.right), false},
        {QXL_DRAW_BLEND, U(copy.src_bitmap), U(copy.src_area.right), false},
    };
    Guest *guest = *state;
    QxlDrawable *drawable;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        drawing_write(guest, types[i].type);
        put(guest, DRAW + offsetof(QXLDrawable, self_bitmap), 1, 1);
        assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
        assert_false(drawable->self_bitmap); /* it has another source */
        qxl_drawable_free(drawable);

        drawing_write(guest, types[i].type);
        put(guest, DRAW + offsetof(QXLDrawable, self_bitmap), 2, 1);
        put(guest, types[i].source, 0, 8);
        assert_int_equal(drawing_read(guest, &drawable), types[i].may ? STATUS_OK : STATUS_DEVICE_FAULT);
        assert_true(drawable == NULL || drawable->self_bitmap);
        qxl_drawable_free(drawable);

        drawing_write(guest, types[i].type); /* the source is as large as the area, and no larger */
        put(guest, DRAW + offsetof(QXLDrawable, self_bitmap), 1, 1);
        put(guest, types[i].source, 0, 8);
        put(guest, types[i].right, 11, 4);
        assert_int_equal(drawing_read(guest, &drawable), STATUS_DEVICE_FAULT);

        drawing_write(guest, types[i].type); /* and the area lies in the surface */
        put(guest, DRAW + offsetof(QXLDrawable, self_bitmap), 1, 1);
        put(guest, SELF(right), WIDTH + 1, 4);
        assert_int_equal(drawing_read(guest, &drawable), STATUS_DEVICE_FAULT);
        assert_string_equal(guest->fault.why, "a self bitmap from outside its surface");
    }
}

/* As many glyphs as there may be. */
static void many_glyphs(void **state)
{
    Guest *guest = *state;
    QxlDrawable *drawable;

    drawing_write(guest, QXL_DRAW_TEXT);
    const uint32_t glyphs = 65535, bytes = glyphs * (uint32_t)sizeof(QXLRasterGlyph);
    put(guest, STRING, bytes, 4);
    put(guest, STRING + 4, glyphs, 2);
    put(guest, U(text.str), guest_at(CHUNKS), 8);
    memcpy(guest_memory(guest, CHUNKS), guest_memory(guest, STRING), sizeof(QXLString));
    put(guest, CHUNKS + 8, bytes, 4);
    memset(guest_memory(guest, CHUNKS + sizeof(QXLString)), 0, bytes);
    assert_int_equal(drawing_read(guest, &drawable), STATUS_OK);
    assert_int_equal(drawable->u.text.string.count, glyphs);
    assert_true(drawable->own_bytes > bytes && drawable->own_bytes <= QXL_DRAWABLE_BYTES_MAX);
    qxl_drawable_free(drawable);
}

/* Everything in as many pieces as may be is more than one drawable is allowed. */
static void over_budget(void **state)
{
    static const uint64_t images[] = {IMAGE, PATTERN, MASK};
    const uint32_t chunks = QXL_DATA_CHUNKS_MAX - 1, bytes = QXL_DATA_CHUNKS_MAX;
    Guest *guest = *state;
    QxlDrawable *drawable;

    guest->may_reread = true; /* all of them are the same pieces */
    for (uint32_t pieces = 0; pieces < 2; pieces++) {
        drawing_write(guest, QXL_DRAW_OPAQUE);
        chain_write(guest, chunks, 1, 0);
        put(guest, CHUNKS + (chunks - 1) * (sizeof(QXLDataChunk) + 1), 2, 4);
        for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
            memcpy(guest_memory(guest, images[i]), guest_memory(guest, MASK), sizeof(QXLImage));
            put(guest, images[i] + offsetof(QXLImage, bitmap.flags), 0, 1);
            put(guest, images[i] + offsetof(QXLImage, bitmap.stride), bytes / 4, 4);
            put(guest, images[i] + offsetof(QXLImage, bitmap.palette), guest_at(PALETTE), 8);
            put(guest, images[i] + offsetof(QXLImage, bitmap.data), guest_at(CHUNKS), 8);
        }
        if (pieces == 1) {
            put(guest, CLIP, bytes / sizeof(QXLRect), 4);
            put(guest, CLIP + 4, 0, 4);
            put(guest, CLIP + 4 + offsetof(QXLDataChunk, next_chunk), guest_at(CHUNKS), 8);
        }
        const Status status = drawing_read(guest, &drawable);
        if (pieces == 0) {
            assert_int_equal(status, STATUS_OK);
            assert_true(drawable->own_bytes <= QXL_DRAWABLE_BYTES_MAX);
            qxl_drawable_free(drawable);
        } else {
            assert_int_equal(status, STATUS_DEVICE_FAULT);
            assert_string_equal(guest->fault.why, "a drawable of too much data");
        }
    }
}

/* What the older layout can say, and what it cannot. */
static void compat(void **state)
{
    Guest *guest = *state;
    QxlCommand command;
    QXLCompatDrawable draw = {.type = QXL_DRAW_FILL,
                              .effect = QXL_EFFECT_OPAQUE,
                              .bbox = {.left = 1, .top = 2, .right = 11, .bottom = 6},
                              .mm_time = 8,
                              .u.fill.brush = {.type = SPICE_BRUSH_TYPE_SOLID, .u.color = 0xffff7c01}};
    QXLCompatDrawable *at = guest_memory(guest, DRAW);

    drawing_write(guest, QXL_DRAW_NOP);
    *at = draw;
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(DRAW),
                                QXL_COMMAND_FLAG_COMPAT | QXL_COMMAND_FLAG_COMPAT_16BPP, &command),
                     STATUS_OK);
    assert_true(command.u.drawable->compat);
    assert_int_equal(command.u.drawable->surface_id, 0);
    assert_int_equal(command.u.drawable->mm_time, 8);
    assert_int_equal(command.u.drawable->u.fill.brush.color, 0xff0008); /* five bits of each become eight */
    qxl_drawable_free(command.u.drawable);

    draw.type = QXL_COPY_BITS;
    draw.u.copy_bits.src_pos = (QXLPoint){3, 5};
    *at = draw;
    assert_int_equal(
        guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(DRAW), QXL_COMMAND_FLAG_COMPAT, &command),
        STATUS_OK);
    const QXLRect from = {.left = 3, .top = 5, .right = 13, .bottom = 9};
    assert_int_equal(command.u.drawable->dependency_count, 1);
    assert_int_equal(command.u.drawable->dependencies[0].surface_id, 0);
    assert_memory_equal(&command.u.drawable->dependencies[0].rect, &from, sizeof from);
    qxl_drawable_free(command.u.drawable);

    draw.type = QXL_DRAW_COMPOSITE;
    *at = draw;
    assert_int_equal(
        guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(DRAW), QXL_COMMAND_FLAG_COMPAT, &command),
        STATUS_DEVICE_FAULT);
    assert_string_equal(guest->fault.why, "no such drawable");

    /* It is shorter: it fits where the newer does not. */
    const uint64_t last = GUEST_BYTES - sizeof draw;
    draw.type = QXL_DRAW_NOP;
    memcpy(guest_memory(guest, last), &draw, sizeof draw);
    assert_int_equal(
        guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(last), QXL_COMMAND_FLAG_COMPAT, &command),
        STATUS_OK);
    qxl_drawable_free(command.u.drawable);
    memcpy(guest_memory(guest, last), &draw, sizeof draw);
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(last), 0, &command),
                     STATUS_DEVICE_FAULT);
    assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, guest_at(last + 1),
                                QXL_COMMAND_FLAG_COMPAT, &command),
                     STATUS_DEVICE_FAULT);
}

int run_drawable(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(straddling, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(many_chunks, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(loops, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(cleaned, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(mask_surfaces, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(self_bitmaps, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(many_glyphs, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(over_budget, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(compat, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("drawable", tests, NULL, NULL);
}
