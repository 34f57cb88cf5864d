/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/link_rate.h"

#define BITS_OF_BYTE_PER_NS UINT64_C(8000000000)
#define SHORTEST_NS UINT64_C(1000000) /* finer than that nothing is measured */

void link_rate_sent(LinkRate *rate, uint64_t bytes, uint64_t now_ns)
{
    rate->sent += bytes;
    if (rate->burst_ns == 0) {
        rate->burst_ns = now_ns > 0 ? now_ns : 1;
    }
}

bool link_rate_wants_mark(const LinkRate *rate)
{
    /* The ping's own waiting bytes may be counted already. */
    return rate->sent >= rate->marked && rate->sent - rate->marked >= LINK_RATE_MARK_BYTES;
}

void link_rate_mark(LinkRate *rate, uint64_t waiting)
{
    const uint64_t all = rate->sent + waiting;

    rate->mark_bytes = all > rate->marked ? all - rate->marked : 0;
    rate->marked = all;
}

/* Bits per second; bytes of some minutes at any rate do not overflow. */
static uint64_t bits_of(uint64_t bytes, uint64_t duration_ns)
{
    const uint64_t duration = duration_ns > SHORTEST_NS ? duration_ns : SHORTEST_NS;

    return bytes < UINT64_MAX / BITS_OF_BYTE_PER_NS ? bytes * BITS_OF_BYTE_PER_NS / duration
                                                    : bytes / duration * BITS_OF_BYTE_PER_NS;
}

static void learn(LinkRate *rate, uint64_t round_trip_ns, uint64_t now_ns)
{
    const uint64_t waited_ns = round_trip_ns - rate->least_ns;

    if (waited_ns > LINK_RATE_WAIT_NS + rate->least_ns / 2) {
        const uint64_t most = bits_of(rate->mark_bytes, waited_ns);
        rate->bits_per_s = rate->bits_per_s == 0 ? most : rate->bits_per_s / 2 + most / 2;
    } else if (rate->bits_per_s != 0 && rate->burst_ns != 0 && rate->burst_ns < now_ns) {
        const uint64_t since_ns = now_ns - rate->burst_ns;
        const uint64_t least =
            bits_of(rate->mark_bytes, since_ns > rate->least_ns ? since_ns - rate->least_ns : 0);
        rate->bits_per_s = least > rate->bits_per_s ? least : rate->bits_per_s;
    }
    if (rate->bits_per_s != 0) {
        rate->is_slow = rate->bits_per_s < (rate->is_slow ? LINK_RATE_FAST_BITS : LINK_RATE_SLOW_BITS);
    }
}

void link_rate_answer(LinkRate *rate, uint64_t sent_ns, uint64_t now_ns)
{
    const uint64_t round_trip_ns = now_ns > sent_ns ? now_ns - sent_ns : 1;

    if (rate->least_ns == 0 || round_trip_ns < rate->least_ns) {
        rate->least_ns = round_trip_ns;
    }
    if (rate->mark_bytes >= LINK_RATE_LEAST_BYTES) {
        learn(rate, round_trip_ns, now_ns);
    }
    /* What was sent behind the ping is under way still, and goes on. */
    rate->burst_ns = rate->sent > rate->marked ? now_ns - rate->least_ns : 0;
}

uint64_t link_rate_time_ns(const LinkRate *rate, uint64_t bytes)
{
    return rate->bits_per_s != 0 ? bytes * BITS_OF_BYTE_PER_NS / rate->bits_per_s : 0;
}
