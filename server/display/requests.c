/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/requests.h"

/* ---- Memslots ---- */

static bool lies_in(const HeldCommand *held, uint32_t group, uint32_t id)
{
    return held->release.info != NULL && held->release.group_id == group && held->slot == id;
}

/* The memory goes, the surface stays: its pixels move. Without memory for that it goes, too. */
static void move_surface(RedWorker *worker, uint32_t id, uint64_t now_ns)
{
    if (surface_move(&worker->surfaces, &worker->surfaces.surfaces[id]) != STATUS_OK) {
        worker_fault(worker, &(QxlFault){.why = "there is none to keep its pixels in", .value = id},
                     "a surface without memory", now_ns);
        (void)worker_destroy_surface(worker, id, now_ns);
    }
}

/* Gives back what was taken out of a memslot and is still held; shape and surface stay, as they have their own copies. */
static void let_go_of_slot(RedWorker *worker, uint32_t group, uint32_t id, uint64_t now_ns)
{
    worker_let_go(worker, now_ns);
    if (lies_in(&worker->cursor_command, group, id)) {
        worker_release(worker, &worker->cursor_command);
    }
    for (uint32_t i = 0; i < worker->surfaces.len; i++) {
        if (lies_in(&worker->surfaces.surfaces[i].create, group, id)) {
            worker_release(worker, &worker->surfaces.surfaces[i].create);
        }
        const Surface *surface = surfaces_find(&worker->surfaces, i);
        if (surface != NULL && surface->group == group && surface->slot == id) {
            move_surface(worker, i, now_ns);
        }
    }
}

void request_add_memslot(RedWorker *worker, void *args, uint64_t now_ns)
{
    const Memslot *slot = args;

    let_go_of_slot(worker, slot->group, slot->id, now_ns); /* of one that is replaced */
    if (memslots_add(worker->slots, slot) != STATUS_OK) {
        worker_fault(
            worker,
            &(QxlFault){.why = "no such group or id, or its end is before its start", .value = slot->id},
            "a memslot", now_ns);
    }
}

void request_del_memslot(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestMemslot *slot = args;

    let_go_of_slot(worker, slot->group, slot->id, now_ns);
    if (memslots_remove(worker->slots, slot->group, slot->id) != STATUS_OK) {
        worker_fault(worker, &(QxlFault){.why = "no such group or id", .value = slot->id},
                     "the end of a memslot", now_ns);
    }
}

void request_reset_memslots(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    worker_let_go(worker, now_ns);
    worker_release(worker, &worker->cursor_command);
    for (uint32_t i = 0; i < worker->surfaces.len; i++) {
        worker_release(worker, &worker->surfaces.surfaces[i].create);
        if (surfaces_find(&worker->surfaces, i) != NULL) {
            move_surface(worker, i, now_ns);
        }
    }
    memslots_reset(worker->slots);
}

/* ---- The primary ---- */

static void show_whole_primary(RedWorker *worker, const QxlGeometry *geometry)
{
    const QxlMonitors monitors = {
        .count = 1,
        .max_allowed = 1,
        .heads = {{.surface_id = SURFACE_PRIMARY, .width = geometry->width, .height = geometry->height}},
    };
    /* A driver that says monitors configs will say one for this primary, too. */
    display_channel_set_monitors(worker->display, &monitors, !worker->driver_sets_monitors);
}

void request_create_primary(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestPrimary *request = args;
    const QXLDevSurfaceCreate *create = &request->create;
    const QxlGeometry geometry = {create->width, create->height, create->format, create->stride};
    HeldCommand none = {0};
    const void *pixels;
    QxlFault fault;

    if (request->surface_id != SURFACE_PRIMARY || create->type != QXL_SURF_TYPE_PRIMARY) {
        worker_fault(worker,
                     &(QxlFault){.why = "its id and its type must be 0", .value = request->surface_id},
                     "a primary surface", now_ns);
    } else if (qxl_surface_check(worker->slots, create->group_id, create->mem, &geometry, &fault) !=
               STATUS_OK) {
        worker_fault(worker, &fault, "a primary surface", now_ns);
    } else if (worker_create_surface(worker, SURFACE_PRIMARY, &geometry, create->group_id, create->mem,
                                     (create->flags & QXL_SURF_FLAG_KEEP_DATA) != 0, &none, &pixels,
                                     &fault) != STATUS_OK) {
        worker_fault(worker, &fault, "a primary surface", now_ns);
    } else {
        recorder_primary_create(worker->recorder, create, pixels, now_ns);
        show_whole_primary(worker, &geometry);
        cursor_channel_init_clients(worker->cursor);
        worker_report_primary(worker, true, geometry.width, geometry.height, create->mouse_mode != 0);
    }
}

