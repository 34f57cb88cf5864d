/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/replay_commands.h"

#include <spice/qxl_dev.h>
#include <stddef.h>

#define KEEP_DATA 1
#define PALETTE_MAX 256
#define STYLE_MAX 255

/* ---- Parts ------------------------------------------------------------------------------------------------
 */

static int64_t number(ReplayScribe *scribe)
{
    return replay_number(scribe->reader);
}

static int64_t named(ReplayScribe *scribe, const char *name)
{
    return replay_named(scribe->reader, name);
}

static void *take(ReplayScribe *scribe, size_t bytes)
{
    void *block = scribe->reader->failed ? NULL : replay_blocks_take(scribe->blocks, bytes);

    if (block == NULL) {
        scribe->reader->failed = true;
    }
    return block;
}

static QXLPHYSICAL address(const void *pointer)
{
    return (QXLPHYSICAL)(uintptr_t)pointer;
}

static uint32_t surface_of(ReplayScribe *scribe, uint32_t recorded)
{
    uint32_t id = 0;

    if (!scribe->reader->failed && !scribe->find_surface(scribe->opaque, recorded, &id)) {
        scribe->reader->failed = true;
    }
    return id;
}

static void read_rect(ReplayScribe *scribe, const char *name, QXLRect *ret)
{
    replay_expect(scribe->reader, "rect");
    ret->top = (int32_t)named(scribe, name);
    ret->left = (int32_t)number(scribe);
    ret->bottom = (int32_t)number(scribe);
    ret->right = (int32_t)number(scribe);
}

static void read_point(ReplayScribe *scribe, QXLPoint *ret)
{
    ret->x = (int32_t)named(scribe, "point");
    ret->y = (int32_t)number(scribe);
}

static void read_point16(ReplayScribe *scribe, const char *name, QXLPoint16 *ret)
{
    ret->x = (int16_t)named(scribe, name);
    ret->y = (int16_t)number(scribe);
}

/* Something that ends in a chunk, of which `head` bytes come before the chunk's data. */
static void *read_chunked(ReplayScribe *scribe, const char *name, size_t head, uint32_t *ret_len)
{
    uint8_t *block = replay_chunks(scribe->reader, scribe->blocks, name, head, ret_len);

    if (block != NULL) {
        QXLDataChunk *chunk = (QXLDataChunk *)(block + head - sizeof(QXLDataChunk));
        chunk->data_size = *ret_len;
    }
    return block;
}

static QXLPHYSICAL read_palette(ReplayScribe *scribe)
{
    if (named(scribe, "has_palette") == 0) {
        return 0;
    }
    const int64_t entries = named(scribe, "qp.num_ents");
    if (entries < 0 || entries > PALETTE_MAX) {
        scribe->reader->failed = true;
    }
    QXLPalette *palette = take(scribe, sizeof *palette + PALETTE_MAX * sizeof(uint32_t));
    if (palette == NULL) {
        return 0;
    }
    palette->num_ents = (uint16_t)entries;
    palette->unique = (uint64_t)named(scribe, "unique");
    for (int64_t i = 0; i < entries; i++) {
        palette->ents[i] = (uint32_t)named(scribe, "ents");
    }
    return address(palette);
}

static void read_bitmap(ReplayScribe *scribe, QXLBitmap *bitmap)
{
    uint32_t len;

    bitmap->format = (uint8_t)named(scribe, "bitmap.format");
    bitmap->flags = (uint8_t)named(scribe, "bitmap.flags");
    bitmap->x = (uint32_t)named(scribe, "bitmap.x");
    bitmap->y = (uint32_t)named(scribe, "bitmap.y");
    bitmap->stride = (uint32_t)named(scribe, "bitmap.stride");
    bitmap->palette = read_palette(scribe);
    if ((bitmap->flags & QXL_BITMAP_DIRECT) != 0) {
        const uint64_t bytes = (uint64_t)bitmap->stride * bitmap->y;
        const int64_t wanted = bytes <= REPLAY_BLOB_BYTES_MAX ? (int64_t)bytes : INT64_MAX;
        bitmap->data =
            address(replay_blob(scribe->reader, scribe->blocks, "image_data_flat", 0, wanted, &len));
    } else {
        bitmap->data = address(read_chunked(scribe, "bitmap.data", sizeof(QXLDataChunk), &len));
    }
}

