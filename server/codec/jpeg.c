/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/jpeg.h"

#include <setjmp.h>
#include <stddef.h>

#include "codec/jpeg_memory.h"
#include "codec/sink.h"
#include "codec/source.h"

#define SIDE_MAX 65500u /* pixels; JPEG's */

/* Where libjpeg's errors end: in the setjmp() of the call that uses it. */
typedef struct Errors {
    struct jpeg_error_mgr manager; /* first: libjpeg knows its address */
    jmp_buf failed;
    Status status;
} Errors;

static _Noreturn void errors_exit(j_common_ptr jpeg)
{
    Errors *errors = (Errors *)jpeg->err;
    longjmp(errors->failed, 1);
}

/* Negative levels are warnings about bad data, which is an error here; others are chatter. */
static void errors_message(j_common_ptr jpeg, int level)
{
    if (level < 0) {
        errors_exit(jpeg);
    }
}

static void errors_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static struct jpeg_error_mgr *errors_init(Errors *errors)
{
    jpeg_std_error(&errors->manager);
    errors->manager.error_exit = errors_exit;
    errors->manager.emit_message = errors_message;
    errors->manager.output_message = errors_output;
    errors->status = STATUS_IO;
    return &errors->manager;
}

/* ---- Encoding ---- */

struct JpegEncoder {
    CodecMemory memory;
    struct jpeg_compress_struct jpeg;
    Errors errors;
    JpegMemory kept;
    struct jpeg_destination_mgr destination;
    CodecSink *sink;
    size_t piece; /* bytes of the sink's memory that libjpeg was given; 0: it writes to `beyond` */
    uint8_t beyond[16];
    Scratch row;
};

static JpegEncoder *encoder_of(j_compress_ptr jpeg)
{
    return (JpegEncoder *)(void *)((uint8_t *)jpeg - offsetof(JpegEncoder, jpeg));
}

static void piece_give(j_compress_ptr jpeg)
{
    JpegEncoder *encoder = encoder_of(jpeg);
    size_t room;
    uint8_t *to = sink_direct(encoder->sink, &room);
    encoder->piece = room;
    encoder->destination.next_output_byte = room > 0 ? to : encoder->beyond;
    encoder->destination.free_in_buffer = room > 0 ? room : sizeof(encoder->beyond);
}

static _Noreturn void piece_beyond(j_compress_ptr jpeg)
{
    JpegEncoder *encoder = encoder_of(jpeg);
    encoder->errors.status = STATUS_LIMIT;
    errors_exit((j_common_ptr)jpeg);
}

/* libjpeg wants new memory as soon as the old is full, even after the last byte: whether there may be more is seen when
 * it is used. */
static boolean piece_full(j_compress_ptr jpeg)
{
    JpegEncoder *encoder = encoder_of(jpeg);
    if (encoder->piece == 0) {
        piece_beyond(jpeg);
    }
    sink_advance(encoder->sink, encoder->piece);
    piece_give(jpeg);
    return TRUE;
}

static void piece_end(j_compress_ptr jpeg)
{
    JpegEncoder *encoder = encoder_of(jpeg);
    if (encoder->piece > 0) {
        sink_advance(encoder->sink, encoder->piece - encoder->destination.free_in_buffer);
    } else if (encoder->destination.free_in_buffer < sizeof(encoder->beyond)) {
        piece_beyond(jpeg);
    }
}

JpegEncoder *jpeg_encoder_new(const CodecMemory *memory)
{
    JpegEncoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder == NULL) {
        return NULL;
    }
    memset(encoder, 0, sizeof(*encoder));
    encoder->memory = *memory;
    encoder->jpeg.err = errors_init(&encoder->errors);
    if (setjmp(encoder->errors.failed) != 0) {
        memory->free(memory->owner, encoder);
        return NULL;
    }
    jpeg_create_compress(&encoder->jpeg);
    encoder->destination.init_destination = piece_give;
    encoder->destination.empty_output_buffer = piece_full;
    encoder->destination.term_destination = piece_end;
    encoder->jpeg.dest = &encoder->destination;
    jpeg_memory_init(&encoder->kept, memory, &encoder->jpeg);
    return encoder;
}

