/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lies.c: the hostile driver. Each lie is one command or call that breaks one rule; all else about it is
 * right.
 *
 * Whether a command that is refused comes back is told by where it lies: if the server could read its release
 * info, it must; if its own address is false, it cannot (the bait); where both are defensible, the block is
 * optional.
 */
#include "internal.h"

#include <string.h>

#include <spice/enums.h>

static bool in_ring(FakeQxl *qxl, Ring *ring, uint32_t type, uint64_t address, uint32_t group)
{
    if (!ring_has_room(ring)) {
        return false;
    }
    const QXLCommandExt command = {{address, type, 0}, group, 0};
    ring_push_raw(qxl, ring, &command, BLOCK_NONE);
    return true;
}

/* A command whose own address is false, in either ring. */
static bool lie_address(FakeQxl *qxl, uint64_t address, uint32_t group)
{
    static const uint32_t types[] = {QXL_CMD_DRAW, QXL_CMD_SURFACE, QXL_CMD_UPDATE, QXL_CMD_MESSAGE};
    return pick(qxl, "ring", 2) == 0
               ? in_ring(qxl, &qxl->cursors, QXL_CMD_CURSOR, address, group)
               : in_ring(qxl, &qxl->commands, types[pick(qxl, "type", 4)], address, group);
}

uint64_t false_address(FakeQxl *qxl)
{
    const uint64_t true_one = block_address(qxl, qxl->bait, 0);
    switch (pick(qxl, "false address", 5)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2: /* just past the end of its slot */
        return true_one - (uint64_t)qxl->blocks[qxl->bait].unit * UNIT_BYTES + qxl->areas[AREA_RAM].bytes;
    case 3: /* just before its start */
        return true_one - (uint64_t)qxl->blocks[qxl->bait].unit * UNIT_BYTES - 1;
    default: /* the offset that wraps when the delta is added */
        return true_one | ((UINT64_C(1) << (64 - SLOT_BITS - GENERATION_BITS)) - 1);
    }
}

void *lie_new(FakeQxl *qxl, const Ring *ring, const char *what, uint32_t *ret_block)
{
    if (!ring_has_room(ring)) {
        return NULL;
    }
    *ret_block = block_new(qxl, AREA_RAM, LIE_BYTES, what);
    return *ret_block == BLOCK_NONE ? NULL : block_memory(qxl, *ret_block);
}

static bool lie_type(FakeQxl *qxl)
{
    Ring *ring = pick(qxl, "ring", 2) == 0 ? &qxl->cursors : &qxl->commands;
    const uint32_t types_cursor[] = {QXL_CMD_DRAW, QXL_CMD_SURFACE, QXL_CMD_NOP, 6, UINT32_MAX};
    const uint32_t types_command[] = {QXL_CMD_CURSOR, QXL_CMD_NOP, 6, UINT32_MAX, 0x80000001};
    const uint32_t at = pick(qxl, "type", 5);
    uint32_t block = 0;
    if (lie_new(qxl, ring, "a command of an unknown type", &block) == NULL) {
        return false;
    }
    qxl->blocks[block].optional = true;
    ring_push(qxl, ring, ring == &qxl->cursors ? types_cursor[at] : types_command[at],
              block_address(qxl, block, 0), block);
    return true;
}