/* 0: none. */
static QXLPHYSICAL read_image(ReplayScribe *scribe)
{
    uint32_t len;

    if (named(scribe, "image") == 0) {
        return 0;
    }
    QXLImageDescriptor descriptor = {.id = (uint64_t)named(scribe, "descriptor.id")};
    descriptor.type = (uint8_t)named(scribe, "descriptor.type");
    descriptor.flags = (uint8_t)named(scribe, "descriptor.flags");
    descriptor.width = (uint32_t)named(scribe, "descriptor.width");
    descriptor.height = (uint32_t)named(scribe, "descriptor.height");
    QXLImage *image = NULL;
    if (descriptor.type == SPICE_IMAGE_TYPE_QUIC) {
        const int64_t size = named(scribe, "quic.data_size");
        const size_t head = offsetof(QXLImage, quic) + sizeof(QXLQUICData) + sizeof(QXLDataChunk);
        image = read_chunked(scribe, "quic.data", head, &len);
        if (image != NULL) {
            image->quic.data_size = (uint32_t)size;
        }
    } else {
        image = take(scribe, sizeof *image);
        if (image != NULL && descriptor.type == SPICE_IMAGE_TYPE_BITMAP) {
            read_bitmap(scribe, &image->bitmap);
        } else if (image != NULL && descriptor.type == SPICE_IMAGE_TYPE_SURFACE) {
            const uint32_t id = (uint32_t)named(scribe, "surface_image.surface_id");
            image->surface_image.surface_id = surface_of(scribe, id);
        } else {
            scribe->reader->failed = true;
        }
    }
    if (scribe->reader->failed) {
        return 0;
    }
    image->descriptor = descriptor;
    return address(image);
}

static void read_brush(ReplayScribe *scribe, QXLBrush *brush)
{
    brush->type = (uint32_t)named(scribe, "type");
    if (brush->type == SPICE_BRUSH_TYPE_SOLID) {
        brush->u.color = (uint32_t)named(scribe, "u.color");
    } else if (brush->type == SPICE_BRUSH_TYPE_PATTERN) {
        brush->u.pattern.pat = read_image(scribe);
        read_point(scribe, &brush->u.pattern.pos);
    }
}

static void read_mask(ReplayScribe *scribe, QXLQMask *mask)
{
    mask->flags = (uint8_t)named(scribe, "flags");
    read_point(scribe, &mask->pos);
    mask->bitmap = read_image(scribe);
}

static void read_clip(ReplayScribe *scribe, QXLClip *clip)
{
    clip->type = (uint32_t)named(scribe, "type");
    if (clip->type != SPICE_CLIP_TYPE_RECTS) {
        return;
    }
    const int64_t rects = named(scribe, "num_rects");
    uint32_t len;
    QXLClipRects *block = read_chunked(scribe, "clip_rects", sizeof *block, &len);
    if (block != NULL && rects >= 0 && (uint64_t)rects * sizeof(QXLRect) <= len) {
        block->num_rects = (uint32_t)rects;
        clip->data = address(block);
    } else {
        scribe->reader->failed = true;
    }
}

/* ---- Drawings ---------------------------------------------------------------------------------------------
 */

static void read_fill(ReplayScribe *scribe, QXLFill *fill)
{
    read_brush(scribe, &fill->brush);
    fill->rop_descriptor = (uint16_t)named(scribe, "rop_descriptor");
    read_mask(scribe, &fill->mask);
}

