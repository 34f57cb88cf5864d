/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* websocket_echo.c: a server that sends back what it is sent, over a Stream that allows WebSocket: what a conformance
 * suite from elsewhere (Autobahn's fuzzing client) is pointed at. docs/websocket.md says with which result.
 *
 * Usage: websocket-echo PORT: listens on 127.0.0.1 until it is ended, and prints each connection's end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/posix/posix.h"
#include "net/stream.h"

#define ECHO_BYTES 65536u

typedef struct Echo {
    Stream *stream;
    uint8_t bytes[ECHO_BYTES];
    size_t pos, len; /* read, and not yet sent back */
} Echo;

typedef struct Listener {
    CoreLoop *loop;
    int handle;
} Listener;

static void echo_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    Echo *echo = opaque;
    int64_t n = 1;

    (void)now_ns;
    (void)ready;
    if (echo->pos == echo->len) {
        n = stream_read(echo->stream, echo->bytes, sizeof echo->bytes);
        echo->pos = 0;
        echo->len = n > 0 ? (size_t)n : 0;
    }
    if (n > 0) {
        const struct iovec iov = {echo->bytes + echo->pos, echo->len - echo->pos};
        n = stream_writev(echo->stream, &iov, 1);
        echo->pos += n > 0 ? (size_t)n : 0;
    }
    if (n == 0 || (n < 0 && n != -EAGAIN)) {
        printf("%s\n", n == 0 ? "closed" : stream_error_text(echo->stream));
        fflush(stdout);
        stream_free(echo->stream);
        free(echo);
        return;
    }
    stream_want(echo->stream, echo->pos == echo->len ? CORE_READ : CORE_WRITE);
}

static void listener_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    const Listener *listener = opaque;
    const Core *core = listener->loop->core;
    const int handle = core->accept(core, listener->handle);

    (void)ready;
    (void)now_ns;
    if (handle < 0) {
        return;
    }
    Echo *echo = calloc(1, sizeof *echo);
    echo->stream = stream_new(core, handle);
    stream_allow_websocket(echo->stream);
    core->tune(core, handle, CORE_TUNE_NODELAY, 1);
    if (!stream_attach(echo->stream, listener->loop, echo_on_ready, echo)) {
        stream_free(echo->stream);
        free(echo);
        return;
    }
    stream_want(echo->stream, CORE_READ);
}

int main(int argc, char **argv)
{
    const Core *core = core_posix();
    const CoreListen where = {
        .address = "127.0.0.1", .port = argc == 2 ? atoi(argv[1]) : 0, .family = AF_INET};
    Listener listener = {.loop = core->loop_new(core, "echo"), .handle = core->listen(core, &where)};

    if (where.port == 0 || listener.handle < 0 ||
        loop_watch_new(listener.loop, listener.handle, CORE_READ, listener_on_ready, &listener) == NULL) {
        fprintf(stderr, "websocket-echo: usage: websocket-echo PORT\n");
        return 2;
    }
    core->loop_run(listener.loop);
    return 0;
}
