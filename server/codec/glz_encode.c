/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codec/glz.h"

#include "codec/glz_window.h"
#include "codec/lz_tokens.h"

#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define SKIP_SHIFT 8u           /* after 2^this pixels without a match look at every second, and so on */
#define SKIP_MAX 8u             /* pixels */
#define ABOVE_ENOUGH 32u        /* pixels; with such a match the ring, seldom in a near cache, is not asked */
#define OFFSET_SHORT 4096u      /* the short form reaches so far, in pixels */
#define OFFSET_LONG 131072u     /* the long form without its extra byte */
#define OFFSET_LIMIT (1u << 25) /* no form reaches further */
#define IMAGE_DISTANCE_MAX ((UINT64_C(1) << 24) - 1)

#define GLZ_UNIT_ALPHA ((LzUnit){4, 1, 2, UINT64_C(0xff000000ff000000)})

struct GlzEncoder {
    GlzWindow window;
    uint64_t next_id;
    bool frozen;
};

GlzEncoder *glz_encoder_new(const CodecMemory *memory, const GlzState *state)
{
    GlzEncoder *encoder = memory->alloc(memory->owner, sizeof(*encoder));
    if (encoder != NULL) {
        const uint32_t window = state->window_pixels;
        glz_window_init(&encoder->window, memory,
                        window < GLZ_WINDOW_PIXELS_MAX ? window : GLZ_WINDOW_PIXELS_MAX);
        encoder->next_id = state->next_id;
        encoder->frozen = false;
    }
    return encoder;
}

void glz_encoder_free(GlzEncoder *encoder)
{
    if (encoder != NULL) {
        const CodecMemory memory = encoder->window.memory;
        glz_window_free(&encoder->window);
        memory.free(memory.owner, encoder);
    }
}

GlzState glz_encoder_freeze(GlzEncoder *encoder)
{
    glz_window_free(&encoder->window);
    encoder->frozen = true;
    return (GlzState){.window_pixels = encoder->window.capacity, .next_id = encoder->next_id};
}

/* ---- Tokens ---- */

/* Bytes of an image distance, and of a match without its length. */
ALWAYS_INLINE unsigned distance_bytes(uint32_t offset, uint32_t images)
{
    if (offset < OFFSET_SHORT) {
        return images < 1u << 6 ? 0 : images < 1u << 14 ? 1 : images < 1u << 22 ? 2 : 3;
    }
    return images == 0 ? 0 : images < 1u << 8 ? 1 : images < 1u << 16 ? 2 : 3;
}

ALWAYS_INLINE unsigned match_cost(uint32_t offset, uint32_t images)
{
    return 3 + distance_bytes(offset, images) + (offset >= OFFSET_LONG);
}

/* `offset` counts back from here minus 1, or, with an image distance, from that image's start. */
ALWAYS_INLINE Status match_put(LzUnit unit, LzOut *out, size_t length, uint32_t offset, uint32_t images)
{
    if (out->at > out->safe) {
        const Status status = sink_turn(out->sink, &out->at, &out->safe);
        if (status != STATUS_OK) {
            return status;
        }
    }
    const bool is_short = offset < OFFSET_SHORT;
    const size_t coded = length - unit.bias;
    if (is_short && images < 64 && coded < 7 + 255) {
        /* Most matches, without a branch about their length: bytes that do not count are written again. */
        uint8_t *at = out->at;
        *at++ = (uint8_t)((coded < 7 ? coded : 7) << 5 | (offset & 15));
        *at = (uint8_t)(coded - 7);
        at += coded >= 7;
        at[0] = (uint8_t)(offset >> 4);
        at[1] = (uint8_t)images;
        out->at = at + 2;
        return STATUS_OK;
    }
    *out->at++ = (uint8_t)((coded < 7 ? coded : 7) << 5 | (is_short ? 0u : 16u) | (offset & 15));
    if (coded >= 7) {
        const Status status = length_put(out, coded - 7);
        if (status != STATUS_OK) {
            return status;
        }
    }
    const unsigned bytes = distance_bytes(offset, images);
    *out->at++ = (uint8_t)(offset >> 4);
    if (is_short) {
        *out->at++ = (uint8_t)(bytes << 6 | (images & 63));
        images >>= 6;
    } else {
        *out->at++ = (uint8_t)(bytes << 6 | (offset >= OFFSET_LONG ? 32u : 0u) | (offset >> 12 & 31));
    }
    for (unsigned i = 0; i < bytes; i++) {
        *out->at++ = (uint8_t)images;
        images >>= 8;
    }
    if (!is_short && offset >= OFFSET_LONG) {
        *out->at++ = (uint8_t)(offset >> 17);
    }
    return STATUS_OK;
}

/* ---- Matches ---- */

/* The image being coded. */
typedef struct Current {
    uint64_t id;
    uint32_t start, count, width;
    PixelFormat format;
    bool high_bits;
} Current;

