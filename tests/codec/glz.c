/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec/glz.h"
#include "codec/lz_tokens.h"

#define ROOM (4u << 20)

/* An encoder, a decoder that announced its window, and what went between them. */
typedef struct Pair {
    GlzEncoder *encoder;
    GlzDecoder *decoder;
    uint32_t window;
    uint64_t next_id;
    uint8_t *coded;
} Pair;

static Pair pair_open(uint32_t window)
{
    const GlzState state = {.window_pixels = window};
    Pair pair = {
        .encoder = glz_encoder_new(&test_memory, &state),
        .decoder = glz_decoder_new(&test_memory, window, 0),
        .window = window,
        .coded = malloc(ROOM),
    };
    assert_non_null(pair.encoder);
    assert_non_null(pair.decoder);
    return pair;
}

static void pair_close(Pair *pair)
{
    glz_encoder_free(pair->encoder);
    glz_decoder_free(pair->decoder);
    free(pair->coded);
}

/* Decodes what was coded as the next image, and compares. */
static void pair_check(Pair *pair, const TestImage *image, const uint8_t *coded, size_t len)
{
    ImageInfo info;
    uint64_t id;
    uint8_t *exact = malloc(len);
    uint8_t *pixels = malloc(image->size);
    memcpy(exact, coded, len);
    assert_int_equal(glz_info(span_of(exact, len), &info, &id), STATUS_OK);
    assert_int_equal(id, pair->next_id);
    assert_int_equal(info.format, image->source.format);
    assert_int_equal(info.width, image->source.width);
    assert_int_equal(info.height, image->source.height);
    assert_int_equal(info.top_down, image->source.top_down);
    assert_int_equal(glz_decode(pair->decoder, span_of(exact, len), pixels, image->size), STATUS_OK);
    for (size_t i = 3; image->source.high_bits && i < image->size; i += 4) {
        pixels[i] = 0; /* the client sets them, whatever they are */
    }
    assert_memory_equal(pixels, image->expected, image->size);
    assert_true(glz_decoder_pixels(pair->decoder) <= pair->window);
    if (image->source.high_bits) {
        glz_decoder_set_high_bits(pair->decoder, id);
    }
    pair->next_id++;
    free(pixels);
    free(exact);
}

static size_t pair_pass(Pair *pair, const TestImage *image)
{
    CodecSink sink;
    sink_init(&sink, pair->coded, ROOM);
    assert_int_equal(glz_encode(pair->encoder, &image->source, &sink), STATUS_OK);
    pair_check(pair, image, pair->coded, sink.total);
    return sink.total;
}

static const PixelFormat formats[] = {PIXEL_16BIT, PIXEL_24BIT, PIXEL_32BIT, PIXEL_RGBA};

static ImageLayout layout_any(Random *random, uint32_t width, uint32_t height)
{
    ImageLayout layout = {
        .format = formats[random_below(random, 4)], .width = width, .height = height, .chunks = 1};
    layout.top_down = random_below(random, 2) != 0;
    layout.padding = random_below(random, 3) == 0 ? random_below(random, 9) : 0;
    if (random_below(random, 3) == 0) {
        layout.chunks = 1 + random_below(random, height < IMAGE_CHUNKS_MAX ? height : IMAGE_CHUNKS_MAX);
    }
    return layout;
}

static void glz_sequences(void **state)
{
    (void)state;
    static const uint32_t windows[] = {3000, 20000, 100000, 1u << 20};
    const unsigned blocks = test_memory_blocks;
    for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
        Pair pair = pair_open(windows[w]);
        Random random = random_from(w);
        for (unsigned i = 0; i < 1200; i++) {
            /* Few seeds, so that images come again while they are in the window, and after. */
            const uint32_t width = i % 17 == 0 && w >= 2 ? 100 + random_below(&random, 400) : 1 + i % 70;
            const ImageLayout layout = layout_any(&random, width, 1 + random_below(&random, 40));
            TestImage image;
            image_make(&image, (ImageClass)random_below(&random, IMAGE_CLASSES), &layout,
                       random_below(&random, 5));
            if (i % 3 == 0) {
                PieceSink *pieces = malloc(sizeof(*pieces));
                piece_sink_init(pieces, ROOM, i);
                assert_int_equal(glz_encode(pair.encoder, &image.source, &pieces->sink), STATUS_OK);
                uint8_t *joined = piece_sink_join(pieces);
                pair_check(&pair, &image, joined, pieces->sink.total);
                free(joined);
                free(pieces);
            } else {
                pair_pass(&pair, &image);
            }
            image_free(&image);
        }
        pair_close(&pair);
    }
    assert_int_equal(test_memory_blocks, blocks);
}

