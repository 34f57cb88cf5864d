/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/image_internal.h"

#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "base/check.h"
#include "display/encode/photo.h"
#include "wire/wire.h"

bool image_encoder_init(ImageEncoder *encoder, const Core *core, Pad *pad)
{
    *encoder = (ImageEncoder){
        .core = core,
        .pool = block_pool_new(core),
        .pad = pad,
    };
    image_coder_init(&encoder->coder, core, encoder->pool, pad);
    return encoder->pool != NULL;
}

void image_encoder_finish(ImageEncoder *encoder)
{
    image_coder_finish(&encoder->coder);
    block_pool_free(encoder->pool);
}

void encoded_image_drop(EncodedImage *image)
{
    if (image->taken.pool != NULL) {
        block_chain_drop(&image->taken);
    }
    if (image->shared != NULL) {
        shared_coding_unref(image->shared);
        image->shared = NULL;
    }
}

/* ---- Data ---- */

/* What is copied into the message must be in one piece. */
static bool data_in_one_piece(ImageEncoder *encoder, const Span *spans, uint32_t count, size_t total,
                              Span *ret_span)
{
    if (count == 1) {
        *ret_span = spans[0];
        return true;
    }
    uint8_t *whole = pad_take(encoder->pad, total);
    if (whole == NULL) {
        return false;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(whole + at, spans[i].data, spans[i].len);
        at += spans[i].len;
    }
    *ret_span = span_of(whole, total);
    return true;
}

/* The data of an image is these spans. */
static bool data_set(ImageEncoder *encoder, EncodedImage *ret, Span *spans, uint32_t count, size_t total,
                     size_t piece_min, Span *ret_data)
{
    if (total <= piece_min) {
        ret->inline_bytes += total;
        return data_in_one_piece(encoder, spans, count, total, ret_data);
    }
    ret->spans = spans;
    ret->span_count = count;
    *ret_data = span_of(spans[0].data, total);
    return true;
}

bool image_data_of_chain(ImageEncoder *encoder, EncodedImage *ret, size_t piece_min, Span *ret_data)
{
    Span *spans = pad_take(encoder->pad, (uint64_t)ret->taken.count * sizeof *spans);
    if (spans == NULL) {
        return false;
    }
    block_chain_spans(&ret->taken, spans);
    return data_set(encoder, ret, spans, ret->taken.count, block_chain_total(&ret->taken), piece_min,
                    ret_data);
}

static bool data_of_shared(ImageEncoder *encoder, EncodedImage *ret, size_t piece_min, Span *ret_data)
{
    const uint32_t count = shared_coding_span_count(ret->shared);
    Span *spans = pad_take(encoder->pad, (uint64_t)count * sizeof *spans);
    size_t total = 0;
    if (spans == NULL) {
        return false;
    }
    shared_coding_spans(ret->shared, spans);
    for (uint32_t i = 0; i < count; i++) {
        total += spans[i].len;
    }
    return data_set(encoder, ret, spans, count, total, piece_min, ret_data);
}

static bool guest_copy(EncodedImage *ret, const QxlData *data)
{
    for (uint32_t i = 0; i < data->count; i++) {
        if (!block_chain_write(&ret->taken, (const void *)data->spans[i].host, data->spans[i].bytes)) {
            return false;
        }
    }
    return true;
}

/* Bytes of the guest's, as they are. */
static bool data_of_guest(ImageEncoder *encoder, EncodedImage *ret, const QxlData *data, bool may_stay,
                          size_t piece_min, Span *ret_data)
{
    if (!may_stay && data->bytes > piece_min) {
        return guest_copy(ret, data) && image_data_of_chain(encoder, ret, piece_min, ret_data);
    }
    Span *spans = pad_take(encoder->pad, (uint64_t)data->count * sizeof *spans);
    if (spans == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < data->count; i++) {
        spans[i] = span_of((const void *)data->spans[i].host, data->spans[i].bytes);
    }
    return data_set(encoder, ret, spans, data->count, data->bytes, piece_min, ret_data);
}

/* ---- Coding ---- */

CoderOptions image_coder_options(const ImageOptions *options)
{
    return (CoderOptions){.compression = options->compression,
                          .may_lose = options->is_source && options->may_lose,
                          .in_order = options->is_source && !options->alone,
                          .zlib = options->zlib,
                          .is_browser = options->is_browser};
}

/* Do all pieces of the data begin with a row? */
static bool spans_are_rows(const QxlData *data, uint32_t stride)
{
    for (uint32_t i = 0; i < data->count; i++) {
        if (data->spans[i].offset % stride != 0) {
            return false;
        }
    }
    return true;
}

