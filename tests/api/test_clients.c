/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients and their host see of connections: who they are, when the host hears of what, who may call when. */
#include "api/server.h"
#include "core/posix/posix.h"
#include "tests/api/caller.h"
#include "tests/net/test_pki.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Main: name and uuid ---- */

static void test_a_client_learns_name_and_uuid(void **state)
{
    static const uint8_t uuid[16] = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0};
    Caller caller;

    (void)state;
    rig_start();
    assert_true(caller_start(&caller, &(CallerTarget){.server = rig.server}));
    assert_false(fake_client_main(caller.client)->has_uuid); /* none was set */
    assert_string_equal(fake_client_main(caller.client)->name, "");
    caller_end(&caller);

    spice_server_set_name(rig.server, "the machine");
    spice_server_set_uuid(rig.server, uuid);
    spice_server_set_uuid(rig.server, NULL); /* cannot be unset */
    assert_true(caller_start(&caller, &(CallerTarget){.server = rig.server}));
    assert_true(fake_client_main(caller.client)->has_uuid);
    assert_memory_equal(fake_client_main(caller.client)->uuid, uuid, sizeof uuid);
    assert_string_equal(fake_client_main(caller.client)->name, "the machine");
    caller_end(&caller);
    rig_end();
}

/* ---- Pings measure, and are small ---- */

static void test_pings_are_small(void **state)
{
    Caller caller;

    (void)state;
    rig_start();
    assert_true(caller_start(&caller, &(CallerTarget){.server = rig.server, .tcp = true}));
    assert_non_null(caller_open(&caller, WIRE_CHANNEL_DISPLAY, 0));
    caller_serve_ms(&caller, 500);
    assert_true(caller.pings >= 2);
    assert_true(caller.ping_bytes <= 64); /* the existing server's net test has 256,000 */
    caller_end(&caller);
    rig_end();
}

/* ---- Connection ids ---- */

static uint32_t drawn[8];
static unsigned drawn_len;
static const Core *real_core;

/* Numbers that a test knows instead of the machine's entropy, for whoever asks for four bytes. */
static void known_entropy(const Core *core, void *buffer, size_t len)
{
    real_core->entropy(core, buffer, len);
    if (len == sizeof drawn[0] && drawn_len < 8 && drawn[drawn_len] != UINT32_MAX) {
        memcpy(buffer, &drawn[drawn_len++], len);
    }
}

static void test_connection_ids_are_entropy_and_nothing_else(void **state)
{
    static const uint32_t numbers[8] = {0x12345678, 0, 0x12345678, 0x9abcdef0, UINT32_MAX};
    int fds[2];

    (void)state;
    real_core = core_posix();
    Core core = *real_core;
    core.entropy = known_entropy;
    memcpy(drawn, numbers, sizeof drawn);
    drawn_len = 0;
    rig_start(); /* for its loop */
    SpiceServer *server = server_new(&core);
    assert_int_equal(spice_server_set_noauth(server), 0);
    assert_int_equal(spice_server_set_multiple_clients(server, 1), 0);
    assert_int_equal(spice_server_init(server, rig.core), 0);
    for (int i = 0; i < 2; i++) {
        fds[i] = visitor_open(server, 0, WIRE_CHANNEL_MAIN);
        /* 0 means none, and the second may not be the first one's. */
        assert_int_equal(visitor_session(fds[i]), i == 0 ? numbers[0] : numbers[3]);
    }
    assert_int_equal(drawn_len, 4);
    close(fds[0]);
    close(fds[1]);
    spice_server_destroy(server);
    rig_end();
}

/* ---- INITIALIZED ---- */

static int watched_fd;
static int looked;

/* The whole answer and the result OK must be there to be read when the host hears that the channel is initialised. */
static void look_at_the_result(int event, const SpiceChannelEventInfo *info)
{
    uint8_t bytes[1024];
    WireLinkHeader header;

    if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        const ssize_t n = recv(watched_fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
        looked++;
        assert_true(info->connection_id != 0);
        assert_true(n >= (ssize_t)WIRE_LINK_HEADER_BYTES);
        assert_int_equal(wire_link_header_decode(span_of(bytes, WIRE_LINK_HEADER_BYTES), NULL, &header, NULL),
                         STATUS_OK);
        const size_t whole = WIRE_LINK_HEADER_BYTES + header.size + WIRE_LINK_RESULT_BYTES;
        assert_true((size_t)n >= whole);
        assert_int_equal(le32_get(bytes + whole - WIRE_LINK_RESULT_BYTES), WIRE_LINK_ERR_OK);
    }
}

