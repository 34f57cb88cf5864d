/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

#include "codec/lz.h"
#include "codec/lz_tokens.h"

static void *lz_open(void)
{
    return lz_encoder_new(&test_memory);
}

static void lz_close(void *encoder)
{
    lz_encoder_free(encoder);
}

static Status lz_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return lz_encode(encoder, source, sink);
}

static Status lz_tell(Span data, ImageInfo *ret_info)
{
    bool alpha_alone = true;
    const Status status = lz_info(data, ret_info, &alpha_alone);
    assert_true(status != STATUS_OK || !alpha_alone);
    return status;
}

static const CodecUnderTest lz = {
    .name = "lz",
    .formats = 0x7fe,
    .open = lz_open,
    .close = lz_close,
    .encode = lz_code,
    .info = lz_tell,
    .decode = lz_decode,
};

static void lz_round_trips(void **state)
{
    (void)state;
    codec_round_trips(&lz);
}

static void lz_survives_abuse(void **state)
{
    (void)state;
    codec_abuse(&lz);
}

static void same16_alike(const uint8_t *a, const uint8_t *b)
{
    assert_int_equal(units_same16(LZ_UNIT_RGB, a, b), units_same16_plain(LZ_UNIT_RGB, a, b));
    assert_int_equal(units_same16(LZ_UNIT_WHOLE, a, b), units_same16_plain(LZ_UNIT_WHOLE, a, b));
    assert_int_equal(units_same16(LZ_UNIT_RGB16, a, b), units_same16_plain(LZ_UNIT_RGB16, a, b));
    assert_int_equal(units_same16(LZ_UNIT_BYTE, a, b), units_same16_plain(LZ_UNIT_BYTE, a, b));
}

/* What is compared with SIMD is what is compared without. */
static void lz_compares_alike(void **state)
{
    (void)state;
    Random random = random_from(3);
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t a[72], b[72];
        for (unsigned i = 0; i < sizeof(a); i++) {
            a[i] = (uint8_t)random_below(&random, 256);
            b[i] = random_below(&random, 1 + round % 40) == 0 ? (uint8_t)random_below(&random, 256) : a[i];
        }
        same16_alike(a + round % 8, b + round / 8 % 8);
        same16_alike(a + round % 8, b + round % 8);
    }
    uint8_t a[64] = {0}, b[64] = {0};
    for (unsigned i = 0; i < 16; i++) {
        b[4 * i + i % 3] = 1;
        assert_int_equal(units_same16(LZ_UNIT_RGB, a, b), 0xffff & ~(1u << i));
        b[4 * i + i % 3] = 0;
        b[4 * i + 3] = 1; /* does not count */
        assert_int_equal(units_same16(LZ_UNIT_RGB, a, b), 0xffff);
        assert_int_equal(units_same16(LZ_UNIT_WHOLE, a, b), 0xffff & ~(1u << i));
        b[4 * i + 3] = 0;
        b[i] = 1;
        assert_int_equal(units_same16(LZ_UNIT_BYTE, a, b), 0xffff & ~(1u << i));
        b[i] = 0;
    }
}

/* The bytes of a small image, worked out by hand from the format's description. */
static void lz_header_and_tokens(void **state)
{
    (void)state;
    static const uint8_t coded[] = {
        0x20, 0x20, 0x5a, 0x4c, 0, 1,  0, 1, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0,
        0,    3,    0,    0,    0, 16, 0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, /* two pixels */
        0x40, 1,                                                        /* two pixels, from two back */
        0,    7,    8,    9,                                            /* one */
        0xe0, 0,    0,                                                  /* seven, from one back */
    };
    ImageInfo info;
    bool alpha_alone = true;
    assert_int_equal(lz_info(span_of(coded, sizeof(coded)), &info, &alpha_alone), STATUS_OK);
    assert_int_equal(info.format, PIXEL_32BIT);
    assert_int_equal(info.width, 4);
    assert_int_equal(info.height, 3);
    assert_true(info.top_down);
    assert_false(alpha_alone);
    uint8_t pixels[48];
    memset(pixels, 0x55, sizeof(pixels));
    assert_int_equal(lz_decode(span_of(coded, sizeof(coded)), pixels, sizeof(pixels)), STATUS_OK);
    for (unsigned i = 0; i < 12; i++) {
        const uint8_t b = i >= 4 ? 7 : i % 2 == 0 ? 1 : 4;
        const uint8_t expected[4] = {b, (uint8_t)(b + 1), (uint8_t)(b + 2), 0};
        assert_memory_equal(pixels + 4 * i, expected, 4);
    }
}

