/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lies_draw.c: the hostile driver draws. Each lie is a copy of 8 x 8 pixels on the primary, or a drawing of another type
 * in the same box, of which one thing is false; the server must give it back and draw nothing of it, or something that
 * the canvas and all clients agree on.
 *
 * No lie points to memory that is nobody's: so what clients are shown is never poison, unless the server is wrong.
 */
#include "internal.h"

#include <string.h>

#include <spice/enums.h>

#include "draw.h"

#define EDGE 8u /* pixels of a side */

/* Where in the block: the drawable first. */
#define IMAGE_AT 384u
#define MASK_AT 512u
#define PALETTE_AT 640u
#define MORE_AT 1024u /* clip, path, dashes or text */
#define PIXELS_AT 1536u
#define PIXELS_BYTES (EDGE * EDGE * 4u)

_Static_assert(sizeof(QXLDrawable) <= IMAGE_AT, "the drawable fits");
_Static_assert(PIXELS_AT + sizeof(QXLDataChunk) + PIXELS_BYTES <= LIE_BYTES, "the pixels fit");

typedef struct Forgery {
    FakeQxl *qxl;
    uint32_t block;
    uint8_t *memory;
    QXLDrawable *drawable;
    QXLImage *image;
} Forgery;

static uint64_t address(const Forgery *forgery, size_t at)
{
    return block_address(forgery->qxl, forgery->block, at);
}

static uint32_t one_of(const Forgery *forgery, const char *site, uint32_t n)
{
    return pick(forgery->qxl, site, n);
}

static QXLDataChunk *chunk_at(const Forgery *forgery, size_t at)
{
    return (QXLDataChunk *)(void *)(forgery->memory + at);
}

static QXLImage *image_at(const Forgery *forgery, size_t at)
{
    QXLImage *image = (QXLImage *)(void *)(forgery->memory + at);

    QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER_DONT_CACHE, (uint32_t)++forgery->qxl->serial);
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = image->descriptor.height = EDGE;
    image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
    image->bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
    image->bitmap.x = image->bitmap.y = EDGE;
    image->bitmap.stride = EDGE * 4;
    image->bitmap.data = address(forgery, PIXELS_AT + sizeof(QXLDataChunk));
    return image;
}

/* All true so far. */
static bool forgery_begin(FakeQxl *qxl, Forgery *ret)
{
    *ret = (Forgery){.qxl = qxl};
    ret->memory = lie_new(qxl, &qxl->commands, "a false drawing", &ret->block);
    if (ret->memory == NULL) {
        return false;
    }
    QXLDrawable *drawable = ret->drawable = (QXLDrawable *)(void *)ret->memory;
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = QXL_DRAW_COPY;
    drawable->bbox = (QXLRect){.right = EDGE, .bottom = EDGE};
    drawable->clip.type = SPICE_CLIP_TYPE_NONE;
    memset(drawable->surfaces_dest, 0xff, sizeof drawable->surfaces_dest);
    drawable->u.copy.src_bitmap = address(ret, IMAGE_AT);
    drawable->u.copy.src_area = drawable->bbox;
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
    ret->image = image_at(ret, IMAGE_AT);
    chunk_at(ret, PIXELS_AT)->data_size = PIXELS_BYTES;
    uint8_t *pixels = ret->memory + PIXELS_AT + sizeof(QXLDataChunk);
    for (uint32_t i = 0; i < PIXELS_BYTES; i++) {
        pixels[i] = i % 4 == 3 ? 0 : fake_draw_byte(qxl->serial, i);
    }
    return true;
}

/* ---- Images ---- */

static void in_chunks(Forgery *forgery)
{
    forgery->image->bitmap.flags = QXL_BITMAP_TOP_DOWN;
    forgery->image->bitmap.data = address(forgery, PIXELS_AT);
}

