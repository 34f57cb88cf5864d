/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#include <stdlib.h>

#define SHAPE_AT 4096u

/* A SET at offset 0 with a shape in one chunk at SHAPE_AT. */
static void put_set(Guest *guest, uint16_t type, uint16_t width, uint16_t height, uint32_t data_size,
                    uint32_t chunk_size)
{
    memset(guest->reads, 0, GUEST_BYTES);
    *(QXLCursorCmd *)guest_memory(guest, 0) = (QXLCursorCmd){
        .type = QXL_CURSOR_SET,
        .u.set = {.position = {-3, 7}, .visible = 2, .shape = guest_at(SHAPE_AT)},
    };
    *(QXLCursor *)guest_memory(guest, SHAPE_AT) = (QXLCursor){
        .header =
            {.unique = 99, .type = type, .width = width, .height = height, .hot_spot_x = 1, .hot_spot_y = 2},
        .data_size = data_size,
        .chunk = {.data_size = chunk_size},
    };
}

static Status read_cursor(Guest *guest, QxlCommand *ret)
{
    const QXLCommandExt command = {.cmd = {.data = guest_at(0), .type = QXL_CMD_CURSOR},
                                   .group_id = GUEST_GROUP};

    const Status status =
        qxl_command_read(guest->slots, &guest->host, QXL_RING_CURSOR, &command, ret, &guest->fault);
    /* It can be given back in every case. */
    assert_ptr_equal(ret->release.info, (void *)guest->start);
    assert_int_equal(ret->release.group_id, GUEST_GROUP);
    assert_int_equal(ret->slot, GUEST_SLOT);
    return status;
}

/* Reads and copies; returns the bytes of the shape or -1. */
static int64_t shape_bytes(Guest *guest)
{
    QxlCommand command;
    size_t got = 0;

    if (read_cursor(guest, &command) != STATUS_OK) {
        return -1;
    }
    const QxlShape *shape = &command.u.cursor.shape;
    assert_true(shape->bytes_min <= shape->bytes && shape->bytes <= QXL_SHAPE_BYTES_MAX);
    assert_true(shape->hot_x < shape->width && shape->hot_y < shape->height);
    uint8_t *buffer = malloc(shape->bytes);
    const Status status = qxl_shape_copy(guest->slots, shape, buffer, &got, &guest->work, &guest->fault);
    free(buffer);
    return status == STATUS_OK ? (int64_t)got : -1;
}

/* Each type needs just so much, in the shape's own count and in its chunks. */
static void sizes(void **state)
{
    Guest *guest = *state;
    static const struct {
        uint16_t type, width, height;
        uint32_t min, max;
    } rows[] = {
        {SPICE_CURSOR_TYPE_ALPHA, 1, 1, 4, 4},
        {SPICE_CURSOR_TYPE_ALPHA, 64, 33, 64 * 33 * 4, 64 * 33 * 4},
        {SPICE_CURSOR_TYPE_ALPHA, 1024, 1024, 4 << 20, 4 << 20},
        {SPICE_CURSOR_TYPE_MONO, 1, 1, 2, 2},
        {SPICE_CURSOR_TYPE_MONO, 8, 3, 6, 6},
        {SPICE_CURSOR_TYPE_MONO, 9, 3, 12, 12},
        {SPICE_CURSOR_TYPE_COLOR4, 3, 3, 6 + 64 + 2, 6 + 64 + 3},
        {SPICE_CURSOR_TYPE_COLOR8, 3, 3, 9 + 1024 + 2, 9 + 1024 + 3},
        {SPICE_CURSOR_TYPE_COLOR16, 16, 4, 128 + 8, 128 + 8},
        {SPICE_CURSOR_TYPE_COLOR24, 3, 3, 27 + 2, 27 + 3},
        {SPICE_CURSOR_TYPE_COLOR32, 3, 3, 36 + 2, 36 + 3},
        {SPICE_CURSOR_TYPE_COLOR32, 65, 1, 260 + 9, 260 + 9},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint32_t min = rows[i].min, max = rows[i].max;
        const uint32_t sized[][2] = {{min, min},     {max, max},     {max + 1, max + 1}, {UINT32_MAX, max},
                                     {max, max + 9}, {min - 1, max}, {max, min - 1}};
        const int64_t expected[] = {min, max, max, max, max, -1, -1};
        for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
            put_set(guest, rows[i].type, rows[i].width, rows[i].height, sized[k][0], sized[k][1]);
            const int64_t bytes = shape_bytes(guest);
            if (bytes != expected[k]) {
                fail_msg("type %u, %ux%u, case %zu: %lld bytes", rows[i].type, rows[i].width, rows[i].height,
                         k, (long long)bytes);
            }
        }
    }
}

