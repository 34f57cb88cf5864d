/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/quic.h"

#include "codec/quic_model.h"
#include "codec/sink.h"

struct QuicEncoder {
    CodecMemory memory;
    Scratch rows;
    QuicPlane planes[2];
    QuicCodes codes8, codes5;
};

QuicEncoder *quic_encoder_new(const CodecMemory *memory)
{
    QuicEncoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder != NULL) {
        memset(encoder, 0, sizeof(*encoder));
        encoder->memory = *memory;
        quic_codes_init(&encoder->codes8, 8);
        quic_codes_init(&encoder->codes5, 5);
    }
    return encoder;
}

void quic_encoder_free(QuicEncoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->memory;
        scratch_free(&encoder->rows, &memory);
        memory.free(memory.owner, encoder);
    }
}

/* ---- Bits ---- */

/* `acc` holds `count` bits, fewer than 32 between calls, from its top bit on. */
typedef struct Bits {
    CodecSink *sink;
    uint8_t *at, *safe;
    uint64_t acc;
    unsigned count;
    Status status; /* the first failure; what is written after it goes nowhere */
} Bits;

static __attribute__((noinline)) Bits bits_turn(Bits bits)
{
    const Status status = sink_turn(bits.sink, &bits.at, &bits.safe);
    if (bits.status == STATUS_OK) {
        bits.status = status;
    }
    return bits;
}

/* At most 32 bits. */
QUIC_ALWAYS_INLINE void bits_put(Bits *bits, uint64_t value, unsigned len)
{
    bits->acc |= value << (64 - bits->count - len);
    bits->count += len;
    le32_put(bits->at, (uint32_t)(bits->acc >> 32));
    const unsigned full = bits->count & 32;
    bits->at += full / 8;
    bits->acc <<= full;
    bits->count -= full;
}

/* ---- Rows ---- */

/* What the format codes instead of a pixel: each byte's distance from the guess, in the order 0, -1, 1, -2, ... */
QUIC_ALWAYS_INLINE uint32_t residual(unsigned bits, uint32_t pixel, uint32_t guess)
{
    const uint32_t tops = 0x80808080, ones = 0x01010101;
    uint32_t distance = ((pixel | tops) - (guess & ~tops)) ^ ((pixel ^ ~guess) & tops);
    if (bits == 8) {
        return (distance << 1 & 0xfefefefe) ^ (distance >> 7 & ones) * 0xff;
    }
    distance &= 0x1f1f1f1f;
    return (distance << 1 ^ (distance >> 4 & ones) * 0x1f) & 0x1f1f1f1f;
}

#define RUN_FLAG 0x80000000u

/* Residuals are made a block at a time, when a pixel of it is coded: most of a page's pixels are in runs, and need none. */
#define BLOCK 64u /* pixels */

QUIC_ALWAYS_INLINE void residuals_next(unsigned bits, const uint32_t *restrict row,
                                       const uint32_t *restrict above, uint32_t x, uint32_t end,
                                       uint32_t *restrict residuals)
{
    if (x == 0) {
        residuals[x] = residual(bits, row[x], above[x]);
        x++;
    }
    for (; x < 3 && x < end; x++) {
        residuals[x] = residual(bits, row[x], quic_average(row[x - 1], above[x]));
    }
    for (; x < end; x++) {
        const uint32_t differs = (above[x] ^ above[x - 1]) | (row[x - 1] ^ row[x - 2]);
        residuals[x] =
            residual(bits, row[x], quic_average(row[x - 1], above[x])) | (differs == 0 ? RUN_FLAG : 0);
    }
}

QUIC_ALWAYS_INLINE void residuals_first(unsigned bits, const uint32_t *restrict row, uint32_t x, uint32_t end,
                                        uint32_t *restrict residuals)
{
    if (x == 0) {
        residuals[x] = residual(bits, row[x], 0);
        x++;
    }
    for (; x < end; x++) {
        residuals[x] = residual(bits, row[x], row[x - 1]);
    }
}