static void lie_image(Forgery *forgery, FakeQxlLie lie)
{
    static const uint8_t types[] = {2, 99, 100, 101, 102, 103, 105, 106, 107, 108, 109, 255};
    static const uint32_t sizes[] = {0, 7, 9, 0x10000, 0x80000000, UINT32_MAX};
    static const uint32_t strides[] = {0, 1, EDGE * 4 - 1, 0x80000000, UINT32_MAX};
    static const uint8_t formats[] = {0, 12, 128, 255};
    FakeQxl *qxl = forgery->qxl;
    QXLImage *image = forgery->image;
    QXLDataChunk *chunk = chunk_at(forgery, PIXELS_AT);

    switch (lie) {
    case FAKE_QXL_LIE_IMAGE_ADDRESS:
        forgery->drawable->u.copy.src_bitmap = false_address(qxl);
        break;
    case FAKE_QXL_LIE_IMAGE_TYPE:
        image->descriptor.type = types[one_of(forgery, "image type", sizeof types)];
        break;
    case FAKE_QXL_LIE_IMAGE_SIZE:
        image->bitmap.x = sizes[one_of(forgery, "image width", 6)];
        image->bitmap.y = sizes[one_of(forgery, "image height", 6)];
        if (one_of(forgery, "both", 2) == 0) {
            image->descriptor.width = image->bitmap.x;
            image->descriptor.height = image->bitmap.y;
        }
        break;
    case FAKE_QXL_LIE_IMAGE_STRIDE:
        image->bitmap.stride = strides[one_of(forgery, "stride", 5)];
        break;
    case FAKE_QXL_LIE_IMAGE_FORMAT:
        image->bitmap.format = formats[one_of(forgery, "format", sizeof formats)];
        break;
    case FAKE_QXL_LIE_IMAGE_DATA:
        image->bitmap.data = false_address(qxl);
        image->bitmap.flags = one_of(forgery, "direct", 2) == 0 ? QXL_BITMAP_DIRECT : 0;
        break;
    case FAKE_QXL_LIE_IMAGE_SHORT:
        in_chunks(forgery);
        chunk->data_size = one_of(forgery, "bytes", PIXELS_BYTES);
        break;
    case FAKE_QXL_LIE_IMAGE_CHUNK_LOOP:
        in_chunks(forgery);
        chunk->data_size = one_of(forgery, "empty", 2) == 0 ? 0 : 1;
        chunk->next_chunk = image->bitmap.data;
        break;
    case FAKE_QXL_LIE_IMAGE_CHUNK_ADDRESS:
        in_chunks(forgery);
        chunk->data_size = 16;
        chunk->next_chunk = false_address(qxl);
        break;
    case FAKE_QXL_LIE_IMAGE_CHUNK_SIZE:
        in_chunks(forgery);
        chunk->data_size = UINT32_MAX - one_of(forgery, "less", 64);
        break;
    case FAKE_QXL_LIE_IMAGE_ID: /* the server's own */
        QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_RED, one_of(forgery, "unique", 4));
        image->descriptor.flags = QXL_IMAGE_CACHE | 0xf0;
        break;
    case FAKE_QXL_LIE_IMAGE_SURFACE: {
        const uint32_t ids[] = {free_surface_id(qxl), qxl->surface_count, 0x80000000, UINT32_MAX};
        image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
        image->surface_image.surface_id = ids[one_of(forgery, "surface", 4)];
        /* Small, or far too large for whatever the surface is. */
        forgery->drawable->u.copy.src_area.right =
            one_of(forgery, "area", 2) == 0 ? (int32_t)EDGE : INT32_MAX;
        break;
    }
    default: /* FAKE_QXL_LIE_QUIC */
        image->descriptor.type = SPICE_IMAGE_TYPE_QUIC;
        image->quic.data_size = one_of(forgery, "more", 2) == 0 ? UINT32_MAX : PIXELS_BYTES * 4;
        ((QXLDataChunk *)(void *)(forgery->memory + IMAGE_AT + sizeof(QXLImageDescriptor) +
                                  sizeof(QXLQUICData)))
            ->data_size = 16;
        break;
    }
}

static void lie_palette(Forgery *forgery)
{
    QXLPalette *palette = (QXLPalette *)(void *)(forgery->memory + PALETTE_AT);
    QXLBitmap *bitmap = &forgery->image->bitmap;

    bitmap->format = one_of(forgery, "bits", 2) == 0 ? SPICE_BITMAP_FMT_8BIT : SPICE_BITMAP_FMT_4BIT_BE;
    bitmap->palette = address(forgery, PALETTE_AT);
    switch (one_of(forgery, "palette", 4)) {
    case 0:
        bitmap->palette = false_address(forgery->qxl);
        break;
    case 1:
        palette->num_ents = UINT16_MAX;
        break;
    case 2: /* fewer than the pixels name */
        palette->num_ents = (uint16_t)one_of(forgery, "colours", 3);
        break;
    default:
        bitmap->palette = 0;
        break;
    }
}