static void nonsense(void **state)
{
    Guest *guest = *state;
    static const struct {
        uint16_t type, width, height;
    } rows[] = {
        {SPICE_CURSOR_TYPE_COLOR32 + 1, 4, 4},
        {256, 4, 4}, /* ALPHA, if only 8 bits were looked at */
        {UINT16_MAX, 4, 4},
        {SPICE_CURSOR_TYPE_ALPHA, 0, 4},
        {SPICE_CURSOR_TYPE_ALPHA, 4, 0},
        {SPICE_CURSOR_TYPE_ALPHA, 1025, 1024},
        {SPICE_CURSOR_TYPE_ALPHA, UINT16_MAX, UINT16_MAX},
        {SPICE_CURSOR_TYPE_COLOR8, UINT16_MAX, UINT16_MAX},
        {SPICE_CURSOR_TYPE_MONO, UINT16_MAX, UINT16_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_set(guest, rows[i].type, rows[i].width, rows[i].height, UINT32_MAX, 8 << 20);
        assert_int_equal(shape_bytes(guest), -1);
    }
}

static void fields(void **state)
{
    Guest *guest = *state;
    QxlCommand command;

    put_set(guest, SPICE_CURSOR_TYPE_ALPHA, 4, 5, 80, 80);
    ((QXLCursor *)guest_memory(guest, SHAPE_AT))->header.hot_spot_x = 4;
    ((QXLCursor *)guest_memory(guest, SHAPE_AT))->header.hot_spot_y = UINT16_MAX;
    assert_int_equal(read_cursor(guest, &command), STATUS_OK);
    const QxlCursor *cursor = &command.u.cursor;
    assert_int_equal(cursor->type, QXL_CURSOR_SET);
    assert_int_equal(cursor->x, -3);
    assert_int_equal(cursor->y, 7);
    assert_true(cursor->visible);
    assert_int_equal(cursor->shape.unique, 99);
    assert_int_equal(cursor->shape.hot_x, 3); /* brought inside */
    assert_int_equal(cursor->shape.hot_y, 4);

    memset(guest->reads, 0, GUEST_BYTES);
    *(QXLCursorCmd *)guest_memory(guest, 0) =
        (QXLCursorCmd){.type = QXL_CURSOR_MOVE, .u.position = {INT16_MIN, INT16_MAX}};
    assert_int_equal(read_cursor(guest, &command), STATUS_OK);
    assert_int_equal(command.u.cursor.x, INT16_MIN);
    assert_int_equal(command.u.cursor.y, INT16_MAX);

    memset(guest->reads, 0, GUEST_BYTES);
    *(QXLCursorCmd *)guest_memory(guest, 0) =
        (QXLCursorCmd){.type = QXL_CURSOR_TRAIL, .u.trail = {UINT16_MAX, 1}};
    assert_int_equal(read_cursor(guest, &command), STATUS_OK);
    assert_int_equal(command.u.cursor.trail_length, UINT16_MAX);
    assert_int_equal(command.u.cursor.trail_frequency, 1);

    for (unsigned type = 0; type < 256; type++) {
        memset(guest->reads, 0, GUEST_BYTES);
        *(QXLCursorCmd *)guest_memory(guest, 0) = (QXLCursorCmd){.type = (uint8_t)type};
        /* SET without a shape is none. */
        assert_int_equal(read_cursor(guest, &command), type >= QXL_CURSOR_MOVE && type <= QXL_CURSOR_TRAIL
                                                           ? STATUS_OK
                                                           : STATUS_DEVICE_FAULT);
    }
}

static void shape_addresses(void **state)
{
    Guest *guest = *state;
    const uint64_t bad[] = {0, 1, UINT64_MAX, guest_at(GUEST_BYTES),
                            guest_at(GUEST_BYTES - sizeof(QXLCursor) + 1)};
    QxlCommand command;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_set(guest, SPICE_CURSOR_TYPE_ALPHA, 4, 4, 64, 64);
        ((QXLCursorCmd *)guest_memory(guest, 0))->u.set.shape = bad[i];
        assert_int_equal(read_cursor(guest, &command), STATUS_DEVICE_FAULT);
    }
}

/* A chain that is long enough, if one goes round in it, and one that goes on without bringing anything. */
static void loops(void **state)
{
    Guest *guest = *state;
    const uint64_t itself = guest_at(SHAPE_AT + offsetof(QXLCursor, chunk));

    guest->may_reread = true;
    put_set(guest, SPICE_CURSOR_TYPE_ALPHA, 16, 16, UINT32_MAX, 100);
    ((QXLCursor *)guest_memory(guest, SHAPE_AT))->chunk.next_chunk = itself;
    assert_int_equal(shape_bytes(guest), 1024);
    put_set(guest, SPICE_CURSOR_TYPE_ALPHA, 16, 16, UINT32_MAX, 0);
    ((QXLCursor *)guest_memory(guest, SHAPE_AT))->chunk.next_chunk = itself;
    assert_int_equal(shape_bytes(guest), -1);
}

int run_cursor(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(nonsense, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(fields, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(shape_addresses, guest_setup, guest_teardown),
        cmocka_unit_test_setup_teardown(loops, guest_setup, guest_teardown),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
