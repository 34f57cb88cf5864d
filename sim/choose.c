/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/choose.h"

#include "base/check.h"

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static ChoiceStream stream_of(ChoiceSite site)
{
    switch (site) {
    case SITE_PICK:
    case SITE_SWITCH:
    case SITE_SLIP:
    case SITE_WATCH_ORDER:
    case SITE_SPURIOUS:
        return STREAM_SCHEDULE;
    case SITE_JITTER:
    case SITE_READ_SPLIT:
    case SITE_WRITE_SPLIT:
        return STREAM_NET;
    case SITE_CLIENT:
        return STREAM_CLIENT;
    case SITE_ALLOC:
        break;
    }
    return STREAM_ALLOC;
}

void choices_init(Choices *choices, uint64_t seed)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        choices->state[i] = next(&seed);
    }
    choices->entropy = next(&seed);
}

uint32_t choose(Choices *choices, ChoiceSite site, uint32_t n)
{
    CHECK(n > 0);
    return n == 1 ? 0 : (uint32_t)choose_up_to(choices, site, n - 1);
}

uint64_t choose_up_to(Choices *choices, ChoiceSite site, uint64_t max)
{
    const uint64_t drawn = next(&choices->state[stream_of(site)]);
    return max == UINT64_MAX ? drawn : drawn % (max + 1);
}

void choices_entropy(Choices *choices, void *buffer, size_t len)
{
    uint8_t *at = buffer;
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0) {
            word = next(&choices->entropy);
        }
        at[i] = (uint8_t)(word >> (i % 8 * 8));
    }
}
