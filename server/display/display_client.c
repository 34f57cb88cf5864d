/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/display_client.h"

#include <spice/enums.h>

#include "display/bands.h"
#include "display/display_internal.h"
#include "display/lossy.h"
#include "display/merge.h"
#include "session/client.h"

/* ---- Life ---- */

void display_client_init(DisplayClient *client, DisplayChannel *display, uint32_t surfaces)
{
    client->display = display;
    client->surfaces_len = surfaces;
    client->surfaces = g_new0(ClientSurface, surfaces);
    for (uint32_t id = 0; id < surfaces; id++) {
        pixman_region32_init(&client->surfaces[id].damage);
        pixman_region32_init(&client->surfaces[id].lossy);
    }
    pixman_region32_init(&client->first);
}

void display_client_finish(DisplayClient *client)
{
    for (uint32_t id = 0; id < client->surfaces_len; id++) {
        pixman_region32_fini(&client->surfaces[id].damage);
        pixman_region32_fini(&client->surfaces[id].lossy);
    }
    pixman_region32_fini(&client->first);
    g_free(client->surfaces);
    client->surfaces = NULL;
    client->surfaces_len = 0;
    bands_drop(client);
    lossy_finish(client);
    draw_encoder_free(client->encoder);
    client->encoder = NULL;
}

static void *hold_encoding(void *opaque, const QxlDrawable *drawable)
{
    DisplayClient *client = opaque;

    CHECK(client->encoding != NULL && client->encoding->qxl == drawable);
    return drawable_hold(client->encoding);
}

Status display_client_begin(DisplayClient *client, const WireMsgcDisplayInit *init)
{
    RedChannelClient *rcc = &client->base;

    if (client->said_init) {
        return STATUS_PEER_FAULT;
    }
    client->said_init = true;
    client->images.told = client->images.known = client->display->images; /* it has none to forget */
    /* All displays of a client share the cache that it announces: each has a part (DESIGN section 5). */
    const uint64_t pixels = init->pixmap_cache_size > 0 ? (uint64_t)init->pixmap_cache_size : 0;
    /* And one of them at a time uses its GLZ window: what is coded for that must arrive in order. */
    client->glz_pixels =
        init->glz_dictionary_window_size > 0 ? (uint64_t)init->glz_dictionary_window_size : 0;
    const bool owns = rcc->slot->dictionary != DICTIONARY_NOT_OURS;
    const DrawEncoderConfig config = {
        .core = rcc->core,
        .channel_caps = rcc->slot->channel_caps.words,
        .framing = {rcc->mini_header, &rcc->sent_serial},
        .compression = client->display->compression,
        .is_local = stream_is_unix(rcc->stream),
        .display_id = rcc->channel->id,
        .cache_pixels = pixels / DISPLAY_CACHE_PARTS,
        .glz_pixels = owns ? client->glz_pixels : 0,
        .glz_next_id = owns ? rcc->slot->dictionary : 0,
        .hold = hold_encoding,
        .release = drawable_release,
        .opaque = client,
    };
    client->encoder = draw_encoder_new(&config);
    if (client->encoder == NULL || !lossy_init(client)) {
        rcc_close(rcc, "no memory for its caches, or no timer");
        return STATUS_OK;
    }
    rcc_release_pipe(rcc);
    display_client_settle(client);
    return STATUS_OK;
}

void display_client_take_dictionary(RedChannelClient *rcc)
{
    DisplayClient *client = display_client_of(rcc);

    if (client->encoder != NULL) {
        draw_encoder_take_window(client->encoder, client->glz_pixels, rcc->slot->dictionary);
    }
}

/* Of images that may not have come nobody knows. Existing clients never give one back after a number that is missing, and keep both
 * of a number that comes twice: nobody can go on then. */
void display_client_return_dictionary(DisplayClient *client)
{
    const RedChannelClient *rcc = &client->base;
    uint64_t *dictionary = &rcc->slot->dictionary;

    if (*dictionary != DICTIONARY_NOT_OURS && client->encoder != NULL &&
        !draw_encoder_leave_window(client->encoder, rcc->seen_serial, dictionary)) {
        *dictionary = DICTIONARY_LOST;
    }
}

/* ---- Surfaces ---- */

