/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec-judge: what the existing server encodes must decode here, and be no smaller than what we make of it.
 *
 *   codec-judge SETTING            may the codec be trusted?
 *   codec-judge --speed SETTING    is it faster?
 *
 * Without --speed: For each image format and class it prints one line of JSON: how many images the existing server coded in the form
 * that was asked for, how many of them decoded to the very pixels, the bytes of both encoders. It ends with 1 if an
 * image did not decode to its pixels, or our encoder refuses it; or if of a format and class ours are larger, or none came in that
 * form (but for those that the existing server sends raw).
 *
 * With --speed: one line for each class of larger 32-bit images: the user CPU time for one image that the existing
 * server's worker thread spends in libspice-server and the codecs' libraries (theirs_us), that of our encoder
 * (ours_us), and that of the library alone (library_us; 0: there is none). What these libraries do besides encoding is seen with
 * the setting "off".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spice/enums.h>

#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"
#include "display/encode/photo.h"
#include "tests/codec/images.h"
#include "tests/codec/judge/judge.h"
#include "tests/codec/judge/sampler.h"

#define IMAGES 12         /* for each format and class */
#define LARGER_PERCENT 1u /* so much larger than the existing server's ours may be */

typedef struct Setting {
    const char *name;
    JudgeSettings server;
    unsigned formats;
    unsigned
        raw[IMAGE_CLASSES]; /* formats of which all images of a class may come raw, as coding does not pay */
    bool top_first;         /* decoded pixels begin with the top row */
    bool identical;         /* our encoder's bytes must be the existing one's */
    bool chooses;           /* between LZ and QUIC; we choose the same */
    bool lossy;             /* decoded pixels need only be near; alpha must be exact */
    uint8_t type, type_other; /* SpiceImageType, and another that may come; 0: none */
    Status (*decode)(const CodedImage *coded, uint8_t *pixels, size_t size);
    Status (*encode)(const ImageSource *source, CodecSink *sink);
    size_t (*library)(const ImageSource *source, uint8_t *out, size_t room);
} Setting;

static Status lz_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    return lz_decode(coded->data, pixels, size);
}

static Status lz_forth(const ImageSource *source, CodecSink *sink)
{
    static LzEncoder *encoder;
    if (encoder == NULL) {
        encoder = lz_encoder_new(&test_memory);
    }
    return lz_encode(encoder, source, sink);
}

/* The judge's sources have noise in the fourth bytes, which must come as it was. */
static Status lz4_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    const Status status = lz4_decode(coded->data, pixels, size);
    for (size_t i = 3; status == STATUS_OK && coded->data.data[1] == PIXEL_32BIT && i < size; i += 4) {
        pixels[i] = 0;
    }
    return status;
}

static Status lz4_forth(const ImageSource *source, CodecSink *sink)
{
    static Lz4Encoder *encoder;
    if (encoder == NULL) {
        encoder = lz4_encoder_new(&test_memory);
    }
    return lz4_encode(encoder, source, sink);
}

static Status quic_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    static QuicDecoder *decoder;
    if (decoder == NULL) {
        decoder = quic_decoder_new(&test_memory);
    }
    return quic_decode(decoder, coded->data, pixels, size);
}

static Status quic_forth(const ImageSource *source, CodecSink *sink)
{
    static QuicEncoder *encoder;
    if (encoder == NULL) {
        encoder = quic_encoder_new(&test_memory);
    }
    return quic_encode(encoder, source, sink);
}

/* As the judge's client announces. */
#define GLZ_WINDOW (1u << 20)

/* As our server chooses with auto_lz. */
static bool source_is_photo(const ImageSource *source)
{
    QxlSpan spans[IMAGE_CHUNKS_MAX];
    QxlData data = {spans, 0, 0};
    for (uint32_t i = 0; i < source->chunk_count; i++) {
        const uint32_t bytes = source->chunks[i].rows * source->stride;
        spans[i] = (QxlSpan){(uintptr_t)source->chunks[i].data, data.bytes, bytes};
        data.bytes += bytes;
        data.count++;
    }
    return pixels_are_photo(source->format, source->width, source->height, source->stride, &data);
}

static Status auto_lz_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    return coded->type == SPICE_IMAGE_TYPE_QUIC ? quic_back(coded, pixels, size)
                                                : lz_back(coded, pixels, size);
}

static Status auto_lz_forth(const ImageSource *source, CodecSink *sink)
{
    return source_is_photo(source) ? quic_forth(source, sink) : lz_forth(source, sink);
}

