/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/channel_client.h"

#include <errno.h>
#include <stdio.h>

#include "base/limits.h"
#include "session/client.h"

#define RCC_VECTORS_MAX 64

static const PipeItemType ping_item_type;
static const PipeItemType set_ack_item_type;
static const PipeItemType migrate_item_type;

static void rcc_timer(void *opaque, uint64_t now_ns);
static void rcc_flush_task(CoreTask *task, uint64_t now_ns);
static void rcc_dispose_task(CoreTask *task, uint64_t now_ns);

/* ---- Life ---- */

RedChannelClient *rcc_ref(RedChannelClient *rcc)
{
    ref_take(&rcc->ref);
    return rcc;
}

void rcc_unref(RedChannelClient *rcc)
{
    if (ref_drop(&rcc->ref)) {
        CHECK(rcc->state == RCC_CLOSED);
        client_slot_unref(rcc->slot);
        g_free(rcc);
    }
}

static void rcc_set_state(RedChannelClient *rcc, RccState state)
{
    CHECK(state == rcc->state + 1 || (rcc->state == RCC_CONNECTING && state == RCC_CLOSED));
    rcc->state = state;
    core_note(rcc->core, "rcc state", state, (uint64_t)rcc->channel->type << 8 | rcc->channel->id);
}

static void rcc_tell_detached(RedChannelClient *rcc)
{
    ref_take(&rcc->slot->ref); /* the completion's */
    red_channel_complete(rcc->channel, &rcc->slot->detached_done);
}

/* Frees what it holds; the last step towards CLOSED, from whichever state. */
static void rcc_release(RedChannelClient *rcc)
{
    loop_timer_free(rcc->loop, rcc->timer);
    rcc->timer = NULL;
    stream_free(rcc->stream);
    rcc->stream = NULL;
    pipe_clear(&rcc->pipe);
    outgoing_finish(&rcc->out);
    receiver_finish(&rcc->receiver);
    rcc_set_state(rcc, RCC_CLOSED);
    rcc_tell_detached(rcc);
}

/* What the socket did not take of the handshake's end in the main domain goes before everything else. */
static bool rcc_take_greeting(RedChannelClient *rcc, const ClientSlot *slot)
{
    if (slot->output_len == 0) {
        return true;
    }
    uint8_t *greeting = outgoing_reserve(&rcc->out, slot->output_len);
    if (greeting == NULL) {
        return false;
    }
    memcpy(greeting, slot->output, slot->output_len);
    return outgoing_add_bytes(&rcc->out, slot->output_len) == STATUS_OK;
}

void rcc_open(ClientSlot *slot, uint64_t now_ns)
{
    RedChannel *channel = slot->channel;
    RedChannelClient *rcc = g_malloc0(channel->ops->client_bytes);

    ref_init(&rcc->ref);
    rcc->state = RCC_CONNECTING;
    ref_take(&slot->ref);
    rcc->slot = slot;
    rcc->channel = channel;
    rcc->core = channel->core;
    rcc->loop = channel->home->loop;
    rcc->stream = slot->stream;
    slot->stream = NULL;
    list_init(&rcc->in_channel);
    rcc->mini_header = link_caps_has(&slot->common_caps, WIRE_CAP_COMMON_MINI_HEADER);
    receiver_init(&rcc->receiver, rcc->core, channel->type, rcc->mini_header);
    outgoing_init(&rcc->out, rcc->core);
    pipe_init(&rcc->pipe, rcc->core);
    rcc->flush_task.run = rcc_flush_task;
    rcc->dispose_task.run = rcc_dispose_task;
    pipe_item_init(&rcc->ping_item, &ping_item_type);
    pipe_item_init(&rcc->set_ack_item, &set_ack_item_type);
    pipe_item_init(&rcc->migrate_item, &migrate_item_type);
    rcc->timer_ns = rcc->ping_sent_ns = rcc->blocked_since_ns = NS_NEVER;
    /* A unix peer cannot vanish without the kernel telling us. */
    rcc->next_ping_ns = stream_is_unix(rcc->stream) ? NS_NEVER : now_ns + RCC_PING_FIRST_NS;

    rcc->timer = loop_timer_new(rcc->loop, rcc_timer, rcc);
    if (rcc->timer == NULL || !rcc_take_greeting(rcc, slot) ||
        !stream_attach(rcc->stream, rcc->loop, rcc_ready, rcc)) {
        core_log(rcc->core, CORE_LOG_WARNING, "channel %s:%u: no timer, watch or memory for a new client",
                 wire_channel_name(channel->type), channel->id);
        rcc_release(rcc);
        rcc_unref(rcc);
        return;
    }

    slot->rcc = rcc_ref(rcc);
    list_append(&channel->clients, &rcc->in_channel);
    channel->clients_len++;
    rcc_set_state(rcc, RCC_LIVE);
    ref_take(&slot->ref); /* the completion's */
    red_channel_complete(channel, &slot->attached_done);

    rcc->in_event = true;
    if (channel->ops->ack_window != 0) {
        rcc_push(rcc, &rcc->set_ack_item);
    }
    channel->ops->client_opened(rcc, now_ns);
    rcc->in_event = false;
    rcc_flush(rcc, now_ns);
    rcc_unref(rcc);
}

