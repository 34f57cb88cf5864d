/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings of every type, written to guest memory as a driver writes them, and read back: what comes out is what went in,
 * no byte is read twice, and nothing is left behind. */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>

#include <spice.h>

#include "display/recorder.h"
#include "fake-qxl/draw.h"

#define DRAWINGS 10000u
#define SECOND_SLOT 3u /* the same memory, under other addresses */
#define SECOND_GENERATION 9u
#define PLAYED_GROUP 0u /* all of this process */
#define PLAYED 2000u

typedef struct Trip {
    Guest *guest;
    uint64_t random;
    size_t used; /* of guest memory */
    FakeDrawing drawing;
    uint32_t flags;
    bool recorded; /* and played: in today's layout, in the player's memory */
} Trip;

static uint32_t trip_choose(void *opaque, const char *site, uint32_t n)
{
    Trip *trip = opaque;

    (void)site;
    trip->random = trip->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((trip->random >> 32) * n >> 32);
}

/* At any alignment, and in either slot. */
static void *trip_take(void *opaque, size_t bytes, uint64_t *ret_address)
{
    Trip *trip = opaque;

    trip->used += trip_choose(trip, "", 8);
    assert_true(bytes <= GUEST_BYTES - trip->used);
    const uint64_t offset = GUEST_OFFSET + trip->used;
    *ret_address = trip_choose(trip, "", 4) == 0
                       ? (uint64_t)SECOND_SLOT << 56 | (uint64_t)SECOND_GENERATION << 48 | offset
                       : guest_at(trip->used);
    void *memory = memset(guest_memory(trip->guest, trip->used), 0, bytes);
    trip->used += bytes;
    return memory;
}

/* ---- Comparing ---- */

static void same_rect(const QXLRect *is, const QXLRect *was)
{
    assert_memory_equal(is, was, sizeof *is);
}

static uint32_t color_of(const Trip *trip, uint32_t color)
{
    if ((trip->flags & QXL_COMMAND_FLAG_COMPAT_16BPP) == 0) {
        return color;
    }
    uint32_t wide = 0;
    for (int shift = 0; shift < 3; shift++) {
        const uint32_t five = color >> 5 * shift & 31;
        wide |= (five * 8 + five / 4) << 8 * shift;
    }
    return wide;
}

static void same_pixels(const QxlData *data, const FakeDrawImage *was)
{
    uint8_t *pixels = malloc(was->bytes);

    assert_non_null(pixels);
    assert_int_equal(data->bytes, was->bytes);
    qxl_data_copy(data, 0, pixels, was->bytes);
    if (was->type == SPICE_IMAGE_TYPE_QUIC && !was->noise) {
        uint32_t bytes;
        uint8_t *coded = fake_draw_quic(was, &bytes);
        assert_int_equal(bytes, was->bytes);
        assert_memory_equal(pixels, coded, bytes);
        free(coded);
        free(pixels);
        return;
    }
    for (uint32_t i = 0; i < was->bytes; i++) {
        if (pixels[i] != fake_draw_pixel_byte(was, i)) {
            fail_msg("byte %u of an image's %u is not what it was", i, was->bytes);
        }
    }
    free(pixels);
}

static void same_image(const Trip *trip, const QxlImage *is, const FakeDrawImage *was, bool mask)
{
    assert_int_equal(is != NULL, was->present);
    if (!was->present) {
        return;
    }
    assert_int_equal(is->id, was->id);
    assert_int_equal(is->type, was->type);
    assert_int_equal(is->flags, was->flags);
    assert_int_equal(is->width, was->width);
    assert_int_equal(is->height, was->height);
    switch (is->type) {
    case SPICE_IMAGE_TYPE_BITMAP: {
        const QxlBitmap *bitmap = &is->u.bitmap;
        assert_int_equal(bitmap->format, was->format);
        assert_int_equal(bitmap->stride, was->stride);
        assert_int_equal(bitmap->top_down, (was->bitmap_flags & QXL_BITMAP_TOP_DOWN) != 0);
        assert_int_equal(bitmap->unstable, (was->bitmap_flags & QXL_BITMAP_UNSTABLE) != 0);
        assert_int_equal(bitmap->palette != NULL, was->colors > 0 && !mask);
        for (uint32_t i = 0; i < was->colors; i++) {
            assert_int_equal(bitmap->palette->entries[i],
                             color_of(trip, fake_draw_color(was->palette_seed, i)));
        }
        if (bitmap->palette != NULL) {
            assert_int_equal(bitmap->palette->count, was->colors);
            assert_int_equal(bitmap->palette->unique, was->palette_unique);
            for (uint32_t i = was->colors; i < QXL_PALETTE_ENTRIES_MAX; i++) {
                assert_int_equal(bitmap->palette->entries[i], 0);
            }
        }
        same_pixels(&bitmap->data, was);
        break;
    }
    case SPICE_IMAGE_TYPE_QUIC:
        same_pixels(&is->u.quic, was);
        break;
    default:
        assert_int_equal(is->u.surface_id, was->surface_id);
        break;
    }
}

