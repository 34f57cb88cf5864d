/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes written by hand from the protocol's tables, field by field, so that the description is not judged by
 * itself alone. Each must be what the encoder writes, and what the decoder reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/wire/families.h"

/* Bytes from hexadecimal digits; blanks are for the reader. */
static Span hex(const char *text)
{
    static uint8_t bytes[2048];
    size_t n = 0;
    for (; *text; text++) {
        if (*text != ' ') {
            const char digit[2] = {*text, 0};
            const uint8_t value = (uint8_t)strtoul(digit, NULL, 16);
            if (n % 2 == 0) {
                bytes[n / 2] = (uint8_t)(value << 4);
            } else {
                bytes[n / 2] |= value;
            }
            n++;
        }
    }
    assert_int_equal(n % 2, 0);
    return span_of(bytes, n / 2);
}

static uint8_t body[2048];
static uint8_t room[65536];

static void same_bytes(const WireOut *out, Span expected)
{
    assert_false(out->failed);
    assert_int_equal(out->len, expected.len);
    assert_memory_equal(out->bytes, expected.data, expected.len);
}

static void golden_msg(const WireMsg *m, const char *text)
{
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_msg_encode(&out, m);
    same_bytes(&out, hex(text));
    WireArena arena;
    wire_arena_init(&arena, room, sizeof(room));
    WireMsg back;
    WireFault fault;
    assert_int_equal(wire_msg_decode(m->channel, m->type, hex(text), &arena, &back, &fault), STATUS_OK);
    assert_true(wire_msg_equal(m, &back));
}

static void golden_msgc(const WireMsgc *m, const char *text)
{
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_msgc_encode(&out, m);
    same_bytes(&out, hex(text));
    WireMsgc back;
    WireFault fault;
    assert_int_equal(wire_msgc_decode(m->channel, m->type, hex(text), NULL, &back, &fault), STATUS_OK);
    assert_true(wire_msgc_equal(m, &back));
}

static void test_headers(void **state)
{
    (void)state;
    WireOut out;
    WireFault fault;
    wire_out_init(&out, body, sizeof(body));
    const WireDataHeader full = {.serial = 0x0102030405060708, .type = 103, .size = 32, .sub_list = 0};
    wire_data_header_encode(&out, &full);
    same_bytes(&out, hex("0807060504030201 6700 20000000 00000000"));
    assert_int_equal(WIRE_DATA_HEADER_BYTES, 18);
    WireDataHeader full_back;
    assert_int_equal(wire_data_header_decode(span_of(body, 18), NULL, &full_back, &fault), STATUS_OK);
    assert_true(wire_data_header_equal(&full, &full_back));
    assert_int_equal(wire_data_header_decode(span_of(body, 17), NULL, &full_back, &fault), STATUS_PEER_FAULT);
    assert_string_equal(fault.message, "DataHeader");
    assert_string_equal(fault.field, "DataHeader.sub_list");

    wire_out_init(&out, body, sizeof(body));
    wire_mini_data_header_encode(&out, &(WireMiniDataHeader){.type = 0x013e, .size = 20});
    same_bytes(&out, hex("3e01 14000000"));
    assert_int_equal(WIRE_MINI_DATA_HEADER_BYTES, 6);
}

