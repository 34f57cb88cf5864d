/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/draw_encoder.h"

#include <spice/enums.h>

#include "base/check.h"
#include "display/encode/browser.h"
#include "display/encode/draw_message.h"
#include "display/encode/photo.h"

struct DrawEncoder {
    DrawEncoderConfig config;
    uint32_t caps;
    ImageEncoder images;
    ImageCache image_cache;
    PaletteCache palette_cache;
    Pad pad;
    bool zlib, lossy;
    bool as_is; /* areas */
    bool was_lossy;
    Shared *shared;
    DrawPhoto photo;
    uint64_t window_serial; /* of the latest message with a GLZ image; 0: there was none */
    DrawMessage message;    /* the one that is made: too large for stacks */
};

DrawCompression draw_compression_of(int image_compression)
{
    switch (image_compression) {
    case SPICE_IMAGE_COMPRESSION_OFF:
        return DRAW_COMPRESSION_OFF;
    case SPICE_IMAGE_COMPRESSION_AUTO_LZ:
        return DRAW_COMPRESSION_AUTO_LZ;
    case SPICE_IMAGE_COMPRESSION_QUIC:
        return DRAW_COMPRESSION_QUIC;
    case SPICE_IMAGE_COMPRESSION_GLZ:
        return DRAW_COMPRESSION_GLZ;
    case SPICE_IMAGE_COMPRESSION_LZ:
        return DRAW_COMPRESSION_LZ;
    case SPICE_IMAGE_COMPRESSION_LZ4:
        return DRAW_COMPRESSION_LZ4;
    default:
        return DRAW_COMPRESSION_AUTO_GLZ;
    }
}

/* ---- Life ---- */

DrawEncoder *draw_encoder_new(const DrawEncoderConfig *config)
{
    const Core *core = config->core;
    DrawEncoder *encoder = core->alloc(core, sizeof *encoder);

    if (encoder == NULL) {
        return NULL;
    }
    *encoder = (DrawEncoder){.config = *config, .caps = *config->channel_caps};
    pad_init(&encoder->pad, core);
    image_cache_init(&encoder->image_cache, core, config->cache_pixels);
    palette_cache_clear(&encoder->palette_cache);
    if (!image_encoder_init(&encoder->images, core, &encoder->pad)) {
        draw_encoder_free(encoder);
        return NULL;
    }
    draw_encoder_take_window(encoder, config->glz_pixels, config->glz_next_id);
    return encoder;
}

void draw_encoder_free(DrawEncoder *encoder)
{
    if (encoder != NULL) {
        image_encoder_finish(&encoder->images);
        image_cache_finish(&encoder->image_cache);
        pad_finish(&encoder->pad);
        encoder->config.core->free(encoder->config.core, encoder);
    }
}

static bool has_cap(const DrawEncoder *encoder, unsigned cap)
{
    return (encoder->caps >> cap & 1) != 0;
}

/* Clients with COMPOSITE draw with the canvas that the existing ones share: all drawings and codecs, and each picture at once.
 * Browsers (browser.h) show a JPEG when it is decoded, on top of what was drawn there meanwhile. */
static bool has_canvas(const DrawEncoder *encoder)
{
    return has_cap(encoder, WIRE_CAP_DISPLAY_COMPOSITE);
}

bool draw_encoder_shows(const DrawEncoder *encoder, const QxlDrawable *drawable)
{
    return has_canvas(encoder) || browser_shows(drawable);
}

bool draw_encoder_surface_format(const DrawEncoder *encoder, uint32_t format, uint32_t *ret_format)
{
    if (!has_canvas(encoder)) {
        return browser_surface_format(format, ret_format);
    }
    *ret_format = format;
    return format != SPICE_SURFACE_FMT_8_A || has_cap(encoder, WIRE_CAP_DISPLAY_A8_SURFACE);
}

void draw_encoder_set_compression(DrawEncoder *encoder, DrawCompression compression)
{
    encoder->config.compression = compression;
    if (compression != DRAW_COMPRESSION_GLZ && compression != DRAW_COMPRESSION_AUTO_GLZ) {
        image_coder_forget(&encoder->images.coder);
    }
}

