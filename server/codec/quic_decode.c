/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/quic.h"

#include "codec/quic_model.h"

struct QuicDecoder {
    CodecMemory memory;
    Scratch rows;
    QuicPlane planes[2];
    QuicCodes codes8, codes5;
};

QuicDecoder *quic_decoder_new(const CodecMemory *memory)
{
    QuicDecoder *decoder = memory->alloc(memory->owner, sizeof(*decoder));
    if (decoder != NULL) {
        memset(decoder, 0, sizeof(*decoder));
        decoder->memory = *memory;
        quic_codes_init(&decoder->codes8, 8);
        quic_codes_init(&decoder->codes5, 5);
    }
    return decoder;
}

void quic_decoder_free(QuicDecoder *decoder)
{
    if (decoder != NULL) {
        const CodecMemory memory = decoder->memory;
        scratch_free(&decoder->rows, &memory);
        memory.free(memory.owner, decoder);
    }
}

/* ---- Bits ---- */

/* Zeros follow the end; `used` tells when they were needed. */
typedef struct Bits {
    const uint8_t *data;
    uint64_t len;  /* bits */
    uint64_t used; /* bits */
} Bits;

/* The next 32 bits, from the top bit on. */
static uint32_t bits_peek(const Bits *bits)
{
    const uint64_t word = bits->used / 32, words = bits->len / 32;
    uint64_t both = 0;
    if (word < words) {
        both = (uint64_t)le32_get(bits->data + word * 4) << 32;
    }
    if (word + 1 < words) {
        both |= le32_get(bits->data + (word + 1) * 4);
    }
    return (uint32_t)(both << bits->used % 32 >> 32);
}

/* ---- Pixels ---- */

QUIC_ALWAYS_INLINE unsigned value_get(QuicPlane *plane, unsigned channel, unsigned context, Bits *bits)
{
    const QuicCodes *codes = plane->codes;
    const unsigned l = (unsigned)((plane->best[channel][codes->bucket[context]] - codes->word[0]) / 256);
    const uint32_t next = bits_peek(bits);
    const unsigned zeros = next == 0 ? 32 : (unsigned)__builtin_clz(next);
    if (zeros < codes->zeros[l]) {
        bits->used += zeros + 1 + l;
        return zeros << l | (next >> (31 - zeros - l) & ((1u << l) - 1));
    }
    const unsigned len = codes->zeros[l] + codes->rest_bits[l];
    bits->used += len;
    return codes->rice_end[l] + (next >> (32 - len) & ((1u << codes->rest_bits[l]) - 1));
}

/* False: a value that no encoder writes. */
QUIC_ALWAYS_INLINE bool pixel_get(QuicPlane *plane, unsigned channels, Bits *bits, uint32_t x, uint32_t guess)
{
    const uint32_t before = plane->contexts[x], most = (1u << plane->codes->bits) - 1;
    uint32_t residuals = 0, pixel = 0;
    bool fine = true;
    for (unsigned channel = 0; channel < channels; channel++) {
        const unsigned shift = quic_shift(channels, channel);
        const unsigned value = value_get(plane, channel, before >> shift & 0xff, bits);
        fine = fine && value <= most;
        const unsigned distance = value % 2 == 0 ? value >> 1 : most - (value >> 1);
        residuals |= (value & most) << shift;
        pixel |= ((distance + (guess >> shift & 0xff)) & most) << shift;
    }
    plane->contexts[x + 1] = residuals;
    plane->row[x] = pixel;
    return fine;
}

/* A run's length, or more than `most`. */
static uint32_t run_get(QuicPlane *plane, Bits *bits, uint32_t most)
{
    uint64_t length = 0;
    while (bits_peek(bits) >> 31 != 0) {
        bits->used++;
        length += 1u << quic_run_bits(plane->run_state);
        if (length > most) {
            return most + 1;
        }
        if (plane->run_state < QUIC_RUN_STATE_MAX) {
            plane->run_state++;
        }
    }
    const unsigned rest = quic_run_bits(plane->run_state);
    length += bits_peek(bits) >> (31 - rest);
    bits->used += rest + 1;
    if (plane->run_state > 0) {
        plane->run_state--;
    }
    return length > most ? most + 1 : (uint32_t)length;
}

QUIC_ALWAYS_INLINE uint32_t guess_at(const QuicPlane *plane, bool first, uint32_t x)
{
    if (first) {
        return x == 0 ? 0 : plane->row[x - 1];
    }
    return x == 0 ? plane->above[0] : quic_average(plane->row[x - 1], plane->above[x]);
}

QUIC_ALWAYS_INLINE bool segment_get(QuicPlane *plane, unsigned channels, bool first, Bits *bits, uint32_t x,
                                    uint32_t end, uint32_t mask)
{
    const uint32_t *const above = plane->above;
    uint32_t *const row = plane->row;
    uint32_t run_index = 0;
    bool fine = true;
    if (x == 0) {
        fine = pixel_get(plane, channels, bits, 0, guess_at(plane, first, 0));
        if (plane->wait > 0) {
            plane->wait--;
        } else {
            plane->wait = quic_wait_next(plane, mask);
            quic_update(plane, channels, 0);
        }
        x = 1;
    }
    uint32_t stop = x + plane->wait;
    while (x < end) {
        /* Each pixel takes a bit or more: no need to go on behind the end. */
        if (!fine || bits->used > bits->len) {
            return false;
        }
        if (!first && x > 2 && x != run_index && above[x - 1] == above[x] && row[x - 1] == row[x - 2]) {
            const uint32_t wait = stop - x, length = run_get(plane, bits, end - x);
            if (length > end - x) {
                return false;
            }
            run_index = x;
            for (uint32_t i = 0; i < length; i++, x++) {
                row[x] = row[x - 1];
            }
            if (x == end) {
                plane->wait = wait;
                return true;
            }
            stop = x + wait;
            continue;
        }
        fine = pixel_get(plane, channels, bits, x, guess_at(plane, first, x));
        if (x++ == stop) {
            quic_update(plane, channels, stop);
            stop = x + quic_wait_next(plane, mask);
        }
    }
    plane->wait = stop - end;
    return fine;
}

