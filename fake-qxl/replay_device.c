/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay_device.h"

#include "quiet_qxl.h"

#define VRAM_BYTES (64u << 20)

/* ---- Rings ---- */

static bool queue_put(ReplayQueue *queue, QXLCommandExt *command)
{
    const uint32_t at = atomic_load(&queue->produced);
    if (at - atomic_load(&queue->consumed) == REPLAY_QUEUE_MAX) {
        return false;
    }
    queue->items[at % REPLAY_QUEUE_MAX] = command;
    atomic_store(&queue->produced, at + 1);
    return true;
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

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    ReplayDevice *device = device_of(qxl);
    spice_replay_free_cmd(device->replay, (QXLCommandExt *)(uintptr_t)info.info->id);
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

/* The server carries the recorded calls out after the commands that it took; those in the ring at that moment come later
 * than they did. So the ring is emptied often, and always before a surface goes. */
uint64_t replay_device_play(ReplayDevice *device, uint64_t commands_max)
{
    uint64_t count = 0;
    QXLCommandExt *command;

    while (count < commands_max &&
           (command = spice_replay_next_cmd(device->replay, &device->instance)) != NULL) {
        ReplayQueue *queue = command->cmd.type == QXL_CMD_CURSOR ? &device->cursors : &device->commands;
        if (!wait_for_room(device, queue, command->cmd.type == QXL_CMD_SURFACE) ||
            !queue_put(queue, command)) {
            spice_replay_free_cmd(device->replay, command);
            return count;
        }
        count++;
        if (count % (REPLAY_QUEUE_MAX / 2) == 0) {
            spice_qxl_wakeup(&device->instance);
        }
        if (!device->rest(device->opaque, false)) {
            return count;
        }
    }
    (void)(wait_for_room(device, &device->commands, true) && wait_for_room(device, &device->cursors, true));
    return count;
}