static void read_opaque(ReplayScribe *scribe, QXLOpaque *opaque)
{
    opaque->src_bitmap = read_image(scribe);
    read_rect(scribe, "src_area", &opaque->src_area);
    read_brush(scribe, &opaque->brush);
    opaque->rop_descriptor = (uint16_t)named(scribe, "rop_descriptor");
    opaque->scale_mode = (uint8_t)named(scribe, "scale_mode");
    read_mask(scribe, &opaque->mask);
}

static void read_copy(ReplayScribe *scribe, QXLCopy *copy)
{
    copy->src_bitmap = read_image(scribe);
    read_rect(scribe, "src_area", &copy->src_area);
    copy->rop_descriptor = (uint16_t)named(scribe, "rop_descriptor");
    copy->scale_mode = (uint8_t)named(scribe, "scale_mode");
    read_mask(scribe, &copy->mask);
}

static void read_transparent(ReplayScribe *scribe, QXLTransparent *transparent)
{
    transparent->src_bitmap = read_image(scribe);
    read_rect(scribe, "src_area", &transparent->src_area);
    transparent->src_color = (uint32_t)named(scribe, "src_color");
    transparent->true_color = (uint32_t)named(scribe, "true_color");
}

static void read_alpha_blend(ReplayScribe *scribe, QXLAlphaBlend *blend)
{
    blend->alpha_flags = (uint16_t)named(scribe, "alpha_flags");
    blend->alpha = (uint8_t)named(scribe, "alpha");
    blend->src_bitmap = read_image(scribe);
    read_rect(scribe, "src_area", &blend->src_area);
}

static void read_rop3(ReplayScribe *scribe, QXLRop3 *rop3)
{
    rop3->src_bitmap = read_image(scribe);
    read_rect(scribe, "src_area", &rop3->src_area);
    read_brush(scribe, &rop3->brush);
    rop3->rop3 = (uint8_t)named(scribe, "rop3");
    rop3->scale_mode = (uint8_t)named(scribe, "scale_mode");
    read_mask(scribe, &rop3->mask);
}

static void read_stroke(ReplayScribe *scribe, QXLStroke *stroke)
{
    uint32_t len;
    QXLPath *path = read_chunked(scribe, "path", sizeof *path, &len);

    if (path != NULL) {
        path->data_size = len;
        stroke->path = address(path);
    }
    stroke->attr.flags = (uint8_t)named(scribe, "attr.flags");
    if ((stroke->attr.flags & SPICE_LINE_FLAGS_STYLED) != 0) {
        const int64_t segments = named(scribe, "attr.style_nseg");
        if (segments < 0 || segments > STYLE_MAX) {
            scribe->reader->failed = true;
        }
        const int64_t wanted = scribe->reader->failed ? 0 : segments * (int64_t)sizeof(QXLFIXED);
        stroke->attr.style_nseg = (uint8_t)segments;
        stroke->attr.style = address(replay_blob(scribe->reader, scribe->blocks, "style", 0, wanted, &len));
    }
    read_brush(scribe, &stroke->brush);
    stroke->fore_mode = (uint16_t)named(scribe, "fore_mode");
    stroke->back_mode = (uint16_t)named(scribe, "back_mode");
}

static void read_text(ReplayScribe *scribe, QXLText *text)
{
    const int64_t size = named(scribe, "data_size");
    const int64_t length = named(scribe, "length");
    const int64_t flags = named(scribe, "flags");
    uint32_t len;
    QXLString *string = read_chunked(scribe, "string", sizeof *string, &len);

    if (string != NULL) {
        string->data_size = (uint32_t)size;
        string->length = (uint16_t)length;
        string->flags = (uint16_t)flags;
        text->str = address(string);
    }
    read_rect(scribe, "back_area", &text->back_area);
    read_brush(scribe, &text->fore_brush);
    read_brush(scribe, &text->back_brush);
    text->fore_mode = (uint16_t)named(scribe, "fore_mode");
    text->back_mode = (uint16_t)named(scribe, "back_mode");
}

