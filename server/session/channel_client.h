/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel_client.h: RedChannelClient (rcc), one client's connection to one RedChannel; the home's half of a
 * slot.
 *
 *   CONNECTING -> LIVE -> CLOSING -> CLOSED      one function (rcc_set_state) changes it
 *
 * LIVE: in its channel's list, sends and receives. Every cause of death (socket, protocol error, timeout,
 * main channel gone, device removed, server destroyed) calls rcc_close(), which may be called at any time,
 * any number of times, also from inside a handler of this very rcc: it leaves the channel's list at once and
 * from then on nothing is read, parsed, dispatched or queued (I2, I19, I22). rcc_dispose() frees what it
 * holds, from the loop or from whoever must wait, and tells main `detached`, once.
 *
 * Sending is pulled: when the stream has room, the ack window is open and less than RCC_IN_FLIGHT_BYTES wait,
 * the next item of the pipe is committed (asked for its bytes). Many messages leave in one writev.
 *
 * Ownership  reference counted; its slot's home pointer, its channel's list and each posted task count as
 * one; holds its slot (and through it the channel). Embedded first in the struct of the channel kind
 * (RedChannelOps.client_bytes).
 * Thread     the channel's home; rcc_unref() anywhere, which frees memory only.
 * Errors     a client's fault closes that client with one log line that names channel, message and field.
 * Source     DESIGN sections 4, 5 and 7; reference/race-catalogue.md parts A and D.
 */
#pragma once

#include "net/stream.h"
#include "session/ack_window.h"
#include "session/channel.h"
#include "session/link_rate.h"
#include "session/outgoing.h"
#include "session/receiver.h"

/* Bytes committed and not yet taken by the stream: few, so that what waits stays in the pipe, where it can be squashed. */
#define RCC_IN_FLIGHT_BYTES (64u * 1024u)
#define RCC_READ_BYTES (16u * 1024u) /* bytes per read: one TLS record */
#define RCC_READS_PER_WAKEUP 4u      /* then the other clients of the loop have their turn */
#define RCC_TURN_NS (3 * NS_PER_MS)  /* of making and sending messages; then they have it, too */
#define RCC_COMMITS_PER_LOOK 8u      /* messages between looks at the clock */

#define RCC_PING_FIRST_NS (100 * NS_PER_MS) /* after LIVE: the greetings should not disturb the measurement */
#define RCC_PING_PERIOD_NS (15 * NS_PER_S)  /* between measurements, which also find silent peers (I55) */
#define RCC_SILENCE_NS (30 * NS_PER_S)      /* without an answer to a ping, or without taking a byte: gone */

typedef enum RccState {
    RCC_CONNECTING,
    RCC_LIVE,
    RCC_CLOSING,
    RCC_CLOSED,
} RccState;

struct RedChannelClient {
    Ref ref;
    RccState state;
    RedChannel *channel; /* the slot's reference */
    ClientSlot *slot;    /* referenced */
    const Core *core;
    CoreLoop *loop; /* the home's */
    Stream *stream;
    ListNode in_channel;
    Receiver receiver;
    Outgoing out;
    Pipe pipe;
    AckWindow ack;
    uint64_t sent_serial; /* of the last message committed */
    bool mini_header;
    bool pipe_held;   /* nothing but what is committed already goes out: the client has not said hello yet */
    bool migrating;   /* MIGRATE is queued: nothing may follow it but what belongs to the migration */
    bool committing;  /* inside commit: guards against an item that pushes */
    bool in_event;    /* the flush comes at the end of it */
    bool idle_wanted; /* commit_idle() has something, when the pipe is empty */
    bool flush_posted;
    CoreTask flush_task, dispose_task;
    CoreTimer *timer;
    uint64_t timer_ns; /* what the timer is armed for; NS_NEVER: not armed */
    WireOut begun;     /* between rcc_begin() and rcc_end() */
    uint16_t begun_type;

