/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw.c: operations on the bits of pixels: fill, copy, opaque, rop3, transparent, copy bits. */
#include "base/check.h"
#include "parts.h"

/* ---- Rops ---- */

/* Section 5.4. */
uint32_t rop_apply(uint16_t rop, uint32_t a, uint32_t d, uint16_t invert_a, uint16_t invert_d)
{
    const uint32_t s = rop & invert_a ? ~a : a;
    const uint32_t t = rop & invert_d ? ~d : d;
    uint32_t result;

    if (rop & WIRE_ROPD_OP_PUT) {
        result = s;
    } else if (rop & WIRE_ROPD_OP_OR) {
        result = s | t;
    } else if (rop & WIRE_ROPD_OP_AND) {
        result = s & t;
    } else if (rop & WIRE_ROPD_OP_XOR) {
        result = s ^ t;
    } else if (rop & WIRE_ROPD_OP_BLACKNESS) {
        return 0;
    } else if (rop & WIRE_ROPD_OP_WHITENESS) {
        return UINT32_MAX;
    } else if (rop & WIRE_ROPD_OP_INVERS) {
        return ~d;
    } else {
        return a;
    }
    return rop & WIRE_ROPD_INVERS_RES ? ~result : result;
}

/* ---- Brushes ---- */

bool brush_open(Renderer *r, const WireBrush *wire, Kind kind, Brush *brush)
{
    *brush = (Brush){.none = wire->type == WIRE_BRUSH_TYPE_NONE};
    if (wire->type == WIRE_BRUSH_TYPE_SOLID) {
        brush->color = wire->u.color;
    } else if (wire->type == WIRE_BRUSH_TYPE_PATTERN) {
        const Image *pattern = render_image(r, wire->u.pattern.pat);
        if (pattern == NULL) {
            return false;
        }
        brush->pattern = render_keep(r, image_converted(pattern, kind));
        brush->pos = wire->u.pattern.pos;
    }
    return true;
}

static size_t modulo(int64_t a, int64_t b)
{
    const int64_t rest = a % b;
    return (size_t)(rest < 0 ? rest + b : rest);
}

uint32_t brush_at(const Brush *brush, int64_t x, int64_t y)
{
    const Image *pattern = brush->pattern;
    if (pattern == NULL) {
        return brush->color;
    }
    return pattern->pixels[modulo(y - brush->pos.y, pattern->height) * pattern->width +
                           modulo(x - brush->pos.x, pattern->width)];
}

/* ---- Sources ---- */

bool placed_get(const Placed *placed, int32_t x, int32_t y, uint32_t *ret_pixel)
{
    const int64_t sx = x - placed->left, sy = y - placed->top;
    if (sx < 0 || sy < 0 || sx >= placed->image->width || sy >= placed->image->height) {
        return false;
    }
    *ret_pixel = placed->image->pixels[(size_t)sy * placed->image->width + (size_t)sx];
    return true;
}

/* Section 5.7: where the source's first pixel lies, in 16.16. */
static int64_t scale_start(int64_t first, int64_t len, int64_t box_len, int64_t factor, bool rounded)
{
    return rounded ? (2 * first * box_len + len) / (2 * len) * factor : first * 65536;
}

/* As with pixman: the bit of 555 that is nobody's becomes 0, and what has no alpha is opaque where there is room for
 * some. */
static uint32_t pixel_scaled(Kind from, uint32_t pixel, Kind to)
{
    if (from == KIND_X32 && to == KIND_A32) {
        return pixel | 0xff000000u;
    }
    const uint32_t converted = pixel_convert(from, pixel, to);
    return to == KIND_555 ? converted & 0x7fff : converted;
}

static Image *scale_nearest(const Image *source, int64_t width, int64_t height, const int64_t start[2],
                            const int64_t factor[2], Kind kind)
{
    Image *scaled = image_new((uint32_t)width, (uint32_t)height, kind);
    for (int64_t y = 0; y < height; y++) {
        const int64_t sy = (start[1] + y * factor[1] + ((factor[1] + 1) >> 1) - 1) >> 16;
        for (int64_t x = 0; x < width; x++) {
            const int64_t sx = (start[0] + x * factor[0] + ((factor[0] + 1) >> 1) - 1) >> 16;
            if (sx < 0 || sy < 0 || sx >= source->width || sy >= source->height) {
                continue;
            }
            const uint32_t pixel = source->pixels[(size_t)sy * source->width + (size_t)sx];
            scaled->pixels[y * width + x] = pixel_scaled(source->kind, pixel, kind);
        }
    }
    return scaled;
}