static void same_brush(const Trip *trip, const QxlBrush *is, const FakeDrawBrush *was)
{
    assert_int_equal(is->type, was->type);
    same_image(trip, is->pattern, &was->pattern, false);
    if (was->type == SPICE_BRUSH_TYPE_SOLID) {
        assert_int_equal(is->color, color_of(trip, was->color));
    } else if (was->type == SPICE_BRUSH_TYPE_PATTERN) {
        assert_memory_equal(&is->pattern_pos, &was->pos, sizeof was->pos);
    }
}

static void same_mask(const Trip *trip, const QxlMask *is)
{
    same_image(trip, is->image, &trip->drawing.mask, true);
    if (is->image != NULL) {
        assert_int_equal(is->inverse, trip->drawing.mask_inverse);
        assert_memory_equal(&is->pos, &trip->drawing.mask_pos, sizeof is->pos);
    }
}

static void same_source(const Trip *trip, const QxlImage *is, const QXLRect *area)
{
    same_image(trip, is, &trip->drawing.source, false);
    same_rect(area, &trip->drawing.source_area);
}

static void same_stroke(const Trip *trip, const QxlStroke *is)
{
    const FakeDrawing *was = &trip->drawing;
    uint32_t point = 0;

    assert_int_equal(is->path.count, was->segment_count);
    assert_int_equal(is->path.points, was->point_count);
    for (uint32_t i = 0; i < was->segment_count; i++) {
        assert_int_equal(is->path.segments[i].flags, was->segments[i].flags);
        assert_int_equal(is->path.segments[i].count, was->segments[i].count);
        assert_memory_equal(is->path.segments[i].points, &was->points[point],
                            was->segments[i].count * sizeof(QXLPointFix));
        point += was->segments[i].count;
    }
    assert_int_equal(is->line.flags, was->line_flags);
    assert_int_equal(is->line.dash_count, was->dash_count);
    for (uint32_t i = 0; i < was->dash_count; i++) {
        assert_int_equal(is->line.dash[i], was->dashes[i]);
    }
    same_brush(trip, &is->brush, &was->brush);
    assert_int_equal(is->fore_mode, was->rop);
    assert_int_equal(is->back_mode, was->back_rop);
}

static void same_text(const Trip *trip, const QxlText *is)
{
    const FakeDrawing *was = &trip->drawing;

    assert_int_equal(is->string.flags, was->string_flags);
    assert_int_equal(is->string.count, was->glyph_count);
    for (uint32_t i = 0; i < was->glyph_count; i++) {
        const QxlGlyph *glyph = &is->string.glyphs[i];
        assert_memory_equal(&glyph->render_pos, &was->glyphs[i].pos, sizeof glyph->render_pos);
        assert_memory_equal(&glyph->glyph_origin, &was->glyphs[i].origin, sizeof glyph->glyph_origin);
        assert_int_equal(glyph->width, was->glyphs[i].width);
        assert_int_equal(glyph->height, was->glyphs[i].height);
        assert_int_equal(glyph->row_bytes * glyph->height, was->glyphs[i].bytes);
        for (uint32_t k = 0; k < was->glyphs[i].bytes; k++) {
            assert_int_equal(glyph->rows[k], fake_draw_byte(was->glyphs[i].seed, k));
        }
    }
    same_rect(&is->back_area, &was->back_area);
    same_brush(trip, &is->fore, &was->brush);
    same_brush(trip, &is->back, &was->back_brush);
    assert_int_equal(is->fore_mode, was->rop);
    assert_int_equal(is->back_mode, was->back_rop);
}

