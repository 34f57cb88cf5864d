/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.h: what the reader of drawables needs from whoever it works for: memory, and what is known about surfaces.
 *
 * Ownership  borrowed while a command is read; alloc and free as long as a drawable lives.
 * Thread     as the caller's.
 */
#pragma once

#include "qxl/arena.h"
#include "qxl/surface.h"

typedef struct QxlDrawable QxlDrawable;

typedef struct QxlHost {
    QxlMemory memory;
    /* False: there is no such surface. */
    bool (*find_surface)(void *opaque, uint32_t id, QxlGeometry *ret_geometry);
    void *opaque;
} QxlHost;
