/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/stream.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cmocka.h>

#include "net/crypto.h"
#include "net/tls_filter.h"
#include "tests/net/test_pki.h"

#define DATA_BYTES 300000u

static TestPki pki;

/* A stream, its user, and the peer's end of its socket. */
typedef struct User {
    TestCore *test;
    Crypto *crypto;
    TlsContext *context;
    CoreLoop *loop;
    Stream *stream;
    int peer;
    TestClient client; /* TLS only */
    bool is_tls;

    int calls;
    unsigned last_ready;
    size_t read_max; /* per call; 0: reads nothing */
    bool frees, detaches;
    uint8_t received[DATA_BYTES];
    size_t received_len;
    int64_t last_read;
    const uint8_t *to_send;
    size_t to_send_len;
} User;

static void user_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    User *user = opaque;

    (void)now_ns;
    user->calls++;
    user->last_ready = ready;
    if (user->frees) {
        stream_free(user->stream);
        user->stream = NULL;
        return;
    }
    if (user->detaches) {
        stream_detach(user->stream);
        return;
    }
    if ((ready & CORE_READ) != 0 && user->read_max > 0) {
        const size_t room = DATA_BYTES - user->received_len;
        user->last_read = stream_read(user->stream, user->received + user->received_len,
                                      user->read_max < room ? user->read_max : room);
        if (user->last_read > 0) {
            user->received_len += (size_t)user->last_read;
        } else if (user->last_read != -EAGAIN) {
            stream_want(user->stream, 0);
        }
    }
    if ((ready & CORE_WRITE) != 0 && user->to_send_len > 0) {
        /* In three pieces, so that gathering has something to do. */
        const size_t third = user->to_send_len / 3;
        const struct iovec iov[] = {{(void *)user->to_send, third},
                                    {(void *)(user->to_send + third), third},
                                    {(void *)(user->to_send + 2 * third), user->to_send_len - 2 * third}};
        const int64_t n = stream_writev(user->stream, iov, 3);
        if (n > 0) {
            user->to_send += n;
            user->to_send_len -= (size_t)n;
        } else if (n != -EAGAIN) {
            stream_want(user->stream, 0);
        }
        if (user->to_send_len == 0) {
            stream_want(user->stream, CORE_READ);
        }
    }
}

static User *user_new_with(bool is_tls, const TlsFiles *files)
{
    User *user = calloc(1, sizeof *user);
    int handle;

    user->test = test_core_new(1);
    user->is_tls = is_tls;
    user->loop = test_core_loop(user->test);
    user->read_max = DATA_BYTES;
    test_socket_pair(user->test, &handle, &user->peer);
    user->stream = stream_new(&user->test->core, handle);
    if (is_tls) {
        test_pki_add_files(&pki, user->test);
        user->crypto = crypto_new(&user->test->core);
        user->context = tls_context_new(&user->test->core, user->crypto, files);
        assert_int_equal(stream_start_tls(user->stream, user->context), STATUS_OK);
        test_client_init(&user->client, 0, NULL);
    }
    assert_int_equal(stream_is_tls(user->stream), is_tls);
    assert_true(stream_is_unix(user->stream));
    assert_true(stream_attach(user->stream, user->loop, user_on_ready, user));
    return user;
}

static User *user_new(bool is_tls)
{
    return user_new_with(is_tls, &test_tls_files);
}

static void user_finish(User *user)
{
    stream_free(user->stream);
    if (user->peer >= 0) {
        close(user->peer);
    }
    if (user->is_tls) {
        test_client_finish(&user->client);
        tls_context_unref(user->context);
        crypto_free(user->crypto);
    }
    test_core_loop_free(user->loop);
    test_core_finish(user->test);
    free(user);
}

/* Moves what the client has to say to its socket, `piece` bytes at a time, and what came from there to the client.
 * True while something moved. */
static bool peer_pump(User *user, size_t piece)
{
    uint8_t buffer[4096];
    char *bytes;
    bool moved = false;

    const size_t len = (size_t)BIO_get_mem_data(user->client.out, &bytes);
    if (len > 0) {
        const ssize_t n = send(user->peer, bytes, len < piece ? len : piece, MSG_NOSIGNAL);
        if (n > 0) {
            static uint8_t dropped[1 << 20];
            assert_true((size_t)n <= sizeof dropped);
            BIO_read(user->client.out, dropped, (int)n);
            moved = true;
        }
    }
    const ssize_t n = recv(user->peer, buffer, piece < sizeof buffer ? piece : sizeof buffer, 0);
    if (n > 0) {
        BIO_write(user->client.in, buffer, (int)n);
        moved = true;
    }
    return moved;
}