/* Those from x on; returns where they end. */
static __attribute__((noinline)) uint32_t residuals_make(const QuicPlane *plane, bool first, uint32_t x)
{
    const uint32_t end = plane->width - x < BLOCK ? plane->width : x + BLOCK;
    if (first) {
        if (plane->codes->bits == 8) {
            residuals_first(8, plane->row, x, end, plane->residuals);
        } else {
            residuals_first(5, plane->row, x, end, plane->residuals);
        }
    } else if (plane->codes->bits == 8) {
        residuals_next(8, plane->row, plane->above, x, end, plane->residuals);
    } else {
        residuals_next(5, plane->row, plane->above, x, end, plane->residuals);
    }
    return end;
}

/* ---- Pixels ---- */

/* What coding a pixel takes of its plane: copies, which the compiler need not fetch again after each byte it writes. */
typedef struct Pixels {
    const uint32_t *residuals;
    uint32_t *contexts;
    const uint32_t *const (*best)[QUIC_BUCKETS];
    const uint8_t *bucket;
} Pixels;

QUIC_ALWAYS_INLINE void pixel_put(const Pixels *pixels, unsigned channels, Bits *bits, uint32_t x)
{
    const uint32_t before = pixels->contexts[x];
    const uint32_t now = pixels->residuals[x] & ~RUN_FLAG;
    pixels->contexts[x + 1] = now;
    if (__builtin_expect(bits->at > bits->safe, 0)) {
        *bits = bits_turn(*bits);
    }
    if (channels == 1) {
        const uint32_t word = pixels->best[0][pixels->bucket[before & 0xff]][now & 0xff];
        bits_put(bits, word >> 5, word & 31);
        return;
    }
    const uint32_t red = pixels->best[0][pixels->bucket[before >> 16 & 0xff]][now >> 16 & 0xff];
    const uint32_t green = pixels->best[1][pixels->bucket[before >> 8 & 0xff]][now >> 8 & 0xff];
    const uint32_t blue = pixels->best[2][pixels->bucket[before & 0xff]][now & 0xff];
    const unsigned len = (red & 31) + (green & 31) + (blue & 31);
    if (__builtin_expect(len <= 32, 1)) {
        const uint64_t all = ((uint64_t)(red >> 5) << (green & 31) | green >> 5) << (blue & 31) | blue >> 5;
        bits_put(bits, all, len);
    } else {
        bits_put(bits, red >> 5, red & 31);
        bits_put(bits, green >> 5, green & 31);
        bits_put(bits, blue >> 5, blue & 31);
    }
}

static void run_put(QuicPlane *plane, Bits *bits, uint32_t length)
{
    uint32_t ones = 0, run_state = plane->run_state;
    for (uint32_t step; length >= (step = 1u << quic_run_bits(run_state)); ones++) {
        length -= step;
        run_state += run_state < QUIC_RUN_STATE_MAX;
    }
    const unsigned rest = quic_run_bits(run_state) + 1;
    plane->run_state = run_state - (run_state > 0);
    for (; ones > 32; ones -= 32) {
        if (bits->at > bits->safe) {
            *bits = bits_turn(*bits);
        }
        bits_put(bits, UINT32_MAX, 32);
    }
    if (bits->at > bits->safe) {
        *bits = bits_turn(*bits);
    }
    if (ones > 0) {
        bits_put(bits, UINT32_MAX >> (32 - ones), ones);
    }
    bits_put(bits, length, rest);
}

static uint32_t run_measure(const uint32_t *row, uint32_t x, uint32_t end)
{
    const uint32_t from = x, color = row[x - 1];
    while (x < end && row[x] == color) {
        x++;
        if (x - from == 8) {
            /* A long one. */
            for (uint32_t differs = 0; end - x >= 8; x += 8) {
                for (unsigned i = 0; i < 8; i++) {
                    differs |= row[x + i] ^ color;
                }
                if (differs != 0) {
                    break;
                }
            }
        }
    }
    return x - from;
}

