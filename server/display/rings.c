/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/rings.h"

#include "display/worker.h"

/* What one turn makes is sent before the next: a client that keeps up must not be squashed. */
_Static_assert(RING_COMMANDS_PER_TURN < CURSOR_EVENTS_MAX, "a turn fits the pipe of a client that keeps up");

static void turn_task(CoreTask *task, uint64_t now_ns);
static void turn_timer(void *opaque, uint64_t now_ns);

bool rings_init(RedWorker *worker)
{
    worker->rings.turn.run = turn_task;
    worker->rings.timer = loop_timer_new(worker->loop, turn_timer, worker);
    return worker->rings.timer != NULL;
}

void rings_finish(RedWorker *worker)
{
    loop_timer_free(worker->loop, worker->rings.timer);
    worker->rings.timer = NULL;
}

static bool ring_take(RedWorker *worker, QxlRing ring, QXLCommandExt *ret_command)
{
    return ring == QXL_RING_CURSOR ? worker->interface->get_cursor_command(worker->qxl, ret_command) != 0
                                   : worker->interface->get_command(worker->qxl, ret_command) != 0;
}

static bool ring_ask_for_wakeup(RedWorker *worker, QxlRing ring)
{
    return ring == QXL_RING_CURSOR ? worker->interface->req_cursor_notification(worker->qxl) != 0
                                   : worker->interface->req_cmd_notification(worker->qxl) != 0;
}

/* True: there may be more, go on as soon as others had their turn. */
static bool ring_turn(RedWorker *worker, QxlRing which, uint64_t now_ns)
{
    WorkerRing *ring = which == QXL_RING_CURSOR ? &worker->rings.cursor : &worker->rings.commands;

    if (ring->phase == RING_ASLEEP || (ring->phase == RING_PAUSE && now_ns < ring->look_ns)) {
        return false;
    }
    const uint64_t work = worker->current.set.work;
    ring->phase = RING_POLL;
    for (uint32_t i = 0; i < RING_COMMANDS_PER_TURN && worker->current.set.work - work < RING_WORK_PER_TURN;
         i++) {
        QXLCommandExt command;
        if (ring_take(worker, which, &command)) {
            ring->was_empty = false;
            worker_process(worker, which, &command, now_ns);
        } else if (!ring->was_empty) {
            ring->was_empty = true;
            ring->phase = RING_PAUSE;
            ring->look_ns = now_ns + RING_PAUSE_NS;
            return false;
        } else {
            /* Refused: something came meanwhile, so look at once. A device that refuses without having anything
             * meets a pause again. */
            ring->was_empty = false;
            if (ring_ask_for_wakeup(worker, which)) {
                ring->phase = RING_ASLEEP;
                return false;
            }
        }
    }
    return true;
}

static void turn(RedWorker *worker, uint64_t now_ns)
{
    WorkerRings *rings = &worker->rings;

    if (!worker->running) {
        return;
    }
    const bool more_cursor = ring_turn(worker, QXL_RING_CURSOR, now_ns);
    const bool more_commands = ring_turn(worker, QXL_RING_COMMANDS, now_ns);
    if (more_cursor || more_commands) {
        if (!rings->turn_posted) {
            rings->turn_posted = true;
            loop_post(worker->loop, &rings->turn);
        }
        return;
    }
    uint64_t look_ns = NS_NEVER;
    if (rings->cursor.phase == RING_PAUSE) {
        look_ns = rings->cursor.look_ns;
    }
    if (rings->commands.phase == RING_PAUSE && rings->commands.look_ns < look_ns) {
        look_ns = rings->commands.look_ns;
    }
    if (look_ns != NS_NEVER) {
        loop_timer_start(worker->loop, rings->timer, look_ns);
    }
}

static void turn_task(CoreTask *task, uint64_t now_ns)
{
    RedWorker *worker = list_entry(task, RedWorker, rings.turn);

    worker->rings.turn_posted = false;
    turn(worker, now_ns);
}

static void turn_timer(void *opaque, uint64_t now_ns)
{
    turn(opaque, now_ns);
}

void rings_wake(RedWorker *worker, uint64_t now_ns)
{
    worker->rings.cursor = worker->rings.commands = (WorkerRing){.phase = RING_POLL};
    turn(worker, now_ns);
}

void rings_stop(RedWorker *worker)
{
    loop_timer_stop(worker->loop, worker->rings.timer);
}

static void drain(RedWorker *worker, QxlRing ring, uint64_t now_ns)
{
    const uint64_t work = worker->current.set.work;
    QXLCommandExt command;

    for (uint32_t i = 0; worker->running && i < RING_DRAIN_COMMANDS_MAX; i++) {
        if ((i >= RING_COMMANDS && worker->current.set.work - work >= RING_DRAIN_WORK_MAX) ||
            !ring_take(worker, ring, &command)) {
            return;
        }
        worker_process(worker, ring, &command, now_ns);
    }
}

void rings_drain_commands(RedWorker *worker, uint64_t now_ns)
{
    drain(worker, QXL_RING_COMMANDS, now_ns);
}

void rings_drain_both(RedWorker *worker, uint64_t now_ns)
{
    drain(worker, QXL_RING_CURSOR, now_ns);
    drain(worker, QXL_RING_COMMANDS, now_ns);
}
