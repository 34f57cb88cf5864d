/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* draw_random.c: any drawing that an honest driver may ask for. */
#include "draw.h"

#include <stdlib.h>

#include <spice/enums.h>

typedef struct Maker {
    FakeDrawing *drawing;
    const FakeDrawWorld *world;
    const FakeDrawSurface *on;
    const FakeQxlChoice *choice;
} Maker;

/* Nobody draws it who would stop at it. */
static bool anything_goes(const Maker *maker)
{
    return maker->world->parsers_only || maker->world->own_clients;
}

static uint32_t chosen(const Maker *maker, const char *site, uint32_t n)
{
    return maker->choice->choose(maker->choice->opaque, site, n);
}

static uint64_t chosen_seed(const Maker *maker)
{
    const uint64_t high = chosen(maker, "seed", 1u << 30);

    return high << 30 | chosen(maker, "seed", 1u << 30);
}

/* One in `n`. */
static bool rarely(const Maker *maker, const char *site, uint32_t n)
{
    return chosen(maker, site, n) == 0;
}

static int32_t chosen_between(const Maker *maker, const char *site, int32_t low, int32_t high)
{
    return low + (int32_t)chosen(maker, site, (uint32_t)(high - low) + 1);
}

static QXLRect chosen_rect(const Maker *maker, uint32_t width, uint32_t height, uint32_t edge_max)
{
    const uint32_t w = 1 + chosen(maker, "width", width < edge_max ? width : edge_max);
    const uint32_t h = 1 + chosen(maker, "height", height < edge_max ? height : edge_max);
    const int32_t left = (int32_t)chosen(maker, "left", width - w + 1);
    const int32_t top = (int32_t)chosen(maker, "top", height - h + 1);

    return (QXLRect){.left = left, .top = top, .right = left + (int32_t)w, .bottom = top + (int32_t)h};
}

static uint32_t rect_width(const QXLRect *rect)
{
    return (uint32_t)(rect->right - rect->left);
}

static uint32_t rect_height(const QXLRect *rect)
{
    return (uint32_t)(rect->bottom - rect->top);
}

static uint32_t chosen_chunks(const Maker *maker)
{
    return rarely(maker, "chunked", 3) ? 1 + chosen(maker, "chunks", 6) : 1;
}

/* ---- Images ---- */

static uint32_t format_depth(uint8_t format)
{
    static const uint32_t depths[] = {
        [SPICE_BITMAP_FMT_1BIT_LE] = 1, [SPICE_BITMAP_FMT_1BIT_BE] = 1, [SPICE_BITMAP_FMT_4BIT_LE] = 4,
        [SPICE_BITMAP_FMT_4BIT_BE] = 4, [SPICE_BITMAP_FMT_8BIT] = 8,    [SPICE_BITMAP_FMT_16BIT] = 16,
        [SPICE_BITMAP_FMT_24BIT] = 24,  [SPICE_BITMAP_FMT_32BIT] = 32,  [SPICE_BITMAP_FMT_RGBA] = 32,
        [SPICE_BITMAP_FMT_8BIT_A] = 8,
    };

    return depths[format];
}

static uint16_t chosen_colors(const Maker *maker, uint8_t format)
{
    switch (format) {
    case SPICE_BITMAP_FMT_1BIT_LE:
    case SPICE_BITMAP_FMT_1BIT_BE:
        return 2;
    case SPICE_BITMAP_FMT_4BIT_LE:
    case SPICE_BITMAP_FMT_4BIT_BE:
        return 16;
    case SPICE_BITMAP_FMT_8BIT: /* renderers take the pixels of a short palette for indices all the same */
        return maker->world->parsers_only ? (uint16_t)(1 + chosen(maker, "colours", 256)) : 256;
    default:
        return 0;
    }
}

#define KEPT_PALETTES 4u /* of each size, which many images have */