/* A cursor that is right but for what `lie` says. */
static bool lie_cursor(FakeQxl *qxl, FakeQxlLie lie)
{
    uint32_t block = 0;
    QXLCursorCmd *command = lie_new(qxl, &qxl->cursors, "a false cursor", &block);
    if (command == NULL) {
        return false;
    }
    QXLCursor *cursor = (QXLCursor *)(command + 1);
    const uint64_t chunk_at = block_address(qxl, block, sizeof *command + offsetof(QXLCursor, chunk));
    const uint64_t slot_left = (uint64_t)(qxl->areas[AREA_RAM].units - qxl->blocks[block].unit) * UNIT_BYTES;
    command->type = QXL_CURSOR_SET;
    command->u.set.visible = 1;
    command->u.set.shape = block_address(qxl, block, sizeof *command);
    cursor->header = (QXLCursorHeader){.type = SPICE_CURSOR_TYPE_ALPHA, .width = 16, .height = 16};
    cursor->data_size = 16 * 16 * 4;
    cursor->chunk.data_size = cursor->data_size;
    switch (lie) {
    case FAKE_QXL_LIE_CURSOR_KIND:
        command->type = (uint8_t)(4 + pick(qxl, "kind", 252));
        break;
    case FAKE_QXL_LIE_SHAPE_ADDRESS:
        command->u.set.shape = false_address(qxl);
        break;
    case FAKE_QXL_LIE_SHAPE_TYPE:
        cursor->header.type = (uint16_t)(7 + pick(qxl, "shape type", 65529));
        break;
    case FAKE_QXL_LIE_SHAPE_HUGE:
        cursor->header.width = cursor->header.height = UINT16_MAX;
        break;
    case FAKE_QXL_LIE_SHAPE_EMPTY:
        cursor->header.width = pick(qxl, "side", 2) == 0 ? 0 : 16;
        cursor->header.height = cursor->header.width == 0 ? 16 : 0;
        break;
    case FAKE_QXL_LIE_SHAPE_SHORT:
        cursor->data_size = cursor->chunk.data_size = pick(qxl, "bytes", 16 * 16 * 4);
        break;
    case FAKE_QXL_LIE_CHUNK_LOOP:
        cursor->data_size = UINT32_MAX;
        cursor->chunk.data_size = pick(qxl, "empty", 2) == 0 ? 0 : 1024;
        cursor->chunk.next_chunk = chunk_at;
        break;
    case FAKE_QXL_LIE_CHUNK_ADDRESS:
        cursor->chunk.data_size = 16;
        cursor->chunk.next_chunk = false_address(qxl);
        break;
    default: /* FAKE_QXL_LIE_CHUNK_SIZE */
        cursor->data_size = cursor->chunk.data_size =
            pick(qxl, "most", 2) == 0 ? UINT32_MAX : (uint32_t)slot_left;
        break;
    }
    ring_push(qxl, &qxl->cursors, QXL_CMD_CURSOR, block_address(qxl, block, 0), block);
    return true;
}

uint32_t free_surface_id(const FakeQxl *qxl)
{
    for (uint32_t id = qxl->surface_count; id-- > 1;) {
        if (qxl->surfaces[id].state == SURFACE_NONE) {
            return id;
        }
    }
    return 0;
}

