/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pixels that another thread writes while encoders read them, as a guest may: what comes out is a valid image of the right
 * size, whatever it shows. The thread sanitizer is not told of the writes: a guest is not instrumented, and that they are not
 * ordered is the point here.
 */
#include "tests/codec/codec_tests.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"

#define WIDTH 96u
#define HEIGHT 64u
#define BYTES ((size_t)WIDTH * HEIGHT * 4)
#define ROUNDS 150u

static uint8_t *pixels;
static atomic_bool enough, noisy;

__attribute__((noinline, no_sanitize_thread)) static void
write_unseen(uint32_t from, uint32_t len, uint32_t color, uint32_t noise, uint32_t fourth)
{
    volatile uint32_t *at = (volatile uint32_t *)(void *)pixels;

    for (uint32_t i = 0; i < len; i++) {
        at[from + i] = color | (noise * (i + 1) & fourth);
    }
}

static void *scribble(void *opaque)
{
    Random random = random_from(1);
    (void)opaque;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        /* Runs of one of two colors: matches and runs come and go. */
        const uint32_t from = random_below(&random, WIDTH * HEIGHT - 40), len = random_below(&random, 40);
        const uint32_t fourth = atomic_load_explicit(&noisy, memory_order_relaxed) ? 0xff000000 : 0;
        write_unseen(from, len, random_below(&random, 2) * 0x404040, (uint32_t)random.state * 0x9e3779b9u,
                     fourth);
    }
    return NULL;
}

static void encoders_take_changing_pixels(void **state)
{
    (void)state;
    LzEncoder *lz = lz_encoder_new(&test_memory);
    Lz4Encoder *lz4 = lz4_encoder_new(&test_memory);
    QuicEncoder *quic = quic_encoder_new(&test_memory);
    QuicDecoder *quic_back = quic_decoder_new(&test_memory);
    JpegEncoder *jpeg = jpeg_encoder_new(&test_memory);
    JpegDecoder *jpeg_back = jpeg_decoder_new(&test_memory);
    GlzEncoder *glz = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = 3 * WIDTH * HEIGHT});
    GlzDecoder *glz_back = glz_decoder_new(&test_memory, 3 * WIDTH * HEIGHT, 0);
    pixels = calloc(1, BYTES);
    uint8_t *coded = malloc(2 * BYTES), *back = malloc(BYTES);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, scribble, NULL), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const ImageChunk chunk = {pixels, HEIGHT};
        const PixelFormat format = round % 2 == 0 ? PIXEL_32BIT : PIXEL_RGBA;
        atomic_store(&noisy, round >= ROUNDS / 2); /* LZ4 is coded otherwise then */
        const ImageSource source = {format, WIDTH, HEIGHT, WIDTH * 4, true, &chunk, 1};
        CodecSink sink;
        sink_init(&sink, coded, 2 * BYTES);
        assert_int_equal(lz_encode(lz, &source, &sink), STATUS_OK);
        assert_int_equal(lz_decode(span_of(coded, sink.total), back, BYTES), STATUS_OK);
        sink_init(&sink, coded, 2 * BYTES);
        assert_int_equal(lz4_encode(lz4, &source, &sink), STATUS_OK);
        assert_int_equal(lz4_decode(span_of(coded, sink.total), back, BYTES), STATUS_OK);
        sink_init(&sink, coded, 2 * BYTES);
        assert_int_equal(quic_encode(quic, &source, &sink), STATUS_OK);
        assert_int_equal(quic_decode(quic_back, span_of(coded, sink.total), back, BYTES), STATUS_OK);
        sink_init(&sink, coded, 2 * BYTES);
        assert_int_equal(glz_encode(glz, &source, &sink), STATUS_OK);
        assert_int_equal(glz_decode(glz_back, span_of(coded, sink.total), back, BYTES), STATUS_OK);
        sink_init(&sink, coded, 2 * BYTES);
        assert_int_equal(jpeg_encode(jpeg, &source, 85, &sink), STATUS_OK);
        assert_int_equal(jpeg_decode(jpeg_back, span_of(coded, sink.total), WIDTH, HEIGHT, back), STATUS_OK);
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
    lz_encoder_free(lz);
    lz4_encoder_free(lz4);
    quic_encoder_free(quic);
    quic_decoder_free(quic_back);
    jpeg_encoder_free(jpeg);
    jpeg_decoder_free(jpeg_back);
    glz_encoder_free(glz);
    glz_decoder_free(glz_back);
    free(pixels);
    free(coded);
    free(back);
}

/* Memory that cannot be had: the image fails, and the context is as good as before. */
static unsigned allocations_left;

static void *scarce_alloc(void *owner, size_t size)
{
    (void)owner;
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return test_memory.alloc(NULL, size);
}