/* The same of each format alone, so that all images may refer to all; half of them were seen before. */
static void glz_random_images(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        Pair pair = pair_open(30000);
        Random random = random_from(100 + f);
        for (unsigned i = 0; i < codec_random_images; i++) {
            const ImageLayout layout = codec_random_layout(&random, formats[f]);
            const uint64_t seed = random_below(&random, 2) != 0 ? i : random_below(&random, 5);
            TestImage image;
            image_make(&image, (ImageClass)random_below(&random, IMAGE_CLASSES), &layout, seed);
            pair_pass(&pair, &image);
            image_free(&image);
        }
        assert_int_equal(pair.next_id, codec_random_images);
        pair_close(&pair);
    }
}

/* An image that comes again costs a header and a few tokens, and so does a part of it. */
static void glz_finds_earlier_images(void **state)
{
    (void)state;
    Pair pair = pair_open(1u << 20);
    for (unsigned f = 0; f < 4; f++) {
        TestImage image, between;
        const ImageLayout layout = {formats[f], 150, 100, 0, 1, true};
        const ImageLayout other = {formats[(f + 1) % 4], 60, 60, 0, 1, false};
        image_make(&image, IMAGE_NOISE, &layout, 100 + f);
        image_make(&between, IMAGE_NOISE, &other, 2 + f);
        const size_t first = pair_pass(&pair, &image);
        assert_true(first > image.size * (formats[f] == PIXEL_32BIT ? 3 : 4) / 4 - 100);
        pair_pass(&pair, &between);
        assert_true(pair_pass(&pair, &image) < 33 + 300);
        image_free(&image);
        image_free(&between);
    }
    pair_close(&pair);
}

/* What a client makes of a picture's fourth bytes, in its window, gets into no picture that has none: pair_check() says so. */
static void glz_keeps_high_bits_apart(void **state)
{
    (void)state;
    Pair pair = pair_open(1u << 20);
    TestImage image;
    const ImageLayout layout = {PIXEL_32BIT, 150, 100, 0, 1, true};
    image_make(&image, IMAGE_NOISE, &layout, 1);
    for (unsigned i = 0; i < 12; i++) {
        image.source.high_bits = i / 3 % 2 == 0;
        const size_t bytes = pair_pass(&pair, &image);
        assert_int_equal(bytes < 33 + 300, i % 3 != 0); /* each finds its like */
    }
    image_free(&image);
    pair_close(&pair);
}

/* Every form of offsets and of image distances. */
static void glz_far_references(void **state)
{
    (void)state;
    Pair pair = pair_open(2u << 20);
    TestImage large, small;
    const ImageLayout wide = {PIXEL_32BIT, 700, 500, 0, 1, true};
    image_make(&large, IMAGE_PHOTO, &wide, 3);
    const size_t first = pair_pass(&pair, &large);
    assert_true(pair_pass(&pair, &large) < first / 8);
    static const unsigned waits[] = {1, 62, 70, 200, 300, 17000, 70000};
    unsigned done = 0;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        /* Tiny images, each different, until the large one is so many back. */
        for (; done < waits[i]; done++) {
            uint32_t pixels[2] = {done | 0x400000, ~done & 0xffffff};
            const ImageChunk chunk = {(const uint8_t *)pixels, 1};
            const ImageSource source = {PIXEL_32BIT, 2, 1, 8, true, &chunk, 1};
            CodecSink sink;
            uint8_t coded[128], back[8];
            sink_init(&sink, coded, sizeof(coded));
            assert_int_equal(glz_encode(pair.encoder, &source, &sink), STATUS_OK);
            assert_int_equal(glz_decode(pair.decoder, span_of(coded, sink.total), back, sizeof(back)),
                             STATUS_OK);
            pair.next_id++;
        }
        /* Parts of the large one, from places that need one, two and three bytes. */
        for (uint32_t y = 1; y < 480; y += 150) {
            const ImageLayout part = {PIXEL_32BIT, 700, 4, 0, 1, true};
            image_make(&small, IMAGE_FLAT, &part, 1);
            const ImageChunk chunk = {large.chunks[0].data + (size_t)y * 2800, 4};
            const ImageSource source = {PIXEL_32BIT, 700, 4, 2800, true, &chunk, 1};
            CodecSink sink;
            sink_init(&sink, pair.coded, ROOM);
            assert_int_equal(glz_encode(pair.encoder, &source, &sink), STATUS_OK);
            memcpy(small.expected, large.expected + (size_t)y * 2800, small.size);
            pair_check(&pair, &small, pair.coded, sink.total);
            image_free(&small);
        }
    }
    image_free(&large);
    pair_close(&pair);
}

