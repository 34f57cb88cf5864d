/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*: cheap, and the same everywhere. */
static uint32_t scene_random(Scene *scene, uint32_t limit)
{
    scene->random ^= scene->random >> 12;
    scene->random ^= scene->random << 25;
    scene->random ^= scene->random >> 27;
    return (uint32_t)(((scene->random * 0x2545F4914F6CDD1Dull >> 32) * limit) >> 32);
}

static void pictures_allocate(Scene *scene, uint32_t count)
{
    scene->pictures = calloc(count, sizeof(*scene->pictures));
    scene->picture_count = count;
    if (!scene->pictures) {
        perror("bench-host");
        exit(1);
    }
}

static uint32_t *picture_allocate(Picture *picture, uint32_t width, uint32_t height)
{
    picture->width = width;
    picture->height = height;
    picture->pixels = calloc(height, (size_t)width * 4);
    if (!picture->pixels) {
        perror("bench-host");
        exit(1);
    }
    return (uint32_t *)picture->pixels;
}

static uint32_t gray(uint32_t value)
{
    return value << 16 | value << 8 | value;
}

/* --- commands
 * ------------------------------------------------------------------------------------------------- */

static QXLRect rect_at(int32_t x, int32_t y, uint32_t width, uint32_t height)
{
    return (QXLRect){.top = y, .left = x, .bottom = y + (int32_t)height, .right = x + (int32_t)width};
}

static QXLDrawable *drawable_begin(Slot *slot, uint8_t type, QXLRect box)
{
    QXLDrawable *drawable = &slot->u.drawable;
    memset(drawable, 0, sizeof(*drawable));
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = type;
    drawable->bbox = box;
    drawable->clip.type = SPICE_CLIP_TYPE_NONE;
    for (int i = 0; i < 3; i++) {
        drawable->surfaces_dest[i] = -1;
    }
    return drawable;
}

static void fill_put(Slot *slot, QXLRect box, uint32_t color)
{
    QXLDrawable *drawable = drawable_begin(slot, QXL_DRAW_FILL, box);
    drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    drawable->u.fill.brush.u.color = color;
    drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
}

static void copy_bits_put(Slot *slot, QXLRect box, int32_t from_x, int32_t from_y)
{
    QXLDrawable *drawable = drawable_begin(slot, QXL_COPY_BITS, box);
    drawable->u.copy_bits.src_pos = (QXLPoint){.x = from_x, .y = from_y};
    drawable->surfaces_dest[0] = 0; /* it reads the primary, too; drivers say so */
    drawable->surfaces_rects[0] =
        rect_at(from_x, from_y, (uint32_t)(box.right - box.left), (uint32_t)(box.bottom - box.top));
}

/* The slot's image shows the picture from now on. */
static QXLPHYSICAL image_put(Scene *scene, Slot *slot, const Picture *picture)
{
    const uint32_t width = picture->width, height = picture->height;
    QXLImage *image = &slot->image;
    QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER_DONT_CACHE, ++scene->image_serial);
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.flags = 0;
    image->descriptor.width = width;
    image->descriptor.height = height;
    image->bitmap = (QXLBitmap){
        .format = SPICE_BITMAP_FMT_32BIT,
        .flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN,
        .x = width,
        .y = height,
        .stride = width * 4,
        .data = (uintptr_t)picture->pixels,
    };
    return (uintptr_t)image;
}

static void picture_put(Scene *scene, Slot *slot, const Picture *picture, int32_t x, int32_t y)
{
    QXLDrawable *drawable =
        drawable_begin(slot, QXL_DRAW_COPY, rect_at(x, y, picture->width, picture->height));
    drawable->u.copy.src_bitmap = image_put(scene, slot, picture);
    drawable->u.copy.src_area = rect_at(0, 0, picture->width, picture->height);
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
}

/* --- fill: solid rectangles of 16 to 127 pixels a side, one in each cell of a grid, which repeats
 * ------------- */

enum { FILL_CELL = 128, FILL_LEAST = 16 };

static void fill_prepare(Scene *scene)
{
    (void)scene;
}

