/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* render.c: surfaces, where messages draw on them, and which message is which operation. */
#include <stdlib.h>

#include "base/check.h"
#include "parts.h"

#define SURFACE_PIXELS_MAX (UINT64_C(1) << 26) /* pixels; more is taken for nonsense */

Renderer *renderer_new(RenderCache *cache)
{
    Renderer *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->cache = cache;
    return r;
}

void renderer_free(Renderer *r)
{
    if (r != NULL) {
        for (size_t id = 0; id < FAKE_SURFACES_MAX; id++) {
            free(r->surfaces[id].pixels);
        }
        render_palettes_clear(r);
        id_set_free(&r->palettes);
        free(r);
    }
}

void *render_fail(Renderer *r, const char *why)
{
    r->why = r->why != NULL ? r->why : why;
    return NULL;
}

Image *render_keep(Renderer *r, Image *image)
{
    CHECK(r->temporaries_len < TEMPORARIES_MAX);
    r->temporaries[r->temporaries_len++] = image;
    return image;
}

RenderPicture *renderer_picture(Renderer *r, uint32_t surface_id)
{
    RenderPicture *surface = surface_id < FAKE_SURFACES_MAX ? &r->surfaces[surface_id] : NULL;
    return surface != NULL && surface->pixels != NULL ? surface : NULL;
}

uint32_t render_color(const RenderPicture *picture, uint32_t pixel)
{
    const Kind kind = kind_of_surface(picture->format);
    const uint32_t argb = kind_to_argb(kind, pixel);
    return kind == KIND_A8 || kind == KIND_BIT ? (argb >> 24) * 0x010101u : argb & 0xffffff;
}

static void surface_create(Renderer *r, const WireMsgDisplaySurfaceCreate *m)
{
    if (m->surface_id >= FAKE_SURFACES_MAX || m->width == 0 || m->height == 0 ||
        (uint64_t)m->width * m->height > SURFACE_PIXELS_MAX) {
        render_fail(r, "a surface of no size, or too large");
        return;
    }
    RenderPicture *surface = &r->surfaces[m->surface_id];
    free(surface->pixels);
    *surface = (RenderPicture){.width = m->width, .height = m->height, .format = m->format};
    surface->pixels = calloc((size_t)m->width * m->height, sizeof *surface->pixels);
    CHECK(surface->pixels != NULL);
}

static void surface_destroy(Renderer *r, uint32_t id)
{
    if (id < FAKE_SURFACES_MAX) {
        free(r->surfaces[id].pixels);
        r->surfaces[id] = (RenderPicture){0};
    }
}

/* ---- Targets ---- */

static void inside_fill(Target *target, const WireRect *rect)
{
    const int32_t x1 = rect->left > target->x1 ? rect->left : target->x1;
    const int32_t x2 = rect->right < target->x2 ? rect->right : target->x2;
    for (int32_t y = target->y1; y < target->y2 && x1 < x2; y++) {
        if (y >= rect->top && y < rect->bottom) {
            memset(target->inside + (size_t)(y - target->y1) * (size_t)(target->x2 - target->x1) +
                       (size_t)(x1 - target->x1),
                   1, (size_t)(x2 - x1));
        }
    }
}

bool target_open(Renderer *r, const WireDisplayBase *base, Target *target)
{
    *target = (Target){.surface = renderer_picture(r, base->surface_id), .box = base->box};
    if (target->surface == NULL) {
        return render_fail(r, "a surface to draw on that does not exist") != NULL;
    }
    const RenderPicture *surface = target->surface;
    target->kind = kind_of_surface(surface->format);
    target->x1 = base->box.left > 0 ? base->box.left : 0;
    target->y1 = base->box.top > 0 ? base->box.top : 0;
    target->x2 = base->box.right < (int64_t)surface->width ? base->box.right : (int32_t)surface->width;
    target->y2 = base->box.bottom < (int64_t)surface->height ? base->box.bottom : (int32_t)surface->height;
    if (target->x1 >= target->x2 || target->y1 >= target->y2) {
        target->x2 = target->x1;
        target->y2 = target->y1;
    }
    target->inside = calloc((size_t)(target->x2 - target->x1) * (size_t)(target->y2 - target->y1) + 1, 1);
    CHECK(target->inside != NULL);
    if (base->clip.type != WIRE_CLIP_TYPE_RECTS) {
        inside_fill(target, &base->box);
    }
    for (uint32_t i = 0; base->clip.type == WIRE_CLIP_TYPE_RECTS && i < base->clip.rects.n; i++) {
        inside_fill(target, &base->clip.rects.items[i]);
    }
    return true;
}

