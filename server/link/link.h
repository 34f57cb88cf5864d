/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* link.h: the handshake of one connection, a state machine without I/O (DESIGN section 4).
 *
 *   state        bytes expected            leaves for
 *   HEADER       16                        BODY, FAILED          (the first 4 decide: a wrong magic fails at once)
 *   BODY         header.size               KEY_WAIT, MECHANISM, TICKET, FAILED   (the reply is in the output)
 *   KEY_WAIT     none                      MECHANISM, TICKET     (no ticket key ready yet: link_key_ready())
 *   MECHANISM    4                         TICKET, FAILED        (only with AUTH_SELECTION)
 *   TICKET       128                       DECIDE, FAILED
 *   DECIDE       none                      DONE, FAILED          (authenticated; the owner says link_accept() or
 *                                                                 link_refuse())
 *   DONE, FAILED none                                            (flush the output; FAILED then closes)
 *
 * What the machine must know of the server it asks through LinkRules. With ticketing off nothing is decrypted. A
 * link keeps the key that it announced. Every wrong input of reference/security-catalogue.md 4.1 ends in FAILED
 * with the protocol's error in the output (or nothing, where the protocol says so) and link_failure() tells why.
 *
 * Ownership  a Link owns its small fixed buffers and a reference to its key. `rules` outlives it.
 * Thread     the main domain.
 * Units      bytes; deadlines are the owner's business (session/links.h).
 * Errors     none but the state: a Link never fails in any other way.
 * Source     reference/wire-protocol.md section 1, reference/api-and-behaviour.md section 4.
 */
#pragma once

#include "base/check.h"
#include "base/span.h"
#include "core/core.h"
#include "link/key_pool.h"
#include "wire/wire.h"

#define LINK_CAPS_WORDS_MAX 8u /* words of capabilities kept per kind; more are legal, unknown, and ignored */
#define LINK_INPUT_BYTES_MAX WIRE_LINK_BODY_MAX
#define LINK_OUTPUT_BYTES_MAX 512u

typedef enum LinkState {
    LINK_HEADER,
    LINK_BODY,
    LINK_KEY_WAIT,
    LINK_MECHANISM,
    LINK_TICKET,
    LINK_DECIDE,
    LINK_DONE,
    LINK_FAILED,
} LinkState;

/* A capability bit vector: cap n is bit n % 32 of word n / 32; missing words are zero. */
typedef struct LinkCaps {
    uint32_t words[LINK_CAPS_WORDS_MAX];
    uint32_t len; /* words in use */
} LinkCaps;

static inline bool link_caps_has(const LinkCaps *caps, unsigned cap)
{
    return cap / 32 < LINK_CAPS_WORDS_MAX && cap / 32 < caps->len &&
           (caps->words[cap / 32] >> (cap % 32) & 1) != 0;
}
static inline void link_caps_set(LinkCaps *caps, unsigned cap)
{
    CHECK(cap / 32 < LINK_CAPS_WORDS_MAX);
    while (caps->len <= cap / 32) {
        caps->words[caps->len++] = 0;
    }
    caps->words[cap / 32] |= UINT32_C(1) << (cap % 32);
}

/* What the client asked for, once the body was read. */
typedef struct LinkRequest {
    uint32_t connection_id;
    uint8_t channel_type;
    uint8_t channel_id;
    LinkCaps common_caps;
    LinkCaps channel_caps;
} LinkRequest;

struct Link;

typedef struct LinkRules {
    /* Is there such a channel? True: its capabilities are in *ret_caps. The main channel is asked for as id 0. */
    bool (*channel_find)(void *opaque, uint8_t type, uint8_t id, LinkCaps *ret_caps);
    /* SPICE_CHANNEL_SECURITY_NONE | _SSL bits allowed for this channel type. */
    int (*channel_security)(void *opaque, uint8_t type);
    /* Must this link prove a ticket? (false: noauth.) Not asked for links that skip authentication. */
    bool (*needs_ticket)(void *opaque, const struct Link *link);
    /* Does the decrypted ticket (password up to its NUL) open the door now? Constant time in its content. */
    bool (*ticket_opens)(void *opaque, Span password);
    void *opaque;
    /* A key to announce, referenced for the caller, or NULL when none is ready: link_key_ready() or
     * link_key_failed() is called later. */
    TicketKey *(*key_take)(void *key_opaque);
    void *key_opaque;
} LinkRules;

typedef struct Link Link;

Link *link_new(const Core *core, const LinkRules *rules, bool is_tls, bool skip_auth);
void link_free(Link *link);

/* How many bytes it wants next, at most LINK_INPUT_BYTES_MAX; 0: none now. Offer no more: what follows the handshake
 * is the channel's. */
size_t link_wants(const Link *link);
void link_receive(Link *link, Span bytes);

/* What is to be sent; valid until the next call on the link. */
Span link_output(const Link *link);
void link_sent(Link *link, size_t bytes);

LinkState link_state(const Link *link);
const LinkRequest *link_request(const Link *link); /* valid from KEY_WAIT on */
bool link_skips_auth(const Link *link);
const char *link_failure(const Link *link); /* why it FAILED, for the one log line */

/* In KEY_WAIT; ignored in other states. */
void link_key_ready(Link *link);
void link_key_failed(Link *link);
void link_accept(Link *link);                      /* DECIDE -> DONE, result OK in the output */
void link_refuse(Link *link, uint32_t link_error); /* DECIDE -> FAILED, that result in the output */
