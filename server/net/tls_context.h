/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tls_context.h: what is inside a TlsContext; for tls.c and tls_filter.c only. */
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/ref.h"
#include "net/tls.h"

struct TlsContext {
    Ref ref;
    const Core *core;
    Crypto *crypto;
    SSL_CTX *ssl;
    BIO_METHOD *bio; /* between OpenSSL and the buffers of a TlsFilter */
};

BIO_METHOD *tls_filter_bio_new(void);
