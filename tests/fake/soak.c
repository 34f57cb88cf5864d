/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* soak: a real library between a random guest and strict clients.
 *
 *   soak SEED STEPS CLIENTS WORK
 *
 * WORK names what the guest does: any of the letters c(ursor) s(urfaces) p(rimary) m(onitors) l (memslots)
 * d(raw) u(pdate) r(eset) x (lies) a(ll drawings). The main thread is the host and the guest; the clients live on a second
 * one, over a unix socket, because a library may wait for them in synchronous calls. Clients come and go at
 * random. Exit status 0: nobody broke a rule, and everything came back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "fake_client.h"
#include "fake_input.h"
#include "fake_qxl.h"
#include "poll_core.h"

#define CLIENTS_MAX 8
#define LINES_MAX 4
#define VISIT_NS_MAX UINT64_C(2000000000)
#define READ_BYTES 65536

typedef struct Line {
    FakeConnection *connection;
    int fd; /* -1: ended */
} Line;

typedef struct Visitor {
    FakeClient *client; /* NULL: not here */
    Line lines[LINES_MAX];
    int lines_len;
    bool opened;
    uint64_t leave_ns;
} Visitor;

typedef struct Visitors {
    char path[64];
    int count;
    uint64_t seed;
    Visitor visitors[CLIENTS_MAX];
    _Atomic bool stop;
    unsigned visits, messages, violations, lost;
} Visitors;

/* ---- Clients, on their thread ---- */

static void line_open(Visitors *v, Visitor *visitor, uint8_t channel)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", v->path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return;
    }
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    FakeConnection *connection = fake_client_connect(visitor->client, channel, 0, poll_core_now_ns());
    CHECK(connection != NULL);
    visitor->lines[visitor->lines_len++] = (Line){connection, fd};
}

static void visitor_come(Visitors *v, Visitor *visitor)
{
    FakeClientConfig config = fake_client_config_default();
    config.full_header = fake_qxl_prng_choose(&v->seed, "", 2) == 0;
    config.client_mouse = fake_qxl_prng_choose(&v->seed, "", 2) == 0;
    *visitor = (Visitor){
        .client = fake_client_new(&config),
        .leave_ns = poll_core_now_ns() + (uint64_t)fake_qxl_prng_choose(&v->seed, "", 2000) * 1000000u,
    };
    CHECK(visitor->client != NULL);
    v->visits++;
    line_open(v, visitor, WIRE_CHANNEL_MAIN);
}

static void visitor_leave(Visitors *v, Visitor *visitor)
{
    const FakeViolation *first;
    const size_t n = fake_client_violations(visitor->client, &first);
    for (size_t i = 0; i < n && i < FAKE_VIOLATIONS_MAX; i++) {
        fprintf(stderr, "soak: rule %d (%s): channel %u #%llu: %s\n", (int)first[i].rule,
                fake_rule_text(first[i].rule), first[i].channel, (unsigned long long)first[i].serial,
                first[i].text);
    }
    v->violations += (unsigned)n;
    for (int i = 0; i < visitor->lines_len; i++) {
        v->messages += (unsigned)fake_connection_messages(visitor->lines[i].connection);
        if (visitor->lines[i].fd >= 0) {
            close(visitor->lines[i].fd);
        } else {
            v->lost++;
        }
    }
    fake_client_free(visitor->client);
    visitor->client = NULL;
}

static void line_end(Line *line)
{
    close(line->fd);
    line->fd = -1;
    fake_connection_closed(line->connection, poll_core_now_ns());
}

static void line_turn(Line *line)
{
    uint8_t buffer[READ_BYTES];
    while (line->fd >= 0) {
        const ssize_t got = recv(line->fd, buffer, sizeof buffer, 0);
        if (got > 0) {
            fake_connection_receive(line->connection, span_of(buffer, (size_t)got), poll_core_now_ns());
        } else if (got < 0 && errno == EAGAIN) {
            break;
        } else {
            line_end(line);
        }
    }
    while (line->fd >= 0 && fake_connection_output(line->connection).len > 0) {
        const Span output = fake_connection_output(line->connection);
        const ssize_t put = send(line->fd, output.data, output.len, MSG_NOSIGNAL);
        if (put > 0) {
            fake_connection_sent(line->connection, (size_t)put);
        } else if (errno == EAGAIN) {
            break;
        } else {
            line_end(line);
        }
    }
    if (line->fd >= 0) {
        fake_connection_expire(line->connection, poll_core_now_ns());
    }
    if (line->fd >= 0 && fake_connection_wants_close(line->connection)) {
        line_end(line);
    }
}

static void visitor_turn(Visitors *v, Visitor *visitor)
{
    for (int i = 0; i < visitor->lines_len; i++) {
        line_turn(&visitor->lines[i]);
    }
    if (!visitor->opened && fake_client_main(visitor->client)->has_list) {
        visitor->opened = true;
        const uint8_t channels[] = {WIRE_CHANNEL_DISPLAY, WIRE_CHANNEL_CURSOR, WIRE_CHANNEL_INPUTS};
        for (int i = 0; i < 3; i++) {
            if (fake_client_offers(visitor->client, channels[i], 0)) {
                line_open(v, visitor, channels[i]);
            }
        }
    }
    for (int i = 0; i < visitor->lines_len; i++) {
        FakeConnection *c = visitor->lines[i].connection;
        if (fake_connection_channel(c) == WIRE_CHANNEL_INPUTS && fake_connection_inputs(c)->has_init &&
            fake_qxl_prng_choose(&v->seed, "", 4) == 0) {
            fake_inputs_motion(c, 1, -1, 0);
        }
    }
}

