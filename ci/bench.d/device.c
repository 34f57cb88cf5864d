/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"
#include "fake-qxl/quiet_qxl.h"

#define PATIENCE_MS 10u   /* between looks at a client that owes messages */
#define PATIENCE_TICKS 5u /* so many looks without progress, and they are given up */

static Device *device_of(QXLInstance *qxl)
{
    return (Device *)qxl;
}

static void doorbell_ring(Device *device)
{
    const uint64_t one = 1;
    if (write(device->doorbell, &one, sizeof(one)) < 0) {
        perror("bench-host: doorbell");
    }
}

/* Main thread: what a guest's driver would do by writing to the device's ports. */
static void doorbell_answer(int fd, int event, void *opaque)
{
    Device *device = opaque;
    char rings[64];
    (void)event;
    if (read(fd, rings, sizeof(rings)) < 0) {
        return;
    }
    if (atomic_exchange(&device->oom, false)) {
        spice_qxl_oom(&device->qxl);
    }
    spice_qxl_wakeup(&device->qxl);
}

/* Main thread. A server may merge or drop what a slow client did not get yet: do not wait for that for ever.
 */
static void patience_end(void *opaque)
{
    Device *device = opaque;
    const uint64_t delivered = atomic_load(&device->pace->delivered);
    const bool waits = atomic_load(&device->pace->wake_at) != UINT64_MAX;
    device->idle_ticks = waits && delivered == device->last_delivered ? device->idle_ticks + 1 : 0;
    device->last_delivered = delivered;
    if (device->idle_ticks >= PATIENCE_TICKS) {
        const uint64_t credit = atomic_load(&device->taken) + device->workload->window - delivered;
        atomic_fetch_add(&device->given_up, credit - atomic_exchange(&device->credit, credit));
        atomic_store(&device->pace->wake_at, UINT64_MAX);
        device->idle_ticks = 0;
        spice_qxl_wakeup(&device->qxl);
    }
    if (atomic_load(&device->supplying)) {
        loop_core()->timer_start(device->patience, PATIENCE_MS);
    }
}

/* Worker thread: may another command be taken, or are the clients too far behind? */
static bool pace_allows(Device *device)
{
    const uint64_t taken = atomic_load_explicit(&device->taken, memory_order_relaxed);
    const uint64_t credit = atomic_load(&device->credit);
    if (taken < credit + atomic_load_explicit(&device->pace->delivered, memory_order_acquire)) {
        return true;
    }
    atomic_store(&device->pace->wake_at, taken - credit + device->workload->window / 2);
    if (taken < credit + atomic_load(&device->pace->delivered)) {
        atomic_store(&device->pace->wake_at, UINT64_MAX);
        return true;
    }
    return false;
}

static void kind_count(Device *device, uint8_t command)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].command == command) {
            atomic_fetch_add_explicit(&device->taken_kinds[i], 1, memory_order_relaxed);
        }
    }
}

static bool command_take(Device *device, bool cursor_ring, QXLCommandExt *ext)
{
    if (!atomic_load_explicit(&device->supplying, memory_order_acquire) ||
        device->workload->is_cursor != cursor_ring || !device->workload->next || !pace_allows(device)) {
        return false;
    }
    const uint32_t index = device->first_free;
    if (index == DEVICE_SLOTS) {
        if (!device->short_of_slots) {
            device->short_of_slots = true;
            atomic_store(&device->oom, true);
            doorbell_ring(device);
        }
        return false;
    }
    Slot *slot = &device->slots[index];
    device->first_free = slot->next_free;
    slot->is_out = true;
    device->workload->next(&device->scene, slot);
    slot->u.release.id = index;
    *ext = (QXLCommandExt){
        .cmd = {.data = (uintptr_t)slot, .type = cursor_ring ? QXL_CMD_CURSOR : QXL_CMD_DRAW},
    };
    if (!cursor_ring) {
        kind_count(device, slot->u.drawable.type);
    }
    atomic_fetch_add_explicit(&device->taken, 1, memory_order_relaxed);
    return true;
}

static int command_arm(Device *device, bool cursor_ring)
{
    if (device->workload->is_cursor != cursor_ring) {
        return 1;
    }
    atomic_store(&device->armed, true);
    if (device->workload->next && atomic_load(&device->supplying) && device->first_free != DEVICE_SLOTS &&
        pace_allows(device)) {
        atomic_store(&device->armed, false);
        return 0;
    }
    return 1;
}

