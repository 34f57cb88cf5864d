/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/crypto.h"

#include <glib.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#define ENTROPY_PROVIDER "sumac-entropy"
#define ENTROPY_ALGORITHM "SUMAC-ENTROPY"
#define ENTROPY_STRENGTH_BITS 256u
#define ENTROPY_REQUEST_BYTES_MAX ((size_t)1 << 16)

struct Crypto {
    const Core *core;
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *entropy;
    OSSL_PROVIDER *algorithms;
    bool failed;
};

/* ---- The random algorithm: an EVP_RAND that keeps no state and asks core for every byte -------------------
 */

/* What OpenSSL hands to our functions: the provider itself serves as every generator's context. */
typedef struct EntropyProvider {
    const Core *core; /* set right after loading, before anything random is wanted */
} EntropyProvider;

static void *entropy_rand_new(void *provider, void *parent, const OSSL_DISPATCH *parent_functions)
{
    (void)parent;
    (void)parent_functions;
    return provider;
}

static void entropy_rand_free(void *provider)
{
    (void)provider;
}

static int entropy_rand_instantiate(void *provider, unsigned int strength, int prediction_resistance,
                                    const unsigned char *personal, size_t personal_len,
                                    const OSSL_PARAM params[])
{
    (void)prediction_resistance;
    (void)personal;
    (void)personal_len;
    (void)params;
    return ((EntropyProvider *)provider)->core != NULL && strength <= ENTROPY_STRENGTH_BITS;
}

static int entropy_rand_uninstantiate(void *provider)
{
    (void)provider;
    return 1;
}

static int entropy_rand_generate(void *provider, unsigned char *out, size_t out_len, unsigned int strength,
                                 int prediction_resistance, const unsigned char *additional,
                                 size_t additional_len)
{
    const Core *core = ((EntropyProvider *)provider)->core;

    (void)prediction_resistance;
    (void)additional;
    (void)additional_len;
    if (core == NULL || strength > ENTROPY_STRENGTH_BITS) {
        return 0;
    }
    core->entropy(core, out, out_len);
    return 1;
}

/* Core.entropy may be called from any thread, and we keep no state: nothing to lock. */
static int entropy_rand_lock(void *provider)
{
    (void)provider;
    return 1;
}

static void entropy_rand_unlock(void *provider)
{
    (void)provider;
}

static int entropy_rand_get_params(void *provider, OSSL_PARAM params[])
{
    OSSL_PARAM *p;

    (void)provider;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
    if (p != NULL && !OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY)) {
        return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    if (p != NULL && !OSSL_PARAM_set_uint(p, ENTROPY_STRENGTH_BITS)) {
        return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    if (p != NULL && !OSSL_PARAM_set_size_t(p, ENTROPY_REQUEST_BYTES_MAX)) {
        return 0;
    }
    return 1;
}

static const OSSL_DISPATCH entropy_rand_functions[] = {
    {OSSL_FUNC_RAND_NEWCTX, (void (*)(void))entropy_rand_new},
    {OSSL_FUNC_RAND_FREECTX, (void (*)(void))entropy_rand_free},
    {OSSL_FUNC_RAND_INSTANTIATE, (void (*)(void))entropy_rand_instantiate},
    {OSSL_FUNC_RAND_UNINSTANTIATE, (void (*)(void))entropy_rand_uninstantiate},
    {OSSL_FUNC_RAND_GENERATE, (void (*)(void))entropy_rand_generate},
    {OSSL_FUNC_RAND_ENABLE_LOCKING, (void (*)(void))entropy_rand_lock},
    {OSSL_FUNC_RAND_LOCK, (void (*)(void))entropy_rand_lock},
    {OSSL_FUNC_RAND_UNLOCK, (void (*)(void))entropy_rand_unlock},
    {OSSL_FUNC_RAND_GET_CTX_PARAMS, (void (*)(void))entropy_rand_get_params},
    {0, NULL},
};

static const OSSL_ALGORITHM entropy_algorithms[] = {
    {ENTROPY_ALGORITHM, "provider=" ENTROPY_PROVIDER, entropy_rand_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *entropy_query(void *provider, int operation, int *ret_no_cache)
{
    (void)provider;
    *ret_no_cache = 0;
    return operation == OSSL_OP_RAND ? entropy_algorithms : NULL;
}

static void entropy_teardown(void *provider)
{
    g_free(provider);
}

static const OSSL_DISPATCH entropy_provider_functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))entropy_teardown},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))entropy_query},
    {0, NULL},
};