static void handshake(User *user)
{
    for (int i = 0;
         i < 1000 && (stream_is_handshaking(user->stream) || !SSL_is_init_finished(user->client.ssl)); i++) {
        SSL_do_handshake(user->client.ssl);
        ERR_clear_error();
        peer_pump(user, SIZE_MAX);
        test_core_run(user->test);
    }
    assert_false(stream_is_handshaking(user->stream));
    assert_true(SSL_is_init_finished(user->client.ssl));
}

static void fill(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 7 + i / 253);
    }
}

/* ---- Plain ------------------------------------------------------------------------------------------------- */

static void plain_bytes_pass_unchanged(void **state)
{
    User *user = user_new(false);
    uint8_t got[16];

    (void)state;
    assert_false(stream_is_handshaking(user->stream));
    assert_int_equal(write(user->peer, "hello", 5), 5);
    test_core_run(user->test);
    assert_int_equal(user->calls, 0); /* nothing is wanted yet */
    stream_want(user->stream, CORE_READ);
    test_core_run(user->test);
    assert_int_equal(user->calls, 1);
    assert_int_equal(user->last_ready, CORE_READ);
    assert_int_equal(user->received_len, 5);
    assert_memory_equal(user->received, "hello", 5);
    assert_int_equal(stream_read(user->stream, got, sizeof got), -EAGAIN);

    const struct iovec iov[] = {{"wor", 3}, {"", 0}, {"ld", 2}};
    assert_int_equal(stream_writev(user->stream, iov, 3), 5);
    assert_int_equal(stream_unsent(user->stream), 0);
    assert_int_equal(read(user->peer, got, sizeof got), 5);
    assert_memory_equal(got, "world", 5);

    close(user->peer);
    user->peer = -1;
    test_core_run(user->test);
    assert_int_equal(user->last_read, 0);
    user_finish(user);
}

static void a_full_socket_takes_part_and_calls_back(void **state)
{
    static uint8_t data[DATA_BYTES], got[DATA_BYTES];
    User *user = user_new(false);
    size_t len = 0;

    (void)state;
    fill(data, sizeof data);
    setsockopt(stream_handle(user->stream), SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
    user->to_send = data;
    user->to_send_len = sizeof data;
    stream_want(user->stream, CORE_WRITE | CORE_READ);
    test_core_run(user->test);
    assert_in_range(user->to_send_len, 1, sizeof data - 1);
    while (len < sizeof got) {
        const ssize_t n = read(user->peer, got + len, sizeof got - len);
        assert_true(n > 0);
        len += (size_t)n;
        test_core_run(user->test);
    }
    assert_memory_equal(got, data, sizeof data);
    user_finish(user);
}

static void a_reset_peer_is_an_error_and_no_signal(void **state)
{
    User *user = user_new(false);
    uint8_t byte = 0;

    (void)state;
    close(user->peer);
    user->peer = -1;
    assert_int_equal(stream_writev(user->stream, &(struct iovec){&byte, 1}, 1), -EPIPE);
    assert_string_not_equal(stream_error_text(user->stream), "no error");
    assert_int_equal(stream_read(user->stream, &byte, 1), -EPIPE); /* dead is dead */
    user_finish(user);
}

static void the_callback_may_free_or_detach(void **state)
{
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        for (int frees = 0; frees < 2; frees++) {
            User *user = user_new(is_tls != 0);

            if (is_tls) {
                stream_want(user->stream, CORE_READ);
                handshake(user);
            }
            user->frees = frees != 0;
            user->detaches = frees == 0;
            stream_want(user->stream, CORE_READ | CORE_WRITE);
            const int before = user->calls;
            test_core_run(user->test);
            assert_int_equal(user->calls, before + 1);
            if (frees) {
                assert_null(user->stream);
            }
            user_finish(user);
        }
    }
}