/* The same unique id is the same colours. */
static void choose_palette(const Maker *maker, FakeDrawImage *image)
{
    image->palette_seed = image->seed;
    if (image->colors == 0 || !rarely(maker, "cached palette", 2)) {
        return;
    }
    if (rarely(maker, "common palette", 2)) {
        image->palette_seed =
            UINT64_C(1) << 48 | chosen(maker, "palette", KEPT_PALETTES) << 16 | image->colors;
    }
    image->palette_unique = image->palette_seed | UINT64_C(1) << 62;
}

static FakeDrawImage bitmap_of(const Maker *maker, uint8_t format, uint32_t width, uint32_t height, bool mask)
{
    const uint32_t line = (width * format_depth(format) + 7) / 8;
    FakeDrawImage image = {
        .present = true,
        .id = (uint64_t)chosen(maker, "image id", 1u << 16) << 32 | QXL_IMAGE_GROUP_DRIVER_DONT_CACHE,
        .type = SPICE_IMAGE_TYPE_BITMAP,
        .width = width,
        .height = height,
        .format = format,
        .stride = rarely(maker, "odd stride", 4) ? line + chosen(maker, "padding", 9) : (line + 3) & ~3u,
        .colors = mask ? 0 : chosen_colors(maker, format),
        .seed = chosen_seed(maker),
        .chunks = chosen_chunks(maker),
    };

    image.bytes = image.stride * height;
    image.bitmap_flags |= chosen(maker, "top down", 2) != 0 ? QXL_BITMAP_TOP_DOWN : 0;
    image.bitmap_flags |= chosen(maker, "direct", 2) != 0 ? QXL_BITMAP_DIRECT : 0;
    image.bitmap_flags |= rarely(maker, "unstable", 8) ? QXL_BITMAP_UNSTABLE : 0;
    image.flags |= rarely(maker, "high bits", 8) ? QXL_IMAGE_HIGH_BITS_SET : 0;
    choose_palette(maker, &image);
    return image;
}

static FakeDrawImage surface_of(const FakeDrawSurface *surface)
{
    return (FakeDrawImage){
        .present = true,
        .type = SPICE_IMAGE_TYPE_SURFACE,
        .width = surface->width,
        .height = surface->height,
        .surface_id = surface->id,
    };
}

/* The fourth byte of xRGB is nobody's, but on ARGB it would be seen; the highest bit of 555, which QUIC
 * has no place for, on 565. */
static bool leaks(const Maker *maker, const FakeDrawSurface *from)
{
    const uint32_t on = maker->on->format;

    return !maker->world->parsers_only &&
           ((from->format == SPICE_SURFACE_FMT_32_xRGB && on == SPICE_SURFACE_FMT_32_ARGB) ||
            (from->format == SPICE_SURFACE_FMT_16_555 && on == SPICE_SURFACE_FMT_16_565));
}

/* Another surface that has at least this size; NULL: there is none. */
static const FakeDrawSurface *other_surface(const Maker *maker, uint32_t width, uint32_t height, bool mask)
{
    const uint32_t first = chosen(maker, "other surface", maker->world->surface_count);

    for (uint32_t i = 0; i < maker->world->surface_count && !maker->drawing->compat; i++) {
        const FakeDrawSurface *surface = &maker->world->surfaces[(first + i) % maker->world->surface_count];
        const bool bits = surface->format == SPICE_SURFACE_FMT_1_A;
        if (surface != maker->on && bits == mask && surface->width >= width && surface->height >= height &&
            !leaks(maker, surface)) {
            return surface;
        }
    }
    return NULL;
}

/* The older drivers code photographs by themselves. */
static void choose_quic(const Maker *maker, FakeDrawImage *image)
{
    if (maker->world->parsers_only && rarely(maker, "quic noise", 6)) {
        image->type = SPICE_IMAGE_TYPE_QUIC;
        image->noise = true;
        image->colors = 0;
        image->bytes = 1 + chosen(maker, "quic bytes", 500);
    } else if (image->format >= SPICE_BITMAP_FMT_16BIT && image->format <= SPICE_BITMAP_FMT_RGBA &&
               rarely(maker, "quic", 6)) {
        image->type = SPICE_IMAGE_TYPE_QUIC;
        free(fake_draw_quic(image, &image->bytes));
    }
}

