/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* write.h: what the generated encoders are made of. Nobody else includes it.
 *
 * Pointees come after the fixed part, in the order in which their pointers were written; those of a pointee
 * are queued behind the ones that wait already. The generator proves that at most POINTERS_MAX wait.
 */
#pragma once

#include "wire/out.h"

#define WIRE_FAR_MAX 8u

typedef struct WireWriter WireWriter;

/* Writes the pointee after setting the offset that waits for it. */
typedef void (*WireFarWrite)(WireWriter *w, size_t patch, const void *pointee);

typedef struct WireFar {
    WireFarWrite write;
    size_t patch; /* index into out->bytes of the offset */
    const void *pointee;
} WireFar;

struct WireWriter {
    WireOut *out;
    size_t far_len;
    WireFar far[WIRE_FAR_MAX];
};

static inline void wire_writer_init(WireWriter *w, WireOut *out)
{
    w->out = out;
    w->far_len = 0;
}

/* Writes what waits. */
void wire_writer_finish(WireWriter *w);
/* Puts an offset that `write` will set. */
void wire_put_far(WireWriter *w, WireFarWrite write, const void *pointee);
/* Puts `n` offsets that `write` will set, all of them. */
void wire_put_far_each(WireWriter *w, WireFarWrite write, const void *pointee, uint32_t n);
/* The pointee of the offset at `patch` starts here. */
void wire_put_patch(WireWriter *w, size_t patch);
/* A WireFarWrite for a Span. */
void wire_far_bytes(WireWriter *w, size_t patch, const void *span);
void wire_put_span(WireWriter *w, Span span);

static inline void wire_put_fail(WireWriter *w)
{
    w->out->failed = true;
}

/* Room for `n` bytes; NULL when there is none, or when only counting. */
static inline uint8_t *wire_put_room(WireWriter *w, size_t n)
{
    WireOut *out = w->out;
    const size_t at = out->len;
    if (!out->bytes) {
        out->len += n;
        return NULL;
    }
    if (__builtin_expect(n > out->cap - at, 0)) {
        out->failed = true;
        return NULL;
    }
    out->len += n;
    return out->bytes + at;
}

static inline void wire_put_u8(WireWriter *w, uint8_t v)
{
    uint8_t *p = wire_put_room(w, 1);
    if (p) {
        *p = v;
    }
}

static inline void wire_put_u16(WireWriter *w, uint16_t v)
{
    uint8_t *p = wire_put_room(w, 2);
    if (p) {
        le16_put(p, v);
    }
}

static inline void wire_put_u32(WireWriter *w, uint32_t v)
{
    uint8_t *p = wire_put_room(w, 4);
    if (p) {
        le32_put(p, v);
    }
}

/* Big-endian. */
static inline void wire_put_b32(WireWriter *w, uint32_t v)
{
    wire_put_u32(w, __builtin_bswap32(v));
}

static inline void wire_put_u64(WireWriter *w, uint64_t v)
{
    uint8_t *p = wire_put_room(w, 8);
    if (p) {
        le64_put(p, v);
    }
}

static inline void wire_put_zeros(WireWriter *w, size_t n)
{
    uint8_t *p = wire_put_room(w, n);
    if (p) {
        memset(p, 0, n);
    }
}

/* The count of an array, refused when it is above what the field or the description allows. */
static inline uint64_t wire_put_count(WireWriter *w, uint64_t n, uint64_t max)
{
    if (n > max) {
        wire_put_fail(w);
        return 0;
    }
    return n;
}

/* Bytes whose number is known otherwise. */
static inline void wire_put_exactly(WireWriter *w, Span span, uint64_t n)
{
    if (span.len != n) {
        wire_put_fail(w);
        return;
    }
    wire_put_span(w, span);
}

/* A fixed number of bytes; an empty span stands for zeros. */
static inline void wire_put_fixed(WireWriter *w, Span span, size_t n)
{
    if (span.len == 0) {
        wire_put_zeros(w, n);
    } else {
        wire_put_exactly(w, span, n);
    }
}
