/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/core_fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/tsan.h"
#include "sim/universe.h"

#define ROUND_NS UINT64_C(10000) /* of a thread's loop, for a slow one to multiply: 100 us to 100 ms */
#define WALL_ORIGIN_DEFAULT_NS UINT64_C(1577836800000000000) /* 2020-01-01 00:00:00 UTC */

static Sim *enter(const Core *core)
{
    Sim *sim = sim_of(core);
    sim_call_begin(sim);
    return sim;
}

/* ---- Time, entropy, surroundings ---- */

static uint64_t fiber_now_ns(const Core *core)
{
    Sim *sim = enter(core);
    sim_call_end_unseen(sim);
    return sim->world.now_ns; /* read last: time may have gone on at the schedule point */
}

/* By how much it was set so far; modulo 2^64, as some of it is backwards. Never before the origin's last ten years. */
static uint64_t wall_shift_ns(Sim *sim)
{
    static const uint64_t shifts_s[] = {1, 60, 3600, 86400, UINT64_C(31536000), UINT64_C(315360000)};
    const uint32_t shifts = sizeof shifts_s / sizeof shifts_s[0];
    kernel_enter(sim);
    const uint32_t set = choose_fault(sim, SIM_F8_WALL, runner_who(sim), sim->config.wall_one_in, 2 * shifts);
    if (set > 0) {
        const uint64_t shift_ns = shifts_s[(set - 1) % shifts] * NS_PER_S;
        sim->world.wall_shift_ns = set > shifts ? -shift_ns : shift_ns;
        world_record(sim, "wall", sim->world.wall_shift_ns, 0);
    }
    kernel_leave(sim);
    return sim->world.wall_shift_ns;
}

static uint64_t fiber_wall_ns(const Core *core)
{
    const uint64_t now_ns = fiber_now_ns(core);
    Sim *sim = sim_of(core);
    const uint64_t origin_ns = sim->config.wall_origin_ns;
    const uint64_t wall_ns =
        (origin_ns == 0 ? WALL_ORIGIN_DEFAULT_NS : origin_ns) + (now_ns - sim->config.clock_origin_ns);
    return wall_ns + wall_shift_ns(sim);
}

static void fiber_entropy(const Core *core, void *buffer, size_t len)
{
    Sim *sim = sim_of(core);
    tsan_write(buffer, len);
    kernel_enter(sim);
    choices_entropy(sim, buffer, len);
    kernel_leave(sim);
}

static const char *fiber_env(const Core *core, const char *name)
{
    const Sim *sim = sim_of(core);
    const size_t len = strlen(name);
    for (const char *const *at = sim->config.env; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') {
            return *at + len + 1;
        }
    }
    return NULL;
}

static bool alloc_fails(Sim *sim)
{
    return choose_fault(sim, SIM_F9_ALLOC, runner_who(sim), sim->config.alloc_fail_one_in, 1) != 0;
}

static void *fiber_alloc(const Core *core, size_t size)
{
    Sim *sim = enter(core);
    const bool granted = size <= CORE_ALLOC_BYTES_MAX && !alloc_fails(sim);
    world_record(sim, "alloc", size, granted);
    sim->own.allocations += granted;
    sim_call_end_unseen(sim);
    void *memory = granted ? malloc(size > 0 ? size : 1) : NULL; /* outside the kernel: it is the caller's */
    if (memory != NULL) {
        kernel_enter(sim);
        bounds_allocated(sim, memory);
        kernel_leave(sim);
    }
    CHECK(!granted || memory != NULL); /* what fails is chosen; otherwise no two runs would be the same */
    return memory;
}

static void fiber_free(const Core *core, void *memory)
{
    Sim *sim = enter(core);
    sim->own.allocations -= memory != NULL;
    bounds_freed(sim, memory);
    sim_call_end_unseen(sim);
    free(memory);
}

