/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/core/on_sim.h"

#include <inttypes.h>

#include "core/host.h"

#define SEEDS 12
#define SMALL_BUFFER_BYTES 4096

typedef struct SimRig {
    Rig rig;
    Sim *sim;
    const ContractTest *test;
    SimNet net;
    CoreGate quit; /* of a host's loop */
} SimRig;

static SimRig *sim_rig(Rig *rig)
{
    return rig->backend;
}

static void core_run(Rig *rig)
{
    rig->core->loop_run(rig->loop);
}

static void core_quit(Rig *rig)
{
    rig->core->loop_quit(rig->loop);
}

/* The host's main loop is another thread: this one waits, without the big lock. */
static void host_run(Rig *rig)
{
    SimRig *self = sim_rig(rig);
    sim_wait(self->sim, &self->quit);
    self->quit = (CoreGate){0};
}

static void host_quit(Rig *rig)
{
    CoreGate *gate = &sim_rig(rig)->quit;
    if (atomic_load(&gate->open) == 0) {
        rig->core->gate_open(rig->core, gate);
    }
}

static int sim_rig_pair(Rig *rig, PairKind kind, bool small, int ret[2])
{
    (void)kind;
    SimRig *self = sim_rig(rig);
    SimNet net = self->net;
    net.send_buffer = net.receive_buffer = small ? SMALL_BUFFER_BYTES : 0;
    sim_set_net(self->sim, &net);
    return sim_pair(self->sim, ret);
}

static int sim_rig_connect(Rig *rig, const CoreListen *where)
{
    return sim_connect(sim_rig(rig)->sim, where);
}

static void sim_rig_reset(Rig *rig, int handle)
{
    sim_reset(sim_rig(rig)->sim, handle);
}

static void sim_rig_half_close(Rig *rig, int handle)
{
    sim_shutdown_write(sim_rig(rig)->sim, handle);
}

static void test_thread(void *opaque)
{
    SimRig *self = opaque;
    Rig *rig = &self->rig;
    rig->loop = rig->is_host ? host_loop_new(rig->core, sim_host(self->sim))
                             : rig->core->loop_new(rig->core, "contract");
    self->test->func(rig);
    if (rig->is_host) {
        host_loop_free(rig->loop);
    } else {
        rig->core->loop_free(rig->loop);
    }
}

static SimRig universe(const ContractTest *test, const SimConfig *config, bool is_host)
{
    return (SimRig){
        .rig =
            {
                .is_simulated = true,
                .is_host = is_host,
                .run = is_host ? host_run : core_run,
                .quit = is_host ? host_quit : core_quit,
                .pair = sim_rig_pair,
                .connect = sim_rig_connect,
                .reset = sim_rig_reset,
                .half_close = sim_rig_half_close,
            },
        .test = test,
        .net = config->net,
    };
}

static void run_universe(SimRig *self, const SimConfig *config, char report[512])
{
    static const char *const env[] = {"SUMAC_CONTRACT=yes", NULL};
    SimConfig with_env = *config;
    with_env.env = env;
    with_env.faults_off |=
        SIM_FAULT_BIT(SIM_F8_ORDER); /* own loops promise an order; nobody is to rely on it */
    self->sim = sim_new(&with_env);
    self->rig.core = sim_core(self->sim);
    self->rig.backend = self;
    sim_file_add(self->sim, "contract.txt", "0123456789", 10);
    sim_file_add(self->sim, "contract.empty", "", 0);
    sim_spawn(self->sim, "contract", test_thread, self);
    if (!sim_run(self->sim, NS_NEVER)) {
        snprintf(report, 512, "%.500s", sim_failure(self->sim));
        self->rig.failed = true;
    } else if (sim_leaks(self->sim) != NULL) {
        snprintf(report, 512, "seed %" PRIu64 ": %s", config->seed, sim_leaks(self->sim));
        self->rig.failed = true;
    } else if (self->rig.failed) {
        snprintf(report, 512, "seed %" PRIu64 " level %d: %s", config->seed, config->level,
                 self->rig.failure);
    }
}

static bool run_many(const ContractTest *test, SimBackend backend, bool is_host, bool with_latency,
                     char report[512], const char **ret_skipped)
{
    static const uint64_t origins_ns[] = {
        0,
        (UINT64_C(1) << 31) * NS_PER_MS - 2 * NS_PER_MS, /* where 32 bits of milliseconds change sign */
        (UINT64_C(1) << 32) * NS_PER_MS - 2 * NS_PER_MS, /* and where they end */
        UINT64_C(1) << 53,
    };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        SimConfig config = {
            .seed = seed,
            .backend = backend,
            .level = seed == 0 ? SIM_LEVEL_LOOPS : SIM_LEVEL_CALLS,
            .clock_origin_ns = origins_ns[seed % 4],
            .switch_one_in = seed % 3 == 0 ? 1 : 4,
        };
        if (with_latency && seed % 2 == 1) {
            config.net =
                (SimNet){.latency_ns = 100 * NS_PER_US, .jitter_ns = 50 * NS_PER_US, .bytes_per_s = 50000000};
        }
        SimRig self = universe(test, &config, is_host);
        run_universe(&self, &config, report);
        sim_free(self.sim);
        *ret_skipped = self.rig.skipped;
        if (self.rig.failed) {
            return false;
        }
    }
    return true;
}

bool run_on_fiber(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped)
{
    return run_many(test, SIM_BACKEND_FIBER, false, with_latency, report, ret_skipped);
}

bool run_on_fiber_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped)
{
    return run_many(test, SIM_BACKEND_FIBER, true, with_latency, report, ret_skipped);
}

bool run_on_baton(const ContractTest *test, bool with_latency, char report[512], const char **ret_skipped)
{
    return run_many(test, SIM_BACKEND_BATON, false, with_latency, report, ret_skipped);
}

bool run_on_baton_host(const ContractTest *test, bool with_latency, char report[512],
                       const char **ret_skipped)
{
    return run_many(test, SIM_BACKEND_BATON, true, with_latency, report, ret_skipped);
}

uint64_t hash_in_sim(const ContractTest *test, const SimConfig *config, bool is_host)
{
    char report[512];
    SimRig self = universe(test, config, is_host);
    run_universe(&self, config, report);
    const uint64_t hash = self.rig.failed ? 0 : sim_hash(self.sim);
    sim_free(self.sim);
    return hash;
}
