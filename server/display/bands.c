/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/bands.h"

#include "display/display_internal.h"
#include "display/lossy.h"

/* ---- Those under way ---- */

/* This one is sent, or not needed any more. */
static void band_remove(DisplayClient *client, uint32_t i)
{
    shared_coding_unref(client->bands[i].coding);
    client->bands_len--;
    memmove(&client->bands[i], &client->bands[i + 1], (client->bands_len - i) * sizeof client->bands[0]);
}

void bands_drop(DisplayClient *client)
{
    while (client->bands_len > 0) {
        band_remove(client, client->bands_len - 1);
    }
}

bool bands_meet(const DisplayClient *client, uint32_t surface_id, const pixman_box32_t *box)
{
    for (uint32_t i = 0; i < client->bands_len; i++) {
        if (client->bands[i].surface_id == surface_id && box_meets(&client->bands[i].box, box)) {
            return true;
        }
    }
    return false;
}

void bands_cover(DisplayClient *client, const Drawable *drawable)
{
    const pixman_box32_t *by = &drawable->extents;

    for (uint32_t i = 0; i < client->bands_len; i++) {
        const ClientBand *band = &client->bands[i];
        if (band->surface_id == drawable->surface_id && box_meets(&band->box, by) &&
            !box_covers(by, &band->box)) {
            return;
        }
    }
    for (uint32_t i = client->bands_len; i-- > 0;) {
        if (client->bands[i].surface_id == drawable->surface_id && box_meets(&client->bands[i].box, by)) {
            band_remove(client, i);
            rcc_want_idle(&client->base); /* something may wait for them: MARK, or room for others */
        }
    }
}

/* It is sent, or under way. */
static void owed_no_more(DisplayClient *client, uint32_t id, const pixman_box32_t *box)
{
    display_region_subtract(&client->surfaces[id].damage, box);
    if (id == SURFACE_PRIMARY && client->first_due) {
        display_region_subtract(&client->first, box);
    }
}

/* ---- At once ---- */

/* Of the next messages that show this area, if others may want them. */
static void share_area(DisplayClient *client, const Surface *surface, uint32_t id, const pixman_box32_t *box)
{
    if (client->base.channel->clients_len > 1) {
        draw_encoder_share(client->encoder, shared_areas_find(&client->display->areas, id, surface, box));
    }
}

bool bands_send_area(DisplayClient *client, const Surface *surface, uint32_t id, const pixman_box32_t *box,
                     uint64_t now_ns)
{
    RedChannelClient *rcc = &client->base;
    const QXLRect area = {.left = box->x1, .top = box->y1, .right = box->x2, .bottom = box->y2};
    const uint64_t before = rcc->sent_serial;

    current_render(client->display->current, id, now_ns);
    share_area(client, surface, id, box);
    const bool sent = draw_encoder_area(client->encoder, &surface->canvas, display_client_wire_id(client, id),
                                        &area, &rcc->out);
    draw_encoder_share(client->encoder, NULL);
    rcc_count_sent(rcc, before);
    if (sent) {
        owed_no_more(client, id, box);
    }
    return sent;
}

/* ---- Which part is next ---- */

/* Codecs make little of single lines: QUIC and JPEG nothing at all. JPEG's blocks are of 16. */
#define BAND_LINES_MIN 16

pixman_box32_t display_band(const pixman_box32_t *box, uint32_t bytes)
{
    pixman_box32_t band = *box;
    const int64_t pixels = bytes / 4;
    const int64_t width = (int64_t)band.x2 - band.x1, height = (int64_t)band.y2 - band.y1;

    const int64_t least = height < BAND_LINES_MIN ? height : BAND_LINES_MIN;

    if (width * least > pixels) {
        const int64_t lines = least < pixels ? least : pixels;
        band.x2 = (int32_t)(band.x1 + pixels / lines);
        band.y2 = (int32_t)(band.y1 + lines);
    } else if (height > pixels / width) {
        band.y2 = (int32_t)(band.y1 + pixels / width);
    }
    return band;
}

/* Links of one kind are not measured to carry the very same, but clients at them share their bands. */
static uint32_t band_bytes(const DisplayClient *client, uint32_t most)
{
    const uint32_t bytes = display_client_message_max(client, most);
    uint32_t step = LINK_MESSAGE_BYTES_MIN;

    while (step <= bytes / 2) {
        step *= 2;
    }
    return step;
}

bool display_next_band(const DisplayClient *client, uint32_t id, pixman_region32_t *region, int32_t from_y,
                       uint32_t most, pixman_box32_t *ret_band)
{
    const ClientSurface *at = &client->surfaces[id];
    const Surface *surface = surfaces_find(client->display->surfaces, id);
    int rects_len;
    const pixman_box32_t *rects = pixman_region32_rectangles(region, &rects_len);

    if (at->told == 0 || surface == NULL || at->told != surface->generation) {
        return false;
    }
    for (int i = 0; i < rects_len; i++) {
        if (rects[i].y2 > from_y) {
            pixman_box32_t rect = rects[i];
            rect.y1 = rect.y1 > from_y ? rect.y1 : from_y;
            *ret_band = display_band(&rect, band_bytes(client, most));
            return true;
        }
    }
    return false;
}