static void fiber_log(const Core *core, CoreLogLevel level, const char *line)
{
    Sim *sim = sim_of(core);
    if (sim->config.log != NULL) {
        kernel_enter(sim);
        sim->config.log(sim->config.opaque, level, line);
        kernel_leave(sim);
    }
}

static void fiber_note(const Core *core, const char *what, uint64_t a, uint64_t b)
{
    Sim *sim = sim_of(core);
    kernel_enter(sim);
    if (!bounds_note(sim, what, a)) {
        world_record(sim, what, a, b);
    }
    kernel_leave(sim);
}

static bool fiber_ticket_key(const Core *core, Span *ret_der)
{
    const Sim *sim = sim_of(core);
    if (sim->config.ticket_key.len == 0) {
        return false;
    }
    *ret_der = sim->config.ticket_key;
    return true;
}

static void fiber_exit_process(const Core *core, int code)
{
    Sim *sim = enter(core);
    world_record(sim, "exit", (uint64_t)code, 0);
    sim->exited = true;
    sim->exit_code = code;
    sim_call_end(sim); /* does not come back here in a simulated thread */
}

/* A file's name is all that its writer knows: the SimFile stays until the end. */
struct CoreFile {
    SimFile *file;
};

static SimFile *file_find(Sim *sim, const char *path)
{
    SimFile *file = sim->own.files;
    while (file != NULL && strcmp(file->path, path) != 0) {
        file = file->next;
    }
    return file;
}

static SimFile *file_new(Sim *sim, const char *path)
{
    SimFile *file = calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->path = strdup(path);
    file->data = malloc(1); /* never NULL, even if empty */
    CHECK(file->path != NULL && file->data != NULL);
    file->next = sim->own.files;
    sim->own.files = file;
    return file;
}

static int fiber_file_read(const Core *core, const char *path, size_t max, uint8_t **ret_data,
                           size_t *ret_len)
{
    Sim *sim = enter(core);
    const SimFile *file = file_find(sim, path);
    const int result = file == NULL ? -ENOENT : file->len > max ? -EFBIG : 0;
    sim_call_end(sim);
    if (result < 0) {
        return result;
    }
    uint8_t *data = core->alloc(core, file->len);
    if (data == NULL) {
        return -ENOMEM;
    }
    memcpy(data, file->data, file->len);
    *ret_data = data;
    *ret_len = file->len;
    return 0;
}

static int fiber_file_create(const Core *core, const char *path, const char *filter, CoreFile **ret_file)
{
    Sim *sim = enter(core);
    CoreFile *opened = NULL;
    if (filter == NULL) {
        SimFile *file = file_find(sim, path);
        opened = malloc(sizeof *opened);
        CHECK(opened != NULL);
        opened->file = file != NULL ? file : file_new(sim, path);
        opened->file->len = 0;
        sim->own.files_written++;
        *ret_file = opened;
    }
    world_record(sim, "f-create", opened != NULL, 0);
    sim_call_end(sim);
    return opened != NULL ? 0 : -EPERM; /* there are no other programs in here */
}

static int fiber_file_write(const Core *core, CoreFile *opened, const struct iovec *iov, int iov_len)
{
    for (int i = 0; i < iov_len; i++) {
        tsan_read(iov[i].iov_base, iov[i].iov_len);
    }
    Sim *sim = enter(core);
    SimFile *file = opened->file;
    for (int i = 0; i < iov_len && !file->full; i++) {
        uint8_t *data = realloc(file->data, file->len + iov[i].iov_len + 1);
        CHECK(data != NULL);
        if (iov[i].iov_len > 0) {
            memcpy(data + file->len, iov[i].iov_base, iov[i].iov_len);
        }
        file->data = data;
        file->len += iov[i].iov_len;
    }
    world_record(sim, "f-write", file->len, file->full);
    const bool full = file->full;
    sim_call_end(sim);
    return full ? -ENOSPC : 0;
}

static void fiber_file_close(const Core *core, CoreFile *opened)
{
    Sim *sim = enter(core);
    sim->own.files_written--;
    world_record(sim, "f-close", 0, 0);
    sim_call_end(sim);
    free(opened);
}

