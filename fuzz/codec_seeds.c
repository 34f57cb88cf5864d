/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codec_seeds: images of all classes and formats as the codecs' targets take them, in FOLDER/codec_NAME/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/glz.h"
#include "codec/jpeg.h"
#include "codec/lz4_image.h"
#include "codec/quic.h"
#include "codec/zlib_glz.h"
#include "tests/codec/images.h"

#define ROOM 65536u

static const char *folder;
static unsigned written;

static void seed_write(const char *name, const uint8_t *data, size_t len)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/codec_%s/%04u", folder, name, written++);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* The images of one format, for one GLZ window. */
static void format_write(PixelFormat format)
{
    LzEncoder *lz = lz_encoder_new(&test_memory);
    Lz4Encoder *lz4 = lz4_encoder_new(&test_memory);
    QuicEncoder *quic = quic_encoder_new(&test_memory);
    ZlibEncoder *zlib = zlib_encoder_new(&test_memory);
    JpegEncoder *jpeg = jpeg_encoder_new(&test_memory);
    GlzEncoder *glz = glz_encoder_new(&test_memory, &(GlzState){.window_pixels = 4096});
    uint8_t *out = malloc(ROOM), *window = malloc(ROOM);
    CHECK(lz != NULL && lz4 != NULL && quic != NULL && zlib != NULL && jpeg != NULL && glz != NULL &&
          out != NULL && window != NULL);
    size_t window_len = 0;
    for (unsigned i = 0; i < 2 * IMAGE_CLASSES; i++) {
        const ImageLayout layout = {format, 5 + i * 3, 4 + i, 0, 1, i % 2 == 0};
        TestImage image;
        image_make(&image, (ImageClass)(i % IMAGE_CLASSES), &layout, i);
        CodecSink sink;
        sink_init(&sink, out, ROOM);
        if (lz_encode(lz, &image.source, &sink) == STATUS_OK) {
            seed_write("lz", out, sink.total);
        }
        sink_init(&sink, out + 2, ROOM - 2);
        out[0] = (uint8_t)(layout.width - 1);
        out[1] = (uint8_t)(layout.height - 1);
        if (lz4_encode(lz4, &image.source, &sink) == STATUS_OK) {
            seed_write("lz4", out, sink.total + 2);
        }
        sink_init(&sink, out, ROOM);
        if (quic_encode(quic, &image.source, &sink) == STATUS_OK) {
            seed_write("quic", out, sink.total);
        }
        sink_init(&sink, out + 5, ROOM - 5);
        size_t jpeg_size = 0;
        memcpy(out, (uint8_t[]){(uint8_t)(layout.width - 1), (uint8_t)(layout.height - 1), 0, 0, 0}, 5);
        if (jpeg_alpha_encode(jpeg, lz, &image.source, 85, &sink, &jpeg_size) == STATUS_OK) {
            out[2] = 2 | layout.top_down;
            le16_put(out + 3, (uint16_t)jpeg_size);
            seed_write("jpeg", out, sink.total + 5);
        } else {
            sink_init(&sink, out + 5, ROOM - 5);
            if (jpeg_encode(jpeg, &image.source, 85, &sink) == STATUS_OK) {
                seed_write("jpeg", out, sink.total + 5);
            }
        }
        sink_init(&sink, out, ROOM);
        if (window_len + 20000 < ROOM && glz_encode(glz, &image.source, &sink) == STATUS_OK) {
            le16_put(window + window_len, (uint16_t)sink.total);
            memcpy(window + window_len + 2, out, sink.total);
            CodecSink small;
            uint8_t packed[ROOM / 2];
            le16_put(packed, (uint16_t)(sink.total - 1));
            sink_init(&small, packed + 2, sizeof(packed) - 2);
            if (zlib_encode(zlib, &(Span){out, sink.total}, 1, &small) == STATUS_OK) {
                seed_write("zlib_glz", packed, small.total + 2);
            }
            window_len += 2 + sink.total;
        }
        image_free(&image);
    }
    if (window_len > 0) {
        seed_write("glz", window, window_len);
    }
    lz_encoder_free(lz);
    lz4_encoder_free(lz4);
    quic_encoder_free(quic);
    zlib_encoder_free(zlib);
    jpeg_encoder_free(jpeg);
    glz_encoder_free(glz);
    free(out);
    free(window);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: codec-seeds FOLDER\n");
        return 2;
    }
    folder = argv[1];
    for (PixelFormat format = PIXEL_1BIT_LE; format <= PIXEL_8BIT_A; format++) {
        format_write(format);
    }
    return 0;
}
