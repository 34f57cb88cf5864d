/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* commands.c: what a command of the guest does.
 *
 * A command is owed back to the device from the moment its release info is known, and is given back when it has been
 * carried out or refused, once; unless it is kept: by the surface that it made, by the cursor that it set, or by the
 * drawable whose pixels lie in guest memory.
 */
#include "display/worker.h"
#include "qxl/guest_copy.h"

#define PINNED_PART 4u          /* drawables keep at most one in so many bytes of their memslot */
#define FAULT_PAUSE_NS NS_PER_S /* ns between log lines about the guest */

/* ---- What the device lent ---- */

void worker_release(RedWorker *worker, HeldCommand *held)
{
    if (held->release.info != NULL) {
        const QXLReleaseInfoExt release = held->release;
        *held = (HeldCommand){0};
        worker->interface->release_resource(worker->qxl, release);
    }
}

static HeldCommand take(HeldCommand *from)
{
    const HeldCommand taken = *from;

    *from = (HeldCommand){0};
    return taken;
}

/* ---- Faults ---- */

void worker_fault(RedWorker *worker, const QxlFault *fault, const char *what, uint64_t now_ns)
{
    const CoreLogLevel level = fault->usual ? CORE_LOG_DEBUG : CORE_LOG_WARNING;
    uint64_t *next_ns = &worker->next_fault_ns[fault->usual];
    uint32_t *unsaid = &worker->faults_unsaid[fault->usual];

    if (now_ns < *next_ns) {
        (*unsaid)++;
        return;
    }
    core_log(worker->core, level, "display %d: %s dropped: %s (%#llx); %u more since the last such line",
             worker->qxl->id, what, fault->why, (unsigned long long)fault->value, *unsaid);
    *unsaid = 0;
    *next_ns = now_ns + FAULT_PAUSE_NS;
}

/* ---- Surfaces ---- */

