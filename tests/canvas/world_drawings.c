/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings of all kinds. */
#include <string.h>

#include "qxl/image.h"
#include "tests/canvas/world_images.h"

static QXLRect rect_in(Choices *choices, int32_t width, int32_t height)
{
    const int32_t left = choose_between(choices, 0, width - 1), top = choose_between(choices, 0, height - 1);
    return (QXLRect){.left = left,
                     .top = top,
                     .right = choose_between(choices, left + 1, width),
                     .bottom = choose_between(choices, top + 1, height)};
}

static const QxlGeometry *geometry_of(const World *world, const QXLDrawable *drawable)
{
    return &world->surfaces[drawable->surface_id].geometry;
}

/* ---- Clip, rop, brush, mask ---- */

static void clip_make(World *world, QXLDrawable *drawable, bool one_per_band)
{
    Choices *choices = world->choices;
    const QxlGeometry *geometry = geometry_of(world, drawable);
    const int32_t width = (int32_t)geometry->width, height = (int32_t)geometry->height;
    QXLRect rects[12];
    uint32_t count = choose(choices, 6);

    if (choose_rarely(choices, 2)) {
        drawable->clip.type = SPICE_CLIP_TYPE_NONE;
        return;
    }
    count = one_per_band && count > 1 ? 1 : count;
    if (choose_rarely(choices, 2)) { /* anywhere, overlapping */
        for (uint32_t i = 0; i < count; i++) {
            rects[i].left = choose_between(choices, -10, width);
            rects[i].top = choose_between(choices, -10, height);
            rects[i].right = rects[i].left + choose_between(choices, 1, width);
            rects[i].bottom = rects[i].top + choose_between(choices, 1, height);
        }
    } else { /* bands of a region */
        count = 0;
        for (int32_t y = choose_between(choices, 0, height); y < height && count < 10;
             y += choose_between(choices, 1, 20)) {
            const int32_t bottom = y + choose_between(choices, 1, 15);
            for (int32_t x = choose_between(choices, 0, 20); x < width && count < 10;
                 x += choose_between(choices, 1, 20)) {
                const int32_t right = x + choose_between(choices, 1, 30);
                rects[count++] = (QXLRect){.left = x, .top = y, .right = right, .bottom = bottom};
                x = one_per_band ? width : right;
            }
            y = bottom;
        }
    }
    QXLClipRects *clip = world_take(world, sizeof(*clip) + sizeof(rects));
    clip->num_rects = count;
    world_chunk_first(world, &clip->chunk, (const uint8_t *)rects, count * sizeof(rects[0]));
    drawable->clip.type = SPICE_CLIP_TYPE_RECTS;
    drawable->clip.data = world_address(clip);
}

static uint16_t rop_make(World *world)
{
    static const uint16_t ops[] = {
        SPICE_ROPD_OP_PUT,       SPICE_ROPD_OP_OR,        SPICE_ROPD_OP_AND,    SPICE_ROPD_OP_XOR,
        SPICE_ROPD_OP_BLACKNESS, SPICE_ROPD_OP_WHITENESS, SPICE_ROPD_OP_INVERS, 0};
    Choices *choices = world->choices;
    if (choose_rarely(choices, 3)) {
        return SPICE_ROPD_OP_PUT;
    }
    if (choose_rarely(choices, 10)) {
        return (uint16_t)choose(choices, 2048);
    }
    return (uint16_t)(ops[choose(choices, 8)] | choose(choices, 8) |
                      (choose_rarely(choices, 3) ? SPICE_ROPD_INVERS_RES : 0));
}