static bool chunks_of(ImageEncoder *encoder, const QxlImage *image, ImageSource *source)
{
    const QxlBitmap *bitmap = &image->u.bitmap;
    const QxlData *data = &bitmap->data;
    const bool in_place = !bitmap->unstable && spans_are_rows(data, bitmap->stride);
    const uint32_t count = in_place ? data->count : 1;
    ImageChunk *chunks = pad_take(encoder->pad, (uint64_t)count * sizeof *chunks);

    if (chunks == NULL) {
        return false;
    }
    source->chunks = chunks;
    source->chunk_count = count;
    if (!in_place) {
        uint8_t *whole = pad_take(encoder->pad, data->bytes);
        if (whole == NULL) {
            return false;
        }
        qxl_data_copy(data, 0, whole, data->bytes);
        chunks[0] = (ImageChunk){whole, image->height};
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        chunks[i] = (ImageChunk){(const uint8_t *)data->spans[i].host, data->spans[i].bytes / bitmap->stride};
    }
    return true;
}

/* Into ret->taken or ret->shared. `image`: whose pixels the source's are, if it has none yet. *ret_coded NULL: it is to be sent
 * as it is. False: no memory. */
static bool source_code(ImageEncoder *encoder, const CoderOptions *how, ImageSource *source,
                        const QxlImage *image, const ImageOptions *options, EncodedImage *ret, Coded *ret_own,
                        const Coded **ret_coded)
{
    const uint8_t type = image_coder_type(&encoder->coder, how, source);
    Shared *shared = image_type_is_stateless(type) ? options->shared : NULL;

    ret->shared = shared != NULL ? shared_find(shared, options->shared_image, type) : NULL;
    if (ret->shared != NULL) {
        *ret_coded = shared_coding_coded(ret->shared);
        return true;
    }
    if (source->chunks == NULL && !chunks_of(encoder, image, source)) {
        return false;
    }
    const bool coded = image_code(&encoder->coder, how, source, ret_own);
    /* What clients do not know bare was not coded only for want of memory, which others may have. */
    if (shared != NULL && (coded || image_format_is_bare(source->format))) {
        const SharedForm form = {source->high_bits ? WIRE_IMAGE_FLAG_HIGH_BITS_SET : 0, source->top_down};
        ret->shared = shared_put(shared, options->shared_image, type, form, coded ? ret_own : NULL);
    }
    if (ret->shared != NULL) {
        *ret_coded = shared_coding_coded(ret->shared);
        return true;
    }
    ret->taken = ret_own->bytes;
    *ret_coded = coded ? ret_own : NULL;
    return true;
}

bool image_coded_set(ImageEncoder *encoder, const Coded *coded, bool top_down, const ImageOptions *options,
                     EncodedImage *ret)
{
    WireImage *wire = &ret->wire;
    Span *data = &wire->u.compressed.data;

    wire->type = coded->type;
    switch (coded->type) {
    case WIRE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        wire->u.zlib_glz.glz_data_size = (uint32_t)coded->inner_bytes;
        data = &wire->u.zlib_glz.data;
        break;
    case WIRE_IMAGE_TYPE_JPEG_ALPHA:
        ret->is_lossy = true;
        wire->u.jpeg_alpha.flags = top_down ? WIRE_JPEG_ALPHA_FLAG_TOP_DOWN : 0;
        wire->u.jpeg_alpha.jpeg_size = (uint32_t)coded->inner_bytes;
        data = &wire->u.jpeg_alpha.data;
        break;
    case WIRE_IMAGE_TYPE_JPEG:
        ret->is_lossy = true;
        break;
    default:
        break;
    }
    return ret->shared != NULL ? data_of_shared(encoder, ret, options->piece_min, data)
                               : image_data_of_chain(encoder, ret, options->piece_min, data);
}

bool image_source_encode(ImageEncoder *encoder, const CoderOptions *how, ImageSource *source,
                         const QxlImage *image, const ImageOptions *options, EncodedImage *ret,
                         bool *ret_coded)
{
    const Coded *coded;
    Coded own;

    if (!source_code(encoder, how, source, image, options, ret, &own, &coded)) {
        return false;
    }
    *ret_coded = coded != NULL;
    return coded == NULL || image_coded_set(encoder, coded, source->top_down, options, ret);
}

bool image_picture_is_photo(const ImageOptions *options, bool (*look)(const void *picture),
                            const void *picture)
{
    if (options->is_source && options->photo != DRAW_PHOTO_UNKNOWN) {
        return options->photo == DRAW_PHOTO_YES;
    }
    return options->shared != NULL ? shared_is_photo(options->shared, options->shared_image, look, picture)
                                   : look(picture);
}

