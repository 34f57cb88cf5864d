/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "tests/core/contract.h"

typedef struct WatchRig WatchRig;

typedef struct Seen {
    WatchRig *watches;
    int name;
    int handle;
    int peer;
    CoreWatch *watch;
    unsigned ready; /* all bits seen */
    int calls;
    void (*then)(struct Seen *seen);
} Seen;

struct WatchRig {
    Rig *rig;
    Seen seen[2];
    int calls;
};

static void note(void *opaque, unsigned ready, uint64_t now_ns)
{
    Seen *seen = opaque;
    EXPECT(seen->watches->rig, now_ns <= rig_now(seen->watches->rig));
    seen->ready |= ready;
    seen->calls++;
    seen->watches->calls++;
    if (seen->then != NULL) {
        seen->then(seen);
    }
}

static void watch(Seen *seen, unsigned mask)
{
    seen->watch = loop_watch_new(seen->watches->rig->loop, seen->handle, mask, note, seen);
    EXPECT(seen->watches->rig, seen->watch != NULL);
}

static void setup(WatchRig *watches, Rig *rig)
{
    *watches = (WatchRig){.rig = rig};
    for (int i = 0; i < 2; i++) {
        Seen *seen = &watches->seen[i];
        *seen = (Seen){.watches = watches, .name = i};
        int ends[2] = {-1, -1};
        EXPECT(rig, rig->pair(rig, PAIR_UNIX, false, ends) == 0);
        seen->handle = ends[0];
        seen->peer = ends[1];
    }
}

static void teardown(WatchRig *watches)
{
    const Core *core = watches->rig->core;
    for (int i = 0; i < 2; i++) {
        loop_watch_free(watches->rig->loop, watches->seen[i].watch);
        core->close(core, watches->seen[i].handle);
        if (watches->seen[i].peer >= 0) {
            core->close(core, watches->seen[i].peer);
        }
    }
}

static void mask_to_0(Seen *seen)
{
    loop_watch_set(seen->watches->rig->loop, seen->watch, 0);
}

static void quit_(Seen *seen)
{
    mask_to_0(seen); /* a host's loop may go on for a while */
    seen->watches->rig->quit(seen->watches->rig);
}

static void read_one_byte(Seen *seen)
{
    uint8_t byte;
    Rig *rig = seen->watches->rig;
    EXPECT(rig, rig_read(rig, seen->handle, &byte, 1) == 1);
    if (seen->calls == 5) {
        quit_(seen);
    }
}

static void comes_as_long_as_the_handle_is_ready(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    seen->then = read_one_byte;
    EXPECT(rig, rig_write(rig, seen->peer, "12345", 5) == 5);
    watch(seen, CORE_READ);
    rig->run(rig);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->calls == 5 && seen->ready == CORE_READ);
    teardown(&watches);
}

static void mask_0_is_silence(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    EXPECT(rig, rig_write(rig, seen->peer, "x", 1) == 1);
    watch(seen, 0);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->calls == 0);

    /* Not even the peer's end breaks it. */
    rig->core->close(rig->core, seen->peer);
    seen->peer = -1;
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->calls == 0);

    seen->then = read_one_byte;
    loop_watch_set(rig->loop, seen->watch, CORE_READ);
    seen->calls = 4; /* so that the next one ends the loop */
    rig->run(rig);
    EXPECT(rig, seen->ready == CORE_READ);
    teardown(&watches);
}

static void both_bits_come(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    watch(seen, CORE_WRITE);
    seen->then = mask_to_0;
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->calls == 1 && seen->ready == CORE_WRITE);

    EXPECT(rig, rig_write(rig, seen->peer, "x", 1) == 1);
    seen->then = NULL;
    seen->ready = 0;
    loop_watch_set(rig->loop, seen->watch, CORE_READ | CORE_WRITE);
    if (rig->is_simulated) {
        seen->then = mask_to_0; /* virtual time stands still while something is ready */
    }
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->ready == (CORE_READ | CORE_WRITE));
    teardown(&watches);
}

static void free_self(Seen *seen)
{
    loop_watch_free(seen->watches->rig->loop, seen->watch);
    seen->watch = NULL;
}

