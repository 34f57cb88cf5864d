/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/text.h"

static void put(WireText *t, char c)
{
    if (t->len + 1 < t->cap) {
        t->buf[t->len] = c;
        t->buf[t->len + 1] = '\0';
    }
    t->len++;
}

void wire_text_init(WireText *t, char *buf, size_t cap)
{
    *t = (WireText){buf, cap, 0};
    if (cap > 0) {
        buf[0] = '\0';
    }
}

void wire_text_add(WireText *t, const char *s)
{
    while (*s) {
        put(t, *s++);
    }
}

void wire_text_u64(WireText *t, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    while (n > 0) {
        put(t, digits[--n]);
    }
}

void wire_text_i64(WireText *t, int64_t v)
{
    if (v < 0) {
        put(t, '-');
        wire_text_u64(t, -(uint64_t)v);
    } else {
        wire_text_u64(t, (uint64_t)v);
    }
}

void wire_text_field(WireText *t, const char *name)
{
    put(t, ' ');
    wire_text_add(t, name);
    put(t, '=');
}

void wire_text_bytes(WireText *t, Span span)
{
    wire_text_u64(t, span.len);
    put(t, ':');
    for (size_t i = 0; i < span.len && i < WIRE_TEXT_BYTES_MAX; i++) {
        put(t, "0123456789abcdef"[span.data[i] >> 4]);
        put(t, "0123456789abcdef"[span.data[i] & 15]);
    }
    if (span.len > WIRE_TEXT_BYTES_MAX) {
        wire_text_add(t, "..");
    }
}

const char *wire_name_find(const WireName *names, size_t n, uint64_t v)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].value == v) {
            return names[i].name;
        }
    }
    return NULL;
}

void wire_text_enum(WireText *t, const WireName *names, size_t n, uint64_t v)
{
    const char *name = wire_name_find(names, n, v);
    if (name) {
        wire_text_add(t, name);
    } else {
        wire_text_u64(t, v);
    }
}

void wire_text_flags(WireText *t, const WireName *names, size_t n, uint64_t v)
{
    const char *between = "";
    for (size_t i = 0; i < n; i++) {
        if (v & names[i].value) {
            wire_text_add(t, between);
            wire_text_add(t, names[i].name);
            between = "|";
            v &= ~(uint64_t)names[i].value;
        }
    }
    if (v != 0 || between[0] == '\0') {
        wire_text_add(t, between);
        wire_text_u64(t, v);
    }
}
