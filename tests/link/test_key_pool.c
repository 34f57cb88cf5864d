/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/key_pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/posix/posix.h"
#include "net/crypto.h"
#include "tests/net/test_core.h"

typedef struct Owner {
    TestCore *test;
    CoreLoop *loop;
    Crypto *crypto;
    KeyPool *pool;
    int ready_calls;
    int failures;
} Owner;

static void on_ready(void *opaque, bool failed)
{
    Owner *owner = opaque;

    owner->ready_calls++;
    owner->failures += failed;
}

static void owner_init(Owner *owner)
{
    *owner = (Owner){.test = test_core_new(1)};
    owner->loop = test_core_loop(owner->test);
    owner->crypto = crypto_new(&owner->test->core);
    owner->pool = key_pool_new(&owner->test->core, owner->loop, owner->crypto, on_ready, owner);
}

static void owner_finish(Owner *owner)
{
    key_pool_free(owner->pool);
    test_core_loop_free(owner->loop);
    crypto_free(owner->crypto);
    test_core_finish(owner->test);
}

static TicketKey *take(Owner *owner)
{
    return key_pool_take(owner->pool, owner->test->now_ns);
}

/* The first key, which is always late. */
static TicketKey *take_first(Owner *owner)
{
    assert_null(take(owner));
    test_core_run(owner->test);
    TicketKey *key = take(owner);
    assert_non_null(key);
    return key;
}

static size_t encrypt(const uint8_t *public_der, const void *text, size_t len,
                      uint8_t ret_cipher[TICKET_CIPHER_BYTES])
{
    const unsigned char *p = public_der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, TICKET_PUBLIC_BYTES);
    size_t out = TICKET_CIPHER_BYTES;

    assert_non_null(key);
    EVP_PKEY_CTX *encrypter = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(encrypter), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(encrypter, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(encrypter, ret_cipher, &out, text, len), 1);
    EVP_PKEY_CTX_free(encrypter);
    EVP_PKEY_free(key);
    return out;
}

static void nothing_is_made_before_the_first_need(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    test_core_run(owner.test);
    assert_int_equal(owner.test->threads, 0);
    assert_int_equal(owner.test->entropy_calls, 0);
    owner_finish(&owner);
}

static void the_first_key_is_announced_when_it_is_ready(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    assert_null(take(&owner));
    assert_null(take(&owner));
    assert_int_equal(owner.test->threads, 1);
    assert_int_equal(owner.ready_calls, 0);
    test_core_run(owner.test);
    assert_int_equal(owner.ready_calls, 1);
    assert_int_equal(owner.failures, 0);
    TicketKey *key = take(&owner);
    assert_non_null(key);
    ticket_key_unref(key);
    test_core_run(owner.test);
    assert_int_equal(owner.ready_calls, 1); /* the key made ahead is nobody's news */
    assert_int_equal(owner.test->threads, 1);
    owner_finish(&owner);
}

static void keys_are_what_the_protocol_wants(void **state)
{
    Owner owner;
    uint8_t cipher[TICKET_CIPHER_BYTES], plain[TICKET_CIPHER_BYTES], small[4];
    size_t len = 0;

    (void)state;
    owner_init(&owner);
    TicketKey *key = take_first(&owner);
    const unsigned char *p = ticket_key_public(key);
    EVP_PKEY *parsed = d2i_PUBKEY(NULL, &p, TICKET_PUBLIC_BYTES);
    assert_non_null(parsed);
    assert_ptr_equal(p, ticket_key_public(key) + TICKET_PUBLIC_BYTES);
    assert_int_equal(EVP_PKEY_get_bits(parsed), 1024);
    BIGNUM *exponent = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(parsed, "e", &exponent), 1);
    assert_true(BN_is_word(exponent, 65537));
    BN_free(exponent);
    EVP_PKEY_free(parsed);

    /* From nothing to the most that 1024 bits hold. */
    uint8_t text[86];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i + 1);
    }
    for (size_t n = 0; n <= sizeof text; n++) {
        assert_int_equal(encrypt(ticket_key_public(key), text, n, cipher), TICKET_CIPHER_BYTES);
        assert_true(ticket_key_decrypt(key, cipher, plain, sizeof plain, &len));
        assert_int_equal(len, n);
        assert_memory_equal(plain, text, n);
    }
    len = 77;
    assert_false(ticket_key_decrypt(key, cipher, small, sizeof small, &len));
    assert_int_equal(len, 77);
    cipher[64] ^= 1;
    assert_false(ticket_key_decrypt(key, cipher, plain, sizeof plain, &len));
    memset(cipher, 0, sizeof cipher);
    assert_false(ticket_key_decrypt(key, cipher, plain, sizeof plain, &len));
    memset(cipher, 0xff, sizeof cipher); /* larger than the modulus */
    assert_false(ticket_key_decrypt(key, cipher, plain, sizeof plain, &len));
    ticket_key_unref(key);
    owner_finish(&owner);
}

