/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/api/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/wire.h"

#define LINES_MAX 4096
#define LINE_BYTES 200
#define PATIENCE_NS UINT64_C(5000000000)

Rig rig;

/* ---- The log: kept, not shown ---- */

static char lines[LINES_MAX][LINE_BYTES];
static _Atomic unsigned lines_len;

static void log_line(const char *domain, GLogLevelFlags level, const char *message, void *opaque)
{
    (void)domain;
    (void)level;
    (void)opaque;
    const unsigned at = atomic_fetch_add(&lines_len, 1);
    if (at < LINES_MAX) {
        snprintf(lines[at], LINE_BYTES, "%s", message);
    }
}

unsigned rig_warnings(const char *part)
{
    const unsigned len = atomic_load(&lines_len);
    unsigned found = 0;

    for (unsigned i = 0; i < len && i < LINES_MAX; i++) {
        found += strstr(lines[i], part) != NULL;
    }
    return found;
}

/* ---- The host ---- */

static void on_input(void *opaque, const FakeInputEvent *event)
{
    (void)opaque;
    if (rig.on_input != NULL && event->kind != FAKE_INPUT_LEDS_ASKED &&
        event->kind != FAKE_INPUT_TABLET_SIZE) {
        rig.on_input();
    }
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    rig.connected += event == SPICE_CHANNEL_EVENT_CONNECTED;
    rig.initialized += event == SPICE_CHANNEL_EVENT_INITIALIZED;
    rig.disconnected += event == SPICE_CHANNEL_EVENT_DISCONNECTED;
    if (rig.on_event != NULL) {
        rig.on_event(event, info);
    }
}

static const QXLInterface *device_interface;

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    void (*on_release)(void) = rig.on_release;

    if (on_release != NULL) {
        on_release();
    }
    device_interface->release_resource(qxl, info);
}

void rig_start(void)
{
    static QXLInterface overheard;
    static uint64_t seed = 1;
    const FakeQxlConfig config = {.choice = {fake_qxl_prng_choose, &seed}};
    const FakeQxlPrimary primary = {.width = 640, .height = 480, .mouse_mode = 1};

    atomic_store(&lines_len, 0);
    g_log_set_handler("Spice", G_LOG_LEVEL_WARNING, log_line, NULL);
    rig = (Rig){.core = poll_core_init(channel_event), .qxl = fake_qxl_new(&config)};
    QXLInstance *qxl = fake_qxl_instance(rig.qxl);
    device_interface = SPICE_CONTAINEROF(qxl->base.sif, QXLInterface, base);
    overheard = *device_interface;
    overheard.release_resource = release_resource;
    qxl->base.sif = &overheard.base;
    fake_input_init(&rig.input, on_input, NULL);
    rig.server = spice_server_new();
    assert_int_equal(spice_server_set_noauth(rig.server), 0);
    assert_int_equal(spice_server_set_multiple_clients(rig.server, 1), 0);
    assert_int_equal(spice_server_init(rig.server, rig.core), 0);
    assert_true(fake_input_add(&rig.input, rig.server));
    assert_int_equal(spice_server_add_interface(rig.server, &fake_qxl_instance(rig.qxl)->base), 0);
    fake_qxl_connect(rig.qxl);
    fake_qxl_running(rig.qxl, true);
    spice_server_vm_start(rig.server);
    assert_true(fake_qxl_primary_create(rig.qxl, &primary, false));
}

void rig_end(void)
{
    unsigned timers, watches;

    rig.on_event = NULL;
    rig.on_input = NULL;
    if (rig.server != NULL) {
        spice_server_destroy(rig.server);
    }
    assert_int_equal(rig.connected, rig.disconnected);
    FakeQxlReport report;
    fake_qxl_check(rig.qxl, true, &report);
    assert_int_equal(report.violations, 0);
    fake_qxl_free(rig.qxl);
    poll_core_count(&timers, &watches);
    assert_int_equal(timers + watches, 0);
    poll_core_run(0, NULL); /* in which it frees what was removed */
}

void rig_serve_ms(unsigned ms)
{
    const uint64_t end_ns = poll_core_now_ns() + ms * UINT64_C(1000000);

    while (poll_core_now_ns() < end_ns) {
        poll_core_run(end_ns, NULL);
    }
}

/* ---- Visitors ---- */

