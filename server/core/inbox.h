/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inbox.h: tasks on their way from many threads to one loop. Lock-free, allocation-free, unbounded by design:
 * each task is embedded in an object, so the objects bound it.
 *
 * Thread  push from any, take from the owner of the loop.
 * Order   tasks pushed by one thread come out in the order they went in.
 */
#pragma once

#include <stdatomic.h>

#include "core/core.h"

typedef struct Inbox {
    _Atomic(CoreTask *) newest;
} Inbox;

/* True when the inbox was empty: the owner must be woken. */
static inline bool inbox_push(Inbox *inbox, CoreTask *task)
{
    CoreTask *head = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do {
        task->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &head, task, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return head == NULL;
}

/* All of them, oldest first, linked by `next`. */
static inline CoreTask *inbox_take(Inbox *inbox)
{
    CoreTask *task = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    CoreTask *oldest = NULL;
    while (task != NULL) {
        CoreTask *next = task->next;
        task->next = oldest;
        oldest = task;
        task = next;
    }
    return oldest;
}
