/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_exit.c: hosts call exit() while our threads go on, as QEMU does, and exit() takes OpenSSL down. QEMU died so by
 * signal 11 at one of some forty quits, in the thread that makes the tickets' keys.
 *
 * The child of each test ends while a thread is inside OpenSSL, waiting for random numbers. A handler that exit() calls
 * last keeps the process alive for long enough to see what that thread meets then. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/posix/posix.h"
#include "link/key_pool.h"
#include "net/crypto.h"
#include "net/tls_filter.h"
#include "tests/net/test_pki.h"

#define IN_OPENSSL_US 100000u
#define AFTER_EXIT_US 300000u
#define REFUSALS 3

static sem_t is_in_openssl;
static bool slow; /* the next who asks for random numbers waits for them */
static Crypto *crypto;
static atomic_bool shaken;  /* what was under way when the process began to end is over */
static atomic_int refusals; /* of what came after */

static void slow_entropy(const Core *core, void *buffer, size_t len)
{
    (void)core;
    if (slow) {
        slow = false;
        sem_post(&is_in_openssl);
        usleep(IN_OPENSSL_US);
    }
    core_posix()->entropy(core_posix(), buffer, len);
}

/* Called after OpenSSL's handler, as it was registered before. */
static void stay_after_exit(void)
{
    if (crypto_enter(crypto)) {
        _exit(EXIT_FAILURE); /* there is nothing left to be entered */
    }
    usleep(AFTER_EXIT_US);
}

/* The last. What such an end leaves behind is no leak. */
static void end_here(void)
{
    _exit(EXIT_SUCCESS);
}

static void assert_ends_well(void (*body)(void))
{
    const pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        atexit(end_here);
        sem_init(&is_in_openssl, 0, 0);
        body();
        sem_wait(&is_in_openssl);
        exit(EXIT_FAILURE); /* which end_here() turns into a success, if it is called */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void on_key(void *opaque, bool failed)
{
    (void)opaque;
    (void)failed;
}

static void make_a_key(void)
{
    static Core core;

    atexit(stay_after_exit);
    core = *core_posix();
    core.entropy = slow_entropy;
    crypto = crypto_new(&core);
    KeyPool *pool = key_pool_new(&core, core.loop_new(&core, "main"), crypto, on_key, NULL);
    slow = true;
    key_pool_take(pool, 0);
}

static void exit_waits_for_the_key_that_is_made(void **state)
{
    (void)state;
    assert_ends_well(make_a_key);
}

static void assert_was_shaken(void)
{
    if (!atomic_load(&shaken)) {
        _exit(EXIT_FAILURE);
    }
}

static void assert_was_refused(void)
{
    if (atomic_load(&refusals) != REFUSALS) {
        _exit(EXIT_FAILURE);
    }
}

static void *shake_hands(void *opaque)
{
    TlsFilter *filter = opaque;
    struct iovec data = {"x", 1};
    char byte;

    slow = true;
    if (tls_filter_handshake(filter) == -EAGAIN) {
        atomic_store(&shaken, true);
    }
    /* As a worker does which has not heard that the process ends. */
    usleep(AFTER_EXIT_US / 3);
    atomic_fetch_add(&refusals, tls_filter_handshake(filter) == -ESHUTDOWN);
    atomic_fetch_add(&refusals, tls_filter_read(filter, &byte, 1) == -ESHUTDOWN);
    atomic_fetch_add(&refusals, tls_filter_write(filter, &data, 1, 0) == -ESHUTDOWN);
    tls_filter_close(filter);
    tls_filter_free(filter);
    return NULL;
}

static void answer_a_hello(void)
{
    TestPki pki;
    TestClient client;
    TestCore *test = test_core_new(1);
    pthread_t thread;
    size_t room;

    atexit(assert_was_refused); /* in the reverse order: what was shaken, the stay, what was refused */
    atexit(stay_after_exit);
    atexit(assert_was_shaken);
    test->core.entropy = slow_entropy;
    test->core.exit_hold = core_posix()->exit_hold;
    test->core.exit_release = core_posix()->exit_release;
    test_pki_make(&pki);
    test_pki_add_files(&pki, test);
    crypto = crypto_new(&test->core);
    TlsFilter *filter = tls_filter_new(tls_context_new(&test->core, crypto, &test_tls_files));
    test_client_init(&client, 0, NULL);
    SSL_do_handshake(client.ssl);
    uint8_t *input = tls_filter_input(filter, &room);
    tls_filter_received(filter, (size_t)BIO_read(client.out, input, (int)room));
    pthread_create(&thread, NULL, shake_hands, filter);
    pthread_detach(thread);
}

static void exit_waits_for_tls_of_a_worker(void **state)
{
    (void)state;
    assert_ends_well(answer_a_hello);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_waits_for_the_key_that_is_made),
        cmocka_unit_test(exit_waits_for_tls_of_a_worker),
    };

    return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
