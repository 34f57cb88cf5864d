/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c: what the device model calls in the server: memory slots, the primary, monitors, updates; and what
 * exists because of it.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#define PRIMARY_PIXELS_MAX (8192u * 8192u)

/* ---- Memory slots ---- */

static QXLDevMemSlot slot_of(const Area *area, uint32_t group, uint32_t slot, uint32_t generation)
{
    const uintptr_t start = (uintptr_t)area->memory;
    return (QXLDevMemSlot){
        .slot_group_id = group,
        .slot_id = slot,
        .generation = generation,
        .virt_start = start,
        .virt_end = start + area->bytes,
        .addr_delta = start - AREA_BASE,
        .qxl_ram_size = (uint32_t)area->bytes,
    };
}

/* The slot's next generation; addresses made before are false from now on. */
static QXLDevMemSlot area_map(FakeQxl *qxl, AreaId id)
{
    Area *area = &qxl->areas[id];
    area->generation = (area->generation + 1) % (1u << GENERATION_BITS);
    area->mapped = true;
    return slot_of(area, GROUP_GUEST, 1 + (uint32_t)id, area->generation);
}

static void slots_add(FakeQxl *qxl)
{
    QXLDevMemSlot host = slot_of(&qxl->areas[AREA_VRAM], GROUP_HOST, 0, 0);
    spice_qxl_add_memslot(&qxl->instance, &host);
    QXLDevMemSlot ram = area_map(qxl, AREA_RAM);
    spice_qxl_add_memslot(&qxl->instance, &ram);
    QXLDevMemSlot vram = area_map(qxl, AREA_VRAM);
    spice_qxl_add_memslot(&qxl->instance, &vram);
}

void fake_qxl_connect(FakeQxl *qxl)
{
    slots_add(qxl);
    qxl->connected = true;
}

bool fake_qxl_spare_slot_add(FakeQxl *qxl, bool async)
{
    fake_qxl_poll(qxl);
    if (!qxl->connected || qxl->areas[AREA_SPARE].mapped || cookie_pending(qxl, COOKIE_SPARE_ADD)) {
        return false;
    }
    if (!async) {
        QXLDevMemSlot slot = area_map(qxl, AREA_SPARE);
        spice_qxl_add_memslot(&qxl->instance, &slot);
        return true;
    }
    Cookie *cookie = cookie_new(qxl, COOKIE_SPARE_ADD, BLOCK_NONE);
    if (cookie == NULL) {
        return false;
    }
    QXLDevMemSlot slot = area_map(qxl, AREA_SPARE);
    spice_qxl_add_memslot_async(&qxl->instance, &slot, cookie->value);
    return true;
}

/* After the return of a call that ends the use of an area. */
static void area_deadline(FakeQxl *qxl, AreaId area, const char *call)
{
    if (qxl->config.strict && area_has(qxl, area, BLOCK_TAKEN)) {
        violation(qxl, "%s returned while commands in that memory are not released", call);
    }
    blocks_reclaim(qxl);
}

bool fake_qxl_has_spare_slot(const FakeQxl *qxl)
{
    return qxl->areas[AREA_SPARE].mapped;
}

bool fake_qxl_spare_slot_delete(FakeQxl *qxl)
{
    fake_qxl_poll(qxl);
    if (!qxl->areas[AREA_SPARE].mapped || cookie_pending(qxl, COOKIE_SPARE_ADD)) {
        return false;
    }
    qxl->spare_leaves = true;
    if (area_has(qxl, AREA_SPARE, BLOCK_QUEUED) ||
        (!qxl->config.strict && area_has(qxl, AREA_SPARE, BLOCK_TAKEN))) {
        return false;
    }
    qxl->areas[AREA_SPARE].mapped = qxl->spare_leaves = false;
    spice_qxl_del_memslot(&qxl->instance, GROUP_GUEST, 1 + AREA_SPARE);
    cursor_gone(qxl); /* it may have lain there */
    area_deadline(qxl, AREA_SPARE, "del_memslot");
    return true;
}

/* ---- Surfaces ---- */

static bool block_came_back(const FakeQxl *qxl, uint32_t block)
{
    return block == BLOCK_NONE || atomic_load(&qxl->blocks[block].state) == BLOCK_RELEASED;
}

/* A surface's pixels are free once its commands came back and the call that ended it completed. */
void surfaces_reap(FakeQxl *qxl)
{
    for (uint32_t id = 1; id < qxl->surface_count; id++) {
        GuestSurface *surface = &qxl->surfaces[id];
        if (surface->state == SURFACE_DYING) {
            if (block_came_back(qxl, surface->create)) {
                surface->create = BLOCK_NONE;
            }
            if (block_came_back(qxl, surface->destroy)) {
                surface->destroy = BLOCK_NONE;
            }
            if (surface->create == BLOCK_NONE && surface->destroy == BLOCK_NONE && !surface->call_pending) {
                block_free(qxl, surface->data);
                surface->data = BLOCK_NONE;
                surface->state = SURFACE_NONE;
            }
        }
    }
}

