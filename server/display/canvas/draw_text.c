/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text: a mask made of glyphs, through which the fore brush is blended. */
#include <string.h>

#include <spice/enums.h>

#include "display/canvas/draw.h"

#define GLYPH_PIXELS_PER_STEP 4u
#define MASK_WIDTH 512 /* of most masks: one image does for all of them */
#define MASK_HEIGHT 32

static Box glyph_box(const QxlGlyph *glyph)
{
    const int64_t x = (int64_t)glyph->render_pos.x + glyph->glyph_origin.x;
    const int64_t y = (int64_t)glyph->render_pos.y + glyph->glyph_origin.y;
    return (Box){.x1 = (int32_t)x,
                 .y1 = (int32_t)y,
                 .x2 = (int32_t)(x + glyph->width),
                 .y2 = (int32_t)(y + glyph->height)};
}

/* The least box around all of them, those of no size included. */
static Box string_box(const QxlString *string)
{
    Box all = {0};
    for (unsigned i = 0; i < string->count; i++) {
        const Box box = glyph_box(&string->glyphs[i]);
        if (i == 0) {
            all = box;
            continue;
        }
        all.x1 = box.x1 < all.x1 ? box.x1 : all.x1;
        all.y1 = box.y1 < all.y1 ? box.y1 : all.y1;
        all.x2 = box.x2 > all.x2 ? box.x2 : all.x2;
        all.y2 = box.y2 > all.y2 ? box.y2 : all.y2;
    }
    return all;
}

static uint8_t glyph_alpha(const uint8_t *row, unsigned depth, size_t i)
{
    switch (depth) {
    case 1:
        return row[i / 8] >> (7 - i % 8) & 1;
    case 4: /* not spread to the whole range: 15 becomes 240 */
        return (uint8_t)(i % 2 == 0 ? row[i / 2] & 0xf0 : row[i / 2] << 4);
    default:
        return row[i];
    }
}

/* Where glyphs overlap the most opaque counts. The lowest row comes first. */
static Status glyph_put(Draw *draw, const QxlGlyph *glyph, unsigned depth, const Raster *mask,
                        const Box *mask_box)
{
    const Box box = glyph_box(glyph);
    Box part = box;
    if (!box_intersect(&part, mask_box)) {
        return STATUS_OK;
    }
    const Status status = draw_work(draw, box_pixels(&part) / GLYPH_PIXELS_PER_STEP + 1);
    if (status != STATUS_OK) {
        return status;
    }
    for (int32_t y = part.y1; y < part.y2; y++) {
        const uint8_t *row = glyph->rows + (size_t)glyph->row_bytes * (size_t)(box.y2 - 1 - y);
        uint8_t *line = raster_line(mask, y - mask_box->y1);
        for (int32_t x = part.x1; x < part.x2; x++) {
            const uint8_t alpha = glyph_alpha(row, depth, (size_t)(x - box.x1));
            const size_t at = (size_t)(x - mask_box->x1);
            if (depth == 1) {
                line[at / 8] |= (uint8_t)(alpha << at % 8);
            } else {
                line[at] = alpha > line[at] ? alpha : line[at];
            }
        }
    }
    return STATUS_OK;
}

/* Channels as wide as the surface's; those of 16 bits are 5 wide each. */
static pixman_image_t *solid_image(CanvasSet *set, const Raster *dest, uint32_t color)
{
    const bool narrow = PIXMAN_FORMAT_BPP(dest->format) == 16;
    const unsigned shift = narrow ? 5 : 8;
    const uint32_t mask = narrow ? 0x1f : 0xff;
    const pixman_color_t wide = {.red = (uint16_t)((color >> 2 * shift & mask) * 0xffff / mask),
                                 .green = (uint16_t)((color >> shift & mask) * 0xffff / mask),
                                 .blue = (uint16_t)((color & mask) * 0xffff / mask),
                                 .alpha = 0xffff};
    if (set->text_ink == NULL || memcmp(&wide, &set->text_color, sizeof wide) != 0) {
        pixman_image_t *image = pixman_image_create_solid_fill(&wide);
        if (image == NULL) {
            return NULL;
        }
        if (set->text_ink != NULL) {
            pixman_image_unref(set->text_ink);
        }
        set->text_ink = image;
        set->text_color = wide;
    }
    return pixman_image_ref(set->text_ink);
}

