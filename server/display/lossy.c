/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/lossy.h"

#include "display/display_internal.h"

/* ---- Life ---- */

static void quiet(void *opaque, uint64_t now_ns)
{
    DisplayClient *client = opaque;

    (void)now_ns;
    rcc_want_idle(&client->base);
}

bool lossy_init(DisplayClient *client)
{
    client->lossy.timer = loop_timer_new(client->base.loop, quiet, client);
    return client->lossy.timer != NULL;
}

void lossy_finish(DisplayClient *client)
{
    loop_timer_free(client->base.loop, client->lossy.timer);
    client->lossy.timer = NULL;
}

/* ---- Which pixels ---- */

static bool touches(const pixman_region32_t *region, const pixman_box32_t *box)
{
    return pixman_region32_contains_rectangle((pixman_region32_t *)region, (pixman_box32_t *)box) !=
           PIXMAN_REGION_OUT;
}

static void add(DisplayClient *client, ClientSurface *at, pixman_region32_t *more)
{
    pixman_region32_union(&at->lossy, &at->lossy, more);
    display_region_limit(&at->lossy);
    if (pixman_region32_not_empty(&at->lossy)) {
        client->lossy.any = true;
        rcc_want_idle(&client->base);
    }
}

static void region_of_box(pixman_region32_t *region, const pixman_box32_t *box)
{
    pixman_region32_init_rect(region, box->x1, box->y1, (unsigned)(box->x2 - box->x1),
                              (unsigned)(box->y2 - box->y1));
}

void lossy_clear(DisplayClient *client, uint32_t id)
{
    pixman_region32_clear(&client->surfaces[id].lossy);
}

void lossy_area(DisplayClient *client, uint32_t id, const pixman_box32_t *box, bool lost)
{
    ClientSurface *at = &client->surfaces[id];
    pixman_region32_t part;

    region_of_box(&part, box);
    if (lost) {
        add(client, at, &part);
    } else if (client->lossy.any) {
        pixman_region32_subtract(&at->lossy, &at->lossy, &part);
    }
    pixman_region32_fini(&part);
}

bool lossy_spoils(const DisplayClient *client, const Drawable *drawable)
{
    int32_t x, y;

    if (!client->lossy.any) {
        return false;
    }
    if (drawable->blends && touches(&client->surfaces[drawable->surface_id].lossy, &drawable->extents)) {
        return true;
    }
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        const DrawableRead *read = &drawable->reads[i];
        if (touches(&client->surfaces[read->surface_id].lossy, &read->box)) {
            return !drawable_carries(drawable, &x, &y);
        }
    }
    return false;
}

void lossy_queued(DisplayClient *client, Drawable *drawable)
{
    ClientSurface *at = &client->surfaces[drawable->surface_id];
    const bool loses = lossy_allows(client, drawable);
    pixman_region32_t here, carried;
    int32_t x, y;

    client->lossy.newest = drawable->number;
    if (!client->lossy.any && !loses) {
        return;
    }
    region_of_box(&here, &drawable->extents);
    pixman_region32_init(&carried);
    if (drawable_carries(drawable, &x, &y)) {
        const DrawableRead *read = &drawable->reads[0];
        pixman_region32_fini(&carried);
        region_of_box(&carried, &read->box);
        pixman_region32_intersect(&carried, &carried, &client->surfaces[read->surface_id].lossy);
        pixman_region32_translate(&carried, x, y);
        pixman_region32_intersect(&carried, &carried, &here);
    }
    if (drawable->opaque) {
        pixman_region32_subtract(&at->lossy, &at->lossy, &here);
    }
    add(client, at, loses ? &here : &carried);
    pixman_region32_fini(&carried);
    pixman_region32_fini(&here);
}

/* ---- Which drawables ---- */

void lossy_decide(DisplayClient *client, uint64_t number)
{
    const bool wanted =
        display_client_wants(client, client->display->jpeg) && draw_encoder_has_lossy(client->encoder);

    if (wanted && !client->lossy.on) {
        client->lossy.from = number;
    }
    client->lossy.on = wanted;
}

bool lossy_allows(const DisplayClient *client, Drawable *drawable)
{
    return client->lossy.on && drawable->number >= client->lossy.from && drawable_can_lose(drawable);
}

/* ---- When they are sent again ---- */

void lossy_busy(DisplayClient *client, uint64_t now_ns)
{
    DisplayLossy *lossy = &client->lossy;

    if (!lossy->any) {
        lossy->late_ns = 0;
    } else if (lossy->late_ns == 0) {
        lossy->late_ns = now_ns + LOSSY_LATE_NS;
    }
    const uint64_t quiet_ns = now_ns + LOSSY_QUIET_NS;
    lossy->quiet_ns = lossy->any && lossy->late_ns < quiet_ns ? lossy->late_ns : quiet_ns;
}

bool lossy_next(DisplayClient *client, uint64_t now_ns, uint32_t *ret_id, pixman_box32_t *ret_box)
{
    if (client->lossy.any && now_ns < client->lossy.quiet_ns) {
        loop_timer_start(client->base.loop, client->lossy.timer, client->lossy.quiet_ns);
        return false;
    }
    /* From where the latest band ended, and around: what is lossy again and again at the top does not keep the rest from coming
     * right. */
    for (uint32_t i = 0; client->lossy.any && i <= client->surfaces_len; i++) {
        const uint32_t id = (client->lossy.band_id + i) % client->surfaces_len;
        const int32_t from_y = i == 0 ? client->lossy.band_y : INT32_MIN;
        if (display_next_band(client, id, &client->surfaces[id].lossy, from_y, LOSSY_BAND_BYTES, ret_box)) {
            *ret_id = client->lossy.band_id = id;
            client->lossy.band_y = ret_box->y2;
            return true;
        }
    }
    client->lossy.any = false;
    client->lossy.late_ns = 0;
    return false;
}

void lossy_sent(DisplayClient *client, uint64_t bytes, uint64_t now_ns)
{
    const uint64_t takes_ns = link_rate_time_ns(&client->base.rate, bytes);

    client->lossy.late_ns = now_ns + LOSSY_LATE_NS;
    client->lossy.quiet_ns = now_ns + (takes_ns < LOSSY_BAND_NS_MAX ? takes_ns : LOSSY_BAND_NS_MAX);
}
