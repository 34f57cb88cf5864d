/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/posix/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define AUDIO_SOCKET_PRIORITY 6 /* the highest that needs no privilege */

static int vector_len(int iov_len)
{
    return iov_len < IOV_MAX ? iov_len
                             : IOV_MAX; /* beyond it the kernel refuses; the rest is a short write */
}

int64_t posix_readv(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    (void)core;
    ssize_t got;
    do {
        got = readv(handle, iov, vector_len(iov_len));
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* For handles that are no sockets: MSG_NOSIGNAL does not exist there, so SIGPIPE is held back and swallowed. A write that
 * falls short may have raised it as well: the reader went away in the middle of it. */
static int64_t pipe_writev(int handle, const struct iovec *iov, int iov_len)
{
    sigset_t sigpipe, pending, before;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);

    ssize_t put;
    do {
        put = writev(handle, iov, iov_len);
    } while (put < 0 && errno == EINTR);
    const int64_t result = put < 0 ? -errno : put;

    if ((result == -EPIPE || result >= 0) && !sigismember(&pending, SIGPIPE)) {
        const struct timespec at_once = {0};
        while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int64_t posix_writev(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    (void)core;
    const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)vector_len(iov_len)};
    ssize_t put;
    do {
        put = sendmsg(handle, &message, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put < 0 && errno == ENOTSOCK) {
        return pipe_writev(handle, iov, vector_len(iov_len));
    }
    return put < 0 ? -errno : put;
}

int posix_shutdown(const Core *core, int handle)
{
    (void)core;
    return shutdown(handle, SHUT_RDWR) < 0 ? -errno : 0;
}

void posix_close(const Core *core, int handle)
{
    (void)core;
    close(handle); /* never repeated: Linux has released the number even when it says EINTR */
}

/* What accept() says of the newcomer, not of the listener: it is gone already, the next one may be fine. */
static bool is_newcomers_error(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

int posix_accept(const Core *core, int listener)
{
    (void)core;
    int handle;
    do {
        handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (handle < 0 && is_newcomers_error(errno));
    return handle < 0 ? -errno : handle;
}

int posix_adopt(const Core *core, int handle)
{
    (void)core;
    const int status_flags = fcntl(handle, F_GETFL);
    const int handle_flags = fcntl(handle, F_GETFD);
    if (status_flags < 0 || handle_flags < 0) {
        return -errno;
    }
    if (fcntl(handle, F_SETFL, status_flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    if (fcntl(handle, F_SETFD, handle_flags | FD_CLOEXEC) < 0) {
        const int error = errno;
        fcntl(handle, F_SETFL, status_flags);
        return -error;
    }
    return 0;
}

int posix_addresses(const Core *core, int handle, CoreAddress *ret_local, CoreAddress *ret_peer)
{
    (void)core;
    CoreAddress local = {.len = sizeof local.storage};
    CoreAddress peer = {.len = sizeof peer.storage};
    if (getsockname(handle, (struct sockaddr *)&local.storage, &local.len) < 0) {
        return -errno;
    }
    if (getpeername(handle, (struct sockaddr *)&peer.storage, &peer.len) < 0) {
        if (errno != ENOTCONN) {
            return -errno;
        }
        peer.len = 0;
    }
    *ret_local = local;
    *ret_peer = peer;
    return 0;
}

static int set_int(int handle, int level, int option, int value)
{
    return setsockopt(handle, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* 0 for sockets that know no such option: unix ones, TCP ones of the other family. */
static int set_int_if_known(int handle, int level, int option, int value)
{
    const int result = set_int(handle, level, option, value);
    return result == -EOPNOTSUPP || result == -ENOPROTOOPT ? 0 : result;
}

int posix_tune(const Core *core, int handle, CoreTune what, int value)
{
    (void)core;
    int result = -EINVAL;
    switch (what) {
    case CORE_TUNE_NODELAY:
        result = set_int_if_known(handle, IPPROTO_TCP, TCP_NODELAY, value != 0);
        break;
    case CORE_TUNE_KEEPALIVE:
        result = set_int(handle, SOL_SOCKET, SO_KEEPALIVE, 1);
        if (result == 0) {
            result = set_int_if_known(handle, IPPROTO_TCP, TCP_KEEPIDLE, value);
        }
        break;
    case CORE_TUNE_PRIORITY:
        result = set_int(handle, SOL_SOCKET, SO_PRIORITY, value != 0 ? AUDIO_SOCKET_PRIORITY : 0);
        if (result == 0) {
            result = set_int_if_known(handle, IPPROTO_IP, IP_TOS, value != 0 ? IPTOS_LOWDELAY : 0);
        }
        if (result == 0) {
            result = set_int_if_known(handle, IPPROTO_IPV6, IPV6_TCLASS, value != 0 ? IPTOS_LOWDELAY : 0);
        }
        break;
    }
    return result;
}

int64_t posix_unsent_bytes(const Core *core, int handle)
{
    (void)core;
    int bytes = 0;
    return ioctl(handle, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int posix_wake_new(const Core *core)
{
    (void)core;
    const int handle = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return handle < 0 ? -errno : handle;
}

void posix_wake_signal(const Core *core, int handle)
{
    (void)core;
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then the handle is readable. An eventfd is never interrupted.
     */
    const ssize_t put = write(handle, &one, sizeof one);
    (void)put;
}

void posix_wake_clear(const Core *core, int handle)
{
    (void)core;
    uint64_t count;
    const ssize_t got = read(handle, &count, sizeof count);
    (void)got; /* nothing to read: it was clear */
}
