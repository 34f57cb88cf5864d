/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-vectors: what vector instructions see is what plain code sees, and the codecs built on them give the same bytes on every
 * machine. Needs nothing but the C library, so that ci/arm can build it for a machine whose libraries are not here.
 *
 * For each codec and format it prints how many images went there and back, and a hash of all their bytes: to be compared
 * with another machine's. QUIC's are compared with the plain encoder's, too; of LZ4 it is our blocks of 32-bit pixels. Exits with 1 at the first difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/glz.h"
#include "codec/lz.h"
#include "codec/lz4_pixels.h"
#include "codec/lz_tokens.h"
#include "codec/quic.h"
#include "tests/codec/images.h"
#include "tests/codec/quic_plain.h"

#define COMPARISONS 20000u
#define IMAGES 60u /* of each class, codec and format */
#define ROOM (1u << 20)

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "codec-vectors: %s\n", what);
        exit(1);
    }
}

static void same16_check(const uint8_t *a, const uint8_t *b)
{
    check(units_same16(LZ_UNIT_RGB, a, b) == units_same16_plain(LZ_UNIT_RGB, a, b), "RGB units differ");
    check(units_same16(LZ_UNIT_WHOLE, a, b) == units_same16_plain(LZ_UNIT_WHOLE, a, b), "whole units differ");
    check(units_same16(LZ_UNIT_RGB16, a, b) == units_same16_plain(LZ_UNIT_RGB16, a, b), "RGB16 units differ");
    check(units_same16(LZ_UNIT_BYTE, a, b) == units_same16_plain(LZ_UNIT_BYTE, a, b), "bytes differ");
}

static void comparisons_check(void)
{
    Random random = random_from(31);
    for (unsigned round = 0; round < COMPARISONS; round++) {
        uint8_t a[72], b[72];
        for (unsigned i = 0; i < sizeof(a); i++) {
            a[i] = (uint8_t)random_below(&random, 256);
            b[i] = random_below(&random, 1 + round % 90) == 0 ? (uint8_t)random_below(&random, 256) : a[i];
        }
        same16_check(a + round % 8, b + round % 8);
        same16_check(a + round % 8, b + round / 8 % 8);
    }
}

typedef struct Codecs {
    LzEncoder *lz;
    GlzEncoder *glz;
    GlzDecoder *glz_back;
    QuicEncoder *quic;
    QuicDecoder *quic_back;
    Lz4Pixels *lz4;
    uint8_t *coded, *pixels, *plain;
} Codecs;

typedef enum Codec { CODEC_LZ, CODEC_GLZ, CODEC_QUIC, CODEC_LZ4, CODECS } Codec;

static const unsigned formats_of[CODECS] = {
    [CODEC_LZ] = 0x3ffu << PIXEL_1BIT_LE,
    [CODEC_GLZ] = 15u << PIXEL_16BIT,
    [CODEC_QUIC] = 15u << PIXEL_16BIT | 1u << PIXEL_8BIT_A,
    [CODEC_LZ4] = 1u << PIXEL_32BIT | 1u << PIXEL_RGBA,
};

static Status encode(const Codecs *codecs, Codec codec, const ImageSource *source, CodecSink *sink)
{
    return codec == CODEC_LZ    ? lz_encode(codecs->lz, source, sink)
           : codec == CODEC_GLZ ? glz_encode(codecs->glz, source, sink)
                                : quic_encode(codecs->quic, source, sink);
}

static Status decode(const Codecs *codecs, Codec codec, Span data, size_t size)
{
    return codec == CODEC_LZ    ? lz_decode(data, codecs->pixels, size)
           : codec == CODEC_GLZ ? glz_decode(codecs->glz_back, data, codecs->pixels, size)
                                : quic_decode(codecs->quic_back, data, codecs->pixels, size);
}

/* A length of an LZ4 token, and the bytes that follow where its field is full. */
static size_t lz4_length(unsigned field, const uint8_t **from, const uint8_t *end)
{
    size_t length = field;
    for (unsigned more = field == 15 ? 255 : 0; more == 255; length += more) {
        check(*from < end, "an LZ4 length has no end");
        more = *(*from)++;
    }
    return length;
}

/* By the format's description: liblz4 may not be there. Returns the end of what came behind `to`. */
static uint8_t *lz4_block_decode(Span block, uint8_t *pixels, uint8_t *to, const uint8_t *pixels_end)
{
    const uint8_t *from = block.data, *const end = from + block.len;
    for (;;) {
        check(from < end, "an LZ4 block has no end");
        const unsigned token = *from++;
        const size_t plain = lz4_length(token >> 4, &from, end);
        check(plain <= (size_t)(end - from) && plain <= (size_t)(pixels_end - to), "too many LZ4 literals");
        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (from == end) {
            return to;
        }
        check(end - from >= 2, "an LZ4 distance is cut");
        const size_t distance = le16_get(from);
        from += 2;
        const size_t length = lz4_length(token & 15, &from, end) + 4;
        check(distance > 0 && distance <= (size_t)(to - pixels) && length <= (size_t)(pixels_end - to),
              "an LZ4 match is outside of the image");
        for (size_t i = 0; i < length; i++, to++) {
            *to = *(to - distance);
        }
    }
}

