/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.c: the honest driver: commands in the rings. A command and all it points to lie in one block. */
#include "internal.h"

#include <string.h>

#include <spice/enums.h>

#include "draw.h"

/* ---- Shapes ---- */

static uint64_t mix(uint64_t seed, uint64_t n)
{
    uint64_t state = seed * UINT64_C(0xd6e8feb86659fd93) + n;
    return (uint64_t)fake_qxl_prng_choose(&state, "", UINT32_MAX) << 32 |
           fake_qxl_prng_choose(&state, "", UINT32_MAX);
}

static uint16_t shape_edge(uint64_t r)
{
    static const uint16_t edges[] = {1, 7, 8, 9, 16, 24, 31, 32, 33, 48, 64, 96};
    return edges[r % (sizeof edges / sizeof edges[0])];
}

FakeQxlShape fake_qxl_shape(uint64_t unique, uint64_t seed)
{
    const uint64_t from = unique != 0 ? unique : ~seed;
    FakeQxlShape shape = {
        .unique = unique,
        .type = mix(from, 1) % 3 == 0 ? SPICE_CURSOR_TYPE_MONO : SPICE_CURSOR_TYPE_ALPHA,
        .width = shape_edge(mix(from, 2)),
        .height = shape_edge(mix(from, 3)),
    };
    shape.hot_x = (uint16_t)(mix(from, 4) % shape.width);
    shape.hot_y = (uint16_t)(mix(from, 5) % shape.height);
    shape.bytes = shape.type == SPICE_CURSOR_TYPE_MONO ? 2u * shape.height * ((shape.width + 7u) / 8u)
                                                       : 4u * shape.width * shape.height;
    return shape;
}

void fake_qxl_shape_fill(const FakeQxlShape *shape, uint64_t seed, uint8_t *data)
{
    uint64_t state = mix(shape->unique != 0 ? shape->unique : ~seed, 6);
    for (uint32_t i = 0; i < shape->bytes; i++) {
        data[i] = (uint8_t)fake_qxl_prng_choose(&state, "", 256);
    }
}

/* Puts `bytes` in up to three chunks, the first one at `chunk`; an empty one now and then. Returns where the
 * first byte after the last chunk is. `offset` is that of `chunk` in the block. */
static size_t chunks_write(FakeQxl *qxl, uint32_t block, size_t offset, const uint8_t *data, uint32_t bytes)
{
    uint8_t *memory = block_memory(qxl, block);
    const uint32_t count = 1 + pick(qxl, "chunks", 3);
    uint32_t done = 0;
    uint64_t previous = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = bytes - done;
        const uint32_t len = i + 1 == count ? left : pick(qxl, "chunk bytes", left + 1);
        const size_t next = offset + sizeof(QXLDataChunk) + len;
        QXLDataChunk *chunk = (QXLDataChunk *)(void *)(memory + offset);
        chunk->data_size = len;
        chunk->prev_chunk = previous;
        chunk->next_chunk = i + 1 == count ? 0 : block_address(qxl, block, next);
        memcpy(memory + offset + sizeof(QXLDataChunk), data + done, len);
        previous = block_address(qxl, block, offset);
        done += len;
        offset = next;
    }
    return offset;
}

/* ---- Cursor ring ---- */

#define SHAPE_BYTES_MAX (96u * 96u * 4u)

/* Cursors and drawings go to the spare slot now and then, while there is one that is to stay. */
static AreaId command_area(FakeQxl *qxl)
{
    const bool spare =
        qxl->areas[AREA_SPARE].mapped && !qxl->spare_leaves && !cookie_pending(qxl, COOKIE_SPARE_ADD);
    return spare && pick(qxl, "spare slot", 2) == 0 ? AREA_SPARE : AREA_RAM;
}

static QXLCursorCmd *cursor_command(FakeQxl *qxl, uint8_t type, size_t extra, const char *what,
                                    uint32_t *ret_block)
{
    fake_qxl_poll(qxl);
    if (!qxl->connected || !ring_has_room(&qxl->cursors)) {
        return NULL;
    }
    const uint32_t block = block_new(qxl, command_area(qxl), sizeof(QXLCursorCmd) + extra, what);
    if (block == BLOCK_NONE) {
        return NULL;
    }
    QXLCursorCmd *command = block_memory(qxl, block);
    command->type = type;
    *ret_block = block;
    return command;
}

static void cursor_push(FakeQxl *qxl, uint32_t block)
{
    ring_push(qxl, &qxl->cursors, QXL_CMD_CURSOR, block_address(qxl, block, 0), block);
}