static Status glz_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    static GlzDecoder *decoder;
    if (decoder == NULL) {
        decoder = glz_decoder_new(&test_memory, GLZ_WINDOW, 0);
    }
    return glz_decode(decoder, coded->data, pixels, size);
}

static Status glz_forth(const ImageSource *source, CodecSink *sink)
{
    static GlzEncoder *encoder;
    if (encoder == NULL) {
        encoder = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = GLZ_WINDOW});
    }
    return glz_encode(encoder, source, sink);
}

static Status zlib_glz_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    static ZlibDecoder *decoder;
    static uint8_t glz[4u << 20];
    if (decoder == NULL) {
        decoder = zlib_decoder_new(&test_memory);
    }
    if (coded->type == SPICE_IMAGE_TYPE_GLZ_RGB) {
        return glz_back(coded, pixels, size); /* zlib gained nothing */
    }
    if (coded->before > sizeof(glz)) {
        return STATUS_LIMIT;
    }
    const Status status = zlib_decode(decoder, coded->data, glz, coded->before);
    const CodedImage inner = {.data = span_of(glz, coded->before)};
    return status == STATUS_OK ? glz_back(&inner, pixels, size) : status;
}

static Status zlib_glz_forth(const ImageSource *source, CodecSink *sink)
{
    static ZlibEncoder *encoder;
    static uint8_t glz[4u << 20];
    if (encoder == NULL) {
        encoder = zlib_encoder_new(&test_memory);
    }
    CodecSink inner;
    sink_init(&inner, glz, sizeof(glz));
    const Status status = glz_forth(source, &inner);
    return status == STATUS_OK ? zlib_encode(encoder, &(Span){glz, inner.total}, 1, sink) : status;
}

static Status jpeg_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    static JpegDecoder *decoder;
    (void)size;
    if (decoder == NULL) {
        decoder = jpeg_decoder_new(&test_memory);
    }
    if (coded->type == SPICE_IMAGE_TYPE_JPEG_ALPHA) {
        return jpeg_alpha_decode(decoder, coded->data, coded->before,
                                 coded->flags & SPICE_JPEG_ALPHA_FLAGS_TOP_DOWN, coded->width, coded->height,
                                 pixels);
    }
    return jpeg_decode(decoder, coded->data, coded->width, coded->height, pixels);
}

static Status jpeg_forth(const ImageSource *source, CodecSink *sink)
{
    static JpegEncoder *encoder;
    static LzEncoder *lz;
    size_t jpeg_size;
    if (encoder == NULL) {
        encoder = jpeg_encoder_new(&test_memory);
        lz = lz_encoder_new(&test_memory);
    }
    return source->format == PIXEL_RGBA ? jpeg_alpha_encode(encoder, lz, source, 85, sink, &jpeg_size)
                                        : jpeg_encode(encoder, source, 85, sink);
}

#define RGB_FORMATS (1u << PIXEL_16BIT | 1u << PIXEL_24BIT | 1u << PIXEL_32BIT | 1u << PIXEL_RGBA)
#define PALETTE_FORMATS                                                                                      \
    (1u << PIXEL_1BIT_LE | 1u << PIXEL_1BIT_BE | 1u << PIXEL_4BIT_LE | 1u << PIXEL_4BIT_BE | 1u << PIXEL_8BIT)

static Status raw_back(const CodedImage *coded, uint8_t *pixels, size_t size)
{
    if (coded->data.len != size) {
        return STATUS_PEER_FAULT;
    }
    memcpy(pixels, coded->data.data, size);
    for (size_t i = 3; i < size; i += 4) {
        pixels[i] = 0;
    }
    return STATUS_OK;
}