uint32_t display_client_message_max(const DisplayClient *client, uint32_t most)
{
    const uint32_t bytes = link_rate_message_max(&client->base.rate);

    return bytes < most ? bytes : most;
}

static uint32_t coding_max(const DisplayClient *client, bool is_photo)
{
    return draw_encoder_coding_max(client->encoder, is_photo,
                                   display_client_wants(client, client->display->zlib_glz));
}

uint32_t display_client_coding_max(const DisplayClient *client)
{
    const uint32_t photo = coding_max(client, true), other = coding_max(client, false);

    return photo < other ? photo : other;
}

typedef struct SurfaceItem {
    PipeItem item;
    uint32_t id;
    uint64_t generation; /* 0: it goes */
    QxlGeometry geometry;
    bool staged;          /* the stage, in its place */
    pixman_box32_t image; /* of it, to be sent along; empty: none */
} SurfaceItem;

void display_region_subtract(pixman_region32_t *region, const pixman_box32_t *box)
{
    pixman_region32_t part;

    pixman_region32_init_rect(&part, box->x1, box->y1, (unsigned)(box->x2 - box->x1),
                              (unsigned)(box->y2 - box->y1));
    pixman_region32_subtract(region, region, &part);
    pixman_region32_fini(&part);
}

bool display_client_wants(const DisplayClient *client, spice_wan_compression_t setting)
{
    return setting == SPICE_WAN_COMPRESSION_ALWAYS ||
           (setting == SPICE_WAN_COMPRESSION_AUTO && client->base.rate.is_slow);
}

void display_client_tune(DisplayClient *client, bool lossy)
{
    draw_encoder_set_zlib(client->encoder, display_client_wants(client, client->display->zlib_glz));
    draw_encoder_set_lossy(client->encoder, lossy);
}

static void send_surface(DisplayClient *client, uint32_t wire_id, const QxlGeometry *geometry)
{
    RedChannelClient *rcc = &client->base;
    WireMsgDisplaySurfaceCreate create = {
        .surface_id = wire_id,
        .width = geometry->width,
        .height = geometry->height,
        .flags = wire_id == SURFACE_PRIMARY ? WIRE_SURFACE_FLAG_PRIMARY : 0,
    };

    if (NEVER(!draw_encoder_surface_format(client->encoder, geometry->format, &create.format))) {
        return;
    }
    RCC_SEND(rcc, WIRE_MSG_DISPLAY_SURFACE_CREATE, wire_msg_display_surface_create_encode, &create);
}

void display_client_show_first(DisplayClient *client)
{
    RedChannelClient *rcc = &client->base;
    const Surface *primary = surfaces_find(client->display->surfaces, SURFACE_PRIMARY);
    const uint32_t stage = display_client_wire_id(client, SURFACE_PRIMARY);

    client->first_due = false;
    if (!client->staged || primary == NULL || primary->generation != client->surfaces[SURFACE_PRIMARY].told) {
        return; /* what changed is being settled */
    }
    const QxlGeometry *geometry = &primary->geometry;
    const WireRect all = {.right = (int32_t)geometry->width, .bottom = (int32_t)geometry->height};
    const WireImage image = {.type = WIRE_IMAGE_TYPE_SURFACE,
                             .width = geometry->width,
                             .height = geometry->height,
                             .u.surface_id = stage};
    const WireMsgDisplayDrawCopy copy = {.base = {.surface_id = SURFACE_PRIMARY, .box = all},
                                         .src = &image,
                                         .src_area = all,
                                         .rop = SPICE_ROPD_OP_PUT};
    send_surface(client, SURFACE_PRIMARY, geometry);
    RCC_SEND(rcc, WIRE_MSG_DISPLAY_DRAW_COPY, wire_msg_display_draw_copy_encode, &copy);
    RCC_SEND(rcc, WIRE_MSG_DISPLAY_SURFACE_DESTROY, wire_msg_display_surface_destroy_encode,
             (&(WireMsgDisplaySurfaceDestroy){stage}));
    client->staged = false;
}

