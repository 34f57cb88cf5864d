/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl_seeds: writes right images of each kind of command into a folder, for the qxl target.
 *
 * usage: qxl-seeds FOLDER
 */
#include "fuzz/qxl_image.h"

#include <stdio.h>
#include <string.h>

#include <spice/enums.h>

#include "fake-qxl/draw.h"

#define MEMORY_BYTES 2048u

typedef struct Image {
    QxlImageCommand commands[QXL_IMAGE_COMMANDS];
    uint8_t memory[MEMORY_BYTES];
} Image;

static Image image_of(uint8_t type, const void *command, size_t bytes)
{
    Image image = {.commands = {{.address = qxl_image_address(0),
                                 .type = type,
                                 .group = QXL_IMAGE_GROUP,
                                 .ring = type == QXL_CMD_CURSOR}}};

    memcpy(image.memory, command, bytes);
    return image;
}

static int image_write(const char *folder, const char *name, const Image *image)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    const size_t written = fwrite(image, sizeof *image, 1, file);
    return fclose(file) != 0 || written != 1;
}

static Image cursor_shape(uint16_t type, uint32_t bytes, int pieces)
{
    const uint32_t shape_at = sizeof(QXLCursorCmd), second_at = 1024;
    const QXLCursorCmd command = {
        .type = QXL_CURSOR_SET,
        .u.set = {.position = {3, 4}, .visible = 1, .shape = qxl_image_address(shape_at)}};
    Image image = image_of(QXL_CMD_CURSOR, &command, sizeof command);
    const QXLCursor cursor = {
        .header = {.unique = 5, .type = type, .width = 8, .height = 8, .hot_spot_x = 1, .hot_spot_y = 1},
        .data_size = bytes,
        .chunk = {.data_size = pieces == 1 ? bytes : bytes / 2,
                  .next_chunk = pieces == 1 ? 0 : qxl_image_address(second_at)}};
    const QXLDataChunk second = {.data_size = bytes - bytes / 2,
                                 .prev_chunk = qxl_image_address(shape_at + 22)};

    memcpy(image.memory + shape_at, &cursor, sizeof cursor);
    memcpy(image.memory + second_at, &second, sizeof second);
    return image;
}

/* ---- Drawings ---- */

#define DRAWINGS_PER_TYPE 6u
#define DRAWING_BYTES 16384u

typedef struct Canvas {
    QxlImageCommand commands[QXL_IMAGE_COMMANDS];
    uint8_t memory[DRAWING_BYTES];
    size_t used;
    uint64_t random;
} Canvas;

static uint32_t canvas_choose(void *opaque, const char *site, uint32_t n)
{
    Canvas *canvas = opaque;

    (void)site;
    canvas->random = canvas->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((canvas->random >> 32) * n >> 32);
}

static void *canvas_take(void *opaque, size_t bytes, uint64_t *ret_address)
{
    Canvas *canvas = opaque;

    if (bytes > sizeof canvas->memory - canvas->used) {
        return NULL;
    }
    void *memory = canvas->memory + canvas->used;
    *ret_address = qxl_image_address(canvas->used);
    canvas->used += bytes;
    return memory;
}

