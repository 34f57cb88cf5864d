/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cursor channel's rules: order, shapes, the cache. */
#include "script.h"

#include <string.h>

#define CACHE 256

static FakeConnection *cursor_open(Script *s)
{
    const FakeClientConfig config = script_config();
    script_begin(s, &config);
    script_session(s);
    FakeConnection *c = script_open(s, WIRE_CHANNEL_CURSOR, 0);
    const WireMsg set_ack = {.channel = WIRE_CHANNEL_CURSOR,
                             .type = WIRE_MSG_SET_ACK,
                             .u.set_ack = {.generation = 1, .window = 20}};
    script_say(s, c, &set_ack);
    return c;
}

/* A 4x2 cursor of some type. */
static WireCursor shape(uint64_t unique, uint16_t flags, uint8_t type, size_t bytes)
{
    static const uint8_t pixels[4096] = {1, 2, 3};
    return (WireCursor){.flags = flags,
                        .header = {.unique = unique, .type = type, .width = 4, .height = 2, .hot_spot_x = 1},
                        .data = span_of(pixels, bytes)};
}

static void set(Script *s, FakeConnection *c, const WireCursor *cursor)
{
    const WireMsg m = {.channel = WIRE_CHANNEL_CURSOR,
                       .type = WIRE_MSG_CURSOR_SET,
                       .u.cursor_set = {.position = {3, -4}, .visible = 1, .cursor = *cursor}};
    script_say(s, c, &m);
}

static void init(Script *s, FakeConnection *c, uint8_t visible)
{
    const WireMsg m = {.channel = WIRE_CHANNEL_CURSOR,
                       .type = WIRE_MSG_CURSOR_INIT,
                       .u.cursor_init = {.position = {1, 2},
                                         .visible = visible,
                                         .cursor = {.flags = WIRE_CURSOR_FLAG_NONE}}};
    script_say(s, c, &m);
}

static void empty(Script *s, FakeConnection *c, uint16_t type)
{
    script_body(s, c, type, span_of("", 0));
}

static FakeConnection *cursor_ready(Script *s)
{
    FakeConnection *c = cursor_open(s);
    init(s, c, 1);
    return c;
}

static void test_model(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_ready(&s);
    const FakeCursorModel *model = fake_connection_cursor(c);
    assert_true(model->has_init && model->visible && !model->has_shape);
    assert_int_equal(model->position.x, 1);
    const WireCursor alpha = shape(7, WIRE_CURSOR_FLAG_CACHE_ME, WIRE_CURSOR_TYPE_ALPHA, 32);
    set(&s, c, &alpha);
    assert_true(model->has_shape);
    assert_int_equal(model->position.y, -4);
    assert_int_equal(model->shape.width, 4);
    assert_int_equal(model->shape_hash, fake_hash(alpha.data));
    assert_int_equal(model->cached, 1);
    empty(&s, c, WIRE_MSG_CURSOR_HIDE);
    assert_false(model->visible);
    WireMsg m = {.channel = WIRE_CHANNEL_CURSOR, .type = WIRE_MSG_CURSOR_MOVE, .u.cursor_move = {{50, 60}}};
    script_say(&s, c, &m);
    assert_true(model->visible);
    assert_int_equal(model->position.x, 50);
    m = (WireMsg){.channel = WIRE_CHANNEL_CURSOR, .type = WIRE_MSG_CURSOR_TRAIL, .u.cursor_trail = {3, 4}};
    script_say(&s, c, &m);
    assert_int_equal(model->trail_length, 3);
    const WireCursor mono = shape(0, 0, WIRE_CURSOR_TYPE_MONO, 4);
    set(&s, c, &mono);
    const WireCursor again = shape(7, WIRE_CURSOR_FLAG_FROM_CACHE, WIRE_CURSOR_TYPE_ALPHA, 0);
    set(&s, c, &again);
    assert_int_equal(model->shape_hash, fake_hash(alpha.data));
    script_end(&s);
}

static void test_order(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_open(&s);
    empty(&s, c, WIRE_MSG_CURSOR_INVAL_ALL);
    empty(&s, c, WIRE_MSG_CURSOR_RESET);
    empty(&s, c, WIRE_MSG_CURSOR_HIDE);
    script_expect(&s, FAKE_RULE_ORDER, "before INIT");
    init(&s, c, 1);
    init(&s, c, 1);
    script_expect(&s, FAKE_RULE_ORDER, "second INIT");
    empty(&s, c, WIRE_MSG_CURSOR_RESET);
    empty(&s, c, WIRE_MSG_CURSOR_HIDE);
    script_expect(&s, FAKE_RULE_ORDER, "before INIT");
    init(&s, c, 2);
    script_expect(&s, FAKE_RULE_VALUES, "visible is 2");
    script_end(&s);
}

