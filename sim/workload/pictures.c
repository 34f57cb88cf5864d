/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/workload/pictures.h"

#include <stdio.h>
#include <string.h>

#include <spice/enums.h>

#include "base/span.h"

#define SURFACES_LOOKED_AT 64u /* ids; as many as the simulated devices announce */

/* Of each pixel, how many bits of memory it takes, and those of them that somebody sees. */
typedef struct Layout {
    uint32_t bits, seen;
} Layout;

static Layout layout_of(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return (Layout){1, 1};
    case SPICE_SURFACE_FMT_8_A:
        return (Layout){8, 0xff};
    case SPICE_SURFACE_FMT_16_555:
        return (Layout){16, 0x7fff};
    case SPICE_SURFACE_FMT_16_565:
        return (Layout){16, 0xffff};
    case SPICE_SURFACE_FMT_32_xRGB:
        return (Layout){32, 0xffffff};
    default:
        return (Layout){32, UINT32_MAX};
    }
}

size_t picture_row_bytes(uint32_t width, uint32_t format)
{
    return ((size_t)width * layout_of(format).bits + 7) / 8;
}

static uint32_t pixel_at(const uint8_t *row, uint32_t bits, uint32_t x)
{
    uint32_t pixel;

    switch (bits) {
    case 1:
        return row[x / 8] >> x % 8 & 1u;
    case 8:
        return row[x];
    case 16:
        return le16_get(row + (size_t)x * 2);
    default:
        memcpy(&pixel, row + (size_t)x * sizeof pixel, sizeof pixel);
        return pixel;
    }
}

/* Without a branch for each pixel of 32 bits: scenarios ask for whole pictures, time and again. */
static bool row_differs(const uint8_t *wanted, const uint32_t *shown, uint32_t width, Layout layout)
{
    uint32_t any = 0;

    if (layout.bits == 32) {
        for (uint32_t x = 0; x < width; x++) {
            uint32_t pixel;
            memcpy(&pixel, wanted + (size_t)x * sizeof pixel, sizeof pixel);
            any |= pixel ^ shown[x];
        }
    } else {
        for (uint32_t x = 0; x < width; x++) {
            any |= pixel_at(wanted, layout.bits, x) ^ shown[x];
        }
    }
    return (any & layout.seen) != 0;
}

bool picture_differs(const FakeQxlPicture *guest, FakeConnection *display, uint32_t id, char *ret_where,
                     size_t size)
{
    FakePicture client;

    if (!fake_connection_picture(display, id, &client)) {
        snprintf(ret_where, size, "does not have surface %u", id);
        return true;
    }
    if (client.width != guest->width || client.height != guest->height || client.format != guest->format) {
        snprintf(ret_where, size, "has surface %u of %ux%u, not %ux%u", id, client.width, client.height,
                 guest->width, guest->height);
        return true;
    }
    const Layout layout = layout_of(guest->format);
    for (uint32_t y = 0; y < guest->height; y++) {
        const uint8_t *wanted = guest->top + guest->stride * (ptrdiff_t)y;
        const uint32_t *shown = client.pixels + (size_t)y * client.width;
        if (row_differs(wanted, shown, guest->width, layout)) {
            uint32_t x = 0;
            while (((pixel_at(wanted, layout.bits, x) ^ shown[x]) & layout.seen) == 0) {
                x++;
            }
            snprintf(ret_where, size, "shows wrong pixels of surface %u, the first at %u,%u", id, x, y);
            return true;
        }
    }
    return false;
}

static bool surface_differs(FakeQxl *qxl, FakeConnection *display, uint32_t id, char *ret_where, size_t size)
{
    FakeQxlPicture guest;
    FakePicture client;

    if (fake_qxl_picture(qxl, id, &guest)) {
        return picture_differs(&guest, display, id, ret_where, size);
    }
    if (fake_qxl_has_surface(qxl, id) || !fake_connection_picture(display, id, &client)) {
        return false;
    }
    snprintf(ret_where, size, "shows surface %u, which is gone", id);
    return true;
}

bool pictures_differ(FakeQxl *qxl, FakeConnection *display, char *ret_where, size_t size)
{
    for (uint32_t id = 0; id < SURFACES_LOOKED_AT; id++) {
        if (surface_differs(qxl, display, id, ret_where, size)) {
            return true;
        }
    }
    return false;
}
