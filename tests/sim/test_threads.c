/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/sim/universe.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <spice.h>

#include "base/ref.h"
#include "core/host.h"

typedef struct Scene {
    Sim *sim;
    const Core *core;
    CoreThread *threads[2];
    CoreLoop *loop;
    CoreGate gates[2];
    CoreTask task;
    atomic_int counter; /* counted carelessly, but without a data race: TSan is not the subject */
    int inside;
    bool mixed;
    uint64_t times_ns[2];
    Ref ref;
} Scene;

static SimBackend backend; /* of the scenes */

static Scene scene_of(const SimConfig *config)
{
    SimConfig on_backend = *config;
    on_backend.backend = backend;
    Scene scene = {.sim = sim_new(&on_backend)};
    assert_non_null(scene.sim);
    scene.core = sim_core(scene.sim);
    return scene;
}

/* ---- Interleaving ---- */

static void count_carelessly(void *opaque)
{
    Scene *scene = opaque;
    const int seen = atomic_load(&scene->counter);
    scene->core->now_ns(scene->core); /* a schedule point between load and store */
    atomic_store(&scene->counter, seen + 1);
}

static void start_two(void *opaque)
{
    Scene *scene = opaque;
    for (int i = 0; i < 2; i++) {
        scene->threads[i] = scene->core->thread_start(scene->core, "counter", count_carelessly, scene);
    }
    for (int i = 0; i < 2; i++) {
        scene->core->thread_join(scene->core, scene->threads[i]);
    }
}

static int lost_updates(SimLevel level)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed, .level = level});
        universe_run(scene.sim, start_two, &scene);
        assert_in_range(scene.counter, 1, 2);
        lost += scene.counter == 1;
        universe_end_well(scene.sim);
    }
    return lost;
}

static void core_calls_are_schedule_points(void **state)
{
    (void)state;
    const int lost = lost_updates(SIM_LEVEL_CALLS);
    assert_in_range(lost, 1, 99);
    assert_int_equal(lost_updates(SIM_LEVEL_LOOPS), 0);
}

static void count_at_reference(void *opaque)
{
    Scene *scene = opaque;
    const int seen = atomic_load(&scene->counter);
    ref_take(&scene->ref);
    atomic_store(&scene->counter, seen + 1);
}

static void start_two_with_references(void *opaque)
{
    Scene *scene = opaque;
    ref_init(&scene->ref);
    for (int i = 0; i < 2; i++) {
        scene->threads[i] = scene->core->thread_start(scene->core, "counter", count_at_reference, scene);
    }
    for (int i = 0; i < 2; i++) {
        scene->core->thread_join(scene->core, scene->threads[i]);
    }
}

static void reference_counts_are_schedule_points(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed, .level = SIM_LEVEL_CALLS});
        universe_run(scene.sim, start_two_with_references, &scene);
        lost += scene.counter == 1;
        universe_end_well(scene.sim);
    }
    assert_in_range(lost, 1, 99);
}

/* ---- The big lock ---- */

static void open_first(void *opaque)
{
    Scene *scene = opaque;
    scene->core->gate_open(scene->core, &scene->gates[0]);
}

static void stay_inside(void *opaque)
{
    Scene *scene = opaque;
    scene->mixed |= scene->inside++ != 0;
    for (int i = 0; i < 10; i++) {
        scene->core->now_ns(scene->core);
    }
    scene->mixed |= --scene->inside != 0;
}

static void stay_inside_while_waiting(void *opaque)
{
    Scene *scene = opaque;
    scene->mixed |= scene->inside++ != 0;
    scene->threads[0] = scene->core->thread_start(scene->core, "opener", open_first, scene);
    scene->core->gate_wait(scene->core, &scene->gates[0]); /* the lock is held meanwhile */
    scene->core->thread_join(scene->core, scene->threads[0]);
    scene->mixed |= --scene->inside != 0;
}

static void host_threads_exclude_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed, .level = SIM_LEVEL_CALLS, .switch_one_in = 1});
        sim_spawn(scene.sim, "vcpu0", stay_inside, &scene);
        sim_spawn(scene.sim, "vcpu1", stay_inside, &scene);
        sim_spawn(scene.sim, "vcpu2", stay_inside_while_waiting, &scene);
        assert_true(sim_run(scene.sim, NS_NEVER));
        assert_false(scene.mixed);
        universe_end_well(scene.sim);
    }
}

