/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ack_window.h: how far one channel client may fall behind, in messages.
 *
 * SET_ACK announces a window; the client answers ACK_SYNC at once and then one ACK for every `window`
 * messages that it received. Sending pauses while more than ACK_WINDOWS_AHEAD_MAX windows are outstanding.
 * The window is announced large enough that bytes in flight, not messages, are what limits a client (DESIGN
 * section 7, Flow).
 *
 * Units      messages, never bytes.
 * Thread     the home of the channel client.
 * Ownership  a plain value inside RedChannelClient.
 * Errors     STATUS_PEER_FAULT: an ACK for messages that were never sent; the window is unchanged.
 * Source     reference/wire-protocol.md section 2.4.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define ACK_WINDOWS_AHEAD_MAX 2u

typedef struct AckWindow {
    uint32_t window;     /* what SET_ACK announced; 0: this channel uses no acks */
    uint32_t unacked;    /* sent since that SET_ACK */
    uint32_t generation; /* of the last SET_ACK */
    bool synced;         /* the client echoed `generation` */
} AckWindow;

/* Begins a new generation: call when SET_ACK itself is committed. Returns the generation to announce. */
uint32_t ack_window_start(AckWindow *ack, uint32_t window);
/* Call for every message committed after SET_ACK. */
void ack_window_sent(AckWindow *ack);
bool ack_window_is_full(const AckWindow *ack);
void ack_window_on_sync(AckWindow *ack, uint32_t generation);
Status ack_window_on_ack(AckWindow *ack) STATUS_MUST_CHECK;
