/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The encoders of lossless codecs: format, size and order of rows, then bytes that are repeated until the image is full. What
 * is coded must decode to the same pixels, and code with SIMD must see the same as code without. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/glz.h"
#include "codec/lz.h"
#include "codec/lz4_image.h"
#include "codec/lz_tokens.h"
#include "codec/quic.h"
#include "codec/source.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

#define HEAD 5u /* bytes: format, width, height, flags, bytes of a period */

typedef struct Codecs {
    LzEncoder *lz;
    Lz4Encoder *lz4;
    QuicEncoder *quic;
    QuicDecoder *quic_back;
    GlzEncoder *glz;
    GlzDecoder *glz_back;
} Codecs;

/* A row as decoders give it: bits that do not count are 0. */
static void row_clean(PixelFormat format, uint8_t *row, size_t len)
{
    for (size_t i = format == PIXEL_16BIT ? 1 : 3; i < len && format != PIXEL_24BIT;
         i += format == PIXEL_16BIT ? 2 : 4) {
        row[i] = format == PIXEL_16BIT ? row[i] & 0x7f : format == PIXEL_32BIT ? 0 : row[i];
    }
}

static void image_clean(const ImageSource *source, uint8_t *pixels, size_t size)
{
    if (source->format >= PIXEL_16BIT && source->format <= PIXEL_RGBA) {
        row_clean(source->format, pixels, size);
    }
}

static void image_expect(const ImageSource *source, Status status, uint8_t *got, const uint8_t *wanted,
                         size_t size)
{
    CHECK(status == STATUS_OK);
    image_clean(source, got, size);
    CHECK(memcmp(got, wanted, size) == 0);
}

static void image_code(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room,
                       uint8_t *got, uint8_t *wanted, size_t size)
{
    CodecSink sink;
    image_clean(source, wanted, size);
    sink_init(&sink, coded, room);
    CHECK(lz_encode(codecs->lz, source, &sink) == STATUS_OK);
    image_expect(source, lz_decode(span_of(coded, sink.total), got, size), got, wanted, size);
    const bool rgb = source->format >= PIXEL_16BIT && source->format <= PIXEL_RGBA;
    if (rgb) {
        sink_init(&sink, coded, room);
        CHECK(lz4_encode(codecs->lz4, source, &sink) == STATUS_OK);
        image_expect(source, lz4_decode(span_of(coded, sink.total), got, size), got, wanted, size);
    }
    if (rgb) {
        sink_init(&sink, coded, room);
        CHECK(glz_encode(codecs->glz, source, &sink) == STATUS_OK);
        image_expect(source, glz_decode(codecs->glz_back, span_of(coded, sink.total), got, size), got, wanted,
                     size);
    }
    if (rgb && source->top_down) {
        sink_init(&sink, coded, room);
        CHECK(quic_encode(codecs->quic, source, &sink) == STATUS_OK);
        image_expect(source, quic_decode(codecs->quic_back, span_of(coded, sink.total), got, size), got,
                     wanted, size);
    }
}

static void same16_check(const uint8_t *a, const uint8_t *b)
{
    CHECK(units_same16(LZ_UNIT_RGB, a, b) == units_same16_plain(LZ_UNIT_RGB, a, b));
    CHECK(units_same16(LZ_UNIT_WHOLE, a, b) == units_same16_plain(LZ_UNIT_WHOLE, a, b));
    CHECK(units_same16(LZ_UNIT_RGB16, a, b) == units_same16_plain(LZ_UNIT_RGB16, a, b));
    CHECK(units_same16(LZ_UNIT_BYTE, a, b) == units_same16_plain(LZ_UNIT_BYTE, a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= HEAD) {
        return 0;
    }
    const PixelFormat format = (PixelFormat)(1 + data[0] % PIXEL_8BIT_A);
    const uint32_t width = 1u + data[1], height = 1u + data[2] % 64, padding = data[3] >> 4;
    const uint32_t row_bytes = (uint32_t)pixel_row_bytes(format, width), stride = row_bytes + padding;
    const size_t period = 1 + data[4] % (size - HEAD), bytes = (size_t)row_bytes * height;
    const size_t room = bytes * 2 + 4096;
    const Codecs codecs = {
        .lz = lz_encoder_new(&codec_fuzz_memory),
        .lz4 = lz4_encoder_new(&codec_fuzz_memory),
        .quic = quic_encoder_new(&codec_fuzz_memory),
        .quic_back = quic_decoder_new(&codec_fuzz_memory),
        .glz = glz_encoder_new(&codec_fuzz_memory, &(GlzState){.window_pixels = 40000}),
        .glz_back = glz_decoder_new(&codec_fuzz_memory, 40000, 0),
    };
    uint8_t *image = malloc((size_t)stride * height), *wanted = malloc(bytes), *got = malloc(bytes),
            *coded = malloc(room);
    CHECK(codecs.lz != NULL && codecs.lz4 != NULL && codecs.quic != NULL && codecs.quic_back != NULL &&
          codecs.glz != NULL && codecs.glz_back != NULL && image != NULL && wanted != NULL && got != NULL &&
          coded != NULL);
    const ImageChunk chunk = {image, height};
    const ImageSource source = {format, width, height, stride, (data[3] & 1) != 0, &chunk, 1};
    /* Twice: what an image leaves behind concerns the next. The second is the rest of the bytes. */
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < stride; x++) {
                const size_t at = (size_t)y * stride + x;
                image[at] = data[HEAD + (round == 0 ? at % period : (at + period) % (size - HEAD))];
            }
            memcpy(wanted + (size_t)y * row_bytes, image + (size_t)y * stride, row_bytes);
        }
        for (size_t at = 0; at + 80 <= (size_t)stride * height; at += 37) {
            same16_check(image + at, image + at / 2);
        }
        image_code(&codecs, &source, coded, room, got, wanted, bytes);
    }
    free(image);
    free(wanted);
    free(got);
    free(coded);
    lz_encoder_free(codecs.lz);
    lz4_encoder_free(codecs.lz4);
    quic_encoder_free(codecs.quic);
    quic_decoder_free(codecs.quic_back);
    glz_encoder_free(codecs.glz);
    glz_decoder_free(codecs.glz_back);
    return 0;
}
