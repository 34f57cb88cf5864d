/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/display/device.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static Device *device_of(QXLInstance *instance)
{
    return (Device *)instance;
}

static void log_add(const Device *device, DeviceLog *log, uint64_t value)
{
    if (log->len < DEVICE_LOG_MAX) {
        log->events[log->len++] = (DeviceEvent){sim_now_ns(device->sim), value};
    }
}

bool log_has(const DeviceLog *log, uint64_t value)
{
    return log_count(log, value) > 0;
}

uint32_t log_count(const DeviceLog *log, uint64_t value)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < log->len; i++) {
        count += log->events[i].value == value ? 1 : 0;
    }
    return count;
}

/* ---- Callbacks ---- */

static void attached_worker(QXLInstance *instance)
{
    device_of(instance)->attached++;
}

static void set_compression_level(QXLInstance *instance, int level)
{
    log_add(device_of(instance), &device_of(instance)->levels, (uint64_t)level);
}

static void get_init_info(QXLInstance *instance, QXLDevInitInfo *info)
{
    *info = device_of(instance)->info;
}

static int ring_take(Device *device, DeviceRing *ring, QXLCommandExt *ret_command)
{
    device->read_while_stopped += device->running ? 0 : 1;
    if (ring->first == ring->end) {
        log_add(device, &ring->looks, LOOK_EMPTY);
        return 0;
    }
    log_add(device, &ring->looks, LOOK_TAKEN);
    *ret_command = ring->commands[ring->first];
    ring->first += ring->endless ? 0 : 1;
    return 1;
}

static int ring_arm(Device *device, DeviceRing *ring)
{
    device->read_while_stopped += device->running ? 0 : 1;
    if (ring->first != ring->end || ring->refuses) {
        log_add(device, &ring->looks, LOOK_REFUSED);
        return 0;
    }
    log_add(device, &ring->looks, LOOK_ARMED);
    ring->armed = true;
    return 1;
}

static int get_command(QXLInstance *instance, QXLCommandExt *command)
{
    return ring_take(device_of(instance), &device_of(instance)->commands, command);
}

static int req_cmd_notification(QXLInstance *instance)
{
    return ring_arm(device_of(instance), &device_of(instance)->commands);
}

static int get_cursor_command(QXLInstance *instance, QXLCommandExt *command)
{
    return ring_take(device_of(instance), &device_of(instance)->cursors, command);
}

static int req_cursor_notification(QXLInstance *instance)
{
    return ring_arm(device_of(instance), &device_of(instance)->cursors);
}

static void release_resource(QXLInstance *instance, QXLReleaseInfoExt release)
{
    Device *device = device_of(instance);
    const uintptr_t at = (uintptr_t)release.info, start = (uintptr_t)device->memory;
    const bool is_ours = release.group_id == DEVICE_GROUP && at >= start && at < start + DEVICE_BYTES;

    log_add(device, &device->releases, is_ours ? at - start : UINT64_MAX);
}

static void notify_update(QXLInstance *instance, uint32_t update_id)
{
    log_add(device_of(instance), &device_of(instance)->updates, update_id);
}

static int flush_resources(QXLInstance *instance)
{
    device_of(instance)->flushes++;
    return 0;
}

static void async_complete(QXLInstance *instance, uint64_t cookie)
{
    log_add(device_of(instance), &device_of(instance)->completions, cookie);
}

static void update_area_complete(QXLInstance *instance, uint32_t surface_id, QXLRect *rects, uint32_t count)
{
    CHECK(rects != NULL && count == 0);
    log_add(device_of(instance), &device_of(instance)->area_completions, surface_id);
}

static void set_client_capabilities(QXLInstance *instance, uint8_t present,
                                    uint8_t caps[SPICE_CAPABILITIES_SIZE])
{
    Device *device = device_of(instance);

    device->read_while_stopped += device->running ? 0 : 1;
    log_add(device, &device->caps, (uint64_t)present << 8 | caps[0]);
}

