/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/core/contract.h"

void rig_fail(Rig *rig, const char *file, int line, const char *what)
{
    if (!atomic_exchange(&rig->failed, true)) {
        snprintf(rig->failure, sizeof rig->failure, "%s:%d: %s", file, line, what);
    }
}

static void quit_now(void *opaque, uint64_t now_ns)
{
    (void)now_ns;
    Rig *rig = opaque;
    rig->quit(rig);
}

void rig_run_for(Rig *rig, uint64_t duration_ns)
{
    CoreTimer *timer = loop_timer_new(rig->loop, quit_now, rig);
    loop_timer_start(rig->loop, timer, rig_now(rig) + duration_ns);
    rig->run(rig);
    loop_timer_free(rig->loop, timer);
}

typedef struct Awaited {
    Rig *rig;
    unsigned ready;
} Awaited;

static void became_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    Awaited *awaited = opaque;
    awaited->ready = ready;
    awaited->rig->quit(awaited->rig);
}

bool rig_await(Rig *rig, int handle, unsigned mask)
{
    Awaited awaited = {.rig = rig};
    CoreTimer *timer = loop_timer_new(rig->loop, quit_now, rig);
    loop_timer_start(rig->loop, timer, rig_now(rig) + 5 * NS_PER_S);
    CoreWatch *watch = loop_watch_new(rig->loop, handle, mask, became_ready, &awaited);
    EXPECT(rig, watch != NULL);
    rig->run(rig);
    loop_watch_free(rig->loop, watch);
    loop_timer_free(rig->loop, timer);
    return awaited.ready != 0;
}

int64_t rig_read(Rig *rig, int handle, void *buffer, size_t len)
{
    const struct iovec iov = {buffer, len};
    return rig->core->readv(rig->core, handle, &iov, 1);
}

int64_t rig_write(Rig *rig, int handle, const void *data, size_t len)
{
    const struct iovec iov = {(void *)data, len};
    return rig->core->writev(rig->core, handle, &iov, 1);
}

uint64_t rig_now(Rig *rig)
{
    return rig->core->now_ns(rig->core);
}
