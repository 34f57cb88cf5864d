/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/lz.h"

#include "codec/lz_tokens.h"
#include "codec/source.h"

/* Positions are found again by a hash of what starts there: two pixels, or three bytes. The table is cleared almost
 * never: entries count on from image to image, so those of an earlier image lie below `base`. Small images use a part
 * of the table, which stays in the first cache. */
#define HASH_BITS_MAX 13u
#define HASH_BITS_MIN 8u
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define DISTANCE_MAX (65535u + 8190u - 1u) /* units; what existing decoders surely take */
#define NEAR_MAX 8191u                     /* units; the short form reaches so far */
#define SKIP_SHIFT 7u /* after 2^this units without a match look at every second, and so on */

struct LzEncoder {
    CodecMemory memory;
    Scratch units; /* an image that had to be repacked */
    Scratch alpha;
    uint32_t base;
    uint32_t table[1u << HASH_BITS_MAX];
};

LzEncoder *lz_encoder_new(const CodecMemory *memory)
{
    LzEncoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder != NULL) {
        memset(encoder, 0, sizeof(*encoder));
        encoder->memory = *memory;
        encoder->base = 1;
    }
    return encoder;
}

void lz_encoder_free(LzEncoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->memory;
        scratch_free(&encoder->units, &memory);
        scratch_free(&encoder->alpha, &memory);
        memory.free(memory.owner, encoder);
    }
}

ALWAYS_INLINE Status match_put(LzUnit unit, LzOut *out, size_t length, uint32_t distance)
{
    if (out->at > out->safe) {
        const Status status = sink_turn(out->sink, &out->at, &out->safe);
        if (status != STATUS_OK) {
            return status;
        }
    }
    const uint32_t back = distance - 1;
    const bool far = back >= NEAR_MAX;
    const size_t coded = length - unit.bias;
    uint8_t *at = out->at;
    /* Without branches, since lengths and distances of text are hard to foretell: bytes that do not count are written
     * again by what follows. */
    *at++ = (uint8_t)((coded < 7 ? coded : 7) << 5 | (far ? 31 : back >> 8));
    if (__builtin_expect(coded < 7 + 255, 1)) {
        *at = (uint8_t)(coded - 7);
        at += coded >= 7;
        out->at = at;
    } else {
        out->at = at;
        const Status status = length_put(out, coded - 7);
        if (status != STATUS_OK) {
            return status;
        }
        at = out->at;
    }
    const uint32_t beyond = back - NEAR_MAX;
    const uint32_t far_bytes = 0xff | (beyond & 0xff00) | (beyond & 0xff) << 16;
    le32_put(at, far ? far_bytes : back);
    out->at = at + (far ? 3 : 1);
    return STATUS_OK;
}

ALWAYS_INLINE bool unit_same(LzUnit unit, const uint8_t *a, const uint8_t *b)
{
    return unit.size == 4 ? ((load32(a) ^ load32(b)) & (uint32_t)unit.mask) == 0 : *a == *b;
}

