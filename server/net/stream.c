/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/stream.h"

#include <errno.h>
#include <glib.h>

#include "base/check.h"
#include "net/carrier.h"
#include "net/error_text.h"
#include "net/websocket.h"

/* Reads of the carrier for one stream_read(): a peer that sends frames without data must not hold the loop. */
#define FILLS_PER_READ 4
/* Pieces of data per write of a frame; what does not fit goes with the next one. */
#define FRAME_PIECES 31

struct Stream {
    const Core *core;
    Carrier carrier;
    WebSocket *websocket; /* NULL: none */
    int error;            /* -E... once dead */

    CoreLoop *loop; /* NULL: detached */
    CoreWatch *watch;
    unsigned watch_mask;
    CoreTimer *again; /* with filters only: calls back for bytes that no watch will report */
    StreamFunc func;
    void *opaque;
    unsigned want;
    bool *gone; /* while the callback runs: told when the stream is freed or detached */

    CoreAddress local;
    CoreAddress peer;
};

static unsigned stream_watch_mask(Stream *stream);
static bool stream_is_due(const Stream *stream);

/* ---- Life -------------------------------------------------------------------------------------------------
 */

Stream *stream_new(const Core *core, int take_handle)
{
    Stream *stream = g_new0(Stream, 1);

    stream->core = core;
    stream->carrier = (Carrier){.core = core, .handle = take_handle};
    if (core->addresses(core, take_handle, &stream->local, &stream->peer) != 0) {
        stream->local.len = stream->peer.len = 0;
    }
    return stream;
}

static void stream_drop(Stream *stream)
{
    stream_detach(stream);
    websocket_free(stream->websocket);
    tls_filter_free(stream->carrier.tls);
    g_free(stream);
}

int stream_release(Stream *stream)
{
    const int handle = stream->carrier.handle;

    stream_drop(stream);
    return handle;
}

/* Moves what the WebSocket has for the carrier. 0: all went out; or -E.... */
static int frames_flush(Stream *stream)
{
    Span out;

    while (stream->carrier.error == 0 && (out = websocket_output(stream->websocket)).len > 0) {
        const struct iovec iov = {(void *)out.data, out.len};
        const int64_t n = carrier_writev(&stream->carrier, &iov, 1);

        if (n < 0) {
            return (int)n;
        }
        websocket_sent(stream->websocket, (size_t)n);
    }
    return stream->carrier.error;
}

void stream_free(Stream *stream)
{
    if (stream == NULL) {
        return;
    }
    const Core *core = stream->core;
    const int handle = stream->carrier.handle;
    /* A farewell that does not fit the socket now is not worth waiting for. */
    if (stream->websocket != NULL) {
        websocket_close(stream->websocket);
        frames_flush(stream);
    }
    carrier_close(&stream->carrier);
    stream_drop(stream);
    core->close(core, handle);
}

Status stream_start_tls(Stream *stream, TlsContext *context)
{
    CHECK(stream->loop == NULL && stream->carrier.tls == NULL);
    stream->carrier.tls = tls_filter_new(context);
    return stream->carrier.tls != NULL ? STATUS_OK : STATUS_IO;
}

void stream_allow_websocket(Stream *stream)
{
    CHECK(stream->loop == NULL && stream->websocket == NULL);
    stream->websocket = websocket_new();
}

bool stream_is_tls(const Stream *stream)
{
    return stream->carrier.tls != NULL;
}

bool stream_is_handshaking(const Stream *stream)
{
    return stream->carrier.tls != NULL && tls_filter_is_handshaking(stream->carrier.tls);
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
    if (stream->carrier.tls != NULL || stream->websocket != NULL) {
        stream->again = loop_timer_new(loop, stream_on_again, stream);
        if (stream->again == NULL) {
            return false;
        }
    }
    stream->watch_mask = stream_watch_mask(stream);
    stream->watch = loop_watch_new(loop, stream->carrier.handle, stream->watch_mask, stream_on_ready, stream);
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

/* ---- Waiting ----------------------------------------------------------------------------------------------
 */

/* What is wanted of the carrier. */
static unsigned carrier_want(Stream *stream)
{
    const bool unsent = stream->websocket != NULL && websocket_output(stream->websocket).len > 0;

    return unsent ? stream->want | CORE_WRITE : stream->want;
}

static unsigned stream_watch_mask(Stream *stream)
{
    return stream->error != 0 ? 0 : carrier_watch_mask(&stream->carrier, carrier_want(stream));
}

/* Is there something to call back for that no watch will report? */
static bool stream_is_due(const Stream *stream)
{
    if (stream->want == 0 || (stream->carrier.tls == NULL && stream->websocket == NULL)) {
        return false;
    }
    return stream->error != 0 || ((stream->want & CORE_READ) != 0 &&
                                  (carrier_is_readable(&stream->carrier) ||
                                   (stream->websocket != NULL && websocket_is_readable(stream->websocket))));
}

static void stream_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    Stream *stream = opaque;

    ready = carrier_on_ready(&stream->carrier, ready, carrier_want(stream));
    if (stream->websocket != NULL) {
        if ((ready & CORE_WRITE) != 0 && frames_flush(stream) == -EAGAIN) {
            ready &= ~CORE_WRITE;
        }
        if (websocket_is_readable(stream->websocket)) {
            ready |= CORE_READ;
        }
    }
    if (stream->carrier.error != 0) {
        stream->error = stream->carrier.error;
    }
    if (stream->error != 0) {
        ready = CORE_READ | CORE_WRITE;
    }
    stream_dispatch(stream, ready & stream->want, now_ns);
}

