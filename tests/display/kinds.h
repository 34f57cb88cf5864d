/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kinds.h: drawings of every kind that cover a screen of 200 x 150; some say much, others little. */
#pragma once

#include "tests/display/device.h"

#define KIND_WIDTH 200
#define KIND_HEIGHT 150

typedef struct Kind {
    const char *name;
    uint16_t message; /* that says the same */
    /* Of a command that is all zero but for its box, and of the address of a picture as large as that. */
    void (*make)(Device *device, QXLDrawable *command, uint64_t picture);
} Kind;

#define KINDS_LARGE 15u
#define KINDS_SMALL 6u

extern const Kind kinds_large[KINDS_LARGE]; /* more than 16 KiB */
extern const Kind kinds_small[KINDS_SMALL];
extern const Kind kind_kept; /* alpha blend of a picture that clients are to keep, always the same one */