/* Codes the pixels from x to end, in which the model is looked at with one mask. */
QUIC_ALWAYS_INLINE void segment_put(QuicPlane *plane, unsigned channels, bool runs, Bits *out, uint32_t x,
                                    uint32_t end, uint32_t mask)
{
    Bits bits = *out;
    const Pixels pixels = {plane->residuals, plane->contexts,
                           (const uint32_t *const(*)[QUIC_BUCKETS])plane->best, plane->codes->bucket};
    const uint32_t *const residuals = plane->residuals;
    uint32_t run_index = 0, ready = plane->ready;
    if (x == 0) {
        ready = residuals_make(plane, !runs, 0);
        pixel_put(&pixels, channels, &bits, 0);
        if (plane->wait > 0) {
            plane->wait--;
        } else {
            plane->wait = quic_wait_next(plane, mask);
            quic_update(plane, channels, 0);
        }
        x = 1;
    }
    uint32_t stop = x + plane->wait; /* the model learns from this pixel */
    while (x < end) {
        if (x >= ready) {
            ready = residuals_make(plane, !runs, x);
        }
        uint32_t until = stop < end ? stop + 1 : end;
        until = until < ready ? until : ready;
        if (runs) {
            while (x < until && ((residuals[x] & RUN_FLAG) == 0 || x == run_index)) {
                pixel_put(&pixels, channels, &bits, x++);
            }
            if (x < until) {
                const uint32_t wait = stop - x, length = run_measure(plane->row, x, end);
                run_index = x;
                run_put(plane, &bits, length);
                x += length;
                if (x == end) {
                    plane->wait = wait;
                    plane->ready = ready;
                    *out = bits;
                    return;
                }
                stop = x + wait;
                continue;
            }
        } else {
            while (x < until) {
                pixel_put(&pixels, channels, &bits, x++);
            }
        }
        if (x > stop) {
            quic_update(plane, channels, stop);
            stop = x + quic_wait_next(plane, mask);
        }
    }
    plane->wait = stop - end;
    plane->ready = ready;
    *out = bits;
}

QUIC_ALWAYS_INLINE void row_put(QuicPlane *plane, unsigned channels, bool first, uint32_t width, Bits *bits)
{
    uint32_t x = 0;
    while (plane->mask_index < QUIC_MASK_INDEX_MAX && plane->mask_left <= width - x) {
        if (plane->mask_left > 0) {
            const uint32_t end = x + plane->mask_left;
            segment_put(plane, channels, !first, bits, x, end, (1u << plane->mask_index) - 1);
            x = end;
        }
        quic_mask_grow(plane);
    }
    if (x < width) {
        segment_put(plane, channels, !first, bits, x, width, (1u << plane->mask_index) - 1);
        if (plane->mask_index < QUIC_MASK_INDEX_MAX) {
            plane->mask_left -= width - x;
        }
    }
}

/* One function for each kind of plane, so that all of it is inlined for that kind. */
static void row_put_rgb(QuicPlane *plane, bool first, uint32_t width, Bits *bits)
{
    if (first) {
        row_put(plane, 3, true, width, bits);
    } else {
        row_put(plane, 3, false, width, bits);
    }
}

static void row_put_single(QuicPlane *plane, bool first, uint32_t width, Bits *bits)
{
    if (first) {
        row_put(plane, 1, true, width, bits);
    } else {
        row_put(plane, 1, false, width, bits);
    }
}