static void brush_make(World *world, const QXLDrawable *drawable, QXLBrush *brush, bool may_be_left)
{
    Choices *choices = world->choices;
    const QxlGeometry *geometry = geometry_of(world, drawable);
    switch (choose(choices, 5)) {
    case 0:
        brush->type = SPICE_BRUSH_TYPE_NONE;
        break;
    case 1:
    case 2:
        brush->type = SPICE_BRUSH_TYPE_SOLID;
        brush->u.color = choose32(choices);
        break;
    default:
        brush->type = SPICE_BRUSH_TYPE_PATTERN;
        brush->u.pattern.pos.x = choose_between(choices, -50, may_be_left ? 100 : drawable->bbox.left);
        brush->u.pattern.pos.y = choose_between(choices, -50, may_be_left ? 100 : drawable->bbox.top);
        brush->u.pattern.pat = choose_rarely(choices, 4)
                                   ? world_surface_image(world, world_source_surface(world, geometry->format))
                                   : world_bitmap(world, world_bitmap_format(world, geometry->format),
                                                  1 + choose(choices, 12), 1 + choose(choices, 12), true);
        break;
    }
}

static void mask_make(World *world, const QXLDrawable *drawable, QXLQMask *mask)
{
    Choices *choices = world->choices;
    const uint32_t width = (uint32_t)(drawable->bbox.right - drawable->bbox.left);
    const uint32_t height = (uint32_t)(drawable->bbox.bottom - drawable->bbox.top);

    mask->flags = (uint8_t)choose(choices, 2); /* SPICE_MASK_FLAGS_INVERS */
    if (!choose_rarely(choices, 4)) {
        return;
    }
    mask->pos.x = choose_between(choices, -5, 10);
    mask->pos.y = choose_between(choices, -5, 10);
    if (choose_rarely(choices, 4)) {
        mask->bitmap = world_surface_image(world, world_source_surface(world, SPICE_SURFACE_FMT_1_A));
    } else {
        mask->bitmap = world_bitmap(
            world, choose_rarely(choices, 2) ? SPICE_BITMAP_FMT_1BIT_LE : SPICE_BITMAP_FMT_1BIT_BE,
            1 + choose(choices, width + 40), 1 + choose(choices, height + 10), false);
    }
}

/* ---- Kinds ---- */

static void fill_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_FILL;
    brush_make(world, drawable, &drawable->u.fill.brush, true);
    drawable->u.fill.rop_descriptor = rop_make(world);
    mask_make(world, drawable, &drawable->u.fill.mask);
}

static void blackness_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_BLACKNESS;
    mask_make(world, drawable, &drawable->u.blackness.mask);
}

static void whiteness_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_WHITENESS;
    mask_make(world, drawable, &drawable->u.whiteness.mask);
}

static void invers_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_INVERS;
    mask_make(world, drawable, &drawable->u.invers.mask);
}

/* Areas are kept aside, for the fields of what the guest writes are packed. */
static void copy_fields(World *world, QXLDrawable *drawable, QXLCopy *copy)
{
    QXLRect area;
    copy->src_bitmap = world_source(world, drawable, true, &area);
    copy->src_area = area;
    copy->rop_descriptor = rop_make(world);
    copy->scale_mode = (uint8_t)choose(world->choices, 2);
    mask_make(world, drawable, &copy->mask);
}

static void copy_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_COPY;
    copy_fields(world, drawable, &drawable->u.copy);
}

static void blend_make(World *world, QXLDrawable *drawable)
{
    drawable->type = QXL_DRAW_BLEND;
    copy_fields(world, drawable, &drawable->u.blend);
}

static QXLPHYSICAL source_or_self(World *world, QXLDrawable *drawable, bool may_scale, QXLRect *ret_area)
{
    Choices *choices = world->choices;
    /* The existing server keeps no bits of 565. */
    const bool no_self = !world->beyond && geometry_of(world, drawable)->format == SPICE_SURFACE_FMT_16_565;
    if (no_self || !choose_rarely(choices, 6)) {
        return world_source(world, drawable, may_scale, ret_area);
    }
    drawable->self_bitmap = 1;
    drawable->self_bitmap_area = drawable->bbox;
    *ret_area = (QXLRect){.right = drawable->bbox.right - drawable->bbox.left,
                          .bottom = drawable->bbox.bottom - drawable->bbox.top};
    return 0;
}

