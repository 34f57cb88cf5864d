/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tiny_server.h"

#include <string.h>

static TinyServer *tiny_of_process;

void tiny_init(TinyServer *tiny, FakeQxl *qxl)
{
    memset(tiny, 0, sizeof *tiny);
    tiny->qxl = fake_qxl_instance(qxl);
    tiny->interface = (const QXLInterface *)(const void *)tiny->qxl->base.sif;
    tiny_of_process = tiny;
}

void *tiny_memory(const TinyServer *tiny, uint64_t address, uint32_t group, size_t bytes)
{
    const uint32_t slot = (uint32_t)(address >> 56);
    const uint32_t generation = (uint32_t)(address >> 48) & 0xff;
    const uint64_t offset = address & ((UINT64_C(1) << 48) - 1);
    if (group >= 2 || slot >= 8 || !tiny->has_slot[group][slot] ||
        tiny->slots[group][slot].generation != generation) {
        return NULL;
    }
    const QXLDevMemSlot *s = &tiny->slots[group][slot];
    const uint64_t at = offset + s->addr_delta;
    if (at < s->virt_start || at > s->virt_end || bytes > s->virt_end - at) {
        return NULL;
    }
    return (void *)(uintptr_t)at;
}

static void release(TinyServer *tiny, QXLReleaseInfoExt info)
{
    tiny->interface->release_resource(tiny->qxl, info);
}

static void release_held(TinyServer *tiny, int keep)
{
    while (tiny->held_len > keep) {
        const QXLReleaseInfoExt oldest = tiny->held[0];
        memmove(tiny->held, tiny->held + 1, (size_t)--tiny->held_len * sizeof tiny->held[0]);
        release(tiny, oldest);
    }
}

static void hold(TinyServer *tiny, QXLReleaseInfoExt info)
{
    release_held(tiny, TINY_HELD_MAX - 1);
    tiny->held[tiny->held_len++] = info;
}

static void surface_command(TinyServer *tiny, const QXLSurfaceCmd *command, QXLReleaseInfoExt info)
{
    const uint32_t id = command->surface_id;
    if (id == 0 || id >= TINY_SURFACES ||
        (command->type == QXL_SURFACE_CMD_CREATE) != (tiny->creates[id].info == NULL)) {
        release(tiny, info);
    } else if (command->type == QXL_SURFACE_CMD_CREATE) {
        tiny->creates[id] = info;
    } else {
        release(tiny, tiny->creates[id]);
        tiny->creates[id].info = NULL;
        release(tiny, info);
    }
}

static bool update_is_possible(const TinyServer *tiny, const QXLUpdateCmd *update)
{
    const uint32_t id = update->surface_id;
    return (id == 0 || (id < TINY_SURFACES && tiny->creates[id].info != NULL)) &&
           update->area.left <= update->area.right && update->area.top <= update->area.bottom;
}

static size_t command_bytes(uint32_t type)
{
    switch (type) {
    case QXL_CMD_DRAW:
        return sizeof(QXLDrawable);
    case QXL_CMD_UPDATE:
        return sizeof(QXLUpdateCmd);
    case QXL_CMD_CURSOR:
        return sizeof(QXLCursorCmd);
    case QXL_CMD_MESSAGE:
        return sizeof(QXLMessage);
    case QXL_CMD_SURFACE:
        return sizeof(QXLSurfaceCmd);
    default:
        return 0;
    }
}

static void obey(TinyServer *tiny, const QXLCommandExt *command)
{
    const size_t bytes = command_bytes(command->cmd.type);
    void *memory = bytes == 0 ? NULL : tiny_memory(tiny, command->cmd.data, command->group_id, bytes);
    if (memory == NULL) {
        return;
    }
    const QXLReleaseInfoExt info = {memory, command->group_id};
    switch (command->cmd.type) {
    case QXL_CMD_SURFACE:
        surface_command(tiny, memory, info);
        break;
    case QXL_CMD_UPDATE:
        if (update_is_possible(tiny, memory)) {
            tiny->interface->notify_update(tiny->qxl, ((const QXLUpdateCmd *)memory)->update_id);
        }
        release(tiny, info);
        break;
    default:
        hold(tiny, info);
        break;
    }
}

unsigned tiny_pump(TinyServer *tiny, unsigned n)
{
    QXLCommandExt command;
    unsigned taken = 0;
    for (unsigned i = 0; i < n && tiny->interface->get_cursor_command(tiny->qxl, &command); i++) {
        obey(tiny, &command);
        taken++;
    }
    for (unsigned i = 0; i < n && tiny->interface->get_command(tiny->qxl, &command); i++) {
        obey(tiny, &command);
        taken++;
    }
    return taken;
}

static void drain(TinyServer *tiny)
{
    while (!tiny->lazy && tiny_pump(tiny, 64) > 0) {
    }
}

static void surfaces_free(TinyServer *tiny)
{
    for (int id = 0; id < TINY_SURFACES; id++) {
        if (tiny->creates[id].info != NULL) {
            release(tiny, tiny->creates[id]);
            tiny->creates[id].info = NULL;
        }
    }
}

void tiny_finish(TinyServer *tiny)
{
    release_held(tiny, 0);
    surfaces_free(tiny);
}

static void complete(TinyServer *tiny, uint64_t cookie)
{
    tiny->last_cookie = cookie;
    if (!tiny->lazy) {
        tiny->interface->async_complete(tiny->qxl, cookie);
    }
}

/* ---- The public functions ---- */