static void surface_deadline(FakeQxl *qxl, const GuestSurface *surface, const char *call)
{
    if (qxl->config.strict && !block_came_back(qxl, surface->create)) {
        violation(qxl, "%s completed while the surface's create command is not released", call);
    }
}

bool fake_qxl_surface_destroy_call(FakeQxl *qxl, uint32_t id)
{
    fake_qxl_poll(qxl);
    if (id == 0 || id >= qxl->surface_count || qxl->surfaces[id].state != SURFACE_LIVE ||
        !ring_is_empty(&qxl->commands)) {
        return false;
    }
    Cookie *cookie = cookie_new(qxl, COOKIE_SURFACE_DESTROY, BLOCK_NONE);
    if (cookie == NULL) {
        return false;
    }
    cookie->surface = id;
    qxl->surfaces[id].state = SURFACE_DYING;
    qxl->surfaces[id].call_pending = true;
    spice_qxl_destroy_surface_async(&qxl->instance, id, cookie->value);
    return true;
}

bool fake_qxl_surface_destroy_wait(FakeQxl *qxl, uint32_t id)
{
    fake_qxl_poll(qxl);
    if (id == 0 || id >= qxl->surface_count || qxl->surfaces[id].state != SURFACE_LIVE ||
        !ring_is_empty(&qxl->commands)) {
        return false;
    }
    qxl->surfaces[id].state = SURFACE_DYING;
    spice_qxl_destroy_surface_wait(&qxl->instance, id);
    drawings_deadline(qxl, "destroy_surface_wait");
    surface_deadline(qxl, &qxl->surfaces[id], "destroy_surface_wait");
    surfaces_reap(qxl);
    return true;
}

/* ---- Primary ---- */

bool fake_qxl_has_primary(const FakeQxl *qxl)
{
    return qxl->surfaces[0].state == SURFACE_LIVE;
}

bool fake_qxl_has_surface(const FakeQxl *qxl, uint32_t surface)
{
    return surface < qxl->surface_count && (qxl->surfaces[surface].state != SURFACE_NONE || qxl->lies > 0);
}

bool fake_qxl_picture(FakeQxl *qxl, uint32_t surface, FakeQxlPicture *ret_picture)
{
    if (surface >= qxl->surface_count || qxl->surfaces[surface].state != SURFACE_LIVE) {
        return false;
    }
    const GuestSurface *from = &qxl->surfaces[surface];
    const uint8_t *first = block_memory(qxl, from->data);
    *ret_picture = (FakeQxlPicture){
        .top = from->stride < 0 ? first - (ptrdiff_t)from->stride * ((ptrdiff_t)from->height - 1) : first,
        .stride = from->stride,
        .width = from->width,
        .height = from->height,
        .format = from->format};
    return true;
}

bool fake_qxl_primary_create(FakeQxl *qxl, const FakeQxlPrimary *primary, bool async)
{
    fake_qxl_poll(qxl);
    GuestSurface *surface = &qxl->surfaces[0];
    /* What ends all surfaces is over first, or it would end this one, too. */
    if (!qxl->connected || surface->state != SURFACE_NONE || cookie_pending(qxl, COOKIE_SURFACES_DESTROY) ||
        primary->width == 0 || primary->height == 0 ||
        (uint64_t)primary->width * primary->height > PRIMARY_PIXELS_MAX) {
        return false;
    }
    const int32_t stride = primary->stride != 0 ? primary->stride : (int32_t)(primary->width * 4);
    const uint64_t bytes = (uint64_t)llabs((long long)stride) * primary->height;
    if (bytes > qxl->areas[AREA_VRAM].bytes) {
        return false;
    }
    Cookie *cookie = async ? cookie_new(qxl, COOKIE_PRIMARY_CREATE, BLOCK_NONE) : NULL;
    if (async && cookie == NULL) {
        return false;
    }
    const uint32_t data = block_new(qxl, AREA_VRAM, bytes, "a primary's pixels");
    if (data == BLOCK_NONE) {
        if (cookie != NULL) {
            atomic_store(&cookie->state, COOKIE_FREE);
        }
        return false;
    }
    if (primary->painted) {
        uint8_t *pixels = block_memory(qxl, data);
        uint32_t noise = primary->width;
        for (uint64_t i = 0; i < bytes; i++) {
            noise = noise * 1664525 + 1013904223;
            pixels[i] = (uint8_t)(noise >> 24);
        }
    }
    QXLDevSurfaceCreate create = {
        .width = primary->width,
        .height = primary->height,
        .stride = stride,
        .format = primary->format != 0 ? primary->format : SPICE_SURFACE_FMT_32_xRGB,
        .mouse_mode = primary->mouse_mode,
        .flags = primary->painted ? QXL_SURF_FLAG_KEEP_DATA : 0,
        .type = QXL_SURF_TYPE_PRIMARY,
        .mem = primary->host_group ? host_address(qxl, data) : block_address(qxl, data, 0),
        .group_id = primary->host_group ? GROUP_HOST : GROUP_GUEST,
    };
    *surface = (GuestSurface){
        .state = async ? SURFACE_COMING : SURFACE_LIVE,
        .create = BLOCK_NONE,
        .destroy = BLOCK_NONE,
        .data = data,
        .width = primary->width,
        .height = primary->height,
        .format = create.format,
        .stride = stride,
    };
    if (async) {
        spice_qxl_create_primary_surface_async(&qxl->instance, 0, &create, cookie->value);
    } else {
        spice_qxl_create_primary_surface(&qxl->instance, 0, &create);
    }
    return true;
}

