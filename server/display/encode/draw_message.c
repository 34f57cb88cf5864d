/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/draw_message.h"

#include <spice/enums.h>

#include "base/check.h"

WireRect wire_rect_of(const QXLRect *rect)
{
    return (WireRect){.top = rect->top, .left = rect->left, .bottom = rect->bottom, .right = rect->right};
}

size_t draw_message_piece_min(const QxlDrawable *drawable)
{
    size_t most = OUTGOING_PIECE_BYTES_MIN;

    for (uint32_t i = 0; drawable->type == QXL_DRAW_TEXT && i < drawable->u.text.string.count; i++) {
        const QxlGlyph *glyph = &drawable->u.text.string.glyphs[i];
        const size_t bytes = (size_t)glyph->row_bytes * glyph->height;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* ---- How large ---- */

static const QxlImage *mask_of(const QxlDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_FILL:
        return drawable->u.fill.mask.image;
    case QXL_DRAW_OPAQUE:
        return drawable->u.opaque.mask.image;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return drawable->u.copy.mask.image;
    case QXL_DRAW_ROP3:
        return drawable->u.rop3.mask.image;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return drawable->u.mask.image;
    default:
        return NULL;
    }
}

static size_t path_bytes(const QxlPath *path)
{
    return 4 + 5 * (size_t)path->count + 8 * (size_t)path->points;
}

static size_t string_bytes(const QxlString *string)
{
    return 3 + 20 * (size_t)string->count + string->glyph_bytes;
}

uint64_t draw_message_plain_bytes(const QxlDrawable *drawable, const ImageOptions *options)
{
    const QxlImage *images[QXL_DRAWABLE_IMAGES_MAX], *mask = mask_of(drawable);
    const size_t count = qxl_drawable_images(drawable, images);
    uint64_t bytes = 16 * (uint64_t)drawable->clip.count;

    bytes += drawable->type == QXL_DRAW_STROKE ? path_bytes(&drawable->u.stroke.path) : 0;
    bytes += drawable->type == QXL_DRAW_TEXT ? string_bytes(&drawable->u.text.string) : 0;
    for (size_t i = 0; i < count; i++) {
        if (images[i] == mask || !image_is_cached(images[i], options)) {
            bytes += image_plain_bytes(images[i]);
        }
    }
    return bytes;
}

/* ---- Parts ---- */

static bool base_make(DrawMaker *maker, DrawMessage *ret, WireDisplayBase *ret_base)
{
    const QxlDrawable *drawable = maker->drawable;
    const QxlClip *clip = &drawable->clip;

    *ret_base = (WireDisplayBase){.surface_id = maker->surface_id, .box = wire_rect_of(&drawable->box)};
    ret->inline_bytes += 256; /* the fixed part of the longest message, and to spare */
    if (!clip->rects_given) {
        return true;
    }
    WireRect *rects = pad_take(maker->pad, (uint64_t)clip->count * sizeof *rects);
    if (rects == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < clip->count; i++) {
        rects[i] = wire_rect_of(&clip->rects[i]);
    }
    ret_base->clip = (WireClip){.type = WIRE_CLIP_TYPE_RECTS, .rects = {rects, clip->count}};
    ret->inline_bytes += 16 * (size_t)clip->count;
    return true;
}

static bool image_keep(DrawMessage *ret, bool made, const WireImage **ret_image)
{
    EncodedImage *image = &ret->images[ret->image_count++];

    *ret_image = &image->wire;
    ret->inline_bytes += image->inline_bytes;
    return made;
}

static bool image_make(DrawMaker *maker, DrawMessage *ret, const QxlImage *image, const WireImage **ret_image)
{
    if (NEVER(ret->image_count == DRAW_IMAGES_MAX)) {
        return false;
    }
    maker->options.shared_image = ret->image_count;
    return image_keep(
        ret, image_encode(maker->images, image, &maker->options, &ret->images[ret->image_count]), ret_image);
}

/* What the surface showed before: its pixels if they are known; else the client's own surface, if what is read lies where
 * it is drawn, so that nobody can read what is drawn already. */
static bool self_make(DrawMaker *maker, DrawMessage *ret, const WireImage **ret_image, WireRect *area)
{
    const QxlDrawable *drawable = maker->drawable;
    EncodedImage *image = &ret->images[ret->image_count];

    if (NEVER(ret->image_count == DRAW_IMAGES_MAX)) {
        return false;
    }
    if (maker->self_bitmap != NULL) {
        const QXLRect all = {.right = maker->self_bitmap->width, .bottom = maker->self_bitmap->height};
        ImageOptions options = maker->options;
        options.shared = NULL; /* nobody else knows them */
        const bool with_alpha =
            drawable->type == QXL_DRAW_ALPHA_BLEND &&
            (drawable->u.alpha_blend.flags & SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA) != 0;
        return image_keep(
            ret, image_encode_area(maker->images, maker->self_bitmap, &all, with_alpha, &options, image),
            ret_image);
    }
    const QXLRect *from = &drawable->self_bitmap_area;
    /* Clients need not have the byte of 32_xRGB that is nobody's as the canvas has it. */
    const bool as_alpha = drawable->type == QXL_DRAW_ALPHA_BLEND &&
                          (drawable->u.alpha_blend.flags & SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA) != 0;
    *image = (EncodedImage){.inline_bytes = 32};
    if (area == NULL || as_alpha || area->left + from->left != drawable->box.left ||
        area->top + from->top != drawable->box.top || area->right + from->left != drawable->box.right ||
        area->bottom + from->top != drawable->box.bottom) {
        return false;
    }
    *area = wire_rect_of(&drawable->box);
    image->wire = (WireImage){.type = WIRE_IMAGE_TYPE_SURFACE,
                              .width = (uint32_t)drawable->box.right,
                              .height = (uint32_t)drawable->box.bottom,
                              .u.surface_id = maker->surface_id};
    return image_keep(ret, true, ret_image);
}

static bool source_make(DrawMaker *maker, DrawMessage *ret, const QxlImage *src, const QXLRect *src_area,
                        const WireImage **ret_image, WireRect *ret_area)
{
    *ret_area = wire_rect_of(src_area);
    maker->options.is_source = true;
    const bool made =
        src != NULL ? image_make(maker, ret, src, ret_image) : self_make(maker, ret, ret_image, ret_area);
    maker->options.is_source = false;
    return made;
}

static bool brush_make(DrawMaker *maker, DrawMessage *ret, const QxlBrush *brush, WireBrush *ret_brush)
{
    *ret_brush = (WireBrush){.type = brush->type};
    switch (brush->type) {
    case SPICE_BRUSH_TYPE_SOLID:
        ret_brush->u.color = brush->color;
        return true;
    case SPICE_BRUSH_TYPE_PATTERN:
        ret_brush->u.pattern.pos = (WirePoint){brush->pattern_pos.x, brush->pattern_pos.y};
        return brush->pattern != NULL && image_make(maker, ret, brush->pattern, &ret_brush->u.pattern.pat);
    default:
        return true;
    }
}

static bool mask_make(DrawMaker *maker, DrawMessage *ret, const QxlMask *mask, WireQMask *ret_mask)
{
    if (mask->image == NULL) {
        *ret_mask = (WireQMask){0};
        return true;
    }
    *ret_mask =
        (WireQMask){.flags = mask->inverse ? WIRE_MASK_FLAG_INVERS : 0, .pos = {mask->pos.x, mask->pos.y}};
    maker->options.is_mask = true;
    const bool made = image_make(maker, ret, mask->image, &ret_mask->bitmap);
    maker->options.is_mask = false;
    return made;
}

/* ---- Paths and strings ---- */

static bool path_make(DrawMaker *maker, DrawMessage *ret, const QxlPath *path, const WirePath **ret_path)
{
    WirePath *to = pad_take(maker->pad, sizeof *to);
    WirePathSegment *segments = pad_take(maker->pad, (uint64_t)path->count * sizeof *segments);
    WirePointFix *points = pad_take(maker->pad, (uint64_t)path->points * sizeof *points);

    if (to == NULL || segments == NULL || points == NULL) {
        return false;
    }
    *to = (WirePath){.segments = {segments, path->count}};
    for (uint32_t i = 0; i < path->count; i++) {
        const QxlPathSegment *from = &path->segments[i];
        segments[i] = (WirePathSegment){.flags = from->flags, .points = {points, from->count}};
        for (uint32_t k = 0; k < from->count; k++) {
            *points++ = (WirePointFix){from->points[k].x, from->points[k].y};
        }
    }
    ret->inline_bytes += path_bytes(path);
    *ret_path = to;
    return true;
}

static bool string_make(DrawMaker *maker, DrawMessage *ret, const QxlString *string,
                        const WireString **ret_string)
{
    WireString *to = pad_take(maker->pad, sizeof *to);
    WireGlyph *glyphs = pad_take(maker->pad, (uint64_t)string->count * sizeof *glyphs);

    if (to == NULL || glyphs == NULL) {
        return false;
    }
    *to = (WireString){.flags = string->flags, .glyphs = {glyphs, string->count}};
    for (uint32_t i = 0; i < string->count; i++) {
        const QxlGlyph *from = &string->glyphs[i];
        glyphs[i] = (WireGlyph){.render_pos = {from->render_pos.x, from->render_pos.y},
                                .glyph_origin = {from->glyph_origin.x, from->glyph_origin.y},
                                .width = from->width,
                                .height = from->height,
                                .data = span_of(from->rows, (size_t)from->row_bytes * from->height)};
    }
    ret->inline_bytes += string_bytes(string);
    *ret_string = to;
    return true;
}

/* ---- Drawables ---- */

static bool fill_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlFill *fill = &maker->drawable->u.fill;
    WireMsgDisplayDrawFill *to = &ret->wire.u.display_draw_fill;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_FILL;
    to->rop = fill->rop;
    return base_make(maker, ret, &to->base) && brush_make(maker, ret, &fill->brush, &to->brush) &&
           mask_make(maker, ret, &fill->mask, &to->mask);
}