static void surface_commit(PipeItem *pipe_item, RedChannelClient *rcc, uint64_t now_ns)
{
    const SurfaceItem *item = list_entry(pipe_item, SurfaceItem, item);
    DisplayClient *client = display_client_of(rcc);
    ClientSurface *at = &client->surfaces[item->id];

    display_client_changed(client);
    if (item->generation == 0) {
        RCC_SEND(rcc, WIRE_MSG_DISPLAY_SURFACE_DESTROY, wire_msg_display_surface_destroy_encode,
                 (&(WireMsgDisplaySurfaceDestroy){display_client_wire_id(client, item->id)}));
        at->told = 0;
        client->staged = client->staged && item->id != SURFACE_PRIMARY;
        return;
    }
    client->staged = client->staged || item->staged;
    send_surface(client, display_client_wire_id(client, item->id), &item->geometry);
    at->told = item->generation;
    const Surface *surface = surfaces_find(client->display->surfaces, item->id);
    if (box_has_pixels(&item->image) && surface != NULL && surface->generation == item->generation &&
        rcc->state == RCC_LIVE) {
        /* If it cannot be sent it stays damage. */
        display_client_tune(client, false);
        (void)bands_send_area(client, surface, item->id, &item->image, now_ns);
    }
}

static void surface_free(PipeItem *item)
{
    g_free(list_entry(item, SurfaceItem, item));
}

static const PipeItemType surface_type = {"surface", surface_commit, surface_free};

static void push_surface(DisplayClient *client, uint32_t id, const Surface *surface, bool staged,
                         const pixman_box32_t *image)
{
    SurfaceItem *item = g_new0(SurfaceItem, 1);

    pipe_item_init(&item->item, &surface_type);
    item->id = id;
    if (surface != NULL) {
        item->generation = surface->generation;
        item->geometry = surface->geometry;
        item->staged = staged;
        item->image = *image;
    }
    client->changes++;
    rcc_push(&client->base, &item->item);
    pipe_item_unref(&item->item);
}

/* Guests make surfaces of alpha alone only while all clients know them; one that came later may not. */
static bool client_knows_format(const DisplayClient *client, uint32_t format)
{
    return draw_encoder_surface_format(client->encoder, format, &format);
}

static void want_damage(DisplayClient *client)
{
    client->damaged = true;
    rcc_want_idle(&client->base);
}

/* What would keep the worker busy for long before MARK. */
static bool is_first_for_threads(const DisplayClient *client, uint64_t bytes)
{
    return bytes >= DISPLAY_THREADS_BYTES_MIN && coding_pool_can(client->display->pool) &&
           draw_encoder_takes_long(client->encoder, true);
}

static void settle_surface(DisplayClient *client, uint32_t id, bool shown)
{
    const Surface *surface = &client->display->surfaces->surfaces[id];
    ClientSurface *at = &client->surfaces[id];

    if (at->known != 0 && at->known != surface->generation) {
        at->known = 0;
        pixman_region32_clear(&at->damage);
        lossy_clear(client, id);
        push_surface(client, id, NULL, false, NULL);
        client->first_due = client->first_due && id != SURFACE_PRIMARY;
    }
    if (shown && surface->generation != 0 && at->known == 0 &&
        client_knows_format(client, surface->geometry.format)) {
        const pixman_box32_t touched = surface->touched, none = {0, 0, 0, 0};
        pixman_region32_clear(&at->damage);
        at->known = surface->generation;
        if (box_has_pixels(&touched)) {
            pixman_region32_union_rect(&at->damage, &at->damage, touched.x1, touched.y1,
                                       (unsigned)(touched.x2 - touched.x1),
                                       (unsigned)(touched.y2 - touched.y1));
            want_damage(client);
        }
        const uint64_t bytes = box_area(&touched) * 4;
        const bool at_once = bytes <= display_client_message_max(client, DISPLAY_IMAGE_BYTES_MAX) &&
                             bytes <= display_client_coding_max(client);
        const bool in_bands = at_once && id == SURFACE_PRIMARY && is_first_for_threads(client, bytes);
        const bool staged =
            id == SURFACE_PRIMARY && (!at_once || in_bands) && bytes <= DISPLAY_IMAGE_BYTES_MAX;
        push_surface(client, id, surface, staged, at_once && !in_bands ? &touched : &none);
        if (id == SURFACE_PRIMARY) {
            client->first_due = staged;
            pixman_region32_clear(&client->first);
            if (staged) {
                pixman_region32_union(&client->first, &client->first, &at->damage);
            }
            client->band_id = SURFACE_PRIMARY;
            client->band_y = INT32_MIN;
        }
    }
}

