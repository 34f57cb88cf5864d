/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-clients: the client process of ci/bench. Each client has a main, a display, a cursor and an inputs
 * channel, and drains whatever comes. Standard input brings one command per line, standard output one answer
 * per line:
 *
 *   connect COUNT     connected COUNT           COUNT more clients, one after the other; they stay
 *   cycle MS          cycled COUNT MEDIAN-US    full connects and disconnects for MS milliseconds; the median
 * is the time from the first SYN to the first message on every channel keys MS           keyed COUNT the
 * first client types as fast as the server reads stats             stats key=value ...       what has arrived
 * so far, all clients together quit              (ends; so does end of input)
 *
 * Anything unexpected ends the process with one line on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <spice/enums.h>

#include "connection.h"
#include "kinds.h"
#include "pace.h"

#define BATCH 64
#define CHANNELS 4u /* main, display, inputs, cursor: types 1 to 4; channel i has type i + 1 */
#define KEY_BYTES 10u
#define KEY_PAIRS 3000u
#define CYCLES_KEPT 100000u /* connect times that enter the median */

typedef struct Client {
    Connection channels[CHANNELS];
    uint32_t polled[CHANNELS]; /* what epoll watches for */
    unsigned open;             /* connections not closed */
    unsigned ready;            /* channels that had their first message */
    uint32_t session;
    uint64_t results; /* draw and cursor messages received */
    bool channels_listed;
    bool finishing;
    uint64_t begun_ns;
} Client;

typedef enum Task { TASK_NONE, TASK_CONNECT, TASK_CYCLE, TASK_KEYS } Task;

static struct {
    uint16_t port;
    const char *password;
    int epoll_fd;
    bool quit;
    Client **clients;
    size_t count;
    char line[128];
    size_t line_length;

    Task task;
    uint64_t until_ns;
    size_t wanted; /* clients, for TASK_CONNECT */
    uint32_t *cycle_us;
    size_t cycles;
    uint8_t keys[KEY_BYTES * 2 * KEY_PAIRS];
    uint64_t keys_sent; /* bytes */

    Pace *pace; /* NULL until it is given */
    int pace_bell;
    uint64_t bytes, draws, cursor_updates;
    uint64_t kinds[KINDS]; /* commands that came as draws */
    uint64_t copy_pixels;  /* of each picture that the device draws; 0: they differ, and lie apart */
} all;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-clients: %s: %s\n", what, why);
    exit(1);
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        fail("memory", strerror(errno));
    }
    return memory;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- what the server says
 * --------------------------------------------------------------------------------------- */

/* How many commands came as this message: a server may send pictures side by side as one, which then has the area of all
 * of them. */
static uint64_t commands_of(uint16_t type, const uint8_t *body, uint32_t size)
{
    int32_t box[4]; /* after the surface; two corners, y first */

    if (type != SPICE_MSG_DISPLAY_DRAW_COPY || all.copy_pixels == 0 || size < 4 + sizeof(box)) {
        return 1;
    }
    memcpy(box, body + 4, sizeof(box));
    const int64_t area = ((int64_t)box[2] - box[0]) * ((int64_t)box[3] - box[1]);
    return area > (int64_t)all.copy_pixels ? (uint64_t)area / all.copy_pixels : 1;
}

static void drawing_count(Client *client, uint16_t type, const uint8_t *body, uint32_t size)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].message == type) {
            const uint64_t commands = commands_of(type, body, size);
            all.draws++;
            all.kinds[i] += commands;
            client->results += commands;
        }
    }
}

static void message_count(Client *client, uint8_t channel, uint16_t type, const uint8_t *body, uint32_t size)
{
    if (channel == SPICE_CHANNEL_DISPLAY) {
        drawing_count(client, type, body, size);
    } else if (channel == SPICE_CHANNEL_CURSOR &&
               (type == SPICE_MSG_CURSOR_SET || type == SPICE_MSG_CURSOR_MOVE)) {
        all.cursor_updates++;
        client->results++;
    }
}