static const Setting settings[] = {
    {.name = "off",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_OFF},
     .formats = 1u << PIXEL_32BIT,
     .type = SPICE_IMAGE_TYPE_BITMAP,
     .decode = raw_back},
    {.name = "lz",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_LZ},
     .formats = RGB_FORMATS | PALETTE_FORMATS | 1u << PIXEL_8BIT_A,
     .raw = {[IMAGE_PHOTO] = 1u << PIXEL_24BIT,
             [IMAGE_NOISE] = PALETTE_FORMATS | 1u << PIXEL_8BIT_A | 1u << PIXEL_16BIT | 1u << PIXEL_24BIT |
                             1u << PIXEL_RGBA},
     .type = SPICE_IMAGE_TYPE_LZ_RGB,
     .type_other = SPICE_IMAGE_TYPE_LZ_PLT,
     .decode = lz_back,
     .encode = lz_forth},
    {.name = "lz4",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_LZ4},
     .formats = RGB_FORMATS,
     .raw = {[IMAGE_PHOTO] = 1u << PIXEL_24BIT | 1u << PIXEL_32BIT | 1u << PIXEL_RGBA,
             [IMAGE_NOISE] = RGB_FORMATS},
     .type = SPICE_IMAGE_TYPE_LZ4,
     .decode = lz4_back,
     .encode = lz4_forth,
     .library = library_lz4},
    {.name = "quic",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_QUIC},
     .formats = RGB_FORMATS,
     .raw = {[IMAGE_NOISE] = 1u << PIXEL_24BIT | 1u << PIXEL_RGBA},
     .top_first = true,
     .identical = true, /* the format leaves an encoder no choice */
     .type = SPICE_IMAGE_TYPE_QUIC,
     .decode = quic_back,
     .encode = quic_forth},
    {.name = "auto-lz",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_AUTO_LZ},
     .formats = RGB_FORMATS,
     .raw = {[IMAGE_NOISE] = 1u << PIXEL_16BIT | 1u << PIXEL_24BIT | 1u << PIXEL_RGBA},
     .chooses = true,
     .type = SPICE_IMAGE_TYPE_LZ_RGB,
     .type_other = SPICE_IMAGE_TYPE_QUIC,
     .decode = auto_lz_back,
     .encode = auto_lz_forth},
    {.name = "glz",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_GLZ},
     .formats = RGB_FORMATS,
     .type = SPICE_IMAGE_TYPE_GLZ_RGB,
     .decode = glz_back,
     .encode = glz_forth},
    {.name = "zlib-glz",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_GLZ, .zlib_glz = true},
     .formats = RGB_FORMATS,
     .type = SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB,
     .type_other = SPICE_IMAGE_TYPE_GLZ_RGB,
     .decode = zlib_glz_back,
     .encode = zlib_glz_forth},
    {.name = "jpeg",
     .server = {.compression = SPICE_IMAGE_COMPRESSION_QUIC, .jpeg = true},
     .formats = 1u << PIXEL_32BIT | 1u << PIXEL_RGBA,
     .top_first = true,
     .lossy = true,
     .type = SPICE_IMAGE_TYPE_JPEG,
     .type_other = SPICE_IMAGE_TYPE_JPEG_ALPHA,
     .decode = jpeg_back,
     .encode = jpeg_forth,
     .library = library_jpeg},
    {.name = "jpeg-alpha", /* the half of those that is slower */
     .server = {.compression = SPICE_IMAGE_COMPRESSION_QUIC, .jpeg = true},
     .formats = 1u << PIXEL_RGBA,
     .top_first = true,
     .lossy = true,
     .type = SPICE_IMAGE_TYPE_JPEG_ALPHA,
     .decode = jpeg_back,
     .encode = jpeg_forth},
};

static const Setting *setting;

typedef struct Tally {
    unsigned drawn, coded, good, identical, same_choice;
    uint64_t raw, theirs, ours;
} Tally;

/* JPEG loses detail, colors most, but it about keeps the mean of its blocks; alpha is exact. */
static bool near_pixels(const TestImage *image, const uint8_t *pixels, const uint8_t *expected)
{
    const uint32_t width = image->source.width, height = image->source.height;
    for (uint32_t block_y = 0; block_y < height; block_y += 16) {
        for (uint32_t block_x = 0; block_x < width; block_x += 16) {
            int sum[4] = {0}, count = 0;
            for (uint32_t y = block_y; y < block_y + 16 && y < height; y++) {
                for (uint32_t x = block_x; x < block_x + 16 && x < width; x++, count++) {
                    const size_t at = ((size_t)y * width + x) * 4;
                    for (unsigned c = 0; c < 3; c++) {
                        sum[c] += pixels[at + c] - expected[at + c];
                    }
                    sum[3] |= pixels[at + 3] ^ expected[at + 3];
                }
            }
            const int most = count < 256 ? 100 * count : 32 * count; /* a sliver may be all edge */
            if (abs(sum[0]) > most || abs(sum[1]) > most || abs(sum[2]) > most || sum[3] != 0) {
                return false;
            }
        }
    }
    return true;
}

static bool same_pixels(const TestImage *image, const uint8_t *pixels, const uint8_t *expected)
{
    return setting->lossy ? near_pixels(image, pixels, expected) : memcmp(pixels, expected, image->size) == 0;
}