void draw_encoder_take_window(DrawEncoder *encoder, uint64_t glz_pixels, uint64_t next_id)
{
    image_coder_take_window(&encoder->images.coder, glz_pixels, next_id);
}

bool draw_encoder_leave_window(DrawEncoder *encoder, uint64_t seen_serial, uint64_t *ret_next_id)
{
    *ret_next_id = image_coder_leave_window(&encoder->images.coder);
    return encoder->window_serial <= seen_serial;
}

void draw_encoder_set_zlib(DrawEncoder *encoder, bool zlib)
{
    encoder->zlib = zlib;
}

void draw_encoder_share(DrawEncoder *encoder, Shared *shared)
{
    encoder->shared = shared;
}

void draw_encoder_set_photo(DrawEncoder *encoder, DrawPhoto photo)
{
    encoder->photo = photo;
}

void draw_encoder_set_lossy(DrawEncoder *encoder, bool lossy)
{
    encoder->lossy = lossy && has_canvas(encoder);
}

bool draw_encoder_has_lossy(const DrawEncoder *encoder)
{
    const CoderOptions options = {.compression = encoder->config.compression, .may_lose = true};

    return has_canvas(encoder) && !encoder->config.is_local && image_coder_asks_photo(&options);
}

bool draw_encoder_was_lossy(const DrawEncoder *encoder)
{
    return encoder->was_lossy;
}

static bool may_lose(const QxlDrawable *drawable)
{
    switch (drawable->type) {
    case QXL_DRAW_COPY:
    case QXL_DRAW_BLEND:
        return drawable->u.copy.rop == SPICE_ROPD_OP_PUT;
    case QXL_DRAW_ALPHA_BLEND:
        return true;
    default:
        return false;
    }
}

DrawPhoto draw_encoder_photo(const QxlDrawable *drawable)
{
    const QxlImage *src =
        drawable->type == QXL_DRAW_ALPHA_BLEND ? drawable->u.alpha_blend.src : drawable->u.copy.src;

    if (!may_lose(drawable) || src == NULL || (uint64_t)src->width * src->height < IMAGE_LOSSY_PIXELS_MIN) {
        return DRAW_PHOTO_UNKNOWN;
    }
    return image_is_photo(src) ? DRAW_PHOTO_YES : DRAW_PHOTO_NO;
}

uint64_t draw_encoder_cached_pixels(const DrawEncoder *encoder)
{
    return encoder->image_cache.pixels;
}

/* ---- What the caches must forget first ---- */

static size_t forget_bytes(const DrawEncoder *encoder)
{
    const uint32_t images = encoder->image_cache.victim_count;
    return (images > 0 ? WIRE_DATA_HEADER_BYTES + 2 + 9 * (size_t)images : 0) +
           encoder->palette_cache.victim_count * (WIRE_DATA_HEADER_BYTES + 8u);
}

/* All of one small message, for which there is room. */
static bool send_plain(DrawEncoder *encoder, const WireMsg *wire, size_t inline_max, Outgoing *ret)
{
    OutgoingMessage message;

    if (!outgoing_message_begin(&message, ret, &encoder->config.framing, inline_max)) {
        return false;
    }
    message.wire.pieces = NULL;
    wire_msg_encode(&message.wire, wire);
    return outgoing_message_end(&message, wire->type, NULL, 0);
}