static Image *scale_smooth(const Image *source, int64_t width, int64_t height, const int64_t start[2],
                           const int64_t factor[2], Kind kind)
{
    Image *scaled = image_new((uint32_t)width, (uint32_t)height, kind);
    pixman_image_t *from = image_to_pixman(source, source->kind), *to = image_to_pixman(scaled, kind);
    const pixman_transform_t transform = {.matrix = {{(int32_t)factor[0], 0, (int32_t)start[0]},
                                                     {0, (int32_t)factor[1], (int32_t)start[1]},
                                                     {0, 0, pixman_fixed_1}}};
    pixman_image_set_transform(from, &transform);
    pixman_image_set_filter(from, PIXMAN_FILTER_GOOD, NULL, 0);
    pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, 0, 0, 0, 0, 0, 0, (int)width, (int)height);
    image_from_pixman(scaled, to);
    pixman_image_unref(from);
    pixman_image_unref(to);
    return scaled;
}

bool source_place(Renderer *r, const Target *target, const Image *source, const WireRect *area,
                  const Scaling *scaling, Placed *placed)
{
    const int64_t src_width = (int64_t)area->right - area->left,
                  src_height = (int64_t)area->bottom - area->top;
    const int64_t width = (int64_t)target->box.right - target->box.left;
    const int64_t height = (int64_t)target->box.bottom - target->box.top;

    if (src_width <= 0 || src_height <= 0) {
        return render_fail(r, "a source area without pixels") != NULL;
    }
    if (src_width == width && src_height == height) {
        *placed =
            (Placed){source, (int64_t)target->box.left - area->left, (int64_t)target->box.top - area->top};
        return true;
    }
    const int64_t factor[2] = {src_width * 65536 / width, src_height * 65536 / height};
    const int64_t start[2] = {scale_start(area->left, src_width, width, factor[0], scaling->rounded),
                              scale_start(area->top, src_height, height, factor[1], scaling->rounded)};
    if (factor[0] <= 0 || factor[1] <= 0 || factor[0] > INT32_MAX || factor[1] > INT32_MAX) {
        return render_fail(r, "scaled too far") != NULL;
    }
    Image *scaled = scaling->mode == WIRE_IMAGE_SCALE_MODE_NEAREST
                        ? scale_nearest(source, width, height, start, factor, scaling->kind)
                        : scale_smooth(source, width, height, start, factor, scaling->kind);
    *placed = (Placed){render_keep(r, scaled), target->box.left, target->box.top};
    return true;
}

/* Decodes all that the message carries, in its order, before anything is drawn. */
typedef struct Parts {
    const Image *source, *mask;
    Brush brush;
} Parts;

static bool parts_open(Renderer *r, Target *target, const WireImage *src, const WireBrush *brush,
                       const WireQMask *mask, Parts *parts)
{
    *parts = (Parts){0};
    if (src != NULL) {
        parts->source = render_image(r, src);
        parts->source =
            parts->source != NULL ? render_keep(r, image_converted(parts->source, target->kind)) : NULL;
    }
    if (brush != NULL) {
        brush_open(r, brush, target->kind, &parts->brush);
    }
    if (mask->bitmap != NULL) {
        parts->mask = render_image(r, mask->bitmap);
    }
    target_mask(r, target, mask, parts->mask);
    return r->why == NULL;
}

/* ---- Operations ---- */

void render_fill(Renderer *r, const WireMsgDisplayDrawFill *m)
{
    Target target;
    Parts parts;
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    if (parts_open(r, &target, NULL, &m->brush, &m->mask, &parts)) {
        TARGET_EACH(&target, x, y)
        {
            uint32_t *d = target_at(&target, x, y);
            *d = rop_apply(m->rop, brush_at(&parts.brush, x, y), *d, WIRE_ROPD_INVERS_BRUSH,
                           WIRE_ROPD_INVERS_DEST) &
                 kind_mask(target.kind);
        }
    }
    target_close(&target);
}

void render_masked(Renderer *r, const WireDisplayBase *base, const WireQMask *mask, uint16_t rop)
{
    const WireMsgDisplayDrawFill fill = {.base = *base, .rop = rop, .mask = *mask};
    render_fill(r, &fill);
}

static bool puts_source(uint16_t rop)
{
    return rop_apply(rop, 0x33, 0x55, WIRE_ROPD_INVERS_SRC, WIRE_ROPD_INVERS_DEST) == 0x33;
}

void render_copy(Renderer *r, const WireMsgDisplayDrawCopy *m)
{
    Target target;
    Parts parts;
    Placed placed;
    if (m->src == NULL) {
        render_fail(r, "no image");
        return;
    }
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    if (parts_open(r, &target, m->src, NULL, &m->mask, &parts)) {
        const Scaling scaling = {.mode = m->scale_mode,
                                 .kind = puts_source(m->rop) ? target.kind : parts.source->kind};
        if (source_place(r, &target, parts.source, &m->src_area, &scaling, &placed)) {
            TARGET_EACH(&target, x, y)
            {
                uint32_t *d = target_at(&target, x, y), s;
                if (placed_get(&placed, x, y, &s)) {
                    *d = rop_apply(m->rop, s, *d, WIRE_ROPD_INVERS_SRC, WIRE_ROPD_INVERS_DEST) &
                         kind_mask(target.kind);
                }
            }
        }
    }
    target_close(&target);
}

