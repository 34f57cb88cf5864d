/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/sim/universe.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Latency and bandwidth: virtual time makes them exact ---- */

static void one_byte_takes_the_latency(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.net.latency_ns = 7 * NS_PER_MS});
    int ends[2];
    uint8_t byte;
    assert_int_equal(sim_pair(sim, ends), 0);
    assert_int_equal(sim_write(sim, ends[1], "x", 1), 1);
    sim_run(sim, 7 * NS_PER_MS - 1);
    assert_int_equal(sim_read(sim, ends[0], &byte, 1), -EAGAIN);
    sim_run(sim, 7 * NS_PER_MS);
    assert_int_equal(sim_read(sim, ends[0], &byte, 1), 1);
    assert_int_equal(sim_core(sim)->unsent_bytes(sim_core(sim), ends[1]), 1);
    sim_run(sim, 14 * NS_PER_MS);
    assert_int_equal(sim_core(sim)->unsent_bytes(sim_core(sim), ends[1]),
                     0); /* the acknowledgement is back */
    sim_close(sim, ends[0]);
    sim_close(sim, ends[1]);
    universe_end_well(sim);
}

typedef struct Sink {
    Sim *sim;
    int handle;
    size_t bytes;
    uint64_t last_ns;
    bool ended;
    unsigned sum;
    unsigned steps;
} Sink;

static void drink(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns)
{
    Sink *sink = opaque;
    uint8_t buffer[4096];
    int64_t got = 0;
    sink->steps++;
    while (ready != 0 && (got = sim_read(sink->sim, sink->handle, buffer, sizeof buffer)) > 0) {
        for (int64_t i = 0; i < got; i++) {
            sink->sum = sink->sum * 31 + buffer[i];
        }
        sink->bytes += (size_t)got;
        sink->last_ns = now_ns;
    }
    if (ready != 0 && got == 0) {
        sink->ended = true;
        sim_close(sink->sim, sink->handle);
        sim_client_remove(client);
    } else {
        sim_client_wait(client, sink->handle, CORE_READ, NS_NEVER);
    }
}

static const SimClientOps sink_ops = {.name = "sink", .step = drink};

typedef struct Source {
    Sim *sim;
    int handle;
    size_t left;
    uint8_t next;
    unsigned sum;
    CoreLoop *loop;
    CoreWatch *watch;
} Source;

static void pour(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)ready;
    (void)now_ns;
    Source *source = opaque;
    const Core *core = sim_core(source->sim);
    uint8_t buffer[10000];
    const size_t len = source->left < sizeof buffer ? source->left : sizeof buffer;
    for (size_t i = 0; i < len; i++) {
        buffer[i] = (uint8_t)(source->next + i);
    }
    const struct iovec iov = {buffer, len};
    const int64_t put = core->writev(core, source->handle, &iov, 1);
    if (put > 0) {
        for (int64_t i = 0; i < put; i++) {
            source->sum = source->sum * 31 + buffer[i];
        }
        source->next = (uint8_t)(source->next + put);
        source->left -= (size_t)put;
    }
    if (source->left == 0) {
        core->loop_quit(source->loop);
    }
}

static void pour_all(void *opaque)
{
    Source *source = opaque;
    const Core *core = sim_core(source->sim);
    source->loop = core->loop_new(core, "source");
    source->watch = loop_watch_new(source->loop, source->handle, CORE_WRITE, pour, source);
    core->loop_run(source->loop);
    loop_watch_free(source->loop, source->watch);
    core->close(core, source->handle);
    core->loop_free(source->loop);
}

/* Carries so many bytes; the moment the last one arrived. */
static uint64_t carry(const SimConfig *config, size_t bytes)
{
    Sim *sim = sim_new(config);
    int ends[2];
    assert_int_equal(sim_pair(sim, ends), 0);
    Sink sink = {.sim = sim, .handle = ends[1]};
    Source source = {.sim = sim, .handle = ends[0], .left = bytes};
    sim_client_add(sim, &sink_ops, &sink);
    assert_true(universe_run(sim, pour_all, &source));
    assert_int_equal(sink.bytes, bytes);
    assert_int_equal(sink.sum, source.sum);
    assert_true(sink.ended);
    universe_end_well(sim);
    return sink.last_ns;
}

