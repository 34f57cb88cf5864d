/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pki.h: a certificate authority and a server's certificate, made anew by each test program, and a TLS client
 * over memory to try the server with.
 */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"
#include "tests/net/test_core.h"

typedef struct TestPem {
    char *data;
    size_t len;
} TestPem;

typedef struct TestPki {
    TestPem ca;
    TestPem cert;       /* the server's, alone */
    TestPem chain;      /* the server's, then the authority's */
    TestPem long_chain; /* the server's, then the authority's so often that it fills several records */
    TestPem key;        /* of cert */
    TestPem locked_key; /* the same, password "sesame" */
    TestPem other_key;
    TestPem dh;
} TestPki;

void test_pki_make(TestPki *pki);
void test_pki_clear(TestPki *pki);
/* Puts all of it into the core's files: ca.pem, cert.pem, chain.pem, long.pem, key.pem, locked.pem, other.pem, dh.pem. */
void test_pki_add_files(const TestPki *pki, TestCore *test);
/* chain.pem, key.pem, ca.pem. */
extern const TlsFiles test_tls_files;

typedef struct TestClient {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in;     /* what the server sent */
    BIO *out;    /* for the server */
    int failure; /* OpenSSL's reason, once the handshake failed; the test's to set */
} TestClient;

/* `version`: both the lowest and the highest; 0: any from 1.2 on. `library` NULL: the process's. */
void test_client_init(TestClient *client, int version, OSSL_LIB_CTX *library);
void test_client_finish(TestClient *client);
