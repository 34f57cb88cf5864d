/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/image_coder.h"

#include <stdalign.h>

#include <spice/enums.h>

#include "wire/wire.h"

/* ---- Life ---- */

/* What codecs take, and how much that is. */
typedef struct CodecBlock {
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
} CodecBlock;

static void *codec_alloc(void *owner, size_t size)
{
    ImageCoder *coder = owner;
    CodecBlock *block = size <= SIZE_MAX / 2 ? coder->core->alloc(coder->core, sizeof *block + size) : NULL;

    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    coder->bytes += size;
    return block->bytes;
}

static void codec_free(void *owner, void *memory)
{
    ImageCoder *coder = owner;

    if (memory != NULL) {
        CodecBlock *block = (CodecBlock *)(void *)((uint8_t *)memory - offsetof(CodecBlock, bytes));
        coder->bytes -= block->size;
        coder->core->free(coder->core, block);
    }
}

static void *core_memory_alloc(void *owner, size_t size)
{
    const Core *core = owner;
    return core->alloc(core, size);
}

static void core_memory_free(void *owner, void *memory)
{
    const Core *core = owner;
    core->free(core, memory);
}

void image_coder_init(ImageCoder *coder, const Core *core, BlockPool *pool, Pad *pad)
{
    *coder = (ImageCoder){
        .core = core,
        .memory = {codec_alloc, codec_free, coder},
        .glz_memory = {core_memory_alloc, core_memory_free, (void *)(uintptr_t)core},
        .pool = pool,
        .pad = pad,
    };
}

static void codecs_free(ImageCoder *coder)
{
    lz_encoder_free(coder->lz);
    lz4_encoder_free(coder->lz4);
    quic_encoder_free(coder->quic);
    jpeg_encoder_free(coder->jpeg);
    zlib_encoder_free(coder->zlib);
    coder->lz = NULL;
    coder->lz4 = NULL;
    coder->quic = NULL;
    coder->jpeg = NULL;
    coder->zlib = NULL;
}

void image_coder_finish(ImageCoder *coder)
{
    codecs_free(coder);
    glz_encoder_free(coder->glz);
    coder->glz = NULL;
}

void image_coder_trim(ImageCoder *coder)
{
    if (coder->bytes > IMAGE_CODECS_KEEP_BYTES) {
        codecs_free(coder);
    }
}

/* ---- Choice ---- */

bool image_format_is_bare(PixelFormat format)
{
    /* Of the others, spice-gtk ends at the sight. */
    return format != PIXEL_8BIT_A && format != PIXEL_1BIT_LE && format != PIXEL_4BIT_LE;
}

static bool has_colors(PixelFormat format)
{
    return format >= PIXEL_16BIT && format <= PIXEL_RGBA;
}

static bool knows_quic(const CoderOptions *options, const ImageSource *source)
{
    return !options->is_browser || source->format != PIXEL_RGBA;
}

static bool can_quic(const CoderOptions *options, const ImageSource *source)
{
    return has_colors(source->format) && knows_quic(options, source) &&
           source->width >= IMAGE_QUIC_SIDE_MIN && source->height >= IMAGE_QUIC_SIDE_MIN;
}

static bool can_glz(const ImageCoder *coder, const CoderOptions *options, const ImageSource *source)
{
    return options->in_order && has_colors(source->format) &&
           (uint64_t)source->width * source->height < coder->glz_state.window_pixels;
}

bool image_coder_has_window(const ImageCoder *coder, DrawCompression compression)
{
    return coder->glz_state.window_pixels > 0 &&
           (compression == DRAW_COMPRESSION_GLZ || compression == DRAW_COMPRESSION_AUTO_GLZ);
}

bool image_coder_asks_photo(const CoderOptions *options)
{
    return options->compression == DRAW_COMPRESSION_AUTO_GLZ ||
           options->compression == DRAW_COMPRESSION_AUTO_LZ ||
           (options->compression == DRAW_COMPRESSION_QUIC && options->may_lose);
}

bool image_coder_loses(const CoderOptions *options, uint32_t width, uint32_t height)
{
    return options->may_lose && options->is_photo && image_coder_asks_photo(options) &&
           (uint64_t)width * height >= IMAGE_LOSSY_PIXELS_MIN;
}

static uint8_t type_by_quic(const CoderOptions *options, const ImageSource *source)
{
    if (!image_coder_loses(options, source->width, source->height)) {
        return WIRE_IMAGE_TYPE_QUIC;
    }
    return source->format == PIXEL_RGBA ? WIRE_IMAGE_TYPE_JPEG_ALPHA : WIRE_IMAGE_TYPE_JPEG;
}