/* A surface that the server must refuse; where it might be taken for legal, its memory is. */
static bool lie_surface(FakeQxl *qxl, FakeQxlLie lie)
{
    const uint32_t id = free_surface_id(qxl);
    uint32_t block = 0;
    QXLSurfaceCmd *command = id == 0 ? NULL : lie_new(qxl, &qxl->commands, "a false surface", &block);
    if (command == NULL) {
        return false;
    }
    static const int32_t strides[] = {INT32_MIN, INT32_MAX, 0, 63, -63, 1};
    static const uint32_t sizes[] = {0, UINT32_MAX, 0x40000000, 0x80000000, 65536};
    QXLSurface *create = &command->u.surface_create;
    command->surface_id = id;
    *create = (QXLSurface){SPICE_SURFACE_FMT_32_xRGB, 16, 16, 64, block_address(qxl, block, 1024)};
    switch (lie) {
    case FAKE_QXL_LIE_SURFACE_ID: {
        const uint32_t ids[] = {qxl->surface_count, UINT32_MAX, 0x80000000, 10000};
        command->surface_id = ids[pick(qxl, "id", 4)];
        break;
    }
    case FAKE_QXL_LIE_SURFACE_TWICE:
        command->surface_id = 1;
        while (command->surface_id < qxl->surface_count &&
               qxl->surfaces[command->surface_id].state != SURFACE_LIVE) {
            command->surface_id++;
        }
        if (command->surface_id == qxl->surface_count) {
            block_free(qxl, block);
            return false;
        }
        break;
    case FAKE_QXL_LIE_SURFACE_FORMAT:
        create->format = 2 + pick(qxl, "format", 6); /* 2..7 name nothing */
        break;
    case FAKE_QXL_LIE_SURFACE_STRIDE:
        create->stride = strides[pick(qxl, "stride", 6)];
        create->height = create->stride == INT32_MAX ? 2 : 16;
        break;
    case FAKE_QXL_LIE_SURFACE_SIZE:
        create->width = sizes[pick(qxl, "width", 5)];
        create->height = sizes[pick(qxl, "height", 5)];
        create->stride = pick(qxl, "stride", 2) == 0 ? 64 : (int32_t)(create->width * 4u);
        break;
    case FAKE_QXL_LIE_SURFACE_PRIMARY:
        command->surface_id = 0;
        command->type = pick(qxl, "kind", 2) == 0 ? QXL_SURFACE_CMD_CREATE : QXL_SURFACE_CMD_DESTROY;
        break;
    case FAKE_QXL_LIE_SURFACE_DATA:
        create->data = false_address(qxl);
        break;
    default: /* FAKE_QXL_LIE_SURFACE_UNKNOWN */
        command->type = pick(qxl, "kind", 2) == 0 ? QXL_SURFACE_CMD_DESTROY : 7;
        break;
    }
    ring_push(qxl, &qxl->commands, QXL_CMD_SURFACE, block_address(qxl, block, 0), block);
    return true;
}

static const QXLRect false_boxes[] = {
    {.left = -1, .right = 10, .bottom = 10},
    {.right = INT32_MAX, .bottom = INT32_MAX},
    {.left = 10, .bottom = 10},
    {.top = INT32_MIN, .left = INT32_MIN, .bottom = INT32_MAX, .right = INT32_MAX}};

static bool lie_compat(FakeQxl *qxl)
{
    uint32_t block = 0;
    QXLCompatDrawable *drawable = lie_new(qxl, &qxl->commands, "a false fill in the older layout", &block);
    if (drawable == NULL) {
        return false;
    }
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = QXL_DRAW_FILL;
    drawable->bbox = (QXLRect){.right = 1, .bottom = 1};
    drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    if (pick(qxl, "what", 2) == 0) {
        drawable->bbox = false_boxes[pick(qxl, "box", 4)];
    } else {
        drawable->type = pick(qxl, "type", 2) == 0 ? QXL_DRAW_COMPOSITE : 200;
    }
    const uint32_t flags =
        QXL_COMMAND_FLAG_COMPAT | (pick(qxl, "16 bits", 2) == 0 ? QXL_COMMAND_FLAG_COMPAT_16BPP : 0);
    ring_push_flags(qxl, &qxl->commands, QXL_CMD_DRAW, flags, block_address(qxl, block, 0), block);
    return true;
}

static bool lie_message(FakeQxl *qxl)
{
    uint32_t block = 0;
    QXLMessage *message = lie_new(qxl, &qxl->commands, "a message without an end", &block);
    if (message == NULL) {
        return false;
    }
    memset(message->data, 'A', LIE_BYTES - sizeof *message);
    ring_push(qxl, &qxl->commands, QXL_CMD_MESSAGE, block_address(qxl, block, 0), block);
    return true;
}

