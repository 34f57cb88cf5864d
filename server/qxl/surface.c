/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qxl/surface.h"

#include <spice/enums.h>

unsigned qxl_surface_depth(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return 1;
    case SPICE_SURFACE_FMT_8_A:
        return 8;
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
        return 16;
    case SPICE_SURFACE_FMT_32_xRGB:
    case SPICE_SURFACE_FMT_32_ARGB:
        return 32;
    default:
        return 0;
    }
}

Status qxl_surface_check(const Memslots *slots, uint32_t group, uint64_t address, const QxlGeometry *geometry,
                         QxlFault *ret_fault)
{
    const unsigned depth = qxl_surface_depth(geometry->format);

    if (depth == 0) {
        return qxl_fault(ret_fault, "no such surface format", geometry->format);
    }
    if (geometry->width == 0 || geometry->height == 0) {
        return qxl_fault(ret_fault, "the surface is empty",
                         (uint64_t)geometry->width << 32 | geometry->height);
    }
    if (geometry->width > INT32_MAX || geometry->height > INT32_MAX) {
        return qxl_fault(ret_fault, "the surface has more than 31 bits of pixels on a side", geometry->width);
    }
    if ((uint64_t)geometry->width * geometry->height > QXL_PIXELS_MAX) {
        return qxl_fault(ret_fault, "the surface has too many pixels",
                         (uint64_t)geometry->width << 32 | geometry->height);
    }
    const uint64_t line = ((uint64_t)geometry->width * depth + 7) / 8;
    const int64_t stride = geometry->stride; /* wide enough for the absolute value of any */
    const uint64_t step = (uint64_t)(stride < 0 ? -stride : stride);
    if (line > step) {
        return qxl_fault(ret_fault, "the stride is shorter than a line", step);
    }
    if (step > QXL_SURFACE_BYTES_MAX || geometry->height * step > QXL_SURFACE_BYTES_MAX) {
        return qxl_fault(ret_fault, "the surface is too large", step);
    }
    GuestRange pixels;
    return memslots_find(slots, group, address, geometry->height * step, &pixels, ret_fault);
}