static void primary_gone(FakeQxl *qxl)
{
    block_free(qxl, qxl->surfaces[0].data);
    qxl->surfaces[0] = (GuestSurface){.create = BLOCK_NONE, .destroy = BLOCK_NONE, .data = BLOCK_NONE};
}

bool fake_qxl_primary_destroy(FakeQxl *qxl, bool async)
{
    fake_qxl_poll(qxl);
    /* Updates and configs of the old mode complete first, as a driver waits for its I/O. */
    if (!fake_qxl_has_primary(qxl) || cookies_pending(qxl)) {
        return false;
    }
    if (!async) {
        spice_qxl_destroy_primary_surface(&qxl->instance, 0);
        cursor_gone(qxl);
        drawings_deadline(qxl, "destroy_primary");
        primary_gone(qxl);
        return true;
    }
    Cookie *cookie = cookie_new(qxl, COOKIE_PRIMARY_DESTROY, BLOCK_NONE);
    qxl->surfaces[0].state = SURFACE_DYING;
    spice_qxl_destroy_primary_surface_async(&qxl->instance, 0, cookie->value);
    return true;
}

static void surfaces_gone(FakeQxl *qxl, const char *call)
{
    for (uint32_t id = 1; id < qxl->surface_count; id++) {
        GuestSurface *surface = &qxl->surfaces[id];
        if (surface->state != SURFACE_NONE) {
            surface_deadline(qxl, surface, call);
            surface->call_pending = false;
        }
    }
    if (qxl->surfaces[0].state != SURFACE_NONE) {
        primary_gone(qxl);
    }
    surfaces_reap(qxl);
}

static void surfaces_dying(FakeQxl *qxl)
{
    for (uint32_t id = 0; id < qxl->surface_count; id++) {
        GuestSurface *surface = &qxl->surfaces[id];
        if (surface->state != SURFACE_NONE) {
            surface->state = SURFACE_DYING;
            surface->call_pending = true;
        }
    }
}

bool fake_qxl_surfaces_destroy_all(FakeQxl *qxl, bool async)
{
    fake_qxl_poll(qxl);
    if (!qxl->connected || cookies_pending(qxl)) {
        return false;
    }
    surfaces_dying(qxl);
    if (!async) {
        spice_qxl_destroy_surfaces(&qxl->instance);
        cursor_gone(qxl);
        drawings_deadline(qxl, "destroy_surfaces");
        surfaces_gone(qxl, "destroy_surfaces");
        return true;
    }
    const Cookie *cookie = cookie_new(qxl, COOKIE_SURFACES_DESTROY, BLOCK_NONE);
    spice_qxl_destroy_surfaces_async(&qxl->instance, cookie->value);
    return true;
}

bool fake_qxl_reset(FakeQxl *qxl)
{
    fake_qxl_poll(qxl);
    const bool idle = ring_is_empty(&qxl->commands) && ring_is_empty(&qxl->cursors);
    if (!qxl->connected || cookies_pending(qxl) || (!idle && !atomic_load(&qxl->running))) {
        return false;
    }
    spice_qxl_reset_cursor(&qxl->instance);
    spice_qxl_reset_image_cache(&qxl->instance);
    surfaces_dying(qxl);
    spice_qxl_destroy_surfaces(&qxl->instance);
    if (!ring_is_empty(&qxl->commands) || !ring_is_empty(&qxl->cursors)) {
        violation(qxl, "destroy_surfaces is done while commands wait in the rings");
    }
    drawings_deadline(qxl, "destroy_surfaces");
    surfaces_gone(qxl, "destroy_surfaces");
    spice_qxl_reset_memslots(&qxl->instance);
    cursor_gone(qxl);
    for (int i = 0; i < AREAS; i++) {
        area_deadline(qxl, (AreaId)i, "reset_memslots");
        qxl->areas[i].mapped = false;
    }
    qxl->spare_leaves = false;
    if (qxl->config.strict) {
        blocks_forget_optional(qxl);
    }
    slots_add(qxl);
    return true;
}

