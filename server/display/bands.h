/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bands.h: what a client is owed as pixels goes to it in bands, when nothing else waits: damage, and what it was sent lossily.
 *
 * A large band that takes long to code is begun: a thread codes a copy of its pixels (encode/coding_pool.h), and it is sent when it is
 * ready. Until then it is neither damage nor told, and what is drawn or read there has to wait for it.
 *
 * Ownership  a client's bands are its own, each with a reference to its coding, which other clients may share.
 * Thread     the channel's home.
 * Units      pixels.
 * Source     DESIGN section 7.
 */
#pragma once

#include "display/display_client.h"
#include "display/surfaces.h"

/* Is one under way that this meets? */
bool bands_meet(const DisplayClient *client, uint32_t surface_id, const pixman_box32_t *box);
/* An opaque drawable comes. Nothing can be seen of the bands that it covers, if it is sent itself; if it also touches one that it does
 * not cover it has to wait for that, and they are sent meanwhile. */
void bands_cover(DisplayClient *client, const Drawable *drawable);
/* Nobody waits for them any more. */
void bands_drop(DisplayClient *client);
/* All of it, as it is now. False: no memory, or the client lacks what it takes; nothing was sent. */
bool bands_send_area(DisplayClient *client, const Surface *surface, uint32_t id, const pixman_box32_t *box,
                     uint64_t now_ns);
