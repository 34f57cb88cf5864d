/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdlib.h>
#include <string.h>

#include <lz4.h>

#include "codec/lz4_image.h"

static void *lz4_open(void)
{
    return lz4_encoder_new(&test_memory);
}

static void lz4_close(void *encoder)
{
    lz4_encoder_free(encoder);
}

/* The coded image does not say its size: the test remembers it. */
static uint32_t descriptor_width, descriptor_height;

static Status lz4_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    descriptor_width = source->width;
    descriptor_height = source->height;
    return lz4_encode(encoder, source, sink);
}

static Status lz4_tell(Span data, ImageInfo *ret_info)
{
    return lz4_info(data, descriptor_width, descriptor_height, ret_info);
}

/* The fourth bytes of 32-bit pixels come as they were; the tests fill them with noise. */
static Status lz4_back(Span data, uint8_t *pixels, size_t size)
{
    const Status status = lz4_decode(data, pixels, size);
    for (size_t i = 3; status == STATUS_OK && data.data[1] == PIXEL_32BIT && i < size; i += 4) {
        pixels[i] = 0;
    }
    return status;
}

static const CodecUnderTest lz4 = {
    .name = "lz4",
    .formats = 1u << PIXEL_16BIT | 1u << PIXEL_24BIT | 1u << PIXEL_32BIT | 1u << PIXEL_RGBA,
    .open = lz4_open,
    .close = lz4_close,
    .encode = lz4_code,
    .info = lz4_tell,
    .decode = lz4_back,
};

static void lz4_round_trips(void **state)
{
    (void)state;
    codec_round_trips(&lz4);
}

static void lz4_survives_abuse(void **state)
{
    (void)state;
    codec_abuse(&lz4);
}

/* Rows of more than a block, and images of many blocks, padded and not. */
static void lz4_many_blocks(void **state)
{
    (void)state;
    Lz4Encoder *encoder = lz4_encoder_new(&test_memory);
    for (uint32_t padding = 0; padding < 8; padding += 4) {
        for (uint32_t width = 300; width <= 300000; width += 299700) {
            const ImageLayout layout = {PIXEL_32BIT, width, width == 300 ? 2100 : 3, padding, 2, true};
            codec_round_trip(&lz4, encoder, IMAGE_TEXT_PAGE, &layout, padding);
            codec_round_trip(&lz4, encoder, IMAGE_NOISE, &layout, padding);
        }
    }
    lz4_encoder_free(encoder);
}

/* Blocks refer to the rows of the blocks before them: a chunk that repeats costs next to nothing. */
static void lz4_links_blocks(void **state)
{
    (void)state;
    Lz4Encoder *encoder = lz4_encoder_new(&test_memory);
    uint32_t *noise = image_paint(IMAGE_NOISE, 64, 64, 1);
    uint32_t *again = image_paint(IMAGE_NOISE, 64, 64, 1);
    const ImageChunk chunks[] = {{(const uint8_t *)noise, 64}, {(const uint8_t *)again, 64}};
    const ImageSource source = {PIXEL_RGBA, 64, 128, 256, true, chunks, 2};
    uint8_t *coded = malloc(65536);
    CodecSink sink;
    sink_init(&sink, coded, 65536);
    assert_int_equal(lz4_encode(encoder, &source, &sink), STATUS_OK);
    assert_true(sink.total < 64 * 64 * 4 + 400);
    free(coded);
    free(noise);
    free(again);
    lz4_encoder_free(encoder);
}

/* Guests can make alpha of them. */
static void lz4_keeps_fourth_bytes(void **state)
{
    (void)state;
    Lz4Encoder *encoder = lz4_encoder_new(&test_memory);
    uint32_t *pixels = image_paint(IMAGE_TEXT_PAGE, 90, 40, 2);
    uint8_t coded[90 * 40 * 5], decoded[90 * 40 * 4];
    Random random = random_from(5);
    for (unsigned i = 0; i < 90 * 40; i++) {
        pixels[i] = (pixels[i] & 0xffffff) | random_below(&random, 3) << 24;
    }
    const ImageChunk chunk = {(const uint8_t *)pixels, 40};
    const ImageSource source = {PIXEL_32BIT, 90, 40, 360, true, &chunk, 1};
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(lz4_encode(encoder, &source, &sink), STATUS_OK);
    assert_int_equal(lz4_decode(span_of(coded, sink.total), decoded, sizeof(decoded)), STATUS_OK);
    assert_memory_equal(decoded, pixels, sizeof(decoded));
    free(pixels);
    lz4_encoder_free(encoder);
}