static void opaque_make(World *world, QXLDrawable *drawable)
{
    QXLOpaque *opaque = &drawable->u.opaque;
    QXLRect area;
    drawable->type = QXL_DRAW_OPAQUE;
    opaque->src_bitmap = source_or_self(world, drawable, true, &area);
    opaque->src_area = area;
    brush_make(world, drawable, &opaque->brush, true);
    opaque->rop_descriptor = rop_make(world);
    opaque->scale_mode = (uint8_t)choose(world->choices, 2);
    mask_make(world, drawable, &opaque->mask);
}

static void copy_bits_make(World *world, QXLDrawable *drawable)
{
    const QxlGeometry *geometry = geometry_of(world, drawable);
    const int32_t width = drawable->bbox.right - drawable->bbox.left;
    const int32_t height = drawable->bbox.bottom - drawable->bbox.top;
    QXLPoint from = {.x = choose_between(world->choices, 0, (int32_t)geometry->width - width),
                     .y = choose_between(world->choices, 0, (int32_t)geometry->height - height)};
    drawable->type = QXL_COPY_BITS;
    drawable->u.copy_bits.src_pos = from;
    drawable->surfaces_dest[0] = (int32_t)drawable->surface_id;
    drawable->surfaces_rects[0] =
        (QXLRect){.left = from.x, .top = from.y, .right = from.x + width, .bottom = from.y + height};
}

static bool code_uses_all(uint32_t code)
{
    return ((code >> 4 ^ code) & 0x0f) != 0 && ((code >> 2 ^ code) & 0x33) != 0 &&
           ((code >> 1 ^ code) & 0x55) != 0;
}

static void rop3_make(World *world, QXLDrawable *drawable)
{
    QXLRop3 *rop3 = &drawable->u.rop3;
    QXLRect area;
    drawable->type = QXL_DRAW_ROP3;
    rop3->src_bitmap = source_or_self(world, drawable, true, &area);
    rop3->src_area = area;
    brush_make(world, drawable, &rop3->brush, world->beyond);
    do {
        rop3->rop3 = (uint8_t)choose(world->choices, 256);
    } while (!world->beyond && !code_uses_all(rop3->rop3));
    rop3->scale_mode = (uint8_t)choose(world->choices, 2);
    mask_make(world, drawable, &rop3->mask);
}

static void transparent_make(World *world, QXLDrawable *drawable)
{
    QXLTransparent *transparent = &drawable->u.transparent;
    QXLRect area;
    drawable->type = QXL_DRAW_TRANSPARENT;
    transparent->src_bitmap = source_or_self(world, drawable, true, &area);
    transparent->src_area = area;
    transparent->src_color = choose32(world->choices);
    transparent->true_color = choose_rarely(world->choices, 2)   ? 0
                              : choose_rarely(world->choices, 2) ? 0xffffff
                                                                 : choose32(world->choices);
}

static void alpha_blend_make(World *world, QXLDrawable *drawable)
{
    QXLAlphaBlend *alpha = &drawable->u.alpha_blend;
    QXLRect area;
    drawable->type = QXL_DRAW_ALPHA_BLEND;
    alpha->src_bitmap = world_source(world, drawable, true, &area);
    alpha->src_area = area;
    alpha->alpha_flags = (uint16_t)choose(world->choices, 4);
    alpha->alpha = choose_rarely(world->choices, 2) ? 255 : (uint8_t)choose(world->choices, 256);
}

/* ---- Text ---- */

static size_t glyph_row_bytes(unsigned depth, uint32_t width)
{
    return (width * depth + 7) / 8;
}