/* A picture of this size. */
static FakeDrawImage chosen_picture(const Maker *maker, uint32_t width, uint32_t height)
{
    static const uint8_t formats[] = {
        SPICE_BITMAP_FMT_32BIT,   SPICE_BITMAP_FMT_RGBA,    SPICE_BITMAP_FMT_24BIT,
        SPICE_BITMAP_FMT_16BIT,   SPICE_BITMAP_FMT_8BIT,    SPICE_BITMAP_FMT_4BIT_BE,
        SPICE_BITMAP_FMT_4BIT_LE, SPICE_BITMAP_FMT_1BIT_BE, SPICE_BITMAP_FMT_1BIT_LE,
        SPICE_BITMAP_FMT_8BIT_A,
    };
    const uint32_t usable = (uint32_t)(sizeof formats) - (maker->world->parsers_only ? 0 : 1);
    const uint8_t format = formats[rarely(maker, "plain format", 2) ? 0 : chosen(maker, "format", usable)];
    FakeDrawImage image = bitmap_of(maker, format, width, height, false);

    choose_quic(maker, &image);
    return image;
}

#define KEPT_IMAGES 16u /* that are shown again and again */
#define KEPT_MARGIN 4u  /* pixels more than a box's sides at most */

/* One of those that is at least so large: what it is follows from its number. False: none is. */
static bool kept_image(const Maker *maker, uint32_t width, uint32_t height, FakeDrawImage *ret_image)
{
    const uint32_t edge = maker->world->edge_max, first = chosen(maker, "kept image", KEPT_IMAGES);

    for (uint32_t i = 0; i < KEPT_IMAGES; i++) {
        const uint32_t number = (first + i) % KEPT_IMAGES;
        uint64_t seed = (uint64_t)edge * KEPT_IMAGES + number;
        const FakeQxlChoice own = {fake_qxl_prng_choose, &seed};
        const Maker same = {maker->drawing, maker->world, maker->on, &own};
        const uint32_t its_width = 1 + chosen(&same, "width", edge + KEPT_MARGIN);
        const uint32_t its_height = 1 + chosen(&same, "height", edge + KEPT_MARGIN);
        if (its_width >= width && its_height >= height) {
            *ret_image = chosen_picture(&same, its_width, its_height);
            ret_image->id = (UINT64_C(1) << 31 | edge * KEPT_IMAGES | number) << 32 | QXL_IMAGE_GROUP_DRIVER;
            ret_image->flags |= QXL_IMAGE_CACHE;
            return true;
        }
    }
    return false;
}

/* A picture of at least this size. */
static FakeDrawImage chosen_image(const Maker *maker, uint32_t width, uint32_t height)
{
    const FakeDrawSurface *surface =
        rarely(maker, "from surface", 5) ? other_surface(maker, width, height, false) : NULL;
    FakeDrawImage image;

    if (surface != NULL) {
        return surface_of(surface);
    }
    if (rarely(maker, "kept", 6) && kept_image(maker, width, height, &image)) {
        return image;
    }
    image = chosen_picture(maker, width + chosen(maker, "wider", 5), height + chosen(maker, "higher", 5));
    if (rarely(maker, "cached image", 4)) { /* the same id is the same picture */
        image.id = image.seed << 32 | QXL_IMAGE_GROUP_DRIVER;
        image.flags |= QXL_IMAGE_CACHE;
    }
    return image;
}

static FakeDrawBrush chosen_brush(const Maker *maker)
{
    FakeDrawBrush brush = {.type = SPICE_BRUSH_TYPE_SOLID, .color = chosen(maker, "colour", 1u << 24)};

    switch (chosen(maker, "brush", 8)) {
    case 0:
        return (FakeDrawBrush){.type = SPICE_BRUSH_TYPE_NONE};
    case 1:
    case 2:
        brush.type = SPICE_BRUSH_TYPE_PATTERN;
        brush.pattern = chosen_image(maker, 1 + chosen(maker, "pattern width", 12),
                                     1 + chosen(maker, "pattern height", 12));
        brush.pos =
            (QXLPoint){(int32_t)chosen(maker, "pattern x", 8), (int32_t)chosen(maker, "pattern y", 8)};
        return brush;
    default:
        return brush;
    }
}

