/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/codec_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A sink of small pieces ---- */

static bool piece_more(CodecSink *sink, uint8_t **ret_data, size_t *ret_len)
{
    PieceSink *pieces = sink->owner;
    assert_true(pieces->count < sizeof(pieces->pieces) / sizeof(pieces->pieces[0]));
    /* Mostly small ones; they grow so that large images fit. */
    const size_t len = 1 + random_below(&pieces->random, 300) + pieces->count * pieces->count / 16;
    pieces->pieces[pieces->count] = malloc(len);
    pieces->lens[pieces->count] = len;
    *ret_data = pieces->pieces[pieces->count];
    *ret_len = len;
    pieces->count++;
    return *ret_data != NULL;
}

void piece_sink_init(PieceSink *sink, size_t max, uint64_t seed)
{
    sink->count = 0;
    sink->random = random_from(seed);
    sink_init_pieces(&sink->sink, piece_more, sink, max);
}

uint8_t *piece_sink_join(PieceSink *sink)
{
    uint8_t *all = malloc(sink->sink.total + 1);
    size_t done = 0;
    for (size_t i = 0; i < sink->count; i++) {
        const size_t left = sink->sink.total - done;
        const size_t len = sink->lens[i] < left ? sink->lens[i] : left;
        memcpy(all + done, sink->pieces[i], len);
        free(sink->pieces[i]);
        done += len;
    }
    assert_int_equal(done, sink->sink.total);
    return all;
}

/* ---- Round trips ---- */

static void pixels_compare(const CodecUnderTest *codec, const TestImage *image, const uint8_t *pixels,
                           ImageClass class)
{
    const uint8_t *expected = codec->top_first ? image->expected_top_first : image->expected;
    for (size_t i = 0; i < image->size; i++) {
        if (pixels[i] != expected[i]) {
            fail_msg("%s: %s, format %d, %ux%u: byte %zu is %u, not %u", codec->name, image_class_name(class),
                     image->source.format, image->source.width, image->source.height, i, pixels[i],
                     expected[i]);
        }
    }
}

size_t codec_round_trip(const CodecUnderTest *codec, void *encoder, ImageClass class,
                        const ImageLayout *layout, uint64_t seed)
{
    TestImage image;
    image_make(&image, class, layout, seed);
    const size_t room = image.size * 2 + 4096;
    uint8_t *coded = malloc(room);
    CodecSink sink;
    sink_init(&sink, coded, room);
    assert_int_equal(codec->encode(encoder, &image.source, &sink), STATUS_OK);
    const size_t len = sink.total;
    coded = realloc(coded, len);

    ImageInfo info;
    assert_int_equal(codec->info(span_of(coded, len), &info), STATUS_OK);
    assert_int_equal(info.format, layout->format);
    assert_int_equal(info.width, layout->width);
    assert_int_equal(info.height, layout->height);
    assert_int_equal(info.stride, pixel_row_bytes(layout->format, layout->width));
    assert_int_equal(info.top_down, codec->top_first || layout->top_down);
    uint8_t *pixels = malloc(image.size);
    memset(pixels, 0xaa, image.size);
    assert_int_equal(codec->decode(span_of(coded, len), pixels, image.size), STATUS_OK);
    pixels_compare(codec, &image, pixels, class);

    /* The same again, in pieces: the same bytes; and once more: nothing allocated. */
    PieceSink *pieces = malloc(sizeof(*pieces));
    unsigned calls = 0;
    for (unsigned time = 0; time < 2; time++) {
        calls = test_memory_calls;
        piece_sink_init(pieces, len, seed + time);
        assert_int_equal(codec->encode(encoder, &image.source, &pieces->sink), STATUS_OK);
        assert_int_equal(pieces->sink.total, len);
        uint8_t *joined = piece_sink_join(pieces);
        assert_memory_equal(joined, coded, len);
        free(joined);
    }
    assert_int_equal(test_memory_calls, calls);
    free(pieces);

    /* Exactly its size is enough; a byte less is not, and nothing is written behind it. */
    uint8_t *tight = malloc(len);
    sink_init(&sink, tight, len);
    assert_int_equal(codec->encode(encoder, &image.source, &sink), STATUS_OK);
    assert_memory_equal(tight, coded, len);
    tight = realloc(tight, len - 1);
    sink_init(&sink, tight, len - 1);
    assert_int_equal(codec->encode(encoder, &image.source, &sink), STATUS_LIMIT);
    assert_true(sink.total <= len - 1);
    free(tight);

    free(pixels);
    free(coded);
    image_free(&image);
    return len;
}

