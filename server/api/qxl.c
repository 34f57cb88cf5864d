/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl.c: what a host's device asks of its worker: the spice_qxl_* functions.
 *
 * A function that waits is a called request (display/requests.h); one that ends with async_complete() a posted one, which
 * completes whatever it was asked for, and however wrong that was. Those that the public header marks A touch nothing
 * of the main domain's.
 *
 * Pictures made by a GPU are not built yet: their descriptors are closed, and draws complete at once.
 */
#include "api/server.h"
#include "core/host.h"
#include "display/requests.h"

#define GL_PLANES_MAX 4u

/* NULL with a warning that names the function: no instance, or one that is not plugged in. */
static RedWorker *worker_of(const QXLInstance *instance, const char *function)
{
    if (instance == NULL || instance->st == NULL) {
        api_warn(NULL, "%s: called without a device that is plugged in", function);
        return NULL;
    }
    return instance->st;
}

static void complain(const RedWorker *worker, const char *function, const char *what)
{
    core_log(worker->core, CORE_LOG_WARNING, "%s: display %d: %s", function, worker->qxl->id, what);
}

/* False with a warning: the host left out what it must give. */
static bool is_given(const RedWorker *worker, const void *pointer, const char *function)
{
    if (pointer == NULL) {
        complain(worker, function, "an argument is NULL");
    }
    return pointer != NULL;
}

static void complete_nothing(RedWorker *worker, const char *function, uint64_t cookie)
{
    red_worker_post_async(worker, function, request_nothing, NULL, 0, cookie);
}

/* ---- The rings ---- */

void spice_qxl_wakeup(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_wakeup(worker);
    }
}

void spice_qxl_oom(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_oom(worker);
    }
}

void spice_qxl_start(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_start(worker);
    }
}

void spice_qxl_stop(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_stop(worker);
    }
}

void spice_qxl_loadvm_commands(QXLInstance *instance, QXLCommandExt *ext, uint32_t count)
{
    RedWorker *worker = worker_of(instance, __func__);
    RequestCommands request = {ext, count};

    if (worker != NULL && count > 0 && is_given(worker, ext, __func__)) {
        red_worker_call(worker, __func__, request_loadvm_commands, &request);
    }
}

/* ---- Pixels ---- */

void spice_qxl_update_area(QXLInstance *instance, uint32_t surface_id, QXLRect *area, QXLRect *dirty_rects,
                           uint32_t num_dirty_rects, uint32_t clear_dirty_region)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL && is_given(worker, area, __func__)) {
        RequestUpdateArea request = {.surface_id = surface_id,
                                     .area = *area,
                                     .dirty = dirty_rects,
                                     .dirty_len = num_dirty_rects,
                                     .clear = clear_dirty_region != 0};
        red_worker_call(worker, __func__, request_update_area, &request);
    }
}

void spice_qxl_update_area_async(QXLInstance *instance, uint32_t surface_id, QXLRect *qxl_area,
                                 uint32_t clear_dirty_region, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker == NULL) {
        return;
    }
    if (!is_given(worker, qxl_area, __func__)) {
        complete_nothing(worker, __func__, cookie);
        return;
    }
    const RequestUpdateArea request = {
        .surface_id = surface_id, .area = *qxl_area, .clear = clear_dirty_region != 0, .completes = true};
    red_worker_post_async(worker, __func__, request_update_area, &request, sizeof request, cookie);
}

void spice_qxl_flush_surfaces_async(QXLInstance *instance, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_post_async(worker, __func__, request_flush_surfaces, NULL, 0, cookie);
    }
}

/* ---- Guest memory ---- */

static Memslot memslot_of(const QXLDevMemSlot *slot)
{
    return (Memslot){.group = slot->slot_group_id,
                     .id = slot->slot_id,
                     .generation = slot->generation,
                     .virt_start = slot->virt_start,
                     .virt_end = slot->virt_end,
                     .addr_delta = slot->addr_delta};
}

void spice_qxl_add_memslot(QXLInstance *instance, QXLDevMemSlot *slot)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL && is_given(worker, slot, __func__)) {
        Memslot memslot = memslot_of(slot);
        red_worker_call(worker, __func__, request_add_memslot, &memslot);
    }
}

void spice_qxl_add_memslot_async(QXLInstance *instance, QXLDevMemSlot *slot, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker == NULL) {
        return;
    }
    if (!is_given(worker, slot, __func__)) {
        complete_nothing(worker, __func__, cookie);
        return;
    }
    const Memslot memslot = memslot_of(slot);
    red_worker_post_async(worker, __func__, request_add_memslot, &memslot, sizeof memslot, cookie);
}

void spice_qxl_del_memslot(QXLInstance *instance, uint32_t slot_group_id, uint32_t slot_id)
{
    RedWorker *worker = worker_of(instance, __func__);
    RequestMemslot request = {slot_group_id, slot_id};

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_del_memslot, &request);
    }
}

void spice_qxl_reset_memslots(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_reset_memslots, NULL);
    }
}

/* ---- Surfaces ---- */

void spice_qxl_create_primary_surface(QXLInstance *instance, uint32_t surface_id,
                                      QXLDevSurfaceCreate *surface)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL && is_given(worker, surface, __func__)) {
        RequestPrimary request = {surface_id, *surface};
        red_worker_call(worker, __func__, request_create_primary, &request);
    }
}

