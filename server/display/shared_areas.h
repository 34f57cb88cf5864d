/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shared_areas.h: areas of canvases that were sent to somebody and look the same still, for others that want the same.
 *
 * Ownership  the display channel's; each area owns its Shared (encode/shared.h).
 * Thread     the channel's home.
 * Units      pixels.
 */
#pragma once

#include <pixman.h>

#include "display/encode/shared.h"
#include "display/surfaces.h"

#define SHARED_AREAS_MAX 64u /* areas: clients that get the same bands are not far from each other */

typedef struct SharedAreas {
    ShareStore *store;
    ListNode all; /* the one used longest ago first */
    uint32_t len;
} SharedAreas;

void shared_areas_init(SharedAreas *areas, ShareStore *store);
void shared_areas_clear(SharedAreas *areas);
/* Of what the surface shows there now, all of which is on its canvas. NULL: no memory. */
Shared *shared_areas_find(SharedAreas *areas, uint32_t surface_id, const Surface *surface,
                          const pixman_box32_t *box);
/* Something is drawn there. */
void shared_areas_drawn(SharedAreas *areas, uint32_t surface_id, const pixman_box32_t *box);