/* ---- Loops ---- */

typedef struct FiberLoop {
    CoreLoop base;
    SimLoop loop;
    ListNode node;      /* in SimCore.loops */
    CoreThread *runner; /* while it runs */
    bool running;
} FiberLoop;

static FiberLoop *fiber_loop(CoreLoop *loop)
{
    return (FiberLoop *)loop; /* base is its first member */
}

static CoreTimer *loop_timer_new_(CoreLoop *base, CoreTimerFunc func, void *opaque)
{
    Sim *sim = enter(base->core);
    CoreTimer *timer = choose_scarce(sim, SIM_F9_TIMER) ? NULL : calloc(1, sizeof *timer);
    if (timer != NULL) {
        sim_timer_init(&fiber_loop(base)->loop, timer, func, opaque);
    }
    sim_call_end_unseen(sim);
    return timer;
}

static void check_home(Sim *sim, CoreLoop *base, const char *what)
{
    const FiberLoop *loop = fiber_loop(base);
    if (loop->running && loop->runner != sim->threads.current) {
        sim_fail(sim, "%s() on a loop of another thread", what);
    }
}

static void loop_timer_start_(CoreLoop *base, CoreTimer *timer, uint64_t deadline_ns)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "timer_start");
    world_record(sim, "t-start", deadline_ns, 0);
    sim_timer_start(timer, deadline_ns);
    sim_call_end_unseen(sim);
}

static void loop_timer_stop_(CoreLoop *base, CoreTimer *timer)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "timer_stop");
    sim_timer_stop(timer);
    sim_call_end_unseen(sim);
}

static void loop_timer_free_(CoreLoop *base, CoreTimer *timer)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "timer_free");
    sim_timer_finish(timer);
    free(timer);
    sim_call_end_unseen(sim);
}

static CoreWatch *loop_watch_new_(CoreLoop *base, int handle, unsigned mask, CoreWatchFunc func, void *opaque)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "watch_new");
    CoreWatch *watch = choose_scarce(sim, SIM_F9_WATCH) ? NULL : calloc(1, sizeof *watch);
    if (watch != NULL && !sim_watch_init(&fiber_loop(base)->loop, watch, handle, mask, func, opaque)) {
        free(watch);
        watch = NULL;
    }
    world_record(sim, "w-new", (uint64_t)handle, mask);
    sim_call_end_unseen(sim);
    return watch;
}

static void loop_watch_set_(CoreLoop *base, CoreWatch *watch, unsigned mask)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "watch_set");
    world_record(sim, "w-set", (uint64_t)watch->handle.number, mask);
    sim_watch_set(watch, mask);
    sim_call_end_unseen(sim);
}

static void loop_watch_free_(CoreLoop *base, CoreWatch *watch)
{
    Sim *sim = enter(base->core);
    check_home(sim, base, "watch_free");
    world_record(sim, "w-free", (uint64_t)watch->handle.number, 0);
    sim_watch_finish(watch);
    free(watch);
    sim_call_end_unseen(sim);
}

static void loop_post_(CoreLoop *base, CoreTask *task)
{
    tsan_write(&task->next, sizeof task->next);
    Sim *sim = enter(base->core);
    sim_loop_add_task(&fiber_loop(base)->loop, task);
    world_record(sim, "post", 0, 0);
    sim_call_end(sim);
}

static bool loop_is_current_(CoreLoop *base)
{
    const FiberLoop *loop = fiber_loop(base);
    return !loop->running || loop->runner == sim_of(base->core)->threads.current;
}

static const CoreLoopOps loop_ops = {
    .timer_new = loop_timer_new_,
    .timer_start = loop_timer_start_,
    .timer_stop = loop_timer_stop_,
    .timer_free = loop_timer_free_,
    .watch_new = loop_watch_new_,
    .watch_set = loop_watch_set_,
    .watch_free = loop_watch_free_,
    .post = loop_post_,
    .is_current = loop_is_current_,
};

