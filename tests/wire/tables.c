/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables by hand: what exists, how long it is, what it needs, how much of it is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire/wire.h"

enum { MAIN = 1, DISPLAY, INPUTS, CURSOR, PLAYBACK, RECORD, TUNNEL, SMARTCARD, USBREDIR, PORT, WEBDAV };

/* Ranges of type ids, both inclusive. */
typedef struct Range {
    uint8_t channel;
    uint16_t first;
    uint16_t last;
} Range;

static const Range server_ranges[] = {
    {MAIN, 101, 118},   {DISPLAY, 101, 108},   {DISPLAY, 122, 126},  {DISPLAY, 302, 323},
    {INPUTS, 101, 102}, {INPUTS, 111, 111},    {CURSOR, 101, 108},   {PLAYBACK, 101, 107},
    {RECORD, 101, 104}, {SMARTCARD, 101, 101}, {USBREDIR, 101, 102}, {PORT, 101, 102},
    {PORT, 201, 202},   {WEBDAV, 101, 102},    {WEBDAV, 201, 202},
};
static const Range client_ranges[] = {
    {MAIN, 101, 112},   {DISPLAY, 101, 105},   {INPUTS, 101, 104},   {INPUTS, 111, 114},
    {RECORD, 101, 103}, {SMARTCARD, 101, 101}, {USBREDIR, 101, 102}, {PORT, 101, 102},
    {PORT, 201, 201},   {WEBDAV, 101, 102},    {WEBDAV, 201, 201},
};

static bool in_ranges(const Range *ranges, size_t n, unsigned channel, unsigned type, unsigned base_last)
{
    if (channel >= MAIN && channel <= WEBDAV && channel != TUNNEL && type >= 1 && type <= base_last) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].channel == channel && type >= ranges[i].first && type <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static void test_what_exists(void **state)
{
    (void)state;
    size_t server = 0;
    size_t client = 0;
    for (unsigned channel = 0; channel < 256; channel++) {
        for (unsigned type = 0; type < 600; type++) {
            const bool msg = wire_msg_info((uint8_t)channel, (uint16_t)type) != NULL;
            const bool msgc = wire_msgc_info((uint8_t)channel, (uint16_t)type) != NULL;
            assert_int_equal(
                msg, in_ranges(server_ranges, sizeof(server_ranges) / sizeof(Range), channel, type, 8));
            assert_int_equal(
                msgc, in_ranges(client_ranges, sizeof(client_ranges) / sizeof(Range), channel, type, 6));
            server += msg;
            client += msgc;
        }
    }
    assert_int_equal(server, wire_msg_count());
    assert_int_equal(client, wire_msgc_count());
    assert_int_equal(server + client, 263); /* 262 and GL_SCANOUT2_UNIX */
    assert_null(wire_msg_at(server));
    assert_null(wire_msg_info(MAIN, WIRE_MSG_BASE_LAST));
    for (size_t i = 0; i < server; i++) {
        const WireMessageInfo *info = wire_msg_at(i);
        assert_ptr_equal(wire_msg_info(info->channel, (uint16_t)info->type), info);
    }

    WireMsg msg;
    WireMsgc msgc;
    WireFault fault;
    assert_int_equal(wire_msg_decode(TUNNEL, WIRE_MSG_PING, span_of(NULL, 0), NULL, &msg, &fault),
                     STATUS_PEER_FAULT);
    assert_int_equal(wire_msgc_decode(INPUTS, 300, span_of(NULL, 0), NULL, &msgc, &fault), STATUS_PEER_FAULT);
    assert_string_equal(fault.field, "type");
    assert_int_equal(fault.value, 300);
    assert_int_equal(wire_msgc_decode(CURSOR, 100, span_of(NULL, 0), NULL, &msgc, NULL), STATUS_PEER_FAULT);

    WireOut out;
    wire_out_init_count(&out);
    wire_msg_encode(&out, &(WireMsg){.channel = TUNNEL, .type = 1});
    assert_true(out.failed);
    char text[64];
    wire_msg_print(&(WireMsg){.channel = TUNNEL, .type = 1}, text, sizeof(text));
    assert_string_equal(text, "unknown msg channel=7 type=1");
}

typedef struct Size {
    uint8_t channel;
    uint16_t type;
    uint32_t bytes;
} Size;

