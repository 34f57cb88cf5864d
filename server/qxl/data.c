/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/data.h"

#include "base/check.h"
#include "qxl/guest_copy.h"

/* The span that this byte lies in. */
static uint32_t span_of_offset(const QxlData *data, uint32_t offset)
{
    uint32_t low = 0, high = data->count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (data->spans[middle].offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void qxl_data_copy(const QxlData *data, uint32_t offset, void *buffer, uint32_t bytes)
{
    uint8_t *to = buffer;

    CHECK(offset <= data->bytes && bytes <= data->bytes - offset);
    for (uint32_t i = span_of_offset(data, offset); bytes > 0; i++) {
        const QxlSpan *span = &data->spans[i];
        const uint32_t skip = offset - span->offset;
        const uint32_t part = span->bytes - skip < bytes ? span->bytes - skip : bytes;
        guest_copy(to, span->host + skip, part);
        to += part;
        offset += part;
        bytes -= part;
    }
}
