/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lossy.h: which pixels of a client's surfaces are only nearly right, since they were sent as JPEG.
 *
 * The region says what will be so once all that waits in the pipe was sent, and rather too much than too little. A drawable
 * that covers lossy pixels ends their being so; one that copies pixels of a surface as they are carries it along; one that
 * makes something else of them is not sent: it becomes damage, and the client gets its pixels instead. When a client has been
 * sent nothing for LOSSY_QUIET_NS it gets the lossy pixels once more, without loss, in bands: no faster than its link takes
 * them, so that what the guest draws next does not wait behind them. If there is no such pause, as something small moves all the
 * time, a band goes every LOSSY_LATE_NS, when nothing else waits.
 *
 * Whether a client's pictures may lose can change at any time (spice_server_set_jpeg_compression(), the link, the compression
 * it prefers). A drawable may lose if it could be known to when it was queued.
 *
 * Ownership  part of the DisplayClient.
 * Thread     the channel's home.
 * Units      pixels; ns.
 * Source     DESIGN section 7, Lossy; reference/api-and-behaviour.md section 6.4.
 */
#pragma once

#include "display/display_client.h"

#define LOSSY_QUIET_NS (500 * NS_PER_MS) /* ns; a pause of the hand that scrolls, or types */
#define LOSSY_LATE_NS NS_PER_S           /* ns between bands while something is drawn all the time */
#define LOSSY_BAND_BYTES (128u << 10)    /* bytes of pixels; what comes next waits for so much */
#define LOSSY_BAND_NS_MAX NS_PER_S       /* ns between two bands */

/* False: no timer. */
bool lossy_init(DisplayClient *client);
void lossy_finish(DisplayClient *client);

/* A drawable comes, before it is queued: may it lose, from this one on? */
void lossy_decide(DisplayClient *client, uint64_t number);
/* It reads lossy pixels, and makes something else of them. */
bool lossy_spoils(const DisplayClient *client, const Drawable *drawable);
/* It was queued. */
void lossy_queued(DisplayClient *client, Drawable *drawable);
/* It is sent now, and may lose. */
bool lossy_allows(const DisplayClient *client, Drawable *drawable);
/* These pixels of the canvas were sent while nothing waited. */
void lossy_area(DisplayClient *client, uint32_t id, const pixman_box32_t *box, bool lost);
/* The surface is another one. */
void lossy_clear(DisplayClient *client, uint32_t id);

/* Something was sent: not now. */
void lossy_busy(DisplayClient *client, uint64_t now_ns);
/* What to send without loss now: *ret_id, *ret_box. False: nothing, or not yet (then it asks again). */
bool lossy_next(DisplayClient *client, uint64_t now_ns, uint32_t *ret_id, pixman_box32_t *ret_box);
/* It was sent, and was so many bytes. */
void lossy_sent(DisplayClient *client, uint64_t bytes, uint64_t now_ns);
