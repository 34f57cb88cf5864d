/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/judge/host.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "ci/bench.d/loop.h"
#include "fake-qxl/quiet_qxl.h"

static struct {
    QXLInstance qxl;
    QXLCommandExt commands[HOST_COMMANDS_MAX];
    _Atomic unsigned offered, taken;
    _Atomic unsigned outstanding;
    uint32_t pixels[HOST_PRIMARY_EDGE * HOST_PRIMARY_EDGE];
} host;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "canvas-judge: %s\n", what);
    exit(1);
}

/* ---- What the worker calls ---- */

static int get_command(QXLInstance *qxl, QXLCommandExt *command)
{
    (void)qxl;
    const unsigned taken = atomic_load(&host.taken);
    if (taken == atomic_load(&host.offered)) {
        return 0;
    }
    *command = host.commands[taken];
    atomic_fetch_add(&host.outstanding, 1);
    atomic_store(&host.taken, taken + 1);
    return 1;
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt release)
{
    (void)qxl;
    (void)release;
    atomic_fetch_sub(&host.outstanding, 1);
}

static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){.num_memslots_groups = 1,
                             .num_memslots = 1,
                             .memslot_gen_bits = 8,
                             .memslot_id_bits = 8,
                             .qxl_ram_size = 64u << 20,
                             .n_surfaces = 64};
}

static const QXLInterface interface = {
    QUIET_QXL("canvas judge"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = quiet_qxl_always,
    .release_resource = release_resource,
    .get_cursor_command = quiet_qxl_no_command,
    .req_cursor_notification = quiet_qxl_always,
};

/* ---- What the judge calls ---- */

void host_start(void)
{
    SpiceServer *server = spice_server_new();
    if (server == NULL || spice_server_set_noauth(server) != 0 ||
        spice_server_init(server, loop_core()) != 0) {
        fail("the server does not start");
    }
    spice_server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
    host.qxl.base.sif = &interface.base;
    if (spice_server_add_interface(server, &host.qxl.base) != 0) {
        fail("the server refused the QXL device");
    }
    QXLDevMemSlot everything = {.virt_end = UINTPTR_MAX};
    spice_qxl_add_memslot(&host.qxl, &everything);
    QXLDevSurfaceCreate surface = {.width = HOST_PRIMARY_EDGE,
                                   .height = HOST_PRIMARY_EDGE,
                                   .stride = HOST_PRIMARY_EDGE * 4,
                                   .format = SPICE_SURFACE_FMT_32_xRGB,
                                   .mouse_mode = 1,
                                   .type = QXL_SURF_TYPE_PRIMARY,
                                   .mem = (uintptr_t)host.pixels};
    spice_qxl_create_primary_surface(&host.qxl, 0, &surface);
    spice_server_vm_start(server);
}

void host_command(uint32_t type, const void *command)
{
    const unsigned at = atomic_load(&host.offered);
    if (at == HOST_COMMANDS_MAX) {
        fail("too many commands at once");
    }
    host.commands[at] = (QXLCommandExt){.cmd = {.data = (uintptr_t)command, .type = type}};
    atomic_store(&host.offered, at + 1);
}

void host_render(uint32_t surface_id, uint32_t width, uint32_t height)
{
    QXLRect area = {.right = (int32_t)width, .bottom = (int32_t)height};
    spice_qxl_wakeup(&host.qxl);
    spice_qxl_update_area(&host.qxl, surface_id, &area, NULL, 0, 0);
    if (atomic_load(&host.taken) != atomic_load(&host.offered)) {
        fail("the server leaves commands in the ring");
    }
    if (surface_id == 0) { /* nobody else is at work now: begin anew */
        atomic_store(&host.offered, 0);
        atomic_store(&host.taken, 0);
    }
}

unsigned host_outstanding(void)
{
    return atomic_load(&host.outstanding);
}

const char *host_library(void)
{
    Dl_info info;
    return dladdr((const void *)(uintptr_t)spice_server_new, &info) != 0 ? info.dli_fname : "nobody knows";
}