static bool opaque_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlOpaque *opaque = &maker->drawable->u.opaque;
    WireMsgDisplayDrawOpaque *to = &ret->wire.u.display_draw_opaque;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_OPAQUE;
    to->rop = opaque->rop;
    to->scale_mode = opaque->scale_mode;
    return base_make(maker, ret, &to->base) &&
           source_make(maker, ret, opaque->src, &opaque->src_area, &to->src, &to->src_area) &&
           brush_make(maker, ret, &opaque->brush, &to->brush) &&
           mask_make(maker, ret, &opaque->mask, &to->mask);
}

static bool copy_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlCopy *copy = &maker->drawable->u.copy;
    WireMsgDisplayDrawCopy to = {.rop = copy->rop, .scale_mode = copy->scale_mode};

    const bool made = base_make(maker, ret, &to.base) &&
                      source_make(maker, ret, copy->src, &copy->src_area, &to.src, &to.src_area) &&
                      mask_make(maker, ret, &copy->mask, &to.mask);
    if (maker->drawable->type == QXL_DRAW_COPY) {
        ret->wire.type = WIRE_MSG_DISPLAY_DRAW_COPY;
        ret->wire.u.display_draw_copy = to;
    } else {
        ret->wire.type = WIRE_MSG_DISPLAY_DRAW_BLEND;
        ret->wire.u.display_draw_blend =
            (WireMsgDisplayDrawBlend){to.base, to.src, to.src_area, to.rop, to.scale_mode, to.mask};
    }
    return made;
}