/* Clients decide how often they fail. */
static void rcc_log_end(const RedChannelClient *rcc, CoreLogLevel level, const char *how, const char *reason)
{
    RedChannel *channel = rcc->channel;
    LogRation *ration = level == CORE_LOG_INFO ? &channel->ends : &channel->faults;
    char more[64] = "";
    uint32_t suppressed;

    if (!log_ration_take(ration, rcc->core->now_ns(rcc->core), &suppressed)) {
        return;
    }
    if (suppressed > 0) {
        snprintf(more, sizeof more, " (%u more suppressed before this)", suppressed);
    }
    core_log(rcc->core, level, "channel %s:%u of client %08x: %s: %s%s", wire_channel_name(channel->type),
             channel->id, rcc->slot->connection_id, how, reason, more);
}

void rcc_close(RedChannelClient *rcc, const char *reason)
{
    if (rcc->state != RCC_LIVE) {
        return;
    }
    if (reason != NULL) {
        rcc_log_end(rcc, CORE_LOG_INFO, "closed", reason);
    }
    rcc_set_state(rcc, RCC_CLOSING);
    list_remove(&rcc->in_channel);
    rcc->channel->clients_len--;
    list_append(&rcc->channel->closing, &rcc->in_channel);
    loop_timer_stop(rcc->loop, rcc->timer);
    stream_detach(rcc->stream);
    rcc_ref(rcc);
    loop_post(rcc->loop, &rcc->dispose_task);
}

void rcc_fault(RedChannelClient *rcc, const char *format, ...)
{
    char what[256];
    va_list args;

    if (rcc->state != RCC_LIVE) {
        return;
    }
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    rcc_log_end(rcc, CORE_LOG_WARNING, "closed for a protocol error", what);
    rcc_close(rcc, NULL);
}

void rcc_dispose(RedChannelClient *rcc, uint64_t now_ns)
{
    if (rcc->state == RCC_CLOSED) {
        return;
    }
    if (rcc->channel->ops->client_closed != NULL) {
        rcc->channel->ops->client_closed(rcc, now_ns);
    }
    list_remove(&rcc->in_channel);
    rcc_ref(rcc);
    rcc->slot->rcc = NULL;
    rcc_unref(rcc); /* the slot's */
    rcc_release(rcc);
    rcc_unref(rcc);
}

static void rcc_dispose_task(CoreTask *task, uint64_t now_ns)
{
    RedChannelClient *rcc = list_entry(task, RedChannelClient, dispose_task);

    rcc_dispose(rcc, now_ns);
    rcc_unref(rcc);
}

bool rcc_has_common_cap(const RedChannelClient *rcc, unsigned cap)
{
    return link_caps_has(&rcc->slot->common_caps, cap);
}

bool rcc_has_cap(const RedChannelClient *rcc, unsigned cap)
{
    return link_caps_has(&rcc->slot->channel_caps, cap);
}

/* ---- Sending ---- */

static void rcc_flush_soon(RedChannelClient *rcc)
{
    if (!rcc->in_event && !rcc->flush_posted) {
        rcc->flush_posted = true;
        rcc_ref(rcc);
        loop_post(rcc->loop, &rcc->flush_task);
    }
}

