/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display_channel.h: the display channel of one device: what its clients are told of surfaces and monitors.
 *
 * A client says INIT first; until then nothing but SET_ACK is sent to it, and it has DISPLAY_INIT_NS for that. What it
 * is then owed is not a history but the difference between what it was told and what there is, worked out when it is
 * sent: one pipe item, "sync", however much has changed since. So a stalled client costs a constant. Drawing will be
 * items of its own, behind the sync that creates its surface.
 *
 * Ownership  its maker owns the DisplayChannel; display_channel_free() after its clients were closed. `surfaces` are the
 *            worker's, and outlive it.
 * Thread     the channel's home, but for new and free: the main domain, before and after the home runs.
 * Units      pixels; ns.
 * Errors     a client's fault closes that client.
 * Source     reference/wire-protocol.md sections 3.2.2 to 3.2.7, reference/api-and-behaviour.md section 5.3.
 */
#pragma once

#include "display/surfaces.h"
#include "qxl/monitors.h"
#include "session/channel_client.h"
#include "session/reds.h"

#define DISPLAY_INIT_NS (30 * NS_PER_S) /* ns from the link to INIT, as the existing server */

typedef struct DisplayChannel DisplayChannel;

/* A client came, or one has gone (and is in the channel's list no more). */
typedef void (*DisplayClientsChanged)(void *opaque);

/* Registers itself. NULL: there is one with that id. */
DisplayChannel *display_channel_new(RedsState *reds, uint8_t id, Dispatcher *home,
                                    const SurfaceTable *surfaces, DisplayClientsChanged clients_changed,
                                    void *opaque);
/* Unregisters itself. */
void display_channel_free(DisplayChannel *display);
RedChannel *display_channel_base(DisplayChannel *display);

/* The table has changed: tell the clients. */
void display_channel_sync(DisplayChannel *display);
/* `tell`: else only who comes later hears of it, as a better one is to be expected soon. */
void display_channel_set_monitors(DisplayChannel *display, const QxlMonitors *monitors, bool tell);
/* Clients forget their palettes. */
void display_channel_inval_palettes(DisplayChannel *display);

/* What all clients can do, as bits of 1 << WIRE_CAP_DISPLAY_*, out of `caps`; 0 without clients. */
uint32_t display_channel_common_caps(const DisplayChannel *display, uint32_t caps);
