/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* surfaces.h: the surfaces of one device: which exist, and the guest's commands that made them.
 *
 *   absent -> created -> absent      every other step is refused (I35)
 *
 * Surface 0 is the primary, made by the host; the others are made and destroyed by the guest's commands. The command that
 * made a surface is kept until the surface goes, as devices save it with the machine. A surface has no pixels of its own
 * yet: canvas and damage will lie here, beside the geometry.
 *
 * Ownership  the table owns its array; the worker gives held commands back to the device.
 * Thread     the worker's.
 * Source     reference/wire-protocol.md section 3.2.4, reference/api-and-behaviour.md section 6.2.
 */
#pragma once

#include <spice/qxl_dev.h>

#include "qxl/surface.h"

#define SURFACES_MAX 1024u /* surfaces of a device; the protocol's */
#define SURFACE_PRIMARY 0u

/* A command that the device lent us, to be given back once. */
typedef struct HeldCommand {
    QXLReleaseInfoExt release; /* info NULL: none is held */
    uint32_t slot;             /* the memslot, of the group in `release`, that it lies in */
} HeldCommand;

typedef struct Surface {
    uint64_t generation; /* 0: absent; else no two surfaces have the same */
    QxlGeometry geometry;
    HeldCommand create;
} Surface;

typedef struct SurfaceTable {
    Surface *surfaces;
    uint32_t len;
    uint64_t generation; /* of the newest */
} SurfaceTable;

void surfaces_init(SurfaceTable *table, uint32_t len); /* at most SURFACES_MAX are made */
void surfaces_finish(SurfaceTable *table);             /* none is held any more */

/* NULL: absent, or no such id. */
Surface *surfaces_find(const SurfaceTable *table, uint32_t id);
/* NULL: not absent, or no such id. */
Surface *surfaces_create(SurfaceTable *table, uint32_t id, const QxlGeometry *geometry);
/* What was held for it is the caller's to give back. */
void surfaces_destroy(Surface *surface);