QUIC_ALWAYS_INLINE bool row_get(QuicPlane *plane, unsigned channels, bool first, uint32_t width, Bits *bits)
{
    uint32_t x = 0;
    while (plane->mask_index < QUIC_MASK_INDEX_MAX && plane->mask_left <= width - x) {
        if (plane->mask_left > 0) {
            const uint32_t end = x + plane->mask_left;
            if (!segment_get(plane, channels, first, bits, x, end, (1u << plane->mask_index) - 1)) {
                return false;
            }
            x = end;
        }
        quic_mask_grow(plane);
    }
    if (x < width) {
        if (!segment_get(plane, channels, first, bits, x, width, (1u << plane->mask_index) - 1)) {
            return false;
        }
        if (plane->mask_index < QUIC_MASK_INDEX_MAX) {
            plane->mask_left -= width - x;
        }
    }
    return true;
}

static void row_give(PixelFormat format, const uint32_t *colors, const uint32_t *alpha, uint32_t width,
                     uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        const uint32_t pixel = colors[x];
        switch (format) {
        case PIXEL_8BIT_A:
            to[x] = (uint8_t)pixel;
            break;
        case PIXEL_16BIT:
            le16_put(to + 2 * (size_t)x,
                     (uint16_t)((pixel >> 6 & 0x7c00) | (pixel >> 3 & 0x3e0) | (pixel & 0x1f)));
            break;
        case PIXEL_24BIT:
            to[3 * (size_t)x] = (uint8_t)pixel;
            to[3 * (size_t)x + 1] = (uint8_t)(pixel >> 8);
            to[3 * (size_t)x + 2] = (uint8_t)(pixel >> 16);
            break;
        default:
            le32_put(to + 4 * (size_t)x, pixel | (format == PIXEL_RGBA ? alpha[x] << 24 : 0));
            break;
        }
    }
}

Status quic_info(Span data, ImageInfo *ret_info)
{
    static const PixelFormat formats[] = {
        [QUIC_GRAY] = PIXEL_8BIT_A, [QUIC_RGB16] = PIXEL_16BIT, [QUIC_RGB24] = PIXEL_24BIT,
        [QUIC_RGB32] = PIXEL_32BIT, [QUIC_RGBA] = PIXEL_RGBA,
    };
    if (data.len < QUIC_HEADER_WORDS * 4 || data.len % 4 != 0 || le32_get(data.data) != QUIC_MAGIC ||
        le32_get(data.data + 4) != 0) {
        return STATUS_PEER_FAULT;
    }
    const uint32_t type = le32_get(data.data + 8), width = le32_get(data.data + 12),
                   height = le32_get(data.data + 16);
    if (type < QUIC_GRAY || type > QUIC_RGBA || width == 0 || height == 0 ||
        (uint64_t)width * height > CODEC_PIXELS_MAX) {
        return STATUS_PEER_FAULT;
    }
    *ret_info = (ImageInfo){
        .format = formats[type],
        .width = width,
        .height = height,
        .stride = (uint32_t)pixel_row_bytes(formats[type], width),
        .top_down = true,
    };
    return STATUS_OK;
}

Status quic_decode(QuicDecoder *decoder, Span data, uint8_t *pixels, size_t size)
{
    ImageInfo info;
    Status status = quic_info(data, &info);
    if (status != STATUS_OK) {
        return status;
    }
    if (size != (size_t)info.stride * info.height) {
        return STATUS_MISUSE;
    }
    const uint32_t width = info.width;
    status = scratch_need(&decoder->rows, &decoder->memory, 2 * quic_plane_bytes(width));
    if (status != STATUS_OK) {
        return status;
    }
    const bool gray = info.format == PIXEL_8BIT_A, alpha = info.format == PIXEL_RGBA;
    QuicPlane *colors = &decoder->planes[0], *transparency = &decoder->planes[1];
    quic_plane_init(colors, info.format == PIXEL_16BIT ? &decoder->codes5 : &decoder->codes8, gray ? 1 : 3,
                    width, decoder->rows.data);
    if (alpha) {
        quic_plane_init(transparency, &decoder->codes8, 1, width,
                        decoder->rows.data + quic_plane_bytes(width));
    }
    Bits bits = {.data = data.data, .len = (uint64_t)data.len * 8, .used = QUIC_HEADER_WORDS * 32};
    for (uint32_t y = 0; y < info.height; y++) {
        if (y > 0) {
            quic_plane_turn(colors);
            if (alpha) {
                quic_plane_turn(transparency);
            }
        }
        /* The number of channels is a constant in each call, so that loops over them are unrolled. */
        const bool fine =
            gray ? row_get(colors, 1, y == 0, width, &bits) : row_get(colors, 3, y == 0, width, &bits);
        if (!fine || (alpha && !row_get(transparency, 1, y == 0, width, &bits)) || bits.used > bits.len) {
            return STATUS_PEER_FAULT;
        }
        row_give(info.format, colors->row, transparency->row, width, pixels + (size_t)y * info.stride);
    }
    /* The word that is not full, and one more. */
    return (bits.used + 31) / 32 + 1 == bits.len / 32 ? STATUS_OK : STATUS_PEER_FAULT;
}
