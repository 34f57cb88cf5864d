/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/host.h"

#include <stdlib.h>

#include "base/check.h"
#include "sim/universe.h"

struct SpiceTimer {
    CoreTimer timer;
    SpiceTimerFunc func;
    void *opaque;
};

struct SpiceWatch {
    CoreWatch watch;
    SpiceWatchFunc func;
    void *opaque;
};

/* Every callback of the interface begins and ends as a call of the core's does. */
static Sim *enter(const char *callback)
{
    Sim *sim = sim_current();
    CHECK(sim != NULL);
    sim_call_begin(sim);
    const CoreThread *current = sim->threads.current;
    if (current != NULL && sim->threads.lock_owner != current) {
        sim_fail(sim, "the host's %s() called by a thread without the big lock", callback);
    }
    return sim;
}

/* ---- Timers ---- */

static void timer_fired(void *opaque, uint64_t now_ns)
{
    (void)now_ns;
    SpiceTimer *timer = opaque;
    timer->func(timer->opaque);
}

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
    Sim *sim = enter("timer_add");
    SpiceTimer *timer = choose_scarce(sim, SIM_F9_TIMER) ? NULL : calloc(1, sizeof *timer);
    if (timer == NULL) {
        sim_call_end(sim);
        return NULL;
    }
    timer->func = func;
    timer->opaque = opaque;
    sim_timer_init(&sim->host.loop, &timer->timer, timer_fired, timer);
    sim_call_end(sim);
    return timer;
}

static void timer_start(SpiceTimer *timer, uint32_t ms)
{
    Sim *sim = enter("timer_start");
    world_record(sim, "h-start", ms, 0);
    sim_timer_start(&timer->timer, (sim->world.now_ns / NS_PER_MS + ms) * NS_PER_MS);
    sim_call_end(sim);
}

static void timer_cancel(SpiceTimer *timer)
{
    Sim *sim = enter("timer_cancel");
    sim_timer_stop(&timer->timer);
    sim_call_end(sim);
}

static void timer_remove(SpiceTimer *timer)
{
    Sim *sim = enter("timer_remove");
    sim_timer_finish(&timer->timer);
    free(timer);
    sim_call_end(sim);
}

/* ---- Watches ---- */

_Static_assert(SPICE_WATCH_EVENT_READ == CORE_READ && SPICE_WATCH_EVENT_WRITE == CORE_WRITE,
               "the masks of host and core are the same bits");

static void watch_fired(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    SpiceWatch *watch = opaque;
    watch->func(watch->watch.handle.number, (int)ready, watch->opaque);
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
    Sim *sim = enter("watch_add");
    SpiceWatch *watch = calloc(1, sizeof *watch);
    CHECK(watch != NULL);
    watch->func = func;
    watch->opaque = opaque;
    /* A host may refuse to watch for nothing, as Xspice does. */
    if (mask == 0 || choose_scarce(sim, SIM_F9_WATCH) ||
        !sim_watch_init(&sim->host.loop, &watch->watch, fd, (unsigned)mask, watch_fired, watch)) {
        free(watch);
        watch = NULL;
    }
    world_record(sim, "h-watch", (uint64_t)fd, (uint64_t)mask);
    sim_call_end(sim);
    return watch;
}

static void watch_update_mask(SpiceWatch *watch, int mask)
{
    Sim *sim = enter("watch_update_mask");
    world_record(sim, "h-mask", (uint64_t)watch->watch.handle.number, (uint64_t)mask);
    sim_watch_set(&watch->watch, (unsigned)mask);
    sim_call_end(sim);
}

static void watch_remove(SpiceWatch *watch)
{
    Sim *sim = enter("watch_remove");
    sim_watch_finish(&watch->watch);
    free(watch);
    sim_call_end(sim);
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    Sim *sim = enter("channel_event");
    world_record(sim, "h-event", (uint64_t)event, (uint64_t)info->type);
    if (sim->config.channel_event != NULL) {
        kernel_leave(sim);
        sim->config.channel_event(sim->config.opaque, event, info);
        kernel_enter(sim);
    }
    sim_call_end(sim);
}

/* ---- The main loop ---- */

static void main_loop(void *opaque)
{
    Sim *sim = opaque;
    kernel_enter(sim);
    for (;;) {
        sim_loop_wait(&sim->host.loop);
        sim_host_lock(sim);
        sim_loop_round(&sim->host.loop);
        sim_host_unlock(sim);
    }
}

bool sim_host_init(Sim *sim)
{
    SimHost *host = &sim->host;
    host->interface = (SpiceCoreInterface){
        .base = {.type = SPICE_INTERFACE_CORE,
                 .description = "simulated host",
                 .major_version = SPICE_INTERFACE_CORE_MAJOR,
                 .minor_version = SPICE_INTERFACE_CORE_MINOR},
        .timer_add = timer_add,
        .timer_start = timer_start,
        .timer_cancel = timer_cancel,
        .timer_remove = timer_remove,
        .watch_add = watch_add,
        .watch_update_mask = watch_update_mask,
        .watch_remove = watch_remove,
        .channel_event = channel_event,
    };
    sim_loop_init(&host->loop, sim);
    host->loop.timers_last = true;
    host->main = sim_thread_start(sim, "host-main", main_loop, sim, false);
    return host->main != NULL;
}

void sim_host_finish(Sim *sim)
{
    sim_loop_finish(&sim->host.loop);
}

struct SpiceCoreInterface *sim_host(Sim *sim)
{
    return &sim->host.interface;
}