/* Where fourth bytes are noise no pixel is like another, while the other three bytes are: then it takes no more than the
 * library does, which looks at bytes. */
static void lz4_looks_at_bytes_in_noise(void **state)
{
    (void)state;
    static const struct {
        ImageClass class;
        uint32_t width, height;
    } kinds[] = {
        {IMAGE_TEXT_PAGE, 320, 200}, {IMAGE_TEXT_RUN, 48, 16}, {IMAGE_UI, 256, 64}, {IMAGE_RUNS, 300, 900}};
    Lz4Encoder *encoder = lz4_encoder_new(&test_memory);
    Random random = random_from(7);
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        const uint32_t count = kinds[k].width * kinds[k].height;
        uint32_t *pixels = image_paint(kinds[k].class, kinds[k].width, kinds[k].height, k);
        for (uint32_t i = 0; i < count; i++) {
            pixels[i] = (pixels[i] & 0xffffff) | random_below(&random, 256) << 24;
        }
        const size_t room = (size_t)LZ4_compressBound((int)count * 4) + 64;
        uint8_t *ours = malloc(room), *theirs = malloc(room), *decoded = malloc((size_t)count * 4);
        LZ4_stream_t *stream = LZ4_createStream();
        const int wanted = LZ4_compress_fast_continue(stream, (const char *)pixels, (char *)theirs,
                                                      (int)count * 4, (int)room, 1);
        const ImageChunk chunk = {(const uint8_t *)pixels, kinds[k].height};
        const ImageSource source = {
            PIXEL_32BIT, kinds[k].width, kinds[k].height, kinds[k].width * 4, true, &chunk, 1};
        CodecSink sink;
        sink_init(&sink, ours, room);
        assert_int_equal(lz4_encode(encoder, &source, &sink), STATUS_OK);
        assert_true(sink.total <= (size_t)wanted + 16);
        assert_int_equal(lz4_decode(span_of(ours, sink.total), decoded, (size_t)count * 4), STATUS_OK);
        assert_memory_equal(decoded, pixels, (size_t)count * 4);
        LZ4_freeStream(stream);
        free(pixels);
        free(ours);
        free(theirs);
        free(decoded);
    }
    lz4_encoder_free(encoder);
}

static void lz4_refuses_other_formats(void **state)
{
    (void)state;
    Lz4Encoder *encoder = lz4_encoder_new(&test_memory);
    uint8_t pixels[64] = {0}, coded[256], decoded[64];
    const ImageChunk chunk = {pixels, 4};
    ImageSource source = {PIXEL_32BIT, 4, 4, 16, true, &chunk, 1};
    CodecSink sink;
    sink_init(&sink, coded, sizeof(coded));
    assert_int_equal(lz4_encode(encoder, &source, &sink), STATUS_OK);
    const size_t len = sink.total;
    assert_int_equal(lz4_decode(span_of(coded, len), decoded, sizeof(decoded)), STATUS_OK);
    for (unsigned format = 0; format < 256; format++) {
        coded[1] = (uint8_t)format;
        ImageInfo info;
        assert_int_equal(lz4_info(span_of(coded, len), 4, 4, &info),
                         format >= 6 && format <= 9 ? STATUS_OK : STATUS_PEER_FAULT);
        source.format = (PixelFormat)format;
        sink_init(&sink, decoded, sizeof(decoded));
        if (format < 6 || format > 9) {
            assert_int_equal(lz4_encode(encoder, &source, &sink), STATUS_MISUSE);
        }
    }
    lz4_encoder_free(encoder);
}

int run_lz4(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lz4_round_trips),
        cmocka_unit_test(lz4_survives_abuse),
        cmocka_unit_test(lz4_many_blocks),
        cmocka_unit_test(lz4_links_blocks),
        cmocka_unit_test(lz4_refuses_other_formats),
        cmocka_unit_test(lz4_keeps_fourth_bytes),
        cmocka_unit_test(lz4_looks_at_bytes_in_noise),
    };
    return cmocka_run_group_tests_name("lz4", tests, NULL, NULL);
}
