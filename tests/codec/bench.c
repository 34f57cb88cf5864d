/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-codec: how fast the codecs are, one line of JSON for each codec and class of image.
 *
 *   bench-codec [--ms N] [--codec NAME] [--class NAME]      N: how long one measurement takes, default 150
 *
 * Every measurement goes round a set of images with the given seed, several MB of pixels or a screen's worth of small
 * ones, so no image is in the first cache when its turn comes. mb_s is raw pixels' megabytes (10^6) for a second of
 * CPU, the best and the median of five; ratio is coded bytes by raw bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include <lz4.h>

#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "tests/codec/images.h"

#define ROUNDS 5
#define LOOK_BYTES 65536u

typedef struct Set {
    const char *name;
    ImageClass class;
    uint32_t width, height; /* of a run of text, the largest */
    unsigned count;
    uint32_t **pixels;
    uint32_t *widths;
} Set;

static Set sets[] = {
    {.name = "text-run", .class = IMAGE_TEXT_RUN, .width = 64, .height = 16, .count = 4096},
    {.name = "text-page", .class = IMAGE_TEXT_PAGE, .width = 800, .height = 600, .count = 4},
    {.name = "ui", .class = IMAGE_UI, .width = 256, .height = 64, .count = 64},
    {.name = "photo", .class = IMAGE_PHOTO, .width = 256, .height = 256, .count = 24},
};

typedef struct Bench {
    const char *name;
    void *(*open)(void);
    void (*close)(void *encoder);
    Status (*encode)(void *encoder, const ImageSource *source, CodecSink *sink);
    void *(*open_decoder)(void); /* NULL: it needs none */
    void (*close_decoder)(void *decoder);
    Status (*decode)(void *decoder, Span data, uint8_t *pixels, size_t size);
} Bench;

static void *lz_open(void)
{
    return lz_encoder_new(&test_memory);
}

static void lz_close(void *encoder)
{
    lz_encoder_free(encoder);
}

static Status lz_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return lz_encode(encoder, source, sink);
}

static Status lz_back(void *decoder, Span data, uint8_t *pixels, size_t size)
{
    (void)decoder;
    return lz_decode(data, pixels, size);
}

static void *lz4_open(void)
{
    return lz4_encoder_new(&test_memory);
}

static void lz4_close(void *encoder)
{
    lz4_encoder_free(encoder);
}

static Status lz4_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return lz4_encode(encoder, source, sink);
}

static Status lz4_back(void *decoder, Span data, uint8_t *pixels, size_t size)
{
    (void)decoder;
    return lz4_decode(data, pixels, size);
}

/* The library alone, to compare with. */
static Status lz4_raw_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    (void)encoder;
    const int coded = LZ4_compress_default((const char *)source->chunks[0].data, (char *)sink->at,
                                           (int)(source->stride * source->height), (int)sink->max);
    sink->total = (size_t)coded;
    return coded > 0 ? STATUS_OK : STATUS_LIMIT;
}

static Status lz4_raw_back(void *decoder, Span data, uint8_t *pixels, size_t size)
{
    (void)decoder;
    const int got = LZ4_decompress_safe((const char *)data.data, (char *)pixels, (int)data.len, (int)size);
    return got == (int)size ? STATUS_OK : STATUS_PEER_FAULT;
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

static void *quic_open_decoder(void)
{
    return quic_decoder_new(&test_memory);
}

static void quic_close_decoder(void *decoder)
{
    quic_decoder_free(decoder);
}

static Status quic_back(void *decoder, Span data, uint8_t *pixels, size_t size)
{
    return quic_decode(decoder, data, pixels, size);
}

/* Pixels; fewer than those of the text runs, or of the photos: no image is in the window when it comes again. */
#define GLZ_WINDOW (768u * 1024u)

static void *glz_open(void)
{
    const GlzState state = {.window_pixels = GLZ_WINDOW};
    return glz_encoder_new(&test_memory, &state);
}

static void glz_close(void *encoder)
{
    glz_encoder_free(encoder);
}

static Status glz_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return glz_encode(encoder, source, sink);
}

static void *jpeg_open(void)
{
    return jpeg_encoder_new(&test_memory);
}

static void jpeg_close(void *encoder)
{
    jpeg_encoder_free(encoder);
}

static Status jpeg_code(void *encoder, const ImageSource *source, CodecSink *sink)
{
    return jpeg_encode(encoder, source, 85, sink);
}