static void fill_next(Scene *scene, Slot *slot)
{
    const uint32_t columns = scene->width / FILL_CELL, rows = scene->height / FILL_CELL;
    const uint32_t cell = scene->step++ % (columns * rows);
    const uint32_t width = FILL_LEAST + cell * 37 % (FILL_CELL - FILL_LEAST);
    const uint32_t height = FILL_LEAST + cell * 53 % (FILL_CELL - FILL_LEAST);
    const int32_t x = (int32_t)(cell % columns * FILL_CELL), y = (int32_t)(cell / columns * FILL_CELL);
    fill_put(slot, rect_at(x, y, width, height), scene_random(scene, 1u << 24));
}

/* --- text: runs of antialiased glyphs, 8 to 64 pixels wide, 16 high, line after line
 * ------------------------------ */

/* Paints strokes that look like letters to an encoder: mostly paper, thin dark stems, gray edges. */
static void text_paint(Scene *scene, Picture *picture, uint32_t width)
{
    const uint32_t height = 16, paper = 0xffffff;
    uint32_t *pixels = picture_allocate(picture, width, height);
    for (uint32_t i = 0; i < width * height; i++) {
        pixels[i] = paper;
    }
    for (uint32_t glyph = 0; glyph + 8 <= width; glyph += 8) {
        for (uint32_t stroke = 0; stroke < 3; stroke++) {
            const bool upright = scene_random(scene, 2) == 0;
            const uint32_t at_x = glyph + 1 + scene_random(scene, upright ? 5 : 2);
            const uint32_t at_y = 3 + scene_random(scene, upright ? 3 : 10);
            const uint32_t length = upright ? 5 + scene_random(scene, 5) : 3 + scene_random(scene, 3);
            const uint32_t edge = gray(96 + scene_random(scene, 96));
            for (uint32_t i = 0; i < length; i++) {
                const uint32_t px = upright ? at_x : at_x + i, py = upright ? at_y + i : at_y;
                if (px + 1 < glyph + 8 && py + 1 < height) {
                    pixels[py * width + px] = 0;
                    pixels[(upright ? py : py + 1) * width + (upright ? px + 1 : px)] = edge;
                }
            }
        }
    }
}

static void text_prepare(Scene *scene)
{
    pictures_allocate(scene, 4096); /* more than a GLZ window remembers */
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        text_paint(scene, &scene->pictures[i], 8 + scene_random(scene, 57));
    }
}

static void text_next(Scene *scene, Slot *slot)
{
    const Picture *run = &scene->pictures[scene_random(scene, scene->picture_count)];
    if (scene->x + (int32_t)run->width > (int32_t)scene->width) {
        scene->x = 0;
        scene->y = scene->y + 32 > (int32_t)scene->height ? 0 : scene->y + 16;
    }
    picture_put(scene, slot, run, scene->x, scene->y);
    scene->x += (int32_t)run->width + 4;
}

/* --- scroll: a text window moves up one line, a new line appears at its bottom
 * ------------------------------------- */

enum { SCROLL_X = 64, SCROLL_Y = 64, SCROLL_WIDTH = 800, SCROLL_HEIGHT = 600, SCROLL_LINE = 16 };

static void scroll_prepare(Scene *scene)
{
    pictures_allocate(scene, 64);
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        text_paint(scene, &scene->pictures[i], SCROLL_WIDTH);
    }
}

static void scroll_next(Scene *scene, Slot *slot)
{
    if (scene->step++ % 2 == 0) {
        const QXLRect box = rect_at(SCROLL_X, SCROLL_Y, SCROLL_WIDTH, SCROLL_HEIGHT - SCROLL_LINE);
        copy_bits_put(slot, box, SCROLL_X, SCROLL_Y + SCROLL_LINE);
    } else {
        const Picture *line = &scene->pictures[scene_random(scene, scene->picture_count)];
        picture_put(scene, slot, line, SCROLL_X, SCROLL_Y + SCROLL_HEIGHT - SCROLL_LINE);
    }
}

/* --- photo: 256 x 256 tiles with the statistics of a photograph
 * ------------------------------------------------- */