void jpeg_encoder_free(JpegEncoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->memory;
        jpeg_destroy_compress(&encoder->jpeg);
        jpeg_memory_finish(&encoder->kept);
        scratch_free(&encoder->row, &memory);
        memory.free(memory.owner, encoder);
    }
}

/* 5 bits to 8, the top ones repeated below. */
static void row_expand(const uint8_t *row, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        const unsigned pixel = le16_get(row + 2 * (size_t)x);
        const unsigned b = pixel & 31, g = pixel >> 5 & 31, r = pixel >> 10 & 31;
        le32_put(to + 4 * (size_t)x, b << 3 | b >> 2 | (g << 3 | g >> 2) << 8 | (r << 3 | r >> 2) << 16);
    }
}

#define JPEG_FORMATS                                                                                         \
    (FORMAT_BIT(PIXEL_16BIT) | FORMAT_BIT(PIXEL_24BIT) | FORMAT_BIT(PIXEL_32BIT) | FORMAT_BIT(PIXEL_RGBA))

Status jpeg_encode(JpegEncoder *encoder, const ImageSource *source, int quality, CodecSink *sink)
{
    Status status = source_check(source, JPEG_FORMATS);
    if (status == STATUS_OK && (source->width > SIDE_MAX || source->height > SIDE_MAX)) {
        status = STATUS_LIMIT;
    }
    if (status == STATUS_OK && source->format == PIXEL_16BIT) {
        status = scratch_need(&encoder->row, &encoder->memory, (uint64_t)source->width * 4);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;
    encoder->sink = sink;
    encoder->errors.status = STATUS_IO;
    if (setjmp(encoder->errors.failed) != 0) {
        jpeg_abort_compress(jpeg);
        return encoder->errors.status;
    }
    jpeg->image_width = source->width;
    jpeg->image_height = source->height;
    jpeg->input_components = source->format == PIXEL_24BIT ? 3 : 4;
    jpeg->in_color_space = source->format == PIXEL_24BIT ? JCS_EXT_BGR : JCS_EXT_BGRX;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    RowWalk walk = rows_begin(source, true);
    for (uint32_t y = 0; y < source->height; y++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)rows_next(&walk);
        if (source->format == PIXEL_16BIT) {
            row_expand(row, source->width, encoder->row.data);
            row = encoder->row.data;
        }
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
    return STATUS_OK;
}

Status jpeg_alpha_encode(JpegEncoder *encoder, LzEncoder *lz, const ImageSource *source, int quality,
                         CodecSink *sink, size_t *ret_jpeg_size)
{
    if (source->format != PIXEL_RGBA) {
        return STATUS_MISUSE;
    }
    const size_t before = sink->total;
    Status status = jpeg_encode(encoder, source, quality, sink);
    const size_t jpeg_size = sink->total - before;
    if (status == STATUS_OK) {
        status = lz_encode_alpha(lz, source, sink);
    }
    if (status == STATUS_OK) {
        *ret_jpeg_size = jpeg_size;
    }
    return status;
}

/* ---- Decoding ---- */

struct JpegDecoder {
    CodecMemory memory;
    struct jpeg_decompress_struct jpeg;
    Errors errors;
    struct jpeg_source_mgr source;
    Scratch alpha;
};

static void source_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean source_ends(j_decompress_ptr jpeg)
{
    errors_exit((j_common_ptr)jpeg);
}

static void source_skip(j_decompress_ptr jpeg, long bytes)
{
    if (bytes > 0) {
        if ((size_t)bytes > jpeg->src->bytes_in_buffer) {
            errors_exit((j_common_ptr)jpeg);
        }
        jpeg->src->next_input_byte += bytes;
        jpeg->src->bytes_in_buffer -= (size_t)bytes;
    }
}

JpegDecoder *jpeg_decoder_new(const CodecMemory *memory)
{
    JpegDecoder *decoder = memory->alloc(memory->owner, sizeof(*decoder));
    if (decoder == NULL) {
        return NULL;
    }
    memset(decoder, 0, sizeof(*decoder));
    decoder->memory = *memory;
    decoder->jpeg.err = errors_init(&decoder->errors);
    if (setjmp(decoder->errors.failed) != 0) {
        memory->free(memory->owner, decoder);
        return NULL;
    }
    jpeg_create_decompress(&decoder->jpeg);
    decoder->source.init_source = source_nothing;
    decoder->source.fill_input_buffer = source_ends;
    decoder->source.skip_input_data = source_skip;
    decoder->source.resync_to_restart = jpeg_resync_to_restart;
    decoder->source.term_source = source_nothing;
    decoder->jpeg.src = &decoder->source;
    return decoder;
}

void jpeg_decoder_free(JpegDecoder *decoder)
{
    if (decoder != NULL) {
        const CodecMemory memory = decoder->memory;
        jpeg_destroy_decompress(&decoder->jpeg);
        scratch_free(&decoder->alpha, &memory);
        memory.free(memory.owner, decoder);
    }
}

Status jpeg_decode(JpegDecoder *decoder, Span data, uint32_t width, uint32_t height, uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    decoder->errors.status = STATUS_PEER_FAULT;
    if (setjmp(decoder->errors.failed) != 0) {
        jpeg_abort_decompress(jpeg);
        return decoder->errors.status;
    }
    decoder->source.next_input_byte = data.data;
    decoder->source.bytes_in_buffer = data.len;
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_width != width || jpeg->image_height != height || jpeg->num_components != 3 ||
        jpeg->jpeg_color_space != JCS_YCbCr || jpeg->data_precision != 8 || jpeg->progressive_mode ||
        jpeg->arith_code) {
        errors_exit((j_common_ptr)jpeg);
    }
    jpeg->out_color_space = JCS_EXT_BGRX;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < height) {
        uint8_t *to = pixels + (size_t)jpeg->output_scanline * width * 4;
        JSAMPROW row = to;
        jpeg_read_scanlines(jpeg, &row, 1);
        for (size_t x = 3; x < (size_t)width * 4; x += 4) {
            to[x] = 0;
        }
    }
    jpeg_finish_decompress(jpeg);
    return decoder->source.bytes_in_buffer == 0 ? STATUS_OK : STATUS_PEER_FAULT;
}

