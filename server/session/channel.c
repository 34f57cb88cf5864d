/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/channel.h"

#include "session/channel_client.h"
#include "session/client.h"

static void completions_ready(Message *message, uint64_t now_ns)
{
    RedChannel *channel = list_entry(message, RedChannel, completions_ready.message);

    pending_message_taken(&channel->completions_ready);
    red_channel_run_completions(channel, now_ns);
    red_channel_unref(channel);
}

RedChannel *red_channel_new(RedsState *reds, const Core *core, uint8_t type, uint8_t id,
                            const RedChannelOps *ops, void *owner, Dispatcher *home, Dispatcher *main)
{
    RedChannel *channel = g_new0(RedChannel, 1);

    ref_init(&channel->ref);
    channel->reds = reds;
    channel->core = core;
    channel->type = type;
    channel->id = id;
    channel->ops = ops;
    channel->owner = owner;
    channel->home = home;
    channel->main = main;
    list_init(&channel->in_registry);
    list_init(&channel->clients);
    list_init(&channel->closing);
    pending_message_init(&channel->completions_ready, "channel completions", completions_ready);
    return channel;
}

RedChannel *red_channel_ref(RedChannel *channel)
{
    ref_take(&channel->ref);
    return channel;
}

void red_channel_unref(RedChannel *channel)
{
    if (ref_drop(&channel->ref)) {
        CHECK(list_is_empty(&channel->clients) && list_is_empty(&channel->closing) &&
              !list_is_linked(&channel->in_registry));
        g_free(channel);
    }
}

void red_channel_push_all(RedChannel *channel, PipeItem *item)
{
    /* Pushing may close that client, which unlinks it. */
    list_each_removable(&channel->clients, node)
    {
        rcc_push(list_entry(node, RedChannelClient, in_channel), item);
    }
}

void red_channel_close_clients(RedChannel *channel, const char *reason, uint64_t now_ns)
{
    while (!list_is_empty(&channel->clients)) {
        rcc_close(list_first(&channel->clients, RedChannelClient, in_channel), reason);
    }
    while (!list_is_empty(&channel->closing)) {
        rcc_dispose(list_first(&channel->closing, RedChannelClient, in_channel), now_ns);
    }
}

void red_channel_complete(RedChannel *channel, Completion *completion)
{
    base_point();
    inbox_push(&channel->completions, &completion->task);
    /* The message holds a reference to the channel; a second one on its way would be one too many. */
    red_channel_ref(channel);
    if (!dispatcher_post_pending(channel->main, &channel->completions_ready)) {
        red_channel_unref(channel);
    }
}

void red_channel_run_completions(RedChannel *channel, uint64_t now_ns)
{
    CoreTask **end = &channel->completing;

    base_point();
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = inbox_take(&channel->completions);
    while (channel->completing != NULL) {
        Completion *completion = list_entry(channel->completing, Completion, task);
        ClientSlot *slot = completion->slot;
        channel->completing = completion->task.next;
        completion->run(slot, now_ns); /* frees the slot; the host may call back, and bring us here */
        client_slot_unref(slot);
    }
}
