/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An LZ4 image; the first two bytes say how wide and high its descriptor says it is. */
#include <stdlib.h>

#include "codec/lz4_image.h"
#include "fuzz/codec_fuzz.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ImageInfo info;
    if (size < 2 || lz4_info(span_of(data + 2, size - 2), 1u + data[0], 1u + data[1], &info) != STATUS_OK) {
        return 0;
    }
    const size_t bytes = codec_fuzz_size(&info);
    uint8_t *pixels = malloc(bytes + 1);
    if (pixels != NULL) {
        uint8_t *exact = realloc(pixels, bytes);
        (void)(lz4_decode(span_of(data + 2, size - 2), exact, bytes) == STATUS_OK);
        free(exact);
    }
    return 0;
}
