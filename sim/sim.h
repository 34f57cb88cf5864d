/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sim.h: a simulated universe: the server, all its threads, a host and a network, as if on one OS thread.
 *
 * What it is   sim_core() is a backend of core.h whose threads are fibers, or OS threads of which one at a time runs,
 *              whose clock stands still while anything can run, and whose handles are sockets made of memory.
 *              sim_host() is a host like QEMU: a main loop on a thread of its own and a big lock around all that calls
 *              the server. Every decision comes from the seed, so the same seed gives the same run, and sim_hash() says
 *              whether it did.
 * Typical use
 *                  Sim *sim = sim_new(&(SimConfig){.seed = seed, .level = SIM_LEVEL_CALLS});
 *                  sim_spawn(sim, "setup", set_up_server, &test);   // server_new(sim_core(sim)), init with sim_host()
 *                  sim_run(sim, NS_NEVER);                          // until nothing is left to do
 *                  sim_client_add(sim, &client_ops, &client);       // its first step connects
 *                  sim_run(sim, sim_now_ns(sim) + 5 * NS_PER_S);
 *                  sim_spawn(sim, "teardown", destroy_server, &test);
 *                  sim_run(sim, NS_NEVER);
 *                  assert_null(sim_failure(sim));
 *                  sim_free(sim);
 * Threads      everything here is called from the OS thread that called sim_new(). "Inside" means: in a simulated
 *              thread, a callback of a loop, or a client's step; "outside": before, between and after sim_run().
 *              Calls that may wait (gate_wait, thread_join, loop_run, sim_sleep) work only in simulated threads.
 * One at a time  several universes may exist, but SpiceCoreInterface has no opaque pointer: host callbacks and
 *              base_point() act on the universe that was made, or ran, last.
 * Failures     found by the universe itself: deadlock, livelock, stall, use of a closed handle, a handle closed under its
 *              watch, two watches on one handle, host callbacks without the big lock, sim_fail(). The first one stops
 *              the run.
 * Sanitizers   ASan, TSan and valgrind are told of every fiber; TSan sees no order between simulated threads but
 *              that of start, join, gate, post, wake, big lock and the bytes of a socket, so it finds data races
 *              without hitting them. Its own reports end the process in its own way.
 */
#pragma once

#include "core/core.h"
#include "sim/decisions.h"
#include "sim/faults.h"

struct SpiceCoreInterface;
struct SpiceChannelEventInfo;

typedef struct Sim Sim;
typedef struct SimClient SimClient;

/* Where threads may be switched. Waiting always switches. */
typedef enum SimLevel {
    SIM_LEVEL_LOOPS, /* L0: only between two rounds of a loop */
    SIM_LEVEL_CALLS, /* L1: also before and after every core call, host callback and base_point() */
    /* L2: also at every load and store, in builds whose compiler helps (preset "preempt"; sim/accesses.h); the same as L1
     * in others. */
    SIM_LEVEL_ACCESSES,
} SimLevel;

/* What simulated threads run on. Equal seeds give equal runs on both; sim_hash() says so. */
typedef enum SimBackend {
    SIM_BACKEND_FIBER, /* stacks that the caller's OS thread switches between: fast */
    SIM_BACKEND_BATON, /* OS threads, named like the simulated ones, of which one runs at a time: for gdb and helgrind,
                          and to check the former. `taskset -c 0` makes it faster */
} SimBackend;

/* Who runs next, and for how long; sim/schedule.h says how each does it. */
typedef enum SimScheduler {
    SIM_RANDOM, /* at one in switch_one_in schedule points anybody */
    SIM_PCT2,   /* by priority, and one to four changes of it: bugs of depth 2, 3, 5 */
    SIM_PCT3,
    SIM_PCT5,
    SIM_STICKY,      /* anybody, for very different lengths of time */
    SIM_WALK,        /* the more often the longer one still has to go */
    SIM_STARVE,      /* one victim does not run for a while, even if time goes on instead */
    SIM_EXHAUSTIVE0, /* all there are, with as many preemptions at most; needs an enumerator */
    SIM_EXHAUSTIVE1,
    SIM_EXHAUSTIVE2,
    SIM_EXHAUSTIVE3,
    SIM_SCRIPTED, /* as the script says, and on with the same one otherwise */
    SIM_SCHEDULERS,
} SimScheduler;

