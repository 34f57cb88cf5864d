/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crypto.h: one OpenSSL library context per server, whose random numbers come from core.
 *
 * Nothing process-global is touched: the host has its own OpenSSL state. The context is made at the first TLS or
 * ticket use; its random *algorithm* (not only its seed) reads Core.entropy, through a built-in provider, so that a
 * simulated server is deterministic (DESIGN section 3).
 *
 * Ownership  the server owns its Crypto; it outlives every stream and key of that server.
 * Thread     crypto_context() may be called from the main domain and from the key maker's thread, first from the main
 *            domain. OpenSSL keeps a generator per thread that drew a random number, and frees it when the thread ends,
 *            through the context. Our threads are joined before crypto_free(); a host's may outlive the server, and
 *            another one may destroy it. And exit() cleans up what all contexts share, while our threads go on. So whoever
 *            uses OpenSSL does it between crypto_enter() and crypto_leave().
 */
#pragma once

#include "core/core.h"

typedef struct Crypto Crypto;
struct ossl_lib_ctx_st;

Crypto *crypto_new(const Core *core);
void crypto_free(Crypto *crypto);
/* NULL: OpenSSL refused; logged once. */
struct ossl_lib_ctx_st *crypto_context(Crypto *crypto);
/* Until crypto_leave() the process does not end. false: it is ending, or there is no context (which is logged). May be
 * nested, and left on another thread. */
bool crypto_enter(Crypto *crypto);
/* This thread keeps nothing of the context. */
void crypto_leave(Crypto *crypto);