static void lie_mask(Forgery *forgery)
{
    QXLQMask *mask = &forgery->drawable->u.copy.mask;
    QXLImage *image = image_at(forgery, MASK_AT);
    static const QXLPoint outside[] = {{-1, 0}, {1, 1}, {INT32_MAX, INT32_MIN}};

    image->bitmap.format = SPICE_BITMAP_FMT_1BIT_BE;
    image->bitmap.stride = 1;
    mask->bitmap = address(forgery, MASK_AT);
    switch (one_of(forgery, "mask", 5)) {
    case 0:
        mask->bitmap = false_address(forgery->qxl);
        break;
    case 1: /* in colour */
        image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
        image->bitmap.stride = EDGE * 4;
        break;
    case 2:
        image->descriptor.width = image->bitmap.x = EDGE / 2;
        break;
    case 3:
        image->bitmap.data = false_address(forgery->qxl);
        break;
    default:
        mask->pos = outside[one_of(forgery, "mask position", 3)];
        break;
    }
}

/* ---- What else a drawing has ---- */

static void lie_brush(Forgery *forgery)
{
    QXLFill *fill = &forgery->drawable->u.fill;

    forgery->drawable->type = QXL_DRAW_FILL;
    memset(&forgery->drawable->u, 0, sizeof forgery->drawable->u);
    fill->rop_descriptor = SPICE_ROPD_OP_PUT;
    if (one_of(forgery, "brush", 2) == 0) {
        fill->brush.type = 3 + one_of(forgery, "brush type", 1000);
    } else {
        fill->brush.type = SPICE_BRUSH_TYPE_PATTERN;
        fill->brush.u.pattern.pat = false_address(forgery->qxl);
    }
}

static void lie_clip(Forgery *forgery)
{
    QXLClipRects *rects = (QXLClipRects *)(void *)(forgery->memory + MORE_AT);
    QXLClip *clip = &forgery->drawable->clip;

    *clip = (QXLClip){SPICE_CLIP_TYPE_RECTS, address(forgery, MORE_AT)};
    rects->num_rects = 2;
    rects->chunk.data_size = 2 * sizeof(QXLRect);
    switch (one_of(forgery, "clip", 5)) {
    case 0:
        clip->type = 2 + one_of(forgery, "clip type", 1000);
        break;
    case 1:
        clip->data = false_address(forgery->qxl);
        break;
    case 2:
        rects->num_rects = one_of(forgery, "most", 2) == 0 ? UINT32_MAX : 0x10000000;
        break;
    case 3:
        rects->chunk.data_size = 2 * sizeof(QXLRect) - 1;
        break;
    default:
        rects->chunk.data_size = 1;
        rects->chunk.next_chunk = clip->data + offsetof(QXLClipRects, chunk);
        break;
    }
}

static void lie_area(Forgery *forgery)
{
    static const QXLRect areas[] = {
        {.right = EDGE + 1, .bottom = EDGE},
        {.left = -1, .right = EDGE - 1, .bottom = EDGE},
        {.left = EDGE, .bottom = EDGE},
        {.top = INT32_MIN, .left = INT32_MIN, .right = INT32_MAX, .bottom = INT32_MAX},
        {.right = INT32_MAX, .bottom = INT32_MAX}};
    forgery->drawable->u.copy.src_area = areas[one_of(forgery, "area", 5)];
}

static void lie_self_bitmap(Forgery *forgery)
{
    static const QXLRect areas[] = {{.right = INT32_MAX, .bottom = INT32_MAX},
                                    {.left = -8, .right = 0, .bottom = 8},
                                    {.left = 8, .right = 0, .bottom = 8}};
    forgery->drawable->self_bitmap = 1;
    forgery->drawable->self_bitmap_area = areas[one_of(forgery, "area", 3)];
    forgery->drawable->u.copy.src_bitmap = 0;
}

