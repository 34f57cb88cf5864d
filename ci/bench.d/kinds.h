/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kinds.h: kinds of drawings as the device has them and as clients are sent them, by one name.
 *
 * Both programs print how many there were of each, so that ci/bench sees whether a server passes commands on as commands.
 */
#pragma once

#include <stdint.h>

#include <spice/enums.h>
#include <spice/qxl_dev.h>

typedef struct Kind {
    const char *name;
    uint8_t command;  /* QXL_DRAW_*, QXL_COPY_BITS */
    uint16_t message; /* SPICE_MSG_DISPLAY_* */
} Kind;

static const Kind kinds[] = {
    {"fill", QXL_DRAW_FILL, SPICE_MSG_DISPLAY_DRAW_FILL},
    {"opaque", QXL_DRAW_OPAQUE, SPICE_MSG_DISPLAY_DRAW_OPAQUE},
    {"copy", QXL_DRAW_COPY, SPICE_MSG_DISPLAY_DRAW_COPY},
    {"blend", QXL_DRAW_BLEND, SPICE_MSG_DISPLAY_DRAW_BLEND},
    {"blackness", QXL_DRAW_BLACKNESS, SPICE_MSG_DISPLAY_DRAW_BLACKNESS},
    {"whiteness", QXL_DRAW_WHITENESS, SPICE_MSG_DISPLAY_DRAW_WHITENESS},
    {"invers", QXL_DRAW_INVERS, SPICE_MSG_DISPLAY_DRAW_INVERS},
    {"rop3", QXL_DRAW_ROP3, SPICE_MSG_DISPLAY_DRAW_ROP3},
    {"stroke", QXL_DRAW_STROKE, SPICE_MSG_DISPLAY_DRAW_STROKE},
    {"text", QXL_DRAW_TEXT, SPICE_MSG_DISPLAY_DRAW_TEXT},
    {"transparent", QXL_DRAW_TRANSPARENT, SPICE_MSG_DISPLAY_DRAW_TRANSPARENT},
    {"alpha_blend", QXL_DRAW_ALPHA_BLEND, SPICE_MSG_DISPLAY_DRAW_ALPHA_BLEND},
    {"copy_bits", QXL_COPY_BITS, SPICE_MSG_DISPLAY_COPY_BITS},
    {"composite", QXL_DRAW_COMPOSITE, SPICE_MSG_DISPLAY_DRAW_COMPOSITE},
    {"stream", UINT8_MAX, SPICE_MSG_DISPLAY_STREAM_DATA},
    {"stream_sized", UINT8_MAX, SPICE_MSG_DISPLAY_STREAM_DATA_SIZED},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