static void may_free_itself(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    seen->then = free_self;
    EXPECT(rig, rig_write(rig, seen->peer, "x", 1) == 1);
    watch(seen, CORE_READ | CORE_WRITE);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, seen->calls == 1);
    teardown(&watches);
}

static void two_ready(WatchRig *watches, Rig *rig, void (*then)(Seen *seen))
{
    setup(watches, rig);
    for (int i = 0; i < 2; i++) {
        watches->seen[i].then = then;
        EXPECT(rig, rig_write(rig, watches->seen[i].peer, "x", 1) == 1);
        watch(&watches->seen[i], CORE_READ);
    }
}

static Seen *other(Seen *seen)
{
    return &seen->watches->seen[1 - seen->name];
}

static void free_other_and_rest(Seen *seen)
{
    free_self(other(seen));
    mask_to_0(seen);
}

static void may_free_another_that_is_ready_too(Rig *rig)
{
    WatchRig watches;
    two_ready(&watches, rig, free_other_and_rest);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, watches.calls == 1);
    teardown(&watches);
}

static void silence_other_and_rest(Seen *seen)
{
    mask_to_0(other(seen));
    mask_to_0(seen);
}

static void may_silence_another_that_is_ready_too(Rig *rig)
{
    WatchRig watches;
    two_ready(&watches, rig, silence_other_and_rest);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, watches.calls == 1);
    teardown(&watches);
}

/* The other's handle is closed and its number given to a fresh pair, which nobody has written to. */
static void replace_other_and_rest(Seen *seen)
{
    Rig *rig = seen->watches->rig;
    Seen *second = other(seen);
    const int old = second->handle;
    int ends[2] = {-1, -1};
    free_self(second);
    rig->core->close(rig->core, second->handle);
    EXPECT(rig, rig->pair(rig, PAIR_UNIX, false, ends) == 0);
    rig->core->close(rig->core, second->peer);
    EXPECT(rig, ends[0] == old || ends[1] == old); /* reused at once: else the test proves nothing */
    second->handle = ends[0] == old ? ends[0] : ends[1];
    second->peer = ends[0] == old ? ends[1] : ends[0];
    second->calls = 0;
    watch(second, CORE_READ);
    mask_to_0(seen);
}

static void event_of_a_closed_handle_does_not_reach_its_successor(Rig *rig)
{
    WatchRig watches;
    two_ready(&watches, rig, replace_other_and_rest);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, watches.calls == 1);
    Seen *fresh = watches.seen[0].calls == 0 ? &watches.seen[0] : &watches.seen[1];
    fresh->then = free_self;
    EXPECT(rig, fresh->calls == 0);
    EXPECT(rig, rig_write(rig, fresh->peer, "x", 1) == 1);
    rig_run_for(rig, 2 * NS_PER_MS);
    EXPECT(rig, fresh->calls == 1);
    teardown(&watches);
}

static void end_of_stream_is_readable(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    seen->then = quit_;
    watch(seen, CORE_READ);
    rig->core->close(rig->core, seen->peer);
    seen->peer = -1;
    rig->run(rig);
    uint8_t byte;
    EXPECT(rig, seen->ready == CORE_READ);
    EXPECT(rig, rig_read(rig, seen->handle, &byte, 1) == 0);
    teardown(&watches);
}

static void half_closed_peer_is_readable_and_can_be_written_to(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    rig->half_close(rig, seen->peer);
    EXPECT(rig, rig_await(rig, seen->handle, CORE_READ));
    uint8_t byte;
    EXPECT(rig, rig_read(rig, seen->handle, &byte, 1) == 0);
    EXPECT(rig, rig_write(rig, seen->handle, "x", 1) == 1);
    EXPECT(rig, rig_await(rig, seen->peer, CORE_READ));
    EXPECT(rig, rig_read(rig, seen->peer, &byte, 1) == 1 && byte == 'x');
    teardown(&watches);
}

