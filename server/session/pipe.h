/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pipe.h: what one channel client has still to be sent, oldest first.
 *
 * A PipeItem says what to send, not with which bytes: those are made at commit, from the state of that
 * moment, when the stream has room (DESIGN section 7, Commit). One item may wait in the pipes of several
 * clients of a channel; each pipe holds a reference. An item that only says "the current value of X" is a
 * StateItem: at most one of its kind waits in a pipe, however often X changes, which is what bounds the pipes
 * of main, inputs and cursor for a client that stalls.
 *
 * Ownership  pipe_push() takes a reference of its own. The last reference frees the item (I18), sent or not.
 * Thread     the home of the channel; counts are not atomic.
 * Units      items.
 * Errors     STATUS_LIMIT: PIPE_ITEMS_MAX wait already, or no memory; the caller squashes or closes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"

#define PIPE_ITEMS_MAX 4096u /* items; channels squash long before */

typedef struct RedChannelClient RedChannelClient;
typedef struct PipeItem PipeItem;

typedef struct PipeItemType {
    const char *name;
    /* Writes zero or more messages with rcc_send_*(); must not push. */
    void (*commit)(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns);
    void (*free)(PipeItem *item); /* NULL: the item is static or embedded elsewhere */
} PipeItemType;

struct PipeItem {
    const PipeItemType *type;
    uint32_t refs;
};

static inline void pipe_item_init(PipeItem *item, const PipeItemType *type)
{
    item->type = type;
    item->refs = 1;
}
PipeItem *pipe_item_ref(PipeItem *item);
void pipe_item_unref(PipeItem *item);

typedef struct Pipe {
    const Core *core;
    PipeItem **items; /* a ring: cap is a power of two */
    uint32_t first, len, cap;
} Pipe;

void pipe_init(Pipe *pipe, const Core *core);
void pipe_clear(Pipe *pipe); /* drops every item; usable afterwards */

Status pipe_push(Pipe *pipe, PipeItem *item) STATUS_MUST_CHECK;
PipeItem *pipe_first(const Pipe *pipe); /* borrowed; NULL: empty */
PipeItem *pipe_pop(Pipe *pipe);         /* the pipe's reference is the caller's now; NULL: empty */
bool pipe_contains(const Pipe *pipe, const PipeItem *item);
/* Drops the items of this type; returns how many there were. */
uint32_t pipe_drop_type(Pipe *pipe, const PipeItemType *type);
/* Drops the items that `drop`, asked for each of them in order, says yes to; it must not touch the pipe. */
uint32_t pipe_drop_where(Pipe *pipe, bool (*drop)(void *opaque, PipeItem *item), void *opaque);