    /* Liveness and latency. */
    PipeItem ping_item, set_ack_item, migrate_item;
    uint32_t ping_id;
    uint64_t ping_sent_ns; /* when it was committed; NS_NEVER: none outstanding */
    uint64_t ping_serial;  /* its own, */
    uint64_t seen_serial;  /* and that of the latest that was answered: the client has done all up to it */
    uint64_t ping_left;    /* bytes until the stream has taken it; 0: it has */
    uint64_t next_ping_ns; /* NS_NEVER: this peer is not pinged */
    uint64_t blocked_since_ns; /* NS_NEVER: nothing waits, or something was taken */
    LinkRate rate;
};

/* Home; from the slot's `connect`. Takes the slot's stream. On failure the slot is told `detached`. */
void rcc_open(ClientSlot *slot, uint64_t now_ns);
RedChannelClient *rcc_ref(RedChannelClient *rcc);
void rcc_unref(RedChannelClient *rcc);

/* Closes, with one warning that says what the client did wrong. */
void rcc_fault(RedChannelClient *rcc, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `reason` is a constant; NULL: without a log line. */
void rcc_close(RedChannelClient *rcc, const char *reason);
void rcc_dispose(RedChannelClient *rcc, uint64_t now_ns);
/* The client goes on at another host: its channel's client_migrate(), and then silence. Once. */
void rcc_migrate(RedChannelClient *rcc, uint64_t now_ns);

/* Queues an item; the pipe takes its own reference. On a client that is not LIVE it does nothing (I19). A
 * client whose pipe is full is closed: its channel should have squashed before. */
void rcc_push(RedChannelClient *rcc, PipeItem *item);
/* The same, unless this very item waits already. */
void rcc_push_once(RedChannelClient *rcc, PipeItem *item);
/* There is something to commit that may wait until nothing else does: RedChannelOps.commit_idle() will be called. */
void rcc_want_idle(RedChannelClient *rcc);
/* Holds back everything but SET_ACK, until the client has said hello; and lets it go. */
void rcc_hold_pipe(RedChannelClient *rcc);
void rcc_release_pipe(RedChannelClient *rcc);
/* Sends what can be sent now, instead of at the end of the loop's turn; what takes longer than RCC_TURN_NS, later. */
void rcc_flush(RedChannelClient *rcc, uint64_t now_ns);

bool rcc_has_common_cap(const RedChannelClient *rcc, unsigned cap);
bool rcc_has_cap(const RedChannelClient *rcc, unsigned cap);

/* For PipeItemType.commit alone. Begins a message of at most `inline_max` bytes beside pieces; encode into
 * the returned WireOut, then rcc_end(). A message that does not fit closes the client: it is our bug. */
WireOut *rcc_begin(RedChannelClient *rcc, uint16_t type, size_t inline_max);
void rcc_end(RedChannelClient *rcc);

/* After whole messages were put into rcc->out by other means: `serial_before` is sent_serial as it was before them. */
void rcc_count_sent(RedChannelClient *rcc, uint64_t serial_before);

/* Encodes one message: counts its bytes first, then writes them. */
#define RCC_SEND(rcc, type, encode, message)                                                                 \
    do {                                                                                                     \
        WireOut rcc_send_dry;                                                                                \
        wire_out_init_count(&rcc_send_dry);                                                                  \
        encode(&rcc_send_dry, (message));                                                                    \
        WireOut *rcc_send_out = rcc_begin((rcc), (type), wire_out_total(&rcc_send_dry));                     \
        if (rcc_send_out != NULL) {                                                                          \
            encode(rcc_send_out, (message));                                                                 \
            rcc_end(rcc);                                                                                    \
        }                                                                                                    \
    } while (0)

/* Between the files of this module. */
/* The stream's callback; `opaque` is the rcc. */
void rcc_ready(void *opaque, unsigned ready, uint64_t now_ns);
/* Much was sent: how long does it take? */
void rcc_measure(RedChannelClient *rcc);
