/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* choices.h: where generated drawings get their decisions from: a seed, or bytes that a fuzzer invented. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Choices {
    uint64_t state;
    const uint8_t *bytes; /* not NULL: these decide, and 0 when there are no more */
    size_t left;
} Choices;

static inline Choices choices_of_seed(uint64_t seed)
{
    return (Choices){.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
}

static inline Choices choices_of_bytes(const uint8_t *bytes, size_t left)
{
    return (Choices){.bytes = bytes, .left = left};
}

static inline uint32_t choose32(Choices *choices)
{
    if (choices->bytes != NULL) {
        uint32_t value = 0;
        for (int i = 0; i < 4 && choices->left > 0; i++, choices->left--) {
            value |= (uint32_t)*choices->bytes++ << i * 8;
        }
        return value;
    }
    uint64_t z = choices->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

/* 0 ... limit - 1 */
static inline uint32_t choose(Choices *choices, uint32_t limit)
{
    return limit > 1 ? choose32(choices) % limit : 0;
}

static inline int32_t choose_between(Choices *choices, int32_t first, int32_t last)
{
    return (int32_t)(first + (int64_t)choose(choices, (uint32_t)(last - first + 1)));
}

/* One time in `times`. */
static inline bool choose_rarely(Choices *choices, uint32_t times)
{
    return choose(choices, times) == 0;
}
