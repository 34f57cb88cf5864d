/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* span.h: a borrowed run of bytes, and integers as they lie on the wire.
 *
 * A Span owns nothing; it is valid as long as what it points into. Lengths are bytes. The le*_ helpers read
 * and write little-endian integers at any alignment; the caller has checked that the bytes are there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Span {
    const uint8_t *data;
    size_t len;
} Span;

static inline Span span_of(const void *data, size_t len)
{
    return (Span){data, len};
}

static inline uint16_t le16_get(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32_get(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64_get(const uint8_t *p)
{
    return (uint64_t)le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void le16_put(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void le32_put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void le64_put(uint8_t *p, uint64_t v)
{
    le32_put(p, (uint32_t)v);
    le32_put(p + 4, (uint32_t)(v >> 32));
}