const char *sim_scheduler_name(SimScheduler scheduler); /* "pct3"; constant */
bool sim_scheduler_named(const char *name, SimScheduler *ret);

/* One thing that happened, for whoever draws it. The strings are constant, or live as long as the universe. */
typedef struct SimEventInfo {
    uint64_t now_ns;
    uint64_t step;   /* of the scheduler */
    const char *who; /* "nobody": between two steps */
    bool is_client, is_host;
    const char *what; /* as in the text trace */
    uint64_t a, b;
    /* An arrow begins ('s') or ends ('f') here; 0: none. Both ends have the same kind ("post", "wake", "bytes") and
     * number; bytes that arrive together end all arrows up to their number. */
    char arrow;
    const char *kind;
    uint64_t channel, number;
} SimEventInfo;

/* A network profile; 0 everywhere is a pair of unix sockets. */
typedef struct SimNet {
    uint64_t latency_ns;     /* one way */
    uint64_t jitter_ns;      /* added to it, 0 to this, anew for each segment; bytes keep their order */
    uint64_t bytes_per_s;    /* each way; 0: no limit */
    uint32_t send_buffer;    /* bytes unacknowledged at most; 0: SIM_SOCKET_BUFFER_BYTES */
    uint32_t receive_buffer; /* bytes arrived and unread at most; 0: the same */
    uint32_t split_one_in;   /* one in n reads and writes stops short at any byte; 0: none */
} SimNet;

#define SIM_SOCKET_BUFFER_BYTES (256u * 1024u)

/* What may wait at the server, and what it may hold. */
typedef struct SimBounds {
    uint64_t bytes;          /* of alloc(), all together */
    uint64_t tasks;          /* posted to one loop, not run */
    uint64_t pipe_items;     /* that one client is still to be sent */
    uint64_t outgoing_bytes; /* of messages for one client that its stream has not taken */
} SimBounds;

typedef struct SimConfig {
    uint64_t seed;
    SimBackend backend;
    SimLevel level;
    uint64_t clock_origin_ns; /* where the monotonic clock starts */
    uint64_t wall_origin_ns;  /* UTC since 1970 at that moment; 0: the first second of 2020 */
    SimNet net;               /* of every connection made from now on; sim_set_net() changes it */

    /* How wild it is; 0 stands for the default. */
    uint32_t switch_one_in;     /* at one in n schedule points the scheduler chooses anew; default 4 */
    uint32_t spurious_one_in;   /* one in n rounds of a loop calls a watch that is not ready; default: none */
    uint32_t slip_one_in;       /* one in n steps time goes on although something can run; default: none */
    uint32_t alloc_fail_one_in; /* one in n alloc() fails; default: none */
    uint32_t broken_one_in;     /* one in n writes of the server's finds a broken connection; default: none */
    uint32_t scarce_one_in;     /* one in n times there is no watch, timer, loop, ... (F9); default: none */
    uint32_t slow_one_in; /* one in n threads that run a loop takes its time in each round; default: none */
    uint32_t jump_one_in; /* one in n times that the clock moves it leaps; default: none */
    uint32_t wall_one_in; /* one in n looks at the wall clock find it set anew; default: none */
    uint32_t
        blackhole_one_in; /* one in n segments, and all that follow on its connection, are lost; default: none */
    uint32_t handles_max;  /* then accept() says -EMFILE; default 4096 */
    uint32_t processors;   /* for core->processors, whatever that means here; default 1 */
    uint64_t steps_max;    /* scheduler steps without time going on, or calls' begins and ends
                              in one step: a livelock; default 5,000,000 */
    SimBounds bounds;      /* more is a failure */
    uint64_t stall_max_ns; /* in gate_wait(), or for the big lock: a stall; default 30 s */

    /* How decisions are made. What is pointed to is borrowed. */
    SimScheduler scheduler;
    SimFaults faults_off;      /* these do not happen, whatever their rates */
    const SimScript *script;   /* NULL: none */
    const SimRecord *profile;  /* of an earlier universe: how long threads run; NULL: unknown */
    SimEnumerator *enumerator; /* for exhaustive schedulers */
    bool enumerate_values;     /* also of sim_choose() */
    Span bytes; /* instead of the seed, until they are used up: then values are 0, and there are no faults */
    SimRecord *record; /* gets the decisions, until sim_free(); start it as {0}. NULL: nobody asks */

    const char *const *env; /* "NAME=value", NULL at the end; NULL: empty. Borrowed */
    Span ticket_key;        /* for core->ticket_key; empty: none. Borrowed */

    /* All optional. Called inside, at no schedule point; they must not call the core. */
    void *opaque;
    void (*log)(void *opaque, CoreLogLevel level, const char *line);
    void (*trace)(void *opaque, const char *line); /* every event that goes into the hash */
    void *watcher;
    void (*watch)(void *watcher, const SimEventInfo *event); /* the same and arrows, for drawing */
    void (*channel_event)(void *opaque, int event, struct SpiceChannelEventInfo *info);
} SimConfig;