/* What a look at one place compares: three pixels, or four alphas. Different pixels of 24 bits may look the same, but their
 * matches are measured afterwards. */
ALWAYS_INLINE uint64_t probe_load(LzUnit unit, const uint8_t *at)
{
    const uint64_t two = load64(at) & unit.mask;
    if (unit.literal == 1) {
        return two | (load64(at + 8) & unit.mask) >> 8;
    }
    return two ^ (uint64_t)(load32(at + 8) & (uint32_t)unit.mask) * HASH_FACTOR;
}

/* An entry of the table: a place in the ring, and bits of the hash that spare looking there in vain, which costs most
 * of the time where few pixels match. */
#define PLACE_MASK ((UINT32_C(1) << 26) - 1)
_Static_assert(GLZ_WINDOW_PIXELS_MAX / 4 * 5 < PLACE_MASK, "places of the largest ring");

ALWAYS_INLINE uint32_t entry_make(uint64_t hash, uint32_t place)
{
    /* Not the bits of the largest table's index. */
    return ((uint32_t)(hash >> 14) & ~PLACE_MASK) | place;
}

typedef struct Match {
    size_t length; /* 0: none */
    uint32_t offset, images;
    uint32_t room; /* pixels in front of it that may match, too */
    const uint8_t *from;
} Match;

/* A match with pixels of this image, `distance` back. */
ALWAYS_INLINE Match match_here(LzUnit unit, const uint8_t *at, const uint8_t *end, uint32_t i,
                               uint32_t distance)
{
    const uint8_t *from = at - (size_t)distance * 4;
    return (Match){
        .length = units_equal(unit, at, from, end),
        .offset = distance - 1,
        .room = i - distance,
        .from = from,
    };
}

/* A match with pixels of another image, if it is longer than `longest`. That image's first pixel is left out: no known encoder
 * refers to it, so clients may be wrong about it. */
ALWAYS_INLINE Match match_there(LzUnit unit, const GlzWindow *window, const Current *current,
                                const uint8_t *at, const uint8_t *end, uint32_t place, size_t longest)
{
    /* The pixels first, whosever they are: whose is seldom in a near cache. */
    const uint8_t *from = (const uint8_t *)(window->pixels + place);
    const size_t written = (size_t)(window->written - place) * 4;
    const size_t length = units_equal(unit, at, from, (size_t)(end - at) < written ? end : at + written);
    if (length <= longest) {
        return (Match){0};
    }
    const GlzImage *image = glz_window_image(window, place);
    if (image == NULL || image->format != current->format || image->high_bits != current->high_bits ||
        current->id - image->id > IMAGE_DISTANCE_MAX || place == image->start ||
        place - image->start >= OFFSET_LIMIT) {
        return (Match){0};
    }
    const uint32_t left = image->start + image->count - place;
    return (Match){
        .length = length < left ? length : left,
        .offset = place - image->start,
        .images = (uint32_t)(current->id - image->id),
        .room = place - image->start - 1,
        .from = from,
    };
}

ALWAYS_INLINE Status plane_code(LzUnit unit, GlzWindow *window, const Current *current, LzOut *out)
{
    const uint32_t probe = unit.literal == 1 ? 4 : 3;
    /* Places at the end of a match that are remembered: with two, 16-bit photographs are some percent smaller, others are not. */
    const uint32_t ends = unit.literal == 2 ? 2 : 1;
    const uint32_t count = current->count, start = current->start, above = current->width;
    const uint8_t *const pixels = (const uint8_t *)(window->pixels + start);
    const uint8_t *const end = pixels + (size_t)count * 4;
    const unsigned shift = 64 - window->table_bits;
    uint32_t *const table = window->table;

    uint32_t i = 0, literals = 0, misses = 0;
    while (i < count && count - i >= probe) {
        const uint8_t *at = pixels + (size_t)i * 4;
        const uint64_t here = probe_load(unit, at);
        const uint64_t hash = here * HASH_FACTOR;
        uint32_t *const entry = &table[hash >> shift];
        const uint32_t old = *entry, new = entry_make(hash, start + i), place = old &PLACE_MASK;
        *entry = new;
        Match match = {0};
        if (i >= above && probe_load(unit, at - (size_t)above * 4) == here) {
            match = match_here(unit, at, end, i, above);
        }
        if (match.length < ABOVE_ENOUGH && (old ^ new) <= PLACE_MASK &&
            probe_load(unit, (const uint8_t *)(window->pixels + place)) == here) {
            Match other = {0};
            if (place - start < i) {
                other = match_here(unit, at, end, i, start + i - place);
            } else if (place - start >= count) {
                other = match_there(unit, window, current, at, end, place, match.length);
            }
            if (other.length > match.length) {
                match = other;
            }
        }
        if (match.length < probe || match.length * unit.literal < match_cost(match.offset, match.images)) {
            const uint32_t step = 1 + (misses++ >> SKIP_SHIFT);
            i += step < SKIP_MAX ? step : SKIP_MAX;
            continue;
        }
        misses = 0;
        /* What was skipped, or hashed away, may match as well. */
        while (i > literals && match.room > 0 &&
               ((load32(at - 4) ^ load32(match.from - 4)) & (uint32_t)unit.mask) == 0) {
            at -= 4;
            match.from -= 4;
            match.room--;
            match.length++;
            match.offset -= match.images > 0;
            i--;
        }
        Status status = literals_put(unit, out, pixels + (size_t)literals * 4, i - literals);
        if (status == STATUS_OK) {
            status = match_put(unit, out, match.length, match.offset, match.images);
        }
        if (status != STATUS_OK) {
            return status;
        }
        i += (uint32_t)match.length;
        literals = i;
        if (count - i >= probe) {
            /* The end of a match is a likely start of the next. */
            for (uint32_t back = 1; back <= ends; back++) {
                const uint64_t last = probe_load(unit, pixels + ((size_t)i - back) * 4) * HASH_FACTOR;
                table[last >> shift] = entry_make(last, start + i - back);
            }
        }
    }
    return literals_put(unit, out, pixels + (size_t)literals * 4, count - literals);
}

