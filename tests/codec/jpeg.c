/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

#include "codec/jpeg.h"

#define QUALITY 85
#define ROOM (1u << 20)

static JpegEncoder *encoder;
static JpegDecoder *decoder;
static LzEncoder *lz;

static int codecs_make(void **state)
{
    (void)state;
    encoder = jpeg_encoder_new(&test_memory);
    decoder = jpeg_decoder_new(&test_memory);
    lz = lz_encoder_new(&test_memory);
    return encoder == NULL || decoder == NULL || lz == NULL;
}

static int codecs_drop(void **state)
{
    (void)state;
    jpeg_encoder_free(encoder);
    jpeg_decoder_free(decoder);
    lz_encoder_free(lz);
    return test_memory_blocks != 0;
}

/* Of a pixel, top row first, as 0x00RRGGBB. */
static uint32_t expected_at(const TestImage *image, size_t i)
{
    const uint8_t *bytes = image->expected_top_first;
    if (image->source.format == PIXEL_16BIT) {
        const unsigned pixel = le16_get(bytes + 2 * i);
        const unsigned b = pixel & 31, g = pixel >> 5 & 31, r = pixel >> 10;
        return b << 3 | b >> 2 | (g << 3 | g >> 2) << 8 | (r << 3 | r >> 2) << 16;
    }
    bytes += i * (image->source.format == PIXEL_24BIT ? 3 : 4);
    return (uint32_t)(bytes[0] | bytes[1] << 8 | bytes[2] << 16);
}

/* The mean square of what each channel differs by; all of it is in the right place when it is small. */
static double error_mean(const TestImage *image, const uint8_t *pixels)
{
    const size_t count = (size_t)image->source.width * image->source.height;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t expected = expected_at(image, i);
        for (unsigned c = 0; c < 3; c++) {
            const double error = (double)pixels[4 * i + c] - (double)(expected >> (8 * c) & 0xff);
            sum += error * error;
        }
    }
    return sum / (double)count / 3;
}

static const PixelFormat formats[] = {PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};

static void jpeg_round_trips(void **state)
{
    (void)state;
    Random random = random_from(8);
    uint8_t *coded = malloc(ROOM), *pixels = malloc(ROOM);
    for (unsigned f = 0; f < 4; f++) {
        for (uint32_t width = 1; width <= 200; width += width < 70 ? 1 : 43) {
            ImageLayout layout = {formats[f], width, 1 + random_below(&random, 60), random_below(&random, 7),
                                  1,          false};
            layout.chunks = 1 + random_below(&random, layout.height < 4 ? layout.height : 4);
            layout.top_down = random_below(&random, 2) != 0;
            TestImage image;
            image_make(&image, width % 2 ? IMAGE_PHOTO : IMAGE_UI, &layout, width);
            CodecSink sink;
            sink_init(&sink, coded, ROOM);
            assert_int_equal(jpeg_encode(encoder, &image.source, QUALITY, &sink), STATUS_OK);
            const size_t len = sink.total;
            assert_int_equal(jpeg_decode(decoder, span_of(coded, len), width, layout.height, pixels),
                             STATUS_OK);
            assert_true(error_mean(&image, pixels) < 100);
            for (size_t i = 3; i < (size_t)width * layout.height * 4; i += 4) {
                assert_int_equal(pixels[i], 0);
            }
            assert_int_not_equal(jpeg_decode(decoder, span_of(coded, len), width + 1, layout.height, pixels),
                                 STATUS_OK);
            assert_int_not_equal(jpeg_decode(decoder, span_of(coded, len - 1), width, layout.height, pixels),
                                 STATUS_OK);
            coded[len] = 0;
            assert_int_not_equal(jpeg_decode(decoder, span_of(coded, len + 1), width, layout.height, pixels),
                                 STATUS_OK);

            PieceSink *pieces = malloc(sizeof(*pieces));
            piece_sink_init(pieces, len, width);
            assert_int_equal(jpeg_encode(encoder, &image.source, QUALITY, &pieces->sink), STATUS_OK);
            assert_int_equal(pieces->sink.total, len);
            uint8_t *joined = piece_sink_join(pieces);
            assert_memory_equal(joined, coded, len);
            free(joined);
            free(pieces);

            for (unsigned i = 0; i < 4; i++) {
                const size_t less = i == 0 ? len - 1 : random_below(&random, (uint32_t)len);
                uint8_t *tight = malloc(less + 1);
                sink_init(&sink, tight, less);
                assert_int_equal(jpeg_encode(encoder, &image.source, QUALITY, &sink), STATUS_LIMIT);
                free(tight);
            }
            image_free(&image);
        }
    }
    free(coded);
    free(pixels);
}