/* In two blocks, of which the second refers to the first. */
static size_t lz4_check(const Codecs *codecs, const TestImage *image)
{
    const uint32_t width = image->source.width, count = width * image->source.height, cut = count / 3;
    const uint32_t ends[] = {cut, count};
    uint8_t *to = codecs->pixels;
    size_t total = 0;
    lz4_pixels_begin(codecs->lz4, count);
    for (uint32_t i = 0, from = 0; i < 2; from = ends[i++]) {
        if (from < ends[i]) {
            uint8_t *out = codecs->coded + total;
            const size_t size = lz4_pixels_block(codecs->lz4, image->expected, from, ends[i], width, out);
            check(size <= lz4_pixels_bound(ends[i] - from), "an LZ4 block is larger than its bound");
            to = lz4_block_decode(span_of(out, size), codecs->pixels, to, codecs->pixels + image->size);
            total += size;
        }
    }
    check(to == codecs->pixels + image->size && memcmp(codecs->pixels, image->expected, image->size) == 0,
          "other pixels come back");
    return total;
}

/* Returns the size; the bytes are in codecs->coded. */
static size_t image_check(const Codecs *codecs, Codec codec, const TestImage *image)
{
    const ImageSource *source = &image->source;
    CodecSink sink;
    sink_init(&sink, codecs->coded, ROOM);
    check(encode(codecs, codec, source, &sink) == STATUS_OK, "an image is not coded");
    check(decode(codecs, codec, span_of(codecs->coded, sink.total), image->size) == STATUS_OK,
          "an image does not decode");
    const uint8_t *expected = codec == CODEC_QUIC ? image->expected_top_first : image->expected;
    check(memcmp(codecs->pixels, expected, image->size) == 0, "other pixels come back");
    if (codec == CODEC_QUIC) {
        const size_t plain = quic_plain_encode(source->format, source->width, source->height,
                                               image->expected_top_first, codecs->plain, ROOM);
        check(plain == sink.total && memcmp(codecs->plain, codecs->coded, plain) == 0,
              "QUIC's bytes are not the plain encoder's");
    }
    return sink.total;
}

/* FNV-1a. */
static uint64_t hash_add(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void format_check(const Codecs *codecs, Codec codec, PixelFormat format)
{
    static const char *const names[CODECS] = {"lz", "glz", "quic", "lz4"};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    Random random = random_from((uint64_t)format * 10 + codec);
    for (unsigned i = 0; i < IMAGES * IMAGE_CLASSES; i++) {
        ImageLayout layout = {.format = format, .chunks = 1, .top_down = random_below(&random, 2) != 0};
        layout.width = 1 + random_below(&random, i % 5 == 0 ? 300 : 70);
        layout.height = 1 + random_below(&random, 40);
        layout.padding = random_below(&random, 2) * 4;
        TestImage image;
        image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i / 2);
        const size_t size =
            codec == CODEC_LZ4 ? lz4_check(codecs, &image) : image_check(codecs, codec, &image);
        hash = hash_add(hash, codecs->coded, size);
        image_free(&image);
    }
    printf("%s, format %d: %u images, %016llx\n", names[codec], format, IMAGES * IMAGE_CLASSES,
           (unsigned long long)hash);
}

int main(void)
{
    comparisons_check();
    const GlzState window = {.window_pixels = 1u << 20};
    Codecs codecs = {
        .lz = lz_encoder_new(&test_memory),
        .glz = glz_encoder_new(&test_memory, &window),
        .glz_back = glz_decoder_new(&test_memory, window.window_pixels, 0),
        .quic = quic_encoder_new(&test_memory),
        .quic_back = quic_decoder_new(&test_memory),
        .lz4 = malloc(sizeof(Lz4Pixels)),
        .coded = malloc(ROOM),
        .pixels = malloc(ROOM),
        .plain = malloc(ROOM),
    };
    check(codecs.lz != NULL && codecs.glz != NULL && codecs.glz_back != NULL && codecs.quic != NULL &&
              codecs.quic_back != NULL && codecs.lz4 != NULL && codecs.coded != NULL &&
              codecs.pixels != NULL && codecs.plain != NULL,
          "no memory");
    for (Codec codec = 0; codec < CODECS; codec++) {
        for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_8BIT_A; format++) {
            if ((formats_of[codec] & 1u << format) != 0) {
                format_check(&codecs, codec, format);
            }
        }
    }
    lz_encoder_free(codecs.lz);
    glz_encoder_free(codecs.glz);
    glz_decoder_free(codecs.glz_back);
    quic_encoder_free(codecs.quic);
    quic_decoder_free(codecs.quic_back);
    free(codecs.lz4);
    free(codecs.coded);
    free(codecs.pixels);
    free(codecs.plain);
    check(test_memory_blocks == 0, "memory is lost");
    return 0;
}
