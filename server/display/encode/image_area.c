/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Areas of canvases as images of ours, coded at once or by threads. */
#include <spice/enums.h>
#include <spice/qxl_dev.h>

#include "display/encode/image_internal.h"
#include "display/encode/photo.h"

static uint8_t area_format(pixman_format_code_t format, bool with_alpha)
{
    switch (format) {
    case PIXMAN_x8r8g8b8:
        return with_alpha ? PIXEL_RGBA : PIXEL_32BIT;
    case PIXMAN_a8r8g8b8:
        return PIXEL_RGBA;
    case PIXMAN_x1r5g5b5:
        return PIXEL_16BIT;
    case PIXMAN_a8:
        return PIXEL_8BIT_A;
    default:
        return PIXEL_1BIT_BE;
    }
}

/* There is no bitmap of 565, and browsers know none of 16 bits: wider, and back again without loss. */
static bool area_widens(const Raster *raster, const ImageOptions *options)
{
    return raster->format == PIXMAN_r5g6b5 || (raster->format == PIXMAN_x1r5g5b5 && options->is_browser);
}

static uint32_t widened(pixman_format_code_t format, uint32_t v)
{
    const uint32_t b = v & 31;

    if (format == PIXMAN_r5g6b5) {
        const uint32_t r = v >> 11, g = v >> 5 & 63;
        return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
    }
    const uint32_t r = v >> 10 & 31, g = v >> 5 & 31;
    return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

/* The pixels in which no bitmap has the canvas's format, or that do not begin with a byte, are made so. */
static bool area_convert(ImageEncoder *encoder, const Raster *raster, const QXLRect *area, Raster *ret_raster)
{
    const int64_t width = area->right - area->left, height = area->bottom - area->top;
    const bool widens = raster->format != PIXMAN_a1;
    const int64_t stride = widens ? width * 4 : (width + 31) / 32 * 4;
    uint8_t *pixels = pad_take(encoder->pad, (uint64_t)(stride * height));

    if (pixels == NULL) {
        return false;
    }
    *ret_raster = (Raster){.top = pixels,
                           .stride = stride,
                           .width = (int32_t)width,
                           .height = (int32_t)height,
                           .format = widens ? PIXMAN_x8r8g8b8 : PIXMAN_a1};
    for (int64_t y = 0; y < height; y++) {
        const uint8_t *from = raster->top + raster->stride * (area->top + y);
        uint8_t *to = pixels + stride * y;
        memset(to, 0, (size_t)stride);
        for (int64_t i = 0; i < width; i++) {
            const int64_t x = area->left + i;
            if (widens) {
                le32_put(to + 4 * i, widened(raster->format, le16_get(from + 2 * x)));
            } else {
                to[i / 8] |= (uint8_t)((from[x / 8] >> x % 8 & 1) << (7 - i % 8));
            }
        }
    }
    return true;
}

/* The colours of a surface of bits. */
static const uint32_t bit_colors[2] = {0, 1};

static bool area_as_is(ImageEncoder *encoder, const ImageSource *source, const ImageOptions *options,
                       EncodedImage *ret)
{
    const size_t row_bytes = (size_t)pixel_row_bytes(source->format, source->width);
    WireBitmap *to = &ret->wire.u.bitmap;

    ret->wire.type = WIRE_IMAGE_TYPE_BITMAP;
    *to = (WireBitmap){.format = (uint8_t)source->format,
                       .flags = source->top_down ? WIRE_BITMAP_FLAG_TOP_DOWN : 0,
                       .x = source->width,
                       .y = source->height,
                       .stride = (uint32_t)((row_bytes + 3) / 4 * 4)};
    if (source->format == PIXEL_1BIT_BE) {
        ret->palette = (WirePalette){.ents = {bit_colors, 2}};
        to->palette = &ret->palette;
        ret->inline_bytes += 32;
    }
    for (uint32_t y = 0; y < source->height; y++) {
        if (!block_chain_write(&ret->taken, source->chunks[0].data + (size_t)y * source->stride, row_bytes) ||
            !block_chain_write(&ret->taken, (const uint8_t[4]){0}, to->stride - row_bytes)) {
            return false;
        }
    }
    return image_data_of_chain(encoder, ret, options->piece_min, &to->data);
}

/* The fourth bytes of 32_xRGB are nobody's, but a guest can make alpha of them; most codecs have no place for them. */
typedef enum SpareBytes { SPARE_CLEAR, SPARE_SET, SPARE_ANY } SpareBytes;

static bool loses_spare_bytes(DrawCompression compression)
{
    return compression != DRAW_COMPRESSION_OFF && compression != DRAW_COMPRESSION_LZ4;
}

static SpareBytes spare_bytes(const Raster *raster, const QXLRect *area)
{
    uint32_t all = UINT32_MAX, any = 0;

    for (int32_t y = area->top; y < area->bottom; y++) {
        const uint8_t *line = raster->top + raster->stride * y;
        int64_t x = area->left;
        uint64_t all2 = UINT64_MAX, any2 = 0;
        for (; x + 1 < area->right; x += 2) {
            const uint64_t pixels = le64_get(line + 4 * x);
            all2 &= pixels;
            any2 |= pixels;
        }
        if (x < area->right) {
            const uint32_t pixel = le32_get(line + 4 * x);
            all &= pixel;
            any |= pixel;
        }
        all &= (uint32_t)all2 & (uint32_t)(all2 >> 32);
        any |= (uint32_t)any2 | (uint32_t)(any2 >> 32);
        if (any >> 24 != 0 && all >> 24 != 0xff) {
            return SPARE_ANY;
        }
    }
    return any >> 24 == 0 ? SPARE_CLEAR : SPARE_SET;
}

static bool source_is_photo(const void *picture)
{
    const ImageSource *source = picture;
    const uint32_t bytes =
        source->stride * (source->height - 1) + (uint32_t)pixel_row_bytes(source->format, source->width);
    QxlSpan span = {(uintptr_t)source->chunks[0].data, 0, bytes};
    const QxlData data = {&span, 1, bytes};

    return pixels_are_photo(source->format, source->width, source->height, source->stride, &data);
}

/* An area as a codec sees it. */
typedef struct AreaSource {
    ImageSource source;
    ImageChunk chunk;
    uint8_t flags; /* WIRE_IMAGE_FLAG_* */
} AreaSource;

static bool area_source(ImageEncoder *encoder, const Raster *raster, const QXLRect *area, bool with_alpha,
                        const ImageOptions *options, AreaSource *ret)
{
    QXLRect part = *area;
    Raster pixels = *raster;

    *ret = (AreaSource){0};
    if (raster->format == PIXMAN_x8r8g8b8 && loses_spare_bytes(options->compression) && !with_alpha) {
        const SpareBytes spare = spare_bytes(raster, area);
        ret->flags = spare == SPARE_SET ? WIRE_IMAGE_FLAG_HIGH_BITS_SET : 0;
        with_alpha = spare == SPARE_ANY;
    }

    if (area_widens(raster, options) || raster->format == PIXMAN_a1) {
        if (!area_convert(encoder, raster, area, &pixels)) {
            return false;
        }
        part = (QXLRect){.right = pixels.width, .bottom = pixels.height};
    }
    const bool top_down = pixels.stride >= 0;
    const int32_t first = top_down ? part.top : part.bottom - 1;
    ret->chunk = (ImageChunk){
        .data = pixels.top + pixels.stride * first +
                (int64_t)part.left * (int64_t)PIXMAN_FORMAT_BPP(pixels.format) / 8,
        .rows = (uint32_t)(part.bottom - part.top),
    };
    ret->source = (ImageSource){.format = (PixelFormat)area_format(pixels.format, with_alpha),
                                .width = (uint32_t)(part.right - part.left),
                                .height = ret->chunk.rows,
                                .stride = (uint32_t)(top_down ? pixels.stride : -pixels.stride),
                                .top_down = top_down,
                                .chunks = &ret->chunk,
                                .chunk_count = 1,
                                .high_bits = ret->flags != 0};
    return true;
}

static EncodedImage area_image(ImageEncoder *encoder, uint8_t flags, uint32_t width, uint32_t height)
{
    return (EncodedImage){
        .wire = {.id = encoder->next_area++ << 32 | QXL_IMAGE_GROUP_RED,
                 .flags = flags,
                 .width = width,
                 .height = height},
        .taken = block_chain_of(encoder->pool),
        .inline_bytes = 64,
    };
}

/* Clients that get other pixels of an area share them with those that do, too. */
static ImageOptions area_options(const Raster *raster, const ImageOptions *options)
{
    ImageOptions ret = *options;

    ret.shared_image = options->is_browser && area_widens(raster, options) ? 1 : 0;
    return ret;
}

static CoderOptions area_coder_options(const ImageOptions *options, const ImageSource *source)
{
    CoderOptions how = image_coder_options(options);

    how.is_photo = source->format != PIXEL_1BIT_BE && image_coder_asks_photo(&how) &&
                   image_picture_is_photo(options, source_is_photo, source);
    return how;
}

bool image_encode_area(ImageEncoder *encoder, const Raster *raster, const QXLRect *area, bool with_alpha,
                       const ImageOptions *all_options, EncodedImage *ret)
{
    const ImageOptions own = area_options(raster, all_options), *options = &own;
    AreaSource from;
    bool coded = false;

    if (!area_source(encoder, raster, area, with_alpha, options, &from)) {
        *ret = area_image(encoder, 0, 0, 0);
        return false;
    }
    *ret = area_image(encoder, from.flags, from.source.width, from.source.height);
    if (from.source.format != PIXEL_1BIT_BE) {
        const CoderOptions how = area_coder_options(options, &from.source);
        if (!image_source_encode(encoder, &how, &from.source, NULL, options, ret, &coded)) {
            return false;
        }
    }
    if (coded) {
        return true;
    }
    encoded_image_drop(ret);
    return area_as_is(encoder, &from.source, options, ret);
}

/* ---- By threads ---- */

/* The others take no longer than to wake somebody up, or go on from what was coded before. */
static bool is_slow_type(uint8_t type)
{
    return type == WIRE_IMAGE_TYPE_QUIC || type == WIRE_IMAGE_TYPE_JPEG || type == WIRE_IMAGE_TYPE_JPEG_ALPHA;
}

CodingStart image_begin_area(ImageEncoder *encoder, const Raster *raster, const QXLRect *area,
                             const ImageOptions *all_options, CodingPool *pool, SharedCoding **ret_coding)
{
    const ImageOptions own = area_options(raster, all_options), *options = &own;
    AreaSource from;

    if (!area_source(encoder, raster, area, false, options, &from)) {
        return CODING_NOT;
    }
    const CoderOptions how = area_coder_options(options, &from.source);
    const uint8_t type = image_coder_type(&encoder->coder, &how, &from.source);
    if (from.source.format == PIXEL_1BIT_BE || !is_slow_type(type)) {
        return CODING_NOT;
    }
    SharedCoding *known =
        options->shared != NULL ? shared_find_begun(options->shared, options->shared_image, type) : NULL;
    if (known != NULL) {
        *ret_coding = known;
        return CODING_BEGUN;
    }
    const CodingStart start = coding_pool_begin(pool, &how, &from.source, from.flags, ret_coding);
    if (start == CODING_BEGUN && options->shared != NULL) {
        shared_put_begun(options->shared, options->shared_image, type, *ret_coding);
    }
    return start;
}

bool image_of_coding(ImageEncoder *encoder, SharedCoding *coding, const QXLRect *area,
                     const ImageOptions *options, EncodedImage *ret)
{
    const Coded *coded = shared_coding_coded(coding);
    const SharedForm form = shared_coding_form(coding);

    *ret = area_image(encoder, form.flags, (uint32_t)(area->right - area->left),
                      (uint32_t)(area->bottom - area->top));
    if (coded == NULL) {
        return false;
    }
    ret->shared = shared_coding_ref(coding);
    return image_coded_set(encoder, coded, form.top_down, options, ret);
}
