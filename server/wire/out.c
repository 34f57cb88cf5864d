/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/out.h"

static size_t span_add(Span *spans, size_t cap, size_t n, const uint8_t *data, size_t len)
{
    if (len == 0) {
        return n;
    }
    if (n < cap) {
        spans[n] = span_of(data, len);
    }
    return n + 1;
}

size_t wire_out_spans(const WireOut *out, Span *ret_spans, size_t cap)
{
    size_t n = 0;
    size_t at = 0;
    for (size_t i = 0; i < out->pieces_len; i++) {
        const WirePiece *piece = &out->pieces[i];
        n = span_add(ret_spans, cap, n, out->bytes + at, piece->at - at);
        n = span_add(ret_spans, cap, n, piece->span.data, piece->span.len);
        at = piece->at;
    }
    return span_add(ret_spans, cap, n, out->bytes + at, out->len - at);
}

void wire_out_surplus(WireOut *out, size_t bytes)
{
    if (bytes > out->cap - out->len) {
        out->failed = true;
        return;
    }
    if (out->bytes != NULL) {
        memset(out->bytes + out->len, 0, bytes);
    }
    out->len += bytes;
}