static bool masked_make(DrawMaker *maker, DrawMessage *ret)
{
    WireMsgDisplayDrawBlackness to = {0};
    const bool made =
        base_make(maker, ret, &to.base) && mask_make(maker, ret, &maker->drawable->u.mask, &to.mask);

    switch (maker->drawable->type) {
    case QXL_DRAW_BLACKNESS:
        ret->wire.type = WIRE_MSG_DISPLAY_DRAW_BLACKNESS;
        ret->wire.u.display_draw_blackness = to;
        break;
    case QXL_DRAW_WHITENESS:
        ret->wire.type = WIRE_MSG_DISPLAY_DRAW_WHITENESS;
        ret->wire.u.display_draw_whiteness = (WireMsgDisplayDrawWhiteness){to.base, to.mask};
        break;
    default:
        ret->wire.type = WIRE_MSG_DISPLAY_DRAW_INVERS;
        ret->wire.u.display_draw_invers = (WireMsgDisplayDrawInvers){to.base, to.mask};
        break;
    }
    return made;
}

static bool copy_bits_make(DrawMaker *maker, DrawMessage *ret)
{
    WireMsgDisplayCopyBits *to = &ret->wire.u.display_copy_bits;

    ret->wire.type = WIRE_MSG_DISPLAY_COPY_BITS;
    to->src_pos = (WirePoint){maker->drawable->u.copy_bits.x, maker->drawable->u.copy_bits.y};
    return base_make(maker, ret, &to->base);
}

