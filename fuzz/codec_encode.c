/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The encoders: format, size and layout of rows, then bytes that are repeated until the image is full. What is coded without
 * loss must decode to the same pixels, what is coded by JPEG must decode, and code with SIMD must see the same as code without:
 * QUIC's bytes are those of a plain encoder. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz.h"
#include "codec/lz4_image.h"
#include "codec/lz_tokens.h"
#include "codec/quic.h"
#include "codec/source.h"
#include "codec/zlib_glz.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"
#include "tests/codec/quic_plain.h"

#define HEAD 5u /* bytes: format, width, height, flags, bytes of a period */
#define FLAG_TOP_DOWN 1u
#define FLAG_PIECES 2u
#define FLAG_HIGH_BITS 4u
#define PADDING(flags) ((flags) >> 4)
#define PIECES 3u

typedef struct Codecs {
    LzEncoder *lz;
    Lz4Encoder *lz4;
    QuicEncoder *quic;
    QuicDecoder *quic_back;
    GlzEncoder *glz;
    GlzDecoder *glz_back;
    ZlibEncoder *zlib;
    ZlibDecoder *zlib_back;
    JpegEncoder *jpeg;
    JpegDecoder *jpeg_back;
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

/* Packed rows the other way round. */
static void rows_turn(const ImageSource *source, const uint8_t *from, uint8_t *to)
{
    const size_t row = (size_t)pixel_row_bytes(source->format, source->width);
    for (uint32_t y = 0; y < source->height; y++) {
        memcpy(to + y * row, from + (source->height - 1 - y) * row, row);
    }
}

static void lz_try(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room, uint8_t *got,
                   const uint8_t *wanted, size_t size)
{
    CodecSink sink;
    sink_init(&sink, coded, room);
    CHECK(lz_encode(codecs->lz, source, &sink) == STATUS_OK);
    image_expect(source, lz_decode(span_of(coded, sink.total), got, size), got, wanted, size);
    if (source->format == PIXEL_RGBA) {
        memset(got, 0, size);
        sink_init(&sink, coded, room);
        CHECK(lz_encode_alpha(codecs->lz, source, &sink) == STATUS_OK);
        CHECK(lz_decode(span_of(coded, sink.total), got, size) == STATUS_OK);
        for (size_t i = 0; i < size; i++) {
            CHECK(got[i] == (i % 4 == 3 ? wanted[i] : 0));
        }
    }
}

static void glz_try(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room,
                    uint8_t *got, const uint8_t *wanted, size_t size)
{
    CodecSink sink;
    ImageInfo info;
    uint64_t id;
    sink_init(&sink, coded, room);
    CHECK(glz_encode(codecs->glz, source, &sink) == STATUS_OK);
    const Span glz = span_of(coded, sink.total);
    CHECK(glz_info(glz, &info, &id) == STATUS_OK);
    image_expect(source, glz_decode(codecs->glz_back, glz, got, size), got, wanted, size);
    if (source->high_bits) {
        glz_decoder_set_high_bits(codecs->glz_back, id);
    }
    uint8_t *zlib = malloc(room), *back = malloc(glz.len);
    CHECK(zlib != NULL && back != NULL);
    sink_init(&sink, zlib, room);
    CHECK(zlib_encode(codecs->zlib, &glz, 1, &sink) == STATUS_OK);
    CHECK(zlib_decode(codecs->zlib_back, span_of(zlib, sink.total), back, glz.len) == STATUS_OK);
    CHECK(memcmp(back, glz.data, glz.len) == 0);
    free(zlib);
    free(back);
}

/* `wanted` has the top row first, as have the two below. */
static void quic_try(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room,
                     uint8_t *got, const uint8_t *wanted, size_t size)
{
    CodecSink sink;
    uint8_t *plain = malloc(room);
    CHECK(plain != NULL);
    sink_init(&sink, coded, room);
    CHECK(quic_encode(codecs->quic, source, &sink) == STATUS_OK);
    image_expect(source, quic_decode(codecs->quic_back, span_of(coded, sink.total), got, size), got, wanted,
                 size);
    CHECK(quic_plain_encode(source->format, source->width, source->height, wanted, plain, room) ==
          sink.total);
    CHECK(memcmp(plain, coded, sink.total) == 0);
    free(plain);
}

static void jpeg_try(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room,
                     const uint8_t *wanted)
{
    const uint32_t width = source->width, height = source->height;
    const size_t count = (size_t)width * height;
    CodecSink sink;
    size_t jpeg_size = 0;
    uint8_t *got = malloc(4 * count);
    CHECK(got != NULL);
    sink_init(&sink, coded, room);
    CHECK(jpeg_encode(codecs->jpeg, source, 85, &sink) == STATUS_OK);
    CHECK(jpeg_decode(codecs->jpeg_back, span_of(coded, sink.total), width, height, got) == STATUS_OK);
    if (source->format == PIXEL_RGBA) {
        sink_init(&sink, coded, room);
        CHECK(jpeg_alpha_encode(codecs->jpeg, codecs->lz, source, 85, &sink, &jpeg_size) == STATUS_OK);
        CHECK(jpeg_alpha_decode(codecs->jpeg_back, span_of(coded, sink.total), jpeg_size, source->top_down,
                                width, height, got) == STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            CHECK(got[4 * i + 3] == wanted[4 * i + 3]);
        }
    }
    free(got);
}

static void image_code(const Codecs *codecs, const ImageSource *source, uint8_t *coded, size_t room,
                       uint8_t *got, uint8_t *wanted, size_t size)
{
    const bool rgb = source->format >= PIXEL_16BIT && source->format <= PIXEL_RGBA;
    uint8_t *top_first = malloc(size);
    CHECK(top_first != NULL);
    image_clean(source, wanted, size);
    if (source->top_down) {
        memcpy(top_first, wanted, size);
    } else {
        rows_turn(source, wanted, top_first);
    }
    lz_try(codecs, source, coded, room, got, wanted, size);
    if (rgb) {
        CodecSink sink;
        sink_init(&sink, coded, room);
        CHECK(lz4_encode(codecs->lz4, source, &sink) == STATUS_OK);
        image_expect(source, lz4_decode(span_of(coded, sink.total), got, size), got, wanted, size);
        glz_try(codecs, source, coded, room, got, wanted, size);
        jpeg_try(codecs, source, coded, room, top_first);
    }
    if (rgb || source->format == PIXEL_8BIT_A) {
        quic_try(codecs, source, coded, room, got, top_first, size);
    }
    free(top_first);
}

/* The rows of `image` in up to three pieces of memory, each of exactly its size. */
static uint32_t pieces_make(ImageChunk *chunks, const uint8_t *image, uint32_t height, uint32_t stride,
                            uint32_t row_bytes, bool several)
{
    const uint32_t count = !several ? 1 : height < PIECES ? height : PIECES;
    for (uint32_t i = 0, y = 0; i < count; i++) {
        const uint32_t rows = i + 1 < count ? height / count : height - y;
        const size_t bytes = (size_t)(rows - 1) * stride + (i + 1 < count ? stride : row_bytes);
        uint8_t *piece = malloc(bytes);
        CHECK(piece != NULL);
        memcpy(piece, image + (size_t)y * stride, bytes);
        chunks[i] = (ImageChunk){piece, rows};
        y += rows;
    }
    return count;
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
    const uint32_t width = 1u + data[1], height = 1u + data[2] % 64, padding = PADDING(data[3]);
    const uint32_t row_bytes = (uint32_t)pixel_row_bytes(format, width), stride = row_bytes + padding;
    const size_t period = 1 + data[4] % (size - HEAD), bytes = (size_t)row_bytes * height;
    const size_t room = bytes * 4 + 8192;
    const Codecs codecs = {
        .lz = lz_encoder_new(&codec_fuzz_memory),
        .lz4 = lz4_encoder_new(&codec_fuzz_memory),
        .quic = quic_encoder_new(&codec_fuzz_memory),
        .quic_back = quic_decoder_new(&codec_fuzz_memory),
        .glz = glz_encoder_new(&codec_fuzz_memory, &(GlzState){.window_pixels = 40000}),
        .glz_back = glz_decoder_new(&codec_fuzz_memory, 40000, 0),
        .zlib = zlib_encoder_new(&codec_fuzz_memory),
        .zlib_back = zlib_decoder_new(&codec_fuzz_memory),
        .jpeg = jpeg_encoder_new(&codec_fuzz_memory),
        .jpeg_back = jpeg_decoder_new(&codec_fuzz_memory),
    };
    uint8_t *image = malloc((size_t)stride * height), *wanted = malloc(bytes), *got = malloc(bytes),
            *coded = malloc(room);
    CHECK(codecs.lz != NULL && codecs.lz4 != NULL && codecs.quic != NULL && codecs.quic_back != NULL &&
          codecs.glz != NULL && codecs.glz_back != NULL && codecs.zlib != NULL && codecs.zlib_back != NULL &&
          codecs.jpeg != NULL && codecs.jpeg_back != NULL && image != NULL && wanted != NULL && got != NULL &&
          coded != NULL);
    ImageChunk chunks[PIECES];
    ImageSource source = {format, width, height, stride, (data[3] & FLAG_TOP_DOWN) != 0, chunks, 1};
    source.high_bits = format == PIXEL_32BIT && (data[3] & FLAG_HIGH_BITS) != 0;
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
        const uint32_t pieces =
            pieces_make(chunks, image, height, stride, row_bytes, (data[3] & FLAG_PIECES) != 0);
        source.chunk_count = pieces;
        image_code(&codecs, &source, coded, room, got, wanted, bytes);
        for (uint32_t i = 0; i < pieces; i++) {
            free((void *)(uintptr_t)chunks[i].data);
        }
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
    zlib_encoder_free(codecs.zlib);
    zlib_decoder_free(codecs.zlib_back);
    jpeg_encoder_free(codecs.jpeg);
    jpeg_decoder_free(codecs.jpeg_back);
    return 0;
}
