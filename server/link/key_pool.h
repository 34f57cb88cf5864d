/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* key_pool.h: the RSA keys with which tickets are encrypted, made ready away from the main domain.
 *
 * The protocol wants a 1024-bit RSA key in every link reply; making one costs 7 ms. A key serves at most
 * TICKET_KEY_LINKS_MAX links or TICKET_KEY_AGE_NS after its first use (base/limits.h); the next one is made in time
 * on a thread of the pool, started at the first need (never before spice_server_init). When none is ready,
 * key_pool_take() returns NULL and `ready` is called in the main domain as soon as there is one. A key that core brings
 * along (Core.ticket_key) serves all links, without a thread.
 *
 * Ownership  the pool holds the current and the next key; each link holds a reference to the key it announced.
 *            key_pool_free() joins the thread. A job of its own may still be posted to the main loop then, which must
 *            run it before it goes (host_loop_free() does); every key is gone before the Crypto.
 * Thread     the main domain, but ticket_key_unref(), which may be called anywhere.
 * Errors     if key making fails (out of memory, FIPS refusing 1024 bits), one warning is logged and `failed` is
 *            passed to `ready`: links then end with an error reply. The next key_pool_take() tries again.
 * Source     reference/wire-protocol.md sections 1.4 and 1.6.
 */
#pragma once

#include "core/core.h"

typedef struct TicketKey TicketKey;
typedef struct KeyPool KeyPool;
typedef struct Crypto Crypto; /* net/crypto.h: the server's OSSL_LIB_CTX */

#define TICKET_PUBLIC_BYTES 162u
#define TICKET_CIPHER_BYTES 128u

typedef void (*KeyPoolReadyFunc)(void *opaque, bool failed);

/* `crypto` is borrowed and outlives the pool. Makes nothing yet. */
KeyPool *key_pool_new(const Core *core, CoreLoop *main_loop, Crypto *crypto, KeyPoolReadyFunc ready,
                      void *opaque);
void key_pool_free(KeyPool *pool);

/* A referenced key, or NULL: `ready` will be called. */
TicketKey *key_pool_take(KeyPool *pool, uint64_t now_ns);

void ticket_key_unref(TicketKey *key);
const uint8_t *ticket_key_public(const TicketKey *key); /* TICKET_PUBLIC_BYTES of DER */
/* RSA-OAEP (SHA-1). False: it does not decrypt. Writes at most `cap` bytes. */
bool ticket_key_decrypt(TicketKey *key, const uint8_t cipher[TICKET_CIPHER_BYTES], uint8_t *ret_plain,
                        size_t cap, size_t *ret_len);
/* Once a ticket has opened something it opens nothing more: somebody who listened may send it again while the key lives.
 * False: it has. A key that core gave serves for ever, and takes every ticket as often as it comes. */
bool ticket_key_spend(TicketKey *key, const uint8_t cipher[TICKET_CIPHER_BYTES]);