void spice_qxl_wakeup(QXLInstance *qxl)
{
    (void)qxl;
    tiny_of_process->wakeups++;
}

void spice_qxl_oom(QXLInstance *qxl)
{
    (void)qxl;
    tiny_of_process->oom++;
}

void spice_qxl_add_memslot(QXLInstance *qxl, QXLDevMemSlot *slot)
{
    (void)qxl;
    TinyServer *tiny = tiny_of_process;
    if (slot->slot_group_id < 2 && slot->slot_id < 8 && slot->virt_start <= slot->virt_end) {
        tiny->slots[slot->slot_group_id][slot->slot_id] = *slot;
        tiny->has_slot[slot->slot_group_id][slot->slot_id] = true;
        tiny->slots_added++;
    }
}

void spice_qxl_add_memslot_async(QXLInstance *qxl, QXLDevMemSlot *slot, uint64_t cookie)
{
    spice_qxl_add_memslot(qxl, slot);
    complete(tiny_of_process, cookie);
}

void spice_qxl_del_memslot(QXLInstance *qxl, uint32_t group, uint32_t slot)
{
    (void)qxl;
    TinyServer *tiny = tiny_of_process;
    if (group < 2 && slot < 8) {
        tiny->has_slot[group][slot] = false;
    }
    if (!tiny->lazy) {
        release_held(tiny, 0);
    }
}

void spice_qxl_reset_memslots(QXLInstance *qxl)
{
    (void)qxl;
    TinyServer *tiny = tiny_of_process;
    if (!tiny->lazy) {
        release_held(tiny, 0);
    }
    memset(tiny->has_slot, 0, sizeof tiny->has_slot);
    tiny->resets++;
}

void spice_qxl_destroy_surfaces(QXLInstance *qxl)
{
    (void)qxl;
    drain(tiny_of_process);
    if (!tiny_of_process->lazy) {
        release_held(tiny_of_process, 0);
        surfaces_free(tiny_of_process);
    }
}

void spice_qxl_destroy_surfaces_async(QXLInstance *qxl, uint64_t cookie)
{
    spice_qxl_destroy_surfaces(qxl);
    complete(tiny_of_process, cookie);
}

void spice_qxl_loadvm_commands(QXLInstance *qxl, struct QXLCommandExt *commands, uint32_t count)
{
    (void)qxl;
    for (uint32_t i = 0; i < count; i++) {
        obey(tiny_of_process, &commands[i]);
    }
}

void spice_qxl_destroy_surface_async(QXLInstance *qxl, uint32_t id, uint64_t cookie)
{
    (void)qxl;
    TinyServer *tiny = tiny_of_process;
    if (!tiny->lazy) {
        release_held(tiny, 0);
    }
    if (!tiny->lazy && id < TINY_SURFACES && tiny->creates[id].info != NULL) {
        release(tiny, tiny->creates[id]);
        tiny->creates[id].info = NULL;
    }
    complete(tiny, cookie);
}

void spice_qxl_destroy_surface_wait(QXLInstance *qxl, uint32_t id)
{
    spice_qxl_destroy_surface_async(qxl, id, 0);
}

void spice_qxl_create_primary_surface(QXLInstance *qxl, uint32_t id, QXLDevSurfaceCreate *surface)
{
    (void)qxl;
    (void)id;
    (void)surface;
}

void spice_qxl_create_primary_surface_async(QXLInstance *qxl, uint32_t id, QXLDevSurfaceCreate *surface,
                                            uint64_t cookie)
{
    spice_qxl_create_primary_surface(qxl, id, surface);
    complete(tiny_of_process, cookie);
}

void spice_qxl_destroy_primary_surface(QXLInstance *qxl, uint32_t id)
{
    (void)qxl;
    (void)id;
    drain(tiny_of_process);
    if (!tiny_of_process->lazy) {
        release_held(tiny_of_process, 0);
    }
}

void spice_qxl_destroy_primary_surface_async(QXLInstance *qxl, uint32_t id, uint64_t cookie)
{
    spice_qxl_destroy_primary_surface(qxl, id);
    complete(tiny_of_process, cookie);
}

void spice_qxl_monitors_config_async(QXLInstance *qxl, QXLPHYSICAL config, int group, uint64_t cookie)
{
    (void)qxl;
    (void)config;
    (void)group;
    complete(tiny_of_process, cookie);
}

void spice_qxl_update_area(QXLInstance *qxl, uint32_t surface, QXLRect *area, QXLRect *dirty,
                           uint32_t dirty_len, uint32_t clear)
{
    (void)qxl;
    (void)surface;
    (void)area;
    (void)clear;
    if (!tiny_of_process->lazy) {
        memset(dirty, 0, dirty_len * sizeof *dirty);
    }
}

void spice_qxl_update_area_async(QXLInstance *qxl, uint32_t surface, QXLRect *area, uint32_t clear,
                                 uint64_t cookie)
{
    (void)clear;
    if (!tiny_of_process->lazy) {
        tiny_of_process->interface->update_area_complete(qxl, surface, area, 1);
    }
    complete(tiny_of_process, cookie);
}

void spice_qxl_flush_surfaces_async(QXLInstance *qxl, uint64_t cookie)
{
    (void)qxl;
    drain(tiny_of_process);
    if (!tiny_of_process->lazy) {
        release_held(tiny_of_process, 0);
    }
    complete(tiny_of_process, cookie);
}

void spice_qxl_reset_cursor(QXLInstance *qxl)
{
    (void)qxl;
}

void spice_qxl_reset_image_cache(QXLInstance *qxl)
{
    (void)qxl;
}