static int drawing_seed(const char *folder, uint8_t type, uint32_t number)
{
    /* Those of the target. */
    static const FakeDrawSurface surfaces[] = {
        {0, 128, 96, SPICE_SURFACE_FMT_32_xRGB},
        {1, 64, 64, SPICE_SURFACE_FMT_32_ARGB},
        {2, 32, 32, SPICE_SURFACE_FMT_1_A},
    };
    const FakeDrawWorld world = {surfaces, sizeof surfaces / sizeof surfaces[0], 16, true};
    Canvas canvas = {.random = type * 1000u + number};
    const FakeQxlChoice choice = {canvas_choose, &canvas};
    const FakeDrawMemory memory = {canvas_take, &canvas};
    FakeDrawing drawing;
    char path[4096];

    fake_drawing_random(&drawing, type, &world, canvas_choose(&canvas, "", 2), &choice);
    canvas.commands[0] = (QxlImageCommand){.address = fake_drawing_write(&drawing, &memory),
                                           .type = QXL_CMD_DRAW,
                                           .group = QXL_IMAGE_GROUP,
                                           .flags = (drawing.compat ? QXL_COMMAND_FLAG_COMPAT : 0) |
                                                    (number % 3 == 0 ? QXL_COMMAND_FLAG_COMPAT_16BPP : 0)};
    snprintf(path, sizeof path, "%s/drawing-%02u-%u", folder, type, number);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    const size_t bytes = offsetof(Canvas, memory) + canvas.used;
    const size_t written = fwrite(&canvas, 1, bytes, file);
    return fclose(file) != 0 || written != bytes || canvas.commands[0].address == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: qxl-seeds FOLDER\n", stderr);
        return 2;
    }
    const char *folder = argv[1];
    const QXLCursorCmd move = {.type = QXL_CURSOR_MOVE, .u.position = {1, 2}};
    const QXLCursorCmd hide = {.type = QXL_CURSOR_HIDE};
    const QXLCursorCmd trail = {.type = QXL_CURSOR_TRAIL, .u.trail = {3, 4}};
    const QXLUpdateCmd update = {.area = {0, 0, 10, 10}, .update_id = 1};
    const QXLSurfaceCmd destroy = {.surface_id = 1, .type = QXL_SURFACE_CMD_DESTROY};
    QXLSurfaceCmd create = {.surface_id = 1, .type = QXL_SURFACE_CMD_CREATE};
    create.u.surface_create = (QXLSurface){SPICE_SURFACE_FMT_32_xRGB, 8, 8, 32, qxl_image_address(512)};
    const QXLDrawable draw = {.type = QXL_DRAW_FILL, .bbox = {0, 0, 10, 10}};
    const QXLCompatDrawable compat = {.type = QXL_DRAW_FILL, .bbox = {0, 0, 10, 10}};
    struct {
        uint64_t release;
        char text[16];
    } message = {0, "hello"};
    struct {
        QXLMonitorsConfig config;
        QXLHead heads[2];
    } monitors = {{2, 2}, {{0, 0, 640, 480, 0, 0, 0}, {1, 0, 640, 480, 640, 0, 0}}};
    Image compat_draw = image_of(QXL_CMD_DRAW, &compat, sizeof compat);
    compat_draw.commands[0].flags = QXL_COMMAND_FLAG_COMPAT;
    Image compat_update = image_of(QXL_CMD_UPDATE, &update, sizeof(QXLCompatUpdateCmd));
    compat_update.commands[0].flags = QXL_COMMAND_FLAG_COMPAT;

    const struct {
        const char *name;
        Image image;
    } seeds[] = {
        {"alpha", cursor_shape(SPICE_CURSOR_TYPE_ALPHA, 256, 1)},
        {"alpha-pieces", cursor_shape(SPICE_CURSOR_TYPE_ALPHA, 256, 2)},
        {"mono", cursor_shape(SPICE_CURSOR_TYPE_MONO, 16, 1)},
        {"color32", cursor_shape(SPICE_CURSOR_TYPE_COLOR32, 264, 2)},
        {"move", image_of(QXL_CMD_CURSOR, &move, sizeof move)},
        {"hide", image_of(QXL_CMD_CURSOR, &hide, sizeof hide)},
        {"trail", image_of(QXL_CMD_CURSOR, &trail, sizeof trail)},
        {"update", image_of(QXL_CMD_UPDATE, &update, sizeof update)},
        {"update-compat", compat_update},
        {"create", image_of(QXL_CMD_SURFACE, &create, sizeof create)},
        {"destroy", image_of(QXL_CMD_SURFACE, &destroy, sizeof destroy)},
        {"draw", image_of(QXL_CMD_DRAW, &draw, sizeof draw)},
        {"draw-compat", compat_draw},
        {"message", image_of(QXL_CMD_MESSAGE, &message, sizeof message)},
        {"monitors", image_of(QXL_IMAGE_MONITORS, &monitors, sizeof monitors)},
        {"primary", image_of(QXL_IMAGE_SURFACE, &create.u.surface_create, sizeof create.u.surface_create)},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        failed |= image_write(folder, seeds[i].name, &seeds[i].image);
    }
    for (uint32_t type = QXL_DRAW_NOP; type <= QXL_DRAW_COMPOSITE; type++) {
        for (uint32_t i = 0; i < DRAWINGS_PER_TYPE; i++) {
            failed |= drawing_seed(folder, (uint8_t)type, i);
        }
    }
    return failed;
}
