/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core.h: the seam. Everything the server needs from outside comes through a Core (DESIGN section 3).
 *
 * What it is   a table of operations: time, entropy, loops, threads, gates, handles (sockets), files,
 *              environment, fallible memory, logging. Three backends fulfil it: posix (threads, epoll),
 *              fiber and baton (simulation). One contract suite, tests/core, runs on all of them.
 * Ownership    a Core outlives every server made with it. What a *_new() or *_start() returned goes back to the
 *              matching *_free() or thread_join(), on the same Core.
 * Threads      every operation of Core may be called from any thread. A CoreLoop belongs to one thread: all its
 *              operations but post() are for that thread alone, and so are its timers and watches. The loop of
 *              the main domain (core/host.h) has no thread: "that thread" is whoever the host lets in.
 * Units        nanoseconds in uint64_t (suffix _ns); bytes in size_t.
 * Errors       -E... codes are returned, errno is never left for the caller. NULL and false mean that the
 *              operation failed and left nothing behind.
 *
 * A handle is a plain int, as SpiceCoreInterface's watch_add(int fd, …) demands. A backend reuses the numbers of
 * closed handles at once: free the watch of a handle before closing the handle.
 */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/span.h"
#include "base/status.h"

typedef struct Core Core;
typedef struct CoreLoop CoreLoop;
typedef struct CoreTimer CoreTimer;
typedef struct CoreWatch CoreWatch;
typedef struct CoreThread CoreThread;
typedef struct CoreTask CoreTask;
typedef struct CoreFile CoreFile;

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define NS_NEVER UINT64_MAX

/* ---- Loops ---------------------------------------------------------------------------------------------- */

/* A piece of work posted to a loop. It is embedded in the object it works on, so posting never allocates and
 * never fails. It must not be posted again before run() was called; run() may post it again or free it. */
struct CoreTask {
    CoreTask *next; /* the queue's, while it is posted */
    void (*run)(CoreTask *task, uint64_t now_ns);
};

#define CORE_READ 1u
#define CORE_WRITE 2u

/* One-shot: stopped before it is called. May free its own timer. */
typedef void (*CoreTimerFunc)(void *opaque, uint64_t now_ns);
/* `ready` holds those bits of the mask, CORE_READ and CORE_WRITE, that apply, combined as they come, level
 * triggered; it may be spurious. A handle in error or closed in both directions is ready for both; one whose peer
 * has only stopped writing is ready for CORE_READ. May free its own watch. */
typedef void (*CoreWatchFunc)(void *opaque, unsigned ready, uint64_t now_ns);

/* What a loop can do; `now_ns` given to callbacks is read once per wakeup. After *_free() has returned, the
 * callback is not called again. */
typedef struct CoreLoopOps {
    CoreTimer *(*timer_new)(CoreLoop *loop, CoreTimerFunc func, void *opaque);   /* NULL: none to be had */
    void (*timer_start)(CoreLoop *loop, CoreTimer *timer, uint64_t deadline_ns); /* (re)arms; absolute */
    void (*timer_stop)(CoreLoop *loop, CoreTimer *timer);                        /* idempotent */
    void (*timer_free)(CoreLoop *loop, CoreTimer *timer);
    CoreWatch *(*watch_new)(CoreLoop *loop, int handle, unsigned mask, CoreWatchFunc func, void *opaque);
    void (*watch_set)(CoreLoop *loop, CoreWatch *watch, unsigned mask); /* 0 is allowed */
    void (*watch_free)(CoreLoop *loop, CoreWatch *watch);
    /* From any thread; wakes the loop. Tasks posted by one thread run in the order they were posted. */
    void (*post)(CoreLoop *loop, CoreTask *task);
    /* May the caller touch what belongs to this loop? For assertions. The main domain's loop says yes always. */
    bool (*is_current)(CoreLoop *loop);
} CoreLoopOps;

struct CoreLoop {
    const CoreLoopOps *ops;
    const Core *core;
    /* How long the turn before this one took: what is ready now may have been so for as long. 0 where that is not known (the
     * host's loop). The loop's own thread. */
    uint64_t turn_ns;
};

/* ---- Gates ---------------------------------------------------------------------------------------------- */

/* A one-shot event that one thread waits on, once, and another opens, once. A plain value, often on the stack of
 * the waiter; start it as {0}. The opener must not touch it after gate_open() has returned. */