static CoreLoop *fiber_loop_new(const Core *core, const char *name)
{
    (void)name;
    Sim *sim = enter(core);
    FiberLoop *loop = choose_scarce(sim, SIM_F9_LOOP) ? NULL : calloc(1, sizeof *loop);
    if (loop != NULL) {
        loop->base.ops = &loop_ops;
        loop->base.core = core;
        sim_loop_init(&loop->loop, sim);
        list_append(&sim->own.loops, &loop->node);
        sim->own.loops_len++;
    }
    sim_call_end(sim);
    return loop == NULL ? NULL : &loop->base;
}

/* 0: as fast as ever, which is in no time. Otherwise the exponent of the factor. */
static uint32_t choose_slowness(Sim *sim)
{
    return choose_fault(sim, SIM_WORKER_SLOW, runner_who(sim), sim->config.slow_one_in, 4);
}

/* Time goes on while a slow thread computes: all others overtake it. It recovers when faults stop. */
static void take_time(Sim *sim, uint32_t slowness)
{
    uint64_t duration_ns = ROUND_NS;
    for (uint32_t i = 0; i < slowness; i++) {
        duration_ns *= 10;
    }
    if (slowness > 0 && (sim->config.faults_off & SIM_FAULT_BIT(SIM_WORKER_SLOW)) == 0) {
        sim_thread_sleep(sim, duration_ns);
    }
}

static void fiber_loop_run(CoreLoop *base)
{
    Sim *sim = enter(base->core);
    FiberLoop *loop = fiber_loop(base);
    CHECK(!loop->running);
    loop->runner = sim->threads.current;
    loop->running = true;
    const uint32_t slowness = choose_slowness(sim);
    while (!loop->loop.quit) {
        sim_loop_wait(&loop->loop);
        if (!loop->loop.quit) {
            const uint64_t from_ns = loop->loop.sim->world.now_ns;
            sim_loop_round(&loop->loop);
            take_time(sim, slowness);
            loop->base.turn_ns = loop->loop.sim->world.now_ns - from_ns;
        }
    }
    while (sim_loop_run_tasks(&loop->loop)) {
    }
    tsan_acquire(&loop->loop);
    loop->loop.quit = false;
    loop->running = false;
    world_record(sim, "loop-end", 0, 0);
    sim_call_end(sim);
}

static void fiber_loop_quit(CoreLoop *base)
{
    Sim *sim = enter(base->core);
    sim_loop_stop(&fiber_loop(base)->loop);
    world_record(sim, "loop-quit", 0, 0);
    sim_call_end(sim);
}

static void fiber_loop_destroy(Sim *sim, FiberLoop *loop)
{
    sim_loop_finish(&loop->loop);
    list_remove(&loop->node);
    sim->own.loops_len--;
    free(loop);
}

static void fiber_loop_free(CoreLoop *base)
{
    Sim *sim = enter(base->core);
    FiberLoop *loop = fiber_loop(base);
    if (loop->running || loop->loop.timers_len > 0 || loop->loop.watches_len > 0) {
        sim_fail(sim, "loop_free() of a loop that runs, or has %zu timers and %zu watches",
                 loop->loop.timers_len, loop->loop.watches_len);
    }
    fiber_loop_destroy(sim, loop);
    sim_call_end(sim);
}

/* ---- Threads and gates ---- */

static CoreThread *fiber_thread_start(const Core *core, const char *name, void (*entry)(void *arg), void *arg)
{
    Sim *sim = enter(core);
    CoreThread *thread =
        choose_scarce(sim, SIM_F9_THREAD) ? NULL : sim_thread_start(sim, name, entry, arg, false);
    sim_call_end(sim);
    return thread;
}

static void fiber_thread_join(const Core *core, CoreThread *thread)
{
    Sim *sim = enter(core);
    sim_thread_join(sim, thread);
    sim_call_end(sim);
}

