/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display_channel.h: the display channel of one device: what its clients are told of surfaces, drawings and monitors.
 *
 * A client says INIT first; until then nothing but SET_ACK is sent to it, and it has DISPLAY_INIT_NS for that. What it
 * is then told, and what it is owed when it cannot keep up, is display_client.h's.
 *
 * Ownership  its maker owns the DisplayChannel; display_channel_free() after its clients were closed. `surfaces` and
 *            `current` are the worker's, and outlive it.
 * Thread     the channel's home, but for new and free: the main domain, before and after the home runs.
 * Units      pixels; ns.
 * Errors     a client's fault closes that client.
 * Source     reference/wire-protocol.md sections 3.2.2 to 3.2.7, reference/api-and-behaviour.md section 5.3.
 */
#pragma once

#include <spice.h>

#include "display/current.h"
#include "qxl/monitors.h"
#include "session/channel_client.h"
#include "session/reds.h"

#define DISPLAY_INIT_NS (30 * NS_PER_S) /* ns from the link to INIT, as the existing server */

typedef struct DisplayChannel DisplayChannel;

/* A client came, or one has gone (and is in the channel's list no more). */
typedef void (*DisplayClientsChanged)(void *opaque);

/* Registers itself. NULL: there is one with that id. */
DisplayChannel *display_channel_new(RedsState *reds, uint8_t id, Dispatcher *home,
                                    const SurfaceTable *surfaces, Current *current,
                                    DisplayClientsChanged clients_changed, void *opaque);
/* Unregisters itself. */
void display_channel_free(DisplayChannel *display);
/* After the last client was closed, in the home: threads end. */
void display_channel_stop(DisplayChannel *display);
RedChannel *display_channel_base(DisplayChannel *display);

/* The table has changed: tell the clients. */
void display_channel_sync(DisplayChannel *display);
/* To be made with drawable_new(); this is their `type`. */
const PipeItemType *display_channel_drawable_type(void);
/* It was added to the current ones. */
void display_channel_draw(DisplayChannel *display, Drawable *drawable);
/* It could not be drawn, or not all of it, and is pending still: clients get what the canvas has. `drawables` are all.
 * Returns what that took: steps (canvas.h). */
uint64_t display_channel_failed(DisplayChannel *display, const Drawable *drawable, const ListNode *drawables);
/* Gives back what drawables hold, all of which are on their canvases: what is to be sent of them is copied, or becomes
 * damage. */
void display_channel_let_go(DisplayChannel *display, ListNode *drawables, uint64_t now_ns);
/* Of images from now on, SPICE_IMAGE_COMPRESSION_*. */
void display_channel_set_compression(DisplayChannel *display, int compression);
/* For slow links, SPICE_WAN_COMPRESSION_*: JPEG, and zlib over GLZ; for all clients, also those that are there. */
void display_channel_set_wan(DisplayChannel *display, spice_wan_compression_t jpeg,
                             spice_wan_compression_t zlib_glz);
/* `tell`: else only who comes later hears of it, as a better one is to be expected soon. */
void display_channel_set_monitors(DisplayChannel *display, const QxlMonitors *monitors, bool tell);
/* Clients forget their palettes. */
void display_channel_inval_palettes(DisplayChannel *display);
/* Clients forget their images, and palettes. */
void display_channel_inval_images(DisplayChannel *display);

/* What all clients can do, as bits of 1 << WIRE_CAP_DISPLAY_*, out of `caps`; 0 without clients. */
uint32_t display_channel_common_caps(const DisplayChannel *display, uint32_t caps);
