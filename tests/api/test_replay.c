/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings of every command, whole, cut off and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <spice.h>
#include <spice/enums.h>
#include <spice/qxl_dev.h>

#define HEAD                                                                                                 \
    "type 0\neffect 1\nmm_time 7\nself_bitmap 0\nrect self_bitmap_area 0 0 0 0\nsurface_id 0\n"              \
    "surfaces_dest -1\nrect surfaces_rects 0 0 0 0\nsurfaces_dest -1\nrect surfaces_rects 0 0 0 0\n"         \
    "surfaces_dest -1\nrect surfaces_rects 0 0 0 0\n"
#define DRAW(n) "event " #n " 0 1 5\ndrawable\nrect bbox 1 2 3 4\n" HEAD
#define IMAGE                                                                                                \
    "image 1\ndescriptor.id 12884901889\ndescriptor.type 0\ndescriptor.flags 1\ndescriptor.width 2\n"        \
    "descriptor.height 1\nbitmap.format 8\nbitmap.flags 4\nbitmap.x 2\nbitmap.y 1\nbitmap.stride 8\n"        \
    "has_palette 0\ndata_chunks 1 8\nbinary 0 bitmap.data 5:abcde\nbinary 0 bitmap.data 3:fgh\n"
#define PALETTE_IMAGE                                                                                        \
    "image 1\ndescriptor.id 0\ndescriptor.type 0\ndescriptor.flags 0\ndescriptor.width 2\n"                  \
    "descriptor.height 1\nbitmap.format 2\nbitmap.flags 5\nbitmap.x 2\nbitmap.y 1\nbitmap.stride 4\n"        \
    "has_palette 1\nqp.num_ents 2\nunique 9\nents 255\nents 65280\nbinary 0 image_data_flat 4:\1\2\3\4\n"
#define QUIC_IMAGE                                                                                           \
    "image 1\ndescriptor.id 3\ndescriptor.type 1\ndescriptor.flags 0\ndescriptor.width 2\n"                  \
    "descriptor.height 1\nquic.data_size 4\ndata_chunks 0 4\nbinary 0 quic.data 4:QUIC\n"
#define SURFACE_IMAGE                                                                                        \
    "image 1\ndescriptor.id 0\ndescriptor.type 104\ndescriptor.flags 0\ndescriptor.width 0\n"                \
    "descriptor.height 0\nsurface_image.surface_id 900\n"
#define SOLID "type 1\nu.color 66\n"
#define PATTERN "type 2\n" IMAGE "point 1 1\n"
#define NO_MASK "flags 0\npoint 0 0\nimage 0\n"
#define MASK "flags 1\npoint 1 2\n" IMAGE
#define AREA "rect src_area 0 0 1 2\n"