static int client_monitors_config(QXLInstance *instance, VDAgentMonitorsConfig *config)
{
    (void)instance;
    (void)config;
    return 1;
}

void device_init(Device *device, Sim *sim, int id)
{
    memset(device, 0, sizeof *device);
    device->sim = sim;
    device->memory = calloc(1, DEVICE_BYTES);
    CHECK(device->memory != NULL);
    device->info = (QXLDevInitInfo){.num_memslots_groups = 2,
                                    .num_memslots = 8,
                                    .memslot_gen_bits = 8,
                                    .memslot_id_bits = 8,
                                    .qxl_ram_size = DEVICE_BYTES,
                                    .n_surfaces = 16};
    device->interface = (QXLInterface){
        .base = {SPICE_INTERFACE_QXL, "device", SPICE_INTERFACE_QXL_MAJOR, SPICE_INTERFACE_QXL_MINOR},
        .attached_worker = attached_worker,
        .set_compression_level = set_compression_level,
        .get_init_info = get_init_info,
        .get_command = get_command,
        .req_cmd_notification = req_cmd_notification,
        .release_resource = release_resource,
        .get_cursor_command = get_cursor_command,
        .req_cursor_notification = req_cursor_notification,
        .notify_update = notify_update,
        .flush_resources = flush_resources,
        .async_complete = async_complete,
        .update_area_complete = update_area_complete,
        .set_client_capabilities = set_client_capabilities,
        .client_monitors_config = client_monitors_config,
    };
    device->instance.base.sif = &device->interface.base;
    device->instance.id = id;
}

void device_finish(Device *device)
{
    free(device->memory);
}

/* ---- The guest ---- */

uint64_t device_address(uint64_t offset)
{
    return (uint64_t)DEVICE_SLOT << 56 | UINT64_C(1) << 48 | (DEVICE_OFFSET + offset);
}

void device_add_memslot(Device *device)
{
    const uintptr_t start = (uintptr_t)device->memory;
    QXLDevMemSlot slot = {.slot_group_id = DEVICE_GROUP,
                          .slot_id = DEVICE_SLOT,
                          .generation = 1,
                          .virt_start = start,
                          .virt_end = start + DEVICE_BYTES,
                          .addr_delta = start - DEVICE_OFFSET};

    spice_qxl_add_memslot(&device->instance, &slot);
}

void *device_put(Device *device, size_t bytes, uint64_t *ret_offset)
{
    const uint64_t half = DEVICE_BYTES / 2; /* the other one is for pixels */

    if (device->next + bytes > half) {
        device->next = 0;
    }
    *ret_offset = device->next;
    device->next += (bytes + 63) / 64 * 64;
    return memset(device->memory + *ret_offset, 0, bytes);
}

void device_push(DeviceRing *ring, uint32_t type, uint64_t address)
{
    if (ring->first == ring->end) {
        ring->first = ring->end = 0;
    }
    CHECK(ring->end < DEVICE_RING_MAX);
    ring->commands[ring->end] =
        (QXLCommandExt){.cmd = {.data = address, .type = type}, .group_id = DEVICE_GROUP};
    ring->end++; /* after it: the worker may be looking */
}

uint64_t device_cursor_set(Device *device, uint64_t unique, uint16_t width, uint16_t height)
{
    uint64_t at;
    const uint32_t bytes = (uint32_t)width * height * 4;
    QXLCursorCmd *command = device_put(device, sizeof *command + sizeof(QXLCursor) + bytes, &at);
    QXLCursor *cursor = (QXLCursor *)(command + 1);

    command->type = QXL_CURSOR_SET;
    command->u.set.visible = 1;
    command->u.set.position = (QXLPoint16){7, 9};
    command->u.set.shape = device_address(at + sizeof *command);
    cursor->header = (QXLCursorHeader){
        .unique = unique, .type = SPICE_CURSOR_TYPE_ALPHA, .width = width, .height = height};
    cursor->data_size = cursor->chunk.data_size = bytes;
    memset(cursor + 1, (int)unique, bytes);
    device_push(&device->cursors, QXL_CMD_CURSOR, device_address(at));
    return at;
}

