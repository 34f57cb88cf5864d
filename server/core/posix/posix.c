/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "core/posix/internal.h"

#define LOG_DOMAIN "Spice" /* what hosts filter by: the domain of the library we stand in for */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    const int result = clock_gettime(clock, &t);
    CHECK(result == 0);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t posix_now_ns(const Core *core)
{
    (void)core;
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t posix_wall_ns(const Core *core)
{
    (void)core;
    return clock_ns(CLOCK_REALTIME);
}

static void posix_entropy(const Core *core, void *buffer, size_t len)
{
    (void)core;
    uint8_t *at = buffer;
    while (len > 0) {
        const ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            /* Every key and ticket hangs on this: to go on with predictable bytes would be worse than to
             * stop. */
            CHECK(errno == EINTR);
            continue;
        }
        at += got;
        len -= (size_t)got;
    }
}

static const char *posix_env(const Core *core, const char *name)
{
    (void)core;
    return getenv(name);
}

static void *posix_alloc(const Core *core, size_t size)
{
    (void)core;
    return size > CORE_ALLOC_BYTES_MAX ? NULL : malloc(size > 0 ? size : 1);
}

static void posix_free(const Core *core, void *memory)
{
    (void)core;
    free(memory);
}

/* "0-3,6" */
static uint32_t count_list(const char *text)
{
    uint32_t count = 0;

    for (const char *at = text; *at >= '0' && *at <= '9';) {
        char *end;
        const unsigned long first = strtoul(at, &end, 10);
        const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        count += last >= first && last - first < UINT16_MAX ? (uint32_t)(last - first + 1) : 0;
        at = *end == ',' ? end + 1 : end;
    }
    return count;
}

/* Those that we may use: a host often has a few of a large machine. From a file, as sysconf() and sched_getaffinity() are
 * calls that sandboxes may forbid. */
static uint32_t posix_processors(const Core *core)
{
    static const char name[] = "\nCpus_allowed_list:\t";
    char text[4096];
    const int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);

    (void)core;
    if (fd < 0) {
        return 1;
    }
    const ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    const char *line = strstr(text, name);
    const uint32_t count = line != NULL ? count_list(line + sizeof name - 1) : 0;
    return count > 0 ? count : 1;
}

static void posix_log(const Core *core, CoreLogLevel level, const char *line)
{
    (void)core;
    static const GLogLevelFlags levels[] = {
        [CORE_LOG_DEBUG] = G_LOG_LEVEL_DEBUG,
        [CORE_LOG_INFO] = G_LOG_LEVEL_INFO,
        [CORE_LOG_WARNING] = G_LOG_LEVEL_WARNING,
    };
    g_log(LOG_DOMAIN, levels[level], "%s", line);
}

const Core *core_posix(void)
{
    static const Core core = {
        .now_ns = posix_now_ns,
        .wall_ns = posix_wall_ns,
        .entropy = posix_entropy,
        .loop_new = posix_loop_new,
        .loop_run = posix_loop_run,
        .loop_quit = posix_loop_quit,
        .loop_free = posix_loop_free,
        .thread_start = posix_thread_start,
        .thread_join = posix_thread_join,
        .processors = posix_processors,
        .gate_wait = posix_gate_wait,
        .gate_open = posix_gate_open,
        .readv = posix_readv,
        .writev = posix_writev,
        .shutdown = posix_shutdown,
        .close = posix_close,
        .listen = posix_listen,
        .accept = posix_accept,
        .adopt = posix_adopt,
        .addresses = posix_addresses,
        .tune = posix_tune,
        .unsent_bytes = posix_unsent_bytes,
        .wake_new = posix_wake_new,
        .wake_signal = posix_wake_signal,
        .wake_clear = posix_wake_clear,
        .file_read = posix_file_read,
        .file_create = posix_file_create,
        .file_write = posix_file_write,
        .file_close = posix_file_close,
        .env = posix_env,
        .alloc = posix_alloc,
        .free = posix_free,
        .log = posix_log,
        .note = NULL,
        .ticket_key = NULL,
        .exit_hold = posix_exit_hold,
        .exit_release = posix_exit_release,
        .exit_process = posix_exit_process,
    };
    return &core;
}