static void image_judge(JudgeClient *client, const TestImage *image, Tally *tally)
{
    const ImageSource *source = &image->source;
    judge_draw(source);
    const CodedImage coded = judge_client_image(client);
    tally->drawn++;
    tally->raw += image->size;
    if (coded.type != setting->type && (setting->type_other == 0 || coded.type != setting->type_other)) {
        return; /* too small, or not worth it; what counts is that the others are there */
    }
    tally->coded++;
    tally->theirs += coded.data.len;
    tally->same_choice += source_is_photo(source) == (coded.type == SPICE_IMAGE_TYPE_QUIC);
    uint8_t *pixels = calloc(1, image->size);
    const Status status = setting->decode(&coded, pixels, image->size);
    const bool top_first = setting->top_first || coded.type == SPICE_IMAGE_TYPE_QUIC;
    const uint8_t *expected = top_first ? image->expected_top_first : image->expected;
    if (status == STATUS_OK && same_pixels(image, pixels, expected)) {
        tally->good++;
    } else {
        fprintf(stderr, "codec-judge: %s: format %d, %ux%u: %s\n", setting->name, source->format,
                source->width, source->height, status == STATUS_OK ? "other pixels" : "does not decode");
    }
    const size_t room = image->size * 2 + 4096;
    uint8_t *ours = malloc(room);
    CodecSink sink;
    sink_init(&sink, ours, room);
    if (setting->encode != NULL) {
        if (setting->encode(source, &sink) != STATUS_OK) {
            judge_fail("our encoder fails");
        }
        tally->ours += sink.total;
        tally->identical += sink.total == coded.data.len && memcmp(ours, coded.data.data, sink.total) == 0;
    }
    free(ours);
    free(pixels);
}

static bool is_small_enough(const Tally *tally)
{
    return tally->ours * 100 <= tally->theirs * (100 + LARGER_PERCENT);
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define SPEED_BATCH                                                                                          \
    (256u << 10) /* coded by one side, then by the other, while it is in the second or third cache */

static uint8_t room[8u << 20];

/* CPU time of our encoder for `count` images; their bytes are added to *coded. */
static uint64_t ours_ns_of(const TestImage *images, unsigned count, uint64_t *coded)
{
    const uint64_t before = cpu_ns();
    for (unsigned i = 0; i < count && setting->encode != NULL; i++) {
        CodecSink sink;
        sink_init(&sink, room, sizeof(room));
        if (setting->encode(&images[i].source, &sink) != STATUS_OK) {
            judge_fail("our encoder fails");
        }
        *coded += sink.total;
    }
    return cpu_ns() - before;
}

static uint64_t library_ns_of(const TestImage *images, unsigned count)
{
    const uint64_t before = cpu_ns();
    for (unsigned i = 0; i < count && setting->library != NULL; i++) {
        if (setting->library(&images[i].source, room, sizeof(room)) == 0) {
            judge_fail("the library fails");
        }
    }
    return cpu_ns() - before;
}

static int speed_run(uint16_t port)
{
    static const struct {
        ImageClass class;
        uint32_t width, height;
        unsigned count;
    } kinds[] = {{IMAGE_TEXT_RUN, 48, 16, 12000},
                 {IMAGE_TEXT_PAGE, 800, 600, 25},
                 {IMAGE_UI, 256, 64, 3000},
                 {IMAGE_PHOTO, 256, 256, 180}};
    static const char *const libraries[] = {"libspice-server", "liblz4", "libjpeg", "libz.", NULL};
    JudgeClient *client = judge_client_open(port);
    Sampler *sampler = NULL;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        const ImageLayout layout = {
            .format = (setting->formats & 1u << PIXEL_32BIT) != 0 ? PIXEL_32BIT : PIXEL_RGBA,
            .width = kinds[k].width,
            .height = kinds[k].height,
            .chunks = 1,
            .top_down = true,
            .no_junk = true,
        };
        const size_t size = (size_t)layout.width * layout.height * 4;
        const unsigned batch = size < SPEED_BATCH ? (unsigned)(SPEED_BATCH / size) : 1;
        const unsigned count = kinds[k].count / batch * batch;
        uint64_t theirs = 0, ours = 0, theirs_ns = 0, ours_ns = 0, library_ns = 0;
        TestImage *images = calloc(batch, sizeof(*images));
        if (images == NULL) {
            judge_fail("no memory");
        }
        /* The first batch only warms up. */
        for (unsigned done = 0; done < count + batch; done += batch) {
            const bool counts = done > 0;
            const uint64_t theirs_before = sampler != NULL ? sampler_ns(sampler) : 0;
            for (unsigned i = 0; i < batch; i++) {
                image_make(&images[i], kinds[k].class, &layout, done + i);
                judge_draw(&images[i].source);
                theirs += counts * judge_client_image(client).data.len;
            }
            if (sampler == NULL && (sampler = sampler_new(judge_worker_thread(), libraries)) == NULL) {
                judge_fail("perf_event_open() is not allowed");
            }
            theirs_ns += counts * (sampler_ns(sampler) - theirs_before);
            /* The second finds the images in nearer caches: they take turns. */
            uint64_t coded = 0, library = 0;
            if (done / batch % 2 == 1) {
                library = library_ns_of(images, batch);
            }
            ours_ns += counts * ours_ns_of(images, batch, &coded);
            if (done / batch % 2 == 0) {
                library = library_ns_of(images, batch);
            }
            ours += counts * coded;
            library_ns += counts * library;
            for (unsigned i = 0; i < batch; i++) {
                image_free(&images[i]);
            }
        }
        free(images);
        const double raw = (double)size * count;
        printf("{\"setting\":\"%s\",\"class\":\"%s\",\"images\":%u,\"bytes\":%zu,\"theirs_us\":%.2f,"
               "\"ours_us\":%.2f,\"library_us\":%.2f,\"theirs_ratio\":%.4f,\"ours_ratio\":%.4f}\n",
               setting->name, image_class_name(kinds[k].class), count, size, (double)theirs_ns / 1e3 / count,
               (double)ours_ns / 1e3 / count,
               setting->library != NULL ? (double)library_ns / 1e3 / count : 0.0, (double)theirs / raw,
               (double)ours / raw);
        fflush(stdout);
    }
    return 0;
}

