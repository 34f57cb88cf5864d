/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections on their way in, over real sockets, in time of the test's own. */
#define SPICE_SERVER_INTERNAL /* looks at the deprecated members of events too */
#include "session/links.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <spice.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/crypto.h"
#include "net/tls.h"
#include "tests/net/test_pki.h"

#define MS UINT64_C(1000000)
#define REPLY_BYTES (16 + 178 + 4)
#define HELLO_BYTES 38
#define WHOLE_BYTES (HELLO_BYTES + 128)
#define ADMITTED_MAX 64

static TestPki pki;
static uint8_t *key_der;
static size_t key_der_len;

/* The server around Links. */
typedef struct Server {
    TestCore *test;
    CoreLoop *loop;
    Crypto *crypto;
    TlsContext *tls;
    Links *links;
    int listener, port;

    uint32_t answer; /* of admit */
    int security;    /* of channels */
    bool ticketed;
    int offers;
    Stream *streams[ADMITTED_MAX];
    ChannelEvent *events[ADMITTED_MAX];
    int admitted;
    LinkOffer last_offer;
    uint8_t last_output[512];
    size_t last_output_len;
} Server;

/* The host has no opaque pointer for its events: one server at a time. */
static struct {
    int connected, initialized, disconnected;
    SpiceChannelEventInfo last;
} host_saw;

static void host_channel_event(int event, SpiceChannelEventInfo *info)
{
    host_saw.connected += event == SPICE_CHANNEL_EVENT_CONNECTED;
    host_saw.initialized += event == SPICE_CHANNEL_EVENT_INITIALIZED;
    host_saw.disconnected += event == SPICE_CHANNEL_EVENT_DISCONNECTED;
    host_saw.last = *info;
}

static const SpiceCoreInterface host = {.base = {.minor_version = 3}, .channel_event = host_channel_event};
static ChannelEventSink sink = {&host};

static bool channel_find(void *opaque, uint8_t type, uint8_t id, LinkCaps *ret_caps)
{
    (void)opaque;
    memset(ret_caps, 0, sizeof *ret_caps);
    return type == 1 && id == 0;
}

static int channel_security(void *opaque, uint8_t type)
{
    const Server *server = opaque;

    (void)type;
    return server->security;
}

static bool needs_ticket(void *opaque, const Link *link)
{
    const Server *server = opaque;

    (void)link;
    return server->ticketed;
}

static bool ticket_opens_never(void *opaque, Span password)
{
    (void)opaque;
    (void)password;
    return false;
}

static uint32_t admit(void *opaque, const LinkOffer *offer, uint64_t now_ns)
{
    Server *server = opaque;

    assert_int_equal(now_ns, server->test->now_ns);
    server->offers++;
    server->last_offer = *offer;
    server->last_output_len = offer->output.len;
    memcpy(server->last_output, offer->output.data, offer->output.len);
    if (server->answer == WIRE_LINK_ERR_OK) {
        assert_true(server->admitted < ADMITTED_MAX);
        server->streams[server->admitted] = offer->stream;
        server->events[server->admitted++] = offer->event;
    }
    return server->answer;
}

static Server *server_new(void)
{
    Server *server = calloc(1, sizeof *server);

    memset(&host_saw, 0, sizeof host_saw);
    server->security = SPICE_CHANNEL_SECURITY_NONE | SPICE_CHANNEL_SECURITY_SSL;
    server->test = test_core_new(1);
    server->test->ticket_key = span_of(key_der, key_der_len);
    test_pki_add_files(&pki, server->test);
    server->loop = test_core_loop(server->test);
    server->crypto = crypto_new(&server->test->core);
    const LinksOwner owner = {
        .rules = {.channel_find = channel_find,
                  .channel_security = channel_security,
                  .needs_ticket = needs_ticket,
                  .ticket_opens = ticket_opens_never,
                  .opaque = server},
        .admit = admit,
        .opaque = server,
    };
    server->links = links_new(&server->test->core, server->loop, server->crypto, &sink, &owner);
    server->listener = test_listen_tcp(&server->port);
    assert_int_equal(links_listen_handle(server->links, server->listener), STATUS_OK);
    return server;
}

static void server_use_tls(Server *server, const TlsFiles *files)
{
    server->tls = tls_context_new(&server->test->core, server->crypto, files);
    assert_non_null(server->tls);
}

static void server_finish(Server *server)
{
    links_free(server->links);
    for (int i = 0; i < server->admitted; i++) {
        stream_free(server->streams[i]);
        channel_event_free(server->events[i]);
    }
    assert_int_equal(host_saw.connected, host_saw.disconnected);
    assert_int_equal(close(server->listener), 0); /* the host's, still open */
    tls_context_unref(server->tls);
    crypto_free(server->crypto);
    test_core_loop_free(server->loop);
    test_core_finish(server->test);
    free(server);
}

static int connect_to(Server *server)
{
    const int fd = test_connect_tcp(server->port);

    test_core_run(server->test);
    return fd;
}

/* A good client's bytes: header and message, without AUTH_SELECTION, and a ticket that nobody decrypts. */
static const uint8_t *whole(void)
{
    static uint8_t bytes[WHOLE_BYTES];

    memcpy(bytes, "REDQ\2\0\0\0\2\0\0\0\26\0\0\0", 16);
    bytes[20] = 1; /* main */
    le32_put(bytes + 22, 1);
    le32_put(bytes + 30, 18);
    le32_put(bytes + 34, 0xa);
    memset(bytes + HELLO_BYTES, 0x11, 128);
    return bytes;
}

