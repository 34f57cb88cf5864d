/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/wire/families.h"

#define COMMON(family)                                                                                       \
    static void family##_encode(WireOut *out, const Any *m)                                                  \
    {                                                                                                        \
        wire_##family##_encode(out, &m->family);                                                             \
    }                                                                                                        \
    static size_t family##_print(const Any *m, char *buf, size_t cap)                                        \
    {                                                                                                        \
        return wire_##family##_print(&m->family, buf, cap);                                                  \
    }                                                                                                        \
    static bool family##_equal(const Any *a, const Any *b)                                                   \
    {                                                                                                        \
        return wire_##family##_equal(&a->family, &b->family);                                                \
    }

#define BY_CHANNEL(family)                                                                                   \
    COMMON(family)                                                                                           \
    static bool family##_random(WireRandom *r, const WireMessageInfo *info, Any *ret)                        \
    {                                                                                                        \
        return wire_##family##_random(r, info->channel, (uint16_t)info->type, &ret->family);                 \
    }                                                                                                        \
    static Status family##_decode(const WireMessageInfo *info, Span body, uint32_t context,                  \
                                  WireArena *arena, Any *ret, WireFault *fault)                              \
    {                                                                                                        \
        (void)context;                                                                                       \
        return wire_##family##_decode(info->channel, (uint16_t)info->type, body, arena, &ret->family,        \
                                      fault);                                                                \
    }

#define BY_TYPE(family, key)                                                                                 \
    COMMON(family)                                                                                           \
    static bool family##_random(WireRandom *r, const WireMessageInfo *info, Any *ret)                        \
    {                                                                                                        \
        return wire_##family##_random(r, (key)info->type, &ret->family);                                     \
    }                                                                                                        \
    static Status family##_decode(const WireMessageInfo *info, Span body, uint32_t context,                  \
                                  WireArena *arena, Any *ret, WireFault *fault)                              \
    {                                                                                                        \
        return wire_##family##_decode((key)info->type, body, context, arena, &ret->family, fault);           \
    }

BY_CHANNEL(msg)
BY_CHANNEL(msgc)
BY_TYPE(agent, uint32_t)
BY_TYPE(stream_dev, uint16_t)
BY_TYPE(migrate, uint8_t)

#define OPS(family, contexts)                                                                                \
    {                                                                                                        \
#family, contexts, wire_##family##_count, wire_##family##_at, family##_random, family##_encode,      \
            family##_decode, family##_print, family##_equal                                                  \
    }

const FamilyOps families[FAMILIES] = {
    OPS(msg, 0),
    OPS(msgc, 0),
    OPS(agent, WIRE_CONTEXT_CLIPBOARD_SELECTION | WIRE_CONTEXT_CLIPBOARD_GRAB_SERIAL),
    OPS(stream_dev, 0),
    OPS(migrate, WIRE_CONTEXT_MIGRATE_LOSSY),
};
