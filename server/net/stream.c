/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/stream.h"

#include <errno.h>
#include <glib.h>

#include "base/check.h"
#include "net/error_text.h"
#include "net/tls_filter.h"

/* Socket reads of one stream_read() through TLS: a peer that sends records without data must not hold the
 * loop. */
#define TLS_FILLS_PER_READ 4

struct Stream {
    const Core *core;
    int handle;
    TlsFilter *tls; /* NULL: plain */
    int error;      /* -E... once dead */

    CoreLoop *loop; /* NULL: detached */
    CoreWatch *watch;
    unsigned watch_mask;
    CoreTimer *again; /* TLS only: calls back for bytes that no watch will report */
    StreamFunc func;
    void *opaque;
    unsigned want;
    bool *gone; /* while the callback runs: told when the stream is freed or detached */

    CoreAddress local;
    CoreAddress peer;
};

static unsigned stream_watch_mask(const Stream *stream);
static bool stream_is_due(const Stream *stream);

/* ---- Life -------------------------------------------------------------------------------------------------
 */

Stream *stream_new(const Core *core, int take_handle)
{
    Stream *stream = g_new0(Stream, 1);

    stream->core = core;
    stream->handle = take_handle;
    if (core->addresses(core, take_handle, &stream->local, &stream->peer) != 0) {
        stream->local.len = stream->peer.len = 0;
    }
    return stream;
}

static void stream_drop(Stream *stream)
{
    stream_detach(stream);
    tls_filter_free(stream->tls);
    g_free(stream);
}

int stream_release(Stream *stream)
{
    const int handle = stream->handle;

    stream_drop(stream);
    return handle;
}

/* Moves what TLS has for the socket. 0: all went out; -EAGAIN; another error: the stream is dead. */
static int tls_flush(Stream *stream)
{
    Span out;

    while (stream->error == 0 && (out = tls_filter_output(stream->tls)).len > 0) {
        const struct iovec iov = {(void *)out.data, out.len};
        const int64_t n = stream->core->writev(stream->core, stream->handle, &iov, 1);

        if (n == -EAGAIN) {
            return -EAGAIN;
        }
        if (n < 0) {
            stream->error = (int)n;
            break;
        }
        tls_filter_sent(stream->tls, (size_t)n);
    }
    return stream->error;
}

void stream_free(Stream *stream)
{
    if (stream == NULL) {
        return;
    }
    const Core *core = stream->core;
    const int handle = stream->handle;
    if (stream->tls != NULL && stream->error == 0) {
        tls_filter_close(stream->tls);
        tls_flush(stream); /* a farewell that does not fit the socket now is not worth waiting for */
    }
    stream_drop(stream);
    core->close(core, handle);
}

Status stream_start_tls(Stream *stream, TlsContext *context)
{
    CHECK(stream->loop == NULL && stream->tls == NULL);
    stream->tls = tls_filter_new(context);
    return stream->tls != NULL ? STATUS_OK : STATUS_IO;
}

bool stream_is_tls(const Stream *stream)
{
    return stream->tls != NULL;
}

bool stream_is_handshaking(const Stream *stream)
{
    return stream->tls != NULL && tls_filter_is_handshaking(stream->tls);
}

/* ---- The loop ---------------------------------------------------------------------------------------------
 */

/* Makes watch and timer agree with what is wanted and with what waits in the filter. */
static void stream_update(Stream *stream)
{
    const unsigned mask = stream_watch_mask(stream);

    if (mask != stream->watch_mask) {
        stream->watch_mask = mask;
        loop_watch_set(stream->loop, stream->watch, mask);
    }
    if (stream->again != NULL) {
        if (stream_is_due(stream)) {
            loop_timer_start(stream->loop, stream->again, 0);
        } else {
            loop_timer_stop(stream->loop, stream->again);
        }
    }
}

/* Outside its own callback, after which the same is done once. */
static void stream_update_unless_inside(Stream *stream)
{
    if (stream->loop != NULL && stream->gone == NULL) {
        stream_update(stream);
    }
}

static void stream_dispatch(Stream *stream, unsigned ready, uint64_t now_ns)
{
    bool gone = false;

    if (ready != 0) {
        stream->gone = &gone;
        stream->func(stream->opaque, ready, now_ns);
        if (gone) {
            return; /* freed, or another thread's by now */
        }
        stream->gone = NULL;
    }
    stream_update(stream);
}

