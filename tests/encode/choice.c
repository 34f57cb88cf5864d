/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which codec a picture goes through, what is taken for a photograph, and a GLZ window that refused messages leave alone. */
#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "base/span.h"
#include "core/posix/posix.h"
#include "display/encode/image_coder.h"
#include "display/encode/photo.h"
#include "tests/canvas/choices.h"
#include "tests/encode/encode_tests.h"
#include "wire/wire.h"

#define SIDE 64u

typedef struct Rig {
    Pad pad;
    BlockPool *pool;
    ImageCoder coder;
    uint8_t pixels[SIDE * SIDE * 4];
    Choices choices;
} Rig;

static int rig_setup(void **state)
{
    Rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    pad_init(&rig->pad, core_posix());
    rig->pool = block_pool_new(core_posix());
    rig->choices = choices_of_seed(1);
    image_coder_init(&rig->coder, core_posix(), rig->pool, &rig->pad);
    image_coder_take_window(&rig->coder, 4 * SIDE * SIDE, 0);
    *state = rig;
    return 0;
}

static int rig_teardown(void **state)
{
    Rig *rig = *state;
    image_coder_finish(&rig->coder);
    block_pool_free(rig->pool);
    pad_finish(&rig->pad);
    free(rig);
    return 0;
}

static void paint_slope(Rig *rig, uint32_t noise)
{
    for (uint32_t i = 0; i < sizeof rig->pixels; i++) {
        const uint32_t x = i / 4 % SIDE, y = i / 4 / SIDE;
        rig->pixels[i] = (uint8_t)(i % 4 == 3 ? 0 : 10 + x + 2 * y + choose(&rig->choices, noise + 1));
    }
}

/* Strokes of one colour on another. */
static void paint_text(Rig *rig)
{
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        const uint32_t x = i % SIDE, y = i / SIDE;
        const uint32_t pixel = y % 12 < 8 && (x % 7 == 2 || y % 12 == 4) ? 0x102030 : 0xf0f0f0;
        memcpy(rig->pixels + 4 * i, &pixel, 4);
    }
}

static void paint_555(Rig *rig)
{
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        const uint32_t at = (i % SIDE + i / SIDE) % 62, level = at < 31 ? at : 61 - at;
        const uint16_t pixel = (uint16_t)(level << 10 | level << 5 | (31 - level));
        memcpy(rig->pixels + 2 * i, &pixel, 2);
    }
}

static bool is_photo(const Rig *rig, PixelFormat format, uint32_t cut)
{
    const uint32_t stride = SIDE * pixel_bits(format) / 8, bytes = stride * SIDE;
    QxlSpan spans[] = {{(uintptr_t)rig->pixels, 0, cut > 0 ? cut : bytes},
                       {(uintptr_t)rig->pixels + cut, cut, bytes - cut}};
    const QxlData data = {spans, cut > 0 ? 2 : 1, bytes};
    return pixels_are_photo(format, SIDE, SIDE, stride, &data);
}

/* Wherever the pieces of its data begin. */
static void test_photos(void **state)
{
    Rig *rig = *state;
    paint_slope(rig, 3);
    for (uint32_t cut = 0; cut < 3000; cut += 11) {
        assert_true(is_photo(rig, PIXEL_32BIT, cut));
    }
    assert_true(is_photo(rig, PIXEL_RGBA, 0));
    assert_false(is_photo(rig, PIXEL_8BIT, 0));
    assert_false(is_photo(rig, PIXEL_8BIT_A, 0));
    paint_555(rig);
    assert_true(is_photo(rig, PIXEL_16BIT, 0));
    paint_text(rig);
    assert_false(is_photo(rig, PIXEL_32BIT, 0));
    memset(rig->pixels, 0x55, sizeof rig->pixels);
    assert_false(is_photo(rig, PIXEL_32BIT, 0));
    for (uint32_t i = 0; i < sizeof rig->pixels; i++) {
        rig->pixels[i] = (uint8_t)choose32(&rig->choices);
    }
    assert_false(is_photo(rig, PIXEL_32BIT, 0));
}

static void test_photos_of_any_size(void **state)
{
    Rig *rig = *state;
    QxlSpan span = {(uintptr_t)rig->pixels, 0, sizeof rig->pixels};
    paint_slope(rig, 3);
    for (uint32_t width = 1; width < 40; width++) {
        for (uint32_t height = 1; height < 6; height++) {
            span.bytes = width * height * 4;
            const QxlData data = {&span, 1, span.bytes};
            (void)pixels_are_photo(PIXEL_32BIT, width, height, width * 4, &data); /* it stays inside */
        }
    }
}

