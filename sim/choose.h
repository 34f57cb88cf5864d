/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* choose.h: the single source of choice. Every decision of a universe is one choose(site, n).
 *
 * Sites belong to streams, each with a generator of its own: one more network fault does not shift the schedule.
 *
 * Ownership  a plain value inside the Sim.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum ChoiceStream {
    STREAM_SCHEDULE,
    STREAM_NET,
    STREAM_CLIENT,
    STREAM_ALLOC,
    STREAMS,
} ChoiceStream;

typedef enum ChoiceSite {
    SITE_PICK,        /* who runs next */
    SITE_SWITCH,      /* 0: here the scheduler chooses anew */
    SITE_SLIP,        /* 0: time goes on although something can run */
    SITE_WATCH_ORDER, /* which ready watch of a round is next */
    SITE_SPURIOUS,    /* 0: a watch is called without need; then which */
    SITE_JITTER,
    SITE_READ_SPLIT,
    SITE_WRITE_SPLIT,
    SITE_CLIENT,
    SITE_ALLOC, /* 0: it fails */
} ChoiceSite;

typedef struct Choices {
    uint64_t state[STREAMS];
    uint64_t entropy; /* what core->entropy() hands out: no decision, so no stream */
} Choices;

void choices_init(Choices *choices, uint64_t seed);

/* 0 to n - 1; n is at least 1, and with n = 1 nothing is drawn. */
uint32_t choose(Choices *choices, ChoiceSite site, uint32_t n);
/* The same for wide ranges: 0 to max, both included. */
uint64_t choose_up_to(Choices *choices, ChoiceSite site, uint64_t max);

void choices_entropy(Choices *choices, void *buffer, size_t len);
