/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-samples: what our encoders make of images, and their pixels, for a judge that decodes them.
 *
 *   codec-samples            many small images of all codecs, formats and kinds
 *   codec-samples --large    few images, whose matches are long or far away, or which have several LZ4 blocks
 *
 * On stdout, for every sample: one line of text
 *
 *     sample CODEC FORMAT IMAGE_TYPE FLAGS BEFORE WIDTH HEIGHT COLORS DATA_LEN
 *
 * (FLAGS and BEFORE are the fields of LZ_PLT, JPEG_ALPHA and ZLIB_GLZ in front of the length of the data), then COLORS palette
 * entries of 4 bytes, DATA_LEN coded bytes, and WIDTH * HEIGHT pixels B, G, R, A, top row first. GLZ's images are to be
 * decoded in their order, by a client whose window is GLZ_WINDOW pixels.
 */
#include <spice/enums.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"
#include "tests/codec/images.h"

#define GLZ_WINDOW (1u << 20)
#define WIDTH_MAX 64u
#define HEIGHT_MAX 48u
#define PAGE_WIDTH 800u
#define PAGE_HEIGHT 600u
#define ROOM (PAGE_WIDTH * PAGE_HEIGHT * 8u + 4096u)

typedef struct Codecs {
    LzEncoder *lz;
    Lz4Encoder *lz4;
    QuicEncoder *quic;
    GlzEncoder *glz;
    ZlibEncoder *zlib;
    JpegEncoder *jpeg;
} Codecs;

static uint32_t palette_color(uint32_t index)
{
    return (index * 0x9e3779b1u >> 8 | 0x010101) & 0xffffff;
}

static uint32_t expand5(uint32_t value)
{
    value &= 31;
    return value << 3 | value >> 2;
}

/* Pixel x of a row, as 0xAARRGGBB. */
static uint32_t pixel_get(PixelFormat format, const uint8_t *row, uint32_t x)
{
    switch (format) {
    case PIXEL_1BIT_LE:
        return palette_color(row[x / 8] >> (x % 8) & 1);
    case PIXEL_1BIT_BE:
        return palette_color(row[x / 8] >> (7 - x % 8) & 1);
    case PIXEL_4BIT_LE:
        return palette_color(row[x / 2] >> (4 * (x % 2)) & 15);
    case PIXEL_4BIT_BE:
        return palette_color(row[x / 2] >> (4 - 4 * (x % 2)) & 15);
    case PIXEL_8BIT:
        return palette_color(row[x]);
    case PIXEL_16BIT: {
        const uint32_t pixel = le16_get(row + 2 * (size_t)x);
        return expand5(pixel >> 10) << 16 | expand5(pixel >> 5) << 8 | expand5(pixel);
    }
    case PIXEL_24BIT:
        return (uint32_t)(row[3 * x] | row[3 * x + 1] << 8 | row[3 * x + 2] << 16);
    default:
        return le32_get(row + 4 * (size_t)x);
    }
}

static void sample_write(const char *codec, const TestImage *image, int type, unsigned flags, size_t before,
                         const uint8_t *data, size_t len)
{
    const ImageSource *source = &image->source;
    const unsigned bits = pixel_bits(source->format), colors = bits <= 8 ? 1u << bits : 0;
    const size_t row_bytes = (size_t)pixel_row_bytes(source->format, source->width);
    uint8_t pixel[4];
    printf("sample %s %d %d %u %zu %u %u %u %zu\n", codec, source->format, type, flags, before, source->width,
           source->height, colors, len);
    for (unsigned i = 0; i < colors; i++) {
        le32_put(pixel, palette_color(i));
        fwrite(pixel, 1, sizeof(pixel), stdout);
    }
    fwrite(data, 1, len, stdout);
    for (uint32_t y = 0; y < source->height; y++) {
        for (uint32_t x = 0; x < source->width; x++) {
            le32_put(pixel, pixel_get(source->format, image->expected_top_first + y * row_bytes, x));
            fwrite(pixel, 1, sizeof(pixel), stdout);
        }
    }
}

/* A premultiplied image, as sources of alpha blending are: no color is larger than alpha. */
static void image_premultiply(TestImage *image)
{
    uint8_t *const parts[] = {image->expected, image->expected_top_first,
                              (uint8_t *)(uintptr_t)image->chunks[0].data};
    for (size_t part = 0; part < 3; part++) {
        for (size_t i = 0; i < image->size; i++) {
            const uint8_t alpha = parts[part][i | 3];
            parts[part][i] = parts[part][i] < alpha ? parts[part][i] : alpha;
        }
    }
}

