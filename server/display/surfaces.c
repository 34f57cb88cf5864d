/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/surfaces.h"

#include <glib.h>

#include "base/check.h"

void surfaces_init(SurfaceTable *table, uint32_t len)
{
    const uint32_t some = len < 1 ? 1 : len; /* there is always a primary */

    *table = (SurfaceTable){.len = some < SURFACES_MAX ? some : SURFACES_MAX};
    table->surfaces = g_new0(Surface, table->len);
}

void surfaces_finish(SurfaceTable *table)
{
    for (uint32_t id = 0; id < table->len; id++) {
        CHECK(table->surfaces[id].create.release.info == NULL);
    }
    g_free(table->surfaces);
    *table = (SurfaceTable){0};
}

Surface *surfaces_find(const SurfaceTable *table, uint32_t id)
{
    return id < table->len && table->surfaces[id].generation != 0 ? &table->surfaces[id] : NULL;
}

Surface *surfaces_create(SurfaceTable *table, uint32_t id, const QxlGeometry *geometry)
{
    if (id >= table->len || table->surfaces[id].generation != 0) {
        return NULL;
    }
    Surface *surface = &table->surfaces[id];
    *surface = (Surface){.generation = ++table->generation, .geometry = *geometry};
    return surface;
}

void surfaces_destroy(Surface *surface)
{
    *surface = (Surface){0};
}
