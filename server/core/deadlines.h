/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deadlines.h: what is due next: a heap ordered by time, then by the order in which deadlines were set.
 *
 * Ownership  a Deadline lies inside the object that waits; Deadlines owns only the array of pointers. Start
 * both as {0}. deadlines_reserve() once per object that may ever be in, so that deadlines_set() cannot fail.
 * Thread     one at a time: the loop's.
 * Units      nanoseconds, absolute, of whatever clock the caller uses.
 * Errors     deadlines_reserve() returns false when there is no memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Deadline {
    uint64_t at_ns;
    uint64_t order; /* of being set: breaks ties */
    size_t place;   /* in the heap, from 1; 0: not in it */
} Deadline;

typedef struct Deadlines {
    Deadline **heap; /* heap[0] is unused */
    size_t count;
    size_t reserved;
    size_t capacity;
    uint64_t next_order;
} Deadlines;

bool deadlines_reserve(Deadlines *deadlines);
/* Gives back what deadlines_reserve() promised; with the last one all memory goes. */
void deadlines_unreserve(Deadlines *deadlines);

/* Puts it in, or moves it; it then counts as the latest set. */
void deadlines_set(Deadlines *deadlines, Deadline *deadline, uint64_t at_ns);
/* Takes it out, if it is in. */
void deadlines_clear(Deadlines *deadlines, Deadline *deadline);
/* The earliest, or NULL. */
Deadline *deadlines_first(const Deadlines *deadlines);
