/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h: what the generated printers are made of. Nobody else includes it.
 *
 * `len` counts what the whole text needs; what does not fit is left out, the rest is always NUL terminated.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

#define WIRE_TEXT_BYTES_MAX 16u /* bytes of a span that are shown */
#define WIRE_TEXT_ITEMS_MAX 8u  /* elements of an array that are shown */

typedef struct WireText {
    char *buf;
    size_t cap;
    size_t len;
} WireText;

typedef struct WireName {
    uint32_t value;
    const char *name;
} WireName;

void wire_text_init(WireText *t, char *buf, size_t cap);
void wire_text_add(WireText *t, const char *s);
void wire_text_u64(WireText *t, uint64_t v);
void wire_text_i64(WireText *t, int64_t v);
/* " name=" */
void wire_text_field(WireText *t, const char *name);
/* The length in bytes and the first bytes in hexadecimal: "5:68656c6c6f". */
void wire_text_bytes(WireText *t, Span span);
/* A name of the enumeration, or the number. */
void wire_text_enum(WireText *t, const WireName *names, size_t n, uint64_t v);
/* The names of the bits, and the unknown ones as a number: "CACHE_ME|64". */
void wire_text_flags(WireText *t, const WireName *names, size_t n, uint64_t v);

const char *wire_name_find(const WireName *names, size_t n, uint64_t v);