static void lie_copy_from(Forgery *forgery)
{
    static const QXLPoint from[] = {{-1, 0}, {0, -1}, {INT32_MAX, INT32_MAX}, {INT32_MIN, 0}, {100000, 0}};

    forgery->drawable->type = QXL_COPY_BITS;
    forgery->drawable->u.copy_bits.src_pos = from[one_of(forgery, "from", 5)];
}

static QXLStroke *stroke_begin(Forgery *forgery, QXLPath **ret_path)
{
    QXLStroke *stroke = &forgery->drawable->u.stroke;
    QXLPath *path = (QXLPath *)(void *)(forgery->memory + MORE_AT);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)(path + 1);

    forgery->drawable->type = QXL_DRAW_STROKE;
    memset(&forgery->drawable->u, 0, sizeof forgery->drawable->u);
    stroke->path = address(forgery, MORE_AT);
    stroke->brush.type = SPICE_BRUSH_TYPE_SOLID;
    stroke->fore_mode = stroke->back_mode = SPICE_ROPD_OP_PUT;
    segment->flags = QXL_PATH_BEGIN | QXL_PATH_END;
    segment->count = 2;
    segment->points[1] = (QXLPointFix){EDGE * 16, EDGE * 16};
    path->data_size = path->chunk.data_size = (uint32_t)(sizeof *segment + 2 * sizeof(QXLPointFix));
    *ret_path = path;
    return stroke;
}

static void lie_path(Forgery *forgery)
{
    QXLPath *path;
    QXLStroke *stroke = stroke_begin(forgery, &path);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)(path + 1);

    switch (one_of(forgery, "path", 6)) {
    case 0:
        stroke->path = false_address(forgery->qxl);
        break;
    case 1:
        segment->count = one_of(forgery, "most", 2) == 0 ? UINT32_MAX : 0x20000001;
        break;
    case 2: /* a curve of too few points */
        segment->flags |= QXL_PATH_BEZIER;
        break;
    case 3: /* inside a segment's head */
        path->chunk.data_size = one_of(forgery, "bytes", sizeof *segment);
        break;
    case 4:
        segment->count = 0;
        break;
    default:
        path->chunk.next_chunk = stroke->path + offsetof(QXLPath, chunk);
        break;
    }
}

static void lie_dashes(Forgery *forgery)
{
    QXLPath *path;
    QXLStroke *stroke = stroke_begin(forgery, &path);
    int32_t dashes[2] = {16, 16};

    stroke->attr.flags = SPICE_LINE_FLAGS_STYLED;
    stroke->attr.style_nseg = 2;
    stroke->attr.style = address(forgery, PALETTE_AT);
    switch (one_of(forgery, "dashes", 4)) {
    case 0:
        stroke->attr.style = false_address(forgery->qxl);
        break;
    case 1:
        stroke->attr.style_nseg = 0;
        break;
    case 2:
        dashes[one_of(forgery, "dash", 2)] = INT32_MIN;
        break;
    default:
        dashes[0] = dashes[1] = 0;
        break;
    }
    memcpy(forgery->memory + PALETTE_AT, dashes, sizeof dashes);
}

static void lie_text(Forgery *forgery)
{
    QXLText *text = &forgery->drawable->u.text;
    QXLString *string = (QXLString *)(void *)(forgery->memory + MORE_AT);
    QXLRasterGlyph *glyph = (QXLRasterGlyph *)(void *)(string + 1);

    forgery->drawable->type = QXL_DRAW_TEXT;
    memset(&forgery->drawable->u, 0, sizeof forgery->drawable->u);
    text->str = address(forgery, MORE_AT);
    text->fore_brush.type = SPICE_BRUSH_TYPE_SOLID;
    text->fore_mode = text->back_mode = SPICE_ROPD_OP_PUT;
    string->length = 1;
    string->flags = SPICE_STRING_FLAGS_RASTER_A1;
    string->data_size = string->chunk.data_size = (uint32_t)sizeof *glyph + 8;
    glyph->width = glyph->height = 8;
    switch (one_of(forgery, "text", 7)) {
    case 0:
        text->str = false_address(forgery->qxl);
        break;
    case 1:
        string->length = (uint16_t)(one_of(forgery, "glyphs", 2) == 0 ? 0 : UINT16_MAX);
        break;
    case 2:
        string->data_size = one_of(forgery, "most", 2) == 0 ? UINT32_MAX : string->data_size + 1;
        break;
    case 3:
        string->flags = (uint16_t)(one_of(forgery, "none", 2) == 0
                                       ? 0
                                       : SPICE_STRING_FLAGS_RASTER_A1 | SPICE_STRING_FLAGS_RASTER_A8);
        break;
    case 4:
        glyph->width = glyph->height = UINT16_MAX;
        break;
    case 5:
        glyph->render_pos = (QXLPoint){INT32_MAX, INT32_MIN};
        glyph->glyph_origin = (QXLPoint){INT32_MAX, INT32_MIN};
        break;
    default:
        string->chunk.data_size = 1;
        string->chunk.next_chunk = text->str + offsetof(QXLString, chunk);
        break;
    }
}