/* One of each, in this order, after a surface that the images name. */
#define FIRST "SPICE_REPLAY 1\n"
#define EVENTS                                                                                               \
    "event 0 1 2 1\n"                                                                                        \
    "event 1 0 5 2\nsurface_cmd\nsurface_id 900\ntype 0\nflags 1\nu.surface_create.format 32\n"              \
    "u.surface_create.width 2\nu.surface_create.height 2\nu.surface_create.stride -8\n"                      \
    "binary 0 data 16:0123456789abcdef\n" DRAW(2) "type 1\n" SOLID "rop_descriptor 8\n" NO_MASK DRAW(        \
        3) "type 2\n" IMAGE AREA PATTERN "rop_descriptor 8\nscale_mode 0\n" MASK                             \
        DRAW(4) "type 3\n" SURFACE_IMAGE AREA "rop_descriptor 8\nscale_mode 1\n" NO_MASK DRAW(               \
            5) "type 4\npoint 30 -4\n" DRAW(6) "type 5\n" QUIC_IMAGE                                         \
            AREA "rop_descriptor 32\nscale_mode 0\n" NO_MASK DRAW(7) "type 6\n" NO_MASK DRAW(                \
                8) "type 9\n" PALETTE_IMAGE AREA                                                             \
                SOLID "rop3 204\nscale_mode 0\n" NO_MASK DRAW(                                               \
                    9) "type 10\ndata_chunks 0 8\nbinary 0 path 8:PATHPATH\nattr.flags 8\nattr.style_nseg "  \
                       "2\n"                                                                                 \
                       "binary 0 style 8:12345678\n" SOLID "fore_mode 8\nback_mode 4\n" DRAW(                \
                           10) "type 11\ndata_size 5\n"                                                      \
                               "length 1\nflags 1\ndata_chunks 0 5\nbinary 0 string 5:glyph\nrect "          \
                               "back_area 0 0 0 0\n" SOLID "type 0\nfore_mode 8\nback_mode 8\n" DRAW(        \
                                   11) "type 12\n" IMAGE AREA                                                \
                                       "src_color 1\ntrue_color 2\n" DRAW(                                   \
                                           12) "type 13\nalpha_flags 1\nalpha 128\n" IMAGE AREA              \
                                           DRAW(13) "type 14\nflags 3\n" IMAGE                               \
                                                    "src_transform 1\nbinary 0 transform "                   \
                                                    "24:abcdefghijklmnopqrstuvwx\nmask 1\n" IMAGE            \
                                                    "mask_transform 0\nsrc_origin 1 2\nmask_origin -3 4\n"   \
                                                    "event 14 0 1 5\ndrawable\nrect bbox 1 2 3 4\ntype "     \
                                                    "1\nnum_rects 1\ndata_chunks 0 16\n"                     \
                                                    "binary 0 clip_rects 16:clipclipclipclip\neffect "       \
                                                    "1\nmm_time 7\nself_bitmap 0\n"                          \
                                                    "rect self_bitmap_area 0 0 0 0\nsurface_id "             \
                                                    "900\nsurfaces_dest 900\nrect surfaces_rects 0 0 1 1\n"  \
                                                    "surfaces_dest -1\nrect surfaces_rects 0 0 0 "           \
                                                    "0\nsurfaces_dest -1\nrect surfaces_rects 0 0 0 0\n"     \
                                                    "type 0\n"                                               \
                                                    "event 15 0 2 9\nupdate\nrect area 0 0 8 9\nupdate_id "  \
                                                    "5\nsurface_id 0\n"                                      \
                                                    "event 16 0 4 9\nbinary 0 message 5:hello\n"             \
                                                    "event 17 0 3 9\ncursor_cmd\ntype 0\npoint16 -5 "        \
                                                    "6\nu.set.visible 1\nheader.unique 77\n"                 \
                                                    "header.type 0\nheader.width 1\nheader.height "          \
                                                    "1\nheader.hot_spot_x 0\nheader.hot_spot_y 0\n"          \
                                                    "data_size 4\ndata_chunks 0 4\nbinary 0 cursor 4:ARGB\n" \
                                                    "event 18 0 3 9\ncursor_cmd\ntype 1\npoint16 7 8\n"      \
                                                    "event 19 0 3 9\ncursor_cmd\ntype 2\n"                   \
                                                    "event 20 0 3 9\ncursor_cmd\ntype 3\nu.trail.length "    \
                                                    "4\nu.trail.frequency 5\n"                               \
                                                    "event 21 0 5 9\nsurface_cmd\nsurface_id 900\ntype "     \
                                                    "1\nflags 0\n"
#define COMMANDS 21

static const char whole[] = FIRST EVENTS;

/* Replays bytes; how many commands came out. `keep` gets them, or they are freed. */
static int play(const char *bytes, size_t len, QXLCommandExt **keep)
{
    FILE *file = tmpfile();
    QXLInstance instance = {.id = 0};
    QXLCommandExt *command;
    int count = 0;

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    rewind(file);
    SpiceReplay *replay = spice_replay_new(file, 16);
    if (replay == NULL) {
        fclose(file);
        return -1;
    }
    while ((command = spice_replay_next_cmd(replay, &instance)) != NULL) {
        assert_ptr_equal((void *)(uintptr_t)((QXLReleaseInfo *)(uintptr_t)command->cmd.data)->id, command);
        if (keep != NULL) {
            assert_true(count < COMMANDS);
            keep[count] = command;
        } else {
            spice_replay_free_cmd(replay, command);
        }
        count++;
    }
    assert_null(spice_replay_next_cmd(replay, &instance));
    spice_replay_free(replay);
    return count;
}

