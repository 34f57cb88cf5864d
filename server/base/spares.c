/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/spares.h"

#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#elif defined(SUMAC_STRICT) && __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAS_MEMCHECK
#endif

#define GONE 0xdb /* what a block holds that nobody may look at */

static void block_close(void *block, size_t bytes)
{
#ifdef SUMAC_STRICT
    memset(block, GONE, bytes);
#endif
#if defined(HAS_ASAN)
    ASAN_POISON_MEMORY_REGION(block, bytes);
#elif defined(HAS_MEMCHECK)
    VALGRIND_MAKE_MEM_NOACCESS(block, bytes);
#endif
    (void)block;
    (void)bytes;
}

static void block_open(void *block, size_t bytes)
{
#if defined(HAS_ASAN)
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
#elif defined(HAS_MEMCHECK)
    VALGRIND_MAKE_MEM_UNDEFINED(block, bytes);
#endif
    (void)block;
    (void)bytes;
}

void spares_init(Spares *spares, size_t bytes)
{
    *spares = (Spares){.bytes = bytes};
}

void *spares_take(Spares *spares)
{
    if (spares->len == 0) {
        return NULL;
    }
    spares->len--;
#ifdef SUMAC_STRICT
    void *block = spares->blocks[spares->first];
    spares->first = (spares->first + 1) % SPARES_MAX;
#else
    void *block = spares->blocks[spares->len]; /* the one that the processor still knows */
#endif
    block_open(block, spares->bytes);
    return block;
}

bool spares_keep(Spares *spares, void *block)
{
    if (spares->len == SPARES_MAX) {
        return false;
    }
    block_close(block, spares->bytes);
    spares->blocks[(spares->first + spares->len++) % SPARES_MAX] = block;
    return true;
}