static void lie_composite(Forgery *forgery)
{
    QXLComposite *composite = &forgery->drawable->u.composite;

    forgery->drawable->type = QXL_DRAW_COMPOSITE;
    memset(&forgery->drawable->u, 0, sizeof forgery->drawable->u);
    composite->flags = QXL_OP_OVER;
    composite->src = address(forgery, IMAGE_AT);
    switch (one_of(forgery, "composite", 5)) {
    case 0:
        composite->src = one_of(forgery, "none", 2) == 0 ? 0 : false_address(forgery->qxl);
        break;
    case 1:
        composite->flags = 0x0e + one_of(forgery, "operator", 0x30 - 0x0e);
        break;
    case 2:
        composite->mask = false_address(forgery->qxl);
        break;
    case 3: /* 5 to 7 mean nothing */
        composite->flags |= (5 + one_of(forgery, "filter", 3))
                            << (one_of(forgery, "of what", 2) == 0 ? 8 : 11);
        break;
    default:
        composite->src_transform = false_address(forgery->qxl);
        break;
    }
}

static void lie_rop(Forgery *forgery)
{
    static const uint16_t rops[] = {0, 0x8000, UINT16_MAX};

    forgery->drawable->u.copy.rop_descriptor = rops[one_of(forgery, "rop", 3)];
    forgery->drawable->u.copy.scale_mode = (uint8_t)one_of(forgery, "scale mode", 256);
    forgery->drawable->effect = (uint8_t)one_of(forgery, "effect", 256);
}

bool lie_drawing(FakeQxl *qxl, FakeQxlLie lie)
{
    Forgery forgery;

    if (!forgery_begin(qxl, &forgery)) {
        return false;
    }
    switch (lie) {
    case FAKE_QXL_LIE_DRAW_TYPE:
        forgery.drawable->type = (uint8_t)(QXL_DRAW_COMPOSITE + 1 + pick(qxl, "draw type", 241));
        break;
    case FAKE_QXL_LIE_DRAW_BRUSH:
        lie_brush(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_MASK:
        lie_mask(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_CLIP:
        lie_clip(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_AREA:
        lie_area(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_SELF:
        lie_self_bitmap(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_FROM:
        lie_copy_from(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_PATH:
        lie_path(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_DASHES:
        lie_dashes(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_TEXT:
        lie_text(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_COMPOSITE:
        lie_composite(&forgery);
        break;
    case FAKE_QXL_LIE_DRAW_ROP:
        lie_rop(&forgery);
        break;
    case FAKE_QXL_LIE_PALETTE:
        lie_palette(&forgery);
        break;
    default:
        lie_image(&forgery, lie);
        break;
    }
    ring_push(qxl, &qxl->commands, QXL_CMD_DRAW, block_address(qxl, forgery.block, 0), forgery.block);
    return true;
}

bool lie_update(FakeQxl *qxl)
{
    const uint32_t ids[] = {qxl->surface_count, 10000, 0x80000000, UINT32_MAX};
    uint32_t block = 0;
    QXLUpdateCmd *update = lie_new(qxl, &qxl->commands, "a false update", &block);

    if (update == NULL) {
        return false;
    }
    qxl->blocks[block].refused = true;
    if (pick(qxl, "inside out", 3) == 0) {
        update->area = (QXLRect){.left = 8, .bottom = 8};
    } else {
        update->area = (QXLRect){.right = 8, .bottom = 8};
        update->surface_id = ids[pick(qxl, "surface", 4)];
    }
    ring_push(qxl, &qxl->commands, QXL_CMD_UPDATE, block_address(qxl, block, 0), block);
    return true;
}
