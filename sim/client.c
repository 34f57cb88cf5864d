/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/client.h"

#include <stdlib.h>

#include "base/check.h"
#include "sim/universe.h"

struct SimClient {
    Runner runner;
    Sim *sim;
    ListNode node; /* in Clients.all */
    const SimClientOps *ops;
    void *opaque;
    int handle; /* -1: none */
    HandleName name;
    unsigned mask;
    SimEvent deadline;
    bool must_step; /* at first, and when the deadline has passed */
};

static unsigned ready_bits(SimClient *client)
{
    return client->handle < 0 ? 0 : sim_net_ready(client->sim, client->name) & client->mask;
}

static void handle_changed(void *opaque)
{
    SimClient *client = opaque;
    if (ready_bits(client) != 0) {
        runner_wake(client->sim, &client->runner);
    }
}

static void deadline_passed(Sim *sim, SimEvent *event)
{
    SimClient *client = (SimClient *)((char *)event - offsetof(SimClient, deadline));
    client->must_step = true;
    runner_wake(sim, &client->runner);
}

static void stop_observing(SimClient *client)
{
    if (client->handle >= 0) {
        sim_net_observe(client->sim, client->name, NULL, NULL);
        client->handle = -1;
    }
}

SimClient *sim_client_add(Sim *sim, const SimClientOps *ops, void *opaque)
{
    kernel_enter(sim);
    SimClient *client = calloc(1, sizeof *client);
    CHECK(client != NULL);
    client->sim = sim;
    client->ops = ops;
    client->opaque = opaque;
    client->handle = -1;
    client->must_step = true;
    runner_init(sim, &client->runner, true, ops->name);
    sim_event_init(sim, &client->deadline, deadline_passed);
    list_append(&sim->clients.all, &client->node);
    runner_wake(sim, &client->runner);
    kernel_leave(sim);
    return client;
}

void sim_client_wait(SimClient *client, int handle, unsigned mask, uint64_t deadline_ns)
{
    Sim *sim = client->sim;
    kernel_enter(sim);
    if (handle != client->handle) {
        stop_observing(client);
        if (handle >= 0 && sim_net_name(sim, handle, &client->name)) {
            client->handle = handle;
            if (!sim_net_observe(sim, client->name, handle_changed, client)) {
                sim_fail(sim, "client %s waits for handle %d, which is watched already",
                         client->runner.name->text, handle);
            }
        }
    }
    client->mask = mask;
    if (deadline_ns == NS_NEVER) {
        sim_event_clear(sim, &client->deadline);
    } else {
        sim_event_set(sim, &client->deadline, deadline_ns);
    }
    handle_changed(client);
    kernel_leave(sim);
}

void sim_client_remove(SimClient *client)
{
    Sim *sim = client->sim;
    kernel_enter(sim);
    stop_observing(client);
    sim_event_finish(sim, &client->deadline);
    runner_finish(sim, &client->runner);
    list_remove(&client->node);
    if (sim->threads.running == &client->runner) {
        sim->clients.removed = client; /* its own step goes on: sim_client_run() frees it */
    } else {
        free(client);
    }
    kernel_leave(sim);
}

void sim_client_run(Sim *sim, Runner *runner)
{
    SimClient *client = (SimClient *)runner;
    const unsigned ready = ready_bits(client);
    runner_rest(sim, runner);
    if (ready == 0 && !client->must_step) {
        return; /* was ready, is no more */
    }
    client->must_step = false;
    world_record(sim, "step", ready, 0);
    sim->clients.removed = NULL;
    kernel_leave(sim);
    client->ops->step(client, client->opaque, ready, sim->world.now_ns);
    kernel_enter(sim);
    if (sim->clients.removed != NULL) {
        free(sim->clients.removed);
        sim->clients.removed = NULL;
    } else {
        handle_changed(client); /* level triggered */
    }
}

void sim_clients_forget(Sim *sim, int handle)
{
    list_each(&sim->clients.all, node)
    {
        SimClient *client = list_entry(node, SimClient, node);
        if (client->handle == handle) {
            stop_observing(client);
        }
    }
}

void sim_clients_init(Sim *sim)
{
    list_init(&sim->clients.all);
}

void sim_clients_finish(Sim *sim)
{
    while (!list_is_empty(&sim->clients.all)) {
        sim_client_remove(list_first(&sim->clients.all, SimClient, node));
    }
}
