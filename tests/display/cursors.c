/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes that clients keep: the fake client checks that what comes from its cache is there, and that there is room. */
#include "channels/cursor_cache.h"
#include "tests/canvas/choices.h"
#include "tests/display/desk.h"

#include <spice/enums.h>

#include "wire/wire.h"

#define SHAPES_AT_ONCE 40u

static void run_machine(Desk *desk)
{
    desk_start_machine(desk);
    desk_create_primary(desk);
}

/* `value` is the first id; the ones behind it follow. */
static void set_shapes(Desk *desk)
{
    for (uint32_t i = 0; i < SHAPES_AT_ONCE; i++) {
        device_cursor_set(&desk->device, desk->value + i, 8, 8);
    }
    spice_qxl_wakeup(&desk->device.instance);
}

static void set_other_shape(Desk *desk)
{
    device_cursor_set(&desk->device, desk->value, 9, 8);
    spice_qxl_wakeup(&desk->device.instance);
}

static void reset_cursor(Desk *desk)
{
    spice_qxl_reset_cursor(&desk->device.instance);
}

static uint32_t count(const DeskMessages *messages, uint16_t type)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < messages->len; i++) {
        n += messages->types[i] == type;
    }
    return n;
}

static void shapes(Desk *desk, uint64_t first)
{
    desk->value = first;
    desk_host(desk, set_shapes);
    desk_run(desk, 50 * NS_PER_MS);
}

static void test_the_latest_shapes_are_kept(void **state)
{
    Desk *desk = *state;
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    const FakeCursorModel *model = fake_connection_cursor(client->cursor.connection);
    DeskMessages *got = &client->cursor_got;

    for (uint64_t first = 1; first <= 241; first += SHAPES_AT_ONCE) { /* 280 shapes */
        shapes(desk, first);
    }
    assert_int_equal(model->cached, CURSOR_CACHE_ENTRIES);
    assert_int_equal(model->shape.unique, 280);
    assert_int_equal(count(got, WIRE_MSG_CURSOR_INVAL_ONE), 280 - CURSOR_CACHE_ENTRIES);

    got->len = 0;
    shapes(desk, 241); /* they are there */
    assert_int_equal(count(got, WIRE_MSG_CURSOR_SET), SHAPES_AT_ONCE);
    assert_int_equal(count(got, WIRE_MSG_CURSOR_INVAL_ONE), 0);
    uint8_t pixels[8 * 8 * 4];
    memset(pixels, 280 & 0xff, sizeof pixels);
    assert_int_equal(model->shape_hash, fake_hash(span_of(pixels, sizeof pixels)));

    got->len = 0;
    shapes(desk, 1); /* of these the first 24 went, and each comes in place of the next */
    assert_int_equal(count(got, WIRE_MSG_CURSOR_INVAL_ONE), SHAPES_AT_ONCE);
    assert_int_equal(model->cached, CURSOR_CACHE_ENTRIES);
}

static void test_another_shape_of_the_same_id_is_sent(void **state)
{
    Desk *desk = *state;
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    const FakeCursorModel *model = fake_connection_cursor(client->cursor.connection);
    uint8_t pixels[9 * 8 * 4];

    shapes(desk, 1);
    client->cursor_got.len = 0;
    desk->value = 7;
    desk_host(desk, set_other_shape);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_CURSOR_INVAL_ONE, WIRE_MSG_CURSOR_SET);
    assert_int_equal(model->shape.width, 9);
    memset(pixels, 7, sizeof pixels);
    assert_int_equal(model->shape_hash, fake_hash(span_of(pixels, sizeof pixels)));
    assert_int_equal(model->cached, SHAPES_AT_ONCE);
}

static void test_a_reset_empties_it(void **state)
{
    Desk *desk = *state;
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    const FakeCursorModel *model = fake_connection_cursor(client->cursor.connection);

    shapes(desk, 1);
    desk_host(desk, reset_cursor);
    desk_run(desk, 50 * NS_PER_MS);
    assert_int_equal(model->cached, 0);
    shapes(desk, 1);
    assert_true(model->has_init);
    assert_int_equal(model->shape.unique, SHAPES_AT_ONCE);
    /* All but the first one came with INIT or after it. */
    assert_true(model->cached > 0 && model->cached <= SHAPES_AT_ONCE);
}

/* ---- Shapes of all types ---- */

typedef struct Kind {
    uint8_t type;
    uint32_t bytes; /* of 5 x 3 pixels, the rows of the mask padded */
} Kind;

static const Kind kinds[] = {
    {SPICE_CURSOR_TYPE_ALPHA, 5 * 3 * 4},           {SPICE_CURSOR_TYPE_MONO, 2 * 3},
    {SPICE_CURSOR_TYPE_COLOR4, 3 * 3 + 16 * 4 + 3}, {SPICE_CURSOR_TYPE_COLOR8, 15 + 256 * 4 + 3},
    {SPICE_CURSOR_TYPE_COLOR16, 15 * 2 + 3},        {SPICE_CURSOR_TYPE_COLOR24, 15 * 3 + 3},
    {SPICE_CURSOR_TYPE_COLOR32, 15 * 4 + 3},
};