static void text_make(World *world, QXLDrawable *drawable)
{
    Choices *choices = world->choices;
    QXLText *text = &drawable->u.text;
    static const uint16_t rasters[] = {SPICE_STRING_FLAGS_RASTER_A1, SPICE_STRING_FLAGS_RASTER_A4,
                                       SPICE_STRING_FLAGS_RASTER_A8};
    const unsigned raster = choose(choices, world->beyond ? 3 : 2);
    const unsigned depth = 1u << (raster == 0 ? 0 : raster + 1);
    const uint32_t count = 1 + choose(choices, 5);
    uint8_t data[6 * (sizeof(QXLRasterGlyph) + 30 * 30)];
    size_t len = 0;
    int32_t x = choose_between(choices, drawable->bbox.left - 15, drawable->bbox.right);

    for (uint32_t i = 0; i < count; i++) {
        const uint16_t width = (uint16_t)choose_between(choices, 1, 24),
                       height = (uint16_t)choose_between(choices, 1, 24);
        QXLRasterGlyph *glyph = (QXLRasterGlyph *)(void *)(data + len);
        glyph->render_pos.x = x + 3;
        glyph->render_pos.y = choose_between(choices, drawable->bbox.top - 10, drawable->bbox.bottom);
        glyph->glyph_origin.x = -3;
        glyph->glyph_origin.y = choose_between(choices, -5, 5);
        glyph->width = width;
        glyph->height = height;
        const size_t bytes = glyph_row_bytes(depth, width) * height;
        for (size_t b = 0; b < bytes; b++) {
            glyph->data[b] = (uint8_t)choose32(choices);
        }
        len += sizeof(*glyph) + bytes;
        /* Where glyphs of 4 bits overlap, the existing server does not take the greater one always. */
        x += depth == 1 || world->beyond ? choose_between(choices, -4, 24) : width;
    }
    QXLString *string = world_take(world, sizeof(*string) + len);
    string->data_size = (uint32_t)len;
    string->length = (uint16_t)count;
    string->flags = rasters[raster];
    world_chunk_first(world, &string->chunk, data, len);
    drawable->type = QXL_DRAW_TEXT;
    text->str = world_address(string);
    brush_make(world, drawable, &text->fore_brush, true);
    brush_make(world, drawable, &text->back_brush, true);
    text->fore_mode = SPICE_ROPD_OP_PUT;
    text->back_mode = SPICE_ROPD_OP_PUT;
    if (choose_rarely(choices, 2)) {
        const QxlGeometry *geometry = geometry_of(world, drawable);
        text->back_area = rect_in(choices, (int32_t)geometry->width, (int32_t)geometry->height);
    }
}

/* ---- Composite ---- */

static QXLPHYSICAL transform_make(World *world)
{
    Choices *choices = world->choices;
    int32_t t[6] = {65536, 0, 0, 0, 65536, 0};
    const uint32_t kind = choose(choices, 4);
    if (kind > 0) { /* moved */
        t[2] = choose_between(choices, -20 * 65536, 20 * 65536);
        t[5] = choose_between(choices, -20 * 65536, 20 * 65536);
    }
    if (kind > 1) { /* scaled */
        t[0] = choose_between(choices, -2 * 65536, 3 * 65536);
        t[4] = choose_between(choices, -2 * 65536, 3 * 65536);
    }
    if (kind > 2) { /* turned */
        t[1] = choose_between(choices, -65536, 65536);
        t[3] = choose_between(choices, -65536, 65536);
    }
    int32_t *transform = world_take(world, sizeof(t));
    memcpy(transform, t, sizeof(t));
    return world_address(transform);
}

static QXLPHYSICAL composited_make(World *world, const QXLDrawable *drawable, uint32_t surface,
                                   bool *ret_surface)
{
    Choices *choices = world->choices;
    *ret_surface = choose_rarely(choices, 3);
    if (*ret_surface) {
        return world_surface_image(world, surface);
    }
    return world_bitmap(world, world_bitmap_format(world, geometry_of(world, drawable)->format),
                        1 + choose(choices, 60), 1 + choose(choices, 60), true);
}