static uint32_t fiber_processors(const Core *core)
{
    const Sim *sim = sim_of(core);
    return sim->config.processors > 0 ? sim->config.processors : 1;
}

static void fiber_gate_wait(const Core *core, CoreGate *gate)
{
    Sim *sim = enter(core);
    sim_thread_pass(sim, gate, THREAD_AT_GATE);
    sim_call_end(sim);
}

static void fiber_gate_open(const Core *core, CoreGate *gate)
{
    Sim *sim = enter(core);
    if (gate->open != 0) {
        sim_fail(sim, "a gate was opened twice");
    }
    tsan_release(gate);
    gate->open = 1;
    CoreThread *waiter = gate->waiter;
    if (waiter != NULL) {
        sim_thread_wake(sim, waiter);
    }
    world_record(sim, "open", 0, 0);
    sim_call_end(sim); /* the gate may be gone after the schedule point in here */
}

/* ---- Handles ---- */

static int64_t fiber_readv(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    Sim *sim = enter(core);
    const int64_t result = sim_net_readv(sim, handle, iov, iov_len);
    world_record(sim, "readv", (uint64_t)handle, (uint64_t)result);
    sim_call_end(sim);
    for (int64_t i = 0, left = result; left > 0; i++) {
        const size_t part = iov[i].iov_len < (size_t)left ? iov[i].iov_len : (size_t)left;
        tsan_write(iov[i].iov_base, part);
        left -= (int64_t)part;
    }
    return result;
}

static int64_t fiber_writev(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    for (int i = 0; i < iov_len; i++) {
        tsan_read(iov[i].iov_base, iov[i].iov_len);
    }
    Sim *sim = enter(core);
    const int64_t result = sim_net_writev(sim, handle, iov, iov_len);
    world_record(sim, "writev", (uint64_t)handle, (uint64_t)result);
    sim_call_end(sim);
    return result;
}

static int fiber_shutdown(const Core *core, int handle)
{
    Sim *sim = enter(core);
    const int result = sim_net_shutdown(sim, handle, true);
    world_record(sim, "shutdown", (uint64_t)handle, (uint64_t)result);
    sim_call_end(sim);
    return result;
}

static void fiber_close(const Core *core, int handle)
{
    Sim *sim = enter(core);
    world_record(sim, "close", (uint64_t)handle, 0);
    sim_net_close(sim, handle, false);
    sim_call_end(sim);
}

static int fiber_listen(const Core *core, const CoreListen *where)
{
    Sim *sim = enter(core);
    const int result = choose_scarce(sim, SIM_F9_LISTEN) ? -EADDRINUSE : sim_net_listen(sim, where);
    world_record(sim, "listen", (uint64_t)result, 0);
    sim_call_end(sim);
    return result;
}

static int fiber_accept(const Core *core, int listener)
{
    Sim *sim = enter(core);
    const int result = sim_net_accept(sim, listener);
    world_record(sim, "accept", (uint64_t)listener, (uint64_t)result);
    sim_call_end(sim);
    return result;
}

static int fiber_adopt(const Core *core, int handle)
{
    Sim *sim = enter(core);
    const int result = sim_net_adopt(sim, handle);
    world_record(sim, "adopt", (uint64_t)handle, (uint64_t)result);
    sim_call_end(sim);
    return result;
}

static int fiber_addresses(const Core *core, int handle, CoreAddress *ret_local, CoreAddress *ret_peer)
{
    Sim *sim = enter(core);
    CoreAddress local, peer;
    const int result = sim_net_addresses(sim, handle, &local, &peer);
    sim_call_end(sim);
    if (result == 0) {
        *ret_local = local;
        *ret_peer = peer;
    }
    return result;
}

static int fiber_tune(const Core *core, int handle, CoreTune what, int value)
{
    Sim *sim = enter(core);
    const int result = sim_net_tune(sim, handle, what, value);
    sim_call_end(sim);
    return result;
}