/* Copies a row of the source to the planes; the only time its memory is read. */
static void row_take(PixelFormat format, const uint8_t *from, uint32_t width, uint32_t *restrict colors,
                     uint32_t *restrict alpha)
{
    switch (format) {
    case PIXEL_8BIT_A:
        for (uint32_t x = 0; x < width; x++) {
            colors[x] = from[x];
        }
        break;
    case PIXEL_16BIT:
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t pixel = le16_get(from + 2 * (size_t)x);
            colors[x] = (pixel << 6 & 0x1f0000) | (pixel << 3 & 0x1f00) | (pixel & 0x1f);
        }
        break;
    case PIXEL_RGBA:
        for (uint32_t x = 0; x < width; x++) {
            alpha[x] = from[4 * (size_t)x + 3];
        }
        /* fall through */
    case PIXEL_32BIT:
        for (uint32_t x = 0; x < width; x++) {
            colors[x] = le32_get(from + 4 * (size_t)x) & 0xffffff;
        }
        break;
    default:
        row_widen(format, from, width, colors);
        break;
    }
}

static QuicType type_of(PixelFormat format)
{
    switch (format) {
    case PIXEL_8BIT_A:
        return QUIC_GRAY;
    case PIXEL_16BIT:
        return QUIC_RGB16;
    case PIXEL_24BIT:
        return QUIC_RGB24;
    case PIXEL_32BIT:
        return QUIC_RGB32;
    default:
        return QUIC_RGBA;
    }
}

#define QUIC_FORMATS                                                                                         \
    (FORMAT_BIT(PIXEL_8BIT_A) | FORMAT_BIT(PIXEL_16BIT) | FORMAT_BIT(PIXEL_24BIT) |                          \
     FORMAT_BIT(PIXEL_32BIT) | FORMAT_BIT(PIXEL_RGBA))

Status quic_encode(QuicEncoder *encoder, const ImageSource *source, CodecSink *sink)
{
    Status status = source_check(source, QUIC_FORMATS);
    if (status == STATUS_OK) {
        status = scratch_need(&encoder->rows, &encoder->memory, 2 * quic_plane_bytes(source->width));
    }
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t width = source->width;
    const bool gray = source->format == PIXEL_8BIT_A, alpha = source->format == PIXEL_RGBA;
    QuicPlane *colors = &encoder->planes[0], *transparency = &encoder->planes[1];
    quic_plane_init(colors, source->format == PIXEL_16BIT ? &encoder->codes5 : &encoder->codes8, gray ? 1 : 3,
                    width, encoder->rows.data);
    if (alpha) {
        quic_plane_init(transparency, &encoder->codes8, 1, width,
                        encoder->rows.data + quic_plane_bytes(width));
    }
    Bits bits = {.sink = sink, .status = STATUS_OK};
    bits.at = sink_begin(sink, &bits.safe);
    const uint32_t header[QUIC_HEADER_WORDS] = {QUIC_MAGIC, 0, type_of(source->format), width,
                                                source->height};
    for (unsigned i = 0; i < QUIC_HEADER_WORDS; i++) {
        bits_put(&bits, header[i], 32);
    }
    RowWalk walk = rows_begin(source, true);
    for (uint32_t y = 0; y < source->height && bits.status == STATUS_OK; y++) {
        if (y > 0) {
            quic_plane_turn(colors);
            if (alpha) {
                quic_plane_turn(transparency);
            }
        }
        row_take(source->format, rows_next(&walk), width, colors->row, transparency->row);
        if (gray) {
            row_put_single(colors, y == 0, width, &bits);
        } else {
            row_put_rgb(colors, y == 0, width, &bits);
        }
        if (alpha) {
            row_put_single(transparency, y == 0, width, &bits);
        }
    }
    if (bits.status != STATUS_OK) {
        return bits.status;
    }
    if (bits.at > bits.safe) {
        bits = bits_turn(bits);
    }
    if (bits.count > 0) {
        bits_put(&bits, 0, 32 - bits.count);
    }
    bits_put(&bits, 0, 32); /* for decoders that read a word ahead */
    return bits.status == STATUS_OK ? sink_end(sink, bits.at) : bits.status;
}