static int get_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    return command_take(device_of(qxl), false, ext);
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *ext)
{
    return command_take(device_of(qxl), true, ext);
}

static int req_cmd_notification(QXLInstance *qxl)
{
    return command_arm(device_of(qxl), false);
}

static int req_cursor_notification(QXLInstance *qxl)
{
    return command_arm(device_of(qxl), true);
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt release)
{
    Device *device = device_of(qxl);
    const uintptr_t offset = (uintptr_t)release.info - (uintptr_t)device->slots;
    const uint32_t index = (uint32_t)(offset / sizeof(Slot));
    if (offset >= DEVICE_SLOTS * sizeof(Slot) || offset % sizeof(Slot) != 0 || !device->slots[index].is_out) {
        atomic_fetch_add(&device->bad_releases, 1);
        return;
    }
    Slot *slot = &device->slots[index];
    slot->is_out = false;
    slot->next_free = device->first_free;
    device->first_free = index;
    atomic_fetch_add_explicit(&device->released, 1, memory_order_relaxed);
    if (device->short_of_slots) {
        device->short_of_slots = false;
        if (atomic_exchange(&device->armed, false)) {
            doorbell_ring(device);
        }
    }
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){
        .num_memslots_groups = 1,
        .num_memslots = 1,
        .memslot_gen_bits = 8,
        .memslot_id_bits = 8,
        .qxl_ram_size = 64u << 20,
        .n_surfaces = 16,
    };
}

static const QXLInterface interface = {
    QUIET_QXL("benchmark device"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = req_cmd_notification,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = req_cursor_notification,
};

static void primary_create(Device *device, uint32_t width, uint32_t height)
{
    uint8_t *pixels = calloc(height, (size_t)width * 4);
    if (!pixels) {
        perror("bench-host");
        exit(1);
    }
    QXLDevSurfaceCreate surface = {
        .width = width,
        .height = height,
        .stride = (int32_t)width * 4,
        .format = SPICE_SURFACE_FMT_32_xRGB,
        .mouse_mode = 1,
        .type = QXL_SURF_TYPE_PRIMARY,
        .mem = (uintptr_t)pixels,
    };
    spice_qxl_create_primary_surface(&device->qxl, 0, &surface);
}

Device *device_new(SpiceServer *server, const DeviceOptions *options)
{
    Device *device = calloc(1, sizeof(*device));
    Slot *slots = calloc(DEVICE_SLOTS, sizeof(*slots));
    if (!device || !slots) {
        perror("bench-host");
        exit(1);
    }
    device->qxl.base.sif = &interface.base;
    device->workload = options->workload;
    device->pace = options->pace;
    device->slots = slots;
    for (uint32_t i = 0; i < DEVICE_SLOTS; i++) {
        slots[i].next_free = i + 1;
    }
    scene_init(&device->scene, options->workload, options->width, options->height);
    device->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    device->patience = loop_core()->timer_add(patience_end, device);
    loop_core()->watch_add(device->doorbell, SPICE_WATCH_EVENT_READ, doorbell_answer, device);
    loop_core()->watch_add(options->bell, SPICE_WATCH_EVENT_READ, doorbell_answer, device);

    if (spice_server_add_interface(server, &device->qxl.base) != 0) {
        fprintf(stderr, "bench-host: the server refused the QXL device\n");
        exit(1);
    }
    QXLDevMemSlot everything = {.virt_end = UINTPTR_MAX};
    spice_qxl_add_memslot(&device->qxl, &everything);
    if (options->width > 0) {
        primary_create(device, options->width, options->height);
    }
    return device;
}

void device_supply(Device *device, bool on)
{
    if (on) {
        device->last_delivered = atomic_load(&device->pace->delivered);
        atomic_store(&device->credit,
                     atomic_load(&device->taken) + device->workload->window - device->last_delivered);
        atomic_store(&device->pace->wake_at, UINT64_MAX);
        atomic_store(&device->armed, false);
    }
    atomic_store(&device->supplying, on);
    if (on) {
        loop_core()->timer_start(device->patience, PATIENCE_MS);
        spice_qxl_wakeup(&device->qxl);
    }
}