bool fake_qxl_cursor_set(FakeQxl *qxl, uint64_t unique, int16_t x, int16_t y, bool visible)
{
    const uint64_t seed = ++qxl->shape_serial;
    const FakeQxlShape shape = fake_qxl_shape(unique, seed);
    uint8_t data[SHAPE_BYTES_MAX];
    uint32_t block = 0;
    QXLCursorCmd *command =
        cursor_command(qxl, QXL_CURSOR_SET, sizeof(QXLCursor) + 3 * sizeof(QXLDataChunk) + shape.bytes,
                       "a cursor set", &block);
    if (command == NULL) {
        return false;
    }
    qxl->blocks[block].shape = true;
    fake_qxl_shape_fill(&shape, seed, data);
    command->u.set.position = (QXLPoint16){x, y};
    command->u.set.visible = visible;
    command->u.set.shape = block_address(qxl, block, sizeof *command);
    QXLCursor *cursor = (QXLCursor *)(command + 1);
    cursor->header =
        (QXLCursorHeader){shape.unique, shape.type, shape.width, shape.height, shape.hot_x, shape.hot_y};
    cursor->data_size = shape.bytes;
    chunks_write(qxl, block, sizeof *command + offsetof(QXLCursor, chunk), data, shape.bytes);
    cursor_push(qxl, block);
    return true;
}

bool fake_qxl_cursor_move(FakeQxl *qxl, int16_t x, int16_t y)
{
    uint32_t block = 0;
    QXLCursorCmd *command = cursor_command(qxl, QXL_CURSOR_MOVE, 0, "a cursor move", &block);
    if (command == NULL) {
        return false;
    }
    command->u.position = (QXLPoint16){x, y};
    cursor_push(qxl, block);
    return true;
}

bool fake_qxl_cursor_hide(FakeQxl *qxl)
{
    uint32_t block = 0;
    if (cursor_command(qxl, QXL_CURSOR_HIDE, 0, "a cursor hide", &block) == NULL) {
        return false;
    }
    cursor_push(qxl, block);
    return true;
}

bool fake_qxl_cursor_trail(FakeQxl *qxl, uint16_t length, uint16_t frequency)
{
    uint32_t block = 0;
    QXLCursorCmd *command = cursor_command(qxl, QXL_CURSOR_TRAIL, 0, "a cursor trail", &block);
    if (command == NULL) {
        return false;
    }
    command->u.trail.length = length;
    command->u.trail.frequency = frequency;
    cursor_push(qxl, block);
    return true;
}

/* ---- Command ring ---- */

#define DRAW_SURFACES_MAX 16u /* surfaces that a drawing chooses from */

static void *command_new(FakeQxl *qxl, AreaId area, size_t bytes, const char *what, uint32_t *ret_block)
{
    fake_qxl_poll(qxl);
    if (!qxl->connected || !ring_has_room(&qxl->commands)) {
        return NULL;
    }
    *ret_block = block_new(qxl, area, bytes, what);
    return *ret_block == BLOCK_NONE ? NULL : block_memory(qxl, *ret_block);
}

static void command_push(FakeQxl *qxl, uint32_t type, uint32_t block)
{
    ring_push(qxl, &qxl->commands, type, block_address(qxl, block, 0), block);
}

static uint32_t format_bits(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return 1;
    case SPICE_SURFACE_FMT_8_A:
        return 8;
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
        return 16;
    default:
        return 32;
    }
}

bool fake_qxl_surface_create(FakeQxl *qxl, uint32_t width, uint32_t height, uint32_t format)
{
    fake_qxl_poll(qxl);
    uint32_t id = 1;
    while (id < qxl->surface_count && qxl->surfaces[id].state != SURFACE_NONE) {
        id++;
    }
    const uint64_t row_bytes = ((uint64_t)width * format_bits(format) + 31) / 32 * 4;
    const uint32_t stride = (uint32_t)row_bytes;
    const uint64_t bytes = row_bytes * height;
    if (id >= qxl->surface_count || cookie_pending(qxl, COOKIE_SURFACES_DESTROY) || bytes == 0 ||
        bytes > qxl->areas[AREA_VRAM].bytes) {
        return false;
    }
    uint32_t block = 0;
    QXLSurfaceCmd *command = command_new(qxl, AREA_RAM, sizeof(QXLSurfaceCmd), "a surface create", &block);
    if (command == NULL) {
        return false;
    }
    const uint32_t data = block_new(qxl, AREA_VRAM, bytes, "a surface's pixels");
    if (data == BLOCK_NONE) {
        block_free(qxl, block);
        return false;
    }
    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_CREATE;
    command->u.surface_create =
        (QXLSurface){format, width, height, (int32_t)stride, block_address(qxl, data, 0)};
    qxl->surfaces[id] = (GuestSurface){
        .state = SURFACE_LIVE,
        .create = block,
        .destroy = BLOCK_NONE,
        .data = data,
        .width = width,
        .height = height,
        .format = format,
        .stride = (int32_t)stride,
    };
    command_push(qxl, QXL_CMD_SURFACE, block);
    return true;
}