void target_mask(Renderer *r, Target *target, const WireQMask *mask, const Image *bits)
{
    if (mask->bitmap == NULL || bits == NULL) {
        return;
    }
    if (bits->kind != KIND_BIT) {
        render_fail(r, "a mask that is not of bits");
        return;
    }
    uint8_t *inside = target->inside;
    for (int32_t y = target->y1; y < target->y2; y++) {
        for (int32_t x = target->x1; x < target->x2; x++, inside++) {
            const int64_t mx = (int64_t)mask->pos.x + x - target->box.left;
            const int64_t my = (int64_t)mask->pos.y + y - target->box.top;
            const bool there = mx >= 0 && my >= 0 && mx < bits->width && my < bits->height;
            const uint32_t bit = there ? bits->pixels[(size_t)my * bits->width + (size_t)mx] : 0;
            const bool drawn = there && (bit != 0) != ((mask->flags & WIRE_MASK_FLAG_INVERS) != 0);
            *inside = drawn ? *inside : 0;
        }
    }
}

void target_close(Target *target)
{
    free(target->inside);
}

/* ---- Messages ---- */

static void render_blend(Renderer *r, const WireMsgDisplayDrawBlend *m)
{
    const WireMsgDisplayDrawCopy copy = {m->base, m->src, m->src_area, m->rop, m->scale_mode, m->mask};
    render_copy(r, &copy);
}

static void message_draw(Renderer *r, const WireMsg *m)
{
    switch (m->type) {
    case WIRE_MSG_DISPLAY_COPY_BITS:
        render_copy_bits(r, &m->u.display_copy_bits);
        break;
    case WIRE_MSG_DISPLAY_DRAW_FILL:
        render_fill(r, &m->u.display_draw_fill);
        break;
    case WIRE_MSG_DISPLAY_DRAW_OPAQUE:
        render_opaque(r, &m->u.display_draw_opaque);
        break;
    case WIRE_MSG_DISPLAY_DRAW_COPY:
        render_copy(r, &m->u.display_draw_copy);
        break;
    case WIRE_MSG_DISPLAY_DRAW_BLEND:
        render_blend(r, &m->u.display_draw_blend);
        break;
    case WIRE_MSG_DISPLAY_DRAW_BLACKNESS:
        render_masked(r, &m->u.display_draw_blackness.base, &m->u.display_draw_blackness.mask,
                      WIRE_ROPD_OP_BLACKNESS);
        break;
    case WIRE_MSG_DISPLAY_DRAW_WHITENESS:
        render_masked(r, &m->u.display_draw_whiteness.base, &m->u.display_draw_whiteness.mask,
                      WIRE_ROPD_OP_WHITENESS);
        break;
    case WIRE_MSG_DISPLAY_DRAW_INVERS:
        render_masked(r, &m->u.display_draw_invers.base, &m->u.display_draw_invers.mask, WIRE_ROPD_OP_INVERS);
        break;
    case WIRE_MSG_DISPLAY_DRAW_ROP3:
        render_rop3(r, &m->u.display_draw_rop3);
        break;
    case WIRE_MSG_DISPLAY_DRAW_STROKE:
        render_stroke(r, &m->u.display_draw_stroke);
        break;
    case WIRE_MSG_DISPLAY_DRAW_TEXT:
        render_text(r, &m->u.display_draw_text);
        break;
    case WIRE_MSG_DISPLAY_DRAW_TRANSPARENT:
        render_transparent(r, &m->u.display_draw_transparent);
        break;
    case WIRE_MSG_DISPLAY_DRAW_ALPHA_BLEND:
        render_alpha_blend(r, &m->u.display_draw_alpha_blend);
        break;
    case WIRE_MSG_DISPLAY_DRAW_COMPOSITE:
        render_composite(r, &m->u.display_draw_composite);
        break;
    default:
        break;
    }
}

static void inval_list(Renderer *r, const WireMsgDisplayInvalList *m)
{
    for (uint32_t i = 0; i < m->resources.n; i++) {
        render_images_drop(r->cache, m->resources.items[i].id);
    }
}

const char *renderer_message(Renderer *r, const WireMsg *m)
{
    r->why = NULL;
    switch (m->type) {
    case WIRE_MSG_DISPLAY_SURFACE_CREATE:
        surface_create(r, &m->u.display_surface_create);
        break;
    case WIRE_MSG_DISPLAY_SURFACE_DESTROY:
        surface_destroy(r, m->u.display_surface_destroy.surface_id);
        break;
    case WIRE_MSG_DISPLAY_INVAL_LIST:
        inval_list(r, &m->u.display_inval_list);
        break;
    case WIRE_MSG_DISPLAY_INVAL_ALL_PIXMAPS:
        render_images_clear(r->cache);
        break;
    case WIRE_MSG_DISPLAY_INVAL_PALETTE:
        render_palettes_drop(r, m->u.display_inval_palette.id);
        break;
    case WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES:
        render_palettes_clear(r);
        break;
    default:
        message_draw(r, m);
        break;
    }
    while (r->temporaries_len > 0) {
        image_free(r->temporaries[--r->temporaries_len]);
    }
    return r->why;
}