static void sleep_long(void *opaque)
{
    Scene *scene = opaque;
    sim_sleep(scene->sim, 10 * NS_PER_MS);
    scene->times_ns[0] = scene->core->now_ns(scene->core);
}

static void take_turn(void *opaque)
{
    Scene *scene = opaque;
    sim_sleep(scene->sim, NS_PER_MS);
    scene->times_ns[1] = scene->core->now_ns(scene->core);
}

static void sleeping_gives_the_lock_away(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 3, .level = SIM_LEVEL_CALLS, .clock_origin_ns = 77});
    sim_spawn(scene.sim, "vcpu0", sleep_long, &scene);
    sim_spawn(scene.sim, "vcpu1", take_turn, &scene);
    assert_true(sim_run(scene.sim, NS_NEVER));
    assert_int_equal(scene.times_ns[0], 77 + 10 * NS_PER_MS);
    assert_int_equal(scene.times_ns[1], 77 + NS_PER_MS);
    universe_end_well(scene.sim);
}

static void run_ends_in_time(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 3});
    sim_spawn(scene.sim, "vcpu0", sleep_long, &scene);
    assert_true(sim_run(scene.sim, 4 * NS_PER_MS));
    assert_int_equal(sim_now_ns(scene.sim), 4 * NS_PER_MS);
    assert_int_equal(scene.times_ns[0], 0);
    assert_true(sim_run(scene.sim, NS_PER_S));
    assert_int_equal(scene.times_ns[0], 10 * NS_PER_MS);
    assert_int_equal(sim_now_ns(scene.sim), NS_PER_S);
    universe_end_well(scene.sim);
}

/* ---- Ends that must be found ---- */

static void wait_for_nobody(void *opaque)
{
    Scene *scene = opaque;
    scene->core->gate_wait(scene->core, &scene->gates[1]);
}

static void join_who_waits(void *opaque)
{
    Scene *scene = opaque;
    scene->threads[0] = scene->core->thread_start(scene->core, "stuck", wait_for_nobody, scene);
    scene->core->thread_join(scene->core, scene->threads[0]);
}

static void deadlock_says_who_waits_for_whom(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1, .level = SIM_LEVEL_CALLS});
    assert_false(universe_run(scene.sim, join_who_waits, &scene));
    assert_non_null(strstr(sim_failure(scene.sim), "stuck waits at a gate that nobody opens"));
    universe_end_badly(scene.sim, "deadlock: host-main is idle in its loop; main joins stuck");
}

/* The mistake that DESIGN forbids: a synchronous call whose answer needs the main loop. */
static void answer_by_main_loop(void *opaque)
{
    Scene *scene = opaque;
    loop_post(scene->loop, &scene->task);
    scene->core->gate_wait(scene->core, &scene->gates[1]);
    scene->core->gate_open(scene->core, &scene->gates[0]);
}

static void open_second(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Scene *scene = (Scene *)((char *)task - offsetof(Scene, task));
    scene->core->gate_open(scene->core, &scene->gates[1]);
}

static void call_who_needs_main(void *opaque)
{
    Scene *scene = opaque;
    scene->loop = host_loop_new(scene->core, sim_host(scene->sim));
    scene->task.run = open_second;
    scene->threads[0] = scene->core->thread_start(scene->core, "worker", answer_by_main_loop, scene);
    scene->core->gate_wait(scene->core, &scene->gates[0]);
}

static void call_that_needs_the_main_loop_is_a_deadlock(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1, .level = SIM_LEVEL_CALLS});
    assert_false(universe_run(scene.sim, call_who_needs_main, &scene));
    CoreLoop *left = scene.loop;
    universe_end_badly(scene.sim, "host-main waits for the big lock, held by main");
    free(left); /* what the dead server leaves behind */
}

static void tick_for_ever(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)opaque;
    (void)ready;
    sim_client_wait(client, -1, 0, now_ns + NS_PER_S);
}

