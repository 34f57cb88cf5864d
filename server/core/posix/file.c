/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BYTES 4096u /* where the size is not known beforehand */

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