/* However few of its places are looked at. */
static void test_photos_of_any_shape(void **state)
{
    static const struct {
        uint32_t width, height;
    } shapes[] = {{800, 16}, {16, 800}, {5, 300}, {400, 3}, {64, 40}, {256, 256}, {1920, 1080}};
    Rig *rig = *state;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const uint32_t width = shapes[i].width, height = shapes[i].height;
        uint8_t *pixels = malloc((size_t)width * height * 4);
        QxlSpan span = {(uintptr_t)pixels, 0, width * height * 4};
        const QxlData data = {&span, 1, span.bytes};

        assert_non_null(pixels);
        for (uint32_t at = 0; at < width * height; at++) { /* soft shades with grain */
            const uint32_t shade = (at % width + 2 * (at / width)) / 4 % 200;
            le32_put(pixels + 4 * (size_t)at, (shade + choose(&rig->choices, 8)) * 0x10101);
        }
        assert_true(pixels_are_photo(PIXEL_32BIT, width, height, width * 4, &data));
        for (uint32_t at = 0; at < width * height; at++) { /* strokes on paper */
            const uint32_t x = at % width, y = at / width;
            le32_put(pixels + 4 * (size_t)at,
                     y % 16 > 2 && y % 16 < 12 && x % 8 == y / 16 % 5 ? 0x102030 : 0xffffff);
        }
        assert_false(pixels_are_photo(PIXEL_32BIT, width, height, width * 4, &data));
        for (uint32_t at = 0; at < width * height; at++) { /* a ramp of a button: flat lines */
            le32_put(pixels + 4 * (size_t)at, 0x404040 + at / width % 64 * 0x10101);
        }
        assert_false(pixels_are_photo(PIXEL_32BIT, width, height, width * 4, &data));
        free(pixels);
    }
}

typedef struct Row {
    DrawCompression compression;
    bool may_lose, in_order;
    uint8_t photo, text; /* RGB pictures: WIRE_IMAGE_TYPE_* */
    uint8_t indexed, tiny, large;
} Row;

static uint8_t type_of(Rig *rig, const CoderOptions *options, PixelFormat format, uint32_t width,
                       uint32_t height)
{
    const ImageChunk chunk = {rig->pixels, height};
    const ImageSource source = {.format = format,
                                .width = width,
                                .height = height,
                                .stride = (uint32_t)pixel_row_bytes(format, width),
                                .top_down = true,
                                .chunks = &chunk,
                                .chunk_count = 1};
    Coded coded;
    if (!image_code(&rig->coder, options, &source, &coded)) {
        return WIRE_IMAGE_TYPE_BITMAP;
    }
    assert_true(block_chain_total(&coded.bytes) > 0);
    block_chain_drop(&coded.bytes);
    image_coder_commit(&rig->coder);
    pad_reset(&rig->pad);
    return coded.type;
}

#define BARE WIRE_IMAGE_TYPE_BITMAP
#define QUIC WIRE_IMAGE_TYPE_QUIC
#define LZ WIRE_IMAGE_TYPE_LZ_RGB
#define LZ4 WIRE_IMAGE_TYPE_LZ4
#define GLZ WIRE_IMAGE_TYPE_GLZ_RGB
#define JPEG WIRE_IMAGE_TYPE_JPEG