/* The same while the rest of the world goes on. */
static void stall_is_found_among_the_living(void **state)
{
    (void)state;
    static const SimClientOps ops = {.name = "ticker", .step = tick_for_ever};
    Scene scene = scene_of(&(SimConfig){.seed = 1, .level = SIM_LEVEL_CALLS, .stall_max_ns = 10 * NS_PER_S});
    sim_client_add(scene.sim, &ops, NULL);
    sim_spawn(scene.sim, "main", wait_for_nobody, &scene);
    assert_true(sim_run(scene.sim, 9 * NS_PER_S));
    assert_false(sim_run(scene.sim, 100 * NS_PER_S));
    assert_int_equal(sim_now_ns(scene.sim), 11 * NS_PER_S);
    universe_end_badly(scene.sim,
                       "stall: host-main is idle in its loop; main waits at a gate that nobody opens");
}

static void post_for_ever(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Scene *scene = (Scene *)((char *)task - offsetof(Scene, task));
    if (scene->counter++ < 100000) {
        loop_post(scene->loop, &scene->task);
    } else {
        scene->core->loop_quit(scene->loop);
    }
}

static void serve(void *opaque)
{
    Scene *scene = opaque;
    scene->core->loop_run(scene->loop);
}

static void go_round_and_round(void *opaque)
{
    Scene *scene = opaque;
    scene->loop = scene->core->loop_new(scene->core, "round");
    scene->task.run = post_for_ever;
    loop_post(scene->loop, &scene->task);
    scene->threads[0] = scene->core->thread_start(scene->core, "round", serve, scene);
    scene->core->thread_join(scene->core, scene->threads[0]);
    scene->core->loop_free(scene->loop);
}

static void look_at_the_clock_for_ever(void *opaque)
{
    const Scene *scene = opaque;
    while (scene->core->now_ns(scene->core) != NS_NEVER) {
    }
}

static void step_without_end_is_found(void **state)
{
    (void)state;
    for (SimLevel level = SIM_LEVEL_LOOPS; level <= SIM_LEVEL_CALLS; level++) {
        Scene scene = scene_of(&(SimConfig){.seed = 1, .level = level, .steps_max = 1000});
        assert_false(universe_run(scene.sim, look_at_the_clock_for_ever, &scene));
        universe_end_badly(scene.sim, "livelock: 1000 calls in one step, the last of them ");
    }
}

static void livelock_is_found(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1, .steps_max = 1000});
    assert_false(universe_run(scene.sim, go_round_and_round, &scene));
    /* Also who goes round, how much of it is whose, and where. */
    assert_non_null(strstr(sim_failure(scene.sim), " of the last 1000, now after post(0)"));
    universe_end_badly(scene.sim, "livelock: 1000 steps at the same moment: round ");

    Scene busy = scene_of(&(SimConfig){.seed = 1}); /* busy is not yet dead */
    assert_true(universe_run(busy.sim, go_round_and_round, &busy));
    universe_end_well(busy.sim);
}

static void call_host_from_worker(void *opaque)
{
    Scene *scene = opaque;
    sim_host(scene->sim)->timer_add(NULL, NULL);
}

static void let_worker_call_host(void *opaque)
{
    Scene *scene = opaque;
    scene->threads[0] = scene->core->thread_start(scene->core, "worker", call_host_from_worker, scene);
    scene->core->thread_join(scene->core, scene->threads[0]);
}

static void host_called_without_the_lock_is_found(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1});
    assert_false(universe_run(scene.sim, let_worker_call_host, &scene));
    universe_end_badly(scene.sim, "worker: the host's timer_add() called by a thread without the big lock");
}

static void use_foreign_loop(void *opaque)
{
    Scene *scene = opaque;
    sim_sleep(scene->sim, NS_PER_MS); /* until the owner runs it */
    CoreTimer *timer = loop_timer_new(scene->loop, NULL, NULL);
    loop_timer_start(scene->loop, timer, 0);
}

static void let_two_use_one_loop(void *opaque)
{
    Scene *scene = opaque;
    scene->loop = scene->core->loop_new(scene->core, "owned");
    scene->threads[0] = scene->core->thread_start(scene->core, "owner", serve, scene);
    scene->threads[1] = scene->core->thread_start(scene->core, "intruder", use_foreign_loop, scene);
    scene->core->thread_join(scene->core, scene->threads[1]);
}

static void foreign_loop_is_found(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1});
    assert_false(universe_run(scene.sim, let_two_use_one_loop, &scene));
    universe_end_badly(scene.sim, "on a loop of another thread");
}