static void a_key_serves_so_many_links_and_no_more(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    TicketKey *first = take_first(&owner);
    test_core_run(owner.test);
    const uint64_t calls = owner.test->entropy_calls;
    for (unsigned i = 1; i < TICKET_KEY_LINKS_MAX; i++) {
        TicketKey *same = take(&owner);
        assert_ptr_equal(same, first);
        ticket_key_unref(same);
        test_core_run(owner.test);
    }
    assert_int_equal(owner.test->entropy_calls, calls); /* one key ahead is enough */
    TicketKey *second = take(&owner);
    assert_non_null(second); /* made ahead */
    assert_ptr_not_equal(second, first);
    assert_memory_not_equal(ticket_key_public(second), ticket_key_public(first), TICKET_PUBLIC_BYTES);

    /* The first still opens what was encrypted for it. */
    uint8_t cipher[TICKET_CIPHER_BYTES], plain[TICKET_CIPHER_BYTES];
    size_t len;
    encrypt(ticket_key_public(first), "old", 3, cipher);
    assert_true(ticket_key_decrypt(first, cipher, plain, sizeof plain, &len));
    assert_false(
        ticket_key_decrypt(second, cipher, plain, sizeof plain, &len)); /* replayed under the new key */
    ticket_key_unref(first);
    ticket_key_unref(second);
    owner_finish(&owner);
}

/* Several links share a key: who listens must not enter with what he heard. */
static void a_ticket_opens_once(void **state)
{
    Owner owner;
    uint8_t cipher[TICKET_CIPHER_BYTES], other[TICKET_CIPHER_BYTES];

    (void)state;
    owner_init(&owner);
    TicketKey *key = take_first(&owner);
    encrypt(ticket_key_public(key), "secret", 7, cipher);
    encrypt(ticket_key_public(key), "secret", 7, other);
    assert_true(ticket_key_spend(key, cipher));
    assert_false(ticket_key_spend(key, cipher));
    assert_true(ticket_key_spend(key, other));
    assert_false(ticket_key_spend(key, cipher));
    ticket_key_unref(key);
    owner_finish(&owner);
}

static void a_key_ages_from_its_first_use(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    assert_null(take(&owner));
    test_core_run(owner.test);
    owner.test->now_ns += 10 * TICKET_KEY_AGE_NS; /* unused: it does not age */
    TicketKey *first = take(&owner);
    assert_non_null(first);
    test_core_run(owner.test);
    owner.test->now_ns += TICKET_KEY_AGE_NS - 1;
    TicketKey *same = take(&owner);
    assert_ptr_equal(same, first);
    owner.test->now_ns += 1;
    TicketKey *second = take(&owner);
    assert_non_null(second);
    assert_ptr_not_equal(second, first);
    ticket_key_unref(first);
    ticket_key_unref(same);
    ticket_key_unref(second);
    owner_finish(&owner);
}

static void a_worn_key_is_not_used_though_none_is_ready(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    TicketKey *first = take_first(&owner); /* its successor is being made, and not let finish */
    owner.test->now_ns += TICKET_KEY_AGE_NS;
    assert_null(take(&owner));
    test_core_run(owner.test);
    assert_int_equal(owner.ready_calls, 2);
    TicketKey *second = take(&owner);
    assert_ptr_not_equal(second, first);
    ticket_key_unref(first);
    ticket_key_unref(second);
    owner_finish(&owner);
}

static void freeing_the_pool_at_any_moment_leaves_nothing(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner); /* before anything */
    owner_finish(&owner);

    owner_init(&owner); /* while the first is made */
    assert_null(take(&owner));
    owner_finish(&owner);
    assert_int_equal(owner.ready_calls, 0);

    owner_init(&owner); /* while the second is made, and a link holds the first */
    TicketKey *key = take_first(&owner);
    key_pool_free(owner.pool);
    ticket_key_unref(key);
    owner.pool = NULL;
    owner_finish(&owner);
}

