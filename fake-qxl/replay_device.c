/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay_device.h"

#include "quiet_qxl.h"

#define VRAM_BYTES (64u << 20)

/* ---- Rings ---- */

/* There is room. */
static void queue_put(ReplayQueue *queue, QXLCommandExt *command)
{
    const uint32_t at = atomic_load(&queue->produced);
    queue->items[at % REPLAY_QUEUE_MAX] = command;
    atomic_store(&queue->produced, at + 1);
}

static int queue_take(ReplayQueue *queue, QXLCommandExt *ret)
{
    const uint32_t at = atomic_load(&queue->consumed);
    if (at == atomic_load(&queue->produced)) {
        return 0;
    }
    *ret = *queue->items[at % REPLAY_QUEUE_MAX];
    atomic_store(&queue->consumed, at + 1);
    return 1;
}

static bool queue_is_empty(ReplayQueue *queue)
{
    return atomic_load(&queue->produced) == atomic_load(&queue->consumed);
}

/* ---- The device ---- */

static ReplayDevice *device_of(QXLInstance *qxl)
{
    return (ReplayDevice *)qxl;
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){
        .num_memslots_groups = 1,
        .num_memslots = 1,
        .memslot_gen_bits = 1,
        .memslot_id_bits = 1,
        .n_surfaces = REPLAY_SURFACES,
        .qxl_ram_size = VRAM_BYTES,
    };
}

static int get_command(QXLInstance *qxl, QXLCommandExt *command)
{
    return queue_take(&device_of(qxl)->commands, command);
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *command)
{
    return queue_take(&device_of(qxl)->cursors, command);
}

static int ring_is_empty(QXLInstance *qxl)
{
    return queue_is_empty(&device_of(qxl)->commands);
}

static int cursor_ring_is_empty(QXLInstance *qxl)
{
    return queue_is_empty(&device_of(qxl)->cursors);
}

static const QXLSurfaceCmd *surface_command(const QXLCommandExt *command)
{
    return (const QXLSurfaceCmd *)(uintptr_t)command->cmd.data;
}

/* Which surface it creates or destroys; REPLAY_SURFACES: none. */
static uint32_t surface_of(const QXLCommandExt *command, uint8_t type)
{
    if (command->cmd.type != QXL_CMD_SURFACE || surface_command(command)->type != type ||
        surface_command(command)->surface_id >= REPLAY_SURFACES) {
        return REPLAY_SURFACES;
    }
    return surface_command(command)->surface_id;
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    ReplayDevice *device = device_of(qxl);
    QXLCommandExt *command = (QXLCommandExt *)(uintptr_t)info.info->id, *created = command;
    const uint32_t id = surface_of(command, QXL_SURFACE_CMD_CREATE);
    if (id < REPLAY_SURFACES) { /* its pixels' memory goes with it */
        atomic_compare_exchange_strong(&device->created[id], &created, NULL);
    }
    spice_replay_free_cmd(device->replay, command);
    atomic_fetch_add(&device->released, 1);
}

static const QXLInterface interface = {
    QUIET_QXL("replay"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = ring_is_empty,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = cursor_ring_is_empty,
};

void replay_device_init(ReplayDevice *device, SpiceReplay *replay, ReplayRest rest, void *opaque)
{
    *device = (ReplayDevice){
        .instance.base.sif = &interface.base, .replay = replay, .rest = rest, .opaque = opaque};
}

void replay_device_connect(ReplayDevice *device)
{
    QXLDevMemSlot slot = {.virt_end = ~UINT64_C(0)};
    spice_qxl_add_memslot(&device->instance, &slot);
}

/* ---- Playing ---- */

static bool wait_for_room(ReplayDevice *device, ReplayQueue *queue, bool until_empty)
{
    for (;;) {
        const uint32_t len = atomic_load(&queue->produced) - atomic_load(&queue->consumed);
        if (until_empty ? len == 0 : len < REPLAY_QUEUE_MAX) {
            return true;
        }
        spice_qxl_wakeup(&device->instance);
        if (!device->rest(device->opaque, true)) {
            return false;
        }
    }
}

/* Everything before was taken. */
static void surface_look(ReplayDevice *device, uint32_t id)
{
    const QXLCommandExt *created = atomic_load(&device->created[id]);
    if (device->look != NULL && created != NULL) {
        const QXLSurface surface = surface_command(created)->u.surface_create;
        QXLRect all = {.right = (int32_t)surface.width, .bottom = (int32_t)surface.height};
        spice_qxl_update_area(&device->instance, id, &all, NULL, 0, 0);
        device->look(device->opaque, device->numbers[id], &surface);
    }
}

/* Before the worker gets to know. */
static void surface_follow(ReplayDevice *device, QXLCommandExt *command)
{
    const uint32_t created = surface_of(command, QXL_SURFACE_CMD_CREATE);
    const uint32_t destroyed = surface_of(command, QXL_SURFACE_CMD_DESTROY);
    if (destroyed < REPLAY_SURFACES) {
        surface_look(device, destroyed);
        atomic_store(&device->created[destroyed], NULL);
    } else if (created < REPLAY_SURFACES) {
        device->numbers[created] = device->surfaces++;
        atomic_store(&device->created[created], command);
    }
}

/* The server carries the recorded calls out after the commands that it took; those in the ring at that moment come later
 * than they did. So the ring is emptied often, and always before a surface goes. */
uint64_t replay_device_play(ReplayDevice *device, uint64_t commands_max)
{
    uint64_t count = 0;
    QXLCommandExt *command;

    while (count < commands_max &&
           (command = spice_replay_next_cmd(device->replay, &device->instance)) != NULL) {
        ReplayQueue *queue = command->cmd.type == QXL_CMD_CURSOR ? &device->cursors : &device->commands;
        if (!wait_for_room(device, queue, command->cmd.type == QXL_CMD_SURFACE)) {
            spice_replay_free_cmd(device->replay, command);
            return count;
        }
        surface_follow(device, command);
        queue_put(queue, command);
        count++;
        if (count % (REPLAY_QUEUE_MAX / 2) == 0) {
            spice_qxl_wakeup(&device->instance);
        }
        if (!device->rest(device->opaque, false)) {
            return count;
        }
    }
    if (wait_for_room(device, &device->commands, true) && wait_for_room(device, &device->cursors, true)) {
        for (uint32_t id = 0; id < REPLAY_SURFACES; id++) {
            surface_look(device, id);
        }
    }
    return count;
}