static QXLPHYSICAL read_transform(ReplayScribe *scribe, const char *name)
{
    uint32_t len;

    if (named(scribe, name) == 0) {
        return 0;
    }
    return address(replay_blob(scribe->reader, scribe->blocks, "transform", 0, sizeof(QXLTransform), &len));
}

static void read_composite(ReplayScribe *scribe, QXLComposite *composite)
{
    composite->flags = (uint32_t)named(scribe, "flags");
    composite->src = read_image(scribe);
    composite->src_transform = read_transform(scribe, "src_transform");
    composite->mask = named(scribe, "mask") != 0 ? read_image(scribe) : 0;
    composite->mask_transform = read_transform(scribe, "mask_transform");
    read_point16(scribe, "src_origin", &composite->src_origin);
    read_point16(scribe, "mask_origin", &composite->mask_origin);
}

static void read_drawing(ReplayScribe *scribe, QXLDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_NOP:
        break;
    case QXL_DRAW_FILL:
        read_fill(scribe, &drawable->u.fill);
        break;
    case QXL_DRAW_OPAQUE:
        read_opaque(scribe, &drawable->u.opaque);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        read_copy(scribe, &drawable->u.copy);
        break;
    case QXL_COPY_BITS:
        read_point(scribe, &drawable->u.copy_bits.src_pos);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        read_mask(scribe, &drawable->u.blackness.mask);
        break;
    case QXL_DRAW_ROP3:
        read_rop3(scribe, &drawable->u.rop3);
        break;
    case QXL_DRAW_STROKE:
        read_stroke(scribe, &drawable->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        read_text(scribe, &drawable->u.text);
        break;
    case QXL_DRAW_TRANSPARENT:
        read_transparent(scribe, &drawable->u.transparent);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        read_alpha_blend(scribe, &drawable->u.alpha_blend);
        break;
    case QXL_DRAW_COMPOSITE:
        read_composite(scribe, &drawable->u.composite);
        break;
    default:
        scribe->reader->failed = true;
    }
}

QXLDrawable *replay_drawable(ReplayScribe *scribe)
{
    QXLDrawable *drawable = take(scribe, sizeof *drawable);

    replay_expect(scribe->reader, "drawable");
    if (drawable == NULL) {
        return NULL;
    }
    read_rect(scribe, "bbox", &drawable->bbox);
    read_clip(scribe, &drawable->clip);
    drawable->effect = (uint8_t)named(scribe, "effect");
    drawable->mm_time = (uint32_t)named(scribe, "mm_time");
    drawable->self_bitmap = (uint8_t)named(scribe, "self_bitmap");
    read_rect(scribe, "self_bitmap_area", &drawable->self_bitmap_area);
    drawable->surface_id = surface_of(scribe, (uint32_t)named(scribe, "surface_id"));
    for (size_t i = 0; i < 3; i++) {
        const int64_t other = named(scribe, "surfaces_dest");
        drawable->surfaces_dest[i] = other < 0 ? -1 : (int32_t)surface_of(scribe, (uint32_t)other);
        read_rect(scribe, "surfaces_rects", &drawable->surfaces_rects[i]);
    }
    drawable->type = (uint8_t)named(scribe, "type");
    read_drawing(scribe, drawable);
    return scribe->reader->failed ? NULL : drawable;
}

/* ---- Other commands ---------------------------------------------------------------------------------------
 */

