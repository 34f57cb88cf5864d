/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* count_malloc.h: calls count() for every malloc(), calloc() and realloc() of the program and all its libraries.
 *
 * To be included by one file of a program, after its `static void count(void)`, which must not allocate; hook() comes first. */
#pragma once

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_HOOKS
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_HOOKS
#endif

#ifdef HAS_HOOKS
#include <sanitizer/allocator_interface.h>

static void on_malloc(const volatile void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
    count();
}

static void on_free(const volatile void *memory)
{
    (void)memory;
}

static void hook(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
}
#else
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

/* Those of the program come before the C library's, for other libraries, too. */
#define FOR_ALL __attribute__((visibility("default")))

FOR_ALL void *malloc(size_t bytes)
{
    count();
    return __libc_malloc(bytes);
}

FOR_ALL void *calloc(size_t members, size_t bytes)
{
    count();
    return __libc_calloc(members, bytes);
}

FOR_ALL void *realloc(void *memory, size_t bytes)
{
    count();
    return __libc_realloc(memory, bytes);
}

static void hook(void)
{
}
#endif
