/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link_rate.h: how fast one connection carries bytes, as far as it shows.
 *
 * A socket that took all it could hold, and later takes more, has carried in between what it takes then: bytes by time is
 * the link's rate, or the peer's, whichever is less. Nothing is known of a link that never had too much to carry, and
 * nothing is sent to find out.
 *
 * Units      bytes; bytes per second; ns.
 * Thread     the home of the channel client.
 * Ownership  a plain value inside RedChannelClient.
 * Source     DESIGN section 7, Flow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_RATE_SAMPLE_NS UINT64_C(10000000) /* ns; clocks are read once a turn: less says little */
#define LINK_MESSAGE_NS UINT64_C(20000000)     /* ns that a message may keep a link busy */
#define LINK_MESSAGE_BYTES_MIN (16u * 1024u)   /* bytes; headers of smaller ones would cost too much */

typedef struct LinkRate {
    bool full;
    uint64_t full_since_ns, taken; /* while it is full */
    uint64_t bytes_per_s;          /* of late; 0: not known */
} LinkRate;

void link_rate_taken(LinkRate *rate, size_t bytes);
/* It takes no more for now. */
void link_rate_full(LinkRate *rate, uint64_t now_ns);
/* It took all that there was. */
void link_rate_empty(LinkRate *rate);
/* What it carries in LINK_MESSAGE_NS; UINT32_MAX: as much as you like, for all that is known. */
uint32_t link_rate_message_max(const LinkRate *rate);