static const QXLDrawable *drawable_of(const QXLCommandExt *command, int type)
{
    const QXLDrawable *drawable = (const QXLDrawable *)(uintptr_t)command->cmd.data;

    assert_int_equal(command->cmd.type, QXL_CMD_DRAW);
    assert_int_equal(command->flags, 0);
    assert_int_equal(command->group_id, 0);
    assert_int_equal(drawable->type, type);
    assert_int_equal(drawable->bbox.top, 1);
    assert_int_equal(drawable->bbox.left, 2);
    assert_int_equal(drawable->bbox.bottom, 3);
    assert_int_equal(drawable->bbox.right, 4);
    return drawable;
}

static const QXLImage *image_of(QXLPHYSICAL address)
{
    return (const QXLImage *)(uintptr_t)address;
}

static void assert_image(QXLPHYSICAL address)
{
    const QXLImage *image = image_of(address);
    const QXLDataChunk *chunk = (const QXLDataChunk *)(uintptr_t)image->bitmap.data;

    assert_true(image->descriptor.id == 12884901889u);
    assert_int_equal(image->bitmap.stride, 8);
    assert_int_equal(chunk->data_size, 8);
    assert_true(chunk->next_chunk == 0 && chunk->prev_chunk == 0);
    assert_memory_equal(chunk->data, "abcdefgh", 8);
}

static void every_command_comes_back_as_it_was(void **state)
{
    QXLCommandExt *got[COMMANDS];

    (void)state;
    assert_int_equal(play(whole, strlen(whole), got), COMMANDS);
    const QXLSurfaceCmd *surface = (const QXLSurfaceCmd *)(uintptr_t)got[0]->cmd.data;
    assert_int_equal(got[0]->cmd.type, QXL_CMD_SURFACE);
    assert_int_equal(surface->surface_id, 1); /* the lowest that is not the primary's */
    assert_int_equal(surface->u.surface_create.stride, -8);
    assert_memory_equal((void *)(uintptr_t)surface->u.surface_create.data, "0123456789abcdef", 16);

    assert_int_equal(drawable_of(got[1], QXL_DRAW_FILL)->u.fill.brush.u.color, 66);
    const QXLOpaque *opaque = &drawable_of(got[2], QXL_DRAW_OPAQUE)->u.opaque;
    assert_image(opaque->src_bitmap);
    assert_image(opaque->brush.u.pattern.pat);
    assert_image(opaque->mask.bitmap);
    assert_int_equal(opaque->mask.flags, 1);
    assert_int_equal(opaque->src_area.right, 2);
    const QXLCopy *copy = &drawable_of(got[3], QXL_DRAW_COPY)->u.copy;
    assert_int_equal(image_of(copy->src_bitmap)->surface_image.surface_id, 1);
    assert_int_equal(drawable_of(got[4], QXL_COPY_BITS)->u.copy_bits.src_pos.y, -4);
    const QXLQUICData *quic = &image_of(drawable_of(got[5], QXL_DRAW_BLEND)->u.blend.src_bitmap)->quic;
    assert_int_equal(quic->data_size, 4);
    assert_memory_equal(((const QXLDataChunk *)quic->data)->data, "QUIC", 4);
    drawable_of(got[6], QXL_DRAW_BLACKNESS);
    const QXLRop3 *rop3 = &drawable_of(got[7], QXL_DRAW_ROP3)->u.rop3;
    const QXLBitmap *bitmap = &image_of(rop3->src_bitmap)->bitmap;
    assert_int_equal(((const QXLPalette *)(uintptr_t)bitmap->palette)->ents[1], 65280);
    assert_memory_equal((void *)(uintptr_t)bitmap->data, "\1\2\3\4", 4);
    const QXLStroke *stroke = &drawable_of(got[8], QXL_DRAW_STROKE)->u.stroke;
    assert_int_equal(((const QXLPath *)(uintptr_t)stroke->path)->data_size, 8);
    assert_memory_equal((void *)(uintptr_t)stroke->attr.style, "12345678", 8);
    const QXLString *string = (const QXLString *)(uintptr_t)drawable_of(got[9], QXL_DRAW_TEXT)->u.text.str;
    assert_memory_equal(string->chunk.data, "glyph", 5);
    assert_int_equal(drawable_of(got[10], QXL_DRAW_TRANSPARENT)->u.transparent.true_color, 2);
    assert_int_equal(drawable_of(got[11], QXL_DRAW_ALPHA_BLEND)->u.alpha_blend.alpha, 128);
    const QXLComposite *composite = &drawable_of(got[12], QXL_DRAW_COMPOSITE)->u.composite;
    assert_image(composite->mask);
    assert_int_equal(composite->mask_origin.x, -3);
    assert_true(composite->mask_transform == 0);
    const QXLDrawable *clipped = drawable_of(got[13], QXL_DRAW_NOP);
    assert_int_equal(clipped->surface_id, 1);
    assert_int_equal(clipped->surfaces_dest[0], 1);
    assert_int_equal(clipped->surfaces_dest[1], -1);
    assert_int_equal(((const QXLClipRects *)(uintptr_t)clipped->clip.data)->num_rects, 1);

    assert_int_equal(((const QXLUpdateCmd *)(uintptr_t)got[14]->cmd.data)->area.right, 9);
    assert_string_equal((const char *)((const QXLMessage *)(uintptr_t)got[15]->cmd.data)->data, "hello");
    const QXLCursorCmd *cursor = (const QXLCursorCmd *)(uintptr_t)got[16]->cmd.data;
    assert_int_equal(cursor->u.set.position.x, -5);
    assert_memory_equal(((const QXLCursor *)(uintptr_t)cursor->u.set.shape)->chunk.data, "ARGB", 4);
    assert_int_equal(((const QXLCursorCmd *)(uintptr_t)got[17]->cmd.data)->u.position.y, 8);
    assert_int_equal(((const QXLCursorCmd *)(uintptr_t)got[19]->cmd.data)->u.trail.frequency, 5);
    assert_int_equal(((const QXLSurfaceCmd *)(uintptr_t)got[20]->cmd.data)->surface_id, 1);
    for (int i = 0; i < COMMANDS; i++) {
        spice_replay_free_cmd(NULL, got[i]);
    }
}