Status jpeg_alpha_decode(JpegDecoder *decoder, Span data, size_t jpeg_size, bool top_down, uint32_t width,
                         uint32_t height, uint8_t *pixels)
{
    ImageInfo info;
    bool alpha_alone;
    if (jpeg_size > data.len) {
        return STATUS_PEER_FAULT;
    }
    const Span lz = span_of(data.data + jpeg_size, data.len - jpeg_size);
    Status status = lz_info(lz, &info, &alpha_alone);
    if (status == STATUS_OK &&
        (!alpha_alone || info.width != width || info.height != height || info.top_down != top_down)) {
        status = STATUS_PEER_FAULT;
    }
    const size_t stride = (size_t)width * 4;
    if (status == STATUS_OK) {
        status = scratch_need(&decoder->alpha, &decoder->memory, stride * height);
    }
    if (status == STATUS_OK) {
        status = jpeg_decode(decoder, span_of(data.data, jpeg_size), width, height, pixels);
    }
    if (status == STATUS_OK) {
        status = lz_decode(lz, decoder->alpha.data, stride * height);
    }
    for (uint32_t y = 0; y < height && status == STATUS_OK; y++) {
        const uint8_t *from = decoder->alpha.data + (top_down ? y : height - 1 - y) * stride;
        for (size_t x = 3; x < stride; x += 4) {
            pixels[y * stride + x] = from[x];
        }
    }
    return status;
}