/* ---- Images of the guest's ---- */

static void palette_set(const QxlPalette *palette, const ImageOptions *options, EncodedImage *ret,
                        uint8_t *flags, const WirePalette **ret_palette, uint64_t *ret_id)
{
    if (palette == NULL) {
        return;
    }
    const PaletteAnswer answer = options->palettes != NULL
                                     ? palette_cache_use(options->palettes, palette, options->is_source)
                                     : PALETTE_PLAIN;
    if (answer == PALETTE_THERE) {
        *flags |= SPICE_BITMAP_FLAGS_PAL_FROM_CACHE;
        *ret_id = palette->unique;
        return;
    }
    *flags |= answer == PALETTE_KEEP ? SPICE_BITMAP_FLAGS_PAL_CACHE_ME : 0;
    ret->palette = (WirePalette){.unique = palette->unique, .ents = {palette->entries, palette->count}};
    *ret_palette = &ret->palette;
    ret->inline_bytes += 16 + 4 * (size_t)palette->count;
}

/* The first `row` bytes of every stride. */
static bool rows_copy(EncodedImage *ret, const QxlData *data, uint32_t stride, uint32_t row)
{
    for (uint32_t i = 0; i < data->count; i++) {
        const QxlSpan *span = &data->spans[i];
        uint32_t part;

        for (uint32_t at = 0; at < span->bytes; at += part) {
            const uint32_t in_row = (span->offset + at) % stride, left = span->bytes - at;
            const uint32_t end = in_row < row ? row : stride;
            part = end - in_row < left ? end - in_row : left;
            if (in_row < row && !block_chain_write(&ret->taken, (const uint8_t *)span->host + at, part)) {
                return false;
            }
        }
    }
    return true;
}

/* Rows with more between them than makes whole words are packed: part of a screen would take what lies beside it along, and
 * spice-html5 0.3.0 takes no notice of a stride. */
static uint32_t plain_stride(const QxlImage *image)
{
    const QxlBitmap *bitmap = &image->u.bitmap;
    const uint64_t words = ((uint64_t)image->width * qxl_bitmap_depth(bitmap->format) + 31) / 32;

    return bitmap->stride <= words * 4 ? bitmap->stride : (uint32_t)words * 4;
}

uint64_t image_plain_bytes(const QxlImage *image)
{
    switch (image->type) {
    case SPICE_IMAGE_TYPE_BITMAP:
        return (uint64_t)plain_stride(image) * image->height;
    case SPICE_IMAGE_TYPE_QUIC:
        return image->u.quic.bytes;
    default:
        return 0;
    }
}

static bool bitmap_as_is(ImageEncoder *encoder, const QxlImage *image, const ImageOptions *options,
                         EncodedImage *ret)
{
    const QxlBitmap *from = &image->u.bitmap;
    WireBitmap *to = &ret->wire.u.bitmap;
    const uint32_t stride = plain_stride(image);

    ret->wire.type = WIRE_IMAGE_TYPE_BITMAP;
    *to = (WireBitmap){.format = from->format,
                       .flags = from->top_down ? WIRE_BITMAP_FLAG_TOP_DOWN : 0,
                       .x = image->width,
                       .y = image->height,
                       .stride = stride};
    palette_set(from->palette, options, ret, &to->flags, &to->palette, &to->palette_id);
    if (stride != from->stride) {
        return rows_copy(ret, &from->data, from->stride, to->stride) &&
               image_data_of_chain(encoder, ret, options->piece_min, &to->data);
    }
    return data_of_guest(encoder, ret, &from->data, options->keep_guest && !from->unstable,
                         options->piece_min, &to->data);
}

/* A fourth byte is not 0, and is seen. */
static bool has_fourth_bytes(const QxlImage *image)
{
    const QxlBitmap *bitmap = &image->u.bitmap;
    uint8_t any = 0;

    for (uint32_t i = 0; i < bitmap->data.count && any == 0; i++) {
        const QxlSpan *span = &bitmap->data.spans[i];
        const uint8_t *bytes = (const uint8_t *)span->host;
        uint32_t in_row = span->offset % bitmap->stride, left = span->bytes;
        while (left > 0) {
            const uint32_t part = left < bitmap->stride - in_row ? left : bitmap->stride - in_row;
            const uint32_t end = in_row + part < image->width * 4 ? in_row + part : image->width * 4;
            for (uint32_t at = in_row | 3; at < end; at += 4) {
                any |= bytes[at - in_row];
            }
            bytes += part;
            left -= part;
            in_row = 0;
        }
    }
    return any != 0;
}