static void choose_mask(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;
    const uint32_t width = rect_width(&drawing->box), height = rect_height(&drawing->box);

    if (!rarely(maker, "mask", 5)) {
        return;
    }
    const FakeDrawSurface *surface =
        rarely(maker, "mask surface", 3) ? other_surface(maker, width, height, true) : NULL;
    if (surface != NULL) {
        drawing->mask = surface_of(surface);
    } else {
        const uint8_t format =
            rarely(maker, "mask order", 2) ? SPICE_BITMAP_FMT_1BIT_LE : SPICE_BITMAP_FMT_1BIT_BE;
        drawing->mask = bitmap_of(maker, format, width + chosen(maker, "mask wider", 4),
                                  height + chosen(maker, "mask higher", 4), true);
    }
    drawing->mask_inverse = rarely(maker, "mask inverse", 2);
    drawing->mask_pos = (QXLPoint){(int32_t)chosen(maker, "mask x", drawing->mask.width - width + 1),
                                   (int32_t)chosen(maker, "mask y", drawing->mask.height - height + 1)};
}

/* ---- What the types have ---- */

static uint16_t chosen_rop(const Maker *maker)
{
    static const uint16_t inversions[] = {SPICE_ROPD_INVERS_SRC, SPICE_ROPD_INVERS_BRUSH,
                                          SPICE_ROPD_INVERS_DEST, SPICE_ROPD_INVERS_RES};
    uint16_t rop = SPICE_ROPD_OP_PUT;

    if (rarely(maker, "rop", 2)) {
        return rop;
    }
    rop = (uint16_t)(SPICE_ROPD_OP_PUT << chosen(maker, "rop operation", 7));
    for (int i = 0; i < 4; i++) {
        rop |= rarely(maker, "rop inversion", 4) ? inversions[i] : 0;
    }
    return rop;
}

/* A picture and which part of it, mostly as large as the box. */
static void choose_source(Maker *maker, bool may_show_self)
{
    FakeDrawing *drawing = maker->drawing;
    const bool same = !rarely(maker, "scaled", 4);
    const uint32_t edge = maker->world->edge_max;
    uint32_t width = same ? rect_width(&drawing->box) : 1 + chosen(maker, "source width", edge);
    uint32_t height = same ? rect_height(&drawing->box) : 1 + chosen(maker, "source height", edge);
    uint32_t whole_width, whole_height;

    if (may_show_self && rarely(maker, "self bitmap", 8)) {
        drawing->self_bitmap = true;
        drawing->self_bitmap_area = drawing->box;
        whole_width = width = rect_width(&drawing->box);
        whole_height = height = rect_height(&drawing->box);
    } else {
        drawing->source = chosen_image(maker, width, height);
        whole_width = drawing->source.width;
        whole_height = drawing->source.height;
    }
    const int32_t left = (int32_t)chosen(maker, "source left", whole_width - width + 1);
    const int32_t top = (int32_t)chosen(maker, "source top", whole_height - height + 1);
    drawing->source_area =
        (QXLRect){.left = left, .top = top, .right = left + (int32_t)width, .bottom = top + (int32_t)height};
    drawing->scale_mode = (uint8_t)chosen(maker, "scale mode", 2);
}

