/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/link_rate.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define KNOWN_WEIGHT 3u /* of what was known, against 1 of what is new */

void link_rate_taken(LinkRate *rate, size_t bytes)
{
    rate->taken += bytes;
}

static void sample(LinkRate *rate, uint64_t elapsed_ns)
{
    /* Microseconds, so that nothing overflows: 2^64 of that are 18 TB at once. */
    const uint64_t now = rate->taken * 1000000 / (elapsed_ns / 1000);
    const uint64_t bytes_per_s =
        rate->bytes_per_s == 0 ? now : (KNOWN_WEIGHT * rate->bytes_per_s + now) / (KNOWN_WEIGHT + 1);

    rate->bytes_per_s = bytes_per_s > 0 ? bytes_per_s : 1;
}

void link_rate_full(LinkRate *rate, uint64_t now_ns)
{
    if (rate->full && now_ns - rate->full_since_ns < LINK_RATE_SAMPLE_NS) {
        return;
    }
    if (rate->full && rate->taken > 0) {
        sample(rate, now_ns - rate->full_since_ns);
    } else if (rate->full) {
        return; /* still */
    }
    rate->full = true;
    rate->full_since_ns = now_ns;
    rate->taken = 0;
}

void link_rate_empty(LinkRate *rate)
{
    rate->full = false;
}

uint32_t link_rate_message_max(const LinkRate *rate)
{
    if (rate->bytes_per_s == 0 || rate->bytes_per_s / (NS_PER_SECOND / LINK_MESSAGE_NS) >= UINT32_MAX) {
        return UINT32_MAX;
    }
    const uint32_t bytes = (uint32_t)(rate->bytes_per_s / (NS_PER_SECOND / LINK_MESSAGE_NS));
    return bytes > LINK_MESSAGE_BYTES_MIN ? bytes : LINK_MESSAGE_BYTES_MIN;
}