static void a_stream_moves_between_loops(void **state)
{
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        User *user = user_new(is_tls != 0);
        CoreLoop *other = test_core_loop(user->test);

        if (is_tls) {
            stream_want(user->stream, CORE_READ);
            handshake(user);
            SSL_write(user->client.ssl, "kept", 4);
            while (peer_pump(user, SIZE_MAX)) {
            }
        } else {
            assert_int_equal(write(user->peer, "kept", 4), 4);
        }
        stream_detach(user->stream);
        stream_detach(user->stream);
        test_core_run(user->test);
        assert_int_equal(user->received_len, 0);
        assert_true(stream_attach(user->stream, other, user_on_ready, user));
        test_core_run(user->test);
        assert_int_equal(user->received_len, 0); /* what was wanted is forgotten */
        stream_want(user->stream, CORE_READ);
        test_core_run(user->test);
        assert_int_equal(user->received_len, 4);
        stream_free(user->stream);
        user->stream = NULL;
        test_core_loop_free(other);
        user_finish(user);
    }
}

static void failed_attachment_leaves_it_detached(void **state)
{
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        User *user = user_new(is_tls != 0);

        stream_detach(user->stream);
        user->test->fail_watch = 1;
        assert_false(stream_attach(user->stream, user->loop, user_on_ready, user));
        user->test->fail_timer = is_tls;
        assert_int_equal(stream_attach(user->stream, user->loop, user_on_ready, user), !is_tls);
        if (is_tls) {
            assert_true(stream_attach(user->stream, user->loop, user_on_ready, user));
        }
        user_finish(user);
    }
}

static void a_released_handle_stays_open(void **state)
{
    User *user = user_new(true);
    char byte;

    (void)state;
    const int handle = stream_release(user->stream);
    user->stream = NULL;
    assert_int_equal(write(handle, "x", 1), 1);
    assert_int_equal(read(user->peer, &byte, 1), 1);
    user->test->core.close(&user->test->core, handle);
    user_finish(user);
}

/* ---- TLS --------------------------------------------------------------------------------------------------- */

