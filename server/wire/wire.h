/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire.h: the SPICE protocol as C structures, made from spice.wire (DESIGN section 6).
 *
 *   WireMsg*    the server sends, WireMsgc* the client sends (SPICE's own words)
 *   WireAgent*  the guest agent's messages, WireStreamDev* the stream device's, WireMigrate* bodies of
 * MIGRATE_DATA WireLink*, WireSasl*, WireDataHeader, ...  what stands outside messages
 *
 * Encode     wire_msg_main_init_encode(out, m) writes a body, never its header, into a WireOut (out.h).
 * Decode     wire_msgc_decode() and its sisters accept exactly what section 0 of the reference accepts: every
 *            offset and count is checked in 64 bits, and the work is at most 8 times the body. Values of
 *            enumerations are not checked, that is the consumer's business, unless they select what follows.
 *            STATUS_PEER_FAULT: not such a message. STATUS_LIMIT: the arena is full. `fault` (may be NULL)
 * then says why; `ret` is written on success only.
 * Ownership  a decoded message points into its body (Spans)
 * and its arena (arrays, pointers). Print      one line, `NAME field=value ...`; returns the length that the
 * whole would have, as snprintf does. Arrays     {items, n}; their counts on the wire are no fields of their
 * own. Byte strings are Spans; one of a fixed size that is empty is written as zeros. An absent pointer is
 * NULL.
 * Thread     any; there is no state.
 * Source     reference/wire-protocol.md; what the tests compare it
 * with is spice-protocol and golden bytes.
 */
#pragma once

#include "wire/messages.h"