typedef struct CoreGate {
    _Atomic uint32_t open;
    void *waiter; /* the backend's */
} CoreGate;

/* ---- Handles -------------------------------------------------------------------------------------------- */

typedef struct CoreAddress {
    struct sockaddr_storage storage;
    socklen_t len;
} CoreAddress;

typedef struct CoreListen {
    const char *address; /* host name, number, "" or NULL for any; a path (leading '@': abstract) when unix */
    int port;            /* 0: an ephemeral one; unused when unix */
    int family;          /* AF_UNSPEC, AF_INET, AF_INET6 or AF_UNIX */
} CoreListen;

typedef enum CoreTune {
    CORE_TUNE_NODELAY,   /* value 0 or 1; ignored where the socket knows no such thing */
    CORE_TUNE_KEEPALIVE, /* value: idle seconds */
    CORE_TUNE_PRIORITY,  /* value 0 or 1: low delay, for sound */
} CoreTune;

/* ---- Memory --------------------------------------------------------------------------------------------- */

/* Bytes. No surface, message or file that we take comes near; allocators of test builds stop the process beyond. */
#define CORE_ALLOC_BYTES_MAX (UINT64_C(1) << 36)

/* ---- Logging -------------------------------------------------------------------------------------------- */

typedef enum CoreLogLevel {
    CORE_LOG_DEBUG,
    CORE_LOG_INFO,
    CORE_LOG_WARNING,
} CoreLogLevel;

/* ---- The table ------------------------------------------------------------------------------------------ */

struct Core {
    /* Time. now_ns never goes back; wall_ns is UTC since 1970 and may jump. */
    uint64_t (*now_ns)(const Core *core);
    uint64_t (*wall_ns)(const Core *core);

    /* Fills the buffer with unpredictable bytes; never fails. OpenSSL calls it with locks of its own held, so a
     * simulation must not switch threads here. */
    void (*entropy)(const Core *core, void *buffer, size_t len);

    /* Loops that we run on threads of our own. loop_run() returns after loop_quit(), which any thread may call;
     * tasks posted before loop_quit(), and those that they post, run first. loop_free() after loop_run() returned
     * and all else was freed. */
    CoreLoop *(*loop_new)(const Core *core, const char *name);
    void (*loop_run)(CoreLoop *loop);
    void (*loop_quit)(CoreLoop *loop);
    void (*loop_free)(CoreLoop *loop);

    /* A thread with every signal blocked but the fatal ones. */
    CoreThread *(*thread_start)(const Core *core, const char *name, void (*entry)(void *arg), void *arg);
    void (*thread_join)(const Core *core, CoreThread *thread);

    /* How many threads can run at the same time, at least 1; NULL function: 1. */
    uint32_t (*processors)(const Core *core);

    void (*gate_wait)(const Core *core, CoreGate *gate);
    void (*gate_open)(const Core *core, CoreGate *gate);

    /* Handles. All are non-blocking; interrupted calls are repeated inside. Bytes or -E... come back; reading 0
     * bytes into a non-empty vector is the end of the stream. A write to a reset peer returns -EPIPE or
     * -ECONNRESET and raises no signal. */
    int64_t (*readv)(const Core *core, int handle, const struct iovec *iov, int iov_len);
    int64_t (*writev)(const Core *core, int handle, const struct iovec *iov, int iov_len);
    int (*shutdown)(const Core *core, int handle); /* both directions */
    void (*close)(const Core *core, int handle);
    int (*listen)(const Core *core, const CoreListen *where); /* handle or -E... */
    int (*accept)(const Core *core, int listener);            /* handle or -E...; -EAGAIN: none waits */
    /* Makes a host's descriptor fit for us (non-blocking, close-on-exec); 0 or -E..., the handle untouched. */
    int (*adopt)(const Core *core, int handle);
    /* Of a connected handle; len 0 where there is none, as for the peer of a listener. 0 or -E.... */
    int (*addresses)(const Core *core, int handle, CoreAddress *ret_local, CoreAddress *ret_peer);
    int (*tune)(const Core *core, int handle, CoreTune what, int value);
    int64_t (*unsent_bytes)(const Core *core, int handle); /* accepted by writev, not yet acknowledged */