static void choose_path(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;
    const QXLRect *box = &drawing->box;

    drawing->segment_count = chosen(maker, "segments", FAKE_DRAW_SEGMENTS + 1);
    drawing->path_chunks = chosen_chunks(maker);
    bool open = false;
    for (uint32_t i = 0; i < drawing->segment_count; i++) {
        FakeDrawSegment *segment = &drawing->segments[i];
        const uint32_t most = FAKE_DRAW_POINTS / FAKE_DRAW_SEGMENTS;
        const bool begin = !open || rarely(maker, "path begin", 2);
        const bool curve = rarely(maker, "path curve", 3);
        *segment = (FakeDrawSegment){begin ? SPICE_PATH_BEGIN : 0u,
                                     curve ? begin + 3 * chosen(maker, "curves", 3)
                                           : begin + chosen(maker, "points", most - 1)};
        segment->flags |= curve ? SPICE_PATH_BEZIER : 0u;
        open = true;
        if (rarely(maker, "path end", 2)) {
            segment->flags |= SPICE_PATH_END;
            segment->flags |= rarely(maker, "path close", 2) ? SPICE_PATH_CLOSE : 0u;
            open = false;
        }
        drawing->point_count += segment->count;
    }
    for (uint32_t i = 0; i < drawing->point_count; i++) {
        drawing->points[i] =
            (QXLPointFix){chosen_between(maker, "point x", (box->left - 8) * 16, (box->right + 8) * 16),
                          chosen_between(maker, "point y", (box->top - 8) * 16, (box->bottom + 8) * 16)};
    }
    if (rarely(maker, "dashed", 3)) {
        drawing->line_flags = SPICE_LINE_FLAGS_STYLED;
        drawing->line_flags |= rarely(maker, "gap first", 2) ? SPICE_LINE_FLAGS_START_WITH_GAP : 0;
        drawing->dash_count = (uint8_t)(2 * (1 + chosen(maker, "dashes", FAKE_DRAW_DASHES / 2)));
        for (uint32_t i = 0; i < drawing->dash_count; i++) {
            drawing->dashes[i] = 16 * (1 + (int32_t)chosen(maker, "dash", 9));
        }
    }
}

static void choose_text(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;
    const QXLRect *box = &drawing->box;
    const uint32_t kind = chosen(maker, "glyph depth", anything_goes(maker) ? 3 : 2);
    const uint32_t depth = kind == 0 ? 1 : 4 * kind;

    drawing->string_flags = (uint16_t)(SPICE_STRING_FLAGS_RASTER_A1 << kind);
    drawing->string_chunks = chosen_chunks(maker);
    drawing->glyph_count = chosen(maker, "glyphs", FAKE_DRAW_GLYPHS) + (maker->world->parsers_only ? 0 : 1);
    for (uint32_t i = 0; i < drawing->glyph_count; i++) {
        FakeDrawGlyph *glyph = &drawing->glyphs[i];
        *glyph = (FakeDrawGlyph){
            .pos = {chosen_between(maker, "glyph x", box->left, box->right),
                    chosen_between(maker, "glyph y", box->top, box->bottom)},
            .origin = {chosen_between(maker, "glyph left", -3, 3),
                       chosen_between(maker, "glyph top", -12, 0)},
            .width = (uint16_t)(1 + chosen(maker, "glyph width", 14)),
            .height = (uint16_t)(1 + chosen(maker, "glyph height", 14)),
            .seed = chosen_seed(maker),
        };
        glyph->bytes = (glyph->width * depth + 7) / 8 * glyph->height;
    }
    drawing->brush = chosen_brush(maker);
    drawing->back_brush = chosen_brush(maker);
    drawing->back_area = rarely(maker, "back area", 2) ? *box : (QXLRect){0};
    drawing->rop = SPICE_ROPD_OP_PUT;
    drawing->back_rop = SPICE_ROPD_OP_PUT;
}

static QXLTransform chosen_transform(const Maker *maker)
{
    const uint32_t one = 1u << 16, edge = maker->world->edge_max;

    if (maker->world->own_clients && rarely(maker, "turned", 3)) { /* by a quarter or half, or mirrored */
        const bool quarter = rarely(maker, "quarter", 2);
        const uint32_t across = rarely(maker, "back", 2) ? one : 0 - one;
        const uint32_t down = rarely(maker, "up", 2) ? one : 0 - one;
        return (QXLTransform){.t00 = quarter ? 0 : across,
                              .t01 = quarter ? across : 0,
                              .t02 = across == one ? 0 : edge * one,
                              .t10 = quarter ? down : 0,
                              .t11 = quarter ? 0 : down,
                              .t12 = down == one ? 0 : edge * one};
    }
    return (QXLTransform){.t00 = one / 2 + chosen(maker, "scale x", 2 * one),
                          .t01 = chosen(maker, "shear", one / 4),
                          .t02 = chosen(maker, "shift", 4 * one),
                          .t10 = chosen(maker, "shear", one / 4),
                          .t11 = one / 2 + chosen(maker, "scale y", 2 * one),
                          .t12 = chosen(maker, "shift", 4 * one)};
}