/* What was sent lossily, without loss. */
static bool commit_upgrade(DisplayClient *client, uint64_t now_ns)
{
    RedChannelClient *rcc = &client->base;
    const size_t before = rcc->out.total;
    pixman_box32_t band;
    uint32_t id;

    if (!lossy_next(client, now_ns, &id, &band)) {
        return false;
    }
    display_client_tune(client, false);
    if (!bands_send_area(client, surfaces_find(client->display->surfaces, id), id, &band, now_ns)) {
        rcc_close(rcc, "no memory for the pixels that it is owed");
        return false;
    }
    lossy_area(client, id, &band, false);
    lossy_sent(client, rcc->out.total - before, now_ns);
    return true;
}

/* ---- Bands that threads code ---- */

static bool commit_band_at_once(DisplayClient *client, const Surface *surface, uint32_t id,
                                const pixman_box32_t *box, uint64_t now_ns)
{
    lossy_busy(client, now_ns);
    if (!bands_send_area(client, surface, id, box, now_ns)) {
        rcc_close(&client->base, "no memory for the pixels that it is owed");
        return false;
    }
    lossy_area(client, id, box, draw_encoder_was_lossy(client->encoder));
    return true;
}

/* Was it drawn upon since it was begun? */
static bool is_damaged(const DisplayClient *client, const ClientBand *band)
{
    pixman_region32_t *damage = (pixman_region32_t *)&client->surfaces[band->surface_id].damage;

    return pixman_region32_contains_rectangle(damage, (pixman_box32_t *)&band->box) != PIXMAN_REGION_OUT;
}

/* One that is ready; it shows what was there when it was begun, and what was drawn since is damage, which follows. */
static bool commit_ready_band(DisplayClient *client, uint64_t now_ns)
{
    RedChannelClient *rcc = &client->base;

    for (uint32_t i = client->bands_len; i-- > 0;) {
        const ClientBand *band = &client->bands[i];
        const Surface *surface = surfaces_find(client->display->surfaces, band->surface_id);
        if (client->surfaces[band->surface_id].told != band->generation || surface == NULL ||
            surface->generation != band->generation) {
            band_remove(client, i);
        }
    }
    for (uint32_t i = 0; i < client->bands_len; i++) {
        const ClientBand band = client->bands[i];
        const uint64_t before = rcc->sent_serial;
        if (shared_coding_is_pending(band.coding)) {
            continue;
        }
        const QXLRect area = {
            .left = band.box.x1, .top = band.box.y1, .right = band.box.x2, .bottom = band.box.y2};
        const bool no_use = shared_coding_is_no_use(band.coding) && !is_damaged(client, &band);
        lossy_busy(client, now_ns);
        const bool sent = draw_encoder_coded_area(
            client->encoder, band.coding, display_client_wire_id(client, band.surface_id), &area, &rcc->out);
        rcc_count_sent(rcc, before);
        band_remove(client, i);
        if (sent) {
            lossy_area(client, band.surface_id, &band.box, draw_encoder_was_lossy(client->encoder));
            return true;
        }
        /* No codec makes it shorter, or there was no memory: at once then, as it is now. What a thread found is not tried again. */
        display_client_tune(client, false);
        draw_encoder_set_as_is(client->encoder, no_use);
        const bool good =
            commit_band_at_once(client, surfaces_find(client->display->surfaces, band.surface_id),
                                band.surface_id, &band.box, now_ns);
        draw_encoder_set_as_is(client->encoder, false);
        return good;
    }
    return false;
}

static uint32_t band_bytes_most(const DisplayClient *client)
{
    const bool threads =
        coding_pool_can(client->display->pool) && draw_encoder_takes_long(client->encoder, true);

    const uint32_t most = display_client_coding_max(client);
    const uint32_t bytes = threads ? DISPLAY_THREAD_BAND_BYTES : DISPLAY_BAND_BYTES;

    return bytes < most ? bytes : most;
}

/* Of the damage that no band is under way for: below the latest one, so that what is drawn again and again at the top does not
 * keep the rest from being seen. */
static bool next_damage(DisplayClient *client, uint32_t id, int32_t from_y, pixman_box32_t *ret_band)
{
    pixman_region32_t rest;

    pixman_region32_init(&rest);
    pixman_region32_union(&rest, &rest, &client->surfaces[id].damage);
    for (uint32_t i = 0; i < client->bands_len; i++) {
        if (client->bands[i].surface_id == id) {
            display_region_subtract(&rest, &client->bands[i].box);
        }
    }
    const bool found = display_next_band(client, id, &rest, from_y, band_bytes_most(client), ret_band);
    pixman_region32_fini(&rest);
    return found;
}

