/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/deadlines.h"

#include <stdlib.h>

#include "base/check.h"

static bool is_before(const Deadline *a, const Deadline *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(Deadlines *deadlines, size_t place, Deadline *deadline)
{
    deadlines->heap[place] = deadline;
    deadline->place = place;
}

static void move_up(Deadlines *deadlines, size_t place, Deadline *deadline)
{
    while (place > 1 && is_before(deadline, deadlines->heap[place / 2])) {
        put(deadlines, place, deadlines->heap[place / 2]);
        place /= 2;
    }
    put(deadlines, place, deadline);
}

static void move_down(Deadlines *deadlines, size_t place, Deadline *deadline)
{
    for (;;) {
        size_t child = place * 2;
        if (child > deadlines->count) {
            break;
        }
        if (child < deadlines->count && is_before(deadlines->heap[child + 1], deadlines->heap[child])) {
            child++;
        }
        if (!is_before(deadlines->heap[child], deadline)) {
            break;
        }
        put(deadlines, place, deadlines->heap[child]);
        place = child;
    }
    put(deadlines, place, deadline);
}

bool deadlines_reserve(Deadlines *deadlines)
{
    if (deadlines->reserved + 1 >= deadlines->capacity) {
        const size_t capacity = deadlines->capacity == 0 ? 16 : deadlines->capacity * 2;
        Deadline **heap = realloc(deadlines->heap, capacity * sizeof *heap);
        if (heap == NULL) {
            return false;
        }
        deadlines->heap = heap;
        deadlines->capacity = capacity;
    }
    deadlines->reserved++;
    return true;
}

void deadlines_unreserve(Deadlines *deadlines)
{
    CHECK(deadlines->reserved > deadlines->count);
    deadlines->reserved--;
    if (deadlines->reserved == 0) {
        free(deadlines->heap);
        deadlines->heap = NULL;
        deadlines->capacity = 0;
    }
}

void deadlines_set(Deadlines *deadlines, Deadline *deadline, uint64_t at_ns)
{
    deadlines_clear(deadlines, deadline);
    CHECK(deadlines->count < deadlines->reserved);
    deadline->at_ns = at_ns;
    deadline->order = deadlines->next_order++;
    deadlines->count++;
    move_up(deadlines, deadlines->count, deadline);
}

void deadlines_clear(Deadlines *deadlines, Deadline *deadline)
{
    const size_t place = deadline->place;
    if (place == 0) {
        return;
    }
    CHECK(place <= deadlines->count && deadlines->heap[place] == deadline);
    deadline->place = 0;
    Deadline *last = deadlines->heap[deadlines->count--];
    if (last == deadline) {
        return;
    }
    if (place > 1 && is_before(last, deadlines->heap[place / 2])) {
        move_up(deadlines, place, last);
    } else {
        move_down(deadlines, place, last);
    }
}

Deadline *deadlines_first(const Deadlines *deadlines)
{
    return deadlines->count == 0 ? NULL : deadlines->heap[1];
}
