/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/lz4_image.h"

#include <lz4.h>

#include "base/span.h"
#include "codec/lz4_pixels.h"
#include "codec/sink.h"
#include "codec/source.h"

#define HEADER_BYTES 2u
#define BLOCK_HEADER_BYTES 4u
/* Bytes of rows in a block. In each block the search learns anew how fast it may go, so they are large; but a coded one
 * may have to be copied to a sink of small pieces. */
#define BLOCK_BYTES (1024u * 1024u)

/* Pixels that are looked at for what their fourth bytes are: a few side by side, as others would miss the caches. */
#define SAMPLES_MAX 16u
#define SAMPLE_EACH 61u /* odd, so that not all samples are of the same columns */
#define SAMPLE_PIXELS 4u

struct Lz4Encoder {
    CodecMemory memory;
    Scratch rows; /* an image that had to be gathered */
    Scratch coded;
    bool by_pixel;       /* how this image is searched for matches */
    Lz4Pixels pixels;    /* if so */
    LZ4_stream_t stream; /* if not */
};

Lz4Encoder *lz4_encoder_new(const CodecMemory *memory)
{
    Lz4Encoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder != NULL) {
        *encoder = (Lz4Encoder){.memory = *memory};
    }
    return encoder;
}

void lz4_encoder_free(Lz4Encoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->memory;
        scratch_free(&encoder->rows, &memory);
        scratch_free(&encoder->coded, &memory);
        memory.free(memory.owner, encoder);
    }
}

static void be32_put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Codes rows `from` to `to` of the packed image at `rows`. */
static Status block_put(Lz4Encoder *encoder, const ImageSource *source, const uint8_t *rows, uint32_t from,
                        uint32_t to, CodecSink *sink)
{
    const size_t row_bytes = (size_t)pixel_row_bytes(source->format, source->width);
    const int len = (int)((to - from) * row_bytes);
    const size_t bound = BLOCK_HEADER_BYTES + (encoder->by_pixel ? lz4_pixels_bound((uint32_t)len / 4)
                                                                 : (size_t)LZ4_compressBound(len));
    size_t room = 0;
    uint8_t *block = sink_direct(sink, &room);
    const bool direct = room >= bound;
    if (!direct) {
        const Status status = scratch_need(&encoder->coded, &encoder->memory, bound);
        if (status != STATUS_OK) {
            return status;
        }
        block = encoder->coded.data;
    }
    uint8_t *const to_block = block + BLOCK_HEADER_BYTES;
    size_t coded;
    if (encoder->by_pixel) {
        coded = lz4_pixels_block(&encoder->pixels, rows, from * source->width, to * source->width,
                                 source->width, to_block);
    } else {
        /* Also for images of one block: for less than 64 KiB the library's one-shot functions look at 4 bytes where these
         * look at 5, which makes text longer. */
        const int got = LZ4_compress_fast_continue(&encoder->stream, (const char *)rows + from * row_bytes,
                                                   (char *)to_block, len, LZ4_compressBound(len), 1);
        if (got <= 0) {
            return STATUS_IO;
        }
        coded = (size_t)got;
    }
    be32_put(block, (uint32_t)coded);
    if (direct) {
        sink_advance(sink, BLOCK_HEADER_BYTES + coded);
        return STATUS_OK;
    }
    return sink_write(sink, block, BLOCK_HEADER_BYTES + coded);
}

/* The rows in one piece, without padding. */
static Status rows_gather(Lz4Encoder *encoder, const ImageSource *source, const uint8_t **ret_rows)
{
    *ret_rows = source_packed(source);
    if (*ret_rows != NULL) {
        return STATUS_OK;
    }
    const uint64_t row_bytes = pixel_row_bytes(source->format, source->width);
    const Status status = scratch_need(&encoder->rows, &encoder->memory, row_bytes * source->height);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *to = encoder->rows.data;
    RowWalk walk = rows_begin(source, false);
    for (uint32_t y = 0; y < source->height; y++) {
        memcpy(to, rows_next(&walk), (size_t)row_bytes);
        to += row_bytes;
    }
    *ret_rows = encoder->rows.data;
    return STATUS_OK;
}

/* Are most pixels that are like the one before but for the fourth byte, not like it with that? Noise there leaves nothing to be
 * found at pixels. A look at some is enough: whoever fools it gets a larger image. */