static void same_transform(const QxlTransform *is, bool there, const QXLTransform *was)
{
    assert_int_equal(is != NULL, there);
    if (there) {
        assert_memory_equal(is->t, was, sizeof *was);
    }
}

static void same_composite(const Trip *trip, const QxlComposite *is)
{
    const FakeDrawing *was = &trip->drawing;
    const uint32_t has = (was->mask.present ? SPICE_COMPOSITE_HAS_MASK : 0u) |
                         (was->has_src_transform ? SPICE_COMPOSITE_HAS_SRC_TRANSFORM : 0u) |
                         (was->has_mask_transform ? SPICE_COMPOSITE_HAS_MASK_TRANSFORM : 0u);

    assert_int_equal(is->flags, was->composite_flags | has);
    assert_int_equal(is->op, was->composite_flags & 0xff);
    assert_int_equal(is->op | (uint32_t)is->src_filter << 8 | (uint32_t)is->mask_filter << 11 |
                         (uint32_t)is->src_repeat << 14 | (uint32_t)is->mask_repeat << 16,
                     was->composite_flags & 0x3ffff);
    same_image(trip, is->src, &was->source, false);
    same_image(trip, is->mask, &was->mask, false);
    same_transform(is->src_transform, was->has_src_transform, &was->src_transform);
    same_transform(is->mask_transform, was->has_mask_transform, &was->mask_transform);
    assert_memory_equal(&is->src_origin, &was->src_origin, sizeof was->src_origin);
    assert_memory_equal(&is->mask_origin, &was->mask_origin, sizeof was->mask_origin);
}

static void same_type(const Trip *trip, const QxlDrawable *is)
{
    const FakeDrawing *was = &trip->drawing;

    switch (was->type) {
    case QXL_DRAW_NOP:
        break;
    case QXL_DRAW_FILL:
        same_brush(trip, &is->u.fill.brush, &was->brush);
        same_mask(trip, &is->u.fill.mask);
        assert_int_equal(is->u.fill.rop, was->rop);
        break;
    case QXL_DRAW_OPAQUE:
        same_source(trip, is->u.opaque.src, &is->u.opaque.src_area);
        same_brush(trip, &is->u.opaque.brush, &was->brush);
        same_mask(trip, &is->u.opaque.mask);
        assert_int_equal(is->u.opaque.rop, was->rop);
        assert_int_equal(is->u.opaque.scale_mode, was->scale_mode);
        break;
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        same_source(trip, is->u.copy.src, &is->u.copy.src_area);
        same_mask(trip, &is->u.copy.mask);
        assert_int_equal(is->u.copy.rop, was->rop);
        assert_int_equal(is->u.copy.scale_mode, was->scale_mode);
        break;
    case QXL_COPY_BITS:
        assert_memory_equal(&is->u.copy_bits, &was->copy_from, sizeof was->copy_from);
        break;
    case QXL_DRAW_BLACKNESS:
    case QXL_DRAW_WHITENESS:
    case QXL_DRAW_INVERS:
        same_mask(trip, &is->u.mask);
        break;
    case QXL_DRAW_ROP3:
        same_source(trip, is->u.rop3.src, &is->u.rop3.src_area);
        same_brush(trip, &is->u.rop3.brush, &was->brush);
        same_mask(trip, &is->u.rop3.mask);
        assert_int_equal(is->u.rop3.rop3, was->rop3);
        assert_int_equal(is->u.rop3.scale_mode, was->scale_mode);
        break;
    case QXL_DRAW_STROKE:
        same_stroke(trip, &is->u.stroke);
        break;
    case QXL_DRAW_TEXT:
        same_text(trip, &is->u.text);
        break;
    case QXL_DRAW_TRANSPARENT:
        same_source(trip, is->u.transparent.src, &is->u.transparent.src_area);
        assert_int_equal(is->u.transparent.src_color, was->src_color);
        assert_int_equal(is->u.transparent.true_color, was->true_color);
        break;
    case QXL_DRAW_ALPHA_BLEND:
        same_source(trip, is->u.alpha_blend.src, &is->u.alpha_blend.src_area);
        assert_int_equal(is->u.alpha_blend.alpha, was->alpha);
        assert_int_equal(is->u.alpha_blend.flags, was->alpha_flags);
        break;
    default:
        same_composite(trip, &is->u.composite);
        break;
    }
}