Status worker_create_surface(RedWorker *worker, uint32_t id, const QxlGeometry *geometry, uint32_t group,
                             uint64_t address, bool keep, HeldCommand *take_command, const void **ret_pixels,
                             QxlFault *ret_fault)
{
    GuestRange range;
    Surface *surface;

    /* All of it lies there: qxl_surface_check() has said so. */
    Status status = memslots_find(worker->slots, group, address, 1, &range, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    const SurfacePixels pixels = {.host = range.host, .group = group, .slot = range.slot, .keep = keep};
    status = surfaces_create(&worker->surfaces, id, geometry, &pixels, &surface, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    surface->create = take(take_command);
    *ret_pixels = (const void *)range.host;
    display_channel_sync(worker->display);
    return STATUS_OK;
}

bool worker_destroy_surface(RedWorker *worker, uint32_t id, uint64_t now_ns)
{
    Surface *surface = surfaces_find(&worker->surfaces, id);

    if (surface == NULL) {
        return false;
    }
    current_forget(&worker->current, id, now_ns);
    HeldCommand held = take(&surface->create);
    surfaces_destroy(&worker->surfaces, surface);
    worker_release(worker, &held);
    display_channel_sync(worker->display);
    if (id == SURFACE_PRIMARY) {
        recorder_primary_destroy(worker->recorder, now_ns);
        worker_report_primary(worker, false, 0, 0, false);
    } else {
        recorder_surface_destroy(worker->recorder, id, now_ns);
    }
    return true;
}

static Status do_surface(RedWorker *worker, const QxlSurface *command, HeldCommand *owed, uint64_t now_ns,
                         QxlFault *ret_fault)
{
    if (command->destroy) {
        return worker_destroy_surface(worker, command->id, now_ns)
                   ? STATUS_OK
                   : qxl_fault(ret_fault, "there is no such surface to destroy", command->id);
    }
    /* A machine that stands still restores what it was saved with: the pixels are there. */
    const bool keep = command->keep_data || !worker->running;
    const void *pixels;
    if (!keep) { /* all of it is cleared */
        const int64_t stride = command->geometry.stride;
        worker->current.set.work +=
            (uint64_t)(stride < 0 ? -stride : stride) * command->geometry.height / QXL_BYTES_PER_STEP;
    }
    const Status status =
        worker_create_surface(worker, command->id, &command->geometry, owed->release.group_id,
                              command->address, keep, owed, &pixels, ret_fault);
    if (status == STATUS_OK) {
        recorder_surface_create(worker->recorder, command->id, &command->geometry, keep ? pixels : NULL,
                                now_ns);
    }
    return status;
}

/* ---- Cursor ---- */

static Status do_cursor_set(RedWorker *worker, const QxlCursor *command, HeldCommand *owed, uint64_t now_ns,
                            QxlFault *ret_fault)
{
    const QxlShape *from = &command->shape;
    const WireCursorHeader header = {.unique = from->unique,
                                     .type = from->type,
                                     .width = from->width,
                                     .height = from->height,
                                     .hot_spot_x = from->hot_x,
                                     .hot_spot_y = from->hot_y};
    CursorShape *shape = cursor_shape_new(worker->core, &header, from->bytes);

    if (shape == NULL) {
        *ret_fault = (QxlFault){.why = "no memory for a cursor", .value = from->bytes};
        return STATUS_LIMIT;
    }
    const Status status =
        qxl_shape_copy(worker->slots, from, shape->data, &shape->len, &worker->current.set.work, ret_fault);
    if (status != STATUS_OK) {
        cursor_shape_unref(shape);
        return status;
    }
    recorder_cursor(worker->recorder, command, shape->data, shape->len, now_ns);
    cursor_channel_set(worker->cursor, command->x, command->y, command->visible, shape);
    HeldCommand before = worker->cursor_command;
    worker->cursor_command = take(owed);
    worker_release(worker, &before);
    return STATUS_OK;
}

static Status do_cursor(RedWorker *worker, const QxlCursor *command, HeldCommand *owed, uint64_t now_ns,
                        QxlFault *ret_fault)
{
    if (command->type == QXL_CURSOR_SET) {
        return do_cursor_set(worker, command, owed, now_ns, ret_fault);
    }
    recorder_cursor(worker->recorder, command, NULL, 0, now_ns);
    switch (command->type) {
    case QXL_CURSOR_MOVE:
        cursor_channel_move(worker->cursor, command->x, command->y);
        return STATUS_OK;
    case QXL_CURSOR_HIDE:
        cursor_channel_hide(worker->cursor);
        return STATUS_OK;
    default:
        cursor_channel_trail(worker->cursor, command->trail_length, command->trail_frequency);
        return STATUS_OK;
    }
}

void worker_reset_cursor(RedWorker *worker)
{
    cursor_channel_reset(worker->cursor);
    worker_release(worker, &worker->cursor_command);
}

/* ---- The others ---- */

static void *drawable_alloc(void *opaque, size_t bytes)
{
    const Core *core = ((RedWorker *)opaque)->core;

    return core->alloc(core, bytes);
}

static void drawable_free_memory(void *opaque, void *memory)
{
    const Core *core = ((RedWorker *)opaque)->core;

    core->free(core, memory);
}

static bool find_surface(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Surface *surface = surfaces_find(&((RedWorker *)opaque)->surfaces, id);

    if (surface == NULL) {
        return false;
    }
    *ret_geometry = surface->geometry;
    return true;
}

void worker_init_drawing(RedWorker *worker)
{
    const QxlMemory memory = {.alloc = drawable_alloc, .free = drawable_free_memory, .opaque = worker};

    list_init(&worker->drawables);
    spares_init(&worker->spare_drawables, sizeof(Drawable));
    spares_init(&worker->spare_blocks, QXL_ARENA_BLOCK_BYTES);
    current_init(&worker->current, worker, &worker->surfaces, &memory);
}

void worker_finish_drawing(RedWorker *worker)
{
    void *spare;

    current_finish(&worker->current);
    while ((spare = spares_take(&worker->spare_drawables)) != NULL) {
        g_free(spare);
    }
    while ((spare = spares_take(&worker->spare_blocks)) != NULL) {
        drawable_free_memory(worker, spare);
    }
}

/* A guest that gets back little of its memory must wait, and asks us to help (oom): it shall not have to because some client
 * does not read, or nobody looks. So the oldest drawables live on in copies. */
static void keep_to_part(RedWorker *worker, uint32_t group, uint32_t slot, uint64_t now_ns)
{
    const uint64_t part = memslots_bytes(worker->slots, group, slot) / PINNED_PART;
    const uint64_t *pinned = &worker->pinned[group][slot];

    if (*pinned <= part || part == 0) { /* there is none of that id, but one of a larger */
        return;
    }
    list_each_removable(&worker->drawables, node)
    {
        Drawable *drawable = list_entry(node, Drawable, in_worker);
        if (*pinned <= part / 2) { /* so that they are not looked through for each command */
            return;
        }
        if (drawable->held.release.group_id != group || drawable_pins(drawable, slot) == 0 ||
            drawable->holds > 0) {
            continue;
        }
        worker->current.set.work += drawable->pinned_pixels / QXL_BYTES_PER_STEP;
        if (drawable_let_go(drawable) != STATUS_OK) {
            return; /* no memory: it stays where it is */
        }
    }
    if (*pinned > part) {
        worker_let_go(worker, now_ns); /* bytes on their way to clients, too */
    }
}

static Status do_draw(RedWorker *worker, QxlDrawable *qxl, HeldCommand *owed, uint64_t now_ns)
{
    recorder_draw(worker->recorder, qxl, now_ns);
    /* It exists: the drawable was read just now. */
    const Surface *surface = surfaces_find(&worker->surfaces, qxl->surface_id);
    Drawable *drawable =
        drawable_new(worker, &worker->drawables, display_channel_drawable_type(), qxl, owed, surface);

    if (box_has_pixels(&drawable->extents) && qxl->type != QXL_DRAW_NOP) {
        current_add(&worker->current, drawable);
        display_channel_draw(worker->display, drawable);
        current_trim(&worker->current, now_ns);
    }
    const uint32_t group = drawable->held.release.group_id;
    const uint64_t own_slot = UINT64_C(1) << drawable->held.slot % WORKER_PIN_SLOTS;
    const uint64_t slots = drawable->pinned > 0 ? own_slot | drawable->pixel_slots : 0;
    pipe_item_unref(&drawable->item); /* before anything is copied: it may be needed no more */
    for (uint32_t slot = 0; slots != 0 && slot < WORKER_PIN_SLOTS; slot++) {
        if ((slots >> slot & 1) != 0) {
            keep_to_part(worker, group, slot, now_ns);
        }
    }
    return STATUS_OK;
}

void worker_let_go(RedWorker *worker, uint64_t now_ns)
{
    current_render_all(&worker->current, now_ns);
    display_channel_let_go(worker->display, &worker->drawables, now_ns);
}

/* The guest wants to read pixels. */
static Status do_update(RedWorker *worker, const QxlUpdate *update, uint64_t now_ns, QxlFault *ret_fault)
{
    if (surfaces_find(&worker->surfaces, update->surface_id) == NULL) {
        return qxl_fault(ret_fault, "an update of a surface that does not exist", update->surface_id);
    }
    recorder_update(worker->recorder, update, now_ns);
    current_render(&worker->current, update->surface_id, now_ns);
    if (worker->interface->notify_update != NULL) {
        worker->interface->notify_update(worker->qxl, update->update_id);
    }
    return STATUS_OK;
}

static Status execute(RedWorker *worker, const QxlCommand *command, HeldCommand *owed, uint64_t now_ns,
                      QxlFault *ret_fault)
{
    switch (command->type) {
    case QXL_CMD_DRAW:
        return do_draw(worker, command->u.drawable, owed, now_ns);
    case QXL_CMD_UPDATE:
        return do_update(worker, &command->u.update, now_ns, ret_fault);
    case QXL_CMD_SURFACE:
        return do_surface(worker, &command->u.surface, owed, now_ns, ret_fault);
    case QXL_CMD_CURSOR:
        return do_cursor(worker, &command->u.cursor, owed, now_ns, ret_fault);
    default:
        core_log(worker->core, CORE_LOG_DEBUG, "display %d: the guest says: %s", worker->qxl->id,
                 command->u.message.text);
        recorder_message(worker->recorder, &command->u.message, now_ns);
        return STATUS_OK;
    }
}

void worker_process(RedWorker *worker, QxlRing ring, const QXLCommandExt *from, uint64_t now_ns)
{
    const QxlHost host = {.memory = {drawable_alloc, drawable_free_memory, worker, &worker->spare_blocks},
                          .find_surface = find_surface,
                          .opaque = worker};
    QxlCommand command;
    QxlFault fault;

    Status status = qxl_command_read(worker->slots, &host, ring, from, &command, &fault);
    HeldCommand owed = {.release = command.release, .slot = command.slot};
    worker->current.set.work += command.work;
    if (status == STATUS_OK) {
        status = execute(worker, &command, &owed, now_ns, &fault);
    }
    if (status != STATUS_OK) {
        worker_fault(worker, &fault, "a command", now_ns);
    }
    worker_release(worker, &owed);
}
