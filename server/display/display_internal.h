/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display_internal.h: what display_channel.c and display_client.c share.
 *
 * Thread     the channel's home.
 */
#pragma once

#include "display/current.h"
#include "display/display_channel.h"
#include "display/display_client.h"

#define DISPLAY_CACHE_PARTS 4u /* displays that share a client's image cache; more than that many are rare */

struct DisplayChannel {
    RedsState *reds;
    RedChannel *channel;
    const SurfaceTable *surfaces;
    Current *current;
    DisplayClientsChanged clients_changed;
    void *opaque;
    DrawCompression compression;
    PipeItem palettes_item, images_item, mark_item;
    uint64_t palettes;      /* how often clients had to forget them, from 1 */
    uint64_t images;        /* the same for images, from 0 */
    uint64_t monitors_told; /* the same for monitors configs; 0: none yet */
    QxlMonitors monitors;
    uint64_t squashes; /* for figures */
};
