/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/tsan.h"
#include "sim/universe.h"

#define SEGMENT_BYTES_MAX 16384u /* what is sent at once; finer would only make more events */

typedef enum SegmentKind {
    SEGMENT_DATA,
    SEGMENT_ACK,
    SEGMENT_END,
    SEGMENT_RESET,
} SegmentKind;

typedef struct Segment {
    uint64_t at_ns;
    uint32_t len;
    SegmentKind kind;
} Segment;

/* What is on its way, in the order of arrival. */
typedef struct Flight {
    Segment *ring;
    uint32_t capacity;
    uint32_t first;
    uint32_t len;
    SimEvent next;
} Flight;

typedef struct Direction {
    /* One run of bytes: unread at the receiver, then flying, then waiting at the sender. */
    uint8_t *bytes;
    size_t start, len, capacity;
    size_t unread;
    size_t flying;
    size_t unacked;          /* counts against the sender's buffer */
    uint64_t sent, received; /* in all, by the ends */
    Flight data;
    Flight acks;
    uint64_t link_free_ns; /* when the last byte has left */
    uint64_t last_at_ns;   /* when the last segment arrives */
    bool end_wanted;       /* no byte will be added */
    bool end_sent;
    bool end_arrived;
} Direction;

typedef struct EndState {
    ConnectionEnd public;
    const SimName *name;
    bool is_open;
    bool no_reads;
    bool no_writes;
    bool broken;
    int error; /* told once, by the next read or write */
} EndState;

struct Connection {
    SimNet net;
    uint32_t number;
    bool is_dead; /* carries nothing, and nobody is told */
    Direction from[2];
    EndState ends[2];
};

static void direction_move(Sim *sim, Connection *connection, unsigned from);

static void changed(Connection *connection, unsigned end)
{
    ConnectionEnd *public = &connection->ends[end].public;
    if (public->changed != NULL) {
        public->changed(public->opaque);
    }
}

/* ---- Segments on their way ---- */

static void flight_add(Sim *sim, Flight *flight, Segment segment)
{
    if (flight->len == flight->capacity) {
        const uint32_t capacity = flight->capacity == 0 ? 8 : flight->capacity * 2;
        Segment *ring = calloc(capacity, sizeof *ring);
        CHECK(ring != NULL);
        for (uint32_t i = 0; i < flight->len; i++) {
            ring[i] = flight->ring[(flight->first + i) % flight->capacity];
        }
        free(flight->ring);
        flight->ring = ring;
        flight->capacity = capacity;
        flight->first = 0;
    }
    flight->ring[(flight->first + flight->len) % flight->capacity] = segment;
    if (flight->len++ == 0) {
        sim_event_set(sim, &flight->next, segment.at_ns);
    }
}

static bool flight_take(Sim *sim, Flight *flight, Segment *ret_segment)
{
    if (flight->len == 0 || flight->ring[flight->first].at_ns > sim->world.now_ns) {
        return false;
    }
    *ret_segment = flight->ring[flight->first];
    flight->first = (flight->first + 1) % flight->capacity;
    flight->len--;
    if (flight->len > 0) {
        sim_event_set(sim, &flight->next, flight->ring[flight->first].at_ns);
    } else {
        sim_event_clear(sim, &flight->next);
    }
    return true;
}