/* Every message with a fixed body, as the protocol's tables print its size. */
static const Size server_sizes[] = {
    {DISPLAY, 1, 4},    {DISPLAY, 3, 8},    {DISPLAY, 6, 12},   {MAIN, 102, 0},     {MAIN, 103, 32},
    {MAIN, 105, 4},     {MAIN, 106, 4},     {MAIN, 107, 0},     {MAIN, 108, 4},     {MAIN, 110, 4},
    {MAIN, 101, 20},    {MAIN, 111, 20},    {MAIN, 112, 0},     {MAIN, 114, 16},    {MAIN, 115, 4},
    {MAIN, 116, 24},    {MAIN, 117, 0},     {MAIN, 118, 0},     {DISPLAY, 101, 12}, {DISPLAY, 102, 0},
    {DISPLAY, 103, 0},  {DISPLAY, 107, 8},  {DISPLAY, 108, 0},  {DISPLAY, 125, 4},  {DISPLAY, 126, 0},
    {DISPLAY, 314, 20}, {DISPLAY, 315, 4},  {DISPLAY, 319, 16}, {DISPLAY, 320, 20}, {DISPLAY, 321, 16},
    {INPUTS, 101, 2},   {INPUTS, 102, 2},   {INPUTS, 111, 0},   {CURSOR, 102, 0},   {CURSOR, 104, 4},
    {CURSOR, 105, 0},   {CURSOR, 106, 4},   {CURSOR, 107, 8},   {CURSOR, 108, 0},   {PLAYBACK, 103, 14},
    {PLAYBACK, 104, 0}, {PLAYBACK, 106, 1}, {PLAYBACK, 107, 4}, {RECORD, 101, 10},  {RECORD, 102, 0},
    {RECORD, 104, 1},   {PORT, 201, 9},     {WEBDAV, 202, 1},
};
static const Size client_sizes[] = {
    {MAIN, 1, 4},       {MAIN, 2, 0},       {MAIN, 3, 12},     {MAIN, 4, 0},      {MAIN, 6, 12},
    {MAIN, 101, 8},     {MAIN, 102, 0},     {MAIN, 103, 0},    {MAIN, 104, 0},    {MAIN, 105, 2},
    {MAIN, 106, 4},     {MAIN, 108, 4},     {MAIN, 109, 0},    {MAIN, 110, 4},    {MAIN, 111, 0},
    {DISPLAY, 101, 14}, {DISPLAY, 102, 32}, {DISPLAY, 103, 1}, {DISPLAY, 104, 0}, {INPUTS, 101, 4},
    {INPUTS, 102, 4},   {INPUTS, 103, 2},   {INPUTS, 111, 10}, {INPUTS, 112, 11}, {INPUTS, 113, 3},
    {INPUTS, 114, 3},   {RECORD, 103, 4},   {PORT, 201, 1},
};

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(server_sizes) / sizeof(Size); i++) {
        const WireMessageInfo *info = wire_msg_info(server_sizes[i].channel, server_sizes[i].type);
        assert_int_equal(info->min_size, server_sizes[i].bytes);
        assert_int_equal(info->max_size, server_sizes[i].bytes);
    }
    for (size_t i = 0; i < sizeof(client_sizes) / sizeof(Size); i++) {
        const WireMessageInfo *info = wire_msgc_info(client_sizes[i].channel, client_sizes[i].type);
        assert_int_equal(info->min_size, client_sizes[i].bytes);
        assert_int_equal(info->max_size, client_sizes[i].bytes);
    }
    /* Clip none; a solid brush, and a pattern. */
    assert_int_equal(wire_msg_info(DISPLAY, WIRE_MSG_DISPLAY_DRAW_BLACKNESS)->min_size, 21 + 13);
    assert_int_equal(wire_msg_info(DISPLAY, WIRE_MSG_DISPLAY_DRAW_FILL)->min_size, 21 + 1 + 2 + 13);
    assert_int_equal(wire_msg_info(DISPLAY, WIRE_MSG_DISPLAY_DRAW_COPY)->min_size, 21 + 4 + 16 + 3 + 13);
    assert_int_equal(wire_msg_info(PLAYBACK, WIRE_MSG_PLAYBACK_VOLUME)->min_size, 1);
    assert_int_equal(wire_msg_info(PLAYBACK, WIRE_MSG_PLAYBACK_VOLUME)->max_size, 1 + 2 * 255);
    assert_int_equal(wire_msg_info(MAIN, WIRE_MSG_MAIN_NAME)->max_size, WIRE_SIZE_UNBOUNDED);
    assert_int_equal(wire_msg_info(DISPLAY, WIRE_MSG_DISPLAY_GL_SCANOUT2_UNIX)->min_size, 25);
    assert_int_equal(wire_msg_info(DISPLAY, WIRE_MSG_DISPLAY_GL_SCANOUT2_UNIX)->max_size, 25 + 4 * 8);
}

