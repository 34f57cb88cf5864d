/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server.h"
#include "base/check.h"
#include "fake-qxl/poll_core.h"
#include "tests/fidelity/stages.h"

#define STEP_NS NS_PER_MS
#define QUIET_NS                                                                                             \
    (60 * NS_PER_MS) /* long for a machine with nothing else to do: conditions do the waiting proper */
#define PATIENCE_NS (30 * NS_PER_S)
#define LINES_MAX 64 /* at a time */

typedef struct PosixStage {
    Stage stage;
    int listener;
    struct sockaddr_in address;
    Line *lines[LINES_MAX];
    int lines_len;
} PosixStage;

/* channel_event() tells no opaque pointer, and a process has one such loop. */
static Stage *playing;

static void on_channel_event(int event, SpiceChannelEventInfo *info)
{
    if (playing != NULL && playing->channel_event != NULL) {
        playing->channel_event(playing->opaque, event, info);
    }
}

static PosixStage *posix_stage(Stage *stage)
{
    return stage->backend;
}

static SpiceServer *make_server(Stage *stage)
{
    PosixStage *self = posix_stage(stage);
    socklen_t len = sizeof self->address;
    self->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(self->listener >= 0);
    CHECK(bind(self->listener, (const struct sockaddr *)&self->address, len) == 0);
    CHECK(listen(self->listener, 8) == 0);
    CHECK(getsockname(self->listener, (struct sockaddr *)&self->address, &len) == 0);
    SpiceServer *server = spice_server_new();
    CHECK(spice_server_set_listen_socket_fd(server, self->listener) == 0);
    return server;
}

static void unlisten(Stage *stage)
{
    PosixStage *self = posix_stage(stage);
    close(self->listener);
    self->listener = -1;
}

static void as_host(Stage *stage, void (*fn)(void *arg), void *arg)
{
    (void)stage;
    fn(arg);
}

static bool turn(PosixStage *self)
{
    bool moved = false;
    poll_core_run(poll_core_now_ns() + STEP_NS, NULL);
    for (int i = self->lines_len; i-- > 0;) { /* backwards: one that ends makes room for the last */
        moved |= line_turn(self->lines[i]);
    }
    return moved;
}

static bool until(Stage *stage, bool (*fn)(void *arg), void *arg)
{
    PosixStage *self = posix_stage(stage);
    const uint64_t end_ns = poll_core_now_ns() + stage->patience_ns;
    uint64_t moved_ns = poll_core_now_ns();
    for (;;) {
        const bool moved = turn(self);
        const uint64_t now_ns = poll_core_now_ns();
        if (moved || !fn(arg)) {
            moved_ns = now_ns;
        }
        if (now_ns >= moved_ns + stage->quiet_ns || now_ns >= end_ns) {
            return now_ns < end_ns;
        }
    }
}

static bool line_open(Stage *stage, Line *line)
{
    PosixStage *self = posix_stage(stage);
    CHECK(self->lines_len < LINES_MAX);
    line->handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(line->handle >= 0);
    /* The kernel accepts for the server, so this does not wait for its loop, which is ours. */
    if (connect(line->handle, (const struct sockaddr *)&self->address, sizeof self->address) < 0) {
        close(line->handle);
        line->handle = -1;
        return false;
    }
    self->lines[self->lines_len++] = line;
    return true;
}

static void line_poke(Line *line)
{
    (void)line; /* looked at in every turn */
}

static void line_close(Line *line)
{
    PosixStage *self = posix_stage(line->stage);
    close(line->handle);
    line->handle = -1;
    for (int i = 0; i < self->lines_len; i++) {
        if (self->lines[i] == line) {
            self->lines[i] = self->lines[--self->lines_len];
        }
    }
}

static uint64_t now_ns(Stage *stage)
{
    (void)stage;
    return poll_core_now_ns();
}

static int64_t result_of(ssize_t n)
{
    return n >= 0 ? n : errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static int64_t line_read(Line *line, void *buffer, size_t len)
{
    return result_of(recv(line->handle, buffer, len, MSG_DONTWAIT));
}

static int64_t line_write(Line *line, Span bytes)
{
    return result_of(send(line->handle, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

Stage *stage_on_posix(void)
{
    PosixStage *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->stage = (Stage){
        .name = "posix",
        .backend = self,
        .make_server = make_server,
        .quiet_ns = QUIET_NS,
        .patience_ns = PATIENCE_NS,
        .core = poll_core_init(on_channel_event),
        .unlisten = unlisten,
        .as_host = as_host,
        .until = until,
        .open = line_open,
        .poke = line_poke,
        .close = line_close,
        .now_ns = now_ns,
        .read = line_read,
        .write = line_write,
    };
    playing = &self->stage;
    return &self->stage;
}

const char *stage_on_posix_end(Stage *stage)
{
    unsigned timers, watches;
    poll_core_run(poll_core_now_ns(), NULL); /* frees what was removed */
    poll_core_count(&timers, &watches);
    playing = NULL;
    free(posix_stage(stage));
    return timers + watches > 0 ? "timers or watches of the host's are left" : NULL;
}