static void same_drawable(const Trip *trip, const QxlDrawable *is)
{
    const FakeDrawing *was = &trip->drawing;

    assert_int_equal(is->group, trip->recorded ? PLAYED_GROUP : GUEST_GROUP);
    assert_int_equal(is->surface_id, was->surface_id);
    assert_int_equal(is->type, was->type);
    assert_int_equal(is->effect, was->effect);
    assert_int_equal(is->compat, was->compat && !trip->recorded);
    assert_int_equal(is->self_bitmap, was->self_bitmap);
    same_rect(&is->self_bitmap_area, &was->self_bitmap_area);
    same_rect(&is->box, &was->box);
    assert_int_equal(is->mm_time, was->mm_time);
    assert_int_equal(is->clip.rects_given, was->clipped);
    assert_int_equal(is->clip.count, was->rect_count);
    for (uint32_t i = 0; i < was->rect_count; i++) {
        same_rect(&is->clip.rects[i], &was->rects[i]);
    }
    same_type(trip, is);
}

/* ---- Tests ---- */

static const FakeDrawSurface surfaces[] = {
    {0, 200, 150, SPICE_SURFACE_FMT_32_xRGB}, {1, 90, 60, SPICE_SURFACE_FMT_32_ARGB},
    {2, 64, 64, SPICE_SURFACE_FMT_1_A},       {5, 120, 33, SPICE_SURFACE_FMT_16_555},
    {7, 1, 1, SPICE_SURFACE_FMT_16_565},
};

#define SURFACES (sizeof surfaces / sizeof surfaces[0])

static void surfaces_make(Guest *guest)
{
    for (size_t i = 0; i < SURFACES; i++) {
        guest->surfaces[surfaces[i].id] =
            (QxlGeometry){surfaces[i].width, surfaces[i].height, surfaces[i].format, 4096};
    }
}

static void second_slot(Guest *guest)
{
    const Memslot slot = {.group = GUEST_GROUP,
                          .id = SECOND_SLOT,
                          .generation = SECOND_GENERATION,
                          .virt_start = guest->start,
                          .virt_end = guest->start + GUEST_BYTES,
                          .addr_delta = guest->start - GUEST_OFFSET};

    assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
}

/* A drawing, written; returns its address. */
static uint64_t trip_write(Trip *trip, uint8_t type)
{
    const FakeDrawWorld world = {surfaces, SURFACES, 40, true};
    const FakeQxlChoice choice = {trip_choose, trip};
    const FakeDrawMemory memory = {trip_take, trip};

    fake_drawing_random(&trip->drawing, type, &world, trip_choose(trip, "", SURFACES), &choice);
    trip->used = 0;
    trip->flags = trip->drawing.compat ? QXL_COMMAND_FLAG_COMPAT : 0;
    trip->flags |= trip_choose(trip, "", 4) == 0 ? QXL_COMMAND_FLAG_COMPAT_16BPP : 0;
    return fake_drawing_write(&trip->drawing, &memory);
}

static uint64_t bytes_shown(const FakeDrawing *drawing)
{
    const FakeDrawImage *images[] = {&drawing->source, &drawing->mask, &drawing->brush.pattern,
                                     &drawing->back_brush.pattern};
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        bytes += images[i]->bytes; /* 0 of a surface, and if there is none */
    }
    return bytes;
}

static void all_in_one_piece(const QxlDrawable *drawable)
{
    const QxlImage *images[QXL_DRAWABLE_IMAGES_MAX];
    const size_t count = qxl_drawable_images(drawable, images);

    for (size_t i = 0; i < count; i++) {
        if (images[i]->type == SPICE_IMAGE_TYPE_BITMAP) {
            assert_int_equal(images[i]->u.bitmap.data.count, 1);
        }
    }
}