/* Smooth noise: lattice values of one octave, blended linearly; 0 to 255. */
static uint32_t noise_at(uint32_t seed, uint32_t x, uint32_t y, uint32_t shift)
{
    const uint32_t size = 1u << shift, fx = x & (size - 1), fy = y & (size - 1);
    uint32_t corner[4];
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t hash =
            seed ^ (((x >> shift) + (i & 1)) * 0x9E3779B1u) ^ (((y >> shift) + (i >> 1)) * 0x85EBCA77u);
        hash = (hash ^ hash >> 15) * 0x2C1B3C6Du;
        hash = (hash ^ hash >> 12) * 0x297A2D39u;
        corner[i] = (hash ^ hash >> 15) & 255;
    }
    const uint32_t top = corner[0] * (size - fx) + corner[1] * fx,
                   bottom = corner[2] * (size - fx) + corner[3] * fx;
    return (top * (size - fy) + bottom * fy) >> (2 * shift);
}

static void photo_prepare(Scene *scene)
{
    pictures_allocate(scene, 80); /* more than a GLZ window remembers */
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        uint32_t *pixels = picture_allocate(&scene->pictures[i], 256, 256);
        const uint32_t seed = scene_random(scene, UINT32_MAX);
        for (uint32_t y = 0; y < 256; y++) {
            for (uint32_t x = 0; x < 256; x++) {
                uint32_t pixel = 0;
                for (uint32_t channel = 0; channel < 3; channel++) {
                    const uint32_t light = noise_at(seed, x, y, 6) * 4 + noise_at(seed + 1, x, y, 4) * 2 +
                                           noise_at(seed + 2, x, y, 2) +
                                           noise_at(seed + 3 + channel, x, y, 5);
                    const uint32_t grain = scene_random(scene, 8);
                    const uint32_t value = light / 8 + grain;
                    pixel = pixel << 8 | (value > 255 ? 255 : value);
                }
                pixels[y * 256 + x] = pixel;
            }
        }
    }
}

/* Tile after tile over the whole screen. They do not touch: what lies side by side may travel as one message. */
static void tile_next(Scene *scene, Slot *slot)
{
    const Picture *tile = &scene->pictures[scene->step++ % scene->picture_count];
    if (scene->x + (int32_t)tile->width > (int32_t)scene->width) {
        scene->x = 0;
        scene->y += (int32_t)tile->height + 1;
    }
    if (scene->y + (int32_t)tile->height > (int32_t)scene->height) {
        scene->y = 0;
    }
    picture_put(scene, slot, tile, scene->x, scene->y);
    scene->x += (int32_t)tile->width + 1;
}

/* --- ui: gradients with flat borders, as buttons and title bars have
 * --------------------------------------------- */

static void ui_prepare(Scene *scene)
{
    pictures_allocate(scene, 64);
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        const uint32_t width = 256, height = 64;
        uint32_t *pixels = picture_allocate(&scene->pictures[i], width, height);
        const uint32_t from = 128 + scene_random(scene, 96), tint = scene_random(scene, 32),
                       border = gray(64 + tint);
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                const uint32_t ramp = from - (i % 2 == 0 ? y : x / 4);
                const bool edge = x < 2 || y < 2 || x >= width - 2 || y >= height - 2;
                pixels[y * width + x] = edge ? border : gray(ramp) + tint;
            }
        }
    }
}

/* --- windows: a window slides over a wallpaper, which is repaired behind it
 * --------------------------------------- */

enum { WINDOW_WIDTH = 400, WINDOW_HEIGHT = 300, WINDOW_DX = 5, WINDOW_DY = 3 };

static void windows_prepare(Scene *scene)
{
    pictures_allocate(scene, 2);
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        /* The repaired strips: beside the window (tall) and above or below it (wide). */
        const uint32_t width = i == 0 ? WINDOW_DX : WINDOW_WIDTH, height = i == 0 ? WINDOW_HEIGHT : WINDOW_DY;
        uint32_t *pixels = picture_allocate(&scene->pictures[i], width, height);
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                pixels[y * width + x] = 0x204060 + gray((x + y) / 8 % 64);
            }
        }
    }
    scene->dx = WINDOW_DX;
    scene->dy = WINDOW_DY;
}