static bool lie_draw(FakeQxl *qxl, FakeQxlLie lie)
{
    uint32_t block = 0;
    QXLDrawable *drawable = lie_new(qxl, &qxl->commands, "a false fill", &block);
    if (drawable == NULL) {
        return false;
    }
    drawable->effect = QXL_EFFECT_OPAQUE;
    drawable->type = QXL_DRAW_FILL;
    drawable->bbox = (QXLRect){.right = 1, .bottom = 1};
    drawable->u.fill.brush.type = SPICE_BRUSH_TYPE_SOLID;
    drawable->u.fill.rop_descriptor = SPICE_ROPD_OP_PUT;
    memset(drawable->surfaces_dest, 0xff, sizeof drawable->surfaces_dest);
    if (lie == FAKE_QXL_LIE_DRAW_SURFACE) {
        const uint32_t ids[] = {free_surface_id(qxl), qxl->surface_count, UINT32_MAX};
        drawable->surface_id = ids[pick(qxl, "surface", 3)];
    } else if (lie == FAKE_QXL_LIE_DRAW_DEPENDENCY) {
        const int32_t ids[] = {(int32_t)free_surface_id(qxl), (int32_t)qxl->surface_count, INT32_MAX, -2};
        drawable->surfaces_dest[pick(qxl, "dependency", 3)] = ids[pick(qxl, "surface", 4)];
        drawable->surfaces_rects[0] = drawable->bbox;
    } else {
        drawable->bbox = false_boxes[pick(qxl, "box", 4)];
    }
    ring_push(qxl, &qxl->commands, QXL_CMD_DRAW, block_address(qxl, block, 0), block);
    return true;
}

static bool lie_monitors(FakeQxl *qxl, FakeQxlLie lie)
{
    const uint16_t heads = 4;
    const uint32_t block = block_new(qxl, AREA_RAM, sizeof(QXLMonitorsConfig) + heads * sizeof(QXLHead),
                                     "a false monitors config");
    const Cookie *cookie = block == BLOCK_NONE ? NULL : cookie_new(qxl, COOKIE_MONITORS, block);
    if (cookie == NULL) {
        block_free(qxl, block);
        return false;
    }
    QXLMonitorsConfig *config = block_memory(qxl, block);
    uint64_t address = block_address(qxl, block, 0);
    config->count = 1;
    config->heads[0] = (QXLHead){.width = 640, .height = 480};
    if (lie == FAKE_QXL_LIE_MONITORS_ADDRESS) {
        address = false_address(qxl);
    } else if (lie == FAKE_QXL_LIE_MONITORS_COUNT) {
        const uint16_t counts[][2] = {{0, 4}, {3, 2}, {UINT16_MAX, 0}, {UINT16_MAX, UINT16_MAX}};
        const uint32_t at = pick(qxl, "count", 4);
        config->count = counts[at][0];
        config->max_allowed = counts[at][1];
    } else {
        config->count = heads;
        for (uint32_t i = 0; i < heads; i++) {
            config->heads[i] = (QXLHead){.id = pick(qxl, "head", 3) == 0 ? UINT32_MAX : 0,
                                         .surface_id = pick(qxl, "surface", 2) == 0 ? 0 : UINT32_MAX,
                                         .width = pick(qxl, "width", 2) == 0 ? 0 : UINT32_MAX,
                                         .height = UINT32_MAX,
                                         .x = 0x7fffffff,
                                         .y = UINT32_MAX};
        }
    }
    spice_qxl_monitors_config_async(&qxl->instance, address, GROUP_GUEST, cookie->value);
    return true;
}

/* Refused or not, it is destroyed again, so that an honest primary can follow. */
static bool lie_primary(FakeQxl *qxl)
{
    if (qxl->surfaces[0].state != SURFACE_NONE || cookies_pending(qxl)) {
        return false;
    }
    static const QXLDevSurfaceCreate lies[] = {
        {.width = 0, .height = 0, .stride = 0, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 64, .height = 64, .stride = 255, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 64, .height = 64, .stride = 0, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 64, .height = 64, .stride = INT32_MIN, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 0x40000000, .height = 4, .stride = 4, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 64, .height = UINT32_MAX, .stride = 256, .format = SPICE_SURFACE_FMT_32_xRGB},
        {.width = 16, .height = 16, .stride = 64, .format = 5},
        {.width = 8192, .height = 8192, .stride = 32768, .format = SPICE_SURFACE_FMT_32_xRGB},
    };
    const uint32_t block = block_new(qxl, AREA_RAM, LIE_BYTES, "a false primary's pixels");
    if (block == BLOCK_NONE) {
        return false;
    }
    QXLDevSurfaceCreate create = lies[pick(qxl, "primary", sizeof lies / sizeof lies[0])];
    create.mem = pick(qxl, "address", 3) == 0 ? false_address(qxl) : block_address(qxl, block, 0);
    create.group_id = GROUP_GUEST;
    spice_qxl_create_primary_surface(&qxl->instance, 0, &create);
    spice_qxl_destroy_primary_surface(&qxl->instance, 0);
    block_free(qxl, block);
    return true;
}

