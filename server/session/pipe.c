/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/pipe.h"

#include "base/check.h"

#define PIPE_CAP_FIRST 8u

PipeItem *pipe_item_ref(PipeItem *item)
{
    CHECK(item->refs > 0 && item->refs < UINT32_MAX);
    item->refs++;
    return item;
}

void pipe_item_unref(PipeItem *item)
{
    CHECK(item->refs > 0);
    if (--item->refs == 0 && item->type->free != NULL) {
        item->type->free(item);
    }
}

void pipe_init(Pipe *pipe, const Core *core)
{
    *pipe = (Pipe){.core = core};
}

void pipe_clear(Pipe *pipe)
{
    PipeItem *item;

    while ((item = pipe_pop(pipe)) != NULL) {
        pipe_item_unref(item);
    }
    pipe->core->free(pipe->core, pipe->items);
    pipe_init(pipe, pipe->core);
}

static PipeItem **pipe_at(const Pipe *pipe, uint32_t index)
{
    return &pipe->items[(pipe->first + index) & (pipe->cap - 1)];
}

static bool pipe_grow(Pipe *pipe)
{
    const uint32_t cap = pipe->cap == 0 ? PIPE_CAP_FIRST : pipe->cap * 2;
    PipeItem **items = pipe->core->alloc(pipe->core, cap * sizeof(PipeItem *));

    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < pipe->len; i++) {
        items[i] = *pipe_at(pipe, i);
    }
    pipe->core->free(pipe->core, pipe->items);
    pipe->items = items;
    pipe->cap = cap;
    pipe->first = 0;
    core_note(pipe->core, "pipe grows", cap, 0);
    return true;
}

Status pipe_push(Pipe *pipe, PipeItem *item)
{
    if (pipe->len >= PIPE_ITEMS_MAX || (pipe->len == pipe->cap && !pipe_grow(pipe))) {
        return STATUS_LIMIT;
    }
    *pipe_at(pipe, pipe->len++) = pipe_item_ref(item);
    if (pipe->len == 1) {
        core_note(pipe->core, "pipe fills", 0, 0);
    }
    return STATUS_OK;
}

PipeItem *pipe_first(const Pipe *pipe)
{
    return pipe->len > 0 ? *pipe_at(pipe, 0) : NULL;
}

PipeItem *pipe_pop(Pipe *pipe)
{
    if (pipe->len == 0) {
        return NULL;
    }
    PipeItem *item = *pipe_at(pipe, 0);
    pipe->first = (pipe->first + 1) & (pipe->cap - 1);
    pipe->len--;
    if (pipe->len == 0) {
        core_note(pipe->core, "pipe empties", 0, 0);
    }
    return item;
}

bool pipe_contains(const Pipe *pipe, const PipeItem *item)
{
    for (uint32_t i = 0; i < pipe->len; i++) {
        if (*pipe_at(pipe, i) == item) {
            return true;
        }
    }
    return false;
}

uint32_t pipe_drop_where(Pipe *pipe, bool (*drop)(void *opaque, PipeItem *item), void *opaque)
{
    uint32_t kept = 0, len = pipe->len;

    for (uint32_t i = 0; i < len; i++) {
        PipeItem *item = *pipe_at(pipe, i);
        if (drop(opaque, item)) {
            pipe_item_unref(item);
        } else {
            *pipe_at(pipe, kept++) = item;
        }
    }
    pipe->len = kept;
    if (len > 0 && kept == 0) {
        core_note(pipe->core, "pipe empties", 0, 0);
    }
    return len - kept;
}

static bool is_of_type(void *opaque, PipeItem *item)
{
    return item->type == opaque;
}

uint32_t pipe_drop_type(Pipe *pipe, const PipeItemType *type)
{
    return pipe_drop_where(pipe, is_of_type, (void *)type);
}
