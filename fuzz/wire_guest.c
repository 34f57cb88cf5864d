/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes from a guest's agent or stream device, or as migrate data: family, context, type (u16), body. The link
 * message, which comes from anybody, is family 3. */
#include "fuzz/fuzz.h"
#include "fuzz/wire_property.h"

static void link_message(Span bytes)
{
    static uint8_t room[65536];
    static uint8_t again[65536];
    WireArena arena;
    WireLinkMess m, back;
    wire_arena_init(&arena, room, sizeof(room));
    if (bytes.len > WIRE_LINK_BODY_MAX || wire_link_mess_decode(bytes, &arena, &m, NULL) != STATUS_OK) {
        return;
    }
    WireOut out;
    wire_out_init(&out, again, sizeof(again));
    wire_link_mess_encode(&out, &m);
    CHECK(!out.failed);
    CHECK(wire_link_mess_decode(span_of(again, out.len), &arena, &back, NULL) == STATUS_OK);
    CHECK(wire_link_mess_equal(&m, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return 0;
    }
    const unsigned family = data[0] & 3;
    const uint16_t type = le16_get(data + 2);
    const Span body = span_of(data + 4, size - 4);
    const WireMessageInfo *info = family == 0   ? wire_agent_info(type)
                                  : family == 1 ? wire_stream_dev_info(type)
                                  : family == 2 ? wire_migrate_info((uint8_t)type)
                                                : NULL;
    if (family == 3) {
        link_message(body);
    } else if (info) {
        wire_property(&families[2 + family], info, body, data[1]);
    }
    return 0;
}