static void test_choice(void **state)
{
    Rig *rig = *state;
    static const Row rows[] = {
        {DRAW_COMPRESSION_OFF, true, true, BARE, BARE, BARE, BARE, BARE},
        {DRAW_COMPRESSION_QUIC, false, true, QUIC, QUIC, BARE, BARE, QUIC},
        {DRAW_COMPRESSION_QUIC, true, true, JPEG, QUIC, BARE, BARE, QUIC},
        {DRAW_COMPRESSION_LZ, true, true, LZ, LZ, LZ, LZ, LZ},
        {DRAW_COMPRESSION_LZ4, true, true, LZ4, LZ4, LZ, LZ4, LZ4},
        {DRAW_COMPRESSION_GLZ, true, true, GLZ, GLZ, LZ, GLZ, LZ},
        {DRAW_COMPRESSION_GLZ, false, false, LZ, LZ, LZ, LZ, LZ},
        {DRAW_COMPRESSION_AUTO_LZ, false, true, QUIC, LZ, LZ, LZ, LZ},
        {DRAW_COMPRESSION_AUTO_LZ, true, true, JPEG, LZ, LZ, LZ, LZ},
        {DRAW_COMPRESSION_AUTO_GLZ, false, true, QUIC, GLZ, LZ, GLZ, LZ},
        {DRAW_COMPRESSION_AUTO_GLZ, true, true, JPEG, GLZ, LZ, GLZ, LZ},
        {DRAW_COMPRESSION_AUTO_GLZ, false, false, QUIC, LZ, LZ, LZ, LZ},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const Row *row = &rows[i];
        CoderOptions options = {
            .compression = row->compression, .may_lose = row->may_lose, .in_order = row->in_order};
        image_coder_finish(&rig->coder);
        /* A window that has room for all but the large one. */
        image_coder_init(&rig->coder, core_posix(), rig->pool, &rig->pad);
        image_coder_take_window(&rig->coder, SIDE * SIDE, 0);
        options.is_photo = true;
        paint_slope(rig, 1);
        assert_int_equal(type_of(rig, &options, PIXEL_32BIT, SIDE, SIDE - 1), row->photo);
        if (row->photo == JPEG) {
            assert_int_equal(type_of(rig, &options, PIXEL_RGBA, SIDE, SIDE), WIRE_IMAGE_TYPE_JPEG_ALPHA);
            assert_int_equal(type_of(rig, &options, PIXEL_32BIT, 31, 32), QUIC);
        }
        options.is_photo = false;
        memset(rig->pixels, 7, sizeof rig->pixels);
        assert_int_equal(type_of(rig, &options, PIXEL_32BIT, SIDE, SIDE - 1), row->text);
        assert_int_equal(type_of(rig, &options, PIXEL_8BIT, SIDE, SIDE), row->indexed);
        assert_int_equal(type_of(rig, &options, PIXEL_32BIT, 2, 60), row->tiny);
        assert_int_equal(type_of(rig, &options, PIXEL_32BIT, SIDE, SIDE), row->large);
        assert_int_equal(type_of(rig, &options, PIXEL_32BIT, 13, 1), BARE); /* 52 bytes */
        assert_int_equal(type_of(rig, &options, PIXEL_8BIT_A, 7, 2), LZ);   /* clients know it only so */
        options.in_order = true;
        options.zlib = true;
        const uint8_t zlib = row->text == GLZ ? WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB : row->text;
        paint_text(rig);
        if (row->in_order) {
            assert_int_equal(type_of(rig, &options, PIXEL_32BIT, SIDE, SIDE - 1), zlib);
        }
    }
}

static uint64_t glz_id(const Coded *coded)
{
    Span span;
    ImageInfo info;
    uint64_t id;
    assert_int_equal(coded->type, WIRE_IMAGE_TYPE_GLZ_RGB);
    assert_int_equal(coded->bytes.count, 1);
    block_chain_spans(&coded->bytes, &span);
    assert_int_equal(glz_info(span, &info, &id), STATUS_OK);
    return id;
}

/* Numbers of images that were sent follow each other, whatever was refused, and whatever setting came between. */
static void test_glz_numbers_have_no_gap(void **state)
{
    Rig *rig = *state;
    const CoderOptions options = {.compression = DRAW_COMPRESSION_GLZ, .in_order = true};
    const ImageChunk chunk = {rig->pixels, SIDE};
    const ImageSource source = {.format = PIXEL_32BIT,
                                .width = SIDE,
                                .height = SIDE,
                                .stride = 4 * SIDE,
                                .chunks = &chunk,
                                .chunk_count = 1};
    uint64_t next = 0;
    paint_text(rig);
    for (uint32_t i = 0; i < 200; i++) {
        Coded coded;
        rig->pixels[choose(&rig->choices, sizeof rig->pixels)]++;
        assert_true(image_code(&rig->coder, &options, &source, &coded));
        assert_int_equal(glz_id(&coded), next);
        block_chain_drop(&coded.bytes);
        if (choose_rarely(&rig->choices, 3)) {
            image_coder_rollback(&rig->coder);
        } else {
            assert_true(image_coder_commit(&rig->coder));
            next++;
        }
        if (choose_rarely(&rig->choices, 5)) {
            image_coder_forget(&rig->coder);
        }
        if (choose_rarely(&rig->choices, 20)) { /* another connection had it meanwhile */
            assert_int_equal(image_coder_leave_window(&rig->coder), next);
            assert_false(image_coder_has_window(&rig->coder, DRAW_COMPRESSION_GLZ));
            next += 3;
            image_coder_take_window(&rig->coder, SIDE * SIDE + 1, next);
        }
    }
}

int run_choice(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_photos, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_photos_of_any_size, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_photos_of_any_shape, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_choice, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_glz_numbers_have_no_gap, rig_setup, rig_teardown),
    };
    return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