ALWAYS_INLINE Status plane_code(LzUnit unit, LzEncoder *encoder, const uint8_t *units, uint32_t count,
                                uint32_t above, LzOut *out)
{
    /* What a look at one place compares: 8 bytes of pixels, 3 of bytes. */
    const uint32_t probe = unit.size == 4 ? 2 : 3;
    const uint64_t probe_mask = unit.size == 4 ? unit.mask : UINT64_C(0xffffff);
    const uint32_t size = unit.size;
    const uint8_t *const end = units + (size_t)count * size;

    if (UINT32_MAX - encoder->base < count) {
        memset(encoder->table, 0, sizeof(encoder->table));
        encoder->base = 1;
    }
    unsigned bits = HASH_BITS_MIN;
    while (bits < HASH_BITS_MAX && 1u << bits < count) {
        bits++;
    }
    const unsigned shift = 64 - bits;
    const uint32_t base = encoder->base;
    uint32_t *const table = encoder->table;
    encoder->base = base + count;

    uint32_t i = 0, literals = 0; /* the first unit that is not coded yet */
    uint32_t misses = 0;
    while (count - i >= (unit.size == 4 ? probe : 8) && i < count) {
        const uint64_t here = load64(units + (size_t)i * size) & probe_mask;
        uint32_t *const entry = &table[here * HASH_FACTOR >> shift];
        uint32_t distance = base + i - *entry;
        *entry = base + i;
        const uint8_t *at = units + (size_t)i * size;
        /* Wraps for entries of earlier images; 0 is no distance, either. */
        const uint32_t reach = i < DISTANCE_MAX ? i : DISTANCE_MAX;
        const uint8_t *from = NULL;
        size_t length = 0;
        if (distance - 1 < reach && (load64(at - (size_t)distance * size) & probe_mask) == here) {
            from = at - (size_t)distance * size;
            length = units_equal(unit, at, from, end);
        }
        if (above - 1 < reach && above != distance &&
            (load64(at - (size_t)above * size) & probe_mask) == here) {
            const uint8_t *other = at - (size_t)above * size;
            const size_t more = units_equal(unit, at, other, end);
            if (more > length) {
                length = more;
                distance = above;
                from = other;
            }
        }
        /* The pixels may have changed since they were looked at. A far match is coded in 4 bytes, and literals after it
         * cost one more. */
        if (length < probe || (distance > NEAR_MAX && length * unit.literal < 6)) {
            i += 1 + (misses++ >> SKIP_SHIFT);
            continue;
        }
        misses = 0;
        /* What was skipped, or hashed away, may match as well. */
        while (i > literals && i > distance && unit_same(unit, at - size, from - size)) {
            at -= size;
            from -= size;
            i--;
            length++;
        }
        Status status = literals_put(unit, out, units + (size_t)literals * size, i - literals);
        if (status == STATUS_OK) {
            status = match_put(unit, out, length, distance);
        }
        if (status != STATUS_OK) {
            return status;
        }
        i += (uint32_t)length;
        literals = i;
        if (count - i >= 8) {
            /* The end of a match is a likely start of the next. */
            const uint64_t last = load64(units + ((size_t)i - 1) * size) & probe_mask;
            table[last * HASH_FACTOR >> shift] = base + i - 1;
        }
    }
    return literals_put(unit, out, units + (size_t)literals * size, count - literals);
}

static Status plane_rgb(LzEncoder *encoder, const uint8_t *units, uint32_t count, uint32_t above, LzOut *out)
{
    return plane_code(LZ_UNIT_RGB, encoder, units, count, above, out);
}

static Status plane_rgb16(LzEncoder *encoder, const uint8_t *units, uint32_t count, uint32_t above,
                          LzOut *out)
{
    return plane_code(LZ_UNIT_RGB16, encoder, units, count, above, out);
}

static Status plane_bytes(LzEncoder *encoder, const uint8_t *units, uint32_t count, uint32_t above,
                          LzOut *out)
{
    return plane_code(LZ_UNIT_BYTE, encoder, units, count, above, out);
}

static bool is_rgb(PixelFormat format)
{
    return format >= PIXEL_16BIT && format <= PIXEL_RGBA;
}

/* The image as units in one piece: 32-bit pixels, or bytes. */
static Status units_gather(LzEncoder *encoder, const ImageSource *source, const uint8_t **ret_units)
{
    const bool rgb = is_rgb(source->format);
    const uint64_t row_bytes =
        rgb ? (uint64_t)source->width * 4 : pixel_row_bytes(source->format, source->width);
    const uint8_t *packed = source_packed(source);
    if (packed != NULL && (!rgb || pixel_bits(source->format) == 32)) {
        *ret_units = packed;
        return STATUS_OK;
    }
    const Status status = scratch_need(&encoder->units, &encoder->memory, row_bytes * source->height);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *to = encoder->units.data;
    RowWalk walk = rows_begin(source, false);
    for (uint32_t y = 0; y < source->height; y++) {
        const uint8_t *row = rows_next(&walk);
        if (rgb) {
            row_widen(source->format, row, source->width, (uint32_t *)(void *)to);
        } else {
            memcpy(to, row, (size_t)row_bytes);
        }
        to += row_bytes;
    }
    *ret_units = encoder->units.data;
    return STATUS_OK;
}