typedef struct Gate {
    uint8_t channel;
    uint16_t type;
    int capability;
    int absent;
} Gate;

static const Gate server_gates[] = {
    {MAIN, 101, 0, -1},     {MAIN, 102, 0, -1},     {MAIN, 107, -1, 2},     {MAIN, 112, 0, -1},
    {MAIN, 113, 1, -1},     {MAIN, 114, 1, -1},     {MAIN, 115, 2, -1},     {MAIN, 116, 3, -1},
    {DISPLAY, 316, 0, -1},  {DISPLAY, 317, 1, -1},  {DISPLAY, 318, 2, -1},  {DISPLAY, 319, 4, -1},
    {DISPLAY, 320, 7, -1},  {DISPLAY, 321, 7, -1},  {DISPLAY, 323, 15, -1}, {PLAYBACK, 105, 1, -1},
    {PLAYBACK, 106, 1, -1}, {PLAYBACK, 107, 2, -1}, {RECORD, 103, 1, -1},   {RECORD, 104, 1, -1},
    {USBREDIR, 102, 0, -1}, {PORT, 102, 0, -1},     {WEBDAV, 102, 0, -1},
};
static const Gate client_gates[] = {
    {MAIN, 110, 3, -1},     {MAIN, 111, 3, -1},     {DISPLAY, 102, 4, -1},
    {DISPLAY, 103, 6, -1},  {DISPLAY, 105, 12, -1}, {INPUTS, 104, 0, -1},
    {USBREDIR, 102, 0, -1}, {PORT, 102, 0, -1},     {WEBDAV, 102, 0, -1},
};

static void check_gate(const WireMessageInfo *info, const Gate *gates, size_t n)
{
    Gate expected = {info->channel, (uint16_t)info->type, -1, -1};
    for (size_t i = 0; i < n; i++) {
        if (gates[i].channel == info->channel && gates[i].type == info->type) {
            expected = gates[i];
        }
    }
    assert_int_equal(info->capability, expected.capability);
    assert_int_equal(info->capability_absent, expected.absent);
}

