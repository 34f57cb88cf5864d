/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/lookup.h"

const WireMessageInfo *wire_row_find(const WireRow *rows, size_t n, uint8_t channel, uint32_t type)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const WireMessageInfo *info = &rows[middle].info;
        if (info->channel == channel && info->type == type) {
            return info;
        }
        if (info->channel < channel || (info->channel == channel && info->type < type)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
