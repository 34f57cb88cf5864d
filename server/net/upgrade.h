/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* upgrade.h: the HTTP request that a WebSocket begins with, and its answer. Bytes in, bytes out.
 *
 * Ownership  a request points into the bytes it was read from, problems are constants.
 * Thread     any.
 * Source     RFC 6455 section 4.2, RFC 9112; reference/api-and-behaviour.md section 4.8. Path, Host and Origin are not
 *            looked at: who may come in is for the ticket to say.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

typedef enum UpgradeVerdict {
    UPGRADE_MORE, /* it has not ended yet */
    UPGRADE_GOOD,
    UPGRADE_BAD, /* ret->problem says why */
} UpgradeVerdict;

typedef struct UpgradeRequest {
    Span key;          /* 24 characters */
    bool wants_binary; /* asked for the subprotocol, and is to be told */
    const char *problem;
} UpgradeRequest;

/* *ret_used: bytes of the request. */
UpgradeVerdict upgrade_parse(Span bytes, size_t *ret_used, UpgradeRequest *ret);

/* Both: bytes written; 256 are enough. */
size_t upgrade_accept(const UpgradeRequest *request, char *buffer, size_t cap);
size_t upgrade_refuse(char *buffer, size_t cap);
