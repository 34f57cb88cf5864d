/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wire_property.h: what every input of the wire targets must hold: no byte outside is read, the work is bounded,
 * a refusal names message and field, and what is accepted encodes to something that decodes to the same. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/wire/families.h"

#define FUZZ_BODY_MAX 65536u

static inline void wire_property(const FamilyOps *ops, const WireMessageInfo *info, Span body,
                                 uint32_t context)
{
    static uint8_t rooms[2][WIRE_ARENA_BYTES(FUZZ_BODY_MAX)];
    static uint8_t again[16 * FUZZ_BODY_MAX];
    static char text[4096];
    WireArena arena;
    Any m, back;
    WireFault fault = {0};

    if (body.len > FUZZ_BODY_MAX) {
        return;
    }
    wire_arena_init(&arena, rooms[0], sizeof(rooms[0]));
    const Status status = ops->decode(info, body, context, &arena, &m, &fault);
    if (status != STATUS_OK) {
        CHECK(status == STATUS_PEER_FAULT || status == STATUS_LIMIT);
        CHECK(fault.message && fault.field && fault.why);
        return;
    }
    CHECK(body.len >= info->min_size);
    ops->print(&m, text, sizeof(text));
    WireOut out;
    wire_out_init(&out, again, sizeof(again));
    out.context = context;
    ops->encode(&out, &m);
    CHECK(!out.failed);
    if (out.len > info->max_body || out.len > FUZZ_BODY_MAX) {
        return; /* shared regions, each written out */
    }
    wire_arena_init(&arena, rooms[1], sizeof(rooms[1]));
    CHECK(ops->decode(info, span_of(again, out.len), context, &arena, &back, NULL) == STATUS_OK);
    CHECK(ops->equal(&m, &back));
}

/* Input: channel, type (u16), body. */
static inline void wire_property_by_channel(const FamilyOps *ops,
                                            const WireMessageInfo *(*find)(uint8_t, uint16_t),
                                            const uint8_t *data, size_t size)
{
    if (size < 3) {
        return;
    }
    const WireMessageInfo *info = find(data[0], le16_get(data + 1));
    if (info) {
        wire_property(ops, info, span_of(data + 3, size - 3), 0);
    }
}