static void push_state(DisplayClient *client, PipeItem *item, ClientState *state, uint64_t value)
{
    state->known = value;
    client->changes++;
    rcc_push(&client->base, item);
}

static void settle(DisplayClient *client)
{
    DisplayChannel *display = client->display;
    /* Without a primary there is nothing to show; other surfaces come with the next one. */
    const Surface *primary = surfaces_find(display->surfaces, SURFACE_PRIMARY);

    client->unsettled = false;
    if (primary != NULL && client->palettes.known != display->palettes) {
        push_state(client, &display->palettes_item, &client->palettes, display->palettes);
    }
    if (client->images.known != display->images) {
        push_state(client, &display->images_item, &client->images, display->images);
    }
    for (uint32_t id = 0; id < client->surfaces_len; id++) {
        settle_surface(client, id, primary != NULL);
    }
    if (primary != NULL && !client->first_due &&
        (client->monitors.known != display->monitors_told || client->marked.known != primary->generation)) {
        client->monitors.known = display->monitors_told;
        push_state(client, &display->mark_item, &client->marked, primary->generation);
    }
}

/* ---- Squash ---- */

void display_region_limit(pixman_region32_t *region)
{
    if (pixman_region32_n_rects(region) > DISPLAY_DAMAGE_RECTS_MAX) {
        pixman_box32_t extents = *pixman_region32_extents(region);
        pixman_region32_reset(region, &extents);
    }
}

static void add_damage(ClientSurface *at, const pixman_box32_t *box)
{
    pixman_region32_union_rect(&at->damage, &at->damage, box->x1, box->y1, (unsigned)(box->x2 - box->x1),
                               (unsigned)(box->y2 - box->y1));
    display_region_limit(&at->damage);
}

static bool squash_item(void *opaque, PipeItem *item)
{
    DisplayClient *client = opaque;
    const DisplayChannel *display = client->display;

    if (item->type == &display_drawable_type) {
        const Drawable *drawable = drawable_of(item);
        ClientSurface *at = &client->surfaces[drawable->surface_id];
        if (!drawable->dropped && at->known == drawable->generation) {
            add_damage(at, &drawable->extents);
            client->damaged = true;
        }
        return true;
    }
    return item->type == &surface_type || item == &display->palettes_item || item == &display->images_item ||
           item == &display->mark_item;
}

/* What follows is queued later: by settle(). */
static void drop_all(DisplayClient *client)
{
    (void)pipe_drop_where(&client->base.pipe, squash_item, client);
    client->drawables = client->changes = 0;
    client->bytes = 0;
    for (uint32_t id = 0; id < client->surfaces_len; id++) {
        ClientSurface *at = &client->surfaces[id];
        if (at->known != at->told) {
            at->known = at->told;
            pixman_region32_clear(&at->damage);
            lossy_clear(client, id);
            client->first_due = client->first_due && id != SURFACE_PRIMARY;
        }
    }
    client->palettes.known = client->palettes.told;
    client->images.known = client->images.told;
    client->monitors.known = client->monitors.told;
    client->marked.known = client->marked.told;
    client->unsettled = true;
    client->display->squashes++;
}

void display_client_squash(DisplayClient *client)
{
    if (client->base.state == RCC_LIVE && client->said_init) {
        drop_all(client);
        settle(client);
        client->changes = 0; /* a squash that is owed nothing but its own would come again at once */
        rcc_want_idle(&client->base);
    }
}

void display_client_settle(DisplayClient *client)
{
    if (client->base.state != RCC_LIVE || !client->said_init) {
        return;
    }
    settle(client);
    if (client->changes > DISPLAY_CHANGES_MAX) {
        display_client_squash(client);
    }
}

/* ---- Drawables ---- */

static bool is_dropped(void *opaque, PipeItem *item)
{
    DisplayClient *client = opaque;

    if (item->type != &display_drawable_type || !drawable_of(item)->dropped) {
        return false;
    }
    client->drawables--;
    client->bytes -= drawable_of(item)->bytes;
    return true;
}

static bool is_over_budget(const DisplayClient *client)
{
    return client->drawables > DISPLAY_DRAWABLES_MAX || client->bytes > DISPLAY_DRAWABLES_BYTES_MAX;
}

