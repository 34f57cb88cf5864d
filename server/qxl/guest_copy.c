/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/guest_copy.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define GUEST_COPY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GUEST_COPY_TSAN 1
#endif
#endif

#ifdef GUEST_COPY_TSAN
/* That the guest writes meanwhile is no race of ours: TSan must not see the reads, and it does see memcpy()'s. */
__attribute__((no_sanitize_thread)) static void copy_unseen(uint8_t *copy, const volatile uint8_t *from,
                                                            size_t len)
{
    for (size_t i = 0; i < len; i++) {
        copy[i] = from[i];
    }
}
#else
static void copy_unseen(uint8_t *copy, const uint8_t *from, size_t len)
{
    if (len > 0) {
        memcpy(copy, from, len);
    }
}
#endif

__attribute__((noinline)) void guest_copy(void *copy, uintptr_t host, size_t len)
{
    copy_unseen(copy, (const uint8_t *)host, len);
    /* Also when everything is compiled as one: the copy is what is used from here on. */
    __asm__ volatile("" : : "r"(copy) : "memory");
}