static void leave_things_behind(void *opaque)
{
    Scene *scene = opaque;
    scene->loop = scene->core->loop_new(scene->core, "left");
    scene->counter = scene->core->wake_new(scene->core);
    scene->threads[0] = scene->core->thread_start(scene->core, "left", open_first, scene);
}

static void leaks_are_counted(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1});
    assert_true(universe_run(scene.sim, leave_things_behind, &scene));
    void *memory = scene.core->alloc(scene.core, 10);
    assert_string_equal(sim_leaks(scene.sim), "left: 1 handles, 1 loops, 1 threads, 1 allocations");
    scene.core->close(scene.core, scene.counter);
    scene.core->loop_free(scene.loop);
    scene.core->thread_join(scene.core, scene.threads[0]);
    scene.core->free(scene.core, memory);
    universe_end_well(scene.sim);
}

/* In a child, as it ends the process. */
static void leak_that_nobody_asked_about_ends_the_process(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* cmocka's handlers would go on with the other tests in here */
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        Sim *sim = sim_new(&(SimConfig){.seed = 1});
        sim_core(sim)->wake_new(sim_core(sim));
        sim_free(sim);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void exit_here(void *opaque)
{
    Scene *scene = opaque;
    scene->core->exit_process(scene->core, 3);
    scene->mixed = true; /* not reached */
}

static void exit_ends_the_run(void **state)
{
    (void)state;
    Scene scene = scene_of(&(SimConfig){.seed = 1});
    assert_int_equal(sim_exit_code(scene.sim), -1);
    assert_true(universe_run(scene.sim, exit_here, &scene));
    assert_int_equal(sim_exit_code(scene.sim), 3);
    assert_false(scene.mixed);
    assert_null(sim_failure(scene.sim));
    sim_free(scene.sim);
}

/* ---- Time ---- */

static void count_time(void *opaque)
{
    Scene *scene = opaque;
    sim_sleep(scene->sim, NS_PER_MS);
}

static void look_at_clock(void *opaque)
{
    Scene *scene = opaque;
    for (int i = 0; i < 200 && !scene->mixed; i++) {
        scene->mixed = scene->core->now_ns(scene->core) != 0;
    }
}

static void time_may_go_on_while_somebody_runs(void **state)
{
    (void)state;
    for (uint32_t slip = 0; slip <= 2; slip += 2) {
        Scene scene = scene_of(&(SimConfig){.seed = 1, .level = SIM_LEVEL_CALLS, .slip_one_in = slip});
        sim_spawn(scene.sim, "sleeper", count_time, &scene);
        sim_run(scene.sim, 0); /* it sleeps now */
        sim_spawn(scene.sim, "worker", look_at_clock, &scene);
        assert_true(sim_run(scene.sim, NS_NEVER));
        assert_int_equal(scene.mixed, slip != 0);
        universe_end_well(scene.sim);
    }
}

/* ---- Stacks ---- */

/* ThreadSanitizer lets no child of a process with threads start another one. */
#ifdef __has_feature
#define WITH_TSAN __has_feature(thread_sanitizer)
#else
#define WITH_TSAN 0
#endif
#if !WITH_TSAN

static volatile uint32_t *pages; /* of its stack that the deep thread has touched; shared with its child */

/* On its own stack: AddressSanitizer would give it frames elsewhere. Each frame is needed by the one below it. */
__attribute__((noinline, no_sanitize_address)) static uint32_t go_deeper(uint32_t page,
                                                                         volatile uint8_t *above)
{
    volatile uint8_t frame[4096];
    frame[0] = (uint8_t)page;
    *pages = page;
    const uint32_t below = page == 2048 ? 0 : go_deeper(page + 1, frame);
    above[0] = (uint8_t)below;
    return frame[0];
}

static void overflow(void *opaque)
{
    volatile uint8_t first = 0;
    (void)opaque;
    go_deeper(1, &first);
}

static void stack_that_is_too_small_ends_the_process(void **state)
{
    const uint32_t most =
        backend == SIM_BACKEND_FIBER ? 64 : 256; /* no page behind the stack is written to */
    int status = 0;

    (void)state;
    pages = mmap(NULL, sizeof *pages, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    const pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        signal(SIGSEGV, SIG_DFL);
        Sim *sim = sim_new(&(SimConfig){.seed = 1, .backend = backend});
        universe_run(sim, overflow, sim);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    assert_in_range(*pages, 8, most);
    munmap((void *)pages, sizeof *pages);
}
#endif

/* ---- Faults ---- */

static void never(void *opaque, uint64_t now_ns)
{
    (void)opaque;
    (void)now_ns;
    fail();
}

static void never_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)ready;
    never(opaque, now_ns);
}

