/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/canvas/pixels.h"

#include <string.h>

#include <spice/enums.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* Eight pixels of one byte each, of the eight bits of a byte: bit i is of `bits`, byte i of the result is 1 if it is set. */
static inline uint64_t spread(uint8_t byte, uint64_t bits)
{
    return ((byte * EACH_BYTE & bits) + 0x7f * EACH_BYTE) >> 7 & EACH_BYTE;
}

void bits_to_run(const uint8_t *line, int64_t x, size_t n, uint8_t *run)
{
    size_t i = 0;

    while (i < n) {
        const size_t bit = (size_t)x + i;
        if (bit % 8 == 0 && n - i >= 8) {
            const uint64_t eight = spread(line[bit / 8], UINT64_C(0x8040201008040201));
            memcpy(run + i, &eight, 8);
            i += 8;
        } else {
            run[i++] = line[bit / 8] >> bit % 8 & 1;
        }
    }
}

void high_bits_to_run(const uint8_t *line, size_t x, size_t n, uint8_t *run)
{
    size_t i = 0;

    while (i < n) {
        const size_t bit = x + i;
        if (bit % 8 == 0 && n - i >= 8) {
            const uint64_t eight = spread(line[bit / 8], UINT64_C(0x0102040810204080));
            memcpy(run + i, &eight, 8);
            i += 8;
        } else {
            run[i++] = line[bit / 8] >> (7 - bit % 8) & 1;
        }
    }
}

void bits_from_run(uint8_t *line, int64_t x, size_t n, const uint8_t *run)
{
    size_t i = 0;

    while (i < n) {
        const size_t bit = (size_t)x + i;
        if (bit % 8 == 0 && n - i >= 8) {
            uint64_t eight;
            memcpy(&eight, run + i, 8);
            /* Byte i's lowest bit comes to bit 56 + i, and no two of the products to the same place. */
            line[bit / 8] = (uint8_t)((eight & EACH_BYTE) * UINT64_C(0x0102040810204080) >> 56);
            i += 8;
        } else {
            const uint8_t mask = (uint8_t)(1u << bit % 8);
            line[bit / 8] = run[i] & 1 ? line[bit / 8] | mask : line[bit / 8] & (uint8_t)~mask;
            i++;
        }
    }
}

/* Runs in memory have no alignment of their own; compilers make single instructions of these. */
static inline uint16_t get16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline void put16(uint8_t *at, uint32_t value)
{
    const uint16_t narrow = (uint16_t)value;
    memcpy(at, &narrow, sizeof(narrow));
}

static inline void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* Channels of less than 8 bits are widened by repeating their uppermost bits. */
static inline uint32_t argb_get(pixman_format_code_t format, const uint8_t *run, size_t i)
{
    uint32_t v;
    switch (format) {
    case PIXMAN_a8r8g8b8:
        return get32(run + i * 4);
    case PIXMAN_x8r8g8b8:
        return get32(run + i * 4) | 0xff000000u;
    case PIXMAN_x1r5g5b5:
        v = get16(run + i * 2);
        return 0xff000000u | (v & 0x7c00) << 9 | (v & 0x7000) << 4 | (v & 0x03e0) << 6 | (v & 0x0380) << 1 |
               (v & 0x001f) << 3 | (v & 0x001c) >> 2;
    case PIXMAN_r5g6b5:
        v = get16(run + i * 2);
        return 0xff000000u | (v & 0xf800) << 8 | (v & 0xe000) << 3 | (v & 0x07e0) << 5 | (v & 0x0600) >> 1 |
               (v & 0x001f) << 3 | (v & 0x001c) >> 2;
    case PIXMAN_a8:
        return (uint32_t)run[i] << 24;
    default: /* a1 */
        return run[i] & 1 ? 0xff000000u : 0;
    }
}

static inline void argb_put(pixman_format_code_t format, uint8_t *run, size_t i, uint32_t v)
{
    switch (format) {
    case PIXMAN_a8r8g8b8:
    case PIXMAN_x8r8g8b8:
        put32(run + i * 4, v);
        break;
    case PIXMAN_x1r5g5b5:
        put16(run + i * 2, (v >> 9 & 0x7c00) | (v >> 6 & 0x03e0) | (v >> 3 & 0x001f));
        break;
    case PIXMAN_r5g6b5:
        put16(run + i * 2, (v >> 8 & 0xf800) | (v >> 5 & 0x07e0) | (v >> 3 & 0x001f));
        break;
    case PIXMAN_a8:
        run[i] = (uint8_t)(v >> 24);
        break;
    default: /* a1 */
        run[i] = (uint8_t)(v >> 31);
        break;
    }
}