void spice_qxl_create_primary_surface_async(QXLInstance *instance, uint32_t surface_id,
                                            QXLDevSurfaceCreate *surface, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker == NULL) {
        return;
    }
    if (!is_given(worker, surface, __func__)) {
        complete_nothing(worker, __func__, cookie);
        return;
    }
    const RequestPrimary request = {surface_id, *surface};
    red_worker_post_async(worker, __func__, request_create_primary, &request, sizeof request, cookie);
}

void spice_qxl_destroy_primary_surface(QXLInstance *instance, uint32_t surface_id)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_destroy_primary, &surface_id);
    }
}

void spice_qxl_destroy_primary_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_post_async(worker, __func__, request_destroy_primary, &surface_id, sizeof surface_id,
                              cookie);
    }
}

void spice_qxl_destroy_surface_wait(QXLInstance *instance, uint32_t surface_id)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_destroy_surface, &surface_id);
    }
}

void spice_qxl_destroy_surface_async(QXLInstance *instance, uint32_t surface_id, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_post_async(worker, __func__, request_destroy_surface, &surface_id, sizeof surface_id,
                              cookie);
    }
}

void spice_qxl_destroy_surfaces(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_destroy_surfaces, NULL);
    }
}

void spice_qxl_destroy_surfaces_async(QXLInstance *instance, uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_post_async(worker, __func__, request_destroy_surfaces, NULL, 0, cookie);
    }
}

void spice_qxl_reset_image_cache(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_reset_image_cache, NULL);
    }
}

void spice_qxl_reset_cursor(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_call(worker, __func__, request_reset_cursor, NULL);
    }
}

/* ---- Monitors ---- */

void spice_qxl_monitors_config_async(QXLInstance *instance, QXLPHYSICAL monitors_config, int group_id,
                                     uint64_t cookie)
{
    RedWorker *worker = worker_of(instance, __func__);
    const RequestMonitors request = {monitors_config, (uint32_t)group_id};

    if (worker != NULL) {
        red_worker_post_async(worker, __func__, request_monitors_config, &request, sizeof request, cookie);
    }
}

void spice_qxl_driver_unload(QXLInstance *instance)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        red_worker_post(worker, __func__, request_driver_unload, NULL, 0);
    }
}

static void set_max_monitors(RedWorker *worker, uint32_t max_monitors)
{
    const uint32_t most = max_monitors > 0 ? max_monitors : 1;

    red_worker_post(worker, __func__, request_set_max_monitors, &most, sizeof most);
}

void spice_qxl_set_max_monitors(QXLInstance *instance, unsigned int max_monitors)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker != NULL) {
        API_ENTRY(server, red_worker_reds(worker));
        set_max_monitors(worker, max_monitors);
    }
}

void spice_qxl_set_device_info(QXLInstance *instance, const char *device_address,
                               uint32_t device_display_id_start, uint32_t device_display_id_count)
{
    RedWorker *worker = worker_of(instance, __func__);

    if (worker == NULL || !is_given(worker, device_address, __func__)) {
        return;
    }
    const size_t length = strnlen(device_address, WORKER_DEVICE_ADDRESS_BYTES);
    if (length >= WORKER_DEVICE_ADDRESS_BYTES || device_display_id_count > WORKER_DEVICE_DISPLAYS_MAX) {
        complain(worker, __func__,
                 "the address is longer than 255 bytes, or there are more than 16 displays");
        return;
    }
    API_ENTRY(server, red_worker_reds(worker));
    WorkerDeviceInfo info = {.display_id_start = device_display_id_start,
                             .display_id_count = device_display_id_count};
    memcpy(info.address, device_address, length);
    worker->device_info = info;
    set_max_monitors(worker, device_display_id_count);
    (void)server;
}

/* ---- Pictures made by a GPU ---- */

static void close_all(const RedWorker *worker, const int *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            worker->core->close(worker->core, fds[i]);
        }
    }
}

void spice_qxl_gl_scanout(QXLInstance *qxl, int fd, uint32_t width, uint32_t height, uint32_t stride,
                          uint32_t format, int y_0_top)
{
    RedWorker *worker = worker_of(qxl, __func__);

    (void)width;
    (void)height;
    (void)stride;
    (void)format;
    (void)y_0_top;
    if (worker != NULL) {
        close_all(worker, &fd, 1);
    }
}

void spice_qxl_gl_scanout2(QXLInstance *qxl, const int *fd, uint32_t width, uint32_t height,
                           const uint32_t *offset, const uint32_t *stride, uint32_t num_planes,
                           uint32_t format, uint64_t modifier, int y_0_top)
{
    RedWorker *worker = worker_of(qxl, __func__);

    (void)width;
    (void)height;
    (void)offset;
    (void)stride;
    (void)format;
    (void)modifier;
    (void)y_0_top;
    if (worker == NULL || num_planes == 0 || !is_given(worker, fd, __func__)) {
        return;
    }
    if (num_planes > GL_PLANES_MAX) {
        complain(worker, __func__, "more than 4 planes"); /* and so are the entries of a caller's array */
    }
    close_all(worker, fd, MIN(num_planes, GL_PLANES_MAX));
}

void spice_qxl_gl_draw_async(QXLInstance *qxl, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                             uint64_t cookie)
{
    RedWorker *worker = worker_of(qxl, __func__);

    (void)x;
    (void)y;
    (void)w;
    (void)h;
    if (worker == NULL || worker->interface->async_complete == NULL) {
        return;
    }
    API_ENTRY(server, red_worker_reds(worker));
    host_loop_call_out(server->reds.loop);
    worker->interface->async_complete(worker->qxl, cookie);
    host_loop_call_back(server->reds.loop);
}