static void roundtrip(void **state)
{
    Guest *guest = *state;
    Trip trip = {.guest = guest, .random = 1};
    uint32_t unpinned = 0;

    surfaces_make(guest);
    second_slot(guest);
    for (uint32_t i = 0; i < DRAWINGS; i++) {
        const uint64_t address = trip_write(&trip, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1)));
        QxlCommand command;

        if (guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, address, trip.flags, &command) != STATUS_OK) {
            fail_msg("drawing %u of type %u: %s (%#llx)", i, trip.drawing.type, guest->fault.why,
                     (unsigned long long)guest->fault.value);
        }
        QxlDrawable *drawable = command.u.drawable;
        assert_int_equal(drawable->pinned_bytes, bytes_shown(&trip.drawing));
        assert_int_equal(drawable->slots == 0, drawable->pinned_bytes == 0);
        assert_int_equal(drawable->slots & ~((1u << GUEST_SLOT) | (1u << SECOND_SLOT)), 0);
        if (i % 2 == 0) { /* then pixels come from there */
            assert_int_equal(qxl_drawable_unpin(drawable), STATUS_OK);
            assert_int_equal(drawable->pinned_bytes, 0);
            assert_int_equal(drawable->slots, 0);
            memset(guest_memory(guest, 0), 0x5a, trip.used);
            unpinned += drawable->pixels != NULL;
            all_in_one_piece(drawable);
        }
        same_drawable(&trip, drawable);
        qxl_drawable_free(drawable);
    }
    assert_true(unpinned > DRAWINGS / 10);
}

/* Bits that are nobody's are not the same for all who draw, so nothing is drawn where they would be seen; but other surfaces
 * are drawn with. */
static void spare_bits_stay_unseen(void **state)
{
    static const FakeDrawSurface wide[] = {
        {1, 99, 99, SPICE_SURFACE_FMT_16_555},
        {2, 99, 99, SPICE_SURFACE_FMT_16_565},
        {3, 99, 99, SPICE_SURFACE_FMT_32_xRGB},
        {4, 99, 99, SPICE_SURFACE_FMT_32_ARGB},
    };
    const FakeDrawWorld world = {.surfaces = wide, .surface_count = 4, .edge_max = 40};
    Trip trip = {.random = 5};
    const FakeQxlChoice choice = {trip_choose, &trip};
    uint32_t taken[5][5] = {0}; /* on, from */

    (void)state;
    for (uint32_t i = 0; i < DRAWINGS; i++) {
        FakeDrawing drawing;
        fake_drawing_random(&drawing, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1)), &world, i / 16 % 4, &choice);
        const FakeDrawImage *images[] = {&drawing.source, &drawing.brush.pattern,
                                         &drawing.back_brush.pattern};
        for (size_t k = 0; k < sizeof images / sizeof images[0]; k++) {
            if (images[k]->present && images[k]->type == SPICE_IMAGE_TYPE_SURFACE) {
                taken[drawing.surface_id][images[k]->surface_id]++;
            }
        }
    }
    for (uint32_t on = 1; on <= 4; on++) {
        for (uint32_t from = 1; from <= 4; from++) {
            const bool seen = (on == 2 && from == 1) || (on == 4 && from == 3);
            assert_int_equal(taken[on][from] > 0, on != from && !seen);
        }
    }
}

/* Field by field: there is padding. */
static void same_picture(const FakeDrawImage *is, const FakeDrawImage *was)
{
    assert_int_equal(is->type, was->type);
    assert_int_equal(is->format, was->format);
    assert_int_equal(is->flags, was->flags);
    assert_int_equal(is->bitmap_flags, was->bitmap_flags);
    assert_int_equal(is->width, was->width);
    assert_int_equal(is->height, was->height);
    assert_int_equal(is->stride, was->stride);
    assert_int_equal(is->bytes, was->bytes);
    assert_int_equal(is->colors, was->colors);
    assert_int_equal(is->palette_unique, was->palette_unique);
    assert_int_equal(is->palette_seed, was->palette_seed);
    assert_int_equal(is->seed, was->seed);
    assert_int_equal(is->photo, was->photo);
}

#define SHOWN 2000u

