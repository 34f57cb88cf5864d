/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The codecs' libraries alone, used as well as they can be: contexts are kept, and nothing is looked at but the result's size. */
#include <stdio.h> /* for jpeglib.h */
#include <stdlib.h>

#include <jpeglib.h>
#include <lz4.h>

#include "tests/codec/judge/judge.h"

size_t library_lz4(const ImageSource *source, uint8_t *out, size_t room)
{
    static LZ4_stream_t *stream;
    if (stream == NULL && (stream = LZ4_createStream()) == NULL) {
        judge_fail("no memory");
    }
    LZ4_initStream(stream, sizeof(*stream));
    const int coded = LZ4_compress_fast_continue(stream, (const char *)source->chunks[0].data, (char *)out,
                                                 (int)(source->stride * source->height), (int)room, 1);
    return coded > 0 ? (size_t)coded : 0;
}

size_t library_jpeg(const ImageSource *source, uint8_t *out, size_t room)
{
    static struct jpeg_compress_struct jpeg;
    static struct jpeg_error_mgr errors;
    if (jpeg.err == NULL) {
        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_compress(&jpeg);
    }
    unsigned char *to = out;
    unsigned long coded = (unsigned long)room;
    jpeg_mem_dest(&jpeg, &to, &coded);
    jpeg.image_width = source->width;
    jpeg.image_height = source->height;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_EXT_BGRX;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 85, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < source->height) {
        JSAMPROW rows[16];
        JDIMENSION count = 0;
        for (; count < 16 && jpeg.next_scanline + count < source->height; count++) {
            rows[count] = (JSAMPROW)(uintptr_t)(source->chunks[0].data +
                                                (size_t)(jpeg.next_scanline + count) * source->stride);
        }
        jpeg_write_scanlines(&jpeg, rows, count);
    }
    jpeg_finish_compress(&jpeg);
    return coded;
}
