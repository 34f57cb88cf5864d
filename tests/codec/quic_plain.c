/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/quic_plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "codec/quic_model.h"

#define CODE_MAX 26u
#define STEP_PIXELS 2048u
#define STEPS 6u

static const uint32_t halve_above[STEPS + 1] = {110, 550, 900, 800, 550, 400, 350};

/* ---- Bits ---- */

typedef struct Out {
    uint8_t *bytes;
    size_t room, words;
    uint32_t word;
    unsigned count; /* bits in it */
} Out;

static void bit_put(Out *out, unsigned bit)
{
    out->word = out->word << 1 | bit;
    if (++out->count == 32) {
        CHECK(out->room >= 4 * (out->words + 1));
        for (unsigned i = 0; i < 4; i++) {
            out->bytes[4 * out->words + i] = (uint8_t)(out->word >> (8 * i));
        }
        out->words++;
        out->count = 0;
    }
}

static void bits_put(Out *out, uint32_t value, unsigned len)
{
    while (len > 0) {
        bit_put(out, value >> --len & 1);
    }
}

/* ---- Codes ---- */

typedef struct Code {
    uint32_t zeros, rice_end, rest_bits;
} Code;

static Code code_of(unsigned bits, unsigned l)
{
    const uint32_t all = (1u << (bits - l)) - 1, longest = CODE_MAX - bits;
    Code code = {.zeros = all < longest ? all : longest};
    code.rice_end = code.zeros << l;
    while (1u << code.rest_bits < (1u << bits) - code.rice_end) {
        code.rest_bits++;
    }
    return code;
}

static uint32_t code_len(unsigned bits, unsigned l, uint32_t n)
{
    const Code code = code_of(bits, l);
    return n < code.rice_end ? (n >> l) + 1 + l : code.zeros + code.rest_bits;
}

static void value_put(Out *out, unsigned bits, unsigned l, uint32_t n)
{
    const Code code = code_of(bits, l);
    if (n < code.rice_end) {
        for (uint32_t i = 0; i < n >> l; i++) {
            bit_put(out, 0);
        }
        bit_put(out, 1);
        bits_put(out, n, l);
        return;
    }
    for (uint32_t i = 0; i < code.zeros; i++) {
        bit_put(out, 0);
    }
    bits_put(out, n - code.rice_end, code.rest_bits);
}

/* ---- Streams ---- */

typedef struct Channel {
    uint8_t *pixels;    /* of the image */
    uint8_t *residuals; /* of a row, from -1 on, at residuals[x + 1] */
    uint32_t counters[8][8];
    unsigned best[8]; /* of a bucket */
} Channel;

typedef struct Stream {
    unsigned bits, channels;
    uint32_t width;
    Channel channel[3];
    uint32_t wait, step, step_left;
    uint8_t lens[8][256]; /* of the codeword of a value, by each code */
    QuicPlane numbers;    /* only its sequence of numbers is used */
    unsigned run_state;
} Stream;

static unsigned bucket_of(unsigned bits, uint32_t context)
{
    unsigned bucket = 0;
    while (context + 1 >= 2u << bucket) {
        bucket++;
    }
    return bucket < bits - 1 ? bucket : bits - 1;
}

static void model_update(Stream *s, uint32_t x)
{
    for (unsigned c = 0; c < s->channels; c++) {
        Channel *channel = &s->channel[c];
        const unsigned bucket = bucket_of(s->bits, channel->residuals[x]);
        uint32_t *counters = channel->counters[bucket];
        unsigned best = s->bits - 1;
        for (unsigned l = s->bits; l-- > 0;) {
            counters[l] += s->lens[l][channel->residuals[x + 1]];
            best = counters[l] < counters[best] ? l : best;
        }
        channel->best[bucket] = best;
        if (counters[best] > halve_above[s->step]) {
            for (unsigned l = 0; l < s->bits; l++) {
                counters[l] >>= 1;
            }
        }
    }
}

static void wait_draw(Stream *s)
{
    s->wait = quic_mask_next(&s->numbers) & ((1u << s->step) - 1);
}

static void pixel_put(Stream *s, Out *out, uint32_t x, uint32_t y)
{
    const uint32_t most = (1u << s->bits) - 1;
    for (unsigned c = 0; c < s->channels; c++) {
        Channel *channel = &s->channel[c];
        const uint8_t *row = channel->pixels + (size_t)y * s->width;
        const uint32_t left = x > 0 ? row[x - 1] : 0, above = y > 0 ? row[(ptrdiff_t)x - s->width] : 0;
        const uint32_t guess = y == 0 ? left : x == 0 ? above : (left + above) >> 1;
        const uint32_t distance = (row[x] - guess) & most;
        const uint32_t n = distance <= most >> 1 ? 2 * distance : 2 * (most - distance) + 1;
        value_put(out, s->bits, channel->best[bucket_of(s->bits, channel->residuals[x])], n);
        channel->residuals[x + 1] = (uint8_t)n;
    }
}