/* The image by each codec that has its format. */
static void samples_write(const Codecs *codecs, const TestImage *image, bool lossy)
{
    static uint8_t out[ROOM], outer[ROOM];
    const ImageSource *source = &image->source;
    const PixelFormat format = source->format;
    CodecSink sink, outer_sink;
    size_t jpeg_size = 0;
    sink_init(&sink, out, sizeof(out));
    CHECK(lz_encode(codecs->lz, source, &sink) == STATUS_OK);
    sample_write("lz", image, format <= PIXEL_8BIT ? SPICE_IMAGE_TYPE_LZ_PLT : SPICE_IMAGE_TYPE_LZ_RGB, 0, 0,
                 out, sink.total);
    if (format >= PIXEL_16BIT) {
        sink_init(&sink, out, sizeof(out));
        CHECK(quic_encode(codecs->quic, source, &sink) == STATUS_OK);
        sample_write("quic", image, SPICE_IMAGE_TYPE_QUIC, 0, 0, out, sink.total);
        sink_init(&sink, out, sizeof(out));
        CHECK(lz4_encode(codecs->lz4, source, &sink) == STATUS_OK);
        sample_write("lz4", image, SPICE_IMAGE_TYPE_LZ4, 0, 0, out, sink.total);
        sink_init(&sink, out, sizeof(out));
        CHECK(glz_encode(codecs->glz, source, &sink) == STATUS_OK);
        sample_write("glz", image, SPICE_IMAGE_TYPE_GLZ_RGB, 0, 0, out, sink.total);
        sink_init(&sink, out, sizeof(out));
        CHECK(glz_encode(codecs->glz, source, &sink) == STATUS_OK);
        sink_init(&outer_sink, outer, sizeof(outer));
        CHECK(zlib_encode(codecs->zlib, &(Span){out, sink.total}, 1, &outer_sink) == STATUS_OK);
        sample_write("zlib-glz", image, SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB, 0, sink.total, outer,
                     outer_sink.total);
    }
    if (lossy && format >= PIXEL_16BIT && format <= PIXEL_32BIT) {
        sink_init(&sink, out, sizeof(out));
        CHECK(jpeg_encode(codecs->jpeg, source, 95, &sink) == STATUS_OK);
        sample_write("jpeg", image, SPICE_IMAGE_TYPE_JPEG, 0, 0, out, sink.total);
    }
    if (lossy && format == PIXEL_RGBA) {
        sink_init(&sink, out, sizeof(out));
        CHECK(jpeg_alpha_encode(codecs->jpeg, codecs->lz, source, 95, &sink, &jpeg_size) == STATUS_OK);
        sample_write("jpeg-alpha", image, SPICE_IMAGE_TYPE_JPEG_ALPHA,
                     source->top_down ? SPICE_JPEG_ALPHA_FLAGS_TOP_DOWN : 0, jpeg_size, out, sink.total);
    }
}

static void small_write(const Codecs *codecs)
{
    unsigned n = 0;
    for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_RGBA; format++) {
        for (ImageClass class = 0; class < IMAGE_CLASSES; class ++, n++) {
            const ImageLayout layout = {
                .format = format,
                .width = WIDTH_MAX - n * 7 % 23,
                .height = HEIGHT_MAX - n * 5 % 19,
                .chunks = 1,
                .top_down = n % 2 == 0,
            };
            TestImage image;
            image_make(&image, class, &layout, n);
            if (format == PIXEL_RGBA) {
                image_premultiply(&image);
            }
            samples_write(codecs, &image, true);
            image_free(&image);
        }
    }
}

/* The lower half of an image becomes the same as the upper one. */
static void image_double(TestImage *image)
{
    uint8_t *const parts[] = {image->expected, image->expected_top_first,
                              (uint8_t *)(uintptr_t)image->chunks[0].data};
    for (size_t part = 0; part < 3; part++) {
        memcpy(parts[part] + image->size / 2, parts[part], image->size / 2);
    }
}

static void large_write(const Codecs *codecs)
{
    static const struct {
        ImageClass class;
        uint32_t width, height;
        bool twice;
    } kinds[] = {
        {IMAGE_TEXT_PAGE, PAGE_WIDTH, PAGE_HEIGHT,
         false},                        /* LZ4 blocks of 1 MiB; GLZ finds it again far away */
        {IMAGE_RUNS, 1500, 40, false},  /* long runs */
        {IMAGE_FLAT, 1500, 12, false},  /* the longest */
        {IMAGE_NOISE, 150, 140, true},  /* LZ matches 10,500 pixels away */
        {IMAGE_PHOTO, 300, 120, false}, /* all steps of QUIC's model */
    };
    unsigned n = 0;
    for (PixelFormat format = PIXEL_16BIT; format <= PIXEL_RGBA; format++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++, n++) {
            const ImageLayout layout = {
                format, kinds[k].width, kinds[k].height, 0, 1, kinds[k].twice || n % 2 == 0};
            TestImage image;
            image_make(&image, kinds[k].class, &layout, n);
            if (format == PIXEL_RGBA) {
                image_premultiply(&image);
            }
            if (kinds[k].twice) {
                image_double(&image);
            }
            samples_write(codecs, &image, false);
            image_free(&image);
        }
    }
}

int main(int argc, char **argv)
{
    const Codecs codecs = {
        .lz = lz_encoder_new(&test_memory),
        .lz4 = lz4_encoder_new(&test_memory),
        .quic = quic_encoder_new(&test_memory),
        .glz = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = GLZ_WINDOW}),
        .zlib = zlib_encoder_new(&test_memory),
        .jpeg = jpeg_encoder_new(&test_memory),
    };
    CHECK(codecs.lz != NULL && codecs.lz4 != NULL && codecs.quic != NULL && codecs.glz != NULL &&
          codecs.zlib != NULL && codecs.jpeg != NULL);
    if (argc == 1) {
        small_write(&codecs);
    } else if (argc == 2 && strcmp(argv[1], "--large") == 0) {
        large_write(&codecs);
    } else {
        fputs("usage: codec-samples [--large]\n", stderr);
        return 2;
    }
    lz_encoder_free(codecs.lz);
    lz4_encoder_free(codecs.lz4);
    quic_encoder_free(codecs.quic);
    glz_encoder_free(codecs.glz);
    zlib_encoder_free(codecs.zlib);
    jpeg_encoder_free(codecs.jpeg);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
