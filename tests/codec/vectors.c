/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-vectors: what vector instructions see is what plain code sees, and the codecs built on them give the same bytes on every
 * machine. Needs nothing but the C library, so that ci/arm can build it for a machine whose libraries are not here.
 *
 * For each codec and format it prints how many images went there and back, and a hash of all their bytes: to be compared
 * with another machine's. QUIC's are compared with the plain encoder's, too. Exits with 1 at the first difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/glz.h"
#include "codec/lz.h"
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
    uint8_t *coded, *pixels, *plain;
} Codecs;

typedef enum Codec { CODEC_LZ, CODEC_GLZ, CODEC_QUIC, CODECS } Codec;

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
    static const char *const names[CODECS] = {"lz", "glz", "quic"};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    Random random = random_from((uint64_t)format * 10 + codec);
    for (unsigned i = 0; i < IMAGES * IMAGE_CLASSES; i++) {
        ImageLayout layout = {.format = format, .chunks = 1, .top_down = random_below(&random, 2) != 0};
        layout.width = 1 + random_below(&random, i % 5 == 0 ? 300 : 70);
        layout.height = 1 + random_below(&random, 40);
        layout.padding = random_below(&random, 2) * 4;
        TestImage image;
        image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i / 2);
        hash = hash_add(hash, codecs->coded, image_check(codecs, codec, &image));
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
        .coded = malloc(ROOM),
        .pixels = malloc(ROOM),
        .plain = malloc(ROOM),
    };
    check(codecs.lz != NULL && codecs.glz != NULL && codecs.glz_back != NULL && codecs.quic != NULL &&
              codecs.quic_back != NULL && codecs.coded != NULL && codecs.pixels != NULL &&
              codecs.plain != NULL,
          "no memory");
    for (Codec codec = 0; codec < CODECS; codec++) {
        for (PixelFormat format = PIXEL_8BIT; format <= PIXEL_RGBA; format++) {
            if (format != PIXEL_8BIT || codec == CODEC_LZ) {
                format_check(&codecs, codec, format);
            }
        }
    }
    lz_encoder_free(codecs.lz);
    glz_encoder_free(codecs.glz);
    glz_decoder_free(codecs.glz_back);
    quic_encoder_free(codecs.quic);
    quic_decoder_free(codecs.quic_back);
    free(codecs.coded);
    free(codecs.pixels);
    free(codecs.plain);
    check(test_memory_blocks == 0, "memory is lost");
    return 0;
}