static void do_nothing(void *opaque)
{
    (void)opaque;
}

/* Asks once for each; the faults that refused it. */
static SimFaults ask_for_each(Sim *sim)
{
    const Core *core = sim_core(sim);
    SpiceCoreInterface *host = sim_host(sim);
    SimFaults refused = 0;
    CoreLoop *loop = core->loop_new(core, "loop");
    if (loop == NULL) {
        return SIM_FAULT_BIT(SIM_F9_LOOP);
    }
    const int wake = core->wake_new(core);
    const int listener = core->listen(core, &(CoreListen){.port = 5930});
    CoreTimer *timer = loop_timer_new(loop, never, NULL);
    SpiceTimer *host_timer = host->timer_add(NULL, NULL);
    CoreWatch *watch = listener < 0 ? NULL : loop_watch_new(loop, listener, CORE_READ, never_ready, NULL);
    CoreThread *thread = core->thread_start(core, "idle", do_nothing, NULL);
    refused |= wake < 0 ? SIM_FAULT_BIT(SIM_F9_WAKE) : 0;
    refused |= listener < 0 ? SIM_FAULT_BIT(SIM_F9_LISTEN) : 0;
    refused |= listener >= 0 && watch == NULL ? SIM_FAULT_BIT(SIM_F9_WATCH) : 0;
    refused |= timer == NULL ? SIM_FAULT_BIT(SIM_F9_TIMER) : 0;
    refused |= thread == NULL ? SIM_FAULT_BIT(SIM_F9_THREAD) : 0;
    assert_int_equal(timer == NULL, host_timer == NULL);
    loop_timer_free(loop, timer);
    loop_watch_free(loop, watch);
    if (host_timer != NULL) {
        host->timer_remove(host_timer);
    }
    if (listener >= 0) {
        core->close(core, listener);
    }
    if (wake >= 0) {
        core->close(core, wake);
    }
    core->loop_free(loop);
    if (thread != NULL) {
        sim_run(sim, NS_NEVER);
        core->thread_join(core, thread);
    }
    return refused;
}

/* Each is refused by the fault of its name, by no other, and leaves nothing behind. */
static void what_is_scarce_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SIM_FAULTS; i++) {
        const SimFaults on = i < SIM_FAULTS ? SIM_FAULT_BIT(i) : 0;
        Sim *sim = sim_new(&(SimConfig){.seed = i, .scarce_one_in = 1, .faults_off = SIM_FAULTS_ALL & ~on});
        assert_int_equal(ask_for_each(sim), on & SIM_FAULTS_SCARCE);
        assert_int_equal(sim_faults_met(sim), on & SIM_FAULTS_SCARCE);
        universe_end_well(sim);
    }
}

static void nothing(CoreTask *task, uint64_t now_ns)
{
    (void)task;
    (void)now_ns;
}

static void post_many(Scene *scene, CoreTask *tasks, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        tasks[i].run = nothing;
        loop_post(scene->loop, &tasks[i]);
    }
}