static bool send_forgotten(DrawEncoder *encoder, Outgoing *ret)
{
    const uint32_t count = encoder->image_cache.victim_count;
    WireMsg wire = {.channel = WIRE_CHANNEL_DISPLAY};

    if (count > 0) {
        WireResourceID *resources = pad_take(&encoder->pad, count * sizeof *resources);
        uint64_t *ids = pad_take(&encoder->pad, count * sizeof *ids);
        if (resources == NULL || ids == NULL) {
            return false;
        }
        image_cache_victims(&encoder->image_cache, ids);
        for (uint32_t i = 0; i < count; i++) {
            resources[i] = (WireResourceID){WIRE_RES_TYPE_PIXMAP, ids[i]};
        }
        wire.type = WIRE_MSG_DISPLAY_INVAL_LIST;
        wire.u.display_inval_list = (WireMsgDisplayInvalList){{resources, count}};
        if (!send_plain(encoder, &wire, 2 + 9 * (size_t)count, ret)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < encoder->palette_cache.victim_count; i++) {
        wire.type = WIRE_MSG_DISPLAY_INVAL_PALETTE;
        wire.u.display_inval_palette.id = encoder->palette_cache.victims[i];
        if (!send_plain(encoder, &wire, 8, ret)) {
            return false;
        }
    }
    return true;
}

bool draw_encoder_reset_images(DrawEncoder *encoder, Outgoing *ret)
{
    ImageCache *cache = &encoder->image_cache;

    image_cache_evict_all(cache);
    const bool sent = send_forgotten(encoder, ret);
    pad_reset(&encoder->pad);
    if (sent) {
        image_cache_commit(cache);
    } else {
        image_cache_rollback(cache);
    }
    return sent;
}

bool draw_encoder_reset_palettes(DrawEncoder *encoder, Outgoing *ret)
{
    const WireMsg wire = {.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_DISPLAY_INVAL_ALL_PALETTES};

    if (!send_plain(encoder, &wire, 0, ret)) {
        return false;
    }
    palette_cache_clear(&encoder->palette_cache);
    return true;
}

/* ---- Drawing ---- */

static ImageOptions options_of(DrawEncoder *encoder, bool is_guests)
{
    const DrawEncoderConfig *config = &encoder->config;
    ImageOptions options = {
        .compression = config->compression,
        .zlib = encoder->zlib,
        .is_browser = !has_canvas(encoder),
        .piece_min = OUTGOING_PIECE_BYTES_MIN,
        .keep_guest = config->hold != NULL,
        .display_id = config->display_id,
        .images = config->cache_pixels > 0 ? &encoder->image_cache : NULL,
        .palettes = &encoder->palette_cache,
        .shared = encoder->shared,
    };

    if (options.compression == DRAW_COMPRESSION_LZ4 && !has_cap(encoder, WIRE_CAP_DISPLAY_LZ4_COMPRESSION)) {
        options.compression = DRAW_COMPRESSION_LZ;
    }
    if (is_guests && config->is_local) {
        options.compression = DRAW_COMPRESSION_OFF;
    }
    return options;
}

static ImageOptions options_for(DrawEncoder *encoder, const QxlDrawable *drawable)
{
    ImageOptions options = options_of(encoder, true);

    options.surface_format = drawable->surface_format;
    options.blended = drawable->type == QXL_DRAW_ALPHA_BLEND;
    return options;
}

bool draw_encoder_has_image(DrawEncoder *encoder, const QxlDrawable *drawable)
{
    const ImageOptions options = options_for(encoder, drawable);

    return drawable->u.copy.src != NULL && image_is_cached(drawable->u.copy.src, &options);
}

uint64_t draw_encoder_plain_bytes(DrawEncoder *encoder, const QxlDrawable *drawable)
{
    const ImageOptions options = options_for(encoder, drawable);

    return draw_message_plain_bytes(drawable, &options);
}

/* Everything that can fail comes before the first byte: with room for all, and runs for all, the rest cannot. */
static bool message_send(DrawEncoder *encoder, const QxlDrawable *drawable, size_t piece_min, Outgoing *ret)
{
    const DrawEncoderConfig *config = &encoder->config;
    DrawMessage *made = &encoder->message;
    Payload payloads[DRAW_IMAGES_MAX];
    OutgoingMessage message;
    size_t runs = 4 + encoder->palette_cache.victim_count;

    for (uint32_t i = 0; i < made->image_count; i++) {
        runs += 1 + made->images[i].span_count;
    }
    if (outgoing_reserve_runs(ret, runs) != STATUS_OK ||
        outgoing_reserve(ret, forget_bytes(encoder) + WIRE_DATA_HEADER_BYTES + made->inline_bytes) == NULL ||
        !send_forgotten(encoder, ret) ||
        !outgoing_message_begin(&message, ret, &config->framing, made->inline_bytes)) {
        return false;
    }
    message.wire.piece_min = piece_min;
    wire_msg_encode(&message.wire, &made->wire);
    const uint32_t count = draw_message_payloads(made, payloads);
    for (uint32_t i = 0; i < count; i++) {
        if (payloads[i].release == NULL) {
            payloads[i].owner = config->hold(config->opaque, drawable);
            payloads[i].release = config->release;
        }
    }
    return outgoing_message_end(&message, made->wire.type, payloads, count);
}

/* What was made is sent, or was never there. */
static bool message_finish(DrawEncoder *encoder, bool made, const QxlDrawable *drawable, size_t piece_min,
                           Outgoing *ret)
{
    const bool sent = made && message_send(encoder, drawable, piece_min, ret);

    encoder->was_lossy = false;
    for (uint32_t i = 0; sent && i < encoder->message.image_count; i++) {
        encoder->was_lossy = encoder->was_lossy || encoder->message.images[i].is_lossy;
    }
    draw_message_drop(&encoder->message);
    pad_reset(&encoder->pad);
    image_coder_trim(&encoder->images.coder);
    if (sent) {
        if (image_coder_commit(&encoder->images.coder)) {
            encoder->window_serial = *encoder->config.framing.serial;
        }
        image_cache_commit(&encoder->image_cache);
        palette_cache_commit(&encoder->palette_cache);
    } else {
        image_coder_rollback(&encoder->images.coder);
        image_cache_rollback(&encoder->image_cache);
        palette_cache_rollback(&encoder->palette_cache);
    }
    return sent;
}

/* Into encoder->message. `alone`: ImageOptions. */
static bool drawable_make(DrawEncoder *encoder, const QxlDrawable *drawable, uint32_t surface_id, bool alone)
{
    const DrawEncoderConfig *config = &encoder->config;
    DrawMaker maker = {
        .images = &encoder->images,
        .options = options_for(encoder, drawable),
        .pad = &encoder->pad,
        .drawable = drawable,
        .surface_id = surface_id,
    };

    if (drawable->self_bitmap && config->self_bitmap != NULL) {
        maker.self_bitmap = config->self_bitmap(config->opaque, drawable);
    }
    maker.options.piece_min = draw_message_piece_min(drawable);
    maker.options.alone = alone;
    maker.options.photo = encoder->photo;
    maker.options.may_lose = encoder->lossy && may_lose(drawable);
    return draw_message_make(&maker, &encoder->message);
}

static size_t images_bytes(const DrawMessage *made)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < made->image_count; i++) {
        bytes += made->images[i].inline_bytes;
        for (uint32_t k = 0; k < made->images[i].span_count; k++) {
            bytes += made->images[i].spans[k].len;
        }
    }
    return bytes;
}