static void exchange_much(size_t piece, size_t io_bytes_max, bool stutter)
{
    static uint8_t data[DATA_BYTES], got[DATA_BYTES];
    User *user = user_new(true);
    size_t sent = 0, len = 0;

    fill(data, sizeof data);
    setsockopt(stream_handle(user->stream), SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
    setsockopt(user->peer, SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
    user->test->io_bytes_max = io_bytes_max;
    user->test->every_other_io_fails = stutter;
    user->to_send = data;
    user->to_send_len = sizeof data;
    user->read_max = 1000;
    stream_want(user->stream, CORE_READ | CORE_WRITE);
    for (int i = 0; i < 2000000 && (len < sizeof got || user->received_len < sizeof data); i++) {
        ERR_clear_error();
        if (!SSL_is_init_finished(user->client.ssl)) {
            SSL_do_handshake(user->client.ssl);
        } else {
            if (sent < sizeof data && BIO_pending(user->client.out) < 40000) {
                const size_t left = sizeof data - sent;
                const int n = SSL_write(user->client.ssl, data + sent, left < 5000 ? (int)left : 5000);
                sent += n > 0 ? (size_t)n : 0;
            }
            const int n = SSL_read(user->client.ssl, got + len, (int)(sizeof got - len));
            len += n > 0 ? (size_t)n : 0;
        }
        peer_pump(user, piece);
        test_core_run(user->test);
    }
    assert_int_equal(len, sizeof got);
    assert_memory_equal(got, data, sizeof data);
    assert_int_equal(user->received_len, sizeof data);
    assert_memory_equal(user->received, data, sizeof data);
    /* At rest: nothing calls back while nothing moves. */
    const int before = user->calls;
    test_core_run(user->test);
    assert_true(user->calls <= before + 1);
    user_finish(user);
}

static void tls_passes_everything_both_ways_through_small_buffers(void **state)
{
    (void)state;
    exchange_much(SIZE_MAX, 0, false);
    exchange_much(700, 333, false);
    exchange_much(3000, 17, true);
}

static void decoded_bytes_call_again_until_they_are_read(void **state)
{
    User *user = user_new(true);
    uint8_t data[10000];

    (void)state;
    fill(data, sizeof data);
    stream_want(user->stream, CORE_READ);
    handshake(user);
    assert_int_equal(SSL_write(user->client.ssl, data, sizeof data), sizeof data);
    while (peer_pump(user, SIZE_MAX)) {
    }
    user->read_max = 1000;
    user->calls = 0;
    test_core_run(user->test);
    assert_int_equal(user->received_len, sizeof data);
    assert_memory_equal(user->received, data, sizeof data);
    assert_in_range(user->calls, 10, 12);

    /* Not while reading is not wanted; and when it is again, they are there. */
    assert_int_equal(SSL_write(user->client.ssl, data, sizeof data), sizeof data);
    while (peer_pump(user, SIZE_MAX)) {
    }
    uint8_t byte;
    assert_int_equal(stream_read(user->stream, &byte, 1), 1);
    stream_want(user->stream, 0);
    user->calls = 0;
    test_core_run(user->test);
    assert_int_equal(user->calls, 0);
    stream_want(user->stream, CORE_READ);
    test_core_run(user->test);
    assert_int_equal(user->received_len, 2 * sizeof data - 1);

    /* Nor after it was detached or freed. */
    assert_int_equal(SSL_write(user->client.ssl, data, sizeof data), sizeof data);
    while (peer_pump(user, SIZE_MAX)) {
    }
    assert_int_equal(stream_read(user->stream, &byte, 1), 1);
    stream_detach(user->stream);
    user->calls = 0;
    test_core_run(user->test);
    assert_int_equal(user->calls, 0);
    user_finish(user);
}

static void who_only_writes_gets_the_handshake_too(void **state)
{
    User *user = user_new(true);
    char got[16];

    (void)state;
    user->to_send = (const uint8_t *)"first";
    user->to_send_len = 5;
    stream_want(user->stream, CORE_WRITE);
    handshake(user);
    test_core_run(user->test);
    while (peer_pump(user, SIZE_MAX)) {
    }
    assert_int_equal(SSL_read(user->client.ssl, got, sizeof got), 5);
    assert_memory_equal(got, "first", 5);
    user_finish(user);
}

static void at_most_one_record_waits_inside(void **state)
{
    static uint8_t data[DATA_BYTES];
    User *user = user_new(true);

    (void)state;
    stream_want(user->stream, CORE_READ);
    handshake(user);
    setsockopt(stream_handle(user->stream), SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
    const struct iovec iov = {data, sizeof data};
    int64_t taken = 0, n;
    while ((n = stream_writev(user->stream, &iov, 1)) > 0) {
        taken += n;
    }
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(stream_unsent(user->stream), -EAGAIN);
    /* What the socket holds, and one record. */
    size_t in_socket = 0;
    uint8_t buffer[4096];
    ssize_t got;
    while ((got = recv(user->peer, buffer, sizeof buffer, 0)) > 0) {
        in_socket += (size_t)got;
    }
    assert_true((uint64_t)taken <= in_socket + TLS_RECORD_BYTES_MAX);
    /* It goes out by itself, although nothing is wanted. */
    stream_want(user->stream, 0);
    for (int i = 0; i < 100; i++) {
        test_core_run(user->test);
        while (recv(user->peer, buffer, sizeof buffer, 0) > 0) {
        }
    }
    assert_int_equal(stream_unsent(user->stream), 0);
    user_finish(user);
}

static void garbage_instead_of_tls_is_an_error(void **state)
{
    User *user = user_new(true);

    (void)state;
    stream_want(user->stream, CORE_READ);
    assert_int_equal(write(user->peer, "REDQ\2\0\0\0\2\0\0\0\26\0\0\0", 16), 16);
    test_core_run(user->test);
    assert_int_equal(user->last_read, -EPROTO);
    assert_string_not_equal(stream_error_text(user->stream), "no error");
    user_finish(user);
}

/* ---- A client's records, made by hand (RFC 8446, section 5 and 7) ---- */

static uint8_t client_secret[32]; /* of the client's records, with TLS_AES_128_GCM_SHA256 */

static void on_key(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";

    (void)ssl;
    if (strncmp(line, label, sizeof label - 1) == 0) {
        const char *hex = strrchr(line, ' ') + 1;
        for (size_t i = 0; i < sizeof client_secret; i++) {
            const char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
            client_secret[i] = (uint8_t)strtoul(byte, NULL, 16);
        }
    }
}

/* HKDF-Expand-Label(secret, label, "", len), of at most one block. */
static void expand(const char *label, size_t len, uint8_t *ret)
{
    uint8_t info[64], block[EVP_MAX_MD_SIZE];
    unsigned block_len;
    const int n = snprintf((char *)info + 3, sizeof info - 3, "tls13 %s", label);

    info[0] = 0;
    info[1] = (uint8_t)len;
    info[2] = (uint8_t)n;
    info[3 + n] = 0; /* no context */
    info[4 + n] = 1; /* the first block */
    assert_non_null(
        HMAC(EVP_sha256(), client_secret, sizeof client_secret, info, (size_t)n + 5, block, &block_len));
    memcpy(ret, block, len);
}

/* Sends one record of handshake bytes, the client's `number`th with these keys. */
static void send_handshake_record(User *user, uint8_t number, const uint8_t *bytes, size_t len)
{
    uint8_t key[16], nonce[12], plain[32], record[64] = {23, 3, 3, 0, (uint8_t)(len + 1 + 16)};
    int n;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

    memcpy(plain, bytes, len);
    plain[len] = 22; /* handshake */
    expand("key", sizeof key, key);
    expand("iv", sizeof nonce, nonce);
    nonce[11] ^= number;
    assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &n, record, 5), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, record + 5, &n, plain, (int)len + 1), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, record + 5 + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + len + 1), 1);
    EVP_CIPHER_CTX_free(cipher);
    assert_int_equal(send(user->peer, record, 5 + len + 1 + 16, 0), 5 + len + 1 + 16);
}

