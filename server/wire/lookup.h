/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lookup.h: the tables behind wire_*_info(), for the generated code only. */
#pragma once

#include "wire/info.h"

typedef struct WireRow {
    WireMessageInfo info; /* first: an info of ours is its row */
    uint16_t message;     /* ordinal in the family, what the generated switches select by */
} WireRow;

/* Rows are sorted by channel and type. */
const WireMessageInfo *wire_row_find(const WireRow *rows, size_t n, uint8_t channel, uint32_t type);

static inline unsigned wire_row_message(const WireMessageInfo *info)
{
    return ((const WireRow *)info)->message;
}