static void test_link(void **state)
{
    (void)state;
    WireOut out;
    WireArena arena;
    WireFault fault;
    wire_out_init(&out, body, sizeof(body));
    wire_link_header_encode(&out, &(WireLinkHeader){WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, 26});
    same_bytes(&out, hex("52454451 02000000 02000000 1a000000"));

    const uint32_t common[] = {0x0d};
    const uint32_t channel[] = {0x09};
    const WireLinkMess mess = {.connection_id = 0xcafe,
                               .channel_type = WIRE_CHANNEL_MAIN,
                               .channel_id = 0,
                               .common_caps = {common, 1},
                               .channel_caps = {channel, 1}};
    const char *const mess_hex = "feca0000 01 00 01000000 01000000 12000000 0d000000 09000000";
    wire_out_init(&out, body, sizeof(body));
    wire_link_mess_encode(&out, &mess);
    same_bytes(&out, hex(mess_hex));
    WireLinkMess back;
    wire_arena_init(&arena, room, sizeof(room));
    assert_int_equal(wire_link_mess_decode(hex(mess_hex), &arena, &back, &fault), STATUS_OK);
    assert_true(wire_link_mess_equal(&mess, &back));

    /* The words may lie anywhere behind the fixed part. */
    assert_int_equal(
        wire_link_mess_decode(hex("feca0000 01 00 01000000 01000000 15000000 ffffff 0d000000 09000000"),
                              &arena, &back, &fault),
        STATUS_OK);
    assert_true(wire_link_mess_equal(&mess, &back));
    /* Without words the offset means nothing. */
    assert_int_equal(
        wire_link_mess_decode(hex("feca0000 01 00 00000000 00000000 ffffffff"), NULL, &back, &fault),
        STATUS_OK);
    assert_int_equal(back.common_caps.n + back.channel_caps.n, 0);
    /* Inside the fixed part, wrapping round, past the end, too many. */
    const char *const bad[] = {
        "feca0000 01 00 01000000 01000000 11000000 0d000000 09000000",
        "feca0000 01 00 01000000 01000000 fcffffff 0d000000 09000000",
        "feca0000 01 00 01000000 01000000 13000000 0d000000 09000000",
        "feca0000 01 00 01040000 00000000 12000000 0d000000 09000000",
        "feca0000 01 00 00000040 00000000 12000000 0d000000 09000000",
        "feca0000 01 00 00000000 01040000 12000000 0d000000 09000000",
    };
    const char *const field[] = {"LinkMess.caps_offset", "LinkMess.caps_offset", "LinkMess.channel_caps",
                                 "LinkMess.common_caps", "LinkMess.common_caps", "LinkMess.channel_caps"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(wire_link_mess_decode(hex(bad[i]), &arena, &back, &fault), STATUS_PEER_FAULT);
        assert_string_equal(fault.field, field[i]);
    }

    /* An error reply: 178 bytes, all zero but the error and the offset. */
    wire_out_init(&out, body, sizeof(body));
    wire_link_reply_encode(&out, &(WireLinkReply){.error = WIRE_LINK_ERR_INVALID_MAGIC});
    assert_int_equal(out.len, 178);
    assert_int_equal(WIRE_LINK_REPLY_BYTES, 178);
    uint8_t reply[178] = {2};
    reply[174] = 178;
    assert_memory_equal(body, reply, 178);

    const uint8_t key[WIRE_PUB_KEY_BYTES] = {0x30, 0x81};
    wire_out_init(&out, body, sizeof(body));
    wire_link_reply_encode(
        &out, &(WireLinkReply){.pub_key = span_of(key, sizeof(key)), .common_caps = {common, 1}});
    assert_int_equal(out.len, 182);
    assert_memory_equal(body + 4, key, sizeof(key));
    assert_memory_equal(body + 166, hex("01000000 00000000 b2000000 0d000000").data, 16);
    wire_out_init(&out, body, sizeof(body));
    wire_link_reply_encode(&out, &(WireLinkReply){.pub_key = span_of(key, 161)});
    assert_true(out.failed);

    wire_out_init(&out, body, sizeof(body));
    wire_sasl_server_data_encode(&out, &(WireSaslServerData){.data = span_of("ab", 3), .complete = 1});
    same_bytes(&out, hex("03000000 616200 01"));
}

static void test_base(void **state)
{
    (void)state;
    golden_msg(
        &(WireMsg){WIRE_CHANNEL_DISPLAY, WIRE_MSG_SET_ACK, .u.set_ack = {.generation = 1, .window = 20}},
        "01000000 14000000");
    golden_msg(&(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_PING,
                          .u.ping = {.id = 7, .timestamp = 0x1122334455, .data = span_of("xyz", 3)}},
               "07000000 5544332211000000 78797a");
    golden_msg(&(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_NOTIFY,
                          .u.notify = {.time_stamp = 1,
                                       .severity = WIRE_NOTIFY_SEVERITY_WARN,
                                       .visibility = WIRE_NOTIFY_VISIBILITY_HIGH,
                                       .what = 0,
                                       .message = span_of("hey", 3)}},
               "0100000000000000 01000000 02000000 00000000 03000000 686579");
    const WireChannelWait wait[] = {{2, 1, 0x0100}};
    golden_msg(
        &(WireMsg){WIRE_CHANNEL_DISPLAY, WIRE_MSG_WAIT_FOR_CHANNELS, .u.wait_for_channels = {{wait, 1}}},
        "01 02 01 0001000000000000");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_CURSOR, WIRE_MSGC_PONG, .u.pong = {.id = 7, .timestamp = 8}},
                "07000000 0800000000000000");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_CURSOR, WIRE_MSGC_ACK_SYNC, .u.ack_sync = {.generation = 3}},
                "03000000");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_CURSOR, WIRE_MSGC_ACK}, "");

    /* The NUL after a NOTIFY that its length does not count is tolerated. */
    WireMsg back;
    assert_int_equal(wire_msg_decode(WIRE_CHANNEL_MAIN, WIRE_MSG_NOTIFY,
                                     hex("0100000000000000 01000000 02000000 00000000 03000000 68657900"),
                                     NULL, &back, NULL),
                     STATUS_OK);
    assert_int_equal(back.u.notify.message.len, 3);
}

