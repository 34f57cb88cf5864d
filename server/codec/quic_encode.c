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

/* Residuals are made a block at a time, when a pixel of it is coded: most of a page's pixels are in runs, and need none. */

QUIC_ALWAYS_INLINE void residuals_next(unsigned bits, const uint32_t *restrict row,
                                       const uint32_t *restrict above, uint32_t x, uint32_t end,
                                       uint32_t *restrict residuals)
{
    if (x == 0) {
        residuals[x] = residual(bits, row[x], above[x]);
        x++;
    }
    for (; x < end; x++) {
        residuals[x] = residual(bits, row[x], quic_average(row[x - 1], above[x]));
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

/* Bit i: pixel i of `count` equals the one before it. */
QUIC_ALWAYS_INLINE uint64_t same_bits(const uint32_t *row, uint32_t count)
{
    uint8_t same[QUIC_BLOCK];
    uint64_t bits = 0;
    for (uint32_t i = 0; i < QUIC_BLOCK; i++) {
        same[i] = row[i] == row[(ptrdiff_t)i - 1]; /* rows have slack for this */
    }
    for (uint32_t i = 0; i < QUIC_BLOCK; i += 8) {
        uint64_t eight;
        memcpy(&eight, same + i, sizeof(eight));
        bits |= (eight * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    return bits & UINT64_MAX >> (QUIC_BLOCK - count);
}

/* The block from x on. */
QUIC_ALWAYS_INLINE QuicBlock block_make(const QuicPlane *plane, bool first, uint32_t x)
{
    const unsigned bits = plane->codes->bits;
    const uint32_t end = plane->width - x < QUIC_BLOCK ? plane->width : x + QUIC_BLOCK, count = end - x;
    QuicBlock block = {.start = x, .end = end};
    if (first) {
        if (bits == 8) {
            residuals_first(8, plane->row, x, end, plane->residuals);
        } else {
            residuals_first(5, plane->row, x, end, plane->residuals);
        }
        return block;
    }
    if (bits == 8) {
        residuals_next(8, plane->row, plane->above, x, end, plane->residuals);
    } else {
        residuals_next(5, plane->row, plane->above, x, end, plane->residuals);
    }
    block.same = same_bits(plane->row + x, count);
    const uint64_t left = x >= 2 && plane->row[x - 1] == plane->row[x - 2];
    block.runs = same_bits(plane->above + x, count) & (block.same << 1 | left);
    if (x < 3) {
        block.runs &= UINT64_MAX << (3 - x);
    }
    return block;
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
    const uint32_t now = pixels->residuals[x];
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

/* All pixels that ones count in states below this one. */
static const uint16_t run_sums[QUIC_RUN_STATE_MAX + 1] = {
    0,  1,  2,  3,   4,   6,   8,   10,  12,  16,  20,   24,   28,   36,   44,    52,
    60, 76, 92, 124, 156, 220, 284, 412, 540, 796, 1308, 2332, 4380, 8476, 16668, 33052,
};
/* Of so many pixels, the state that the ones end in. */
#define RUN_SHORT 60u
static const uint8_t run_states[RUN_SHORT] = {
    0,  1,  2,  3,  4,  4,  5,  5,  6,  6,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,
    10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12, 13, 13, 13, 13,
    13, 13, 13, 13, 14, 14, 14, 14, 14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15,
};

QUIC_ALWAYS_INLINE void run_put(QuicPlane *plane, Bits *bits, uint32_t length)
{
    const uint32_t before = plane->run_state;
    uint32_t run_state = before, rest = length, ones = 0;
    const uint32_t sum = run_sums[before] + length;
    if (__builtin_expect(bits->at > bits->safe, 0)) {
        *bits = bits_turn(*bits);
    }
    if (sum < RUN_SHORT) {
        run_state = run_states[sum];
        rest = sum - run_sums[run_state];
        ones = run_state - before;
    } else {
        for (uint32_t step; rest >= (step = 1u << quic_run_bits(run_state)); ones++) {
            rest -= step;
            run_state += run_state < QUIC_RUN_STATE_MAX;
        }
        for (; ones > 16; ones -= 16) {
            bits_put(bits, UINT16_MAX, 16);
            if (bits->at > bits->safe) {
                *bits = bits_turn(*bits);
            }
        }
    }
    const unsigned rest_bits = quic_run_bits(run_state) + 1;
    plane->run_state = run_state - (run_state > 0);
    bits_put(bits, ((UINT64_C(1) << ones) - 1) << rest_bits | rest, ones + rest_bits);
}

static __attribute__((noinline)) uint32_t run_scan(const uint32_t *row, uint32_t x, uint32_t end)
{
    const uint32_t color = row[x - 1];
    for (uint32_t differs = 0; end - x >= 16; x += 16) {
        for (unsigned i = 0; i < 16; i++) {
            differs |= row[x + i] ^ color;
        }
        if (differs != 0) {
            break;
        }
    }
    while (x < end && row[x] == color) {
        x++;
    }
    return x;
}

/* Where the pixels from x on that equal the one before them end. */
QUIC_ALWAYS_INLINE uint32_t run_end(const QuicBlock *block, const uint32_t *row, uint32_t x, uint32_t end)
{
    /* Of a whole block of ones, the bit shifted in says where it ends. */
    const uint64_t differs = ~(block->same >> (x - block->start));
    uint32_t at = x + (differs != 0 ? (uint32_t)__builtin_ctzll(differs) : QUIC_BLOCK);
    if (at >= block->end && block->end < end) {
        return run_scan(row, block->end, end);
    }
    return at < end ? at : end;
}

/* Codes the pixels from x to end, in which the model is looked at with one mask. */
QUIC_ALWAYS_INLINE void segment_put(QuicPlane *plane, unsigned channels, bool runs, Bits *out, uint32_t x,
                                    uint32_t end, uint32_t mask)
{
    Bits bits = *out;
    QuicBlock block = plane->block;
    const Pixels pixels = {plane->residuals, plane->contexts,
                           (const uint32_t *const(*)[QUIC_BUCKETS])plane->best, plane->codes->bucket};
    uint32_t run_index = 0;
    if (x == 0) {
        block = block_make(plane, !runs, 0);
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
        if (x >= block.end) {
            block = block_make(plane, !runs, x);
        }
        uint32_t until = stop < end ? stop + 1 : end;
        until = until < block.end ? until : block.end;
        if (runs) {
            const uint64_t here =
                block.runs >> (x - block.start) & (x == run_index ? ~UINT64_C(1) : UINT64_MAX);
            const uint32_t run = here != 0 ? x + (uint32_t)__builtin_ctzll(here) : until;
            const uint32_t single = run < until ? run : until;
            while (x < single) {
                pixel_put(&pixels, channels, &bits, x++);
            }
            if (run < until) {
                const uint32_t wait = stop - x, run_stop = run_end(&block, plane->row, x, end);
                run_index = x;
                run_put(plane, &bits, run_stop - x);
                x = run_stop;
                if (x == end) {
                    plane->wait = wait;
                    plane->block = block;
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
    plane->block = block;
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