static void send_all(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static bool was_reset; /* the last receive() met a reset */

/* What came, and whether the server hung up. */
static size_t receive(int fd, uint8_t *ret, size_t cap, bool *ret_closed)
{
    size_t len = 0;

    *ret_closed = false;
    while (len < cap) {
        const ssize_t n = recv(fd, ret + len, cap - len, 0);
        if (n <= 0) {
            was_reset = n < 0 && errno == ECONNRESET;
            *ret_closed = n == 0 || was_reset;
            break;
        }
        len += (size_t)n;
    }
    return len;
}

static bool is_closed(int fd)
{
    uint8_t buffer[1024];
    bool closed;

    receive(fd, buffer, sizeof buffer, &closed);
    return closed;
}

static void reset_connection(int fd)
{
    const struct linger now = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void assert_logged(Server *server, const char *text)
{
    if (strstr(server->test->log, text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, server->test->log);
    }
}

/* ---- The good way ------------------------------------------------------------------------------------------- */

static void a_good_client_is_admitted(void **state)
{
    Server *server = server_new();
    uint8_t got[1024];
    bool closed;

    (void)state;
    const int fd = connect_to(server);
    assert_int_equal(host_saw.connected, 1); /* before a byte was read */
    assert_int_equal(host_saw.last.flags, SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT);
    send_all(fd, whole(), WHOLE_BYTES);
    send_all(fd, "data", 4); /* already the channel's */
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    assert_int_equal(receive(fd, got, sizeof got, &closed), REPLY_BYTES);
    assert_false(closed);

    /* The result is the owner's to send, in front of all else. */
    assert_int_equal(server->last_output_len, 4);
    assert_memory_equal(server->last_output, "\0\0\0\0", 4);
    assert_false(server->last_offer.skip_auth);
    assert_int_equal(stream_read(server->streams[0], got, sizeof got), 4);
    assert_memory_equal(got, "data", 4);

    /* What was admitted is no longer ours to end. */
    test_core_advance(server->test, 1000 * LINK_AUTH_NS);
    assert_false(is_closed(fd));
    assert_int_equal(host_saw.disconnected, 0);
    channel_event_initialized(server->events[0], 77, 1, 0, true);
    assert_int_equal(host_saw.initialized, 1);
    assert_int_equal(host_saw.last.connection_id, 77);
    assert_int_equal(host_saw.last.type, 1);
    assert_int_equal(host_saw.last.flags, SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT | SPICE_CHANNEL_EVENT_FLAG_TLS);
    assert_int_equal(server->test->log_lines, 0);
    close(fd);
    server_finish(server);
}

static void a_refused_client_hears_why(void **state)
{
    Server *server = server_new();
    uint8_t got[1024];
    bool closed;

    (void)state;
    server->answer = 8;
    const int fd = connect_to(server);
    send_all(fd, whole(), WHOLE_BYTES);
    send_all(fd, "and some data that nobody will read", 35);
    test_core_run(server->test);
    assert_int_equal(server->offers, 1);
    assert_int_equal(receive(fd, got, sizeof got, &closed), REPLY_BYTES + 4);
    assert_int_equal(le32_get(got + REPLY_BYTES), 8);
    assert_true(closed);
    assert_false(was_reset); /* which might have overtaken the answer */
    assert_int_equal(host_saw.disconnected, 1);
    assert_int_equal(host_saw.initialized, 0);
    assert_int_equal(server->test->log_lines, 1);
    assert_logged(server, "link from 127.0.0.1:");
    close(fd);
    server_finish(server);
}

static void wrong_input_is_answered_closed_and_logged(void **state)
{
    Server *server = server_new();
    uint8_t got[1024];
    bool closed;

    (void)state;
    const int fd = connect_to(server);
    send_all(fd, "RFB 003.008\n", 12);
    test_core_run(server->test);
    assert_int_equal(receive(fd, got, sizeof got, &closed), 16 + 178);
    assert_int_equal(le32_get(got + 16), 2);
    assert_true(closed);
    assert_logged(server, "not the SPICE protocol");
    close(fd);
    server_finish(server);
}

/* One byte or word of a good client's beginning is replaced, or all of it; what the log says of it. */
typedef struct Wrong {
    const char *all; /* instead of the rest */
    size_t all_len;
    size_t at, len;
    uint32_t value;
    int security; /* 0: as it is */
    uint32_t error;
    size_t error_at;
    const char *line;
} Wrong;

#define ALL(text) .all = (text), .all_len = sizeof(text) - 1
#define REFUSED(number) .error = (number), .error_at = 16

static void expect_one_line(const Wrong *wrong)
{
    Server *server = server_new();
    uint8_t bytes[WHOLE_BYTES], got[1024];
    bool closed;

    memcpy(bytes, whole(), sizeof bytes);
    for (size_t i = 0; i < wrong->len; i++) {
        bytes[wrong->at + i] = (uint8_t)(wrong->value >> (8 * i));
    }
    server->security = wrong->security != 0 ? wrong->security : server->security;
    server->ticketed = true;
    const int fd = connect_to(server);
    if (wrong->all != NULL) {
        send_all(fd, wrong->all, wrong->all_len);
    } else {
        send_all(fd, bytes, sizeof bytes);
    }
    test_core_run(server->test);
    const size_t len = receive(fd, got, sizeof got, &closed);
    assert_true(closed);
    if (wrong->error != 0) {
        assert_true(len >= wrong->error_at + 4);
        assert_int_equal(le32_get(got + wrong->error_at), wrong->error);
    }
    assert_int_equal(host_saw.connected, 1);
    assert_int_equal(host_saw.disconnected, 1);
    assert_int_equal(server->offers, 0);
    assert_logged(server, wrong->line);
    assert_int_equal(server->test->log_lines, 1);
    assert_int_equal(server->test->watches, 1); /* the listener's */
    close(fd);
    server_finish(server);
}

static void whatever_is_wrong_is_one_line_and_costs_nothing_after(void **state)
{
    static const Wrong wrongs[] = {
        {ALL("RFB 003.008\n"), REFUSED(2), .line = "not the SPICE protocol"},
        {ALL("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), REFUSED(2), .line = "not the SPICE protocol"},
        {.at = 0, .len = 1, .value = 'r', REFUSED(2), .line = "not the SPICE protocol"},
        {.at = 3, .len = 1, .value = 'q', REFUSED(2), .line = "not the SPICE protocol"},
        {ALL("GET / HTTP/1.1\r\n\r\n"), .line = "an HTTP request that is for no WebSocket"},
        {.at = 4, .len = 4, .value = 0, .line = "protocol version 0"},
        {.at = 4, .len = 4, .value = 1, REFUSED(4), .line = "another major version of the protocol"},
        {.at = 4, .len = 4, .value = 0x80000000, REFUSED(4), .line = "another major version of the protocol"},
        {.at = 12, .len = 4, .value = 17, REFUSED(3), .line = "link message of an impossible size"},
        {.at = 12, .len = 4, .value = 4097, REFUSED(3), .line = "link message of an impossible size"},
        {.at = 12, .len = 4, .value = 0xffffffff, REFUSED(3), .line = "link message of an impossible size"},
        {.at = 22, .len = 4, .value = 1025, REFUSED(3), .line = "capabilities outside the link message"},
        {.at = 22,
         .len = 4,
         .value = 0x80000000,
         REFUSED(3),
         .line = "capabilities outside the link message"},
        {.at = 30, .len = 4, .value = 0, REFUSED(3), .line = "capabilities outside the link message"},
        {.at = 30,
         .len = 4,
         .value = 0xfffffffc,
         REFUSED(3),
         .line = "capabilities outside the link message"},
        {.at = 20, .len = 1, .value = 200, .line = "no such channel"},
        {.security = SPICE_CHANNEL_SECURITY_SSL, REFUSED(5), .line = "this channel needs TLS"},
        {.at = 34,
         .len = 4,
         .value = 0xb,
         .error = 3,
         .error_at = REPLY_BYTES + 16,
         .line = "a way of authentication that we did not offer"},
        {.error = 7, .error_at = REPLY_BYTES, .line = "wrong or expired ticket"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        expect_one_line(&wrongs[i]);
    }
}

/* The existing server answers in SPICE, which no browser understands. */
static void a_request_for_something_else_is_answered_in_its_own_tongue(void **state)
{
    Server *server = server_new();
    uint8_t got[1024];
    bool closed;

    (void)state;
    const int fd = connect_to(server);
    send_all(fd, "GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n", 35);
    test_core_run(server->test);
    const size_t len = receive(fd, got, sizeof got - 1, &closed);
    got[len] = '\0';
    assert_ptr_equal(strstr((const char *)got, "HTTP/1.1 400 Bad Request\r\n"), got);
    assert_true(closed);
    assert_logged(server, "an HTTP request that is for no WebSocket");
    close(fd);
    server_finish(server);
}

static void the_result_follows_a_reply_that_did_not_fit(void **state)
{
    Server *server = server_new();

    (void)state;
    const int fd = connect_to(server);
    server->test->io_bytes_max = 1;
    server->test->every_other_io_fails = true;
    send_all(fd, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    uint8_t got[1024];
    bool closed;
    const size_t before = receive(fd, got, sizeof got, &closed);
    assert_int_equal(before + server->last_output_len, REPLY_BYTES + 4);
    close(fd);
    server_finish(server);
}

/* ---- Keys --------------------------------------------------------------------------------------------------- */

static void links_wait_for_the_first_key(void **state)
{
    Server *server = server_new();
    int fds[3];

    (void)state;
    server->test->ticket_key = span_of(NULL, 0); /* it must be made */
    for (int i = 0; i < 3; i++) {
        fds[i] = test_connect_tcp(server->port);
        send_all(fds[i], whole(), WHOLE_BYTES);
    }
    test_core_run(server->test);
    assert_int_equal(server->test->threads, 1);
    assert_int_equal(server->admitted, 3);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    server_finish(server);
}

static void without_a_key_links_are_refused(void **state)
{
    Server *server = server_new();
    uint8_t got[1024];
    bool closed;

    (void)state;
    server->test->ticket_key = span_of(NULL, 0);
    server->test->fail_thread = 1;
    const int fd = connect_to(server);
    send_all(fd, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(receive(fd, got, sizeof got, &closed), 16 + 178);
    assert_int_equal(le32_get(got + 16), 1);
    assert_true(closed);
    close(fd);
    server_finish(server);
}

/* While it waits for the key nothing is read from it: only what waits to be written shows that it is gone. */
static void a_websocket_that_dies_while_a_key_is_made_keeps_nobody_busy(void **state)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: binary\r\n\r\n";
    Server *server = server_new();
    uint8_t frames[6 + 6 + HELLO_BYTES] = {0x89, 0x80, [6] = 0x82, 0x80 | HELLO_BYTES}, filler[512] = {0};
    int ours, peer;

    (void)state;
    server->test->ticket_key = span_of(NULL, 0);
    server->test->only = server->loop;
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, NULL, false), STATUS_OK);
    send_all(peer, request, sizeof request - 1);
    test_core_run(server->test);
    while (send(ours, filler, sizeof filler, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    while (send(ours, filler, 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    memcpy(frames + 12, whole(), HELLO_BYTES);
    send_all(peer, frames, sizeof frames);
    test_core_run(server->test);
    assert_int_equal(host_saw.disconnected, 0);
    close(peer);
    test_core_run(server->test);
    assert_int_equal(host_saw.disconnected, 1);
    server_finish(server);
}

static void a_server_may_go_while_a_key_is_made(void **state)
{
    Server *server = server_new();

    (void)state;
    server->test->ticket_key = span_of(NULL, 0);
    const int listener_side = test_connect_tcp(server->port);
    /* One round accepts and reads; the key's job is posted and not yet back. */
    send_all(listener_side, whole(), WHOLE_BYTES);
    server->test->io_bytes_max = 16;
    test_core_run(server->test);
    close(listener_side);
    server_finish(server);
}

/* ---- Deadlines ---------------------------------------------------------------------------------------------- */

static const LinksLimits short_limits = {
    .unfinished_max = 1000,
    .unfinished_per_peer_max = 1000,
    .tls_ns = 100 * MS,
    .header_ns = 200 * MS,
    .auth_ns = 400 * MS,
    .flush_ns = 50 * MS,
};

static void silence_ends_at_the_stages_deadline(void **state)
{
    Server *server = server_new();

    (void)state;
    links_set_limits(server->links, &short_limits);
    const int silent = connect_to(server);
    const int in_auth = connect_to(server);
    send_all(in_auth, whole(), HELLO_BYTES + 1);
    test_core_advance(server->test, 199 * MS);
    assert_false(is_closed(silent));
    test_core_advance(server->test, 1 * MS);
    assert_true(is_closed(silent));
    assert_logged(server, "no link message in time");
    assert_false(is_closed(in_auth));
    test_core_advance(server->test, 199 * MS);
    assert_false(is_closed(in_auth));
    test_core_advance(server->test, 1 * MS);
    assert_true(is_closed(in_auth));
    assert_logged(server, "no ticket in time");
    assert_int_equal(host_saw.disconnected, 2);
    close(silent);
    close(in_auth);
    server_finish(server);
}

static void dripping_bytes_buys_no_time(void **state)
{
    Server *server = server_new();
    size_t sent = 0;

    (void)state;
    links_set_limits(server->links, &short_limits);
    const int fd = connect_to(server);
    /* One byte each 10 ms: the 200 ms for the message end before its 38 bytes do. */
    for (uint64_t ms = 0; ms < 190; ms += 10) {
        send_all(fd, whole() + sent++, 1);
        test_core_advance(server->test, 10 * MS);
        assert_false(is_closed(fd));
    }
    test_core_advance(server->test, 10 * MS);
    assert_true(is_closed(fd));
    close(fd);

    /* Nor in the ticket, once the message has arrived at its last moment. */
    const int other = connect_to(server);
    test_core_advance(server->test, 199 * MS);
    send_all(other, whole(), HELLO_BYTES);
    test_core_run(server->test);
    for (uint64_t ms = 0; ms < 390; ms += 10) {
        send_all(other, "x", 1);
        test_core_advance(server->test, 10 * MS);
    }
    uint8_t got[1024];
    bool closed;
    assert_int_equal(receive(other, got, sizeof got, &closed), REPLY_BYTES);
    assert_false(closed);
    test_core_advance(server->test, 10 * MS);
    assert_true(is_closed(other));
    close(other);
    server_finish(server);
}

static void a_tls_port_has_a_deadline_of_its_own(void **state)
{
    Server *server = server_new();
    int ours, peer;

    (void)state;
    server_use_tls(server, &test_tls_files);
    links_set_limits(server->links, &short_limits);
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    test_core_advance(server->test, 99 * MS);
    assert_false(is_closed(peer));
    test_core_advance(server->test, 1 * MS);
    assert_true(is_closed(peer));
    assert_logged(server, "no TLS handshake in time");
    close(peer);
    server_finish(server);
}

static void who_never_reads_a_refusal_is_dropped(void **state)
{
    Server *server = server_new();
    int ours, peer;

    (void)state;
    links_set_limits(server->links, &short_limits);
    test_socket_pair(server->test, &ours, &peer);
    /* A socket that is full before we say a word. */
    setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
    uint8_t filler[512] = {0};
    while (send(ours, filler, sizeof filler, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    while (send(ours, filler, 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    assert_int_equal(links_add(server->links, ours, NULL, false), STATUS_OK);
    send_all(peer, "RFB 003.008\n", 12);
    test_core_advance(server->test, 49 * MS);
    assert_int_equal(host_saw.disconnected, 0);
    test_core_advance(server->test, 1 * MS);
    assert_int_equal(host_saw.disconnected, 1);
    assert_logged(server, "not the SPICE protocol");
    close(peer);
    server_finish(server);
}

/* ---- Caps --------------------------------------------------------------------------------------------------- */

static void the_excess_waits_in_the_backlog(void **state)
{
    Server *server = server_new();
    LinksLimits limits = short_limits;
    int fds[8];

    (void)state;
    limits.unfinished_max = 3;
    links_set_limits(server->links, &limits);
    for (int i = 0; i < 8; i++) {
        fds[i] = test_connect_tcp(server->port);
    }
    test_core_run(server->test);
    assert_int_equal(host_saw.connected, 3);
    int ours, peer;
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, NULL, false), STATUS_LIMIT);
    assert_int_equal(fcntl(ours, F_GETFD), FD_CLOEXEC); /* still the caller's */
    server->test->core.close(&server->test->core, ours);
    close(peer);

    send_all(fds[0], whole(), WHOLE_BYTES); /* one gets through: one more may try */
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    assert_int_equal(host_saw.connected, 4);
    close(fds[1]); /* one gives up */
    test_core_run(server->test);
    assert_int_equal(host_saw.connected, 5);
    test_core_advance(server->test, 200 * MS); /* the others are thrown out */
    assert_int_equal(host_saw.connected, 8);
    for (int i = 0; i < 8; i++) {
        if (i != 1) {
            close(fds[i]);
        }
    }
    server_finish(server);
}

static void one_peer_cannot_have_all_places(void **state)
{
    Server *server = server_new();
    LinksLimits limits = short_limits;
    int fds[4];

    (void)state;
    limits.unfinished_per_peer_max = 3;
    links_set_limits(server->links, &limits);
    for (int i = 0; i < 4; i++) {
        fds[i] = connect_to(server);
    }
    assert_false(is_closed(fds[0]));
    assert_false(is_closed(fds[2]));
    assert_true(is_closed(fds[3]));
    assert_int_equal(host_saw.connected, 3);
    assert_logged(server, "too many unfinished links");

    /* Unix sockets have no address: they count only in total. */
    int ours[4], peers[4];
    for (int i = 0; i < 4; i++) {
        test_socket_pair(server->test, &ours[i], &peers[i]);
        assert_int_equal(links_add(server->links, ours[i], NULL, true), STATUS_OK);
    }
    close(fds[0]);
    test_core_run(server->test);
    const int again = connect_to(server);
    assert_false(is_closed(again));
    for (int i = 0; i < 4; i++) {
        close(peers[i]);
        if (i > 0) {
            close(fds[i]);
        }
    }
    close(again);
    server_finish(server);
}

/* What the cap takes for one peer: an IPv4 address, also when it is written as IPv6, or an IPv6 network of 64 bits. */
static void peers_are_told_apart_by_address_or_network(void **state)
{
    static const struct {
        const char *first, *second;
        bool same;
    } rows[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4", true},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.5", false},
        {"::ffff:1.2.3.4", "1.2.3.4", true},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"::1", "0.0.0.0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Server *server = server_new();
        LinksLimits limits = short_limits;
        int ours[2], peers[2];

        limits.unfinished_per_peer_max = 1;
        links_set_limits(server->links, &limits);
        for (int n = 0; n < 2; n++) {
            const char *text = n == 0 ? rows[i].first : rows[i].second;
            CoreAddress *address = &server->test->peer;
            struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
            struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

            memset(address, 0, sizeof *address);
            if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                address->len = sizeof *in;
            } else {
                assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
                in6->sin6_family = AF_INET6;
                address->len = sizeof *in6;
            }
            test_socket_pair(server->test, &ours[n], &peers[n]);
            const Status status = links_add(server->links, ours[n], NULL, false);
            assert_int_equal(status, n == 1 && rows[i].same ? STATUS_LIMIT : STATUS_OK);
            if (status != STATUS_OK) {
                server->test->core.close(&server->test->core, ours[n]);
            }
        }
        close(peers[0]);
        close(peers[1]);
        server_finish(server);
    }
}

static void a_thousand_silent_connections_cost_a_bound(void **state)
{
    Server *server = server_new();
    struct rlimit files;
    int fds[1000];

    (void)state;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    assert_true(files.rlim_cur >= 2200);
    const LinksLimits limits = {512, 2000, 100 * MS, 200 * MS, 400 * MS, 50 * MS};
    links_set_limits(server->links, &limits);
    for (int i = 0; i < 1000; i++) {
        fds[i] = connect_to(server);
    }
    assert_int_equal(host_saw.connected, 512);
    assert_int_equal(server->test->watches, 512 + 1);
    test_core_advance(server->test, 200 * MS);
    assert_int_equal(host_saw.disconnected, 512);
    assert_int_equal(host_saw.connected, 1000);
    /* The log had its share and no more. */
    assert_true(server->test->log_lines <= (int)LINKS_LOG_BURST);
    test_core_advance(server->test, 200 * MS);
    assert_int_equal(host_saw.disconnected, 1000);

    /* And somebody who means it comes through. */
    const int fd = connect_to(server);
    send_all(fd, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    close(fd);
    for (int i = 0; i < 1000; i++) {
        close(fds[i]);
    }
    server_finish(server);
}

/* Ten thousand, of whom each stops somewhere else: before a word, in the header, in the message, in the ticket. */
static void ten_thousand_that_stop_at_any_stage_leave_nothing(void **state)
{
    static const size_t stops[] = {0, 1, 15, 16, 30, HELLO_BYTES, HELLO_BYTES + 1, WHOLE_BYTES - 1};
    Server *server = server_new();
    enum { WAVES = 20, PEERS = 500 };
    int fds[PEERS];

    (void)state;
    const LinksLimits limits = {512, 2000, 100 * MS, 200 * MS, 400 * MS, 50 * MS};
    links_set_limits(server->links, &limits);
    for (int wave = 0; wave < WAVES; wave++) {
        for (size_t i = 0; i < PEERS; i++) {
            fds[i] = test_connect_tcp(server->port);
            send_all(fds[i], whole(), stops[i % (sizeof stops / sizeof stops[0])]);
        }
        test_core_run(server->test);
        assert_int_equal(host_saw.connected, (wave + 1) * PEERS);
        assert_int_equal(server->test->watches, PEERS + 1);
        test_core_advance(server->test, 400 * MS);
        assert_int_equal(host_saw.disconnected, (wave + 1) * PEERS);
        assert_int_equal(server->test->watches, 1);
        for (size_t i = 0; i < PEERS; i++) {
            reset_connection(fds[i]);
        }
    }
    assert_int_equal(server->offers, 0);
    const int fd = connect_to(server);
    send_all(fd, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    close(fd);
    server_finish(server);
}

static void suppressed_lines_are_counted(void **state)
{
    Server *server = server_new();

    (void)state;
    for (unsigned i = 0; i < LINKS_LOG_BURST + 5; i++) {
        const int fd = connect_to(server);
        send_all(fd, "junk", 4);
        test_core_run(server->test);
        close(fd);
    }
    assert_int_equal(server->test->log_lines, LINKS_LOG_BURST);
    test_core_advance(server->test, LINKS_LOG_REFILL_NS);
    const int fd = connect_to(server);
    send_all(fd, "junk", 4);
    test_core_run(server->test);
    assert_int_equal(server->test->log_lines, LINKS_LOG_BURST + 1);
    assert_logged(server, "(5 more suppressed before this)");
    close(fd);
    server->test->log_len = 0;
    test_core_advance(server->test, LINKS_LOG_REFILL_NS);
    const int last = connect_to(server);
    send_all(last, "junk", 4);
    test_core_run(server->test);
    assert_logged(server, "not the SPICE protocol");
    assert_null(strstr(server->test->log, "suppressed"));
    close(last);
    server_finish(server);
}

static void a_failing_accept_backs_off(void **state)
{
    static const int errors[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM, -EINVAL};

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        Server *server = server_new();

        server->test->accept_error = errors[i];
        const int fd = connect_to(server); /* comes to rest, or it fails in there */
        assert_int_equal(host_saw.connected, 0);
        assert_int_equal(server->test->log_lines, 1);
        test_core_advance(server->test, LINKS_ACCEPT_BACKOFF_NS - 1);
        assert_int_equal(server->test->log_lines, 1);
        test_core_advance(server->test, 1);
        assert_int_equal(server->test->log_lines, 2); /* tried again */
        server->test->accept_error = 0;
        test_core_advance(server->test, LINKS_ACCEPT_BACKOFF_NS);
        assert_int_equal(host_saw.connected, 1);
        close(fd);
        server_finish(server);
    }
}

/* ---- Ends at every byte ------------------------------------------------------------------------------------- */

static void leaving_at_any_byte_is_balanced(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
            Server *server = server_new();
            const LinksLimits limits = {8, 8, 100 * MS, 200 * MS, 400 * MS, 50 * MS};

            links_set_limits(server->links, &limits);
            server->answer = 9;
            for (size_t len = 0; len <= WHOLE_BYTES; len += 1) {
                const int fd = connect_to(server);
                if (one_by_one) {
                    for (size_t i = 0; i < len; i++) {
                        send_all(fd, whole() + i, 1);
                        test_core_run(server->test);
                    }
                } else if (len > 0) {
                    send_all(fd, whole(), len);
                }
                if (reset) {
                    reset_connection(fd);
                } else {
                    close(fd);
                }
                test_core_run(server->test);
                assert_int_equal(host_saw.connected, len + 1);
                assert_int_equal(host_saw.disconnected, len + 1);
            }
            server_finish(server);
        }
    }
}

static void leaving_in_tls_at_any_byte_is_balanced(void **state)
{
    (void)state;
    uint8_t hello[1024];
    TestClient client;
    test_client_init(&client, 0, NULL);
    SSL_do_handshake(client.ssl);
    ERR_clear_error();
    const int hello_len = BIO_read(client.out, hello, sizeof hello);
    assert_in_range(hello_len, 100, 1000);
    test_client_finish(&client);

    Server *server = server_new();
    server_use_tls(server, &test_tls_files);
    for (int len = 0; len <= hello_len; len += len < 20 ? 1 : 7) {
        int ours, peer;

        test_socket_pair(server->test, &ours, &peer);
        assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
        if (len > 0) {
            send_all(peer, hello, (size_t)len);
        }
        test_core_run(server->test);
        close(peer);
        test_core_run(server->test);
        assert_int_equal(host_saw.connected, host_saw.disconnected);
    }
    server_finish(server);
}

/* ---- TLS ---------------------------------------------------------------------------------------------------- */

/* What the client has to say goes to the server, and what that says to the client. False: it hung up. */
static bool move_tls(Server *server, int peer, TestClient *client)
{
    uint8_t buffer[8192];

    const int out = BIO_read(client->out, buffer, sizeof buffer);
    if (out > 0) {
        send_all(peer, buffer, (size_t)out);
    }
    test_core_run(server->test);
    const ssize_t in = recv(peer, buffer, sizeof buffer, 0);
    if (in > 0) {
        BIO_write(client->in, buffer, (int)in);
    }
    return in != 0;
}

/* A whole client through TLS, until it has got `len` bytes or the server hung up. */
static void talk_tls(Server *server, int peer, uint8_t *ret_got, size_t len)
{
    TestClient client;
    size_t got_len = 0;
    bool sent = false;

    test_client_init(&client, 0, NULL);
    for (int i = 0; i < 20000 && got_len < len; i++) {
        ERR_clear_error();
        if (SSL_is_init_finished(client.ssl)) {
            if (!sent) {
                SSL_write(client.ssl, whole(), WHOLE_BYTES);
                sent = true;
            }
            const int n = SSL_read(client.ssl, ret_got + got_len, (int)(len - got_len));
            got_len += n > 0 ? (size_t)n : 0;
        } else {
            SSL_do_handshake(client.ssl);
        }
        move_tls(server, peer, &client);
    }
    assert_int_equal(got_len, len);
    test_client_finish(&client);
}

static void a_client_is_admitted_through_tls(void **state)
{
    Server *server = server_new();
    uint8_t got[REPLY_BYTES];
    int ours, peer;

    (void)state;
    server_use_tls(server, &test_tls_files);
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    talk_tls(server, peer, got, sizeof got);
    assert_int_equal(server->admitted, 1);
    assert_true(stream_is_tls(server->streams[0]));
    close(peer);
    server_finish(server);
}

/* The refusal waits in TLS while the socket takes a few bytes now and then; it is not cut off. */
static void a_client_is_refused_through_tls(void **state)
{
    Server *server = server_new();
    uint8_t got[REPLY_BYTES + 4];
    int ours, peer;

    (void)state;
    server_use_tls(server, &test_tls_files);
    server->answer = 9;
    server->test->io_bytes_max = 5;
    server->test->every_other_io_fails = true;
    test_socket_pair(server->test, &ours, &peer);
    setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    talk_tls(server, peer, got, sizeof got);
    assert_int_equal(le32_get(got + REPLY_BYTES), 9);
    test_core_run(server->test);
    assert_int_equal(host_saw.disconnected, 1);
    close(peer);
    server_finish(server);
}

static void spice_on_a_tls_port_is_closed(void **state)
{
    Server *server = server_new();
    int ours, peer;

    (void)state;
    server_use_tls(server, &test_tls_files);
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    send_all(peer, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_true(is_closed(peer));
    assert_int_equal(host_saw.disconnected, 1);
    assert_int_equal(server->test->log_lines, 1);
    close(peer);
    server_finish(server);
}

static void without_a_common_cipher_it_is_closed(void **state)
{
    TlsFiles files = test_tls_files;
    Server *server = server_new();
    TestClient client;
    int ours, peer;

    (void)state;
    files.ciphers = "ECDHE-RSA-AES256-GCM-SHA384";
    server_use_tls(server, &files);
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    test_client_init(&client, TLS1_2_VERSION, NULL);
    assert_int_equal(SSL_set_cipher_list(client.ssl, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
    bool open = true;
    for (int i = 0; i < 10 && open; i++) {
        ERR_clear_error();
        SSL_do_handshake(client.ssl);
        open = move_tls(server, peer, &client);
    }
    assert_false(open);
    assert_int_equal(host_saw.disconnected, 1);
    assert_logged(server, "no shared cipher");
    assert_int_equal(server->test->log_lines, 1);
    test_client_finish(&client);
    close(peer);
    server_finish(server);
}

/* Once TLS stands, the link message has its own time, and no more. */
static void silence_behind_tls_ends_at_the_messages_deadline(void **state)
{
    Server *server = server_new();
    TestClient client;
    int ours, peer;

    (void)state;
    server_use_tls(server, &test_tls_files);
    links_set_limits(server->links, &short_limits);
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, server->tls, false), STATUS_OK);
    test_core_advance(server->test, 99 * MS);
    test_client_init(&client, 0, NULL);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(client.ssl);
        assert_true(move_tls(server, peer, &client));
    }
    assert_true(SSL_is_init_finished(client.ssl));
    test_core_advance(server->test, 199 * MS);
    assert_true(move_tls(server, peer, &client));
    test_core_advance(server->test, 1 * MS);
    assert_int_equal(host_saw.disconnected, 1);
    assert_logged(server, "no link message in time");
    assert_int_equal(server->test->log_lines, 1);
    test_client_finish(&client);
    close(peer);
    server_finish(server);
}

/* ---- Adopted sockets ---------------------------------------------------------------------------------------- */

static void adopting_fails_without_a_trace(void **state)
{
    Server *server = server_new();
    int pair[2];

    (void)state;
    server_use_tls(server, &test_tls_files);
    assert_int_equal(links_add(server->links, -1, NULL, false), STATUS_IO);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const int flags = fcntl(pair[0], F_GETFL);
    int *const faults[] = {&server->test->fail_timer, &server->test->fail_watch, &server->test->fail_adopt};
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        for (size_t i = 0; i < 3; i++) {
            for (int nth = 1; nth <= 3; nth++) {
                *faults[i] = nth;
                const int connected = host_saw.connected;
                const int timers = server->test->timers, watches = server->test->watches;
                if (links_add(server->links, pair[0], is_tls ? server->tls : NULL, false) == STATUS_OK) {
                    fail_msg("fault %zu, call %d, was not met", i, nth);
                }
                assert_int_equal(host_saw.connected, connected);
                assert_int_equal(server->test->timers, timers);
                assert_int_equal(server->test->watches, watches);
                assert_int_equal(fcntl(pair[0], F_GETFL), flags); /* untouched */
                assert_int_equal(write(pair[0], "x", 1), 1);
                assert_true(*faults[i] == 0);
                /* TLS takes two timers; all else is asked for once. */
                if (!(is_tls && i == 0 && nth == 1)) {
                    break;
                }
            }
        }
    }
    server->test->handles++; /* adopted now */
    assert_int_equal(links_add(server->links, pair[0], NULL, false), STATUS_OK);
    assert_int_equal(fcntl(pair[0], F_GETFL), flags | O_NONBLOCK);
    close(pair[1]);
    server_finish(server);
}

static void a_vouched_for_client_needs_no_ticket(void **state)
{
    Server *server = server_new();
    int ours, peer;

    (void)state;
    test_socket_pair(server->test, &ours, &peer);
    assert_int_equal(links_add(server->links, ours, NULL, true), STATUS_OK);
    assert_int_equal(host_saw.last.llen_ext, host_saw.last.llen);
    send_all(peer, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);
    assert_true(server->last_offer.skip_auth);
    close(peer);
    server_finish(server);
}

/* ---- Listeners and events ----------------------------------------------------------------------------------- */

static void our_own_listeners_listen_and_go(void **state)
{
    Server *server = server_new();
    char path[] = "/tmp/sumac-test-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(path));
    char name[64];
    snprintf(name, sizeof name, "%s/spice", path);
    assert_int_equal(links_listen(server->links, &(CoreListen){name, 0, AF_UNIX}, NULL), STATUS_OK);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    memcpy((char *)&address + sizeof address.ss_family, name, strlen(name) + 1);
    assert_int_equal(
        connect(fd, (struct sockaddr *)&address, sizeof address.ss_family + (socklen_t)strlen(name) + 1), 0);
    send_all(fd, whole(), WHOLE_BYTES);
    test_core_run(server->test);
    assert_int_equal(server->admitted, 1);

    char missing[96];
    snprintf(missing, sizeof missing, "%s/no/such/folder", path);
    assert_int_equal(links_listen(server->links, &(CoreListen){missing, 0, AF_UNIX}, NULL), STATUS_IO);
    assert_logged(server, "no/such/folder");
    server->test->fail_watch = 1;
    char other[64];
    snprintf(other, sizeof other, "%s/other", path);
    assert_int_equal(links_listen(server->links, &(CoreListen){other, 0, AF_UNIX}, NULL), STATUS_IO);
    assert_int_equal(links_listen_handle(server->links, -1), STATUS_IO);
    close(fd);
    unlink(name);
    unlink(other);
    rmdir(path);
    server_finish(server);
}

static void events_carry_both_ends(void **state)
{
    Server *server = server_new();
    struct sockaddr_in ours;
    socklen_t len = sizeof ours;

    (void)state;
    const int fd = connect_to(server);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ours, &len), 0);
    const struct sockaddr_in *peer = (const struct sockaddr_in *)&host_saw.last.paddr_ext;
    const struct sockaddr_in *local = (const struct sockaddr_in *)&host_saw.last.laddr_ext;
    assert_int_equal(host_saw.last.plen_ext, sizeof *peer);
    assert_int_equal(peer->sin_port, ours.sin_port);
    assert_int_equal(peer->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(ntohs(local->sin_port), server->port);
    assert_int_equal(host_saw.last.plen, sizeof(struct sockaddr));
    assert_memory_equal(&host_saw.last.paddr, peer, sizeof(struct sockaddr));
    close(fd);
    test_core_run(server->test);
    assert_int_equal(host_saw.last.connection_id, 0);
    assert_int_equal(host_saw.disconnected, 1);
    server_finish(server);
}

static void hosts_without_events_are_not_called(void **state)
{
    static const SpiceCoreInterface old = {.base = {.minor_version = 2}, .channel_event = host_channel_event};
    static const SpiceCoreInterface silent = {.base = {.minor_version = 3}};
    const SpiceCoreInterface *const hosts[] = {&old, &silent};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        Server *server = server_new();
        sink.host = hosts[i];
        const int fd = connect_to(server);
        send_all(fd, whole(), WHOLE_BYTES);
        test_core_run(server->test);
        assert_int_equal(server->admitted, 1);
        channel_event_initialized(server->events[0], 1, 1, 0, false);
        close(fd);
        assert_int_equal(host_saw.connected + host_saw.initialized, 0);
        server_finish(server);
        assert_int_equal(host_saw.disconnected, 0);
    }
    sink.host = &host;
}

static void a_server_may_go_with_links_at_every_stage(void **state)
{
    (void)state;
    Server *server = server_new();
    int fds[WHOLE_BYTES];

    for (size_t len = 0; len < WHOLE_BYTES; len++) {
        fds[len] = test_connect_tcp(server->port);
        if (len > 0) {
            send_all(fds[len], whole(), len);
        }
    }
    test_core_run(server->test);
    assert_int_equal(host_saw.connected, WHOLE_BYTES);
    server_finish(server);
    for (size_t len = 0; len < WHOLE_BYTES; len++) {
        assert_true(is_closed(fds[len]));
        close(fds[len]);
    }
}

/* ---- Set up ------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);

    (void)state;
    test_pki_make(&pki);
    key_der_len = (size_t)i2d_PrivateKey(key, &key_der);
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_pki_clear(&pki);
    OPENSSL_free(key_der);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_client_is_admitted),
        cmocka_unit_test(a_refused_client_hears_why),
        cmocka_unit_test(wrong_input_is_answered_closed_and_logged),
        cmocka_unit_test(whatever_is_wrong_is_one_line_and_costs_nothing_after),
        cmocka_unit_test(a_request_for_something_else_is_answered_in_its_own_tongue),
        cmocka_unit_test(the_result_follows_a_reply_that_did_not_fit),
        cmocka_unit_test(links_wait_for_the_first_key),
        cmocka_unit_test(without_a_key_links_are_refused),
        cmocka_unit_test(a_websocket_that_dies_while_a_key_is_made_keeps_nobody_busy),
        cmocka_unit_test(a_server_may_go_while_a_key_is_made),
        cmocka_unit_test(silence_ends_at_the_stages_deadline),
        cmocka_unit_test(dripping_bytes_buys_no_time),
        cmocka_unit_test(a_tls_port_has_a_deadline_of_its_own),
        cmocka_unit_test(who_never_reads_a_refusal_is_dropped),
        cmocka_unit_test(the_excess_waits_in_the_backlog),
        cmocka_unit_test(one_peer_cannot_have_all_places),
        cmocka_unit_test(peers_are_told_apart_by_address_or_network),
        cmocka_unit_test(a_thousand_silent_connections_cost_a_bound),
        cmocka_unit_test(ten_thousand_that_stop_at_any_stage_leave_nothing),
        cmocka_unit_test(suppressed_lines_are_counted),
        cmocka_unit_test(a_failing_accept_backs_off),
        cmocka_unit_test(leaving_at_any_byte_is_balanced),
        cmocka_unit_test(leaving_in_tls_at_any_byte_is_balanced),
        cmocka_unit_test(a_client_is_admitted_through_tls),
        cmocka_unit_test(a_client_is_refused_through_tls),
        cmocka_unit_test(spice_on_a_tls_port_is_closed),
        cmocka_unit_test(without_a_common_cipher_it_is_closed),
        cmocka_unit_test(silence_behind_tls_ends_at_the_messages_deadline),
        cmocka_unit_test(adopting_fails_without_a_trace),
        cmocka_unit_test(a_vouched_for_client_needs_no_ticket),
        cmocka_unit_test(our_own_listeners_listen_and_go),
        cmocka_unit_test(events_carry_both_ends),
        cmocka_unit_test(hosts_without_events_are_not_called),
        cmocka_unit_test(a_server_may_go_with_links_at_every_stage),
    };

    return cmocka_run_group_tests_name("links", tests, set_up, tear_down);
}