static void test_gates(void **state)
{
    (void)state;
    for (size_t i = 0; i < wire_msg_count(); i++) {
        check_gate(wire_msg_at(i), server_gates, sizeof(server_gates) / sizeof(Gate));
    }
    for (size_t i = 0; i < wire_msgc_count(); i++) {
        check_gate(wire_msgc_at(i), client_gates, sizeof(client_gates) / sizeof(Gate));
    }
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(wire_msgc_info(MAIN, WIRE_MSGC_PONG)->max_body, 4096 + 11 * 2048);
    assert_int_equal(wire_msgc_info(MAIN, WIRE_MSGC_MAIN_AGENT_DATA)->max_body, 2048);
    assert_int_equal(wire_msgc_info(DISPLAY, WIRE_MSGC_DISPLAY_INIT)->max_body, 1024);
    assert_int_equal(wire_msgc_info(DISPLAY, WIRE_MSGC_MIGRATE_DATA)->max_body, 65536);
    assert_int_equal(wire_msgc_info(CURSOR, WIRE_MSGC_ACK)->max_body, 1024);
    assert_int_equal(wire_msgc_info(INPUTS, WIRE_MSGC_INPUTS_KEY_SCANCODE)->max_body, 2048);
    for (size_t i = 0; i < wire_msgc_count(); i++) {
        assert_in_range(wire_msgc_at(i)->max_body, 1, 16 * 1024 * 1024);
    }

    static const uint8_t zeros[2049];
    WireMsgc m;
    WireFault fault;
    assert_int_equal(
        wire_msgc_decode(MAIN, WIRE_MSGC_MAIN_AGENT_DATA, span_of(zeros, 2048), NULL, &m, &fault), STATUS_OK);
    assert_int_equal(m.u.main_agent_data.data.len, 2048);
    assert_int_equal(
        wire_msgc_decode(MAIN, WIRE_MSGC_MAIN_AGENT_DATA, span_of(zeros, 2049), NULL, &m, &fault),
        STATUS_PEER_FAULT);
    assert_string_equal(fault.message, "MSGC_MAIN_AGENT_DATA");
    assert_string_equal(fault.field, "size");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(wire_channel_name(WIRE_CHANNEL_MAIN), "main");
    assert_string_equal(wire_channel_name(WIRE_CHANNEL_USBREDIR), "usbredir");
    assert_null(wire_channel_name(0));
    assert_null(wire_channel_name(12));
    assert_string_equal(wire_link_err_name(WIRE_LINK_ERR_PERMISSION_DENIED), "PERMISSION_DENIED");
    assert_null(wire_link_err_name(10));
    assert_string_equal(wire_cap_display_name(15), "GL_SCANOUT2");
    char text[128];
    wire_msgc_print(&(WireMsgc){INPUTS, WIRE_MSGC_INPUTS_MOUSE_PRESS,
                                .u.inputs_mouse_press = {.button = 9, .buttons_state = 0x8001}},
                    text, sizeof(text));
    assert_string_equal(text, "MSGC_INPUTS_MOUSE_PRESS button=9 buttons_state=LEFT|32768");
    wire_msgc_print(
        &(WireMsgc){INPUTS, WIRE_MSGC_INPUTS_MOUSE_MOTION, .u.inputs_mouse_motion = {-1, INT32_MIN, 0}}, text,
        sizeof(text));
    assert_string_equal(text, "MSGC_INPUTS_MOUSE_MOTION dx=-1 dy=-2147483648 buttons_state=0");
    wire_msgc_print(&(WireMsgc){INPUTS, WIRE_MSGC_INPUTS_KEY_SCANCODE,
                                .u.inputs_key_scancode = {span_of("\x1e\x9e 123456789abcdef", 18)}},
                    text, sizeof(text));
    assert_string_equal(text, "MSGC_INPUTS_KEY_SCANCODE data=18:1e9e2031323334353637383961626364..");
}

/* Many pointers to one large region cost no more than a few readings of the body. */
static void test_shared_regions(void **state)
{
    (void)state;
    enum { POINTERS = 20000, SUB = 20000 };
    const size_t size = 2 + 4 * POINTERS + 6 + SUB;
    uint8_t *body = calloc(1, size);
    void *room = malloc(16 * 1024 * 1024);
    assert_non_null(body);
    assert_non_null(room);
    const uint32_t at = 2 + 4 * POINTERS;
    le16_put(body, POINTERS);
    for (size_t i = 0; i < POINTERS; i++) {
        le32_put(body + 2 + 4 * i, at);
    }
    le16_put(body + at, 105);
    le32_put(body + at + 2, SUB);
    WireArena arena;
    WireMsg m;
    WireFault fault;
    wire_arena_init(&arena, room, 16 * 1024 * 1024);
    assert_int_equal(wire_msg_decode(DISPLAY, WIRE_MSG_LIST, span_of(body, size), &arena, &m, &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.why, "is visited too often");
    /* The same pointers to an empty sub-message are odd, but cheap. */
    le32_put(body + at + 2, 0);
    assert_int_equal(wire_msg_decode(DISPLAY, WIRE_MSG_LIST, span_of(body, size), &arena, &m, &fault),
                     STATUS_OK);
    assert_int_equal(m.u.list.list.sub_messages.n, POINTERS);

    /* A structure may be shared: the source, the brush's pattern and the mask of a ROP3, and their palettes. */
    const WireImage image = {.type = WIRE_IMAGE_TYPE_SURFACE, .width = 1, .height = 1};
    const WireMsgDisplayDrawRop3 rop3 = {
        .src = &image,
        .brush = {.type = WIRE_BRUSH_TYPE_PATTERN, .u.pattern = {.pat = &image}},
        .mask = {.bitmap = &image}};
    WireOut out;
    wire_out_init(&out, body, size);
    wire_msg_display_draw_rop3_encode(&out, &rop3);
    assert_false(out.failed);
    const uint32_t src = le32_get(body + 21);
    assert_int_equal(src, 21 + 4 + 16 + 13 + 2 + 13);
    le32_put(body + 42, src);      /* pattern */
    le32_put(body + src - 4, src); /* mask */
    wire_arena_reset(&arena);
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_ROP3, span_of(body, src + 22), &arena, &m, &fault),
        STATUS_OK);
    assert_int_equal(m.u.display_draw_rop3.mask.bitmap->type, WIRE_IMAGE_TYPE_SURFACE);
    /* A pointer may even go back into the fixed part: this one reads the image from the box. */
    le32_put(body + 21, 4);
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_ROP3, span_of(body, src + 22), &arena, &m, &fault),
        STATUS_OK);
    /* Not past the end, and not across it. */
    le32_put(body + 21, src + 22);
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_ROP3, span_of(body, src + 22), &arena, &m, &fault),
        STATUS_PEER_FAULT);
    assert_string_equal(fault.why, "points past the end");
    le32_put(body + 21, src + 21);
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_ROP3, span_of(body, src + 22), &arena, &m, &fault),
        STATUS_PEER_FAULT);
    free(body);
    free(room);
}

