/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tsan.h: what the simulator tells ThreadSanitizer. Nothing in other builds.
 *
 * SUMAC_SIM_TSAN is defined by CMake, because the simulator itself is compiled without instrumentation: its state is
 * touched by all simulated threads, between which TSan is told of no order but the real one. What it calls in libc
 * is intercepted all the same, hence ignore_begin()/ignore_end() around it; the buffers of the server's that it
 * reads and writes are then declared by hand.
 */
#pragma once

#include <stddef.h>

#ifdef SUMAC_SIM_TSAN

void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_set_fiber_name(void *fiber, const char *name);
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void __tsan_read_range(void *address, unsigned long len);
void __tsan_write_range(void *address, unsigned long len);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);

#define TSAN_NO_SYNC 1u /* a switch orders nothing */

static inline void tsan_acquire(const void *address)
{
    __tsan_acquire((void *)address);
}
static inline void tsan_release(const void *address)
{
    __tsan_release((void *)address);
}
static inline void tsan_read(const void *address, size_t len)
{
    __tsan_read_range((void *)address, len);
}
static inline void tsan_write(void *address, size_t len)
{
    __tsan_write_range(address, len);
}
/* Covers reads and writes, whatever its name. */
static inline void tsan_ignore_begin(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
}
static inline void tsan_ignore_end(void)
{
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

#else

static inline void tsan_acquire(const void *address)
{
    (void)address;
}
static inline void tsan_release(const void *address)
{
    (void)address;
}
static inline void tsan_read(const void *address, size_t len)
{
    (void)address;
    (void)len;
}
static inline void tsan_write(void *address, size_t len)
{
    (void)address;
    (void)len;
}
static inline void tsan_ignore_begin(void)
{
}
static inline void tsan_ignore_end(void)
{
}

#endif
