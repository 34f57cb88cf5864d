/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/tls.h"

#include <glib.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "net/crypto.h"
#include "net/error_text.h"
#include "net/tls_context.h"

static const unsigned char session_context[] = "SPICE";

typedef struct Loading {
    SSL_CTX *ssl;
    OSSL_LIB_CTX *library;
    const TlsFiles *files;
    const char *hint; /* what is wrong, in words for whoever gave the files; NULL: OpenSSL's */
    char *
        complaint; /* what is logged after crypto_leave(), for who reads it may end the process; NULL: nothing */
} Loading;

/* Why OpenSSL said no. */
static void complain_openssl(Loading *loading, const char *what, const char *where)
{
    const unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    loading->complaint = g_strdup_printf("%s %s: %s", what, where, reason != NULL ? reason : "refused");
    ERR_clear_error();
}

static BIO *read_file(const Core *core, Loading *loading, const char *what, const char *path,
                      uint8_t **ret_data)
{
    size_t len;
    const int error = core->file_read(core, path, TLS_FILE_BYTES_MAX, ret_data, &len);

    if (error != 0) {
        loading->complaint = g_strdup_printf("cannot read %s %s: %s", what, path, error_text(error));
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(*ret_data, (int)len); /* len <= TLS_FILE_BYTES_MAX */
    if (bio == NULL) {
        complain_openssl(loading, what, path);
        core->free(core, *ret_data);
    }
    return bio;
}

typedef struct Password {
    const char *text; /* NULL: none was given */
    bool asked;
} Password;

/* Our key file may be locked; nobody is there to be asked for the password. */
static int give_password(char *buffer, int cap, int writing, void *opaque)
{
    Password *password = opaque;

    (void)writing;
    if (password == NULL) {
        return -1; /* certificates need none */
    }
    password->asked = true;
    const size_t len = password->text != NULL ? strlen(password->text) : 0;
    if (password->text == NULL || len > (size_t)cap) {
        return -1;
    }
    memcpy(buffer, password->text, len);
    return (int)len;
}

/* ---- One loader per file. Each is given the file's bytes and the library context. -------------------------
 */

static bool read_certificate(const Loading *loading, BIO *bio, X509 **ret_certificate)
{
    X509 *certificate = X509_new_ex(loading->library, NULL);

    if (certificate == NULL || PEM_read_bio_X509(bio, &certificate, give_password, NULL) == NULL) {
        X509_free(certificate); /* NULL when PEM_read_bio_X509() freed it */
        return false;
    }
    *ret_certificate = certificate;
    return true;
}

static bool load_chain(Loading *loading, BIO *bio)
{
    X509 *certificate;

    if (!read_certificate(loading, bio, &certificate)) {
        return false;
    }
    const bool used = SSL_CTX_use_certificate(loading->ssl, certificate) == 1;
    X509_free(certificate);
    if (!used) {
        return false;
    }
    while (read_certificate(loading, bio, &certificate)) {
        if (SSL_CTX_add0_chain_cert(loading->ssl, certificate) != 1) {
            X509_free(certificate);
            return false;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return false;
    }
    ERR_clear_error(); /* the end of the file */
    return true;
}

static bool load_key(Loading *loading, BIO *bio)
{
    Password password = {.text = loading->files->key_password};
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, give_password, &password, loading->library, NULL);

    if (key == NULL) {
        loading->hint = !password.asked         ? "no private key in it that can be read"
                        : password.text == NULL ? "it is locked, and no password was given"
                                                : "the password does not open it";
        return false;
    }
    const bool used =
        SSL_CTX_use_PrivateKey(loading->ssl, key) == 1 && SSL_CTX_check_private_key(loading->ssl) == 1;
    EVP_PKEY_free(key);
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (!used && (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)) {
        loading->hint = "it does not belong to the certificate";
    }
    return used;
}

/* The authorities verify nobody, as no client is asked for a certificate; but they complete our own chain
 * when the chain file holds our certificate alone. */
static bool load_authorities(Loading *loading, BIO *bio)
{
    X509_STORE *store = SSL_CTX_get_cert_store(loading->ssl);
    STACK_OF(X509_INFO) *infos =
        PEM_X509_INFO_read_bio_ex(bio, NULL, give_password, NULL, loading->library, NULL);
    bool good = infos != NULL;
    int found = 0;

    for (int i = 0; good && i < sk_X509_INFO_num(infos); i++) {
        const X509_INFO *info = sk_X509_INFO_value(infos, i);

        if (info->x509 != NULL) {
            good = X509_STORE_add_cert(store, info->x509) == 1;
            found++;
        }
        if (good && info->crl != NULL) {
            good = X509_STORE_add_crl(store, info->crl) == 1;
            found++;
        }
    }
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    return good && found > 0;
}

static bool load_dh(Loading *loading, BIO *bio)
{
    EVP_PKEY *parameters = PEM_read_bio_Parameters_ex(bio, NULL, loading->library, NULL);

    if (parameters == NULL) {
        return false;
    }
    if (SSL_CTX_set0_tmp_dh_pkey(loading->ssl, parameters) != 1) {
        EVP_PKEY_free(parameters);
        return false;
    }
    return true;
}

static bool load_file(const Core *core, Loading *loading, const char *what, const char *path,
                      bool (*load)(Loading *loading, BIO *bio))
{
    uint8_t *data;
    BIO *bio = read_file(core, loading, what, path, &data);

    if (bio == NULL) {
        return false;
    }
    loading->hint = NULL;
    const bool good = load(loading, bio);
    if (!good && loading->hint != NULL) {
        loading->complaint = g_strdup_printf("%s %s: %s", what, path, loading->hint);
        ERR_clear_error();
    } else if (!good) {
        complain_openssl(loading, what, path);
    }
    BIO_free(bio);
    core->free(core, data);
    return good;
}

/* ---- The context ------------------------------------------------------------------------------------------
 */

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0'; /* hosts pass "" for what they leave out */
}