/* Does it take pixels that the client does not have, or will have only later? */
static bool reads_damage(const DisplayClient *client, const Drawable *drawable)
{
    for (uint32_t i = 0; i < drawable->read_count; i++) {
        const DrawableRead *read = &drawable->reads[i];
        const ClientSurface *at = &client->surfaces[read->surface_id];
        if (at->known == 0 || (client->first_due && read->surface_id == SURFACE_PRIMARY)) {
            return true;
        }
        if (client->damaged &&
            (pixman_region32_contains_rectangle((pixman_region32_t *)&at->damage,
                                                (pixman_box32_t *)&read->box) != PIXMAN_REGION_OUT ||
             bands_meet(client, read->surface_id, &read->box))) {
            return true;
        }
    }
    return false;
}

/* A message that would keep a link, or the worker who codes it, busy for long: what it draws goes in bands, which others may cover
 * meanwhile. What it says counts, and not how much of the screen it covers. All of an image travels, however little of it is drawn; unless the client
 * has it. That it might become shorter is known only when it is coded. */
static bool is_larger_than(const DisplayClient *client, const Drawable *drawable, uint64_t most)
{
    /* What keeps less memory says less. */
    return drawable->bytes > most && draw_encoder_plain_bytes(client->encoder, drawable->qxl) > most;
}

static bool is_too_large(const DisplayClient *client, Drawable *drawable)
{
    return is_larger_than(client, drawable, display_client_message_max(client, UINT32_MAX)) ||
           (drawable->bytes > display_client_coding_max(client) &&
            is_larger_than(client, drawable, coding_max(client, drawable_can_lose(drawable))));
}

/* While it waited the client was told to forget its image, or the link came to carry less: by half, as it is not measured to carry
 * the very same each time, and what waits becomes pixels. */
static bool is_too_large_by_now(const DisplayClient *client, const Drawable *drawable)
{
    return is_larger_than(client, drawable, 2 * (uint64_t)display_client_message_max(client, UINT32_MAX));
}

/* One that would keep the worker busy for long: as damage it is coded by threads, side by side; or a part of one, all of which
 * would be coded. Then clients do not keep it, though the guest wishes so: over a slower link they do not, either. */
static bool is_for_threads(const DisplayClient *client, Drawable *drawable)
{
    const QxlDrawable *qxl = drawable->qxl;

    return drawable->opaque && qxl->type == QXL_DRAW_COPY && drawable->read_count == 0 &&
           (box_area(&drawable->extents) * 4 >= DISPLAY_THREADS_BYTES_MIN ||
            drawable->bytes >= DISPLAY_THREADS_BYTES_MIN) &&
           coding_pool_can(client->display->pool) && !draw_encoder_has_image(client->encoder, qxl) &&
           draw_encoder_takes_long(client->encoder, drawable_can_lose(drawable));
}

static bool can_be_sent(const DisplayClient *client, Drawable *drawable)
{
    const QxlDrawable *qxl = drawable->qxl;

    if ((client->is_behind && client->damaged) ||
        (client->first_due && drawable->surface_id == SURFACE_PRIMARY) ||
        drawable->bytes > DISPLAY_DRAWABLES_BYTES_MAX || is_too_large(client, drawable) ||
        is_for_threads(client, drawable) || reads_damage(client, drawable) ||
        !draw_encoder_shows(client->encoder, qxl)) {
        return false;
    }
    /* A client could be told to take the pixels from the surface itself, but it may show more than it: a byte of alpha where
     * there is none. */
    return !qxl->self_bitmap;
}

void display_client_draw(DisplayClient *client, Drawable *drawable)
{
    RedChannelClient *rcc = &client->base;
    ClientSurface *at = &client->surfaces[drawable->surface_id];
    pixman_box32_t extents = drawable->extents;

    if (rcc->state != RCC_LIVE || !client->said_init) {
        return;
    }
    if (client->unsettled) {
        settle(client);
    }
    if (at->known != drawable->generation) {
        return;
    }
    lossy_decide(client, drawable->number);
    if (!can_be_sent(client, drawable) || lossy_spoils(client, drawable)) {
        add_damage(at, &extents);
        want_damage(client);
        return;
    }
    /* Not while pixels wait to be sent with the surface itself: they are as they are when it is, later than what follows it in
     * the pipe. */
    if (client->damaged && drawable->opaque && at->told == at->known) {
        display_region_subtract(&at->damage, &extents);
        bands_cover(client, drawable);
    }
    if (client->damaged && (pixman_region32_contains_rectangle(&at->damage, &extents) != PIXMAN_REGION_OUT ||
                            bands_meet(client, drawable->surface_id, &extents))) {
        add_damage(at, &extents);
        want_damage(client);
        return;
    }
    client->drawables++;
    client->bytes += drawable->bytes;
    if (is_over_budget(client)) {
        (void)pipe_drop_where(&rcc->pipe, is_dropped, client);
    }
    rcc_push(rcc, &drawable->item);
    lossy_queued(client, drawable);
    if (is_over_budget(client)) {
        display_client_squash(client);
    }
}

