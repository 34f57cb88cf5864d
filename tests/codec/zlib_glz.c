/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "codec/glz.h"
#include "codec/zlib_glz.h"

static ZlibEncoder *encoder;
static ZlibDecoder *decoder;

static int codecs_make(void **state)
{
    (void)state;
    encoder = zlib_encoder_new(&test_memory);
    decoder = zlib_decoder_new(&test_memory);
    return encoder == NULL || decoder == NULL;
}

static int codecs_drop(void **state)
{
    (void)state;
    zlib_encoder_free(encoder);
    zlib_decoder_free(decoder);
    return test_memory_blocks != 0;
}

static Status decode(Span data, uint8_t *pixels, size_t size)
{
    return zlib_decode(decoder, data, pixels, size);
}

/* An image in spans is that image, and a maximum holds wherever it is reached. */
static void spans_check(Span glz, uint8_t *coded, uint8_t *back, unsigned seed)
{
    Random random = random_from(seed);
    Span spans[5];
    size_t at = 0;
    for (unsigned i = 0; i < 5; i++) {
        const size_t left = glz.len - at;
        spans[i] = span_of(glz.data + at, i < 4 ? random_below(&random, (uint32_t)left + 1) : left);
        at += spans[i].len;
    }
    CodecSink sink;
    sink_init(&sink, coded, 1u << 20);
    assert_int_equal(zlib_encode(encoder, spans, 5, &sink), STATUS_OK);
    const size_t len = sink.total;
    memset(back, 0, glz.len);
    assert_int_equal(zlib_decode(decoder, span_of(coded, len), back, glz.len), STATUS_OK);
    assert_memory_equal(back, glz.data, glz.len);
    sink_init(&sink, coded, len);
    assert_int_equal(zlib_encode(encoder, spans, 5, &sink), STATUS_OK);
    for (size_t room = 0; room < len; room += 1 + room / 8) {
        sink_init(&sink, coded, room);
        assert_int_equal(zlib_encode(encoder, spans, 5, &sink), STATUS_LIMIT);
    }
    sink_init(&sink, coded, len - 1);
    assert_int_equal(zlib_encode(encoder, spans, 5, &sink), STATUS_LIMIT);
}

