/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/canvas/pixels.h"

#include <string.h>

#include <spice/enums.h>

void bits_to_run(const uint8_t *line, int64_t x, size_t n, uint8_t *run)
{
    for (size_t i = 0; i < n; i++) {
        const size_t bit = (size_t)x + i;
        run[i] = line[bit / 8] >> bit % 8 & 1;
    }
}

void bits_from_run(uint8_t *line, int64_t x, size_t n, const uint8_t *run)
{
    for (size_t i = 0; i < n; i++) {
        const size_t bit = (size_t)x + i;
        const uint8_t mask = (uint8_t)(1u << bit % 8);
        line[bit / 8] = run[i] & 1 ? line[bit / 8] | mask : line[bit / 8] & (uint8_t)~mask;
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

void rop_run(uint8_t code, uint8_t *d, const uint8_t *s, const uint8_t *p, size_t bytes)
{
    static const uint8_t nothing[RUN_BYTES];
    uint8_t in[8];

    for (unsigned i = 0; i < 8; i++) {
        in[i] = rop_terms(code) >> i & 1 ? 0xff : 0;
    }
    s = rop_uses_s(code) ? s : nothing;
    p = rop_uses_p(code) ? p : nothing;
    for (size_t i = 0; i < bytes; i++) {
        const uint8_t ps = p[i] & s[i];
        const uint8_t plain = in[0] ^ (in[2] & s[i]) ^ (in[4] & p[i]) ^ (in[6] & ps);
        const uint8_t with_d = in[1] ^ (in[3] & s[i]) ^ (in[5] & p[i]) ^ (in[7] & ps);
        d[i] = plain ^ (with_d & d[i]);
    }
}
