/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* surface.h: the geometry of a surface, as the guest or its device describes it, and whether it makes sense.
 *
 * Units      width and height in pixels, stride in bytes from line to line: negative when the last line comes first.
 * Errors     STATUS_DEVICE_FAULT.
 * Source     reference/wire-protocol.md section 6.6.
 */
#pragma once

#include "qxl/memslots.h"

#define QXL_SURFACE_BYTES_MAX UINT64_C(0x7fffffff) /* bytes; the interface's own bound: 31 bits */
#define QXL_PIXELS_MAX                                                                                       \
    (UINT64_C(1) << 26) /* of a surface or image: 256 MiB at 32 bits; a guest's few bytes may become them */

typedef struct QxlGeometry {
    uint32_t width, height;
    uint32_t format; /* SPICE_SURFACE_FMT_* */
    int32_t stride;
} QxlGeometry;

/* Bits per pixel; 0: no such format. */
unsigned qxl_surface_depth(uint32_t format);

/* Is it a surface, and do its pixels lie in one memslot from this address on? */
Status qxl_surface_check(const Memslots *slots, uint32_t group, uint64_t address, const QxlGeometry *geometry,
                         QxlFault *ret_fault) STATUS_MUST_CHECK;
