/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings onto surfaces. Bytes decide what is drawn, and which words of the guest's memory are then overwritten; what the
 * parser still takes must not lead the canvas outside of any surface, each of which is an allocation of just its size. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "display/canvas/canvas.h"
#include "qxl/command.h"
#include "tests/canvas/world.h"

#define DRAWINGS 4u
#define HOST_BYTES_MAX (16u << 20)

typedef struct Room {
    World world;
    Canvas canvases[WORLD_SURFACES];
    uint8_t *pixels[WORLD_SURFACES];
    Memslots *slots;
    CanvasSet set;
    uint32_t allocs_left; /* then there is no memory */
} Room;

static void *room_alloc(void *opaque, size_t bytes)
{
    Room *room = opaque;
    if (bytes > HOST_BYTES_MAX || room->allocs_left == 0) {
        return NULL;
    }
    room->allocs_left--;
    return malloc(bytes);
}

static void room_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const Canvas *room_find(void *opaque, uint32_t id)
{
    const Room *room = opaque;
    return id > 0 && id < WORLD_SURFACES ? &room->canvases[id] : NULL;
}

static bool room_geometry(void *opaque, uint32_t id, QxlGeometry *ret_geometry)
{
    const Room *room = opaque;
    if (id == 0 || id >= WORLD_SURFACES) {
        return false;
    }
    *ret_geometry = room->world.surfaces[id].geometry;
    return true;
}

static void room_furnish(Room *room, uint64_t seed)
{
    Choices choices = choices_of_seed(seed);
    QxlFault fault;

    world_surfaces(&room->world, &choices, WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8 | WORLD_OF_1);
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const WorldSurface *surface = &room->world.surfaces[id];
        room->pixels[id] = malloc(surface->bytes);
        CHECK(room->pixels[id] != NULL);
        memset(room->pixels[id], (int)(seed * id), surface->bytes);
        CHECK(canvas_init(&room->canvases[id], &surface->geometry, room->pixels[id], &fault) == STATUS_OK);
    }
}

/* Words anywhere in what the guest wrote become others: small ones, great ones, any. */
static void room_spoil(Room *room, Choices *choices)
{
    static const uint32_t favourites[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fff, 0x10000, 8};
    for (uint32_t words = choose(choices, 4); words > 0; words--) {
        const uint32_t at = choose(choices, (uint32_t)room->world.guest_bytes - 4);
        const uint32_t kind = choose(choices, 12);
        const uint32_t value = kind < 8 ? favourites[kind] : choose32(choices);
        memcpy(room->world.guest + at, &value, sizeof(value));
    }
}

static void room_draw(Room *room, Choices *choices)
{
    const QxlMemory memory = {.alloc = room_alloc, .free = room_free, .opaque = room};
    const QxlHost host = {.memory = memory, .find_surface = room_geometry, .opaque = room};
    const WorldOp *op = &world_ops[choose(choices, world_op_count)];
    const uint32_t id = 1 + choose(choices, WORLD_DRAWN);
    QxlCommand parsed;
    QxlFault fault;

    world_forget(&room->world);
    const QXLDrawable *drawing = world_drawing(&room->world, choices, op, id);
    room_spoil(room, choices);
    const QXLCommandExt command = {.cmd = {.data = world_address(drawing), .type = QXL_CMD_DRAW}};
    if (qxl_command_read(room->slots, &host, QXL_RING_COMMANDS, &command, &parsed, &fault) != STATUS_OK) {
        return;
    }
    const uint32_t surface = parsed.u.drawable->surface_id;
    const Status status = canvas_draw(&room->set, &room->canvases[surface], parsed.u.drawable, &fault);
    CHECK(status == STATUS_OK || status == STATUS_DEVICE_FAULT || status == STATUS_LIMIT);
    CHECK(status == STATUS_OK || fault.why != NULL);
    qxl_drawable_free(parsed.u.drawable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Room room; /* the world's memory is made once */
    const MemslotsLayout layout = {.groups = 1, .slots = 1, .id_bits = 8, .generation_bits = 8};
    const QxlMemory memory = {.alloc = room_alloc, .free = room_free, .opaque = &room};

    if (size < 2) {
        return 0;
    }
    if (room.world.guest == NULL) {
        world_init(&room.world);
        room.world.beyond = true;
    }
    const uintptr_t start = (uintptr_t)room.world.guest;
    const Memslot guest = {.virt_start = start, .virt_end = start + WORLD_GUEST_BYTES};
    room.slots = memslots_new(&layout);
    CHECK(room.slots != NULL && memslots_add(room.slots, &guest) == STATUS_OK);
    room.set = canvas_set_of(&memory, room_find, &room);
    room.allocs_left = data[1] < 0xf0 ? UINT32_MAX : data[1] - 0xf0u;
    room_furnish(&room, data[0] % 16u);
    Choices choices = choices_of_bytes(data + 2, size - 2);
    for (unsigned i = 0; i < DRAWINGS && choices.left > 0; i++) {
        room_draw(&room, &choices);
    }
    canvas_set_finish(&room.set);
    memslots_free(room.slots);
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        free(room.pixels[id]);
    }
    return 0;
}