uint32_t display_client_failed(DisplayClient *client, const Drawable *drawable, const ListNode *drawables)
{
    ClientSurface *at = &client->surfaces[drawable->surface_id];
    uint32_t steps = 1;

    if (client->base.state != RCC_LIVE || !client->said_init || at->known != drawable->generation) {
        return steps;
    }
    want_damage(client);
    add_damage(at, &drawable->extents);
    /* Only what is pending, too, can have taken pixels from it; also what waits in the pipe, after which damage is sent. */
    for (const ListNode *node = drawable->in_worker.next; node != drawables; node = node->next) {
        const Drawable *later = list_entry(node, Drawable, in_worker);
        at = &client->surfaces[later->surface_id];
        steps += 1 + (later->pending ? later->read_count : 0);
        if (later->pending && at->known == later->generation && reads_damage(client, later)) {
            add_damage(at, &later->extents);
            add_damage(at, &later->lands); /* and not pending, what took it there */
        }
    }
    return steps;
}

static void leaves_pipe(DisplayClient *client, const Drawable *drawable)
{
    client->drawables--;
    client->bytes -= drawable->bytes;
}

/* What is known of a drawable, for its encoder. */
static void tell_encoder(DisplayClient *client, Shared *shared, DrawPhoto photo)
{
    draw_encoder_share(client->encoder, shared);
    draw_encoder_set_photo(client->encoder, photo);
}

/* NULL: there is nothing to share, or nobody else waits for it. */
static Shared *shared_of(DisplayClient *client, Drawable *drawable)
{
    if (drawable->qxl->image_count > 0 && drawable->shared == NULL && drawable_is_awaited(drawable)) {
        drawable->shared = shared_new(&client->display->shares);
    }
    return drawable->shared;
}

/* The same for all of them together: if one is not awaited they are not. */
static Shared *shared_of_join(DisplayClient *client, const Merge *merge)
{
    Drawable *first = merge->drawables[0];
    DrawableJoin *join = first->join;
    bool same = join != NULL && join->count == merge->count;

    for (uint32_t i = 0; same && i < merge->count; i++) {
        same = join->numbers[i] == merge->drawables[i]->number;
    }
    if (same) {
        return join->shared;
    }
    if (!drawable_is_awaited(first)) {
        return NULL;
    }
    if (join != NULL) {
        shared_free(join->shared);
        g_free(join);
    }
    join = first->join = g_malloc0(sizeof *join + merge->count * sizeof join->numbers[0]);
    join->shared = shared_new(&client->display->shares);
    join->count = merge->count;
    for (uint32_t i = 0; i < merge->count; i++) {
        join->numbers[i] = merge->drawables[i]->number;
    }
    return join->shared;
}

static bool send_drawable(DisplayClient *client, Drawable *drawable)
{
    client->encoding = drawable;
    tell_encoder(client, shared_of(client, drawable), drawable->photo);
    const bool sent =
        draw_encoder_draw(client->encoder, drawable->qxl, drawable->surface_id, &client->base.out);
    tell_encoder(client, NULL, DRAW_PHOTO_UNKNOWN);
    client->encoding = NULL;
    return sent;
}

/* How much their images would take, one by one: by one in the middle, as to code all of them twice would cost more than
 * merging saves. Pictures that a codec shortens better column by column are rare. */
static size_t bytes_apart(DisplayClient *client, const Merge *merge)
{
    Drawable *one = merge->drawables[merge->count / 2];

    tell_encoder(client, shared_of(client, one), one->photo);
    const uint64_t bytes = draw_encoder_measure(client->encoder, one->qxl);

    return (size_t)(bytes * box_area(&merge->box) / box_area(&one->extents));
}

