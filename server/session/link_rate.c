/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/link_rate.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define SHORTEST_NS UINT64_C(1000000) /* finer than that nothing is measured */

void link_rate_sent(LinkRate *rate, uint64_t bytes, uint64_t now_ns)
{
    rate->sent += bytes;
    if (rate->burst_ns == 0) {
        rate->burst_ns = now_ns > 0 ? now_ns : 1;
    }
}

void link_rate_full(LinkRate *rate, uint64_t now_ns)
{
    if (rate->full_since_ns == 0) {
        rate->full_since_ns = now_ns > 0 ? now_ns : 1;
    }
}

void link_rate_ready(LinkRate *rate, uint64_t since_ns)
{
    if (rate->full_since_ns != 0 && since_ns > rate->full_since_ns) {
        rate->full_ns += since_ns - rate->full_since_ns;
    }
    rate->full_since_ns = 0;
}

bool link_rate_wants_mark(const LinkRate *rate)
{
    return rate->sent - rate->marked >= LINK_RATE_MARK_BYTES;
}

void link_rate_mark(LinkRate *rate, uint64_t now_ns)
{
    rate->mark_ns = now_ns;
    rate->mark_bytes = rate->sent - rate->marked;
    rate->marked = rate->sent;
    rate->mark_full_ns = rate->full_ns;
}

/* Bytes per second, at least 1; bytes of some minutes at any rate do not overflow. */
static uint64_t rate_of(uint64_t bytes, uint64_t duration_ns)
{
    const uint64_t duration = duration_ns > SHORTEST_NS ? duration_ns : SHORTEST_NS;

    const uint64_t per_s = bytes < UINT64_MAX / NS_PER_SECOND ? bytes * NS_PER_SECOND / duration
                                                              : bytes / duration * NS_PER_SECOND;

    return per_s > 0 ? per_s : 1;
}

/* The answer came between `came_ns` and `now_ns`: whichever makes the link faster counts, or not slower than it may be. */
static void learn(LinkRate *rate, uint64_t came_ns, uint64_t now_ns)
{
    const uint64_t round_trip_ns = came_ns > rate->mark_ns ? came_ns - rate->mark_ns : 0;
    const uint64_t waited_ns = round_trip_ns > rate->least_ns ? round_trip_ns - rate->least_ns : 0;
    const uint64_t busy_ns = rate->mark_full_ns + waited_ns;

    if (busy_ns > LINK_RATE_WAIT_NS + rate->least_ns / 2) {
        const uint64_t most = rate_of(rate->mark_bytes, busy_ns);
        rate->bytes_per_s = rate->bytes_per_s == 0 ? most : (rate->bytes_per_s + most + 1) / 2;
        rate->slow_in_row = most < LINK_RATE_SLOW ? rate->slow_in_row + 1 : 0;
    } else if (rate->bytes_per_s != 0 && rate->burst_ns != 0 && rate->burst_ns < now_ns) {
        const uint64_t since_ns = now_ns - rate->burst_ns;
        const uint64_t least =
            rate_of(rate->mark_bytes, since_ns > rate->least_ns ? since_ns - rate->least_ns : 0);
        rate->bytes_per_s = least > rate->bytes_per_s ? least : rate->bytes_per_s;
        rate->slow_in_row = least < LINK_RATE_SLOW ? rate->slow_in_row : 0;
    }
    if (rate->bytes_per_s != 0) {
        rate->is_slow =
            rate->is_slow ? rate->bytes_per_s < LINK_RATE_FAST
                          : rate->bytes_per_s < LINK_RATE_SLOW && rate->slow_in_row >= LINK_RATE_SLOW_IN_ROW;
    }
}

void link_rate_answer(LinkRate *rate, uint64_t now_ns, uint64_t late_ns)
{
    const uint64_t round_trip_ns = now_ns > rate->mark_ns ? now_ns - rate->mark_ns : 1;

    if (rate->least_ns == 0 || round_trip_ns < rate->least_ns) {
        rate->least_ns = round_trip_ns;
    }
    if (rate->mark_bytes >= LINK_RATE_LEAST_BYTES) {
        learn(rate, now_ns > late_ns ? now_ns - late_ns : 0, now_ns);
    }
    rate->full_ns = 0;
    rate->full_since_ns = rate->full_since_ns != 0 ? now_ns : 0;
    /* What was sent behind the ping is under way still, and goes on. */
    rate->burst_ns = rate->sent > rate->marked ? now_ns - rate->least_ns : 0;
}

uint64_t link_rate_time_ns(const LinkRate *rate, uint64_t bytes)
{
    return rate->bytes_per_s != 0 ? bytes * NS_PER_SECOND / rate->bytes_per_s : 0;
}

uint32_t link_rate_message_max(const LinkRate *rate)
{
    const uint64_t bytes = rate->bytes_per_s / (NS_PER_SECOND / LINK_MESSAGE_NS);

    if (rate->bytes_per_s == 0 || bytes >= UINT32_MAX) {
        return UINT32_MAX;
    }
    return bytes > LINK_MESSAGE_BYTES_MIN ? (uint32_t)bytes : LINK_MESSAGE_BYTES_MIN;
}