static void rcc_flush_task(CoreTask *task, uint64_t now_ns)
{
    RedChannelClient *rcc = list_entry(task, RedChannelClient, flush_task);

    rcc->flush_posted = false;
    rcc_flush(rcc, now_ns);
    rcc_unref(rcc);
}

void rcc_push(RedChannelClient *rcc, PipeItem *item)
{
    if (rcc->state != RCC_LIVE || rcc->migrating || NEVER(rcc->committing)) {
        return;
    }
    if (pipe_push(&rcc->pipe, item) != STATUS_OK) {
        rcc_close(rcc, "it does not read, and too much waits for it");
        return;
    }
    rcc_flush_soon(rcc);
}

void rcc_push_once(RedChannelClient *rcc, PipeItem *item)
{
    if (!pipe_contains(&rcc->pipe, item)) {
        rcc_push(rcc, item);
    }
}

void rcc_want_idle(RedChannelClient *rcc)
{
    if (rcc->state == RCC_LIVE && !rcc->idle_wanted) {
        rcc->idle_wanted = true;
        rcc_flush_soon(rcc);
    }
}

void rcc_hold_pipe(RedChannelClient *rcc)
{
    rcc->pipe_held = true;
}

void rcc_release_pipe(RedChannelClient *rcc)
{
    rcc->pipe_held = false;
    rcc_flush_soon(rcc);
}

WireOut *rcc_begin(RedChannelClient *rcc, uint16_t type, size_t inline_max)
{
    const size_t header = rcc->mini_header ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;

    if (rcc->state != RCC_LIVE) {
        return NULL;
    }
    uint8_t *room = outgoing_reserve(&rcc->out, header + inline_max);
    if (room == NULL) {
        rcc_close(rcc, "no memory for a message");
        return NULL;
    }
    rcc->begun = (WireOut){.bytes = room + header, .cap = inline_max};
    rcc->begun_type = type;
    return &rcc->begun;
}

void rcc_end(RedChannelClient *rcc)
{
    const size_t header_len = rcc->mini_header ? WIRE_MINI_DATA_HEADER_BYTES : WIRE_DATA_HEADER_BYTES;
    const size_t total = wire_out_total(&rcc->begun);
    WireOut header = {.bytes = rcc->begun.bytes - header_len, .cap = header_len};

    if (NEVER(rcc->begun.failed || total > UINT32_MAX)) {
        rcc_close(rcc, "a message of ours did not fit");
        return;
    }
    rcc->sent_serial++;
    if (rcc->mini_header) {
        wire_mini_data_header_encode(&header,
                                     &(WireMiniDataHeader){.type = rcc->begun_type, .size = (uint32_t)total});
    } else {
        wire_data_header_encode(
            &header,
            &(WireDataHeader){.serial = rcc->sent_serial, .type = rcc->begun_type, .size = (uint32_t)total});
    }
    if (outgoing_add_bytes(&rcc->out, header_len + rcc->begun.len) != STATUS_OK) {
        rcc_close(rcc, "no memory for a message");
        return;
    }
    ack_window_sent(&rcc->ack);
}

void rcc_count_sent(RedChannelClient *rcc, uint64_t serial_before)
{
    for (uint64_t serial = serial_before; serial < rcc->sent_serial; serial++) {
        ack_window_sent(&rcc->ack);
    }
}

/* A slow link is given less at once: what it has not been given can still be dropped. */
static bool has_room(const RedChannelClient *rcc)
{
    const uint32_t carries = link_rate_message_max(&rcc->rate);

    return rcc->out.total < (carries < RCC_IN_FLIGHT_BYTES ? carries : RCC_IN_FLIGHT_BYTES);
}

static bool rcc_may_commit(const RedChannelClient *rcc)
{
    const PipeItem *first = pipe_first(&rcc->pipe);

    return first != NULL && has_room(rcc) && !ack_window_is_full(&rcc->ack) &&
           (!rcc->pipe_held || first == &rcc->set_ack_item);
}

