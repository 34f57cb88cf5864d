/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/check.h"
#include "wire/write.h"

void wire_writer_finish(WireWriter *w)
{
    for (size_t i = 0; i < w->far_len && !w->out->failed; i++) {
        const WireFar far = w->far[i];
        far.write(w, far.patch, far.pointee);
    }
}

void wire_put_far_each(WireWriter *w, WireFarWrite write, const void *pointee, uint32_t n)
{
    const size_t patch = w->out->len;
    wire_put_zeros(w, 4 * (size_t)n);
    CHECK(w->far_len < WIRE_FAR_MAX);
    w->far[w->far_len++] = (WireFar){write, patch, pointee};
}

void wire_put_far(WireWriter *w, WireFarWrite write, const void *pointee)
{
    wire_put_far_each(w, write, pointee, 1);
}

void wire_put_patch(WireWriter *w, size_t patch)
{
    const WireOut *out = w->out;
    const size_t offset = wire_out_total(out);
    if (offset > UINT32_MAX) {
        wire_put_fail(w);
    } else if (out->bytes && !out->failed) {
        le32_put(out->bytes + patch, (uint32_t)offset);
    }
}

void wire_far_bytes(WireWriter *w, size_t patch, const void *span)
{
    wire_put_patch(w, patch);
    wire_put_span(w, *(const Span *)span);
}

void wire_put_span(WireWriter *w, Span span)
{
    WireOut *out = w->out;
    const size_t piece_min = out->piece_min > 0 ? out->piece_min : WIRE_INLINE_MAX;
    if (span.len > piece_min && out->pieces && out->pieces_len < out->pieces_cap) {
        out->pieces[out->pieces_len++] = (WirePiece){out->len, span};
        out->pieces_size += span.len;
        return;
    }
    uint8_t *p = wire_put_room(w, span.len);
    if (p && span.len > 0) {
        memcpy(p, span.data, span.len);
    }
}
