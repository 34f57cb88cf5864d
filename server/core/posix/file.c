/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_BYTES 4096u /* where the size is not known beforehand */

/* ---- Reading ----------------------------------------------------------------------------------------------
 */

static ssize_t read_some(int fd, void *buffer, size_t len)
{
    ssize_t got;
    do {
        got = read(fd, buffer, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

static size_t larger_capacity(size_t capacity, size_t max)
{
    const size_t larger = capacity < FIRST_BYTES ? FIRST_BYTES : capacity > max / 2 ? max : capacity * 2;
    return larger < max ? larger : max;
}

/* Reads until the end. The size that fstat() gave is a hint: the file may grow, and files of /proc say 0. */
static int read_all(const Core *core, int fd, size_t hint, size_t max, uint8_t **ret_data, size_t *ret_len)
{
    size_t capacity = hint < max ? hint + 1 : max; /* one more, to see the end without growing */
    size_t len = 0;
    uint8_t *data = core->alloc(core, capacity);
    int result = data == NULL ? -ENOMEM : 0;

    while (result == 0) {
        if (len == capacity && capacity < max) {
            capacity = larger_capacity(capacity, max);
            uint8_t *moved = core->alloc(core, capacity);
            if (moved == NULL) {
                result = -ENOMEM;
                break;
            }
            memcpy(moved, data, len);
            core->free(core, data);
            data = moved;
        }
        uint8_t beyond;
        const bool is_full = len == capacity;
        const ssize_t got = read_some(fd, is_full ? &beyond : data + len, is_full ? 1 : capacity - len);
        if (got == 0) {
            *ret_data = data;
            *ret_len = len;
            return 0;
        }
        if (got < 0) {
            result = -errno;
        } else if (is_full) {
            result = -EFBIG;
        } else {
            len += (size_t)got;
        }
    }
    core->free(core, data);
    return result;
}

int posix_file_read(const Core *core, const char *path, size_t max, uint8_t **ret_data, size_t *ret_len)
{
    /* O_NONBLOCK: opening a fifo must not wait for its writer. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    struct stat info;
    int result;
    if (fstat(fd, &info) < 0) {
        result = -errno;
    } else if (S_ISDIR(info.st_mode)) {
        result = -EISDIR;
    } else if (info.st_size > 0 && (uint64_t)info.st_size > max) {
        result = -EFBIG;
    } else {
        result = read_all(core, fd, info.st_size > 0 ? (size_t)info.st_size : 0, max, ret_data, ret_len);
    }
    close(fd);
    return result;
}

/* ---- Writing ----------------------------------------------------------------------------------------------
 */

/* Who writes holds up a machine. So whatever reads at the other end of a pipe is waited for only so long, in all; what it takes
 * makes up for that, so that one that is merely slow, as compressors are, has all of it. */
#define PATIENCE_NS NS_PER_S              /* ns of waiting */
#define PATIENCE_BYTE_NS (NS_PER_S >> 20) /* ns more, up to that, for each byte: 1 MiB/s */
#define FILTER_END_LOOK_MS 5              /* ms between looks whether it has ended */

struct CoreFile {
    int fd;               /* the file, or the way to the filter; non-blocking but for a regular file */
    pid_t filter;         /* 0: none */
    uint64_t patience_ns; /* what is left of it */
};

/* Of a program that has closed a standard stream a new descriptor may have its number: what somebody prints would go there, and
 * the filter's own streams are put over it. -1: errno says why; it is closed. */
static int fd_not_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO) {
        return fd;
    }
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int error = errno;
    close(fd);
    errno = error;
    return moved;
}

static void close_any(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* 0 or an errno. */
static int pipe_not_standard(int ret_ends[2])
{
    if (pipe2(ret_ends, O_CLOEXEC) < 0) {
        return errno;
    }
    ret_ends[0] = fd_not_standard(ret_ends[0]);
    int error = ret_ends[0] < 0 ? errno : 0;
    ret_ends[1] = fd_not_standard(ret_ends[1]);
    error = error == 0 && ret_ends[1] < 0 ? errno : error;
    if (error != 0) {
        close_any(ret_ends[0]);
        close_any(ret_ends[1]);
    }
    return error;
}

/* Runs the filter between the returned descriptor and `output`. */
static int filter_start(const char *command, int output, CoreFile *file)
{
    int ends[2];
    gchar **argv;

    if (!g_shell_parse_argv(command, NULL, &argv, NULL)) {
        return -EINVAL;
    }
    int error = pipe_not_standard(ends);
    if (error == 0 &&
        fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0) { /* ours; the filter's end is another */
        error = errno;
        close(ends[0]);
        close(ends[1]);
    }
    if (error == 0) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, broken_pipe;
        sigemptyset(&none);
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        error = posix_spawnp(&file->filter, argv[0], &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        close(ends[0]);
        if (error == 0) {
            file->fd = ends[1];
        } else {
            close(ends[1]);
        }
    }
    g_strfreev(argv);
    return -error;
}

int posix_file_create(const Core *core, const char *path, const char *filter, CoreFile **ret_file)
{
    (void)core;
    /* O_NONBLOCK: opening a fifo must not wait for its reader. */
    const int fd =
        fd_not_standard(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    if (fd < 0) {
        return -errno;
    }
    CoreFile file = {.fd = fd, .patience_ns = PATIENCE_NS};
    struct stat info;
    int result = fstat(fd, &info) < 0 ? -errno : 0;
    /* A filter's standard output is to be like any. */
    if (result == 0 && (filter != NULL || S_ISREG(info.st_mode)) && fcntl(fd, F_SETFL, O_WRONLY) < 0) {
        result = -errno;
    }
    if (result == 0 && filter != NULL) {
        result = filter_start(filter, fd, &file);
    }
    if (filter != NULL || result < 0) {
        close(fd);
    }
    if (result == 0) {
        *ret_file = g_new(CoreFile, 1);
        **ret_file = file;
    }
    return result;
}

/* Until there is room, but no longer than our patience lasts. */
static int wait_for_room(const Core *core, CoreFile *file)
{
    struct pollfd room = {.fd = file->fd, .events = POLLOUT};
    const uint64_t before_ns = core->now_ns(core);

    (void)poll(&room, 1, (int)(file->patience_ns / NS_PER_MS));
    const uint64_t waited_ns = core->now_ns(core) - before_ns;
    if (waited_ns + NS_PER_MS > file->patience_ns) {
        file->patience_ns = 0;
        return -ETIMEDOUT;
    }
    file->patience_ns -= waited_ns;
    return 0;
}

static int write_all(const Core *core, CoreFile *file, const uint8_t *data, size_t len)
{
    while (len > 0) {
        const struct iovec rest = {(void *)data, len};
        const int64_t put = posix_writev(core, file->fd, &rest, 1);
        if (put >= 0) {
            const uint64_t more_ns = (uint64_t)put * PATIENCE_BYTE_NS;
            file->patience_ns =
                more_ns < PATIENCE_NS - file->patience_ns ? file->patience_ns + more_ns : PATIENCE_NS;
            data += put;
            len -= (size_t)put;
            continue;
        }
        const int error = put == -EAGAIN ? wait_for_room(core, file) : (int)put;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int posix_file_write(const Core *core, CoreFile *file, const struct iovec *iov, int iov_len)
{
    int result = 0;

    for (int i = 0; i < iov_len && result == 0; i++) {
        result = write_all(core, file, iov[i].iov_base, iov[i].iov_len);
    }
    return result;
}

/* One that needs longer goes on by itself, with all that was written; the system keeps its name until our process ends. */
static void wait_for_end(const Core *core, const CoreFile *file)
{
    const uint64_t end_ns = core->now_ns(core) + file->patience_ns;

    while (waitpid(file->filter, NULL, WNOHANG) == 0 && core->now_ns(core) < end_ns) {
        (void)poll(NULL, 0, FILTER_END_LOOK_MS);
    }
}

void posix_file_close(const Core *core, CoreFile *file)
{
    close(file->fd);
    if (file->filter != 0) {
        wait_for_end(core, file);
    }
    g_free(file);
}