/* Counts that are lies, at both ends of 32 bits, and products of them. */
static void test_huge_counts(void **state)
{
    (void)state;
    uint8_t body[256] = {0};
    uint8_t room[4096];
    WireArena arena;
    WireMsg m;
    WireFault fault;
    const uint32_t counts[] = {1000, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000000, 0xfffffff7, 0xffffffff};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        wire_arena_init(&arena, room, sizeof(room));
        le32_put(body, counts[i]);
        assert_int_equal(
            wire_msg_decode(MAIN, WIRE_MSG_MAIN_CHANNELS_LIST, span_of(body, 64), &arena, &m, &fault),
            STATUS_PEER_FAULT);
        assert_string_equal(fault.field, "channels");
        assert_int_equal(fault.value, counts[i]);
        assert_int_equal(arena.len, 0);
        assert_int_equal(wire_msg_decode(MAIN, WIRE_MSG_MAIN_NAME, span_of(body, 64), &arena, &m, &fault),
                         STATUS_PEER_FAULT);
    }
    /* A bitmap of 2^32-1 rows of 2^32-1 bytes. */
    const WireImage image = {.type = WIRE_IMAGE_TYPE_BITMAP,
                             .u.bitmap = {.stride = 1, .y = 1, .data = span_of("x", 1)}};
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_msg_display_draw_copy_encode(&out, &(WireMsgDisplayDrawCopy){.src = &image});
    assert_false(out.failed);
    wire_arena_init(&arena, room, sizeof(room));
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_COPY, span_of(body, out.len), &arena, &m, &fault),
        STATUS_OK);
    const uint32_t src = le32_get(body + 21);
    le32_put(body + src + 18 + 6, 0xffffffff);
    le32_put(body + src + 18 + 10, 0xffffffff);
    assert_int_equal(
        wire_msg_decode(DISPLAY, WIRE_MSG_DISPLAY_DRAW_COPY, span_of(body, out.len), &arena, &m, &fault),
        STATUS_PEER_FAULT);
    assert_string_equal(fault.field, "Bitmap.data");
    assert_true(fault.value == UINT64_C(0xfffffffe00000001));
    /* And the encoder does not write what it would not read. */
    const WireImage lie = {.type = WIRE_IMAGE_TYPE_BITMAP,
                           .u.bitmap = {.stride = 2, .y = 1, .data = span_of("x", 1)}};
    wire_out_init(&out, body, sizeof(body));
    wire_msg_display_draw_copy_encode(&out, &(WireMsgDisplayDrawCopy){.src = &lie});
    assert_true(out.failed);
    uint8_t many[256] = {0};
    wire_out_init_count(&out);
    wire_msgc_display_preferred_video_codec_type_encode(
        &out, &(WireMsgcDisplayPreferredVideoCodecType){span_of(many, sizeof(many))});
    assert_true(out.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_exists), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_gates),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_shared_regions),
        cmocka_unit_test(test_huge_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
