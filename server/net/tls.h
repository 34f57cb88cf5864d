/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls.h: the server's TLS settings, and the TLS filter of a stream, both on OpenSSL 3 with memory BIOs.
 *
 * A TlsContext is made once, at spice_server_init, from the files the host named; they are read through core. TLS 1.2
 * and later, no compression, no renegotiation, no session tickets or cache, the peer is not asked for a certificate.
 * An engine call clears OpenSSL's error queue first.
 *
 * Ownership  reference counted; the server holds one, each TLS stream another.
 * Thread     the TlsContext is immutable after tls_context_new(); a TlsFilter belongs to its stream.
 * Errors     tls_context_new() logs what failed (file and reason) and returns NULL.
 * Source     reference/api-and-behaviour.md sections 1.2 (set_tls) and 4.7.
 */
#pragma once

#include "core/core.h"

typedef struct Crypto Crypto; /* net/crypto.h */
typedef struct TlsContext TlsContext;
typedef struct TlsFilter TlsFilter;

typedef struct TlsFiles {
    const char *ca_path;
    const char *cert_path; /* PEM chain, our certificate first */
    const char *key_path;
    const char *key_password; /* NULL: none */
    const char *dh_path;      /* NULL: OpenSSL's own choice */
    const char *ciphers;      /* NULL: OpenSSL's default; TLS 1.2 and below only */
} TlsFiles;

TlsContext *tls_context_new(const Core *core, Crypto *crypto, const TlsFiles *files);
TlsContext *tls_context_ref(TlsContext *context);
void tls_context_unref(TlsContext *context);
