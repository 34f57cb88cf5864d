/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/shared_areas.h"

#include <glib.h>

#include "display/drawable.h"

typedef struct SharedArea {
    ListNode in_areas;
    uint32_t surface_id;
    uint64_t generation;
    pixman_box32_t box;
    Shared *shared;
} SharedArea;

void shared_areas_init(SharedAreas *areas, ShareStore *store)
{
    areas->store = store;
    areas->len = 0;
    list_init(&areas->all);
}

static void area_free(SharedAreas *areas, SharedArea *area)
{
    list_remove(&area->in_areas);
    areas->len--;
    shared_free(area->shared);
    g_free(area);
}

void shared_areas_clear(SharedAreas *areas)
{
    list_each_removable(&areas->all, node)
    {
        area_free(areas, list_entry(node, SharedArea, in_areas));
    }
}

static bool box_equals(const pixman_box32_t *a, const pixman_box32_t *b)
{
    return a->x1 == b->x1 && a->y1 == b->y1 && a->x2 == b->x2 && a->y2 == b->y2;
}

static SharedArea *area_new(SharedAreas *areas, uint32_t surface_id, uint64_t generation,
                            const pixman_box32_t *box)
{
    Shared *shared = shared_new(areas->store);

    if (shared == NULL) {
        return NULL;
    }
    if (areas->len == SHARED_AREAS_MAX) {
        area_free(areas, list_first(&areas->all, SharedArea, in_areas));
    }
    SharedArea *area = g_new0(SharedArea, 1);
    *area = (SharedArea){.surface_id = surface_id, .generation = generation, .box = *box, .shared = shared};
    list_init(&area->in_areas);
    areas->len++;
    return area;
}

Shared *shared_areas_find(SharedAreas *areas, uint32_t surface_id, const Surface *surface,
                          const pixman_box32_t *box)
{
    SharedArea *found = NULL;

    list_each(&areas->all, node)
    {
        SharedArea *area = list_entry(node, SharedArea, in_areas);
        if (area->surface_id == surface_id && area->generation == surface->generation &&
            box_equals(&area->box, box)) {
            found = area;
            break;
        }
    }
    if (found == NULL) {
        found = area_new(areas, surface_id, surface->generation, box);
    }
    if (found == NULL) {
        return NULL;
    }
    list_remove(&found->in_areas);
    list_append(&areas->all, &found->in_areas);
    return found->shared;
}

void shared_areas_drawn(SharedAreas *areas, uint32_t surface_id, const pixman_box32_t *box)
{
    list_each_removable(&areas->all, node)
    {
        SharedArea *area = list_entry(node, SharedArea, in_areas);
        if (area->surface_id == surface_id && box_meets(&area->box, box)) {
            area_free(areas, area);
        }
    }
}