static void flight_finish(Sim *sim, Flight *flight)
{
    sim_event_finish(sim, &flight->next);
    free(flight->ring);
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* When a segment that leaves now arrives: after those before it. */
static uint64_t arrival_ns(Sim *sim, Connection *connection, unsigned from, uint32_t len)
{
    Direction *direction = &connection->from[from];
    const EndState *sender = &connection->ends[from];
    const uint64_t now_ns = sim->world.now_ns;
    if (connection->is_dead) {
        return NS_NEVER;
    }
    uint64_t left_ns = later(now_ns, direction->link_free_ns);
    if (connection->net.bytes_per_s != 0) {
        left_ns += len * NS_PER_S / connection->net.bytes_per_s;
    }
    direction->link_free_ns = left_ns;
    uint64_t at_ns = left_ns + connection->net.latency_ns;
    if (connection->net.jitter_ns != 0) {
        at_ns += choose_value(sim, "jitter", sender->name, connection->net.jitter_ns);
    }
    direction->last_at_ns = later(at_ns, direction->last_at_ns);
    return direction->last_at_ns;
}

static void send_segment(Sim *sim, Connection *connection, unsigned from, SegmentKind kind, uint32_t len)
{
    Direction *direction = &connection->from[from];
    if (choose_fault(sim, SIM_F6_BLACKHOLE, connection->ends[from].name, sim->config.blackhole_one_in, 1) !=
        0) {
        connection->is_dead = true;
    }
    const Segment segment = {.at_ns = arrival_ns(sim, connection, from, len), .len = len, .kind = kind};
    flight_add(sim, &direction->data, segment);
}

static void send_reset(Sim *sim, Connection *connection, unsigned from)
{
    Direction *direction = &connection->from[from];
    direction->len = direction->unread + direction->flying; /* what waits at the sender is dropped */
    direction->end_wanted = direction->end_sent = true;
    send_segment(sim, connection, from, SEGMENT_RESET, 0);
}

static void arrive(Sim *sim, Connection *connection, unsigned from, const Segment *segment)
{
    Direction *direction = &connection->from[from];
    EndState *receiver = &connection->ends[1 - from];
    switch (segment->kind) {
    case SEGMENT_DATA:
        direction->flying -= segment->len;
        direction->unread += segment->len;
        if (!receiver->is_open || receiver->no_reads) {
            direction->start += direction->unread;
            direction->len -= direction->unread;
            direction->unread = 0;
            if (!receiver->is_open) {
                send_reset(sim, connection,
                           1 - from); /* as a kernel answers data for a socket that is gone */
            }
        }
        flight_add(sim, &direction->acks,
                   (Segment){.at_ns = connection->is_dead ? NS_NEVER
                                                          : sim->world.now_ns + connection->net.latency_ns,
                             .len = segment->len});
        break;
    case SEGMENT_END:
        direction->end_arrived = true;
        break;
    case SEGMENT_RESET:
        if (!receiver->broken) {
            receiver->broken = true;
            receiver->error = direction->end_arrived ? EPIPE : ECONNRESET;
        }
        break;
    case SEGMENT_ACK:
        break;
    }
    changed(connection, 1 - from);
}

/* Does everything that needs no more time: in what order is given by the bytes, so it is always the same. */
static void direction_move(Sim *sim, Connection *connection, unsigned from)
{
    Direction *direction = &connection->from[from];
    const size_t window = connection->net.receive_buffer;
    Segment segment;
    bool moved;
    do {
        moved = false;
        while (flight_take(sim, &direction->acks, &segment)) {
            direction->unacked -= segment.len;
            changed(connection, from);
            moved = true;
        }
        while (flight_take(sim, &direction->data, &segment)) {
            arrive(sim, connection, from, &segment);
            moved = true;
        }
        const size_t taken = direction->unread + direction->flying;
        size_t len = direction->len - taken;
        if (len > 0 && taken < window) {
            len = len < window - taken ? len : window - taken;
            len = len < SEGMENT_BYTES_MAX ? len : SEGMENT_BYTES_MAX;
            direction->flying += len;
            send_segment(sim, connection, from, SEGMENT_DATA, (uint32_t)len);
            moved = true;
        } else if (len == 0 && direction->end_wanted && !direction->end_sent) {
            direction->end_sent = true;
            send_segment(sim, connection, from, SEGMENT_END, 0);
            moved = true;
        }
    } while (moved);
}

static bool release_if_closed(Sim *sim, Connection *connection)
{
    if (connection->ends[0].is_open || connection->ends[1].is_open) {
        return false;
    }
    for (unsigned from = 0; from < 2; from++) {
        flight_finish(sim, &connection->from[from].data);
        flight_finish(sim, &connection->from[from].acks);
        free(connection->from[from].bytes);
    }
    free(connection);
    return true;
}

static void move(Sim *sim, Connection *connection)
{
    direction_move(sim, connection, 0);
    direction_move(sim, connection, 1);
    direction_move(sim, connection, 0); /* a reset may have come back */
}

/* Four of them, as an event knows only where it lies itself. */
#define ON_EVENT(name, index, flight)                                                                        \
    static void name(Sim *sim, SimEvent *event)                                                              \
    {                                                                                                        \
        move(sim, (Connection *)((char *)event - offsetof(Connection, from[index].flight.next)));            \
    }
ON_EVENT(client_data_due, 0, data)
ON_EVENT(client_ack_due, 0, acks)
ON_EVENT(server_data_due, 1, data)
ON_EVENT(server_ack_due, 1, acks)

/* ---- The ends ---- */

static const SimName *end_name(Sim *sim, const char *end, const char *owner)
{
    char text[SIM_NAME_BYTES * 2];
    snprintf(text, sizeof text, "%s:%s", end, owner);
    return sim_name_new(sim, text);
}

static void note_faults(Sim *sim, const SimNet *net)
{
    if (net->send_buffer < SIM_SOCKET_BUFFER_BYTES || net->receive_buffer < SIM_SOCKET_BUFFER_BYTES) {
        sim_fault_happened(sim, SIM_F4_BUFFERS);
    }
    if (net->latency_ns > 0) {
        sim_fault_happened(sim, SIM_SOCKET_LATENCY);
    }
    if (net->bytes_per_s > 0) {
        sim_fault_happened(sim, SIM_SOCKET_BANDWIDTH);
    }
}

Connection *sim_connection_new(Sim *sim, const SimNet *net, const char *owner)
{
    Connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->net = *net;
    connection->number = ++sim->world.connections;
    connection->ends[0].name = end_name(sim, "peer", owner);
    connection->ends[1].name = end_name(sim, "net", owner);
    if (connection->net.send_buffer == 0) {
        connection->net.send_buffer = SIM_SOCKET_BUFFER_BYTES;
    }
    if (connection->net.receive_buffer == 0) {
        connection->net.receive_buffer = SIM_SOCKET_BUFFER_BYTES;
    }
    sim_event_init(sim, &connection->from[0].data.next, client_data_due);
    sim_event_init(sim, &connection->from[0].acks.next, client_ack_due);
    sim_event_init(sim, &connection->from[1].data.next, server_data_due);
    sim_event_init(sim, &connection->from[1].acks.next, server_ack_due);
    connection->ends[0].is_open = connection->ends[1].is_open = true;
    note_faults(sim, &connection->net);
    return connection;
}

ConnectionEnd *sim_connection_end(Connection *connection, unsigned end)
{
    return &connection->ends[end].public;
}

static bool can_read(const Connection *connection, unsigned end)
{
    const EndState *state = &connection->ends[end];
    const Direction *in = &connection->from[1 - end];
    return in->unread > 0 || in->end_arrived || state->no_reads || state->broken;
}

/* Like Linux, which does not wake a writer for a few bytes. */
static bool can_write(const Connection *connection, unsigned end)
{
    const EndState *state = &connection->ends[end];
    return state->no_writes || state->broken ||
           connection->from[end].unacked <= connection->net.send_buffer / 3 * 2;
}

unsigned sim_connection_ready(const Connection *connection, unsigned end)
{
    return (can_read(connection, end) ? CORE_READ : 0u) | (can_write(connection, end) ? CORE_WRITE : 0u);
}

/* How many of so many bytes this call moves. */
static size_t split(Sim *sim, const Connection *connection, unsigned end, SimFault fault, size_t len)
{
    if (len < 2) {
        return len;
    }
    const uint32_t short_len =
        choose_fault(sim, fault, connection->ends[end].name, connection->net.split_one_in, (uint32_t)len - 1);
    return short_len > 0 ? short_len : len;
}

static size_t vector_bytes(const struct iovec *iov, int iov_len, size_t max)
{
    size_t len = 0;
    for (int i = 0; i < iov_len && len < max; i++) {
        len = iov[i].iov_len < max - len ? len + iov[i].iov_len : max;
    }
    return len;
}

static int take_error(EndState *state)
{
    const int error = state->error;
    state->error = 0;
    return error;
}

int64_t sim_connection_readv(Sim *sim, Connection *connection, unsigned end, const struct iovec *iov,
                             int iov_len)
{
    EndState *state = &connection->ends[end];
    Direction *in = &connection->from[1 - end];
    size_t len = vector_bytes(iov, iov_len, in->unread);
    if (in->unread == 0) {
        if (state->error != 0) {
            return -take_error(state);
        }
        return in->end_arrived || state->no_reads || state->broken ? 0 : -EAGAIN;
    }
    tsan_acquire(in);
    len = split(sim, connection, end, SIM_F3_READ, len);
    size_t done = 0;
    for (int i = 0; done < len; i++) {
        const size_t part = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
        memcpy(iov[i].iov_base, in->bytes + in->start + done, part);
        done += part;
    }
    in->start += len;
    in->len -= len;
    in->unread -= len;
    in->received += len;
    world_arrow(sim, 'f', "bytes", connection->number * 2 + 1 - end, in->received);
    move(sim, connection); /* the window has opened */
    return (int64_t)len;
}

static void make_room(Direction *direction, size_t len)
{
    if (direction->start + direction->len + len <= direction->capacity) {
        return;
    }
    if (direction->len + len > direction->capacity) {
        const size_t capacity = (direction->len + len) * 2;
        uint8_t *bytes = realloc(direction->bytes, capacity);
        CHECK(bytes != NULL);
        direction->bytes = bytes;
        direction->capacity = capacity;
    }
    memmove(direction->bytes, direction->bytes + direction->start, direction->len);
    direction->start = 0;
}

int64_t sim_connection_writev(Sim *sim, Connection *connection, unsigned end, const struct iovec *iov,
                              int iov_len)
{
    EndState *state = &connection->ends[end];
    Direction *out = &connection->from[end];
    if (state->error != 0) {
        return -take_error(state);
    }
    if (state->no_writes || state->broken) {
        return -EPIPE;
    }
    const uint32_t broken =
        end == 1 ? choose_fault(sim, SIM_F2_WRITE, state->name, sim->config.broken_one_in, 2) : 0;
    if (broken != 0) {
        state->broken = true;
        send_reset(sim, connection, end);
        move(sim, connection);
        changed(connection, end);
        return broken == 1 ? -ECONNRESET : -EPIPE;
    }
    size_t len = vector_bytes(iov, iov_len, SIZE_MAX);
    const size_t room =
        connection->net.send_buffer > out->unacked ? connection->net.send_buffer - out->unacked : 0;
    if (len == 0) {
        return 0;
    }
    if (room == 0) {
        return -EAGAIN;
    }
    len = split(sim, connection, end, SIM_F4_WRITE, len < room ? len : room);
    make_room(out, len);
    size_t done = 0;
    for (int i = 0; done < len; i++) {
        const size_t part = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
        uint8_t *to = out->bytes + out->start + out->len + done;
        memcpy(to, iov[i].iov_base, part);
        world_record_bytes(sim, to, part);
        done += part;
    }
    out->len += len;
    out->unacked += len;
    out->sent += len;
    world_arrow(sim, 's', "bytes", connection->number * 2 + end, out->sent);
    tsan_release(out);
    move(sim, connection);
    return (int64_t)len;
}

int64_t sim_connection_unsent_bytes(const Connection *connection, unsigned end)
{
    return (int64_t)connection->from[end].unacked;
}

void sim_connection_set_rate(Connection *connection, uint64_t bytes_per_s)
{
    connection->net.bytes_per_s = bytes_per_s;
}

bool sim_connection_is_dead(const Connection *connection)
{
    return connection->is_dead;
}

size_t sim_connection_pending(const Connection *connection, unsigned from)
{
    return connection->from[from].len;
}

int sim_connection_shutdown(Sim *sim, Connection *connection, unsigned end, bool both)
{
    EndState *state = &connection->ends[end];
    if (state->broken) {
        return -ENOTCONN;
    }
    state->no_writes = true;
    state->no_reads = state->no_reads || both;
    connection->from[end].end_wanted = true;
    move(sim, connection);
    changed(connection, end);
    return 0;
}

void sim_connection_close(Sim *sim, Connection *connection, unsigned end, bool reset)
{
    EndState *state = &connection->ends[end];
    state->is_open = false;
    state->public = (ConnectionEnd){0};
    if (release_if_closed(sim, connection)) {
        return;
    }
    if (!state->broken) {
        if (reset || connection->from[1 - end].unread > 0) {
            send_reset(sim, connection, end); /* so does a kernel when bytes are left unread */
        } else {
            connection->from[end].end_wanted = true;
        }
    }
    move(sim, connection);
}