static void *visitors_run(void *opaque)
{
    Visitors *v = opaque;
    while (!atomic_load(&v->stop)) {
        for (int i = 0; i < v->count; i++) {
            Visitor *visitor = &v->visitors[i];
            if (visitor->client == NULL) {
                visitor_come(v, visitor);
            }
            visitor_turn(v, visitor);
            if (poll_core_now_ns() >= visitor->leave_ns) {
                visitor_leave(v, visitor);
            }
        }
        poll(NULL, 0, 1);
    }
    for (int i = 0; i < v->count; i++) {
        if (v->visitors[i].client != NULL) {
            visitor_leave(v, &v->visitors[i]);
        }
    }
    return NULL;
}

/* ---- The host and the guest ---- */

static void host_turns(uint64_t duration_ns)
{
    const uint64_t end_ns = poll_core_now_ns() + duration_ns;
    do {
        poll_core_run(end_ns, NULL);
    } while (poll_core_now_ns() < end_ns);
}

static uint32_t work_of(const char *letters)
{
    static const char known[] = "cspmldurxa";
    uint32_t work = 0;
    for (; *letters != '\0'; letters++) {
        const char *at = strchr(known, *letters);
        CHECK(at != NULL);
        work |= UINT32_C(1) << (at - known);
    }
    return work;
}

int main(int argc, char **argv)
{
    static Visitors visitors;
    if (argc != 5) {
        fputs("usage: soak SEED STEPS CLIENTS WORK\n", stderr);
        return 2;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10);
    const int steps = atoi(argv[2]);
    const uint32_t work = work_of(argv[4]);
    visitors.count = atoi(argv[3]);
    visitors.seed = seed + 1000;
    CHECK(visitors.count >= 0 && visitors.count <= CLIENTS_MAX);
    signal(SIGPIPE, SIG_IGN);
    setenv("SPICE_DEBUG_ALLOW_MC", "1", 1);

    snprintf(visitors.path, sizeof visitors.path, "/tmp/soak-%ld.sock", (long)getpid());
    SpiceServer *server = spice_server_new();
    spice_server_set_addr(server, visitors.path, SPICE_ADDR_FLAG_UNIX_ONLY);
    spice_server_set_noauth(server);
    CHECK(spice_server_init(server, poll_core_init(NULL)) == 0);
    FakeInput input;
    const FakeQxlConfig config = {.strict = true, .choice = {fake_qxl_prng_choose, &seed}};
    FakeQxl *qxl = fake_qxl_new(&config);
    fake_input_init(&input, NULL, NULL);
    CHECK(fake_input_add(&input, server));
    CHECK(spice_server_add_interface(server, &fake_qxl_instance(qxl)->base) == 0);
    fake_qxl_connect(qxl);
    fake_qxl_running(qxl, true);
    spice_server_vm_start(server);
    const FakeQxlPrimary primary = {.width = 640, .height = 480, .mouse_mode = 1};
    fake_qxl_primary_create(qxl, &primary, false);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, visitors_run, &visitors) == 0);
    for (int i = 0; i < steps; i++) {
        host_turns(UINT64_C(1000000));
        fake_qxl_step(qxl, work);
        if (fake_qxl_prng_choose(&seed, "pause", 200) == 0) {
            spice_server_vm_stop(server);
            fake_qxl_running(qxl, false);
            host_turns(UINT64_C(5000000));
            fake_qxl_running(qxl, true);
            spice_server_vm_start(server);
        }
    }
    host_turns(UINT64_C(500000000)); /* whatever is under way */
    atomic_store(&visitors.stop, true);
    CHECK(pthread_join(thread, NULL) == 0);

    spice_server_remove_interface(&fake_qxl_instance(qxl)->base);
    spice_server_destroy(server);
    FakeQxlReport report;
    const uint64_t broken = fake_qxl_check(qxl, true, &report);
    for (size_t i = 0; fake_qxl_violation(qxl, i) != NULL; i++) {
        fprintf(stderr, "soak: device: %s\n", fake_qxl_violation(qxl, i));
    }
    unsigned timers, watches;
    poll_core_count(&timers, &watches);
    printf("seed %s: pushed %llu taken %llu released %llu lies %llu; visits %u messages %u lost %u; "
           "violations %llu + %u; "
           "left %u timers, %u watches\n",
           argv[1], (unsigned long long)report.pushed, (unsigned long long)report.taken,
           (unsigned long long)report.released, (unsigned long long)report.lies, visitors.visits,
           visitors.messages, visitors.lost, (unsigned long long)broken, visitors.violations, timers,
           watches);
    fake_qxl_free(qxl);
    remove(visitors.path);
    const bool worked = visitors.count == 0 || visitors.messages > 0;
    const bool left = timers + watches != 0;
    return broken != 0 || visitors.violations != 0 || visitors.lost != 0 || left || !worked;
}
