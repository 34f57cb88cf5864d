/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a browser shows, and what it does not. */
#include "display/encode/browser.h"

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "tests/encode/encode_tests.h"

/* A drawing that a browser shows, changed in one way. */
typedef struct BrowserCase {
    const char *name;
    void (*change)(QxlDrawable *drawable);
    bool shows;
} BrowserCase;

static QxlImage mask = {.type = SPICE_IMAGE_TYPE_BITMAP};
static QxlImage image; /* what is copied */

static void change_nothing(QxlDrawable *drawable)
{
    (void)drawable;
}

static void change_clip(QxlDrawable *drawable)
{
    drawable->clip.rects_given = true;
}

static void change_to_alpha(QxlDrawable *drawable)
{
    drawable->surface_format = SPICE_SURFACE_FMT_32_ARGB;
}

static void change_to_555(QxlDrawable *drawable)
{
    drawable->surface_format = SPICE_SURFACE_FMT_16_555;
}

static void change_to_a8(QxlDrawable *drawable)
{
    drawable->surface_format = SPICE_SURFACE_FMT_8_A;
}

static void change_rop(QxlDrawable *drawable)
{
    drawable->u.copy.rop = SPICE_ROPD_OP_XOR;
}

static void change_mask(QxlDrawable *drawable)
{
    drawable->u.copy.mask.image = &mask;
}

static void change_scale(QxlDrawable *drawable)
{
    drawable->box.right++;
}

static void change_part(QxlDrawable *drawable)
{
    drawable->box.right--;
    drawable->u.copy.src_area.right--;
}

static void change_depth(QxlDrawable *drawable)
{
    (void)drawable;
    image.u.bitmap.format = SPICE_BITMAP_FMT_24BIT;
}

static void change_to_quic(QxlDrawable *drawable)
{
    (void)drawable;
    image.type = SPICE_IMAGE_TYPE_QUIC;
}

static void change_to_surface(QxlDrawable *drawable)
{
    (void)drawable;
    image.type = SPICE_IMAGE_TYPE_SURFACE;
}

static void change_to_part_of_surface(QxlDrawable *drawable)
{
    change_to_surface(drawable);
    change_part(drawable);
}

static void change_to_self(QxlDrawable *drawable)
{
    drawable->u.copy.src = NULL;
}

static void fill_make(QxlDrawable *drawable)
{
    const QxlFill fill = {.brush = {.type = SPICE_BRUSH_TYPE_SOLID}, .rop = SPICE_ROPD_OP_PUT};
    drawable->type = QXL_DRAW_FILL;
    drawable->u.fill = fill;
}

static void fill_pattern(QxlDrawable *drawable)
{
    fill_make(drawable);
    drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_PATTERN;
}

static void fill_rop(QxlDrawable *drawable)
{
    fill_make(drawable);
    drawable->u.fill.rop = SPICE_ROPD_OP_XOR;
}

static void fill_mask(QxlDrawable *drawable)
{
    fill_make(drawable);
    drawable->u.fill.mask.image = &mask;
}

static void fill_555(QxlDrawable *drawable)
{
    fill_make(drawable);
    change_to_555(drawable);
}

static void copy_bits_make(QxlDrawable *drawable)
{
    drawable->type = QXL_COPY_BITS;
}

static void copy_bits_555(QxlDrawable *drawable)
{
    copy_bits_make(drawable);
    change_to_555(drawable);
}

static void copy_bits_clip(QxlDrawable *drawable)
{
    copy_bits_make(drawable);
    change_clip(drawable);
}

static void test_what_browsers_show(void **state)
{
    static const BrowserCase cases[] = {
        {"a copy", change_nothing, true},
        {"onto alpha", change_to_alpha, false},
        {"of a surface", change_to_surface, true},
        {"of a part of a surface", change_to_part_of_surface, true},
        {"a fill", fill_make, true},
        {"a move", copy_bits_make, true},
        {"a move of 16 bits", copy_bits_555, true},
        {"clipped", change_clip, false},
        {"onto 16 bits", change_to_555, false},
        {"onto alpha alone", change_to_a8, false},
        {"another raster operation", change_rop, false},
        {"masked", change_mask, false},
        {"scaled", change_scale, false},
        {"a part of a picture", change_part, false},
        {"of 24 bits", change_depth, false},
        {"the guest's QUIC", change_to_quic, false},
        {"of nothing", change_to_self, false},
        {"a fill with a pattern", fill_pattern, false},
        {"a fill with another raster operation", fill_rop, false},
        {"a masked fill", fill_mask, false},
        {"a fill of 16 bits", fill_555, false},
        {"a clipped move", copy_bits_clip, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image = (QxlImage){.type = SPICE_IMAGE_TYPE_BITMAP, .width = 60, .height = 40};
        image.u.bitmap.format = SPICE_BITMAP_FMT_32BIT;
        QxlDrawable drawable = {.type = QXL_DRAW_COPY,
                                .surface_format = SPICE_SURFACE_FMT_32_xRGB,
                                .box = {.left = 5, .top = 6, .right = 65, .bottom = 46}};
        drawable.u.copy =
            (QxlCopy){.src = &image, .src_area = {.right = 60, .bottom = 40}, .rop = SPICE_ROPD_OP_PUT};
        cases[i].change(&drawable);
        if (browser_shows(&drawable) != cases[i].shows) {
            fail_msg("%s", cases[i].name);
        }
    }
    for (int type = 0; type <= QXL_DRAW_COMPOSITE; type++) {
        QxlDrawable drawable = {.type = (uint8_t)type, .surface_format = SPICE_SURFACE_FMT_32_xRGB};
        if (type != QXL_DRAW_FILL && type != QXL_DRAW_COPY && type != QXL_COPY_BITS) {
            assert_false(browser_shows(&drawable));
        }
    }
}

static void test_surfaces_of_browsers(void **state)
{
    static const struct {
        uint32_t format, told; /* 0: it does not know such surfaces */
    } cases[] = {
        {SPICE_SURFACE_FMT_1_A, 0},
        {SPICE_SURFACE_FMT_8_A, 0},
        {SPICE_SURFACE_FMT_16_555, SPICE_SURFACE_FMT_32_xRGB},
        {SPICE_SURFACE_FMT_16_565, SPICE_SURFACE_FMT_32_xRGB},
        {SPICE_SURFACE_FMT_32_xRGB, SPICE_SURFACE_FMT_32_xRGB},
        {SPICE_SURFACE_FMT_32_ARGB, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t told = 0;
        assert_int_equal(browser_surface_format(cases[i].format, &told), cases[i].told != 0);
        assert_int_equal(told, cases[i].told);
    }
}

int run_browser(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_browsers_show),
        cmocka_unit_test(test_surfaces_of_browsers),
    };
    return cmocka_run_group_tests_name("browser", tests, NULL, NULL);
}