/* Each type's size in bytes for 4x2 pixels; one more or less is wrong. */
static void test_sizes(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_ready(&s);
    static const struct {
        uint8_t type;
        size_t bytes;
    } right[] = {
        {WIRE_CURSOR_TYPE_ALPHA, 32},          {WIRE_CURSOR_TYPE_MONO, 4},
        {WIRE_CURSOR_TYPE_COLOR4, 4 + 64 + 1}, {WIRE_CURSOR_TYPE_COLOR8, 8 + 1025},
        {WIRE_CURSOR_TYPE_COLOR16, 16 + 1},    {WIRE_CURSOR_TYPE_COLOR24, 24 + 1},
        {WIRE_CURSOR_TYPE_COLOR32, 32 + 1},
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        WireCursor cursor = shape(0, 0, right[i].type, right[i].bytes);
        set(&s, c, &cursor);
        if (right[i].type >= WIRE_CURSOR_TYPE_COLOR4) { /* rows of 4 bits may be padded to bytes */
            cursor = shape(0, 0, right[i].type, right[i].bytes + 1);
            set(&s, c, &cursor);
        }
        for (size_t off = 0; off < 2; off++) {
            cursor = shape(0, 0, right[i].type, right[i].bytes + (off == 0 ? 2 : (size_t)-1));
            set(&s, c, &cursor);
            script_expect(&s, FAKE_RULE_VALUES, "bytes of pixels");
        }
    }
    const WireCursor unknown = shape(0, 0, 7, 32);
    set(&s, c, &unknown);
    script_expect(&s, FAKE_RULE_VALUES, "cursor type 7");
    script_end(&s);
}

static void test_flags(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_ready(&s);
    WireCursor cursor = shape(0, 8, WIRE_CURSOR_TYPE_ALPHA, 32);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_VALUES, "flags 0x8");
    cursor = shape(0, WIRE_CURSOR_FLAG_NONE, 0, 5);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_DECODE, "no cursor, with 5 bytes");
    script_end(&s);
}

static void test_cache(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_ready(&s);
    WireCursor cursor = shape(5, WIRE_CURSOR_FLAG_FROM_CACHE, WIRE_CURSOR_TYPE_ALPHA, 0);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "cursor 5 is not in the cache");
    cursor = shape(0, WIRE_CURSOR_FLAG_CACHE_ME, WIRE_CURSOR_TYPE_ALPHA, 32);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "under id 0");
    cursor = shape(5, WIRE_CURSOR_FLAG_CACHE_ME, WIRE_CURSOR_TYPE_ALPHA, 32);
    set(&s, c, &cursor);
    cursor = shape(5, WIRE_CURSOR_FLAG_FROM_CACHE, WIRE_CURSOR_TYPE_ALPHA, 3);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "with 3 bytes");
    cursor = shape(5, WIRE_CURSOR_FLAG_FROM_CACHE, WIRE_CURSOR_TYPE_MONO, 0);
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "another one");
    WireMsg drop = {
        .channel = WIRE_CHANNEL_CURSOR, .type = WIRE_MSG_CURSOR_INVAL_ONE, .u.cursor_inval_one = {5}};
    script_say(&s, c, &drop);
    assert_int_equal(fake_connection_cursor(c)->cached, 0);
    script_say(&s, c, &drop);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "cursor 5 to be dropped");
    script_end(&s);
}

static void test_cache_full(void **state)
{
    (void)state;
    Script s;
    FakeConnection *c = cursor_ready(&s);
    WireCursor cursor;
    for (uint64_t i = 1; i <= CACHE; i++) {
        cursor = shape(i, WIRE_CURSOR_FLAG_CACHE_ME, WIRE_CURSOR_TYPE_MONO, 4);
        set(&s, c, &cursor);
    }
    set(&s, c, &cursor); /* the same again is no further entry */
    cursor.header.unique = CACHE + 1;
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "more than 256");
    empty(&s, c, WIRE_MSG_CURSOR_INVAL_ALL);
    assert_int_equal(fake_connection_cursor(c)->cached, 0);
    set(&s, c, &cursor);
    assert_int_equal(fake_connection_cursor(c)->cached, 1);
    empty(&s, c, WIRE_MSG_CURSOR_RESET);
    init(&s, c, 1); /* empties it, too */
    cursor.flags = WIRE_CURSOR_FLAG_FROM_CACHE;
    cursor.data.len = 0;
    set(&s, c, &cursor);
    script_expect(&s, FAKE_RULE_CURSOR_PALETTE_CACHE, "is not in the cache");
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_order), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_flags), cmocka_unit_test(test_cache), cmocka_unit_test(test_cache_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