static void zlib_round_trips(void **state)
{
    (void)state;
    GlzEncoder *glz = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = 1u << 20});
    uint8_t *image_bytes = malloc(1u << 20), *coded = malloc(1u << 20), *back = malloc(1u << 20);
    unsigned calls = 0;
    for (unsigned i = 0; i < 60; i++) {
        const ImageLayout layout = {PIXEL_32BIT, 20 + i * 3, 30, 0, 1, true};
        TestImage image;
        image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i);
        CodecSink sink;
        sink_init(&sink, image_bytes, 1u << 20);
        assert_int_equal(glz_encode(glz, &image.source, &sink), STATUS_OK);
        const Span glz_image = span_of(image_bytes, sink.total);
        calls = test_memory_calls;
        sink_init(&sink, coded, 1u << 20);
        assert_int_equal(zlib_encode(encoder, &glz_image, 1, &sink), STATUS_OK);
        const size_t len = sink.total;
        assert_int_equal(zlib_decode(decoder, span_of(coded, len), back, glz_image.len), STATUS_OK);
        assert_memory_equal(back, image_bytes, glz_image.len);
        uLongf expected = 1u << 20;
        assert_int_equal(uncompress(back, &expected, coded, len), Z_OK);
        assert_int_equal(expected, glz_image.len);

        memset(back, 0, GLZ_HEADER_BYTES);
        assert_int_equal(zlib_decode_head(decoder, span_of(coded, len), back, GLZ_HEADER_BYTES), STATUS_OK);
        assert_memory_equal(back, image_bytes, GLZ_HEADER_BYTES);
        assert_int_equal(zlib_decode_head(decoder, span_of(coded, 8), back, GLZ_HEADER_BYTES),
                         STATUS_PEER_FAULT);
        assert_int_not_equal(zlib_decode(decoder, span_of(coded, len), back, glz_image.len - 1), STATUS_OK);
        assert_int_not_equal(zlib_decode(decoder, span_of(coded, len), back, glz_image.len + 1), STATUS_OK);
        assert_int_not_equal(zlib_decode(decoder, span_of(coded, len - 1), back, glz_image.len), STATUS_OK);
        coded[len] = 0;
        assert_int_not_equal(zlib_decode(decoder, span_of(coded, len + 1), back, glz_image.len), STATUS_OK);
        assert_int_equal(zlib_decode(decoder, span_of(coded, len), back, glz_image.len), STATUS_OK);

        PieceSink *pieces = malloc(sizeof(*pieces));
        piece_sink_init(pieces, len, i);
        assert_int_equal(zlib_encode(encoder, &glz_image, 1, &pieces->sink), STATUS_OK);
        uint8_t *joined = piece_sink_join(pieces);
        assert_int_equal(pieces->sink.total, len);
        assert_memory_equal(joined, coded, len);
        free(joined);
        free(pieces);
        sink_init(&sink, coded, len - 1);
        assert_int_equal(zlib_encode(encoder, &glz_image, 1, &sink), STATUS_LIMIT);
        spans_check(glz_image, coded, back, i);
        sink_init(&sink, coded, 1u << 20);
        assert_int_equal(zlib_encode(encoder, &glz_image, 1, &sink), STATUS_OK);

        codec_abuse_bytes(decode, span_of(coded, len - 1), glz_image.len, 50, i);
        if (i > 0) {
            assert_int_equal(test_memory_calls, calls); /* none was asked for since */
        }
        image_free(&image);
    }
    free(image_bytes);
    free(coded);
    free(back);
    glz_encoder_free(glz);
}

/* Of each format, to the pixels. */
static void zlib_random_images(void **state)
{
    (void)state;
    static const PixelFormat formats[] = {PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};
    enum { ROOM = 1 << 18 };
    uint8_t *glz_bytes = malloc(ROOM), *coded = malloc(ROOM), *back = malloc(ROOM), *pixels = malloc(ROOM);
    for (unsigned f = 0; f < 4; f++) {
        GlzEncoder *glz = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = 30000});
        GlzDecoder *glz_back = glz_decoder_new(&test_memory, 30000, 0);
        Random random = random_from(200 + f);
        for (unsigned i = 0; i < codec_random_images; i++) {
            const ImageLayout layout = codec_random_layout(&random, formats[f]);
            TestImage image;
            image_make(&image, (ImageClass)random_below(&random, IMAGE_CLASSES), &layout,
                       random_below(&random, 1000));
            CodecSink sink;
            sink_init(&sink, glz_bytes, ROOM);
            assert_int_equal(glz_encode(glz, &image.source, &sink), STATUS_OK);
            const size_t len = sink.total;
            sink_init(&sink, coded, ROOM);
            assert_int_equal(zlib_encode(encoder, &(Span){glz_bytes, len}, 1, &sink), STATUS_OK);
            assert_int_equal(zlib_decode(decoder, span_of(coded, sink.total), back, len), STATUS_OK);
            assert_memory_equal(back, glz_bytes, len);
            assert_int_equal(glz_decode(glz_back, span_of(back, len), pixels, image.size), STATUS_OK);
            assert_memory_equal(pixels, image.expected, image.size);
            image_free(&image);
        }
        glz_encoder_free(glz);
        glz_decoder_free(glz_back);
    }
    free(glz_bytes);
    free(coded);
    free(back);
    free(pixels);
}

int run_zlib_glz(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zlib_round_trips),
        cmocka_unit_test(zlib_random_images),
    };
    return cmocka_run_group_tests_name("zlib_glz", tests, codecs_make, codecs_drop);
}