static void windows_next(Scene *scene, Slot *slot)
{
    const uint32_t part = scene->step++ % 3;
    if (part == 0) {
        const int32_t from_x = scene->x, from_y = scene->y;
        if (from_x + scene->dx < 0 || from_x + scene->dx + WINDOW_WIDTH > (int32_t)scene->width) {
            scene->dx = -scene->dx;
        }
        if (from_y + scene->dy < 0 || from_y + scene->dy + WINDOW_HEIGHT > (int32_t)scene->height) {
            scene->dy = -scene->dy;
        }
        scene->x += scene->dx;
        scene->y += scene->dy;
        copy_bits_put(slot, rect_at(scene->x, scene->y, WINDOW_WIDTH, WINDOW_HEIGHT), from_x, from_y);
        return;
    }
    const int32_t old_x = scene->x - scene->dx, old_y = scene->y - scene->dy;
    if (part == 1) {
        const int32_t x = scene->dx > 0 ? old_x : old_x + WINDOW_WIDTH + scene->dx;
        picture_put(scene, slot, &scene->pictures[0], x, old_y);
    } else {
        const int32_t y = scene->dy > 0 ? old_y : old_y + WINDOW_HEIGHT + scene->dy;
        picture_put(scene, slot, &scene->pictures[1], old_x, y);
    }
}

/* --- cursor: seven moves, then another of 32 shapes that the client has cached
 * ------------------------------------- */

static void cursor_prepare(Scene *scene)
{
    pictures_allocate(scene, 32);
    for (uint32_t i = 0; i < scene->picture_count; i++) {
        const uint32_t side = 32, bytes = side * side * 4;
        QXLCursor *shape = calloc(1, sizeof(*shape) + bytes);
        if (!shape) {
            perror("bench-host");
            exit(1);
        }
        shape->header = (QXLCursorHeader){.unique = i + 1,
                                          .type = SPICE_CURSOR_TYPE_ALPHA,
                                          .width = (uint16_t)side,
                                          .height = (uint16_t)side};
        shape->data_size = bytes;
        shape->chunk.data_size = bytes;
        for (uint32_t b = 0; b < bytes; b++) {
            shape->chunk.data[b] = (uint8_t)scene_random(scene, 256);
        }
        scene->pictures[i].pixels = (uint8_t *)shape;
    }
}

static void cursor_next(Scene *scene, Slot *slot)
{
    QXLCursorCmd *command = &slot->u.cursor;
    const uint32_t step = scene->step++;
    const QXLPoint16 place = {.x = (int16_t)(step % scene->width), .y = (int16_t)(step % scene->height)};
    if (step % 8 == 0) {
        command->type = QXL_CURSOR_SET;
        command->u.set.position = place;
        command->u.set.visible = 1;
        command->u.set.shape = (uintptr_t)scene->pictures[step / 8 % scene->picture_count].pixels;
    } else {
        command->type = QXL_CURSOR_MOVE;
        command->u.position = place;
    }
}

/* --- mix: the other kinds of drawings in turn, each in a cell of its own of a grid, which repeats
 * -------------------------- */

enum { MIX_CELL = 128, MIX_WIDTH = 96, MIX_HEIGHT = 64 };
enum { MIX_GLYPHS = 10, MIX_GLYPH_WIDTH = 8, MIX_GLYPH_HEIGHT = 12, MIX_POINTS = 24 };
enum { MIX_PICTURES = 32, MIX_MASK = MIX_PICTURES, MIX_CELLS }; /* then a string and a path for each cell */

static void *mix_allocate(Scene *scene, uint32_t thing, size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory) {
        perror("bench-host");
        exit(1);
    }
    scene->pictures[thing].pixels = memory;
    return memory;
}

static QXLPHYSICAL mix_address(const Scene *scene, uint32_t thing)
{
    return (uintptr_t)scene->pictures[thing].pixels;
}

static void mask_make(Scene *scene)
{
    const uint32_t stride = MIX_WIDTH / 8, bytes = stride * MIX_HEIGHT;
    QXLImage *mask = mix_allocate(scene, MIX_MASK, sizeof(*mask) + bytes);
    uint8_t *bits = (uint8_t *)(mask + 1);
    QXL_SET_IMAGE_ID(mask, QXL_IMAGE_GROUP_DRIVER_DONT_CACHE, ++scene->image_serial);
    mask->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    mask->descriptor.width = MIX_WIDTH;
    mask->descriptor.height = MIX_HEIGHT;
    mask->bitmap = (QXLBitmap){.format = SPICE_BITMAP_FMT_1BIT_BE,
                               .flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN,
                               .x = MIX_WIDTH,
                               .y = MIX_HEIGHT,
                               .stride = stride,
                               .data = (uintptr_t)bits};
    for (uint32_t i = 0; i < bytes; i++) {
        bits[i] = i / stride % 16 < 8 ? 0x3c : 0xff;
    }
}

