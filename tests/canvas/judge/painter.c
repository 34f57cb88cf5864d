/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/canvas/judge/painter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/canvas/judge/host.h"

/* ---- The judge's end ---- */

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "canvas-judge: %s\n", what);
    exit(1);
}

void painter_start(Painter *painter, const char *library)
{
    int to[2], from[2];

    *painter = (Painter){0};
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (painter->pid = fork()) < 0) {
        fail("no process for a painter");
    }
    if (painter->pid == 0) {
        if (library != NULL) {
            setenv("LD_LIBRARY_PATH", library, 1);
        } else {
            unsetenv("LD_LIBRARY_PATH");
        }
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl("/proc/self/exe", "canvas-judge", PAINTER_ARGUMENT, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    painter->to = fdopen(to[1], "wb");
    painter->from = fdopen(from[0], "rb");
    if (painter->to == NULL || painter->from == NULL ||
        fgets(painter->library, sizeof painter->library, painter->from) == NULL) {
        fail("a painter does not start");
    }
    painter->library[strcspn(painter->library, "\n")] = '\0';
}

bool painter_ask(Painter *painter, const BatchName *name)
{
    return fwrite(name, sizeof *name, 1, painter->to) == 1 && fflush(painter->to) == 0;
}

bool painter_answer(Painter *painter, void *pixels, size_t bytes)
{
    return fread(pixels, bytes, 1, painter->from) == 1;
}

bool painter_stop(Painter *painter)
{
    int status;
    fclose(painter->to);
    fclose(painter->from);
    return waitpid(painter->pid, &status, 0) == painter->pid && status == 0;
}

/* ---- The painter's end ---- */

static void surfaces_tell(World *world, uint8_t type)
{
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &world->surfaces[id];
        QXLSurfaceCmd *command = world_take(world, sizeof(*command));
        command->surface_id = id;
        command->type = type;
        command->flags = QXL_SURF_FLAG_KEEP_DATA;
        if (type == QXL_SURFACE_CMD_CREATE) {
            command->u.surface_create = (QXLSurface){
                .format = surface->geometry.format,
                .width = surface->geometry.width,
                .height = surface->geometry.height,
                .stride = surface->geometry.stride,
                .data = world_address(world->pixels + surface->offset),
            };
        }
        host_command(QXL_CMD_SURFACE, command);
    }
}

/* False: it is not well. */
static bool batch_paint(Batch *batch, FILE *to)
{
    World *world = &batch->world;

    surfaces_tell(world, QXL_SURFACE_CMD_CREATE);
    for (unsigned i = 0; i < batch->count; i++) {
        host_command(QXL_CMD_DRAW, batch->drawings[i]);
    }
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        host_render(id, world->surfaces[id].geometry.width, world->surfaces[id].geometry.height);
    }
    if (fwrite(world->pixels, world->pixel_bytes, 1, to) != 1 || fflush(to) != 0) {
        return false;
    }
    surfaces_tell(world, QXL_SURFACE_CMD_DESTROY);
    host_render(0, HOST_PRIMARY_EDGE, HOST_PRIMARY_EDGE);
    if (host_outstanding() != 0) {
        fprintf(stderr, "canvas-judge: the server keeps %u commands\n", host_outstanding());
        return false;
    }
    return true;
}

int painter_main(void)
{
    static Batch batch;
    BatchName name;

    world_init(&batch.world);
    host_start();
    printf("%s\n", host_library());
    fflush(stdout);
    while (fread(&name, sizeof name, 1, stdin) == 1) {
        batch_make(&batch, &name);
        if (!batch_paint(&batch, stdout)) {
            return 1;
        }
    }
    return 0;
}
