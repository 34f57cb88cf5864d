/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* standard_files.h: for programs, first in main(): who was started without stdin, stdout or stderr (a daemon, cron, `>&-`)
 * gets /dev/null there. Otherwise the next file or pipe that is opened would be called so, and be written on.
 */
#pragma once

#include <fcntl.h>
#include <unistd.h>

static inline void standard_files_open(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}
