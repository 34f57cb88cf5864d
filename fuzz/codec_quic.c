/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A QUIC image. The format leaves an encoder no choice, so what decodes is, but for its padding bits, what we make of the
 * pixels again. (Not so where a run is coded in another way than its shortest: then only the pixels must be the same.) */
#include <stdlib.h>
#include <string.h>

#include "codec/quic.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static QuicDecoder *decoder;
    static QuicEncoder *encoder;
    if (decoder == NULL) {
        decoder = quic_decoder_new(&codec_fuzz_memory);
        encoder = quic_encoder_new(&codec_fuzz_memory);
    }
    ImageInfo info;
    if (quic_info(span_of(data, size), &info) != STATUS_OK) {
        return 0;
    }
    const size_t bytes = codec_fuzz_size(&info);
    uint8_t *pixels = bytes > 0 ? malloc(bytes) : NULL;
    if (pixels != NULL && quic_decode(decoder, span_of(data, size), pixels, bytes) == STATUS_OK) {
        const ImageChunk chunk = {pixels, info.height};
        const ImageSource source = {info.format, info.width, info.height, info.stride, true, &chunk, 1};
        const size_t room = bytes * 4 + 4096;
        uint8_t *coded = malloc(room), *back = malloc(bytes);
        CodecSink sink;
        sink_init(&sink, coded, room);
        if (quic_encode(encoder, &source, &sink) != STATUS_OK ||
            quic_decode(decoder, span_of(coded, sink.total), back, bytes) != STATUS_OK ||
            memcmp(back, pixels, bytes) != 0) {
            abort();
        }
        free(coded);
        free(back);
    }
    free(pixels);
    return 0;
}
