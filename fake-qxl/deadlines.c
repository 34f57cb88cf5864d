/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* deadlines.c: until when the server may use guest memory, and for how long it must keep what it was lent.
 *
 *   drawings   none is held any more once stop, a destroy call, flush or oom is done.
 *   surfaces   the command that made a surface is held while the surface lives, and the newest cursor's until it is reset:
 *              devices read them when the machine is saved.
 */
#include "internal.h"

#include <string.h>

#include <spice/enums.h>

void drawings_deadline(FakeQxl *qxl, const char *call)
{
    for (uint32_t i = 0; qxl->config.strict && i < BLOCKS_MAX; i++) {
        const Block *block = &qxl->blocks[i];
        if (atomic_load(&block->state) == BLOCK_TAKEN && block->drawing && !block->optional) {
            violation(qxl, "%s is done while %s is not released", call, block->what);
            return;
        }
    }
}

void cursor_gone(FakeQxl *qxl)
{
    atomic_store(&qxl->cursor, BLOCK_NONE);
    atomic_store(&qxl->cursor_lost, false);
}

void fake_qxl_cursor_reset(FakeQxl *qxl)
{
    fake_qxl_poll(qxl);
    spice_qxl_reset_cursor(&qxl->instance);
    cursor_gone(qxl);
}

static bool is_held(const FakeQxl *qxl, uint32_t block)
{
    const uint32_t state = atomic_load(&qxl->blocks[block].state);
    return state == BLOCK_QUEUED || state == BLOCK_TAKEN;
}

void fake_qxl_save(FakeQxl *qxl)
{
    for (uint32_t id = 1; id < qxl->surface_count; id++) {
        const GuestSurface *surface = &qxl->surfaces[id];
        if (surface->state == SURFACE_LIVE && surface->create != BLOCK_NONE &&
            !is_held(qxl, surface->create)) {
            violation(qxl, "the machine is saved, and the command that made surface %u is gone", id);
        }
    }
    if (atomic_load(&qxl->cursor_lost)) {
        violation(qxl, "the machine is saved, and the command of its cursor is gone");
    }
}

void fake_qxl_poison(FakeQxl *qxl)
{
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
        const Block *block = &qxl->blocks[i];
        if (atomic_load(&block->state) == BLOCK_TAKEN && block->area != AREA_VRAM) {
            memset((uint8_t *)block_memory(qxl, i) + sizeof(QXLReleaseInfo), POISON_BYTE,
                   (size_t)block->units * UNIT_BYTES - sizeof(QXLReleaseInfo));
        }
    }
}

#define MEDDLE_BYTES 8u    /* at once, at most */
#define MEDDLE_HEADER 256u /* the command itself, with what its drawing is made of */
#define MEDDLE_ANYWHERE 65536u

bool fake_qxl_meddle(FakeQxl *qxl)
{
    const uint32_t drawing = pick(qxl, "meddled drawing", BLOCKS_MAX),
                   count = 1 + pick(qxl, "meddled bytes", MEDDLE_BYTES);
    bool any = false;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t range = pick(qxl, "meddled part", 2) == 0 ? MEDDLE_HEADER : MEDDLE_ANYWHERE;
        const uint32_t at = pick(qxl, "meddled byte", range);
        const uint8_t bits = (uint8_t)(1 + pick(qxl, "meddled bits", UINT8_MAX));
        if (block_meddle(qxl, drawing, at, bits)) {
            any = qxl->meddled = true;
        }
    }
    return any;
}

bool fake_qxl_has_meddled(const FakeQxl *qxl)
{
    return qxl->meddled;
}

/* ---- Save and load ---- */

#define LOADED_MAX 64u /* surfaces; others are not found again */

static uint32_t create_again(FakeQxl *qxl, uint32_t id, const GuestSurface *was, QXLCommandExt *ret_command)
{
    const uint32_t index = block_new(qxl, AREA_RAM, sizeof(QXLSurfaceCmd), "a surface create, restored");

    if (index != BLOCK_NONE) {
        Block *block = &qxl->blocks[index];
        QXLSurfaceCmd *command = block_memory(qxl, index);
        block->release_id = ++qxl->serial;
        command->release_info.id = block->release_id;
        command->surface_id = id;
        command->type = QXL_SURFACE_CMD_CREATE;
        command->u.surface_create =
            (QXLSurface){was->format, was->width, was->height, was->stride, block_address(qxl, was->data, 0)};
        *ret_command = (QXLCommandExt){{block_address(qxl, index, 0), QXL_CMD_SURFACE, 0}, block->group, 0};
    }
    return index;
}

bool fake_qxl_load(FakeQxl *qxl)
{
    QXLCommandExt commands[LOADED_MAX];
    const GuestSurface *primary = &qxl->surfaces[0];
    const uint32_t len = qxl->surface_count < LOADED_MAX ? qxl->surface_count : LOADED_MAX;
    uint32_t count = 0;

    fake_qxl_poll(qxl);
    if (!qxl->connected || atomic_load(&qxl->running) || cookies_pending(qxl) ||
        !ring_is_empty(&qxl->commands) || !ring_is_empty(&qxl->cursors)) {
        return false;
    }
    for (uint32_t id = 0; id < qxl->surface_count; id++) {
        if (qxl->surfaces[id].state == SURFACE_COMING || qxl->surfaces[id].state == SURFACE_DYING ||
            (id >= len && qxl->surfaces[id].state != SURFACE_NONE)) {
            return false;
        }
    }
    spice_qxl_reset_cursor(&qxl->instance);
    spice_qxl_reset_image_cache(&qxl->instance);
    spice_qxl_destroy_surfaces(&qxl->instance);
    cursor_gone(qxl);
    drawings_deadline(qxl, "destroy_surfaces");
    if (primary->state == SURFACE_LIVE) {
        QXLDevSurfaceCreate create = {.width = primary->width,
                                      .height = primary->height,
                                      .stride = primary->stride,
                                      .format = primary->format,
                                      .mouse_mode = 1,
                                      .flags = QXL_SURF_FLAG_KEEP_DATA,
                                      .type = QXL_SURF_TYPE_PRIMARY,
                                      .mem = block_address(qxl, primary->data, 0),
                                      .group_id = GROUP_GUEST};
        spice_qxl_create_primary_surface(&qxl->instance, 0, &create);
    }
    for (uint32_t id = 1; id < len; id++) {
        GuestSurface *surface = &qxl->surfaces[id];
        if (surface->state != SURFACE_LIVE) {
            continue;
        }
        if (is_held(qxl, surface->create)) {
            violation(qxl, "destroy_surfaces is done while the surface's create command is not released");
            return false;
        }
        surface->create = create_again(qxl, id, surface, &commands[count]);
        if (surface->create != BLOCK_NONE) {
            atomic_store(&qxl->blocks[surface->create].state, BLOCK_TAKEN);
            atomic_fetch_add(&qxl->taken, 1);
            qxl->pushed++;
            count++;
        }
    }
    if (count > 0) {
        spice_qxl_loadvm_commands(&qxl->instance, commands, count);
    }
    return true;
}