/* Pixel x of row y equals the one before it. */
static bool is_same(const Stream *s, uint32_t x, uint32_t y)
{
    for (unsigned c = 0; c < s->channels; c++) {
        const uint8_t *at = s->channel[c].pixels + (size_t)y * s->width + x;
        if (at[0] != at[-1]) {
            return false;
        }
    }
    return true;
}

static void run_put(Stream *s, Out *out, uint32_t length)
{
    for (; length >= 1u << quic_run_bits(s->run_state); bit_put(out, 1)) {
        length -= 1u << quic_run_bits(s->run_state);
        s->run_state += s->run_state < 31;
    }
    bits_put(out, length, quic_run_bits(s->run_state) + 1);
    s->run_state -= s->run_state > 0;
}

/* `wait` is how many pixels are left before the next look at the model; runs take none of it. */
static void segment_put(Stream *s, Out *out, uint32_t x, uint32_t end, uint32_t y)
{
    uint32_t run_index = 0;
    while (x < end) {
        if (y > 0 && x > 2 && x != run_index && is_same(s, x, y - 1) && is_same(s, x - 1, y)) {
            uint32_t length = 0;
            while (x + length < end && is_same(s, x + length, y)) {
                length++;
            }
            run_index = x;
            run_put(s, out, length);
            x += length;
            continue;
        }
        pixel_put(s, out, x, y);
        if (s->wait > 0) {
            s->wait--;
        } else {
            model_update(s, x);
            wait_draw(s);
        }
        x++;
    }
}

static void row_put(Stream *s, Out *out, uint32_t y)
{
    uint32_t x = 0;
    for (unsigned c = 0; c < s->channels; c++) {
        s->channel[c].residuals[0] = y == 0 ? 0 : s->channel[c].residuals[1];
    }
    while (s->step < STEPS && s->step_left <= s->width - x) {
        segment_put(s, out, x, x + s->step_left, y);
        x += s->step_left;
        s->step++;
        s->step_left = STEP_PIXELS;
    }
    segment_put(s, out, x, s->width, y);
    s->step_left -= s->step < STEPS ? s->width - x : 0;
}

static void stream_open(Stream *s, unsigned bits, unsigned channels, uint32_t width, uint32_t height)
{
    *s = (Stream){.bits = bits, .channels = channels, .width = width, .step_left = STEP_PIXELS};
    s->numbers.seed = 0xff;
    for (unsigned l = 0; l < bits; l++) {
        for (uint32_t n = 0; n < 1u << bits; n++) {
            s->lens[l][n] = (uint8_t)code_len(bits, l, n);
        }
    }
    for (unsigned c = 0; c < channels; c++) {
        s->channel[c].pixels = malloc((size_t)width * height);
        s->channel[c].residuals = calloc(1, (size_t)width + 1);
        CHECK(s->channel[c].pixels != NULL && s->channel[c].residuals != NULL);
        for (unsigned i = 0; i < 8; i++) {
            s->channel[c].best[i] = bits - 1;
        }
    }
}

static void stream_close(Stream *s)
{
    for (unsigned c = 0; c < s->channels; c++) {
        free(s->channel[c].pixels);
        free(s->channel[c].residuals);
    }
}

static uint8_t channel_get(PixelFormat format, const uint8_t *pixels, size_t i, unsigned c)
{
    switch (format) {
    case PIXEL_8BIT_A:
        return pixels[i];
    case PIXEL_16BIT:
        return (pixels[2 * i] | pixels[2 * i + 1] << 8) >> (10 - 5 * c) & 31;
    case PIXEL_24BIT:
        return pixels[3 * i + 2 - c];
    default:
        return pixels[4 * i + 2 - c];
    }
}

size_t quic_plain_encode(PixelFormat format, uint32_t width, uint32_t height, const uint8_t *pixels,
                         uint8_t *out_bytes, size_t room)
{
    Stream colors, alpha = {0};
    Out out = {.bytes = out_bytes, .room = room};
    const uint32_t type = format == PIXEL_8BIT_A ? 1 : format - PIXEL_16BIT + 2u;
    const uint32_t header[] = {0x43495551, 0, type, width, height};
    stream_open(&colors, format == PIXEL_16BIT ? 5 : 8, format == PIXEL_8BIT_A ? 1 : 3, width, height);
    for (size_t i = 0; i < (size_t)width * height * colors.channels; i++) {
        const unsigned c = (unsigned)(i % colors.channels);
        colors.channel[c].pixels[i / colors.channels] = channel_get(format, pixels, i / colors.channels, c);
    }
    if (format == PIXEL_RGBA) {
        stream_open(&alpha, 8, 1, width, height);
        for (size_t i = 0; i < (size_t)width * height; i++) {
            alpha.channel[0].pixels[i] = pixels[4 * i + 3];
        }
    }
    for (unsigned i = 0; i < 5; i++) {
        bits_put(&out, header[i], 32);
    }
    for (uint32_t y = 0; y < height; y++) {
        row_put(&colors, &out, y);
        if (format == PIXEL_RGBA) {
            row_put(&alpha, &out, y);
        }
    }
    while (out.count > 0) {
        bit_put(&out, 0);
    }
    bits_put(&out, 0, 32);
    stream_close(&colors);
    stream_close(&alpha);
    return 4 * out.words;
}
