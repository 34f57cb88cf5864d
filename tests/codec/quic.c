/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

#include "codec/quic.h"
#include "tests/codec/quic_plain.h"

static QuicDecoder *decoder;

static int decoder_make(void **state)
{
    (void)state;
    decoder = quic_decoder_new(&test_memory);
    return decoder == NULL;
}

static int decoder_drop(void **state)
{
    (void)state;
    quic_decoder_free(decoder);
    return 0;
}

static void *quic_open(void)
{
    return quic_encoder_new(&test_memory);
}

static void quic_close(void *encoder)
{
    quic_encoder_free(encoder);
}

static Status quic_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return quic_encode(encoder, source, sink);
}

static Status quic_back(Span data, uint8_t *pixels, size_t size)
{
    return quic_decode(decoder, data, pixels, size);
}

static const CodecUnderTest quic = {
    .name = "quic",
    .formats =
        1u << PIXEL_8BIT_A | 1u << PIXEL_16BIT | 1u << PIXEL_24BIT | 1u << PIXEL_32BIT | 1u << PIXEL_RGBA,
    .top_first = true,
    .open = quic_open,
    .close = quic_close,
    .encode = quic_code,
    .info = quic_info,
    .decode = quic_back,
};

static void quic_round_trips(void **state)
{
    (void)state;
    const unsigned blocks = test_memory_blocks;
    QuicDecoder *shared = decoder;
    decoder = quic_decoder_new(&test_memory);
    /* Its rows first: the round trips count allocations, of encoders. */
    QuicEncoder *encoder = quic_encoder_new(&test_memory);
    const ImageLayout wide = {PIXEL_RGBA, 2000, 1, 0, 1, true};
    codec_round_trip(&quic, encoder, IMAGE_PHOTO, &wide, 1);
    quic_encoder_free(encoder);
    codec_round_trips(&quic);
    quic_decoder_free(decoder);
    decoder = shared;
    assert_int_equal(test_memory_blocks, blocks);
}

static void quic_survives_abuse(void **state)
{
    (void)state;
    codec_abuse(&quic);
}

/* Rows in which every width of the model's steps ends, at the start, inside and at the end of rows. */
static void quic_crosses_model_steps(void **state)
{
    (void)state;
    QuicEncoder *encoder = quic_encoder_new(&test_memory);
    static const uint32_t widths[] = {1, 2047, 2048, 2049, 4096, 6000, 12288, 12289, 20000};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        for (ImageClass class = 0; class < IMAGE_CLASSES; class ++) {
            const ImageLayout layout = {PIXEL_32BIT, widths[i], widths[i] == 1 ? 5000 : 3, 0, 1, true};
            codec_round_trip(&quic, encoder, class, &layout, i);
        }
    }
    quic_encoder_free(encoder);
}

/* The very bytes that QUIC's description gives without vectors, blocks and tables, whatever compiler made both. */
static void quic_matches_plain(void **state)
{
    (void)state;
    static const PixelFormat formats[] = {PIXEL_8BIT_A, PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};
    QuicEncoder *encoder = quic_encoder_new(&test_memory);
    for (unsigned f = 0; f < 5; f++) {
        Random random = random_from(400 + f);
        for (unsigned i = 0; i < 20 + codec_random_images / 4; i++) {
            /* The first pass all steps of the model. */
            const ImageLayout layout = i < 2 * IMAGE_CLASSES
                                           ? (ImageLayout){formats[f], 150 + 2 * i, 100, 0, 1, true}
                                           : codec_random_layout(&random, formats[f]);
            TestImage image;
            image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i);
            const size_t room = image.size * 4 + 4096;
            uint8_t *coded = malloc(room), *plain = malloc(room);
            CodecSink sink;
            sink_init(&sink, coded, room);
            assert_int_equal(quic_encode(encoder, &image.source, &sink), STATUS_OK);
            const size_t len = quic_plain_encode(formats[f], layout.width, layout.height,
                                                 image.expected_top_first, plain, room);
            assert_int_equal(sink.total, len);
            assert_memory_equal(coded, plain, len);
            free(coded);
            free(plain);
            image_free(&image);
        }
    }
    quic_encoder_free(encoder);
}

/* One black pixel: three codes of one bit and seven more, padding, and the word behind. */
static void quic_one_pixel(void **state)
{
    (void)state;
    static const uint8_t expected[] = {'Q', 'U', 'I', 'C', 0, 0, 0, 0,    4,    0,    0, 0, 1, 0,
                                       0,   0,   1,   0,   0, 0, 0, 0x80, 0x80, 0x80, 0, 0, 0, 0};
    QuicEncoder *encoder = quic_encoder_new(&test_memory);
    const uint8_t black[4] = {0, 0, 0, 0x7f};
    const ImageChunk chunk = {black, 1};
    const ImageSource source = {PIXEL_32BIT, 1, 1, 4, true, &chunk, 1};
    uint8_t coded[64];
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(quic_encode(encoder, &source, &sink), STATUS_OK);
    assert_int_equal(sink.total, sizeof(expected));
    assert_memory_equal(coded, expected, sizeof(expected));
    quic_encoder_free(encoder);
}

static void quic_refuses_headers(void **state)
{
    (void)state;
    uint8_t coded[28] = {'Q', 'U', 'I', 'C', 0, 0, 0, 0, 4,    0,    0,    0, 1,
                         0,   0,   0,   1,   0, 0, 0, 0, 0x80, 0x80, 0x80, 0};
    ImageInfo info;
    assert_int_equal(quic_info(span_of(coded, sizeof(coded)), &info), STATUS_OK);
    for (size_t i = 0; i < 8; i++) {
        coded[i] ^= 1;
        assert_int_equal(quic_info(span_of(coded, sizeof(coded)), &info), STATUS_PEER_FAULT);
        coded[i] ^= 1;
    }
    for (unsigned type = 0; type < 256; type++) {
        coded[8] = (uint8_t)type;
        assert_int_equal(quic_info(span_of(coded, sizeof(coded)), &info),
                         type >= 1 && type <= 5 ? STATUS_OK : STATUS_PEER_FAULT);
    }
    coded[8] = 4;
    coded[12] = 0;
    assert_int_equal(quic_info(span_of(coded, sizeof(coded)), &info), STATUS_PEER_FAULT);
    coded[15] = 0x80;
    assert_int_equal(quic_info(span_of(coded, sizeof(coded)), &info), STATUS_PEER_FAULT);
}

int run_quic(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quic_round_trips),         cmocka_unit_test(quic_survives_abuse),
        cmocka_unit_test(quic_crosses_model_steps), cmocka_unit_test(quic_one_pixel),
        cmocka_unit_test(quic_refuses_headers),     cmocka_unit_test(quic_matches_plain),
    };
    return cmocka_run_group_tests_name("quic", tests, decoder_make, decoder_drop);
}