uint64_t device_endless_cursor(Device *device)
{
    const uint64_t at = device_cursor_set(device, 0, 16, 16);
    const uint64_t cursor_at = at + sizeof(QXLCursorCmd);
    QXLCursor *cursor = (QXLCursor *)(void *)(device->memory + cursor_at);

    cursor->chunk.data_size = 0;
    cursor->chunk.next_chunk = device_address(cursor_at + offsetof(QXLCursor, chunk));
    return at;
}

static uint64_t cursor_command(Device *device, const QXLCursorCmd *command)
{
    uint64_t at;

    memcpy(device_put(device, sizeof *command, &at), command, sizeof *command);
    device_push(&device->cursors, QXL_CMD_CURSOR, device_address(at));
    return at;
}

uint64_t device_cursor_move(Device *device, int16_t x, int16_t y)
{
    return cursor_command(device, &(QXLCursorCmd){.type = QXL_CURSOR_MOVE, .u.position = {x, y}});
}

uint64_t device_cursor_hide(Device *device)
{
    return cursor_command(device, &(QXLCursorCmd){.type = QXL_CURSOR_HIDE});
}

uint64_t device_surface_create(Device *device, uint32_t id, uint32_t width, uint32_t height)
{
    uint64_t at;
    QXLSurfaceCmd *command = device_put(device, sizeof *command, &at);

    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_CREATE;
    command->u.surface_create = (QXLSurface){SPICE_SURFACE_FMT_32_xRGB, width, height, (int32_t)width * 4,
                                             device_address(DEVICE_BYTES / 2 + 32768 + id % 16 * 4096)};
    device_push(&device->commands, QXL_CMD_SURFACE, device_address(at));
    return at;
}

uint64_t device_surface_destroy(Device *device, uint32_t id)
{
    uint64_t at;
    QXLSurfaceCmd *command = device_put(device, sizeof *command, &at);

    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_DESTROY;
    device_push(&device->commands, QXL_CMD_SURFACE, device_address(at));
    return at;
}

uint64_t device_update(Device *device, uint32_t surface_id, uint32_t update_id)
{
    uint64_t at;
    QXLUpdateCmd *command = device_put(device, sizeof *command, &at);

    *command =
        (QXLUpdateCmd){.area = {.bottom = 1, .right = 1}, .update_id = update_id, .surface_id = surface_id};
    device_push(&device->commands, QXL_CMD_UPDATE, device_address(at));
    return at;
}

