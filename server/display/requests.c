/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/requests.h"

static void complain(RedWorker *worker, const char *what, const QxlFault *fault)
{
    core_log(worker->core, CORE_LOG_WARNING, "display %d: %s ignored: %s (%#llx)", worker->qxl->id, what,
             fault->why, (unsigned long long)fault->value);
}

/* ---- Memslots ---- */

static bool lies_in(const HeldCommand *held, uint32_t group, uint32_t id)
{
    return held->release.info != NULL && held->release.group_id == group && held->slot == id;
}

/* Gives back what was taken out of a memslot and is still held; shape and surface stay, as they have their own copies. */
static void let_go_of_slot(RedWorker *worker, uint32_t group, uint32_t id)
{
    if (lies_in(&worker->cursor_command, group, id)) {
        worker_release(worker, &worker->cursor_command);
    }
    for (uint32_t i = 0; i < worker->surfaces.len; i++) {
        if (lies_in(&worker->surfaces.surfaces[i].create, group, id)) {
            worker_release(worker, &worker->surfaces.surfaces[i].create);
        }
    }
}

void request_add_memslot(RedWorker *worker, void *args, uint64_t now_ns)
{
    const Memslot *slot = args;

    (void)now_ns;
    let_go_of_slot(worker, slot->group, slot->id); /* of one that is replaced */
    if (memslots_add(worker->slots, slot) != STATUS_OK) {
        complain(worker, "a memslot",
                 &(QxlFault){"no such group or id, or its end is before its start", slot->id});
    }
}

void request_del_memslot(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestMemslot *slot = args;

    (void)now_ns;
    let_go_of_slot(worker, slot->group, slot->id);
    if (memslots_remove(worker->slots, slot->group, slot->id) != STATUS_OK) {
        complain(worker, "the end of a memslot", &(QxlFault){"no such group or id", slot->id});
    }
}

void request_reset_memslots(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    (void)now_ns;
    worker_release(worker, &worker->cursor_command);
    for (uint32_t i = 0; i < worker->surfaces.len; i++) {
        worker_release(worker, &worker->surfaces.surfaces[i].create);
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
    QxlFault fault;

    (void)now_ns;
    if (request->surface_id != SURFACE_PRIMARY || create->type != QXL_SURF_TYPE_PRIMARY) {
        complain(worker, "a primary surface",
                 &(QxlFault){"its id and its type must be 0", request->surface_id});
    } else if (qxl_surface_check(worker->slots, create->group_id, create->mem, &geometry, &fault) !=
               STATUS_OK) {
        complain(worker, "a primary surface", &fault);
    } else if (!worker_create_surface(worker, SURFACE_PRIMARY, &geometry, &none)) {
        complain(worker, "a primary surface", &(QxlFault){"there is one", 0});
    } else {
        show_whole_primary(worker, &geometry);
        cursor_channel_init_clients(worker->cursor);
        worker_report_primary(worker, true, geometry.width, geometry.height, create->mouse_mode != 0);
    }
}

void request_destroy_primary(RedWorker *worker, void *args, uint64_t now_ns)
{
    const uint32_t id = *(const uint32_t *)args;

    rings_drain_both(worker, now_ns);
    if (id != SURFACE_PRIMARY || !worker_destroy_surface(worker, SURFACE_PRIMARY)) {
        complain(worker, "the end of the primary surface", &(QxlFault){"there is none of that id", id});
        return;
    }
    worker_reset_cursor(worker);
}

/* ---- Surfaces ---- */

void request_destroy_surface(RedWorker *worker, void *args, uint64_t now_ns)
{
    const uint32_t id = *(const uint32_t *)args;

    rings_drain_commands(worker, now_ns);
    (void)worker_destroy_surface(worker, id); /* a driver asks to be sure, whether there is one or not */
}

void request_destroy_surfaces(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    rings_drain_both(worker, now_ns);
    for (uint32_t id = 0; id < worker->surfaces.len; id++) {
        (void)worker_destroy_surface(worker, id);
    }
    display_channel_inval_palettes(worker->display);
    worker_reset_cursor(worker);
}

/* Without a canvas nothing is drawn but by the guest itself, in its own memory: nothing is ever dirty. */
void request_update_area(RedWorker *worker, void *args, uint64_t now_ns)
{
    const RequestUpdateArea *request = args;

    rings_drain_commands(worker, now_ns);
    if (request->dirty != NULL) {
        memset(request->dirty, 0, request->dirty_len * sizeof(QXLRect));
    }
    if (request->completes && worker->interface->update_area_complete != NULL) {
        QXLRect none = {0};
        worker->interface->update_area_complete(worker->qxl, request->surface_id, &none, 0);
    }
}

void request_flush_surfaces(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    rings_drain_both(worker, now_ns);
}

/* ---- Others ---- */

/* No image that was sent so far may be kept by clients; palettes are all they could have. */
void request_reset_image_cache(RedWorker *worker, void *args, uint64_t now_ns)
{
    (void)args;
    (void)now_ns;
    display_channel_inval_palettes(worker->display);
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
            complain(worker, "a restored command",
                     &(QxlFault){"only cursors and surfaces are", command->cmd.type});
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