static QXLPHYSICAL read_shape(ReplayScribe *scribe)
{
    const QXLCursorHeader header = {
        .unique = (uint64_t)named(scribe, "header.unique"),
        .type = (uint16_t)named(scribe, "header.type"),
        .width = (uint16_t)named(scribe, "header.width"),
        .height = (uint16_t)named(scribe, "header.height"),
        .hot_spot_x = (uint16_t)named(scribe, "header.hot_spot_x"),
        .hot_spot_y = (uint16_t)named(scribe, "header.hot_spot_y"),
    };
    const int64_t size = named(scribe, "data_size");
    uint32_t len;
    QXLCursor *cursor = read_chunked(scribe, "cursor", sizeof *cursor, &len);

    if (cursor == NULL) {
        return 0;
    }
    cursor->header = header;
    cursor->data_size = (uint32_t)size;
    return address(cursor);
}

QXLCursorCmd *replay_cursor(ReplayScribe *scribe)
{
    QXLCursorCmd *command = take(scribe, sizeof *command);

    replay_expect(scribe->reader, "cursor_cmd");
    if (command == NULL) {
        return NULL;
    }
    command->type = (uint8_t)named(scribe, "type");
    switch (command->type) {
    case QXL_CURSOR_SET:
        read_point16(scribe, "point16", &command->u.set.position);
        command->u.set.visible = (uint8_t)named(scribe, "u.set.visible");
        command->u.set.shape = read_shape(scribe);
        break;
    case QXL_CURSOR_MOVE:
        read_point16(scribe, "point16", &command->u.position);
        break;
    case QXL_CURSOR_HIDE:
        break;
    case QXL_CURSOR_TRAIL:
        command->u.trail.length = (uint16_t)named(scribe, "u.trail.length");
        command->u.trail.frequency = (uint16_t)named(scribe, "u.trail.frequency");
        break;
    default:
        scribe->reader->failed = true;
    }
    return scribe->reader->failed ? NULL : command;
}

QXLUpdateCmd *replay_update(ReplayScribe *scribe)
{
    QXLUpdateCmd *command = take(scribe, sizeof *command);

    replay_expect(scribe->reader, "update");
    if (command == NULL) {
        return NULL;
    }
    read_rect(scribe, "area", &command->area);
    command->update_id = (uint32_t)named(scribe, "update_id");
    command->surface_id = surface_of(scribe, (uint32_t)named(scribe, "surface_id"));
    return scribe->reader->failed ? NULL : command;
}

QXLMessage *replay_message(ReplayScribe *scribe)
{
    uint32_t len;
    uint8_t *block = replay_blob(scribe->reader, scribe->blocks, "message", sizeof(QXLMessage), -1, &len);

    return (QXLMessage *)block;
}

QXLSurfaceCmd *replay_surface(ReplayScribe *scribe)
{
    QXLSurfaceCmd *command = take(scribe, sizeof *command);
    uint32_t len;

    replay_expect(scribe->reader, "surface_cmd");
    if (command == NULL) {
        return NULL;
    }
    command->surface_id = (uint32_t)named(scribe, "surface_id");
    command->type = (uint8_t)named(scribe, "type");
    command->flags = (uint32_t)named(scribe, "flags");
    if (command->type == QXL_SURFACE_CMD_CREATE) {
        QXLSurface *create = &command->u.surface_create;
        create->format = (uint32_t)named(scribe, "u.surface_create.format");
        create->width = (uint32_t)named(scribe, "u.surface_create.width");
        create->height = (uint32_t)named(scribe, "u.surface_create.height");
        create->stride = (int32_t)named(scribe, "u.surface_create.stride");
        const uint64_t line = (uint64_t)(create->stride < 0 ? -(int64_t)create->stride : create->stride);
        const uint64_t bytes = line * create->height;
        if (scribe->reader->failed || bytes > REPLAY_BLOB_BYTES_MAX) {
            scribe->reader->failed = true;
        } else if ((command->flags & KEEP_DATA) != 0) {
            create->data =
                address(replay_blob(scribe->reader, scribe->blocks, "data", 0, (int64_t)bytes, &len));
        } else {
            create->data = address(take(scribe, (size_t)bytes));
        }
    }
    return scribe->reader->failed ? NULL : command;
}
