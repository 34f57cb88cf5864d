/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link_server.h: the least server that a Link needs around it, the same in every run: one main channel, one display
 * channel, the password "fuzz", and a ticket key that depends on nothing.
 *
 * An input of the target is three bytes and the client's bytes: LINK_FUZZ_* flags, the security bits of all channels,
 * and a number that says how the bytes are split.
 */
#pragma once

#include "link/link.h"

#define LINK_FUZZ_TLS 1u
#define LINK_FUZZ_SKIP_AUTH 2u
#define LINK_FUZZ_TICKETING 4u
#define LINK_FUZZ_KEY_LATE 8u   /* ready only when asked for a second time */
#define LINK_FUZZ_KEY_FAILS 16u /* with KEY_LATE: never */
#define LINK_FUZZ_REFUSE 32u    /* the owner refuses whom the ticket let in */
#define LINK_FUZZ_NO_MEMORY 64u
#define LINK_FUZZ_OPTIONS 3u /* bytes */

typedef struct LinkServer {
    Core core; /* first: a Core * is a LinkServer * */
    struct Crypto *crypto;
    KeyPool *keys;
    LinkRules rules;
    uint8_t key_der[1024];
    size_t key_der_len;
    uint64_t entropy_state;
    int memories;

    uint8_t flags;
    uint8_t security;
    int keys_asked;
} LinkServer;

LinkServer *link_server_new(void);
void link_server_free(LinkServer *server);
const uint8_t *link_server_public_key(LinkServer *server); /* TICKET_PUBLIC_BYTES */