static bool lie_memslot(FakeQxl *qxl)
{
    if (!qxl->connected) {
        return false;
    }
    const uintptr_t start = (uintptr_t)qxl->areas[AREA_RAM].memory;
    const QXLDevMemSlot slots[] = {
        {.slot_group_id = GROUPS, .slot_id = 4, .virt_start = start, .virt_end = start + 64},
        {.slot_group_id = UINT32_MAX, .slot_id = 4, .virt_start = start, .virt_end = start + 64},
        {.slot_group_id = GROUP_GUEST, .slot_id = SLOTS, .virt_start = start, .virt_end = start + 64},
        {.slot_group_id = GROUP_GUEST, .slot_id = UINT32_MAX, .virt_start = start, .virt_end = start + 64},
        {.slot_group_id = GROUP_GUEST, .slot_id = 5, .virt_start = start + 64, .virt_end = start},
    };
    const uint32_t at = pick(qxl, "slot", 6);
    if (at == 5) {
        spice_qxl_del_memslot(&qxl->instance, pick(qxl, "group", 2) == 0 ? UINT32_MAX : GROUP_GUEST,
                              pick(qxl, "id", 2) == 0 ? UINT32_MAX : SLOTS);
    } else {
        QXLDevMemSlot slot = slots[at];
        spice_qxl_add_memslot(&qxl->instance, &slot);
    }
    return true;
}