static void test_the_host_hears_of_a_channel_after_its_client_was_let_in(void **state)
{
    static const uint8_t types[] = {WIRE_CHANNEL_MAIN, WIRE_CHANNEL_INPUTS, WIRE_CHANNEL_CURSOR,
                                    WIRE_CHANNEL_DISPLAY};
    int fds[4];
    uint32_t session = 0;

    (void)state;
    rig_start();
    looked = 0;
    rig.on_event = look_at_the_result;
    for (int i = 0; i < 4; i++) {
        watched_fd = fds[i] = visitor_begin(rig.server, session, types[i]);
        assert_true(visitor_is_let_in(fds[i]));
        assert_int_equal(looked, i + 1);
        session = session != 0 ? session : visitor_session(fds[i]);
    }
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    rig_serve_ms(20);
    rig_end();
}

/* ---- DISCONNECTED ---- */

static int gone[8], gone_len;

static void note_the_gone(int event, const SpiceChannelEventInfo *info)
{
    if (event == SPICE_CHANNEL_EVENT_DISCONNECTED && gone_len < 8) {
        gone[gone_len++] = info->type;
    }
}

/* However a client ends: its main channel last, each channel once. */
static void test_the_host_hears_of_the_main_channels_end_last(void **state)
{
    static const uint8_t types[] = {WIRE_CHANNEL_MAIN, WIRE_CHANNEL_DISPLAY, WIRE_CHANNEL_INPUTS,
                                    WIRE_CHANNEL_CURSOR};
    int fds[4];

    (void)state;
    for (int how = 0; how < 4; how++) {
        rig_start();
        uint32_t session = 0;
        for (int i = 0; i < 4; i++) {
            fds[i] = visitor_open(rig.server, session, types[i]);
            assert_true(fds[i] >= 0);
            session = session != 0 ? session : visitor_session(fds[i]);
        }
        RIG_SERVE_UNTIL(rig.initialized == 4);
        gone_len = 0;
        rig.on_event = note_the_gone;
        if (how == 0) { /* the client hangs up main alone */
            close(fds[0]);
        } else if (how == 1) { /* all at once, main first */
            for (int i = 0; i < 4; i++) {
                close(fds[i]);
            }
        } else if (how == 2) { /* the host throws it out */
            assert_int_equal(spice_server_set_ticket(rig.server, "new", 0, 0, 1), 0);
        } else { /* the server ends */
            spice_server_destroy(rig.server);
            rig.server = NULL;
        }
        RIG_SERVE_UNTIL(gone_len >= 4);
        rig_serve_ms(5);
        assert_int_equal(gone_len, 4);
        unsigned seen = 0;
        for (int i = 0; i < 4; i++) {
            seen |= 1u << gone[i];
        }
        assert_int_equal(seen, 1u << WIRE_CHANNEL_MAIN | 1u << WIRE_CHANNEL_DISPLAY |
                                   1u << WIRE_CHANNEL_INPUTS | 1u << WIRE_CHANNEL_CURSOR);
        assert_int_equal(gone[3], WIRE_CHANNEL_MAIN);
        for (int i = how == 0 ? 1 : 0; i < 4 && how != 1; i++) {
            close(fds[i]);
        }
        rig_end();
    }
}

/* ---- One caller at a time ---- */

static _Atomic unsigned intrusions;

/* On the worker's thread: it calls the server, which only the main domain may. */
static void intrude(void)
{
    atomic_fetch_add(&intrusions, 1);
    (void)spice_server_get_num_clients(rig.server);
}

#define TWO_THREADS "two threads are in the server at once"

static void call_back_in(int event, const SpiceChannelEventInfo *info)
{
    (void)event;
    (void)info;
    (void)spice_server_get_num_clients(rig.server);
    (void)spice_server_is_server_mouse(rig.server);
}

static void test_two_threads_at_once_are_the_hosts_fault_and_said_once(void **state)
{
    const QXLRect area = {0, 0, 64, 64};

    (void)state;
    atomic_store(&intrusions, 0);
    rig_start();
    rig.on_event = call_back_in; /* which is allowed, from inside the library's own call */
    close(visitor_open(rig.server, 0, WIRE_CHANNEL_MAIN));
    rig_serve_ms(20);
    assert_int_equal(rig_warnings(TWO_THREADS), 0);

    assert_true(fake_qxl_surface_create(rig.qxl, 64, 64, SPICE_SURFACE_FMT_32_xRGB));
    assert_true(fake_qxl_surface_create(rig.qxl, 64, 64, SPICE_SURFACE_FMT_32_xRGB));
    assert_true(fake_qxl_update_area(rig.qxl, 0, &area, false)); /* the commands are taken */
    rig.on_release = intrude;
    /* Inside until the worker has given back the two commands: both times it calls meanwhile. */
    assert_int_equal(spice_server_remove_interface(&fake_qxl_instance(rig.qxl)->base), 0);
    rig.on_release = NULL;
    assert_int_equal(atomic_load(&intrusions), 2);
    assert_int_equal(rig_warnings(TWO_THREADS), 1);
    rig_end();
}

