/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display_internal.h: what display_channel.c, display_client.c and bands.c share.
 *
 * Thread     the channel's home.
 */
#pragma once

#include <spice.h>

#include "display/current.h"
#include "display/display_channel.h"
#include "display/display_client.h"
#include "display/encode/coding_pool.h"
#include "display/shared_areas.h"

/* What a setting for slow links comes to for this client, now. */
bool display_client_wants(const DisplayClient *client, spice_wan_compression_t setting);
/* The next message is for a link as it is now. */
void display_client_tune(DisplayClient *client, bool lossy);
/* Bytes of pixels in one message: what its link carries in a short time, but no more than that. */
uint32_t display_client_message_max(const DisplayClient *client, uint32_t most);
/* Bytes of pixels that the worker codes for it within some 20 ms, whatever they show. */
uint32_t display_client_coding_max(const DisplayClient *client);
/* All of what the primary showed first is on the stage: the primary takes it, and is known to the client from now on. */
void display_client_show_first(DisplayClient *client);
/* Too many rectangles become the one around them. */
void display_region_limit(pixman_region32_t *region);
/* What the client calls this surface. */
static inline uint32_t display_client_wire_id(const DisplayClient *client, uint32_t id)
{
    return id == SURFACE_PRIMARY && client->staged ? client->surfaces_len : id;
}
void display_region_subtract(pixman_region32_t *region, const pixman_box32_t *box);
/* The first part of a surface's region, from that line on, that is of no more bytes than that, and than what the client's link
 * carries in a short time. False: there is none, or the client does not have the surface as it is. */
bool display_next_band(const DisplayClient *client, uint32_t id, pixman_region32_t *region, int32_t from_y,
                       uint32_t most, pixman_box32_t *ret_band);

#define DISPLAY_CACHE_PARTS 4u /* displays that share a client's image cache; more than that many are rare */

struct DisplayChannel {
    RedsState *reds;
    RedChannel *channel;
    const SurfaceTable *surfaces;
    Current *current;
    DisplayClientsChanged clients_changed;
    void *opaque;
    DrawCompression compression;
    spice_wan_compression_t jpeg, zlib_glz;
    PipeItem palettes_item, images_item, mark_item;
    uint64_t palettes;      /* how often clients had to forget them, from 1 */
    uint64_t images;        /* the same for images, from 0 */
    uint64_t monitors_told; /* the same for monitors configs; 0: none yet */
    QxlMonitors monitors;
    ShareStore shares;
    SharedAreas areas;
    CodingPool *pool;
    uint64_t squashes; /* of clients that did not keep up; for figures */
};
