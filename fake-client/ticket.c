/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ticket.c: the password under the server's key: RSA-OAEP with SHA-1 and MGF1-SHA-1, as the protocol has
 * it. */
#include "internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static bool encrypt(struct ossl_lib_ctx_st *crypto, EVP_PKEY *key, const char *password, uint8_t *ret_ticket)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(crypto, key, NULL);
    size_t len = WIRE_LINK_TICKET_BYTES;
    const bool done =
        context != NULL && EVP_PKEY_encrypt_init(context) > 0 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
        EVP_PKEY_CTX_set_rsa_oaep_md_name(context, "SHA1", NULL) > 0 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, "SHA1", NULL) > 0 &&
        EVP_PKEY_encrypt(context, ret_ticket, &len, (const uint8_t *)password, strlen(password) + 1) > 0;
    EVP_PKEY_CTX_free(context);
    return done && len == WIRE_LINK_TICKET_BYTES;
}

bool ticket_make(struct ossl_lib_ctx_st *crypto, Span public_key, const char *password,
                 uint8_t ret_ticket[WIRE_LINK_TICKET_BYTES], const char **ret_why)
{
    ERR_clear_error();
    const uint8_t *at = public_key.data;
    EVP_PKEY *key = crypto == NULL ? NULL : d2i_PUBKEY_ex(NULL, &at, (long)public_key.len, crypto, NULL);
    bool done = false;
    if (key == NULL) {
        *ret_why = "it does not parse";
    } else if (!EVP_PKEY_is_a(key, "RSA")) {
        *ret_why = "it is no RSA key";
    } else if (EVP_PKEY_get_bits(key) != 1024) {
        *ret_why = "it has not 1024 bits";
    } else if (at != public_key.data + public_key.len) {
        *ret_why = "bytes follow it";
    } else if (!encrypt(crypto, key, password, ret_ticket)) {
        *ret_why = "it does not encrypt";
    } else {
        done = true;
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return done;
}
