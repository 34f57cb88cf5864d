/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client sends, as the server decodes it. */
#include "fuzz/fuzz.h"
#include "fuzz/wire_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_property_by_channel(&families[1], wire_msgc_info, data, size);
    return 0;
}