/* ---- A universe ---- */

Sim *sim_new(const SimConfig *config); /* the struct is copied. NULL: no memory */

/* Frees it. What the server left behind, and a failure, are printed on stderr and end the process, unless
 * sim_failure() or sim_leaks() had already told the caller about it. */
void sim_free(Sim *sim);

const Core *sim_core(Sim *sim);
struct SpiceCoreInterface *sim_host(Sim *sim);

/* A thread of the host's: main's own code, or a vcpu. It runs fn with the big lock held, except while it sleeps;
 * it starts at the next sim_run(). */
void sim_spawn(Sim *sim, const char *name, void (*fn)(void *arg), void *arg);

/* Lets the universe run until the clock shows until_ns (NS_NEVER: until nothing will happen any more), or until it
 * fails or the server exits. True: no failure. */
bool sim_run(Sim *sim, uint64_t until_ns);

/* For a simulated thread: lets time pass. A host's thread gives the big lock away meanwhile. */
void sim_sleep(Sim *sim, uint64_t duration_ns);
/* The same until somebody opens the gate, with core->gate_open(). */
void sim_wait(Sim *sim, CoreGate *gate);

uint64_t sim_now_ns(const Sim *sim);
uint64_t sim_steps(const Sim *sim); /* of the scheduler, so far */
/* How often time went on although somebody could run: then nobody can be blamed for being late. */
uint64_t sim_slips(const Sim *sim);
/* The most that was used of a fiber's stack in this process, in bytes, and how many it has. */
size_t sim_stack_depth(size_t *ret_size);
SimBounds sim_most(const Sim *sim); /* that ever was */
/* Of all events so far. Equal runs have equal hashes, whatever compiler, optimisation or machine. */
uint64_t sim_hash(const Sim *sim);