/* The same id is the same picture, and the same palette's the same colours; both come again. */
static void same_again(void **state)
{
    static const FakeDrawSurface both[] = {{1, 99, 99, SPICE_SURFACE_FMT_32_xRGB},
                                           {2, 99, 99, SPICE_SURFACE_FMT_32_ARGB}};
    const FakeDrawWorld world = {.surfaces = both, .surface_count = 2, .edge_max = 40};
    static FakeDrawImage seen[SHOWN];
    Trip trip = {.random = 7};
    const FakeQxlChoice choice = {trip_choose, &trip};
    uint32_t count = 0, images = 0, palettes = 0, coded = 0;

    (void)state;
    for (uint32_t i = 0; i < SHOWN; i++) {
        FakeDrawing drawing;
        fake_drawing_random(&drawing, QXL_DRAW_COPY, &world, i % 2, &choice);
        const FakeDrawImage *image = &drawing.source;
        for (uint32_t k = 0; k < count; k++) {
            const bool kept = (image->flags & QXL_IMAGE_CACHE) && (seen[k].flags & QXL_IMAGE_CACHE);
            if (kept && seen[k].id == image->id) {
                same_picture(image, &seen[k]);
                images++;
            } else if (image->palette_unique != 0 && seen[k].palette_unique == image->palette_unique) {
                assert_int_equal(image->colors, seen[k].colors);
                assert_int_equal(image->palette_seed, seen[k].palette_seed);
                palettes++;
            }
        }
        coded += image->type == SPICE_IMAGE_TYPE_QUIC;
        seen[count++] = *image;
    }
    assert_true(images > SHOWN / 10 && palettes > SHOWN / 10 && coded > SHOWN / 50);
}

/* ---- By way of a recording ---- */

typedef struct Tape {
    Core core; /* first */
    FILE *file;
} Tape;

static const char *tape_env(const Core *core, const char *name)
{
    (void)core;
    return strcmp(name, "SPICE_WORKER_RECORD_FILENAME") == 0 ? "tape" : NULL;
}

static int tape_create(const Core *core, const char *path, const char *filter, CoreFile **ret_file)
{
    Tape *tape = (Tape *)core;

    assert_string_equal(path, "tape");
    assert_null(filter);
    tape->file = tmpfile();
    assert_non_null(tape->file);
    *ret_file = (CoreFile *)tape->file;
    return 0;
}

static int tape_write(const Core *core, CoreFile *file, const struct iovec *iov, int iov_len)
{
    (void)core;
    for (int i = 0; i < iov_len; i++) {
        assert_int_equal(fwrite(iov[i].iov_base, 1, iov[i].iov_len, (FILE *)file), iov[i].iov_len);
    }
    return 0;
}

static void tape_close(const Core *core, CoreFile *file)
{
    (void)core;
    rewind((FILE *)file);
}

/* So that what is played has the same numbers: they are given out anew, lowest first. */
static void record_surfaces(const Guest *guest, Recorder *recorder)
{
    for (uint32_t id = 1; id < GUEST_SURFACES; id++) {
        const QxlGeometry any = {1, 1, SPICE_SURFACE_FMT_32_xRGB, 4};
        recorder_surface_create(recorder, id, guest->surfaces[id].width != 0 ? &guest->surfaces[id] : &any,
                                NULL, id);
    }
    for (uint32_t id = 1; id < GUEST_SURFACES; id++) {
        if (guest->surfaces[id].width == 0) {
            recorder_surface_destroy(recorder, id, id);
        }
    }
}

static void play_drawing(Trip *trip, const QXLCommandExt *played)
{
    Guest *guest = trip->guest;
    QxlCommand command;

    assert_int_equal(played->cmd.type, QXL_CMD_DRAW);
    if (qxl_command_read(guest->slots, &guest->host, QXL_RING_COMMANDS, played, &command, &guest->fault) !=
        STATUS_OK) {
        fail_msg("a recorded drawing of type %u: %s (%#llx)", trip->drawing.type, guest->fault.why,
                 (unsigned long long)guest->fault.value);
    }
    same_drawable(trip, command.u.drawable);
    qxl_drawable_free(command.u.drawable);
}

