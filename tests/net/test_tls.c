/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/tls_filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <openssl/err.h>

#include <cmocka.h>

#include "net/crypto.h"
#include "tests/net/test_pki.h"

#define DATA_BYTES 50000u

static TestPki pki;

typedef struct Server {
    TestCore *test;
    Crypto *crypto;
    TlsContext *context;
    TlsFilter *filter;
    int failed; /* -E... once a call returned it */
    bool ended;
    uint8_t *received;
    size_t received_len;
} Server;

static void server_init_with(Server *server, const TlsFiles *files)
{
    *server = (Server){.test = test_core_new(1)};
    test_pki_add_files(&pki, server->test);
    server->crypto = crypto_new(&server->test->core);
    server->context = tls_context_new(&server->test->core, server->crypto, files);
    assert_non_null(server->context);
    server->filter = tls_filter_new(server->context);
    assert_non_null(server->filter);
    server->received = malloc(2 * DATA_BYTES);
}

static void server_init(Server *server)
{
    server_init_with(server, &test_tls_files);
}

static void server_finish(Server *server)
{
    free(server->received);
    tls_filter_free(server->filter);
    tls_context_unref(server->context);
    crypto_free(server->crypto);
    test_core_finish(server->test);
}

static void server_read(Server *server)
{
    for (;;) {
        assert_true(server->received_len < 2 * DATA_BYTES);
        const int64_t n = tls_filter_read(server->filter, server->received + server->received_len,
                                          2 * DATA_BYTES - server->received_len);
        if (n > 0) {
            server->received_len += (size_t)n;
            continue;
        }
        if (n == 0) {
            server->ended = true;
        } else if (n != -EAGAIN) {
            server->failed = (int)n;
        }
        return;
    }
}

/* Bytes that came over the network, in pieces of at most `piece`. */
static void server_receive(Server *server, const uint8_t *bytes, size_t len, size_t piece)
{
    while (len > 0 && server->failed == 0) {
        size_t room;
        uint8_t *into = tls_filter_input(server->filter, &room);
        size_t n = len < piece ? len : piece;

        assert_true(room > 0);
        n = n < room ? n : room;
        memcpy(into, bytes, n);
        tls_filter_received(server->filter, n);
        bytes += n;
        len -= n;
        server_read(server);
    }
}

/* What the server wants to send, to the client. */
static void server_send(Server *server, TestClient *client, size_t piece)
{
    Span out;

    while ((out = tls_filter_output(server->filter)).len > 0) {
        assert_true(out.len <= TLS_OUTPUT_BYTES);
        const size_t n = out.len < piece ? out.len : piece;
        assert_int_equal(BIO_write(client->in, out.data, (int)n), n);
        tls_filter_sent(server->filter, n);
    }
}

/* Everything both have to say, back and forth. */
static void exchange(Server *server, TestClient *client, size_t piece)
{
    for (int turn = 0; turn < 64; turn++) {
        char *bytes;

        ERR_clear_error();
        if (!SSL_is_init_finished(client->ssl) && client->failure == 0) {
            SSL_do_handshake(client->ssl);
            client->failure = ERR_GET_REASON(ERR_peek_error());
        }
        const long len = BIO_get_mem_data(client->out, &bytes);
        if (len > 0) {
            uint8_t *copy = malloc((size_t)len);
            memcpy(copy, bytes, (size_t)len);
            BIO_reset(client->out);
            server_receive(server, copy, (size_t)len, piece);
            free(copy);
        }
        const bool nothing = len == 0 && tls_filter_output(server->filter).len == 0;
        server_send(server, client, piece);
        if (nothing) {
            return;
        }
    }
    fail_msg("the handshake does not end");
}

static void fill(uint8_t *data, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 31 + i / 251 + seed);
    }
}

/* ---- The context ------------------------------------------------------------------------------------------- */

static void expect_refusal(TestCore *test, TlsFiles files, const char *named)
{
    Crypto *crypto = crypto_new(&test->core);

    test->log_len = 0;
    test->log[0] = '\0';
    assert_null(tls_context_new(&test->core, crypto, &files));
    assert_false(test->log_in_hold);
    if (strstr(test->log, named) == NULL) {
        fail_msg("\"%s\" is not named in: %s", named, test->log);
    }
    crypto_free(crypto);
}