static bool rcc_may_commit_idle(const RedChannelClient *rcc)
{
    return rcc->idle_wanted && rcc->pipe.len == 0 && !rcc->pipe_held && !rcc->migrating && has_room(rcc) &&
           !ack_window_is_full(&rcc->ack);
}

/* One client's: what it is sent takes time to make, which others wait for. */
typedef struct Turn {
    uint64_t end_ns; /* NS_NEVER: nobody has looked at the clock yet */
    uint32_t commits;
    bool over;
} Turn;

static void turn_look(Turn *turn, uint64_t clock_ns)
{
    if (turn->end_ns == NS_NEVER) {
        turn->end_ns = clock_ns + RCC_TURN_NS;
    }
    turn->over = turn->over || clock_ns >= turn->end_ns;
}

/* Most messages take less time than it would take to look at the clock after each of them. */
static void turn_count(Turn *turn, const Core *core)
{
    if (++turn->commits % RCC_COMMITS_PER_LOOK == 0) {
        turn_look(turn, core->now_ns(core));
    }
}

static void rcc_commit(RedChannelClient *rcc, Turn *turn, uint64_t now_ns)
{
    for (; rcc->state == RCC_LIVE && !turn->over; turn_count(turn, rcc->core)) {
        if (rcc_may_commit(rcc)) {
            PipeItem *item = pipe_pop(&rcc->pipe);
            rcc->committing = true;
            item->type->commit(item, rcc, now_ns);
            rcc->committing = false;
            pipe_item_unref(item);
        } else if (rcc_may_commit_idle(rcc)) {
            rcc->idle_wanted = false;
            if (rcc->channel->ops->commit_idle(rcc, now_ns)) {
                rcc->idle_wanted = true;
            }
        } else {
            break;
        }
    }
}

/* When something must happen next although the client does nothing. */
static void rcc_arm_timer(RedChannelClient *rcc)
{
    uint64_t deadline_ns = rcc->next_ping_ns;

    if (rcc->ping_sent_ns != NS_NEVER && rcc->ping_sent_ns + RCC_SILENCE_NS < deadline_ns) {
        deadline_ns = rcc->ping_sent_ns + RCC_SILENCE_NS;
    }
    if (rcc->blocked_since_ns != NS_NEVER && rcc->blocked_since_ns + RCC_SILENCE_NS < deadline_ns) {
        deadline_ns = rcc->blocked_since_ns + RCC_SILENCE_NS;
    }
    /* A timer that fires too early is harmless; moving it at every write would not be cheap. */
    if (deadline_ns < rcc->timer_ns) {
        rcc->timer_ns = deadline_ns;
        loop_timer_start(rcc->loop, rcc->timer, deadline_ns);
    }
}

void rcc_measure(RedChannelClient *rcc)
{
    const bool can_ping = rcc->next_ping_ns != NS_NEVER && rcc->ping_sent_ns == NS_NEVER && !rcc->pipe_held;

    if (can_ping && link_rate_wants_mark(&rcc->rate)) {
        rcc_push_once(rcc, &rcc->ping_item);
    }
}

/* The time is the clock's: since the loop woke up much may have been encoded. */
static void rcc_count_taken(RedChannelClient *rcc, uint64_t taken, uint64_t now_ns)
{
    if (rcc->ping_left > taken) {
        rcc->ping_left -= taken;
    } else if (rcc->ping_left > 0) {
        link_rate_sent(&rcc->rate, rcc->ping_left, now_ns);
        link_rate_mark(&rcc->rate, now_ns);
        taken -= rcc->ping_left;
        rcc->ping_left = 0;
    }
    if (taken > 0) {
        link_rate_sent(&rcc->rate, taken, now_ns);
    }
}