/* BITMAP: as it is. */
static uint8_t type_choose(const ImageCoder *coder, const CoderOptions *options, const ImageSource *source)
{
    switch (options->compression) {
    case DRAW_COMPRESSION_OFF:
        return WIRE_IMAGE_TYPE_BITMAP;
    case DRAW_COMPRESSION_QUIC:
        if (can_quic(options, source)) {
            return type_by_quic(options, source);
        }
        return knows_quic(options, source) ? WIRE_IMAGE_TYPE_BITMAP : WIRE_IMAGE_TYPE_LZ_RGB;
    case DRAW_COMPRESSION_LZ4:
        return has_colors(source->format) ? WIRE_IMAGE_TYPE_LZ4 : WIRE_IMAGE_TYPE_LZ_RGB;
    case DRAW_COMPRESSION_AUTO_LZ:
    case DRAW_COMPRESSION_AUTO_GLZ:
        if (options->is_photo && can_quic(options, source)) {
            return type_by_quic(options, source);
        }
        break;
    default:
        break;
    }
    const bool wants_glz =
        options->compression == DRAW_COMPRESSION_GLZ || options->compression == DRAW_COMPRESSION_AUTO_GLZ;
    return wants_glz && can_glz(coder, options, source) ? WIRE_IMAGE_TYPE_GLZ_RGB : WIRE_IMAGE_TYPE_LZ_RGB;
}

uint8_t image_coder_type(const ImageCoder *coder, const CoderOptions *options, const ImageSource *source)
{
    if (!image_format_is_bare(source->format)) {
        return WIRE_IMAGE_TYPE_LZ_RGB;
    }
    return pixel_row_bytes(source->format, source->width) * source->height < IMAGE_CODED_BYTES_MIN
               ? WIRE_IMAGE_TYPE_BITMAP
               : type_choose(coder, options, source);
}

bool image_type_is_stateless(uint8_t type)
{
    return type != WIRE_IMAGE_TYPE_BITMAP && type != WIRE_IMAGE_TYPE_GLZ_RGB &&
           type != WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB;
}

/* ---- Coding ---- */

static bool sink_more(CodecSink *sink, uint8_t **ret_data, size_t *ret_len)
{
    BlockChain *chain = sink->owner;
    if (chain->last != NULL) {
        chain->last_bytes = BLOCK_BYTES;
    }
    *ret_data = block_chain_grow(chain);
    *ret_len = BLOCK_BYTES;
    return *ret_data != NULL;
}

static Status code_lz(ImageCoder *coder, const ImageSource *source, CodecSink *sink)
{
    coder->lz = coder->lz != NULL ? coder->lz : lz_encoder_new(&coder->memory);
    return coder->lz != NULL ? lz_encode(coder->lz, source, sink) : STATUS_IO;
}

static Status code_lz4(ImageCoder *coder, const ImageSource *source, CodecSink *sink)
{
    coder->lz4 = coder->lz4 != NULL ? coder->lz4 : lz4_encoder_new(&coder->memory);
    return coder->lz4 != NULL ? lz4_encode(coder->lz4, source, sink) : STATUS_IO;
}

static Status code_quic(ImageCoder *coder, const ImageSource *source, CodecSink *sink)
{
    coder->quic = coder->quic != NULL ? coder->quic : quic_encoder_new(&coder->memory);
    return coder->quic != NULL ? quic_encode(coder->quic, source, sink) : STATUS_IO;
}

static Status code_jpeg(ImageCoder *coder, const ImageSource *source, CodecSink *sink)
{
    coder->jpeg = coder->jpeg != NULL ? coder->jpeg : jpeg_encoder_new(&coder->memory);
    return coder->jpeg != NULL ? jpeg_encode(coder->jpeg, source, IMAGE_JPEG_QUALITY, sink) : STATUS_IO;
}

static Status code_jpeg_alpha(ImageCoder *coder, const ImageSource *source, CodecSink *sink, size_t *ret_jpeg)
{
    coder->jpeg = coder->jpeg != NULL ? coder->jpeg : jpeg_encoder_new(&coder->memory);
    coder->lz = coder->lz != NULL ? coder->lz : lz_encoder_new(&coder->memory);
    return coder->jpeg != NULL && coder->lz != NULL
               ? jpeg_alpha_encode(coder->jpeg, coder->lz, source, IMAGE_JPEG_QUALITY, sink, ret_jpeg)
               : STATUS_IO;
}