static void stream_on_ready(void *opaque, unsigned ready, uint64_t now_ns);
static void stream_on_again(void *opaque, uint64_t now_ns);

bool stream_attach(Stream *stream, CoreLoop *loop, StreamFunc func, void *opaque)
{
    CHECK(stream->loop == NULL);
    if (stream->tls != NULL) {
        stream->again = loop_timer_new(loop, stream_on_again, stream);
        if (stream->again == NULL) {
            return false;
        }
    }
    stream->watch_mask = stream_watch_mask(stream);
    stream->watch = loop_watch_new(loop, stream->handle, stream->watch_mask, stream_on_ready, stream);
    if (stream->watch == NULL) {
        loop_timer_free(loop, stream->again);
        stream->again = NULL;
        return false;
    }
    stream->loop = loop;
    stream->func = func;
    stream->opaque = opaque;
    stream_update(stream);
    return true;
}

void stream_detach(Stream *stream)
{
    if (stream->gone != NULL) {
        *stream->gone = true;
        stream->gone = NULL;
    }
    if (stream->loop == NULL) {
        return;
    }
    loop_watch_free(stream->loop, stream->watch);
    loop_timer_free(stream->loop, stream->again);
    stream->watch = NULL;
    stream->again = NULL;
    stream->loop = NULL;
    stream->want = 0;
}

void stream_want(Stream *stream, unsigned mask)
{
    stream->want = mask;
    stream_update_unless_inside(stream);
}

/* ---- Plain and TLS ----------------------------------------------------------------------------------------
 */

/* The next read needs no more from the socket: TLS has decoded bytes, or could go on since its output is out.
 */
static bool tls_is_readable(const Stream *stream)
{
    return tls_filter_is_readable(stream->tls) ||
           (tls_filter_is_stalled(stream->tls) && tls_filter_output(stream->tls).len == 0);
}

static unsigned stream_watch_mask(const Stream *stream)
{
    if (stream->tls == NULL) {
        return stream->want;
    }
    if (stream->error != 0) {
        return 0;
    }
    const bool unsent = tls_filter_output(stream->tls).len > 0;
    unsigned mask = unsent ? CORE_WRITE : stream->want & CORE_WRITE;
    const bool handshaking = tls_filter_is_handshaking(stream->tls);
    if (handshaking) {
        mask = unsent ? CORE_WRITE : 0;
    }
    const bool reads = (stream->want & CORE_READ) != 0 || (handshaking && stream->want != 0);
    if (reads && !tls_filter_is_stalled(stream->tls)) {
        mask |= CORE_READ;
    }
    return mask;
}

/* Is there something to call back for that no watch will report? */
static bool stream_is_due(const Stream *stream)
{
    if (stream->want == 0) {
        return false;
    }
    return stream->error != 0 || ((stream->want & CORE_READ) != 0 && tls_is_readable(stream));
}

/* One read of the socket into TLS. 0, or -E.... */
static int tls_fill(Stream *stream)
{
    struct iovec iov;

    iov.iov_base = tls_filter_input(stream->tls, &iov.iov_len);
    if (iov.iov_len == 0) {
        return 0; /* there is some already */
    }
    const int64_t n = stream->core->readv(stream->core, stream->handle, &iov, 1);
    if (n == -EAGAIN) {
        return -EAGAIN;
    }
    if (n < 0) {
        return stream->error = (int)n;
    }
    if (n == 0) {
        tls_filter_received_end(stream->tls);
    } else {
        tls_filter_received(stream->tls, (size_t)n);
    }
    return 0;
}

/* After an engine call that returned `result`: sends what it left to send, and gets more input if that is
 * what it lacks. 0: call it again. Otherwise what the caller is to return. */
static int64_t tls_turn(Stream *stream, int64_t result, int *fills)
{
    const int flushed = tls_flush(stream); /* after a failure too: it may be the alert that tells the peer */

    if (result != -EAGAIN) {
        if (result < 0) {
            stream->error = (int)result;
        }
        return result;
    }
    if (flushed != 0 && flushed != -EAGAIN) {
        return flushed;
    }
    if (tls_filter_is_stalled(stream->tls)) {
        return flushed;
    }
    if ((*fills)++ == TLS_FILLS_PER_READ) {
        return -EAGAIN;
    }
    return tls_fill(stream);
}