static void stream_on_again(void *opaque, uint64_t now_ns)
{
    stream_on_ready(opaque, 0, now_ns);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------
 */

static int64_t framed_read(Stream *stream, void *buffer, size_t len)
{
    for (int fills = 0;; fills++) {
        size_t room;
        const int64_t n = websocket_read(stream->websocket, buffer, len);
        const int flushed =
            frames_flush(stream); /* after a failure too: it may be the answer that says why */

        if (websocket_is_plain(stream->websocket)) {
            websocket_free(stream->websocket);
            stream->websocket = NULL;
            return n != -EAGAIN ? n : carrier_read(&stream->carrier, buffer, len);
        }
        if (n != -EAGAIN) {
            return n;
        }
        if (flushed != 0 && flushed != -EAGAIN) {
            return flushed;
        }
        if (fills == FILLS_PER_READ) {
            return -EAGAIN;
        }
        void *to = websocket_input(stream->websocket, &room);
        const int64_t filled = carrier_read(&stream->carrier, to, room);
        if (filled < 0) {
            return filled;
        }
        if (filled == 0) {
            websocket_received_end(stream->websocket);
        } else {
            websocket_received(stream->websocket, (size_t)filled);
        }
    }
}

/* Notes an error, and what the callback needs to know after a call that did not come from it. */
static int64_t finish(Stream *stream, int64_t result)
{
    if (result < 0 && result != -EAGAIN) {
        stream->error = (int)result;
    } else if (stream->carrier.error != 0) {
        stream->error = stream->carrier.error;
    }
    if (stream->again != NULL) {
        stream_update_unless_inside(stream);
    }
    return result;
}

int64_t stream_read(Stream *stream, void *buffer, size_t len)
{
    if (NEVER(len == 0)) {
        return -EINVAL; /* 0 would mean the end of the stream */
    }
    if (stream->error != 0) {
        return stream->error;
    }
    return finish(stream, stream->websocket != NULL ? framed_read(stream, buffer, len)
                                                    : carrier_read(&stream->carrier, buffer, len));
}

/* The output and up to `data_max` bytes of the rest of `iov` as one vector; how much data is among them. */
static size_t gather(struct iovec *to, int *ret_len, Span output, const struct iovec *iov, int iov_len,
                     size_t skip, size_t data_max)
{
    size_t data = 0;
    int len = 0;

    if (output.len > 0) {
        to[len++] = (struct iovec){(void *)output.data, output.len};
    }
    for (int i = 0; i < iov_len && len <= FRAME_PIECES && data < data_max; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        const size_t n = MIN(iov[i].iov_len - skip, data_max - data);
        to[len++] = (struct iovec){(uint8_t *)iov[i].iov_base + skip, n};
        data += n;
        skip = 0;
    }
    *ret_len = len;
    return data;
}

static int64_t framed_writev(Stream *stream, const struct iovec *iov, int iov_len)
{
    size_t all = 0, taken = 0;

    for (int i = 0; i < iov_len; i++) {
        all += iov[i].iov_len;
    }
    while (taken < all) {
        struct iovec pieces[FRAME_PIECES + 1];
        int pieces_len;
        const size_t allowed = websocket_frame(stream->websocket, all - taken);
        if (allowed == 0) {
            return taken > 0 ? (int64_t)taken : websocket_is_ended(stream->websocket) ? -EPIPE : -EAGAIN;
        }
        const Span output = websocket_output(stream->websocket);
        const size_t data = gather(pieces, &pieces_len, output, iov, iov_len, taken, allowed);
        const int64_t n = carrier_writev(&stream->carrier, pieces, pieces_len);
        if (n < 0) {
            return taken > 0 && n == -EAGAIN ? (int64_t)taken : n;
        }
        const size_t header = MIN((size_t)n, output.len);
        if (header > 0) {
            websocket_sent(stream->websocket, header);
        }
        websocket_data_sent(stream->websocket, (size_t)n - header);
        taken += (size_t)n - header;
        if ((size_t)n < output.len + data) {
            return taken > 0 ? (int64_t)taken : -EAGAIN;
        }
    }
    return (int64_t)taken;
}

int64_t stream_writev(Stream *stream, const struct iovec *iov, int iov_len)
{
    if (stream->error != 0) {
        return stream->error;
    }
    return finish(stream, stream->websocket != NULL ? framed_writev(stream, iov, iov_len)
                                                    : carrier_writev(&stream->carrier, iov, iov_len));
}

int stream_unsent(Stream *stream)
{
    if (stream->error != 0) {
        return stream->error;
    }
    return carrier_is_flushed(&stream->carrier) &&
                   (stream->websocket == NULL || websocket_output(stream->websocket).len == 0)
               ? 0
               : -EAGAIN;
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
    return stream->carrier.handle;
}

const char *stream_error_text(const Stream *stream)
{
    if (stream->carrier.tls != NULL && tls_filter_error(stream->carrier.tls)[0] != '\0') {
        return tls_filter_error(stream->carrier.tls);
    }
    if (stream->websocket != NULL && websocket_error(stream->websocket)[0] != '\0') {
        return websocket_error(stream->websocket);
    }
    return stream->error != 0 ? error_text(stream->error) : "no error";
}
