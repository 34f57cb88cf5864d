/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JPEG encoder takes no memory for images that are no larger than those before, nor does libjpeg. */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>

#include "codec/jpeg.h"

static unsigned allocations;

static void count(void)
{
    allocations++;
}

#include "tests/base/count_malloc.h"

#define ROOM (8u << 20)

/* What encoding took. */
static unsigned taken_by(JpegEncoder *encoder, PixelFormat format, uint32_t width, uint32_t height)
{
    const ImageLayout layout = {format, width, height, 0, 1, true};
    TestImage image;
    CodecSink sink;
    uint8_t *coded = malloc(ROOM);

    image_make(&image, IMAGE_PHOTO, &layout, width);
    sink_init(&sink, coded, ROOM);
    allocations = 0;
    const Status status = jpeg_encode(encoder, &image.source, 85, &sink);
    const unsigned taken = allocations;
    assert_int_equal(status, STATUS_OK);
    /* Nor what failed on the way. */
    sink_init(&sink, coded, sink.total / 2);
    assert_int_equal(jpeg_encode(encoder, &image.source, 85, &sink), STATUS_LIMIT);
    image_free(&image);
    free(coded);
    return taken;
}

static void no_image_takes_memory(void **state)
{
    (void)state;
    static const PixelFormat formats[] = {PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};
    JpegEncoder *encoder = jpeg_encoder_new(&test_memory);
    Random random = random_from(6);

    for (uint32_t width = 1; width <= 1920; width += width / 3 + 1) {
        (void)taken_by(encoder, PIXEL_16BIT, width, 20);
    }
    assert_int_not_equal(taken_by(encoder, PIXEL_16BIT, 2560, 64),
                         0);                        /* the largest, so that we know that it is counted */
    (void)taken_by(encoder, PIXEL_16BIT, 2560, 64); /* all that had become too small may have gone */
    for (unsigned i = 0; i < 200; i++) {
        const uint32_t width = 1 + random_below(&random, 2560), height = 1 + random_below(&random, 64);
        assert_int_equal(taken_by(encoder, formats[i % 4], width, height), 0);
    }
    jpeg_encoder_free(encoder);
    assert_int_equal(test_memory_blocks, 0);
}

/* What the largest images need is not kept, and comes again. */
static void much_is_not_kept(void **state)
{
    (void)state;
    JpegEncoder *encoder = jpeg_encoder_new(&test_memory);

    for (unsigned i = 0; i < 3; i++) {
        assert_int_not_equal(taken_by(encoder, PIXEL_32BIT, 40000, 2), 0);
        assert_int_not_equal(taken_by(encoder, PIXEL_32BIT, 200, 20), 0);
        assert_int_equal(taken_by(encoder, PIXEL_32BIT, 100, 20), 0);
    }
    jpeg_encoder_free(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_image_takes_memory),
        cmocka_unit_test(much_is_not_kept),
    };
    hook();
    return cmocka_run_group_tests_name("jpeg-steady", tests, NULL, NULL);
}