static void composite_make(World *world, QXLDrawable *drawable)
{
    static const uint8_t starts[] = {QXL_OP_CLEAR, QXL_OP_MULTIPLY}, counts[] = {14, 15};
    Choices *choices = world->choices;
    QXLComposite *composite = &drawable->u.composite;
    const uint32_t kind = choose(choices, 2);
    /* A surface is either a source or a mask: the existing server leaves what it sets for the one to the other. Each
     * half of them has all formats. */
    const uint32_t first = choose(choices, WORLD_SOURCES / 2);
    const uint32_t second = WORLD_SOURCES / 2 + choose(choices, WORLD_SOURCES / 2);
    bool surface;

    drawable->type = QXL_DRAW_COMPOSITE;
    composite->flags = (uint32_t)starts[kind] + choose(choices, counts[kind]);
    composite->flags |= choose(choices, 5) << 8 | choose(choices, 5) << 11 | choose(choices, 4) << 14 |
                        choose(choices, 4) << 16;
    composite->flags |= choose_rarely(choices, 3) ? SPICE_COMPOSITE_COMPONENT_ALPHA : 0;
    composite->flags |= choose_rarely(choices, 4) ? SPICE_COMPOSITE_MASK_OPAQUE : 0;
    if (choose_rarely(choices, 4) &&
        (world->beyond || qxl_surface_depth(geometry_of(world, drawable)->format) > 8)) {
        composite->flags |= SPICE_COMPOSITE_DEST_OPAQUE;
    }
    composite->src = composited_make(world, drawable, WORLD_DRAWN + 1 + first, &surface);
    /* The existing server never takes a transform back from a surface: here each use of one has its own. */
    if (surface || choose_rarely(choices, 2)) {
        composite->src_transform = transform_make(world);
    }
    const unsigned depth = qxl_surface_depth(world->surfaces[WORLD_DRAWN + 1 + first].geometry.format);
    if (choose_rarely(choices, 4) && (!surface || depth == 32)) {
        composite->flags |= SPICE_COMPOSITE_SOURCE_OPAQUE;
    }
    if (choose_rarely(choices, 2)) {
        composite->mask = composited_make(world, drawable, WORLD_DRAWN + 1 + second, &surface);
        if (surface || choose_rarely(choices, 2)) {
            composite->mask_transform = transform_make(world);
        }
    }
    composite->src_origin.x = (int16_t)choose_between(choices, -10, 30);
    composite->src_origin.y = (int16_t)choose_between(choices, -10, 30);
    composite->mask_origin.x = (int16_t)choose_between(choices, -10, 30);
    composite->mask_origin.y = (int16_t)choose_between(choices, -10, 30);
}

/* ---- Stroke ---- */

typedef enum Lines {
    LINES_WHOLE,
    LINES_DASHED_STRAIGHT, /* along the axes */
    LINES_DASHED_SLANTED, /* anyhow, but each by itself: at corners the existing server writes where it must not */
} Lines;

static QXLPointFix path_point(World *world, const QXLDrawable *drawable)
{
    Choices *choices = world->choices;
    const int32_t margin = choose_rarely(choices, 4) ? 200 : 10;
    return (QXLPointFix){.x = choose_between(choices, (drawable->bbox.left - margin) * 16,
                                             (drawable->bbox.right + margin) * 16),
                         .y = choose_between(choices, (drawable->bbox.top - margin) * 16,
                                             (drawable->bbox.bottom + margin) * 16)};
}

static int64_t dot(const int64_t a[2], const int64_t b[2], const int64_t from[2])
{
    return ((a[0] - from[0]) * (b[0] - from[0]) + (a[1] - from[1]) * (b[1] - from[1])) >> 4;
}

/* Does the existing server come to an end with this curve? It halves what is not flat, and pieces whose ends are less than
 * a quarter of a pixel apart may never seem so. */