static bool lie_tell(FakeQxl *qxl, FakeQxlLie lie)
{
    const uint64_t offset = AREA_BASE + (uint64_t)qxl->blocks[qxl->bait].unit * UNIT_BYTES;
    const uint32_t generation = qxl->areas[AREA_RAM].generation;
    switch (lie) {
    case FAKE_QXL_LIE_COMMAND_ADDRESS:
        return lie_address(qxl, false_address(qxl), GROUP_GUEST);
    case FAKE_QXL_LIE_COMMAND_GENERATION:
        return lie_address(qxl, address_of(1 + AREA_RAM, (generation - 1) % 256, offset), GROUP_GUEST);
    case FAKE_QXL_LIE_COMMAND_SLOT:
        return lie_address(qxl, address_of(SLOTS - 1 + 200 * pick(qxl, "slot", 2), generation, offset),
                           GROUP_GUEST);
    case FAKE_QXL_LIE_COMMAND_GROUP:
        return lie_address(qxl, block_address(qxl, qxl->bait, 0),
                           pick(qxl, "group", 2) == 0 ? GROUPS : UINT32_MAX);
    case FAKE_QXL_LIE_COMMAND_STRADDLE:
        /* Only these two are larger than the unit that is left. */
        return pick(qxl, "ring", 2) == 0 ? in_ring(qxl, &qxl->cursors, QXL_CMD_CURSOR,
                                                   block_address(qxl, qxl->bait_end, 0), GROUP_GUEST)
                                         : in_ring(qxl, &qxl->commands, QXL_CMD_DRAW,
                                                   block_address(qxl, qxl->bait_end, 0), GROUP_GUEST);
    case FAKE_QXL_LIE_COMMAND_TYPE:
        return lie_type(qxl);
    case FAKE_QXL_LIE_CURSOR_KIND:
    case FAKE_QXL_LIE_SHAPE_ADDRESS:
    case FAKE_QXL_LIE_SHAPE_TYPE:
    case FAKE_QXL_LIE_SHAPE_HUGE:
    case FAKE_QXL_LIE_SHAPE_SHORT:
    case FAKE_QXL_LIE_SHAPE_EMPTY:
    case FAKE_QXL_LIE_CHUNK_LOOP:
    case FAKE_QXL_LIE_CHUNK_ADDRESS:
    case FAKE_QXL_LIE_CHUNK_SIZE:
        return lie_cursor(qxl, lie);
    case FAKE_QXL_LIE_SURFACE_ID:
    case FAKE_QXL_LIE_SURFACE_TWICE:
    case FAKE_QXL_LIE_SURFACE_FORMAT:
    case FAKE_QXL_LIE_SURFACE_STRIDE:
    case FAKE_QXL_LIE_SURFACE_SIZE:
    case FAKE_QXL_LIE_SURFACE_DATA:
    case FAKE_QXL_LIE_SURFACE_UNKNOWN:
    case FAKE_QXL_LIE_SURFACE_PRIMARY:
        return lie_surface(qxl, lie);
    case FAKE_QXL_LIE_DRAW_SURFACE:
    case FAKE_QXL_LIE_DRAW_BOX:
    case FAKE_QXL_LIE_DRAW_DEPENDENCY:
        return lie_draw(qxl, lie);
    case FAKE_QXL_LIE_DRAW_COMPAT:
        return lie_compat(qxl);
    case FAKE_QXL_LIE_MESSAGE:
        return lie_message(qxl);
    case FAKE_QXL_LIE_MONITORS_ADDRESS:
    case FAKE_QXL_LIE_MONITORS_COUNT:
    case FAKE_QXL_LIE_MONITORS_HEADS:
        return lie_monitors(qxl, lie);
    case FAKE_QXL_LIE_PRIMARY:
        return lie_primary(qxl);
    case FAKE_QXL_LIE_MEMSLOT:
        return lie_memslot(qxl);
    case FAKE_QXL_LIE_UPDATE_SURFACE:
        return lie_update(qxl);
    case FAKE_QXL_LIES:
        return false;
    default:
        return lie_drawing(qxl, lie);
    }
    return false;
}

bool fake_qxl_lie(FakeQxl *qxl, FakeQxlLie lie)
{
    fake_qxl_poll(qxl);
    const bool told = qxl->connected && lie_tell(qxl, lie);
    qxl->lies += told;
    return told;
}

const char *fake_qxl_lie_name(FakeQxlLie lie)
{
    static const char *const names[FAKE_QXL_LIES] = {
        "command-address",  "command-generation",
        "command-slot",     "command-group",
        "command-straddle", "command-type",
        "cursor-kind",      "shape-address",
        "shape-type",       "shape-huge",
        "shape-short",      "chunk-loop",
        "chunk-address",    "chunk-size",
        "surface-id",       "surface-twice",
        "surface-format",   "surface-stride",
        "surface-size",     "surface-data",
        "surface-unknown",  "draw-surface",
        "draw-box",         "monitors-address",
        "monitors-count",   "monitors-heads",
        "primary",          "memslot",
        "draw-type",        "draw-brush",
        "draw-mask",        "draw-clip",
        "draw-area",        "draw-self",
        "draw-from",        "draw-path",
        "draw-dashes",      "draw-text",
        "draw-composite",   "draw-rop",
        "palette",          "image-address",
        "image-type",       "image-size",
        "image-stride",     "image-format",
        "image-data",       "image-short",
        "image-chunk-loop", "image-chunk-address",
        "image-chunk-size", "image-id",
        "image-surface",    "quic",
        "update-surface",   "surface-primary",
        "shape-empty",      "draw-dependency",
        "draw-compat",      "message",
    };
    return lie < FAKE_QXL_LIES ? names[lie] : "unknown";
}