static bool fourth_is_noise(const uint8_t *rows, uint32_t count)
{
    const uint32_t step = count / SAMPLES_MAX > SAMPLE_EACH ? count / SAMPLES_MAX : SAMPLE_EACH;
    uint32_t alike = 0, noise = 0;
    for (uint32_t i = 0; i + SAMPLE_PIXELS < count; i += step) {
        const uint8_t *at = rows + 4 * (size_t)i;
        for (uint32_t k = 0; k < SAMPLE_PIXELS; k++) {
            const uint32_t differs = le32_get(at + 4 * (size_t)k) ^ le32_get(at + 4 * (size_t)k + 4);
            alike += (differs & 0xffffff) == 0;
            noise += (differs & 0xffffff) == 0 && differs != 0;
        }
    }
    return 2 * noise > alike;
}

#define LZ4_FORMATS                                                                                          \
    (FORMAT_BIT(PIXEL_16BIT) | FORMAT_BIT(PIXEL_24BIT) | FORMAT_BIT(PIXEL_32BIT) | FORMAT_BIT(PIXEL_RGBA))

Status lz4_encode(Lz4Encoder *encoder, const ImageSource *source, CodecSink *sink)
{
    Status status = source_check(source, LZ4_FORMATS);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t row_bytes = pixel_row_bytes(source->format, source->width);
    if (row_bytes > LZ4_MAX_INPUT_SIZE) {
        return STATUS_LIMIT;
    }
    const uint8_t *rows = NULL;
    status = rows_gather(encoder, source, &rows);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t header[HEADER_BYTES] = {source->top_down, (uint8_t)source->format};
    status = sink_write(sink, header, sizeof(header));
    const uint32_t count = source->width * source->height;
    encoder->by_pixel = pixel_bits(source->format) == 32 && !fourth_is_noise(rows, count);
    if (encoder->by_pixel) {
        lz4_pixels_begin(&encoder->pixels, count);
    } else {
        /* All of it: what an earlier image left in the table would change the bytes of this one. */
        LZ4_initStream(&encoder->stream, sizeof(encoder->stream));
    }
    const uint32_t block_rows = row_bytes < BLOCK_BYTES ? (uint32_t)(BLOCK_BYTES / row_bytes) : 1;
    for (uint32_t y = 0; y < source->height && status == STATUS_OK;) {
        const uint32_t left = source->height - y, now = left < block_rows ? left : block_rows;
        status = block_put(encoder, source, rows, y, y + now, sink);
        y += now;
    }
    return status;
}

Status lz4_info(Span data, uint32_t width, uint32_t height, ImageInfo *ret_info)
{
    if (data.len < HEADER_BYTES || data.data[0] > 1 || data.data[1] > PIXEL_8BIT_A ||
        (LZ4_FORMATS & FORMAT_BIT(data.data[1])) == 0 || width == 0 || height == 0 ||
        (uint64_t)width * height > CODEC_PIXELS_MAX) {
        return STATUS_PEER_FAULT;
    }
    *ret_info = (ImageInfo){
        .format = (PixelFormat)data.data[1],
        .width = width,
        .height = height,
        .stride = (uint32_t)pixel_row_bytes((PixelFormat)data.data[1], width),
        .top_down = data.data[0] != 0,
    };
    return STATUS_OK;
}

Status lz4_decode(Span data, uint8_t *pixels, size_t size)
{
    ImageInfo info;
    if (lz4_info(data, 1, 1, &info) != STATUS_OK) {
        return STATUS_PEER_FAULT;
    }
    const uint8_t *at = data.data + HEADER_BYTES, *const end = data.data + data.len;
    size_t done = 0;
    while (at < end) {
        if (end - at < (ptrdiff_t)BLOCK_HEADER_BYTES) {
            return STATUS_PEER_FAULT;
        }
        const uint32_t coded = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        at += BLOCK_HEADER_BYTES;
        const size_t left = size - done;
        const int room = left > LZ4_MAX_INPUT_SIZE ? LZ4_MAX_INPUT_SIZE : (int)left;
        if (coded == 0 || coded > (size_t)(end - at) || coded > INT32_MAX || room == 0) {
            return STATUS_PEER_FAULT;
        }
        const int before = done < 65536 ? (int)done : 65536;
        const int got = LZ4_decompress_safe_usingDict((const char *)at, (char *)pixels + done, (int)coded,
                                                      room, (const char *)pixels + done - before, before);
        if (got < 0) {
            return STATUS_PEER_FAULT;
        }
        at += coded;
        done += (size_t)got;
    }
    return done == size ? STATUS_OK : STATUS_PEER_FAULT;
}