static bool rop3_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlRop3 *rop3 = &maker->drawable->u.rop3;
    WireMsgDisplayDrawRop3 *to = &ret->wire.u.display_draw_rop3;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_ROP3;
    to->rop3 = rop3->rop3;
    to->scale_mode = rop3->scale_mode;
    return base_make(maker, ret, &to->base) &&
           source_make(maker, ret, rop3->src, &rop3->src_area, &to->src, &to->src_area) &&
           brush_make(maker, ret, &rop3->brush, &to->brush) && mask_make(maker, ret, &rop3->mask, &to->mask);
}

static bool transparent_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlTransparent *transparent = &maker->drawable->u.transparent;
    WireMsgDisplayDrawTransparent *to = &ret->wire.u.display_draw_transparent;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_TRANSPARENT;
    to->src_color = transparent->src_color;
    to->true_color = transparent->true_color;
    return base_make(maker, ret, &to->base) &&
           source_make(maker, ret, transparent->src, &transparent->src_area, &to->src, &to->src_area);
}

static bool alpha_blend_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlAlphaBlend *blend = &maker->drawable->u.alpha_blend;
    WireMsgDisplayDrawAlphaBlend *to = &ret->wire.u.display_draw_alpha_blend;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND;
    to->alpha_flags = blend->flags;
    to->alpha = blend->alpha;
    return base_make(maker, ret, &to->base) &&
           source_make(maker, ret, blend->src, &blend->src_area, &to->src, &to->src_area);
}

static bool stroke_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlStroke *stroke = &maker->drawable->u.stroke;
    WireMsgDisplayDrawStroke *to = &ret->wire.u.display_draw_stroke;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_STROKE;
    to->attr =
        (WireLineAttr){.flags = stroke->line.flags, .style = {stroke->line.dash, stroke->line.dash_count}};
    to->fore_mode = stroke->fore_mode;
    to->back_mode = stroke->back_mode;
    ret->inline_bytes += 4 * (size_t)stroke->line.dash_count;
    return base_make(maker, ret, &to->base) && path_make(maker, ret, &stroke->path, &to->path) &&
           brush_make(maker, ret, &stroke->brush, &to->brush);
}

static bool text_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlText *text = &maker->drawable->u.text;
    WireMsgDisplayDrawText *to = &ret->wire.u.display_draw_text;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_TEXT;
    to->back_area = wire_rect_of(&text->back_area);
    to->fore_mode = text->fore_mode;
    to->back_mode = text->back_mode;
    return base_make(maker, ret, &to->base) && string_make(maker, ret, &text->string, &to->str) &&
           brush_make(maker, ret, &text->fore, &to->fore_brush) &&
           brush_make(maker, ret, &text->back, &to->back_brush);
}

