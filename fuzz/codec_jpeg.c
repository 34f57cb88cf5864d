/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A JPEG_ALPHA image, or a JPEG when the third byte is 0: width, height, flags, two bytes of the JPEG's length. */
#include <stdlib.h>

#include "codec/jpeg.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static JpegDecoder *decoder;
    if (decoder == NULL) {
        decoder = jpeg_decoder_new(&codec_fuzz_memory);
    }
    if (size < 5) {
        return 0;
    }
    const uint32_t width = 1u + data[0], height = 1u + data[1];
    const size_t jpeg_size = (size_t)(data[3] | data[4] << 8);
    const Span image = span_of(data + 5, size - 5);
    uint8_t *pixels = malloc((size_t)width * height * 4);
    if (data[2] == 0) {
        (void)(jpeg_decode(decoder, image, width, height, pixels) == STATUS_OK);
    } else {
        (void)(jpeg_alpha_decode(decoder, image, jpeg_size, data[2] & 1, width, height, pixels) == STATUS_OK);
    }
    free(pixels);
    return 0;
}