bool fake_qxl_surface_destroy(FakeQxl *qxl, uint32_t id)
{
    if (id == 0 || id >= qxl->surface_count || qxl->surfaces[id].state != SURFACE_LIVE) {
        return false;
    }
    uint32_t block = 0;
    QXLSurfaceCmd *command = command_new(qxl, AREA_RAM, sizeof(QXLSurfaceCmd), "a surface destroy", &block);
    if (command == NULL) {
        return false;
    }
    command->surface_id = id;
    command->type = QXL_SURFACE_CMD_DESTROY;
    qxl->surfaces[id].state = SURFACE_DYING;
    qxl->surfaces[id].destroy = block;
    command_push(qxl, QXL_CMD_SURFACE, block);
    return true;
}

static bool drawable_possible(const FakeQxl *qxl, uint32_t surface, const QXLRect *box)
{
    return surface < qxl->surface_count && qxl->surfaces[surface].state == SURFACE_LIVE && box->left >= 0 &&
           box->top >= 0 && box->left < box->right && box->top < box->bottom &&
           (uint32_t)box->right <= qxl->surfaces[surface].width &&
           (uint32_t)box->bottom <= qxl->surfaces[surface].height;
}

static void drawable_init(QXLDrawable *drawable, uint32_t surface, const QXLRect *box, uint8_t type)
{
    drawable->surface_id = surface;
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = type;
    drawable->bbox = *box;
    drawable->clip.type = SPICE_CLIP_TYPE_NONE;
    for (int i = 0; i < 3; i++) {
        drawable->surfaces_dest[i] = -1;
    }
}

bool fake_qxl_fill(FakeQxl *qxl, uint32_t surface, const QXLRect *box, uint32_t color)
{
    uint32_t block = 0;
    if (!drawable_possible(qxl, surface, box)) {
        return false;
    }
    QXLDrawable *drawable = command_new(qxl, command_area(qxl), sizeof(QXLDrawable), "a fill", &block);
    if (drawable == NULL) {
        return false;
    }
    drawable_init(drawable, surface, box, QXL_DRAW_FILL);
    drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    drawable->u.fill.brush.u.color = color & 0xffffffu;
    drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    command_push(qxl, QXL_CMD_DRAW, block);
    return true;
}

#define PICTURE_WIDTH 48
#define PICTURE_HEIGHT 40
#define PALETTED_EDGE 8

/* As a drawing, with a picture of noise in the size of the box. */
static void noise_drawing(FakeQxl *qxl, uint32_t surface, const QXLRect *box, FakeDrawing *ret)
{
    const uint32_t width = (uint32_t)(box->right - box->left), height = (uint32_t)(box->bottom - box->top);

    *ret = (FakeDrawing){.type = QXL_DRAW_COPY,
                         .surface_id = surface,
                         .effect = QXL_EFFECT_OPAQUE,
                         .box = *box,
                         .source_area = {.right = (int32_t)width, .bottom = (int32_t)height},
                         .rop = SPICE_ROPD_OP_PUT};
    ret->source = (FakeDrawImage){.present = true,
                                  .id = (uint64_t)++qxl->serial << 32 | QXL_IMAGE_GROUP_DRIVER_DONT_CACHE,
                                  .type = SPICE_IMAGE_TYPE_BITMAP,
                                  .width = width,
                                  .height = height,
                                  .format = SPICE_BITMAP_FMT_32BIT,
                                  .bitmap_flags = QXL_BITMAP_TOP_DOWN,
                                  .stride = width * 4,
                                  .bytes = width * 4 * height,
                                  .seed = qxl->serial,
                                  .chunks = 1};
}

bool fake_qxl_copy_chunks(FakeQxl *qxl, uint32_t surface, const QXLRect *box, uint32_t chunks)
{
    FakeDrawing drawing;

    noise_drawing(qxl, surface, box, &drawing);
    drawing.source.chunks = chunks > 0 ? chunks : 1;
    return fake_qxl_draw(qxl, &drawing);
}