/* Tells the host what all have received, and wakes it if it waits for that. */
static void pace_report(void)
{
    uint64_t delivered = UINT64_MAX;
    for (size_t i = 0; i < all.count; i++) {
        delivered = all.clients[i]->results < delivered ? all.clients[i]->results : delivered;
    }
    if (!all.pace || all.count == 0) {
        return;
    }
    atomic_store(&all.pace->delivered, delivered);
    uint64_t wake_at = atomic_load(&all.pace->wake_at);
    if (delivered >= wake_at && atomic_compare_exchange_strong(&all.pace->wake_at, &wake_at, UINT64_MAX) &&
        write(all.pace_bell, "", 1) < 0 && errno != EAGAIN) {
        fail("bell", strerror(errno));
    }
}

static void channel_open(Client *client, uint8_t type);

static void channels_listed(Client *client, const uint8_t *body, uint32_t size)
{
    uint32_t seen = 0, count = 0;
    memcpy(&count, body, size >= 4 ? 4 : 0);
    for (uint32_t at = 4; count > 0 && at + 2 <= size && at + 2 <= CONNECTION_PREFIX; at += 2, count--) {
        if (body[at] < 32 && body[at + 1] == 0) {
            seen |= 1u << body[at];
        }
    }
    const uint32_t needed =
        1u << SPICE_CHANNEL_DISPLAY | 1u << SPICE_CHANNEL_INPUTS | 1u << SPICE_CHANNEL_CURSOR;
    if (client->channels_listed) {
        return;
    }
    if ((seen & needed) != needed) {
        fail("channels", "the server does not offer display, inputs and cursor 0");
    }
    client->channels_listed = true;
    channel_open(client, SPICE_CHANNEL_DISPLAY);
    channel_open(client, SPICE_CHANNEL_INPUTS);
    channel_open(client, SPICE_CHANNEL_CURSOR);
}

static void on_message(Connection *connection, uint16_t type, const uint8_t *body, uint32_t size)
{
    Client *client = connection->owner;
    message_count(client, connection->type, type, body, size);
    client->ready += !connection->had_message;
    if (connection->type != SPICE_CHANNEL_MAIN) {
        return;
    }
    if (type == SPICE_MSG_MAIN_INIT && size >= 4) {
        memcpy(&client->session, body, sizeof(client->session));
        connection_send(connection, SPICE_MSGC_MAIN_ATTACH_CHANNELS, NULL, 0);
    } else if (type == SPICE_MSG_MAIN_CHANNELS_LIST) {
        channels_listed(client, body, size);
    }
}

static void on_linked(Connection *connection)
{
    if (connection->type == SPICE_CHANNEL_DISPLAY) {
        /* Sizes in pixels, as spice-gtk announces them by default. */
        const struct __attribute__((packed)) {
            uint8_t cache_id;
            int64_t cache_size;
            uint8_t dictionary_id;
            int32_t dictionary_window;
        } init = {.cache_id = 1, .cache_size = 20 << 20, .dictionary_id = 1, .dictionary_window = 4 << 20};
        connection_send(connection, SPICE_MSGC_DISPLAY_INIT, &init, sizeof(init));
    }
}

static void on_closed(Connection *connection, const char *why)
{
    Client *client = connection->owner;
    client->open--;
    client->polled[connection->type - 1] = 0;
    if (!client->finishing) {
        static const char *const names[CHANNELS] = {"main channel", "display channel", "inputs channel",
                                                    "cursor channel"};
        fail(names[connection->type - 1], why);
    }
}

/* --- clients
 * ---------------------------------------------------------------------------------------------------- */

