/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server sends, as a client decodes it. */
#include "fuzz/fuzz.h"
#include "fuzz/wire_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_property_by_channel(&families[0], wire_msg_info, data, size);
    return 0;
}
