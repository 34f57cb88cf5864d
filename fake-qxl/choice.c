/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* choice.c: decisions by seed. Apart, for those who make drawings and have no device. */
#include "fake_qxl.h"

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint32_t fake_qxl_prng_choose(void *opaque, const char *site, uint32_t n)
{
    uint64_t *state = opaque;
    (void)site;
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32) % n;
}
