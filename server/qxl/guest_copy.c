/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/guest_copy.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GUEST_MAY_WRITE __attribute__((no_sanitize("thread")))
#endif
#endif
#ifndef GUEST_MAY_WRITE
#define GUEST_MAY_WRITE
#endif

__attribute__((noinline)) GUEST_MAY_WRITE void guest_copy(void *copy, uintptr_t host, size_t len)
{
    if (len > 0) {
        memcpy(copy, (const void *)host, len);
    }
    /* Also when everything is compiled as one: the copy is what is used from here on. */
    __asm__ volatile("" : : "r"(copy) : "memory");
}