/* Recorded and played, a drawing is what it was, pixels included. */
static void recorded(void **state)
{
    Guest *guest = *state;
    Tape tape = {
        .core = {
            .env = tape_env, .file_create = tape_create, .file_write = tape_write, .file_close = tape_close}};
    const Memslot process = {.group = PLAYED_GROUP, .virt_end = UINT64_C(1) << 47};
    Trip trip = {.guest = guest, .random = 3};
    Trip *trips = calloc(PLAYED, sizeof *trips);
    QXLInstance instance = {.id = 0};
    QXLCommandExt *played;

    assert_non_null(trips);
    surfaces_make(guest);
    second_slot(guest);
    Recorder *recorder = recorder_new(&tape.core, 0);
    assert_non_null(recorder);
    record_surfaces(guest, recorder);
    for (uint32_t i = 0; i < PLAYED; i++) {
        const uint64_t address = trip_write(&trip, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1)));
        QxlCommand command;
        assert_int_equal(guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, address, trip.flags, &command),
                         STATUS_OK);
        recorder_draw(recorder, command.u.drawable, i);
        qxl_drawable_free(command.u.drawable);
        trips[i] = trip;
        trips[i].recorded = true;
    }
    recorder_free(recorder);

    assert_int_equal(memslots_add(guest->slots, &process), STATUS_OK);
    SpiceReplay *replay = spice_replay_new(tape.file, GUEST_SURFACES);
    assert_non_null(replay);
    for (uint32_t i = 0; i < PLAYED;) {
        played = spice_replay_next_cmd(replay, &instance);
        assert_non_null(played);
        if (played->cmd.type != QXL_CMD_SURFACE) {
            play_drawing(&trips[i++], played);
        }
        spice_replay_free_cmd(replay, played);
    }
    assert_null(spice_replay_next_cmd(replay, &instance));
    spice_replay_free(replay);
    free(trips);
}

/* ---- Without memory ---- */

/* Whatever allocation fails, nothing is left behind, and the command can be given back. */
static void no_memory(void **state)
{
    Guest *guest = *state;
    Trip trip = {.guest = guest, .random = 2};
    uint32_t refused = 0;

    surfaces_make(guest);
    second_slot(guest);
    for (uint32_t i = 0; i < 600; i++) {
        const uint64_t seed = trip.random;
        Status status = STATUS_LIMIT;
        for (size_t allocs = 0; status == STATUS_LIMIT; allocs++) {
            QxlCommand command;
            trip.random = seed;
            const uint64_t address = trip_write(&trip, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1)));
            guest->allocs_left = allocs;
            status = guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, address, trip.flags, &command);
            assert_non_null(command.release.info);
            if (status == STATUS_OK) {
                const uint64_t pinned = command.u.drawable->pinned_bytes;
                assert_int_equal(qxl_drawable_unpin(command.u.drawable),
                                 pinned > 0 ? STATUS_LIMIT : STATUS_OK);
                assert_int_equal(command.u.drawable->pinned_bytes, pinned);
                same_drawable(&trip, command.u.drawable);
                qxl_drawable_free(command.u.drawable);
            } else {
                assert_int_equal(status, STATUS_LIMIT);
                assert_int_equal(guest->blocks, 0);
                refused++;
            }
            assert_true(allocs < 20);
        }
    }
    assert_true(refused >= 600);
}

/* Everything that a drawing lies in may end a byte early: at the end of a slot, that is one byte too many. */
static void cut_off(void **state)
{
    Guest *guest = *state;
    Trip trip = {.guest = guest, .random = 3};
    QxlCommand command;

    surfaces_make(guest);
    second_slot(guest);
    for (uint32_t i = 0; i < 1500; i++) {
        const uint64_t seed = trip.random;
        const uint64_t address = trip_write(&trip, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1)));
        Memslot slot = {.group = GUEST_GROUP,
                        .virt_start = guest->start,
                        .virt_end = guest->start + trip.used,
                        .addr_delta = guest->start - GUEST_OFFSET};
        for (int early = 0; early < 2; early++) {
            trip.random = seed;
            assert_int_equal(trip_write(&trip, (uint8_t)(i % (QXL_DRAW_COMPOSITE + 1))), address);
            slot.id = GUEST_SLOT;
            slot.generation = GUEST_GENERATION;
            assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
            slot.id = SECOND_SLOT;
            slot.generation = SECOND_GENERATION;
            assert_int_equal(memslots_add(guest->slots, &slot), STATUS_OK);
            const Status status =
                guest_read(guest, QXL_RING_COMMANDS, QXL_CMD_DRAW, address, trip.flags, &command);
            if (early == 0) {
                assert_int_equal(status, STATUS_OK);
                qxl_drawable_free(command.u.drawable);
            } else {
                assert_int_equal(status, STATUS_DEVICE_FAULT);
            }
            slot.virt_end--;
        }
    }
}

int run_roundtrip(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roundtrip, guest_setup, guest_teardown),
        cmocka_unit_test(spare_bits_stay_unseen),
        cmocka_unit_test(same_again),
        cmocka_unit_test_setup_teardown(recorded, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(no_memory, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(cut_off, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("roundtrip", tests, NULL, NULL);
}
