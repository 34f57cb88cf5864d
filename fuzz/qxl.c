/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's memory, and commands in it. Memory is an allocation of just its size, so that ASan sees every byte read beside
 * it. Whatever is accepted must be what the headers promise. */
#include "fuzz/fuzz.h"
#include "fuzz/qxl_drawable.h"
#include "fuzz/qxl_image.h"

#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "base/check.h"
#include "qxl/command.h"
#include "qxl/monitors.h"

#define HOST_BYTES_MAX (64u << 20) /* chunks that lie over each other make gigabytes of pixels */

static void check_shape(const Memslots *slots, const QxlShape *shape)
{
    QxlFault fault;
    size_t len = 0;
    uint64_t work = 0;

    CHECK(shape->width > 0 && shape->height > 0);
    CHECK(shape->hot_x < shape->width && shape->hot_y < shape->height);
    CHECK(shape->bytes_min <= shape->bytes && shape->bytes <= QXL_SHAPE_BYTES_MAX);
    if (shape->type == SPICE_CURSOR_TYPE_ALPHA) {
        CHECK(shape->bytes == (uint32_t)shape->width * shape->height * 4);
    }
    uint8_t *buffer = malloc(shape->bytes);
    CHECK(buffer != NULL);
    if (qxl_shape_copy(slots, shape, buffer, &len, &work, &fault) == STATUS_OK) {
        CHECK(len >= shape->bytes_min && len <= shape->bytes);
    }
    free(buffer);
}

static void check_geometry(const QxlGeometry *geometry)
{
    const uint64_t step = (uint64_t)llabs((long long)geometry->stride);

    CHECK(geometry->width > 0 && geometry->height > 0);
    CHECK(step * 8 >= (uint64_t)geometry->width * qxl_surface_depth(geometry->format));
    CHECK(step * geometry->height <= QXL_SURFACE_BYTES_MAX);
}

static void *host_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return bytes <= HOST_BYTES_MAX ? malloc(bytes) : NULL;
}

static void host_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

/* A few surfaces of all formats; the other ids are free. */
static bool find_surface(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    static const QxlGeometry surfaces[] = {
        {128, 96, SPICE_SURFACE_FMT_32_xRGB, 512}, {64, 64, SPICE_SURFACE_FMT_32_ARGB, -256},
        {32, 32, SPICE_SURFACE_FMT_1_A, 4},        {40, 50, SPICE_SURFACE_FMT_8_A, 40},
        {99, 1, SPICE_SURFACE_FMT_16_555, 200},    {INT32_MAX, INT32_MAX, SPICE_SURFACE_FMT_16_565, 4},
    };

    (void)opaque;
    if (id >= sizeof surfaces / sizeof surfaces[0]) {
        return false;
    }
    *ret_geometry = surfaces[id];
    return true;
}

static const QxlHost host = {{host_alloc, host_free, NULL}, find_surface, NULL};

static void run_command(const Memslots *slots, const QxlImageCommand *from, uintptr_t start, size_t len)
{
    const QXLCommandExt ext = {
        .cmd = {.data = from->address, .type = from->type}, .group_id = from->group, .flags = from->flags};
    QxlCommand command;
    QxlFault fault = {0};

    const Status status = qxl_command_read(
        slots, &host, (from->ring & 1) != 0 ? QXL_RING_CURSOR : QXL_RING_COMMANDS, &ext, &command, &fault);
    const uintptr_t info = (uintptr_t)command.release.info;
    CHECK(info == 0 ||
          (info >= start && len >= sizeof(QXLReleaseInfo) && info - start <= len - sizeof(QXLReleaseInfo)));
    CHECK(command.release.group_id == from->group || info == 0);
    if (status != STATUS_OK) {
        CHECK(status == STATUS_DEVICE_FAULT && fault.why != NULL);
        return;
    }
    CHECK(info != 0);
    switch (command.type) {
    case QXL_CMD_CURSOR:
        if (command.u.cursor.type == QXL_CURSOR_SET) {
            check_shape(slots, &command.u.cursor.shape);
        }
        break;
    case QXL_CMD_SURFACE:
        CHECK(command.u.surface.id != 0);
        if (!command.u.surface.destroy) {
            check_geometry(&command.u.surface.geometry);
        }
        break;
    case QXL_CMD_DRAW:
        check_drawable(command.u.drawable, &host, start, len);
        qxl_drawable_free(command.u.drawable);
        break;
    case QXL_CMD_MESSAGE:
        CHECK(memchr(command.u.message.text, 0, sizeof command.u.message.text) != NULL);
        break;
    default:
        CHECK(command.type == QXL_CMD_UPDATE);
        break;
    }
}

static void run_monitors(const Memslots *slots, const QxlImageCommand *from)
{
    QxlMonitors monitors;
    QxlFault fault;

    if (qxl_monitors_read(slots, from->group, from->address, 1u + from->flags, &monitors, &fault) ==
        STATUS_OK) {
        CHECK(monitors.count <= QXL_HEADS_MAX && monitors.count <= monitors.max_allowed);
        for (uint32_t i = 0; i < monitors.count; i++) {
            const QXLHead *head = &monitors.heads[i];
            CHECK(head->width > 0 && (uint64_t)head->x + head->width <= INT32_MAX);
            CHECK(head->height > 0 && (uint64_t)head->y + head->height <= INT32_MAX);
        }
    }
}

static void run_surface(const Memslots *slots, const QxlImageCommand *from, const uint8_t *memory, size_t len)
{
    QXLSurface surface;
    QxlFault fault;

    if (len >= sizeof surface) {
        memcpy(&surface, memory, sizeof surface);
        const QxlGeometry geometry = {surface.width, surface.height, surface.format, surface.stride};
        if (qxl_surface_check(slots, from->group, surface.data, &geometry, &fault) == STATUS_OK) {
            check_geometry(&geometry);
            CHECK(geometry.height * (uint64_t)llabs((long long)geometry.stride) <= len);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QxlImageCommand commands[QXL_IMAGE_COMMANDS];
    const MemslotsLayout layout = {.groups = 2, .slots = 4, .id_bits = 8, .generation_bits = 8};

    if (size < sizeof commands) {
        return 0;
    }
    memcpy(commands, data, sizeof commands);
    const size_t len = size - sizeof commands;
    uint8_t *memory = malloc(len > 0 ? len : 1);
    CHECK(memory != NULL);
    memcpy(memory, data + sizeof commands, len);
    const uintptr_t start = (uintptr_t)memory;

    Memslots *slots = memslots_new(&layout);
    const Memslot whole = {QXL_IMAGE_GROUP, 1, 1, start, start + len, start - QXL_IMAGE_OFFSET};
    const Memslot half = {QXL_IMAGE_GROUP, 2, 2, start + len / 2, start + len, start - QXL_IMAGE_OFFSET};
    CHECK(memslots_add(slots, &whole) == STATUS_OK && memslots_add(slots, &half) == STATUS_OK);
    for (size_t i = 0; i < QXL_IMAGE_COMMANDS; i++) {
        if (commands[i].type == QXL_IMAGE_MONITORS) {
            run_monitors(slots, &commands[i]);
        } else if (commands[i].type == QXL_IMAGE_SURFACE) {
            run_surface(slots, &commands[i], memory, len);
        } else {
            run_command(slots, &commands[i], start, len);
        }
    }
    memslots_free(slots);
    free(memory);
    return 0;
}
