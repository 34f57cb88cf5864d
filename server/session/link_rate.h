/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link_rate.h: how much the link to one client carries, as far as that shows, and whether it is a slow one.
 *
 * What shows is how long a ping waits behind the bytes that were sent before it. Its round trip, less the shortest there ever
 * was, is the time that the link took for at most those bytes that were sent since the previous ping: that is an estimate
 * when the ping did wait. When it did not, the link carries at least what it was given in that time. So a link that is never
 * full is never called slow, and one that was slow is called so until it has carried more. Of the bytes between two pings some
 * may have been carried before the second began to wait; where the stream was full since the answer before, that time counts, too.
 *
 * Our own time does not: a ping counts from when the stream took it, and its answer may have come while the loop was busy with
 * other things. And one estimate alone, which a client that was busy gives as well, makes no link slow.
 *
 * The owner sends a ping besides the regular ones when link_rate_wants_mark(): after enough bytes to tell.
 *
 * Ownership  a plain value inside RedChannelClient.
 * Thread     the home of the channel client.
 * Units      bytes, bytes per second, ns.
 * Source     reference/api-and-behaviour.md section 9.3: low bandwidth was decided once, at the connect. DESIGN section 7,
 *            Flow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LINK_RATE_MARK_BYTES (64u * 1024u)   /* bytes between measurements; 50 ms at the rate that is slow */
#define LINK_RATE_LEAST_BYTES (16u * 1024u)  /* bytes; fewer say nothing about a link */
#define LINK_RATE_WAIT_NS UINT64_C(20000000) /* ns; what a ping waits longer it waits for other bytes */
#define LINK_RATE_SLOW UINT64_C(1250000)     /* bytes per second: 10 Mbit/s, the existing server's number */
#define LINK_RATE_SLOW_IN_ROW 2u             /* so many estimates below that make a link slow */
#define LINK_RATE_FAST UINT64_C(1875000)     /* bytes per second, to be called slow no more */
#define LINK_MESSAGE_NS UINT64_C(20000000)   /* ns that a message may keep a link busy */
#define LINK_MESSAGE_BYTES_MIN (16u * 1024u) /* bytes; headers of smaller ones would cost too much */

typedef struct LinkRate {
    uint64_t sent;          /* bytes */
    uint64_t marked;        /* of those, what was sent before the latest ping */
    uint64_t burst_ns;      /* when the first byte after the latest answer was sent; 0: none was */
    uint64_t mark_ns;       /* when that was */
    uint64_t mark_bytes;    /* sent between the ping under way and the one before */
    uint64_t full_since_ns; /* the stream takes no more; 0: it does */
    uint64_t full_ns;       /* how long that was so since the latest answer */
    uint64_t mark_full_ns;  /* the same when the ping under way was sent */
    uint64_t least_ns;      /* round trip; 0: not known */
    uint64_t bytes_per_s;   /* 0: not known */
    unsigned slow_in_row;   /* estimates below LINK_RATE_SLOW, the latest */
    bool is_slow;
} LinkRate;

/* Bytes were handed to the stream. */
void link_rate_sent(LinkRate *rate, uint64_t bytes, uint64_t now_ns);
/* The stream takes no more for now; it takes more, perhaps since then already. */
void link_rate_full(LinkRate *rate, uint64_t now_ns);
void link_rate_ready(LinkRate *rate, uint64_t since_ns);
bool link_rate_wants_mark(const LinkRate *rate);
/* The stream took the last byte of a ping. */
void link_rate_mark(LinkRate *rate, uint64_t now_ns);
/* Its answer came, or had come already, at most so long ago: we were busy. */
void link_rate_answer(LinkRate *rate, uint64_t now_ns, uint64_t late_ns);
/* What the link takes for so many bytes; 0: not known. */
uint64_t link_rate_time_ns(const LinkRate *rate, uint64_t bytes);
/* What it carries in LINK_MESSAGE_NS; UINT32_MAX: as much as you like, for all that is known. */
uint32_t link_rate_message_max(const LinkRate *rate);
