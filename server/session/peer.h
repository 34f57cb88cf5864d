/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h: who is at the other end of a connection: in words for the log, and as what connections of one peer have in common.
 *
 * Thread     that of the stream.
 */
#pragma once

#include "net/stream.h"

#define PEER_TEXT_BYTES 96u

/* For the cap per peer: an IPv4 address, or the network half of an IPv6 one, as a host has as many of the other half as it
 * likes. Empty: not counted (unix sockets). */
typedef struct PeerKey {
    uint8_t bytes[8];
    size_t len;
} PeerKey;

PeerKey peer_key_of(const Stream *stream);
bool peer_key_equal(const PeerKey *a, const PeerKey *b);

/* "link from ...". Returns buffer; PEER_TEXT_BYTES are enough. */
const char *peer_describe(const Stream *stream, char *buffer, size_t cap);
