/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* info.h: what the tables say about a message. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WIRE_SIZE_UNBOUNDED UINT32_MAX

typedef struct WireMessageInfo {
    const char *name;          /* MSG_MAIN_INIT */
    uint8_t channel;           /* 0 where types are not a channel's */
    uint32_t type;             /* id */
    uint32_t min_size;         /* bytes of the inline part, at least */
    uint32_t max_size;         /* bytes of the inline part, at most, or WIRE_SIZE_UNBOUNDED */
    uint32_t max_body;         /* bytes; a longer body is refused unread */
    int16_t capability;        /* of the channel, that the receiver must have announced; -1: none */
    int16_t capability_absent; /* that it must not have announced; -1: none */
} WireMessageInfo;