/* What did not fit its sink was never sent: the client is not confused by what comes next. */
static void glz_failure_changes_nothing(void **state)
{
    (void)state;
    Pair pair = pair_open(20000);
    Random random = random_from(5);
    for (unsigned i = 0; i < 300; i++) {
        const ImageLayout layout =
            layout_any(&random, 1 + random_below(&random, 80), 1 + random_below(&random, 60));
        TestImage image;
        image_make(&image, (ImageClass)random_below(&random, IMAGE_CLASSES), &layout,
                   random_below(&random, 4));
        if (i % 2 == 0) {
            uint8_t *tight = malloc(60);
            CodecSink sink;
            sink_init(&sink, tight, random_below(&random, 60));
            const Status status = glz_encode(pair.encoder, &image.source, &sink);
            if (status == STATUS_OK) {
                pair_check(&pair, &image, tight, sink.total);
            } else {
                assert_int_equal(status, STATUS_LIMIT);
            }
            free(tight);
        } else {
            pair_pass(&pair, &image);
        }
        image_free(&image);
    }
    pair_close(&pair);
}

static void glz_refuses_too_large(void **state)
{
    (void)state;
    Pair pair = pair_open(1000);
    for (uint32_t width = 999; width <= 1001; width++) {
        TestImage image;
        const ImageLayout layout = {PIXEL_32BIT, width, 1, 0, 1, true};
        image_make(&image, IMAGE_NOISE, &layout, width);
        if (width < 1000) {
            pair_pass(&pair, &image);
        } else {
            CodecSink sink;
            sink_init(&sink, pair.coded, ROOM);
            assert_int_equal(glz_encode(pair.encoder, &image.source, &sink), STATUS_LIMIT);
        }
        image_free(&image);
    }
    pair_close(&pair);
}

/* Takes memory when it is used, and no more once the window went round. */
static void glz_memory(void **state)
{
    (void)state;
    const unsigned before = test_memory_calls;
    Pair pair = pair_open(50000);
    assert_int_equal(test_memory_calls, before + 2);
    TestImage images[20];
    for (unsigned i = 0; i < 20; i++) {
        const ImageLayout layout = {PIXEL_32BIT, 40 + i * 9, 90, 0, 1, true};
        image_make(&images[i], IMAGE_PHOTO, &layout, i);
    }
    unsigned calls = 0;
    for (unsigned i = 0; i < 200; i++) {
        CodecSink sink;
        sink_init(&sink, pair.coded, ROOM);
        if (i == 60) {
            calls = test_memory_calls;
        }
        assert_int_equal(glz_encode(pair.encoder, &images[i % 20].source, &sink), STATUS_OK);
    }
    assert_int_equal(test_memory_calls, calls);
    for (unsigned i = 0; i < 20; i++) {
        image_free(&images[i]);
    }
    pair_close(&pair);
}

/* ---- While it grows ---- */

typedef struct Meter {
    size_t now, most;
} Meter;

typedef struct Metered {
    size_t bytes;
    max_align_t data[];
} Metered;

static void *meter_alloc(void *owner, size_t bytes)
{
    Meter *meter = owner;
    Metered *block = malloc(sizeof *block + bytes);

    assert_non_null(block);
    block->bytes = bytes;
    meter->now += bytes;
    meter->most = meter->now > meter->most ? meter->now : meter->most;
    return block->data;
}

static void meter_free(void *owner, void *data)
{
    Meter *meter = owner;

    if (data != NULL) {
        Metered *block = (Metered *)((char *)data - offsetof(Metered, data));
        meter->now -= block->bytes;
        free(block);
    }
}