void request_destroy_primary(RedWorker *worker, void *args, uint64_t now_ns)
{
    const uint32_t id = *(const uint32_t *)args;

    rings_drain_both(worker, now_ns);
    worker_let_go(worker, now_ns);
    if (id != SURFACE_PRIMARY || !worker_destroy_surface(worker, SURFACE_PRIMARY, now_ns)) {
        worker_fault(worker, &(QxlFault){.why = "there is none of that id", .value = id},
                     "the end of the primary surface", now_ns);
        return;
    }
    worker_reset_cursor(worker);
}

/* ---- Surfaces ---- */

void request_destroy_surface(RedWorker *worker, void *args, uint64_t now_ns)
{
    const uint32_t id = *(const uint32_t *)args;

    rings_drain_commands(worker, now_ns);
    worker_let_go(worker, now_ns);
    (void)worker_destroy_surface(worker, id,
                                 now_ns); /* a driver asks to be sure, whether there is one or not */
}

void request_destroy_surfaces(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    rings_drain_both(worker, now_ns);
    worker_let_go(worker, now_ns);
    for (uint32_t id = 0; id < worker->surfaces.len; id++) {
        (void)worker_destroy_surface(worker, id, now_ns);
    }
    display_channel_inval_palettes(worker->display);
    worker_reset_cursor(worker);
}

/* What was drawn since the guest last asked, all over the surface; the rest of `rects` is zero. Returns how many. */
static uint32_t dirty_rects(Surface *surface, QXLRect *rects, uint32_t len)
{
    int count;
    const pixman_box32_t *boxes = pixman_region32_rectangles(&surface->dirty, &count);
    pixman_box32_t all;

    memset(rects, 0, len * sizeof *rects);
    if (len == 0 || count == 0) {
        return 0;
    }
    if ((uint32_t)count > len) {
        all = *pixman_region32_extents(&surface->dirty);
        boxes = &all;
        count = 1;
    }
    for (int i = 0; i < count; i++) {
        rects[i] =
            (QXLRect){.left = boxes[i].x1, .top = boxes[i].y1, .right = boxes[i].x2, .bottom = boxes[i].y2};
    }
    return (uint32_t)count;
}

void request_update_area(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestUpdateArea *request = args;
    QXLRect rects[SURFACE_DIRTY_RECTS_MAX];
    uint32_t count = 0;

    rings_drain_commands(worker, now_ns);
    Surface *surface = surfaces_find(&worker->surfaces, request->surface_id);
    if (surface == NULL) {
        if (request->dirty != NULL) {
            memset(request->dirty, 0, request->dirty_len * sizeof(QXLRect));
        }
    } else {
        current_render(&worker->current, request->surface_id, now_ns);
        count = request->dirty != NULL ? dirty_rects(surface, request->dirty, request->dirty_len)
                                       : dirty_rects(surface, rects, SURFACE_DIRTY_RECTS_MAX);
        if (request->clear) {
            pixman_region32_clear(&surface->dirty);
        }
    }
    if (request->completes && worker->interface->update_area_complete != NULL) {
        if (count == 0) {
            rects[0] = (QXLRect){0};
        }
        worker->interface->update_area_complete(worker->qxl, request->surface_id, rects, count);
    }
}

void request_flush_surfaces(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    rings_drain_both(worker, now_ns);
    worker_let_go(worker, now_ns);
}

/* ---- Others ---- */

/* No image that was sent so far may be kept by clients. */
void request_reset_image_cache(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    (void)now_ns;
    display_channel_inval_images(worker->display);
}

void request_reset_cursor(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    (void)now_ns;
    worker_reset_cursor(worker);
}

/* The machine stands still, but its memory is there: the host says so by calling. */
void request_loadvm_commands(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestCommands *request = args;

    for (uint32_t i = 0; i < request->count; i++) {
        const QXLCommandExt *command = &request->commands[i];
        switch (command->cmd.type) {
        case QXL_CMD_CURSOR:
            worker_process(worker, QXL_RING_CURSOR, command, now_ns);
            break;
        case QXL_CMD_SURFACE:
            worker_process(worker, QXL_RING_COMMANDS, command, now_ns);
            break;
        default:
            worker_fault(worker,
                         &(QxlFault){.why = "only cursors and surfaces are", .value = command->cmd.type},
                         "a restored command", now_ns);
            break;
        }
    }
}

void request_monitors_config(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestMonitors *request = args;
    QxlMonitors monitors;
    QxlFault fault;

    worker->driver_sets_monitors = true;
    if (qxl_monitors_read(worker->slots, request->group, request->address, worker->monitors_max, &monitors,
                          &fault) != STATUS_OK) {
        worker_fault(worker, &fault, "a monitors config", now_ns);
        return;
    }
    display_channel_set_monitors(worker->display, &monitors, true);
}

void request_driver_unload(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    (void)now_ns;
    worker->driver_sets_monitors = false;
}

void request_set_max_monitors(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)now_ns;
    worker->monitors_max = *(const uint32_t *)args;
}

void request_nothing(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)worker;
    (void)args;
    (void)now_ns;
}
