/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sampler.h: how long another thread of this process runs code of given libraries, by looking every 100 us of its CPU
 * time where it is. The kernel's time does not count. Linux only; needs perf_event_paranoid <= 2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Sampler Sampler;

/* `libraries` are beginnings of file names, ended by NULL. NULL: the kernel does not allow it. */
Sampler *sampler_new(int thread, const char *const *libraries);
/* To be called often enough: its buffer holds 1.5 s. Nanoseconds since sampler_new(). */
uint64_t sampler_ns(Sampler *sampler);