static void expect_success(TestCore *test, TlsFiles files)
{
    Crypto *crypto = crypto_new(&test->core);
    TlsContext *context = tls_context_new(&test->core, crypto, &files);

    assert_non_null(context);
    tls_context_unref(context);
    crypto_free(crypto);
}

static void wrong_files_are_named_and_refused(void **state)
{
    static char large[1024 * 1024 + 1];
    TestCore *test = test_core_new(1);
    TlsFiles files = test_tls_files;

    (void)state;
    test_pki_add_files(&pki, test);
    test_core_add_file(test, "garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                       60);
    test_core_add_file(test, "empty.pem", "", 0);
    test_core_add_file(test, "large.pem", large, sizeof large);
    const char *bad[] = {"missing.pem", "garbage.pem", "empty.pem", "large.pem"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        files = test_tls_files;
        files.cert_path = bad[i];
        expect_refusal(test, files, bad[i]);
        files = test_tls_files;
        files.key_path = bad[i];
        expect_refusal(test, files, bad[i]);
        files = test_tls_files;
        files.ca_path = bad[i];
        expect_refusal(test, files, bad[i]);
        files = test_tls_files;
        files.dh_path = bad[i];
        expect_refusal(test, files, bad[i]);
    }
    files = test_tls_files;
    files.key_path = "other.pem";
    expect_refusal(test, files, "other.pem: it does not belong to the certificate");
    files.key_path = "locked.pem";
    expect_refusal(test, files, "locked.pem: it is locked, and no password was given");
    files.key_password = "guess";
    expect_refusal(test, files, "locked.pem: the password does not open it");
    files.key_path = "cert.pem";
    expect_refusal(test, files, "cert.pem: no private key in it that can be read");
    files = test_tls_files;
    files.ciphers = "NO-SUCH-CIPHER";
    expect_refusal(test, files, "NO-SUCH-CIPHER");
    test_core_finish(test);
}

static void right_files_are_taken(void **state)
{
    TestCore *test = test_core_new(1);
    TlsFiles files = test_tls_files;

    (void)state;
    test_pki_add_files(&pki, test);
    expect_success(test, files);
    files.cert_path = "cert.pem";
    expect_success(test, files);
    files.key_path = "locked.pem";
    files.key_password = "sesame";
    expect_success(test, files);
    files.dh_path = "dh.pem";
    files.ciphers = "ECDHE+AESGCM";
    expect_success(test, files);
    files.dh_path = "";
    files.ciphers = "";
    expect_success(test, files);
    assert_int_equal(test->log_lines, 0);
    test_core_finish(test);
}

/* ---- What the files say is what is spoken ------------------------------------------------------------------- */

#define AES128 "ECDHE-RSA-AES128-GCM-SHA256"
#define AES256 "ECDHE-RSA-AES256-GCM-SHA384"

static void only_the_given_ciphers_are_spoken(void **state)
{
    static const struct {
        const char *server, *client, *spoken; /* NULL: nothing */
    } rows[] = {
        {AES256, AES256, AES256},
        {AES256, AES128 ":" AES256, AES256},
        {AES128, AES128 ":" AES256, AES128},
        {AES256, AES128, NULL},
        {AES128, AES256, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TlsFiles files = test_tls_files;
        Server server;
        TestClient client;

        files.ciphers = rows[i].server;
        server_init_with(&server, &files);
        test_client_init(&client, TLS1_2_VERSION, NULL);
        assert_int_equal(SSL_set_cipher_list(client.ssl, rows[i].client), 1);
        exchange(&server, &client, SIZE_MAX);
        if (rows[i].spoken != NULL) {
            assert_int_equal(server.failed, 0);
            assert_string_equal(SSL_get_cipher_name(client.ssl), rows[i].spoken);
        } else {
            assert_int_equal(server.failed, -EPROTO);
            assert_int_equal(client.failure, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
        }
        test_client_finish(&client);
        server_finish(&server);
    }
}

/* The size of the group in which a client with TLS 1.2 and finite fields alone meets the server. */
static int dh_bits(const char *dh_path)
{
    TlsFiles files = test_tls_files;
    Server server;
    TestClient client;
    EVP_PKEY *key;

    files.dh_path = dh_path;
    server_init_with(&server, &files);
    test_client_init(&client, TLS1_2_VERSION, NULL);
    assert_int_equal(SSL_set_cipher_list(client.ssl, "DHE-RSA-AES256-GCM-SHA384"), 1);
    exchange(&server, &client, SIZE_MAX);
    assert_int_equal(server.failed, 0);
    assert_int_equal(SSL_get_peer_tmp_key(client.ssl, &key), 1);
    assert_true(EVP_PKEY_is_a(key, "DH"));
    const int bits = EVP_PKEY_get_bits(key);
    EVP_PKEY_free(key);
    test_client_finish(&client);
    server_finish(&server);
    return bits;
}

static void the_given_dh_parameters_are_used(void **state)
{
    (void)state;
    assert_int_equal(dh_bits("dh.pem"), 3072);
    assert_int_equal(dh_bits(NULL), 2048); /* OpenSSL's, as strong as the certificate's key */
}

/* ---- The filter -------------------------------------------------------------------------------------------- */

static void talk(int version, size_t piece)
{
    static uint8_t up[DATA_BYTES], down[DATA_BYTES], got[DATA_BYTES];
    Server server;
    TestClient client;

    server_init(&server);
    test_client_init(&client, version, NULL);
    fill(up, sizeof up, 1);
    fill(down, sizeof down, 2);
    assert_true(tls_filter_is_handshaking(server.filter));
    exchange(&server, &client, piece);
    assert_false(tls_filter_is_handshaking(server.filter));
    assert_int_equal(server.failed, 0);
    assert_int_equal(SSL_get_verify_mode(client.ssl), SSL_VERIFY_NONE);

    assert_int_equal(SSL_write(client.ssl, up, sizeof up), sizeof up);
    exchange(&server, &client, piece);
    assert_int_equal(server.received_len, sizeof up);
    assert_memory_equal(server.received, up, sizeof up);

    size_t sent = 0, received = 0;
    while (sent < sizeof down) {
        const struct iovec iov = {down + sent, sizeof down - sent};
        const int64_t n = tls_filter_write(server.filter, &iov, 1, 0);
        assert_in_range(n, 1, TLS_RECORD_BYTES_MAX);
        sent += (size_t)n;
        /* One record waits inside: no second one is taken. */
        assert_int_equal(tls_filter_write(server.filter, &iov, 1, 0), -EAGAIN);
        server_send(&server, &client, piece);
        int m;
        while ((m = SSL_read(client.ssl, got + received, (int)(sizeof got - received))) > 0) {
            received += (size_t)m;
        }
    }
    assert_int_equal(received, sizeof down);
    assert_memory_equal(got, down, sizeof down);

    /* Nothing that would let the client resume. */
    SSL_SESSION *session = SSL_get1_session(client.ssl);
    assert_false(SSL_SESSION_has_ticket(session));
    assert_false(SSL_SESSION_is_resumable(session) && version == TLS1_3_VERSION);
    SSL_SESSION_free(session);

    SSL_shutdown(client.ssl);
    exchange(&server, &client, piece);
    assert_true(server.ended);
    assert_int_equal(server.failed, 0);
    test_client_finish(&client);
    server_finish(&server);
}

static void any_split_gives_the_same_bytes(void **state)
{
    const size_t pieces[] = {1, 2, 3, 5, 7, 100, 4096, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        talk(TLS1_2_VERSION, pieces[i]);
        talk(TLS1_3_VERSION, pieces[i]);
    }
}

static void vectors_are_gathered_into_one_record(void **state)
{
    Server server;
    TestClient client;
    uint8_t data[20000], got[20000];

    (void)state;
    fill(data, sizeof data, 3);
    server_init(&server);
    test_client_init(&client, TLS1_3_VERSION, NULL);
    exchange(&server, &client, SIZE_MAX);
    const struct iovec iov[] = {
        {data, 1}, {data, 0}, {data + 1, 9}, {data + 10, 16000}, {data + 16010, 3990}, {NULL, 0},
    };
    /* 5 bytes of the third are done: all of the rest up to one record's size is taken at once. */
    const int64_t n = tls_filter_write(server.filter, iov + 2, 4, 5);
    assert_int_equal(n, TLS_RECORD_BYTES_MAX);
    server_send(&server, &client, SIZE_MAX);
    assert_int_equal(SSL_read(client.ssl, got, sizeof got), TLS_RECORD_BYTES_MAX);
    assert_memory_equal(got, data + 6, TLS_RECORD_BYTES_MAX);
    assert_int_equal(tls_filter_write(server.filter, iov, 2, 0), 1);
    server_send(&server, &client, SIZE_MAX);
    assert_int_equal(SSL_read(client.ssl, got, sizeof got), 1);
    test_client_finish(&client);
    server_finish(&server);
}

static void decoded_bytes_are_announced(void **state)
{
    Server server;
    TestClient client;
    uint8_t data[1000] = {1}, got[600];
    char *bytes;
    size_t room;

    (void)state;
    server_init(&server);
    test_client_init(&client, TLS1_3_VERSION, NULL);
    exchange(&server, &client, SIZE_MAX);
    assert_false(tls_filter_is_readable(server.filter));
    SSL_write(client.ssl, data, sizeof data);
    const long len = BIO_get_mem_data(client.out, &bytes);
    memcpy(tls_filter_input(server.filter, &room), bytes, (size_t)len);
    tls_filter_received(server.filter, (size_t)len);
    assert_true(tls_filter_is_readable(server.filter));
    assert_int_equal(tls_filter_read(server.filter, got, sizeof got), 600);
    assert_true(tls_filter_is_readable(server.filter));
    assert_int_equal(tls_filter_read(server.filter, got, sizeof got), 400);
    assert_false(tls_filter_is_readable(server.filter));
    assert_int_equal(tls_filter_read(server.filter, got, sizeof got), -EAGAIN);
    test_client_finish(&client);
    server_finish(&server);
}

static void old_versions_are_refused_with_an_alert(void **state)
{
    const int old[] = {TLS1_VERSION, TLS1_1_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        Server server;
        TestClient client;

        server_init(&server);
        test_client_init(&client, old[i], NULL);
        exchange(&server, &client, SIZE_MAX);
        assert_int_equal(server.failed, -EPROTO);
        assert_string_not_equal(tls_filter_error(server.filter), "");
        assert_int_equal(client.failure, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
        /* A dead filter stays dead. */
        uint8_t byte;
        assert_int_equal(tls_filter_read(server.filter, &byte, 1), -EPROTO);
        assert_int_equal(tls_filter_write(server.filter, &(struct iovec){&byte, 1}, 1, 0), -EPROTO);
        test_client_finish(&client);
        server_finish(&server);
    }
}

static void renegotiation_is_refused(void **state)
{
    Server server;
    TestClient client;

    (void)state;
    server_init(&server);
    test_client_init(&client, TLS1_2_VERSION, NULL);
    exchange(&server, &client, SIZE_MAX);
    assert_int_equal(client.failure, 0);
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    SSL_do_handshake(client.ssl);
    exchange(&server, &client, SIZE_MAX);
    assert_int_equal(client.failure, SSL_R_NO_RENEGOTIATION);
    test_client_finish(&client);
    server_finish(&server);
}

#define BYTES(text)                                                                                          \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    }

static void garbage_is_refused_at_once(void **state)
{
    static const Span greetings[] = {
        BYTES("REDQ\2\0\0\0\2\0\0\0\26\0\0\0"),
        BYTES("RFB 003.008\n"),
        BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("SSH-2.0-x\r\nxxxxxxxx"),
        BYTES("\x16\x03\x01\xff\xffzzzzzzzzzzzzzz"), /* a record that is too long */
        BYTES("\x17\x03\x03\x00\x01x"),              /* data before any handshake */
        BYTES("\x80\x1e\x01\x03\x01 and so on and so on, as SSLv2 once did it"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
        for (size_t piece = 1; piece < 20; piece += 6) {
            Server server;

            server_init(&server);
            server_receive(&server, greetings[i].data, greetings[i].len, piece);
            assert_int_equal(server.failed, -EPROTO);
            assert_true(tls_filter_output(server.filter).len < 100);
            server_finish(&server);
        }
    }
}

/* Nobody is asked for a certificate; who sends one all the same, in the place of the key exchange, is wrong. */
static void certificates_of_clients_are_refused(void **state)
{
    static const char *const bodies[] = {"\0\0\0", "\0\0\7\0\0\4junk",
                                         "\xff\xff\xff junk of the wrong length"};
    static const size_t lens[] = {3, 10, 28};

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint8_t record[64] = {0x16, 3, 3, 0, (uint8_t)(lens[i] + 4), 11, 0, 0, (uint8_t)lens[i]};
        Server server;
        TestClient client;
        char *hello;

        memcpy(record + 9, bodies[i], lens[i]);
        server_init(&server);
        test_client_init(&client, TLS1_2_VERSION, NULL);
        SSL_do_handshake(client.ssl);
        ERR_clear_error();
        const long len = BIO_get_mem_data(client.out, &hello);
        server_receive(&server, (const uint8_t *)hello, (size_t)len, SIZE_MAX);
        server_send(&server, &client, SIZE_MAX);
        assert_int_equal(server.failed, 0);
        server_receive(&server, record, 9 + lens[i], SIZE_MAX);
        assert_int_equal(server.failed, -EPROTO);
        assert_string_not_equal(tls_filter_error(server.filter), "");
        assert_true(tls_filter_output(server.filter).len < 100);
        test_client_finish(&client);
        server_finish(&server);
    }
}

static void a_peer_that_leaves_in_the_handshake_is_a_failure(void **state)
{
    TestClient client;
    char *hello;

    (void)state;
    test_client_init(&client, 0, NULL);
    SSL_do_handshake(client.ssl);
    const size_t len = (size_t)BIO_get_mem_data(client.out, &hello);
    assert_in_range(len, 100, 2000);
    for (size_t cut = 0; cut < len; cut++) {
        Server server;

        server_init(&server);
        server_receive(&server, (const uint8_t *)hello, cut, SIZE_MAX);
        assert_int_equal(server.failed, 0);
        tls_filter_received_end(server.filter);
        server_read(&server);
        assert_true(server.ended || server.failed == -EPROTO);
        assert_true(tls_filter_is_handshaking(server.filter));
        server_finish(&server);
    }
    test_client_finish(&client);
}

static void flipped_bytes_never_become_data(void **state)
{
    (void)state;
    for (size_t at = 0; at < 60; at++) {
        Server server;
        TestClient client;
        char *bytes;

        server_init(&server);
        test_client_init(&client, TLS1_3_VERSION, NULL);
        exchange(&server, &client, SIZE_MAX);
        SSL_write(client.ssl, "a message of some length, sealed", 32);
        const size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
        uint8_t copy[128];
        assert_true(len < sizeof copy);
        memcpy(copy, bytes, len);
        if (at < len) {
            copy[at] ^= 0x40;
            server_receive(&server, copy, len, SIZE_MAX);
            tls_filter_received_end(server.filter);
            if (server.failed == 0) {
                server_read(&server); /* a longer length: waits for more, which never comes */
            }
            assert_int_equal(server.received_len, 0);
        }
        test_client_finish(&client);
        server_finish(&server);
    }
}

static void leaving_without_goodbye_is_an_end(void **state)
{
    Server server;
    TestClient client;

    (void)state;
    server_init(&server);
    test_client_init(&client, 0, NULL);
    exchange(&server, &client, SIZE_MAX);
    tls_filter_received_end(server.filter);
    server_read(&server);
    assert_true(server.ended);
    assert_int_equal(server.failed, 0);
    test_client_finish(&client);
    server_finish(&server);
}

static void key_updates_without_end_cost_no_memory(void **state)
{
    Server server;
    TestClient client;

    (void)state;
    server_init(&server);
    test_client_init(&client, TLS1_3_VERSION, NULL);
    exchange(&server, &client, SIZE_MAX);
    /* The client asks for a key update each time and never reads what comes back. */
    for (int i = 0; i < 2000 && server.failed == 0; i++) {
        char *bytes;
        size_t room;

        SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_write(client.ssl, "x", 1);
        const size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
        uint8_t *into = tls_filter_input(server.filter, &room);
        if (room < len) {
            assert_true(tls_filter_is_stalled(server.filter));
            break;
        }
        memcpy(into, bytes, len);
        BIO_reset(client.out);
        tls_filter_received(server.filter, len);
        server_read(&server);
        const struct iovec iov = {(void *)"y", 1};
        const int64_t n = tls_filter_write(server.filter, &iov, 1, 0);
        assert_true(n == 1 || n == -EAGAIN || n == -EPROTO);
        assert_true(tls_filter_output(server.filter).len <= TLS_OUTPUT_BYTES);
    }
    test_client_finish(&client);
    server_finish(&server);
}

/* A farewell is heard as the end. */
static void closing_says_goodbye(void **state)
{
    Server server;
    TestClient client;
    char byte;

    (void)state;
    server_init(&server);
    test_client_init(&client, 0, NULL);
    exchange(&server, &client, SIZE_MAX);
    tls_filter_close(server.filter);
    server_send(&server, &client, SIZE_MAX);
    const int n = SSL_read(client.ssl, &byte, 1);
    assert_int_equal(SSL_get_error(client.ssl, n), SSL_ERROR_ZERO_RETURN);
    test_client_finish(&client);
    server_finish(&server);
}

/* ---- Determinism ------------------------------------------------------------------------------------------- */

static size_t record_server(uint64_t seed, uint8_t *ret, size_t cap)
{
    TestCore *client_core = test_core_new(99);
    Crypto *client_crypto = crypto_new(&client_core->core);
    Server server;
    TestClient client;
    size_t len = 0;

    server_init(&server);
    server.test->entropy_state = seed;
    test_client_init(&client, TLS1_3_VERSION, crypto_context(client_crypto));
    for (int turn = 0; turn < 3; turn++) {
        char *bytes;

        SSL_do_handshake(client.ssl);
        const size_t from_client = (size_t)BIO_get_mem_data(client.out, &bytes);
        server_receive(&server, (const uint8_t *)bytes, from_client, SIZE_MAX);
        BIO_reset(client.out);
        const Span out = tls_filter_output(server.filter);
        assert_true(len + out.len <= cap);
        memcpy(ret + len, out.data, out.len);
        len += out.len;
        server_send(&server, &client, SIZE_MAX);
    }
    assert_false(tls_filter_is_handshaking(server.filter));
    test_client_finish(&client);
    server_finish(&server);
    crypto_free(client_crypto);
    test_core_finish(client_core);
    return len;
}

static void same_entropy_gives_the_same_handshake(void **state)
{
    static uint8_t a[16384], b[16384], c[16384];

    (void)state;
    const size_t a_len = record_server(5, a, sizeof a);
    const size_t b_len = record_server(5, b, sizeof b);
    const size_t c_len = record_server(6, c, sizeof c);
    assert_true(a_len > 1000);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    assert_true(a_len != c_len || memcmp(a, c, a_len) != 0);
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
        cmocka_unit_test(wrong_files_are_named_and_refused),
        cmocka_unit_test(right_files_are_taken),
        cmocka_unit_test(only_the_given_ciphers_are_spoken),
        cmocka_unit_test(the_given_dh_parameters_are_used),
        cmocka_unit_test(any_split_gives_the_same_bytes),
        cmocka_unit_test(vectors_are_gathered_into_one_record),
        cmocka_unit_test(decoded_bytes_are_announced),
        cmocka_unit_test(old_versions_are_refused_with_an_alert),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(garbage_is_refused_at_once),
        cmocka_unit_test(certificates_of_clients_are_refused),
        cmocka_unit_test(a_peer_that_leaves_in_the_handshake_is_a_failure),
        cmocka_unit_test(flipped_bytes_never_become_data),
        cmocka_unit_test(leaving_without_goodbye_is_an_end),
        cmocka_unit_test(key_updates_without_end_cost_no_memory),
        cmocka_unit_test(closing_says_goodbye),
        cmocka_unit_test(same_entropy_gives_the_same_handshake),
    };

    return cmocka_run_group_tests_name("tls", tests, make_pki, clear_pki);
}