static void choose_composite(Maker *maker)
{
    static const uint8_t formats[] = {SPICE_BITMAP_FMT_RGBA, SPICE_BITMAP_FMT_32BIT, SPICE_BITMAP_FMT_8BIT_A};
    FakeDrawing *drawing = maker->drawing;
    const uint32_t width = rect_width(&drawing->box), height = rect_height(&drawing->box);
    const uint32_t op =
        chosen(maker, "operator", QXL_OP_SATURATE + 1 + QXL_OP_HSL_LUMINOSITY - QXL_OP_MULTIPLY + 1);

    drawing->composite_flags = op <= QXL_OP_SATURATE ? op : op - QXL_OP_SATURATE - 1 + QXL_OP_MULTIPLY;
    const uint32_t filters = maker->world->own_clients ? 5 : 2;
    drawing->composite_flags |= chosen(maker, "filter", filters) << 8 |
                                chosen(maker, "filter", filters) << 11 | chosen(maker, "repeat", 4) << 14 |
                                chosen(maker, "repeat", 4) << 16;
    drawing->composite_flags |= rarely(maker, "component alpha", 4) ? SPICE_COMPOSITE_COMPONENT_ALPHA : 0u;
    drawing->composite_flags |= rarely(maker, "source opaque", 4) ? SPICE_COMPOSITE_SOURCE_OPAQUE : 0u;
    const FakeDrawSurface *surface =
        rarely(maker, "from surface", 2) ? other_surface(maker, 1, 1, false) : NULL;
    drawing->source = surface != NULL
                          ? surface_of(surface)
                          : bitmap_of(maker, formats[chosen(maker, "format", 3)], width, height, false);
    if (rarely(maker, "mask", 2)) {
        surface = maker->world->own_clients && rarely(maker, "mask surface", 3)
                      ? other_surface(maker, 1, 1, false)
                      : NULL;
        drawing->mask = surface != NULL
                            ? surface_of(surface)
                            : bitmap_of(maker, formats[chosen(maker, "format", 3)], width, height, false);
        drawing->has_mask_transform = rarely(maker, "mask transform", 3);
    }
    drawing->has_src_transform = rarely(maker, "source transform", 3);
    drawing->src_transform = chosen_transform(maker);
    drawing->mask_transform = chosen_transform(maker);
    drawing->src_origin =
        (QXLPoint16){(int16_t)chosen(maker, "origin", 6), (int16_t)chosen(maker, "origin", 6)};
    drawing->mask_origin =
        (QXLPoint16){(int16_t)chosen(maker, "origin", 6), (int16_t)chosen(maker, "origin", 6)};
}

/* Does the code make a difference of each of its three operands? */
static bool rop3_is_ternary(uint32_t code)
{
    const bool pattern = (code >> 4) != (code & 0xf);
    const bool source = (code >> 2 & 0x33) != (code & 0x33);
    const bool destination = (code >> 1 & 0x55) != (code & 0x55);

    return pattern && source && destination;
}

static void choose_rop3(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;

    choose_source(maker, true);
    drawing->brush = chosen_brush(maker);
    uint32_t code = chosen(maker, "rop3", 256);
    while (!anything_goes(maker) && !rop3_is_ternary(code)) {
        code = (code + 1) & 0xff;
    }
    drawing->rop3 = (uint8_t)code;
    choose_mask(maker);
}

