/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl_seeds: writes one right image per kind of command into a folder, for the qxl target.
 *
 * usage: qxl-seeds FOLDER
 */
#include "fuzz/qxl_image.h"

#include <stdio.h>
#include <string.h>

#include <spice/enums.h>

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
    return failed;
}