uint64_t device_draw(Device *device, uint32_t surface_id, int32_t right, int32_t bottom)
{
    uint64_t at;
    QXLDrawable *command = device_put(device, sizeof *command, &at);

    *command = (QXLDrawable){
        .surface_id = surface_id, .type = QXL_DRAW_FILL, .bbox = {.bottom = bottom, .right = right}};
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

static QXLDrawable *drawable_put(Device *device, uint32_t surface_id, uint8_t type, QXLRect box, size_t more,
                                 uint64_t *ret_at)
{
    QXLDrawable *command = device_put(device, sizeof *command + more, ret_at);

    *command =
        (QXLDrawable){.surface_id = surface_id, .type = type, .bbox = box, .surfaces_dest = {-1, -1, -1}};
    return command;
}

uint64_t device_fill(Device *device, uint32_t surface_id, QXLRect box, uint32_t color)
{
    uint64_t at;
    QXLDrawable *command = drawable_put(device, surface_id, QXL_DRAW_FILL, box, 0, &at);

    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.brush.u.color = color;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

static uint64_t clipped(Device *device, uint32_t surface_id, QXLRect box, uint32_t count, bool endless)
{
    const size_t clip_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const uint32_t bytes = endless ? 0 : count * (uint32_t)sizeof(QXLRect);
    uint64_t at;
    uint8_t *memory = (uint8_t *)drawable_put(device, surface_id, QXL_DRAW_FILL, box,
                                              clip_at + sizeof(QXLClipRects) + bytes, &at);
    QXLDrawable *command = (QXLDrawable *)(void *)memory;
    QXLClipRects *clip = (QXLClipRects *)(void *)(memory + clip_at);
    QXLRect *rects = (QXLRect *)(void *)(clip + 1);

    command->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.fill.brush.u.color = 0x445566;
    command->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    command->clip = (QXLClip){.type = SPICE_CLIP_TYPE_RECTS, .data = device_address(at + clip_at)};
    clip->num_rects = count;
    clip->chunk.data_size = bytes;
    clip->chunk.next_chunk = endless ? device_address(at + clip_at + offsetof(QXLClipRects, chunk)) : 0;
    for (uint32_t i = 0; i < count && !endless; i++) {
        const int32_t left = box.left + (int32_t)i % (box.right - box.left);
        rects[i] = (QXLRect){.left = left, .top = box.top, .right = left + 1, .bottom = box.bottom};
    }
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

uint64_t device_clipped(Device *device, uint32_t surface_id, QXLRect box, uint32_t count)
{
    return clipped(device, surface_id, box, count, false);
}

uint64_t device_endless_clip(Device *device, uint32_t surface_id, QXLRect box)
{
    return clipped(device, surface_id, box, 1, true);
}

uint64_t device_copy_bits(Device *device, uint32_t surface_id, QXLRect box, int32_t from_x, int32_t from_y)
{
    uint64_t at;
    QXLDrawable *command = drawable_put(device, surface_id, QXL_COPY_BITS, box, 0, &at);

    command->u.copy_bits.src_pos = (QXLPoint){from_x, from_y};
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

static void copy_of(QXLDrawable *command, uint64_t image, QXLRect box)
{
    command->u.copy.src_bitmap = image;
    command->u.copy.src_area = (QXLRect){.right = box.right - box.left, .bottom = box.bottom - box.top};
    command->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;
}

/* Returns its pixels, which are to be filled in; then it goes into the ring. */
static uint8_t *picture_put(Device *device, uint32_t surface_id, QXLRect box, uint64_t *ret_at)
{
    const uint32_t width = (uint32_t)(box.right - box.left), height = (uint32_t)(box.bottom - box.top);
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const size_t pixels_at = image_at + ((sizeof(QXLImage) + 15) & ~(size_t)15);
    uint64_t at;
    uint8_t *memory = (uint8_t *)drawable_put(device, surface_id, QXL_DRAW_COPY, box,
                                              pixels_at + (size_t)width * height * 4, &at);
    QXLImage *image = (QXLImage *)(void *)(memory + image_at);

    copy_of((QXLDrawable *)(void *)memory, device_address(at + image_at), box);
    image->descriptor.id = at << 32;
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = width;
    image->descriptor.height = height;
    image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
    image->bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
    image->bitmap.x = width;
    image->bitmap.y = height;
    image->bitmap.stride = width * 4;
    image->bitmap.data = device_address(at + pixels_at);
    *ret_at = at;
    return memory + pixels_at;
}

uint64_t device_copy(Device *device, uint32_t surface_id, QXLRect box, uint32_t color)
{
    const size_t pixels = (size_t)(box.right - box.left) * (size_t)(box.bottom - box.top);
    uint64_t at;
    uint8_t *to = picture_put(device, surface_id, box, &at);

    for (size_t i = 0; i < pixels; i++) {
        memcpy(to + i * 4, &color, 4);
    }
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

uint64_t device_photo(Device *device, uint32_t surface_id, QXLRect box, uint32_t seed)
{
    const uint32_t width = (uint32_t)(box.right - box.left), height = (uint32_t)(box.bottom - box.top);
    uint64_t at;
    uint8_t *to = picture_put(device, surface_id, box, &at);

    for (uint32_t i = 0; i < width * height; i++) {
        const uint32_t x = i % width, y = i / width, grain = (x * 7 + y * 13 + seed * 5) % 11;
        to[i * 4] = (uint8_t)(40 + x + y + grain);
        to[i * 4 + 1] = (uint8_t)(200 - x - y / 2 + grain);
        to[i * 4 + 2] = (uint8_t)(90 + y + seed % 50 + grain / 2);
        to[i * 4 + 3] = 0;
    }
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

uint64_t device_noise(Device *device, uint32_t surface_id, QXLRect box, uint32_t seed)
{
    const uint32_t count = (uint32_t)((box.right - box.left) * (box.bottom - box.top));
    uint64_t at;
    uint8_t *to = picture_put(device, surface_id, box, &at);

    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t pixel = seed >> 8;
        memcpy(to + 4 * (size_t)i, &pixel, 4);
    }
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

uint64_t device_stroke(Device *device, uint32_t surface_id, QXLRect box, uint32_t lines)
{
    const size_t path_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    const uint32_t points = lines + 1;
    const uint32_t bytes = (uint32_t)sizeof(QXLPathSeg) + points * (uint32_t)sizeof(QXLPointFix);
    uint64_t at;
    uint8_t *memory = (uint8_t *)drawable_put(device, surface_id, QXL_DRAW_STROKE, box,
                                              path_at + sizeof(QXLPath) + bytes, &at);
    QXLDrawable *command = (QXLDrawable *)(void *)memory;
    QXLPath *path = (QXLPath *)(void *)(memory + path_at);
    QXLPathSeg *segment = (QXLPathSeg *)(void *)(path + 1);
    QXLPointFix *to = (QXLPointFix *)(void *)(segment + 1);

    command->u.stroke.path = device_address(at + path_at);
    command->u.stroke.brush.type = SPICE_BRUSH_TYPE_SOLID;
    command->u.stroke.brush.u.color = 0xffffff;
    command->u.stroke.fore_mode = SPICE_ROPD_OP_XOR;
    path->data_size = path->chunk.data_size = bytes;
    *segment = (QXLPathSeg){.flags = SPICE_PATH_BEGIN | SPICE_PATH_END, .count = points};
    for (uint32_t i = 0; i < points; i++) {
        to[i] = i % 2 == 0 ? (QXLPointFix){box.left * 16, box.top * 16}
                           : (QXLPointFix){box.right * 16, box.bottom * 16};
    }
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

uint64_t device_show(Device *device, uint32_t surface_id, QXLRect box, uint32_t source)
{
    const size_t image_at = (sizeof(QXLDrawable) + 15) & ~(size_t)15;
    uint64_t at;
    uint8_t *memory =
        (uint8_t *)drawable_put(device, surface_id, QXL_DRAW_COPY, box, image_at + sizeof(QXLImage), &at);
    QXLImage *image = (QXLImage *)(void *)(memory + image_at);

    copy_of((QXLDrawable *)(void *)memory, device_address(at + image_at), box);
    image->descriptor.id = at << 32;
    image->descriptor.type = SPICE_IMAGE_TYPE_SURFACE;
    image->descriptor.width = (uint32_t)(box.right - box.left);
    image->descriptor.height = (uint32_t)(box.bottom - box.top);
    image->surface_image.surface_id = source;
    device_push(&device->commands, QXL_CMD_DRAW, device_address(at));
    return at;
}

QXLDevSurfaceCreate device_primary(uint32_t width, uint32_t height)
{
    return (QXLDevSurfaceCreate){.width = width,
                                 .height = height,
                                 .stride = (int32_t)width * 4,
                                 .format = SPICE_SURFACE_FMT_32_xRGB,
                                 .mouse_mode = 1,
                                 .type = QXL_SURF_TYPE_PRIMARY,
                                 .mem = device_address(DEVICE_BYTES / 2),
                                 .group_id = DEVICE_GROUP};
}