/* Longer than any length field, further than the short form, at every form's border. */
static void lz_far_and_long_matches(void **state)
{
    (void)state;
    LzEncoder *encoder = lz_encoder_new(&test_memory);
    static const uint32_t gaps[] = {2,    256,   8189,  8190,  8191,  8192,  8193,
                                    9000, 65535, 73000, 73723, 73724, 73725, 74000};
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        const uint32_t width = gaps[i] + 1200;
        uint32_t *pixels = malloc((size_t)width * 4);
        Random random = random_from(i);
        for (uint32_t x = 0; x < width; x++) {
            pixels[x] = x < gaps[i] ? random_below(&random, 1u << 24) : pixels[x - gaps[i]];
        }
        const ImageChunk chunk = {(const uint8_t *)pixels, 1};
        const ImageSource source = {PIXEL_32BIT, width, 1, width * 4, true, &chunk, 1};
        uint8_t *coded = malloc((size_t)width * 4), *back = malloc((size_t)width * 4);
        CodecSink sink;
        sink_init(&sink, coded, (size_t)width * 4);
        assert_int_equal(lz_encode(encoder, &source, &sink), STATUS_OK);
        assert_int_equal(lz_decode(span_of(coded, sink.total), back, (size_t)width * 4), STATUS_OK);
        assert_memory_equal(back, pixels, (size_t)width * 4);
        free(back);
        free(coded);
        free(pixels);
    }
    lz_encoder_free(encoder);
}

static void lz_alpha_alone(void **state)
{
    (void)state;
    LzEncoder *encoder = lz_encoder_new(&test_memory);
    TestImage image;
    const ImageLayout layout = {PIXEL_RGBA, 123, 45, 4, 3, false};
    image_make(&image, IMAGE_PHOTO, &layout, 9);
    uint8_t coded[123 * 45 * 2];
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(lz_encode_alpha(encoder, &image.source, &sink), STATUS_OK);
    ImageInfo info;
    bool alpha_alone = false;
    assert_int_equal(lz_info(span_of(coded, sink.total), &info, &alpha_alone), STATUS_OK);
    assert_true(alpha_alone);
    assert_false(info.top_down);
    uint8_t *pixels = malloc(image.size);
    memset(pixels, 0x11, image.size);
    assert_int_equal(lz_decode(span_of(coded, sink.total), pixels, image.size), STATUS_OK);
    for (size_t i = 0; i < image.size; i++) {
        assert_int_equal(pixels[i], i % 4 == 3 ? image.expected[i] : 0x11);
    }
    codec_abuse_bytes(lz_decode, span_of(coded, sink.total), image.size, 500, 3);
    free(pixels);
    image_free(&image);
    lz_encoder_free(encoder);
}

static void lz_refuses_contradictions(void **state)
{
    (void)state;
    LzEncoder *encoder = lz_encoder_new(&test_memory);
    uint8_t pixels[64] = {0}, coded[256];
    const ImageChunk chunk = {pixels, 4};
    const ImageSource good = {PIXEL_32BIT, 4, 4, 16, true, &chunk, 1};
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(lz_encode(encoder, &good, &sink), STATUS_OK);

    ImageSource bad = good;
    bad.stride = 15;
    assert_int_equal(lz_encode(encoder, &bad, &sink), STATUS_MISUSE);
    bad = good;
    bad.height = 5;
    assert_int_equal(lz_encode(encoder, &bad, &sink), STATUS_MISUSE);
    bad = good;
    bad.width = 0;
    assert_int_equal(lz_encode(encoder, &bad, &sink), STATUS_MISUSE);
    bad = good;
    bad.format = (PixelFormat)11;
    assert_int_equal(lz_encode(encoder, &bad, &sink), STATUS_MISUSE);
    const ImageChunk huge = {pixels, 1u << 15};
    bad = (ImageSource){PIXEL_32BIT, 1u << 15, 1u << 15, 1u << 17, true, &huge, 1};
    assert_int_equal(lz_encode(encoder, &bad, &sink), STATUS_LIMIT);

    /* Each field of the header, one after the other. */
    const size_t len = sink.total;
    uint8_t decoded[64];
    assert_int_equal(lz_decode(span_of(coded, len), decoded, sizeof(decoded)), STATUS_OK);
    for (unsigned field = 0; field < 24; field += 4) {
        for (unsigned value = 0; value < 256; value += field == 8 ? 1 : 17) {
            uint8_t other[256];
            memcpy(other, coded, len);
            if (other[field + 3] == value || (field == 8 && (value == 9 || value == 10))) {
                continue;
            }
            other[field + 3] = (uint8_t)value;
            assert_int_not_equal(lz_decode(span_of(other, len), decoded, sizeof(decoded)), STATUS_OK);
        }
    }
    lz_encoder_free(encoder);
}

int run_lz(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lz_round_trips),
        cmocka_unit_test(lz_survives_abuse),
        cmocka_unit_test(lz_compares_alike),
        cmocka_unit_test(lz_header_and_tokens),
        cmocka_unit_test(lz_far_and_long_matches),
        cmocka_unit_test(lz_alpha_alone),
        cmocka_unit_test(lz_refuses_contradictions),
    };
    return cmocka_run_group_tests_name("lz", tests, NULL, NULL);
}