int visitor_begin(SpiceServer *server, uint32_t session, uint8_t type)
{
    const uint32_t common = UINT32_C(1) << WIRE_CAP_COMMON_PROTOCOL_AUTH_SELECTION |
                            UINT32_C(1) << WIRE_CAP_COMMON_AUTH_SPICE |
                            UINT32_C(1) << WIRE_CAP_COMMON_MINI_HEADER;
    static const uint8_t ticket[WIRE_LINK_TICKET_BYTES];
    const WireLinkMess mess = {.connection_id = session, .channel_type = type, .common_caps = {&common, 1}};
    uint8_t body[64], bytes[512];
    WireOut body_out, out;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    if (spice_server_add_client(server, pair[1], 0) != 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    wire_out_init(&body_out, body, sizeof body);
    wire_link_mess_encode(&body_out, &mess);
    wire_out_init(&out, bytes, sizeof bytes);
    wire_link_header_encode(
        &out, &(WireLinkHeader){WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, (uint32_t)body_out.len});
    assert_false(body_out.failed || out.failed);
    memcpy(bytes + out.len, body, body_out.len);
    out.len += body_out.len;
    wire_link_auth_mechanism_encode(&out, &(WireLinkAuthMechanism){WIRE_AUTH_MECHANISM_SPICE});
    wire_link_ticket_encode(&out, &(WireLinkTicket){span_of(ticket, sizeof ticket)});
    assert_false(out.failed);
    assert_int_equal(write(pair[0], bytes, out.len), out.len);
    return pair[0];
}

/* Serves until `len` bytes are there. False: the server closed, or took too long. */
static bool receive(int fd, void *buffer, size_t len)
{
    const uint64_t end_ns = poll_core_now_ns() + PATIENCE_NS;
    size_t have = 0;

    while (have < len && poll_core_now_ns() < end_ns) {
        const ssize_t n = read(fd, (uint8_t *)buffer + have, len - have);
        if (n > 0) {
            have += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            rig_serve_ms(1);
        } else {
            return false;
        }
    }
    return have == len;
}

bool visitor_is_let_in(int fd)
{
    uint8_t bytes[WIRE_LINK_HEADER_BYTES], body[1024], result[WIRE_LINK_RESULT_BYTES];
    WireLinkHeader header;
    WireLinkResult decoded;

    return receive(fd, bytes, sizeof bytes) &&
           wire_link_header_decode(span_of(bytes, sizeof bytes), NULL, &header, NULL) == STATUS_OK &&
           header.size <= sizeof body && receive(fd, body, header.size) &&
           receive(fd, result, sizeof result) &&
           wire_link_result_decode(span_of(result, sizeof result), NULL, &decoded, NULL) == STATUS_OK &&
           decoded.error == WIRE_LINK_ERR_OK;
}

int visitor_open(SpiceServer *server, uint32_t session, uint8_t type)
{
    const int fd = visitor_begin(server, session, type);

    if (fd >= 0 && !visitor_is_let_in(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

uint32_t visitor_session(int fd)
{
    uint8_t bytes[WIRE_MINI_DATA_HEADER_BYTES], body[4096];
    WireMiniDataHeader header;

    while (receive(fd, bytes, sizeof bytes) &&
           wire_mini_data_header_decode(span_of(bytes, sizeof bytes), NULL, &header, NULL) == STATUS_OK &&
           header.size <= sizeof body && receive(fd, body, header.size)) {
        if (header.type == WIRE_MSG_MAIN_INIT) {
            return le32_get(body);
        }
    }
    return 0;
}

void visitor_send(int fd, uint16_t type, const void *body, uint32_t len)
{
    uint8_t bytes[256];
    WireOut out;

    assert_true(len <= sizeof bytes - WIRE_MINI_DATA_HEADER_BYTES);
    wire_out_init(&out, bytes, sizeof bytes);
    wire_mini_data_header_encode(&out, &(WireMiniDataHeader){.type = type, .size = len});
    if (len > 0) {
        memcpy(bytes + out.len, body, len);
    }
    assert_int_equal(write(fd, bytes, out.len + len), out.len + len);
}

bool visitor_is_thrown_out(int fd)
{
    const uint64_t end_ns = poll_core_now_ns() + UINT64_C(1000000000);
    uint8_t buffer[4096];

    while (poll_core_now_ns() < end_ns) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            return true;
        }
        rig_serve_ms(1);
    }
    return false;
}