static Status plane_rgb(GlzWindow *window, const Current *current, LzOut *out)
{
    return plane_code(LZ_UNIT_WHOLE, window, current, out);
}

static Status plane_rgba(GlzWindow *window, const Current *current, LzOut *out)
{
    return plane_code(LZ_UNIT_RGB, window, current, out);
}

static Status plane_rgb16(GlzWindow *window, const Current *current, LzOut *out)
{
    return plane_code(LZ_UNIT_RGB16, window, current, out);
}

static Status plane_alpha(GlzWindow *window, const Current *current, LzOut *out)
{
    return plane_code(GLZ_UNIT_ALPHA, window, current, out);
}

/* ---- Images ---- */

static void pixels_copy(const ImageSource *source, uint32_t *restrict to)
{
    const uint32_t width = source->width;
    RowWalk walk = rows_begin(source, false);
    for (uint32_t y = 0; y < source->height; y++) {
        const uint8_t *row = rows_next(&walk);
        if (source->format == PIXEL_32BIT) {
            for (uint32_t x = 0; x < width; x++) {
                to[x] = load32(row + 4 * (size_t)x) & 0xffffff;
            }
        } else {
            row_widen(source->format, row, width, to);
        }
        to += width;
    }
}

#define GLZ_FORMATS                                                                                          \
    (FORMAT_BIT(PIXEL_16BIT) | FORMAT_BIT(PIXEL_24BIT) | FORMAT_BIT(PIXEL_32BIT) | FORMAT_BIT(PIXEL_RGBA))

Status glz_encode(GlzEncoder *encoder, const ImageSource *source, CodecSink *sink)
{
    GlzWindow *window = &encoder->window;
    Status status = encoder->frozen ? STATUS_MISUSE : source_check(source, GLZ_FORMATS);
    if (status == STATUS_OK && (uint64_t)source->width * source->height >= window->capacity) {
        status = STATUS_LIMIT;
    }
    Current current = {
        .id = encoder->next_id,
        .count = source->width * source->height,
        .width = source->width,
        .format = source->format,
        .high_bits = source->high_bits,
    };
    if (status == STATUS_OK) {
        status = glz_window_open(window, current.count, current.format, &current.start);
    }
    if (status != STATUS_OK) {
        return status;
    }
    pixels_copy(source, window->pixels + current.start);

    const GlzImage *oldest = glz_window_oldest(window);
    LzOut out = {.sink = sink};
    out.at = sink_begin(sink, &out.safe);
    be32_put(out.at, LZ_MAGIC);
    be32_put(out.at + 4, LZ_VERSION);
    out.at[8] = (uint8_t)((source->top_down ? 16u : 0u) | (unsigned)source->format);
    be32_put(out.at + 9, source->width);
    be32_put(out.at + 13, source->height);
    be32_put(out.at + 17, (uint32_t)pixel_row_bytes(source->format, source->width));
    be32_put(out.at + 21, (uint32_t)(current.id >> 32));
    be32_put(out.at + 25, (uint32_t)current.id);
    be32_put(out.at + 29, oldest != NULL ? (uint32_t)(current.id - oldest->id) : 0);
    out.at += GLZ_HEADER_BYTES;

    if (source->format == PIXEL_16BIT) {
        status = plane_rgb16(window, &current, &out);
    } else if (source->format == PIXEL_RGBA) {
        status = plane_rgba(window, &current, &out);
    } else {
        status = plane_rgb(window, &current, &out);
    }
    if (status == STATUS_OK && source->format == PIXEL_RGBA) {
        status = plane_alpha(window, &current, &out);
    }
    if (status == STATUS_OK) {
        status = sink_end(sink, out.at);
    }
    if (status == STATUS_OK) {
        glz_window_close(
            window, &(GlzImage){current.id, current.start, current.count, current.format, current.high_bits});
        encoder->next_id++;
    }
    return status;
}