static void failures_are_told_once_to_the_log_and_each_time_to_the_owner(void **state)
{
    Owner owner;

    (void)state;
    owner_init(&owner);
    owner.test->fail_thread = 1;
    assert_null(take(&owner));
    assert_int_equal(owner.ready_calls, 0); /* never from inside key_pool_take() */
    test_core_run(owner.test);
    assert_int_equal(owner.ready_calls, 1);
    assert_int_equal(owner.failures, 1);
    assert_int_equal(owner.test->log_lines, 1);
    owner.test->fail_thread = 1;
    assert_null(take(&owner));
    test_core_run(owner.test);
    assert_int_equal(owner.failures, 2);
    assert_int_equal(owner.test->log_lines, 1);
    /* The next try succeeds. */
    TicketKey *key = take_first(&owner);
    ticket_key_unref(key);
    assert_int_equal(owner.failures, 2);
    owner_finish(&owner);
}

static void assert_is_public_half(const TicketKey *key, EVP_PKEY *given)
{
    uint8_t *expected = NULL;

    assert_int_equal(i2d_PUBKEY(given, &expected), TICKET_PUBLIC_BYTES);
    assert_memory_equal(ticket_key_public(key), expected, TICKET_PUBLIC_BYTES);
    OPENSSL_free(expected);
}

static void a_given_key_serves_for_ever_without_a_thread(void **state)
{
    Owner owner;
    EVP_PKEY *given = EVP_RSA_gen(1024);
    uint8_t *der = NULL;

    (void)state;
    const int len = i2d_PrivateKey(given, &der);
    owner_init(&owner);
    owner.test->ticket_key = span_of(der, (size_t)len);
    TicketKey *first = take(&owner);
    assert_non_null(first);
    assert_is_public_half(first, given);
    for (unsigned i = 0; i < 2 * TICKET_KEY_LINKS_MAX; i++) {
        TicketKey *same = take(&owner);
        assert_ptr_equal(same, first);
        ticket_key_unref(same);
    }
    uint8_t cipher[TICKET_CIPHER_BYTES], plain[TICKET_CIPHER_BYTES];
    size_t plain_len;
    encrypt(ticket_key_public(first), "x", 2, cipher);
    assert_true(ticket_key_decrypt(first, cipher, plain, sizeof plain, &plain_len));
    assert_int_equal(owner.test->threads, 0);
    ticket_key_unref(first);
    owner_finish(&owner);

    /* In another wrapping, PKCS#8. */
    PKCS8_PRIV_KEY_INFO *wrapped = EVP_PKEY2PKCS8(given);
    uint8_t *wrapped_der = NULL;
    const int wrapped_len = i2d_PKCS8_PRIV_KEY_INFO(wrapped, &wrapped_der);
    owner_init(&owner);
    owner.test->ticket_key = span_of(wrapped_der, (size_t)wrapped_len);
    first = take(&owner);
    assert_non_null(first);
    assert_is_public_half(first, given);
    assert_true(ticket_key_decrypt(first, cipher, plain, sizeof plain, &plain_len));
    ticket_key_unref(first);
    owner_finish(&owner);
    OPENSSL_free(wrapped_der);
    PKCS8_PRIV_KEY_INFO_free(wrapped);

    /* It begins like a key and is none: nothing decrypts. */
    memset(der + 200, 0xff, (size_t)len - 200);
    owner_init(&owner);
    owner.test->ticket_key = span_of(der, (size_t)len);
    first = take(&owner);
    assert_non_null(first);
    assert_false(ticket_key_decrypt(first, cipher, plain, sizeof plain, &plain_len));
    assert_false(ticket_key_decrypt(first, cipher, plain, sizeof plain, &plain_len));
    ticket_key_unref(first);
    owner_finish(&owner);

    /* One that is of no use is replaced by one that we make. */
    owner_init(&owner);
    owner.test->ticket_key = span_of("junk", 4);
    ticket_key_unref(take_first(&owner));
    assert_int_equal(owner.test->log_lines, 1);
    owner_finish(&owner);
    OPENSSL_free(der);
    EVP_PKEY_free(given);
}