/* NULL: none. Stays valid until sim_free(). */
const char *sim_failure(Sim *sim);
/* The same without where and when it happened. */
const char *sim_failure_what(Sim *sim);
/* An oracle's finding; the run stops at the next schedule point. */
void sim_fail(Sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The faults that happened so far. NULL: in the universe that was made last, if it is still there. */
SimFaults sim_faults_met(const Sim *sim);
/* For who places a fault without asking sim_fault(). */
void sim_fault_happened(Sim *sim, SimFault fault);
/* Changes SimConfig.scarce_one_in. */
void sim_set_scarce(Sim *sim, uint32_t one_in);
/* What the server still holds: handles, timers, watches, loops, threads, memory of alloc(). NULL: nothing. */
const char *sim_leaks(Sim *sim);
/* What exit_process() was called with; -1: it was not. */
int sim_exit_code(const Sim *sim);

/* What exhaustive schedulers search: all of a universe, or what lies between on and off. Elsewhere they do as everybody
 * does by default. */
void sim_search(Sim *sim, bool on);

/* One of n: a choice of the thread or client that runs, numbered for itself. `site` is a constant string. */
uint32_t sim_choose_at(Sim *sim, const char *site, uint32_t n);
uint32_t sim_choose(Sim *sim, uint32_t n);
/* Does this fault happen, here and now, to the thread or client that runs? 0: no. Otherwise 1 to n: how strongly. */
uint32_t sim_fault(Sim *sim, SimFault fault, uint32_t one_in, uint32_t n);

/* What file_read() finds. Both are copied. */
void sim_file_add(Sim *sim, const char *path, const void *data, size_t len);
/* From now on the disk under this file is full. */
void sim_file_set_full(Sim *sim, const char *path);

/* ---- The network, seen from the clients ---- */

/* Of connections from now on. */
void sim_set_net(Sim *sim, const SimNet *net);
/* Of a client's connection, for what leaves from now on: bytes_per_s. */
void sim_set_rate(Sim *sim, int handle, uint64_t bytes_per_s);

/* Connects to a listener of the server's: the client's handle, or -ECONNREFUSED. Clients come from 192.0.2.1. */
int sim_connect(Sim *sim, const CoreListen *where);
/* The same from 192.0.2.`peer`. */
int sim_connect_from(Sim *sim, const CoreListen *where, uint8_t peer);
/* A connected pair: ret[0] for the server, ret[1] for a client; 0 or -E.... */
int sim_pair(Sim *sim, int ret[2]);

/* As the operations of core.h, for the client's end: no schedule points, no faults but those of SimNet. */
int64_t sim_readv(Sim *sim, int handle, const struct iovec *iov, int iov_len);
int64_t sim_writev(Sim *sim, int handle, const struct iovec *iov, int iov_len);
int64_t sim_read(Sim *sim, int handle, void *buffer, size_t len);
int64_t sim_write(Sim *sim, int handle, const void *data, size_t len);
int sim_shutdown(Sim *sim, int handle);
/* Says only that nothing more will be sent: the server reads the end, and may go on writing. */
int sim_shutdown_write(Sim *sim, int handle);
void sim_close(Sim *sim, int handle);
/* Closes with a reset: the server's next read or write fails. */
void sim_reset(Sim *sim, int handle);
/* CORE_READ and CORE_WRITE, as far as they apply now. */
unsigned sim_ready(Sim *sim, int handle);

/* ---- Rest ---- */

/* From now on no fault happens any more; what has happened stays, as a connection that carries nothing. */
void sim_calm(Sim *sim);
/* Of a client's handle: what is still to be done on its connection, with whatever time it takes; NULL: nothing. While its
 * server wants to write, its pipe is not empty (I23). */
const char *sim_unrest(Sim *sim, int handle);
/* Pipes of the server's, one for each channel of a client, in which something waits to be sent. */
size_t sim_pipes_filled(const Sim *sim);
/* Of a client's handle: its connection carries nothing any more. */
bool sim_is_cut_off(Sim *sim, int handle);

/* What the server has, wherever it is. */
typedef struct SimHeld {
    size_t handles, timers, watches, loops, threads, allocations;
    uint64_t bytes; /* of the allocations */
} SimHeld;

SimHeld sim_held(Sim *sim);
/* NULL: nothing became more. */
const char *sim_held_more(const SimHeld *before, const SimHeld *after);

/* ---- Clients: state machines that the scheduler steps ---- */

typedef struct SimClientOps {
    const char *name; /* a second client of the same name gets a number behind it */
    /* `ready`: the bits waited for that apply now; 0: the first step, or the deadline has passed. */
    void (*step)(SimClient *client, void *opaque, unsigned ready, uint64_t now_ns);
} SimClientOps;

/* Steps it soon, then whenever what it waits for comes. A client with many connections adds one per connection. */
SimClient *sim_client_add(Sim *sim, const SimClientOps *ops, void *opaque);
/* What it waits for, until the next call: a handle (-1: none) being ready for a bit of the mask, and a deadline
 * (NS_NEVER: none; it is forgotten once passed). */
void sim_client_wait(SimClient *client, int handle, unsigned mask, uint64_t deadline_ns);
/* Also from its own step. Its handle is left alone: close it afterwards. */
void sim_client_remove(SimClient *client);