static void test_main(void **state)
{
    (void)state;
    const WireMsg init = {
        WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_INIT,
        .u.main_init = {.session_id = 0x11,
                        .display_channels_hint = 1,
                        .supported_mouse_modes = WIRE_MOUSE_MODE_SERVER | WIRE_MOUSE_MODE_CLIENT,
                        .current_mouse_mode = WIRE_MOUSE_MODE_CLIENT,
                        .agent_connected = 1,
                        .agent_tokens = 10,
                        .multi_media_time = 0xfffffe70,
                        .ram_hint = 0x04000000}};
    golden_msg(&init, "11000000 01000000 03000000 02000000 01000000 0a000000 70feffff 00000004");
    char text[256];
    wire_msg_print(&init, text, sizeof(text));
    assert_string_equal(
        text, "MSG_MAIN_INIT session_id=17 display_channels_hint=1 supported_mouse_modes=SERVER|CLIENT "
              "current_mouse_mode=CLIENT agent_connected=1 agent_tokens=10 multi_media_time=4294966896 "
              "ram_hint=67108864");

    const WireChannelId channels[] = {{WIRE_CHANNEL_DISPLAY, 0}, {WIRE_CHANNEL_INPUTS, 0}};
    golden_msg(
        &(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_CHANNELS_LIST, .u.main_channels_list = {{channels, 2}}},
        "02000000 0200 0300");
    golden_msg(&(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_MIGRATE_BEGIN_SEAMLESS,
                          .u.main_migrate_begin_seamless = {.dst_info = {.port = 5900,
                                                                         .sport = 0,
                                                                         .host = span_of("h", 2),
                                                                         .cert_subject = span_of("CN", 3)},
                                                            .src_mig_version = 1}},
               "0c17 0000 02000000 18000000 03000000 1a000000 01000000 6800 434e00");
    golden_msg(&(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_MIGRATE_SWITCH_HOST,
                          .u.main_migrate_switch_host = {.port = 1, .sport = 2, .host = span_of("h", 2)}},
               "0100 0200 02000000 14000000 00000000 00000000 6800");
    golden_msg(&(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_NAME, .u.main_name = {span_of("vm", 3)}},
               "03000000 766d00");
    golden_msg(
        &(WireMsg){WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_UUID, .u.main_uuid = {span_of("0123456789abcdef", 16)}},
        "30313233343536373839616263646566");
    golden_msgc(
        &(WireMsgc){WIRE_CHANNEL_MAIN, WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST, .u.main_mouse_mode_request = {2}},
        "0200");
    golden_msgc(
        &(WireMsgc){WIRE_CHANNEL_MAIN, WIRE_MSGC_MAIN_AGENT_START, .u.main_agent_start = {0xffffffff}},
        "ffffffff");

    /* A required pointer that is missing cannot be written, nor read. */
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_msg_main_migrate_begin_encode(&out, &(WireMsgMainMigrateBegin){.dst_info = {.port = 1}});
    assert_true(out.failed);
    WireMsg back;
    WireFault fault;
    assert_int_equal(wire_msg_decode(WIRE_CHANNEL_MAIN, WIRE_MSG_MAIN_MIGRATE_BEGIN,
                                     hex("0100 0000 02000000 00000000 00000000 00000000 6800"), NULL, &back,
                                     &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.message, "MSG_MAIN_MIGRATE_BEGIN");
    assert_string_equal(fault.field, "DstInfo.host");
}

static void test_display(void **state)
{
    (void)state;
    const uint8_t ch = WIRE_CHANNEL_DISPLAY;
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_SURFACE_CREATE,
                          .u.display_surface_create = {.surface_id = 0,
                                                       .width = 1024,
                                                       .height = 768,
                                                       .format = WIRE_SURFACE_FMT_32_xRGB,
                                                       .flags = WIRE_SURFACE_FLAG_PRIMARY}},
               "00000000 00040000 00030000 20000000 01000000");
    const WireHead heads[] = {
        {.monitor_id = 1, .surface_id = 2, .width = 3, .height = 4, .x = 5, .y = 6, .flags = 7}};
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_MONITORS_CONFIG,
                          .u.display_monitors_config = {.max_allowed = 4, .heads = {heads, 1}}},
               "0100 0400 01000000 02000000 03000000 04000000 05000000 06000000 07000000");
    const WireResourceID ids[] = {{WIRE_RES_TYPE_PIXMAP, 0x0102}, {WIRE_RES_TYPE_PIXMAP, 3}};
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_INVAL_LIST, .u.display_inval_list = {{ids, 2}}},
               "0200 01 0201000000000000 01 0300000000000000");
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_MARK}, "");

    /* DRAW_COPY with one clip rectangle: the clip is inline, the pointer to the image follows it. */
    const WireRect clip[] = {{.top = 1, .left = 2, .bottom = 3, .right = 4}};
    const WireImage image = {.id = 0x0a,
                             .type = WIRE_IMAGE_TYPE_LZ4,
                             .flags = WIRE_IMAGE_FLAG_CACHE_ME,
                             .width = 2,
                             .height = 1,
                             .u.compressed = {span_of("\x01\x02\x03", 3)}};
    golden_msg(
        &(WireMsg){
            ch, WIRE_MSG_DISPLAY_DRAW_COPY,
            .u.display_draw_copy = {.base = {.surface_id = 9,
                                             .box = {.top = 10, .left = 20, .bottom = 11, .right = 22},
                                             .clip = {.type = WIRE_CLIP_TYPE_RECTS, .rects = {clip, 1}}},
                                    .src = &image,
                                    .src_area = {.bottom = 1, .right = 2},
                                    .rop = WIRE_ROPD_OP_PUT,
                                    .scale_mode = WIRE_IMAGE_SCALE_MODE_NEAREST}},
        "09000000 0a000000 14000000 0b000000 16000000"         /* surface, box */
        "01 01000000 01000000 02000000 03000000 04000000"      /* clip */
        "4d000000 00000000 00000000 01000000 02000000 0800 01" /* src at 77, src_area, rop, scale */
        "00 00000000 00000000 00000000"                        /* mask */
        "0a00000000000000 6d 01 02000000 01000000 03000000 010203");

    /* Pointees of pointees wait behind those that wait already: pattern, mask, then the pattern's palette. */
    const uint32_t ents[] = {0xff0000, 0x00ff00};
    const WirePalette palette = {.unique = 5, .ents = {ents, 2}};
    const WireImage pattern = {.id = 1,
                               .type = WIRE_IMAGE_TYPE_BITMAP,
                               .width = 8,
                               .height = 1,
                               .u.bitmap = {.format = WIRE_BITMAP_FMT_1BIT_BE,
                                            .flags = WIRE_BITMAP_FLAG_TOP_DOWN,
                                            .x = 8,
                                            .y = 1,
                                            .stride = 1,
                                            .palette = &palette,
                                            .data = span_of("\xaa", 1)}};
    const WireImage mask = {
        .id = 2, .type = WIRE_IMAGE_TYPE_SURFACE, .width = 8, .height = 1, .u.surface_id = 6};
    const WireMsgDisplayDrawFill fill = {
        .base = {.surface_id = 0, .box = {0, 0, 1, 8}},
        .brush = {.type = WIRE_BRUSH_TYPE_PATTERN, .u.pattern = {.pat = &pattern, .pos = {.x = -1, .y = 2}}},
        .rop = WIRE_ROPD_OP_XOR | WIRE_ROPD_INVERS_BRUSH,
        .mask = {.flags = WIRE_MASK_FLAG_INVERS, .pos = {3, 4}, .bitmap = &mask}};
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_DRAW_FILL, .u.display_draw_fill = fill},
               "00000000 00000000 00000000 01000000 08000000 00" /* base */
               "02 31000000 ffffffff 02000000 4200"              /* pattern at 49, rop */
               "01 03000000 04000000 56000000"                   /* mask at 86 */
               "0100000000000000 00 00 08000000 01000000 02 04 08000000 01000000 01000000 6c000000 aa"
               "0200000000000000 68 00 08000000 01000000 06000000"
               "0500000000000000 0200 0000ff00 00ff0000"); /* palette at 108 */

    golden_msg(
        &(WireMsg){ch, WIRE_MSG_DISPLAY_DRAW_FILL,
                   .u.display_draw_fill = {.brush = {.type = WIRE_BRUSH_TYPE_SOLID, .u.color = 0x123456},
                                           .rop = WIRE_ROPD_OP_PUT}},
        "00000000 00000000 00000000 00000000 00000000 00 01 56341200 0800 00 00000000 00000000 00000000");

    const WirePointFix points[] = {{16, 32}, {-16, 0}};
    const WirePathSegment segments[] = {
        {.flags = WIRE_PATH_FLAG_BEGIN | WIRE_PATH_FLAG_END, .points = {points, 2}}};
    const WirePath path = {{segments, 1}};
    const int32_t style[] = {0x40, 0x20};
    golden_msg(
        &(WireMsg){ch, WIRE_MSG_DISPLAY_DRAW_STROKE,
                   .u.display_draw_stroke = {.path = &path,
                                             .attr = {.flags = WIRE_LINE_FLAG_STYLED, .style = {style, 2}},
                                             .brush = {.type = WIRE_BRUSH_TYPE_SOLID, .u.color = 1},
                                             .fore_mode = 8,
                                             .back_mode = 9}},
        "00000000 00000000 00000000 00000000 00000000 00"
        "28000000 08 02 41000000" /* path at 40, style at 65 */
        "01 01000000 0800 0900"
        "01000000 03 02000000 10000000 20000000 f0ffffff 00000000"
        "40000000 20000000");

    const WireGlyph glyphs[] = {{.render_pos = {1, 2},
                                 .glyph_origin = {0, -9},
                                 .width = 9,
                                 .height = 2,
                                 .data = span_of("\x01\x02\x03\x04", 4)},
                                {.width = 1, .height = 1, .data = span_of("\x80", 1)}};
    const WireString string = {.flags = WIRE_STRING_FLAG_RASTER_A1, .glyphs = {glyphs, 2}};
    golden_msg(
        &(WireMsg){ch, WIRE_MSG_DISPLAY_DRAW_TEXT, .u.display_draw_text = {.str = &string, .fore_mode = 8}},
        "00000000 00000000 00000000 00000000 00000000 00"
        "2f000000 00000000 00000000 00000000 00000000 00 00 0800 0000"
        "0200 01"
        "01000000 02000000 00000000 f7ffffff 0900 0200 01020304"
        "00000000 00000000 00000000 00000000 0100 0100 80");

    /* Composite: only what the flags announce is there. */
    const WireImage cached = {.id = 7, .type = WIRE_IMAGE_TYPE_FROM_CACHE, .width = 1, .height = 1};
    golden_msg(&(WireMsg){ch, WIRE_MSG_DISPLAY_DRAW_COMPOSITE,
                          .u.display_draw_composite = {.flags = WIRE_COMPOSITE_HAS_MASK | 3,
                                                       .src = &cached,
                                                       .mask = NULL,
                                                       .src_origin = {1, -1},
                                                       .mask_origin = {2, 3}}},
               "00000000 00000000 00000000 00000000 00000000 00"
               "03000800 29000000 00000000 0100 ffff 0200 0300"
               "0700000000000000 67 00 01000000 01000000");

    golden_msg(
        &(WireMsg){ch, WIRE_MSG_DISPLAY_STREAM_CREATE,
                   .u.display_stream_create = {.id = 3,
                                               .flags = WIRE_STREAM_FLAG_TOP_DOWN,
                                               .codec_type = WIRE_VIDEO_CODEC_TYPE_MJPEG,
                                               .stream_width = 64,
                                               .stream_height = 48,
                                               .src_width = 64,
                                               .src_height = 48,
                                               .dest = {.top = 1, .left = 2, .bottom = 49, .right = 66}}},
        "00000000 03000000 01 01 0000000000000000 40000000 30000000 40000000 30000000"
        "01000000 02000000 31000000 42000000 00");
    golden_msgc(&(WireMsgc){ch, WIRE_MSGC_DISPLAY_INIT,
                            .u.display_init = {.pixmap_cache_id = 1,
                                               .pixmap_cache_size = 20 * 1024 * 1024,
                                               .glz_dictionary_id = 2,
                                               .glz_dictionary_window_size = -1}},
                "01 0000400100000000 02 ffffffff");
    golden_msgc(&(WireMsgc){ch, WIRE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE,
                            .u.display_preferred_video_codec_type = {span_of("\x02\x01", 2)}},
                "02 02 01");
}

