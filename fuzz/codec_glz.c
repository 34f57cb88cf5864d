/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Up to 16 GLZ images for one window, each with its length in two bytes in front. */
#include <stdlib.h>

#include "codec/glz.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

#define WINDOW_PIXELS 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GlzDecoder *decoder = glz_decoder_new(&codec_fuzz_memory, WINDOW_PIXELS, 0);
    for (unsigned i = 0; i < 16 && size >= 2 && decoder != NULL; i++) {
        size_t len = (size_t)(data[0] | data[1] << 8);
        len = len < size - 2 ? len : size - 2;
        uint8_t *exact = malloc(len > 0 ? len : 1);
        for (size_t b = 0; b < len; b++) {
            exact[b] = data[2 + b];
        }
        ImageInfo info;
        uint64_t id;
        if (glz_info(span_of(exact, len), &info, &id) == STATUS_OK && codec_fuzz_size(&info) > 0) {
            uint8_t *pixels = malloc(codec_fuzz_size(&info));
            (void)(glz_decode(decoder, span_of(exact, len), pixels, codec_fuzz_size(&info)) == STATUS_OK);
            if (i % 2 == 1) {
                glz_decoder_set_high_bits(decoder, id);
            }
            if (glz_decoder_pixels(decoder) > 2 * WINDOW_PIXELS) {
                abort();
            }
            free(pixels);
        }
        free(exact);
        data += 2 + len;
        size -= 2 + len;
    }
    glz_decoder_free(decoder);
    return 0;
}