static int entropy_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                                 const OSSL_DISPATCH **out, void **ret_provider)
{
    (void)handle;
    (void)in;
    *ret_provider = g_new0(EntropyProvider, 1);
    *out = entropy_provider_functions;
    return 1;
}

/* ---- The context ------------------------------------------------------------------------------------------
 */

Crypto *crypto_new(const Core *core)
{
    Crypto *crypto = g_new0(Crypto, 1);

    crypto->core = core;
    return crypto;
}

static void crypto_drop_context(Crypto *crypto)
{
    if (crypto->algorithms != NULL) {
        OSSL_PROVIDER_unload(crypto->algorithms);
        crypto->algorithms = NULL;
    }
    if (crypto->entropy != NULL) {
        OSSL_PROVIDER_unload(crypto->entropy);
        crypto->entropy = NULL;
    }
    OSSL_LIB_CTX_free(crypto->context);
    crypto->context = NULL;
}

void crypto_free(Crypto *crypto)
{
    if (crypto == NULL) {
        return;
    }
    crypto_drop_context(crypto);
    g_free(crypto);
}

static bool crypto_make_context(Crypto *crypto)
{
    /* Registers what it does at exit(), for core->exit_hold() to come after it. */
    OPENSSL_init_crypto(0, NULL);
    crypto->context = OSSL_LIB_CTX_new();
    if (crypto->context == NULL ||
        !OSSL_PROVIDER_add_builtin(crypto->context, ENTROPY_PROVIDER, entropy_provider_init)) {
        return false;
    }
    crypto->entropy = OSSL_PROVIDER_load(crypto->context, ENTROPY_PROVIDER);
    if (crypto->entropy == NULL) {
        return false;
    }
    ((EntropyProvider *)OSSL_PROVIDER_get0_provider_ctx(crypto->entropy))->core = crypto->core;
    /* Ours is the seed source too: the default one would be made along with the first generator, though never
     * asked. */
    if (!RAND_set_DRBG_type(crypto->context, ENTROPY_ALGORITHM, NULL, NULL, NULL) ||
        !RAND_set_seed_source_type(crypto->context, ENTROPY_ALGORITHM, NULL)) {
        return false;
    }
    crypto->algorithms = OSSL_PROVIDER_load(crypto->context, "default");
    return crypto->algorithms != NULL;
}

OSSL_LIB_CTX *crypto_context(Crypto *crypto)
{
    if (crypto->context != NULL || crypto->failed) {
        return crypto->context;
    }
    ERR_clear_error();
    if (!crypto_make_context(crypto)) {
        char reason[160];

        ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
        core_log(crypto->core, CORE_LOG_WARNING, "OpenSSL refused a library context: %s", reason);
        crypto_drop_context(crypto);
        crypto->failed = true;
        ERR_clear_error();
    }
    return crypto->context;
}

bool crypto_enter(Crypto *crypto)
{
    const Core *core = crypto->core;

    return crypto_context(crypto) != NULL && (core->exit_hold == NULL || core->exit_hold(core));
}

void crypto_leave(Crypto *crypto)
{
    const Core *core = crypto->core;

    OPENSSL_thread_stop_ex(crypto->context);
    if (core->exit_release != NULL) {
        core->exit_release(core);
    }
}