static void test_sub_messages(void **state)
{
    (void)state;
    const WireSubMessage subs[] = {{.type = WIRE_MSG_WAIT_FOR_CHANNELS, .body = span_of("\x00", 1)},
                                   {.type = WIRE_MSG_DISPLAY_INVAL_LIST, .body = span_of("\x00\x00", 2)}};
    const char *const list = "0200 0a000000 11000000 0500 01000000 00 6900 02000000 0000";
    golden_msg(&(WireMsg){WIRE_CHANNEL_DISPLAY, WIRE_MSG_LIST, .u.list = {.list = {{subs, 2}}}}, list);

    /* Full headers: the list follows the body it belongs to, its offsets count from that body. */
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_msg_display_surface_destroy_encode(&out, &(WireMsgDisplaySurfaceDestroy){.surface_id = 1});
    const uint32_t at = (uint32_t)wire_out_total(&out);
    wire_sub_message_list_encode(&out, &(WireSubMessageList){{subs, 2}});
    same_bytes(&out, hex("01000000 0200 0e000000 15000000 0500 01000000 00 6900 02000000 0000"));
    WireArena arena;
    wire_arena_init(&arena, room, sizeof(room));
    WireSubMessageList back;
    WireFault fault;
    assert_int_equal(wire_sub_message_list_decode(span_of(body, out.len), at, &arena, &back, &fault),
                     STATUS_OK);
    assert_true(wire_sub_message_list_equal(&back, &(WireSubMessageList){{subs, 2}}));
    assert_int_equal(wire_sub_message_list_decode(span_of(body, out.len), 1000, &arena, &back, &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.field, "offset");
}

static void test_inputs(void **state)
{
    (void)state;
    const uint8_t ch = WIRE_CHANNEL_INPUTS;
    golden_msgc(&(WireMsgc){ch, WIRE_MSGC_INPUTS_KEY_DOWN, .u.inputs_key_down = {.code = 0x1de0}},
                "e01d0000");
    golden_msgc(&(WireMsgc){ch, WIRE_MSGC_INPUTS_MOUSE_MOTION,
                            .u.inputs_mouse_motion = {.dx = -2, .dy = 3, .buttons_state = 0x41}},
                "feffffff 03000000 4100");
    golden_msgc(
        &(WireMsgc){ch, WIRE_MSGC_INPUTS_MOUSE_POSITION,
                    .u.inputs_mouse_position = {.x = 100, .y = 200, .buttons_state = 1, .display_id = 2}},
        "64000000 c8000000 0100 02");
    golden_msgc(&(WireMsgc){ch, WIRE_MSGC_INPUTS_MOUSE_PRESS,
                            .u.inputs_mouse_press = {.button = WIRE_MOUSE_BUTTON_RIGHT, .buttons_state = 4}},
                "03 0400");
    golden_msg(&(WireMsg){ch, WIRE_MSG_INPUTS_INIT,
                          .u.inputs_init = {.keyboard_modifiers = WIRE_KEYBOARD_MODIFIER_FLAG_NUM_LOCK}},
               "0200");

    WireFault fault;
    WireMsgc back;
    assert_int_equal(wire_msgc_decode(ch, WIRE_MSGC_INPUTS_KEY_DOWN, hex("e01d00"), NULL, &back, &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.message, "MSGC_INPUTS_KEY_DOWN");
    assert_string_equal(fault.field, "code");
    assert_string_equal(fault.why, "is cut off");
    assert_int_equal(fault.value, 4);
}

static void test_cursor(void **state)
{
    (void)state;
    const uint8_t ch = WIRE_CHANNEL_CURSOR;
    golden_msg(&(WireMsg){ch, WIRE_MSG_CURSOR_SET,
                          .u.cursor_set = {.position = {-1, 2},
                                           .visible = 1,
                                           .cursor = {.flags = WIRE_CURSOR_FLAG_CACHE_ME,
                                                      .header = {.unique = 0x99,
                                                                 .type = WIRE_CURSOR_TYPE_ALPHA,
                                                                 .width = 1,
                                                                 .height = 1,
                                                                 .hot_spot_x = 5,
                                                                 .hot_spot_y = 6},
                                                      .data = span_of("BGRA", 4)}}},
               "ffff 0200 01 0200 9900000000000000 00 0100 0100 0500 0600 42475241");
    golden_msg(&(WireMsg){ch, WIRE_MSG_CURSOR_INIT,
                          .u.cursor_init = {.position = {1, 2},
                                            .trail_length = 3,
                                            .trail_frequency = 4,
                                            .visible = 0,
                                            .cursor = {.flags = WIRE_CURSOR_FLAG_NONE}}},
               "0100 0200 0300 0400 00 0100");
}

static void test_sound_and_streams(void **state)
{
    (void)state;
    golden_msg(
        &(WireMsg){
            WIRE_CHANNEL_PLAYBACK, WIRE_MSG_PLAYBACK_START,
            .u.playback_start = {.channels = 2, .format = WIRE_AUDIO_FMT_S16, .frequency = 48000, .time = 9}},
        "02000000 0100 80bb0000 09000000");
    const uint16_t volume[] = {1, 0xffff};
    golden_msg(
        &(WireMsg){WIRE_CHANNEL_PLAYBACK, WIRE_MSG_PLAYBACK_VOLUME, .u.playback_volume = {{volume, 2}}},
        "02 0100 ffff");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_RECORD, WIRE_MSGC_RECORD_MODE,
                            .u.record_mode = {.time = 1, .mode = WIRE_AUDIO_DATA_MODE_OPUS}},
                "01000000 0300");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_SMARTCARD, WIRE_MSGC_SMARTCARD_DATA,
                            .u.smartcard_data = {.type = WIRE_VSC_MESSAGE_TYPE_ReaderAdd,
                                                 .reader_id = 0xffffffff,
                                                 .data = span_of("r", 2)}},
                "03000000 ffffffff 02000000 7200");
    /* The guest's side of a smartcard is big-endian. */
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_vsc_header_encode(&out, &(WireVscHeader){WIRE_VSC_MESSAGE_TYPE_APDU, 0, 0x0102});
    same_bytes(&out, hex("00000007 00000000 00000102"));
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_USBREDIR, WIRE_MSGC_SPICEVMC_COMPRESSED_DATA,
                            .u.spicevmc_compressed_data = {.type = WIRE_DATA_COMPRESSION_TYPE_LZ4,
                                                           .uncompressed_size = 1001,
                                                           .data = span_of("zz", 2)}},
                "01 e9030000 7a7a");
    golden_msgc(&(WireMsgc){WIRE_CHANNEL_USBREDIR, WIRE_MSGC_SPICEVMC_COMPRESSED_DATA,
                            .u.spicevmc_compressed_data = {.data = span_of("zz", 2)}},
                "00 7a7a");
    /* The fixed part has 9 bytes: the name comes behind `opened`. */
    golden_msg(&(WireMsg){WIRE_CHANNEL_PORT, WIRE_MSG_PORT_INIT,
                          .u.port_init = {.name = span_of("org.x", 6), .opened = 1}},
               "06000000 09000000 01 6f72672e7800");
    golden_msgc(
        &(WireMsgc){WIRE_CHANNEL_WEBDAV, WIRE_MSGC_PORT_EVENT, .u.port_event = {WIRE_PORT_EVENT_BREAK}},
        "02");
}

