/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* families.h: the five families of messages behind one interface, so that one test serves all of them. */
#pragma once

#include "wire/random.h"
#include "wire/wire.h"

typedef union Any {
    WireMsg msg;
    WireMsgc msgc;
    WireAgent agent;
    WireStreamDev stream_dev;
    WireMigrate migrate;
} Any;

typedef struct FamilyOps {
    const char *name;
    uint32_t contexts; /* the WIRE_CONTEXT_* bits that matter */
    size_t (*count)(void);
    const WireMessageInfo *(*at)(size_t index);
    bool (*random)(WireRandom *r, const WireMessageInfo *info, Any *ret);
    void (*encode)(WireOut *out, const Any *m);
    Status (*decode)(const WireMessageInfo *info, Span body, uint32_t context, WireArena *arena, Any *ret,
                     WireFault *fault);
    size_t (*print)(const Any *m, char *buf, size_t cap);
    bool (*equal)(const Any *a, const Any *b);
} FamilyOps;

#define FAMILIES 5u
extern const FamilyOps families[FAMILIES];