/* ---- Others ---- */

bool fake_qxl_monitors(FakeQxl *qxl, uint32_t count, uint32_t max_allowed)
{
    fake_qxl_poll(qxl);
    const GuestSurface *primary = &qxl->surfaces[0];
    if (!fake_qxl_has_primary(qxl) || count == 0 || count > MONITORS_MAX || primary->width < count) {
        return false;
    }
    const uint32_t block =
        block_new(qxl, AREA_RAM, sizeof(QXLMonitorsConfig) + count * sizeof(QXLHead), "a monitors config");
    Cookie *cookie = block == BLOCK_NONE ? NULL : cookie_new(qxl, COOKIE_MONITORS, block);
    if (cookie == NULL) {
        block_free(qxl, block);
        return false;
    }
    QXLMonitorsConfig *config = block_memory(qxl, block);
    config->count = (uint16_t)count;
    config->max_allowed = (uint16_t)max_allowed;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = (uint32_t)((uint64_t)primary->width * i / count);
        const uint32_t right = (uint32_t)((uint64_t)primary->width * (i + 1) / count);
        config->heads[i] = (QXLHead){.id = i, .width = right - left, .height = primary->height, .x = left};
    }
    spice_qxl_monitors_config_async(&qxl->instance, block_address(qxl, block, 0), GROUP_GUEST, cookie->value);
    return true;
}

bool fake_qxl_update_area(FakeQxl *qxl, uint32_t surface, const QXLRect *area, bool async)
{
    fake_qxl_poll(qxl);
    if (surface >= qxl->surface_count || qxl->surfaces[surface].state != SURFACE_LIVE) {
        return false;
    }
    QXLRect rect = *area;
    if (!async) {
        QXLRect dirty[4];
        memset(dirty, 0xff, sizeof dirty);
        spice_qxl_update_area(&qxl->instance, surface, &rect, dirty, 4, 1);
        for (int i = 0; i < 4; i++) {
            if (dirty[i].left < 0 || dirty[i].left > dirty[i].right || dirty[i].top > dirty[i].bottom) {
                violation(qxl, "update_area: dirty rectangle %d was not written", i);
            }
        }
        return true;
    }
    Cookie *cookie = cookie_new(qxl, COOKIE_UPDATE_AREA, BLOCK_NONE);
    if (cookie == NULL) {
        return false;
    }
    cookie->surface = surface;
    cookie->area = rect;
    spice_qxl_update_area_async(&qxl->instance, surface, &cookie->area, 1, cookie->value);
    return true;
}

bool fake_qxl_flush_surfaces(FakeQxl *qxl)
{
    fake_qxl_poll(qxl);
    const Cookie *cookie = qxl->connected ? cookie_new(qxl, COOKIE_FLUSH, BLOCK_NONE) : NULL;
    if (cookie == NULL) {
        return false;
    }
    spice_qxl_flush_surfaces_async(&qxl->instance, cookie->value);
    return true;
}

void fake_qxl_oom(FakeQxl *qxl)
{
    fake_qxl_poll(qxl);
    spice_qxl_oom(&qxl->instance);
}

void cookie_finish(FakeQxl *qxl, Cookie *cookie)
{
    block_free(qxl, cookie->block);
    switch (cookie->kind) {
    case COOKIE_PRIMARY_CREATE:
        qxl->surfaces[0].state = SURFACE_LIVE;
        break;
    case COOKIE_PRIMARY_DESTROY:
        primary_gone(qxl);
        break;
    case COOKIE_SURFACE_DESTROY:
        surface_deadline(qxl, &qxl->surfaces[cookie->surface], "destroy_surface_async");
        qxl->surfaces[cookie->surface].call_pending = false;
        break;
    case COOKIE_SURFACES_DESTROY:
        surfaces_gone(qxl, "destroy_surfaces_async");
        break;
    case COOKIE_MONITORS:
    case COOKIE_UPDATE_AREA:
    case COOKIE_FLUSH:
    case COOKIE_SPARE_ADD:
        break;
    }
}