/* What is smooth stays near what it was, and alpha is what it was. */
static void jpeg_random_images(void **state)
{
    (void)state;
    static const ImageClass classes[] = {IMAGE_PHOTO, IMAGE_UI, IMAGE_FLAT};
    uint8_t *coded = malloc(ROOM), *pixels = malloc(ROOM);
    for (unsigned f = 0; f < 4; f++) {
        Random random = random_from(300 + f);
        for (unsigned i = 0; i < codec_random_images; i++) {
            const ImageLayout layout = codec_random_layout(&random, formats[f]);
            TestImage image;
            image_make(&image, classes[random_below(&random, 3)], &layout, i);
            CodecSink sink;
            sink_init(&sink, coded, ROOM);
            assert_int_equal(jpeg_encode(encoder, &image.source, QUALITY, &sink), STATUS_OK);
            assert_int_equal(
                jpeg_decode(decoder, span_of(coded, sink.total), layout.width, layout.height, pixels),
                STATUS_OK);
            assert_true(error_mean(&image, pixels) < 100);
            if (formats[f] == PIXEL_RGBA) {
                size_t jpeg_size = 0;
                sink_init(&sink, coded, ROOM);
                assert_int_equal(jpeg_alpha_encode(encoder, lz, &image.source, QUALITY, &sink, &jpeg_size),
                                 STATUS_OK);
                assert_int_equal(jpeg_alpha_decode(decoder, span_of(coded, sink.total), jpeg_size,
                                                   layout.top_down, layout.width, layout.height, pixels),
                                 STATUS_OK);
                assert_true(error_mean(&image, pixels) < 100);
                for (size_t b = 3; b < image.size; b += 4) {
                    assert_int_equal(pixels[b], image.expected_top_first[b]);
                }
            }
            image_free(&image);
        }
    }
    free(coded);
    free(pixels);
}

static void jpeg_alpha_round_trips(void **state)
{
    (void)state;
    uint8_t *coded = malloc(ROOM);
    for (unsigned i = 0; i < 40; i++) {
        const ImageLayout layout = {PIXEL_RGBA, 1 + i * 3, 3 + i, i % 5, 1 + i % 3, i % 2 == 0};
        TestImage image;
        image_make(&image, i % 3 ? IMAGE_PHOTO : IMAGE_UI, &layout, i);
        CodecSink sink;
        size_t jpeg_size = 0;
        sink_init(&sink, coded, ROOM);
        assert_int_equal(jpeg_alpha_encode(encoder, lz, &image.source, QUALITY, &sink, &jpeg_size),
                         STATUS_OK);
        uint8_t *pixels = malloc(image.size);
        assert_int_equal(jpeg_alpha_decode(decoder, span_of(coded, sink.total), jpeg_size, layout.top_down,
                                           layout.width, layout.height, pixels),
                         STATUS_OK);
        assert_true(error_mean(&image, pixels) < 100);
        for (size_t b = 3; b < image.size; b += 4) {
            assert_int_equal(pixels[b], image.expected_top_first[b]);
        }
        const Status wrong[] = {
            jpeg_alpha_decode(decoder, span_of(coded, sink.total), jpeg_size, !layout.top_down, layout.width,
                              layout.height, pixels),
            jpeg_alpha_decode(decoder, span_of(coded, sink.total), jpeg_size - 1, layout.top_down,
                              layout.width, layout.height, pixels),
            jpeg_alpha_decode(decoder, span_of(coded, sink.total), sink.total, layout.top_down, layout.width,
                              layout.height, pixels),
            jpeg_alpha_decode(decoder, span_of(coded, sink.total), sink.total + 1, layout.top_down,
                              layout.width, layout.height, pixels),
            jpeg_alpha_decode(decoder, span_of(coded, sink.total - 1), jpeg_size, layout.top_down,
                              layout.width, layout.height, pixels),
        };
        for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
            assert_int_equal(wrong[w], STATUS_PEER_FAULT);
        }
        sink_init(&sink, coded, jpeg_size + 20);
        assert_int_equal(jpeg_alpha_encode(encoder, lz, &image.source, QUALITY, &sink, &jpeg_size),
                         STATUS_LIMIT);
        free(pixels);
        image_free(&image);
    }
    free(coded);
}

static uint32_t abused_width, abused_height;

static Status abused_decode(Span data, uint8_t *pixels, size_t size)
{
    (void)size;
    return jpeg_decode(decoder, data, abused_width, abused_height, pixels);
}

static void jpeg_survives_abuse(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        const ImageLayout layout = {PIXEL_32BIT, 1 + i * 9, 40, 0, 1, true};
        TestImage image;
        image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i);
        uint8_t coded[65536];
        CodecSink sink;
        sink_init(&sink, coded, sizeof(coded));
        assert_int_equal(jpeg_encode(encoder, &image.source, QUALITY, &sink), STATUS_OK);
        abused_width = layout.width;
        abused_height = layout.height;
        codec_abuse_bytes(abused_decode, span_of(coded, sink.total), image.size, 300, i);
        image_free(&image);
    }
}

static void jpeg_refuses_formats(void **state)
{
    (void)state;
    uint8_t pixels[64] = {0}, coded[2048];
    for (unsigned format = 0; format < 12; format++) {
        const ImageChunk chunk = {pixels, 4};
        const ImageSource source = {(PixelFormat)format, 4, 4, 16, true, &chunk, 1};
        CodecSink sink;
        sink_init(&sink, coded, sizeof(coded));
        assert_int_equal(jpeg_encode(encoder, &source, QUALITY, &sink),
                         format >= 6 && format <= 9 ? STATUS_OK : STATUS_MISUSE);
    }
    const ImageChunk chunk = {pixels, 1};
    const ImageSource wide = {PIXEL_32BIT, 65501, 1, 65501 * 4, true, &chunk, 1};
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(jpeg_encode(encoder, &wide, QUALITY, &sink), STATUS_LIMIT);
}

int run_jpeg(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_round_trips),     cmocka_unit_test(jpeg_alpha_round_trips),
        cmocka_unit_test(jpeg_random_images),   cmocka_unit_test(jpeg_survives_abuse),
        cmocka_unit_test(jpeg_refuses_formats),
    };
    return cmocka_run_group_tests_name("jpeg", tests, codecs_make, codecs_drop);
}