static void tls_handshake(Stream *stream)
{
    int fills = 0;

    while (stream->error == 0) {
        const int result = tls_filter_handshake(stream->tls);

        if (result == 0) {
            tls_flush(stream);
            return;
        }
        if (tls_turn(stream, result, &fills) != 0) {
            return;
        }
    }
}

static void stream_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    Stream *stream = opaque;

    if (stream->tls != NULL) {
        if (tls_flush(stream) == -EAGAIN) {
            ready &= ~CORE_WRITE;
        }
        if (stream->want != 0 && tls_filter_is_handshaking(stream->tls)) {
            tls_handshake(stream);
            if (tls_filter_is_handshaking(stream->tls)) {
                ready = 0;
            } else if (tls_filter_output(stream->tls).len > 0) {
                ready &= ~CORE_WRITE;
            }
        } else if (tls_is_readable(stream)) {
            ready |= CORE_READ;
        }
        if (stream->error != 0) {
            ready = CORE_READ | CORE_WRITE;
        }
    }
    stream_dispatch(stream, ready & stream->want, now_ns);
}

static void stream_on_again(void *opaque, uint64_t now_ns)
{
    stream_on_ready(opaque, 0, now_ns);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------
 */

static int64_t tls_read(Stream *stream, void *buffer, size_t len)
{
    int fills = 0;

    while (stream->error == 0) {
        const int64_t result = tls_filter_read(stream->tls, buffer, len);

        if (result == 0) {
            tls_flush(stream);
            return 0;
        }
        const int64_t turn = tls_turn(stream, result, &fills);
        if (turn != 0) {
            return turn;
        }
    }
    return stream->error;
}

int64_t stream_read(Stream *stream, void *buffer, size_t len)
{
    if (NEVER(len == 0)) {
        return -EINVAL; /* 0 would mean the end of the stream */
    }
    if (stream->error != 0) {
        return stream->error;
    }
    if (stream->tls == NULL) {
        const struct iovec iov = {buffer, len};
        const int64_t n = stream->core->readv(stream->core, stream->handle, &iov, 1);

        if (n < 0 && n != -EAGAIN) {
            stream->error = (int)n;
        }
        return n;
    }
    const int64_t n = tls_read(stream, buffer, len);
    stream_update_unless_inside(stream);
    return n;
}

static int64_t tls_writev(Stream *stream, const struct iovec *iov, int iov_len)
{
    size_t offset = 0; /* into the first of the vector */
    int64_t taken = 0;

    for (;;) {
        while (iov_len > 0 && offset >= iov->iov_len) {
            offset -= iov->iov_len;
            iov++;
            iov_len--;
        }
        if (iov_len == 0) {
            return taken;
        }
        const int flushed = tls_flush(stream);
        if (flushed != 0) {
            return taken > 0 ? taken : flushed;
        }
        const int64_t n = tls_filter_write(stream->tls, iov, iov_len, offset);
        tls_flush(stream);
        if (n < 0) {
            if (n != -EAGAIN && stream->error == 0) {
                stream->error = (int)n;
            }
            return taken > 0 ? taken : n;
        }
        offset += (size_t)n;
        taken += n;
    }
}

int64_t stream_writev(Stream *stream, const struct iovec *iov, int iov_len)
{
    if (stream->error != 0) {
        return stream->error;
    }
    if (stream->tls == NULL) {
        const int64_t n = stream->core->writev(stream->core, stream->handle, iov, iov_len);

        if (n < 0 && n != -EAGAIN) {
            stream->error = (int)n;
        }
        return n;
    }
    const int64_t n = tls_writev(stream, iov, iov_len);
    stream_update_unless_inside(stream);
    return n;
}

bool stream_is_flushed(const Stream *stream)
{
    return stream->tls == NULL || tls_filter_output(stream->tls).len == 0;
}

/* ---- Names ------------------------------------------------------------------------------------------------
 */

void stream_addresses(const Stream *stream, CoreAddress *ret_local, CoreAddress *ret_peer)
{
    *ret_local = stream->local;
    *ret_peer = stream->peer;
}

bool stream_is_unix(const Stream *stream)
{
    return stream->local.len >= sizeof(sa_family_t) && stream->local.storage.ss_family == AF_UNIX;
}

int stream_handle(const Stream *stream)
{
    return stream->handle;
}

const char *stream_error_text(const Stream *stream)
{
    if (stream->tls != NULL && tls_filter_error(stream->tls)[0] != '\0') {
        return tls_filter_error(stream->tls);
    }
    return stream->error != 0 ? error_text(stream->error) : "no error";
}