void render_opaque(Renderer *r, const WireMsgDisplayDrawOpaque *m)
{
    Target target;
    Parts parts;
    Placed placed;
    if (m->src == NULL) {
        render_fail(r, "no image");
        return;
    }
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    if (parts_open(r, &target, m->src, &m->brush, &m->mask, &parts)) {
        const Scaling scaling = {.mode = m->scale_mode, .kind = target.kind};
        if (source_place(r, &target, parts.source, &m->src_area, &scaling, &placed)) {
            TARGET_EACH(&target, x, y)
            {
                uint32_t *d = target_at(&target, x, y), s;
                const uint32_t below = placed_get(&placed, x, y, &s) ? s : *d;
                *d = rop_apply(m->rop, brush_at(&parts.brush, x, y), below, WIRE_ROPD_INVERS_BRUSH,
                               WIRE_ROPD_INVERS_SRC) &
                     kind_mask(target.kind);
            }
        }
    }
    target_close(&target);
}

static uint32_t rop3_apply(uint8_t code, uint32_t p, uint32_t s, uint32_t d)
{
    uint32_t result = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        const unsigned at = (p >> bit & 1) << 2 | (s >> bit & 1) << 1 | (d >> bit & 1);
        result |= (uint32_t)(code >> at & 1) << bit;
    }
    return result;
}

void render_rop3(Renderer *r, const WireMsgDisplayDrawRop3 *m)
{
    Target target;
    Parts parts;
    Placed placed;
    if (m->src == NULL) {
        render_fail(r, "no image");
        return;
    }
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    if (parts_open(r, &target, m->src, &m->brush, &m->mask, &parts)) {
        const Scaling scaling = {.mode = m->scale_mode, .kind = parts.source->kind, .rounded = true};
        if (source_place(r, &target, parts.source, &m->src_area, &scaling, &placed)) {
            TARGET_EACH(&target, x, y)
            {
                uint32_t *d = target_at(&target, x, y), s;
                if (placed_get(&placed, x, y, &s)) {
                    *d = rop3_apply(m->rop3, brush_at(&parts.brush, x, y), s, *d) & kind_mask(target.kind);
                }
            }
        }
    }
    target_close(&target);
}

/* The key in the surface's terms, and which of its bits are compared. */
static uint32_t transparent_key(Kind kind, uint32_t color, uint32_t *ret_mask)
{
    *ret_mask = kind == KIND_X32 || kind == KIND_A32 ? 0xffffff : UINT32_MAX;
    switch (kind) {
    case KIND_X32:
    case KIND_A32:
        return color & 0xffffff;
    case KIND_555:
    case KIND_565:
        return kind_from_argb(kind, color);
    default:
        return 0;
    }
}

void render_transparent(Renderer *r, const WireMsgDisplayDrawTransparent *m)
{
    static const WireQMask no_mask;
    Target target;
    Parts parts;
    Placed placed;
    uint32_t mask;
    if (m->src == NULL) {
        render_fail(r, "no image");
        return;
    }
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    const uint32_t key = transparent_key(target.kind, m->true_color, &mask);
    if (parts_open(r, &target, m->src, NULL, &no_mask, &parts)) {
        const Scaling scaling = {.mode = WIRE_IMAGE_SCALE_MODE_NEAREST, .kind = parts.source->kind};
        if (source_place(r, &target, parts.source, &m->src_area, &scaling, &placed)) {
            TARGET_EACH(&target, x, y)
            {
                uint32_t s;
                if (placed_get(&placed, x, y, &s) && (s & mask) != key) {
                    *target_at(&target, x, y) = s;
                }
            }
        }
    }
    target_close(&target);
}

void render_copy_bits(Renderer *r, const WireMsgDisplayCopyBits *m)
{
    Target target;
    if (!target_open(r, &m->base, &target)) {
        return;
    }
    const RenderPicture *surface = target.surface;
    Image *before = render_keep(r, image_new(surface->width, surface->height, target.kind));
    memcpy(before->pixels, surface->pixels, (size_t)surface->width * surface->height * sizeof(uint32_t));
    const Placed placed = {before, (int64_t)m->base.box.left - m->src_pos.x,
                           (int64_t)m->base.box.top - m->src_pos.y};
    TARGET_EACH(&target, x, y)
    {
        uint32_t s;
        if (placed_get(&placed, x, y, &s)) {
            *target_at(&target, x, y) = s;
        }
    }
    target_close(&target);
}