bool fake_qxl_copy_picture(FakeQxl *qxl, uint32_t surface, uint32_t number)
{
    const QXLRect box = {.right = PICTURE_WIDTH, .bottom = PICTURE_HEIGHT};
    FakeDrawing drawing;

    noise_drawing(qxl, surface, &box, &drawing);
    drawing.source.id = (uint64_t)number << 32 | QXL_IMAGE_GROUP_DRIVER;
    drawing.source.flags = QXL_IMAGE_CACHE;
    drawing.source.seed = number;
    return fake_qxl_draw(qxl, &drawing);
}

bool fake_qxl_copy_palette(FakeQxl *qxl, uint32_t surface, uint32_t number)
{
    FakeDrawing drawing;

    fake_qxl_poll(qxl);
    if (surface >= qxl->surface_count || qxl->surfaces[surface].state != SURFACE_LIVE ||
        qxl->surfaces[surface].width < PALETTED_EDGE || qxl->surfaces[surface].height < PALETTED_EDGE) {
        return false;
    }
    /* Beside each other: what is covered need not be sent. */
    const uint32_t columns = qxl->surfaces[surface].width / PALETTED_EDGE;
    const uint32_t rows = qxl->surfaces[surface].height / PALETTED_EDGE;
    const int32_t left = (int32_t)(number % columns) * PALETTED_EDGE;
    const int32_t top = (int32_t)(number / columns % rows) * PALETTED_EDGE;
    const QXLRect box = {
        .left = left, .top = top, .right = left + PALETTED_EDGE, .bottom = top + PALETTED_EDGE};
    noise_drawing(qxl, surface, &box, &drawing);
    drawing.source.format = SPICE_BITMAP_FMT_1BIT_BE;
    drawing.source.stride = PALETTED_EDGE / 8;
    drawing.source.bytes = drawing.source.stride * PALETTED_EDGE;
    drawing.source.colors = 2;
    drawing.source.palette_unique = number;
    drawing.source.palette_seed = number;
    drawing.source.seed = number;
    return fake_qxl_draw(qxl, &drawing);
}

bool fake_qxl_copy_surface(FakeQxl *qxl, uint32_t surface, uint32_t from)
{
    FakeDrawing drawing;

    fake_qxl_poll(qxl);
    if (surface >= qxl->surface_count || from >= qxl->surface_count || from == surface ||
        qxl->surfaces[surface].state != SURFACE_LIVE || qxl->surfaces[from].state != SURFACE_LIVE) {
        return false;
    }
    const GuestSurface *to = &qxl->surfaces[surface], *source = &qxl->surfaces[from];
    const QXLRect box = {.right = (int32_t)(to->width < source->width ? to->width : source->width),
                         .bottom = (int32_t)(to->height < source->height ? to->height : source->height)};
    noise_drawing(qxl, surface, &box, &drawing);
    drawing.source = (FakeDrawImage){.present = true,
                                     .id = drawing.source.id,
                                     .type = SPICE_IMAGE_TYPE_SURFACE,
                                     .width = source->width,
                                     .height = source->height,
                                     .surface_id = from};
    return fake_qxl_draw(qxl, &drawing);
}

bool fake_qxl_copy(FakeQxl *qxl, uint32_t surface, const QXLRect *box)
{
    uint32_t block = 0;
    if (!drawable_possible(qxl, surface, box)) {
        return false;
    }
    const uint32_t width = (uint32_t)(box->right - box->left);
    const uint32_t height = (uint32_t)(box->bottom - box->top);
    const size_t image_at = sizeof(QXLDrawable);
    const size_t pixels_at = (image_at + sizeof(QXLImage) + 7) & ~(size_t)7;
    const size_t bytes = (size_t)width * 4 * height;
    QXLDrawable *drawable = command_new(qxl, command_area(qxl), pixels_at + bytes, "a copy", &block);
    if (drawable == NULL) {
        return false;
    }
    drawable_init(drawable, surface, box, QXL_DRAW_COPY);
    drawable->u.copy.src_bitmap = block_address(qxl, block, image_at);
    drawable->u.copy.src_area = (QXLRect){.right = (int32_t)width, .bottom = (int32_t)height};
    drawable->u.copy.rop_descriptor = SPICE_ROPD_OP_PUT;

    uint8_t *memory = (uint8_t *)drawable;
    QXLImage *image = (QXLImage *)(void *)(memory + image_at);
    QXL_SET_IMAGE_ID(image, QXL_IMAGE_GROUP_DRIVER_DONT_CACHE, (uint32_t)++qxl->serial);
    image->descriptor.type = SPICE_IMAGE_TYPE_BITMAP;
    image->descriptor.width = width;
    image->descriptor.height = height;
    image->bitmap.format = SPICE_BITMAP_FMT_32BIT;
    image->bitmap.flags = QXL_BITMAP_DIRECT | QXL_BITMAP_TOP_DOWN;
    image->bitmap.x = width;
    image->bitmap.y = height;
    image->bitmap.stride = width * 4;
    image->bitmap.data = block_address(qxl, block, pixels_at);
    uint64_t noise = qxl->serial;
    for (size_t i = 0; i < bytes; i += 4) {
        const uint32_t pixel = fake_qxl_prng_choose(&noise, "", 1u << 24);
        memcpy(memory + pixels_at + i, &pixel, 4);
    }
    command_push(qxl, QXL_CMD_DRAW, block);
    return true;
}

