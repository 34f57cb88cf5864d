/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An LZ image. What decodes must decode again after it was encoded by us, to the same pixels. */
#include <stdlib.h>
#include <string.h>

#include "codec/lz.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

static void encode_again(const ImageInfo *info, const uint8_t *pixels, size_t size)
{
    static LzEncoder *encoder;
    if (encoder == NULL) {
        encoder = lz_encoder_new(&codec_fuzz_memory);
    }
    const ImageChunk chunk = {pixels, info->height};
    const ImageSource source = {
        info->format, info->width, info->height, info->stride, info->top_down, &chunk, 1};
    const size_t room = size * 2 + 4096;
    uint8_t *coded = malloc(room), *back = calloc(1, size);
    CodecSink sink;
    sink_init(&sink, coded, room);
    if (lz_encode(encoder, &source, &sink) != STATUS_OK ||
        lz_decode(span_of(coded, sink.total), back, size) != STATUS_OK || memcmp(back, pixels, size) != 0) {
        abort();
    }
    free(coded);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ImageInfo info;
    bool alpha_alone;
    if (lz_info(span_of(data, size), &info, &alpha_alone) != STATUS_OK) {
        return 0;
    }
    const size_t bytes = codec_fuzz_size(&info);
    uint8_t *pixels = bytes > 0 ? calloc(1, bytes) : NULL;
    if (pixels != NULL && lz_decode(span_of(data, size), pixels, bytes) == STATUS_OK && !alpha_alone) {
        encode_again(&info, pixels, bytes);
    }
    free(pixels);
    return 0;
}
