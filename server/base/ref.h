/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ref.h: an atomic reference count, embedded in objects that more than one thread may hold.
 *
 * Everything else of an object belongs to its home (DESIGN section 5); only the count may be touched from
 * elsewhere. The count is 32 bits wide; overflow and use after the last drop stop the process, because both
 * would be memory corruption of our own making (R06, R105, I9).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/point.h"

typedef struct Ref {
    _Atomic uint32_t count;
} Ref;

static inline void ref_init(Ref *ref)
{
    atomic_init(&ref->count, 1);
}

static inline void ref_take(Ref *ref)
{
    base_point();
    const uint32_t before = atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);
    CHECK(before > 0 && before < UINT32_MAX);
    base_point();
}

/* True when this was the last one: the caller frees the object. */
static inline bool ref_drop(Ref *ref) __attribute__((warn_unused_result));
static inline bool ref_drop(Ref *ref)
{
    base_point();
    const uint32_t before = atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1) {
        base_point(); /* not after the last: the object is only the caller's now */
    }
    return before == 1;
}