static void encoders_survive_lack_of_memory(void **state)
{
    (void)state;
    const CodecMemory scarce = {scarce_alloc, test_memory.free, NULL};
    const unsigned blocks = test_memory_blocks;
    TestImage image;
    const ImageLayout layout = {PIXEL_RGBA, 300, 200, 4, 2, false};
    image_make(&image, IMAGE_PHOTO, &layout, 1);
    uint8_t *coded = malloc(2 * image.size), *back = malloc(image.size);
    for (unsigned have = 0; have < 8; have++) {
        allocations_left = have;
        LzEncoder *lz = lz_encoder_new(&scarce);
        allocations_left = have;
        Lz4Encoder *lz4 = lz4_encoder_new(&scarce);
        allocations_left = have;
        QuicEncoder *quic = quic_encoder_new(&scarce);
        allocations_left = have;
        GlzEncoder *glz = glz_encoder_new(&scarce, &(GlzState){.window_pixels = 100000});
        GlzDecoder *glz_back = glz_decoder_new(&test_memory, 100000, 0);
        assert_int_equal(lz == NULL, have == 0);
        assert_int_equal(lz4 == NULL, have == 0);
        assert_int_equal(quic == NULL, have == 0);
        assert_int_equal(glz == NULL, have == 0);
        for (unsigned again = 0; again < 2 && have > 0; again++) {
            /* The second time there is enough. */
            const unsigned left = again ? 100 : have - 1;
            Status status[4];
            CodecSink sink;
            allocations_left = left;
            sink_init(&sink, coded, 2 * image.size);
            status[0] = lz_encode(lz, &image.source, &sink);
            allocations_left = left;
            sink_init(&sink, coded, 2 * image.size);
            status[1] = lz4_encode(lz4, &image.source, &sink);
            allocations_left = left;
            sink_init(&sink, coded, 2 * image.size);
            status[2] = quic_encode(quic, &image.source, &sink);
            allocations_left = left;
            sink_init(&sink, coded, 2 * image.size);
            status[3] = glz_encode(glz, &image.source, &sink);
            for (unsigned i = 0; i < 4; i++) {
                assert_true(status[i] == STATUS_OK || (status[i] == STATUS_IO && !again));
            }
            assert_true(have > 1 || again || status[0] == STATUS_IO);
            assert_true(have > 1 || again || status[3] == STATUS_IO);
            if (status[3] == STATUS_OK) {
                assert_int_equal(glz_decode(glz_back, span_of(coded, sink.total), back, image.size),
                                 STATUS_OK);
                assert_memory_equal(back, image.expected, image.size);
            }
        }
        glz_decoder_free(glz_back);
        lz_encoder_free(lz);
        lz4_encoder_free(lz4);
        quic_encoder_free(quic);
        glz_encoder_free(glz);
    }
    free(coded);
    free(back);
    image_free(&image);
    assert_int_equal(test_memory_blocks, blocks);
}

/* libjpeg's and zlib's is taken from the same memory: where there is none, they fail, and lose nothing. */
static void libraries_survive_lack_of_memory(void **state)
{
    (void)state;
    enum { ENOUGH = 40 };
    static const PixelFormat formats[] = {PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};
    const CodecMemory scarce = {scarce_alloc, test_memory.free, NULL};
    const unsigned blocks = test_memory_blocks;
    JpegDecoder *jpeg_back = jpeg_decoder_new(&test_memory);
    ZlibDecoder *zlib_back = zlib_decoder_new(&test_memory);
    unsigned failures = 0, zlib_failures = 0;
    for (unsigned have = 0; have <= ENOUGH; have++) {
        const ImageLayout layout = {formats[have % 4], 300, 200, 4, 2, false};
        TestImage image;
        image_make(&image, IMAGE_PHOTO, &layout, 1);
        const bool has_alpha = layout.format == PIXEL_RGBA;
        const size_t room = 300 * 200 * 4;
        uint8_t *coded = malloc(2 * room), *back = malloc(room);
        LzEncoder *lz = lz_encoder_new(&test_memory);
        allocations_left = have;
        JpegEncoder *jpeg = jpeg_encoder_new(&scarce);
        assert_int_equal(jpeg == NULL, have == 0);
        for (unsigned again = 0; again < 2 && jpeg != NULL; again++) {
            CodecSink sink;
            size_t jpeg_size = 0;
            allocations_left = again ? ENOUGH : allocations_left;
            sink_init(&sink, coded, 2 * room);
            const Status status = has_alpha
                                      ? jpeg_alpha_encode(jpeg, lz, &image.source, 85, &sink, &jpeg_size)
                                      : jpeg_encode(jpeg, &image.source, 85, &sink);
            assert_true(status == STATUS_OK || (status == STATUS_IO && !again && have < ENOUGH));
            failures += status == STATUS_IO;
            if (status == STATUS_OK) {
                const Span data = span_of(coded, sink.total);
                assert_int_equal(has_alpha
                                     ? jpeg_alpha_decode(jpeg_back, data, jpeg_size, false, 300, 200, back)
                                     : jpeg_decode(jpeg_back, data, 300, 200, back),
                                 STATUS_OK);
            }
        }
        allocations_left = have;
        ZlibEncoder *zlib = zlib_encoder_new(&scarce);
        zlib_failures += zlib == NULL;
        if (zlib != NULL) {
            const Span raw = span_of(image.expected, image.size);
            CodecSink sink;
            allocations_left = 0; /* it has all from its start */
            sink_init(&sink, coded, 2 * room);
            assert_int_equal(zlib_encode(zlib, &raw, 1, &sink), STATUS_OK);
            assert_int_equal(zlib_decode(zlib_back, span_of(coded, sink.total), back, image.size), STATUS_OK);
            assert_memory_equal(back, image.expected, image.size);
        }
        zlib_encoder_free(zlib);
        jpeg_encoder_free(jpeg);
        lz_encoder_free(lz);
        free(coded);
        free(back);
        image_free(&image);
    }
    jpeg_decoder_free(jpeg_back);
    zlib_decoder_free(zlib_back);
    assert_true(failures > 10 && failures < ENOUGH - 1);
    assert_true(zlib_failures > 1 && zlib_failures < ENOUGH);
    assert_int_equal(test_memory_blocks, blocks);
}

int run_changing(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoders_take_changing_pixels),
        cmocka_unit_test(encoders_survive_lack_of_memory),
        cmocka_unit_test(libraries_survive_lack_of_memory),
    };
    return cmocka_run_group_tests_name("changing", tests, NULL, NULL);
}