void run_convert(pixman_format_code_t from, const uint8_t *run, pixman_format_code_t to, uint8_t *ret_run,
                 size_t n)
{
    const bool same_words = from == to || (from == PIXMAN_a8r8g8b8 && to == PIXMAN_x8r8g8b8);
    if (same_words) {
        memcpy(ret_run, run, n * run_pixel_bytes(from));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        argb_put(to, ret_run, i, argb_get(from, run, i));
    }
}

void run_fill(pixman_format_code_t format, uint32_t value, uint8_t *run, size_t n)
{
    switch (run_pixel_bytes(format)) {
    case 4:
        for (size_t i = 0; i < n; i++) {
            put32(run + i * 4, value);
        }
        break;
    case 2:
        for (size_t i = 0; i < n; i++) {
            put16(run + i * 2, value);
        }
        break;
    default:
        memset(run, PIXMAN_FORMAT_BPP(format) == 1 ? (int)(value & 1) : (int)(value & 0xff), n);
        break;
    }
}

uint8_t rop_of_descriptor(uint16_t descriptor, uint8_t first, uint16_t invert_first, uint16_t invert_d)
{
    const uint32_t a = descriptor & invert_first ? ~(uint32_t)first : first;
    const uint32_t b = descriptor & invert_d ? ~ROP_D : ROP_D;
    uint32_t result;

    if (descriptor & SPICE_ROPD_OP_PUT) {
        result = a;
    } else if (descriptor & SPICE_ROPD_OP_OR) {
        result = a | b;
    } else if (descriptor & SPICE_ROPD_OP_AND) {
        result = a & b;
    } else if (descriptor & SPICE_ROPD_OP_XOR) {
        result = a ^ b;
    } else if (descriptor & SPICE_ROPD_OP_BLACKNESS) {
        return 0;
    } else if (descriptor & SPICE_ROPD_OP_WHITENESS) {
        return 0xff;
    } else if (descriptor & SPICE_ROPD_OP_INVERS) {
        return (uint8_t)~ROP_D;
    } else {
        return first;
    }
    return (uint8_t)(descriptor & SPICE_ROPD_INVERS_RES ? ~result : result);
}

/* Any function of three bits is a sum, modulo 2, of products of them. A code's bits are the function's values; `terms`
 * becomes which products are in the sum: bit 0 the constant, 1 D, 2 S, 3 SD, 4 P, 5 PD, 6 PS, 7 PSD. */
static uint8_t rop_terms(uint8_t code)
{
    uint8_t terms = code;
    terms ^= (uint8_t)(terms << 1 & 0xaa);
    terms ^= (uint8_t)(terms << 2 & 0xcc);
    terms ^= (uint8_t)(terms << 4 & 0xf0);
    return terms;
}

/* As many bytes as any processor that we are built for takes at once. */
typedef uint64_t Lanes __attribute__((vector_size(16)));

static inline Lanes lanes_load(const uint8_t *from)
{
    Lanes lanes;
    memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

static Lanes lanes_of(bool set)
{
    const uint64_t half = set ? UINT64_MAX : 0;
    return (Lanes){half, half};
}

static inline void rop_lanes(const Lanes in[8], uint8_t *d, const uint8_t *s, const uint8_t *p)
{
    const Lanes of_s = lanes_load(s), of_p = lanes_load(p), of_d = lanes_load(d);
    const Lanes ps = of_p & of_s;
    const Lanes plain = in[0] ^ (in[2] & of_s) ^ (in[4] & of_p) ^ (in[6] & ps);
    const Lanes by_d = in[1] ^ (in[3] & of_s) ^ (in[5] & of_p) ^ (in[7] & ps);
    const Lanes result = plain ^ (by_d & of_d);
    memcpy(d, &result, sizeof result);
}

void rop_run(uint8_t code, uint8_t *d, const uint8_t *s, const uint8_t *p, size_t bytes)
{
    static const uint8_t nothing[RUN_BYTES];
    const uint8_t terms = rop_terms(code);
    const size_t whole = bytes - bytes % sizeof(Lanes), rest = bytes - whole;
    Lanes in[8];

    for (unsigned term = 0; term < 8; term++) {
        in[term] = lanes_of(terms >> term & 1);
    }
    s = rop_uses_s(code) ? s : nothing;
    p = rop_uses_p(code) ? p : nothing;
    for (size_t i = 0; i < whole; i += sizeof(Lanes)) {
        rop_lanes(in, d + i, s + i, p + i);
    }
    if (rest > 0) {
        uint8_t room[3][sizeof(Lanes)] = {{0}};
        memcpy(room[0], d + whole, rest);
        memcpy(room[1], s + whole, rest);
        memcpy(room[2], p + whole, rest);
        rop_lanes(in, room[0], room[1], room[2]);
        memcpy(d + whole, room[0], rest);
    }
}