/* A writer that waits behind a full buffer must learn that its peer is gone. */
static void error_is_ready_for_whatever_was_asked(Rig *rig)
{
    static const uint8_t block[65536];
    for (unsigned mask = CORE_READ; mask <= CORE_WRITE; mask++) {
        int ends[2] = {-1, -1};
        EXPECT(rig, rig->pair(rig, PAIR_TCP, true, ends) == 0);
        while (rig_write(rig, ends[0], block, sizeof block) > 0) {
        }
        rig->reset(rig, ends[1]);
        EXPECT(rig, rig_await(rig, ends[0], mask));
        uint8_t byte;
        const int64_t result =
            mask == CORE_READ ? rig_read(rig, ends[0], &byte, 1) : rig_write(rig, ends[0], "x", 1);
        EXPECT(rig, result == -ECONNRESET || result == -EPIPE);
        EXPECT(rig, rig_write(rig, ends[0], "x", 1) == -EPIPE);
        rig->core->close(rig->core, ends[0]);
    }
}

static void unknown_handle_has_no_watch(Rig *rig)
{
    if (rig->is_simulated) {
        return; /* there it is a finding: tests/sim */
    }
    WatchRig watches = {.rig = rig};
    Seen seen = {.watches = &watches, .handle = 999999};
    if (!rig->is_host) { /* poll() takes any number */
        EXPECT(rig, loop_watch_new(rig->loop, seen.handle, CORE_READ, note, &seen) == NULL);
    }
}

typedef struct Wanderer {
    Rig *rig;
    int handle;
    CoreLoop *other_loop;
    int bytes;
} Wanderer;

static void read_elsewhere(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    Wanderer *wanderer = opaque;
    uint8_t byte;
    EXPECT(wanderer->rig, ready == CORE_READ);
    EXPECT(wanderer->rig, rig_read(wanderer->rig, wanderer->handle, &byte, 1) == 1);
    if (++wanderer->bytes == 3) {
        wanderer->rig->core->loop_quit(wanderer->other_loop);
    }
}

static void loop_in_thread(void *opaque)
{
    Wanderer *wanderer = opaque;
    CoreWatch *watch_there =
        loop_watch_new(wanderer->other_loop, wanderer->handle, CORE_READ, read_elsewhere, wanderer);
    EXPECT(wanderer->rig, watch_there != NULL);
    wanderer->rig->core->loop_run(wanderer->other_loop);
    loop_watch_free(wanderer->other_loop, watch_there);
}

/* What happens to every channel's socket: the link is made in the main domain, then a worker takes it. */
static void handle_may_move_to_another_loop(Rig *rig)
{
    WatchRig watches;
    setup(&watches, rig);
    Seen *seen = &watches.seen[0];
    EXPECT(rig, rig_write(rig, seen->peer, "123", 3) == 3);
    seen->then = free_self;
    watch(seen, CORE_READ);
    rig_run_for(rig, NS_PER_MS);
    EXPECT(rig, seen->calls == 1 && seen->watch == NULL);

    Wanderer wanderer = {
        .rig = rig, .handle = seen->handle, .other_loop = rig->core->loop_new(rig->core, "other")};
    CoreThread *thread = rig->core->thread_start(rig->core, "other", loop_in_thread, &wanderer);
    EXPECT(rig, wanderer.other_loop != NULL && thread != NULL);
    rig->core->thread_join(rig->core, thread);
    rig->core->loop_free(wanderer.other_loop);
    EXPECT(rig, wanderer.bytes == 3);
    teardown(&watches);
}

const ContractTest watch_tests[] = {
    {"a watch comes as long as its handle is ready", comes_as_long_as_the_handle_is_ready},
    {"mask 0 is silence", mask_0_is_silence},
    {"both bits come", both_bits_come},
    {"a watch may free itself", may_free_itself},
    {"a watch may free another that is ready too", may_free_another_that_is_ready_too},
    {"a watch may silence another that is ready too", may_silence_another_that_is_ready_too},
    {"an event of a closed handle does not reach its successor",
     event_of_a_closed_handle_does_not_reach_its_successor},
    {"the end of a stream is readable", end_of_stream_is_readable},
    {"a half-closed peer is readable and can be written to",
     half_closed_peer_is_readable_and_can_be_written_to},
    {"an error is ready for whatever was asked", error_is_ready_for_whatever_was_asked},
    {"an unknown handle has no watch", unknown_handle_has_no_watch},
    {"a handle may move to another loop", handle_may_move_to_another_loop},
    {0},
};