void rcc_flush(RedChannelClient *rcc, uint64_t now_ns)
{
    struct iovec iov[RCC_VECTORS_MAX];
    unsigned want = CORE_READ;
    Turn turn = {.end_ns = NS_NEVER};

    do {
        rcc_commit(rcc, &turn, now_ns);
        if (rcc->state != RCC_LIVE || outgoing_is_empty(&rcc->out)) {
            break;
        }
        const int64_t taken =
            stream_writev(rcc->stream, iov, outgoing_vectors(&rcc->out, iov, RCC_VECTORS_MAX));
        if (taken == -EAGAIN) {
            want |= CORE_WRITE;
            link_rate_full(&rcc->rate, rcc->core->now_ns(rcc->core));
            break;
        }
        if (taken < 0) {
            rcc_close(rcc, "writing to it failed");
            break;
        }
        outgoing_taken(&rcc->out, (size_t)taken);
        link_rate_ready(&rcc->rate, now_ns > rcc->loop->turn_ns ? now_ns - rcc->loop->turn_ns : 0);
        const uint64_t clock_ns = rcc->core->now_ns(rcc->core);
        rcc_count_taken(rcc, (uint64_t)taken, clock_ns);
        turn_look(&turn, clock_ns);
        rcc->blocked_since_ns = NS_NEVER;
        rcc_measure(rcc);
    } while (rcc->state == RCC_LIVE && !turn.over);
    if (rcc->state != RCC_LIVE) {
        return;
    }
    if (turn.over) {
        rcc_flush_soon(rcc);
    }
    const bool waits = !outgoing_is_empty(&rcc->out) ||
                       ((rcc->pipe.len > 0 || rcc->idle_wanted) && ack_window_is_full(&rcc->ack));
    if (!waits) {
        rcc->blocked_since_ns = NS_NEVER;
    } else if (rcc->blocked_since_ns == NS_NEVER) {
        rcc->blocked_since_ns = now_ns;
    }
    stream_want(rcc->stream, want);
    rcc_arm_timer(rcc);
}

/* ---- Liveness ---- */

static void ping_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    rcc->ping_sent_ns = now_ns;
    rcc->ping_id++;
    RCC_SEND(rcc, WIRE_MSG_PING, wire_msg_ping_encode,
             (&(WireMsgPing){.id = rcc->ping_id, .timestamp = now_ns}));
    rcc->ping_serial = rcc->sent_serial;
    rcc->ping_left = rcc->out.total;
}

static const PipeItemType ping_item_type = {"ping", ping_commit, NULL};

static void set_ack_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    const uint32_t window = rcc->channel->ops->ack_window;
    const uint32_t generation = ack_window_start(&rcc->ack, window);
    RCC_SEND(rcc, WIRE_MSG_SET_ACK, wire_msg_set_ack_encode,
             (&(WireMsgSetAck){.generation = generation, .window = window}));
}

static const PipeItemType set_ack_item_type = {"set ack", set_ack_commit, NULL};

static void migrate_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    (void)item;
    (void)now_ns;
    RCC_SEND(rcc, WIRE_MSG_MIGRATE, wire_msg_migrate_encode, (&(WireMsgMigrate){.flags = 0}));
}

static const PipeItemType migrate_item_type = {"migrate", migrate_commit, NULL};

void rcc_migrate(RedChannelClient *rcc, uint64_t now_ns)
{
    if (rcc->state != RCC_LIVE || rcc->migrating) {
        return;
    }
    if (rcc->channel->ops->client_migrate != NULL) {
        rcc->channel->ops->client_migrate(rcc, now_ns);
    } else {
        rcc_push(rcc, &rcc->migrate_item);
    }
    rcc->migrating = true;
}

static void rcc_timer(void *opaque, uint64_t now_ns)
{
    RedChannelClient *rcc = opaque;

    rcc->timer_ns = NS_NEVER;
    if (rcc->blocked_since_ns != NS_NEVER && now_ns >= rcc->blocked_since_ns + RCC_SILENCE_NS) {
        rcc_close(rcc, "it took nothing for too long");
        return;
    }
    if (rcc->ping_sent_ns != NS_NEVER && now_ns >= rcc->ping_sent_ns + RCC_SILENCE_NS) {
        rcc_close(rcc, "it did not answer a ping");
        return;
    }
    if (now_ns >= rcc->next_ping_ns) {
        rcc->next_ping_ns = now_ns + RCC_PING_PERIOD_NS;
        if (rcc->ping_sent_ns == NS_NEVER && !rcc->pipe_held) {
            rcc_push_once(rcc, &rcc->ping_item);
        }
    }
    if (rcc->state == RCC_LIVE) {
        rcc_arm_timer(rcc);
    }
}