static bool curve_ends(const int64_t p[4][2], unsigned halvings)
{
    const int64_t a2 = dot(p[1], p[1], p[0]), b2 = dot(p[3], p[3], p[0]), c2 = dot(p[2], p[2], p[3]);
    const int64_t ab = dot(p[1], p[3], p[0]), cb = dot(p[2], p[0], p[3]);
    if ((a2 * b2 - ab * ab) >> 3 < b2 && (c2 * b2 - cb * cb) >> 3 < b2) {
        return true;
    }
    if (halvings == 30) {
        return false;
    }
    int64_t left[4][2], right[4][2];
    for (unsigned i = 0; i < 2; i++) {
        const int64_t middle = (p[1][i] + p[2][i]) / 2;
        left[0][i] = p[0][i];
        left[1][i] = (p[0][i] + p[1][i]) / 2;
        left[2][i] = (left[1][i] + middle) / 2;
        right[3][i] = p[3][i];
        right[2][i] = (p[2][i] + p[3][i]) / 2;
        right[1][i] = (middle + right[2][i]) / 2;
        left[3][i] = right[0][i] = (left[2][i] + right[1][i]) / 2;
    }
    return curve_ends(left, halvings + 1) && curve_ends(right, halvings + 1);
}

/* `from` is where the pen stands; then three points for each curve. */
static bool curves_end(QXLPointFix from, const QXLPathSeg *segment, uint32_t first)
{
    for (uint32_t at = first; at + 2 < segment->count; at += 3) {
        int64_t p[4][2] = {
            {((from.x >> 4) + ((from.x & 15) > 8)) * 16, ((from.y >> 4) + ((from.y & 15) > 8)) * 16}};
        for (uint32_t i = 0; i < 3; i++) {
            p[i + 1][0] = segment->points[at + i].x;
            p[i + 1][1] = segment->points[at + i].y;
        }
        if (!curve_ends((const int64_t(*)[2])p, 0)) {
            return false;
        }
        from = segment->points[at + 2];
    }
    return true;
}

static QXLPHYSICAL path_make(World *world, const QXLDrawable *drawable, Lines lines)
{
    Choices *choices = world->choices;
    uint8_t data[4 * (sizeof(QXLPathSeg) + 10 * sizeof(QXLPointFix))];
    size_t len = 0;
    const uint32_t segments = 1 + choose(choices, 4);
    QXLPointFix point = path_point(world, drawable), first = point;
    const bool alone = lines == LINES_DASHED_SLANTED && !world->beyond;
    bool down = false;

    for (uint32_t i = 0; i < segments; i++) {
        QXLPathSeg *segment = (QXLPathSeg *)(void *)(data + len);
        const bool begin = !down || alone || choose_rarely(choices, 2); /* only what is begun goes on */
        const bool curve = lines == LINES_WHOLE && choose_rarely(choices, 4);
        uint32_t count = curve ? 3 * choose(choices, 3) : choose(choices, alone ? 2 : 7);
        segment->flags = begin ? QXL_PATH_BEGIN : 0;
        segment->flags |= curve ? QXL_PATH_BEZIER : 0;
        segment->flags |= choose_rarely(choices, 2) ? QXL_PATH_END : 0;
        bool close = choose_rarely(choices, 2) && count + begin > 0 && !alone;
        count += begin;
        down = (segment->flags & QXL_PATH_END) == 0;
        const QXLPointFix stood = point;
        for (uint32_t p = 0; p < count; p++) {
            const QXLPointFix next = path_point(world, drawable);
            if (lines == LINES_DASHED_STRAIGHT && p + i > 0) {
                const bool level = choose_rarely(choices, 2), far = choose_rarely(choices, 2);
                const int32_t to = far ? next.x : next.y;
                point = level ? (QXLPointFix){.x = to, .y = point.y} : (QXLPointFix){.x = point.x, .y = to};
            } else {
                point = next;
            }
            first = begin && p == 0 ? point : first;
            memcpy((uint8_t *)segment->points + p * sizeof(point), &point, sizeof(point));
        }
        close = close && (lines != LINES_DASHED_STRAIGHT || point.x == first.x || point.y == first.y);
        segment->flags |= close ? QXL_PATH_CLOSE : 0;
        segment->count = count;
        if (curve && !world->beyond && !curves_end(begin ? segment->points[0] : stood, segment, begin)) {
            segment->flags &= ~(uint32_t)QXL_PATH_BEZIER;
        }
        len += sizeof(*segment) + count * sizeof(point);
    }
    QXLPath *path = world_take(world, sizeof(*path) + len);
    path->data_size = (uint32_t)len;
    world_chunk_first(world, &path->chunk, data, len);
    return world_address(path);
}