static void bandwidth_is_what_was_said(void **state)
{
    (void)state;
    const SimNet net = {
        .latency_ns = 10 * NS_PER_MS, .bytes_per_s = 10u * 1000 * 1000, .send_buffer = 1u << 20};
    const uint64_t took_ns = carry(&(SimConfig){.seed = 1, .net = net}, 1000 * 1000);
    assert_in_range(took_ns, 110 * NS_PER_MS, 111 * NS_PER_MS); /* 100 ms of bytes, 10 ms of way */
}

/* 64 KiB may be unacknowledged on a way of 20 ms there and back: ten times, the first and the last are halves. Half as
 * much again, as a writer is not woken for a few bytes. */
static void small_buffers_make_a_long_way_slow(void **state)
{
    (void)state;
    const SimNet net = {.latency_ns = 10 * NS_PER_MS, .send_buffer = 65536, .receive_buffer = 65536};
    const uint64_t took_ns = carry(&(SimConfig){.seed = 1, .net = net}, 10 * 65536);
    assert_in_range(took_ns, 190 * NS_PER_MS, 285 * NS_PER_MS);
}

static void any_split_carries_the_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        const SimNet net = {
            .latency_ns = seed % 2 * NS_PER_MS,
            .jitter_ns = seed % 3 * NS_PER_MS,
            .bytes_per_s = seed % 5 * 10000000,
            .send_buffer = 5000 + (uint32_t)seed * 1000,
            .receive_buffer = 3000,
            .split_one_in = 1 + (uint32_t)seed % 4,
        };
        carry(&(SimConfig){.seed = seed, .level = SIM_LEVEL_CALLS, .net = net, .spurious_one_in = 3}, 100000);
    }
}

/* ---- Handles ---- */

static void lowest_number_is_reused_at_once(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    const Core *core = sim_core(sim);
    int first[2], second[2];
    assert_int_equal(sim_pair(sim, first), 0);
    assert_int_equal(sim_pair(sim, second), 0);
    assert_true(first[0] < first[1] && first[1] < second[0] && second[0] < second[1]);
    core->close(core, first[1]);
    core->close(core, second[0]);
    assert_int_equal(core->wake_new(core), first[1]);
    assert_int_equal(core->wake_new(core), second[0]);
    const int all[] = {first[0], first[1], second[0], second[1]};
    for (int i = 0; i < 4; i++) {
        core->close(core, all[i]);
    }
    universe_end_well(sim);
}

static void never(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)opaque;
    (void)ready;
    (void)now_ns;
}

static void closed_handle_is_reported(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    const Core *core = sim_core(sim);
    int ends[2];
    uint8_t byte;
    const struct iovec iov = {&byte, 1};
    assert_int_equal(sim_pair(sim, ends), 0);
    core->close(core, ends[0]);
    assert_int_equal(core->readv(core, ends[0], &iov, 1), -EBADF);
    universe_end_badly(sim, "readv() on handle 100000, which is not open");
}

static void closing_under_a_watch_is_reported(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    const Core *core = sim_core(sim);
    int ends[2];
    assert_int_equal(sim_pair(sim, ends), 0);
    CoreLoop *loop = core->loop_new(core, "loop");
    CoreWatch *watch = loop_watch_new(loop, ends[0], CORE_READ, never, NULL);
    core->close(core, ends[0]);
    loop_watch_free(loop, watch);
    core->loop_free(loop);
    universe_end_badly(sim, "close(100000) under its watch");
}

static void second_watch_is_reported(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    const Core *core = sim_core(sim);
    int ends[2];
    assert_int_equal(sim_pair(sim, ends), 0);
    CoreLoop *loop = core->loop_new(core, "loop");
    CoreWatch *watch = loop_watch_new(loop, ends[0], CORE_READ, never, NULL);
    assert_null(loop_watch_new(loop, ends[0], CORE_READ, never, NULL));
    loop_watch_free(loop, watch);
    core->loop_free(loop);
    universe_end_badly(sim, "two watches on handle 100000");
}