static void choose_type(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;

    switch (drawing->type) {
    case QXL_DRAW_FILL:
        drawing->brush = chosen_brush(maker);
        drawing->rop = chosen_rop(maker);
        choose_mask(maker);
        break;
    case QXL_DRAW_OPAQUE:
        choose_source(maker, true);
        drawing->brush = chosen_brush(maker);
        drawing->rop = chosen_rop(maker);
        choose_mask(maker);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        choose_source(maker, false);
        drawing->rop = chosen_rop(maker);
        choose_mask(maker);
        break;
    case QXL_COPY_BITS: {
        const uint32_t right = maker->on->width - rect_width(&drawing->box);
        const uint32_t low = maker->on->height - rect_height(&drawing->box);
        drawing->copy_from = (QXLPoint){(int32_t)chosen(maker, "from x", right + 1),
                                        (int32_t)chosen(maker, "from y", low + 1)};
        break;
    }
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        choose_mask(maker);
        break;
    case QXL_DRAW_ROP3:
        choose_rop3(maker);
        break;
    case QXL_DRAW_STROKE:
        choose_path(maker);
        drawing->brush = chosen_brush(maker);
        drawing->rop = chosen_rop(maker);
        drawing->back_rop = SPICE_ROPD_OP_PUT;
        break;
    case QXL_DRAW_TEXT:
        choose_text(maker);
        break;
    case QXL_DRAW_TRANSPARENT:
        choose_source(maker, true);
        drawing->src_color = drawing->true_color = chosen(maker, "colour", 1u << 24);
        if (maker->world->own_clients && rarely(maker, "other colour", 2)) {
            drawing->src_color = chosen(maker, "colour", 1u << 24);
        }
        break;
    case QXL_DRAW_ALPHA_BLEND:
        choose_source(maker, true);
        drawing->alpha = (uint8_t)chosen(maker, "alpha", 256);
        drawing->alpha_flags = drawing->compat ? 0 : (uint16_t)chosen(maker, "alpha flags", 4);
        break;
    case QXL_DRAW_COMPOSITE:
        choose_composite(maker);
        break;
    default:
        break;
    }
}

static void choose_clip(Maker *maker)
{
    FakeDrawing *drawing = maker->drawing;

    drawing->clipped = rarely(maker, "clip", 4);
    if (drawing->clipped) {
        drawing->rect_count = chosen(maker, "clip rectangles", FAKE_DRAW_RECTS + 1);
        drawing->rect_chunks = chosen_chunks(maker);
        for (uint32_t i = 0; i < drawing->rect_count; i++) {
            drawing->rects[i] =
                chosen_rect(maker, maker->on->width, maker->on->height, maker->world->edge_max);
        }
    }
}

/* Does it replace all that its box showed, as far as it is clipped? */
static bool is_opaque(const FakeDrawing *drawing)
{
    switch (drawing->type) {
    case QXL_DRAW_FILL:
        return !drawing->mask.present && drawing->rop == SPICE_ROPD_OP_PUT &&
               drawing->brush.type == SPICE_BRUSH_TYPE_SOLID;
    case QXL_DRAW_COPY:
        return !drawing->mask.present && drawing->rop == SPICE_ROPD_OP_PUT;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
        return !drawing->mask.present;
    default:
        return false;
    }
}

void fake_drawing_random(FakeDrawing *ret_drawing, uint8_t type, const FakeDrawWorld *world, uint32_t on,
                         const FakeQxlChoice *choice)
{
    Maker maker = {ret_drawing, world, &world->surfaces[on], choice};

    *ret_drawing = (FakeDrawing){.type = type, .surface_id = maker.on->id};
    ret_drawing->compat = maker.on->id == 0 && type != QXL_DRAW_COMPOSITE && rarely(&maker, "compat", 8);
    ret_drawing->box = chosen_rect(&maker, maker.on->width, maker.on->height, world->edge_max);
    ret_drawing->mm_time = chosen(&maker, "mm time", 1u << 30);
    choose_clip(&maker);
    choose_type(&maker);
    ret_drawing->effect = is_opaque(ret_drawing) ? QXL_EFFECT_OPAQUE : QXL_EFFECT_BLEND;
}