/* What a larger ring replaces is small beside it, however it comes to its size: the two are there at once. */
static void glz_grows(void **state)
{
    (void)state;
    for (uint32_t side = 20; side <= 420; side += 100) {
        Meter meter = {0};
        const CodecMemory memory = {meter_alloc, meter_free, &meter};
        const GlzState glz_state = {.window_pixels = 400000};
        GlzEncoder *encoder = glz_encoder_new(&memory, &glz_state);
        const ImageLayout layout = {PIXEL_32BIT, side, side, 0, 1, true};
        uint8_t *coded = malloc(ROOM);
        TestImage image;

        image_make(&image, IMAGE_PHOTO, &layout, side);
        for (uint32_t pixels = 0; pixels < 2 * glz_state.window_pixels; pixels += side * side) {
            CodecSink sink;
            sink_init(&sink, coded, ROOM);
            assert_int_equal(glz_encode(encoder, &image.source, &sink), STATUS_OK);
        }
        assert_true(meter.now >= 5 * glz_state.window_pixels);
        assert_in_range(meter.most, meter.now, meter.now + meter.now / 4);
        glz_encoder_free(encoder);
        assert_int_equal(meter.now, 0);
        image_free(&image);
        free(coded);
    }
}

static void glz_freezes(void **state)
{
    (void)state;
    Pair pair = pair_open(40000);
    TestImage image;
    const ImageLayout layout = {PIXEL_32BIT, 100, 80, 0, 1, true};
    image_make(&image, IMAGE_NOISE, &layout, 1);
    for (unsigned i = 0; i < 7; i++) {
        pair_pass(&pair, &image);
    }
    const GlzState frozen = glz_encoder_freeze(pair.encoder);
    assert_int_equal(frozen.next_id, 7);
    assert_int_equal(frozen.window_pixels, 40000);
    CodecSink sink;
    sink_init(&sink, pair.coded, ROOM);
    assert_int_equal(glz_encode(pair.encoder, &image.source, &sink), STATUS_MISUSE);
    glz_encoder_free(pair.encoder);
    pair.encoder = glz_encoder_new(&test_memory, &frozen);
    /* The new one does not know the image, the client goes on as before. */
    assert_true(pair_pass(&pair, &image) > image.size * 3 / 4);
    assert_true(pair_pass(&pair, &image) < 400);
    image_free(&image);
    pair_close(&pair);
}

/* Two display channels: the second's image may arrive before the first's, which it refers to. */
static void glz_waits_for_other_channels(void **state)
{
    (void)state;
    Pair pair = pair_open(40000);
    TestImage image;
    const ImageLayout layout = {PIXEL_32BIT, 50, 20, 0, 1, true};
    image_make(&image, IMAGE_NOISE, &layout, 1);
    uint8_t *coded[3];
    size_t len[3];
    uint8_t pixels[4000];
    for (unsigned i = 0; i < 3; i++) {
        CodecSink sink;
        sink_init(&sink, pair.coded, ROOM);
        assert_int_equal(glz_encode(pair.encoder, &image.source, &sink), STATUS_OK);
        len[i] = sink.total;
        coded[i] = malloc(len[i]);
        memcpy(coded[i], pair.coded, len[i]);
    }
    assert_int_equal(glz_decode(pair.decoder, span_of(coded[1], len[1]), pixels, 4000), STATUS_AGAIN);
    assert_int_equal(glz_decode(pair.decoder, span_of(coded[0], len[0]), pixels, 4000), STATUS_OK);
    assert_int_equal(glz_decode(pair.decoder, span_of(coded[0], len[0]), pixels, 4000), STATUS_PEER_FAULT);
    assert_int_equal(glz_decode(pair.decoder, span_of(coded[1], len[1]), pixels, 4000), STATUS_OK);
    assert_int_equal(glz_decode(pair.decoder, span_of(coded[2], len[2]), pixels, 4000), STATUS_OK);
    assert_memory_equal(pixels, image.expected, 4000);
    for (unsigned i = 0; i < 3; i++) {
        free(coded[i]);
    }
    image_free(&image);
    pair_close(&pair);
}

/* An image of one pixel, by hand; those back to `distance` before it are still needed. Its size. */
static size_t pixel_put(uint8_t *to, uint64_t id, uint32_t distance)
{
    static const uint8_t head[] = {' ', ' ', 'Z', 'L', 0, 1, 0, 1, 0x18, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4};
    memcpy(to, head, sizeof(head));
    be32_put(to + 21, (uint32_t)(id >> 32));
    be32_put(to + 25, (uint32_t)id);
    be32_put(to + 29, distance);
    memcpy(to + GLZ_HEADER_BYTES, (const uint8_t[]){0, 1, 2, 3}, 4);
    return GLZ_HEADER_BYTES + 4;
}