static int64_t fiber_unsent_bytes(const Core *core, int handle)
{
    Sim *sim = enter(core);
    const int64_t result = sim_net_unsent_bytes(sim, handle);
    world_record(sim, "unsent", (uint64_t)handle, (uint64_t)result);
    sim_call_end(sim);
    return result;
}

static int fiber_wake_new(const Core *core)
{
    Sim *sim = enter(core);
    const int result = choose_scarce(sim, SIM_F9_WAKE) ? -EMFILE : sim_net_wake_new(sim);
    sim_call_end(sim);
    return result;
}

static void fiber_wake_signal(const Core *core, int handle)
{
    Sim *sim = enter(core);
    world_record(sim, "signal", (uint64_t)handle, 0);
    sim_net_wake_signal(sim, handle);
    sim_call_end(sim);
}

static void fiber_wake_clear(const Core *core, int handle)
{
    Sim *sim = enter(core);
    world_record(sim, "clear", (uint64_t)handle, 0);
    sim_net_wake_clear(sim, handle);
    sim_call_end(sim);
}

/* ---- The table ---- */

void sim_core_init(Sim *sim)
{
    list_init(&sim->own.loops);
    sim->core = (Core){
        .now_ns = fiber_now_ns,
        .wall_ns = fiber_wall_ns,
        .entropy = fiber_entropy,
        .loop_new = fiber_loop_new,
        .loop_run = fiber_loop_run,
        .loop_quit = fiber_loop_quit,
        .loop_free = fiber_loop_free,
        .thread_start = fiber_thread_start,
        .thread_join = fiber_thread_join,
        .processors = fiber_processors,
        .gate_wait = fiber_gate_wait,
        .gate_open = fiber_gate_open,
        .readv = fiber_readv,
        .writev = fiber_writev,
        .shutdown = fiber_shutdown,
        .close = fiber_close,
        .listen = fiber_listen,
        .accept = fiber_accept,
        .adopt = fiber_adopt,
        .addresses = fiber_addresses,
        .tune = fiber_tune,
        .unsent_bytes = fiber_unsent_bytes,
        .wake_new = fiber_wake_new,
        .wake_signal = fiber_wake_signal,
        .wake_clear = fiber_wake_clear,
        .file_read = fiber_file_read,
        .file_create = fiber_file_create,
        .file_write = fiber_file_write,
        .file_close = fiber_file_close,
        .env = fiber_env,
        .alloc = fiber_alloc,
        .free = fiber_free,
        .log = fiber_log,
        .note = fiber_note,
        .ticket_key = fiber_ticket_key,
        .exit_process = fiber_exit_process,
    };
}

void sim_core_count(Sim *sim, size_t *timers, size_t *watches)
{
    list_each(&sim->own.loops, node)
    {
        const FiberLoop *loop = list_entry(node, FiberLoop, node);
        *timers += loop->loop.timers_len;
        *watches += loop->loop.watches_len;
    }
}

void sim_core_finish(Sim *sim)
{
    FiberLoop *loop;
    while ((loop = list_first(&sim->own.loops, FiberLoop, node)) != NULL) {
        fiber_loop_destroy(sim, loop);
    }
    while (sim->own.files != NULL) {
        SimFile *file = sim->own.files;
        sim->own.files = file->next;
        free(file->path);
        free(file->data);
        free(file);
    }
}

const Core *sim_core(Sim *sim)
{
    return &sim->core;
}

void sim_file_add(Sim *sim, const char *path, const void *data, size_t len)
{
    kernel_enter(sim);
    SimFile *file = file_new(sim, path);
    file->data = realloc(file->data, len + 1);
    CHECK(file->data != NULL);
    if (len > 0) {
        memcpy(file->data, data, len);
    }
    file->len = len;
    kernel_leave(sim);
}

void sim_file_set_full(Sim *sim, const char *path)
{
    kernel_enter(sim);
    SimFile *file = file_find(sim, path);
    (file != NULL ? file : file_new(sim, path))->full = true;
    kernel_leave(sim);
}