static void one_that_was_cut_off_ends_there(void **state)
{
    int last = 0;

    (void)state;
    for (size_t len = 0; len < strlen(whole); len++) {
        const int count = play(whole, len, NULL);
        if (len < strlen("SPICE_REPLAY 1")) {
            assert_int_equal(count, -1);
        } else {
            assert_true(count >= last && count <= COMMANDS);
            last = count;
        }
    }
    assert_int_equal(last, COMMANDS);
}

/* Every byte changed to some other: nothing may be read that is not there. */
static void damage_ends_it_and_nothing_else(void **state)
{
    static const char others[] = {'\0', '9', '-', ' ', '\n', ':', 'x', '\xff'};
    char *damaged = strdup(whole);

    (void)state;
    for (size_t at = 0; at < strlen(whole); at++) {
        damaged[at] = others[at % sizeof others];
        (void)play(damaged, strlen(whole), NULL);
        damaged[at] = whole[at];
    }
    free(damaged);
}

/* More dashes than there are bytes of them. */
static void dashes_are_as_many_as_said(void **state)
{
    static const char head[] =
        FIRST DRAW(1) "type 10\ndata_chunks 0 8\nbinary 0 path 8:PATHPATH\nattr.flags 8\n";
    static const char *const counts[] = {"-1", "261", "3", "4294967296"};
    char text[4096];

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const int len = snprintf(
            text, sizeof text, "%sattr.style_nseg %s\nbinary 0 style 0:\n" SOLID "fore_mode 8\nback_mode 8\n",
            head, counts[i]);
        assert_int_equal(play(text, (size_t)len, NULL), 0);
    }
}

static void what_is_none_is_refused(void **state)
{
    static const char *const others[] = {"", "SPICE_REPLAY", "SPICE_REPLAY 2\n", "SPICE_RECORD 1\n", "PNG"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(play(others[i], strlen(others[i]), NULL), -1);
    }
    assert_null(spice_replay_new(NULL, 10));
    assert_null(spice_replay_next_cmd(NULL, NULL));
    spice_replay_free_cmd(NULL, NULL);
    spice_replay_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_comes_back_as_it_was),
        cmocka_unit_test(one_that_was_cut_off_ends_there),
        cmocka_unit_test(damage_ends_it_and_nothing_else),
        cmocka_unit_test(dashes_are_as_many_as_said),
        cmocka_unit_test(what_is_none_is_refused),
    };

    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
