/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/surfaces.h"

#include <glib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

void surfaces_init(SurfaceTable *table, const Core *core, uint32_t len)
{
    const uint32_t some = len < 1 ? 1 : len; /* there is always a primary */

    *table = (SurfaceTable){.core = core, .len = some < SURFACES_MAX ? some : SURFACES_MAX};
    table->surfaces = g_new0(Surface, table->len);
}

void surfaces_finish(SurfaceTable *table)
{
    for (uint32_t id = 0; id < table->len; id++) {
        CHECK(table->surfaces[id].create.release.info == NULL);
        surfaces_destroy(table, &table->surfaces[id]);
    }
    g_free(table->surfaces);
    *table = (SurfaceTable){0};
}

Surface *surfaces_find(const SurfaceTable *table, uint32_t id)
{
    return id < table->len && table->surfaces[id].generation != 0 ? &table->surfaces[id] : NULL;
}

static size_t pixels_bytes(const QxlGeometry *geometry)
{
    const int64_t stride = geometry->stride;

    return (size_t)((stride < 0 ? -stride : stride) * (int64_t)geometry->height);
}

Status surfaces_create(SurfaceTable *table, uint32_t id, const QxlGeometry *geometry,
                       const SurfacePixels *pixels, Surface **ret_surface, QxlFault *ret_fault)
{
    Canvas canvas;

    if (id >= table->len || table->surfaces[id].generation != 0) {
        return qxl_fault(ret_fault, "a surface of that id exists, or cannot", id);
    }
    const Status status = canvas_init(&canvas, geometry, (void *)pixels->host, ret_fault);
    if (status != STATUS_OK) {
        return status;
    }
    Surface *surface = &table->surfaces[id];
    *surface = (Surface){.generation = ++table->generation,
                         .geometry = *geometry,
                         .canvas = canvas,
                         .group = pixels->group,
                         .slot = pixels->slot};
    pixman_region32_init(&surface->dirty);
    if (pixels->keep) {
        surface->touched = (pixman_box32_t){0, 0, canvas.raster.width, canvas.raster.height};
    } else {
        memset((void *)pixels->host, 0, pixels_bytes(geometry));
    }
    *ret_surface = surface;
    return STATUS_OK;
}

void surfaces_destroy(SurfaceTable *table, Surface *surface)
{
    if (surface->generation != 0) {
        if (surface->own_pixels != NULL) {
            table->own_bytes -= pixels_bytes(&surface->geometry);
        }
        table->core->free(table->core, surface->own_pixels);
        table->core->free(table->core, surface->cells);
        pixman_region32_fini(&surface->dirty);
    }
    *surface = (Surface){0};
}

Status surface_move(SurfaceTable *table, Surface *surface)
{
    const size_t bytes = pixels_bytes(&surface->geometry);
    QxlFault fault;

    if (surface->own_pixels != NULL) {
        return STATUS_OK;
    }
    /* A guest may lay a thousand surfaces over each other. */
    uint8_t *own =
        bytes <= SURFACES_OWN_BYTES_MAX - table->own_bytes ? table->core->alloc(table->core, bytes) : NULL;
    if (own == NULL) {
        return STATUS_LIMIT;
    }
    table->own_bytes += bytes;
    const Raster *raster = &surface->canvas.raster;
    memcpy(own, raster->stride < 0 ? raster->top + raster->stride * (raster->height - 1) : raster->top,
           bytes);
    const Status status = canvas_init(&surface->canvas, &surface->geometry, own, &fault);
    CHECK(status == STATUS_OK); /* as it was, elsewhere */
    surface->own_pixels = own;
    return STATUS_OK;
}

void surface_touch(Surface *surface, const pixman_box32_t *box)
{
    pixman_box32_t *all = &surface->touched;

    /* Most of it is soon; and a union takes memory. */
    if (pixman_region32_contains_rectangle(&surface->dirty, (pixman_box32_t *)box) != PIXMAN_REGION_IN) {
        pixman_region32_union_rect(&surface->dirty, &surface->dirty, box->x1, box->y1,
                                   (unsigned)(box->x2 - box->x1), (unsigned)(box->y2 - box->y1));
    }
    if (pixman_region32_n_rects(&surface->dirty) > (int)SURFACE_DIRTY_RECTS_MAX) {
        pixman_box32_t extents = *pixman_region32_extents(&surface->dirty);
        pixman_region32_reset(&surface->dirty, &extents);
    }
    if (all->x1 >= all->x2 || all->y1 >= all->y2) {
        *all = *box;
        return;
    }
    all->x1 = box->x1 < all->x1 ? box->x1 : all->x1;
    all->y1 = box->y1 < all->y1 ? box->y1 : all->y1;
    all->x2 = box->x2 > all->x2 ? box->x2 : all->x2;
    all->y2 = box->y2 > all->y2 ? box->y2 : all->y2;
}
