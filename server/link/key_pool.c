/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/key_pool.h"

#include <glib.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "base/ref.h"
#include "net/crypto.h"

#define TICKET_KEY_BITS 1024
#define SPENT_BYTES 16 /* of a ticket: honest ones are random */

struct TicketKey {
    Ref ref;
    Crypto *crypto;
    EVP_PKEY *key; /* NULL: core gave it, and no ticket has come yet */
    Span given;    /* then core's DER */
    uint8_t public_der[TICKET_PUBLIC_BYTES];
    uint8_t spent[TICKET_KEY_LINKS_MAX][SPENT_BYTES]; /* how the tickets begin that have opened something */
    uint32_t spent_len;
};

/* One key being made. It goes to the maker's loop, makes the key, and comes back to the main domain as the
 * same task. It outlives its pool if it is under way when the pool is freed; it is empty then. */
typedef struct KeyJob {
    CoreTask task;
    CoreLoop *main_loop;
    KeyPool *pool;  /* NULL: freed meanwhile. The main domain's */
    Crypto *crypto; /* entered until the key is made */
    TicketKey *key; /* NULL: could not be made */
    char reason[128];
} KeyJob;

struct KeyPool {
    const Core *core;
    CoreLoop *main_loop;
    Crypto *crypto;
    KeyPoolReadyFunc ready;
    void *opaque;

    TicketKey *current;
    uint32_t current_links; /* that announced it */
    uint64_t current_since_ns;
    TicketKey *next;
    KeyJob *job;  /* under way; NULL: none */
    bool awaited; /* key_pool_take() had none to give */
    bool told_failure;

    bool hook_asked;
    TicketKey *given; /* what core gave instead; used for ever */

    CoreLoop *maker_loop; /* both NULL before the first need */
    CoreThread *maker;
};

/* ---- Keys -------------------------------------------------------------------------------------------------
 */

/* What uses OpenSSL here is called between crypto_enter() and crypto_leave(), but for what links call. */

static TicketKey *ticket_key_new(Crypto *crypto, EVP_PKEY *take_key)
{
    uint8_t *der = NULL;
    TicketKey *key = NULL;
    const int len = i2d_PUBKEY(take_key, &der);

    if (len == (int)TICKET_PUBLIC_BYTES && EVP_PKEY_get_size(take_key) == (int)TICKET_CIPHER_BYTES) {
        key = g_new0(TicketKey, 1);
        ref_init(&key->ref);
        key->crypto = crypto;
        key->key = take_key;
        memcpy(key->public_der, der, TICKET_PUBLIC_BYTES);
    } else {
        EVP_PKEY_free(take_key);
    }
    OPENSSL_free(der);
    return key;
}

static TicketKey *ticket_key_make(Crypto *crypto)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(crypto_context(crypto), "RSA", NULL);
    EVP_PKEY *made = NULL;

    /* The exponent is 65537 unless told otherwise. */
    const bool good = maker != NULL && EVP_PKEY_keygen_init(maker) == 1 &&
                      EVP_PKEY_CTX_set_rsa_keygen_bits(maker, TICKET_KEY_BITS) == 1 &&
                      EVP_PKEY_generate(maker, &made) == 1;
    EVP_PKEY_CTX_free(maker);
    return good ? ticket_key_new(crypto, made) : NULL;
}

static EVP_PKEY *private_key_read(Crypto *crypto, Span der)
{
    const unsigned char *p = der.data;

    return der.len <= TLS_FILE_BYTES_MAX
               ? d2i_AutoPrivateKey_ex(NULL, &p, (long)der.len, crypto_context(crypto), NULL)
               : NULL;
}

static TicketKey *ticket_key_read(Crypto *crypto, Span der)
{
    if (!crypto_enter(crypto)) {
        return NULL;
    }
    ERR_clear_error();
    EVP_PKEY *read = private_key_read(crypto, der);
    TicketKey *key = read != NULL ? ticket_key_new(crypto, read) : NULL;
    ERR_clear_error();
    crypto_leave(crypto);
    return key;
}

/* A key of the traditional form (RFC 8017, A.1.2) begins with version, modulus and exponent: all that its public half
 * (RFC 5280, 4.1; RFC 8017, A.1.1) consists of. OpenSSL, which takes half a millisecond to start up and read a key, is
 * left alone until a ticket is to be decrypted. NULL: another form. */