/* As much as is allowed is no failure, one more is, and it says of what. */
static void what_grows_has_a_limit(void **state)
{
    (void)state;
    static const SimBounds bounds = {.bytes = 10000, .tasks = 5, .pipe_items = 64, .outgoing_bytes = 512};
    static const char *const says[] = {"bytes are held", "tasks wait for one loop", "items fit one pipe",
                                       "bytes are made for one client", "tasks wait for one loop"};
    for (unsigned what = 0; what < 5; what++) {
        for (uint64_t more = 0; more <= 1; more++) {
            CoreTask tasks[6];
            Scene scene = scene_of(&(SimConfig){.bounds = bounds});
            const Core *core = scene.core;
            scene.loop = core->loop_new(core, "bounds");
            void *first = core->alloc(core, 4000),
                 *second = core->alloc(core, what == 0 && more ? 8000 : 100);
            post_many(&scene, tasks, what == 1 ? 5 + more : 0);
            core_note(core, "pipe grows", 64 + (what == 2 ? more : 0), 0);
            core_note(core, "outgoing grows", 512 + (what == 3 ? more : 0), 0);
            core_note(core, "tasks wait", 5 + (what == 4 ? more : 0), 0);
            assert_true(sim_most(scene.sim).bytes >= 4100);
            core_note(core, "pipe fills", 0, 0);
            assert_int_equal(sim_pipes_filled(scene.sim), 1);
            core_note(core, "pipe empties", 0, 0);
            assert_int_equal(sim_pipes_filled(scene.sim), 0);
            assert_int_equal(sim_most(scene.sim).outgoing_bytes, 512 + (what == 3 ? more : 0));
            core->free(core, first);
            core->free(core, second);
            if (more > 0) {
                assert_int_equal(strncmp(sim_failure_what(scene.sim), "bounds: ", 8), 0);
                universe_end_badly(scene.sim, says[what]);
            } else {
                core->loop_quit(scene.loop);
                scene.threads[0] = core->thread_start(core, "bounds", serve, &scene);
                sim_run(scene.sim, NS_NEVER);
                core->thread_join(core, scene.threads[0]);
                core->loop_free(scene.loop);
                universe_end_well(scene.sim);
            }
        }
    }
}

typedef struct Alarm {
    Scene *scene;
    CoreTimer *timer;
    char name;
} Alarm;

static char rang[4];

static void ring(void *opaque, uint64_t now_ns)
{
    const Alarm *alarm = opaque;
    (void)now_ns;
    rang[strlen(rang)] = alarm->name;
    if (strlen(rang) == 3) {
        alarm->scene->core->loop_quit(alarm->scene->loop);
    }
}

static void ring_three(void *opaque)
{
    Scene *scene = opaque;
    Alarm alarms[3];
    memset(rang, 0, sizeof rang);
    scene->loop = scene->core->loop_new(scene->core, "alarms");
    for (int i = 0; i < 3; i++) {
        alarms[i] = (Alarm){scene, loop_timer_new(scene->loop, ring, &alarms[i]), (char)('a' + i)};
        loop_timer_start(scene->loop, alarms[i].timer, (i < 2 ? 5 : 6) * NS_PER_MS);
    }
    scene->threads[0] = scene->core->thread_start(scene->core, "alarms", serve, scene);
    scene->core->thread_join(scene->core, scene->threads[0]);
    for (int i = 0; i < 3; i++) {
        loop_timer_free(scene->loop, alarms[i].timer);
    }
    scene->core->loop_free(scene->loop);
}

/* Of one moment: in any order; a later one never before an earlier one. */
static void timers_of_one_moment_have_no_order(void **state)
{
    (void)state;
    unsigned orders = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed});
        assert_true(universe_run(scene.sim, ring_three, &scene));
        assert_int_equal(rang[2], 'c');
        orders |= rang[0] == 'a' ? 1 : 2;
        universe_end_well(scene.sim);
        Scene calm = scene_of(&(SimConfig){.seed = seed, .faults_off = SIM_FAULTS_ALL});
        assert_true(universe_run(calm.sim, ring_three, &calm));
        assert_string_equal(rang, "abc");
        universe_end_well(calm.sim);
    }
    assert_int_equal(orders, 3);
}

/* It goes on further than anybody asked for; a day in a gate is no stall then. */
static void clock_leaps(void **state)
{
    (void)state;
    uint64_t most_ns = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed, .jump_one_in = 1});
        assert_true(universe_run(scene.sim, ring_three, &scene));
        assert_int_equal(sim_faults_met(scene.sim) & SIM_FAULT_BIT(SIM_F8_JUMP), SIM_FAULT_BIT(SIM_F8_JUMP));
        assert_true(sim_now_ns(scene.sim) >= 6 * NS_PER_MS);
        assert_true(sim_slips(scene.sim) > 0);
        most_ns = sim_now_ns(scene.sim) > most_ns ? sim_now_ns(scene.sim) : most_ns;
        universe_end_well(scene.sim);
    }
    assert_true(most_ns >= 86400 * NS_PER_S);
}