/* ---- Drawings of every type ---- */

/* A command's block, handed out from its start. */
typedef struct BlockRoom {
    FakeQxl *qxl;
    uint32_t block;
    size_t used;
} BlockRoom;

static void *room_take(void *opaque, size_t bytes, uint64_t *ret_address)
{
    BlockRoom *room = opaque;
    uint8_t *memory = (uint8_t *)block_memory(room->qxl, room->block) + room->used;

    *ret_address = block_address(room->qxl, room->block, room->used);
    room->used += bytes;
    return memory;
}

bool fake_qxl_draw(FakeQxl *qxl, const FakeDrawing *drawing)
{
    uint32_t block = 0;
    if (!drawable_possible(qxl, drawing->surface_id, &drawing->box) ||
        command_new(qxl, command_area(qxl), fake_drawing_bytes(drawing, 1), "a drawing", &block) == NULL) {
        return false;
    }
    BlockRoom room = {.qxl = qxl, .block = block};
    const FakeDrawMemory memory = {room_take, &room};
    if (fake_drawing_write(drawing, &memory) == 0) {
        block_free(qxl, block);
        return false;
    }
    ring_push_flags(qxl, &qxl->commands, QXL_CMD_DRAW, drawing->compat ? QXL_COMMAND_FLAG_COMPAT : 0,
                    block_address(qxl, block, 0), block);
    return true;
}

bool fake_qxl_draw_random(FakeQxl *qxl, uint32_t surface, uint8_t type, uint32_t edge_max,
                          bool (*wanted)(const FakeDrawing *drawing))
{
    FakeDrawSurface surfaces[DRAW_SURFACES_MAX];
    FakeDrawWorld world = {
        .surfaces = surfaces, .edge_max = edge_max, .own_clients = qxl->config.own_clients};
    FakeDrawing drawing;

    fake_qxl_poll(qxl);
    if (surface >= qxl->surface_count || qxl->surfaces[surface].state != SURFACE_LIVE) {
        return false;
    }
    for (uint32_t i = 0; i < qxl->surface_count && world.surface_count < DRAW_SURFACES_MAX; i++) {
        const uint32_t id = (surface + i) % qxl->surface_count; /* the one drawn on is the first */
        const GuestSurface *other = &qxl->surfaces[id];
        if (other->state == SURFACE_LIVE) {
            surfaces[world.surface_count++] =
                (FakeDrawSurface){id, other->width, other->height, other->format};
        }
    }
    fake_drawing_random(&drawing, type, &world, 0, &qxl->config.choice);
    return (wanted == NULL || wanted(&drawing)) && fake_qxl_draw(qxl, &drawing);
}

bool fake_qxl_update(FakeQxl *qxl, uint32_t surface, const QXLRect *area)
{
    uint32_t block = 0;
    if (!drawable_possible(qxl, surface, area)) {
        return false;
    }
    QXLUpdateCmd *update = command_new(qxl, AREA_RAM, sizeof(QXLUpdateCmd), "an update command", &block);
    if (update == NULL) {
        return false;
    }
    update->area = *area;
    update->update_id = (uint32_t)qxl->serial;
    update->surface_id = surface;
    command_push(qxl, QXL_CMD_UPDATE, block);
    return true;
}

bool fake_qxl_message(FakeQxl *qxl, const char *text)
{
    uint32_t block = 0;
    QXLMessage *message =
        command_new(qxl, AREA_RAM, sizeof(QXLMessage) + strlen(text) + 1, "a message", &block);
    if (message == NULL) {
        return false;
    }
    memcpy((uint8_t *)message + sizeof *message, text, strlen(text) + 1);
    command_push(qxl, QXL_CMD_MESSAGE, block);
    return true;
}