/* OpenSSL then writes nothing until the rest is there, and the socket goes on taking anything: no reason to ask again. */
static void half_a_key_update_keeps_nobody_busy(void **state)
{
    static const uint8_t update[] = {24, 0, 0, 1, 0}; /* "update_not_requested" */
    static uint8_t data[2000];
    User *user = user_new(true);

    (void)state;
    assert_int_equal(SSL_set_ciphersuites(user->client.ssl, "TLS_AES_128_GCM_SHA256"), 1);
    SSL_CTX_set_keylog_callback(user->client.context, on_key);
    stream_want(user->stream, CORE_READ);
    handshake(user);
    test_core_run(user->test);

    send_handshake_record(user, 0, update, sizeof update - 1);
    test_core_run(user->test);
    user->to_send = data;
    user->to_send_len = sizeof data;
    const int calls = user->calls;
    stream_want(user->stream, CORE_READ | CORE_WRITE);
    test_core_run(user->test); /* which fails when it does not end */
    assert_true(user->calls < calls + 10);
    assert_int_equal(user->to_send_len, sizeof data);

    send_handshake_record(user, 1, update + sizeof update - 1, 1);
    test_core_run(user->test);
    assert_int_equal(user->to_send_len, 0);
    user_finish(user);
}

static void a_peer_that_leaves_in_the_handshake_is_noticed(void **state)
{
    User *user = user_new(true);

    (void)state;
    stream_want(user->stream, CORE_READ);
    SSL_do_handshake(user->client.ssl);
    ERR_clear_error();
    peer_pump(user, 100);
    test_core_run(user->test);
    assert_int_equal(user->calls, 0);
    close(user->peer);
    user->peer = -1;
    test_core_run(user->test);
    assert_true(user->calls > 0);
    assert_true(user->last_read < 0 && user->last_read != -EAGAIN);
    user_finish(user);
}

/* Longer than the filter's output: it stalls, and goes on when the socket has taken some. */
static void a_long_certificate_chain_gets_through(void **state)
{
    const size_t io_bytes[] = {0, 100};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        TlsFiles files = test_tls_files;
        files.cert_path = "long.pem";
        User *user = user_new_with(true, &files);

        setsockopt(stream_handle(user->stream), SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
        user->test->io_bytes_max = io_bytes[i];
        stream_want(user->stream, CORE_READ);
        handshake(user);
        assert_true(sk_X509_num(SSL_get_peer_cert_chain(user->client.ssl)) > 80);
        user_finish(user);
    }
}

