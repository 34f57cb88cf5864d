/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* blend.c: operations on colours: alpha blend, text, composite. */
#include <stdlib.h>

#include "base/check.h"
#include "parts.h"

/* Section 5.8. */
static uint32_t mul(uint32_t a, uint32_t b)
{
    const uint32_t t = a * b + 128;
    return (t + (t >> 8)) >> 8;
}

static uint32_t scale_argb(uint32_t argb, uint32_t alpha)
{
    return mul(argb >> 24, alpha) << 24 | mul(argb >> 16 & 0xff, alpha) << 16 |
           mul(argb >> 8 & 0xff, alpha) << 8 | mul(argb & 0xff, alpha);
}

static uint32_t over(uint32_t source, uint32_t dest)
{
    const uint32_t rest = 255 - (source >> 24);
    uint32_t result = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        const uint32_t sum = (source >> shift & 0xff) + mul(dest >> shift & 0xff, rest);
        result |= (sum < 255 ? sum : 255) << shift;
    }
    return result;
}

/* The byte of 32_xRGB that is nobody's becomes 0 wherever something is blended, as with the server's canvas: drawings can
 * make it alpha later. */
static void put_over(const Target *target, Kind kind, int32_t x, int32_t y, uint32_t argb)
{
    uint32_t *d = target_at(target, x, y);
    *d = kind_from_argb(kind, over(argb, kind_to_argb(kind, *d)));
    if (kind == KIND_X32) {
        *d &= 0xffffff;
    }
}

/* ---- Alpha blend ---- */

void render_alpha_blend(Renderer *r, const WireMsgDisplayDrawAlphaBlend *m)
{
    Target target;
    Placed placed;
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    const Image *source = render_image(r, m->src);
    if (source == NULL || m->alpha == 0) {
        target_close(&target);
        return;
    }
    const bool is_surface = m->src->type == WIRE_IMAGE_TYPE_SURFACE;
    const Kind kind =
        target.kind == KIND_X32 && (m->alpha_flags & WIRE_ALPHA_FLAG_DEST_HAS_ALPHA) ? KIND_A32 : target.kind;
    /* Colours of a palette are what the surface's pixels are; coded ones have no alpha. */
    Kind from = source->kind == KIND_COLOR ? target.kind : source->kind;
    from = source->is_coded && source->kind == KIND_COLOR && from == KIND_A32 ? KIND_X32 : from;
    if (is_surface && from == KIND_X32 && (m->alpha_flags & WIRE_ALPHA_FLAG_SRC_SURFACE_HAS_ALPHA)) {
        from = KIND_A32;
    }
    Image *argb = render_keep(r, image_new(source->width, source->height, KIND_A32));
    for (size_t i = 0; i < (size_t)source->width * source->height; i++) {
        argb->pixels[i] = kind_to_argb(from, source->pixels[i] & kind_mask(from));
    }
    const Scaling scaling = {.mode = WIRE_IMAGE_SCALE_MODE_NEAREST, .kind = KIND_A32};
    if (source_place(r, &target, argb, &m->src_area, &scaling, &placed)) {
        TARGET_EACH(&target, x, y)
        {
            /* Where the source has no pixel it is transparent. */
            uint32_t s;
            s = placed_get(&placed, x, y, &s) ? s : 0;
            put_over(&target, kind, x, y, m->alpha == 255 ? s : scale_argb(s, m->alpha));
        }
    }
    target_close(&target);
}

/* ---- Text ---- */

typedef struct Glyphs {
    int64_t left, top, right, bottom; /* of all of them */
    uint8_t *alpha;                   /* for the target's pixels */
} Glyphs;

static uint8_t glyph_alpha(unsigned flags, const uint8_t *row, size_t x)
{
    if (flags & WIRE_STRING_FLAG_RASTER_A1) {
        return row[x / 8] & 0x80 >> x % 8 ? 255 : 0;
    }
    if (flags & WIRE_STRING_FLAG_RASTER_A4) {
        return (uint8_t)((x % 2 == 0 ? row[x / 2] >> 4 : row[x / 2] & 15) << 4);
    }
    return row[x];
}