static void server_runs_out_of_handles(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1, .handles_max = 2});
    const Core *core = sim_core(sim);
    const CoreListen where = {.address = "", .port = 5900, .family = AF_UNSPEC};
    const int listener = core->listen(core, &where);
    int clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = sim_connect_from(sim, &where, (uint8_t)(10 + i));
        assert_true(clients[i] >= 0);
    }
    const int accepted = core->accept(core, listener);
    assert_true(accepted >= 0);
    assert_int_equal(core->accept(core, listener), -EMFILE);
    core->close(core, accepted);
    const int second = core->accept(core, listener); /* it has waited */
    assert_true(second >= 0);
    CoreAddress local, peer;
    assert_int_equal(core->addresses(core, second, &local, &peer), 0);
    static const uint8_t client_address[4] = {192, 0, 2, 11};
    assert_memory_equal((const uint8_t *)&peer.storage + 4, client_address, 4);
    core->close(core, second);
    core->close(core, listener);
    for (int i = 0; i < 2; i++) {
        sim_close(sim, clients[i]);
    }
    universe_end_well(sim);
}

static void nobody_listens(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    assert_int_equal(sim_connect(sim, &(CoreListen){.port = 5900}), -ECONNREFUSED);
    assert_int_equal(sim_connect(sim, &(CoreListen){.address = "/a/path", .family = AF_UNIX}), -ECONNREFUSED);
    universe_end_well(sim);
}

/* ---- Endings ---- */

static void end_follows_the_bytes_and_reset_overtakes_them(void **state)
{
    (void)state;
    const SimNet net = {.latency_ns = NS_PER_MS, .receive_buffer = 10};
    for (int with_reset = 0; with_reset < 2; with_reset++) {
        Sim *sim = sim_new(&(SimConfig){.seed = 1, .net = net});
        int ends[2];
        uint8_t buffer[64];
        size_t len = 0;
        int64_t got;
        assert_int_equal(sim_pair(sim, ends), 0);
        assert_int_equal(sim_write(sim, ends[1], "0123456789abcdefghij", 20), 20);
        if (with_reset) {
            sim_reset(sim, ends[1]);
        } else {
            sim_close(sim, ends[1]);
        }
        sim_run(sim, 5 * NS_PER_MS);
        while ((got = sim_read(sim, ends[0], buffer + len, sizeof buffer - len)) > 0) {
            len += (size_t)got;
            sim_run(sim, sim_now_ns(sim) + 5 * NS_PER_MS);
        }
        assert_int_equal(len, with_reset ? 10 : 20); /* the second ten had not left */
        assert_int_equal(got, with_reset ? -ECONNRESET : 0);
        sim_close(sim, ends[0]);
        universe_end_well(sim);
    }
}

static void unread_bytes_make_closing_a_reset(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1, .net.latency_ns = NS_PER_MS});
    int ends[2];
    uint8_t byte;
    assert_int_equal(sim_pair(sim, ends), 0);
    assert_int_equal(sim_write(sim, ends[1], "x", 1), 1);
    sim_run(sim, 2 * NS_PER_MS);
    sim_close(sim, ends[0]);
    assert_int_equal(sim_read(sim, ends[1], &byte, 1), -EAGAIN); /* it does not know yet */
    sim_run(sim, 4 * NS_PER_MS);
    assert_int_equal(sim_ready(sim, ends[1]), CORE_READ | CORE_WRITE);
    assert_int_equal(sim_read(sim, ends[1], &byte, 1), -ECONNRESET);
    sim_close(sim, ends[1]);
    universe_end_well(sim);
}

/* ---- Clients ---- */

typedef struct Ticker {
    Sim *sim;
    uint64_t times_ns[4];
    int steps;
} Ticker;

static void tick(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns)
{
    Ticker *ticker = opaque;
    assert_int_equal(ready, 0);
    ticker->times_ns[ticker->steps++] = now_ns;
    if (ticker->steps == 4) {
        sim_client_remove(client);
    } else {
        sim_client_wait(client, -1, 0, now_ns + 3 * NS_PER_MS);
    }
}

static void clients_have_deadlines(void **state)
{
    (void)state;
    static const SimClientOps ops = {.name = "ticker", .step = tick};
    Sim *sim = sim_new(&(SimConfig){.seed = 1, .clock_origin_ns = 5});
    Ticker ticker = {.sim = sim};
    sim_client_add(sim, &ops, &ticker);
    assert_true(sim_run(sim, NS_NEVER));
    assert_int_equal(ticker.steps, 4);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(ticker.times_ns[i], 5 + i * 3 * NS_PER_MS);
    }
    universe_end_well(sim);
}