static void what_comes_while_it_stalls_waits_in_the_socket(void **state)
{
    TlsFiles files = test_tls_files;
    uint8_t junk[100] = {0};

    (void)state;
    files.cert_path = "long.pem";
    User *user = user_new_with(true, &files);
    setsockopt(stream_handle(user->stream), SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int));
    stream_want(user->stream, CORE_READ);
    SSL_do_handshake(user->client.ssl);
    ERR_clear_error();
    char *hello;
    const long len = BIO_get_mem_data(user->client.out, &hello);
    assert_int_equal(write(user->peer, hello, (size_t)len), len);
    test_core_run(user->test);
    assert_int_equal(stream_unsent(user->stream), -EAGAIN);
    assert_int_equal(write(user->peer, junk, sizeof junk), sizeof junk);
    test_core_run(user->test); /* comes to rest, or it fails in there */
    assert_int_equal(user->calls, 0);
    user_finish(user);
}

static void freeing_says_goodbye(void **state)
{
    User *user = user_new(true);
    char byte;

    (void)state;
    stream_want(user->stream, CORE_READ);
    handshake(user);
    stream_free(user->stream);
    user->stream = NULL;
    peer_pump(user, SIZE_MAX);
    const int n = SSL_read(user->client.ssl, &byte, 1);
    assert_int_equal(SSL_get_error(user->client.ssl, n), SSL_ERROR_ZERO_RETURN);
    user_finish(user);
}

static void a_reset_under_tls_is_an_error_that_stays(void **state)
{
    User *user = user_new(true);
    uint8_t byte = 0;

    (void)state;
    stream_want(user->stream, CORE_READ);
    handshake(user);
    assert_int_equal(stream_writev(user->stream, &(struct iovec){&byte, 1}, 1), 1);
    close(user->peer); /* with a byte unread */
    user->peer = -1;
    assert_int_equal(stream_read(user->stream, &byte, 1), -ECONNRESET);
    assert_int_equal(stream_read(user->stream, &byte, 1), -ECONNRESET);
    assert_int_equal(stream_writev(user->stream, &(struct iovec){&byte, 1}, 1), -ECONNRESET);
    user_finish(user);
}

/* Who sends much that is no data must not hold the loop. */
static void one_read_asks_the_socket_a_few_times_only(void **state)
{
    User *user = user_new(true);
    uint8_t data[1000] = {0}, got[1000];

    (void)state;
    stream_want(user->stream, CORE_READ);
    handshake(user);
    stream_want(user->stream, 0);
    SSL_write(user->client.ssl, data, sizeof data);
    while (peer_pump(user, SIZE_MAX)) {
    }
    user->test->io_bytes_max = 1;
    const uint64_t before = user->test->io_calls;
    assert_int_equal(stream_read(user->stream, got, sizeof got), -EAGAIN);
    assert_in_range(user->test->io_calls - before, 1, 8);
    user_finish(user);
}

static int make_pki(void **state)
{
    (void)state;
    test_pki_make(&pki);
    return 0;
}

static int clear_pki(void **state)
{
    (void)state;
    test_pki_clear(&pki);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_bytes_pass_unchanged),
        cmocka_unit_test(a_full_socket_takes_part_and_calls_back),
        cmocka_unit_test(a_reset_peer_is_an_error_and_no_signal),
        cmocka_unit_test(the_callback_may_free_or_detach),
        cmocka_unit_test(a_stream_moves_between_loops),
        cmocka_unit_test(failed_attachment_leaves_it_detached),
        cmocka_unit_test(a_released_handle_stays_open),
        cmocka_unit_test(tls_passes_everything_both_ways_through_small_buffers),
        cmocka_unit_test(decoded_bytes_call_again_until_they_are_read),
        cmocka_unit_test(who_only_writes_gets_the_handshake_too),
        cmocka_unit_test(at_most_one_record_waits_inside),
        cmocka_unit_test(garbage_instead_of_tls_is_an_error),
        cmocka_unit_test(half_a_key_update_keeps_nobody_busy),
        cmocka_unit_test(a_peer_that_leaves_in_the_handshake_is_noticed),
        cmocka_unit_test(a_long_certificate_chain_gets_through),
        cmocka_unit_test(what_comes_while_it_stalls_waits_in_the_socket),
        cmocka_unit_test(freeing_says_goodbye),
        cmocka_unit_test(a_reset_under_tls_is_an_error_that_stays),
        cmocka_unit_test(one_read_asks_the_socket_a_few_times_only),
    };

    return cmocka_run_group_tests_name("stream", tests, make_pki, clear_pki);
}
