/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings as messages. Bytes decide what is drawn, and which words of the guest's memory are overwritten, before the drawing
 * is read and once more before it is encoded, as guests write when they like. Whatever the parser takes, what leaves are
 * messages that decode, of which a client's renderer may complain but not come to harm. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/posix/posix.h"
#include "display/encode/draw_encoder.h"
#include "qxl/command.h"
#include "render.h"
#include "tests/canvas/world.h"

#define DRAWINGS 4u
#define HOST_BYTES_MAX (16u << 20)
#define BYTES_MAX (1u << 23)

typedef struct Room {
    World world;
    Memslots *slots;
    DrawEncoder *encoder;
    Outgoing out;
    uint64_t serial;
    uint32_t caps, held;
    RenderCache *cache;
    Renderer *renderer;
    uint8_t *bytes, *arena;
} Room;

static void *room_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return bytes <= HOST_BYTES_MAX ? malloc(bytes) : NULL;
}

static void room_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
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

static void *room_hold(void *opaque, const QxlDrawable *drawable)
{
    Room *room = opaque;
    (void)drawable;
    room->held++;
    return room;
}

static void room_release(void *owner)
{
    Room *room = owner;
    CHECK(room->held > 0);
    room->held--;
}

static void room_furnish(Room *room, uint8_t habits)
{
    Choices choices = choices_of_seed(habits % 16u);
    const DrawEncoderConfig config = {
        .core = core_posix(),
        .channel_caps = &room->caps,
        .framing = {.mini_header = true, .serial = &room->serial},
        .compression = (DrawCompression)(habits % 16 % DRAW_COMPRESSION_COUNT),
        .glz_pixels = 20000,
        .cache_pixels = habits & 64 ? 5000 : 0,
        .hold = habits & 128 ? room_hold : NULL,
        .release = room_release,
        .opaque = room,
    };

    room->caps = 1u << WIRE_CAP_DISPLAY_COMPOSITE | 1u << WIRE_CAP_DISPLAY_LZ4_COMPRESSION;
    room->encoder = draw_encoder_new(&config);
    room->cache = render_cache_new(20000);
    room->renderer = renderer_new(room->cache);
    CHECK(room->encoder != NULL);
    draw_encoder_set_zlib(room->encoder, (habits & 16) != 0);
    draw_encoder_set_lossy(room->encoder, (habits & 32) != 0);
    outgoing_init(&room->out, core_posix());
    world_surfaces(&room->world, &choices, WORLD_OF_32 | WORLD_OF_16 | WORLD_OF_8 | WORLD_OF_1);
    for (uint32_t id = 1; id < WORLD_SURFACES; id++) {
        const QxlGeometry *geometry = &room->world.surfaces[id].geometry;
        WireMsg create = {.channel = WIRE_CHANNEL_DISPLAY, .type = WIRE_MSG_DISPLAY_SURFACE_CREATE};
        create.u.display_surface_create =
            (WireMsgDisplaySurfaceCreate){id, geometry->width, geometry->height, geometry->format, 0};
        CHECK(renderer_message(room->renderer, &create) == NULL);
    }
}

/* Words anywhere in what the guest wrote become others. */
static void room_spoil(Room *room, Choices *choices)
{
    static const uint32_t favourites[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fff, 0x10000, 8};
    for (uint32_t words = choose(choices, 3); words > 0; words--) {
        const uint32_t at = choose(choices, (uint32_t)room->world.guest_bytes - 4);
        const uint32_t kind = choose(choices, 12);
        const uint32_t value = kind < 8 ? favourites[kind] : choose32(choices);
        memcpy(room->world.guest + at, &value, sizeof(value));
    }
}

static void room_receive(Room *room)
{
    size_t len = 0;
    while (!outgoing_is_empty(&room->out)) {
        struct iovec iov[8];
        const int n = outgoing_vectors(&room->out, iov, 8);
        size_t some = 0;
        for (int i = 0; i < n; i++) {
            if (len + some + iov[i].iov_len <= BYTES_MAX) {
                memcpy(room->bytes + len + some, iov[i].iov_base, iov[i].iov_len);
            }
            some += iov[i].iov_len;
        }
        len += some;
        outgoing_taken(&room->out, some);
    }
    CHECK(room->held == 0);
    for (size_t at = 0; len <= BYTES_MAX && at < len;) {
        WireArena arena;
        WireMsg message;
        CHECK(len - at >= WIRE_MINI_DATA_HEADER_BYTES);
        const uint16_t type = le16_get(room->bytes + at);
        const uint32_t size = le32_get(room->bytes + at + 2);
        at += WIRE_MINI_DATA_HEADER_BYTES;
        CHECK(size <= len - at);
        wire_arena_init(&arena, room->arena, WIRE_ARENA_BYTES(BYTES_MAX));
        CHECK(wire_msg_decode(WIRE_CHANNEL_DISPLAY, type, span_of(room->bytes + at, size), &arena, &message,
                              NULL) == STATUS_OK);
        (void)renderer_message(room->renderer, &message);
        at += size;
    }
}

static void room_draw(Room *room, Choices *choices)
{
    const QxlHost host = {.memory = {.alloc = room_alloc, .free = room_free, .opaque = room},
                          .find_surface = room_geometry,
                          .opaque = room};
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
    room_spoil(room, choices);
    for (uint32_t i = 0; i < parsed.u.drawable->image_count; i++) {
        parsed.u.drawable->images[i]->flags |= choose(choices, 2) != 0 ? QXL_IMAGE_CACHE : 0;
    }
    if (draw_encoder_draw(room->encoder, parsed.u.drawable, id, &room->out)) {
        room_receive(room);
    }
    CHECK(outgoing_is_empty(&room->out) && room->held == 0);
    qxl_drawable_free(parsed.u.drawable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Room room; /* the world's memory, and that of messages, is made once */
    const MemslotsLayout layout = {.groups = 1, .slots = 1, .id_bits = 8, .generation_bits = 8};

    if (size < 2) {
        return 0;
    }
    if (room.world.guest == NULL) {
        world_init(&room.world);
        room.world.beyond = true;
        room.bytes = malloc(BYTES_MAX);
        room.arena = malloc(WIRE_ARENA_BYTES(BYTES_MAX));
        CHECK(room.bytes != NULL && room.arena != NULL);
    }
    const uintptr_t start = (uintptr_t)room.world.guest;
    const Memslot guest = {.virt_start = start, .virt_end = start + WORLD_GUEST_BYTES};
    room.slots = memslots_new(&layout);
    CHECK(room.slots != NULL && memslots_add(room.slots, &guest) == STATUS_OK);
    room_furnish(&room, data[0]);
    Choices choices = choices_of_bytes(data + 2, size - 2);
    for (unsigned i = 0; i < DRAWINGS && choices.left > 0; i++) {
        room_draw(&room, &choices);
    }
    draw_encoder_free(room.encoder);
    outgoing_finish(&room.out);
    renderer_free(room.renderer);
    render_cache_free(room.cache);
    memslots_free(room.slots);
    return 0;
}