/* Was something made that takes less with the GLZ window? */
static bool wants_window(DrawEncoder *encoder)
{
    const DrawCompression compression = options_of(encoder, true).compression;
    bool wants = false;

    for (uint32_t i = 0; i < encoder->message.image_count; i++) {
        wants = wants || encoder->message.images[i].wire.type == WIRE_IMAGE_TYPE_LZ_RGB;
    }
    return wants && image_coder_has_window(&encoder->images.coder, compression);
}

bool draw_encoder_draw_within(DrawEncoder *encoder, const QxlDrawable *drawable, uint32_t surface_id,
                              size_t images_max, Outgoing *ret, bool *ret_too_large)
{
    const bool limited = images_max < SIZE_MAX;
    const size_t piece_min = draw_message_piece_min(drawable);

    *ret_too_large = false;
    if (!draw_encoder_shows(encoder, drawable)) {
        return false;
    }
    /* What was coded into the window is undone only by emptying that: so it is left alone until it is known. */
    bool made = drawable_make(encoder, drawable, surface_id, limited);
    *ret_too_large = made && images_bytes(&encoder->message) > images_max;
    if (made && limited && !*ret_too_large && wants_window(encoder)) {
        (void)message_finish(encoder, false, drawable, piece_min, NULL);
        made = drawable_make(encoder, drawable, surface_id, false);
    }
    return message_finish(encoder, made && !*ret_too_large, drawable, piece_min, ret);
}

bool draw_encoder_draw(DrawEncoder *encoder, const QxlDrawable *drawable, uint32_t surface_id, Outgoing *ret)
{
    bool too_large;

    return draw_encoder_draw_within(encoder, drawable, surface_id, SIZE_MAX, ret, &too_large);
}