static void golden_agent(const WireAgent *m, uint32_t context, const char *text)
{
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    out.context = context;
    wire_agent_encode(&out, m);
    same_bytes(&out, hex(text));
    WireArena arena;
    wire_arena_init(&arena, room, sizeof(room));
    WireAgent back;
    assert_int_equal(wire_agent_decode(m->type, hex(text), context, &arena, &back, NULL), STATUS_OK);
    assert_true(wire_agent_equal(m, &back));
}

static void test_agent(void **state)
{
    (void)state;
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_vdi_chunk_header_encode(&out, &(WireVdiChunkHeader){.port = WIRE_VDP_PORT_SERVER, .size = 33});
    wire_agent_message_header_encode(&out, &(WireAgentMessageHeader){.protocol = WIRE_AGENT_PROTOCOL,
                                                                     .type = WIRE_AGENT_MOUSE_STATE,
                                                                     .size = 13});
    same_bytes(&out, hex("02000000 21000000 01000000 01000000 0000000000000000 0d000000"));

    golden_agent(
        &(WireAgent){WIRE_AGENT_MOUSE_STATE,
                     .u.mouse_state = {.x = 1, .y = 2, .buttons = WIRE_AGENT_BUTTON_LEFT, .display_id = 3}},
        0, "01000000 02000000 02000000 03");
    const WireAgentMonitor monitors[] = {{.height = 600, .width = 800, .depth = 32, .x = 0, .y = -1}};
    const WireAgentMonitorMm mm[] = {{.height = 200, .width = 300}};
    golden_agent(&(WireAgent){WIRE_AGENT_MONITORS_CONFIG,
                              .u.monitors_config = {.flags = WIRE_AGENT_MONITORS_FLAG_USE_POS,
                                                    .monitors = {monitors, 1}}},
                 0, "01000000 01000000 58020000 20030000 20000000 00000000 ffffffff");
    golden_agent(&(WireAgent){WIRE_AGENT_MONITORS_CONFIG,
                              .u.monitors_config = {.flags = WIRE_AGENT_MONITORS_FLAG_PHYSICAL_SIZE,
                                                    .monitors = {monitors, 1},
                                                    .physical_sizes = {mm, 1}}},
                 0, "01000000 02000000 58020000 20030000 20000000 00000000 ffffffff c800 2c01");
    const uint32_t types[] = {WIRE_AGENT_CLIPBOARD_TYPE_UTF8_TEXT};
    const WireAgent grab = {WIRE_AGENT_CLIPBOARD_GRAB, .u.clipboard_grab = {.types = {types, 1}}};
    golden_agent(&grab, 0, "01000000");
    golden_agent(&grab, WIRE_CONTEXT_CLIPBOARD_SELECTION, "00000000 01000000");
    golden_agent(&(WireAgent){WIRE_AGENT_CLIPBOARD_GRAB,
                              .u.clipboard_grab = {.selection = WIRE_AGENT_SELECTION_PRIMARY,
                                                   .serial = 5,
                                                   .types = {types, 1}}},
                 WIRE_CONTEXT_CLIPBOARD_SELECTION | WIRE_CONTEXT_CLIPBOARD_GRAB_SERIAL,
                 "01000000 05000000 01000000");
    golden_agent(
        &(WireAgent){WIRE_AGENT_FILE_XFER_DATA, .u.file_xfer_data = {.id = 1, .data = span_of("ab", 2)}}, 0,
        "01000000 0200000000000000 6162");

    /* Exact sizes: a byte more is refused, where the messages of channels let it pass. */
    WireAgent back;
    WireFault fault;
    assert_int_equal(wire_agent_decode(WIRE_AGENT_MOUSE_STATE, hex("01000000 02000000 02000000 03 00"), 0,
                                       NULL, &back, &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.why, "has bytes too many");
    assert_int_equal(wire_agent_decode(WIRE_AGENT_CLIENT_DISCONNECTED, hex("00"), 0, NULL, &back, &fault),
                     STATUS_PEER_FAULT);
    assert_int_equal(wire_agent_decode(17, hex(""), 0, NULL, &back, &fault), STATUS_PEER_FAULT);
    assert_string_equal(fault.field, "type");
    /* A count near 2^64. */
    assert_int_equal(wire_agent_decode(WIRE_AGENT_FILE_XFER_DATA, hex("01000000 ffffffffffffffff 6162"), 0,
                                       NULL, &back, &fault),
                     STATUS_PEER_FAULT);
    assert_string_equal(fault.field, "data");
}

static void test_stream_device(void **state)
{
    (void)state;
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    wire_stream_dev_header_encode(
        &out, &(WireStreamDevHeader){.protocol_version = 1, .type = WIRE_STREAM_DEV_FORMAT, .size = 12});
    const WireStreamDev format = {
        WIRE_STREAM_DEV_FORMAT,
        .u.format = {.width = 640, .height = 480, .codec = WIRE_VIDEO_CODEC_TYPE_H264}};
    wire_stream_dev_encode(&out, &format);
    same_bytes(&out, hex("01 00 0200 0c000000 80020000 e0010000 03 000000"));
}

static void test_migrate(void **state)
{
    (void)state;
    const WireMigrateSurface surfaces[] = {{.id = 0, .left = 1, .top = 2, .right = 3, .bottom = 4},
                                           {.id = 7}};
    const WireMigrateSurfaces list = {{surfaces, 2}};
    const WireMigrate display = {WIRE_MIGRATE_DISPLAY,
                                 .u.display = {.header = {WIRE_MIGRATE_DISPLAY_MAGIC, 1},
                                               .pixmap_cache_sync = {1, 0, 0, 2},
                                               .surfaces = &list}};
    WireOut out;
    wire_out_init(&out, body, sizeof(body));
    out.context = WIRE_CONTEXT_MIGRATE_LOSSY;
    wire_migrate_encode(&out, &display);
    same_bytes(&out, hex("44434d44 01000000 0000000000000000 00 00 0000000000000000 00"
                         "0100000000000000 0000000000000000 0000000000000000 0200000000000000"
                         "00 00000000 00000000 0000000000000000 50000000"
                         "02000000 00000000 01000000 02000000 03000000 04000000"
                         "07000000 00000000 00000000 00000000 00000000"));

    const WireMigrate vmc = {WIRE_MIGRATE_PORT, .u.port = {.header = {WIRE_MIGRATE_SPICEVMC_MAGIC, 1},
                                                           .base = {.version = 1,
                                                                    .connected = 1,
                                                                    .num_client_tokens = 2,
                                                                    .num_send_tokens = 3,
                                                                    .write_num_client_tokens = 4,
                                                                    .write_data = span_of("data", 4)}}};
    wire_out_init(&out, body, sizeof(body));
    wire_migrate_encode(&out, &vmc);
    same_bytes(&out,
               hex("53564d44 01000000 01000000 01 02000000 03000000 04000000 04000000 21000000 64617461"));
}

/* Younger than the headers that names.c compares with: number, capability and bytes as clients that are not ours have them. */
static void test_gl_scanout2(void **state)
{
    (void)state;
    assert_int_equal(WIRE_MSG_DISPLAY_GL_SCANOUT2_UNIX, 323);
    assert_int_equal(WIRE_CAP_DISPLAY_GL_SCANOUT2, 15);
    const WireGlPlane planes[] = {{.offset = 0, .stride = 0x1400}, {.offset = 0x384000, .stride = 0x500}};
    golden_msg(&(WireMsg){WIRE_CHANNEL_DISPLAY, WIRE_MSG_DISPLAY_GL_SCANOUT2_UNIX,
                          .u.display_gl_scanout2_unix = {.width = 1280,
                                                         .height = 720,
                                                         .drm_fourcc_format = 0x34325258,
                                                         .flags = 1,
                                                         .modifier = 0x0100000000000006,
                                                         .planes = {planes, 2}}},
               "00050000 d0020000 58523234 01000000 02 0600000000000001 "
               "00000000 00140000 00403800 00050000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),      cmocka_unit_test(test_link),
        cmocka_unit_test(test_base),         cmocka_unit_test(test_main),
        cmocka_unit_test(test_display),      cmocka_unit_test(test_gl_scanout2),
        cmocka_unit_test(test_sub_messages), cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_cursor),       cmocka_unit_test(test_sound_and_streams),
        cmocka_unit_test(test_agent),        cmocka_unit_test(test_stream_device),
        cmocka_unit_test(test_migrate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