    /* A handle that is readable between wake_signal() (any thread) and wake_clear(); closed by close(). */
    int (*wake_new)(const Core *core); /* handle or -E... */
    void (*wake_signal)(const Core *core, int handle);
    void (*wake_clear)(const Core *core, int handle);

    /* A whole file, at most `max` bytes, in memory from alloc(). 0 or -E.... */
    int (*file_read)(const Core *core, const char *path, size_t max, uint8_t **ret_data, size_t *ret_len);

    /* A file to be written from its start, made or emptied; one that is made is for its owner alone. `filter`: NULL, or
     * a command line, quoted as for a shell, that reads what is written and whose output is the file. 0 or -E.... */
    int (*file_create)(const Core *core, const char *path, const char *filter, CoreFile **ret_file);
    /* All of it, or -E...; waits for the disk. A filter, and whoever reads a pipe, must take it at some rate: -ETIMEDOUT after a
     * second in which they did not. One thread at a time. */
    int (*file_write)(const Core *core, CoreFile *file, const struct iovec *iov, int iov_len);
    void (*file_close)(const Core *core,
                       CoreFile *file); /* waits for the filter to end, within that second */

    /* NULL: not set. The string lives as long as the Core. */
    const char *(*env)(const Core *core, const char *name);

    /* For sizes that a peer or guest chose. alloc() may fail with NULL, and does beyond CORE_ALLOC_BYTES_MAX; 0
     * bytes are a valid wish. */
    void *(*alloc)(const Core *core, size_t size);
    void (*free)(const Core *core, void *memory);

    /* One line, no newline. Prefer core_log(). */
    void (*log)(const Core *core, CoreLogLevel level, const char *line);

    /* Structured trace of what the server does; NULL when off. `what` is a constant string. Prefer core_note(). */
    void (*note)(const Core *core, const char *what, uint64_t a, uint64_t b);

    /* A private key (PKCS#8 or traditional DER) to use as ticket key instead of making one, for universes in which
     * 7 ms of key making are not the subject. It lives as long as core. NULL function or false: make one. */
    bool (*ticket_key)(const Core *core, Span *ret_der);

    /* Between the two exit() waits, for it takes down what libraries keep for the whole process (OpenSSL's locks), though
     * our threads go on. false: the process is ending already; do without. May be released on another thread. What waits
     * here must not itself end the process. The first call has to come after what exit() is to spare was set up. NULL
     * functions: there is no exit(). */
    bool (*exit_hold)(const Core *core);
    void (*exit_release)(const Core *core);

    /* Ends the host's process; what exit_on_disconnect asks for. */
    void (*exit_process)(const Core *core, int code);
};

void core_log(const Core *core, CoreLogLevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void core_note(const Core *core, const char *what, uint64_t a, uint64_t b)
{
    if (core->note != NULL) {
        core->note(core, what, a, b);
    }
}

/* Shorthands for the loop's own operations. */
static inline CoreTimer *loop_timer_new(CoreLoop *loop, CoreTimerFunc func, void *opaque)
{
    return loop->ops->timer_new(loop, func, opaque);
}
static inline void loop_timer_start(CoreLoop *loop, CoreTimer *timer, uint64_t deadline_ns)
{
    loop->ops->timer_start(loop, timer, deadline_ns);
}
static inline void loop_timer_stop(CoreLoop *loop, CoreTimer *timer)
{
    loop->ops->timer_stop(loop, timer);
}
static inline void loop_timer_free(CoreLoop *loop, CoreTimer *timer)
{
    if (timer != NULL) {
        loop->ops->timer_free(loop, timer);
    }
}
static inline CoreWatch *loop_watch_new(CoreLoop *loop, int handle, unsigned mask, CoreWatchFunc func,
                                        void *opaque)
{
    return loop->ops->watch_new(loop, handle, mask, func, opaque);
}
static inline void loop_watch_set(CoreLoop *loop, CoreWatch *watch, unsigned mask)
{
    loop->ops->watch_set(loop, watch, mask);
}
static inline void loop_watch_free(CoreLoop *loop, CoreWatch *watch)
{
    if (watch != NULL) {
        loop->ops->watch_free(loop, watch);
    }
}
static inline void loop_post(CoreLoop *loop, CoreTask *task)
{
    loop->ops->post(loop, task);
}