static Status alpha_gather(LzEncoder *encoder, const ImageSource *source, const uint8_t **ret_alpha)
{
    const Status status =
        scratch_need(&encoder->alpha, &encoder->memory, (uint64_t)source->width * source->height);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *to = encoder->alpha.data;
    RowWalk walk = rows_begin(source, false);
    for (uint32_t y = 0; y < source->height; y++) {
        const uint8_t *row = rows_next(&walk);
        for (uint32_t x = 0; x < source->width; x++) {
            to[x] = row[4 * (size_t)x + 3];
        }
        to += source->width;
    }
    *ret_alpha = encoder->alpha.data;
    return STATUS_OK;
}

static LzOut header_put(const ImageSource *source, uint32_t type, CodecSink *sink)
{
    LzOut out = {.sink = sink};
    out.at = sink_begin(sink, &out.safe);
    be32_put(out.at, LZ_MAGIC);
    be32_put(out.at + 4, LZ_VERSION);
    be32_put(out.at + 8, type);
    be32_put(out.at + 12, source->width);
    be32_put(out.at + 16, source->height);
    be32_put(out.at + 20, (uint32_t)pixel_row_bytes(source->format, source->width));
    be32_put(out.at + 24, source->top_down);
    out.at += LZ_HEADER_BYTES;
    return out;
}

/* Of coded pixels, by the format's own limit. */
static Status size_check(const ImageSource *source)
{
    const uint64_t bytes = pixel_row_bytes(source->format, source->width) * source->height;
    return bytes < UINT64_C(1) << 30 ? STATUS_OK : STATUS_LIMIT;
}

Status lz_encode_alpha(LzEncoder *encoder, const ImageSource *source, CodecSink *sink)
{
    const uint8_t *alpha = NULL;
    Status status = source_check(source, FORMAT_BIT(PIXEL_RGBA));
    if (status == STATUS_OK) {
        status = size_check(source);
    }
    if (status == STATUS_OK) {
        status = alpha_gather(encoder, source, &alpha);
    }
    if (status != STATUS_OK) {
        return status;
    }
    LzOut out = header_put(source, LZ_TYPE_XXXA, sink);
    status = plane_bytes(encoder, alpha, source->width * source->height, source->width, &out);
    return status == STATUS_OK ? sink_end(sink, out.at) : status;
}

Status lz_encode(LzEncoder *encoder, const ImageSource *source, CodecSink *sink)
{
    const uint8_t *units = NULL, *alpha = NULL;
    Status status = source_check(source, (1u << (PIXEL_8BIT_A + 1)) - 2);
    if (status == STATUS_OK) {
        status = size_check(source);
    }
    if (status == STATUS_OK) {
        status = units_gather(encoder, source, &units);
    }
    if (status == STATUS_OK && source->format == PIXEL_RGBA) {
        status = alpha_gather(encoder, source, &alpha);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t type = source->format == PIXEL_8BIT_A ? (uint32_t)LZ_TYPE_A8 : (uint32_t)source->format;
    LzOut out = header_put(source, type, sink);
    if (!is_rgb(source->format)) {
        const uint64_t row_bytes = pixel_row_bytes(source->format, source->width);
        status =
            plane_bytes(encoder, units, (uint32_t)(row_bytes * source->height), (uint32_t)row_bytes, &out);
    } else if (source->format == PIXEL_16BIT) {
        status = plane_rgb16(encoder, units, source->width * source->height, source->width, &out);
    } else {
        status = plane_rgb(encoder, units, source->width * source->height, source->width, &out);
        if (status == STATUS_OK && alpha != NULL) {
            status = plane_bytes(encoder, alpha, source->width * source->height, source->width, &out);
        }
    }
    return status == STATUS_OK ? sink_end(sink, out.at) : status;
}
