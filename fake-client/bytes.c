/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bytes.c: the two containers of the fake client. Without memory it ends the process: a judge that cannot
 * remember is of no use. */
#include "internal.h"

#include <stdlib.h>

#include "base/check.h"

static void *heap_alloc(void *owner, size_t size)
{
    (void)owner;
    return malloc(size);
}

static void heap_free(void *owner, void *memory)
{
    (void)owner;
    free(memory);
}

const CodecMemory heap_memory = {heap_alloc, heap_free, NULL};

void bytes_reserve(Bytes *bytes, size_t cap)
{
    if (cap > bytes->cap) {
        const size_t grown = cap > 2 * bytes->cap ? cap : 2 * bytes->cap;
        bytes->data = realloc(bytes->data, grown);
        CHECK(bytes->data != NULL);
        bytes->cap = grown;
    }
}

void bytes_add(Bytes *bytes, Span span)
{
    if (span.len > 0) {
        bytes_reserve(bytes, bytes->len + span.len);
        memcpy(bytes->data + bytes->len, span.data, span.len);
        bytes->len += span.len;
    }
}

void bytes_drop(Bytes *bytes, size_t len)
{
    CHECK(len <= bytes->len);
    bytes->len -= len;
    if (bytes->len > 0) {
        memmove(bytes->data, bytes->data + len, bytes->len);
    }
}

void bytes_free(Bytes *bytes)
{
    free(bytes->data);
    *bytes = (Bytes){0};
}

/* The index of the first entry that is not below `id`. */
static size_t id_set_lower(const IdSet *set, uint64_t id)
{
    size_t low = 0;
    size_t high = set->len;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (set->items[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

IdEntry *id_set_find(const IdSet *set, uint64_t id)
{
    const size_t at = id_set_lower(set, id);
    return at < set->len && set->items[at].id == id ? &set->items[at] : NULL;
}

void id_set_put(IdSet *set, uint64_t id, uint64_t value)
{
    const size_t at = id_set_lower(set, id);
    if (at < set->len && set->items[at].id == id) {
        set->items[at].value = value;
        return;
    }
    if (set->len == set->cap) {
        set->cap = set->cap == 0 ? 16 : 2 * set->cap;
        set->items = realloc(set->items, set->cap * sizeof *set->items);
        CHECK(set->items != NULL);
    }
    memmove(set->items + at + 1, set->items + at, (set->len - at) * sizeof *set->items);
    set->items[at] = (IdEntry){id, value};
    set->len++;
}

bool id_set_remove(IdSet *set, uint64_t id)
{
    const IdEntry *entry = id_set_find(set, id);
    if (entry == NULL) {
        return false;
    }
    const size_t at = (size_t)(entry - set->items);
    memmove(set->items + at, set->items + at + 1, (set->len - at - 1) * sizeof *set->items);
    set->len--;
    return true;
}

void id_set_drop(IdSet *set, size_t count)
{
    memmove(set->items, set->items + count, (set->len - count) * sizeof *set->items);
    set->len -= count;
}

void id_set_clear(IdSet *set)
{
    set->len = 0;
}

void id_set_free(IdSet *set)
{
    free(set->items);
    *set = (IdSet){0};
}