/* On a surface with alpha all 32 bits of a pixel count. Clients widen 16 bits, and take colours of a palette, in one way from
 * bitmaps as they are, which is the canvas's, and in another from coded ones. */
static bool loses_fourth_bytes(const QxlImage *image, const ImageOptions *options)
{
    if (options->surface_format != SPICE_SURFACE_FMT_32_ARGB) {
        return false;
    }
    switch (image->u.bitmap.format) {
    case SPICE_BITMAP_FMT_24BIT:
    case SPICE_BITMAP_FMT_RGBA:
    case SPICE_BITMAP_FMT_8BIT_A:
        return false;
    case SPICE_BITMAP_FMT_32BIT:
        return !options->blended && !(image->flags & QXL_IMAGE_HIGH_BITS_SET) && has_fourth_bytes(image);
    default:
        return true;
    }
}

/* Those that clients know only coded become their twins, with the leftmost pixel in the highest bits. */
static bool bitmap_as_twin(ImageEncoder *encoder, const QxlImage *image, const ImageOptions *options,
                           EncodedImage *ret)
{
    const QxlBitmap *from = &image->u.bitmap;
    const bool bits = from->format == SPICE_BITMAP_FMT_1BIT_LE;
    uint8_t *bytes = pad_take(encoder->pad, from->data.bytes);

    if (bytes == NULL) {
        return false;
    }
    qxl_data_copy(&from->data, 0, bytes, from->data.bytes);
    for (uint32_t i = 0; i < from->data.bytes; i++) {
        uint32_t b = bytes[i];
        b = b >> 4 | b << 4;
        if (bits) {
            b = (b >> 2 & 0x33) | (b << 2 & 0xcc);
            b = (b >> 1 & 0x55) | (b << 1 & 0xaa);
        }
        bytes[i] = (uint8_t)b;
    }
    QxlSpan span = {.host = (uintptr_t)bytes, .bytes = from->data.bytes};
    QxlImage twin = *image;
    twin.u.bitmap.format = bits ? SPICE_BITMAP_FMT_1BIT_BE : SPICE_BITMAP_FMT_4BIT_BE;
    twin.u.bitmap.unstable = true; /* the bytes are not the guest's: to be copied */
    twin.u.bitmap.data.spans = &span;
    twin.u.bitmap.data.count = 1;
    return bitmap_as_is(encoder, &twin, options, ret);
}

static bool bitmap_encode(ImageEncoder *encoder, const QxlImage *image, const ImageOptions *options,
                          const CoderOptions *how, EncodedImage *ret)
{
    const QxlBitmap *from = &image->u.bitmap;
    ImageSource source = {.format = (PixelFormat)from->format,
                          .width = image->width,
                          .height = image->height,
                          .stride = from->stride,
                          .top_down = from->top_down,
                          .high_bits = (image->flags & QXL_IMAGE_HIGH_BITS_SET) != 0};
    bool coded;

    /* Bits without colours are a mask, and clients know those only as they are. */
    if (options->is_mask || (qxl_bitmap_is_indexed(from->format) && from->palette == NULL) ||
        (image_format_is_bare(source.format) &&
         (options->compression == DRAW_COMPRESSION_OFF ||
          (uint64_t)from->stride * image->height < IMAGE_CODED_BYTES_MIN))) {
        return bitmap_as_is(encoder, image, options, ret);
    }
    if (loses_fourth_bytes(image, options)) {
        return image_format_is_bare(source.format) ? bitmap_as_is(encoder, image, options, ret)
                                                   : bitmap_as_twin(encoder, image, options, ret);
    }
    if (!image_source_encode(encoder, how, &source, image, options, ret, &coded)) {
        return false;
    }
    if (!coded) {
        encoded_image_drop(ret);
        return bitmap_as_is(encoder, image, options, ret);
    }
    if (from->palette != NULL) {
        WireImage *wire = &ret->wire;
        const Span data = wire->u.compressed.data;
        wire->type = WIRE_IMAGE_TYPE_LZ_PLT;
        wire->u.lz_plt =
            (WireLzPltData){.flags = from->top_down ? WIRE_BITMAP_FLAG_TOP_DOWN : 0, .data = data};
        palette_set(from->palette, options, ret, &wire->u.lz_plt.flags, &wire->u.lz_plt.palette,
                    &wire->u.lz_plt.palette_id);
    }
    return true;
}

/* The displays of a client share a cache: where the guest's group has its highest byte free, ours takes it. */
static bool cache_id_of(const QxlImage *image, uint8_t display_id, uint64_t *ret_id)
{
    *ret_id = image->id | (uint64_t)display_id << 24;
    return (image->id & 0xff000000u) == 0;
}

