/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tsan.h: what the simulator tells ThreadSanitizer; in other builds, the same to valgrind's drd and helgrind, for which
 * it is a few instructions that do nothing elsewhere. Those two see threads only on the baton backend.
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

#if __has_include(<valgrind/drd.h>)
#include <valgrind/drd.h> /* helgrind understands the first two; tests/sim/test_valgrind.py has the rest for it */
#else
#define ANNOTATE_HAPPENS_BEFORE(address) ((void)(address))
#define ANNOTATE_HAPPENS_AFTER(address) ((void)(address))
#define ANNOTATE_IGNORE_READS_AND_WRITES_BEGIN() ((void)0)
#define ANNOTATE_IGNORE_READS_AND_WRITES_END() ((void)0)
#endif

static inline void tsan_acquire(const void *address)
{
    ANNOTATE_HAPPENS_AFTER(address);
}
static inline void tsan_release(const void *address)
{
    ANNOTATE_HAPPENS_BEFORE(address);
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
    ANNOTATE_IGNORE_READS_AND_WRITES_BEGIN();
}
static inline void tsan_ignore_end(void)
{
    ANNOTATE_IGNORE_READS_AND_WRITES_END();
}

#endif