static const Bench benches[] = {
    {"lz", lz_open, lz_close, lz_code, NULL, NULL, lz_back},
    {"lz4", lz4_open, lz4_close, lz4_code, NULL, NULL, lz4_back},
    {"lz4-library", lz4_open, lz4_close, lz4_raw_code, NULL, NULL, lz4_raw_back},
    {"quic", quic_open, quic_close, quic_code, quic_open_decoder, quic_close_decoder, quic_back},
    {"jpeg-85", jpeg_open, jpeg_close, jpeg_code, NULL, NULL, NULL},
    {"glz", glz_open, glz_close, glz_code, NULL, NULL, NULL},
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare_double(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void set_make(Set *set)
{
    set->pixels = calloc(set->count, sizeof(*set->pixels));
    set->widths = calloc(set->count, sizeof(*set->widths));
    CHECK(set->pixels != NULL && set->widths != NULL);
    Random random = random_from(set->class);
    for (unsigned i = 0; i < set->count; i++) {
        set->widths[i] = set->class == IMAGE_TEXT_RUN ? 8 + random_below(&random, 57) : set->width;
        set->pixels[i] = image_paint(set->class, set->widths[i], set->height, i);
    }
}

static void print_line(const char *codec, const char *what, const Set *set, double *mb_s, double ratio)
{
    qsort(mb_s, ROUNDS, sizeof(*mb_s), compare_double);
    printf("{\"codec\":\"%s\",\"what\":\"%s\",\"class\":\"%s\",\"mb_s\":%.0f,\"mb_s_median\":%.0f,\"ratio\":%"
           ".4f}\n",
           codec, what, set->name, mb_s[ROUNDS - 1], mb_s[ROUNDS / 2], ratio);
    fflush(stdout);
}

static void set_measure(const Bench *bench, const Set *set, uint64_t ms)
{
    const size_t room = (size_t)set->width * set->height * 5 + 4096;
    uint8_t **coded = calloc(set->count, sizeof(*coded));
    size_t *lens = calloc(set->count, sizeof(*lens));
    uint8_t *out = malloc(room);
    double encode[ROUNDS], decode[ROUNDS];
    uint64_t raw = 0, total = 0;
    CHECK(coded != NULL && lens != NULL && out != NULL);
    void *encoder = bench->open();
    void *decoder = bench->open_decoder != NULL ? bench->open_decoder() : NULL;
    unsigned next = 0;
    for (unsigned round = 0; round < (bench->decode != NULL ? 2 : 1) * ROUNDS; round++) {
        const uint64_t start = cpu_ns();
        uint64_t now = start, bytes = 0, look_at = LOOK_BYTES;
        const bool encodes = round < ROUNDS;
        while (now - start < ms * 1000000u / (2 * ROUNDS) || (encodes && raw < 1)) {
            const unsigned i = next++ % set->count;
            const uint32_t width = set->widths[i];
            const size_t size = (size_t)width * set->height * 4;
            if (encodes || coded[i] == NULL) {
                const ImageChunk chunk = {(const uint8_t *)set->pixels[i], set->height};
                const ImageSource source = {PIXEL_32BIT, width, set->height, width * 4, true, &chunk, 1};
                CodecSink sink;
                sink_init(&sink, out, room);
                CHECK(bench->encode(encoder, &source, &sink) == STATUS_OK);
                if (coded[i] == NULL) {
                    raw += size;
                    total += sink.total;
                    lens[i] = sink.total;
                    coded[i] = malloc(sink.total);
                    CHECK(coded[i] != NULL);
                    memcpy(coded[i], out, sink.total);
                }
            } else {
                CHECK(bench->decode(decoder, span_of(coded[i], lens[i]), out, size) == STATUS_OK);
            }
            bytes += size;
            if (bytes >= look_at) { /* reading the clock costs as much as a small image */
                look_at = bytes + LOOK_BYTES;
                now = cpu_ns();
            }
        }
        (encodes ? encode : decode)[round % ROUNDS] = (double)bytes * 1e3 / (double)(now - start);
    }
    bench->close(encoder);
    if (decoder != NULL) {
        bench->close_decoder(decoder);
    }
    print_line(bench->name, "encode", set, encode, (double)total / (double)raw);
    if (bench->decode != NULL) {
        print_line(bench->name, "decode", set, decode, (double)total / (double)raw);
    }
    for (unsigned i = 0; i < set->count; i++) {
        free(coded[i]);
    }
    free(coded);
    free(lens);
    free(out);
}

int main(int argc, char **argv)
{
    const char *codec = NULL, *class = NULL;
    uint64_t ms = 150;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--ms") == 0) {
            ms = strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--codec") == 0) {
            codec = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--class") == 0) {
            class = argv[++i];
        } else {
            fprintf(stderr, "usage: bench-codec [--ms N] [--codec NAME] [--class NAME]\n");
            return 2;
        }
    }
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        if (class != NULL && strcmp(class, sets[s].name) != 0) {
            continue;
        }
        set_make(&sets[s]);
        for (size_t b = 0; b < sizeof(benches) / sizeof(benches[0]); b++) {
            if (codec == NULL || strcmp(codec, benches[b].name) == 0) {
                set_measure(&benches[b], &sets[s], ms);
            }
        }
        for (unsigned i = 0; i < sets[s].count; i++) {
            free(sets[s].pixels[i]);
        }
        free(sets[s].pixels);
        free(sets[s].widths);
    }
    return 0;
}