/* `value` says which. */
static void set_kind(Desk *desk)
{
    const Kind *kind = &kinds[desk->value];
    uint64_t at;
    QXLCursorCmd *command = device_put(&desk->device, sizeof *command + sizeof(QXLCursor) + kind->bytes, &at);
    QXLCursor *cursor = (QXLCursor *)(command + 1);

    command->type = QXL_CURSOR_SET;
    command->u.set.visible = 1;
    command->u.set.shape = device_address(at + sizeof *command);
    cursor->header = (QXLCursorHeader){.type = kind->type, .width = 5, .height = 3, .hot_spot_x = 2};
    cursor->data_size = cursor->chunk.data_size = kind->bytes;
    for (uint32_t i = 0; i < kind->bytes; i++) {
        ((uint8_t *)(cursor + 1))[i] = (uint8_t)(i * 7 + desk->value);
    }
    device_push(&desk->device.cursors, QXL_CMD_CURSOR, device_address(at));
    spice_qxl_wakeup(&desk->device.instance);
}

static void test_all_types_arrive_as_they_are(void **state)
{
    Desk *desk = *state;
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    const FakeCursorModel *model = fake_connection_cursor(client->cursor.connection);

    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t bytes[2048];
        desk->value = i;
        desk_host(desk, set_kind);
        desk_run(desk, 50 * NS_PER_MS);
        for (uint32_t k = 0; k < kinds[i].bytes; k++) {
            bytes[k] = (uint8_t)(k * 7 + i);
        }
        assert_int_equal(model->shape.type, kinds[i].type);
        assert_int_equal(model->shape.hot_spot_x, 2);
        assert_int_equal(model->shape_hash, fake_hash(span_of(bytes, kinds[i].bytes)));
    }
    assert_int_equal(model->cached, 0); /* none has an id */
}

static void set_trail(Desk *desk)
{
    uint64_t at;
    QXLCursorCmd *command = device_put(&desk->device, sizeof *command, &at);
    command->type = QXL_CURSOR_TRAIL;
    command->u.trail.length = 7;
    command->u.trail.frequency = 30;
    device_push(&desk->device.cursors, QXL_CMD_CURSOR, device_address(at));
    spice_qxl_wakeup(&desk->device.instance);
}

static void test_the_trail_is_told(void **state)
{
    Desk *desk = *state;
    desk_host(desk, run_machine);
    DeskClient *client = desk_client(desk, NULL);
    client->cursor_got.len = 0;
    desk_host(desk, set_trail);
    desk_run(desk, 50 * NS_PER_MS);
    DESK_EXPECT(&client->cursor_got, WIRE_MSG_CURSOR_TRAIL);
    const FakeCursorModel *later = fake_connection_cursor(desk_client(desk, NULL)->cursor.connection);
    assert_int_equal(later->trail_length, 7);
    assert_int_equal(later->trail_frequency, 30);
}

/* ---- The cache alone ---- */

static void test_entries_are_as_in_a_list(void **state)
{
    (void)state;
    static CursorCache cache;
    struct {
        uint64_t id, contents;
    } list[CURSOR_CACHE_ENTRIES + 1]; /* what was used longest ago comes first */
    size_t len = 0;
    Choices choices = choices_of_seed(3);

    cursor_cache_clear(&cache);
    for (uint32_t round = 0; round < 50000; round++) {
        const uint64_t id = choose(&choices, 320), contents = choose_rarely(&choices, 40);
        CursorCacheAnswer expected = id == 0 ? CURSOR_CACHE_NONE : CURSOR_CACHE_KEEP;
        uint64_t expected_victim = 0, victim;
        for (size_t i = 0; id != 0 && i < len; i++) {
            if (list[i].id == id) {
                expected = list[i].contents == contents ? CURSOR_CACHE_THERE : CURSOR_CACHE_KEEP;
                expected_victim = list[i].contents == contents ? 0 : id;
                memmove(&list[i], &list[i + 1], (--len - i) * sizeof list[0]);
            }
        }
        if (id != 0) {
            list[len].id = id;
            list[len++].contents = contents;
        }
        if (len > CURSOR_CACHE_ENTRIES) {
            expected_victim = list[0].id;
            memmove(&list[0], &list[1], --len * sizeof list[0]);
        }
        assert_int_equal(cursor_cache_use(&cache, id, contents, &victim), expected);
        assert_int_equal(victim, expected_victim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_latest_shapes_are_kept, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(test_another_shape_of_the_same_id_is_sent, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(test_a_reset_empties_it, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(test_all_types_arrive_as_they_are, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(test_the_trail_is_told, desk_setup, desk_teardown),
        cmocka_unit_test(test_entries_are_as_in_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