static int64_t modulo(int64_t a, int64_t b)
{
    const int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

/* The brush as an image. A pattern's first pixel lies where the string's box begins, moved by the pattern's place. */
static Status fore_image(Draw *draw, const QxlBrush *brush, const Box *string, Blend *blend)
{
    Paint paint = {.dest = &draw->canvas->raster};
    const Status status = paint_brush(draw, &paint, brush);
    if (status != STATUS_OK) {
        return status;
    }
    if (!paint.has_pattern) {
        blend->source = solid_image(draw->set, paint.dest, paint.color);
    } else {
        blend->source = raster_image(&paint.pattern.raster);
        blend->source_dx = modulo(-(int64_t)string->x1 - paint.pattern_pos.x, paint.pattern.width);
        blend->source_dy = modulo(-(int64_t)string->y1 - paint.pattern_pos.y, paint.pattern.height);
        if (blend->source != NULL) {
            pixman_image_set_repeat(blend->source, PIXMAN_REPEAT_NORMAL);
        }
    }
    return blend->source != NULL ? STATUS_OK : draw_no_memory(draw);
}

static Status draw_glyphs(Draw *draw, const QxlText *text)
{
    const QxlString *string = &text->string;
    const Box all = string_box(string);
    Area area = draw->area;
    Raster mask;

    if (text->fore.type == SPICE_BRUSH_TYPE_NONE || !box_intersect(&area.box, &all)) {
        return STATUS_OK;
    }
    const int32_t width = area.box.x2 - area.box.x1, height = area.box.y2 - area.box.y1;
    const bool usual = width <= MASK_WIDTH && height <= MASK_HEIGHT;
    Status status = raster_take(draw, SCRATCH_RESULT, string->depth == 1 ? PIXMAN_a1 : PIXMAN_a8,
                                usual ? MASK_WIDTH : width, usual ? MASK_HEIGHT : height, &mask);
    if (status != STATUS_OK) {
        return status;
    }
    for (int32_t y = 0; y < height; y++) {
        memset(raster_line(&mask, y), 0, ((size_t)width * PIXMAN_FORMAT_BPP(mask.format) + 7) / 8);
    }
    for (unsigned i = 0; i < string->count && status == STATUS_OK; i++) {
        status = glyph_put(draw, &string->glyphs[i], string->depth, &mask, &area.box);
    }
    if (status != STATUS_OK) {
        return status;
    }
    Blend blend = {.op = PIXMAN_OP_OVER,
                   .mask_dx = -(int64_t)area.box.x1,
                   .mask_dy = -(int64_t)area.box.y1,
                   .clear = blend_clears(&draw->canvas->raster)};
    status = fore_image(draw, &text->fore, &all, &blend);
    if (status == STATUS_OK) {
        blend.mask = raster_image_kept(&draw->set->text_mask, &mask);
        blend.dest = raster_image_kept(&draw->set->text_dest, &draw->canvas->raster);
        if (blend.mask != NULL && blend.dest != NULL) {
            blend_area(&blend, &area);
        } else {
            status = draw_no_memory(draw);
        }
    }
    blend_finish(&blend);
    return status;
}

Status draw_text(Draw *draw)
{
    const QxlText *text = &draw->drawable->u.text;
    Area behind = draw->area;
    const Box back = box_of(&text->back_area);

    if (!box_is_empty(&back) && box_intersect(&behind.box, &back)) {
        Paint paint = {.dest = &draw->canvas->raster, .code = ROP_P};
        const Status status = paint_brush(draw, &paint, &text->back);
        if (status != STATUS_OK) {
            return status;
        }
        paint_area(&paint, &behind);
    }
    return draw_glyphs(draw, text);
}