static void glyph_put(const Target *target, unsigned flags, const WireGlyph *glyph, Glyphs *glyphs)
{
    const int64_t left = (int64_t)glyph->render_pos.x + glyph->glyph_origin.x;
    const int64_t top = (int64_t)glyph->render_pos.y + glyph->glyph_origin.y;
    const size_t row_bytes = glyph->height > 0 ? glyph->data.len / glyph->height : 0;

    for (int64_t row = 0; row < glyph->height; row++) {
        const int64_t y = top + glyph->height - 1 - row; /* the lowest comes first */
        if (y < target->y1 || y >= target->y2) {
            continue;
        }
        for (int64_t i = 0; i < glyph->width; i++) {
            const int64_t x = left + i;
            if (x < target->x1 || x >= target->x2) {
                continue;
            }
            uint8_t *alpha = &glyphs->alpha[(y - target->y1) * (target->x2 - target->x1) + x - target->x1];
            const uint8_t more = glyph_alpha(flags, glyph->data.data + (size_t)row * row_bytes, (size_t)i);
            *alpha = more > *alpha ? more : *alpha;
        }
    }
    glyphs->left = left < glyphs->left ? left : glyphs->left;
    glyphs->top = top < glyphs->top ? top : glyphs->top;
    glyphs->right = left + glyph->width > glyphs->right ? left + glyph->width : glyphs->right;
    glyphs->bottom = top + glyph->height > glyphs->bottom ? top + glyph->height : glyphs->bottom;
}

/* A brush's colour where it blends: on 16-bit surfaces its channels are 5 bits wide, 565 ones included. */
static uint32_t brush_argb(const Brush *brush, Kind kind, int64_t x, int64_t y)
{
    const uint32_t pixel = brush_at(brush, x, y);
    if (brush->pattern != NULL) {
        return kind_to_argb(brush->pattern->kind, pixel);
    }
    return kind == KIND_555 || kind == KIND_565 ? kind_to_argb(KIND_555, pixel) : pixel | 0xff000000u;
}

static void glyphs_draw(Renderer *r, const Target *target, const WireMsgDisplayDrawText *m, Brush *fore)
{
    const WireString *string = m->str;
    const size_t size = (size_t)(target->x2 - target->x1) * (size_t)(target->y2 - target->y1);
    Glyphs glyphs = {.left = INT64_MAX,
                     .top = INT64_MAX,
                     .right = INT64_MIN,
                     .bottom = INT64_MIN,
                     .alpha = calloc(size + 1, 1)};

    (void)r;
    CHECK(glyphs.alpha != NULL);
    for (uint32_t i = 0; i < string->glyphs.n; i++) {
        glyph_put(target, string->flags, &string->glyphs.items[i], &glyphs);
    }
    TARGET_EACH(target, x, y)
    {
        const uint8_t alpha = glyphs.alpha[(size_t)(y - target->y1) * (size_t)(target->x2 - target->x1) +
                                           (size_t)(x - target->x1)];
        if (x >= glyphs.left && x < glyphs.right && y >= glyphs.top && y < glyphs.bottom) {
            /* A pattern begins where the string does. */
            const uint32_t argb = brush_argb(fore, target->kind, x - glyphs.left, y - glyphs.top);
            put_over(target, target->kind, x, y, alpha == 255 ? argb : scale_argb(argb, alpha));
        }
    }
    free(glyphs.alpha);
}

void render_text(Renderer *r, const WireMsgDisplayDrawText *m)
{
    Target target;
    Brush fore, back;
    const WireRect *area = &m->back_area;
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    if (brush_open(r, &m->fore_brush, target.kind, &fore) &&
        brush_open(r, &m->back_brush, target.kind, &back)) {
        if (area->left < area->right && area->top < area->bottom) {
            TARGET_EACH(&target, x, y)
            {
                if (x >= area->left && x < area->right && y >= area->top && y < area->bottom) {
                    *target_at(&target, x, y) = brush_at(&back, x, y) & kind_mask(target.kind);
                }
            }
        }
        if (!fore.none && m->str->glyphs.n > 0) {
            glyphs_draw(r, &target, m, &fore);
        }
    }
    target_close(&target);
}

/* ---- Composite ---- */