/* ---- TLS on descriptors ---- */

static char folder[] = "/tmp/sumac-clients-XXXXXX";
static char ca_path[64], cert_path[64], key_path[64];

static void write_pem(char path[64], const char *name, const TestPem *pem)
{
    snprintf(path, 64, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(pem->data, 1, pem->len, file), pem->len);
    assert_int_equal(fclose(file), 0);
}

static int files_make(void **state)
{
    TestPki pki;

    (void)state;
    assert_non_null(mkdtemp(folder));
    test_pki_make(&pki);
    write_pem(ca_path, "ca.pem", &pki.ca);
    write_pem(cert_path, "cert.pem", &pki.chain);
    write_pem(key_path, "key.pem", &pki.key);
    test_pki_clear(&pki);
    return 0;
}

static int files_remove(void **state)
{
    (void)state;
    unlink(ca_path);
    unlink(cert_path);
    unlink(key_path);
    rmdir(folder);
    return 0;
}

/* A port that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static int tls_events, plain_events;

static void count_tls(int event, const SpiceChannelEventInfo *info)
{
    const bool is_tls = (info->flags & SPICE_CHANNEL_EVENT_FLAG_TLS) != 0;

    assert_false(event == SPICE_CHANNEL_EVENT_CONNECTED && is_tls); /* documented: never yet */
    if (event == SPICE_CHANNEL_EVENT_INITIALIZED) {
        tls_events += is_tls;
        plain_events += !is_tls;
    }
}

static void test_a_host_adds_clients_that_speak_tls(void **state)
{
    Caller caller;
    int pair[2];

    (void)state;
    rig_start(); /* its own server has no TLS */
    SpiceServer *server = spice_server_new();
    spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    assert_int_equal(
        spice_server_set_tls(server, free_port(), ca_path, cert_path, key_path, NULL, NULL, NULL), 0);
    assert_int_equal(spice_server_set_ticket(server, "secret", 0, 0, 0), 0);
    assert_int_equal(spice_server_init(server, rig.core), 0);
    tls_events = plain_events = 0;
    rig.on_event = count_tls;

    CallerTarget target = {.server = server, .password = "secret", .tls = true};
    assert_true(caller_start(&caller, &target));
    assert_non_null(caller_open(&caller, WIRE_CHANNEL_INPUTS, 0));
    assert_int_equal(spice_server_get_num_clients(server), 1);
    assert_true(tls_events == 2 && plain_events == 0);
    caller_end(&caller);

    target.password = "wrong";
    assert_false(caller_start(&caller, &target));
    caller_end(&caller);
    target.skip_auth = true; /* the host vouches for it */
    assert_true(caller_start(&caller, &target));
    caller_end(&caller);
    target.tls = false; /* the same server, plain */
    assert_true(caller_start(&caller, &target));
    caller_end(&caller);
    assert_true(tls_events == 3 && plain_events == 1);

    /* Who does not speak TLS after all is closed, and the host hears of it. */
    const int disconnected = rig.disconnected;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(spice_server_add_ssl_client(server, pair[1], 1), 0);
    assert_int_equal(write(pair[0], "REDQ garbage, and not a hello", 29), 29);
    RIG_SERVE_UNTIL(rig.disconnected == disconnected + 1);
    char byte;
    while (read(pair[0], &byte, 1) > 0) { /* an alert */
    }
    close(pair[0]);
    spice_server_destroy(server);
    rig_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_learns_name_and_uuid),
        cmocka_unit_test(test_pings_are_small),
        cmocka_unit_test(test_connection_ids_are_entropy_and_nothing_else),
        cmocka_unit_test(test_the_host_hears_of_a_channel_after_its_client_was_let_in),
        cmocka_unit_test(test_the_host_hears_of_the_main_channels_end_last),
        cmocka_unit_test(test_two_threads_at_once_are_the_hosts_fault_and_said_once),
        cmocka_unit_test(test_a_host_adds_clients_that_speak_tls),
    };
    return cmocka_run_group_tests(tests, files_make, files_remove);
}
