/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_get_rand_method() */
#include "net/crypto.h"

#include <setjmp.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cmocka.h>

#include "tests/net/test_core.h"

#define DER_MAX 1024

static size_t make_key(uint64_t seed, uint8_t *ret_der, uint64_t *ret_calls)
{
    TestCore *test = test_core_new(seed);
    Crypto *crypto = crypto_new(&test->core);

    assert_int_equal(test->entropy_calls, 0); /* nothing is made before it is used */
    OSSL_LIB_CTX *library = crypto_context(crypto);
    assert_non_null(library);
    assert_ptr_equal(crypto_context(crypto), library);

    EVP_PKEY *key = EVP_PKEY_Q_keygen(library, NULL, "RSA", (size_t)1024);
    assert_non_null(key);
    unsigned char *p = ret_der;
    assert_in_range(i2d_PrivateKey(key, NULL), 1, DER_MAX);
    const int len = i2d_PrivateKey(key, &p);
    *ret_calls = test->entropy_calls;

    EVP_PKEY_free(key);
    crypto_free(crypto);
    test_core_finish(test);
    return (size_t)len;
}

static void same_entropy_gives_the_same_key(void **state)
{
    uint8_t a[DER_MAX], b[DER_MAX], c[DER_MAX];
    uint64_t a_calls, b_calls, c_calls;

    (void)state;
    const size_t a_len = make_key(1, a, &a_calls);
    const size_t b_len = make_key(1, b, &b_calls);
    const size_t c_len = make_key(2, c, &c_calls);
    assert_true(a_calls > 0);
    assert_int_equal(a_calls, b_calls);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    assert_true(a_len != c_len || memcmp(a, c, a_len) != 0);
}

static void every_generator_of_the_context_asks_core(void **state)
{
    TestCore *test = test_core_new(7);
    TestCore *same = test_core_new(7);
    Crypto *crypto = crypto_new(&test->core);
    uint8_t from_core[32], from_openssl[32];

    (void)state;
    assert_non_null(crypto_context(crypto));
    test->entropy_state = 7;
    assert_int_equal(RAND_bytes_ex(crypto_context(crypto), from_openssl, sizeof from_openssl, 0), 1);
    same->core.entropy(&same->core, from_core, sizeof from_core);
    assert_memory_equal(from_openssl, from_core, sizeof from_core);
    assert_int_equal(RAND_priv_bytes_ex(crypto_context(crypto), from_openssl, sizeof from_openssl, 0), 1);
    same->core.entropy(&same->core, from_core, sizeof from_core);
    assert_memory_equal(from_openssl, from_core, sizeof from_core);
    crypto_free(crypto);
    test_core_finish(test);
    test_core_finish(same);
}

static void nothing_of_the_process_changes(void **state)
{
    TestCore *test = test_core_new(3);
    Crypto *crypto = crypto_new(&test->core);
    const RAND_METHOD *method = RAND_get_rand_method();
    uint8_t bytes[64];

    (void)state;
    assert_non_null(crypto_context(crypto));
    const uint64_t calls = test->entropy_calls;
    assert_ptr_equal(RAND_get_rand_method(), method);
    assert_false(OSSL_PROVIDER_available(NULL, "sumac-entropy"));
    assert_true(OSSL_PROVIDER_available(crypto_context(crypto), "sumac-entropy"));
    assert_int_equal(RAND_bytes(bytes, sizeof bytes), 1);
    assert_int_equal(RAND_priv_bytes(bytes, sizeof bytes), 1);
    EVP_PKEY *key = EVP_RSA_gen(1024);
    assert_non_null(key);
    EVP_PKEY_free(key);
    assert_int_equal(test->entropy_calls, calls);
    const char *name = EVP_RAND_get0_name(EVP_RAND_CTX_get0_rand(RAND_get0_primary(NULL)));
    assert_string_equal(name, "CTR-DRBG");
    crypto_free(crypto);
    test_core_finish(test);
}

static void two_servers_have_two_contexts(void **state)
{
    TestCore *one = test_core_new(1);
    TestCore *two = test_core_new(2);
    Crypto *first = crypto_new(&one->core);
    Crypto *second = crypto_new(&two->core);
    uint8_t bytes[16];

    (void)state;
    assert_ptr_not_equal(crypto_context(first), crypto_context(second));
    const uint64_t calls = two->entropy_calls;
    assert_int_equal(RAND_bytes_ex(crypto_context(first), bytes, sizeof bytes, 0), 1);
    assert_int_equal(two->entropy_calls, calls);
    crypto_free(first);
    assert_int_equal(RAND_bytes_ex(crypto_context(second), bytes, sizeof bytes, 0), 1);
    assert_true(two->entropy_calls > calls);
    crypto_free(second);
    crypto_free(NULL);
    test_core_finish(one);
    test_core_finish(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_entropy_gives_the_same_key),
        cmocka_unit_test(every_generator_of_the_context_asks_core),
        cmocka_unit_test(nothing_of_the_process_changes),
        cmocka_unit_test(two_servers_have_two_contexts),
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