/* Many small images cost a decoder no more for each than few do, and no more memory than some large ones. */
static void glz_many_small_images(void **state)
{
    (void)state;
    uint8_t coded[64], pixels[4];
    const unsigned blocks = test_memory_blocks;
    GlzDecoder *decoder = glz_decoder_new(&test_memory, 2u << 20, 0);
    const clock_t before = clock();
    const uint32_t count = 200000;
    for (uint32_t id = 0; id < count; id++) {
        const size_t len = pixel_put(coded, id, id < count / 2 ? id : count / 2); /* then one goes for each */
        assert_int_equal(glz_decode(decoder, span_of(coded, len), pixels, 4), STATUS_OK);
    }
    assert_int_equal(glz_decoder_pixels(decoder), count / 2 + 1);
    assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 5); /* minutes, if each looks at all */
    glz_decoder_free(decoder);

    decoder = glz_decoder_new(&test_memory, 16000, 0);
    uint32_t taken = 0;
    while (glz_decode(decoder, span_of(coded, pixel_put(coded, taken, taken)), pixels, 4) == STATUS_OK) {
        taken++;
    }
    assert_in_range(taken, 1000, 5000);
    glz_decoder_free(decoder);
    assert_int_equal(test_memory_blocks, blocks);
}

/* Each in front of those that came before it; the one that all wait for never comes. */
static void glz_few_early_images(void **state)
{
    (void)state;
    uint8_t coded[64], pixels[4];
    GlzDecoder *decoder = glz_decoder_new(&test_memory, 2u << 20, 0);
    uint32_t taken = 0;
    while (glz_decode(decoder, span_of(coded, pixel_put(coded, 100000 - taken, 0)), pixels, 4) == STATUS_OK) {
        taken++;
    }
    assert_in_range(taken, 1000, 10000);
    assert_int_equal(glz_decode(decoder, span_of(coded, pixel_put(coded, 0, 0)), pixels, 4), STATUS_OK);
    glz_decoder_free(decoder);
}

static GlzDecoder *abused;

static Status abused_decode(Span data, uint8_t *pixels, size_t size)
{
    return glz_decode(abused, data, pixels, size);
}

static void glz_survives_abuse(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 4; f++) {
        for (ImageClass class = 0; class < IMAGE_CLASSES; class ++) {
            Pair pair = pair_open(30000);
            const ImageLayout layout = {formats[f], 61, 23, 0, 1, true};
            TestImage image;
            for (unsigned i = 0; i < 4; i++) {
                image_make(&image, class, &layout, i);
                pair_pass(&pair, &image);
                image_free(&image);
            }
            CodecSink sink;
            image_make(&image, class, &layout, 2);
            sink_init(&sink, pair.coded, ROOM);
            assert_int_equal(glz_encode(pair.encoder, &image.source, &sink), STATUS_OK);
            const size_t len = sink.total;
            abused = pair.decoder;
            codec_abuse_bytes(abused_decode, span_of(pair.coded, len), image.size, 200, class);
            uint8_t *pixels = malloc(image.size);
            for (size_t cut = 0; cut < len; cut += 1 + cut / 8) {
                assert_int_not_equal(glz_decode(pair.decoder, span_of(pair.coded, cut), pixels, image.size),
                                     STATUS_OK);
            }
            free(pixels);
            image_free(&image);
            pair_close(&pair);
        }
    }
}

int run_glz(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glz_sequences),
        cmocka_unit_test(glz_finds_earlier_images),
        cmocka_unit_test(glz_far_references),
        cmocka_unit_test(glz_failure_changes_nothing),
        cmocka_unit_test(glz_refuses_too_large),
        cmocka_unit_test(glz_memory),
        cmocka_unit_test(glz_grows),
        cmocka_unit_test(glz_freezes),
        cmocka_unit_test(glz_waits_for_other_channels),
        cmocka_unit_test(glz_survives_abuse),
        cmocka_unit_test(glz_keeps_high_bits_apart),
        cmocka_unit_test(glz_random_images),
        cmocka_unit_test(glz_many_small_images),
        cmocka_unit_test(glz_few_early_images),
    };
    return cmocka_run_group_tests_name("glz", tests, NULL, NULL);
}