static CodingStart begin_band(DisplayClient *client, const Surface *surface, uint32_t id,
                              const pixman_box32_t *box, uint64_t now_ns)
{
    CodingPool *pool = client->display->pool;
    const QXLRect area = {.left = box->x1, .top = box->y1, .right = box->x2, .bottom = box->y2};
    SharedCoding *coding;
    Raster pixels;

    if (!coding_pool_can(pool) || box_area(box) * 4 < CODING_BYTES_MIN) {
        return CODING_NOT;
    }
    if (client->bands_len >= coding_pool_ahead(pool, client->base.channel->clients_len)) {
        return CODING_LATER;
    }
    /* Threads get a copy: where that can be the guest's picture, it need not be drawn first. */
    if (!current_picture(client->display->current, id, box, &pixels)) {
        current_render(client->display->current, id, now_ns);
        pixels = surface->canvas.raster;
    }
    share_area(client, surface, id, box);
    const CodingStart start = draw_encoder_begin_area(client->encoder, &pixels, &area, pool, &coding);
    draw_encoder_share(client->encoder, NULL);
    if (start == CODING_BEGUN) {
        client->bands[client->bands_len++] = (ClientBand){id, surface->generation, *box, coding};
        owed_no_more(client, id, box);
    }
    return start;
}

/* LATER: there is no room for it. NOT: it was sent, or the client is closed. */
static CodingStart send_or_begin(DisplayClient *client, uint32_t id, const pixman_box32_t *band,
                                 uint64_t now_ns)
{
    const Surface *surface = surfaces_find(client->display->surfaces, id);

    lossy_decide(client, client->lossy.newest + 1);
    display_client_tune(client, client->lossy.on);
    const CodingStart start = begin_band(client, surface, id, band, now_ns);
    if (start == CODING_NOT) {
        (void)commit_band_at_once(client, surface, id, band, now_ns);
    }
    return start;
}

/* Of what the primary showed first, which comes before everything else; from the top, whatever is drawn meanwhile. */
static CodingStart begin_first(DisplayClient *client, uint64_t now_ns)
{
    CodingStart start = CODING_BEGUN;
    pixman_box32_t band;

    while (start == CODING_BEGUN && client->first_due &&
           display_next_band(client, SURFACE_PRIMARY, &client->first, INT32_MIN, band_bytes_most(client),
                             &band)) {
        start = send_or_begin(client, SURFACE_PRIMARY, &band, now_ns);
    }
    return start;
}

/* From where the latest band ended, and around: what is drawn again and again at the top does not keep the rest from being
 * seen. */
static CodingStart begin_damage(DisplayClient *client, uint64_t now_ns)
{
    const uint32_t latest = client->band_id;
    CodingStart start = CODING_BEGUN;

    for (uint32_t i = 0; i <= client->surfaces_len; i++) {
        const uint32_t id = (latest + i) % client->surfaces_len;
        pixman_box32_t band = {.y2 = i == 0 ? client->band_y : INT32_MIN};
        while (next_damage(client, id, band.y2, &band)) {
            start = send_or_begin(client, id, &band, now_ns);
            if (start == CODING_LATER) {
                return start;
            }
            client->band_id = id;
            client->band_y = band.y2;
            if (start == CODING_NOT) {
                return start;
            }
        }
    }
    return start;
}

/* Nothing of it is missing, as it was then or later. */
static bool first_is_there(const DisplayClient *client)
{
    if (!client->first_due || pixman_region32_not_empty((pixman_region32_t *)&client->first)) {
        return false;
    }
    for (uint32_t i = 0; i < client->bands_len; i++) {
        if (client->bands[i].surface_id == SURFACE_PRIMARY) {
            return false;
        }
    }
    return true;
}

bool display_client_commit_idle(RedChannelClient *rcc, uint64_t now_ns)
{
    DisplayClient *client = display_client_of(rcc);
    CodingStart start = CODING_BEGUN;

    if (client->unsettled) {
        display_client_settle(client);
        return true;
    }
    if (first_is_there(client)) {
        display_client_show_first(client);
        display_client_settle(client);
        return true;
    }
    client->waits_ns = 0;
    if (commit_ready_band(client, now_ns)) {
        return true;
    }
    if (client->damaged) {
        start = begin_first(client, now_ns);
        start = start == CODING_BEGUN && !client->first_due ? begin_damage(client, now_ns) : start;
    }
    if (start == CODING_NOT) {
        return rcc->state == RCC_LIVE;
    }
    if (client->bands_len > 0 || start == CODING_LATER || client->first_due) {
        /* What was coded for others is ready at once; else band_coded() wakes it. */
        return commit_ready_band(client, now_ns) || first_is_there(client);
    }
    client->damaged = false;
    client->is_behind = false;
    return commit_upgrade(client, now_ns);
}
