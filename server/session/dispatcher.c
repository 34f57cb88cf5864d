/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/dispatcher.h"

#include "base/list.h"
#include "base/point.h"

static void message_run(CoreTask *task, uint64_t now_ns)
{
    Message *message = list_entry(task, Message, task);
    CoreGate *gate = message->gate;
    const Core *core = message->to->core;

    core_note(core, message->name, 0, 0);
    message->handle(message, now_ns);
    if (gate != NULL) {
        core->gate_open(core, gate); /* the message was the caller's: it is gone from here on */
    }
}

void message_init(Message *message, const char *name, MessageHandler handle)
{
    *message = (Message){.task = {.run = message_run}, .name = name, .handle = handle};
}

void dispatcher_post(Dispatcher *dispatcher, Message *message)
{
    base_point();
    message->to = dispatcher;
    message->gate = NULL;
    loop_post(dispatcher->loop, &message->task);
}

void dispatcher_call(Dispatcher *dispatcher, Message *message)
{
    CoreGate gate = {0};

    base_point();
    message->to = dispatcher;
    message->gate = &gate;
    loop_post(dispatcher->loop, &message->task);
    dispatcher->core->gate_wait(dispatcher->core, &gate);
    base_point();
}

void pending_message_init(PendingMessage *pending, const char *name, MessageHandler handle)
{
    message_init(&pending->message, name, handle);
    atomic_init(&pending->pending, false);
}

bool dispatcher_post_pending(Dispatcher *dispatcher, PendingMessage *pending)
{
    base_point();
    if (atomic_exchange_explicit(&pending->pending, true, memory_order_acq_rel)) {
        return false;
    }
    dispatcher_post(dispatcher, &pending->message);
    return true;
}

void pending_message_taken(PendingMessage *pending)
{
    /* An exchange, not a store: it must see what was done before a post that found the message pending. */
    (void)atomic_exchange_explicit(&pending->pending, false, memory_order_acq_rel);
    base_point();
}
