/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cursor.h: the cursor channel: what the pointer looks like and, in server mouse mode, where it is.
 *
 * There is one current state (position, visibility, trail, shape). Each change goes to every client as the message that
 * says it; a client that does not keep up is owed the state instead, which INIT carries whole, so that what waits for it
 * is bounded in messages and bytes. Clients keep the latest shapes that have an id (cursor_cache.h), so that one that comes
 * again is sent as a header.
 *
 * Ownership  its maker owns the CursorChannel; cursor_channel_free() after its clients were closed. A CursorShape is
 *            counted, and shared by the state and the pipes.
 * Thread     the channel's home, but for new and free: the main domain, before and after the home runs.
 * Units      pixels, bytes.
 * Errors     none; a client that cannot be served is closed.
 * Source     reference/wire-protocol.md section 3.4, reference/api-and-behaviour.md section 5.4.
 */
#pragma once

#include "session/channel_client.h"
#include "session/reds.h"

#define CURSOR_EVENTS_MAX 256u /* messages that may wait for a client; more than one turn makes */
#define CURSOR_EVENT_BYTES_MAX (1024u * 1024u) /* bytes of shapes in them; one shape may be larger */

typedef struct CursorShape {
    uint32_t refs;
    const Core *core;
    WireCursorHeader header;
    uint64_t contents; /* a digest of header and data; made when it is set */
    size_t len;
    uint8_t data[];
} CursorShape;

/* Room for `bytes`, of which the caller fills in `len` and data. NULL: no memory. */
CursorShape *cursor_shape_new(const Core *core, const WireCursorHeader *header, size_t bytes);
void cursor_shape_unref(CursorShape *shape); /* NULL is allowed */

typedef struct CursorChannel CursorChannel;

/* Registers itself. NULL: there is one with that id. `home` is where its clients live. */
CursorChannel *cursor_channel_new(RedsState *reds, uint8_t id, Dispatcher *home);
/* Unregisters itself. */
void cursor_channel_free(CursorChannel *cursor);
RedChannel *cursor_channel_base(CursorChannel *cursor);

void cursor_channel_set(CursorChannel *cursor, int16_t x, int16_t y, bool visible, CursorShape *take_shape);
void cursor_channel_move(CursorChannel *cursor, int16_t x, int16_t y); /* shows it, too */
void cursor_channel_hide(CursorChannel *cursor);
void cursor_channel_trail(CursorChannel *cursor, uint16_t length, uint16_t frequency);
/* As if none had been set. */
void cursor_channel_reset(CursorChannel *cursor);
/* Clients begin anew with the current state: there is a new primary surface. */
void cursor_channel_init_clients(CursorChannel *cursor);
/* In client mode clients place the pointer themselves, and are not told where it is. */
void cursor_channel_set_client_mode(CursorChannel *cursor, bool client_mode);