size_t draw_encoder_measure(DrawEncoder *encoder, const QxlDrawable *drawable)
{
    const size_t bytes =
        drawable_make(encoder, drawable, drawable->surface_id, true) ? images_bytes(&encoder->message) : 0;

    (void)message_finish(encoder, false, drawable, 0, NULL);
    return bytes;
}

static ImageOptions area_options(DrawEncoder *encoder)
{
    ImageOptions options = options_of(encoder, false);

    options.is_source = true;
    options.may_lose = encoder->lossy;
    if (encoder->as_is) {
        options.compression = DRAW_COMPRESSION_OFF;
    }
    return options;
}

void draw_encoder_set_as_is(DrawEncoder *encoder, bool as_is)
{
    encoder->as_is = as_is;
}

/* made->images[0] is there, or was not `coded`. */
static bool area_send(DrawEncoder *encoder, bool coded, uint32_t surface_id, const QXLRect *area,
                      size_t piece_min, Outgoing *ret)
{
    DrawMessage *made = &encoder->message;

    made->image_count = 1;
    made->inline_bytes = 256 + made->images[0].inline_bytes;
    made->wire = (WireMsg){.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_DISPLAY_DRAW_COPY};
    made->wire.u.display_draw_copy = (WireMsgDisplayDrawCopy){
        .base = {.surface_id = surface_id, .box = wire_rect_of(area)},
        .src = &made->images[0].wire,
        .src_area = {.bottom = area->bottom - area->top, .right = area->right - area->left},
        .rop = SPICE_ROPD_OP_PUT,
    };
    return message_finish(encoder, coded, NULL, piece_min, ret);
}

bool draw_encoder_area(DrawEncoder *encoder, const Canvas *canvas, uint32_t surface_id, const QXLRect *area,
                       Outgoing *ret)
{
    const ImageOptions options = area_options(encoder);
    const bool coded = image_encode_area(&encoder->images, &canvas->raster, area, false, &options,
                                         &encoder->message.images[0]);

    return area_send(encoder, coded, surface_id, area, options.piece_min, ret);
}

CodingStart draw_encoder_begin_area(DrawEncoder *encoder, const Raster *pixels, const QXLRect *area,
                                    CodingPool *pool, SharedCoding **ret_coding)
{
    const ImageOptions options = area_options(encoder);
    const CodingStart start = image_begin_area(&encoder->images, pixels, area, &options, pool, ret_coding);

    pad_reset(&encoder->pad);
    return start;
}

bool draw_encoder_coded_area(DrawEncoder *encoder, SharedCoding *coding, uint32_t surface_id,
                             const QXLRect *area, Outgoing *ret)
{
    const ImageOptions options = area_options(encoder);
    const bool coded = image_of_coding(&encoder->images, coding, area, &options, &encoder->message.images[0]);

    return area_send(encoder, coded, surface_id, area, options.piece_min, ret);
}

/* docs/codecs.md: zlib takes 30 MB a second, QUIC and JPEG 10 to 20 times as much. */
#define ZLIB_BYTES_MAX (256u << 10)
#define SLOW_BYTES_MAX (12u << 20)

uint32_t draw_encoder_coding_max(const DrawEncoder *encoder, bool is_photo, bool zlib)
{
    const DrawCompression compression = encoder->config.compression;

    if (zlib && !encoder->config.is_local &&
        (compression == DRAW_COMPRESSION_GLZ || (compression == DRAW_COMPRESSION_AUTO_GLZ && !is_photo))) {
        return ZLIB_BYTES_MAX;
    }
    return draw_encoder_takes_long(encoder, is_photo) ? SLOW_BYTES_MAX : UINT32_MAX;
}

bool draw_encoder_takes_long(const DrawEncoder *encoder, bool is_photo)
{
    const DrawCompression compression = encoder->config.compression;

    return !encoder->config.is_local &&
           (compression == DRAW_COMPRESSION_QUIC || (is_photo && (compression == DRAW_COMPRESSION_AUTO_LZ ||
                                                                  compression == DRAW_COMPRESSION_AUTO_GLZ)));
}