static void stroke_fields(World *world, QXLDrawable *drawable, Lines lines)
{
    Choices *choices = world->choices;
    QXLStroke *stroke = &drawable->u.stroke;

    drawable->type = QXL_DRAW_STROKE;
    stroke->path = path_make(world, drawable, lines);
    if (lines != LINES_WHOLE) {
        const uint32_t count = 1 + choose(choices, 6);
        int32_t dashes[6];
        for (uint32_t i = 0; i < count; i++) {
            dashes[i] = choose_between(choices, 16, 300);
        }
        int32_t *style = world_take(world, sizeof(dashes));
        memcpy(style, dashes, count * sizeof(dashes[0]));
        stroke->attr.flags = SPICE_LINE_FLAGS_STYLED;
        stroke->attr.flags |= choose_rarely(choices, 2) ? SPICE_LINE_FLAGS_START_WITH_GAP : 0;
        stroke->attr.style_nseg = (uint8_t)count;
        stroke->attr.style = world_address(style);
    }
    do { /* the existing server takes a surface for a bitmap here */
        brush_make(world, drawable, &stroke->brush, true);
    } while (!world->beyond && stroke->brush.type == SPICE_BRUSH_TYPE_PATTERN &&
             ((const QXLImage *)(uintptr_t)stroke->brush.u.pattern.pat)->descriptor.type ==
                 SPICE_IMAGE_TYPE_SURFACE);
    stroke->fore_mode = rop_make(world);
    stroke->back_mode = rop_make(world);
}

static void stroke_make(World *world, QXLDrawable *drawable)
{
    stroke_fields(world, drawable, LINES_WHOLE);
}

static void dashes_make(World *world, QXLDrawable *drawable)
{
    stroke_fields(world, drawable, LINES_DASHED_STRAIGHT);
}

static void slanted_make(World *world, QXLDrawable *drawable)
{
    stroke_fields(world, drawable, LINES_DASHED_SLANTED);
}

/* ---- All ---- */

const WorldOp world_ops[] = {
    {"fill", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, fill_make},
    {"blackness", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8 | WORLD_OF_1, blackness_make},
    {"whiteness", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8 | WORLD_OF_1, whiteness_make},
    {"invers", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, invers_make},
    {"copy", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, copy_make},
    {"blend", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, blend_make},
    {"opaque", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, opaque_make},
    {"copy-bits", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, copy_bits_make},
    {"transparent", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, transparent_make},
    {"rop3", WORLD_OF_32 | WORLD_OF_16, rop3_make},
    {"alpha-blend", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, alpha_blend_make},
    {"text", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, text_make},
    {"composite", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, composite_make},
    {"stroke", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, stroke_make, true},
    {"dashes", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, dashes_make, true},
    {"dashes-slanted", WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8, slanted_make, true},
};
const unsigned world_op_count = sizeof(world_ops) / sizeof(world_ops[0]);

QXLDrawable *world_drawing(World *world, Choices *choices, const WorldOp *op, uint32_t surface_id)
{
    QXLDrawable *drawable = world_take(world, sizeof(*drawable));
    world->choices = choices;
    drawable->surface_id = surface_id;
    drawable->effect = QXL_EFFECT_BLEND; /* a promise of nothing */
    const QxlGeometry *geometry = geometry_of(world, drawable);
    drawable->bbox = rect_in(choices, (int32_t)geometry->width, (int32_t)geometry->height);
    for (int i = 0; i < 3; i++) {
        drawable->surfaces_dest[i] = -1;
    }
    clip_make(world, drawable, op->one_clip_per_band && !world->beyond);
    op->make(world, drawable);
    return drawable;
}
