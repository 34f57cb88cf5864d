/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/net/test_pki.h"

#include <setjmp.h>
#include <stdlib.h>
#include <openssl/dh.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cmocka.h>

const TlsFiles test_tls_files = {.ca_path = "ca.pem", .cert_path = "chain.pem", .key_path = "key.pem"};

static TestPem take(BIO *bio)
{
    char *data;
    const long len = BIO_get_mem_data(bio, &data);
    TestPem pem = {malloc((size_t)len), (size_t)len};

    memcpy(pem.data, data, (size_t)len);
    BIO_free(bio);
    return pem;
}

static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer == NULL ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 36000);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name,
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert));
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static TestPem key_pem(EVP_PKEY *key, const char *password)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, password != NULL ? EVP_aes_128_cbc() : NULL,
                                                   password, password != NULL ? (int)strlen(password) : 0,
                                                   NULL, NULL),
                     1);
    return take(bio);
}

static TestPem cert_pem(X509 *first, X509 *second, int times)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, first), 1);
    for (int i = 0; i < times; i++) {
        assert_int_equal(PEM_write_bio_X509(bio, second), 1);
    }
    return take(bio);
}

static TestPem dh_pem(void)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_PKEY *parameters = NULL;

    assert_int_equal(EVP_PKEY_paramgen_init(maker), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dh_nid(maker, NID_ffdhe3072), 1);
    assert_int_equal(EVP_PKEY_generate(maker, &parameters), 1);
    assert_int_equal(PEM_write_bio_Parameters(bio, parameters), 1);
    EVP_PKEY_free(parameters);
    EVP_PKEY_CTX_free(maker);
    return take(bio);
}

void test_pki_make(TestPki *pki)
{
    EVP_PKEY *ca_key = EVP_RSA_gen(2048);
    EVP_PKEY *key = EVP_RSA_gen(2048);
    EVP_PKEY *other = EVP_RSA_gen(2048);
    X509 *ca = certificate("test authority", ca_key, NULL, ca_key);
    X509 *cert = certificate("localhost", key, ca, ca_key);

    pki->ca = cert_pem(ca, NULL, 0);
    pki->cert = cert_pem(cert, NULL, 0);
    pki->chain = cert_pem(cert, ca, 1);
    pki->long_chain = cert_pem(cert, ca, 80);
    pki->key = key_pem(key, NULL);
    pki->locked_key = key_pem(key, "sesame");
    pki->other_key = key_pem(other, NULL);
    pki->dh = dh_pem();
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

void test_pki_clear(TestPki *pki)
{
    TestPem *all[] = {&pki->ca,  &pki->cert,       &pki->chain,     &pki->long_chain,
                      &pki->key, &pki->locked_key, &pki->other_key, &pki->dh};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]->data);
    }
}

void test_pki_add_files(const TestPki *pki, TestCore *test)
{
    test_core_add_file(test, "ca.pem", pki->ca.data, pki->ca.len);
    test_core_add_file(test, "cert.pem", pki->cert.data, pki->cert.len);
    test_core_add_file(test, "chain.pem", pki->chain.data, pki->chain.len);
    test_core_add_file(test, "long.pem", pki->long_chain.data, pki->long_chain.len);
    test_core_add_file(test, "key.pem", pki->key.data, pki->key.len);
    test_core_add_file(test, "locked.pem", pki->locked_key.data, pki->locked_key.len);
    test_core_add_file(test, "other.pem", pki->other_key.data, pki->other_key.len);
    test_core_add_file(test, "dh.pem", pki->dh.data, pki->dh.len);
}

void test_client_init(TestClient *client, int version, OSSL_LIB_CTX *library)
{
    client->failure = 0;
    client->context = SSL_CTX_new_ex(library, NULL, TLS_client_method());
    if (version != 0) {
        if (version < TLS1_2_VERSION) {
            assert_int_equal(SSL_CTX_set_cipher_list(client->context, "ALL:@SECLEVEL=0"), 1);
        }
        assert_int_equal(SSL_CTX_set_min_proto_version(client->context, version), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(client->context, version), 1);
    }
    client->ssl = SSL_new(client->context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_connect_state(client->ssl);
}

void test_client_finish(TestClient *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
}
