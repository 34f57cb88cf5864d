/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel_client_receive.c: what a client sends: bytes to messages, and those that every channel knows. */
#include "session/channel_client.h"

#include <errno.h>

#include "base/limits.h"
#include "session/client.h"

/* Of decoded arrays per message: the longest, a codec list, needs 255. */
#define RCC_ARENA_BYTES 4096u

/* The messages that every channel knows. False: it is another one. */
static bool rcc_base_message(RedChannelClient *rcc, const WireMsgc *message, uint64_t now_ns)
{
    switch (message->type) {
    case WIRE_MSGC_ACK_SYNC:
        ack_window_on_sync(&rcc->ack, message->u.ack_sync.generation);
        return true;
    case WIRE_MSGC_ACK:
        if (ack_window_on_ack(&rcc->ack) != STATUS_OK) {
            rcc_fault(rcc, "ack for messages that were never sent");
        }
        return true;
    case WIRE_MSGC_PONG:
        if (rcc->ping_sent_ns != NS_NEVER && rcc->ping_left == 0 && message->u.pong.id == rcc->ping_id) {
            link_rate_answer(&rcc->rate, now_ns, rcc->loop->turn_ns);
            rcc->ping_sent_ns = NS_NEVER;
            rcc->seen_serial = rcc->ping_serial;
            rcc_measure(rcc);
        }
        return true;
    case WIRE_MSGC_DISCONNECTING:
        rcc_close(rcc, "the client said that it disconnects");
        return true;
    case WIRE_MSGC_MIGRATE_FLUSH_MARK:
    case WIRE_MSGC_MIGRATE_DATA:
        rcc_fault(rcc, "migration message while nothing migrates");
        return true;
    default:
        return false;
    }
}

static void rcc_message(RedChannelClient *rcc, const ReceivedMessage *received, uint64_t now_ns)
{
    uint8_t memory[RCC_ARENA_BYTES];
    WireArena arena;
    WireMsgc message;
    WireFault fault;

    wire_arena_init(&arena, memory, sizeof memory);
    const Status status =
        wire_msgc_decode(rcc->channel->type, received->type, received->body, &arena, &message, &fault);
    if (status != STATUS_OK) {
        rcc_fault(rcc, "%s.%s: %s (%llu)", fault.message, fault.field, fault.why,
                  (unsigned long long)fault.value);
        return;
    }
    if (rcc_base_message(rcc, &message, now_ns)) {
        return;
    }
    if (rcc->channel->ops->client_message(rcc, &message, now_ns) != STATUS_OK) {
        const WireMessageInfo *info = wire_msgc_info(rcc->channel->type, received->type);
        rcc_fault(rcc, "%s is not acceptable now", info->name);
    }
}

static void rcc_read(RedChannelClient *rcc, uint64_t now_ns)
{
    uint8_t buffer[RCC_READ_BYTES];

    for (unsigned i = 0; i < RCC_READS_PER_WAKEUP && rcc->state == RCC_LIVE; i++) {
        const int64_t n = stream_read(rcc->stream, buffer, sizeof buffer);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            rcc_close(rcc, n == 0 ? "the client closed the connection" : "reading from it failed");
            return;
        }
        Span bytes = {buffer, (size_t)n};
        while (rcc->state == RCC_LIVE) {
            ReceivedMessage received;
            const Status status = receiver_next(&rcc->receiver, &bytes, &received);
            if (status == STATUS_AGAIN) {
                break;
            }
            if (status == STATUS_LIMIT) {
                rcc_close(rcc, "no memory for its message");
                break;
            }
            if (status != STATUS_OK) {
                rcc_fault(rcc, "%s (type %u, %u bytes)", rcc->receiver.fault, rcc->receiver.type,
                          rcc->receiver.body_size);
                break;
            }
            rcc_message(rcc, &received, now_ns);
        }
        if ((size_t)n < sizeof buffer) {
            return; /* the socket is empty; asking it again would cost a call */
        }
    }
}

void rcc_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    RedChannelClient *rcc = rcc_ref(opaque);

    rcc->in_event = true;
    if (rcc->state == RCC_LIVE && (ready & CORE_READ) != 0) {
        rcc_read(rcc, now_ns);
    }
    rcc->in_event = false;
    rcc_flush(rcc, now_ns); /* does nothing unless LIVE */
    rcc_unref(rcc);
}