static WireTransform transform_of(const QxlTransform *transform)
{
    if (transform == NULL) {
        return (WireTransform){0};
    }
    return (WireTransform){.t00 = (uint32_t)transform->t[0][0],
                           .t01 = (uint32_t)transform->t[0][1],
                           .t02 = (uint32_t)transform->t[0][2],
                           .t10 = (uint32_t)transform->t[1][0],
                           .t11 = (uint32_t)transform->t[1][1],
                           .t12 = (uint32_t)transform->t[1][2]};
}

static bool composite_make(DrawMaker *maker, DrawMessage *ret)
{
    const QxlComposite *composite = &maker->drawable->u.composite;
    WireMsgDisplayDrawComposite *to = &ret->wire.u.display_draw_composite;

    ret->wire.type = WIRE_MSG_DISPLAY_DRAW_COMPOSITE;
    to->flags = composite->flags;
    to->src_transform = transform_of(composite->src_transform);
    to->mask_transform = transform_of(composite->mask_transform);
    to->src_origin = (WirePoint16){composite->src_origin.x, composite->src_origin.y};
    to->mask_origin = (WirePoint16){composite->mask_origin.x, composite->mask_origin.y};
    if (!base_make(maker, ret, &to->base)) {
        return false;
    }
    const bool made = composite->src != NULL ? image_make(maker, ret, composite->src, &to->src)
                                             : self_make(maker, ret, &to->src, NULL);
    return made && (composite->mask == NULL || image_make(maker, ret, composite->mask, &to->mask));
}

bool draw_message_make(DrawMaker *maker, DrawMessage *ret)
{
    ret->wire = (WireMsg){.channel = WIRE_CHANNEL_DISPLAY};
    ret->image_count = 0;
    ret->inline_bytes = 0;
    switch (maker->drawable->type) {
    case QXL_DRAW_FILL:
        return fill_make(maker, ret);
    case QXL_DRAW_OPAQUE:
        return opaque_make(maker, ret);
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return copy_make(maker, ret);
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        return masked_make(maker, ret);
    case QXL_COPY_BITS:
        return copy_bits_make(maker, ret);
    case QXL_DRAW_ROP3:
        return rop3_make(maker, ret);
    case QXL_DRAW_TRANSPARENT:
        return transparent_make(maker, ret);
    case QXL_DRAW_ALPHA_BLEND:
        return alpha_blend_make(maker, ret);
    case QXL_DRAW_STROKE:
        return stroke_make(maker, ret);
    case QXL_DRAW_TEXT:
        return text_make(maker, ret);
    case QXL_DRAW_COMPOSITE:
        return composite_make(maker, ret);
    default:
        return false; /* NOP: nothing is to be said */
    }
}

void draw_message_drop(DrawMessage *message)
{
    for (uint32_t i = 0; i < message->image_count; i++) {
        encoded_image_drop(&message->images[i]);
    }
    message->image_count = 0;
}

uint32_t draw_message_payloads(DrawMessage *message, Payload ret_payloads[DRAW_IMAGES_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < message->image_count; i++) {
        EncodedImage *image = &message->images[i];
        if (image->spans == NULL) {
            continue; /* what was taken for it is copied into the message, and dropped after that */
        }
        Payload *payload = &ret_payloads[count++];
        *payload =
            (Payload){.start = image->spans[0].data, .spans = image->spans, .count = image->span_count};
        if (image->taken.first != NULL) {
            payload->release = block_chain_release;
            payload->owner = image->taken.first;
            image->taken = block_chain_of(image->taken.pool);
        } else if (image->shared != NULL) {
            payload->release = shared_coding_unref;
            payload->owner = image->shared;
            image->shared = NULL;
        }
    }
    return count;
}