static TicketKey *ticket_key_defer(Crypto *crypto, Span der)
{
    static const uint8_t private_head[] = {0x30, 0x82}, version[] = {0x02, 0x01, 0x00};
    static const uint8_t integer_of_1024_bits[] = {0x02, 0x81, 0x81, 0x00};
    static const uint8_t exponent_65537[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    static const uint8_t public_head[] = {
        0x30, 0x81, 0x9f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
        0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x81, 0x8d, 0x00, 0x30, 0x81, 0x89,
    };
    enum {
        AT_VERSION = sizeof private_head + 2, /* behind the length */
        AT_MODULUS = AT_VERSION + sizeof version,
        AT_EXPONENT = AT_MODULUS + sizeof integer_of_1024_bits + TICKET_KEY_BITS / 8,
        NUMBERS_END = AT_EXPONENT + sizeof exponent_65537,
    };
    _Static_assert(sizeof public_head + NUMBERS_END - AT_MODULUS == TICKET_PUBLIC_BYTES,
                   "head, modulus and exponent");

    if (der.len < NUMBERS_END || memcmp(der.data, private_head, sizeof private_head) != 0 ||
        memcmp(der.data + AT_VERSION, version, sizeof version) != 0 ||
        memcmp(der.data + AT_MODULUS, integer_of_1024_bits, sizeof integer_of_1024_bits) != 0 ||
        memcmp(der.data + AT_EXPONENT, exponent_65537, sizeof exponent_65537) != 0) {
        return NULL;
    }
    TicketKey *key = g_new0(TicketKey, 1);
    ref_init(&key->ref);
    key->crypto = crypto;
    key->given = der;
    memcpy(key->public_der, public_head, sizeof public_head);
    memcpy(key->public_der + sizeof public_head, der.data + AT_MODULUS, NUMBERS_END - AT_MODULUS);
    return key;
}

/* What ticket_key_defer() has put off. */
static bool ticket_key_complete(TicketKey *key)
{
    if (key->key == NULL) {
        key->key = private_key_read(key->crypto, key->given);
    }
    return key->key != NULL;
}

static TicketKey *ticket_key_ref(TicketKey *key)
{
    ref_take(&key->ref);
    return key;
}

void ticket_key_unref(TicketKey *key)
{
    if (key != NULL && ref_drop(&key->ref)) {
        if (key->key != NULL && crypto_enter(key->crypto)) {
            EVP_PKEY_free(key->key);
            crypto_leave(key->crypto);
        }
        g_free(key);
    }
}

const uint8_t *ticket_key_public(const TicketKey *key)
{
    return key->public_der;
}

bool ticket_key_decrypt(TicketKey *key, const uint8_t cipher[TICKET_CIPHER_BYTES], uint8_t *ret_plain,
                        size_t cap, size_t *ret_len)
{
    uint8_t plain[TICKET_CIPHER_BYTES]; /* OpenSSL wants room for the modulus, whatever comes out
                                           (CVE-2013-4282) */
    size_t len = sizeof plain;

    if (!crypto_enter(key->crypto)) {
        return false;
    }
    ERR_clear_error();
    EVP_PKEY_CTX *decrypter = ticket_key_complete(key)
                                  ? EVP_PKEY_CTX_new_from_pkey(crypto_context(key->crypto), key->key, NULL)
                                  : NULL;
    const bool good = decrypter != NULL && EVP_PKEY_decrypt_init(decrypter) == 1 &&
                      EVP_PKEY_CTX_set_rsa_padding(decrypter, RSA_PKCS1_OAEP_PADDING) == 1 &&
                      EVP_PKEY_decrypt(decrypter, plain, &len, cipher, TICKET_CIPHER_BYTES) == 1 &&
                      len <= cap;
    if (good) {
        memcpy(ret_plain, plain, len);
        *ret_len = len;
    }
    EVP_PKEY_CTX_free(decrypter);
    OPENSSL_cleanse(plain, sizeof plain);
    ERR_clear_error();
    crypto_leave(key->crypto);
    return good;
}

bool ticket_key_spend(TicketKey *key, const uint8_t cipher[TICKET_CIPHER_BYTES])
{
    if (key->given.len > 0) {
        return true;
    }
    for (uint32_t i = 0; i < key->spent_len; i++) {
        if (memcmp(key->spent[i], cipher, SPENT_BYTES) == 0) {
            return false;
        }
    }
    if (key->spent_len == TICKET_KEY_LINKS_MAX) {
        return false; /* more than links that announced it */
    }
    memcpy(key->spent[key->spent_len++], cipher, SPENT_BYTES);
    return true;
}

/* ---- Making -----------------------------------------------------------------------------------------------
 */

static void key_job_made(CoreTask *task, uint64_t now_ns)
{
    KeyJob *job = (KeyJob *)task;
    KeyPool *pool = job->pool;

    (void)now_ns;
    if (pool == NULL) {
        g_free(job);
        return;
    }
    const bool failed = job->key == NULL;
    if (failed && !pool->told_failure) {
        pool->told_failure = true;
        core_log(pool->core, CORE_LOG_WARNING, "cannot make a %d-bit RSA key for tickets: %s",
                 TICKET_KEY_BITS, job->reason);
    }
    if (pool->current == NULL) {
        pool->current = job->key;
        pool->current_links = 0;
    } else {
        pool->next = job->key;
    }
    g_free(job);
    pool->job = NULL;
    if (pool->awaited) {
        pool->awaited = false;
        pool->ready(pool->opaque, failed);
    }
}

/* On the maker's thread. */
static void key_job_make(CoreTask *task, uint64_t now_ns)
{
    KeyJob *job = (KeyJob *)task;

    (void)now_ns;
    ERR_clear_error();
    job->key = ticket_key_make(job->crypto);
    if (job->key == NULL) {
        ERR_error_string_n(ERR_peek_error(), job->reason, sizeof job->reason);
    }
    ERR_clear_error();
    crypto_leave(job->crypto);
    job->task.run = key_job_made;
    loop_post(job->main_loop, &job->task);
}

static void maker_entry(void *arg)
{
    CoreLoop *loop = arg;

    loop->core->loop_run(loop);
}

static const char *key_pool_start_maker(KeyPool *pool)
{
    const Core *core = pool->core;

    if (pool->maker != NULL) {
        return NULL;
    }
    pool->maker_loop = core->loop_new(core, "spice-keys");
    if (pool->maker_loop == NULL) {
        return "no loop";
    }
    pool->maker = core->thread_start(core, "spice-keys", maker_entry, pool->maker_loop);
    if (pool->maker == NULL) {
        core->loop_free(pool->maker_loop);
        pool->maker_loop = NULL;
        return "no thread";
    }
    return NULL;
}

static void key_pool_make(KeyPool *pool)
{
    if (pool->job != NULL || pool->next != NULL) {
        return;
    }
    KeyJob *job = pool->job = g_new0(KeyJob, 1);
    job->pool = pool;
    job->main_loop = pool->main_loop;
    job->crypto = pool->crypto;
    const bool entered = crypto_enter(pool->crypto);
    const char *error = entered ? key_pool_start_maker(pool) : "no OpenSSL, or the process is ending";
    if (error != NULL) {
        if (entered) {
            crypto_leave(pool->crypto);
        }
        /* Told like any other failure, not from inside key_pool_take(). */
        g_strlcpy(job->reason, error, sizeof job->reason);
        job->task.run = key_job_made;
        loop_post(pool->main_loop, &job->task);
        return;
    }
    job->task.run = key_job_make;
    loop_post(pool->maker_loop, &job->task);
}

/* ---- The pool ---------------------------------------------------------------------------------------------
 */

KeyPool *key_pool_new(const Core *core, CoreLoop *main_loop, Crypto *crypto, KeyPoolReadyFunc ready,
                      void *opaque)
{
    KeyPool *pool = g_new0(KeyPool, 1);

    pool->core = core;
    pool->main_loop = main_loop;
    pool->crypto = crypto;
    pool->ready = ready;
    pool->opaque = opaque;
    return pool;
}

void key_pool_free(KeyPool *pool)
{
    if (pool == NULL) {
        return;
    }
    if (pool->maker != NULL) {
        pool->core->loop_quit(pool->maker_loop);
        pool->core->thread_join(pool->core, pool->maker);
        pool->core->loop_free(pool->maker_loop);
    }
    if (pool->job != NULL) {
        /* Whatever became of it, it is posted to the main domain by now, and frees itself there. */
        ticket_key_unref(pool->job->key);
        pool->job->key = NULL;
        pool->job->pool = NULL;
    }
    ticket_key_unref(pool->current);
    ticket_key_unref(pool->next);
    ticket_key_unref(pool->given);
    g_free(pool);
}

/* A universe may bring its own key, which then serves all links. */
static TicketKey *key_pool_ask_core(KeyPool *pool)
{
    Span der;

    if (pool->hook_asked) {
        return pool->given;
    }
    pool->hook_asked = true;
    if (pool->core->ticket_key != NULL && pool->core->ticket_key(pool->core, &der)) {
        pool->given = ticket_key_defer(pool->crypto, der);
        if (pool->given == NULL) {
            pool->given = ticket_key_read(pool->crypto, der);
        }
        if (pool->given == NULL) {
            core_log(pool->core, CORE_LOG_WARNING, "the given ticket key is no %d-bit RSA key",
                     TICKET_KEY_BITS);
        }
    }
    return pool->given;
}

static bool key_pool_current_is_worn(const KeyPool *pool, uint64_t now_ns)
{
    return pool->current_links >= TICKET_KEY_LINKS_MAX ||
           (pool->current_links > 0 && now_ns - pool->current_since_ns >= TICKET_KEY_AGE_NS);
}

TicketKey *key_pool_take(KeyPool *pool, uint64_t now_ns)
{
    if (key_pool_ask_core(pool) != NULL) {
        return ticket_key_ref(pool->given);
    }
    if (pool->current != NULL && key_pool_current_is_worn(pool, now_ns)) {
        ticket_key_unref(pool->current);
        pool->current = pool->next;
        pool->current_links = 0;
        pool->next = NULL;
    }
    if (pool->current == NULL) {
        pool->awaited = true;
        key_pool_make(pool);
        return NULL;
    }
    if (pool->current_links == 0) {
        pool->current_since_ns = now_ns;
    }
    pool->current_links++;
    key_pool_make(pool); /* the next, ahead of need */
    return ticket_key_ref(pool->current);
}