static void string_make(Scene *scene, uint32_t thing, int32_t x, int32_t y)
{
    const uint32_t glyph_bytes = MIX_GLYPH_WIDTH / 2 * MIX_GLYPH_HEIGHT;
    const uint32_t bytes = MIX_GLYPHS * ((uint32_t)sizeof(QXLRasterGlyph) + glyph_bytes);
    QXLString *string = mix_allocate(scene, thing, sizeof(*string) + bytes);
    uint8_t *at = (uint8_t *)(string + 1);
    string->data_size = string->chunk.data_size = bytes;
    string->length = MIX_GLYPHS;
    string->flags = SPICE_STRING_FLAGS_RASTER_A4;
    for (int32_t i = 0; i < MIX_GLYPHS; i++) {
        const QXLRasterGlyph glyph = {.render_pos = {.x = x + i * MIX_GLYPH_WIDTH, .y = y},
                                      .width = MIX_GLYPH_WIDTH,
                                      .height = MIX_GLYPH_HEIGHT};
        memcpy(at, &glyph, sizeof(glyph));
        at += sizeof(glyph);
        for (uint32_t b = 0; b < glyph_bytes; b++) {
            *at++ = (uint8_t)(scene_random(scene, 3) == 0 ? scene_random(scene, 256) : 0);
        }
    }
}

static void path_make(Scene *scene, uint32_t thing, int32_t x, int32_t y)
{
    const uint32_t bytes = (uint32_t)sizeof(QXLPathSeg) + MIX_POINTS * (uint32_t)sizeof(QXLPointFix);
    QXLPath *path = mix_allocate(scene, thing, sizeof(*path) + bytes);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)(path + 1);
    QXLPointFix *points = (QXLPointFix *)(void *)(segment + 1);
    path->data_size = path->chunk.data_size = bytes;
    segment->flags = SPICE_PATH_BEGIN | SPICE_PATH_END;
    segment->count = MIX_POINTS;
    for (uint32_t i = 0; i < MIX_POINTS; i++) {
        points[i] = (QXLPointFix){.x = (x + (int32_t)scene_random(scene, MIX_WIDTH)) * 16,
                                  .y = (y + (int32_t)scene_random(scene, MIX_HEIGHT)) * 16};
    }
}

static void mix_prepare(Scene *scene)
{
    const uint32_t columns = scene->width / MIX_CELL, cells = columns * (scene->height / MIX_CELL);
    pictures_allocate(scene, MIX_CELLS + 2 * cells);
    for (uint32_t i = 0; i < MIX_PICTURES; i++) {
        uint32_t *pixels = picture_allocate(&scene->pictures[i], MIX_WIDTH, MIX_HEIGHT);
        const uint32_t tint = scene_random(scene, 1u << 24);
        for (uint32_t j = 0; j < MIX_WIDTH * MIX_HEIGHT; j++) {
            pixels[j] = (tint + gray(j % MIX_WIDTH / 2 + j / MIX_WIDTH)) & 0xffffff;
        }
    }
    mask_make(scene);
    for (uint32_t cell = 0; cell < cells; cell++) {
        const int32_t x = (int32_t)(cell % columns * MIX_CELL), y = (int32_t)(cell / columns * MIX_CELL);
        string_make(scene, MIX_CELLS + 2 * cell, x, y);
        path_make(scene, MIX_CELLS + 2 * cell + 1, x, y);
    }
}

static QXLBrush solid_brush(Scene *scene)
{
    return (QXLBrush){.type = SPICE_BRUSH_TYPE_SOLID, .u.color = scene_random(scene, 1u << 24)};
}

