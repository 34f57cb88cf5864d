/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* race.c: for TSan builds: two simulated threads that touch one int. With "racy" nothing orders them and TSan must
 * speak; with anything else a post, a gate, a socket or a join does, and it must not. No schedule is forced: the race
 * is to be found in a run in which nothing goes wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

typedef struct Race {
    Sim *sim;
    const Core *core;
    const char *order;
    CoreGate gate;
    CoreLoop *loop;
    CoreTask task;
    CoreThread *threads[2];
    int ends[2];
    int touched;
} Race;

static void run_task(CoreTask *task, uint64_t now_ns)
{
    (void)now_ns;
    Race *race = (Race *)((char *)task - offsetof(Race, task));
    race->touched++;
    race->core->loop_quit(race->loop);
}

static void first(void *opaque)
{
    Race *race = opaque;
    race->touched++;
    if (strcmp(race->order, "gate") == 0) {
        race->core->gate_open(race->core, &race->gate);
    } else if (strcmp(race->order, "post") == 0) {
        loop_post(race->loop, &race->task);
    } else if (strcmp(race->order, "socket") == 0) {
        race->core->writev(race->core, race->ends[0], &(struct iovec){"x", 1}, 1);
    }
}

static void second(void *opaque)
{
    Race *race = opaque;
    if (strcmp(race->order, "post") == 0) {
        race->core->loop_run(race->loop);
        return;
    }
    if (strcmp(race->order, "gate") == 0) {
        race->core->gate_wait(race->core, &race->gate);
    } else if (strcmp(race->order, "socket") == 0) {
        char byte;
        while (race->core->readv(race->core, race->ends[1], &(struct iovec){&byte, 1}, 1) < 0) {
        }
    }
    race->touched++;
}

static void start(void *opaque)
{
    Race *race = opaque;
    const Core *core = race->core;
    race->loop = core->loop_new(core, "second");
    race->task.run = run_task;
    if (sim_pair(race->sim, race->ends) < 0) {
        exit(2);
    }
    race->threads[0] = core->thread_start(core, "first", first, race);
    if (strcmp(race->order, "join") == 0) {
        core->thread_join(core, race->threads[0]);
    }
    race->threads[1] = core->thread_start(core, "second", second, race);
    core->thread_join(core, race->threads[1]);
    if (strcmp(race->order, "join") != 0) {
        core->thread_join(core, race->threads[0]);
    }
    core->loop_free(race->loop);
    core->close(core, race->ends[0]);
    core->close(core, race->ends[1]);
}

int main(int argc, char **argv)
{
    const bool on_baton = argc == 3 && strcmp(argv[2], "baton") == 0;
    if (argc != 2 && !on_baton) {
        fprintf(stderr, "usage: %s racy|join|gate|post|socket [baton]\n", argv[0]);
        return 2;
    }
    for (uint64_t seed = 0; seed < 10; seed++) {
        static Race race; /* drd does not look at stacks */
        race = (Race){.order = argv[1]};
        race.sim = sim_new(&(SimConfig){.seed = seed,
                                        .backend = on_baton ? SIM_BACKEND_BATON : SIM_BACKEND_FIBER,
                                        .level = SIM_LEVEL_CALLS});
        race.core = sim_core(race.sim);
        sim_spawn(race.sim, "main", start, &race);
        if (!sim_run(race.sim, NS_NEVER) || race.touched != 2) {
            fprintf(stderr, "%s\n", sim_failure(race.sim));
            return 2;
        }
        sim_free(race.sim);
    }
    return 0;
}