static int client_run(uint16_t port)
{
    JudgeClient *client = judge_client_open(port);
    bool fine = true;
    for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_8BIT_A; format++) {
        if ((setting->formats & 1u << format) == 0) {
            continue;
        }
        for (ImageClass class = 0; class < IMAGE_CLASSES; class ++) {
            Tally tally = {0};
            for (unsigned i = 0; i < IMAGES; i++) {
                Random random = random_from(i * 100 + class);
                const bool small = i % 3 == 0;
                ImageLayout layout = {
                    .format = format,
                    .width = small ? 1 + random_below(&random, 70) : 100 + random_below(&random, 500),
                    .height = class == IMAGE_TEXT_RUN ? 16 : 3 + random_below(&random, small ? 40 : 300),
                    .top_down = i % 2 == 0,
                    .chunks = 1,
                };
                if (i % 4 == 3) {
                    layout.chunks = 1 + random_below(&random, 3);
                }
                if (format <= PIXEL_4BIT_BE) {
                    layout.width += layout.width % 2; /* the judge's padding bits would be pixels */
                }
                TestImage image;
                image_make(&image, class, &layout, i);
                image_judge(client, &image, &tally);
                image_free(&image);
            }
            printf(
                "{\"setting\":\"%s\",\"format\":%d,\"class\":\"%s\",\"drawn\":%u,\"coded\":%u,\"decoded\":%u,"
                "\"identical\":%u,\"raw\":%llu,\"theirs\":%llu,\"ours\":%llu,\"ours_by_theirs\":%.4f}\n",
                setting->name, format, image_class_name(class), tally.drawn, tally.coded, tally.good,
                tally.identical, (unsigned long long)tally.raw, (unsigned long long)tally.theirs,
                (unsigned long long)tally.ours,
                tally.theirs > 0 ? (double)tally.ours / (double)tally.theirs : 0.0);
            fflush(stdout);
            if (tally.coded == 0 && (setting->raw[class] & 1u << format) == 0) {
                fprintf(stderr, "codec-judge: %s: no image of format %d, %s, came\n", setting->name, format,
                        image_class_name(class));
                fine = false;
            }
            if (setting->chooses && tally.same_choice < tally.coded) {
                fprintf(stderr,
                        "codec-judge: %s: of %u images of format %d, %s, we choose another codec for %u\n",
                        setting->name, tally.coded, format, image_class_name(class),
                        tally.coded - tally.same_choice);
                fine = false;
            }
            if (!is_small_enough(&tally)) {
                fprintf(stderr, "codec-judge: %s: our images of format %d, %s, are larger\n", setting->name,
                        format, image_class_name(class));
                fine = false;
            }
            fine =
                fine && tally.good == tally.coded && (!setting->identical || tally.identical == tally.coded);
        }
    }
    return fine ? 0 : 1;
}

int main(int argc, char **argv)
{
    const bool speed = argc == 3 && strcmp(argv[1], "--speed") == 0;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]) && (argc == 2 || speed); i++) {
        if (strcmp(argv[argc - 1], settings[i].name) == 0) {
            setting = &settings[i];
            return judge_run(&setting->server, speed ? speed_run : client_run);
        }
    }
    fprintf(stderr, "usage: codec-judge [--speed] SETTING\n");
    return 2;
}