static Status code_glz(ImageCoder *coder, const ImageSource *source, CodecSink *sink)
{
    coder->glz = coder->glz != NULL ? coder->glz : glz_encoder_new(&coder->glz_memory, &coder->glz_state);
    const Status status = coder->glz != NULL ? glz_encode(coder->glz, source, sink) : STATUS_IO;
    coder->glz_coded += status == STATUS_OK;
    return status;
}

static Status type_code(ImageCoder *coder, const ImageSource *source, CodecSink *sink, Coded *ret)
{
    switch (ret->type) {
    case WIRE_IMAGE_TYPE_LZ4:
        return code_lz4(coder, source, sink);
    case WIRE_IMAGE_TYPE_QUIC:
        return code_quic(coder, source, sink);
    case WIRE_IMAGE_TYPE_JPEG:
        return code_jpeg(coder, source, sink);
    case WIRE_IMAGE_TYPE_JPEG_ALPHA:
        return code_jpeg_alpha(coder, source, sink, &ret->inner_bytes);
    case WIRE_IMAGE_TYPE_GLZ_RGB:
        return code_glz(coder, source, sink);
    default:
        return code_lz(coder, source, sink);
    }
}

static void chain_end(BlockChain *chain, const CodecSink *sink)
{
    chain->last_bytes = sink->total - (size_t)(chain->count - 1) * BLOCK_BYTES;
}

/* What zlib makes smaller is replaced. */
static void zlib_try(ImageCoder *coder, Coded *coded)
{
    const size_t total = block_chain_total(&coded->bytes);
    BlockChain smaller = block_chain_of(coder->pool);
    CodecSink sink;

    if (total < ZLIB_GLZ_BYTES_MIN) {
        return;
    }
    coder->zlib = coder->zlib != NULL ? coder->zlib : zlib_encoder_new(&coder->memory);
    Span *spans = pad_take(coder->pad, (uint64_t)coded->bytes.count * sizeof *spans);
    if (coder->zlib == NULL || spans == NULL) {
        return;
    }
    block_chain_spans(&coded->bytes, spans);
    sink_init_pieces(&sink, sink_more, &smaller, total - 1);
    if (zlib_encode(coder->zlib, spans, coded->bytes.count, &sink) != STATUS_OK) {
        block_chain_drop(&smaller);
        return;
    }
    chain_end(&smaller, &sink);
    block_chain_drop(&coded->bytes);
    coded->bytes = smaller;
    coded->type = WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB;
    coded->inner_bytes = total;
}

bool image_code(ImageCoder *coder, const CoderOptions *options, const ImageSource *source, Coded *ret)
{
    const uint64_t bytes = pixel_row_bytes(source->format, source->width) * source->height;
    const bool must = !image_format_is_bare(source->format);
    CodecSink sink;

    *ret = (Coded){.type = image_coder_type(coder, options, source), .bytes = block_chain_of(coder->pool)};
    if (ret->type == WIRE_IMAGE_TYPE_BITMAP) {
        return false;
    }
    sink_init_pieces(&sink, sink_more, &ret->bytes, must ? 2 * (size_t)bytes + 1024 : (size_t)bytes);
    if (type_code(coder, source, &sink, ret) != STATUS_OK) {
        block_chain_drop(&ret->bytes);
        return false;
    }
    chain_end(&ret->bytes, &sink);
    if (options->zlib && ret->type == WIRE_IMAGE_TYPE_GLZ_RGB) {
        zlib_try(coder, ret);
    }
    return true;
}

/* ---- The window ---- */

bool image_coder_commit(ImageCoder *coder)
{
    const bool coded = coder->glz_coded > 0;

    coder->glz_coded = 0;
    return coded;
}

void image_coder_forget(ImageCoder *coder)
{
    if (coder->glz != NULL) {
        coder->glz_state = glz_encoder_freeze(coder->glz);
        glz_encoder_free(coder->glz);
        coder->glz = NULL;
    }
}

void image_coder_take_window(ImageCoder *coder, uint64_t glz_pixels, uint64_t next_id)
{
    const uint64_t pixels = glz_pixels < DRAW_GLZ_PIXELS_MAX ? glz_pixels : DRAW_GLZ_PIXELS_MAX;

    image_coder_forget(coder);
    coder->glz_state = (GlzState){.window_pixels = (uint32_t)pixels, .next_id = next_id};
}

uint64_t image_coder_leave_window(ImageCoder *coder)
{
    image_coder_forget(coder);
    coder->glz_state.window_pixels = 0;
    return coder->glz_state.next_id;
}

void image_coder_rollback(ImageCoder *coder)
{
    if (coder->glz_coded > 0) {
        image_coder_forget(coder);
        coder->glz_state.next_id -= coder->glz_coded;
        coder->glz_coded = 0;
    }
}