static bool send_merged(DisplayClient *client, const Merge *merge)
{
    RedChannelClient *rcc = &client->base;
    JoinedCopy *joined = merge->count > 1 ? merge_join(merge, rcc->core) : NULL;
    bool sent = true, too_large = true;

    if (joined != NULL) {
        const size_t apart = bytes_apart(client, merge);
        tell_encoder(client, shared_of_join(client, merge), DRAW_PHOTO_UNKNOWN);
        sent = draw_encoder_draw_within(client->encoder, joined_copy_drawable(joined),
                                        merge->drawables[0]->surface_id, apart, &rcc->out, &too_large);
        tell_encoder(client, NULL, DRAW_PHOTO_UNKNOWN);
        joined_copy_free(joined, rcc->core);
        if (!too_large) {
            return sent;
        }
        sent = true;
    }
    for (uint32_t i = 0; i < merge->count && sent; i++) {
        sent = send_drawable(client, merge->drawables[i]);
    }
    return sent;
}

/* Takes from the pipe what follows and belongs to it, and may lose something just as the first may (`loses`): that was noted
 * for each when it was queued. References are the merge's then, but that of the first. */
static void merge_followers(DisplayClient *client, Merge *merge, bool loses)
{
    Pipe *pipe = &client->base.pipe;
    PipeItem *item;

    while ((item = pipe_first(pipe)) != NULL && item->type == &display_drawable_type) {
        Drawable *drawable = drawable_of(item);
        const bool dropped = drawable->dropped;
        if (!dropped && (lossy_allows(client, drawable) != loses || !merge_add(merge, drawable))) {
            return;
        }
        (void)pipe_pop(pipe);
        leaves_pipe(client, drawable);
        if (dropped) {
            pipe_item_unref(item);
        }
    }
}

/* Damage is sent when nothing else waits. A link that is never without something else shall show it all the same. */
static bool damage_starves(DisplayClient *client, uint64_t now_ns)
{
    if (!client->damaged) {
        client->waits_ns = 0;
    } else if (client->waits_ns == 0) {
        client->waits_ns = now_ns;
    }
    const bool starves = client->waits_ns != 0 && now_ns - client->waits_ns > DISPLAY_DAMAGE_WAITS_NS;
    client->waits_ns = starves ? 0 : client->waits_ns;
    return starves;
}

/* It is not sent, and what waits may build on it. */
static void pixels_for_all(DisplayClient *client, ClientSurface *at, const pixman_box32_t *box)
{
    if (at->known == at->told) {
        add_damage(at, box);
    }
    drop_all(client);
    want_damage(client);
}

static void drawable_commit(PipeItem *item, RedChannelClient *rcc, uint64_t now_ns)
{
    Drawable *drawable = drawable_of(item);
    DisplayClient *client = display_client_of(rcc);
    ClientSurface *at = &client->surfaces[drawable->surface_id];
    const uint64_t before = rcc->sent_serial;
    Merge merge;

    leaves_pipe(client, drawable);
    lossy_busy(client, now_ns);
    if (drawable->dropped || at->told != drawable->generation) {
        return;
    }
    if (is_too_large_by_now(client, drawable)) {
        pixels_for_all(client, at, &drawable->extents);
        return;
    }
    const bool loses = lossy_allows(client, drawable);
    merge_begin(&merge, drawable, display_client_message_max(client, DISPLAY_BAND_BYTES));
    merge_followers(client, &merge, loses);
    display_client_tune(client, loses);
    const bool sent = send_merged(client, &merge);
    rcc_count_sent(rcc, before);
    for (uint32_t i = 0; i < merge.count; i++) {
        if (drawable_has_codings(merge.drawables[i]) && !drawable_is_awaited(merge.drawables[i])) {
            drawable_forget_codings(merge.drawables[i]);
        }
    }
    for (uint32_t i = 1; i < merge.count; i++) {
        pipe_item_unref(&merge.drawables[i]->item);
    }
    if (!sent) {
        pixels_for_all(client, at, &merge.box);
    } else if (damage_starves(client, now_ns)) {
        client->is_behind = true;
        drop_all(client);
        want_damage(client);
    }
}

const PipeItemType display_drawable_type = {"drawable", drawable_commit, drawable_free};
