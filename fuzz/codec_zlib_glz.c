/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ZLIB_GLZ image; the first two bytes say how long it will be. */
#include <stdlib.h>

#include "codec/zlib_glz.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ZlibDecoder *decoder;
    if (decoder == NULL) {
        decoder = zlib_decoder_new(&codec_fuzz_memory);
    }
    if (size >= 2) {
        const size_t len = (size_t)(data[0] | data[1] << 8) + 1;
        uint8_t *glz = malloc(len);
        (void)(zlib_decode(decoder, span_of(data + 2, size - 2), glz, len) == STATUS_OK);
        free(glz);
    }
    return 0;
}