static void same_entropy_gives_the_same_keys(void **state)
{
    uint8_t keys[2][TICKET_PUBLIC_BYTES];

    (void)state;
    for (int i = 0; i < 2; i++) {
        Owner owner;

        owner_init(&owner);
        TicketKey *key = take_first(&owner);
        memcpy(keys[i], ticket_key_public(key), TICKET_PUBLIC_BYTES);
        ticket_key_unref(key);
        owner_finish(&owner);
    }
    assert_memory_equal(keys[0], keys[1], TICKET_PUBLIC_BYTES);
}

/* ---- With real threads -------------------------------------------------------------------------------------- */

typedef struct RealOwner {
    const Core *core;
    CoreLoop *loop;
    KeyPool *pool;
    uint64_t now_ns;
    int taken;
} RealOwner;

static void real_on_ready(void *opaque, bool failed)
{
    RealOwner *owner = opaque;
    TicketKey *key;

    assert_false(failed);
    /* Uses keys up until none is ready, five times over. */
    while ((key = key_pool_take(owner->pool, owner->now_ns)) != NULL) {
        ticket_key_unref(key);
        owner->now_ns += TICKET_KEY_AGE_NS;
        if (++owner->taken == 5) {
            owner->core->loop_quit(owner->loop);
            return;
        }
    }
}

static void keys_are_made_on_a_thread_of_their_own(void **state)
{
    const Core *core = core_posix();
    Crypto *crypto = crypto_new(core);
    RealOwner owner = {.core = core, .loop = core->loop_new(core, "main")};

    (void)state;
    owner.pool = key_pool_new(core, owner.loop, crypto, real_on_ready, &owner);
    assert_null(key_pool_take(owner.pool, owner.now_ns));
    core->loop_run(owner.loop);
    assert_int_equal(owner.taken, 5);
    key_pool_free(owner.pool); /* one more is likely under way */
    core->loop_quit(owner.loop);
    core->loop_run(owner.loop);
    core->loop_free(owner.loop);
    crypto_free(crypto);
}

typedef struct Outliver {
    TicketKey *key;
    sem_t has_decrypted, may_end;
} Outliver;

static void *outliver_main(void *opaque)
{
    Outliver *outliver = opaque;
    uint8_t cipher[TICKET_CIPHER_BYTES] = {1}, plain[TICKET_CIPHER_BYTES];
    size_t len;

    ticket_key_decrypt(outliver->key, cipher, plain, sizeof plain, &len);
    ticket_key_unref(outliver->key);
    sem_post(&outliver->has_decrypted);
    sem_wait(&outliver->may_end);
    return NULL;
}

/* OpenSSL frees what it keeps for a thread when that thread ends, through the library context. */
static void a_thread_that_decrypted_may_outlive_the_context(void **state)
{
    Owner owner;
    Outliver outliver;
    pthread_t thread;

    (void)state;
    owner_init(&owner);
    outliver.key = take_first(&owner);
    sem_init(&outliver.has_decrypted, 0, 0);
    sem_init(&outliver.may_end, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, outliver_main, &outliver), 0);
    sem_wait(&outliver.has_decrypted);
    owner_finish(&owner);
    /* Whoever reads freed memory now should not find it as it was. */
    for (size_t bytes = 16; bytes < 4096; bytes += 16) {
        uint8_t *fill = malloc(bytes);
        memset(fill, 0xa5, bytes);
        free(fill);
    }
    sem_post(&outliver.may_end);
    pthread_join(thread, NULL);
    sem_destroy(&outliver.has_decrypted);
    sem_destroy(&outliver.may_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_before_the_first_need),
        cmocka_unit_test(the_first_key_is_announced_when_it_is_ready),
        cmocka_unit_test(keys_are_what_the_protocol_wants),
        cmocka_unit_test(a_key_serves_so_many_links_and_no_more),
        cmocka_unit_test(a_ticket_opens_once),
        cmocka_unit_test(a_key_ages_from_its_first_use),
        cmocka_unit_test(a_worn_key_is_not_used_though_none_is_ready),
        cmocka_unit_test(freeing_the_pool_at_any_moment_leaves_nothing),
        cmocka_unit_test(failures_are_told_once_to_the_log_and_each_time_to_the_owner),
        cmocka_unit_test(a_given_key_serves_for_ever_without_a_thread),
        cmocka_unit_test(same_entropy_gives_the_same_keys),
        cmocka_unit_test(keys_are_made_on_a_thread_of_their_own),
        cmocka_unit_test(a_thread_that_decrypted_may_outlive_the_context),
    };

    return cmocka_run_group_tests_name("key_pool", tests, NULL, NULL);
}