/* Clients keep what they decoded, and make some pixels so that they suit what was drawn on: colours of a palette, and what
 * comes coded without alpha. 5 bits. */
static uint64_t decoded_form_of(const QxlImage *image, const ImageOptions *options)
{
    static const uint8_t forms[] = {[SPICE_SURFACE_FMT_1_A] = 1,
                                    [SPICE_SURFACE_FMT_8_A] = 2,
                                    [SPICE_SURFACE_FMT_16_555] = 3,
                                    [SPICE_SURFACE_FMT_16_565] = 4,
                                    [SPICE_SURFACE_FMT_32_ARGB] = 5};
    const bool is_bitmap = image->type == SPICE_IMAGE_TYPE_BITMAP;

    if (options->surface_format >= sizeof forms ||
        (is_bitmap && (image->u.bitmap.format == SPICE_BITMAP_FMT_RGBA ||
                       image->u.bitmap.format == SPICE_BITMAP_FMT_24BIT))) {
        return 0;
    }
    return forms[options->surface_format] | (options->blended ? 8u : 0);
}

/* What else must be the same where the id is. */
static uint64_t cache_form_of(const QxlImage *image, const ImageOptions *options)
{
    return (uint64_t)image->width << 32 | image->height | decoded_form_of(image, options) << 58 |
           (uint64_t)(image->flags & QXL_IMAGE_HIGH_BITS_SET) << 62;
}

bool image_is_cached(const QxlImage *image, const ImageOptions *options)
{
    uint64_t id;

    return options->images != NULL && (image->flags & QXL_IMAGE_CACHE) &&
           cache_id_of(image, options->display_id, &id) &&
           image_cache_has(options->images, id, cache_form_of(image, options));
}

/* True: the client has the image. `lossy`: it is not to be kept as it comes now. */
static bool image_from_cache(const QxlImage *image, const ImageOptions *options, bool lossy,
                             EncodedImage *ret)
{
    const uint64_t form = cache_form_of(image, options);
    uint64_t id;

    if (options->images == NULL || options->is_mask || !(image->flags & QXL_IMAGE_CACHE) ||
        !cache_id_of(image, options->display_id, &id)) {
        return false;
    }
    switch (image_cache_find(options->images, id, form)) {
    case IMAGE_CACHE_THERE:
        ret->wire.id = id;
        ret->wire.type = WIRE_IMAGE_TYPE_FROM_CACHE;
        return true;
    case IMAGE_CACHE_ABSENT:
        if (!lossy && options->is_source &&
            image_cache_add(options->images, id, form, (uint64_t)image->width * image->height)) {
            ret->wire.id = id;
            ret->wire.flags |= WIRE_IMAGE_FLAG_CACHE_ME;
        }
        return false;
    default:
        return false;
    }
}

static bool guest_is_photo(const void *picture)
{
    return image_is_photo(picture);
}

bool image_encode(ImageEncoder *encoder, const QxlImage *image, const ImageOptions *options,
                  EncodedImage *ret)
{
    *ret = (EncodedImage){
        .wire = {.id = image->id, .width = image->width, .height = image->height},
        .taken = block_chain_of(encoder->pool),
        .inline_bytes = 64,
    };
    if (image->type == SPICE_IMAGE_TYPE_SURFACE) {
        ret->wire.type = WIRE_IMAGE_TYPE_SURFACE;
        ret->wire.u.surface_id = image->u.surface_id;
        return true;
    }
    CoderOptions how = image_coder_options(options);
    /* Only once, as the guest may change the pixels; and not for nothing. */
    how.is_photo = how.may_lose && image_coder_asks_photo(&how) &&
                   image_picture_is_photo(options, guest_is_photo, image);
    if (image_from_cache(image, options, image_coder_loses(&how, image->width, image->height), ret)) {
        return true;
    }
    ret->wire.flags |= image->flags & QXL_IMAGE_HIGH_BITS_SET ? WIRE_IMAGE_FLAG_HIGH_BITS_SET : 0;
    if (image->type == SPICE_IMAGE_TYPE_QUIC) {
        ret->wire.type = WIRE_IMAGE_TYPE_QUIC;
        return data_of_guest(encoder, ret, &image->u.quic, options->keep_guest, options->piece_min,
                             &ret->wire.u.compressed.data);
    }
    if (!how.may_lose) {
        how.is_photo = image_coder_asks_photo(&how) && image_picture_is_photo(options, guest_is_photo, image);
    }
    return bitmap_encode(encoder, image, options, &how, ret);
}