static void channel_poll(Client *client, Connection *connection)
{
    uint32_t *polled = &client->polled[connection->type - 1];
    const bool typing =
        all.task == TASK_KEYS && connection->type == SPICE_CHANNEL_INPUTS && client == all.clients[0];
    const uint32_t wanted = EPOLLIN | (connection_wants_write(connection) || typing ? (uint32_t)EPOLLOUT : 0);
    if (connection->state == CONNECTION_CLOSED || *polled == wanted) {
        return;
    }
    struct epoll_event event = {.events = wanted, .data.ptr = connection};
    if (epoll_ctl(all.epoll_fd, *polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        fail("epoll", strerror(errno));
    }
    *polled = wanted;
}

static void channel_open(Client *client, uint8_t type)
{
    static const ConnectionHandler handler = {on_linked, on_message, on_closed};
    Connection *connection = &client->channels[type - 1];
    if (!connection_open(connection, all.port, type, 0, client->session, all.password, &handler, client)) {
        fail("connect", strerror(errno));
    }
    client->open++;
    channel_poll(client, connection);
}

static void client_begin(Client *client)
{
    *client = (Client){.begun_ns = now_ns()};
    channel_open(client, SPICE_CHANNEL_MAIN);
}

static void client_finish(Client *client)
{
    client->finishing = true;
    for (unsigned i = 0; i < CHANNELS; i++) {
        connection_finish(&client->channels[i]);
    }
}

static Client *client_add(void)
{
    Client **clients = realloc(all.clients, (all.count + 1) * sizeof(*clients));
    if (!clients) {
        fail("memory", strerror(errno));
    }
    all.clients = clients;
    clients[all.count] = allocate(sizeof(Client));
    client_begin(clients[all.count]);
    return clients[all.count++];
}

/* --- commands
 * --------------------------------------------------------------------------------------------------- */

static void task_done(void)
{
    all.task = TASK_NONE;
    fflush(stdout);
}

static int compare_u32(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void cycle_advance(Client *client)
{
    if (!client->finishing && client->ready == CHANNELS) {
        if (all.cycles < CYCLES_KEPT) {
            all.cycle_us[all.cycles] = (uint32_t)((now_ns() - client->begun_ns) / 1000);
        }
        all.cycles++;
        client_finish(client);
    } else if (client->finishing && client->open == 0) {
        if (now_ns() < all.until_ns) {
            client_begin(client);
            return;
        }
        const size_t kept = all.cycles < CYCLES_KEPT ? all.cycles : CYCLES_KEPT;
        qsort(all.cycle_us, kept, sizeof(*all.cycle_us), compare_u32);
        printf("cycled %zu %" PRIu32 "\n", all.cycles, all.cycle_us[kept / 2]);
        free(all.clients[--all.count]);
        task_done();
    }
}

static void keys_write(void)
{
    Connection *inputs = &all.clients[0]->channels[SPICE_CHANNEL_INPUTS - 1];
    const size_t at = all.keys_sent % sizeof(all.keys);
    size_t length = sizeof(all.keys) - at;
    const bool late = now_ns() >= all.until_ns;
    if (late) {
        length =
            (2 * KEY_BYTES - all.keys_sent % (2 * KEY_BYTES)) % (2 * KEY_BYTES); /* until the key is up */
    }
    if (length > 0) {
        const ssize_t sent = send(inputs->fd, all.keys + at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            fail("inputs channel", strerror(errno));
        }
        all.keys_sent += sent > 0 ? (uint64_t)sent : 0;
    }
    if (late && all.keys_sent % (2 * KEY_BYTES) == 0) {
        printf("keyed %" PRIu64 "\n", all.keys_sent / KEY_BYTES);
        task_done();
    }
}

static void keys_begin(void)
{
    for (unsigned i = 0; i < 2 * KEY_PAIRS; i++) {
        const SpiceMiniDataHeader header = {
            .type = i % 2 == 0 ? SPICE_MSGC_INPUTS_KEY_DOWN : SPICE_MSGC_INPUTS_KEY_UP, .size = 4};
        const uint32_t code = i % 2 == 0 ? 0x1e : 0x9e; /* the key "A" */
        memcpy(all.keys + i * KEY_BYTES, &header, sizeof(header));
        memcpy(all.keys + i * KEY_BYTES + sizeof(header), &code, sizeof(code));
    }
    all.keys_sent = 0;
    if (all.count == 0) {
        fail("keys", "no client is connected");
    }
    channel_poll(all.clients[0], &all.clients[0]->channels[SPICE_CHANNEL_INPUTS - 1]);
}

/* After every batch of events: does the task at hand go a step further? */
static void task_advance(void)
{
    switch (all.task) {
    case TASK_CONNECT:
        if (all.clients[all.count - 1]->ready < CHANNELS) {
            break;
        }
        if (all.count < all.wanted) {
            client_add();
            break;
        }
        printf("connected %zu\n", all.count);
        task_done();
        break;
    case TASK_CYCLE:
        cycle_advance(all.clients[all.count - 1]);
        break;
    case TASK_KEYS:
        keys_write();
        break;
    case TASK_NONE:
        break;
    }
}

static void command_run(const char *line)
{
    unsigned long number = 0;
    if (all.task != TASK_NONE) {
        fail(line, "another command is still running");
    }
    if (sscanf(line, "connect %lu", &number) == 1 && number > 0) {
        all.task = TASK_CONNECT;
        all.wanted = all.count + number;
        client_add();
    } else if (sscanf(line, "cycle %lu", &number) == 1) {
        all.task = TASK_CYCLE;
        all.until_ns = now_ns() + number * 1000000u;
        all.cycles = 0;
        client_add();
    } else if (sscanf(line, "keys %lu", &number) == 1) {
        all.task = TASK_KEYS;
        all.until_ns = now_ns() + number * 1000000u;
        keys_begin();
    } else if (strcmp(line, "stats") == 0) {
        printf("stats bytes=%" PRIu64 " draws=%" PRIu64 " cursor_updates=%" PRIu64, all.bytes, all.draws,
               all.cursor_updates);
        for (size_t i = 0; i < KINDS; i++) {
            printf(" %s=%" PRIu64, kinds[i].name, all.kinds[i]);
        }
        putchar('\n');
        fflush(stdout);
    } else if (strcmp(line, "quit") == 0) {
        all.quit = true;
    } else {
        fail(line, "unknown command");
    }
}

static void input_read(void)
{
    char bytes[256];
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
    all.quit = all.quit || count <= 0;
    for (ssize_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            all.line[all.line_length] = '\0';
            all.line_length = 0;
            command_run(all.line);
        } else if (all.line_length + 1 < sizeof(all.line)) {
            all.line[all.line_length++] = bytes[i];
        }
    }
}

static void run(void)
{
    while (!all.quit) {
        struct epoll_event events[BATCH];
        const int count = epoll_wait(all.epoll_fd, events, BATCH, all.task == TASK_NONE ? -1 : 100);
        if (count < 0 && errno != EINTR) {
            fail("epoll_wait", strerror(errno));
        }
        for (int i = 0; i < count; i++) {
            Connection *connection = events[i].data.ptr;
            if (!connection) {
                input_read();
                continue;
            }
            all.bytes += connection_run(connection);
            channel_poll(connection->owner, connection);
        }
        pace_report();
        task_advance();
    }
}

static void descriptors_raise(unsigned long wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted && limit.rlim_max < wanted) {
        fprintf(stderr, "bench-clients: %lu file descriptors needed, the hard limit is %lu\n", wanted,
                (unsigned long)limit.rlim_max);
        exit(1);
    }
    limit.rlim_cur = limit.rlim_cur < wanted ? wanted : limit.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        fail("setrlimit", strerror(errno));
    }
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"port", required_argument, NULL, 'p'},
        {"password", required_argument, NULL, 'w'},
        {"descriptors", required_argument, NULL, 'd'},
        {"pace-memory", required_argument, NULL, 'm'},
        {"pace-bell", required_argument, NULL, 'b'},
        {"copy-pixels", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    all.password = "";
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'p':
            all.port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            all.password = optarg;
            break;
        case 'd':
            descriptors_raise(strtoul(optarg, NULL, 10));
            break;
        case 'm':
            all.pace = mmap(NULL, sizeof(Pace), PROT_READ | PROT_WRITE, MAP_SHARED,
                            (int)strtol(optarg, NULL, 10), 0);
            if (all.pace == MAP_FAILED) {
                fail("pace", strerror(errno));
            }
            break;
        case 'b':
            all.pace_bell = (int)strtol(optarg, NULL, 10);
            break;
        case 'c':
            all.copy_pixels = strtoul(optarg, NULL, 10);
            break;
        case 'h':
            puts("usage: bench-clients --port PORT [--password TEXT] [--descriptors COUNT] [--pace-memory FD "
                 "--pace-bell FD] [--copy-pixels COUNT]\n"
                 "The client process of ci/bench, which starts it and speaks to it over standard input and "
                 "output.");
            return 0;
        default:
            return 2;
        }
    }
    all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    all.cycle_us = allocate(CYCLES_KEPT * sizeof(*all.cycle_us));
    struct epoll_event event = {.events = EPOLLIN};
    if (all.epoll_fd < 0 || epoll_ctl(all.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0) {
        fail("epoll", strerror(errno));
    }
    run();
    return 0;
}