static void set_policy(SSL_CTX *ssl)
{
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(ssl, 0); /* without it TLS 1.3 would still send tickets that name a cache entry */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    /* One SSL_write() makes one record; what it is given again after a failure may have moved. */
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
}

static bool load_all(const Core *core, Loading *loading)
{
    const TlsFiles *files = loading->files;

    set_policy(loading->ssl);
    if (!load_file(core, loading, "certificate chain", files->cert_path, load_chain) ||
        !load_file(core, loading, "private key", files->key_path, load_key) ||
        !load_file(core, loading, "CA list", files->ca_path, load_authorities)) {
        return false;
    }
    if (is_given(files->dh_path)) {
        if (!load_file(core, loading, "DH parameters", files->dh_path, load_dh)) {
            return false;
        }
    } else {
        SSL_CTX_set_dh_auto(loading->ssl, 1);
    }
    if (is_given(files->ciphers) && SSL_CTX_set_cipher_list(loading->ssl, files->ciphers) != 1) {
        complain_openssl(loading, "cipher list", files->ciphers);
        return false;
    }
    return true;
}

TlsContext *tls_context_new(const Core *core, Crypto *crypto, const TlsFiles *files)
{
    if (!crypto_enter(crypto)) {
        return NULL;
    }
    OSSL_LIB_CTX *library = crypto_context(crypto);
    ERR_clear_error();
    TlsContext *context = g_new0(TlsContext, 1);
    ref_init(&context->ref);
    context->core = core;
    context->crypto = crypto;
    context->bio = tls_filter_bio_new();
    context->ssl = SSL_CTX_new_ex(library, NULL, TLS_server_method());
    Loading loading = {.ssl = context->ssl, .library = library, .files = files};
    bool good = context->bio != NULL && context->ssl != NULL;
    if (!good) {
        complain_openssl(&loading, "new", "context");
    }
    good = good && load_all(core, &loading);
    crypto_leave(crypto);
    if (loading.complaint != NULL) {
        core_log(core, CORE_LOG_WARNING, "TLS: %s", loading.complaint);
        g_free(loading.complaint);
    }
    if (!good) {
        tls_context_unref(context);
        return NULL;
    }
    return context;
}

TlsContext *tls_context_ref(TlsContext *context)
{
    ref_take(&context->ref);
    return context;
}

void tls_context_unref(TlsContext *context)
{
    if (context == NULL || !ref_drop(&context->ref)) {
        return;
    }
    if (crypto_enter(context->crypto)) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->bio);
        crypto_leave(context->crypto);
    }
    g_free(context);
}