static ImageLayout layout_any(Random *random, PixelFormat format, uint32_t width, uint32_t height)
{
    ImageLayout layout = {.format = format, .width = width, .height = height, .chunks = 1};
    layout.top_down = random_below(random, 2) != 0;
    if (random_below(random, 2) != 0) {
        layout.padding = random_below(random, 9);
    }
    if (random_below(random, 2) != 0) {
        layout.chunks = 1 + random_below(random, height < IMAGE_CHUNKS_MAX ? height : IMAGE_CHUNKS_MAX);
    }
    return layout;
}

unsigned codec_random_images = 100;

ImageLayout codec_random_layout(Random *random, PixelFormat format)
{
    const bool large = random_below(random, 100) == 0;
    const uint32_t width = 1 + random_below(random, large ? 400 : 48);
    return layout_any(random, format, width, 1 + random_below(random, large ? 60 : 20));
}

void codec_round_trips(const CodecUnderTest *codec)
{
    Random random = random_from(2024);
    const unsigned blocks = test_memory_blocks;
    void *encoder = codec->open();
    assert_non_null(encoder);
    for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_8BIT_A; format++) {
        if ((codec->formats & 1u << format) == 0) {
            continue;
        }
        for (ImageClass class = 0; class < IMAGE_CLASSES; class ++) {
            for (uint32_t width = 1; width <= 70; width++) {
                const ImageLayout layout = layout_any(&random, format, width, 1 + random_below(&random, 40));
                codec_round_trip(codec, encoder, class, &layout, width);
            }
            for (unsigned i = 0; i < 2; i++) {
                const ImageLayout layout = layout_any(&random, format, 200 + random_below(&random, 700),
                                                      1 + random_below(&random, 300));
                codec_round_trip(codec, encoder, class, &layout, i);
            }
        }
        for (unsigned i = 0; i < codec_random_images; i++) {
            const ImageLayout layout = codec_random_layout(&random, format);
            codec_round_trip(codec, encoder, (ImageClass)random_below(&random, IMAGE_CLASSES), &layout,
                             1000 + i);
        }
    }
    codec->close(encoder);
    assert_int_equal(test_memory_blocks, blocks);
}

/* ---- Abuse ---- */

unsigned codec_abuse_bytes(Status (*decode)(Span data, uint8_t *pixels, size_t size), Span coded, size_t size,
                           unsigned rounds, uint64_t seed)
{
    Random random = random_from(seed);
    uint8_t *pixels = calloc(1, size);
    unsigned taken = 0;
    for (unsigned round = 0; round < rounds; round++) {
        const size_t len =
            random_below(&random, 2) == 0 ? random_below(&random, (uint32_t)coded.len) : coded.len;
        uint8_t *bad = malloc(len > 0 ? len : 1);
        memcpy(bad, coded.data, len);
        const unsigned flips = random_below(&random, 4) + (len == coded.len);
        for (unsigned i = 0; i < flips && len > 0; i++) {
            bad[random_below(&random, (uint32_t)len)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        taken += decode(span_of(bad, len), pixels, size) == STATUS_OK;
        free(bad);
    }
    free(pixels);
    return taken;
}

void codec_abuse(const CodecUnderTest *codec)
{
    Random random = random_from(4711);
    void *encoder = codec->open();
    for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_8BIT_A; format++) {
        for (unsigned i = 0; i < 2 * IMAGE_CLASSES && (codec->formats & 1u << format) != 0; i++) {
            TestImage image;
            const ImageLayout layout =
                layout_any(&random, format, 1 + random_below(&random, 90), 1 + random_below(&random, 30));
            image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i);
            uint8_t *coded = malloc(image.size * 2 + 4096);
            CodecSink sink;
            sink_init(&sink, coded, image.size * 2 + 4096);
            assert_int_equal(codec->encode(encoder, &image.source, &sink), STATUS_OK);
            codec_abuse_bytes(codec->decode, span_of(coded, sink.total), image.size, 300, i);

            /* Whatever is cut off, it is noticed. */
            uint8_t *pixels = malloc(image.size);
            for (size_t len = 0; len < sink.total; len += 1 + len / 16) {
                assert_int_not_equal(codec->decode(span_of(coded, len), pixels, image.size), STATUS_OK);
            }
            /* And whatever is too much. */
            coded[sink.total] = 0;
            assert_int_not_equal(codec->decode(span_of(coded, sink.total + 1), pixels, image.size),
                                 STATUS_OK);
            assert_int_not_equal(codec->decode(span_of(coded, sink.total), pixels, image.size - 1),
                                 STATUS_OK);
            free(pixels);
            free(coded);
            image_free(&image);
        }
    }
    codec->close(encoder);
}