static void clients_are_left_alone_without_need(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 1});
    int ends[2];
    assert_int_equal(sim_pair(sim, ends), 0);
    Sink sink = {.sim = sim, .handle = ends[1]};
    SimClient *client = sim_client_add(sim, &sink_ops, &sink);
    sim_run(sim, NS_PER_S);
    assert_int_equal(sink.steps, 1); /* only the first */
    sim_write(sim, ends[0], "x", 1);
    sim_run(sim, 2 * NS_PER_S);
    assert_int_equal(sink.steps, 2);
    sim_client_remove(client);
    sim_write(sim, ends[0], "x", 1);
    sim_run(sim, 3 * NS_PER_S);
    assert_int_equal(sink.steps, 2);
    sim_close(sim, ends[0]);
    sim_close(sim, ends[1]);
    universe_end_well(sim);
}

/* ---- Surroundings ---- */

typedef struct Heard {
    int lines;
    CoreLogLevel level;
    char line[64];
    int traced;
} Heard;

static void hear(void *opaque, CoreLogLevel level, const char *line)
{
    Heard *heard = opaque;
    heard->lines++;
    heard->level = level;
    strncpy(heard->line, line, sizeof heard->line - 1);
}

static void trace(void *opaque, const char *line)
{
    Heard *heard = opaque;
    heard->traced += strstr(line, "hello") != NULL;
}

static void logs_and_notes_are_heard(void **state)
{
    (void)state;
    Heard heard = {0};
    Sim *sim = sim_new(&(SimConfig){.opaque = &heard, .log = hear, .trace = trace});
    core_log(sim_core(sim), CORE_LOG_WARNING, "%d words", 2);
    const uint64_t before = sim_hash(sim);
    core_note(sim_core(sim), "hello", 1, 2);
    assert_true(sim_hash(sim) != before);
    assert_int_equal(heard.lines, 1);
    assert_int_equal(heard.level, CORE_LOG_WARNING);
    assert_string_equal(heard.line, "2 words");
    assert_int_equal(heard.traced, 1);
    universe_end_well(sim);
}

static void allocations_fail_when_asked_to(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.seed = 5, .alloc_fail_one_in = 4});
    const Core *core = sim_core(sim);
    int failed = 0;
    for (int i = 0; i < 200; i++) {
        void *memory = core->alloc(core, 10);
        failed += memory == NULL;
        core->free(core, memory);
    }
    assert_in_range(failed, 20, 90);
    universe_end_well(sim);
}

static void ticket_key_may_be_given(void **state)
{
    (void)state;
    static const uint8_t key[] = {1, 2, 3};
    Span der;
    Sim *with = sim_new(&(SimConfig){.ticket_key = {key, 3}});
    assert_true(sim_core(with)->ticket_key(sim_core(with), &der));
    assert_ptr_equal(der.data, key);
    universe_end_well(with);
    Sim *without = sim_new(&(SimConfig){0});
    assert_false(sim_core(without)->ticket_key(sim_core(without), &der));
    universe_end_well(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_byte_takes_the_latency),
        cmocka_unit_test(bandwidth_is_what_was_said),
        cmocka_unit_test(small_buffers_make_a_long_way_slow),
        cmocka_unit_test(any_split_carries_the_same_bytes),
        cmocka_unit_test(lowest_number_is_reused_at_once),
        cmocka_unit_test(closed_handle_is_reported),
        cmocka_unit_test(closing_under_a_watch_is_reported),
        cmocka_unit_test(second_watch_is_reported),
        cmocka_unit_test(server_runs_out_of_handles),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(end_follows_the_bytes_and_reset_overtakes_them),
        cmocka_unit_test(unread_bytes_make_closing_a_reset),
        cmocka_unit_test(clients_have_deadlines),
        cmocka_unit_test(clients_are_left_alone_without_need),
        cmocka_unit_test(logs_and_notes_are_heard),
        cmocka_unit_test(allocations_fail_when_asked_to),
        cmocka_unit_test(ticket_key_may_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
