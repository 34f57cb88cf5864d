/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dispatcher.h: the one way from one thread to another: a typed message, posted or called.
 *
 * A Dispatcher delivers to one loop: a worker's, or the main domain's (then it is the MainDispatcher). A
 * Message is embedded in what it is about, so posting never blocks, never allocates and never fails (DESIGN
 * section 5, I15).
 *
 * Ownership  a message owns a reference to every object it names (I4); its handler gives them back. A posted
 * message must not be posted again before its handler runs. A called message may lie on the caller's stack.
 * Thread     post from any; dispatcher_call() only from the main domain to a worker, never back: that is what
 * keeps the waiting acyclic. The handler runs on the receiving loop.
 * Errors     none.
 */
#pragma once

#include "core/core.h"

typedef struct Dispatcher {
    const Core *core;
    CoreLoop *loop;
} Dispatcher;

typedef struct Message Message;
typedef void (*MessageHandler)(Message *message, uint64_t now_ns);

struct Message {
    CoreTask task;
    const char *name; /* for traces: a constant */
    MessageHandler handle;
    Dispatcher *to;
    CoreGate *gate; /* not NULL: somebody waits for the handler */
};

void message_init(Message *message, const char *name, MessageHandler handle);

void dispatcher_post(Dispatcher *dispatcher, Message *message);
/* Returns after the handler has run. */
void dispatcher_call(Dispatcher *dispatcher, Message *message);

/* A message that repeats: posting it while it is still on its way does nothing (DESIGN section 5). The
 * handler must begin with pending_message_taken(), so that what happens afterwards posts it anew. */
typedef struct PendingMessage {
    Message message;
    _Atomic bool pending;
} PendingMessage;

void pending_message_init(PendingMessage *pending, const char *name, MessageHandler handle);
/* True when it was posted by this call. */
bool dispatcher_post_pending(Dispatcher *dispatcher, PendingMessage *pending);
void pending_message_taken(PendingMessage *pending);