static pixman_image_t *sampled(Renderer *r, const Target *target, const WireImage *wire, bool opaque)
{
    const Image *image = render_image(r, wire);
    if (image == NULL) {
        return NULL;
    }
    if (wire->type == WIRE_IMAGE_TYPE_SURFACE) {
        return image_to_pixman(image, opaque && image->kind == KIND_A32 ? KIND_X32 : image->kind);
    }
    const Image *converted = render_keep(r, image_converted(image, target->kind));
    return image_to_pixman(converted, converted->kind);
}

static void transform_set(pixman_image_t *image, const WireTransform *t)
{
    const pixman_transform_t transform = {.matrix = {{(int32_t)t->t00, (int32_t)t->t01, (int32_t)t->t02},
                                                     {(int32_t)t->t10, (int32_t)t->t11, (int32_t)t->t12},
                                                     {0, 0, pixman_fixed_1}}};
    pixman_image_set_transform(image, &transform);
}

static void composite(Renderer *r, const Target *target, const WireMsgDisplayDrawComposite *m,
                      pixman_image_t *source, pixman_image_t *mask)
{
    const uint32_t width = (uint32_t)(target->x2 - target->x1), height = (uint32_t)(target->y2 - target->y1);
    Image *result = render_keep(r, image_new(width, height, target->kind));
    for (uint32_t i = 0; i < width * height; i++) {
        result->pixels[i] =
            *target_at(target, target->x1 + (int32_t)(i % width), target->y1 + (int32_t)(i / width));
    }
    pixman_image_t *dest = image_to_pixman(result, target->kind);
    pixman_image_composite32((pixman_op_t)(m->flags & 0xff), source, mask, dest, m->src_origin.x,
                             m->src_origin.y, m->mask_origin.x, m->mask_origin.y, 0, 0, (int)width,
                             (int)height);
    image_from_pixman(result, dest);
    pixman_image_unref(dest);
    TARGET_EACH(target, x, y)
    {
        *target_at(target, x, y) =
            result->pixels[(size_t)(y - target->y1) * width + (size_t)(x - target->x1)];
    }
}

static bool op_is_known(uint32_t op)
{
    return op <= PIXMAN_OP_SATURATE || (op >= PIXMAN_OP_MULTIPLY && op <= PIXMAN_OP_HSL_LUMINOSITY);
}

void render_composite(Renderer *r, const WireMsgDisplayDrawComposite *m)
{
    const uint32_t filter = m->flags >> 8 & 7, mask_filter = m->flags >> 11 & 7;
    pixman_image_t *mask = NULL;
    Target target;
    if (!op_is_known(m->flags & 0xff) || filter > PIXMAN_FILTER_BILINEAR ||
        mask_filter > PIXMAN_FILTER_BILINEAR) {
        render_fail(r, "no such way to composite");
        return;
    }
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    pixman_image_t *source = sampled(r, &target, m->src, (m->flags & WIRE_COMPOSITE_SOURCE_OPAQUE) != 0);
    if (m->flags & WIRE_COMPOSITE_HAS_MASK) {
        mask = sampled(r, &target, m->mask, false);
    }
    if (source != NULL) {
        pixman_image_set_filter(source, (pixman_filter_t)filter, NULL, 0);
        pixman_image_set_repeat(source, (pixman_repeat_t)(m->flags >> 14 & 3));
        if (m->flags & WIRE_COMPOSITE_HAS_SRC_TRANSFORM) {
            transform_set(source, &m->src_transform);
        }
    }
    if (mask != NULL) {
        pixman_image_set_filter(mask, (pixman_filter_t)mask_filter, NULL, 0);
        pixman_image_set_repeat(mask, (pixman_repeat_t)(m->flags >> 16 & 3));
        pixman_image_set_component_alpha(mask, (m->flags & WIRE_COMPOSITE_COMPONENT_ALPHA) != 0);
        if (m->flags & WIRE_COMPOSITE_HAS_MASK_TRANSFORM) {
            transform_set(mask, &m->mask_transform);
        }
    }
    if (r->why == NULL && target.x1 < target.x2) {
        composite(r, &target, m, source, mask);
    }
    if (source != NULL) {
        pixman_image_unref(source);
    }
    if (mask != NULL) {
        pixman_image_unref(mask);
    }
    target_close(&target);
}