static void mix_next(Scene *scene, Slot *slot)
{
    const uint32_t columns = scene->width / MIX_CELL, cells = columns * (scene->height / MIX_CELL);
    const uint32_t step = scene->step++, cell = step % cells, of_cell = MIX_CELLS + 2 * cell;
    const int32_t x = (int32_t)(cell % columns * MIX_CELL), y = (int32_t)(cell / columns * MIX_CELL);
    const QXLRect all = rect_at(0, 0, MIX_WIDTH, MIX_HEIGHT);
    const QXLPHYSICAL picture = image_put(scene, slot, &scene->pictures[step % MIX_PICTURES]);
    QXLDrawable *drawable = drawable_begin(slot, 0, rect_at(x, y, MIX_WIDTH, MIX_HEIGHT));
    drawable->effect = QXL_EFFECT_BLEND;  /* all but one let something through of what was there */
    switch ((step + step / cells) % 10) { /* of a cell another kind each time */
    case 0:
        drawable->type = QXL_DRAW_TEXT;
        drawable->bbox = rect_at(x, y, MIX_GLYPHS * MIX_GLYPH_WIDTH, MIX_GLYPH_HEIGHT);
        drawable->u.text.str = mix_address(scene, of_cell);
        drawable->u.text.fore_brush = solid_brush(scene);
        drawable->u.text.fore_mode = SPICE_ROPD_OP_PUT;
        break;
    case 1:
        drawable->type = QXL_DRAW_STROKE;
        drawable->u.stroke.path = mix_address(scene, of_cell + 1);
        drawable->u.stroke.brush = solid_brush(scene);
        drawable->u.stroke.fore_mode = SPICE_ROPD_OP_PUT;
        break;
    case 2:
        drawable->type = QXL_DRAW_ALPHA_BLEND;
        drawable->u.alpha_blend = (QXLAlphaBlend){.alpha = 128, .src_bitmap = picture, .src_area = all};
        break;
    case 3:
        drawable->type = QXL_DRAW_BLEND;
        drawable->u.blend =
            (QXLBlend){.src_bitmap = picture, .src_area = all, .rop_descriptor = SPICE_ROPD_OP_XOR};
        break;
    case 4:
        drawable->type = QXL_DRAW_TRANSPARENT;
        drawable->u.transparent = (QXLTransparent){.src_bitmap = picture, .src_area = all};
        break;
    case 5:
        drawable->type = QXL_DRAW_ROP3; /* 0xca: brush where it is set, else destination */
        drawable->u.rop3 =
            (QXLRop3){.src_bitmap = picture, .src_area = all, .brush = solid_brush(scene), .rop3 = 0xca};
        break;
    case 6:
        drawable->type = QXL_DRAW_FILL;
        drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_PATTERN;
        drawable->effect = QXL_EFFECT_OPAQUE;
        drawable->u.fill.brush.u.pattern.pat = picture;
        drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
        break;
    case 7:
        drawable->type = QXL_DRAW_FILL;
        drawable->u.fill.brush = solid_brush(scene);
        drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
        drawable->u.fill.mask.bitmap = mix_address(scene, MIX_MASK);
        break;
    case 8:
        drawable->type = QXL_DRAW_OPAQUE;
        drawable->u.opaque = (QXLOpaque){.src_bitmap = picture,
                                         .src_area = all,
                                         .brush = solid_brush(scene),
                                         .rop_descriptor = SPICE_ROPD_OP_XOR};
        break;
    default:
        drawable->type = QXL_DRAW_INVERS;
        break;
    }
}

static const Workload workloads[] = {
    /* name, cursor ring, window, ... */
    {"none", false, 0, fill_prepare, NULL},
    {"fill", false, 96, fill_prepare, fill_next},
    {"text", false, 256, text_prepare, text_next},
    {"scroll", false, 64, scroll_prepare, scroll_next},
    {"windows", false, 64, windows_prepare, windows_next},
    {"photo", false, 16, photo_prepare, tile_next},
    {"ui", false, 64, ui_prepare, tile_next},
    {"mix", false, 96, mix_prepare, mix_next},
    {"cursor", true, 64, cursor_prepare, cursor_next},
};

const Workload *workload_find(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

void scene_init(Scene *scene, const Workload *workload, uint32_t width, uint32_t height)
{
    *scene = (Scene){.width = width, .height = height, .random = 0x5EED5EED5EED5EEDull};
    workload->prepare(scene);
}
