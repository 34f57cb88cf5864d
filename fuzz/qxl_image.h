/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl_image.h: what an input of the qxl target looks like: up to QXL_IMAGE_COMMANDS commands, then guest memory. */
#pragma once

#include <spice/qxl_dev.h>

#define QXL_IMAGE_COMMANDS 4u
#define QXL_IMAGE_GROUP 1u
#define QXL_IMAGE_OFFSET UINT64_C(0x1000) /* guest address of the first byte of memory */

typedef struct QxlImageCommand {
    uint64_t address;
    uint8_t type;  /* QXL_CMD_*, or QXL_IMAGE_* */
    uint8_t group; /* as it is */
    uint8_t flags;
    uint8_t ring; /* bit 0: the cursor ring */
} QxlImageCommand;

/* Not commands, but read from guest memory in the same way. */
#define QXL_IMAGE_MONITORS 100u
#define QXL_IMAGE_SURFACE 101u /* memory holds a QXLSurface: a primary's description */

/* Slot 1 of group 1, generation 1; slot 2 of group 1 is the second half of the same memory, generation 2. */
static inline uint64_t qxl_image_address(uint64_t offset)
{
    return UINT64_C(1) << 56 | UINT64_C(1) << 48 | (QXL_IMAGE_OFFSET + offset);
}