/* Two rounds, at 5 and 6 ms, each of which takes so long that the clock goes on for everybody else. */
static void slow_threads_take_their_time(void **state)
{
    (void)state;
    static const uint64_t ends_us[] = {6000, 6100, 7000, 25000, 205000}; /* none, 10 to 10,000 times 10 us */
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        Scene scene = scene_of(&(SimConfig){.seed = seed, .slow_one_in = 2});
        assert_true(universe_run(scene.sim, ring_three, &scene));
        const bool slow = (sim_faults_met(scene.sim) & SIM_FAULT_BIT(SIM_WORKER_SLOW)) != 0;
        size_t i = 0;
        while (i < 5 && sim_now_ns(scene.sim) != ends_us[i] * 1000) {
            i++;
        }
        assert_in_range(i, slow ? 1 : 0, slow ? 4 : 0);
        seen |= 1u << i;
        universe_end_well(scene.sim);
        Scene calm = scene_of(&(SimConfig){.seed = seed, .slow_one_in = 2, .faults_off = SIM_FAULTS_ALL});
        assert_true(universe_run(calm.sim, ring_three, &calm));
        assert_int_equal(sim_now_ns(calm.sim), ends_us[0] * 1000);
        universe_end_well(calm.sim);
    }
    assert_int_equal(seen, 31);
}

/* Both ways, while the other clock goes on as ever. */
static void wall_clock_is_set(void **state)
{
    (void)state;
    bool earlier = false, later = false;
    for (uint64_t seed = 0; seed < 40; seed++) {
        Sim *sim = sim_new(&(SimConfig){.seed = seed, .wall_one_in = 2});
        const Core *core = sim_core(sim);
        const uint64_t usual_ns = UINT64_C(1577836800) * NS_PER_S;
        const uint64_t wall_ns = core->wall_ns(core);
        earlier = earlier || wall_ns < usual_ns;
        later = later || wall_ns > usual_ns;
        assert_int_equal(core->now_ns(core), 0);
        universe_end_well(sim);
    }
    assert_true(earlier && later);
}

static void wall_clock_follows(void **state)
{
    (void)state;
    Sim *sim = sim_new(&(SimConfig){.clock_origin_ns = 5 * NS_PER_S, .wall_origin_ns = 1000 * NS_PER_S});
    const Core *core = sim_core(sim);
    assert_int_equal(core->wall_ns(core), 1000 * NS_PER_S);
    sim_run(sim, 7 * NS_PER_S);
    assert_int_equal(core->now_ns(core), 7 * NS_PER_S);
    assert_int_equal(core->wall_ns(core), 1002 * NS_PER_S);
    universe_end_well(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_calls_are_schedule_points),
        cmocka_unit_test(reference_counts_are_schedule_points),
        cmocka_unit_test(host_threads_exclude_each_other),
        cmocka_unit_test(sleeping_gives_the_lock_away),
        cmocka_unit_test(run_ends_in_time),
        cmocka_unit_test(deadlock_says_who_waits_for_whom),
        cmocka_unit_test(call_that_needs_the_main_loop_is_a_deadlock),
        cmocka_unit_test(stall_is_found_among_the_living),
        cmocka_unit_test(livelock_is_found),
        cmocka_unit_test(step_without_end_is_found),
        cmocka_unit_test(host_called_without_the_lock_is_found),
        cmocka_unit_test(foreign_loop_is_found),
        cmocka_unit_test(leaks_are_counted),
        cmocka_unit_test(leak_that_nobody_asked_about_ends_the_process),
        cmocka_unit_test(exit_ends_the_run),
        cmocka_unit_test(time_may_go_on_while_somebody_runs),
#if !WITH_TSAN
        cmocka_unit_test(stack_that_is_too_small_ends_the_process),
#endif
        cmocka_unit_test(wall_clock_follows),
        cmocka_unit_test(what_is_scarce_is_refused),
        cmocka_unit_test(what_grows_has_a_limit),
        cmocka_unit_test(timers_of_one_moment_have_no_order),
        cmocka_unit_test(clock_leaps),
        cmocka_unit_test(slow_threads_take_their_time),
        cmocka_unit_test(wall_clock_is_set),
    };
    int failed = cmocka_run_group_tests_name("fibers", tests, NULL, NULL);
    backend = SIM_BACKEND_BATON;
    failed += cmocka_run_group_tests_name("baton", tests, NULL, NULL);
    return failed;
}
